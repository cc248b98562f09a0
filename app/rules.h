// Rules as the author's commands take them: paths to texts to trees to a model, with all mistakes of all of it.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "app/command.h"
#include "dsl/check.h"
#include "dsl/diagnostic.h"
#include "dsl/load.h"

namespace tocsin::app {

// One rule set, read and checked. Spans of its trees, its model and its diagnostics number its own files from 0.
struct ReadSet {
  std::size_t first = 0, count = 0;  // of ReadRules::files
  std::vector<dsl::Parsed> parsed;
  dsl::Model model;
  std::vector<dsl::Diagnostic> diagnostics;  // those of the texts and of the meaning; sorted
};

struct ReadRules {
  std::vector<dsl::SourceText> files;  // of all sets, one after the other
  std::vector<ReadSet> sets;

  std::span<const dsl::SourceText> files_of(const ReadSet& set) const {
    return std::span(files).subspan(set.first, set.count);
  }
  // Of all sets, with spans that number `files`.
  std::vector<dsl::Diagnostic> diagnostics() const;
  std::size_t rules() const;
  bool has_errors() const;
};

// The operands of a command that takes PATHS: what was named, else the folder rules, else this one.
std::vector<std::string> paths_of(std::span<const std::string> operands);

// Reads `paths` with the options of the table (`--stdin-filename`). An Error when one cannot be read.
Result<ReadRules> read_rules(std::span<const std::string> paths, const Arguments& arguments, Console& console,
                             int require_tests = 0);

// Texts of `paths` alone; with `--apart` every file is a set of its own.
Result<std::vector<dsl::SourceSet>> load_sources(std::span<const std::string> paths, const Arguments& arguments,
                                                 Console& console);

// Does any path read standard input while that is a terminal?
bool waits_for_terminal(std::span<const std::string> paths, const Console& console);

}  // namespace tocsin::app
