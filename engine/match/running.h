// Aggregates of a sliding window kept as events come and go, instead of being computed anew at every event: constant work for
// count, sum, avg, first, last, delta, rate, gap_avg and ratio, amortised constant for min, max and distinct_count, a binary
// search and a move of memory for percentiles. To the last bit what aggregate_of() says of the same samples: running_test.cc.
// stddev, slope, ema and the others depend on every value anew (their mean moves), and are left to aggregate_of().
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstdint>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/time.h"
#include "engine/event/owned.h"
#include "engine/event/value.h"
#include "engine/match/quantity_sum.h"
#include "engine/program/aggregates.h"
#include "engine/program/program.h"

namespace tocsin {

class RunningAggregate {
 public:
  static bool supports(const Cell& cell);

  // REQUIRES: supports(cell). The cell must outlive this.
  explicit RunningAggregate(const Cell& cell);

  // The newest sample joins; the oldest leaves. A missing value counts as an event and as no value.
  void insert(Time time, const Value& value);
  void evict();

  std::size_t size() const { return samples_.size(); }
  bool empty() const { return samples_.empty(); }
  Time oldest() const { return samples_.front().time; }  // REQUIRES: not empty

  // As aggregate_of(). What it views is good until the next insert or evict.
  Value value(Time from, Time now, std::size_t second) const;

 private:
  struct Kept {
    Time time{};
    OwnedValue value;  // missing where the aggregate has no use for it
  };
  struct Candidate {
    std::uint64_t number;  // of the sample, counted since the beginning
    OwnedValue value;
  };

  void insert_value(const Value& value);
  void evict_value(const Value& value);
  void insert_extreme(const Value& value);
  const OwnedValue* end_value(bool newest) const;
  Value delta() const;
  Value percentile() const;
  Value rate(Time from, Time now) const;
  Value gap_avg() const;

  const Cell& cell_;
  AggregateKind kind_;
  bool keeps_values_;
  std::deque<Kept> samples_;
  std::uint64_t first_number_ = 0;  // of samples_.front()
  QuantitySum sum_;                 // sum, avg
  std::deque<Candidate> extremes_;  // min, max: from the best to the newest, each worse than the one before
  boost::unordered_flat_map<std::string, std::uint32_t, TextHash, std::equal_to<>> distinct_;
  std::vector<double> numbers_, durations_;  // percentiles: in order
};

// A2: linear between the closest ranks, n - 1 spacing. REQUIRES: not empty, in order.
double percentile_of_sorted(std::span<const double> values, double percent);

// Does the value take part in min, max and delta: a number, a duration, a time (A1)?
inline bool is_measure(const Value& v) { return v.is_number() || v.type() == Type::duration || v.type() == Type::time; }

}  // namespace tocsin
