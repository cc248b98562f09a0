#include "adapters/lmdb/merged_deltas.h"

#include <algorithm>

namespace tocsin {
namespace {

constexpr std::size_t kAheadTotal = 32 << 20, kAheadMost = 256 << 10;

// For a heap whose top is the least.
bool is_later(const DeltaCursor* a, const DeltaCursor* b) {
  const int order = a->change().address.compare(b->change().address);
  return order != 0 ? order > 0 : a->epoch() < b->epoch();
}

}  // namespace

MergedDeltas::MergedDeltas(std::span<const std::shared_ptr<const Delta>> deltas, std::string_view from) {
  const std::size_t ahead = deltas.empty() ? 0 : std::min(kAheadMost, kAheadTotal / deltas.size());
  for (const auto& delta : deltas) cursors_.push_back(std::make_unique<DeltaCursor>(delta, from, ahead));
}

// Puts the cursor at its next change into the heap, unless it is through.
Result<void> MergedDeltas::advance(DeltaCursor& cursor) {
  const auto more = cursor.next();
  if (!more) return tl::unexpected(more.error());
  if (!more.value()) return {};
  heap_.push_back(&cursor);
  std::push_heap(heap_.begin(), heap_.end(), is_later);
  return {};
}

Result<bool> MergedDeltas::next() {
  if (!began_) {
    began_ = true;
    for (const auto& cursor : cursors_)
      if (auto advanced = advance(*cursor); !advanced) return tl::unexpected(advanced.error());
  }
  if (has_current_) {
    DeltaCursor* current = heap_.back();
    heap_.pop_back();
    last_.assign(current->change().address);
    has_current_ = false;
    if (auto advanced = advance(*current); !advanced) return tl::unexpected(advanced.error());
    // What older epochs did to the same address does not count.
    while (!heap_.empty() && heap_.front()->change().address == last_) {
      std::pop_heap(heap_.begin(), heap_.end(), is_later);
      DeltaCursor* older = heap_.back();
      heap_.pop_back();
      if (auto advanced = advance(*older); !advanced) return tl::unexpected(advanced.error());
    }
  }
  return take_first();
}

bool MergedDeltas::take_first() {
  has_current_ = !heap_.empty();
  if (has_current_) std::pop_heap(heap_.begin(), heap_.end(), is_later);
  return has_current_;
}

Result<bool> MergedDeltas::leap(std::string_view to) {
  std::size_t kept = 0;
  for (DeltaCursor* cursor : heap_) {
    if (cursor->change().address < to) {
      const auto more = cursor->leap(to);
      if (!more) return tl::unexpected(more.error());
      if (!more.value()) continue;
    }
    heap_[kept++] = cursor;
  }
  heap_.resize(kept);
  std::make_heap(heap_.begin(), heap_.end(), is_later);
  return take_first();
}

}  // namespace tocsin
