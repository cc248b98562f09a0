#include "app/daemon/rewind.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "app/daemon/unjudged.h"

namespace tocsin::app {
namespace {

bool is_before(const Block& block, std::span<const Progress> positions) {
  const auto own = std::ranges::find(positions, block.partition, &Progress::partition);
  return own != positions.end() && block.next_offset <= own->next_offset && !block.ends;
}

// Where the block begins before the position: whoever goes on in its middle must not see the lines before, which may be
// the end of a record that began earlier.
void skip_to(Block& block, std::span<const Progress> positions) {
  const auto own = std::ranges::find(positions, block.partition, &Progress::partition);
  if (own == positions.end() || block.cut || !block.records.empty()) return;
  std::string_view text = block.bytes.view();
  while (block.first_offset < own->next_offset && !text.empty()) {
    text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    ++block.first_offset;
  }
  std::memmove(block.bytes.data(), text.data(), text.size());
  block.bytes.set_size(text.size());
}

}  // namespace

bool Rewind::gives(std::uint32_t partition, std::uint64_t offset) const {
  return std::ranges::any_of(kept_, [&](const Block& b) { return b.partition == partition && b.next_offset > offset; });
}

void Rewind::give_first(std::vector<Block> kept) {
  for (Block& block : kept) kept_.push_back(std::move(block));
}

std::vector<Block> Rewind::kept() const {
  std::vector<Block> out;
  for (const Block& block : kept_) {
    if (block.bytes.empty()) continue;
    out.push_back(copy_of(block));
    out.back().ends = false;
  }
  return out;
}

Result<void> Rewind::start(std::span<const Progress> from) {
  from_.assign(from.begin(), from.end());
  if (!started_) return start_source(from);
  stored(from);
  next_ = 0;
  // Whoever has paused them has gone.
  for (std::uint32_t i = 0; i < partitions(); ++i) source_->resume(i);
  return {};
}

// It counts on behind all that was read before, also behind what a crash has lost of it: that is an empty block, so
// that nobody waits for it.
Result<void> Rewind::start_source(std::span<const Progress> from) {
  started_ = true;
  // What is kept of a time that the state knows nothing of (it was put back to an older one) is of another story.
  std::erase_if(
      kept_, [&](const Block& b) { return b.partition >= read_to_.size() || b.next_offset > read_to_[b.partition]; });
  forget(from);
  std::vector<Progress> behind(from.begin(), from.end());
  for (Progress& progress : behind) {
    if (progress.partition >= read_to_.size() || read_to_[progress.partition] <= progress.next_offset) continue;
    const auto last =
        std::find_if(kept_.rbegin(), kept_.rend(), [&](const Block& b) { return b.partition == progress.partition; });
    const std::uint64_t here = last != kept_.rend() ? last->next_offset : progress.next_offset;
    progress.next_offset = read_to_[progress.partition];
    if (here >= progress.next_offset) continue;
    Block& lost = kept_.emplace_back();
    lost.partition = progress.partition;
    lost.first_offset = here;
    lost.next_offset = progress.next_offset;
  }
  return source_->start(behind);
}

Result<Polled> Rewind::poll(Block& into, Duration wait) {
  if (next_ < kept_.size()) {
    into = copy_of(kept_[next_++]);
    skip_to(into, from_);
    return Polled::block;
  }
  const Result<Polled> polled = source_->poll(into, wait);
  if (!polled || *polled != Polled::block) return polled;
  kept_.push_back(copy_of(into));
  next_ = kept_.size();
  return polled;
}

void Rewind::stored(std::span<const Progress> safe) {
  forget(safe);
  source_->stored(safe);
}

// Blocks leave in the order in which they came; one that has to stay keeps those behind it.
void Rewind::forget(std::span<const Progress> safe) {
  while (!kept_.empty() && is_before(kept_.front(), safe)) {
    kept_.pop_front();
    if (next_ > 0) --next_;
  }
}

}  // namespace tocsin::app
