// What ids (of alerts, of sessions) know a source by: its name, which is hashed once and not whenever an id is made.
// Never its number: that depends on which other sources there are, and a replay of one source has no others.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/event/event.h"

namespace tocsin {

class SourceMarks {
 public:
  // `names`: by SourceId. A source without a name is called by its number, as it is in evidence.
  explicit SourceMarks(std::span<const std::string> names = {});

  // Where the record stands, among the bytes that an id is the hash of.
  void append(std::string& bytes, const Position& position) const;
  // The same of any event. One that was emitted is known by the last record that it came of, and by its mark.
  void append(std::string& bytes, const Event& event) const;

 private:
  static constexpr std::size_t kUnnamed = 8;  // so many sources need no name to be known at once
  std::vector<std::string> marks_;            // what stands before the partition
};

}  // namespace tocsin
