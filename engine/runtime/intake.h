// The way in of one partition: tells late events from others, and sends each to the shards that see it. Of one thread at
// a time, blocks in the order of their offsets.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/runtime/board.h"
#include "engine/runtime/reorder.h"
#include "engine/runtime/router.h"

namespace tocsin {

class Intake {
 public:
  Intake(const Lateness& lateness, std::uint32_t shards) : clock_(lateness), parcels_(shards) {}

  // Sorts a block out. `stream`: where the board says that the stream stands. `routes`: which shards see each event; none
  // where there is one. Late events go to all: few are late, and each shard knows what it remembers. They are appended
  // to `late`, too, and good as long as the batch.
  void sort_out(const std::shared_ptr<const EventBatch>& batch, Time stream, std::span<const ShardSet> routes,
                std::vector<LateEvent>& late);

  // Of the block in hand, by shard; to be taken.
  std::span<Parcel> parcels() { return parcels_; }
  // The earliest of its events that are not late.
  std::optional<Time> first() const { return first_; }
  std::uint64_t accepted() const { return accepted_; }
  const PartitionClock& clock() const { return clock_; }

 private:
  PartitionClock clock_;
  std::vector<Parcel> parcels_;
  std::optional<Time> first_;
  std::uint64_t accepted_ = 0;
};

}  // namespace tocsin
