// prometheus-cpp's serialiser knows how labels are escaped and numbers written; its registry and server are not used,
// since the numbers are others' already.
#include "app/control/metrics.h"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <sstream>
#include <string>
#include <vector>

#include "engine/base/contract.h"

namespace tocsin::app {

namespace {

using Kind = MetricKind;
constexpr MetricRow kRows[] = {
    {"tocsin_build_info", Kind::gauge, "version", "1, with the version of the program"},
    {"tocsin_start_time_seconds", Kind::gauge, "", "When the daemon began, in seconds since 1970"},
    {"tocsin_healthy", Kind::gauge, "", "1 while the daemon works, 0 when it is stuck"},
    {"tocsin_ready", Kind::gauge, "", "1 once state is loaded and sources are read"},
    {"tocsin_events_in_total", Kind::counter, "",
     "Events that have come in; some of them may still wait for their time"},
    {"tocsin_events_late_total", Kind::counter, "", "Events that came too late to be judged"},
    {"tocsin_dead_letters_total", Kind::counter, "", "Records that could not be read"},
    {"tocsin_source_records_total", Kind::counter, "source", "Records that a source has brought"},
    {"tocsin_source_bytes_total", Kind::counter, "source", "Bytes that a source has brought"},
    {"tocsin_source_watermark_lag_seconds", Kind::gauge, "source",
     "How far event time of a source is behind the clock"},
    {"tocsin_source_up", Kind::gauge, "source", "0 while something is wrong with a source"},
    {"tocsin_source_paused", Kind::gauge, "source", "1 while a source is not read, as others are behind it"},
    {"tocsin_reading_paused", Kind::gauge, "", "1 while nothing is read, as sinks or the disk do not keep up"},
    {"tocsin_watermark_lag_seconds", Kind::gauge, "", "How far event time is behind the clock"},
    {"tocsin_alerts_total", Kind::counter, "rule", "Alerts of a rule"},
    {"tocsin_rule_events_total", Kind::counter, "rule", "Events that a rule has looked at"},
    {"tocsin_rule_keys", Kind::gauge, "rule", "Keys of a rule that are in memory; state.dir may have more"},
    {"tocsin_rule_cut_short_total", Kind::counter, "rule", "How often a limit took something away from a rule"},
    {"tocsin_rule_missing_key_total", Kind::counter, "rule", "Events that a rule skipped, as they lack its key"},
    {"tocsin_rule_enabled", Kind::gauge, "rule", "0 for a rule that was disabled"},
    {"tocsin_alert_delivery_total", Kind::counter, "sink result", "Messages of a sink, by what became of them"},
    {"tocsin_alert_delivery_waiting", Kind::gauge, "sink", "Messages that a sink has not delivered yet"},
    {"tocsin_sink_up", Kind::gauge, "sink", "0 while something is wrong with a sink"},
    {"tocsin_shard_busy_ratio", Kind::gauge, "shard", "Share of the last second in which a shard worked"},
    {"tocsin_shard_idle_ratio", Kind::gauge, "shard", "Share of the last second in which a shard had nothing to do"},
    {"tocsin_shard_waiting", Kind::gauge, "shard", "Events that wait before a shard"},
    {"tocsin_shard_keys", Kind::gauge, "shard", "Keys of a shard that are in memory"},
    {"tocsin_shard_state_bytes", Kind::gauge, "shard", "About what the keys of a shard take in memory"},
    {"tocsin_shard_up", Kind::gauge, "shard", "0 while something is wrong with a shard"},
    {"tocsin_state_bytes", Kind::gauge, "", "About what the keys in memory take there"},
    {"tocsin_memory_bytes", Kind::gauge, "", "Memory of the process, with what it has mapped of state.dir"},
    {"tocsin_epoch", Kind::gauge, "", "The newest epoch that is durable"},
    {"tocsin_last_checkpoint_timestamp_seconds", Kind::gauge, "", "When the last checkpoint that succeeded began"},
    {"tocsin_last_checkpoint_duration_seconds", Kind::gauge, "", "How long the last checkpoint that succeeded took"},
    {"tocsin_last_checkpoint_size_bytes", Kind::gauge, "", "What the last checkpoint that succeeded wrote"},
    {"tocsin_checkpoint_failures", Kind::gauge, "", "Checkpoints that failed since the last that succeeded"},
    {"tocsin_config_generation", Kind::gauge, "", "The generation of the rules that run"},
    {"tocsin_config_last_reload_successful", Kind::gauge, "", "0 when the last reload was refused"},
    {"tocsin_config_last_reload_timestamp_seconds", Kind::gauge, "", "When a reload was last tried"},
    {"tocsin_rebuild_done_ratio", Kind::gauge, "", "Share of what is read again for rules that are being rebuilt"},
    {"tocsin_rules", Kind::gauge, "", "Rules that run"},
    {"tocsin_problems_total", Kind::counter, "", "Problems since the start"},
};

double seconds_of(Time time) { return static_cast<double>(time.us) / 1e6; }
double lag(Time now, Time at) { return static_cast<double>((now - at).us) / 1e6; }

// Families in the order of the rows; those without a value are left out.
class Families {
 public:
  Families() {
    for (const MetricRow& row : kRows) {
      prometheus::MetricFamily family;
      family.name = row.name;
      family.help = row.help;
      family.type = row.kind == Kind::counter ? prometheus::MetricType::Counter : prometheus::MetricType::Gauge;
      all_.push_back(std::move(family));
    }
  }

  template <class Number>
  void add(std::string_view name, Number number, const std::vector<std::string>& labels = {}) {
    const auto value = static_cast<double>(number);
    std::size_t row = 0;
    while (row < std::size(kRows) && kRows[row].name != name) ++row;
    TOCSIN_ASSERT(row < std::size(kRows));
    prometheus::ClientMetric metric;
    std::istringstream names{std::string(kRows[row].labels)};
    std::string label;
    for (std::size_t i = 0; names >> label; ++i) metric.label.push_back({label, labels.at(i)});
    (kRows[row].kind == Kind::counter ? metric.counter.value : metric.gauge.value) = value;
    all_[row].metric.push_back(std::move(metric));
  }

  std::string text() {
    std::erase_if(all_, [](const prometheus::MetricFamily& family) { return family.metric.empty(); });
    return prometheus::TextSerializer().Serialize(all_);
  }

 private:
  std::vector<prometheus::MetricFamily> all_;
};

void add_status(Families& out, const DaemonStatus& s, Time now) {
  out.add("tocsin_build_info", 1, {s.version});
  out.add("tocsin_start_time_seconds", seconds_of(s.started));
  out.add("tocsin_healthy", s.health.ok());
  out.add("tocsin_ready", s.ready.ok());
  out.add("tocsin_events_in_total", s.events);
  out.add("tocsin_events_late_total", s.late);
  out.add("tocsin_dead_letters_total", s.dead_letters);
  if (s.watermark) out.add("tocsin_watermark_lag_seconds", lag(now, *s.watermark));
  out.add("tocsin_state_bytes", s.state_bytes);
  out.add("tocsin_memory_bytes", s.memory_bytes);
  out.add("tocsin_epoch", s.epoch);
  out.add("tocsin_config_generation", s.reload.generation);
  out.add("tocsin_config_last_reload_successful", s.reload.error.empty());
  if (s.reload.at) out.add("tocsin_config_last_reload_timestamp_seconds", seconds_of(*s.reload.at));
  if (s.rebuild) out.add("tocsin_rebuild_done_ratio", s.rebuild->done);
  out.add("tocsin_rules", s.rules);
  out.add("tocsin_reading_paused", !s.paused.empty());
  out.add("tocsin_problems_total", s.problems);
}

void add_ends(Families& out, const DaemonStatus& s, Time now) {
  for (const SourceStatus& source : s.sources) {
    out.add("tocsin_source_records_total", source.records, {source.name});
    out.add("tocsin_source_bytes_total", source.bytes, {source.name});
    if (source.watermark) out.add("tocsin_source_watermark_lag_seconds", lag(now, *source.watermark), {source.name});
    out.add("tocsin_source_up", source.problem.empty(), {source.name});
    out.add("tocsin_source_paused", !source.paused.empty(), {source.name});
  }
  for (const SinkStatus& sink : s.sinks) {
    out.add("tocsin_alert_delivery_total", sink.delivered, {sink.name, "delivered"});
    out.add("tocsin_alert_delivery_total", sink.failed, {sink.name, "failed"});
    out.add("tocsin_alert_delivery_waiting", sink.waiting, {sink.name});
    out.add("tocsin_sink_up", sink.problem.empty(), {sink.name});
  }
}

void add_rules(Families& out, const std::vector<RuleStatus>& rules) {
  for (const RuleStatus& rule : rules) {
    out.add("tocsin_alerts_total", rule.alerts, {rule.name});
    out.add("tocsin_rule_events_total", rule.events, {rule.name});
    out.add("tocsin_rule_keys", rule.keys, {rule.name});
    out.add("tocsin_rule_cut_short_total", rule.cut_short, {rule.name});
    out.add("tocsin_rule_missing_key_total", rule.missing_key, {rule.name});
    out.add("tocsin_rule_enabled", rule.enabled, {rule.name});
  }
}

void add_shards(Families& out, const std::vector<ShardStatus>& shards) {
  for (const ShardStatus& shard : shards) {
    const std::vector<std::string> label{std::to_string(shard.number)};
    out.add("tocsin_shard_busy_ratio", shard.busy, label);
    out.add("tocsin_shard_idle_ratio", shard.idle, label);
    out.add("tocsin_shard_waiting", shard.waiting, label);
    out.add("tocsin_shard_keys", shard.keys, label);
    out.add("tocsin_shard_state_bytes", shard.bytes, label);
    out.add("tocsin_shard_up", shard.problem.empty(), label);
  }
}

void add_checkpoints(Families& out, const std::vector<CheckpointNote>& notes) {
  std::size_t failures = 0;
  for (const CheckpointNote& note : notes) {
    if (note.failure.empty()) {
      out.add("tocsin_last_checkpoint_timestamp_seconds", seconds_of(note.at));
      out.add("tocsin_last_checkpoint_duration_seconds", static_cast<double>(note.took.us) / 1e6);
      out.add("tocsin_last_checkpoint_size_bytes", note.bytes);
      break;
    }
    ++failures;
  }
  out.add("tocsin_checkpoint_failures", failures);
}

}  // namespace

std::span<const MetricRow> metric_rows() { return kRows; }

std::string metrics_text(const Metrics& metrics) {
  Families out;
  add_status(out, metrics.status, metrics.now);
  add_ends(out, metrics.status, metrics.now);
  add_rules(out, metrics.rules);
  add_shards(out, metrics.shards);
  add_checkpoints(out, metrics.checkpoints);
  return out.text();
}

}  // namespace tocsin::app
