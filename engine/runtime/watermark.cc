#include "engine/runtime/watermark.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace tocsin {

Lateness lateness_of(const Schema& schema, std::span<const EventTypeId> carried) {
  Lateness all;
  for (const EventTypeId id : carried) {
    const EventType& type = schema[id];
    Duration& slot = type.late_adaptive ? all.adaptive_up_to : all.fixed;
    slot = std::max(slot, type.late);
    all.tiebreak = all.tiebreak || type.tiebreak.has_value();
  }
  return all;
}

// ----- observed lateness ------------------------------------------------------------------------------

namespace {

// Classes 0..7 are exact; above, 8 classes for each power of two.
std::size_t class_of(std::uint64_t us) {
  if (us < 8) return us;
  const auto power = static_cast<std::size_t>(std::bit_width(us)) - 1;  // 3 and more
  return (power - 2) * 8 + ((us >> (power - 3)) & 7);
}

// The largest value of a class.
std::int64_t upper_bound_of(std::size_t number) {
  if (number < 8) return static_cast<std::int64_t>(number);
  const std::size_t power = number / 8 + 2;
  const std::uint64_t step = std::uint64_t{1} << (power - 3);
  return static_cast<std::int64_t>((8 + number % 8 + 1) * step - 1);
}

}  // namespace

void LatenessQuantile::add(Duration lateness) {
  ++count_[class_of(static_cast<std::uint64_t>(std::max<std::int64_t>(lateness.us, 0)))];
  if (++total_ < kFadeAfter) return;
  total_ = 0;
  for (std::uint32_t& count : count_) total_ += count /= 2;
}

Duration LatenessQuantile::value(Duration limit) const {
  if (total_ < kEnough) return limit;
  const std::uint32_t allowed_above = total_ / 1'000;
  std::uint32_t above = 0;
  for (std::size_t i = kClasses; i-- > 0;) {
    above += count_[i];
    if (above > allowed_above) return std::min(limit, Duration{upper_bound_of(i)});
  }
  return {};
}

// ----- partitions and stream ----------------------------------------------------------------------------

PartitionClock::PartitionClock(const Lateness& lateness) : lateness_(lateness) {
  if (lateness.adaptive_up_to.us == 0) return;
  wait_ = std::max(lateness.fixed, lateness.adaptive_up_to);
  quantile_.emplace();
}

bool PartitionClock::observe_adaptive(Time time, Time stream) {
  // Every 256 events: the quantile does not move faster, and finding it costs a walk over the classes.
  constexpr std::uint32_t kUpdateEvery = 256;
  const bool first = largest_ == Frontier::kNothing;
  quantile_->add(first || time > largest_ ? Duration{} : largest_ - time);
  if (++until_update_ == kUpdateEvery) {
    until_update_ = 0;
    wait_ = std::max(lateness_.fixed, quantile_->value(lateness_.adaptive_up_to));
  }
  if (time < watermark_ || time < stream) return true;
  largest_ = std::max(largest_, time);
  watermark_ = std::max(watermark_, largest_ - wait_);  // a longer wait does not turn time back
  return false;
}

std::size_t StreamClock::add_partition(const Lateness& lateness, Duration idle_after) {
  partitions_.push_back({.idle_after = idle_after, .asked = {}, .tiebreak = lateness.tiebreak});
  return partitions_.size() - 1;
}

void StreamClock::asked(std::size_t partition, Duration now) {
  // Between two questions so much counts at most: so one that has been silent was asked eight times and more.
  constexpr std::int64_t kQuestions = 8;
  Partition& p = partitions_[partition];
  if (p.asked) p.silent = p.silent + std::min(now - *p.asked, Duration{p.idle_after.us / kQuestions + 1});
  p.asked = now;
}

void StreamClock::spoke(std::size_t partition) { partitions_[partition].silent = {}; }

void StreamClock::came(std::size_t partition, const PartitionClock& clock) {
  partitions_[partition].watermark = clock.watermark();
  partitions_[partition].largest = clock.largest();
  partitions_[partition].held = false;
}

void StreamClock::end(std::size_t partition) {
  if (std::exchange(partitions_[partition].ended, true)) return;
  ++ended_;
}

namespace {

Frontier least_of(const Frontier& a, const Frontier& b) {
  return {std::min(a.events_before, b.events_before), std::min(a.timers_before, b.timers_before)};
}

}  // namespace

Frontier StreamClock::advance() {
  Time least = kLatest, most = Frontier::kNothing, last = Frontier::kNothing;
  for (const Partition& p : partitions_) {
    last = std::max(last, p.largest);
    if (p.ended) continue;
    if (!p.is_idle()) least = std::min(least, p.watermark);
    most = std::max(most, p.watermark);
  }
  if (has_ended()) {
    if (last != Frontier::kNothing) frontier_ = least_of(Frontier::through(last), most_);
    return frontier_;
  }
  // All are idle: the one that had come farthest speaks for them, whichever fell silent first.
  stream_ = std::max(stream_, std::min(most_.timers_before, least == kLatest ? most : least));
  if (stream_ == Frontier::kNothing) return frontier_;
  frontier_ = least_of({stream_ + Duration{is_in_offset_order() ? 1 : 0}, stream_}, most_);
  return frontier_;
}

}  // namespace tocsin
