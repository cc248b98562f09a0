#include "engine/match/sequence_plan.h"

#include <algorithm>
#include <utility>

#include "engine/base/contract.h"

namespace tocsin {
namespace {

class Reader {
 public:
  Reader(const std::vector<SequenceInst>& code, std::vector<bool> adjacent_types)
      : code_(code), adjacent_types_(std::move(adjacent_types)) {}

  // The plan of the instructions up to the one that ends the body.
  SequencePlan plan() {
    SequencePlan out;
    plan_ = &out;
    body(out.items);
    if (at_ < code_.size() && (code_[at_].op == SequenceOp::match || code_[at_].op == SequenceOp::close))
      out.within = code_[at_].bound;
    out.adjacent_types = adjacent_types_;
    out.ends_in_absence = !out.items.empty() && out.items.back().kind == Item::Kind::close &&
                          out.items.back().absent.exists() && out.items.back().maybe == Item::kNone && !is_group(out);
    look(out.items, out);
    ends(out.items, out.completing);
    out.first_is_best = out.first_is_best && out.maybes == 0;
    out.horizon = horizon(out);
    return out;
  }

 private:
  // Does the last close belong to a group?
  static bool is_group(const SequencePlan& plan) {
    const auto last = static_cast<std::uint32_t>(plan.items.size());
    return std::any_of(plan.items.begin(), plan.items.end(),
                       [&](const Item& i) { return i.kind == Item::Kind::open && i.after == last; });
  }

  void body(Items& out) {
    Link link;
    for (; at_ < code_.size(); ++at_) {
      const SequenceInst& inst = code_[at_];
      switch (inst.op) {
        case SequenceOp::take:
          single(Item::Kind::take, inst, link, out);
          break;
        case SequenceOp::maybe: {
          const std::uint32_t around = std::exchange(maybe_, plan_->maybes++);
          single(Item::Kind::take, inst, link, out);
          maybe_ = around;
          break;
        }
        case SequenceOp::repeat:
          single(Item::Kind::repeat, inst, link, out);
          break;
        case SequenceOp::streak:
          single(Item::Kind::streak, inst, link, out);
          break;
        case SequenceOp::until:
          TOCSIN_ASSERT(!out.empty());
          out.back().kind = Item::Kind::until;
          out.back().until = inst.stream;
          out.back().until_step = inst.step;
          break;
        case SequenceOp::open:
          group(inst, link, out);
          break;
        case SequenceOp::any_of:
          any_of(inst, link, out);
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
        case SequenceOp::absence: {
          Item& close = add(Item::Kind::close, out);
          close.absent = inst.stream;
          close.absent_within = {inst.bound, inst.step};
          break;
        }
        case SequenceOp::close:
        case SequenceOp::alternative:
        case SequenceOp::end_any:
        case SequenceOp::match:
          return;
      }
    }
  }

  Item& add(Item::Kind kind, Items& out) {
    Item& item = out.emplace_back();
    item.kind = kind;
    item.maybe = maybe_;
    item.after = static_cast<std::uint32_t>(out.size());
    return item;
  }

  void single(Item::Kind kind, const SequenceInst& inst, Link& link, Items& out) {
    Item& item = add(kind, out);
    item.stream = inst.stream;
    item.breaking = inst.breaking;
    item.step = inst.step;
    if (inst.op != SequenceOp::maybe) {
      item.low = inst.low;
      item.high = inst.high;
    }
    if (maybe_ != Item::kNone && kind == Item::Kind::take) item.rank = plan_->ranks++;
    item.link = std::exchange(link, {});
  }

  void group(const SequenceInst& inst, Link& link, Items& out) {
    if (inst.repeats) return repeated(inst, link, out);
    const bool maybe = inst.low == 0;
    const std::uint32_t around = maybe ? std::exchange(maybe_, plan_->maybes++) : maybe_;
    const std::size_t begin = out.size();
    Item& open = add(Item::Kind::open, out);
    open.step = inst.step;
    open.link = std::exchange(link, {});
    ++at_;
    body(out);
    TOCSIN_ASSERT(at_ < code_.size() && code_[at_].op == SequenceOp::close);
    const bool absence = out.back().kind == Item::Kind::close && out.back().absent.exists() && out.size() > begin + 1 &&
                         !closes_inside(out, begin);
    Item& close = absence ? out.back() : add(Item::Kind::close, out);
    close.step = inst.step;
    out[begin].within = code_[at_].bound;
    out[begin].after = static_cast<std::uint32_t>(out.size());
    out[begin].guess_end = out[begin].within.us != 0 && may_begin_with_repetition(out, begin);
    out[begin].only_repeats =
        std::all_of(out.begin() + static_cast<std::ptrdiff_t>(begin) + 1, out.end() - 1, [](const Item& i) {
          return i.kind == Item::Kind::repeat || i.kind == Item::Kind::streak || i.kind == Item::Kind::fires;
        });
    maybe_ = around;
  }

  // Does the group that began at `begin` begin with a repetition, when those of its maybes before it are not there?
  static bool may_begin_with_repetition(const Items& items, std::size_t begin) {
    std::size_t first = begin + 1;
    while (first < items.size() && items[first].maybe != items[begin].maybe) first = items[first].after;
    return first < items.size() && (items[first].kind == Item::Kind::repeat || items[first].kind == Item::Kind::streak);
  }

  // Is the last item the close of a group inside the one that began at `begin`?
  static bool closes_inside(const Items& items, std::size_t begin) {
    for (std::size_t i = begin + 1; i < items.size(); ++i)
      if (items[i].kind == Item::Kind::open && items[i].after == items.size()) return true;
    return false;
  }

  // A pattern of its own, whose default fires are taken.
  void repeated(const SequenceInst& inst, Link& link, Items& out) {
    ++at_;
    Reader inner(code_, adjacent_types_);
    inner.at_ = at_;
    auto plan = std::make_shared<SequencePlan>(inner.plan());
    at_ = inner.at_;
    TOCSIN_ASSERT(at_ < code_.size() && code_[at_].op == SequenceOp::close);
    Item& item = add(Item::Kind::fires, out);
    item.step = inst.step;
    item.low = inst.low;
    item.high = inst.high;
    item.link = std::exchange(link, {});
    item.inner = std::move(plan);
  }

  void any_of(const SequenceInst& inst, Link& link, Items& out) {
    Item item;
    item.kind = Item::Kind::any_of;
    item.low = inst.low;
    item.maybe = maybe_;
    item.link = std::exchange(link, {});
    ++at_;
    while (at_ < code_.size() && code_[at_].op == SequenceOp::alternative) {
      ++at_;
      body(item.bodies.emplace_back());
    }
    TOCSIN_ASSERT(at_ < code_.size() && code_[at_].op == SequenceOp::end_any);
    out.push_back(std::move(item));
    out.back().after = static_cast<std::uint32_t>(out.size());
  }

  static void look(const Items& items, SequencePlan& plan) {
    for (const Item& item : items) {
      for (const StreamId id : {item.stream, item.breaking, item.until, item.absent})
        if (id.exists()) plan.streams.set(id.index);
      for (const StreamId no : item.link.no) plan.streams.set(no.index);
      if (item.absent.exists()) plan.absences.push_back(item.absent_within.length);
      if (item.kind == Item::Kind::any_of || item.guess_end) plan.first_is_best = false;
      for (const Items& body : item.bodies) look(body, plan);
      if (item.inner == nullptr) continue;
      plan.streams |= item.inner->streams;
      plan.absences.insert(plan.absences.end(), item.inner->absences.begin(), item.inner->absences.end());
    }
  }

  // The streams an event of which can complete the pattern: those of its last item.
  static void ends(const Items& items, StreamSet& out) {
    for (std::size_t i = items.size(); i-- > 0;) {
      const Item& last = items[i];
      if (last.kind == Item::Kind::close || last.kind == Item::Kind::open) continue;
      if (last.kind == Item::Kind::until)
        out.set(last.until.index);
      else if (last.stream.exists())
        out.set(last.stream.index);
      for (const Items& body : last.bodies) ends(body, out);
      if (last.inner != nullptr) out |= last.inner->completing;
      if (last.maybe == Item::kNone && last.low > 0) return;
    }
  }

  static std::optional<Duration> horizon(const SequencePlan& plan) {
    if (plan.within.us != 0) return plan.within;
    Duration sum{};
    bool first = true;
    for (std::size_t i = 0; i < plan.items.size(); ++i) {
      const Item& item = plan.items[i];
      if (item.kind == Item::Kind::close && i + 1 == plan.items.size()) break;
      const bool bounded_group = item.kind == Item::Kind::open && item.within.us != 0;
      if (item.kind != Item::Kind::take && !bounded_group) return std::nullopt;
      if (!first) {
        if (!item.link.within.has_value() || item.link.within->of.exists()) return std::nullopt;
        sum = sum + item.link.within->length;
      }
      first = false;
      if (!bounded_group) continue;
      sum = sum + item.within + plan.items[item.after - 1].absent_within.length;
      i = item.after - 1;
    }
    return sum;
  }

  const std::vector<SequenceInst>& code_;
  std::vector<bool> adjacent_types_;
  SequencePlan* plan_ = nullptr;
  std::size_t at_ = 0;
  std::uint32_t maybe_ = Item::kNone;
};

}  // namespace

SequencePlan read_sequence(const Pattern& pattern, std::size_t event_types) {
  std::vector<bool> adjacent(event_types, false);
  for (const EventTypeId type : pattern.bases) adjacent[type.index] = true;
  return Reader(pattern.code, std::move(adjacent)).plan();
}

}  // namespace tocsin
