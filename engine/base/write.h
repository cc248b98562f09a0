// Times, durations and numbers as alerts write them. Everything is appended, nothing looks at a locale.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

// `2026-03-01T14:20:05.123456Z`: UTC, six decimals. Years outside 1 to 9999 are written with their sign and all digits.
void append_rfc3339(std::string& out, Time time);
std::string rfc3339(Time time);

// `1m41s`, `2d`, `1s500ms`, `-3h`, `0s`: each unit once, from days to us, as the language writes them.
void append_duration(std::string& out, Duration duration);

// A finite number as JSON: the shortest digits that give the same double, laid out as nlohmann does (`1.0`, `0.001`,
// `1e+20`). Anything else: `null`.
void append_number(std::string& out, double number);
void append_number(std::string& out, std::int64_t number);

// Sixteen digits.
void append_hex(std::string& out, std::uint64_t number);

// In quotes, escaped as nlohmann does; bytes that are no UTF-8 become U+FFFD.
void append_json_text(std::string& out, std::string_view text);

// A Gregorian date of days since 1970-01-01 (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
struct CivilDate {
  std::int64_t year = 1970;
  unsigned month = 1, day = 1;
};
CivilDate civil_from_days(std::int64_t days);

}  // namespace tocsin
