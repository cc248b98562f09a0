// Events wait here until nothing can still come before them, and leave in the total order.
//
// A calendar: events lie in buckets of a fixed stretch of event time, unsorted; when the frontier passes a bucket, it
// is sorted and leaves. A heap costs log n cache misses per event when millions wait; here an event is written once and
// read once. What lies beyond the calendar's year (a partition hours ahead of the others) waits by years and is dealt
// into the buckets when its year begins.
//
// One thread. Batches are kept alive while one of their events waits.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "engine/base/time.h"
#include "engine/event/batch.h"
#include "engine/runtime/watermark.h"

namespace tocsin {

class Reorder {
 public:
  // `wait`: about how long events wait, that is the largest lateness. It only sets the size of a bucket.
  explicit Reorder(Duration wait = {});

  // REQUIRES: `event` belongs to the batch of the last `open`.
  void open(std::shared_ptr<const EventBatch> batch);
  void add(const Event& event);

  // Appends every waiting event earlier than `before`, in the total order. The pointers are good until the next call of
  // `open` or `drain`.
  void drain(Time before, std::vector<const Event*>& out);

  bool empty() const { return waiting_ == 0; }
  std::size_t waiting() const { return waiting_; }
  // What the waiting events keep alive, for the memory budget.
  std::size_t batches() const { return holds_.size() - free_.size(); }

 private:
  struct Entry {
    Time time;
    const Event* event;
    std::uint32_t hold;
  };
  using Bucket = std::vector<Entry>;
  static constexpr std::int64_t kBuckets = 1024;  // of a year; a power of two

  // A batch and how many of its events wait.
  struct Hold {
    std::shared_ptr<const EventBatch> batch;
    std::uint32_t waiting = 0;
  };

  std::int64_t bucket_of(Time time) const;
  void put(const Entry& entry);
  void take(Bucket& bucket, Time before);
  void deal_years(std::int64_t until_bucket, Time before);
  void release_drained();
  void release_if_unused(std::uint32_t hold);

  std::int64_t width_us_;
  std::vector<Bucket> ring_;
  std::map<std::int64_t, Bucket> years_;  // by bucket / kBuckets
  std::int64_t first_ = 0;                // the earliest bucket of the ring
  bool begun_ = false;
  std::size_t waiting_ = 0, in_ring_ = 0;

  std::vector<Hold> holds_;
  std::vector<std::uint32_t> free_;
  std::uint32_t open_ = kNone;
  std::vector<Entry> leaving_;  // of the drain in hand; released at the next call
  static constexpr std::uint32_t kNone = 0xffffffff;
};

// An event that came too late, and how far the stream had come before it.
struct LateEvent {
  const Event* event = nullptr;
  Time watermark{};
  Frontier frontier;
};

// Watermark and reorder together: what comes in, in the order in which rules see it.
//
// One partition that waits for nothing and comes in order, as most files do, goes straight through: its events are not
// put away to be taken out again.
class Intake {
 public:
  // REQUIRES: partitions are added before their first batch.
  std::size_t add_partition(const Lateness& lateness, Duration idle_after, Duration now);

  // A batch of one partition, in the order of its offsets. Late events are appended to `late`; they are good as long as
  // the caller holds the batch.
  void take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, Duration now,
            std::vector<LateEvent>& late);
  void end(std::size_t partition) { watermark_.end(partition); }

  // Appends what may be judged by now, in the total order; the pointers are good until the next `take` or `drain`.
  Frontier drain(Duration now, std::vector<const Event*>& out);

  const Watermark& watermark() const { return watermark_; }
  std::size_t waiting() const { return reorder_.waiting() + straight_.size(); }

 private:
  void put_away(std::size_t from);

  Watermark watermark_;
  Reorder reorder_;
  Duration wait_{};
  std::shared_ptr<const EventBatch> straight_batch_;  // of straight_, or of what the last drain gave
  std::vector<const Event*> straight_;                // in order, all of one batch, while nothing else waits
};

}  // namespace tocsin
