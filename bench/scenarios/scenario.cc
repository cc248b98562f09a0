#include "bench/scenarios/scenario.h"

#include <fmt/format.h>

#include <sys/wait.h>
#include <unistd.h>

#include <ctime>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <thread>
#include <utility>

#include "adapters/codec/config.h"
#include "dsl/compile.h"
#include "engine/program/reference_data.h"

namespace tocsin::bench {

double cpu_ns() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

Measured least_of_processes(std::size_t processes, const std::function<Measured()>& measure) {
  Measured least;
  for (std::size_t i = 0; i < processes; ++i) {
    std::fflush(stdout);
    int ends[2];
    if (pipe(ends) != 0) wrong("no pipe to a process that measures");
    const pid_t child = fork();
    if (child < 0) wrong("no process that measures");
    if (child == 0) {
      const Measured one = measure();
      _exit(write(ends[1], &one, sizeof one) == sizeof one ? 0 : 1);
    }
    close(ends[1]);
    Measured one;
    if (read(ends[0], &one, sizeof one) != sizeof one) wrong("a process that measures has ended without an answer");
    close(ends[0]);
    waitpid(child, nullptr, 0);
    if (i > 0 && one.answer != least.answer)
      wrong(fmt::format("{} and {} of the same events", least.answer, one.answer));
    if (i == 0 || one.ns < least.ns) least = one;
  }
  return least;
}

std::string machine() {
  std::ifstream info("/proc/cpuinfo");
  std::string line, model = "an unknown processor";
  while (std::getline(info, line))
    if (line.starts_with("model name")) model = line.substr(line.find(':') + 2);
  return model + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

bool is_tiny(int argc, char** argv) { return argc > 1 && std::string_view(argv[1]) == "--tiny"; }

void wrong(const std::string& why) {
  std::fprintf(stderr, "%s\n", why.c_str());
  std::exit(1);
}

void prove_against_reference(const std::string& rules, std::vector<tests::EventText> events, bool fast) {
  std::string why;
  const auto ready = tests::make_ready(rules, &why);
  if (!ready) wrong("the rules have a mistake: " + why + "\n" + rules);
  tests::Case c;
  c.events = std::move(events);
  for (std::size_t i = 0; i < c.events.size(); ++i) c.events[i].offset = i + 1;
  const tests::Lines ours = tests::engine_lines(*ready, c, 64, {.fast = fast}),
                     theirs = tests::reference_lines(*ready, c);
  if (ours.empty() || tests::difference(ours, theirs))
    wrong(fmt::format("{} lines of the engine, {} of the reference matcher, and they differ or are none\n{}",
                      ours.size(), theirs.size(), rules));
}

namespace {

// `./run bench` looks for these lines.
bool goal(bool met, const char* bound, double target, double figure, const std::string& what) {
  fmt::print("goal: {:<64} {:>8.2f}   {} {:<6g} {}\n", what, figure, bound, target, met ? "met" : "NOT MET");
  return met;
}

}  // namespace

bool at_least(double target, double figure, const std::string& what) {
  return goal(figure >= target, ">=", target, figure, what);
}
bool at_most(double target, double figure, const std::string& what) {
  return goal(figure <= target, "<=", target, figure, what);
}

std::shared_ptr<const RuleSet> compiled(const std::string& text) {
  const dsl::Compiled out = dsl::compile(std::vector<dsl::SourceText>{{"scenario.rules", text}});
  if (!out.ok()) wrong(out.diagnostics.empty() ? "the rules have a mistake" : out.diagnostics.front().message);
  return out.rules;
}

Pipeline::Pipeline(std::shared_ptr<const RuleSet> rules, const std::string& event, bool fast) {
  CodecConfig codec;
  codec.event = event;
  codec.event_field = event.empty() ? "event" : "";
  auto data = ReferenceData::make(*rules, {{std::vector<std::vector<std::string>>(rules->lists.size())}, {}});
  if (!data) wrong(data.error().message);
  auto decoder = make_decoder(codec, rules->schema);
  if (!decoder) wrong(decoder.error().message);
  decoder_ = std::move(*decoder);
  engine_ = std::make_unique<Engine>(rules, *data, EngineOptions{.fast = fast});
  partition_ = engine_->add_partition(SourceId{0}, carried_events(codec, rules->schema));
}

void Pipeline::take(Block& block) {
  block.source = SourceId{0};
  block.first_offset = next_offset_;
  const std::shared_ptr<EventBatch> batch = pool_.take();
  decoder_->decode(block, *batch, dead_);
  next_offset_ += batch->size();
  engine_->take(partition_, batch);
  if (!dead_.letters.empty()) wrong("a dead letter: " + dead_.letters.front().detail);
}

void Pipeline::take(std::string_view lines) {
  Block block;
  block.bytes.append(lines);
  take(block);
}

}  // namespace tocsin::bench
