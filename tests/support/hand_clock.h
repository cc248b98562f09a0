// A clock that a test moves.
#pragma once

#include "engine/io/clock.h"

namespace tocsin::tests {

class HandClock final : public Clock {
 public:
  Time now() const override { return wall; }
  Duration elapsed() const override { return at; }
  Duration at{};
  Time wall{};
};

}  // namespace tocsin::tests
