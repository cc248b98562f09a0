#include "app/control/json.h"

#include <nlohmann/json.hpp>

#include "engine/base/write.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

std::string text_of(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json time_of(Time time) { return rfc3339(time); }
Json time_of(const std::optional<Time>& time) { return time ? time_of(*time) : Json(); }

double seconds_of(Duration duration) { return static_cast<double>(duration.us) / 1e6; }

template <class Items, class One>
std::string list(std::string_view schema, std::string_view name, const Items& items, const One& one) {
  Json all = Json::array();
  for (const auto& item : items) all.push_back(one(item));
  return text_of({{"schema", schema}, {name, std::move(all)}});
}

Json health_of(const Health& health) {
  Json out = {{"ok", health.ok()}};
  if (!health.ok()) out["reason"] = health.reason;
  return out;
}

// Optional texts are left out where there is nothing to say.
void add(Json& out, const char* name, const std::string& text) {
  if (!text.empty()) out[name] = text;
}

Json checkpoint_of(const CheckpointNote& note) {
  Json out = {{"time", time_of(note.at)},
              {"through_epoch", note.through.number},
              {"epochs", note.epochs},
              {"changes", note.changes},
              {"bytes", note.bytes},
              {"base_bytes", note.base_bytes},
              {"seconds", seconds_of(note.took)},
              {"ok", note.failure.empty()}};
  add(out, "failure", note.failure);
  return out;
}

Json source_of(const SourceStatus& source) {
  Json out = {{"name", source.name},
              {"kind", source.kind},
              {"records", source.records},
              {"bytes", source.bytes},
              {"watermark", time_of(source.watermark)}};
  add(out, "paused", source.paused);
  add(out, "problem", source.problem);
  return out;
}

Json sink_of(const SinkStatus& sink) {
  Json out = {{"name", sink.name},
              {"kind", sink.kind},
              {"delivered", sink.delivered},
              {"failed", sink.failed},
              {"waiting", sink.waiting}};
  add(out, "problem", sink.problem);
  return out;
}

template <class Items, class One>
Json array_of(const Items& items, const One& one) {
  Json out = Json::array();
  for (const auto& item : items) out.push_back(one(item));
  return out;
}

}  // namespace

std::string status_json(const DaemonStatus& s) {
  Json reload = {{"generation", s.reload.generation}, {"hash", s.reload.hash}, {"time", time_of(s.reload.at)}};
  add(reload, "error", s.reload.error);
  if (s.rebuild) reload["rebuild"] = {{"rules", s.rebuild->rules}, {"done", s.rebuild->done}};
  Json checkpoint = s.checkpoint ? checkpoint_of(*s.checkpoint) : Json();
  if (s.checkpoint) add(checkpoint, "advice", s.checkpoint_advice);
  Json out = {{"schema", "tocsin/status/1"},
              {"version", s.version},
              {"started", time_of(s.started)},
              {"stage", s.stage},
              {"healthy", health_of(s.health)},
              {"ready", health_of(s.ready)},
              {"rules", s.rules},
              {"rules_disabled", s.rules_disabled},
              {"shards", s.shards},
              {"events", s.events},
              {"late", s.late},
              {"dead_letters", s.dead_letters},
              {"alerts", s.alerts},
              {"watermark", time_of(s.watermark)},
              {"keys", s.keys},
              {"state_bytes", s.state_bytes},
              {"memory_bytes", s.memory_bytes},
              {"epoch", s.epoch},
              {"checkpoint", std::move(checkpoint)},
              {"reload", std::move(reload)},
              {"sources", array_of(s.sources, source_of)},
              {"sinks", array_of(s.sinks, sink_of)},
              {"problems", s.problems}};
  add(out, "paused", s.paused);
  return text_of(out);
}

std::string rules_json(const std::vector<RuleStatus>& rules) {
  return list("tocsin/rules/1", "rules", rules, [](const RuleStatus& rule) {
    Json out = {{"name", rule.name},           {"severity", rule.severity},      {"enabled", rule.enabled},
                {"events", rule.events},       {"alerts", rule.alerts},          {"keys", rule.keys},
                {"cut_short", rule.cut_short}, {"missing_key", rule.missing_key}};
    if (rule.warming_until) out["warming_until"] = time_of(*rule.warming_until);
    return out;
  });
}

std::string shards_json(const std::vector<ShardStatus>& shards) {
  return list("tocsin/shards/1", "shards", shards, [](const ShardStatus& shard) {
    Json out = {{"shard", shard.number},    {"events", shard.events},
                {"keys", shard.keys},       {"bytes", shard.bytes},
                {"waiting", shard.waiting}, {"busy", shard.busy},
                {"idle", shard.idle},       {"watermark", time_of(shard.watermark)}};
    add(out, "problem", shard.problem);
    return out;
  });
}

std::string checkpoints_json(const std::vector<CheckpointNote>& notes) {
  return list("tocsin/checkpoints/1", "checkpoints", notes, checkpoint_of);
}

std::string savepoints_json(const std::vector<SavepointStatus>& savepoints) {
  return list("tocsin/savepoints/1", "savepoints", savepoints, [](const SavepointStatus& savepoint) {
    Json out = {{"name", savepoint.name},   {"time", time_of(savepoint.at)},      {"bytes", savepoint.bytes},
                {"epoch", savepoint.epoch}, {"generation", savepoint.generation}, {"rules", savepoint.rules}};
    add(out, "problem", savepoint.problem);
    return out;
  });
}

std::string alerts_json(const std::vector<KeptAlert>& alerts) {
  return list("tocsin/alerts/1", "alerts", alerts, [](const KeptAlert& alert) {
    Json document = Json::parse(alert.document, nullptr, false);
    if (document.is_discarded()) document = alert.document;
    return Json{{"id", alert.id},
                {"rule", alert.rule},
                {"time", time_of(alert.at)},
                {"alert", std::move(document)},
                {"deliveries", array_of(alert.deliveries, [](const KeptAlert::Delivery& delivery) {
                   return Json{{"sink", delivery.sink}, {"result", delivery.result}};
                 })}};
  });
}

std::string problems_json(const std::vector<ProblemStatus>& problems) {
  return list("tocsin/problems/1", "problems", problems, [](const ProblemStatus& problem) {
    return Json{{"first", time_of(problem.first)}, {"last", time_of(problem.last)}, {"times", problem.times},
                {"where", problem.where},          {"what", problem.what},          {"help", problem.help}};
  });
}

std::string error_json(std::string_view error, std::string_view help) {
  Json out = {{"schema", "tocsin/error/1"}, {"error", error}};
  if (!help.empty()) out["help"] = help;
  return text_of(out);
}

}  // namespace tocsin::app
