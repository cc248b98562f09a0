// The tests of a rule text: events in virtual time, exact expectations, on the engine that production runs
// (language.md, section 12; semantics.md V1, V2).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/diagnostic.h"
#include "dsl/source.h"
#include "engine/base/result.h"
#include "engine/match/alert.h"
#include "engine/program/reference_data.h"

namespace tocsin::app {

// An alert that was expected, of a key for which there was none: what `nearest_match` can be asked about.
struct Missed {
  std::string rule;
  std::map<std::string, std::string> fields;  // as expected, values as JSON; those of the key are among them
  std::optional<Time> after;                  // the alert of that key before it
  Time until{};
};

struct TestOutcome {
  std::string title;
  dsl::SourceSpan span;  // of the title
  bool passed = true;
  std::string message;             // what failed first, in words; several lines: the field-wise difference
  dsl::SourceSpan failed_at;       // the line that was not met
  std::vector<std::string> fired;  // what sent an alert or emitted an event, each once
  std::optional<Missed> missed;
  std::vector<dsl::Edit> edits;  // of the test's text: with them it expects what there was (`test --update`)
};

// Rules that come into force in the middle of a test.
struct OtherRules {
  std::shared_ptr<const dsl::Compiled> compiled;
  std::shared_ptr<const ReferenceData> reference;
};

struct TestOptions {
  // Not 0: the order in which events arrive is shuffled within the allowed lateness, by this seed; nothing may change.
  std::uint64_t permutation = 0;
  std::uint32_t shards = 1;  // of the engine; nothing may change
  // Reads a file that a test loads; a relative name counts from the file of the test. Its records name their event in
  // the field `event`.
  std::function<Result<std::string>(std::uint32_t file, const std::string& name)> read;
  // The rules as they are with that file in the place of the test's own.
  std::function<Result<OtherRules>(std::uint32_t file, const std::string& name)> reload;
};

// Runs one test of the model.
TestOutcome run_test(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                     const dsl::TestInfo& test, const TestOptions& options = {});

// All alerts that the test's events cause until it reloads its rules, under these: they may be others than the test's,
// with the same events.
std::vector<Alert> alerts_of(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                             const dsl::TestInfo& test, const TestOptions& options = {});

// An event of a test, or of a file that it loads.
struct SentEvent {
  Position position;
  Time time{};
  std::string type;
  std::string text;  // `login {user: "ann"}`: what some rule reads of it
};
// All that the test sends until it reloads its rules, and some rule may want, in the total order (T3).
std::vector<SentEvent> events_of(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                                 const dsl::TestInfo& test, const TestOptions& options = {});

// When time alone will next do something for a rule, as it stands after all that happens at `at`.
struct Deadline {
  Time at{};
  std::optional<Time> due;
};
// After each instant at which the test sends something, in order.
std::vector<Deadline> deadlines_of(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                                   const dsl::TestInfo& test, const std::string& rule, const TestOptions& options = {});

// A value as messages write it: JSON.
std::string in_message(const Value& value);
// `40s`; in a test that names whole times, such a time.
std::string in_message(Time time, const dsl::TestInfo& test);

}  // namespace tocsin::app
