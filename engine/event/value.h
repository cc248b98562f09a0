// A value of an event: sixteen bytes, trivially copyable, a view where the bytes do not fit. Texts, lists,
// objects, addresses and points live in the arena of the batch (or of the rule set, for constants), and the
// value is good as long as that is. Who keeps a value longer copies it (event/owned.h).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <type_traits>

#include "engine/base/contract.h"
#include "engine/base/time.h"

namespace tocsin {

enum class Type : std::uint8_t { missing, boolean, integer, floating, text, time, duration, ip, point, list, object };

struct Point {  // degrees
  double latitude = 0, longitude = 0;
  friend bool operator==(const Point&, const Point&) = default;
};

// An address or a network. IPv4 is kept as ::ffff:a.b.c.d, so one comparison serves both.
struct IpAddress {
  std::array<std::uint8_t, 16> bytes{};
  std::uint8_t prefix = 128;  // of 128; an IPv4 /24 is 120
  friend bool operator==(const IpAddress&, const IpAddress&) = default;
};

struct Member;

class Value {
 public:
  constexpr Value() = default;  // missing
  static Value boolean(bool b) { return Value(Type::boolean, b ? 1 : 0); }
  static Value integer(std::int64_t n) { return Value(Type::integer, n); }
  static Value floating(double d) {
    Value v(Type::floating, std::int64_t{0});
    std::memcpy(&v.word_, &d, sizeof d);
    return v;
  }
  static Value time(Time t) { return Value(Type::time, t.us); }
  static Value duration(Duration d) { return Value(Type::duration, d.us); }
  // REQUIRES: the bytes, the address, the point, the items outlive the value.
  static Value text(std::string_view s) { return Value(Type::text, s.data(), s.size()); }
  static Value ip(const IpAddress* a) { return Value(Type::ip, a, 1); }
  static Value point(const Point* p) { return Value(Type::point, p, 1); }
  static Value list(std::span<const Value> items) { return Value(Type::list, items.data(), items.size()); }
  static Value object(std::span<const Member> members);

  Type type() const { return type_; }
  bool is_missing() const { return type_ == Type::missing; }
  bool is_number() const { return type_ == Type::integer || type_ == Type::floating; }

  // REQUIRES: the type is the one asked for.
  bool as_boolean() const { return word_ != 0; }
  std::int64_t as_integer() const { return word_; }
  double as_floating() const {
    double d;
    std::memcpy(&d, &word_, sizeof d);
    return d;
  }
  Time as_time() const { return {word_}; }
  Duration as_duration() const { return {word_}; }
  std::string_view as_text() const { return {static_cast<const char*>(pointer()), size_}; }
  const IpAddress& as_ip() const { return *static_cast<const IpAddress*>(pointer()); }
  const Point& as_point() const { return *static_cast<const Point*>(pointer()); }
  std::span<const Value> as_list() const { return {static_cast<const Value*>(pointer()), size_}; }
  std::span<const Member> as_object() const;

  // REQUIRES: is_number().
  double number() const { return type_ == Type::integer ? static_cast<double>(word_) : as_floating(); }

 private:
  constexpr Value(Type type, std::int64_t word) : type_(type), word_(word) {}
  Value(Type type, const void* p, std::size_t size) : type_(type), size_(static_cast<std::uint32_t>(size)) {
    std::memcpy(&word_, &p, sizeof p);
  }
  const void* pointer() const {
    const void* p;
    std::memcpy(&p, &word_, sizeof p);
    return p;
  }

  Type type_ = Type::missing;
  std::uint32_t size_ = 0;
  std::int64_t word_ = 0;
};
static_assert(sizeof(Value) == 16);
static_assert(std::is_trivially_copyable_v<Value>);

struct Member {  // of an object (type `any`)
  std::string_view name;
  Value value;
};

inline Value Value::object(std::span<const Member> members) {
  return Value(Type::object, members.data(), members.size());
}
inline std::span<const Member> Value::as_object() const { return {static_cast<const Member*>(pointer()), size_}; }

}  // namespace tocsin
