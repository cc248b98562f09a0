// Were this wrong, `tocsin test` would call a rule right that is not, or say of one that fails not where and how.
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "app/testing.h"

namespace tocsin::app {
namespace {

using nlohmann::json;

const std::string kRule =
    "event login has user text, outcome text, ts time  timestamp ts  late 1m\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "rule brute_force when 5 login_failed within 5m by user  alert high \"{user}\"\n";
const std::string kPasses =
    "test \"the fifth fires\" rule brute_force\n"
    "  at 0s  5 login_failed every 10s {user: \"ann\"}\n"
    "  at 40s  expect alert {user: \"ann\", count: 5}\n";
const std::string kFails =
    "test \"six are wanted\" rule brute_force\n"
    "  at 0s  5 login_failed every 10s {user: \"ann\"}\n"
    "  at 40s  expect alert {user: \"ann\", count: 6}\n";

Ran test(const std::string& rules, std::vector<std::string> words = {}) {
  words.insert(words.begin(), {"test", "-", "--stdin-filename", "x.rules"});
  return run(words, {.input = rules});
}

TEST_CASE("tests that hold: exit 0, and nothing but the summary") {
  const Ran ran = test(kRule + kPasses);
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("1 test, 1 passed, 0 failed ("));
  CHECK(ran.err.empty());
  CHECK(test(kRule + kPasses, {"-q"}).out.empty());
  CHECK(test(kRule + kPasses, {"-v"}).out.starts_with("ok      \"the fifth fires\" rule brute_force\n"));
}

TEST_CASE("a test that fails: exit 1, its line, and field by field what differs") {
  const Ran ran = test(kRule + kPasses + kFails);
  CHECK(ran.code == 1);
  CHECK(contains(ran.out,
                 "FAILED  \"six are wanted\" rule brute_force\n  --> x.rules:9\n"
                 "   |  at 40s  expect alert {user: \"ann\", count: 6}\n"));
  CHECK(contains(ran.out, "count: expected 6, got 5\n"));
  CHECK(contains(ran.out, "2 tests, 1 passed, 1 failed ("));
}

TEST_CASE("an alert that nobody expected fails the test; so does one that was expected and is not there") {
  const Ran unexpected = test(kRule +
                              "test \"none\" rule brute_force\n  at 0s  5 login_failed {user: \"ann\"}\n"
                              "  at 0s  expect no alert {user: \"bob\"}\n");
  CHECK(unexpected.code == 1);
  CHECK(contains(unexpected.out, "nobody expected this:\n"));
  const Ran absent = test(kRule +
                          "test \"one\" rule brute_force\n  at 0s  4 login_failed {user: \"ann\"}\n"
                          "  at 1s  expect alert\n");
  CHECK(absent.code == 1);
  CHECK(contains(absent.out, "expected an alert by 1s, but there was none"));
}

TEST_CASE("an alert that was expected and is not there: how far the nearest match came, and what refused it") {
  const auto failure_of = [](const std::string& lines) {
    return test(kRule + "test \"one\" rule brute_force\n" + lines).out;
  };
  CHECK(contains(failure_of("  at 0s  4 login_failed every 10s {user: \"ann\"}\n  at 1m  expect alert\n"),
                 "the nearest came to: 4 of 5 `login_failed` within 5 minutes, at 30s\n"));
  CHECK(contains(failure_of("  at 0s  5 login_failed every 80s {user: \"ann\"}\n  at 10m  expect alert\n"),
                 "with more time than `within 5 minutes` it comes at 5m20s\n"));
  CHECK(contains(failure_of("  at 0s  4 login_failed {user: \"ann\"}\n  at 1s  login_failed {user: \"bob\"}\n"
                            "  at 2s  expect alert {user: \"ann\"}\n"),
                 "without `by user` (keys kept apart) it comes at 1s\n"));
  CHECK(contains(failure_of("  at 0s  4 login_failed {user: \"ann\"}\n"
                            "  at 1s  login {user: \"ann\", outcome: \"odd\"}\n  at 2s  expect alert\n"),
                 "with any `login` in place of `login_failed` it comes at 1s\n"));
}

TEST_CASE("--run takes those whose title or rule it finds; none is a mistake") {
  CHECK(contains(test(kRule + kPasses + kFails, {"--run", "fifth"}).out, "1 test, 1 passed"));
  CHECK(contains(test(kRule + kPasses + kFails, {"--run", "brute"}).out, "2 tests"));
  const Ran none = test(kRule + kPasses, {"--run", "nothing"});
  CHECK(none.code == 2);
  CHECK(none.err == "tocsin test: no test fits `nothing` in -\n");
  CHECK(test(kRule).code == 2);
  CHECK(contains(test(kRule + kPasses, {"--run", "("}).err, "--run is no regular expression: missing )"));
  CHECK(test(kRule + kPasses, {"--permute", "often"}).code == 2);
}

TEST_CASE("machines get their answer alone on stdout") {
  const Ran tap = test(kRule + kPasses + kFails, {"--format", "tap"});
  CHECK(tap.code == 1);
  CHECK(
      tap.out.starts_with("TAP version 14\n1..2\nok 1 - brute_force: the fifth fires\nnot ok 2 - brute_force: "
                          "six are wanted\n  ---\n  at: \"x.rules:9\"\n"));
  CHECK(tap.err.starts_with("2 tests, 1 passed, 1 failed"));
  const Ran junit = test(kRule + kPasses + kFails, {"--format", "junit"});
  CHECK(contains(junit.out, "tests=\"2\" failures=\"1\""));
  CHECK(
      contains(junit.out, "<testcase classname=\"brute_force\" name=\"the fifth fires\" file=\"x.rules\" line=\"4\""));
  CHECK(contains(junit.out, "<failure message=\"expected an alert by 40s; the nearest differs:\">"));
  const json document = json::parse(test(kRule + kPasses + kFails, {"--json", "--coverage"}).out);
  CHECK(document["schema"] == "tocsin/test/1");
  CHECK(document["passed"] == 1);
  CHECK(document["tests"][1]["failure"]["place"] == "x.rules:9");
  CHECK(document["coverage"][0] == json{{"rule", "brute_force"},
                                        {"place", "x.rules:3"},
                                        {"fired", true},
                                        {"silent", false},
                                        {"edges", {{{"edge", "`within 5 minutes` runs out"}, {"taken", false}}}}});
}

TEST_CASE("--min-coverage is a gate over rules and edges alike") {
  const std::string silent =
      "test \"four do not\" rule brute_force\n  at 0s  4 login_failed {user: \"ann\"}\n  at 1s  expect no alert\n";
  const std::string runs_out =
      "test \"too slow\" rule brute_force\n  at 0s  5 login_failed every 2m {user: \"ann\"}\n"
      "  at 9m  expect no alert\n";
  CHECK(test(kRule + kPasses, {"--min-coverage", "1"}).code == 1);
  CHECK(test(kRule + kPasses + silent, {"--min-coverage", "1"}).code == 1);  // no edge is taken
  const Ran all = test(kRule + kPasses + runs_out, {"--min-coverage", "100"});
  CHECK(all.code == 0);
  CHECK(all.err.empty());
  CHECK(test(kRule + kPasses, {"--min-coverage", "1"}).err == "tocsin test: coverage is under 1 %\n");
  CHECK(test(kRule + kPasses, {"--min-coverage", "0"}).code == 0);
  CHECK(test(kRule + kPasses, {"--min-coverage", "101"}).code == 2);
}

// Of many tests some fail, some take long, and the set of the second file has rules of its own.
TEST_CASE("--jobs: what is printed is the same, however many tests run at once") {
  Folder folder;
  std::string text = kRule;
  for (int i = 0; i < 40; ++i) {
    const std::string n = std::to_string(i);
    const std::string sent = i % 5 == 0 ? "400 login_failed every 10s" : "5 login_failed every 10s";
    text += "test \"number " + n + "\" rule brute_force\n  at 0s  " + sent + " {user: \"u" + n +
            "\"}\n  at 40s  expect alert {user: \"u" + n + "\", count: " + (i % 7 == 3 ? "6" : "5") + "}\n";
  }
  folder.write("a.rules", text);
  folder.write("b.rules", kRule + kPasses + kFails);
  const auto told = [&](std::vector<std::string> words) {
    words.insert(words.begin(), {"test", "--apart", folder.path()});
    const Ran ran = run(words);
    std::string out = ran.out + "|" + std::to_string(ran.code);
    if (const std::size_t time = out.find(" s)"); time != std::string::npos) out.erase(out.rfind('(', time), time);
    return out;
  };
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"-v"}, {"--fail-fast", "-v"}, {"--coverage"}, {"--format", "tap"}}) {
    CAPTURE(words.front());
    std::vector<std::string> alone = words, eight = words;
    alone.insert(alone.end(), {"-j", "1"});
    eight.insert(eight.end(), {"-j", "8"});
    const std::string one = told(alone);
    CHECK(one.find("number 3") != std::string::npos);
    CHECK(told(eight) == one);
    CHECK(told(words) == one);
  }
  CHECK(contains(told({"--fail-fast", "-v", "-j", "8"}), "4 tests, 3 passed, 1 failed"));
  CHECK(contains(run({"test", "-j", "0", folder.path()}).err, "--jobs needs a number from 1 to 1024, such as 4"));
}

const std::string kTraced =
    "event login has user text?, outcome text?, ts time  timestamp ts  late 1m\n"
    "event logout has user text, ts time  timestamp ts  late 1m\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "event login_ok = login(outcome = \"success\")\n"
    "rule guessed when 2 login_failed as f then login_ok as ok then no logout within 30s by user\n"
    "  reset on login(outcome = \"reset\")  except user = \"root\"  alert high \"{user}\"\n"
    "rule many when count(login_failed) >= 3 within 1m by user  alert low \"\"\n";

TEST_CASE("--trace: event by event, what the rule of a failing test did, and its timers") {
  const Ran ran = test(kTraced +
                           "test \"stays\" rule guessed\n"
                           "  at 0s  2 login_failed every 10s {user: \"ann\"}\n"
                           "  at 11s  login_failed {user: \"root\"}\n"
                           "  at 12s  login_failed\n"
                           "  at 15s  login_ok {user: \"ann\"}\n"
                           "  at 20s  logout {user: \"ann\"}\n"
                           "  at 25s  login_ok {user: \"ann\"}\n"
                           "  at 60s  login_ok {user: \"ann\"}\n"
                           "  at 61s  login {user: \"ann\", outcome: \"reset\"}\n"
                           "  at 62s  login {user: \"ann\", outcome: \"strange\"}\n"
                           "  at 63s  expect alert {user: \"ann\", count: 5}\n",
                       {"--trace"});
  CHECK(ran.code == 1);
  CHECK(contains(ran.out,
                 "what guessed did:\n"
                 "  0s    login {outcome: \"failure\", user: \"ann\"}\n"
                 "          step 1 of 3: 1 of 2 `login_failed`\n"
                 "  10s   login {outcome: \"failure\", user: \"ann\"}\n"
                 "          step 1 of 3: 2 of 2 `login_failed`\n"
                 "  11s   login {outcome: \"failure\", user: \"root\"}\n"
                 "          not seen: `except user = \"root\"`\n"
                 "  12s   login {outcome: \"failure\"}\n"
                 "          not seen: it has not the whole key\n"
                 "  15s   login {outcome: \"success\", user: \"ann\"}\n"
                 "          step 2 of 3: `login_ok`\n"
                 "          a timer stands at 45s\n"
                 "  20s   logout {user: \"ann\"}\n"
                 "          `logout` in time: nothing fires\n"
                 "          the timer is gone\n"
                 "  25s   login {outcome: \"success\", user: \"ann\"}\n"
                 "          step 2 of 3: `login_ok`\n"
                 "          a timer stands at 55s\n"
                 "  55s   time passes\n"
                 "          the rule fires\n"
                 "  1m    login {outcome: \"success\", user: \"ann\"}\n"
                 "          `login_ok`, but nothing waits for it\n"
                 "  1m1s  login {outcome: \"reset\", user: \"ann\"}\n"
                 "          `reset on login(outcome = \"reset\")`: it begins anew\n"
                 "  1m2s  login {outcome: \"strange\", user: \"ann\"}\n"
                 "          no `login_failed` and no `login_ok`\n"));
}

// Were the other rules left out of what is asked, nothing would be told of a rule that they mute.
TEST_CASE("--trace: a silence that was put off while another rule muted it, and is told later") {
  const Ran ran = test(
      "event a has k text, ts time  timestamp ts  late 0s\n"
      "event b has k text, ts time  timestamp ts  late 0s\n"
      "rule upkeep when b by k  resolve when no b for 35s  alert low \"\"\n"
      "rule quiet when no a for 10s by k  mute while upkeep on same k  forget after 1d idle  alert low \"\"\n"
      "test \"put off\" rule quiet\n"
      "  at 0s   a {k: \"u\"}\n"
      "  at 1s   b {k: \"u\"}\n"
      "  at 90s  expect no alert\n",
      {"--trace"});
  CHECK(contains(ran.out,
                 "  10s  time passes\n"
                 "        without `mute while upkeep on same k` it would fire here\n"
                 "  40s  time passes\n"
                 "        the rule fires\n"));
}

TEST_CASE("--trace: tests that pass are traced where --run chooses them; machines get it, too") {
  const std::string passes =
      "test \"three\" rule many\n  at 0s  3 login_failed every 1s {user: \"ann\"}\n"
      "  at 2s  logout {user: \"ann\"}\n  at 2s  expect alert {user: \"ann\"}\n";
  CHECK_FALSE(contains(test(kTraced + passes, {"--trace"}).out, "what many did"));
  const std::string told = test(kTraced + passes, {"--trace", "--run", "three"}).out;
  CHECK(contains(told,
                 "ok      \"three\" rule many\nwhat many did:\n"
                 "  0s  login {outcome: \"failure\", user: \"ann\"}\n"
                 "        `count(login_failed) >= 3`: it is 1\n"));
  CHECK(contains(told,
                 "        the rule fires\n"
                 "        `count(login_failed) >= 3`: it is 3\n"
                 "  2s  logout {user: \"ann\"}\n"
                 "        none of this rule's events\n"));
  const json report = json::parse(test(kTraced + passes, {"--trace", "--run", "three", "--json"}).out);
  CHECK(contains(report["tests"][0]["trace"], "what many did:\n  0s  login"));
  const std::string fails = kRule + kFails;
  CHECK(contains(test(fails, {"--trace", "--format", "junit"}).out, "4 of 5 `login_failed`&#10;"));
  CHECK(contains(test(fails, {"--trace", "--format", "tap"}).out, "        4 of 5 `login_failed`\n"));
}

TEST_CASE("--list runs nothing; --junit writes a report beside the answer") {
  const Ran listed = test(kRule + kPasses + kFails, {"--list"});
  CHECK(listed.code == 0);
  CHECK(listed.out ==
        "x.rules:4: \"the fifth fires\" rule brute_force\nx.rules:7: \"six are wanted\" rule brute_force\n");
  const Folder folder;
  const Ran ran = test(kRule + kPasses + kFails, {"--junit", folder.path() + "/report.xml"});
  CHECK(ran.code == 1);
  CHECK(contains(ran.out, "FAILED  "));
  CHECK(contains(Folder::read(folder.path() + "/report.xml"), "tests=\"2\" failures=\"1\""));
}

TEST_CASE("junit: what is no character of XML is replaced, so that the report stays one") {
  for (const auto& [written, bytes] :
       {std::pair{"\\u{fffe}", "\xEF\xBF\xBE"}, {"\\u{ffff}", "\xEF\xBF\xBF"}, {"\\u{1}", "\x01"}}) {
    CAPTURE(written);
    const Ran ran = test(
        "event a has k text, ts time timestamp ts\nrule r when 2 a within 5s by k alert low \"{k}\"\n"
        "test \"t\" rule r\n  at 0s  2 a {k: \"" +
            std::string(written) + "\"}\n  at 0s  expect no alert\n",
        {"--format", "junit"});
    CHECK(contains(ran.out, "failures=\"1\""));
    CHECK(!contains(ran.out, bytes));
  }
}

TEST_CASE("--junit never writes over a file that the tests read") {
  const Folder folder;
  const std::string rules = folder.write("u.rules", kRule + kPasses);
  const std::string events = folder.write("e.ndjson", R"({"event":"login","user":"ann","ts":0})"
                                                      "\n");
  const std::string loads = folder.write(
      "loads/l.rules", kRule + "test \"t\" rule brute_force\n  load \"../e.ndjson\"\n  at 1m  expect no alert\n");
  const std::string link = folder.path() + "/link.xml";
  std::filesystem::create_symlink("u.rules", link);
  for (const auto& [of, junit] : {std::pair{rules, rules}, {rules, link}, {loads, events}}) {
    CAPTURE(junit);
    const std::string before = Folder::read(junit);
    const Ran ran = run({"test", of, "--junit", junit});
    CHECK(ran.code == 2);
    CHECK(contains(ran.err, "--junit would overwrite "));
    CHECK(Folder::read(junit) == before);
  }
}

TEST_CASE("a report that cannot be written is no success, and a device stays one") {
  const Ran ran = test(kRule + kPasses, {"--junit", "/dev/full"});
  CHECK(ran.code == 2);
  CHECK(contains(ran.err, "cannot write /dev/full"));
  CHECK(std::filesystem::is_character_file("/dev/full"));
}

TEST_CASE("--coverage=json and =lcov are the answer; the results are on stderr") {
  const std::string other = "rule other when login(user = \"bob\") by user  alert low \"{user}\"\n";
  const Ran lcov = test(kRule + other + kPasses, {"--coverage=lcov"});
  CHECK(lcov.code == 0);
  CHECK(lcov.out ==
        "TN:\nSF:x.rules\nFN:3,brute_force\nFNDA:1,brute_force\nFN:4,other\nFNDA:0,other\nFNF:2\nFNH:1\n"
        "BRDA:3,0,0,1\nBRDA:3,0,1,0\nBRDA:3,0,2,0\nBRDA:4,0,0,0\nBRDA:4,0,1,0\nBRF:5\nBRH:1\n"
        "DA:3,1\nDA:4,0\nLF:2\nLH:1\nend_of_record\n");
  CHECK(lcov.err.starts_with("1 test, 1 passed, 0 failed ("));
  const Ran failing = test(kRule + kFails, {"--coverage=json"});
  CHECK(failing.code == 1);
  CHECK(contains(failing.err, "FAILED  \"six are wanted\""));
  const json document = json::parse(failing.out);
  CHECK(document["schema"] == "tocsin/coverage/1");
  CHECK(document["rules"][0]["place"] == "x.rules:3");
  CHECK(document["rules"][0]["fired"] == true);
  CHECK(test(kRule + kPasses, {"--coverage=text"}).out.starts_with("coverage: "));
  CHECK(contains(test(kRule + kPasses, {"--coverage=jsn"}).err, "did you mean `json`?"));
  const Ran both = test(kRule + kPasses, {"--coverage=lcov", "--format", "junit"});
  CHECK(both.code == 2);
  CHECK(contains(both.err, "--coverage=lcov and --format junit both have standard output"));
}

TEST_CASE("--coverage names the rules that are not shown both ways") {
  const std::string other = "rule other when login by user  alert low \"{user}\"\n";
  const Ran ran = test(kRule + other + kPasses, {"--coverage"});
  CHECK(contains(ran.out,
                 "coverage: 0 of 2 rules shown firing and silent, 0 of 1 edge of their automata taken\n"
                 "  brute_force  no test shows: `within 5 minutes` runs out\n"
                 "  brute_force  fires in a test; no test shows it silent\n"
                 "  other        "));
  CHECK(contains(test(kRule + kPasses +
                          "test \"four do not\" rule brute_force\n  at 0s  4 login_failed {user: \"ann\"}\n"
                          "  at 1s  expect no alert\n",
                      {"--coverage"})
                     .out,
                 "coverage: 1 of 1 rule shown firing and silent, 0 of 1 edge of their automata taken\n"));
}

TEST_CASE(
    "--coverage: an edge is taken by a test that would end otherwise without it, a state by one that reaches it") {
  const std::string events =
      "event login has user text, ts time  timestamp ts  late 1m\n"
      "event logout has user text, ts time  timestamp ts  late 1m\n"
      "event pay has user text, ts time  timestamp ts  late 1m\n";
  const std::string paid = "rule paid when login then no logout then pay within 5m by user  alert low \"x\"\n";
  const auto shown = [&](const std::string& rule, const std::string& lines) {
    const Ran ran = test(events + rule + "test \"t\" rule " + rule.substr(5, 4) + "\n" + lines, {"--coverage", "-q"});
    CHECK_MESSAGE(ran.code == 0, (ran.out + ran.err));
    return ran.out;
  };
  const std::string reached = shown(paid, "  at 0s  login {user: \"a\"}\n  at 1s  expect no alert\n");
  CHECK(contains(reached, "1 of 3 edges"));
  CHECK_FALSE(contains(reached, "no test shows: `login`"));
  CHECK(contains(reached, "no test shows: `within 5 minutes` runs out\n"));
  CHECK(contains(reached, "no test shows: a `logout` comes between\n"));
  const std::string late =
      shown(paid, "  at 0s  login {user: \"a\"}\n  at 6m  pay {user: \"a\"}\n  at 6m  expect no alert\n");
  CHECK_FALSE(contains(late, "runs out"));
  CHECK(contains(late, "a `logout` comes between"));
  const std::string between = shown(paid,
                                    "  at 0s  login {user: \"a\"}\n  at 1s  logout {user: \"a\"}\n  at 2s  pay {user: "
                                    "\"a\"}\n  at 2s  expect no alert\n");
  CHECK_FALSE(contains(between, "a `logout` comes between"));

  const std::string lost = "rule lost when no pay within 5m after login by user  alert low \"x\"\n";
  CHECK(contains(shown(lost, "  at 0s  login {user: \"a\"}\n  at 5m  expect alert {user: \"a\"}\n"),
                 "`pay` comes in time"));
  CHECK_FALSE(
      contains(shown(lost, "  at 0s  login {user: \"a\"}\n  at 1m  pay {user: \"a\"}\n  at 6m  expect no alert\n"),
               "`pay` comes in time"));
}

TEST_CASE("--coverage: edges of every rule, taken by any test; both branches of a `maybe`") {
  const std::string rules =
      "event a has k text, ts time  timestamp ts\n"
      "event b has k text, ts time  timestamp ts\n"
      "event c has k text, ts time  timestamp ts\n"
      "rule untested when a then no b within 10s by k  alert low \"x\"\n"
      "rule elsewhere when c then no c within 10s by k  alert low \"x\"\n"
      "rule lenient when 2 a then maybe c then b within 10s by k  alert low \"x\"\n";
  const std::string without =
      "test \"without\" rule lenient\n  at 0s  2 a {k: \"x\"}\n  at 1s  b {k: \"x\"}\n  at 1s  expect alert\n";
  const std::string with =
      "test \"with\" rule lenient\n  at 0s  2 a {k: \"x\"}\n  at 1s  c {k: \"x\"}\n  at 2s  b {k: \"x\"}\n"
      "  at 2s  expect alert\n";
  const std::string one = test(rules + without, {"--coverage"}).out;
  CHECK(contains(one, "4 of 8 edges of their automata taken"));
  CHECK(contains(one, "  elsewhere  no test shows: `c`\n"));
  CHECK(contains(one, "  lenient    no test shows: the `maybe`: `c`\n"));
  CHECK_FALSE(contains(one, "the `maybe`: without"));
  CHECK_FALSE(contains(one, "untested   no test shows: `a`"));
  CHECK_FALSE(contains(one, "untested   no test shows: `b` comes in time"));
  const std::string both = test(rules + without + with, {"--coverage"}).out;
  CHECK_FALSE(contains(both, "maybe"));
  CHECK(contains(test(rules + with, {"--coverage"}).out, "no test shows: the `maybe`: without `c`\n"));
  CHECK(test(rules + without, {"--min-coverage", "100"}).code == 1);
}

TEST_CASE("--apart: every file is a set of its own, so names may come again") {
  const Folder folder;
  folder.write("a.rules", kRule + kPasses);
  folder.write("b.rules", kRule + kPasses);
  CHECK(run({"test", folder.path()}).code == 1);
  const Ran ran = run({"test", "--apart", folder.path()});
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("2 tests, 2 passed, 0 failed ("));
  CHECK(run({"check", "--apart", folder.path()}).code == 0);
  folder.write(
      "c.rules",
      "list l from \"not_there.txt\"\nrule x when 2 login(user in list l) within 1m by user  alert low \"x\"\n");
  CHECK(run({"test", "--apart", folder.path()}).code == 0);  // it has no test that would need its list
}

TEST_CASE("--permute: orders of arrival within what is waited for change nothing") {
  CHECK(test(kRule + kPasses, {"--permute", "20"}).code == 0);
}

TEST_CASE("--shards: how many shards judge changes nothing, in any order of arrival") {
  const std::string other =
      "test \"two\" rule brute_force\n"
      "  at 0s    5 login_failed every 5s {user: \"ann\"}\n  at 1s    5 login_failed every 5s {user: \"bob\"}\n"
      "  at 20s   expect alert {user: \"ann\", count: 5}\n  at 21s   expect alert {user: \"bob\", count: 5}\n";
  CHECK(test(kRule + kPasses + other, {"--shards", "1,3,8"}).code == 0);
  CHECK(test(kRule + kPasses + other, {"--shards", "2,5", "--permute", "5"}).code == 0);
  CHECK(test(kRule + "test \"none\" rule brute_force\n  at 0s  login_failed {user: \"ann\"}\n"
                     "  at 0s  expect alert {user: \"ann\"}\n",
             {"--shards", "3,8"})
            .code == 1);
  for (const char* wrong : {"0", "1,", ",2", "65", "two", "1,-2"}) {
    CAPTURE(wrong);
    const Ran ran = test(kRule + kPasses, {"--shards", wrong});
    CHECK(ran.code == 2);
    CHECK(contains(ran.err, "--shards needs numbers from 1 to 64, such as 1,4"));
  }
}

TEST_CASE("events may be loaded from a file beside the rules, among those that the test sends") {
  const Folder folder;
  folder.write(
      "events.ndjson",
      "{\"event\": \"login\", \"user\": \"ann\", \"outcome\": \"failure\", \"ts\": \"1970-01-05T00:00:05Z\"}\n"
      "{\"event\": \"login\", \"user\": \"ann\", \"outcome\": \"failure\", \"ts\": \"1970-01-05T00:00:06Z\"}\n");
  const std::string lines =
      "test \"loaded\" rule brute_force\n  load \"events.ndjson\"\n  at 0s  3 login_failed every 10s {user: "
      "\"ann\"}\n"
      "  at 20s  expect alert {user: \"ann\", count: 5}\n";
  const std::string file = folder.write("a.rules", kRule + lines);
  const Ran ran = run({"test", file});
  CAPTURE(ran.out);
  CHECK(ran.code == 0);
  folder.write("events.ndjson", "{\"event\": \"logout\"}\n");
  CHECK(contains(run({"test", file}).out, "line 1 of events.ndjson is no event: "));
  std::filesystem::remove(folder.path() + "/events.ndjson");
  CHECK(contains(run({"test", file}).out, "events.ndjson"));
}

TEST_CASE("what a test sends is what a line of JSON with the same fields is") {
  const std::string rules =
      "event seen has who text, n int?, f float?, ok bool?, at time?, took duration?, src ip?, spot point?, all any?,\n"
      "  many list of duration?, a.b int?, ts time  timestamp ts in s\n"
      "rule r when seen as e by who  alert low \"{e.n} {e.f} {e.ok} {e.at} {e.took} {e.src} {e.spot} {e.all} {e.many} "
      "{e.a.b} {e.n / 2} {hours(e.took)} {e.src in [10.0.0.0/8]} {distance_km(e.spot, e.spot)} {e.all = 5}\"\n";
  // The alert's text, as the test that expects another one tells it.
  const auto seen_as = [&rules](const std::string& line, const std::string& record) {
    const Folder folder;
    folder.write("events.ndjson", record + "\n");
    const Ran ran = run({"test", folder.write("x.rules", rules + "test \"t\" rule r\n  " + line +
                                                             "\n  at 2s  expect alert {text: \"\"}\n")});
    CHECK(ran.err == "");
    const std::size_t got = ran.out.find("text: expected \"\", got ");
    return got == std::string::npos ? ran.out + record : ran.out.substr(got, ran.out.find('\n', got) - got);
  };
  struct Case {
    const char *in_test, *in_json;
  };
  for (const Case& c : {
           Case{"n: 5, f: 5, ok: true, at: \"2026-03-01T14:20:05+01:00\", took: 1m30s, src: 10.0.0.7, "
                "spot: \"48.85,2.35\", all: 5, many: [1s, 2m], a.b: -3",
                R"("n":5,"f":5,"ok":true,"at":"2026-03-01T13:20:05Z","took":90,"src":"10.0.0.7",)"
                R"("spot":{"lat":48.85,"lon":2.35},"all":5,"many":[1,120],"a":{"b":-3})"},
           Case{"n: 5.0, f: 20%, ok: false, at: 7, took: 1.5, src: \"10.0.0.0/8\", spot: [48.85, 2.35], "
                "all: \"5\", many: [\"1h\"]",
                R"("n":5.0,"f":0.2,"ok":false,"at":7,"took":1.5,"src":"10.0.0.0/8",)"
                R"("spot":[48.85,2.35],"all":"5","many":["1h"])"},
           Case{"at: \"7\", took: \"1m30s\", src: \"::ffff:10.0.0.7\", all: 5s, many: []",
                R"("n":null,"at":"7","took":"1m30s","src":"::ffff:10.0.0.7","all":5,"many":[])"},
       }) {
    CAPTURE(c.in_test);
    const std::string sent = seen_as(std::string("at 1s  seen {who: \"u\", ") + c.in_test + "}", "");
    CHECK(sent.starts_with("text: expected"));
    CHECK(sent == seen_as("load \"events.ndjson\"",
                          std::string(R"({"event":"seen","who":"u","ts":345601,)") + c.in_json + "}"));
  }
}

TEST_CASE("what is expected may be written as an alert shows it, or as a test writes it") {
  const std::string rules =
      "event seen has who text, took duration, src ip, spot point, ts time  timestamp ts\n"
      "rule r when 2 seen within 5m by who\n"
      "  with took = last(seen.took), src = last(seen.src), spot = last(seen.spot), all = values(seen.took)\n"
      "  alert low \"\"\n"
      "test \"t\" rule r\n  at 10s  seen {who: \"u\", took: 90, src: \"10.0.0.7\", spot: \"1,2\"}\n"
      "  at 70s  seen {who: \"u\", took: 1.5, src: 10.0.0.8, spot: [48.85, 2.35]}\n  at 70s  expect alert ";
  for (const char* fields :
       {"{took: 1500ms, src: 10.0.0.8, spot: \"48.85,2.35\", all: [1m30s, 1500ms]}",
        "{took: 1.5, src: \"10.0.0.8\", spot: [48.85, 2.35], all: [90, 1.5]}", "{took: \"1.5s\"}",
        "{first: 10s, last: 1m10s, time: 70s, span: 1m}", "{first: \"1970-01-05T00:00:10Z\", span: 60}"}) {
    CAPTURE(fields);
    const Ran ran = test(rules + fields + "\n");
    CHECK_MESSAGE(ran.code == 0, ran.out, ran.err);
  }
  CHECK(contains(test(rules + "{first: 11s, span: 2m}\n").out,
                 "first: expected 11s, got 10s\n    span: expected 120, got 60\n"));
  const Ran gap = test(rules + "{gap: 1m}\n");
  CHECK(contains(gap.err, "an alert of `r` has no `gap`"));
  CHECK(contains(gap.err, "the rule has to carry it: `with gap = gap`"));
}

TEST_CASE("the events that a session sends on can be expected, with what it adds to them") {
  const std::string rules =
      "event hit has user text, page text, ts time  timestamp ts\n"
      "session visit of hit by user  ends after 1m idle  emit each with sequence, shown = upper(page)\n"
      "rule r when visit(count > 5) by user  alert low \"\"\n"
      "test \"sent on\" rule r\n  at 0s  2 hit every 1s {user: \"ann\", page: \"a\"}\n";
  CHECK(test(rules + "  at 1s  expect hit {user: \"ann\", page: \"a\", sequence: 1, shown: \"A\"}\n"
                     "  at 1s  expect hit {sequence: 2}\n  at 1s  expect no hit\n")
            .code == 0);
  CHECK(contains(test(rules + "  at 1s  expect hit {sequence: 3}\n").out, "sequence: expected 3, got 1"));
  CHECK(contains(test(rules + "  at 1s  expect hit {sequel: 1}\n").err, "sequel"));  // a name that nobody adds
}

TEST_CASE("`restart` loses nothing, of a count, a silence, an open alert or a session") {
  const std::string rules =
      "event login has user text, ts time  timestamp ts  late 1m\n"
      "event beat has host text, ts time  timestamp ts\n"
      "rule many when 3 login within 5m by user  resolve when no login for 2m  alert high \"{user}\"\n"
      "rule silent when no beat for 1m by host  alert high \"{host}\"\n"
      "session visit of login by user ends after 1m idle with n = count(login)\n";
  const auto restarted_at = [&](const std::string& first, const std::string& second) {
    return test(rules + "test \"all\"\n  at 0s  beat {host: \"h\"}\n  at 0s  2 login every 10s {user: \"ann\"}\n" +
                    first + "  at 20s  login {user: \"ann\"}\n  at 20s  expect alert {user: \"ann\", count: 3}\n" +
                    second +
                    "  at 1m  expect alert {host: \"h\"}\n  at 3m  expect visit {n: 3}\n"
                    "  at 3m  expect alert {user: \"ann\", state: \"resolved\"}\n",
                {"--permute", "3", "--shards", "1,3"});
  };
  for (const char* first : {"", "  at 5s  restart\n", "  at 10s  restart\n  restart\n", "  at 20s  restart\n"})
    for (const char* second : {"", "  at 21s  restart\n", "  at 1m  restart\n"}) {
      const Ran ran = restarted_at(first, second);
      CAPTURE(first);
      CAPTURE(second);
      CHECK_MESSAGE(ran.code == 0, ran.out, ran.err);
    }
}

TEST_CASE(
    "`reload` puts a file in the place of the test's own: a dial keeps what is remembered, another shape begins anew") {
  const Folder folder;
  const std::string event = "event login has user text, ip ip, outcome text, ts time  timestamp ts\n";
  const auto rule = [&](const std::string& pattern) {
    return event + "rule r when " + pattern + " within 5m by user  alert high \"{user}\"\n";
  };
  folder.write("other/fewer.txt", rule("3 login"));
  folder.write("other/shape.txt", rule("4 login(outcome = \"failure\")"));
  folder.write("other/more.txt",
               event + "event a has user text, ts time  timestamp ts\nrule aa when a by user  alert low \"a\"\n" +
                   "rule r when 4 login within 5m by user  alert high \"{user}\"\n");
  folder.write("other/broken.txt", rule("3 logiin"));
  folder.write("rules/also.rules", "rule also when 2 login at most 1s apart by user  alert low \"also\"\n");
  const auto reloaded = [&](const std::string& file, const std::string& behind) {
    folder.write("rules/x.rules",
                 rule("4 login") +
                     "test \"it\" rule r\n  at 0s  2 login every 10s {user: \"ann\"}\n  at 10s  reload \"../other/" +
                     file + "\"\n  at 10s  login {user: \"ann\", outcome: \"failure\"}\n" + behind);
    return run({"test", folder.path() + "/rules", "--permute", "2", "--shards", "1,2"});
  };
  // The third event, at the reload's own time but behind it, is judged by the new rules; what stands before it was not.
  CHECK(reloaded("fewer.txt", "  at 10s  expect alert {user: \"ann\", count: 3}\n").code == 0);
  CHECK(reloaded("more.txt",
                 "  at 10s  expect no alert\n  at 11s  login {user: \"ann\"}\n"
                 "  at 11s  expect alert {user: \"ann\", count: 4}\n")
            .code == 0);
  const Ran anew =
      reloaded("shape.txt",
               "  at 11s  2 login {user: \"ann\", outcome: \"failure\"}\n  at 11s  expect no alert\n"
               "  at 12s  login {user: \"ann\", outcome: \"failure\"}\n  at 12s  expect alert {count: 4}\n");
  CHECK_MESSAGE(anew.code == 0, anew.out, anew.err);
  const Ran broken = reloaded("broken.txt", "  at 10s  expect no alert\n");
  CHECK(broken.code == 1);
  CHECK(
      contains(broken.out, "with ../other/broken.txt in its place, the rules have a mistake: unknown event `logiin`"));
  const Ran missing = reloaded("none.txt", "  at 10s  expect no alert\n");
  CHECK(missing.code == 1);
  CHECK(contains(missing.out, "none.txt"));
  // What it says of an alert that is not there cannot be about rules that were not in force then.
  const Ran absent = reloaded("shape.txt", "  at 10s  expect alert {user: \"ann\"}\n");
  CHECK(absent.code == 1);
  CHECK(contains(absent.out, "expected an alert by 10s, but there was none"));
  CHECK(!contains(absent.out, "nearest"));
  CHECK(run({"test", folder.path() + "/rules", "--coverage", "--trace"}).code == 1);
}

// Nothing follows a topic yet: what an empty list decides must not look as if the topic had been asked.
TEST_CASE("a list and a table of a topic are empty in a test, and it is said") {
  const Ran ran = test(
      "event a has k text, ts time  timestamp ts\nlist bad from topic \"bad-ones\"\ntable t from topic \"names\"\n"
      "rule r when a(k in list bad or t[k].name = \"x\") by k  alert low \"\"\n"
      "test \"nobody is in it\" rule r\n  at 0s  a {k: \"u\"}\n  at 0s  expect no alert\n");
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "tocsin test: list `bad` is empty here: nothing follows its topic \"bad-ones\" yet\n"));
  CHECK(contains(ran.err, "tocsin test: table `t` is empty here: nothing follows its topic \"names\" yet\n"));
}

TEST_CASE("--update writes what there was, shows the difference, and the tests pass") {
  const Folder folder;
  const std::string file = folder.write("a.rules", kRule + "\n" + kFails +
                                                       "\ntest \"unexpected\" rule brute_force\n"
                                                       "  at 0s  5 login_failed {user: \"bob\"}\n"
                                                       "  at 1s  expect no alert\n"
                                                       "  at 2s  login {user: \"bob\"}\n");
  CHECK(run({"test", file, "--update"}, {.environment = {{"CI", "1"}}}).code == 2);
  CHECK(test(kRule + kFails, {"--update"}).code == 2);
  CHECK(run({"test", file}).code == 1);
  const Ran ran = run({"test", file, "--update"});
  CAPTURE(ran.out);
  CHECK(ran.code == 0);
  CHECK(ran.err == "updated 2 tests\n");
  CHECK(contains(ran.out, "+  at 40s  expect alert {user: \"ann\", count: 5}\n"));
  CHECK(contains(ran.out, "-  at 1s  expect no alert\n"));
  CHECK(contains(ran.out, "expect alert {user: \"bob\"}\n"));
  const Ran after = run({"test", file});
  CAPTURE(after.out);
  CHECK(after.code == 0);
}

TEST_CASE("--update takes a line that several alerts fail away once, and nothing behind it") {
  const Folder folder;
  const std::string head =
      "event x has k text, ts time  timestamp ts  late 0s\n\nrule r\n  when x by k\n  alert low \"{k}\"\n\n"
      "test \"a\" rule r\n  at 0s  3 x every 1s {k: \"a\"}\n";
  for (const std::string& behind : {std::string(), std::string("\n// c\n")}) {
    const std::string file = folder.write("b.rules", head + "  at 1h  expect no alert\n" + behind);
    CHECK(run({"test", file, "--update"}).code == 0);
    CHECK(Folder::read(file) == head + "  at 0s  expect alert {k: \"a\"}\n  at 1s  expect alert {k: \"a\"}\n" +
                                    "  at 2s  expect alert {k: \"a\"}\n" + behind);
  }
}

TEST_CASE("rules with errors run no test; the errors are on stderr") {
  const Ran ran = test("rule r when 5 x within\n" + kPasses);
  CHECK(ran.code == 1);
  CHECK(ran.out.empty());
  CHECK(contains(ran.err, "error[R0"));
  CHECK(contains(ran.err, "nothing runs while the rules have errors"));
  CHECK(run({"test", "/nowhere/at.rules"}).code == 2);
  CHECK(run({"test", "-"}, {.in_is_terminal = true}).code == 2);
}

TEST_CASE("a list file that is missing keeps tests from running") {
  const Ran ran =
      test("list bad from \"bad.txt\"\n" + kRule + "extend rule brute_force except user in list bad\n" + kPasses);
  CHECK(ran.code == 2);
  CHECK(contains(ran.err, "bad.txt"));
}

TEST_CASE("the file of a list lies beside the rule file that names it, whatever another folder has under this name") {
  const Folder folder;
  const auto rules = [](const std::string& name) {
    return "list " + name + " from \"users.txt\"\nrule in_" + name + " when login(user in list " + name +
           ") by user  alert low \"x\"\n";
  };
  folder.write("a/users.txt", "ann\n");
  folder.write("a/a.rules", "event login has user text\n" + rules("ones"));
  folder.write("b/users.txt", "bob\n");
  folder.write("b/b.rules", rules("twos") +
                                "test \"bob alone\" rule in_twos\n"
                                "  at 0s  login {user: \"ann\"}\n"
                                "  at 1s  login {user: \"bob\"}\n"
                                "  at 1s  expect alert {user: \"bob\"}\n");
  const Ran ran = run({"test", folder.path()});
  CAPTURE(ran.err);
  CHECK(ran.code == 0);
}

}  // namespace
}  // namespace tocsin::app
