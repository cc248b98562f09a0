// A shard and what waits for it. Whoever reads input puts parcels in; its own thread judges them, up to the frontier,
// and changes sources, lists and tables at their place among the events. One of a higher level goes as far as all
// shards below have come, with what they have emitted.
#pragma once

#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/runtime/board.h"
#include "engine/runtime/reorder.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/stair.h"

namespace tocsin {

class Lane {
 public:
  // `below`, `own`: the stairs of the level below and of its own; none: it is the lowest, nobody is above.
  Lane(std::unique_ptr<Shard> shard, std::uint32_t number, Stair* below, Stair* own)
      : shard_(std::move(shard)), number_(number), below_(below), own_(own) {}

  // How long events may wait, at most. REQUIRES: nothing waits.
  void set_wait(Duration wait);

  // Any thread.
  void put(Parcel&& parcel);
  // What a shard below has emitted that some program here uses, in its order. Any thread.
  struct FromBelow {
    std::vector<std::shared_ptr<const Emitted>> emitted;
    std::uint64_t cuts = 0;  // the last that it had passed
  };
  void put(FromBelow&& emitted);

  // Judges all that has come and is before the frontier. False: what has come out so far is to be taken first, and the
  // next call goes on from there.
  [[nodiscard]] bool judge(Board& board);
  bool is_midway() const { return is_midway_; }

  Shard& shard() { return *shard_; }
  const Shard& shard() const { return *shard_; }
  // Other rules from here on; what waits stays.
  std::unique_ptr<Shard> take_shard() { return std::move(shard_); }
  void set_shard(std::unique_ptr<Shard> shard) {
    shard_ = std::move(shard);
    swaps_.clear();  // made for the rules before
  }
  std::size_t waiting() const { return waiting_.waiting(); }
  // Nothing earlier comes out any more; and the number of the cut that stands where it has judged to, 0: none does. The
  // shard has been cut; what it has to save is to be saved before the next one.
  Time passed() const { return passed_; }
  std::uint64_t cut() const { return news_.cut; }
  // The last cut behind which `judge` has judged.
  std::uint64_t cuts_before() const { return news_.cut != 0 ? news_.cut - 1 : news_.cuts_seen; }
  // What it has emitted is where those above find it: they may come as far as this. True: they can go on.
  bool tell_above();
  // The board has been resumed: what it tells first is known.
  void resume(std::size_t begins, std::uint64_t cuts) {
    news_.begins_seen = begins;
    news_.cuts_seen = cuts;
    if (own_ != nullptr) own_->passed(number_, {{}, 0, cuts});
  }
  // That have come and have not been looked at. Any thread.
  std::size_t parcels() const;
  // Something has come that has not been looked at, from the sources or from below. Any thread.
  bool has_come() const;
  // What shards below have emitted that has not been judged. REQUIRES: no shard works.
  std::size_t waiting_from_below() const;

 private:
  void look(Board& board);
  bool go_on();
  bool give();
  bool advance(Instant before);
  bool stands_at(Time next);
  template <class Stays>
  bool give_before(const Stays& stays);
  void take_inbox();
  void take_from_below();
  bool is_due(const Emitted& emitted) const;

  std::unique_ptr<Shard> shard_;
  const std::uint32_t number_;
  Stair *const below_, *const own_;
  Waiting waiting_;
  News news_;
  std::deque<News::Begin> begins_;  // to come
  std::deque<News::Swap> swaps_;
  std::vector<const Event*> due_;  // up to the frontier; kept for their memory
  std::vector<LateEvent> late_;
  std::span<const Event* const> due_left_;
  std::span<const LateEvent> late_left_;
  bool is_midway_ = false;  // between the frontier before and this one
  Time passed_ = Frontier::kNothing, told_ = Frontier::kNothing;
  std::vector<Parcel> taken_;
  std::vector<std::shared_ptr<const Emitted>> from_below_;  // that stands behind the frontier

  mutable std::mutex mutex_;
  std::vector<Parcel> inbox_;
  std::vector<FromBelow> emitted_below_;
};

}  // namespace tocsin
