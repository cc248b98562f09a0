// What the daemon says on standard error, one line each, and the problems that it keeps for whoever asks. A problem
// that comes again and again is said once a minute, with how often it came; one that had gone is said again.
#pragma once

#include <cstdint>
#include <deque>
#include <iosfwd>
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
  void info(std::string_view where, std::string_view what);
  void problem(std::string_view where, std::string_view what, std::string_view help = {}) {
    note(LogLevel::warn, where, what, help);
  }
  // What the daemon ends by: it is said in any case.
  void failure(std::string_view where, std::string_view what, std::string_view help = {}) {
    note(LogLevel::error, where, what, help);
  }
  // It has gone: that is said, and when it comes back, so is that.
  void over(std::string_view where, std::string_view what);
  // Says what came again meanwhile and was not said. Now and then.
  void look();

  std::vector<ProblemStatus> problems() const;  // newest first
  std::uint64_t problem_count() const;

 private:
  struct Problem {
    ProblemStatus status;
    Duration said{};           // when it was said last
    std::uint64_t unsaid = 0;  // how often it came since
    bool is_over = false;
    LogLevel level = LogLevel::warn;
  };
  using Problems = std::deque<Problem>;  // newest first
  Problems::iterator find(std::string_view where, std::string_view what);
  void note(LogLevel level, std::string_view where, std::string_view what, std::string_view help);
  void say(Problem& problem);
  void say(LogLevel level, std::string_view where, std::string_view what);

  LogSettings settings_;
  std::size_t kept_;
  const Clock& clock_;
  std::ostream& out_;
  mutable std::mutex mutex_;
  Problems problems_;
  std::uint64_t count_ = 0;
};

}  // namespace tocsin::app
