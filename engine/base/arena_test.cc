// If one of these fails, values of a batch lie over each other or on a wrong boundary.
#include "engine/base/arena.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <string>

using namespace tocsin;

TEST_CASE("arena: pieces do not move, overlap or lose their alignment, also across chunks") {
  Arena arena;
  std::vector<std::pair<std::string_view, std::string>> texts;
  std::vector<std::pair<const std::int64_t*, std::int64_t>> numbers;
  for (std::int64_t i = 0; i < 20'000; ++i) {
    const std::string text(static_cast<std::size_t>(i % 37), static_cast<char>('a' + i % 26));
    texts.emplace_back(arena.text(text), text);
    numbers.emplace_back(arena.put(i), i);
  }
  for (const auto& [view, text] : texts) REQUIRE(view == text);
  for (const auto& [pointer, number] : numbers) {
    REQUIRE(reinterpret_cast<std::uintptr_t>(pointer) % alignof(std::int64_t) == 0);
    REQUIRE(*pointer == number);
  }
}

TEST_CASE("arena: a piece larger than a chunk has a chunk of its own") {
  Arena arena;
  const std::string before = "before";
  const std::string_view small = arena.text(before);
  const std::string large(Arena::kChunk * 3, 'x');
  CHECK(arena.text(large) == large);
  CHECK(small == before);
}

TEST_CASE("arena: after clear the same chunks serve again") {
  Arena arena;
  const auto fill = [&] {
    for (int i = 0; i < 1000; ++i) (void)arena.array<std::int64_t>(100);
  };
  fill();
  const std::size_t held = arena.bytes_held();
  for (int round = 0; round < 10; ++round) {
    arena.clear();
    fill();
  }
  CHECK(arena.bytes_held() == held);
}
