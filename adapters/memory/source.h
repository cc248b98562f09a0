// Blocks from memory, and messages into it: for tests, simulations and whoever embeds the engine.
#pragma once

#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/source.h"

namespace tocsin {

// Gives out what was pushed, in the order of pushing; each push is a block of whole lines. Can go back: nothing is
// thrown away before it is stored.
class MemorySource final : public Source {
 public:
  explicit MemorySource(SourceId id, std::uint32_t partitions = 1);

  void push(std::uint32_t partition, std::string_view lines, Time arrived = {});
  void end(std::uint32_t partition);  // nothing more is pushed to it

  std::uint32_t partitions() const override { return static_cast<std::uint32_t>(parts_.size()); }
  bool can_go_back() const override { return true; }
  Result<void> start(std::span<const Progress> from) override;
  Result<Polled> poll(Block& into, Duration wait) override;
  void pause(std::uint32_t partition) override { parts_[partition].paused = true; }
  void resume(std::uint32_t partition) override { parts_[partition].paused = false; }
  void stored(std::span<const Progress> safe) override;

 private:
  struct Piece {
    std::string lines;
    std::uint64_t first_line = 1;
    Time arrived;
    std::uint64_t behind() const;  // the number of the first line after it
  };
  struct Partition {
    std::deque<Piece> pieces;     // not stored yet
    std::size_t next = 0;         // to give out
    std::uint64_t next_line = 1;  // to be pushed
    std::uint64_t first_wanted = 1;
    bool ended = false, told = false, paused = false;
  };
  bool give(std::uint32_t number, Block& into);

  SourceId id_;
  std::vector<Partition> parts_;
  std::uint32_t turn_ = 0;  // partitions take turns
};

}  // namespace tocsin
