#include "engine/program/zone.h"

#include <date/tz.h>

#include <chrono>
#include <stdexcept>
#include <string>

namespace tocsin {
namespace {

using Microseconds = std::chrono::microseconds;

const date::time_zone* unwrap(const Zone* zone) { return reinterpret_cast<const date::time_zone*>(zone); }

}  // namespace

// A Zone is the library's time_zone under another name, so that its header is seen here only.
const Zone* find_zone(std::string_view name) {
  try {
    return reinterpret_cast<const Zone*>(date::locate_zone(std::string(name)));
  } catch (const std::runtime_error&) {  // the library has no other way to say no
    return nullptr;
  }
}

Time to_local(const Zone* zone, Time time) {
  if (zone == nullptr) return time;
  const date::sys_time<Microseconds> instant{Microseconds{time.us}};
  const auto info = unwrap(zone)->get_info(date::floor<std::chrono::seconds>(instant));
  return time + seconds(info.offset.count());
}

Time from_local(const Zone* zone, Time local) {
  if (zone == nullptr) return local;
  const date::local_time<Microseconds> shown{Microseconds{local.us}};
  const auto info = unwrap(zone)->get_info(date::floor<std::chrono::seconds>(shown));
  if (info.result == date::local_info::nonexistent) return Time{seconds(info.first.end.time_since_epoch().count()).us};
  return local - seconds(info.first.offset.count());
}

ClockOffset clock_offset(const Zone* zone, Time time) {
  const Time year_on = time + days(365);
  if (zone == nullptr) return {Duration{}, year_on};
  const auto at = date::floor<std::chrono::seconds>(date::sys_time<Microseconds>{Microseconds{time.us}});
  const auto info = unwrap(zone)->get_info(at);
  const bool changes = info.end - at < std::chrono::hours(24 * 365);
  return {seconds(info.offset.count()), changes ? Time{seconds(info.end.time_since_epoch().count()).us} : year_on};
}

std::uint8_t weekday_of(Time local) {
  const std::int64_t since = local.us - kFirstMonday.us, week = days(7).us;
  return static_cast<std::uint8_t>(((since % week) + week) % week / days(1).us);
}

}  // namespace tocsin
