// What tocsin.toml says, as values: the file, TOCSIN__A__B variables and --set become one Settings, whose defaults are
// those of the table of keys (setting_keys.cc). Nothing here opens, binds or starts anything; secrets are named, not
// read. What a value means is said once, in the table's help; here stands what a reader of the code needs beyond it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/command.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin::app {

// `{ file = "..." }` or `{ env = "..." }`: where the text is, never the text itself, so that no dump can show it. Read
// when it is needed, and again when it is refused (rotation).
struct Secret {
  std::string file = {}, environment = {};  // at most one
  bool is_set() const { return !file.empty() || !environment.empty(); }
  friend bool operator==(const Secret&, const Secret&) = default;
};

// The text behind a secret, without the line break at its end. Fails for a file that is not there, is empty, is no
// plain file or can be written by others, and for a variable that is not set. That others can read a file is let pass:
// so are the secrets that Docker and Kubernetes mount. REQUIRES: is_set().
Result<std::string> read_secret(const Secret& secret);

// ----- sources ----------------------------------------------------------------------------------------------------

struct FileSource {
  std::string path;  // also a folder or a pattern of files, in the order of their names
  bool follow = false;
};
struct StdinSource {
  bool on = true;  // `stdin = false` is as if nothing were said
};
struct TcpSource {
  std::string listen;  // HOST:PORT
};
struct UnixSource {
  std::string path;
};
struct GeneratorSource {
  std::string scenario = "security";
  double rate = 100;
  std::uint64_t seed = 1;
};
// Recognised, so that one file serves `replay --input` today and the daemon later; `run` refuses it.
struct KafkaSource {
  std::string topic;
};
// monostate: no address is given, which is enough for `replay --input`.
using SourceAddress =
    std::variant<std::monostate, FileSource, StdinSource, TcpSource, UnixSource, GeneratorSource, KafkaSource>;

struct SourceSettings {
  std::string name;  // evidence says it
  SourceAddress address;
  Arguments codec;        // how its records are written, as the options of `replay` would say it: for codec_of()
  Duration idle_after{};  // 0: waited for, however long silent
  // More than any clock that is merely in the wrong zone; what is further ahead is a dead letter. 0: nothing
  // is. Of the daemon: replay reads history, which has no arrival.
  Duration ahead_max = days(1);
};

// ----- sinks ------------------------------------------------------------------------------------------------------

struct FileSink {
  std::string path;
};
struct StdoutSink {
  bool on = true;
};
struct WebhookSink {
  std::string url;
  Secret token;                    // sent as `Authorization: Bearer`
  Duration timeout = seconds(10);  // of one attempt
  std::uint32_t batch = 1;         // alerts in one request; more than one: a JSON array
  Duration give_up = hours(24);    // then the message is a dead letter
};
struct KafkaSink {
  std::string topic;
};
using SinkAddress = std::variant<std::monostate, FileSink, StdoutSink, WebhookSink, KafkaSink>;

struct SinkSettings {
  std::string name;
  SinkAddress address;
};

// By names of sinks.
struct Routes {
  std::vector<std::string> alerts;  // [sinks] default; where a rule names no sink
  std::string late, dead_letter;    // "": counted, and nothing else
};

// ----- the daemon -------------------------------------------------------------------------------------------------

struct CheckpointSettings {
  Duration every = seconds(10), min_pause = seconds(1), timeout = minutes(1);
  std::uint32_t tolerated_failures = 3;
  std::uint32_t keep = 3;
  bool on_exit = true;
};

struct StateSettings {
  std::string dir = "state";  // "": in memory only, gone with the process (`run --dev`)
  std::string savepoints;     // their folder; "": DIR/savepoints
  std::uint64_t memory = std::uint64_t{1} << 30;
  Duration epoch = milliseconds(200);
  CheckpointSettings checkpoint;
};

struct HttpSettings {
  std::string listen = "127.0.0.1:8470";  // "": no TCP, only the control socket
  bool ui = true;
  std::string prefix = {};
  Secret token = {}, read_token = {};
  bool insecure = false;
  std::vector<std::string> hosts = {};  // names by which a proxy calls it, beside its own address and localhost
};

enum class LogLevel : std::uint8_t { error, warn, info, debug };
enum class LogFormat : std::uint8_t { text, json, logfmt };

struct LogSettings {
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
};

struct ReloadSettings {
  bool watch = true;
  Duration every = seconds(5);  // how often files are looked at
  Duration rebuild_within = hours(1);
};

struct LimitSettings {
  std::uint64_t record = std::uint64_t{1} << 20;  // bytes; a longer record is a dead letter
  std::uint32_t alerts_kept = 1'000;              // in memory, for `tocsin alerts` and the API
  std::uint32_t problems_kept = 1'000;
};

struct Settings {
  std::string path;                     // of the file; "" none
  std::vector<std::string> rules;       // PATHS
  std::uint32_t shards = 0;             // 0: one per core
  std::vector<SourceSettings> sources;  // by name, so that SourceIds do not depend on the order of a file
  std::vector<SinkSettings> sinks;      // by name
  Routes routes;
  StateSettings state;
  HttpSettings http;
  std::string control_socket;  // "": $XDG_RUNTIME_DIR/tocsin.sock, else /run/tocsin/tocsin.sock
  LogSettings log;
  ReloadSettings reload;
  LimitSettings limits;
  Duration shutdown_grace = seconds(25);  // below the 30 s after which Kubernetes kills

  const SourceSettings* source(std::string_view name) const;
  const SinkSettings* sink(std::string_view name) const;
};

}  // namespace tocsin::app
