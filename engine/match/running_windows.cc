#include "engine/match/running_windows.h"

#include <algorithm>
#include <cmath>

#include "engine/event/key.h"
#include "engine/match/events_report.h"
#include "engine/program/aggregates.h"
#include "engine/program/limits.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

AggregateKind kind_of(const Cell& cell) { return aggregates()[cell.function.index].kind; }

// Do two cells count the same events, whatever they make of them? Then evidence shows one of them.
bool same_events(const Cell& a, const Cell& b) {
  const auto own_choice = [](const Cell& c) { return kind_of(c) == AggregateKind::changes; };  // E5
  return a.stream == b.stream && a.window == b.window && !own_choice(a) && !own_choice(b);
}

bool is_out(Time t, Time bound, bool after) { return after ? t <= bound : t < bound; }

}  // namespace

RunningWindows::RunningWindows(const Program& program, const Pattern& pattern, const Evaluator& evaluator,
                               CellsRead read, const MatchOptions& options, CaptureWords captures)
    : program_(program),
      pattern_(pattern),
      evaluator_(evaluator),
      read_(std::move(read)),
      options_(options),
      captures_(std::move(captures)) {
  at_.resize(program.cells.size());
  for (std::size_t i = 0; i < read_.cells.size(); ++i) {
    at_[read_.cells[i].index] = i;
    compares_ = compares_ || new_after(cell(i)).us != 0;
  }
  find_shown();
  const Step& x = pattern.steps.front();
  one_label_ = !x.label.empty() || !x.stream.exists() || program.streams[x.stream.index].alternatives.size() == 1;
}

void RunningWindows::find_shown() {
  for (const CellId id : pattern_.evidence) {
    const Cell& shown = program_.cells[id.index];
    const bool there = std::any_of(shown_.begin(), shown_.end(), [&](const Shown& s) {
      return !s.second && (read_.cells[s.cell] == id || same_events(cell(s.cell), shown));
    });
    if (!there) shown_.push_back({at_[id.index], false});
    if (shown.second.exists()) shown_.push_back({at_[id.index], true});
  }
}

RunningWindows::State RunningWindows::begin() const {
  State state;
  state.cells.reserve(read_.cells.size());
  if (compares_) state.first_events.resize(read_.cells.size());
  for (std::size_t i = 0; i < read_.cells.size(); ++i) {
    CellState& made = state.cells.emplace_back(cell(i));
    if (windows_before(cell(i)) > 0) made.past = std::make_unique<PastWindows>(cell(i));
    if (kind_of(cell(i)) == AggregateKind::duration) made.lasting = std::make_unique<Lasting>();
  }
  return state;
}

template <class Archive>
void RunningWindows::entry_parts(Archive& a, Entry& entry, const CaptureWords& captures) const {
  a(entry.time, entry.position, entry.type, entry.ordinal, entry.more);
  if (entry.ordinal != 0 && entry.more != nullptr) a(entry.more->mark);
  label_parts(a, program_, entry.label, label_of_type(program_, pattern_.steps.front(), entry.type));
  if constexpr (Archive::kReads)
    if (entry.more != nullptr && captures != captures_)
      entry.more->captures = captures_of_today(entry.more->captures, captures, captures_);
}

// What `begin` makes stays as many: cells. How many windows stand before each, and how long they are, may be another
// matter than when they were written: all samples are read into the newest, and who reads them advances.
template <class Archive>
void RunningWindows::parts(Archive& a, State& state) const {
  for (std::size_t i = 0; i < state.cells.size(); ++i) {
    CellState& windows = state.cells[i];
    a(windows.current);
    if (windows.past != nullptr) PastWindows::state_parts(a, cell(i), *windows.past, windows.current);
    a(windows.second, windows.places, windows.bases, windows.last_value, windows.has_last_value);
    if (windows.lasting != nullptr) a(*windows.lasting);
  }
  CaptureWords captures = captures_;
  a(captures);
  const std::size_t count = a.count(state.entries.size());
  for (std::size_t i = 0; i < count && a.ok(); ++i) {
    if constexpr (Archive::kReads) state.entries.push_back({});
    entry_parts(a, state.entries[i], captures);
  }
  a(state.first_number, state.first_events, state.last_event);
  if (state.first_events.size() != (compares_ ? state.cells.size() : 0)) a.fail();
}

// Do the marks of every shown window name entries that there are?
bool RunningWindows::is_sound(const State& state) const {
  return std::ranges::all_of(shown_, [&](const Shown& shown) {
    const Ring<SampleMark>& all = marks(state, shown);
    return all.empty() ||
           (all.front().number >= state.first_number && all.back().number < state.first_number + state.entries.size());
  });
}

void RunningWindows::save(const State& state, StateWriter& out) const {
  parts(out, const_cast<State&>(state));  // a writer changes nothing
}
void RunningWindows::load(State& state, StateReader& in) const { parts(in, state); }

// Windows may have another length than when they were written. What one that grew would show has lost its entries: it
// counts what was kept.
bool RunningWindows::settle(State& state, std::optional<Instant> judged) const {
  if (judged) advance(state, judged->time, judged->phase == Phase::waited);
  for (const Shown& shown : shown_) {
    CellState& windows = state.cells[shown.cell];
    while (!marks(state, shown).empty() && marks(state, shown).front().number < state.first_number) {
      if (shown.second) {
        windows.second.pop_front();
        continue;
      }
      windows.current.evict();
      if (!windows.places.empty()) windows.places.pop_front();
    }
  }
  return is_sound(state);
}

void RunningWindows::clear(State& state) {
  for (CellState& cell : state.cells) {
    cell.current.clear();
    if (cell.past != nullptr) cell.past->clear();
    cell.second.clear();
    cell.places.clear();
    cell.bases = 0;
    cell.has_last_value = false;
    if (cell.lasting != nullptr) cell.lasting->clear();
  }
  state.entries.clear();
  state.first_number = 0;
  std::ranges::fill(state.first_events, std::nullopt);
}

std::size_t RunningWindows::bytes(const State& state) {
  std::size_t sum = state.entries.bytes() + state.cells.size() * sizeof(CellState);
  for (const CellState& cell : state.cells) {
    sum += cell.current.bytes() + cell.second.bytes() + cell.places.bytes();
    if (cell.lasting != nullptr) sum += cell.lasting->bytes();
    if (cell.past != nullptr) sum += cell.past->bytes();
  }
  return sum;
}

// ----- windows ---------------------------------------------------------------------------------------

void RunningWindows::advance(State& state, Time now, bool after) const {
  for (std::size_t i = 0; i < state.cells.size(); ++i) advance(cell(i), state.cells[i], now, after);
}

void RunningWindows::advance(const Cell& cell, CellState& state, Time now, bool after) {
  const Window& window = cell.window;
  RunningAggregate& current = state.current;
  switch (window.kind) {
    case Window::Kind::span: {
      if (window.length.us == 0) return;
      const Time bound = now - window.length;
      while (!state.second.empty() && is_out(state.second.front().time, bound, after)) state.second.pop_front();
      if (state.past != nullptr) return state.past->advance(current, now, after);
      while (!current.empty() && is_out(current.oldest(), bound, after)) current.evict();
      return;
    }
    case Window::Kind::chain:
      if (!current.empty() && now - current.marks().back().time > window.length) current.clear();
      [[fallthrough]];
    case Window::Kind::streak:
      if (window.cap.us == 0) return;
      while (!current.empty() && current.oldest() < now - window.cap) current.evict();
      return;
    case Window::Kind::last:
    case Window::Kind::of_last:
    case Window::Kind::frame:
    case Window::Kind::step:
      return;
  }
}

std::optional<Time> RunningWindows::next_expiry(const State& state, Instant judged) const {
  std::optional<Time> out;
  const auto consider = [&](Time t) {
    if (!out || t < *out) out = t;
  };
  for (std::size_t i = 0; i < read_.of_condition; ++i) {  // not what the alert alone shows
    const Cell& of = cell(i);
    const Duration w = of.window.length;
    if (of.window.kind != Window::Kind::span || w.us == 0) continue;
    const CellState& windows = state.cells[i];
    if (!windows.current.empty()) consider(windows.current.oldest() + w);
    if (!windows.second.empty()) consider(windows.second.front().time + w);
    if (windows.past == nullptr) continue;
    if (const auto t = windows.past->next_expiry()) consider(*t);
    if (!compares_ || !state.first_events[i]) continue;
    if (const auto t = next_window_behind(of, *state.first_events[i], judged)) consider(*t);
  }
  return out;
}

// ----- an event --------------------------------------------------------------------------------------

bool RunningWindows::take(State& state, const Visit& visit, bool named) const {
  const Time now = visit.event->time;
  advance(state, now, false);
  bool nothing_left = true;
  for (std::size_t i = 0; i < read_.of_condition && nothing_left; ++i)
    nothing_left = holds_nothing(cell(i), state.cells[i], now);
  if (named) {
    for (std::size_t i = 0; i < state.first_events.size(); ++i)
      begin_history(state.first_events[i], cell(i), state.last_event, now);
    state.last_event = now;
  }
  const SampleMark mark{now, state.first_number + state.entries.size()};
  for (std::size_t i = 0; i < state.cells.size(); ++i) take(cell(i), state.cells[i], visit, mark);
  const bool shown = std::any_of(shown_.begin(), shown_.end(), [&](const Shown& s) {
    const Ring<SampleMark>& counted = marks(state, s);
    return !counted.empty() && counted.back().number == mark.number;
  });
  if (shown) keep_entry(state, visit);
  drop_entries(state);
  return nothing_left;
}

void RunningWindows::take(const Cell& cell, CellState& state, const Visit& visit, SampleMark mark) const {
  const bool fits = visit.fits[cell.stream.index];
  const std::optional<Value> value = fits ? counted_value(cell, visit) : std::nullopt;
  switch (cell.window.kind) {
    case Window::Kind::span:
      if (cell.second.exists() && visit.fits[cell.second.index]) take_second(state, mark);
      if (value) take_span(cell, state, mark, *value);
      break;
    case Window::Kind::chain:
      if (value) state.current.insert(mark, *value);
      break;
    case Window::Kind::streak:
      if (value)
        state.current.insert(mark, *value);
      else if (!fits && fills(cell, visit))
        state.current.clear();
      break;
    case Window::Kind::last:
    case Window::Kind::of_last:
      if (cell.window.kind == Window::Kind::last ? !fits : !fills(cell, visit)) break;
      ++state.bases;
      if (value) {
        state.current.insert(mark, *value);
        state.places.push_back(state.bases);
      }
      while (!state.places.empty() && state.places.front() + cell.window.count <= state.bases) {
        state.places.pop_front();
        state.current.evict();
      }
      break;
    case Window::Kind::frame:
    case Window::Kind::step:
      break;
  }
  if (state.lasting != nullptr) take_lasting(cell, state, visit);
  // The oldest goes first (limits.h).
  if (state.kept() <= options_.window_events) return;
  options_.count_cut();
  const bool has_past = state.past != nullptr && !state.past->empty();
  has_past ? state.past->evict() : state.current.evict();
  if (!state.places.empty()) state.places.pop_front();
  if (state.lasting == nullptr) return;
  state.lasting->cut(has_past && !state.past->empty() ? state.past->oldest() : state.current.oldest());
}

// The x of a `duration(x)` is there up to the next event of its base, however long its report is over (A7).
bool RunningWindows::holds_nothing(const Cell& cell, const CellState& state, Time now) const {
  if (!state.is_empty()) return false;
  return state.lasting == nullptr || state.lasting->between(now - span_of(cell, state), now) == Duration{};
}

void RunningWindows::take_lasting(const Cell& cell, CellState& state, const Visit& visit) const {
  if (is_base(cell, visit)) state.lasting->take(visit.event->time, visit.fits[cell.stream.index]);
  const Duration span = span_of(cell, state);
  state.lasting->forget(span.us != 0            ? visit.event->time - span
                        : state.current.empty() ? visit.event->time
                                                : state.current.oldest());
}

// How far back its windows reach in time, those included that it is compared with. 0: it has no such window.
Duration RunningWindows::span_of(const Cell& cell, const CellState& state) {
  if (cell.window.kind != Window::Kind::span) return {};
  return Duration{cell.window.length.us * (state.past == nullptr ? 1 : state.past->windows() + 1)};
}

void RunningWindows::take_second(CellState& state, SampleMark mark) const {
  state.second.push_back(mark);
  if (state.second.size() <= options_.window_events) return;
  state.second.pop_front();
  options_.count_cut();
}

void RunningWindows::take_span(const Cell& cell, CellState& state, SampleMark mark, const Value& value) {
  if (kind_of(cell) != AggregateKind::changes) return state.current.insert(mark, value);
  std::string bytes;
  append_key(bytes, value);
  const bool changed = state.has_last_value && bytes != state.last_value;
  state.last_value = std::move(bytes);
  state.has_last_value = true;
  if (changed) state.current.insert(mark, value);
}

// Does the event count among those of the base that a streak or `of last` looks at?
bool RunningWindows::fills(const Cell& cell, const Visit& visit) const {
  return cell.window.breaking.exists() ? static_cast<bool>(visit.fits[cell.window.breaking.index])
                                       : is_base(cell, visit);
}

bool RunningWindows::is_base(const Cell& cell, const Visit& visit) const {
  const auto& alternatives = program_.streams[cell.stream.index].alternatives;
  return std::any_of(alternatives.begin(), alternatives.end(),
                     [&](const Alternative& a) { return a.type == visit.event->type; });
}

// What the cell reads of the event; several values (`distinct (x.f, x.g)`) are the bytes of all of them. None: one is
// missing, so that the event does not count (A1, E5).
std::optional<Value> RunningWindows::counted_value(const Cell& cell, const Visit& visit) const {
  EvalContext context = visit.context;
  context.event = visit.event;
  context.time = visit.event->time;
  context.match = nullptr;
  for (const Alternative& a : program_.streams[cell.stream.index].alternatives) {
    if (a.type != visit.event->type) continue;
    if (a.values.empty()) return Value();
    std::string bytes;
    for (const ExprId id : a.values) {
      const Value value = evaluator_.evaluate(id, context);
      if (value.is_missing()) return std::nullopt;
      if (a.values.size() == 1) return value;
      append_key(bytes, value);
    }
    return Value::text(context.scratch->text(bytes));
  }
  return Value();
}

void RunningWindows::keep_entry(State& state, const Visit& visit) const {
  const Event& event = *visit.event;
  const Step& x = pattern_.steps.front();
  EvalContext context = visit.context;
  context.event = &event;
  context.time = event.time;
  context.match = nullptr;
  Entry entry{event.time, event.position, event.type, event.ordinal, {}, nullptr};
  entry.label = label_of(program_, x, event, evaluator_, context);
  if (!x.captures.empty() || event.mark != 0) {
    std::vector<Value> captures(x.captures.size());
    if (x.stream.exists()) {
      const auto& alternatives = program_.streams[x.stream.index].alternatives;
      const auto of = std::find_if(alternatives.begin(), alternatives.end(),
                                   [&](const Alternative& a) { return a.type == event.type; });
      if (of != alternatives.end())
        for (std::size_t i = 0; i < captures.size(); ++i)
          captures[i] =
              evaluator_.evaluate(x.captures[i][static_cast<std::size_t>(of - alternatives.begin())], context);
    }
    entry.more = std::make_unique<Entry::More>(
        Entry::More{OwnedValues(captures), {event.origins.begin(), event.origins.end()}, event.mark});
  }
  state.entries.push_back(std::move(entry));
}

// What no shown window counts any more.
void RunningWindows::drop_entries(State& state) const {
  std::uint64_t wanted = state.first_number + state.entries.size();
  for (const Shown& s : shown_)
    if (const Ring<SampleMark>& counted = marks(state, s); !counted.empty())
      wanted = std::min(wanted, counted.front().number);
  for (; state.first_number < wanted; ++state.first_number) state.entries.pop_front();
}

// ----- values ----------------------------------------------------------------------------------------

Value RunningWindows::value(const State& state, CellId id, Time now) const {
  const Cell& of = program_.cells[id.index];
  const std::size_t at = at_[id.index];
  const CellState& windows = state.cells[at];
  const Duration w = of.window.length;
  const auto current = [&]() -> Value {
    const bool bounded = of.window.kind == Window::Kind::span && w.us != 0;
    const Time from = bounded ? now - w : windows.current.empty() ? now : windows.current.oldest();
    if (windows.lasting != nullptr) return Value::duration(windows.lasting->between(from, now));
    return windows.current.value(from, now, windows.second.size());
  };
  switch (of.baseline.kind) {
    case Baseline::Kind::none:
    case Baseline::Kind::forecast:
      return current();
    case Baseline::Kind::previous:
      if (windows.lasting == nullptr) return windows.past->nearest(now);
      return Value::duration(windows.lasting->between(now - w - w, now - w));
    case Baseline::Kind::average:
    case Baseline::Kind::zscore: {
      if (windows.past == nullptr) return {};
      const std::optional<Time> first = state.first_events[at];
      if (!first) return {};
      const Value beside = of.baseline.kind == Baseline::Kind::zscore ? current() : Value();
      if (windows.lasting == nullptr) return windows.past->compared_with(beside, *first, now);
      PastValues values(of.baseline.kind);
      for (std::int64_t i = 1; i <= windows.past->windows(); ++i) {
        const Time from = now - Duration{(i + 1) * w.us};
        if (from < *first) break;
        values.add(*PastValue::of(Value::duration(windows.lasting->between(from, from + w))));
      }
      return values.compared_with(beside, 0, std::nullopt);
    }
  }
  return {};
}

// ----- the report ------------------------------------------------------------------------------------

RunningWindows::View::View(const RunningWindows& windows, const State& state, const EvalContext& context, Time now)
    : windows_(windows), state_(state), context_(context), now_(now) {
  if (windows.shown_.size() == 1) single_ = &windows.marks(state, windows.shown_.front());
}

void RunningWindows::View::merge() const {
  if (single_ != nullptr || merged_) return;
  std::vector<std::uint64_t>& all = merged_.emplace();
  for (const Shown& s : windows_.shown_) {
    const Ring<SampleMark>& counted = windows_.marks(state_, s);
    for (std::size_t i = 0; i < counted.size(); ++i) all.push_back(counted[i].number);
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
}

std::size_t RunningWindows::View::size() const {
  merge();
  return single_ != nullptr ? single_->size() : merged_->size();
}

const RunningWindows::Entry& RunningWindows::View::entry(std::size_t i) const {
  const std::uint64_t number = single_ != nullptr ? (*single_)[i].number : (*merged_)[i];
  return state_.entries[number - state_.first_number];
}

const Event* RunningWindows::View::end(bool last) const {
  const std::size_t n = size();
  if (n == 0) return nullptr;
  const Entry& e = entry(last ? n - 1 : 0);
  Event& out = ends_[last ? 1 : 0];
  out.type = e.type;
  out.time = e.time;
  out.position = e.position;
  out.ordinal = e.ordinal;
  if (e.more != nullptr) {
    out.mark = e.more->mark;
    out.origins = e.more->origins;
  }
  return &out;
}

Value RunningWindows::View::captured(StepId step, std::uint32_t capture, Which which) const {
  const std::size_t n = step.index == 0 ? size() : 0;
  const auto of = [&](std::size_t i) {
    const Entry& e = entry(i);
    return e.more == nullptr || capture >= e.more->captures.values().size() ? Value()
                                                                            : e.more->captures.values()[capture];
  };
  switch (which) {
    case Which::last:
      return n == 0 ? Value() : of(n - 1);
    case Which::first:
      return n == 0 ? Value() : of(0);
    case Which::all: {
      std::vector<Value> values;
      for (std::size_t i = 0; i < n; ++i)
        if (const Value value = of(i); !value.is_missing()) values.push_back(value);
      return values.empty() ? Value() : context_.scratch->list(values);  // A1
    }
  }
  return {};
}

Value RunningWindows::View::step_time(StepId step) const {
  const Event* newest = step.index == 0 ? last() : nullptr;
  return newest == nullptr ? Value() : Value::time(newest->time);
}

Value RunningWindows::View::evaluated(ExprId expr) const {
  if (!expr.exists()) return {};
  EvalContext at = context_;
  at.match = this;
  at.time = now_;
  return windows_.evaluator_.evaluate(expr, at);
}

Value RunningWindows::View::fact(Fact fact) const {
  switch (fact) {
    case Fact::count:
      return Value::integer(static_cast<std::int64_t>(size()));
    case Fact::first:
      return size() == 0 ? Value() : Value::time(first()->time);
    case Fact::last:
      return size() == 0 ? Value() : Value::time(last()->time);
    case Fact::span:
      return size() == 0 ? Value() : Value::duration(last()->time - first()->time);
    case Fact::value:
      return evaluated(windows_.pattern_.value);
    case Fact::baseline:
      return evaluated(windows_.pattern_.baseline);
    case Fact::gap:
    case Fact::last_seen:
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

void RunningWindows::View::evidence(std::vector<Evidence>& out) const {
  const std::size_t n = size();
  for (std::size_t i = 0; i < n; ++i) {
    const Entry& e = entry(i);
    auto row = std::find_if(out.begin(), out.end(), [&](const Evidence& r) { return r.label == e.label; });
    if (row == out.end()) row = out.insert(out.end(), Evidence{e.label, 0, {}});
    ++row->count;
    Event event;
    event.position = e.position;
    event.ordinal = e.ordinal;
    if (e.more != nullptr) event.origins = e.more->origins;
    add_ids(*row, event);
    // A long window need not be walked to its end: there is one label, and no room for more ids.
    if (!windows_.one_label_ || row->events.size() < kEvidencePerStepMax) continue;
    row->count = n;
    return;
  }
}

}  // namespace tocsin
