// Were this wrong, a file of settings would mean something else to `replay` than to its author, or nothing at all.
#include "app/config.h"

#include <doctest/doctest.h>

#include "app/testing.h"

namespace tocsin::app {
namespace {

constexpr const char* kRules =
    "event login has user text, ok bool, ts time  timestamp ts\n"
    "rule failed when 2 login(ok = false) within 1m by user  alert low \"{user}\"\n"
    "test \"two\" rule failed\n  at 0s  2 login {user: \"ann\", ok: false}\n  at 0s  expect alert {user: \"ann\"}\n";
constexpr const char* kConfig =
    "rules = \"rules/\"\n"
    "shards = 0\n"
    "[source.logins]\n"
    "kafka = { topic = \"logins\" }\n"
    "format = \"csv\"\n"
    "columns = [\"user\", \"ok\", \"at\"]\n"
    "event = \"login\"\n"
    "time_field = \"at\"\n"
    "time_unit = \"s\"\n"
    "[sink.alerts]\n"
    "stdout = true\n";

TEST_CASE("-c: the rules and the codec of the configuration; --input replaces the address") {
  const Folder folder;
  folder.write("rules/a.rules", kRules);
  const std::string config = folder.write("tocsin.toml", kConfig);
  const std::string input = folder.write("logins.txt", "ann,false,10\nann,false,20\n");
  const Ran ran = run({"replay", "-c", config, "--input", input, "-q"});
  CHECK_MESSAGE(ran.code == 0, ran.err);
  CHECK(contains(ran.out, "\"rule\":\"failed\""));
  CHECK(contains(ran.out, "\"time\":\"1970-01-01T00:00:20"));
  CHECK(contains(run({"replay", "-c", config, "--input", input, "--time-unit", "ms", "-q"}).out,
                 "\"time\":\"1970-01-01T00:00:00.020"));
  CHECK(run({"check", "-c", config}).code == 0);
  CHECK(contains(run({"test", "-c", config}).out, "1 test, 1 passed"));
  CHECK(contains(run({"check", "-c", config, folder.write("b.rules", "rule x when")}).out, "error"));
}

TEST_CASE("a configuration that means nothing is refused with its place: exit 2") {
  const Folder folder;
  folder.write("rules/a.rules", kRules);
  const auto refused = [&](const std::string& config, const std::string& with) {
    const Ran ran = run({"check", "-c", folder.write("t.toml", "rules = \"rules\"\n" + config)});
    CHECK(ran.code == 2);
    CHECK_MESSAGE(contains(ran.err, with), ran.err);
  };
  refused("[source.a]\nformt = \"csv\"\n", "did you mean `format`?");
  refused("[source.a]\nformat = \"cvs\"\n", "did you mean `csv`?");
  refused("[source.a]\nyear = \"x\"\n", "`source.a.year` is a whole number");
  refused("[sinc.a]\nstdout = true\n", "did you mean `sink`?");
  refused("[source.a\n", "t.toml");
  refused("[source.a]\nevent = \"logn\"\n",
          "source.a: --event: no rule looks at an event `logn`; did you mean `login`?");
  CHECK(run({"check", "-c", "/nowhere.toml"}).code == 2);
}

TEST_CASE("several sources: --source names one") {
  const Folder folder;
  folder.write("rules/a.rules", kRules);
  const std::string config =
      folder.write("t.toml", "rules = \"rules\"\n[source.a]\nformat = \"json\"\n[source.b]\nformat = \"csv\"\n");
  const std::string input = folder.write("x.txt", "{\"user\":\"ann\",\"ok\":false,\"ts\":1}\n");
  const Ran which = run({"replay", "-c", config, "--input", input});
  CHECK(which.code == 2);
  CHECK(contains(which.err, "--source NAME, one of a, b"));
  CHECK(run({"replay", "-c", config, "--source", "a", "--input", input}).code == 0);
  CHECK(contains(run({"replay", "-c", config, "--source", "c", "--input", input}).err, "there is no source `c`"));
}

// Evidence then names what the running tocsin names, and its alerts can be held against a replay.
TEST_CASE("a replay of a configured source calls it by its name, and holds its alerts against those of a run") {
  const Folder folder;
  folder.write("rules/a.rules",
               "event login has user text, ts time  timestamp ts\n"
               "rule seen when login by user  with detected = \"no\"  alert low \"{user}\"\n");
  const std::string one = folder.write("one.toml", "rules = \"rules\"\n[source.logins]\nformat = \"json\"\n");
  const std::string input = folder.write("x.txt", "{\"user\":\"ann\",\"ts\":1}\n");
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--source", "logins"}}) {
    std::vector<std::string> words{"replay", "-c", one, "--input", input};
    words.insert(words.end(), more.begin(), more.end());
    CHECK(contains(run(words).out, "\"evidence\":{\"login\":[\"logins/0/1\"]}"));
  }
  const Ran why = run({"why", "-c", one, "--rule", "seen", "--input", input});
  CHECK(contains(why.out, "  logins/0/1  "));
  std::string alert = run({"replay", "-c", one, "--input", input}).out;
  const std::size_t first = alert.find("\"first\":");
  REQUIRE(first != std::string::npos);
  alert.insert(first, "\"detected\":\"2026-03-01T14:20:05.000000Z\",");
  const std::size_t replayed = alert.find("\"replayed\":true");
  REQUIRE(replayed != std::string::npos);
  alert.replace(replayed, 15, "\"replayed\":false");
  const std::string written = folder.write("alerts.ndjson", alert);
  const Ran held = run({"replay", "-c", one, "--input", input, "--expect", written});
  CHECK(held.code == 0);
  CHECK(held.out == "");
}

}  // namespace
}  // namespace tocsin::app
