#include "engine/event/event.h"

#include <tuple>

namespace tocsin {

// All numbers stand together.
int tiebreak_rank(const Value& value) {
  if (value.is_missing()) return 0;
  return value.is_number() ? 1 : 2 + static_cast<int>(value.type());
}

namespace {
std::strong_ordering sign(auto a, auto b) {
  return a < b ? std::strong_ordering::less : b < a ? std::strong_ordering::greater : std::strong_ordering::equal;
}
// What deadlines emit before others, others, what they emit behind them.
int part_of_instant(const Event& event) {
  return event.ordinal >= Event::kBehindOthers ? 2 : event.ordinal >= Event::kBeforeOthers ? 0 : 1;
}
}  // namespace

std::strong_ordering compare_tiebreaks(const Value& a, const Value& b) {
  if (tiebreak_rank(a) != tiebreak_rank(b)) return tiebreak_rank(a) <=> tiebreak_rank(b);
  switch (a.type()) {
    case Type::integer:
    case Type::floating:
      if (a.type() == Type::integer && b.type() == Type::integer) return a.as_integer() <=> b.as_integer();
      // A long double holds every 64-bit integer and every double, so nothing is rounded into equality.
      return sign(a.type() == Type::integer ? static_cast<long double>(a.as_integer()) : a.as_floating(),
                  b.type() == Type::integer ? static_cast<long double>(b.as_integer()) : b.as_floating());
    case Type::text:
      return a.as_text() <=> b.as_text();
    case Type::time:
      return a.as_time() <=> b.as_time();
    case Type::duration:
      return a.as_duration() <=> b.as_duration();
    case Type::boolean:
      return a.as_boolean() <=> b.as_boolean();
    case Type::ip:
      return std::tie(a.as_ip().bytes, a.as_ip().prefix) <=> std::tie(b.as_ip().bytes, b.as_ip().prefix);
    case Type::missing:
    case Type::point:
    case Type::list:
    case Type::object:
      return std::strong_ordering::equal;  // no order: partition and offset decide
  }
  return std::strong_ordering::equal;
}

std::strong_ordering total_order(const Event& a, const Event& b) {
  if (a.time != b.time) return a.time <=> b.time;
  if (const auto order = part_of_instant(a) <=> part_of_instant(b); order != 0) return order;
  if (const auto order = compare_tiebreaks(a.tiebreak, b.tiebreak); order != 0) return order;
  if (a.position != b.position) return a.position <=> b.position;
  return a.ordinal <=> b.ordinal;
}

}  // namespace tocsin
