// For the codecs' tests: a schema from words, a decoder over lines, events as one line of text each.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "adapters/codec/config.h"

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

struct Decoded {
  std::vector<std::string> events;
  std::vector<std::string> dead;  // `reason offset`
  DeadLetters letters;
  friend bool operator==(const Decoded& a, const Decoded& b) { return a.events == b.events && a.dead == b.dead; }
};

constexpr Time kArrived{1'000'000'000'000'000};

// The input in blocks of whole lines with at least `block_size` bytes each.
inline Decoded decode(const CodecConfig& config, const Schema& schema, std::string_view input,
                      std::size_t block_size = 1 << 20) {
  auto decoder = make_decoder(config, schema);
  REQUIRE_MESSAGE(decoder.has_value(), (decoder ? "" : decoder.error().message));
  Decoded decoded;
  EventBatch batch;
  Block block;
  std::uint64_t line = 1;
  while (!input.empty()) {
    std::size_t size = input.find('\n', std::min(block_size, input.size()) - 1);
    size = size == std::string_view::npos ? input.size() : size + 1;
    block.clear();
    block.source = SourceId(0);
    block.first_offset = line;
    block.arrived = kArrived;
    block.bytes.append(input.substr(0, size));
    for (const char c : input.substr(0, size)) line += c == '\n';
    input.remove_prefix(size);
    block.ends = input.empty();
    decoded.letters.letters.clear();
    (*decoder)->decode(block, batch, decoded.letters);
    for (const Event& event : batch.events()) decoded.events.push_back(show(event, schema));
    for (const DeadLetter& letter : decoded.letters.letters) {
      decoded.dead.push_back(std::string(name_of(letter.reason)) + " " + std::to_string(letter.position.offset));
    }
    batch.clear();
  }
  return decoded;
}

}  // namespace tocsin::codec_test
