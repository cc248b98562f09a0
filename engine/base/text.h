// Values as people and programs write them: times, durations, addresses, numbers. Shared by the codecs and by the
// language's functions, so that one text means one value everywhere. Nothing here allocates, throws or looks at a
// locale.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/time.h"

namespace tocsin {

// RFC 3339: `2026-03-01T14:20:05.123456Z`, `... +01:00`. Also taken: a space or a small t or z, an offset without its
// colon, a comma before the fraction (ISO 8601). Digits finer than a microsecond are cut (T1); a leap second :60 is the
// second after. Without a zone it is no point in time: nothing.
std::optional<Time> parse_rfc3339(std::string_view text);

// `1h30m`, `250ms`, `1.5s`: units w d h m s ms us ns, each with a number, a sign in front. Cut at microseconds.
std::optional<Duration> parse_duration(std::string_view text);

enum class NumberText : std::uint8_t { good, not_a_number, out_of_range };

// Decimal digits with a sign. `out_of_range`: more than 64 bits.
NumberText parse_integer(std::string_view text, std::int64_t& value);
// Decimal, with fraction and exponent. `out_of_range`: beyond the largest double; what is too small is 0. No `nan`, no
// `inf`.
NumberText parse_floating(std::string_view text, double& value);

// A decimal number of units of `unit_us` / `divisor` microseconds each, exactly, rounded down: epoch times and seconds
// with a fraction. `parse_scaled("1.5", 1'000'000, 1)` is 1,500,000. Nothing: not a number, or beyond 64 bits.
std::optional<std::int64_t> parse_scaled(std::string_view text, std::int64_t unit_us, std::int64_t divisor);

// Days since 1970-01-01 of a day of the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
// Algorithms").
constexpr std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day) {
  year -= month <= 2;
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto yoe = static_cast<unsigned>(year - era * 400);
  const unsigned doy = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146'097 + static_cast<std::int64_t>(doe) - 719'468;
}

constexpr bool is_leap_year(std::int64_t year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }
constexpr unsigned days_in_month(std::int64_t year, unsigned month) {
  return month == 2 ? (is_leap_year(year) ? 29u : 28u)
                    : (month == 4 || month == 6 || month == 9 || month == 11 ? 30u : 31u);
}

// Years 1 to 9999: what RFC 3339 can write. A time outside is a mistake in the data (seconds read as milliseconds ...).
constexpr Time kFirstTime{days(days_from_civil(1, 1, 1)).us};
constexpr Time kLastTime{days(days_from_civil(10'000, 1, 1)).us - 1};

}  // namespace tocsin
