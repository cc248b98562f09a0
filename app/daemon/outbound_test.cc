// If one of these fails, what a sink has given up is gone, or a rule sends to nobody and nobody says so.
#include "app/daemon/outbound.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>

#include "adapters/memory/store.h"
#include "app/daemon/testing.h"
#include "engine/runtime/outbox.h"
#include "tests/support/hand_clock.h"

namespace tocsin::app {
namespace {

CompiledSet sending_to(const Folder& folder, const std::string& sink) {
  return compiled(folder, "event a has x text\nrule r\n  when a\n  alert \"{a.x}\"\n  send to \"" + sink + "\"\n");
}

Settings with_sinks() {
  Settings settings;
  settings.sinks = {{"alerts", StdoutSink{}}, {"dead", StdoutSink{}}};
  settings.routes.alerts = {"alerts"};
  settings.routes.dead_letter = "dead";
  return settings;
}

// What leaves of rules that send to one sink.
struct Leaving {
  explicit Leaving(const std::string& sink) : set(sending_to(folder, sink)) {}
  const Folder folder;
  const CompiledSet set;
  const Settings settings = with_sinks();
  const tests::HandClock clock;
  Taps taps{{}, clock, {}};
  Outbound outbound{settings, clock, taps};
  MemoryStore store;
};

// A keeper of its own, whose next epoch can be looked at.
struct Kept {
  Kept(const CompiledSet& set, CheckpointStore& store)
      : engine(set.compiled.rules, set.reference), keeper(engine, store, {}) {
    REQUIRE(keeper.restore());
  }
  Engine engine;
  Keeper keeper;
};

}  // namespace

TEST_CASE("outbound: what a sink gave up before a reload is a dead letter of the rules behind it") {
  Leaving leaving("alerts");
  auto& [folder, set, settings, clock, taps, outbound, store] = leaving;
  Kept before(set, store), after(set, store);
  outbound.bind(&before.keeper);
  outbound.undeliverable("alerts", "id1", "{}", "404");
  CHECK(before.keeper.outbox_bytes() > 0);
  outbound.bind(&after.keeper);
  CHECK(before.keeper.outbox_bytes() == 0);
  const std::string told = after.keeper.take_told();
  const auto messages = messages_for("dead", told);
  REQUIRE(messages);
  REQUIRE(messages->size() == 1);
  CHECK(messages->front().body ==
        R"({"source":"alerts/id1","reason":"undeliverable","detail":"404","size":2,"record":"{}"})");
  CHECK(outbound.counts().dead_letters == 1);
  CHECK(outbound.counts().given_up.at("alerts") == 1);
  outbound.bind(nullptr);
  outbound.undeliverable("alerts", "id2", "{}", "404");  // nobody is there any more
}

TEST_CASE("outbound: what the sink of dead letters gives up is counted, and no dead letter of a dead letter") {
  Leaving leaving("alerts");
  auto& [folder, set, settings, clock, taps, outbound, store] = leaving;
  Kept kept(set, store);
  outbound.bind(&kept.keeper);
  outbound.undeliverable("dead", "id1", "{}", "404");
  CHECK(kept.keeper.take_told().empty());
  CHECK(outbound.counts().given_up.at("dead") == 1);
  CHECK(outbound.counts().dead_letters == 0);
  outbound.undeliverable("alerts", "id2", std::string(settings.limits.record + 1, 'x'), "404");
  const std::string told = kept.keeper.take_told();
  const auto messages = messages_for("dead", told);
  REQUIRE(messages);
  REQUIRE(messages->size() == 1);
  const std::string_view body = messages->front().body;
  CHECK(body.ends_with("\"record\":\"" + std::string(settings.limits.record, 'x') + "\"}"));
  CHECK(body.find(fmt::format("\"size\":{},", settings.limits.record + 1)) != std::string::npos);
  outbound.bind(nullptr);
}

TEST_CASE("outbound: of what cannot be read the first record of each source and reason is told, with its place") {
  const Folder folder;
  const CompiledSet set = sending_to(folder, "alerts");
  Settings settings = with_sinks();
  settings.sources.resize(2);
  const tests::HandClock clock;
  for (const bool has_sink : {true, false}) {
    CAPTURE(has_sink);
    if (!has_sink) settings.routes.dead_letter.clear();
    Taps taps({}, clock, {});
    std::vector<std::string> told;
    Outbound outbound(settings, clock, taps,
                      [&](const std::string& where, const std::string& what, std::string_view help) {
                        told.push_back(where + ": " + what + "; " + std::string(help));
                      });
    MemoryStore store;
    Kept kept(set, store);
    DocumentNames names{set.compiled.rules.get(), {"logins", "orders"}, false};
    const Crew::Outputs outputs = outbound.outputs(names, kept.keeper, set.compiled.rules);
    const auto bury = [&](std::uint32_t source, std::uint64_t offset, DeadReason reason, const std::string& detail) {
      outputs.dead({reason, {SourceId(source), 0, offset}, detail, "x", 1});
    };
    for (std::uint64_t i = 7; i < 1000; ++i) bury(0, i, DeadReason::unknown_event, "no event is called `lo\ngin`");
    bury(0, 1000, DeadReason::wrong_type, "`n`");
    bury(1, 1, DeadReason::unknown_event, "`typ` is missing or no text");
    bury(1, 2, DeadReason::unknown_event, "`typ` is missing or no text");
    REQUIRE(told.size() == 3);
    CHECK(told[0] ==
          "source.logins: the record logins/0/7 is a dead letter (unknown_event): no event is called `lo\\ngin`; more "
          "of this "
          "reason are counted and not told here; " +
              std::string(has_sink ? "the sink \"dead\" gets all of them"
                                   : "`tocsin tap dead-letter` shows some as they come, and a sink of "
                                     "`sinks.dead_letter` gets all"));
    CHECK(told[1].starts_with("source.logins: the record logins/0/1000 is a dead letter (wrong_type): `n`;"));
    CHECK(told[2].starts_with("source.orders: the record orders/0/1 is a dead letter (unknown_event): `typ` is"));
    CHECK(outbound.counts().dead_letters == 996);
  }
}

TEST_CASE("outbound: each sink of an alert has come as far as it has") {
  Leaving leaving("alerts\", \"dead");
  auto& [folder, set, settings, clock, taps, outbound, store] = leaving;
  Kept kept(set, store);
  DocumentNames names;
  names.rules = set.compiled.rules.get();
  const Crew::Outputs outputs = outbound.outputs(names, kept.keeper, set.compiled.rules);
  Alert alert;
  alert.rule = ProgramId(0);
  alert.id = "id1";
  outputs.alert(alert);
  const auto results = [&](std::uint64_t alerts, std::uint64_t dead) {
    const std::vector<SinkDelivery> sinks{{"alerts", {Epoch{alerts}}}, {"dead", {Epoch{dead}}}};
    std::string out;
    const std::vector<KeptAlert> all = outbound.kept("", 10, sinks);
    for (const KeptAlert::Delivery& one : all.front().deliveries) out += one.sink + " " + one.result + "; ";
    return out;
  };
  CHECK(results(0, 0) == "alerts waiting; dead waiting; ");
  CHECK(results(0, 1'000) == "alerts waiting; dead delivered; ");
  CHECK(results(1'000, 1'000) == "alerts delivered; dead delivered; ");
  outbound.undeliverable("alerts", "id1", "another message of its", "404");
  CHECK(results(1'000, 0) == "alerts delivered; dead waiting; ");
  outbound.undeliverable("alerts", "id1", outbound.kept("", 1, {}).front().document, "404");
  CHECK(results(1'000, 0) == "alerts failed: 404; dead waiting; ");
}

// Were the alerts copied under the mutex that a shard takes for each, whoever asks for them would hold up the shards.
TEST_CASE(
    "outbound: who looks at alerts has those of one moment, newest first, while more come and some are given up") {
  Leaving leaving("alerts");
  auto& [folder, set, settings, clock, taps, outbound, store] = leaving;
  Kept kept(set, store);
  DocumentNames names;
  names.rules = set.compiled.rules.get();
  const Crew::Outputs outputs = outbound.outputs(names, kept.keeper, set.compiled.rules);
  constexpr int kAlerts = 3'000;
  std::atomic<int> looked{0};
  std::atomic<bool> ends{false};
  int wrong = 0;
  std::thread looking([&] {
    while (!ends) {
      int before = kAlerts;
      for (const KeptAlert& alert : outbound.kept("", kAlerts, {})) {
        const int number = std::stoi(alert.id);
        const bool is_next = before == kAlerts || number == before - 1;
        wrong += !is_next || alert.document.find(alert.id) == std::string::npos || alert.deliveries.size() != 1;
        before = number;
      }
      ++looked;
    }
  });
  for (int i = 0; i < kAlerts; ++i) {
    Alert alert;
    alert.rule = ProgramId(0);
    alert.id = std::to_string(i);
    outputs.alert(alert);
    if (i % 10 == 0) outbound.undeliverable("alerts", alert.id, outbound.kept("", 1, {}).front().document, "404");
  }
  CHECK(soon([&, seen = looked.load()] { return looked > seen + 1; }));
  ends = true;
  looking.join();
  CHECK(wrong == 0);
  const auto all = outbound.kept("r", kAlerts, {});
  REQUIRE(all.size() == settings.limits.alerts_kept);
  CHECK(all[9].deliveries.front().result == "failed: 404");
  CHECK(all[8].deliveries.front().result == "waiting");
}

TEST_CASE("outbound: a sink that a rule names and nobody has configured is named") {
  const Folder folder;
  const Settings settings = with_sinks();
  const tests::HandClock clock;
  Taps taps({}, clock, {});
  const Outbound outbound(settings, clock, taps);
  CHECK(outbound.unknown_sinks(sending_to(folder, "dead")).empty());
  const CompiledSet pager = sending_to(folder, "pager");
  const auto unknown = outbound.unknown_sinks(pager);
  REQUIRE(unknown.size() == 1);
  const std::string place = pager.files.front().path + ":5:11: ";
  CHECK(unknown.front() == place + "`r` sends to \"pager\", and the configuration has no [sink.pager]");
  // It has: but the daemon began with another one.
  CHECK(outbound.unknown_sinks(pager, {"log.level", "sink.pager.file.path"}).front() ==
        place +
            "`r` sends to \"pager\", and the configuration has [sink.pager] only since this daemon began: the next "
            "start takes it");
  CHECK(outbound.unknown_sinks(pager, {"sink.pagers.file.path"}) == unknown);
}

}  // namespace tocsin::app
