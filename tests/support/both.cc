#include "tests/support/both.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>

#include "adapters/codec/config.h"
#include "dsl/compile.h"
#include "dsl/parser.h"
#include "engine/runtime/document.h"
#include "engine/runtime/engine.h"

namespace tocsin::tests {
namespace {

using nlohmann::json;

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

// What is compared of an alert. The count where a rule's pattern has none (F18) is nobody's business.
std::string alert_line(const std::string& time, const std::string& rule, const json& key, const std::string& state,
                       const json& rest) {
  return time + " " + rule + " " + key.dump() + " " + state + " " + rest.dump();
}

// Alerts in their order; emitted events stand behind them and are compared as a set: their order is that of what they cause,
// which the alerts show.
Lines parted(Lines lines) {
  Lines alerts, emitted;
  for (std::string& line : lines) (line[0] == '+' ? emitted : alerts).push_back(std::move(line));
  std::sort(emitted.begin(), emitted.end());
  alerts.insert(alerts.end(), emitted.begin(), emitted.end());
  return alerts;
}

}  // namespace

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

Lines engine_lines(const Ready& ready, const Case& c, std::size_t block_size, bool fast) {
  CodecConfig codec;
  codec.event_field = "event";
  const Schema& schema = ready.rules->schema;
  Engine engine(ready.rules, ready.data, fast);
  const std::vector<EventTypeId> carried = carried_events(codec, schema);
  DocumentNames names;
  names.rules = ready.rules.get();
  names.sources = {"input"};
  names.replayed = true;

  std::map<int, std::pair<std::size_t, std::unique_ptr<Decoder>>> partitions;
  for (const EventText& e : c.events) partitions[e.partition];
  for (auto& [number, partition] : partitions) {
    partition.first = engine.add_partition(SourceId{0}, carried);
    partition.second = std::move(*make_decoder(codec, schema));
  }
  Lines out;
  const auto collect = [&] {
    for (const Alert& a : engine.take_alerts()) {
      std::string text;
      append_alert(text, a, names);
      json document = json::parse(text);
      json rest;
      for (const char* name : {"count", "evidence", "first", "last", "reminder", "severity", "suppressed", "text"})
        rest[name] = document[name];
      out.push_back(alert_line(document["time"], document["rule"], document["key"], document["state"], rest));
    }
    for (const Emitted& e : engine.take_emitted()) {
      std::string text;
      append_emitted(text, e, names);
      json document = json::parse(text);
      json fields = json::object();
      for (const auto& [name, value] : document["fields"].items())
        if (!value.is_null() && name != "session_id") fields[name] = value;
      out.push_back("+" + document["time"].get<std::string>() + " " + document["event"].get<std::string>() + " " +
                    document["key"].dump() + " " + fields.dump());
    }
  };
  DeadLetters dead;
  for (std::size_t i = 0; i < c.events.size();) {
    const int partition = c.events[i].partition;
    Block block;
    block.source = SourceId{0};
    block.partition = static_cast<std::uint32_t>(partition);
    std::string bytes;
    for (std::size_t n = 0; n < block_size && i < c.events.size() && c.events[i].partition == partition; ++n, ++i) {
      if (!bytes.empty()) bytes += '\n';
      const std::string record = c.events[i].json();
      block.records.push_back({static_cast<std::uint32_t>(bytes.size()), static_cast<std::uint32_t>(record.size()),
                               c.events[i].offset, std::nullopt});
      bytes += record;
    }
    block.bytes.append(bytes);
    auto batch = std::make_shared<EventBatch>();
    partitions[partition].second->decode(block, *batch, dead);
    engine.take(partitions[partition].first, batch);
    collect();
  }
  for (auto& [number, partition] : partitions) engine.end(partition.first);
  collect();
  if (c.until_ms) engine.until(Time{*c.until_ms * 1000});
  if (c.drain) engine.drain();
  collect();
  return parted(std::move(out));
}

Lines reference_lines(const Ready& ready, const Case& c) {
  std::vector<reference::Event> events;
  for (const EventText& e : c.events) {
    events.push_back(ready.matcher->event(e.json(), e.offset));
    events.back().partition = e.partition;
  }
  reference::Options options;
  if (c.until_ms) options.until = Time{*c.until_ms * 1000};
  options.drain = c.drain;
  const reference::Output output = ready.matcher->run(events, options);
  Lines out;
  for (const reference::Alert& a : output.alerts) {
    json rest;
    rest["count"] = a.count ? json(*a.count) : json("any");
    rest["evidence"] = json::object();
    for (const auto& [name, ids] : a.evidence)
      for (const auto& id : ids)
        rest["evidence"][name].push_back(id.source + "/" + std::to_string(id.partition) + "/" +
                                         std::to_string(id.offset));
    rest["first"] = a.first ? json(time_text(*a.first)) : json(nullptr);
    rest["last"] = a.last ? json(time_text(*a.last)) : json(nullptr);
    rest["reminder"] = a.reminder;
    rest["severity"] = a.severity;
    rest["suppressed"] = a.suppressed;
    rest["text"] = a.text;
    using State = reference::Alert::State;
    const char* state = a.state == State::resolved ? "resolved" : a.state == State::withdrawn ? "withdrawn" : "firing";
    out.push_back(alert_line(time_text(a.time), a.rule, as_json(a.key), state, rest));
  }
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

std::optional<std::size_t> difference(const Lines& engine, const Lines& reference) {
  static const std::string kAny = "\"count\":\"any\"";
  for (std::size_t i = 0; i < std::max(engine.size(), reference.size()); ++i) {
    if (i >= engine.size() || i >= reference.size()) return i;
    if (engine[i] == reference[i]) continue;
    const std::size_t any = reference[i].find(kAny);
    if (any == std::string::npos) return i;
    std::string ours = engine[i];
    const std::size_t at = ours.find("\"count\":");
    const std::size_t end = ours.find(',', at);
    if (at == std::string::npos || ours.replace(at, end - at, kAny) != reference[i]) return i;
  }
  return std::nullopt;
}

}  // namespace tocsin::tests
