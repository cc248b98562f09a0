// `during C`, `outside C`: what a rule waits for counts from the opening of its calendars (F15). One that is named with
// `outside` is open where the calendar is not.
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
  explicit Openings(const Program& program) : open_(program.open) { stretches_.resize(open_.size()); }

  bool any() const { return !open_.empty(); }
  static bool closed(const Program& program, const ReferenceData& data, Time at) {
    return std::ranges::any_of(program.open, [&](const OpenDuring& o) { return !is_open(data, o, at); });
  }

  // `t`, or the opening in which `now` lies when that is later.
  Time from(const ReferenceData* data, Time t, Time now) const {
    if (data == nullptr) return t;
    for (std::size_t i = 0; i < open_.size(); ++i) {
      if (!is_open(*data, open_[i], now)) continue;
      ReferenceData::Stretch& stretch = stretches_[i];
      if (now < stretch.seen || now >= stretch.until) stretch = data->stretch(open_[i].calendar, now);
      t = std::max(t, stretch.since);
    }
    return t;
  }

  // The first opening after `t`; none within eight days. All keys ask the same, one a little later than the other: what
  // has been looked through is not looked through again.
  std::optional<Time> next(const ReferenceData& data, Time t) const {
    if (asked_ && t >= *asked_ && next_ && t < *next_) return next_;
    const bool goes_on = asked_ && t >= *asked_ && !next_ && t < looked_through_;
    const Time from = goes_on ? looked_through_ : t, through = t + days(8);
    if (!goes_on) asked_ = t;
    next_.reset();
    for (const OpenDuring& o : open_)
      if (const auto opening = data.next_change(o.calendar, !o.outside, from, next_.value_or(through))) next_ = opening;
    looked_through_ = through;
    return next_;
  }

 private:
  static bool is_open(const ReferenceData& data, const OpenDuring& o, Time at) {
    return data.open(o.calendar, at) != o.outside;
  }

  std::vector<OpenDuring> open_;
  // Of the last questions. A shard is one thread; calendars are the rules' own, and never change.
  mutable std::vector<ReferenceData::Stretch> stretches_;  // by calendar
  mutable std::optional<Time> asked_, next_;
  mutable Time looked_through_{};
};

}  // namespace tocsin
