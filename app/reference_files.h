// The files that rules name, for their lists, tables and tests: a relative name counts from the folder of the file that
// says it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/check.h"
#include "dsl/compile.h"
#include "dsl/source.h"
#include "engine/base/result.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"

namespace tocsin::app {

// Lets `check` ask which of these files are there, and which columns they have; `texts` stays alive as long as it asks.
void look_into_files(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts);

// Lets it read them, too, and say what `run` and `replay` would refuse.
void look_into_contents(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts);

// Lets it read the lists in which addresses are looked up, and say what of them is none.
void look_into_addresses(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts);

// The path of what rule file number `file` calls `name`.
std::filesystem::path beside(std::span<const dsl::SourceText> texts, std::uint32_t file, std::string_view name);

// Every file that a rule set names, as it was last read well; whoever watches them (nothing here does) asks when to
// look again, and hands what is new to Engine::swap.
class ReferenceFiles {
 public:
  // A file that is not there, or is broken, is a failure: `run` and `replay` refuse to start without it (language.md,
  // section 10). REQUIRES: compiled.ok().
  static Result<ReferenceFiles> read(const dsl::Compiled& compiled, std::span<const dsl::SourceText> texts);

  const std::shared_ptr<const ReferenceData>& data() const { return data_; }

  // Of the contents that data() was made of, and of what is called so.
  std::uint64_t hash() const;

  struct Change {
    std::vector<std::string> changed;  // files with another content than before: `data()` has it
    std::vector<Error> broken;         // their old content stays; each is told once, until it has changed again
  };
  Change look_again();

 private:
  struct File {
    ListId list;  // of both, that which it is for
    TableId table;
    std::string path;
    std::optional<std::uint64_t> hash;         // of the content in data_
    std::optional<std::uint64_t> broken_hash;  // of what was told to be broken, and is still so
  };
  Result<std::shared_ptr<const ReferenceData>> with(const File& file, const std::optional<std::string>& content) const;

  std::shared_ptr<const RuleSet> rules_;
  std::vector<File> files_;
  std::shared_ptr<const ReferenceData> data_;
};

// The data alone, for who does not look again.
Result<std::shared_ptr<const ReferenceData>> read_reference(const dsl::Compiled& compiled,
                                                            std::span<const dsl::SourceText> texts);

}  // namespace tocsin::app
