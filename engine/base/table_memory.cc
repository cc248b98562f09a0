#include "engine/base/table_memory.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

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
constexpr std::size_t kClasses = 21 * 4;

struct Free {
  Free* next;
};

// Pages of 2 MiB, cut from the front; lists of the blocks that were given back.
class Pages {
 public:
  void* allocate(std::size_t size) {
    Free*& list = free_[class_of(size)];
    if (list != nullptr) {
      Free* block = list;
      list = block->next;
      return block;
    }
    if (left_ < size) {
      keep_rest();
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
    Free*& list = free_[class_of(size)];
    list = new (memory) Free{list};
  }

 private:
  // What is left of a page serves smaller tables.
  void keep_rest() {
    while (left_ >= kCacheLine) {
      const std::size_t size = std::min(std::bit_floor(left_), kSharedMost);
      free(next_, size);
      next_ += size;
      left_ -= size;
    }
  }

  std::array<Free*, kClasses> free_{};
  std::byte* next_ = nullptr;
  std::size_t left_ = 0;
};

// Each thread has pages of its own, so that none waits for another; those of a thread that has ended are the next
// one's. They never end themselves: who gives back last does so when the program ends.
class Shelf {
 public:
  Pages* take() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return new Pages;
    Pages* out = idle_.back();
    idle_.pop_back();
    return out;
  }
  void give_back(Pages* pages) {
    const std::lock_guard lock(mutex_);
    idle_.push_back(pages);
  }

 private:
  std::mutex mutex_;
  std::vector<Pages*> idle_;
};

Shelf& shelf() {
  static Shelf* all = new Shelf;
  return *all;
}

// A thread that still gives back when its lease has ended (statics do) takes pages once more.
thread_local Pages* own = nullptr;
struct Lease {
  ~Lease() {
    if (own != nullptr) shelf().give_back(std::exchange(own, nullptr));
  }
};

Pages& pages() {
  if (own == nullptr) {
    own = shelf().take();
    static thread_local Lease lease;
  }
  return *own;
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
