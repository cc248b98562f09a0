// What all shards go by: how far event time has come, which sources have begun, which lists and tables are in force.
// Whoever has read a block says so here, and shards look before they judge; so it is locked once a block, never for an
// event.
//
// The order that makes it safe: a reader says `spoke` before it sorts a block's events out (the stream does not go on
// without its partition from then on), puts them where shards find them, and then says `came`. So a shard that looks
// here and then at what has come for it has all events before the frontier.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/match/pattern.h"
#include "engine/program/reference_data.h"
#include "engine/runtime/stair.h"
#include "engine/runtime/watermark.h"

namespace tocsin {

// What one block brought, but for its events.
struct Came {
  std::uint64_t first_offset = 0, next_offset = 0;  // of its records
  Time arrived{};
  std::optional<Time> first, last;  // the earliest and the latest of its events that are not late
  struct Late {
    std::uint64_t offset = 0;
    Time watermark{};

    template <class Archive>
    void state_parts(Archive& a) {
      a(offset, watermark);
    }
  };
  std::vector<Late> late;
};

// A point of the event order up to which all shards have judged, and what belongs to it.
struct Cut {
  std::uint64_t number = 0;  // counted from 1; 0: none
  Frontier frontier;
  struct Partition {
    SourceId source;
    PartitionClock clock;
    std::uint64_t next_offset = 0;    // all before it have been sorted out ...
    std::uint64_t resume_offset = 0;  // ... and before this one all have been judged, too
    std::vector<Came::Late> late;     // that are still to be seen
    std::string bookmark;             // what the source said of resume_offset
    std::string memory;               // what its decoder needs to know (Decoder::memory)
    // Of events that have no time but that of their arrival all before it have been judged: when they come again they
    // have another one, which says nothing.
    std::uint64_t timeless_offset = 0;
  };
  std::vector<Partition> partitions;
  struct Begun {
    SourceId source;
    Time from{};
  };
  std::vector<Begun> begun;
};

// Where events at the watermark are judged, too, what is over by then has happened.
inline Instant passed_at(const Frontier& frontier) {
  return {frontier.timers_before, frontier.events_before > frontier.timers_before ? Phase::event : Phase::over};
}

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
  std::uint64_t cut = 0;                        // the frontier is that of this cut; 0: of none
  std::optional<std::uint64_t> before_offset;   // where all is in the order of offsets: what it holds back is not there
  std::size_t begins_seen = 0, swaps_seen = 0;  // the shard's own, to be left alone
  std::uint64_t cuts_seen = 0;
};

class Board {
 public:
  // A partition of `source`, whose records may be the base events `carried`. REQUIRES: before its first block.
  std::size_t add_partition(SourceId source, std::span<const EventTypeId> carried, const Lateness& lateness,
                            Duration idle_after);

  void asked(std::size_t partition, Duration now);
  // A block of the partition has come; says where the stream stands.
  Time spoke(std::size_t partition);
  // All of it is where shards find it.
  void came(std::size_t partition, const PartitionClock& clock, const Came& block);
  void end(std::size_t partition);

  // From when on the new lists and tables are in force: `from`, or right behind all that may have been judged.
  Time swap(std::shared_ptr<const ReferenceData> reference, Time from);
  // The event types of a source have other numbers by the rules to come. REQUIRES: as `drop_swaps`.
  void carry(SourceId source, std::span<const EventTypeId> carried);
  // Those to come were made for rules that are replaced. REQUIRES: shards drop what they have been told of them.
  void drop_swaps();
  // Time has gone on through `through`, without events (T8).
  void pass(Time through);

  // For one that follows another board, which stood at `most`: time comes so far, and no further.
  void follow(const Frontier& most);
  // All that the other one had read has come: time is where it was there, if it was idle partitions that had let it go
  // on, too.
  void reach(const Frontier& frontier);
  // Nothing comes from the partition for now: it holds nobody back, until it no longer rests.
  void rest(std::size_t partition, bool rests);

  // From here on it is noted what has come and is not judged yet, so that a cut can tell from where to go on.
  void track();
  // Is the partition ahead of the stream, so that what it brings has to wait for others?
  bool is_ahead(std::size_t partition) const;
  // By partition.
  std::vector<SourceId> sources() const;
  std::vector<Time> watermarks() const;  // Frontier::kNothing: nothing has come
  // How much is noted now.
  std::size_t noted() const;
  // From here on each shard stops at the frontier of today, and says so before it goes on (News::cut). REQUIRES: all
  // have passed the cut before; `track` has been called before anything came.
  const Cut& cut();
  // All is as it was at `cut`. REQUIRES: partitions have been added, as many, and nothing else has been said.
  void resume(const Cut& cut);

  // Renews `news`.
  void look(News& news);
  // For one of a level of which those below have come to `below`.
  void look_behind(const Passed& below, News& news);

  Frontier frontier() const;
  // For rules that are new: which sources have begun, and how far all has come.
  std::vector<News::Begin> begun() const;
  Time passed() const;
  // Nothing earlier can still come: of one partition in order, events of the newest time can.
  Time open() const;

 private:
  struct Source {
    SourceId id;
    std::vector<EventTypeId> carried;
    std::optional<Time> first;  // the earliest event so far
    bool begun = false;
  };
  struct Partition {
    std::size_t source = 0;
    PartitionClock clock;
    std::uint64_t next_offset = 0;      // all before it have been sorted out
    std::uint64_t read_offset = 0;      // behind what has come; less than next_offset: what had been read comes again
    std::uint64_t timeless_offset = 0;  // as Cut's, of the last cut
    // What has come and is not judged yet, in the order of offsets (and late events so in that of their watermarks).
    struct Pending {
      std::uint64_t first_offset = 0, next_offset = 0;
      Time last{}, arrived{};
    };
    std::deque<Pending> pending;  // blocks
    std::deque<Came::Late> late;
  };
  void note(Partition& partition, const Came& block);
  void forget_judged(Partition& partition);
  std::uint64_t timeless_offset(const Partition& partition) const;
  void advance();
  void go_on(const Frontier& to);
  void tell(const Frontier& frontier, std::uint64_t before_offset, std::uint64_t cuts, News& news) const;

  mutable std::mutex mutex_;
  StreamClock clock_;
  Frontier frontier_;
  bool tracks_ = false;
  std::vector<Source> sources_;
  std::vector<Partition> partitions_;
  Cut cut_;
  std::vector<News::Begin> begins_;
  std::vector<News::Swap> swaps_;
};

}  // namespace tocsin
