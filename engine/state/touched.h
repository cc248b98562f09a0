// Which keys have changed since the last cut, so that an epoch writes those and no others; and the ones of the cut in
// hand that are still to be written, while their owner goes on. A key that is about to change again is written first:
// as it stood at the cut.
//
//   before a change:  if (touched.touch(key.tag, handle)) write(key);
//   at a barrier:     touched.cut();
//   when there is time:  while (auto key = touched.next()) if (touched.is_due(key->tag)) { write; tag = clean; }
//
// A key has one byte for it (its tag): clean, or one of two marks that change places at each cut.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "engine/base/contract.h"

namespace tocsin {

using TouchTag = std::uint8_t;

template <class Handle>
class Touched {
 public:
  static constexpr TouchTag kClean = 0;

  // Before that nothing is noted: a run without durable state pays a comparison.
  void begin() { on_ = true; }
  bool is_on() const { return on_; }

  // REQUIRES: is_on(). True: it belongs to the cut in hand and has to be written now, before it changes.
  template <class MakeHandle>
  bool touch(TouchTag& tag, const MakeHandle& handle) {
    if (tag == now_) return false;
    const bool is_due = tag != kClean;
    tag = now_;
    changed_.push_back(handle());
    return is_due;
  }

  // What was touched up to here is of the epoch that ends. REQUIRES: all of the cut before has been taken.
  void cut() {
    TOCSIN_ASSERT(left_.empty());
    std::swap(changed_, left_);
    now_ = other();
  }
  // Those of the cut, in no order; each once. It may have been written meanwhile, or be gone: is_due() says.
  std::optional<Handle> next() {
    if (left_.empty()) return std::nullopt;
    Handle out = std::move(left_.back());
    left_.pop_back();
    return out;
  }
  bool is_due(TouchTag tag) const { return tag == other(); }
  std::size_t left() const { return left_.size(); }
  std::size_t changed() const { return changed_.size(); }

 private:
  TouchTag other() const { return static_cast<TouchTag>(3 - now_); }

  std::vector<Handle> changed_, left_;
  TouchTag now_ = 1;
  bool on_ = false;
};

}  // namespace tocsin
