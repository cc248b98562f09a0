// What leaves the engine: alerts, and the events that rules, sessions and summaries emit. Values own what they view, so
// an output outlives the batch that caused it; names are the program's, and the writer at the edge looks them up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/event/event.h"
#include "engine/match/pattern.h"
#include "engine/match/seen.h"
#include "engine/program/program.h"

namespace tocsin {

struct EvidenceOf {
  std::string label;
  std::uint64_t count = 0;
  std::vector<Position> events;

  template <class Archive>
  void state_parts(Archive& a) {
    a(label, count, events);
  }
};

struct Alert {
  enum class State : std::uint8_t { firing, resolved, withdrawn };
  ProgramId rule;
  State state = State::firing;
  std::string id;  // 32 hex digits (F16)
  Severity severity = Severity::medium;
  Time time{};   // of this message: the fire, the resolution, the reminder
  Time fired{};  // of the fire that opened it
  OwnedValues key;
  std::string key_bytes;  // canonical
  std::string text, runbook;
  std::optional<Time> first, last;
  std::uint64_t count = 0;
  OwnedValues fields;  // of `with`, in the program's order
  std::vector<EvidenceOf> evidence;
  std::uint64_t suppressed = 0;
  std::uint32_t reminder = 0;
  bool escalated = false;
  std::string place;  // among all outputs (runtime/place.h)

  // What is kept of an alert that was sent; whose it is its owner knows, and what is said of it again has a place of
  // its own.
  template <class Archive>
  void state_parts(Archive& a) {
    a.choice(state, State::withdrawn);
    a.choice(severity, Severity::critical);
    a(id, time, fired, key, key_bytes, text, runbook, first, last, count, fields, evidence, suppressed, reminder,
      escalated);
  }
};

// An event that the engine made. `event.fields` view `fields`.
struct Emitted {
  ProgramId by;
  EventTypeId type;
  Time time{};
  OwnedValues key;
  std::string key_bytes;
  OwnedValues fields;  // by SlotId of the type
  std::vector<Position> origins;
  // Of the record that brought it about, which need not be among them; of a deadline's there is none.
  Position position;
  OwnedValues tiebreak;    // none, or one
  std::uint64_t mark = 0;  // tells it from all others of its type (Event::mark)
  std::string place;       // as an alert's
  bool enriched = false;   // of `emit each`: goes to its sink alone, no program sees it
};

}  // namespace tocsin
