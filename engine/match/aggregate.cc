#include "engine/match/aggregate.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "engine/event/key.h"
#include "engine/event/order.h"

namespace tocsin {
namespace {

constexpr double kMicros = 1e6;

// Numbers and durations take part in arithmetic; everything else is left out (A1). A sum of durations is a duration.
bool is_quantity(const Value& v) { return v.is_number() || v.type() == Type::duration; }
double amount(const Value& v) {
  return v.type() == Type::duration ? static_cast<double>(v.as_duration().us) : v.number();
}

struct Quantities {
  std::vector<double> values;
  std::vector<Time> times;
  bool durations = false;
  bool integers = true;
  std::int64_t integer_sum = 0;
  bool overflow = false;
};

Quantities quantities(std::span<const Sample> samples) {
  Quantities q;
  for (const Sample& s : samples) {
    if (!is_quantity(s.value)) continue;
    q.values.push_back(amount(s.value));
    q.times.push_back(s.time);
    q.durations = q.durations || s.value.type() == Type::duration;
    if (s.value.type() == Type::floating) q.integers = false;
    const std::int64_t n = s.value.type() == Type::duration  ? s.value.as_duration().us
                           : s.value.type() == Type::integer ? s.value.as_integer()
                                                             : 0;
    q.overflow = q.overflow || __builtin_add_overflow(q.integer_sum, n, &q.integer_sum);
  }
  return q;
}

// Neumaier's sum: the error of a plain one would depend on the order in which a window was filled.
double sum_of(const std::vector<double>& values) {
  double sum = 0, lost = 0;
  for (const double v : values) {
    const double next = sum + v;
    lost += std::abs(sum) >= std::abs(v) ? (sum - next) + v : (v - next) + sum;
    sum = next;
  }
  return sum + lost;
}

Value number(double d) { return std::isfinite(d) ? Value::floating(d) : Value(); }
Value quantity(const Quantities& q, double d) {
  if (!std::isfinite(d)) return {};
  return q.durations ? Value::duration({std::llround(d)}) : Value::floating(d);
}

Value sum(const Quantities& q) {
  if (q.values.empty()) return Value::integer(0);
  if (q.durations) return q.overflow ? Value() : Value::duration({q.integer_sum});
  if (q.integers && !q.overflow) return Value::integer(q.integer_sum);
  return number(sum_of(q.values));
}

Value mean(const Quantities& q) {
  if (q.values.empty()) return {};
  return quantity(q, sum_of(q.values) / static_cast<double>(q.values.size()));
}

double deviation(const std::vector<double>& values) {  // A2: divided by n
  const double n = static_cast<double>(values.size());
  const double m = sum_of(values) / n;
  std::vector<double> squares;
  squares.reserve(values.size());
  for (const double v : values) squares.push_back((v - m) * (v - m));
  return std::sqrt(sum_of(squares) / n);
}

Value percentile(const Quantities& q, double percent) {  // A2: linear between the closest ranks, n - 1 spacing
  if (q.values.empty()) return {};
  std::vector<double> sorted = q.values;
  std::sort(sorted.begin(), sorted.end());
  const double at = percent / 100 * static_cast<double>(sorted.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, sorted.size() - 1);
  return quantity(q, sorted[low] + (sorted[high] - sorted[low]) * (at - static_cast<double>(low)));
}

Value extreme(std::span<const Sample> samples, bool largest) {
  Value best;
  for (const Sample& s : samples) {
    if (s.value.is_missing()) continue;
    if (best.is_missing()) {
      best = s.value;
      continue;
    }
    const std::partial_ordering order = compare(s.value, best);
    if (largest ? order > 0 : order < 0) best = s.value;
  }
  return best;
}

// The least-squares line through the values; false with fewer than two instants.
bool line(const Quantities& q, double& slope, double& at_mean, double& mean_seconds, Time& origin) {
  if (q.values.empty()) return false;
  origin = q.times.front();
  if (std::all_of(q.times.begin(), q.times.end(), [&](Time t) { return t == origin; })) return false;
  std::vector<double> x;
  for (const Time t : q.times) x.push_back(static_cast<double>((t - origin).us) / kMicros);
  const double n = static_cast<double>(x.size());
  mean_seconds = sum_of(x) / n;
  at_mean = sum_of(q.values) / n;
  std::vector<double> xy, xx;
  for (std::size_t i = 0; i < x.size(); ++i) {
    xy.push_back((x[i] - mean_seconds) * (q.values[i] - at_mean));
    xx.push_back((x[i] - mean_seconds) * (x[i] - mean_seconds));
  }
  slope = sum_of(xy) / sum_of(xx);
  return true;
}

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
    std::string key;
    append_key(key, s.value);
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
  return scratch.list(values);
}

std::vector<double> gaps(std::span<const Sample> samples) {
  std::vector<double> out;
  for (std::size_t i = 1; i < samples.size(); ++i)
    out.push_back(static_cast<double>((samples[i].time - samples[i - 1].time).us));
  return out;
}

Value duration_of(double us) { return Value::duration({std::llround(us)}); }

}  // namespace

Value aggregate_of(const Cell& cell, std::span<const Sample> samples, Time from, Time now, std::size_t second,
                   Scratch& scratch) {
  if (cell.baseline.kind == Baseline::Kind::forecast) {  // A6
    double slope = 0, at_mean = 0, mean_seconds = 0;
    Time origin;
    const Quantities q = quantities(samples);
    if (!line(q, slope, at_mean, mean_seconds, origin)) return {};
    const double x = static_cast<double>((now + cell.baseline.over - origin).us) / kMicros;
    return quantity(q, at_mean + slope * (x - mean_seconds));
  }
  switch (aggregates()[cell.function.index].kind) {
    case AggregateKind::count:
    case AggregateKind::changes:
      return Value::integer(static_cast<std::int64_t>(samples.size()));
    case AggregateKind::sum:
      return sum(quantities(samples));
    case AggregateKind::avg:
      return mean(quantities(samples));
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
      return scratch.list(values);
    }
    case AggregateKind::rate: {
      const double seconds = static_cast<double>((now - from).us) / kMicros;
      return seconds > 0 ? number(static_cast<double>(samples.size()) / seconds) : Value();
    }
    case AggregateKind::delta: {
      const Quantities q = quantities(samples);
      if (q.values.empty()) return {};
      if (q.durations) return duration_of(q.values.back() - q.values.front());
      if (!q.integers) return number(q.values.back() - q.values.front());
      std::int64_t first = 0, last = 0, out = 0;
      bool begun = false;
      for (const Sample& s : samples) {
        if (s.value.type() != Type::integer) continue;
        if (!begun) first = s.value.as_integer();
        begun = true;
        last = s.value.as_integer();
      }
      return __builtin_sub_overflow(last, first, &out) ? number(static_cast<double>(last) - static_cast<double>(first))
                                                       : Value::integer(out);
    }
    case AggregateKind::slope: {
      double slope = 0, at_mean = 0, mean_seconds = 0;
      Time origin;
      return line(quantities(samples), slope, at_mean, mean_seconds, origin) ? number(slope) : Value();
    }
    case AggregateKind::duration: {
      Duration total{};
      for (const Sample& s : samples) total = total + (s.until - std::max(s.time, from));
      return Value::duration(total);
    }
    case AggregateKind::gap_avg: {
      const std::vector<double> g = gaps(samples);
      return g.empty() ? Value() : duration_of(sum_of(g) / static_cast<double>(g.size()));
    }
    case AggregateKind::gap_stddev: {
      const std::vector<double> g = gaps(samples);
      return g.empty() ? Value() : duration_of(deviation(g));
    }
    case AggregateKind::ema: {
      bool begun = false;
      double e = 0;
      for (const Sample& s : samples) {
        if (!is_quantity(s.value)) continue;
        const double v = amount(s.value);
        e = begun ? cell.alpha * v + (1 - cell.alpha) * e : v;
        begun = true;
      }
      return begun ? quantity(quantities(samples), e) : Value();
    }
    case AggregateKind::top:
      return top(samples, cell.number, scratch);
    case AggregateKind::ratio:
      if (second == 0) return {};
      return number(static_cast<double>(samples.size()) / static_cast<double>(second));
  }
  return {};
}

}  // namespace tocsin
