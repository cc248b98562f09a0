// Rules over a finite input, on the engine that production runs: what `replay`, `test` and the tests of the house share.
// Event time alone decides; nothing is written here, outputs go to the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "engine/io/dead_letter.h"
#include "engine/runtime/document.h"
#include "engine/runtime/engine.h"

namespace tocsin::app {

// What happens to time at the end of the input (T8).
struct EndOfInput {
  std::optional<Time> until;
  bool drain = false;
};

struct History {
  std::shared_ptr<const RuleSet> rules;
  std::shared_ptr<const ReferenceData> reference;
  CodecConfig codec;
  std::string source;            // its name in evidence
  std::optional<Duration> wait;  // instead of the events' own `late`
  std::size_t block_bytes = 128 * 1024;
  EndOfInput end;
};

struct HistoryResult {
  std::uint64_t records = 0, events = 0, late = 0;
  std::array<std::uint64_t, kDeadReasons> dead{};
  std::optional<Instant> pending;  // the first thing still due when the input ended
};

// What comes out, in order, as it comes.
struct HistoryOutputs {
  std::function<void(const Alert&, const DocumentNames&)> alert;
  std::function<void(const Emitted&, const DocumentNames&)> emitted;
  std::function<void(const DeadLetter&, const DocumentNames&)> dead;
  std::function<void(const Event&, const DocumentNames&)> late;
  std::function<void(std::uint64_t bytes, Time at)> progress;  // after each block
};

Result<HistoryResult> run_history(const History& history, std::istream& input, const HistoryOutputs& outputs);

}  // namespace tocsin::app
