// Where what belongs together is kept: state, outbox, positions and watermarks of one epoch, as one durable unit.
//
// The store knows bytes, not their meaning (state/snapshot writes and reads them). One thread owns it.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/sink.h"

namespace tocsin {

class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  // The pieces as one unit, durable when it returns: after a crash either all of it is there or nothing of it. REQUIRES: the
  // epoch is greater than any stored before. What this epoch changed, not the whole state: `restore` gives all in order.
  virtual Result<void> store(Epoch epoch, std::span<const std::string_view> pieces) = 0;

  // The newest durable epoch; 0: none.
  virtual Epoch newest() const = 0;

  // Gives every stored unit up to the newest, oldest first, checksums verified. A damaged unit is an error, never skipped:
  // silence would lose state.
  using Reader = std::function<Result<void>(Epoch, std::string_view bytes)>;
  virtual Result<void> restore(const Reader& reader) const = 0;

  // A base that stands for everything up to `epoch`: older units may go. Durable before anything is removed.
  virtual Result<void> replace_up_to(Epoch epoch, std::span<const std::string_view> base) = 0;
};

}  // namespace tocsin
