// If one of these fails, something is due and nobody looks, or looks again and again.
#include "engine/runtime/deadlines.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

using namespace tocsin;

TEST_CASE("the earliest deadline comes first, however they move") {
  std::mt19937 random(5);
  for (std::uint32_t programs : {1u, 2u, 7u, 40u}) {
    Deadlines deadlines(programs);
    std::map<std::uint32_t, Instant> plain;
    for (int i = 0; i < 20'000; ++i) {
      const std::uint32_t program = static_cast<std::uint32_t>(random()) % programs;
      if (random() % 3 == 0) {
        deadlines.set(program, std::nullopt);
        plain.erase(program);
      } else {
        const Instant at{Time{static_cast<std::int64_t>(random() % 50)},
                         random() % 2 == 0 ? Phase::over : Phase::waited};
        deadlines.set(program, at);
        plain[program] = at;
      }
      REQUIRE(deadlines.empty() == plain.empty());
      if (plain.empty()) continue;
      const auto first = std::ranges::min_element(plain, [](const auto& a, const auto& b) {
        return a.second != b.second ? a.second < b.second : a.first < b.first;
      });
      REQUIRE(deadlines.first() == first->second);
      REQUIRE(deadlines.first_program() == first->first);
      REQUIRE(deadlines.of(program).has_value() == plain.contains(program));
    }
  }
}
