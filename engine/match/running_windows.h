// The windows of a condition, each aggregate kept as its events come and go: constant work per event, however long the
// window; for each window of the past that it is compared with, so much again (past_windows.h). Values are taken from
// an event when it comes; all that is kept of it besides is what evidence and the alert show. What condition.cc
// recomputes from kept events is the same, value for value (tests/equality_test.cc).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/match/events_report.h"
#include "engine/match/lasting.h"
#include "engine/match/past_windows.h"
#include "engine/match/pattern.h"
#include "engine/match/report.h"
#include "engine/match/ring.h"
#include "engine/match/running.h"
#include "engine/match/seen.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

class RunningWindows {
 public:
  // REQUIRES: not_running() is empty.
  RunningWindows(const Program& program, const Pattern& pattern, const Evaluator& evaluator, CellsRead read,
                 const MatchOptions& options, CaptureWords captures);

  struct Entry {  // what evidence needs of an event that a window counts
    struct More {
      OwnedValues captures;
      std::vector<Position> origins;
      std::uint64_t mark = 0;

      template <class Archive>
      void state_parts(Archive& a) {
        a(captures, origins);
      }
    };
    Time time{};
    Position position;
    EventTypeId type;
    std::uint32_t ordinal = 0;
    std::string_view label;      // the program's
    std::unique_ptr<More> more;  // where the alert reads fields, or the event was emitted
  };

  struct CellState {
    explicit CellState(const Cell& cell) : current(cell) {}
    RunningAggregate current;
    std::unique_ptr<PastWindows> past;  // the windows that it is compared with
    Ring<SampleMark> second;            // of ratio's second stream
    Ring<std::uint64_t> places;         // last, of_last: which of the events that have a place each sample is
    std::uint64_t bases = 0;            // last, of_last: these events so far
    std::unique_ptr<Lasting> lasting;   // duration
    std::string last_value;             // changes
    bool has_last_value = false;

    bool is_empty() const { return current.empty() && second.empty() && (past == nullptr || past->empty()); }
    std::size_t kept() const { return current.size() + (past == nullptr ? 0 : past->size()); }
  };

  // Of one key.
  struct State {
    std::vector<CellState> cells;
    Ring<Entry> entries;
    std::uint64_t first_number = 0;                 // of entries.front()
    std::vector<std::optional<Time>> first_events;  // by cell (A5); empty where none looks back
    Time last_event{};
  };
  State begin() const;

  // An event that some window may count. Returns whether nothing was left in the condition's windows before it (F1).
  // `named`: by the condition; else it only ends a `duration`, and no key's history begins with it (A5).
  bool take(State& state, const Visit& visit, bool named) const;
  // To what the windows are at `now`; `after`: right after it, when what is as old as a window has left it (T5).
  void advance(State& state, Time now, bool after) const;
  // The next time at which a sample leaves a window, or moves from one to the next. REQUIRES: advanced to `judged`.
  std::optional<Time> next_expiry(const State& state, Instant judged) const;
  static void clear(State& state);
  static std::size_t bytes(const State& state);

  // As PatternMatcher's. REQUIRES: `load` onto a state that `begin` has just made, then `settle`.
  void save(const State& state, StateWriter& out) const;
  void load(State& state, StateReader& in) const;
  // To what the windows of today are at the instant to which they had advanced; none: nothing was counted yet. False:
  // the bytes are no state of them.
  bool settle(State& state, std::optional<Instant> judged) const;

  // What was counted. Nothing is worked out before it is asked for: most judgements end without an alert. REQUIRES: all
  // that it is made of outlives it, and the state stays as it is.
  class View : public Report {
   public:
    View(const RunningWindows& windows, const State& state, const EvalContext& context, Time now);

    Value captured(StepId step, std::uint32_t capture, Which which) const override;
    Value step_time(StepId step) const override;
    Value cell(CellId cell) const override { return windows_.value(state_, cell, now_); }
    Value fact(Fact fact) const override;
    Time at() const override { return now_; }
    const Event* first() const override { return end(false); }
    const Event* last() const override { return end(true); }
    void evidence(std::vector<Evidence>& out) const override;

   private:
    std::size_t size() const;
    const Entry& entry(std::size_t i) const;
    void merge() const;
    const Event* end(bool last) const;
    Value evaluated(ExprId expr) const;

    const RunningWindows& windows_;
    const State& state_;
    const EvalContext& context_;
    Time now_;
    const Ring<SampleMark>* single_ = nullptr;                  // the numbers counted, where one window alone is shown
    mutable std::optional<std::vector<std::uint64_t>> merged_;  // ... where several are: each event once
    mutable Event ends_[2];
  };

 private:
  template <class Archive>
  void parts(Archive& a, State& state) const;
  // `captures`: which they were when they were written.
  template <class Archive>
  void entry_parts(Archive& a, Entry& entry, const CaptureWords& captures) const;
  bool is_sound(const State& state) const;

  struct Shown {  // a window whose events are evidence
    std::size_t cell = 0;
    bool second = false;
  };

  const Cell& cell(std::size_t i) const { return program_.cells[read_.cells[i].index]; }
  const Ring<SampleMark>& marks(const State& state, const Shown& shown) const {
    return shown.second ? state.cells[shown.cell].second : state.cells[shown.cell].current.marks();
  }
  void find_shown();
  static void advance(const Cell& cell, CellState& state, Time now, bool after);
  void take(const Cell& cell, CellState& state, const Visit& visit, SampleMark mark) const;
  void take_second(CellState& state, SampleMark mark) const;
  bool holds_nothing(const Cell& cell, const CellState& state, Time now) const;
  static Duration span_of(const Cell& cell, const CellState& state);
  void take_lasting(const Cell& cell, CellState& state, const Visit& visit) const;
  static void take_span(const Cell& cell, CellState& state, SampleMark mark, const Value& value);
  void keep_entry(State& state, const Visit& visit) const;
  void drop_entries(State& state) const;
  bool is_base(const Cell& cell, const Visit& visit) const;
  bool fills(const Cell& cell, const Visit& visit) const;
  std::optional<Value> counted_value(const Cell& cell, const Visit& visit) const;
  Value value(const State& state, CellId id, Time now) const;

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  CellsRead read_;
  MatchOptions options_;
  CaptureWords captures_;        // of step 0
  std::vector<std::size_t> at_;  // by CellId: its place in read_.cells
  std::vector<Shown> shown_;
  bool compares_ = false;  // some cell is compared with the windows before (A5)
  bool one_label_ = false;
};

}  // namespace tocsin
