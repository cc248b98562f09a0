// What a savepoint is made of. The state itself is written and read a piece at a time (writer.h, reader.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/hash128.h"
#include "engine/io/checkpoint_store.h"

namespace tocsin {

// What it says of itself, for lists.
struct SavepointNote {
  Time made;  // wall clock
  Epoch epoch;
  std::uint64_t generation = 0;  // of the rules that ran
  std::uint64_t rules = 0;
  std::string version;  // of the program that made it
  friend bool operator==(const SavepointNote&, const SavepointNote&) = default;
};

struct SavepointRules {
  std::string path, text;
  friend bool operator==(const SavepointRules&, const SavepointRules&) = default;
};

// The end of it: what was counted on the way there.
struct SavepointFigures {
  std::uint64_t addresses = 0, bytes = 0;
  Hash128 digest;  // of the state: two that are equal remember the same
};

}  // namespace tocsin
