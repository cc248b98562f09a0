// The forms that need no window: what happens at an instant, by the last time of something. Each holds at most a few
// events per key; `new` holds one time per value.
#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "engine/base/contract.h"
#include "engine/event/key.h"
#include "engine/match/events_report.h"
#include "engine/match/forms.h"
#include "engine/match/openings.h"
#include "engine/match/ring.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

// What all of them share: which pattern, and how to say that it happened.
template <class State>
class Instants : public WithStateParts<State> {
 public:
  Instants(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const MatchOptions& options)
      : program_(program), pattern_(pattern), evaluator_(evaluator), options_(options), openings_(program) {}

 protected:
  bool is_x(const Visit& visit) const { return visit.fits[pattern_.stream.index]; }

  // Of x's base: an event that breaks the run of `x for D`.
  bool is_base(const Visit& visit) const {
    const auto& alternatives = program_.streams[pattern_.stream.index].alternatives;
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [&](const Alternative& a) { return a.type == visit.event->type; });
  }

  static void happened(const EventsReport& report, const Findings& found) {
    Finding finding;
    finding.report = &report;
    found(finding);
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
  Openings openings_;
};

struct LastSeen : PatternState {
  std::optional<Seen> last;      // idle: the last x; without: the last y; silence: the last x
  Time from{};                   // watched since
  bool seen = false;             // silence: x was seen, or counts as seen from `from` on
  bool renewed = false;          // silence: by time alone
  std::uint64_t starts = 0;      // how often it started over
  std::optional<Time> deadline;  // silence
  std::size_t bytes() const override { return sizeof(LastSeen) + (last ? last->bytes() : 0); }
  template <class Archive>
  void state_parts(Archive& a) {
    a(last, from, seen, renewed, starts, deadline);
  }
};

// `x after D idle` and `x after D without y`: judged at x alone; exactly D counts (T4).
class Gap : public Instants<LastSeen> {
 public:
  using Instants::Instants;

  std::unique_ptr<PatternState> begin(Time from, bool) const override {
    auto state = std::make_unique<LastSeen>();
    state->from = from;
    return state;
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<LastSeen&>(base);
    const bool without = pattern_.form == Pattern::Form::without;
    const Time now = visit.event->time;
    const std::uint64_t starts = state.starts;
    if (is_x(visit)) {
      bool holds = false;
      Value gap;
      if (state.last.has_value()) {
        const Time since =
            without ? state.last->time() : openings_.from(visit.context.reference, state.last->time(), now);
        holds = now - since >= pattern_.length;
        gap = Value::duration(now - state.last->time());
      } else if (without) {  // a y never seen counts once the engine has watched for D
        holds = now - state.from >= pattern_.length;
      }
      if (holds) {
        EventsReport report(program_, pattern_, evaluator_, visit.context, now);
        report.add(0, *visit.event);
        report.set(Fact::gap, gap);
        if (state.last.has_value()) report.set(Fact::last_seen, Value::time(state.last->time()));
        happened(report, found);
      }
    }
    // Afterwards: an event never precedes itself (C6).
    if (state.starts != starts) return;
    if (without ? visit.fits[pattern_.compared.index] : is_x(visit)) state.last.emplace(*visit.event, visit.fits);
  }

  void on_timer(PatternState&, Instant, const EvalContext&, const Findings&) const override {}
  bool has_timers() const override { return false; }
  std::optional<Instant> due(const PatternState&) const override { return std::nullopt; }
  void start_over(PatternState& base, Instant now) const override {
    auto& state = static_cast<LastSeen&>(base);
    state.last.reset();
    state.from = now.time;
    ++state.starts;
  }
};

struct ValuesSeen : PatternState {
  std::map<std::string, Time> last;  // by canonical bytes of the value
  // The same by age, from the first time that there were too many: most keys never come near that.
  std::set<std::pair<Time, std::string_view>> by_age;
  std::size_t bytes() const override { return sizeof(ValuesSeen) + last.size() * 80 + by_age.size() * 48; }
  template <class Archive>
  void state_parts(Archive& a) {
    map_parts(a, last);
  }
};

// `new x.f in D`: a value whose last time is more than D ago (C6), or was never.
class Novelty : public Instants<ValuesSeen> {
 public:
  using Instants::Instants;

  std::unique_ptr<PatternState> begin(Time, bool) const override { return std::make_unique<ValuesSeen>(); }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    if (!is_x(visit)) return;
    auto& state = static_cast<ValuesSeen&>(base);
    const Value value = value_of(visit);
    if (value.is_missing()) return;  // E5
    std::string key;
    append_key(key, value);
    const Time now = visit.event->time;
    auto [row, fresh] = state.last.try_emplace(std::move(key), now);
    const bool is_new = fresh || now - row->second > pattern_.length;
    if (!state.by_age.empty()) {
      if (!fresh) state.by_age.erase({row->second, row->first});
      state.by_age.insert({now, row->first});
    }
    row->second = now;
    if (state.last.size() > kValuesPerKeyMax) forget_oldest(state, now);
    if (!is_new) return;
    EventsReport report(program_, pattern_, evaluator_, visit.context, now);
    report.add(0, *visit.event);
    happened(report, found);
  }

  void on_timer(PatternState&, Instant, const EvalContext&, const Findings&) const override {}
  bool has_timers() const override { return false; }
  std::optional<Instant> due(const PatternState&) const override { return std::nullopt; }
  void start_over(PatternState& base, Instant) const override {
    auto& state = static_cast<ValuesSeen&>(base);
    state.by_age.clear();
    state.last.clear();
  }

 private:
  // The oldest value goes first. One that is older than D is as good as never seen; another is missed, and counted.
  void forget_oldest(ValuesSeen& state, Time now) const {
    if (state.by_age.empty())
      for (const auto& [key, time] : state.last) state.by_age.insert({time, key});
    const auto [time, key] = *state.by_age.begin();
    if (now - time <= pattern_.length) options_.count_cut();
    state.by_age.erase(state.by_age.begin());
    state.last.erase(std::string(key));
  }

  Value value_of(const Visit& visit) const {
    for (const Alternative& a : program_.streams[pattern_.stream.index].alternatives)
      if (a.type == visit.event->type && !a.values.empty()) return evaluator_.evaluate(a.values.front(), visit.context);
    return {};
  }
};

// `no x for D`: waits through the last instant; once per silence (F2). While the rule may not speak it is judged again
// every D.
class Silence : public Instants<LastSeen> {
 public:
  using Instants::Instants;

  std::unique_ptr<PatternState> begin(Time from, bool seen) const override {
    auto state = std::make_unique<LastSeen>();
    state->from = from;
    state->seen = seen;
    if (seen) state->deadline = from + pattern_.length;
    return state;
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    if (!is_x(visit)) return;
    auto& state = static_cast<LastSeen&>(base);
    state.last.emplace(*visit.event, visit.fits);
    state.from = visit.event->time;
    state.deadline = state.from + pattern_.length;
    state.seen = true;
    state.renewed = false;
    Finding broken;
    broken.kind = Finding::Kind::judged;
    broken.holds = false;
    found(broken);
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<LastSeen&>(base);
    if (!state.deadline.has_value() || now < Instant{*state.deadline, Phase::waited}) return;
    state.deadline.reset();
    if (openings_.any() && context.reference != nullptr) {  // F15: waits from the opening, anew at each
      const ReferenceData& data = *context.reference;
      const bool closed = Openings::closed(program_, data, now.time);
      const Time from = openings_.from(&data, state.from, now.time);
      if (!closed && from + pattern_.length > now.time) {
        state.deadline = from + pattern_.length;
        return;
      }
      if (closed) {
        if (const auto next = openings_.next(data, now.time)) state.deadline = *next + pattern_.length;
        state.renewed = true;
        return;
      }
    }
    EventsReport report(program_, pattern_, evaluator_, context, now.time);
    if (state.last.has_value()) {
      report.add(0, state.last->event());
      report.set(Fact::last_seen, Value::time(state.last->time()));
    }
    report.set(Fact::count, Value::integer(0));
    Finding finding;
    finding.report = &report;
    finding.lasts = true;
    found(finding);
    if (!finding.refused) return;
    state.from = now.time;  // F8: no event may ever come at which it is judged again
    state.deadline = state.from + pattern_.length;
    state.renewed = true;
  }

  // A silence that was told is not told again because it is to be longer now.
  void reckon(PatternState& base, Instant passed, const EvalContext& context) const override {
    auto& state = static_cast<LastSeen&>(base);
    const Time plain = state.from + pattern_.length;
    if (!state.deadline || *state.deadline == plain) return;
    if (!openings_.any() || context.reference == nullptr) {
      state.deadline = plain;
    } else if (!Openings::closed(program_, *context.reference, passed.time)) {
      state.deadline = openings_.from(context.reference, state.from, passed.time) + pattern_.length;
    } else if (const auto next = openings_.next(*context.reference, passed.time)) {
      const Time then = *next + pattern_.length;
      state.deadline = state.renewed ? then : std::min(*state.deadline, then);
    }
  }

  std::optional<Instant> due(const PatternState& base) const override {
    const auto& state = static_cast<const LastSeen&>(base);
    if (!state.deadline.has_value()) return std::nullopt;
    return Instant{*state.deadline, Phase::waited};
  }

  // The silence begins anew at the fire.
  void start_over(PatternState& base, Instant now) const override {
    auto& state = static_cast<LastSeen&>(base);
    state.last.reset();
    state.from = now.time;
    state.deadline = now.time + pattern_.length;
    state.renewed = true;
  }
  bool watches(const PatternState& base) const override { return static_cast<const LastSeen&>(base).seen; }
  bool renewed(const PatternState& base) const override { return static_cast<const LastSeen&>(base).renewed; }
};

struct Run : PatternState {
  Ring<Seen> events;  // of the unbroken run; the first and as many as the evidence shows
  std::uint64_t count = 0;
  bool fired = false;
  std::optional<Time> again;  // when it is judged once more: the rule was silent
  std::size_t bytes() const override {
    std::size_t sum = sizeof(Run);
    for (const Seen& s : events) sum += s.bytes();
    return sum;
  }
  template <class Archive>
  void state_parts(Archive& a) {
    a(events, count, fired, again);
  }
};

// `x for D`: over at (first x of the unbroken run) + D (C4); an event of the base that is not x breaks the run. While
// the rule may not speak it is judged again every D: the last value holds in silence, so no event may ever come (F8).
class Holds : public Instants<Run> {
 public:
  using Instants::Instants;

  std::unique_ptr<PatternState> begin(Time, bool) const override { return std::make_unique<Run>(); }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<Run&>(base);
    if (!is_x(visit)) {
      if (!is_base(visit)) return;
      clear(state);
      Finding broken;
      broken.kind = Finding::Kind::judged;
      broken.holds = false;
      found(broken);
      return;
    }
    ++state.count;
    // The first, and the latest ones: texts read the first and the last.
    if (state.events.size() > kEvidencePerStepMax) state.events.erase(state.events.begin() + 1);
    state.events.emplace_back(*visit.event, visit.fits);
    if (state.fired && !report(state, visit.event->time, visit.context, true, found)) state.again.reset();  // F5, F6
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<Run&>(base);
    const std::optional<Instant> due = this->due(state);
    if (!due || now < *due) return;
    state.fired = true;
    state.again.reset();
    const bool refused = report(state, now.time, context, false, found);
    // What a calendar keeps silent is judged at the next event (F15).
    if (refused && !(context.reference != nullptr && Openings::closed(program_, *context.reference, now.time)))
      state.again = now.time + pattern_.length;
  }

  std::optional<Instant> due(const PatternState& base) const override {
    const auto& state = static_cast<const Run&>(base);
    if (state.again) return Instant{*state.again, Phase::over};
    if (state.fired || state.events.empty()) return std::nullopt;
    return Instant{state.events.front().time() + pattern_.length, Phase::over};
  }
  void reckon(PatternState& base, Instant passed, const EvalContext&) const override {
    auto& state = static_cast<Run&>(base);
    if (state.again) state.again = std::min(*state.again, passed.time + pattern_.length);
  }
  bool renewed(const PatternState& base) const override { return static_cast<const Run&>(base).again.has_value(); }
  void start_over(PatternState& base, Instant) const override { clear(static_cast<Run&>(base)); }

 private:
  static void clear(Run& state) {
    state.events.clear();
    state.count = 0;
    state.fired = false;
    state.again.reset();
  }
  // Says whether the rule was silent.
  bool report(const Run& state, Time at, const EvalContext& context, bool by_event, const Findings& found) const {
    EventsReport report(program_, pattern_, evaluator_, context, at);
    for (const Seen& s : state.events) report.add(0, s.event());
    report.set(Fact::count, Value::integer(static_cast<std::int64_t>(state.count)));
    Finding finding;
    finding.kind = Finding::Kind::judged;
    finding.by_event = by_event;
    finding.report = &report;
    found(finding);
    return finding.refused;
  }
};

}  // namespace

std::unique_ptr<PatternMatcher> make_instants(const Program& program, const Pattern& pattern,
                                              const Evaluator& evaluator, const MatchOptions& options) {
  switch (pattern.form) {
    case Pattern::Form::idle:
    case Pattern::Form::without:
      return std::make_unique<Gap>(program, pattern, evaluator, options);
    case Pattern::Form::novelty:
      return std::make_unique<Novelty>(program, pattern, evaluator, options);
    case Pattern::Form::silence:
      return std::make_unique<Silence>(program, pattern, evaluator, options);
    case Pattern::Form::holds:
      return std::make_unique<Holds>(program, pattern, evaluator, options);
    case Pattern::Form::sequence:
    case Pattern::Form::condition:
    case Pattern::Form::aligned:
    case Pattern::Form::ranking:
      break;
  }
  TOCSIN_ASSERT(false && "one of the forms above");
  return nullptr;
}

}  // namespace tocsin
