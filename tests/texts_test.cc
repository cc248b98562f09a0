// If this fails, a text that we show to people, or that the language was designed on, is refused: a sample rule, an
// example in README or docs/, one of the sixty rules of the first sketch, or a worked example.
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "dsl/compile.h"
#include "dsl/load.h"
#include "dsl/render.h"

namespace tocsin::dsl {
namespace {

const std::filesystem::path kRoot = TOCSIN_SOURCE_DIR;

// The messages of `level` as an author would read them.
std::string messages(const Compiled& compiled, const std::vector<SourceText>& texts, Level level) {
  std::vector<Diagnostic> wanted;
  for (const Diagnostic& diagnostic : compiled.diagnostics)
    if (diagnostic.level() == level) wanted.push_back(diagnostic);
  return render(wanted, texts, Format::human);
}

std::vector<SourceSet> load_from_root(const std::vector<std::string>& names) {
  std::vector<std::string> paths;
  for (const std::string& name : names) paths.push_back((kRoot / name).string());
  auto sets = load(paths);
  REQUIRE_MESSAGE(sets.has_value(), sets.error().message);
  return *sets;
}

std::vector<std::string> domains() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot / "rules"))
    if (entry.is_directory()) names.push_back("rules/" + entry.path().filename().string());
  return names;
}

TEST_CASE("every folder of rules/ is a set without mistakes or warnings, and so is rules/ as a whole") {
  std::vector<std::string> names = domains();
  REQUIRE(names.size() >= 7);
  names.push_back("rules");
  for (const std::string& name : names) {
    CAPTURE(name);
    const auto sets = load_from_root({name});
    REQUIRE(sets.size() == 1);
    const Compiled compiled = compile(sets[0].files);
    CHECK(messages(compiled, sets[0].files, Level::error) == "");
    CHECK(messages(compiled, sets[0].files, Level::warning) == "");
    CHECK(compiled.model.rules.size() > 0);
  }
}

TEST_CASE("the sixty rules of the first sketch have no mistake") {
  const auto sets = load_from_root({"tests/spec/expressiveness.rules"});
  const Compiled compiled = compile(sets[0].files);
  CHECK(messages(compiled, sets[0].files, Level::error) == "");
  CHECK(compiled.model.rules.size() >= 60);
}

TEST_CASE("the examples in README and docs/ have no mistake") {
  std::vector<std::string> names{"README.md"};
  for (const auto& entry : std::filesystem::recursive_directory_iterator(kRoot / "docs"))
    if (is_markdown(entry.path().string())) names.push_back(std::filesystem::relative(entry.path(), kRoot).string());
  std::size_t rules = 0;
  for (const SourceSet& set : load_from_root(names)) {
    const Compiled compiled = compile(set.files);
    CHECK(messages(compiled, set.files, Level::error) == "");
    rules += compiled.model.rules.size();
  }
  CHECK(rules >= 30);  // or the fences were not found
}

TEST_CASE("the rules of the 340 worked examples have no mistake") {
  std::ifstream lines(kRoot / "tests/spec/worked.jsonl");
  std::size_t examples = 0;
  for (std::string line; std::getline(lines, line);) {
    ++examples;
    const auto example = nlohmann::json::parse(line);
    const std::vector<SourceText> texts{
        {.path = "worked.jsonl, line " + std::to_string(examples), .text = example["rules"]}};
    const Compiled compiled = compile(texts);
    CHECK(messages(compiled, texts, Level::error) == "");
  }
  CHECK(examples == 340);
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in(kRoot / path);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("the rows that docs/adding.md shows stand in their one file") {
  const std::string code = text_of("dsl/operators.cc") + text_of("engine/program/functions.cc");
  std::istringstream page(text_of("docs/adding.md"));
  std::size_t rows = 0;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("```")) inside = !inside;
    if (!inside || line.starts_with("```")) continue;
    ++rows;
    CHECK_MESSAGE(code.find("  " + line + "\n") != std::string::npos, line);
  }
  CHECK(rows == 4);
}

}  // namespace
}  // namespace tocsin::dsl
