// The tests of a rule set: that they name what there is, and that every event they send is what it says (V2).
#include <algorithm>
#include <charconv>
#include <map>

#include "dsl/check/context.h"
#include "dsl/check/test_values.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"
#include "engine/base/text.h"
#include "engine/base/units.h"
#include "engine/base/utf8.h"

namespace tocsin::dsl::checking {
namespace {

using F = ast::FieldType;
using Fields = std::vector<ast::FieldValue>;

// ----- what an alias fixes -----------------------------------------------------------------------

const ast::Expr* value_of(const Fields& fields, const std::string& name) {
  for (const ast::FieldValue& f : fields)
    if (text_of(f.name) == name) return &f.value;
  return nullptr;
}

void flatten(const ast::Expr& e, std::vector<const ast::Expr*>& out) {
  const auto* b = std::get_if<ast::Binary>(&e.node);
  if (!b || b->op != ast::BinaryOp::logical_and) return out.push_back(&e);
  flatten(*b->left, out);
  flatten(*b->right, out);
}

const ast::Path* own_field(const ast::Expr& e) {
  const auto* path = std::get_if<ast::Path>(&e.node);
  return path && path->ref.kind == ast::Ref::Kind::field ? path : nullptr;
}

// The values that `=` fixes; what the test gives itself stands before them.
void add_fixed(const std::vector<ast::Expr>& filters, Fields& fields, SourceSpan span) {
  std::vector<const ast::Expr*> parts;
  for (const ast::Expr& f : filters) flatten(f, parts);
  for (const ast::Expr* part : parts) {
    const auto* b = std::get_if<ast::Binary>(&part->node);
    if (!b || b->op != ast::BinaryOp::equal) continue;
    const bool left = own_field(*b->left) && std::holds_alternative<ast::Literal>(b->right->node);
    const bool right = own_field(*b->right) && std::holds_alternative<ast::Literal>(b->left->node);
    if (!left && !right) continue;
    const ast::Path& path = left ? *own_field(*b->left) : *own_field(*b->right);
    if (!value_of(fields, text_of(path))) fields.push_back({path, left ? *b->right : *b->left, span});
  }
}

// ----- is the filter true of these fields? ---------------------------------------------------------

enum class Truth { no, yes, unknown, cannot_tell };

Truth negated(Truth t) { return t == Truth::no ? Truth::yes : t == Truth::yes ? Truth::no : t; }

struct Operand {
  const ast::Literal* literal = nullptr;
  bool missing = false;
  bool computed = false;  // a function, a list: cannot tell
};

Operand operand(const ast::Expr& e, const Fields& fields) {
  if (const auto* literal = std::get_if<ast::Literal>(&e.node)) return {literal, false, false};
  const ast::Path* path = own_field(e);
  if (!path) return {nullptr, false, true};
  const ast::Expr* value = value_of(fields, text_of(*path));
  if (!value) return {nullptr, text_of(*path) != "time", text_of(*path) == "time"};
  const auto* literal = std::get_if<ast::Literal>(&value->node);
  return {literal, false, literal == nullptr};
}

std::optional<Exact> number(const ast::Literal& l) {
  if (const auto* n = std::get_if<std::int64_t>(&l.value)) return *n;
  if (const auto* d = std::get_if<double>(&l.value)) return *d;
  if (const auto* d = std::get_if<Duration>(&l.value)) return d->us;
  if (const auto* b = std::get_if<bool>(&l.value)) return *b ? 1 : 0;
  return std::nullopt;
}

const std::string* words(const ast::Literal& l) { return std::get_if<std::string>(&l.value); }

// As the engine does it (X2).
std::string folded(const std::string& text, bool fold) {
  if (!fold) return text;
  std::string out;
  append_lower(out, text);
  return out;
}

Truth compare(ast::BinaryOp op, const ast::Literal& l, const ast::Literal& r, bool fold) {
  int order = 0;
  if (number(l) && number(r)) {
    order = *number(l) < *number(r) ? -1 : *number(l) > *number(r) ? 1 : 0;
  } else if (words(l) && words(r)) {
    const std::string a = folded(*words(l), fold), b = folded(*words(r), fold);
    if (op == ast::BinaryOp::contains) return a.find(b) != std::string::npos ? Truth::yes : Truth::no;
    if (op == ast::BinaryOp::starts_with) return a.starts_with(b) ? Truth::yes : Truth::no;
    if (op == ast::BinaryOp::ends_with) return a.ends_with(b) ? Truth::yes : Truth::no;
    order = a.compare(b);
  } else {
    return Truth::cannot_tell;
  }
  const auto say = [](bool b) { return b ? Truth::yes : Truth::no; };
  if (op == ast::BinaryOp::equal) return say(order == 0);
  if (op == ast::BinaryOp::not_equal) return say(order != 0);
  if (op == ast::BinaryOp::less) return say(order < 0);
  if (op == ast::BinaryOp::less_equal) return say(order <= 0);
  if (op == ast::BinaryOp::greater) return say(order > 0);
  if (op == ast::BinaryOp::greater_equal) return say(order >= 0);
  return Truth::cannot_tell;
}

Truth truth(const ast::Expr& e, const Fields& fields);

Truth truth_of_binary(const ast::Binary& b, const Fields& fields) {
  if (b.op == ast::BinaryOp::logical_and || b.op == ast::BinaryOp::logical_or) {
    const Truth decides = b.op == ast::BinaryOp::logical_and ? Truth::no : Truth::yes;
    const Truth l = truth(*b.left, fields), r = truth(*b.right, fields);
    if (l == decides || r == decides) return decides;
    if (l == Truth::cannot_tell || r == Truth::cannot_tell) return Truth::cannot_tell;
    if (l == Truth::unknown || r == Truth::unknown) return Truth::unknown;
    return negated(decides);
  }
  const Operand l = operand(*b.left, fields), r = operand(*b.right, fields);
  if (l.missing || r.missing) return Truth::unknown;
  if (!l.literal || !r.literal) return Truth::cannot_tell;
  return compare(b.op, *l.literal, *r.literal, b.ignoring_case);
}

Truth truth_of_in(const ast::In& in, const Fields& fields) {
  const auto* items = std::get_if<ast::InItems>(&in.where);
  const Operand what = operand(*in.what, fields);
  if (what.missing) return Truth::unknown;
  if (!items || !what.literal) return Truth::cannot_tell;
  Truth found = Truth::no;
  for (const ast::Expr& item : items->items) {
    const Operand one = operand(item, fields);
    const Truth same =
        one.literal ? compare(ast::BinaryOp::equal, *what.literal, *one.literal, in.ignoring_case) : Truth::cannot_tell;
    if (same == Truth::yes) found = Truth::yes;
    if (same == Truth::cannot_tell && found == Truth::no) found = Truth::cannot_tell;
  }
  return in.negated ? negated(found) : found;
}

Truth truth(const ast::Expr& e, const Fields& fields) {
  if (const auto* b = std::get_if<ast::Binary>(&e.node)) return truth_of_binary(*b, fields);
  if (const auto* u = std::get_if<ast::Unary>(&e.node); u && u->op == ast::UnaryOp::logical_not)
    return negated(truth(*u->operand, fields));
  if (const auto* in = std::get_if<ast::In>(&e.node)) return truth_of_in(*in, fields);
  if (const auto* is = std::get_if<ast::Is>(&e.node)) {
    const Operand what = operand(*is->what, fields);
    if (what.computed) return Truth::cannot_tell;
    return what.missing == is->missing ? Truth::yes : Truth::no;
  }
  if (const auto* b = std::get_if<ast::Between>(&e.node)) {
    const Operand what = operand(*b->what, fields), low = operand(*b->low, fields), high = operand(*b->high, fields);
    if (what.missing) return Truth::unknown;
    if (!what.literal || !low.literal || !high.literal) return Truth::cannot_tell;
    const Truth l = compare(ast::BinaryOp::greater_equal, *what.literal, *low.literal, false),
                h = compare(ast::BinaryOp::less_equal, *what.literal, *high.literal, false);
    return l == Truth::no || h == Truth::no     ? Truth::no
           : l == Truth::yes && h == Truth::yes ? Truth::yes
                                                : Truth::cannot_tell;
  }
  if (own_field(e)) {
    const Operand value = operand(e, fields);
    if (value.missing) return Truth::unknown;
    if (value.literal && number(*value.literal)) return *number(*value.literal) != 0 ? Truth::yes : Truth::no;
  }
  return Truth::cannot_tell;
}

std::vector<std::string> fields_in(const ast::Expr& e) {
  std::vector<std::string> names;
  walk(e, [&](const ast::Path& path) {
    if (path.ref.kind == ast::Ref::Kind::field && std::find(names.begin(), names.end(), text_of(path)) == names.end())
      names.push_back(text_of(path));
  });
  return names;
}

// ----- one line ----------------------------------------------------------------------------------

// Does a session send events of this kind on with a field of this name (`emit each with ..`)?
bool is_sent_on(const Context& c, EventId event, const std::string& name) {
  for (const SessionInfo& session : c.model.sessions) {
    if (std::find(session.of.begin(), session.of.end(), event) == session.of.end()) continue;
    for (const ast::Clause& clause : session.decl.clauses)
      if (const auto* each = std::get_if<ast::EmitEach>(&clause.node))
        for (const ast::Assign& field : each->fields)
          if (field.name.text == name) return true;
  }
  return false;
}

void check_values(Context& c, Fields& fields, EventId event, Given given) {
  std::vector<std::string> seen;
  for (ast::FieldValue& field : fields) {
    Scope scope;
    scope.place = Place::constant;
    scope.where_word = "a test";
    type_of(c, field.value, scope);
    const std::string name = text_of(field.name);
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      c.report("R020", field.name.span, "field " + ticked(name) + " is given twice", "this name is taken",
               "delete one of them");
    seen.push_back(name);
    const bool known = event != kNone && !(given == Given::expected && is_sent_on(c, event, name));
    const Type type = known ? field_type(c, {event}, field.name, 0) : Type();
    check_test_value(c, field.value, type, given,
                     ticked(name) + (known ? " of " + ticked(c.model.events[event].name) : std::string()));
  }
}

// V2: the time of a sent event is that of its line, and a value given for it would say nothing.
void check_no_timestamp(Context& c, const Fields& fields, EventId event) {
  const EventInfo& info = c.model.events[event];
  if (!info.timestamp) return;
  const std::string name = text_of(info.timestamp->field);
  for (const ast::FieldValue& field : fields)
    if (text_of(field.name) == name)
      c.report("R081", field.name.span, ticked(name) + " is the time of the event, which is that of its line",
               "the timestamp of " + ticked(info.name),
               "leave it out, and write the time after `at`: `at 30s`, or `at \"2026-03-01T14:20:05Z\"`");
}

// `1_000 x every 365d` may be no later than a test can say by itself.
void check_span_of_sending(Context& c, const ast::Send& send) {
  if (!send.every || !check_duration(c, *send.every)) return;
  const auto every = value(*send.every);
  const auto n = send.number ? value(*send.number) : std::nullopt;
  if (!every || every->us <= 0 || !n || *n <= kDurationMax.us / every->us) return;
  c.report("R074", send.every->span, "events over more than " + duration_text(kDurationMax),
           "so many of them are longer than ten years", "send fewer, or closer to each other");
}

void check_send(Context& c, ast::Send& send) {
  ast::Stream stream;
  stream.name = send.event;
  stream.span = send.event.span;
  resolve_stream(c, stream);
  if (const auto n = send.number ? value(*send.number) : std::nullopt; n && *n > kTestEventsMax)
    c.report("R074", send.number->span, "more than " + std::to_string(kTestEventsMax) + " events in one test",
             "too many", "load them from a file: `load \"events.ndjson\"`");
  check_span_of_sending(c, send);
  const std::vector<Alternative> alternatives = c.model.expand(stream);
  if (alternatives.empty()) return check_values(c, send.fields, kNone, Given::sent);
  if (alternatives.size() > 1) {
    std::vector<std::string> bases;
    for (const Alternative& a : alternatives) bases.push_back(c.model.events[a.event].name);
    c.report("R076", send.event.span, ticked(send.event.text) + " is one of several events", "which of them happens?",
             "send one of them: " + ticked_list(bases, "or"));
    return;
  }
  const Alternative& only = alternatives.front();
  check_values(c, send.fields, only.event, Given::sent);
  check_no_timestamp(c, send.fields, only.event);
  add_fixed(only.filters, send.fields, send.event.span);
  for (const ast::Expr& filter : only.filters) {
    std::vector<const ast::Expr*> parts;
    flatten(filter, parts);
    for (const ast::Expr* part : parts) {
      const Truth t = truth(*part, send.fields);
      if (t != Truth::no && t != Truth::unknown) continue;
      const std::vector<std::string> names = fields_in(*part);
      Diagnostic& d = c.report("R076", send.event.span, "this event is no " + ticked(send.event.text),
                               "its filter is not true of these fields",
                               names.empty() ? "send " + ticked(c.model.events[only.event].name) + " instead"
                                             : "give " + ticked_list(names) + " a value that fits, or send " +
                                                   ticked(c.model.events[only.event].name));
      d.cause = Label{part->span, "this has to hold"};
      send.event.text = c.model.events[only.event].name;
      return;
    }
  }
  send.event.text = c.model.events[only.event].name;
}

// What every alert has, of the fields that a test can write.
struct AlertField {
  const char* name;
  Type type;
};
constexpr AlertField kAlertFields[] = {
    {"alert_id", {F::text}},    {"rule", {F::text}},       {"rule_version", {F::text}}, {"severity", {F::text}},
    {"state", {F::text}},       {"text", {F::text}},       {"time", {F::time}},         {"first", {F::time}},
    {"last", {F::time}},        {"span", {F::duration}},   {"count", {F::integer}},     {"suppressed", {F::integer}},
    {"reminder", {F::integer}}, {"tags", {F::text, true}}, {"owner", {F::text}},        {"runbook", {F::text}},
};
// Names of patterns that texts and `with` may use (N1), and no alert has by itself.
constexpr const char* kPatternNames[] = {"gap", "last_seen", "value", "baseline", "rank"};

void check_alert_fields(Context& c, ast::Expect& expect, std::uint32_t rule) {
  check_values(c, expect.fields, kNone, Given::expected);
  if (rule == kNone) return;
  const RuleInfo& info = c.model.rules[rule];
  const EventInfo& event = c.model.events[info.alert];
  for (ast::FieldValue& field : expect.fields) {
    const std::string name = text_of(field.name);
    const auto of_all = std::find_if(std::begin(kAlertFields), std::end(kAlertFields),
                                     [&](const AlertField& f) { return f.name == name; });
    const FieldInfo* own_field = event.find(name);
    if (own_field != nullptr || of_all != std::end(kAlertFields)) {
      check_test_value(c, field.value, own_field != nullptr ? own_field->type : of_all->type, Given::expected,
                       ticked(name) + " in an alert of " + ticked(info.name));
      continue;
    }
    std::vector<std::string> names;
    for (const FieldInfo& f : event.fields) names.push_back(f.name);
    const std::size_t own = names.size();
    for (const AlertField& f : kAlertFields) names.push_back(f.name);
    const bool of_pattern =
        std::find(std::begin(kPatternNames), std::end(kPatternNames), name) != std::end(kPatternNames);
    std::string help =
        of_pattern ? "the rule has to carry it: `with " + name + " = " + name + "`" : did_you_mean(name, names);
    names.resize(own);
    if (help.empty())
      help = names.empty() ? "add it to the rule: `with " + name + " = ..`"
                           : "besides what every alert has, it carries " + ticked_list(names);
    c.report("R024", field.name.span, "an alert of " + ticked(info.name) + " has no " + ticked(name),
             "neither a key nor a field of `with`", help);
  }
}

void check_expect(Context& c, ast::Expect& expect, std::uint32_t rule) {
  if (!expect.event) return check_alert_fields(c, expect, rule);
  const std::string& name = expect.event->text;
  if (!expect.event->param && !c.model.event_ids.contains(name) && !c.model.alias_ids.contains(name) &&
      !c.unreadable.contains(name)) {
    std::vector<std::string> known = c.declared_names;
    known.insert(known.begin(), "alert");
    std::string help = did_you_mean(name, known);
    if (help.empty()) help = "expect `alert {..}` or `no alert`, or an event that a rule, a session or a summary emits";
    c.report("R021", expect.event->span, "unknown event " + ticked(name), "nothing declares or emits it", help);
    return;
  }
  ast::Stream stream;
  stream.name = *expect.event;
  resolve_stream(c, stream);
  const std::vector<EventId> events = c.model.events_of(stream);
  check_values(c, expect.fields, events.size() == 1 ? events.front() : kNone, Given::expected);
}

// ----- times -------------------------------------------------------------------------------------

struct Clock {
  std::optional<std::int64_t> last;
  SourceSpan at;
};

void check_time(Context& c, const ast::TestLine& line, Clock& clock) {
  if (!line.at) return;
  std::optional<std::int64_t> now;
  SourceSpan span = line.span;
  if (const auto* length = std::get_if<ast::Length>(&*line.at)) {
    span = length->span;
    if (!check_duration(c, *length)) return;
    if (const auto d = value(*length)) now = (kFirstMonday + *d).us;
  } else {
    const ast::Text& text = std::get<ast::Text>(*line.at);
    span = text.span;
    if (const auto time = parse_rfc3339(text.value)) now = time->us;
    if (!now)
      c.report("R077", text.span, "\"" + text.value + "\" is no time", "no day and time as RFC 3339 writes them",
               "write `\"2026-01-31T12:00:00Z\"`, or a duration such as `5m`");
  }
  if (now && clock.last && *now < *clock.last)
    c.report("R077", span, "time does not run backwards", "earlier than the line before",
             "put the lines in the order of their times")
        .cause = Label{clock.at, "it is this late already"};
  if (now) clock = {now, span};
}

void check_file(Context& c, const ast::Text& file) {
  if (c.options.file_exists && !c.options.file_exists(file.span.file, file.value))
    c.report("R117", file.span, "there is no file \"" + file.value + "\"", "the test cannot run without it",
             "create it beside the rules, or correct its path: it counts from the folder of this file");
}

void check_test(Context& c, TestInfo& test) {
  if (test.decl.rule)
    if (const auto rule = find_rule(c, *test.decl.rule, "no rule has this name, so there is nothing to test"))
      test.rule = *rule;
  bool expects = false;
  Clock clock;
  for (ast::TestLine& line : test.decl.lines) {
    check_time(c, line, clock);
    std::visit(Overloaded{
                   [&](ast::Send& n) { check_send(c, n); },
                   [&](ast::Expect& n) { expects = true, check_expect(c, n, test.rule); },
                   [&](ast::Reload& n) { check_file(c, n.file); },
                   [](ast::Restart&) {},
                   [&](ast::Load& n) { check_file(c, n.file); },
               },
               line.node);
  }
  if (!expects)
    c.report("R075", test.decl.title.span, "a test without `expect` shows nothing", "it passes whatever the rule does",
             "add `at 5m expect alert`, or `at 5m expect no alert`");
}

// A failure is told by its title, and who keeps reports (JUnit) knows a test by nothing else.
void check_titles(Context& c) {
  std::map<std::pair<std::string_view, std::string_view>, SourceSpan> seen;
  for (const TestInfo& test : c.model.tests) {
    const std::string_view rule = test.decl.rule ? test.decl.rule->text : std::string_view();
    const ast::Text& title = test.decl.title;
    const auto [first, fresh] = seen.emplace(std::pair(rule, std::string_view(title.value)), title.span);
    if (fresh) continue;
    c.report("R020", title.span,
             rule.empty() ? "two tests have this title" : "two tests of " + ticked(rule) + " have this title",
             "this title is taken", "say in the title what this one shows, or delete it")
        .cause = Label{first->second, "the first"};
  }
}

}  // namespace

void check_tests(Context& c) {
  for (TestInfo& test : c.model.tests) check_test(c, test);
  check_titles(c);
}

}  // namespace tocsin::dsl::checking
