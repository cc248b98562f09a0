#include "engine/match/latest_chain.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "engine/base/table_memory.h"
#include "engine/base/write.h"
#include "engine/match/events_report.h"
#include "engine/match/ring.h"
#include "engine/program/choose.h"

namespace tocsin {
namespace {

// An event may stand in several chains.
using Held = std::shared_ptr<const Seen>;
using Chain = std::vector<Held>;

struct Waiting {
  Time deadline{};
  Chain chain;

  template <class Archive>
  void state_parts(Archive& a) {
    a(deadline, chain);
  }
};

struct State : PatternState, InTableMemory<State> {
  std::vector<Chain> best;  // [n]: of n + 1 steps; empty: there is none
  Ring<Waiting> waiting;    // whole chains whose absence is not over
  std::size_t bytes() const override {
    std::size_t sum = sizeof(State);
    for (const Chain& chain : best)
      if (!chain.empty()) sum += chain.back()->bytes() + chain.size() * sizeof(Held);
    for (std::size_t i = 0; i < waiting.size(); ++i) sum += sizeof(Waiting) + waiting[i].chain.size() * sizeof(Held);
    return sum;
  }
  template <class Archive>
  void state_parts(Archive& a) {
    const std::size_t steps = best.size();
    a(best, waiting);
    if (best.size() != steps) a.fail();
  }
};

// Of chains that wait, in words.
constexpr std::size_t kShown = 3;

struct Place {
  StreamId stream;
  StepId step;
};

class LatestChain : public WithStateParts<State> {
 public:
  LatestChain(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const MatchOptions& options)
      : program_(program), pattern_(pattern), evaluator_(evaluator), options_(options), within_(chain_within(pattern)) {
    for (const SequenceInst& inst : pattern.code) {
      if (inst.op == SequenceOp::take) places_.push_back({inst.stream, inst.step});
      if (inst.op != SequenceOp::absence) continue;
      absent_ = inst.stream;
      wait_ = inst.bound;
    }
  }

  std::unique_ptr<PatternState> begin(Time, bool) const override {
    auto state = std::make_unique<State>();
    state->best.resize(places_.size());
    return state;
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    const Time now = visit.event->time;
    // x comes after all that waits, and in time for it: what was over by now has rung.
    if (absent_.exists() && visit.fits[absent_.index]) state.waiting.clear();
    Held held;
    Chain whole;
    // From the last step back: one event fills one place.
    for (std::size_t n = places_.size(); n-- > 0;) {
      if (!visit.fits[places_[n].stream.index] || !visit.steps[places_[n].step.index]) continue;
      if (n > 0 && (state.best[n - 1].empty() || too_old(state.best[n - 1], now))) continue;
      if (!held) held = std::make_shared<const Seen>(*visit.event, visit.fits, visit.steps);
      Chain chain;
      chain.reserve(n + 1);
      if (n > 0) chain = state.best[n - 1];
      chain.push_back(held);
      if (n + 1 == places_.size())
        whole = std::move(chain);
      else
        state.best[n] = std::move(chain);
    }
    if (whole.empty()) return;
    if (!absent_.exists()) return report(state, whole, visit.context, now, found);
    if (!state.waiting.empty() && state.waiting.back().deadline == now + wait_) state.waiting.pop_back();  // F3, Q6
    // The first that is over drops all others, and x clears all: nobody would ever look at a second.
    if (options_.firing != Firing::always && !state.waiting.empty()) return;
    state.waiting.push_back({now + wait_, std::move(whole)});
    if (state.waiting.size() <= kSeenPerKeyMax) return;
    state.waiting.pop_front();
    options_.count_cut();
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    if (state.waiting.empty() || Instant{state.waiting.front().deadline, Phase::waited} > now) return;
    // There are more only where a reload has made the wait shorter: due at one instant, so the latest is told (F3).
    Chain ripe;
    while (!state.waiting.empty() && state.waiting.front().deadline <= now.time) {
      ripe = std::move(state.waiting.front().chain);
      state.waiting.pop_front();
    }
    report(state, ripe, context, now.time, found);
  }

  bool passes_by(const Visit& visit) const override {
    return !visit.fits[places_.front().stream.index] || !visit.steps[places_.front().step.index];
  }
  // The longest first.
  std::vector<std::string> in_words(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    std::vector<std::string> out;
    const auto add = [&](const Chain& chain, std::string words) {
      for (std::size_t n = 0; n < chain.size(); ++n) {
        const Event& event = chain[n]->event();
        words += fmt::format("{} `{}` at {}", n == 0 ? "" : ",",
                             label_of_type(program_, pattern_.steps[places_[n].step.index], event.type),
                             rfc3339(event.time));
      }
      out.push_back(std::move(words));
    };
    for (std::size_t i = 0; i < std::min(state.waiting.size(), kShown); ++i)
      add(state.waiting[i].chain,
          fmt::format("complete at {}, if nothing forbids it:", rfc3339(state.waiting[i].deadline)));
    if (state.waiting.size() > kShown)
      out.push_back(fmt::format("... and {} more of these", state.waiting.size() - kShown));
    for (std::size_t n = state.best.size(); n-- > 0;)
      if (!state.best[n].empty()) add(state.best[n], fmt::format("{} of {} steps taken:", n + 1, places_.size()));
    return out;
  }
  bool has_timers() const override { return absent_.exists(); }
  std::optional<Instant> due(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    if (state.waiting.empty()) return std::nullopt;
    return Instant{state.waiting.front().deadline, Phase::waited};
  }

  void reckon(PatternState& base, Instant, const EvalContext&) const override {
    for (Waiting& waiting : static_cast<State&>(base).waiting) waiting.deadline = waiting.chain.back()->time() + wait_;
  }

  void start_over(PatternState& base, Instant) const override {
    auto& state = static_cast<State&>(base);
    for (Chain& chain : state.best) chain.clear();
    state.waiting.clear();
  }

 private:
  bool too_old(const Chain& chain, Time now) const { return within_.us != 0 && now - chain.front()->time() > within_; }

  void report(State& state, const Chain& chain, const EvalContext& context, Time at, const Findings& found) const {
    EvalContext base = context;
    base.time = at;
    EventsReport report(program_, pattern_, evaluator_, base, at);
    for (std::size_t n = 0; n < chain.size(); ++n) report.add(places_[n].step.index, chain[n]->event());
    Finding finding;
    finding.report = &report;
    finding.drops = options_.firing != Firing::always;
    found(finding);
    if (options_.firing != Firing::always) start_over(state, {});
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
  const Duration within_;
  std::vector<Place> places_;
  Duration wait_{};
  StreamId absent_;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_latest_chain(const Program& program, const Pattern& pattern,
                                                  const Evaluator& evaluator, const MatchOptions& options) {
  return std::make_unique<LatestChain>(program, pattern, evaluator, options);
}

}  // namespace tocsin
