#include "engine/event/batch.h"

#include <utility>

namespace tocsin {

Bytes EventBatch::hold(Bytes&& bytes) {
  held_.push_back(std::move(bytes));
  if (spare_.empty()) return Bytes();
  Bytes spare = std::move(spare_.back());
  spare_.pop_back();
  return spare;
}

void EventBatch::clear() {
  events_.clear();
  rows_.clear();
  arena_.clear();
  for (Bytes& bytes : held_) {
    bytes.clear();
    spare_.push_back(std::move(bytes));
  }
  held_.clear();
  if (spare_.size() > 4) spare_.resize(4);  // one block per batch is the rule; a burst need not be kept for ever
}

std::size_t EventBatch::bytes_held() const {
  std::size_t sum = events_.capacity() * sizeof(Event) + rows_.bytes_held() + arena_.bytes_held();
  for (const Bytes& bytes : held_) sum += bytes.room();
  for (const Bytes& bytes : spare_) sum += bytes.room();
  return sum;
}

std::shared_ptr<EventBatch> BatchPool::take() {
  std::unique_ptr<EventBatch> batch;
  {
    const std::lock_guard lock(shelf_->mutex);
    if (!shelf_->batches.empty()) {
      batch = std::move(shelf_->batches.back());
      shelf_->batches.pop_back();
    }
  }
  if (!batch) batch = std::make_unique<EventBatch>();
  return std::shared_ptr<EventBatch>(batch.release(), [shelf = shelf_](EventBatch* returned) {
    std::unique_ptr<EventBatch> owned(returned);
    owned->clear();
    const std::lock_guard lock(shelf->mutex);
    if (shelf->batches.size() < kIdleMax) shelf->batches.push_back(std::move(owned));
  });
}

std::size_t BatchPool::idle() const {
  const std::lock_guard lock(shelf_->mutex);
  return shelf_->batches.size();
}

}  // namespace tocsin
