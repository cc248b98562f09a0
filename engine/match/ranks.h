// How often each value of a window is there, and which are the most frequent (`top(x.f, n)`, A7), kept as they come and
// go: joining and leaving cost the logarithm of how many different ones there are.
#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/hash.h"
#include "engine/event/owned.h"
#include "engine/event/value.h"
#include "engine/event/write.h"

namespace tocsin {

class Ranks {
 public:
  void add(const Value& value) {
    shown_.clear();
    append_text(shown_, value);
    auto found = rows_.find(shown_);
    if (found == rows_.end()) {
      auto row = std::make_unique<Row>(Row{shown_, OwnedValue(value), 1});
      order_.insert(row.get());
      text_bytes_ += shown_.capacity();
      rows_.emplace(row->shown, std::move(row));
      return;
    }
    found->second->value = OwnedValue(value);  // of values that people see as one the newest
    count(*found->second, +1);
  }
  // REQUIRES: it was added, and has not been dropped since.
  void drop(const Value& value) {
    shown_.clear();
    append_text(shown_, value);
    const auto found = rows_.find(shown_);
    if (found->second->count > 1) return count(*found->second, -1);
    text_bytes_ -= found->second->shown.capacity();
    order_.erase(found->second.get());
    const std::unique_ptr<Row> gone = std::move(found->second);  // the key views its text
    rows_.erase(found);
  }

  // The `n` most frequent, ties by the bytes that people see. Good until the next add or drop.
  std::span<const Value> first(std::size_t n) const {
    first_.clear();
    for (auto row = order_.begin(); row != order_.end() && first_.size() < n; ++row)
      first_.push_back((*row)->value.view());
    return first_;
  }
  std::size_t bytes() const {
    return sizeof *this + rows_.bucket_count() * sizeof(Rows::value_type) + rows_.size() * (sizeof(Row) + kNodeBytes) +
           text_bytes_;
  }

 private:
  struct Row {
    std::string shown;
    OwnedValue value;
    std::size_t count = 0;
  };
  struct Before {
    bool operator()(const Row* a, const Row* b) const {
      return a->count != b->count ? a->count > b->count : a->shown < b->shown;
    }
  };
  using Rows = boost::unordered_flat_map<std::string_view, std::unique_ptr<Row>, TextHash, std::equal_to<>>;
  static constexpr std::size_t kNodeBytes = 48;  // of the set

  // The node goes on with its row: nothing is allocated.
  void count(Row& row, int change) {
    auto node = order_.extract(&row);
    row.count += static_cast<std::size_t>(change);
    order_.insert(std::move(node));
  }

  Rows rows_;
  std::set<Row*, Before> order_;
  std::size_t text_bytes_ = 0;
  std::string shown_;  // of the call in hand
  mutable std::vector<Value> first_;
};

}  // namespace tocsin
