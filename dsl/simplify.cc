#include "dsl/simplify.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "dsl/operators.h"
#include "dsl/values.h"

namespace tocsin::dsl {
namespace {

using core::Element;
using Kind = ast::Quantity::Kind;

constexpr std::uint32_t kMany = SequenceInst::kMany;

std::uint32_t number(const ast::Count& count) { return static_cast<std::uint32_t>(settled(count)); }

struct Times {
  std::uint32_t low = 1, high = 1;
};

Times times(const ast::Quantity& quantity) {
  switch (quantity.kind) {
    case Kind::one:
      return {1, 1};
    case Kind::at_least:
      return {number(quantity.low), kMany};
    case Kind::exactly:
      return {number(quantity.low), number(quantity.low)};
    case Kind::from_to:
      return {number(quantity.low), number(quantity.high)};
    case Kind::one_or_more:
      return {1, kMany};
    case Kind::zero_or_more:
      return {0, kMany};
    case Kind::maybe:
      return {0, 1};
  }
  return {};
}

std::string written(const ast::Stream& stream) {
  if (stream.any.empty()) return stream.name.text;
  std::string text;
  for (const ast::Stream& part : stream.any) text += (text.empty() ? "(" : " or ") + written(part);
  return text + ")";
}

// Filters stand outermost first, as Model::expand has them.
void add_alternatives(const Model& model, const ast::Stream& stream, std::vector<ast::Expr> outer,
                      std::vector<core::Alternative>& out) {
  if (stream.any.empty()) {
    for (dsl::Alternative& alternative : model.expand(stream)) {
      std::vector<ast::Expr> filters = outer;
      std::move(alternative.filters.begin(), alternative.filters.end(), std::back_inserter(filters));
      out.push_back({alternative.event, stream.name.text, std::move(filters)});
    }
    return;
  }
  if (stream.filter) outer.push_back(*stream.filter);
  for (const ast::Stream& part : stream.any) add_alternatives(model, part, outer, out);
}

bool is_single(const ast::Step& step) { return step.quantity.kind == Kind::one; }

}  // namespace

core::Stream plain_stream(const Model& model, const ast::Stream& stream) {
  core::Stream out;
  out.label = written(stream);
  add_alternatives(model, stream, {}, out.alternatives);
  return out;
}

// ----- what the operators share ------------------------------------------------------------------------

core::Stream Rewriter::stream(const ast::Stream& stream) const { return plain_stream(model_, stream); }

core::Stream Rewriter::bases(const core::Stream& stream) const {
  core::Stream out;
  for (const core::Alternative& alternative : stream.alternatives) {
    const bool known = std::any_of(out.alternatives.begin(), out.alternatives.end(),
                                   [&](const core::Alternative& a) { return a.event == alternative.event; });
    if (!known) out.alternatives.push_back({alternative.event, model_.events[alternative.event].name, {}});
  }
  for (const core::Alternative& alternative : out.alternatives)
    out.label += (out.label.empty() ? "" : " or ") + alternative.label;
  return out;
}

std::uint32_t Rewriter::find_step(std::string_view name) const {
  for (std::uint32_t i = 0; i < steps_.size(); ++i)
    if (steps_[i].unique && steps_[i].name == name) return i;
  return kNone;
}

core::Link Rewriter::link(const ast::Step& step) const {
  core::Link out;
  if (step.link.no) out.no.push_back(stream(*step.link.no));
  // Q9: `then first b` is `then no b then b`.
  const auto* what = std::get_if<ast::Stream>(&step.what);
  if (step.link.first && what != nullptr) out.no.push_back(stream(*what));
  out.next = step.link.next;
  if (step.link.within) {
    const auto& of = step.link.within->of;
    out.within = core::Bound{settled(step.link.within->length), of ? find_step(of->text) : kNone};
  }
  return out;
}

core::Element Rewriter::element(const ast::Step& step) const {
  Element out;
  out.link = link(step);
  out.step = step.ref.index;
  out.low = times(step.quantity).low;
  out.high = times(step.quantity).high;
  if (const auto* what = std::get_if<ast::Stream>(&step.what)) {
    out.stream = stream(*what);
    out.kind = is_single(step)                     ? Element::Kind::take
               : step.quantity.kind == Kind::maybe ? Element::Kind::maybe
               : step.consecutive                  ? Element::Kind::streak
                                                   : Element::Kind::repeat;
    if (step.of) out.breaking = stream(*step.of);
  } else if (const auto* group = std::get_if<ast::Group>(&step.what)) {
    out.kind = Element::Kind::group;
    out.repeats = step.quantity.kind != Kind::one && step.quantity.kind != Kind::maybe;
    const ast::Pattern& inner = *group->pattern;
    if (const auto* steps = std::get_if<ast::Sequence>(&inner.form))
      out.bodies.push_back(body(*steps, inner.within ? settled(*inner.within) : Duration{}));
  } else if (const auto* any = std::get_if<ast::AnyOf>(&step.what)) {
    out.kind = Element::Kind::any_of;
    const auto all = static_cast<std::uint32_t>(any->alternatives.size());
    for (const ast::Step& one : any->alternatives) {
      core::Body alternative;
      alternative.elements.push_back(element(one));
      out.bodies.push_back(std::move(alternative));
    }
    const Times repeated{out.low, out.high};
    out.low = out.high = any->number ? number(*any->number) : all;
    if (!is_single(step)) {  // `maybe all of (a, b)`: a group around it carries how often
      Element around;
      around.kind = Element::Kind::group;
      around.link = std::exchange(out.link, {});
      around.low = repeated.low;
      around.high = repeated.high;
      around.bodies.emplace_back();
      around.bodies.back().elements.push_back(std::move(out));
      out = std::move(around);
    }
  }
  if (step.until) {
    out.until = stream(step.until->stream);
    out.until_step = step.until->ref.index;
  }
  return out;
}

core::Body Rewriter::body(const ast::Sequence& sequence, Duration within) const {
  core::Body out;
  for (const ast::Step& step : sequence.steps) out.elements.push_back(element(step));
  if (sequence.ending) {
    const ast::StepBound& bound = sequence.ending->within;
    out.ending = core::Absence{stream(sequence.ending->stream),
                               {settled(bound.length), bound.of ? find_step(bound.of->text) : kNone}};
  }
  out.within = within;
  return out;
}

core::Pattern Rewriter::pattern(const ast::Pattern& pattern) const {
  return operator_of(pattern).rewrite(pattern, *this);
}

core::Rule simplify(const Model& model, const RuleInfo& rule) {
  core::Rule out;
  out.when = Rewriter(model, rule.steps).pattern(rule.when);
  if (const auto* resolve = find_clause<ast::Resolve>(rule.clauses))
    out.resolve = Rewriter(model, rule.resolve_steps).pattern(*resolve->when);
  return out;
}

}  // namespace tocsin::dsl
