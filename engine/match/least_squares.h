// The least-squares line through a window's values over time, kept as they come and go (slope, forecast). Time is
// counted in microseconds from some origin, in integers; the sums with values in them are exact (exact_sum.h). So what
// makes the slope, a numerator and a denominator, is rounded once each: it depends on what is in the window and on
// nothing else, not even on the origin.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "engine/base/time.h"
#include "engine/match/exact_sum.h"

namespace tocsin {

class LeastSquares {
 public:
  // REQUIRES: finite.
  void add(Time time, double value) {
    if (count_ == 0) origin_ = time;
    change(time, value, false);
  }
  // REQUIRES: the pair was added before.
  void subtract(Time time, double value) { change(time, value, true); }

  std::size_t count() const { return count_; }

  // Per second. Not finite: fewer than two instants, or values beyond what can be squared.
  double slope() const {
    const Fraction f = fraction();
    return f.numerator * 1e6 / f.denominator;
  }
  // The line at `time`; not finite as slope() is.
  double at(Time time) const {
    const Fraction f = fraction();
    const double n = static_cast<double>(count_);
    const Wide ahead = static_cast<Wide>(count_) * (time - origin_).us - x_;  // n times the way from the mean
    return y_.value() / n + f.numerator * (static_cast<double>(ahead) / n) / f.denominator;
  }

 private:
  // As in deviation.h.
  static constexpr double kLargest = 1e146;

  struct Fraction {
    double numerator = std::numeric_limits<double>::quiet_NaN(), denominator = 1;
  };

  // n times the sum of xy, less the product of the sums of x and of y; over the same of x and x.
  Fraction fraction() const {
    if (count_ < 2 || too_large_ > 0) return {};
    const double n = static_cast<double>(count_);
    ExactSum above, below;
    above.add_scaled(xy_, n);
    in_doubles(x_, [&](double part) { above.add_scaled(y_, -part); });
    in_doubles(xx_low_, [&](double part) { below.add_product(part, n); });
    in_doubles(xx_high_, [&](double part) { below.add_product(std::ldexp(part, 64), n); });
    in_doubles(x_, [&](double a) { in_doubles(x_, [&](double b) { below.add_product(-a, b); }); });
    const double denominator = below.value();
    return denominator == 0 ? Fraction{} : Fraction{above.value(), denominator};
  }

  void change(Time time, double value, bool out) {
    count_ = out ? count_ - 1 : count_ + 1;
    const std::int64_t x = (time - origin_).us;
    const int sign = out ? -1 : 1;
    x_ += sign * Wide{x};
    const Wide square = Wide{x} * x;
    xx_low_ += sign * Wide{static_cast<std::uint64_t>(square)};
    xx_high_ += sign * (square >> 64);
    if (!(std::fabs(value) <= kLargest)) {
      too_large_ = out ? too_large_ - 1 : too_large_ + 1;
      return;
    }
    if (out)
      y_.subtract(value);
    else
      y_.add(value);
    in_doubles(sign * x, [&](double part) { xy_.add_product(part, value); });
  }

  Time origin_{};  // of the first since it was empty
  Wide x_ = 0;
  // Of the squares the halves apart: the square of a way through all years there are has 118 bits, a sum of them more
  // than 128.
  Wide xx_low_ = 0, xx_high_ = 0;
  ExactSum y_, xy_;
  std::size_t count_ = 0, too_large_ = 0;
};

}  // namespace tocsin
