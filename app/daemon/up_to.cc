#include "app/daemon/up_to.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "engine/base/contract.h"

namespace tocsin::app {

UpTo::UpTo(std::unique_ptr<Source> source, std::span<const Progress> from) : source_(std::move(source)) {
  parts_.resize(source_->partitions());
  for (const Progress& progress : from) parts_[progress.partition].next = progress.next_offset;
}

Result<Polled> UpTo::poll(Block& into, Duration wait) {
  bool wants_more = false;
  for (std::uint32_t i = 0; i < parts_.size(); ++i) {
    Part& part = parts_[i];
    const bool is_wanted = !is_there(i) && !part.is_paused;
    if (is_wanted && !part.rest.bytes.empty()) {
      into = std::exchange(part.rest, {});
      if (give(into)) return Polled::block;
    }
    // Of a partition that has something here nothing more may come, or it would come in another order.
    if (is_wanted && part.rest.bytes.empty()) {
      source_->resume(i);
      wants_more = true;
    } else {
      source_->pause(i);
    }
  }
  if (!wants_more) return Polled::nothing;
  const Result<Polled> polled = source_->poll(into, wait);
  if (!polled) return polled;
  if (*polled != Polled::block || !give(into)) {
    into.clear();
    return Polled::nothing;
  }
  return Polled::block;
}

// What may be given of the block stays in it. False: that is nothing.
bool UpTo::give(Block& block) {
  TOCSIN_ASSERT(block.records.empty());  // whoever frames records does not say where its oldest is
  Part& part = parts_[block.partition];
  block.ends = false;
  if (block.next_offset > part.most) {
    std::string_view text = block.bytes.view();
    std::uint64_t at = block.first_offset;
    for (; at < part.most && !text.empty(); ++at) text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    part.rest.clear();
    part.rest.source = block.source;
    part.rest.partition = block.partition;
    part.rest.arrived = block.arrived;
    part.rest.cut = block.cut;
    part.rest.first_offset = at;
    part.rest.next_offset = block.next_offset;
    part.rest.bytes.append(text);
    block.bytes.set_size(block.bytes.size() - text.size());
    block.next_offset = std::max(at, block.first_offset);
  }
  part.next = std::max(part.next, block.bytes.empty() ? std::min(block.next_offset, part.most) : block.next_offset);
  return !block.bytes.empty();
}

}  // namespace tocsin::app
