// Single values from text, and what can be wrong with them. Shared by all formats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "adapters/codec/config.h"
#include "engine/base/arena.h"
#include "engine/base/text.h"
#include "engine/base/time_format.h"
#include "engine/event/read.h"
#include "engine/event/schema.h"
#include "engine/event/value.h"
#include "engine/io/dead_letter.h"

namespace date {
class time_zone;
}

namespace tocsin {

// read_text, and what a dead letter says where it cannot be read.
std::optional<DeadReason> convert_text(Type type, std::string_view text, Arena& arena, Value& value);

// "a text", "an int": for sentences about what a field should be.
std::string_view noun_of(Type type);

// Reads timestamps as one source writes them.
class TimeReader {
 public:
  // `unit`: the schema's, for numbers, where the source's own spec names none.
  static Result<TimeReader> make(const TimeSpec& spec, TimeUnit unit);

  // A number (also in quotes), RFC 3339, or the spec's format. Nothing: it is none of these, or not in the years 1 to
  // 9999. `arrived` helps out where the text has no year.
  std::optional<Time> read(std::string_view text, Time arrived) const;
  bool has_format() const { return format_.has_value(); }
  // A whole number of the unit; nothing, too, where the spec says that a number is no time.
  std::optional<Time> read(std::int64_t number) const {
    std::int64_t us = 0;
    if (!numbers_ || __builtin_mul_overflow(number, unit_us_, &us)) return {};
    if (divisor_ != 1) us = us / divisor_ - (us % divisor_ < 0 ? 1 : 0);
    return in_range(Time{us}) ? std::optional(Time{us}) : std::nullopt;
  }

 private:
  static bool in_range(Time time) { return time >= kFirstTime && time <= kLastTime; }
  // Remembers the last stretch of one offset: a look-up costs more than all the rest.
  struct Zone {
    explicit Zone(const date::time_zone* of) : zone(of) {}
    const date::time_zone* zone;
    // Local times strictly inside [first, last] have this one offset.
    Time first{1}, last{0};
    Duration offset{};

    Time to_utc(Time local);
  };
  std::optional<Time> read_format(std::string_view text, Time arrived) const;

  std::int64_t unit_us_ = 1'000, divisor_ = 1;
  bool numbers_ = true;
  std::optional<TimeFormat> format_;
  mutable std::optional<Zone> zone_;
  std::optional<int> year_;
};

}  // namespace tocsin
