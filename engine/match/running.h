// Aggregates of a sliding window kept as events come and go, instead of being computed anew at every event: constant
// work for count, sum, avg, stddev, slope, forecast, first, last, delta, rate, gap_avg, gap_stddev and ratio, amortised
// constant for min, max, distinct_count and values, the logarithm of what the window holds for percentiles and top.
// `ema` is constant while nothing leaves (sessions, `over all`) and computed anew when something has left. To the last
// bit what aggregate_of() says of the same samples: running_test.cc. What `duration` adds up follows from events that
// are no samples, too: whoever owns it has a Lasting for it (lasting.h).
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/event/owned.h"
#include "engine/event/value.h"
#include "engine/match/deviation.h"
#include "engine/match/least_squares.h"
#include "engine/match/quantile.h"
#include "engine/match/quantity_sum.h"
#include "engine/match/ranks.h"
#include "engine/match/ring.h"
#include "engine/program/aggregates.h"
#include "engine/program/program.h"

namespace tocsin {

// When a sample was, and which of its owner's events it is of.
struct SampleMark {
  Time time{};
  std::uint64_t number = 0;

  template <class Archive>
  void state_parts(Archive& a) {
    a(time, number);
  }
};

class RunningAggregate {
 public:
  // The cell must outlive this.
  explicit RunningAggregate(const Cell& cell);

  // The newest sample joins; the oldest leaves. A missing value counts as an event and as no value.
  void insert(SampleMark mark, const Value& value);
  void evict();
  // The oldest leaves and is the newest of `next`, whose window ends where this one begins.
  void hand_on(RunningAggregate& next);
  void clear();

  std::size_t size() const { return marks_.size(); }
  bool empty() const { return marks_.empty(); }
  const Ring<SampleMark>& marks() const { return marks_; }
  Time oldest() const { return marks_.front().time; }  // REQUIRES: not empty
  std::size_t bytes() const;

  // As aggregate_of(). What it views is good until the next insert or evict.
  Value value(Time from, Time now, std::size_t second) const;

  // The samples alone: all else follows from them.
  template <class Archive>
  void state_parts(Archive& a) {
    std::uint64_t first = first_;
    a(first);
    const std::size_t count = a.count(marks_.size());
    if constexpr (Archive::kReads) {
      clear();
      first_ = first;
    }
    for (std::size_t i = 0; i < count && a.ok(); ++i) {
      if constexpr (Archive::kReads) {
        SampleMark mark;
        Value value;
        a(mark);
        if (keeps_ != Keeps::nothing) a(value);
        insert(mark, value);
      } else {
        a(marks_[i]);
        if (keeps_ != Keeps::nothing) a(kept(i));
      }
    }
  }

 private:
  struct Candidate {
    std::uint64_t at = 0;  // of the sample, counted since the beginning
    Value value;
  };
  struct Extremes {
    Ring<Candidate> candidates;  // from the best to the newest, each worse than the one before
  };
  struct Quantiles {  // each made when a value of its kind joins
    std::unique_ptr<Quantile> numbers, durations;
  };
  struct Average {  // ema
    double numbers = 0, durations = 0;
    std::size_t count_of_numbers = 0, count_of_durations = 0;
    bool stale = false;  // something has left since
  };
  struct Deviations {
    Deviation numbers, durations;
  };
  struct Lines {  // each made when a value of its kind joins: a KB
    std::unique_ptr<LeastSquares> numbers, durations;
  };
  struct List {  // what `values` says: views of values_, from `from` on
    std::vector<Value> views;
    std::size_t from = 0, of_bytes = 0;
  };
  using Distinct = boost::unordered_flat_map<std::string, std::uint32_t, TextHash, std::equal_to<>>;
  enum class Keeps : std::uint8_t { nothing, measures, values };

  static Keeps keeps(AggregateKind kind);
  Value kept(std::size_t i) const;
  void join(const Value& value);
  void leave(const Value& value, Time time);
  void join_extremes(const Value& value);
  void look_again();
  void join_average(Average& average, const Value& value) const;
  Value end_value(bool newest) const;
  Value delta() const;
  Value percentile() const;
  Value average() const;
  Value deviation() const;
  Value on_line(Time now) const;
  Value rate(Time from, Time now) const;
  Value gap_avg() const;

  const Cell* cell_;
  AggregateKind kind_;
  Keeps keeps_;
  Ring<SampleMark> marks_;
  Ring<Value> measures_;  // numbers, times, durations; missing where the value is none of them
  Ring<OwnedValue> values_;
  std::uint64_t first_ = 0;  // the oldest sample, counted since the beginning
  // What the kind needs besides; made when the first value joins.
  mutable std::variant<std::monostate, QuantitySum, Extremes, Distinct, Quantiles, Average, std::unique_ptr<Deviations>,
                       Lines, List, std::unique_ptr<Ranks>>
      state_;
};

// A2. REQUIRES: not empty, in order.
double percentile_of_sorted(std::span<const double> values, double percent);

// Does the value take part in min, max and delta: a number, a duration, a time (A1)?
inline bool is_measure(const Value& v) { return v.is_number() || v.type() == Type::duration || v.type() == Type::time; }

}  // namespace tocsin
