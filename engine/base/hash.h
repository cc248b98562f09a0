// XXH3, for hash tables and content hashes. Its values are for ever (alert ids, the function `hash`), so never another
// one.
#pragma once

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <cstdint>
#include <string_view>

namespace tocsin {

inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

// For maps that are looked up by views: boost::unordered_flat_map<std::string, T, TextHash, std::equal_to<>>.
struct TextHash {
  using is_transparent = void;
  using is_avalanching = void;  // every bit counts: boost need not mix once more
  std::size_t operator()(std::string_view text) const noexcept { return hash_bytes(text); }
};

}  // namespace tocsin
