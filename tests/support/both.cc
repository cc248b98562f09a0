#include "tests/support/both.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <span>
#include <string_view>

#include "dsl/compile.h"
#include "dsl/parser.h"
#include "engine/event/write.h"
#include "engine/io/source.h"
#include "engine/program/dump.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/engine.h"
#include "engine/state/address.h"

namespace tocsin::tests {
namespace {

using nlohmann::json;

const std::string kAnyCount = "any";

std::string time_text(Time t) { return reference::show(t); }

// Values as JSON writes them: what an emitted event's fields are compared by.
json as_json(const reference::Value& v) {
  using Kind = reference::Value::Kind;
  switch (v.kind) {
    case Kind::missing:
      return nullptr;
    case Kind::boolean:
      return v.number != 0;
    case Kind::integer:
      return v.number;
    case Kind::floating:
      return v.real;
    case Kind::duration:
      if (v.number % 1'000'000 == 0) return v.number / 1'000'000;
      return static_cast<double>(v.number) / 1e6;
    case Kind::text:
    case Kind::time:
    case Kind::ip:
    case Kind::point:
    case Kind::object:
      return reference::show(v);
    case Kind::list: {
      json out = json::array();
      for (const reference::Value& item : v.items()) out.push_back(as_json(item));
      return out;
    }
  }
  return nullptr;
}

json as_json(const reference::Fields& fields) {
  json out = json::object();
  for (const auto& [name, value] : fields) out[name] = as_json(value);
  return out;
}

// What stands between an alert's line and its id, where it is told for the first time.
constexpr std::string_view kNewId = "\tnew ";

// What is compared of an alert.
struct Told {
  Time time;
  std::string_view rule, state, severity, text;
  std::vector<std::pair<std::string, std::string>> key;  // names, and values as JSON
  std::optional<std::int64_t> count;  // where a rule's pattern has none (F18) it is nobody's business
  std::optional<Time> first, last;
  std::vector<std::pair<std::string, std::string>> evidence;  // labels and ids
  std::uint64_t suppressed = 0, reminder = 0;
};

// As the events of a case are written, so that a reader need not count.
void append_ms(std::string& out, Time t) {
  out += std::to_string(t.us / 1000);
  if (t.us % 1000 != 0) out += "." + std::to_string(1000 + t.us % 1000).substr(1);
}

std::string line_of(Told told) {
  std::string out;
  append_ms(out, told.time);
  out.append(" ").append(told.rule).append(" {");
  std::sort(told.key.begin(), told.key.end());
  for (const auto& [name, value] : told.key) out += (out.back() == '{' ? "" : ",") + name + ":" + value;
  out.append("} ").append(told.state).append(" ").append(told.severity).append(" count=");
  out += told.count ? std::to_string(*told.count) : kAnyCount;
  for (const auto& [name, time] : {std::pair{" first=", told.first}, std::pair{" last=", told.last}})
    if (time) append_ms(out += name, *time);
  std::sort(told.evidence.begin(), told.evidence.end());
  for (const auto& [label, ids] : told.evidence) out += " [" + label + ids + "]";
  if (told.suppressed > 0) out += " suppressed=" + std::to_string(told.suppressed);
  if (told.reminder > 0) out += " reminder=" + std::to_string(told.reminder);
  return out.append(" \"").append(told.text) + '"';
}

// A reminder and an escalation are documents of an alert that fires.
std::string_view word_of(reference::Alert::State state) {
  using State = reference::Alert::State;
  switch (state) {
    case State::resolved:
      return "resolved";
    case State::withdrawn:
      return "withdrawn";
    case State::firing:
    case State::reminder:
    case State::escalated:
      return "firing";
  }
  return {};
}

}  // namespace

std::string line_of(const Alert& a, const RuleSet& rules) {
  const Program& program = rules.programs[a.rule.index];
  Told told{a.time, program.name, word_of(a.state), name_of(a.severity), a.text, {}, {}, a.first, a.last, {}, 0, 0};
  const auto key = a.key.values();
  for (std::size_t i = 0; i < key.size(); ++i)
    append_json(told.key.emplace_back(program.key_names[i], "").second, key[i]);
  told.count = static_cast<std::int64_t>(a.count);
  for (const EvidenceOf& row : a.evidence) {
    std::string& ids = told.evidence.emplace_back(row.label, "").second;
    for (const Position& p : row.events) ids += " " + std::to_string(p.partition) + "/" + std::to_string(p.offset);
  }
  told.suppressed = a.suppressed;
  told.reminder = a.reminder;
  const bool is_new = a.state == Alert::State::firing && a.reminder == 0 && !a.escalated;
  return line_of(std::move(told)) + std::string(is_new ? kNewId : "\tof ") + a.id;
}

namespace {

std::string reference_line(const reference::Alert& a) {
  Told told{a.time, a.rule, word_of(a.state), a.severity, a.text, {}, a.count, a.first, a.last, {}, 0, 0};
  for (const auto& [name, value] : a.key) told.key.emplace_back(name, as_json(value).dump());
  for (const auto& [label, events] : a.evidence) {
    std::string& ids = told.evidence.emplace_back(label, "").second;
    for (const reference::EventId& e : events)
      ids += " " + std::to_string(e.partition) + "/" + std::to_string(e.offset);
  }
  told.suppressed = static_cast<std::uint64_t>(a.suppressed);
  told.reminder = static_cast<std::uint64_t>(a.reminder);
  return line_of(std::move(told));
}

}  // namespace

Lines parted(Lines lines) {
  Lines alerts, emitted;
  for (std::string& line : lines) (line[0] == '+' ? emitted : alerts).push_back(std::move(line));
  std::sort(emitted.begin(), emitted.end());
  alerts.insert(alerts.end(), emitted.begin(), emitted.end());
  return alerts;
}

std::optional<Ready> make_ready(const std::string& text, std::string* why) {
  const dsl::SourceText source{"random.rules", text};
  const dsl::Compiled compiled = dsl::compile(std::vector<dsl::SourceText>{source});
  if (!compiled.ok()) {
    if (why != nullptr)
      for (const auto& d : compiled.diagnostics)
        if (!d.code.starts_with('W')) *why = std::string(d.code) + ": " + d.message;
    return std::nullopt;
  }
  Ready out;
  out.rules = compiled.rules;
  auto data =
      ReferenceData::make(*compiled.rules, {{std::vector<std::vector<std::string>>(compiled.rules->lists.size())}, {}});
  if (!data) return std::nullopt;
  out.data = *data;
  const auto parsed = dsl::parse(source);
  out.matcher = std::make_shared<reference::Matcher>(std::vector<const ast::RuleFile*>{&parsed.file});
  return out;
}

CodecConfig codec_of_cases() {
  CodecConfig out;
  out.event_field = "event";
  return out;
}

DocumentNames names_for(const Ready& ready) {
  DocumentNames out;
  out.rules = ready.rules.get();
  out.sources = {"input"};
  out.replayed = true;
  return out;
}

std::string line_of(const Emitted& e, const DocumentNames& names) {
  std::string text;
  append_emitted(text, e, names);
  json document = json::parse(text);
  json fields = json::object();
  std::string session;
  for (const auto& [name, value] : document["fields"].items())
    if (name == "session_id")
      session = "\tof " + value.dump();
    else if (!value.is_null())
      fields[name] = value;
  return "+" + document["time"].get<std::string>() + " " + document["event"].get<std::string>() + " " +
         document["key"].dump() + " " + fields.dump() + session;
}

std::string with_document(const Alert& alert, const DocumentNames& names) {
  std::string out = line_of(alert, *names.rules) + '\t';
  append_alert(out, alert, names);
  return out;
}

std::string with_document(const Emitted& emitted, const DocumentNames& names) {
  std::string out = line_of(emitted, names) + '\t';
  append_emitted(out, emitted, names);
  return out;
}

namespace {

// The events from `i` on that come together: of one partition, at most `most`.
void fill(Block& block, const Case& c, std::size_t& i, std::size_t most) {
  const int partition = c.events[i].partition;
  block.source = SourceId{0};
  block.partition = static_cast<std::uint32_t>(partition);
  std::string bytes;
  for (std::size_t n = 0; n < most && i < c.events.size() && c.events[i].partition == partition; ++n, ++i) {
    if (!bytes.empty()) bytes += '\n';
    const std::string record = c.events[i].json();
    block.records.push_back({static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(record.size()),
                             c.events[i].offset, std::nullopt});
    bytes += record;
  }
  block.bytes.append(bytes);
  block.first_offset = block.records.front().offset;
  block.next_offset = block.records.back().offset + 1;
}

// A case as a source: each partition by itself, whichever comes next at random.
class CaseSource final : public Source {
 public:
  CaseSource(const Case& c, std::uint32_t partitions, std::size_t block, std::uint64_t seed) : random_(seed) {
    parts_.resize(partitions);
    for (std::size_t i = 0; i < c.events.size();) {
      Block next;
      fill(next, c, i, block);
      parts_[next.partition].push_back(std::move(next));
    }
  }
  std::uint32_t partitions() const override { return static_cast<std::uint32_t>(parts_.size()); }
  bool can_go_back() const override { return false; }
  Result<void> start(std::span<const Progress>) override { return {}; }
  Result<Polled> poll(Block& into, Duration) override {
    if (std::ranges::all_of(parts_, [](const auto& part) { return part.empty(); })) return Polled::finished;
    std::deque<Block>* part = nullptr;
    while (part == nullptr || part->empty()) part = &parts_[random_() % parts_.size()];
    into = std::move(part->front());
    part->pop_front();
    return Polled::block;
  }
  void pause(std::uint32_t) override {}
  void resume(std::uint32_t) override {}
  void stored(std::span<const Progress>) override {}

 private:
  std::mt19937_64 random_;
  std::vector<std::deque<Block>> parts_;
};

// `write(output)` gives its line.
template <class Write>
Lines engine_outputs(const Ready& ready, const Case& c, std::size_t block_size, EngineOptions options,
                     std::size_t install_every, const Ready* other, const Write& write,
                     const std::function<void(Engine&)>& at_end = {}) {
  const CodecConfig codec = codec_of_cases();
  const Schema& schema = ready.rules->schema;
  Engine engine(ready.rules, ready.data, options);
  const std::vector<EventTypeId> carried = carried_events(codec, schema);

  std::map<int, std::pair<std::size_t, std::unique_ptr<Decoder>>> partitions;
  for (const EventText& e : c.events) partitions[e.partition];
  for (auto& [number, partition] : partitions) {
    partition.first = engine.add_partition(SourceId{0}, carried);
    partition.second = std::move(*make_decoder(codec, schema));
  }
  std::optional<std::size_t> silent;
  if (c.silent_partition) silent = engine.add_partition(SourceId{0}, carried, milliseconds(3));
  Duration now{};
  Lines out;
  const auto collect = [&] {
    for (const Alert& a : engine.take_alerts()) out.push_back(write(a));
    for (const Emitted& e : engine.take_emitted()) out.push_back(write(e));
  };
  DeadLetters dead;
  std::size_t blocks = 0;
  for (std::size_t i = 0; i < c.events.size();) {
    const int partition = c.events[i].partition;
    Block block;
    fill(block, c, i, block_size);
    auto batch = std::make_shared<EventBatch>();
    partitions[partition].second->decode(block, *batch, dead);
    if (silent) engine.asked(*silent, now = now + milliseconds(1));
    engine.take(partitions[partition].first, batch);
    collect();
    if (install_every == 0 || ++blocks % install_every != 0) continue;
    const Ready& next = other != nullptr && blocks / install_every % 2 == 1 ? *other : ready;
    if (const auto installed = engine.install(next.rules, next.data); !installed) return {installed.error().message};
  }
  for (auto& [number, partition] : partitions) engine.end(partition.first);
  if (silent) engine.end(*silent);
  collect();
  if (c.until_ms) engine.until(Time{*c.until_ms * 1000});
  if (c.drain) engine.drain();
  collect();
  if (at_end) at_end(engine);
  return parted(std::move(out));
}

}  // namespace

Lines engine_lines(const Ready& ready, const Case& c, std::size_t block, EngineOptions options,
                   std::size_t install_every, const Ready* other) {
  const DocumentNames names = names_for(ready);
  return engine_outputs(ready, c, block, options, install_every, other, [&](const auto& output) {
    if constexpr (std::is_same_v<std::decay_t<decltype(output)>, Alert>)
      return line_of(output, *ready.rules);
    else
      return line_of(output, names);
  });
}

Lines engine_state(const Ready& ready, const Case& c, std::size_t block, EngineOptions options,
                   std::size_t install_every) {
  Lines out;
  const auto look = [&](Engine& engine) {
    const std::vector<std::string> sources{"input"};
    const StateNames names(ready.rules->schema, sources);
    std::vector<Shard*> shards;
    for (std::size_t i = 0; i < engine.lanes(); ++i) shards.push_back(&engine.lane(i).shard());
    StateReader reader({}, names);
    for (Changes& changes : bytes_of(shards, names))
      for (const StateChange& change : changes.sorted()) {
        const auto address = StateAddress::read(change.address);
        const Runner& runner = engine.lane(0).shard().runner(ProgramId(address->program));
        const bool has_run_out =
            address->kind == StateKind::key && !change.gone && runner.keys_run_out() &&
            read_whole(reader, change.value, [&](StateReader& in) { return runner.has_run_out(in, engine.passed()); });
        if (change.gone || has_run_out || address->kind == StateKind::due) continue;
        std::string& line = out.emplace_back(
            fmt::format("{} {} ", ready.rules->programs[address->program].name, static_cast<int>(address->kind)));
        for (const char byte : address->key)
          fmt::format_to(std::back_inserter(line), "{:02x}", static_cast<unsigned char>(byte));
        line += ' ';
        for (const char byte : change.value)
          fmt::format_to(std::back_inserter(line), "{:02x}", static_cast<unsigned char>(byte));
      }
  };
  engine_outputs(ready, c, block, options, install_every, nullptr, [](const auto&) { return std::string(); }, look);
  std::ranges::sort(out);
  return out;
}

Lines engine_documents(const Ready& ready, const Case& c) {
  const DocumentNames names = names_for(ready);
  return engine_outputs(ready, c, 1, {}, 0, nullptr, [&](const auto& output) { return with_document(output, names); });
}

namespace {

// All that a case is run with, but for the source.
struct Life {
  const CodecConfig codec = codec_of_cases();
  Engine engine;
  DocumentNames names;
  StandingClock clock;
  std::vector<Crew::Feed> feeds;

  Life(const Ready& ready, EngineOptions options, std::span<Source* const> sources)
      : engine(ready.rules, ready.data, options) {
    names = names_for(ready);
    const std::vector<EventTypeId> carried = carried_events(codec, ready.rules->schema);
    for (Source* source : sources) {
      Crew::Feed& feed = feeds.emplace_back();
      feed.source = source;
      feed.id = SourceId(feeds.size() - 1);
      for (std::uint32_t i = 0; i < source->partitions(); ++i)
        feed.partitions.push_back(engine.add_partition(feed.id, carried));
      feed.make_decoder = [this, &ready] { return make_decoder(codec, ready.rules->schema); };
    }
  }
};

// Each partition of a case is one of some source's.
std::vector<Case> parts_of(const Case& c, std::size_t sources) {
  std::vector<Case> out(sources, c);
  for (Case& part : out) part.events.clear();
  for (const EventText& event : c.events) {
    const auto partition = static_cast<std::size_t>(event.partition);
    EventText& own = out[partition % sources].events.emplace_back(event);
    own.partition = static_cast<int>(partition / sources);
  }
  return out;
}

std::uint32_t partitions_of(const Case& c) {
  std::uint32_t out = 1;
  for (const EventText& e : c.events) out = std::max(out, static_cast<std::uint32_t>(e.partition) + 1);
  return out;
}

}  // namespace

Lines crew_lines(const Ready& ready, const Case& c, std::size_t block, EngineOptions options, std::uint64_t seed,
                 bool threads, std::size_t sources) {
  std::vector<std::unique_ptr<Source>> owned;
  std::vector<Source*> all;
  for (const Case& part : parts_of(c, sources))
    all.push_back(owned.emplace_back(std::make_unique<CaseSource>(part, partitions_of(part), block, seed)).get());
  Life life(ready, options, all);
  Lines out;
  Crew crew(life.engine, life.feeds,
            {.alert = [&](const Alert& a) { out.push_back(line_of(a, *ready.rules)); },
             .emitted = [&](const Emitted& e) { out.push_back(line_of(e, life.names)); }},
            life.clock);
  if (threads) {
    if (!crew.run()) return {"the crew failed"};
  } else {
    std::mt19937_64 random(seed + 1);
    while (!crew.is_done()) crew.step(random() % options.shards);
    crew.end();
  }
  if (c.until_ms) crew.until(Time{*c.until_ms * 1000});
  if (c.drain) crew.drain();
  crew.give_out();
  return parted(std::move(out));
}

namespace {

std::vector<reference::Event> reference_events(const Ready& ready, const Case& c) {
  std::vector<reference::Event> events;
  for (const EventText& e : c.events) {
    events.push_back(ready.matcher->event(e.json(), e.offset));
    events.back().partition = e.partition;
  }
  return events;
}

}  // namespace

std::vector<std::string> reference_late(const Ready& ready, const Case& c) {
  std::vector<std::string> out;
  for (const reference::Event& e : ready.matcher->run(reference_events(ready, c)).late)
    out.push_back(std::to_string(e.partition) + "/" + std::to_string(e.offset));
  return out;
}

Lines reference_lines(const Ready& ready, const Case& c) {
  reference::Options options;
  if (c.until_ms) options.until = Time{*c.until_ms * 1000};
  options.drain = c.drain;
  const reference::Output output = ready.matcher->run(reference_events(ready, c), options);
  Lines out;
  for (const reference::Alert& a : output.alerts) out.push_back(reference_line(a));
  for (const reference::Emitted& e : output.emitted) {
    const auto found = std::find_if(ready.rules->schema.types.begin(), ready.rules->schema.types.end(),
                                    [&](const EventType& t) { return t.name == e.event; });
    if (found == ready.rules->schema.types.end()) continue;  // a rule's own event that nobody uses
    const bool used = std::any_of(ready.rules->programs.begin(), ready.rules->programs.end(), [&](const Program& p) {
      const auto* rule = std::get_if<RuleBody>(&p.body);
      if (p.name != e.event || rule == nullptr) return p.name == e.event || rule == nullptr || !rule->emits.empty();
      return !rule->emits.empty();
    });
    if (!used) continue;
    json fields = as_json(e.fields), shown = json::object();
    for (const auto& [name, value] : fields.items())
      if (!value.is_null() && name != "session_id") shown[name] = value;
    for (const auto& [name, value] : e.key)
      if (!shown.contains(name)) shown[name] = as_json(value);
    out.push_back("+" + time_text(e.time) + " " + e.event + " " + as_json(e.key).dump() + " " + shown.dump());
  }
  return parted(std::move(out));
}

std::optional<std::string> id_of_two(const Lines& engine) {
  std::set<std::string_view> ids;
  for (const std::string& line : engine) {
    const std::size_t at = line.find(kNewId);
    if (at != std::string::npos && !ids.insert(std::string_view(line).substr(at)).second) return line;
  }
  return std::nullopt;
}

std::optional<std::size_t> difference(const Lines& with_ids, const Lines& reference) {
  Lines engine = with_ids;  // the reference has none
  for (std::string& line : engine) line.resize(std::min(line.find('\t'), line.size()));
  const auto count_at = [](const std::string& line) { return line.find(" count="); };
  for (std::size_t i = 0; i < std::max(engine.size(), reference.size()); ++i) {
    if (i >= engine.size() || i >= reference.size()) return i;
    if (engine[i] == reference[i]) continue;
    const std::size_t any = reference[i].find(" count=any");
    if (any == std::string::npos || any != count_at(engine[i])) return i;
    const auto without_count = [&](const std::string& line) {
      const std::size_t end = line.find(' ', any + 1);
      return line.substr(0, any) + line.substr(std::min(end, line.size()));
    };
    if (without_count(engine[i]) != without_count(reference[i])) return i;
  }
  return std::nullopt;
}

}  // namespace tocsin::tests
