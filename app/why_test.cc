// Were this wrong, `tocsin why` would tell an author of a reason that was none.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/testing.h"
#include "engine/base/utf8.h"

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
    "rule pair when 2 login_failed then login_ok within 10m by user  alert low \"{user}\"\n"
    "rule half when count(login_failed) / count(login) > 50% and count(login) >= 4 within 1m by user  alert low "
    "\"x\"\n";

std::string at(int second, const std::string& event, const std::string& user, const std::string& outcome = {}) {
  return R"({"event":")" + event + R"(","user":")" + user + "\"" +
         (outcome.empty() ? "" : R"(,"outcome":")" + outcome + "\"") + ",\"ts\":" + std::to_string(second) + "}\n";
}

// Ann's events, a letter each: failure, success, ? (a strange outcome), out; a second between.
std::string in_seconds(const std::string& letters) {
  std::string events;
  int second = 0;
  for (const char c : letters) {
    if (c == 'f') events += at(second, "login", "ann", "failure");
    if (c == 's') events += at(second, "login", "ann", "success");
    if (c == '?') events += at(second, "login", "ann", "strange");
    if (c == 'o') events += at(second, "logout", "ann");
    ++second;
  }
  return events;
}

std::string short_times(std::string text) {
  for (std::size_t i; (i = text.find("1970-01-01T00:00:0")) != std::string::npos;)
    text.replace(i, 27, text.substr(i + 18, 1) + "s");
  return text;
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

// Of a rule `when ..`, and of Ann's events.
json told_of_ann(const std::string& when, const std::string& letters) {
  Scene scene;
  scene.rules = scene.folder.write("b.rules", kRules + "rule r when " + when + "  alert low \"x\"\n");
  return json::parse(scene.why("r", in_seconds(letters), {"--key", "ann", "--json"}).out);
}

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

TEST_CASE("a line that is longer than the terminal ends behind a whole character") {
  const Scene scene;
  for (const std::string begin : {"", "a"}) {
    std::string user = begin;
    for (int i = 0; i < 60; ++i) user += "é";
    std::string events;
    for (int i = 0; i < 5; ++i)
      events += R"({"user":")" + user + R"(","event":"login","outcome":"failure","ts":)" + std::to_string(i) + "}\n";
    const Ran ran = run({"why", scene.rules, "--rule", "five", "--input", "-", "--event-field", "event"},
                        {.input = events, .out_is_terminal = true});
    CHECK(contains(ran.out, "é\n  login_failed"));
    CHECK(is_valid_utf8(ran.out));
  }
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
  CHECK(contains(nothing.out, "the nearest came to: no event that the rule reads has this key\n"));
  const Ran other = scene.why("left", at(0, "logout", "ann"), {"--key", "ann"});
  CHECK(contains(other.out, "the nearest came to: nothing that would begin a match\n"));
}

TEST_CASE("what it comes without is asked of the whole rule; of a part only what the part would be there without") {
  const Scene scene;
  // `2 login then login_ok` comes for nobody: ann's second login of any kind is the last.
  const Ran part = scene.why(
      "pair", at(0, "login", "ann", "failure") + at(1, "login", "ann", "success") + at(2, "login", "bob", "failure"),
      {"--key", "ann"});
  CHECK(contains(part.out, "the nearest came to: 1 of 2 `login_failed` within 10 minutes, at 1970-01-01T00:00:00"));
  CHECK(!contains(part.out, "it comes at"));
  CHECK(contains(
      part.out,
      "with any `login` in place of `login_failed` it gets to `2 login_failed within 10m` at 1970-01-01T00:00:01"));
  CHECK(contains(part.out,
                 "without `by user` (keys kept apart) it gets to `2 login_failed within 10m` at 1970-01-01T00:00:02"));
  // Kept together, bob's failure is the second, and carol's success the end: what comes after that adds nothing.
  const Ran whole = scene.why("pair",
                              at(0, "login", "ann", "failure") + at(1, "login", "bob", "failure") +
                                  at(2, "login", "carol", "success") + at(3, "login", "dan", "failure"),
                              {"--key", "ann"});
  CHECK(contains(whole.out, "without `by user` (keys kept apart) it comes at 1970-01-01T00:00:02"));
  CHECK(!contains(whole.out, "it gets to"));
}

// Each rule tells the attempt, and then the event, by its id, or the time that ended it.
TEST_CASE("what ended an attempt is named with its time and its id") {
  struct Row {
    const char* pattern;
    const char* events;
    const char* reached;
    const char* ended;
  };
  constexpr Row kRows[] = {
      {"3 login_failed within 5m by user  reset on login_ok", "ffsf", "2 of 3 `login_failed` within 5 minutes, at 1s",
       "a `login_ok` came at 2s (stdin/0/3): `reset on login_ok`"},
      {"login_failed then login_ok then logout within 1m by user  reset on login(outcome = \"strange\")", "fs?o",
       "2 of 3 steps (`login_failed then login_ok within 1m`), at 1s",
       "a `login(outcome = \"strange\")` came at 2s (stdin/0/3): `reset on login(outcome = \"strange\")`"},
      {"login_failed as f then no logout then login_ok within 1m by user", "fos",
       "1 of 2 steps (`login_failed as f`), at 0s", "a `logout` came at 1s (stdin/0/2): `then no logout`"},
      {"login_failed as f then no logout(user = f.user) then login_ok within 1m by user", "fo",
       "1 of 2 steps (`login_failed as f`), at 0s",
       "a `logout(user = f.user)` came at 1s (stdin/0/2): `then no logout(user = f.user)`"},
      {"login_failed then next logout within 1m by user", "fso", "1 of 2 steps (`login_failed`), at 0s",
       "a `(login or logout)` came at 1s (stdin/0/2): `next` lets no other event come between"},
      {"login_failed then logout within 2s by user", "f  o", "1 of 2 steps (`login_failed`), at 0s",
       "`within 2 seconds` ran out at 2s"},
      {"login_failed then within 2s logout then login_ok by user  forget after 1d idle", "f  o",
       "1 of 3 steps (`login_failed`), at 0s", "`then within 2 seconds` ran out at 2s"},
      {"3 consecutive login_failed by user", "ffsf", "2 of 3 `login_failed`, at 1s",
       "a `login` came at 2s (stdin/0/3): it breaks the row of `login_failed`"},
      {"login_failed then no logout within 30s by user", "fo", "all of it (`login_failed`), at 0s",
       "a `logout` came at 1s (stdin/0/2)"},
      {"login_failed for 10s by user  forget after 1h idle", "ff s f",
       "`login_failed` held for 3 seconds of 10 seconds, from 0s",
       "a `login` came at 3s (stdin/0/3): it is no `login_failed`"},
      {"login_failed for 10s by user  reset on logout  forget after 1h idle", "fffo",
       "`login_failed` held for 3 seconds of 10 seconds, from 0s",
       "a `logout` came at 3s (stdin/0/4): `reset on logout`"},
      {"count(login_failed) >= 2 within 5s for 9s by user", "ff       f",
       "`count(login_failed) >= 2` held for 4 seconds of 9 seconds, from 1s",
       "it was false at 5s, when an event had left its window"},
      {"count(login_failed) > count(login_ok) within 30s for 9s by user", "ffssf",
       "`count(login_failed) > count(login_ok)` held for 3 seconds of 9 seconds, from 0s",
       "it was false at 3s (stdin/0/4)"},
      {"no logout within 30s after login_failed by user", "fo", "a `login_failed` at 0s",
       "a `logout` came at 1s (stdin/0/2)"},
  };
  for (const Row& row : kRows) {
    CAPTURE(std::string(row.pattern));
    const json nearest = told_of_ann(row.pattern, row.events)["nearest"];
    CHECK(short_times(nearest["reached"]) == row.reached);
    CHECK(short_times(nearest["ended"]) == row.ended);
  }
}

TEST_CASE("how far it came is told in every form, and only what was really missing") {
  struct Row {
    const char* pattern;
    const char* events;
    const char* reached;
    const char* missing;
  };
  constexpr Row kRows[] = {
      // What need not come is no beginning.
      {"maybe logout then login_failed then login_ok then logout within 20s by user", "fs",
       "3 of 4 steps (`maybe logout then login_failed then login_ok within 20s`), at 1s",
       "after that no `logout` that fits"},
      {"zero or more logout then login_failed then login_ok within 20s by user", "f",
       "2 of 3 steps (`zero or more logout then login_failed within 20s`), at 0s",
       "after that no `login_ok` that fits"},
      // One of several, all but what ends them, a part of a round.
      {"2 login_failed until login_ok within 20s by user", "f", "1 of 2 `login_failed` within 20 seconds, at 0s", ""},
      {"2 login_failed until login_ok within 20s by user", "ff", "2 `login_failed`, at 1s",
       "after that no `login_ok` that fits"},
      {"one or more login_failed until login_ok within 20s by user", "ff", "1 `login_failed`, at 1s",
       "after that no `login_ok` that fits"},
      {"2 login_failed at most 1s apart by user", "f  f", "1 of 2 login_failed, at 3s", ""},
      {"2 (login_failed then login_ok) then logout within 20s by user", "f",
       "1 of 2 steps of `(login_failed then login_ok)`, at 0s", "after that no `login_ok` that fits"},
      {"exactly 2 login_failed then logout within 20s by user", "f", "1 of 2 `login_failed` within 20 seconds, at 0s",
       ""},
      // The longest pause, not the first.
      {"login_failed after 40s idle by user", "f f      f", "the longest pause was 7s of 40 seconds, at 9s", ""},
      {"login_failed after 30s without login_ok by user", "sff    f",
       "the longest time without a `login_ok` was 7s of 30 seconds, at 7s", ""},
      // The wait in question, not one before it.
      {"login_failed as f then no login_ok within 30s by user", "fs f", "all of it (`login_failed as f`), at 3s",
       "30 seconds without a `login_ok` have not passed"},
      {"no login_ok within 30s after login_failed by user", "fs f", "a `login_failed` at 3s",
       "30 seconds without a `login_ok` have not passed"},
  };
  for (const Row& row : kRows) {
    CAPTURE(std::string(row.pattern));
    const json nearest = told_of_ann(row.pattern, row.events)["nearest"];
    CHECK(short_times(nearest["reached"]) == row.reached);
    CHECK(nearest["missing"] == row.missing);
    CHECK(nearest["ended"] == "");
  }
}

// Were it otherwise, an author would wait for what has long been there, or make a window longer that was long enough.
TEST_CASE("what was there and was refused has not run out, nor is it still to pass") {
  struct Row {
    const char* pattern;
    const char* events;
    const char* reached;
    const char* missing;
    const char* ended;
    const char* refused;
  };
  constexpr Row kRows[] = {
      {"login_failed then no login_ok within 3s by user  learn 1h", "f    o",
       "all of it (`login_failed then no login_ok within 3s`); 3 seconds without a `login_ok` were over at 3s", "", "",
       "without `learn 1h` it comes at 3s"},
      {"no login_ok within 3s after login_failed by user  learn 1h", "f    o",
       "a `login_failed` at 0s; 3 seconds without a `login_ok` were over at 3s", "", "",
       "without `learn 1h` it comes at 3s"},
      {"login_failed for 3s by user  learn 1h  forget after 1d idle", "f    s",
       "`login_failed` held for 5 seconds of 3 seconds, from 0s", "", "", "without `learn 1h` it comes at 3s"},
      {"2 login_failed within 2s by user  learn 1h", "ff    o",
       "2 `login_failed` within 2 seconds, 2 are enough, at 1s", "", "", "without `learn 1h` it comes at 1s"},
      {"login_failed then login_ok within 2s by user  learn 1h", "fs    o",
       "all 2 steps (`login_failed then login_ok within 2s`), at 1s", "", "", "without `learn 1h` it comes at 1s"},
      // Each alone would still be silenced by the other.
      {"2 login_failed within 2s by user  learn 1h  where count > 2", "ff    o",
       "2 `login_failed` within 2 seconds, 2 are enough, at 1s", "", "",
       "without `learn 1h` and `where count > 2` it comes at 1s"},
      // The bound of what repeats at the beginning slides (Q3); one of a step is from that step.
      {"2 login_failed then login_ok within 5s by user", "fff       o",
       "1 of 2 steps (`2 login_failed within 5s`), at 2s", "after that no `login_ok` that fits",
       "`within 5 seconds` ran out at 6s", ""},
      {"one or more login_failed until logout then login_ok within 5s by user", "ffo       o",
       "1 of 2 steps (`one or more login_failed until logout within 5s`), at 2s", "after that no `login_ok` that fits",
       "`within 5 seconds` ran out at 6s", ""},
      {"login_failed then login_ok then within 4s of login_failed logout within 1h by user", "fs     o",
       "2 of 3 steps (`login_failed then login_ok within 1h`), at 1s", "after that no `logout` that fits",
       "`then within 4 seconds of login_failed` ran out at 4s",
       "with more time than `then within 4 seconds of login_failed logout` it comes at 7s"},
      // The fullest window, not the last one.
      {"4 login_failed each 5s by user", "fff  f s", "3 of 4 `login_failed` in one window of 5 seconds, at 5s", "", "",
       ""},
      // Of an alternative that repeats, how many there were.
      {"any 2 of (3 login_failed, logout) within 1m by user", "ffo",
       "1 of the 2 of `any 2 of (3 login_failed, logout) within 1m`, at 2s", "only 2 of 3 `login_failed`", "", ""},
      {"any 2 of (3 login_failed, logout) within 1m by user", "ff", "2 of 3 `login_failed`, at 1s",
       "only 2 of 3 `login_failed` and no `logout` that fits", "", ""},
  };
  for (const Row& row : kRows) {
    CAPTURE(std::string(row.pattern));
    const json nearest = told_of_ann(row.pattern, row.events)["nearest"];
    CHECK(short_times(nearest["reached"]) == row.reached);
    CHECK(nearest["missing"] == row.missing);
    CHECK(short_times(nearest["ended"]) == row.ended);
    const std::string refused = nearest["refused"].empty() ? "" : short_times(nearest["refused"].front());
    if (*row.refused != '\0') CHECK(refused == row.refused);
  }
}

TEST_CASE("what an open alert swallows: that it is open") {
  Scene scene;
  scene.rules = scene.folder.write(
      "b.rules", kRules + "rule r when 2 login_failed within 5s by user  resolve when logout  alert low \"x\"\n");
  const Ran ran = scene.why("r", in_seconds("ff      ff"), {"--key", "ann"});
  CHECK(contains(ran.out, "did not fire for user = ann again"));
  CHECK(
      contains(short_times(ran.out), "without `resolve when logout` (the alert before is open still) it comes at 9s"));
}

TEST_CASE("a cell of a table is shown as it is written, not as it is read") {
  const Folder folder;
  folder.write("t.csv", "k,limit\nu,5\n");
  const std::string rules = folder.write("t.rules",
                                         "event e has k text, v int?, ts time  timestamp ts in s  late 0s\n"
                                         "table of_keys from \"t.csv\" key k\n"
                                         "rule r when e(v > of_keys[k].limit) by k  alert low \"\"\n");
  const Ran ran = run({"why", rules, "--rule", "r", "--input", "-"}, {.input = "{\"k\":\"u\",\"v\":1,\"ts\":1}\n"});
  CHECK(contains(ran.out, "`e(v > of_keys[k].limit)`"));
}

TEST_CASE("a condition is looked at where time alone changes it, too") {
  const Scene scene;
  const std::string rules = scene.folder.write("c.rules",
                                               "event e has k text, v int, ts time timestamp ts in s late 0s\n"
                                               "rule r when avg(e.v) > 40 within 5s by k alert low \"x\"\n");
  const auto line = [](int v, int second) {
    return fmt::format(R"({{"event":"e","k":"u","v":{},"ts":{}}})", v, second) + "\n";
  };
  const Ran ran = run({"why", rules, "--rule", "r", "--input", "-", "--event-field", "event", "--json"},
                      {.input = line(0, 3) + line(2, 5) + line(1, 17)});
  const json nearest = json::parse(ran.out)["nearest"];
  CHECK(short_times(nearest["reached"]) == "`avg(e.v)` came to 2.0 at 8s, `avg(e.v) > 40` is wanted");
}

TEST_CASE("a key with parts of several events: a part of the rule has those of its own events") {
  const Scene scene;
  const std::string rules = scene.folder.write(
      "k.rules",
      "event login has user text, outcome text, ts time timestamp ts in s late 0s\n"
      "event hb has dev text, ts time timestamp ts in s late 0s\n"
      "rule q when login(outcome = \"bad\") as b then no hb then login(outcome = \"ok\") within 30s\n"
      "  by who = (login.user, hb.dev)\n"
      "  alert low \"x\"\n"
      "test \"q\" rule q\n  at 0s login {user: \"a\", outcome: \"bad\"}\n  at 1s expect no alert\n");
  const std::string events = R"({"event":"login","user":"a","outcome":"bad","ts":0})"
                             "\n"
                             R"({"event":"hb","dev":"a","ts":3})"
                             "\n"
                             R"({"event":"login","user":"a","outcome":"ok","ts":5})"
                             "\n";
  const Ran ran =
      run({"why", rules, "--rule", "q", "--input", "-", "--event-field", "event", "--json"}, {.input = events});
  const json nearest = json::parse(ran.out)["nearest"];
  CHECK(short_times(nearest["reached"]) == "1 of 2 steps (`login(outcome = \"bad\") as b`), at 0s");
  CHECK(short_times(nearest["ended"]) == "a `hb` came at 3s (stdin/0/2): `then no hb`");
  const Ran tested = run({"test", rules, "--coverage"});
  CHECK(contains(tested.out, "no test shows: a `hb` comes between"));
}

TEST_CASE("what became no event, and events without the key, are told") {
  const Scene scene;
  const Ran unknown = scene.why("five", R"({"event":"nothing","ts":1})"
                                        "\n");
  CHECK(contains(unknown.out,
                 "the nearest came to: no event that the rule reads came\n"
                 "not judged: 1 dead letter (1 unknown_event)\n"));
  CHECK(json::parse(scene
                        .why("five",
                             R"({"event":"nothing","ts":1})"
                             "\n",
                             {"--json"})
                        .out)["not_judged"] == "1 dead letter (1 unknown_event)");
  const std::string rules = scene.folder.write("n.rules",
                                               "event e has k text?, ts time timestamp ts in s late 0s\n"
                                               "rule r when 2 e within 5s by k alert low \"x\"\n");
  const Ran keyless = run({"why", rules, "--rule", "r", "--input", "-", "--event-field", "event"},
                          {.input = "{\"event\":\"e\",\"ts\":1}\n{\"event\":\"e\",\"ts\":2}\n"});
  CHECK(contains(keyless.out, "the nearest came to: no event that the rule reads has its whole key; 2 came without\n"));
}

TEST_CASE("a key of a list that no event has: since when it is waited for") {
  const Scene scene;
  const std::string rules =
      scene.folder.write("l.rules", kRules +
                                        "list staff = [\"ann\", \"eve\"]\n"
                                        "rule r when no login for 10m by user from list staff  alert low \"x\"\n");
  const Ran ran = run({"why", rules, "--rule", "r", "--key", "eve", "--input", "-", "--event-field", "event"},
                      {.input = at(1, "login", "ann", "failure") + at(9, "logout", "bob")});
  CHECK(contains(short_times(ran.out),
                 "the nearest came to: no `login` has come; it is waited for since 1s; the silence is not 10 minutes "
                 "long by then\n"));
}

TEST_CASE("a session has no alerts to ask about") {
  const Scene scene;
  const std::string rules =
      scene.folder.write("s.rules", kRules + "session visit of login by user ends after 5m idle with n = count()\n");
  const Ran ran = run({"why", rules, "--rule", "visit", "--input", "-", "--event-field", "event"}, {.input = ""});
  CHECK(ran.code == 2);
  CHECK(contains(ran.err,
                 "`visit` is a session: ask why a rule over it fires; what it emits shows `tocsin replay "
                 "--emitted`"));
}

TEST_CASE("`all of` and `any N of`: how many of them came, and which did not") {
  struct Row {
    const char* pattern;
    const char* events;
    const char* reached;
    const char* missing;
  };
  constexpr Row kRows[] = {
      {"all of (login_failed, login_ok, logout) within 5m by user", "ffs",
       "2 of the 3 of `all of (login_failed, login_ok, logout) within 5m`, at 2s", "no `logout` that fits"},
      {"any 2 of (login_ok, logout, login(outcome = \"strange\")) within 5m by user", "ff?",
       "1 of the 2 of `any 2 of (login_ok, logout, login(outcome = \"strange\")) within 5m`, at 2s",
       "no `login_ok` and no `logout` that fits"},
      {"login_failed then all of (login_ok, logout) within 5m by user", "fs",
       "1 of 2 steps (`login_failed`), at 0s, then 1 of the 2 of `any of`, at 1s", "after that no `logout` that fits"},
      // Both came, and not in time.
      {"all of (login_ok, logout) within 2s by user", "s   o",
       "1 of the 2 of `all of (login_ok, logout) within 2s`, at 4s", ""},
  };
  for (const auto& [pattern, events, reached, missing] : kRows) {
    CAPTURE(std::string(pattern));
    const json nearest = told_of_ann(pattern, events)["nearest"];
    CHECK(short_times(nearest["reached"]) == reached);
    CHECK(nearest["missing"] == missing);
  }
  // A fire uses up their events, as those of any sequence.
  Scene scene;
  scene.rules = scene.folder.write(
      "b.rules", kRules + "rule r when all of (login_failed, login_ok) within 5m by user  alert low \"x\"\n");
  const Ran again = scene.why("r", in_seconds("fsf"), {"--key", "ann"});
  CHECK(contains(again.out, "with `fire always` (the alert before has used up its events) it comes at"));
}

TEST_CASE("an open alert and a rule that is not armed: both are named, as neither alone would let it fire") {
  const json nearest = told_of_ann("3 login_failed within 1m by user  resolve when login_ok", "ffffff")["nearest"];
  REQUIRE(nearest["refused"].size() == 1);
  CHECK(short_times(nearest["refused"].front()) ==
        "without `resolve when login_ok` and with `fire always` (since the alert before nothing has armed it again) it "
        "comes at 5s");
}

TEST_CASE("`x for D` was told: what holds on is told once, and a new run is one that begins after its end") {
  struct Row {
    const char* events;
    const char* reached;
    const char* missing;
  };
  constexpr Row kRows[] = {
      {"ff  ff", "`login_failed` still holds since that alert, and that is told once", ""},
      {"ff  fs", "`login_failed` has ended since that alert, and not begun again", ""},
      {"ff  ff        fs ff", "`login_failed` held for 1 second of 3 seconds, from 1970-01-01T00:00:17.000000Z",
       "3 seconds have not passed since then"},
  };
  for (const auto& [events, reached, missing] : kRows) {
    CAPTURE(std::string(events));
    const json told = told_of_ann("login_failed for 3s by user  resolve when login_ok  remind every 10s", events);
    CHECK(told["fired"]["time"] == "1970-01-01T00:00:03.000000Z");  // not the reminder at 13s
    CHECK(short_times(told["nearest"]["reached"]) == reached);
    CHECK(told["nearest"]["missing"] == missing);
  }
}

TEST_CASE("`x for D` that still holds: since when, and that the time has not passed") {
  Scene scene;
  scene.rules = scene.folder.write(
      "b.rules", kRules + "rule r when login_failed for 10s by user  forget after 1h idle  alert low \"x\"\n");
  const json nearest = json::parse(
      scene.why("r", at(2, "login", "ann", "failure") + at(5, "login", "ann", "failure"), {"--json"}).out)["nearest"];
  CHECK(nearest["reached"] == "`login_failed` held for 3 seconds of 10 seconds, from 1970-01-01T00:00:02.000000Z");
  CHECK(nearest["missing"] == "10 seconds have not passed since then");
  CHECK(nearest["ended"] == "");
}

TEST_CASE("`except` and `during`: which events they hide") {
  Scene scene;
  scene.rules = scene.folder.write(
      "b.rules", kRules +
                     "calendar morning = mon-sun 00:00-00:01 in \"UTC\"\n"
                     "rule r when 3 login_failed within 5m by user  except user = \"root\"  alert low \"x\"\n"
                     "rule early when 3 login_failed within 5m by user  during morning  alert low \"x\"\n");
  const auto failures = [](const std::string& user, std::vector<int> seconds) {
    std::string events;
    for (const int second : seconds) events += at(second, "login", user, "failure");
    return events;
  };
  CHECK(contains(
      scene.why("r", failures("root", {0, 1, 2})).out,
      "without `except user = \"root\"` it comes at 1970-01-01T00:00:02.000000Z: 3 of its events are hidden by "
      "it, the last at 1970-01-01T00:00:02.000000Z (stdin/0/3)\n"));
  CHECK(contains(scene.why("early", failures("ann", {0, 1, 90})).out,
                 "without `during morning` it comes at 1970-01-01T00:01:30.000000Z: the event at "
                 "1970-01-01T00:01:30.000000Z (stdin/0/3) is hidden by it\n"));
}

TEST_CASE("after an alert: what has come since, and nothing that the alert has used up") {
  const Scene scene;
  std::string events;
  for (int i = 0; i < 6; ++i) events += at(i, "login", "ann", "failure");
  const json more = json::parse(scene.why("five", events, {"--json"}).out)["nearest"];
  CHECK(more["reached"] == "6 `login_failed` within 1 minute, 5 are enough, at 1970-01-01T00:00:05.000000Z");
  CHECK(more["evidence"].size() == 6);
  CHECK(contains(more["refused"].dump(), "since the alert before nothing has armed it again"));
  const std::string once = at(0, "login", "ann", "failure") + at(1, "login", "ann", "success") + at(2, "logout", "ann");
  const json used = json::parse(scene.why("left", once + at(3, "logout", "ann"), {"--json"}).out)["nearest"];
  CHECK(used["reached"] == "nothing that would begin a match");
  const json begun = json::parse(scene.why("left", once + at(3, "login", "ann", "failure"), {"--json"}).out)["nearest"];
  CHECK(contains(begun["reached"], "1 of 3 steps"));
  CHECK(begun["evidence"].size() == 1);
}

TEST_CASE("a pattern of one event: that it was there and was refused, or that nothing was") {
  const auto reached = [](const std::string& when, const std::string& letters) {
    return told_of_ann(when, letters)["nearest"]["reached"];
  };
  CHECK(reached("login by user  learn 1h  forget after 1d idle", "f") == "a whole match that was refused");
  CHECK(reached("login by user  fire at most once per 1h", "ff") == "a whole match that was refused");
  CHECK(reached("new login.outcome in 1h by user", "ff") == "no value that is new for `new login.outcome in 1h`");
  CHECK(reached("top 2 login.outcome by count over 1h by user", "ff") ==
        "no place of `top 2 login.outcome by count over 1h` has changed");
}

TEST_CASE("an absence: what disproved it, or that the time has not passed") {
  const Scene scene;
  const std::string in = at(0, "login", "ann", "success");
  CHECK(contains(scene.why("stays", in + at(10, "logout", "ann")).out, "a `logout` came at 1970-01-01T00:00:10"));
  const std::string early = scene.why("stays", in, {"--at", "1970-01-01T00:00:20Z"}).out;
  CHECK(contains(early, "30 seconds without a `logout` have not passed"));
  CHECK(contains(scene.why("stays", in, {"--at", "30", "--time-unit", "s"}).out,
                 "stays fired for user = ann at 1970-01-01T00:00:30"));
}

// A letter of the key and a second each: `x0 y11`.
std::string ticks(const std::string& words) {
  std::string lines;
  std::istringstream in(words);
  for (std::string word; in >> word;) lines += R"({"k":")" + word.substr(0, 1) + R"(","ts":)" + word.substr(1) + "}\n";
  return lines;
}

Ran why_of(const std::string& rule, const std::string& words, std::vector<std::string> more = {}) {
  const Folder folder;
  const std::string rules = folder.write("a.rules",
                                         "event a has k text, ts time  timestamp ts in s  late 0s\n"
                                         "rule r when " +
                                             rule + "  alert low \"{k}\"\n");
  more.insert(more.begin(), {"why", rules, "--rule", "r", "--input", "-"});
  return run(more, {.input = ticks(words)});
}

TEST_CASE("a condition: how near each comparison came, whichever side, type and form it has") {
  const Folder folder;
  const std::string rules =
      folder.write("a.rules",
                   "event st has k text, up bool, v int, d duration, ts time\n"
                   "  timestamp ts in s  late 0s\n"
                   "rule turned when 50 < sum(st.v) within 8h by k  alert low \"\"\n"
                   "rule equal when sum(st.v) = 6 within 8h by k  alert low \"\"\n"
                   "rule either when count(st) > 5 or sum(st.v) > 90 within 8h by k  alert low \"\"\n"
                   "rule inside when sum(st.v) between 100 and 200 within 8h by k  alert low \"\"\n"
                   "rule negated when not (sum(st.v) < 50) within 8h by k  alert low \"\"\n"
                   "rule lasts when duration(st(up = true)) > 5h within 8h by k  alert low \"\"\n"
                   "rule longest when max(st.d) > 2 * max(st.d) within 8h by k  alert low \"\"\n");
  const std::string events =
      "{\"k\":\"a\",\"up\":true,\"v\":5,\"d\":90,\"ts\":0}\n{\"k\":\"a\",\"up\":false,\"v\":6,\"d\":30,\"ts\":60}\n";
  const std::pair<const char*, const char*> rows[] = {
      {"turned", "`sum(st.v)` came to 11 at 1970-01-01T00:01:00.000000Z, `50 < sum(st.v)` is wanted"},
      {"equal", "`sum(st.v)` came to 5 at 1970-01-01T00:00:00.000000Z, `sum(st.v) = 6` is wanted"},
      {"either",
       "`count(st)` came to 2 at 1970-01-01T00:01:00.000000Z, `count(st) > 5` is wanted; `sum(st.v)` came to 11 at "
       "1970-01-01T00:01:00.000000Z, `sum(st.v) > 90` is wanted"},
      {"inside", "`sum(st.v)` came to 11 at 1970-01-01T00:01:00.000000Z, `sum(st.v) between 100 and 200` is wanted"},
      {"negated", "`sum(st.v)` came to 11 at 1970-01-01T00:01:00.000000Z, `not sum(st.v) < 50` is wanted"},
      {"lasts",
       "`duration(st(up = true))` came to 0s at 1970-01-01T00:00:00.000000Z, `duration(st(up = true)) > 5h` is wanted"},
      {"longest", "`max(st.d)` came to 1m30s at 1970-01-01T00:00:00.000000Z, `max(st.d) > 2 * max(st.d)` is wanted"}};
  for (const auto& [rule, reached] : rows) {
    const Ran ran =
        run({"why", rules, "--rule", rule, "--key", "a", "--input", "-", "--event", "st"}, {.input = events});
    CHECK_MESSAGE(contains(ran.out, std::string("the nearest came to: ") + reached), ran.out << ran.err);
  }
}

TEST_CASE("a silence: the last event of the key, also where it is the last of the input") {
  const std::string words = "x0 x10 y11 x15 y16";
  const auto last = [](const char* time) {
    return fmt::format(
        "the nearest came to: the last `a` was at 1970-01-01T00:00:{}.000000Z; the silence is not 30 "
        "seconds long by then\n",
        time);
  };
  CHECK(contains(why_of("no a for 30s by k", words, {"--key", "y"}).out, last("16")));
  CHECK(contains(why_of("no a for 30s by k", words, {"--key", "x"}).out, last("15")));
  const Ran any = why_of("no a for 30s by k", words);
  CHECK(contains(any.out, "r did not fire for k = x until"));
  CHECK(contains(any.out, last("15")));
}

TEST_CASE("a silence that was told: that it is told once, or the next one") {
  const Ran told = why_of("no a for 30s by k", "x0 y50", {"--key", "x"});
  CHECK(contains(told.out,
                 "r did not fire for k = x again until 1970-01-01T00:00:50.000000Z.\n"
                 "the nearest came to: a silence is told once; another begins when a `a` comes\n"));
  CHECK(contains(why_of("no a for 30s by k", "x0 x50 y51", {"--key", "x"}).out,
                 "the last `a` was at 1970-01-01T00:00:50.000000Z; the silence is not 30 seconds long by then\n"
                 "the events that carried it there:\n  a  1970-01-01T00:00:50"));
}

TEST_CASE("a key that never came, and a name that is none of the key's") {
  for (const std::string rule :
       {"no a for 30s by k", "3 a within 1m by k", "count(a) > 3 within 1m by k", "fewer than 2 a within 1m by k",
        "a then a within 1m by k", "a then no a within 1m by k"}) {
    CAPTURE(rule);
    CHECK(contains(why_of(rule, "x0 x10", {"--key", "z"}).out,
                   "r did not fire for k = z until 1970-01-01T00:00:10.000000Z.\n"
                   "the nearest came to: no event that the rule reads has this key\n"));
  }
  const Ran other = why_of("no a for 30s by k", "x0", {"--key", "user=x"});
  CHECK(other.code == 2);
  CHECK(contains(other.err,
                 "tocsin why: the key of r is k, and `user` is none of it; a value with = in it goes behind the name: "
                 "--key 'k=user=x'\n"));
  CHECK(contains(why_of("no a for 30s by k", "x0", {"--key", "k=user=x"}).out,
                 "no event that the rule reads has this key"));
}

TEST_CASE("without --key: whose it is, and everything of that one") {
  const Ran fired = why_of("3 a within 20s by k", "x0 x5 x10 x15 y16 y17");
  CHECK(contains(fired.out, "r fired for k = x at 1970-01-01T00:00:10"));
  CHECK(contains(fired.out, "r did not fire for k = x again until 1970-01-01T00:00:17"));
  CHECK(!contains(fired.out, "\"y\""));
  const Ran none = why_of("3 a within 20s by k", "x0 y1 y2");
  CHECK(contains(none.out, "r did not fire for k = y until"));
  CHECK(contains(none.out, "the nearest came to: 2 of 3 `a` within 20 seconds"));
  const json document = json::parse(why_of("3 a within 20s by k", "x0 y1 y2", {"--json"}).out);
  CHECK(document["key"] == json{{"k", "y"}});
}

TEST_CASE("`fewer than`: the least there was, or since when the key is watched") {
  CHECK(contains(why_of("fewer than 2 a within 20s by k", "x0 x10 x15", {"--key", "x"}).out,
                 "the nearest came to: the key is watched since 1970-01-01T00:00:00.000000Z\n"
                 "  what was missing: 20 seconds have not passed since then, and it is not judged before\n"));
  CHECK(contains(why_of("fewer than 2 a within 20s by k", "x0 x5 x10 x15 x20 x25 x30", {"--key", "x"}).out,
                 "fewer than 2 are wanted\n"));
}

TEST_CASE("`learn`: what was there, and that it comes without it") {
  const Ran ran = why_of("2 a within 1m by k learn 1h", "x0 x10 x310 x320", {"--key", "x"});
  CHECK(contains(ran.out, "the nearest came to: 2 `a` within 1 minute, 2 are enough"));
  CHECK(contains(ran.out, "without `learn 1h` it comes at 1970-01-01T00:05:20"));
  CHECK(!contains(ran.out, "no `a` that fits"));
}

TEST_CASE("a condition: how near each comparison came") {
  const Scene scene;
  const std::string events =
      at(0, "login", "ann", "failure") + at(1, "login", "ann", "success") + at(2, "login", "ann", "failure");
  const std::string out = scene.why("half", events, {"--key", "ann"}).out;
  CHECK(contains(out, "`count(login)` came to 3 at 1970-01-01T00:00:02"));
  CHECK(contains(out, "`count(login) >= 4` is wanted"));
}

// The ids that a replay of the same input writes, in order.
std::vector<std::string> ids_in(const Ran& ran, const std::string& rule) {
  std::vector<std::string> ids;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    const json alert = json::parse(line);
    if (alert["rule"] == rule) ids.push_back(alert["alert_id"]);
  }
  return ids;
}

std::vector<std::string> ids_of(const Scene& scene, const std::string& events, const std::string& rule) {
  return ids_in(
      run({"replay", "-q", scene.rules, "--input", "-", "--event-field", "event", "--drain"}, {.input = events}), rule);
}

Ran why_alert(const Scene& scene, const std::string& id, const std::string& events,
              std::vector<std::string> more = {}) {
  std::vector<std::string> words{"why", id, scene.rules, "--input", "-", "--event-field", "event"};
  words.insert(words.end(), more.begin(), more.end());
  return run(words, {.input = events});
}

TEST_CASE("an alert by its id: each step's events, where they stand, and what the rule read of them") {
  const Scene scene;
  const std::string events = at(0, "login", "ann", "failure") + at(0, "login", "bob", "failure") +
                             at(1, "login", "ann", "success") + at(2, "logout", "ann") + at(50, "logout", "bob");
  const std::vector<std::string> ids = ids_of(scene, events, "left");
  REQUIRE(ids.size() == 1);
  const Ran ran = why_alert(scene, ids.front(), events);
  CHECK(ran.code == 0);
  CHECK(ran.out == "left fired for user = ann at 1970-01-01T00:00:02.000000Z: ann\n  alert " + ids.front() +
                       ", low\n"
                       "  f: 1 event\n"
                       "    1970-01-01T00:00:00.000000Z  stdin/0/1  outcome: \"failure\", user: \"ann\"\n"
                       "  ok: 1 event\n"
                       "    1970-01-01T00:00:01.000000Z  stdin/0/3  outcome: \"success\", user: \"ann\"\n"
                       "  logout: 1 event\n"
                       "    1970-01-01T00:00:02.000000Z  stdin/0/4  user: \"ann\"\n");
  CHECK(contains(why_alert(scene, ids.front(), events, {"-v"}).out, "\n      " + at(2, "logout", "ann")));
  CHECK(why_alert(scene, ids.front().substr(0, 12), events).out == ran.out);
  const json fired = json::parse(why_alert(scene, ids.front(), events, {"--json"}).out)["fired"];
  CHECK(fired["alert_id"] == ids.front());
  CHECK(fired["evidence"][1]["step"] == "ok");
  CHECK(fired["evidence"][1]["id"] == "stdin/0/3");
  CHECK(fired["evidence"][1]["values"] == json{{"user", "ann"}, {"outcome", "success"}});
  CHECK(fired["counts"] == json{{"f", 1}, {"ok", 1}, {"logout", 1}});
}

TEST_CASE("an alert by its id: what time alone fired, what was sent of it later, and more events than are kept") {
  Scene scene;
  scene.rules = scene.folder.write(
      "b.rules",
      kRules +
          "rule quiet when no login for 30s by user  resolve when login  remind every 20s  forget after 1h idle\n"
          "  alert low \"{user}\"  with since = last_seen\n"
          "rule much when 120 login within 10m by user  alert low \"{count}\"\n");
  const std::string events = at(0, "login", "ann", "success") + at(60, "login", "ann", "success");
  const std::vector<std::string> ids = ids_of(scene, events, "quiet");
  REQUIRE(ids.size() >= 3);  // the fire, its reminder, its resolution
  CHECK(contains(why_alert(scene, ids.front(), events).out,
                 "  reminder 1 at 1970-01-01T00:00:50.000000Z\n  resolved at 1970-01-01T00:01:00.000000Z\n"));
  CHECK(contains(why_alert(scene, ids.front(), events).out,
                 "  with since: \"1970-01-01T00:00:00.000000Z\"\n  login: 1 event\n"));
  const std::vector<std::string> stays = ids_of(scene, events, "stays");
  REQUIRE(stays.size() == 2);  // of them one after the last event
  CHECK(contains(why_alert(scene, stays.back(), events).out, "stays fired for user = ann at 1970-01-01T00:01:30"));
  CHECK(why_alert(scene, stays.back(), events, {"--at", "1970-01-01T00:01:29Z"}).code == 1);

  std::string many;
  for (int i = 0; i < 120; ++i) many += at(i, "login", "bob", "success");
  CHECK(contains(why_alert(scene, ids_of(scene, many, "much").front(), many).out,
                 "  login: 120 events, of which 100 are kept\n"));
}

TEST_CASE("an id that no alert has: how many there were, and which begin alike") {
  const Scene scene;
  std::string events;
  for (int i = 0; i < 5; ++i) events += at(i, "login", "ann", "failure");
  const std::string id = ids_of(scene, events, "five").front();
  const std::string strange = id.substr(0, 6) + (id[6] == '0' ? "1" : "0");
  const Ran near = why_alert(scene, strange, events);
  CHECK(near.code == 1);
  CHECK(near.out.empty());
  CHECK(near.err == "tocsin why: 2 alerts in stdin, time going on until nothing is pending; none has the id " +
                        strange + "\nthe ids that begin alike:\n  " + id +
                        "  five for user = ann at 1970-01-01T00:00:04.000000Z\n");
  const std::string far = id.starts_with("00") ? "ffffffff" : "00000000";
  CHECK(contains(why_alert(scene, far, events).err, "none begins with " + far.substr(0, 4) + " either\n"));
  CHECK(why_alert(scene, far, at(0, "logout", "ann")).err ==
        "tocsin why: no rule fired in stdin, so there is no alert " + far + "\n");
  CHECK(contains(why_alert(scene, id, events, {"--key", "ann"}).err, "--key goes with --rule"));
}

TEST_CASE("an alert by its id, with the rules and the codec of tocsin.toml") {
  const Scene scene;
  std::string events;
  for (int i = 0; i < 5; ++i) events += at(i, "login", "ann", "failure");
  const std::string config = scene.folder.write(
      "tocsin.toml", "rules = \"a.rules\"\n[source.logins]\nfile = { path = \"x\" }\nevent_field = \"event\"\n");
  const std::string id = ids_in(run({"replay", "-q", "-c", config, "--input", "-"}, {.input = events}), "five").front();
  CHECK(contains(run({"why", id, "-c", config, "--input", "-"}, {.input = events}).out, "five fired for user = ann"));
}

TEST_CASE("what cannot be asked is said, with exit 2") {
  const Scene scene;
  CHECK(contains(run({"why", scene.rules}).err, "name the alert by its id, or the rule: --rule NAME"));
  CHECK(contains(run({"why", scene.rules, "--rule", "five"}).err, "name the events: --input FILE"));
  CHECK(contains(scene.why("fiev", "").err, "did you mean `five`?"));
  CHECK(contains(scene.why("five", "", {"--key", "ann", "--key", "bob"}).err, "the key of five is user"));
  CHECK(scene.why("five", "", {"--at", "noon"}).code == 2);
  CHECK(run({"why", scene.rules, "--rule", "five", "--input", "/nowhere", "--event-field", "event"}).code == 2);
  CHECK(scene.why("five", "").code == 0);
}

}  // namespace
}  // namespace tocsin::app
