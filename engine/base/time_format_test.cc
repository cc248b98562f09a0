// If one of these fails, log lines get another time than the one written in them.
#include "engine/base/time_format.h"

#include <doctest/doctest.h>

#include "engine/base/text.h"

using namespace tocsin;

namespace {
// The text as UTC; without a year, in 2026.
std::optional<Time> read(std::string_view format, std::string_view text) {
  const auto compiled = TimeFormat::compile(format);
  REQUIRE(compiled.has_value());
  const auto civil = compiled->parse(text);
  if (!civil) return {};
  if (civil->exact) return civil->exact;
  return as_if_utc(*civil, civil->year.value_or(2026)) - civil->offset.value_or(Duration{});
}
}  // namespace

TEST_CASE("strptime: the formats of common logs") {
  CHECK(read("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700") == parse_rfc3339("2000-10-10T20:55:36Z"));
  CHECK(read("%b %e %H:%M:%S", "Mar  1 06:25:43") == parse_rfc3339("2026-03-01T06:25:43Z"));
  CHECK(read("%b %d %T", "mar 01 06:25:43") == parse_rfc3339("2026-03-01T06:25:43Z"));
  CHECK(read("%Y-%m-%d %H:%M:%S", "2026-03-01 06:25:43,125") == parse_rfc3339("2026-03-01T06:25:43.125Z"));
  CHECK(read("%F %T.%f", "2026-03-01 06:25:43.1250009") == parse_rfc3339("2026-03-01T06:25:43.125Z"));
  CHECK(read("%F %H:%M:%S", "2026-03-01 06:25:43.1250009") == parse_rfc3339("2026-03-01T06:25:43.125Z"));
  CHECK(read("%A, %d %B %Y %I:%M %p", "Sunday, 01 March 2026 12:05 am") == parse_rfc3339("2026-03-01T00:05:00Z"));
  CHECK(read("%a %b %d %H:%M:%S %Y", "Sun Mar 01 06:25:43 2026") == parse_rfc3339("2026-03-01T06:25:43Z"));
  CHECK(read("%m/%d/%y %I:%M:%S %p", "03/01/26 06:25:43 PM") == parse_rfc3339("2026-03-01T18:25:43Z"));
  CHECK(read("%Y%m%dT%H%M%S%z", "20260301T062543+01") == parse_rfc3339("2026-03-01T05:25:43Z"));
  CHECK(read("%Y-%j", "2026-060") == parse_rfc3339("2026-03-01T00:00:00Z"));
  CHECK(read("[%s]", "[1772374805.25]") == parse_rfc3339("2026-03-01T14:20:05.25Z"));
  CHECK(read("%D %R%%", "03/01/26 06:25%") == parse_rfc3339("2026-03-01T06:25:00Z"));
  CHECK(read("%F %T %Z", "2026-03-01 06:25:43 GMT") == parse_rfc3339("2026-03-01T06:25:43Z"));
}

TEST_CASE("strptime: what does not fit is no time") {
  CHECK_FALSE(read("%F %T", "2026-03-01 06:25:43 x"));
  CHECK_FALSE(read("%F %T", "2026-02-29 06:25:43"));
  CHECK_FALSE(read("%F %T", "2026-03-01 24:25:43"));
  CHECK_FALSE(read("%F %T", "2026-03-01"));
  CHECK_FALSE(read("%b %d %T", "Mxr 01 06:25:43"));
  CHECK_FALSE(read("%Y-%j", "2026-366"));
  CHECK_FALSE(read("%j %T", "367 06:25:43"));
  CHECK(read("%Y-%j", "2024-366") == parse_rfc3339("2024-12-31T00:00:00Z"));
}

TEST_CASE("strptime: formats that mean nothing or name no day are refused") {
  CHECK_FALSE(TimeFormat::compile("%Q").has_value());
  CHECK_FALSE(TimeFormat::compile("%F %").has_value());
  CHECK_FALSE(TimeFormat::compile("%H:%M:%S").has_value());
  CHECK_FALSE(TimeFormat::compile("%Y-%m").has_value());
}

TEST_CASE("a missing year is the latest that puts the line no more than a day behind its arrival") {
  const auto syslog = TimeFormat::compile("%b %e %T");
  REQUIRE(syslog.has_value());
  CHECK_FALSE(syslog->has_year());
  const auto year = [&](std::string_view text, std::string_view arrived) {
    return latest_year(*syslog->parse(text), *parse_rfc3339(arrived));
  };
  CHECK(year("Dec 31 23:59:59", "2026-01-01T00:00:10Z") == 2025);
  CHECK(year("Jan  1 00:00:10", "2025-12-31T23:59:59Z") == 2026);
  CHECK(year("Jan  2 00:00:10", "2025-12-31T23:59:59Z") == 2025);
  CHECK(year("Mar  1 00:00:00", "2026-03-02T00:00:00Z") == 2026);
  CHECK(year("Jun 28 00:00:00", "2025-12-29T00:00:00Z") == 2025);
  CHECK(year("Mar  1 10:00:01", "2026-11-22T00:00:00Z") == 2026);  // not the one nearest to it
  CHECK(year("Feb 29 00:00:00", "2024-03-01T00:00:00Z") == 2024);
  CHECK(year("Feb 29 00:00:00", "2026-03-01T00:00:00Z") == 2024);
  CHECK(year("Feb 29 00:00:00", "2024-02-27T00:00:00Z") == 2020);
  CHECK(year("Feb 29 00:00:00", "1903-02-27T00:00:00Z") == 1896);  // 1900 had none
  // Over New Year the one follows the other, whenever the file was written last.
  for (const char* written : {"2026-01-01T00:00:10Z", "2026-06-30T00:00:00Z", "2026-07-02T12:00:00Z",
                              "2026-07-03T00:00:00Z", "2026-12-29T00:00:00Z"}) {
    CAPTURE(written);
    CHECK(year("Dec 31 23:59:59", written) == 2025);
    CHECK(year("Jan  1 00:00:10", written) == 2026);
  }
}

TEST_CASE("a day of the year is counted in the year that it is in, also where the text does not say it") {
  const auto format = TimeFormat::compile("%j %T");
  REQUIRE(format.has_value());
  const auto in = [&](std::string_view text, std::int64_t year) {
    return as_if_utc(*format->parse(std::string(text) + " 06:25:43"), year);
  };
  CHECK(in("059", 2026) == parse_rfc3339("2026-02-28T06:25:43Z"));
  CHECK(in("060", 2026) == parse_rfc3339("2026-03-01T06:25:43Z"));
  CHECK(in("060", 2024) == parse_rfc3339("2024-02-29T06:25:43Z"));
  CHECK(in("365", 2026) == parse_rfc3339("2026-12-31T06:25:43Z"));
  const auto last = format->parse("366 06:25:43");
  REQUIRE(last.has_value());
  CHECK_FALSE(is_in_year(*last, 2026));
  CHECK(latest_year(*last, *parse_rfc3339("2026-03-01T00:00:00Z")) == 2024);
  CHECK(latest_year(*format->parse("061 06:25:43"), *parse_rfc3339("2026-03-03T00:00:00Z")) == 2026);
}
