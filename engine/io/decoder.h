// Bytes -> events. The codecs implement it (adapters/codec); the runtime calls it once per block.
//
// A decoder belongs to one partition and one thread: it may remember the order of keys, a header line, the rest of a
// record that goes on in the next block. The same records give the same events and dead letters, however they are cut
// into blocks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/batch.h"
#include "engine/io/block.h"
#include "engine/io/dead_letter.h"

namespace tocsin {

class Decoder {
 public:
  virtual ~Decoder() = default;

  // Appends the block's events to the batch, in the order of their offsets, and what is no event to `dead`. The batch
  // takes the block's bytes where its texts view them; the block is left with a buffer for the next poll.
  virtual void decode(Block& block, EventBatch& into, DeadLetters& dead) = 0;

  // What it has to be told to go on in the middle of a partition, where the records are not given again that have told
  // it before (the columns of a CSV): stored with positions. Empty: nothing.
  virtual std::string memory() const { return {}; }
  // Goes on at `next_offset` as the one that said so; of what stands behind that it will hear again. Before the first
  // block. False: these words are none of a decoder of this kind.
  virtual bool recall(std::string_view memory, std::uint64_t /*next_offset*/) { return memory.empty(); }
  // The first offset of a record whose rest has not come yet: who goes on later begins there.
  virtual std::optional<std::uint64_t> unfinished() const { return {}; }

  // False: what a block gives does not depend on the blocks before it, so those of one partition may be decoded side by
  // side, by decoders of the same making.
  virtual bool remembers() const { return true; }
};

}  // namespace tocsin
