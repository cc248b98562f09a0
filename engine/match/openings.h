// `during C`: what a rule waits for counts from the opening of its calendars (F15).
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/base/time.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"

namespace tocsin {

class Openings {
 public:
  explicit Openings(const Program& program) {
    for (const OpenDuring& o : program.open)
      if (!o.outside) calendars_.push_back(o.calendar);
  }

  bool any() const { return !calendars_.empty(); }
  bool closed(const ReferenceData& data, Time at) const {
    return std::any_of(calendars_.begin(), calendars_.end(), [&](CalendarId c) { return !data.open(c, at); });
  }

  // `t`, or the opening in which `now` lies when that is later.
  Time from(const ReferenceData* data, Time t, Time now) const {
    if (data == nullptr) return t;
    for (const CalendarId c : calendars_)
      if (data->open(c, now)) t = std::max(t, data->opened(c, now));
    return t;
  }

  // The first opening after `t`; none within eight days. Hours begin at whole minutes. Asked once per key and closing.
  std::optional<Time> next(const ReferenceData& data, Time t) const {
    if (asked_ && t >= *asked_ && next_ && t < *next_) return next_;
    asked_ = t;
    next_.reset();
    const std::int64_t minute = minutes(1).us;
    for (const CalendarId c : calendars_) {
      bool open = data.open(c, t);
      Time at{(t.us / minute + (t.us >= 0 ? 1 : 0)) * minute};
      for (int i = 0; i < 8 * 24 * 60; ++i, at = at + minutes(1)) {
        const bool now = data.open(c, at);
        if (now && !open) {
          if (!next_ || at < *next_) next_ = at;
          break;
        }
        open = now;
      }
    }
    return next_;
  }

 private:
  std::vector<CalendarId> calendars_;
  // Of the last question: all keys ask the same. A shard is one thread; swapped calendars ask anew within one opening.
  mutable std::optional<Time> asked_, next_;
};

}  // namespace tocsin
