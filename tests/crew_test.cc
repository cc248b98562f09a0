// If one of these fails, what comes out depends on how many threads there are, or on which of them is faster.
//
// TOCSIN_SEEDS=N tries N random rule sets (default 300), TOCSIN_SEED=S begins at S.
#include <doctest/doctest.h>

#include <algorithm>

#include "adapters/memory/sink.h"
#include "engine/runtime/outbox.h"
#include "engine/runtime/publisher.h"
#include "tests/support/both.h"
#include "tests/support/compare.h"

namespace {

using namespace tocsin;
using namespace tocsin::tests;

// Random rules over a stream in up to four partitions, some events late.
template <class Look>
void for_each_case(const Look& look) {
  const std::uint64_t first = number_from("TOCSIN_SEED", 1), seeds = number_from("TOCSIN_SEEDS", 300);
  std::uint64_t tried = 0, outputs = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Generator generator(seed * 104'729);
    Case c = generator.any();
    c.late_ms = 2'000;
    const auto ready = make_ready(c.text());
    if (!ready) continue;
    const std::uint64_t partitions = 1 + generator.below(4);
    c.events = generator.shuffled(c.events, generator.one_in(3) ? 3 * c.late_ms : c.late_ms);
    for (EventText& e : c.events) e.partition = static_cast<int>(generator.below(partitions));
    c.silent_partition = false;
    std::vector<std::uint64_t> last(partitions);  // offsets as a source counts
    for (EventText& e : c.events) e.offset = ++last[static_cast<std::size_t>(e.partition)];
    const Lines expected = engine_lines(*ready, c);
    ++tried;
    outputs += expected.size();
    CAPTURE(seed);
    look(seed, *ready, c, expected);
  }
  MESSAGE(tried << " rule sets, " << outputs << " outputs");
  CHECK(outputs > tried);
}

std::string said(const Lines& lines) {
  std::string out = "what came out:\n";
  for (const std::string& line : lines) out += "  " + line + "\n";
  return out;
}

}  // namespace

TEST_CASE("any number of workers, whoever's turn it is: the same bytes") {
  for_each_case([](std::uint64_t seed, const Ready& ready, const Case& c, const Lines& expected) {
    for (const std::uint32_t shards : {1u, 2u, 3u, 8u})
      for (std::uint64_t turn = 0; turn < 3; ++turn) {
        const Lines got = crew_lines(ready, c, 1 + (seed + turn) % 5, {.shards = shards}, seed * 10 + turn, false);
        if (got == expected) continue;
        FAIL_CHECK("seed " << seed << ", " << shards << " workers, turn " << turn << "\n" << report(c));
        return;
      }
  });
}

TEST_CASE("on threads: the same bytes") {
  for_each_case([](std::uint64_t seed, const Ready& ready, const Case& c, const Lines& expected) {
    for (const std::uint32_t shards : {2u, 3u, 8u})
      if (crew_lines(ready, c, 1 + seed % 3, {.shards = shards}, seed, true) != expected)
        FAIL_CHECK("seed " << seed << ", " << shards << " threads\n" << report(c));
  });
}

TEST_CASE("the partitions of several sources: the same bytes") {
  for_each_case([](std::uint64_t seed, const Ready& ready, const Case& c, const Lines&) {
    const std::size_t sources = 2 + seed % 2;
    const Lines expected = crew_lines(ready, c, 1, {}, seed, false, sources);
    for (const std::uint32_t shards : {1u, 2u, 3u})
      if (crew_lines(ready, c, 1 + seed % 3, {.shards = shards}, seed + shards, seed % 4 == 0, sources) != expected)
        FAIL_CHECK("seed " << seed << ", " << sources << " sources, " << shards << " workers\n" << report(c));
  });
}

TEST_CASE("killed at any step and begun again on any number of shards: nothing lost, nothing doubled, the same bytes") {
  std::uint64_t deaths = 0, told = 0;
  for_each_case([&](std::uint64_t seed, const Ready& ready, const Case& c, const Lines& expected) {
    for (std::uint64_t life = 0; life < 3; ++life) {
      std::uint64_t died = 0;
      Lines late;
      const Lines got = kept_lines(ready, c, 1 + (seed + life) % 4, {}, seed * 10 + life, died, late);
      deaths += died;
      told += late.size();
      const bool told_once = std::ranges::adjacent_find(late) == late.end();
      if (got == expected && told_once) continue;
      FAIL_CHECK("seed " << seed << ", life " << life << "\n" << report(c) << said(got));
      return;
    }
  });
  MESSAGE(deaths << " deaths, " << told << " late events told");
  CHECK(deaths > 100);
  CHECK(told > 100);
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
  CHECK(publisher.waiting_bytes() > 0);
  takes = true;
  work();
  CHECK(slow == "for both 1\nfor both 2\nfor both 3\n");
  CHECK(publisher.standing().delivered == Epoch{3});
  CHECK(publisher.waiting_bytes() == 0);
  CHECK(publisher.is_idle());
}
