// Sessions (semantics.md S1-S3, S5): the events of a key without a long silence. What ends one: its gap, which depends
// on its last event; an event that ends or starts one; its longest time.
#include <fmt/format.h>

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/match/forms.h"
#include "engine/match/ring.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"
#include "engine/runtime/keyed.h"
#include "engine/runtime/rows.h"
#include "engine/runtime/runner.h"

namespace tocsin {
namespace {

struct Session {
  OwnedValues key;
  Ring<Seen> events;  // empty: no session is open
  std::string id;
  std::uint64_t count = 0;
  LastingRows::State lasted;
  std::optional<RunningRows> running;  // of all events
  Duration gap{};                      // of the last event
  std::optional<Instant> scheduled;
  std::optional<Time> indexed;
  TouchTag touched = 0;

  template <class Archive>
  void state_parts(Archive& a) {
    a(key, events, id, count, gap);
    LastingRows::parts(a, lasted);
  }
};

class SessionRunner : public Runner {
 public:
  SessionRunner(const RunContext& context, ProgramId id)
      : context_(context),
        id_(id),
        program_(context.rules->programs[id.index]),
        streams_(program_),
        body_(std::get<SessionBody>(program_.body)),
        lasting_(program_, body_.of) {
    if (index_step().us != 0) keys_.keep_index(index_step(), [this](const Session& s) { return due_of(s); });
    keys_.each_has(RunningRows(program_).bytes());
  }

  void watch(Time) override {}

  void on_event(const Event& event, Outputs& out) override {
    for (const KeyedVisit& v : visits_of(context_, id_, event, counters_)) visit(v, event, out);
  }

  std::optional<Instant> due() const override {
    return keys_.next([this](const Session& s) { return due_of(s); });
  }
  std::optional<Instant> due_but_renewing() const override { return due(); }
  void due_keys(std::vector<DueKey>& out) const override {
    keys_.due_keys([this](const Session& s) { return due_of(s); }, out);
  }
  std::optional<Instant> due_of_key(const std::string& key) const override {
    const Session* session = keys_.bring(key);
    return session == nullptr ? std::nullopt : due_of(*session);
  }

  void on_instant(Instant now, Outputs& out) override {
    for (const std::string& key : keys_.take(now)) {
      Session* s = keys_.find(key);
      if (s == nullptr) continue;
      const auto due = due_of(*s);
      if (due && *due <= now) {
        end(*s, key, now.time, out);
        keys_.erase(key);
      } else {
        keys_.schedule(key, *s, due);
      }
    }
  }

  void track(const StateOut& out) override {
    keys_.track(out, StateKind::key, [](StateWriter& w, Session& s) { w(s); });
  }
  void cut() override { keys_.cut(); }
  std::size_t save(std::size_t most) override { return keys_.save(most); }
  bool load(const StateAddress& address, StateReader& in) override {
    return address.kind == StateKind::key && load_key(std::string(address.key), in);
  }

  bool may_be_cold() const override { return !program_.by_all; }
  Duration index_step() const override {
    if (!may_be_cold()) return {};
    std::vector<Duration> waits{body_.at_most};
    for (const SessionBody::Gap& gap : body_.gaps) waits.push_back(gap.idle);
    return step_of_index(waits);
  }
  void cold_from(std::uint16_t group, Time at) override { keys_.cold_from(group, at); }
  void begin_cold() override {
    keys_.begin_cold([this](std::string key, StateReader& in) { return load_key(std::move(key), in); });
  }
  std::size_t held() const override { return may_be_cold() ? keys_.held() : 0; }
  std::size_t evict(std::size_t most, Time passed) override { return keys_.evict(most, passed); }

  bool fires(std::span<const std::uint32_t>, std::string_view) const override { return false; }
  std::vector<std::string> in_words(const std::string& key) const override {
    const Session* s = keys_.find(key);
    if (s == nullptr || s->events.empty()) return {};
    return {fmt::format("a session is open: {} from {} to {}", counted(s->count, "event"),
                        rfc3339(s->events.front().time()), rfc3339(s->events.back().time()))};
  }
  const ProgramCounters& counters() const override { return counters_; }
  std::size_t keys() const override { return keys_.size(); }
  std::size_t bytes() const override {
    std::size_t sum = 0;
    for (const auto& [key, s] : keys_) {
      for (const Seen& e : s->events) sum += e.bytes();
      sum += LastingRows::bytes(s->lasted);
      if (s->running) sum += s->running->bytes();
    }
    return sum;
  }

 private:
  bool load_key(std::string key, StateReader& in) {
    auto session = std::make_unique<Session>();
    session->lasted = lasting_.begin();
    in(*session);
    if (!in.ok()) return false;
    if (!session->events.empty())  // it may be another one today
      session->gap = gap_after([&](StreamId stream) { return session->events.back().fits(stream); });
    if (context_.fast && session->count == session->events.size()) {  // else it has been cut short
      session->running.emplace(program_);
      for (const Seen& event : session->events) join(*session, event);
    }
    Session& s = keys_.restore(key, std::move(session));
    keys_.schedule(key, s, due_of(s));
    return true;
  }

  void visit(const KeyedVisit& v, const Event& event, Outputs& out) {
    EvalContext context = context_.at(&event, event.time);
    context.key = v.values;
    const StreamSet fits = streams_.fits(context, *context_.evaluator);
    const auto is = [&](const std::vector<StreamId>& streams) {
      return std::any_of(streams.begin(), streams.end(), [&](StreamId s) { return static_cast<bool>(fits[s.index]); });
    };
    ++counters_.events;
    Session* s = keys_.bring(v.key);
    const bool starts = is(body_.starts), ends = is(body_.ends), of = fits[body_.of.index];
    if (s != nullptr && starts) {  // y begins a new one and ends the open one
      end(*s, v.key, event.time, out);
      keys_.erase(v.key);
      s = nullptr;
    }
    if (s == nullptr && (!of || (!body_.starts.empty() && !starts))) return;
    if (s == nullptr)
      s = &begin(v, event);
    else
      keys_.will_change(v.key, *s);
    lasting_.take(s->lasted, event, fits);
    if (of) add(*s, v, event, fits, out);
    if (ends) {
      end(*s, v.key, event.time, out);
      keys_.erase(v.key);
      return;
    }
    keys_.schedule(v.key, *s, due_of(*s));
  }

  Session& begin(const KeyedVisit& v, const Event& event) {
    auto s = std::make_unique<Session>();
    s->key = OwnedValues(v.values);
    s->lasted = lasting_.begin();
    s->id = session_id_of(program_.name, v.key, event, *context_.sources);
    if (context_.fast) s->running.emplace(program_);
    Session& out = keys_.insert(v.key, std::move(s));
    counters_.keys_most = std::max<std::uint64_t>(counters_.keys_most, keys_.size());
    return out;
  }

  void join(Session& s, const Seen& event) const {
    EvalContext context = context_.at(nullptr, event.time());
    context.key = s.key.values();
    s.running->insert(event, context, *context_.evaluator);
  }

  void add(Session& s, const KeyedVisit& v, const Event& event, const StreamSet& fits, Outputs& out) {
    s.events.emplace_back(event, fits);
    ++s.count;
    if (s.running) join(s, s.events.back());
    if (s.events.size() > context_.window_events) {  // keeps the first: `start` and the id are its
      s.events.erase(s.events.begin() + 1);
      s.running.reset();  // takes nothing from the middle
      LastingRows::cut(s.lasted, s.events[std::min<std::size_t>(1, s.events.size() - 1)].time());
      ++counters_.cut_short;
    }
    s.gap = gap_after([&](StreamId stream) { return static_cast<bool>(fits[stream.index]); });
    if (body_.each) send_on(s, v, event, out);
  }

  // S2: the first `when last is` that fits decides, else the plain gap (emit has put it last).
  template <class Fits>
  Duration gap_after(const Fits& last_fits) const {
    for (const SessionBody::Gap& gap : body_.gaps)
      if (!gap.when_last.exists() || last_fits(gap.when_last)) return gap.idle;
    return {};
  }

  std::optional<Instant> due_of(const Session& s) const {
    std::optional<Instant> out;
    if (s.events.empty()) return out;
    if (s.gap.us != 0) out = Instant{s.events.back().time() + s.gap, Phase::over};
    if (body_.at_most.us != 0) {
      const Instant longest{s.events.front().time() + body_.at_most, Phase::waited};
      if (!out || longest < *out) out = longest;
    }
    return out;
  }

  void look(Rows& rows, const Session& s) const {
    rows.set_rows(s.events, 0, s.events.size());
    rows.set(s.events.front().time(), s.events.back().time());
    rows.set_session(s.id);
    rows.set_sequence(s.count);
    if (s.running) rows.set_running(&*s.running);
  }

  void end(const Session& s, const std::string& key, Time now, Outputs& out) {
    if (s.events.empty()) return;
    EvalContext context = context_.at(nullptr, now);
    context.key = s.key.values();
    Rows rows(program_, *context_.evaluator, context, lasting_, s.lasted);
    look(rows, s);
    EvalContext at = context;
    at.match = &rows;
    std::vector<Value> fields;
    for (const ExprId f : body_.emit.fields)
      fields.push_back(f.exists() ? context_.evaluator->evaluate(f, at) : Value());
    Emitted e;
    e.by = id_;
    e.type = body_.emit.type;
    e.time = now;
    e.key = s.key;
    e.key_bytes = key;
    e.fields = OwnedValues(fields);
    e.origins = origins_of(s.events.size(), [&](std::size_t i) -> const Event& { return s.events[i].event(); });
    e.mark = hash_bytes(s.id);
    ++counters_.fired;
    out.emitted.push_back(std::move(e));
  }

  // `emit each`: the event itself, enriched.
  void send_on(const Session& s, const KeyedVisit& v, const Event& event, Outputs& out) {
    EvalContext context = context_.at(&event, event.time);
    context.key = s.key.values();
    Rows rows(program_, *context_.evaluator, context, lasting_, s.lasted);
    look(rows, s);
    context.match = &rows;
    const auto& alternatives = program_.streams[body_.of.index].alternatives;
    std::size_t alternative = 0;
    while (alternative < alternatives.size() && alternatives[alternative].type != event.type) ++alternative;
    std::vector<Value> fields(event.fields.begin(), event.fields.end());
    for (const EachDef::Field& f : body_.each->fields)
      fields.push_back(context_.evaluator->evaluate(f.values[alternative], context));
    Emitted e;
    e.by = id_;
    e.type = event.type;
    e.time = event.time;
    e.key = s.key;
    e.key_bytes = v.key;
    e.fields = OwnedValues(fields);
    e.origins = origins_of(1, [&](std::size_t) -> const Event& { return event; });
    e.enriched = true;
    out.emitted.push_back(std::move(e));
  }

  RunContext context_;
  ProgramId id_;
  const Program& program_;
  const StreamFilters streams_;
  const SessionBody& body_;
  LastingRows lasting_;
  mutable Keyed<Session> keys_;
  ProgramCounters counters_;
};

}  // namespace

std::unique_ptr<Runner> make_session_runner(const RunContext& context, ProgramId program) {
  return std::make_unique<SessionRunner>(context, program);
}

}  // namespace tocsin
