// The keys of a record as its source writes them, line after line: a record is first held against those of one before
// it, byte by byte as they stood there, from one value to the next. When all agree, its fields are where they were, and
// nothing has to be looked up. Only for objects without lists and objects inside.
//
// Two ways to hold a record against a shape:
//   over tokens   stage 1 has found where everything stands, and has checked the bytes. Any values.
//   over bytes    nobody has looked at the record: about twice as fast, and for plain values alone: texts of ASCII
//                 without escapes, numbers without exponents of at most 16 bytes, true, false, null, each right before
//                 the comma or brace behind it. What fits is a record that the other way would find the same values in;
//                 what does not may be one all the same.
#pragma once

#include <bit>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/codec/json_fit.h"

namespace tocsin {

class Shape {
 public:
  bool empty() const { return keys_.empty(); }
  std::size_t size() const { return keys_.size(); }

  // REQUIRES: `token` is that of the opening brace of a whole, valid object. Nothing is learnt when it is not flat.
  void learn(const char* bytes, const std::uint32_t* token);
  // The number of the value at a token of such an object, counted from its brace.
  static std::size_t number_of_value(std::uint32_t token) { return token / 4; }
  // Of the text between the value before and that one.
  std::uint32_t key_size(std::size_t number) const { return keys_[number].size; }

  // The token of the closing brace; null: the record has another shape. `in_one_line`: no line break stands inside;
  // else perhaps. REQUIRES: not empty; 16 bytes may be read behind each token before `end`.
  const std::uint32_t* fit(const char* bytes, const std::uint32_t* token, const std::uint32_t* end,
                           bool& in_one_line) const;

  // How many lines from `record` on, `most` at most, are each a record of the shape, with plain values alone and
  // nothing behind it. `line_ends`: of each, its line break, or `limit`. `ends`: of each, size() + 1 places: its
  // begin, then the ends of its values; value n stands from key_size(n) behind the end before it up to its own, a text
  // with its quotes. REQUIRES: not empty; there is room for `most`; `limit` holds a control character, and 64 bytes
  // may be read from there on.
  std::size_t fit_lines(const char* record, const char* limit, std::size_t most, const char** ends,
                        const char** line_ends) const;

 private:
  KeyText key_of(std::string_view text);

  std::vector<KeyText> keys_;
  std::string rests_;    // what of the keys' texts does not stand in themselves, one behind the other
  bool breaks_ = false;  // a line break stands between values
};

// Where a record of an unknown shape is learnt: the first ones in a place each; then they take turns to give way, ever
// more seldom, as learning would only cost where every record has another shape.
class ShapePlaces {
 public:
  static constexpr std::size_t kMost = 8;

  // The place of the next one, of which `taken` are in use; nothing: it is not learnt.
  std::optional<std::size_t> next(std::size_t taken) {
    ++misses_;
    if (taken < kMost) return taken;
    if (!std::has_single_bit(misses_) && misses_ % 1024 != 0) return std::nullopt;
    return turn_++ % kMost;
  }

 private:
  std::uint32_t misses_ = 0;  // records that had none of the shapes
  std::size_t turn_ = 0;
};

}  // namespace tocsin
