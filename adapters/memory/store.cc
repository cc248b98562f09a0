#include "adapters/memory/store.h"

#include <algorithm>
#include <mutex>

#include "engine/base/contract.h"

namespace tocsin {

Result<std::uint64_t> MemoryStore::store(const EpochUnit& unit) {
  const std::unique_lock held(mutex_);
  TOCSIN_ASSERT(unit.epoch.number == newest_.number + 1);
  Stored stored{unit.epoch, 0, unit.manifest.size() + unit.outbox.size()};
  std::string_view before;
  for (const auto& run : unit.changes) {
    for (const StateChange& change : run) {
      TOCSIN_ASSERT(before.data() == nullptr || before < change.address);
      before = change.address;
      ++stored.changes;
      stored.bytes += change.address.size() + change.value.size();
      const auto there = state_.find(change.address);
      if (there != state_.end()) state_bytes_ -= there->first.size() + there->second.size();
      if (change.gone) {
        if (there != state_.end()) state_.erase(there);
        continue;
      }
      state_bytes_ += change.address.size() + change.value.size();
      if (there != state_.end()) {
        there->second = change.value;
      } else {
        state_.emplace(change.address, change.value);
      }
    }
  }
  manifest_ = unit.manifest;
  newest_ = unit.epoch;
  if (!unit.outbox.empty()) outboxes_.emplace_back(unit.epoch, unit.outbox);
  epochs_.push_back(std::move(stored));
  return epochs_.back().bytes;
}

void MemoryStore::delivered(Epoch epoch) {
  const std::unique_lock held(mutex_);
  TOCSIN_ASSERT(epoch <= newest_);
  delivered_ = std::max(delivered_, epoch);
  while (!outboxes_.empty() && outboxes_.front().first <= delivered_) outboxes_.pop_front();
}

Result<std::optional<CheckpointStore::Newest>> MemoryStore::newest() const {
  const std::shared_lock held(mutex_);
  return newest_of_now();
}

std::optional<CheckpointStore::Newest> MemoryStore::newest_of_now() const {
  if (newest_ == Epoch{0}) return std::nullopt;
  return with_first({newest_, manifest_, {outboxes_.begin(), outboxes_.end()}}, delivered_);
}

Result<std::optional<std::string>> MemoryStore::find(std::string_view address) const {
  const std::shared_lock held(mutex_);
  const auto there = state_.find(address);
  if (there == state_.end()) return std::nullopt;
  return there->second;
}

Result<void> MemoryStore::scan(std::string_view from, std::string_view to, const See& see) const {
  const std::shared_lock held(mutex_);
  for (auto there = state_.lower_bound(from); there != state_.end(); ++there) {
    if (!to.empty() && there->first >= to) break;
    if (auto seen = see(there->first, there->second); !seen) return seen;
  }
  return {};
}

Result<void> MemoryStore::image(const SeeNewest& see_newest, const See& see) const {
  const std::shared_lock held(mutex_);
  const auto newest = newest_of_now();
  if (!newest) return {};
  if (auto seen = see_newest(*newest); !seen) return seen;
  for (const auto& [address, value] : state_)
    if (auto seen = see(address, value); !seen) return seen;
  return {};
}

Result<MergeFigures> MemoryStore::merge() {
  const std::unique_lock held(mutex_);
  MergeFigures figures;
  for (; !epochs_.empty(); epochs_.pop_front()) {
    through_ = epochs_.front().epoch;
    ++figures.epochs;
    figures.changes += epochs_.front().changes;
    figures.bytes += epochs_.front().bytes;
  }
  figures.through = through_;
  return figures;
}

StoreFigures MemoryStore::figures() const {
  const std::shared_lock held(mutex_);
  StoreFigures figures{epochs_.size(), 0, state_bytes_, state_.size()};
  for (const Stored& stored : epochs_) figures.delta_bytes += stored.bytes;
  return figures;
}

Result<void> MemoryStore::note(const CheckpointNote& note) {
  const std::unique_lock held(mutex_);
  notes_.push_front(note);
  if (notes_.size() > kNotesMax) notes_.pop_back();
  return {};
}

Result<std::vector<CheckpointNote>> MemoryStore::notes(std::size_t most) const {
  const std::shared_lock held(mutex_);
  return std::vector<CheckpointNote>(notes_.begin(),
                                     notes_.begin() + static_cast<std::ptrdiff_t>(std::min(most, notes_.size())));
}

}  // namespace tocsin
