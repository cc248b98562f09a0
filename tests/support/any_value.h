// Values of all types for property tests: small ranges, so that equal ones meet, and the corners of every type.
#pragma once

#include <cmath>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/value.h"

namespace tocsin::tests {

class AnyValue {
 public:
  explicit AnyValue(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  Value number() {
    static const std::int64_t whole[] = {0,
                                         1,
                                         -1,
                                         2,
                                         3,
                                         7,
                                         100,
                                         9007199254740992,
                                         9007199254740993,
                                         -9007199254740993,
                                         std::numeric_limits<std::int64_t>::max(),
                                         std::numeric_limits<std::int64_t>::min()};
    static const double broken[] = {0.0,
                                    -0.0,
                                    1.0,
                                    0.5,
                                    -1.5,
                                    2.0,
                                    3.25,
                                    100.0,
                                    9007199254740992.0,
                                    9223372036854775808.0,
                                    -9223372036854775808.0,
                                    1e300,
                                    -1e300,
                                    5e-324};
    return below(2) == 0 ? Value::integer(whole[below(std::size(whole))])
                         : Value::floating(broken[below(std::size(broken))]);
  }

  Value text() {
    static const char* const texts[] = {"",
                                        "a",
                                        "b",
                                        "ab",
                                        "A",
                                        "1",
                                        "root",
                                        "z\xC3\xBCrich",
                                        "\xD0\x9C",
                                        "10.0.0.1",
                                        "a text that is longer than any place inside a value"};
    return Value::text(texts[below(std::size(texts))]);
  }

  Value ip() {
    IpAddress address;
    address.bytes[10] = address.bytes[11] = 0xff;
    address.bytes[12] = 10;
    address.bytes[15] = static_cast<std::uint8_t>(below(3));
    if (below(4) == 0) address.prefix = 104, address.bytes[15] = 0;
    if (below(4) == 0) address.bytes[0] = 0x20;
    return Value::ip(arena_.put(address));
  }

  Value scalar() {
    switch (below(9)) {
      case 0:
        return {};
      case 1:
        return Value::boolean(below(2) == 0);
      case 2:
      case 3:
        return number();
      case 4:
        return text();
      case 5:
        return Value::time({static_cast<std::int64_t>(below(3)) * 1'500'000});
      case 6:
        return Value::duration({static_cast<std::int64_t>(below(3)) * 1'500'000});
      case 7:
        return ip();
      default:
        return Value::point(arena_.put(Point{static_cast<double>(below(2)), below(2) == 0 ? 0.0 : -0.0}));
    }
  }

  Value any(int depth = 2) {
    if (depth == 0 || below(5) != 0) return scalar();
    const std::size_t size = below(4);
    if (below(2) == 0) return Value::list(list(size, depth - 1));
    const std::span<Member> members = arena_.array<Member>(size);
    static const char* const names[] = {"x", "y", "z", "w"};
    const std::size_t turn = below(4);  // the same members in another order
    for (std::size_t i = 0; i < size; ++i) members[i] = {names[(i + turn) % size], any(depth - 1)};
    return Value::object(members);
  }

  std::span<const Value> list(std::size_t size, int depth = 0) {
    const std::span<Value> items = arena_.array<Value>(size);
    for (Value& item : items) item = any(depth);
    return items;
  }

 private:
  std::mt19937_64 random_;
  Arena arena_;
};

}  // namespace tocsin::tests
