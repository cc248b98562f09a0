// If one of these fails, what comes out depends on how many threads there are, or on which of them is faster.
//
// TOCSIN_SEEDS=N tries N random rule sets (default 300), TOCSIN_SEED=S begins at S.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <future>
#include <iostream>
#include <map>
#include <thread>

#include "adapters/codec/config.h"
#include "adapters/memory/sink.h"
#include "adapters/memory/source.h"
#include "adapters/memory/store.h"
#include "engine/io/clock.h"
#include "engine/program/dump.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/keeper.h"
#include "engine/runtime/outbox.h"
#include "engine/runtime/publisher.h"
#include "engine/runtime/steward.h"
#include "engine/state/address.h"
#include "tests/support/both.h"
#include "tests/support/compare.h"
#include "tests/support/hand_clock.h"

namespace {

using namespace tocsin;
using namespace tocsin::tests;

// Random rules over a stream in up to four partitions, some events late.
template <class Look>
void for_each_case(const Look& look) {
  const std::uint64_t first = number_from("TOCSIN_SEED", 1), seeds = number_from("TOCSIN_SEEDS", 300);
  std::uint64_t tried = 0, outputs = 0, higher = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Generator generator(seed * 104'729);
    Case c = seed % 4 == 0 ? generator.chain() : seed % 2 == 0 ? generator.any() : generator.rekeyed();
    c.late_ms = 2'000;
    std::string why;
    const auto ready = make_ready(c.text(), &why);
    if (!ready && std::getenv("TOCSIN_WHY") != nullptr) std::cout << why << "\n  " << c.text();
    if (!ready) continue;
    const std::uint64_t partitions = 1 + generator.below(4);
    c.events = generator.shuffled(c.events, generator.one_in(3) ? 3 * c.late_ms : c.late_ms);
    for (EventText& e : c.events) e.partition = static_cast<int>(generator.below(partitions));
    c.silent_partition = false;
    std::vector<std::uint64_t> last(partitions);  // offsets as a source counts
    for (EventText& e : c.events) e.offset = ++last[static_cast<std::size_t>(e.partition)];
    const Lines expected = engine_lines(*ready, c);
    if (const auto two = id_of_two(expected)) FAIL_CHECK("seed " << seed << ": an id of two alerts\n" << *two);
    ++tried;
    outputs += expected.size();
    higher += Placement(*ready->rules, 2).levels() > 1;
    CAPTURE(seed);
    look(seed, *ready, c, expected);
  }
  MESSAGE(tried << " rule sets, " << higher << " of more than one level, " << outputs << " outputs");
  CHECK(outputs > tried);
  CHECK(higher * 5 > tried);
}

std::string first_difference(const Lines& expected, const Lines& got) {
  const auto [e, g] = std::ranges::mismatch(expected, got);
  return fmt::format("expected {}\ngot      {}\n", e == expected.end() ? "nothing" : *e,
                     g == got.end() ? "nothing" : *g);
}

// Shards stop after each output, after a few, or never.
EngineOptions options(std::uint32_t shards, std::uint64_t seed) {
  EngineOptions out;
  out.shards = shards;
  if (seed % 3 != 0) out.outputs_at_once = seed % 3 == 1 ? 1 : 2 + seed % 7;
  return out;
}

}  // namespace

TEST_CASE("any number of workers, whoever's turn it is: the same bytes") {
  for_each_case([](std::uint64_t seed, const Ready& ready, const Case& c, const Lines& expected) {
    for (const std::uint32_t shards : {1u, 2u, 3u, 8u})
      for (std::uint64_t turn = 0; turn < 3; ++turn) {
        const Lines got =
            crew_lines(ready, c, 1 + (seed + turn) % 5, options(shards, seed + turn), seed * 10 + turn, false);
        if (got == expected) continue;
        FAIL_CHECK("seed " << seed << ", " << shards << " workers, turn " << turn << "\n"
                           << first_difference(expected, got) << report(c));
        return;
      }
  });
}

TEST_CASE("on threads: the same bytes") {
  for_each_case([](std::uint64_t seed, const Ready& ready, const Case& c, const Lines& expected) {
    for (const std::uint32_t shards : {2u, 3u, 8u})
      if (crew_lines(ready, c, 1 + seed % 3, options(shards, seed), seed, true) != expected)
        FAIL_CHECK("seed " << seed << ", " << shards << " threads\n" << report(c));
  });
}

TEST_CASE("the partitions of several sources: the same bytes") {
  for_each_case([](std::uint64_t seed, const Ready& ready, const Case& c, const Lines&) {
    const std::size_t sources = 2 + seed % 2;
    const Lines expected = crew_lines(ready, c, 1, {}, seed, false, sources);
    for (const std::uint32_t shards : {1u, 2u, 3u})
      if (crew_lines(ready, c, 1 + seed % 3, options(shards, seed), seed + shards, seed % 4 == 0, sources) != expected)
        FAIL_CHECK("seed " << seed << ", " << sources << " sources, " << shards << " workers\n" << report(c));
  });
}

// Time that has not been judged keeps nobody waiting: `b` may stand among what is not looked at.
TEST_CASE("given up in the middle: no absence is reported for events that nobody has looked at") {
  const auto ready = make_ready(
      "event a has k text, ts time  timestamp ts\n"
      "event b has k text, ts time  timestamp ts  late 1h\n"
      "rule gone when a then no b within 10s by k  alert low \"\"\n");
  REQUIRE(ready);
  const Schema& schema = ready->rules->schema;
  const std::vector<Value> fields(2, Value::text("u"));  // more than is asked for
  const auto event = [&](const char* type, int second) {
    Event out;
    out.type = *schema.find(type);
    out.time = Time{} + seconds(second);
    out.position = {SourceId{0}, 0, static_cast<std::uint64_t>(second) + 1};
    out.fields = fields;
    return out;
  };
  for (const bool gives_up : {false, true}) {
    std::atomic<bool> given_up = false;
    EngineOptions how;
    how.given_up = &given_up;
    Shard shard(ready->rules, ready->data, std::make_shared<const Placement>(*ready->rules, 1), 0, how);
    shard.begin_watching(std::vector{*schema.find("a"), *schema.find("b")}, Time{});
    const Event begins = event("a", 0), next = event("a", 5);
    const Event* events[] = {&begins, &next};
    CHECK(shard.on_events(std::span(events).first(1)) == 1);
    given_up = gives_up;
    CHECK(shard.on_events(std::span(events).last(1)) == 1);
    CHECK(shard.advance({Time{} + seconds(60), Phase::event}));
    shard.on_late(event("b", 7), Time{} + seconds(60), true);
    std::string states;
    for (const Alert& alert : shard.take_alerts())
      states += alert.state == Alert::State::firing ? "fires " : "withdrawn ";
    CHECK(states == std::string(gives_up ? "" : "fires withdrawn "));
  }
}

TEST_CASE("a withdrawal repeats the alert as it was said last: escalated, and reminded of") {
  const auto ready = make_ready(
      "event a has k text, ts time  timestamp ts\n"
      "event b has k text, ts time  timestamp ts  late 1h\n"
      "rule gone when a then no b within 10s by k  resolve when a  remind every 20s\n"
      "  escalate to critical after 5s unresolved  alert low \"\"\n");
  REQUIRE(ready);
  const std::vector<Value> fields(2, Value::text("u"));  // more than is asked for
  const auto event = [&](const char* type, int second) {
    Event out;
    out.type = *ready->rules->schema.find(type);
    out.time = Time{} + seconds(second);
    out.position = {SourceId{0}, 0, static_cast<std::uint64_t>(second) + 1};
    out.fields = fields;
    return out;
  };
  Shard shard(ready->rules, ready->data, std::make_shared<const Placement>(*ready->rules, 1), 0);
  shard.begin_watching(std::vector{event("a", 0).type, event("b", 0).type}, Time{});
  const Event begins = event("a", 0);
  const Event* one = &begins;
  CHECK(shard.on_events(std::span(&one, 1)) == 1);
  CHECK(shard.advance({Time{} + seconds(40), Phase::event}));
  shard.on_late(event("b", 7), Time{} + seconds(40), true);
  const std::vector<Alert> all = shard.take_alerts();
  REQUIRE(all.size() == 4);  // fired, escalated, reminded of, withdrawn
  CHECK(all.front().severity != all.back().severity);
  CHECK(all.back().state == Alert::State::withdrawn);
  CHECK(all.back().severity == all[1].severity);
  CHECK(all.back().reminder == 1);
}

TEST_CASE("what a rule that has gone has left is removed, a piece with each epoch, also over restarts") {
  Case c;
  c.rules.push_back({"rule r1", "a then b within 100s", "k", {"alert low \"r1\""}});
  const auto ready = make_ready(c.text());
  REQUIRE(ready);
  constexpr std::size_t kLeft = 40'000, kPiece = 4'096;
  Ledger ledger;
  ledger.programs.push_back({"gone", 1});
  std::map<std::string, std::string> left;
  for (std::size_t i = 0; i < kLeft; ++i) {
    const std::string key = fmt::format("key {}", i);
    std::string address;
    StateAddress{static_cast<std::uint16_t>(i % kKeyGroups), 0, StateKind::key, key}.append(address);
    left[address] = "\x01 what it remembered";
  }
  std::vector<StateChange> changes;
  for (const auto& [address, value] : left) changes.push_back({address, value, false});
  const std::vector<std::span<const StateChange>> runs{changes};
  const std::string manifest = ledger.bytes();
  MemoryStore store;
  REQUIRE(store.store({Epoch{1}, runs, manifest, ""}));

  StandingClock clock;
  std::size_t epochs = 0;
  for (int life = 0; life < 3; ++life) {
    Engine engine(ready->rules, ready->data, {.shards = 2});
    Keeper keeper(engine, store, {});
    const auto resumed = keeper.restore();
    REQUIRE(resumed);
    CHECK(resumed->lost == (life == 0 ? std::vector<std::string>{"gone"} : std::vector<std::string>{}));
    Publisher publisher({});
    REQUIRE(publisher.open({}, resumed->newest));
    Crew crew(engine, {}, {}, clock, &keeper);
    Steward steward(keeper, crew, publisher, {});
    const auto before = store.figures().base_addresses;
    for (int i = 0; i < (life < 2 ? 3 : 30); ++i, ++epochs) {
      const auto now = store.figures().base_addresses;
      REQUIRE(steward.finish({}));
      CHECK(now - store.figures().base_addresses <= kPiece);
    }
    CHECK(before - store.figures().base_addresses >= kPiece);
  }
  CHECK(store.figures().base_addresses == 0);
}

TEST_CASE("a sink that takes nothing holds no other back, and nothing is forgotten for it") {
  std::string slow, quick;
  bool takes = false;
  MemorySink slow_sink(slow, [&] { return takes; }), quick_sink(quick, [] { return true; });
  Publisher publisher({{"slow", &slow_sink}, {"quick", &quick_sink}});
  REQUIRE(publisher.open({}, Epoch{0}));
  const std::string both[] = {"slow", "quick"}, one[] = {"quick"};
  for (std::uint64_t epoch = 1; epoch <= 3; ++epoch) {
    std::string outbox;
    append_message(outbox, both, {{}, {}, "for both " + std::to_string(epoch), {}});
    append_message(outbox, one, {{}, {}, "for one", {}});
    publisher.add(Epoch{epoch}, outbox);
  }
  const auto work = [&] {
    for (int i = 0; i < 20; ++i) REQUIRE(publisher.step());
  };
  work();
  CHECK(quick == "for both 1\nfor one\nfor both 2\nfor one\nfor both 3\nfor one\n");
  CHECK(slow.empty());
  CHECK(publisher.standing().delivered == Epoch{0});
  const auto messages = publisher.standing().messages;
  CHECK(messages[0].waiting == 3);
  CHECK(messages[0].delivered == 0);
  CHECK(messages[1].waiting == 0);
  CHECK(messages[1].delivered == 6);
  CHECK(publisher.waiting_bytes() > 0);
  takes = true;
  work();
  CHECK(slow == "for both 1\nfor both 2\nfor both 3\n");
  CHECK(publisher.standing().delivered == Epoch{3});
  CHECK(publisher.waiting_bytes() == 0);
  CHECK(publisher.is_idle());
}

// With one that is away for a day they are hundreds of thousands.
TEST_CASE("epochs without a message are kept for nobody, and no sink is behind for them") {
  std::string slow, quick;
  bool takes = true;
  MemorySink slow_sink(slow, [&] { return takes; }), quick_sink(quick, [] { return true; });
  Publisher publisher({{"slow", &slow_sink}, {"quick", &quick_sink}});
  REQUIRE(publisher.open({}, Epoch{0}));
  const auto message_to = [](const std::string& sink, const std::string& body) {
    std::string outbox;
    append_message(outbox, std::span(&sink, 1), {{}, {}, body, {}});
    return outbox;
  };
  const auto stands = [&](std::uint64_t delivered, std::uint64_t slow_at, std::uint64_t quick_at) {
    for (int i = 0; i < 20; ++i) REQUIRE(publisher.step());
    const auto standing = publisher.standing();
    CHECK(standing.delivered == Epoch{delivered});
    CHECK(standing.sinks[0].delivery.epoch == Epoch{slow_at});
    CHECK(standing.sinks[1].delivery.epoch == Epoch{quick_at});
  };
  publisher.add(Epoch{1}, message_to("slow", "one"));
  stands(1, 1, 1);
  takes = false;
  for (const std::uint64_t epoch : {2u, 3u}) publisher.add(Epoch{epoch}, {});
  CHECK(publisher.waiting_bytes() == 0);
  CHECK_FALSE(publisher.is_idle());          // nobody has looked yet
  CHECK(slow_sink.delivered() == Epoch{1});  // it confirms nothing, and there is nothing to be confirmed
  stands(3, 3, 3);
  CHECK(publisher.is_idle());
  publisher.add(Epoch{6}, message_to("slow", "two"));
  publisher.add(Epoch{7}, {});
  publisher.add(Epoch{9}, message_to("quick", "three"));
  stands(5, 5, 9);
  CHECK(slow_sink.delivery().bookmark == "4");  // "one" and its line break
  takes = true;
  stands(9, 9, 9);
  publisher.add(Epoch{10}, {});
  stands(10, 10, 10);
  CHECK(slow_sink.delivered() == Epoch{10});  // it is told of the newest
  CHECK(slow == "one\ntwo\n");
  CHECK(quick == "three\n");
}

TEST_CASE("a sink that was away while epochs were forgotten begins anew, one that was there goes on") {
  class Asked final : public Sink {
   public:
    Result<void> open(const std::optional<Delivery>& f, Epoch) override {
      from = f;
      return {};
    }
    Result<Written> write(Epoch, std::span<const Message>) override { return Written::all; }
    Result<void> finish(Epoch) override { return {}; }
    Epoch delivered() const override { return from ? from->epoch : Epoch{}; }
    Result<bool> drain(Duration) override { return true; }
    std::optional<Delivery> from;
  };
  Asked away, there, fresh;
  Publisher publisher({{"away", &away}, {"there", &there}, {"fresh", &fresh}});
  const SinkDelivery stood[] = {{"away", {Epoch{7}, "here"}}, {"there", {Epoch{8}, "there"}}};
  REQUIRE(publisher.open(stood, Epoch{10}, {{Epoch{9}, {}}, {Epoch{10}, {}}}));
  CHECK_FALSE(away.from);
  REQUIRE(there.from);
  CHECK(there.from->bookmark == "there");
  CHECK_FALSE(fresh.from);
}

namespace {

// Stores when it is told to.
class SlowStore final : public CheckpointStore {
 public:
  Result<std::uint64_t> store(const EpochUnit& unit) override {
    may.wait();
    if (is_damaged) return failure(Error::Code::malformed, "base.mdb is damaged");
    return behind.store(unit);
  }
  void delivered(Epoch epoch) override { behind.delivered(epoch); }
  Result<std::optional<Newest>> newest() const override { return behind.newest(); }
  Result<std::optional<std::string>> find(std::string_view address) const override {
    if (is_damaged) return failure(Error::Code::malformed, "base.mdb is damaged");
    return behind.find(address);
  }
  Result<void> scan(std::string_view from, std::string_view to, const See& see) const override {
    return behind.scan(from, to, see);
  }
  Result<void> image(const SeeNewest& see_newest, const See& see) const override {
    return behind.image(see_newest, see);
  }
  Result<MergeFigures> merge() override { return behind.merge(); }
  StoreFigures figures() const override { return behind.figures(); }
  std::shared_future<void> may;
  bool is_damaged = false;
  MemoryStore behind;
};

// A steward and all that it needs, for one rule.
struct Stewarded {
  Stewarded() {
    REQUIRE(keeper.restore());
    REQUIRE(publisher.open({}, Epoch{0}));
    source.push(0, "{\"x\":\"1\"}\n");
    REQUIRE(source.start({}));
  }
  const Ready ready = *make_ready("event a has x text\nrule r\n  when a\n  alert \"{a.x}\"\n");
  HandClock clock;
  SlowStore store;
  MemorySource source{SourceId(0)};
  std::string out;
  bool takes = true;
  MemorySink sink{out, [this] { return takes; }};
  Publisher publisher{{{"out", &sink}}};
  Engine engine{ready.rules, ready.data};
  Crew::Feed feed() {
    const EventTypeId carried[] = {EventTypeId(0)};
    return {&source,
            SourceId(0),
            {engine.add_partition(SourceId(0), carried)},
            [this] {
              CodecConfig config;
              config.event = "a";
              return make_decoder(config, ready.rules->schema);
            },
            {}};
  }
  Crew::Feed fed = feed();
  Keeper keeper{engine, store, {"input"}};
  Crew crew{engine, {fed}, {}, clock, &keeper};
  Steward steward{keeper, crew, publisher, {.epoch = milliseconds(1)}};
};

}  // namespace

TEST_CASE("a store that hangs is seen: nothing more is read, and it is said, until it comes back") {
  Stewarded s;
  std::promise<void> goes_on;
  s.store.may = goes_on.get_future().share();
  REQUIRE(s.steward.step(seconds(1)));
  s.crew.work_off();
  std::thread storing([&] { s.steward.step(seconds(1)); });
  while (s.steward.trouble().empty()) {  // it may not have begun yet
    s.steward.look(seconds(3));
    REQUIRE(s.steward.trouble().empty());
    s.steward.look(seconds(7));
  }
  CHECK(s.steward.trouble().find("the disk does not answer") == 0);
  for (int i = 0; i < 10; ++i) s.crew.step(0);
  CHECK(s.engine.events() == 0);
  goes_on.set_value();
  storing.join();
  s.steward.look(seconds(8));
  CHECK(s.steward.trouble().empty());
  s.steward.step(seconds(8));
  for (int i = 0; i < 10; ++i) s.crew.step(0);
  CHECK(s.engine.events() == 1);
}

TEST_CASE("where epochs stand still though events are judged, whoever looks says so, whatever the cause") {
  const std::string text = "events have been judged, and no epoch has been stored for more than 30 s";
  Stewarded s;
  std::promise<void> may;
  may.set_value();
  s.store.may = may.get_future().share();
  int at = 1;
  const auto look_until = [&](int second, bool steps, bool judges = false) {
    for (; at <= second; ++at) {
      if (steps) s.steward.step(seconds(at));
      if (judges) s.crew.work_off();
      s.steward.look(seconds(at));
    }
  };
  SUBCASE("a cut that no shard comes to") {
    look_until(31, true);
    CHECK(s.steward.trouble().empty());
    look_until(33, true);
    CHECK(s.steward.trouble() == text);
    CHECK_FALSE(s.steward.holds_reading());
    CHECK(s.steward.stuck().empty());
    s.crew.work_off();
    look_until(34, true);
    CHECK(s.steward.trouble().empty());
  }
  SUBCASE("nobody steps any more") {
    REQUIRE(s.steward.finish(seconds(1)));
    look_until(1'000, true, true);  // nothing comes: nothing is missed
    CHECK(s.steward.trouble().empty());
    s.crew.step(0);
    s.crew.work_off();
    look_until(1'030, false);
    CHECK(s.steward.stuck().empty());
    look_until(1'032, false);
    CHECK(s.steward.stuck() == "the thread that stores epochs has not moved for more than 30 s");
    CHECK(s.steward.trouble() == s.steward.stuck());
    s.steward.look(seconds(at), seconds(30), false);  // nobody is to
    CHECK(s.steward.trouble().empty());
  }
}

TEST_CASE("a store that finds itself damaged ends the crew, and stores nothing more") {
  Stewarded s;
  std::promise<void> may;
  may.set_value();
  s.store.may = may.get_future().share();
  s.store.is_damaged = true;
  REQUIRE(s.steward.step(seconds(1)));
  s.crew.work_off();
  REQUIRE(s.steward.step(seconds(1)));
  CHECK(s.steward.trouble().empty());  // it is no trouble that may pass
  CHECK_FALSE(s.keeper.sound());
  const auto ran = s.crew.run();
  REQUIRE_FALSE(ran);
  CHECK(ran.error().code == Error::Code::malformed);
  CHECK_FALSE(s.steward.finish(seconds(2)));
}

TEST_CASE(
    "an epoch says of the sinks how far they were when it was begun: what they give up later is told in the next") {
  Stewarded s;
  std::promise<void> goes_on;
  goes_on.set_value();
  s.store.may = goes_on.get_future().share();
  const auto stored = [&] { return Ledger::read(s.store.newest().value()->manifest).value().sinks.front().delivery; };
  REQUIRE(s.steward.finish(seconds(1)));  // epoch 1
  REQUIRE(s.steward.step(seconds(62)));
  s.crew.work_off();
  while (!s.publisher.is_idle()) REQUIRE(s.publisher.step());
  REQUIRE(s.publisher.standing().delivered == Epoch{1});
  REQUIRE(s.steward.step(seconds(62)));
  CHECK(s.store.newest().value()->epoch == Epoch{2});
  CHECK(stored().epoch == Epoch{0});
  REQUIRE(s.steward.finish(seconds(63)));
  CHECK(stored().epoch == Epoch{1});
}

namespace {

// Rules that go on from what a store has, with no more keys in memory than they need.
struct Frugal {
  Frugal(const Ready& ready, CheckpointStore& store, const std::vector<std::string>& lines, std::uint32_t shards = 1,
         std::size_t memory = 0, Duration epoch = milliseconds(1), std::size_t sweep_growth = 65'536)
      : engine(ready.rules, ready.data, {.shards = shards}),
        feed{&source,
             SourceId(0),
             {engine.add_partition(SourceId(0), carried_events(codec_of_cases(), ready.rules->schema))},
             [&ready] { return make_decoder(codec_of_cases(), ready.rules->schema); },
             {}},
        keeper(engine, store, {"input"}, {.memory = memory, .load_at_once = 0, .sweep_growth = sweep_growth}) {
    const auto resumed = keeper.restore();
    REQUIRE(resumed);
    REQUIRE(publisher.open({}, resumed->newest));
    for (const std::string& line : lines) source.push(0, line + "\n");
    REQUIRE(source.start(resumed->from));
    crew.emplace(engine, std::vector{feed},
                 Crew::Outputs{.alert =
                                   [this](const Alert& a) {
                                     told += fmt::format("{} {} at {} s\n", a.key.values().front().as_text(),
                                                         name_of(a.severity), a.time.us / 1'000'000);
                                   }},
                 clock, &keeper);
    steward.emplace(keeper, *crew, publisher, Steward::Pace{.epoch = epoch});
  }
  // All that there is to judge, in many epochs, then some more.
  void work() {
    for (int i = 0; i < 600; ++i) {
      for (std::size_t n = 0; n < 8 * engine.shards(); ++n) crew->step(n % engine.shards());
      clock.at = clock.at + milliseconds(1);
      steward->step(clock.at);
      REQUIRE(publisher.step());
    }
  }
  std::size_t keys() const { return engine.keys(ProgramId{0}); }
  std::size_t held() {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < engine.lanes(); ++i) sum += engine.lane(i).shard().held();
    return sum;
  }
  std::string take_told() { return std::exchange(told, {}); }

  HandClock clock;
  MemorySource source{SourceId(0)};
  Engine engine;
  Crew::Feed feed;
  Keeper keeper;
  Publisher publisher{{}};
  std::optional<Crew> crew;
  std::optional<Steward> steward;
  std::string told;
};

Ready ready_with(std::vector<RuleText> rules) {
  Case c;
  c.rules = std::move(rules);
  auto ready = make_ready(c.text());
  REQUIRE(ready);
  return *ready;
}

// How the keys of a program are dealt, why they all are on one shard, and which level it is of.
std::string dealt_of(const Ready& ready, std::string_view name) {
  const auto& programs = ready.rules->programs;
  const auto at = std::ranges::find(programs, name, &Program::name);
  REQUIRE(at != programs.end());
  const ProgramId id(static_cast<std::size_t>(at - programs.begin()));
  const Placement placement(*ready.rules, 3);
  const Dealt& dealt = placement.dealt(id);
  CHECK(dealt.home.has_value() == placement.gathered(id).has_value());
  const std::string level = placement.level(id) == 0 ? "" : fmt::format(", level {}", placement.level(id));
  if (const auto& why = placement.gathered(id)) {
    static constexpr const char* kWhys[] = {"by all", "changing key", "budget", "uses", "muted", "mixed"};
    return fmt::format("home: {} {} {}", kWhys[static_cast<std::size_t>(why->why)], programs[why->program.index].name,
                       programs[why->other.index].name) +
           level;
  }
  std::string out = "by";
  for (const std::uint32_t part : dealt.parts) out += " " + at->key_names[part];
  return (dealt.parts.empty() ? "by its key" : out) + level;
}

std::string line(std::string_view type, std::int64_t second, std::string_view key) {
  return fmt::format(R"({{"event":"{}","ts":{},"k":"{}","v":1}})", type, second * 1'000, key);
}

std::map<std::string, std::string> state_of(const MemoryStore& store, bool with_index = true) {
  std::map<std::string, std::string> out;
  REQUIRE(store.scan({}, {}, [&](std::string_view address, std::string_view value) -> Result<void> {
    if (with_index || StateAddress::read(address)->kind != StateKind::due) out.emplace(address, value);
    return {};
  }));
  return out;
}
std::size_t in_index(const MemoryStore& store) { return state_of(store).size() - state_of(store, false).size(); }

}  // namespace

TEST_CASE("where nothing comes no epoch is stored, but once a minute") {
  Stewarded s;
  std::promise<void> goes_on;
  goes_on.set_value();
  s.store.may = goes_on.get_future().share();
  Duration now = seconds(1);
  const auto work = [&](Duration until) {
    for (; now < until; now = now + milliseconds(200)) {
      while (s.steward.step(now)) s.crew.work_off();
      REQUIRE(s.publisher.step());
    }
  };
  work(seconds(10));
  const std::uint64_t begun = s.steward.figures().epochs;
  CHECK(begun >= 1);
  CHECK(begun <= 3);
  work(seconds(50));
  CHECK(s.steward.figures().epochs == begun);
  s.crew.step(0);  // reads the record that waits
  work(seconds(60));
  CHECK(s.steward.figures().epochs > begun);
  const std::uint64_t idle = s.steward.figures().epochs;
  work(seconds(100));
  CHECK(s.steward.figures().epochs == idle);
  work(seconds(200));
  CHECK(s.steward.figures().epochs > idle);
  CHECK(s.steward.figures().epochs <= idle + 2);
}

TEST_CASE("where judging is slow, blocks are small and come one by one, so that an epoch is never far") {
  // Each time that somebody looks at it, it is later by so much.
  class Hasty final : public Clock {
   public:
    Time now() const override { return {}; }
    Duration elapsed() const override { return at = at + step; }
    mutable Duration at;
    Duration step;
  };
  class Watched final : public Source {
   public:
    std::uint32_t partitions() const override { return behind.partitions(); }
    bool can_go_back() const override { return true; }
    Result<void> start(std::span<const Progress> from) override { return behind.start(from); }
    Result<Polled> poll(Block& into, Duration wait) override {
      parcels_most = std::max(parcels_most, engine->lane(0).parcels());
      return behind.poll(into, wait);
    }
    void set_block(std::size_t bytes) override { blocks.push_back(bytes); }
    void pause(std::uint32_t) override {}
    void resume(std::uint32_t) override {}
    void stored(std::span<const Progress>) override {}
    MemorySource behind{SourceId(0)};
    const Engine* engine = nullptr;
    std::vector<std::size_t> blocks;
    std::size_t parcels_most = 0;
  };
  const Ready ready = ready_with({{"rule r", "a", "k", {"alert low \"r\""}}});
  for (const bool is_slow : {false, true}) {
    CAPTURE(is_slow);
    Watched source;
    for (int i = 0; i < 40; ++i) source.behind.push(0, line("a", i, "k") + "\n");
    REQUIRE(source.start({}));
    Engine engine(ready.rules, ready.data);
    source.engine = &engine;
    const Crew::Feed feed{&source,
                          SourceId(0),
                          {engine.add_partition(SourceId(0), carried_events(codec_of_cases(), ready.rules->schema))},
                          [&ready] { return make_decoder(codec_of_cases(), ready.rules->schema); },
                          {}};
    Hasty clock;
    clock.step = is_slow ? seconds(1) : Duration{1};
    Crew crew(engine, {feed}, {}, clock);
    for (int i = 0; i < 400; ++i) crew.step(0);
    CHECK(engine.events() == 40);
    REQUIRE(source.blocks.size() >= 40);
    CHECK(source.blocks.front() == 1'024);
    CHECK(source.blocks[39] == (is_slow ? 1'024 : 131'072));
    CHECK(source.parcels_most == 0);
  }
}

TEST_CASE("an event without its key is counted once, whichever shard has emitted it") {
  const Ready ready = ready_with({{"rule r", "a", "k", {"emit e1 with x = a.v", "alert low \"r\""}},
                                  {"rule q", "3 e1 within 100s", "k, x", {"alert low \"q\""}},
                                  {"rule p", "e1 then e1 within 100s", "k, x", {"alert low \"p\""}},
                                  {"rule o", "3 e1 within 100s", "x", {"alert low \"o\""}}});
  CHECK(dealt_of(ready, "q") == "by k");
  CHECK(dealt_of(ready, "o").ends_with(", level 1"));
  std::vector<std::string> lines;
  constexpr int kEvents = 60;
  for (int i = 0; i < kEvents; ++i)
    lines.push_back(i % 2 == 0 ? line("a", i, fmt::format("key {}", i))
                               : fmt::format(R"({{"event":"a","ts":{},"k":"key {}"}})", i * 1'000, i));
  for (const std::uint32_t shards : {1u, 2u, 3u}) {
    CAPTURE(shards);
    MemoryStore store;
    Frugal run(ready, store, lines, shards, std::size_t{1} << 30);
    run.work();
    REQUIRE(run.engine.events() == kEvents);
    run.crew->drain();
    for (std::size_t i = 1; i < 4; ++i) {
      CAPTURE(i);
      CHECK(run.engine.counters(ProgramId{i}).missing_key == kEvents / 2);
    }
  }
}

// Each key comes and goes; of those that are in durable state alone nobody asks for one that is over.
TEST_CASE("what durable state has of keys that are only counted is let go of when they are over, a piece at a time") {
  const Ready ready = ready_with({{"rule r", "3 a within 100s", "k", {"alert low \"r\""}},
                                  {"rule s", "3 a within 10s", "k", {"alert high \"s\""}},
                                  {"rule t", "3 consecutive a(v = 1)", "k", {"alert medium \"t\""}}});
  constexpr std::int64_t kKeys = 4'000;
  std::vector<std::string> blocks;
  for (std::int64_t i = 0; i < kKeys; i += 20) {
    std::string& block = blocks.emplace_back();
    for (std::int64_t n = i; n < i + 20; ++n) {
      block += line("a", n, fmt::format("key {}", n)) + "\n";
      // Some come again: within the window, and behind it.
      if (n % 10 == 0) block += line("a", n, fmt::format("key {}", n - 50)) + "\n";
      if (n % 20 == 0)
        block +=
            line("a", n, fmt::format("key {}", n - 90)) + "\n" + line("a", n, fmt::format("key {}", n - 300)) + "\n";
    }
    block.pop_back();
  }
  std::string told;
  for (const bool sweeps : {false, true}) {
    CAPTURE(sweeps);
    MemoryStore store;
    Frugal run(ready, store, blocks, 2, 0, milliseconds(1), sweeps ? 100 : 1'000'000);
    std::uint64_t most = 0, addresses = 0, most_at_once = 0;
    for (int i = 0; i < 4; ++i) {
      for (int k = 0; k < 600; ++k) {
        for (std::size_t n = 0; n < 16; ++n) run.crew->step(n % 2);
        run.clock.at = run.clock.at + milliseconds(1);
        run.steward->step(run.clock.at);
        REQUIRE(run.publisher.step());
        const std::uint64_t now = store.figures().base_addresses;
        most = std::max(most, now);
        if (now < addresses) most_at_once = std::max(most_at_once, addresses - now);
        addresses = now;
      }
    }
    CHECK(run.engine.events() > kKeys);
    CHECK(run.keys() < 1'000);  // the rest is in durable state, or nowhere
    // A streak is never over; of the others some hundreds are in their windows.
    if (sweeps) {
      CHECK(most < kKeys + 2'500);
      CHECK(addresses < kKeys + 2'000);
      CHECK(most_at_once > 0);
      CHECK(most_at_once <= 4'096);
      CHECK(run.take_told() == told);
    } else {
      CHECK(addresses > 3 * kKeys - 2'000);
      told = run.take_told();
      CHECK(std::ranges::count(told, '\n') > 100);
    }
  }
}

TEST_CASE("where more keys come than memory holds, reading waits until an epoch has taken some of them out") {
  // Keys that are counted, that wait, for which something is due; no room at all; and keys of a rule behind another.
  struct Budget {
    const char* rule;
    std::size_t memory;
    const char* behind = nullptr;
  };
  for (const Budget& budget : {Budget{"3 a within 100s", 200'000},
                               {"a then b within 100s", 200'000},
                               {"no a for 100s", 200'000},
                               {"3 a within 100s", 0},
                               {"a", 200'000, "3 e1 within 100s"}}) {
    CAPTURE(budget.rule);
    CAPTURE(budget.memory);
    std::vector<RuleText> rules{{"rule r", budget.rule, "k", {"alert low \"r\""}}};
    if (budget.behind != nullptr) {
      rules[0].clauses.insert(rules[0].clauses.begin(), "emit e1 with x = concat(a.k, \"!\")");
      rules.push_back({"rule q", budget.behind, "x", {"alert low \"q\""}});
    }
    const Ready ready = ready_with(rules);
    CHECK((Placement(*ready.rules, 2).levels() == 2) == (budget.behind != nullptr));
    constexpr std::size_t kBlocks = 100, kInBlock = 100;
    std::vector<std::string> blocks;
    for (std::size_t i = 0; i < kBlocks; ++i) {
      std::string& block = blocks.emplace_back();
      for (std::size_t n = 0; n < kInBlock; ++n)
        block += line("a", static_cast<std::int64_t>(i / 50), fmt::format("key {}", i * kInBlock + n)) + "\n";
      block.pop_back();
    }
    MemoryStore store;
    Frugal run(ready, store, blocks, 2, budget.memory, seconds(3600));
    std::size_t most = 0, most_of_block = 0, quiet = 0;
    for (std::uint64_t events = 0; quiet < 20; quiet = run.engine.events() == events ? quiet + 1 : 0) {
      events = run.engine.events();
      for (std::size_t i = 0; i < 8; ++i) {
        const std::size_t before = run.held();
        run.crew->step(i % 2);
        most = std::max(most, run.held());
        if (run.held() > before) most_of_block = std::max(most_of_block, run.held() - before);
      }
      run.clock.at = run.clock.at + milliseconds(1);
      run.steward->step(run.clock.at);
    }
    CHECK(run.engine.events() == kBlocks * kInBlock);
    CHECK(run.steward->figures().epochs > 5);
    CHECK(most <= std::max(budget.memory, std::size_t{128} << 10) + 4 * most_of_block);
  }
}

TEST_CASE("a key that cannot be read any more ends all of it: nothing else is stored, and the end does not wait") {
  const auto ready = ready_with({{"rule r", "2 a within 1h", "k", {"alert low \"\""}}});
  SlowStore store;
  std::promise<void> goes_on;
  goes_on.set_value();
  store.may = goes_on.get_future().share();
  {
    Frugal first(ready, store, {line("a", 1, "x"), line("a", 2, "y")});
    first.work();
    REQUIRE(first.steward->finish(first.clock.at));
  }
  const Epoch stored = store.newest().value()->epoch;
  Frugal second(ready, store, {line("a", 1, "x"), line("a", 2, "y"), line("a", 3, "x")});
  store.is_damaged = true;
  for (int i = 0; i < 20; ++i) second.crew->step(0);
  const Result<void> ran = second.crew->run();  // has failed already
  REQUIRE_FALSE(ran);
  CHECK(ran.error().message == "base.mdb is damaged");
  CHECK(second.told.empty());
  const Result<void> finished = second.steward->finish(second.clock.at);
  REQUIRE_FALSE(finished);
  CHECK(finished.error().message == "base.mdb is damaged");
  CHECK(store.newest().value()->epoch == stored);
}

TEST_CASE("keys for which something is due may be on disk alone, and are there in time") {
  const Ready ready = ready_with({{"rule r1", "a then no b within 1m", "k", {"alert low \"\""}}});
  for (const std::uint32_t shards : {1u, 3u}) {
    MemoryStore store;
    std::vector<std::string> lines;
    for (int i = 0; i < 300; ++i) lines.push_back(line("a", 1'000 + i, fmt::format("k{}", i)));
    lines.push_back(line("b", 1'300, "nobody"));
    std::string expected;
    for (int i = 0; i < 240; ++i) expected += fmt::format("k{} low at {} s\n", i, 1'060 + i);
    {
      Frugal life(ready, store, lines, shards);
      life.work();
      CHECK(life.take_told() == expected);
      // Of sixty keys something is to come; what is due within some seconds has been read, or has not been let go.
      CHECK(life.keys() < 12);
      CHECK(in_index(store) == 60);
    }
    for (const int until : {1'310, 1'330, 1'400}) {
      Frugal life(ready, store, lines, 4 - shards);
      CHECK(life.keys() == 0);
      lines.push_back(line("b", until, "nobody"));
      life.source.push(0, lines.back() + "\n");
      expected.clear();
      for (int due = until == 1'310 ? 1'300 : until == 1'330 ? 1'310 : 1'330; due < std::min(until, 1'360); ++due)
        expected += fmt::format("k{} low at {} s\n", due - 1'060, due);
      life.work();
      CHECK(life.take_told() == expected);
    }
    CHECK(in_index(store) == 0);
  }
}

TEST_CASE("an index says what it would say if it were made now, and nothing of keys that have gone") {
  const Ready ready =
      ready_with({{"session s1 of (a or b)", "", "k", {"ends after 20s idle", "ends on b", "with n = count()"}}});
  MemoryStore one, other;
  std::vector<std::string> lines;
  for (int i = 0; i < 400; ++i)
    lines.push_back(line(i % 5 == 4 ? "b" : "a", 1'000 + i / 4, fmt::format("k{}", i * 7 % 40)));
  for (std::size_t n = 1; n <= lines.size(); n += n < 390 ? 13 : 1) {
    Frugal life(ready, one, {lines.begin(), lines.begin() + static_cast<std::ptrdiff_t>(n)});
    life.work();
  }
  Frugal life(ready, other, lines);
  life.work();
  CHECK(in_index(one) > 5);
  CHECK(state_of(one) == state_of(other));
  CHECK(2 * in_index(one) + 1 == state_of(one).size());  // a key each, and since when it watches
}

TEST_CASE("an event without a time of its own is judged once, though it comes again, and at another time") {
  const auto ready = make_ready(
      "event seen has k text\nevent told has k text, ts time\n  timestamp ts in ms\n  late 10s\n"
      "rule r1\n  when seen by k\n  fire always\n  alert low \"\"\nrule r2\n  when told by k\n  fire always\n  alert "
      "low \"\"\n");
  REQUIRE(ready);
  MemoryStore store;
  const auto told = [](std::string_view k, int second) { return line("told", second, k) + "\n"; };
  const auto seen = [](std::string_view k) { return fmt::format(R"({{"event":"seen","k":"{}"}})", k) + "\n"; };
  std::vector<std::string> blocks;
  const auto finds = [&](int arrived) {
    Frugal life(*ready, store, {});
    for (const std::string& block : blocks) life.source.push(0, block, Time{seconds(arrived).us});
    life.work();
    return life.take_told();
  };
  blocks.push_back(seen("a") + told("b", 105));
  blocks.push_back(told("c", 112));  // time has come to 102
  CHECK(finds(100) == "a low at 100 s\n");
  CHECK(finds(103).empty());
  blocks.push_back(seen("d") + told("e", 130));
  CHECK(finds(121) == "b low at 105 s\nc low at 112 s\n");
  CHECK(finds(122).empty());
  blocks.push_back(told("f", 150));
  CHECK(finds(123) == "d low at 123 s\ne low at 130 s\n");
  CHECK(finds(160).empty());
}

TEST_CASE("a key that has left its list while nothing ran, or with a reload, begins anew when it comes back") {
  const auto listing = [](std::string_view people) {
    return make_ready(
        fmt::format("event a has k text, ts time\n  timestamp ts in ms\nlist people = [{}]\n"
                    "rule quiet\n  when no a for 20s by k from list people\n  alert low \"\"\n"
                    "rule three\n  when 3 a within 5m by k from list people\n  alert high \"\"\n",
                    people));
  };
  const auto both = listing(R"("ann", "bob")"), one = listing(R"("ann")");
  REQUIRE(both);
  REQUIRE(one);
  MemoryStore store;
  std::vector<std::string> lines;
  const auto finds = [&](const Ready& ready, std::vector<std::string> more) {
    lines.insert(lines.end(), more.begin(), more.end());
    Frugal life(ready, store, lines);
    life.work();
    return life.take_told();
  };
  CHECK(finds(*both, {line("a", 1, "bob"), line("a", 2, "bob"), line("a", 15, "ann")}).empty());
  CHECK(finds(*one, {line("a", 30, "ann"), line("a", 40, "bob")}).empty());
  CHECK(finds(*both, {line("a", 45, "bob"), line("a", 49, "x")}).empty());
  CHECK(finds(*both, {line("a", 60, "x")}) == "ann low at 50 s\n");
  CHECK(finds(*both, {line("a", 66, "bob")}) == "bob low at 65 s\n");
}

// What a key that is only counted had before its window may have been given up, as there was need of room.
TEST_CASE("a window that is longer with a start counts what was in it then, whether or not the rest is there") {
  const Ready shorter = ready_with({{"rule r", "3 a within 10s", "k", {"alert low \"r\""}}}),
              longer = ready_with({{"rule r", "3 a within 60s", "k", {"alert low \"r\""}}});
  for (const bool is_there : {true, false}) {
    CAPTURE(is_there);
    MemoryStore store;
    std::vector<std::string> lines{line("a", 1, is_there ? "x" : "w"), line("a", 2, is_there ? "x" : "w")};
    const auto finds = [&](const Ready& ready, std::vector<std::string> more) {
      lines.insert(lines.end(), more.begin(), more.end());
      Frugal life(ready, store, lines);
      life.work();
      return life.take_told();
    };
    CHECK(finds(shorter, {line("a", 15, "x"), line("a", 20, "y")}).empty());
    CHECK(finds(longer, {line("a", 21, "x"), line("a", 22, "y")}).empty());
    CHECK(finds(longer, {line("a", 50, "x"), line("a", 51, "y"), line("a", 52, "y")}) ==
          "x low at 50 s\ny low at 51 s\n");
    CHECK(finds(longer, {line("a", 90, "w"), line("a", 90, "y")}).empty());
  }
}

TEST_CASE("a key that is forgotten goes when what it has sent limits nothing any more") {
  const Ready ready = ready_with({RuleText{
      "rule r1",
      "2 a within 60s",
      "k",
      {"fire at most once per 100s", "escalate to high after 3 in 200s", "forget after 10s idle", "alert low \"\""}}});
  MemoryStore store;
  const std::vector<std::string> lines{line("a", 1'000, "x"), line("a", 1'001, "x"), line("a", 1'001, "y")};
  Frugal life(ready, store, lines);
  life.work();
  CHECK(life.take_told() == "x low at 1001 s\n");
  const auto keys_at = [&](int second) {
    life.source.push(0, line("c", second, "") + "\n");
    life.work();
    const auto state = state_of(store, false);
    return state.size() - 1;  // since when it watches
  };
  CHECK(keys_at(1'005) == 2);
  CHECK(keys_at(1'020) == 1);  // y has sent nothing
  CHECK(keys_at(1'190) == 1);
  CHECK(keys_at(1'205) == 0);
}

TEST_CASE("what waits for a level above is bounded, however far one shard below is ahead") {
  const Ready ready = ready_with(
      {{"summary s1 of a", "", "k", {"every 1s", "even if empty forget after 365d idle", "with n = count()"}},
       {"rule r1", "100 s1 within 1h", "all", {"alert low \"\""}}});
  REQUIRE(dealt_of(ready, "s1") == "by its key");
  REQUIRE(dealt_of(ready, "r1") == "home: by all r1 r1, level 1");
  Engine engine(ready.rules, ready.data, {.shards = 2, .outputs_at_once = 4});
  MemorySource source{SourceId(0)};
  for (int i = 0; i < 20; ++i) source.push(0, line("a", 1'000, fmt::format("k{}", i)) + "\n");
  REQUIRE(source.start({}));
  Crew::Feed feed{&source,
                  SourceId(0),
                  {engine.add_partition(SourceId(0), carried_events(codec_of_cases(), ready.rules->schema))},
                  [&ready] { return make_decoder(codec_of_cases(), ready.rules->schema); },
                  {}};
  HandClock clock;
  std::uint64_t emitted = 0;
  Crew crew(engine, {feed}, {.emitted = [&](const Emitted&) { ++emitted; }}, clock);
  for (std::size_t i = 0; i < 400; ++i) crew.step(i % 2);
  REQUIRE(engine.events() == 20);  // from here on a block is read before those ahead of it have been judged
  source.push(0, line("a", 3'000, "k0") + "\n");
  std::size_t most = 0;
  for (const std::size_t ahead : {0u, 1u})
    for (int i = 0; i < 2'000; ++i) {
      crew.step(ahead);
      std::size_t now = 0;
      for (std::size_t lane = 2; lane < engine.lanes(); ++lane) now += engine.lane(lane).waiting_from_below();
      most = std::max(most, now);
    }
  CHECK(most >= 32);
  CHECK(most <= std::size_t{2} * (16 * 4 + 20 + 4));  // of each shard below: an instant brings one for each key
  source.end(0);
  for (int i = 0; i < 1'000'000 && !crew.is_done(); ++i) crew.step(static_cast<std::size_t>(i % 2));
  REQUIRE(crew.is_done());
  crew.end();
  CHECK(emitted > 20 * 1'900);
}

TEST_CASE("a state without an index, or whose index was made by another rule, is read whole once") {
  const auto rule = [](std::string_view after) {
    return RuleText{"rule r1",
                    "a",
                    "k",
                    {"resolve when b", fmt::format("escalate to high after {} unresolved", after), "alert low \"\""}};
  };
  const Ready slow = ready_with({rule("100s")}), quick = ready_with({rule("30s")});
  std::vector<std::string> lines{line("a", 1'000, "x"), line("a", 1'001, "y"), line("c", 1'002, "")};
  MemoryStore store;
  {
    Frugal life(slow, store, lines);
    life.work();
    CHECK(life.take_told() == "x low at 1000 s\ny low at 1001 s\n");
    CHECK(life.keys() == 0);
  }
  SUBCASE("no index") {
    const auto before = state_of(store, false);
    std::vector<StateChange> changes;
    for (const auto& [address, value] : before) changes.push_back({address, value, false});
    const std::vector<std::span<const StateChange>> runs{changes};
    Ledger ledger = *Ledger::read(store.newest().value()->manifest);
    for (Ledger::Known& known : ledger.programs) known.due = 0;
    for (Cut::Partition& partition : ledger.cut.partitions) partition.timeless_offset = 0;
    std::string manifest = ledger.bytes();
    // A version that does not say what the index was made by, nor anything of events without time, nor of windows.
    manifest.front() = 2;
    manifest.resize(manifest.size() - 2 * ledger.programs.size() - ledger.cut.partitions.size());
    MemoryStore old;
    REQUIRE(old.store({Epoch{1}, runs, manifest, ""}));
    CHECK(in_index(old) == 0);
    {
      Frugal life(slow, old, lines);
      CHECK(life.keys() == 2);
      life.work();
      CHECK(in_index(old) == 2);
      CHECK(life.keys() == 0);
    }
    Frugal life(slow, old, lines);
    CHECK(life.keys() == 0);
    life.source.push(0, line("c", 1'200, "") + "\n");
    life.work();
    CHECK(life.take_told() == "x high at 1100 s\ny high at 1101 s\n");
  }
  SUBCASE("another rule") {
    {
      Frugal life(quick, store, lines);
      CHECK(life.keys() == 2);
      life.work();
      CHECK(in_index(store) == 2);
    }
    Frugal life(quick, store, lines);
    CHECK(life.keys() == 0);
    life.source.push(0, line("c", 1'200, "") + "\n");
    life.work();
    CHECK(life.take_told() == "x high at 1030 s\ny high at 1031 s\n");
    CHECK(in_index(store) == 0);
  }
}

TEST_CASE("keys that are kept elsewhere because of another rule are there in time") {
  const RuleText session{"session s1 of a", "", "k, v", {"ends after 20s idle", "with n = count()"}},
      user{"rule r1", "s1(n > 0)", "k, v", {"alert low \"\""}}, across{"rule r2", "s1(n > 5)", "k", {"alert low \"\""}};
  const Ready few = ready_with({session, user}), more = ready_with({across, session, user});
  REQUIRE(dealt_of(few, "s1") == "by its key");
  REQUIRE(dealt_of(more, "s1") == "by k");
  MemoryStore store;
  std::vector<std::string> lines;
  for (int i = 0; i < 9; ++i) lines.push_back(line("a", 1'000 + i, fmt::format("k{}", i)));
  for (const Ready* ready : {&few, &more, &more, &few}) {
    Frugal life(*ready, store, lines);
    life.work();
    CHECK(life.take_told().empty());
    CHECK(in_index(store) == 9);
  }
  Frugal life(more, store, lines);
  life.work();  // moved once more
  Frugal again(more, store, lines);
  again.source.push(0, line("c", 1'200, "") + "\n");
  again.work();
  std::string expected;
  for (int i = 0; i < 9; ++i) expected += fmt::format("k{} low at {} s\n", i, 1'020 + i);
  CHECK(again.take_told() == expected);
  CHECK(in_index(store) == 0);
}

TEST_CASE("rules that use each other are dealt by what their keys have in common, and gathered where that is nothing") {
  const std::string head =
      "event a has k text, s text, n int, ts time  timestamp ts\n"
      "event b has k text, s text, n int, ts time  timestamp ts\n"
      "table t from \"t.csv\" key k\n"
      "session solo of a by k ends after 1m idle with n = count()\n"
      "session pair of a by k, s ends after 1m idle with n = count()\n";
  struct Row {
    const char *rules, *program, *dealt;
  };
  const Row rows[] = {
      // alone
      {"rule r when 2 a within 1m by k alert low \"\"", "r", "by its key"},
      {"rule r when 2 a within 1m by all alert low \"\"", "r", "home: by all r r"},
      {"rule r when a by k fire at most 1 per 1h per k alert low \"\"", "r", "by its key"},
      {"rule r when a by k fire at most 1 per 1h per s alert low \"\"", "r", "home: budget r r"},
      {"rule r when a by k, s fire at most 1 per 1h per s alert low \"\"", "r", "by s"},
      {"rule r when a by k, s fire at most 1 per 1h per s, k alert low \"\"", "r", "by its key"},
      // the same key
      {"rule r when solo(n > 1) by k alert low \"\"", "r", "by its key"},
      {"rule r when solo(n > 1) by k alert low \"\"", "solo", "by its key"},
      {"rule r when pair(n > 1) by s, k alert low \"\"", "r", "by k s"},
      {"rule r when pair(n > 1) by s, k alert low \"\"", "pair", "by its key"},
      {"rule r when solo then b within 1m by k alert low \"\"\nrule q when 2 r within 1h by k alert low \"\"", "q",
       "by its key"},
      // a part of it
      {"rule r when pair(n > 1) by s alert low \"\"", "r", "by its key"},
      {"rule r when pair(n > 1) by s alert low \"\"", "pair", "by s"},
      {"rule r when solo(n > 1) by k, n alert low \"\"", "r", "by k"},
      {"rule r when 2 (solo or pair) within 1h by k alert low \"\"", "pair", "by k"},
      {"rule r when pair by k alert low \"\"\nrule q when pair by s alert low \"\"", "pair", "by k"},
      {"rule r when pair by k alert low \"\"\nrule q when pair by s alert low \"\"", "q", "by its key, level 1"},
      {"rule r when pair by k alert low \"\"\nrule q when r by k fire at most 1 per 1h per k alert low \"\"", "pair",
       "by k"},
      {"rule r when pair by k alert low \"\"\nrule q when pair by k, s fire at most 1 per 1h per s alert low \"\"", "q",
       "by s, level 1"},
      // another solo
      {"rule r when solo(n > 1) by n alert low \"\"", "solo", "by its key"},
      {"rule r when solo(n > 1) by n alert low \"\"", "r", "by its key, level 1"},
      {"rule r when solo(n > 1) by all alert low \"\"", "solo", "by its key"},
      {"rule r when solo(n > 1) by all alert low \"\"", "r", "home: by all r r, level 1"},
      {"rule r when solo(n > 1) by all alert low \"\"\nrule q when 2 r within 1h by all alert low \"\"", "q",
       "home: by all r r, level 1"},
      {"rule r when a by all emit e with k = a.k alert low \"\"\nrule q when e by k alert low \"\"", "q",
       "by its key, level 1"},
      {"rule r when a by k emit e with s = \"x\" alert low \"\"\nrule q when e by s alert low \"\"", "r", "by its key"},
      {"rule r when a by k emit e with s = \"x\" alert low \"\"\nrule q when e by k alert low \"\"", "r", "by its key"},
      {"rule r when a by k emit e with s = a.s alert low \"\"\nrule q when e by s alert low \"\"", "q",
       "by its key, level 1"},
      {"rule r when solo by low = lower(k) alert low \"\"", "solo", "by its key"},
      {"rule r when solo by n emit e with m = 1 alert low \"\"\nrule q when e by m alert low \"\"", "q",
       "by its key, level 2"},
      {"session s1 of solo by n ends after 1m idle with m = count()\nsession s2 of s1 by m ends after 1m idle with n = "
       "count()\nsession s3 of s2 by n ends after 1m idle with m = count()\nrule r when s3 by m alert low \"\"",
       "r", "home: uses r s3, level 3"},
      {"rule r when a by c = t[k].c alert low \"\"", "r", "home: changing key r r"},
      {"rule r when a(n > 1) then b(n > 2) by k = (a.k, b.s) alert low \"\"\nrule q when r by k alert low \"\"", "r",
       "by its key"},
      {"rule r when 2 a within 1m by s alert low \"\"", "r", "by its key"},
      // who is muted cannot stand above: a circle, and no circle
      {"rule r when a by all alert low \"\"\nrule q when b by all mute while r emit e with k = b.k alert low \"\"\n"
       "session s1 of e by k ends after 1m idle with n = count()\n"
       "rule p when s1 by all mute while r alert low \"\"",
       "s1", "home: by all r r"},
      {"rule r when a by all alert low \"\"\nrule p when solo by all mute while r alert low \"\"", "solo",
       "by its key"},
      {"rule r when a by all alert low \"\"\nrule p when solo by all mute while r alert low \"\"", "r",
       "home: by all r r, level 1"},
      // muted
      {"rule r when a by k alert low \"\"\nrule q when b by k mute while r alert low \"\"", "r", "home: muted q r"},
      {"rule r when a by k alert low \"\"\nrule q when b by k mute while r on same k alert low \"\"", "r",
       "by its key"},
      {"rule r when a by s, k alert low \"\"\nrule q when b by k mute while r on same k alert low \"\"", "r", "by k"},
      {"rule r when a by s, k alert low \"\"\nrule q when b by k, s mute while r on same k alert low \"\"", "q",
       "by k"},
      {"rule r when a by s, k alert low \"\"\nrule q when b by k, s mute while r on same k, s alert low \"\"", "q",
       "by s k"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.rules);
    std::string why;
    const auto ready = make_ready(head + row.rules + "\n", &why);
    CAPTURE(why);
    CHECK(ready.has_value());
    if (ready) CHECK(dealt_of(*ready, row.program) == row.dealt);
  }
}
