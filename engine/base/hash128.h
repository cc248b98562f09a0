// XXH3 with 128 bits, for durable sums over many things: of 64 bits a few billion would meet each other.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <compare>
#include <cstdint>
#include <string_view>

namespace tocsin {

// A number of 128 bits that wraps around, so that a sum of hashes stands for a set however it was put together.
struct Hash128 {
  std::uint64_t low = 0, high = 0;
  friend auto operator<=>(const Hash128&, const Hash128&) = default;
  friend Hash128 operator+(Hash128 a, Hash128 b) {
    const std::uint64_t sum = a.low + b.low;
    return {sum, a.high + b.high + (sum < a.low ? 1 : 0)};
  }
  friend Hash128 operator-(Hash128 a, Hash128 b) { return {a.low - b.low, a.high - b.high - (a.low < b.low ? 1 : 0)}; }
};

inline Hash128 hash_bytes_128(std::string_view bytes, std::uint64_t seed = 0) {
  const XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data(), bytes.size(), seed);
  return {hash.low64, hash.high64};
}

}  // namespace tocsin
