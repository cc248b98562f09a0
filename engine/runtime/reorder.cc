#include "engine/runtime/reorder.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "engine/base/contract.h"

namespace tocsin {
namespace {

std::int64_t floor_divide(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

// A year of 1024 buckets spans 16 times the wait, so disorder within the wait stays inside it, and a bucket is 1/64 of
// the wait, so little is sorted at once.
std::int64_t width_for(Duration wait) { return std::clamp<std::int64_t>(wait.us / 64, 1'000, seconds(60).us); }

bool is_before(const Event& a, const Event& b) { return a.time != b.time ? a.time < b.time : total_order(a, b) < 0; }

}  // namespace

Reorder::Reorder(Duration wait) : width_us_(width_for(wait)), ring_(kBuckets) {}

std::int64_t Reorder::bucket_of(Time time) const { return floor_divide(time.us, width_us_); }

void Reorder::open(std::shared_ptr<const EventBatch> batch) {
  release_drained();
  if (open_ != kNone) release_if_unused(std::exchange(open_, kNone));
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(holds_.size()));
    holds_.emplace_back();
  }
  open_ = free_.back();
  free_.pop_back();
  holds_[open_] = {std::move(batch), 0};
}

void Reorder::add(const Event& event) {
  ++holds_[open_].waiting;
  ++waiting_;
  put({event.time, &event, open_});
}

void Reorder::put(const Entry& entry) {
  std::int64_t bucket = bucket_of(entry.time);
  if (!begun_) {
    begun_ = true;
    first_ = bucket;
  }
  if (bucket - first_ >= kBuckets) {
    years_[floor_divide(bucket, kBuckets)].push_back(entry);
    return;
  }
  // Before the first drain an event may be earlier than all before it; it waits in the first bucket.
  bucket = std::max(bucket, first_);
  ring_[static_cast<std::size_t>(bucket & (kBuckets - 1))].push_back(entry);
  ++in_ring_;
}

// The part of a bucket that lies before the frontier leaves.
void Reorder::take(Bucket& bucket, Time before) {
  const auto stays = std::partition(bucket.begin(), bucket.end(), [&](const Entry& e) { return e.time < before; });
  leaving_.insert(leaving_.end(), bucket.begin(), stays);
  bucket.erase(bucket.begin(), stays);
}

void Reorder::drain(Time before, std::vector<const Event*>& out) {
  release_drained();
  if (waiting_ == 0 || !begun_) return;
  const std::int64_t target = std::max(bucket_of(before), first_);
  const std::size_t ring_had = in_ring_;
  const std::int64_t last = std::min(target, first_ + kBuckets - 1);
  for (std::int64_t b = first_; b <= last && leaving_.size() < ring_had; ++b) {
    take(ring_[static_cast<std::size_t>(b & (kBuckets - 1))], before);
  }
  in_ring_ -= leaving_.size();
  first_ = target;
  deal_years(target, before);
  const auto earlier = [](const Entry& a, const Entry& b) {
    return a.time != b.time ? a.time < b.time : is_before(*a.event, *b.event);
  };
  if (!std::is_sorted(leaving_.begin(), leaving_.end(), earlier)) std::sort(leaving_.begin(), leaving_.end(), earlier);
  out.reserve(out.size() + leaving_.size());
  for (const Entry& entry : leaving_) out.push_back(entry.event);
  waiting_ -= leaving_.size();
}

// Years that have begun: what is due leaves, the rest goes into the ring.
void Reorder::deal_years(std::int64_t until_bucket, Time before) {
  while (!years_.empty() && years_.begin()->first * kBuckets <= until_bucket) {
    const Bucket year = std::move(years_.begin()->second);
    years_.erase(years_.begin());
    for (const Entry& entry : year) {
      if (entry.time < before) {
        leaving_.push_back(entry);
      } else {
        put(entry);
      }
    }
  }
}

void Reorder::release_drained() {
  for (const Entry& entry : leaving_) {
    --holds_[entry.hold].waiting;
    if (entry.hold != open_) release_if_unused(entry.hold);
  }
  leaving_.clear();
}

void Reorder::release_if_unused(std::uint32_t hold) {
  if (holds_[hold].waiting > 0) return;
  holds_[hold].batch.reset();
  free_.push_back(hold);
}

// ----- what waits for a shard ----------------------------------------------------------------------------

bool Waiting::HeldLate::leaves_after(const HeldLate& other) const {
  return std::tie(late.watermark, late.event->position) > std::tie(other.late.watermark, other.late.event->position);
}

void Waiting::put(Parcel&& parcel) {
  for (const LateEvent& late : parcel.late) {
    late_.push_back({late, parcel.batch});
    std::ranges::push_heap(late_, &HeldLate::leaves_after);
  }
  if (parcel.events.empty()) return;
  put_away(0);
  const bool is_straight = wait_.us == 0 && reorder_.empty() &&
                           std::is_sorted(parcel.events.begin(), parcel.events.end(),
                                          [](const Event* a, const Event* b) { return is_before(*a, *b); });
  straight_batch_ = std::move(parcel.batch);
  straight_ = std::move(parcel.events);
  if (!is_straight) put_away(0);
}

// What came straight waits like all others, from the `from`-th on.
void Waiting::put_away(std::size_t from) {
  if (straight_.empty()) return;
  reorder_.open(straight_batch_);
  for (std::size_t i = from; i < straight_.size(); ++i) reorder_.add(*straight_[i]);
  straight_.clear();
}

void Waiting::drain(const Frontier& frontier, std::vector<const Event*>& out, std::vector<LateEvent>& late) {
  leaving_.clear();
  while (!late_.empty() && late_.front().late.watermark <= frontier.timers_before) {
    std::ranges::pop_heap(late_, &HeldLate::leaves_after);
    late.push_back(late_.back().late);
    leaving_.push_back(std::move(late_.back()));
    late_.pop_back();
  }
  if (!straight_.empty()) {
    const auto due = std::partition_point(straight_.begin(), straight_.end(),
                                          [&](const Event* e) { return e->time < frontier.events_before; });
    out.insert(out.end(), straight_.begin(), due);
    if (due == straight_.end())
      straight_.clear();
    else
      put_away(static_cast<std::size_t>(due - straight_.begin()));
  }
  reorder_.drain(frontier.events_before, out);
}

}  // namespace tocsin
