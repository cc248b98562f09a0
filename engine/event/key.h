// Values as keys: equal values have equal bytes, and different ones different bytes (T10: 1 and 1.0 are one key, the
// text "1" is another). No value's bytes begin another's, so the parts of a key follow each other without ambiguity.
// The bytes are embedded in checkpoints and alert ids.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "engine/base/hash.h"
#include "engine/event/value.h"

namespace tocsin {

void append_key(std::string& out, const Value& value);

// The same of a text, into memory that is there: `kTextKeyExtra` bytes more than it has. Returns the end.
inline constexpr std::size_t kTextKeyExtra = 5;
inline constexpr char kTextKeyTag = 5;
char* write_text_key(char* out, std::string_view text);
// Is that all of the key?
inline bool is_text_key(std::string_view key) {
  std::uint32_t size = 0;
  if (key.size() < kTextKeyExtra || key[0] != kTextKeyTag) return false;
  std::memcpy(&size, key.data() + 1, sizeof size);
  return size == key.size() - kTextKeyExtra;
}

// Of a key, for tables of keys. That of one text is the same by the text alone: it need not be read right after it was
// written, for which a processor has to wait.
inline std::uint64_t hash_of_text_key(std::string_view text) { return hash_bytes(text, 1); }
inline std::uint64_t hash_of_key(std::string_view key) {
  return is_text_key(key) ? hash_of_text_key(key.substr(kTextKeyExtra)) : hash_bytes(key);
}

// Equal values have equal hashes.
std::uint64_t hash_of(const Value& value);

}  // namespace tocsin
