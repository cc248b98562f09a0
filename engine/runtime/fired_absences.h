// Alerts of an absence (`no x for D`, `then no x within D`) that one key remembers for a while: an event that comes
// late may disprove one, and withdraws it (semantics.md F14). Nothing but the alert is touched: what the late event
// would have done else it does not do.
#pragma once

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/match/alert.h"
#include "engine/match/report.h"
#include "engine/match/seen.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// The stream whose events disprove what the pattern fires for; none: it does not wait for an absence.
StreamId absent_of(const Pattern& pattern);

class FiredAbsences {
 public:
  // An absence has fired now. REQUIRES: absent_of(pattern) exists. False: the oldest had to go for it, for the limit.
  bool remember(const Program& program, const Pattern& pattern, const Alert& alert, const Report& report);

  // Those that `event`, which is of the absent stream but for its relation, disproves when the watermark stands at
  // `now`; they are remembered no longer.
  std::vector<Alert> disproved_by(const Event& event, EvalContext context, Time now, const Program& program,
                                  const Pattern& pattern, const Evaluator& evaluator);

  bool empty() const { return fired_.empty(); }
  // None is remembered any longer when the watermark stands at `now`.
  bool are_forgotten(Time now) const {
    return std::ranges::all_of(fired_, [now](const Fired& f) { return f.forgotten < now; });
  }
  void clear() { fired_.clear(); }
  std::size_t bytes() const;

  template <class Archive>
  void state_parts(Archive& a) {
    a(fired_);
  }

 private:
  struct Fired {
    Alert alert;
    std::optional<Seen> after;  // x counts after it; none: after `from`
    Time from{}, until{};
    Time forgotten{};          // F14: its D after `until`, one hour at least, one day at most
    OwnedValues of_its_steps;  // what a filter of x may read of the match
    std::uint64_t words = 0;   // ... and which values these are: another alert text keeps others

    template <class Archive>
    void state_parts(Archive& a) {
      a(alert, after, from, until, forgotten, of_its_steps, words);
    }
  };
  class Steps;
  std::vector<Fired> fired_;  // most keys have none, and a std::deque holds 576 bytes of nothing
};

}  // namespace tocsin
