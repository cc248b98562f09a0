// Were this wrong, `explain` would tell the author that the rule means something that it does not.
#include "dsl/reading.h"

#include <doctest/doctest.h>

#include <string>

#include "dsl/check.h"
#include "dsl/parser.h"

namespace tocsin::dsl {
namespace {

constexpr const char* kEvents =
    "event login has user text, ip ip, country text, outcome text, ts time  timestamp ts\n"
    "event logout has user text, ts time  timestamp ts\n"
    "event charge has user text, amount float, ts time  timestamp ts\n"
    "event heartbeat has user text, ts time  timestamp ts\n"
    "list devices = [\"a\"]\n";

std::string read(const std::string& rule) {
  const SourceText source{"a.rules", kEvents + rule};
  const std::vector<Parsed> parsed{parse(source)};
  const Checked checked = check(parsed);
  std::string all;
  for (const Diagnostic& d : parsed.front().diagnostics) all += d.message + " ";
  for (const Diagnostic& d : checked.diagnostics)
    if (d.level() == Level::error) all += d.message + " ";
  REQUIRE(all == "");
  std::vector<std::string> sentences;
  if (!checked.model.rules.empty()) {
    sentences = read_aloud(checked.model.rules.front(), checked.model);
  } else if (!checked.model.sessions.empty()) {
    sentences = read_aloud(checked.model.sessions.front());
  } else {
    sentences = read_aloud(checked.model.summaries.front());
  }
  for (const std::string& sentence : sentences) all += (all.empty() ? "" : " ") + sentence;
  return all;
}

// The sentence that fires, of a pattern alone.
std::string first(const std::string& when) {
  const std::string all = read("rule r when " + when + "  forget after 90d idle  alert low \"x\"\n");
  return all.substr(0, all.find(". ") + 1);
}

TEST_CASE("a rule told whole") {
  CHECK(read("rule brute_force when 5 login(outcome = \"failure\") within 5m by user\n"
             "  reset on logout  except ip in [10.0.0.1]  fire at most once per 1h  alert high \"{count} of {user}\"\n"
             "  send to \"pager\", \"log\"\n") ==
        "Fires when the same `user` has 5 `login(outcome = \"failure\")` within 5 minutes. The fifth fires. While that "
        "stays "
        "true it is one alert; it can fire again when an event has found it false, or nothing is left to count. A "
        "`logout` "
        "makes it forget what it has seen of the key. Events for which `ip in [10.0.0.1]` do not exist for it. At most "
        "one "
        "alert in 1 hour for a key; the rest are counted in `suppressed` of the next. Sends a high alert: \"{count} of "
        "{user}\". It goes to `pager` and `log`.");
}

// Were it not told, a list would read as if a device had to come once before its silence counts (E3).
TEST_CASE("C7: a count whose filter looks at its own step is told as the sequence that it is") {
  CHECK(
      read("rule dear when 2 charge(amount > coalesce(avg(charge.amount), 0)) within 1h by user  fire always\n"
           "  alert low \"x\"\n") ==
      "Fires when the same `user` has 2 or more `charge(amount > coalesce(avg(charge.amount), 0))`, all within 1 hour. "
      "Every event that completes it fires; nothing is dropped. Sends a low alert: \"x\".");
}

TEST_CASE("keys that need not come, and what an alert carries") {
  CHECK(
      read("rule r when no heartbeat for 2m by user from list devices  alert low \"x\"\n"
           "  runbook \"https://wiki/x\"  tags \"iot\", \"night\"  owner \"plant\"\n") ==
      "Fires when the same `user` from list `devices` has no `heartbeat` in the 2 minutes after the last one. It fires "
      "when that time is over, without waiting for an event; one that comes exactly then is in time. A key of the list "
      "counts as seen from the start, also one that never comes. A silence fires once, however long it lasts. Sends a "
      "low alert: \"x\". Its runbook: \"https://wiki/x\". It is tagged iot and night. It belongs to plant.");
}

TEST_CASE("each form has its noun") {
  CHECK(first("login by user") == "Fires when the same `user` has a `login`.");
  CHECK(first("5 login by user, ip") == "Fires when the same `user` and `ip` has 5 or more `login`.");
  CHECK(first("3 consecutive charge(amount > 5) by user") ==
        "Fires when the same `user` has 3 or more `charge(amount > 5)` in a row.");
  CHECK(first("20 login each 1h by user") ==
        "Fires when the same `user` has 20 or more `login` in a window of 1 hour by the clock.");
  CHECK(first("3 login at most 10s apart by user") ==
        "Fires when the same `user` has 3 `login`, each at most 10 seconds after the one before.");
  CHECK(first("fewer than 3 login within 1d by user") ==
        "Fires when the same `user` has fewer than 3 `login` within 1 day.");
  CHECK(first("4 distinct login.ip within 30m by user") ==
        "Fires when the same `user` has 4 different values of `login.ip` within 30 minutes.");
  CHECK(first("new login.country in 14d by user") ==
        "Fires when the same `user` has a value of `login.country` that was not there in the 2 weeks before.");
  CHECK(first("login as l after 90d idle by user") ==
        "Fires when the same `user` has a `login` (called `l`) after 90 days or more without one.");
  CHECK(first("charge after 24h without login by user") ==
        "Fires when the same `user` has a `charge` and no `login` in the day before it.");
  CHECK(first("no heartbeat for 2m by user from list devices") ==
        "Fires when the same `user` from list `devices` has no `heartbeat` in the 2 minutes after the last one.");
  CHECK(first("no logout within 12h after login by user") ==
        "Fires when the same `user` has a `login`, and then no `logout` in the 12 hours after it.");
  CHECK(first("charge(amount > 5) for 10m by user") ==
        "Fires when the same `user` has `charge(amount > 5)` and no other `charge` for 10 minutes at least (the last "
        "one holds in silence).");
  CHECK(first("sum(charge.amount) > 10_000 within 1h by user") ==
        "Fires when `sum(charge.amount) > 10_000` within 1 hour becomes true for a `user`.");
  CHECK(first("5 login within 1m by all") ==
        "Fires when there is, all events taken together, 5 `login` within 1 minute.");
}

TEST_CASE("sequences are told step by step") {
  CHECK(
      first("5 login then logout as out then next charge(amount > 5) within 10m by user") ==
      "Fires when the same `user` has 5 or more `login`, then a `logout` (called `out`), then as the very next event a "
      "`charge(amount > 5)`, all within 10 minutes.");
  CHECK(first("login then no logout then within 30s charge within 1h by user") ==
        "Fires when the same `user` has a `login`, then without a `logout` between, within 30 seconds of the event "
        "before a "
        "`charge`, all within 1 hour.");
  CHECK(first("login then first charge within 1h by user") ==
        "Fires when the same `user` has a `login`, then the first `charge`, all within 1 hour.");
  CHECK(first("login then no logout within 5m by user") ==
        "Fires when the same `user` has a `login`, and then no `logout` in the 5 minutes after it.");
  CHECK(first("any 2 of (login, logout, charge) within 5m by user") ==
        "Fires when the same `user` has any 2 of a `login`, a `logout` or a `charge`, in any order, all within 5 "
        "minutes.");
  CHECK(first("(login then logout) within 5m by user") ==
        "Fires when the same `user` has a [a `login`, then a `logout`], all within 5 minutes.");
  CHECK(read("rule r when (login then logout) within 5m by user  alert low \"x\"\n").find("the key starts over") !=
        std::string::npos);
  CHECK(first("one or more charge until logout within 1h by user") ==
        "Fires when the same `user` has one or more `charge` up to the first `logout`, all within 1 hour.");
}

TEST_CASE("sessions and summaries are told too") {
  CHECK(read("session visit of (login or charge) by user  ends after 30m idle  ends on logout  at most 12h  with n = "
             "count(charge)\n") ==
        "Gathers all `(login or charge)` of the same `user` into sessions; each is an event `visit` when it is over. "
        "It ends "
        "when nothing comes for 30 minutes. A `logout` ends it. It lasts 12 hours at most. The event carries `n`.");
  CHECK(read("session visit of (login or charge) by user  ends after 30m idle  ends after 2h idle when last is "
             "charge\n") ==
        "Gathers all `(login or charge)` of the same `user` into sessions; each is an event `visit` when it is over. "
        "It ends when nothing comes for 2 hours when the last event is a `charge`. With any other last event it ends "
        "when nothing comes for 30 minutes.");
  CHECK(read("summary spent of charge by user every 5m over 1h  with total = sum(amount)\n") ==
        "Sums up all `charge` of the same `user` every 5 minutes, over the last hour; each is an event `spent`. The "
        "event "
        "carries `total`.");
}

TEST_CASE("numbers in words") {
  CHECK(in_words(seconds(90)) == "1 minute 30 seconds");
  CHECK(in_words(days(10)) == "10 days");
  CHECK(in_words(days(14)) == "2 weeks");
  CHECK(in_words({}) == "0 seconds");
  CHECK(ordinal(5) == "fifth");
  CHECK(ordinal(20) == "twentieth");
  CHECK(ordinal(21) == "21st");
  CHECK(ordinal(112) == "112th");
  CHECK(ordinal(103) == "103rd");
}

}  // namespace
}  // namespace tocsin::dsl
