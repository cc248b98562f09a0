// The sequence code of a pattern, read once into a flat list of items, groups as pairs of open and close: what the
// general sequence matcher walks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/match/seen.h"
#include "engine/program/program.h"

namespace tocsin {

// A bound of one step: the last event of `of` (none: of the item before) to the last event of the item.
struct StepBound {
  Duration length{};
  StepId of;
};

// What must hold between the item before and this one.
struct Link {
  std::vector<StreamId> no;         // strictly between (Q7)
  bool adjacent = false;            // `next` (Q8)
  std::optional<StepBound> within;  // Q10
};

struct SequencePlan;

struct Item {
  enum class Kind : std::uint8_t {
    take,    // one event
    repeat,  // every fitting event of its place
    streak,  // one whole unbroken streak of its place
    until,   // a repetition that ends at the first `until` (Q5)
    fires,   // a repeated pattern in parentheses: its default fires (Q3)
    any_of,  // `low` of the bodies
    open,    // a pattern in parentheses begins ...
    close,   // ... and ends: with an absence, when `absent` exists. The last item, when the whole pattern ends in one
  };
  static constexpr std::uint32_t kNone = 0xffffffff;

  Kind kind = Kind::take;
  Link link;
  StreamId stream, breaking;
  StepId step;  // of a group: its name
  std::uint32_t low = 1, high = 1;
  StreamId until;
  StepId until_step;
  std::uint32_t maybe = kNone;  // the `maybe` that this is part of: it is there, or it is not (Q4)
  std::uint32_t after = 0;      // the item behind it; behind its close, when a group opens
  std::uint32_t rank = kNone;   // a single step of a `maybe`: its place among these

  Duration within{};          // open: of the group, 0: none
  bool guess_end = false;     // open: bounded, and may begin with a repetition: then its end is looked for first
  bool only_repeats = false;  // open: nothing in it but repetitions
  StreamId absent;            // close: `no x within`
  StepBound absent_within;

  std::vector<std::vector<Item>> bodies;      // any_of
  std::shared_ptr<const SequencePlan> inner;  // fires

  // Its place is worked out between its neighbours (Q3).
  bool repeats() const { return kind == Kind::repeat || kind == Kind::streak || kind == Kind::fires; }
};
using Items = std::vector<Item>;

struct SequencePlan {
  Items items;
  Duration within{};          // 0: none
  std::uint32_t maybes = 0;   // how many
  std::uint32_t ranks = 0;    // single steps of maybes
  bool first_is_best = true;  // the first choice found is the reported one (no any_of, no end to be guessed, no maybe)
  std::vector<Duration> absences;    // of all its endings: deadlines lie so long after some event
  bool ends_in_absence = false;      // the whole pattern, and nothing inside it
  StreamSet streams;                 // all that it looks at
  StreamSet completing;              // an event of these can be the last
  std::vector<bool> adjacent_types;  // by EventTypeId: bases that `next` looks at
  std::optional<Duration> horizon;   // how long before its last event an event can matter; none: for ever
};

SequencePlan read_sequence(const Pattern& pattern, std::size_t event_types);

}  // namespace tocsin
