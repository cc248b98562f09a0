#include "dsl/emit/of_nothing.h"

#include "engine/program/aggregates.h"
#include "engine/program/eval.h"
#include "engine/program/scratch.h"

namespace tocsin::dsl::emitting {
namespace {

// What a condition sees when its windows hold nothing (A1). A baseline over many windows is not known then.
class OfNothing : public MatchView {
 public:
  explicit OfNothing(const Program& program) : program_(program) {}
  Value captured(StepId, std::uint32_t, Which) const override { return {}; }
  Value step_time(StepId) const override { return {}; }
  Value fact(Fact) const override { return {}; }
  Value cell(CellId id) const override {
    const Cell& cell = program_.cells[id.index];
    if (cell.baseline.kind != Baseline::Kind::none && cell.baseline.kind != Baseline::Kind::previous) return {};
    const std::string_view nothing = aggregates()[cell.function.index].of_nothing;
    if (nothing == "0") return Value::integer(0);
    return nothing == "0s" ? Value::duration({}) : Value();
  }

 private:
  const Program& program_;
};

}  // namespace

void find_true_of_nothing(RuleSet& set) {
  const Evaluator evaluator(set.code);
  Scratch scratch;
  for (Program& program : set.programs) {
    const OfNothing nothing(program);
    EvalContext context;
    context.match = &nothing;
    context.scratch = &scratch;
    for (Pattern& pattern : program.patterns) {
      if (!pattern.condition.exists()) continue;
      // The key, lists and tables are known only while events run.
      const bool is_known = (set.code.exprs[pattern.condition.index].reads & ~(kReadsCells | kReadsFacts)) == 0;
      pattern.true_of_nothing = is_known && evaluator.holds(pattern.condition, context);
      scratch.reset();
    }
  }
}

}  // namespace tocsin::dsl::emitting
