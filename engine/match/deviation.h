// The standard deviation of a window's values, kept as they come and go (A2: divided by n). Defined so that it can be:
// with m the double nearest to the mean, the squares (v - m)^2 are summed without any error and the sum is rounded
// once. Then it follows from the exact sums of v and of v^2, which a window adds to and takes from (exact_sum.h), and
// depends on what is in the window alone; v^2 is two doubles, what the machine rounds it to and what that leaves out.
#pragma once

#include <cmath>
#include <cstddef>
#include <limits>

#include "engine/match/exact_sum.h"

namespace tocsin {

class Deviation {
 public:
  // REQUIRES: finite.
  void add(double value) { change(value, false); }
  void subtract(double value) { change(value, true); }

  void add_zeros(std::size_t count) { count_ += count; }

  std::size_t count() const { return count_; }
  // Two roundings could miss it by a bit; then values that are all equal would deviate.
  double mean() const {
    const double n = static_cast<double>(count_), near = sum_.value() / n;
    ExactSum rest = sum_;
    rest.add_product(-near, n);
    return near + rest.value() / n;
  }

  // Not finite: of nothing, or the squares are beyond every double.
  double value() const {
    if (count_ == 0 || too_large_ > 0) return std::numeric_limits<double>::quiet_NaN();
    const double n = static_cast<double>(count_);
    const double m = mean();
    // The sum of (v - m)^2 is that of v^2, less 2m times the sum of v, plus n m^2.
    ExactSum squares = squares_;
    squares.add_scaled(sum_, -2 * m);
    const double mm = m * m;
    squares.add_product(mm, n);
    squares.add_product(std::fma(m, m, -mm), n);
    return std::sqrt(std::fmax(squares.value(), 0.0) / n);
  }

 private:
  // Products of two such, times the number of a window's values, stay below the largest double.
  static constexpr double kLargest = 1e146;

  void change(double value, bool out) {
    count_ = out ? count_ - 1 : count_ + 1;
    if (!(std::fabs(value) <= kLargest)) {
      too_large_ = out ? too_large_ - 1 : too_large_ + 1;
      return;
    }
    const double square = value * value, rest = std::fma(value, value, -square);
    if (out) {
      sum_.subtract(value), squares_.subtract(square), squares_.subtract(rest);
    } else {
      sum_.add(value), squares_.add(square), squares_.add(rest);
    }
  }

  ExactSum sum_, squares_;
  std::size_t count_ = 0, too_large_ = 0;
};

}  // namespace tocsin
