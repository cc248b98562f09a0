// A schema from words, and events as one line of text each.
#pragma once

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "engine/event/event.h"
#include "engine/event/schema.h"

namespace tocsin::codec_test {

inline FieldSlot field(const std::string& dotted, Type type, bool declared = true, bool required = false) {
  FieldSlot slot{.path = {}, .type = type, .list = false, .declared = declared, .required = required};
  for (std::size_t from = 0; from <= dotted.size();) {
    const std::size_t dot = std::min(dotted.find('.', from), dotted.size());
    slot.path.push_back(dotted.substr(from, dot - from));
    from = dot + 1;
  }
  return slot;
}
inline FieldSlot list_field(const std::string& name, Type type) {
  FieldSlot slot = field(name, type);
  slot.list = true;
  return slot;
}
inline FieldSlot required(const std::string& name, Type type) { return field(name, type, true, true); }

// The first field named `ts` is the timestamp.
inline EventType event(const std::string& name, std::vector<FieldSlot> fields, TimeUnit unit = TimeUnit::milliseconds) {
  EventType type{.name = name, .fields = std::move(fields), .timestamp = {}, .unit = unit, .tiebreak = {}};
  for (std::size_t i = 0; i < type.fields.size(); ++i) {
    if (type.fields[i].path == std::vector<std::string>{"ts"}) type.timestamp = SlotId(i);
  }
  return type;
}

inline Schema schema_of(std::vector<EventType> types) {
  Schema schema;
  schema.types = std::move(types);
  for (std::size_t i = 0; i < schema.types.size(); ++i) schema.by_name.emplace(schema.types[i].name, EventTypeId(i));
  return schema;
}

inline std::string show(const Value& value) {
  switch (value.type()) {
    case Type::missing:
      return "-";
    case Type::boolean:
      return value.as_boolean() ? "true" : "false";
    case Type::integer:
      return std::to_string(value.as_integer());
    case Type::floating: {
      char text[40];
      std::snprintf(text, sizeof text, "%.17gf", value.as_floating());
      return text;
    }
    case Type::text:
      return "'" + std::string(value.as_text()) + "'";
    case Type::time:
      return "@" + std::to_string(value.as_time().us);
    case Type::duration:
      return std::to_string(value.as_duration().us) + "us";
    case Type::ip:
      return "ip" + std::to_string(value.as_ip().bytes[15]) + "/" + std::to_string(value.as_ip().prefix);
    case Type::point:
      return "(" + show(Value::floating(value.as_point().latitude)) + " " +
             show(Value::floating(value.as_point().longitude)) + ")";
    case Type::list: {
      std::string text = "[";
      for (const Value& item : value.as_list()) text += (text.size() > 1 ? " " : "") + show(item);
      return text + "]";
    }
    case Type::object: {
      std::string text = "{";
      for (const Member& m : value.as_object())
        text += (text.size() > 1 ? " " : "") + std::string(m.name) + ":" + show(m.value);
      return text + "}";
    }
  }
  return "?";
}

// `name@time_us offset value value ..`
inline std::string show(const Event& event, const Schema& schema) {
  std::string text =
      schema[event.type].name + "@" + std::to_string(event.time.us) + " " + std::to_string(event.position.offset);
  for (const Value& value : event.fields) text += " " + show(value);
  return text;
}

}  // namespace tocsin::codec_test
