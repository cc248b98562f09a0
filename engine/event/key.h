// Values as keys: equal values have equal bytes, and different ones different bytes (T10: 1 and 1.0 are one key, the
// text "1" is another). No value's bytes begin another's, so the parts of a key follow each other without ambiguity.
// The bytes are embedded in checkpoints and alert ids.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/event/value.h"

namespace tocsin {

void append_key(std::string& out, const Value& value);

// The same of a text, into memory that is there: `kTextKeyExtra` bytes more than it has. Returns the end.
inline constexpr std::size_t kTextKeyExtra = 5;
char* write_text_key(char* out, std::string_view text);

// Equal values have equal hashes.
std::uint64_t hash_of(const Value& value);

}  // namespace tocsin
