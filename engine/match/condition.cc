// Conditions: a comparison of aggregates over windows, with the edge left to the rule. Where all its windows can be
// kept running (running_windows.h) they are; else the events that some window still sees are kept, and it is computed
// anew from them: right for every aggregate and every window.
#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "engine/base/contract.h"
#include "engine/event/key.h"
#include "engine/event/write.h"
#include "engine/match/aggregate.h"
#include "engine/match/aligned.h"
#include "engine/match/events_report.h"
#include "engine/match/forms.h"
#include "engine/match/openings.h"
#include "engine/match/past_windows.h"
#include "engine/match/ring.h"
#include "engine/match/running_windows.h"
#include "engine/match/stream_values.h"
#include "engine/program/aggregates.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

constexpr Duration kForEver{std::numeric_limits<std::int64_t>::max() / 4};

constexpr Instant kNever{{std::numeric_limits<std::int64_t>::min()}, Phase::waited};

// A match of a counted group, as the entry that it is here.
struct Inner {
  std::vector<Evidence> evidence;
  OwnedValues captures;  // of the step that counts them (N1)
  OwnedValues values;    // by cell of the pattern: the list of what its step took in this match; missing: of none
  Seen first, last;
};

struct Entry {
  Seen seen;
  std::uint64_t number = 0;   // counted since the beginning
  std::uint64_t changed = 0;  // by cell of the pattern: the value differed from the one before (E5)
  std::string_view label;     // the program's
  std::shared_ptr<const Inner> inner;
};

struct State : PatternState {
  std::optional<RunningWindows::State> running;  // instead of entries, where all windows can be kept running
  Ring<Entry> entries;
  Time from{};                                    // watched since
  std::optional<Time> seen_at;                    // C3
  std::vector<std::optional<Time>> first_events;  // by Condition::cells_ (A5)
  Time last_event{};
  std::optional<Time> holding;  // `for D`: since when the condition has held
  bool held = false;            // ... for long enough
  Instant judged = kNever;
  std::vector<std::unique_ptr<PatternState>> nested;
  std::vector<bool> nested_armed;                 // a counted group happens at its default fires (C7, F1)
  std::map<std::size_t, std::string> last_value;  // changes: by cell
  std::vector<std::string> places;                // ranking
  std::uint64_t taken = 0;
  std::vector<std::uint64_t> gone;  // by Condition::windows_: entries up to this number fell out of it for the limit
  std::optional<Time> window_end;   // aligned: of the window in hand
  bool renewed = false;             // what is due is so by time alone
  // When it is judged though nothing leaves a window: `fewer than` under `during` after an opening, and what is true of
  // nothing when the rule was silent.
  std::optional<Time> reopened;
  bool opens_later = false;  // ... that is yet to come, or was put off: time alone renews it (T8)

  std::size_t bytes() const override {
    std::size_t sum = sizeof(State) + (running ? RunningWindows::bytes(*running) : 0);
    for (const Entry& e : entries) sum += e.seen.bytes() + sizeof(Entry);
    for (const auto& n : nested) sum += n->bytes();
    return sum;
  }
};

class Condition : public PatternMatcher {
 public:
  void save(const PatternState& state, StateWriter& out) const override {
    parts(out, const_cast<State&>(static_cast<const State&>(state)));  // a writer changes nothing
  }
  void load(PatternState& base, StateReader& in) const override {
    auto& state = static_cast<State&>(base);
    parts(in, state);
    if (!running_ || !in.ok()) return;
    const auto judged = state.judged == kNever ? std::nullopt : std::optional(state.judged);
    if (!running_->settle(*state.running, judged)) in.fail();
  }

  Condition(const RuleSet& rules, const Program& program, const Pattern& pattern, const Evaluator& evaluator,
            const MatchOptions& options)
      : program_(program), pattern_(pattern), evaluator_(evaluator), options_(options), openings_(program) {
    captures_ = capture_words(rules, program, pattern.steps.front());
    CellsRead read = cells_read(rules, pattern, options);
    cells_ = read.cells;
    condition_cells_ = read.of_condition;
    for (std::size_t i = 0; i < condition_cells_; ++i)
      if (const Window& window = program.cells[cells_[i].index].window; window.kind == Window::Kind::span)
        longest_ = std::max(longest_, window.length);
    if (options.fast && not_running(program, pattern, read).empty())
      running_.emplace(program, pattern, evaluator, std::move(read), options, captures_);
    for (const CellId id : cells_) {
      windows_.push_back({id, false});
      if (program.cells[id.index].second.exists()) windows_.push_back({id, true});
      add_stream(program.cells[id.index].stream);
      add_stream(program.cells[id.index].second);
      add_horizon(program.cells[id.index]);
      compares_ = compares_ || new_after(program.cells[id.index]).us != 0;
    }
    if (pattern.stream.exists()) add_stream(pattern.stream);
    if (pattern.form == Pattern::Form::ranking) horizon_ = std::max(horizon_, pattern.length);
    for (const StreamId s : streams_list_) {
      const Stream& stream = program.streams[s.index];
      if (!stream.nested.exists()) continue;
      const auto same = std::ranges::find(nested_patterns_, stream.nested);
      const auto at = static_cast<std::size_t>(same - nested_patterns_.begin());
      if (at == nested_.size()) {
        nested_patterns_.push_back(stream.nested);
        nested_streams_.emplace_back();
        nested_.push_back(make_matcher(rules, program, stream.nested, evaluator, options.inside()));
      }
      nested_streams_[at].set(s.index);  // one match is an entry of all of them
    }
  }

  std::unique_ptr<PatternState> begin(Time from, bool seen) const override {
    auto state = std::make_unique<State>();
    state->from = from;
    if (running_) state->running = running_->begin();
    if (seen) state->seen_at = from;
    for (const auto& n : nested_) state->nested.push_back(n->begin(from, seen));
    state->nested_armed.assign(nested_.size(), true);
    state->gone.assign(windows_.size(), 0);
    if (!running_ && compares_) state->first_events.resize(cells_.size());
    return state;
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    const Time now = visit.event->time;
    for (std::size_t i = 0; i < nested_.size(); ++i)
      nested_[i]->on_event(*state.nested[i], visit,
                           [&](const Finding& f) { inner_match(state, i, f, now, visit, found); });
    if (pattern_.needs_seen && !state.seen_at && is_base(pattern_.stream, *visit.event)) state.seen_at = now;
    const bool counted = (visit.fits & streams_).any();
    if (!counted && !(keeps_bases_ && is_kept_base(*visit.event))) return;
    if (running_) {
      empty_before_ = running_->take(*state.running, visit, counted);
      state.renewed = false;
    } else {
      take(state, Entry{Seen(*visit.event, visit.fits), 0, 0, {}, nullptr}, counted, visit.context, now);
    }
    if (!is_judged(visit)) {
      state.judged = {now, Phase::event};
      return;
    }
    judge_event(state, visit.context, now, found);
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    for (std::size_t i = 0; i < nested_.size(); ++i) {
      const auto due = nested_[i]->due(*state.nested[i]);
      if (!due || *due > now) continue;
      Visit visit;
      visit.context = context;
      nested_[i]->on_timer(*state.nested[i], now, context,
                           [&](const Finding& f) { inner_match(state, i, f, now.time, visit, found); });
    }
    if (pattern_.form == Pattern::Form::aligned) return close_windows(state, now, context, found);
    if (state.holding && !state.held && now >= Instant{*state.holding + pattern_.hold, Phase::over}) {
      state.held = true;
      if (report_held(state, context, now, found)) put_off(state, now.time, context.reference);
    }
    if (now.phase != Phase::waited) return;
    if (running_) running_->advance(*state.running, now.time, true);
    if (pattern_.form == Pattern::Form::ranking) {
      state.judged = now;
      rank(state, context, now.time, true, found);
      return;
    }
    if (state.reopened && *state.reopened <= now.time) state.reopened.reset();
    if (openings_.any() && pattern_.needs_seen && !state.reopened && context.reference != nullptr) {
      const Reopened reopens = reopened(*context.reference, now.time);
      state.opens_later = reopens.later;
      if (reopens.at) state.reopened = reopens.at;
    }
    if (pattern_.judged_at_expiry && may_judge(state, now, context.reference))
      if (judge(state, context, now.time, true, false, found)) put_off(state, now.time, context.reference);
    state.judged = now;
    // Calendars open for ever: with nothing left to count, the next opening is no reason to go on (T8).
    if (state.reopened && state.opens_later && !next_expiry(state)) state.renewed = true;
  }

  std::optional<Instant> due(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    std::optional<Instant> out;
    const auto consider = [&out](Instant i) {
      if (!out || i < *out) out = i;
    };
    for (std::size_t i = 0; i < nested_.size(); ++i)
      if (const auto due = nested_[i]->due(*state.nested[i])) consider(*due);
    if (pattern_.form == Pattern::Form::aligned) {
      if (state.window_end) consider({*state.window_end, Phase::over});
      return out;
    }
    if (state.holding && !state.held) consider({*state.holding + pattern_.hold, Phase::over});
    if (pattern_.needs_seen && state.seen_at && state.judged < Instant{*state.seen_at + pattern_.length, Phase::waited})
      consider({*state.seen_at + pattern_.length, Phase::waited});
    if (state.reopened) consider({*state.reopened, Phase::waited});
    if (pattern_.judged_at_expiry || pattern_.form == Pattern::Form::ranking)
      if (const auto expiry = next_expiry(state)) consider({*expiry, Phase::waited});
    return out;
  }

  void reckon(PatternState& base, Instant passed, const EvalContext& context) const override {
    auto& state = static_cast<State&>(base);
    for (std::size_t i = 0; i < nested_.size(); ++i) nested_[i]->reckon(*state.nested[i], passed, context);
    if (state.window_end)
      state.window_end =
          state.entries.empty() ? window_.next_end(passed) : window_.end(state.entries.front().seen.time());
    if (!state.reopened) return;
    if (!openings_.any()) state.reopened = std::min(*state.reopened, passed.time + longest_);
    if (!openings_.any() || context.reference == nullptr) return;
    const Reopened today = reopened(*context.reference, passed.time);
    if (!today.at || *today.at >= *state.reopened) return;  // what is due too early looks again
    state.reopened = today.at;
    state.opens_later = today.later;
  }

  void start_over(PatternState& base, Instant now) const override {
    auto& state = static_cast<State&>(base);
    if (pattern_.form == Pattern::Form::ranking) return;  // its places are one after the other at one instant
    if (running_) RunningWindows::clear(*state.running);
    state.entries.clear();
    state.holding.reset();
    state.held = false;
    state.last_value.clear();
    std::ranges::fill(state.first_events, std::nullopt);
    if (pattern_.needs_seen && pattern_.form == Pattern::Form::condition) {  // as a silence does, it watches anew
      state.seen_at = now.time;
      state.renewed = true;
    }
    for (std::size_t i = 0; i < nested_.size(); ++i) nested_[i]->start_over(*state.nested[i], now);
    state.nested_armed.assign(nested_.size(), true);
  }

  bool watches(const PatternState& base) const override { return static_cast<const State&>(base).seen_at.has_value(); }
  bool renewed(const PatternState& base) const override {
    const auto& state = static_cast<const State&>(base);
    if (state.renewed || !state.reopened || !state.opens_later) return state.renewed;
    // F15: at the next opening of a calendar the wait begins anew, day by day and for ever.
    return due(base) == Instant{*state.reopened, Phase::waited} && !next_expiry(state);
  }

 private:
  using Selected = std::vector<const Entry*>;
  // Whose events are counted together: a cell has one window, `ratio` two.
  struct Kept {
    CellId cell;
    bool second = false;
    bool operator==(const Kept&) const = default;
  };

  // ----- what the pattern looks at, found once ------------------------------------------------------

  void add_stream(StreamId id) {
    if (!id.exists() || streams_[id.index]) return;
    streams_.set(id.index);
    streams_list_.push_back(id);
  }

  void add_horizon(const Cell& cell) {
    const AggregateKind kind = aggregates()[cell.function.index].kind;
    switch (cell.window.kind) {
      case Window::Kind::span:
        horizon_ = std::max(horizon_, reach_of(cell));
        break;
      case Window::Kind::last:
      case Window::Kind::of_last:
        only_spans_ = false;
        keeps_bases_ = keeps_bases_ || cell.window.kind == Window::Kind::of_last;
        break;
      case Window::Kind::streak:
        only_spans_ = false;
        keeps_bases_ = true;
        break;
      case Window::Kind::chain:
        only_spans_ = false;
        break;
      case Window::Kind::frame:
        horizon_ = kForEver;  // close_windows() drops what a window held
        break;
      case Window::Kind::step:
        break;
    }
    if (cell.window.breaking.exists()) add_stream(cell.window.breaking);
    if (kind == AggregateKind::duration) {
      keeps_bases_ = true;
      lasting_.push_back(cell.stream);
    }
    if (cell.window.kind == Window::Kind::of_last || cell.window.kind == Window::Kind::streak ||
        kind == AggregateKind::duration)
      base_streams_.push_back(cell.stream);
  }

  // How far back its windows reach, those included that it is compared with.
  static Duration reach_of(const Cell& cell) {
    return cell.window.length.us == 0 ? kForEver : Duration{cell.window.length.us * (windows_before(cell) + 1)};
  }

  bool is_base(StreamId stream, const Event& event) const {
    const auto& alternatives = program_.streams[stream.index].alternatives;
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [&](const Alternative& a) { return a.type == event.type; });
  }
  bool is_kept_base(const Event& event) const {
    return std::any_of(base_streams_.begin(), base_streams_.end(), [&](StreamId s) { return is_base(s, event); });
  }
  // C1: x alone, or every event of x's base for streaks and `of last`; else every event that the condition names.
  bool is_judged(const Visit& visit) const {
    if (pattern_.stream.exists() && visit.fits[pattern_.stream.index]) return true;
    if (pattern_.stream.exists() && !keeps_bases_) return false;
    for (std::size_t i = 0; i < condition_cells_; ++i) {
      const Cell& cell = program_.cells[cells_[i].index];
      if (visit.fits[cell.stream.index] || (cell.second.exists() && visit.fits[cell.second.index])) return true;
      if (cell.window.kind != Window::Kind::streak && cell.window.kind != Window::Kind::of_last) continue;
      if (cell.window.breaking.exists() ? static_cast<bool>(visit.fits[cell.window.breaking.index])
                                        : is_base(cell.stream, *visit.event))
        return true;
    }
    return false;
  }

  // ----- as bytes -------------------------------------------------------------------------------------

  template <class Archive>
  void parts(Archive& a, State& state) const {
    if (running_) matcher_parts(a, *running_, *state.running);
    CaptureWords captures = captures_;
    if (!running_) a(captures);
    const std::size_t count = a.count(state.entries.size());
    for (std::size_t i = 0; i < count && a.ok(); ++i) {
      if constexpr (Archive::kReads) state.entries.emplace_back();
      entry_parts(a, state.entries[i], captures);
    }
    const std::size_t windows = state.gone.size(), firsts = state.first_events.size();
    a(state.from, state.seen_at, state.first_events, state.last_event, state.holding, state.held, state.judged,
      state.nested_armed, state.places, state.taken, state.gone, state.window_end, state.renewed, state.reopened,
      state.opens_later);
    if (state.gone.size() != windows || state.first_events.size() != firsts) a.fail();
    map_parts(a, state.last_value);
    for (std::size_t i = 0; i < nested_.size(); ++i) matcher_parts(a, *nested_[i], *state.nested[i]);
    if (state.nested_armed.size() != nested_.size()) a.fail();
  }

  template <class Archive>
  void entry_parts(Archive& a, Entry& entry, const CaptureWords& captures) const {
    a(entry.seen, entry.number, entry.changed);
    label_parts(a, program_, entry.label, label_of_type(program_, pattern_.steps.front(), entry.seen.event().type));
    bool is_match = entry.inner != nullptr;
    a(is_match);
    if (!is_match) return;
    if constexpr (Archive::kReads) {
      auto inner = std::make_shared<Inner>();
      inner_parts(a, *inner);
      if (captures != captures_) inner->captures = captures_of_today(inner->captures, captures, captures_);
      entry.inner = std::move(inner);
    } else {
      inner_parts(a, const_cast<Inner&>(*entry.inner));
    }
  }

  template <class Archive>
  void inner_parts(Archive& a, Inner& inner) const {
    a(inner.captures, inner.values, inner.first, inner.last);
    if (inner.values.values().size() != cells_.size()) a.fail();
    const std::size_t rows = a.count(inner.evidence.size());
    for (std::size_t i = 0; i < rows && a.ok(); ++i) {
      if constexpr (Archive::kReads) inner.evidence.emplace_back();
      Evidence& row = inner.evidence[i];
      label_parts(a, program_, row.label, {});
      a(row.count, row.events);
    }
  }

  // ----- what is kept ---------------------------------------------------------------------------------

  // `counted`: the condition names it; else it only ends a `duration`, and no key's history begins with it (A5).
  void take(State& state, Entry entry, bool counted, const EvalContext& context, Time now) const {
    prune(state, now);
    empty_before_ = has_edges() && nothing_left(state, now);
    if (counted) {
      for (std::size_t i = 0; i < state.first_events.size(); ++i)
        begin_history(state.first_events[i], program_.cells[cells_[i].index], state.last_event, now);
      state.last_event = now;
    }
    mark_changes(state, entry, context);
    entry.number = ++state.taken;
    entry.label = label_of(program_, pattern_.steps.front(), entry.seen.event(), evaluator_, context);
    state.entries.push_back(std::move(entry));
    state.renewed = false;
    if (pattern_.form == Pattern::Form::aligned && !state.window_end) state.window_end = window_.end(now);
    if (state.entries.size() > options_.window_events) keep_to_limit(state, now);
  }

  // Each window for itself lets go of its oldest, as running windows do: a flood of one event takes nothing from
  // another's.
  void keep_to_limit(State& state, Time now) const {
    if (pattern_.form == Pattern::Form::ranking) {
      state.entries.pop_front();
      return options_.count_cut();
    }
    for (std::size_t i = 0; i < windows_.size(); ++i) {
      const Counted of = counted(state, windows_[i].cell, windows_[i].second);
      if (!counts(of, state.entries.back())) continue;
      const Selected kept = in_all_windows(state, of, now);
      if (kept.size() <= options_.window_events) continue;
      state.gone[i] = kept.front()->number;
      options_.count_cut();
    }
    const auto unwanted = [&](const Entry& e) { return !is_wanted(state, e); };
    while (!state.entries.empty() && unwanted(state.entries.front())) state.entries.pop_front();
    // What one window still wants may stand before much that none does.
    const std::size_t most = 2 * (windows_.size() + 1) * options_.window_events;
    if (state.entries.size() > most) state.entries.erase_if(unwanted);
    while (state.entries.size() > most) state.entries.pop_front();
  }

  bool is_wanted(const State& state, const Entry& entry) const {
    const bool between_them = keeps_bases_ && is_kept_base(entry.seen.event());
    if (between_them && entry.number > *std::ranges::min_element(state.gone)) return true;
    return std::ranges::any_of(windows_, [&](const Kept& kept) {
      const Counted of = counted(state, kept.cell, kept.second);
      return counts(of, entry) || has_place(state, of, entry);
    });
  }

  // What a window counts: of a cell, or of the second stream of its `ratio`.
  struct Counted {
    const Cell* cell;
    StreamId stream;
    std::uint64_t gone;  // entries up to this number fell out for the limit
  };

  Counted counted(const State& state, CellId id, bool second = false) const {
    const Cell& cell = program_.cells[id.index];
    const auto at = std::ranges::find(windows_, Kept{id, second});
    const auto gone =
        at == windows_.end() ? 0 : state.gone[static_cast<std::size_t>(std::distance(windows_.begin(), at))];
    return {&cell, second ? cell.second : cell.stream, gone};
  }

  static bool fits(const Counted& of, const Entry& e) { return e.number > of.gone && e.seen.fits(of.stream); }
  bool counts(const Counted& of, const Entry& e) const { return fits(of, e) && has_value(e, *of.cell); }

  void mark_changes(State& state, Entry& entry, const EvalContext& context) const {
    for (std::size_t i = 0; i < cells_.size(); ++i) {
      const Cell& cell = program_.cells[cells_[i].index];
      if (aggregates()[cell.function.index].kind != AggregateKind::changes || !entry.seen.fits(cell.stream)) continue;
      std::string key;
      if (!append_values(key, cell, entry.seen.event(), context)) continue;
      auto [last, fresh] = state.last_value.try_emplace(i, key);
      if (!fresh && last->second != key) entry.changed |= std::uint64_t{1} << i;
      last->second = key;
    }
  }

  void prune(State& state, Time now) const {
    auto& entries = state.entries;
    if (pattern_.form == Pattern::Form::aligned) return;  // its window takes them away
    if (only_spans_) {
      const auto left = std::partition_point(entries.begin(), entries.end(),
                                             [&](const Entry& e) { return e.seen.time() < now - horizon_; });
      auto kept = entries.begin();
      for (auto e = entries.begin(); e != left; ++e)
        if (reaches_on(*e, e + 1, left)) *kept++ = std::move(*e);
      entries.erase(kept, left);
      return;
    }
    if (cells_.size() != 1) return;  // mixed windows: up to the limit
    const Window& window = program_.cells[cells_.front().index].window;
    if (!lasting_.empty()) return;  // what ends an x stands between them: up to the limit
    if (window.kind == Window::Kind::last || window.kind == Window::Kind::of_last)
      while (entries.size() > window.count) entries.pop_front();
    if (window.kind == Window::Kind::streak || window.kind == Window::Kind::chain) {
      const Selected kept = select(state, counted(state, cells_.front()), now, false);
      while (!entries.empty() && (kept.empty() || &entries.front() != kept.front())) entries.pop_front();
    }
  }

  // A window that stands still is judged at its end, a ranking tells of places: neither asks whether anything was left.
  bool has_edges() const { return pattern_.form == Pattern::Form::condition; }

  // duration(x): the last event of x's base before the window reaches into it.
  template <class At>
  bool reaches_on(const Entry& entry, At next, At end) const {
    return std::ranges::any_of(lasting_, [&](StreamId x) {
      return is_base(x, entry.seen.event()) &&
             std::none_of(next, end, [&](const Entry& e) { return is_base(x, e.seen.event()); });
    });
  }

  // F1: nothing of what it counts, in any window it looks at.
  bool nothing_left(const State& state, Time now) const {
    for (std::size_t i = 0; i < condition_cells_; ++i) {
      const Cell& cell = program_.cells[cells_[i].index];
      const Counted of = counted(state, cells_[i]);
      if (!in_all_windows(state, of, now).empty() || lasts_into(state, of, now)) return false;
      if (cell.second.exists() && !select(state, counted(state, cells_[i], true), now, false).empty()) return false;
    }
    return true;
  }

  // The x of a `duration(x)` is there up to the next event of its base, however long its report is over (A7).
  bool lasts_into(const State& state, const Counted& of, Time now) const {
    const Cell& cell = *of.cell;
    if (aggregates()[cell.function.index].kind != AggregateKind::duration) return false;
    if (cell.window.kind != Window::Kind::span || cell.window.length.us == 0) return false;
    return std::ranges::any_of(state.entries, [&](const Entry& e) {
      return e.number > of.gone && e.seen.fits(cell.stream) && next_of_base(state, cell, e, now) > now - reach_of(cell);
    });
  }

  // ----- windows -------------------------------------------------------------------------------------

  // Those of the windows that it is compared with, too; of an aligned one, those that it holds so far.
  Selected in_all_windows(const State& state, const Counted& of, Time now) const {
    switch (of.cell->window.kind) {
      case Window::Kind::span:
        return between(state, of, now - reach_of(*of.cell), now, false, true);
      case Window::Kind::frame:
        return between(state, of, now - kForEver, now, false, true);
      case Window::Kind::last:
      case Window::Kind::streak:
      case Window::Kind::chain:
      case Window::Kind::of_last:
      case Window::Kind::step:
        return select(state, of, now, false);
    }
    return {};
  }

  // The events of the cell's window at `now`: closed for an event, open at its old end right after (T5).
  Selected select(const State& state, const Counted& of, Time now, bool after) const {
    const Cell& cell = *of.cell;
    switch (cell.window.kind) {
      case Window::Kind::span: {
        const Duration length = cell.window.length.us == 0 ? kForEver : cell.window.length;
        return between(state, of, now - length, now, after, true);
      }
      case Window::Kind::last:
        return last_of(state, of);
      case Window::Kind::streak:
        return streak(state, of, now);
      case Window::Kind::chain:
        return chain(state, of, now);
      case Window::Kind::of_last:
        return of_last(state, of);
      case Window::Kind::frame: {
        Selected out;
        for (const Entry& e : state.entries)
          if (counts(of, e) && e.seen.time() < frame_end_) out.push_back(&e);
        return out;
      }
      case Window::Kind::step:
        break;
    }
    return {};
  }

  // Events in [from, to], or [from, to) when not closed; right after an instant both ends have moved on: (from, to].
  Selected between(const State& state, const Counted& of, Time from, Time to, bool after, bool closed) const {
    Selected out;
    for (const Entry& e : state.entries) {
      const Time t = e.seen.time();
      if (after ? t <= from : t < from) continue;
      if (closed || after ? t > to : t >= to) break;
      if (counts(of, e)) out.push_back(&e);
    }
    return out;
  }

  bool has_value(const Entry& entry, const Cell& cell) const {
    const AggregateKind kind = aggregates()[cell.function.index].kind;
    if (kind == AggregateKind::changes) {
      for (std::size_t i = 0; i < cells_.size(); ++i)
        if (&program_.cells[cells_[i].index] == &cell) return (entry.changed >> i & 1) != 0;
      return false;
    }
    if (entry.inner != nullptr || !reads_values(cell)) return true;
    std::string key;  // A1, E5: without the value that is read it is not counted
    EvalContext context;
    context.scratch = &scratch_;
    return append_values(key, cell, entry.seen.event(), context);
  }

  bool reads_values(const Cell& cell) const {
    const auto& alternatives = program_.streams[cell.stream.index].alternatives;
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [](const Alternative& a) { return !a.values.empty(); });
  }

  // Does the event take a place among the last N? Of a `ratio`, those of either do (A6).
  static bool takes_place(const Counted& of, const Entry& e) {
    const Cell& cell = *of.cell;
    return e.number > of.gone && (e.seen.fits(cell.stream) || (cell.second.exists() && e.seen.fits(cell.second)));
  }

  // Without a value it takes a place among the last N all the same.
  static bool has_place(const State& state, const Counted& of, const Entry& entry) {
    if (of.cell->window.kind != Window::Kind::last || !takes_place(of, entry)) return false;
    std::uint32_t n = of.cell->window.count;
    for (auto e = state.entries.rbegin(); e != state.entries.rend() && e->number > entry.number && n > 0; ++e)
      if (takes_place(of, *e)) --n;
    return n > 0;
  }

  Selected last_of(const State& state, const Counted& of) const {
    Selected out;
    std::uint32_t n = of.cell->window.count;
    for (auto e = state.entries.rbegin(); e != state.entries.rend() && n > 0; ++e) {
      if (!takes_place(of, *e)) continue;
      --n;
      if (counts(of, *e)) out.push_back(&*e);
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  // Is it of those among which a streak, or `of last`, looks for its own?
  bool fills(const Counted& of, const Entry& e) const {
    const StreamId breaking = of.cell->window.breaking;
    return breaking.exists() ? static_cast<bool>(e.seen.fits(breaking)) : is_base(of.stream, e.seen.event());
  }

  Selected streak(const State& state, const Counted& of, Time now) const {
    const Duration cap = of.cell->window.cap;
    Selected out;
    for (auto e = state.entries.rbegin(); e != state.entries.rend() && e->number > of.gone; ++e) {
      if (cap.us != 0 && e->seen.time() < now - cap) break;
      if (fits(of, *e))
        out.push_back(&*e);
      else if (fills(of, *e))
        break;
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  static Selected chain(const State& state, const Counted& of, Time now) {
    const Window& window = of.cell->window;
    Selected out;
    for (auto e = state.entries.rbegin(); e != state.entries.rend(); ++e) {
      if (!fits(of, *e)) continue;
      if (!out.empty() && out.back()->seen.time() - e->seen.time() > window.length) break;
      if (out.empty() && now - e->seen.time() > window.length) break;
      if (window.cap.us != 0 && e->seen.time() < now - window.cap) break;
      out.push_back(&*e);
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  Selected of_last(const State& state, const Counted& of) const {
    Selected out;
    std::size_t n = 0;
    for (auto e = state.entries.rbegin(); e != state.entries.rend() && n < of.cell->window.count; ++e) {
      if (!fills(of, *e)) continue;
      ++n;
      if (fits(of, *e)) out.push_back(&*e);
    }
    std::reverse(out.begin(), out.end());
    return out;
  }

  // ----- values --------------------------------------------------------------------------------------

  bool append_values(std::string& key, const Cell& cell, const Event& event, const EvalContext& context) const {
    return tocsin::append_values(key, program_, cell.stream, event, context, evaluator_);
  }
  Value sample_value(const Cell& cell, const Event& event, const EvalContext& context) const {
    return tocsin::sample_value(program_, cell.stream, event, context, evaluator_);
  }

  // `after`: right after `now`, so that what happened at `from` lies before the window (T5).
  Value over(const State& state, const Counted& of, const Selected& selected, const EvalContext& context, Time from,
             Time now, std::size_t second, bool after) const {
    const Cell& cell = *of.cell;
    const bool duration = aggregates()[cell.function.index].kind == AggregateKind::duration;
    std::vector<Sample> samples;
    samples.reserve(selected.size());
    for (const Entry* e : selected) {
      if (e->inner != nullptr && reads_values(cell)) {
        add_inner(samples, *e, cell, now);
        continue;
      }
      Sample s{e->seen.time(), sample_value(cell, e->seen.event(), context), now};
      if (duration) s.until = next_of_base(state, cell, *e, now);
      samples.push_back(s);
    }
    const bool begins_in_time = cell.window.kind == Window::Kind::span && cell.window.length.us != 0;
    if (duration && begins_in_time) {  // the x before the window reaches into it, cut there (A7)
      const Entry* before = nullptr;
      for (const Entry& e : state.entries) {
        if (after ? e.seen.time() > from : e.seen.time() >= from) break;
        if (e.number > of.gone && is_base(cell.stream, e.seen.event())) before = &e;
      }
      if (before != nullptr && before->seen.fits(cell.stream))
        samples.insert(samples.begin(), Sample{from, {}, next_of_base(state, cell, *before, now)});
    }
    return aggregate_of(cell, samples, from, now, second, *context.scratch);
  }

  // What a step took in a match of a counted group.
  void add_inner(std::vector<Sample>& samples, const Entry& entry, const Cell& cell, Time now) const {
    const auto id = std::ranges::find(cells_, &cell, [this](CellId c) { return &program_.cells[c.index]; });
    const Value values = entry.inner->values.values()[static_cast<std::size_t>(id - cells_.begin())];
    if (values.type() != Type::list) return;
    for (const Value& value : values.as_list()) samples.push_back({entry.seen.time(), value, now});
  }

  Time next_of_base(const State& state, const Cell& cell, const Entry& entry, Time now) const {
    bool passed = false;
    for (const Entry& e : state.entries) {
      if (passed && is_base(cell.stream, e.seen.event())) return std::min(e.seen.time(), now);
      if (&e == &entry) passed = true;
    }
    return now;
  }

  Value value_of(const State& state, CellId id, const EvalContext& context, Time now, bool after) const {
    const Cell& cell = program_.cells[id.index];
    const Duration w = cell.window.length;
    std::size_t second = 0;
    if (cell.second.exists()) second = select(state, counted(state, id, true), now, after).size();
    switch (cell.baseline.kind) {
      case Baseline::Kind::none:
      case Baseline::Kind::forecast: {
        const Selected selected = select(state, counted(state, id), now, after);
        Time from = now - w;
        if (cell.window.kind != Window::Kind::span || w.us == 0)
          from = selected.empty() ? now : selected.front()->seen.time();
        if (cell.window.kind == Window::Kind::frame) from = frame_begin_;
        return over(state, counted(state, id), selected, context, from, now, second, after);
      }
      case Baseline::Kind::previous: {
        const Time from{now.us - 2 * w.us};
        const Counted of = counted(state, id);
        return over(state, of, between(state, of, from, now - w, after, false), context, from, now - w, second, after);
      }
      case Baseline::Kind::average:
      case Baseline::Kind::zscore:
        return against_history(state, id, context, now, after);
    }
    return {};
  }

  // A5: the windows before the current one that begin at or after the key's first event.
  Value against_history(const State& state, CellId id, const EvalContext& context, Time now, bool after) const {
    const Cell& cell = program_.cells[id.index];
    const Counted of = counted(state, id);
    const Duration w = cell.window.length;
    const std::optional<Time> first =
        state.first_events[static_cast<std::size_t>(std::ranges::find(cells_, id) - cells_.begin())];
    PastValues values(cell.baseline.kind);
    for (std::int64_t i = 1; i <= windows_before(cell); ++i) {
      const Time from{now.us - (i + 1) * w.us}, to{now.us - i * w.us};
      if (!first || from < *first) break;
      const Value v = over(state, of, between(state, of, from, to, after, false), context, from, to, 0, after);
      if (const auto value = PastValue::of(v)) values.add(*value);
    }
    const Value current = cell.baseline.kind == Baseline::Kind::zscore
                              ? over(state, of, select(state, of, now, after), context, now - w, now, 0, after)
                              : Value();
    return values.compared_with(current, 0, std::nullopt);
  }

  // ----- judging -------------------------------------------------------------------------------------

  // The first judgement after the opening in which `now` lies, or after the next one.
  struct Reopened {
    std::optional<Time> at;
    bool later = false;
  };
  Reopened reopened(const ReferenceData& data, Time now) const {
    const Time opened = openings_.from(&data, now - pattern_.length, now) + pattern_.length;
    if (opened > now) return {opened, false};
    const auto next = openings_.next(data, now);
    return {next ? std::optional(*next + pattern_.length) : std::nullopt, true};
  }

  bool may_judge(const State& state, Instant now, const ReferenceData* data) const {
    if (!pattern_.needs_seen) return true;
    if (!state.seen_at.has_value()) return false;
    return now >= Instant{openings_.from(data, *state.seen_at, now.time) + pattern_.length, Phase::waited};
  }

  void judge_event(State& state, const EvalContext& context, Time now, const Findings& found) const {
    const Instant instant{now, Phase::event};
    state.judged = instant;
    if (pattern_.form == Pattern::Form::ranking) return rank(state, context, now, false, found);
    if (pattern_.form == Pattern::Form::aligned || !may_judge(state, instant, context.reference)) return;
    judge(state, context, now, false, true, found);
  }

  // Each says whether it was true and the rule silent.
  bool judge(State& state, const EvalContext& context, Time now, bool after, bool by_event,
             const Findings& found) const {
    const bool nothing_left = by_event && empty_before_ && !pattern_.true_of_nothing;
    if (running_)
      return judge(state, RunningWindows::View(*running_, *state.running, context, now), context, by_event,
                   nothing_left, found);
    return judge(state, look(state, context, now, after), context, by_event, nothing_left, found);
  }

  bool judge(State& state, const Report& report, const EvalContext& context, bool by_event, bool nothing_left,
             const Findings& found) const {
    const Time now = report.at();
    EvalContext at = context;
    at.match = &report;
    at.time = now;
    const bool holds = evaluator_.holds(pattern_.condition, at);
    if (pattern_.hold.us != 0) {
      if (!holds) {
        state.holding.reset();
        state.held = false;
      } else {
        if (!state.holding) state.holding = now;
        if (!state.held) {
          if (nothing_left) found(Finding{Finding::Kind::judged, false, true, true, nullptr, false});
          return false;
        }
      }
    }
    Finding finding;
    finding.kind = Finding::Kind::judged;
    finding.holds = holds;
    finding.by_event = by_event;
    finding.nothing_left = nothing_left;
    finding.report = holds ? &report : nullptr;
    found(finding);
    return finding.refused;
  }

  // F8: no event may ever come at which what is true of nothing is judged again, so it is judged again after the
  // longest of its windows. What a calendar keeps silent waits for its opening (F15).
  void put_off(State& state, Time now, const ReferenceData* data) const {
    if (!pattern_.true_of_nothing || longest_.us == 0) return;
    if (openings_.any() && data != nullptr && Openings::closed(program_, *data, now)) return;
    Reopened then{now + longest_, true};
    if (openings_.any() && pattern_.needs_seen && data != nullptr)
      if (const Reopened opens = reopened(*data, now); opens.at && *opens.at < *then.at) then = opens;
    state.reopened = then.at;
    state.opens_later = then.later;
  }

  // `C for D` has held for long enough, if it holds still: time alone may have ended it since it was judged (C4).
  bool report_held(State& state, const EvalContext& context, Instant now, const Findings& found) const {
    const auto report = [&](const Report& held) {
      EvalContext at = context;
      at.match = &held;
      at.time = now.time;
      if (!evaluator_.holds(pattern_.condition, at)) {
        state.holding.reset();
        state.held = false;
        return false;
      }
      Finding finding;
      finding.kind = Finding::Kind::judged;
      finding.by_event = false;
      finding.report = &held;
      found(finding);
      return finding.refused;
    };
    const bool after = now.phase == Phase::waited;
    if (!running_) return report(look(state, context, now.time, after));
    running_->advance(*state.running, now.time, after);
    return report(RunningWindows::View(*running_, *state.running, context, now.time));
  }

  EventsReport look(const State& state, const EvalContext& context, Time now, bool after) const {
    EventsReport report(program_, pattern_, evaluator_, context, now);
    std::vector<const Entry*> all;  // C2: what it counted, each event once
    for (const CellId id : pattern_.evidence) {
      const Selected of_first = select(state, counted(state, id), now, after);
      all.insert(all.end(), of_first.begin(), of_first.end());
      if (!program_.cells[id.index].second.exists()) continue;
      const Selected of_second = select(state, counted(state, id, true), now, after);
      all.insert(all.end(), of_second.begin(), of_second.end());
    }
    std::sort(all.begin(), all.end(), [](const Entry* a, const Entry* b) { return a->number < b->number; });
    all.erase(std::unique(all.begin(), all.end()), all.end());
    for (const Entry* e : all) {
      if (e->inner != nullptr) {
        report.add_match(e->inner->evidence, e->inner->captures.values());
        report.bound(report.first() == nullptr ? &e->inner->first.event() : report.first(), &e->inner->last.event());
      } else {
        report.add_labelled(e->seen.event(), e->label);
      }
    }
    report.set(Fact::count, Value::integer(static_cast<std::int64_t>(all.size())));
    report.set_cells(
        [this, &state, &context, now, after](CellId id) { return value_of(state, id, context, now, after); });
    EvalContext at = context;
    at.match = &report;
    at.time = now;
    if (pattern_.value.exists()) report.set(Fact::value, evaluator_.evaluate(pattern_.value, at));
    if (pattern_.baseline.exists()) report.set(Fact::baseline, evaluator_.evaluate(pattern_.baseline, at));
    return report;
  }

  // The next time at which an event leaves a window, or moves from one to the next.
  std::optional<Time> next_expiry(const State& state) const {
    if (running_) return running_->next_expiry(*state.running, state.judged);
    std::optional<Time> out;
    // The first entry of the window that is younger than that. What only ends a `duration` or a streak, or has no value
    // to count (E5), is in no window.
    const auto leaves_after = [&](Duration offset, const auto& is_counted) {
      const auto first = std::partition_point(state.entries.begin(), state.entries.end(), [&](const Entry& e) {
        return Instant{e.seen.time() + offset, Phase::waited} <= state.judged;
      });
      const auto leaves = std::find_if(first, state.entries.end(), is_counted);
      if (leaves == state.entries.end()) return;
      const Time t = leaves->seen.time() + offset;
      if (!out || t < *out) out = t;
    };
    if (pattern_.form == Pattern::Form::ranking)
      leaves_after(pattern_.length, [&](const Entry& e) { return e.seen.fits(pattern_.stream); });
    for (std::size_t at = 0; at < condition_cells_; ++at) {  // not what the alert alone shows
      const CellId id = cells_[at];
      const Cell& cell = program_.cells[id.index];
      const Duration w = cell.window.length;
      if (pattern_.form == Pattern::Form::ranking || cell.window.kind != Window::Kind::span || w.us == 0) continue;
      for (std::int64_t i = 0; i <= windows_before(cell); ++i)
        leaves_after({w.us * (i + 1)}, [&](const Entry& e) { return counts(counted(state, id), e); });
      if (cell.second.exists()) leaves_after(w, [&](const Entry& e) { return fits(counted(state, id, true), e); });
    }
    for (std::size_t i = 0; i < std::min(condition_cells_, state.first_events.size()); ++i)
      if (const auto& first = state.first_events[i])
        if (const auto t = next_window_behind(program_.cells[cells_[i].index], *first, state.judged))
          if (!out || *t < *out) out = t;
    return out;
  }

  // A match of a counted group: it happens like an event (C7).
  void inner_match(State& state, std::size_t nested, const Finding& inner, Time now, const Visit& visit,
                   const Findings& found) const {
    if (inner.kind == Finding::Kind::judged) {
      if (inner.by_event && (inner.nothing_left || !inner.holds)) state.nested_armed[nested] = true;
      if (!inner.holds || !state.nested_armed[nested]) return;
      state.nested_armed[nested] = false;
    }
    if (inner.report == nullptr || inner.report->last() == nullptr) return;
    Event event = *inner.report->last();
    event.time = now;
    Entry entry{Seen(event, nested_streams_[nested]), 0, 0, {}, nullptr};
    auto match = std::make_shared<Inner>(
        Inner{{}, {}, {}, Seen(*inner.report->first(), StreamSet()), Seen(*inner.report->last(), StreamSet())});
    inner.report->evidence(match->evidence);
    EvalContext within = visit.context;
    within.match = inner.report;
    std::vector<Value> captures;
    for (const auto& capture : pattern_.steps.front().captures)
      captures.push_back(capture.empty() ? Value() : evaluator_.evaluate(capture.front(), within));
    match->captures = OwnedValues(captures);
    std::vector<Value> values;
    for (const CellId id : cells_) {
      const StreamId stream = program_.cells[id.index].stream;
      values.emplace_back();
      if (!stream.exists() || !nested_streams_[nested][stream.index]) continue;
      const auto& of = program_.streams[stream.index].alternatives.front().values;
      if (!of.empty() && of.front().exists()) values.back() = evaluator_.evaluate(of.front(), within);
    }
    match->values = OwnedValues(values);
    entry.inner = std::move(match);
    take(state, std::move(entry), true, visit.context, now);
    judge_event(state, visit.context, now, found);
  }

  // ----- each -----------------------------------------------------------------------------------------

  void close_windows(State& state, Instant now, const EvalContext& context, const Findings& found) const {
    while (state.window_end && Instant{*state.window_end, Phase::over} <= now) {
      frame_end_ = *state.window_end;
      frame_begin_ = window_.begin(Time{frame_end_.us - 1});
      EventsReport report = look(state, context, frame_end_, false);
      EvalContext at = context;
      at.match = &report;
      at.time = frame_end_;
      // C3: the first whole window after the key was seen.
      const bool judged = !pattern_.needs_seen || (state.seen_at && *state.seen_at <= frame_begin_);
      if (judged && evaluator_.holds(pattern_.condition, at)) {
        Finding finding;
        finding.report = &report;
        found(finding);
      }
      while (!state.entries.empty() && state.entries.front().seen.time() < frame_end_) state.entries.pop_front();
      // A window without events is judged where it may be true of nothing.
      state.window_end.reset();
      state.renewed = state.entries.empty();
      if (!state.entries.empty())
        state.window_end = window_.end(state.entries.front().seen.time());
      else if (pattern_.true_of_nothing)
        state.window_end = window_.end(frame_end_);
    }
  }

  // ----- top N ----------------------------------------------------------------------------------------

  void rank(State& state, const EvalContext& context, Time now, bool after, const Findings& found) const {
    const Time from = now - pattern_.length;
    struct Ranked {
      std::string key, shown;  // ties go by the bytes that people see (A7)
      std::vector<const Entry*> entries;
    };
    std::map<std::string, Ranked> by_value;
    Cell cell;
    cell.stream = pattern_.stream;
    for (const Entry& e : state.entries) {
      if (after ? e.seen.time() <= from : e.seen.time() < from) continue;
      std::string key;
      if (!e.seen.fits(pattern_.stream) || !append_values(key, cell, e.seen.event(), context)) continue;
      Ranked& row = by_value[key];
      row.key = key;
      if (row.entries.empty()) append_text(row.shown, sample_value(cell, e.seen.event(), context));
      row.entries.push_back(&e);
    }
    std::vector<Ranked> ranked;
    for (auto& [key, row] : by_value) ranked.push_back(std::move(row));
    std::stable_sort(ranked.begin(), ranked.end(), [](const Ranked& a, const Ranked& b) {
      return a.entries.size() != b.entries.size() ? a.entries.size() > b.entries.size() : a.shown < b.shown;
    });
    if (ranked.size() > pattern_.count) ranked.resize(pattern_.count);
    const std::vector<std::string> before = std::move(state.places);
    bool refused = false;
    state.places.clear();
    for (const Ranked& row : ranked) state.places.push_back(row.key);
    for (std::size_t i = 0; i < ranked.size(); ++i) {
      if (i < before.size() && before[i] == ranked[i].key) continue;
      EventsReport report(program_, pattern_, evaluator_, context, now);
      for (const Entry* e : ranked[i].entries) report.add(0, e->seen.event());
      report.set(Fact::rank, Value::integer(static_cast<std::int64_t>(i) + 1));
      Finding finding;
      finding.report = &report;
      found(finding);
      refused = refused || finding.refused;
    }
    if (refused) state.places = before;  // F8: what still holds when it may speak again is news then
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
  CaptureWords captures_;
  std::optional<RunningWindows> running_;
  std::vector<CellId> cells_;  // those of the condition first
  std::size_t condition_cells_ = 0;
  std::vector<Kept> windows_;  // of cells_
  StreamSet streams_;
  std::vector<StreamId> streams_list_, base_streams_;
  std::vector<PatternId> nested_patterns_;
  std::vector<StreamSet> nested_streams_;  // of each of them
  std::vector<std::unique_ptr<PatternMatcher>> nested_;
  Duration horizon_{};
  Duration longest_{};  // of the windows of the condition
  bool only_spans_ = true, keeps_bases_ = false;
  bool compares_ = false;          // some cell is compared with the windows before (A5)
  std::vector<StreamId> lasting_;  // x of duration(x)
  AlignedWindow window_{pattern_.length, pattern_.zone};
  Openings openings_;
  // Of the call in hand: a shard is one thread, and a matcher belongs to one shard.
  mutable bool empty_before_ = false;
  mutable Time frame_begin_{}, frame_end_{};
  mutable Scratch scratch_;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_condition(const RuleSet& rules, const Program& program, const Pattern& pattern,
                                               const Evaluator& evaluator, const MatchOptions& options) {
  return std::make_unique<Condition>(rules, program, pattern, evaluator, options);
}

}  // namespace tocsin
