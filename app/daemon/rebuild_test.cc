// If one of these fails, a rule that is rebuilt is not what it would be had it been there from the beginning: it misses
// alerts, or gives some twice, or others.
//
// TOCSIN_SEEDS=N tries N random rule sets (default 300), TOCSIN_SEED=S begins at S.
#include "app/daemon/rebuild.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <random>

#include "adapters/memory/store.h"
#include "app/testing.h"
#include "app/wall_clock.h"
#include "engine/runtime/kept_shape.h"
#include "engine/runtime/publisher.h"
#include "tests/support/both.h"
#include "tests/support/compare.h"

namespace tocsin::app {
namespace {

using namespace tocsin::tests;

// A stream as the logs of several sources.
class Logs {
 public:
  Logs(const Case& c, std::size_t sources) : case_(c) {
    std::vector<std::string> texts(sources);
    for (const EventText& e : c.events) texts[static_cast<std::size_t>(e.partition)] += e.json() + '\n';
    for (std::size_t i = 0; i < sources; ++i) {
      SourceSettings& source = settings.sources.emplace_back();
      source.name = fmt::format("s{}", i);
      source.address = FileSource{folder.write(source.name, texts[i]), true};
      source.idle_after = {};
      names.push_back(source.name);
    }
    settings.state.memory = std::uint64_t{1} << 30;
  }

  // How much of each source the first `n` events are.
  std::vector<std::uint64_t> lines(std::size_t n) const {
    std::vector<std::uint64_t> out(settings.sources.size());
    for (std::size_t i = 0; i < n; ++i) ++out[static_cast<std::size_t>(case_.events[i].partition)];
    return out;
  }
  Generation::Input input(const Ready& ready) const {
    return {codec_of_cases(), carried_events(codec_of_cases(), ready.rules->schema)};
  }
  std::vector<Rebuild::From> again(const Ready& ready) const {
    std::vector<Rebuild::From> out;
    for (const SourceSettings& source : settings.sources) out.push_back({&source, input(ready), 1, true});
    return out;
  }

  Folder folder;
  Settings settings;
  std::vector<std::string> names;
  StandingClock clock;
  Surroundings around{clock, tell_nobody, tell_nobody, {}};

 private:
  const Case& case_;
};

// Rules that go on from what a store has, as one of the daemon's generations.
class Life {
 public:
  Life(Logs& world, const Ready& ready, CheckpointStore& store, std::uint64_t seed, const std::string& rebuilt = {},
       Rebuild* rebuild = nullptr)
      : world_(world),
        ready_(ready),
        random_(seed),
        options_(options(rebuilt)),
        engine(ready.rules, ready.data, options_),
        keeper(engine, store, world.names, {.memory = seed % 3 == 0 ? 1u : 1u << 30, .load_at_once = seed % 3}),
        publisher({}) {
    names_ = names_for(ready);
    names_.sources = world.names;
    std::vector<Crew::Feed> feeds;
    for (std::size_t i = 0; i < world.settings.sources.size(); ++i) {
      Crew::Feed& feed = feeds.emplace_back();
      feed.id = SourceId(i);
      feed.partitions = {engine.add_partition(feed.id, world.input(ready).carried)};
      feed.make_decoder = [&] { return make_decoder(codec_of_cases(), ready_.rules->schema); };
    }
    Keeper::Rebuilt again{options_.apart, [&](const Cut& cut) -> Result<Engine*> {
                            return rebuild->go_to(cut).map([&] { return &rebuild->engine(); });
                          }};
    const auto resumed = rebuild != nullptr ? keeper.restore({}, again) : keeper.restore();
    INFO((resumed ? std::string() : resumed.error().message));
    REQUIRE(resumed);
    REQUIRE(publisher.open({}, resumed->newest));
    for (std::size_t i = 0; i < feeds.size(); ++i) {
      auto source = open_source(world.settings.sources[i], codec_of_cases(), 1 << 20, SourceId(i), world.around);
      REQUIRE(source);
      std::vector<Progress> from;
      for (const Progress& progress : resumed->from)
        if (progress.partition == i) from.push_back({0, progress.next_offset, progress.bookmark, progress.notes});
      REQUIRE((*source)->start(from));
      if (from.empty()) from.push_back({0, 1, {}});
      sources.push_back(std::make_unique<UpTo>(std::move(*source), from));
      feeds[i].source = sources.back().get();
    }
    crew = std::make_unique<Crew>(
        engine, feeds,
        Crew::Outputs{.alert = [this](const Alert& a) { out.push_back(with_document(a, names_)); },
                      .emitted = [this](const Emitted& e) { out.push_back(with_document(e, names_)); }},
        world.clock, &keeper);
    steward = std::make_unique<Steward>(keeper, *crew, publisher, Steward::Pace{});
  }

  void read_to(const std::vector<std::uint64_t>& lines) {
    for (std::size_t i = 0; i < lines.size(); ++i) sources[i]->may_give_to(0, lines[i] + 1);
    while (!std::ranges::all_of(sources, [](const auto& source) { return source->is_there(0); }))
      crew->step(random_() % engine.shards());
    crew->work_off();
  }
  Cut store() {
    const auto stored = steward->finish({});
    INFO((stored ? std::string() : stored.error().message));
    REQUIRE(stored);
    return *keeper.stored();
  }
  Lines end(const Case& c) {
    crew->end();
    if (c.until_ms) crew->until(Time{*c.until_ms * 1000});
    if (c.drain) crew->drain();
    crew->give_out();
    return parted(std::move(out));
  }

  Lines out;

 private:
  EngineOptions options(const std::string& rebuilt) {
    EngineOptions made;
    made.shards = 1 + static_cast<std::uint32_t>(random_() % 4);
    made.sources = world_.names;
    for (std::size_t i = 0; i < ready_.rules->programs.size(); ++i)
      if (ready_.rules->programs[i].name == rebuilt) made.apart.emplace_back(i);
    return made;
  }

  Logs& world_;
  const Ready& ready_;
  std::mt19937_64 random_;
  const EngineOptions options_;

 public:
  Engine engine;
  Keeper keeper;
  Publisher publisher;
  std::vector<std::unique_ptr<UpTo>> sources;
  std::unique_ptr<Crew> crew;
  std::unique_ptr<Steward> steward;

 private:
  DocumentNames names_;
};

// All but the last rule are kept the same way without that.
bool is_kept_without(const Ready& all, const Ready& others) {
  const std::vector<std::uint64_t> with = kept_shapes(*all.rules), without = kept_shapes(*others.rules);
  for (std::size_t i = 0; i < without.size(); ++i) {
    const auto at = std::ranges::find(all.rules->programs, others.rules->programs[i].name, &Program::name);
    if (at == all.rules->programs.end()) return false;
    if (with[static_cast<std::size_t>(at - all.rules->programs.begin())] != without[i]) return false;
  }
  return true;
}

CompiledSet set_of(const Ready& ready) {
  CompiledSet out;
  out.compiled.rules = ready.rules;
  out.reference = ready.data;
  return out;
}

}  // namespace

TEST_CASE("a rule that is rebuilt in the middle alerts from then on as if it had been there from the beginning") {
  const std::uint64_t first = number_from("TOCSIN_SEED", 1), seeds = number_from("TOCSIN_SEEDS", 300);
  std::uint64_t tried = 0, alerts = 0, differ_without = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Generator generator(seed * 15'485'863);
    Case c = generator.any();
    c.events = generator.events(10 + generator.below(40));
    c.until_ms.reset();
    c.late_ms = 2'000;
    const auto all = make_ready(c.text());
    if (!all) continue;
    // The last rule is new: nobody uses it.
    Case without = c;
    without.rules.pop_back();
    if (without.rules.empty()) without.rules.push_back({"rule other", "a", "k", {"alert low \"other\""}});
    const auto others = make_ready(without.text());
    if (!others || (c.rules.size() > 1 && !is_kept_without(*all, *others))) continue;
    std::vector<std::string> fresh;
    for (const Program& program : all->rules->programs)
      if (std::ranges::find(others->rules->programs, program.name, &Program::name) == others->rules->programs.end())
        fresh.push_back(program.name);
    if (fresh.size() != 1) continue;
    c.silent_partition = false;
    c.events = generator.shuffled(c.events, generator.one_in(3) ? 3 * c.late_ms : c.late_ms);
    const std::size_t sources = 1 + generator.below(3);
    std::vector<std::uint64_t> last(sources);
    for (EventText& e : c.events) {
      e.partition = static_cast<int>(generator.below(sources));
      e.offset = ++last[static_cast<std::size_t>(e.partition)];
    }
    CAPTURE(seed);
    Logs world(c, sources);
    // Events that nobody has declared have the times at which they come.
    if (!Rebuild::make(set_of(*all), fresh, world.again(*all), world.settings, world.around)) continue;
    const std::size_t joins = generator.below(c.events.size() + 1), before = generator.below(joins + 1),
                      dies = joins + generator.below(c.events.size() - joins + 1);
    const bool began_late = generator.one_in(3);  // it had been there, and has missed the beginning

    enum class How : std::uint8_t { there_always, rebuilt, new_now };
    const auto run = [&](How how) {
      MemoryStore store;
      std::shared_ptr<Rebuild> rebuild;
      if (how == How::rebuilt) {
        auto made = Rebuild::make(set_of(*all), fresh, world.again(*all), world.settings, world.around);
        INFO((made ? std::string() : made.error().message));
        REQUIRE(made);
        rebuild = *made;
      }
      {
        Life life(world, how == How::there_always ? *all : *others, store, seed);
        life.read_to(world.lines(before));
        const Cut cut = life.store();
        if (rebuild != nullptr && seed % 2 == 0) REQUIRE(rebuild->go_to(cut));
        if (!began_late || how == How::there_always) {
          life.read_to(world.lines(joins));
          life.store();
        }
      }
      if (began_late && how != How::there_always) {
        Life life(world, *all, store, seed + 3);
        life.read_to(world.lines(joins));
        life.store();
      }
      Lines out;
      {
        Life life(world, *all, store, seed + 1, rebuild != nullptr ? fresh.front() : "", rebuild.get());
        rebuild.reset();
        life.read_to(world.lines(dies));
        life.store();
        out = std::move(life.out);
      }
      Life life(world, *all, store, seed + 2);  // after a crash
      life.out = std::move(out);
      life.read_to(world.lines(c.events.size()));
      return life.end(c);
    };
    const Lines expected = run(How::there_always), got = run(How::rebuilt);
    ++tried;
    alerts += expected.size();
    differ_without += run(How::new_now) != expected;
    if (got == expected) continue;
    const auto at = difference(got, expected);
    FAIL_CHECK("seed " << seed << ", " << fresh.front() << " joins behind " << joins << " events, read before up to "
                       << before << ", a crash behind " << dies << (began_late ? ", began late" : "") << "\n"
                       << c.text() << c.events_text()
                       << "expected: " << (at && *at < expected.size() ? expected[*at] : "nothing more")
                       << "\ngot:      " << (at && *at < got.size() ? got[*at] : "nothing more"));
    if (std::getenv("TOCSIN_ALL") == nullptr) return;
  }
  MESSAGE(tried << " rule sets, " << alerts << " outputs; without it " << differ_without << " would be others");
  if (seeds < 100) return;
  CHECK(alerts > tried);
  CHECK(differ_without * 20 > tried);
}

TEST_CASE("lines that were read and are not there any more: it waits a while, then gives up and says so") {
  Case c;
  c.rules.push_back({"rule r1", "2 a within 10s", "k", {"alert low \"r1\""}});
  c.late_ms = 5'000;
  for (int i = 0; i < 3; ++i) c.events.push_back({"a", 1'000 * i, "\"k\":\"x\"", 0, static_cast<std::uint64_t>(i + 1)});
  const auto ready = make_ready(c.text());
  REQUIRE(ready);
  Logs logs(c, 1);
  MemoryStore store;
  Life life(logs, *ready, store, 1);
  life.read_to(logs.lines(3));
  const Cut cut = life.store();
  std::ofstream(logs.folder.path() + "/s0") << c.events.front().json() << "\n";
  const WallClock clock;
  const Surroundings around{clock, tell_nobody, tell_nobody, {}};
  auto rebuild = Rebuild::make(set_of(*ready), {"r1"}, logs.again(*ready), logs.settings, around);
  REQUIRE(rebuild);
  (*rebuild)->set_patience(milliseconds(50));
  const auto done = (*rebuild)->go_to(cut);
  REQUIRE_FALSE(done);
  CHECK(contains(done.error().message, "nothing has come"));
}

}  // namespace tocsin::app
