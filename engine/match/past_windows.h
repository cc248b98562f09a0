// The windows that lie before a cell's own, for `its previous`, `its average over D` and `zscore`. An event passes
// through each of them at an instant of its own, and at each of these the answer may change; so an instant may cost
// what changes then and no more: the windows that the event leaves and enters. The others keep the values that they
// have, and what a baseline makes of all of them is kept as an exact sum. A window without an event takes no room.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/event/value.h"
#include "engine/match/deviation.h"
#include "engine/match/exact_sum.h"
#include "engine/match/pattern.h"
#include "engine/match/running.h"
#include "engine/program/program.h"

namespace tocsin {

// What a window came to, where it can be reckoned with.
struct PastValue {
  double value = 0;  // finite; microseconds of a duration
  bool is_duration = false;
  bool operator==(const PastValue&) const = default;
  static std::optional<PastValue> of(const Value& value);
};

// What windows came to, and what a baseline makes of it (A5): the same to the last bit in whatever order they came.
// Numbers count; where there are none but 0, which is what a window without an event comes to, durations do (A1).
class PastValues {
 public:
  explicit PastValues(Baseline::Kind kind) : beside_(kind == Baseline::Kind::zscore) {}
  void add(PastValue value);
  void subtract(PastValue value);
  // `zeros` more came to 0, and that of `less` is left out. REQUIRES: it was added.
  Value compared_with(const Value& current, std::size_t zeros, std::optional<PastValue> less) const;
  std::size_t bytes() const;

 private:
  struct Sums {
    std::size_t count = 0;
    std::unique_ptr<ExactSum> sum;         // average
    std::unique_ptr<Deviation> deviation;  // zscore
  };
  static bool is_zero(PastValue value) { return !value.is_duration && value.value == 0; }

  bool beside_;
  std::size_t zeros_ = 0;
  Sums numbers_, durations_;
};

// A5: for so long a key may be without events and is not new for this aggregate; 0: it is compared with none before.
Duration new_after(const Cell& cell);
// `first`: since when the key is there for the aggregate, at an event at `now`.
void begin_history(std::optional<Time>& first, const Cell& cell, Time last_event, Time now);

// The instant at which one window more lies behind the key's first event (A5), after `judged`.
std::optional<Time> next_window_behind(const Cell& cell, Time first, Instant judged);

class PastWindows {
 public:
  // REQUIRES: windows_before(cell) > 0. The cell must outlive this.
  explicit PastWindows(const Cell& cell);

  // To what the windows are at `now`, `current` being the newest; `after`: right after it (T5).
  void advance(RunningAggregate& current, Time now, bool after);
  // When the next of their samples leaves its window.
  std::optional<Time> next_expiry() const;

  std::int64_t windows() const { return windows_; }
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }  // samples
  Time oldest() const { return held_.rbegin()->second.samples.oldest(); }
  void evict();  // the oldest sample; REQUIRES: not empty, both
  void clear();
  std::size_t bytes() const;

  // The window right before the current one. What it views is good until the windows change.
  Value nearest(Time now) const;
  // Of those that begin at or after `first`.
  Value compared_with(const Value& current, Time first, Time now) const;

  // The samples alone: who reads them into one window advances.
  template <class Archive>
  static void state_parts(Archive& a, const Cell& cell, PastWindows& past, RunningAggregate& current) {
    const std::size_t count = a.count(past.held_.size());
    if constexpr (Archive::kReads) {
      std::vector<RunningAggregate> read;
      for (std::size_t i = 0; i < count && a.ok(); ++i) a(read.emplace_back(cell));
      RunningAggregate all(cell);
      for (auto window = read.rbegin(); window != read.rend(); ++window)
        while (!window->empty()) window->hand_on(all);
      while (!current.empty()) current.hand_on(all);
      current = std::move(all);
      past.clear();
    } else {
      for (auto& [index, held] : past.held_) a(held.samples);
    }
  }

 private:
  struct Held {  // a window that holds samples
    explicit Held(const Cell& cell) : samples(cell) {}
    RunningAggregate samples;
    std::optional<PastValue> value;  // what values_ has of it
  };
  using Windows = std::map<std::int64_t, Held>;  // 0: the nearest

  static constexpr std::int64_t kCurrent = -1;  // the place of the window that they lie before

  std::int64_t place_of(Time t, Time now, bool after) const;
  void pass(Windows::iterator from, Time now, bool after);
  // From the window at `at` to where they belong, up to `limit`.
  void move_on(RunningAggregate& samples, std::int64_t at, std::int64_t limit, Time now, bool after);
  Time leaves_at(std::int64_t at, const RunningAggregate& samples) const;
  void work_out(Held& held);
  void forget(const Held& held);

  const Cell* cell_;
  std::int64_t windows_;
  Windows held_;
  std::set<std::pair<Time, std::int64_t>> leaves_;  // of each held window: when its oldest sample does
  std::size_t size_ = 0;
  std::optional<PastValues> values_;  // where all windows are compared with
  bool zero_of_nothing_ = false;      // a window without samples has a value: 0
};

}  // namespace tocsin
