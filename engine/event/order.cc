#include "engine/event/order.h"

#include <algorithm>
#include <vector>

namespace tocsin {
namespace {

std::partial_ordering compare_floating(double a, double b) { return a <=> b; }

// 2^63 as a double: the first that no 64-bit integer reaches.
constexpr double kBeyond = 9223372036854775808.0;

std::partial_ordering compare_mixed(std::int64_t a, double b) {
  if (b != b) return std::partial_ordering::unordered;
  if (b >= kBeyond) return std::partial_ordering::less;
  if (b < -kBeyond) return std::partial_ordering::greater;
  const auto whole = static_cast<std::int64_t>(b);  // towards zero, exact
  if (a != whole) return a <=> whole;
  return 0.0 <=> b - static_cast<double>(whole);
}

std::partial_ordering compare_numbers(const Value& a, const Value& b) {
  const bool whole_a = a.type() == Type::integer, whole_b = b.type() == Type::integer;
  if (whole_a && whole_b) return a.as_integer() <=> b.as_integer();
  if (whole_a) return compare_mixed(a.as_integer(), b.as_floating());
  if (whole_b) return 0 <=> compare_mixed(b.as_integer(), a.as_floating());
  return compare_floating(a.as_floating(), b.as_floating());
}

std::strong_ordering compare_ips(const IpAddress& a, const IpAddress& b) {
  if (const int order = std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()); order != 0) return order <=> 0;
  return a.prefix <=> b.prefix;
}

bool equal_lists(std::span<const Value> a, std::span<const Value> b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const Value& x, const Value& y) { return equal(x, y); });
}

// Objects are small; looking each name up is cheaper than sorting.
bool equal_objects(std::span<const Member> a, std::span<const Member> b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.begin(), a.end(), [&](const Member& member) {
    return std::any_of(b.begin(), b.end(), [&](const Member& other) {
      return member.name == other.name && equal(member.value, other.value);
    });
  });
}

std::strong_ordering order_doubles(double a, double b) {
  return a < b ? std::strong_ordering::less : a > b ? std::strong_ordering::greater : std::strong_ordering::equal;
}

int rank(const Value& value) { return static_cast<int>(value.type() == Type::floating ? Type::integer : value.type()); }

std::strong_ordering order_lists(std::span<const Value> a, std::span<const Value> b) {
  return std::lexicographical_compare_three_way(a.begin(), a.end(), b.begin(), b.end(),
                                                [](const Value& x, const Value& y) { return total_order(x, y); });
}

std::vector<Member> sorted(std::span<const Member> members) {
  std::vector<Member> all(members.begin(), members.end());
  std::sort(all.begin(), all.end(), [](const Member& a, const Member& b) { return a.name < b.name; });
  return all;
}

std::strong_ordering order_objects(std::span<const Member> a, std::span<const Member> b) {
  const std::vector<Member> left = sorted(a), right = sorted(b);
  return std::lexicographical_compare_three_way(left.begin(), left.end(), right.begin(), right.end(),
                                                [](const Member& x, const Member& y) {
                                                  if (const auto order = x.name <=> y.name; order != 0) return order;
                                                  return total_order(x.value, y.value);
                                                });
}

}  // namespace

std::partial_ordering compare(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return compare_numbers(a, b);
  if (a.type() != b.type()) return std::partial_ordering::unordered;
  switch (a.type()) {
    case Type::boolean:
    case Type::time:
    case Type::duration:
      return a.as_integer() <=> b.as_integer();
    case Type::text:
      return a.as_text() <=> b.as_text();
    case Type::ip:
      return compare_ips(a.as_ip(), b.as_ip());
    case Type::point:
    case Type::list:
    case Type::object:
      return equal(a, b) ? std::partial_ordering::equivalent : std::partial_ordering::unordered;
    case Type::missing:
    case Type::integer:
    case Type::floating:
      return std::partial_ordering::unordered;  // numbers were seen to above
  }
  return std::partial_ordering::unordered;
}

bool equal(const Value& a, const Value& b) {
  if (a.type() != b.type()) return a.is_number() && b.is_number() && compare_numbers(a, b) == 0;
  switch (a.type()) {
    case Type::missing:
      return true;
    case Type::boolean:
    case Type::integer:
    case Type::time:
    case Type::duration:
      return a.as_integer() == b.as_integer();
    case Type::floating:
      return a.as_floating() == b.as_floating();
    case Type::text:
      return a.as_text() == b.as_text();
    case Type::ip:
      return a.as_ip() == b.as_ip();
    case Type::point:
      return a.as_point() == b.as_point();
    case Type::list:
      return equal_lists(a.as_list(), b.as_list());
    case Type::object:
      return equal_objects(a.as_object(), b.as_object());
  }
  return false;
}

std::strong_ordering total_order(const Value& a, const Value& b) {
  if (rank(a) != rank(b)) return rank(a) <=> rank(b);
  switch (a.type()) {
    case Type::missing:
      return std::strong_ordering::equal;
    case Type::integer:
    case Type::floating: {
      const std::partial_ordering order = compare_numbers(a, b);
      return order < 0   ? std::strong_ordering::less
             : order > 0 ? std::strong_ordering::greater
                         : std::strong_ordering::equal;
    }
    case Type::boolean:
    case Type::time:
    case Type::duration:
      return a.as_integer() <=> b.as_integer();
    case Type::text:
      return a.as_text() <=> b.as_text();
    case Type::ip:
      return compare_ips(a.as_ip(), b.as_ip());
    case Type::point: {
      const auto order = order_doubles(a.as_point().latitude, b.as_point().latitude);
      return order != 0 ? order : order_doubles(a.as_point().longitude, b.as_point().longitude);
    }
    case Type::list:
      return order_lists(a.as_list(), b.as_list());
    case Type::object:
      return order_objects(a.as_object(), b.as_object());
  }
  return std::strong_ordering::equal;
}

IpAddress network_of(const IpAddress& address, std::uint8_t prefix) {
  IpAddress network = address;
  network.prefix = std::min(prefix, address.prefix);
  for (unsigned bit = network.prefix; bit < 128; ++bit) {
    if (bit % 8 == 0) {
      network.bytes[bit / 8] = 0;
      bit += 7;
    } else {
      network.bytes[bit / 8] = static_cast<std::uint8_t>(network.bytes[bit / 8] & ~(0x80u >> (bit % 8)));
    }
  }
  return network;
}

bool lies_in(const IpAddress& inner, const IpAddress& outer) {
  if (inner.prefix < outer.prefix) return false;
  const unsigned whole = outer.prefix / 8, bits = outer.prefix % 8;
  if (std::memcmp(inner.bytes.data(), outer.bytes.data(), whole) != 0) return false;
  return bits == 0 || (inner.bytes[whole] ^ outer.bytes[whole]) >> (8 - bits) == 0;
}

}  // namespace tocsin
