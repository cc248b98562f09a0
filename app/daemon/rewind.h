// Lets a source that cannot go back go back all the same: what it gave stays here until it is stored, so that other
// rules can begin where the ones before them stood, and so that a daemon that stops can keep what nobody has judged yet
// for its next start (unjudged.h). After a crash it is gone: what such a source gave and no epoch has is lost
// (docs/operations.md).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "engine/io/source.h"

namespace tocsin::app {

class Rewind final : public Source {
 public:
  explicit Rewind(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  // What was kept when the process before this one stopped. Before `start`; `read_to`: up to where each partition had
  // been read then, by its number, or later on.
  void give_first(std::vector<Block> kept);
  bool gives(std::uint32_t partition, std::uint64_t offset) const;
  void had_read_to(std::vector<std::uint64_t> read_to) { read_to_ = std::move(read_to); }
  // What is to be kept for the next one: what was given and is not stored. Not that a partition has ended.
  std::vector<Block> kept() const;

  std::uint32_t partitions() const override { return source_->partitions(); }
  bool can_go_back() const override { return false; }
  // The first time it is the source that starts; then what is here comes again from there, of all partitions, and
  // nothing can fail.
  Result<void> start(std::span<const Progress> from) override;
  Result<Polled> poll(Block& into, Duration wait) override;
  void set_block(std::size_t bytes) override { source_->set_block(bytes); }
  void pause(std::uint32_t partition) override { source_->pause(partition); }
  void resume(std::uint32_t partition) override { source_->resume(partition); }
  std::string bookmark(std::uint32_t partition, std::uint64_t next_offset) const override {
    return source_->bookmark(partition, next_offset);
  }
  void stored(std::span<const Progress> safe) override;
  double done() const override { return source_->done(); }
  std::string trouble() const override { return source_->trouble(); }

 private:
  Result<void> start_source(std::span<const Progress> from);
  void forget(std::span<const Progress> safe);

  std::unique_ptr<Source> source_;
  bool started_ = false;
  std::deque<Block> kept_;
  std::size_t next_ = 0;        // of kept_, to be given again
  std::vector<Progress> from_;  // what stands before is not given again
  std::vector<std::uint64_t> read_to_;
};

}  // namespace tocsin::app
