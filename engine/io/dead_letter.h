// Records that no rule can want: each goes to the dead-letter sink with its reason and place, is counted by its reason,
// and changes nothing else. The reasons are a closed set, because metrics, documents and tests name them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/event.h"

namespace tocsin {

// X(name, what people read)
#define TOCSIN_DEAD_LETTER_REASONS(X)                                                                            \
  X(broken_record, "the bytes are not a record of the format: brackets, quotes, commas, number of columns")      \
  X(invalid_utf8, "the bytes are not UTF-8")                                                                     \
  X(too_large, "the record is longer than the limit; only its beginning is kept")                                \
  X(too_deep, "objects and lists are nested deeper than the limit")                                              \
  X(duplicate_key, "a field that some rule reads stands twice in one object")                                    \
  X(unknown_event, "the event field is missing or names no declared event")                                      \
  X(no_line_fits, "none of the source's regular expressions fits the line")                                      \
  X(missing_time, "the event's timestamp is missing")                                                            \
  X(unreadable_time, "the timestamp is no time in the format that was declared, or outside the years 1 to 9999") \
  X(time_ahead, "the time is further ahead of the record's arrival than the source allows (`ahead_max`)")        \
  X(missing_field, "a declared field without `?` is missing")                                                    \
  X(wrong_type, "a declared field holds another type")                                                           \
  X(out_of_range, "a number does not fit its type")

enum class DeadReason : std::uint8_t {
#define X(name, text) name,
  TOCSIN_DEAD_LETTER_REASONS(X)
#undef X
};

constexpr std::size_t kDeadReasons = 0
#define X(name, text) +1
    TOCSIN_DEAD_LETTER_REASONS(X)
#undef X
    ;

constexpr std::string_view name_of(DeadReason reason) {
  constexpr std::array<std::string_view, kDeadReasons> kNames = {
#define X(name, text) #name,
      TOCSIN_DEAD_LETTER_REASONS(X)
#undef X
  };
  return kNames[static_cast<std::size_t>(reason)];
}

struct DeadLetter {
  DeadReason reason = DeadReason::broken_record;
  Position position;
  std::string detail;      // in words, with the field's name: "`amount` should be a float"
  std::string bytes;       // the record, its first kBytesMax bytes
  std::uint64_t size = 0;  // of the whole record
};

// What a decoder could not use. Everything is counted; the letters themselves are taken away after each block.
struct DeadLetters {
  // Enough to find the cause; a megabyte of rubbish must not become a megabyte of dead letter.
  static constexpr std::size_t kBytesMax = 1024;

  std::vector<DeadLetter> letters;
  std::array<std::uint64_t, kDeadReasons> count{};

  void add(DeadReason reason, const Position& position, std::string detail, std::string_view record,
           std::uint64_t size) {
    ++count[static_cast<std::size_t>(reason)];
    letters.push_back({reason, position, std::move(detail), std::string(record.substr(0, kBytesMax)), size});
  }
  void add(DeadReason reason, const Position& position, std::string detail, std::string_view record) {
    add(reason, position, std::move(detail), record, record.size());
  }
  std::uint64_t of(DeadReason reason) const { return count[static_cast<std::size_t>(reason)]; }
};

}  // namespace tocsin
