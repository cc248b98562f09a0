// `fire every match` of single steps that do not look at each other: every choice, in the order in which matches leave
// (Q18), with the same work for each, however many events are kept (shared ideas: CORE's enumeration, PVLDB 15(9), made
// simpler by what a chain is).
//
// For every step but the last a list of the events that can take it, in the order of events. An entry remembers where
// in the list of the step behind it those begin that came later. These places never go back along a list, hence:
// - what lies too long ago leaves each list at its front, with all that only it could precede;
// - of a list, what a completing event can still reach is a beginning of it, found by one binary search a step.
// So the walk from the first step to the last never meets an entry that belongs to no match.
#pragma once

#include <memory>

#include "engine/match/pattern.h"

namespace tocsin {

// REQUIRES: choose_matcher() says so.
std::unique_ptr<PatternMatcher> make_every_chain(const Program& program, const Pattern& pattern,
                                                 const Evaluator& evaluator, const MatchOptions& options);

}  // namespace tocsin
