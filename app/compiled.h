// Rules ready to run, as `test`, `replay`, `why` and `demo` take them: paths to texts to programs, with the files of
// their lists and tables. All or nothing: a mistake in one rule is told, and nothing runs.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "app/command.h"
#include "app/files.h"
#include "dsl/compile.h"
#include "dsl/source.h"
#include "engine/program/reference_data.h"

namespace tocsin::app {

// One rule set: all .rules files, or one Markdown document.
struct CompiledSet {
  std::vector<dsl::SourceText> files;  // spans number them
  dsl::Compiled compiled;
  std::shared_ptr<const ReferenceData> reference;
  std::uint64_t data_hash = 0;  // of the files of lists and tables, as `reference` has them

  // The rules, and every file that they name for a list, a table or a test.
  std::vector<FileRead> files_read() const;
  // The text of a file named in rule file number `file`: beside that.
  Result<std::string> read_beside(std::uint32_t file, const std::string& name) const;
  // The same rules, but with that text in the place of rule file number `file`; a mistake in them is a failure.
  Result<CompiledSet> with_file(std::uint32_t file, const std::string& name) const;
};

struct CompiledPaths {
  std::vector<CompiledSet> sets;
  Exit exit = Exit::done;  // else what was wrong has been said on standard error
};

// What is sound of the texts: what has a mistake is left out, and what then lacks something. The mistakes are those of
// all of it. Nothing that can be left out is to blame: no rules.
dsl::Compiled compile_sound_part(std::span<const dsl::SourceText> files, const dsl::CheckOptions& options);

// Exit::no when the rules have errors (with --dev they are told and left out), Exit::usage when a file cannot be read,
// those of lists and tables included. `command`: who asks, as messages name it.
CompiledPaths compile_paths(std::string_view command, const std::vector<std::string>& paths, const Arguments& arguments,
                            Console& console);

}  // namespace tocsin::app
