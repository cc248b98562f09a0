// What a rule did at each event of a test: which step was reached, how many were counted, why an event was not taken,
// when time was to do something and did. Asked of the engine through weaker rules (weaker.h), as `why` does: each runs
// over all events of the test, and what it says at an event is told there.
#pragma once

#include <span>
#include <string>

#include "app/nearest.h"
#include "app/test_run.h"
#include "app/weaker.h"

namespace tocsin::app {

// What is traced, all of one test. `run` answers for these events, `deadlines` are those of the rule.
struct Traced {
  std::span<const SentEvent> events;
  std::span<const Deadline> deadlines;
  RunVariant run;
  WriteTime write;
};

// The lines of the trace, each ended; empty where there is no such rule.
std::string trace_of(const CompiledSet& set, const std::string& rule, const Traced& traced);

}  // namespace tocsin::app
