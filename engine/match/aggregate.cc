#include "engine/match/aggregate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "engine/event/key.h"
#include "engine/event/order.h"
#include "engine/event/write.h"
#include "engine/match/deviation.h"
#include "engine/match/least_squares.h"
#include "engine/match/quantity_sum.h"
#include "engine/match/running.h"
#include "engine/program/operators.h"

namespace tocsin {
namespace {

using operators::finite;
using operators::nearest_duration;

constexpr double kMicros = 1e6;

// Numbers take part in arithmetic; where there are none, durations do, and the result is a duration. All else is left
// out (A1).
struct Quantities {
  std::vector<double> values;
  std::vector<Time> times;
  bool durations = false;
};

Quantities quantities(std::span<const Sample> samples) {
  Quantities q;
  const bool numbers = std::any_of(samples.begin(), samples.end(), [](const Sample& s) { return s.value.is_number(); });
  for (const Sample& s : samples) {
    if (numbers ? !s.value.is_number() : s.value.type() != Type::duration) continue;
    q.values.push_back(numbers ? s.value.number() : static_cast<double>(s.value.as_duration().us));
    q.times.push_back(s.time);
  }
  q.durations = !numbers && !q.values.empty();
  return q;
}

Value quantity(const Quantities& q, double d) {
  if (!std::isfinite(d)) return {};
  return q.durations ? nearest_duration(d) : Value::floating(d);
}

// In any order the same sum to the last bit: what a window holds decides, not how it was filled.
QuantitySum sum(std::span<const Sample> samples) {
  QuantitySum sum;
  for (const Sample& s : samples) sum.add(s.value);
  return sum;
}

double deviation(const std::vector<double>& values) {  // A2: deviation.h
  Deviation out;
  for (const double v : values) out.add(v);
  return out.value();
}

Value percentile(const Quantities& q, double percent) {  // A2
  if (q.values.empty()) return {};
  std::vector<double> sorted;
  sorted.reserve(q.values.size());
  for (const double d : q.values) sorted.push_back(d + 0.0);  // a minus zero would be the same number and another text
  std::sort(sorted.begin(), sorted.end());
  return quantity(q, percentile_of_sorted(sorted, percent));
}

// Of equals the oldest.
Value extreme(std::span<const Sample> samples, bool largest) {
  Value best;
  for (const Sample& s : samples) {
    if (!is_measure(s.value)) continue;
    if (best.is_missing() || (largest ? total_order(s.value, best) > 0 : total_order(s.value, best) < 0))
      best = s.value;
  }
  return best;
}

Value delta(std::span<const Sample> samples) {
  Value first, last;
  for (const Sample& s : samples) {
    if (!is_measure(s.value)) continue;
    if (first.is_missing()) first = s.value;
    last = s.value;
  }
  return operators::subtract(last, first);
}

LeastSquares line(const Quantities& q) {
  LeastSquares out;
  for (std::size_t i = 0; i < q.values.size(); ++i) out.add(q.times[i], q.values[i]);
  return out;
}

// Durations are kept in microseconds, and a slope is of seconds, as durations are everywhere else.
Value slope(const Quantities& q) { return finite(line(q).slope() / (q.durations ? kMicros : 1)); }

std::size_t distinct(std::span<const Sample> samples) {
  std::vector<std::string> keys;
  for (const Sample& s : samples) {
    if (s.value.is_missing()) continue;
    append_key(keys.emplace_back(), s.value);
  }
  std::sort(keys.begin(), keys.end());
  return static_cast<std::size_t>(std::unique(keys.begin(), keys.end()) - keys.begin());
}

Value top(std::span<const Sample> samples, std::uint32_t n, Scratch& scratch) {  // A7: by count, ties by bytes
  std::map<std::string, std::pair<std::size_t, Value>> counts;
  for (const Sample& s : samples) {
    if (s.value.is_missing()) continue;
    std::string key;  // the bytes that people see
    append_text(key, s.value);
    auto& row = counts[key];
    ++row.first;
    row.second = s.value;
  }
  std::vector<std::pair<std::size_t, Value>> ranked;
  for (const auto& [key, row] : counts) ranked.push_back(row);
  std::stable_sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  if (ranked.size() > n) ranked.resize(n);
  std::vector<Value> values;
  for (const auto& [count, value] : ranked) values.push_back(value);
  return values.empty() ? Value() : scratch.list(values);  // A1
}

std::vector<double> gaps(std::span<const Sample> samples) {
  std::vector<double> out;
  for (std::size_t i = 1; i < samples.size(); ++i)
    out.push_back(static_cast<double>((samples[i].time - samples[i - 1].time).us));
  return out;
}

}  // namespace

Value aggregate_of(const Cell& cell, std::span<const Sample> samples, Time from, Time now, std::size_t second,
                   Scratch& scratch) {
  if (cell.baseline.kind == Baseline::Kind::forecast) {  // A6
    const Quantities q = quantities(samples);
    return quantity(q, line(q).at(now + cell.baseline.over));
  }
  switch (aggregates()[cell.function.index].kind) {
    case AggregateKind::count:
    case AggregateKind::changes:
      return Value::integer(static_cast<std::int64_t>(samples.size()));
    case AggregateKind::sum:
      return sum(samples).sum();
    case AggregateKind::avg:
      return sum(samples).mean();
    case AggregateKind::min:
      return extreme(samples, false);
    case AggregateKind::max:
      return extreme(samples, true);
    case AggregateKind::stddev: {
      const Quantities q = quantities(samples);
      return q.values.empty() ? Value() : quantity(q, deviation(q.values));
    }
    case AggregateKind::percentile:
      return percentile(quantities(samples), cell.alpha);
    case AggregateKind::distinct_count:
      return Value::integer(static_cast<std::int64_t>(distinct(samples)));
    case AggregateKind::first:
      for (const Sample& s : samples)
        if (!s.value.is_missing()) return s.value;
      return {};
    case AggregateKind::last:
      for (std::size_t i = samples.size(); i-- > 0;)
        if (!samples[i].value.is_missing()) return samples[i].value;
      return {};
    case AggregateKind::values: {
      std::vector<Value> values;
      for (const Sample& s : samples)
        if (!s.value.is_missing()) values.push_back(s.value);
      return values.empty() ? Value() : scratch.list(values);  // A1
    }
    case AggregateKind::rate: {
      const double seconds = static_cast<double>((now - from).us) / kMicros;
      return seconds > 0 && !samples.empty() ? finite(static_cast<double>(samples.size()) / seconds) : Value();
    }
    case AggregateKind::delta:
      return delta(samples);
    case AggregateKind::slope:
      return slope(quantities(samples));
    case AggregateKind::duration: {
      Duration total{};
      for (const Sample& s : samples) total = total + (s.until - std::max(s.time, from));
      return Value::duration(total);
    }
    case AggregateKind::gap_avg:  // the gaps between neighbours add up to the time between the ends
      if (samples.size() < 2) return {};
      return nearest_duration(static_cast<double>((samples.back().time - samples.front().time).us) /
                              static_cast<double>(samples.size() - 1));
    case AggregateKind::gap_stddev: {
      const std::vector<double> g = gaps(samples);
      if (g.empty()) return {};
      return nearest_duration(deviation(g));
    }
    case AggregateKind::ema: {
      const Quantities q = quantities(samples);
      if (q.values.empty()) return {};
      double e = q.values.front();
      for (std::size_t i = 1; i < q.values.size(); ++i) e = cell.alpha * q.values[i] + (1 - cell.alpha) * e;
      return quantity(q, e);
    }
    case AggregateKind::top:
      return top(samples, cell.number, scratch);
    case AggregateKind::ratio:
      if (second == 0) return {};
      return finite(static_cast<double>(samples.size()) / static_cast<double>(second));
  }
  return {};
}

}  // namespace tocsin
