// Were this wrong, `tocsin why` would tell an author of a reason that was none.
#include <doctest/doctest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/testing.h"

namespace tocsin::app {
namespace {

using nlohmann::json;

const std::string kRules =
    "event login has user text, outcome text, ts time  timestamp ts in s  late 0s\n"
    "event logout has user text, ts time  timestamp ts in s  late 0s\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "event login_ok = login(outcome = \"success\")\n"
    "rule five when 5 login_failed within 1m by user  reset on login_ok  alert high \"{count} for {user}\"\n"
    "rule left when login_failed as f then login_ok as ok then logout within 1m by user  alert low \"{user}\"\n"
    "rule stays when login_ok then no logout within 30s by user  alert low \"{user}\"\n"
    "rule half when count(login_failed) / count(login) > 50% and count(login) >= 4 within 1m by user  alert low "
    "\"x\"\n";

std::string at(int second, const std::string& event, const std::string& user, const std::string& outcome = {}) {
  return R"({"event":")" + event + R"(","user":")" + user + "\"" +
         (outcome.empty() ? "" : R"(,"outcome":")" + outcome + "\"") + ",\"ts\":" + std::to_string(second) + "}\n";
}

struct Scene {
  Folder folder;
  std::string rules = folder.write("a.rules", kRules);

  Ran why(const std::string& rule, const std::string& events, std::vector<std::string> more = {}) const {
    std::vector<std::string> words{"why", rules, "--rule", rule, "--input", "-", "--event-field", "event"};
    words.insert(words.end(), more.begin(), more.end());
    return run(words, {.input = events});
  }
};

TEST_CASE("a rule that fired: when, and because of which lines") {
  const Scene scene;
  std::string events;
  for (int i = 0; i < 5; ++i) events += at(i, "login", "ann", "failure");
  const Ran ran = scene.why("five", events, {"--key", "ann"});
  CHECK(ran.code == 0);
  CHECK(
      ran.out.starts_with("five fired for user = ann at 1970-01-01T00:00:04.000000Z: 5 for ann\n"
                          "  login_failed  1970-01-01T00:00:00.000000Z  stdin/0/1  {\"event\":\"login\""));
  CHECK(std::ranges::count(ran.out, '\n') == 6);
  const json document = json::parse(scene.why("five", events, {"--json"}).out);
  CHECK(document["schema"] == "tocsin/why/1");
  CHECK(document["fired"]["evidence"].size() == 5);
  CHECK(document["nearest"].is_null());
}

TEST_CASE("a count that was not reached: how many, and what took the others away") {
  const Scene scene;
  std::string events;
  for (int i = 0; i < 4; ++i) events += at(i, "login", "ann", "failure");
  const Ran ran = scene.why("five", events, {"--key", "ann"});
  CHECK(contains(ran.out,
                 "five did not fire for user = ann until 1970-01-01T00:00:03.000000Z.\n"
                 "the nearest came to: 4 of 5 `login_failed` within 1 minute, at 1970-01-01T00:00:03"));
  CHECK(contains(ran.out, "the events that carried it there:\n  login_failed  1970-01-01T00:00:00"));
  const Ran reset = scene.why("five", events + at(4, "login", "ann", "success") + at(5, "login", "ann", "failure"));
  CHECK(contains(reset.out, "without `reset on login_ok` it comes at 1970-01-01T00:00:05"));
  const Ran slow = scene.why("five", events + at(100, "login", "ann", "failure"));
  CHECK(contains(slow.out, "with more time than `within 1 minute` it comes at 1970-01-01T00:01:40"));
  const Ran other = scene.why("five", events + at(4, "login", "bob", "failure"), {"--key", "user=ann"});
  CHECK(contains(other.out, "without `by user` (keys kept apart) it comes at 1970-01-01T00:00:04"));
}

TEST_CASE("a sequence that stopped: the steps reached and what was missing") {
  const Scene scene;
  const std::string two = at(0, "login", "ann", "failure") + at(1, "login", "ann", "success");
  const Ran missing = scene.why("left", two, {"--key", "ann"});
  CHECK(contains(missing.out, "the nearest came to: 2 of 3 steps (`login_failed as f then login_ok as ok"));
  CHECK(contains(missing.out, "what was missing: after that no `logout` that fits\n"));
  const Ran late = scene.why("left", two + at(90, "logout", "ann"), {"--key", "ann"});
  CHECK(contains(late.out, "with more time than `within 1 minute` it comes at 1970-01-01T00:01:30"));
  const Ran nothing = scene.why("left", at(0, "login", "bob", "failure"), {"--key", "ann"});
  CHECK(contains(nothing.out, "the nearest came to: nothing that would begin a match\n"));
}

TEST_CASE("an absence: what disproved it, or that the time has not passed") {
  const Scene scene;
  const std::string in = at(0, "login", "ann", "success");
  CHECK(contains(scene.why("stays", in + at(10, "logout", "ann")).out, "a `logout` came at 1970-01-01T00:00:10"));
  const std::string early = scene.why("stays", in, {"--at", "1970-01-01T00:00:20Z"}).out;
  CHECK(contains(early, "30 seconds without a `logout` have not passed"));
  CHECK(contains(scene.why("stays", in, {"--at", "30", "--time-unit", "s"}).out, "stays fired at 1970-01-01T00:00:30"));
}

TEST_CASE("a condition: how near each comparison came") {
  const Scene scene;
  const std::string events =
      at(0, "login", "ann", "failure") + at(1, "login", "ann", "success") + at(2, "login", "ann", "failure");
  const std::string out = scene.why("half", events, {"--key", "ann"}).out;
  CHECK(contains(out, "`count(login)` came to 3 at 1970-01-01T00:00:02"));
  CHECK(contains(out, "`count(login) >= 4` is wanted"));
}

TEST_CASE("what cannot be asked is said, with exit 2") {
  const Scene scene;
  CHECK(contains(run({"why", scene.rules}).err, "name the rule: --rule NAME"));
  CHECK(contains(run({"why", scene.rules, "--rule", "five"}).err, "name the events: --input FILE"));
  CHECK(contains(scene.why("fiev", "").err, "did you mean `five`?"));
  CHECK(contains(scene.why("five", "", {"--key", "ann", "--key", "bob"}).err, "the key of five is user"));
  CHECK(scene.why("five", "", {"--at", "noon"}).code == 2);
  CHECK(run({"why", scene.rules, "--rule", "five", "--input", "/nowhere", "--event-field", "event"}).code == 2);
  CHECK(scene.why("five", "").code == 0);
}

}  // namespace
}  // namespace tocsin::app
