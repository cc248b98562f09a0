// Bytes of a text to lines and columns, and back to the lines: what every message and every editor needs.
// Lines and columns count from 1; a column counts characters (code points), as editors and compilers show them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace tocsin::dsl {

struct Position {
  std::uint32_t line = 1;
  std::uint32_t column = 1;
  friend bool operator==(const Position&, const Position&) = default;
};

// Sees `text`, which must outlive it.
class Lines {
 public:
  explicit Lines(std::string_view text);

  // Of a byte; beyond the end counts as the end.
  Position position(std::size_t byte) const;
  // A line without its end (`\n` or `\r\n`). REQUIRES: 1 <= line <= count().
  std::string_view line(std::uint32_t number) const;
  // Where that line begins.
  std::size_t start(std::uint32_t number) const { return starts_[number - 1]; }
  std::uint32_t count() const { return static_cast<std::uint32_t>(starts_.size()); }

 private:
  std::uint32_t line_of(std::size_t byte) const;

  std::string_view text_;
  std::vector<std::size_t> starts_;
};

}  // namespace tocsin::dsl
