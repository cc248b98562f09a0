// Gives what a source gives, of each partition up to a place and no further: so much of a log as somebody else has
// read. What it has been given beyond that stays here until it may be given, too.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/io/source.h"

namespace tocsin::app {

class UpTo final : public Source {
 public:
  // `from`: where each partition of the source has been started.
  UpTo(std::unique_ptr<Source> source, std::span<const Progress> from);

  void may_give_to(std::uint32_t partition, std::uint64_t offset) { parts_[partition].most = offset; }
  bool is_there(std::uint32_t partition) const { return left(partition) == 0; }
  std::uint64_t left(std::uint32_t partition) const {
    const Part& part = parts_[partition];
    return part.most > part.next ? part.most - part.next : 0;
  }
  std::uint64_t next(std::uint32_t partition) const { return parts_[partition].next; }

  std::uint32_t partitions() const override { return static_cast<std::uint32_t>(parts_.size()); }
  bool can_go_back() const override { return false; }
  Result<void> start(std::span<const Progress>) override { return {}; }
  // That a partition ends is not given: what somebody else has read of it may be less.
  Result<Polled> poll(Block& into, Duration wait) override;
  void pause(std::uint32_t partition) override { parts_[partition].is_paused = true; }
  void resume(std::uint32_t partition) override { parts_[partition].is_paused = false; }
  void stored(std::span<const Progress>) override {}
  std::string bookmark(std::uint32_t partition, std::uint64_t next_offset) const override {
    return source_->bookmark(partition, next_offset);
  }
  std::vector<SourceNote> notes(std::uint32_t partition, std::uint64_t next_offset) override {
    return source_->notes(partition, next_offset);
  }
  std::string trouble() const override { return source_->trouble(); }

 private:
  struct Part {
    std::uint64_t next = 0, most = 0;
    Block rest;  // nothing in it: there is none
    bool is_paused = false;
  };
  bool give(Block& block);

  std::unique_ptr<Source> source_;
  std::vector<Part> parts_;
};

}  // namespace tocsin::app
