#include "engine/match/running.h"

#include <algorithm>
#include <cmath>

#include "engine/base/contract.h"
#include "engine/event/key.h"
#include "engine/event/order.h"
#include "engine/program/aggregates.h"
#include "engine/program/operators.h"

namespace tocsin {
namespace {

AggregateKind kind_of(const Cell& cell) { return aggregates()[cell.function.index].kind; }

bool reads_values(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::sum:
    case AggregateKind::avg:
    case AggregateKind::min:
    case AggregateKind::max:
    case AggregateKind::percentile:
    case AggregateKind::distinct_count:
    case AggregateKind::first:
    case AggregateKind::last:
    case AggregateKind::delta:
      return true;
    case AggregateKind::count:
    case AggregateKind::changes:
    case AggregateKind::rate:
    case AggregateKind::gap_avg:
    case AggregateKind::ratio:
    case AggregateKind::stddev:
    case AggregateKind::values:
    case AggregateKind::slope:
    case AggregateKind::duration:
    case AggregateKind::gap_stddev:
    case AggregateKind::ema:
    case AggregateKind::top:
      return false;
  }
  return false;
}

std::string key_of(const Value& value) {
  std::string key;
  append_key(key, value);
  return key;
}

Value finite(double d) { return std::isfinite(d) ? Value::floating(d) : Value(); }

bool is_sum(AggregateKind kind) { return kind == AggregateKind::sum || kind == AggregateKind::avg; }
bool is_extreme(AggregateKind kind) { return kind == AggregateKind::min || kind == AggregateKind::max; }

// A minus zero would be the same number and another text.
void insert_sorted(std::vector<double>& values, double d) {
  d += 0.0;
  values.insert(std::upper_bound(values.begin(), values.end(), d), d);
}
void erase_sorted(std::vector<double>& values, double d) {
  values.erase(std::lower_bound(values.begin(), values.end(), d));
}

}  // namespace

double percentile_of_sorted(std::span<const double> values, double percent) {
  const double at = percent / 100 * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (values[high] - values[low]) * (at - static_cast<double>(low));
}

bool RunningAggregate::supports(const Cell& cell) {
  if (cell.baseline.kind != Baseline::Kind::none) return false;
  const AggregateKind kind = kind_of(cell);
  return reads_values(kind) || kind == AggregateKind::count || kind == AggregateKind::changes ||
         kind == AggregateKind::rate || kind == AggregateKind::gap_avg || kind == AggregateKind::ratio;
}

RunningAggregate::RunningAggregate(const Cell& cell)
    : cell_(cell), kind_(kind_of(cell)), keeps_values_(reads_values(kind_)) {
  TOCSIN_ASSERT(supports(cell));
}

void RunningAggregate::insert(Time time, const Value& value) {
  samples_.push_back({time, keeps_values_ ? OwnedValue(value) : OwnedValue()});
  if (keeps_values_ && !value.is_missing()) insert_value(value);
}

void RunningAggregate::evict() {
  TOCSIN_ASSERT(!samples_.empty());
  if (keeps_values_ && !samples_.front().value.is_missing()) evict_value(samples_.front().value.view());
  samples_.pop_front();
  ++first_number_;
}

void RunningAggregate::insert_value(const Value& value) {
  if (is_sum(kind_)) sum_.add(value);
  if (is_extreme(kind_) && is_measure(value)) insert_extreme(value);
  if (kind_ == AggregateKind::distinct_count) ++distinct_[key_of(value)];
  if (kind_ != AggregateKind::percentile) return;
  if (value.is_number()) insert_sorted(numbers_, value.number());
  if (value.type() == Type::duration) insert_sorted(durations_, static_cast<double>(value.as_duration().us));
}

void RunningAggregate::evict_value(const Value& value) {
  if (is_sum(kind_)) sum_.subtract(value);
  if (is_extreme(kind_) && !extremes_.empty() && extremes_.front().number == first_number_) extremes_.pop_front();
  if (kind_ == AggregateKind::distinct_count) {
    const auto found = distinct_.find(key_of(value));
    if (--found->second == 0) distinct_.erase(found);
  }
  if (kind_ != AggregateKind::percentile) return;
  if (value.is_number()) erase_sorted(numbers_, value.number());
  if (value.type() == Type::duration) erase_sorted(durations_, static_cast<double>(value.as_duration().us));
}

// Of equals the oldest stays in front and is the answer, as in a walk over the samples.
void RunningAggregate::insert_extreme(const Value& value) {
  const auto better = [&](const Candidate& c) {
    const auto order = total_order(value, c.value.view());
    return kind_ == AggregateKind::min ? order < 0 : order > 0;
  };
  while (!extremes_.empty() && better(extremes_.back())) extremes_.pop_back();
  extremes_.push_back({first_number_ + samples_.size() - 1, OwnedValue(value)});
}

// Missing values are few: the walk ends at once.
const OwnedValue* RunningAggregate::end_value(bool newest) const {
  const bool measures = kind_ == AggregateKind::delta;
  for (std::size_t i = 0; i < samples_.size(); ++i) {
    const OwnedValue& value = samples_[newest ? samples_.size() - 1 - i : i].value;
    if (measures ? is_measure(value.view()) : !value.is_missing()) return &value;
  }
  return nullptr;
}

Value RunningAggregate::delta() const {
  const OwnedValue *first = end_value(false), *last = end_value(true);
  return first == nullptr ? Value() : operators::subtract(last->view(), first->view());
}

Value RunningAggregate::percentile() const {
  if (!numbers_.empty()) return finite(percentile_of_sorted(numbers_, cell_.alpha));
  return durations_.empty() ? Value() : Value::duration({std::llround(percentile_of_sorted(durations_, cell_.alpha))});
}

Value RunningAggregate::rate(Time from, Time now) const {
  const double seconds = static_cast<double>((now - from).us) / 1e6;
  return seconds > 0 && !samples_.empty() ? finite(static_cast<double>(samples_.size()) / seconds) : Value();
}

// The gaps between neighbours add up to the time between the ends.
Value RunningAggregate::gap_avg() const {
  if (samples_.size() < 2) return {};
  const Duration span = samples_.back().time - samples_.front().time;
  return Value::duration({std::llround(static_cast<double>(span.us) / static_cast<double>(samples_.size() - 1))});
}

Value RunningAggregate::value(Time from, Time now, std::size_t second) const {
  switch (kind_) {
    case AggregateKind::count:
    case AggregateKind::changes:
      return Value::integer(static_cast<std::int64_t>(samples_.size()));
    case AggregateKind::sum:
      return sum_.sum();
    case AggregateKind::avg:
      return sum_.mean();
    case AggregateKind::min:
    case AggregateKind::max:
      return extremes_.empty() ? Value() : extremes_.front().value.view();
    case AggregateKind::percentile:
      return percentile();
    case AggregateKind::distinct_count:
      return Value::integer(static_cast<std::int64_t>(distinct_.size()));
    case AggregateKind::first:
      return end_value(false) != nullptr ? end_value(false)->view() : Value();
    case AggregateKind::last:
      return end_value(true) != nullptr ? end_value(true)->view() : Value();
    case AggregateKind::delta:
      return delta();
    case AggregateKind::rate:
      return rate(from, now);
    case AggregateKind::gap_avg:
      return gap_avg();
    case AggregateKind::ratio:
      return second == 0 ? Value() : finite(static_cast<double>(samples_.size()) / static_cast<double>(second));
    case AggregateKind::stddev:
    case AggregateKind::values:
    case AggregateKind::slope:
    case AggregateKind::duration:
    case AggregateKind::gap_stddev:
    case AggregateKind::ema:
    case AggregateKind::top:
      return {};  // not supported
  }
  return {};
}

}  // namespace tocsin
