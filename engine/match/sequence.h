// Sequences for one key: keeps what a match may still need, searches when an event could complete one, and waits where
// the pattern ends in an absence. The general matcher: right for every sequence (sequence_search.h), in time that grows
// with what is kept.
#pragma once

#include <memory>

#include "engine/match/pattern.h"
#include "engine/match/sequence_plan.h"

namespace tocsin {

std::unique_ptr<PatternMatcher> make_sequence(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                              const Evaluator& evaluator, const MatchOptions& options);

}  // namespace tocsin
