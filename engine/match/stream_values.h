// What an aggregate reads of an event: the values that its stream names for the event's type.
#pragma once

#include <string>

#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// Appends the bytes of all of them. False: one is missing, so that the event does not count (E5). `context` gives all
// but the event.
bool append_values(std::string& key, const Program& program, StreamId stream, const Event& event, EvalContext context,
                   const Evaluator& evaluator);

// The value; where there are several, a text of the bytes of all of them, in the scratch.
Value sample_value(const Program& program, StreamId stream, const Event& event, EvalContext context,
                   const Evaluator& evaluator);

}  // namespace tocsin
