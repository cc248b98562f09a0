// What the last checkpoints did and cost, kept with the state: for `tocsin status`, metrics and advice. A checkpoint is
// a merge into the base.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/io/sink.h"

namespace tocsin {

struct CheckpointNote {
  Time at;        // wall clock, when it began
  Epoch through;  // the base stood for all epochs up to it afterwards
  std::uint64_t epochs = 0, changes = 0, bytes = 0;
  std::uint64_t base_bytes = 0;
  Duration took{};
  std::string failure;  // why it failed; empty: it did not
  friend bool operator==(const CheckpointNote&, const CheckpointNote&) = default;
};

class CheckpointHistory {
 public:
  static constexpr std::size_t kNotesMax = 1'000;  // the oldest goes when another comes

  virtual ~CheckpointHistory() = default;
  // Durable when it returns. From the thread that merges: it waits for a merge.
  virtual Result<void> note(const CheckpointNote& note) = 0;
  // Newest first, at most so many.
  virtual Result<std::vector<CheckpointNote>> notes(std::size_t most) const = 0;
};

}  // namespace tocsin
