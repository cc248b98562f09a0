#include "engine/match/counter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "engine/base/wording.h"
#include "engine/base/write.h"
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
  bool is_loaded = false;   // up to the next event it may be the ring of another N
  std::uint64_t count = 0;  // of the streak
  std::size_t bytes() const override { return sizeof(State) + ring.capacity() * sizeof(Mark); }

  // The oldest first, so that equal memories have equal bytes; what was written before may begin anywhere.
  template <class Archive>
  void state_parts(Archive& a) {
    if constexpr (Archive::kReads) {
      a(ring, next, count);
      return;
    }
    a.count(ring.size());
    for (std::size_t n = ring.size(); n-- > 0;) a(ring[(next + ring.size() - 1 - n) % ring.size()]);
    std::uint32_t first = 0;
    a(first, count);
  }

  void clear() {
    ring.clear();
    next = 0;
    count = 0;
    is_loaded = false;
  }
  // The n-th newest, from 0. REQUIRES: n < ring.size().
  const Mark& newest(std::size_t n) const { return ring[(next + ring.size() - 1 - n) % ring.size()]; }
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
    const bool nothing_left = streak_ ? state.count == 0 : state.ring.empty() || is_out(state.newest(0), event.time);
    ++state.count;
    push(state, {event.time, event.type, event.position});
    if (streak_ ? state.count >= n_ : state.ring.size() >= n_ && !is_out(state.newest(n_ - 1), event.time))
      report(state, visit, nothing_left, found);
    else
      judged(false, nothing_left, found);
    if (std::exchange(state.is_loaded, false) && state.ring.size() > n_)
      state.ring.erase(state.ring.begin(), state.ring.end() - static_cast<std::ptrdiff_t>(n_));
  }

  std::vector<std::string> in_words(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    std::size_t in = state.ring.size();
    while (!streak_ && in > 0 && is_out(state.newest(in - 1), state.newest(0).time)) --in;
    if (in == 0) return {};
    return {fmt::format("{} of {} counted, from {} to {}", in, counted(n_, "event"), rfc3339(state.newest(in - 1).time),
                        rfc3339(state.newest(0).time))};
  }
  void load(PatternState& base, StateReader& in) const override {
    auto& state = static_cast<State&>(base);
    in(state);
    if (state.next != 0 && state.next >= state.ring.size()) return in.fail();
    std::rotate(state.ring.begin(), state.ring.begin() + state.next, state.ring.end());  // the oldest first
    state.next = 0;
    state.is_loaded = true;
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
    if (state.is_loaded || state.ring.size() < n_) {
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
  // More than N are in the window at the first event after a reload that has made N less.
  void report(const State& state, const Visit& visit, bool nothing_left, const Findings& found) const {
    EventsReport report(program_, pattern_, evaluator_, visit.context, visit.event->time);
    std::size_t in = std::min<std::size_t>(n_, state.ring.size());
    while (in < state.ring.size() && (streak_ || !is_out(state.newest(in), visit.event->time))) ++in;
    std::vector<Event> events(in);
    for (std::size_t i = 0; i < in; ++i) {
      const Mark& mark = state.newest(in - 1 - i);
      events[i].time = mark.time;
      events[i].type = mark.type;
      events[i].position = mark.position;
      report.add(0, events[i]);
    }
    report.set(Fact::count, Value::integer(static_cast<std::int64_t>(streak_ ? state.count : in)));
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
