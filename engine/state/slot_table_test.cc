// Were this wrong, a key would find another key's state, or memory would grow with every key that was ever seen.
#include "engine/state/slot_table.h"

#include <doctest/doctest.h>

#include <random>
#include <set>
#include <string>

#include "engine/base/hash.h"

namespace {

using namespace tocsin;

struct Count {
  std::uint64_t number = 0;
};
using Table = SlotTable<Count>;

bool never(const Table::Slot&) { return false; }

TEST_CASE("keys of any length find their own slot, also when hashes collide") {
  Table table(16);
  const auto key_of = [](std::uint64_t i) { return std::string(i % 50, 'k') + std::to_string(i); };
  const auto hash_of = [](const std::string& key) { return hash_bytes(key) % 64; };  // many keys have one hash
  for (std::uint64_t i = 0; i < 500; ++i) {
    const std::string key = key_of(i);
    REQUIRE(table.find(hash_of(key), key) == nullptr);
    Table::Slot& slot = table.make(hash_of(key), key, never);
    slot.body.number = i;
    slot.tail<std::uint64_t>()[1] = i;
  }
  CHECK(table.size() == 500);
  for (std::uint64_t i = 0; i < 500; ++i) {
    const std::string key = key_of(i);
    const Table::Slot* slot = table.find(hash_of(key), key);
    REQUIRE(slot != nullptr);
    CHECK(slot->body.number == i);
    CHECK(slot->tail<std::uint64_t>()[1] == i);
    CHECK(slot->key_view() == key);
  }
}

TEST_CASE("what is idle is given up: the table is as large as what was in use at once") {
  Table table(0);
  std::size_t most = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    const std::string key = "a key that has a block of its own " + std::to_string(i);
    table.make(hash_bytes(key), key, [i](const Table::Slot& slot) { return slot.body.number + 100 < i; }).body.number =
        i;
    most = std::max(most, table.bytes());
  }
  CHECK(table.size() < 1'000);
  CHECK(most < 100'000);
  const std::string last = "a key that has a block of its own 99999";
  CHECK(table.find(hash_bytes(last), last) != nullptr);
}

TEST_CASE("what is erased a piece at a time is gone, and nothing else") {
  Table table(0);
  const auto hash_of = [](const std::string& key) { return hash_bytes(key) % 1'000; };  // chains in the index
  const auto key_of = [](std::uint64_t i) {
    return (i % 3 == 0 ? "a key that has a block of its own " : "k") + std::to_string(i);
  };
  std::set<std::uint64_t> there;
  std::mt19937_64 random(7);
  std::size_t erased = 0;
  for (std::uint64_t step = 0; step < 20'000; ++step) {
    const std::uint64_t i = random() % 700;
    const std::string key = key_of(i);
    Table::Slot* slot = table.find(hash_of(key), key);
    REQUIRE((slot != nullptr) == there.contains(i));
    if (slot == nullptr)
      table.make(hash_of(key), key, never).body.number = i;
    else
      CHECK(slot->body.number == i);
    there.insert(i);
    if (step % 16 != 0) continue;
    erased += table.erase_some(40, [&](const Table::Slot& one) {
      return one.body.number % 2 == step / 16 % 2 && there.erase(one.body.number) == 1;
    });
    REQUIRE(table.size() == there.size());
  }
  CHECK(erased > 5'000);
  CHECK(table.bytes() < 200'000);  // slots are used again
}

}  // namespace
