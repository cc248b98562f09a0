// Aligned windows: half-open, counted from Monday 1970-01-05 00:00 UTC, or in whole local days of a zone (T7).
#pragma once

#include <string>

#include "engine/base/time.h"
#include "engine/match/pattern.h"

namespace tocsin {

class AlignedWindow {
 public:
  AlignedWindow(Duration length, std::string zone) : length_(length), zone_(std::move(zone)) {}

  // The window [begin, end) that holds `t`. In a zone it is a whole number of local days: 23 to 25 hours each.
  Time begin(Time t) const;
  Time end(Time t) const;
  // The first end that is still to come where all before `passed` has happened.
  Time next_end(Instant passed) const {
    return end(passed.phase == Phase::over ? Time{passed.time.us - 1} : passed.time);
  }

 private:
  Time local_day(std::int64_t day) const;  // local midnight of the n-th day since 1970-01-05, as an instant
  std::int64_t first_day(Time t) const;    // of the window that holds t

  Duration length_;
  std::string zone_;
};

}  // namespace tocsin
