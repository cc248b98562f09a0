// R100-R199: what means something, but hardly what was wanted. One row per code: code, level, title, page, a
// rule text that earns it, the same mended. `explain CODE` and docs/diagnostics.md print these words.
#include "dsl/codes.h"

namespace tocsin::dsl {

std::vector<CodeInfo> warning_codes() {
  return {
      {"R100", Level::warning, "an event that nobody declared",
       "The name stands where an event is meant and is not declared. It is taken as a base event without a "
       "schema: a source may bring it, and its fields are typed where they are used. Declare it to have "
       "misspelled fields found.",
       "rule r when 5 sshd_fail within 5m by ip  alert low \"{ip}\"\n",
       "event sshd_fail has ip ip\n"
       "rule r when 5 sshd_fail within 5m by ip  alert low \"{ip}\"\n"},
      {"R101", Level::warning, "an alias that is not used",
       "Nothing asks for it. It may be left over, or the rule that should use it names something else.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event login_ok = login(outcome = \"success\")\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event login_ok = login(outcome = \"success\")\n"
       "rule r when 5 login_ok within 5m by user  alert low \"{user}\"\n"},
      {"R102", Level::warning, "a list that is not used",
       "No `in list` asks for it. An exception list that nobody asks excepts nobody.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "list scanners = [10.0.0.1]\n"
       "rule r when 5 login within 5m by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "list scanners = [10.0.0.1]\n"
       "rule r when 5 login within 5m by ip  except ip in list scanners  alert low \"{ip}\"\n"},
      {"R103", Level::warning, "a table that is not used",
       "Nothing looks up a row of it. A rule that should, perhaps compares with the field of an event "
       "instead.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "table people from \"people.csv\" key id\n"
       "rule r when login by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "table people from \"people.csv\" key id\n"
       "rule r when login by user  alert low \"{people[user].name}\"\n"},
      {"R104", Level::warning, "a calendar that is not used", "No `during`, `outside` or `in calendar` asks for it.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "calendar work = mon-fri 09:00-18:00 in \"Europe/Paris\"\n"
       "rule r when login by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "calendar work = mon-fri 09:00-18:00 in \"Europe/Paris\"\n"
       "rule r when login by user  outside work  alert low \"{user}\"\n"},
      {"R105", Level::warning, "a constant that is not used",
       "Nothing asks for it: the number that it names stands elsewhere, perhaps.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "let $max = 5\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "let $max = 5\n"
       "rule r when $max login within 5m by user  alert low \"{user}\"\n"},
      {"R106", Level::warning, "a template that is not used",
       "No rule uses it: `rule NAME uses T(..)` would. It may be left over.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r when login by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r uses burst(login, 5)\n"},
      {"R107", Level::warning, "nothing bounds this pattern",
       "A sequence without `within` keeps the partial matches of a key until the next step comes, and it may "
       "never come: memory grows with every key ever seen. `within D` bounds the pattern; `forget after D "
       "idle` bounds what is kept of a key that has gone quiet.",
       "event password_reset has user text\n"
       "event payout_changed has user text\n"
       "rule payout when password_reset then payout_changed by user  alert high \"{user}\"\n",
       "event password_reset has user text\n"
       "event payout_changed has user text\n"
       "rule payout when password_reset then payout_changed within 24h by user  alert high \"{user}\"\n"},
      {"R108", Level::warning, "counting without `by`",
       "Without `by` all events are counted together, whoever they belong to: five failed logins of five "
       "people are five. If that is meant, say `by all`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m  alert low \"{count}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n"},
      {"R109", Level::warning, "a rule that keeps every key for ever",
       "Some patterns remember something of each key that was ever seen: the last event (`idle`, "
       "`previous`), the last value (`changes`), the streak, when it was first seen (`learn`), an open "
       "alert. With keys that come and go, memory grows without end. `forget after D idle` says when a key "
       "may be forgotten.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login after 30d idle by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login after 30d idle by user  forget after 400d idle  alert low \"{user}\"\n"},
      {"R110", Level::warning, "a filter that can never be true",
       "Its conditions contradict each other, or those of the alias that it filters, so no event passes and "
       "the rule never fires. Mostly `or` was meant, or one of the values is mistaken.",
       "event reading has sensor text, temp float\n"
       "rule r when reading(temp > 80 and temp < 10) by sensor  alert low \"{sensor}\"\n",
       "event reading has sensor text, temp float\n"
       "rule r when reading(temp > 80 or temp < 10) by sensor  alert low \"{sensor}\"\n"},
      {"R111", Level::warning, "a filter that is always true",
       "It lets every event through, so it can be deleted, or it was to compare something else.",
       "event reading has sensor text, temp float\n"
       "rule r when reading(temp >= 80 or temp < 80) by sensor  alert low \"{sensor}\"\n",
       "event reading has sensor text, temp float\n"
       "rule r when reading(temp >= 80 or temp < 10) by sensor  alert low \"{sensor}\"\n"},
      {"R112", Level::warning, "a bound that never ends a match",
       "Two bounds hold at once, and the other one is always tighter.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then within 2h logout within 1h by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then within 10m logout within 1h by user  alert low \"{user}\"\n"},
      {"R113", Level::warning, "a step that cannot be taken",
       "No event can ever take this step: `until` ends the repetition with the very same event and wins over "
       "it, or `except` drops exactly what the step wants.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when logout then one or more login until login within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when logout then one or more login until logout as end_of_it within 5m by user  alert low \"{user}\"\n"},
      {"R114", Level::warning, "a rule that repeats another",
       "Two rules have the same pattern, key and conditions, so each match sends two alerts. Texts, "
       "severities and sinks may differ; `escalate to` and several `send to` do that within one rule.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule a when 5 login within 5m by user  alert low \"{user}\"\n"
       "rule b when 5 login within 5m by user  alert high \"{user} again\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule a when 5 login within 5m by user  alert low \"{user}\"\n"
       "rule b when 50 login within 5m by user  alert high \"{user} again\"\n"},
      {"R115", Level::warning, "a window shorter than the wait for late events",
       "Events are judged once the watermark has passed them, which is `late` behind the newest one. A rule "
       "that looks at ten seconds and waits an hour tells of the ten seconds an hour later.",
       "event login has user text, ts time\n"
       "  timestamp ts  late 1h\n"
       "rule r when 5 login within 10s by user  alert low \"{user}\"\n",
       "event login has user text, ts time\n"
       "  timestamp ts  late 5s\n"
       "rule r when 5 login within 10s by user  alert low \"{user}\"\n"},
      {"R116", Level::warning, "a rule without enough tests",
       "`check --require-tests N` asks for N tests of every rule: one that shows it firing and one that "
       "shows it silent are a good beginning.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{user}\"\n"
       "test \"fires\" rule r\n"
       "  at 0s login {user: \"ann\"}\n"
       "  at 0s expect alert {user: \"ann\"}\n"},
      {"R117", Level::warning, "a file that is not there",
       "`check` says so as a warning, since the file may come with the deployment; `test` and `replay` will "
       "not start without it. Paths count from the folder of the rule file.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "list admins from \"missing.txt\"\n"
       "rule r when login(user in list admins) by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "list admins = [\"root\", \"alice\"]\n"
       "rule r when login(user in list admins) by ip  alert low \"{ip}\"\n"},
      {"R118", Level::warning, "true from the first event on",
       "A window that has just begun holds little, so `count(x) < 10` is true until it has filled. `learn D` "
       "keeps the rule silent for the first D of each key; `fewer than N x within D` waits until the key has "
       "been seen for D.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when count(login) < 10 within 1h by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when fewer than 10 login within 1h by user  forget after 1d idle  alert low \"{user}\"\n"},
      {"R119", Level::warning, "a clause that needs an open alert",
       "`mute while`, `escalate .. unresolved` and `remind` ask whether an alert is open. Without `resolve "
       "when` nothing ever closes it; it then counts as open until the rule is armed again.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  remind every 1h  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  remind every 1h  resolve when no login for 1h  forget after 1d idle  "
       "alert low \"{user}\"\n"},
      {"R120", Level::warning, "an alert for every choice",
       "`fire every match` reports all combinations. A repetition without an upper end has as many as there "
       "are subsets of its events: twenty events give a million.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when one or more login then logout within 5m by user  fire every match  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when 1 to 2 login then logout within 5m by user  fire every match  alert low \"{user}\"\n"},
      {"R121", Level::warning, "a rule that tells nobody",
       "It has no `alert` and no `emit`, and no other rule uses its name, so nothing happens when it fires.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n"},
      {"R122", Level::warning, "a bound that does nothing",
       "One event takes no time, so `within` says nothing about it; mostly a count is missing.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n"},
      {"R123", Level::warning, "a parameter that is not used",
       "Every rule that uses the template gives it a value, and nothing comes of it.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n, $window) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r uses burst(login, 5, 5m)\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n, $window) when $n $event within $window by user  alert low \"{user}\"\n"
       "rule r uses burst(login, 5, 5m)\n"},
      {"R124", Level::warning, "an escalation that raises nothing",
       "The alert has that severity already, or a higher one.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  escalate to low after 3 in 1d  alert high \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  escalate to critical after 3 in 1d  alert high \"{user}\"\n"},
      {"R125", Level::warning, "a comparison that is never true",
       "The field is declared with `?` and with a type that never equals the other one, so the comparison is "
       "never true of the events that have it. For a field that every event has this is an error (R042).",
       "event http has status int?, host text\n"
       "rule r when http(status = \"500\") by host  alert low \"{host}\"\n",
       "event http has status int?, host text\n"
       "rule r when http(status = 500) by host  alert low \"{host}\"\n"},
      {"R126", Level::warning, "divided by nothing",
       "What is divided by 0 is a missing value. A comparison with a missing value is never true, so a filter that "
       "divides by a plain 0 lets no event through.",
       "event http has status int, host text\n"
       "rule r when http(status / 0 = 5) by host  alert low \"{host}\"\n",
       "event http has status int, host text\n"
       "rule r when http(status / 100 = 5) by host  alert low \"{host}\"\n"},
      {"R127", Level::warning, "events that no window sees",
       "`every` says how far the ends of the windows are apart, `over` how long each window is. Where `over` is the "
       "shorter one, the events between two windows are in none of them. Mostly the two have changed places.",
       "event view has visitor text\n"
       "summary s of view by visitor every 1h over 5m  with n = count()\n",
       "event view has visitor text\n"
       "summary s of view by visitor every 5m over 1h  with n = count()\n"},
      {"R128", Level::warning, "an address compared with a network",
       "`=` asks for the very same value, and what a record brings is one address. `in` asks whether an address lies "
       "in a "
       "network.",
       "event login has user text, ip ip\n"
       "rule r when login(ip = 10.0.0.0/8) by user  alert low \"{user}\"\n",
       "event login has user text, ip ip\n"
       "rule r when login(ip in [10.0.0.0/8]) by user  alert low \"{user}\"\n"},
      {"R129", Level::warning, "forgotten before it can match",
       "`forget after D idle` drops all that is known of a key which has been silent for D. Where the pattern waits "
       "longer, "
       "a pause of D ends the match; where a summary's window is longer, it is never told of a key that fell silent in "
       "it.",
       "event login has user text\n"
       "event charge has user text\n"
       "rule r when login then charge within 1h by user  forget after 5m idle  alert low \"{user}\"\n",
       "event login has user text\n"
       "event charge has user text\n"
       "rule r when login then charge within 1h by user  forget after 1h idle  alert low \"{user}\"\n"},
      {"R130", Level::warning, "a window that ends when its calendar closes",
       "`each D` is judged at the end of each window, and with `during` nothing fires while the calendar is closed. "
       "Hours "
       "end before the minute that they name, so the window that ends there is never told; with `each 1d`, which ends "
       "at "
       "midnight, that may be all of them.",
       "event login has user text\n"
       "calendar office = mon-fri 09:00-18:00 in \"UTC\"\n"
       "rule r when 3 login each 1h by user  during office  alert low \"{user}\"\n",
       "event login has user text\n"
       "calendar office = mon-fri 09:00-18:01 in \"UTC\"\n"
       "rule r when 3 login each 1h by user  during office  alert low \"{user}\"\n"},
      {"R131", Level::warning, "a wait that may end when its calendar is closed",
       "`y then no x within D` and `no x within D after y` are judged when D is over, as any match is when it "
       "completes. With `during` and `outside` nothing fires in the hours that they leave out, so what would complete "
       "then is never told. `no x for D` waits from the opening on.",
       "event login has user text\n"
       "event logout has user text\n"
       "calendar work = mon-fri 09:00-17:00 in \"UTC\"\n"
       "rule r when no logout within 8h after login by user  during work  alert low \"{user}\"\n",
       "event login has user text\n"
       "event logout has user text\n"
       "rule r when no logout within 8h after login by user  alert low \"{user}\"\n"},
      {"R132", Level::warning, "a list of addresses that has something else",
       "A line of a list file that is no address and no network, a misspelt one or a comment, equals no address. Where "
       "addresses are looked up in the list, it might as well not be there. The rules run all the same, and the others "
       "are found.",
       "event login has user text, ip ip\n"
       "list exits from \"exits_with_words.txt\"\n"
       "rule r when login(ip in list exits) by user  alert low \"{user}\"\n",
       "event login has user text, ip ip\n"
       "list exits from \"exits.txt\"\n"
       "rule r when login(ip in list exits) by user  alert low \"{user}\"\n"},
  };
}

}  // namespace tocsin::dsl
