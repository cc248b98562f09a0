// Time zones by name, from the system's tzdata. The heavy header stays behind this one.
#pragma once

#include <cstdint>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

class Zone;  // lives as long as the program

// Null: there is no such zone. Takes microseconds: ask once and remember.
const Zone* find_zone(std::string_view name);

// What local clocks show, as if it were UTC. A null zone is UTC.
Time to_local(const Zone* zone, Time time);

// The other way. What happens twice (the clock is put back) means the first time; what never happens (it is put
// forward) the instant of the change.
Time from_local(const Zone* zone, Time local);

// How far local clocks are ahead of UTC at `time`, and until when they are at least: a change of theirs, or a year on.
struct ClockOffset {
  Duration ahead;
  Time until;
};
ClockOffset clock_offset(const Zone* zone, Time time);

// 0 = Monday.
std::uint8_t weekday_of(Time local);
// As rules name them.
inline constexpr std::string_view kWeekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

}  // namespace tocsin
