// If one of these fails, events are called late that are not, or rules judge before all that belongs before has come.
#include "engine/runtime/watermark.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

using namespace tocsin;

namespace {
Time at(std::int64_t s) { return Time{seconds(s).us}; }
Lateness wait(std::int64_t s) { return {.fixed = seconds(s)}; }
constexpr Duration kNever{};
constexpr Duration kBegin = hours(100);  // elapsed time begins anywhere

// The clocks of all partitions, and the stream's, event by event.
class Clocks {
 public:
  void add_partition(const Lateness& lateness, Duration idle_after) {
    own_.emplace_back(lateness);
    all_.add_partition(lateness, idle_after);
  }
  bool observe(std::size_t partition, Time time) {
    const bool late = own_[partition].observe(time, all_.stream());
    all_.came(partition, own_[partition]);
    return late;
  }
  // Each second.
  void ask(std::size_t partition, Duration from, Duration to) {
    for (; from <= to; from = from + seconds(1)) all_.asked(partition, from);
  }
  void spoke(std::size_t partition) { all_.spoke(partition); }
  void end(std::size_t partition) { all_.end(partition); }
  Frontier advance() { return all_.advance(); }
  Time of(std::size_t partition) const { return own_[partition].watermark(); }
  bool is_idle(std::size_t partition) const { return all_.is_idle(partition); }

 private:
  std::vector<PartitionClock> own_;
  StreamClock all_;
};
}  // namespace

TEST_CASE("T2: older than the watermark is late, equal is not") {
  Clocks w;
  w.add_partition(wait(10), kNever);
  CHECK_FALSE(w.observe(0, at(100)));
  CHECK_FALSE(w.observe(0, at(90)));
  CHECK(w.observe(0, at(90) - Duration{1}));
  CHECK(w.of(0) == at(90));
}

TEST_CASE(
    "T2: with one partition and no tiebreak events are judged as soon as the watermark reaches them, deadlines after "
    "it") {
  Clocks w;
  w.add_partition(wait(0), kNever);
  w.observe(0, at(5));
  CHECK(w.advance() == Frontier{at(5) + Duration{1}, at(5)});
}

TEST_CASE("T2: with a tiebreak, or a second partition, only events older than the watermark are judged") {
  Clocks tiebreak;
  tiebreak.add_partition({.fixed = {}, .adaptive_up_to = {}, .tiebreak = true}, kNever);
  tiebreak.observe(0, at(5));
  CHECK(tiebreak.advance() == Frontier{at(5), at(5)});

  Clocks two;
  two.add_partition(wait(0), kNever);
  two.add_partition(wait(0), kNever);
  two.observe(0, at(5));
  CHECK(two.advance() == Frontier{});  // the second has not spoken
  two.observe(1, at(3));
  CHECK(two.advance() == Frontier{at(3), at(3)});
}

TEST_CASE("T2: a partition waits the largest late of the base events it carries, seen or not") {
  Schema schema;
  schema.types.resize(3);
  schema.types[0].late = seconds(1);
  schema.types[1].late = seconds(7);
  schema.types[2].late = seconds(30);
  schema.types[2].late_adaptive = true;
  schema.types[2].tiebreak = SlotId(0);
  const std::vector<EventTypeId> first = {EventTypeId(0)}, both = {EventTypeId(0), EventTypeId(1)},
                                 all = {EventTypeId(0), EventTypeId(1), EventTypeId(2)};
  CHECK(lateness_of(schema, first).fixed == seconds(1));
  CHECK(lateness_of(schema, both).fixed == seconds(7));
  CHECK_FALSE(lateness_of(schema, both).tiebreak);
  CHECK(lateness_of(schema, all).fixed == seconds(7));
  CHECK(lateness_of(schema, all).adaptive_up_to == seconds(30));
  CHECK(lateness_of(schema, all).tiebreak);
}

TEST_CASE("a late event moves nothing") {
  Clocks w;
  w.add_partition(wait(0), kNever);
  w.observe(0, at(10));
  CHECK(w.observe(0, at(3)));
  CHECK(w.of(0) == at(10));
}

TEST_CASE("idle partitions are left out until they speak again; what they then say may be late") {
  Clocks w;
  w.add_partition(wait(0), seconds(30));
  w.add_partition(wait(0), seconds(30));
  w.observe(0, at(5));
  w.ask(0, kBegin, kBegin + seconds(29));
  w.ask(1, kBegin, kBegin + seconds(29));
  w.spoke(0);
  CHECK(w.advance() == Frontier{});
  w.ask(1, kBegin + seconds(30), kBegin + seconds(30));
  CHECK(w.advance().timers_before == at(5));  // exactly idle_after is idle
  CHECK(w.is_idle(1));
  w.spoke(1);
  CHECK(w.observe(1, at(4)));
  CHECK_FALSE(w.observe(1, at(5)));
  CHECK(w.advance().timers_before == at(5));
  CHECK_FALSE(w.is_idle(1));
  w.observe(0, at(9));
  CHECK(w.advance().timers_before == at(5));  // it holds back again
}

TEST_CASE("while nobody asks nobody is silent: at the beginning, and when nothing can be taken") {
  Clocks w;
  w.add_partition(wait(0), seconds(30));
  w.add_partition(wait(0), seconds(30));
  w.ask(0, kBegin, kBegin);
  w.ask(1, kBegin, kBegin + seconds(20));
  w.observe(0, at(5));
  CHECK(w.advance() == Frontier{});
  const Duration later = kBegin + minutes(10);
  w.spoke(0);
  w.ask(1, later, later + seconds(6));  // what there is of the ten minutes comes now, if anything does
  CHECK_FALSE(w.is_idle(1));
  CHECK(w.advance() == Frontier{});
  w.ask(1, later + seconds(7), later + seconds(7));
  CHECK(w.is_idle(1));
}

TEST_CASE("when all partitions are idle the one that came farthest decides, whichever fell silent first") {
  for (const bool first_is_ahead : {true, false}) {
    Clocks w;
    w.add_partition(wait(0), seconds(10));
    w.add_partition(wait(0), seconds(10));
    w.observe(0, at(first_is_ahead ? 100 : 50));
    w.observe(1, at(first_is_ahead ? 50 : 100));
    w.ask(0, kBegin, kBegin + seconds(10));
    w.advance();
    w.ask(1, kBegin + seconds(5), kBegin + seconds(15));
    CHECK(w.advance().timers_before == at(100));
  }
}

TEST_CASE("T8: when all partitions have ended, time goes through the last event and no further") {
  Clocks w;
  w.add_partition(wait(60), kNever);
  w.add_partition(wait(60), kNever);
  w.observe(0, at(100));
  w.observe(1, at(130));
  CHECK(w.advance() == Frontier{at(40), at(40)});
  w.end(0);
  CHECK(w.advance() == Frontier{at(70), at(70)});
  w.end(1);
  w.end(1);
  CHECK(w.advance() == Frontier::through(at(130)));
}

TEST_CASE("T8: an input without events ends without time") {
  Clocks w;
  w.add_partition(wait(0), kNever);
  w.end(0);
  CHECK(w.advance() == Frontier{});
}

TEST_CASE(
    "adaptive: waits the limit at first, then the observed 0.999 quantile, never more than the limit, time never "
    "back") {
  Clocks w;
  w.add_partition({.fixed = {}, .adaptive_up_to = seconds(60)}, kNever);
  std::mt19937 random(7);
  std::int64_t now_ms = 0;
  Time before = Frontier::kNothing;
  std::uint64_t late = 0;
  const auto run = [&](int events, int disorder_ms) {
    for (int i = 0; i < events; ++i) {
      now_ms += 10;
      late += w.observe(
          0, Time{(now_ms - static_cast<std::int64_t>(random() % static_cast<unsigned>(disorder_ms + 1))) * 1000});
      REQUIRE(w.of(0) >= before);
      before = w.of(0);
    }
  };
  run(900, 500);
  CHECK(Time{now_ms * 1000} - w.of(0) >= seconds(60));  // not enough seen
  CHECK(late == 0);
  run(20'000, 500);
  const Duration waits = Time{now_ms * 1000} - w.of(0);
  CHECK(waits >= milliseconds(490));
  CHECK(waits <= milliseconds(600));
  CHECK(late <= 30);
  run(200'000, 200'000);                                // worse than the limit allows
  CHECK(Time{now_ms * 1000} - w.of(0) <= seconds(80));  // the newest event itself lags a few seconds here
}

TEST_CASE("lateness quantile: never too small, at most an eighth too large") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    LatenessQuantile q;
    std::vector<std::int64_t> seen;
    for (int i = 0; i < 5000; ++i) {
      seen.push_back(static_cast<std::int64_t>(random() % (std::uint64_t{1} << (random() % 36))));
      q.add(Duration{seen.back()});
    }
    std::sort(seen.begin(), seen.end());
    const std::int64_t exact = seen[seen.size() - 1 - seen.size() / 1000];
    const std::int64_t got = q.value(days(365)).us;
    CHECK(got >= exact);
    CHECK(got <= exact + exact / 8 + 1);
  }
}
