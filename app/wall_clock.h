// The clock on the wall, for what runs in real time.
#pragma once

#include <chrono>

#include "engine/io/clock.h"

namespace tocsin::app {

class WallClock final : public Clock {
 public:
  Time now() const override {
    const auto since = std::chrono::system_clock::now().time_since_epoch();
    return Time{std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
  Duration elapsed() const override {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
};

}  // namespace tocsin::app
