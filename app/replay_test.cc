// Were this wrong, `tocsin replay` would tell another past than the one that was: wrong alerts, lost records, times
// read in another unit.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>

#include "app/testing.h"
#include "engine/base/wording.h"

namespace tocsin::app {
namespace {

using nlohmann::json;

const std::string kRules =
    "event login has user text, outcome text, ts time  timestamp ts  late 10s\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "rule three when 3 login_failed within 1m by user  alert high \"{count} for {user}\"\n"
    "rule silent when no login for 5m by user  alert low \"{user}\"\n";

// Three failures of ann, ten seconds apart, from `start` on in milliseconds.
std::string events(std::int64_t start = 1'772'000'000'000) {
  std::string lines;
  for (int i = 0; i < 3; ++i)
    lines += R"({"event":"login","user":"ann","outcome":"failure","ts":)" + std::to_string(start + i * 10'000) + "}\n";
  return lines;
}

struct Scene {
  Folder folder;
  std::string rules = folder.write("a.rules", kRules);
  std::string input = folder.write("events.ndjson", events());

  Ran replay(std::vector<std::string> words, const World& world = {}) const {
    words.insert(words.begin(), {"replay", rules});
    return run(words, world);
  }
};

std::vector<json> lines_of(const std::string& text) {
  std::vector<json> out;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) out.push_back(json::parse(line));
  return out;
}

TEST_CASE("alerts on stdout, one object a line; the summary of each rule and what is pending on stderr") {
  const Scene scene;
  const Ran ran = scene.replay({"--input", scene.input});
  CHECK(ran.code == 0);
  const std::vector<json> alerts = lines_of(ran.out);
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0]["rule"] == "three");
  CHECK(alerts[0]["text"] == "3 for ann");
  CHECK(alerts[0]["time"] == "2026-02-25T06:13:40.000000Z");
  CHECK(alerts[0]["evidence"]["login_failed"] == json{"events.ndjson/0/1", "events.ndjson/0/2", "events.ndjson/0/3"});
  CHECK(!alerts[0].contains("detected"));
  CHECK(contains(ran.err, "3 events from 2026-02-25T06:13:20.000000Z to 2026-02-25T06:13:40.000000Z\n"));
  CHECK(contains(ran.err, "  three   1 alert of 1 key, first "));
  CHECK(contains(ran.err, "  silent  no alert\n"));
  CHECK(contains(ran.err, "  silent waits for 2026-02-25T06:18:40.000000Z\n"));
  CHECK(scene.replay({"--input", scene.input, "-q"}).err.empty());
}

// Were it only what a later alert carries, the last hours of a flood would be missing from the summary.
TEST_CASE("the summary counts all that `fire at most` refused") {
  const Folder folder;
  const std::string rules = folder.write("a.rules",
                                         "event a has k text, ts time  timestamp ts in s  late 0s\n"
                                         "rule r when a by k  fire at most once per 1h  alert low \"{k}\"\n");
  std::string events;
  for (int i = 0; i < 5; ++i) events += R"({"k":"x","ts":)" + std::to_string(i) + "}\n";
  const Ran ran = run({"replay", rules, "--input", "-"}, {.input = events});
  CHECK(contains(ran.err, "  r  1 alert of 1 key, 4 suppressed, first "));
}

TEST_CASE("--until and --drain move time on; without them it stays at the last event") {
  const Scene scene;
  const auto alerts = [&](const std::vector<std::string>& more) {
    std::vector<std::string> words{"--input", scene.input};
    words.insert(words.end(), more.begin(), more.end());
    return lines_of(scene.replay(words).out).size();
  };
  CHECK(alerts({}) == 1);
  CHECK(alerts({"--drain"}) == 2);
  CHECK(alerts({"--until", "2026-02-25T06:18:39Z"}) == 1);
  CHECK(alerts({"--until", "2026-02-25T06:18:40Z"}) == 2);
  CHECK(alerts({"--until", "1772000320000"}) == 2);
  CHECK(alerts({"--until=-1s"}) == 2);
  CHECK(!contains(scene.replay({"--input", scene.input, "--drain"}).err, "pending"));
}

// Were all of it waited for, `--drain` would have no end, nor would `why` of an alert.
TEST_CASE("--drain: what starts over by time alone brings the same again and again, and is not waited for") {
  const Folder folder;
  const std::string rules = folder.write(
      "a.rules",
      "event a has k text, ts time  timestamp ts in s  late 0s\n"
      "event b has k text, ts time  timestamp ts in s  late 0s\n"
      "rule silent when no a for 10s by k  fire and start over  resolve when no b for 5s  forget after 9d idle\n"
      "  alert low \"\"\n"
      "rule again when silent then no b within 15s by k  alert high \"\"\n");
  const Ran ran =
      run({"replay", rules, "--input", "-", "--event", "a", "--drain"}, {.input = "{\"k\":\"x\",\"ts\":0}\n"});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "\"rule\":\"again\""));
  CHECK(contains(ran.err, "again"));
  CHECK(std::ranges::count(ran.out, '\n') < 40);
}

TEST_CASE("standard input is an input like any other; nothing in it is no mistake") {
  const Scene scene;
  const Ran ran = scene.replay({"--input", "-"}, {.input = events()});
  CHECK(lines_of(ran.out).at(0)["evidence"]["login_failed"][0] == "stdin/0/1");
  const Ran empty = scene.replay({"--input", "-"}, {.input = ""});
  CHECK(empty.code == 0);
  CHECK(empty.out.empty());
  CHECK(empty.err.starts_with("0 events\n"));
  CHECK(scene.replay({"--input", "-"}, {.in_is_terminal = true}).code == 2);
  CHECK(run({"replay", "-", "--input", scene.input}, {.input = kRules}).code == 0);
  CHECK(contains(run({"replay", "-", "--input", "-"}).err, "cannot both come from standard input"));
}

TEST_CASE("records that no rule can want are counted, named, and kept where a file is asked for") {
  const Scene scene;
  const std::string dead = scene.folder.path() + "/dead.ndjson";
  const Ran ran = scene.replay({"--input", "-", "--dead-letters", dead},
                               {.input = "junk\n" + events() + "{\"event\":\"login\",\"user\":\"ann\"}\n"});
  CHECK(ran.code == 0);
  CHECK(lines_of(ran.out).size() == 1);
  CHECK(contains(ran.err, "; besides them 2 dead letters (1 broken_record, 1 "));
  const std::vector<json> letters = lines_of(Folder::read(dead));
  REQUIRE(letters.size() == 2);
  CHECK(letters[0]["source"] == "stdin/0/1");
  CHECK(letters[0]["reason"] == "broken_record");
  CHECK(letters[0]["record"] == "junk");
  CHECK(letters[1]["source"] == "stdin/0/5");
  CHECK(contains(scene.replay({"--input", "-", "-v"}, {.input = "junk\n"}).err, "stdin/0/1: broken_record: "));
}

TEST_CASE("a record that is too large: how large it is, or at least how much was read of it, and the limit") {
  const Scene scene;
  const std::string large = "user=ann outcome=failure ts=1772000000000 x=" + std::string(1 << 20, 'x') + "\n";
  const std::string dead = scene.folder.path() + "/dead.ndjson";
  const auto letter = [&](const std::string& input, const World& world) {
    const Ran ran = scene.replay({"--input", input, "--input-format", "logfmt", "--dead-letters", dead}, world);
    CHECK(contains(ran.err, "1 dead letter (1 too_large)"));
    return lines_of(Folder::read(dead)).at(0);
  };
  const json whole = letter("-", {.input = large});
  CHECK(whole["detail"] == "1,048,620 bytes, and a record may have 1,048,576");
  CHECK(whole["size"] == 1'048'620);
  std::string larger;
  for (int i = 0; i < 5; ++i) larger += large.substr(0, large.size() - 1);
  const json cut = letter(scene.folder.write("large.log", larger + "\n"), {});  // the file's source cuts it
  CHECK(cut["detail"] ==
        "more than " + tocsin::counted(cut["size"].get<std::uint64_t>(), "byte") + ", and a record may have 1,048,576");
  CHECK(cut["size"] > 1'048'576);
  CHECK(cut["size"] < larger.size());
}

TEST_CASE("--event-field, --event, and the only event that the rules know") {
  const Scene scene;
  const std::string other = scene.folder.write("two.rules", kRules +
                                                                "event logout has user text, ts time  timestamp ts\n"
                                                                "rule out when logout by user  alert low \"{user}\"\n");
  CHECK(lines_of(run({"replay", other, "--input", scene.input, "--event-field", "event"}).out).size() == 1);
  CHECK(lines_of(run({"replay", other, "--input", scene.input, "--event", "logout"}).out).size() == 3);
  const Ran unsaid = run({"replay", other, "--input", scene.input});
  CHECK(unsaid.code == 2);
  CHECK(contains(unsaid.err,
                 "say what the records are: --event NAME, or --event-field FIELD; the rules look at login, logout"));
  CHECK(contains(scene.replay({"--input", scene.input, "--event", "logn"}).err, "did you mean `login`?"));
  CHECK(scene.replay({"--input", scene.input, "--event", "login", "--event-field", "event"}).code == 2);
}

TEST_CASE("times: another field, its unit, a format with a zone and without a year") {
  const Scene scene;
  const auto time_of_alert = [&](const std::string& name, const std::string& text, std::vector<std::string> more) {
    more.insert(more.begin(), {"--input", scene.folder.write(name, text)});
    const Ran ran = scene.replay(more);
    CAPTURE(ran.err);
    const std::vector<json> alerts = lines_of(ran.out);
    return alerts.size() == 1 ? alerts[0]["time"].get<std::string>() : std::string("no alert");
  };
  std::string seconds;
  for (int i = 0; i < 3; ++i)
    seconds += R"({"user":"ann","outcome":"failure","at":)" + std::to_string(1'772'000'000 + i) + "}\n";
  CHECK(time_of_alert("s.ndjson", seconds, {"--time-field", "at", "--time-unit", "s"}) ==
        "2026-02-25T06:13:22.000000Z");
  const std::string csv =
      "user,outcome,ts\nann,failure,2026-03-01 10:00:00\nann,failure,2026-03-01 10:00:01\nann,failure,2026-03-01 "
      "10:00:02\n";
  CHECK(time_of_alert("a.csv", csv, {"--time-format", "%F %T", "--zone", "Europe/Paris"}) ==
        "2026-03-01T09:00:02.000000Z");
  const std::string logfmt =
      "user=ann outcome=failure ts=2026-03-01T10:00:00Z\nuser=ann outcome=failure ts=2026-03-01T10:00:01Z\n"
      "user=ann outcome=failure ts=2026-03-01T10:00:02Z\n";
  CHECK(time_of_alert("a.logfmt", logfmt, {}) == "2026-03-01T10:00:02.000000Z");
  CHECK(time_of_alert("a.log", logfmt, {"--input-format", "logfmt"}) == "2026-03-01T10:00:02.000000Z");
  std::string syslog;
  for (int i = 0; i < 3; ++i) syslog += "Mar  1 10:00:0" + std::to_string(i) + " host sshd: failure for ann\n";
  CHECK(time_of_alert("auth.log", syslog,
                      {"--line", R"(login=^(?P<ts>\w+ +\d+ \S+) \S+ sshd: (?P<outcome>\w+) for (?P<user>\w+))",
                       "--time-format", "%b %e %T", "--year", "2024"}) == "2024-03-01T10:00:02.000000Z");
  // Over New Year, of a file that was written last in the middle of a year: each line is of the latest year that it can
  // be of, and not of the one that is nearest to that.
  const std::string over_new_year =
      "Dec 31 23:59:58 host sshd: failure for ann\nDec 31 23:59:59 host sshd: failure for ann\n"
      "Jan  1 00:00:00 host sshd: failure for ann\n";
  const std::string log = scene.folder.write("old.log", over_new_year);
  const std::chrono::sys_seconds in_july{std::chrono::seconds(1'782'993'600)};  // 2026-07-02, noon
  std::filesystem::last_write_time(log, std::chrono::file_clock::from_sys(in_july));
  const Ran old = scene.replay({"--input", log, "--line",
                                R"(login=^(?P<ts>\w+ +\d+ \S+) \S+ sshd: (?P<outcome>\w+) for (?P<user>\w+))",
                                "--time-format", "%b %e %T"});
  CAPTURE(old.err);
  REQUIRE(lines_of(old.out).size() == 1);
  CHECK(lines_of(old.out)[0]["time"] == "2026-01-01T00:00:00.000000Z");
  CHECK(contains(scene.replay({"--input", scene.input, "--line", "login"}).err, "--line is EVENT=REGEX"));
  CHECK(contains(scene.replay({"--input", scene.input, "--year", "MMXX"}).err, "--year needs a year"));
  CHECK(scene.replay({"--input", scene.input, "--zone", "Mars/Olympus", "--time-format", "%F"}).code == 2);
}

TEST_CASE("several inputs are partitions of one source: the parts of a rotated log, in any order") {
  const Scene scene;
  const std::string lines = events();
  const std::size_t second = lines.find('\n') + 1;
  const std::string older = scene.folder.write("log.1", lines.substr(0, second));
  const std::string newer = scene.folder.write("log", lines.substr(second));
  const Ran ran = scene.replay({"--input", older, "--input", newer});
  const std::vector<json> alerts = lines_of(ran.out);
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0]["evidence"]["login_failed"] == json{"log.1+log/0/1", "log.1+log/1/1", "log.1+log/1/2"});
  CHECK(contains(ran.err, "3 events from 2026-02-25T06:13:20.000000Z to 2026-02-25T06:13:40.000000Z\n"));
  const Ran turned = scene.replay({"--input", newer, "--input", older});
  CHECK(lines_of(turned.out).at(0)["evidence"]["login_failed"] ==
        json{"log+log.1/1/1", "log+log.1/0/1", "log+log.1/0/2"});
  CHECK(!contains(turned.err, "late"));
  // One of them may be standard input, and --compare and why read them again.
  CHECK(lines_of(scene.replay({"--input", "-", "--input", newer}, {.input = lines.substr(0, second)}).out).size() == 1);
  CHECK(contains(scene.replay({"--input", older, "--input", newer, "--compare", scene.rules}).out,
                 "three        1      1  +0 -0 =1\n"));
  const Ran why = run({"why", "--rule", "three", scene.rules, "--input", older, "--input", newer});
  CHECK(contains(why.out, "log.1+log/1/2  {\"event\":\"login\""));
}

TEST_CASE("several inputs: of one time the one that was named first comes first; each has its own column names") {
  const Scene scene;
  const std::string rules =
      scene.folder.write("csv.rules",
                         "event a has k text, ts time  timestamp ts\n"
                         "rule pair when a(k = \"x\") as x then a(k = \"y\") as y within 1s alert low \"\"\n");
  const std::string x = scene.folder.write("x.csv", "k,ts\nx,1000\n");
  const std::string y = scene.folder.write("y.csv", "ts,k\n1000,y\n");
  const auto alerts = [&](const std::vector<std::string>& inputs) {
    std::vector<std::string> words{"replay", rules, "-q"};
    for (const std::string& input : inputs) words.insert(words.end(), {"--input", input});
    return lines_of(run(words).out).size();
  };
  CHECK(alerts({x, y}) == 1);
  CHECK(alerts({y, x}) == 0);
}

TEST_CASE("several inputs: one twice, two ways of writing, one that is not there") {
  const Scene scene;
  const std::string csv = scene.folder.write("more.csv", "user,outcome,ts\n");
  const auto refused = [&](const std::string& second, const char* why) {
    const Ran ran = scene.replay({"--input", scene.input, "--input", second});
    CHECK(ran.code == 2);
    CHECK(contains(ran.err, why));
  };
  refused(scene.input, "is given twice, and would be judged twice");
  refused(scene.folder.path() + "/./events.ndjson", "is given twice, and would be judged twice");
  refused(csv, "are written differently; --input-format says how all of them are");
  refused("/nowhere", "cannot open /nowhere");
  const std::string before = Folder::read(csv);
  CHECK(
      contains(scene.replay({"--input", scene.input, "--input", csv, "--out", csv}).err, "would overwrite the input"));
  CHECK(Folder::read(csv) == before);
}

TEST_CASE("--time-unit rfc3339: a number is no time, in a record and on the command line") {
  const Scene scene;
  const std::string rules = scene.folder.write("csv.rules",
                                               "event a has k text, ts time  timestamp ts\n"
                                               "rule each_one when a by k  alert low \"{k}\"\n");
  const std::string csv = scene.folder.write("u.csv", "k,ts\ns,1767225600\nneg,-5\nrfc,2026-01-01T00:00:00Z\n");
  const std::string json_too = scene.folder.write("u.ndjson", R"({"k":"s","ts":1767225600})"
                                                              "\n"
                                                              R"({"k":"s","ts":"1767225600"})"
                                                              "\n"
                                                              R"({"k":"rfc","ts":"2026-01-01T00:00:00Z"})"
                                                              "\n");
  for (const std::string& input : {csv, json_too}) {
    const std::vector<std::string> words{"replay", rules, "--input", input, "--time-unit", "rfc3339"};
    const Ran ran = run(words);
    const std::vector<json> alerts = lines_of(ran.out);
    REQUIRE(alerts.size() == 1);
    CHECK(alerts[0]["text"] == "rfc");
    CHECK(contains(ran.err, "2 unreadable_time"));
  }
  const std::vector<std::string> until{"replay", rules, "--input", csv, "--time-unit", "rfc3339", "--until", "5"};
  CHECK(contains(run(until).err, "`5` is no time"));
}

TEST_CASE("--out takes the alerts, --emitted adds what rules emit, --format human writes for people") {
  const Scene scene;
  const std::string out = scene.folder.path() + "/alerts.ndjson";
  const Ran ran = scene.replay({"--input", scene.input, "--out", out});
  CHECK(ran.out.empty());
  CHECK(lines_of(Folder::read(out)).size() == 1);
  const Ran human = scene.replay({"--input", scene.input, "--format", "human"});
  CHECK(human.out == "2026-02-25T06:13:40.000000Z  high      three  {user: \"ann\"}  3 for ann\n");
  const std::string emits = scene.folder.write("e.rules",
                                               "event login has user text, ts time  timestamp ts\n"
                                               "rule seen when login by user  emit was_seen with who = user\n");
  const std::vector<json> emitted = lines_of(run({"replay", emits, "--input", scene.input, "--emitted"}).out);
  REQUIRE(emitted.size() == 3);
  CHECK(emitted[0]["event"] == "was_seen");
  CHECK(emitted[0]["fields"]["who"] == "ann");
  CHECK(run({"replay", emits, "--input", scene.input, "--emitted", "--format", "human"})
            .out.starts_with("2026-02-25T06:13:20.000000Z  event     was_seen  {user: \"ann\", who: \"ann\"}\n"));
  const Ran nowhere = scene.replay({"--input", scene.input, "--out", "/nowhere/at.ndjson"});
  CHECK(nowhere.code == 2);
  CHECK(nowhere.err == "tocsin replay: cannot write /nowhere/at.ndjson\n");
}

TEST_CASE("--from and --to: what lies outside is as if it were not there, and is counted") {
  const Scene scene;  // three failures, at :20, :30 and :40
  const auto fired = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--input", scene.input});
    return lines_of(scene.replay(words).out).size();
  };
  CHECK(fired({"--from", "2026-02-25T06:13:20Z", "--to", "2026-02-25T06:13:41Z"}) == 1);
  CHECK(fired({"--from", "2026-02-25T06:13:21Z"}) == 0);
  CHECK(fired({"--to", "2026-02-25T06:13:40Z"}) == 0);  // not at that time itself
  CHECK(contains(scene.replay({"--input", scene.input, "--from", "2026-02-25T06:13:21Z"}).err,
                 "2 events from 2026-02-25T06:13:30.000000Z to 2026-02-25T06:13:40.000000Z; besides them 1 outside of "
                 "--from and --to"));
  const Ran reversed = scene.replay({"--input", scene.input, "--from", "20000", "--to", "20000"});
  CHECK(reversed.code == 2);
  CHECK(contains(reversed.err, "--from is not before --to"));
}

TEST_CASE("the range of the summary is that of the events that were judged: a late one is beside them") {
  const Scene scene;
  const std::string late = R"({"event":"login","user":"ann","outcome":"failure","ts":1771999000000})";
  const Ran ran = scene.replay({"--input", "-"}, {.input = events() + late + "\n" + events(1'772'000'030'000)});
  CHECK(ran.err.starts_with(
      "6 events from 2026-02-25T06:13:20.000000Z to 2026-02-25T06:14:10.000000Z; besides them 1 late\n"));
}

TEST_CASE("--max-alerts stops at that alert, and says so") {
  const Scene scene;
  std::string input;
  for (int hour = 0; hour < 4; ++hour) input += events(1'772'000'000'000 + hour * 3'600'000);
  const Ran ran = scene.replay({"--input", "-", "--max-alerts", "2"}, {.input = input});
  CHECK(ran.code == 0);
  CHECK(lines_of(ran.out).size() == 2);
  CHECK(ran.err.starts_with("stopped at alert 2; the numbers are of what was read until then\n"));
  CHECK(contains(ran.err, "  three   1 alert of 1 key"));
  CHECK(contains(ran.err, "  silent  1 alert of 1 key"));
  const Ran fewer = scene.replay({"--input", "-", "--max-alerts", "200"}, {.input = input});
  CHECK(!contains(fewer.err, "stopped"));
  CHECK(scene.replay({"--input", scene.input, "--max-alerts", "0"}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--max-alerts", "1", "--compare", scene.rules}).code == 2);
}

TEST_CASE("--shards: on any number of threads the same lines come out, and the same summary") {
  Folder folder;
  const std::string rules = folder.write("a.rules", kRules);
  std::vector<std::string> words{
      "replay", rules, "--emitted", "--late", folder.path() + "/late", "--until", "2027-01-01T00:00:00Z"};
  std::mt19937_64 random(3);
  for (int file = 0; file < 3; ++file) {
    std::string lines;
    for (int i = 0; i < 6'000; ++i) {
      if (random() % 500 == 0) lines += "not json\n";
      lines += fmt::format(R"({{"event":"login","user":"u{}","outcome":"{}","ts":{}}})", random() % 300,
                           random() % 3 == 0 ? "success" : "failure",
                           1'772'000'000'000 + i * 40 - static_cast<int>(random() % 11'000)) +
               "\n";
    }
    words.insert(words.end(), {"--input", folder.write(fmt::format("{}.ndjson", file), lines)});
  }
  const auto late = [&] { return Folder::read(folder.path() + "/late"); };
  const Ran one = run(words);
  REQUIRE(one.code == 0);
  REQUIRE(lines_of(one.out).size() > 500);
  const std::string late_of_one = late();
  REQUIRE(!late_of_one.empty());
  for (const char* shards : {"1", "2", "3", "8", "0"}) {
    CAPTURE(shards);
    std::vector<std::string> with = words;
    with.insert(with.end(), {"--shards", shards});
    const Ran ran = run(with);
    CHECK(ran.code == 0);
    CHECK(ran.out == one.out);
    CHECK(ran.err == one.err);
    const auto sorted = [](const std::string& text) {
      std::vector<std::string> lines;
      std::istringstream in(text);
      for (std::string line; std::getline(in, line);) lines.push_back(line);
      std::ranges::sort(lines);
      return lines;
    };
    CHECK(sorted(late()) == sorted(late_of_one));
  }
  const Scene scene;
  for (const char* wrong : {"-1", "65", "two"})
    CHECK(contains(scene.replay({"--input", scene.input, "--shards", wrong}).err,
                   "--shards needs a number from 0 to 64; 0 is one a core"));
  CHECK(contains(scene.replay({"--input", scene.input, "--shards", "2", "--profile"}).err,
                 "--profile takes the time of one thread; it goes without --shards"));
}

TEST_CASE("--sample takes all events of some values, the same ones each time") {
  const Scene scene;
  std::string input;
  for (int i = 0; i < 300; ++i)
    input +=
        fmt::format(R"({{"event":"login","user":"{}","outcome":"failure","ts":{}}})", i % 100, 1'772'000'000'000 + i) +
        "\n";
  const auto users = [&](const std::string& sample) {
    std::vector<std::string> out;
    for (const json& alert : lines_of(scene.replay({"--input", "-", "--sample", sample}, {.input = input}).out))
      out.push_back(alert["key"]["user"]);
    return out;
  };
  const std::vector<std::string> tenth = users("1/10 by user");
  CHECK(tenth.size() > 0);
  CHECK(tenth.size() < 40);
  CHECK(users("1/10 by user") == tenth);
  const std::vector<std::string> more = users("2/10 by user");
  CHECK(more.size() > tenth.size());
  for (const std::string& user : tenth) CHECK(std::ranges::find(more, user) != more.end());
  CHECK(users("1/1 by user").size() == 100);
  CHECK(contains(scene.replay({"--input", "-", "--sample", "1/10 by user"}, {.input = input}).err,
                 std::to_string(300 - 3 * tenth.size()) + " left out by --sample"));
  for (const char* wrong : {"1/100", "0/10 by user", "3/2 by user", "user"})
    CHECK(scene.replay({"--input", scene.input, "--sample", wrong}).code == 2);
  CHECK(contains(scene.replay({"--input", scene.input, "--sample", "1/2 by usr"}).err,
                 "--sample: no rule reads a field `usr`; did you mean `user`?"));
}

TEST_CASE("an --until before the last event asks time to go back: exit 2, and said") {
  const Scene scene;
  const Ran ran = scene.replay({"--input", scene.input, "--until", "2026-02-25T06:13:39Z", "-q"});
  CHECK(ran.code == 2);
  CHECK(lines_of(ran.out).size() == 1);
  CHECK(ran.err.starts_with(
      "tocsin replay: --until 2026-02-25T06:13:39.000000Z is before the last event, at "
      "2026-02-25T06:13:40.000000Z; all events have been judged (--to TIME leaves later ones out)\n"));
  CHECK(scene.replay({"--input", scene.input, "--until", "2026-02-25T06:13:40Z"}).code == 0);
  CHECK(scene.replay({"--input", scene.input, "--until", "2026-02-25T06:13:39Z", "--compare", scene.rules}).code == 2);
}

TEST_CASE("a group, a time field or a column that nobody knows is told before a line is read") {
  const Scene scene;
  const std::string line = R"(login=^(?P<ts>\S+) (?P<usr>\w+) (?P<outcome>\w+))";
  const auto said = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"--input", "-"});
    return scene.replay(words, {.input = "1772000000000 ann failure\n"});
  };
  const Ran misspelt = said({"--line", line});
  CHECK(misspelt.code == 0);
  CHECK(misspelt.err.starts_with(
      "note: --line login: neither a rule nor a declaration knows the field `usr` of its group; "
      "did you mean `user`?\n"));
  CHECK(!contains(said({"--line", line, "-q"}).err, "note:"));
  CHECK(!contains(said({"--line", R"(login=^(?P<ts>\S+) (?P<user>\w+) (\w+))"}).err, "note:"));
  const Ran no_time = said({"--line", line, "--time-field", "tsx"});
  CHECK(no_time.code == 2);
  CHECK(no_time.err.starts_with("tocsin replay: --line login: no group `tsx` for --time-field; did you mean `ts`?\n"));
  CHECK(contains(said({"--line", R"(login=(?P<user>\w+))"}).err,
                 "--line login: no group `ts` for its timestamp; name one so, or another by --time-field\n"));
  CHECK(contains(said({"--input-format", "csv", "--columns", "ts,user", "--time-field", "tss"}).err,
                 "--time-field: no column of --columns is called `tss`; did you mean `ts`?\n"));
  CHECK(contains(said({"--columns", "ts,user"}).err, "--columns names the columns of --input-format csv\n"));
  CHECK(contains(said({"--line", "login=(?P<user"}).err, "the regular expression for `login` is not one"));
}

TEST_CASE("--expect holds the alerts against those of an earlier replay") {
  const Scene scene;
  const std::string before = scene.folder.write("before.ndjson", scene.replay({"--input", scene.input}).out);
  const Ran same = scene.replay({"--input", scene.input, "--expect", before});
  CHECK(same.code == 0);
  CHECK(same.out.empty());
  const Ran other = scene.replay({"--input", scene.input, "--expect", scene.folder.write("none.ndjson", "")});
  CHECK(other.code == 1);
  CHECK(contains(other.out, "none.ndjson (this replay)\n@@ -0,0 +1,1 @@\n+{\"alert_id\""));
  CHECK(contains(other.out, "\"text\":\"3 for ann\""));
  CHECK(scene.replay({"--input", scene.input, "--expect", before, "--compare", scene.rules}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--expect", before, "--format", "human"}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--expect", "/nowhere/at.ndjson"}).code == 2);
  for (const auto& [line, place] :
       {std::pair{"{\"a\": x}", ":2:7: "}, {"[1]", ":2:1: "}, {"", ":2:1: "}, {"{", ":2:1: "}}) {
    CAPTURE(line);
    const std::string file = scene.folder.write("no.ndjson", "{}\n" + std::string(line) + "\n");
    const Ran ran = scene.replay({"--input", scene.input, "--expect", file});
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.err == "tocsin replay: --expect " + file + place +
                         "no JSON object; give it what a replay or the running tocsin wrote, one alert a line\n");
  }
}

// Were alternatives tried in all combinations, 200 of each of four events would be more than a search may take.
TEST_CASE("any of: events by the hundred in its window are no reason to give up, and the match is the latest") {
  const Folder folder;
  std::string rules, events;
  for (const char* name : {"a", "b", "c", "d"})
    rules += fmt::format("event {} has k text, ts time  timestamp ts  late 0s\n", name);
  for (int i = 0; i < 800; ++i) events += fmt::format("{{\"event\":\"{}\",\"k\":\"u\",\"ts\":{}}}\n", "abcd"[i % 4], i);
  rules += "rule three when any 3 of (a, b, c, d) within 1m by k  fire always  alert low \"{span}\"\n";
  const Ran ran = run({"replay", folder.write("x.rules", rules), "--input", folder.write("x.ndjson", events),
                       "--event-field", "event"});
  CHECK(ran.code == 0);
  CHECK(std::ranges::count(ran.out, '\n') == 798);
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) CHECK(contains(line, "\"text\":\"2ms\""));
  CHECK(!contains(ran.err, "limit"));
}

TEST_CASE("--compare: how many reminders an alert had is a difference within it") {
  const Folder folder;
  const std::string events = "event x has k text, ts time timestamp ts in s late 0s\n";
  const std::string rule = "rule q when x by k resolve when no x for 30s alert low \"{k}\"\n";
  const std::string now = folder.write("now.rules", events + rule);
  const std::string old = folder.write("old.rules", events + rule + "  remind every 10s\n");
  const std::string input = folder.write("x.ndjson", "{\"k\":\"a\",\"ts\":1}\n");
  const Ran ran = run({"replay", now, "--input", input, "--event", "x", "--compare", old, "--drain"});
  CHECK(contains(ran.out, "    reminder: 2 -> 0\n"));
  CHECK(contains(ran.out, "~1\n"));
}

TEST_CASE("--compare tells what other rules would have changed") {
  const Scene scene;
  std::string two = kRules;
  two.replace(two.find("when 3"), 6, "when 4");
  const std::string old = scene.folder.write("old/a.rules", two);
  const Ran ran = scene.replay({"--input", scene.input, "--compare", old});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out,
                 "rule    before  after  difference\nsilent       0      0  +0 -0 =0\n"
                 "three        0      1  +1 -0 =0\n"
                 "+ 2026-02-25T06:13:40.000000Z  high      three  {user: \"ann\"}  3 for ann\n"));
  CHECK(scene.replay({"--input", scene.input, "--compare", old, "--fail-on-diff"}).code == 1);
  CHECK(scene.replay({"--input", scene.input, "--compare", scene.rules, "--fail-on-diff"}).code == 0);
  const json document = json::parse(scene.replay({"--input", scene.input, "--compare", old, "--format", "json"}).out);
  CHECK(document["schema"] == "tocsin/replay-compare/1");
  CHECK(document["rules"][1]["added"].size() == 1);
  CHECK(scene.replay({"--input", "-", "--compare", old}, {.input = events()}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--fail-on-diff"}).code == 2);
}

TEST_CASE("--compare: a changed alert says what changed") {
  const Scene scene;
  std::string before = kRules;
  before.replace(before.find("alert high"), 10, "alert low");
  const std::string old = scene.folder.write("old/a.rules", before);
  const Ran ran = scene.replay({"--input", scene.input, "--compare", old});
  CHECK(contains(ran.out,
                 "three        1      1  +0 -0 =0 ~1\n"
                 "~ 2026-02-25T06:13:40.000000Z  high      three  {user: \"ann\"}  3 for ann\n"
                 "    severity: \"low\" -> \"high\"\n"));
  const json document = json::parse(scene.replay({"--input", scene.input, "--compare", old, "--format", "json"}).out);
  CHECK(document["rules"][1]["changed"] == 1);
  CHECK(document["rules"][1]["changes"][0]["fields"] ==
        json::parse(R"([{"field":"severity","old":"low","new":"high"}])"));
  CHECK(scene.replay({"--input", scene.input, "--compare", old, "--fail-on-diff"}).code == 1);
}

TEST_CASE("--compare: a renamed rule is the same rule") {
  const Scene scene;
  std::string renamed = kRules;
  renamed.replace(renamed.find("rule three"), 10, "rule fresh was three");
  const std::string now = scene.folder.write("new/a.rules", renamed);
  const std::vector<std::string> words{"replay", now, "--input", scene.input, "--compare", scene.rules};
  CHECK(contains(run(words).out,
                 "fresh (was three)       1      1  +0 -0 =1\n"
                 "silent                  0      0  +0 -0 =0\n"));
  // Something else that changed with it is told alone.
  renamed.replace(renamed.find("alert high"), 10, "alert low");
  scene.folder.write("new/a.rules", renamed);
  CHECK(contains(run(words).out,
                 "~ 2026-02-25T06:13:40.000000Z  low       fresh  {user: \"ann\"}  3 for ann\n"
                 "    severity: \"high\" -> \"low\"\n"));
  // Where the old rules have both names, the names decide.
  const std::string both = scene.folder.write(
      "both/a.rules",
      std::string(kRules) + "rule fresh when 3 login_failed within 1m by user  alert high \"{user}\"\n");
  const Ran ran = run({"replay", now, "--input", scene.input, "--compare", both});
  CHECK(contains(ran.out, "fresh        1      1  +0 -0 =0 ~1\n"));
  CHECK(contains(ran.out, "three        1      0  +0 -1 =0\n"));
}

TEST_CASE("--compare: what sessions, summaries and rules emit counts, with --emitted and without") {
  const Scene scene;
  const auto rules = [](const char* n, const char* who) {
    return fmt::format(
        "event login has user text, ts time  timestamp ts\n"
        "summary daily of login by user every 1h  with n = {}\n"
        "session visit of login by user  ends after 1m idle  with n = {}\n"
        "rule seen when login by user  emit was_seen with who = {}\n",
        n, n, who);
  };
  const std::string old = scene.folder.write("old/a.rules", rules("count()", "user"));
  const std::string now = scene.folder.write("new/a.rules", rules("count() * 2", "upper(user)"));
  std::vector<std::string> words{"replay", now, "--input", scene.input, "--compare", old, "--drain", "--fail-on-diff"};
  for (const bool emitted : {false, true}) {
    CAPTURE(emitted);
    if (emitted) words.insert(words.end(), {"--emitted", "--out", scene.folder.path() + "/out"});
    const Ran ran = run(words);
    CHECK(ran.code == 1);
    CHECK(contains(ran.out, "event daily                  1      1  +0 -0 =0 ~1\n"));
    CHECK(contains(ran.out, "event visit                  1      1  +0 -0 =0 ~1\n"));
    CHECK(contains(ran.out, "event was_seen of seen       3      3  +0 -0 =0 ~3\n"));
    CHECK(contains(ran.out, "~ 2026-02-25T06:14:40.000000Z  event     visit  {"));
    CHECK(contains(ran.out, "\n    fields.n: 3 -> 6\n"));
  }
  words.insert(words.end(), {"--format", "json"});
  words[5] = now;
  CHECK(run(words).code == 0);
  const json document = json::parse(run(words).out);
  CHECK(document["events"][0] == json::parse(R"({"event":"daily","by":"daily","before":1,"after":1,"same":1,)"
                                             R"("changed":0,"added":[],"gone":[],"changes":[]})"));
}

TEST_CASE("nothing that replay reads is overwritten by what it writes") {
  const Scene scene;
  const std::string before = Folder::read(scene.input);
  for (const char* option : {"--out", "--dead-letters"}) {
    const Ran ran = scene.replay({"--input", scene.input, option,
                                  scene.folder.path() + "/./" + scene.input.substr(scene.folder.path().size() + 1)});
    CHECK(ran.code == 2);
    CHECK(contains(ran.err, std::string(option) + " would overwrite the input"));
  }
  CHECK(Folder::read(scene.input) == before);
  const std::string same = scene.folder.path() + "/both.ndjson";
  CHECK(scene.replay({"--input", scene.input, "--out", same, "--dead-letters", same}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--out", "/dev/null", "--dead-letters", "/dev/null"}).code == 0);
}

TEST_CASE("rules, lists, tables and the files of options are read, too: by any path, none of them is written over") {
  const Scene scene;
  const std::string old = scene.folder.write("old.rules", kRules);
  const std::string list = scene.folder.write("bad.txt", "ann\n"), table = scene.folder.write("t.csv", "id,n\nann,1\n");
  const std::string named = scene.folder.write(
      "lists.rules", kRules +
                         "list bad from \"bad.txt\"\ntable t from \"t.csv\" key id\n"
                         "rule listed when login(user in list bad and t[user].n > 0) by user  alert low \"\"\n");
  const std::string link = scene.folder.path() + "/link";
  std::filesystem::create_symlink("old.rules", link);
  const auto kept = [&](const std::string& file, const std::string& out, std::vector<std::string> words) {
    const std::string before = Folder::read(file);
    words.insert(words.end(), {"--out", out});
    const Ran ran = run(words);
    CAPTURE(out);
    CHECK(ran.code == 2);
    CHECK(contains(ran.err, "--out would overwrite "));
    CHECK(Folder::read(file) == before);
  };
  const std::vector<std::string> compared{"replay", scene.rules, "--input", scene.input, "--compare", old};
  kept(old, old, compared);
  kept(old, link, compared);
  kept(list, list, {"replay", named, "--input", scene.input});
  kept(table, table, {"replay", named, "--input", scene.input});
}

TEST_CASE("no output is opened while something that is read may still be missing") {
  const Scene scene;
  const std::string out = scene.folder.write("out.ndjson", "of yesterday\n");
  CHECK(scene.replay({"--input", scene.folder.path() + "/none.ndjson", "--out", out}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--compare", "/nowhere", "--out", out}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--fail-on-diff", "--out", out}).code == 2);
  CHECK(Folder::read(out) == "of yesterday\n");
}

TEST_CASE("a full disk is told, with --compare, too") {
  const Scene scene;
  for (const std::vector<std::string>& more : {std::vector<std::string>{}, {"--compare", scene.rules}}) {
    std::vector<std::string> words{"--input", scene.input, "--out", "/dev/full"};
    words.insert(words.end(), more.begin(), more.end());
    const Ran ran = scene.replay(words);
    CHECK(ran.code == 2);
    CHECK(contains(ran.err, "cannot write /dev/full"));
  }
}

TEST_CASE("--late: each event that came too late, by what it is and where it stands") {
  const Scene scene;
  const std::string late = scene.folder.path() + "/late.ndjson";
  const std::string input = events() + events(1'771'000'000'000).substr(0, events().find('\n') + 1);
  const Ran ran = scene.replay({"--input", "-", "--late", late}, {.input = input});
  CHECK(contains(ran.err, "; besides them 1 late\n"));
  CHECK(Folder::read(late) ==
        "{\"event\":\"login\",\"time\":\"2026-02-13T16:26:40.000000Z\",\"watermark\":\"2026-02-25T06:13:30.000000Z\","
        "\"source\":"
        "\"stdin/0/4\"}\n");
  CHECK(
      contains(scene.replay({"--input", "-"}, {.input = input}).err, "1 late\nwhich events were late: --late FILE\n"));
}

TEST_CASE("- is standard output, for one of the outputs") {
  const Scene scene;
  CHECK(scene.replay({"--input", scene.input, "--out", "-"}).out == scene.replay({"--input", scene.input}).out);
  const Ran dead = scene.replay({"--input", "-", "--out", "/dev/null", "--dead-letters", "-"}, {.input = "junk\n"});
  CHECK(lines_of(dead.out).at(0)["reason"] == "broken_record");
  CHECK(contains(scene.replay({"--input", scene.input, "--late", "-"}).err, "--late - and the alerts both have"));
  CHECK(contains(scene.replay({"--input", scene.input, "--out", "-", "--late", "-"}).err,
                 "--out and --late both have standard output"));
  CHECK(scene.replay({"--input", scene.input, "--out", "-", "--compare", scene.rules}).code == 2);
}

TEST_CASE("what cannot be done is said, with exit 2; rules with errors with exit 1") {
  const Scene scene;
  CHECK(contains(scene.replay({}).err, "name the events: --input FILE"));
  CHECK(contains(scene.replay({"--input", "/nowhere/at.ndjson"}).err, "cannot open /nowhere/at.ndjson: No such file"));
  CHECK(scene.replay({"--input", "/nowhere/at.ndjson"}).code == 2);
  const Folder empty;  // of one with files, these are read
  CHECK(contains(scene.replay({"--input", empty.path()}).err, "there is no such file"));
  CHECK(scene.replay({"--input", empty.path()}).code == 2);
  CHECK(run({"replay", "/nowhere", "--input", scene.input}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--until", "noon"}).code == 2);
  CHECK(scene.replay({"--input", scene.input, "--until", "1", "--drain"}).code == 2);
  const Ran broken = run({"replay", "-", "--input", scene.input}, {.input = "rule r when 5 x within\n"});
  CHECK(broken.code == 1);
  CHECK(contains(broken.err, "error[R0"));
}

// Were a call of a rule forgotten around which time is taken, alerts would be lost; were one taken twice, the sum would
// be more than the whole.
TEST_CASE("--profile: what each rule costs, and the same alerts") {
  Scene scene;
  scene.rules = scene.folder.write("b.rules", kRules +
                                                  "rule five when 5 login_failed within 1m by user  alert low \"\"\n"
                                                  "event logout has user text, ts time  timestamp ts  late 10s\n"
                                                  "rule none when 3 logout within 1m by user  alert low \"\"\n");
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += events(1'772'000'000'000 + i * 30'000);
  scene.input = scene.folder.write("many.ndjson", many);
  const std::vector<std::string> words{"--input", scene.input, "--event-field", "event"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), words.begin(), words.end());
    return scene.replay(more);
  };
  const Ran plain = with({}), profiled = with({"--profile"});
  CHECK(profiled.code == 0);
  CHECK(profiled.out == plain.out);
  CHECK(profiled.err.starts_with(plain.err));
  CHECK(contains(profiled.err, "ns/event       keys   state bytes   alerts\n"));
  CHECK(contains(profiled.err, " ms for the whole run and its measuring\n"));

  const Ran answer = with({"--profile=json"});
  const std::vector<json> documents = lines_of(answer.out);
  REQUIRE(documents.size() == 1);  // no alert among it
  const json& profile = documents.front();
  CHECK(profile["schema"] == "tocsin/profile/1");
  std::map<std::string, json> rules;
  double before = 1e9, sum = 0;
  for (const json& rule : profile["rules"]) {
    const double seconds = rule["seconds"];
    CHECK(seconds <= before);  // the dearest first
    before = seconds;
    sum += seconds;
    rules[rule["rule"]] = rule;
  }
  CHECK(rules.size() == 4);
  CHECK(sum <= profile["seconds"]);
  CHECK(sum > 0);
  CHECK(rules["three"]["events"] == 6'000);
  CHECK(rules["three"]["keys"] == 1);
  CHECK(rules["three"]["alerts"].get<long>() + rules["five"]["alerts"].get<long>() ==
        std::count(plain.out.begin(), plain.out.end(), '\n'));
  CHECK(rules["three"]["state_bytes"] > 0);
  CHECK(rules["none"]["events"] == 0);
  CHECK(rules["none"]["alerts"] == 0);
  CHECK(rules["three"]["seconds"] > rules["none"]["seconds"]);

  CHECK(lines_of(with({"--profile=json", "--out", scene.folder.path() + "/out"}).out).size() == 1);
  CHECK(Folder::read(scene.folder.path() + "/out") == plain.out);
  CHECK(contains(with({"--profile", "--compare", scene.rules}).err, "it goes without --compare"));
}

}  // namespace

TEST_CASE("--format human: a line is a line, whatever an event says") {
  const Scene scene;
  const std::string rules = scene.folder.write("forge.rules",
                                               "event say has text text, ts time  timestamp ts\n"
                                               "rule told when say by text  alert low \"{text}\"\n");
  const std::string input = scene.folder.write(
      "forge.ndjson", R"({"text":"x\n2026-01-01 critical \u001b[2J\u009b","ts":"2026-01-01T00:00:00Z"})"
                      "\n");
  const Ran ran = run({"replay", rules, "--input", input, "--format", "human", "-q"});
  CHECK(std::ranges::count(ran.out, '\n') == 1);
  CHECK(contains(ran.out, "x\\n2026-01-01 critical \\u001b[2J\\u009b"));
  CHECK(!contains(ran.out, "\x1b"));
}

}  // namespace tocsin::app
