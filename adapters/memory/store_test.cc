// If one of these fails, what is tested over the store in memory is not what the durable one would do.
#include "adapters/memory/store.h"

#include <doctest/doctest.h>

#include "tests/support/store_contract.h"

using namespace tocsin;

TEST_CASE("memory store: random histories, as a map would have them") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    MemoryStore store;
    const tests::StoreUnderTest tested{[&]() -> CheckpointStore& { return store; }, [] {}};
    REQUIRE(tests::run_history(tested, seed, 120) == "");
  }
}

TEST_CASE("memory store: the last thousand notes, newest first") {
  MemoryStore store;
  for (std::int64_t i = 0; i < 1'005; ++i)
    REQUIRE(store.note({.at = Time{i}, .through = {}, .failure = i == 1'003 ? "the disk is full" : ""}));
  const auto notes = store.notes(5'000).value();
  REQUIRE(notes.size() == CheckpointHistory::kNotesMax);
  CHECK(notes.front().at == Time{1'004});
  CHECK(notes[1].failure == "the disk is full");
  CHECK(notes.back().at == Time{5});
  CHECK(store.notes(2).value().size() == 2);
}
