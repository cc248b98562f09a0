// Values copied with all that they view into one block: measured first, then written part behind part, each on an
// eight-byte boundary. Whoever keeps values beyond their batch (OwnedValue, Seen) allocates once.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "engine/event/value.h"

namespace tocsin {

constexpr std::size_t rounded_to_words(std::size_t bytes) { return (bytes + 7) & ~std::size_t{7}; }

// The room that ValueWriter needs for what the value views, the value itself left out; and for values with all of
// theirs.
std::size_t bytes_outside(const Value& value);
std::size_t bytes_of(std::span<const Value> values);

// REQUIRES: the block has the room that was measured, and begins on an eight-byte boundary.
class ValueWriter {
 public:
  explicit ValueWriter(std::byte* at) : at_(at) {}

  Value copy(const Value& value);
  std::span<const Value> values(std::span<const Value> from);

  template <class T>
  T* room(std::size_t count) {
    static_assert(alignof(T) <= 8);
    T* place = reinterpret_cast<T*>(at_);
    at_ += rounded_to_words(count * sizeof(T));
    return place;
  }

 private:
  std::string_view text(std::string_view from);

  std::byte* at_;
};

}  // namespace tocsin
