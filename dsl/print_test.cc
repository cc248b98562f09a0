// Were this wrong, the formatter would change what a rule means, lose a comment, or never come to rest.
#include "dsl/print.h"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

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
        "  // the pattern\n"
        "  when a then b by k\n"
        "  alert \"x\"\n"
        "  // fire always\n"
        "\n"
        "// above the next\n"
        "event e = a  // an alias\n"
        "// the end\n");
  CHECK(formatted(formatted(text)) == formatted(text));
}

}  // namespace
}  // namespace tocsin::dsl
