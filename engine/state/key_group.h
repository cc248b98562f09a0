// Which shard a key is of: 720 groups, dealt to shards in runs. The group is that of Kafka's own partitioner over the
// bytes that the key has as a record key, so that with P partitions, P a divisor of 720, a partition is a whole set of
// groups, and an input that is keyed as a rule is need not be exchanged. Embedded in durable state: never another
// function, never another number.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tocsin {

inline constexpr std::uint32_t kKeyGroups = 720;  // 30 divisors

// As Kafka's DefaultPartitioner hashes: MurmurHash2 of 32 bits with its seed.
std::uint32_t murmur2(std::string_view bytes);

// The canonical bytes of a key (key.h) as a Kafka record key: texts raw, numbers decimal (1.0 is `1`), booleans `true`
// and `false`, all else as append_text writes it; of several parts each stands behind its length, four bytes
// big-endian. Of no part: nothing.
std::string record_key_of(std::string_view canonical);

std::uint16_t key_group_of(std::string_view canonical);
// That of some of the key's parts, in the order in which they are named here. REQUIRES: it has them.
std::uint16_t key_group_of(std::string_view canonical, std::span<const std::uint32_t> parts);
// Of what has a name instead of a key.
std::uint16_t key_group_of_name(std::string_view name);

// Runs of groups: shard i of n has those from first_group(i, n) up to first_group(i + 1, n).
constexpr std::uint32_t first_group(std::uint32_t shard, std::uint32_t shards) {
  return (shard * kKeyGroups + shards - 1) / shards;
}
constexpr std::uint32_t shard_of(std::uint32_t group, std::uint32_t shards) { return group * shards / kKeyGroups; }

}  // namespace tocsin
