// Where expressions put the texts, lists and values that they make, and what functions look up again and again: one per
// shard, reset between events. What it gave out is good until `reset`.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/arena.h"
#include "engine/base/time_format.h"
#include "engine/event/value.h"
#include "engine/program/zone.h"

namespace re2 {
class RE2;
}

namespace tocsin {

class Scratch {
 public:
  Scratch() = default;
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;

  std::string_view text(std::string_view from) {
    is_large_ = is_large_ || from.size() > kKept;
    return arena_.text(from);
  }
  std::span<Value> values(std::size_t n) {
    is_large_ = is_large_ || n > kKept / sizeof(Value);
    return arena_.array<Value>(n);
  }
  Value list(std::span<const Value> items) {
    const std::span<Value> place = values(items.size());
    std::ranges::copy(items, place.begin());
    return Value::list(place);
  }
  Value ip(const IpAddress& address) { return Value::ip(arena_.put(address)); }
  Value point(const Point& point) { return Value::point(arena_.put(point)); }
  Arena& arena() { return arena_; }

  // An empty text to build in; it keeps its memory. Two of them, because comparing folds both sides.
  std::string& buffer(std::size_t which = 0) {
    buffers_[which].clear();
    return buffers_[which];
  }

  void reset() {
    arena_.clear();
    if (!is_large_ && buffers_[0].capacity() <= kKept && buffers_[1].capacity() <= kKept) return;
    arena_ = Arena();  // one large event is no reason to keep its memory for ever
    for (std::string& buffer : buffers_) std::string().swap(buffer);
    is_large_ = false;
  }
  // Between two events.
  std::size_t bytes_held() const { return arena_.bytes_held() + buffers_[0].capacity() + buffers_[1].capacity(); }

  // ----- for the interpreter and the functions ----------------------------------------------------------

  // The regular expressions of the code that is running, by RegexId; the interpreter sets them.
  std::span<const std::unique_ptr<re2::RE2>> regexes;

  // Compiled when first asked for and remembered; rules write only a few. Null: no such format, no such zone.
  const TimeFormat* time_format(std::string_view format) {
    for (const auto& [text, compiled] : formats_)
      if (text == format) return compiled ? &*compiled : nullptr;
    if (formats_.size() == kRemembered) formats_.clear();
    auto compiled = TimeFormat::compile(format);
    formats_.emplace_back(format, compiled ? std::optional(std::move(*compiled)) : std::nullopt);
    return formats_.back().second ? &*formats_.back().second : nullptr;
  }
  const Zone* zone(std::string_view name) {
    for (const auto& [text, found] : zones_)
      if (text == name) return found;
    if (zones_.size() == kRemembered) zones_.clear();
    zones_.emplace_back(name, find_zone(name));
    return zones_.back().second;
  }

 private:
  static constexpr std::size_t kRemembered = 64;  // constants in rules are few; data never gets here

  static constexpr std::size_t kKept = std::size_t{256} << 10;  // of one text or list, after its event
  Arena arena_;
  std::string buffers_[2];
  bool is_large_ = false;  // something in the arena is
  std::vector<std::pair<std::string, std::optional<TimeFormat>>> formats_;
  std::vector<std::pair<std::string, const Zone*>> zones_;
};

}  // namespace tocsin
