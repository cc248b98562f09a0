#include "engine/runtime/board.h"

#include <algorithm>

#include "engine/base/contract.h"

namespace tocsin {

std::size_t Board::add_partition(SourceId source, std::span<const EventTypeId> carried, const Lateness& lateness,
                                 Duration idle_after) {
  const std::scoped_lock lock(mutex_);
  auto known = std::ranges::find(sources_, source, &Source::id);
  if (known == sources_.end())
    known = sources_.insert(known, {source, {carried.begin(), carried.end()}, std::nullopt, false});
  partitions_.push_back(
      {static_cast<std::size_t>(known - sources_.begin()), PartitionClock(lateness), 0, 0, 0, {}, {}});
  return clock_.add_partition(lateness, idle_after);
}

void Board::asked(std::size_t partition, Duration now) {
  const std::scoped_lock lock(mutex_);
  clock_.asked(partition, now);
}

Time Board::spoke(std::size_t partition) {
  const std::scoped_lock lock(mutex_);
  clock_.spoke(partition);
  return clock_.stream();
}

void Board::came(std::size_t number, const PartitionClock& clock, const Came& block) {
  const std::scoped_lock lock(mutex_);
  Partition& partition = partitions_[number];
  partition.clock = clock;
  if (tracks_) note(partition, block);
  partition.read_offset = block.next_offset;
  partition.next_offset = std::max(partition.next_offset, block.next_offset);
  // The clock of one that comes again stands behind all of it.
  if (partition.read_offset >= partition.next_offset) clock_.came(number, clock);
  Source& source = sources_[partition.source];
  if (block.first && (!source.first || *block.first < *source.first)) source.first = block.first;
}

void Board::track() {
  const std::scoped_lock lock(mutex_);
  tracks_ = true;
}

bool Board::is_ahead(std::size_t partition) const {
  const std::scoped_lock lock(mutex_);
  return clock_.is_ahead(partition);
}

std::vector<SourceId> Board::sources() const {
  const std::scoped_lock lock(mutex_);
  std::vector<SourceId> out;
  for (const Partition& partition : partitions_) out.push_back(sources_[partition.source].id);
  return out;
}

std::size_t Board::noted() const {
  const std::scoped_lock lock(mutex_);
  std::size_t out = 0;
  for (const Partition& partition : partitions_) out += partition.pending.size() + partition.late.size();
  return out;
}

std::vector<Time> Board::watermarks() const {
  const std::scoped_lock lock(mutex_);
  std::vector<Time> out;
  for (const Partition& partition : partitions_) out.push_back(partition.clock.watermark());
  return out;
}

// Late events that come again are known: the cut held them, and time stands still until they have come.
void Board::note(Partition& partition, const Came& block) {
  forget_judged(partition);
  if (block.last || !block.late.empty())
    partition.pending.push_back(
        {block.first_offset, block.next_offset, block.last.value_or(Frontier::kNothing), block.arrived});
  for (const Came::Late& late : block.late)
    if (late.offset >= partition.next_offset) partition.late.push_back(late);
}

// A block with a late event that is still to be seen has to be read again.
void Board::forget_judged(Partition& partition) {
  auto& pending = partition.pending;
  auto& late = partition.late;
  while (!late.empty() && late.front().watermark <= frontier_.timers_before) late.pop_front();
  while (!pending.empty() && pending.front().last < frontier_.events_before &&
         (late.empty() || pending.front().next_offset <= late.front().offset))
    pending.pop_front();
}

// What comes again has arrived anew, behind what was judged of it at the cut before.
std::uint64_t Board::timeless_offset(const Partition& partition) const {
  const auto open = std::ranges::find_if(
      partition.pending, [&](const Partition::Pending& block) { return block.arrived >= frontier_.events_before; });
  return std::max(partition.timeless_offset,
                  open == partition.pending.end() ? partition.read_offset : open->first_offset);
}

const Cut& Board::cut() {
  const std::scoped_lock lock(mutex_);
  TOCSIN_ASSERT(tracks_);
  advance();
  ++cut_.number;
  cut_.frontier = frontier_;
  cut_.partitions.clear();
  for (Partition& partition : partitions_) {
    forget_judged(partition);
    const std::uint64_t resume =
        partition.pending.empty() ? partition.read_offset : partition.pending.front().first_offset;
    partition.timeless_offset = timeless_offset(partition);
    cut_.partitions.push_back({sources_[partition.source].id,
                               partition.clock,
                               partition.next_offset,
                               resume,
                               {partition.late.begin(), partition.late.end()},
                               {},
                               {},
                               partition.timeless_offset});
  }
  cut_.begun.clear();
  for (const Source& source : sources_)
    if (source.begun) cut_.begun.push_back({source.id, *source.first});
  return cut_;
}

void Board::resume(const Cut& cut) {
  const std::scoped_lock lock(mutex_);
  TOCSIN_ASSERT(cut.partitions.size() == partitions_.size());
  cut_ = cut;
  frontier_ = cut.frontier;
  clock_.resume(cut.frontier.timers_before);
  for (std::size_t i = 0; i < partitions_.size(); ++i) {
    const Cut::Partition& from = cut.partitions[i];
    partitions_[i].clock.resume(from.clock);
    partitions_[i].next_offset = from.next_offset;
    partitions_[i].read_offset = from.resume_offset;
    partitions_[i].timeless_offset = from.timeless_offset;
    partitions_[i].late.assign(from.late.begin(), from.late.end());
    if (from.resume_offset < from.next_offset)
      clock_.hold(i);
    else
      clock_.came(i, from.clock);
  }
  for (const Cut::Begun& begun : cut.begun) {
    const auto source = std::ranges::find(sources_, begun.source, &Source::id);
    if (source == sources_.end()) continue;
    source->begun = true;
    source->first = begun.from;
    begins_.push_back({source->carried, begun.from});
  }
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

void Board::carry(SourceId source, std::span<const EventTypeId> carried) {
  const std::scoped_lock lock(mutex_);
  const auto known = std::ranges::find(sources_, source, &Source::id);
  if (known == sources_.end()) return;
  for (News::Begin& begin : begins_)
    if (known->begun && begin.from == *known->first && begin.carried == known->carried)
      begin.carried.assign(carried.begin(), carried.end());
  known->carried.assign(carried.begin(), carried.end());
}

void Board::drop_swaps() {
  const std::scoped_lock lock(mutex_);
  for (News::Swap& swap : swaps_) swap.reference = nullptr;  // shards count them
}

void Board::pass(Time through) {
  const std::scoped_lock lock(mutex_);
  go_on(Frontier::through(through));
}

void Board::reach(const Frontier& frontier) {
  const std::scoped_lock lock(mutex_);
  clock_.reach(frontier.timers_before);
  go_on(frontier);
}

void Board::go_on(const Frontier& to) {
  frontier_.events_before = std::max(frontier_.events_before, to.events_before);
  frontier_.timers_before = std::max(frontier_.timers_before, to.timers_before);
}

void Board::follow(const Frontier& most) {
  const std::scoped_lock lock(mutex_);
  clock_.follow(most);
}

void Board::rest(std::size_t partition, bool rests) {
  const std::scoped_lock lock(mutex_);
  clock_.rest(partition, rests);
}

void Board::look(News& news) {
  const std::scoped_lock lock(mutex_);
  advance();
  tell(frontier_, partitions_.empty() ? 0 : partitions_.front().read_offset, cut_.number, news);
}

// The cut is still the one that those below have passed: there is no other before all levels have passed it.
void Board::look_behind(const Passed& below, News& news) {
  const std::scoped_lock lock(mutex_);
  tell(below.frontier, below.before_offset, below.cuts, news);
}

void Board::tell(const Frontier& frontier, std::uint64_t before_offset, std::uint64_t cuts, News& news) const {
  const bool stops = news.cuts_seen < cuts;
  news.frontier = stops ? cut_.frontier : frontier;
  news.cut = stops ? cut_.number : 0;
  news.cuts_seen = cuts;
  news.before_offset.reset();
  if (clock_.is_in_offset_order()) news.before_offset = stops ? cut_.partitions.front().next_offset : before_offset;
  news.late_among_events = clock_.is_in_offset_order();
  news.begins.assign(begins_.begin() + static_cast<std::ptrdiff_t>(news.begins_seen), begins_.end());
  news.swaps.assign(swaps_.begin() + static_cast<std::ptrdiff_t>(news.swaps_seen), swaps_.end());
  news.begins_seen = begins_.size();
  news.swaps_seen = swaps_.size();
}

// A source has begun when nothing can come any more that is earlier than the first of its events.
void Board::advance() {
  go_on(clock_.advance());
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

Frontier Board::frontier() const {
  const std::scoped_lock lock(mutex_);
  return frontier_;
}

Time Board::open() const {
  const std::scoped_lock lock(mutex_);
  return std::min(frontier_.events_before, frontier_.timers_before);
}

Time Board::passed() const {
  const std::scoped_lock lock(mutex_);
  return std::max(frontier_.events_before, frontier_.timers_before);
}

}  // namespace tocsin
