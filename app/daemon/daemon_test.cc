// If one of these fails, a reload or a stop takes more with it than it may: rules that ran, connections, events.
#include "app/daemon/daemon.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <atomic>
#include <filesystem>
#include <set>

#include "adapters/lmdb/testing.h"
#include "app/control/metrics.h"
#include "app/daemon/testing.h"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

struct Connection {
  explicit Connection(const std::string& path) : socket(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  ~Connection() { ::close(socket); }
  void send(const std::string& text) const {
    REQUIRE(::send(socket, text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
  }
  int socket;
};

}  // namespace

TEST_CASE("a reload keeps connections, and what they gave that no rule has judged yet") {
  Running running(UnixSource{});
  running.settings.sources.front().address = UnixSource{running.folder / "in"};
  running.begin();
  const Connection connection(running.folder / "in");
  connection.send(event("ann", 1) + event("ann", 2));
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2; }));
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().reload.generation == 2);
  connection.send(event("ann", 3) + event("bob", 4) + event("bob", 5) + event("cid", 6));
  CHECK(soon([&] { return running.alerted("ann: three") && running.alerted("bob: two"); }));
  CHECK(running.daemon->status().sources.front().records == 6);
  CHECK(running.daemon->status().sources.front().bytes > 6 * 40);
  CHECK(running.daemon->status().sources.front().watermark.has_value());
}

TEST_CASE("after a second of work no figure is 0 that cannot be") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.state.checkpoint.every = running.settings.state.checkpoint.min_pause = milliseconds(50);
  running.folder.write("in.ndjson", "");
  running.begin();
  std::atomic<bool> ends{false};
  // So few that shards are idle now and then, also where all is slow.
  std::thread writer([&] {
    std::ofstream in(running.folder / "in.ndjson", std::ios::app);
    for (int i = 0; !ends; ++i) {
      for (int user = 0; user < 10; ++user)
        in << fmt::format("{{\"user\":\"user{}\",\"ts\":\"2026-03-01T{:02}:{:02}:{:02}Z\"}}\n", i / 20 * 10 + user,
                          i / 10 / 3600 % 24, i / 10 / 60 % 60, i / 10 % 60);
      in.flush();
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  REQUIRE(soon([&] { return running.daemon->status().epoch > 0; }));
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().epoch > 0);  // nothing has been stored by the new ones, perhaps

  // What tells of something that is wrong, or of what is under way just now.
  const std::set<std::string> may_be_none{
      "tocsin_events_late_total",      "tocsin_dead_letters_total",     "tocsin_rule_cut_short_total",
      "tocsin_rule_missing_key_total", "tocsin_alert_delivery_waiting", "tocsin_shard_waiting",
      "tocsin_source_paused",          "tocsin_reading_paused",         "tocsin_checkpoint_failures",
      "tocsin_problems_total",         "tocsin_rebuild_done_ratio"};
  // Not all at one time: a shard has seconds in which it is never idle.
  std::string none;
  std::set<std::string> ever;
  const bool all_are = soon([&] {
    none.clear();
    std::set<std::string> found;
    std::istringstream lines(running.daemon->metrics());
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('#') || line.find("result=\"failed\"") != std::string::npos) continue;
      const std::string name = line.substr(0, line.find_first_of("{ ")), series = line.substr(0, line.rfind(' '));
      found.insert(name);
      if (std::stod(line.substr(series.size())) != 0) ever.insert(series);
      if (!may_be_none.contains(name) && !ever.contains(series)) none += line + "\n";
    }
    for (const MetricRow& row : metric_rows())
      if (!may_be_none.contains(std::string(row.name)) && !found.contains(std::string(row.name)))
        none += std::string(row.name) + " is not there\n";
    return none.empty();
  });
  ends = true;
  writer.join();
  CAPTURE(none);
  CHECK(all_are);
  CHECK(running.daemon->status().memory_bytes > 1'000'000);
}

TEST_CASE("what is counted of a rule goes on over reloads, also under another name, and what has gone is forgotten") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2) + event("ann", 3) + event("bob", 4));
  running.begin();
  const auto figures = [&](const std::string& name) {
    const auto rules = running.daemon->rules();
    const auto rule = std::ranges::find(rules, name, &RuleStatus::name);
    return rule == rules.end() ? "none" : fmt::format("{} events, {} alerts", rule->events, rule->alerts);
  };
  REQUIRE(soon([&] { return running.alerted("ann: three"); }));
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(running.reload().status == 200);
  // At once, though nothing is looked at twice in half a second.
  CHECK(figures("three") == "4 events, 1 alerts");
  CHECK(figures("two") == "0 events, 0 alerts");
  // Appended: a file that is written anew is empty for a moment, and who follows it would read it from its front.
  std::ofstream(running.folder / "in.ndjson", std::ios::app) << event("cid", 5) + event("cid", 6) + event("dan", 7);
  REQUIRE(soon([&] { return running.alerted("cid: two"); }));
  std::string renamed = std::string(kEvent) + kThree;
  renamed.replace(renamed.find("rule three"), 10, "rule triple was three");
  running.rules(renamed);
  CHECK(running.reload().status == 200);
  CHECK(figures("triple") == "7 events, 1 alerts");
  CHECK(figures("two") == "none");
  std::uint64_t by_shards = 0;
  for (const ShardStatus& shard : running.daemon->shards()) by_shards += shard.events;
  CHECK(by_shards == 10);
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(running.reload().status == 200);
  CHECK(figures("two") == "0 events, 0 alerts");
}

TEST_CASE("a reload says which settings wait for a restart, and refuses where they cannot be read") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", "");
  std::optional<std::string> now = R"({"values":{"log":{"level":"info"},"sinks":{"default":["alerts"]}}})";
  running.config_json = *now;
  running.config_now = [&](Console& said) {
    if (!now) said.err << "tocsin.toml:3: this is no TOML\n";
    return now;
  };
  running.begin();
  CHECK(running.reload().document.find("settings:") == std::string::npos);
  now = R"({"values":{"log":{"level":"debug"},"sinks":{"default":["alerts"],"late":"alerts"}}})";
  const Verdict told = running.reload();
  CHECK(told.status == 200);
  CHECK(told.document.find("settings: `log.level`, `sinks.late` have been changed; the next start takes them") !=
        std::string::npos);
  CHECK(told.document.find(R"("for_restart":["log.level","sinks.late"])") != std::string::npos);
  CHECK(running.said("`log.level`, `sinks.late` have been changed"));
  now.reset();
  const Verdict refused = running.reload();
  CHECK(refused.status == 422);
  CHECK(refused.document.find("tocsin.toml:3: this is no TOML") != std::string::npos);
  CHECK(running.daemon->status().reload.error.find("this is no TOML") != std::string::npos);
}

TEST_CASE("a reload that is refused says where it is wrong, and what runs on and what does not") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", "");
  running.config_json = R"({"values":{}})";
  running.config_now = [](Console&) { return R"({"values":{"sink":{"pager":{"file":{"path":"p"}}}}})"; };
  running.begin();
  running.rules("rule broken when");
  const Verdict broken = running.reload();
  CHECK(broken.status == 422);
  CHECK(broken.document.find("error[R0") != std::string::npos);
  CHECK(broken.document.find("nothing runs") == std::string::npos);
  CHECK_FALSE(running.said("nothing runs"));
  for (const std::string sink : {"pager", "other"}) {
    running.rules(std::string(kEvent) + kThree + "  send to \"" + sink + "\"\n");
    const Verdict unknown = running.reload();
    CHECK(unknown.status == 422);
    CAPTURE(unknown.document);
    CHECK(unknown.document.find("a.rules:") != std::string::npos);
    CHECK((unknown.document.find("the next start takes it") != std::string::npos) == (sink == "pager"));
    CHECK((unknown.document.find("has no [sink.other]") != std::string::npos) == (sink == "other"));
  }
}

TEST_CASE("a list that comes to have what is no address is taken, and told") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", "");
  running.folder.write("rules/exits.txt", "10.0.0.7\n");
  running.rules(
      "event login_failed has user text, ip ip?, ts time\n  timestamp ts\nlist exits from \"exits.txt\"\n"
      "rule r when login_failed(ip in list exits) by user  alert low \"{user}\"\n");
  running.begin();
  CHECK_FALSE(running.said("R132"));
  running.folder.write("rules/exits.txt", "10.0.0.7\n10.0.0.300\n");
  CHECK(running.reload({.dry_run = true}).status == 200);
  CHECK(running.reload().status == 200);
  CHECK(running.said("warn rules: warning[R132]: "));
  CHECK(running.said("`10.0.0.300` is no address and no network"));
}

TEST_CASE("what ends the daemon is an error, and the start says whose alerts nobody gets") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson"};
  running.folder.write("in.ndjson", event("ann", 1));
  running.settings.routes.alerts.clear();
  running.begin();
  CHECK(running.said("warn sinks: no sink gets the alerts of `three`; `sinks.default` names"));
  running.stop();
  running.folder.write("state/base.mdb", "no base at all");
  running.settings.log.level = LogLevel::error;
  CHECK(running.run() == Exit::state_refused);
  CHECK(running.said("error state: "));
}

TEST_CASE(
    "a large base that was closed and damaged since ends the daemon before anything leaves, and the next starts") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  std::string events;
  for (int user = 0; user < 2'000; ++user) events += event(fmt::format("user{}", user), 1);
  running.folder.write("in.ndjson", events);
  running.begin();
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2'000; }));
  CHECK(running.stop() == Exit::done);
  std::string base = running.text("state/base.mdb");
  tests::shorten_a_leaf(base);
  running.folder.write("state/base.mdb", base);
  {  // what is behind its last page is nobody's
    const int file = ::open((running.folder / "state/base.mdb").c_str(), O_WRONLY | O_CLOEXEC);
    REQUIRE(::posix_fallocate(file, 0, off_t{65} << 20) == 0);
    ::close(file);
  }
  running.folder.write("log", "");
  CHECK(running.run() == Exit::state_refused);
  CHECK(running.said(" daemon: runs "));  // it was not looked at before
  CHECK(running.said("error state: " + running.folder / "state/base.mdb is damaged: "));
  const std::string log = running.text("log");
  CHECK(log.find(" error ") == log.rfind(" error "));
  CHECK_FALSE(running.said("reading waits"));
  CHECK_FALSE(running.said("warn checkpoint"));
  running.folder.write("log", "");
  CHECK(running.run() == Exit::state_refused);
  CHECK_FALSE(running.said(" daemon: runs "));
  CHECK(running.said("error state: " + running.folder / "state/base.mdb is damaged: "));
}

TEST_CASE("a stop while nothing can be stored says what is left, what the next start does, and with which exit code") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.shutdown_grace = seconds(1);
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2));
  running.begin();
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  REQUIRE(soon([&] { return running.daemon->status().epoch > 0; }));
  const std::string deltas = running.folder / "state/deltas", away = running.folder / "state/away";
  fs::rename(deltas, away);  // as on a disk that takes nothing
  more << event("ann", 3) << std::flush;
  REQUIRE(soon([&] { return running.said("reading waits until it can be stored"); }));
  const std::uint64_t newest = running.daemon->status().epoch;
  CHECK(running.stop() == Exit::no);
  CHECK(running.said("error state: the last epoch is not stored: "));
  CHECK(running.said(
      fmt::format("; the next start goes on from epoch {} and reads what came since then again\n", newest)));
  CHECK(running.said("info daemon: has stopped, with exit code 1\n"));
  fs::rename(away, deltas);
  running.begin();
  CHECK(soon([&] { return running.alerted("ann: three"); }));
}

TEST_CASE("a source that does not say what its records are is told the keys that do, not options of other commands") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson"};
  running.settings.sources.front().codec = {};
  running.settings.sources.front().codec.add("--input-format", "json");
  running.rules(std::string(kEvent) + "event other has user text\n" + kThree);
  running.folder.write("in.ndjson", "");
  CHECK(running.run() == Exit::usage);
  CHECK(running.said("say what the records are: `event` NAME, or `event_field` FIELD"));
}

TEST_CASE("what a socket gave and no rule has judged is there after a stop and a start") {
  Running running(UnixSource{});
  running.settings.sources.front().address = UnixSource{running.folder / "in"};
  running.rules("event login_failed has user text, ts time\n  timestamp ts\n  late 10s\n" + std::string(kThree));
  running.begin();
  {
    const Connection connection(running.folder / "in");
    connection.send(event("ann", 3) + event("ann", 1));
    REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2; }));
  }
  CHECK(running.stop() == Exit::done);
  CHECK(fs::exists(running.folder / "state/unjudged"));
  running.begin();
  const Connection connection(running.folder / "in");
  connection.send(event("ann", 2) + event("bob", 20));
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  CHECK(running.text("alerts.ndjson").find("ann: three") == running.text("alerts.ndjson").rfind("ann: three"));
}

// Who has sent and gone does not come again.
TEST_CASE("what had come over a socket when the daemon was told to stop is read before it does") {
  Running running(UnixSource{});
  running.settings.sources.front().address = UnixSource{running.folder / "in"};
  running.rules(std::string(kEvent) + "rule single\n  when login_failed by user\n  alert \"{user}: one\"\n");
  running.patience.rest = minutes(1);
  running.settings.shutdown_grace = minutes(10);
  running.begin();
  constexpr int kClients = 200;
  for (int i = 0; i < kClients; ++i) Connection(running.folder / "in").send(event(fmt::format("user{}", i), 1));
  CHECK(running.stop() == Exit::done);
  running.begin();
  Connection(running.folder / "in").send(event("bob", 20) + event("bob", 21));
  CHECK(soon([&] { return running.alerted("bob: one"); }));
  int missing = 0;
  for (int i = 0; i < kClients; ++i) missing += !running.alerted(fmt::format("user{}: one", i));
  CHECK(missing == 0);
}

TEST_CASE("the columns of a CSV, and a record whose rest has not come, outlive a reload and a restart") {
  Running running(UnixSource{});
  SourceSettings& source = running.settings.sources.front();
  source.address = UnixSource{running.folder / "in"};
  source.codec = {};
  source.codec.add("--input-format", "csv");
  source.codec.add("--event", "login_failed");
  running.begin();
  const auto line = [](const std::string& user, int second) {
    return fmt::format("{},2026-03-01T14:00:{:02}Z\n", user, second);
  };
  const auto has_read = [&](std::uint64_t records) {
    return soon([&] { return running.daemon->status().sources.front().records == records; });
  };
  {
    const Connection connection(running.folder / "in");
    connection.send("user,ts\n" + line("ann", 1) + line("\"a\nb\"", 1) + "\"a\n");
    REQUIRE(has_read(2));
    running.rules(std::string(kEvent) + kThree + kTwo);
    CHECK(running.reload().status == 200);
    connection.send("b\",2026-03-01T14:00:02Z\n" + line("ann", 2));
    REQUIRE(has_read(4));
  }
  CHECK(running.stop() == Exit::done);
  running.begin();
  const Connection connection(running.folder / "in");
  connection.send("user,ts\n" + line("ann", 3) + line("\"a\nb\"", 4) + line("zoe", 5));
  CHECK(soon([&] { return running.alerted("ann: three") && running.alerted("a\\nb: three"); }));
  CHECK(running.daemon->status().dead_letters == 0);
}

TEST_CASE("a reload that cannot be stored leaves the old rules with all that they had") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2));
  running.begin();
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2; }));
  const std::string deltas = running.folder / "state/deltas";
  fs::rename(deltas, deltas + ".away");
  running.rules(std::string(kEvent) + kThree + kTwo);
  const Verdict verdict = running.reload();
  CHECK(verdict.status == 409);
  CHECK(verdict.document.find("nothing can be stored") != std::string::npos);
  CHECK(verdict.document.find("help") != std::string::npos);
  CHECK(running.daemon->status().reload.error.find("nothing can be stored") != std::string::npos);
  CHECK(running.said("the old ones run on"));
  fs::rename(deltas + ".away", deltas);
  REQUIRE(soon([&] { return running.daemon->ready().ok(); }));
  more << event("ann", 3) << event("bob", 4) << std::flush;
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  CHECK(running.daemon->status().reload.generation == 1);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().reload.error.empty());
  more << event("bob", 5) << event("bob", 6) << event("cid", 7) << std::flush;
  CHECK(soon([&] { return running.alerted("bob: two"); }));
}

TEST_CASE("a source that cannot be opened again keeps the new rules from beginning, and nothing else") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in/*.ndjson", true};
  running.folder.write("in/1.ndjson", event("ann", 1) + event("ann", 2));
  running.begin();
  std::ofstream more(running.folder / "in/1.ndjson", std::ios::app);
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2; }));
  fs::rename(running.folder / "in", running.folder / "away");
  running.folder.write("in", "a file where a folder was");
  running.rules(std::string(kEvent) + kThree + kTwo);
  const Verdict verdict = running.reload();
  CHECK(verdict.status == 409);
  CHECK(verdict.document.find("source.in") != std::string::npos);
  CHECK(running.daemon->status().reload.generation == 1);
  CHECK_FALSE(running.daemon->status().reload.error.empty());
  more << event("ann", 3) << event("bob", 4) << std::flush;  // into the file that is still open
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  fs::remove(running.folder / "in");
  fs::rename(running.folder / "away", running.folder / "in");
  CHECK(running.reload().status == 200);
  more << event("bob", 5) << event("bob", 6) << event("cid", 7) << std::flush;
  CHECK(soon([&] { return running.alerted("bob: two"); }));
}

TEST_CASE("a rule file that is being saved, and is empty or cut meanwhile, takes nothing with it") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.reload.watch = true;
  running.settings.reload.every = milliseconds(1);
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2));
  const std::string all = std::string(kTwo) + kThree;
  running.folder.write("rules/events.rules", kEvent);
  running.rules(all);
  const auto begin = [&](Duration saved, Duration saved_empty) {
    running.patience = {.saved = saved, .saved_empty = saved_empty};
    running.begin();
  };
  // Time for some looks.
  const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(400)); };
  begin(milliseconds(1), hours(1));
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2; }));
  running.rules("");
  REQUIRE(soon([&] { return running.said("a.rules is empty now"); }));
  wait();
  CHECK(running.daemon->status().reload.generation == 1);
  running.folder.write("rules/a.new", all);
  fs::rename(running.folder / "rules/a.new", running.folder / "rules/a.rules");
  CHECK(running.stop() == Exit::done);
  begin(hours(1), hours(1));
  running.rules(kTwo);  // a half of it
  wait();
  running.rules(all);
  more << event("ann", 3) << event("bob", 4) << std::flush;
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  CHECK(running.daemon->status().reload.generation == 1);
  CHECK(running.stop() == Exit::done);
  begin(milliseconds(1), hours(1));
  running.rules(kThree);  // and it stays so
  CHECK(soon([&] { return running.daemon->status().reload.generation == 2; }));
  running.rules("");
  CHECK(running.reload().status == 200);  // who says so is believed at once
  CHECK(running.daemon->status().reload.generation == 3);
}

TEST_CASE("a key whose declared type changes begins anew: what is kept stands under keys that nobody asks for") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  const auto by = [](const std::string& type) {
    return "event login_failed has user " + type + ", ts time\n  timestamp ts\n" + kThree;
  };
  running.rules(by("int"));
  running.begin();
  running.rules(by("text"));
  const Verdict refused = running.reload({.require_state_kept = true});
  CHECK(refused.status == 422);
  CHECK(refused.document.find("rules would lose what they remember: `three`") != std::string::npos);
  CHECK(running.reload().document.find("\"reset\":[\"three\"]") != std::string::npos);
}

TEST_CASE("a reload says of each rule until when a window that grew is warming, and how much a reset has lost") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", event("ann", 1) + event("bob", 2) + event("cid", 3));
  running.rules(std::string(kEvent) + kThree + kTwo);
  running.begin();
  REQUIRE(soon([&] { return running.daemon->status().keys == 6; }));
  running.rules(std::string(kEvent) +
                "rule three\n  when 3 login_failed within 15m by user\n  alert \"{user}: three\"\n"
                "rule two\n  when login_failed then login_failed within 5m by user\n  alert \"{user}: two\"\n");
  const std::string kept = "~ three  kept, warming until 2026-03-01T14:10:0";
  CHECK(running.reload({.dry_run = true}).document.find(kept) != std::string::npos);
  const Verdict verdict = running.reload();
  INFO(verdict.document);
  CHECK(verdict.document.find(kept) != std::string::npos);
  CHECK(verdict.document.find("what it remembered is dropped, 3 keys") != std::string::npos);
  CHECK(running.said("rules: " + kept));
  CHECK(running.said("is dropped, 3 keys"));
  CHECK(running.daemon->rules().front().warming_until.has_value());
  // No more than three of each key were kept.
  running.rules(std::string(kEvent) +
                "rule three\n  when 5 login_failed within 15m by user\n  alert \"{user}: three\"\n");
  CHECK(running.reload().document.find("~ three  kept, warming until 2026-03-01T14:15:0") != std::string::npos);
}

TEST_CASE("a reload says what only some waits were kept of, and which clause makes a rule begin anew") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2));
  const std::string waits = std::string(kEvent) + "event login_ok has user text, ts time\n  timestamp ts\n" +
                            "rule waits\n  when login_failed then no login_ok within 10m by user\n";
  running.rules(waits + "  alert \"{user}\"\n");
  running.begin();
  REQUIRE(soon([&] { return running.daemon->status().keys == 1; }));
  running.rules(waits + "  fire always\n  alert \"{user}\"\n");
  CHECK(running.reload().document.find("~ waits  kept, warming until 2026-03-01T14:10:0") != std::string::npos);
  running.rules(waits + "  fire always\n  learn 1m\n  alert \"{user}\"\n");
  const Verdict verdict = running.reload();
  INFO(verdict.document);
  CHECK(verdict.document.find("it is another rule now with or without `learn`") != std::string::npos);
}

TEST_CASE("a rule that is renamed goes on with what it had, over a reload and over a restart") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2) + event("bob", 2));
  const auto renamed = [&](const std::string& now, const std::string& was) {
    const std::string three = kThree;
    running.rules(kEvent + ("rule " + now + " was " + was) + three.substr(three.find('\n')));
  };
  running.begin();
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 3; }));
  renamed("third", "three");
  const Verdict verdict = running.reload();
  CHECK(verdict.status == 200);
  CHECK(verdict.document.find(R"("added":[],"changed":["third"],"reset":[],"rebuilt":[],"removed":[])") !=
        std::string::npos);
  more << event("ann", 3) << event("bob", 4) << std::flush;
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  CHECK(running.stop() == Exit::done);
  renamed("newest", "third");
  running.begin();
  more << event("bob", 5) << std::flush;
  CHECK(soon([&] { return running.alerted("bob: three"); }));
  CHECK_FALSE(running.said("is gone or another one now"));
}

TEST_CASE(
    "a newest epoch that is damaged is refused; with --fall-back the one before it counts, and nothing is doubled") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.state.checkpoint.on_exit = false;
  running.folder.write("in.ndjson", event("ann", 1) + event("ann", 2));
  running.begin();
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  REQUIRE(soon([&] { return running.daemon->status().sources.front().records == 2; }));
  more << event("ann", 3) << event("bob", 4) << std::flush;
  REQUIRE(soon([&] { return running.alerted("ann: three"); }));
  CHECK(running.stop() == Exit::done);
  std::set<fs::path> deltas;
  for (const auto& file : fs::directory_iterator(running.folder / "state/deltas")) deltas.insert(file.path());
  REQUIRE(deltas.size() > 1);
  fs::resize_file(*deltas.rbegin(), fs::file_size(*deltas.rbegin()) - 10);

  CHECK(running.run() == Exit::state_refused);
  CHECK(running.said("or start with --fall-back, which goes back to epoch "));
  running.arguments.add("--fall-back", {});
  running.begin();
  CHECK(running.said(" is damaged and set aside: its events are read again"));
  more << event("bob", 5) << event("bob", 6) << event("bob", 7) << std::flush;
  CHECK(soon([&] { return running.alerted("bob: three"); }));
  CHECK(running.stop() == Exit::done);
  const std::string alerts = running.text("alerts.ndjson");
  CHECK(alerts.find("ann: three") == alerts.rfind("ann: three"));
}

TEST_CASE("a reload in which nothing that runs has changed begins no other generation") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.rules(std::string(kEvent) + "list bad = [\"x\", \"y\"]\n" + kThree);
  running.begin();
  const std::string hash = running.daemon->status().reload.hash;
  running.rules(std::string("// a word\n") + kEvent + "list bad = [\"x\",   \"y\"]\n" + kThree);
  const Verdict verdict = running.reload();
  CHECK(verdict.status == 200);
  CHECK(verdict.document.find("1 kept") != std::string::npos);
  CHECK(running.daemon->status().reload.generation == 1);
  CHECK(running.daemon->status().reload.hash != hash);
  running.rules(std::string(kEvent) + "list bad = [\"x\", \"z\"]\n" + kThree);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().reload.generation == 2);
  // How long events are waited for, and what a number is as a time, runs as well.
  std::string event = kEvent;
  const std::size_t end = event.find('\n', event.find("timestamp"));
  REQUIRE(end != std::string::npos);
  running.rules(event.insert(end, "  late 7s") + "list bad = [\"x\", \"z\"]\n" + kThree);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().reload.generation == 3);
  running.rules(event.insert(end, " in s") + "list bad = [\"x\", \"z\"]\n" + kThree);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().reload.generation == 4);
}

namespace {

std::size_t times(const std::string& text, const std::string& part) {
  std::size_t out = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++out;
  return out;
}

// One that has read a few events by the rule `three`, of a file that may be written on.
struct WithAPast : Running {
  WithAPast() : Running(FileSource{}) {
    settings.sources.front().address = FileSource{folder / "in.ndjson", true};
    folder.write("in.ndjson", event("ann", 1) + event("ann", 2) + event("bob", 3));
    begin();
    has_read(3);
    more.open(folder / "in.ndjson", std::ios::app);
  }
  void has_read(std::uint64_t records) {
    REQUIRE(soon([&] { return daemon->status().sources.front().records == records; }));
  }
  void add(const std::string& text) { more << text << std::flush; }
  std::ofstream more;
};

}  // namespace

TEST_CASE("a rule is rebuilt from what its file still has, and nothing of the past is alerted") {
  WithAPast running;
  running.rules(std::string(kEvent) + kThree + kTwo);
  const Verdict planned = running.reload({.dry_run = true, .rebuild = {"two"}});
  CHECK(planned.status == 200);
  CHECK(contains(planned.document, "+ two  rebuilt from what its sources have since 2026-03-01T14:00:01.000000Z"));
  CHECK(running.daemon->status().reload.generation == 1);
  CHECK_FALSE(fs::exists(running.folder / "state/rebuilding"));

  const Verdict verdict = running.reload({.rebuild = {"two"}});
  CHECK(verdict.status == 200);
  CHECK(contains(verdict.document, "rules: 1 added, 0 changed, 1 kept, 0 removed"));
  CHECK(contains(verdict.document, "+ two  rebuilt from what its sources have since 2026-03-01T14:00:01.000000Z"));
  CHECK(contains(verdict.document,
                 R"("rebuilt":[{"rule":"two","since":"2026-03-01T14:00:01.000000Z","warming_until":null}])"));
  CHECK(running.daemon->status().reload.generation == 2);
  CHECK_FALSE(running.daemon->status().rebuild);
  running.add(event("bob", 4) + event("ann", 5) + event("cid", 6));
  CHECK(soon([&] { return running.alerted("bob: two") && running.alerted("ann: three"); }));
  CHECK_FALSE(running.alerted("ann: two"));  // that was in the past, and has gone on since
  CHECK(soon([&] { return !fs::exists(running.folder / "state/rebuilding"); }));

  // What it remembers is durable.
  CHECK(running.stop() == Exit::done);
  running.begin();
  running.add(event("cid", 7) + event("dan", 8));
  CHECK(soon([&] { return running.alerted("cid: two"); }));
  CHECK(times(running.text("alerts.ndjson"), ": two") == 2);
}

TEST_CASE("a rule that is there already is rebuilt, too: it had begun too late") {
  WithAPast running;
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(running.reload().status == 200);
  const Verdict verdict = running.reload({.rebuild = {"two"}});
  CHECK(contains(verdict.document, "rules: 0 added, 1 changed, 1 kept, 0 removed"));
  CHECK(contains(verdict.document, "~ two  rebuilt from what its sources have since 2026-03-01T14:00:01.000000Z"));
  running.add(event("bob", 4) + event("cid", 6));
  CHECK(soon([&] { return running.alerted("bob: two"); }));
  CHECK_FALSE(running.alerted("ann: two"));
}

TEST_CASE("a daemon that ends before a rule is rebuilt begins with that, and with nothing once it is durable") {
  WithAPast running;
  CHECK(running.stop() == Exit::done);
  running.rules(std::string(kEvent) + kThree + kTwo);
  const std::string note = running.folder.write("state/rebuilding", "tocsin rebuilding 1\n0\ntwo\nnone\n");
  running.begin();
  CHECK(running.said("`two`: rebuilt before all else"));
  running.add(event("bob", 4) + event("cid", 5));
  CHECK(soon([&] { return running.alerted("bob: two"); }));
  CHECK_FALSE(running.alerted("ann: two"));
  CHECK(soon([&] { return !fs::exists(note); }));
  const std::uint64_t epoch = running.daemon->status().epoch;
  CHECK(running.stop() == Exit::done);

  // An epoch behind the one that it names is there: all has been done.
  running.folder.write("state/rebuilding", fmt::format("tocsin rebuilding 1\n{}\ntwo\n", epoch - 1));
  const std::size_t said = times(running.text("log"), "rebuilt before all else");
  running.begin();
  CHECK(times(running.text("log"), "rebuilt before all else") == said);
  CHECK_FALSE(fs::exists(note));
  running.add(event("cid", 6) + event("dan", 7));
  CHECK(soon([&] { return running.alerted("cid: two"); }));
}

TEST_CASE("what cannot be rebuilt is refused, and the old rules run on") {
  WithAPast running;
  const auto refused = [&](const std::string& rules, const ReloadAsked& asked, const std::string& why) {
    running.rules(rules);
    const Verdict verdict = running.reload(asked);
    CHECK(verdict.status >= 400);
    INFO(verdict.document);
    CHECK(contains(verdict.document, why));
    CHECK(running.daemon->status().reload.generation == 1);
    CHECK_FALSE(fs::exists(running.folder / "state/rebuilding"));
  };
  refused(std::string(kEvent) + kThree + kTwo, {.rebuild = {"tow"}}, "there is no rule `tow` to be rebuilt");
  refused("event login_failed has user text\n" + std::string(kThree), {.rebuild = {"three"}},
          "it needs `login_failed`, whose records have no time of their own");
  refused(std::string(kEvent) + kTwo, {.require_state_kept = true, .rebuild = {"two"}},
          "would lose what they remember");
  // The past is read again from the file that is there, and the line where it stood is not in it any more.
  fs::create_directory(running.folder / "elsewhere");
  fs::rename(running.folder / "in.ndjson", running.folder / "elsewhere/in.ndjson");
  refused(std::string(kEvent) + kThree + kTwo, {.rebuild = {"two"}}, "cannot be rebuilt: source.in");
  refused(std::string(kEvent) + kThree + kTwo, {.dry_run = true, .rebuild = {"two"}}, "cannot be rebuilt: source.in");
  running.add(event("ann", 4) + event("bob", 5));
  CHECK(soon([&] { return running.alerted("ann: three"); }));
}

TEST_CASE("a rule is rebuilt together with what it uses") {
  WithAPast running;
  const auto rules = [](const char* idle) {
    return std::string(kEvent) + kThree + "session visit of login_failed by user\n  ends after " + idle +
           " idle\nrule often when 3 visit within 2h by user\n  alert low \"\"\n";
  };
  running.rules(rules("30m"));
  REQUIRE(running.reload({}).status == 200);
  running.rules(rules("5m"));
  const Verdict alone = running.reload({.rebuild = {"often"}});
  CHECK(alone.status == 422);
  CHECK(contains(alone.document, "as it would have been: `visit`"));
  CHECK(contains(alone.document, "--rebuild often --rebuild visit"));
  CHECK(running.reload({.dry_run = true, .rebuild = {"often"}}).status == 422);
  CHECK(running.reload({.rebuild = {"often", "visit"}}).status == 200);
  CHECK(running.reload({.rebuild = {"often"}}).status == 422);
  CHECK(running.reload({.rebuild = {"visit"}}).status == 200);
}

TEST_CASE("a source that cannot be read again is named") {
  Running running(UnixSource{});
  running.settings.sources.front().address = UnixSource{running.folder / "in"};
  running.begin();
  running.rules(std::string(kEvent) + kThree + kTwo);
  const Verdict verdict = running.reload({.rebuild = {"two"}});
  CHECK(verdict.status == 422);
  CHECK(contains(
      verdict.document,
      "rule `two` cannot be rebuilt: it needs `login_failed` of source `in`, and what that gave cannot be read "
      "again"));
  CHECK(contains(verdict.document, "without --rebuild it begins anew"));
}

TEST_CASE(
    "to rebuild a rule is given up when it takes too much memory or time, and when somebody wants another reload") {
  WithAPast running;
  CHECK(running.stop() == Exit::done);
  std::string many;
  SUBCASE("memory") {
    for (int i = 0; i < 200'000; ++i) many += event(fmt::format("user{}", i), 10);
    running.add(many);
    running.settings.state.memory = 4 << 20;
    running.begin();
    running.rules(std::string(kEvent) + kThree + kTwo);
    const Verdict verdict = running.reload({.rebuild = {"two"}});
    CHECK(verdict.status == 409);
    CHECK(contains(verdict.document, "it needs more memory than 1.0 MiB, a quarter of state.memory"));
  }
  SUBCASE("time") {
    running.add(event("dan", 10));
    running.settings.reload.rebuild_within = Duration{1};
    running.begin();
    running.rules(std::string(kEvent) + kThree + kTwo);
    const Verdict verdict = running.reload({.rebuild = {"two"}});
    CHECK(verdict.status == 409);
    CHECK(contains(verdict.document, "it took longer than reload.rebuild_within"));
  }
  SUBCASE("another one") {
    // What is rebuilt looks at all threes of a user's events at each of them, so that nobody sees it done.
    for (int i = 0; i < 60'000; ++i) many += event(fmt::format("user{}", i % 50), 10);
    running.add(many);
    running.begin();
    running.has_read(60'000);
    running.rules(std::string(kEvent) + kThree +
                  "rule two\n  when login_failed as a then login_failed as b then login_failed as c within 5m by user\n"
                  "  where c.ts - a.ts > b.ts - a.ts + 10m\n  alert \"{user}: two\"\n");
    std::promise<Verdict> first;
    running.daemon->reload({.rebuild = {"two"}}, [&](Verdict v) { first.set_value(std::move(v)); });
    REQUIRE(soon([&] { return running.daemon->status().rebuild.has_value(); }));
    CHECK(running.daemon->status().rebuild->rules == std::vector<std::string>{"two"});
    CHECK(fs::exists(running.folder / "state/rebuilding"));
    const Verdict second = running.reload();
    const Verdict verdict = first.get_future().get();
    CHECK(verdict.status == 409);
    CHECK(contains(verdict.document, "another reload was asked for meanwhile"));
    CHECK(second.status == 200);
    CHECK(running.daemon->status().reload.generation == 2);
  }
  CHECK_FALSE(running.daemon->status().rebuild);
  CHECK_FALSE(fs::exists(running.folder / "state/rebuilding"));
}

TEST_CASE("a rule that is disabled alerts nobody, goes on remembering, and stays so over reload and restart") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.begin();
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  const auto add = [&](const std::string& text, std::uint64_t records) {
    more << text << std::flush;
    REQUIRE(soon([&] { return running.daemon->status().events == records; }));
  };
  const auto change = [&](const std::string& rule, bool enabled) {
    std::promise<Verdict> verdict;
    running.daemon->enable(rule, enabled, [&](Verdict v) { verdict.set_value(std::move(v)); });
    return verdict.get_future().get();
  };
  CHECK(change("four", false).status == 404);
  CHECK(change("three", false).status == 200);
  CHECK(running.daemon->status().rules_disabled == 1);
  CHECK_FALSE(running.daemon->rules().front().enabled);
  add(event("ann", 1) + event("ann", 2) + event("ann", 3) + event("bob", 4), 4);
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(running.reload().status == 200);
  CHECK(running.daemon->status().rules_disabled == 1);
  CHECK(running.stop() == Exit::done);
  CHECK_FALSE(running.alerted("ann: three"));
  running.begin();
  CHECK(running.daemon->status().rules_disabled == 1);
  add(event("bob", 5), 1);
  CHECK(change("three", true).status == 200);
  CHECK(running.daemon->status().rules_disabled == 0);
  add(event("bob", 6) + event("cid", 7), 3);
  CHECK(soon([&] { return running.alerted("bob: three"); }));
  // Also under another name, over a reload and over a restart.
  CHECK(change("three", false).status == 200);
  const auto renamed = [&](const std::string& now, const std::string& was) {
    const std::string three = kThree;
    running.rules(kEvent + ("rule " + now + " was " + was) + three.substr(three.find('\n')));
  };
  renamed("third", "three");
  CHECK(running.reload().status == 200);
  CHECK_FALSE(running.daemon->rules().front().enabled);
  CHECK(running.text("state/disabled").find("third") != std::string::npos);
  CHECK(running.stop() == Exit::done);
  renamed("newest", "third");
  running.begin();
  CHECK_FALSE(running.daemon->rules().front().enabled);
  CHECK(running.text("state/disabled").find("third") == std::string::npos);
  CHECK(change("newest", true).status == 200);
}

TEST_CASE("checkpoints that fail too often in a row, or take too long, are said: not ready, and what to do") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.state.checkpoint.every = running.settings.state.checkpoint.min_pause = milliseconds(50);
  running.settings.state.checkpoint.timeout = Duration{1};
  running.settings.state.checkpoint.tolerated_failures = 1;
  running.begin();
  std::ofstream in(running.folder / "in.ndjson", std::ios::app);
  CHECK(soon([&] {  // where nothing comes there is nothing to merge
    in << event("ann", 1) << std::flush;
    return contains(running.daemon->ready().reason, "failed in a row");
  }));
  CHECK(contains(running.daemon->status().checkpoint_advice, "longer than state.checkpoint.timeout"));
  CHECK(running.daemon->healthy().ok());
  CHECK(running.stop() == Exit::done);
  running.settings.state.checkpoint.every = hours(1);
  running.begin();
  CHECK(running.daemon->checkpoints().size() >= 2);  // those of the process before
  CHECK_FALSE(running.daemon->checkpoints().front().failure.empty());
}

TEST_CASE("with --dev what has a mistake is told and left out, and what cannot begin is waited for") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.state.dir.clear();
  running.settings.reload = {.watch = true, .every = milliseconds(20)};
  running.arguments.add("--dev", {});
  running.rules("event login_failed has user txt\n");
  std::thread mending([&] {
    CHECK(soon([&] { return running.said("tocsin run: it begins as soon as that is mended"); }));
    CHECK(running.said("`txt` does not fit here"));
    running.rules(std::string(kEvent) + kThree + "rule broken\n  when login_faild(usr = 1)\n");
  });
  running.begin();
  mending.join();
  CHECK(running.said("tocsin run --dev: state is in memory"));
  CHECK(running.said("tocsin tap events --addr unix:" + running.folder / "control"));
  CHECK(running.said("what has a mistake is left out; 1 rule run"));
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  more << event("ann", 1) << event("ann", 2) << event("ann", 3) << event("bob", 4) << std::flush;
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  std::promise<Verdict> tapped;
  running.daemon->tap({.name = "login_failed", .where = "user = \"x\""},
                      [&](Verdict v) { tapped.set_value(std::move(v)); });
  CHECK(tapped.get_future().get().status == 200);
  running.rules(std::string(kEvent) + kThree + kTwo);
  CHECK(soon([&] { return running.daemon->status().rules == 2; }));
  running.rules(std::string(kEvent) + kThree + "rule two\n  when 2 login_failed withn 5m\n");
  CHECK(soon([&] { return running.daemon->status().rules == 1; }));
  CHECK(running.said("`withn` does not fit here"));
  more << event("bob", 5) << event("bob", 6) << event("cid", 7) << std::flush;
  CHECK(soon([&] { return running.alerted("bob: three"); }));  // what it remembers has stayed
}

TEST_CASE("who looks on sees events, what rules emit, alerts, late ones and broken records, also behind a reload") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  const std::string emits = "rule visit\n  when login_failed by user\n  emit seen with times = count\n";
  running.rules(std::string(kEvent) + kThree + emits +
                "rule twice\n  when 2 seen within 1h by user\n  alert \"{user}: twice\"\n");
  running.begin();
  const auto tap = [&](const TapAsked& asked) {
    std::promise<Verdict> verdict;
    running.daemon->tap(asked, [&](Verdict v) { verdict.set_value(std::move(v)); });
    Verdict out = verdict.get_future().get();
    REQUIRE_MESSAGE(out.status == 200, out.document);
    return out.goes_on;
  };
  using Of = TapAsked::Of;
  const auto events = tap({.name = "login_failed", .where = "user != \"zoe\""}), seen = tap({.name = "seen"});
  const auto alerts = tap({.of = Of::alerts, .name = "three"}), late = tap({.of = Of::late});
  const auto dead = tap({.of = Of::dead_letters});
  std::ofstream more(running.folder / "in.ndjson", std::ios::app);
  const auto shows = [](LongAnswer& tapped, const std::string& words) {
    std::string out;
    return soon([&] {
      tapped.take(out);
      return contains(out, words);
    });
  };
  more << event("ann", 1) << event("zoe", 2) << event("ann", 3) << event("ann", 4) << "{]\n"
       << event("bob", 20) << event("cid", 5) << std::flush;
  CHECK(shows(*events, "\"source\":\"in/0/4\",\"fields\":{\"ts\":\"2026-03-01T14:00:04.000000Z\",\"user\":\"ann\"}"));
  CHECK(shows(*seen, "\"event\":\"seen\""));
  CHECK(shows(*alerts, "ann: three"));
  CHECK(shows(*late, "\"watermark\":\"2026-03-01T14:00:20.000000Z\",\"source\":\"in/0/7\""));
  CHECK(shows(*dead, "\"reason\":\"broken"));
  running.rules("event login_failed has user text, at text?, ts time\n  timestamp ts\n" + std::string(kTwo) + kThree);
  CHECK(running.reload().status == 200);
  more << event("zoe", 21) << event("bob", 22) << event("bob", 23) << event("cid", 24) << std::flush;
  std::string out;
  CHECK(soon([&] {
    events->take(out);
    return contains(out, "14:00:23");
  }));
  CHECK_FALSE(contains(out, "zoe"));
  CHECK(shows(*alerts, "bob: three"));
  running.daemon->stop();
  CHECK(shows(*alerts, "\"ended\":\"stopping\""));
}

// Rules may lie on a disk that does not answer, or be so many that it takes long to compile them.
TEST_CASE("while rules are read and compiled systemd is told that all is well, and what was asked is answered") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  const int systemd = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  (running.folder / "systemd").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(systemd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const auto told = [&] {
    std::string out;
    char bytes[512];
    for (ssize_t got; (got = ::recv(systemd, bytes, sizeof bytes, 0)) > 0;)
      out.append(bytes, static_cast<std::size_t>(got));
    return out;
  };
  running.environment["NOTIFY_SOCKET"] = running.folder / "systemd";
  const std::string names = running.folder.write("names.txt", "ann\n");
  running.rules(std::string(kEvent) + "list known from \"" + names + "\"\n" + kThree);
  running.begin();
  // Whoever reads it now waits for what nobody writes.
  fs::remove(names);
  REQUIRE(::mkfifo(names.c_str(), 0600) == 0);
  running.daemon->reload_soon();
  int held = -1;
  REQUIRE(soon([&] { return (held = ::open(names.c_str(), O_WRONLY | O_NONBLOCK)) >= 0; }));
  told();
  CHECK(soon([&] { return contains(told(), "WATCHDOG=1"); }));
  CHECK(running.daemon->healthy().ok());
  std::ofstream(running.folder / "in.ndjson", std::ios::app) << event("ann", 1) << event("ann", 2) << event("ann", 3);
  CHECK(soon([&] { return running.alerted("ann: three"); }));
  // It ends of something else than a pipe, or the next look would wait as well.
  fs::rename(running.folder.write("names.new", "ann\n"), names);
  ::close(held);
  CHECK(running.reload().status == 200);
  ::close(systemd);
}

TEST_CASE("a daemon that does not end in time is told, once it was to have ended") {
  Running running(FileSource{});
  running.settings.sources.front().address = FileSource{running.folder / "in.ndjson", true};
  running.settings.shutdown_grace = milliseconds(1);
  running.begin();
  CHECK_FALSE(running.daemon->overdue());
  running.daemon->stop();
  CHECK(soon([&] { return running.daemon->overdue().has_value(); }));
}

}  // namespace tocsin::app
