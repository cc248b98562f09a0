// Two versions of the rules over one input: which alerts the new ones add, lose, keep and change.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/alert.h"
#include "engine/runtime/document.h"

namespace tocsin::app {

// The alerts of one run, by rule and by what they are: their id, state and reminder, which are the same for the same
// input (F16).
class AlertBook {
 public:
  void add(const Alert& alert, const DocumentNames& names);

  struct Entry {
    std::string document;  // as it left, without `rule_version`
    std::string line;      // for people: time, severity, key, text
  };
  using OfRule = std::map<std::string, Entry>;
  // Also rules without an alert, so that they are told.
  void add_rule(const std::string& name) { rules_[name]; }
  const std::map<std::string, OfRule>& rules() const { return rules_; }

 private:
  std::map<std::string, OfRule> rules_;
};

struct RuleDifference {
  std::string rule;
  std::size_t before = 0, after = 0, same = 0, changed = 0;
  std::vector<std::string> added, gone;  // lines for people, in order of time
  bool differs() const { return !added.empty() || !gone.empty() || changed > 0; }
};

// Rules of either side, by name.
std::vector<RuleDifference> compare(const AlertBook& before, const AlertBook& after);

// `+12 -3 =407` a rule, then what came and went: at most `most` of each (0: all).
std::string in_words(const std::vector<RuleDifference>& differences, std::size_t most);
std::string in_json(const std::vector<RuleDifference>& differences);

// `2026-03-01T10:00:00.000000Z  high      brute_force  {"user":"ann"}  5 failed logins for ann in 41s`
std::string line_of(const Alert& alert, const DocumentNames& names);
// `2026-03-01T10:00:00.000000Z  event     was_seen  {user: "ann", who: "ann"}`
std::string line_of(const Emitted& emitted, const DocumentNames& names);

}  // namespace tocsin::app
