#include "engine/state/key_group.h"

#include <doctest/doctest.h>

#include <limits>
#include <set>

#include "engine/event/key.h"
#include "engine/state/address.h"

namespace tocsin {
namespace {

std::string canonical(std::initializer_list<Value> parts) {
  std::string out;
  for (const Value& part : parts) append_key(out, part);
  return out;
}

// The vectors of Kafka's own UtilsTest.
TEST_CASE("murmur2 is Kafka's") {
  CHECK(static_cast<std::int32_t>(murmur2("21")) == -973932308);
  CHECK(static_cast<std::int32_t>(murmur2("foobar")) == -790332482);
  CHECK(static_cast<std::int32_t>(murmur2("a-little-bit-long-string")) == -985981536);
  CHECK(static_cast<std::int32_t>(murmur2("a-little-bit-longer-string")) == -1486304829);
  CHECK(static_cast<std::int32_t>(murmur2("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8")) == -58897971);
  CHECK(static_cast<std::int32_t>(murmur2("abc")) == 479470107);
}

TEST_CASE("a key as a record key: what a producer would write") {
  CHECK(record_key_of(canonical({Value::text("ann")})) == "ann");
  CHECK(record_key_of(canonical({Value::integer(-7)})) == "-7");
  CHECK(record_key_of(canonical({Value::floating(1.0)})) == "1");
  CHECK(record_key_of(canonical({Value::floating(1.5)})) == "1.5");
  CHECK(record_key_of(canonical({Value::boolean(true)})) == "true");
  CHECK(record_key_of("") == "");
  CHECK(record_key_of(canonical({Value::text("ann"), Value::integer(1)})) == std::string("\0\0\0\3ann\0\0\0\1"
                                                                                         "1",
                                                                                         12));
  CHECK(key_group_of(canonical({Value::integer(1)})) == key_group_of(canonical({Value::text("1")})));
}

TEST_CASE("shards have runs of groups, none left out and none twice, and a group knows its shard") {
  for (std::uint32_t shards : {1u, 2u, 3u, 7u, 8u, 64u, 720u}) {
    std::uint32_t next = 0;
    for (std::uint32_t i = 0; i < shards; ++i) {
      CHECK(first_group(i, shards) == next);
      for (; next < first_group(i + 1, shards); ++next) REQUIRE(shard_of(next, shards) == i);
    }
    CHECK(next == kKeyGroups);
  }
}

TEST_CASE("addresses come back as they were, in the order of groups, and rubbish is none") {
  const StateAddress address{719, 70'000, StateKind::budget, "key"};
  std::string bytes;
  address.append(bytes);
  const auto read = StateAddress::read(bytes);
  REQUIRE(read);
  CHECK(read->group == 719);
  CHECK(read->program == 70'000);
  CHECK(read->kind == StateKind::budget);
  CHECK(read->key == "key");
  CHECK_FALSE(StateAddress::read(bytes.substr(0, 6)));
  CHECK_FALSE(TimedKey::read("1234567"));
  std::string before;
  for (const std::int64_t us : {std::numeric_limits<std::int64_t>::min(), std::int64_t{-256}, std::int64_t{-1},
                                std::int64_t{0}, std::int64_t{255}, std::numeric_limits<std::int64_t>::max()}) {
    std::string timed;
    TimedKey{Time{us}, "key"}.append(timed);
    CHECK(before < timed);
    CHECK(TimedKey::read(timed)->at == Time{us});
    CHECK(TimedKey::read(timed)->key == "key");
    before = timed;
  }
  CHECK_FALSE(StateAddress::read(std::string(7, '\xff')));
  std::string smaller;
  StateAddress{1, 0xffffffff, StateKind::program, "zzz"}.append(smaller);
  CHECK(smaller < bytes);
}

}  // namespace
}  // namespace tocsin
