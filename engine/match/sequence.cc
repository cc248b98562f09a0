#include "engine/match/sequence.h"

#include <algorithm>

#include "engine/match/sequence_search.h"

namespace tocsin {
namespace {

// A match of which only the absence at its end is still awaited (Q11).
struct Waiting {
  Time deadline;
  Choice choice;  // indices count from the first event ever kept, so that dropping old ones moves nothing
};

struct State : PatternState {
  std::deque<Seen> seen;
  std::uint64_t dropped = 0;     // events that stood before seen[0]
  std::uint64_t begin = 0;       // nothing older takes part (start-over, resume)
  std::vector<Waiting> waiting;  // by deadline
  std::uint64_t cut_short = 0;   // dropped for the limit: counted
  std::size_t held = 0;          // bytes

  std::size_t bytes() const override { return sizeof(State) + held; }
  void clear() {
    dropped += seen.size();
    begin = dropped;
    seen.clear();
    waiting.clear();
    held = 0;
  }
};

// How long an event can matter to matches that complete later; none: for ever.
std::optional<Duration> horizon(const Element::Body& body) {
  if (body.within.us != 0) return body.within;
  Duration sum{};
  for (std::size_t i = 0; i < body.elements.size(); ++i) {
    const Element& e = body.elements[i];
    if (i > 0) {
      if (!e.link.within.has_value() || e.link.within->of.exists()) return std::nullopt;
      sum = sum + e.link.within->length;
    }
    if (e.kind == Element::Kind::take) continue;
    if (e.kind != Element::Kind::group || !e.once()) return std::nullopt;
    const auto inner = horizon(e.bodies.front());
    if (!inner) return std::nullopt;
    sum = sum + *inner + (e.bodies.front().ending ? e.bodies.front().ending->bound.length : Duration{});
  }
  return sum;
}

class Sequence : public PatternMatcher {
 public:
  Sequence(const RuleSet& rules, const Program& program, const Pattern& pattern, const Evaluator& evaluator,
           const MatchOptions& options)
      : program_(program),
        pattern_(pattern),
        evaluator_(evaluator),
        options_(options),
        plan_(read_sequence(pattern, rules.schema.types.size())) {
    horizon_ = horizon(plan_.body);
    keeps_types_ = std::any_of(pattern.code.begin(), pattern.code.end(), [](const SequenceInst& i) {
      return i.op == SequenceOp::adjacent || i.op == SequenceOp::streak;
    });
    collect(plan_.body);
    ends_with(plan_.body, completing_);
  }

  std::unique_ptr<PatternState> begin(Time, bool) const override { return std::make_unique<State>(); }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    const bool wanted =
        (visit.fits & streams_).any() || (keeps_types_ && plan_.adjacent_types[visit.event->type.index]);
    if (!wanted) return;
    prune(state, visit.event->time);
    state.seen.emplace_back(*visit.event, visit.fits, visit.steps);
    state.held += state.seen.back().bytes();
    if (state.seen.size() > kSeenPerKeyMax) drop(state, 1, true);
    disprove(state, visit);
    if ((visit.fits & completing_).any()) complete(state, visit, found);
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    std::vector<Waiting> ripe;
    for (auto w = state.waiting.begin(); w != state.waiting.end();) {
      if (w->deadline > now.time) {
        ++w;
        continue;
      }
      ripe.push_back(std::move(*w));
      w = state.waiting.erase(w);
    }
    if (ripe.empty()) return;
    if (options_.firing != Firing::every_match) {  // deadlines of one rule, key and instant are one (F3)
      auto best = std::max_element(ripe.begin(), ripe.end(),
                                   [](const Waiting& a, const Waiting& b) { return a.choice.order < b.choice.order; });
      ripe = {std::move(*best)};
    } else {
      std::sort(ripe.begin(), ripe.end(),
                [](const Waiting& a, const Waiting& b) { return a.choice.sorted_events() < b.choice.sorted_events(); });
    }
    for (const Waiting& w : ripe) report(state, relative(state, w.choice), now.time, context, found);
    after_fire(state, ripe.front().choice, state.dropped + state.seen.size());
  }

  std::optional<Instant> due(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    if (state.waiting.empty()) return std::nullopt;
    const auto first = std::min_element(state.waiting.begin(), state.waiting.end(),
                                        [](const Waiting& a, const Waiting& b) { return a.deadline < b.deadline; });
    return Instant{first->deadline, Phase::waited};
  }

  void start_over(PatternState& base, Instant) const override { static_cast<State&>(base).clear(); }

  bool idle(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    return state.seen.empty() && state.waiting.empty();
  }

 private:
  // A match as the rule looks at it.
  class Found : public Report {
   public:
    Found(const Sequence& of, const State& state, const Choice& choice, Time at, const EvalContext& base)
        : of_(of),
          state_(state),
          choice_(choice),
          at_(at),
          base_(base),
          view_(of.program_, of.pattern_, of.evaluator_, base_, state.seen, choice.taken) {
      for (const Taken& t : choice.taken) {
        if (first_ == kNoEvent || t.event < first_) first_ = t.event;
        if (last_ == kNoEvent || t.event > last_) last_ = t.event;
      }
    }
    Value captured(StepId s, std::uint32_t c, Which w) const override { return view_.captured(s, c, w); }
    Value step_time(StepId s) const override { return view_.step_time(s); }
    Value cell(CellId c) const override { return view_.cell(c); }
    Value fact(Fact f) const override { return view_.fact(f); }
    Time at() const override { return at_; }
    const Event* first() const override { return first_ == kNoEvent ? nullptr : &state_.seen[first_].event(); }
    const Event* last() const override { return last_ == kNoEvent ? nullptr : &state_.seen[last_].event(); }
    void evidence(std::vector<Evidence>& out) const override {
      std::vector<Taken> taken = choice_.taken;
      std::sort(taken.begin(), taken.end(), [](const Taken& a, const Taken& b) { return a.event < b.event; });
      for (const Taken& t : taken) {
        const std::string_view label = of_.label(t.step);
        auto row = std::find_if(out.begin(), out.end(), [&](const Evidence& e) { return e.label == label; });
        if (row == out.end()) row = out.insert(out.end(), Evidence{label, 0, {}});
        ++row->count;
        add_ids(*row, state_.seen[t.event].event());
      }
    }

   private:
    const Sequence& of_;
    const State& state_;
    const Choice& choice_;
    Time at_;
    const EvalContext& base_;
    ChoiceView view_;
    SeenIndex first_ = kNoEvent, last_ = kNoEvent;
  };

  std::string_view label(StepId id) const { return pattern_.steps[id.index].label; }

  void collect(const Element::Body& body) {
    if (body.ending) streams_.set(body.ending->stream.index);
    for (const Element& e : body.elements) {
      if (e.stream.exists()) streams_.set(e.stream.index);
      if (e.breaking.exists()) streams_.set(e.breaking.index);
      if (e.until.exists()) streams_.set(e.until.index);
      for (const StreamId no : e.link.no) streams_.set(no.index);
      for (const Element::Body& b : e.bodies) collect(b);
    }
  }

  // The streams an event of which can complete the pattern: those of its last element that must take one.
  static void ends_with(const Element::Body& body, StreamSet& out) {
    if (body.elements.empty()) return;
    const Element& last = body.elements.back();
    if (last.until.exists()) {
      out.set(last.until.index);
      return;
    }
    if (last.stream.exists()) out.set(last.stream.index);
    for (const Element::Body& b : last.bodies) ends_with(b, out);
  }

  void drop(State& state, std::size_t n, bool for_the_limit) const {
    for (; n > 0 && !state.seen.empty(); --n) {
      state.held -= std::min(state.held, state.seen.front().bytes());
      state.seen.pop_front();
      ++state.dropped;
      if (for_the_limit) ++state.cut_short;
    }
    state.begin = std::max(state.begin, state.dropped);
    std::erase_if(state.waiting, [&](const Waiting& w) { return w.choice.sorted_events().front() < state.dropped; });
  }

  // Drops what no later match can use: before the start-over, out of the horizon, and not awaited.
  void prune(State& state, Time now) const {
    std::uint64_t keep = state.begin;
    if (horizon_)
      while (keep < state.dropped + state.seen.size() && state.seen[keep - state.dropped].time() < now - *horizon_)
        ++keep;
    for (const Waiting& w : state.waiting) keep = std::min<std::uint64_t>(keep, w.choice.sorted_events().front());
    if (keep > state.dropped) drop(state, keep - state.dropped, false);
  }

  // x forbids every absence that it comes after and in time for (Q10, Q11).
  void disprove(State& state, const Visit& visit) const {
    if (!plan_.body.ending.has_value() || state.waiting.empty()) return;
    const StreamId x = plan_.body.ending->stream;
    if (!visit.fits[x.index]) return;
    std::erase_if(state.waiting, [&](const Waiting& w) {
      if (visit.event->time > w.deadline) return false;
      const Choice choice = relative(state, w.choice);
      ChoiceView view(program_, pattern_, evaluator_, visit.context, state.seen, choice.taken);
      EvalContext context = visit.context;
      context.match = &view;
      for (const Alternative& a : program_.streams[x.index].alternatives)
        if (a.type == visit.event->type && evaluator_.holds(a.relation, context)) return true;
      return false;
    });
  }

  void complete(State& state, const Visit& visit, const Findings& found) const {
    SequenceSearch search(plan_, program_, pattern_, evaluator_, visit.context, state.seen);
    SequenceSearch::Limits limits;
    limits.begin = static_cast<SeenIndex>(state.begin - state.dropped);
    limits.where = plan_.body.ending.has_value() ? ExprId() : options_.where;
    const auto last = static_cast<SeenIndex>(state.seen.size() - 1);
    const bool every = options_.firing == Firing::every_match;
    std::vector<Choice> choices;
    if (plan_.body.ending.has_value()) limits.where = options_.where;
    if (every) {
      choices = search.every(plan_.body, last, limits);
    } else if (plan_.body.ending && plan_.body.ending->bound.of.exists()) {
      choices = search.latest_by(plan_.body, last, limits, plan_.body.ending->bound.of);
    } else if (Choice choice; search.latest(plan_.body, last, limits, choice)) {
      choices.push_back(std::move(choice));
    }
    if (choices.empty()) return;
    if (plan_.body.ending.has_value()) {
      await(state, choices);
      return;
    }
    for (const Choice& choice : choices) report(state, choice, visit.event->time, visit.context, found);
    Choice fired = choices.front();
    absolute(state, fired);
    after_fire(state, fired, state.dropped + state.seen.size());
  }

  void await(State& state, std::vector<Choice>& choices) const {
    const Element::Ending& ending = *plan_.body.ending;
    for (Choice& choice : choices) {
      SeenIndex from = choice.sorted_events().back();
      const SeenIndex last = from;
      if (ending.bound.of.exists()) {
        from = kNoEvent;
        for (const Taken& t : choice.taken)
          if (t.step == ending.bound.of && (from == kNoEvent || t.event > from)) from = t.event;
        if (from == kNoEvent) continue;
      }
      const Time deadline = state.seen[from].time() + ending.bound.length;
      if (state.seen[last].time() > deadline) continue;  // a last event later than the deadline is no match (Q10)
      absolute(state, choice);
      state.waiting.push_back({deadline, std::move(choice)});
    }
  }

  void report(const State& state, const Choice& choice, Time at, const EvalContext& context,
              const Findings& found) const {
    EvalContext base = context;
    base.time = at;
    const Found match(*this, state, choice, at, base);
    Finding finding;
    finding.report = &match;
    finding.drops = options_.firing == Firing::once || options_.firing == Firing::start_over;
    found(finding);
  }

  // A default fire starts over: only later events (F3), or those from a step on (F4).
  void after_fire(State& state, const Choice& fired, std::uint64_t end) const {
    if (options_.firing == Firing::always || options_.firing == Firing::every_match) return;
    std::uint64_t begin = end;
    if (options_.resume && options_.resume->step.exists()) {
      std::uint64_t at = kNoEvent;
      for (const Taken& t : fired.taken) {
        if (t.step != options_.resume->step) continue;
        if (at == kNoEvent || (options_.resume->last ? t.event > at : t.event < at)) at = t.event;
      }
      if (at != kNoEvent) begin = at;
    }
    state.waiting.clear();
    state.begin = begin;
    if (begin > state.dropped) drop(state, begin - state.dropped, false);
  }

  static void absolute(const State& state, Choice& choice) { move(choice, static_cast<SeenIndex>(state.dropped)); }
  static Choice relative(const State& state, const Choice& choice) {
    Choice out = choice;
    move(out, static_cast<SeenIndex>(0 - state.dropped));
    return out;
  }
  static void move(Choice& choice, SeenIndex by) {
    for (Taken& t : choice.taken) t.event += by;
    for (SeenIndex& i : choice.order) i += by;
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
  SequencePlan plan_;
  std::optional<Duration> horizon_;
  StreamSet streams_, completing_;
  bool keeps_types_ = false;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_sequence(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                              const Evaluator& evaluator, const MatchOptions& options) {
  return std::make_unique<Sequence>(rules, program, pattern, evaluator, options);
}

}  // namespace tocsin
