// Which addresses an epoch may have changed, so that a search in many epochs reads few of them: a Bloom filter whose
// six bits for an address lie in one cache line (Putze, Sanders, Singler, "Cache-, Hash- and Space-Efficient Bloom
// Filters", 2007). Ten bits an address; of those it does not have it takes one or two in a hundred for its own.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace tocsin {

class AddressFilter {
 public:
  explicit AddressFilter(std::uint64_t addresses = 0)
      : lines_(static_cast<std::size_t>(addresses * kBitsPerAddress / kLineBits + 1)) {}

  void add(std::uint64_t hash) {
    Line& line = lines_[line_of(hash)];
    for_each_bit(hash, [&](std::size_t word, std::uint64_t bit) {
      line[word] |= bit;
      return true;
    });
  }

  bool may_have(std::uint64_t hash) const {
    const Line& line = lines_[line_of(hash)];
    return for_each_bit(hash, [&](std::size_t word, std::uint64_t bit) { return (line[word] & bit) != 0; });
  }

  std::size_t bytes() const { return lines_.size() * sizeof(Line); }

 private:
  static constexpr std::uint64_t kBitsPerAddress = 10, kLineBits = 512;
  using Line = std::array<std::uint64_t, kLineBits / 64>;

  std::size_t line_of(std::uint64_t hash) const {
    return static_cast<std::size_t>(((hash >> 32) * lines_.size()) >> 32);
  }

  // Stops where `see` says false, and says so.
  template <class See>
  static bool for_each_bit(std::uint64_t hash, See see) {
    std::uint64_t mixed = hash * 0x9E3779B97F4A7C15;  // the line has used the upper bits: take others
    for (int i = 0; i < 6; ++i, mixed >>= 9)
      if (!see((mixed >> 6) & 7, std::uint64_t{1} << (mixed & 63))) return false;
    return true;
  }

  std::vector<Line> lines_;
};

}  // namespace tocsin
