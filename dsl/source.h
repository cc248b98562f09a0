// Where something stands in the author's text. A span is three numbers, so that every node of the
// tree can carry one; line and column are worked out only when a message is shown.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin::dsl {

// A half-open range of bytes in one file of the rule set (`file` counts the files as loaded).
struct SourceSpan {
  std::uint32_t file = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;

  // Two trees are equal when they say the same, wherever they stand: so spans never differ.
  // Kind of sleazy, but it gives every node of ast.h its `operator==` by `= default`.
  friend bool operator==(const SourceSpan&, const SourceSpan&) { return true; }
};

// One file of rules, as read. `text` owns the bytes that spans point into.
struct SourceText {
  std::string path;  // as the author names it, `-` for standard input
  std::string text;
};

}  // namespace tocsin::dsl
