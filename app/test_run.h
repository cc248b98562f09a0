// The tests of a rule text: events in virtual time, exact expectations, on the engine that production runs (language.md,
// section 12; semantics.md V1, V2).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/source.h"
#include "engine/base/result.h"
#include "engine/program/reference_data.h"

namespace tocsin::app {

struct TestOutcome {
  std::string title;
  dsl::SourceSpan span;  // of the title
  bool passed = true;
  std::string message;             // what failed first, in words; several lines: the field-wise difference
  dsl::SourceSpan failed_at;       // the line that was not met
  std::vector<std::string> fired;  // what sent an alert or emitted an event, each once
};

struct TestOptions {
  // Not 0: the order in which events arrive is shuffled within the allowed lateness, by this seed; nothing may change.
  std::uint64_t permutation = 0;
  // Reads a file that a test loads; a relative name counts from the file of the test. Its records name their event in the
  // field `event`.
  std::function<Result<std::string>(std::uint32_t file, const std::string& name)> read;
};

// Runs one test of the model.
TestOutcome run_test(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                     const dsl::TestInfo& test, const TestOptions& options = {});

}  // namespace tocsin::app
