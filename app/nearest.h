// How far a rule came where it did not fire, and what refused it. Not guessed from the inside of a matcher but asked of
// the engine that production runs: weaker rules are made of the rule (its first steps, a smaller number, one condition
// less), each runs over the same events, and what fires is what is told. So an answer is never of another engine.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/weaker.h"

namespace tocsin::app {

using WriteTime = std::function<std::string(Time)>;
// How an event is named to whoever asked: `logins.ndjson/0/7`.
using WriteId = std::function<std::string(const Position&)>;

struct Nearest {
  std::string reached;               // "4 of 5 `login_failed` within 5m, at 40s"; "nothing: no `login_failed` at all"
  std::optional<Alert> match;        // of the weaker rule: its evidence is what carried it there
  std::string missing;               // "then a `logout` within 1m"; empty where a number was missing
  std::string ended;                 // "a `login_ok` came at 41s (logins.ndjson/0/7)"; empty: it may still go on
  std::vector<std::string> refused;  // "without `reset on login_ok` it fires at 40s"
};

// Nothing when the rule does fire in that time, or there is no such rule. Without `id` events have no names.
std::optional<Nearest> nearest_match(const CompiledSet& set, const Question& question, const RunVariant& run,
                                     const WriteTime& write, const WriteId& id = {});

// An edge of a rule's automaton (graph.h), and whether events take it: the step is reached, or without the edge (its
// `within`, its `then no x`, its `reset on`) the same events would give other alerts. So what is called taken is also
// shown: no test that passes would pass without it.
struct EdgeTaken {
  std::string edge;  // "`within 5m` runs out"
  bool taken = false;
};

// All edges but the firing one, always in the same order; `run` is asked once for each, and once for the rule itself.
std::vector<EdgeTaken> edges_taken(const CompiledSet& set, const std::string& rule, const RunVariant& run);

// The same in lines for people, without the evidence; ends with a newline.
std::string in_words(const Nearest& nearest);

}  // namespace tocsin::app
