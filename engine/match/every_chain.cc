#include "engine/match/every_chain.h"

#include <fmt/format.h>

#include <boost/container/small_vector.hpp>
#include <utility>
#include <vector>

#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/match/events_report.h"
#include "engine/match/ring.h"
#include "engine/program/choose.h"
#include "engine/program/limits.h"

namespace tocsin {
namespace {

// Entries of one step. They are numbered since the beginning, so that a number stays good when others leave.
class Stage {
 public:
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  std::uint64_t begin() const { return first_; }
  std::uint64_t end() const { return first_ + entries_.size(); }
  const Seen& event(std::uint64_t number) const { return *entries_[number - first_].event; }
  // Where the entries of the stage behind begin that came later.
  std::uint64_t next(std::uint64_t number) const { return entries_[number - first_].next; }

  // An event may stand in several stages.
  void push(std::shared_ptr<const Seen> event, std::uint64_t next) { entries_.push_back({std::move(event), next}); }
  void pop() {
    entries_.pop_front();
    ++first_;
  }
  // The first whose followers all lie at `behind` or later.
  std::uint64_t reaching(std::uint64_t behind) const {
    std::uint64_t low = begin(), high = end();
    while (low < high) {
      const std::uint64_t middle = low + (high - low) / 2;
      if (next(middle) < behind)
        low = middle + 1;
      else
        high = middle;
    }
    return low;
  }
  // Do all entries say a place of `behind`, none of them an earlier one than the one before it?
  bool leads_into(const Stage& behind) const {
    std::uint64_t least = behind.begin();
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (entries_[i].next < least || entries_[i].next > behind.end()) return false;
      least = entries_[i].next;
    }
    return true;
  }
  std::size_t bytes() const {
    std::size_t sum = entries_.bytes();
    for (std::size_t i = 0; i < entries_.size(); ++i) sum += entries_[i].event->bytes();
    return sum;
  }
  template <class Archive>
  void state_parts(Archive& a) {
    a(first_, entries_);
  }

 private:
  struct Entry {
    std::shared_ptr<const Seen> event;
    std::uint64_t next = 0;

    template <class Archive>
    void state_parts(Archive& a) {
      a(event, next);
      if (event == nullptr) a.fail();
    }
  };
  Ring<Entry> entries_;
  std::uint64_t first_ = 0;
};

struct State : PatternState {
  std::vector<Stage> stages;  // of all steps but the last

  std::size_t size() const {
    std::size_t sum = 0;
    for (const Stage& stage : stages) sum += stage.size();
    return sum;
  }
  std::size_t bytes() const override {
    std::size_t sum = sizeof(State);
    for (const Stage& stage : stages) sum += stage.bytes();
    return sum;
  }
  template <class Archive>
  void state_parts(Archive& a) {
    const std::size_t steps = stages.size();
    a(stages);
    if (stages.size() != steps) return a.fail();
    for (std::size_t n = 0; n + 1 < steps; ++n)
      if (!stages[n].leads_into(stages[n + 1])) a.fail();
  }
};

class EveryChain : public WithStateParts<State> {
 public:
  EveryChain(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const MatchOptions& options)
      : program_(program), pattern_(pattern), evaluator_(evaluator), options_(options), within_(chain_within(pattern)) {
    for (const SequenceInst& inst : pattern.code)
      if (inst.op == SequenceOp::take) places_.push_back({inst.stream, inst.step});
  }

  std::unique_ptr<PatternState> begin(Time, bool) const override {
    auto state = std::make_unique<State>();
    state->stages.resize(places_.size() - 1);
    return state;
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    if (within_.us != 0) forget_before(state, visit.event->time - within_);
    if (takes(visit, places_.back())) Walk(*this, state, visit, found).run();
    keep(state, visit);
  }

  void on_timer(PatternState&, Instant, const EvalContext&, const Findings&) const override {}
  bool passes_by(const Visit& visit) const override { return !takes(visit, places_.front()); }
  std::vector<std::string> in_words(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    std::vector<std::string> out;
    for (std::size_t n = 0; n < state.stages.size(); ++n) {
      const Stage& stage = state.stages[n];
      if (!stage.empty())
        out.push_back(fmt::format("step {} of {}: {} kept, from {} to {}", n + 1, places_.size(),
                                  counted(stage.size(), "event"), rfc3339(stage.event(stage.begin()).time()),
                                  rfc3339(stage.event(stage.end() - 1).time())));
    }
    return out;
  }
  bool has_timers() const override { return false; }
  std::optional<Instant> due(const PatternState&) const override { return std::nullopt; }
  void start_over(PatternState& base, Instant) const override {
    for (Stage& stage : static_cast<State&>(base).stages) stage = Stage();
  }

 private:
  struct Place {
    StreamId stream;
    StepId step;
  };
  static bool takes(const Visit& visit, const Place& place) {
    return visit.fits[place.stream.index] && visit.steps[place.step.index];
  }

  // Through all matches that the event in hand completes.
  class Walk {
   public:
    Walk(const EveryChain& of, const State& state, const Visit& visit, const Findings& found)
        : of_(of), stages_(state.stages), visit_(visit), found_(found), chain_(of.places_.size()) {
      chain_.back() = visit.event;
      ends_.resize(stages_.size());
      for (std::size_t n = stages_.size(); n-- > 0;)
        ends_[n] = n + 1 == stages_.size() ? stages_[n].end() : stages_[n].reaching(ends_[n + 1]);
    }
    void run() {
      from(0, stages_.empty() ? 0 : stages_.front().begin());
      if (full_) of_.options_.count_cut();
    }

   private:
    void from(std::size_t step, std::uint64_t number) {
      if (step == stages_.size()) return report();
      for (; number < ends_[step] && !full_; ++number) {
        chain_[step] = &stages_[step].event(number).event();
        from(step + 1, stages_[step].next(number));
      }
    }
    void report() {
      full_ = reported_ == kMatchesPerEventMax;
      if (full_) return;
      ++reported_;
      EventsReport report(of_.program_, of_.pattern_, of_.evaluator_, visit_.context, visit_.event->time);
      for (std::size_t n = 0; n < chain_.size(); ++n) report.add(of_.places_[n].step.index, *chain_[n]);
      Finding finding;
      finding.report = &report;
      found_(finding);
    }

    const EveryChain& of_;
    const std::vector<Stage>& stages_;
    const Visit& visit_;
    const Findings& found_;
    boost::container::small_vector<const Event*, 8> chain_;
    boost::container::small_vector<std::uint64_t, 8> ends_;  // by stage: what lies here and behind precedes nothing
    std::size_t reported_ = 0;
    bool full_ = false;  // there are more than are reported
  };

  // From the last step back: one event fills one place, so it does not follow itself.
  void keep(State& state, const Visit& visit) const {
    std::shared_ptr<const Seen> held;
    auto& stages = state.stages;
    for (std::size_t n = stages.size(); n-- > 0;) {
      if (!takes(visit, places_[n]) || (n > 0 && stages[n - 1].empty())) continue;
      if (!held) held = std::make_shared<const Seen>(*visit.event, visit.fits, visit.steps);
      stages[n].push(held, n + 1 < stages.size() ? stages[n + 1].end() : 0);
    }
    if (!held || state.size() <= kSeenPerKeyMax) return;
    options_.count_cut();
    while (state.size() > kSeenPerKeyMax) {
      stages.front().pop();
      drop_unpreceded(state);
    }
  }

  static void forget_before(State& state, Time time) {
    if (state.stages.empty()) return;
    Stage& first = state.stages.front();
    while (!first.empty() && first.event(first.begin()).time() < time) first.pop();
    drop_unpreceded(state);
  }
  static void drop_unpreceded(State& state) {
    for (std::size_t n = 1; n < state.stages.size(); ++n) {
      const Stage& before = state.stages[n - 1];
      Stage& stage = state.stages[n];
      const std::uint64_t begin = before.empty() ? stage.end() : before.next(before.begin());
      while (stage.begin() < begin) stage.pop();
    }
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
  std::vector<Place> places_;
  const Duration within_;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_every_chain(const Program& program, const Pattern& pattern,
                                                 const Evaluator& evaluator, const MatchOptions& options) {
  return std::make_unique<EveryChain>(program, pattern, evaluator, options);
}

}  // namespace tocsin
