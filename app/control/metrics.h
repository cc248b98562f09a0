// What Prometheus reads: one row per metric, and text 0.0.4 made of what a daemon says of itself. Never a key of a rule
// as a label; `rule` is bounded by the rule files.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/control/answers.h"

namespace tocsin::app {

enum class MetricKind { counter, gauge };

struct MetricRow {
  std::string_view name = {};
  MetricKind kind;
  std::string_view labels = {};  // "sink result"
  std::string_view help = {};
};
std::span<const MetricRow> metric_rows();

struct Metrics {
  DaemonStatus status = {};
  std::vector<RuleStatus> rules = {};
  std::vector<ShardStatus> shards = {};
  std::vector<CheckpointNote> checkpoints = {};  // newest first
  Time now{};
};
std::string metrics_text(const Metrics& metrics);

}  // namespace tocsin::app
