// Rules over a finite input, on the engine that production runs: what `replay`, `test` and the tests of the house
// share. Event time alone decides; nothing is written here, outputs go to the caller.
#pragma once

#include <cstdint>
#include <functional>
#include <istream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "engine/io/dead_letter.h"
#include "engine/io/source.h"
#include "engine/runtime/document.h"
#include "engine/runtime/engine.h"

namespace tocsin::app {

// What happens to time at the end of the input (T8).
struct EndOfInput {
  std::optional<Time> until;
  bool drain = false;
};

// Lists and tables that change on the way: before all that happens at `from`.
struct Swap {
  Time from{};
  std::shared_ptr<const ReferenceData> reference;
};

class Profile;

struct History {
  std::shared_ptr<const RuleSet> rules;
  std::shared_ptr<const ReferenceData> reference;
  std::vector<Swap> swaps;  // in the order of their times
  CodecConfig codec;
  std::string source;            // its name in evidence
  std::optional<Duration> wait;  // instead of the events' own `late`
  std::size_t block_bytes = 128 * 1024;
  std::function<bool(const Event&)> sampled;  // not: as if it were not in the source; none: all are
  std::optional<Time> from, to;  // events before `from`, and from `to` on, are as if they were not in the source
  EndOfInput end;
  EngineOptions engine;
  Profile* profile = nullptr;  // what the rules cost is told there
};

// Something that a rule still waits for when the input has ended (T8).
struct Pending {
  std::string rule;
  Time at{};  // the first of its deadlines
};

// What a rule, session or summary did not judge, or no longer could (language.md, sections 4 and 16).
struct Unjudged {
  std::uint64_t missing_key = 0;  // events without its key
  std::uint64_t cut_short = 0;    // how often a limit took something away
};

struct HistoryResult {
  std::uint64_t records = 0, events = 0, late = 0, bytes = 0;
  std::uint64_t left_out = 0;  // outside of `from` and `to`
  std::uint64_t not_sampled = 0;
  std::array<std::uint64_t, kDeadReasons> dead{};
  std::optional<Instant> pending;            // the first thing still due when the input ended
  std::vector<Pending> pending_rules;        // what is pending at the very end, time moved on or not; rules in order
  std::map<std::string, Unjudged> unjudged;  // by name, where there was any
  std::map<std::string, std::uint64_t> suppressed;  // fires that a budget refused (F7); likewise
  std::optional<Time> first, last;                  // of the events that were judged: neither late nor left out
  bool stopped = false;                             // `stopped` said so before the input ended
};

// The records of which no event was judged: "3 late, 16 dead letters (16 unknown_event)"; empty when there are none.
std::string not_judged(const HistoryResult& result);

// What comes out, in order, as it comes; one at a time, on any of the engine's threads.
struct HistoryOutputs {
  std::function<void(const Alert&, const DocumentNames&)> alert;
  std::function<void(const Emitted&, const DocumentNames&)> emitted;
  std::function<void(const DeadLetter&, const DocumentNames&)> dead;
  std::function<void(const LateEvent&, const DocumentNames&)> late;
  // After each block: how much of the source is done (less than 0: nobody knows), events so far, event time.
  std::function<void(double done, std::uint64_t events, Time at)> progress;
  // After each block that has events: the time of the last of them, and the partition.
  std::function<void(std::uint32_t partition, Time at)> reached;
  std::function<bool()> stopped;  // asked after each block: no more is read
};

// Every partition of the source has its own decoder and watermark. Fails for a codec that means nothing, and when the
// source does.
Result<HistoryResult> run_history(const History& history, Source& source, const HistoryOutputs& outputs);
// The same over the lines of a stream, one partition.
Result<HistoryResult> run_history(const History& history, std::istream& input, const HistoryOutputs& outputs);

// The lines of a stream that lies in memory as a source of one partition. The stream must outlive it.
std::unique_ptr<Source> stream_source(std::istream& input, std::size_t block_bytes = std::size_t{128} << 10);

}  // namespace tocsin::app
