// What the daemon answers to the control API: copies of what its threads have put down.
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "app/control/metrics.h"
#include "app/daemon/checkpoint_advice.h"
#include "app/daemon/daemon.h"
#include "app/version.h"
#include "engine/base/overloaded.h"
#include "engine/program/dump.h"

namespace tocsin::app {
namespace {

std::string_view kind_of(const SourceAddress& address) {
  return std::visit(Overloaded{[](const FileSource&) { return "file"; }, [](const StdinSource&) { return "stdin"; },
                               [](const TcpSource&) { return "tcp"; }, [](const UnixSource&) { return "unix"; },
                               [](const GeneratorSource&) { return "generator"; },
                               [](const KafkaSource&) { return "kafka"; }, [](std::monostate) { return ""; }},
                    address);
}

std::string_view kind_of(const SinkAddress& address) {
  return std::visit(Overloaded{[](const FileSink&) { return "file"; }, [](const StdoutSink&) { return "stdout"; },
                               [](const WebhookSink&) { return "webhook"; }, [](const KafkaSink&) { return "kafka"; },
                               [](std::monostate) { return ""; }},
                    address);
}

// The least of its partitions'; nothing: from one of them nothing has come.
std::optional<Time> watermark_of(const Engine& engine, SourceId source) {
  const std::vector<SourceId> sources = engine.sources_of_partitions();
  const std::vector<Time> watermarks = engine.watermarks_of_partitions();
  std::optional<Time> out;
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (sources[i] == source && (!out || watermarks[i] < *out)) out = watermarks[i];
  if (out == Frontier::kNothing) out.reset();
  return out;
}

// What the process has of the machine's memory.
std::uint64_t memory_of_process() {
  std::uint64_t all = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> all >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

// The others that have not come so far.
std::string behind(const std::vector<SourceStatus>& sources, std::size_t ahead) {
  std::string out;
  for (const SourceStatus& source : sources)
    if (source.name != sources[ahead].name &&
        (!source.watermark || (sources[ahead].watermark && *source.watermark < *sources[ahead].watermark)))
      out += (out.empty() ? "`" : ", `") + source.name + "`";
  return out.empty() ? "other partitions" : out;
}

std::string why_paused(const Generation& generation, const Publisher::Standing& standing) {
  if (generation.steward->holds_reading()) return generation.steward->trouble();
  if (!generation.steward->waits_for_sinks()) return {};
  std::string names;
  for (const auto& messages : standing.messages)
    if (messages.waiting > 0) names += (names.empty() ? "`" : ", `") + messages.sink + "`";
  return "too much waits for " + (names.empty() ? "sinks" : "sink " + names);
}

}  // namespace

Health Daemon::healthy() const {
  const std::scoped_lock lock(mutex_);
  for (const std::string& stuck : stuck_)
    if (!stuck.empty()) return {stuck};
  if (generation_ != nullptr) return {generation_->steward->stuck()};
  return {};
}

Health Daemon::ready() const {
  if (Health health = healthy(); !health.ok()) return health;
  const std::scoped_lock lock(mutex_);
  if (stage_ != "running") return {"the daemon is " + stage_};
  if (std::string trouble = generation_->steward->trouble(); !trouble.empty()) return {std::move(trouble)};
  const CheckpointSettings& checkpoint = settings_.state.checkpoint;
  if (failures_in_a_row(notes_) > checkpoint.tolerated_failures) return {checkpoint_advice(notes_, checkpoint)};
  const std::int64_t since = merging_since_;
  if (since != 0 && clock_.elapsed().us - since > checkpoint.timeout.us)
    return {"a checkpoint takes longer than state.checkpoint.timeout: the disk of state.dir does not keep up"};
  return {};
}

DaemonStatus Daemon::status() const {
  DaemonStatus out;
  out.version = kVersion;
  out.started = started_;
  out.health = healthy();
  out.ready = ready();
  const Outbound::Counts counts = outbound_.counts();
  out.alerts = counts.alerts;
  out.late = counts.late;
  out.dead_letters = counts.dead_letters;
  out.problems = log_.problem_count();
  for (const RuleStatus& rule : rules()) {
    out.keys += rule.keys;
    out.rules_disabled += !rule.enabled;
  }
  const Publisher::Standing standing = publisher_->standing();
  for (const OpenSink& sink : sinks_) {
    SinkStatus& status = out.sinks.emplace_back();
    status.name = sink.name;
    status.kind = kind_of(settings_.sink(sink.name)->address);
    for (const std::string& trouble : standing.troubles)
      if (trouble.starts_with(sink.name + ": ")) status.problem = trouble.substr(sink.name.size() + 2);
    for (const auto& messages : standing.messages)
      if (messages.sink == sink.name) status.delivered = messages.delivered, status.waiting = messages.waiting;
    if (const auto given_up = counts.given_up.find(sink.name); given_up != counts.given_up.end())
      status.failed = given_up->second;
    status.delivered -= std::min(status.delivered, status.failed);  // a message that was given up is done with, too
  }
  const std::scoped_lock lock(mutex_);
  out.stage = stage_;
  out.rules = generation_->rules().programs.size();
  out.shards = generation_->engine->shards();
  out.events = events_before_ + generation_->engine->events();
  out.memory_bytes = memory_of_process();
  for (std::size_t i = 0; i < out.shards; ++i) out.state_bytes += generation_->crew->figures(i).held;
  out.epoch = std::max(generation_->steward->figures().epoch, generation_->before).number;
  if (stage_ == "running") out.paused = why_paused(*generation_, standing);
  if (!notes_.empty()) out.checkpoint = notes_.front();
  out.checkpoint_advice = checkpoint_advice(notes_, settings_.state.checkpoint);
  out.reload = reload_status_;
  const std::vector<std::string> troubles = generation_->crew->troubles();
  const std::vector<bool> paused = generation_->crew->paused();
  for (std::size_t i = 0; i < settings_.sources.size(); ++i) {
    SourceStatus& status = out.sources.emplace_back();
    status.name = settings_.sources[i].name;
    status.kind = kind_of(settings_.sources[i].address);
    status.records = counts.sources[i].records;
    status.bytes = counts.sources[i].bytes;
    status.problem = troubles[i];
    status.watermark = watermark_of(*generation_->engine, SourceId(i));
  }
  for (std::size_t i = 0; i < out.sources.size(); ++i)
    if (paused[i]) out.sources[i].paused = "it is ahead of " + behind(out.sources, i) + " in event time";
  if (const Time passed = generation_->engine->passed(); passed != Frontier::kNothing) out.watermark = passed;
  if (rebuild_ != nullptr) out.rebuild = RebuildStatus{rebuild_->names(), rebuild_->done()};
  return out;
}

std::vector<RuleStatus> Daemon::rules() const {
  const std::set<std::string> disabled = outbound_.disabled();
  const std::scoped_lock lock(mutex_);
  const RuleSet& rules = generation_->rules();
  const Time passed = generation_->engine->passed();
  std::vector<RuleStatus> out;
  const auto count = [](RuleStatus& rule, const Crew::ShardFigures::Rule& figures) {
    rule.events += figures.events;
    rule.alerts += figures.alerts;
    rule.cut_short += figures.cut_short;
    rule.missing_key += figures.missing_key;
  };
  for (const Program& program : rules.programs) {
    RuleStatus& rule = out.emplace_back();
    rule.name = program.name;
    if (const auto before = rules_before_.find(program.name); before != rules_before_.end())
      count(rule, before->second);
    rule.enabled = !disabled.contains(program.name);
    if (const auto warm = generation_->warming_until.find(program.name);
        warm != generation_->warming_until.end() && passed < warm->second)
      rule.warming_until = warm->second;
    if (const auto* body = std::get_if<RuleBody>(&program.body); body != nullptr && body->alert)
      rule.severity = name_of(body->alert->severity);
  }
  for (std::size_t shard = 0; shard < generation_->engine->shards(); ++shard) {
    const Crew::ShardFigures figures = generation_->crew->figures(shard);
    for (std::size_t i = 0; i < figures.rules.size(); ++i) {
      count(out[i], figures.rules[i]);
      out[i].keys += figures.rules[i].keys;
    }
  }
  return out;
}

std::vector<ShardStatus> Daemon::shards() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ShardStatus> out;
  for (std::size_t i = 0; i < generation_->engine->shards(); ++i) {
    const Crew::ShardFigures figures = generation_->crew->figures(i);
    ShardStatus& shard = out.emplace_back();
    shard.number = i;
    if (i < shard_events_before_.size()) shard.events = shard_events_before_[i];
    for (const auto& rule : figures.rules) {
      shard.events += rule.events;
      shard.keys += rule.keys;
    }
    shard.bytes = figures.held;
    shard.waiting = figures.waiting;
    shard.busy = i < busy_.size() ? busy_[i] : 0;
    shard.idle = 1 - shard.busy;
    if (figures.passed != Frontier::kNothing) shard.watermark = figures.passed;
    shard.problem = stuck_[i];
  }
  return out;
}

std::vector<CheckpointNote> Daemon::checkpoints() const {
  const std::scoped_lock lock(mutex_);
  return notes_;
}

std::vector<KeptAlert> Daemon::alerts(const AlertsAsked& asked) const {
  return outbound_.kept(asked.rule, asked.most, publisher_->standing().sinks);
}

std::string Daemon::metrics() const {
  Metrics out;
  out.status = status();
  out.rules = rules();
  out.shards = shards();
  out.checkpoints = checkpoints();
  out.now = clock_.now();
  return metrics_text(out);
}

void Daemon::reload(const ReloadAsked& asked, Reply reply) {
  {
    const std::scoped_lock lock(mutex_);
    if (!asked_) {
      asked_ = {asked, std::move(reply)};
      return;
    }
  }
  reply({409, document_of_refusal("another reload is under way")});
}

void Daemon::enable(const std::string& rule, bool enabled, Reply reply) {
  {
    const std::scoped_lock lock(mutex_);
    if (stage_ != "stopping") {
      switches_.push_back({rule, enabled, std::move(reply)});
      return;
    }
  }
  reply({409, document_of_refusal("the daemon is stopping")});
}

}  // namespace tocsin::app
