// `fire every match`: what a match costs does not depend on what is kept. `a then b then c within D`, and two ways to
// keep much: "dead ends" are events that each could begin a match and never do, since no b comes behind them: every c
// completes the same few matches beside 10 or 9,000 of them; in "all taken" every event that is kept is part of a
// match, so that a c completes 10 or 9,000.
//
// The number of matches is known by hand; on a small sample the alerts are those of the reference matcher.
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "bench/scenarios/scenario.h"

namespace tocsin::bench {
namespace {

constexpr const char* kRules = R"(
event a has k text, ts time  timestamp ts
event b has k text, ts time  timestamp ts
event c has k text, ts time  timestamp ts
rule chosen when a then b then c within 1d by k
  fire every match
  alert low "{k}"
)";

constexpr std::int64_t kStart = 1'772'374'800'000;

struct Shape {
  const char* name;
  std::int64_t before, b, behind;  // so many a, then so many b, then so many a; a negative number: as many as are kept
};
constexpr Shape kShapes[] = {{"dead ends", 5, 4, -1}, {"all taken", -1, 1, 0}};

std::string history(const Shape& shape, std::int64_t kept) {
  const auto many = [kept](std::int64_t n) { return static_cast<std::size_t>(n < 0 ? kept : n); };
  return std::string(many(shape.before), 'a') + std::string(many(shape.b), 'b') + std::string(many(shape.behind), 'a');
}
std::int64_t matches_of_c(const Shape& shape, std::int64_t kept) {
  return (shape.before < 0 ? kept : shape.before) * shape.b;
}

// One a millisecond.
struct Stream {
  std::int64_t ms = kStart;
  std::string lines(const std::string& types) {
    std::string out;
    for (const char type : types) out += fmt::format(R"({{"event":"{}","ts":{},"k":"one"}})", type, ms++) + "\n";
    return out;
  }
};

void prove_small(const Shape& shape) {
  std::vector<tests::EventText> events;
  for (const char type : history(shape, 7) + "ccacbc") {
    tests::EventText event;
    event.type = std::string(1, type);
    event.ms = kStart + static_cast<std::int64_t>(events.size());
    event.fields = R"("k":"one")";
    events.push_back(std::move(event));
  }
  prove_against_reference(kRules, std::move(events));
}

// So many events are kept; then come so many c that there are about as many matches in each chunk.
class Run {
 public:
  Run(const Shape& shape, std::int64_t kept, std::int64_t matches)
      : engine_(compiled(kRules), ""),
        each_(matches_of_c(shape, kept)),
        chunk_(std::max<std::int64_t>(1, matches / each_)) {
    engine_.take(stream_.lines(history(shape, kept)));
  }
  void take() {
    const std::string text = stream_.lines(std::string(static_cast<std::size_t>(chunk_), 'c'));
    const double begin = cpu_ns();
    engine_.take(text);
    const auto alerts = static_cast<std::int64_t>(engine_.take_alerts().size());
    ns_.push_back((cpu_ns() - begin) / static_cast<double>(alerts));
    if (alerts != each_ * chunk_) wrong(fmt::format("{} matches of the engine, {} by hand", alerts, each_ * chunk_));
  }
  double ns() const { return median(ns_); }

 private:
  Stream stream_;
  Pipeline engine_;
  std::int64_t each_, chunk_;
  std::vector<double> ns_;
};

// Both in turn, so that what disturbs one disturbs the other.
double ratio_of(const Shape& shape, std::int64_t few, std::int64_t many, int chunks, bool print) {
  Run small(shape, few, many), large(shape, many, many);
  for (int i = 0; i < chunks; ++i) {
    small.take();
    large.take();
  }
  if (print)
    fmt::print("{:>12} {:>10.0f} {:>10.0f} {:>8.3f}\n", shape.name, small.ns(), large.ns(), large.ns() / small.ns());
  return large.ns() / small.ns();
}

int run(bool tiny) {
  for (const Shape& shape : kShapes) prove_small(shape);
  if (tiny) {
    for (const Shape& shape : kShapes) ratio_of(shape, 10, 200, 2, false);
    return 0;
  }
  constexpr double kMost = 1.10;
  fmt::print("every_match: one core of {}; ns of CPU time per match, alert and all, median of the chunks\n", machine());
  fmt::print("{:>12} {:>10} {:>10} {:>8}\n", "", "10 kept", "9,000", "ratio");
  bool good = true;
  for (const Shape& shape : kShapes) {
    double ratio = ratio_of(shape, 10, 9'000, 40, true);
    for (int again = 0; again < 2 && ratio > kMost; ++again)
      ratio = std::min(ratio, ratio_of(shape, 10, 9'000, 40, true));
    good = at_most(kMost, ratio, fmt::format("every_match, {}: a match with 9,000 kept costs, times 10", shape.name)) &&
           good;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(tocsin::bench::is_tiny(argc, argv)); }
