// The keys under which a program sees the event in hand.
#pragma once

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "engine/event/event.h"
#include "engine/match/pattern.h"

namespace tocsin {

// An event as one key of the program sees it: the roles that it plays there, merged (E2).
struct KeyedVisit {
  std::string key;
  std::vector<Value> values;
  StepSet steps;
};

// Those of the event in hand. One of them serves all the runners of a shard, one after the other: it is always at hand,
// and what it held for the event before is memory for the next.
class KeyedVisits {
 public:
  KeyedVisit& add() {
    if (size_ == all_.size()) all_.emplace_back();
    KeyedVisit& out = all_[size_++];
    out.key.clear();
    out.values.clear();
    out.steps.reset();
    return out;
  }
  void drop_last() { --size_; }
  template <class Unwanted>
  void drop(const Unwanted& unwanted) {
    const auto stay = std::stable_partition(all_.begin(), all_.begin() + static_cast<std::ptrdiff_t>(size_),
                                            [&](const KeyedVisit& v) { return !unwanted(v); });
    size_ = static_cast<std::size_t>(stay - all_.begin());
  }
  void clear() { size_ = 0; }
  bool empty() const { return size_ == 0; }
  std::span<KeyedVisit> all() { return std::span(all_).first(size_); }

 private:
  std::vector<KeyedVisit> all_;
  std::size_t size_ = 0;
};

}  // namespace tocsin
