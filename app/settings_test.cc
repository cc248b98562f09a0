// Were this wrong, a daemon would run by other settings than its operator wrote, or refuse them without saying why.
#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "app/config_show.h"
#include "app/setting_keys.h"
#include "app/settings_read.h"
#include "app/testing.h"
#include "dsl/render.h"

namespace tocsin::app {
namespace {

SettingsRead read(const SettingLayers& layers) {
  Result<SettingsRead> out = read_settings(layers);
  REQUIRE_MESSAGE(out.has_value(), (out ? "" : out.error().message));
  return std::move(*out);
}

std::string complaints(const SettingsRead& read) { return dsl::render(read.mistakes, read.texts, dsl::Format::human); }

// A file of settings in a folder of its own; complaints call it t.toml.
struct File {
  Folder folder;
  std::string path;
  explicit File(const std::string& text) : path(folder.write("t.toml", text)) {}
  SettingsRead read() const { return app::read({.file = path, .environment = {}, .sets = {}, .flags = {}}); }
  std::string complaints() const {
    std::string out = app::complaints(read());
    for (std::size_t at = out.find(path); at != std::string::npos; at = out.find(path))
      out.replace(at, path.size(), "t.toml");
    return out;
  }
};

TEST_CASE("every key of a whole file arrives") {
  const File file(R"toml(rules = ["rules", "more/x.rules"]
shards = 4
shutdown_grace = "40s"
[source.logins]
file = { path = "in/*.ndjson", follow = true }
format = "json"
event_field = "type"
idle_after = "30s"
ahead_max = "10m"
[source.a]
stdin = true
[source.net]
tcp.listen = "127.0.0.1:9000"
[source.local]
unix = { path = "/run/x.sock" }
[source.made]
generator = { scenario = "fraud", rate = 12.5, seed = 7 }
[source.text]
file.path = "auth.log"
[[source.text.line]]
event = "fail"
regex = "a=(?P<user>.*)"
[[source.text.line]]
event = "ok"
regex = "b"
[sink.alerts]
file = { path = "alerts.ndjson" }
[sink.out]
stdout = true
[sink.hook]
http = { url = "https://example.test/x", token = { env = "T" }, timeout = "3s", batch = 10 }
[sinks]
default = ["alerts", "out"]
late = "out"
[state]
dir = "/var/lib/tocsin"
memory = "4GiB"
epoch = "100ms"
checkpoint = { every = "20s", keep = 5, on_exit = false }
[http]
listen = "[::1]:8471"
prefix = "/x"
token = { file = "secret" }
[control]
socket = "t.sock"
[log]
level = "warn"
format = "json"
[limits]
record = 4096
)toml");
  const SettingsRead got = file.read();
  REQUIRE_MESSAGE(got.mistakes.empty(), complaints(got));
  const Settings& s = got.settings;
  CHECK(s.rules == std::vector<std::string>{file.folder.path() + "/rules", file.folder.path() + "/more/x.rules"});
  CHECK(s.shards == 4);
  CHECK(s.shutdown_grace == seconds(40));
  REQUIRE(s.sources.size() == 6);
  CHECK(s.sources[0].name == "a");  // by name, not by place
  CHECK(std::holds_alternative<StdinSource>(s.sources[0].address));
  const SourceSettings& logins = *s.source("logins");
  CHECK(std::get<FileSource>(logins.address).path == file.folder.path() + "/in/*.ndjson");
  CHECK(std::get<FileSource>(logins.address).follow);
  CHECK(logins.codec.value("--event-field") == "type");
  CHECK(logins.codec.value("--input-format") == "json");
  CHECK(logins.idle_after == seconds(30));
  CHECK(logins.ahead_max == minutes(10));
  CHECK(s.source("net")->ahead_max == days(1));
  CHECK(std::get<TcpSource>(s.source("net")->address).listen == "127.0.0.1:9000");
  CHECK(std::get<UnixSource>(s.source("local")->address).path == "/run/x.sock");
  const GeneratorSource& made = std::get<GeneratorSource>(s.source("made")->address);
  CHECK(made.scenario == "fraud");
  CHECK(made.rate == 12.5);
  CHECK(made.seed == 7);
  CHECK(s.source("text")->codec.all("--line") == std::vector<std::string>{"fail=a=(?P<user>.*)", "ok=b"});
  CHECK(std::get<FileSink>(s.sink("alerts")->address).path == file.folder.path() + "/alerts.ndjson");
  CHECK(std::holds_alternative<StdoutSink>(s.sink("out")->address));
  const WebhookSink& hook = std::get<WebhookSink>(s.sink("hook")->address);
  CHECK(hook.url == "https://example.test/x");
  CHECK(hook.token == Secret{{}, "T"});
  CHECK(hook.timeout == seconds(3));
  CHECK(hook.batch == 10);
  CHECK(s.routes.alerts == std::vector<std::string>{"alerts", "out"});
  CHECK(s.routes.late == "out");
  CHECK(s.state.memory == std::uint64_t{4} << 30);
  CHECK(s.state.epoch == milliseconds(100));
  CHECK(s.state.checkpoint.every == seconds(20));
  CHECK(s.state.checkpoint.keep == 5);
  CHECK_FALSE(s.state.checkpoint.on_exit);
  CHECK(s.state.checkpoint.min_pause == seconds(1));
  CHECK(s.http.listen == "[::1]:8471");
  CHECK(s.http.token == Secret{file.folder.path() + "/secret", {}});
  CHECK(s.control_socket == file.folder.path() + "/t.sock");
  CHECK(s.log.level == LogLevel::warn);
  CHECK(s.log.format == LogFormat::json);
  CHECK(s.limits.record == 4096);
  CHECK(refused_for_run(got) == std::vector<std::string>{"`state.checkpoint.keep`: not yet in this version"});
}

TEST_CASE("who says it later wins: default, file, variable, --set, flag; and each is told") {
  const File file("shards = 1\n[state]\nmemory = \"1GiB\"\nepoch = \"1s\"\ndir = \"a\"\n");
  const SettingsRead got = read(
      {.file = file.path,
       .environment = {{"TOCSIN__STATE__DIR", "b"}, {"TOCSIN__STATE__MEMORY", "\"2GiB\""}, {"TOCSIN__SHARDS", "2"}},
       .sets = {"state.dir=c", "shards=3"},
       .flags = {{"--shards", "shards", "4"}}});
  REQUIRE_MESSAGE(got.mistakes.empty(), complaints(got));
  CHECK(got.settings.shards == 4);
  CHECK(got.settings.state.dir == "c");  // from where the process is, not from the file's folder
  CHECK(got.settings.state.memory == std::uint64_t{2} << 30);
  CHECK(got.settings.state.epoch == seconds(1));
  CHECK(got.origins.at("shards") == "--shards");
  CHECK(got.origins.at("state.dir") == "--set");
  CHECK(got.origins.at("state.memory") == "TOCSIN__STATE__MEMORY");
  CHECK(got.origins.at("state.epoch") == file.path + ":4");
  CHECK_FALSE(got.origins.contains("http.listen"));
}

TEST_CASE("variables: names with a dash, lists, tables, secrets by their parts") {
  const File file("[sink.Late-events]\nstdout = true\n");
  const SettingsRead got = read({.file = file.path,
                                 .environment = {{"TOCSIN__HTTP__HOSTS", "a.example,b.example"},
                                                 {"TOCSIN__HTTP__TOKEN__FILE", "/run/t"},
                                                 {"TOCSIN__SINKS__DEFAULT", "[\"Late-events\"]"},
                                                 {"TOCSIN__SINK__LATE_EVENTS__STDOUT", "false"},
                                                 {"TOCSIN__SINK__NEW", "{file = {path = \"x\"}}"}},
                                 .sets = {},
                                 .flags = {}});
  REQUIRE_MESSAGE(got.mistakes.empty(), complaints(got));
  CHECK(got.settings.http.hosts == std::vector<std::string>{"a.example", "b.example"});
  CHECK(got.settings.http.token.file == "/run/t");
  CHECK(std::holds_alternative<std::monostate>(got.settings.sink("Late-events")->address));
  CHECK(std::get<FileSink>(got.settings.sink("new")->address).path == "x");
}

TEST_CASE("nothing in a value is replaced by something else") {
  CHECK(File("[state]\ndir = \"/${HOME}/$HOME/%H/~\"\n").read().settings.state.dir == "/${HOME}/$HOME/%H/~");
}

// Each message with its place, the line, the reason and the way out, as an operator sees it.
TEST_CASE("complaints: the golden file") {
  std::string all;
  const auto show = [&](const std::string& text) { all += "----- " + text + "\n" + File(text).complaints() + "\n"; };
  show("[sorce.logins]\nformat = \"json\"\n");
  show("[source.logins]\nformt = \"json\"  # a slip\n");
  show("[source.logins]\nformat = \"jsn\"\n");
  show("[source.logins]\nfile = { path = \"a\", folow = true }\nstate = 1\n");
  show("[source.logins]\nfile.path = \"a\"\nstdin = true\n");
  show("[source.\"a b\"]\nstdin = true\n");
  show("[[source.a.line]]\nevent = \"x\"\nregx = \"y\"\n");
  show("[state]\nmemory = \"4 apples\"\nepoch = 10\ndir = 3\n");
  show("[state]\nmemory = \"1MiB\"\nepoch = \"1ms\"\ncheckpoint = { keep = 0, on_exit = \"yes\" }\n");
  show("state = \"here\"\nshards = -1\nrules = [\"a\", 2]\n");
  show("shards = 2.5\nshutdown_grace = 1979-05-27\n");
  show("[http]\ntoken = \"abc\"\n");
  show("[http]\ntoken = { file = \"a\", env = \"B\" }\nread_token = { fil = \"a\" }\n");
  show("[http]\nlisten = \"localhost\"\nprefix = \"x/\"\n");
  show("[sink.alerts]\nstdout = true\n[sinks]\ndefault = [\"alrets\"]\nlate = \"nowhere\"\n");
  show("[sinks]\nlate = \"late\"\n");
  show("[log]\nlevel = \"loud\"\n");
  show("[source.a]\ngenerator.rate = 0\ncolumns = \"a,b\"\n");
  show("shards = 1\nshards = 2\n");
  show("[source\n");
  show("a = [1,\n");
  show("rules = bare\n");
  const auto words = [&](const SettingLayers& layers) {
    all += "----- " +
           (layers.sets.empty() ? layers.environment.front().first + "=" + layers.environment.front().second
                                : "--set " + layers.sets.front()) +
           "\n" + complaints(app::read(layers)) + "\n";
  };
  for (const char* set : {"state.memory=much", "sate.memory=1GiB", "shards=two", "state.memory.big=1", "memory",
                          "http.token=abc", "source.a b.stdin=true"})
    words({.file = {}, .environment = {}, .sets = {set}, .flags = {}});
  words({.file = {}, .environment = {{"TOCSIN__STATE__MEMRY", "1GiB"}}, .sets = {}, .flags = {}});
  words({.file = {}, .environment = {{"TOCSIN__SINKS__DEFAULT", "[\"a"}}, .sets = {}, .flags = {}});

  const std::string golden = std::string(TOCSIN_SOURCE_DIR) + "/app/settings_test.golden";
  if (std::getenv("TOCSIN_UPDATE") != nullptr) std::ofstream(golden, std::ios::binary) << all;
  CHECK(all == Folder::read(golden));
}

TEST_CASE("the schema and the page say what the table says") {
  const nlohmann::json schema = nlohmann::json::parse(configuration_schema());
  CHECK(schema["properties"]["state"]["properties"]["memory"]["default"] == "1GiB");
  CHECK(schema["properties"]["source"]["additionalProperties"]["properties"]["time_unit"]["enum"].size() == 5);
  CHECK(schema["properties"]["http"]["properties"]["token"]["maxProperties"] == 1);
  CHECK(schema["additionalProperties"] == false);
  const std::string page = std::string(TOCSIN_SOURCE_DIR) + "/docs/configuration.md";
  if (std::getenv("TOCSIN_UPDATE") != nullptr) std::ofstream(page, std::ios::binary) << configuration_page();
  CHECK(configuration_page() == Folder::read(page));
}

TEST_CASE("every row can be written, shown and read again") {
  for (const SettingKey& key : setting_keys()) {
    CAPTURE(key.path);
    CHECK_FALSE(key.help.empty());
    CHECK((key.kind == SettingKind::choice) == !choices_of(key).empty());
  }
  // What `config show` prints is a configuration with the same meaning.
  const File file(
      "[state]\nmemory = \"1536MiB\"\n[log]\nlevel = \"debug\"\n[source.a]\nfile.path = \"/x\"\ncolumns = [\"a\", "
      "\"b\"]\nyear = 2020\n");
  const Ran shown = run({"config", "show", "-c", file.path});
  REQUIRE(shown.code == 0);
  const File again(shown.out);
  CHECK(again.complaints().empty());
  CHECK(run({"config", "show", "-c", again.path}).out == shown.out);
}

TEST_CASE("config show: who said it, secrets hidden") {
  const File file("[http]\ntoken = { file = \"/run/secret-name\" }\n[source.a]\nstdin = true\n");
  const Ran shown = run({"config", "show", "-c", file.path, "--origin", "--set", "state.epoch=1s"});
  CHECK(shown.code == 0);
  CHECK(contains(shown.out, "http.token = \"***\""));
  CHECK(contains(shown.out, file.path + ":2"));
  CHECK(contains(shown.out, "# default"));
  CHECK(contains(shown.out, "# --set"));
  CHECK_FALSE(contains(shown.out, "secret-name"));
  const nlohmann::json json = nlohmann::json::parse(run({"config", "show", "-c", file.path, "--origin", "--json"}).out);
  CHECK(json["schema"] == "tocsin/config/1");
  CHECK(json["values"]["state"]["checkpoint"]["every"] == "10s");
  CHECK(json["values"]["source"]["a"]["stdin"] == true);
  CHECK(json["origins"]["http.token"] == file.path + ":2");
  CHECK(run({"config", "show", "-c", "/nowhere.toml"}).code == 2);
  CHECK(run({"config", "show", "--set", "x=1"}).code == 2);
  CHECK(run({"config"}).code == 2);
}

TEST_CASE("sizes") {
  CHECK(parse_size("64KiB") == 65'536);
  CHECK(parse_size("2 GiB") == std::uint64_t{2} << 30);
  CHECK(parse_size("7") == 7);
  for (const char* wrong : {"", "KiB", "-1", "1.5GiB", "1GB", "99999999999TiB", "1KiBx"})
    CHECK_FALSE(parse_size(wrong));
  for (const std::uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 1536ull << 20, 1ull << 40})
    CHECK(parse_size(size_text(bytes)) == bytes);
}

TEST_CASE("secrets: from a file or a variable, and never from what others may write") {
  const Folder folder;
  const std::string path = folder.write("s", "0123456789\n");
  REQUIRE(chmod(path.c_str(), 0600) == 0);
  CHECK(read_secret({path, {}}) == "0123456789");
  REQUIRE(chmod(path.c_str(), 0444) == 0);
  CHECK(read_secret({path, {}}) == "0123456789");
  REQUIRE(chmod(path.c_str(), 0622) == 0);
  CHECK(contains(read_secret({path, {}}).error().message, "chmod 600"));
  CHECK_FALSE(read_secret({folder.path(), {}}));
  CHECK_FALSE(read_secret({folder.write("empty", "\n"), {}}));
  CHECK_FALSE(read_secret({"/dev/zero", {}}));
  CHECK_FALSE(read_secret({{}, "TOCSIN_TEST_NOT_SET"}));
}

TEST_CASE("what run refuses, replay may have") {
  const SettingsRead got =
      File("[source.a]\nkafka = { topic = \"t\", start = \"x\" }\n[source.b]\n[kafka]\nbrokers = [\"a:1\"]\n").read();
  CHECK(got.mistakes.empty());
  const std::vector<std::string> refused = refused_for_run(got);
  REQUIRE(refused.size() == 4);
  CHECK(refused[0] == "`source.a.kafka.topic`: not yet in this version");
  CHECK(contains(refused[3], "[source.b] says not where"));
  CHECK(refused_for_run(SettingsRead()).size() == 1);
  CHECK(refused_for_run(File("[source.a]\nfile = { follow = true }\n").read()) ==
        std::vector<std::string>{"[source.a] needs `file.path`"});
}

TEST_CASE("a sink may not be a file that a source reads, by whatever name, whether it is there or not") {
  const Folder folder;
  const std::string in = folder.write("in.ndjson", "");
  std::filesystem::create_symlink(in, folder.path() + "/link");
  const auto refused = [&](const std::string& source, const std::string& sink) {
    const std::string text = "[source.s]\nfile = { path = \"" + folder.path() + source +
                             "\", follow = true }\n[sink.a]\nfile = { path = \"" + folder.path() + sink + "\" }\n";
    const auto out = refused_for_run(File(text).read());
    return out.empty() ? "" : out.front();
  };
  CHECK(refused("/in.ndjson", "/in.ndjson") ==
        "[sink.a] writes into " + in +
            ", which [source.s] reads: give the sink another file, or the source a pattern that leaves it out");
  for (const auto& [source, sink] : {std::pair{"/in.ndjson", "/./in.ndjson"},
                                     {"/link", "/in.ndjson"},
                                     {"/in.ndjson", "/link"},
                                     {"/none", "/none"},
                                     {"/*.ndjson", "/alerts.ndjson"},
                                     {"", "/alerts"}}) {
    CAPTURE(source);
    CAPTURE(sink);
    CHECK(refused(source, sink).find(" reads: ") != std::string::npos);
  }
  for (const auto& [source, sink] :
       {std::pair{"/in.ndjson", "/alerts"}, {"/*.ndjson", "/alerts"}, {"", "/out/alerts"}, {"", "/.alerts"}}) {
    CAPTURE(source);
    CAPTURE(sink);
    CHECK(refused(source, sink).empty());
  }
}

TEST_CASE("a configuration that cannot be read says why") {
  const Folder folder;
  const auto why = [](const std::string& path) {
    return read_settings({.file = path, .environment = {}, .sets = {}, .flags = {}}).error().message;
  };
  const std::string none = folder.path() + "/none.toml";
  CHECK(why(none) == "cannot read " + none + ": No such file or directory");
  CHECK(why(folder.path()) == "cannot read " + folder.path() + ": Is a directory");
}

}  // namespace
}  // namespace tocsin::app
