// Counts, streaks, absences, conditions: each form is worked out anew from the list of the key's events.
#include "tests/support/reference_tracker.h"

#include <algorithm>
#include <map>

namespace tocsin::reference {
namespace {
using Form = Pattern::Form;
using How = ast::Fire::How;

bool has(const Seen& x, const std::vector<std::string>& path) { return path.empty() || !field(x, path).missing(); }

const Item* only_repeated(const Variants& variants) {
  for (const Items& items : variants)
    for (const Item& item : items) {
      if (item.kind == Item::Kind::repeat || item.kind == Item::Kind::repeat_group) return &item;
      for (const Variants& alternative : item.alternatives)
        if (const Item* inside = only_repeated(alternative)) return inside;
    }
  return nullptr;
}
}  // namespace

std::optional<Time> Match::first() const {
  std::optional<Time> out;
  for (const Taken& t : taken)
    if (!out || t.event->time < *out) out = t.event->time;
  return out;
}
std::optional<Time> Match::last() const {
  std::optional<Time> out;
  for (const Taken& t : taken)
    if (!out || t.event->time > *out) out = t.event->time;
  return out;
}

Tracker::Tracker(Setup setup, Time watching, bool seen) : s_(std::move(setup)), p_(*s_.pattern), watching_(watching) {
  if (!seen) return;
  seen_ = watching;
  if (p_.form == Form::silence) silent_since_ = watching;
  if (p_.form == Form::silence) wakes.push_back({watching + p_.length});
  if (p_.form == Form::fewer && p_.within) wakes.push_back({watching + *p_.within});
}

Events Tracker::visible() const {
  Events out;
  for (const Seen* e : events_)
    if (e->order > start_) out.push_back(e);
  return out;
}

Scope Tracker::scope(const std::vector<Taken>* taken) const {
  Scope scope;
  scope.model = s_.model;
  scope.history = s_.history != nullptr ? s_.history : &events_;
  scope.taken = taken;
  scope.names = &p_.names;
  scope.values = &s_.key;
  return scope;
}

void Tracker::wake_for(const Seen& e) {
  for (const Duration d : p_.delays) wakes.push_back({e.time + d, waiting_after(e)});
  if (p_.each) wakes.push_back({aligned_window(*p_.each, e.time).second, Waiting::if_something_does});
}

// Can it say something when only time goes on? Nobody waits for the others (T8).
Tracker::Waiting Tracker::waiting_after(const Seen& e) const {
  const auto when = [](bool waits) { return waits ? Waiting::yes : Waiting::no; };
  switch (p_.form) {
    case Form::silence: {
      const std::vector<Taken> none;
      return when(fits(p_.stream, e, scope(&none)));
    }
    case Form::held:  // only its run is waited for: holding()
      return Waiting::no;
    case Form::fewer:
    case Form::ranking:
    case Form::condition:
      return Waiting::if_something_does;
    case Form::sequence:
      return p_.timed ? Waiting::if_something_does : Waiting::no;
    case Form::count:
      return when(p_.hold || (p_.inner != nullptr && (p_.inner->form != Form::sequence || p_.inner->timed)));
    case Form::consecutive:
    case Form::apart:
    case Form::distinct:
    case Form::of_last:
    case Form::changes:
      return when(p_.hold.has_value());
    case Form::fresh:
    case Form::idle:
    case Form::without:
      return Waiting::no;
  }
  return Waiting::no;
}

// Of an aligned window that holds an event that it looks at.
bool Tracker::ends_window(Time t) const {
  const auto [start, end] = aligned_window(*p_.each, Time{t.us - 1});
  const std::vector<Taken> none;
  const Scope sc = scope(&none);
  return end == t && std::ranges::any_of(visible(), [&, from = start](const Seen* e) {
           if (e->time < from || e->time >= t) return false;
           if (p_.form != Form::condition) return p_.inner != nullptr || fits(p_.stream, *e, sc);
           return std::ranges::any_of(p_.judged, [&](const Stream& s) { return fits(s, *e, sc); });
         });
}

bool Tracker::waits_at(Time deadline) const {
  if (p_.each) return ends_window(deadline);
  if (p_.form == Form::fewer || p_.form == Form::ranking || p_.form == Form::condition) return expires_at(deadline);
  if (p_.form != Form::sequence) return false;
  // What a pattern inside waits for is not seen from here.
  const auto has_inner = [](const Items& items) {
    return std::ranges::any_of(items, [](const Item& i) { return i.inner != nullptr; });
  };
  if (std::ranges::any_of(p_.variants, has_inner)) return true;
  const Events all = visible();
  Search search = this->search(all, deadline);
  search.accept = [](const Choice&) { return true; };
  return !choices(search).empty();
}

// F3, "fire and start over": everything of the key up to now is gone.
void Tracker::start_over(std::int64_t order) {
  start_ = order;
  armed_ = true;
  true_since_.reset();
}

Time Tracker::from_opening(Time t, Time now) const {
  if (!s_.opening) return t;
  const auto opening = s_.opening(now);
  return opening ? std::max(t, *opening) : t;
}

std::vector<Taken> Tracker::named(const Events& events) const {
  std::vector<Taken> out;
  const Scope sc = scope(&out);
  for (const Seen* e : events) {
    std::string written;
    if (p_.name.empty()) fits(p_.stream, *e, sc, &written);
    out.push_back({e, p_.name.empty() ? (written.empty() ? p_.stream.name : written) : p_.name, 0, true});
  }
  return out;
}

Match Tracker::matched(const std::vector<Taken>& taken, Time at) const {
  Match m;
  m.taken = taken;
  m.at = at;
  m.count = 0;
  for (const Taken& t : taken) m.count = *m.count + (t.shown ? 1 : 0);
  return m;
}

bool Tracker::where_holds(Match& match, const Windows* windows) {
  if (s_.where == nullptr && !s_.tell) return true;
  Fields values = s_.key;
  if (match.count) values.emplace_back("count", Value::of(*match.count));
  if (const auto first = match.first()) {
    values.emplace_back("first", Value::of(*first));
    values.emplace_back("last", Value::of(*match.last()));
    values.emplace_back("span", Value::of(*match.last() - *first));
  }
  values.emplace_back("time", Value::of(match.at));
  values.insert(values.end(), match.values.begin(), match.values.end());
  Scope sc = scope(&match.taken);
  sc.values = &values;
  sc.windows = windows;
  if (!holds(s_.where, sc)) return false;
  if (s_.tell) s_.tell(match, sc);
  return true;
}

// --- at an event

std::vector<Match> Tracker::event(const Seen& e, bool held) {
  events_.push_back(&e);
  newest_ = e.order;
  wake_for(e);
  const bool of_base = std::find(p_.stream.bases.begin(), p_.stream.bases.end(), e.type) != p_.stream.bases.end();
  switch (p_.form) {
    case Form::sequence:
      return sequence(std::nullopt, held);
    case Form::fresh:
    case Form::idle:
    case Form::without:
      return occurrence(e, held);
    case Form::silence: {
      const std::vector<Taken> none;
      if (fits(p_.stream, e, scope(&none))) {
        silent_since_ = e.time;
        seen_ = seen_ ? seen_ : e.time;
        silence_told_ = false;
        last_x_ = &e;
        armed_ = true;
      }
      return {};
    }
    case Form::ranking: {
      const std::vector<Taken> none;
      if (!fits(p_.stream, e, scope(&none)) || !has(e, p_.values.at(0))) return {};
      return ranking(2 * e.time.us, held);
    }
    case Form::fewer:
      if (const std::vector<Taken> none; fits(p_.stream, e, scope(&none))) started_over_ = false;
      if (of_base && !seen_) {
        seen_ = e.time;
        if (p_.within) wakes.push_back({e.time + *p_.within});
      }
      break;
    case Form::count:
    case Form::consecutive:
    case Form::apart:
    case Form::distinct:
    case Form::of_last:
    case Form::changes:
    case Form::condition:
    case Form::held:
      break;
  }
  if (p_.each) return {};
  auto judged = judge(&e, 2 * e.time.us);
  if (!judged) return {};
  return p_.hold ? holding(std::move(*judged), e.time, true, held) : edge(std::move(*judged), e.time, true, held);
}

// F1, F5: the edge, and every judged event under `fire always`.
std::vector<Match> Tracker::edge(Judgement judged, Time at, bool by_event, bool held) {
  if (by_event && !judged.left_before && !true_of_nothing()) armed_ = true;
  const bool truth = judged.truth.truth() && !held;
  if (!by_event && held && judged.truth.truth()) put_off(at);
  if (!truth) {
    if (by_event) armed_ = true;
    return {};
  }
  const bool fires = armed_ || (by_event && s_.how == How::always);
  armed_ = false;
  if (!fires) return {};
  if (s_.how == How::start_over) {
    start_over(newest_);
    if (p_.form == Form::fewer && p_.within) {  // as a silence does, it watches anew from its fire
      seen_ = at;
      started_over_ = true;
      wakes.push_back({at + *p_.within, Waiting::no});
    }
  }
  return {std::move(judged.match)};
}

// F8: no event may ever come at which what is true of nothing, or holds in silence, is judged again.
void Tracker::put_off(Time t) {
  if ((s_.opening && !s_.opening(t)) || !(p_.form == Form::held || true_of_nothing())) return;
  Duration longest = p_.form == Form::held ? *p_.hold : p_.form == Form::fewer && p_.within ? *p_.within : Duration{};
  for (const Pattern::Counted& c : p_.counted)
    if (c.window) longest = std::max(longest, *c.window);
  if (longest.us == 0) return;
  again_ = t + longest;
  wakes.push_back({*again_, Waiting::no});
}

// `C for D`, `x for D`: C4, F1.
std::vector<Match> Tracker::holding(Judgement judged, Time at, bool by_event, bool held) {
  if (by_event && !judged.left_before && !true_of_nothing()) armed_ = true;
  if (!judged.truth.truth()) {
    true_since_.reset();
    if (by_event) armed_ = true;
    return {};
  }
  if (!true_since_) {
    true_since_ = at;
    wakes.push_back({at + *p_.hold});
  }
  if (at - *true_since_ < *p_.hold) return {};
  if (!by_event && held && judged.where) put_off(at);
  if (!judged.where || held) {
    if (by_event) armed_ = true;
    return {};
  }
  const bool fires = armed_ || (by_event && s_.how == How::always);
  armed_ = false;
  if (!fires) return {};
  if (s_.how == How::start_over) start_over(newest_);
  return {std::move(judged.match)};
}

bool Tracker::true_of_nothing() {
  if (p_.form == Form::fewer) return true;
  if (p_.form != Form::condition) return false;
  Windows windows;
  const Events none;
  windows.events = &none;
  windows.within = p_.within;
  const std::vector<Taken> nothing;
  Scope sc = scope(&nothing);
  sc.windows = &windows;
  return holds(p_.condition, sc);
}

// The unbroken streak at the end of the list (a filter may look at its own streak).
Events Tracker::streak(const Events& all, bool* judged) const {
  Events run;
  for (const Seen* e : all) {
    *judged = false;
    for (int attempt = 0; attempt < 2; ++attempt) {
      const std::vector<Taken> taken = named(run);
      const Scope sc = scope(&taken);
      if (fits(p_.stream, *e, sc)) {
        run.push_back(e);
        *judged = true;
        break;
      }
      const bool breaks = p_.of != nullptr ? fits(*p_.of, *e, sc)
                                           : std::find(p_.stream.bases.begin(), p_.stream.bases.end(), e->type) !=
                                                 p_.stream.bases.end();
      if (!breaks) break;
      *judged = true;
      if (run.empty()) break;
      run.clear();
    }
  }
  return run;
}

// Is the condition true now, seen at an event that it judges, or (without event) right after an instant? None: not
// judged.
std::optional<Tracker::Judgement> Tracker::judge(const Seen* e, std::int64_t at2) {
  const Events all = visible();
  const Time at{at2 / 2};
  const auto in_window = [&](Time t) { return !p_.within || 2 * t.us >= at2 - 2 * p_.within->us; };
  const auto before = [&](const Events& events) {
    return std::any_of(events.begin(), events.end(), [&](const Seen* x) { return x != e; });
  };
  Judgement j;
  Events counted, named_by_condition;
  bool truth = false;
  std::vector<Taken> taken;
  bool have_taken = false;
  std::int64_t count = -1;
  Windows windows;
  bool with_windows = false;
  switch (p_.form) {
    case Form::count: {
      if (p_.inner != nullptr) {
        const auto fires = default_fires(s_, *p_.inner, all, watching_, at, e == nullptr);
        std::int64_t n = 0, earlier = 0;
        bool now = false;
        for (const InnerFire& f : fires) {
          if (!in_window(f.at)) continue;
          const bool by_event = !f.taken.empty() && f.taken.back().event->time == f.at;
          const bool this_one =
              f.at == at && (e != nullptr ? by_event && f.taken.back().event->order == e->order : !by_event);
          now = now || this_one;
          earlier += this_one ? 0 : 1;
          ++n;
          taken.insert(taken.end(), f.taken.begin(), f.taken.end());
        }
        if (!now) return std::nullopt;
        have_taken = true;
        count = n;
        truth = n >= p_.n;
        j.left_before = earlier > 0;
        break;
      }
      // Greedily, for a filter may look at its own step.
      for (const Seen* x : all)
        if (in_window(x->time)) {
          const std::vector<Taken> so_far = named(counted);
          std::string written;
          if (fits(p_.stream, *x, scope(&so_far), &written) && plays(*x, p_.name, written, s_.parts))
            counted.push_back(x);
        }
      if (e != nullptr && (counted.empty() || counted.back() != e)) return std::nullopt;
      truth = static_cast<std::int64_t>(counted.size()) >= p_.n;
      j.left_before = before(counted);
      break;
    }
    case Form::consecutive: {
      bool judged = false;
      const Events run = streak(all, &judged);
      if (e != nullptr && !judged) return std::nullopt;
      for (const Seen* x : run)
        if (in_window(x->time)) counted.push_back(x);
      truth = static_cast<std::int64_t>(counted.size()) >= p_.n;
      j.left_before = before(counted);
      break;
    }
    case Form::apart: {  // C8
      const std::vector<Taken> none;
      Events fitting;
      for (const Seen* x : all)
        if (fits(p_.stream, *x, scope(&none))) fitting.push_back(x);
      if (e != nullptr && (fitting.empty() || fitting.back() != e)) return std::nullopt;
      for (auto it = fitting.rbegin(); it != fitting.rend(); ++it) {
        if (!counted.empty() && counted.front()->time - (*it)->time > p_.length) break;
        counted.insert(counted.begin(), *it);
      }
      std::erase_if(counted, [&](const Seen* x) { return !in_window(x->time); });
      truth = static_cast<std::int64_t>(counted.size()) >= p_.n;
      j.left_before = before(counted);
      break;
    }
    case Form::distinct:
    case Form::changes: {
      const std::vector<Taken> none;
      std::set<std::string> different;
      std::optional<Value> previous;
      bool judged = false;
      for (const Seen* x : all) {
        if (!fits(p_.stream, *x, scope(&none))) continue;
        std::vector<Value> values;
        for (const auto& path : p_.values) values.push_back(field(*x, path));
        if (std::any_of(values.begin(), values.end(), [](const Value& v) { return v.missing(); })) continue;  // E5
        judged = x == e;
        const bool changed = previous && !same(*previous, values[0]);
        previous = values[0];
        if (!in_window(x->time) || (p_.form == Form::changes && !changed)) continue;
        counted.push_back(x);
        different.insert(canonical(Value::list(values)));
      }
      if (e != nullptr && !judged) return std::nullopt;
      truth = static_cast<std::int64_t>(p_.form == Form::distinct ? different.size() : counted.size()) >= p_.n;
      j.left_before = before(counted);
      break;
    }
    case Form::of_last: {
      Events last;
      for (const Seen* x : all)
        if (std::find(p_.stream.bases.begin(), p_.stream.bases.end(), x->type) != p_.stream.bases.end())
          last.push_back(x);
      if (e != nullptr && (last.empty() || last.back() != e)) return std::nullopt;
      if (static_cast<std::int64_t>(last.size()) > p_.m) last.erase(last.begin(), last.end() - p_.m);
      const std::vector<Taken> none;
      for (const Seen* x : last)
        if (fits(p_.stream, *x, scope(&none))) counted.push_back(x);
      truth = static_cast<std::int64_t>(counted.size()) >= p_.n;
      j.left_before = last.size() > 1;
      break;
    }
    case Form::fewer: {  // C3
      const std::vector<Taken> none;
      if (!seen_ || !p_.within) return std::nullopt;
      const Time first = from_opening(*seen_, at) + *p_.within;
      if (e != nullptr ? e->time <= first || !fits(p_.stream, *e, scope(&none)) : at < first) return std::nullopt;
      for (const Seen* x : all)
        if (in_window(x->time) && fits(p_.stream, *x, scope(&none))) counted.push_back(x);
      truth = static_cast<std::int64_t>(counted.size()) < p_.n;
      break;
    }
    case Form::held: {
      Events run;
      const std::vector<Taken> none;
      if (e != nullptr && std::find(p_.stream.bases.begin(), p_.stream.bases.end(), e->type) == p_.stream.bases.end())
        return std::nullopt;
      for (const Seen* x : all) {
        if (std::find(p_.stream.bases.begin(), p_.stream.bases.end(), x->type) == p_.stream.bases.end()) continue;
        if (fits(p_.stream, *x, scope(&none)))
          run.push_back(x);
        else
          run.clear();
      }
      counted = run;
      truth = !run.empty();
      break;
    }
    case Form::condition: {
      const std::vector<Taken> none;
      const auto names_it = [&](const Seen& x) {
        return std::any_of(p_.judged.begin(), p_.judged.end(),
                           [&](const Stream& s) { return fits(s, x, scope(&none)); });
      };
      if (e != nullptr && !names_it(*e)) return std::nullopt;
      windows.events = &all;
      for (const Seen* x : all)
        if (names_it(*x)) named_by_condition.push_back(x);
      windows.named = &named_by_condition;
      windows.at2 = at2;
      windows.within = p_.within;
      with_windows = true;
      Scope sc = scope(&none);
      sc.windows = &windows;
      std::optional<std::pair<Value, Value>> compared;
      sc.compared = &compared;
      truth = holds(p_.condition, sc);
      if (compared) {
        j.match.values.emplace_back("value", compared->first);
        j.match.values.emplace_back("baseline", compared->second);
      }
      j.left_before = false;
      const auto lasts_into = [&](const Seen& x, Duration window) {  // A7
        const auto next =
            std::ranges::find_if(all, [&](const Seen* o) { return o->type == x.type && o->order > x.order; });
        return next == all.end() || e->time - (*next)->time < window;
      };
      for (const Pattern::Counted& c : p_.counted) {
        if (c.window) continue;  // below
        Events of;
        for (const Seen* x : all)
          if (x != e && std::ranges::any_of(c.among, [&](const Stream& s) { return fits(s, *x, scope(&none)); }))
            of.push_back(x);
        if (c.last > 0 && static_cast<std::int64_t>(of.size()) > c.last) of.erase(of.begin(), of.end() - c.last);
        for (const Seen* x : of)
          if (has(*x, c.field) && fits(c.stream, *x, scope(&none))) j.left_before = true;
      }
      for (const Seen* x : all)
        for (const Pattern::Expiry& of : p_.expiries)
          if (x != e && e != nullptr && (e->time - x->time <= of.delay || (of.lasts && lasts_into(*x, of.delay))) &&
              has(*x, of.field) && fits(of.stream, *x, scope(&none)))
            j.left_before = true;
      // C2: what is counted now, in the window of each aggregate.
      std::set<const Seen*> in;
      for (const Pattern::Counted& c : p_.counted) {
        Events of;
        for (const Seen* x : all)
          if ((!c.window || 2 * x->time.us >= at2 - 2 * c.window->us) &&
              std::ranges::any_of(c.among, [&](const Stream& s) { return fits(s, *x, scope(&none)); }))
            of.push_back(x);
        if (c.last > 0 && static_cast<std::int64_t>(of.size()) > c.last) of.erase(of.begin(), of.end() - c.last);
        std::erase_if(of, [&](const Seen* x) { return !has(*x, c.field) || !fits(c.stream, *x, scope(&none)); });
        in.insert(of.begin(), of.end());
      }
      for (const Seen* x : all)
        if (in.contains(x)) taken.push_back({x, "", 0, true});
      for (Taken& t : taken)
        for (const Stream& s : p_.judged)
          if (t.name.empty()) fits(s, *t.event, scope(&none), &t.name);
      std::erase_if(taken, [](const Taken& t) { return t.name.empty(); });  // what only ends a duration is no evidence
      have_taken = true;
      break;
    }
    case Form::sequence:
    case Form::fresh:
    case Form::idle:
    case Form::without:
    case Form::silence:
    case Form::ranking:
      return std::nullopt;
  }
  Fields values = std::move(j.match.values);
  j.match = matched(have_taken ? taken : named(counted), at);
  if (count >= 0) j.match.count = count;
  j.match.values = std::move(values);
  if (p_.form != Form::condition && p_.form != Form::held) {
    j.match.values.emplace_back("value", Value::of(*j.match.count));
  }
  // F6: the edge is that of pattern and `where` together; of `C for D` the pattern has happened when C has held so
  // long.
  j.where = where_holds(j.match, with_windows ? &windows : nullptr);
  j.truth = Value::of(truth && (p_.hold || j.where));
  return j;
}

// `x after D idle`, `x after D without y`, `new x.f in D`: each is an edge of its own (F2).
std::vector<Match> Tracker::occurrence(const Seen& e, bool held) {
  const std::vector<Taken> none;
  if (!fits(p_.stream, e, scope(&none))) return {};
  const Events all = visible();
  std::vector<Taken> taken = named({&e});
  Match match = matched(taken, e.time);
  const Seen* compared = nullptr;
  if (p_.form == Form::idle) {
    for (const Seen* x : all)
      if (x->order < e.order && fits(p_.stream, *x, scope(&none))) compared = x;
    if (compared == nullptr || e.time - from_opening(compared->time, e.time) < p_.length) return {};
    match.values.emplace_back("gap", Value::of(e.time - compared->time));
  } else if (p_.form == Form::without) {  // C6
    for (const Seen* y : all)
      if (y->order < e.order && fits(p_.other, *y, scope(&taken))) compared = y;
    const Time since = compared != nullptr ? compared->time : watching_;
    if (e.time - since < p_.length) return {};
    if (compared != nullptr) match.values.emplace_back("gap", Value::of(e.time - since));
  } else {
    const Value value = field(e, p_.values.at(0));
    if (value.missing()) return {};
    for (const Seen* x : all)
      if (x->order < e.order && fits(p_.stream, *x, scope(&none)) && same(field(*x, p_.values[0]), value)) compared = x;
    if (compared != nullptr && e.time - compared->time <= p_.length) return {};
  }
  if (held || !where_holds(match, nullptr)) return {};
  if (s_.how == How::start_over) {  // the key's state is gone: what lies before is not known
    start_over(e.order);
    watching_ = e.time;
  }
  return {std::move(match)};
}

// A7.
std::vector<Match> Tracker::ranking(std::int64_t at2, bool held) {
  const std::vector<Taken> none;
  std::map<std::string, Events> by_value;
  for (const Seen* x : visible())
    if (2 * x->time.us >= at2 - 2 * p_.length.us && fits(p_.stream, *x, scope(&none)))
      if (const Value v = field(*x, p_.values.at(0)); !v.missing()) by_value[show(v)].push_back(x);
  std::vector<std::pair<std::int64_t, std::string>> order;
  for (const auto& [value, events] : by_value) order.emplace_back(-static_cast<std::int64_t>(events.size()), value);
  std::sort(order.begin(), order.end());
  if (static_cast<std::int64_t>(order.size()) > p_.n) order.resize(static_cast<std::size_t>(p_.n));
  if (held) {  // F8: what it would have told is news later; a place that is empty now holds nothing that was told
    const auto stays = [&](std::size_t i) { return i < ranks_.size() && ranks_[i] == order[i].second; };
    std::size_t same = 0;
    while (same < order.size() && stays(same)) ++same;
    if (same == order.size()) ranks_.resize(same);
    return {};
  }
  std::vector<Match> out;
  for (std::size_t i = 0; i < order.size(); ++i) {
    if (i < ranks_.size() && ranks_[i] == order[i].second) continue;
    const Events& events = by_value[order[i].second];
    Match match = matched(named(events), Time{at2 / 2});
    match.values.emplace_back("rank", Value::of(static_cast<std::int64_t>(i + 1)));
    match.values.emplace_back("value", Value::of(order[i].second));
    if (where_holds(match, nullptr)) out.push_back(std::move(match));
  }
  ranks_.clear();
  for (const auto& [n, value] : order) ranks_.push_back(value);
  return out;
}

Search Tracker::search(const Events& all, std::optional<Time> deadline) const {
  Search search;
  search.pattern = &p_;
  search.events = &all;
  search.scope = scope(nullptr);
  search.parts = s_.parts;
  search.deadline = deadline;
  search.every = s_.how == How::every_match;
  search.inner = [this](const Pattern& inner, const Events& events, Time end, bool end_too) {
    return default_fires(s_, inner, events, watching_, end, end_too);
  };
  return search;
}

std::vector<Match> Tracker::sequence(std::optional<Time> deadline, bool held) {
  const Events all = visible();
  Search search = this->search(all, deadline);
  const auto as_match = [&](const Choice& c) {
    Match m = matched(c.taken, c.at);
    if (p_.places != 1 && p_.repeats != 1) m.count.reset();
    if (p_.places != 1 && p_.repeats == 1) {  // F18
      const Item* repeated = only_repeated(p_.variants);
      const bool groups = repeated->kind == Item::Kind::repeat_group;
      m.count = std::count_if(c.taken.begin(), c.taken.end(), [&](const Taken& t) {
        return t.slot == repeated->slot && (groups ? t.ends_group : t.shown);
      });
      if (repeated->until != nullptr && !groups && *m.count > 0) --*m.count;  // none: of a maybe that is not there
    }
    if (deadline)
      for (const Items& items : p_.variants)
        if (!items.empty() && items.back().absent != nullptr) {
          m.absent = items.back().absent.get();
          for (const Taken& t : c.taken)
            if (t.event->order > m.after) {
              m.after = t.event->order;
              m.from = t.event->time;
            }
        }
    return m;
  };
  search.accept = [&](const Choice& c) {
    Match m = as_match(c);
    return where_holds(m, nullptr);
  };
  const std::vector<Choice> found = choices(search);
  std::vector<Match> out;
  if (found.empty()) return {};
  for (const Choice& c : found) {
    out.push_back(as_match(c));
    where_holds(out.back(), nullptr);
  }
  if (s_.how == How::once || s_.how == How::start_over) {
    std::int64_t from = newest_;
    if (s_.resume) {  // F4
      std::optional<std::int64_t> at;
      for (const Taken& t : found[0].taken)
        if (t.name == s_.resume->first && (!at || s_.resume->second)) at = t.event->order;
      if (at) from = *at - 1;
    }
    start_ = std::max(start_, from);
  }
  if (held) return {};
  return out;
}

// --- at an instant

// A5: is it the key's first event that the condition names, or is the one before so old that the key is new?
bool Tracker::begins_history(const Seen& e, Duration new_after) const {
  const std::vector<Taken> none;
  const Scope sc = scope(&none);
  const auto is_named = [&](const Seen& x) {
    return std::ranges::any_of(p_.judged, [&](const Stream& s) { return fits(s, x, sc); });
  };
  return is_named(e) && std::ranges::none_of(visible(), [&](const Seen* x) {
           return x->order < e.order && e.time - x->time <= new_after && is_named(*x);
         });
}

bool Tracker::expires_at(Time t) const {
  const std::vector<Taken> none;
  const Scope sc = scope(&none);
  for (const Seen* e : events_) {
    if (e->order <= start_) continue;
    if (p_.form == Form::condition) {
      for (const Pattern::Expiry& of : p_.expiries)
        if (e->time + of.delay == t &&
            ((has(*e, of.field) && fits(of.stream, *e, sc)) || (of.new_after && begins_history(*e, *of.new_after))))
          return true;
    } else if (p_.form == Form::ranking) {
      if (e->time + p_.length == t && has(*e, p_.values.at(0)) && fits(p_.stream, *e, sc)) return true;
    } else if (p_.within && e->time + *p_.within == t && (p_.inner != nullptr || fits(p_.stream, *e, sc))) {
      return true;
    }
  }
  return false;
}

std::vector<Match> Tracker::silence(Time t, bool held) {
  if (!silent_since_) return {};
  const Time from = from_opening(*silent_since_, t);
  if (s_.opening && from > *silent_since_) wakes.push_back({from + p_.length});
  const bool again = silence_again_ == t && from + p_.length <= t;
  if ((from + p_.length != t && !again) || silence_told_) return {};
  const bool closed = s_.opening && !s_.opening(t);
  if (held && !closed) {  // F8: no event may ever come at which it is judged again
    silence_again_ = t + p_.length;
    wakes.push_back({*silence_again_, Waiting::no});
  }
  if (held) return {};
  silence_told_ = true;
  Match match = matched({}, t);
  if (last_x_ != nullptr) {
    match.taken = named({last_x_});
    match.values.emplace_back("last_seen", Value::of(last_x_->time));
  }
  match.count = 0;
  match.absent = &p_.stream;
  match.after = last_x_ != nullptr ? last_x_->order : -1;
  match.from = from;
  if (!where_holds(match, nullptr)) return {};
  armed_ = false;
  if (s_.how == How::start_over) {
    start_over(newest_);
    silent_since_ = t;
    silence_told_ = false;
    last_x_ = nullptr;
    wakes.push_back({t + p_.length, Waiting::no});
  }
  return {std::move(match)};
}

// `each D`: at the end of the window [start, end).
std::vector<Match> Tracker::window_end(Time t, bool held) {
  const auto [start, end] = aligned_window(*p_.each, Time{t.us - 1});
  if (end != t) return {};
  if (p_.form == Form::fewer || true_of_nothing()) wakes.push_back({aligned_window(*p_.each, t).second, Waiting::no});
  const Events all = visible();
  Events inside;
  for (const Seen* e : all)
    if (e->time >= start && e->time < end) inside.push_back(e);
  const std::vector<Taken> none;
  if (all.empty() || all.front()->time >= end) return {};
  Match match;
  bool truth = false;
  if (p_.form == Form::condition) {
    Windows windows;
    windows.events = &all;
    windows.at2 = 2 * end.us - 1;
    windows.within = p_.within;
    windows.range2 = {2 * start.us, 2 * end.us - 1};
    Scope sc = scope(&none);
    sc.windows = &windows;
    std::optional<std::pair<Value, Value>> compared;
    sc.compared = &compared;
    truth = holds(p_.condition, sc);
    std::vector<Taken> taken;
    for (const Seen* e : inside) {
      const bool counted = std::any_of(p_.counted.begin(), p_.counted.end(), [&](const Pattern::Counted& c) {
        return has(*e, c.field) && fits(c.stream, *e, scope(&none));
      });
      for (const Stream& s : p_.judged) {
        std::string name;
        if (!counted || !fits(s, *e, scope(&none), &name)) continue;
        taken.push_back({e, name, 0, true});
        break;
      }
    }
    match = matched(taken, t);
    if (compared) {
      match.values.emplace_back("value", compared->first);
      match.values.emplace_back("baseline", compared->second);
    }
    truth = truth && where_holds(match, &windows);
  } else {
    Events counted;
    std::set<std::string> different;
    std::optional<Value> previous;
    for (const Seen* e : all) {
      if (e->time >= end || !fits(p_.stream, *e, scope(&none))) continue;
      std::vector<Value> values;
      for (const auto& path : p_.values) values.push_back(field(*e, path));
      if (std::any_of(values.begin(), values.end(), [](const Value& v) { return v.missing(); })) continue;
      const bool changed = previous && !values.empty() && !same(*previous, values[0]);
      if (!values.empty()) previous = values[0];
      if (e->time < start || (p_.form == Form::changes && !changed)) continue;
      counted.push_back(e);
      different.insert(canonical(Value::list(values)));
    }
    const auto n = static_cast<std::int64_t>(p_.form == Form::distinct ? different.size() : counted.size());
    truth = p_.form == Form::fewer ? seen_ && *seen_ <= start && n < p_.n : n >= p_.n;
    match = matched(named(counted), t);
    truth = truth && where_holds(match, nullptr);
  }
  if (!truth || held) return {};
  if (s_.how == How::start_over) start_over(newest_);
  return {std::move(match)};
}

std::vector<Match> Tracker::due(Time t, int phase, bool held) {
  if (phase == 1) {
    if (p_.each) return window_end(t, held);
    if (!p_.hold || !true_since_) return {};
    const bool again = p_.form == Form::held && again_ == t && t - *true_since_ > *p_.hold;
    if (*true_since_ + *p_.hold != t && !again) return {};
    auto judged = judge(nullptr, 2 * t.us);                     // as it stands before the events of this instant
    if (judged && !judged->truth.truth()) true_since_.reset();  // time alone has ended it (C4)
    if (judged && judged->truth.truth() && judged->where && held) put_off(t);
    if (!judged || !judged->truth.truth() || !judged->where || !armed_ || held) return {};
    armed_ = false;
    if (s_.how == How::start_over) start_over(newest_);
    return {std::move(judged->match)};
  }
  if (p_.each) return {};
  if (p_.form == Form::silence) return silence(t, held);
  if (p_.form == Form::sequence) return p_.timed ? sequence(t, held) : std::vector<Match>{};
  if (p_.form == Form::ranking) return expires_at(t) ? ranking(2 * t.us + 1, held) : std::vector<Match>{};
  if (p_.form == Form::count && p_.inner != nullptr && !p_.hold) {  // (P) may have happened at this instant
    auto judged = judge(nullptr, 2 * t.us + 1);
    return judged ? edge(std::move(*judged), t, true, held) : std::vector<Match>{};
  }
  const bool first_time = p_.form == Form::fewer && seen_ && p_.within && from_opening(*seen_, t) + *p_.within == t;
  if (s_.opening && p_.form == Form::fewer && seen_ && p_.within)
    wakes.push_back({from_opening(*seen_, t) + *p_.within, started_over_ ? Waiting::no : Waiting::yes});
  if (p_.form != Form::fewer && p_.form != Form::condition && !p_.hold) return {};
  if (!first_time && !expires_at(t) && again_ != t) return {};
  auto judged = judge(nullptr, 2 * t.us + 1);
  if (!judged) return {};
  return p_.hold ? holding(std::move(*judged), t, false, held) : edge(std::move(*judged), t, false, held);
}

std::vector<InnerFire> default_fires(const Setup& outer, const Pattern& pattern, const Events& events, Time watching,
                                     Time end, bool end_too) {
  Setup setup = outer;
  setup.pattern = &pattern;
  setup.how = How::once;
  setup.where = nullptr;
  setup.resume.reset();
  setup.tell = nullptr;
  Tracker tracker(std::move(setup), watching, false);
  std::vector<InnerFire> out;
  const auto keep = [&](std::vector<Match> matches) {
    for (Match& m : matches) out.push_back({std::move(m.taken), m.at});
  };
  std::set<Time> times;
  for (const Seen* e : events) times.insert(e->time);
  std::size_t next = 0;
  const auto take_wakes = [&](Time now) {
    for (const auto& w : std::exchange(tracker.wakes, {}))
      if (w.at >= now) times.insert(w.at);
  };
  if (!events.empty()) take_wakes(events.front()->time);
  while (!times.empty()) {
    const Time t = *times.begin();
    if (t > end) break;
    keep(tracker.due(t, 1, false));
    for (; next < events.size() && events[next]->time == t; ++next) keep(tracker.event(*events[next], false));
    if (t < end || end_too) keep(tracker.due(t, 3, false));
    times.erase(t);
    take_wakes(Time{t.us + 1});
  }
  return out;
}

}  // namespace tocsin::reference
