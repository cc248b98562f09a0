// What happens in a made-up world. A scenario is a table row: what goes on all the time, and the stories.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/time.h"

namespace tocsin::generating {

// SplitMix64 (Steele, Lea, Flood 2014): the same numbers everywhere, which std's distributions do not promise.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next();
  // 0 to n - 1. REQUIRES: n > 0.
  std::uint64_t below(std::uint64_t n) { return next() % n; }
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  double between(double low, double high) { return low + (high - low) * unit(); }
  bool chance(double p) { return unit() < p; }

 private:
  std::uint64_t state_;
};

// One record without its time: `"event":"login","user":"ann"`.
struct Happening {
  Duration after{};  // since the story began
  std::string fields;
};

// Whose turn it is: number `who` of partition `part`.
struct Somebody {
  std::uint32_t part = 0, who = 0;
};

struct Story {
  // One begins in each stretch of so many seconds of event time, in one partition after the other.
  double every = 60;
  std::vector<Happening> (*tell)(Random& random, Somebody somebody);
};

struct Scenario {
  std::string_view name;
  // So many for each record a second of a partition: nobody does more at a higher rate, or what goes on all the time
  // would drown the stories.
  std::uint32_t people = 20;
  // What goes on all the time: one record of somebody. Null: the pulses alone do.
  std::string (*ordinary)(Random& random, Somebody somebody);
  // Comes every `beat` from the first `with_a_pulse` of a partition, such as a heartbeat; 0: nothing does.
  Duration beat{};
  std::string (*pulse)(Random& random, Somebody somebody) = nullptr;
  std::uint32_t with_a_pulse = 0;
  Duration silent_for{};   // now and then somebody's pulse stops for so long ...
  double silence_every{};  // ... once in so many seconds, all partitions together
  std::span<const Story> stories;
};

std::span<const Scenario> scenarios();
const Scenario* find_scenario(std::string_view name);

}  // namespace tocsin::generating
