// How far event time has come (semantics.md T1, T2, T8, T10).
//
// A partition's watermark is the largest time seen in it less what it waits for (`late`); the stream's is the least of
// its partitions' and never goes back. An event older than the watermark is late; equal is not. Whether an event is
// late is judged by what its own partition showed before it, so how the input is cut into batches or how partitions are
// interleaved makes no difference, unless a partition was idle or ended and the stream went on without it.
//
// Pure: no clock (elapsed time is an argument), no threads, no I/O. A plain value: a copy is a snapshot.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/contract.h"
#include "engine/base/time.h"
#include "engine/event/schema.h"

namespace tocsin {

// What may be done by now. Both sides never go back.
struct Frontier {
  static constexpr Time kNothing{std::numeric_limits<std::int64_t>::min()};
  Time events_before =
      kNothing;  // events earlier than this may be judged: none that belongs before or among them is still waited for
  Time timers_before = kNothing;  // deadlines earlier than this are due
  static Frontier through(Time t) {
    return {t + Duration{1}, t + Duration{1}};
  }  // everything at t, deadlines included (T8)
  friend bool operator==(const Frontier&, const Frontier&) = default;
};

// What a partition waits for: the largest of the base events it carries, seen or not (T2). It is fixed by the
// configuration and not by what has come so far, or else the first event of a patient type would come too late to be
// waited for.
struct Lateness {
  Duration fixed{};
  Duration adaptive_up_to{};  // 0: not adaptive
  bool tiebreak = false;      // some type it carries has one: events at the watermark may still be overtaken
};
Lateness lateness_of(const Schema& schema, std::span<const EventTypeId> carried);

// The observed lateness (how far an event lies behind the largest time before it), by logarithmic classes of 1/8:
// quantiles are at most 12.5 % too large and never too small. Old observations fade, so that a calm source becomes
// quick again.
class LatenessQuantile {
 public:
  void add(Duration lateness);
  template <class Archive>
  void state_parts(Archive& a) {
    for (std::uint32_t& count : count_) a(count);
    a(total_);
  }

  // The 0.999 quantile, cut to `limit`. Until enough has been seen to know one event in a thousand: the limit.
  Duration value(Duration limit) const;

 private:
  static constexpr std::uint32_t kEnough = 1'000;
  static constexpr std::uint32_t kFadeAfter = 1u << 20;  // then all counts are halved
  static constexpr std::size_t kClasses = 8 * 64;
  std::array<std::uint32_t, kClasses> count_{};
  std::uint32_t total_ = 0;
};

// One partition: which of its events are late, and how far it has come. Of one thread at a time.
class PartitionClock {
 public:
  explicit PartitionClock(const Lateness& lateness);

  // Once for each event, in the order of arrival; the stream stood at `stream` when its block came. True: the event is
  // late; it moves nothing.
  bool observe(Time time, Time stream) {
    if (quantile_) return observe_adaptive(time, stream);
    if (time < watermark_ || time < stream) return true;
    if (time > largest_) {
      largest_ = time;
      watermark_ = time - lateness_.fixed;
    }
    return false;
  }

  Time watermark() const { return watermark_; }
  Time largest() const { return largest_; }

  // What it has seen, not what it waits for: that is the configuration's.
  template <class Archive>
  void state_parts(Archive& a) {
    a(largest_, watermark_, until_update_, wait_, quantile_);
  }
  // Goes on from what another one has seen.
  void resume(const PartitionClock& seen) {
    largest_ = seen.largest_;
    watermark_ = seen.watermark_;
    if (!quantile_ || !seen.quantile_) return;
    until_update_ = seen.until_update_;
    wait_ = seen.wait_;
    quantile_ = seen.quantile_;
  }

 private:
  bool observe_adaptive(Time time, Time stream);

  Lateness lateness_;
  Time largest_ = Frontier::kNothing, watermark_ = Frontier::kNothing;
  std::uint32_t until_update_ = 0;
  Duration wait_{};                           // adaptive: what is waited for now
  std::optional<LatenessQuantile> quantile_;  // of adaptive partitions
};

// All partitions together.
class StreamClock {
 public:
  // Partitions are numbered as they are added. `idle_after` 0: it is waited for without end. A new partition holds the
  // stream back until it speaks, ends or has been idle.
  std::size_t add_partition(const Lateness& lateness, Duration idle_after);
  std::size_t partitions() const { return partitions_.size(); }

  // It was asked whether the partition has something, at `now` (elapsed time of any origin). Idle is who was asked all
  // the while and had nothing: while nobody asks, as sinks or shards cannot take more, nobody is silent.
  void asked(std::size_t partition, Duration now);
  // A block with events has come from the partition, so it is not idle; and when the block has been looked at, how far
  // it brought the partition.
  void spoke(std::size_t partition);
  void came(std::size_t partition, const PartitionClock& clock);
  // Nothing more comes from it: it holds nothing back from now on.
  void end(std::size_t partition);

  // As it stood when all had come to `stream`.
  void resume(Time stream) { stream_ = stream; }
  // What the partition brings first is there again: the stream waits for it, idle or not, until the next `came`.
  void hold(std::size_t partition) { partitions_[partition].held = true; }
  // Nothing comes from the partition for now: it holds nothing back, until it no longer rests.
  void rest(std::size_t partition, bool rests) { partitions_[partition].rests = rests; }
  // It comes so far, and no further until it is told of another place.
  void follow(const Frontier& most) { most_ = most; }
  // It has come there, whatever its partitions say.
  void reach(Time stream) { stream_ = std::max(stream_, stream); }

  // How far the stream has come. When all partitions have ended: through the last event and no further (T8).
  Frontier advance();

  Time stream() const { return stream_; }
  bool is_idle(std::size_t partition) const { return partitions_[partition].is_idle(); }
  bool is_ahead(std::size_t partition) const { return partitions_[partition].watermark > stream_; }
  bool has_ended() const { return ended_ == partitions_.size() && ended_ > 0; }
  // With one partition and no tiebreak what comes later stands behind all that is here, also at the same time.
  bool is_in_offset_order() const { return partitions_.size() == 1 && !partitions_[0].tiebreak; }

 private:
  struct Partition {
    Duration idle_after;
    Duration silent{};
    std::optional<Duration> asked;
    Time largest = Frontier::kNothing;
    Time watermark = Frontier::kNothing;
    bool tiebreak = false, ended = false, held = false, rests = false;

    bool is_idle() const { return !held && (rests || (idle_after.us > 0 && silent >= idle_after)); }
  };
  static constexpr Time kLatest{std::numeric_limits<std::int64_t>::max()};

  std::vector<Partition> partitions_;
  Time stream_ = Frontier::kNothing;
  Frontier frontier_, most_{kLatest, kLatest};
  std::size_t ended_ = 0;
};

}  // namespace tocsin
