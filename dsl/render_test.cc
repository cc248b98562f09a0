// The look of messages, to the byte. Were this wrong, carets would point beside the mistake, or a machine could
// not read what it was promised.
#include "dsl/render.h"

#include <doctest/doctest.h>

#include <string>

namespace tocsin::dsl {
namespace {

const std::string kAuth =
    "event login has user text, outcome text\n"
    "\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "\n\n\n\n\n\n\n"
    "rule brute_force\n"
    "  when 5 login_faild within 5m by user\n"
    "  alert \"{user}\"\n";

// The n-th place where `what` stands.
SourceSpan find(const SourceText& in, std::string_view what, int nth = 1, std::uint32_t file = 0) {
  std::size_t at = std::string::npos;
  for (int i = 0; i < nth; ++i) at = in.text.find(what, at + 1);
  REQUIRE(at != std::string::npos);
  return {file, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + what.size())};
}

Diagnostic unknown_event(const SourceText& in) {
  Diagnostic d{"R021", "unknown event `login_faild`", {find(in, "login_faild"), "not an event or alias"}, {}, {}, {}};
  d.help = "did you mean `login_failed`? (declared at rules/auth.rules:3)";
  d.fix = Edit{d.here.span, "login_failed"};
  return d;
}

std::string show(const Diagnostic& d, std::vector<SourceText> sources, int width = 0) {
  RenderOptions options;
  options.width = width;
  return "\n" + render(std::span(&d, 1), sources, Format::human, options);
}

TEST_CASE("the example of the language's definition, to the byte") {
  const SourceText auth{"rules/auth.rules", kAuth};
  CHECK(show(unknown_event(auth), {auth}) == R"(
error[R021]: unknown event `login_faild`
  --> rules/auth.rules:12:10
   |
12 |   when 5 login_faild within 5m by user
   |          ^^^^^^^^^^^ not an event or alias
help: did you mean `login_failed`? (declared at rules/auth.rules:3)
)");
}

TEST_CASE("a cause in the same file stands in the same picture, dashes under it") {
  const SourceText auth{"a.rules", kAuth};
  Diagnostic d{"R020", "m", {find(auth, "login_failed"), "here"}, Label{find(auth, "login"), "declared here"}, "", {}};
  CHECK(show(d, {auth}) == R"(
error[R020]: m
  --> a.rules:3:7
  |
1 | event login has user text, outcome text
  |       ----- declared here
2 |
3 | event login_failed = login(outcome = "failure")
  |       ^^^^^^^^^^^^ here
)");
  d.cause->span = find(auth, "brute_force");
  CHECK(show(d, {auth}) == R"(
error[R020]: m
  --> a.rules:3:7
   |
 3 | event login_failed = login(outcome = "failure")
   |       ^^^^^^^^^^^^ here
...
11 | rule brute_force
   |      ----------- declared here
)");
}

TEST_CASE("a cause on the same line stands below the mistake") {
  const SourceText s{"a.rules", "rule r when a as x then b as x within 1m by k  alert \"\"\n"};
  const Diagnostic d{"R030", "m", {find(s, "x", 2), "again"}, Label{find(s, "x"), "first"}, "", {}};
  CHECK(show(d, {s}) == R"(
error[R030]: m
  --> a.rules:1:30
  |
1 | rule r when a as x then b as x within 1m by k  alert ""
  |                              ^ again
  |                  - first
)");
}

TEST_CASE("a cause in another file has its own picture") {
  const SourceText a{"a.rules", "rule r when x by k  alert \"\"\n"}, b{"b.rules", "\nrule r when y by k  alert \"\"\n"};

  CHECK(show({"R020",
              "rule `r` is declared twice",
              {find(b, "r when", 1, 1), "again"},
              Label{find(a, "r when"), "first"},
              "",
              {}},
             {a, b}) == R"(
error[R020]: rule `r` is declared twice
  --> b.rules:2:6
  |
2 | rule r when y by k  alert ""
  |      ^^^^^^ again
  ::: a.rules:1:6
  |
1 | rule r when x by k  alert ""
  |      ------ first
)");
}

TEST_CASE("carets stand under tabs, wide and combining characters, and bytes that are no UTF-8") {
  SourceText s{"a.rules", "\twhen x(name = \"日本\") oops\n"};
  Diagnostic d{"R001", "m", {find(s, "oops"), "this"}, {}, "", {}};
  CHECK(show(d, {s}) == R"(
error[R001]: m
  --> a.rules:1:22
  |
1 |     when x(name = "日本") oops
  |                           ^^^^ this
)");
  s.text = "a e\u0301 \xff\x1b[31m oops\n";
  d.here.span = find(s, "oops");
  CHECK(show(d, {s}) == R"(
error[R001]: m
  --> a.rules:1:13
  |
1 | a e)"
                        "\u0301"
                        R"( ��[31m oops
  |            ^^^^ this
)");
  s.text = "日本\n";
  d.here.span = find(s, "日本");
  CHECK(show(d, {s}) == R"(
error[R001]: m
  --> a.rules:1:1
  |
1 | 日本
  | ^^^^ this
)");
}

TEST_CASE("a span over several lines is underlined on each, a long one at both ends") {
  SourceText s{"a.rules", "rule r\n  when a\n\n    then b\n  alert \"\"\n"};
  Diagnostic d{"R107", "m", {find(s, "a\n\n    then b"), "no `within`"}, {}, "add `within 24h`", {}};
  CHECK(show(d, {s}) == R"(
warning[R107]: m
  --> a.rules:2:8
  |
2 |   when a
  |        ^
3 |
4 |     then b
  |     ^^^^^^ no `within`
help: add `within 24h`
)");
  s.text = "rule r\n  when a\n  then b\n  then c\n  then d\n  then e\n  then f\n";
  d.here.span = {0, 14, static_cast<std::uint32_t>(s.text.size() - 1)};
  CHECK(show(d, {s}) == R"(
warning[R107]: m
  --> a.rules:2:8
  |
2 |   when a
  |        ^
3 |   then b
  |   ^^^^^^
...
7 |   then f
  |   ^^^^^^ no `within`
help: add `within 24h`
)");
}

TEST_CASE("the end of the text is behind the last thing written") {
  SourceText s{"a.rules", "rule r when 5 x within\n\n\n"};
  Diagnostic d{"R001", "m", {{0, 25, 25}, "a duration such as 30s"}, {}, "", {}};
  const std::string picture = R"(
error[R001]: m
  --> a.rules:1:23
  |
1 | rule r when 5 x within
  |                       ^ a duration such as 30s
)";
  CHECK(show(d, {s}) == picture);
  d.here.span = {0, 4000, 5000};  // whatever a finder of mistakes says, the picture is inside the text
  CHECK(show(d, {s}) == picture);
  s.text.clear();
  CHECK(show(d, {s}) == R"(
error[R001]: m
  --> a.rules:1:1
  |
1 |
  | ^ a duration such as 30s
)");
}

TEST_CASE("a line too wide for the terminal is cut around the mistake, a label moves below") {
  SourceText s{
      "a.rules",
      "rule r when aaaaaaaaaa(bbbbbbbbbb = 1 and cccccccccc = 2 and dddddddddd == 3 and eeeeeeeeee = 4) by k\n"};
  const Diagnostic d{"R001", "m", {find(s, "=="), "this is not how equality is written"}, {}, "one\ntwo", {}};
  CHECK(show(d, {s}, 60) == R"(
error[R001]: m
  --> a.rules:1:73
  |
1 | …dddddddddd == 3 and eeeeeeeeee = 4) by k
  |             ^^ this is not how equality is written
help: one
      two
)");
  CHECK(show(d, {s}, 40) == R"(
error[R001]: m
  --> a.rules:1:73
  |
1 | …dddddddddd == 3 and eeeeeeeeee = 4…
  |             ^^
  |  this is not how equality is written
help: one
      two
)");
}

// Were it wrong, one mistake in a generated file would print megabytes, or take minutes.
TEST_CASE("of a very long line a piece around the mistake is shown, whatever the width") {
  const SourceText text{"a.rules", "// " + std::string(3'000'000, 'x') + " here " + std::string(3'000'000, 'y')};
  const Diagnostic d{"R001", "m", {find(text, "here"), "label"}, {}, "", {}};
  const std::string x(10, 'x'), y(482, 'y');
  CHECK(show(d, {text}) ==
        "\nerror[R001]: m\n  --> a.rules:1:3000005\n  |\n1 | …" + x + " here " + y + "…\n  |             ^^^^ label\n");
  CHECK(show(d, {text}, 4'000).size() < 1'000);
  // So is a mistake that is the whole line.
  const Diagnostic whole{"R001", "m", {{0, 3, 6'000'000}, ""}, {}, "", {}};
  CHECK(show(whole, {text}).size() < 1'500);
}

TEST_CASE("no name in a message is longer than people read, in any format") {
  const std::string name = std::string(10'000'000, 'n');
  const SourceText text{"a.rules", "rule"};
  const Diagnostic d{"R021", "unknown event `" + name + "`", {{0, 0, 4}, name}, {}, "write `" + name + "`", {}};
  for (const std::string& word : format_words()) {
    CAPTURE(word);
    const std::string out = render(std::span(&d, 1), std::span(&text, 1), *format_of(word));
    CHECK(out.size() < 200'000);  // SARIF brings the table of codes
    CHECK(out.find("unknown event `nnn") != std::string::npos);
  }
}

TEST_CASE("the name of a file that is no UTF-8 is shown without what a terminal obeys") {
  const SourceText text{"a\xff\x1b[2J.rules", "rule"};
  const Diagnostic d{"R021", "m", {{0, 0, 4}, ""}, {}, "", {}};
  for (const char* word : {"human", "short", "github", "junit"}) {
    CAPTURE(word);
    const std::string out = render(std::span(&d, 1), std::span(&text, 1), *format_of(word));
    CHECK(out.find("a\uFFFD\uFFFD[2J.rules") != std::string::npos);
    CHECK(out.find('\x1b') == std::string::npos);
  }
}

TEST_CASE("colours are escape sequences around whole words, and off unless asked for") {
  const SourceText auth{"rules/auth.rules", kAuth};
  const Diagnostic d = unknown_event(auth);
  RenderOptions options;
  options.colours = true;
  const std::string text = render(std::span(&d, 1), std::span(&auth, 1), Format::human, options);
  CHECK(text.find("\x1b[1;31merror[R021]\x1b[0m") == 0);
  CHECK(text.find("\x1b[1;31m^^^^^^^^^^^\x1b[0m") != std::string::npos);
  CHECK(text.find("\x1b[1;36mhelp\x1b[0m: ") != std::string::npos);
  CHECK(show(d, {auth}).find('\x1b') == std::string::npos);
}

std::string render_one(Format format, std::string path = "rules/auth.rules") {
  const SourceText auth{std::move(path), kAuth};
  const Diagnostic d = unknown_event(auth);
  RenderOptions options;
  options.version = "1.2.3";
  return render(std::span(&d, 1), std::span(&auth, 1), format, options);
}

TEST_CASE("short: one line, the place first") {
  CHECK(render_one(Format::brief) ==
        "rules/auth.rules:12:10: error[R021]: unknown event `login_faild` (not an event or alias); help: did you mean "
        "`login_failed`? (declared at rules/auth.rules:3)\n");
}

TEST_CASE("github: a workflow command, what would end it escaped") {
  CHECK(
      render_one(Format::github, "a,b:c%.rules") ==
      "::error file=a%2Cb%3Ac%25.rules,line=12,col=10,endLine=12,endColumn=21,title=R021::unknown event `login_faild` "
      "(not an event or alias)%0Ahelp: did you mean `login_failed`? (declared at rules/auth.rules:3)\n");
}

TEST_CASE("json: one object a line, shaped like rustc's") {
  const std::string line = render_one(Format::json);
  CHECK(line.starts_with(
      R"({"schema":"tocsin/check/1","message":"unknown event `login_faild`","code":{"code":"R021","explanation":")"));
  CHECK(
      line.find(
          R"("level":"error","spans":[{"file_name":"rules/auth.rules","byte_start":122,"byte_end":133,"line_start":12,"line_end":12,"column_start":10,"column_end":21,"is_primary":true,"text":[{"text":"  when 5 login_faild within 5m by user","highlight_start":10,"highlight_end":21}],"label":"not an event or alias","suggested_replacement":null}])") !=
      std::string::npos);
  CHECK(line.find(R"-("children":[{"message":"did you mean `login_failed`? (declared at rules/auth.rules:3)")-") !=
        std::string::npos);
  CHECK(line.find(R"("suggested_replacement":"login_failed")") != std::string::npos);
  CHECK(line.find('\n') == line.size() - 1);
}

TEST_CASE("sarif: rules from the table, and the place of the mistake") {
  const std::string text = render_one(Format::sarif, "rules/my auth.rules");
  CHECK(text.find(R"("version": "2.1.0")") != std::string::npos);
  CHECK(text.find(R"("uri": "rules/my%20auth.rules")") != std::string::npos);
  CHECK(text.find(R"("startColumn": 10)") != std::string::npos);
  CHECK(text.find(R"("version": "1.2.3")") != std::string::npos);
  for (const CodeInfo& row : all_codes())
    CHECK(text.find("\"id\": \"" + std::string(row.code) + "\"") != std::string::npos);
}

TEST_CASE("junit: a failure per message, a passed case per quiet file, text escaped") {
  const std::vector<SourceText> sources{{"a<b.rules", kAuth}, {"quiet.rules", ""}};
  const Diagnostic d = unknown_event(sources[0]);
  CHECK("\n" + render(std::span(&d, 1), sources, Format::junit) == R"(
<?xml version="1.0" encoding="UTF-8"?>
<testsuites>
  <testsuite name="tocsin check" tests="2" failures="1">
    <testcase classname="a&lt;b.rules" name="R021 at 12:10">
      <failure type="R021" message="unknown event `login_faild`">error[R021]: unknown event `login_faild`
  --&gt; a&lt;b.rules:12:10
   |
12 |   when 5 login_faild within 5m by user
   |          ^^^^^^^^^^^ not an event or alias
help: did you mean `login_failed`? (declared at rules/auth.rules:3)
</failure>
    </testcase>
    <testcase classname="quiet.rules" name="check"/>
  </testsuite>
</testsuites>
)");
}

TEST_CASE("no format loses its footing on bytes that are no UTF-8 or on a place that does not exist") {
  const std::vector<SourceText> sources{{"a\xff.rules", "\xff\xfe\x00 x\n"}};
  Diagnostic d{"R999", "m\xff", {{0, 9, 3}, "l\xc3"}, Label{{0, 1, 2}, ""}, "h\x80", Edit{{0, 0, 77}, "\xff"}};
  for (const std::string& word : format_words()) {
    CAPTURE(word);
    CHECK(!render(std::span(&d, 1), sources, *format_of(word)).empty());
  }
  CHECK(!format_of("xml"));
}

TEST_CASE("nothing to say is nothing, but for documents that are whole") {
  CHECK(render({}, {}, Format::human).empty());
  CHECK(render({}, {}, Format::json).empty());
  CHECK(render({}, {}, Format::sarif).find("\"results\": []") != std::string::npos);
  CHECK(render({}, {}, Format::junit).find("tests=\"0\"") != std::string::npos);
}

}  // namespace
}  // namespace tocsin::dsl
