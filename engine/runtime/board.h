// What all shards go by: how far event time has come, which sources have begun, which lists and tables are in force.
// Whoever has read a block says so here, and shards look before they judge; so it is locked once a block, never for an
// event.
//
// The order that makes it safe: a reader says `spoke` before it sorts a block's events out (the stream does not go on
// without its partition from then on), puts them where shards find them, and then says `came`. So a shard that looks
// here and then at what has come for it has all events before the frontier.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/ids.h"
#include "engine/program/reference_data.h"
#include "engine/runtime/watermark.h"

namespace tocsin {

// What is new for one shard since it looked last.
struct News {
  // A source whose first event was at `from` (T9), with the base events that it carries.
  struct Begin {
    std::vector<EventTypeId> carried;
    Time from{};
  };
  // Lists and tables that are in force from then on.
  struct Swap {
    std::shared_ptr<const ReferenceData> reference;
    Time from{};
  };
  Frontier frontier;
  bool late_among_events = false;  // late events stand among those at their watermark by offset, else before them
  std::vector<Begin> begins;       // in the order of their times, as the swaps
  std::vector<Swap> swaps;
  std::size_t begins_seen = 0, swaps_seen = 0;  // the shard's own, to be left alone
};

class Board {
 public:
  // A partition of `source`, whose records may be the base events `carried`. REQUIRES: before its first block.
  std::size_t add_partition(SourceId source, std::span<const EventTypeId> carried, const Lateness& lateness,
                            Duration idle_after, Duration now);

  // A block of the partition has come; says where the stream stands.
  Time spoke(std::size_t partition, Duration now);
  // All of it is where shards find it. `first`: the earliest of its events that are not late.
  void came(std::size_t partition, const PartitionClock& clock, std::optional<Time> first);
  void end(std::size_t partition);

  // From when on the new lists and tables are in force: `from`, or right behind all that may have been judged.
  Time swap(std::shared_ptr<const ReferenceData> reference, Time from);
  // Those to come were made for rules that are replaced. REQUIRES: shards drop what they have been told of them.
  void drop_swaps();
  // Time has gone on through `through`, without events (T8).
  void pass(Time through);

  // Renews `news`.
  void look(Duration now, News& news);

  // For rules that are new: which sources have begun, and how far all has come.
  std::vector<News::Begin> begun() const;
  Time passed() const;

 private:
  struct Source {
    SourceId id;
    std::vector<EventTypeId> carried;
    std::optional<Time> first;  // the earliest event so far
    bool begun = false;
  };
  void advance(Duration now);

  mutable std::mutex mutex_;
  StreamClock clock_;
  Frontier frontier_;
  std::vector<Source> sources_;
  std::vector<std::size_t> source_of_;  // by partition
  std::vector<News::Begin> begins_;
  std::vector<News::Swap> swaps_;
};

}  // namespace tocsin
