// A rule: its pattern finds, this decides what becomes of it. Edges (F1, F2), learn, mute, budgets, open alerts and
// their reminders and escalations, resets, forgetting: semantics.md F1-F18, one function per line where it can be.
#include <fmt/format.h>

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <limits>
#include <map>

#include "engine/base/table_memory.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/match/openings.h"
#include "engine/match/ring.h"
#include "engine/program/aggregates.h"
#include "engine/program/choose.h"
#include "engine/program/dump.h"
#include "engine/program/hash.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"
#include "engine/runtime/alert_maker.h"
#include "engine/runtime/counter_runner.h"
#include "engine/runtime/fired_absences.h"
#include "engine/runtime/key_book.h"
#include "engine/runtime/keyed.h"
#include "engine/runtime/runner.h"

namespace tocsin {
namespace {

// Fires of one budget and key, in (T - D, T].
struct Spent {
  Ring<Time> fires;
  std::uint64_t suppressed = 0;
  Time last_refused{};

  template <class Archive>
  void state_parts(Archive& a) {
    a(fires, suppressed, last_refused);
  }
};

// A budget with keys of its own.
struct SharedSpent : Spent {
  TouchTag touched = 0;
};

struct OpenAlert {
  Alert alert;  // as it was sent: what reminders and the resolution repeat
  std::optional<Time> remind;
  std::vector<bool> escalated;

  template <class Archive>
  void state_parts(Archive& a) {
    a(alert, remind, escalated);
  }
};

struct KeyState : InTableMemory<KeyState> {
  OwnedValues key;
  Time from{};        // watched since: `learn`
  bool seen = false;  // listed, or by all: counts as seen from the start
  bool armed = true;
  bool forgotten = false;  // since its last event
  std::unique_ptr<PatternState> when, resolve;
  std::unique_ptr<OpenAlert> open;       // apart: most keys have none, and it is larger than all else together
  std::vector<Spent> spent;              // by budget; those with keys of their own have theirs elsewhere
  std::vector<Ring<Time>> sent;          // for each `escalate ... after N in D`: its newest N
  std::map<EventTypeId, Seen> previous;  // E4
  std::optional<Time> last_event;        // of any base that the rule names (F10)
  FiredAbsences absences;                // F14
  std::optional<Instant> scheduled;
  std::optional<Time> indexed;
  TouchTag touched = 0;
};

// The keys with an open alert, by those of their parts that rules ask for which are muted meanwhile.
class OpenKeys {
 public:
  using Parts = std::vector<std::uint32_t>;
  explicit OpenKeys(const std::vector<Parts>& asked) {
    for (const Parts& parts : asked)
      if (std::ranges::find(asked_, parts, &Asked::parts) == asked_.end()) asked_.push_back({parts, {}});
  }
  bool is_asked() const { return !asked_.empty(); }

  void opened(std::span<const Value> key) {
    for (Asked& asked : asked_) ++asked.open[bytes_of(asked.parts, key)];
  }
  void closed(std::span<const Value> key) {
    for (Asked& asked : asked_) {
      const auto at = asked.open.find(bytes_of(asked.parts, key));
      if (--at->second == 0) asked.open.erase(at);
    }
  }
  bool has(std::span<const std::uint32_t> parts, std::string_view bytes) const {
    return std::ranges::any_of(asked_, [&](const Asked& asked) {
      return std::ranges::equal(asked.parts, parts) && asked.open.contains(bytes);
    });
  }

 private:
  struct Asked {
    Parts parts;
    boost::unordered_flat_map<std::string, std::uint32_t, StringHash, StringEqual> open;
  };
  static std::string bytes_of(const Parts& parts, std::span<const Value> key) {
    std::string out;
    for (const std::uint32_t part : parts) append_key(out, key[part]);
    return out;
  }
  std::vector<Asked> asked_;
};

// So many keys are kept without asking which of them still matter.
constexpr std::size_t kFewKeys = 1'024;

class RuleRunner : public Runner, public InTableMemory<RuleRunner> {
 public:
  // `asked`: the parts of its key that rules compare which are muted while this one fires.
  RuleRunner(const RunContext& context, ProgramId id, const std::vector<OpenKeys::Parts>& asked)
      : context_(context),
        id_(id),
        program_(context.rules->programs[id.index]),
        streams_(program_),
        rule_(std::get<RuleBody>(program_.body)),
        alerts_(id, program_, *context.evaluator, *context.sources),
        open_keys_(asked),
        budget_names_(budget_names(*context.rules, program_)) {
    MatchOptions options = match_options(program_);
    options.fast = context.fast;
    options.window_events = context.window_events;
    options.cut_short = &counters_.cut_short;
    when_ = make_matcher(*context.rules, program_, rule_.when, *context.evaluator, options);
    absent_ = absent_of(pattern());
    judges_where_ = program_.patterns[rule_.when.index].form != Pattern::Form::sequence;
    if (rule_.resolve.exists())
      resolve_ = make_matcher(*context.rules, program_, rule_.resolve, *context.evaluator, options.inside());
    uses_previous_ = std::any_of(program_.streams.begin(), program_.streams.end(), [&](const Stream& s) {
      return std::any_of(s.alternatives.begin(), s.alternatives.end(),
                         [&](const Alternative& a) { return reads_previous(a.filter) || reads_previous(a.relation); });
    });
    waits_ = when_->has_timers() || rule_.resolve.exists() || rule_.remind.us != 0 || rule_.forget.us != 0 ||
             !rule_.escalations.empty();
    if (index_step().us != 0) keys_.keep_index(index_step(), [this](const KeyState& s) { return due_of(s, true); });
    keys_.each_has(when_->begin({}, false)->bytes());
    keys_end_ = keys_end();
    may_pass_by_ = context.fast && !uses_previous_ && rule_.learn.us == 0 && rule_.forget.us == 0;
    find_plain_inputs();
  }

  void watch(Time from) override {
    watched(from);
    if (program_.by_all && context_.share.has(id_, {})) begin_key({}, {}, from, true);
    watch_listed(from);
  }

  void on_swap(Time from) override {
    if (!watching_ || !program_.keys_from.exists()) return;
    left_.clear();
    for (const auto& [key, state] : keys_)
      if (!is_listed(state->key.values().front())) left_.push_back(key);
    for (const std::string& key : left_) {
      close(*keys_.find(key));
      keys_.erase(key);
    }
    watch_listed(from);
  }

  void on_event(const Event& event, Outputs& out) override {
    for (const KeyedVisit& v : visits_of(context_, id_, event, counters_)) {
      if (program_.keys_from.exists() && !is_listed(v.values.front())) continue;  // E3
      visit(v, keys_.bring(v.key), event, out);
    }
  }

  bool looks_ahead() const override { return !plain_inputs_.empty(); }
  void add_memory(std::vector<const void*>& out) const override {
    out.push_back(&plain_inputs_);
    out.push_back(plain_inputs_.data());
    streams_.add_memory(*context_.evaluator, out);
  }
  void look_ahead(std::span<Ahead> all) override {
    for (Ahead& ahead : all) {
      const PlainInput* input = plain_input(ahead.event->type);
      if (input == nullptr) continue;
      ahead.key = &context_.keys->key(input->key, ahead.at, *ahead.event);
      if (ahead.key->missing) counters_.missing_key += context_.share.has_keyless();
      ahead.what = 1;
      ahead.is_wanted = !ahead.key->missing && context_.share.has(id_, ahead.key->bytes);
    }
  }
  void fetch(std::span<Ahead> all) override {
    for (Ahead& ahead : all) {
      if (ahead.what == 0) continue;
      ahead.place = keys_.find(HashedKey{ahead.key->bytes, ahead.key->hash});
      if (ahead.place == nullptr) continue;
      for (std::size_t line = 0; line < sizeof(KeyState); line += table_memory::kCacheLine)
        fetch_line(static_cast<const char*>(ahead.place) + line);
    }
    fetched_ = keys_.erasures();
  }
  std::size_t on_ahead(std::span<const Ahead> all, Outputs& out) override {
    on_ahead(all.front(), out);
    return 1;
  }
  bool has_timers() const override { return waits_; }

  // F14. Who is not watched any more, or not open, has nothing to withdraw.
  void on_late(const Event& event, Time now, Outputs& out) override {
    if (!absent_.exists()) return;
    EvalContext context = context_.at(&event, event.time);
    ProgramCounters uncounted;  // it is counted as late
    for (const KeyedVisit& v : visits_of(context_, id_, event, uncounted)) {
      KeyState* s = keys_.bring(v.key);
      if (s == nullptr || s->absences.empty()) continue;
      keys_.will_change(v.key, *s);
      context.key = s->key.values();
      context.previous = previous_of_late(*s, event);
      for (Alert& alert : s->absences.disproved_by(event, context, now, program_, pattern(), *context_.evaluator))
        withdraw(*s, std::move(alert), now, out);
    }
  }

  // E4: remembered is the newest of its base. If that stands behind the late event, the one before it is not known.
  static const Event* previous_of_late(const KeyState& s, const Event& event) {
    const auto newest = s.previous.find(event.type);
    if (newest == s.previous.end() || total_order(newest->second.event(), event) > 0) return nullptr;
    return &newest->second.event();
  }

  std::optional<Instant> due() const override {
    return keys_.next([this](const KeyState& s) { return due_of(s, true); });
  }
  std::optional<Instant> due_but_renewing() const override {
    return keys_.earliest([this](const KeyState& s) { return due_of(s, false); });
  }
  void due_keys(std::vector<DueKey>& out) const override {
    keys_.due_keys([this](const KeyState& s) { return due_of(s, false); }, out);
  }
  std::optional<Instant> due_of_key(const std::string& key) const override {
    const KeyState* state = keys_.bring(key);
    return state == nullptr ? std::nullopt : due_of(*state, false);
  }

  void on_instant(Instant now, Outputs& out) override {
    for (const std::string& key : keys_.take(now)) {
      KeyState* state = keys_.find(key);
      if (state == nullptr) continue;
      keys_.will_change(key, *state);
      on_timers(key, *state, now, out);
      state = keys_.find(key);
      if (state != nullptr) keys_.schedule(key, *state, due_of(*state, true));
    }
  }

  void track(const StateOut& out) override {
    keys_.track(out, StateKind::key, [this](StateWriter& w, KeyState& s) { key_parts(w, s); });
    shared_spent_.track(out, StateKind::budget, [](StateWriter& w, Spent& spent) { w(spent); });
    for (const std::string& key : std::exchange(left_, {})) keys_.note_gone(key);  // with the list of today
  }
  void cut() override {
    keys_.cut();
    shared_spent_.cut();
  }
  std::size_t save(std::size_t most) override {
    const std::size_t left = keys_.save(most);
    return left > 0 ? left : shared_spent_.save(most);
  }
  bool keeps(const StateAddress& address) const override {
    return address.kind != StateKind::budget || shared_budget(address.key) != nullptr;
  }
  bool load(const StateAddress& address, StateReader& in) override {
    if (address.kind == StateKind::key) return load_key(std::string(address.key), in);
    if (address.kind != StateKind::budget) return false;
    auto spent = std::make_unique<SharedSpent>();
    in(static_cast<Spent&>(*spent));
    if (in.ok()) shared_spent_.restore(std::string(address.key), std::move(spent));
    return in.ok();
  }
  void watched(Time from) override {
    watched_from_ = from;
    watching_ = true;
  }
  void lost(const Lost& lost) override { lost_ = lost; }
  void restored(Instant passed) override {
    on_swap(passed.time);  // E3: a reload, and a start, may come with another list
    if (!waits_) return;
    for (const auto& [key, s] : keys_) {
      EvalContext context = context_.at(nullptr, passed.time);
      context.key = s->key.values();
      when_->reckon(*s->when, passed, context);
      if (s->resolve) resolve_->reckon(*s->resolve, passed, context);
      if (s->open) s->open->remind = next_reminder(*s->open, passed.time);
      keys_.schedule(key, *s, due_of(*s, true));
    }
  }

  // Whoever is muted meanwhile asks for keys by parts of them; a list is gone through when it is swapped.
  bool may_be_cold() const override {
    return !program_.by_all && !program_.keys_from.exists() && !open_keys_.is_asked();
  }
  Duration index_step() const override {
    if (!waits_ || !may_be_cold()) return {};
    std::vector<Duration> waits{rule_.remind, rule_.forget, program_.bounds.reach.longest.value_or(Duration{})};
    for (const Pattern& p : program_.patterns) waits.insert(waits.end(), {p.length, p.hold});
    for (const Escalation& e : rule_.escalations) waits.push_back(e.after);
    return step_of_index(waits);
  }
  void cold_from(std::uint16_t group, Time at) override { keys_.cold_from(group, at); }
  void begin_cold() override {
    keys_.begin_cold([this](std::string key, StateReader& in) { return load_key(std::move(key), in); });
  }
  std::size_t held() const override { return may_be_cold() ? keys_.held() : 0; }
  std::size_t evict(std::size_t most, Time passed) override { return keys_.evict(most, passed); }

  bool fires(std::span<const std::uint32_t> parts, std::string_view bytes) const override {
    return open_keys_.has(parts, bytes);
  }
  std::vector<std::string> in_words(const std::string& key) const override {
    const KeyState* s = keys_.find(key);
    if (s == nullptr) return {};
    std::vector<std::string> out;
    if (s->last_event) out.push_back(fmt::format("its last event was at {}", rfc3339(*s->last_event)));
    if (rule_.learn.us != 0) out.push_back(fmt::format("it learns since {}", rfc3339(s->from)));
    if (s->open) {
      const Alert& alert = s->open->alert;
      out.push_back(fmt::format("an alert is open since {}{}", rfc3339(alert.fired),
                                alert.reminder > 0 ? ", " + counted(alert.reminder, "reminder") + " sent" : ""));
    }
    if (!s->armed) out.push_back("it has fired, and fires again when its condition was false meanwhile");
    for (std::size_t i = 0; i < s->spent.size(); ++i)
      if (const Spent& spent = s->spent[i]; !spent.fires.empty())
        out.push_back(fmt::format("`fire at most {}`: {} sent, the last at {}, {} suppressed since",
                                  rule_.budgets[i].count, counted(spent.fires.size(), "alert"),
                                  rfc3339(spent.fires.back()), spent.suppressed));
    std::vector<std::string> words = when_->in_words(*s->when);
    if (words.empty())
      words.push_back(fmt::format("what its pattern keeps has {} in memory", counted(s->when->bytes(), "byte")));
    std::ranges::move(words, std::back_inserter(out));
    return out;
  }
  const ProgramCounters& counters() const override { return counters_; }
  std::size_t keys() const override { return keys_.size(); }
  std::size_t bytes() const override {
    std::size_t sum = 0;
    for (const auto& [key, state] : keys_) {
      sum += key.size() + sizeof(KeyState) + state->when->bytes();
      if (state->resolve) sum += state->resolve->bytes();
      if (state->open) sum += sizeof(OpenAlert) - sizeof(Alert) + bytes_of(state->open->alert);
      sum += state->absences.bytes();
      for (const Spent& spent : state->spent) sum += sizeof(Spent) + spent.fires.bytes();
      for (const Ring<Time>& sent : state->sent) sum += sizeof sent + sent.bytes();
      for (const auto& [type, seen] : state->previous) sum += sizeof type + seen.bytes();
    }
    return sum;
  }

 private:
  void on_ahead(const Ahead& look, Outputs& out) {
    const Event& event = *look.event;
    if (look.what == 0) return on_event(event, out);
    const PlainInput& input = *plain_input(event.type);
    context_.visits->clear();
    KeyedVisit& v = context_.visits->add();
    v.key = look.key->bytes;
    v.steps = input.steps;
    auto* state = static_cast<KeyState*>(look.place);
    if (state == nullptr || fetched_ != keys_.erasures())
      state = keys_.bring(HashedKey{look.key->bytes, look.key->hash});
    if (state == nullptr)
      for (const SlotId part : input.fields) v.values.push_back(event.field(part));
    visit(v, state, event, out);
  }

  const ReferenceData& reference() const { return **context_.reference; }
  const Pattern& pattern() const { return program_.patterns[rule_.when.index]; }

  bool reads_previous(ExprId id) const {
    return id.exists() && (context_.rules->code.exprs[id.index].reads & kReadsPrevious) != 0;
  }

  // An event type that plays one role and is kept by fields alone, as nearly all are: its keys are in the shard's book.
  struct PlainInput {
    EventTypeId type;
    std::vector<SlotId> fields;
    std::size_t key = 0;  // their number there
    StepSet steps;
  };
  void find_plain_inputs() {
    if (program_.keys_from.exists()) return;
    for (const Input& input : program_.inputs) {
      if (input.roles.size() != 1 || input.refused.exists()) continue;
      const Role& role = input.roles.front();
      const auto fields = key_fields(*context_.rules, role);
      if (!fields) continue;
      PlainInput plain{input.type, *fields, context_.keys->number_of(*fields), {}};
      if (role.steps.empty()) plain.steps = ~StepSet();
      for (const StepId step : role.steps) plain.steps.set(step.index);
      plain_inputs_.push_back(std::move(plain));
    }
  }
  const PlainInput* plain_input(EventTypeId type) const {
    for (const PlainInput& input : plain_inputs_)
      if (input.type == type) return &input;
    return nullptr;
  }

  // ----- durable state ---------------------------------------------------------------------------------

  template <class Archive>
  void key_parts(Archive& a, KeyState& s) const {
    a(s.key, s.from, s.seen, s.armed, s.forgotten, s.open, s.spent, s.sent);
    map_parts(a, s.previous);
    a(s.last_event, s.absences);
    if constexpr (Archive::kReads) s.when = when_->begin(s.from, s.seen);
    matcher_parts(a, *when_, *s.when);
    bool resolves = s.resolve != nullptr;
    a(resolves);
    if (resolves && resolve_ == nullptr) a.fail();
    if (!resolves || !a.ok()) return;
    if constexpr (Archive::kReads) s.resolve = resolve_->begin(s.from, true);
    matcher_parts(a, *resolve_, *s.resolve);
  }

  bool load_key(std::string key, StateReader& in) {
    auto state = std::make_unique<KeyState>();
    key_parts(in, *state);
    if (!in.ok()) return false;
    // Budgets, escalations and reminders may be others now, or gone (docs/language.md, section 14).
    state->spent.resize(rule_.budgets.size());
    state->sent.resize(rule_.escalations.size());
    if (state->open) state->open->escalated.resize(rule_.escalations.size());
    if (state->open && rule_.remind.us == 0) state->open->remind.reset();
    if (lost_ && keys_end_ && state->last_event && *state->last_event < lost_->before &&
        waits_for_nothing(*state, lost_->at)) {
      if (spent_until(*state) <= lost_->at) return true;
      state->when = when_->begin(state->from, false);
      state->previous.clear();
      state->armed = true;
    }
    if (state->open) open_keys_.opened(state->key.values());
    const std::optional<Instant> due = due_of(*state, true);
    KeyState& s = keys_.restore(key, std::move(state));
    keys_.schedule(key, s, due);
    return true;
  }

  // ----- keys ------------------------------------------------------------------------------------------

  bool is_listed(const Value& key) const { return reference().contains(program_.keys_from, key, false); }

  // E3: a key of the list counts as seen when the watching begins, or when it joins.
  void watch_listed(Time from) {
    if (!program_.keys_from.exists()) return;
    for (const Value& value : reference().keys(program_.keys_from, program_.listed_as)) {
      std::string key;
      append_key(key, value);
      if (context_.share.has(id_, key) && keys_.find(key) == nullptr) begin_key(key, std::span(&value, 1), from, true);
    }
  }

  // Does a key stop to matter, some time after its last event?
  bool keys_end() const {
    const Reach& reach = program_.bounds.reach;
    if (program_.by_all || program_.keys_from.exists() || rule_.forget.us != 0) return false;
    if (!reach.longest || reach.keeps_every_key || pattern().true_of_nothing) return false;
    return std::all_of(program_.cells.begin(), program_.cells.end(), [](const Cell& c) {
      using Kind = Window::Kind;
      const bool ends = c.window.kind == Kind::span ? c.window.length.us > 0
                                                    : c.window.kind != Kind::last && c.window.kind != Kind::streak &&
                                                          c.window.kind != Kind::of_last;
      // The last x of a duration lasts up to the key's next event, however long that takes (A7).
      const AggregateKind kind = aggregates()[c.function.index].kind;
      return ends && kind != AggregateKind::ema && kind != AggregateKind::duration;
    });
  }

  // Nothing is known of the key that an event from `now` on could ask for: it is what a new one would be.
  bool is_idle(const KeyState& s, Time now) const {
    if (!s.last_event || now - *s.last_event <= *program_.bounds.reach.longest) return false;
    return waits_for_nothing(s, now) && spent_until(s) <= now;
  }
  bool waits_for_nothing(const KeyState& s, Time now) const {
    if (s.seen || (s.open && (rule_.resolve.exists() || open_keys_.is_asked()))) return false;
    return s.absences.are_forgotten(now) && !due_of(s, true);
  }

  KeyState& begin_key(std::string key, std::span<const Value> values, Time from, bool seen) {
    if (keys_end_)
      keys_.make_room(context_.fast ? kFewKeys : 1,
                      [&](const std::string&, const KeyState& s) { return is_idle(s, from); });
    auto state = std::make_unique<KeyState>();
    state->key = OwnedValues(values);
    state->from = from;
    state->seen = seen;
    state->when = when_->begin(watching_ && !seen ? watched_from_ : from, seen);
    state->spent.resize(rule_.budgets.size());
    state->sent.resize(rule_.escalations.size());
    KeyState& out = keys_.insert(key, std::move(state));
    counters_.keys_most = std::max<std::uint64_t>(counters_.keys_most, keys_.size());
    keys_.schedule(key, out, due_of(out, true));
    return out;
  }

  std::optional<Instant> due_of(const KeyState& s, bool renewing) const {
    std::optional<Instant> out;
    const auto consider = [&out](std::optional<Instant> i) {
      if (i && (!out || *i < *out)) out = i;
    };
    if (renewing || !when_->renewed(*s.when)) consider(when_->due(*s.when));
    if (!renewing && is_forgotten_by(s, out)) out.reset();
    if (s.open && s.resolve && (renewing || !resolve_->renewed(*s.resolve))) consider(resolve_->due(*s.resolve));
    if (s.open && s.open->remind && renewing) consider(Instant{*s.open->remind, Phase::waited});
    if (s.open)
      for (std::size_t i = 0; i < rule_.escalations.size(); ++i) {
        if (rule_.escalations[i].count != 0 || s.open->escalated[i]) continue;
        const Instant at{s.open->alert.fired + rule_.escalations[i].after, Phase::waited};
        if (renewing || rule_.resolve.exists() || !is_forgotten_by(s, at)) consider(at);
      }
    // Nothing comes of it, so nobody waits for it (T8).
    if (rule_.forget.us != 0 && s.last_event && renewing) consider(Instant{*s.last_event + rule_.forget, Phase::over});
    if (s.forgotten && !s.open && renewing) consider(Instant{spent_until(s), Phase::over});
    return out;
  }

  // F10: what its pattern waits for is gone by then, if nothing more comes of the key. A listed one stays armed (F9).
  bool is_forgotten_by(const KeyState& s, std::optional<Instant> at) const {
    return at && rule_.forget.us != 0 && s.last_event && !program_.keys_from.exists() &&
           *at > Instant{*s.last_event + rule_.forget, Phase::over};
  }

  // From then on nothing that it has sent limits or escalates anything.
  Time spent_until(const KeyState& s) const {
    Time out = s.from;
    for (std::size_t i = 0; i < s.spent.size(); ++i) out = std::max(out, over_at(s.spent[i], rule_.budgets[i]));
    for (std::size_t i = 0; i < s.sent.size(); ++i)
      if (!s.sent[i].empty()) out = std::max(out, s.sent[i].back() + rule_.escalations[i].after + Duration{1});
    return out;
  }

  // F9: open alerts and budgets stay; only listed keys stay armed, and `learn` begins anew.
  void forget(const std::string& key, KeyState& s, Time now) {
    s.seen = program_.keys_from.exists();
    s.last_event.reset();
    s.absences.clear();
    if (!rule_.resolve.exists()) close(s);  // F12: it is armed now
    if (!s.seen && !s.open && spent_until(s) <= now) return keys_.erase(key);
    s.when = when_->begin(s.seen ? now : watched_from_, s.seen);
    s.from = now;
    s.forgotten = !s.seen;
    s.armed = true;
    s.previous.clear();
  }

  // ----- events ----------------------------------------------------------------------------------------

  // `found`: the key's state, null where it is new.
  void visit(const KeyedVisit& v, KeyState* found, const Event& event, Outputs& out) {
    if (found != nullptr) keys_.will_change(v.key, *found);
    ++counters_.events;
    if (found == nullptr && may_pass_by_ && passes_by(v, event)) return;
    KeyState& s = found != nullptr ? *found : begin_key(v.key, v.values, event.time, false);
    if (std::exchange(s.forgotten, false)) s.from = event.time;
    s.last_event = event.time;
    Visit visit;
    visit.event = &event;
    visit.steps = v.steps;
    visit.context = context_.at(&event, event.time);
    visit.context.key = s.key.values();
    if (uses_previous_) {
      const auto before = s.previous.find(event.type);
      if (before != s.previous.end()) visit.context.previous = &before->second.event();
    }
    visit.fits = streams_.fits(visit.context, *context_.evaluator);
    const bool resets = std::any_of(rule_.resets.begin(), rule_.resets.end(),
                                    [&](StreamId r) { return static_cast<bool>(visit.fits[r.index]); });
    if (resets) {
      reset(s, event.time);
      if (uses_previous_) {
        visit.context.previous = nullptr;
        visit.fits = streams_.fits(visit.context, *context_.evaluator);
      }
    }
    // What resolves comes before what fires anew: P counts only what comes after the fire (F11).
    if (s.open && s.resolve)
      resolve_->on_event(*s.resolve, visit, [&](const Finding& f) { maybe_resolve(s, f, event.time, out); });
    when_->on_event(*s.when, visit,
                    [&](const Finding& f) { judge(s, v.key, f, visit.context, {event.time, Phase::event}, out); });
    if (uses_previous_) s.previous.insert_or_assign(event.type, Seen(event, visit.fits));
    if (waits_) keys_.schedule(v.key, s, due_of(s, true));
  }

  // Most keys that a sequence sees never begin it: such a key is not even begun.
  bool passes_by(const KeyedVisit& v, const Event& event) const {
    Visit visit;
    visit.event = &event;
    visit.steps = v.steps;
    visit.context = context_.at(&event, event.time);
    visit.context.key = v.values;
    visit.fits = streams_.fits(visit.context, *context_.evaluator);
    return when_->passes_by(visit) &&
           std::none_of(rule_.resets.begin(), rule_.resets.end(), [&](StreamId r) { return visit.fits[r.index]; });
  }

  // F9: as if the rule began to watch the key now; what was seen counts as seen, open alerts and budgets stay.
  void reset(KeyState& s, Time now) {
    s.when = when_->begin(now, s.seen || when_->watches(*s.when));
    s.previous.clear();
    arm(s);
  }

  void on_timers(const std::string& key, KeyState& s, Instant now, Outputs& out) {
    EvalContext context = context_.at(nullptr, now.time);
    context.key = s.key.values();
    if (s.open && s.resolve)
      if (const auto due = resolve_->due(*s.resolve); due && *due <= now)
        resolve_->on_timer(*s.resolve, now, context, [&](const Finding& f) { maybe_resolve(s, f, now.time, out); });
    if (const auto due = when_->due(*s.when); due && *due <= now)
      when_->on_timer(*s.when, now, context, [&](const Finding& f) { judge(s, key, f, context, now, out); });
    if (s.open && s.open->remind && Instant{*s.open->remind, Phase::waited} <= now) remind(s, now.time, out);
    if (s.open) escalate_unresolved(s, now, out);
    if (rule_.forget.us != 0 && s.last_event && now >= Instant{*s.last_event + rule_.forget, Phase::over})
      return forget(key, s, now.time);
    if (s.forgotten && !s.open && Instant{spent_until(s), Phase::over} <= now) keys_.erase(key);
  }

  // ----- what was found --------------------------------------------------------------------------------

  void judge(KeyState& s, const std::string& key, const Finding& f, const EvalContext& context, Instant now,
             Outputs& out) {
    EvalContext at = context;
    at.match = f.report;
    const bool found = f.holds && f.report != nullptr;
    bool holds = found;
    if (found && judges_where_ && rule_.where.exists()) holds = context_.evaluator->holds(rule_.where, at);  // F6
    // F8: a place that `where` refuses meanwhile is news when the rule may speak again, too.
    const bool is_place = pattern().form == Pattern::Form::ranking;
    if ((holds || (found && is_place)) && silent(s, context, now.time)) {
      holds = false;
      f.refused = true;
    }
    if (f.kind == Finding::Kind::occurred) {
      if (!holds) return;
      fire(s, key, *f.report, at, now, out);
      if (!rule_.resolve.exists() && !f.lasts) close(s);  // armed again at once (F12)
      return;
    }
    if (f.by_event && (f.nothing_left || !holds)) arm(s);
    if (!holds) return;
    const bool edge = s.armed;
    if (!edge && !(rule_.firing == Firing::always && f.by_event)) return;  // F5
    s.armed = false;
    fire(s, key, *f.report, at, now, out);
  }

  void close(KeyState& s) {
    if (!s.open) return;
    s.open.reset();
    open_keys_.closed(s.key.values());
  }

  void arm(KeyState& s) {
    s.armed = true;
    if (!rule_.resolve.exists()) close(s);  // F12: without `resolve when` it fires until it is armed again
  }

  bool is_closed(Time now) const { return Openings::closed(program_, reference(), now); }

  // Learning, muted, or outside its calendar.
  bool silent(const KeyState& s, const EvalContext& context, Time now) {
    if (rule_.learn.us != 0 && now - s.from < rule_.learn) {
      ++counters_.learning;
      return true;
    }
    if (is_closed(now)) return true;
    for (const Mute& mute : rule_.mutes) {
      std::string bytes;
      OpenKeys::Parts parts;
      for (const auto& [ours, theirs] : mute.same) {
        append_key(bytes, context_.evaluator->evaluate(ours, context));
        parts.push_back(theirs);
      }
      const bool muted = (*context_.runners)[mute.rule.index]->fires(parts, bytes);
      if (muted) {
        ++counters_.muted;
        return true;
      }
    }
    return false;
  }

  void fire(KeyState& s, const std::string& key, const Report& report, const EvalContext& context, Instant now,
            Outputs& out) {
    std::uint64_t suppressed = 0;
    if (rule_.resolve.exists() && s.open) {
      // F11: until resolved, new edges are swallowed
    } else if (!spend(s, context, now.time, suppressed)) {  // F7
      ++counters_.suppressed;
    } else {
      ++counters_.fired;
      send(s, key, report, context, now, suppressed, out);
    }
    if (rule_.firing == Firing::start_over) {
      when_->start_over(*s.when, now);
      arm(s);
    }
  }

  // From then on nothing in it limits a fire.
  static Time over_at(const Spent& b, const Budget& budget) {
    Time out{std::numeric_limits<std::int64_t>::min()};
    if (!b.fires.empty()) out = b.fires.back() + budget.per;
    if (b.suppressed > 0) out = std::max(out, b.last_refused + budget.per);
    return out;
  }

  // Whose key this is; null: of a budget that the rule does not have, or has no more.
  const Budget* shared_budget(std::string_view key) const {
    const std::string_view name = budget_name_of(key);
    const auto at = std::ranges::find(budget_names_, name);
    if (name.empty() || at == budget_names_.end()) return nullptr;
    return &rule_.budgets[static_cast<std::size_t>(at - budget_names_.begin())];
  }

  // Budgets with keys of their own: those that are over are given up whenever they have doubled.
  void make_room_for_budgets(Time now) {
    shared_spent_.make_room(kFewKeys, [&](const std::string& key, const SharedSpent& spent) {
      return over_at(spent, *shared_budget(key)) <= now;
    });
  }

  SharedSpent& shared_spent(const std::string& key) {
    SharedSpent* there = shared_spent_.find(key);
    if (there == nullptr) return shared_spent_.insert(key, std::make_unique<SharedSpent>());
    shared_spent_.will_change(key, *there);
    return *there;
  }

  // All budgets must have room; a refusal is counted in each that had none.
  bool spend(KeyState& s, const EvalContext& context, Time now, std::uint64_t& suppressed) {
    std::vector<Spent*> spent;
    make_room_for_budgets(now);
    for (std::size_t i = 0; i < rule_.budgets.size(); ++i) {
      const Budget& budget = rule_.budgets[i];
      Spent* b = &s.spent[i];
      if (!budget.keys.empty()) {
        std::string bytes = budget_names_[i];
        for (const ExprId part : budget.keys) append_key(bytes, context_.evaluator->evaluate(part, context));
        b = &shared_spent(bytes);
      }
      while (!b->fires.empty() && b->fires.front() <= now - budget.per) b->fires.pop_front();
      if (b->suppressed > 0 && now - b->last_refused >= budget.per) b->suppressed = 0;
      spent.push_back(b);
    }
    bool room = true;
    for (std::size_t i = 0; i < spent.size(); ++i) {
      if (spent[i]->fires.size() < rule_.budgets[i].count) continue;
      ++spent[i]->suppressed;
      spent[i]->last_refused = now;
      room = false;
    }
    if (!room) return false;
    for (Spent* b : spent) {
      b->fires.push_back(now);
      suppressed += b->suppressed;
      b->suppressed = 0;
    }
    return true;
  }

  // ----- alerts ----------------------------------------------------------------------------------------

  void send(KeyState& s, const std::string& key, const Report& report, const EvalContext& context, Instant now,
            std::uint64_t suppressed, Outputs& out) {
    Alert alert = alerts_.make({s.key.values(), key}, report, context, now.time, suppressed, out.emitted);
    escalate_by_number(s, alert);
    if (absent_.exists() && rule_.alert && !s.absences.remember(program_, pattern(), alert, report))
      ++counters_.cut_short;
    if (!s.open) {
      s.open = std::make_unique<OpenAlert>();
      s.open->alert = alert;
      s.open->escalated.assign(rule_.escalations.size(), false);
      if (rule_.remind.us != 0) s.open->remind = now.time + rule_.remind;
      open_keys_.opened(s.key.values());
      if (resolve_) s.resolve = resolve_->begin(now.time, true);
    }
    if (rule_.alert) out.alerts.push_back(std::move(alert));
  }

  void maybe_resolve(KeyState& s, const Finding& f, Time now, Outputs& out) {
    if (!s.open || !f.holds || f.report == nullptr || is_closed(now)) return;  // F15: time alone resolves nothing there
    Alert alert = s.open->alert;
    alert.state = Alert::State::resolved;
    close(s);
    repeat(std::move(alert), now, out);
  }

  void withdraw(KeyState& s, Alert alert, Time now, Outputs& out) {
    const bool is_open = s.open && s.open->alert.id == alert.id;
    if (rule_.resolve.exists() && !is_open) return;  // it is resolved
    if (is_open) {                                   // as it was said last, reminded of and escalated
      alert = s.open->alert;
      close(s);
    }
    alert.state = Alert::State::withdrawn;
    repeat(std::move(alert), now, out);
  }

  // More is said of an alert that was sent. What is kept of it, in durable state too, does not say whose it is.
  void repeat(Alert alert, Time now, Outputs& out) const {
    if (!rule_.alert) return;
    alert.rule = id_;
    alert.time = now;
    out.alerts.push_back(std::move(alert));
  }

  void remind(KeyState& s, Time now, Outputs& out) {  // F13
    OpenAlert& open = *s.open;
    ++open.alert.reminder;
    open.remind = *open.remind + rule_.remind;
    repeat(open.alert, now, out);
  }

  // Every D since it was fired; none before `from`.
  std::optional<Time> next_reminder(const OpenAlert& open, Time from) const {
    if (rule_.remind.us == 0) return std::nullopt;
    const std::int64_t over = (from - open.alert.fired).us - 1, number = over < 0 ? 1 : over / rule_.remind.us + 1;
    return open.alert.fired + Duration{number * rule_.remind.us};
  }

  void escalate_unresolved(KeyState& s, Instant now, Outputs& out) {
    for (std::size_t i = 0; i < rule_.escalations.size(); ++i) {
      const Escalation& e = rule_.escalations[i];
      if (e.count != 0 || s.open->escalated[i] || Instant{s.open->alert.fired + e.after, Phase::waited} > now) continue;
      s.open->escalated[i] = true;
      s.open->alert.severity = e.to;
      s.open->alert.escalated = true;
      repeat(s.open->alert, now.time, out);
    }
  }

  // `escalate to SEV after N in D`: the N-th alert within D, and those after it, have the severity.
  void escalate_by_number(KeyState& s, Alert& alert) {
    for (std::size_t i = 0; i < rule_.escalations.size(); ++i) {
      const Escalation& e = rule_.escalations[i];
      if (e.count == 0) continue;
      Ring<Time>& sent = s.sent[i];
      sent.push_back(alert.fired);
      while (sent.size() > e.count || alert.fired - sent.front() > e.after) sent.pop_front();
      if (sent.size() < e.count) continue;
      alert.severity = e.to;
      alert.escalated = true;
    }
  }

  RunContext context_;
  const ProgramId id_;
  const Program& program_;
  const StreamFilters streams_;
  const RuleBody& rule_;
  const AlertMaker alerts_;
  std::unique_ptr<PatternMatcher> when_, resolve_;
  StreamId absent_;  // what the rule waits for not to come; none: it does not
  std::vector<PlainInput> plain_inputs_;
  std::vector<std::string> left_;  // the list when it was last another one
  std::uint64_t fetched_ = 0;      // keys_.erasures() when the hand was fetched
  bool judges_where_ = true, uses_previous_ = false;
  bool waits_ = true;         // something may be due
  bool may_pass_by_ = false;  // nothing but the matcher remembers that a key was seen
  bool keys_end_ = false;     // keys that stop to matter are given up
  bool watching_ = false;
  Time watched_from_{};
  std::optional<Lost> lost_;
  mutable Keyed<KeyState> keys_;
  OpenKeys open_keys_;
  std::vector<std::string> budget_names_;  // by budget; "": it is of the rule's key
  Keyed<SharedSpent> shared_spent_;        // budgets with keys of their own: name of the budget, key
  ProgramCounters counters_;
};

}  // namespace

std::unique_ptr<Runner> make_session_runner(const RunContext& context, ProgramId program);
std::unique_ptr<Runner> make_summary_runner(const RunContext& context, ProgramId program);

std::vector<std::unique_ptr<Runner>> make_runners(const RunContext& context) {
  CounterRunners counters(context);
  std::vector<std::vector<OpenKeys::Parts>> asked(context.rules->programs.size());
  for (const Program& program : context.rules->programs)
    if (const auto* rule = std::get_if<RuleBody>(&program.body))
      for (const Mute& mute : rule->mutes) {
        OpenKeys::Parts& parts = asked[mute.rule.index].emplace_back();
        for (const auto& [ours, theirs] : mute.same) parts.push_back(theirs);
      }
  std::vector<std::unique_ptr<Runner>> out;
  for (std::size_t i = 0; i < context.rules->programs.size(); ++i) {
    const ProgramId id(i);
    const auto& body = context.rules->programs[i].body;
    if (std::holds_alternative<SessionBody>(body)) {
      out.push_back(make_session_runner(context, id));
    } else if (std::holds_alternative<SummaryBody>(body)) {
      out.push_back(make_summary_runner(context, id));
    } else if (auto counter = counters.make(id)) {
      out.push_back(std::move(counter));
    } else {
      out.push_back(std::make_unique<RuleRunner>(context, id, asked[i]));
    }
  }
  return out;
}

}  // namespace tocsin
