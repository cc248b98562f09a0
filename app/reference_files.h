// The files of lists and tables, beside the rules that name them.
#pragma once

#include <memory>
#include <span>

#include "dsl/check.h"
#include "dsl/source.h"
#include "engine/base/result.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"

namespace tocsin::app {

// Lets `check` ask which of these files are there, and which columns they have; `texts` stays alive as long as it asks.
void look_into_files(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts);

// Reads every file that the set names; a relative name counts from the folder of the rule file that has it, else from this
// one. A file that is not there is a failure: `run` and `replay` refuse to start without it (language.md, section 10).
Result<std::shared_ptr<const ReferenceData>> read_reference(const RuleSet& rules,
                                                            std::span<const dsl::SourceText> texts);

}  // namespace tocsin::app
