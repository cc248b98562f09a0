// A quantile of a window's values, kept as they come and go: two heaps that meet at its rank, so that joining and
// leaving cost the logarithm of how many there are, and the answer nothing. Exact: what percentile_of_sorted() says of
// the same values, to the last bit. 20 bytes a value.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "engine/match/ring.h"

namespace tocsin {

// A2: where the quantile of `count` values lies among them, in order; linear between the closest ranks, n - 1 spacing.
struct Rank {
  std::size_t low = 0;
  double part = 0;  // of the way from there to the next

  Rank(double percent, std::size_t count) {
    const double at = percent / 100 * static_cast<double>(count - 1);
    low = static_cast<std::size_t>(at);
    part = at - static_cast<double>(low);
  }
  double between(double a, double b) const {
    const double apart = b - a;  // beyond what a float holds, it would make no number of any part of the way
    return std::isinf(apart) ? a * (1 - part) + b * part : a + apart * part;
  }
};

class Quantile {
 public:
  explicit Quantile(double percent) : percent_(percent) {}

  void add(double value) {
    const bool low = !heaps_[kLow].empty() && value <= lowest_of(kLow);
    places_.push_back(0);
    put(low ? kLow : kHigh, {low ? -value : value, first_ + static_cast<std::uint32_t>(places_.size()) - 1});
    meet();
  }
  // The oldest leaves. REQUIRES: there is one.
  void drop_oldest() {
    const std::uint32_t place = places_.front();
    take(place & 1, place >> 1);
    places_.pop_front();
    ++first_;
    meet();
  }

  std::size_t count() const { return places_.size(); }
  // REQUIRES: there is a value.
  double value() const {
    const double low = lowest_of(kLow);
    return Rank(percent_, count()).between(low, heaps_[kHigh].empty() ? low : lowest_of(kHigh));
  }
  std::size_t bytes() const {
    return sizeof *this + places_.bytes() + (heaps_[kLow].capacity() + heaps_[kHigh].capacity()) * sizeof(Item);
  }

 private:
  // Those up to the rank, of which the largest is on top, and those above it, of which the smallest is.
  static constexpr std::uint32_t kLow = 0, kHigh = 1;
  struct Item {
    double key = 0;  // the least is on top: of kLow the value with its sign turned
    std::uint32_t number = 0;
  };
  using Heap = std::vector<Item>;

  double lowest_of(std::uint32_t side) const {
    const double key = heaps_[side].front().key;
    return side == kLow ? 0.0 - key : key;  // never a minus zero: it is the same number and another text
  }

  void meet() {
    const std::size_t wanted = count() == 0 ? 0 : Rank(percent_, count()).low + 1;
    while (heaps_[kLow].size() > wanted) move_top(kLow);
    while (heaps_[kLow].size() < wanted) move_top(kHigh);
  }
  void move_top(std::uint32_t from) {
    Item top = heaps_[from].front();
    take(from, 0);
    top.key = -top.key;
    put(1 - from, top);
  }

  void put(std::uint32_t side, const Item& item) {
    heaps_[side].push_back(item);
    rise(side, heaps_[side].size() - 1);
  }
  void take(std::uint32_t side, std::size_t at) {
    Heap& heap = heaps_[side];
    const Item last = heap.back();
    heap.pop_back();
    if (at < heap.size()) {
      heap[at] = last;
      rise(side, sink(side, at));
    }
    if (heap.size() * 8 < heap.capacity() && heap.capacity() > kFew) heap.shrink_to_fit();  // a burst is over
  }

  void rise(std::uint32_t side, std::size_t at) {
    Heap& heap = heaps_[side];
    const Item item = heap[at];
    for (; at > 0 && item.key < heap[(at - 1) / 2].key; at = (at - 1) / 2) set(side, at, heap[(at - 1) / 2]);
    set(side, at, item);
  }
  std::size_t sink(std::uint32_t side, std::size_t at) {
    Heap& heap = heaps_[side];
    const Item item = heap[at];
    for (std::size_t child; (child = 2 * at + 1) < heap.size(); at = child) {
      if (child + 1 < heap.size() && heap[child + 1].key < heap[child].key) ++child;
      if (!(heap[child].key < item.key)) break;
      set(side, at, heap[child]);
    }
    set(side, at, item);
    return at;
  }
  void set(std::uint32_t side, std::size_t at, const Item& item) {
    heaps_[side][at] = item;
    places_[item.number - first_] = static_cast<std::uint32_t>(at) << 1 | side;
  }

  static constexpr std::size_t kFew = 16;

  double percent_;
  std::array<Heap, 2> heaps_;
  Ring<std::uint32_t> places_;  // by number, from first_ on: in which heap, and where there
  std::uint32_t first_ = 0;     // numbers wrap
};

}  // namespace tocsin
