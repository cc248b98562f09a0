// Bytes -> events. The codecs implement it (adapters/codec); the runtime calls it once per block.
//
// A decoder belongs to one partition and one thread: it may remember the order of keys, a header line, the rest of a
// record that goes on in the next block. The same records give the same events and dead letters, however they are cut
// into blocks.
#pragma once

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

  // False: what a block gives does not depend on the blocks before it, so those of one partition may be decoded side by
  // side, by decoders of the same making.
  virtual bool remembers() const { return true; }
};

}  // namespace tocsin
