#include "engine/match/aligned.h"

#include "engine/program/zone.h"

namespace tocsin {
namespace {

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

Time AlignedWindow::local_day(std::int64_t day) const {
  return from_local(find_zone(zone_), {kFirstMonday.us + day * tocsin::days(1).us});
}

std::int64_t AlignedWindow::first_day(Time t) const {
  const Time local = to_local(find_zone(zone_), t);
  const std::int64_t day = floor_div(local.us - kFirstMonday.us, tocsin::days(1).us);
  const std::int64_t length = length_.us / tocsin::days(1).us;
  return floor_div(day, length) * length;
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
