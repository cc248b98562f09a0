#include "engine/match/aligned.h"

#include <date/tz.h>

namespace tocsin {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Time AlignedWindow::local_day(std::int64_t day) const {
  const auto* zone = date::locate_zone(zone_);
  const date::local_days midnight{date::days{day + 4}};  // 1970-01-05 is day 4 of the civil calendar's count
  const auto instant = zone->to_sys(midnight, date::choose::earliest);
  return {std::chrono::duration_cast<std::chrono::microseconds>(instant.time_since_epoch()).count()};
}

std::int64_t AlignedWindow::first_day(Time t) const {
  const auto* zone = date::locate_zone(zone_);
  const date::sys_time<std::chrono::microseconds> instant{std::chrono::microseconds{t.us}};
  const auto local = zone->to_local(instant);
  const std::int64_t day = date::floor<date::days>(local).time_since_epoch().count() - 4;
  const std::int64_t days = length_.us / tocsin::days(1).us;
  return floor_div(day, days) * days;
}

Time AlignedWindow::begin(Time t) const {
  if (!zone_.empty()) return local_day(first_day(t));
  const std::int64_t since = t.us - kFirstMonday.us;
  return {kFirstMonday.us + floor_div(since, length_.us) * length_.us};
}

Time AlignedWindow::end(Time t) const {
  if (!zone_.empty()) return local_day(first_day(t) + length_.us / tocsin::days(1).us);
  return begin(t) + length_;
}

}  // namespace tocsin
