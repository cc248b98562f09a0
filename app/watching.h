// What a person sees and does while a command works on a long input: one line of progress, and Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

#include "app/console.h"
#include "engine/base/time.h"

namespace tocsin::app {

// From here on the first Ctrl-C is remembered, so that a command can stop and sum up; the second ends the process as
// ever. One at a time, in main()'s thread.
class Interrupt {
 public:
  Interrupt();
  ~Interrupt();
  Interrupt(const Interrupt&) = delete;
  Interrupt& operator=(const Interrupt&) = delete;
  bool came() const;
  const std::atomic<bool>& flag() const;  // that it came
};

// `[=====>    ] 48 %  2026-03-01T14:20:05Z  2.1 M events/s  312 alerts  ETA 1m40s` on a terminal, drawn again ten times
// a second. Nothing elsewhere, with --quiet, and under CI.
class ProgressLine {
 public:
  explicit ProgressLine(Console& console);
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  // `done`: 0 to 1; less than 0: nobody knows, then there is no percentage and no ETA.
  void show(double done, std::uint64_t events, std::uint64_t alerts, Time event_time);
  // Takes the line away, before something else is written to the same terminal.
  void clear();

 private:
  using Clock = std::chrono::steady_clock;
  Console& console_;
  Clock::time_point started_ = Clock::now(), shown_ = started_;
  bool drawn_ = false;
};

}  // namespace tocsin::app
