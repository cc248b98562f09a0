// One scan of the text, then a binary search per question.
#include "dsl/lines.h"

#include <algorithm>

#include "dsl/characters.h"
#include "engine/base/contract.h"

namespace tocsin::dsl {

Lines::Lines(std::string_view text) : text_(text), starts_{0} {
  for (std::size_t at = text.find('\n'); at != std::string_view::npos; at = text.find('\n', at + 1))
    starts_.push_back(at + 1);
}

std::uint32_t Lines::line_of(std::size_t byte) const {
  const auto next = std::ranges::upper_bound(starts_, std::min(byte, text_.size()));
  return static_cast<std::uint32_t>(next - starts_.begin());
}

Position Lines::position(std::size_t byte) const {
  const std::uint32_t number = line_of(byte);
  const std::size_t from = start(number), to = std::min(byte, text_.size());
  return {number, static_cast<std::uint32_t>(1 + count_characters(text_.substr(from, to - from)))};
}

std::string_view Lines::line(std::uint32_t number) const {
  TOCSIN_ASSERT(number >= 1 && number <= count());
  const std::size_t from = start(number);
  std::size_t to = number < count() ? start(number + 1) - 1 : text_.size();
  if (to > from && text_[to - 1] == '\r') --to;
  return text_.substr(from, to - from);
}

}  // namespace tocsin::dsl
