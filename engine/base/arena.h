// Memory that is given out piece by piece and taken back all at once. Texts, rows and lists of a batch live in one; so
// do the constants of a rule set. Pieces never move. `clear` keeps the chunks, so a reused arena does not ask the
// system.
//
// Only for what needs no destructor. One owner, one thread while it is written; any number of readers afterwards.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tocsin {

class Arena {
 public:
  // A chunk holds at least this much. 32 KiB: half of a usual L1+L2 share, and small beside the blocks of bytes (128
  // KiB).
  static constexpr std::size_t kChunk = std::size_t{32} << 10;

  Arena() = default;
  Arena(Arena&&) noexcept = default;
  Arena& operator=(Arena&&) noexcept = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // REQUIRES: align is a power of two of at most alignof(std::max_align_t).
  void* allocate(std::size_t size, std::size_t align) {
    const std::size_t at = (used_ + align - 1) & ~(align - 1);
    if (at + size <= room_) {
      used_ = at + size;
      return base_ + at;
    }
    return allocate_in_next_chunk(size);
  }

  // Room for n values, not initialised (their type has nothing to construct or destroy).
  template <class T>
  std::span<T> array(std::size_t n) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    if (n == 0) return {};
    return {static_cast<T*>(allocate(n * sizeof(T), alignof(T))), n};
  }

  template <class T>
  const T* put(const T& value) {
    static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
    return new (allocate(sizeof(T), alignof(T))) T(value);
  }

  template <class T>
  std::span<const T> copy(std::span<const T> values) {
    const std::span<T> place = array<T>(values.size());
    std::copy(values.begin(), values.end(), place.begin());
    return place;
  }

  std::string_view text(std::string_view from) {
    if (from.empty()) return {};
    char* place = static_cast<char*>(allocate(from.size(), 1));
    std::memcpy(place, from.data(), from.size());
    return {place, from.size()};
  }

  // Everything given out is void; the chunks stay.
  void clear() {
    next_ = 0;
    room_ = used_ = 0;
    base_ = nullptr;
  }

  std::size_t bytes_held() const {
    std::size_t sum = 0;
    for (const Chunk& chunk : chunks_) sum += chunk.size;
    return sum;
  }

 private:
  struct Chunk {
    std::unique_ptr<std::byte[]> bytes;
    std::size_t size = 0;
  };

  // A chunk that is too small for the piece is passed over; it serves again after `clear`.
  void* allocate_in_next_chunk(std::size_t size) {
    while (next_ < chunks_.size() && chunks_[next_].size < size) ++next_;
    if (next_ == chunks_.size()) {
      const std::size_t grown =
          std::max({kChunk, size, chunks_.empty() ? 0 : std::min(chunks_.back().size * 2, kChunk * 32)});
      chunks_.push_back({std::unique_ptr<std::byte[]>(new std::byte[grown]), grown});
    }
    base_ = chunks_[next_].bytes.get();
    room_ = chunks_[next_].size;
    used_ = size;
    ++next_;
    return base_;
  }

  std::vector<Chunk> chunks_;
  std::size_t next_ = 0;  // the chunk after the one in use
  std::byte* base_ = nullptr;
  std::size_t room_ = 0, used_ = 0;
};

}  // namespace tocsin
