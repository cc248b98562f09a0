// Were this wrong, a rule would mean something else than it says, a mistake would hide another, or a broken file would
// take the parser with it.
#include "dsl/parser.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/print.h"

namespace tocsin::dsl {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

const fs::path kRoot = TOCSIN_SOURCE_DIR;

// Every mistake of a text: its code, the bytes it marks, and the fix: `R012[group by]>by`.
std::string told(const std::string& text) {
  const SourceText source{"t.rules", text};
  std::string out;
  for (const Diagnostic& d : parse(source).diagnostics) {
    if (!out.empty()) out += ' ';
    out += std::string(d.code) + "[" + text.substr(d.here.span.begin, d.here.span.end - d.here.span.begin) + "]";
    if (d.fix) out += ">" + d.fix->text;
  }
  return out;
}

std::string message(const std::string& text) {
  const SourceText source{"t.rules", text};
  const Parsed parsed = parse(source);
  REQUIRE(!parsed.diagnostics.empty());
  const Diagnostic& d = parsed.diagnostics[0];
  return d.message + " | " + d.here.text + (d.help.empty() ? "" : " | " + d.help);
}

// The tree, as the words that say the same.
std::string tree(const std::string& text) {
  const SourceText source{"t.rules", text};
  const Parsed parsed = parse(source);
  for (const Diagnostic& d : parsed.diagnostics) FAIL_CHECK(d.code << " " << d.message << ": " << d.here.text);
  return print(parsed.file);
}

std::string rule(const std::string& pattern) { return "rule r when " + pattern + " by k alert \"x\""; }

TEST_CASE("every sample, and every worked example, is read whole") {
  std::vector<fs::path> files{kRoot / "tests/spec/expressiveness.rules"};
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "rules"))
    if (entry.path().extension() == ".rules") files.push_back(entry.path());
  for (const fs::path& path : files) {
    const SourceText source{path.string(), read(path)};
    for (const Diagnostic& d : parse(source).diagnostics)
      FAIL_CHECK(path.string() << ": " << d.code << " " << d.message);
  }
  std::ifstream lines(kRoot / "tests/spec/worked.jsonl");
  std::size_t examples = 0;
  for (std::string line; std::getline(lines, line); ++examples) {
    const SourceText source{"worked.jsonl", nlohmann::json::parse(line).at("rules").get<std::string>()};
    for (const Diagnostic& d : parse(source).diagnostics) FAIL_CHECK(source.text << ": " << d.code << " " << d.message);
  }
  CHECK(examples >= 340);
}

TEST_CASE("words are keywords only where the grammar has them (X5)") {
  for (const std::string word :
       {"start", "end",   "count",  "last", "rule", "top",  "first", "event", "list",     "session", "by",
        "when",  "alert", "within", "over", "text", "high", "mon",   "ms",    "previous", "value",   "time"}) {
    CAPTURE(word);
    CHECK(told("event e has " + word + " text, x int").empty());
    CHECK(told(rule("5 e(" + word + " = 1 and x > 2) within 5m")).empty());
    CHECK(told(rule("e as f then g(x = f." + word + ")")).empty());
    CHECK(told("rule r when sum(e." + word + ") > 5 within 1h by " + word + ", k where x." + word + " = 1 alert \"{" +
               word + "}\"")
              .empty());
    CHECK(told("test \"t\" at 0s e {" + word + ": 1}").empty());
  }
  CHECK(told(rule("e(last(m.v) > 1 and count(m) = 0) as m")).empty());
  CHECK(told("event `count` = e rule r when `count` by all alert \"x\"").empty());
}

TEST_CASE("names that would be words, and words that would be names") {
  CHECK(told("event count = e") == "R016[count]");
  CHECK(told("event Login = e") == "R016[Login]>login");
  CHECK(told("rule brute-force when e by k alert \"x\"") == "R016[brute-force]>brute_force");
  CHECK(told("rule \"x\" when e by k alert \"x\"") == "R016[\"x\"]");
}

TEST_CASE("parameters stand for numbers, lengths, events and keys") {
  for (const std::string pattern :
       {"$n $event within $d", "$event within 5m", "$event(x = 1) within 5m", "$n (a then b) within 5m",
        "$event then $other", "a then $n $event then b", "$n distinct $event.$f within $d",
        "count($event) > $n within $d", "no $event for $d", "$event as e then b", "$n changes of x.$f within $d",
        "$n of last $m x"}) {
    CAPTURE(pattern);
    CHECK(told("template t($n, $event, $d, $f, $m, $other) when " + pattern + " by $key").empty());
  }
}

TEST_CASE("a bracket is a union, a pattern or a condition by what stands in it") {
  CHECK(tree(rule("(a or b) then c")) == "rule r\n  when (a or b) then c by k\n  alert \"x\"\n");
  CHECK(tree(rule("3 (a then b within 1m) within 1h")) ==
        "rule r\n  when 3 (a then b within 1m) within 1h by k\n  alert \"x\"\n");
  CHECK(tree(rule("(count(a) + count(b)) / 2 > 5 within 1h")) ==
        "rule r\n  when (count(a) + count(b)) / 2 > 5 within 1h by k\n  alert \"x\"\n");
  CHECK(tree(rule("(count(a) > 5 within 1m) then b")) ==
        "rule r\n  when (count(a) > 5 within 1m) then b by k\n  alert \"x\"\n");
  CHECK(tree(rule("(count(a) > 5 or count(b) > 5) and count(c) = 0 within 1m")) ==
        "rule r\n  when (count(a) > 5 or count(b) > 5) and count(c) = 0 within 1m by k\n  alert \"x\"\n");
}

TEST_CASE("texts hold expressions, also ones with quotes of their own") {
  CHECK(tree("rule r when e by k alert \"{{ {if(a = \\\"x\\\", 1, 2)} }}\"") ==
        "rule r\n  when e by k\n  alert \"{{ {if(a = \\\"x\\\", 1, 2)} }}\"\n");
  const std::string text = "rule r when e by k alert \"\\t{a} {b c}\"";
  CHECK(told(text) == "R004[c]");
  CHECK(told("rule r when e by k alert \"{a\"") == "R004[{]");
  CHECK(told("rule r when e by k alert \"{}\"") == "R004[{}]");
}

// Were this wrong, a field named like an item would cut its item in two, or an item would swallow the next.
TEST_CASE("where an item ends") {
  const auto items = [](std::string_view text) {
    const SourceText source{"t", std::string(text)};
    const Parsed parsed = parse(source);
    return parsed.diagnostics.empty() ? parsed.file.items.size() : 0;
  };
  CHECK(items("event e has a text, tags list of text") == 1);
  CHECK(items("event e has a text, list list of text, rule text, event ip timestamp session in ms tiebreak table") ==
        1);
  CHECK(items("event e has a text\nlist l from \"f\"\nevent f = e") == 3);
  CHECK(items("rule r when e by rule alert \"x\"") == 1);
  CHECK(items("rule r when e by k where rule resolve when d alert \"x\"") == 1);
  CHECK(items("rule r when e by k where x and not list alert \"x\"") == 1);
  CHECK(items("rule r when e by k, session from list l  alert \"x\"") == 1);
  CHECK(items("summary s of e by k every event over 5m with n = count()") == 1);
  CHECK(items("extend rule r fire always") == 1);
  CHECK(items("test \"t\" rule r at 0s e") == 1);
  CHECK(items("test \"t\" rule r when e by k alert \"x\"") == 2);
  CHECK(items("rule r when e by from\nrule q when e by to\nevent f = e") == 3);
  CHECK(items("rule r when e by k where x = a.by\nlist l = [1]\nrule q when e by in.of\nlet $n = 5") ==
        0);  // `in` is no field
  CHECK(items("event e timestamp on in s\nevent f = e") == 2);
}

TEST_CASE("one mistake hides no other item, and each has its message") {
  CHECK(told("rule a when 5 x witin 5m by k alert \"x\"\nrule b when by k alert \"x\"\nevent e = f(") ==
        "R001[witin]>within R001[by] R001[(]");
  CHECK(told("rule a when 5 x witin 5m grop by k alert \"x\"") == "R001[witin]>within R001[grop]");
  CHECK(told("event a = b\nrul x when y by k alert \"x\"") == "R001[rul]>rule");
  // What is missing at an item's end is told there, and the next item is read.
  CHECK(told("rule a when b by\nrule c when d by k alert \"x\"") == "R001[by]");
  CHECK(told("rule a when b where\nevent c = d") == "R001[where]");
  CHECK(told("rule a when b then\nrule c when d by k alert \"x\"") == "R001[then]");
  CHECK(told("RULE x when y by k alert \"x\"\nEvent z = y") == "R017[RULE]>rule R017[Event]>event");
  CHECK(told("hello world") == "R019[hello]");
  const SourceText source{"t", "rule broken when 5 5 by k\nrule fine when e by k alert \"x\""};
  const Parsed parsed = parse(source);
  CHECK(parsed.file.items.size() == 1);
  CHECK(parsed.unreadable == std::vector<std::string>{"broken"});
}

TEST_CASE("habits of other languages are told what to write") {
  CHECK(told(rule("5 x within 5m group")) == "R012[group by]>by");  // rule() goes on with `by k`
  CHECK(told("rule r when 5 x within 5m group by k alert \"x\"") == "R012[group by]>by");
  CHECK(told(rule("5 x in 5m")) == "R012[in]>within");
  CHECK(told(rule("5 x in the last 5m")) == "R012[in the last]>within");
  CHECK(told(rule("5 x within 5")) == "R013[5]");
  CHECK(told(rule("5 x within the last 5m")) == "R012[the last]>");
  CHECK(told(rule("5 x within 5 minutes")) == "R013[5 minutes]>5m");
  CHECK(told(rule("5 x within \"5m\"")) == "R013[\"5m\"]>5m");
  CHECK(told(rule("x(age > 5 minutes)")) == "R013[5 minutes]>5m");
  CHECK(told(rule("login_failed > 5 within 5m")) == "R012[> 5]>6 login_failed");
  CHECK(told(rule("login_failed >= 5 within 5m")) == "R012[>= 5]>5 login_failed");
  CHECK(told(rule("a within 5m then b")) == "R014[within 5m]");
  CHECK(told(rule("a then no b within 5m then c")) == "R018[then]");
  CHECK(told(rule("no a then b")) == "R018[no]");
  CHECK(told(rule("a followed by b")) == "R012[followed by]>then");
  CHECK(told(rule("a then not b within 5m")) == "R012[not]>no");
  CHECK(told(rule("5 a WITHIN 5m")) == "R017[WITHIN]>within");
  CHECK(told(rule("5 times a within 5m")) == "R012[times]>");
  CHECK(told(rule("5 a 5 times within 5m")) == "R001[5]");
  CHECK(told(rule("a(x = 1 AND y = 2)")) == "R017[AND]>and");
  CHECK(told(rule("a(x is null)")) == "R012[null]>missing");
  CHECK(told(rule("a(x is not null)")) == "R012[not null]>present");
  CHECK(told(rule("a(x like \"adm%\")")) == "R012[like]");
  CHECK(told(rule("a(x startswith \"adm\")")) == "R012[startswith]>starts with");
  CHECK(told(rule("a(x matches \"adm\")")) == "R012[\"adm\"]>/adm/");
  CHECK(told(rule("a(x in (1, 2))")) == "R012[(1, 2)]>[1, 2]");
  CHECK(told(rule("a(x in scanners)")) == "R012[scanners]>list scanners");
  CHECK(told(rule("a(ip in 10.0.0.0/8)")) == "R012[10.0.0.0/8]>[10.0.0.0/8]");
  CHECK(told(rule("a()")) == "R012[()]>");
  CHECK(told("rule r when a by k having x.f > 1 alert \"x\"") == "R012[having]>where");
  CHECK(told("rule r when a by k and l alert \"x\"") == "R012[and]>,");
  CHECK(told("rule r when a by k, alert \"x\"") == "R015[,]>");
  CHECK(told(rule("count(*) > 5 within 5m")) == "R012[*]");
  CHECK(told("rule r when a where x > by k") == "R001[by]");
  CHECK(told("rule r when a by k alert \"x\" high") == "R012[\"x\" high]>high \"x\"");
  CHECK(told("rule r when a by k severity high alert \"x\"") == "R012[severity]");
  CHECK(told("rule r when a by k throttle 1h alert \"x\"") == "R012[throttle]");
  CHECK(told("rule r if a by k alert \"x\"") == "R012[if]>when");
  CHECK(told("rule r: when a by: k alert \"x\"") == "R015[:]> R015[:]>");
  CHECK(told("rule r when a by k within 5m alert \"x\"") == "R018[within 5m]>within 5m by k");
  CHECK(told("let x = 5") == "R012[x]>$x");
  CHECK(told("event e has a string, b integer") == "R012[string]>text R012[integer]>int");
  CHECK(told("event e(a text)") == "R012[(]");
  CHECK(told("test \"t\" at 0s e {x = 1, \"y\": 2}") == "R012[=]>: R012[\"y\"]>y");
  CHECK(told("test \"t\" at 0 e") == "R013[0]>0s");
  CHECK(told(rule("a(x == 1 && y != 2)")) == "R011[==]>= R011[&&]>and");
  CHECK(told("rule r when a by k; alert 'x';") == "R015[;]> R015['x']>\"x\" R015[;]>");
}

TEST_CASE("messages name what can stand there, in plain words") {
  CHECK(message("rule r when 5 a within by k alert \"x\"") ==
        "after `within` comes a duration such as 30s | `by` stands here instead");
  CHECK(message("rule r when 5 a within") == "after `within` comes a duration such as 30s | nothing follows");
  CHECK(message("rule r when 5 a(x = 1 within 5m by k alert \"x\"") ==
        "`(` is not closed | `)` is missing before this");
  for (const std::string text :
       {"rule r", "rule r when", "rule r when a b", "event", "list l = [1 2]", "calendar c = mon", "test \"t\" at",
        "summary s of", "extend rule", "rule r when a then", "rule r when a by", "rule r when a alert"}) {
    const std::string said = message(text);
    CAPTURE(said);
    for (const char* never : {"unexpected", "token", "illegal", "boost", "x3::", "expected"})
      CHECK(said.find(never) == std::string::npos);
  }
}

TEST_CASE("documentation stands right above its item") {
  const SourceText source{
      "t",
      "/// one\n/// two\nrule a when e by k\n\n/// far away\n\nrule b when e by k\n//// ruler\nrule c when e by k"};
  const Parsed parsed = parse(source);
  REQUIRE(parsed.file.items.size() == 3);
  CHECK(parsed.file.items[0].doc == "one\ntwo");
  CHECK(parsed.file.items[1].doc.empty());
  CHECK(parsed.file.items[2].doc.empty());
}

TEST_CASE("spans are the words they speak of") {
  const std::string text =
      "rule brute when 5 login(user = \"x\") as l then ok(a.b > 2 + 3) within 5m by k alert \"{\\\"q\\\"} {count}\"";
  const SourceText source{"t", text};
  const Parsed parsed = parse(source);
  REQUIRE(parsed.diagnostics.empty());
  const auto at = [&](SourceSpan s) { return text.substr(s.begin, s.end - s.begin); };
  const auto& r = std::get<ast::RuleDecl>(parsed.file.items[0].node);
  CHECK(at(parsed.file.items[0].span) == text);
  CHECK(at(r.name.span) == "brute");
  const auto& p = std::get<ast::Pattern>(r.body);
  CHECK(at(p.span) == "5 login(user = \"x\") as l then ok(a.b > 2 + 3) within 5m");
  const auto& s = std::get<ast::Sequence>(p.form);
  CHECK(at(s.steps[0].span) == "5 login(user = \"x\") as l");
  CHECK(at(std::get<ast::Stream>(s.steps[0].what).span) == "login(user = \"x\")");
  const ast::Expr& filter = *std::get<ast::Stream>(s.steps[1].what).filter;
  CHECK(at(filter.span) == "a.b > 2 + 3");
  const auto& comparison = std::get<ast::Binary>(filter.node);
  CHECK(at(comparison.left->span) == "a.b");
  CHECK(at(comparison.op_span) == ">");
  CHECK(at(comparison.right->span) == "2 + 3");
  CHECK(at(r.clauses[0].span) == "by k");
  const auto& alert = std::get<ast::Alert>(r.clauses[1].node);
  CHECK(at(std::get<ast::Box<ast::Expr>>(alert.text.pieces[0])->span) == "\\\"q\\\"");
  CHECK(at(std::get<ast::Box<ast::Expr>>(alert.text.pieces[2])->span) == "count");
}

// Were it wrong, what a habit takes away would reach behind the end of the item. Found by fuzzing.
TEST_CASE("a second bound without a length, at the end of a file") {
  const SourceText source{"t", "rule r when a then b within 5m alert \"x\" within"};
  const Parsed parsed = parse(source);
  REQUIRE(!parsed.diagnostics.empty());
  CHECK(parsed.diagnostics[0].message == "`within` stands twice");
}

}  // namespace
}  // namespace tocsin::dsl
