#include "adapters/codec/convert.h"

#include <date/tz.h>

#include <algorithm>
#include <stdexcept>

#include "engine/base/text.h"

namespace tocsin {
namespace {

using Fault = std::optional<DeadReason>;

}  // namespace

std::string_view noun_of(Type type) {
  switch (type) {
    case Type::missing:
      return "nothing";
    case Type::boolean:
      return "a bool";
    case Type::integer:
      return "an int";
    case Type::floating:
      return "a float";
    case Type::text:
      return "a text";
    case Type::time:
      return "a time";
    case Type::duration:
      return "a duration";
    case Type::ip:
      return "an ip";
    case Type::point:
      return "a point";
    case Type::list:
      return "a list";
    case Type::object:
      return "any value";
  }
  return "";
}

Fault convert_text(Type type, std::string_view text, Arena& arena, Value& value) {
  switch (read_text(type, text, arena, value)) {
    case Reading::good:
      return {};
    case Reading::wrong_type:
      return DeadReason::wrong_type;
    case Reading::out_of_range:
      return DeadReason::out_of_range;
  }
  return {};
}

// ----- times --------------------------------------------------------------------------------------------

Time TimeReader::Zone::to_utc(Time local) {
  if (local >= first && local <= last) return local - offset;
  const date::local_time<std::chrono::microseconds> asked{std::chrono::microseconds{local.us}};
  // Told twice (clocks go back): the first time; never told (they go forward): the moment of the change.
  const Time utc{zone->to_sys(asked, date::choose::earliest).time_since_epoch().count()};
  const date::sys_info info =
      zone->get_info(date::sys_time<std::chrono::microseconds>{std::chrono::microseconds{utc.us}});
  offset = seconds(std::chrono::seconds(info.offset).count());
  // A day from each change all is plain; changes are never larger than that. The ends of what the zone knows are far.
  const auto bound = [](date::sys_seconds t) {
    constexpr std::int64_t kFarSeconds = 400'000'000'000;
    return Time{seconds(std::clamp<std::int64_t>(t.time_since_epoch().count(), -kFarSeconds, kFarSeconds)).us};
  };
  first = bound(info.begin) + days(1) + offset;
  last = bound(info.end) - days(1) + offset;
  return utc;
}

Result<TimeReader> TimeReader::make(const TimeSpec& spec, TimeUnit unit) {
  TimeReader reader;
  reader.year_ = spec.year;
  reader.numbers_ = spec.numbers;
  switch (spec.unit.value_or(unit)) {
    case TimeUnit::seconds:
      reader.unit_us_ = 1'000'000;
      break;
    case TimeUnit::milliseconds:
      reader.unit_us_ = 1'000;
      break;
    case TimeUnit::microseconds:
      reader.unit_us_ = 1;
      break;
    case TimeUnit::nanoseconds:
      reader.unit_us_ = 1;
      reader.divisor_ = 1'000;
      break;
  }
  if (!spec.format.empty()) {
    Result<TimeFormat> format = TimeFormat::compile(spec.format);
    if (!format) return tl::unexpected(format.error());
    reader.format_ = std::move(*format);
  }
  if (spec.zone.empty() || spec.zone == "UTC") return reader;
  try {
    reader.zone_.emplace(date::locate_zone(spec.zone));
  } catch (const std::runtime_error&) {
    return failure(Error::Code::malformed, "there is no time zone `" + spec.zone + "` in this system's database");
  }
  return reader;
}

std::optional<Time> TimeReader::read(std::string_view text, Time arrived) const {
  std::optional<Time> time;
  if (format_) {
    time = read_format(text, arrived);
  } else if (text.size() >= 20 && text[4] == '-') {
    time = parse_rfc3339(text);
  } else if (const auto us = numbers_ ? parse_scaled(text, unit_us_, divisor_) : std::nullopt) {
    time = Time{*us};
  }
  return time && in_range(*time) ? time : std::nullopt;
}

std::optional<Time> TimeReader::read_format(std::string_view text, Time arrived) const {
  const std::optional<CivilTime> civil = format_->parse(text);
  if (!civil) return {};
  if (civil->exact) return civil->exact;
  const auto place = [&](std::int64_t year) {
    const Time local = as_if_utc(*civil, year);
    if (civil->offset) return local - *civil->offset;
    return zone_ ? zone_->to_utc(local) : local;
  };
  if (civil->year) return place(*civil->year);
  if (year_) return is_in_year(*civil, *year_) ? std::optional(place(*year_)) : std::nullopt;
  return place(latest_year(*civil, arrived));
}

}  // namespace tocsin
