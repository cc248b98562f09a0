// The way in of one partition: tells late events from others, and sends each to the shards that see it. Of one thread
// at a time, blocks in the order of their offsets.
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
  Intake(const Lateness& lateness, std::size_t lanes) : clock_(lateness), parcels_(lanes) {}

  // Sorts a block out that arrived at `arrived`. `stream`: where the board says that the stream stands. `routes`: which
  // shards see each event. Late events go to all: few are late, and each shard knows what it remembers. They are
  // appended to `late`, too, and good as long as the batch.
  void sort_out(const std::shared_ptr<const EventBatch>& batch, Time arrived, Time stream, const Routes& routes,
                const Schema& schema, std::vector<LateEvent>& late);
  // Goes on as at a cut: what comes again and has been judged, or was late, is passed over in silence.
  void resume(const Cut::Partition& from, const Frontier& judged);
  // Records before it have been read before; of them neither dead letters nor late events are told again.
  std::uint64_t known_before() const { return known_before_; }

  // Of the block in hand, by lane; to be taken.
  std::span<Parcel> parcels() { return parcels_; }
  // ... and for the board, which knows better about its offsets.
  Came& came() { return came_; }
  std::uint64_t accepted() const { return accepted_; }
  const PartitionClock& clock() const { return clock_; }

 private:
  enum class Fate : std::uint8_t { accepted, late, over };
  Fate fate_of_known(const Event& event, bool timeless, Time& watermark) const;

  PartitionClock clock_;
  std::vector<Parcel> parcels_;
  Came came_;
  Frontier judged_;
  std::uint64_t known_before_ = 0;
  std::uint64_t timeless_before_ = 0;   // Cut::Partition
  std::vector<Came::Late> known_late_;  // of those, in the order of their offsets
  std::uint64_t accepted_ = 0;
};

}  // namespace tocsin
