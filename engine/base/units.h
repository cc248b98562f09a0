// The units in which lengths of time are written: `1h30m`, "1 hour 30 minutes".
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

// Largest first.
struct DurationUnit {
  std::string_view name, word;
  Duration length;
};
inline constexpr std::array<DurationUnit, 7> kDurationUnits{{{"w", "week", days(7)},
                                                             {"d", "day", days(1)},
                                                             {"h", "hour", hours(1)},
                                                             {"m", "minute", minutes(1)},
                                                             {"s", "second", seconds(1)},
                                                             {"ms", "millisecond", milliseconds(1)},
                                                             {"us", "microsecond", {1}}}};

// What append_duration (write.h) appends: `1m41s`, `2d`, `-3h`, `0s`; no weeks.
std::string duration_text(Duration duration);

}  // namespace tocsin
