// What a seed decides of a simulated run: what goes wrong, and when; who goes on while somebody waits. And what has
// happened, as counts (did each kind of fault happen at all?) and as one number (did the same run happen twice?).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <random>
#include <string_view>

#include "engine/base/hash.h"
#include "tests/support/hand_clock.h"

namespace tocsin::tests {

// What must have happened somewhere among the seeds, or a test of it has become none.
#define TOCSIN_SIMULATED(X)                                                    \
  X(kills, "processes killed")                                                 \
  X(power_cuts, "power cuts")                                                  \
  X(deaths_in_calls, "... of both, in the middle of a call to the disk")       \
  X(failed_starts, "starts that failed")                                       \
  X(source_failures, "processes that ended since a source failed")             \
  X(unreadable_keys, "... since a key could not be read")                      \
  X(other_shards, "restarts on another number of shards")                      \
  X(again, "restarts with messages whose delivery was not known")              \
  X(reloads, "reloads")                                                        \
  X(refused_reloads, "reloads that failed, after which the old rules read on") \
  X(epochs, "epochs")                                                          \
  X(merges, "merges into the base")                                            \
  X(failed_stores, "epochs that could not be stored at once")                  \
  X(failed_calls, "calls to the disk that failed")                             \
  X(full, "disks that were full")                                              \
  X(short_writes, "writes that were cut short")                                \
  X(slow_calls, "calls to the disk during which others went on")               \
  X(hangs_told, "looks that found that the disk does not answer")              \
  X(cold_reads, "keys brought out of durable state")                           \
  X(due_reads, "... since something was due for them soon")                    \
  X(stalls, "sources that stalled")                                            \
  X(short_reads, "blocks that were shorter than they could have been")         \
  X(pauses, "partitions that were paused")                                     \
  X(silent, "partitions that never said anything")                             \
  X(several_sources, "worlds with several sources")                            \
  X(refusals, "messages that a receiver refused")                              \
  X(lost_answers, "messages that a receiver took, and said that it had not")   \
  X(receiver_hangs, "receivers that hung")                                     \
  X(file_troubles, "file sinks that could not write")                          \
  X(repeats, "messages that a receiver got again")                             \
  X(late, "late events told")                                                  \
  X(dead, "dead letters told")                                                 \
  X(visits, "outputs of a rule that came and went, judged by the reference")   \
  X(outputs, "outputs of the rules that stayed")

enum class Simulated : std::size_t {
#define X(name, text) name,
  TOCSIN_SIMULATED(X)
#undef X
};
constexpr std::size_t kSimulated = 0
#define X(name, text) +1
    TOCSIN_SIMULATED(X)
#undef X
    ;
constexpr std::string_view name_of(Simulated kind) {
  constexpr std::array<std::string_view, kSimulated> kNames = {
#define X(name, text) text,
      TOCSIN_SIMULATED(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(kind)];
}
using SimulatedCounts = std::array<std::uint64_t, kSimulated>;

// How often something goes wrong: once in so many chances; 0: never in this run.
struct Odds {
  std::uint64_t death = 0, death_in_call = 0, failed_call = 0, full = 0, slow_call = 0, failed_poll = 0, stall = 0,
                refusal = 0, receiver_hang = 0, reload = 0;
};

class Fate {
 public:
  explicit Fate(std::uint64_t seed) : random_(seed) {}

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  // Does what goes wrong once in so many chances go wrong now? Not when all is calm, nor for the dead.
  bool strikes(std::uint64_t once_in) { return once_in != 0 && !is_calm && !is_dead && one_in(once_in); }
  // Some time from now, not longer than this.
  Duration within(std::int64_t ms) {
    return milliseconds(1 + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(ms))));
  }

  void count(Simulated kind, std::uint64_t n = 1) { counts_[static_cast<std::size_t>(kind)] += n; }
  const SimulatedCounts& counts() const { return counts_; }
  // All that happens.
  void note(std::string_view what, std::uint64_t more = 0) { trace_ = hash_bytes(what, trace_ * 31 + more); }
  std::uint64_t trace() const { return trace_; }

  Odds odds;
  HandClock clock;
  bool is_calm = false;  // nothing goes wrong any more
  bool is_dead = false;  // the process; what it still does has no effect
  bool cuts_power = false;
  std::uint64_t faults = 0;      // calls to the disk that failed so far
  std::function<void()> others;  // somebody waits: whoever does not may go on

 private:
  std::mt19937_64 random_;
  SimulatedCounts counts_{};
  std::uint64_t trace_ = 0;
};

}  // namespace tocsin::tests
