// What a running daemon says of itself, as values. control/json.h writes them as the documents of /api/v1, which
// `tocsin status` and its like read; fields are only ever added. Never a key of a rule in here: keys are people's data,
// and as many as there are people.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/time.h"
#include "engine/io/checkpoint_history.h"

namespace tocsin::app {

// Of /-/healthy and /-/ready: no `reason` is yes.
struct Health {
  std::string reason = {};  // "shard 3 has not moved for 34 s"
  bool ok() const { return reason.empty(); }
};

struct SourceStatus {
  std::string name = {}, kind = {};  // "file"
  std::uint64_t records = 0, bytes = 0;
  std::optional<Time> watermark = {};
  std::string paused = {};   // why it is not read now, though nothing is wrong with it; "" it is
  std::string problem = {};  // what is wrong now; "" nothing
};

struct SinkStatus {
  std::string name = {}, kind = {};
  std::uint64_t delivered = 0, failed = 0, waiting = 0;  // messages
  std::string problem = {};
};

struct ReloadStatus {
  std::uint64_t generation = 1;  // of the rules that run
  std::string hash = {};         // of their texts
  std::optional<Time> at = {};   // the last that was tried
  std::string error = {};        // why it was refused: the rules before it run on; "" it was not
};

// Rules that a reload reads again what was before them for.
struct RebuildStatus {
  std::vector<std::string> rules = {};
  double done = 0;  // share of what there was to read when it began
};

struct DaemonStatus {
  std::string version = {};
  Time started{};
  std::string stage = "starting";  // "starting", "running", "stopping"
  Health health, ready;
  std::size_t rules = 0, rules_disabled = 0, shards = 0;
  std::uint64_t events = 0, late = 0, dead_letters = 0, alerts = 0;
  std::optional<Time> watermark = {};
  std::uint64_t keys = 0, state_bytes = 0;  // in memory; state.dir may have more
  std::uint64_t memory_bytes = 0;           // of the process
  std::string paused = {};                  // why nothing is read; "" it is
  std::uint64_t epoch = 0;                  // the newest that is durable
  std::optional<CheckpointNote> checkpoint = {};
  std::string checkpoint_advice = {};  // what to change, where they fail, are slow or large; "" nothing
  ReloadStatus reload;
  std::optional<RebuildStatus> rebuild = {};  // under way
  std::vector<SourceStatus> sources = {};
  std::vector<SinkStatus> sinks = {};
  std::uint64_t problems = 0;  // since the start
};

struct RuleStatus {
  std::string name = {}, severity = {};
  bool enabled = true;
  std::uint64_t events = 0, alerts = 0, keys = 0;  // keys: in memory
  std::uint64_t cut_short = 0;                     // how often a limit took something away
  std::uint64_t missing_key = 0;                   // events without its key, which it skipped
  std::optional<Time> warming_until = {};          // it began in the middle, and may miss matches until then
};

struct ShardStatus {
  std::size_t number = 0;
  std::uint64_t events = 0, keys = 0, bytes = 0, waiting = 0;
  double busy = 0, idle = 0;  // shares of the last second
  std::optional<Time> watermark = {};
  std::string problem = {};
};

struct SavepointStatus {
  std::string name = {};
  Time at{};
  std::uint64_t bytes = 0, epoch = 0, generation = 0, rules = 0;
  std::string problem = {};  // why it cannot be read; "" it can, as far as its beginning says
};

struct ProblemStatus {
  Time first{}, last{};
  std::uint64_t times = 1;
  std::string where = {}, what = {}, help = {};  // "sink.alerts", "disk full: ...", what to do
};

struct KeptAlert {
  std::string id = {}, rule = {};
  Time at{};
  std::string document = {};  // JSON, as the sinks have it
  struct Delivery {
    std::string sink = {}, result = {};  // "delivered", "waiting", "failed: ..."
  };
  std::vector<Delivery> deliveries = {};
};

}  // namespace tocsin::app
