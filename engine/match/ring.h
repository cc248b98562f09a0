// A queue in one block of memory: what a window keeps is pushed at one end and leaves at the other. A std::deque has
// 576 bytes before it holds anything, and a million keys have a window each; its chunks also lie scattered, and the
// oldest sample of a long window is cold.
#pragma once

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

namespace tocsin {

template <class T>
class Ring {
  // By place, so that it may be used again after a push. `Owner`: the ring, const or not.
  template <class Owner, class Item>
  class Walk {
   public:
    using iterator_category = std::random_access_iterator_tag;
    using value_type = T;
    using difference_type = std::ptrdiff_t;
    using pointer = Item*;
    using reference = Item&;

    Walk() = default;
    Walk(Owner& ring, std::size_t at) : ring_(&ring), at_(at) {}

    Item& operator*() const { return (*ring_)[at_]; }
    Item* operator->() const { return &**this; }
    Item& operator[](difference_type n) const { return *(*this + n); }
    Walk& operator+=(difference_type n) {
      at_ += static_cast<std::size_t>(n);
      return *this;
    }
    Walk& operator-=(difference_type n) { return *this += -n; }
    Walk& operator++() { return *this += 1; }
    Walk& operator--() { return *this += -1; }
    Walk operator++(int) {
      const Walk before = *this;
      ++*this;
      return before;
    }
    Walk operator--(int) {
      const Walk before = *this;
      --*this;
      return before;
    }
    friend Walk operator+(Walk walk, difference_type n) { return walk += n; }
    friend Walk operator+(difference_type n, Walk walk) { return walk += n; }
    friend Walk operator-(Walk walk, difference_type n) { return walk -= n; }
    friend difference_type operator-(const Walk& a, const Walk& b) {
      return static_cast<difference_type>(a.at_) - static_cast<difference_type>(b.at_);
    }
    friend bool operator==(const Walk& a, const Walk& b) { return a.at_ == b.at_; }
    friend auto operator<=>(const Walk& a, const Walk& b) { return a.at_ <=> b.at_; }

   private:
    Owner* ring_ = nullptr;
    std::size_t at_ = 0;
  };

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

  using iterator = Walk<Ring, T>;
  using const_iterator = Walk<const Ring, const T>;
  iterator begin() { return {*this, 0}; }
  iterator end() { return {*this, size_}; }
  const_iterator begin() const { return {*this, 0}; }
  const_iterator end() const { return {*this, size_}; }
  auto rbegin() const { return std::make_reverse_iterator(end()); }
  auto rend() const { return std::make_reverse_iterator(begin()); }

  void push_back(T item) {
    if (size_ == capacity_) resize(capacity_ == 0 ? kLeast : capacity_ * 2);
    items_[(head_ + size_) & (capacity_ - 1)] = std::move(item);
    ++size_;
  }
  template <class... Parts>
  void emplace_back(Parts&&... parts) {
    push_back(T(std::forward<Parts>(parts)...));
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
  // Those from `first` up to `last`; the fewer that stand before or behind them move.
  void erase(iterator first, iterator last) {
    const auto gone = last - first, before = first - begin(), behind = end() - last;
    if (before <= behind) {
      std::move_backward(begin(), first, last);
      for (auto left = gone; left > 0; --left) pop_front();
    } else {
      std::move(last, end(), first);
      for (auto left = gone; left > 0; --left) pop_back();
    }
  }
  void erase(iterator one) { erase(one, one + 1); }
  template <class Unwanted>
  void erase_if(const Unwanted& unwanted) {
    erase(std::remove_if(begin(), end(), unwanted), end());
  }

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
  static constexpr std::size_t kLeast = sizeof(T) <= 32 ? 4 : 1;  // events are large, and many keys have one

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
