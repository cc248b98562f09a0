#include "app/watching.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <ostream>

#include "engine/base/wording.h"
#include "engine/base/write.h"

namespace tocsin::app {

namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // a signal may set it

extern "C" void on_interrupt(int) {
  interrupted = true;
  std::signal(SIGINT, SIG_DFL);
}

std::string rate_of(double per_second) {
  if (per_second >= 1e6) return fmt::format("{:.1f} M events/s", per_second / 1e6);
  if (per_second >= 1e3) return fmt::format("{:.0f} k events/s", per_second / 1e3);
  return fmt::format("{:.0f} events/s", per_second);
}

std::string whole_seconds(Time time) {
  const std::string text = rfc3339(Time{time.us - time.us % 1'000'000});
  return text.substr(0, text.find('.')) + "Z";
}

std::string bar_of(double done) {
  constexpr int kCells = 10;
  const int full = std::clamp(static_cast<int>(done * kCells), 0, kCells);
  std::string bar(static_cast<std::size_t>(full), '=');
  if (full < kCells) bar += '>';
  bar.resize(kCells, ' ');
  return fmt::format("[{}] {:.0f} %  ", bar, done * 100);
}

}  // namespace

Interrupt::Interrupt() {
  interrupted = false;
  std::signal(SIGINT, on_interrupt);
}
Interrupt::~Interrupt() { std::signal(SIGINT, SIG_DFL); }
bool Interrupt::came() const { return interrupted; }
const std::atomic<bool>& Interrupt::flag() const { return interrupted; }

ProgressLine::ProgressLine(Console& console) : console_(console) {}

void ProgressLine::show(double done, std::uint64_t events, std::uint64_t alerts, Time event_time) {
  const bool ci = console_.environment && !console_.environment("CI").value_or("").empty();
  const bool live = console_.err_is_terminal && !ci;
  const Clock::time_point now = Clock::now();
  if (console_.quiet || !live || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - started_).count();
  std::string line = done < 0 ? "" : bar_of(done);
  line += fmt::format("{}  {}  {}", whole_seconds(event_time), rate_of(static_cast<double>(events) / seconds),
                      counted(alerts, "alert"));
  if (done > 0.02) {
    line += "  ETA ";
    append_duration(line, tocsin::seconds(static_cast<std::int64_t>(seconds / done * (1 - done)) + 1));
  }
  console_.err << "\r\x1b[K" << line.substr(0, static_cast<std::size_t>(std::max(console_.terminal_width - 1, 20)))
               << std::flush;
  drawn_ = true;
}

void ProgressLine::clear() {
  if (!drawn_) return;
  console_.err << "\r\x1b[K" << std::flush;
  drawn_ = false;
}

}  // namespace tocsin::app
