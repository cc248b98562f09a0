#include "app/daemon/log.h"

#include <algorithm>
#include <ostream>

#include "engine/base/write.h"

namespace tocsin::app {
namespace {

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
  std::string line, time;
  append_rfc3339(time, clock_.now());
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
  const std::scoped_lock lock(mutex_);
  out_ << line << std::flush;
}

void Log::problem(std::string_view where, std::string_view what, std::string_view help) {
  {
    const std::scoped_lock lock(mutex_);
    ++count_;
    const auto known =
        std::ranges::find_if(problems_, [&](const ProblemStatus& p) { return p.where == where && p.what == what; });
    if (known != problems_.end()) {
      ProblemStatus again = std::move(*known);
      problems_.erase(known);
      ++again.times;
      again.last = clock_.now();
      problems_.push_front(std::move(again));
      return;
    }
    const Time now = clock_.now();
    problems_.push_front({now, now, 1, std::string(where), std::string(what), std::string(help)});
    while (problems_.size() > kept_) problems_.pop_back();
  }
  say(LogLevel::warn, where, help.empty() ? std::string(what) : std::string(what) + "; " + std::string(help));
}

std::vector<ProblemStatus> Log::problems() const {
  const std::scoped_lock lock(mutex_);
  return {problems_.begin(), problems_.end()};
}

std::uint64_t Log::problem_count() const {
  const std::scoped_lock lock(mutex_);
  return count_;
}

}  // namespace tocsin::app
