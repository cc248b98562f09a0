// Sequences of single steps that do not look at each other, in constant work per event: `a then b then c within D`, and
// with an absence at the end. For every number of steps the best chain so far is kept; an event that fits a step makes
// the chain before it one longer. Best is Q6's: the first step as late as possible, then the second; the best chain of
// n steps goes on from the best of n - 1, whatever comes. Its first event is the latest that any has, so `within` asks
// only it.
#pragma once

#include <memory>

#include "engine/match/pattern.h"

namespace tocsin {

// REQUIRES: choose_matcher() says so.
std::unique_ptr<PatternMatcher> make_latest_chain(const Program& program, const Pattern& pattern,
                                                  const Evaluator& evaluator, const MatchOptions& options);

}  // namespace tocsin
