#include "engine/program/operators.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace tocsin::operators {
namespace {

// The types that arithmetic tells apart.
enum class Kind : std::uint8_t { other, integer, floating, duration, time };

Kind kind_of(const Value& v) {
  switch (v.type()) {
    case Type::integer:
      return Kind::integer;
    case Type::floating:
      return Kind::floating;
    case Type::duration:
      return Kind::duration;
    case Type::time:
      return Kind::time;
    case Type::missing:
    case Type::boolean:
    case Type::text:
    case Type::ip:
    case Type::point:
    case Type::list:
    case Type::object:
      return Kind::other;
  }
  return Kind::other;
}

bool both(Kind kind, const Value& a, const Value& b) { return kind_of(a) == kind && kind_of(b) == kind; }

bool same_kind_of_text(const Value& whole, const Value& part) {
  return whole.type() == Type::text && part.type() == Type::text;
}

bool is_item(const Value& value, const Value& item, bool fold, Scratch& scratch) {
  if (value.type() == Type::ip && item.type() == Type::ip) return lies_in(value.as_ip(), item.as_ip());
  if (!fold || !same_kind_of_text(value, item)) return equal(value, item);
  const Folded both_lower = folded(value, item, scratch);
  return equal(both_lower.left, both_lower.right);
}

}  // namespace

Folded folded(const Value& a, const Value& b, Scratch& scratch) {
  if (!same_kind_of_text(a, b)) return {a, b};
  std::string &left = scratch.buffer(0), &right = scratch.buffer(1);
  append_lower(left, a.as_text());
  append_lower(right, b.as_text());
  return {Value::text(left), Value::text(right)};
}

Value duration_of(double us) {
  return us > -9.2e18 && us < 9.2e18 ? Value::duration({static_cast<std::int64_t>(us)}) : Value();
}
Value nearest_duration(double us) { return duration_of(std::round(us)); }

Value made_time(Time time) { return time >= kFirstTime && time <= kLastTime ? Value::time(time) : Value(); }

Value contains(const Value& whole, const Value& part, bool fold, Scratch& scratch) {
  if (whole.is_missing() || part.is_missing()) return {};
  if (whole.type() == Type::list) return in_items(part, whole.as_list(), fold, scratch);
  if (!same_kind_of_text(whole, part)) return Value::boolean(false);
  if (!fold) return Value::boolean(whole.as_text().find(part.as_text()) != std::string_view::npos);
  const Folded lower = folded(whole, part, scratch);
  return Value::boolean(lower.left.as_text().find(lower.right.as_text()) != std::string_view::npos);
}

Value starts_with(const Value& whole, const Value& part) {
  if (whole.is_missing() || part.is_missing()) return {};
  return Value::boolean(same_kind_of_text(whole, part) && whole.as_text().starts_with(part.as_text()));
}

Value ends_with(const Value& whole, const Value& part) {
  if (whole.is_missing() || part.is_missing()) return {};
  return Value::boolean(same_kind_of_text(whole, part) && whole.as_text().ends_with(part.as_text()));
}

Value in_items(const Value& value, std::span<const Value> items, bool fold, Scratch& scratch) {
  if (value.is_missing()) return {};
  bool unknown = false;
  for (const Value& item : items) {
    if (item.is_missing()) {
      unknown = true;
    } else if (is_item(value, item, fold, scratch)) {
      return Value::boolean(true);
    }
  }
  return unknown ? Value() : Value::boolean(false);
}

Value add(const Value& a, const Value& b) {
  std::int64_t sum = 0;
  const bool fits =
      !__builtin_add_overflow(a.as_integer(), b.as_integer(), &sum);  // the words; used for whole kinds only
  if (both(Kind::integer, a, b)) return fits ? Value::integer(sum) : Value::floating(a.number() + b.number());
  if (a.is_number() && b.is_number()) return finite(a.number() + b.number());
  if (both(Kind::duration, a, b)) return fits ? Value::duration({sum}) : Value();
  const Kind left = kind_of(a), right = kind_of(b);
  if ((left == Kind::time && right == Kind::duration) || (left == Kind::duration && right == Kind::time))
    return fits ? made_time({sum}) : Value();
  return {};
}

Value subtract(const Value& a, const Value& b) {
  std::int64_t difference = 0;
  const bool fits = !__builtin_sub_overflow(a.as_integer(), b.as_integer(), &difference);
  if (both(Kind::integer, a, b)) return fits ? Value::integer(difference) : Value::floating(a.number() - b.number());
  if (a.is_number() && b.is_number()) return finite(a.number() - b.number());
  if (both(Kind::duration, a, b) || both(Kind::time, a, b)) return fits ? Value::duration({difference}) : Value();
  if (kind_of(a) == Kind::time && kind_of(b) == Kind::duration) return fits ? made_time({difference}) : Value();
  return {};
}

Value multiply(const Value& a, const Value& b) {
  std::int64_t product = 0;
  const bool fits = !__builtin_mul_overflow(a.as_integer(), b.as_integer(), &product);
  if (both(Kind::integer, a, b)) return fits ? Value::integer(product) : Value::floating(a.number() * b.number());
  if (a.is_number() && b.is_number()) return finite(a.number() * b.number());
  const bool left = kind_of(a) == Kind::duration, right = kind_of(b) == Kind::duration;
  if (left == right || (!left && !a.is_number()) || (!right && !b.is_number())) return {};
  const Value &length = left ? a : b, &factor = left ? b : a;
  if (factor.type() == Type::integer) return fits ? Value::duration({product}) : Value();
  return duration_of(static_cast<double>(length.as_duration().us) * factor.as_floating());
}

Value divide(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number()) return b.number() == 0 ? Value() : finite(a.number() / b.number());
  if (kind_of(a) != Kind::duration) return {};
  const auto us = static_cast<double>(a.as_duration().us);
  if (b.is_number()) return b.number() == 0 ? Value() : duration_of(us / b.number());
  if (kind_of(b) != Kind::duration || b.as_duration().us == 0) return {};
  return Value::floating(us / static_cast<double>(b.as_duration().us));
}

Value remainder(const Value& a, const Value& b) {
  if (both(Kind::integer, a, b)) {
    if (b.as_integer() == 0) return {};
    return Value::integer(b.as_integer() == -1 ? 0 : a.as_integer() % b.as_integer());  // the least by -1 traps
  }
  return a.is_number() && b.is_number() && b.number() != 0 ? finite(std::fmod(a.number(), b.number())) : Value();
}

Value negate(const Value& a) {
  const bool least = a.as_integer() == std::numeric_limits<std::int64_t>::min();
  switch (kind_of(a)) {
    case Kind::integer:
      return least ? Value::floating(9223372036854775808.0) : Value::integer(-a.as_integer());
    case Kind::floating:
      return Value::floating(-a.as_floating());
    case Kind::duration:
      return least ? Value() : Value::duration({-a.as_duration().us});
    case Kind::time:
    case Kind::other:
      return {};
  }
  return {};
}

}  // namespace tocsin::operators
