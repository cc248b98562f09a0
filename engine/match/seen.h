// An event that a key of a program still needs: its fields copied out of the batch, and which streams it is of.
#pragma once

#include <bitset>
#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "engine/base/ids.h"
#include "engine/event/event.h"
#include "engine/event/state_bytes.h"
#include "engine/program/limits.h"

namespace tocsin {

// Streams of one program that an event is of.
using StreamSet = std::bitset<kStreamsPerProgramMax>;

// Steps of one pattern: the width of the mask that says which of them an event may fill (E2).
using StepSet = std::bitset<kStepsPerPatternMax>;

// Values that own what they view: captures, keys, fields of emitted events.
class OwnedValues {
 public:
  OwnedValues() = default;
  explicit OwnedValues(std::span<const Value> values);
  OwnedValues(const OwnedValues& other) : OwnedValues(other.values_) {}
  OwnedValues(OwnedValues&&) noexcept = default;
  OwnedValues& operator=(const OwnedValues& other) { return *this = OwnedValues(other); }
  OwnedValues& operator=(OwnedValues&&) noexcept = default;

  std::span<const Value> values() const { return values_; }
  std::size_t bytes() const { return size_; }

  template <class Archive>
  void state_parts(Archive& a) {
    const std::size_t count = a.count(values_.size());
    if constexpr (Archive::kReads) {
      std::vector<Value> values(count);
      for (Value& value : values) a(value);
      *this = OwnedValues(values);
    } else {
      for (const Value& value : values_) a(value);
    }
  }

 private:
  std::span<const Value> values_;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> block_;
};

// Copies `event` so that it outlives its batch; its fields, texts and lists stand in one block.
class Seen {
 public:
  Seen() = default;  // to be read into
  Seen(const Event& event, const StreamSet& fits, const StepSet& steps = ~StepSet());
  Seen(Seen&&) noexcept = default;
  Seen& operator=(Seen&&) noexcept = default;

  const Event& event() const { return event_; }
  Time time() const { return event_.time; }
  bool fits(StreamId stream) const { return fits_[stream.index]; }
  bool fits_any(const StreamSet& streams) const { return (fits_ & streams).any(); }
  bool may_fill(StepId step) const { return !step.exists() || steps_[step.index]; }
  std::size_t bytes() const { return sizeof(Seen) + size_; }

  template <class Archive>
  void state_parts(Archive& a) {
    Event event = event_;
    if constexpr (Archive::kReads)
      event.fields = take_fields(a, event.type);
    else
      put_fields(a, event.type, event.fields);
    std::vector<Position> origins(event.origins.begin(), event.origins.end());
    a(event.time, event.position, event.ordinal);
    if (event.ordinal != 0) a(event.mark);
    a(event.tiebreak, origins, fits_, steps_);
    if constexpr (Archive::kReads) {
      event.origins = origins;
      *this = a.ok() ? Seen(event, fits_, steps_) : Seen();
    }
  }

 private:
  Event event_;
  StreamSet fits_;
  StepSet steps_;
  std::size_t size_ = 0;
  std::unique_ptr<std::byte[]> block_;
};

}  // namespace tocsin
