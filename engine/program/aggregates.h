// The aggregates: one row each (aggregates.cc). The rows that only pattern forms use (`changes`) have no word.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"

namespace tocsin {

enum class AggregateKind : std::uint8_t {
  count,
  sum,
  avg,
  min,
  max,
  stddev,
  percentile,
  distinct_count,
  first,
  last,
  values,
  rate,
  delta,
  slope,
  duration,
  gap_avg,
  gap_stddev,
  ema,
  top,
  ratio,
  changes,
};

struct Aggregate {
  std::string_view name;  // `median`, `p99`; p50..p99.9 are one row with name `p`
  AggregateKind kind;
  bool takes_field;          // sum(x.f); count(x) does not
  bool takes_second_stream;  // ratio
  bool takes_number;         // ema's alpha, top's n
  // `quantity`: a float, of durations a duration; `duration`: a length of time, whatever the field is.
  enum class Result : std::uint8_t { integer, floating, quantity, as_field, duration, list } result;
  std::string_view of_nothing;  // "0" or "missing" (A1)
  std::string_view help;
};

const std::vector<Aggregate>& aggregates();
// `p50` .. `p99.9` find the percentile row; their number is `percentile_of`.
std::optional<AggregateId> find_aggregate(std::string_view name);
std::optional<double> percentile_of(std::string_view name);

}  // namespace tocsin
