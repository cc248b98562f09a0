// Mistakes as people make them, and the exact text they get: tests/diagnostics/NAME.rules and NAME.expect. With
// TOCSIN_UPDATE=1 the expectations (and docs/diagnostics.md) are written anew; review the difference.
//
// A `.rules` file may begin with `// options: --require-tests 2`. Each is a rule set of its own.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "dsl/code_pages.h"
#include "dsl/compile.h"
#include "dsl/load.h"
#include "dsl/render.h"

namespace tocsin::dsl {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TOCSIN_SOURCE_DIR;
const bool kUpdate = std::getenv("TOCSIN_UPDATE") != nullptr;

std::string read(const fs::path& path) {
  const Result<std::string> text = read_file(path.string());
  return text ? *text : std::string();
}

struct Found {
  std::vector<Diagnostic> diagnostics;
  std::string text;  // as a person reads it
};

Found find_mistakes(const SourceText& source, bool files_exist = true, int require_tests = 0) {
  const std::vector<Parsed> parsed{parse(source)};
  CheckOptions options;
  options.sources = std::span(&source, 1);
  options.require_tests = require_tests;
  constexpr std::string_view kTests = "// options: --require-tests ";
  if (source.text.starts_with(kTests)) options.require_tests = std::atoi(source.text.c_str() + kTests.size());
  options.file_exists = [files_exist](std::uint32_t, std::string_view path) {
    return files_exist && path.find("missing") == std::string_view::npos;
  };
  options.columns = [](std::uint32_t, std::string_view path) -> std::optional<std::vector<std::string>> {
    if (path == "cards.csv") return std::vector<std::string>{"id", "tier", "country"};
    return std::nullopt;
  };
  options.broken_file = [](const CheckOptions::FileUse& use) {
    const bool twice = use.path.find("twice") != std::string_view::npos;
    return std::string(twice ? "line 3 has the id `7` of line 2 again; delete one of them" : "");
  };
  options.no_addresses = [](const CheckOptions::FileUse& use) {
    const bool has_words = use.path.find("words") != std::string_view::npos;
    return std::string(has_words ? "`10.0.0.300` is no address and no network, nor is another one" : "");
  };
  Found found{compile(parsed, options).diagnostics, {}};
  found.text = render(found.diagnostics, std::span(&source, 1), Format::human);
  return found;
}

std::vector<fs::path> cases() {
  std::vector<fs::path> found;
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/diagnostics"))
    if (entry.path().extension() == ".rules") found.push_back(entry.path());
  std::ranges::sort(found);
  return found;
}

void compare(const fs::path& file, const std::string& is) {
  if (kUpdate && read(file) != is) std::ofstream(file, std::ios::binary) << is;
  CHECK(is == read(file));
}

std::set<std::string> codes_of(const std::vector<Diagnostic>& diagnostics) {
  std::set<std::string> codes;
  for (const Diagnostic& d : diagnostics) codes.emplace(d.code);
  return codes;
}

TEST_CASE("each mistake gets its exact text") {
  for (const fs::path& file : cases()) {
    CAPTURE(file.filename().string());
    // Shown by its name alone, wherever the clone stands.
    const SourceText source{file.filename().string(), read(file)};
    const std::string is = find_mistakes(source).text;
    CHECK(!is.empty());  // a mistake without a message is one
    compare(fs::path(file).replace_extension(".expect"), is);
  }
}

SourceText mended(const SourceText& source, const Edit& fix) {
  SourceText out = source;
  out.text.replace(fix.span.begin, fix.span.end - fix.span.begin, fix.text);
  return out;
}

std::ptrdiff_t times_told(const std::vector<Diagnostic>& diagnostics, const Diagnostic& d) {
  return std::ranges::count_if(
      diagnostics, [&](const Diagnostic& other) { return other.code == d.code && other.message == d.message; });
}

// Were a mend wrong, `check --fix` would write it into the file, and the author would find the next mistake there.
TEST_CASE("a mend takes its message away, and where it was the only one, nothing is left to say") {
  for (const fs::path& file : cases()) {
    const SourceText source{file.filename().string(), read(file)};
    const std::vector<Diagnostic> before = find_mistakes(source).diagnostics;
    for (const Diagnostic& d : before) {
      if (!d.fix) continue;
      CAPTURE(source.path);
      CAPTURE(d.message);
      const Found after = find_mistakes(mended(source, *d.fix));
      CAPTURE(after.text);
      CHECK(times_told(after.diagnostics, d) < times_told(before, d));
      if (before.size() == 1) CHECK(after.text == "");
    }
  }
}

// A file larger than the limit, which no golden can be.
TEST_CASE("a file of more than 16 MiB is told so, at its first byte") {
  const SourceText large{"large.rules", std::string((std::size_t{16} << 20) + 1, '\n')};
  const Found found = find_mistakes(large);
  REQUIRE(found.diagnostics.size() == 1);
  CHECK(found.diagnostics.front().code == "R007");
  CHECK(found.text ==
        "error[R007]: this file is too large\n"
        "  --> large.rules:1:1\n"
        "  |\n"
        "1 |\n"
        "  | ^ 16 MiB\n"
        "help: a file of rules has at most 16 MiB: put the rules into several files, and long lists into `list L from "
        "\"file\"`\n");
}

TEST_CASE("no expectation is without its rules") {
  for (const auto& entry : fs::directory_iterator(kRoot / "tests/diagnostics")) {
    CAPTURE(entry.path().filename().string());
    CHECK(fs::exists(fs::path(entry.path()).replace_extension(".rules")));
  }
}

// Were a code without one, its text could say anything.
TEST_CASE("every code has an exact text") {
  std::string all;
  for (const fs::path& file : cases()) all += read(fs::path(file).replace_extension(".expect"));
  for (const CodeInfo& row : all_codes()) {
    if (row.code == "R007") continue;  // a file of 16 MiB
    CHECK_MESSAGE(all.find("[" + std::string(row.code) + "]") != std::string::npos, row.code, " is in no .expect");
  }
}

TEST_CASE("the wrong text of each page earns its code, and no other error; the right one earns none") {
  for (const CodeInfo& row : all_codes()) {
    CAPTURE(row.code);
    if (row.code == "R006" || row.code == "R007")
      continue;  // bytes that are no text, a file of 16 MiB: no page can show them
    const SourceText wrong{"wrong.rules", std::string(row.wrong)}, right{"right.rules", std::string(row.right)};
    const int tests = row.code == "R116" ? 1 : 0;
    const Found bad = find_mistakes(wrong, row.code != "R117", tests), good = find_mistakes(right, true, tests);
    CAPTURE(bad.text);
    CAPTURE(good.text);
    CHECK(codes_of(bad.diagnostics).contains(std::string(row.code)));
    CHECK(!codes_of(good.diagnostics).contains(std::string(row.code)));
    CHECK(std::ranges::none_of(good.diagnostics, [](const Diagnostic& d) { return d.level() == Level::error; }));
    if (row.level == Level::error)
      CHECK(std::ranges::all_of(
          bad.diagnostics, [&](const Diagnostic& d) { return d.level() == Level::warning || d.code == row.code; }));
  }
}

// Words of the trade of compilers, and signs that a C++ type leaked; nobody who writes rules should meet them.
TEST_CASE("no message speaks of tokens") {
  for (const fs::path& file : cases()) {
    CAPTURE(file.filename().string());
    for (const Diagnostic& d : find_mistakes({file.filename().string(), read(file)}).diagnostics) {
      const std::string all = d.message + "\n" + d.here.text + "\n" + d.help;
      CAPTURE(all);
      for (const char* word :
           {"token", "illegal", "syntax error", "std::", "unexpected", "invalid", "ast::", "nullptr"})
        CHECK(all.find(word) == std::string::npos);
    }
  }
}

TEST_CASE("docs/diagnostics.md is what the table of codes says") {
  compare(kRoot / "docs/diagnostics.md", diagnostics_document());
}

}  // namespace
}  // namespace tocsin::dsl
