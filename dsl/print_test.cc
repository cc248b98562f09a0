// Were this wrong, the formatter would change what a rule means, lose a comment, or never come to rest.
#include "dsl/print.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/lex.h"
#include "dsl/parser.h"
#include "tests/support/ast_generator.h"

namespace tocsin::dsl {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

std::vector<fs::path> rule_files() {
  std::vector<fs::path> out{fs::path(TOCSIN_SOURCE_DIR) / "tests/spec/expressiveness.rules"};
  for (const auto& entry : fs::recursive_directory_iterator(fs::path(TOCSIN_SOURCE_DIR) / "rules"))
    if (entry.path().extension() == ".rules") out.push_back(entry.path());
  return out;
}

std::string formatted(const std::string& text) {
  const SourceText source{"test.rules", text};
  const Parsed parsed = parse(source);
  for (const Diagnostic& d : parsed.diagnostics) FAIL_CHECK(d.code << " " << d.message << ": " << d.here.text);
  return print(parsed.file, source);
}

TEST_CASE("what is printed reads as the same tree, whatever the tree") {
  for (std::uint64_t seed = 0; seed < 20'000; ++seed) {
    tests::AnyRules any(seed);
    ast::RuleFile file;
    file.items.push_back(any.item());
    const SourceText source{"any.rules", print(file)};
    const Parsed parsed = parse(source);
    CAPTURE(seed);
    CAPTURE(source.text);
    for (const Diagnostic& d : parsed.diagnostics) {
      const std::string there = source.text.substr(d.here.span.begin, 30);
      FAIL(d.code << " " << d.message << ": " << d.here.text << " at " << there);
    }
    REQUIRE(parsed.file.items.size() == 1);
    REQUIRE((parsed.file.items == file.items));
    REQUIRE(print(parsed.file, source) == source.text);
  }
}

TEST_CASE("many items in one file keep their order, and the page comes to rest") {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    tests::AnyRules any(seed);
    const ast::RuleFile file = any.file(12);
    const SourceText source{"any.rules", print(file)};
    const Parsed parsed = parse(source);
    CAPTURE(seed);
    CAPTURE(source.text);
    for (const Diagnostic& d : parsed.diagnostics) FAIL_CHECK(d.code << " " << d.message << ": " << d.here.text);
    REQUIRE(parsed.file.items.size() == file.items.size());
    for (std::size_t i = 0; i < file.items.size(); ++i) {
      CAPTURE(i);
      REQUIRE((parsed.file.items[i] == file.items[i]));
    }
    const SourceText again{"again.rules", print(parsed.file, source)};
    const Parsed second = parse(again);
    REQUIRE((second.file.items == file.items));
    REQUIRE(print(second.file, again) == again.text);
  }
}

TEST_CASE("formatting a file of ours changes no meaning, loses no comment, and comes to rest") {
  for (const fs::path& path : rule_files()) {
    CAPTURE(path.string());
    const SourceText source{path.string(), read(path)};
    const Parsed parsed = parse(source);
    REQUIRE(parsed.diagnostics.empty());
    const SourceText once{"once.rules", print(parsed.file, source)};
    const Parsed again = parse(once);
    REQUIRE(again.diagnostics.empty());
    CHECK((again.file.items == parsed.file.items));
    CHECK(again.file.comments.size() == parsed.file.comments.size());
    CHECK(print(again.file, once) == once.text);
  }
}

TEST_CASE("the layout") {
  CHECK(formatted("rule r when 5 a within 5m by k fire once alert \"x\"") ==
        "rule r\n  when 5 a within 5m by k\n  fire once\n  alert \"x\"\n");
  CHECK(formatted("event a=x(b=1) event long_name = y\n\nevent c") ==
        "event a         = x(b = 1)\nevent long_name = y\n\nevent c\n");
  CHECK(formatted("test \"t\" at 0s a at 1m30s 2 b every 1s {x:1} restart") ==
        "test \"t\"\n  at 0s     a\n  at 1m30s  2 b every 1s {x: 1}\n  restart\n");
  CHECK(formatted("event e has a text timestamp a late 0s") == "event e has a text  timestamp a  late 0s\n");
  // A number stays as it was written.
  CHECK(formatted("let $n = 10_000 let $m = 120s let $s = 64KiB let $p = 20%") ==
        "let $n = 10_000\nlet $m = 120s\nlet $s = 64KiB\nlet $p = 20%\n");
  // A long sequence has a step a line.
  CHECK(formatted("rule r when login(outcome = \"failure\" and country != \"FR\") as first_login then logout(outcome = "
                  "\"good\") "
                  "as then_out within 10m by user alert \"x\"") ==
        "rule r\n  when login(outcome = \"failure\" and country != \"FR\") as first_login\n"
        "    then logout(outcome = \"good\") as then_out within 10m\n  by user\n  alert \"x\"\n");
}

TEST_CASE("comments stay where they stood") {
  const std::string text =
      "// head of the file\n"
      "\n"
      "/// what it is for\n"
      "rule r // the name\n"
      "  // before the pattern\n"
      "  when a then b  // the pattern\n"
      "  by k\n"
      "  alert \"x\"\n"
      "  // fire always\n"
      "\n"
      "// above the next\n"
      "event e = a // an alias\n"
      "// the end\n";
  CHECK(formatted(text) ==
        "// head of the file\n"
        "\n"
        "/// what it is for\n"
        "rule r  // the name\n"
        "  // before the pattern\n"
        "  when a then b  // the pattern\n"
        "  by k\n"
        "  alert \"x\"\n"
        "  // fire always\n"
        "\n"
        "// above the next\n"
        "event e = a  // an alias\n"
        "// the end\n");
  CHECK(formatted(formatted(text)) == formatted(text));
}

TEST_CASE("a comment stays beside the element that it follows") {
  CHECK(formatted("list l = [\n  1, // one\n  // on its own\n  2 // two\n  , 3 // three\n]\n") ==
        "list l = [1,  // one\n    // on its own\n    2,  // two\n    3]  // three\n");
  CHECK(formatted("/// doc\nevent e has a text, // first\n  b text // second\n  timestamp a\n") ==
        "/// doc\nevent e has a text,  // first\n    b text  // second\n  timestamp a\n");
  CHECK(formatted("rule r\n  when a // first\n    then b // second\n    within 5m by k\n  alert \"x\"\n") ==
        "rule r\n  when a  // first\n    then b  // second\n    within 5m by k\n  alert \"x\"\n");
  // One that no element ends before goes above the line, and above the documentation.
  CHECK(formatted("/// doc\nevent e = // odd\n  a\n") == "// odd\n/// doc\nevent e = a\n");
}

// Comments between the tokens of a text, in each of the ways that people write them.
std::string with_comments(const std::string& text, std::uint64_t seed) {
  const SourceText source{"any.rules", text};
  const Lexed lexed = lex(source);
  std::string out;
  std::size_t from = 0;
  for (std::size_t i = 0; i < lexed.tokens.size(); ++i) {
    seed = seed * 6364136223846793005U + 1442695040888963407U;
    if ((seed >> 33U) % 6 != 0 || lexed.tokens[i].punct == Punct::open_round) continue;  // `$x (` is not `$x(`
    const std::size_t at = i + 1 < lexed.tokens.size() ? lexed.tokens[i].begin : text.size();
    const char* before[] = {" ", "\n", "\n  ", "\n\n", "\n\n    ", "  "};
    out += text.substr(from, at - from) + before[(seed >> 40U) % 6] + "// c" + std::to_string(i) + "\n";
    from = at;
  }
  return out + text.substr(from);
}

std::vector<std::string> comments_of(const Parsed& parsed) {
  std::vector<std::string> out;
  for (const ast::Comment& c : parsed.file.comments) out.push_back(c.text);
  std::ranges::sort(out);
  return out;
}

// Were it wrong, `fmt` would eat what somebody wrote beside a rule, or never come to rest.
TEST_CASE("wherever comments stand, none is lost, none changes a meaning, and the page comes to rest") {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    tests::AnyRules any(seed);
    const SourceText source{"any.rules", with_comments(print(any.file(3)), seed)};
    const Parsed parsed = parse(source);
    CAPTURE(seed);
    CAPTURE(source.text);
    for (const Diagnostic& d : parsed.diagnostics) FAIL(d.code << " " << d.message << ": " << d.here.text);
    const SourceText once{"once.rules", print(parsed.file, source)};
    CAPTURE(once.text);
    const Parsed again = parse(once);
    REQUIRE(again.diagnostics.empty());
    REQUIRE((again.file.items == parsed.file.items));
    REQUIRE(comments_of(again) == comments_of(parsed));
    REQUIRE(print(again.file, once) == once.text);
  }
}

}  // namespace
}  // namespace tocsin::dsl
