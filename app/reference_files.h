// The files that rules name, for their lists, tables and tests: a relative name counts from the folder of the file that says it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string_view>

#include "dsl/check.h"
#include "dsl/compile.h"
#include "dsl/source.h"
#include "engine/base/result.h"
#include "engine/program/reference_data.h"

namespace tocsin::app {

// Lets `check` ask which of these files are there, and which columns they have; `texts` stays alive as long as it asks.
void look_into_files(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts);

// The path of what rule file number `file` calls `name`.
std::filesystem::path beside(std::span<const dsl::SourceText> texts, std::uint32_t file, std::string_view name);

// Reads the files of all lists and tables. One that is not there is a failure: `run` and `replay` refuse to start without
// it (language.md, section 10). REQUIRES: compiled.ok().
Result<std::shared_ptr<const ReferenceData>> read_reference(const dsl::Compiled& compiled,
                                                            std::span<const dsl::SourceText> texts);

}  // namespace tocsin::app
