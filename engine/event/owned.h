// A value that owns its bytes: what a match keeps of an event after the event's batch is gone. 32 bytes; numbers,
// times, addresses, points and texts of up to 24 bytes (nearly all captures) need no memory of their own, the rest has
// one block.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "engine/event/value.h"

namespace tocsin {

class OwnedValue {
 public:
  static constexpr std::size_t kInline = 24;

  OwnedValue() = default;  // missing
  explicit OwnedValue(const Value& value);
  OwnedValue(const OwnedValue& other) : OwnedValue(other.view()) {}
  OwnedValue(OwnedValue&& other) noexcept { take(other); }
  OwnedValue& operator=(const OwnedValue& other) { return *this = OwnedValue(other); }
  OwnedValue& operator=(OwnedValue&& other) noexcept {
    if (this == &other) return *this;
    release();
    take(other);
    return *this;
  }
  ~OwnedValue() { release(); }

  // Good until this is moved, assigned or destroyed.
  Value view() const;
  bool is_missing() const { return type_ == Type::missing; }

  template <class Archive>
  void state_parts(Archive& a) {
    Value value = view();
    a(value);
    if constexpr (Archive::kReads) *this = OwnedValue(value);
  }

  // What it holds beside its 32 bytes: for the memory budget.
  std::size_t bytes_held() const { return on_heap_ ? size_on_heap() : 0; }

 private:
  std::byte* block() const {
    std::byte* p;
    std::memcpy(&p, store_, sizeof p);
    return p;
  }
  std::size_t size_on_heap() const {
    std::size_t size;
    std::memcpy(&size, store_ + sizeof(std::byte*), sizeof size);
    return size;
  }
  void release() {
    if (on_heap_) delete[] block();
    on_heap_ = false;
    type_ = Type::missing;
  }
  void take(OwnedValue& other) {
    std::memcpy(store_, other.store_, sizeof store_);
    size_ = other.size_;
    on_heap_ = std::exchange(other.on_heap_, false);
    type_ = std::exchange(other.type_, Type::missing);
  }
  void allocate(std::size_t bytes);

  alignas(8) char store_[kInline] = {};  // the value, or a block and its size
  std::uint32_t size_ = 0;
  Type type_ = Type::missing;
  bool on_heap_ = false;
};
static_assert(sizeof(OwnedValue) == 32);

}  // namespace tocsin
