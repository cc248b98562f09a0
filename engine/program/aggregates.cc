// The table of aggregates. What they compute stands in engine/match/aggregate.h; semantics.md A1, A2, A6, A7 say what
// each one means.
#include "engine/program/aggregates.h"

#include <charconv>

namespace tocsin {
namespace {

using Kind = AggregateKind;
using Result = Aggregate::Result;

// `p50` to `p99.9`: two digits from 50 up, and a decimal or none. Beyond it the largest of a thousand values is asked
// for, which is `max`.
std::optional<double> percentile_number(std::string_view name) {
  if (name == "median") return 50.0;
  const bool decimal = name.size() == 5 && name[3] == '.';
  if ((name.size() != 3 && !decimal) || name[0] != 'p') return std::nullopt;
  double number = 0;
  const char* end = name.data() + name.size();
  const auto [rest, error] = std::from_chars(name.data() + 1, end, number, std::chars_format::fixed);
  if (error != std::errc{} || rest != end || !(number >= 50 && number < 100)) return std::nullopt;
  return number;
}

}  // namespace

const std::vector<Aggregate>& aggregates() {
  // clang-format off
  //   name             kind                  field  second number result            of nothing  help
  static const std::vector<Aggregate> table = {
      {"count",          Kind::count,          false, false, false, Result::integer,  "0",       "how many there are"},
      {"sum",            Kind::sum,            true,  false, false, Result::as_field, "0",       "the sum of the values; integers stay exact, and become a float when they overflow"},
      {"avg",            Kind::avg,            true,  false, false, Result::quantity, "missing", "the mean of the values"},
      {"min",            Kind::min,            true,  false, false, Result::as_field, "missing", "the smallest value"},
      {"max",            Kind::max,            true,  false, false, Result::as_field, "missing", "the largest value"},
      {"stddev",         Kind::stddev,         true,  false, false, Result::quantity, "missing", "the standard deviation of the values (divided by n)"},
      {"p",              Kind::percentile,     true,  false, false, Result::quantity, "missing", "a quantile, p50 to p99.9; linear between the closest ranks"},
      {"median",         Kind::percentile,     true,  false, false, Result::quantity, "missing", "the value in the middle; p50"},
      {"distinct_count", Kind::distinct_count, true,  false, false, Result::integer,  "0",       "how many different values there are"},
      {"first",          Kind::first,          true,  false, false, Result::as_field, "missing", "the oldest value"},
      {"last",           Kind::last,           true,  false, false, Result::as_field, "missing", "the newest value"},
      {"values",         Kind::values,         true,  false, false, Result::list,     "missing", "all values in order, as a list"},
      {"rate",           Kind::rate,           false, false, false, Result::floating, "missing", "the count per second of the window"},
      {"delta",          Kind::delta,          true,  false, false, Result::as_field, "missing", "the last value minus the first"},
      {"slope",          Kind::slope,          true,  false, false, Result::floating, "missing", "the least-squares change per second"},
      {"duration",       Kind::duration,       false, false, false, Result::duration, "0s",      "the time from each one to the key's next event of its base, summed"},
      {"gap_avg",        Kind::gap_avg,        false, false, false, Result::duration, "missing", "the mean time between neighbours"},
      {"gap_stddev",     Kind::gap_stddev,     false, false, false, Result::duration, "missing", "the standard deviation of the times between neighbours"},
      {"ema",            Kind::ema,            true,  false, true,  Result::quantity, "missing", "the exponential moving average: alpha times the value plus (1 - alpha) times the average before"},
      {"top",            Kind::top,            true,  false, true,  Result::list,     "missing", "the n most frequent values; ties by their bytes"},
      {"ratio",          Kind::ratio,          false, true,  false, Result::floating, "missing", "how many there are of the first, divided by how many of the second"},
      {"",               Kind::changes,        true,  false, false, Result::integer,  "0",       "how many times the value differed from the one before"},
  };
  // clang-format on
  return table;
}

std::optional<double> percentile_of(std::string_view name) { return percentile_number(name); }

std::optional<AggregateId> find_aggregate(std::string_view name) {
  if (name.empty() || name == "p") return std::nullopt;
  if (name != "median" && percentile_number(name)) name = "p";
  for (std::size_t i = 0; i < aggregates().size(); ++i)
    if (aggregates()[i].name == name) return AggregateId(i);
  return std::nullopt;
}

}  // namespace tocsin
