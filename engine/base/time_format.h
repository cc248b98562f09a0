// Times as logs write them: strptime formats, compiled once and then followed without a locale or an allocation.
//
// Known: %Y %y %m %d %e %j %b %B %h %a %A %H %k %I %l %M %S %f %p %z %Z %s %T %R %D %F %n %t %%. White space in the
// format fits any white space, also none. %S takes a fraction of a second along where one follows (`05.123`, `05,123`),
// unless the format says it itself (`%S.%f`). Names of months and days are English, in any case. %Z takes a word and
// only believes UTC, GMT and Z.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

// What a text said. Without `offset` it is the time of some zone, without `year` that of some year.
struct CivilTime {
  std::optional<std::int64_t> year;
  unsigned month = 1, day = 1;
  std::optional<std::int64_t> day_of_year;  // %j: in place of month and day, as leap years count their days otherwise
  Duration of_day{};
  std::optional<Duration> offset;  // from UTC
  std::optional<Time> exact;       // %s
};

class TimeFormat {
 public:
  static Result<TimeFormat> compile(std::string_view format);

  // All of the text; nothing if it does not fit or names a day that does not exist.
  std::optional<CivilTime> parse(std::string_view text) const;

  bool has_year() const { return has_year_; }

 private:
  struct Step {
    char directive = 0;  // 0: the literal
    char literal = 0;
  };
  std::vector<Step> steps_;
  bool has_year_ = false;
};

// Whether the year has such a day: not all have a 29 February, or a 366th day.
bool is_in_year(const CivilTime& civil, std::int64_t year);

// The local time of the text as if it were UTC. REQUIRES: it has no `exact`, and is_in_year.
Time as_if_utc(const CivilTime& civil, std::int64_t year);

// The latest year that puts the text no more than a day behind `arrived` (a log line without a year, and when it
// arrived): a log tells of the past, of however long ago, and zones and clocks differ by less than a day.
std::int64_t latest_year(const CivilTime& civil, Time arrived);

}  // namespace tocsin
