// The events of a session or of a summary's window, and what its `with` reads of them.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "engine/match/seen.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// The first event of a key and session, hashed: the same for the same input, always (language.md, section 9).
std::string session_id_of(std::string_view program, std::string_view key, const Event& first);

class Rows : public MatchView {
 public:
  Rows(const Program& program, const Evaluator& evaluator, const EvalContext& context)
      : program_(program), evaluator_(evaluator), context_(context) {}

  void add(const Seen& seen) { rows_.push_back(&seen); }
  bool empty() const { return rows_.empty(); }
  const std::vector<const Seen*>& rows() const { return rows_; }
  void set(Time start, Time end) {
    start_ = start;
    end_ = end;
  }
  void set_session(std::string id) { session_id_ = std::move(id); }
  void set_sequence(std::uint64_t sequence) { sequence_ = sequence; }

  Value captured(StepId, std::uint32_t, Which) const override { return {}; }
  Value step_time(StepId) const override { return {}; }
  Value cell(CellId cell) const override;
  Value fact(Fact fact) const override;

 private:
  const Program& program_;
  const Evaluator& evaluator_;
  const EvalContext& context_;
  std::vector<const Seen*> rows_;
  Time start_{}, end_{};
  std::string session_id_;
  std::uint64_t sequence_ = 0;
};

}  // namespace tocsin
