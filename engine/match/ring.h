// A queue in one block of memory: what a window keeps is pushed at one end and leaves at the other. A std::deque has
// 576 bytes before it holds anything, and a million keys have a window each; its chunks also lie scattered, and the
// oldest sample of a long window is cold.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace tocsin {

template <class T>
class Ring {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::size_t bytes() const { return capacity_ * sizeof(T); }

  T& operator[](std::size_t i) { return items_[(head_ + i) & (capacity_ - 1)]; }
  const T& operator[](std::size_t i) const { return items_[(head_ + i) & (capacity_ - 1)]; }
  T& front() { return items_[head_]; }
  const T& front() const { return items_[head_]; }
  T& back() { return (*this)[size_ - 1]; }
  const T& back() const { return (*this)[size_ - 1]; }

  void push_back(T item) {
    if (size_ == capacity_) resize(capacity_ == 0 ? kLeast : capacity_ * 2);
    items_[(head_ + size_) & (capacity_ - 1)] = std::move(item);
    ++size_;
  }
  // REQUIRES: not empty, both.
  void pop_front() {
    items_[head_] = T();
    head_ = (head_ + 1) & (capacity_ - 1);
    --size_;
    if (size_ * 8 < capacity_ && capacity_ > kLeast) resize(capacity_ / 2);  // a burst is over
  }
  void pop_back() {
    back() = T();
    --size_;
  }
  void clear() { *this = Ring(); }

  Ring() = default;
  Ring(Ring&& other) noexcept { *this = std::move(other); }
  Ring& operator=(Ring&& other) noexcept {
    items_ = std::move(other.items_);
    head_ = std::exchange(other.head_, 0);
    size_ = std::exchange(other.size_, 0);
    capacity_ = std::exchange(other.capacity_, 0);
    return *this;
  }

 private:
  static constexpr std::size_t kLeast = 4;

  void resize(std::size_t capacity) {
    auto items = std::make_unique<T[]>(capacity);
    for (std::size_t i = 0; i < size_; ++i) items[i] = std::move((*this)[i]);
    items_ = std::move(items);
    head_ = 0;
    capacity_ = static_cast<decltype(capacity_)>(capacity);
  }

  std::unique_ptr<T[]> items_;
  std::uint32_t head_ = 0, size_ = 0, capacity_ = 0;  // a power of two, or none
};

}  // namespace tocsin
