#include "engine/event/layouts.h"

#include <algorithm>

namespace tocsin {
namespace {

Layouts::Type layout_of(const EventType& type) {
  Layouts::Type out{type.name, {}};
  for (const FieldSlot& field : type.fields) out.fields.push_back(field.name());
  return out;
}

template <class T>
std::uint32_t found_or_added(std::vector<T>& all, const T& one) {
  const auto at = std::find(all.begin(), all.end(), one);
  if (at != all.end()) return static_cast<std::uint32_t>(at - all.begin());
  all.push_back(one);
  return static_cast<std::uint32_t>(all.size() - 1);
}

}  // namespace

StateNames::StateNames(const Schema& schema, std::span<const std::string> sources, Layouts known)
    : layouts_(std::move(known)) {
  std::vector<Layouts::Type> today;
  for (const EventType& type : schema.types) {
    today.push_back(layout_of(type));
    type_numbers_.push_back(found_or_added(layouts_.types, today.back()));
    fields_of_.push_back(type.fields.size());
  }
  for (const std::string& source : sources) source_numbers_.push_back(found_or_added(layouts_.sources, source));

  for (const Layouts::Type& layout : layouts_.types) {
    Type& type = types_.emplace_back();
    const auto id = schema.find(layout.name);
    if (!id) continue;
    type.id = *id;
    const std::vector<std::string>& fields = today[id->index].fields;
    for (const std::string& field : layout.fields) {
      const auto at = std::find(fields.begin(), fields.end(), field);
      type.slots.push_back(at == fields.end() ? SlotId() : SlotId(static_cast<std::size_t>(at - fields.begin())));
    }
  }
  for (const std::string& name : layouts_.sources) {
    const auto at = std::find(sources.begin(), sources.end(), name);
    sources_.push_back(at == sources.end() ? SourceId() : SourceId(static_cast<std::size_t>(at - sources.begin())));
  }
}

}  // namespace tocsin
