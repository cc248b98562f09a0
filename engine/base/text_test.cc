// If one of these fails, a text in the data means another time or number than the person who wrote it meant.
#include "engine/base/text.h"

#include <doctest/doctest.h>

#include <string>

using namespace tocsin;

namespace {
std::optional<std::int64_t> rfc(std::string_view text) {
  const auto time = parse_rfc3339(text);
  return time ? std::optional(time->us) : std::nullopt;
}
std::optional<std::int64_t> length(std::string_view text) {
  const auto duration = parse_duration(text);
  return duration ? std::optional(duration->us) : std::nullopt;
}
}  // namespace

TEST_CASE("rfc 3339: points in time") {
  CHECK(rfc("1970-01-01T00:00:00Z") == 0);
  CHECK(rfc("1970-01-05T00:00:00Z") == kFirstMonday.us);
  CHECK(rfc("2026-03-01T14:20:05.123456Z") == 1772374805123456);
  CHECK(rfc("2026-03-01T14:20:05.1234569Z") == 1772374805123456);  // cut, not rounded
  CHECK(rfc("1969-12-31T23:59:59.9999999Z") == -1);                // cut is towards the past
  CHECK(rfc("2026-03-01t15:20:05.123456+01:00") == 1772374805123456);
  CHECK(rfc("2026-03-01 08:50:05,123456-0530") == 1772374805123456);
  CHECK(rfc("2016-12-31T23:59:60Z") == rfc("2017-01-01T00:00:00Z"));
  CHECK(rfc("2024-02-29T00:00:00Z").has_value());
  CHECK(rfc("0001-01-01T00:00:00Z") == kFirstTime.us);
  CHECK(rfc("9999-12-31T23:59:59.999999Z") == kLastTime.us);
}

TEST_CASE("rfc 3339: what is none") {
  for (const char* text :
       {"", "2026-03-01", "2026-03-01T14:20:05", "2026-03-01T14:20:05.Z", "2026-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-03-00T00:00:00Z", "2026-03-01T24:00:00Z",
        "2026-03-01T14:60:05Z", "2026-03-01T14:20:61Z", "2026-03-01T14:20:05+1:00", "2026-03-01T14:20:05+01:00x",
        "0000-03-01T14:20:05Z", "x026-03-01T14:20:05Z", "2026-03-01T14:20:05+24:00", "2026-03-01T14:20:05+01:60",
        "2026-03-01T14:20:0-Z"}) {
    CAPTURE(text);
    CHECK(rfc(text) == std::nullopt);
  }
}

TEST_CASE("durations") {
  CHECK(length("250ms") == 250'000);
  CHECK(length("1h30m") == 5'400'000'000);
  CHECK(length("1.5s") == 1'500'000);
  CHECK(length("-2d") == -172'800'000'000);
  CHECK(length("1w") == 604'800'000'000);
  CHECK(length("1500ns") == 1);
  CHECK(length("7us") == 7);
  for (const char* text : {"", "-", "5", "s", "5x", "5m 3s", "1..5s", "99999999999w"}) {
    CAPTURE(text);
    CHECK(length(text) == std::nullopt);
  }
}

TEST_CASE("numbers: 64 bits or out of range, never another number") {
  std::int64_t n = 0;
  CHECK(parse_integer("9223372036854775807", n) == NumberText::good);
  CHECK(n == 9223372036854775807);
  CHECK(parse_integer("-9223372036854775808", n) == NumberText::good);
  CHECK(parse_integer("9223372036854775808", n) == NumberText::out_of_range);
  CHECK(parse_integer("+7", n) == NumberText::good);
  CHECK(n == 7);
  for (const char* text : {"", "-", "+", "+-7", "1.0", "1e3", " 1", "1 ", "0x10"}) {
    CAPTURE(text);
    CHECK(parse_integer(text, n) == NumberText::not_a_number);
  }
  double d = 0;
  CHECK(parse_floating("1.5e3", d) == NumberText::good);
  CHECK(d == 1500);
  CHECK(parse_floating("1e400", d) == NumberText::out_of_range);
  CHECK(parse_floating("-1e400", d) == NumberText::out_of_range);
  CHECK(parse_floating("1e99999999999999999999", d) == NumberText::out_of_range);
  CHECK(parse_floating("1e9223372036854775807", d) == NumberText::out_of_range);
  CHECK(parse_floating("0.001e9223372036854775807", d) == NumberText::out_of_range);
  CHECK(parse_floating("0.001e-9223372036854775808", d) == NumberText::good);
  CHECK(d == 0);
  CHECK(parse_floating(std::string(400, '9'), d) == NumberText::out_of_range);
  CHECK(parse_floating("1e-400", d) == NumberText::good);
  CHECK(d == 0);
  CHECK(parse_floating("0." + std::string(400, '0') + "1", d) == NumberText::good);
  CHECK(d == 0);
  for (const char* text : {"", "-", "nan", "inf", "-inf", "1.5x", " 1", "+", "+-1"}) {
    CAPTURE(text);
    CHECK(parse_floating(text, d) == NumberText::not_a_number);
  }
}

TEST_CASE("scaled numbers are exact and cut downwards") {
  CHECK(parse_scaled("1700000000.123456", 1'000'000, 1) == 1700000000123456);
  CHECK(parse_scaled("1700000000123", 1'000, 1) == 1700000000123000);
  CHECK(parse_scaled("1700000000123456789", 1, 1000) == 1700000000123456);
  CHECK(parse_scaled("-1", 1, 1000) == -1);
  CHECK(parse_scaled("-1.0000001", 1'000'000, 1) == -1'000'001);
  CHECK(parse_scaled("1.7e9", 1'000'000, 1) == 1'700'000'000'000'000);
  CHECK(parse_scaled("0.1", 1'000'000, 1) == 100'000);
  for (const char* text :
       {"", "-", "1.", ".5", "1x", "1.5.2", "99999999999999999999", "9223372036854775807", "e5", "1e300"}) {
    CAPTURE(text);
    CHECK(parse_scaled(text, 1'000'000, 1) == std::nullopt);
  }
}
