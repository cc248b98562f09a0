#include "engine/event/schema.h"

namespace tocsin {

std::string FieldSlot::name() const {
  std::string joined;
  for (const std::string& part : path) {
    if (!joined.empty()) joined += '.';
    joined += part;
  }
  return joined;
}

std::optional<EventTypeId> Schema::find(std::string_view name) const {
  const auto found = by_name.find(std::string(name));
  return found == by_name.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace tocsin
