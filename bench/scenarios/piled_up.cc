// A sequence with 10 and with 5,000 partial matches open per key costs the same: `a then b then c within D`, where a
// and b pile up and a c comes now and then. Every completion is compared with what the shape says by hand; on a small
// sample the whole alerts are those of the reference matcher.
//
// Constant are single steps that do not look at each other, with `within` around all and an absence at the end: the
// matcher keeps the latest choice for every number of steps, and no older one can be better
// (engine/match/latest_chain.h). Not constant is a filter that looks at another step (`c(v > a.v)`), `where`, `next`,
// `no x` between steps, a bound of one step and a repeated step: there an older choice may be the only one that holds,
// so candidates are kept and searched. The last row shows what that costs; it is no promise.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "bench/scenarios/scenario.h"
#include "engine/program/choose.h"

namespace tocsin::bench {
namespace {

struct Shape {
  const char* name;
  const char* pattern;
  const char* clause;
  bool constant;
};

constexpr Shape kShapes[] = {
    {"then", "a then b then c within {}s", "fire always", true},
    {"starts over", "a then b then c within {}s", "", true},
    {"absence", "(a then b then c within {0}s) then no d within {0}s", "fire always", true},
    {"relation", "a then b then c(v > a.v) within {}s", "fire always", false},
};

std::string rules_of(const Shape& shape, int seconds) {
  std::string events;
  for (const char* name : {"a", "b", "c", "d"})
    events += fmt::format("event {} has k text, v int, ts time  timestamp ts\n", name);
  return fmt::format("{}rule piled when {} by k\n  {}\n  alert low \"{{k}}\"\n", events,
                     fmt::format(fmt::runtime(shape.pattern), seconds), shape.clause);
}

// Ten lines a second for one key: a and b in turn, now and then a c.
struct Line {
  char type;
  std::int64_t ms;
};
constexpr std::int64_t kStart = 1'772'374'800'000, kStep = 100, kEvery = 50;

Line line_at(std::int64_t i) { return {i % kEvery == kEvery - 1 ? 'c' : i % 2 == 0 ? 'a' : 'b', kStart + i * kStep}; }

std::string text_of(const Line& line) {
  return fmt::format(R"({{"event":"{}","ts":{},"k":"one","v":1}})", line.type, line.ms) + "\n";
}

// How long D is for so many a to be open: half of the lines are one.
int seconds_for(int open) { return std::max(1, static_cast<int>(open * 2 * kStep / 1000)); }

// By hand: every c has the a and b before it, which are closer than any D here; an absence that nothing disproves rings
// after D.
std::size_t expected(const Shape& shape, std::int64_t lines, int seconds) {
  if (!shape.constant) return 0;  // no v is larger than another
  const std::int64_t last = kStart + (lines - 1) * kStep;
  const bool waits = std::string_view(shape.name) == "absence";
  std::size_t out = 0;
  for (std::int64_t i = kEvery - 1; i < lines; i += kEvery)
    out += !waits || line_at(i).ms + seconds * 1000 <= last ? 1u : 0u;
  return out;
}

// A search over a few events says the same, and tells nobody that it is one.
void prove_constant(const Shape& shape) {
  const auto rules = compiled(rules_of(shape, 4));
  const Program& program = rules->programs.front();
  const PatternId when = std::get<RuleBody>(program.body).when;
  const bool is_chain = choose_matcher(*rules, program, when, match_options(program)).kind == MatcherKind::latest_chain;
  if (is_chain != shape.constant)
    wrong(fmt::format("{}: another matcher than this scenario takes for granted", shape.name));
}

void prove_small(const Shape& shape) {
  std::vector<tests::EventText> events;
  for (std::int64_t i = 0; i < 110; ++i) {
    tests::EventText event;
    event.type = std::string(1, line_at(i).type);
    event.ms = line_at(i).ms;
    event.fields = fmt::format(R"("k":"one","v":{})", i % 7);
    events.push_back(std::move(event));
  }
  prove_against_reference(rules_of(shape, 4), std::move(events));
}

struct Run {
  Run(const Shape& s, int open) : shape(s), seconds(seconds_for(open)), engine(compiled(rules_of(s, seconds)), "") {}

  void take(const std::string& text, std::int64_t count, bool timed) {
    const double begin = cpu_ns();
    engine.take(text);
    alerts += engine.take_alerts().size();
    if (timed) ns.push_back((cpu_ns() - begin) / static_cast<double>(count));
    lines += count;
  }
  void prove() {
    engine.end();
    alerts += engine.take_alerts().size();
    if (const std::size_t all = expected(shape, lines, seconds); alerts != all)
      wrong(fmt::format("{}: {} alerts of the engine, {} by hand", shape.name, alerts, all));
  }

  const Shape& shape;
  int seconds;
  Pipeline engine;
  std::size_t alerts = 0;
  std::int64_t lines = 0;
  std::vector<double> ns;
};

// Both see the same lines, chunk by chunk in turn.
double ratio_of(const Shape& shape, int few, int many, int chunks, bool print) {
  Run small(shape, few), large(shape, many);
  const std::int64_t chunk = print ? 1'000 : 200;
  const std::int64_t warm = many * 2 / chunk + 1;
  for (std::int64_t i = 0; i < warm + chunks; ++i) {
    std::string text;
    for (std::int64_t n = 0; n < chunk; ++n) text += text_of(line_at(i * chunk + n));
    small.take(text, chunk, i >= warm);
    large.take(text, chunk, i >= warm);
  }
  small.prove();
  large.prove();
  const double ratio = median(large.ns) / median(small.ns);
  if (print)
    fmt::print("{:>12} {:>9.0f} {:>9.0f} {:>8.3f} {:>8} {}\n", shape.name, median(small.ns), median(large.ns), ratio,
               large.alerts, shape.constant ? "" : "(searched)");
  return ratio;
}

int run(bool tiny) {
  for (const Shape& shape : kShapes) {
    prove_constant(shape);
    prove_small(shape);
  }
  if (tiny) {
    for (const Shape& shape : kShapes) ratio_of(shape, 10, 100, 1, false);
    return 0;
  }
  constexpr double kMost = 1.10;
  fmt::print("piled_up: one core of {}; ns of CPU time per line, codec and all, median of the chunks\n", machine());
  fmt::print("{:>12} {:>9} {:>9} {:>8} {:>8}\n", "", "10 open", "5,000", "ratio", "alerts");
  bool good = true;
  for (const Shape& shape : kShapes) {
    const int chunks = shape.constant ? 150 : 4;
    double ratio = ratio_of(shape, 10, 5'000, chunks, true);
    for (int again = 0; again < 2 && shape.constant && ratio > kMost; ++again)
      ratio = std::min(ratio, ratio_of(shape, 10, 5'000, chunks, true));
    if (shape.constant)
      good = at_most(kMost, ratio, fmt::format("piled_up, {}: 5,000 open cost, times 10", shape.name)) && good;
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(tocsin::bench::is_tiny(argc, argv)); }
