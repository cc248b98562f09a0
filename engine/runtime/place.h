// Where an output stands among all others (language.md, section 7), as bytes that compare as the order does, so that
// what any number of shards gives is merged by comparing bytes:
//
//   when it leaves      time, then phase
//   what caused it      a deadline: nothing; an event of the input: its place in the total order
//   the way from there  for each emitted event on it (S5): 1, who emitted it, the key, its number
//   at last             an alert: 0, its rule, its key; an emitted event: the last step of its way
//
// What one cause brings leaves by rule name, then key; so a rule is written as its rank among the names. Emitted events
// of a deadline leave in the order in which programs use each other, but for those at the end of a window, which all
// leave together (T3).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/event/event.h"
#include "engine/match/pattern.h"

namespace tocsin {

using Place = std::string;

// Where all begins that a deadline brings.
Place place_of(Instant deadline);
// ... and an event of the input. A late one has its place where the watermark stood when it came: among the events of
// that time, or before all that happens then.
Place place_of(const Event& event);
Place place_of_late(const Event& event, Time watermark, bool among_events);

// The event of the input that something came of; nothing: a deadline alone brought it.
std::optional<Position> cause_of(std::string_view place);
// When it leaves. REQUIRES: no late event is the cause.
Instant instant_of(std::string_view place);
// As much of it as is the cause's own place.
std::string_view place_of_cause(std::string_view place);
// The first who emitted something on the way there. REQUIRES: it is of something that was emitted.
std::uint32_t first_emitter(std::string_view place);

void append_alert(Place& cause, std::uint32_t rule, std::string_view key);
void append_emitted(Place& cause, std::uint32_t program, std::string_view key, std::uint32_t number);

// The value as bytes that compare as compare_tiebreaks does.
void append_ordered(std::string& out, const Value& tiebreak);

}  // namespace tocsin
