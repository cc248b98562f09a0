// A new key is a row here and a field in settings.h. Rows that belong together stand together: the page keeps the
// order.
#include "app/setting_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

#include "app/inputs.h"
#include "engine/base/overloaded.h"
#include "engine/base/text.h"
#include "engine/base/units.h"
#include "engine/base/write.h"
#include "engine/runtime/router.h"

namespace tocsin::app {

namespace {

// ----- accessors: from a member, or a chain of them, to the place of a row ------------------------------------------

template <auto... Members>
SettingPlace at(Settings& settings, const SettingKey& /*key*/, const std::string& /*name*/, bool /*make*/) {
  return &(settings.*....*Members);
}

template <class Named>
Named& named(std::vector<Named>& all, const std::string& name) {
  const auto found = std::ranges::lower_bound(all, name, {}, &Named::name);
  if (found != all.end() && found->name == name) return *found;
  Named fresh;
  fresh.name = name;
  return *all.insert(found, std::move(fresh));
}

// What a pointer to a member is a member of.
template <class Address, class Field>
Address owner_of(Field Address::*);

template <auto Member, class Variant>
SettingPlace in_address(Variant& address, bool make) {
  using Address = decltype(owner_of(Member));
  if (make && std::holds_alternative<std::monostate>(address)) address.template emplace<Address>();
  Address* held = std::get_if<Address>(&address);
  return held != nullptr ? SettingPlace(&(held->*Member)) : SettingPlace();
}

// Of a source's, or a sink's, address.
template <auto Member>
SettingPlace from(Settings& settings, const SettingKey& /*key*/, const std::string& name, bool make) {
  return in_address<Member>(source_named(settings, name).address, make);
}
template <auto Member>
SettingPlace into(Settings& settings, const SettingKey& /*key*/, const std::string& name, bool make) {
  return in_address<Member>(sink_named(settings, name).address, make);
}

SettingPlace idle_after(Settings& settings, const SettingKey& /*key*/, const std::string& name, bool /*make*/) {
  return &source_named(settings, name).idle_after;
}

SettingPlace ahead_max(Settings& settings, const SettingKey& /*key*/, const std::string& name, bool /*make*/) {
  return &source_named(settings, name).ahead_max;
}

// `time_unit` is --time-unit.
SettingPlace codec(Settings& settings, const SettingKey& key, const std::string& name, bool /*make*/) {
  std::string option = parts_of(key.path).back();
  if (option == "format") option = "input_format";
  std::ranges::replace(option, '_', '-');
  return CodecOption{&source_named(settings, name).codec, "--" + option};
}

// Of keys that say nothing in this version.
SettingPlace nowhere(Settings& /*settings*/, const SettingKey& /*key*/, const std::string& /*name*/, bool /*make*/) {
  return {};
}

using Kind = SettingKind;
constexpr std::int64_t kSecond = seconds(1).us, kMillisecond = milliseconds(1).us;

const std::vector<SettingKey>& rows() {
  static const std::vector<SettingKey> table{
      {.path = "rules",
       .kind = Kind::paths,
       .at = at<&Settings::rules>,
       .help = "rule files and folders, where the command line names none"},
      {.path = "shards",
       .kind = Kind::count,
       .at = at<&Settings::shards>,
       .help = "threads that judge events; 0: one per core",
       .most = kShardsMax},
      {.path = "shutdown_grace",
       .kind = Kind::duration,
       .at = at<&Settings::shutdown_grace>,
       .help = "how long a daemon that was asked to stop may take; behind it, it ends without its last checkpoint",
       .least = kSecond},

      {.path = "source.*.file.path",
       .kind = Kind::path,
       .at = from<&FileSource::path>,
       .help = "a file, a folder, or a pattern such as \"logs/*.ndjson\": read in the order of their names"},
      {.path = "source.*.file.follow",
       .kind = Kind::flag,
       .at = from<&FileSource::follow>,
       .help = "go on as the file grows, and when it is rotated; else its end is the end of the source"},
      {.path = "source.*.stdin",
       .kind = Kind::flag,
       .at = from<&StdinSource::on>,
       .help = "standard input; it cannot go back, so what a crash interrupts is lost"},
      {.path = "source.*.tcp.listen",
       .kind = Kind::text,
       .at = from<&TcpSource::listen>,
       .help = "\"HOST:PORT\": lines that clients send; it cannot go back"},
      {.path = "source.*.unix.path",
       .kind = Kind::path,
       .at = from<&UnixSource::path>,
       .help = "a Unix socket: lines that clients send; it cannot go back"},
      {.path = "source.*.generator.scenario",
       .kind = Kind::choice,
       .at = from<&GeneratorSource::scenario>,
       .help = "made-up events, as `tocsin demo` shows them",
       .choices = {"security", "fraud", "sre", "iot", "clicks"}},
      {.path = "source.*.generator.rate",
       .kind = Kind::real,
       .at = from<&GeneratorSource::rate>,
       .help = "made-up events a second"},
      {.path = "source.*.generator.seed",
       .kind = Kind::count,
       .at = from<&GeneratorSource::seed>,
       .help = "another number, another story"},
      {.path = "source.*.kafka.topic",
       .kind = Kind::text,
       .at = from<&KafkaSource::topic>,
       .help = "a topic of Kafka",
       .later = true},
      {.path = "source.*.kafka.start",
       .kind = Kind::any,
       .at = nowhere,
       .help = "where its first start begins",
       .later = true},
      {.path = "source.*.format",
       .kind = Kind::choice,
       .at = codec,
       .help = "how records are written; where nothing is said by the file's name, else json: one object a line"},
      {.path = "source.*.event", .kind = Kind::text, .at = codec, .help = "every record is this event"},
      {.path = "source.*.event_field",
       .kind = Kind::text,
       .at = codec,
       .help = "the field whose value names the record's event"},
      {.path = "source.*.columns",
       .kind = Kind::texts,
       .at = codec,
       .help = "csv: the columns, where no first line names them"},
      {.path = "source.*.time_field",
       .kind = Kind::text,
       .at = codec,
       .help = "the field that holds the time, instead of the schema's"},
      {.path = "source.*.time_unit", .kind = Kind::choice, .at = codec, .help = "what a number in it counts"},
      {.path = "source.*.time_format",
       .kind = Kind::text,
       .at = codec,
       .help = "how times are written, as strptime has it: \"%b %e %H:%M:%S\""},
      {.path = "source.*.zone",
       .kind = Kind::text,
       .at = codec,
       .help = "of times that name none, such as \"Europe/Paris\"; else UTC"},
      {.path = "source.*.year",
       .kind = Kind::count,
       .at = codec,
       .help = "of all times that name none; else the latest that is no more than a day behind their arrival",
       .least = 1,
       .most = 9999},
      {.path = "source.*.line",
       .kind = Kind::line,
       .at = codec,
       .help = "format \"regex\": a line that `regex` finds is this `event`, its named groups are the fields; the "
               "first that fits decides"},
      {.path = "source.*.idle_after",
       .kind = Kind::duration,
       .at = idle_after,
       .help = "a partition that is silent for so long is not waited for; 0s: it is, however long"},
      {.path = "source.*.ahead_max",
       .kind = Kind::duration,
       .at = ahead_max,
       .help =
           "a record whose time is further ahead of its arrival is a dead letter; 0s: none is. `replay` does not ask"},

      {.path = "sink.*.file.path",
       .kind = Kind::path,
       .at = into<&FileSink::path>,
       .help = "a file, one JSON object a line, each alert exactly once"},
      {.path = "sink.*.stdout",
       .kind = Kind::flag,
       .at = into<&StdoutSink::on>,
       .help = "standard output, one JSON object a line"},
      {.path = "sink.*.http.url",
       .kind = Kind::text,
       .at = into<&WebhookSink::url>,
       .help = "an address that gets a POST of each alert, as JSON"},
      {.path = "sink.*.http.token",
       .kind = Kind::secret,
       .at = into<&WebhookSink::token>,
       .help = "sent as `Authorization: Bearer`"},
      {.path = "sink.*.http.timeout",
       .kind = Kind::duration,
       .at = into<&WebhookSink::timeout>,
       .help = "of one attempt",
       .least = 10 * kMillisecond},
      {.path = "sink.*.http.batch",
       .kind = Kind::count,
       .at = into<&WebhookSink::batch>,
       .help = "alerts in one request at most; more than 1: the body is a JSON array",
       .least = 1,
       .most = 10'000},
      {.path = "sink.*.http.give_up",
       .kind = Kind::duration,
       .at = into<&WebhookSink::give_up>,
       .help = "an alert that could not be delivered for so long is a dead letter",
       .least = kSecond},
      {.path = "sink.*.kafka.topic",
       .kind = Kind::text,
       .at = into<&KafkaSink::topic>,
       .help = "a topic of Kafka",
       .later = true},
      {.path = "sink.*.kafka.delivery",
       .kind = Kind::any,
       .at = nowhere,
       .help = "\"exactly once\" or \"at least once\"",
       .later = true},
      {.path = "sinks.default",
       .kind = Kind::texts,
       .at = at<&Settings::routes, &Routes::alerts>,
       .help = "names of sinks: where alerts go whose rule names none"},
      {.path = "sinks.late",
       .kind = Kind::text,
       .at = at<&Settings::routes, &Routes::late>,
       .help = "the sink of events that came too late to be judged; they are counted anyway"},
      {.path = "sinks.dead_letter",
       .kind = Kind::text,
       .at = at<&Settings::routes, &Routes::dead_letter>,
       .help = "the sink of records that cannot be read; they are counted anyway"},

      {.path = "kafka.brokers", .kind = Kind::any, .at = nowhere, .help = "addresses of brokers", .later = true},
      {.path = "kafka.properties", .kind = Kind::any, .at = nowhere, .help = "of librdkafka", .later = true},

      {.path = "state.dir",
       .kind = Kind::path,
       .at = at<&Settings::state, &StateSettings::dir>,
       .help = "the folder of durable state; \"\": none, everything is gone with the process"},
      {.path = "state.savepoints",
       .kind = Kind::path,
       .at = at<&Settings::state, &StateSettings::savepoints>,
       .help = "the folder of savepoints; \"\": savepoints in state.dir"},
      {.path = "state.memory",
       .kind = Kind::size,
       .at = at<&Settings::state, &StateSettings::memory>,
       .help =
           "memory for state; beyond it keys that rest stay on disk alone until an event or a deadline asks for them",
       .least = std::int64_t{16} << 20},
      {.path = "state.epoch",
       .kind = Kind::duration,
       .at = at<&Settings::state, &StateSettings::epoch>,
       .help = "how often what changed becomes durable; alerts are published with it",
       .least = 10 * kMillisecond,
       .most = minutes(1).us},
      {.path = "state.checkpoint.every",
       .kind = Kind::duration,
       .at = at<&Settings::state, &StateSettings::checkpoint, &CheckpointSettings::every>,
       .help = "how often epochs are merged into the base",
       .least = 100 * kMillisecond},
      {.path = "state.checkpoint.min_pause",
       .kind = Kind::duration,
       .at = at<&Settings::state, &StateSettings::checkpoint, &CheckpointSettings::min_pause>,
       .help = "from the end of one to the beginning of the next, at least"},
      {.path = "state.checkpoint.timeout",
       .kind = Kind::duration,
       .at = at<&Settings::state, &StateSettings::checkpoint, &CheckpointSettings::timeout>,
       .help = "one that takes longer counts as failed",
       .least = kSecond},
      {.path = "state.checkpoint.tolerated_failures",
       .kind = Kind::count,
       .at = at<&Settings::state, &StateSettings::checkpoint, &CheckpointSettings::tolerated_failures>,
       .help = "in a row; at one more the daemon says that it is not ready, and goes on"},
      {.path = "state.checkpoint.keep",
       .kind = Kind::count,
       .at = at<&Settings::state, &StateSettings::checkpoint, &CheckpointSettings::keep>,
       .help = "checkpoints that are kept, to go back to; a savepoint is kept until it is deleted",
       .least = 1,
       .most = 100,
       .later = true},
      {.path = "state.checkpoint.on_exit",
       .kind = Kind::flag,
       .at = at<&Settings::state, &StateSettings::checkpoint, &CheckpointSettings::on_exit>,
       .help = "one more when the daemon is asked to stop, so that the next start is quick"},

      {.path = "http.listen",
       .kind = Kind::text,
       .at = at<&Settings::http, &HttpSettings::listen>,
       .help = "\"HOST:PORT\" of the control API; \"\": none, only the Unix socket"},
      {.path = "http.ui",
       .kind = Kind::flag,
       .at = at<&Settings::http, &HttpSettings::ui>,
       .help = "serve the page",
       .later = true},
      {.path = "http.prefix",
       .kind = Kind::text,
       .at = at<&Settings::http, &HttpSettings::prefix>,
       .help = "what stands before every path, behind a proxy: \"/tocsin\""},
      {.path = "http.token",
       .kind = Kind::secret,
       .at = at<&Settings::http, &HttpSettings::token>,
       .help = "who sends it may do everything; at least 32 bytes. Without one, only the Unix socket changes anything"},
      {.path = "http.read_token",
       .kind = Kind::secret,
       .at = at<&Settings::http, &HttpSettings::read_token>,
       .help = "who sends it may look; where it is set, nobody looks without one of both"},
      {.path = "http.insecure",
       .kind = Kind::flag,
       .at = at<&Settings::http, &HttpSettings::insecure>,
       .help = "listen beyond this machine without TLS: something else sees to it that nobody listens in"},
      {.path = "http.hosts",
       .kind = Kind::texts,
       .at = at<&Settings::http, &HttpSettings::hosts>,
       .help = "names by which it may be called, beside localhost and the address that it listens at"},
      {.path = "control.socket",
       .kind = Kind::path,
       .at = at<&Settings::control_socket>,
       .help = "the Unix socket of the control API; where nothing is said tocsin.sock in $XDG_RUNTIME_DIR, else in "
               "/run/tocsin"},

      {.path = "log.level",
       .kind = Kind::choice,
       .at = at<&Settings::log, &LogSettings::level>,
       .help = "what is logged to standard error: this, and what is worse",
       .choices = {"error", "warn", "info", "debug"}},
      {.path = "log.format",
       .kind = Kind::choice,
       .at = at<&Settings::log, &LogSettings::format>,
       .help = "how a line of the log is written",
       .choices = {"text", "json", "logfmt"}},
      {.path = "reload.watch",
       .kind = Kind::flag,
       .at = at<&Settings::reload, &ReloadSettings::watch>,
       .help = "take changed rules by itself; else by SIGHUP and `tocsin reload` alone"},
      {.path = "reload.every",
       .kind = Kind::duration,
       .at = at<&Settings::reload, &ReloadSettings::every>,
       .help = "how often the files are looked at",
       .least = 100 * kMillisecond},
      {.path = "reload.rebuild_within",
       .kind = Kind::duration,
       .at = at<&Settings::reload, &ReloadSettings::rebuild_within>,
       .help = "`tocsin reload --rebuild` is given up when reading the past again takes longer",
       .least = kSecond},
      {.path = "limits.record",
       .kind = Kind::size,
       .at = at<&Settings::limits, &LimitSettings::record>,
       .help = "a longer record is a dead letter",
       .least = 256,
       .most = std::int64_t{64} << 20},
      {.path = "limits.alerts_kept",
       .kind = Kind::count,
       .at = at<&Settings::limits, &LimitSettings::alerts_kept>,
       .help = "the last alerts, for `tocsin alerts`",
       .most = 100'000},
      {.path = "limits.problems_kept",
       .kind = Kind::count,
       .at = at<&Settings::limits, &LimitSettings::problems_kept>,
       .help = "the last problems, for `tocsin status`",
       .most = 100'000},
  };
  return table;
}

bool fits(const SettingKey& key, const std::vector<std::string>& path, std::size_t parts) {
  const std::vector<std::string> own = parts_of(key.path);
  if (own.size() < parts || path.size() < parts) return false;
  for (std::size_t i = 0; i < parts; ++i)
    if (own[i] != "*" && own[i] != path[i]) return false;
  return true;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_text(out, text);  // what JSON escapes, TOML does the same way
  return out;
}

std::string list_of(const std::vector<std::string>& texts) {
  std::string out;
  for (const std::string& text : texts) out += (out.empty() ? "" : ", ") + quoted(text);
  return "[" + out + "]";
}

std::string written_option(const CodecOption& option) {
  const std::vector<std::string>& values = option.arguments->all(option.option);
  if (values.empty()) return {};
  if (option.option == "--line") return list_of(values);
  if (option.option == "--year") return values.back();
  if (option.option == "--columns") return list_of(parts_of(values.back(), ','));
  return quoted(values.back());
}

template <class Choice>
std::string written_choice(Choice value, std::string_view path) {
  return quoted(find_setting(parts_of(path))->choices[static_cast<std::size_t>(value)]);
}

struct SizeUnit {
  std::string_view name;
  unsigned shift;
};
constexpr std::array<SizeUnit, 5> kSizeUnits{{{"TiB", 40}, {"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}}};

}  // namespace

const std::vector<SettingKey>& setting_keys() { return rows(); }

SourceSettings& source_named(Settings& settings, const std::string& name) { return named(settings.sources, name); }
SinkSettings& sink_named(Settings& settings, const std::string& name) { return named(settings.sinks, name); }

std::vector<std::string_view> choices_of(const SettingKey& key) {
  if (!key.choices.empty() || key.kind != SettingKind::choice) return key.choices;
  Settings none;
  const SettingPlace place = key.at(none, key, "any", true);
  const CodecOption* option = std::get_if<CodecOption>(&place);
  for (const Option& row : input_options())
    if (option != nullptr && row.name == option->option) return row.choices;
  return {};
}

std::vector<std::string> parts_of(std::string_view path, char between) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= path.size();) {
    const std::size_t dot = std::min(path.find(between, from), path.size());
    parts.emplace_back(path.substr(from, dot - from));
    from = dot + 1;
  }
  return parts;
}

const SettingKey* find_setting(const std::vector<std::string>& path) {
  for (const SettingKey& key : rows())
    if (fits(key, path, path.size()) && parts_of(key.path).size() == path.size()) return &key;
  return nullptr;
}

std::vector<std::string> settings_below(const std::vector<std::string>& path) {
  std::vector<std::string> names;
  for (const SettingKey& key : rows()) {
    const std::vector<std::string> own = parts_of(key.path);
    if (own.size() <= path.size() || !fits(key, path, path.size())) continue;
    if (std::ranges::find(names, own[path.size()]) == names.end()) names.push_back(own[path.size()]);
  }
  return names;
}

std::string_view noun_of(SettingKind kind) {
  switch (kind) {
    case SettingKind::text:
      return "a text";
    case SettingKind::path:
      return "a path";
    case SettingKind::paths:
      return "a path, or a list of paths";
    case SettingKind::texts:
      return "a list of texts";
    case SettingKind::flag:
      return "true or false";
    case SettingKind::count:
      return "a whole number";
    case SettingKind::real:
      return "a number";
    case SettingKind::size:
      return "a size, such as \"64KiB\"";
    case SettingKind::duration:
      return "a length of time, such as \"10s\"";
    case SettingKind::choice:
      return "one of some words";
    case SettingKind::secret:
      return "{ file = \"...\" } or { env = \"...\" }";
    case SettingKind::line:
      return "a list of tables, [[source.NAME.line]]";
    case SettingKind::any:
      return "not looked at";
  }
  return {};
}

std::string written(SettingKind kind, const SettingPlace& place) {
  return std::visit(
      Overloaded{[](std::monostate) { return std::string(); }, [](const std::string* text) { return quoted(*text); },
                 [](const bool* flag) { return std::string(*flag ? "true" : "false"); },
                 [](const std::uint32_t* number) { return std::to_string(*number); },
                 [&](const std::uint64_t* number) {
                   return kind == SettingKind::size ? quoted(size_text(*number)) : std::to_string(*number);
                 },
                 [](const double* number) {
                   std::string out;
                   append_number(out, *number);
                   return out;
                 },
                 [](const Duration* duration) { return quoted(duration_text(*duration)); },
                 [](const std::vector<std::string>* texts) { return list_of(*texts); },
                 [](const Secret* secret) { return std::string(secret->is_set() ? "\"***\"" : ""); },
                 [](const LogLevel* level) { return written_choice(*level, "log.level"); },
                 [](const LogFormat* format) { return written_choice(*format, "log.format"); },
                 [](const CodecOption& option) { return written_option(option); }},
      place);
}

std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit(end, static_cast<std::size_t>(text.data() + text.size() - end));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  if (unit.empty()) return number;
  const auto row = std::ranges::find(kSizeUnits, unit, &SizeUnit::name);
  if (row == kSizeUnits.end() || number > (std::numeric_limits<std::uint64_t>::max() >> row->shift))
    return std::nullopt;
  return number << row->shift;
}

std::string size_text(std::uint64_t bytes) {
  for (const SizeUnit& unit : kSizeUnits)
    if (bytes != 0 && unit.shift != 0 && (bytes & ((std::uint64_t{1} << unit.shift) - 1)) == 0)
      return fmt::format("{}{}", bytes >> unit.shift, unit.name);
  return fmt::format("{}B", bytes);
}

}  // namespace tocsin::app
