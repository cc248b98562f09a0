// What the daemon says on standard error, one line each, and the problems that it keeps for whoever asks. A problem
// that comes again is counted, not said again and again.
#pragma once

#include <cstdint>
#include <deque>
#include <iosfwd>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "app/control/answers.h"
#include "app/settings.h"
#include "engine/io/clock.h"

namespace tocsin::app {

class Log {
 public:
  Log(const LogSettings& settings, std::size_t problems_kept, const Clock& clock, std::ostream& out)
      : settings_(settings), kept_(problems_kept), clock_(clock), out_(out) {}

  // Any thread. `where`: "sink.alerts".
  void info(std::string_view where, std::string_view what) { say(LogLevel::info, where, what); }
  void problem(std::string_view where, std::string_view what, std::string_view help = {});

  std::vector<ProblemStatus> problems() const;  // newest first
  std::uint64_t problem_count() const;

 private:
  void say(LogLevel level, std::string_view where, std::string_view what);

  LogSettings settings_;
  std::size_t kept_;
  const Clock& clock_;
  std::ostream& out_;
  mutable std::mutex mutex_;
  std::deque<ProblemStatus> problems_;  // newest first
  std::uint64_t count_ = 0;
};

}  // namespace tocsin::app
