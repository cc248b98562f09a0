// If one of these fails, a problem that came back is not heard of, or one that goes on fills the log.
#include "app/daemon/log.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>

#include "tests/support/hand_clock.h"

namespace tocsin::app {
namespace {

struct Said {
  explicit Said(std::size_t kept = 10, LogSettings settings = {}) : log(settings, kept, clock, out) {}
  // Since the last time.
  std::string lines() {
    std::string all = out.str();
    out.str({});
    std::string without_times;
    std::istringstream in(all);
    for (std::string line; std::getline(in, line);) without_times += line.substr(line.find(' ') + 1) + '\n';
    return without_times;
  }
  tests::HandClock clock;
  std::ostringstream out;
  Log log;
};

}  // namespace

TEST_CASE("log: a problem that comes again and again is said once a minute, with how often it came") {
  Said said;
  said.log.problem("sink.alerts", "disk full", "make room");
  CHECK(said.lines() == "warn sink.alerts: disk full; make room\n");
  for (int i = 0; i < 3; ++i) said.log.problem("sink.alerts", "disk full", "make room");
  said.log.look();
  CHECK(said.lines().empty());
  said.clock.at = seconds(60);
  said.log.look();
  CHECK(said.lines() == "warn sink.alerts: disk full; make room (2 more like this)\n");
  said.log.look();
  CHECK(said.lines().empty());
  said.clock.at = seconds(130);
  said.log.problem("sink.alerts", "disk full", "make room");
  CHECK(said.lines() == "warn sink.alerts: disk full; make room\n");
  REQUIRE(said.log.problems().size() == 1);
  CHECK(said.log.problems().front().times == 5);
  CHECK(said.log.problem_count() == 5);
}

TEST_CASE("log: what the daemon ends by is said, also when it has been a problem for long") {
  Said said;
  said.log.problem("state", "disk full", "reading waits");
  said.log.failure("state", "disk full", "the next start reads it again");
  CHECK(said.lines() ==
        "warn state: disk full; reading waits\nerror state: disk full; the next start reads it again\n");
}

TEST_CASE("log: a problem that went is said to be over, and said again when it comes back") {
  Said said;
  said.log.problem("state", "disk full");
  said.log.over("state", "disk full");
  said.log.over("state", "disk full");
  said.log.over("state", "nobody has heard of this one");
  CHECK(said.lines() == "warn state: disk full\ninfo state: is over: disk full\n");
  said.clock.at = seconds(6);
  said.log.problem("state", "disk full");
  CHECK(said.lines() == "warn state: disk full\n");
}

TEST_CASE("log: one that comes and goes all the time does not fill it") {
  Said said;
  for (int i = 0; i < 100; ++i) {
    said.log.problem("state", "disk full");
    said.log.over("state", "disk full");
    said.clock.at = said.clock.at + milliseconds(100);
  }
  const std::string lines = said.lines();
  CHECK(std::count(lines.begin(), lines.end(), '\n') < 10);
}

TEST_CASE("log: so many problems are kept, all are said") {
  Said said(0);
  said.log.problem("a", "one");
  CHECK(said.lines() == "warn a: one\n");
  CHECK(said.log.problems().empty());
  Said two(2);
  for (const char* what : {"one", "two", "three"}) two.log.problem("a", what);
  REQUIRE(two.log.problems().size() == 2);
  CHECK(two.log.problems().front().what == "three");
}

TEST_CASE("log: what is less than the level is not said; a line is whole in each format") {
  Said said(10, {LogLevel::warn, LogFormat::json});
  said.log.info("a", "not this");
  said.log.problem("a", "a \"word\"\nand more");
  CHECK(said.out.str().find("\"message\":\"a \\\"word\\\"\\nand more\"}\n") != std::string::npos);
  CHECK(said.out.str().find("not this") == std::string::npos);
}

}  // namespace tocsin::app
