#include "engine/event/read.h"

#include <cmath>

#include "engine/base/text.h"
#include "engine/event/ip.h"

namespace tocsin {
namespace {

template <class T, class Make>
Reading keep(const std::optional<T>& parsed, Value& value, Make make) {
  if (!parsed) return Reading::wrong_type;
  value = make(*parsed);
  return Reading::good;
}

Reading read_number(NumberText outcome) {
  switch (outcome) {
    case NumberText::good:
      return Reading::good;
    case NumberText::not_a_number:
      return Reading::wrong_type;
    case NumberText::out_of_range:
      return Reading::out_of_range;
  }
  return Reading::good;
}

// `lat,lon`.
Reading read_point(std::string_view text, Arena& arena, Value& value) {
  const std::size_t comma = text.find(',');
  double latitude = 0, longitude = 0;
  if (comma == std::string_view::npos) return Reading::wrong_type;
  std::string_view second = text.substr(comma + 1);
  if (second.starts_with(' ')) second.remove_prefix(1);
  if (const Reading r = read_number(parse_floating(text.substr(0, comma), latitude)); r != Reading::good) return r;
  if (const Reading r = read_number(parse_floating(second, longitude)); r != Reading::good) return r;
  const auto point = make_point(latitude, longitude);
  if (!point) return Reading::out_of_range;
  value = Value::point(arena.put(*point));
  return Reading::good;
}

// A duration with its unit, or a plain number of seconds (as durations are written in JSON).
std::optional<Duration> read_duration(std::string_view text) {
  if (const auto duration = parse_duration(text)) return duration;
  const auto us = parse_scaled(text, 1'000'000, 1);
  return us ? std::optional(Duration{*us}) : std::nullopt;
}

std::optional<bool> read_boolean(std::string_view text) {
  if (text == "true" || text == "True" || text == "TRUE" || text == "1") return true;
  if (text == "false" || text == "False" || text == "FALSE" || text == "0") return false;
  return {};
}

}  // namespace

std::optional<Point> make_point(double latitude, double longitude) {
  if (!(std::abs(latitude) <= 90) || !(std::abs(longitude) <= 180)) return {};
  return Point{latitude, longitude};
}

Reading read_text(Type type, std::string_view text, Arena& arena, Value& value) {
  switch (type) {
    case Type::missing:
      return Reading::good;
    case Type::text:
    case Type::object:
      value = Value::text(text);
      return Reading::good;
    case Type::boolean:
      return keep(read_boolean(text), value, [](bool b) { return Value::boolean(b); });
    case Type::integer: {
      std::int64_t n = 0;
      const NumberText outcome = parse_integer(text, n);
      value = Value::integer(n);
      return read_number(outcome);
    }
    case Type::floating: {
      double d = 0;
      const NumberText outcome = parse_floating(text, d);
      value = Value::floating(d);
      return read_number(outcome);
    }
    case Type::time:
      return keep(parse_rfc3339(text), value, [](Time t) { return Value::time(t); });
    case Type::duration:
      return keep(read_duration(text), value, [](Duration d) { return Value::duration(d); });
    case Type::ip:
      return keep(parse_ip(text), value, [&](const IpAddress& ip) { return Value::ip(arena.put(ip)); });
    case Type::point:
      return read_point(text, arena, value);
    case Type::list:
      return Reading::wrong_type;  // a list of lists has no text form
  }
  return Reading::good;
}

}  // namespace tocsin
