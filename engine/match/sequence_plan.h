// The sequence code of a pattern, read once into a tree of elements: what the general sequence matcher walks.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/program/program.h"

namespace tocsin {

// A bound of one step: the last event of `of` (none: of the element before) to the last event of the element.
struct StepBound {
  Duration length{};
  StepId of;
};

// What must hold between the element before and this one.
struct Link {
  std::vector<StreamId> no;         // strictly between (Q7)
  bool adjacent = false;            // `next` (Q8)
  std::optional<StepBound> within;  // Q10
};

struct Element {
  enum class Kind : std::uint8_t {
    take,    // one event
    maybe,   // the latest that fits, or none
    repeat,  // every fitting event of its place
    streak,  // one whole unbroken streak of its place
    group,   // a pattern in parentheses: once (low = high = 1), maybe (0 to 1), or its default fires (else)
    any_of,  // `low` of the alternatives
  };
  Kind kind = Kind::take;
  Link link;
  StreamId stream, breaking;
  StepId step;
  std::uint32_t low = 1, high = 1;
  StreamId until;  // exists: the repetition ends at the first of these (Q5) ...
  StepId until_step;

  struct Ending {  // `then no x within D [of NAME]`: of the whole pattern, or of a group
    StreamId stream;
    StepBound bound;
  };
  struct Body {
    std::vector<Element> elements;
    std::optional<Ending> ending;
    Duration within{};  // 0: none
  };
  std::vector<Body> bodies;  // group: one; any_of: one per alternative

  bool once() const {
    return kind == Kind::take || (kind == Kind::group && low == 1 && high == 1) || kind == Kind::any_of;
  }
};

struct SequencePlan {
  Element::Body body;
  std::vector<bool> adjacent_types;  // by EventTypeId: bases that `next` looks at
  bool has_maybe = false;
  bool dfs_is_preference = true;  // the first choice found is the reported one (no any_of, no bounded leading repeat)
};

SequencePlan read_sequence(const Pattern& pattern, std::size_t event_types);

}  // namespace tocsin
