// Time, order, keys, clauses, alerts, sessions and summaries around the trackers.
#include "tests/support/reference_matcher.h"

#include <algorithm>
#include <cmath>
#include <deque>
#include <nlohmann/json.hpp>
#include <tuple>

#include "tests/support/reference_tracker.h"

namespace tocsin::reference {
namespace {

// The total order (T1, T10): an emitted event stands right behind its cause (S5).
bool before(const Event& a, const Event& b) {
  if (a.time != b.time) return a.time < b.time;
  if (a.phase != b.phase) return a.phase < b.phase;
  if (a.cause != nullptr) return before(*a.cause, b);
  if (b.cause != nullptr) return !before(*b.cause, a);
  if (a.tiebreak.missing() != b.tiebreak.missing()) return a.tiebreak.missing();
  if (const auto o = order(a.tiebreak, b.tiebreak); o && *o != 0) return *o < 0;
  return std::tie(a.source, a.partition, a.offset) < std::tie(b.source, b.partition, b.offset);
}

// Where an alert stands among those of its instant (T3), then rule name and key.
struct Place {
  Time time;
  int phase = 0;
  std::int64_t order = 0;
};

struct OpenAlert {
  Alert alert;
  std::unique_ptr<Tracker> resolve;
  std::set<std::size_t> escalated;
};

struct FiredAbsence {  // F14
  Alert alert;
  const Stream* absent = nullptr;
  std::vector<Taken> taken;
  std::optional<Event> after;
  Time from, until;
};

struct KeyState {
  Fields key;
  std::string canonical;
  bool listed = false;
  std::deque<Seen> storage;  // keeps its elements in place
  Events history;            // since the last reset
  Events all_history;        // null where a reset was: what has counted before it goes on counting for what resolves
  std::unique_ptr<Tracker> tracker;
  std::optional<Time> learn_from;
  std::optional<Time> last_event;
  std::optional<OpenAlert> open;
  std::vector<FiredAbsence> absences;
  std::vector<Time> sent;  // `escalate .. after N in D`
  Events session;
};

struct Budget {  // F7
  std::vector<Time> sent;
  std::int64_t suppressed = 0;
  std::optional<Time> last_refused;
};

struct RuleState {
  const Rule* rule = nullptr;
  std::optional<Time> watching;  // T9
  std::set<std::string> reads;   // sources; empty: all
  std::set<std::string> parts;
  std::map<std::string, std::unique_ptr<KeyState>> keys;
  std::map<std::string, Budget> budgets;
};

class Run {
 public:
  Run(const Model& model, const Options& options) : model_(model), options_(options) {
    for (const auto& rule : model.rules) {
      RuleState state;
      state.rule = rule.get();
      for (const auto& key : rule->keys)
        for (const auto& part : key.parts) state.parts.insert(part.name);
      state.reads = sources(*rule);
      rules_.push_back(std::move(state));
    }
  }

  Output run(const std::vector<Event>& events);

 private:
  struct Wakes {
    // Programs in their order, then keys.
    struct InOrder {
      bool operator()(const std::pair<std::size_t, KeyState*>& a, const std::pair<std::size_t, KeyState*>& b) const {
        return std::tie(a.first, a.second->canonical) < std::tie(b.first, b.second->canonical);
      }
    };
    std::set<std::pair<std::size_t, KeyState*>, InOrder> who;
    bool waiting = false;  // T8
    std::set<std::pair<std::size_t, KeyState*>> if_something_waits, unless_forgotten;
  };

  // --- time (T2, T8)
  void process(Time limit, bool limit_too);
  void instant(Time t);
  Duration lateness(const std::string& source) const;
  std::set<std::string> sources(const Rule& rule) const;

  void deliver(const Event& event, const std::vector<EventId>* evidence, int phase);
  void on_event(std::size_t r, const Seen& seen, const Place& place);
  void due(std::size_t r, KeyState& key, Time t, int phase);
  void flush(int phase);
  using Waiting = Tracker::Waiting;
  void wake(std::size_t r, KeyState& key, Time at, Waiting waiting = Waiting::yes);
  static bool escalates_at(const Rule& rule, const OpenAlert& open, Time at);
  bool is_forgotten_by(std::size_t r, const KeyState& key, Time at) const;
  bool is_waited_for(Time at, const Wakes& wakes) const;
  void take_wakes(std::size_t r, KeyState& key);
  static Events newest_before(const KeyState& key, const Event& event);
  void late(const Event& event, Time watermark);

  // --- rules
  void start_watching(std::size_t r, Time t);
  KeyState& key_state(std::size_t r, const Fields& key, const std::string& canonical);
  Setup setup(std::size_t r, KeyState& key, const Pattern& pattern);
  void ensure_tracker(std::size_t r, KeyState& key);
  std::vector<std::pair<Fields, std::string>> keys_of(const RuleState& state, const Seen& seen) const;
  bool exists(const RuleState& state, const KeyState& key, const Seen& seen) const;
  bool is_held(std::size_t r, const KeyState& key, Time t) const;
  bool is_closed(const Rule& rule, Time t) const;
  bool muted(std::size_t r, const KeyState& key) const;
  void reset(std::size_t r, KeyState& key, Time t);
  void forget(std::size_t r, KeyState& key, Time t);

  // --- alerts
  void fire(std::size_t r, KeyState& key, std::vector<Match> matches, const Place& place);
  void resolve(std::size_t r, KeyState& key, const std::vector<Match>& matches, const Place& place);
  void close_if_armed(std::size_t r, KeyState& key) const;
  void leave(Alert alert, const KeyState& key, const Place& place);
  std::string budget_key(const Rule& rule, const KeyState& key, const Match& match) const;
  void make(const Rule& rule, const std::string& name, const KeyState& key, Time t, Fields fields,
            const std::vector<Taken>& taken);
  static std::vector<Taken> in_lists(const std::vector<Taken>& taken);
  static Evidence evidence_of(const std::vector<Taken>& taken);

  // --- sessions and summaries
  void session_event(std::size_t r, KeyState& key, const Seen& e);
  void end_session(std::size_t r, KeyState& key, Time t);
  void wake_session(std::size_t r, KeyState& key);
  void summary(std::size_t r, KeyState& key, Time start, Time end, bool closed);
  void summary_event(std::size_t r, KeyState& key, const Seen& e);
  // Since when the key has had events of the summary; of none: `otherwise`.
  Time first_of(std::size_t r, const KeyState& key, Time otherwise) const;
  std::vector<Taken> written(const Stream& of, const Events& events) const;

  const Model& model_;
  const Options& options_;
  std::vector<RuleState> rules_;
  std::map<Time, Wakes> wakes_;
  std::vector<Event> buffer_;  // sorted
  std::deque<Event> made_events_;
  std::deque<std::vector<EventId>> evidences_;
  struct Made {
    const Event* event;
    const std::vector<EventId>* evidence;
    std::string by, key;
  };
  std::vector<Made> to_deliver_;
  int phase_ = 2;                 // of what is in hand
  const Event* cause_ = nullptr;  // the input's event that it is, if it is one
  std::int64_t order_ = 0;
  Time now_{std::numeric_limits<std::int64_t>::min()};
  Time watermark_{std::numeric_limits<std::int64_t>::min()};
  std::map<std::tuple<Time, std::string, int, std::uint64_t>, Event> late_;  // where they are seen (F14)
  std::int64_t lates_ = 0;
  std::vector<std::pair<std::tuple<Time, int, std::int64_t, std::string, std::string, std::size_t>, Alert>> alerts_;
  Output output_;
};

// --- time

Duration Run::lateness(const std::string& source) const {
  const auto carried = options_.carries.find(source);
  Duration longest{};
  for (const auto& base : model_.bases)
    if (carried == options_.carries.end() ||
        std::find(carried->second.begin(), carried->second.end(), base.name) != carried->second.end())
      longest = std::max(longest, base.late);
  return longest;
}

std::set<std::string> Run::sources(const Rule& rule) const {
  if (options_.carries.empty()) return {};
  std::set<int> bases = rule.bases;
  for (bool grown = true; grown;) {  // what makes the events that it names
    grown = false;
    for (const auto& other : model_.rules)
      if (std::any_of(other->emits.begin(), other->emits.end(), [&](int b) { return bases.contains(b); }))
        for (const int b : other->bases) grown = bases.insert(b).second || grown;
  }
  std::set<std::string> out;
  for (const auto& [source, names] : options_.carries)
    for (const auto& name : names)
      if (bases.contains(model_.find_base(name))) out.insert(source);
  return out;
}

Output Run::run(const std::vector<Event>& events) {
  std::map<std::pair<std::string, int>, std::optional<Time>> largest;
  for (const auto& p : options_.partitions) largest[p];
  if (options_.partitions.empty())
    for (const auto& e : events) largest[{e.source, e.partition}];
  std::optional<Time> last;
  for (const Event& e : events) {
    auto& mine = largest[{e.source, e.partition}];
    // Older than what its own partition waits for is late, too, whatever the others say.
    if (e.time < watermark_ || (mine && e.time < *mine - lateness(e.source))) {
      output_.late.push_back(e);
      const Time mine_at = mine ? *mine - lateness(e.source) : watermark_;
      late_.emplace(std::tuple{std::max(watermark_, mine_at), e.source, e.partition, e.offset}, e);
      process(watermark_, false);
      continue;
    }
    buffer_.insert(std::upper_bound(buffer_.begin(), buffer_.end(), e, before), e);
    last = last ? std::max(*last, e.time) : e.time;
    mine = mine ? std::max(*mine, e.time) : e.time;
    std::optional<Time> least;
    bool all = true;
    for (const auto& [partition, time] : largest) {
      if (!time) {
        all = false;
        break;
      }
      const Time w = *time - lateness(partition.first);
      least = least ? std::min(*least, w) : w;
    }
    if (all && *least > watermark_) {
      watermark_ = *least;
      process(watermark_, false);
    }
  }
  if (last) {
    Time end = *last;
    if (options_.until) end = std::max(end, *options_.until);
    process(end, true);
    if (options_.drain)
      while (
          std::any_of(wakes_.begin(), wakes_.end(), [this](const auto& w) { return is_waited_for(w.first, w.second); }))
        process(wakes_.begin()->first, true);
  }
  std::sort(alerts_.begin(), alerts_.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [place, alert] : alerts_) output_.alerts.push_back(std::move(alert));
  return std::move(output_);
}

void Run::process(Time limit, bool limit_too) {
  for (;;) {
    std::optional<Time> next;
    if (!buffer_.empty()) next = buffer_.front().time;
    if (!wakes_.empty() && (!next || wakes_.begin()->first < *next)) next = wakes_.begin()->first;
    // An event that came too late is seen when the stream has come to where its partition stood.
    if (!late_.empty() && std::get<0>(late_.begin()->first) <= limit &&
        (!next || std::get<0>(late_.begin()->first) <= *next)) {
      const auto first = late_.extract(late_.begin());
      late(first.mapped(), std::get<0>(first.key()));
      continue;
    }
    if (!next || *next > limit || (*next == limit && !limit_too)) return;
    instant(*next);
  }
}

// T3.
void Run::instant(Time t) {
  now_ = t;
  cause_ = nullptr;
  phase_ = 1;
  const auto woken = wakes_.contains(t) ? wakes_[t].who : decltype(Wakes::who){};
  for (const auto& [r, key] : woken) due(r, *key, t, 1);
  flush(2);
  phase_ = 2;
  while (!buffer_.empty() && buffer_.front().time == t) {
    const Event e = buffer_.front();
    buffer_.erase(buffer_.begin());
    made_events_.push_back(e);
    cause_ = &made_events_.back();
    deliver(made_events_.back(), nullptr, 2);
  }
  cause_ = nullptr;
  phase_ = 3;
  // Rules that make events come before those that use them; what is woken for this instant meanwhile is due, too.
  decltype(Wakes::who) done;
  while (wakes_.contains(t) && !wakes_[t].who.empty()) {
    const auto next = *wakes_[t].who.begin();
    wakes_[t].who.erase(next);
    if (!done.insert(next).second) continue;
    due(next.first, *next.second, t, 3);
    flush(3);
  }
  wakes_.erase(t);
}

void Run::wake(std::size_t r, KeyState& key, Time at, Waiting waiting) {
  if (at < now_) return;
  Wakes& w = wakes_[at];
  w.who.insert({r, &key});
  w.waiting = w.waiting || waiting == Waiting::yes;
  if (waiting == Waiting::if_something_does) w.if_something_waits.insert({r, &key});
}

// `escalate to S after D unresolved`.
bool Run::escalates_at(const Rule& rule, const OpenAlert& open, Time at) {
  return std::ranges::any_of(rule.escalate,
                             [&](const auto& e) { return e.number == 0 && open.alert.time + e.length == at; });
}

// F10: what its pattern waits for is gone by then, if nothing more comes of the key. A listed one stays armed (F9).
bool Run::is_forgotten_by(std::size_t r, const KeyState& key, Time at) const {
  const Rule& rule = *rules_[r].rule;
  if (rule.kind != Rule::Kind::rule || !rule.forget || !key.last_event || (key.listed && !rule.keys.empty()))
    return false;
  const bool comes_before = rule.when.hold || rule.when.each;  // T3: both in (1), where forgetting is the last
  const Time then = *key.last_event + *rule.forget;
  return comes_before ? then < at : then <= at;
}

bool Run::is_waited_for(Time at, const Wakes& wakes) const {
  if (wakes.waiting || std::ranges::any_of(wakes.unless_forgotten, [this, at](const auto& who) {
        return !is_forgotten_by(who.first, *who.second, at);
      }))
    return true;
  return std::ranges::any_of(wakes.if_something_waits, [this, at](const auto& who) {
    const KeyState& key = *who.second;
    const Rule& rule = *rules_[who.first].rule;
    const bool forgotten = is_forgotten_by(who.first, key, at);
    return !key.session.empty() || (key.tracker && !forgotten && key.tracker->waits_at(at)) ||
           (key.open && key.open->resolve && key.open->resolve->waits_at(at)) ||
           (key.open && (rule.resolve || !forgotten) && escalates_at(rule, *key.open, at));
  });
}

void Run::take_wakes(std::size_t r, KeyState& key) {
  if (key.tracker) {
    for (const auto& w : std::exchange(key.tracker->wakes, {})) {
      const bool unless = w.waiting == Waiting::yes && w.at >= now_;
      wake(r, key, w.at, unless ? Waiting::no : w.waiting);
      if (unless) wakes_[w.at].unless_forgotten.insert({r, &key});
    }
  }
  if (key.open && key.open->resolve)
    for (const auto& w : std::exchange(key.open->resolve->wakes, {})) wake(r, key, w.at, w.waiting);
}

// S5: what was made stands right after its cause, by the name of who made it, then key.
void Run::flush(int phase) {
  auto made = std::exchange(to_deliver_, {});
  std::ranges::stable_sort(made, {}, [](const Made& m) { return std::tie(m.by, m.key); });
  for (const Made& m : made) deliver(*m.event, m.evidence, phase);
}

void Run::deliver(const Event& event, const std::vector<EventId>* evidence, int phase) {
  Seen seen;
  seen.event = &event;
  seen.type = model_.find_base(event.type);
  seen.order = ++order_;
  seen.time = event.time;
  seen.evidence = evidence;
  const Place place{event.time, phase, seen.order};
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    if (evidence == nullptr && !rules_[r].watching &&
        (rules_[r].reads.empty() || rules_[r].reads.contains(event.source)))
      start_watching(r, event.time);
    if (rules_[r].rule->bases.contains(seen.type)) on_event(r, seen, place);
  }
  flush(phase);
}

// --- keys

void Run::start_watching(std::size_t r, Time t) {
  RuleState& state = rules_[r];
  state.watching = t;
  const Rule& rule = *state.rule;
  const auto armed = [&](const Fields& fields, const std::string& canonical) {
    KeyState& key = key_state(r, fields, canonical);
    key.listed = true;
    key.learn_from = t;
    ensure_tracker(r, key);
    take_wakes(r, key);
    if (rule.kind == Rule::Kind::summary && rule.every && rule.even_if_empty)
      wake(r, key, aligned_window(*rule.every, t).second, Waiting::no);
  };
  if (rule.keys.empty()) return armed({}, "");
  if (rule.keys.size() == 1 && !rule.keys[0].list.empty()) {  // E3
    const auto list = model_.lists.find(rule.keys[0].list);
    if (list != model_.lists.end())
      for (const Value& v : list->second) armed({{rule.keys[0].name, v}}, canonical(v) + '\x1f');
  }
}

KeyState& Run::key_state(std::size_t r, const Fields& fields, const std::string& canonical) {
  auto& slot = rules_[r].keys[canonical];
  if (!slot) {
    slot = std::make_unique<KeyState>();
    slot->key = fields;
    slot->canonical = canonical;
  }
  return *slot;
}

// The keys under which an event is seen, with the part that it plays there (E2); T10: 1 and 1.0 are one key.
std::vector<std::pair<Fields, std::string>> Run::keys_of(const RuleState& state, const Seen& seen) const {
  const Rule& rule = *state.rule;
  Scope scope;
  scope.model = &model_;
  scope.event = &seen;
  std::vector<std::string> roles;
  if (state.parts.empty()) roles.emplace_back();
  for (const auto& key : rule.keys)  // in the order in which they are written
    for (const auto& part : key.parts)
      if (std::find(roles.begin(), roles.end(), part.name) == roles.end()) roles.push_back(part.name);
  std::vector<std::pair<Fields, std::string>> out;
  for (const std::string& role : roles) {
    Fields fields;
    bool whole = true;
    for (const auto& key : rule.keys) {
      Value value;
      if (key.parts.empty()) {
        value = eval(*key.value, scope);
      } else {
        for (const auto& part : key.parts) {
          if (part.name != role) continue;
          const bool can = part.bound ? std::find(part.stream.bases.begin(), part.stream.bases.end(), seen.type) !=
                                            part.stream.bases.end()
                                      : fits(part.stream, seen, scope);
          if (can) value = field(seen, part.field);
        }
      }
      if (!key.list.empty() && !value.missing()) {
        const auto list = model_.lists.find(key.list);
        const bool in = list != model_.lists.end() && std::any_of(list->second.begin(), list->second.end(),
                                                                  [&](const Value& v) { return same(v, value); });
        if (!in) value = {};
      }
      if (value.missing()) {
        whole = false;
        break;
      }
      fields.emplace_back(key.name, value);
    }
    if (whole) out.emplace_back(std::move(fields), role);
  }
  return out;
}

bool Run::is_closed(const Rule& rule, Time t) const {
  return std::any_of(rule.during.begin(), rule.during.end(),
                     [&](const During& d) { return is_open(model_, d.calendar, t) == d.outside; });
}

// E1.
bool Run::exists(const RuleState& state, const KeyState& key, const Seen& seen) const {
  if (is_closed(*state.rule, seen.time)) return false;
  Scope scope;
  scope.model = &model_;
  scope.event = &seen;
  scope.history = &key.history;
  scope.values = &key.key;
  return std::none_of(state.rule->except.begin(), state.rule->except.end(),
                      [&](const NodePtr& e) { return holds(e, scope); });
}

Setup Run::setup(std::size_t r, KeyState& key, const Pattern& pattern) {
  const Rule& rule = *rules_[r].rule;
  Setup s;
  s.model = &model_;
  s.pattern = &pattern;
  s.parts = rules_[r].parts.empty() ? nullptr : &rules_[r].parts;
  s.history = &key.history;
  s.key = key.key;
  if (!rule.during.empty())
    s.opening = [this, &rule](Time t) {
      std::optional<Time> latest;
      for (const During& d : rule.during)
        if (is_open(model_, d.calendar, t) != d.outside) {
          const Time o = d.outside ? closing(model_, d.calendar, t) : opening(model_, d.calendar, t);
          latest = latest ? std::max(*latest, o) : o;
        }
      return latest;
    };
  return s;
}

void Run::ensure_tracker(std::size_t r, KeyState& key) {
  const Rule& rule = *rules_[r].rule;
  if (key.tracker || rule.kind != Rule::Kind::rule) return;
  Setup s = setup(r, key, rule.when);
  s.how = rule.how;
  s.where = rule.where;
  s.resume = rule.resume;
  s.tell = [&rule](Match& m, const Scope& scope) {
    m.with.clear();
    m.emits.clear();
    if (rule.text != nullptr) m.text = eval(*rule.text, scope).text;
    for (const Assign& a : rule.with) m.with.emplace_back(a.name, eval(*a.value, scope));
    for (const auto& e : rule.emit) {
      Fields fields;
      for (const Assign& a : e.fields) fields.emplace_back(a.name, eval(*a.value, scope));
      m.emits.push_back(std::move(fields));
    }
  };
  key.tracker = std::make_unique<Tracker>(std::move(s), rules_[r].watching.value_or(now_), key.listed);
}

// --- rules

bool Run::muted(std::size_t r, const KeyState& key) const {
  for (const auto& mute : rules_[r].rule->mute)
    for (const RuleState& other : rules_) {
      if (other.rule->name != mute.rule) continue;
      for (const auto& [ignored, theirs] : other.keys) {
        if (!theirs->open) continue;
        const auto value = [](const Fields& fields, const std::string& name) {
          for (const auto& [n, v] : fields)
            if (n == name) return v;
          return Value{};
        };
        if (std::all_of(mute.same.begin(), mute.same.end(),
                        [&](const std::string& k) { return same(value(key.key, k), value(theirs->key, k)); }))
          return true;
      }
    }
  return false;
}

// F8, F15.
bool Run::is_held(std::size_t r, const KeyState& key, Time t) const {
  const Rule& rule = *rules_[r].rule;
  if (rule.learn && (!key.learn_from || t < *key.learn_from + *rule.learn)) return true;
  return is_closed(rule, t) || muted(r, key);
}

// F9.
void Run::reset(std::size_t r, KeyState& key, Time t) {
  const bool watches = key.listed || (key.tracker && key.tracker->watches());
  key.history.clear();
  key.all_history.push_back(nullptr);
  key.session.clear();
  key.tracker.reset();
  const auto kept = std::exchange(rules_[r].watching, t);
  const auto listed = std::exchange(key.listed, watches);
  ensure_tracker(r, key);
  rules_[r].watching = kept;
  key.listed = listed;
  take_wakes(r, key);
}

// F10.
void Run::forget(std::size_t r, KeyState& key, Time t) {
  key.history.clear();
  key.all_history.push_back(nullptr);
  key.session.clear();
  key.tracker.reset();
  key.last_event.reset();
  key.learn_from.reset();
  key.absences.clear();
  if (!rules_[r].rule->resolve) key.open.reset();  // F12: it is armed now
  const bool listed = key.listed && !rules_[r].rule->keys.empty();
  key.listed = listed;
  if (!listed) return;
  key.learn_from = t;
  const auto kept = std::exchange(rules_[r].watching, t);
  ensure_tracker(r, key);
  rules_[r].watching = kept;
  take_wakes(r, key);
}

void Run::on_event(std::size_t r, const Seen& raw, const Place& place) {
  RuleState& state = rules_[r];
  const Rule& rule = *state.rule;
  for (auto& [fields, role] : keys_of(state, raw)) {
    std::string canon;
    for (const auto& [name, value] : fields) canon += canonical(value) + '\x1f';
    KeyState& key = key_state(r, fields, canon);
    Seen seen = raw;
    seen.part = role;
    if (!exists(state, key, seen)) continue;
    if (!key.learn_from) key.learn_from = seen.time;
    Scope scope;
    scope.model = &model_;
    scope.history = &key.history;
    scope.values = &key.key;
    const bool resets = std::any_of(rule.reset.begin(), rule.reset.end(), [&](const Stream& s) {
      std::string name;
      return fits(s, seen, scope, &name) && plays(seen, "", name, state.parts.empty() ? nullptr : &state.parts);
    });
    if (resets) reset(r, key, seen.time);
    key.storage.push_back(seen);
    const Seen& kept = key.storage.back();
    key.history.push_back(&kept);
    key.all_history.push_back(&kept);
    key.last_event = seen.time;
    if (rule.forget) wake(r, key, seen.time + *rule.forget, Waiting::no);  // nothing comes of it
    if (rule.kind == Rule::Kind::session) {
      session_event(r, key, kept);
      continue;
    }
    if (rule.kind == Rule::Kind::summary) {
      summary_event(r, key, kept);
      continue;
    }
    ensure_tracker(r, key);
    if (key.open && key.open->resolve) resolve(r, key, key.open->resolve->event(kept, false), place);
    auto matches = key.tracker->event(kept, is_held(r, key, seen.time));
    fire(r, key, std::move(matches), place);
    close_if_armed(r, key);
    take_wakes(r, key);
  }
}

void Run::due(std::size_t r, KeyState& key, Time t, int phase) {
  const Rule& rule = *rules_[r].rule;
  const Place place{t, phase, 0};
  if (rule.kind == Rule::Kind::session) {
    if (!key.session.empty()) {
      if (phase == 1) {  // S2: the first `when last is` that fits, else the plain one
        const Seen& last = *key.session.back();
        Scope scope;
        scope.model = &model_;
        scope.history = &key.history;
        std::optional<Duration> idle;
        for (const auto& e : rule.ends_after)
          if (e.when_last && !idle && fits(*e.when_last, last, scope)) idle = e.idle;
        for (const auto& e : rule.ends_after)
          if (!e.when_last && !idle) idle = e.idle;
        if (idle && last.time + *idle == t) end_session(r, key, t);
      } else if (rule.longest && key.session.front()->time + *rule.longest == t) {
        end_session(r, key, t);
      }
    }
  } else if (rule.kind == Rule::Kind::summary) {
    if (phase == 1 && rule.every) {
      const auto [start, end] = aligned_window(*rule.every, Time{t.us - 1});
      if (end == t) {
        summary(r, key, rule.over_all ? first_of(r, key, t) : rule.over ? t - *rule.over : start, t, false);
        if (rule.even_if_empty || (rule.over_all && !key.history.empty()))
          wake(r, key, aligned_window(*rule.every, t).second, Waiting::no);
      }
    }
  } else {
    if (key.open && key.open->resolve) resolve(r, key, key.open->resolve->due(t, phase, is_closed(rule, t)), place);
    if (key.tracker) fire(r, key, key.tracker->due(t, phase, is_held(r, key, t)), place);
    close_if_armed(r, key);
    if (!rule.during.empty() && phase == 3)  // F15: the next opening begins new waits
      for (const During& d : rule.during)
        if (const auto next = d.outside ? next_closing(model_, d.calendar, t) : next_opening(model_, d.calendar, t))
          for (const Duration delay : rule.delays) wake(r, key, *next + delay, Waiting::no);
    if (phase == 3 && key.open && rule.remind) {  // F13
      OpenAlert& open = *key.open;
      const Time next{open.alert.time.us + (open.alert.reminder + 1) * rule.remind->us};
      if (next == t) {
        ++open.alert.reminder;
        Alert again = open.alert;
        again.state = Alert::State::reminder;
        again.time = t;
        leave(std::move(again), key, place);
        wake(r, key, t + *rule.remind, Waiting::no);
      }
    }
    if (phase == 3 && key.open)
      for (std::size_t i = 0; i < rule.escalate.size(); ++i) {
        const auto& e = rule.escalate[i];
        if (e.number > 0 || key.open->alert.time + e.length != t || !key.open->escalated.insert(i).second) continue;
        key.open->alert.severity = e.severity;
        Alert again = key.open->alert;
        again.state = Alert::State::escalated;
        again.time = t;
        leave(std::move(again), key, place);
      }
    take_wakes(r, key);
  }
  if (phase == 1 && rule.forget && key.last_event && *key.last_event + *rule.forget == t) forget(r, key, t);
}

// F12: without `resolve when` a rule fires until it is armed again.
void Run::close_if_armed(std::size_t r, KeyState& key) const {
  if (!rules_[r].rule->resolve && key.open && key.tracker && key.tracker->armed()) key.open.reset();
}

// --- alerts

// F17: what has the same name together, in the order in which the names come.
std::vector<Taken> Run::in_lists(const std::vector<Taken>& taken) {
  std::vector<Taken> out;
  for (const Taken& t : taken) {
    const auto same = std::find_if(out.rbegin(), out.rend(), [&](const Taken& o) { return o.name == t.name; });
    out.insert(same == out.rend() ? out.end() : same.base(), t);
  }
  return out;
}

Evidence Run::evidence_of(const std::vector<Taken>& taken) {
  Evidence out;
  for (const Taken& t : taken) {
    if (!t.shown) continue;
    auto it = std::find_if(out.begin(), out.end(), [&](const auto& e) { return e.first == t.name; });
    if (it == out.end()) it = out.insert(out.end(), {t.name, {}});
    if (t.event->evidence == nullptr) {
      it->second.push_back({t.event->event->source, t.event->event->partition, t.event->event->offset});
    } else {
      it->second.insert(it->second.end(), t.event->evidence->begin(), t.event->evidence->end());
    }
  }
  return out;
}

void Run::leave(Alert alert, const KeyState& key, const Place& place) {
  const auto n = alerts_.size();
  auto name = alert.rule;
  alerts_.emplace_back(std::tuple{place.time, place.phase, place.order, std::move(name), key.canonical, n},
                       std::move(alert));
}

std::string Run::budget_key(const Rule& rule, const KeyState& key, const Match& match) const {
  if (rule.at_most->keys.empty()) return key.canonical;
  std::string out;
  for (const auto& path : rule.at_most->keys) {
    Value value;
    for (const auto& [name, v] : key.key)
      if (path.size() == 1 && name == path[0]) value = v;
    if (value.missing() && path.size() > 1)
      for (const Taken& t : match.taken)
        if (t.name == path[0]) value = field(*t.event, path, 1);
    if (value.missing() && !match.taken.empty()) value = field(*match.taken.back().event, path);
    out += canonical(value) + '\x1f';
  }
  return out;
}

void Run::fire(std::size_t r, KeyState& key, std::vector<Match> matches, const Place& place) {
  RuleState& state = rules_[r];
  const Rule& rule = *state.rule;
  for (Match& match : matches) {
    if (rule.resolve && key.open) continue;  // F11
    Alert alert;
    if (rule.at_most) {  // F7
      Budget& budget = state.budgets[budget_key(rule, key, match)];
      const auto recent = std::count_if(budget.sent.begin(), budget.sent.end(),
                                        [&](Time t) { return t > match.at - rule.at_most->per; });
      if (budget.last_refused && match.at - *budget.last_refused >= rule.at_most->per) budget.suppressed = 0;
      if (recent >= rule.at_most->number) {
        ++budget.suppressed;
        budget.last_refused = match.at;
        continue;
      }
      budget.sent.push_back(match.at);
      alert.suppressed = std::exchange(budget.suppressed, 0);
    }
    alert.time = match.at;
    alert.rule = rule.name;
    alert.key = key.key;
    alert.count = match.count;
    alert.first = match.first();
    alert.last = match.last();
    alert.evidence = evidence_of(match.taken);
    alert.severity = rule.severity;
    alert.text = match.text;
    alert.fields = match.with;
    key.sent.push_back(match.at);
    for (const auto& e : rule.escalate) {
      const auto n = std::count_if(key.sent.begin(), key.sent.end(), [&](Time t) { return t >= match.at - e.length; });
      if (e.number > 0 && n >= e.number) alert.severity = e.severity;
    }
    const auto id = [](const Taken& t) {
      return t.event->event->source + "/" + std::to_string(t.event->event->partition) + "/" +
             std::to_string(t.event->event->offset);
    };
    alert.id = rule.name + "|" + key.canonical + "|" + std::to_string(match.at.us);  // F16
    if (rule.how == ast::Fire::How::every_match) {
      for (const Taken& t : match.taken) alert.id += "|" + t.name + "=" + id(t);
    } else if (!match.taken.empty()) {
      alert.id += "|" + id(match.taken.front()) + "|" + id(match.taken.back());
    }
    for (const Taken& t : match.taken)
      if (t.event->evidence != nullptr) alert.id += "|" + std::to_string(t.event->order);
    if (match.absent != nullptr) {
      FiredAbsence a;
      a.alert = alert;
      a.absent = match.absent;
      a.taken = match.taken;
      for (const Taken& t : match.taken)
        if (t.event->order == match.after) a.after = *t.event->event;
      a.from = match.from;
      a.until = match.at;
      key.absences.push_back(std::move(a));
    }
    leave(alert, key, place);
    if (!key.open) {
      OpenAlert open;
      open.alert = alert;
      if (rule.resolve) {
        Setup watching = setup(r, key, *rule.resolve);
        watching.history = &key.all_history;
        open.resolve = std::make_unique<Tracker>(watching, match.at, true);
      }
      key.open = std::move(open);
      if (rule.remind) wake(r, key, match.at + *rule.remind, Waiting::no);
      for (const auto& e : rule.escalate)
        if (e.number == 0) wake(r, key, match.at + e.length, Waiting::if_something_does);
    }
    const std::vector<Taken> listed = in_lists(match.taken);
    make(rule, rule.name, key, match.at, match.with, listed);
    for (std::size_t i = 0; i < rule.emit.size() && i < match.emits.size(); ++i)
      make(rule, rule.emit[i].event, key, match.at, match.emits[i], listed);
  }
}

void Run::resolve(std::size_t r, KeyState& key, const std::vector<Match>& matches, const Place& place) {
  (void)r;
  if (matches.empty()) return;
  Alert alert = key.open->alert;
  alert.state = Alert::State::resolved;
  alert.time = matches.front().at;
  key.open.reset();
  leave(std::move(alert), key, place);
}

// S5.
void Run::make(const Rule& rule, const std::string& name, const KeyState& key, Time t, Fields fields,
               const std::vector<Taken>& taken) {
  Event e;
  e.type = name;
  e.time = t;
  e.source = "emitted";
  e.fields = key.key;
  for (const auto& f : fields) {
    const auto same_name =
        std::find_if(e.fields.begin(), e.fields.end(), [&](const auto& have) { return have.first == f.first; });
    if (same_name == e.fields.end())
      e.fields.push_back(f);
    else
      same_name->second = f.second;
  }
  std::vector<EventId>& ids = evidences_.emplace_back();
  for (const Taken& one : taken) {
    if (!one.shown) continue;
    if (one.event->evidence != nullptr)
      ids.insert(ids.end(), one.event->evidence->begin(), one.event->evidence->end());
    else
      ids.push_back({one.event->event->source, one.event->event->partition, one.event->event->offset});
  }
  e.offset = evidences_.size();
  e.phase = phase_;
  e.cause = cause_;
  made_events_.push_back(std::move(e));
  to_deliver_.push_back({&made_events_.back(), &evidences_.back(), rule.name, key.canonical});
  output_.emitted.push_back({name, t, key.key, std::move(fields), evidence_of(taken), false});
}

// E4: all that a late event may ask for; if the newest of its base stands behind it, the one before is not known (F14).
Events Run::newest_before(const KeyState& key, const Event& event) {
  const auto newest = std::find_if(key.history.rbegin(), key.history.rend(),
                                   [&](const Seen* s) { return s->event->type == event.type; });
  if (newest == key.history.rend() || before(event, *(*newest)->event)) return {};
  return {*newest};
}

// F14.
void Run::late(const Event& event, Time watermark) {
  made_events_.push_back(event);
  Seen seen;
  seen.event = &made_events_.back();
  seen.type = model_.find_base(event.type);
  seen.time = event.time;
  seen.order = order_;
  for (std::size_t r = 0; r < rules_.size(); ++r) {
    RuleState& state = rules_[r];
    if (!state.rule->bases.contains(seen.type)) continue;
    for (auto& [fields, role] : keys_of(state, seen)) {
      std::string canon;
      for (const auto& [name, value] : fields) canon += canonical(value) + '\x1f';
      const auto found = state.keys.find(canon);
      seen.part = role;
      if (found == state.keys.end() || !exists(state, *found->second, seen)) continue;
      KeyState& key = *found->second;
      for (auto it = key.absences.begin(); it != key.absences.end();) {
        const Duration kept{std::clamp((it->until - it->from).us, hours(1).us, days(1).us)};
        Scope scope;
        scope.model = &model_;
        const Events newest = newest_before(key, event);
        scope.history = &newest;
        scope.taken = &it->taken;
        scope.names = &state.rule->when.names;
        const bool in_time = event.time <= it->until && (it->after ? before(*it->after, event) : event.time > it->from);
        const bool open = !state.rule->resolve || (key.open && key.open->alert.id == it->alert.id);
        std::string name;
        if (watermark > it->until + kept || !in_time || !open || !fits(*it->absent, seen, scope, &name) ||
            !plays(seen, "", name, state.parts.empty() ? nullptr : &state.parts)) {
          ++it;
          continue;
        }
        Alert alert = it->alert;
        if (key.open && key.open->alert.id == alert.id) {  // as it was said last
          alert = key.open->alert;
          key.open.reset();
        }
        alert.state = Alert::State::withdrawn;
        alert.time = watermark;
        leave(std::move(alert), key, {watermark, 0, ++lates_});
        it = key.absences.erase(it);
      }
    }
  }
}

// --- sessions

std::vector<Taken> Run::written(const Stream& of, const Events& events) const {
  std::vector<Taken> out;
  Scope scope;
  scope.model = &model_;
  for (const Seen* e : events) {
    std::string name;
    fits(of, *e, scope, &name);
    out.push_back({e, name, 0, true});
  }
  return out;
}

void Run::wake_session(std::size_t r, KeyState& key) {
  for (const Duration d : rules_[r].rule->delays)
    wake(r, key, key.session.back()->time + d, Waiting::if_something_does);
}

void Run::session_event(std::size_t r, KeyState& key, const Seen& e) {
  const Rule& rule = *rules_[r].rule;
  Scope scope;
  scope.model = &model_;
  scope.history = &key.history;
  const auto is = [&](const std::vector<Stream>& streams) {
    return std::any_of(streams.begin(), streams.end(), [&](const Stream& s) { return fits(s, e, scope); });
  };
  const bool belongs = fits(rule.of, e, scope), starts = is(rule.starts_on), ends = is(rule.ends_on);
  if (starts && !key.session.empty()) end_session(r, key, e.time);
  if (belongs && (!key.session.empty() || rule.starts_on.empty() || starts)) {
    key.session.push_back(&e);
    for (const auto& each : rule.emit_each) {
      const Seen& first = *key.session.front();
      Fields values = key.key;
      values.emplace_back("session_id", Value::of(key.canonical + "@" + std::to_string(first.order)));
      values.emplace_back("session_start", Value::of(first.time));
      values.emplace_back("sequence", Value::of(static_cast<std::int64_t>(key.session.size())));
      Scope own = scope;
      own.event = &e;
      own.values = &values;
      Fields fields;
      for (const Assign& a : each) fields.emplace_back(a.name, eval(*a.value, own));
      output_.emitted.push_back({rule.name, e.time, key.key, fields, evidence_of(written(rule.of, {&e})), true});
    }
    wake_session(r, key);
  }
  if (ends && !key.session.empty()) end_session(r, key, e.time);
}

// S1.
void Run::end_session(std::size_t r, KeyState& key, Time t) {
  const Rule& rule = *rules_[r].rule;
  const Events events = std::exchange(key.session, {});
  const Seen &first = *events.front(), &last = *events.back();
  Fields fields{{"start", Value::of(first.time)},
                {"end", Value::of(last.time)},
                {"duration", Value::of(last.time - first.time)},
                {"count", Value::of(static_cast<std::int64_t>(events.size()))},
                {"session_id", Value::of(key.canonical + "@" + std::to_string(first.order))}};
  Windows windows;
  windows.events = &events;
  windows.at2 = 2 * last.time.us;
  windows.range2 = {2 * first.time.us, 2 * last.time.us};
  windows.summary = true;
  const Events since(std::ranges::find(key.history, &first), key.history.end());
  windows.around = &since;
  windows.rows = &rule.of;
  Fields values = key.key;
  values.insert(values.end(), fields.begin(), fields.end());
  Scope scope;
  scope.model = &model_;
  scope.history = &key.history;
  scope.windows = &windows;
  scope.values = &values;
  for (const Assign& a : rule.with) {
    fields.emplace_back(a.name, eval(*a.value, scope));
    values.push_back(fields.back());
  }
  if (!holds(rule.where, scope)) return;
  make(rule, rule.name, key, t, fields, written(rule.of, events));
}

// --- summaries

void Run::summary_event(std::size_t r, KeyState& key, const Seen& e) {
  const Rule& rule = *rules_[r].rule;
  Scope scope;
  scope.model = &model_;
  scope.history = &key.history;
  if (!fits(rule.of, e, scope)) return;
  if (rule.every_event) {
    const Time start = rule.over ? e.time - *rule.over : first_of(r, key, e.time);
    return summary(r, key, start, e.time, true);
  }
  if (!rule.every) return;
  Time end = aligned_window(*rule.every, e.time).second;
  do {
    wake(r, key, end);
    end = aligned_window(*rule.every, end).second;
  } while (rule.over && end - e.time <= *rule.over);  // it is in [end - over, end)
}

Time Run::first_of(std::size_t r, const KeyState& key, Time otherwise) const {
  Scope scope;
  scope.model = &model_;
  scope.history = &key.history;
  const auto first =
      std::ranges::find_if(key.history, [&](const Seen* e) { return fits(rules_[r].rule->of, *e, scope); });
  return first == key.history.end() ? otherwise : (*first)->time;
}

// The events in [start, end), or in [start, end] where it looks back from an event.
void Run::summary(std::size_t r, KeyState& key, Time start, Time end, bool closed) {
  const Rule& rule = *rules_[r].rule;
  Scope scope;
  scope.model = &model_;
  scope.history = &key.history;
  Events events;
  bool begun = key.listed && rule.keys.empty();  // S4: `by all` from the start of watching
  for (const Seen* e : key.history) {
    if (!fits(rule.of, *e, scope)) continue;
    begun = begun || e->time < end;
    if (e->time >= start && (e->time < end || (closed && e->time == end))) events.push_back(e);
  }
  if (events.empty() && !(rule.even_if_empty && begun)) return;
  Windows windows;
  windows.events = &events;
  windows.at2 = closed ? 2 * end.us : 2 * end.us - 1;
  windows.range2 = {2 * start.us, windows.at2};
  windows.summary = true;
  windows.around = &key.history;
  windows.rows = &rule.of;
  Fields fields{{"start", Value::of(start)}, {"end", Value::of(end)}};
  Fields values = key.key;
  values.insert(values.end(), fields.begin(), fields.end());
  scope.windows = &windows;
  scope.values = &values;
  for (const Assign& a : rule.with) {
    fields.emplace_back(a.name, eval(*a.value, scope));
    values.push_back(fields.back());
  }
  if (!holds(rule.where, scope)) return;
  make(rule, rule.name, key, end, fields, written(rule.of, events));
}

// --- events from JSON

Value plain(const nlohmann::json& j) {
  if (j.is_boolean()) return Value::of(j.get<bool>());
  if (j.is_number_float() || (j.is_number_unsigned() && j.get<std::uint64_t>() > (std::uint64_t{1} << 63U) - 1))
    return Value::of(j.get<double>());
  if (j.is_number()) return Value::of(j.get<std::int64_t>());
  if (j.is_string()) return Value::of(j.get<std::string>());
  if (j.is_array()) {
    std::vector<Value> items;
    for (const auto& item : j) items.push_back(plain(item));
    return Value::list(std::move(items));
  }
  if (j.is_object()) {
    std::vector<std::pair<std::string, Value>> members;
    for (const auto& [name, item] : j.items()) members.emplace_back(name, plain(item));
    return Value::object(std::move(members));
  }
  return {};
}

Time instant_of(const Value& v, ast::TimeUnit unit) {
  if (v.kind == Value::Kind::text) return parse_rfc3339(v.text).value_or(Time{});
  const auto scaled = [&](std::int64_t by) {
    return Time{v.kind == Value::Kind::integer
                    ? v.number * by
                    : static_cast<std::int64_t>(std::floor(v.real * static_cast<double>(by)))};
  };
  switch (unit) {
    case ast::TimeUnit::seconds:
      return scaled(1'000'000);
    case ast::TimeUnit::milliseconds:
      return scaled(1'000);
    case ast::TimeUnit::microseconds:
      return scaled(1);
    case ast::TimeUnit::nanoseconds: {
      const std::int64_t ns = v.kind == Value::Kind::integer ? v.number : static_cast<std::int64_t>(v.real);
      return Time{ns >= 0 ? ns / 1000 : -((-ns + 999) / 1000)};
    }
  }
  return {};
}

Value typed(const Value& v, const FieldType& type, ast::TimeUnit unit) {
  if (v.missing()) return v;
  if (type.list && v.kind == Value::Kind::list) {
    std::vector<Value> items;
    for (const Value& item : v.items()) items.push_back(typed(item, {type.type, false}, unit));
    return Value::list(std::move(items));
  }
  if (type.type == ast::FieldType::time && (v.numeric() || v.kind == Value::Kind::text))
    return Value::of(instant_of(v, unit));
  if (type.type == ast::FieldType::duration && v.numeric())  // seconds, as durations in JSON are
    return Value::of(Duration{std::llround(v.as_double() * 1e6)});
  if (type.type == ast::FieldType::ip && v.kind == Value::Kind::text) return Value::ip(v.text);
  if (type.type == ast::FieldType::point && v.kind == Value::Kind::list && v.items().size() == 2 &&
      v.items()[0].numeric() && v.items()[1].numeric())
    return Value::point(v.items()[0].as_double(), v.items()[1].as_double());
  if (type.type == ast::FieldType::point && v.kind == Value::Kind::object) {
    std::optional<double> latitude, longitude;
    for (std::size_t i = 0; i < v.items().size(); ++i) {
      const std::string& name = v.compound->names[i];
      if (!v.items()[i].numeric()) continue;
      if (name == "lat" || name == "latitude") latitude = v.items()[i].as_double();
      if (name == "lon" || name == "lng" || name == "longitude") longitude = v.items()[i].as_double();
    }
    if (latitude && longitude) return Value::point(*latitude, *longitude);
  }
  return v;
}

}  // namespace

Matcher::Matcher(const std::vector<const ast::RuleFile*>& files, const Options& options)
    : model_(make_model(files, options)) {}

Output Matcher::run(const std::vector<Event>& events, const Options& options) const {
  return Run(*model_, options).run(events);
}

Event Matcher::event(const std::string& json, std::uint64_t offset, const std::string& type_field) const {
  const auto j = nlohmann::json::parse(json);
  Event e;
  e.type = j.at(type_field).get<std::string>();
  e.offset = offset;
  const int id = model_->find_base(e.type);
  const BaseEvent undeclared;
  const BaseEvent& base = id < 0 ? undeclared : model_->bases[static_cast<std::size_t>(id)];
  for (const auto& [name, item] : j.items()) {
    if (name == type_field) continue;
    Value v = plain(item);
    if (name == base.timestamp) e.time = instant_of(v, base.unit);
    if (name == base.tiebreak) e.tiebreak = v;
    for (const auto& [declared, type] : base.fields)
      if (declared == name) v = typed(v, type, name == base.timestamp ? base.unit : ast::TimeUnit::milliseconds);
    if (!v.missing()) e.fields.emplace_back(name, std::move(v));
  }
  return e;
}

}  // namespace tocsin::reference
