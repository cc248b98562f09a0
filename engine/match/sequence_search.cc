#include "engine/match/sequence_search.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "engine/base/contract.h"
#include "engine/base/hash.h"
#include "engine/match/aggregate.h"
#include "engine/match/events_report.h"
#include "engine/program/aggregates.h"
#include "engine/program/limits.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

constexpr Time kNever{std::numeric_limits<std::int64_t>::max()};

Time max_of(const boost::container::small_vector<Time, 1>& times) {
  return *std::max_element(times.begin(), times.end());
}

}  // namespace

std::vector<SeenIndex> Choice::sorted_events() const {
  std::vector<SeenIndex> out;
  out.reserve(taken.size());
  for (const Taken& t : taken)
    if (t.shown) out.push_back(t.event);
  std::sort(out.begin(), out.end());
  return out;
}

bool Choice::better_than(const Choice& other) const {
  if (singles != other.singles) return singles > other.singles;
  if (maybes != other.maybes) return maybes > other.maybes;
  return last > other.last;
}

// ----- what a choice says --------------------------------------------------------------------------

Value ChoiceView::capture_of(const Step& step, std::uint32_t capture, SeenIndex event) const {
  if (!step.stream.exists()) return {};  // a group
  const Event& e = seen_[event].event();
  const auto& alternatives = program_.streams[step.stream.index].alternatives;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    if (alternatives[i].type != e.type) continue;
    EvalContext context = base_;
    context.event = &e;
    context.time = e.time;
    context.match = nullptr;
    return evaluator_.evaluate(step.captures[capture][i], context);
  }
  return {};
}

Value ChoiceView::captured(StepId id, std::uint32_t capture, Which which) const {
  const Step& step = pattern_.steps[id.index];
  if (which == Which::all) {
    std::vector<Value> values;
    for (const Taken& t : taken_)
      if (t.step == id)
        if (const Value value = capture_of(step, capture, t.event); !value.is_missing()) values.push_back(value);
    return values.empty() ? Value() : base_.scratch->list(values);  // A1
  }
  SeenIndex event = kNoEvent;
  for (const Taken& t : taken_) {
    if (t.step != id) continue;
    if (event == kNoEvent || (which == Which::last ? t.event > event : t.event < event)) event = t.event;
  }
  return event == kNoEvent ? Value() : capture_of(step, capture, event);
}

Value ChoiceView::step_time(StepId id) const {
  SeenIndex event = kNoEvent;
  for (const Taken& t : taken_)
    if (t.step == id && (event == kNoEvent || t.event > event)) event = t.event;
  return event == kNoEvent ? Value() : Value::time(seen_[event].time());
}

Value ChoiceView::cell(CellId id) const {
  const Cell& cell = program_.cells[id.index];
  if (cell.window.kind != Window::Kind::step) return {};
  std::vector<SeenIndex> events;
  for (const Taken& t : taken_)
    if (t.step == cell.window.step) events.push_back(t.event);
  std::sort(events.begin(), events.end());
  std::vector<Sample> samples;
  for (const SeenIndex i : events) {
    const Value value = cell.window.capture == Window::kNoCapture
                            ? Value()
                            : capture_of(pattern_.steps[cell.window.step.index], cell.window.capture, i);
    samples.push_back({seen_[i].time(), value, seen_[i].time()});
  }
  const Time from = samples.empty() ? base_.time : samples.front().time;
  return aggregate_of(cell, samples, from, base_.time, 0, *base_.scratch);
}

Value ChoiceView::fact(Fact fact) const {
  std::vector<SeenIndex> events;
  for (const Taken& t : taken_)
    if (t.shown) events.push_back(t.event);
  if (events.empty()) return {};
  const auto [least, most] = std::minmax_element(events.begin(), events.end());
  const Time first = seen_[*least].time(), last = seen_[*most].time();
  switch (fact) {
    case Fact::first:
      return Value::time(first);
    case Fact::last:
      return Value::time(last);
    case Fact::span:
      return Value::duration(last - first);
    case Fact::count: {  // of the step that the rule counts, else of all (F18)
      const auto n = std::count_if(taken_.begin(), taken_.end(), [&](const Taken& t) {
        return pattern_.counted.exists() ? t.step == pattern_.counted : t.shown;
      });
      return Value::integer(n);
    }
    case Fact::gap:
    case Fact::last_seen:
    case Fact::value:
    case Fact::baseline:
    case Fact::rank:
    case Fact::suppressed:
    case Fact::start:
    case Fact::end:
    case Fact::session_id:
    case Fact::sequence:
      return {};
  }
  return {};
}

// ----- the walk ------------------------------------------------------------------------------------

SequenceSearch::SequenceSearch(const SequencePlan& plan, const Program& program, const Pattern& pattern,
                               const Evaluator& evaluator, const EvalContext& base, const Kept& kept)
    : plan_(plan),
      program_(program),
      pattern_(pattern),
      evaluator_(evaluator),
      base_(base),
      kept_(kept),
      seen_(kept.seen) {}

void SequenceSearch::run(SeenIndex last, const Limits& limits) {
  limits_ = limits;
  last_ = last;
  begin_ = limits.begin;
  if (plan_.within.us != 0 && begin_ < last) {
    const auto at = [this](SeenIndex i) { return seen_.begin() + static_cast<std::ptrdiff_t>(i); };
    const auto first = std::ranges::lower_bound(at(begin_), at(last), time(last) - plan_.within, {}, &Seen::time);
    begin_ = static_cast<SeenIndex>(first - seen_.begin());
  }
  // Every way to take part or not (Q4). Patterns have one or two of them.
  TOCSIN_ASSERT(plan_.maybes <= kMaybesPerPatternMax);
  const std::uint64_t ways = forced_ != nullptr ? 1 : std::uint64_t{1} << plan_.maybes;
  for (chosen_ = 0; chosen_ < ways; ++chosen_) {
    done_ = false;
    taken_.cut_to(0);
    singles_.clear();
    maybes_.assign(plan_.ranks, 0);
    Place place;
    place.limit = last + 1;
    solve(plan_.items, 0, place, [this](const Place& end) { finish(end); });
    if (done_ && (plan_.first_is_best || steps_ > kSearchStepsMax)) break;
  }
}

void SequenceSearch::solve(const Items& items, std::size_t at, Place place, const Go& go) {
  if (!more_steps()) return;
  while (at < items.size() && !takes_part(items[at])) {
    hand_on(items[at], place);
    at = items[at].after;
  }
  if (at == items.size()) return go(std::move(place));
  const Item& item = items[at];
  switch (item.kind) {
    case Item::Kind::take:
      return single(items, at, std::move(place), go);
    case Item::Kind::open:
      return open(items, at, std::move(place), go);
    case Item::Kind::close: {
      if (!close(item, place)) return;
      const std::size_t mark = taken_.size();
      if (item.step.exists() && place.anchor != kNoEvent) taken_.push_back({item.step, place.anchor, &item, false});
      solve(items, at + 1, std::move(place), go);
      taken_.cut_to(mark);
      return;
    }
    case Item::Kind::any_of:
      return any_of(items, at, std::move(place), go);
    case Item::Kind::until:
      return until(items, at, std::move(place), go);
    case Item::Kind::repeat:
    case Item::Kind::streak:
    case Item::Kind::fires:
      return repetitions(items, at, std::move(place), go);
  }
}

void SequenceSearch::single(const Items& items, std::size_t at, Place place, const Go& go) {
  const Item& item = items[at];
  enter(item, place);
  const Time upper = link_end(item, place);
  const bool is_last = std::exchange(must_be_last_, false) || last_taker(items, at);
  const SeenIndex from = is_last ? std::max(last_, first_of(place)) : first_of(place);
  const bool ranked = inside_any_ == 0 && item.rank == Item::kNone;
  for (SeenIndex i = place.limit; i-- > from && !done_;) {
    ++work_;
    if (inside_any_ > 0 && i + 1 < least_of_any()) return;  // what comes before is not better
    if (!seen_[i].fits(item.stream)) continue;
    if (forced_ != nullptr && forced_->contains(&item) && forced_->at(&item) != i) continue;
    if (!more_steps()) return;
    if (ranked) {
      singles_.push_back(i + 1);
      if (cannot_be_best()) {
        singles_.pop_back();
        return;  // what comes before is not better
      }
    }
    if (in_bounds(place, i, upper) && !used(i) && may_follow(place, i) && fits(item.stream, item.step, i)) {
      taken_.push_back({item.step, i, &item});
      if (item.rank != Item::kNone) maybes_[item.rank] = i + 1;
      solve(items, at + 1, followed(place, i, i), go);
      if (item.rank != Item::kNone) maybes_[item.rank] = 0;
      taken_.pop_back();
    }
    if (ranked) singles_.pop_back();
  }
}

void SequenceSearch::open(const Items& items, std::size_t at, Place place, const Go& go) {
  const Item& item = items[at];
  const bool guesses = guesses_end(items, at);
  if (guesses && item.only_repeats) return repetitions(items, at, std::move(place), go);
  enter(item, place);
  OpenGroup group;
  group.within = item.within;
  group.upper = link_end(item, place);
  place.groups.push_back(group);
  if (!guesses) return solve(items, at + 1, std::move(place), go);
  for (SeenIndex guess = place.limit; guess-- > first_of(place) && !done_;) {
    place.groups.back().guess = guess;
    solve(items, at + 1, place, go);
  }
}

// The end of a group, or the absence that ends the pattern.
bool SequenceSearch::close(const Item& item, Place& place) {
  if (item.absent.exists()) {
    if (place.anchor == kNoEvent) return false;
    const SeenIndex named = item.absent_within.of.exists() ? last_of(item.absent_within.of) : place.anchor;
    const Time deadline = time(named == kNoEvent ? place.anchor : named) + item.absent_within.length;
    if (deadline < time(place.anchor)) return false;  // a last event later than the deadline is no match (Q10)
    const bool judged = !limits_.all_deadlines || !place.groups.empty();
    if (judged && has_come(item, place.anchor, deadline)) return false;
    place.absent_until = std::max(place.absent_until, deadline);
    place.deadlines.push_back(deadline);
  }
  if (place.groups.empty()) return true;
  if (place.groups.back().guess != kNoEvent && place.groups.back().guess != place.anchor) return false;
  place.groups.pop_back();
  return true;
}

// What should be absent, behind the anchor and no later than the deadline.
bool SequenceSearch::has_come(const Item& item, SeenIndex anchor, Time deadline) {
  if (limits_.absent == nullptr || &item != &plan_.items.back()) {
    for (SeenIndex x = anchor + 1; x < limits_.end && time(x) <= deadline; ++x, ++work_)
      if (fits(item.absent, {}, x)) return true;
    return false;
  }
  const auto& all = *limits_.absent;
  for (auto at = std::upper_bound(all.begin(), all.end(), limits_.first_kept + anchor); at != all.end(); ++at) {
    const auto x = static_cast<SeenIndex>(*at - limits_.first_kept);
    if (x >= limits_.end || time(x) > deadline) return false;
    if (fits(item.absent, {}, x)) return true;
  }
  return false;
}

void SequenceSearch::finish(const Place& place) {
  if (place.anchor != last_) return;
  if (forced_ != nullptr) {
    best_ = Choice{taken_.all(), {}, {}, last_};
    done_ = true;
    return;
  }
  if (limits_.all_deadlines) {
    if (place.deadlines.empty()) return;
    collected_.push_back(max_of(place.deadlines));
    done_ = !plan_.items.back().absent_within.of.exists();
    return;
  }
  if (limits_.deadline.has_value()) {
    if (place.deadlines.empty() || max_of(place.deadlines) != *limits_.deadline) return;
  } else if (!place.deadlines.empty() && max_of(place.deadlines) >= time(last_)) {
    return;
  }
  if (steals() || !accept()) return;
  work_ += taken_.size();
  Choice choice{taken_.all(), singles_, maybes_, last_};
  if (!every_) {
    if (!best_ || choice.better_than(*best_)) best_ = std::move(choice);
    done_ = plan_.first_is_best;
    return;
  }
  // Each set of events in its steps once, as an alert names them: which of two `a` without a name an event is, nobody
  // can tell. Of two that differ in their `maybe` only, the later (Q4).
  const auto without_maybes = [this](const Choice& c) {
    std::vector<std::pair<SeenIndex, std::string_view>> out;
    for (const Taken& t : c.taken)
      if (t.item->maybe == Item::kNone && t.shown)
        out.emplace_back(t.event,
                         label_of(program_, pattern_.steps[t.step.index], seen_[t.event].event(), evaluator_, base_));
    std::sort(out.begin(), out.end());
    return out;
  };
  if (plan_.maybes != 0 || !plan_.first_is_best) {
    const auto mine = without_maybes(choice);
    std::uint64_t hash = 0;
    for (const auto& [event, label] : mine) hash = hash_bytes(label, hash + event);
    const auto [first, behind] = told_apart_.equal_range(hash);
    for (auto one = first; one != behind; ++one) {
      Choice& other = (*all_)[one->second];
      work_ += other.taken.size();
      if (without_maybes(other) != mine) continue;
      if (choice.better_than(other)) other = std::move(choice);
      return;
    }
    told_apart_.emplace(hash, all_->size());
  }
  full_ = done_ = all_->size() >= kMatchesPerEventMax || events_kept_ + choice.taken.size() > kMatchedEventsPerEventMax;
  if (full_) return;
  events_kept_ += choice.taken.size();
  all_->push_back(std::move(choice));
}

bool SequenceSearch::accept() {
  if (!limits_.where.exists()) return true;
  work_ += taken_.size();
  ChoiceView view(program_, pattern_, evaluator_, base_, seen_, taken_.all());
  EvalContext context = base_;
  context.match = &view;
  context.event = &seen_[last_].event();
  context.time = limits_.deadline ? *limits_.deadline : time(last_);
  return evaluator_.holds(limits_.where, context);
}

// Q4: a `maybe` never takes an event's place from a repeated step: with these single events and without any maybe,
// would a repeated step have one that it has not now?
bool SequenceSearch::steals() {
  if (chosen_ == 0) return false;
  const auto repeated = [](const std::vector<Taken>& taken) {
    std::vector<std::pair<const Item*, SeenIndex>> out;
    for (const Taken& t : taken)
      if (t.shown && t.item->maybe == Item::kNone &&
          (t.item->kind == Item::Kind::repeat || t.item->kind == Item::Kind::streak ||
           t.item->kind == Item::Kind::until || t.item->kind == Item::Kind::fires))
        out.emplace_back(t.item, t.event);
    return out;
  };
  const bool any = std::any_of(plan_.items.begin(), plan_.items.end(), [](const Item& i) {
    return i.maybe == Item::kNone && (i.repeats() || i.kind == Item::Kind::until);
  });
  if (!any) return false;
  std::unordered_map<const Item*, SeenIndex> singles;
  for (const Taken& t : taken_)
    if (t.item->kind == Item::Kind::take && t.item->maybe == Item::kNone) singles[t.item] = t.event;
  SequenceSearch plain(plan_, program_, pattern_, evaluator_, base_, kept_);
  plain.forced_ = &singles;
  plain.free_ = true;
  Limits limits = limits_;
  limits.where = {};
  plain.run(last_, limits);
  steps_ += plain.steps_;
  work_ += plain.work_;
  if (!plain.best_) return false;
  const auto now = repeated(taken_.all());
  for (const auto& one : repeated(plain.best_->taken))
    if (std::find(now.begin(), now.end(), one) == now.end()) return true;
  return false;
}

// ----- what must hold of the next event ---------------------------------------------------------------

void SequenceSearch::enter(const Item& item, Place& place) {
  place.no.insert(place.no.end(), item.link.no.begin(), item.link.no.end());
  place.adjacent = place.adjacent || item.link.adjacent;
}

// Q7: a step that takes nothing takes its `next` and `within` with it, and hands its `no` on; what `first` forbids is
// its own.
void SequenceSearch::hand_on(const Item& item, Place& place) {
  for (const StreamId no : item.link.no)
    if (no != item.stream) place.no.push_back(no);
}

SequenceSearch::Place SequenceSearch::followed(Place place, SeenIndex first, SeenIndex last) {
  place.anchor = last;
  place.no.clear();
  place.adjacent = false;
  place.required = place.next_at_most = kNoEvent;
  place.absent_until = Time{std::numeric_limits<std::int64_t>::min()};
  for (OpenGroup& group : place.groups)
    if (group.first == kNoEvent) group.first = first;
  return place;
}

// Q10: how far the link of an item lets it reach.
Time SequenceSearch::link_end(const Item& item, const Place& place) {
  if (!item.link.within.has_value()) return kNever;
  const SeenIndex from = item.link.within->of.exists() ? last_of(item.link.within->of) : place.anchor;
  return from == kNoEvent ? kNever : time(from) + item.link.within->length;
}

bool SequenceSearch::in_bounds(const Place& place, SeenIndex i, Time upper) const {
  const Time t = time(i);
  if (t > upper || i < begin_) return false;
  return std::all_of(place.groups.begin(), place.groups.end(), [&](const OpenGroup& g) {
    if (t > g.upper || (g.guess != kNoEvent && i > g.guess)) return false;
    if (g.within.us == 0) return true;
    return (g.first == kNoEvent || t <= time(g.first) + g.within) &&
           (g.guess == kNoEvent || t >= time(g.guess) - g.within);
  });
}

// `no`, `next` and the guesses: may the next event taken be this one?
bool SequenceSearch::may_follow(const Place& place, SeenIndex i) {
  if (i >= place.limit || (place.required != kNoEvent && i != place.required)) return false;
  if (place.next_at_most != kNoEvent && i > place.next_at_most) return false;
  if (time(i) <= place.absent_until) return false;
  if (place.anchor == kNoEvent) return true;  // at the start of a pattern they fall away (Q7)
  if (i <= place.anchor) return false;
  if (free_ || (!place.adjacent && place.no.empty())) return true;
  for (SeenIndex x = place.anchor + 1; x < i; ++x) {
    ++work_;
    if (place.adjacent && plan_.adjacent_types[seen_[x].event().type.index]) return false;
    for (const StreamId no : place.no)
      if (fits(no, {}, x)) return false;
  }
  return true;
}

bool SequenceSearch::fits(StreamId stream, StepId step, SeenIndex i) {
  return seen_[i].fits(stream) && seen_[i].may_fill(step) && related(stream, i);
}

// Two alternatives of one type are an `or`: the relation of each goes with its own filter, which is judged again then.
bool SequenceSearch::related(StreamId stream, SeenIndex i) {
  const Event& e = seen_[i].event();
  const auto& alternatives = program_.streams[stream.index].alternatives;
  std::size_t of_type = 0;
  bool plain = true;
  for (const Alternative& a : alternatives) {
    if (a.type != e.type) continue;
    ++of_type;
    plain = plain && !a.relation.exists();
  }
  if (plain) return true;
  ++steps_;
  work_ += taken_.size();
  ChoiceView view(program_, pattern_, evaluator_, base_, seen_, taken_.all());
  EvalContext context = base_;
  context.event = &e;
  context.time = e.time;
  context.previous = i < kept_.previous.size() && kept_.previous[i] ? &kept_.previous[i]->event() : nullptr;
  context.match = &view;
  return std::any_of(alternatives.begin(), alternatives.end(), [&](const Alternative& a) {
    return a.type == e.type && (of_type == 1 || evaluator_.holds(a.filter, context)) &&
           evaluator_.holds(a.relation, context);
  });
}

SeenIndex SequenceSearch::last_of(StepId step) {
  work_ += taken_.size();
  SeenIndex out = kNoEvent;
  for (const Taken& t : taken_)
    if (t.step == step && (out == kNoEvent || t.event > out)) out = t.event;
  return out;
}

bool SequenceSearch::cannot_be_best() const {
  if (every_ || !best_ || limits_.all_deadlines || forced_ != nullptr) return false;
  const std::size_t n = std::min(singles_.size(), best_->singles.size());
  return std::lexicographical_compare(singles_.begin(), singles_.begin() + static_cast<std::ptrdiff_t>(n),
                                      best_->singles.begin(), best_->singles.begin() + static_cast<std::ptrdiff_t>(n));
}

// Of alternatives the first event in time decides (Q14): one that takes an earlier event than the best's first is
// worse, whatever else it takes. The event from which on they may be, plus one, as in `singles_`.
SeenIndex SequenceSearch::least_of_any() const {
  if (every_ || !best_ || limits_.all_deadlines || forced_ != nullptr) return 0;
  const std::vector<SeenIndex>& best = best_->singles;
  if (best.size() <= singles_.size() || !std::equal(singles_.begin(), singles_.end(), best.begin())) return 0;
  return best[singles_.size()];
}

// The first event of a bounded group that begins with a repetition is known when its last is (Q3).
bool SequenceSearch::guesses_end(const Items& items, std::size_t at) const {
  if (!items[at].guess_end) return false;
  std::size_t first = at + 1;
  while (first < items[at].after && !takes_part(items[first])) first = items[first].after;
  return first < items[at].after &&
         (items[first].kind == Item::Kind::repeat || items[first].kind == Item::Kind::streak);
}

// Does nothing in the pattern take an event after this item?
bool SequenceSearch::last_taker(const Items& items, std::size_t at) const {
  if (&items != &plan_.items) return false;
  for (std::size_t i = items[at].after; i < items.size(); ++i)
    if (items[i].kind != Item::Kind::close && takes_part(items[i])) return false;
  return true;
}

// ----- repetitions ---------------------------------------------------------------------------------

// A run of repeated places is worked out between the event before it and the event after it, which is guessed first: a
// place lies between its neighbours (Q3).
void SequenceSearch::repetitions(const Items& items, std::size_t at, Place place, const Go& go) {
  std::size_t to = at;
  for (; to < items.size(); ++to) {
    const Item& i = items[to];
    if (!takes_part(i)) continue;
    if (i.repeats() || i.kind == Item::Kind::close) continue;
    if (i.kind == Item::Kind::open && (!guesses_end(items, to) || i.only_repeats)) continue;
    break;
  }
  if (to == items.size()) {
    bool settled = false;
    const Run run{items, to, place.limit, &items == &plan_.items, &settled, go};
    return divide(run, at, std::move(place));
  }
  const Item& next = items[to];
  for (SeenIndex q = place.limit; q-- > first_of(place) && !done_;) {
    if (next.kind == Item::Kind::take) {
      if (!seen_[q].fits(next.stream)) continue;
      if (inside_any_ == 0 && next.rank == Item::kNone) {
        singles_.push_back(q + 1);
        const bool hopeless = cannot_be_best();
        singles_.pop_back();
        if (hopeless) return;
      }
    }
    if (!more_steps()) return;
    bool settled = false;
    const Go then = [&](Place after) {
      after.required = q;
      solve(items, to, std::move(after), go);
    };
    divide({items, to, q, false, &settled, then}, at, place);
  }
}

// Items [at, to) between the last event taken and `end`. The first division that leaves all their number stands; under
// `every` all do.
void SequenceSearch::divide(const Run& run, std::size_t at, Place place) {
  if (!more_steps() || (*run.settled && !every_)) return;
  while (at < run.to && !takes_part(run.items[at])) {
    hand_on(run.items[at], place);
    at = run.items[at].after;
  }
  if (at >= run.to) {
    if (run.trailing ? place.next_at_most != kNoEvent : place.next_at_most != kNoEvent && run.end > place.next_at_most)
      return;
    *run.settled = true;
    return run.go(std::move(place));
  }
  const Item& item = run.items[at];
  switch (item.kind) {
    case Item::Kind::close: {
      if (!close(item, place)) return;
      const std::size_t mark = taken_.size();
      if (item.step.exists() && place.anchor != kNoEvent) taken_.push_back({item.step, place.anchor, &item, false});
      divide(run, at + 1, std::move(place));
      taken_.cut_to(mark);
      return;
    }
    case Item::Kind::open: {
      enter(item, place);
      OpenGroup group;
      group.within = item.within;
      group.upper = link_end(item, place);
      place.groups.push_back(group);
      if (!guesses_end(run.items, at)) return divide(run, at + 1, std::move(place));
      for (SeenIndex guess = run.end; guess-- > first_of(place) && (!*run.settled || every_) && !done_;) {
        place.groups.back().guess = guess;  // "the latest such window"
        divide(run, at + 1, place);
      }
      return;
    }
    case Item::Kind::repeat:
      return repeat(run, at, std::move(place));
    case Item::Kind::streak:
      return streak(run, at, std::move(place));
    case Item::Kind::fires:
      return fires(run, at, std::move(place));
    case Item::Kind::take:
    case Item::Kind::until:
    case Item::Kind::any_of:
      break;
  }
  TOCSIN_ASSERT(item.repeats());  // nothing else is in a run
}

bool SequenceSearch::more_repeats(const Run& run, std::size_t at) const {
  for (std::size_t i = at + 1; i < run.to; ++i)
    if (takes_part(run.items[i]) && run.items[i].repeats()) return true;
  return false;
}

bool SequenceSearch::ends_absent(const Items& items, std::size_t at) {
  return std::any_of(items.begin() + static_cast<std::ptrdiff_t>(at), items.end(),
                     [](const Item& i) { return i.absent.exists(); });
}

namespace {

// Q5 and Q11: has a repeated step at the very end its number now?
bool has_number_at_end(const Item& item, bool ends_absent, std::size_t n) {
  return ends_absent ? n >= item.low && n <= item.high : n == item.low;
}

}  // namespace

// All fitting events of the place, each seeing those before it (Q2). They are left on taken_.
std::size_t SequenceSearch::take_all(const Item& item, const Place& place, SeenIndex end, Time upper) {
  std::size_t n = 0;
  for (SeenIndex i = first_of(place); i < end; ++i) {
    ++work_;
    if (!seen_[i].fits(item.stream)) continue;
    if (!in_bounds(place, i, upper) || used(i) || time(i) <= place.absent_until || !fits(item.stream, item.step, i))
      continue;
    taken_.push_back({item.step, i, &item});
    ++n;
  }
  steps_ += n;
  return n;
}

void SequenceSearch::repeat(const Run& run, std::size_t at, Place place) {
  const Item& item = run.items[at];
  Place nothing = place;
  hand_on(item, nothing);
  enter(item, place);
  const Time upper = link_end(item, place);
  const std::size_t mark = taken_.size();
  const std::size_t size = take_all(item, place, run.end, upper);
  const bool more = more_repeats(run, at);
  if (every_) {
    const SeenIndex beyond = size > item.high && (more || !run.trailing) ? taken_[mark + item.high].event : kNoEvent;
    taken_.cut_to(mark);
    // Q17: the place satisfies Q4.
    if (size < item.low || !(more || run.trailing || size <= item.high)) return;
    return subsets(run, at, place, nothing, upper, beyond);
  }
  if (!more) {
    const bool right = run.trailing ? size > 0 && taken_.back().event == last_ &&
                                          has_number_at_end(item, ends_absent(run.items, at), size)
                                    : size >= item.low && size <= item.high;
    if (right && size > 0 && may_follow(place, taken_[mark].event))
      divide(run, at + 1, followed(place, taken_[mark].event, taken_.back().event));
    taken_.cut_to(mark);
    if (right && size == 0) divide(run, at + 1, std::move(nothing));
    return;
  }
  const std::vector<Taken> all(taken_.begin() + static_cast<std::ptrdiff_t>(mark), taken_.end());
  for (std::size_t n = size + 1; n-- > item.low && !done_;) {
    taken_.cut_to(mark + n);
    if (n > item.high || (n > 0 && !may_follow(place, all.front().event))) continue;
    Place after = n == 0 ? nothing : followed(place, all.front().event, all[n - 1].event);
    if (n < size) after.next_at_most = std::min(after.next_at_most, all[n].event);
    divide(run, at + 1, std::move(after));
  }
  taken_.cut_to(mark);
}

// The events of the place that may be of the item, but for its relation, which may look at those taken before.
std::vector<SeenIndex> SequenceSearch::candidates_of(const Item& item, const Place& place, SeenIndex end, Time upper) {
  std::vector<SeenIndex> out;
  for (SeenIndex i = first_of(place); i < end; ++i) {
    ++work_;
    if (seen_[i].fits(item.stream) && in_bounds(place, i, upper) && !used(i) && time(i) > place.absent_until)
      out.push_back(i);
  }
  return out;
}

// Every set of the candidates, each of which fits behind those before it; on taken_, for `see`. Of n of them there are
// chains of n, so this does not recur.
template <class See>
void SequenceSearch::each_set(const Item& item, const std::vector<SeenIndex>& candidates, const See& see) {
  if (!more_steps()) return;
  const std::size_t mark = taken_.size();
  std::vector<std::size_t> chosen;  // by number
  for (std::size_t next = 0;;) {
    for (; next < candidates.size() && !fits(item.stream, item.step, candidates[next]); ++next) ++work_;
    if (next < candidates.size()) {
      taken_.push_back({item.step, candidates[next], &item});
      chosen.push_back(next++);
      if (!more_steps()) break;
      continue;
    }
    see();
    if (done_ || chosen.empty()) break;
    next = chosen.back() + 1;
    chosen.pop_back();
    taken_.pop_back();
  }
  taken_.cut_to(mark);
}

// Q17: every N or more of the fitting events.
void SequenceSearch::subsets(const Run& run, std::size_t at, const Place& place, const Place& nothing, Time upper,
                             SeenIndex beyond) {
  const Item& item = run.items[at];
  const bool last = run.trailing && !more_repeats(run, at);
  const std::size_t mark = taken_.size();
  each_set(item, candidates_of(item, place, run.end, upper), [&] {
    const std::size_t chosen = taken_.size() - mark;
    if (chosen < item.low) return;
    if (last && (chosen == 0 || taken_.back().event != last_)) return;
    if (last && !ends_absent(run.items, at) && chosen != item.low) return;
    if (chosen != 0 && !may_follow(place, taken_[mark].event)) return;
    Place after = chosen == 0 ? nothing : followed(place, taken_[mark].event, taken_.back().event);
    if (beyond != kNoEvent) after.next_at_most = beyond;
    divide(run, at + 1, std::move(after));
  });
}

// Q13: one whole unbroken streak of its place, the latest that has the number.
void SequenceSearch::streak(const Run& run, std::size_t at, Place place) {
  const Item& item = run.items[at];
  Place nothing = place;
  hand_on(item, nothing);
  enter(item, place);
  const Time upper = link_end(item, place);
  const bool last = run.trailing && !more_repeats(run, at);
  std::vector<std::vector<Taken>> streaks(1);
  const std::size_t mark = taken_.size();
  const auto is_base = [&](const Event& e) {
    const auto& alternatives = program_.streams[item.stream.index].alternatives;
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [&](const Alternative& a) { return a.type == e.type; });
  };
  for (SeenIndex i = first_of(place); i < run.end; ++i) {
    ++work_;
    if (!in_bounds(place, i, upper) || used(i)) continue;
    // An event that breaks a streak may begin the next one: a filter that looks at its own streak then sees none.
    for (int attempt = 0; attempt < 2; ++attempt) {
      if (fits(item.stream, item.step, i)) {
        taken_.push_back({item.step, i, &item});
        streaks.back().push_back(taken_.back());
        break;
      }
      const bool breaks = item.breaking.exists() ? fits(item.breaking, {}, i) : is_base(seen_[i].event());
      if (!breaks || streaks.back().empty()) break;
      taken_.cut_to(mark);
      streaks.emplace_back();
    }
  }
  taken_.cut_to(mark);
  for (auto one = streaks.rbegin(); one != streaks.rend() && !done_; ++one) {
    if (one->empty()) continue;
    const bool right =
        last ? one->back().event == last_ && has_number_at_end(item, ends_absent(run.items, at), one->size())
             : one->size() >= item.low && one->size() <= item.high;
    if (!right) continue;
    if (may_follow(place, one->front().event)) {
      for (const Taken& t : *one) taken_.push_back(t);
      divide(run, at + 1, followed(place, one->front().event, one->back().event));
      taken_.cut_to(mark);
    }
    if (!every_) return;
  }
  if (item.low == 0) divide(run, at + 1, std::move(nothing));
}

// The default fires of a pattern over the events [from, to) alone, one after the other (Q3).
std::vector<SequenceSearch::Fire> SequenceSearch::fires_in(const SequencePlan& inner, SeenIndex from, SeenIndex to,
                                                           Time end, bool end_too) {
  std::vector<Fire> out;
  SequenceSearch search(inner, program_, pattern_, evaluator_, base_, kept_);
  Limits limits;
  limits.begin = from;
  std::vector<Time> due;
  const auto fire = [&](std::optional<Choice> choice, Time at, SeenIndex behind) {
    if (!choice) return;
    const std::vector<SeenIndex> events = choice->sorted_events();
    out.push_back({std::move(choice->taken), events.front(), events.back(), at});
    limits.begin = behind;
  };
  const auto ring = [&](Time until, bool too, SeenIndex seen) {
    for (;;) {
      const auto next = std::min_element(due.begin(), due.end());
      if (next == due.end() || *next > until || (*next == until && !too)) return;
      const Time at = *next;
      std::erase(due, at);
      limits.end = seen;
      limits.deadline = at;
      std::optional<Choice> best;
      for (SeenIndex last = seen; last-- > limits.begin;) {
        auto choice = search.latest(last, limits);
        if (choice && (!best || choice->better_than(*best))) best = std::move(choice);
      }
      limits.deadline.reset();
      fire(std::move(best), at, seen);
    }
  };
  for (SeenIndex i = from; i < to; ++i) {
    if (!inner.absences.empty()) ring(time(i), false, i);
    for (const Duration d : inner.absences) due.push_back(time(i) + d);
    limits.end = i + 1;
    if (limits.begin <= i && seen_[i].fits_any(inner.completing)) fire(search.latest(i, limits), time(i), i + 1);
  }
  if (!inner.absences.empty()) ring(end, end_too, to);
  steps_ += search.steps_;
  work_ += search.work_;
  return out;
}

void SequenceSearch::fires(const Run& run, std::size_t at, Place place) {
  const Item& item = run.items[at];
  Place nothing = place;
  hand_on(item, nothing);
  enter(item, place);
  const Time upper = link_end(item, place);
  SeenIndex from = first_of(place), to = run.end;
  while (from < to && (!in_bounds(place, from, upper) || time(from) <= place.absent_until)) ++from;
  while (to > from && !in_bounds(place, to - 1, upper)) --to;
  const bool open_end = run.end > last_;
  const Time end = open_end ? (limits_.deadline ? *limits_.deadline : time(last_)) : time(run.end);
  const std::vector<Fire> all = fires_in(*item.inner, from, to, end, open_end && limits_.deadline.has_value());
  const bool more = more_repeats(run, at), last = run.trailing && !more;
  std::vector<const Fire*> these;
  if (every_) {
    // Each set of them, those of the newest first: where there are more than the search has steps for, it gives up and
    // says so long before the bits are used up.
    constexpr std::size_t kBits = 63;
    const std::uint64_t ways = std::uint64_t{1} << std::min(all.size(), kBits);
    for (std::uint64_t way = 0; way < ways && more_steps(); ++way) {
      const auto number = static_cast<std::uint32_t>(std::popcount(way));
      if (number < item.low || (last && number != item.low) || (!run.trailing && all.size() > item.high)) continue;
      these.clear();
      for (std::size_t i = std::min(all.size(), kBits); i-- > 0;)
        if ((way >> i & 1) != 0) these.push_back(&all[all.size() - 1 - i]);
      if (last && (these.empty() || these.back()->last != last_)) continue;
      take_fires(run, at, place, nothing, these, kNoEvent);
    }
    return;
  }
  for (const Fire& f : all) these.push_back(&f);
  if (!more) {
    const bool right = last ? !all.empty() && all.back().last == last_ &&
                                  has_number_at_end(item, ends_absent(run.items, at), all.size())
                            : all.size() >= item.low && all.size() <= item.high;
    if (right) take_fires(run, at, place, nothing, these, kNoEvent);
    return;
  }
  for (std::size_t n = all.size() + 1; n-- > item.low && !done_;) {
    these.resize(n);
    if (n <= item.high) take_fires(run, at, place, nothing, these, n < all.size() ? all[n].first : kNoEvent);
  }
}

void SequenceSearch::take_fires(const Run& run, std::size_t at, const Place& place, const Place& nothing,
                                const std::vector<const Fire*>& these, SeenIndex next_at_most) {
  const Item& item = run.items[at];
  Place after = nothing;
  const std::size_t mark = taken_.size();
  if (!these.empty()) {
    if (!may_follow(place, these.front()->first)) return;
    after = followed(place, these.front()->first, these.back()->last);
    if (these.back()->at > time(these.back()->last)) {
      after.absent_until = these.back()->at;
      after.deadlines.push_back(these.back()->at);
    }
    for (const Fire* fire : these) {
      for (Taken t : fire->taken) {
        t.item = &item;
        taken_.push_back(t);
      }
      if (item.step.exists()) taken_.push_back({item.step, fire->last, &item, false});
    }
  }
  if (next_at_most != kNoEvent) after.next_at_most = next_at_most;
  divide(run, at + 1, std::move(after));
  taken_.cut_to(mark);
}

// ----- until ---------------------------------------------------------------------------------------

// `x until c` (Q5): every x up to the first c; c wins over x.
void SequenceSearch::until(const Items& items, std::size_t at, Place place, const Go& go) {
  const Item& item = items[at];
  enter(item, place);
  const Time upper = link_end(item, place);
  const auto ends = [&](SeenIndex i) {
    return seen_[i].fits(item.until) && !used(i) && fits(item.until, item.until_step, i);
  };
  if (place.anchor == kNoEvent) {  // at the start of a pattern its place begins after the c before
    const bool ranked = inside_any_ == 0;
    for (SeenIndex c = place.limit; c-- > begin_ && !done_;) {
      if (last_taker(items, at) && c != last_) break;
      if (!ends(c)) continue;
      SeenIndex from = c;
      while (from > limits_.begin && !ends(from - 1)) --from;
      if (ranked) singles_.push_back(c + 1);
      if (!cannot_be_best()) until_at(items, at, place, upper, from, c, go);
      if (ranked) singles_.pop_back();
    }
    return;
  }
  // The first c: with those x taken that came before it, for its filter may look at them.
  const std::size_t mark = taken_.size();
  SeenIndex c = kNoEvent;
  for (SeenIndex i = place.anchor + 1; i < place.limit && c == kNoEvent; ++i) {
    if (ends(i))
      c = i;
    else if (in_bounds(place, i, upper) && !used(i) && fits(item.stream, item.step, i))
      taken_.push_back({item.step, i, &item});
  }
  taken_.cut_to(mark);
  if (c != kNoEvent) until_at(items, at, place, upper, place.anchor + 1, c, go);
}

void SequenceSearch::until_at(const Items& items, std::size_t at, const Place& place, Time upper, SeenIndex from,
                              SeenIndex c, const Go& go) {
  const Item& item = items[at];
  const std::size_t mark = taken_.size();
  std::vector<SeenIndex> all;
  for (SeenIndex i = from; i < c; ++i) {
    ++work_;
    if (!seen_[i].fits(item.stream) || !in_bounds(place, i, upper) || used(i) || !fits(item.stream, item.step, i))
      continue;
    all.push_back(i);
    taken_.push_back({item.step, i, &item});
  }
  steps_ += all.size();
  const bool right = all.size() >= item.low && all.size() <= item.high && in_bounds(place, c, upper) &&
                     fits(item.until, item.until_step, c);
  const auto complete = [&](SeenIndex first) {
    if (!may_follow(place, first)) return;
    taken_.push_back({item.until_step, c, &item});
    solve(items, at + 1, followed(place, first, c), go);
    taken_.pop_back();
  };
  if (right && !every_) complete(all.empty() ? c : all.front());
  taken_.cut_to(mark);
  if (!right || !every_) return;
  each_set(item, all, [&] {
    if (taken_.size() - mark >= item.low) complete(taken_.size() == mark ? c : taken_[mark].event);
  });
}

// ----- any of (Q14) --------------------------------------------------------------------------------

struct SequenceSearch::Alternatives {
  const Items& items;
  std::size_t at;
  const Place& place;  // of the whole
  Place inside;        // links look at the first and the last event, not at those between
  SeenIndex end;
  bool guessed, last;  // the event behind it is `end`; nothing follows in the pattern
  std::size_t before;  // what it takes begins here
  const Go& go;
  struct One {
    const Item* repeated = nullptr;
    SeenIndex completed = kNoEvent;
  };
  std::vector<One> chosen;
  std::vector<std::size_t> possible;  // how many of the bodies from there on may find something

  const Item& item() const { return items[at]; }
};

void SequenceSearch::any_of(const Items& items, std::size_t at, Place place, const Go& go) {
  const Item& item = items[at];
  enter(item, place);
  const Time upper = link_end(item, place);
  const bool repeats = std::any_of(item.bodies.begin(), item.bodies.end(), [](const Items& body) {
    return body.size() == 1 && body.front().kind == Item::Kind::repeat;
  });
  const bool last = last_taker(items, at);
  if (!repeats || last) return any_before(items, at, place, place.limit, false, last, upper, go);
  for (SeenIndex q = place.limit; q-- > first_of(place) && !done_;)
    any_before(items, at, place, q, true, false, upper, go);
}

void SequenceSearch::any_before(const Items& items, std::size_t at, const Place& place, SeenIndex end, bool guessed,
                                bool last, Time upper, const Go& go) {
  Alternatives any{items, at, place, place, end, guessed, last, taken_.size(), go, {}, {}};
  any.inside.no.clear();
  any.inside.adjacent = false;
  any.inside.required = any.inside.next_at_most = kNoEvent;
  any.inside.limit = end;
  if (upper != kNever) {
    OpenGroup group;
    group.upper = upper;
    any.inside.groups.push_back(group);
  }
  count_possible(any);
  choose(any, 0, items[at].low);
}

// Alternatives do not look at each other, so one that finds nothing finds nothing whatever the others take.
void SequenceSearch::count_possible(Alternatives& any) {
  const auto& bodies = any.item().bodies;
  any.possible.assign(bodies.size() + 1, 0);
  for (std::size_t b = bodies.size(); b-- > 0;) {
    const Item& item = bodies[b].front();
    bool may = bodies[b].size() != 1 || item.kind != Item::Kind::take;
    for (SeenIndex i = any.inside.limit; !may && i-- > first_of(any.inside);)
      may = seen_[i].fits(item.stream) && in_bounds(any.inside, i, kNever) && !used(i) && may_follow(any.inside, i) &&
            fits(item.stream, item.step, i);
    any.possible[b] = any.possible[b + 1] + (may ? 1 : 0);
  }
}

// Chooses alternatives one after the other; the repeated ones wait until the others have taken theirs.
void SequenceSearch::choose(Alternatives& any, std::size_t next, std::uint32_t left) {
  if (!more_steps()) return;
  if (left == 0) return choose_repeated(any, 0);
  const auto& bodies = any.item().bodies;
  if (any.possible[next] < left) return;
  const Items& body = bodies[next];
  if (body.size() == 1 && body.front().kind == Item::Kind::repeat) {
    any.chosen.push_back({&body.front(), kNoEvent});
    choose(any, next + 1, left - 1);
    any.chosen.pop_back();
  } else {
    // One of them completes at the last event: when no other does, it is this one.
    const bool decides = any.last && left == 1 && body.size() == 1 && body.front().kind == Item::Kind::take &&
                         std::none_of(any.chosen.begin(), any.chosen.end(), [this](const Alternatives::One& one) {
                           return one.repeated != nullptr || one.completed == last_;
                         });
    ++inside_any_;
    must_be_last_ = decides;
    solve(body, 0, any.inside, [&](const Place& after) {
      if (after.anchor == any.inside.anchor) return;  // it took nothing
      const int depth = std::exchange(inside_any_, inside_any_ - 1);
      any.chosen.push_back({nullptr, after.anchor});
      choose(any, next + 1, left - 1);
      any.chosen.pop_back();
      inside_any_ = depth;
    });
    --inside_any_;
    must_be_last_ = false;
  }
  choose(any, next + 1, left);
}

// They take what no other alternative took.
void SequenceSearch::choose_repeated(Alternatives& any, std::size_t next) {
  while (next < any.chosen.size() && any.chosen[next].repeated == nullptr) ++next;
  if (next == any.chosen.size()) return whole_any(any);
  const Item& item = *any.chosen[next].repeated;
  const std::size_t mark = taken_.size();
  const auto with = [&] {
    const std::size_t n = taken_.size() - mark;
    if (n < item.low || n > item.high) return;
    any.chosen[next].completed = n == 0 ? kNoEvent : taken_[mark + std::max<std::size_t>(item.low, 1) - 1].event;
    choose_repeated(any, next + 1);
  };
  if (!every_) {
    take_all(item, any.inside, any.end, kNever);
    with();
    taken_.cut_to(mark);
    return;
  }
  each_set(item, candidates_of(item, any.inside, any.end, kNever), with);
}

void SequenceSearch::whole_any(Alternatives& any) {
  std::vector<SeenIndex> events;
  for (std::size_t i = any.before; i < taken_.size(); ++i)
    if (taken_[i].shown) events.push_back(taken_[i].event);
  if (events.empty()) return;
  std::sort(events.begin(), events.end());
  if (!may_follow(any.place, events.front())) return;
  if (any.last && std::none_of(any.chosen.begin(), any.chosen.end(),
                               [&](const Alternatives::One& a) { return a.completed == last_; }))
    return;
  const std::size_t mark = singles_.size();
  if (inside_any_ == 0) {
    for (const SeenIndex e : events) singles_.push_back(e + 1);
    singles_.push_back(0);  // a shorter one is less than what goes on
  }
  Place after = followed(any.place, events.front(), events.back());
  if (any.guessed) after.required = any.end;
  solve(any.items, any.at + 1, std::move(after), any.go);
  singles_.resize(mark);
}

// ----- what is reported ----------------------------------------------------------------------------

std::optional<Choice> SequenceSearch::latest(SeenIndex last, const Limits& limits) {
  best_.reset();
  run(last, limits);
  return std::exchange(best_, std::nullopt);
}

void SequenceSearch::every(SeenIndex last, const Limits& limits, std::vector<Choice>& out) {
  every_ = true;
  all_ = &out;
  run(last, limits);
  every_ = false;
  all_ = nullptr;
}

std::vector<Time> SequenceSearch::deadlines(SeenIndex last, Limits limits) {
  limits.all_deadlines = true;
  collected_.clear();
  run(last, limits);
  std::sort(collected_.begin(), collected_.end());
  collected_.erase(std::unique(collected_.begin(), collected_.end()), collected_.end());
  return std::exchange(collected_, {});
}

}  // namespace tocsin
