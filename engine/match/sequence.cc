#include "engine/match/sequence.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/match/events_report.h"
#include "engine/match/ring.h"
#include "engine/match/sequence_search.h"

namespace tocsin {
namespace {

struct State : PatternState {
  Kept kept;
  std::uint64_t dropped = 0;  // events that stood before kept.seen[0]
  std::uint64_t begin = 0;    // nothing older takes part (start-over, resume)
  std::set<Time> waiting;     // when the absences that choices end in would be over
  std::size_t held = 0;       // bytes
  // By number since the key began: the kept events of the stream whose absence the pattern ends in. Few as a rule, and
  // each choice that is due asks for those behind its last event.
  Ring<std::uint64_t> absent;

  std::size_t bytes() const override { return sizeof(State) + held + absent.size() * sizeof(std::uint64_t); }
  std::uint64_t end() const { return dropped + kept.seen.size(); }

  // `waits`: how long the pattern waits for what is not to come, in its order.
  template <class Archive>
  void state_parts(Archive& a, std::vector<Duration>& waits) {
    std::vector<Time> times(waiting.begin(), waiting.end());
    a(kept, dropped, begin, times, held);
    if (!waits.empty()) a(waits);
    if constexpr (Archive::kReads) {
      waiting = {times.begin(), times.end()};
      if (begin < dropped || begin > end()) a.fail();
    }
  }
};

class Sequence : public PatternMatcher {
 public:
  Sequence(const RuleSet& rules, const Program& program, const Pattern& pattern, const Evaluator& evaluator,
           const MatchOptions& options)
      : program_(program),
        pattern_(pattern),
        evaluator_(evaluator),
        options_(options),
        plan_(read_sequence(pattern, rules.schema.types.size())) {
    horizon_ = plan_.horizon;
    for (const Duration d : plan_.absences)
      if (horizon_) horizon_ = *horizon_ + d;
    keeps_types_ = std::any_of(pattern.code.begin(), pattern.code.end(), [](const SequenceInst& i) {
      return i.op == SequenceOp::adjacent || i.op == SequenceOp::streak;
    });
    const auto reads_previous = [&](ExprId id) {
      return id.exists() && (rules.code.exprs[id.index].reads & kReadsPrevious) != 0;
    };
    for (std::size_t i = 0; i < program.streams.size(); ++i) {
      if (!plan_.streams[i]) continue;
      const auto& alternatives = program.streams[i].alternatives;
      const bool related = std::any_of(alternatives.begin(), alternatives.end(),
                                       [](const Alternative& a) { return a.relation.exists(); });
      keeps_previous_ = keeps_previous_ ||
                        (related && std::any_of(alternatives.begin(), alternatives.end(), [&](const Alternative& a) {
                           return reads_previous(a.relation) || reads_previous(a.filter);
                         }));
    }
    if (!plan_.ends_in_absence) return;
    const auto& absent = program.streams[plan_.items.back().absent.index].alternatives;
    plain_absence_ =
        std::none_of(absent.begin(), absent.end(), [](const Alternative& a) { return a.relation.exists(); });
  }

  std::unique_ptr<PatternState> begin(Time, bool) const override { return std::make_unique<State>(); }

  void save(const PatternState& state, StateWriter& out) const override {
    std::vector<Duration> waits = plan_.absences;
    const_cast<State&>(static_cast<const State&>(state)).state_parts(out, waits);  // a writer changes nothing
  }
  void load(PatternState& base, StateReader& in) const override {
    auto& state = static_cast<State&>(base);
    std::vector<Duration> waits = plan_.absences;
    state.state_parts(in, waits);
    if (!in.ok() || waits.size() != plan_.absences.size()) return in.fail();
    if (waits != plan_.absences) wait_as_today(state, waits);
    if (state.kept.previous.size() != (keeps_previous_ ? state.kept.seen.size() : 0)) in.fail();
    for (std::size_t i = 0; plan_.ends_in_absence && i < state.kept.seen.size(); ++i)
      if (state.kept.seen[i].fits(plan_.items.back().absent)) state.absent.push_back(state.dropped + i);
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    const bool wanted =
        (visit.fits & plan_.streams).any() || (keeps_types_ && plan_.adjacent_types[visit.event->type.index]);
    if (!wanted) return;
    prune(state, visit.event->time);
    keep(state, visit);
    // What is waited for comes after all that waits: it forbids every choice there is.
    if (plain_absence_ && visit.fits[plan_.items.back().absent.index]) state.waiting.clear();
    if ((visit.fits & plan_.completing).any()) complete(state, visit, found);
    if (plan_.absences.empty() || plan_.ends_in_absence) return;
    for (const Duration d : plan_.absences) wait(state, visit.event->time + d);
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    // There are more only where a reload has made a wait shorter: they are due at one instant.
    std::vector<Choice> choices;
    while (!state.waiting.empty() && *state.waiting.begin() <= now.time) {
      const Time due = *state.waiting.begin();
      state.waiting.erase(state.waiting.begin());
      look_for(state, due, context, choices);
    }
    report(state, choices, now.time, context, found);
  }

  std::vector<std::string> in_words(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    std::vector<std::string> out;
    if (const auto& seen = state.kept.seen; !seen.empty())
      out.push_back(fmt::format("{} kept for its steps, from {} to {}", counted(seen.size(), "event"),
                                rfc3339(seen.front().time()), rfc3339(seen.back().time())));
    if (!state.waiting.empty())
      out.push_back(
          fmt::format("it waits to see that nothing forbids a match: until {}{}", rfc3339(*state.waiting.begin()),
                      state.waiting.size() == 1 ? "" : fmt::format(", and {} times more", state.waiting.size() - 1)));
    return out;
  }

  std::optional<Instant> due(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    if (state.waiting.empty()) return std::nullopt;
    return Instant{*state.waiting.begin(), Phase::waited};
  }

  void start_over(PatternState& base, Instant) const override {
    auto& state = static_cast<State&>(base);
    state.waiting.clear();
    begin_at(state, state.end());
  }

 private:
  // A match as the rule looks at it.
  class Found : public Report {
   public:
    Found(const Sequence& of, const State& state, const Choice& choice, Time at, const EvalContext& base)
        : of_(of),
          seen_(state.kept.seen),
          choice_(choice),
          at_(at),
          base_(base),
          view_(of.program_, of.pattern_, of.evaluator_, base_, seen_, choice.taken) {
      for (const Taken& t : choice.taken) {
        if (!t.shown) continue;
        if (first_ == kNoEvent || t.event < first_) first_ = t.event;
        if (last_ == kNoEvent || t.event > last_) last_ = t.event;
      }
    }
    Value captured(StepId s, std::uint32_t c, Which w) const override { return view_.captured(s, c, w); }
    Value step_time(StepId s) const override { return view_.step_time(s); }
    Value cell(CellId c) const override { return view_.cell(c); }
    Value fact(Fact f) const override { return view_.fact(f); }
    Time at() const override { return at_; }
    const Event* first() const override { return first_ == kNoEvent ? nullptr : &seen_[first_].event(); }
    const Event* last() const override { return last_ == kNoEvent ? nullptr : &seen_[last_].event(); }
    void evidence(std::vector<Evidence>& out) const override {
      std::vector<Taken> taken = choice_.taken;
      std::erase_if(taken, [](const Taken& t) { return !t.shown; });
      std::sort(taken.begin(), taken.end(), [](const Taken& a, const Taken& b) { return a.event < b.event; });
      for (const Taken& t : taken) {
        const std::string_view label =
            label_of(of_.program_, of_.pattern_.steps[t.step.index], seen_[t.event].event(), of_.evaluator_, base_);
        auto row = std::find_if(out.begin(), out.end(), [&](const Evidence& e) { return e.label == label; });
        if (row == out.end())
          row = out.insert(out.end(), {.label = label, .is_whole = of_.options_.firing == Firing::every_match});
        ++row->count;
        add_ids(*row, seen_[t.event].event());
      }
    }

   private:
    const Sequence& of_;
    const Ring<Seen>& seen_;
    const Choice& choice_;
    Time at_;
    const EvalContext& base_;
    ChoiceView view_;
    SeenIndex first_ = kNoEvent, last_ = kNoEvent;
  };

  void keep(State& state, const Visit& visit) const {
    if (plan_.ends_in_absence && visit.fits[plan_.items.back().absent.index]) state.absent.push_back(state.end());
    state.kept.seen.emplace_back(*visit.event, visit.fits, visit.steps);
    state.held += state.kept.seen.back().bytes();
    if (keeps_previous_) {
      state.kept.previous.push_back(
          visit.context.previous == nullptr ? nullptr : std::make_unique<Seen>(*visit.context.previous, StreamSet()));
      if (state.kept.previous.back()) state.held += state.kept.previous.back()->bytes();
    }
    if (state.kept.seen.size() <= kSeenPerKeyMax) return;
    drop(state, 1);
    options_.count_cut();
  }

  void wait(State& state, Time until) const {
    state.waiting.insert(until);
    if (state.waiting.size() <= kSeenPerKeyMax) return;
    state.waiting.erase(state.waiting.begin());
    options_.count_cut();
  }

  void drop(State& state, std::uint64_t n) const {
    for (; n > 0 && !state.kept.seen.empty(); --n) {
      std::size_t bytes = state.kept.seen.front().bytes();
      state.kept.seen.pop_front();
      if (keeps_previous_) {
        if (state.kept.previous.front()) bytes += state.kept.previous.front()->bytes();
        state.kept.previous.pop_front();
      }
      state.held -= std::min(state.held, bytes);
      ++state.dropped;
    }
    while (!state.absent.empty() && state.absent.front() < state.dropped) state.absent.pop_front();
    state.begin = std::max(state.begin, state.dropped);
  }

  // Drops what no later match can use: what lies before the start-over, and out of the horizon.
  void prune(State& state, Time now) const {
    std::uint64_t keep = state.begin;
    if (horizon_)
      while (keep < state.end() && state.kept.seen[keep - state.dropped].time() < now - *horizon_) ++keep;
    if (keep > state.dropped) drop(state, keep - state.dropped);
  }

  // The choices whose absence is over then.
  void look_for(const State& state, Time due, const EvalContext& context, std::vector<Choice>& choices) const {
    SequenceSearch search(plan_, program_, pattern_, evaluator_, context, state.kept);
    SequenceSearch::Limits limits = limits_of(state);
    limits.deadline = due;
    const bool direct =
        plan_.ends_in_absence && plan_.absences.size() == 1 && !plan_.items.back().absent_within.of.exists();
    SeenIndex from = limits.begin, to = limits.end;
    if (direct) {  // the absence runs from the last event: those of one instant alone can be it
      const auto& seen = state.kept.seen;
      const auto [first, behind] = std::ranges::equal_range(seen, due - plan_.absences.front(), {}, &Seen::time);
      from = std::max(from, static_cast<SeenIndex>(first - seen.begin()));
      to = static_cast<SeenIndex>(behind - seen.begin());
    }
    for (SeenIndex last = to; last-- > from;) {
      const Seen& event = state.kept.seen[last];
      if (!event.fits_any(plan_.completing)) continue;
      if (options_.firing == Firing::every_match) {
        search.every(last, limits, choices);
      } else if (auto choice = search.latest(last, limits)) {  // deadlines of one rule, key and instant are one (F3)
        if (choices.empty() || choice->better_than(choices.front())) choices.assign(1, std::move(*choice));
      }
    }
    if (search.gave_up()) options_.count_cut();
  }

  // Each wait began at an event, and was as long as one of `waits`.
  void wait_as_today(State& state, const std::vector<Duration>& waits) const {
    const std::set<Time> before = std::exchange(state.waiting, {});
    for (const Time until : before)
      for (std::size_t i = 0; i < waits.size(); ++i)
        if (std::ranges::binary_search(state.kept.seen, until - waits[i], {}, &Seen::time))
          wait(state, until - waits[i] + plan_.absences[i]);
  }

  SequenceSearch::Limits limits_of(const State& state) const {
    SequenceSearch::Limits limits;
    limits.begin = static_cast<SeenIndex>(state.begin - state.dropped);
    limits.end = static_cast<SeenIndex>(state.kept.seen.size());
    limits.where = options_.where;
    limits.absent = plan_.ends_in_absence ? &state.absent : nullptr;
    limits.first_kept = state.dropped;
    return limits;
  }

  void complete(State& state, const Visit& visit, const Findings& found) const {
    SequenceSearch search(plan_, program_, pattern_, evaluator_, visit.context, state.kept);
    const SequenceSearch::Limits limits = limits_of(state);
    const SeenIndex last = limits.end - 1;
    if (plan_.ends_in_absence) {
      for (const Time t : search.deadlines(last, limits)) wait(state, t);
      if (search.gave_up()) options_.count_cut();
      return;
    }
    std::vector<Choice> choices;
    if (options_.firing == Firing::every_match)
      search.every(last, limits, choices);
    else if (auto choice = search.latest(last, limits))
      choices.push_back(std::move(*choice));
    if (search.gave_up()) options_.count_cut();
    report(state, choices, visit.event->time, visit.context, found);
  }

  void report(State& state, std::vector<Choice>& choices, Time at, const EvalContext& context,
              const Findings& found) const {
    if (choices.empty()) return;
    if (choices.size() > 1) sort_by_events(choices);  // Q18
    EvalContext base = context;
    base.time = at;
    for (const Choice& choice : choices) {
      const Found match(*this, state, choice, at, base);
      Finding finding;
      finding.report = &match;
      finding.drops = options_.firing == Firing::once || options_.firing == Firing::start_over;
      found(finding);
    }
    after_fire(state, choices.front());
  }

  static void sort_by_events(std::vector<Choice>& choices) {
    std::vector<std::pair<std::vector<SeenIndex>, Choice>> keyed;
    keyed.reserve(choices.size());
    for (Choice& choice : choices) keyed.emplace_back(choice.sorted_events(), std::move(choice));
    std::ranges::sort(keyed, {}, [](const auto& one) -> const std::vector<SeenIndex>& { return one.first; });
    for (std::size_t i = 0; i < choices.size(); ++i) choices[i] = std::move(keyed[i].second);
  }

  // A default fire starts over: only later events (F3), or those from a step on (F4).
  void after_fire(State& state, const Choice& fired) const {
    if (options_.firing == Firing::always || options_.firing == Firing::every_match) return;
    std::uint64_t begin = state.end();
    if (options_.resume && options_.resume->step.exists()) {
      SeenIndex at = kNoEvent;
      for (const Taken& t : fired.taken) {
        if (t.step != options_.resume->step) continue;
        if (at == kNoEvent || (options_.resume->last ? t.event > at : t.event < at)) at = t.event;
      }
      if (at != kNoEvent) begin = state.dropped + at;
    }
    if (begin == state.end()) state.waiting.clear();
    begin_at(state, begin);
  }

  void begin_at(State& state, std::uint64_t begin) const {
    state.begin = std::max(state.begin, begin);
    if (state.begin > state.dropped) drop(state, state.begin - state.dropped);
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
  SequencePlan plan_;
  std::optional<Duration> horizon_;
  bool keeps_types_ = false, keeps_previous_ = false, plain_absence_ = false;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_sequence(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                              const Evaluator& evaluator, const MatchOptions& options) {
  return std::make_unique<Sequence>(rules, program, pattern, evaluator, options);
}

}  // namespace tocsin
