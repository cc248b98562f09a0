// Keys that were given up and that durable state may still have: until the epoch is durable that says so, whoever looks
// there has to ask here first.
#pragma once

#include <boost/unordered/unordered_flat_set.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/hash.h"

namespace tocsin {

class GoneKeys {
 public:
  void add(std::string_view key) { now_.emplace(key); }
  bool has(std::string_view key) const { return now_.contains(key) || of_cut_.contains(key); }

  // Those up to here are of the epoch that ends: `put(key)` for each. REQUIRES: the epoch before is durable.
  template <class Put>
  void cut(const Put& put) {
    for (const std::string& key : now_) put(key);
    of_cut_ = std::exchange(now_, {});
  }
  // The cut is durable.
  void stored() { of_cut_.clear(); }

 private:
  using Keys = boost::unordered_flat_set<std::string, TextHash, std::equal_to<>>;
  Keys now_, of_cut_;
};

}  // namespace tocsin
