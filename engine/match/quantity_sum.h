// Sum and mean of a window's values, exact, with values taken out again. Numbers count; where there are none, durations
// do, and the sum is a duration. All else is left out (A1). Integers are summed in 128 bits, floats without error
// (exact_sum.h), so the answer depends on what is in the window and on nothing else: not on the order, not on what was
// there before.
#pragma once

#include <cmath>
#include <cstdint>
#include <memory>

#include "engine/event/value.h"
#include "engine/match/exact_sum.h"
#include "engine/program/operators.h"

namespace tocsin {

class QuantitySum {
 public:
  void add(const Value& value) { change(value, 1); }
  // REQUIRES: the value was added before.
  void subtract(const Value& value) { change(value, -1); }

  std::size_t count() const { return integers_ + floats_ != 0 ? integers_ + floats_ : durations_; }
  bool is_duration() const { return integers_ + floats_ == 0 && durations_ != 0; }

  // A1: of nothing 0. A3: integers that overflow become floats.
  Value sum() const {
    if (is_duration()) return fits(duration_us_) ? Value::duration({static_cast<std::int64_t>(duration_us_)}) : Value();
    if (floats_ == 0 && fits(integer_)) return Value::integer(static_cast<std::int64_t>(integer_));
    return operators::finite(number());
  }

  Value mean() const {
    if (count() == 0) return {};
    const double n = static_cast<double>(count());
    if (is_duration()) return Value::duration({std::llround(static_cast<double>(duration_us_) / n)});
    return operators::finite(number() / n);
  }

 private:
  static bool fits(Wide n) { return n >= INT64_MIN && n <= INT64_MAX; }

  void change(const Value& value, int sign) {
    const auto step = static_cast<std::size_t>(sign);  // of all ones for -1, which is what unsigned wants
    if (value.type() == Type::integer) {
      integer_ += sign * Wide{value.as_integer()};
      integers_ += step;
    } else if (value.type() == Type::duration) {
      duration_us_ += sign * Wide{value.as_duration().us};
      durations_ += step;
    } else if (value.type() == Type::floating) {
      if (float_ == nullptr) float_ = std::make_unique<ExactSum>();
      if (sign > 0)
        float_->add(value.as_floating());
      else
        float_->subtract(value.as_floating());
      floats_ += step;
    }
  }

  double number() const {
    if (floats_ == 0) return static_cast<double>(integer_);
    // The integers in three parts that a double holds exactly, so that the whole is rounded once.
    ExactSum all = *float_;
    in_doubles(integer_, [&](double part) { all.add(part); });
    return all.value();
  }

  Wide integer_ = 0, duration_us_ = 0;
  std::unique_ptr<ExactSum> float_;  // most fields are whole
  std::size_t integers_ = 0, floats_ = 0, durations_ = 0;
};

}  // namespace tocsin
