// If one of these fails, an alert depends on how a window was filled, and not only on what is in it.
#include "engine/match/running.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "engine/event/key.h"
#include "engine/event/order.h"
#include "engine/event/write.h"
#include "engine/match/deviation.h"
#include "engine/match/exact_sum.h"
#include "engine/match/lasting.h"
#include "engine/program/aggregates.h"
#include "engine/program/operators.h"
#include "engine/program/scratch.h"
#include "tests/support/any_value.h"

using namespace tocsin;

namespace {

std::string json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

// 113 bits: sums of what this test adds are exact in it, and its conversion rounds once.
__extension__ typedef __float128 Exact;

double exact_sum_of(const std::vector<double>& values) {
  Exact sum = 0;
  for (const double d : values) sum += d;
  return static_cast<double>(sum);
}

// Of values of up to 40 bits, whose squares of differences from a double it holds to far beyond the last bit.
double deviation_of(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size()), mean = exact_sum_of(values) / n;
  Exact squares = 0;
  for (const double d : values) squares += (Exact{d} - mean) * (Exact{d} - mean);
  return std::sqrt(static_cast<double>(squares) / n);
}

struct TestSample {
  Time time;
  Value value;
};

// ----- the obviously right way: A1, A2, A6, A7 over a list ----------------------------------------------

Value naive(const Cell& cell, const std::deque<TestSample>& samples, Time from, Time now, std::size_t second,
            Scratch& scratch) {
  std::vector<Value> present, measures;
  std::vector<double> numbers, lengths;
  bool whole = true;
  std::set<std::string> keys;
  for (const TestSample& s : samples) {
    if (s.value.is_missing()) continue;
    present.push_back(s.value);
    std::string key;
    append_key(key, s.value);
    keys.insert(key);
    if (s.value.is_number()) numbers.push_back(s.value.number());
    if (s.value.type() == Type::floating) whole = false;
    if (s.value.type() == Type::duration) lengths.push_back(static_cast<double>(s.value.as_duration().us));
    if (s.value.is_number() || s.value.type() == Type::duration || s.value.type() == Type::time)
      measures.push_back(s.value);
  }
  const bool durations = numbers.empty() && !lengths.empty();
  std::vector<double> quantities = durations ? lengths : numbers;
  const auto number = [&](double d) { return durations ? Value::duration({std::llround(d)}) : Value::floating(d); };
  const auto n = static_cast<double>(quantities.size());
  const auto count = Value::integer(static_cast<std::int64_t>(samples.size()));
  const auto extreme = [&](bool least) {
    const auto at = std::min_element(measures.begin(), measures.end(), [&](const Value& a, const Value& b) {
      return least ? total_order(a, b) < 0 : total_order(b, a) < 0;
    });
    return at == measures.end() ? Value() : *at;
  };
  switch (aggregates()[cell.function.index].kind) {
    case AggregateKind::count:
    case AggregateKind::changes:
      return count;
    case AggregateKind::sum:
      if (durations || (whole && std::fabs(exact_sum_of(quantities)) < 9e18)) {
        const auto sum = static_cast<std::int64_t>(exact_sum_of(quantities));
        return durations ? Value::duration({sum}) : Value::integer(sum);
      }
      return Value::floating(exact_sum_of(quantities));
    case AggregateKind::avg:
      return quantities.empty() ? Value() : number(exact_sum_of(quantities) / n);
    case AggregateKind::min:
      return extreme(true);
    case AggregateKind::max:
      return extreme(false);
    case AggregateKind::percentile: {
      if (quantities.empty()) return {};
      std::sort(quantities.begin(), quantities.end());
      const double at = cell.alpha / 100 * (n - 1), low = std::floor(at);
      const double below = quantities[static_cast<std::size_t>(low)],
                   above = quantities[static_cast<std::size_t>(std::ceil(at))];
      return number(below + (above - below) * (at - low));
    }
    case AggregateKind::distinct_count:
      return Value::integer(static_cast<std::int64_t>(keys.size()));
    case AggregateKind::first:
      return present.empty() ? Value() : present.front();
    case AggregateKind::last:
      return present.empty() ? Value() : present.back();
    case AggregateKind::delta:
      return measures.empty() ? Value() : operators::subtract(measures.back(), measures.front());
    case AggregateKind::rate:
      if (samples.empty() || from == now) return {};
      return Value::floating(static_cast<double>(samples.size()) / (static_cast<double>((now - from).us) / 1e6));
    case AggregateKind::gap_avg: {
      if (samples.size() < 2) return {};
      double sum = 0;
      for (std::size_t i = 1; i < samples.size(); ++i)
        sum += static_cast<double>((samples[i].time - samples[i - 1].time).us);
      return Value::duration({std::llround(sum / static_cast<double>(samples.size() - 1))});
    }
    case AggregateKind::stddev:
      return quantities.empty() ? Value() : number(deviation_of(quantities));
    case AggregateKind::gap_stddev: {
      std::vector<double> gaps;
      for (std::size_t i = 1; i < samples.size(); ++i)
        gaps.push_back(static_cast<double>((samples[i].time - samples[i - 1].time).us));
      return gaps.empty() ? Value() : Value::duration({std::llround(deviation_of(gaps))});
    }
    case AggregateKind::ema: {
      if (quantities.empty()) return {};
      double e = quantities.front();
      for (std::size_t i = 1; i < quantities.size(); ++i) e = cell.alpha * quantities[i] + (1 - cell.alpha) * e;
      return number(e);
    }
    case AggregateKind::slope: {
      const double origin = static_cast<double>(samples.empty() ? 0 : samples.front().time.us);
      Exact x = 0, y = 0, xx = 0, xy = 0;
      for (const TestSample& s : samples) {
        if (durations ? s.value.type() != Type::duration : !s.value.is_number()) continue;
        const Exact at = Exact{static_cast<double>(s.time.us)} - origin,
                    v = durations ? static_cast<double>(s.value.as_duration().us) : s.value.number();
        x += at, y += v, xx += at * at, xy += at * v;
      }
      const Exact below = n * xx - x * x;
      if (below == 0) return {};
      const double of_measures = static_cast<double>(n * xy - x * y) * 1e6 / static_cast<double>(below);
      return Value::floating(durations ? of_measures / 1e6 : of_measures);  // seconds a second
    }
    case AggregateKind::ratio:
      return second == 0 ? Value() : Value::floating(static_cast<double>(samples.size()) / static_cast<double>(second));
    case AggregateKind::values:
      return present.empty() ? Value() : scratch.list(present);
    case AggregateKind::top: {
      std::map<std::string, std::pair<std::size_t, Value>> counts;
      for (const Value& value : present) {
        std::string shown;
        append_text(shown, value);
        ++counts[shown].first;
        counts[shown].second = value;
      }
      std::vector<Value> out;
      while (out.size() < cell.number && !counts.empty()) {
        const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) {
          return a.second.first < b.second.first;  // of equals the first
        });
        out.push_back(most->second.second);
        counts.erase(most);
      }
      return out.empty() ? Value() : scratch.list(out);
    }
    case AggregateKind::duration:
      break;
  }
  FAIL("not made by this test");
  return {};
}

// What fields hold: whole numbers, prices, durations, now and then something else. Multiples of 2^-20 below 2^40, so
// that Exact is exact.
Value sample_value(std::mt19937_64& random, int kind) {
  const auto below = [&](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  const double broken = static_cast<double>(below(1u << 30) - (1 << 29)) * (below(2) == 0 ? 0x1p-20 : 0x1p10);
  if (below(12) == 0) return {};
  if (below(20) == 0) return Value::text(below(2) == 0 ? "n/a" : "no value, for the probe was taken off");
  switch (kind) {
    case 0:
      return Value::integer(below(7) - 3);
    case 1:
      return Value::floating(broken);
    case 2:
      return Value::duration({below(5'000'000) - 1'000'000});
    case 3:
      return below(2) == 0 ? Value::integer(below(1000)) : Value::floating(broken);
    default:
      return below(2) == 0 ? Value::duration({below(5'000'000)}) : Value::integer(below(5));
  }
}

}  // namespace

TEST_CASE("the exact sum: order, cancellation and overflow on the way do not matter") {
  const auto sum = [](std::initializer_list<double> values) {
    ExactSum s;
    for (const double d : values) s.add(d);
    return s.value();
  };
  constexpr double kMax = std::numeric_limits<double>::max(), kLeast = std::numeric_limits<double>::denorm_min();
  CHECK(sum({}) == 0);
  CHECK(sum({1e308, 1, -1e308}) == 1);
  CHECK(sum({1e16, 1, 1}) == 1e16 + 2);
  CHECK(sum({kMax, kMax, -kMax}) == kMax);
  CHECK(sum({kMax, kMax}) == std::numeric_limits<double>::infinity());
  CHECK(sum({-kMax, -kMax}) == -std::numeric_limits<double>::infinity());
  CHECK(sum({kLeast, kLeast, kLeast}) == 3 * kLeast);
  CHECK(sum({kLeast, -kLeast}) == 0);
  CHECK(sum({-kLeast}) == -kLeast);
  CHECK(sum({1, 0x1p-53}) == 1);                    // a tie goes to even
  CHECK(sum({1, 0x1p-53, kLeast}) == 1 + 0x1p-52);  // and anything more goes up
  CHECK(sum({1 + 0x1p-52, 0x1p-53}) == 1 + 0x1p-51);
  CHECK(sum({0x1p-1022, -kLeast}) == 0x1p-1022 - kLeast);  // into the subnormals
  CHECK(sum({-0.1, -0.2}) == -0.1 + -0.2);
}

TEST_CASE("the exact sum of two is what the machine adds, for any two doubles") {
  std::mt19937_64 random(5);
  for (int i = 0; i < 200'000; ++i) {
    const auto any = [&] {
      double d = 0;
      do d = std::bit_cast<double>(random());
      while (!std::isfinite(d));
      return d;
    };
    const double a = any();
    double b = any();
    if (i % 2 == 0) b = std::ldexp(b, std::ilogb(a) - std::ilogb(b) - static_cast<int>(random() % 60));  // of like size
    ExactSum sum;
    sum.add(a);
    sum.add(b);
    CAPTURE(a);
    CAPTURE(b);
    REQUIRE(sum.value() == a + b);
    sum.subtract(a);
    REQUIRE(sum.value() == b);
    sum.subtract(b);
    REQUIRE(sum.value() == 0);
  }
}

TEST_CASE("the exact sum gives back: after anything was added and taken out, what is left is what a new sum says") {
  std::mt19937_64 random(6);
  ExactSum sum;
  std::vector<double> inside;
  for (int i = 0; i < 20'000; ++i) {
    if (inside.size() > 50) {
      const std::size_t at = random() % inside.size();
      sum.subtract(inside[at]);
      inside.erase(inside.begin() + static_cast<std::ptrdiff_t>(at));
    }
    inside.push_back(std::ldexp(static_cast<double>(static_cast<std::int64_t>(random() >> 12)),
                                static_cast<int>(random() % 1800) - 1000) *
                     (random() % 2 == 0 ? 1 : -1));
    sum.add(inside.back());
    std::shuffle(inside.begin(), inside.end(), random);
    ExactSum anew;
    for (const double d : inside) anew.add(d);
    REQUIRE(sum.value() == anew.value());
  }
}

TEST_CASE("A2, A5: values that are all equal do not deviate") {
  std::mt19937_64 random(8);
  for (int i = 0; i < 20'000; ++i) {
    const double value = i < 200 ? i / 10.0 : std::ldexp(static_cast<double>(random() >> 11), -60);
    Deviation equal;
    for (std::uint64_t n = 2 + random() % 9; n > 0; --n) equal.add(value);
    CAPTURE(value);
    REQUIRE(equal.mean() == value);
    REQUIRE(equal.value() == 0);
  }
}

TEST_CASE("A3: integers that overflow become floats, also together with floats") {
  QuantitySum sum;
  CHECK(json(sum.sum()) == "0");
  CHECK(sum.mean().is_missing());
  sum.add(Value::integer(INT64_MAX));
  sum.add(Value::integer(1));
  CHECK(json(sum.sum()) == "9.223372036854776e+18");
  sum.subtract(Value::integer(1));
  CHECK(json(sum.sum()) == "9223372036854775807");
  sum.add(Value::floating(0.5));
  sum.subtract(Value::integer(INT64_MAX));
  CHECK(json(sum.sum()) == "0.5");
  sum.add(Value::integer(-3));
  CHECK(json(sum.sum()) == "-2.5");
  sum.add(Value::text("3"));  // A1
  sum.add(Value());
  CHECK(json(sum.mean()) == "-1.25");
  CHECK(sum.count() == 2);
}

TEST_CASE("what is kept while a window slides is what a list of its samples says, for every supported aggregate") {
  for (std::size_t row = 0; row < aggregates().size(); ++row) {
    Cell cell;
    cell.function = AggregateId(row);
    const AggregateKind of = aggregates()[row].kind;
    if (of == AggregateKind::duration) continue;  // Lasting, below
    cell.number = 3;
    CAPTURE(aggregates()[row].name);
    for (int kind = 0; kind < 5; ++kind) {
      CAPTURE(kind);
      std::mt19937_64 random(row * 31 + static_cast<std::size_t>(kind));
      cell.alpha = random() % 2 == 0 ? 50 : 99.9;
      if (aggregates()[row].kind == AggregateKind::ema) cell.alpha = 0.25;
      RunningAggregate running(cell);
      std::deque<TestSample> samples;
      Scratch scratch;
      Time now{};
      const std::int64_t length = 1'000'000 * static_cast<std::int64_t>(1 + random() % 40);
      for (int i = 0; i < 3'000; ++i) {
        now = now + Duration{static_cast<std::int64_t>(random() % 3) * 500'000};
        const Value value = sample_value(random, kind);
        samples.push_back({now, value});
        running.insert({now, static_cast<std::uint64_t>(i)}, value);
        const Time from = now - Duration{length};
        while (running.oldest() < from) {
          running.evict();
          samples.pop_front();
        }
        REQUIRE(running.size() == samples.size());
        const std::size_t second = random() % 3;
        REQUIRE(json(running.value(from, now, second)) == json(naive(cell, samples, from, now, second, scratch)));
      }
      while (!running.empty()) running.evict();
      const Value of_nothing = running.value(now, now + Duration{1}, 0);
      REQUIRE(json(of_nothing) == (aggregates()[row].of_nothing == "0" ? "0" : "null"));
    }
  }
}

TEST_CASE("how long the last event was an x: any stretch, also when what was before it is forgotten") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    Lasting lasting;
    std::vector<std::pair<Time, bool>> events;
    Time now{}, cut{INT64_MIN};
    const Duration length{static_cast<std::int64_t>(1 + random() % 60)};
    for (int i = 0; i < 200; ++i) {
      now = now + Duration{static_cast<std::int64_t>(random() % 4)};
      events.emplace_back(now, random() % 3 == 0);
      lasting.take(now, events.back().second);
      lasting.forget(now - length);
      if (random() % 50 == 0) lasting.cut(cut = now - Duration{static_cast<std::int64_t>(random() % 3)});
      const Time to = now + Duration{static_cast<std::int64_t>(random() % 3)};
      const Time from = to - Duration{static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(length.us))};
      Duration expected{};
      for (std::size_t e = 0; e < events.size(); ++e) {
        if (!events[e].second) continue;
        const Time until = e + 1 < events.size() ? std::min(events[e + 1].first, to) : to;
        expected.us += std::max<std::int64_t>(0, until.us - std::max({events[e].first, from, cut}).us);
      }
      REQUIRE(lasting.between(from, to) == expected);
    }
    REQUIRE(lasting.bytes() < 64 * 60 + 1'000);  // of the length, however many there were
  }
}

// A2: what lies between two values is a number, also where the way from one to the other is none.
TEST_CASE("a quantile between the largest values that there are, and at a whole rank of them") {
  constexpr double kMost = std::numeric_limits<double>::max();
  const std::vector<double> three{-kMost, kMost, kMost}, two{-kMost, kMost};
  CHECK(percentile_of_sorted(three, 50) == kMost);
  CHECK(percentile_of_sorted(two, 50) == 0);
  CHECK(percentile_of_sorted(two, 75) / kMost == doctest::Approx(0.5));
  const std::vector<double> low{-kMost, -kMost, kMost};
  CHECK(percentile_of_sorted(low, 50) == -kMost);
}
