// A window of 10,000 events costs no more than one of 100: conditions on count, sum, avg, min, max, distinct_count and
// stddev over one stream, the same lines for both windows, one key. Every condition turns true and false with the waves
// of the data, and what the engine says is compared with a program that keeps the window by hand; on a small sample
// with the reference matcher, too.
//
// Percentiles, `top`, `values`, `duration`, `slope` and `forecast` are not measured here (engine/match/running.h says what
// they cost).
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <utility>

#include "bench/scenarios/scenario.h"

namespace tocsin::bench {
namespace {

// One event every 10 ms, in waves: more often and less often, with larger and smaller values.
struct Line {
  std::int64_t us;
  std::int64_t value;
};

class Lines {
 public:
  explicit Lines(std::int64_t wave) : wave_(wave) {}

  Line next() {
    const bool high = (number_++ / wave_) % 2 == 0;
    random_ = random_ * 6364136223846793005u + 1442695040888963407u;
    us_ += high ? 9'000 : 11'000;
    // Of 32 values in the high wave the upper, in the low wave a few of the lower.
    const auto r = static_cast<std::int64_t>(random_ >> 40);
    return {us_, high ? 16 + r % 16 : r % 12};
  }

 private:
  std::int64_t wave_, number_ = 0, us_ = 1'772'374'800'000'000;
  std::uint64_t random_ = 7;
};

std::string text_of(const Line& line) {
  return fmt::format(R"({{"ts":{},"k":"one","v":{}}})", line.us / 1000, line.value) + "\n";
}

// The window by hand: integers, so every value is exact.
struct ByHand {
  std::int64_t length_us;
  std::deque<Line> lines;
  std::map<std::int64_t, std::int64_t> values;
  std::int64_t sum = 0, squares = 0;

  void add(const Line& line) {
    lines.push_back(line);
    ++values[line.value];
    sum += line.value;
    squares += line.value * line.value;
  }
  void drop_oldest() {
    const std::int64_t v = lines.front().value;
    if (--values[v] == 0) values.erase(v);
    sum -= v;
    squares -= v * v;
    lines.pop_front();
  }
  auto size() const { return static_cast<std::int64_t>(lines.size()); }
};

// More different values than either wave has; of a window that is too short for that, half of what it holds.
std::int64_t many_different(std::int64_t size) { return std::min<std::int64_t>(16, size / 2 + 1); }

struct Shape {
  const char* name;
  const char* condition;  // with {0} for the window, {1} for how many events it holds, {2} for many_different() of them
  bool (*holds)(const ByHand& window, std::int64_t size);
};

constexpr Shape kShapes[] = {
    {"count", "count(x over {0}) > {1}", [](const ByHand& w, std::int64_t n) { return w.size() > n; }},
    {"sum", "sum(x.v over {0}) > 15 * {1}", [](const ByHand& w, std::int64_t n) { return w.sum > 15 * n; }},
    {"avg", "avg(x.v over {0}) > 15", [](const ByHand& w, std::int64_t) { return w.sum > 15 * w.size(); }},
    {"min", "min(x.v over {0}) >= 16", [](const ByHand& w, std::int64_t) { return w.values.begin()->first >= 16; }},
    {"max", "max(x.v over {0}) >= 16", [](const ByHand& w, std::int64_t) { return w.values.rbegin()->first >= 16; }},
    {"distinct", "distinct_count(x.v over {0}) > {2}",
     [](const ByHand& w, std::int64_t n) { return static_cast<std::int64_t>(w.values.size()) > many_different(n); }},
    {"stddev", "stddev(x.v over {0}) > 6",
     [](const ByHand& w, std::int64_t) {  // n * sum of squares - sum^2 > (6 n)^2, in integers
       return w.size() * w.squares - w.sum * w.sum > 36 * w.size() * w.size();
     }},
};

std::string rules_of(const Shape& shape, std::int64_t size) {
  return fmt::format(
      "event x has k text, v int, ts time  timestamp ts\nrule long\n  when {}\n  by k\n  alert low \"{{count}}\"\n",
      fmt::format(fmt::runtime(shape.condition), fmt::format("{}ms", size * 10), size, many_different(size)));
}

// Times and counts of the alerts, which is what can be wrong.
using Found = std::vector<std::pair<std::int64_t, std::uint64_t>>;

struct Run {
  Pipeline engine;
  ByHand window;
  const Shape& shape;
  std::int64_t size;
  bool armed = true;
  Found by_engine, by_hand;
  std::vector<double> ns;

  Run(const Shape& s, std::int64_t n)
      : engine(compiled(rules_of(s, n)), "x"), window{n * 10'000, {}, {}}, shape(s), size(n) {}

  // The time is what the engine took.
  void take(const std::vector<Line>& lines, const std::string& text, bool timed) {
    const double begin = cpu_ns();
    engine.take(text);
    if (timed) ns.push_back((cpu_ns() - begin) / static_cast<double>(lines.size()));
    for (const Alert& alert : engine.take_alerts()) by_engine.emplace_back(alert.time.us, alert.count);
    for (const Line& line : lines) {
      const std::int64_t now = line.us / 1000 * 1000;
      // What leaves may make it true, too; but only an event that finds it false arms (F1).
      while (window.size() > 0 && window.lines.front().us + window.length_us < now) {
        const std::int64_t left = window.lines.front().us;
        while (window.size() > 0 && window.lines.front().us == left) window.drop_oldest();
        if (holds() && std::exchange(armed, false)) by_hand.emplace_back(left + window.length_us, window.size());
      }
      armed = armed || window.size() == 0;
      window.add({now, line.value});
      if (!holds())
        armed = true;
      else if (std::exchange(armed, false))
        by_hand.emplace_back(now, window.size());
    }
  }
  bool holds() const { return window.size() > 0 && shape.holds(window, size); }

  void prove() {
    engine.end();
    for (const Alert& alert : engine.take_alerts()) by_engine.emplace_back(alert.time.us, alert.count);
    if (by_engine.empty() || by_engine != by_hand)
      wrong(fmt::format("{} over {} events: {} alerts of the engine, {} by hand, and they differ or are none",
                        shape.name, size, by_engine.size(), by_hand.size()));
  }
};

void prove_small(const Shape& shape) {
  std::vector<tests::EventText> events;
  Lines lines(20);
  for (int i = 0; i < 90; ++i) {
    const Line line = lines.next();
    tests::EventText event;
    event.type = "x";
    event.ms = line.us / 1000;
    event.fields = fmt::format(R"("k":"one","v":{})", line.value);
    events.push_back(std::move(event));
  }
  prove_against_reference(rules_of(shape, 10), std::move(events));
}

// Both windows see the same lines, chunk by chunk in turn, so that what disturbs one disturbs the other.
double ratio_of(const Shape& shape, std::int64_t shorter, std::int64_t longer, int chunks, bool print) {
  Run small(shape, shorter), large(shape, longer);
  Lines lines(longer * 2);
  std::vector<Line> chunk(print ? 2'000 : 300);
  const std::int64_t warm = longer / static_cast<std::int64_t>(chunk.size()) + 1;  // until the long window is full
  for (std::int64_t i = 0; i < warm + chunks; ++i) {
    std::string text;
    for (Line& line : chunk) text += text_of(line = lines.next());
    small.take(chunk, text, i >= warm);
    large.take(chunk, text, i >= warm);
  }
  small.prove();
  large.prove();
  const double ratio = median(large.ns) / median(small.ns);
  if (print)
    fmt::print("{:>10} {:>11.0f} {:>11.0f} {:>8.3f} {:>7}\n", shape.name, median(small.ns), median(large.ns), ratio,
               small.by_engine.size() + large.by_engine.size());
  return ratio;
}

int run(bool tiny) {
  for (const Shape& shape : kShapes) prove_small(shape);
  if (tiny) {
    for (const Shape& shape : kShapes) ratio_of(shape, 50, 200, 2, false);
    return 0;
  }
  constexpr double kMost = 1.05;
  fmt::print("long_window: one core of {}; ns of CPU time per line, codec and all, median of the chunks\n", machine());
  fmt::print("{:>10} {:>11} {:>11} {:>8} {:>7}\n", "", "100 events", "10,000", "ratio", "alerts");
  bool good = true;
  for (const Shape& shape : kShapes) {
    double ratio = ratio_of(shape, 100, 10'000, 120, true);
    for (int again = 0; again < 2 && ratio > kMost; ++again)
      ratio = std::min(ratio, ratio_of(shape, 100, 10'000, 120, true));
    good = at_most(kMost, ratio, fmt::format("long_window, {}: 10,000 events cost, times 100", shape.name)) && good;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(tocsin::bench::is_tiny(argc, argv)); }
