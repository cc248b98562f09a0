#include "engine/match/seen.h"

#include <memory>

#include "engine/event/value_copy.h"

namespace tocsin {

OwnedValues::OwnedValues(std::span<const Value> values) : size_(bytes_of(values)) {
  if (values.empty()) return;
  block_ = std::make_unique<std::byte[]>(size_);
  values_ = ValueWriter(block_.get()).values(values);
}

Seen::Seen(const Event& event, const StreamSet& fits, const StepSet& steps)
    : event_(event), fits_(fits), steps_(steps) {
  const std::size_t origins = rounded_to_words(event.origins.size() * sizeof(Position));
  size_ = bytes_of(event.fields) + bytes_outside(event.tiebreak) + origins;
  if (size_ == 0) return;
  block_ = std::make_unique<std::byte[]>(size_);
  ValueWriter writer(block_.get());
  event_.fields = writer.values(event.fields);
  event_.tiebreak = writer.copy(event.tiebreak);
  Position* positions = writer.room<Position>(event.origins.size());
  std::ranges::uninitialized_copy(event.origins, std::span(positions, event.origins.size()));
  event_.origins = {positions, event.origins.size()};
}

}  // namespace tocsin
