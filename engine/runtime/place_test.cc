// If one of these fails, outputs leave in another order than language.md says, or on several shards than on one.
#include "engine/runtime/place.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <vector>

using namespace tocsin;

namespace {

std::vector<Value> tiebreaks() {
  static const IpAddress kLow{{1, 2, 3}, 120}, kHigh{{1, 2, 3}, 128};
  std::vector<Value> out{Value(),
                         Value::text(""),
                         Value::text("a"),
                         Value::text(std::string_view("a\0", 2)),
                         Value::text(std::string_view("a\0b", 3)),
                         Value::text("ab"),
                         Value::text("b"),
                         Value::time(Time{-5}),
                         Value::time(Time{7}),
                         Value::duration(Duration{-1}),
                         Value::duration(Duration{1}),
                         Value::boolean(false),
                         Value::boolean(true),
                         Value::ip(&kLow),
                         Value::ip(&kHigh)};
  constexpr std::int64_t kLarge = std::int64_t{1} << 62;
  for (const std::int64_t n :
       {std::numeric_limits<std::int64_t>::min(), -kLarge - 1, std::int64_t{-1}, std::int64_t{0}, std::int64_t{1},
        kLarge - 1, kLarge, kLarge + 1, kLarge + 511, kLarge + 513, std::numeric_limits<std::int64_t>::max()})
    out.push_back(Value::integer(n));
  for (const double d : {-1e300, -4611686018427387904.0, -0.5, -0.0, 0.5, 1.0, 4611686018427387904.0, 1e300})
    out.push_back(Value::floating(d));
  return out;
}

Event event_with(const Value& tiebreak, std::uint64_t offset) {
  Event out;
  out.time = Time{1'000};
  out.tiebreak = tiebreak;
  out.position = {SourceId{std::size_t{2}}, 3, offset};
  return out;
}

}  // namespace

TEST_CASE("the bytes of tiebreaks compare as tiebreaks do, and what stands behind them is found") {
  for (const Value& a : tiebreaks())
    for (const Value& b : tiebreaks()) {
      std::string x, y;
      append_ordered(x, a);
      append_ordered(y, b);
      const auto order = compare_tiebreaks(a, b);
      CHECK((x < y) == (order < 0));
      CHECK((x == y) == (order == 0));
    }
  for (const Value& a : tiebreaks()) CHECK(cause_of(place_of(event_with(a, 77)))->offset == 77);
  CHECK_FALSE(cause_of(place_of(Instant{Time{5}, Phase::waited})));
}

TEST_CASE(
    "places: time and phase, then deadlines, then events in the total order, each with what it brings behind it") {
  const Time t{1'000};
  const auto alert = [](Place at, std::uint32_t rule, std::string_view key) {
    append_alert(at, rule, key);
    return at;
  };
  const auto emitted = [](Place at, std::uint32_t rule, std::string_view key, std::uint32_t number) {
    append_emitted(at, rule, key, number);
    return at;
  };
  const Place first = place_of(event_with(Value(), 1)), second = place_of(event_with(Value(), 2));
  const std::vector<Place> in_order{
      alert(place_of(Instant{Time{-1}, Phase::waited}), 9, "z"),
      alert(place_of_late(event_with(Value(), 9), t, false), 0, "a"),
      alert(place_of(Instant{t, Phase::over}), 1, "a"),
      alert(place_of(Instant{t, Phase::over}), 1, "b"),
      alert(place_of(Instant{t, Phase::over}), 2, "a"),
      alert(emitted(place_of(Instant{t, Phase::over}), 1, "a", 0), 3, "a"),
      alert(first, 1, "k"),
      alert(first, 2, "a"),
      emitted(first, 1, "k", 0),
      alert(emitted(first, 1, "k", 0), 5, "x"),
      alert(emitted(emitted(first, 1, "k", 0), 0, "k", 0), 5, "x"),
      alert(emitted(first, 1, "k", 1), 0, "a"),
      alert(emitted(first, 2, "a", 0), 0, "a"),
      alert(second, 0, "a"),
      alert(place_of_late(event_with(Value(), 3), t, true), 0, "a"),
      alert(place_of(event_with(Value(), 4)), 0, "a"),
      alert(place_of(event_with(Value::integer(1), 1)), 0, "a"),
      alert(place_of(Instant{t, Phase::waited}), 0, "a"),
  };
  CHECK(std::ranges::is_sorted(in_order));
  CHECK(std::ranges::adjacent_find(in_order) == in_order.end());
}
