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
      const Kept kept = kept_lines(ready, c, 1 + (seed + life) % 4, {}, seed * 10 + life);
      deaths += kept.deaths;
      told += kept.late.size();
      const bool told_once = std::ranges::adjacent_find(kept.late) == kept.late.end();
      if (kept.lines == expected && told_once) continue;
      FAIL_CHECK("seed " << seed << ", life " << life << "\n" << report(c) << said(kept.lines));
      return;
    }
  });
  MESSAGE(deaths << " deaths, " << told << " late events told");
  CHECK(deaths > 100);
  CHECK(told > 100);
}

// Random rules rarely let keys stay in durable state: here all do.
TEST_CASE("killed at any step with few keys in memory: nothing lost, nothing doubled, the same bytes") {
  const char* const kRules[] = {
      "rule r when 3 a within 20s by k  alert low \"{count}\"",
      "rule r when 3 a within 20s by k  fire always  alert low \"{count}\"",
      "rule r when 2 a within 20s by k  alert low \"{count}\"\nrule s when 5 a within 2m by k  alert low \"{count}\"",
      "rule r when 3 consecutive a(v > 2) by k  reset on b  alert low \"{count}\"",
      "rule r when a then b within 30s by k  alert low \"{a.v} {b.v}\"",
      "rule r when a then a(v > previous.v) within 1m by k  fire at most 2 per 1m  alert low \"x\"",
      "rule r when a(v > previous.v) by k  alert low \"{a.v}\"",
      "rule r when sum(a.v) > 8 within 30s by k  alert low \"x\"\n"
      "rule s when 2 r within 5m by k  alert low \"{count}\"",
      "rule r when any 2 of (a(v > 2), b) within 30s by k  alert low \"x\"",
  };
  std::uint64_t deaths = 0, outputs = 0, brought = 0;
  for (const char* rules : kRules) {
    std::string why;
    const auto made = make_ready(std::string("event a has k text, v int, ts time  timestamp ts  late 2s\n"
                                             "event b has k text, v int, ts time  timestamp ts  late 2s\n") +
                                     rules,
                                 &why);
    INFO(std::string(rules) << "\n" << why);
    REQUIRE(made);
    for (std::uint64_t seed = 1; seed <= number_from("TOCSIN_SEEDS", 300) / 10; ++seed) {
      Generator generator(seed * 7'919);
      Case c;
      c.late_ms = 2'000;
      std::int64_t ms = 0;
      for (std::uint64_t i = 0; i < 150; ++i) {
        ms += static_cast<std::int64_t>(generator.below(2'000));
        const std::string fields =
            "\"k\":\"k" + std::to_string(generator.below(12)) + "\",\"v\":" + std::to_string(generator.below(6));
        c.events.push_back({generator.one_in(3) ? "b" : "a", ms, fields, 0, 0});
      }
      c.events = generator.shuffled(c.events, c.late_ms);
      for (std::size_t i = 0; i < c.events.size(); ++i) c.events[i].offset = i + 1;
      const Lines expected = engine_lines(*made, c);
      const Kept kept = kept_lines(*made, c, 1 + seed % 4, {}, seed);
      deaths += kept.deaths;
      outputs += expected.size();
      brought += kept.brought;
      if (kept.lines != expected) {
        FAIL_CHECK("seed " << seed << "\n" << c.events_text() << said(expected) << said(kept.lines));
        break;
      }
    }
  }
  MESSAGE(deaths << " deaths, " << outputs << " outputs, " << brought << " keys brought out of durable state");
  CHECK(outputs > deaths);
  CHECK(brought > outputs);
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
