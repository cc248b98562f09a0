// Were this wrong, the first thing that a newcomer sees would be nothing, or not the same twice.
#include <doctest/doctest.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "app/testing.h"

namespace tocsin::app {
namespace {

constexpr const char* kDemos[] = {"security", "fraud", "sre", "iot", "clicks"};

TEST_CASE("each demo shows every one of its four rules") {
  for (const char* name : kDemos) {
    CAPTURE(name);
    const Ran ran = run({"demo", name, "--clock", "virtual", "--rate", "4"});
    CHECK(ran.code == 0);
    CHECK(ran.err.starts_with("▸ made-up "));
    CAPTURE(ran.err);
    const std::size_t at = ran.err.find("alerts: ");
    REQUIRE(at != std::string::npos);
    const std::string counts = ran.err.substr(at, ran.err.find('\n', at) - at);
    CHECK(std::ranges::count(counts, ',') == 3);
    CHECK(!contains(counts + ",", " 0,"));
    CHECK(std::ranges::count(ran.out, '\n') < 400);
  }
}

// Who starts the demo and looks on for a minute has to see what each rule is for: at the rate and with the seed of
// nobody who asked for others, and not in the ten minutes before alone.
TEST_CASE("within seventy seconds of looking on, every rule fires") {
  for (const char* name : kDemos)
    for (const char* seed : {"1", "2", "3", "7"}) {
      CAPTURE(name);
      CAPTURE(seed);
      std::vector<std::string> words{"demo", name, "--clock", "virtual", "--seconds", "70"};
      if (seed != std::string_view("1")) words.insert(words.end(), {"--seed", seed});
      const Ran ran = run(words);
      CAPTURE(ran.err);
      std::set<std::string> fired;  // `00:10:07  high      brute_force  5 failed logins ..`
      std::istringstream lines(ran.out);
      for (std::string line; std::getline(lines, line);) {
        std::istringstream of_line(line);
        std::string time, severity, rule;
        of_line >> time >> severity >> rule;
        if (time >= "00:10:00" && severity != "resolved") fired.insert(rule);
      }
      CHECK(fired.size() == 4);
      CHECK(std::ranges::count(ran.out, '\n') < 400);
    }
}

TEST_CASE("one seed, one story") {
  const auto story = [](const std::string& seed) {
    return run({"demo", "fraud", "--clock", "virtual", "--rate", "4", "--seed", seed}).out;
  };
  CHECK(story("7") == story("7"));
  CHECK(story("7") != story("8"));
}

TEST_CASE("on the wall's clock the last ten minutes are there at once") {
  const Ran ran = run({"demo", "--seconds", "0.2", "--rate", "4"});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "  brute_force  "));
  CHECK(run({"demo", "--seconds", "0.1", "--rate", "4", "-q"}).err.empty());
}

TEST_CASE("--export: a folder whose rules pass their tests and find the same again") {
  const Folder folder;
  for (const char* name : kDemos) {
    CAPTURE(name);
    const std::string to = folder.path() + "/" + name;
    CHECK(run({"demo", name, "--export", to, "--rate", "4"}).code == 0);
    CHECK(run({"check", to, "--deny-warnings"}).code == 0);
    CHECK(run({"fmt", "--check", to}).code == 0);
    const Ran tested = run({"test", to});
    CAPTURE(tested.out);
    CHECK(tested.code == 0);
    CHECK(contains(tested.out, "4 tests, 4 passed"));
    const Ran replayed = run({"replay", to, "--input", to + "/events.ndjson", "--event-field", "event"});
    CHECK(replayed.code == 0);
    CHECK(!replayed.out.empty());
    CHECK(!contains(replayed.err, "dead letter"));
  }
  const Ran again = run({"demo", "sre", "--export", folder.path() + "/sre"});
  CHECK(again.code == 2);
  CHECK(contains(again.err, "is there, and not empty"));
}

// One file has one watermark: were the inputs side by side in it as they arrive, a third of the events would be late.
TEST_CASE("--export: replayed as its README says, no event is late, and the alerts are those that the demo shows") {
  const Folder folder;
  for (const char* name : kDemos) {
    CAPTURE(name);
    const std::vector<std::string> same{"--seed", "7", "--rate", "20", "--seconds", "30"};
    const auto with = [&](std::vector<std::string> words) {
      words.insert(words.end(), same.begin(), same.end());
      return run(words);
    };
    const std::string to = folder.path() + "/" + name;
    REQUIRE(with({"demo", name, "--export", to}).code == 0);
    CHECK(contains(Folder::read(to + "/README.txt"), "tocsin replay . --input events.ndjson --event-field event  "));
    const Ran shown = with({"demo", name, "--clock", "virtual"});
    const Ran replayed =
        run({"replay", to, "--input", to + "/events.ndjson", "--event-field", "event", "--format", "human"});
    CHECK(!contains(replayed.err, " late"));
    std::vector<std::string> times, texts;
    std::istringstream of_demo(shown.out), of_replay(replayed.out);
    for (std::string line; std::getline(of_demo, line);) {
      times.push_back(line.substr(0, 8));
      texts.push_back(line.substr(line.rfind("  ") + 2));
    }
    REQUIRE(!times.empty());
    std::size_t at = 0;
    for (std::string line; std::getline(of_replay, line); ++at) {
      REQUIRE(at < times.size());
      CHECK(line.substr(11, 8) == times[at]);
      CHECK(line.ends_with(texts[at]));
    }
    CHECK(at == times.size());
  }
}

TEST_CASE("what cannot be shown is said, with exit 2") {
  CHECK(contains(run({"demo", "secruity"}).err, "did you mean `security`?"));
  CHECK(run({"demo", "--seconds", "soon"}).code == 2);
  CHECK(run({"demo", "--rate", "0"}).code == 2);
  CHECK(contains(run({"demo", "--rate", "1e9"}).err, "--rate is at most 10000 events a second\n"));
  CHECK(contains(run({"demo", "--rate", "1001", "--export", "x"}).err, "at most 1000 events a second with --export\n"));
  CHECK(run({"demo", "--seed", "-1"}).code == 2);
  CHECK(run({"demo", "--export", "/proc/nowhere"}).code == 2);
}

}  // namespace
}  // namespace tocsin::app
