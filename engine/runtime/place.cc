#include "engine/runtime/place.h"

#include <bit>
#include <cmath>

#include "engine/event/encode.h"

namespace tocsin {
namespace {

template <class Unsigned>
void append_big_endian(std::string& out, Unsigned n) {
  char bytes[sizeof n];
  for (std::size_t i = 0; i < sizeof n; ++i) bytes[i] = static_cast<char>(n >> 8 * (sizeof n - 1 - i));
  out.append(bytes, sizeof n);
}

// Negative numbers before positive ones.
void append_signed(std::string& out, std::int64_t n) {
  append_big_endian(out, static_cast<std::uint64_t>(n) ^ std::uint64_t{1} << 63);
}

// Numbers compare by their value, whether they are whole or not: the nearest double, then how far a whole one is above
// or below it (at most 512 for 64 bits).
void append_number(std::string& out, const Value& value) {
  const bool whole = value.type() == Type::integer;
  double near = whole ? static_cast<double>(value.as_integer()) : value.as_floating();
  if (near == 0) near = 0;  // -0 is 0
  const auto bits = std::bit_cast<std::uint64_t>(near);
  const bool negative = (bits >> 63) != 0;
  append_big_endian(out, negative ? ~bits : bits | std::uint64_t{1} << 63);
  const long double above =
      whole ? static_cast<long double>(value.as_integer()) - static_cast<long double>(near) : 0.0L;
  append_big_endian(out, static_cast<std::uint16_t>(static_cast<std::int32_t>(above) + 0x4000));
}

// Ends before everything that goes on.
void append_text_ordered(std::string& out, std::string_view text) {
  for (const char c : text) {
    out += c;
    if (c == '\0') out += '\xff';
  }
  out.append(2, '\0');
}

// Before every phase.
constexpr char kBeforeAll = 0;
// The bytes of when it leaves.
constexpr std::size_t kInstant = 8 + 1;

Place begin(Time time, char phase) {
  Place out;
  out.reserve(64);
  append_signed(out, time.us);
  out += phase;
  return out;
}

void append_event(Place& out, const Event& event) {
  out += '\1';
  append_ordered(out, event.tiebreak);
  append_big_endian(out, event.position.source.index);
  append_big_endian(out, event.position.partition);
  append_big_endian(out, event.position.offset);
}

}  // namespace

void append_ordered(std::string& out, const Value& value) {
  out += static_cast<char>(tiebreak_rank(value));
  switch (value.type()) {
    case Type::integer:
    case Type::floating:
      return append_number(out, value);
    case Type::text:
      return append_text_ordered(out, value.as_text());
    case Type::time:
      return append_signed(out, value.as_time().us);
    case Type::duration:
      return append_signed(out, value.as_duration().us);
    case Type::boolean:
      out += static_cast<char>(value.as_boolean());
      return;
    case Type::ip:
      for (const auto byte : value.as_ip().bytes) out += static_cast<char>(byte);
      append_big_endian(out, value.as_ip().prefix);
      return;
    case Type::missing:
    case Type::point:
    case Type::list:
    case Type::object:
      return;  // all of them are alike
  }
}

Place place_of(Instant deadline) {
  Place out = begin(deadline.time, static_cast<char>(deadline.phase));
  out += '\0';
  return out;
}

Place place_of(const Event& event) {
  Place out = begin(event.time, static_cast<char>(Phase::event));
  append_event(out, event);
  return out;
}

Place place_of_late(const Event& event, Time watermark, bool among_events) {
  Place out = begin(watermark, among_events ? static_cast<char>(Phase::event) : kBeforeAll);
  append_event(out, event);
  return out;
}

namespace {

template <class Unsigned>
Unsigned take_big_endian(std::string_view& from) {
  Unsigned out = 0;
  for (std::size_t i = 0; i < sizeof out; ++i)
    out = static_cast<Unsigned>(out << 8 | static_cast<std::uint8_t>(from[i]));
  from.remove_prefix(sizeof out);
  return out;
}

// How many bytes append_ordered wrote.
std::size_t ordered_size(std::string_view from) {
  const auto is = [&](const Value& example) { return from.front() == static_cast<char>(tiebreak_rank(example)); };
  if (is(Value::integer(0))) return 1 + 8 + 2;
  if (is(Value::time({})) || is(Value::duration({}))) return 1 + 8;
  if (is(Value::boolean(false))) return 1 + 1;
  const IpAddress address;
  if (is(Value::ip(&address))) return 1 + 16 + 1;
  if (!is(Value::text(""))) return 1;
  std::size_t at = 1;
  while (from[at] != '\0' || from[at + 1] != '\0') at += from[at] == '\0' ? 2u : 1u;
  return at + 2;
}

}  // namespace

Instant instant_of(std::string_view place) {
  const auto bits = take_big_endian<std::uint64_t>(place);
  return {Time{static_cast<std::int64_t>(bits ^ std::uint64_t{1} << 63)}, static_cast<Phase>(place.front())};
}

std::string_view place_of_cause(std::string_view place) {
  if (place[kInstant] == '\0') return place.substr(0, kInstant + 1);
  return place.substr(0, kInstant + 1 + ordered_size(place.substr(kInstant + 1)) + 4 + 4 + 8);
}

std::uint32_t first_emitter(std::string_view place) {
  place.remove_prefix(place_of_cause(place).size() + 1);
  return take_big_endian<std::uint32_t>(place);
}

std::optional<Position> cause_of(std::string_view place) {
  if (place.size() <= kInstant || place[kInstant] == '\0') return std::nullopt;
  place.remove_prefix(kInstant + 1);
  place.remove_prefix(ordered_size(place));
  Position out;
  out.source.index = take_big_endian<std::uint32_t>(place);
  out.partition = take_big_endian<std::uint32_t>(place);
  out.offset = take_big_endian<std::uint64_t>(place);
  return out;
}

void append_alert(Place& cause, std::uint32_t rule, std::string_view key) {
  cause.reserve(cause.size() + 1 + sizeof rule + key.size());
  cause += '\0';
  append_big_endian(cause, rule);
  cause += key;
}

void append_emitted(Place& cause, std::uint32_t program, std::string_view key, std::uint32_t number) {
  cause += '\1';
  append_big_endian(cause, program);
  cause += key;
  append_big_endian(cause, number);
}

}  // namespace tocsin
