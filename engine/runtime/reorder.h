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

// An event that came too late, and where the watermark stood when it came: its partition's, or the stream's where that
// had gone on without it. So it has one place in event time, whatever other partitions did meanwhile.
struct LateEvent {
  const Event* event = nullptr;
  Time watermark{};
};

// What one block brings one shard. The batch owns the events.
struct Parcel {
  std::shared_ptr<const EventBatch> batch;
  std::vector<const Event*> events;  // in the order of their offsets
  std::vector<LateEvent> late;
  std::uint64_t first_offset = 0;  // of the block
  bool empty() const { return events.empty() && late.empty(); }
};

// What waits for its turn on one shard, and leaves in the total order.
//
// What comes in order and need not wait, as most files do, goes straight through: its events are not put away to be
// taken out again.
class Waiting {
 public:
  // `wait`: the largest lateness.
  explicit Waiting(Duration wait = {}) : wait_(wait), reorder_(wait) {}

  void put(Parcel&& parcel);
  // Appends what may be judged by now, in the total order, and the late events whose watermark has been reached, in the
  // order of their watermarks. The pointers are good until the next `put` or `drain`.
  void drain(const Frontier& frontier, std::vector<const Event*>& out, std::vector<LateEvent>& late);

  std::size_t waiting() const { return reorder_.waiting() + straight_.size() + late_.size(); }

 private:
  struct HeldLate {
    LateEvent late;
    std::shared_ptr<const EventBatch> batch;
    bool leaves_after(const HeldLate& other) const;
  };
  void put_away(std::size_t from);

  Duration wait_;
  Reorder reorder_;
  std::shared_ptr<const EventBatch> straight_batch_;  // of straight_, or of what the last drain gave
  std::vector<const Event*> straight_;                // in order, all of one batch, while nothing else waits
  std::vector<HeldLate> late_;                        // a heap: the next to leave on top
  std::vector<HeldLate> leaving_;                     // of the last drain
};

}  // namespace tocsin
