// What a match of a rule becomes: its alert and the events it emits. The fire path: rare, so it may allocate.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/event/source_marks.h"
#include "engine/match/alert.h"
#include "engine/match/report.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// Whose match it is, and where it stands among the outputs.
struct FiredKey {
  std::span<const Value> values;
  std::string_view bytes;  // canonical
};

// What an alert that is kept takes.
std::size_t bytes_of(const Alert& alert);

class AlertMaker {
 public:
  // REQUIRES: the program is a rule; program, evaluator and sources outlive this.
  AlertMaker(ProgramId id, const Program& program, const Evaluator& evaluator, const SourceMarks& sources);

  // The alert, and what the rule emits is appended. `suppressed`: how many fires a budget has swallowed before this
  // one.
  Alert make(const FiredKey& key, const Report& report, const EvalContext& context, Time now, std::uint64_t suppressed,
             std::vector<Emitted>& emitted) const;

 private:
  std::string text_of(ExprId id, const EvalContext& context) const;
  std::string id_of(std::string_view key, const Report& report, const std::vector<Evidence>& evidence, Time fired,
                    const Event* judged, std::string& buffer) const;
  Emitted emit(const EmitDef& def, const FiredKey& key, const EvalContext& context,
               const std::vector<Evidence>& evidence, Time now) const;

  ProgramId id_;
  const Program& program_;
  const RuleBody& rule_;
  const Evaluator& evaluator_;
  const SourceMarks& sources_;
};

}  // namespace tocsin
