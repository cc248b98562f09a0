// If one of these fails, a slope has the wrong sign where one event is far from the others, or depends on what the
// window held before.
#include "engine/match/least_squares.h"

#include <doctest/doctest.h>

#include <vector>

#include "engine/base/text.h"
#include "engine/event/write.h"
#include "engine/match/aggregate.h"
#include "engine/match/running.h"
#include "engine/program/aggregates.h"

using namespace tocsin;

namespace {

struct Measured {
  Time time;
  double value = 0;
};

// By the textbook, around the means.
double textbook_slope(const std::vector<Measured>& points) {
  long double x = 0, y = 0, xx = 0, xy = 0;
  const auto n = static_cast<long double>(points.size());
  for (const Measured& p : points) x += static_cast<long double>(p.time.us) / n, y += p.value / n;
  for (const Measured& p : points) {
    const long double way = static_cast<long double>(p.time.us) - x;
    xx += way * way, xy += way * (p.value - y);
  }
  return static_cast<double>(xy / xx * 1e6L);
}

// One at the first time there is, then one a second that rise, up to the last time there is.
std::vector<Measured> far_apart() {
  std::vector<Measured> points = {{kFirstTime, -1e9}};
  for (int i = 60'000; i-- > 0;) points.push_back({kLastTime - seconds(i), 1e9 - 0.25 * i});
  return points;
}

}  // namespace

TEST_CASE("least squares: nothing overflows, from the first time that an event may have to the last") {
  const std::vector<Measured> points = far_apart();
  LeastSquares line;
  for (const Measured& p : points) line.add(p.time, p.value);
  CHECK(line.slope() == doctest::Approx(textbook_slope(points)).epsilon(1e-12));
  CHECK(line.at(kLastTime) == doctest::Approx(1e9).epsilon(1e-3));
}

TEST_CASE("least squares: what is in the window decides, to the last bit, not where it began") {
  const std::vector<Measured> points = far_apart();
  LeastSquares slid, anew;
  for (const Measured& p : points) slid.add(p.time, p.value);
  slid.subtract(points[0].time, points[0].value);
  for (std::size_t i = 1; i < points.size(); ++i) anew.add(points[i].time, points[i].value);
  CHECK(slid.slope() == anew.slope());
  CHECK(anew.slope() == 0.25);
}

TEST_CASE("A6: a forecast of durations beyond what a duration can be is missing, kept or computed anew") {
  Cell cell;
  cell.function = *find_aggregate("avg");
  cell.baseline.kind = Baseline::Kind::forecast;
  cell.baseline.over = days(3'650);
  RunningAggregate running(cell);
  std::vector<Sample> samples;
  for (int i = 0; i < 3; ++i) {
    samples.push_back({Time{} + seconds(i), Value::duration(days(365 * i))});
    running.insert({samples.back().time, static_cast<std::uint64_t>(i)}, samples.back().value);
  }
  Scratch scratch;
  const Time now = samples.back().time;
  CHECK(running.value(now - minutes(1), now, 0).is_missing());
  CHECK(aggregate_of(cell, samples, now - minutes(1), now, 0, scratch).is_missing());
}
