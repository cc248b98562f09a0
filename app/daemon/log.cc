#include "app/daemon/log.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "engine/base/write.h"

namespace tocsin::app {
namespace {

// A problem that comes again is not said again for so long; one that was over meanwhile, hardly.
constexpr Duration kQuiet = minutes(1), kQuietWhenOver = seconds(5);

std::string_view word_of(LogLevel level) {
  switch (level) {
    case LogLevel::error:
      return "error";
    case LogLevel::warn:
      return "warn";
    case LogLevel::info:
      return "info";
    case LogLevel::debug:
      return "debug";
  }
  return {};
}

}  // namespace

void Log::say(LogLevel level, std::string_view where, std::string_view what) {
  if (level > settings_.level) return;
  std::string line;
  const std::string time = rfc3339(clock_.now());
  switch (settings_.format) {
    case LogFormat::text:
      line = time + ' ' + std::string(word_of(level)) + ' ' + std::string(where) + ": " + std::string(what);
      break;
    case LogFormat::json:
      line = "{\"time\":\"" + time + "\",\"level\":\"" + std::string(word_of(level)) + "\",\"where\":";
      append_json_text(line, where);
      line += ",\"message\":";
      append_json_text(line, what);
      line += '}';
      break;
    case LogFormat::logfmt:
      line = "time=" + time + " level=" + std::string(word_of(level)) + " where=";
      append_json_text(line, where);
      line += " message=";
      append_json_text(line, what);
      break;
  }
  line += '\n';
  out_ << line << std::flush;
}

Log::Problems::iterator Log::find(std::string_view where, std::string_view what) {
  return std::ranges::find_if(problems_,
                              [&](const Problem& p) { return p.status.where == where && p.status.what == what; });
}

void Log::info(std::string_view where, std::string_view what) {
  const std::scoped_lock lock(mutex_);
  say(LogLevel::info, where, what);
}

void Log::note(LogLevel level, std::string_view where, std::string_view what, std::string_view help) {
  const std::scoped_lock lock(mutex_);
  ++count_;
  const Time now = clock_.now();
  Problem problem;
  problem.status = {now, now, 1, std::string(where), std::string(what), std::string(help)};
  bool is_quiet = false;
  if (const auto known = find(where, what); known != problems_.end()) {
    problem = std::move(*known);
    problems_.erase(known);
    ++problem.status.times;
    problem.status.last = now;
    is_quiet =
        level != LogLevel::error && clock_.elapsed() < problem.said + (problem.is_over ? kQuietWhenOver : kQuiet);
    problem.is_over = false;
    ++problem.unsaid;
  }
  problem.level = level;
  problem.status.help = help;
  problems_.push_front(std::move(problem));
  if (!is_quiet) say(problems_.front());
  while (problems_.size() > kept_) problems_.pop_back();
}

void Log::over(std::string_view where, std::string_view what) {
  const std::scoped_lock lock(mutex_);
  const auto known = find(where, what);
  if (known == problems_.end() || known->is_over) return;
  known->is_over = true;
  if (known->unsaid > 0) return;  // that it had come back was not said
  say(LogLevel::info, where, "is over: " + std::string(what));
}

void Log::look() {
  const std::scoped_lock lock(mutex_);
  for (Problem& problem : problems_)
    if (problem.unsaid > 0 && clock_.elapsed() >= problem.said + kQuiet) say(problem);
}

// The one in hand is the one that is said; the others are told as a number.
void Log::say(Problem& problem) {
  const ProblemStatus& status = problem.status;
  std::string text = status.what;
  if (!status.help.empty()) text += "; " + status.help;
  if (problem.unsaid > 1) text += fmt::format(" ({} more like this)", problem.unsaid - 1);
  problem.said = clock_.elapsed();
  problem.unsaid = 0;
  say(problem.level, status.where, text);
}

std::vector<ProblemStatus> Log::problems() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ProblemStatus> out;
  for (const Problem& problem : problems_) out.push_back(problem.status);
  return out;
}

std::uint64_t Log::problem_count() const {
  const std::scoped_lock lock(mutex_);
  return count_;
}

}  // namespace tocsin::app
