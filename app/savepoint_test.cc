// Savepoints as files: made of a store, looked at, restored. The same with a daemon: tests/e2e/savepoint_test.sh.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "adapters/file/disk.h"
#include "adapters/lmdb/store.h"
#include "app/savepoints.h"
#include "app/testing.h"
#include "engine/event/key.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/shard.h"
#include "engine/state/key_group.h"

namespace tocsin::app {
namespace {

constexpr Time kNow{1'772'375'411'000'000};  // 2026-03-01T14:30:11Z

constexpr char kRules[] = R"(event login has user text, ts time
  timestamp ts
rule often
  when 3 login within 10m by user
  alert "{user}"
rule twice
  when 2 login within 1m by user
  alert "{user}"
)";

// A state folder as a daemon would leave it; its values are none that a rule could read.
struct House {
  explicit House(const std::string& config = "") {
    folder.write("rules/a.rules", kRules);
    folder.write("tocsin.toml",
                 "rules = \"rules/\"\n[source.logins]\nfile = { path = \"in.ndjson\" }\nevent = \"login\"\n"
                 "[sink.alerts]\nfile = { path = \"alerts.ndjson\" }\n[sinks]\ndefault = [\"alerts\"]\n"
                 "[state]\ndir = \"state\"\n" +
                     config);
    compile();
  }
  void compile() {
    std::ostringstream said;
    std::istringstream in;
    Console console{in, said, said};
    CompiledPaths paths = compile_paths("run", {in_folder("rules")}, Arguments(), console);
    REQUIRE_MESSAGE(paths.exit == Exit::done, said.str());
    set = std::move(paths.sets.front());
  }
  std::string in_folder(const std::string& name) const { return folder.path() + "/" + name; }
  std::unique_ptr<LmdbStore> open(const std::string& name = "state") {
    disk = std::move(*open_disk(in_folder(name)));
    LmdbStoreConfig config;
    config.folder = in_folder(name);
    auto store = LmdbStore::open(config, *disk);
    REQUIRE_MESSAGE(store, store.error().message);
    return std::move(*store);
  }
  // What one epoch changes: keys of rules by number; a value of nothing is gone.
  using Change = std::map<std::pair<std::uint32_t, std::string>, std::optional<std::string>>;
  void store(LmdbStore& store, const Change& change) {
    ++epoch;
    std::map<std::string, std::optional<std::string>> changes;
    for (const auto& [at, value] : change) {
      std::string key, address;
      append_key(key, Value::text(at.second));
      StateAddress{key_group_of(key), at.first, StateKind::key, key}.append(address);
      changes[address] = value ? std::optional("\x01" + *value) : std::nullopt;
    }
    std::vector<StateChange> run;
    for (const auto& [address, value] : changes)
      run.push_back({address, value ? std::string_view(*value) : std::string_view(), !value});
    const std::vector<std::span<const StateChange>> runs{run};
    const std::string manifest = ledger.bytes();
    REQUIRE(store.store({Epoch{epoch}, runs, manifest, ""}));
    store.delivered(Epoch{epoch});
  }
  // An epoch of all that the rules remember of these logins (user, seconds from kNow on), as only they can read it.
  void see(LmdbStore& store, const std::vector<std::pair<const char*, int>>& logins) {
    const auto& rules = set.compiled.rules;
    ledger.numbers_of(*rules);
    const auto data = ReferenceData::make(*rules, {});
    REQUIRE(data);
    Shard shard(rules, *data, std::make_shared<const Placement>(*rules, 1), 0);
    const EventTypeId login = *rules->schema.find("login");
    shard.begin_watching({&login, 1}, kNow);
    Event event;
    event.type = login;
    event.position = {SourceId{0}, 0, 0};
    for (const auto& [user, second] : logins) {
      event.time = kNow + seconds(second);
      event.position.offset = static_cast<std::uint64_t>(second) + 1;
      std::vector<Value> fields;
      for (const FieldSlot& field : rules->schema[login].fields)
        fields.push_back(field.name() == "user" ? Value::text(user)
                         : field.name() == "n"  ? Value::integer(2)
                                                : Value());
      event.fields = fields;
      const Event* one = &event;
      REQUIRE(shard.on_events({&one, 1}) == 1);
    }
    ledger.cut.frontier.events_before = event.time + seconds(1);
    const std::vector<std::string> sources{"logins"};
    const StateNames names(rules->schema, sources);
    ledger.layouts = names.layouts();
    Shard* one = &shard;
    std::vector<Changes> changes = bytes_of({&one, 1}, names);
    const std::vector<std::span<const StateChange>> runs{changes.front().sorted()};
    const std::string manifest = ledger.bytes();
    REQUIRE(store.store({Epoch{++epoch}, runs, manifest, ""}));
  }
  Ran command(std::vector<std::string> words) const {
    words.insert(words.begin(), "savepoint");
    words.insert(words.end(), {"-c", in_folder("tocsin.toml")});
    return run(words);
  }
  SavepointMade make(const LmdbStore& store, const std::string& name) const {
    const auto made = make_savepoint({in_folder("state/savepoints"), name, kNow, 1}, set, store, [] { return false; });
    REQUIRE_MESSAGE(made, made.error().message);
    return *made;
  }
  // Without the folder that a test happens to lie in.
  std::string plain(std::string text) const {
    for (std::size_t at = 0; (at = text.find(folder.path() + "/", at)) != std::string::npos;)
      text.erase(at, folder.path().size() + 1);
    return text;
  }

  Folder folder;
  CompiledSet set;
  std::unique_ptr<Disk> disk;
  Ledger ledger;
  std::uint64_t epoch = 0;
};

std::vector<std::string> names_of(const std::vector<SavepointStatus>& all) {
  std::vector<std::string> out;
  for (const SavepointStatus& one : all) out.push_back(one.name);
  return out;
}

}  // namespace

TEST_CASE("savepoint: equal states give equal files, whatever way they came about") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  house.ledger.layouts.sources = {"logins"};
  std::vector<std::string> files;
  for (const bool merges : {false, true}) {
    const std::string name = merges ? "merged" : "state";
    house.epoch = 0;
    {
      const auto store = house.open(name);
      for (int i = 0; i < 20; ++i) {
        House::Change change;
        for (int key = 0; key < 300; ++key) {
          const std::pair at(static_cast<std::uint32_t>(key % 2), fmt::format("user{}", key));
          if (!merges && i == 19) change[at] = fmt::format("{} of 19", key);  // all at once
          if (merges)
            change[at] = key % 7 == i % 7 && i < 19 ? std::nullopt : std::optional(fmt::format("{} of {}", key, i));
        }
        change[{0, "passing"}] = i < 10 ? std::optional<std::string>("x") : std::nullopt;
        house.store(*store, change);
        if (merges && i % 3 == 0) REQUIRE(store->merge());
      }
      files.push_back(Folder::read(house.make(*store, name).path));
    }
  }
  CHECK(files[0] == files[1]);

  // And once more, of the state that one of them was restored as.
  house.folder.write("tocsin.toml",
                     Folder::read(house.in_folder("tocsin.toml")) + "savepoints = \"state/savepoints\"\n");
  const Ran restored = run({"savepoint", "restore", "merged", "-c", house.in_folder("tocsin.toml"), "--set",
                            "state.dir=" + house.in_folder("other")});
  REQUIRE_MESSAGE(restored.code == 0, restored.err);
  const auto store = house.open("other");
  CHECK(Folder::read(house.make(*store, "again").path) == files[0]);
}

TEST_CASE("savepoint: what rules that do not run any more have left in the store is not in it") {
  House house;
  house.ledger.programs = {{"old", 7}};
  house.ledger.numbers_of(*house.set.compiled.rules);
  const auto store = house.open();
  house.store(*store, {{{0, "a"}, "1"}, {{1, "b"}, "22"}, {{1, "c"}, "3"}, {{2, "d"}, "4"}});
  CHECK(house.make(*store, "s").keys == 3);
  std::string shown = house.plain(house.command({"inspect", "s"}).out);
  for (const std::string& varies : {std::string(" by tocsin "), std::string(".savepoint, ")}) {
    const auto at = shown.find(varies);
    shown.erase(at, shown.find('\n', at) - at);
  }
  CHECK(shown == R"(savepoint    s: epoch 1, generation 1, made 2026-03-01T14:30:11.000000Z
file         state/savepoints/s
state        3 addresses, digest 89a27b678a6f2ff2289df934b61fbc23
event time   -
rule file    rules/a.rules

rule   keys  budgets  size  watching since
often     2        0  31 B  -
twice     1        0  15 B  -
)");
  CHECK(house.command({"inspect", "s", "--rule", "often"}).out == "b  3 B\nc  2 B\n");
  CHECK(house.command({"inspect", "s", "--rule", "often", "--key", "z"}).err ==
        "tocsin savepoint: rule `often` remembers nothing of z\n");
  CHECK(house.command({"inspect", "s", "--rule", "oftn"}).code == 2);
  CHECK(contains(house.command({"inspect", "s", "--rule", "oftn"}).err, "did you mean `often`?"));
}

TEST_CASE("savepoint inspect: the keys of a rule in their order, of many the first ones") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  const auto store = house.open();
  House::Change change;
  for (int i = 0; i < 150; ++i) change[{0, fmt::format("user{:03}", i * 37 % 150)}] = "1";
  house.store(*store, change);
  house.make(*store, "s");
  std::string expected;
  for (int i = 0; i < 100; ++i) expected += fmt::format("user{:03}  2 B\n", i);
  expected += "... and 50 more; --key shows one\n";
  CHECK(house.command({"inspect", "s", "--rule", "often"}).out == expected);
}

TEST_CASE("savepoint restore: other rules, and what is said of each") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  house.ledger.layouts.sources = {"logins", "gone"};
  {
    const auto store = house.open();
    house.store(*store, {{{0, "a"}, "1"}, {{0, "b"}, "2"}, {{1, "c"}, "3"}});
    house.make(*store, "s");
  }
  house.folder.write("rules/a.rules", R"(event login has user text, ts time
  timestamp ts
rule often
  when login then login within 10m by user
  alert "{user}"
rule new_one
  when 2 login within 1m by user
  alert "{user}"
)");
  const std::string before = Folder::read(house.in_folder("state/base.mdb"));
  const Ran refused = house.command({"restore", "s", "--force"});
  CHECK(refused.code == 5);
  CHECK(refused.out == R"(savepoint s: epoch 1
  + new_one  new: it begins now
  ! often    reset: it is another pattern now, 2 keys dropped
  - twice    gone: there is no such rule now, 1 key dropped
)");
  CHECK(refused.err ==
        "tocsin savepoint: what these rules remember would be lost. To restore without it, say so of each: "
        "--drop-state often --drop-state twice\n");
  CHECK(
      contains(house.command({"restore", "s", "--force", "--drop-state", "often"}).err, "each: --drop-state twice\n"));
  const Ran unknown =
      house.command({"restore", "s", "--drop-state", "often", "--drop-state", "twise", "--drop-state", "new_one"});
  CHECK(unknown.code == 5);
  CHECK(contains(unknown.err, "--drop-state twise: the savepoint has no such rule; did you mean `twice`?\n"));
  CHECK(contains(unknown.err, "--drop-state new_one: nothing of that rule would be lost; leave it out\n"));
  const std::vector<std::string> all{"restore", "s", "--drop-state", "often", "--drop-state", "twice"};
  const Ran held = house.command(all);
  CHECK(held.code == 5);
  CHECK(house.plain(held.err) == "tocsin savepoint: state holds a state already; --force puts this one in its place\n");
  auto dry = all;
  dry.push_back("--dry-run");
  CHECK(house.command(dry).code == 0);
  CHECK(Folder::read(house.in_folder("state/base.mdb")) == before);
  auto forced = all;
  forced.push_back("--force");
  const Ran restored = house.command(forced);
  CHECK_MESSAGE(restored.code == 0, restored.err);
  CHECK(contains(house.plain(restored.out), "restored into state; `tocsin run` goes on from there\n"));
  const auto store = house.open();
  CHECK(store->figures().base_addresses == 0);
  CHECK(store->newest().value()->epoch == Epoch{1});
}

TEST_CASE("savepoint restore: a rule that is called otherwise now keeps what it remembers") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  {
    const auto store = house.open();
    house.store(*store, {{{0, "a"}, "1"}, {{1, "c"}, "3"}});
    house.make(*store, "s");
  }
  std::string rules = Folder::read(house.in_folder("rules/a.rules"));
  rules.replace(rules.find("rule twice"), 10, "rule double was twice");
  house.folder.write("rules/a.rules", rules);
  const Ran restored = house.command({"restore", "s", "--force"});
  CHECK_MESSAGE(restored.code == 0, restored.err);
  INFO(restored.out);
  CHECK(contains(restored.out, "  ~ twice  kept, as `double`\n"));
  CHECK_FALSE(contains(restored.out, "new: it begins now"));
  CHECK(house.open()->figures().base_addresses == 2);
}

TEST_CASE("savepoint: names, lists and what is deleted") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  const auto store = house.open();
  const std::string folder = house.in_folder("state/savepoints");
  const auto ask = [&](const std::string& name, Time now = kNow) {
    return make_savepoint({folder, name, now, 1}, house.set, *store, [] { return false; });
  };
  CHECK(ask("early").error().message == "nothing has been stored yet: there is no epoch to keep");
  CHECK(list_savepoints(folder).value().empty());
  House::Change change;
  for (int i = 0; i < 3'000; ++i) change[{0, fmt::format("{}", i)}] = "1";
  house.store(*store, change);
  CHECK(ask("").value().name == "20260301-143011");
  CHECK(ask("").value().name == "20260301-143011-2");
  CHECK(ask("").value().name == "20260301-143011-3");
  CHECK(house.plain(ask("20260301-143011").error().message) ==
        "there is a savepoint `20260301-143011` already: state/savepoints/20260301-143011.savepoint");
  for (const char* const more : {"20260301-143011-2", "20260301-143011-3"})
    CHECK(house.command({"delete", more}).code == 0);
  CHECK(ask("b", kNow + seconds(1)));
  CHECK(ask("c", kNow + seconds(2)));
  int asks = 0;
  CHECK(make_savepoint({folder, "d", kNow, 1}, house.set, *store, [&] { return ++asks == 2; }).error().code ==
        Error::Code::unreachable);
  CHECK(names_of(list_savepoints(folder).value()) == std::vector<std::string>{"c", "b", "20260301-143011"});
  house.folder.write("state/savepoints/torn.savepoint", Folder::read(folder + "/c.savepoint").substr(0, 20));
  const Ran listed = house.command({"list"});
  CHECK(contains(listed.out, "c                2026-03-01T14:30:13.000000Z"));
  CHECK(contains(listed.out, "PROBLEM: " + folder + "/torn.savepoint is damaged at byte 20"));
  CHECK(house.command({"delete", "--keep", "1"}).out ==
        "savepoint b is deleted\nsavepoint 20260301-143011 is deleted\n");
  CHECK(names_of(list_savepoints(folder).value()) == std::vector<std::string>{"c", "torn"});
  CHECK(house.command({"delete", "torn"}).code == 0);
  for (const std::vector<std::string>& none : {std::vector<std::string>{"delete", "torn"},
                                               {"delete", "../state/mark"},
                                               {"inspect", "b"},
                                               {"diff", "c", "b"},
                                               {"restore", "b"}})
    CHECK_MESSAGE(house.command(none).code == 1, none.front());
  CHECK(house.command({"inspect", folder + "/b.savepoint"}).code == 2);  // a file that cannot be read, as others
  CHECK(house.command({"inspect", folder + "/c.savepoint"}).code == 0);
  CHECK(house.command({"inspect"}).code == 2);
  CHECK(house.command({"diff", "c"}).code == 2);
  CHECK(house.command({"inspect", "c", "--key", "1"}).code == 2);
  for (const char* const bad : {"", ".", "..", "../a", "a/b", ".hidden", "a b"}) CHECK_FALSE(is_savepoint_name(bad));
  for (const char* const good : {"a", "before-upgrade", "20260301-143011", "v1.2_x"}) CHECK(is_savepoint_name(good));
}

TEST_CASE("savepoint inspect: what is remembered of a key, in words") {
  House house;
  house.folder.write("rules/a.rules", R"(event login has user text, n int, ts time
  timestamp ts
rule burst
  when 3 login within 10m by user
  alert "{user}"
rule large
  when login(n > 1) by user
  resolve when login(n = 0)
  fire at most once per 1h
  remind every 1m
  alert "{user}"
rule pair
  when 3 login within 10m by user, n
  alert "{user}"
rule chain
  when login as a then login as b then login as c within 1h by user
  alert "{user}"
rule gone
  when login as a then login as b then no login within 1h by user
  alert "{user}"
rule linked
  when login as a then login as b then login as c within 1h by user
  where a.n < b.n
  alert "{user}"
rule choices
  when login as a then login as b then login as c within 1h by user
  fire every match
  alert "{user}"
rule quiet
  when no login for 1h by user
  alert "{user}"
rule slow
  when 3 login within 10m by user
  forget after 1d idle
  alert "{user}"
session visit of login by user
  ends after 30m idle
  with all = count()
summary hourly of login by user
  every 1h
  with all = count()
)");
  house.compile();
  const auto store = house.open();
  house.see(*store, {{"ann", 0}, {"ann", 60}});
  house.make(*store, "s");
  const auto shown = [&](const char* rule) {
    const std::string out = house.command({"inspect", "s", "--rule", rule, "--key", "ann"}).out;
    return out.substr(out.find('\n') + 1);
  };
  const std::string since = "  it has been watching since 2026-03-01T14:30:11.000000Z\n",
                    both = "from 2026-03-01T14:30:11.000000Z to 2026-03-01T14:31:11.000000Z\n";
  // As `why` takes it.
  const std::string pair = house.command({"inspect", "s", "--rule", "pair", "--key", "ann", "--key", "2"}).out;
  CHECK(contains(pair, " of ann, 2\n"));
  CHECK(contains(pair, "2 of 3 events counted"));
  CHECK(shown("burst") == since + "  2 of 3 events counted, " + both + "  nothing is due\n" +
                              "  all events before 2026-03-01T14:31:12.000000Z have been judged\n");
  CHECK(contains(shown("large"), since + "  its last event was at 2026-03-01T14:31:11.000000Z\n"
                                         "  an alert is open since 2026-03-01T14:30:11.000000Z\n"));
  CHECK(contains(shown("large"),
                 "  `fire at most 1`: 1 alert sent, the last at 2026-03-01T14:30:11.000000Z, 0 suppressed since\n"));
  const std::string first = "2026-03-01T14:30:11.000000Z", second = "2026-03-01T14:31:11.000000Z";
  CHECK(contains(shown("chain"), "  2 of 3 steps taken: `a` at " + first + ", `b` at " + second +
                                     "\n  1 of 3 steps taken: `a` at " + second + "\n"));
  CHECK(contains(shown("gone"), "  complete at 2026-03-01T15:31:11.000000Z, if nothing forbids it: `a` at " + first +
                                    ", `b` at " + second + "\n"));
  CHECK(contains(shown("linked"), "  2 events kept for its steps, " + both));
  CHECK(contains(shown("choices"),
                 "  step 1 of 3: 2 events kept, " + both + "  step 2 of 3: 1 event kept, from " + second));
  CHECK(contains(shown("quiet"), "  what its pattern keeps has "));
  CHECK(contains(shown("slow"), "  2 of 3 events counted, " + both));
  CHECK(contains(shown("visit"), since + "  a session is open: 2 events " + both));
  CHECK(contains(shown("hourly"),
                 since + "  2 events kept, " + both + "  the window in hand ends at 2026-03-01T15:00:00.000000Z\n"));
}

TEST_CASE("savepoint diff: keys that have come, gone and changed") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  const auto store = house.open();
  house.store(*store, {{{0, "a"}, "1"}, {{0, "b"}, "1"}, {{0, "c"}, "1"}, {{1, "a"}, "1"}});
  house.make(*store, "one");
  house.store(*store, {{{0, "a"}, "2"}, {{0, "b"}, std::nullopt}, {{0, "d"}, "1"}});
  house.make(*store, "two");
  const Ran shown = house.command({"diff", "one", "two", "--rule", "often"});
  CAPTURE(shown.out);
  CHECK(shown.code == 1);
  CHECK(contains(shown.out, R"(rule   gone  come  changed  same
often     1     1        1     1
twice     0     0        0     1
)"));
  for (const char* const line : {"\n- b\n", "\n+ d\n", "\n~ a\n"}) CHECK(contains(shown.out, line));
  const auto json = nlohmann::json::parse(house.command({"diff", "one", "two", "--json"}).out);
  CHECK(json["equal"] == false);
  CHECK(json["rules"][0]["changed"] == 1);
  CHECK(house.command({"diff", "one", "one"}).code == 0);
  CHECK(house.command({"diff", "one", "two", "--rule", "none"}).code == 2);
}

TEST_CASE("savepoint diff: what has left its window is the same as what was given up when there was need of room") {
  House kept, given_up;
  kept.see(*kept.open(), {{"bob", 0}, {"ann", 0}, {"ann", 30}, {"cid", 700}, {"ann", 1'000}});
  given_up.see(*given_up.open(), {{"cid", 700}, {"ann", 1'000}});
  kept.make(*kept.open(), "one");
  given_up.make(*given_up.open(), "two");
  const std::string two = given_up.in_folder("state/savepoints/two.savepoint");
  const Ran shown = kept.command({"diff", "one", two});
  CAPTURE(shown.out);
  CHECK(shown.code == 0);
  CHECK(contains(shown.out, "often     0     0        0     2\n"));
  CHECK(contains(shown.out, "the two remember the same\n"));
  CHECK(contains(kept.command({"inspect", "one", "--rule", "often", "--key", "ann"}).out, "1 of 3 events counted"));

  // What is still in the window does matter.
  House other;
  other.see(*other.open(), {{"ann", 1'000}});
  other.make(*other.open(), "three");
  const Ran differs = kept.command({"diff", "one", other.in_folder("state/savepoints/three.savepoint")});
  CHECK(differs.code == 1);
  CHECK(contains(differs.out, "often     1     0        0     1\n"));
}

TEST_CASE("savepoint diff: of different stores, by the names of rules and keys") {
  House house, other;
  house.ledger.numbers_of(*house.set.compiled.rules);
  other.ledger.programs = {{"old", 7}};
  other.ledger.numbers_of(*other.set.compiled.rules);
  {
    const auto store = house.open();
    house.store(*store, {{{0, "a"}, "1"}, {{0, "b"}, "1"}, {{0, "c"}, "1"}, {{1, "a"}, "1"}, {{1, "z"}, "1"}});
    house.make(*store, "one");
    const auto there = other.open();
    other.store(*there,
                {{{0, "b"}, "5"}, {{1, "a"}, "2"}, {{1, "b"}, "1"}, {{1, "d"}, "1"}, {{2, "a"}, "1"}, {{2, "z"}, "1"}});
    // One of them stands where it stood beside other rules.
    std::string key, from, to;
    append_key(key, Value::text("z"));
    const std::uint16_t group = key_group_of(key);
    StateAddress{group, 2, StateKind::key, key}.append(from);
    StateAddress{static_cast<std::uint16_t>((group + 300) % kKeyGroups), 2, StateKind::key, key}.append(to);
    std::vector<StateChange> moved{{from, {}, true},
                                   {to,
                                    "\x01"
                                    "1",
                                    false}};
    std::ranges::sort(moved, {}, &StateChange::address);
    const std::vector<std::span<const StateChange>> runs{moved};
    const std::string manifest = other.ledger.bytes();
    REQUIRE(there->store({Epoch{++other.epoch}, runs, manifest, ""}));
    other.make(*there, "two");
  }
  const std::string two = other.in_folder("state/savepoints/two.savepoint");
  const Ran shown = house.command({"diff", "one", two, "--rule", "often"});
  CHECK(shown.err.empty());
  CHECK(shown.code == 1);
  CHECK(shown.out == R"(epoch 1 -> 2, event time - -> -
rule   gone  come  changed  same
often     1     1        1     1
twice     0     0        0     2
~ a
- c
+ d
)");
  other.ledger.programs[1].shape ^= 1;
  {
    const auto there = other.open();
    other.store(*there, {});
    other.make(*there, "three");
  }
  CHECK(contains(house.command({"diff", "one", other.in_folder("state/savepoints/three.savepoint")}).out,
                 "rule `often` is another pattern in the second, or kept another way\n"));
  other.ledger.layouts.types = {{"login", {"ts", "user"}}};
  house.ledger.layouts.types = {{"login", {"user", "ts"}}};
  for (House* one : {&house, &other}) {
    const auto store = one->open();
    one->store(*store, {});
    one->make(*store, "four");
  }
  const Ran refused = house.command({"diff", "four", other.in_folder("state/savepoints/four.savepoint")});
  CHECK(refused.code == 5);
  CHECK(
      refused.err ==
      "tocsin savepoint: the two are of stores that number events, fields or sources otherwise (event 1 is "
      "`login(user, ts)` in the first and `login(ts, user)` in the second), so what they remember cannot be compared; "
      "inspect shows each\n");
}

TEST_CASE("savepoint diff: when something is due is no difference of its own") {
  House house;
  house.ledger.numbers_of(*house.set.compiled.rules);
  const auto store = house.open();
  const auto put = [&](Time due, bool gone) {
    std::string key, timed, address;
    append_key(key, Value::text("a"));
    TimedKey{due, key}.append(timed);
    StateAddress{key_group_of(key), 0, StateKind::due, timed}.append(address);
    const std::vector<StateChange> change{{address, gone ? std::string_view() : "\x01", gone}};
    const std::vector<std::span<const StateChange>> runs{change};
    const std::string manifest = house.ledger.bytes();
    REQUIRE(store->store({Epoch{++house.epoch}, runs, manifest, ""}));
  };
  house.store(*store, {{{0, "a"}, "1"}});
  house.make(*store, "one");
  put(kNow, false);
  CHECK(house.make(*store, "two").figures.addresses == 2);
  put(kNow, true);
  put(kNow + seconds(1), false);
  house.make(*store, "three");
  for (const char* const other : {"one", "three"}) {
    const Ran shown = house.command({"diff", "two", other});
    CHECK(shown.code == 0);
    CHECK(contains(shown.out, "often     0     0        0     1\n"));
    CHECK(contains(shown.out, "the two remember the same\n"));
  }
}

}  // namespace tocsin::app
