// What comes out of all shards, in one order, as soon as nothing can come before it any more. Shards give what they
// have in the order of places; whoever gives last takes out what is ready.
#pragma once

#include <functional>
#include <mutex>
#include <vector>

#include "engine/match/alert.h"
#include "engine/runtime/watermark.h"

namespace tocsin {

class Outlet {
 public:
  using GiveAlert = std::function<void(const Alert&)>;
  using GiveEmitted = std::function<void(const Emitted&)>;

  // `held_most`: outputs of one shard that wait for other shards, when it is to go no further.
  Outlet(std::size_t shards, std::size_t held_most, GiveAlert alert, GiveEmitted emitted)
      : held_most_(held_most),
        shards_(shards),
        behind_(shards),
        alert_(std::move(alert)),
        emitted_(std::move(emitted)) {}

  // What has come out of a shard, and nothing before `passed` will.
  void give(std::size_t shard, std::vector<Alert> alerts, std::vector<Emitted> emitted, Time passed);
  // So much of the shard's waits here for others that it has to wait for them, too. Never all shards at once.
  bool waits_for_others(std::size_t shard) const;
  // What the shard has given so far is all that it gives before the cut. When all have said so, `done` is called,
  // behind the last output of theirs and before any other.
  void cut(std::size_t shard);
  void on_cut(std::function<void()> done) { cut_done_ = std::move(done); }
  // All that is left: nothing more comes.
  void finish();

 private:
  // Of one shard; in order.
  struct Part {
    std::vector<Alert> alerts;
    std::vector<Emitted> emitted;
    Time passed = Frontier::kNothing;  // what it gives from now on is not earlier
    bool is_cut = false;               // what it gives now is behind the cut, and stands in `behind`
  };
  void give_out(Time before);
  Time passed_by_all() const;

  const std::size_t held_most_;
  mutable std::mutex mutex_;
  std::vector<Part> shards_;
  std::vector<Part> behind_;  // the cut in hand, by shard
  std::function<void()> cut_done_;
  GiveAlert alert_;
  GiveEmitted emitted_;
};

// Both in their one order: each emitted event right behind what caused it (S5).
void give_in_order(const std::vector<Alert>& alerts, const std::vector<Emitted>& emitted,
                   const Outlet::GiveAlert& give_alert, const Outlet::GiveEmitted& give_emitted);

}  // namespace tocsin
