// The lean way of rules that are `N x within D` or `N consecutive x` and no more: no object per key, no virtual call,
// no allocation at an event. All rules over the same events and keys share one table of keys, in which each key has the
// times and ids of its last events, as many as the largest N: a ring of N serves every smaller one.
//
// It says what RuleRunner says, alert for alert (tests/equality_test.cc). What it cannot serve goes the general way:
// clauses that look at an alert after it was sent or change whether it is (resolve, remind, escalate, mute, at most,
// learn, during, where, forget), keys from a list, an event with several parts to play, keys that are worked out.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/runtime/runner.h"

namespace tocsin {

class CounterGroup;

// By program: is a rule muted while it fires? Those are kept the general way.
std::vector<bool> asked_whether_they_fire(const RuleSet& rules);
// Has the rule the shape of those that are served here?
bool is_counted(const RuleSet& rules, const Program& program);

class CounterRunners {
 public:
  explicit CounterRunners(const RunContext& context);
  ~CounterRunners();

  // Null: the rule has another shape. Programs are asked for in their order; the first of a group runs for all of it.
  std::unique_ptr<Runner> make(ProgramId id);

 private:
  RunContext context_;
  std::vector<bool> asked_;  // asked_whether_they_fire
  // By type and filter of the first input, level, and how they are dealt: of thousands of rules few can share.
  std::map<std::tuple<std::uint32_t, std::uint32_t, std::uint32_t, Dealt>, std::vector<std::shared_ptr<CounterGroup>>>
      groups_;
};

}  // namespace tocsin
