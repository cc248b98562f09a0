// Values as bytes and back, as they were: an int as an int, a float as a float. For captures in checkpoints, and for
// deep copies. Keys (key.h) have the same layout, so one reader reads both.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/key.h"
#include "engine/event/value.h"

namespace tocsin {

void append_exact(std::string& out, const Value& value);

// Takes one value from the front of `bytes`; its texts and parts are put into the arena. Nothing: the bytes are no
// value (a broken checkpoint), or nested deeper than any decoder lets through.
std::optional<Value> take_value(std::string_view& bytes, Arena& arena);

// The value without any copy where it views bytes: texts see `bytes`, so they must outlive it. Addresses and points
// still need the arena.
std::optional<Value> view_value(std::string_view& bytes, Arena& arena);

// A deep copy whose every part lies in the arena.
Value copy_value(const Value& value, Arena& arena);

}  // namespace tocsin
