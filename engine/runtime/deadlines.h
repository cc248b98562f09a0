// When each program of a shard has something due: one deadline a program, the earliest first. A heap in which every
// program knows its place, so that a deadline that moves costs no entry and none is left behind.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include "engine/match/pattern.h"

namespace tocsin {

class Deadlines {
 public:
  explicit Deadlines(std::size_t programs) : at_(programs), places_(programs, kNone) { heap_.reserve(programs); }

  bool empty() const { return heap_.empty(); }
  std::optional<Instant> first() const { return heap_.empty() ? std::nullopt : at_[heap_.front()]; }
  std::uint32_t first_program() const { return heap_.front(); }
  std::optional<Instant> of(std::uint32_t program) const { return at_[program]; }

  // None: nothing is due any more.
  void set(std::uint32_t program, std::optional<Instant> at) {
    if (at == at_[program]) return;
    const bool was_there = at_[program].has_value();
    at_[program] = at;
    if (!at) return remove(places_[program]);
    if (!was_there) {
      places_[program] = static_cast<std::uint32_t>(heap_.size());
      heap_.push_back(program);
    }
    settle(places_[program]);
  }

 private:
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();

  bool is_before(std::uint32_t a, std::uint32_t b) const { return *at_[a] != *at_[b] ? *at_[a] < *at_[b] : a < b; }
  void put(std::uint32_t place, std::uint32_t program) {
    heap_[place] = program;
    places_[program] = place;
  }
  void remove(std::uint32_t place) {
    places_[heap_[place]] = kNone;
    const std::uint32_t last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    put(place, last);
    settle(place);
  }
  void settle(std::uint32_t place) {
    const std::uint32_t program = heap_[place];
    for (; place > 0 && is_before(program, heap_[(place - 1) / 2]); place = (place - 1) / 2)
      put(place, heap_[(place - 1) / 2]);
    for (std::uint32_t child = 2 * place + 1; child < heap_.size(); child = 2 * place + 1) {
      if (child + 1 < heap_.size() && is_before(heap_[child + 1], heap_[child])) ++child;
      if (!is_before(heap_[child], program)) break;
      put(place, heap_[child]);
      place = child;
    }
    put(place, program);
  }

  std::vector<std::optional<Instant>> at_;  // by program
  std::vector<std::uint32_t> places_;       // in heap_, by program
  std::vector<std::uint32_t> heap_;
};

}  // namespace tocsin
