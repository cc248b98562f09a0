// What sources that cannot go back had given when the daemon stopped, and no rule has judged: it waited in event time.
// It is kept beside the state, in a file of its own (docs/formats.md), and given first at the next start.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/block.h"
#include "engine/io/disk.h"

namespace tocsin::app {

struct KeptBlocks {
  std::string source;
  std::vector<Block> blocks;
};

// In place of what was kept before; of nothing there is no file.
Result<void> keep_unjudged(Disk& disk, std::span<const KeptBlocks> all);
// No file: nothing.
Result<std::vector<KeptBlocks>> read_unjudged(Disk& disk);

// Blocks are moved only.
Block copy_of(const Block& block);

}  // namespace tocsin::app
