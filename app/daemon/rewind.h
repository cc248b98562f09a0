// Lets a source that cannot go back go back all the same, as long as the process lives: what it gave stays here until
// it is stored, so that other rules can begin where the ones before them stood. After a crash it is gone: what such a
// source gave and no epoch has is lost (docs/operations.md).
#pragma once

#include <deque>
#include <memory>

#include "engine/io/source.h"

namespace tocsin::app {

class Rewind final : public Source {
 public:
  explicit Rewind(std::unique_ptr<Source> source) : source_(std::move(source)) {}

  std::uint32_t partitions() const override { return source_->partitions(); }
  bool can_go_back() const override { return false; }
  // The first time it is the source that starts; then what is here comes again from there, of all partitions, and
  // nothing can fail.
  Result<void> start(std::span<const Progress> from) override;
  Result<Polled> poll(Block& into, Duration wait) override;
  void pause(std::uint32_t partition) override { source_->pause(partition); }
  void resume(std::uint32_t partition) override { source_->resume(partition); }
  std::string bookmark(std::uint32_t partition, std::uint64_t next_offset) const override {
    return source_->bookmark(partition, next_offset);
  }
  void stored(std::span<const Progress> safe) override;
  double done() const override { return source_->done(); }
  std::string trouble() const override { return source_->trouble(); }

 private:
  std::unique_ptr<Source> source_;
  bool started_ = false;
  std::deque<Block> kept_;
  std::size_t next_ = 0;  // of kept_, to be given again
};

}  // namespace tocsin::app
