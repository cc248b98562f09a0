#include "engine/event/state_bytes.h"

#include <algorithm>

namespace tocsin {

void put_fields(StateWriter& a, EventTypeId type, std::span<const Value> fields) {
  a(type);
  for (const Value& field : fields) a(field);
}

std::span<const Value> take_fields(StateReader& a, EventTypeId& type) {
  std::uint32_t number = 0;
  a(number);
  const StateNames::Type* layout = a.names().type(number);
  if (layout == nullptr || !layout->id.exists()) {
    a.fail();
    return {};
  }
  type = layout->id;
  const std::span<Value> fields = a.arena().array<Value>(a.names().fields_of(type));
  std::fill(fields.begin(), fields.end(), Value());
  for (const SlotId slot : layout->slots) {
    Value value;
    a(value);
    if (slot.exists()) fields[slot.index] = value;
  }
  return fields;
}

}  // namespace tocsin
