// Event time and lengths of time: microseconds (semantics.md T1), as two types that do not mix.
#pragma once

#include <compare>
#include <cstdint>

namespace tocsin {

struct Duration {
  std::int64_t us = 0;
  friend auto operator<=>(const Duration&, const Duration&) = default;
  friend Duration operator+(Duration a, Duration b) { return {a.us + b.us}; }
  friend Duration operator-(Duration a, Duration b) { return {a.us - b.us}; }
};

// Microseconds since 1970-01-01 00:00 UTC.
struct Time {
  std::int64_t us = 0;
  friend auto operator<=>(const Time&, const Time&) = default;
  friend Time operator+(Time t, Duration d) { return {t.us + d.us}; }
  friend Time operator-(Time t, Duration d) { return {t.us - d.us}; }
  friend Duration operator-(Time a, Time b) { return {a.us - b.us}; }
};

constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration minutes(std::int64_t n) { return seconds(n * 60); }
constexpr Duration hours(std::int64_t n) { return minutes(n * 60); }
constexpr Duration days(std::int64_t n) { return hours(n * 24); }

// Aligned windows are counted from Monday 1970-01-05 00:00 UTC (T7), and so are the times of tests (V2).
constexpr Time kFirstMonday{days(4).us};

}  // namespace tocsin
