// `N x within D` and `N consecutive x` in constant work: the N last events of the key, their times and ids, nothing
// else. What is older than the N-th newest cannot change whether N lie in the window; and where a rule fires at the
// edge alone, exactly N do when it fires, so the N are also all that it can show (C2). choose.cc says when that is so.
#pragma once

#include <memory>

#include "engine/match/pattern.h"

namespace tocsin {

// REQUIRES: counter_threshold() (choose.h) gives a number.
std::unique_ptr<PatternMatcher> make_counter(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                             const Evaluator& evaluator);

}  // namespace tocsin
