// load, parse, check: the same three steps for every command that takes PATHS.
#include "app/rules.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <utility>

#include "app/reference_files.h"

namespace tocsin::app {

namespace {

namespace fs = std::filesystem;

void renumber(dsl::Diagnostic& d, std::uint32_t by) {
  d.here.span.file += by;
  if (d.cause) d.cause->span.file += by;
  if (d.fix) d.fix->span.file += by;
}

void read(ReadSet& set, std::span<const dsl::SourceText> files, int require_tests) {
  set.parsed = dsl::parse_all(files);
  dsl::CheckOptions options;
  look_into_files(options, files);
  look_into_contents(options, files);
  look_into_addresses(options, files);
  options.require_tests = require_tests;
  dsl::Compiled compiled = dsl::compile(set.parsed, options);  // what cannot be compiled is a mistake, too
  set.diagnostics = std::move(compiled.diagnostics);
  set.model = std::move(compiled.model);
}

}  // namespace

std::vector<dsl::Diagnostic> ReadRules::diagnostics() const {
  std::vector<dsl::Diagnostic> all;
  for (const ReadSet& set : sets) {
    for (dsl::Diagnostic d : set.diagnostics) {
      renumber(d, static_cast<std::uint32_t>(set.first));
      all.push_back(std::move(d));
    }
  }
  return all;
}

// As written, also those that could not be read whole: people count what they wrote.
std::size_t ReadRules::rules() const {
  std::size_t count = 0;
  for (const ReadSet& set : sets)
    for (const dsl::Parsed& file : set.parsed)
      count += file.unreadable_rules +
               static_cast<std::size_t>(std::ranges::count_if(file.file.items, [](const ast::Item& item) {
                 return std::holds_alternative<ast::RuleDecl>(item.node);
               }));
  return count;
}

bool ReadRules::has_errors() const {
  return std::ranges::any_of(sets, [](const ReadSet& set) {
    return std::ranges::any_of(set.diagnostics,
                               [](const dsl::Diagnostic& d) { return d.level() == dsl::Level::error; });
  });
}

std::vector<std::string> paths_of(std::span<const std::string> operands) {
  if (!operands.empty()) return {operands.begin(), operands.end()};
  std::error_code error;
  return {fs::is_directory("rules", error) ? "rules" : "."};
}

bool waits_for_terminal(std::span<const std::string> paths, const Console& console) {
  return console.in_is_terminal && std::ranges::find(paths, "-") != paths.end();
}

Result<std::vector<dsl::SourceSet>> load_sources(std::span<const std::string> paths, const Arguments& arguments,
                                                 Console& console) {
  Result<std::vector<dsl::SourceSet>> sets = dsl::load(paths, {&console.in, arguments.value("--stdin-filename", "-")});
  if (!sets || !arguments.has("--apart")) return sets;
  std::vector<dsl::SourceSet> apart;
  for (dsl::SourceSet& set : *sets)
    for (dsl::SourceText& file : set.files) apart.push_back({{std::move(file)}, set.markdown});
  return apart;
}

Result<ReadRules> read_rules(std::span<const std::string> paths, const Arguments& arguments, Console& console,
                             int require_tests) {
  Result<std::vector<dsl::SourceSet>> sources = load_sources(paths, arguments, console);
  if (!sources) return tl::unexpected(sources.error());
  ReadRules rules;
  for (dsl::SourceSet& source : *sources) {
    ReadSet& set = rules.sets.emplace_back();
    set.first = rules.files.size();
    set.count = source.files.size();
    std::ranges::move(source.files, std::back_inserter(rules.files));
  }
  for (ReadSet& set : rules.sets) read(set, rules.files_of(set), require_tests);
  return rules;
}

}  // namespace tocsin::app
