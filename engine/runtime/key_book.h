// The keys of the events in hand: each is worked out once, however many programs are kept by the same fields.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/event.h"

namespace tocsin {

// So many events are looked at before the first of them has its turn: enough for the cache misses of all to overlap,
// few enough that what was fetched is still there.
inline constexpr std::size_t kAhead = 48;

struct EventKey {
  bool missing = true;  // a part of it is: the event is of no key
  std::uint64_t hash = 0;
  std::string_view bytes;  // canonical (key.h)
};

class KeyBook {
 public:
  // `by`: fields of the event, in order; equal ones get one number. REQUIRES: before the first `begin`.
  std::size_t number_of(const std::vector<SlotId>& by);

  // Other events are in hand: all keys told so far are void.
  void begin();
  // Of the `at`-th event in hand, at < kAhead; it stays where it is until `begin`. REQUIRES: the same event for the
  // same `at` until `begin`.
  const EventKey& key(std::size_t by, std::size_t at, const Event& event) {
    Entry& entry = entries_[by * kAhead + at];
    if (entry.stamp != stamp_) {
      entry.stamp = stamp_;
      work_out(bys_[by], event, entry.key);
    }
    return entry.key;
  }
  // Of an event that is in no hand: good until the next call, or `begin`.
  const EventKey& key(std::size_t by, const Event& event) {
    work_out(bys_[by], event, alone_);
    return alone_;
  }

 private:
  struct Entry {
    std::uint64_t stamp = 0;
    EventKey key;
  };
  void work_out(const std::vector<SlotId>& by, const Event& event, EventKey& out);

  std::vector<std::vector<SlotId>> bys_;
  std::vector<Entry> entries_;
  std::uint64_t stamp_ = 0;
  EventKey alone_;
  Arena arena_;
  std::string buffer_;
};

}  // namespace tocsin
