// For how long a key's last event of a base was an x (`duration(x)`, A7), kept as the events come: only the times at
// which that changes, and what it had come to by then. Any stretch of it is the difference of two sums.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "engine/base/time.h"
#include "engine/match/ring.h"

namespace tocsin {

class Lasting {
 public:
  // The key's next event of the base. REQUIRES: none before it was later.
  void take(Time time, bool is_x) {
    if (is_x == (!changes_.empty() && changes_.back().is_x)) return;
    changes_.push_back({time, up_to(time), is_x});
  }
  // Nobody asks any more for what was before `from`.
  void forget(Time from) {
    while (changes_.size() > 1 && changes_[1].time <= from) changes_.pop_front();
    if (changes_.size() == 1 && !changes_.front().is_x && changes_.front().time <= from) changes_.clear();
  }
  // What was before does not count, from here on: the events of that time have been given up.
  void cut(Time from) {
    cut_ = from;
    forget(from);
  }
  void clear() { *this = Lasting(); }
  // Was every stretch of it before what has been forgotten?
  bool empty() const { return changes_.empty(); }
  // Is the newest event of the base an x, which lasts on?
  bool lasts_on() const { return !changes_.empty() && changes_.back().is_x; }

  Duration between(Time from, Time to) const {
    from = std::max(from, cut_);
    return from < to ? up_to(to) - up_to(from) : Duration{};
  }
  std::size_t bytes() const { return sizeof *this + changes_.bytes(); }

  template <class Archive>
  void state_parts(Archive& a) {
    a(cut_);
    const std::size_t count = a.count(changes_.size());
    for (std::size_t i = 0; i < count && a.ok(); ++i) {
      if constexpr (Archive::kReads) changes_.push_back({});
      a(changes_[i].time, changes_[i].before, changes_[i].is_x);
    }
  }

 private:
  struct Change {
    Time time{};
    Duration before{};  // how long by then
    bool is_x = false;
  };

  // Of all that is not forgotten, and of more that cancels out.
  Duration up_to(Time time) const {
    std::size_t low = 0, high = changes_.size();  // the first change after `time` is in [low, high]
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      if (changes_[middle].time <= time)
        low = middle + 1;
      else
        high = middle;
    }
    if (low == 0) return changes_.empty() ? Duration{} : changes_.front().before;
    const Change& last = changes_[low - 1];
    return last.is_x ? last.before + (time - last.time) : last.before;
  }

  Ring<Change> changes_;
  Time cut_{std::numeric_limits<std::int64_t>::min()};
};

}  // namespace tocsin
