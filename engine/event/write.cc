#include "engine/event/write.h"

#include <array>
#include <charconv>

#include "engine/base/write.h"
#include "engine/event/order.h"

namespace tocsin {
namespace {

void append_v4(std::string& out, const std::uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    if (i > 0) out += '.';
    append_number(out, std::int64_t{bytes[i]});
  }
}

// The longest run of at least two zero groups, the first of several (RFC 5952).
struct ZeroRun {
  std::size_t begin = 8, length = 1;
};
ZeroRun longest_zeros(const std::array<unsigned, 8>& groups) {
  ZeroRun best;
  for (std::size_t i = 0; i < 8; ++i) {
    std::size_t end = i;
    while (end < 8 && groups[end] == 0) ++end;
    if (end - i > best.length) best = {i, end - i};
  }
  return best;
}

void append_v6(std::string& out, const IpAddress& address) {
  std::array<unsigned, 8> groups{};
  for (std::size_t i = 0; i < 8; ++i) groups[i] = address.bytes[2 * i] * 256u + address.bytes[2 * i + 1];
  const ZeroRun zeros = longest_zeros(groups);
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == zeros.begin) {
      out += "::";
      i += zeros.length - 1;
      continue;
    }
    if (i > 0 && out.back() != ':') out += ':';
    std::array<char, 4> digits;
    out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), groups[i], 16).ptr);
  }
}

void append_seconds(std::string& out, Duration duration) {
  if (duration.us % 1'000'000 == 0) return append_number(out, duration.us / 1'000'000);
  append_number(out, static_cast<double>(duration.us) / 1e6);
}

template <class Items, class One>
void append_joined(std::string& out, const Items& items, std::string_view between, One one) {
  bool first = true;
  for (const auto& item : items) {
    if (!first) out += between;
    first = false;
    one(item);
  }
}

void append_object(std::string& out, std::span<const Member> members) {
  out += '{';
  append_joined(out, members, ",", [&](const Member& member) {
    append_json_text(out, member.name);
    out += ':';
    append_json(out, member.value);
  });
  out += '}';
}

}  // namespace

void append_ip(std::string& out, const IpAddress& address) {
  const bool v4 = is_v4(address);
  if (v4) {
    append_v4(out, address.bytes.data() + 12);
  } else {
    append_v6(out, address);
  }
  if (address.prefix == 128) return;
  out += '/';
  append_number(out, std::int64_t{address.prefix} - (v4 ? 96 : 0));
}

void append_json(std::string& out, const Value& value) {
  switch (value.type()) {
    case Type::missing:
      out += "null";
      return;
    case Type::boolean:
      out += value.as_boolean() ? "true" : "false";
      return;
    case Type::integer:
      return append_number(out, value.as_integer());
    case Type::floating:
      return append_number(out, value.as_floating());
    case Type::text:
      return append_json_text(out, value.as_text());
    case Type::time:
      out += '"', append_rfc3339(out, value.as_time()), out += '"';
      return;
    case Type::duration:
      return append_seconds(out, value.as_duration());
    case Type::ip:
      out += '"', append_ip(out, value.as_ip()), out += '"';
      return;
    case Type::point:
      out += "{\"lat\":", append_number(out, value.as_point().latitude);
      out += ",\"lon\":", append_number(out, value.as_point().longitude), out += '}';
      return;
    case Type::list:
      out += '[';
      append_joined(out, value.as_list(), ",", [&](const Value& item) { append_json(out, item); });
      out += ']';
      return;
    case Type::object:
      return append_object(out, value.as_object());
  }
}

void append_text(std::string& out, const Value& value) {
  switch (value.type()) {
    case Type::missing:
      out += "missing";
      return;
    case Type::text:
      out += value.as_text();
      return;
    case Type::time:
      return append_rfc3339(out, value.as_time());
    case Type::duration:
      return append_duration(out, value.as_duration());
    case Type::ip:
      return append_ip(out, value.as_ip());
    case Type::point:
      append_number(out, value.as_point().latitude);
      out += ',', append_number(out, value.as_point().longitude);
      return;
    case Type::list:
      return append_joined(out, value.as_list(), ", ", [&](const Value& item) { append_text(out, item); });
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::object:
      return append_json(out, value);
  }
}

}  // namespace tocsin
