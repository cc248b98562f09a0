// Two versions of the rules over one input: which alerts and emitted events the new ones add, lose, keep and change.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "engine/match/alert.h"
#include "engine/runtime/document.h"

namespace tocsin::app {

// What comes out of one program: its alerts, or one kind of the events that it emits.
struct OutputKind {
  std::string by;     // the rule, session or summary
  std::string event;  // empty: its alerts
  auto operator<=>(const OutputKind&) const = default;
};

// All that came out of one run.
class OutputBook {
 public:
  // REQUIRES: what is added later is of these rules.
  explicit OutputBook(const RuleSet& rules);

  void add(const Alert& alert, const DocumentNames& names);
  // The event of an alert's own name is no entry beside the alert.
  void add(const Emitted& emitted, const DocumentNames& names);

  struct Entry {
    std::string document;  // as it left, without `rule_version`
    std::string line;      // for people: time, severity, key, text; empty: made of the document
  };
  // Those of one time, key, state and reminder, in the order in which they left.
  using Entries = std::map<std::string, std::vector<Entry>>;
  // Also what nothing came of, so that it is told.
  const std::map<OutputKind, Entries>& kinds() const { return kinds_; }
  bool has(const std::string& program) const { return programs_.contains(program); }
  // What the program was called before (`was`); empty: nothing else.
  std::string was(const std::string& program) const;

 private:
  std::map<OutputKind, Entries> kinds_;
  std::map<std::string, std::string> programs_;  // name and `was`
};

struct ChangedField {
  std::string name;         // `severity`, `fields.total`
  std::string before, now;  // as JSON; empty: not there
};

struct Change {
  std::string line;  // for people, as it is now
  std::vector<ChangedField> fields;
};

struct OutputDifference {
  OutputKind kind;
  std::string was;  // what the program was called in the old rules, where that is something else
  std::size_t before = 0, after = 0, same = 0;
  std::vector<std::string> added, gone;  // lines for people, in order of time
  std::vector<Change> changed;
  bool differs() const { return !added.empty() || !gone.empty() || !changed.empty(); }
};

// Rules by name, then emitted events. A renamed program is the same program; its name, and the ids that hash it, are no
// difference.
std::vector<OutputDifference> compare(const OutputBook& before, const OutputBook& now);

// `+12 -3 =407 ~2` a rule, then what came, went and changed: at most `most` of each (0: all).
std::string in_words(const std::vector<OutputDifference>& differences, std::size_t most);
std::string in_json(const std::vector<OutputDifference>& differences);

// `2026-03-01T10:00:00.000000Z  high      brute_force  {"user":"ann"}  5 failed logins for ann in 41s`
std::string line_of(const Alert& alert, const DocumentNames& names);
// `2026-03-01T10:00:00.000000Z  event     was_seen  {user: "ann", who: "ann"}`
std::string line_of(const Emitted& emitted, const DocumentNames& names);

}  // namespace tocsin::app
