// What can be done but is hardly meant: warnings, each with its way out.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "dsl/check/comparisons.h"
#include "dsl/check/context.h"
#include "dsl/check/walk.h"
#include "dsl/print.h"
#include "engine/base/units.h"
#include "engine/program/zone.h"

namespace tocsin::dsl::checking {
namespace {

using Kind = ast::Quantity::Kind;

// ----- declared and never used -------------------------------------------------------------------

void report_unused(Context& c, std::string_view code, const ast::Name& name, SourceSpan span, std::string_view what) {
  const std::string shown = what == "constant" ? "`$" + name.text + "`" : ticked(name.text);
  c.report(code, span, std::string(what) + " " + shown + " is not used", "nothing asks for it", "delete it, or use it");
}

void lint_unused(Context& c) {
  const auto unused = [&](const NameMap<bool>& used, const std::string& name) {
    return !used.contains(name) && !c.mentioned.contains(name);
  };
  for (const AliasInfo& alias : c.model.aliases)
    if (unused(c.used.events, alias.name)) report_unused(c, "R101", {alias.name, false, alias.at}, alias.at, "alias");
  for (const ast::ListDecl& list : c.model.lists)
    if (unused(c.used.lists, list.name.text)) report_unused(c, "R102", list.name, list.name.span, "list");
  for (const ast::TableDecl& table : c.model.tables)
    if (unused(c.used.tables, table.name.text)) report_unused(c, "R103", table.name, table.name.span, "table");
  for (const ast::CalendarDecl& calendar : c.model.calendars)
    if (unused(c.used.calendars, calendar.name.text))
      report_unused(c, "R104", calendar.name, calendar.name.span, "calendar");
  for (const auto& [name, let] : c.lets)
    if (unused(c.used.constants, name)) report_unused(c, "R105", let->name, let->name.span, "constant");
  for (const auto& [name, t] : c.templates)
    if (unused(c.used.templates, name)) report_unused(c, "R106", t->name, t->name.span, "template");
}

// ----- counting without `by` ---------------------------------------------------------------------

bool is_plain(const ast::Pattern& pattern) {
  const auto* s = std::get_if<ast::Sequence>(&pattern.form);
  if (!s || s->steps.size() != 1 || s->ending || pattern.hold || pattern.each) return false;
  const ast::Step& step = s->steps.front();
  return step.quantity.kind == Kind::one && !step.consecutive && std::holds_alternative<ast::Stream>(step.what);
}

void report_without_by(Context& c, SourceSpan span, std::string_view what) {
  c.report("R108", span, std::string(what) + " without `by`: all events together, whoever they are of",
           "nothing groups them", "add the key, such as `by user`; if you mean all together, write `by all`");
}

// What needs a key, as people call it.
std::string_view kind_of(const ast::Pattern& pattern) {
  return std::visit(Overloaded{
                        [&](const ast::Sequence& s) -> std::string_view {
                          if (pattern.hold) return "a state";
                          if (is_sequence(pattern)) return "a sequence";
                          return s.steps.size() == 1 && s.steps.front().consecutive ? "a streak" : "a count";
                        },
                        [](const ast::Apart&) -> std::string_view { return "a chain"; },
                        [](const ast::FewerThan&) -> std::string_view { return "a count"; },
                        [](const ast::Distinct&) -> std::string_view { return "a count of different values"; },
                        [](const ast::OfLast&) -> std::string_view { return "a count"; },
                        [](const ast::Changes&) -> std::string_view { return "a count of changes"; },
                        [](const ast::New&) -> std::string_view { return "a new value"; },
                        [](const ast::Idle&) -> std::string_view { return "a silence"; },
                        [](const ast::Without&) -> std::string_view { return "an absence"; },
                        [](const ast::Silence&) -> std::string_view { return "a silence"; },
                        [](const ast::NoAfter&) -> std::string_view { return "an absence"; },
                        [](const ast::Ranking&) -> std::string_view { return "a ranking"; },
                        [](const ast::Condition&) -> std::string_view { return "a comparison of aggregates"; },
                    },
                    pattern.form);
}

void lint_by(Context& c, const RuleInfo& rule) {
  if (find_clause<ast::By>(rule.clauses) || is_plain(rule.when) || std::holds_alternative<ast::New>(rule.when.form))
    return;
  report_without_by(c, rule.when.span, kind_of(rule.when));
}

// ----- conditions --------------------------------------------------------------------------------

bool is_upper(ast::BinaryOp op) { return op == ast::BinaryOp::less || op == ast::BinaryOp::less_equal; }
bool is_lower(ast::BinaryOp op) { return op == ast::BinaryOp::greater || op == ast::BinaryOp::greater_equal; }

const ast::Aggregate* counting(const ast::Expr& e) {
  const auto* a = std::get_if<ast::Aggregate>(&e.node);
  return a && (a->function.text == "count" || a->function.text == "sum" || a->function.text == "distinct_count")
             ? a
             : nullptr;
}

// One comparison with the aggregate on its left, as `not` has it: `not (3 <= count(x))` is `count(x) < 3`.
struct Compared {
  const ast::Expr* left = nullptr;
  const ast::Expr* right = nullptr;
  ast::BinaryOp op{};
};

// What `not` makes of it.
ast::BinaryOp denied(ast::BinaryOp op) {
  if (op == ast::BinaryOp::logical_and) return ast::BinaryOp::logical_or;
  if (op == ast::BinaryOp::logical_or) return ast::BinaryOp::logical_and;
  return opposite(op).value_or(op);
}

Compared compared(const ast::Binary& b, bool negated) {
  Compared out{&*b.left, &*b.right, negated ? denied(b.op) : b.op};
  if (looks_at_events(*out.left) || !looks_at_events(*out.right)) return out;
  std::swap(out.left, out.right);
  out.op = mirrored(out.op).value_or(out.op);
  return out;
}

// Is it true as soon as there is one event? Nothing: that depends on the event.
std::optional<bool> at_first(const ast::Expr& e, bool negated = false) {
  if (const auto* u = std::get_if<ast::Unary>(&e.node); u != nullptr && u->op == ast::UnaryOp::logical_not)
    return at_first(*u->operand, !negated);
  const auto* b = std::get_if<ast::Binary>(&e.node);
  if (b == nullptr) return std::nullopt;
  const Compared c = compared(*b, negated);
  if (c.op == ast::BinaryOp::logical_and || c.op == ast::BinaryOp::logical_or) {
    const bool decides = c.op == ast::BinaryOp::logical_or;  // one that is so makes the whole so
    const auto left = at_first(*b->left, negated), right = at_first(*b->right, negated);
    if (left == decides || right == decides) return decides;
    if (decides) return left && right ? left : std::nullopt;
    return left ? left : right;  // `count(x) < 5 and host = "a"` is true at first for some
  }
  if (is_lower(c.op)) return false;
  return is_upper(c.op) && counting(*c.left) != nullptr ? std::optional(true) : std::nullopt;
}

// `fewer than 9 charge within 1h` says what `count(charge) < 9 within 1h` was to say; empty for what counts otherwise.
std::string as_fewer_than(const ast::Pattern& pattern, const ast::Condition& condition) {
  const ast::Expr* e = &condition.expr;
  bool negated = false;
  for (const ast::Unary* u; (u = std::get_if<ast::Unary>(&e->node)) != nullptr && u->op == ast::UnaryOp::logical_not;) {
    e = &*u->operand;
    negated = !negated;
  }
  const auto* b = std::get_if<ast::Binary>(&e->node);
  if (b == nullptr || !pattern.within) return {};
  const Compared c = compared(*b, negated);
  if (!is_upper(c.op)) return {};
  const auto* a = std::get_if<ast::Aggregate>(&c.left->node);
  const auto* limit = std::get_if<ast::Literal>(&c.right->node);
  const auto* n = limit ? std::get_if<std::int64_t>(&limit->value) : nullptr;
  if (a == nullptr || n == nullptr || a->function.text != "count" || a->streams.size() != 1 || a->over) return {};
  const std::int64_t least = *n + (c.op == ast::BinaryOp::less_equal ? 1 : 0);
  const std::optional<Duration> window = value(*pattern.within);
  return "fewer than " + std::to_string(least) + " " + print(*a->streams.front().stream) + " within " +
         (window ? duration_text(*window) : "..");
}

// `C for D`: once it has held for as long as its longest window is, there is no window any more that is not full.
bool holds_until_full(const ast::Pattern& pattern, const ast::Condition& condition) {
  const auto hold = pattern.hold ? value(*pattern.hold) : std::nullopt;
  if (!hold) return false;
  Duration longest = pattern.within ? value(*pattern.within).value_or(Duration{}) : Duration{};
  bool by_number = false;
  walk(condition.expr, [&](const ast::Over& over) {
    const auto* length = std::get_if<ast::Length>(&over.window);
    by_number = by_number || length == nullptr;
    if (length != nullptr) longest = std::max(longest, value(*length).value_or(Duration{}));
  });
  return !by_number && *hold >= longest;
}

// A4: a window that has just begun is not full, and so `<` is true at first.
void lint_warm_up(Context& c, const ast::Pattern& pattern, const std::string& help) {
  const auto* condition = std::get_if<ast::Condition>(&pattern.form);
  if (!condition || at_first(condition->expr) != true || holds_until_full(pattern, *condition)) return;
  const std::string fewer = as_fewer_than(pattern, *condition);
  const std::string waits = "write " + ticked(fewer) + ", which waits for a full window";
  c.report("R118", condition->expr.span, "true from the first event on: at first there is little to count",
           "a window that has just begun is not full",
           fewer.empty() ? help : help + (help.empty() ? "" : ", or ") + waits);
}

void lint_warm_up(Context& c, const RuleInfo& rule) {
  if (!find_clause<ast::Learn>(rule.clauses)) lint_warm_up(c, rule.when, "add `learn 1h` to stay silent at first");
  if (const auto* resolve = find_clause<ast::Resolve>(rule.clauses)) lint_warm_up(c, *resolve->when, "");
}

// ----- firing ------------------------------------------------------------------------------------

void report_not_open(Context& c, SourceSpan span, std::string_view word, const std::string& rule) {
  c.report("R119", span,
           "`" + std::string(word) + "` looks at an open alert, and " + ticked(rule) + " has no `resolve when`",
           "nothing says when the alert is over",
           "add `resolve when ..` to " + ticked(rule) +
               "; without it the alert counts as open until the rule is armed again");
}

void lint_life(Context& c, const RuleInfo& rule) {
  const bool resolves = find_clause<ast::Resolve>(rule.clauses) != nullptr;
  for (const ast::Clause& clause : rule.clauses) {
    if (const auto* mute = std::get_if<ast::Mute>(&clause.node)) {
      const auto other = c.model.rule_ids.find(mute->rule.text);
      if (other != c.model.rule_ids.end() && !find_clause<ast::Resolve>(c.model.rules[other->second].clauses))
        report_not_open(c, clause.span, "mute while", mute->rule.text);
    }
    if (resolves) continue;
    if (std::holds_alternative<ast::Remind>(clause.node)) report_not_open(c, clause.span, "remind", rule.name);
    if (const auto* escalate = std::get_if<ast::Escalate>(&clause.node); escalate && !escalate->number)
      report_not_open(c, clause.span, "escalate .. unresolved", rule.name);
  }
}

void lint_fan_out(Context& c, const RuleInfo& rule) {
  const auto* fire = find_clause<ast::Fire>(rule.clauses);
  if (!fire || fire->how != ast::Fire::How::every_match || !is_sequence(rule.when)) return;
  const ast::Step* open = nullptr;
  walk(rule.when, [&](const ast::Step& step) {
    const Kind k = step.quantity.kind;
    if (!open && (k == Kind::at_least || k == Kind::one_or_more || k == Kind::zero_or_more)) open = &step;
  });
  if (!open) return;
  for (const ast::Clause& clause : rule.clauses)
    if (std::holds_alternative<ast::Fire>(clause.node))
      c.report("R120", clause.span, "an alert for every choice of a repetition without an upper end",
               "n fitting events give up to 2^n alerts", "use the default fire, or bound the repetition: `1 to 3 x`")
          .cause = Label{open->span, "this repetition"};
}

void lint_silent(Context& c, const RuleInfo& rule) {
  if (find_clause<ast::Alert>(rule.clauses) || find_clause<ast::Emit>(rule.clauses) ||
      c.used.events.contains(rule.name))
    return;
  c.report("R121", rule.at, "nobody learns when " + ticked(rule.name) + " fires",
           "no `alert`, no `emit`, and no other rule uses it", "add `alert medium \"..\"`");
}

// ----- steps that cannot be taken ------------------------------------------------------------------

void report_unreachable(Context& c, SourceSpan span, std::string here, SourceSpan cause, std::string why) {
  c.report("R113", span, "no event can ever take this step", std::move(here), "correct one of the two").cause =
      Label{cause, std::move(why)};
}

void lint_until(Context& c, const ast::Step& step) {
  const auto* stream = std::get_if<ast::Stream>(&step.what);
  if (!stream || !step.until) return;
  const std::vector<Alternative> ends = c.model.expand(step.until->stream), takes = c.model.expand(*stream);
  const bool all = !takes.empty() && std::all_of(takes.begin(), takes.end(), [&](const Alternative& t) {
    return std::any_of(ends.begin(), ends.end(), [&](const Alternative& e) {
      return e.event == t.event && (e.filters.empty() || e.filters == t.filters);
    });
  });
  if (all)
    report_unreachable(c, stream->span, "`until` wins over it", step.until->span, "each of them ends the repetition");
}

// A step whose filter is exactly what `except` drops.
void lint_excepted(Context& c, const RuleInfo& rule, const ast::Step& step) {
  const auto* stream = std::get_if<ast::Stream>(&step.what);
  if (!stream) return;
  const std::vector<Alternative> takes = c.model.expand(*stream);
  for (const ast::Clause& clause : rule.clauses) {
    const auto* except = std::get_if<ast::Except>(&clause.node);
    if (!except) continue;
    const bool all = !takes.empty() && std::all_of(takes.begin(), takes.end(), [&](const Alternative& t) {
      return std::find(t.filters.begin(), t.filters.end(), except->condition) != t.filters.end();
    });
    if (all) report_unreachable(c, stream->span, "`except` drops all of them", clause.span, "this drops them");
  }
}

// ----- rules that say the same -------------------------------------------------------------------

class Digest {
 public:
  template <class Node>
  void add(const Node& node) {
    walk(node, Overloaded{
                   [this](const ast::Stream& s) { text(s.name.text); },
                   [this](const ast::Path& p) {
                     for (const ast::Name& n : p.parts) text(n.text);
                   },
                   [this](const ast::Count& n) { number(value(n).value_or(0)); },
                   [this](const ast::Length& n) { number(value(n).value_or(Duration{}).us); },
                   [this](const ast::Aggregate& a) { text(a.function.text); },
                   [this](const ast::Binary& b) { number(static_cast<std::int64_t>(b.op)); },
                   [this](const ast::Literal& l) { literal(l); },
               });
  }
  void number(std::int64_t n) {
    hash_ = (hash_ ^ static_cast<std::uint64_t>(n)) * 0x9E3779B97F4A7C15ULL, hash_ ^= hash_ >> 29;
  }
  std::uint64_t hash() const { return hash_; }

 private:
  void text(const std::string& t) { number(static_cast<std::int64_t>(std::hash<std::string>{}(t))); }
  void literal(const ast::Literal& l) {
    if (const auto* s = std::get_if<std::string>(&l.value)) text(*s);
    if (const auto* n = std::get_if<std::int64_t>(&l.value)) number(*n);
    if (const auto* d = std::get_if<double>(&l.value)) number(std::bit_cast<std::int64_t>(*d));
    if (const auto* d = std::get_if<Duration>(&l.value)) number(d->us);
    if (const auto* a = std::get_if<ast::Address>(&l.value)) text(a->text);
    if (const auto* r = std::get_if<ast::Regex>(&l.value)) text(r->pattern);
  }
  std::uint64_t hash_ = 14695981039346656037ULL;
};

// Clauses that say what is found; the others say what is done with it.
bool finds(const ast::Clause& clause) {
  return std::holds_alternative<ast::By>(clause.node) || std::holds_alternative<ast::Where>(clause.node) ||
         std::holds_alternative<ast::Except>(clause.node) || std::holds_alternative<ast::During>(clause.node) ||
         std::holds_alternative<ast::Reset>(clause.node) || std::holds_alternative<ast::Learn>(clause.node) ||
         std::holds_alternative<ast::Fire>(clause.node) || std::holds_alternative<ast::FireAtMost>(clause.node) ||
         std::holds_alternative<ast::Mute>(clause.node) || std::holds_alternative<ast::Resume>(clause.node) ||
         std::holds_alternative<ast::Emit>(clause.node) || std::holds_alternative<ast::Resolve>(clause.node);
}

std::vector<const ast::Clause*> finding(const RuleInfo& rule) {
  std::vector<const ast::Clause*> all;
  for (const ast::Clause& clause : rule.clauses)
    if (finds(clause)) all.push_back(&clause);
  return all;
}

bool same_rule(const RuleInfo& a, const RuleInfo& b) {
  const auto left = finding(a), right = finding(b);
  return a.when == b.when && std::equal(left.begin(), left.end(), right.begin(), right.end(),
                                        [](const ast::Clause* l, const ast::Clause* r) { return *l == *r; });
}

bool has_hole(const ast::Pattern& pattern) {
  bool found = false;
  walk(pattern,
       Overloaded{[&](const ast::Param&) { found = true; },
                  [&](const ast::Count& count) { found |= std::holds_alternative<ast::Param>(count.value); },
                  [&](const ast::Length& length) { found |= std::holds_alternative<ast::Param>(length.value); },
                  [&](const ast::Name& name) { found |= name.param; }});
  return found;
}

void lint_repeated(Context& c) {
  std::unordered_map<std::uint64_t, std::vector<const RuleInfo*>> seen;
  for (const RuleInfo& rule : c.model.rules) {
    if (const auto* s = std::get_if<ast::Sequence>(&rule.when.form); s && s->steps.empty())
      continue;                         // its template is unknown
    if (has_hole(rule.when)) continue;  // what it was given cannot stand there, and that is told
    Digest digest;
    digest.number(static_cast<std::int64_t>(rule.when.form.index()));
    digest.add(rule.when);
    for (const ast::Clause* clause : finding(rule)) digest.add(*clause);
    std::vector<const RuleInfo*>& alike = seen[digest.hash()];
    const auto first =
        std::find_if(alike.begin(), alike.end(), [&](const RuleInfo* other) { return same_rule(*other, rule); });
    if (first != alike.end())
      c.report("R114", rule.at, ticked(rule.name) + " finds exactly what " + ticked((*first)->name) + " finds",
               "two alerts for one thing", "delete one of them")
          .cause = Label{(*first)->at, "the same pattern, keys and conditions"};
    else
      alike.push_back(&rule);
  }
}

// ----- time --------------------------------------------------------------------------------------

// A window shorter than the disorder that is waited for: the alert is late by more than what it looks at.
void lint_lateness(Context& c, const RuleInfo& rule) {
  if (!rule.bounds.longest || rule.bounds.longest->us <= 0 || !rule.when.within) return;
  for (EventId id : rule.events) {
    const EventInfo& event = c.model.events[id];
    const auto late = event.late ? value(event.late->length) : std::nullopt;
    if (!late || *late <= *rule.bounds.longest) continue;
    c.report("R115", rule.when.within->span, "the window is shorter than the wait for late events",
             "the alert comes " + duration_text(*late) + " later than it could",
             "shorten `late` of " + ticked(event.name) + ", or make the window longer")
        .cause = Label{event.late->span, "this long is waited"};
    return;
  }
}

// When a rule may fire: the hours of its calendars, in their zones. Nothing where one of them is not known.
struct Hours {
  struct One {
    const ast::CalendarDecl* calendar = nullptr;
    const Zone* zone = nullptr;
    bool outside = false;
    SourceSpan clause;
    bool open(Time at) const { return is_open(*calendar, to_local(zone, at)) != outside; }
    // Some minute of the week: one that begins a day, or one at which hours end or begin.
    bool ever_closed() const {
      std::vector<int> minutes_of_day{0};
      for (const ast::OpenHours& hours : calendar->open)
        minutes_of_day.insert(minutes_of_day.end(), {hours.from_minute, hours.to_minute % (24 * 60)});
      for (int day = 0; day < 7; ++day)
        for (const int minute : minutes_of_day)
          if (is_open(*calendar, day, minute) == outside) return true;
      return false;
    }
  };
  std::vector<One> all;

  static std::optional<Hours> of(const Context& c, const RuleInfo& rule) {
    Hours out;
    for (const ast::Clause& clause : rule.clauses) {
      const auto* during = std::get_if<ast::During>(&clause.node);
      if (during == nullptr) continue;
      const auto id = c.model.calendar_ids.find(during->calendar.text);
      if (id == c.model.calendar_ids.end()) return std::nullopt;
      const ast::CalendarDecl& calendar = c.model.calendars[id->second];
      const Zone* zone = find_zone(calendar.zone.value);
      if (zone == nullptr) return std::nullopt;
      out.all.push_back({&calendar, zone, during->outside, clause.span});
    }
    return out.all.empty() ? std::nullopt : std::optional(std::move(out));
  }
  static std::int64_t minute_of(Time local) { return local.us % days(1).us / minutes(1).us; }
  bool open(Time at) const {
    return std::ranges::all_of(all, [&](const One& one) { return one.open(at); });
  }

 private:
  static bool is_open(const ast::CalendarDecl& calendar, int day, std::int64_t minute) {
    return std::ranges::any_of(calendar.open, [&](const ast::OpenHours& hours) {
      return day >= hours.first_day && day <= hours.last_day && minute >= hours.from_minute && minute < hours.to_minute;
    });
  }
  static bool is_open(const ast::CalendarDecl& calendar, Time local) {
    return is_open(calendar, weekday_of(local), minute_of(local));
  }
};

// Of what is shorter nobody misses the last when a calendar closes.
constexpr Duration kShortestAtClosing = minutes(15);

// F15: what is told at the end of a window is not told when the calendar closes there. Looked for in a winter week and
// in one of summer.
void lint_closing(Context& c, const RuleInfo& rule) {
  const auto& each = rule.when.each;
  const auto length = each ? value(each->length) : std::nullopt;
  if (!length || *length < kShortestAtClosing || days(7).us % length->us != 0) return;
  const std::optional<Hours> hours = Hours::of(c, rule);
  const Zone* zone = each->zone ? find_zone(each->zone->value) : nullptr;
  if (!hours || (each->zone && zone == nullptr)) return;
  std::optional<Time> lost;
  bool some = false;
  for (const Time monday : {Time{days(20'465).us}, Time{days(20'647).us}})  // 12 January, 13 July 2026
    for (Time local = monday; local < monday + days(7); local = local + *length) {
      // A whole number of local days; their clocks do not change in these weeks.
      const Time end = zone != nullptr ? local - clock_offset(zone, local).ahead : local;
      some = some || hours->open(end);
      if (!lost && !hours->open(end) && hours->open(end - Duration{1})) lost = end;
    }
  if (some && !lost) return;
  // Of several calendars the one that closes then.
  const auto closes = lost ? std::ranges::find_if(hours->all, [&](const Hours::One& one) { return !one.open(*lost); })
                           : hours->all.begin();
  const std::string window = duration_text(*length);
  const auto at = [&] {
    const std::int64_t minute = Hours::minute_of(to_local(closes->zone, *lost));
    return fmt::format("{:02}:{:02}", minute / 60, minute % 60);
  };
  const std::string judge = "judge each event: " + ticked("within " + window);
  const std::string later =
      closes->outside ? "let these hours begin a minute later, or " : "let the calendar close a minute later, or ";
  c.report("R130", each->length.span,
           some ? fmt::format("the window of {} that ends at {} can never fire", window, at())
                : fmt::format("no window of {} can ever fire", window),
           closes->outside ? "a window is judged at its end, and nothing fires inside these hours"
                           : "a window is judged at its end, and nothing fires while the calendar is closed",
           (some ? later : "") + judge)
      .cause = Label{closes->clause, !some             ? "closed at the end of each"
                                     : closes->outside ? "these hours begin at that moment"
                                                       : "closes at that moment"};
}

// F15: a match completes when its absence is over, and nothing fires, or resolves, while the calendar is closed.
void lint_waiting(Context& c, const RuleInfo& rule, const ast::Pattern& pattern, bool resolves) {
  const auto* during = find_clause<ast::During>(rule.clauses);
  const auto* sequence = std::get_if<ast::Sequence>(&pattern.form);
  const auto* after = std::get_if<ast::NoAfter>(&pattern.form);
  const ast::Length* wait = after != nullptr                          ? &after->within
                            : sequence != nullptr && sequence->ending ? &sequence->ending->within.length
                                                                      : nullptr;
  const auto length = wait != nullptr ? value(*wait) : std::nullopt;
  if (during == nullptr || !length || *length < kShortestAtClosing) return;
  const std::optional<Hours> hours = Hours::of(c, rule);
  if (!hours) return;
  const auto closing = std::ranges::find_if(hours->all, &Hours::One::ever_closed);
  if (closing == hours->all.end()) return;
  const ast::Stream& missing = after != nullptr ? after->missing : sequence->ending->stream;
  const std::string told = resolves ? "resolves nothing" : "is never told";
  c.report(
       "R131", wait->span,
       (closing->outside ? "a wait that ends within these hours " : "a wait that ends while the calendar is closed ") +
           told,
       "judged when " + duration_text(*length) + " are over, and at no other time",
       ticked("no " + print(missing) + " for " + duration_text(*length)) +
           (closing->outside ? " waits from the end of these hours on" : " waits from the opening on") +
           "; or leave out " + ticked((closing->outside ? "outside " : "during ") + closing->calendar->name.text))
      .cause = Label{closing->clause, std::string("nothing ") + (resolves ? "resolves " : "fires ") +
                                          (closing->outside ? "within these hours" : "outside these hours")};
}

void lint_waiting(Context& c, const RuleInfo& rule) {
  lint_waiting(c, rule, rule.when, false);
  if (const auto* resolve = find_clause<ast::Resolve>(rule.clauses)) lint_waiting(c, rule, *resolve->when, true);
}

// ----- tests -------------------------------------------------------------------------------------

void lint_tests(Context& c) {
  if (c.options.require_tests <= 0) return;
  std::vector<int> tests(c.model.rules.size(), 0);
  for (const TestInfo& test : c.model.tests)
    if (test.rule != kNone) ++tests[test.rule];
  for (std::size_t i = 0; i < tests.size(); ++i)
    if (tests[i] < c.options.require_tests)
      c.report("R116", c.model.rules[i].at,
               ticked(c.model.rules[i].name) + " has " +
                   (tests[i] == 0 ? "no test" : std::to_string(tests[i]) + (tests[i] == 1 ? " test" : " tests")),
               std::to_string(c.options.require_tests) + " are asked for",
               "add one: `test \"..\" rule " + c.model.rules[i].name + "`");
}

// ----- `was` -------------------------------------------------------------------------------------

void check_was(Context& c) {
  NameMap<SourceSpan> seen;
  for (std::size_t i = 0; i < c.model.rules.size(); ++i) {
    const auto& was = c.rule_decls[i]->was;
    if (!was) continue;
    if (const auto living = c.model.rule_ids.find(was->text); living != c.model.rule_ids.end()) {
      const RuleInfo& other = c.model.rules[living->second];
      Diagnostic& d =
          c.report("R041", was->span, "there still is a rule " + ticked(was->text), "its state cannot go to two rules",
                   "`was` names the old name of this rule; delete it, or the other rule");
      d.cause = Label{other.at, "it stands here"};
    }
    const auto [first, fresh] = seen.emplace(was->text, was->span);
    if (!fresh)
      c.report("R041", was->span, "two rules were " + ticked(was->text), "its state cannot go to two rules",
               "keep `was` in one of them")
          .cause = Label{first->second, "the other one"};
  }
}

void lint_rule(Context& c, const RuleInfo& rule) {
  if (const auto* s = std::get_if<ast::Sequence>(&rule.when.form); s && s->steps.empty()) return;
  lint_by(c, rule);
  lint_warm_up(c, rule);
  lint_life(c, rule);
  lint_fan_out(c, rule);
  lint_silent(c, rule);
  lint_lateness(c, rule);
  lint_closing(c, rule);
  lint_waiting(c, rule);
  walk(rule.when, [&](const ast::Step& step) { lint_until(c, step), lint_excepted(c, rule, step); });
}

}  // namespace

void lint(Context& c) {
  check_was(c);
  for (std::size_t i = 0; i < c.model.rules.size(); ++i) {
    c.used_at = c.model.rules[i].used;
    c.used_rule = c.rule_items[i];
    if (!c.failed[i]) lint_rule(c, c.model.rules[i]);
  }
  c.used_at.reset();
  for (const SessionInfo& s : c.model.sessions)
    if (!find_clause<ast::By>(s.decl.clauses)) report_without_by(c, s.decl.name.span, "a session");
  for (const SummaryInfo& s : c.model.summaries)
    if (!find_clause<ast::By>(s.decl.clauses)) report_without_by(c, s.decl.name.span, "a summary");
  lint_repeated(c);
  lint_tests(c);
  lint_unused(c);
}

}  // namespace tocsin::dsl::checking
