// One pattern for one key: events and timers in, findings out. Every form of Program's Pattern has a matcher here; a
// matcher is immutable and shared by all keys (PatternMatcher), what a key holds is a PatternState. No clock, no I/O:
// time comes with the events and the timers, in the order of semantics.md T3.
//
//   visit.event  ->  on_event   ->  Finding ...
//   due()        ->  on_timer   ->  Finding ...
#pragma once

#include <compare>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/time.h"
#include "engine/event/event.h"
#include "engine/event/state_bytes.h"
#include "engine/match/report.h"
#include "engine/match/seen.h"
#include "engine/program/choose.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// At one instant: what is over at T, then the events at T, then what waited through T (T3).
enum class Phase : std::uint8_t { over = 1, event = 2, waited = 3 };

struct Instant {
  Time time{};
  Phase phase = Phase::event;
  friend auto operator<=>(const Instant&, const Instant&) = default;

  template <class Archive>
  void state_parts(Archive& a) {
    a(time);
    a.choice(phase, Phase::waited);
  }
};

// An event as one key of one program sees it.
struct Visit {
  const Event* event = nullptr;
  StreamSet fits;              // the program's streams whose filter it passes
  StepSet steps = ~StepSet();  // the steps that it may fill under this key (E2)
  EvalContext context;         // event, time, previous, key, reference, scratch
};

// What a pattern has found. `occurred`: an edge of its own (F2). `judged`: a condition was judged, the rule looks for
// the edge (F1).
struct Finding {
  enum class Kind : std::uint8_t { occurred, judged };
  Kind kind = Kind::occurred;
  bool holds = true;               // judged: true; false and unknown are alike
  bool by_event = true;            // judged at an event: only that arms (F1)
  bool nothing_left = false;       // its windows were empty before the event: arms, too
  const Report* report = nullptr;  // null when a condition does not hold
  bool lasts = false;              // occurred: stays true until a judgement says that it does not (a silence)
  mutable bool refused = false;    // the rule's answer: it is silent now (F8)
  bool drops = false;              // a sequence that starts over when it fires has done so
};

// Who is told: a view of a callable, good for the call it is handed to. A std::function would allocate at every event.
class Findings {
 public:
  template <class F>
  Findings(const F& tell)  // NOLINT: implicit, as an argument is written
      : who_(&tell), tell_([](const void* who, const Finding& f) { (*static_cast<const F*>(who))(f); }) {}
  void operator()(const Finding& finding) const { tell_(who_, finding); }

 private:
  const void* who_;
  void (*tell_)(const void*, const Finding&);
};

class PatternState {
 public:
  virtual ~PatternState() = default;
  virtual std::size_t bytes() const = 0;
};

class PatternMatcher {
 public:
  virtual ~PatternMatcher() = default;

  // A key that begins to be watched at `from`. `seen`: it counts as seen from then on (lists, `by all`, resets of a
  // key that was seen, resolve patterns).
  virtual std::unique_ptr<PatternState> begin(Time from, bool seen) const = 0;
  virtual void on_event(PatternState& state, const Visit& visit, const Findings& found) const = 0;
  virtual void on_timer(PatternState& state, Instant now, const EvalContext& context, const Findings& found) const = 0;
  // True: the event leaves the state of a key that is new as it was, so that the key need not be kept for it.
  virtual bool passes_by(const Visit&) const { return false; }
  // How far it has come, for people: a line each.
  virtual std::vector<std::string> in_words(const PatternState&) const { return {}; }
  // False: nothing is ever due.
  virtual bool has_timers() const { return true; }
  // The next instant at which something is due without an event; none: nothing is.
  virtual std::optional<Instant> due(const PatternState& state) const = 0;
  // Was the key seen, so that a silence or `fewer than` runs (F9)?
  virtual bool watches(const PatternState&) const { return false; }
  // Is what is due there by time alone, since it started over (T8)?
  virtual bool renewed(const PatternState&) const { return false; }
  // `fire and start over`, and what a fired condition forgets.
  virtual void start_over(PatternState& state, Instant now) const = 0;

  // The state has just been loaded, and may be of a rule with other lengths: what it waits for is worked out again from
  // where that began, and is the same where they are. All before `passed` has happened.
  virtual void reckon(PatternState&, Instant /*passed*/, const EvalContext&) const {}

  // The state as bytes, and back onto one that `begin` has just made. What does not fit makes the reader fail; the
  // state may be anything then.
  virtual void save(const PatternState& state, StateWriter& out) const = 0;
  virtual void load(PatternState& state, StateReader& in) const = 0;
};

// The state of a matcher, or of anything else that saves and loads so, as a part of a larger one.
template <class Archive, class Matcher, class State>
void matcher_parts(Archive& a, const Matcher& matcher, State& state) {
  if constexpr (Archive::kReads)
    matcher.load(state, a);
  else
    matcher.save(state, a);
}

// Both for a matcher whose states say alone what they are made of.
template <class State>
class WithStateParts : public PatternMatcher {
 public:
  void save(const PatternState& state, StateWriter& out) const override { out(static_cast<const State&>(state)); }
  void load(PatternState& state, StateReader& in) const override { in(static_cast<State&>(state)); }
};

// The matcher that fits the pattern.
std::unique_ptr<PatternMatcher> make_matcher(const RuleSet& rules, const Program& program, PatternId pattern,
                                             const Evaluator& evaluator, const MatchOptions& options);

}  // namespace tocsin
