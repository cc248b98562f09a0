// What `why` knows of the events: the input run under rules, and read once more for the lines that a match names. The
// engine keeps positions and captured values, never whole events, so the lines come from the input itself.
#pragma once

#include <functional>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "app/compiled.h"
#include "app/history.h"
#include "app/inputs.h"
#include "engine/match/alert.h"

namespace tocsin::app {

// An event of a match, as the input has it.
struct Line {
  std::string step, id;  // `login_failed`, `logins.ndjson/0/17`
  Position position;
  Time time{};
  std::string text;                                         // the record
  std::vector<std::pair<std::string, std::string>> values;  // those that the rule reads of it: name, JSON
};

// `--input` and the options that say how its records are written. The arguments outlive it.
class WhyEvents {
 public:
  WhyEvents(const CompiledSet& set, const Arguments& arguments, Console& console);

  // Every alert of these rules, in order; time goes on as `end` says.
  Result<HistoryResult> run(const dsl::Compiled& rules, const EndOfInput& end,
                            const std::function<void(const Alert&)>& on_alert);

  // The lines that the evidence of an alert names, step by step. An event that was emitted is no line: those that it is
  // made of stand for it. `program` is the rule as the set has it: what it reads of an event is told.
  Result<std::vector<Line>> evidence_of(const Alert& alert, const Program& program);

  // `logins.ndjson/0/17`
  std::string id_of(const Position& position) const;

 private:
  Result<std::unique_ptr<InputSource>> open();
  Result<void> read(std::vector<Line>& lines, const Program& program);

  const CompiledSet& set_;
  const Arguments& arguments_;
  Console& console_;
  std::vector<std::string> paths_;
  std::string kept_;  // what standard input had, for it is read more than once
  std::istringstream again_;
};

}  // namespace tocsin::app
