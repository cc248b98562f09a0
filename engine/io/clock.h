// What time it is outside. Only the edges ask (arrival times, idle partitions, delivery back-off); nothing in match,
// state or shard does, so a run can be replayed from its inputs.
#pragma once

#include "engine/base/time.h"

namespace tocsin {

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Time now() const = 0;  // wall clock, UTC; may jump
  // Never goes back; only differences mean something.
  virtual Duration elapsed() const = 0;
};

}  // namespace tocsin
