// The arithmetic of aggregates over a window's events, oldest first: obviously right, recomputed from the samples. What
// is kept incrementally (running.h) must equal it to the last bit.
#pragma once

#include <span>

#include "engine/base/time.h"
#include "engine/event/value.h"
#include "engine/program/aggregates.h"
#include "engine/program/program.h"
#include "engine/program/scratch.h"

namespace tocsin {

// One event of the window: its time and the value that the aggregate reads (missing: it has none, A1).
struct Sample {
  Time time{};
  Value value;
  Time until{};  // duration(x): the time of the key's next event of x's base, or now (A7)
};

// The value of `cell`'s aggregate over `samples`. `from` and `now` bound the window (rate, duration). `second` is the
// number of events of ratio's second stream. Missing as A1 says.
Value aggregate_of(const Cell& cell, std::span<const Sample> samples, Time from, Time now, std::size_t second,
                   Scratch& scratch);

}  // namespace tocsin
