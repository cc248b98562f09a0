// What each rule of a replay costs: time, events, keys, memory. The time is taken around every call of a rule's runner;
// without a profile nothing stands there. Taking it costs more than many a call does: what the clock itself needs is
// taken off, and the whole run takes longer than without.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/runtime/engine.h"

namespace tocsin::app {

struct RuleCost {
  std::string name;
  bool shared = false;  // an earlier rule that counts the same does the work for it, and has the time
  double seconds = 0;   // of the processor
  std::uint64_t events = 0, keys = 0, keys_most = 0, bytes = 0, alerts = 0;
};

class Profile {
 public:
  // Begins to measure. REQUIRES: the engine has one shard, has seen nothing, and does not outlive this.
  void watch(Engine& engine);
  void add(const Alert& alert);
  // The run is over.
  void finish(const Engine& engine);

  // All programs, the dearest first.
  const std::vector<RuleCost>& rules() const { return rules_; }
  double seconds() const { return seconds_; }  // of the processor, the whole run

 private:
  std::chrono::nanoseconds clock_{};  // what one measurement costs
  std::chrono::steady_clock::time_point began_;
  double cpu_began_ = 0, seconds_ = 0;
  struct Spent {
    std::chrono::nanoseconds time{};
    std::uint64_t calls = 0, alerts = 0;
  };
  std::vector<Spent> spent_;  // by program
  std::vector<RuleCost> rules_;

  class Measured;
};

// A table for people.
std::string in_words(const Profile& profile);
// `tocsin/profile/1`, one line.
std::string in_json(const Profile& profile);

}  // namespace tocsin::app
