#include "engine/base/table_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <mutex>

// The sanitizers know what is used after it was given back only of memory that goes back to them.
#if defined(__SANITIZE_ADDRESS__)
#define TOCSIN_SHARE_TABLES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TOCSIN_SHARE_TABLES 0
#endif
#endif
#ifndef TOCSIN_SHARE_TABLES
#define TOCSIN_SHARE_TABLES 1
#endif

namespace tocsin::table_memory {

#if TOCSIN_SHARE_TABLES

namespace {

// Sizes in steps of a quarter of the power of two below, so at most a fifth of a block is lost; whole cache lines.
std::size_t rounded(std::size_t size) {
  const std::size_t step = std::max(std::bit_floor(size) / 4, kCacheLine);
  return (size + step - 1) / step * step;
}
std::size_t class_of(std::size_t rounded_size) {
  const auto power = static_cast<std::size_t>(std::bit_width(rounded_size) - 1);
  return power * 4 + (rounded_size >> (power - 2) & 3);
}
constexpr std::size_t kClasses = 17 * 4;

// Pages of 2 MiB, cut from the front; lists of the blocks that were given back. Never ends: who gives back last does so
// when the program ends.
class SharedPages {
 public:
  void* allocate(std::size_t size) {
    const std::lock_guard lock(mutex_);
    Free*& list = free_[class_of(size)];
    if (list != nullptr) {
      Free* block = list;
      list = block->next;
      return block;
    }
    if (left_ < size) {
      next_ = static_cast<std::byte*>(::operator new(kHugePage, std::align_val_t(kHugePage)));
      madvise(next_, kHugePage, MADV_HUGEPAGE);
      left_ = kHugePage;
    }
    std::byte* block = next_;
    next_ += size;
    left_ -= size;
    return block;
  }
  void free(void* memory, std::size_t size) {
    const std::lock_guard lock(mutex_);
    Free*& list = free_[class_of(size)];
    list = new (memory) Free{list};
  }

 private:
  struct Free {
    Free* next;
  };
  std::mutex mutex_;
  std::array<Free*, kClasses> free_{};
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

SharedPages& pages() {
  static SharedPages* all = new SharedPages;
  return *all;
}

}  // namespace

void* allocate_shared(std::size_t size) { return pages().allocate(rounded(size)); }
void free_shared(void* memory, std::size_t size) {
  if (memory != nullptr) pages().free(memory, rounded(size));
}

#else

void* allocate_shared(std::size_t size) { return ::operator new(size, std::align_val_t(kCacheLine)); }
void free_shared(void* memory, std::size_t) { ::operator delete(memory, std::align_val_t(kCacheLine)); }

#endif

}  // namespace tocsin::table_memory
