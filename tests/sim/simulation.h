// The whole engine with its store, its sinks and a source in one thread, in a world that is against it: workers,
// steward, publisher, merges and the watch go on in any order, also while one of them waits for the disk; processes die
// between two steps and in the middle of a call; other rules come and go. One seed is one run.
//
// What comes out is held against the reference matcher, over the input in the order of time:
//   the rules that stay    each output once, in its order, byte for byte what an engine on one thread writes
//   a rule that visits     for each stay what the reference says of the events that were judged during it
//   late, dead             each told once
//   the receiver           every message, repeated as often as it likes, never another one, never out of order
//   the end                when nothing goes wrong any more, all is delivered after so many steps at most
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "tests/sim/faulty.h"
#include "tests/support/both.h"

namespace tocsin::tests {

// What makes a run wrong, for tests that must fail.
enum class Flaw : std::uint8_t {
  none,
  forgetful_sink,      // the file sink says that it stands nowhere
  store_loses_epoch,   // a death takes the newest epoch with it
  disk_does_not_sync,  // names are not durable though the disk says so
  source_skips,        // a source goes on one record too far
};

// What is run.
struct World {
  struct Visitor {
    RuleText rule;
    bool is_judged = true;  // or it looks at the rules that stay, and is only there
  };
  Case own;  // the rules that stay, and the events: partitions and offsets are those of the source
  std::uint32_t partitions = 1;
  // Each has a run of the partitions, by their numbers; of its others it never says anything.
  std::uint32_t sources = 1;
  bool has_silent_partition = false;
  // Broken records between the events: partition and offset.
  std::vector<std::pair<int, std::uint64_t>> rubbish;
  std::vector<Visitor> visitors;  // one at a time, or none; another one is the same rule written anew
  std::uint64_t seed = 1;
};
// Nothing: the seed's rules have a mistake.
std::optional<World> any_world(std::uint64_t seed);

struct Run {
  std::string wrong;  // what is not as it must be, with what went on; empty: all is well
  std::uint64_t trace = 0;
  SimulatedCounts counts{};
};
Run simulate(const World& world, Flaw flaw = Flaw::none);

}  // namespace tocsin::tests
