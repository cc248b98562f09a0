// The forms of language.md, section 5: what each needs, what each refuses, and what its filters may look at.
#include <algorithm>

#include "dsl/check/context.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"
#include "dsl/phrases.h"
#include "dsl/print.h"
#include "engine/base/units.h"
#include "engine/program/limits.h"

namespace tocsin::dsl::checking {
namespace {

using Kind = ast::Quantity::Kind;

bool repeats(const ast::Quantity& q) { return q.kind != Kind::one && q.kind != Kind::maybe; }

// ----- numbering ---------------------------------------------------------------------------------

struct Around {
  bool repeats = false, optional = false;
};

void number_pattern(PatternCheck& p, ast::Pattern& pattern, Around around);

std::uint32_t add_step(PatternCheck& p, const std::optional<ast::Name>& as, const ast::Stream* stream, Around around,
                       SourceSpan span) {
  StepInfo step;
  step.bound = as.has_value();
  step.name = as ? as->text : stream ? stream->name.text : "";
  step.repeats = around.repeats;
  step.optional = around.optional;
  step.at = as ? as->span : stream && !stream->name.text.empty() ? stream->name.span : span;
  p.steps.push_back(std::move(step));
  return static_cast<std::uint32_t>(p.steps.size() - 1);
}

void number_step(PatternCheck& p, ast::Step& step, Around around) {
  const Around here{around.repeats || repeats(step.quantity), around.optional || may_be_empty(step.quantity)};
  const std::uint32_t index = add_step(p, step.as, std::get_if<ast::Stream>(&step.what), here, step.span);
  step.ref = {ast::Ref::Kind::step, index, 0};
  if (auto* group = std::get_if<ast::Group>(&step.what)) number_pattern(p, *group->pattern, here);
  if (auto* any = std::get_if<ast::AnyOf>(&step.what)) {
    const auto wanted = any->number ? value(*any->number) : std::nullopt;
    const bool some = any->number && (!wanted || *wanted < static_cast<std::int64_t>(any->alternatives.size()));
    for (ast::Step& one : any->alternatives) number_step(p, one, {here.repeats, here.optional || some});
  }
  if (step.until)
    step.until->ref = {ast::Ref::Kind::step, add_step(p, step.until->as, &step.until->stream, around, step.until->span),
                       0};
}

void number_pattern(PatternCheck& p, ast::Pattern& pattern, Around around) {
  const Around many{true, around.optional};
  std::visit(Overloaded{
                 [&](ast::Sequence& s) {
                   for (ast::Step& step : s.steps) number_step(p, step, around);
                 },
                 [&](ast::Apart& f) { add_step(p, f.as, &f.stream, many, f.stream.span); },
                 [&](ast::FewerThan& f) { add_step(p, {}, &f.stream, many, f.stream.span); },
                 [&](ast::Distinct& f) {
                   if (!f.values.empty()) add_step(p, {}, &*f.values.front().stream, many, f.values.front().span);
                 },
                 [&](ast::OfLast& f) { add_step(p, {}, &f.stream, many, f.stream.span); },
                 [&](ast::Changes& f) { add_step(p, {}, &*f.value.stream, many, f.value.span); },
                 [&](ast::New& f) { add_step(p, {}, &*f.value.stream, around, f.value.span); },
                 [&](ast::Idle& f) { add_step(p, f.as, &f.stream, around, f.stream.span); },
                 [&](ast::Without& f) { add_step(p, f.as, &f.stream, around, f.stream.span); },
                 [&](ast::Silence&) {},
                 [&](ast::NoAfter& f) { add_step(p, f.as, &f.after, around, f.after.span); },
                 [&](ast::Ranking& f) { add_step(p, {}, &*f.value.stream, many, f.value.span); },
                 [&](ast::Condition&) {},
             },
             pattern.form);
}

// Two bound names that are equal are a mistake; two unbound ones only cannot be used (R036 says so where they are).
void check_step_names(PatternCheck& p) {
  for (std::size_t i = 0; i < p.steps.size(); ++i)
    for (std::size_t j = 0; j < i; ++j) {
      if (p.steps[i].name.empty() || p.steps[i].name != p.steps[j].name) continue;
      p.steps[i].unique = p.steps[j].unique = false;
      if (!p.steps[i].bound && !p.steps[j].bound) continue;
      const std::size_t blame = p.steps[i].bound ? i : j;
      const std::size_t other = blame == i ? j : i;
      p.c.report("R033", p.steps[blame].at, "two steps are called " + ticked(p.steps[i].name), "this name is taken",
                 "give this step a name of its own")
          .cause = Label{p.steps[other].at, p.steps[other].bound ? "the other one" : "an event of the pattern"};
    }
}

// ----- counts and durations ----------------------------------------------------------------------

constexpr const char* kHowMany = "write how many, from 1 on";

// `help`: what was meant by a number that is none.
void check_count(Context& c, const ast::Count& count, std::int64_t least, std::string_view what, std::string help) {
  const auto n = value(count);
  if (!n) return;
  if (*n < least) {
    c.report("R055", count.span, std::string(what) + " starts at " + std::to_string(least), "too few", std::move(help));
  } else if (*n > kCountMax) {
    static_assert(kCountMax == 1'000'000);
    c.report("R074", count.span, "a count of more than 1_000_000", "as many times would have to be kept for every key",
             "count over a `summary`, and compare what it gives");
  }
}

void check_positive(Context& c, const ast::Length& length, std::string_view what) {
  const auto d = value(length);
  if (d && d->us <= 0)
    c.report("R055", length.span, std::string(what) + " lasts longer than nothing", "no length of time",
             "write a duration such as `30s`");
}

// What happens no times is no step: alone it is a pattern of its own, among others a `no` or a `maybe`.
std::string instead_of_none(const ast::Pattern& pattern, const ast::Sequence& s, const ast::Step& step) {
  const auto* stream = std::get_if<ast::Stream>(&step.what);
  const std::string x = stream != nullptr ? print(*stream) : "x";
  const auto* next = s.steps.size() > 1 ? std::get_if<ast::Stream>(&s.steps[1].what) : nullptr;
  if (s.steps.size() > 1 && &step == &s.steps.front())
    return "what must not happen before is " +
           ticked((next != nullptr ? print(*next) : "y") + " after 5m without " + x) + ", what may be missing is " +
           ticked("maybe " + x);
  if (s.steps.size() > 1)
    return "what must not happen there is " + ticked("then no " + x + " then") + ", what may be missing is " +
           ticked("maybe " + x);
  const auto within = pattern.within ? value(*pattern.within) : std::nullopt;
  const std::string length = within && within->us > 0 ? duration_text(*within) : "5m";
  return stream == nullptr ? "write how often, from 1 on"
                           : "for something that does not happen, write " + ticked("no " + x + " for " + length) +
                                 " or " + ticked("fewer than 1 " + x + " within " + length);
}

void check_quantity(Context& c, const ast::Quantity& q, const std::string& instead) {
  if (q.kind == Kind::at_least || q.kind == Kind::exactly) return check_count(c, q.low, 1, "a count", instead);
  if (q.kind != Kind::from_to) return;
  check_count(c, q.low, 0, "a count", instead);
  check_count(c, q.high, 1, "a count", instead);
  const auto low = value(q.low), high = value(q.high);
  if (low && high && *low > *high)
    c.report("R055", q.span, "the greater number stands first",
             std::to_string(*low) + " is more than " + std::to_string(*high),
             "write `" + std::to_string(*high) + " to " + std::to_string(*low) + "`");
}

void refuse(Context& c, SourceSpan span, std::string message, std::string here, std::string help) {
  c.report("R062", span, std::move(message), std::move(here), std::move(help));
}

// ----- streaks -----------------------------------------------------------------------------------

// An event is all x when some alternative lets it through unseen.
bool lets_all_through(const std::vector<Alternative>& x, EventId event) {
  return std::any_of(x.begin(), x.end(), [&](const Alternative& a) { return a.event == event && a.filters.empty(); });
}

bool can_break(const Context& c, const ast::Stream& x, const ast::Rare<ast::Stream>& of) {
  const std::vector<Alternative> streak = c.model.expand(x);
  const std::vector<EventId> breaking = c.model.events_of(of ? *of : x);
  if (streak.empty() || breaking.empty()) return true;  // unknown names: reported already
  return !std::all_of(breaking.begin(), breaking.end(), [&](EventId e) { return lets_all_through(streak, e); });
}

// A filter such as the author might write: a number is compared best. `FIELD = ..` where nothing is known.
std::string example_filter(const Context& c, const std::vector<EventId>& events) {
  const FieldInfo* best = nullptr;
  for (EventId id : events)
    for (const FieldInfo& field : c.model.events[id].fields)
      if (field.declared && (!best || (is_number(field.type) && !is_number(best->type)))) best = &field;
  if (!best) return "(FIELD = ..)";
  return "(" + best->name + (is_number(best->type) ? " > 80)" : " = ..)");
}

void check_breakable(Context& c, const ast::Stream& x, const ast::Rare<ast::Stream>& of, SourceSpan span,
                     std::string_view form) {
  if (can_break(c, x, of)) return;
  std::vector<std::string> bases;
  for (EventId id : c.model.events_of(of ? *of : x)) bases.push_back(c.model.events[id].name);
  const std::string name = x.name.text.empty() ? bases.front() : x.name.text;
  const std::string filtered = name + example_filter(c, c.model.events_of(x));
  c.report("R056", span, "nothing can break this " + std::string(form),
           "every " + ticked_list(bases, "or") + " continues it",
           form == "streak"
               ? "say what breaks it: a filter, " + ticked("3 consecutive " + filtered) + ", or a breaking stream, " +
                     ticked("3 consecutive " + name + " of (" + name + " or other)")
               : "say in a filter what has to hold: " + ticked(filtered));
}

// ----- streams -----------------------------------------------------------------------------------

std::vector<EventId> see(PatternCheck& p, ast::Stream& stream, Scope& scope, bool happens = true) {
  const std::vector<EventId> events = check_stream(p.c, stream, scope);
  add_events(p.events, events);
  if (happens) add_events(p.streams, events);
  if (p.first_stream.text.empty()) p.first_stream = stream.name;
  p.named.emplace_back(&stream, events);
  return events;
}

void fill_step(PatternCheck& p, std::uint32_t index, const std::vector<EventId>& events, Scope& scope) {
  if (index >= p.steps.size()) return;
  p.steps[index].events = events;
  scope.visible[index] = true;
}

// `x.f`: the field is a field of x.
void see_field(PatternCheck& p, ast::StreamPath& sp, Scope& scope) {
  if (sp.field.parts.empty() && sp.stream->any.empty() && report_lone_field(p.c, sp, "", "")) return;
  const std::vector<EventId> events = see(p, *sp.stream, scope);
  sp.ref = {ast::Ref::Kind::stream, 0, 0};
  fill_step(p, 0, events, scope);
  if (sp.field.parts.empty())
    p.c.report("R045", sp.span, "of which field? An event alone has no value", "a field is missing",
               "write " + ticked((sp.stream->name.text.empty() ? "x" : sp.stream->name.text) + ".FIELD"));
  else
    field_type(p.c, events, sp.field, 0);
}

// ----- sequences ---------------------------------------------------------------------------------

void check_inner(PatternCheck& p, ast::Pattern& pattern, Scope& scope, bool inside);

void check_of(PatternCheck& p, const ast::StepBound& bound, const Scope& scope) {
  if (!bound.of) return;
  std::vector<std::string> names;
  for (std::uint32_t i = 0; i < p.steps.size(); ++i) {
    const StepInfo& step = p.steps[i];
    if (i < scope.visible.size() && scope.visible[i] && step.unique && !step.optional && !step.name.empty())
      names.push_back(step.name);
    if (step.name != bound.of->text || !step.unique) continue;
    if (!scope.visible[i]) {
      p.c.report("R034", bound.of->span, ticked(step.name) + " has not happened yet here",
                 "only earlier steps are known here", "count from an earlier step")
          .cause = Label{step.at, "it happens here"};
      return;
    }
    if (step.optional)
      p.c.report("R035", bound.of->span,
                 ticked(step.name) + " may take no event, so there may be nothing to count from",
                 "not a step that always takes an event",
                 names.empty() ? "count from a step that always happens" : "count from " + ticked_list(names, "or"))
          .cause = Label{step.at, "this step may be left out"};
    return;
  }
  std::string help = did_you_mean(bound.of->text, names);
  if (help.empty())
    help = names.empty() ? "bind the step: `x as " + bound.of->text + "`" : "earlier steps: " + ticked_list(names);
  p.c.report("R023", bound.of->span, "unknown name " + ticked(bound.of->text), "no earlier step has this name", help);
}

void check_any_of(PatternCheck& p, ast::Step& step, ast::AnyOf& any, Scope& scope);

void check_step(PatternCheck& p, ast::Step& step, Scope& scope, const std::string& instead) {
  const std::uint32_t index = step.ref.index;
  scope.own = kNone;
  if (step.link.no) see(p, *step.link.no, scope, false);
  if (step.link.within) check_of(p, *step.link.within, scope);
  check_quantity(p.c, step.quantity, instead);
  scope.own = index;
  scope.visible[index] = p.steps[index].repeats;
  if (auto* stream = std::get_if<ast::Stream>(&step.what)) {
    p.steps[index].events = p.c.model.events_of(*stream);  // its own filter may look at the step
    fill_step(p, index, see(p, *stream, scope), scope);
    if (step.consecutive) check_breakable(p.c, *stream, step.of, stream->span, "streak");
  } else if (auto* group = std::get_if<ast::Group>(&step.what)) {
    scope.own = kNone;
    scope.visible[index] = false;
    check_inner(p, *group->pattern, scope, true);
    std::vector<EventId> events;
    for (std::uint32_t i = index + 1; i < p.steps.size(); ++i)
      if (scope.visible[i]) add_events(events, p.steps[i].events);
    fill_step(p, index, events, scope);
    if (step.consecutive)
      refuse(p.c, step.span, "a group cannot be consecutive", "`consecutive` looks at single events",
             "make its steps follow each other with `then next`");
  } else {
    check_any_of(p, step, std::get<ast::AnyOf>(step.what), scope);
  }
  if (step.of) {
    scope.own = kNone;
    see(p, *step.of, scope, false);
    if (!step.consecutive)
      refuse(p.c, step.of->span, "`of` says what breaks a streak, and this is none",
             "there is no `consecutive` before it", "write `3 consecutive x of y`, or `3 of last 5 x`");
  }
  if (!step.until) return;
  scope.own = kNone;
  fill_step(p, step.until->ref.index, see(p, step.until->stream, scope), scope);
  if (!repeats(step.quantity))
    refuse(p.c, step.until->span, "`until` ends a repetition, and this step is none", "one event needs no end",
           "write `one or more x until y`");
}

// The alternatives come in any order, so none can look at another; what follows can look at all of them.
void check_any_of(PatternCheck& p, ast::Step& step, ast::AnyOf& any, Scope& scope) {
  if (any.number) check_count(p.c, *any.number, 1, "`any N of`", "write how many of them, such as `any 1 of`");
  const auto number = any.number ? value(*any.number) : std::nullopt;
  if (number && *number > static_cast<std::int64_t>(any.alternatives.size()))
    p.c.report("R055", any.number->span, "there are only " + std::to_string(any.alternatives.size()) + " alternatives",
               "more than there are", "write `all of (..)`, or add alternatives");
  if (any.number && repeats(step.quantity))
    refuse(p.c, step.quantity.span, "`any of` cannot be repeated", "a number too many",
           "put it in parentheses: `2 (any 2 of (a, b))`");
  const std::vector<bool> before = scope.visible;
  std::vector<bool> after = before;
  std::vector<EventId> events;
  for (ast::Step& one : any.alternatives) {
    scope.visible = before;
    check_step(p, one, scope, "leave this alternative out");
    if (may_be_empty(one.quantity) && !one.until)
      p.c.report("R059", one.quantity.span, "an alternative that may take nothing",
                 "it is complete before anything happens", "leave this alternative out");
    for (std::size_t i = 0; i < after.size(); ++i)
      if (scope.visible[i]) after[i] = true;
    add_events(events, p.steps[one.ref.index].events);
  }
  scope.visible = after;
  fill_step(p, step.ref.index, events, scope);
}

// How a pattern whose last step may take nothing gets an end.
std::string end_of(const ast::Step& last) {
  const auto* stream = std::get_if<ast::Stream>(&last.what);
  const std::string name = stream && !stream->name.text.empty() ? stream->name.text : "x";
  return last.quantity.kind == Kind::maybe
             ? "delete this step, or, if it has to come, delete `maybe`"
             : "delete this step, or say what ends it: " + ticked("zero or more " + name + " until y");
}

void check_end(PatternCheck& p, const ast::Sequence& s) {
  if (s.ending || s.steps.empty()) return;
  const ast::Step& last = s.steps.back();
  if (!may_be_empty(last.quantity) || last.until) return;
  p.c.report(
      "R059", last.span,
      last.quantity.kind == Kind::maybe ? "a pattern cannot end in `maybe`" : "a pattern cannot end in `zero or more`",
      "the pattern is complete before this step", s.steps.size() > 1 ? end_of(last) : "write the event alone");
}

// A bound of one step that is longer than the bound of the whole can never be the one that ends a match. Around a
// counted pattern the bound is that of its fires, whenever they began.
void check_inner_bounds(PatternCheck& p, const ast::Pattern& pattern, const ast::Sequence& s) {
  const auto whole = pattern.within ? value(*pattern.within) : std::nullopt;
  if (!whole || !is_sequence(pattern)) return;
  for (const ast::Step& step : s.steps) {
    const auto one = step.link.within ? value(step.link.within->length) : std::nullopt;
    if (one && *one > *whole)
      p.c.report("R112", step.link.within->span, "this bound never ends a match",
                 "longer than the bound of the whole pattern",
                 "make it shorter than " + duration_text(*whole) + ", or delete it")
          .cause = Label{pattern.within->span, "the whole takes no longer than this"};
    const auto* group = std::get_if<ast::Group>(&step.what);
    const auto inner = group && group->pattern->within ? value(*group->pattern->within) : std::nullopt;
    if (inner && *inner > *whole)
      p.c.report("R112", group->pattern->within->span, "this bound never ends a match",
                 "longer than the bound of the whole pattern",
                 "make it shorter than " + duration_text(*whole) + ", or delete it")
          .cause = Label{pattern.within->span, "the whole takes no longer than this"};
  }
}

void check_sequence(PatternCheck& p, ast::Pattern& pattern, ast::Sequence& s, Scope& scope) {
  for (ast::Step& step : s.steps) check_step(p, step, scope, instead_of_none(pattern, s, step));
  scope.own = kNone;
  if (s.ending) {
    see(p, s.ending->stream, scope, false);
    check_of(p, s.ending->within, scope);
  }
  check_end(p, s);
  check_inner_bounds(p, pattern, s);
  const bool single = s.steps.size() == 1 && !s.ending;
  const ast::Step* only = single ? &s.steps.front() : nullptr;
  if (only && pattern.within && only->quantity.kind == Kind::one && std::holds_alternative<ast::Stream>(only->what) &&
      !only->consecutive)
    p.c.report("R122", pattern.within->span, "this bound does nothing", "one event takes no time",
               "say how many: `5 x within " + (value(*pattern.within) ? duration_text(*value(*pattern.within)) : "5m") +
                   "`, or delete it");
}

// ----- what binds last: within, each, for ---------------------------------------------------------

bool may_have_within(const ast::Pattern& pattern) {
  return std::visit(Overloaded{
                        [](const ast::Sequence&) { return true; },
                        [](const ast::Apart&) { return true; },
                        [](const ast::FewerThan&) { return true; },
                        [](const ast::Distinct&) { return true; },
                        [](const ast::OfLast&) { return false; },
                        [](const ast::Changes&) { return true; },
                        [](const ast::New&) { return false; },
                        [](const ast::Idle&) { return false; },
                        [](const ast::Without&) { return false; },
                        [](const ast::Silence&) { return false; },
                        [](const ast::NoAfter&) { return false; },
                        [](const ast::Ranking&) { return false; },
                        [](const ast::Condition&) { return true; },
                    },
                    pattern.form);
}

bool needs_within(const ast::Pattern& pattern) {
  return std::holds_alternative<ast::FewerThan>(pattern.form) || std::holds_alternative<ast::Distinct>(pattern.form) ||
         std::holds_alternative<ast::Changes>(pattern.form);
}

std::string with_a_window(ast::Pattern pattern) {
  pattern.hold.reset();
  return print(pattern) + " within 1h";
}

const ast::Step* only_step(const ast::Pattern& pattern) {
  const auto* s = std::get_if<ast::Sequence>(&pattern.form);
  return s && s->steps.size() == 1 && !s->ending ? &s->steps.front() : nullptr;
}

void check_hold(PatternCheck& p, ast::Pattern& pattern) {
  if (!pattern.hold) return;
  check_positive(p.c, *pattern.hold, "`for`");
  if (std::holds_alternative<ast::Condition>(pattern.form)) return;
  const ast::Step* step = only_step(pattern);
  const auto* stream = step ? std::get_if<ast::Stream>(&step->what) : nullptr;
  if (stream && step->quantity.kind == Kind::one && !step->consecutive && !step->until && !pattern.within &&
      !pattern.each)
    return check_breakable(p.c, *stream, {}, stream->span, "state");
  const std::string name = stream && !stream->name.text.empty() ? stream->name.text : "x";
  const auto low = step && step->quantity.kind == Kind::at_least ? value(step->quantity.low) : std::nullopt;
  const std::string number = low ? std::to_string(*low) : "5";
  const auto within = pattern.within ? value(*pattern.within) : std::nullopt, hold = value(*pattern.hold);
  const std::string window = within ? duration_text(*within) : "5m";
  refuse(p.c, pattern.hold->span, "`for` holds a state or a condition, and this is neither", "not of this pattern",
         "write the count as a condition: " + ticked("count(" + name + ") >= " + number + " within " + window +
                                                     " for " + (hold ? duration_text(*hold) : "10m")));
}

void check_aligned(Context& c, const ast::Aligned& aligned) {
  check_positive(c, aligned.length, "a window");
  if (!aligned.zone) return;
  check_zone(c, *aligned.zone);
  const auto length = value(aligned.length);
  if (length && length->us % days(1).us != 0)
    c.report("R052", aligned.length.span, "windows in a time zone last whole days", "not a number of whole days",
             "write `1d` or `7d`; for shorter windows leave `in \"" + aligned.zone->value + "\"` out")
        .cause = Label{aligned.zone->span, "local days have 23, 24 or 25 hours"};
}

void check_each(PatternCheck& p, ast::Pattern& pattern) {
  if (!pattern.each) return;
  check_aligned(p.c, *pattern.each);
  if (pattern.within)
    refuse(p.c, pattern.within->span, "two windows for one pattern", "`within` slides, `each` stands still",
           "keep one of them");
  if (std::holds_alternative<ast::Condition>(pattern.form)) return;
  const ast::Step* step = only_step(pattern);
  const bool counts = step && (step->quantity.kind == Kind::at_least || step->quantity.kind == Kind::one) &&
                      !step->consecutive && !step->until && !std::holds_alternative<ast::AnyOf>(step->what);
  if (!counts)
    refuse(p.c, pattern.each->span, "`each` counts events, or compares aggregates", "not of this pattern",
           "write `5 x each 1h`, or bound the pattern with `within`");
}

void check_bounds(PatternCheck& p, ast::Pattern& pattern) {
  if (pattern.within) check_positive(p.c, *pattern.within, "`within`");
  if (pattern.within && !may_have_within(pattern))
    refuse(p.c, pattern.within->span, "this form has a duration of its own", "a bound too much",
           "delete this `within`");
  if (needs_within(pattern) && !pattern.within && !pattern.each)
    p.c.report("R061", pattern.span, "within how long?", "this form needs a window",
               "write " + ticked(with_a_window(pattern)));
  check_each(p, pattern);
  check_hold(p, pattern);
}

// ----- the single forms --------------------------------------------------------------------------

void check_distinct(PatternCheck& p, ast::Distinct& f, Scope& scope) {
  check_count(p.c, f.number, 1, "a count", kHowMany);
  for (ast::StreamPath& value : f.values) see_field(p, value, scope);
  for (const ast::StreamPath& value : f.values)
    if (!(*value.stream == *f.values.front().stream))
      p.c.report("R062", value.span, "values of two different events cannot form a pair", "not the same event",
                 "take both fields of one event")
          .cause = Label{f.values.front().span, "the first is of this event"};
}

void check_of_last(PatternCheck& p, ast::OfLast& f, Scope& scope) {
  check_count(p.c, f.number, 1, "a count", kHowMany);
  check_count(p.c, f.last, 1, "a count", kHowMany);
  fill_step(p, 0, see(p, f.stream, scope), scope);
  const auto n = value(f.number), m = value(f.last);
  if (n && m && *n > *m)
    p.c.report("R055", f.number.span, std::to_string(*n) + " of the last " + std::to_string(*m) + " can never be",
               "more than there are", "write " + ticked(std::to_string(*m) + " of last " + std::to_string(*n)));
  if (can_break(p.c, f.stream, {})) return;
  p.c.report("R060", f.stream.span, "the last " + (m ? std::to_string(*m) : "M") + " of these are all of these",
             "no filter tells some of them from the others",
             "filter it: " + ticked((n ? std::to_string(*n) : "N") + " of last " + (m ? std::to_string(*m) : "M") +
                                    " " + (f.stream.name.text.empty() ? "x" : f.stream.name.text) +
                                    example_filter(p.c, p.c.model.events_of(f.stream))));
}

void check_apart(PatternCheck& p, ast::Pattern& pattern, ast::Apart& f, Scope& scope) {
  check_count(p.c, f.number, 2, "a chain", "write how many are a chain, from 2 on");
  fill_step(p, 0, see(p, f.stream, scope), scope);
  const auto gap = value(f.gap), whole = pattern.within ? value(*pattern.within) : std::nullopt;
  if (gap && whole && *gap >= *whole)
    p.c.report("R112", f.gap.span, "this bound never breaks the chain", "no shorter than the bound of the whole",
               "make it shorter than " + duration_text(*whole) + ", or delete `within`")
        .cause = Label{pattern.within->span, "the whole takes no longer than this"};
}

// The words of a phrase without its slots: "rises by".
std::string phrase_words(const ast::Phrase& phrase) {
  std::string out;
  for (const PhrasePart& part : phrase_parts()[phrase.row].shape)
    if (part.kind == PhrasePart::Kind::word) out += (out.empty() ? "" : " ") + std::string(part.text);
  return out;
}

// `count(x over 1h) > 3 within 5m`: the window of each aggregate is its own.
void lint_unused_window(PatternCheck& p, const ast::Length& within, const ast::Condition& f) {
  const ast::Aggregate* own = nullptr;
  bool used = false;
  walk(f.expr, Overloaded{[&](const ast::Aggregate& a) {
                            if (a.over) own = &a;
                            used |= !a.over;
                          },
                          [&](const ast::Its&) { used = true; }});
  if (own == nullptr || used) return;
  p.c.report("R122", within.span, "this bound does nothing", "no aggregate counts within it",
             "delete it, or the `over` inside the brackets")
      .cause = Label{own->over->span, "its window is this"};
}

void check_condition(PatternCheck& p, ast::Pattern& pattern, ast::Condition& f, Scope scope) {
  const std::string phrase = pattern.phrase ? phrase_words(*pattern.phrase) : "";
  scope.phrase = phrase;
  scope.place = Place::condition;
  scope.windowed = pattern.within || pattern.each;
  if (pattern.within) scope.window = value(*pattern.within);
  scope.keys = &p.rule.keys;
  scope.where_word = "when";
  check_filter(p.c, f.expr, scope);
  walk(f.expr, [&](ast::StreamPath& sp) {
    if (sp.ref.kind != ast::Ref::Kind::stream) return;
    const std::vector<EventId> events = p.c.model.events_of(*sp.stream);
    add_events(p.events, events);
    add_events(p.streams, events);
    p.named.emplace_back(&*sp.stream, events);
  });
  if (!looks_at_events(f.expr))
    p.c.report("R048", f.expr.span, "this condition looks at no event", "the same whatever happens",
               "write what it counts or adds up, such as `count(x) > 5 within 5m`");
  if (pattern.within) lint_unused_window(p, *pattern.within, f);
}

void check_form(PatternCheck& p, ast::Pattern& pattern, Scope& scope) {
  Context& c = p.c;
  std::visit(
      Overloaded{
          [&](ast::Sequence& f) { check_sequence(p, pattern, f, scope); },
          [&](ast::Apart& f) { check_apart(p, pattern, f, scope); },
          [&](ast::FewerThan& f) {
            check_count(c, f.number, 1, "`fewer than`", "for none at all, write `fewer than 1`"),
                fill_step(p, 0, see(p, f.stream, scope), scope);
          },
          [&](ast::Distinct& f) { check_distinct(p, f, scope); },
          [&](ast::OfLast& f) { check_of_last(p, f, scope); },
          [&](ast::Changes& f) { check_count(c, f.number, 1, "a count", kHowMany), see_field(p, f.value, scope); },
          [&](ast::New& f) { check_positive(c, f.in, "`in`"), see_field(p, f.value, scope); },
          [&](ast::Idle& f) { check_positive(c, f.length, "`idle`"), fill_step(p, 0, see(p, f.stream, scope), scope); },
          [&](ast::Without& f) {
            check_positive(c, f.length, "`without`");
            fill_step(p, 0, see(p, f.stream, scope), scope);
            see(p, f.missing, scope, false);
          },
          [&](ast::Silence& f) { check_positive(c, f.length, "a silence"), see(p, f.stream, scope, false); },
          [&](ast::NoAfter& f) {
            fill_step(p, 0, see(p, f.after, scope), scope);
            see(p, f.missing, scope, false);
          },
          [&](ast::Ranking& f) {
            check_count(c, f.number, 1, "`top`", kHowMany), check_positive(c, f.over, "`over`"),
                see_field(p, f.value, scope);
          },
          [&](ast::Condition& f) { check_condition(p, pattern, f, scope); },
      },
      pattern.form);
}

void check_inner(PatternCheck& p, ast::Pattern& pattern, Scope& scope, bool inside) {
  const bool groupable = std::holds_alternative<ast::Sequence>(pattern.form);
  if (inside && !groupable)
    refuse(p.c, pattern.span, "only a sequence or a count can stand in parentheses", "not of these",
           "make it a rule of its own; its name is an event that this rule can use");
  if (inside && (pattern.each || pattern.hold))
    refuse(p.c, pattern.span, "`each` and `for` do not stand inside a pattern", "inside, a bound is `within`",
           "make it a rule of its own; its name is an event that this rule can use");
  if (!inside || groupable) check_form(p, pattern, scope);
  if (!inside) check_bounds(p, pattern);
}

void check_maybes(PatternCheck& p) {
  std::size_t maybes = 0;
  walk(p.pattern, [&](const ast::Step& step) {
    if (step.quantity.kind != Kind::maybe || ++maybes != kMaybesPerPatternMax + 1) return;
    p.c.report("R074", step.quantity.span,
               "a pattern of more than " + std::to_string(kMaybesPerPatternMax) + " `maybe`", "one too many",
               "join some of them by `or`, or split the pattern: a rule's name is an event that other rules use");
  });
}

}  // namespace

void check_pattern(PatternCheck& p) {
  number_pattern(p, p.pattern, {});
  if (p.steps.size() > kStepsPerPatternMax)
    p.c.report("R074", p.steps[kStepsPerPatternMax].at,
               "a pattern of more than " + std::to_string(kStepsPerPatternMax) + " steps", "one step too many",
               "split it: a rule's name is an event that other rules use");
  if (p.steps.size() > kStepsPerPatternMax) return;  // nothing may take time for what is one mistake
  check_maybes(p);
  check_step_names(p);
  Scope scope;
  scope.where_word = "a filter";
  scope.steps = &p.steps;
  if (p.resolve) scope.fired = &p.rule.steps;
  scope.visible.assign(p.steps.size(), false);
  check_inner(p, p.pattern, scope, false);
}

void check_aligned_window(Context& c, const ast::Aligned& aligned) { check_aligned(c, aligned); }

bool is_sequence(const ast::Pattern& pattern) {
  const auto* s = std::get_if<ast::Sequence>(&pattern.form);
  if (!s) return std::holds_alternative<ast::NoAfter>(pattern.form);
  if (s->steps.size() != 1 || s->ending) return true;
  const ast::Step& step = s->steps.front();
  if (step.until || std::holds_alternative<ast::AnyOf>(step.what)) return true;
  if (const auto* group = std::get_if<ast::Group>(&step.what); group && step.quantity.kind == Kind::one)
    return is_sequence(*group->pattern);
  return step.quantity.kind != Kind::one && step.quantity.kind != Kind::at_least;
}

bool keeps_events(const ast::Pattern& pattern) {
  struct Keeps {
    bool operator()(const ast::Sequence& s) const {
      return s.steps.size() == 1 && s.steps.front().quantity.kind == Kind::at_least;
    }
    bool operator()(const ast::Apart&) const { return true; }
    bool operator()(const ast::FewerThan&) const { return true; }
    bool operator()(const ast::Distinct&) const { return true; }
    bool operator()(const ast::OfLast&) const { return true; }
    bool operator()(const ast::Changes&) const { return true; }
    bool operator()(const ast::Condition&) const { return true; }
    bool operator()(const ast::New&) const { return false; }
    bool operator()(const ast::Idle&) const { return false; }
    bool operator()(const ast::Without&) const { return false; }
    bool operator()(const ast::Silence&) const { return false; }
    bool operator()(const ast::NoAfter&) const { return false; }
    bool operator()(const ast::Ranking&) const { return false; }
  };
  return !is_sequence(pattern) && std::visit(Keeps(), pattern.form);
}

const ast::Step* only_repeated(const ast::Pattern& pattern) {
  const ast::Step* found = nullptr;
  int many = 0;
  walk(pattern, [&](const ast::Step& step) {
    if (repeats(step.quantity)) ++many, found = &step;
  });
  return many == 1 ? found : nullptr;
}

namespace {

// What the forms beside `time`, `first`, `last` and `span` give (N1).
std::vector<std::string> words_of_form(const ast::Pattern& pattern) {
  using Words = std::vector<std::string>;
  return std::visit(Overloaded{
                        [&](const ast::Sequence&) {
                          return !is_sequence(pattern) || only_repeated(pattern) ? Words{"count"} : Words{};
                        },
                        [](const ast::Apart&) { return Words{"count"}; },
                        [](const ast::FewerThan&) { return Words{"count"}; },
                        [](const ast::Distinct&) { return Words{"count"}; },
                        [](const ast::OfLast&) { return Words{"count"}; },
                        [](const ast::Changes&) { return Words{"count"}; },
                        [](const ast::New&) { return Words{}; },
                        [](const ast::Idle&) { return Words{"gap"}; },
                        [](const ast::Without&) { return Words{"gap"}; },
                        [](const ast::Silence&) { return Words{"last_seen"}; },
                        [](const ast::NoAfter&) { return Words{}; },
                        [](const ast::Ranking&) { return Words{"rank", "count"}; },
                        [](const ast::Condition&) { return Words{"count", "value", "baseline"}; },
                    },
                    pattern.form);
}

}  // namespace

std::vector<std::string> words_of(const RuleInfo& rule) {
  std::vector<std::string> words{"time", "first", "last"};
  if (!std::holds_alternative<ast::Silence>(rule.when.form)) words.emplace_back("span");
  for (std::string& word : words_of_form(rule.when)) words.push_back(std::move(word));
  if (find_clause<ast::FireAtMost>(rule.clauses)) words.emplace_back("suppressed");
  return words;
}

void add_events(std::vector<EventId>& to, const std::vector<EventId>& more) {
  for (EventId id : more)
    if (std::find(to.begin(), to.end(), id) == to.end()) to.push_back(id);
}

}  // namespace tocsin::dsl::checking
