#include "tests/support/ast_generator.h"

#include <utility>

namespace tocsin::tests {

using namespace ast;  // NOLINT: a file about nothing but its nodes

template <class Make>
auto AnyRules::some(std::size_t least, std::size_t most, Make make) {
  std::vector<decltype(make())> out;
  for (std::size_t n = least + below(most - least + 1); n > 0; --n) out.push_back(make());
  return out;
}

// ----- words --------------------------------------------------------------------------------------------------------

std::string AnyRules::word() {
  return pick<const char*>(
      {"a", "b", "login", "login_failed", "user", "ip", "s", "d", "m", "ms", "mon", "high", "x9", "_x"});
}

std::string AnyRules::any_text() {
  return pick<const char*>({"", "x", "two words", "quote \" and \\ slash", "line\nand\ttab", "{braces} {{twice}}",
                            "caf\u00e9", "\u200b\x01", "Europe/Paris", "// no comment", "a/b", "}", "{"});
}

Name AnyRules::item_name() {
  Name out;
  out.param = rarely() && rarely();
  // Keywords, capitals and strangers are names too, in backticks.
  out.text = !out.param && rarely()
                 ? pick<const char*>({"count", "rule", "Login", "two words", "then", "true", "caf\u00e9"})
                 : word();
  return out;
}

Name AnyRules::declared_name() {
  Name out = item_name();
  out.param = false;
  return out;
}

Name AnyRules::field_name() {
  Name out;
  out.text =
      maybe() ? word() : pick<const char*>({"start", "end", "count",  "last", "rule", "top",  "first",      "all",
                                            "some",  "its", "within", "and",  "in",   "not",  "User-Agent", "camelCase",
                                            "text",  "by",  "over",   "list", "of",   "from", "previous",   "value"});
  return out;
}

Path AnyRules::path() {
  Path out;
  out.parts = some(1, maybe() ? 1 : 3, [&] { return field_name(); });
  return out;
}

Param AnyRules::param() { return {word(), {}}; }

Count AnyRules::count() {
  Count out;
  if (rarely())
    out.value = param();
  else
    out.value = pick<std::int64_t>({0, 1, 2, 5, 100, 9'000'000'000});
  return out;
}

Length AnyRules::length() {
  Length out;
  if (rarely())
    out.value = param();
  else
    out.value = pick<Duration>({{0}, {1}, milliseconds(250), seconds(90), minutes(5), hours(36), days(7), days(365)});
  return out;
}

Text AnyRules::text() { return {any_text(), {}}; }

Template AnyRules::text_template(int depth) {
  Template out;
  bool plain = maybe();
  for (std::size_t n = below(4); n > 0; --n, plain = !plain) {
    if (!plain) {
      out.pieces.emplace_back(Box<Expr>(expr(depth - 1)));
    } else if (std::string t = any_text(); !t.empty()) {
      if (!out.pieces.empty() && std::holds_alternative<std::string>(out.pieces.back())) continue;
      out.pieces.emplace_back(std::move(t));
    }
  }
  return out;
}

// ----- expressions --------------------------------------------------------------------------------------------------

Literal AnyRules::literal() {
  Literal out;
  switch (below(8)) {
    case 0:
      out.value = maybe();
      break;
    case 1:
      out.value = pick<std::int64_t>({0, 7, 1'000'000, 9'223'372'036'854'775'807});
      break;
    case 2:
      out.value = pick<double>({0.0, 0.2, 1.5, 1e300, 5e-324, 3.141592653589793, 1e21});
      break;
    case 3:
      out.value = any_text();
      break;
    case 4:
      out.value = std::get<0>(maybe() ? Length{seconds(30), {}, {}}.value : Length{days(2), {}, {}}.value);
      break;
    case 5:
      out.value = Address{pick<const char*>({"10.0.0.1", "10.0.0.0/8", "::1", "fe80::/10", "0.0.0.0/0"})};
      break;
    default:
      out.value = pick<std::int64_t>({1, 2, 3});
  }
  return out;
}

Binary AnyRules::comparison(Expr left, Expr right) {
  Binary out;
  out.op = pick({BinaryOp::equal, BinaryOp::not_equal, BinaryOp::less, BinaryOp::less_equal, BinaryOp::greater,
                 BinaryOp::greater_equal, BinaryOp::contains, BinaryOp::starts_with, BinaryOp::ends_with});
  out.left = std::move(left);
  out.right = std::move(right);
  out.ignoring_case = rarely();
  return out;
}

Expr AnyRules::expr(int depth) {
  Expr out;
  const auto sub = [&] { return expr(depth - 1); };
  switch (depth <= 0 ? below(3) : below(17)) {
    case 0:
      out.node = literal();
      break;
    case 1:
      out.node = path();
      break;
    case 2:
      if (maybe())
        out.node = param();
      else
        out.node = literal();
      break;
    case 3:
      out.node = Lookup{field_name(), sub(), path()};
      break;
    case 4:
      out.node =
          Call{{pick<const char*>({"lower", "hours", "if", "coalesce", "text", "concat"}), false, {}}, some(0, 3, sub)};
      break;
    case 5:
      out.node = Call{{pick<const char*>({"min", "max"}), false, {}}, some(2, 3, sub)};
      break;
    case 6:
      out.node = aggregate(depth - 1);
      break;
    case 7:
      out.node = Unary{maybe() ? UnaryOp::negate : UnaryOp::logical_not, sub()};
      break;
    case 8:
    case 9: {
      Binary b = comparison(sub(), sub());
      b.ignoring_case = false;
      b.op = pick({BinaryOp::logical_or, BinaryOp::logical_and, BinaryOp::add, BinaryOp::subtract, BinaryOp::multiply,
                   BinaryOp::divide, BinaryOp::remainder});
      out.node = std::move(b);
      break;
    }
    case 10:
      out.node = comparison(sub(), sub());
      break;
    case 11: {
      Binary b = comparison(sub(), Expr{});
      b.op = BinaryOp::matches;
      b.right->node = Literal{Regex{pick<const char*>({"^admin", "a/b", "\\d+\\\\", "[/\"{}]", "x{2}"})}, {}};
      out.node = std::move(b);
      break;
    }
    case 12: {
      In in;
      in.what = sub();
      in.negated = maybe();
      in.ignoring_case = rarely();
      if (maybe())
        in.where = InItems{some(0, 3, sub)};
      else if (maybe())
        in.where = InList{item_name()};
      else
        in.where = InCalendar{item_name()};
      out.node = std::move(in);
      break;
    }
    case 13:
      out.node = Between{sub(), sub(), sub()};
      break;
    case 14:
      out.node = Is{sub(), maybe()};
      break;
    case 15:
      out.node = Some{path(), sub()};
      break;
    default: {
      if (maybe()) {
        out.node = ListOf{some(0, 3, sub)};
        break;
      }
      Its its;
      if (maybe()) its.factor = pick<double>({3, 1.5, 0.1});
      its.what = pick({Its::What::average, Its::What::previous});
      if (its.what == Its::What::average) its.over = length();
      out.node = std::move(its);
    }
  }
  return out;
}

StreamPath AnyRules::stream_path(int depth, bool field) {
  StreamPath out;
  out.stream = stream(depth);
  if (field) out.field = path();
  return out;
}

Aggregate AnyRules::aggregate(int depth) {
  Aggregate out;
  const auto over = [&] {
    if (!maybe()) return;
    out.over.emplace();
    if (rarely())
      out.over->window = count();
    else
      out.over->window = length();
  };
  switch (below(5)) {
    case 0:
      out.function.text = pick<const char*>({"count", "sum", "first", "last", "values"});
      break;
    case 1:
      out.function.text =
          pick<const char*>({"count", "sum", "avg", "min", "max", "p95", "p99.9", "median", "duration", "gap_avg"});
      out.streams.push_back(stream_path(depth, maybe()));
      over();
      break;
    case 2:
      out.function.text = "ratio";
      out.streams.push_back(stream_path(depth, false));
      out.streams.push_back(stream_path(depth, false));
      over();
      break;
    case 3:
      out.function.text = pick<const char*>({"ema", "top", "forecast"});
      out.streams.push_back(stream_path(depth, true));
      over();
      out.args.push_back(expr(depth));
      break;
    default:
      out.function.text = "zscore";
      out.args.push_back(expr(depth));
      out.args.push_back(expr(depth));
  }
  return out;
}

Expr AnyRules::condition(int depth) {
  Expr left, right;
  left.node = aggregate(depth);
  right.node = literal();
  Expr out;
  out.node = comparison(std::move(left), std::move(right));
  if (depth <= 0 || maybe()) return out;
  Binary both;
  both.op = pick({BinaryOp::logical_and, BinaryOp::logical_or});
  both.left = std::move(out);
  both.right = expr(depth - 1);
  return {std::move(both), {}};
}

// ----- streams and patterns -----------------------------------------------------------------------------------------

Stream AnyRules::stream(int depth) {
  Stream out;
  if (depth > 0 && rarely())
    out.any = some(2, 3, [&] { return stream(depth - 1); });
  else
    out.name = item_name();
  if (depth > 0 && below(3) == 0) out.filter = expr(depth);
  return out;
}

Quantity AnyRules::quantity() {
  Quantity out;
  using Kind = Quantity::Kind;
  out.kind = pick({Kind::one, Kind::one, Kind::one, Kind::at_least, Kind::exactly, Kind::from_to, Kind::one_or_more,
                   Kind::zero_or_more, Kind::maybe});
  if (out.kind == Kind::at_least || out.kind == Kind::exactly || out.kind == Kind::from_to) out.low = count();
  if (out.kind == Kind::from_to) out.high = count();
  return out;
}

StepBound AnyRules::bound() {
  StepBound out;
  out.length = length();
  if (maybe()) out.of = item_name();
  return out;
}

Link AnyRules::link(int depth) {
  Link out;
  if (rarely()) out.no = stream(depth);
  switch (below(4)) {
    case 0:
      out.next = true;
      break;
    case 1:
      out.first = true;
      break;
    default:
      break;
  }
  if (rarely()) out.within = bound();
  return out;
}

Step AnyRules::step(int depth) {
  Step out;
  out.quantity = quantity();
  out.consecutive = rarely();
  if (depth > 0 && rarely()) {
    Pattern inner = pattern(depth - 1);
    // A group of one event would read as a union of one, a group of a condition as the condition.
    if (!inner.within) inner.within = length();
    out.what = Group{std::move(inner)};
  } else if (depth > 0 && rarely()) {
    AnyOf any;
    if (maybe()) any.number = count();
    any.alternatives = some(1, 3, [&] { return step(depth - 1); });
    out.what = std::move(any);
  } else {
    out.what = stream(depth);
  }
  if (rarely()) out.of = stream(depth - 1);
  if (rarely()) out.as = item_name();
  if (rarely()) {
    out.until.emplace();
    out.until->stream = stream(depth - 1);
    if (maybe()) out.until->as = item_name();
  }
  return out;
}

Sequence AnyRules::sequence(int depth, std::size_t most) {
  Sequence out;
  out.steps = some(1, most, [&] { return step(depth); });
  for (std::size_t i = 1; i < out.steps.size(); ++i) out.steps[i].link = link(depth - 1);
  if (rarely()) {
    out.ending.emplace();
    out.ending->stream = stream(depth - 1);
    out.ending->within = bound();
  }
  return out;
}

Pattern AnyRules::pattern(int depth) {
  Pattern out;
  const auto as = [&] { return rarely() ? std::optional(item_name()) : std::nullopt; };
  switch (below(16)) {
    case 0:
      out.form = Apart{count(), stream(depth), length(), as()};
      break;
    case 1:
      out.form = FewerThan{count(), stream(depth)};
      break;
    case 2:
      out.form = Distinct{count(), some(1, 3, [&] { return stream_path(depth - 1, true); })};
      break;
    case 3:
      out.form = OfLast{count(), count(), stream(depth)};
      break;
    case 4:
      out.form = Changes{count(), stream_path(depth, true)};
      break;
    case 5:
      out.form = New{stream_path(depth, true), length()};
      break;
    case 6:
      out.form = Idle{stream(depth), as(), length()};
      break;
    case 7:
      out.form = Without{stream(depth), as(), length(), stream(depth - 1)};
      break;
    case 8:
      out.form = Silence{stream(depth), length()};
      break;
    case 9:
      out.form = NoAfter{stream(depth), length(), stream(depth), as()};
      break;
    case 10:
      out.form = Ranking{count(), stream_path(depth, true), length()};
      break;
    case 11:
    case 12:
      out.form = Condition{condition(depth)};
      break;
    default:
      out.form = sequence(depth, 4);
  }
  // `no x for D` ends where another `for` would begin.
  const auto* steps = std::get_if<Sequence>(&out.form);
  if (maybe() && (steps == nullptr || !steps->ending)) out.within = length();
  if (rarely()) {
    out.each.emplace();
    out.each->length = length();
    if (maybe()) out.each->zone = text();
  }
  if (rarely() && !std::holds_alternative<Silence>(out.form)) out.hold = length();
  return out;
}

// ----- clauses ------------------------------------------------------------------------------------------------------

Expr AnyRules::assigned(int depth) {
  Expr out = maybe() ? expr(depth) : Expr{text_template(depth), {}};
  // A text alone holds expressions, so it is a template here, also without any.
  if (const auto* l = std::get_if<Literal>(&out.node); l != nullptr && std::holds_alternative<std::string>(l->value))
    out.node = Param{"n", {}};
  return out;
}

Assign AnyRules::assign(int depth) { return {field_name(), assigned(depth), {}}; }

Key AnyRules::key() {
  Key out;
  switch (below(4)) {
    case 0:
      out.name = field_name();
      out.value = expr(1);
      break;
    case 1:
      out.name = field_name();
      out.parts = some(2, 3, [&] { return path(); });
      break;
    default:
      out.field = path();
      if (rarely()) {
        out.field.parts.resize(1);
        out.field.parts[0] = {"key", true, {}};
      }
  }
  if (rarely()) out.list = item_name();
  return out;
}

Clause AnyRules::rule_clause() {
  const auto texts = [&] { return some(1, 3, [&] { return text(); }); };
  const auto paths = [&] { return some(0, 2, [&] { return path(); }); };
  const auto severity = [&] {
    return pick({Severity::info, Severity::low, Severity::medium, Severity::high, Severity::critical});
  };
  Clause out;
  switch (below(22)) {
    case 0:
      out.node = By{some(1, 3, [&] { return key(); }), false};
      break;
    case 1:
      out.node = By{{}, true};
      break;
    case 2:
      out.node = Where{expr(3)};
      break;
    case 3:
      out.node = Except{expr(2)};
      break;
    case 4:
      out.node = During{item_name(), maybe()};
      break;
    case 5:
      out.node = Reset{stream(1)};
      break;
    case 6:
      out.node = Learn{length()};
      break;
    case 7:
      out.node = Resolve{pattern(1)};
      break;
    case 8:
      out.node = Mute{item_name(), paths()};
      break;
    case 9:
      out.node = Escalate{severity(), maybe() ? std::optional(count()) : std::nullopt, length()};
      break;
    case 10:
      out.node = Remind{length()};
      break;
    case 11:
    case 12:
      out.node = Alert{maybe() ? std::optional(severity()) : std::nullopt, text_template(2)};
      break;
    case 13:
      out.node = With{some(1, 3, [&] { return assign(2); })};
      break;
    case 14:
      out.node = SendTo{texts()};
      break;
    case 15:
      out.node = Runbook{text_template(1)};
      break;
    case 16:
      out.node = Tags{texts()};
      break;
    case 17:
      out.node = Owner{text()};
      break;
    case 18:
      out.node = Emit{item_name(), some(1, 3, [&] { return assign(1); })};
      break;
    case 19:
      out.node = Forget{length()};
      break;
    case 20:
      out.node = FireAtMost{count(), length(), paths()};
      break;
    default:
      if (maybe())
        out.node = Fire{pick({Fire::How::once, Fire::How::always, Fire::How::start_over, Fire::How::every_match})};
      else
        out.node = Resume{maybe(), item_name()};
  }
  return out;
}

Clause AnyRules::session_clause() {
  Clause out;
  switch (below(7)) {
    case 0:
      out.node = EndsAfter{length(), maybe() ? std::optional(stream(1)) : std::nullopt};
      break;
    case 1:
      out.node = EndsOn{stream(1)};
      break;
    case 2:
      out.node = StartsOn{stream(1)};
      break;
    case 3:
      out.node = AtMost{length()};
      break;
    case 4: {
      EmitEach each;
      each.fields = some(1, 3, [&] { return assign(1); });
      if (maybe()) each.fields[0].value.node = Path{{each.fields[0].name}, {}, {}};
      each.sinks = some(1, 2, [&] { return text(); });
      out.node = std::move(each);
      break;
    }
    case 5:
      out.node = With{some(1, 3, [&] { return assign(1); })};
      break;
    default:
      out.node = By{some(1, 2, [&] { return key(); }), false};
  }
  return out;
}

Clause AnyRules::summary_clause() {
  Clause out;
  Every every;
  switch (below(6)) {
    case 0:
      every.event = true;
      every.over_all = rarely();
      if (!every.over_all && maybe()) every.over = length();
      out.node = std::move(every);
      break;
    case 1:
    case 2:
    case 3:
      every.aligned.emplace();
      every.aligned->length = length();
      if (maybe()) every.aligned->zone = text();
      every.over_all = rarely();
      if (!every.over_all && maybe()) every.over = length();
      out.node = std::move(every);
      break;
    case 4:
      out.node = EvenIfEmpty{};
      break;
    default:
      out.node = With{some(1, 3, [&] { return assign(1); })};
  }
  return out;
}

std::vector<Clause> AnyRules::clauses(Clause (AnyRules::*make)()) {
  return some(0, 6, [&] { return (this->*make)(); });
}

// ----- items --------------------------------------------------------------------------------------------------------

Item AnyRules::wrap(decltype(Item::node) node) {
  Item out;
  out.node = std::move(node);
  if (rarely()) out.doc = pick<const char*>({"one line", "two\nlines", "a\n\nb", "/ slash"});
  return out;
}

Item AnyRules::event() {
  EventDecl out;
  out.name = declared_name();
  out.has = maybe();
  if (out.has)
    out.fields = some(1, 12, [&] {
      Field f;
      f.name = path();
      f.type = pick({FieldType::text, FieldType::integer, FieldType::floating, FieldType::boolean, FieldType::time,
                     FieldType::duration, FieldType::ip, FieldType::point, FieldType::any});
      f.list = rarely();
      f.optional = maybe();
      return f;
    });
  if (maybe()) {
    out.timestamp.emplace();
    out.timestamp->field = path();
    if (maybe())
      out.timestamp->unit =
          pick({TimeUnit::seconds, TimeUnit::milliseconds, TimeUnit::microseconds, TimeUnit::nanoseconds});
  }
  if (maybe()) {
    out.late.emplace();
    out.late->length = length();
    out.late->adaptive = maybe();
  }
  if (maybe()) out.tiebreak = path();
  return wrap(std::move(out));
}

Item AnyRules::rule() {
  RuleDecl out;
  out.name = declared_name();
  if (maybe()) out.title = text();
  if (rarely()) out.was = declared_name();
  if (rarely())
    out.body = Uses{declared_name(), some(0, 4, [&] { return expr(1); }), {}};
  else
    out.body = pattern(3);
  out.clauses = clauses(&AnyRules::rule_clause);
  return wrap(std::move(out));
}

std::vector<FieldValue> AnyRules::fields() {
  return some(0, 3, [&] { return FieldValue{path(), expr(1), {}}; });
}

Item AnyRules::test() {
  TestDecl out;
  out.title = text();
  if (maybe()) out.rule = declared_name();
  out.lines = some(0, 6, [&] {
    TestLine line;
    if (rarely())
      line.at = text();
    else if (!rarely())
      line.at = length();
    switch (below(6)) {
      case 0:
        line.node = Expect{maybe(), maybe() ? std::optional(declared_name()) : std::nullopt, fields()};
        break;
      case 1:
        line.node = Reload{text()};
        break;
      case 2:
        line.node = Restart{};
        break;
      case 3:
        line.node = Load{text()};
        break;
      default: {
        Name event = item_name();
        event.param = false;  // `$n` there would be a number
        line.node = Send{maybe() ? std::optional(count()) : std::nullopt, std::move(event),
                         maybe() ? std::optional(length()) : std::nullopt, fields()};
      }
    }
    return line;
  });
  return wrap(std::move(out));
}

Item AnyRules::item() {
  const auto name = [&] { return declared_name(); };
  const auto file = [&] { return FromFile{text(), maybe() ? std::optional(field_name()) : std::nullopt}; };
  switch (below(16)) {
    case 0:
      return event();
    case 1:
      return wrap(AliasDecl{name(), stream(2)});
    case 2:
      return wrap(LetDecl{{word(), true, {}}, expr(1)});
    case 3: {
      ListDecl list{name(), {}};
      if (maybe())
        list.source = some(0, 20, [&] { return expr(0); });
      else if (maybe())
        list.source = file();
      else
        list.source = FromTopic{text()};
      return wrap(std::move(list));
    }
    case 4: {
      TableDecl table{name(), {}, {}};
      if (maybe()) {
        table.source = FromFile{text(), {}};
        table.key = field_name();
      } else {
        table.source = FromTopic{text()};
      }
      return wrap(std::move(table));
    }
    case 5:
      return wrap(CalendarDecl{name(),
                               some(1, 3,
                                    [&] {
                                      OpenHours hours;
                                      hours.first_day = static_cast<int>(below(7));
                                      hours.last_day = static_cast<int>(below(7));
                                      if (maybe()) {
                                        hours.from_minute = static_cast<int>(below(1441));
                                        hours.to_minute = static_cast<int>(below(1441));
                                      }
                                      return hours;
                                    }),
                               text()});
    case 6:
      return wrap(SessionDecl{name(), stream(1), clauses(&AnyRules::session_clause)});
    case 7:
      return wrap(SummaryDecl{name(), stream(1), clauses(&AnyRules::summary_clause)});
    case 8:
      return wrap(
          TemplateDecl{name(), some(0, 3, [&] { return param(); }), pattern(2), clauses(&AnyRules::rule_clause)});
    case 9:
      return wrap(ExtendDecl{name(), clauses(&AnyRules::rule_clause)});
    case 10:
    case 11:
      return test();
    default:
      return rule();
  }
}

RuleFile AnyRules::file(std::size_t items) {
  RuleFile out;
  for (std::size_t i = 0; i < items; ++i) out.items.push_back(item());
  return out;
}

}  // namespace tocsin::tests
