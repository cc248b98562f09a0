// Were this wrong, the steps after check would read a Model that says something else than the text. What check says to
// the author is shown in tests/diagnostics/.
#include "dsl/check.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>

#include "dsl/print.h"

namespace tocsin::dsl {
namespace {

Checked check_text(const std::string& text) {
  const SourceText source{"t.rules", text};
  const std::vector<Parsed> parsed{parse(source)};
  std::string mistakes;
  for (const Diagnostic& d : parsed.front().diagnostics) mistakes += d.message + "; ";
  CAPTURE(text);
  CHECK(mistakes == "");
  return check(parsed);
}

std::string errors_of(const Checked& checked) {
  std::string all;
  for (const Diagnostic& d : checked.diagnostics)
    if (d.level() == Level::error) all += std::string(d.code) + " " + d.message + "; ";
  return all;
}

std::string read(const std::string& path) {
  std::ifstream file(std::string(TOCSIN_SOURCE_DIR) + "/" + path);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

const RuleInfo& only_rule(const Checked& checked) { return checked.model.rules.front(); }
const ast::Sequence& sequence(const RuleInfo& rule) { return std::get<ast::Sequence>(rule.when.form); }
std::int64_t low(const ast::Step& step) { return std::get<std::int64_t>(step.quantity.low.value); }

// The path of the left side of a step's filter `path op ..`.
const ast::Path& side(const ast::Step& step, bool right = false) {
  const auto& stream = std::get<ast::Stream>(step.what);
  const auto& binary = std::get<ast::Binary>(stream.filter->node);
  return std::get<ast::Path>((right ? binary.right : binary.left)->node);
}

TEST_CASE("a word of the language, a function's name too, names an event when it stands in backticks") {
  for (const std::string name : {"rate", "count", "lower", "start", "when"}) {
    const std::string text =
        "event `" + name + "` has user text, value float\nrule `last` when 3 `" + name +
        "`(value > 5) within 1h by user  alert low \"{user}\"\nrule r when count(`" + name +
        "`) > 5 within 1h by user  alert low \"{user}\"\nrule s when `last` by user  alert low \"x\"\n";
    CAPTURE(text);
    CHECK(errors_of(check_text(text)) == "");
    const SourceText source{"t.rules", text};
    const std::string printed = print(parse(source).file);
    CAPTURE(printed);
    CHECK(errors_of(check_text(printed)) == "");
  }
}

TEST_CASE("the bound that is suggested bounds the pattern") {
  const auto warnings = [](const std::string& pattern) {
    std::string all;
    for (const Diagnostic& d :
         check_text("event a has id text\nevent b has id text\nevent c has id text\nrule r when " + pattern +
                    " by id  alert low \"x\"\n")
             .diagnostics)
      all += std::string(d.code) + " " + d.help + "; ";
    return all;
  };
  CHECK(warnings("a then b then no c within 3d")
            .starts_with("R107 bound the steps before the absence: `(a then b within 24h) then no c within 3d`"));
  CHECK(warnings("(a then b within 24h) then no c within 3d") == "");
  CHECK(warnings("3 (a then b) within 1h").starts_with("R107 bound what is counted: `(a then b within 24h)`"));
  CHECK(warnings("3 (a then b within 24h) within 1h") == "");
}

TEST_CASE("an alias knows its base events, and every filter on the way, outermost first") {
  const Checked c = check_text(
      "event login has user text, ok bool\nevent mail has user text\nevent failed = login(ok = false)\n"
      "event noise = (failed(user = \"x\") or mail)\nrule r when noise by user alert \"{user}\"\n");
  CHECK(errors_of(c) == "");
  const AliasInfo& noise = c.model.aliases[c.model.alias_ids.at("noise")];
  REQUIRE(noise.alternatives.size() == 2);
  CHECK(c.model.events[noise.alternatives[0].event].name == "login");
  CHECK(noise.alternatives[0].filters.size() == 2);
  CHECK(noise.alternatives[1].filters.empty());
  const auto& outer = std::get<ast::Binary>(noise.alternatives[0].filters[0].node);
  CHECK(std::get<ast::Path>(outer.left->node).parts[0].text == "user");
}

TEST_CASE("names say what they mean: a field, a step, the event before, a key, a word") {
  const Checked c = check_text(
      "event login has user text, ip ip\n"
      "rule r when login as a then login(ip != a.ip) as b then login(ip = previous.ip) within 1h by user\n"
      "  with who = user, how_long = span, from = a.ip\n  alert \"{user}\"\n");
  REQUIRE(errors_of(c) == "");
  const RuleInfo& rule = only_rule(c);
  const ast::Step& second = sequence(rule).steps[1];
  using K = ast::Ref::Kind;
  CHECK(side(second).ref.kind == K::field);
  CHECK(side(second, true).ref.kind == K::step);
  CHECK(side(second, true).ref.index == 0);
  CHECK(side(second, true).ref.skip == 1);
  CHECK(side(sequence(rule).steps[2], true).ref.kind == K::previous);
  const auto* with = find_clause<ast::With>(rule.clauses);
  REQUIRE(with);
  CHECK(std::get<ast::Path>(with->fields[0].value.node).ref.kind == K::key);
  CHECK(std::get<ast::Path>(with->fields[1].value.node).ref.kind == K::special);
  CHECK(std::get<ast::Path>(with->fields[2].value.node).ref.kind == K::step);
  const EventInfo& alert = c.model.events[rule.alert];
  CHECK(alert.find("how_long")->type.kind == ast::FieldType::duration);
  CHECK(alert.find("from")->type.kind == ast::FieldType::ip);
  CHECK(alert.find("user")->type.kind == ast::FieldType::text);
}

TEST_CASE("steps are numbered as written: a group before what it holds, until behind its step") {
  const Checked c = check_text(
      "event a has k text\nevent b has k text\nevent d has k text\n"
      "rule r when 2 (a then b within 1m) as g then one or more d until a(k = \"x\") as stop within 1h by k alert "
      "\"x\"\n");
  REQUIRE(errors_of(c) == "");
  const std::vector<StepInfo>& steps = only_rule(c).steps;
  REQUIRE(steps.size() == 5);
  CHECK(steps[0].name == "g");
  CHECK(steps[0].repeats);
  CHECK(steps[1].name == "a");
  CHECK(steps[1].repeats);
  CHECK(steps[3].name == "d");
  CHECK(steps[4].name == "stop");
  CHECK(!steps[4].repeats);
  CHECK(steps[0].events.size() == 2);
  CHECK(sequence(only_rule(c)).steps[1].ref.index == 3);
  CHECK(sequence(only_rule(c)).steps[1].until->ref.index == 4);
}

TEST_CASE("templates, constants and extends leave a rule of its own") {
  const Checked c = check_text(
      "event chat has player text, len int\nlet $n = 20\nlet $m = $n\n"
      "template burst($event, $count, $window, $key)\n  when $count $event($event_len > 5) within $window by $key\n"
      "  fire at most once per $window\n  alert low \"first\"\nlet $event_len = 9\n"
      "rule r uses burst(chat, $m, 10s, player)\n  alert high \"second\"\nextend rule r  except len = 3  owner "
      "\"blue\"\n");
  // `$event_len > 5` compares two constants.
  const RuleInfo& rule = only_rule(c);
  CHECK(low(sequence(rule).steps[0]) == 20);
  CHECK(std::get<Duration>(rule.when.within->value).us == seconds(10).us);
  CHECK(rule.keys[0].name == "player");
  CHECK(find_clause<ast::Alert>(rule.clauses)->severity == ast::Severity::high);
  CHECK(std::count_if(rule.clauses.begin(), rule.clauses.end(),
                      [](const ast::Clause& x) { return std::holds_alternative<ast::Alert>(x.node); }) == 1);
  CHECK(find_clause<ast::Except>(rule.clauses));
  CHECK(find_clause<ast::Owner>(rule.clauses)->team.value == "blue");
  CHECK(std::get<Duration>(find_clause<ast::FireAtMost>(rule.clauses)->per.value).us == seconds(10).us);
}

TEST_CASE("who makes an event stands before those who use it") {
  const Checked c = check_text(
      "event a has k text\nrule later when 2 before within 1h by k alert \"x\"\nrule before when s by k alert \"x\"\n"
      "session s of a by k ends after 5m idle\n");
  REQUIRE(errors_of(c) == "");
  REQUIRE(c.model.order.size() == 3);
  CHECK(c.model.order[0].kind == Maker::Kind::session);
  CHECK(c.model.order[1].index == c.model.rule_ids.at("before"));
  CHECK(c.model.order[2].index == c.model.rule_ids.at("later"));
}

TEST_CASE("a key has a part for each event, two where an event plays two") {
  const Checked c = check_text(
      "event transfer has src text, dst text\n"
      "rule r when transfer as i then transfer as o within 1h by p = (i.dst, o.src) alert \"{p}\"\n");
  REQUIRE(errors_of(c) == "");
  const KeyInfo& key = only_rule(c).keys.front();
  REQUIRE(key.parts.size() == 2);
  CHECK(key.parts[0].step == 0);
  CHECK(key.parts[1].step == 1);
  CHECK(key.type.kind == ast::FieldType::text);
}

TEST_CASE("a field that nobody declared is typed where it is used") {
  const Checked c =
      check_text("rule r when conn(dst in [10.0.0.0/8] and port = 22 and name = \"x\") by src alert \"{src}\"\n");
  REQUIRE(errors_of(c) == "");
  const EventInfo& conn = c.model.events[c.model.event_ids.at("conn")];
  CHECK(conn.find("dst")->type.kind == ast::FieldType::ip);
  CHECK(conn.find("port")->type.kind == ast::FieldType::floating);
  CHECK(conn.find("name")->type.kind == ast::FieldType::text);
  CHECK(conn.find("src")->type.kind == ast::FieldType::any);
}

TEST_CASE("a test sends base events with all that their aliases fix") {
  const Checked c = check_text(
      "event login has user text, outcome text\nevent failed = login(outcome = \"failure\")\n"
      "rule r when failed by user alert \"{user}\"\n"
      "test \"t\" rule r\n  at 0s failed {user: \"ann\"}\n  at 0s expect alert\n");
  REQUIRE(errors_of(c) == "");
  const auto& send = std::get<ast::Send>(c.model.tests[0].decl.lines[0].node);
  CHECK(send.event.text == "login");
  REQUIRE(send.fields.size() == 2);
  CHECK(send.fields[1].name.parts[0].text == "outcome");
}

TEST_CASE("a test may write each value as JSON has it, and as rules do") {
  CHECK(errors_of(check_text(
            R"(event seen has who text, n int, f float, ok bool, at time, took duration, src ip, spot point, all any,
  tags list of text
rule r when seen as e by who  alert low "{e.n} {e.f} {e.ok} {e.at} {e.took} {e.src} {e.spot} {e.all} {e.tags}"
test "none of them is wrong" rule r
  at 0s  seen {n: 5.0, f: 20%, at: "2026-03-01T00:00:00Z", took: 90, src: "10.0.0.0/8", spot: "48.85, 2.35", tags: []}
  at 0s  seen {n: -5, f: 5, at: 1772323200000, took: "1m30s", src: ::1, spot: [48.85, 2.35], tags: ["a"], all: [1, 2]}
  at 0s  expect alert {first: 5m, last: "2026-03-01T00:00:00Z", span: 5m, count: 2}
)")) == "");
}

TEST_CASE("the bounds of a rule: how long an event matters, what is kept") {
  const auto bounds = [](const std::string& rule) {
    return only_rule(check_text("event a has k text, v int\nevent b has k text, v int\n" + rule + " alert \"x\"\n"))
        .bounds;
  };
  CHECK(bounds("rule r when 5 a within 5m by k").longest == minutes(5));
  CHECK(bounds("rule r when a then within 1m b then within 2m a as c by k").longest == minutes(3));
  CHECK(bounds("rule r when a then b within 5m by k").keeps_candidates == false);
  CHECK(bounds("rule r when a as x then b(v > x.v) within 5m by k").keeps_candidates);
  CHECK(!bounds("rule r when a then b by k").longest);
  CHECK(!bounds("rule r when one or more a then within 1m b by k").longest);
  CHECK(!bounds("rule r when zero or more a then within 1m b by k").longest);
  CHECK(!bounds("rule r when 1 a then within 1m b by k").longest);
  CHECK(bounds("rule r when maybe a then within 1m b by k").longest == minutes(1));
  CHECK(!bounds("rule r when maybe a then within 1m 2 b then within 1m a as c by k").longest);  // without a: any b (Q7)
  CHECK(bounds("rule r when (a then b within 5s) then no a within 10s by k").longest == seconds(15));
  // The end of the absence is counted from the first event: nothing between may come later.
  CHECK(bounds("rule r when a as x then b then no a within 1h of x by k").longest == hours(1));
  CHECK(bounds("rule r when a as x then b then within 1h of x a by k").longest == hours(1));
  CHECK(!bounds("rule r when a then b as x then a then no a within 1h of x by k").longest);
  // What is counted may have begun before the window of its fires.
  CHECK(bounds("rule r when 3 (a then b within 1m) within 5m by k").longest == minutes(6));
  CHECK(!bounds("rule r when 3 (a then b) within 5m by k").longest);
  CHECK(bounds("rule r when a after 5d idle by k").keeps_keys);
  CHECK(!bounds("rule r when a after 5d idle by k forget after 9d idle").keeps_keys);
}

TEST_CASE("what is beyond a limit is told once, and takes no time of its own") {
  const auto many = [](const std::string& part, const char* between = ", ") {
    std::string all;
    for (int i = 0; i < 20'000; ++i) {
      std::string one = part;
      if (const std::size_t at = one.find('#'); at != std::string::npos) one.replace(at, 1, std::to_string(i));
      all += (i == 0 ? "" : between) + one;
    }
    return all;
  };
  const std::string event = "event a has k text\n", alert = "  alert low \"x\"\n";
  for (const std::string& text : {"event a has k text, " + many("f# int") + "\nrule r when a by k" + alert,
                                  event + "rule r when any 2 of (" + many("a") + ") within 5m by k" + alert,
                                  event + "rule r when " + many("a", " then ") + " within 5m by k" + alert,
                                  event + "rule r when a by " + many("x# = k") + alert,
                                  event + "rule r when a(k in [" + many("\"v#\"") + "]) by k" + alert,
                                  event + "rule r when a(concat(" + many("k") + ") = \"\") by k" + alert,
                                  event + "rule r when a by k  with " + many("f# = 0") + alert,
                                  event + "rule r when a by k  emit e with " + many("f# = 0") + alert}) {
    CAPTURE(text.substr(0, 60));
    const std::clock_t begin = std::clock();
    const SourceText source{"t.rules", text};
    const std::vector<Parsed> parsed{parse(source)};
    REQUIRE(parsed.front().diagnostics.empty());
    const Checked checked = check(parsed);
    CHECK(std::ranges::count(checked.diagnostics, "R074", &Diagnostic::code) == 1);
    CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 5);  // ten times what it takes
  }
}

TEST_CASE("what has too many values says what to write instead") {
  const auto told = [](const std::string& filter) {
    const Checked checked = check_text("event a has k text\nrule r when a(" + filter + ") by k  alert low \"x\"\n");
    const auto one = std::ranges::find(checked.diagnostics, "R074", &Diagnostic::code);
    REQUIRE(one != checked.diagnostics.end());
    return one->message + " | " + one->here.text + " | " + one->help;
  };
  std::string values, keys;
  for (int i = 0; i <= 4'000; ++i)
    values += (i == 0 ? "\"" : ", \"") + std::to_string(i) + "\"", keys += i == 0 ? "k" : ", k";
  CHECK(told("k in [" + values + "]") ==
        "more than 4,000 values in brackets | one too many | write them as a list, and `in list NAME`: it is looked up "
        "at "
        "once, however long it is");
  CHECK(told("concat(" + keys + ") = \"\"") ==
        "more than 4,000 values of `concat` | one too many | split it into several");
}

// The rules of the sample files are right, so a mistake found in them is a mistake of the checker.
TEST_CASE("the sixty rules and all worked examples have no error") {
  CHECK(errors_of(check_text(read("tests/spec/expressiveness.rules"))) == "");
  std::istringstream lines(read("tests/spec/worked.jsonl"));
  std::set<std::string> seen;
  for (std::string line; std::getline(lines, line);) {
    const std::string rules = nlohmann::json::parse(line)["rules"];
    if (!seen.insert(rules).second) continue;
    CAPTURE(rules);
    CHECK(errors_of(check_text(rules)) == "");
  }
  CHECK(seen.size() > 200);
}

// Each on the one before, the last one first.
std::string chain_of_rules(int length) {
  std::string text = "event a has k text\nrule r1 when a by k alert \"x\"\n";
  for (int i = length; i > 1; --i)
    text += "rule r" + std::to_string(i) + " when r" + std::to_string(i - 1) + " by k alert \"x\"\n";
  return text;
}

TEST_CASE("a chain of a thousand rules is put in order, and a longer one is told once, in no time") {
  const Checked most = check_text(chain_of_rules(1'000));
  CHECK(errors_of(most) == "");
  CHECK(most.model.order.size() == 1'000);
  CHECK(most.model.rules[most.model.order.back().index].name == "r1000");
  const std::clock_t begin = std::clock();
  const SourceText source{"t.rules", chain_of_rules(10'000)};
  const std::vector<Parsed> parsed{parse(source)};
  const Checked checked = check(parsed);
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 5);  // ten times what it takes
  REQUIRE(std::ranges::count(checked.diagnostics, "R074", &Diagnostic::code) == 1);
  const auto one = std::ranges::find(checked.diagnostics, "R074", &Diagnostic::code);
  CHECK(one->message == "more than 1,000 rules, each over what the one before it makes");
  CHECK(source.text.substr(one->here.span.begin, one->here.span.end - one->here.span.begin) == "r1001");
}

}  // namespace
}  // namespace tocsin::dsl
