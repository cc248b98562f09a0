// If one of these fails, an alert says another time, duration or number than the one that happened.
#include "engine/base/write.h"

#include <doctest/doctest.h>

#include <rapidcheck.h>
#include <cmath>
#include <limits>

#include "engine/base/text.h"

using namespace tocsin;

namespace {
std::string rfc(std::int64_t us) {
  std::string out;
  append_rfc3339(out, Time{us});
  return out;
}
std::string length(std::int64_t us) {
  std::string out;
  append_duration(out, Duration{us});
  return out;
}
std::string number(double d) {
  std::string out;
  append_number(out, d);
  return out;
}
std::string json(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}
}  // namespace

TEST_CASE("times are written as RFC 3339 in UTC with six decimals") {
  CHECK(rfc(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(rfc(-1) == "1969-12-31T23:59:59.999999Z");
  CHECK(rfc(1772374805123456) == "2026-03-01T14:20:05.123456Z");
  CHECK(rfc(kFirstTime.us) == "0001-01-01T00:00:00.000000Z");
  CHECK(rfc(kLastTime.us) == "9999-12-31T23:59:59.999999Z");
  CHECK(rc::check("what is written is read back", [] {
    const Time time{*rc::gen::inRange(kFirstTime.us, kLastTime.us)};
    RC_ASSERT(parse_rfc3339(rfc(time.us)) == time);
  }));
}

TEST_CASE("durations are written unit by unit") {
  CHECK(length(0) == "0s");
  CHECK(length(seconds(101).us) == "1m41s");
  CHECK(length(hours(49).us) == "2d1h");
  CHECK(length(milliseconds(250).us) == "250ms");
  CHECK(length(1'500'001) == "1s500ms1us");
  CHECK(length(-hours(3).us) == "-3h");
  CHECK(length(std::numeric_limits<std::int64_t>::min()) == "-106751991d4h54s775ms808us");
  CHECK(rc::check("what is written is read back", [] {
    const Duration duration{*rc::gen::inRange<std::int64_t>(-1'000'000'000'000'000, 1'000'000'000'000'000)};
    RC_ASSERT(parse_duration(length(duration.us)) == duration);
  }));
}

TEST_CASE("numbers are laid out as nlohmann's dump lays them out") {
  CHECK(number(0) == "0.0");
  CHECK(number(-0.0) == "-0.0");
  CHECK(number(1) == "1.0");
  CHECK(number(-81.5) == "-81.5");
  CHECK(number(0.1) == "0.1");
  CHECK(number(0.001) == "0.001");
  CHECK(number(0.0001) == "0.0001");
  CHECK(number(0.00001) == "1e-05");
  CHECK(number(0.1 + 0.2) == "0.30000000000000004");
  CHECK(number(100000000000000) == "100000000000000.0");
  CHECK(number(1e15) == "1e+15");
  CHECK(number(1.25e20) == "1.25e+20");
  CHECK(number(1e100) == "1e+100");
  CHECK(number(5e-324) == "5e-324");
  CHECK(number(std::nan("")) == "null");
  CHECK(number(std::numeric_limits<double>::infinity()) == "null");
  CHECK(rc::check("the same double comes back", [](double d) {
    double back = 1;
    RC_ASSERT(parse_floating(number(d), back) == NumberText::good);
    RC_ASSERT(back == d);
  }));
}

TEST_CASE("texts in JSON are escaped where they must be, and always valid") {
  CHECK(json("a\"b\\c\n\t\x01\x1f\x7f") == "\"a\\\"b\\\\c\\n\\t\\u0001\\u001f\x7f\"");
  CHECK(json("z\xC3\xBCrich \xF0\x9F\x9A\x95") == "\"z\xC3\xBCrich \xF0\x9F\x9A\x95\"");
  CHECK(json("\xC3(\xA0") == "\"\xEF\xBF\xBD(\xEF\xBF\xBD\"");
}
