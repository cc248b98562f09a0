// If one of these fails, the same events give other alerts when they arrive in another order or in other batches.
#include "engine/runtime/reorder.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "engine/runtime/board.h"
#include "engine/runtime/intake.h"

using namespace tocsin;

namespace {

// One event as the tests write it; its identity is (partition, offset).
struct Arrival {
  std::int64_t time_us = 0;
  std::uint32_t partition = 0;
  std::uint64_t offset = 0;
  int tiebreak = -1;  // -1: missing
};

Event event_of(const Arrival& a) {
  return {EventTypeId(0),
          0,
          Time{a.time_us},
          {SourceId(0), a.partition, a.offset},
          0,
          a.tiebreak < 0 ? Value() : Value::integer(a.tiebreak),
          {}};
}

std::string name_of(const Event& e) {
  return std::to_string(e.time.us) + "/" + std::to_string(e.position.partition) + "/" +
         std::to_string(e.position.offset);
}

struct Outcome {
  std::vector<std::string> events, late;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// All that stands before one shard.
class WayIn {
 public:
  void add_partition(const Lateness& lateness) {
    intakes_.emplace_back(lateness, 1);
    board_.add_partition(SourceId{0}, {}, lateness, {});
    wait_ = std::max(wait_, lateness.fixed);
    waiting_ = Waiting(wait_);
  }
  void take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, std::vector<LateEvent>& late) {
    Intake& intake = intakes_[partition];
    intake.sort_out(batch, {}, board_.spoke(partition), {}, {}, late);
    waiting_.put(std::move(intake.parcels().front()));
    board_.came(partition, intake.clock(), intake.came());
  }
  void end(std::size_t partition) { board_.end(partition); }
  Frontier drain(std::vector<const Event*>& out) {
    News news;
    board_.look(news);
    late_.clear();
    waiting_.drain(news.frontier, out, late_);
    return news.frontier;
  }
  std::size_t waiting() const { return waiting_.waiting(); }

 private:
  Board board_;
  std::vector<Intake> intakes_;
  Duration wait_{};
  Waiting waiting_;
  std::vector<LateEvent> late_;
};

// Feeds the arrivals in batches of random sizes, drains in between, and looks at what comes out as soon as it does.
Outcome run(const std::vector<Arrival>& arrivals, const std::vector<Lateness>& partitions, std::mt19937& random,
            std::size_t batch_max) {
  WayIn way;
  BatchPool pool;
  for (const Lateness& lateness : partitions) way.add_partition(lateness);
  Outcome outcome;
  std::vector<const Event*> out;
  std::vector<LateEvent> late;
  Frontier before;
  const auto drain = [&] {
    out.clear();
    const Frontier frontier = way.drain(out);
    REQUIRE(frontier.events_before >= before.events_before);
    REQUIRE(frontier.timers_before >= before.timers_before);
    for (const Event* event : out) {
      REQUIRE(event->time < frontier.events_before);
      // A deadline that was due may not be overtaken by an event at its time or before.
      REQUIRE(event->time >= before.timers_before);
      outcome.events.push_back(name_of(*event));
    }
    before = frontier;
  };
  for (std::size_t i = 0; i < arrivals.size();) {
    const std::uint32_t partition = arrivals[i].partition;
    std::shared_ptr<EventBatch> batch = pool.take();
    const std::size_t size = 1 + random() % batch_max;
    for (; i < arrivals.size() && batch->size() < size && arrivals[i].partition == partition; ++i) {
      batch->add(event_of(arrivals[i]));
    }
    way.take(partition, batch, late);
    for (const LateEvent& one : late) outcome.late.push_back(name_of(*one.event));
    late.clear();
    batch.reset();
    if (random() % 3 != 0) drain();
  }
  for (std::size_t p = 0; p < partitions.size(); ++p) way.end(p);
  drain();
  REQUIRE(way.waiting() == 0);
  return outcome;
}

std::vector<std::string> sorted_names(const std::vector<Arrival>& arrivals) {
  std::vector<Event> events;
  for (const Arrival& arrival : arrivals) events.push_back(event_of(arrival));
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return total_order(a, b) < 0; });
  std::vector<std::string> names;
  for (const Event& event : events) names.push_back(name_of(event));
  return names;
}

// Events of some partitions with their offsets fixed, in an order of arrival in which none is more than `late_us`
// behind the largest time that its partition has shown: sorted by time + a random delay of at most that.
std::vector<Arrival> permuted(std::vector<Arrival> events, std::int64_t late_us, std::mt19937& random) {
  std::vector<std::pair<std::int64_t, std::size_t>> order;
  for (std::size_t i = 0; i < events.size(); ++i) {
    const std::int64_t delay =
        late_us == 0 ? 0 : static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(late_us + 1));
    order.emplace_back(events[i].time_us + delay, i);
  }
  if (late_us == 0) {
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.first < b.first; });
  } else {
    std::shuffle(order.begin(), order.end(), random);
    std::stable_sort(order.begin(), order.end(), [](auto& a, auto& b) { return a.first < b.first; });
  }
  std::vector<Arrival> arrivals;
  for (const auto& [due, i] : order) arrivals.push_back(events[i]);
  return arrivals;
}

}  // namespace

TEST_CASE("any order of arrival within the lateness, in batches of any size, gives the one total order") {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const auto partitions = static_cast<std::uint32_t>(1 + random() % 3);
    const bool tiebreaks = random() % 2 == 0;
    // Lateness and spread of times of very different sizes: within a bucket, within a year, over many years.
    const std::int64_t late_us = std::int64_t{1} << (random() % 32);
    const std::int64_t spread = std::int64_t{1} << (3 + random() % 38);
    std::vector<Arrival> events(1 + random() % 400);
    std::vector<std::uint64_t> offset(partitions, 0);
    for (Arrival& event : events) {
      event.time_us = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(spread)) - spread / 4;
      event.partition = static_cast<std::uint32_t>(random() % partitions);
      event.offset = ++offset[event.partition];
      if (tiebreaks) event.tiebreak = static_cast<int>(random() % 4) - 1;
    }
    // With one partition and no tiebreak events at the watermark leave at once, so ties keep the order of arrival:
    // there, the order of offsets must be that of arrival, as a source delivers it.
    const std::vector<Lateness> lateness(
        partitions, Lateness{.fixed = Duration{late_us}, .adaptive_up_to = {}, .tiebreak = tiebreaks});
    std::vector<Arrival> first = permuted(events, late_us, random);
    if (partitions == 1 && !tiebreaks) {
      for (std::size_t i = 0; i < first.size(); ++i) first[i].offset = i + 1;
    }
    const Outcome outcome = run(first, lateness, random, 1 + random() % 50);
    CHECK(outcome.late.empty());
    CHECK(outcome.events == sorted_names(first));
    CHECK(run(first, lateness, random, 1) == outcome);
    if (partitions > 1 || tiebreaks) CHECK(run(permuted(events, late_us, random), lateness, random, 1000) == outcome);
  }
}

TEST_CASE("beyond the lateness: which events are late does not depend on batches, and the others leave in order") {
  for (std::uint32_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::vector<Arrival> arrivals(200);
    std::vector<std::uint64_t> offset(2, 0);
    for (Arrival& a : arrivals) {
      a.time_us = static_cast<std::int64_t>(random() % 1'000'000);
      a.partition = static_cast<std::uint32_t>(random() % 2);
      a.offset = ++offset[a.partition];
    }
    const std::vector<Lateness> lateness(2, Lateness{.fixed = Duration{300'000}});
    // By hand: late is what lies more than the lateness behind the largest time of its partition so far.
    std::vector<std::int64_t> largest(2, -1'000'000'000);
    std::vector<Arrival> in_time;
    std::vector<std::string> late;
    for (const Arrival& a : arrivals) {
      if (a.time_us < largest[a.partition] - 300'000) {
        late.push_back(name_of(event_of(a)));
      } else {
        in_time.push_back(a);
        largest[a.partition] = std::max(largest[a.partition], a.time_us);
      }
    }
    const Outcome outcome = run(arrivals, lateness, random, 20);
    CHECK(outcome.late == late);
    CHECK(outcome.events == sorted_names(in_time));
    CHECK(run(arrivals, lateness, random, 1) == outcome);
  }
}

TEST_CASE("batches are given back when their last event has left, not before") {
  BatchPool pool;
  WayIn way;
  way.add_partition({.fixed = seconds(10)});
  std::vector<const Event*> out;
  std::vector<LateEvent> late;
  const auto take = [&](std::int64_t s) {
    std::shared_ptr<EventBatch> batch = pool.take();
    batch->add(event_of({.time_us = seconds(s).us, .partition = 0, .offset = static_cast<std::uint64_t>(s)}));
    way.take(0, batch, late);
  };
  take(1);
  take(5);
  CHECK(pool.idle() == 0);
  take(14);
  way.drain(out);
  REQUIRE(out.size() == 1);
  CHECK(out[0]->position.offset == 1);  // readable until the next call
  CHECK(pool.idle() == 0);
  out.clear();
  way.drain(out);
  CHECK(out.empty());
  CHECK(pool.idle() == 1);
}
