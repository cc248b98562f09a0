#include "engine/runtime/board.h"

#include <algorithm>

namespace tocsin {

std::size_t Board::add_partition(SourceId source, std::span<const EventTypeId> carried, const Lateness& lateness,
                                 Duration idle_after, Duration now) {
  const std::scoped_lock lock(mutex_);
  auto known = std::ranges::find(sources_, source, &Source::id);
  if (known == sources_.end())
    known = sources_.insert(known, {source, {carried.begin(), carried.end()}, std::nullopt, false});
  source_of_.push_back(static_cast<std::size_t>(known - sources_.begin()));
  return clock_.add_partition(lateness, idle_after, now);
}

Time Board::spoke(std::size_t partition, Duration now) {
  const std::scoped_lock lock(mutex_);
  clock_.spoke(partition, now);
  return clock_.stream();
}

void Board::came(std::size_t partition, const PartitionClock& clock, std::optional<Time> first) {
  const std::scoped_lock lock(mutex_);
  clock_.came(partition, clock);
  Source& source = sources_[source_of_[partition]];
  if (first && (!source.first || *first < *source.first)) source.first = first;
}

void Board::end(std::size_t partition) {
  const std::scoped_lock lock(mutex_);
  clock_.end(partition);
}

Time Board::swap(std::shared_ptr<const ReferenceData> reference, Time from) {
  const std::scoped_lock lock(mutex_);
  from = std::max({from, frontier_.events_before, frontier_.timers_before});
  if (!swaps_.empty()) from = std::max(from, swaps_.back().from);
  swaps_.push_back({std::move(reference), from});
  return from;
}

void Board::drop_swaps() {
  const std::scoped_lock lock(mutex_);
  for (News::Swap& swap : swaps_) swap.reference = nullptr;  // shards count them
}

void Board::pass(Time through) {
  const std::scoped_lock lock(mutex_);
  const Frontier to = Frontier::through(through);
  frontier_.events_before = std::max(frontier_.events_before, to.events_before);
  frontier_.timers_before = std::max(frontier_.timers_before, to.timers_before);
}

void Board::look(Duration now, News& news) {
  const std::scoped_lock lock(mutex_);
  advance(now);
  news.frontier = frontier_;
  news.late_among_events = clock_.is_in_offset_order();
  news.begins.assign(begins_.begin() + static_cast<std::ptrdiff_t>(news.begins_seen), begins_.end());
  news.swaps.assign(swaps_.begin() + static_cast<std::ptrdiff_t>(news.swaps_seen), swaps_.end());
  news.begins_seen = begins_.size();
  news.swaps_seen = swaps_.size();
}

// A source has begun when nothing can come any more that is earlier than the first of its events.
void Board::advance(Duration now) {
  const Frontier clock = clock_.advance(now);
  frontier_.events_before = std::max(frontier_.events_before, clock.events_before);
  frontier_.timers_before = std::max(frontier_.timers_before, clock.timers_before);
  const std::size_t before = begins_.size();
  for (Source& source : sources_) {
    if (source.begun || !source.first || *source.first >= frontier_.events_before) continue;
    source.begun = true;
    begins_.push_back({source.carried, *source.first});
  }
  std::sort(begins_.begin() + static_cast<std::ptrdiff_t>(before), begins_.end(),
            [](const auto& a, const auto& b) { return a.from < b.from; });
}

std::vector<News::Begin> Board::begun() const {
  const std::scoped_lock lock(mutex_);
  return begins_;
}

Time Board::passed() const {
  const std::scoped_lock lock(mutex_);
  return std::max(frontier_.events_before, frontier_.timers_before);
}

}  // namespace tocsin
