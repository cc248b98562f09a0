// A test is played line by line into an engine in memory: what is expected is looked for when all of its time has
// passed.
#include "app/test_run.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <iterator>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <utility>

#include "adapters/codec/config.h"
#include "dsl/ast.h"
#include "dsl/print.h"
#include "dsl/values.h"
#include "engine/base/contract.h"
#include "engine/base/text.h"
#include "engine/base/write.h"
#include "engine/event/ip.h"
#include "engine/event/order.h"
#include "engine/event/read.h"
#include "engine/event/write.h"
#include "engine/program/dump.h"
#include "engine/runtime/document.h"
#include "engine/runtime/engine.h"

namespace tocsin::app {
namespace {

// ----- values as a test writes them --------------------------------------------------------------------------

Value value_of(const ast::Expr& expr, Arena& arena);

Value value_of(const ast::Literal& literal, Arena& arena) {
  struct Visitor {
    Arena& arena;
    Value operator()(bool b) const { return Value::boolean(b); }
    Value operator()(std::int64_t n) const { return Value::integer(n); }
    Value operator()(double d) const { return Value::floating(d); }
    Value operator()(const std::string& s) const { return Value::text(arena.text(s)); }
    Value operator()(Duration d) const { return Value::duration(d); }
    Value operator()(const ast::Address& a) const {
      const auto ip = parse_ip(a.text);
      return ip ? Value::ip(arena.put(*ip)) : Value();
    }
    Value operator()(const ast::Regex&) const { return {}; }
  };
  return std::visit(Visitor{arena}, literal.value);
}

Value value_of(const ast::Expr& expr, Arena& arena) {
  if (const auto* literal = std::get_if<ast::Literal>(&expr.node)) return value_of(*literal, arena);
  if (const auto* list = std::get_if<ast::ListOf>(&expr.node)) {
    std::vector<Value> items;
    for (const ast::Expr& item : list->items) items.push_back(value_of(item, arena));
    return Value::list(arena.copy(std::span<const Value>(items)));
  }
  if (const auto* unary = std::get_if<ast::Unary>(&expr.node); unary != nullptr && unary->op == ast::UnaryOp::negate) {
    const Value v = value_of(*unary->operand, arena);
    if (v.type() == Type::integer) return Value::integer(-v.as_integer());
    if (v.type() == Type::floating) return Value::floating(-v.as_floating());
    if (v.type() == Type::duration) return Value::duration({-v.as_duration().us});
  }
  if (const auto* text = std::get_if<ast::Template>(&expr.node)) {
    std::string out;
    for (const auto& piece : text->pieces)
      if (const auto* plain = std::get_if<std::string>(&piece)) out += *plain;
    return Value::text(arena.text(out));
  }
  return {};
}

std::string dotted(const ast::Path& path) {
  std::string out;
  for (const ast::Name& part : path.parts) out += (out.empty() ? "" : ".") + part.text;
  return out;
}

// ----- what came out, by name ----------------------------------------------------------------------------------

struct Outcome {
  Time time;
  std::string what;  // `alert`, or the event's name
  const Program* by = nullptr;
  std::map<std::string, Value> fields;
  bool taken = false;
  const std::string& rule() const { return by->name; }
};

// Known to whoever reads the rule, or of no use to a reader.
constexpr const char* kNotShown[] = {"text",         "first", "last",  "time",   "alert_id",
                                     "rule_version", "tags",  "owner", "runbook"};

std::string shown(const Outcome& o, const dsl::TestInfo& test) {
  std::string out = fmt::format("{} at {}", o.what == "alert" ? fmt::format("alert of {}", o.rule()) : o.what,
                                in_message(o.time, test));
  std::string fields;
  for (const auto& [name, value] : o.fields) {
    const auto is_plain = [&name](const char* field) { return name == field; };
    if (value.is_missing() || (o.what == "alert" && std::ranges::any_of(kNotShown, is_plain))) continue;
    fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", name, in_message(value));
  }
  return out + " {" + fields + "}";
}

// `before`: of the line before.
Time time_of(const ast::TestLine& line, Time before) {
  if (!line.at) return before;
  if (const auto* length = std::get_if<ast::Length>(&*line.at)) return kFirstMonday + settled(*length);
  const std::optional<Time> time = parse_rfc3339(std::get<ast::Text>(*line.at).value);
  TOCSIN_ASSERT(time.has_value());  // else it is R077, and nothing runs
  return *time;
}

// What a test sends, as one set of rules reads it: each record that some rule may want, in the order of the lines.
class Sent {
 public:
  Sent(const RuleSet& rules, const dsl::TestInfo& test, const TestOptions& options)
      : rules_(rules), test_(test), options_(options) {
    for (const ast::TestLine& line : test_.decl.lines) {
      now_ = time_of(line, now_);
      end_ = std::max(end_, now_);
      first_of_line_.push_back(offset_ + 1);
      if (const auto* send = std::get_if<ast::Send>(&line.node)) this->send(*send, line);
      if (const auto* load = std::get_if<ast::Load>(&line.node)) this->load(*load, line.span);
    }
  }

  const EventBatch& events() const { return events_; }
  Time end() const { return end_; }
  // Which line of the test has sent it.
  std::size_t line_of(const Event& event) const {
    return static_cast<std::size_t>(std::ranges::upper_bound(first_of_line_, event.position.offset) -
                                    first_of_line_.begin()) -
           1;
  }

  struct Mistake {
    dsl::SourceSpan at;
    std::string message;
  };
  const std::optional<Mistake>& mistake() const { return mistake_; }  // the first

 private:
  void fail(const dsl::SourceSpan& at, std::string message) {
    if (!mistake_) mistake_ = {at, std::move(message)};
  }

  // As a record with these fields would come: what a test means is what a line of JSON means.
  void send(const ast::Send& send, const ast::TestLine& line) {
    const auto id = rules_.schema.find(send.event.text);
    const std::int64_t number = send.number ? value(*send.number).value_or(1) : 1;
    const Duration every = send.every ? settled(*send.every) : Duration{};
    end_ = std::max(end_, Time{now_.us + (number - 1) * every.us});
    const std::uint64_t first = offset_ + 1;
    offset_ += static_cast<std::uint64_t>(number);
    if (!id) return;  // no rule wants it: it still counts as a record
    const EventType& type = rules_.schema[*id];
    const std::string timestamp = type.timestamp ? type.fields[type.timestamp->index].name() : std::string();
    std::string fields;
    for (const ast::FieldValue& f : send.fields) {
      if (dotted(f.name) == timestamp) continue;
      append_json(fields, Value::text(dotted(f.name)));
      fields += ':', append_json(fields, value_of(f.value, arena_)), fields += ',';
    }
    Block block;
    std::string record;
    for (std::int64_t i = 0; i < number; ++i) {
      const Time at{now_.us + i * every.us};
      record = "{" + fields;
      if (type.timestamp) {
        append_json(record, Value::text(timestamp));
        record += ':', append_json(record, Value::time(at));
      } else if (!fields.empty()) {
        record.pop_back();
      }
      record += "}\n";
      block.records.push_back({static_cast<std::uint32_t>(block.bytes.size()),
                               static_cast<std::uint32_t>(record.size() - 1), first + static_cast<std::uint64_t>(i),
                               at});
      block.bytes.append(record);
    }
    DeadLetters dead;
    decoder_of(*id).decode(block, events_, dead);
    if (!dead.letters.empty()) fail(line.span, "this event would be a dead letter: " + dead.letters.front().detail);
  }

  Decoder& decoder_of(EventTypeId id) {
    std::unique_ptr<Decoder>& decoder = decoders_[id.index];
    if (decoder != nullptr) return *decoder;
    if (sendable_.types.empty()) {
      sendable_ = rules_.schema;
      for (EventType& type : sendable_.types) {
        type.emitted = false;
        for (FieldSlot& field : type.fields) field.required = false;  // what is not given breaks no schema (V2)
      }
    }
    CodecConfig codec;
    codec.event = sendable_[id].name;
    Result<std::unique_ptr<Decoder>> made = make_decoder(codec, sendable_);
    TOCSIN_ASSERT(made.has_value());
    decoder = std::move(*made);
    return *decoder;
  }

  // Records whose field `event` names them, as NDJSON, or as CSV where the name ends so. A record without a time of its
  // own has that of the line.
  void load(const ast::Load& load, const dsl::SourceSpan& at) {
    const std::string& name = load.file.value;
    if (!options_.read) return fail(at, fmt::format("`{}` cannot be read here", name));
    Result<std::string> text = options_.read(test_.decl.title.span.file, name);
    if (!text) return fail(at, text.error().message);
    CodecConfig codec;
    codec.event_field = "event";
    if (name.ends_with(".csv")) codec.format = Format::csv;
    auto decoder = make_decoder(codec, rules_.schema);
    if (!decoder) return fail(at, decoder.error().message);
    Block block;
    block.bytes.append(*text);
    block.first_offset = offset_ + 1;
    block.arrived = now_;
    block.ends = true;
    DeadLetters dead;
    const std::size_t before = events_.size();
    (*decoder)->decode(block, events_, dead);
    if (!dead.letters.empty())
      return fail(at, fmt::format("line {} of {} is no event: {}", dead.letters.front().position.offset - offset_, name,
                                  dead.letters.front().detail));
    for (const Event& event : events_.events().subspan(before)) end_ = std::max(end_, event.time);
    offset_ += static_cast<std::uint64_t>(std::count(text->begin(), text->end(), '\n')) + 1;
  }

  const RuleSet& rules_;
  const dsl::TestInfo& test_;
  const TestOptions& options_;
  Schema sendable_;  // what a test may send, and leave out
  std::map<std::uint32_t, std::unique_ptr<Decoder>> decoders_;
  EventBatch events_;
  Arena arena_;
  Time now_ = kFirstMonday, end_ = kFirstMonday;
  std::uint64_t offset_ = 0;
  std::vector<std::uint64_t> first_of_line_;
  std::optional<Mistake> mistake_;
};

// From a `restart` or a `reload` on, or from the beginning.
struct Stage {
  OtherRules rules;          // those in force
  bool is_reloaded = false;  // they are others than the test's own
  Time from{};
  std::size_t line = 0;  // of two things at `from`, what a line before this one sends comes before it
  std::shared_ptr<const Sent> sent;
};

class Test {
 public:
  Test(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference, const dsl::TestInfo& test,
       const TestOptions& options)
      : compiled_(compiled),
        rules_(*compiled.rules),
        test_(test),
        options_(options),
        reference_(std::move(reference)),
        engine_(compiled.rules, reference_, {.shards = options.shards}) {}

  // Until the rules are others.
  std::vector<Alert> alerts() {
    std::vector<Alert> out;
    play([&](const Stage& stage) {
      if (!stage.is_reloaded) std::ranges::move(engine_.take_alerts(), std::back_inserter(out));
    });
    return out;
  }

  std::vector<SentEvent> events() {
    const std::shared_ptr<EventBatch> batch = own_events();
    std::vector<Event> events(batch->events().begin(), batch->events().end());
    std::ranges::stable_sort(events, [](const Event& a, const Event& b) {
      if (a.time != b.time) return a.time < b.time;
      const auto tie = compare_tiebreaks(a.tiebreak, b.tiebreak);
      return tie != 0 ? tie < 0 : a.position < b.position;
    });
    std::vector<SentEvent> out;
    for (const Event& event : events)
      out.push_back({event.position, event.time, rules_.schema[event.type].name, in_words(event)});
    return out;
  }

  std::vector<Deadline> deadlines(const std::string& rule) {
    const auto at = std::ranges::find(rules_.programs, rule, &Program::name);
    if (at == rules_.programs.end()) return {};
    const ProgramId id{static_cast<std::uint32_t>(at - rules_.programs.begin())};
    const std::shared_ptr<EventBatch> all = own_events();
    std::set<Time> instants;
    for (const Event& event : all->events()) instants.insert(event.time);
    std::vector<Deadline> out;
    for (const Time instant : instants) {
      Engine engine(compiled_.rules, reference_);  // from the beginning: time that has passed cannot be looked at twice
      const std::shared_ptr<EventBatch> batch = own_events();
      batch->drop([&](const Event& event) { return event.time > instant; });
      const std::size_t partition = engine.add_partition(SourceId{0}, carried(rules_));
      engine.take(partition, batch);
      engine.end(partition);
      engine.until(instant);
      const auto due = engine.next_due(id);
      out.push_back({instant, due ? std::optional(due->time) : std::nullopt});
    }
    return out;
  }

  TestOutcome run() {
    out_.title = test_.decl.title.value;
    out_.span = test_.decl.title.span;
    play([this](const Stage& stage) { collect(stage.rules); });
    std::ranges::stable_sort(outcomes_, {}, &Outcome::time);
    now_ = kFirstMonday;
    for (const ast::TestLine& line : test_.decl.lines) {
      now_ = time_of(line, now_);
      if (const auto* expect = std::get_if<ast::Expect>(&line.node)) meet(*expect, line);
    }
    for (const Outcome& o : outcomes_)
      if (std::ranges::find(out_.fired, o.rule()) == out_.fired.end()) out_.fired.push_back(o.rule());
    for (const Outcome& o : outcomes_)
      if (out_.passed && !o.taken && is_watched(o)) fail(out_.span, "nobody expected this:\n  " + shown(o, test_));
    if (!out_.passed) finish_edits();
    return std::move(out_);
  }

 private:
  void fail(const dsl::SourceSpan& at, std::string message) {
    if (!out_.passed) return;
    out_.passed = false;
    out_.failed_at = at;
    out_.message = std::move(message);
  }

  // ----- events ------------------------------------------------------------------------------------------

  // The rules in force, one after the other. A file that is to be put in the place of the test's own, and cannot be,
  // fails the test.
  std::vector<Stage> stages() {
    std::vector<Stage> out{{.rules = {{std::shared_ptr<const void>(), &compiled_}, reference_},
                            .from = kFirstMonday,
                            .sent = std::make_shared<const Sent>(rules_, test_, options_)}};
    Time now = kFirstMonday;
    for (std::size_t i = 0; i < test_.decl.lines.size(); ++i) {
      const ast::TestLine& line = test_.decl.lines[i];
      now = time_of(line, now);
      const auto* reload = std::get_if<ast::Reload>(&line.node);
      if (reload == nullptr && !std::holds_alternative<ast::Restart>(line.node)) continue;
      Stage next = out.back();
      next.from = now, next.line = i;
      if (reload != nullptr) {
        Result<OtherRules> rules =
            failure(Error::Code::unreadable, fmt::format("`{}` cannot be read here", reload->file.value));
        if (options_.reload) rules = options_.reload(test_.decl.title.span.file, reload->file.value);
        if (!rules) {
          fail(line.span, rules.error().message);
          return out;
        }
        next.rules = std::move(*rules);
        next.is_reloaded = true;
        next.sent = std::make_shared<const Sent>(*next.rules.compiled->rules, test_, options_);
      }
      out.push_back(std::move(next));
    }
    return out;
  }

  // Which of the stages judges it: what comes at the same time as a reload stands before or behind it as their lines
  // do.
  static std::size_t stage_of(const std::vector<Stage>& stages, const Event& event) {
    std::size_t at = 0;
    while (at + 1 < stages.size()) {
      const Stage& next = stages[at + 1];
      if (event.time < next.from) break;
      if (event.time == next.from && next.sent->line_of(event) < next.line) break;
      ++at;
    }
    return at;
  }

  // The whole test, from its first line to its last; `judged` is called at the end of each stage, when all outputs of
  // its rules are there.
  void play(const std::function<void(const Stage&)>& judged) {
    stages_ = stages();
    const std::size_t partition = engine_.add_partition(SourceId{0}, carried(rules_));
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const Stage& stage = stages_[i];
      if (const auto& mistake = stage.sent->mistake()) fail(mistake->at, mistake->message);
      end_ = std::max(end_, stage.sent->end());
      engine_.carry(SourceId{0}, carried(*stage.rules.compiled->rules));
      if (i > 0)
        if (const auto installed = engine_.install(stage.rules.compiled->rules, stage.rules.reference); !installed)
          return fail(test_.decl.lines[stage.line].span, installed.error().message);
      engine_.take(partition, arranged(*stage.sent, [&](const Event& event) { return stage_of(stages_, event) == i; }));
      if (i + 1 < stages_.size()) {
        // All that was sent until then has been judged; what is due at that moment is the next one's (T3).
        const Time until = stages_[i + 1].from;
        engine_.reach({until + Duration{1}, until});
        engine_.take(partition, std::make_shared<EventBatch>());
      } else {
        engine_.end(partition);
        engine_.until(end_);
      }
      judged(stage);
    }
  }

  // What the test's own rules judge, in the order of arrival as written.
  std::shared_ptr<EventBatch> own_events() {
    if (stages_.empty()) stages_ = stages();
    return arranged(*stages_.front().sent,
                    [&](const Event& event) { return !stages_[stage_of(stages_, event)].is_reloaded; });
  }

  static std::vector<EventTypeId> carried(const RuleSet& rules) {
    std::vector<EventTypeId> carried;
    for (std::size_t i = 0; i < rules.schema.types.size(); ++i)
      if (!rules.schema.types[i].emitted) carried.push_back(EventTypeId{i});
    return carried;
  }

  // How far the order of arrival may be another: what is late follows what came where it is adaptive, and nothing is
  // shuffled then.
  Duration wait() const {
    Duration wait{};
    for (const EventTypeId id : carried(rules_)) {
      if (rules_.schema[id].late_adaptive) return {};
      wait = std::max(wait, rules_.schema[id].late);
    }
    return wait;
  }

  // The order of arrival: that of time (lines with `every` overlap those behind them), or another in which no event is
  // late; each keeps its place in the total order. Texts stay in `from`.
  std::shared_ptr<EventBatch> arranged(const Sent& sent, const std::function<bool(const Event&)>& is_wanted) const {
    const EventBatch& from = sent.events();
    const Duration wait = this->wait();
    std::vector<std::pair<std::int64_t, std::size_t>> keys;
    std::mt19937_64 random(options_.permutation);
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (!is_wanted(from[i])) continue;
      std::int64_t delay = 0;
      if (options_.permutation != 0 && wait.us > 0)
        delay = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(wait.us));
      keys.emplace_back(from[i].time.us + delay, i);
    }
    std::stable_sort(keys.begin(), keys.end());
    auto out = std::make_shared<EventBatch>();
    for (const auto& [key, i] : keys) {
      Event event = from[i];
      const std::span<Value> row = out->row(event.fields.size());
      std::copy(event.fields.begin(), event.fields.end(), row.begin());
      event.fields = row;
      out->add(event);
    }
    return out;
  }

  // `login {user: "ann"}`
  std::string in_words(const Event& event) const {
    const EventType& type = rules_.schema[event.type];
    std::string fields;
    for (std::size_t i = 0; i < event.fields.size(); ++i) {
      const bool is_time = type.timestamp && type.timestamp->index == i;
      if (event.fields[i].is_missing() || is_time) continue;
      fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", type.fields[i].name(), in_message(event.fields[i]));
    }
    return fields.empty() ? type.name : fmt::format("{} {{{}}}", type.name, fields);
  }

  // ----- outcomes ----------------------------------------------------------------------------------------

  // Until the end of a stage, by its rules.
  void collect(const OtherRules& in_force) {
    const RuleSet& rules = *in_force.compiled->rules;
    const std::vector<Alert>& alerts = alerts_.emplace_back(engine_.take_alerts());
    const std::vector<Emitted>& emitted = emitted_.emplace_back(engine_.take_emitted());
    for (const Alert& alert : alerts) {
      const Program& program = rules.programs[alert.rule.index];
      Outcome o{alert.time, "alert", &program, {}, false};
      add_key(o, program, alert.key);
      const auto& body = std::get<RuleBody>(program.body);
      for (std::size_t i = 0; body.alert && i < body.alert->fields.size(); ++i)
        o.fields[body.alert->fields[i].name] = alert.fields.values()[i];
      const auto put = [&](const char* name, Value value) { o.fields.emplace(name, value); };
      put("count", Value::integer(static_cast<std::int64_t>(alert.count)));
      put("text", Value::text(alert.text));
      put("suppressed", Value::integer(static_cast<std::int64_t>(alert.suppressed)));
      put("reminder", Value::integer(alert.reminder));
      put("severity", Value::text(name_of(alert.severity)));
      put("alert_id", Value::text(alert.id));
      if (!alert.runbook.empty()) put("runbook", Value::text(alert.runbook));
      if (body.alert) {
        if (!body.alert->owner.empty()) put("owner", Value::text(body.alert->owner));
        std::vector<Value> tags;
        for (const std::string& tag : body.alert->tags) tags.push_back(Value::text(tag));
        put("tags", Value::list(arena_.copy(std::span<const Value>(tags))));
      }
      put("state", Value::text(word_of(alert.state)));
      put("rule", Value::text(program.name));
      put("rule_version", Value::text(arena_.text(rule_version(program))));
      put("time", Value::time(alert.time));
      if (alert.first) put("first", Value::time(*alert.first));
      if (alert.last) put("last", Value::time(*alert.last));
      if (alert.first && alert.last) put("span", Value::duration(*alert.last - *alert.first));
      outcomes_.push_back(std::move(o));
    }
    for (const Emitted& e : emitted) {
      const Program& program = rules.programs[e.by.index];
      const EventType& type = rules.schema[e.type];
      Outcome o{e.time, type.name, &program, {}, false};
      const auto values = e.fields.values();
      for (std::size_t i = 0; i < values.size() && i < type.fields.size(); ++i)
        o.fields[type.fields[i].name()] = values[i];
      if (const auto* session = std::get_if<SessionBody>(&program.body); e.enriched && session != nullptr)
        for (std::size_t i = type.fields.size(); i < values.size(); ++i)
          o.fields[session->each->fields[i - type.fields.size()].name] = values[i];
      add_key(o, program, e.key);
      o.fields.emplace("time", Value::time(e.time));
      outcomes_.push_back(std::move(o));
    }
  }

  static void add_key(Outcome& o, const Program& program, const OwnedValues& key) {
    for (std::size_t i = 0; i < key.values().size(); ++i) o.fields[program.key_names[i]] = key.values()[i];
  }

  // An alert nobody expected fails the test: of the test's rule, or of all where it names none. Emitted events are
  // looked at only where some line expects them.
  bool is_watched(const Outcome& o) const {
    if (o.what != "alert") return false;
    return test_.rule == dsl::kNone || o.rule() == compiled_.model.rules[test_.rule].name;
  }

  // ----- expectations --------------------------------------------------------------------------------------

  void meet(const ast::Expect& expect, const ast::TestLine& line) {
    const std::string what = expect.event ? expect.event->text : "alert";
    std::vector<Outcome*> seen;
    for (Outcome& o : outcomes_)
      if (!o.taken && o.time <= now_ && o.what == what && (what != "alert" || is_watched(o))) seen.push_back(&o);
    if (expect.none) {
      const std::string had = fmt::format("expected no {}, but there was\n  ", what);
      bool is_removed = false;
      for (Outcome* o : seen) {
        if (!differences(expect, *o).empty()) continue;
        if (!std::exchange(is_removed, true)) remove(line);
        fail(line.span, had + shown(*o, test_));
      }
      return;
    }
    for (Outcome* o : seen) {
      if (!differences(expect, *o).empty()) continue;
      o->taken = true;
      return;
    }
    const auto same_key = std::ranges::find_if(seen, [&](const Outcome* o) { return of_same_key(expect, *o); });
    if (same_key == seen.end()) miss(expect, what);
    rewrite(expect, line, same_key == seen.end() ? nullptr : *same_key);
    if (seen.empty())
      return fail(line.span, fmt::format("expected {} {} by {}, but there was none", article(what), what,
                                         in_message(now_, test_)));
    fail(line.span,
         fmt::format("expected {} {} by {}; the nearest differs:\n  {}\n{}", article(what), what,
                     in_message(now_, test_), shown(*seen.front(), test_), differences(expect, *seen.front())));
  }

  // ----- what it should have expected ------------------------------------------------------------------------

  // A value as a test writes it; none for what a test cannot write.
  static std::optional<std::string> literal(const Value& value) {
    std::string out;
    switch (value.type()) {
      case Type::missing:
      case Type::object:
        return std::nullopt;
      case Type::duration:
        append_duration(out, value.as_duration());
        return out;
      case Type::text:
        return dsl::quote(value.as_text());
      case Type::point:
        append_text(out, value);
        return dsl::quote(out);
      case Type::list:
        for (const Value& item : value.as_list()) {
          const auto one = literal(item);
          if (!one) return std::nullopt;
          out += (out.empty() ? "" : ", ") + *one;
        }
        return "[" + out + "]";
      case Type::boolean:
      case Type::integer:
      case Type::floating:
      case Type::time:
      case Type::ip:
        return in_message(value);
    }
    return std::nullopt;
  }

  // The line and its end. One whose time the next line counts on stays.
  void remove(const ast::TestLine& line) {
    const auto next =
        std::ranges::find_if(test_.decl.lines, [&](const ast::TestLine& l) { return l.span.begin > line.span.begin; });
    if (next == test_.decl.lines.end() || next->at) out_.edits.push_back({line.span, {}});
  }

  // The fields that differ get the values that were there; a line that nothing fits goes.
  void rewrite(const ast::Expect& expect, const ast::TestLine& line, Outcome* o) {
    if (o == nullptr) return remove(line);
    o->taken = true;
    for (const ast::FieldValue& f : expect.fields) {
      const auto at = o->fields.find(dotted(f.name));
      const Value got = at == o->fields.end() ? Value() : at->second;
      if (same(value_of(f.value, arena_), got)) continue;
      if (const auto text = literal(got)) out_.edits.push_back({f.value.span, *text});
    }
  }

  // What nobody expected is expected behind the last line that is not later; a test keeps one expectation at least.
  void finish_edits() {
    for (Outcome& o : outcomes_) {
      if (o.taken || !is_watched(o)) continue;
      std::string fields;
      for (const std::string& name : o.by->key_names)
        if (const auto text = literal(o.fields[name]))
          fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", name, *text);
      insert(o.time, fmt::format("expect alert{}", fields.empty() ? "" : fmt::format(" {{{}}}", fields)));
    }
    const auto expects = std::ranges::count_if(
        test_.decl.lines, [](const ast::TestLine& l) { return std::holds_alternative<ast::Expect>(l.node); });
    const auto removed = std::ranges::count_if(out_.edits, [](const dsl::Edit& e) { return e.text.empty(); });
    const bool added = std::ranges::any_of(out_.edits, [](const dsl::Edit& e) { return e.text.starts_with('\n'); });
    if (expects == removed && !added) insert(end_, "expect no alert");
  }

  void insert(Time time, const std::string& what) {
    const ast::TestLine* after = &test_.decl.lines.front();
    Time at = kFirstMonday;
    for (const ast::TestLine& line : test_.decl.lines) {
      at = time_of(line, at);
      if (at <= time) after = &line;
    }
    const std::string written = in_message(time, test_);
    const bool whole = !written.empty() && written.find('T') != std::string::npos;
    out_.edits.push_back({{after->span.file, after->span.end, after->span.end},
                          fmt::format("\n  at {}  {}", whole ? dsl::quote(written) : written, what)});
  }

  // Is the outcome of the key that the line names, as far as it names one?
  bool of_same_key(const ast::Expect& expect, const Outcome& o) {
    return std::ranges::all_of(expect.fields, [&](const ast::FieldValue& f) {
      const std::string name = dotted(f.name);
      const bool is_key = std::ranges::find(o.by->key_names, name) != o.by->key_names.end();
      return !is_key || same(value_of(f.value, arena_), o.fields.at(name));
    });
  }

  void miss(const ast::Expect& expect, const std::string& what) {
    if (!out_.passed || what != "alert" || test_.rule == dsl::kNone) return;
    if (std::ranges::any_of(stages_, [&](const Stage& s) { return s.is_reloaded && s.from <= now_; })) return;
    Missed missed;
    missed.rule = compiled_.model.rules[test_.rule].name;
    for (const ast::FieldValue& f : expect.fields)
      missed.fields[dotted(f.name)] = in_message(value_of(f.value, arena_));
    missed.until = now_;
    for (const Outcome& o : outcomes_)
      if (o.what == "alert" && is_watched(o) && o.time <= now_ && of_same_key(expect, o)) missed.after = o.time;
    out_.missed = std::move(missed);
  }

  static std::string_view article(std::string_view what) { return what == "alert" ? "an" : "the event"; }

  // One line per field that is not as expected.
  std::string differences(const ast::Expect& expect, const Outcome& o) {
    std::string out;
    for (const ast::FieldValue& f : expect.fields) {
      const std::string name = dotted(f.name);
      const Value want = value_of(f.value, arena_);
      const auto at = o.fields.find(name);
      const Value got = at == o.fields.end() ? Value() : at->second;
      if (same(want, got)) continue;
      const bool as_at = want.type() == Type::duration && got.type() == Type::time;
      std::string wanted = in_message(want), there = in_message(got);
      if (as_at) {
        wanted.clear(), there.clear();
        append_duration(wanted, want.as_duration()), append_duration(there, got.as_time() - kFirstMonday);
      }
      out += fmt::format("  {}: expected {}, got {}\n", name, wanted, there);
    }
    return out;
  }

  // As the check takes it: a text that reads as the other's type, a time as `at` writes it, a duration in seconds.
  bool same(const Value& want, const Value& got) {
    if (equal(want, got)) return true;
    if (want.type() == Type::list && got.type() == Type::list)
      return std::ranges::equal(want.as_list(), got.as_list(),
                                [this](const Value& a, const Value& b) { return same(a, b); });
    if (want.type() == Type::duration && got.type() == Type::time)
      return kFirstMonday + want.as_duration() == got.as_time();
    const bool is_seconds = want.is_number() && got.type() == Type::duration;
    if (want.type() != Type::text && !is_seconds && got.type() != Type::point) return false;
    std::string text;
    append_text(text, want);
    Value read;
    return read_text(got.type(), arena_.text(text), arena_, read) == Reading::good && equal(read, got);
  }

  const dsl::Compiled& compiled_;
  const RuleSet& rules_;
  const dsl::TestInfo& test_;
  const TestOptions& options_;
  const std::shared_ptr<const ReferenceData> reference_;
  Engine engine_;
  std::vector<Stage> stages_;
  Time now_ = kFirstMonday, end_ = kFirstMonday;
  std::deque<std::vector<Alert>> alerts_;  // by stage; outcomes see their values
  std::deque<std::vector<Emitted>> emitted_;
  std::vector<Outcome> outcomes_;
  Arena arena_;
  TestOutcome out_;
};

}  // namespace

std::string in_message(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

std::string in_message(Time time, const dsl::TestInfo& test) {
  const bool whole = std::ranges::any_of(test.decl.lines, [](const ast::TestLine& line) {
    return line.at && std::holds_alternative<ast::Text>(*line.at);
  });
  if (whole) return rfc3339(time);
  std::string out;
  append_duration(out, time - kFirstMonday);
  return out;
}

std::vector<Alert> alerts_of(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                             const dsl::TestInfo& test, const TestOptions& options) {
  return Test(compiled, std::move(reference), test, options).alerts();
}

std::vector<SentEvent> events_of(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                                 const dsl::TestInfo& test, const TestOptions& options) {
  return Test(compiled, std::move(reference), test, options).events();
}

std::vector<Deadline> deadlines_of(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                                   const dsl::TestInfo& test, const std::string& rule, const TestOptions& options) {
  return Test(compiled, std::move(reference), test, options).deadlines(rule);
}

TestOutcome run_test(const dsl::Compiled& compiled, std::shared_ptr<const ReferenceData> reference,
                     const dsl::TestInfo& test, const TestOptions& options) {
  return Test(compiled, std::move(reference), test, options).run();
}

}  // namespace tocsin::app
