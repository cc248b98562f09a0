// The makers of the matchers, one per family of forms; pattern.cc chooses.
#pragma once

#include <memory>

#include "engine/match/pattern.h"

namespace tocsin {

std::unique_ptr<PatternMatcher> make_instants(const Program& program, const Pattern& pattern,
                                              const Evaluator& evaluator, const MatchOptions& options);
// condition, aligned, ranking
std::unique_ptr<PatternMatcher> make_condition(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                               const Evaluator& evaluator, const MatchOptions& options);

// ranking, as its events come and go. REQUIRES: choose_matcher() says so.
std::unique_ptr<PatternMatcher> make_ranking(const Program& program, const Pattern& pattern, const Evaluator& evaluator,
                                             const MatchOptions& options);

}  // namespace tocsin
