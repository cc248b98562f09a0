#include "engine/match/sequence_search.h"

#include <algorithm>

#include "engine/base/contract.h"
#include "engine/match/aggregate.h"
#include "engine/program/aggregates.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

constexpr Time kNever{std::numeric_limits<std::int64_t>::max()};

bool repeats(const Element& e) {
  switch (e.kind) {
    case Element::Kind::take:
    case Element::Kind::maybe:
      return false;
    case Element::Kind::repeat:
    case Element::Kind::streak:
    case Element::Kind::any_of:
      return true;
    case Element::Kind::group:
      return !(e.low <= 1 && e.high == 1);
  }
  return false;
}

bool optional_element(const Element& e) {
  return e.kind == Element::Kind::maybe || (e.kind == Element::Kind::group && e.low == 0 && e.high == 1);
}

// Is anything left in this walk that takes an event?
bool nothing_follows(const Element::Body& body, std::size_t index) { return index >= body.elements.size(); }

}  // namespace

std::vector<SeenIndex> Choice::sorted_events() const {
  std::vector<SeenIndex> out;
  out.reserve(taken.size());
  for (const Taken& t : taken) out.push_back(t.event);
  std::sort(out.begin(), out.end());
  return out;
}

// ----- what a choice says --------------------------------------------------------------------------

Value ChoiceView::capture_of(const Step& step, std::uint32_t capture, SeenIndex event) const {
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
      if (t.step == id) values.push_back(capture_of(step, capture, t.event));
    return base_.scratch->list(values);
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
  for (const Taken& t : taken_) events.push_back(t.event);
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
        return !pattern_.counted.exists() || t.step == pattern_.counted;
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
                               const Evaluator& evaluator, const EvalContext& base, const std::deque<Seen>& seen)
    : plan_(plan), program_(program), pattern_(pattern), evaluator_(evaluator), base_(base), seen_(seen) {}

bool SequenceSearch::run(const Element::Body& body, SeenIndex last, const Limits& limits,
                         const std::function<bool()>& found) {
  body_ = &body;
  last_ = top_ = last;
  limits_ = limits;
  if (body.within.us != 0) limits_.oldest = std::max(limits.oldest, seen_[last].time() - body.within);
  found_ = &found;
  trail_.clear();
  order_.clear();
  pending_.clear();
  Place start;
  start.from = limits.begin;
  while (start.from <= last && seen_[start.from].time() < limits_.oldest) ++start.from;
  return solve({&body, 0, nullptr, nullptr, nullptr}, start);
}

bool SequenceSearch::solve(Todo todo, Place place) {
  if (++steps_ > kSearchStepsMax) return true;
  while (nothing_follows(*todo.body, todo.index)) {
    if (!close(todo, place)) return false;
    if (todo.then != nullptr) return (*todo.then)(place);
    if (todo.up == nullptr) return finish(place);
    todo = *todo.up;
  }
  const Element& element = todo.body->elements[todo.index];
  const bool skipped =
      optional_element(element) && std::find(enabled_.begin(), enabled_.end(), &element) == enabled_.end();
  if (skipped || (repeats(element) && !element.until.exists())) {
    pending_.push_back({&element, todo.group});
    Todo next = todo;
    ++next.index;
    const bool stop = solve(next, place);
    pending_.pop_back();
    return stop;
  }
  if (element.kind == Element::Kind::group) return enter(element, todo, place);
  if (element.until.exists()) return take_until(element, todo, place);
  return take(element, todo, place);
}

// The end of a body: a group's own bound and its own absence. Repetitions at its end stay pending: their place ends
// with the next step, or with the group's bound.
bool SequenceSearch::close(Todo& todo, Place& place) {
  const Group* group = todo.group;
  if (group == nullptr) return true;
  const bool open_end = !pending_.empty() && pending_.back().group == group;
  if (!open_end && trail_.size() > group->trail) {
    if (group->within.us != 0 && seen_[place.anchor].time() - seen_[trail_[group->trail].event].time() > group->within)
      return false;
    if (group->link != nullptr && !bound_holds(*group->link, group->before, place.anchor)) return false;
  }
  if (todo.body->ending.has_value() && !open_end) {
    const Element::Ending& ending = *todo.body->ending;
    const SeenIndex from = ending.bound.of.exists() ? last_of(ending.bound.of) : place.anchor;
    if (from == kNoEvent) return false;
    const Time deadline = seen_[from].time() + ending.bound.length;
    if (seen_[place.anchor].time() > deadline) return false;
    SeenIndex next = place.anchor + 1;
    for (; next < seen_.size() && seen_[next].time() <= deadline; ++next)
      if (seen_[next].fits(ending.stream) && related(ending.stream, next)) return false;
    place.from = next;  // what follows comes after the deadline, which has waited through its instant (T4)
  }
  return true;
}

bool SequenceSearch::finish(const Place& place) {
  const auto complete = [this](const Place& p) {
    if (end_at_last_ && p.anchor != last_) return false;
    if (trail_.empty()) return false;  // Q15
    if (limits_.where.exists()) {
      ChoiceView view(program_, pattern_, evaluator_, base_, seen_, trail_);
      EvalContext context = base_;
      context.match = &view;
      context.event = &seen_[last_].event();
      context.time = seen_[last_].time();
      if (!evaluator_.holds(limits_.where, context)) return false;
    }
    reached_ = true;
    return (*found_)();
  };
  if (pending_.empty()) return complete(place);
  const std::vector<Pending> pending = pending_;
  return resolve(pending, 0, place, top_ + 1, false, complete);
}

bool SequenceSearch::take(const Element& element, const Todo& todo, const Place& place) {
  const std::vector<Pending> pending = std::move(pending_);
  pending_.clear();
  const auto forced = forced_.find(&element);
  Todo next = todo;
  ++next.index;
  // The pattern's last single step takes the completing event, nothing before it.
  const bool final_step =
      end_at_last_ && todo.up == nullptr && todo.then == nullptr && nothing_follows(*next.body, next.index);
  bool stop = false;
  for (SeenIndex q = top_ + 1; !stop && q-- > place.from;) {
    if (final_step && q != last_) break;
    if (forced != forced_.end() && q != forced->second) continue;
    if (!seen_[q].fits(element.stream) || !seen_[q].may_fill(element.step) || used(q)) continue;
    if (++steps_ > kSearchStepsMax) {
      stop = true;
      break;
    }
    const Then then = [&](Place left) {
      if (!link_holds(element.link, left, q) || !bound_holds(element.link, left.anchor, q) ||
          !related(element.stream, q))
        return false;
      trail_.push_back({element.step, q, &element});
      order_.push_back(q);
      Place right;
      right.from = q + 1;
      right.anchor = q;
      const bool done = solve(next, right);
      order_.pop_back();
      trail_.pop_back();
      return done;
    };
    stop = pending.empty() ? then(place) : resolve(pending, 0, place, q, false, then);
  }
  pending_ = pending;
  return stop;
}

// `x until c`: c is a single step whose place begins after the step before; the x are what lies between (Q5).
bool SequenceSearch::take_until(const Element& element, const Todo& todo, const Place& place) {
  std::vector<Pending> pending = std::move(pending_);
  pending_.clear();
  const std::vector<Pending> before = pending;
  Element repetition = element;
  repetition.until = StreamId();
  pending.push_back({&repetition, todo.group});
  Todo next = todo;
  ++next.index;
  bool stop = false;
  for (SeenIndex c = top_ + 1; !stop && c-- > place.from;) {
    if (!seen_[c].fits(element.until) || !seen_[c].may_fill(element.until_step) || used(c) ||
        !related(element.until, c))
      continue;
    Place start = place;
    const bool at_start = place.anchor == kNoEvent && before.empty();
    if (at_start)  // its place begins after the c before
      for (SeenIndex i = c; i-- > place.from;)
        if (seen_[i].fits(element.until) && related(element.until, i)) {
          start.from = i + 1;
          break;
        }
    const std::size_t mark = trail_.size();
    const Then then = [&](Place left) {
      SeenIndex begin = place.anchor;
      for (std::size_t i = mark; i < trail_.size(); ++i)
        if (trail_[i].element != &repetition) begin = trail_[i].event;
      if (!at_start && !none_between(element.until, begin, c)) return false;
      for (std::size_t i = mark; i < trail_.size(); ++i)
        if (trail_[i].element == &repetition) trail_[i].element = &element;
      trail_.push_back({element.until_step, c, &element});
      order_.push_back(c);
      Place right;
      right.from = c + 1;
      right.anchor = c;
      static_cast<void>(left);
      const bool done = solve(next, right);
      order_.pop_back();
      trail_.pop_back();
      for (std::size_t i = mark; i < trail_.size(); ++i)
        if (trail_[i].element == &element) trail_[i].element = &repetition;
      return done;
    };
    stop = resolve(pending, 0, start, c, false, then);
  }
  pending_ = before;
  return stop;
}

bool SequenceSearch::enter(const Element& element, const Todo& todo, Place place) {
  // A link is looked at where the group's first event is taken; its bound, where the group closes.
  Group group{element.bodies.front().within, trail_.size(), &element.link, place.anchor};
  place.adjacent = place.adjacent || element.link.adjacent;
  place.handed.insert(place.handed.end(), element.link.no.begin(), element.link.no.end());
  Todo after = todo;
  ++after.index;
  const Todo inner{&element.bodies.front(), 0, &group, &after, nullptr};
  return solve(inner, place);
}

// ----- links ---------------------------------------------------------------------------------------

// Two alternatives of one type are an `or`: the relation of each goes with its own filter.
bool SequenceSearch::related(StreamId stream, SeenIndex event) {
  const Event& e = seen_[event].event();
  const auto& alternatives = program_.streams[stream.index].alternatives;
  const bool plain = std::none_of(alternatives.begin(), alternatives.end(),
                                  [&](const Alternative& a) { return a.type == e.type && a.relation.exists(); });
  if (plain) return true;
  const Event* previous = nullptr;
  for (SeenIndex i = event; i-- > 0 && previous == nullptr;)
    if (seen_[i].event().type == e.type) previous = &seen_[i].event();
  ChoiceView view(program_, pattern_, evaluator_, base_, seen_, trail_);
  EvalContext context = base_;
  context.event = &e;
  context.time = e.time;
  context.previous = previous;
  context.match = &view;
  return std::any_of(alternatives.begin(), alternatives.end(), [&](const Alternative& a) {
    return a.type == e.type && evaluator_.holds(a.filter, context) && evaluator_.holds(a.relation, context);
  });
}

bool SequenceSearch::none_between(StreamId stream, SeenIndex after, SeenIndex before) {
  const SeenIndex from = after == kNoEvent ? limits_.begin : after + 1;
  for (SeenIndex i = from; i < before; ++i)
    if (seen_[i].fits(stream) && related(stream, i)) return false;
  return true;
}

// `no` and `next` between the event before and the first one taken; at the start of a pattern they fall away (Q7).
bool SequenceSearch::link_holds(const Link& link, const Place& place, SeenIndex first) const {
  if (place.anchor == kNoEvent) return true;
  auto* self = const_cast<SequenceSearch*>(this);  // NOLINT: judging a relation counts steps only
  for (const StreamId no : place.handed)
    if (!self->none_between(no, place.anchor, first)) return false;
  for (const StreamId no : link.no)
    if (!self->none_between(no, place.anchor, first)) return false;
  if (link.adjacent || place.adjacent)
    for (SeenIndex i = place.anchor + 1; i < first; ++i)
      if (plan_.adjacent_types[seen_[i].event().type.index]) return false;
  return true;
}

bool SequenceSearch::bound_holds(const Link& link, SeenIndex before, SeenIndex last) const {
  if (!link.within.has_value()) return true;
  const SeenIndex from = link.within->of.exists() ? last_of(link.within->of) : before;
  return from == kNoEvent || seen_[last].time() - seen_[from].time() <= link.within->length;
}

SeenIndex SequenceSearch::last_of(StepId step) const {
  SeenIndex out = kNoEvent;
  for (const Taken& t : trail_)
    if (t.step == step && (out == kNoEvent || t.event > out)) out = t.event;
  return out;
}

bool SequenceSearch::used(SeenIndex event) const {
  return std::any_of(trail_.begin(), trail_.end(), [event](const Taken& t) { return t.event == event; });
}

// Where a repetition's place ends, by its own `within` and its group's (Q3).
Time SequenceSearch::place_end(const Element& element, const Group* group, const Place& place) const {
  Time end = kNever;
  if (element.link.within.has_value()) {
    const SeenIndex from = element.link.within->of.exists() ? last_of(element.link.within->of) : place.anchor;
    if (from != kNoEvent) end = seen_[from].time() + element.link.within->length;
  }
  if (group != nullptr && group->within.us != 0 && trail_.size() > group->trail)
    end = std::min(end, seen_[trail_[group->trail].event].time() + group->within);
  if (group != nullptr && group->link != nullptr && group->link->within.has_value()) {
    const SeenIndex from = group->link->within->of.exists() ? last_of(group->link->within->of) : group->before;
    if (from != kNoEvent) end = std::min(end, seen_[from].time() + group->link->within->length);
  }
  return end;
}

// ----- repetitions ---------------------------------------------------------------------------------

bool SequenceSearch::resolve(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                             bool must_take, const Then& then) {
  if (++steps_ > kSearchStepsMax) return true;
  if (at == pending.size()) return must_take ? false : then(place);
  const Element& element = *pending[at].element;
  if (optional_element(element)) {  // not enabled: takes nothing, hands its `no` on (Q7)
    Place next = place;
    if (place.anchor != kNoEvent) next.handed.insert(next.handed.end(), element.link.no.begin(), element.link.no.end());
    return resolve(pending, at + 1, next, end, must_take, then);
  }
  const Group* group = pending[at].group;
  const bool leads_window = group != nullptr && group->within.us != 0 && trail_.size() == group->trail;
  switch (element.kind) {
    case Element::Kind::repeat:
      if (leads_window) return resolve_window(pending, at, place, end, then);
      return resolve_repeat(pending, at, place, end, then);
    case Element::Kind::streak:
      return resolve_streak(pending, at, place, end, then);
    case Element::Kind::group:
      return resolve_group(pending, at, place, end, then);
    case Element::Kind::any_of:
      return resolve_any(pending, at, place, end, then);
    case Element::Kind::take:
    case Element::Kind::maybe:
      break;
  }
  TOCSIN_ASSERT(!"a pending element repeats");
  return false;
}

// Every fitting event of the place, one after the other; a filter that looks at its own step sees those before (Q2).
std::vector<Taken> SequenceSearch::fitting(const Element& element, SeenIndex from, SeenIndex end, Time until) {
  std::vector<Taken> out;
  const std::size_t mark = trail_.size();
  for (SeenIndex i = from; i < end && i < seen_.size() && seen_[i].time() <= until; ++i) {
    if (!seen_[i].fits(element.stream) || !seen_[i].may_fill(element.step) || used(i) || !related(element.stream, i))
      continue;
    out.push_back({element.step, i, &element});
    trail_.push_back(out.back());
  }
  trail_.resize(mark);
  return out;
}

bool SequenceSearch::resolve_repeat(const std::vector<Pending>& pending, std::size_t at, const Place& place,
                                    SeenIndex end, const Then& then) {
  const Element& element = *pending[at].element;
  const std::vector<Taken> events = fitting(element, place.from, end, place_end(element, pending[at].group, place));
  std::vector<std::vector<Taken>> parts;
  parts.reserve(events.size());
  for (const Taken& t : events) parts.push_back({t});
  return cut(parts, pending, at, place, end, then);
}

// `(N a within D)`: the latest window of that length that has the number (Q3).
bool SequenceSearch::resolve_window(const std::vector<Pending>& pending, std::size_t at, const Place& place,
                                    SeenIndex end, const Then& then) {
  const Element& element = *pending[at].element;
  const Duration within = pending[at].group->within;
  for (SeenIndex l = std::min<SeenIndex>(end, static_cast<SeenIndex>(seen_.size())); l-- > place.from;) {
    if (!seen_[l].fits(element.stream)) continue;
    SeenIndex from = place.from;
    while (from < l && seen_[from].time() < seen_[l].time() - within) ++from;
    const std::vector<Taken> events = fitting(element, from, l + 1, kNever);
    if (events.empty() || events.back().event != l || events.size() < element.low) continue;
    std::vector<std::vector<Taken>> parts;
    for (const Taken& t : events) parts.push_back({t});
    if (cut(parts, pending, at, place, end, then)) return true;
    if (end_at_last_ && end == top_ + 1 && at + 1 == pending.size())
      return false;  // only the window that ends here completes
    if (reached_) return false;
  }
  return false;
}

bool SequenceSearch::resolve_streak(const std::vector<Pending>& pending, std::size_t at, const Place& place,
                                    SeenIndex end, const Then& then) {
  const Element& element = *pending[at].element;
  const Time until = place_end(element, pending[at].group, place);
  std::vector<bool> bases(plan_.adjacent_types.size(), false);
  for (const Alternative& a : program_.streams[element.stream.index].alternatives) bases[a.type.index] = true;
  std::vector<std::vector<Taken>> runs(1);
  const std::size_t mark = trail_.size();
  for (SeenIndex i = place.from; i < end && i < seen_.size() && seen_[i].time() <= until; ++i) {
    if (seen_[i].fits(element.stream) && seen_[i].may_fill(element.step) && !used(i) && related(element.stream, i)) {
      runs.back().push_back({element.step, i, &element});
      trail_.push_back(runs.back().back());
      continue;
    }
    const bool breaks = element.breaking.exists() ? seen_[i].fits(element.breaking) && related(element.breaking, i)
                                                  : static_cast<bool>(bases[seen_[i].event().type.index]);
    if (!breaks) continue;
    runs.emplace_back();
    trail_.resize(mark);
    // A filter that looks at its own step may begin a streak anew with the event that broke the one before.
    if (seen_[i].fits(element.stream) && related(element.stream, i)) {
      runs.back().push_back({element.step, i, &element});
      trail_.push_back(runs.back().back());
    }
  }
  trail_.resize(mark);
  for (std::size_t r = runs.size(); r-- > 0;) {
    const auto& run = runs[r];
    if (run.size() < element.low || run.size() > element.high || run.empty()) continue;
    if (!link_holds(element.link, place, run.front().event)) continue;
    trail_.insert(trail_.end(), run.begin(), run.end());
    Place next;
    next.anchor = run.back().event;
    next.from = next.anchor + 1;
    const bool stop = resolve(pending, at + 1, next, end, false, then);
    trail_.resize(mark);
    if (stop) return true;
    if (every_ && reached_) return false;
  }
  if (element.low != 0) return false;
  Place next = place;
  next.handed.insert(next.handed.end(), element.link.no.begin(), element.link.no.end());
  return resolve(pending, at + 1, next, end, false, then);
}

// The default fires of a group's pattern in the place, one after the other (Q3).
std::vector<std::vector<Taken>> SequenceSearch::fires(const Element& element, SeenIndex from, SeenIndex end,
                                                      Time until) {
  std::vector<std::vector<Taken>> out;
  const Element::Body& body = element.bodies.front();
  SeenIndex begin = from;
  for (SeenIndex i = from; i < end && i < seen_.size() && seen_[i].time() <= until; ++i) {
    SequenceSearch inner(plan_, program_, pattern_, evaluator_, base_, seen_);
    Limits limits;
    limits.begin = begin;
    Choice choice;
    const bool found = inner.latest(body, i, limits, choice);
    steps_ += inner.steps_;
    if (!found) continue;
    for (Taken& t : choice.taken) t.element = nullptr;
    std::sort(choice.taken.begin(), choice.taken.end(),
              [](const Taken& a, const Taken& b) { return a.event < b.event; });
    out.push_back(std::move(choice.taken));
    begin = i + 1;
  }
  return out;
}

bool SequenceSearch::resolve_group(const std::vector<Pending>& pending, std::size_t at, const Place& place,
                                   SeenIndex end, const Then& then) {
  const Element& element = *pending[at].element;
  return cut(fires(element, place.from, end, place_end(element, pending[at].group, place)), pending, at, place, end,
             then);
}

bool SequenceSearch::cut(const std::vector<std::vector<Taken>>& parts, const std::vector<Pending>& pending,
                         std::size_t at, const Place& place, SeenIndex end, const Then& then) {
  const Element& element = *pending[at].element;
  const std::size_t mark = trail_.size();
  const bool last_one = at + 1 == pending.size();
  bool reached_before = reached_;
  for (std::size_t n = parts.size() + 1; n-- > 0;) {
    if (n < element.low) break;
    const bool whole = n == parts.size();
    if (!whole && last_one) break;  // the last one takes all that its place has
    if (n > element.high) continue;
    bool stop = false;
    if (n == 0) {
      Place next = place;
      if (place.anchor != kNoEvent)
        next.handed.insert(next.handed.end(), element.link.no.begin(), element.link.no.end());
      stop = resolve(pending, at + 1, next, end, !whole, then);
    } else if (every_) {
      reached_ = false;
      const bool must_end = last_one && end_at_last_ && end == top_ + 1;
      std::vector<std::vector<Taken>> chosen(parts.begin(), parts.begin() + static_cast<std::ptrdiff_t>(n));
      const std::function<bool()> each = [&] {
        if (!link_holds(element.link, place, trail_[mark].event)) return false;
        if (must_end && trail_.back().event != last_) return false;
        Place next;
        next.anchor = trail_.back().event;
        next.from = next.anchor + 1;
        return resolve(pending, at + 1, next, end, !whole, then);
      };
      stop = subsets(chosen, n, 0, 0, element, mark, each);
      reached_before = reached_before || reached_;
      if (!stop && reached_) break;  // the latest cut that leaves both their number
      reached_ = reached_before;
    } else {
      if (link_holds(element.link, place, parts.front().front().event)) {
        for (std::size_t i = 0; i < n; ++i) trail_.insert(trail_.end(), parts[i].begin(), parts[i].end());
        Place next;
        next.anchor = parts[n - 1].back().event;
        next.from = next.anchor + 1;
        stop = resolve(pending, at + 1, next, end, !whole, then);
        trail_.resize(mark);
      }
    }
    if (stop) return true;
  }
  return false;
}

bool SequenceSearch::subsets(const std::vector<std::vector<Taken>>& parts, std::size_t size, std::size_t next,
                             std::size_t chosen, const Element& element, std::size_t mark,
                             const std::function<bool()>& then) {
  if (++steps_ > kSearchStepsMax) return true;
  if (next == size) return chosen >= std::max<std::size_t>(element.low, 1) && chosen <= element.high ? then() : false;
  const std::size_t here = trail_.size();
  trail_.insert(trail_.end(), parts[next].begin(), parts[next].end());
  bool stop = subsets(parts, size, next + 1, chosen + 1, element, mark, then);
  trail_.resize(here);
  if (!stop) stop = subsets(parts, size, next + 1, chosen, element, mark, then);
  return stop;
}

// ----- any of --------------------------------------------------------------------------------------

bool SequenceSearch::resolve_any(const std::vector<Pending>& pending, std::size_t at, const Place& place, SeenIndex end,
                                 const Then& then) {
  const Element& element = *pending[at].element;
  const std::size_t mark = trail_.size();
  std::vector<std::size_t> delayed;
  const std::function<bool()> chosen = [&] {
    std::vector<SeenIndex> events;
    for (std::size_t i = mark; i < trail_.size(); ++i) events.push_back(trail_[i].event);
    if (events.empty()) return false;
    std::sort(events.begin(), events.end());
    if (!link_holds(element.link, place, events.front()) || !bound_holds(element.link, place.anchor, events.back()))
      return false;
    const std::size_t order_mark = order_.size();
    order_.insert(order_.end(), events.begin(), events.end());
    Place next;
    next.anchor = events.back();
    next.from = next.anchor + 1;
    const bool stop = resolve(pending, at + 1, next, end, false, then);
    order_.resize(order_mark);
    return stop;
  };
  const bool stop = any_alternative(element, 0, 0, place, end, delayed, 0, chosen);
  trail_.resize(mark);
  return stop;
}

// Chooses alternatives one after the other; the repeated ones wait until the others have taken theirs (Q14).
bool SequenceSearch::any_alternative(const Element& element, std::size_t alternative, std::uint32_t chosen,
                                     const Place& place, SeenIndex end, std::vector<std::size_t>& delayed,
                                     std::size_t delayed_at, const std::function<bool()>& then) {
  if (++steps_ > kSearchStepsMax) return true;
  const std::size_t mark = trail_.size();
  if (alternative == element.bodies.size() || chosen == element.low) {
    if (chosen < element.low) return false;
    if (delayed_at == delayed.size()) return then();
    const Element& repeated = element.bodies[delayed[delayed_at]].elements.front();
    std::vector<Taken> events = fitting(repeated, place.from, end, place_end(repeated, nullptr, place));
    if (events.size() < std::max<std::size_t>(repeated.low, 1) || events.size() > repeated.high) return false;
    trail_.insert(trail_.end(), events.begin(), events.end());
    const bool stop =
        any_alternative(element, element.bodies.size(), chosen, place, end, delayed, delayed_at + 1, then);
    trail_.resize(mark);
    return stop;
  }
  const Element::Body& body = element.bodies[alternative];
  bool stop = false;
  if (body.elements.size() == 1 && body.elements.front().kind == Element::Kind::repeat) {
    delayed.push_back(alternative);
    stop = any_alternative(element, alternative + 1, chosen + 1, place, end, delayed, delayed_at, then);
    delayed.pop_back();
  } else {
    // The alternative is walked as a body of its own that may end anywhere before `end`.
    const SeenIndex top = top_;
    const bool end_at_last = end_at_last_;
    const std::vector<Pending> pending = std::move(pending_);
    const std::vector<SeenIndex> order = order_;
    pending_.clear();
    top_ = end - 1;
    end_at_last_ = false;
    const Then walked = [&](Place) {
      // What the alternative's own repetitions still wait for ends with the place.
      const auto go_on = [&](Place) {
        const SeenIndex inner_top = top_;
        top_ = top;
        end_at_last_ = end_at_last;
        const bool done = any_alternative(element, alternative + 1, chosen + 1, place, end, delayed, delayed_at, then);
        top_ = inner_top;
        end_at_last_ = false;
        return done;
      };
      if (pending_.empty()) return go_on({});
      const std::vector<Pending> inner = pending_;
      Place left = place;
      if (trail_.size() > mark) {
        left.anchor = trail_.back().event;
        left.from = left.anchor + 1;
      }
      return resolve(inner, 0, left, end, false, go_on);
    };
    Place start;
    start.from = place.from;
    start.anchor = kNoEvent;
    Group group{body.within, trail_.size(), nullptr, kNoEvent};
    stop = solve({&body, 0, body.within.us != 0 ? &group : nullptr, nullptr, &walked}, start);
    top_ = top;
    end_at_last_ = end_at_last;
    pending_ = pending;
    order_ = order;
  }
  trail_.resize(mark);
  return stop || any_alternative(element, alternative + 1, chosen, place, end, delayed, delayed_at, then);
}

// ----- what is reported ----------------------------------------------------------------------------

bool SequenceSearch::latest(const Element::Body& body, SeenIndex last, const Limits& limits, Choice& out) {
  bool any = false;
  run(body, last, limits, [&] {
    if (!any || order_ > out.order) out = {trail_, order_};
    any = true;
    return plan_.dfs_is_preference;
  });
  if (any && plan_.has_maybe) fill_maybes(body, out);
  return any;
}

std::vector<Choice> SequenceSearch::latest_by(const Element::Body& body, SeenIndex last, const Limits& limits,
                                              StepId step) {
  std::vector<Choice> out;
  std::vector<SeenIndex> keys;
  run(body, last, limits, [&] {
    const SeenIndex key = last_of(step);
    const auto at = std::find(keys.begin(), keys.end(), key);
    if (at == keys.end()) {
      keys.push_back(key);
      out.push_back({trail_, order_});
    } else if (Choice& known = out[static_cast<std::size_t>(at - keys.begin())]; order_ > known.order) {
      known = {trail_, order_};
    }
    return out.size() >= kMatchesPerEventMax;
  });
  if (plan_.has_maybe)
    for (Choice& c : out) fill_maybes(body, c);
  return out;
}

std::vector<Choice> SequenceSearch::every(const Element::Body& body, SeenIndex last, const Limits& limits) {
  std::vector<Choice> out;
  every_ = true;
  run(body, last, limits, [&] {
    out.push_back({trail_, order_});
    return out.size() >= kMatchesPerEventMax;
  });
  every_ = false;
  if (plan_.has_maybe)
    for (Choice& c : out) fill_maybes(body, c);
  std::sort(out.begin(), out.end(),
            [](const Choice& a, const Choice& b) { return a.sorted_events() < b.sorted_events(); });
  out.erase(std::unique(out.begin(), out.end(),
                        [](const Choice& a, const Choice& b) {
                          return a.taken.size() == b.taken.size() &&
                                 std::equal(a.taken.begin(), a.taken.end(), b.taken.begin(),
                                            [](const Taken& x, const Taken& y) {
                                              return x.step == y.step && x.event == y.event;
                                            });
                        }),
            out.end());
  return out;
}

void SequenceSearch::collect_maybes(const Element::Body& body, std::vector<const Element*>& out) const {
  for (const Element& e : body.elements) {
    if (optional_element(e)) out.push_back(&e);
    if (e.kind == Element::Kind::group && e.low == 1 && e.high == 1) collect_maybes(e.bodies.front(), out);
  }
}

// Each maybe in turn takes the latest event with which the match still exists and which no repeated step has (Q4).
void SequenceSearch::fill_maybes(const Element::Body& body, Choice& choice) {
  std::vector<const Element*> maybes;
  collect_maybes(body, maybes);
  const bool every = every_;
  every_ = false;
  forced_.clear();
  enabled_.clear();
  const auto repeated = [](const std::vector<Taken>& taken) {
    std::vector<std::pair<std::uint32_t, SeenIndex>> out;
    for (const Taken& t : taken)
      if (t.element == nullptr || t.element->kind != Element::Kind::take) out.emplace_back(t.step.index, t.event);
    std::sort(out.begin(), out.end());
    return out;
  };
  for (const Taken& t : choice.taken)
    if (t.element != nullptr && t.element->kind == Element::Kind::take) forced_[t.element] = t.event;
  const SeenIndex last = choice.sorted_events().back();
  for (const Element* maybe : maybes) {
    enabled_.push_back(maybe);
    auto before = repeated(choice.taken);
    Choice filled;
    const auto accept = [&] {
      std::vector<std::pair<std::uint32_t, SeenIndex>> now;
      for (const Taken& t : trail_)
        if (t.element != maybe && (t.element == nullptr || t.element->kind != Element::Kind::take))
          now.emplace_back(t.step.index, t.event);
      if (maybe->kind == Element::Kind::group) now = repeated(trail_);
      std::sort(now.begin(), now.end());
      if (now != before) return false;
      filled = {trail_, order_};
      return true;
    };
    bool found = false;
    if (maybe->kind == Element::Kind::maybe) {
      for (SeenIndex q = last; !found && q-- > limits_.begin;) {
        if (!seen_[q].fits(maybe->stream)) continue;
        forced_[maybe] = q;
        found = run(body, last, limits_, accept);
      }
    } else {
      found = run(body, last, limits_, accept) && !filled.taken.empty();
    }
    if (found && !filled.taken.empty()) {
      choice.taken = filled.taken;
      for (const Taken& t : choice.taken)
        if (t.element != nullptr && t.element->kind == Element::Kind::take) forced_[t.element] = t.event;
    } else {
      enabled_.pop_back();
      forced_.erase(maybe);
    }
  }
  forced_.clear();
  enabled_.clear();
  every_ = every;
}

}  // namespace tocsin
