// If one of these fails, somebody who looks on holds up the daemon or fills its memory, or is shown what is not there.
#include "app/daemon/taps.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <sstream>
#include <thread>

#include "app/daemon/testing.h"
#include "tests/support/hand_clock.h"

namespace tocsin::app {
namespace {

using Json = nlohmann::json;
using Of = TapAsked::Of;

constexpr const char* kEvents =
    "event login has user text, ip ip?, n int?, note text?, ts time\n  timestamp ts\n"
    "event other has x int\n"
    "list bad = [\"eve\", \"mal\"]\n"
    "event odd = login(n = 7)\n"
    "rule r\n  when login(n > 0) by user\n  alert \"{user} {login.ip}\"\n";

std::shared_ptr<const CompiledSet> shared(const Folder& folder, const std::string& text) {
  return std::make_shared<const CompiledSet>(compiled(folder, text));
}

// Taps over rules, without a thread: what was offered is looked at by `step`.
struct Looked {
  explicit Looked(const std::string& text = kEvents) : set(shared(folder, text)) {}

  struct Opened {
    Verdict verdict;
    std::string text() const {
      std::string out;
      verdict.goes_on->take(out);
      return out;
    }
    // The samples, and what is told of them.
    std::vector<Json> lines() const {
      std::vector<Json> out;
      std::istringstream in(text());
      for (std::string line; std::getline(in, line);) out.push_back(Json::parse(line));
      return out;
    }
  };
  Opened open(const TapAsked& asked) {
    Opened out;
    taps.open(asked, [&](Verdict verdict) { out.verdict = std::move(verdict); });
    taps.step();
    return out;
  }
  std::string refusal(const std::string& name, const std::string& where) {
    const Opened opened = open({.name = name, .where = where});
    REQUIRE(opened.verdict.goes_on == nullptr);
    REQUIRE(opened.verdict.status == 422);
    const Json json = Json::parse(opened.verdict.document);
    return json["error"].get<std::string>() + (json.contains("help") ? " / " + json["help"].get<std::string>() : "");
  }

  std::shared_ptr<const EventBatch> logins(const std::vector<std::pair<std::string, int>>& all) const {
    auto out = std::make_shared<EventBatch>();
    const EventTypeId type = *set->compiled.rules->schema.find("login");
    const auto& fields = set->compiled.rules->schema[type].fields;
    for (const auto& [user, n] : all) {
      const std::span<Value> row = out->row(fields.size());
      for (std::size_t i = 0; i < fields.size(); ++i) {
        if (fields[i].name() == "user") row[i] = Value::text(out->arena().text(user));
        if (fields[i].name() == "n") row[i] = Value::integer(n);
      }
      out->add(type, Time{}, {SourceId(0), 0, out->size() + 1}, row);
    }
    return out;
  }
  void offer(const std::vector<std::pair<std::string, int>>& all) { taps.offer(set->compiled.rules, logins(all)); }

  Folder folder;
  std::shared_ptr<const CompiledSet> set;
  tests::HandClock clock;
  Taps taps{{"in"}, clock, [this] { return set; }};
};

}  // namespace

TEST_CASE("taps: nothing is wanted until somebody looks on, and when the last has gone") {
  Looked looked;
  CHECK_FALSE(looked.taps.wants(Of::events));
  {
    const auto opened = looked.open({});
    CHECK(opened.verdict.status == 200);
    CHECK(looked.taps.wants(Of::events));
    CHECK_FALSE(looked.taps.wants(Of::alerts));
  }
  CHECK_FALSE(looked.taps.step());
  CHECK_FALSE(looked.taps.wants(Of::events));
}

TEST_CASE("taps: events of a name for which an expression holds, as documents, and how many there were") {
  Looked looked;
  looked.clock.at = seconds(10);
  const auto opened = looked.open({.name = "login", .where = "n > 1 and user in list bad", .rate = 2});
  REQUIRE_MESSAGE(opened.verdict.status == 200, opened.verdict.document);
  looked.offer({{"ann", 5}, {"eve", 1}, {"eve", 2}, {"mal", 3}, {"eve", 4}});
  looked.taps.step();
  CHECK(opened.text() ==
        "{\"event\":\"login\",\"time\":\"1970-01-01T00:00:00.000000Z\",\"source\":\"in/0/3\",\"fields\":"
        "{\"ts\":null,\"n\":2,\"user\":\"eve\",\"ip\":null}}\n"
        "{\"event\":\"login\",\"time\":\"1970-01-01T00:00:00.000000Z\",\"source\":\"in/0/4\",\"fields\":"
        "{\"ts\":null,\"n\":3,\"user\":\"mal\",\"ip\":null}}\n"
        "{\"tap\":{\"shown\":2,\"matched\":3,\"skipped_by_rate\":1,\"lost\":0,\"not_looked_at\":0}}\n");
  CHECK(opened.text().empty());
  looked.clock.at = seconds(11);
  looked.offer({{"eve", 9}});
  looked.taps.step();
  const auto lines = opened.lines();
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["fields"]["n"] == 9);
  CHECK(lines[1]["tap"]["shown"] == 3);
}

TEST_CASE("taps: an alias, and all events") {
  Looked looked;
  const auto odd = looked.open({.name = "odd"}), all = looked.open({});
  looked.offer({{"ann", 7}, {"ann", 8}});
  looked.taps.step();
  CHECK(odd.lines()[0]["fields"]["n"] == 7);
  CHECK(odd.lines().empty());
  CHECK(all.lines().size() == 3);
}

TEST_CASE("taps: what cannot be looked at is said, with what to do") {
  Looked looked;
  CHECK(looked.refusal("login", "usr = \"x\"") == "`login` has no field `usr` / did you mean `user`? (text)");
  const std::string not_whole =
      "`where` is no whole condition: something is missing at its end, or it has one `)` too many / such as country != "
      "\"FR\"";
  for (const char* wrong : {"n >", "n > 1)", "(n > 1", "n = 1 and"}) {
    CAPTURE(wrong);
    CHECK(looked.refusal("login", wrong) == not_whole);
  }
  CHECK(looked.refusal("login", "note = \"x\"") ==
        "no rule reads `note` of `login`, so it is not read from the records / `where` can look at what rules read");
  CHECK(looked.refusal("logn", "") == "no rule reads `logn`, so nothing of it is read from the records");
  CHECK(looked.refusal("login", "previous.n > 1") ==
        "`where` reads more than the event itself / a rule keeps what came before; `where` does not");
  CHECK(contains(looked.refusal("login", "count(login) > 1"), "this step takes one event"));
  const std::string other = "`where` is no condition on one event";
  CHECK(looked.refusal("login", "n > 1) then login (n > 2") == other);
  CHECK(looked.refusal("login", "n > 1)\n by all alert low \"\"\nrule x when login(n > 2") == other);
  CHECK(looked.refusal("login x", "") == "`login x` is no name of an event");
  CHECK(looked.open({.name = "login", .where = "n > 1 // and so on"}).verdict.status == 200);
}

TEST_CASE("taps: what comes while nobody looks is bounded, and counted") {
  Looked looked;
  const auto opened = looked.open({.rate = 10'000});
  const auto alerts = looked.open({.of = Of::alerts, .rate = 10'000});
  for (int i = 0; i < 10; ++i) looked.offer({{"ann", 1}, {"bob", 2}});
  for (int i = 0; i < 2'000; ++i) looked.taps.offer(Of::alerts, "r", "{}");
  looked.taps.step();
  CHECK(opened.lines().size() == 2 * Taps::kBlocksMost + 1);
  CHECK(alerts.lines().size() == Taps::kSinglesMost + 1);
  looked.clock.at = seconds(1);
  CHECK(opened.lines()[0]["tap"]["not_looked_at"] == 12);
  CHECK(alerts.lines()[0]["tap"]["not_looked_at"] == 2'000 - Taps::kSinglesMost);
  for (int i = 0; i < 10; ++i) looked.taps.offer(Of::alerts, "r", "\"" + std::string(200 << 10, 'x') + "\"");
  looked.clock.at = seconds(2);
  looked.taps.step();
  looked.clock.at = seconds(3);
  CHECK(alerts.text().size() <= (200 << 10) + 200);  // of its client's bytes: one, as two are more than kTapBytes
  looked.clock.at = seconds(4);
  const Json counts = alerts.lines()[0]["tap"];
  CHECK(counts["lost"] == 5);
  CHECK(counts["not_looked_at"] == 2'000 - Taps::kSinglesMost + 4);
}

TEST_CASE("taps: a client that does not read loses samples, and is told how many; one that is too large has its turn") {
  Looked looked;
  const auto opened = looked.open({.of = Of::dead_letters, .rate = 10'000});
  const std::string letter = "{\"record\":\"" + std::string(10'000, 'x') + "\"}";
  for (int i = 0; i < 100; ++i) {
    looked.taps.offer(Of::dead_letters, {}, letter);
    looked.taps.step();
  }
  const auto lines = opened.lines();
  CHECK(lines.size() == kTapBytes / 10'014 + 1);
  CHECK(lines.back()["tap"]["lost"] == 100 - kTapBytes / 10'014);
  CHECK(lines.back()["tap"]["matched"] == 100);
  looked.taps.offer(Of::dead_letters, {}, "\"" + std::string(2 * kTapBytes, 'x') + "\"");
  looked.taps.step();
  CHECK(opened.text().size() > 2 * kTapBytes);
}

TEST_CASE("taps: alerts of one rule, late events, and all that ends a look") {
  Looked looked;
  const auto rule = looked.open({.of = Of::alerts, .name = "r", .most = 2});
  const auto late = looked.open({.of = Of::late, .lasts = seconds(5)});
  CHECK(looked.open({.of = Of::alerts, .name = "none"}).verdict.status == 422);
  for (const char* name : {"r", "other", "r", "r"}) looked.taps.offer(Of::alerts, name, "{}");
  looked.taps.offer(Of::late, {}, "{\"event\":\"login\"}");
  looked.taps.step();
  CHECK(rule.text() ==
        "{}\n{}\n{\"tap\":{\"shown\":2,\"matched\":2,\"skipped_by_rate\":0,\"lost\":0,\"not_looked_at\":0,"
        "\"ended\":\"limit\"}}\n");
  CHECK(late.lines()[0]["event"] == "login");
  looked.clock.at = seconds(5);
  std::string out;
  CHECK_FALSE(late.verdict.goes_on->take(out));
  CHECK(contains(out, "\"ended\":\"time\""));
  CHECK_FALSE(looked.taps.step());
  const auto last = looked.open({});
  looked.taps.end();
  CHECK(contains(last.text(), "\"ended\":\"stopping\""));
  CHECK_FALSE(looked.taps.wants(Of::events));
  CHECK(looked.open({}).verdict.status == 409);
}

TEST_CASE("taps: so many look on, and no more") {
  Looked looked;
  std::vector<Looked::Opened> all;
  for (std::size_t i = 0; i < kTapsMost; ++i) CHECK(all.emplace_back(looked.open({})).verdict.status == 200);
  const auto refused = looked.open({});
  CHECK(refused.verdict.status == 409);
  CHECK(contains(refused.verdict.document, "8 look on already"));
  all.pop_back();
  looked.taps.step();
  CHECK(looked.open({}).verdict.status == 200);
}

TEST_CASE("taps: other rules mean other fields; what they do not read is told, and comes again with rules that do") {
  Looked looked;
  const auto opened = looked.open({.name = "login", .where = "n > 1"});
  looked.offer({{"ann", 2}});
  looked.taps.step();
  CHECK(opened.lines().size() == 2);
  const auto before = looked.set;
  // `n` is another slot of the event now, and once more in none.
  const std::string schema = std::string(kEvents).substr(0, std::string(kEvents).find("rule"));
  for (const char* rule : {"rule q\n  when login(note = \"x\") by ip where login.n > 5\n  alert \"{ip}\"\n",
                           "rule q\n  when login by user\n  alert \"{user}\"\n", ""}) {
    CAPTURE(rule);
    looked.set = shared(looked.folder, *rule != '\0' ? schema + rule : kEvents);
    const bool reads = looked.set->compiled.rules->schema.types.front().fields.size() > 2;
    looked.clock.at = looked.clock.at + seconds(2);
    looked.offer({{"ann", 1}, {"bob", 2}});
    looked.taps.step();
    const auto lines = opened.lines();
    REQUIRE(lines.size() == (reads ? 2 : 1));
    if (reads) CHECK(lines[0]["fields"]["n"] == 2);
    CHECK(lines.back()["tap"].contains("note") == !reads);
    if (!reads)
      CHECK(lines.back()["tap"]["note"] ==
            "the rules have changed, and nothing is shown until they do again: no rule reads `n` of `login`, so it is "
            "not read from the records");
  }
  looked.taps.offer(before->compiled.rules, looked.logins({{"old", 2}}));  // of rules that have gone
  looked.taps.step();
  looked.clock.at = looked.clock.at + seconds(2);
  const auto lines = opened.lines();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0]["tap"]["not_looked_at"] == 1);
}

TEST_CASE("taps: shards hand over, one looks, one reads, all at once") {
  Looked looked;
  looked.clock.at = seconds(1);
  std::vector<Looked::Opened> opened{looked.open({.rate = 10'000}), looked.open({.of = Of::alerts, .rate = 10'000})};
  std::atomic<bool> done{false};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 2; ++i)
    threads.emplace_back([&] {
      for (int n = 0; n < 300; ++n) {
        looked.offer({{"ann", n}, {"bob", n}});
        looked.taps.offer(Of::alerts, "r", "{}");
      }
    });
  std::jthread looking([&] {
    while (!done) looked.taps.step();
  });
  std::string events, alerts;
  for (std::size_t i = 0; i < threads.size(); ++i) {
    opened[0].verdict.goes_on->take(events);
    opened[1].verdict.goes_on->take(alerts);
    threads[i].join();
  }
  done = true;
  looking.join();
  looked.taps.step();
  looked.clock.at = seconds(2);
  const auto all = [&](const Looked::Opened& one) {
    const Json counts = one.lines().back()["tap"];
    return counts["matched"].get<int>() + counts["not_looked_at"].get<int>();
  };
  CHECK(all(opened[0]) == 1'200);
  CHECK(all(opened[1]) == 600);
}

}  // namespace tocsin::app
