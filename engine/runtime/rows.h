// The events of a session or of a summary's window, and what its `with` reads of them.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/event/source_marks.h"
#include "engine/match/lasting.h"
#include "engine/match/ring.h"
#include "engine/match/running.h"
#include "engine/match/seen.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// The first event of a key and session, hashed: the same for the same input, always (language.md, section 9).
std::string session_id_of(std::string_view program, std::string_view key, const Event& first, const SourceMarks&);

// For how long the key's last event of a base was an x, for each `duration(x)` of `with` (A7). What ends an x is
// the key's next event of x's base, a row or not, and an x lasts on into windows in which none came: so it is no matter
// of the rows alone, and kept beside them.
class LastingRows {
 public:
  // Of one key, for each such cell.
  using State = std::vector<Lasting>;

  // REQUIRES: the program outlives this. Rows are events of `of`.
  LastingRows(const Program& program, StreamId of);

  bool any() const { return !cells_.empty(); }
  State begin() const { return State(cells_.size()); }
  // The key's next event, of whatever stream.
  void take(State& state, const Event& event, const StreamSet& fits) const;
  Duration between(const State& state, CellId cell, Time from, Time to) const;

  static void forget(State& state, Time from);
  static void cut(State& state, Time from);
  static bool is_empty(const State& state);
  static bool lasts_on(const State& state);
  static std::size_t bytes(const State& state);

  template <class Archive>
  static void parts(Archive& a, State& state) {
    for (Lasting& lasting : state) a(lasting);
  }

 private:
  const Program& program_;
  StreamId of_;
  std::vector<CellId> cells_;
};

// The aggregates of one key's rows, kept as rows come and go: what Rows would work out from all of them at every
// emission.
class RunningRows {
 public:
  // REQUIRES: the program outlives this.
  explicit RunningRows(const Program& program);

  // A row newer than all joins; the oldest leaves. `context` gives all but the event.
  void insert(const Seen& row, const EvalContext& context, const Evaluator& evaluator);
  void evict(const Seen& row);

  // As aggregate_of() says of the rows that joined. REQUIRES: not of `duration`.
  Value value(CellId cell, Time from, Time now) const;
  std::size_t bytes() const;

 private:
  struct Kept {
    explicit Kept(const Cell& cell) : aggregate(cell) {}
    RunningAggregate aggregate;
    std::size_t second = 0;    // rows of ratio's second stream
    bool is_duration = false;  // nothing of it is kept here
  };
  const Program* program_;
  std::vector<Kept> kept_;  // by CellId
};

class Rows : public MatchView {
 public:
  Rows(const Program& program, const Evaluator& evaluator, const EvalContext& context, const LastingRows& lasting,
       const LastingRows::State& lasted)
      : program_(program), evaluator_(evaluator), context_(context), lasting_(lasting), lasted_(lasted) {}

  // The rows are `count` of the events from the `first`-th on. REQUIRES: they stay as they are.
  void set_rows(const Ring<Seen>& events, std::size_t first, std::size_t count) {
    events_ = &events;
    first_ = first;
    count_ = count;
  }
  // All rows have joined `running`, and no others.
  void set_running(const RunningRows* running) { running_ = running; }
  std::size_t size() const { return count_; }
  const Seen& operator[](std::size_t i) const { return (*events_)[first_ + i]; }
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
  const LastingRows& lasting_;
  const LastingRows::State& lasted_;
  const Ring<Seen>* events_ = nullptr;
  std::size_t first_ = 0, count_ = 0;
  Time start_{}, end_{};
  std::string session_id_;
  std::uint64_t sequence_ = 0;
  const RunningRows* running_ = nullptr;
};

}  // namespace tocsin
