// The general search behind sequences: given what a key has kept, which choices of events end at this one? A
// backtracking walk over the items of the plan, written for every construct of semantics.md Q1-Q18; shapes that can be
// matched in constant work have matchers of their own that equal it.
//
// Single steps are tried latest first, so the first choice found is the reported one (Q6); where that does not hold
// (any_of, a group whose end must be guessed, maybe) all choices that may still be later are compared.
#pragma once

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "engine/match/ring.h"
#include "engine/match/seen.h"
#include "engine/match/sequence_plan.h"
#include "engine/program/eval.h"

namespace tocsin {

using SeenIndex = std::uint32_t;  // counts the kept events of a key, from the oldest
inline constexpr SeenIndex kNoEvent = std::numeric_limits<SeenIndex>::max();

// What a key of a sequence keeps: its events, and for relations that read `previous` the one before each.
struct Kept {
  Ring<Seen> seen;
  Ring<std::unique_ptr<Seen>> previous;  // empty unless some relation asks

  template <class Archive>
  void state_parts(Archive& a) {
    a(seen, previous);
  }
};

struct Taken {
  StepId step;
  SeenIndex event = kNoEvent;
  const Item* item = nullptr;  // whose place it fills
  bool shown = true;           // false: names the last event of a group, beside the step that took it
};

// One way to fill the pattern: what each step takes.
struct Choice {
  std::vector<Taken> taken;
  std::vector<SeenIndex> singles;  // what is compared, the latest first (Q6): single steps in the order of the pattern
  std::vector<SeenIndex> maybes;   // by rank; then these
  SeenIndex last = 0;

  std::vector<SeenIndex> sorted_events() const;
  bool better_than(const Choice& other) const;
};

// What a choice in the making has taken. Where it is long, whether an event is among it is not looked up by a walk.
class TakenEvents {
 public:
  using const_iterator = std::vector<Taken>::const_iterator;

  void push_back(const Taken& taken) {
    all_.push_back(taken);
    if (!times_taken_.empty())
      note(taken, 1);
    else if (all_.size() > kFew)
      begin_noting();
  }
  void pop_back() {
    if (!times_taken_.empty()) note(all_.back(), -1);
    all_.pop_back();
  }
  void cut_to(std::size_t size) {
    while (all_.size() > size) pop_back();
  }
  bool shows(SeenIndex event) const {
    if (!times_taken_.empty()) return event < times_taken_.size() && times_taken_[event] != 0;
    return std::any_of(all_.begin(), all_.end(), [event](const Taken& t) { return t.shown && t.event == event; });
  }

  const std::vector<Taken>& all() const { return all_; }
  std::size_t size() const { return all_.size(); }
  const Taken& back() const { return all_.back(); }
  const Taken& operator[](std::size_t i) const { return all_[i]; }
  const_iterator begin() const { return all_.begin(); }
  const_iterator end() const { return all_.end(); }

 private:
  static constexpr std::size_t kFew = 32;
  void begin_noting() {
    for (const Taken& taken : all_) note(taken, 1);
  }
  void note(const Taken& taken, int times) {
    if (!taken.shown) return;
    if (taken.event >= times_taken_.size()) times_taken_.resize(taken.event + std::size_t{1});
    times_taken_[taken.event] = static_cast<std::uint16_t>(times_taken_[taken.event] + times);
  }

  std::vector<Taken> all_;
  std::vector<std::uint16_t> times_taken_;  // shown, by event; empty as long as there were few
};

// What a relation, `where` or a text reads of a choice.
class ChoiceView : public MatchView {
 public:
  ChoiceView(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const EvalContext& base,
             const Ring<Seen>& seen, const std::vector<Taken>& taken)
      : program_(program), pattern_(pattern), evaluator_(evaluator), base_(base), seen_(seen), taken_(taken) {}

  Value captured(StepId step, std::uint32_t capture, Which which) const override;
  Value step_time(StepId step) const override;
  Value cell(CellId cell) const override;
  Value fact(Fact fact) const override;

 private:
  Value capture_of(const Step& step, std::uint32_t capture, SeenIndex event) const;

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  const EvalContext& base_;
  const Ring<Seen>& seen_;
  const std::vector<Taken>& taken_;
};

class SequenceSearch {
 public:
  // `base` has the key, the reference data and the scratch; event and match are filled in here.
  SequenceSearch(const SequencePlan& plan, const Program& program, const Pattern& pattern, const Evaluator& evaluator,
                 const EvalContext& base, const Kept& kept);

  struct Limits {
    SeenIndex begin = 0;           // nothing older is taken (the last start-over)
    SeenIndex end = 0;             // nothing from here on is looked at
    std::optional<Time> deadline;  // none: the choice completes at its last event; else its absences are over then
    bool all_deadlines = false;    // the absence at the end is not judged: what it would wait for is collected instead
    ExprId where;                  // part of the choice (Q6)
    // The events of the stream that may not come behind all others, in order, by their number since the key began,
    // and the number of the first that is kept; null: nobody has counted them.
    const Ring<std::uint64_t>* absent = nullptr;
    std::uint64_t first_kept = 0;
  };

  // The reported choice of those whose last event is `last`; none: there is none.
  std::optional<Choice> latest(SeenIndex last, const Limits& limits);
  // Every choice whose last event is `last`: repeated steps by every subset that has the number (Q17).
  void every(SeenIndex last, const Limits& limits, std::vector<Choice>& out);
  // When the absence at the end of the choices that end at `last` would be over.
  std::vector<Time> deadlines(SeenIndex last, Limits limits);

  bool gave_up() const { return steps_ > kSearchStepsMax || work_ > kSearchWorkMax || full_; }

 private:
  struct OpenGroup {
    Duration within{};
    Time upper{std::numeric_limits<std::int64_t>::max()};  // by the link before it
    SeenIndex first = kNoEvent;
    SeenIndex guess = kNoEvent;  // where it ends
  };
  struct Place {                  // where the next event may stand, and what must hold of it
    SeenIndex anchor = kNoEvent;  // the last event taken
    SeenIndex limit = 0;          // events from here on are not looked at
    bool adjacent = false;
    SeenIndex required = kNoEvent;      // the next event taken is this one
    SeenIndex next_at_most = kNoEvent;  // ... and none behind this one: a repeated place would be larger
    Time absent_until{std::numeric_limits<std::int64_t>::min()};
    boost::container::small_vector<StreamId, 2> no;
    boost::container::small_vector<Time, 1> deadlines;
    boost::container::small_vector<OpenGroup, 2> groups;
  };
  using Go = std::function<void(Place)>;
  struct Fire {  // of a repeated group
    std::vector<Taken> taken;
    SeenIndex first = 0, last = 0;
    Time at{};
  };
  struct Run {  // repetitions between two events: items [at, to), the events before `end`
    const Items& items;
    std::size_t to;
    SeenIndex end;
    bool trailing;  // nothing follows in the pattern
    bool* settled;  // a division that leaves all their number was found
    const Go& go;
  };

  void run(SeenIndex last, const Limits& limits);
  void solve(const Items& items, std::size_t at, Place place, const Go& go);
  void single(const Items& items, std::size_t at, Place place, const Go& go);
  void open(const Items& items, std::size_t at, Place place, const Go& go);
  bool close(const Item& item, Place& place);
  bool has_come(const Item& item, SeenIndex anchor, Time deadline);
  void finish(const Place& place);
  bool accept();

  void repetitions(const Items& items, std::size_t at, Place place, const Go& go);
  void divide(const Run& run, std::size_t at, Place place);
  void repeat(const Run& run, std::size_t at, Place place);
  std::vector<SeenIndex> candidates_of(const Item& item, const Place& place, SeenIndex end, Time upper);
  template <class See>
  void each_set(const Item& item, const std::vector<SeenIndex>& candidates, const See& see);
  void subsets(const Run& run, std::size_t at, const Place& place, const Place& nothing, Time upper, SeenIndex beyond);
  void streak(const Run& run, std::size_t at, Place place);
  void fires(const Run& run, std::size_t at, Place place);
  void take_fires(const Run& run, std::size_t at, const Place& place, const Place& nothing,
                  const std::vector<const Fire*>& these, SeenIndex next_at_most);
  std::vector<Fire> fires_in(const SequencePlan& inner, SeenIndex from, SeenIndex to, Time end, bool end_too);
  void until(const Items& items, std::size_t at, Place place, const Go& go);
  void until_at(const Items& items, std::size_t at, const Place& place, Time upper, SeenIndex from, SeenIndex c,
                const Go& go);

  struct Alternatives;
  void any_of(const Items& items, std::size_t at, Place place, const Go& go);
  void any_before(const Items& items, std::size_t at, const Place& place, SeenIndex end, bool guessed, bool last,
                  Time upper, const Go& go);
  void count_possible(Alternatives& any);
  void choose(Alternatives& any, std::size_t next, std::uint32_t left);
  void choose_repeated(Alternatives& any, std::size_t next);
  void whole_any(Alternatives& any);

  bool takes_part(const Item& item) const { return item.maybe == Item::kNone || (chosen_ >> item.maybe & 1) != 0; }
  bool more_repeats(const Run& run, std::size_t at) const;
  static bool ends_absent(const Items& items, std::size_t at);
  bool last_taker(const Items& items, std::size_t at) const;
  bool guesses_end(const Items& items, std::size_t at) const;
  Time link_end(const Item& item, const Place& place);
  bool in_bounds(const Place& place, SeenIndex i, Time upper) const;
  bool may_follow(const Place& place, SeenIndex i);
  bool fits(StreamId stream, StepId step, SeenIndex i);
  bool related(StreamId stream, SeenIndex i);
  bool used(SeenIndex i) const { return taken_.shows(i); }
  SeenIndex first_of(const Place& place) const { return place.anchor == kNoEvent ? begin_ : place.anchor + 1; }
  SeenIndex last_of(StepId step);
  std::size_t take_all(const Item& item, const Place& place, SeenIndex end, Time upper);
  bool cannot_be_best() const;
  SeenIndex least_of_any() const;
  bool steals();
  bool more_steps() { return !(done_ = done_ || ++steps_ > kSearchStepsMax || work_ > kSearchWorkMax); }
  Time time(SeenIndex i) const { return seen_[i].time(); }
  static Place followed(Place place, SeenIndex first, SeenIndex last);
  static void enter(const Item& item, Place& place);
  static void hand_on(const Item& item, Place& place);

  const SequencePlan& plan_;
  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  const EvalContext& base_;
  const Kept& kept_;
  const Ring<Seen>& seen_;

  // Of the run in hand.
  Limits limits_;
  SeenIndex begin_ = 0;       // the first event that may be taken
  SeenIndex last_ = 0;        // the last event of the choice sought
  std::uint64_t chosen_ = 0;  // the maybes that take part
  bool every_ = false, done_ = false, free_ = false;
  int inside_any_ = 0;
  bool must_be_last_ = false;  // the single step that is tried next can only take the last event
  TakenEvents taken_;
  std::vector<SeenIndex> singles_, maybes_;
  std::vector<Time> collected_;
  std::optional<Choice> best_;
  std::vector<Choice>* all_ = nullptr;
  const std::unordered_map<const Item*, SeenIndex>* forced_ = nullptr;  // single steps that may take this event only
  std::unordered_multimap<std::uint64_t, std::size_t> told_apart_;  // where a choice of the same events may be in all_
  std::uint64_t steps_ = 0;
  std::uint64_t work_ = 0;       // events looked at and copied
  std::size_t events_kept_ = 0;  // of all choices
  bool full_ = false;            // there were more choices than are reported
};

}  // namespace tocsin
