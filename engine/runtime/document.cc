#include "engine/runtime/document.h"

#include <string_view>

#include "engine/event/write.h"
#include "engine/program/dump.h"
#include "engine/program/hash.h"

namespace tocsin {
namespace {

void add(std::string& out, std::string_view key, const Value& value) {
  out += '"';
  out += key;
  out += "\":";
  append_json(out, value);
}
void add(std::string& out, std::string_view key, std::string_view text) { add(out, key, Value::text(text)); }
void add_name(std::string& out, std::string_view name) {
  append_json(out, Value::text(name));
  out += ':';
}
void add_optional(std::string& out, std::string_view key, std::string_view text) {
  add(out, key, text.empty() ? Value() : Value::text(text));
}
void add_time(std::string& out, std::string_view key, const std::optional<Time>& time) {
  add(out, key, time ? Value::time(*time) : Value());
}

void add_key(std::string& out, const Program& program, std::span<const Value> key) {
  out += "\"key\":{";
  for (std::size_t i = 0; i < key.size(); ++i) {
    if (i > 0) out += ',';
    add_name(out, program.key_names[i]);
    append_json(out, key[i]);
  }
  out += '}';
}

void add_evidence(std::string& out, const std::vector<EvidenceOf>& evidence, const DocumentNames& names) {
  out += "\"evidence\":{";
  bool capped = false;
  for (const EvidenceOf& row : evidence) {
    if (&row != evidence.data()) out += ',';
    add_name(out, row.label);
    out += '[';
    for (const Position& p : row.events) {
      if (&p != row.events.data()) out += ',';
      append_json(out, Value::text(id_of(p, names)));
    }
    out += ']';
    capped = capped || row.count > row.events.size();
  }
  out += '}';
  if (!capped) return;
  out += ",\"evidence_counts\":{";  // the true counts, where not all ids are written
  for (const EvidenceOf& row : evidence) {
    if (&row != evidence.data()) out += ',';
    add_name(out, row.label);
    out += std::to_string(row.count);
  }
  out += '}';
}

}  // namespace

std::string_view word_of(Alert::State state) {
  switch (state) {
    case Alert::State::firing:
      return "firing";
    case Alert::State::resolved:
      return "resolved";
    case Alert::State::withdrawn:
      return "withdrawn";
  }
  return {};
}

std::string rule_version(const Program& program) { return rule_version(program.shape, program.dials); }

std::string id_of(const Position& position, const DocumentNames& names) {
  const std::size_t source = position.source.index;
  std::string out = source < names.sources.size() ? names.sources[source] : std::to_string(source);
  out += '/' + std::to_string(position.partition) + '/' + std::to_string(position.offset);
  return out;
}

void append_alert(std::string& out, const Alert& alert, const DocumentNames& names, Time detected) {
  const Program& program = names.rules->programs[alert.rule.index];
  const auto* rule = std::get_if<RuleBody>(&program.body);
  const AlertDef* def = rule != nullptr && rule->alert ? &*rule->alert : nullptr;
  out += '{';
  add(out, "alert_id", alert.id);
  out += ',';
  add(out, "rule", program.name);
  out += ',';
  add(out, "rule_version", rule_version(program));
  out += ',';
  if (!program.title.empty()) {
    add(out, "title", program.title);
    out += ',';
  }
  if (!program.doc.empty()) {
    add(out, "doc", program.doc);
    out += ',';
  }
  add(out, "severity", name_of(alert.severity));
  out += ',';
  add(out, "state", word_of(alert.state));
  out += ',';
  add_key(out, program, alert.key.values());
  out += ',';
  add(out, "text", alert.text);
  out += ',';
  add_time(out, "time", alert.time);
  out += ',';
  if (!names.replayed) {
    add_time(out, "detected", detected);
    out += ',';
  }
  add_time(out, "first", alert.first);
  out += ',';
  add_time(out, "last", alert.last);
  out += ",\"count\":" + std::to_string(alert.count) + ",\"fields\":{";
  const auto fields = alert.fields.values();
  for (std::size_t i = 0; def != nullptr && i < fields.size(); ++i) {
    if (i > 0) out += ',';
    add_name(out, def->fields[i].name);
    append_json(out, fields[i]);
  }
  out += "},";
  add_evidence(out, alert.evidence, names);
  out += ",\"suppressed\":" + std::to_string(alert.suppressed) + ",\"reminder\":" + std::to_string(alert.reminder) +
         ",\"tags\":[";
  if (def != nullptr)
    for (const std::string& tag : def->tags) {
      if (&tag != def->tags.data()) out += ',';
      append_json(out, Value::text(tag));
    }
  out += "],";
  add_optional(out, "owner", def != nullptr ? std::string_view(def->owner) : std::string_view());
  out += ',';
  add_optional(out, "runbook", alert.runbook);
  out += names.replayed ? ",\"replayed\":true}" : ",\"replayed\":false}";
}

namespace {

void begin_of_event(std::string& out, const EventType& type, Time time) {
  out += '{';
  add(out, "event", type.name);
  out += ',';
  add_time(out, "time", time);
  out += ',';
}

}  // namespace

void append_emitted(std::string& out, const Emitted& emitted, const DocumentNames& names) {
  const Program& program = names.rules->programs[emitted.by.index];
  const EventType& type = names.rules->schema[emitted.type];
  begin_of_event(out, type, emitted.time);
  add_key(out, program, emitted.key.values());
  out += ",\"fields\":{";
  const auto values = emitted.fields.values();
  const auto* session = std::get_if<SessionBody>(&program.body);
  bool first = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    std::string name;
    if (i < type.fields.size())
      name = type.fields[i].name();
    else if (session != nullptr && session->each)
      name = session->each->fields[i - type.fields.size()].name;
    if (emitted.enriched && values[i].is_missing()) continue;
    if (!first) out += ',';
    first = false;
    add_name(out, name);
    append_json(out, values[i]);
  }
  out += "}}";
}

void append_event(std::string& out, const Event& event, const DocumentNames& names) {
  const EventType& type = names.rules->schema[event.type];
  begin_of_event(out, type, event.time);
  add(out, "source", id_of(event.position, names));
  out += ",\"fields\":{";
  for (std::size_t i = 0; i < type.fields.size(); ++i) {
    if (i > 0) out += ',';
    add_name(out, type.fields[i].name());
    append_json(out, event.fields[i]);
  }
  out += "}}";
}

void append_late(std::string& out, const LateEvent& late, const DocumentNames& names) {
  begin_of_event(out, names.rules->schema[late.event->type], late.event->time);
  add_time(out, "watermark", late.watermark);
  out += ',';
  add(out, "source", id_of(late.event->position, names));
  out += '}';
}

void append_dead_letter(std::string& out, const DeadLetter& letter, const DocumentNames& names) {
  out += '{';
  add(out, "source", id_of(letter.position, names));
  out += ',';
  add(out, "reason", name_of(letter.reason));
  out += ',';
  add(out, "detail", letter.detail);
  out += ",\"size\":" + std::to_string(letter.size) + ',';
  add(out, "record", letter.bytes);
  out += '}';
}

}  // namespace tocsin
