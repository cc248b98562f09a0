// What goes from one level of shards to those above: how far each shard of a level has come, and with it the events
// that were emitted there (Lane::arrive). A level goes no further than all shards below have come.
//
// The order that makes it safe: what a shard has emitted is put where those above find it, and then it says here how
// far it has come. So a shard that looks here and then at what has come for it has all before that.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <vector>

#include "engine/runtime/watermark.h"

namespace tocsin {

// How far a shard has judged.
struct Passed {
  Frontier frontier;
  // Of what is at frontier.timers_before, where events of that time are judged, too: all before this offset.
  std::uint64_t before_offset = 0;
  std::uint64_t cuts = 0;  // Cut::number of the last cut behind it
};

// One level. Any thread.
class Stair {
 public:
  explicit Stair(std::size_t shards) : passed_(shards) {}

  // True: all of them have come farther by it.
  bool passed(std::size_t shard, const Passed& passed) {
    const std::scoped_lock lock(mutex_);
    raise(passed_[shard], passed);
    Passed least = passed_.front();
    for (const Passed& one : passed_) lower(least, one);
    const bool has_risen =
        least.frontier != least_.frontier || least.before_offset != least_.before_offset || least.cuts != least_.cuts;
    least_ = least;
    return has_risen;
  }
  Passed least() const {
    const std::scoped_lock lock(mutex_);
    return least_;
  }

 private:
  // All that shards say follows one line, so each part may be compared by itself.
  template <class Choose>
  static void choose(Passed& to, const Passed& other, const Choose& choose) {
    to.frontier.events_before = choose(to.frontier.events_before, other.frontier.events_before);
    to.frontier.timers_before = choose(to.frontier.timers_before, other.frontier.timers_before);
    to.before_offset = choose(to.before_offset, other.before_offset);
    to.cuts = choose(to.cuts, other.cuts);
  }
  static void raise(Passed& to, const Passed& other) {
    choose(to, other, [](auto a, auto b) { return a < b ? b : a; });
  }
  static void lower(Passed& to, const Passed& other) {
    choose(to, other, [](auto a, auto b) { return b < a ? b : a; });
  }

  mutable std::mutex mutex_;
  std::vector<Passed> passed_;
  Passed least_;
};

}  // namespace tocsin
