// The rules that a reload was to rebuild, kept beside the state until what they remember then is durable: a daemon that
// ends before that begins with it when it starts again, so that they never go on from nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/disk.h"

namespace tocsin::app {

struct Rebuilding {
  std::vector<std::string> rules;
  // They began behind this epoch: the next one has what they remember. 0: they have not begun.
  std::uint64_t behind = 0;
};

// Nothing: there are none.
Result<std::optional<Rebuilding>> read_rebuilding(Disk& disk);
// Durable when they return.
Result<void> write_rebuilding(Disk& disk, const Rebuilding& what);
Result<void> remove_rebuilding(Disk& disk);

}  // namespace tocsin::app
