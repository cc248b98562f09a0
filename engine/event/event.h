// What happened: an event is its type, its time, where it came from, and the values of the fields that some rule reads.
#pragma once

#include <compare>
#include <cstdint>
#include <span>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/event/value.h"

namespace tocsin {

// Where a record stands in its source: `source/partition/offset` in evidence. The offset of a file is its 1-based line.
struct Position {
  SourceId source;
  std::uint32_t partition = 0;
  std::uint64_t offset = 0;
  friend auto operator<=>(const Position&, const Position&) = default;
};

struct Event {
  EventTypeId type;
  // Of a record 0. Events that are emitted stand behind their cause, in this order (S5); what a deadline brings stands
  // before or behind all other events of its time, which these bits say.
  std::uint32_t ordinal = 0;
  static constexpr std::uint32_t kBeforeOthers = 1u << 30, kBehindOthers = 1u << 31;
  Time time;
  Position position;  // of an emitted event: of the record that brought it about
  // What ids know an emitted event by: it follows from what emitted it, and not from what else was emitted. Of a record
  // it is 0: ids know it by its position.
  std::uint64_t mark = 0;
  Value tiebreak;                       // missing sorts first (T10)
  std::span<const Value> fields;        // by SlotId of the type; the batch's arena owns them
  std::span<const Position> origins{};  // of an emitted event: the events of the match that emitted it (F17)

  Value field(SlotId slot) const { return fields[slot.index]; }
  bool is_emitted() const { return ordinal != 0; }
};

// Tiebreaks of any type compare; those of different types by rank, missing first (T10).
std::strong_ordering compare_tiebreaks(const Value& a, const Value& b);
int tiebreak_rank(const Value& value);

// The total order: (time, tiebreak, source partition, offset), then the ordinal of emitted events. What deadlines emit
// stands before or behind all others of its time.
std::strong_ordering total_order(const Event& a, const Event& b);

}  // namespace tocsin
