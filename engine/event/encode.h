// Values as bytes, in two forms with one reader:
//  - keys: equal values have equal bytes, and different ones different bytes (T10: 1 and 1.0 are one key, the text "1" is
//    another). Parts of a key follow each other without ambiguity. The bytes are embedded in checkpoints and alert ids.
//  - exact: every value comes back as it was, an int as an int and a float as a float. For captures in checkpoints.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/value.h"

namespace tocsin {

void append_key(std::string& out, const Value& value);
void append_exact(std::string& out, const Value& value);

// Takes one value from the front of `bytes`; its texts and parts are put into the arena. Nothing: the bytes are no value
// (a broken checkpoint), or nested deeper than any decoder lets through.
std::optional<Value> take_value(std::string_view& bytes, Arena& arena);

// The value without any copy where it views bytes: texts see `bytes`, so they must outlive it. Addresses and points still need
// the arena.
std::optional<Value> view_value(std::string_view& bytes, Arena& arena);

// Equal keys have equal hashes.
std::uint64_t hash_of(const Value& value);

// A deep copy whose every part lies in the arena.
Value copy_value(const Value& value, Arena& arena);

}  // namespace tocsin
