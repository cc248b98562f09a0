#include "engine/match/past_windows.h"

#include <algorithm>
#include <cmath>

#include "engine/base/contract.h"
#include "engine/program/choose.h"
#include "engine/program/operators.h"

namespace tocsin {

using operators::finite;
using operators::nearest_duration;

// ----- values ----------------------------------------------------------------------------------------

std::optional<PastValue> PastValue::of(const Value& value) {
  if (value.is_number()) return PastValue{value.number(), false};
  if (value.type() == Type::duration) return PastValue{static_cast<double>(value.as_duration().us), true};
  return std::nullopt;
}

void PastValues::add(PastValue value) {
  if (is_zero(value)) return void(++zeros_);
  Sums& sums = value.is_duration ? durations_ : numbers_;
  ++sums.count;
  if (beside_) {
    if (sums.deviation == nullptr) sums.deviation = std::make_unique<Deviation>();
    sums.deviation->add(value.value);
  } else {
    if (sums.sum == nullptr) sums.sum = std::make_unique<ExactSum>();
    sums.sum->add(value.value);
  }
}

void PastValues::subtract(PastValue value) {
  if (is_zero(value)) return void(--zeros_);
  Sums& sums = value.is_duration ? durations_ : numbers_;
  --sums.count;
  beside_ ? sums.deviation->subtract(value.value) : sums.sum->subtract(value.value);
}

Value PastValues::compared_with(const Value& current, std::size_t zeros, std::optional<PastValue> less) const {
  zeros += zeros_;
  std::size_t numbers = numbers_.count, durations = durations_.count;
  if (less) --(is_zero(*less) ? zeros : less->is_duration ? durations : numbers);
  const bool lasts = numbers == 0 && durations > 0;
  const Sums& sums = lasts ? durations_ : numbers_;
  const bool without = less && !is_zero(*less) && less->is_duration == lasts;
  const std::size_t count = (lasts ? durations : numbers) + zeros;
  if (count < (beside_ ? 2 : 1)) return {};
  if (!beside_) {
    ExactSum sum = sums.sum != nullptr ? *sums.sum : ExactSum();
    if (without) sum.subtract(less->value);
    const double mean = sum.value() / static_cast<double>(count);
    return lasts ? nearest_duration(mean) : finite(mean);
  }
  const auto now = PastValue::of(current);
  if (!now || (now->is_duration != lasts && !is_zero(*now))) return {};
  Deviation of = sums.deviation != nullptr ? *sums.deviation : Deviation();
  if (without) of.subtract(less->value);
  of.add_zeros(zeros);
  const double deviation = of.value();
  return deviation > 0 ? finite((now->value - of.mean()) / deviation) : Value();
}

std::size_t PastValues::bytes() const {
  std::size_t sum = 0;
  for (const Sums* of : {&numbers_, &durations_})
    sum += (of->sum != nullptr ? sizeof(ExactSum) : 0) + (of->deviation != nullptr ? sizeof(Deviation) : 0);
  return sum;
}

Duration new_after(const Cell& cell) {
  const bool looks_back = cell.baseline.kind == Baseline::Kind::average || cell.baseline.kind == Baseline::Kind::zscore;
  return looks_back && windows_before(cell) > 0 ? cell.baseline.over + cell.window.length : Duration{};
}

void begin_history(std::optional<Time>& first, const Cell& cell, Time last_event, Time now) {
  const Duration after = new_after(cell);
  if (after.us != 0 && (!first || now - last_event > after)) first = now;
}

std::optional<Time> next_window_behind(const Cell& cell, Time first, Instant judged) {
  const std::int64_t windows = windows_before(cell);
  if (new_after(cell).us == 0) return std::nullopt;
  const std::int64_t w = cell.window.length.us;
  const auto behind = [&](std::int64_t n) { return Time{first.us + n * w}; };
  const auto lies_ahead = [&](std::int64_t n) { return Instant{behind(n), Phase::waited} > judged; };
  std::int64_t n = 2;
  if (!lies_ahead(n)) {  // so `judged` is a time near the events'
    n = std::max(n, (judged.time.us - first.us) / w);
    if (!lies_ahead(n)) ++n;
  }
  return n <= windows + 1 ? std::optional(behind(n)) : std::nullopt;
}

// ----- windows ---------------------------------------------------------------------------------------

PastWindows::PastWindows(const Cell& cell) : cell_(&cell), windows_(windows_before(cell)) {
  if (cell.baseline.kind == Baseline::Kind::previous) return;
  values_.emplace(cell.baseline.kind);
  const Value of_nothing = RunningAggregate(cell).value(Time{0}, Time{cell.window.length.us}, 0);
  zero_of_nothing_ = of_nothing.is_number();
  TOCSIN_ASSERT(!zero_of_nothing_ || of_nothing.number() == 0);
}

// In which window is what happened at `t`? It leaves one right after it was at its beginning (T5).
std::int64_t PastWindows::place_of(Time t, Time now, bool after) const {
  const std::int64_t w = cell_->window.length.us, age = now.us - t.us;
  return after ? age / w - 1 : (age + w - 1) / w - 2;
}

void PastWindows::advance(RunningAggregate& current, Time now, bool after) {
  while (!leaves_.empty() && (after ? leaves_.begin()->first <= now : leaves_.begin()->first < now))
    pass(held_.find(leaves_.begin()->second), now, after);
  move_on(current, kCurrent, windows_, now, after);
}

// What has left the window goes on to where it belongs.
void PastWindows::pass(Windows::iterator from, Time now, bool after) {
  auto leaves = leaves_.extract(leaves_.begin());
  const auto expect_again = [&](std::int64_t at, const RunningAggregate& samples) {
    leaves.value() = {leaves_at(at, samples), at};
    leaves_.insert(std::move(leaves));
  };
  const auto next = std::next(from);
  // Not beyond the next window that holds something: that one has older samples, which go first.
  const std::int64_t limit = next == held_.end() ? windows_ : next->first;
  RunningAggregate& samples = from->second.samples;
  const std::int64_t place = place_of(samples.oldest(), now, after);
  if (place < limit && place_of(samples.marks().back().time, now, after) == place) {  // all of it, and so its value
    auto window = held_.extract(from);
    window.key() = place;
    expect_again(place, held_.insert(next, std::move(window))->second.samples);
    return;
  }
  move_on(samples, from->first, limit, now, after);
  if (!samples.empty()) {
    work_out(from->second);
    expect_again(from->first, samples);
  } else {
    forget(from->second);
    held_.erase(from);
  }
}

void PastWindows::move_on(RunningAggregate& samples, std::int64_t at, std::int64_t limit, Time now, bool after) {
  auto into = held_.end();
  while (!samples.empty()) {
    const std::int64_t place = std::min(place_of(samples.oldest(), now, after), limit);
    if (place <= at) break;
    if (at == kCurrent) ++size_;
    if (place >= windows_) {
      samples.evict();
      --size_;
      continue;
    }
    if (into == held_.end() || into->first != place) {
      if (into != held_.end()) work_out(into->second);
      into = held_.try_emplace(place, *cell_).first;
    }
    RunningAggregate& older = into->second.samples;
    samples.hand_on(older);
    if (older.size() == 1) leaves_.emplace(leaves_at(place, older), place);
  }
  if (into != held_.end()) work_out(into->second);
}

Time PastWindows::leaves_at(std::int64_t at, const RunningAggregate& samples) const {
  return samples.oldest() + Duration{cell_->window.length.us * (at + 2)};
}

std::optional<Time> PastWindows::next_expiry() const {
  return leaves_.empty() ? std::nullopt : std::optional(leaves_.begin()->first);
}

void PastWindows::work_out(Held& held) {
  if (!values_) return;
  const Value value = held.samples.value(Time{0}, Time{cell_->window.length.us}, 0);
  const std::optional<PastValue> of = PastValue::of(value);
  if (of == held.value) return;
  forget(held);
  held.value = of;
  if (of) values_->add(*of);
}

void PastWindows::forget(const Held& held) {
  if (held.value) values_->subtract(*held.value);
}

void PastWindows::evict() {
  const auto last = std::prev(held_.end());
  RunningAggregate& samples = last->second.samples;
  leaves_.erase({leaves_at(last->first, samples), last->first});
  samples.evict();
  --size_;
  if (samples.empty()) {
    forget(last->second);
    held_.erase(last);
    return;
  }
  work_out(last->second);
  leaves_.emplace(leaves_at(last->first, samples), last->first);
}

void PastWindows::clear() {
  held_.clear();
  leaves_.clear();
  size_ = 0;
  if (values_) values_.emplace(cell_->baseline.kind);
}

std::size_t PastWindows::bytes() const {
  constexpr std::size_t kLinks = 4 * sizeof(void*);  // of a node of either
  std::size_t sum = sizeof(PastWindows) + (values_ ? values_->bytes() : 0);
  for (const auto& [at, held] : held_)
    sum += sizeof(Windows::value_type) + sizeof(decltype(leaves_)::value_type) + 2 * kLinks + held.samples.bytes();
  return sum;
}

Value PastWindows::nearest(Time now) const {
  const Duration w = cell_->window.length;
  const auto held = held_.find(0);
  const Time to = now - w, from = to - w;
  return held != held_.end() ? held->second.samples.value(from, to, 0) : RunningAggregate(*cell_).value(from, to, 0);
}

Value PastWindows::compared_with(const Value& current, Time first, Time now) const {
  const auto counted = std::clamp((now - first).us / cell_->window.length.us - 1, std::int64_t{0}, windows_);
  // The oldest may begin before the key's first event, which it holds then; there are none before it.
  const Held* begins_before = held_.empty() || held_.rbegin()->first < counted ? nullptr : &held_.rbegin()->second;
  const std::size_t held = held_.size() - (begins_before != nullptr ? 1 : 0);
  const std::size_t zeros = zero_of_nothing_ ? static_cast<std::size_t>(counted) - held : 0;
  return values_->compared_with(current, zeros, begins_before != nullptr ? begins_before->value : std::nullopt);
}

}  // namespace tocsin
