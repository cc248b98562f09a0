#include "engine/runtime/alert_maker.h"

#include <algorithm>
#include <charconv>
#include <span>
#include <utility>

#include "engine/base/hash.h"
#include "engine/base/write.h"
#include "engine/program/limits.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

// The report with what the budget knows.
class WithSuppressed : public MatchView {
 public:
  WithSuppressed(const Report& report, std::uint64_t suppressed) : report_(report), suppressed_(suppressed) {}
  Value captured(StepId s, std::uint32_t c, Which w) const override { return report_.captured(s, c, w); }
  Value step_time(StepId s) const override { return report_.step_time(s); }
  Value cell(CellId c) const override { return report_.cell(c); }
  Value fact(Fact f) const override {
    return f == Fact::suppressed ? Value::integer(static_cast<std::int64_t>(suppressed_)) : report_.fact(f);
  }

 private:
  const Report& report_;
  std::uint64_t suppressed_;
};

}  // namespace

AlertMaker::AlertMaker(ProgramId id, const Program& program, const Evaluator& evaluator, const SourceMarks& sources)
    : id_(id), program_(program), rule_(std::get<RuleBody>(program.body)), evaluator_(evaluator), sources_(sources) {}

Alert AlertMaker::make(const FiredKey& key, const Report& report, const EvalContext& from, Time now,
                       std::uint64_t suppressed, std::vector<Emitted>& emitted) const {
  const WithSuppressed view(report, suppressed);
  EvalContext context = from;
  context.match = &view;
  context.time = now;
  Alert alert;
  alert.rule = id_;
  alert.time = alert.fired = now;
  alert.key = OwnedValues(key.values);
  alert.key_bytes = key.bytes;
  alert.suppressed = suppressed;
  if (const Event* first = report.first()) alert.first = first->time;
  if (const Event* last = report.last()) alert.last = last->time;
  const Value count = report.fact(Fact::count);
  if (count.type() == Type::integer) alert.count = static_cast<std::uint64_t>(count.as_integer());
  std::vector<Evidence> evidence;
  report.evidence(evidence);
  alert.id = id_of(key.bytes, report, evidence, now, from.event, context.scratch->buffer());
  if (rule_.alert) {
    alert.severity = rule_.alert->severity;
    alert.text = text_of(rule_.alert->text, context);
    alert.runbook = text_of(rule_.alert->runbook, context);
    std::vector<Value> fields;
    for (const NamedExpr& f : rule_.alert->fields) fields.push_back(evaluator_.evaluate(f.value, context));
    alert.fields = OwnedValues(fields);
  }
  for (const EmitDef& e : rule_.emits) {
    emitted.push_back(emit(e, key, context, evidence, now));
    const auto same = std::ranges::count(std::span(rule_.emits.data(), &e), e.type, &EmitDef::type);
    emitted.back().mark = hash_bytes(alert.id, static_cast<std::uint64_t>(same));
  }
  alert.evidence.reserve(evidence.size());
  for (Evidence& e : evidence) alert.evidence.push_back({std::string(e.label), e.count, std::move(e.events)});
  return alert;
}

std::string AlertMaker::text_of(ExprId id, const EvalContext& context) const {
  if (!id.exists()) return {};
  const Value value = evaluator_.evaluate(id, context);
  return value.type() == Type::text ? std::string(value.as_text()) : std::string();
}

// F16: rule, key, fire time, first and last event, the event at which it fired if that is another; under `fire every
// match` all its events with their steps, and the count: of two steps of one name only it tells which took more.
std::string AlertMaker::id_of(std::string_view key, const Report& report, const std::vector<Evidence>& evidence,
                              Time fired, const Event* judged, std::string& bytes) const {
  bytes.append(program_.name) += '\0';
  bytes.append(key) += '\0';
  char digits[24];
  bytes.append(digits, std::to_chars(digits, digits + sizeof digits, fired.us).ptr);
  if (rule_.firing == Firing::every_match) {
    if (const Value count = report.fact(Fact::count); !count.is_missing())
      bytes.append("*").append(digits, std::to_chars(digits, digits + sizeof digits, count.as_integer()).ptr);
    for (const Evidence& e : evidence) {
      (bytes += '\0').append(e.label);
      for (const Position& p : e.events) sources_.append(bytes, p);
      for (const Position& p : e.beyond) sources_.append(bytes, p);
      if (e.marks != 0) bytes.append("#").append(digits, std::to_chars(digits, digits + sizeof digits, e.marks).ptr);
    }
  } else {
    if (const Event* first = report.first()) sources_.append(bytes, *first);
    const Event* last = report.last();
    if (last != nullptr) sources_.append(bytes, *last);
    // What is judged at an event that it does not count (`of last`, a ranking) may fire at several of one instant.
    const bool is_last =
        judged != nullptr && last != nullptr && judged->position == last->position && judged->mark == last->mark;
    if (judged != nullptr && !is_last) sources_.append(bytes += '@', *judged);
    // ... and once more right after them, when something has left a window (T5).
    if (judged == nullptr && last != nullptr && last->time == fired) bytes += '~';
  }
  std::string out;
  out.reserve(32);
  append_hex(out, hash_bytes(bytes, 0));
  append_hex(out, hash_bytes(bytes, 1));
  return out;
}

Emitted AlertMaker::emit(const EmitDef& def, const FiredKey& key, const EvalContext& context,
                         const std::vector<Evidence>& evidence, Time now) const {
  std::vector<Value> fields;
  for (const ExprId f : def.fields) fields.push_back(f.exists() ? evaluator_.evaluate(f, context) : Value());
  Emitted e;
  e.by = id_;
  e.type = def.type;
  e.time = now;
  e.key = OwnedValues(key.values);
  e.key_bytes = key.bytes;
  e.fields = OwnedValues(fields);
  for (const Evidence& row : evidence)
    for (const Position& p : row.events)
      if (e.origins.size() < kEvidencePerStepMax) e.origins.push_back(p);
  return e;
}

std::size_t bytes_of(const Alert& alert) {
  std::size_t sum = sizeof(Alert) + alert.id.size() + alert.key.bytes() + alert.key_bytes.size() + alert.text.size() +
                    alert.runbook.size() + alert.fields.bytes() + alert.place.size();
  for (const EvidenceOf& of : alert.evidence)
    sum += sizeof(EvidenceOf) + of.label.size() + of.events.size() * sizeof(Position);
  return sum;
}

}  // namespace tocsin
