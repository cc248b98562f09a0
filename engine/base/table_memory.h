// Memory of tables that are read at random. Over many MB nearly every access misses the TLB, too; on pages of 2 MiB it
// does not, where the system gives them (transparent huge pages set to `madvise` or `always`; else this is memory like
// any other).
//
// Tables of less share such pages: ten thousand rules have as many tables of a few KB, and an event meets those of two
// or three; one rule with ten thousand keys has some hundred KB. What is given back is kept for the next of about the
// same size. Any thread.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <memory>
#include <new>

namespace tocsin {

namespace table_memory {

inline constexpr std::size_t kHugePage = std::size_t{2} << 20;
inline constexpr std::size_t kCacheLine = 64;

inline std::align_val_t alignment_of(std::size_t size) {
  return std::align_val_t(size < kHugePage ? kCacheLine : kHugePage);
}

inline constexpr std::size_t kSharedMost = std::size_t{1} << 20;  // larger blocks stand alone
void* allocate_shared(std::size_t size);
void free_shared(void* memory, std::size_t size);

inline void* allocate(std::size_t size) {
  if (size <= kSharedMost) return allocate_shared(size);
  void* memory = ::operator new(size, alignment_of(size));
  if (size >= kHugePage) madvise(memory, size, MADV_HUGEPAGE);  // a wish: without it all is as right
  return memory;
}
inline void free(void* memory, std::size_t size) {
  if (size <= kSharedMost) return free_shared(memory, size);
  ::operator delete(memory, alignment_of(size));
}

}  // namespace table_memory

// Brings a cache line nearer before it is written. g++ 12 takes a function that does nothing but prefetch for one
// without any effect and drops its calls; the empty assembly is the effect that it sees.
inline void fetch_line(const void* address) {
  __builtin_prefetch(address, 1);
  asm volatile("" : : "r"(address));
}

// For std::vector.
template <class T>
struct TableAllocator {
  using value_type = T;
  TableAllocator() = default;
  template <class U>
  TableAllocator(const TableAllocator<U>&) {}  // NOLINT: as an allocator is rebound
  T* allocate(std::size_t n) { return static_cast<T*>(table_memory::allocate(n * sizeof(T))); }
  void deallocate(T* memory, std::size_t n) { table_memory::free(memory, n * sizeof(T)); }
  friend bool operator==(const TableAllocator&, const TableAllocator&) { return true; }
};

// Base of classes whose objects are many and are met at random: `struct X : InTableMemory<X>`. One that is deleted
// through a base needs a virtual destructor, as ever.
template <class T>
struct InTableMemory {
  static void* operator new(std::size_t size) { return table_memory::allocate(size); }
  static void operator delete(void* memory, std::size_t size) { table_memory::free(memory, size); }
};

// Bytes that nothing has written yet.
struct TableMemoryFree {
  std::size_t size = 0;
  void operator()(std::byte* memory) const { table_memory::free(memory, size); }
};
using TableMemory = std::unique_ptr<std::byte[], TableMemoryFree>;
inline TableMemory make_table_memory(std::size_t size) {
  return {static_cast<std::byte*>(table_memory::allocate(size)), TableMemoryFree{size}};
}

}  // namespace tocsin
