// Names <-> ids: the only place of the engine where event and field names exist. Built once by the compiler for a rule
// set, then immutable. It lists what some rule needs, so a codec that follows it decodes nothing else.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/event/value.h"

namespace tocsin {

enum class TimeUnit : std::uint8_t { seconds, milliseconds, microseconds, nanoseconds };

struct FieldSlot {
  std::vector<std::string> path;  // `winlog.event_data.Image` is three names; tried as one dotted name, too
  Type type = Type::object;       // as declared or inferred; `object` stands for `any`
  bool list = false;              // `list of T`
  bool declared = false;          // the schema names it: another type breaks the schema
  bool required = false;          // declared without `?`: missing breaks the schema
  std::string name() const;       // joined by dots
};

struct EventType {
  std::string name;
  std::vector<FieldSlot> fields;  // SlotId counts these
  std::optional<SlotId> timestamp;
  TimeUnit unit = TimeUnit::milliseconds;
  std::optional<SlotId> tiebreak;
  Duration late{};  // of this type; a partition waits the largest of those it carries (T2)
  bool late_adaptive = false;
  bool emitted = false;  // made by a rule, session or summary: no source carries it
};

struct Schema {
  std::vector<EventType> types;
  std::unordered_map<std::string, EventTypeId> by_name;

  std::optional<EventTypeId> find(std::string_view name) const;
  const EventType& operator[](EventTypeId id) const { return types[id.index]; }
};

}  // namespace tocsin
