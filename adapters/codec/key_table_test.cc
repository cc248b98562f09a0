// Every wanted key is found under its own number and no other key is, however alike they are.
#include "adapters/codec/key_table.h"

#include <doctest/doctest.h>

#include <random>
#include <set>

namespace tocsin {
namespace {

std::uint32_t find(const KeyTable& table, const std::string& key) {
  const std::string padded = key + std::string(8, '"');  // what follows a key in its record is not looked at
  return table.find(padded.data(), key.size());
}

void check_finds_all(const std::vector<std::string>& keys) {
  const KeyTable table(keys);
  for (std::uint32_t i = 0; i < keys.size(); ++i) {
    CAPTURE(keys[i]);
    CHECK(find(table, keys[i]) == i);
  }
}

TEST_CASE("key table: keys that differ in their middle alone") {
  const std::vector<std::string> keys{"shipping_address_postal_code", "shipping_country_postal_code",
                                      "shipping_comment_postal_code", "shipping_postal_code", "id"};
  check_finds_all(keys);
  const KeyTable table(keys);
  CHECK(find(table, "shipping_station_postal_code") == KeyTable::kNone);
  CHECK(find(table, "shipping__postal_code") == KeyTable::kNone);
}

TEST_CASE("key table: none, one, the empty key, and keys that are the beginning or the end of another") {
  CHECK(find(KeyTable({}), "a") == KeyTable::kNone);
  CHECK(find(KeyTable({}), "") == KeyTable::kNone);
  CHECK(find(KeyTable({"a"}), "") == KeyTable::kNone);
  check_finds_all({"", "a", "aa", "aaa", "aaaaaaa", "aaaaaaaa", "aaaaaaaaa", "aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa"});
}

TEST_CASE("key table: many names at random, of two letters and few words, so that many look alike") {
  std::mt19937 random(7);
  for (int round = 0; round < 200; ++round) {
    std::set<std::string> names;
    const std::size_t wanted = 1 + random() % 300;
    for (std::size_t i = 0; i < wanted; ++i) {
      std::string name;
      for (std::size_t length = random() % 40; name.size() < length;) name += random() % 8 == 0 ? "zwo" : "ab";
      names.insert(name);
    }
    const std::vector<std::string> all(names.begin(), names.end());
    std::vector<std::string> half;
    for (std::size_t i = 0; i < all.size(); i += 2) half.push_back(all[i]);
    check_finds_all(half);
    const KeyTable table(half);
    for (std::size_t i = 1; i < all.size(); i += 2) CHECK(find(table, all[i]) == KeyTable::kNone);
  }
}

}  // namespace
}  // namespace tocsin
