#include "engine/event/source_marks.h"

#include <charconv>

#include "engine/base/hash.h"

namespace tocsin {

namespace {

std::string mark_of(const std::string& name) { return '\0' + std::to_string(hash_bytes(name)) + '/'; }

void append_number(std::string& bytes, std::uint64_t n) {
  char digits[24];
  bytes.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

}  // namespace

SourceMarks::SourceMarks(std::span<const std::string> names) {
  for (const std::string& name : names) marks_.push_back(mark_of(name));
  for (std::size_t i = marks_.size(); i < kUnnamed; ++i) marks_.push_back(mark_of(std::to_string(i)));
}

void SourceMarks::append(std::string& bytes, const Position& position) const {
  const std::size_t source = position.source.index;
  bytes += source < marks_.size() ? marks_[source] : mark_of(std::to_string(source));
  append_number(bytes, position.partition);
  bytes += '/';
  append_number(bytes, position.offset);
}

void SourceMarks::append(std::string& bytes, const Event& event) const {
  if (!event.is_emitted())
    append(bytes, event.position);
  else
    append(bytes, event.origins.empty() ? Position{} : event.origins.back());
  if (event.mark != 0) append_number(bytes += '#', event.mark);
}

}  // namespace tocsin
