// If one of these fails, a shard that is ahead of others fills the memory with what it has found, or all wait for ever.
#include "engine/runtime/outlet.h"

#include <doctest/doctest.h>

#include <vector>

using namespace tocsin;

namespace {

Time at(std::int64_t second) { return Time{} + seconds(second); }

std::vector<Alert> alerts(std::int64_t from, std::int64_t to) {
  std::vector<Alert> out;
  for (std::int64_t second = from; second < to; ++second) {
    Alert& alert = out.emplace_back();
    alert.time = at(second);
    alert.place = std::string(1, static_cast<char>(second));
  }
  return out;
}

}  // namespace

TEST_CASE("who is ahead of others and has given much waits for them; the hindmost never waits") {
  std::vector<std::int64_t> out;
  Outlet outlet(3, 10, [&](const Alert& alert) { out.push_back((alert.time - at(0)).us / 1'000'000); }, {});
  outlet.give(0, alerts(0, 9), {}, at(9));
  CHECK_FALSE(outlet.waits_for_others(0));
  outlet.give(0, alerts(9, 20), {}, at(20));
  CHECK(outlet.waits_for_others(0));
  CHECK_FALSE(outlet.waits_for_others(1));
  CHECK_FALSE(outlet.waits_for_others(2));
  outlet.give(1, {}, {}, at(30));
  CHECK(outlet.waits_for_others(0));
  CHECK(out.empty());
  outlet.give(2, alerts(0, 3), {}, at(15));
  CHECK(out.size() == 18);
  CHECK_FALSE(outlet.waits_for_others(0));
  outlet.give(2, alerts(15, 40), {}, at(40));
  CHECK(outlet.waits_for_others(2));
  CHECK_FALSE(outlet.waits_for_others(0));
}

TEST_CASE("behind a cut whoever has given much waits until all have come to it") {
  Outlet outlet(2, 10, {}, {});
  outlet.give(0, alerts(0, 5), {}, at(5));
  outlet.cut(0);
  outlet.give(0, alerts(5, 20), {}, at(20));
  CHECK(outlet.waits_for_others(0));
  outlet.give(1, alerts(0, 5), {}, at(5));
  CHECK_FALSE(outlet.waits_for_others(1));
  outlet.cut(1);
  CHECK(outlet.waits_for_others(0));
  outlet.give(1, {}, {}, at(20));
  CHECK_FALSE(outlet.waits_for_others(0));
}
