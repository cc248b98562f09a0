#include "engine/match/counter.h"

#include <algorithm>
#include <vector>

#include "engine/match/events_report.h"
#include "engine/program/aggregates.h"

namespace tocsin {
namespace {

struct Mark {
  Time time{};
  EventTypeId type;
  Position position;

  template <class Archive>
  void state_parts(Archive& a) {
    a(time, type, position);
  }
};

struct State : PatternState {
  std::vector<Mark> ring;   // grows to N, then the oldest gives way
  std::uint32_t next = 0;   // where the newest goes, once it is full
  std::uint64_t count = 0;  // of the streak
  std::size_t bytes() const override { return sizeof(State) + ring.capacity() * sizeof(Mark); }

  // What is read may be the ring of another N: Counter::load looks.
  template <class Archive>
  void state_parts(Archive& a) {
    a(ring, next, count);
  }

  void clear() {
    ring.clear();
    next = 0;
    count = 0;
  }
  const Mark& newest(std::uint32_t n) const { return ring.size() < n ? ring.back() : ring[(next + n - 1) % n]; }
  const Mark& oldest(std::uint32_t n) const { return ring.size() < n ? ring.front() : ring[next % n]; }
};

class Counter : public WithStateParts<State> {
 public:
  Counter(std::uint32_t n, const Program& program, const Pattern& pattern, const Evaluator& evaluator)
      : n_(n),
        program_(program),
        pattern_(pattern),
        evaluator_(evaluator),
        cell_(program.cells[pattern.evidence.front().index]),
        streak_(cell_.window.kind == Window::Kind::streak) {}

  std::unique_ptr<PatternState> begin(Time, bool) const override { return std::make_unique<State>(); }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    if (!visit.fits[cell_.stream.index]) {
      if (!streak_ || !breaks(visit)) return;
      state.clear();
      judged(false, true, found);
      return;
    }
    const Event& event = *visit.event;
    const bool nothing_left = streak_ ? state.count == 0 : state.ring.empty() || is_out(state.newest(n_), event.time);
    ++state.count;
    push(state, {event.time, event.type, event.position});
    const bool holds = state.ring.size() == n_ && (streak_ || !is_out(state.oldest(n_), event.time));
    if (!holds) return judged(false, nothing_left, found);
    report(state, visit, nothing_left, found);
  }

  void load(PatternState& base, StateReader& in) const override {
    auto& state = static_cast<State&>(base);
    in(state);
    if (state.next != 0 && state.next >= state.ring.size()) return in.fail();
    std::rotate(state.ring.begin(), state.ring.begin() + state.next, state.ring.end());  // the oldest first
    state.next = 0;
    if (state.ring.size() > n_)
      state.ring.erase(state.ring.begin(), state.ring.end() - static_cast<std::ptrdiff_t>(n_));
  }

  void on_timer(PatternState&, Instant, const EvalContext&, const Findings&) const override {}
  bool has_timers() const override { return false; }
  std::optional<Instant> due(const PatternState&) const override { return std::nullopt; }
  void start_over(PatternState& base, Instant) const override { static_cast<State&>(base).clear(); }

 private:
  bool is_out(const Mark& mark, Time now) const { return now - mark.time > cell_.window.length; }

  bool breaks(const Visit& visit) const {
    if (cell_.window.breaking.exists()) return visit.fits[cell_.window.breaking.index];
    const auto& alternatives = program_.streams[cell_.stream.index].alternatives;
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [&](const Alternative& a) { return a.type == visit.event->type; });
  }

  void push(State& state, const Mark& mark) const {
    if (state.ring.size() < n_) {
      state.ring.push_back(mark);
      return;
    }
    state.ring[state.next] = mark;
    state.next = state.next + 1 == n_ ? 0 : state.next + 1;
  }

  static void judged(bool holds, bool nothing_left, const Findings& found) {
    Finding finding;
    finding.kind = Finding::Kind::judged;
    finding.holds = holds;
    finding.nothing_left = nothing_left;
    found(finding);
  }

  // A streak that goes on beyond N was judged true already: a rule that fires at the edge does not look at it again.
  void report(const State& state, const Visit& visit, bool nothing_left, const Findings& found) const {
    EventsReport report(program_, pattern_, evaluator_, visit.context, visit.event->time);
    std::vector<Event> events(n_);
    for (std::uint32_t i = 0; i < n_; ++i) {
      const Mark& mark = state.ring[(state.next + i) % n_];
      events[i].time = mark.time;
      events[i].type = mark.type;
      events[i].position = mark.position;
      report.add(0, events[i]);
    }
    report.set(Fact::count, Value::integer(static_cast<std::int64_t>(n_)));
    Finding finding;
    finding.kind = Finding::Kind::judged;
    finding.nothing_left = nothing_left;
    finding.report = &report;
    found(finding);
  }

  std::uint32_t n_;
  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  const Cell& cell_;
  bool streak_;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_counter(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                             const Evaluator& evaluator) {
  return std::make_unique<Counter>(*counter_threshold(rules, program, pattern), program, pattern, evaluator);
}

}  // namespace tocsin
