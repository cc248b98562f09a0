// Summaries (S4): aggregates on a schedule. Every window that holds an event is emitted when it is over, the partial
// first one too; `every event` emits at each event; `over all` never forgets by itself.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "engine/base/hash.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/match/aligned.h"
#include "engine/match/forms.h"
#include "engine/match/ring.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"
#include "engine/runtime/keyed.h"
#include "engine/runtime/rows.h"
#include "engine/runtime/runner.h"

namespace tocsin {
namespace {

struct Summed {
  OwnedValues key;
  Ring<Seen> events;
  LastingRows::State lasted;
  std::optional<RunningRows> running;  // of the oldest `joined` of them
  std::size_t joined = 0;
  std::optional<Time> next;  // the next window's end
  Time last_event{};
  std::optional<Instant> scheduled;
  std::optional<Time> indexed;
  TouchTag touched = 0;

  template <class Archive>
  void state_parts(Archive& a) {
    a(key, events, next, last_event);
    LastingRows::parts(a, lasted);
  }
};

class SummaryRunner : public Runner {
 public:
  SummaryRunner(const RunContext& context, ProgramId id)
      : context_(context),
        id_(id),
        program_(context.rules->programs[id.index]),
        streams_(program_),
        body_(std::get<SummaryBody>(program_.body)),
        lasting_(program_, body_.of),
        step_(body_.every.us == 0 ? days(1) : body_.every, body_.zone),
        overlaps_(body_.every_event || body_.over_all || body_.over > body_.every) {
    if (index_step().us != 0) keys_.keep_index(index_step(), [this](const Summed& s) { return due_of(s, true); });
    keys_.each_has(RunningRows(program_).bytes());
  }

  void watch(Time from) override {
    if (!program_.by_all || !body_.even_if_empty || body_.every_event || !context_.share.has(id_, {})) return;
    Summed& s = begin({}, {}, from);
    keys_.schedule({}, s, due_of(s, true));
  }

  void on_event(const Event& event, Outputs& out) override {
    for (const KeyedVisit& v : visits_of(context_, id_, event, counters_)) visit(v, event, out);
  }

  std::optional<Instant> due() const override {
    return keys_.next([this](const Summed& s) { return due_of(s, true); });
  }
  std::optional<Instant> due_but_renewing() const override {
    return keys_.earliest([this](const Summed& s) { return due_of(s, false); });
  }
  void due_keys(std::vector<DueKey>& out) const override {
    keys_.due_keys([this](const Summed& s) { return due_of(s, false); }, out);
  }
  std::optional<Instant> due_of_key(const std::string& key) const override {
    const Summed* state = keys_.bring(key);
    return state == nullptr ? std::nullopt : due_of(*state, false);
  }

  void on_instant(Instant now, Outputs& out) override {
    for (const std::string& key : keys_.take(now)) {
      Summed* s = keys_.find(key);
      if (s == nullptr) continue;
      keys_.will_change(key, *s);
      if (body_.forget.us != 0 && now >= Instant{s->last_event + body_.forget, Phase::over} &&
          !(s->next && *s->next == now.time)) {
        keys_.erase(key);
        continue;
      }
      while (s->next && Instant{*s->next, Phase::over} <= now) close(*s, key, now.time, out);
      if (const auto empty = empty_after(*s); empty && *empty <= now) let_go(*s, now.time - body_.over + Duration{1});
      if (body_.forget.us != 0 && now >= Instant{s->last_event + body_.forget, Phase::over}) {
        keys_.erase(key);
        continue;
      }
      keep_or_erase(*s, key);
    }
  }

  void track(const StateOut& out) override {
    keys_.track(out, StateKind::key, [](StateWriter& w, Summed& s) { w(s); });
  }
  void cut() override { keys_.cut(); }
  std::size_t save(std::size_t most) override { return keys_.save(most); }
  bool load(const StateAddress& address, StateReader& in) override {
    return address.kind == StateKind::key && load_key(std::string(address.key), in);
  }

  // The end of the window in hand.
  void restored(Instant passed) override {
    if (body_.every_event || body_.every.us == 0) return;
    for (const auto& [key, s] : keys_) {
      if (!s->next) continue;
      s->next = overlaps_ || s->events.empty() ? step_.next_end(passed) : step_.end(s->events.front().time());
      keys_.schedule(key, *s, due_of(*s, true));
    }
  }

  bool may_be_cold() const override { return !program_.by_all; }
  Duration index_step() const override {
    if (!may_be_cold()) return {};
    // The end of a window does not move with events, and many keys have the same.
    const Duration window = body_.every_event ? body_.over : seconds(1);
    return step_of_index(std::array{window, body_.forget});
  }
  void cold_from(std::uint16_t group, Time at) override { keys_.cold_from(group, at); }
  void begin_cold() override {
    keys_.begin_cold([this](std::string key, StateReader& in) { return load_key(std::move(key), in); });
  }
  std::size_t held() const override { return may_be_cold() ? keys_.held() : 0; }
  std::size_t evict(std::size_t most, Time passed) override { return keys_.evict(most, passed); }

  bool fires(std::span<const std::uint32_t>, std::string_view) const override { return false; }
  std::vector<std::string> in_words(const std::string& key) const override {
    const Summed* s = keys_.find(key);
    if (s == nullptr) return {};
    std::vector<std::string> out;
    if (s->events.empty())
      out.push_back("no event is kept");
    else
      out.push_back(fmt::format("{} kept, from {} to {}", counted(s->events.size(), "event"),
                                rfc3339(s->events.front().time()), rfc3339(s->events.back().time())));
    if (s->next) out.push_back(fmt::format("the window in hand ends at {}", rfc3339(*s->next)));
    return out;
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
    auto summed = std::make_unique<Summed>();
    summed->lasted = lasting_.begin();
    in(*summed);
    if (!in.ok()) return false;
    if (context_.fast && overlaps_) summed->running.emplace(program_);  // its rows join at the next emission
    Summed& s = keys_.restore(key, std::move(summed));
    keys_.schedule(key, s, due_of(s, true));
    return true;
  }

  Duration window() const { return body_.over.us != 0 ? body_.over : body_.every; }

  Summed& begin(const std::string& key, std::span<const Value> values, Time at) {
    auto s = std::make_unique<Summed>();
    s->key = OwnedValues(values);
    s->lasted = lasting_.begin();
    s->last_event = at;
    if (!body_.every_event && body_.every.us != 0) s->next = step_.end(at);
    if (context_.fast && overlaps_) s->running.emplace(program_);
    Summed& out = keys_.insert(key, std::move(s));
    counters_.keys_most = std::max<std::uint64_t>(counters_.keys_most, keys_.size());
    return out;
  }

  void visit(const KeyedVisit& v, const Event& event, Outputs& out) {
    EvalContext context = context_.at(&event, event.time);
    context.key = v.values;
    const StreamSet fits = streams_.fits(context, *context_.evaluator);
    Summed* s = keys_.bring(v.key);
    if (!fits[body_.of.index]) {
      if (s != nullptr && (lasting_.any() || body_.forget.us != 0)) look_on(*s, v.key, event, fits);
      return;
    }
    ++counters_.events;
    if (s == nullptr)
      s = &begin(v.key, v.values, event.time);
    else
      keys_.will_change(v.key, *s);
    s->last_event = event.time;
    open_window(*s, event.time);
    lasting_.take(s->lasted, event, fits);
    s->events.emplace_back(event, fits);
    if (s->events.size() > context_.window_events) {
      drop_oldest(*s);
      LastingRows::cut(s->lasted, s->events.front().time());
      ++counters_.cut_short;
    }
    if (body_.every_event) {
      if (body_.over.us != 0) let_go(*s, event.time - body_.over);
      emit(*s, v.key, body_.over.us != 0 ? event.time - body_.over : s->events.front().time(), event.time, event.time,
           true, out);
    }
    keys_.schedule(v.key, *s, due_of(*s, true));
  }

  void open_window(Summed& s, Time at) {
    if (s.next || body_.every_event || body_.every.us == 0) return;
    s.next = step_.end(at);
    if (!body_.over_all) LastingRows::forget(s.lasted, start_of(*s.next));
  }

  // An event that is no row: it ends an x of its base (A7), and the key is not idle (F10).
  void look_on(Summed& s, const std::string& key, const Event& event, const StreamSet& fits) {
    keys_.will_change(key, s);
    s.last_event = event.time;
    open_window(s, event.time);
    lasting_.take(s.lasted, event, fits);
    keep_or_erase(s, key);
  }

  // A key without rows may still have an x that lasts into this window or those to come.
  void keep_or_erase(Summed& s, const std::string& key) {
    const bool holds_on = body_.even_if_empty || body_.over_all || (body_.every_event && body_.over.us == 0);
    if (s.events.empty() && !holds_on && LastingRows::is_empty(s.lasted))
      keys_.erase(key);
    else
      keys_.schedule(key, s, due_of(s, true));
  }

  // With `every event over D` nothing comes of a window's end; when its last event has left it, the key may go.
  std::optional<Instant> empty_after(const Summed& s) const {
    if (!body_.every_event || body_.over.us == 0 || s.events.empty()) return std::nullopt;
    return Instant{s.events.back().time() + body_.over, Phase::waited};  // one at that time still sees it
  }

  std::optional<Instant> due_of(const Summed& s, bool renewing) const {
    std::optional<Instant> out;
    const bool holds_some = !s.events.empty();
    // `over all` holds on to what it has: only a window into which something came is more than time going by.
    const bool is_news = holds_some && s.next && (!body_.over_all || step_.end(s.events.back().time()) >= *s.next);
    const bool fades = renewing && !LastingRows::is_empty(s.lasted);  // nothing comes of that either
    if (s.next && (is_news || renewing) && (holds_some || body_.even_if_empty || fades))
      out = Instant{*s.next, Phase::over};
    if (const auto empty = empty_after(s); empty && renewing && (!out || *empty < *out)) out = empty;
    if (body_.forget.us != 0 && renewing) {  // nothing comes of it: nobody waits for it (T8)
      const Instant forget{s.last_event + body_.forget, Phase::over};
      if (!out || forget < *out) out = forget;
    }
    return out;
  }

  // The window that ends at `next` is over: it is emitted, and what no later one sees goes.
  void close(Summed& s, const std::string& key, Time now, Outputs& out) {
    const Time end = *s.next;
    const Time from = body_.over_all ? (s.events.empty() ? end : s.events.front().time()) : start_of(end);
    const bool any = earlier_than(s, from) < earlier_than(s, end);
    if (any || body_.even_if_empty) emit(s, key, from, end, now, false, out);
    s.next = step_.end(end);
    if (body_.over_all) return;
    let_go(s, start_of(*s.next));
    // What has ended goes with its last window; an x that lasts on needs no hand until an event comes.
    const bool fades = !LastingRows::is_empty(s.lasted) && !LastingRows::lasts_on(s.lasted);
    if (s.events.empty() && !body_.even_if_empty && !fades) s.next.reset();
  }

  // Of its events, which are in order.
  static std::size_t earlier_than(const Summed& s, Time time) {
    const auto at =
        std::partition_point(s.events.begin(), s.events.end(), [time](const Seen& e) { return e.time() < time; });
    return static_cast<std::size_t>(at - s.events.begin());
  }

  // One window ends at a time, but several events may come at one.
  std::uint64_t mark_of(const Summed& s, const std::string& key, Time end, bool at_event) const {
    std::string bytes = program_.name + '\0' + key + '\0' + std::to_string(end.us);
    if (at_event) context_.sources->append(bytes, s.events.back().event());
    return hash_bytes(bytes);
  }

  // No window that is still to come begins before `from`.
  void let_go(Summed& s, Time from) {
    while (!s.events.empty() && s.events.front().time() < from) drop_oldest(s);
    LastingRows::forget(s.lasted, from);
  }

  void drop_oldest(Summed& s) {
    if (s.joined > 0) {
      s.running->evict(s.events.front());
      --s.joined;
    }
    s.events.pop_front();
  }

  // The first `n` rows and no others have joined what is kept running. False: nothing is, or more have joined already.
  bool join(Summed& s, std::size_t n, const EvalContext& context) {
    if (!s.running || s.joined > n) return false;
    for (; s.joined < n; ++s.joined) s.running->insert(s.events[s.joined], context, *context_.evaluator);
    return true;
  }

  Time start_of(Time end) const {
    if (body_.zone.empty()) return end - window();
    // Whole local days: as many steps back as the window is long.
    Time start = end;
    for (std::int64_t i = 0; i < window().us / body_.every.us; ++i) start = step_.begin(Time{start.us - 1});
    return start;
  }

  // `now`: later than `end` where a reload has made the windows shorter.
  void emit(Summed& s, const std::string& key, Time from, Time end, Time now, bool closed, Outputs& out) {
    EvalContext context = context_.at(nullptr, end);
    context.key = s.key.values();
    Rows rows(program_, *context_.evaluator, context, lasting_, s.lasted);
    const std::size_t first = earlier_than(s, from), last = earlier_than(s, closed ? end + Duration{1} : end);
    rows.set_rows(s.events, first, last - first);
    rows.set(from, end);
    if (first == 0 && join(s, last, context)) rows.set_running(&*s.running);
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
    e.origins = origins_of(rows.size(), [&](std::size_t i) -> const Event& { return rows[i].event(); });
    e.mark = mark_of(s, key, end, closed);
    ++counters_.fired;
    out.emitted.push_back(std::move(e));
  }

  RunContext context_;
  ProgramId id_;
  const Program& program_;
  const StreamFilters streams_;
  const SummaryBody& body_;
  LastingRows lasting_;
  AlignedWindow step_;
  bool overlaps_;  // an event is emitted in more than one window
  mutable Keyed<Summed> keys_;
  ProgramCounters counters_;
};

}  // namespace

std::unique_ptr<Runner> make_summary_runner(const RunContext& context, ProgramId program) {
  return std::make_unique<SummaryRunner>(context, program);
}

}  // namespace tocsin
