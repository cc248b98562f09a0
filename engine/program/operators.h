// What the operators of expressions mean, one function each: three-valued logic, comparisons, arithmetic (X1-X4, A3).
// Missing stands for unknown. Shared by the interpreter's ways of running code, so that they cannot differ.
#pragma once

#include <cmath>
#include <compare>
#include <span>

#include "engine/event/order.h"
#include "engine/event/value.h"
#include "engine/program/scratch.h"

namespace tocsin::operators {

inline bool is_true(const Value& v) { return v.type() == Type::boolean && v.as_boolean(); }
inline bool is_false(const Value& v) { return v.type() == Type::boolean && !v.as_boolean(); }

// What is neither true nor false is unknown, also a number where a schema was wrong.
inline Value logical_not(const Value& v) {
  return v.type() == Type::boolean ? Value::boolean(!v.as_boolean()) : Value();
}
inline Value logical_and(const Value& a, const Value& b) {
  if (is_false(a) || is_false(b)) return Value::boolean(false);
  return is_true(a) && is_true(b) ? Value::boolean(true) : Value();
}
inline Value logical_or(const Value& a, const Value& b) {
  if (is_true(a) || is_true(b)) return Value::boolean(true);
  return is_false(a) && is_false(b) ? Value::boolean(false) : Value();
}

// Both sides in lower case, when both are texts and `fold` is set. Good until the scratch's buffers are used again.
struct Folded {
  Value left, right;
};
Folded folded(const Value& a, const Value& b, Scratch& scratch);

// Values of different types are different, which is an answer; a missing one gives none.
inline Value equal_values(const Value& a, const Value& b) {
  return a.is_missing() || b.is_missing() ? Value() : Value::boolean(equal(a, b));
}
// Where nothing orders the two (a text and a number), the answer is unknown.
template <class Holds>
Value ordered(const Value& a, const Value& b, Holds holds) {
  const std::partial_ordering order = compare(a, b);
  return order == std::partial_ordering::unordered ? Value() : Value::boolean(holds(order));
}

// A time that an expression makes: none outside the years that records may have (engine/base/text.h), so that whoever
// shows it, adds to it or looks up its zone has room.
Value made_time(Time time);

// A result that is no number (overflow, domain) is missing.
inline Value finite(double d) { return std::isfinite(d) ? Value::floating(d) : Value(); }

// A length of time as a double, where it fits: towards zero, as the division of integers, and to the nearest.
Value duration_of(double us);
Value nearest_duration(double us);

// Text in text, value in list (X4). What is neither text nor list contains nothing.
Value contains(const Value& whole, const Value& part, bool fold, Scratch& scratch);
Value starts_with(const Value& whole, const Value& part);
Value ends_with(const Value& whole, const Value& part);

// X3. Unknown, if no item fits and one is missing.
Value in_items(const Value& value, std::span<const Value> items, bool fold, Scratch& scratch);

Value add(const Value& a, const Value& b);
Value subtract(const Value& a, const Value& b);
Value multiply(const Value& a, const Value& b);
Value divide(const Value& a, const Value& b);
Value remainder(const Value& a, const Value& b);
Value negate(const Value& a);

}  // namespace tocsin::operators
