// The general search behind sequences: given what a key has kept, which choices of events end at this one? It is a
// backtracking walk over the plan, written for every construct of semantics.md Q1-Q18; shapes that can be matched in
// constant work have matchers of their own that equal it (latest_chain.h).
//
// Truth before speed: single steps are tried latest first, so the first choice found is the reported one (Q6);
// where that does not hold (any_of, a repetition at the start of a bounded group) all choices are compared.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <unordered_map>
#include <vector>

#include "engine/match/seen.h"
#include "engine/match/sequence_plan.h"
#include "engine/program/eval.h"

namespace tocsin {

// Steps of the walk for one event: a pattern that needs more gives up for this event and says so (a counter, never silent).
inline constexpr std::uint64_t kSearchStepsMax = 2'000'000;
// Choices reported for one event under `fire every match`.
inline constexpr std::size_t kMatchesPerEventMax = 10'000;

using SeenIndex = std::uint32_t;  // counts the kept events of a key, from the oldest
inline constexpr SeenIndex kNoEvent = std::numeric_limits<SeenIndex>::max();

struct Taken {
  StepId step;
  SeenIndex event = kNoEvent;
  const Element* element = nullptr;  // whose place it fills; null inside a repeated group
};

// One way to fill the pattern: what each step takes, in the order of the elements.
struct Choice {
  std::vector<Taken> taken;
  std::vector<SeenIndex> order;  // the single steps' events: later is preferred, the first step first (Q6)

  std::vector<SeenIndex> sorted_events() const;
};

// What a relation, `where` or a text reads of a choice.
class ChoiceView : public MatchView {
 public:
  ChoiceView(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const EvalContext& base,
             const std::deque<Seen>& seen, const std::vector<Taken>& taken)
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
  const std::deque<Seen>& seen_;
  const std::vector<Taken>& taken_;
};

class SequenceSearch {
 public:
  // `base` has the key, the reference data and the scratch; event and match are filled in here.
  SequenceSearch(const SequencePlan& plan, const Program& program, const Pattern& pattern, const Evaluator& evaluator,
                 const EvalContext& base, const std::deque<Seen>& seen);

  struct Limits {
    SeenIndex begin = 0;  // nothing older is taken (the last start-over, the window)
    Time oldest{std::numeric_limits<std::int64_t>::min()};
    ExprId where;  // part of the choice (Q6)
  };

  // The reported choice of those that end at `last`; false: there is none.
  bool latest(const Element::Body& body, SeenIndex last, const Limits& limits, Choice& out);
  // Every choice that ends at `last`, repeated steps by every subset that has the number (Q17), in the order of Q18.
  std::vector<Choice> every(const Element::Body& body, SeenIndex last, const Limits& limits);
  // The reported choice for each event that `step` can end with (absences that count from it, Q10).
  std::vector<Choice> latest_by(const Element::Body& body, SeenIndex last, const Limits& limits, StepId step);

  bool gave_up() const { return steps_ > kSearchStepsMax; }

 private:
  struct Place {  // where the next event may stand
    SeenIndex from = 0;
    SeenIndex anchor = kNoEvent;   // the last event taken; none at the start
    bool adjacent = false;         // a group's `next`, still to be looked at
    std::vector<StreamId> handed;  // `no`s handed on by steps that took nothing (Q7), and by groups
  };
  struct Group {  // a group that is open
    Duration within{};
    std::size_t trail = 0;  // what it took begins here
    const Link* link = nullptr;
    SeenIndex before = kNoEvent;  // the anchor when it was opened
  };
  using Then = std::function<bool(Place)>;
  struct Todo {  // the rest of the walk
    const Element::Body* body = nullptr;
    std::size_t index = 0;
    const Group* group = nullptr;
    const Todo* up = nullptr;
    const Then* then = nullptr;  // instead of `up`: what follows an alternative
  };
  struct Pending {  // an element that waits for its right neighbour
    const Element* element = nullptr;
    const Group* group = nullptr;
  };

  bool run(const Element::Body& body, SeenIndex last, const Limits& limits, const std::function<bool()>& found);
  bool solve(Todo todo, Place place);
  bool close(Todo& todo, Place& place);
  bool finish(const Place& place);
  bool take(const Element& element, const Todo& todo, const Place& place);
  bool take_until(const Element& element, const Todo& todo, const Place& place);
  bool enter(const Element& element, const Todo& todo, Place place);

  // Fills `pending[at..]` between place.from and `end` (exclusive); `must_take`: something still has to be taken.
  bool resolve(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end, bool must_take,
               const Then& then);
  bool resolve_repeat(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                      const Then& then);
  bool resolve_window(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                      const Then& then);
  bool resolve_streak(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                      const Then& then);
  bool resolve_group(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                     const Then& then);
  bool resolve_any(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                   const Then& then);
  bool any_alternative(const Element& element, std::size_t alternative, std::uint32_t chosen, const Place& place,
                       SeenIndex end, std::vector<std::size_t>& delayed, std::size_t delayed_at,
                       const std::function<bool()>& then);
  // Tries prefixes of `parts` (events, or fires of a group) from the longest, or every subset under `every`.
  bool cut(const std::vector<std::vector<Taken>>& parts, const std::vector<Pending>& pending, std::size_t at,
           const Place& place, SeenIndex end, const Then& then);
  bool subsets(const std::vector<std::vector<Taken>>& parts, std::size_t size, std::size_t next, std::size_t chosen,
               const Element& element, std::size_t mark, const std::function<bool()>& then);

  std::vector<Taken> fitting(const Element& element, SeenIndex from, SeenIndex end, Time until);
  std::vector<std::vector<Taken>> fires(const Element& element, SeenIndex from, SeenIndex end, Time until);
  Time place_end(const Element& element, const Group* group, const Place& place) const;
  bool link_holds(const Link& link, const Place& place, SeenIndex first) const;
  bool bound_holds(const Link& link, SeenIndex before, SeenIndex last) const;
  bool related(StreamId stream, SeenIndex event);
  bool none_between(StreamId stream, SeenIndex after, SeenIndex before);
  bool used(SeenIndex event) const;
  SeenIndex last_of(StepId step) const;
  void fill_maybes(const Element::Body& body, Choice& choice);
  void collect_maybes(const Element::Body& body, std::vector<const Element*>& out) const;

  const SequencePlan& plan_;
  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  const EvalContext& base_;
  const std::deque<Seen>& seen_;

  // Of the run in hand.
  const Element::Body* body_ = nullptr;
  SeenIndex last_ = 0;  // the completing event
  SeenIndex top_ = 0;   // no event behind it is taken (an alternative ends before its element's right neighbour)
  bool end_at_last_ = true;
  Limits limits_;
  bool every_ = false;
  const std::function<bool()>* found_ = nullptr;
  std::vector<Taken> trail_;
  std::vector<SeenIndex> order_;
  std::vector<Pending> pending_;
  std::unordered_map<const Element*, SeenIndex> forced_;  // single steps that may take this event only
  std::vector<const Element*> enabled_;                   // maybes that take part
  bool reached_ = false;
  std::uint64_t steps_ = 0;
};

}  // namespace tocsin
