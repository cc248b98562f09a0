// R020-R099: mistakes of meaning, found by check. One row per code: code, level, title, page, a rule text
// that earns it, the same mended. `explain CODE` and docs/diagnostics.md print these words.
#include "dsl/codes.h"

namespace tocsin::dsl {

std::vector<CodeInfo> error_codes() {
  return {
      {"R020", Level::error, "declared twice",
       "Two things have one name, and whoever uses it could mean either. Events, aliases, rules, sessions "
       "and summaries share one space of names, since each of them can stand where an event is meant; lists, "
       "tables, calendars, templates and constants have one space each; the fields of one event, the keys of "
       "one rule and the fields of one `with` have theirs, and so have the titles of one rule's tests.",
       "event login has user text\n"
       "event login has name text\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n",
       "event login has user text\n"
       "event signup has name text\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n"},
      {"R021", Level::error, "unknown event",
       "The name stands where an event is meant, but no `event` of the rule set declares it, and a declared "
       "name is so near that a slip of the pen is likelier than a new event. Names that resemble nothing are "
       "taken as base events without a schema, with one warning.",
       "event login has user text, outcome text\n"
       "event login_failed = login(outcome = \"failure\")\n"
       "event login_ok = login(outcome = \"success\")\n"
       "rule guessed when 5 login_faild then login_failed within 5m by user  alert low \"{user}\"\n"
       "rule fine when login_ok by user  alert low \"{user}\"\n",
       "event login has user text, outcome text\n"
       "event login_failed = login(outcome = \"failure\")\n"
       "rule brute_force when 5 login_failed within 5m by user  alert low \"{user}\"\n"},
      {"R022", Level::error, "unknown field",
       "The event has a schema (`event NAME has ..`), and the field is not in it. A schema lists every field "
       "that rules may use; what a record brings beside them is not looked at. Fields of sessions, summaries "
       "and rules are their keys, what `with` names, and those that they always have (`start`, `end`, ...).",
       "event charge has card text, amount float\n"
       "rule big when charge(amout > 1_000) by card  alert low \"{card}\"\n",
       "event charge has card text, amount float\n"
       "rule big when charge(amount > 1_000) by card  alert low \"{card}\"\n"},
      {"R023", Level::error, "unknown name",
       "Nothing has this name where it stands. A filter knows the fields of its event, `previous`, and the "
       "steps before it; `where`, `with` and texts know the keys, the steps (`ok.user`), and words such as "
       "`time`, `count` and `span`; a list or a test holds plain values, so that text needs quotes there.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as ok by user  alert low \"{okk.ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as ok by user  alert low \"{ok.ip}\"\n"},
      {"R024", Level::error, "a name that this pattern does not have",
       "Words such as `gap`, `rank` or `value` belong to certain patterns: `gap` to `after D idle` and "
       "`after D without`, `last_seen` to `no x for D`, `value` and `baseline` to conditions, `rank` to `top "
       "N`, `suppressed` to rules with `fire at most`. Aggregates in a text look at the steps of the "
       "pattern, or at what its condition counts. The message lists the names that the pattern has.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  alert low \"{user} after {gap}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  alert low \"{user} in {span}\"\n"},
      {"R025", Level::error, "unknown list",
       "`in list L` and `by k from list L` name a list, which `list L = [..]` or `list L from \"file\"` "
       "declares, in any file of the rule set.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "list admins = [\"root\"]\n"
       "rule r when login(user in list admin) by ip  alert low \"{ip}\"\n"
       "rule s when login(user in list admins) by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "list admins = [\"root\"]\n"
       "rule r when login(user in list admins) by ip  alert low \"{ip}\"\n"},
      {"R026", Level::error, "unknown table",
       "`T[key].field` looks up a row of a table, which `table T from \"file.csv\" key k` declares, in any "
       "file of the rule set.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{people[user].name}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "table people from \"people.csv\" key id\n"
       "rule r when login by user  alert low \"{people[user].name}\"\n"},
      {"R027", Level::error, "unknown calendar",
       "`during C`, `outside C` and `in calendar C` name a calendar, which `calendar C = mon-fri 09:00-18:00 "
       "in \"ZONE\"` declares, in any file of the rule set.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  outside work  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "calendar work = mon-fri 09:00-18:00 in \"Europe/Paris\"\n"
       "rule r when login by user  outside work  alert low \"{user}\"\n"},
      {"R028", Level::error, "unknown rule",
       "`extend rule`, `mute while` and `test .. rule` name a rule of the same set. Renaming a rule (`rule "
       "new was old`) does not keep the old name for them.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule fast_logins when 5 login within 5m by user  alert low \"{user}\"\n"
       "extend rule fast_login  except ip in [10.0.0.1]\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule fast_logins when 5 login within 5m by user  alert low \"{user}\"\n"
       "extend rule fast_logins  except ip in [10.0.0.1]\n"},
      {"R029", Level::error, "unknown template",
       "`rule NAME uses T(..)` names a template, which `template T($a, $b) when ..` declares, in any file of "
       "the rule set.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule a uses burst(login, 5)\n"
       "rule b uses brust(login, 9)\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule a uses burst(login, 5)\n"},
      {"R030", Level::error, "unknown constant or parameter",
       "A name with a dollar is a constant (`let $n = 5`, in any file of the rule set) or, in a template, "
       "one of its parameters.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when $max login within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "let $max = 5\n"
       "rule r when $max login within 5m by user  alert low \"{user}\"\n"},
      {"R031", Level::error, "a word that cannot name an event",
       "Aggregates (`count`, `max`), functions (`lower`, `hash`) and the words of the language (`fire`, "
       "`reset`) have a meaning of their own where an event can stand. Fields may be called so; events, "
       "aliases, rules, sessions and summaries may not.",
       "event hash has user text\n"
       "rule r when 5 hash within 5m by user  alert low \"{user}\"\n",
       "event hashed has user text\n"
       "rule r when 5 hashed within 5m by user  alert low \"{user}\"\n"},
      {"R032", Level::error, "whose field?",
       "`where`, `with` and texts look at the whole match, which may hold several events; conditions look at "
       "what many events add up to. A bare field says not which event is meant: name the step (`ok.user`), "
       "or ask for an aggregate (`avg(x.f)`). Keys are the exception, since all events of a match agree on "
       "them.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as first_one then login as second within 5m by user\n"
       "  where outcome = \"failure\"\n"
       "  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as first_one then login as second within 5m by user\n"
       "  where second.outcome = \"failure\"\n"
       "  alert low \"{user}\"\n"},
      {"R033", Level::error, "two steps with one name",
       "`as NAME` names one step of a pattern, so that later filters and texts can ask for its fields. A "
       "second step, or an event of the pattern, cannot have the same name.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as a then login as a within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as a then login as b within 5m by user  alert low \"{user}\"\n"},
      {"R034", Level::error, "not happened yet",
       "A filter can look at the steps before it and, when its own step repeats, at the events that the step "
       "has already taken. It cannot look at later steps, nor at its own single event by name, and the "
       "alternatives of `any of` cannot look at each other, since they come in any order. Put such a "
       "comparison into the later step, or into `where`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(ip = b.ip) as a then login as b within 5m by user  alert low \"{a.ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login as a then login(ip = a.ip) as b within 5m by user  alert low \"{a.ip}\"\n"},
      {"R035", Level::error, "a bound from a step that may be left out",
       "`within D of NAME` counts from the last event of NAME. `maybe` and `zero or more` steps, and the "
       "alternatives of `any N of`, may take no event, and then there would be nothing to count from.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "event cleared has user text\n"
       "rule r when login then maybe logout as o then within 5m of o cleared within 1h by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "event cleared has user text\n"
       "rule r when login as l then maybe logout then within 5m of l cleared within 1h by user  alert low "
       "\"{user}\"\n"},
      {"R036", Level::error, "a name that fits several steps",
       "An unbound step can be used by the name of its event or alias only where that is unique in the "
       "pattern. Bind the steps with `as`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login then login within 5m by user  alert low \"{user} from {login.ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login then login as second within 5m by user  alert low \"{user} from {second.ip}\"\n"},
      {"R037", Level::error, "made of itself",
       "An alias stands on base events in the end, and a constant on a value. Here the way down comes back "
       "to where it began; the message shows the circle.",
       "event a = b\n"
       "event b = a\n"
       "rule r when a by user  alert low \"x\"\n",
       "event login has user text\n"
       "event a = login\n"
       "rule r when a by user  alert low \"x\"\n"},
      {"R038", Level::error, "rules in a circle",
       "A rule, session or summary can use the events that others make, and `mute while` looks at another "
       "rule. What is looked at has to be decided first, so these links may not form a circle; the message "
       "shows it. To count the alerts of one rule, use `escalate to SEV after N in D`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule a when login by user  mute while b  alert low \"{user}\"\n"
       "rule b when 2 a within 1h by user  resolve when no a for 1h  forget after 1d idle  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule a when login by user  alert low \"{user}\"\n"
       "rule b when 2 a within 1h by user  alert low \"{user}\"\n"},
      {"R039", Level::error, "the wrong number of values for a template",
       "A rule gives a template one value for each of its parameters, in their order.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r uses burst(login)\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r uses burst(login, 5)\n"},
      {"R040", Level::error, "a value that cannot stand there",
       "What a parameter or constant may be depends on where it is put: a count is a whole number, a bound "
       "is a duration, an event or a key is a name. The message shows the place that asks for it.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r uses burst(login, 5m)\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "template burst($event, $n) when $n $event within 5m by user  alert low \"{user}\"\n"
       "rule r uses burst(login, 5)\n"},
      {"R041", Level::error, "`was` names a rule that lives",
       "`rule new was old` hands the state of the old name over to the new one, once. So the old name must "
       "be gone from the rule set, and only one rule can have it.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule a when 5 login within 5m by user  alert low \"{user}\"\n"
       "rule b was a when 9 login within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule b was a when 9 login within 5m by user  alert low \"{user}\"\n"},
      {"R042", Level::error, "types that are never equal",
       "The types are declared, and no value of the one ever equals a value of the other: text is no number, "
       "an address is no text. The comparison would silently never be true. Fields that nobody declared fit "
       "everywhere.",
       "event http has status int, host text\n"
       "rule r when http(status = \"500\") by host  alert low \"{host}\"\n",
       "event http has status int, host text\n"
       "rule r when http(status = 500) by host  alert low \"{host}\"\n"},
      {"R043", Level::error, "a duration and a plain number",
       "A duration has a unit, a number has none, and guessing it would be wrong for somebody. Write `30s`, "
       "`5m`, `2h`, or make a number of the duration: `seconds(d)`, `minutes(d)`, `hours(d)`.",
       "event visit has user text, length duration\n"
       "rule r when visit(length > 30) by user  alert low \"{user}\"\n",
       "event visit has user text, length duration\n"
       "rule r when visit(length > 30s) by user  alert low \"{user}\"\n"},
      {"R044", Level::error, "unknown function",
       "Functions: `abs min max round floor sqrt log pow`, `lower upper length substring trim split replace "
       "concat`, `hours minutes seconds ms days` of a duration, `hour weekday date` of a time, `subnet "
       "in_network ip` for addresses, `distance_km` for points, `hash coalesce if glob json number text time "
       "extract`. Aggregates: `count sum avg min max stddev median p50..p99.9 distinct_count first last "
       "values rate delta slope duration gap_avg gap_stddev ema top ratio zscore forecast`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(lowercase(user) = \"root\") by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(lower(user) = \"root\") by ip  alert low \"{ip}\"\n"},
      {"R045", Level::error, "the wrong number of values",
       "A function or an aggregate was given more or fewer values than it takes, or a field where an event "
       "is meant, or an event where a field is. The help shows its form.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(substring(user) = \"a\") by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(substring(user, 0, 1) = \"a\") by ip  alert low \"{ip}\"\n"},
      {"R046", Level::error, "a value of the wrong type",
       "Functions and aggregates say which types they take. The types here are declared, so the call would "
       "always be missing.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when sum(login.user) > 5 within 1h by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when distinct_count(login.user) > 5 within 1h by ip  alert low \"{ip}\"\n"},
      {"R047", Level::error, "an operator that does not fit",
       "`+ - * / %` take numbers and durations (`+` and `-` times, too), `< <= > >=` values that have an "
       "order, `and or not` conditions, `contains`, `starts with`, `ends with` and `matches` text. Texts are "
       "joined by `concat(a, b)`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(user + \"x\" = \"rootx\") by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(concat(user, \"x\") = \"rootx\") by ip  alert low \"{ip}\"\n"},
      {"R048", Level::error, "no condition",
       "A filter, `where` and `except` are true or false of an event. This is a value.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(user) by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(user != \"root\") by ip  alert low \"{ip}\"\n"},
      {"R049", Level::error, "an address that is no network",
       "`10.1.2.3/8` has bits set behind its prefix: it is an address in the network `10.0.0.0/8`, and it is "
       "not clear which of the two was meant.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(ip in [10.1.2.3/8]) by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(ip in [10.0.0.0/8]) by user  alert low \"{user}\"\n"},
      {"R050", Level::error, "a regular expression that cannot be read",
       "The syntax is that of RE2, which takes time linear in the text: no back references and no look- "
       "around. Brackets come in pairs, and `\\\\` stands before a sign that is meant itself.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(user matches /adm(in/) by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(user matches /adm(in)?/) by ip  alert low \"{ip}\"\n"},
      {"R051", Level::error, "unknown time zone",
       "Zones are those of the IANA database, named by a place: `\"Europe/Paris\"`, `\"America/New_York\"`, or "
       "`\"UTC\"`. Abbreviations such as `CEST` say nothing about the days on which clocks change.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "calendar work = mon-fri 09:00-18:00 in \"Europe/Pariss\"\n"
       "rule r when login by user  outside work  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "calendar work = mon-fri 09:00-18:00 in \"Europe/Paris\"\n"
       "rule r when login by user  outside work  alert low \"{user}\"\n"},
      {"R052", Level::error, "a local window that is no whole day",
       "Windows in a time zone are counted from local midnight, and local days have 23, 24 or 25 hours. Only "
       "whole days fit: `1d`, `7d`. Shorter windows are the same everywhere; leave the zone out.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login each 1h in \"Europe/Paris\" by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login each 1d in \"Europe/Paris\" by user  alert low \"{user}\"\n"},
      {"R053", Level::error, "an aggregate without its window, or where it cannot stand",
       "A condition compares aggregates over a stretch of time: `over 1h` inside the brackets, or `within "
       "1h` behind the condition, or aligned windows by `each 1h`. In filters, aggregates look only at steps "
       "of the pattern, such as `price > avg(mid.price)`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when count(login) > 5 by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when count(login) > 5 within 5m by user  alert low \"{user}\"\n"},
      {"R054", Level::error, "`its` without something to look back on",
       "`its average over D` and `its previous` compare one aggregate with its own past: the aggregate "
       "stands alone on the left of the comparison and has a window of time, and `its average` says how far "
       "to look back.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when count(login over 1h) > 3x its average by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when count(login over 1h) > 3x its average over 7d by user  alert low \"{user}\"\n"},
      {"R055", Level::error, "a number out of its range",
       "A count starts at 1, the smaller number of a range stands first, `any N of` cannot want more than "
       "there are, a window lasts longer than nothing, opening hours end after they begin.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 to 2 login then login as last_one within 5m by user  alert low \"{last_one.ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 2 to 5 login then login as last_one within 5m by user  alert low \"{last_one.ip}\"\n"},
      {"R056", Level::error, "nothing can break it",
       "A streak (`3 consecutive x`) is broken by another event of the same base that is not x, and a state "
       "(`x for 10m`) likewise. Without a filter every event of the base continues it, so the streak is a "
       "plain count, and the state ends never. Add a filter, or say what breaks it: `3 consecutive x of (x "
       "or y)`.",
       "event reading has sensor text, temp float\n"
       "rule r when 3 consecutive reading by sensor  forget after 1d idle  alert low \"{sensor}\"\n",
       "event reading has sensor text, temp float\n"
       "rule r when 3 consecutive reading(temp > 80) by sensor  forget after 1d idle  alert low \"{sensor}\"\n"},
      {"R057", Level::error, "an absence without an end",
       "Something that does not happen can only be told when a deadline has passed: `no x for 5m` is a "
       "silence, `y then no x within 5m` an absence after y. Without a deadline the answer would never come.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then no logout by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then no logout within 8h by user  alert low \"{user}\"\n"},
      {"R059", Level::error, "a pattern that is complete too early",
       "A pattern completes with its last step that has to be taken. `maybe` and `zero or more` may take "
       "nothing, so at the end of a pattern, or as an alternative of `any of`, they say nothing.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then maybe logout within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then logout within 5m by user  alert low \"{user}\"\n"},
      {"R060", Level::error, "the last M of what?",
       "`3 of last 5 x` looks at the last five events of the base of x and counts those that are x. Without "
       "a filter all of them are.",
       "event reading has sensor text, temp float\n"
       "rule r when 3 of last 5 reading by sensor  alert low \"{sensor}\"\n",
       "event reading has sensor text, temp float\n"
       "rule r when 3 of last 5 reading(temp > 80) by sensor  alert low \"{sensor}\"\n"},
      {"R061", Level::error, "a form that needs a window",
       "`N distinct`, `N changes` and `fewer than N` are judged over a stretch of time; say how long with "
       "`within`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 10 distinct login.user by ip  alert low \"{ip}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 10 distinct login.user within 30m by ip  alert low \"{ip}\"\n"},
      {"R062", Level::error, "a part that does not belong to this form",
       "Each form of pattern has its own parts: `each` goes with a count or a condition, `for` with a state "
       "or a condition, `of` with a streak, `until` with a repetition; some forms have a duration of their "
       "own and take no `within`; only sequences and counts stand in parentheses.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m for 10m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when count(login) >= 5 within 5m for 10m by user  alert low \"{user}\"\n"},
      {"R063", Level::error, "`count` of what?",
       "In a sequence, `count` is that of its only repeated step. With none or several it could be anything: "
       "write `count(NAME)`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then logout within 5m by user  alert low \"{user}: {count}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event logout has user text\n"
       "rule r when login then logout within 5m by user  alert low \"{user}: {count(login)}\"\n"},
      {"R064", Level::error, "a clause that stands twice",
       "This clause says one thing about the whole item, so a second one would contradict the first. Keys go "
       "into one `by user, ip`; `where`, `except`, `reset on`, `send to`, `tags`, `with` and `escalate` may "
       "stand several times.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  by ip  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user, ip  alert low \"{user}\"\n"},
      {"R065", Level::error, "a clause of another item",
       "Rules, sessions and summaries have their own clauses: `ends after` belongs to sessions, `every` to "
       "summaries, `where` and `except` to rules. In a session or summary, put a filter into its stream.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  ends after 5m idle  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  alert low \"{user}\"\n"},
      {"R066", Level::error, "clauses that exclude each other",
       "`resume at` says how the default fire goes on, so it stands beside no other `fire`; `fire every "
       "match` and `resume at` choose among the events of a sequence; a watched list (`by k from list L`) is "
       "the only key.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  fire every match  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 5m by user  fire always  alert low \"{user}\"\n"},
      {"R067", Level::error, "an event without the key",
       "Every event that a rule names is grouped by the key, also those of `no`, `reset on` and `resolve "
       "when`: without it the event would belong to nobody. Where the field is called differently, say so: "
       "`by who = (login.user, mail.sender)`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event mail has sender text\n"
       "rule r when login then mail within 5m by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "event mail has sender text\n"
       "rule r when login then mail within 5m by user = (login.user, mail.sender)  alert low \"{user}\"\n"},
      {"R068", Level::error, "a session that begins with a stranger",
       "`starts on y` begins a session with y, so y has to be one of the events `of` which the session is "
       "made.",
       "event view has user text\n"
       "event login has user text\n"
       "session visit of view by user  starts on login  ends after 30m idle\n"
       "rule r when visit by user  alert low \"{user}\"\n",
       "event view has user text\n"
       "event login has user text\n"
       "session visit of (view or login) by user  starts on login  ends after 30m idle\n"
       "rule r when visit by user  alert low \"{user}\"\n"},
      {"R069", Level::error, "an event that is not under `of`",
       "Sessions and summaries are made of the events `of` which they say they are. `with` adds up those, "
       "and `when last is` asks for one of those; anything else would always be nothing.",
       "event view has user text\n"
       "event click has user text\n"
       "session visit of view by user  ends after 30m idle  with clicks = count(click)\n"
       "rule r when visit by user  alert low \"{user}\"\n",
       "event view has user text\n"
       "event click has user text\n"
       "session visit of (view or click) by user  ends after 30m idle  with clicks = count(click)\n"
       "rule r when visit by user  alert low \"{user}\"\n"},
      {"R070", Level::error, "empty windows for ever",
       "`even if empty` emits a window of every key that was ever seen, whether or not it still lives. "
       "`forget after D idle` says when to stop; `by all` has no keys that could pile up.",
       "event trip has area int\n"
       "summary s of trip by area every 5m  with trips = count()  even if empty\n"
       "rule r when s by area  alert low \"{area}\"\n",
       "event trip has area int\n"
       "summary s of trip by area every 5m  with trips = count()  even if empty  forget after 1d idle\n"
       "rule r when s by area  alert low \"{area}\"\n"},
      {"R071", Level::error, "a session without an end",
       "A session is emitted when it ends: after a silence, on an event, when it is too long, or when "
       "another begins.",
       "event view has user text\n"
       "session visit of view by user  with pages = count(view)\n"
       "rule r when visit by user  alert low \"{user}\"\n",
       "event view has user text\n"
       "session visit of view by user  ends after 30m idle  with pages = count(view)\n"
       "rule r when visit by user  alert low \"{user}\"\n"},
      {"R072", Level::error, "a summary without a schedule",
       "`every 5m` says something at the end of each window, `every 5m over 1h` about the last hour, `every "
       "event` at each event.",
       "event trip has area int\n"
       "summary s of trip by area  with trips = count()\n"
       "rule r when s by area  alert low \"{area}\"\n",
       "event trip has area int\n"
       "summary s of trip by area every 5m  with trips = count()\n"
       "rule r when s by area  alert low \"{area}\"\n"},
      {"R074", Level::error, "beyond a limit",
       "Counts, durations, windows, fields, keys, steps, rules and test events have limits, far above what people "
       "write, so "
       "that no rule text can make the engine slow or fill its memory. docs/language.md lists them with "
       "their reasons.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 90_000d by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when 5 login within 90d by user  alert low \"{user}\"\n"},
      {"R075", Level::error, "a test that shows nothing", "A test without `expect` passes whatever the rule does.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{user}\"\n"
       "test \"fires\" rule r\n"
       "  at 0s login {user: \"ann\"}\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{user}\"\n"
       "test \"fires\" rule r\n"
       "  at 0s login {user: \"ann\"}\n"
       "  at 0s expect alert {user: \"ann\"}\n"},
      {"R076", Level::error, "a test event that is not what it says",
       "In a test an alias stands for its base event with the values that its filter fixes by `=`. A union "
       "could be any of its events, and a filter with `>` or `in` fixes nothing: give the field, or send the "
       "base event.",
       "event reading has sensor text, temp float\n"
       "event hot = reading(temp > 80)\n"
       "rule r when hot by sensor  alert low \"{sensor}\"\n"
       "test \"hot\" rule r\n"
       "  at 0s hot {sensor: \"a\"}\n"
       "  at 0s expect alert {sensor: \"a\"}\n",
       "event reading has sensor text, temp float\n"
       "event hot = reading(temp > 80)\n"
       "rule r when hot by sensor  alert low \"{sensor}\"\n"
       "test \"hot\" rule r\n"
       "  at 0s hot {sensor: \"a\", temp: 90}\n"
       "  at 0s expect alert {sensor: \"a\"}\n"},
      {"R077", Level::error, "a time that cannot be",
       "The lines of a test stand in the order of their times: a duration since the start, or a time in "
       "quotes as RFC 3339 writes it.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{user}\"\n"
       "test \"fires\" rule r\n"
       "  at 5m login {user: \"ann\"}\n"
       "  at 1m expect alert {user: \"ann\"}\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by user  alert low \"{user}\"\n"
       "test \"fires\" rule r\n"
       "  at 5m login {user: \"ann\"}\n"
       "  at 5m expect alert {user: \"ann\"}\n"},
      {"R078", Level::error, "a field that cannot be the time",
       "`timestamp` names the field that holds the time of the event: a `time`, a number in the unit that "
       "`in` names (milliseconds without it), or RFC 3339 text.",
       "event login has user text, ok bool\n"
       "  timestamp ok\n"
       "rule r when login by user  alert low \"{user}\"\n",
       "event login has user text, at time\n"
       "  timestamp at\n"
       "rule r when login by user  alert low \"{user}\"\n"},
      {"R079", Level::error, "unknown column",
       "The first line of a CSV file names its columns; a table is asked for one of them by `T[key].column`, its rows "
       "are "
       "found by the one behind `key`, and a list takes the one behind `column`. `check` looks into the file when it "
       "is "
       "there.",
       "event charge has card text\n"
       "table cards from \"cards.csv\" key id\n"
       "rule r when charge(cards[card].teir = \"gold\") by card  alert low \"{card}\"\n",
       "event charge has card text\n"
       "table cards from \"cards.csv\" key id\n"
       "rule r when charge(cards[card].tier = \"gold\") by card  alert low \"{card}\"\n"},
      {"R080", Level::error, "a wrong time format",
       "`time(text, format)` reads a text by a format of strptime: `%Y` year, `%m` month, `%d` day, `%b` month's name, "
       "`%H` `%M` `%S` time of day (or `%T`), `%f` fraction, `%I` `%p` twelve hours, `%z` offset, `%Z` UTC or GMT, "
       "`%j` day "
       "of the year, `%s` seconds since 1970, `%F` year-month-day, `%y` `%e` `%B` `%h` `%a` `%A` `%k` `%l` `%R` `%D` "
       "`%n` "
       "`%t` `%%`. It has to say the year and the day; whatever else it misses is zero.",
       "event login has user text, ip ip, outcome text, at text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(ts - time(at, \"%d/%N/%Y\") > 1h) by user  alert low \"{user}\"\n",
       "event login has user text, ip ip, outcome text, at text, ts time\n"
       "  timestamp ts\n"
       "rule r when login(ts - time(at, \"%d/%m/%Y\") > 1h) by user  alert low \"{user}\"\n"},
      {"R081", Level::error, "a value that cannot be",
       "An event in a test is what a line of JSON with the same fields would be, and a value that its field cannot "
       "hold "
       "would make a dead letter of it; one that is expected and can never come would fail for ever. Texts and times "
       "stand in quotes, numbers, durations, addresses, `true` and `false` without; a point is `\"48.85,2.35\"`. "
       "docs/language.md lists every type. The field of the event's `timestamp` is not given: the event happens at the "
       "time "
       "after `at`.",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by ip  alert low \"{ip}\"\n"
       "test \"fires\" rule r\n"
       "  at 0s login {ip: \"10.0.0.300\"}\n"
       "  at 0s expect alert\n",
       "event login has user text, ip ip, outcome text, ts time\n"
       "  timestamp ts\n"
       "rule r when login by ip  alert low \"{ip}\"\n"
       "test \"fires\" rule r\n"
       "  at 0s login {ip: 10.0.0.30}\n"
       "  at 0s expect alert\n"},
      {"R082", Level::error, "a file that is no list or table",
       "A list has one value a line, or takes a column of a CSV file; a table is a CSV file whose first line names its "
       "columns, with a value for each of them in every row, and rows that differ in the key. A file that is not there "
       "yet is a warning (R117); one that is there and broken would keep the rules from starting.",
       "event charge has card text\n"
       "table tiers from \"tiers_with_a_row_twice.csv\" key id\n"
       "rule r when charge(tiers[card].tier = \"gold\") by card  alert low \"{card}\"\n",
       "event charge has card text\n"
       "table tiers from \"tiers.csv\" key id\n"
       "rule r when charge(tiers[card].tier = \"gold\") by card  alert low \"{card}\"\n"},
  };
}

}  // namespace tocsin::dsl
