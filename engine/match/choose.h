// Which matcher a pattern gets, and why: the fast ones where the program has their shape, the general ones for all the rest.
// Each fast matcher says what the general one says, alert for alert (tests/equality_test.cc runs both ways). `explain` prints this.
#pragma once

#include <cstdint>
#include <string>

#include "engine/match/pattern.h"
#include "engine/program/program.h"

namespace tocsin {

enum class MatcherKind : std::uint8_t {
  sequence_search,  // keeps every candidate and searches when one can complete a match
  latest_chain,     // the best chain for every number of steps: constant work per event
  window,           // keeps the events that a window still sees
  counter,          // the N last events of the key
  instant,          // the last event, or the values seen: nothing else decides
};

struct ChosenMatcher {
  MatcherKind kind = MatcherKind::sequence_search;
  std::string why;  // one clause: "`where` may refuse the latest choice"
};

std::string_view name_of(MatcherKind kind);

// `remembers`: the rule may look at a condition that it did not fire at (learn, mute, resolve when, where, budgets), or keeps it
// after firing: a counter that holds N events would not know what to show then.
ChosenMatcher choose_matcher(const RuleSet& rules, const Program& program, PatternId pattern,
                             const MatchOptions& options);

// How a rule's `when` is matched.
MatchOptions match_options(const Program& program);

}  // namespace tocsin
