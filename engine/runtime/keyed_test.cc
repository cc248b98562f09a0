// If one of these fails, a key's deadline is forgotten or told twice, or what has ended is remembered for ever.
#include "engine/runtime/keyed.h"

#include <doctest/doctest.h>

#include <map>
#include <random>

using namespace tocsin;

namespace {

struct State {
  std::optional<Instant> scheduled, due;
  TouchTag touched = 0;
};

std::optional<Instant> due_of(const State& state) { return state.due; }
Instant at(std::int64_t second) { return {Time{} + seconds(second), Phase::over}; }

}  // namespace

TEST_CASE("of sessions that have ended no deadlines are kept, though one that is open stands before them") {
  Keyed<State> keys;
  const auto open = [&](const std::string& key, std::int64_t until) {
    State& state = keys.insert(key, std::make_unique<State>());
    state.due = at(until);
    keys.schedule(key, state, state.due);
  };
  open("idle", 1'000'000);
  std::size_t most = 0;
  for (const bool all_at_once : {false, true})
    for (std::int64_t i = 0; i < 20'000; ++i) {
      open("busy", 2'000'000 + (all_at_once ? 0 : i));
      keys.erase("busy");
      most = std::max(most, keys.queued());
    }
  CHECK(most < 100);
  CHECK(keys.next(due_of) == at(1'000'000));
  CHECK(keys.take(at(3'000'000)) == std::vector<std::string>{"idle"});
  CHECK(keys.queued() == 0);
}

TEST_CASE("deadlines that come and go, move and ring: as if each were looked for") {
  std::mt19937 random(7);
  Keyed<State> keys;
  std::map<std::string, Instant> plain;
  std::size_t rung = 0;
  for (std::int64_t now = 0; now < 60'000; ++now) {
    const std::string key = "k" + std::to_string(random() % 300);
    State* state = keys.find(key);
    if (state == nullptr) {
      state = &keys.insert(key, std::make_unique<State>());
    } else if (random() % 4 == 0) {
      keys.erase(key);
      plain.erase(key);
      continue;
    }
    state->due = at(now + 1 + static_cast<std::int64_t>(random() % 2'000));
    plain[key] = *state->due;
    keys.schedule(key, *state, state->due);
    REQUIRE(keys.queued() <= 2 * 300 + 64);
    if (random() % 8 != 0) continue;
    const auto first = std::ranges::min_element(plain, {}, [](const auto& one) { return one.second; });
    REQUIRE(keys.next(due_of) == first->second);
    for (const std::string& due : keys.take(at(now))) {
      State& ringing = *keys.find(due);
      if (*ringing.due <= at(now)) {
        ++rung;
        REQUIRE(plain.erase(due) == 1);
        ringing.due.reset();
      }
      keys.schedule(due, ringing, ringing.due);
    }
    REQUIRE(std::ranges::none_of(plain, [&](const auto& one) { return one.second <= at(now); }));
  }
  CHECK(rung > 1'000);
}
