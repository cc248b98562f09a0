// Which matcher a pattern gets, and why: the fast ones where the program has their shape, the general ones for all the
// rest. Each fast matcher says what the general one says, alert for alert (tests/equality_test.cc runs both ways). It
// is a matter of the program alone, so it stands here: engine/match builds what is chosen, bounds.h counts what that
// keeps, `explain` prints it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/program/limits.h"
#include "engine/program/program.h"

namespace tocsin {

enum class MatcherKind : std::uint8_t {
  sequence_search,  // keeps every candidate and searches when one can complete a match
  latest_chain,     // the best chain for every number of steps: constant work per event
  every_chain,      // lists of what can take each step: the same work for every match
  window,           // keeps the events that a window still sees, and computes from them
  running_window,   // every aggregate as its events come and go: constant work per event and window
  counter,          // the N last events of the key
  instant,          // the last event, or the values seen: nothing else decides
};

// How a rule fires decides what a sequence keeps.
struct MatchOptions {
  Firing firing = Firing::once;
  ExprId where;
  std::optional<Resume> resume;
  std::vector<ExprId>
      reported;            // of the alert, its fields and emitted events: their aggregates need their windows kept
  bool remembers = false;  // a clause looks at a condition also when the rule does not fire at its edge
  bool fast = true;        // false: the general matchers only (tests compare the two)
  std::size_t window_events = kWindowEventsPerKeyMax;
  std::uint64_t* cut_short = nullptr;  // counts what limits.h took away, for all keys; none: nobody asks
  // Of a pattern inside the rule: it fires by default, and what is cut there is cut for the rule.
  MatchOptions inside() const {
    MatchOptions out;
    out.fast = fast;
    out.window_events = window_events;
    out.cut_short = cut_short;
    return out;
  }
  void count_cut() const {
    if (cut_short != nullptr) ++*cut_short;
  }
};

struct ChosenMatcher {
  MatcherKind kind = MatcherKind::sequence_search;
  std::string why;  // one clause: "`where` may refuse the latest choice"
};

std::string_view name_of(MatcherKind kind);

// `remembers`: the rule may look at a condition that it did not fire at (learn, mute, resolve when, where, budgets), or
// keeps it after firing: a counter that holds N events would not know what to show then.
ChosenMatcher choose_matcher(const RuleSet& rules, const Program& program, PatternId pattern,
                             const MatchOptions& options);

// How a rule's `when` is matched. Its `resolve when` and the patterns that it counts like events are matched as
// MatchOptions{}.
MatchOptions match_options(const Program& program);

// The bound of a chain, from its first step to its last; 0: there is none. REQUIRES: a chain was chosen.
Duration chain_within(const Pattern& pattern);

// The N of a condition that is `count(x) >= N` over one sliding window or one streak; none: it is something else.
std::optional<std::uint32_t> counter_threshold(const RuleSet& rules, const Program& program, const Pattern& pattern);

// How many windows before the current one an aggregate is compared with.
std::int64_t windows_before(const Cell& cell);

// The cells that the condition, `where` and what is reported read, each once; those of the condition stand first.
struct CellsRead {
  std::vector<CellId> cells;
  std::size_t of_condition = 0;
};
CellsRead cells_read(const RuleSet& rules, const Pattern& pattern, const MatchOptions& options);
// Why the windows of a condition cannot be kept running (match/running_windows.h); empty: they can.
std::string not_running(const Program& program, const Pattern& pattern, const CellsRead& read);

}  // namespace tocsin
