#include "app/daemon/rewind.h"

#include <algorithm>

namespace tocsin::app {
namespace {

void copy(const Block& from, Block& to) {
  to.source = from.source;
  to.partition = from.partition;
  to.bytes.append(from.bytes.view());
  to.first_offset = from.first_offset;
  to.next_offset = from.next_offset;
  to.records = from.records;
  to.arrived = from.arrived;
  to.cut = from.cut;
  to.ends = from.ends;
}

bool is_before(const Block& block, std::span<const Progress> positions) {
  const auto own = std::ranges::find(positions, block.partition, &Progress::partition);
  return own != positions.end() && block.next_offset <= own->next_offset && !block.ends;
}

}  // namespace

Result<void> Rewind::start(std::span<const Progress> from) {
  if (!started_) {
    started_ = true;
    return source_->start(from);
  }
  stored(from);
  next_ = 0;
  // Whoever has paused them has gone.
  for (std::uint32_t i = 0; i < partitions(); ++i) source_->resume(i);
  return {};
}

Result<Polled> Rewind::poll(Block& into, Duration wait) {
  if (next_ < kept_.size()) {
    copy(kept_[next_++], into);
    return Polled::block;
  }
  const Result<Polled> polled = source_->poll(into, wait);
  if (!polled || *polled != Polled::block) return polled;
  copy(into, kept_.emplace_back());
  next_ = kept_.size();
  return polled;
}

// Blocks leave in the order in which they came; one that has to stay keeps those behind it.
void Rewind::stored(std::span<const Progress> safe) {
  while (!kept_.empty() && is_before(kept_.front(), safe)) {
    kept_.pop_front();
    if (next_ > 0) --next_;
  }
  source_->stored(safe);
}

}  // namespace tocsin::app
