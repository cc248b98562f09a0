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

using operators::finite;
using operators::nearest_duration;

// A forecast keeps what a slope does.
AggregateKind kind_of(const Cell& cell) {
  return cell.baseline.kind == Baseline::Kind::forecast ? AggregateKind::slope : aggregates()[cell.function.index].kind;
}

double us_of(Duration d) { return static_cast<double>(d.us); }
constexpr double kMicros = 1e6;

template <class T, class Variant>
T& made(Variant& state) {
  if (auto* there = std::get_if<T>(&state)) return *there;
  return state.template emplace<T>();
}

// A1: of nothing there is no list.
Value some_list(std::span<const Value> values) { return values.empty() ? Value() : Value::list(values); }

}  // namespace

double percentile_of_sorted(std::span<const double> values, double percent) {
  const Rank rank(percent, values.size());
  return rank.between(values[rank.low], values[std::min(rank.low + 1, values.size() - 1)]);
}

RunningAggregate::Keeps RunningAggregate::keeps(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::sum:
    case AggregateKind::avg:
    case AggregateKind::min:
    case AggregateKind::max:
    case AggregateKind::stddev:
    case AggregateKind::percentile:
    case AggregateKind::delta:
    case AggregateKind::slope:
    case AggregateKind::ema:
      return Keeps::measures;
    case AggregateKind::distinct_count:
    case AggregateKind::first:
    case AggregateKind::last:
    case AggregateKind::values:
    case AggregateKind::top:
      return Keeps::values;
    case AggregateKind::count:
    case AggregateKind::changes:
    case AggregateKind::rate:
    case AggregateKind::gap_avg:
    case AggregateKind::gap_stddev:
    case AggregateKind::ratio:
    case AggregateKind::duration:
      return Keeps::nothing;
  }
  return Keeps::nothing;
}

RunningAggregate::RunningAggregate(const Cell& cell) : cell_(&cell), kind_(kind_of(cell)), keeps_(keeps(kind_)) {}

Value RunningAggregate::kept(std::size_t i) const {
  if (keeps_ == Keeps::measures) return measures_[i];
  return keeps_ == Keeps::values ? values_[i].view() : Value();
}

void RunningAggregate::insert(SampleMark mark, const Value& value) {
  if (kind_ == AggregateKind::gap_stddev && !marks_.empty()) join(Value::duration(mark.time - marks_.back().time));
  marks_.push_back(mark);
  if (keeps_ == Keeps::nothing) return;
  if (keeps_ == Keeps::measures) measures_.push_back(is_measure(value) ? value : Value());
  if (keeps_ == Keeps::values) values_.push_back(OwnedValue(value));
  if (!value.is_missing()) join(value);
  look_again();
}

void RunningAggregate::evict() {
  TOCSIN_ASSERT(!marks_.empty());
  if (kind_ == AggregateKind::gap_stddev && marks_.size() > 1)
    leave(Value::duration(marks_[1].time - marks_[0].time), {});
  const Time time = marks_.front().time;
  marks_.pop_front();
  if (keeps_ != Keeps::nothing) {
    const Value value = kept(0);
    if (!value.is_missing()) leave(value, time);
    if (keeps_ == Keeps::measures) measures_.pop_front();
    if (keeps_ == Keeps::values) values_.pop_front();
  }
  ++first_;
  look_again();
}

// The ring has moved what it holds: what was viewed stands elsewhere. As seldom as it grows or shrinks.
void RunningAggregate::look_again() {
  auto* list = std::get_if<List>(&state_);
  if (list == nullptr || list->of_bytes == values_.bytes()) return;
  *list = List{{}, 0, values_.bytes()};
  for (std::size_t i = 0; i < values_.size(); ++i)
    if (!values_[i].is_missing()) list->views.push_back(values_[i].view());
}

void RunningAggregate::hand_on(RunningAggregate& next) {
  next.insert(marks_.front(), kept(0));
  evict();
}

void RunningAggregate::clear() {
  marks_.clear();
  measures_.clear();
  values_.clear();
  state_ = std::monostate();
  first_ = 0;
}

std::size_t RunningAggregate::bytes() const {
  std::size_t sum = marks_.bytes() + measures_.bytes() + values_.bytes();
  if (const auto* extremes = std::get_if<Extremes>(&state_)) sum += extremes->candidates.bytes();
  if (const auto* quantiles = std::get_if<Quantiles>(&state_))
    for (const auto* of : {&quantiles->numbers, &quantiles->durations}) sum += *of == nullptr ? 0 : (*of)->bytes();
  if (const auto* list = std::get_if<List>(&state_)) sum += list->views.capacity() * sizeof(Value);
  if (const auto* ranks = std::get_if<std::unique_ptr<Ranks>>(&state_)) sum += (*ranks)->bytes();
  if (const auto* distinct = std::get_if<Distinct>(&state_))
    sum += distinct->bucket_count() * sizeof(Distinct::value_type);
  if (std::holds_alternative<std::unique_ptr<Deviations>>(state_)) sum += sizeof(Deviations);
  if (const auto* lines = std::get_if<Lines>(&state_))
    for (const auto* line : {&lines->numbers, &lines->durations}) sum += *line == nullptr ? 0 : sizeof(LeastSquares);
  return sum;
}

void RunningAggregate::join(const Value& value) {
  switch (kind_) {
    case AggregateKind::sum:
    case AggregateKind::avg:
      return made<QuantitySum>(state_).add(value);
    case AggregateKind::min:
    case AggregateKind::max:
      return join_extremes(value);
    case AggregateKind::distinct_count: {
      std::string key;
      append_key(key, value);
      ++made<Distinct>(state_)[std::move(key)];
      return;
    }
    case AggregateKind::percentile: {
      Quantiles& quantiles = made<Quantiles>(state_);
      const auto add = [this](std::unique_ptr<Quantile>& of, double v) {
        if (of == nullptr) of = std::make_unique<Quantile>(cell_->alpha);
        of->add(v);
      };
      if (value.is_number()) add(quantiles.numbers, value.number());
      if (value.type() == Type::duration) add(quantiles.durations, us_of(value.as_duration()));
      return;
    }
    case AggregateKind::values:
      return made<List>(state_).views.push_back(values_.back().view());
    case AggregateKind::top: {
      auto& ranks = made<std::unique_ptr<Ranks>>(state_);
      if (ranks == nullptr) ranks = std::make_unique<Ranks>();
      return ranks->add(value);
    }
    case AggregateKind::stddev:
    case AggregateKind::gap_stddev: {
      auto& deviations = made<std::unique_ptr<Deviations>>(state_);
      if (deviations == nullptr) deviations = std::make_unique<Deviations>();
      if (value.is_number()) deviations->numbers.add(value.number());
      if (value.type() == Type::duration) deviations->durations.add(us_of(value.as_duration()));
      return;
    }
    case AggregateKind::slope: {
      Lines& lines = made<Lines>(state_);
      const auto add = [&](std::unique_ptr<LeastSquares>& line, double v) {
        if (line == nullptr) line = std::make_unique<LeastSquares>();
        line->add(marks_.back().time, v);
      };
      if (value.is_number()) add(lines.numbers, value.number());
      if (value.type() == Type::duration) add(lines.durations, us_of(value.as_duration()));
      return;
    }
    case AggregateKind::ema:
      if (Average& average = made<Average>(state_); !average.stale) join_average(average, value);
      return;
    case AggregateKind::count:
    case AggregateKind::changes:
    case AggregateKind::first:
    case AggregateKind::last:
    case AggregateKind::delta:
    case AggregateKind::rate:
    case AggregateKind::gap_avg:
    case AggregateKind::ratio:
    case AggregateKind::duration:
      return;
  }
}

void RunningAggregate::leave(const Value& value, Time time) {
  if (auto* sum = std::get_if<QuantitySum>(&state_)) sum->subtract(value);
  if (auto* extremes = std::get_if<Extremes>(&state_))
    if (!extremes->candidates.empty() && extremes->candidates.front().at == first_) extremes->candidates.pop_front();
  if (auto* distinct = std::get_if<Distinct>(&state_)) {
    std::string key;
    append_key(key, value);
    const auto found = distinct->find(key);
    if (--found->second == 0) distinct->erase(found);
  }
  if (auto* quantiles = std::get_if<Quantiles>(&state_)) {
    if (value.is_number()) quantiles->numbers->drop_oldest();
    if (value.type() == Type::duration) quantiles->durations->drop_oldest();
  }
  if (auto* list = std::get_if<List>(&state_); list != nullptr && ++list->from * 2 > list->views.size()) {
    list->views.erase(list->views.begin(), list->views.begin() + static_cast<std::ptrdiff_t>(list->from));
    list->from = 0;
  }
  if (auto* ranks = std::get_if<std::unique_ptr<Ranks>>(&state_)) (*ranks)->drop(value);
  if (auto* deviations = std::get_if<std::unique_ptr<Deviations>>(&state_)) {
    if (value.is_number()) (*deviations)->numbers.subtract(value.number());
    if (value.type() == Type::duration) (*deviations)->durations.subtract(us_of(value.as_duration()));
  }
  if (auto* lines = std::get_if<Lines>(&state_)) {
    if (value.is_number()) lines->numbers->subtract(time, value.number());
    if (value.type() == Type::duration) lines->durations->subtract(time, us_of(value.as_duration()));
  }
  if (auto* average = std::get_if<Average>(&state_)) average->stale = true;
}

// Of equals the oldest stays in front and is the answer, as in a walk over the samples.
void RunningAggregate::join_extremes(const Value& value) {
  if (!is_measure(value)) return;
  auto& candidates = made<Extremes>(state_).candidates;
  const auto better = [&](const Candidate& c) {
    const auto order = total_order(value, c.value);
    return kind_ == AggregateKind::min ? order < 0 : order > 0;
  };
  while (!candidates.empty() && better(candidates.back())) candidates.pop_back();
  candidates.push_back({first_ + marks_.size() - 1, value});
}

void RunningAggregate::join_average(Average& average, const Value& value) const {
  const auto weigh = [this](double& e, std::size_t& count, double v) {
    e = count++ == 0 ? v : cell_->alpha * v + (1 - cell_->alpha) * e;
  };
  if (value.is_number()) weigh(average.numbers, average.count_of_numbers, value.number());
  if (value.type() == Type::duration) weigh(average.durations, average.count_of_durations, us_of(value.as_duration()));
}

// Missing values are few: the walk ends at once.
Value RunningAggregate::end_value(bool newest) const {
  for (std::size_t i = 0; i < marks_.size(); ++i)
    if (const Value value = kept(newest ? marks_.size() - 1 - i : i); !value.is_missing()) return value;
  return {};
}

Value RunningAggregate::delta() const { return operators::subtract(end_value(true), end_value(false)); }

Value RunningAggregate::percentile() const {
  const auto* quantiles = std::get_if<Quantiles>(&state_);
  if (quantiles == nullptr) return {};
  const auto has = [](const std::unique_ptr<Quantile>& of) { return of != nullptr && of->count() > 0; };
  if (has(quantiles->numbers)) return finite(quantiles->numbers->value());
  return has(quantiles->durations) ? nearest_duration(quantiles->durations->value()) : Value();
}

Value RunningAggregate::average() const {
  auto* average = std::get_if<Average>(&state_);
  if (average == nullptr) return {};
  if (average->stale) {
    *average = Average();
    for (std::size_t i = 0; i < measures_.size(); ++i) join_average(*average, measures_[i]);
  }
  if (average->count_of_numbers > 0) return finite(average->numbers);
  return average->count_of_durations > 0 ? nearest_duration(average->durations) : Value();
}

Value RunningAggregate::deviation() const {
  const auto* deviations = std::get_if<std::unique_ptr<Deviations>>(&state_);
  if (deviations == nullptr) return {};
  return (*deviations)->numbers.count() > 0 ? finite((*deviations)->numbers.value())
                                            : nearest_duration((*deviations)->durations.value());
}

Value RunningAggregate::on_line(Time now) const {
  const auto* lines = std::get_if<Lines>(&state_);
  if (lines == nullptr) return {};
  const bool numbers = lines->numbers != nullptr && lines->numbers->count() > 0;
  const LeastSquares* line = numbers ? lines->numbers.get() : lines->durations.get();
  if (line == nullptr) return {};
  if (cell_->baseline.kind != Baseline::Kind::forecast)
    return finite(line->slope() / (numbers ? 1 : kMicros));  // of seconds
  const double ahead = line->at(now + cell_->baseline.over);
  return numbers ? finite(ahead) : nearest_duration(ahead);
}

Value RunningAggregate::rate(Time from, Time now) const {
  const double seconds = us_of(now - from) / 1e6;
  return seconds > 0 && !empty() ? finite(static_cast<double>(size()) / seconds) : Value();
}

// The gaps between neighbours add up to the time between the ends.
Value RunningAggregate::gap_avg() const {
  if (size() < 2) return {};
  return nearest_duration(us_of(marks_.back().time - marks_.front().time) / static_cast<double>(size() - 1));
}

Value RunningAggregate::value(Time from, Time now, std::size_t second) const {
  switch (kind_) {
    case AggregateKind::count:
    case AggregateKind::changes:
      return Value::integer(static_cast<std::int64_t>(size()));
    case AggregateKind::sum:
      return made<QuantitySum>(state_).sum();
    case AggregateKind::avg:
      return made<QuantitySum>(state_).mean();
    case AggregateKind::min:
    case AggregateKind::max: {
      const auto& candidates = made<Extremes>(state_).candidates;
      return candidates.empty() ? Value() : candidates.front().value;
    }
    case AggregateKind::percentile:
      return percentile();
    case AggregateKind::distinct_count:
      return Value::integer(static_cast<std::int64_t>(made<Distinct>(state_).size()));
    case AggregateKind::first:
      return end_value(false);
    case AggregateKind::last:
      return end_value(true);
    case AggregateKind::delta:
      return delta();
    case AggregateKind::rate:
      return rate(from, now);
    case AggregateKind::stddev:
    case AggregateKind::gap_stddev:
      return deviation();
    case AggregateKind::gap_avg:
      return gap_avg();
    case AggregateKind::ema:
      return average();
    case AggregateKind::ratio:
      return second == 0 ? Value() : finite(static_cast<double>(size()) / static_cast<double>(second));
    case AggregateKind::slope:
      return on_line(now);
    case AggregateKind::values: {
      const auto* list = std::get_if<List>(&state_);
      return list == nullptr ? Value() : some_list(std::span(list->views).subspan(list->from));
    }
    case AggregateKind::top: {
      const auto* ranks = std::get_if<std::unique_ptr<Ranks>>(&state_);
      return ranks == nullptr ? Value() : some_list((*ranks)->first(cell_->number));
    }
    case AggregateKind::duration:
      return {};  // its owner has it
  }
  return {};
}

}  // namespace tocsin
