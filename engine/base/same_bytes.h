// Are two texts the same? For where every event asks, and nearly all texts are short.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace tocsin {

// The first and the last word, which may overlap. REQUIRES: each text has such a word.
template <class Word>
[[gnu::always_inline]] inline bool same_ends(const char* a, const char* b, std::size_t size) {
  Word of_a[2], of_b[2];
  std::memcpy(&of_a[0], a, sizeof(Word));
  std::memcpy(&of_b[0], b, sizeof(Word));
  std::memcpy(&of_a[1], a + size - sizeof(Word), sizeof(Word));
  std::memcpy(&of_b[1], b + size - sizeof(Word), sizeof(Word));
  return ((of_a[0] ^ of_b[0]) | (of_a[1] ^ of_b[1])) == 0;
}

// Those of 4 to 16 bytes without a call, or a loop.
[[gnu::always_inline]] inline bool same_bytes(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  if (a.size() - 8 <= 8) return same_ends<std::uint64_t>(a.data(), b.data(), a.size());
  if (a.size() - 4 <= 4) return same_ends<std::uint32_t>(a.data(), b.data(), a.size());
  return a == b;
}

}  // namespace tocsin
