#include "engine/event/source_marks.h"

#include <charconv>

#include "engine/base/hash.h"

namespace tocsin {

SourceMarks::SourceMarks(std::span<const std::string> names) {
  for (const std::string& name : names) marks_.push_back(hash_bytes(name));
}

void SourceMarks::append(std::string& bytes, const Position& position) const {
  const std::size_t source = position.source.index;
  const auto add_number = [&bytes](auto n) {
    char digits[24];
    bytes.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
  };
  bytes += '\0';
  add_number(source < marks_.size() ? marks_[source] : hash_bytes(std::to_string(source)));
  bytes += '/';
  add_number(position.partition);
  bytes += '/';
  add_number(position.offset);
}

}  // namespace tocsin
