#include "engine/event/value_copy.h"

#include <cstring>
#include <new>

namespace tocsin {

static_assert(sizeof(Value) % 8 == 0 && sizeof(Member) % 8 == 0);

std::size_t bytes_outside(const Value& value) {
  switch (value.type()) {
    case Type::missing:
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration:
      return 0;
    case Type::text:
      return rounded_to_words(value.as_text().size());
    case Type::ip:
      return rounded_to_words(sizeof(IpAddress));
    case Type::point:
      return rounded_to_words(sizeof(Point));
    case Type::list:
      return bytes_of(value.as_list());
    case Type::object: {
      std::size_t sum = value.as_object().size() * sizeof(Member);
      for (const Member& m : value.as_object()) sum += rounded_to_words(m.name.size()) + bytes_outside(m.value);
      return sum;
    }
  }
  return 0;
}

std::size_t bytes_of(std::span<const Value> values) {
  std::size_t sum = values.size() * sizeof(Value);
  for (const Value& v : values) sum += bytes_outside(v);
  return sum;
}

Value ValueWriter::copy(const Value& value) {
  switch (value.type()) {
    case Type::missing:
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration:
      return value;
    case Type::text:
      return Value::text(text(value.as_text()));
    case Type::ip:
      return Value::ip(new (room<IpAddress>(1)) IpAddress(value.as_ip()));
    case Type::point:
      return Value::point(new (room<Point>(1)) Point(value.as_point()));
    case Type::list:
      return Value::list(values(value.as_list()));
    case Type::object: {
      const std::span<const Member> from = value.as_object();
      Member* members = room<Member>(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) new (members + i) Member{text(from[i].name), copy(from[i].value)};
      return Value::object({members, from.size()});
    }
  }
  return {};
}

std::span<const Value> ValueWriter::values(std::span<const Value> from) {
  Value* to = room<Value>(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) new (to + i) Value(copy(from[i]));
  return {to, from.size()};
}

std::string_view ValueWriter::text(std::string_view from) {
  char* place = room<char>(from.size());
  if (!from.empty()) std::memcpy(place, from.data(), from.size());
  return {place, from.size()};
}

}  // namespace tocsin
