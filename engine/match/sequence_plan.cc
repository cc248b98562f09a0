#include "engine/match/sequence_plan.h"

#include "engine/base/contract.h"

namespace tocsin {
namespace {

class Reader {
 public:
  explicit Reader(const std::vector<SequenceInst>& code) : code_(code) {}

  // Elements up to (not including) the instruction that ends this body.
  Element::Body body() {
    Element::Body out;
    Link link;
    for (; at_ < code_.size(); ++at_) {
      const SequenceInst& inst = code_[at_];
      switch (inst.op) {
        case SequenceOp::take:
          out.elements.push_back(single(Element::Kind::take, inst, link));
          break;
        case SequenceOp::maybe:
          out.elements.push_back(single(Element::Kind::maybe, inst, link));
          break;
        case SequenceOp::repeat:
          out.elements.push_back(single(Element::Kind::repeat, inst, link));
          break;
        case SequenceOp::streak:
          out.elements.push_back(single(Element::Kind::streak, inst, link));
          break;
        case SequenceOp::until:
          TOCSIN_ASSERT(!out.elements.empty());
          out.elements.back().until = inst.stream;
          out.elements.back().until_step = inst.step;
          break;
        case SequenceOp::open: {
          Element group;
          group.kind = Element::Kind::group;
          group.low = inst.low;
          group.high = inst.high;
          group.link = std::move(link);
          link = {};
          ++at_;
          group.bodies.push_back(body());
          TOCSIN_ASSERT(at_ < code_.size() && code_[at_].op == SequenceOp::close);
          group.bodies.back().within = code_[at_].bound;
          out.elements.push_back(std::move(group));
          break;
        }
        case SequenceOp::any_of:
          out.elements.push_back(any_of(inst, link));
          break;
        case SequenceOp::forbid:
          link.no.push_back(inst.stream);
          break;
        case SequenceOp::adjacent:
          link.adjacent = true;
          break;
        case SequenceOp::within:
          link.within = StepBound{inst.bound, inst.step};
          break;
        case SequenceOp::absence:
          out.ending = Element::Ending{inst.stream, {inst.bound, inst.step}};
          break;
        case SequenceOp::close:
        case SequenceOp::alternative:
        case SequenceOp::end_any:
          return out;
        case SequenceOp::match:
          out.within = inst.bound;
          return out;
      }
    }
    return out;
  }

 private:
  Element single(Element::Kind kind, const SequenceInst& inst, Link& link) {
    Element e;
    e.kind = kind;
    e.stream = inst.stream;
    e.breaking = inst.breaking;
    e.step = inst.step;
    e.low = inst.low;
    e.high = inst.high;
    e.link = std::move(link);
    link = {};
    return e;
  }

  Element any_of(const SequenceInst& inst, Link& link) {
    Element e;
    e.kind = Element::Kind::any_of;
    e.low = inst.low;
    e.link = std::move(link);
    link = {};
    ++at_;
    while (at_ < code_.size() && code_[at_].op == SequenceOp::alternative) {
      ++at_;
      e.bodies.push_back(body());
    }
    TOCSIN_ASSERT(at_ < code_.size() && code_[at_].op == SequenceOp::end_any);
    return e;
  }

  const std::vector<SequenceInst>& code_;
  std::size_t at_ = 0;
};

bool repeats(const Element& e) {
  return e.kind == Element::Kind::repeat || e.kind == Element::Kind::streak ||
         (e.kind == Element::Kind::group && !e.once());
}

void look_over(const Element::Body& body, bool inner, SequencePlan& plan) {
  if (inner && body.within.us != 0 && !body.elements.empty() && repeats(body.elements.front()))
    plan.dfs_is_preference = false;
  for (const Element& e : body.elements) {
    if (e.kind == Element::Kind::maybe || (e.kind == Element::Kind::group && e.low == 0 && e.high == 1))
      plan.has_maybe = true;
    if (e.kind == Element::Kind::any_of) plan.dfs_is_preference = false;
    for (const Element::Body& b : e.bodies) look_over(b, true, plan);
  }
}

}  // namespace

SequencePlan read_sequence(const Pattern& pattern, std::size_t event_types) {
  SequencePlan plan;
  plan.body = Reader(pattern.code).body();
  look_over(plan.body, false, plan);
  plan.adjacent_types.assign(event_types, false);
  for (const EventTypeId type : pattern.bases) plan.adjacent_types[type.index] = true;
  return plan;
}

}  // namespace tocsin
