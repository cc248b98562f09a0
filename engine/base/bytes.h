// A growable run of bytes that may be read a little beyond its end: readers that take 64 bytes at a time (simdjson)
// need no copy. The bytes beyond the end are readable and mean nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <utility>

#include "engine/base/contract.h"

namespace tocsin {

class Bytes {
 public:
  static constexpr std::size_t kPadding = 64;

  Bytes() = default;
  explicit Bytes(std::string_view text) { append(text); }
  Bytes(Bytes&& other) noexcept
      : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)), room_(std::exchange(other.room_, 0)) {}
  Bytes& operator=(Bytes&& other) noexcept {
    data_ = std::move(other.data_);
    size_ = std::exchange(other.size_, 0);
    room_ = std::exchange(other.room_, 0);
    return *this;
  }

  char* data() { return data_.get(); }
  const char* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  std::size_t room() const { return room_; }  // what fits without asking the system
  bool empty() const { return size_ == 0; }
  std::string_view view() const { return {data_.get(), size_}; }

  // Views into the bytes are void after `reserve` or `append` beyond `room()`.
  void reserve(std::size_t room) {
    if (room <= room_) return;
    // The padding is zeroed once, so that nothing ever reads memory that was not written.
    std::unique_ptr<char[]> grown(new char[room + kPadding]);
    if (size_ != 0) std::memcpy(grown.get(), data_.get(), size_);
    std::memset(grown.get() + size_, 0, room + kPadding - size_);
    data_ = std::move(grown);
    room_ = room;
  }

  void append(std::string_view text) {
    if (size_ + text.size() > room_) reserve(std::max(size_ + text.size(), room_ * 2));
    if (!text.empty()) std::memcpy(data_.get() + size_, text.data(), text.size());
    size_ += text.size();
  }

  // After bytes were written to data() directly. REQUIRES: size <= room().
  void set_size(std::size_t size) {
    TOCSIN_ASSERT(size <= room_);
    size_ = size;
  }

  void clear() { size_ = 0; }

 private:
  std::unique_ptr<char[]> data_;
  std::size_t size_ = 0, room_ = 0;
};

}  // namespace tocsin
