// The makers of the matchers, one per family of forms; pattern.cc chooses.
#pragma once

#include <memory>

#include "engine/match/pattern.h"

namespace tocsin {

// Values that `new x.f` remembers per key; past it, the older ones than D go first, and then nothing more is learnt.
inline constexpr std::size_t kValuesPerKeyMax = 100'000;
// Events that the windows of one key keep for one rule.
inline constexpr std::size_t kWindowEventsPerKeyMax = 1'000'000;

std::unique_ptr<PatternMatcher> make_instants(const Program& program, const Pattern& pattern,
                                              const Evaluator& evaluator, const MatchOptions& options);
// condition, aligned, ranking
std::unique_ptr<PatternMatcher> make_condition(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                               const Evaluator& evaluator, const MatchOptions& options);

}  // namespace tocsin
