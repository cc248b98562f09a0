#include "engine/match/pattern.h"

#include "engine/base/contract.h"
#include "engine/match/counter.h"
#include "engine/match/every_chain.h"
#include "engine/match/forms.h"
#include "engine/match/latest_chain.h"
#include "engine/match/sequence.h"

namespace tocsin {

std::unique_ptr<PatternMatcher> make_matcher(const RuleSet& rules, const Program& program, PatternId id,
                                             const Evaluator& evaluator, const MatchOptions& options) {
  const Pattern& pattern = program.patterns[id.index];
  if (options.fast) {
    const ChosenMatcher chosen = choose_matcher(rules, program, id, options);
    if (chosen.kind == MatcherKind::counter) return make_counter(rules, program, pattern, evaluator);
    if (chosen.kind == MatcherKind::every_chain) return make_every_chain(program, pattern, evaluator, options);
    if (chosen.kind == MatcherKind::running_window && pattern.form == Pattern::Form::ranking)
      return make_ranking(program, pattern, evaluator, options);
    if (chosen.kind == MatcherKind::latest_chain) return make_latest_chain(program, pattern, evaluator, options);
  }
  switch (pattern.form) {
    case Pattern::Form::sequence:
      return make_sequence(rules, program, pattern, evaluator, options);
    case Pattern::Form::condition:
    case Pattern::Form::aligned:
    case Pattern::Form::ranking:
      return make_condition(rules, program, pattern, evaluator, options);
    case Pattern::Form::idle:
    case Pattern::Form::without:
    case Pattern::Form::novelty:
    case Pattern::Form::silence:
    case Pattern::Form::holds:
      return make_instants(program, pattern, evaluator, options);
  }
  TOCSIN_ASSERT(false && "a form of Pattern");
  return nullptr;
}

}  // namespace tocsin
