#include "adapters/memory/source.h"

#include <algorithm>

namespace tocsin {

std::uint64_t MemorySource::Piece::behind() const {
  const auto newlines = static_cast<std::uint64_t>(std::count(lines.begin(), lines.end(), '\n'));
  return first_line + newlines + (lines.empty() || lines.back() == '\n' ? 0 : 1);
}

MemorySource::MemorySource(SourceId id, std::uint32_t partitions) : id_(id), parts_(partitions) {}

void MemorySource::push(std::uint32_t partition, std::string_view lines, Time arrived) {
  Partition& part = parts_[partition];
  part.pieces.push_back({std::string(lines), part.next_line, arrived});
  part.next_line = part.pieces.back().behind();
}

void MemorySource::end(std::uint32_t partition) { parts_[partition].ended = true; }

Result<void> MemorySource::start(std::span<const Progress> from) {
  for (Partition& part : parts_) {
    part.next = 0;
    part.told = false;
  }
  for (const Progress& progress : from) parts_[progress.partition].first_wanted = progress.next_offset;
  return {};
}

bool MemorySource::give(std::uint32_t number, Block& into) {
  Partition& part = parts_[number];
  if (part.paused || part.told) return false;
  while (part.next < part.pieces.size() && part.pieces[part.next].behind() <= part.first_wanted) ++part.next;
  const bool more = part.next < part.pieces.size();
  if (!more && !part.ended) return false;
  into.source = id_;
  into.partition = number;
  into.ends = part.told = !more;
  if (!more) return true;
  const Piece& piece = part.pieces[part.next++];
  std::string_view lines = piece.lines;
  into.first_offset = piece.first_line;
  into.next_offset = piece.behind();
  for (; into.first_offset < part.first_wanted; ++into.first_offset) lines.remove_prefix(lines.find('\n') + 1);
  into.bytes.append(lines);
  into.arrived = piece.arrived;
  return true;
}

Result<Polled> MemorySource::poll(Block& into, Duration) {
  for (std::uint32_t tried = 0; tried < parts_.size(); ++tried) {
    const std::uint32_t number = turn_;
    turn_ = (turn_ + 1) % partitions();
    if (give(number, into)) return Polled::block;
  }
  const bool all = std::all_of(parts_.begin(), parts_.end(), [](const Partition& part) { return part.told; });
  return all ? Polled::finished : Polled::nothing;
}

void MemorySource::stored(std::span<const Progress> safe) {
  for (const Progress& progress : safe) {
    Partition& part = parts_[progress.partition];
    part.first_wanted = std::max(part.first_wanted, progress.next_offset);
    while (part.next > 0 && part.pieces.front().behind() <= progress.next_offset) {
      part.pieces.pop_front();
      --part.next;
    }
  }
}

}  // namespace tocsin
