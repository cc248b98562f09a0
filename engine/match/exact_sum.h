// The sum of doubles without any error, in any order, with values taken out again: what a sliding window adds and
// evicts one by one is to the last bit what summing the window anew gives. A running double would drift, and alerts
// would depend on how the input was cut into batches; Neumaier's or Kahan's sums still depend on the order, and cannot
// give back.
//
// A fixed-point number wide enough for every double (Kulisch's accumulator), in 68 limbs of 64 bits that carry 32 each:
// the room above is for carries, so that adding touches three limbs and nothing else. 550 bytes for a window; a window
// of integers or durations never needs one (running.h).
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace tocsin {

__extension__ typedef __int128 Wide;

// The integer as a sum of doubles, each exact.
template <class Use>
void in_doubles(Wide n, const Use& use) {
  __extension__ typedef unsigned __int128 Unsigned;
  Unsigned rest = n < 0 ? -static_cast<Unsigned>(n) : static_cast<Unsigned>(n);
  for (int shift = 0; rest != 0; shift += 50, rest >>= 50) {
    const double part =
        std::ldexp(static_cast<double>(static_cast<std::uint64_t>(rest & ((Unsigned{1} << 50) - 1))), shift);
    use(n < 0 ? -part : part);
  }
}

class ExactSum {
 public:
  // REQUIRES: finite. Fewer than 2^31 values between two normalisations, which happen by themselves.
  void add(double value) { change(value, 1); }
  void subtract(double value) { change(value, -1); }

  // Adds a * b without error, as long as it is neither beyond the largest double nor its last bit below the least.
  void add_product(double a, double b) {
    const double product = a * b;
    add(product);
    add(std::fma(a, b, -product));
  }
  // Adds every bit of `other`, times `factor`; as add_product().
  void add_scaled(const ExactSum& other, double factor) {
    if (other.low_ > other.high_) return;
    Limbs limbs = other.limbs_;
    const std::size_t end = std::min<std::size_t>(other.high_ + 3, kLimbs);
    const double signed_factor = normalise(limbs, end) ? -factor : factor;
    for (std::size_t i = other.low_; i < end; ++i)
      if (limbs[i] != 0)
        add_product(std::ldexp(static_cast<double>(limbs[i]), static_cast<int>(i) * kBits - kLowest), signed_factor);
  }

  // The double nearest to the exact sum, ties to even; infinite where it is beyond the largest.
  double value() const {
    if (low_ > high_) return 0.0;  // nothing was ever added
    Limbs limbs = limbs_;
    // Above the highest limb touched stand its carries: at most one limb and a sign.
    const std::size_t end = std::min<std::size_t>(high_ + 3, kLimbs);
    const bool negative = normalise(limbs, end);
    std::size_t top = end;
    while (top > low_ && limbs[top - 1] == 0) --top;
    if (top == low_) return 0.0;
    const double magnitude = rounded(limbs, static_cast<int>(top - 1));
    return negative ? -magnitude : magnitude;
  }

 private:
  static constexpr int kBits = 32;           // of a limb, below its carries
  static constexpr int kLowest = 1074 + 52;  // the lowest bit of limb 0 is 2^-kLowest: a shifted least double fits
  static constexpr std::size_t kLimbs = 68;  // limb 67 has 2^1024 and room for the sum of 2^31 largest doubles
  static constexpr std::uint32_t kCarryEvery = 1u << 29;
  using Limbs = std::array<std::int64_t, kLimbs>;

  void change(double value, std::int64_t sign) {
    if (value == 0) return;
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);  // value = fraction * 2^exponent
    auto mantissa = static_cast<std::int64_t>(std::ldexp(fraction, 53)) * sign;
    const int bit = exponent - 53 + kLowest;  // of the mantissa's lowest
    const auto limb = static_cast<std::size_t>(bit / kBits);
    const int shift = bit % kBits;
    // 53 bits shifted by up to 31 lie in three limbs; the sign goes with each part.
    const bool minus = mantissa < 0;
    const auto bits = static_cast<std::uint64_t>(minus ? -mantissa : mantissa);
    const std::uint64_t low = (bits << shift) & 0xffffffffu;
    const std::uint64_t middle = (bits >> (kBits - shift)) & 0xffffffffu;
    const std::uint64_t high = shift == 0 ? 0 : bits >> (2 * kBits - shift);
    const auto put = [&](std::size_t at, std::uint64_t part) {
      limbs_[at] += minus ? -static_cast<std::int64_t>(part) : static_cast<std::int64_t>(part);
    };
    put(limb, low), put(limb + 1, middle), put(limb + 2, high);
    low_ = std::min(low_, limb);
    high_ = std::max(high_, limb + 2);
    if (++changes_ < kCarryEvery) return;
    carry(limbs_, kLimbs);
    high_ = kLimbs - 1;
    changes_ = 0;
  }

  // Every limb before the last in [0, 2^32).
  static void carry(Limbs& limbs, std::size_t end) {
    for (std::size_t i = 0; i + 1 < end; ++i) {
      limbs[i + 1] += limbs[i] >> kBits;
      limbs[i] &= 0xffffffff;
    }
  }

  // The absolute value; returns whether it was negative.
  static bool normalise(Limbs& limbs, std::size_t end) {
    carry(limbs, end);
    const bool negative = limbs[end - 1] < 0;
    if (!negative) return false;
    for (std::size_t i = 0; i < end; ++i) limbs[i] = -limbs[i];
    carry(limbs, end);
    return true;
  }

  static double rounded(const Limbs& limbs, int top) {
    // 2^1024 is bit 6 of the last limb: from there on it is beyond every double.
    if (top == static_cast<int>(kLimbs) - 1 && limbs.back() >= 64) return std::numeric_limits<double>::infinity();
    // The 64 highest bits, and whether anything stands below them.
    __extension__ typedef unsigned __int128 Unsigned;
    const auto limb = [&](int i) {
      return i < 0 ? std::uint64_t{0} : static_cast<std::uint64_t>(limbs[static_cast<std::size_t>(i)]);
    };
    Unsigned window = Unsigned{limb(top)} << 64 | Unsigned{limb(top - 1)} << 32 | limb(top - 2);
    const int zeros = std::countl_zero(static_cast<std::uint32_t>(limb(top)));
    window <<= zeros;
    auto bits = static_cast<std::uint64_t>(window >> 32);
    bool below = (window & 0xffffffffu) != 0;
    for (int i = top - 3; i >= 0 && !below; --i) below = limb(i) != 0;
    int exponent = top * kBits + (kBits - 1 - zeros) - kLowest;  // of the highest bit
    // A double has 53 bits, fewer below 2^-1022.
    const int kept = exponent >= -1022 ? 53 : exponent + 1074 + 1;
    const int dropped = 64 - kept;  // 11 to 63: a sum of doubles is a multiple of the least one
    const std::uint64_t rest = bits & ((std::uint64_t{1} << dropped) - 1), half = std::uint64_t{1} << (dropped - 1);
    bits >>= dropped;
    if (rest > half || (rest == half && (below || (bits & 1) != 0))) ++bits;
    return std::ldexp(static_cast<double>(bits), exponent - kept + 1);
  }

  Limbs limbs_{};
  std::size_t low_ = kLimbs, high_ = 0;  // the limbs that were ever touched: those of similar numbers are few
  std::uint32_t changes_ = 0;
};

}  // namespace tocsin
