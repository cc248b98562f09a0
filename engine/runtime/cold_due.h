// When keys that stand in durable state alone have to be in memory: by key group the first time at which one of them
// has, as the index of durable state says (StateKind::due). Of a group whose time has come the index is read from there
// on.
//
//   what stands in the index at or before read_until() is of keys that are in memory, or have changed since
//
// One program's, on one shard: at most one entry a key group.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "engine/base/time.h"

namespace tocsin {

class ColdDue {
 public:
  // A key of the group is in durable state alone. REQUIRES: is_ahead(at), of one that was in memory.
  void add(std::uint16_t group, Time at) {
    const auto there = firsts_.find(group);
    if (there == firsts_.end() || at < there->second) set(group, at);
  }
  // The first in the group; none: nothing in it is to be read.
  void set(std::uint16_t group, std::optional<Time> at) {
    if (const auto there = firsts_.find(group); there != firsts_.end()) {
      order_.erase({there->second, group});
      firsts_.erase(there);
    }
    if (!at) return;
    firsts_.emplace(group, *at);
    order_.emplace(*at, group);
  }
  std::optional<Time> first() const { return order_.empty() ? std::nullopt : std::optional(order_.begin()->first); }
  // The group of the first until `now`.
  std::optional<std::uint16_t> group_until(Time now) const {
    if (order_.empty() || order_.begin()->first > now) return std::nullopt;
    return order_.begin()->second;
  }

  Time read_until() const { return read_until_; }
  bool is_ahead(Time at) const { return at > read_until_; }
  // All groups have been read so far.
  void set_read(Time until) { read_until_ = std::max(read_until_, until); }
  // All before `passed` has happened, but for what is still to be read: after a start its turn is at `passed` itself.
  void set_read_before(Time passed) {
    if (const auto next = first()) passed = std::min(passed, *next);
    if (passed > read_until_) read_until_ = Time{passed.us - 1};
  }
  void clear() {
    firsts_.clear();
    order_.clear();
  }

 private:
  std::map<std::uint16_t, Time> firsts_;
  std::set<std::pair<Time, std::uint16_t>> order_;
  Time read_until_{std::numeric_limits<std::int64_t>::min()};
};

}  // namespace tocsin
