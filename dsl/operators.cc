// The table of pattern operators, and above it what each row rewrites to. Everything that counts becomes a condition
// over one aggregate: the operators differ in their window and in where they are judged.
#include "dsl/operators.h"

#include <algorithm>
#include <utility>

#include "dsl/values.h"
#include "engine/base/contract.h"

namespace tocsin::dsl {
namespace {

using core::Form;
using core::Window;

Duration settled_or_none(const std::optional<ast::Length>& length) { return length ? settled(*length) : Duration{}; }
std::uint32_t small(const ast::Count& count) { return static_cast<std::uint32_t>(settled(count)); }

// ----- made expressions ----------------------------------------------------------------------------

ast::Expr number(std::int64_t n) {
  ast::Expr expr;
  expr.node = ast::Literal{n, {}};
  return expr;
}

// `function(x)`, or `function(x.f, x.g)`, over the pattern's own x.
ast::Expr aggregate(std::string_view function, std::uint32_t step, const std::vector<ast::Path>& fields) {
  ast::Aggregate made;
  made.function.text = std::string(function);
  ast::StreamPath x;
  x.ref = {ast::Ref::Kind::step, step, 0};
  if (fields.empty()) made.streams.push_back(x);
  for (const ast::Path& field : fields) {
    x.field = field;
    made.streams.push_back(x);
  }
  ast::Expr expr;
  expr.node = std::move(made);
  return expr;
}

ast::Expr compare(ast::Expr left, ast::BinaryOp op, std::int64_t n) {
  ast::Binary made;
  made.op = op;
  made.left = std::move(left);
  made.right = number(n);
  ast::Expr expr;
  expr.node = std::move(made);
  return expr;
}

// E5: an x without the field is skipped.
void require(core::Stream& x, const std::vector<ast::Path>& fields) {
  for (core::Alternative& alternative : x.alternatives) {
    for (const ast::Path& field : fields) {
      ast::Expr what, present;
      what.node = field;
      present.node = ast::Is{what, false};
      alternative.filters.push_back(std::move(present));
    }
  }
}

ast::Path own_field(const ast::StreamPath& value) {
  ast::Path path = value.field;
  path.ref = {ast::Ref::Kind::field, 0, 0};
  return path;
}

// ----- what binds last -------------------------------------------------------------------------------

// `within D` slides and is judged at x; `each D` stands still and is judged at its end (T7).
void window_of(const ast::Pattern& written, core::Pattern& out) {
  if (written.each) {
    out.form = Form::aligned;
    out.window.kind = Window::Kind::frame;
    out.length = settled(written.each->length);
    if (written.each->zone) out.zone = written.each->zone->value;
    return;
  }
  out.window.kind = Window::Kind::span;
  out.window.length = settled_or_none(written.within);
}

// The frame of every counting operator: `function(x) op n` in the pattern's window.
core::Pattern counting(const ast::Pattern& written, core::Stream x, const std::vector<ast::Path>& fields,
                       std::string_view function, ast::BinaryOp op, std::int64_t n, std::uint32_t step = 0) {
  core::Pattern out;
  out.form = Form::condition;
  out.step = step;
  out.x = std::move(x);
  require(out.x, fields);
  out.condition = compare(aggregate(function, step, fields), op, n);
  window_of(written, out);
  out.hold = settled_or_none(written.hold);
  return out;
}

// ----- the forms -------------------------------------------------------------------------------------

template <class T>
bool form_is(const ast::Pattern& pattern) {
  return std::holds_alternative<T>(pattern.form);
}

// One step and nothing else: the counting forms of C7.
const ast::Step* only_step(const ast::Pattern& pattern) {
  const auto* sequence = std::get_if<ast::Sequence>(&pattern.form);
  if (sequence == nullptr || sequence->steps.size() != 1 || sequence->ending) return nullptr;
  const ast::Step& step = sequence->steps.front();
  return step.until || std::holds_alternative<ast::AnyOf>(step.what) ? nullptr : &step;
}

// A filter that looks at its own step makes a sequence of it: only there a step has events.
bool looks_at_itself(const ast::Expr& expr, std::uint32_t own);
bool looks_at_itself(const ast::Stream& stream, std::uint32_t own) {
  return (stream.filter && looks_at_itself(*stream.filter, own)) ||
         std::any_of(stream.any.begin(), stream.any.end(),
                     [&](const ast::Stream& s) { return looks_at_itself(s, own); });
}
bool looks_at_itself(const ast::Expr& expr, std::uint32_t own) {
  struct Look {
    std::uint32_t own;
    bool in(const ast::Expr& e) const { return looks_at_itself(e, own); }
    bool in(const std::vector<ast::Expr>& all) const {
      return std::any_of(all.begin(), all.end(), [&](const ast::Expr& e) { return in(e); });
    }
    bool is(const ast::Ref& ref) const { return ref.kind == ast::Ref::Kind::step && ref.index == own; }
    bool operator()(const ast::Literal&) const { return false; }
    bool operator()(const ast::Param&) const { return false; }
    bool operator()(const ast::Path& p) const { return is(p.ref); }
    bool operator()(const ast::Lookup& l) const { return in(*l.key); }
    bool operator()(const ast::Call& c) const { return in(c.args); }
    bool operator()(const ast::Aggregate& a) const {
      return in(a.args) || std::any_of(a.streams.begin(), a.streams.end(), [&](const auto& s) { return is(s.ref); });
    }
    bool operator()(const ast::Unary& u) const { return in(*u.operand); }
    bool operator()(const ast::Binary& b) const { return in(*b.left) || in(*b.right); }
    bool operator()(const ast::In& i) const {
      const auto* items = std::get_if<ast::InItems>(&i.where);
      return in(*i.what) || (items != nullptr && in(items->items));
    }
    bool operator()(const ast::Between& b) const { return in(*b.what) || in(*b.low) || in(*b.high); }
    bool operator()(const ast::Is& i) const { return in(*i.what); }
    bool operator()(const ast::Some& s) const { return is(s.list.ref) || in(*s.condition); }
    bool operator()(const ast::Its&) const { return false; }
    bool operator()(const ast::ListOf& l) const { return in(l.items); }
    bool operator()(const ast::Template&) const { return false; }
  };
  return std::visit(Look{own}, expr.node);
}

// `N x` alone: the counting form, unless its filter looks at the x before it (C7, Q2).
bool is_count(const ast::Pattern& pattern) {
  const ast::Step* step = only_step(pattern);
  if (step == nullptr || step->consecutive) return false;
  if (step->quantity.kind == ast::Quantity::Kind::one) return pattern.each.has_value();
  if (step->quantity.kind != ast::Quantity::Kind::at_least) return false;
  const auto* stream = std::get_if<ast::Stream>(&step->what);
  return stream == nullptr || !looks_at_itself(*stream, step->ref.index);
}

core::Stream counted_stream(const ast::Step& step, const Rewriter& rewriter) {
  if (const auto* stream = std::get_if<ast::Stream>(&step.what)) return rewriter.stream(*stream);
  core::Stream out;
  if (const auto* group = std::get_if<ast::Group>(&step.what)) out.nested.push_back(rewriter.pattern(*group->pattern));
  return out;
}

core::Pattern count(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const ast::Step& step = *only_step(pattern);
  const std::int64_t n = step.quantity.kind == ast::Quantity::Kind::one ? 1 : settled(step.quantity.low);
  core::Pattern out =
      counting(pattern, counted_stream(step, rewriter), {}, "count", ast::BinaryOp::greater_equal, n, step.ref.index);
  if (step.as) out.name = step.as->text;
  return out;
}

// C1: judged at every event of x's base (`of y` replaces the base), so that the event that breaks it is seen to.
bool is_streak(const ast::Pattern& pattern) {
  const ast::Step* step = only_step(pattern);
  if (step == nullptr || !step->consecutive || step->quantity.kind != ast::Quantity::Kind::at_least) return false;
  const auto* stream = std::get_if<ast::Stream>(&step->what);
  return stream != nullptr && !looks_at_itself(*stream, step->ref.index);
}

// x and everything that can break its run, each event once.
core::Stream with_all_of(const core::Stream& x, core::Stream breaking) {
  for (const core::Alternative& alternative : x.alternatives) {
    const bool covered =
        std::any_of(breaking.alternatives.begin(), breaking.alternatives.end(), [&](const core::Alternative& b) {
          return b.event == alternative.event && (b.filters.empty() || b.filters == alternative.filters);
        });
    if (!covered) breaking.alternatives.push_back(alternative);
  }
  return breaking;
}

core::Pattern streak(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const ast::Step& step = *only_step(pattern);
  core::Pattern out = counting(pattern, rewriter.stream(std::get<ast::Stream>(step.what)), {}, "count",
                               ast::BinaryOp::greater_equal, settled(step.quantity.low), step.ref.index);
  out.window = {Window::Kind::streak, {}, settled_or_none(pattern.within), 0, {}};
  if (step.of) out.window.breaking = rewriter.stream(*step.of);
  out.judged = with_all_of(out.x, step.of ? out.window.breaking : rewriter.bases(out.x));
  if (step.as) out.name = step.as->text;
  return out;
}

core::Pattern apart(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Apart>(pattern.form);
  core::Pattern out =
      counting(pattern, rewriter.stream(form.stream), {}, "count", ast::BinaryOp::greater_equal, settled(form.number));
  out.window = {Window::Kind::chain, settled(form.gap), settled_or_none(pattern.within), 0, {}};
  if (form.as) out.name = form.as->text;
  return out;
}

// C3: judged at every x and at every expiry, once the key has been seen for D.
core::Pattern fewer_than(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::FewerThan>(pattern.form);
  core::Pattern out =
      counting(pattern, rewriter.stream(form.stream), {}, "count", ast::BinaryOp::less, settled(form.number));
  out.needs_seen = true;
  if (out.form == Form::aligned) return out;
  out.at_expiry = true;
  out.length = out.window.length;
  return out;
}

core::Pattern distinct(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Distinct>(pattern.form);
  std::vector<ast::Path> fields;
  for (const ast::StreamPath& one : form.values) fields.push_back(own_field(one));
  return counting(pattern, rewriter.stream(*form.values.front().stream), fields, "distinct_count",
                  ast::BinaryOp::greater_equal, settled(form.number));
}

core::Pattern of_last(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::OfLast>(pattern.form);
  core::Pattern out =
      counting(pattern, rewriter.stream(form.stream), {}, "count", ast::BinaryOp::greater_equal, settled(form.number));
  out.window = {Window::Kind::of_last, {}, {}, small(form.last), {}};
  out.judged = rewriter.bases(out.x);
  return out;
}

core::Pattern changes(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Changes>(pattern.form);
  return counting(pattern, rewriter.stream(*form.value.stream), {own_field(form.value)}, "changes",
                  ast::BinaryOp::greater_equal, settled(form.number));
}

// `x`, an instant of its own kind: at x, by the last time of something.
core::Pattern instant(Form form, core::Stream x, Duration length, const std::optional<ast::Name>& as) {
  core::Pattern out;
  out.form = form;
  out.x = std::move(x);
  out.length = length;
  if (as) out.name = as->text;
  return out;
}

core::Pattern novelty(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::New>(pattern.form);
  core::Pattern out = instant(Form::novelty, rewriter.stream(*form.value.stream), settled(form.in), {});
  out.values = {own_field(form.value)};
  require(out.x, out.values);
  return out;
}

core::Pattern idle(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Idle>(pattern.form);
  return instant(Form::idle, rewriter.stream(form.stream), settled(form.length), form.as);
}

core::Pattern without(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Without>(pattern.form);
  core::Pattern out = instant(Form::without, rewriter.stream(form.stream), settled(form.length), form.as);
  out.compared = rewriter.stream(form.missing);
  return out;
}

core::Pattern silence(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Silence>(pattern.form);
  return instant(Form::silence, rewriter.stream(form.stream), settled(form.length), {});
}

// C5: exactly `y then no x within D`.
core::Pattern no_after(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::NoAfter>(pattern.form);
  core::Pattern out;
  core::Element y;
  y.step = 0;
  y.stream = rewriter.stream(form.after);
  out.body.elements.push_back(std::move(y));
  out.body.ending = core::Absence{rewriter.stream(form.missing), {settled(form.within), kNone}};
  return out;
}

core::Pattern ranking(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const auto& form = std::get<ast::Ranking>(pattern.form);
  core::Pattern out = instant(Form::ranking, rewriter.stream(*form.value.stream), settled(form.over), {});
  out.values = {own_field(form.value)};
  require(out.x, out.values);
  out.count = small(form.number);
  return out;
}

core::Pattern condition(const ast::Pattern& pattern, const Rewriter&) {
  core::Pattern out;
  out.form = Form::condition;
  out.condition = std::get<ast::Condition>(pattern.form).expr;
  window_of(pattern, out);
  out.at_expiry = out.form == Form::condition;
  out.hold = settled_or_none(pattern.hold);
  return out;
}

// `x for D`: C4.
bool is_hold(const ast::Pattern& pattern) { return pattern.hold && only_step(pattern) != nullptr; }

core::Pattern holds(const ast::Pattern& pattern, const Rewriter& rewriter) {
  const ast::Step& step = *only_step(pattern);
  core::Pattern out = instant(Form::holds, counted_stream(step, rewriter), settled_or_none(pattern.hold), step.as);
  out.step = step.ref.index;
  return out;
}

// `(P)` alone, where the parentheses say nothing.
bool is_parenthesis(const ast::Pattern& pattern) {
  const ast::Step* step = only_step(pattern);
  return step != nullptr && step->quantity.kind == ast::Quantity::Kind::one && !pattern.within && !pattern.each &&
         std::holds_alternative<ast::Group>(step->what);
}

core::Pattern parenthesis(const ast::Pattern& pattern, const Rewriter& rewriter) {
  return rewriter.pattern(*std::get<ast::Group>(only_step(pattern)->what).pattern);
}

core::Pattern sequence(const ast::Pattern& pattern, const Rewriter& rewriter) {
  core::Pattern out;
  out.body = rewriter.body(std::get<ast::Sequence>(pattern.form), settled_or_none(pattern.within));
  return out;
}

// clang-format off
constexpr Operator kOperators[] = {
  // word, shape, meaning, is, rewrite
  {"for", "x for D", "x's filter holds at every event of its base for D: a timer (C4)", is_hold, holds},
  {"(", "(P)", "P", is_parenthesis, parenthesis},
  {"consecutive", "N consecutive x [of y] [within D]", "count(x) >= N over the streak, judged at every event of the base", is_streak, streak},
  {"each", "N x within D, N x each D", "count(x) >= N over the window, judged at x or at the window's end", is_count, count},
  {"apart", "N x at most D apart [within W]", "count(x) >= N over the chain, judged at x", form_is<ast::Apart>, apart},
  {"fewer", "fewer than N x within D", "count(x) < N, judged at x and at expiry, once seen for D (C3)", form_is<ast::FewerThan>, fewer_than},
  {"distinct", "N distinct x.f within D", "distinct_count(x.f) >= N, judged at an x that has f (E5)", form_is<ast::Distinct>, distinct},
  {"last", "N of last M x", "count(x) >= N among the last M of the base, judged at each", form_is<ast::OfLast>, of_last},
  {"changes", "N changes of x.f within D", "changes(x.f) >= N, judged at an x that has f (E5)", form_is<ast::Changes>, changes},
  {"new", "new x.f in D", "x, and its f was not seen in D", form_is<ast::New>, novelty},
  {"idle", "x after D idle", "x, and the x before it is at least D older", form_is<ast::Idle>, idle},
  {"without", "x after D without y", "x, and no y in the D before it", form_is<ast::Without>, without},
  {"no", "no x for D", "no x for D: a timer", form_is<ast::Silence>, silence},
  {"after", "no x within D after y", "y then no x within D (C5)", form_is<ast::NoAfter>, no_after},
  {"top", "top N x.f by count over D", "the first N places of the ranking of x.f", form_is<ast::Ranking>, ranking},
  {"", "C [within D] [for D]", "C, judged at every event it names and at expiry", form_is<ast::Condition>, condition},
  {"then", "x then y ...", "the steps in order", form_is<ast::Sequence>, sequence},
};

constexpr Phrase kPhrases[] = {
  // shape, what it stands for, meaning
  {"$value rises by $number", "delta($value) >= $number", "the field is higher than at the beginning of the window, by so much"},
  {"$value drops by $number", "delta($value) <= -($number)", "the field is lower than at the beginning of the window, by so much"},
  {"$step without $event within $duration", "$step then no $event within $duration", "the step, and nothing of the event for so long after it"},
};
// clang-format on

}  // namespace

std::span<const Operator> operators() { return kOperators; }
std::span<const Phrase> phrases() { return kPhrases; }

const Operator& operator_of(const ast::Pattern& pattern) {
  const auto* row =
      std::find_if(std::begin(kOperators), std::end(kOperators), [&](const Operator& o) { return o.is(pattern); });
  TOCSIN_ASSERT(row != std::end(kOperators));
  return *row;
}

}  // namespace tocsin::dsl
