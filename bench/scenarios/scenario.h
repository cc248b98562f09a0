// What the scenarios share: the engine as a process runs it, bytes in and alerts out, and how time is taken.
//
// A scenario is a program `NAME_scenario`. It proves its answers first, then prints a table; `--tiny` stops after the
// proof, over little input, which is how the test run executes it. It ends with 1 when an answer is wrong.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/event/batch.h"
#include "engine/io/block.h"
#include "engine/io/decoder.h"
#include "engine/match/alert.h"
#include "engine/program/program.h"
#include "engine/runtime/engine.h"
#include "tests/support/both.h"

namespace tocsin::bench {

// What this thread has cost so far. Wall time would also count what others do on the machine.
double cpu_ns();

// Of several measurements: those that a neighbour disturbed do not count.
double median(std::vector<double> values);

// The least of what some processes measure that begin where this one stands, one after the other: whoever disturbs a
// process only makes it slower, and none works in memory that the one before has left in pieces. Each asks `measure`
// once; all of them must say the same `answer`.
struct Measured {
  double ns = 0;
  std::size_t answer = 0;
};
Measured least_of_processes(std::size_t processes, const std::function<Measured()>& measure);

// "AMD EPYC 9B45, 2 cores": figures without their machine mean nothing.
std::string machine();

bool is_tiny(int argc, char** argv);

// Ends the program with the text on stderr.
[[noreturn]] void wrong(const std::string& why);

// wrong(), unless the engine says of the events what the reference matcher says of them, and something at all. Their
// offsets are given here. `fast` false: the engine's general matchers.
void prove_against_reference(const std::string& rules, std::vector<tests::EventText> events, bool fast = true);

// A figure that was asked for, and its bound: a line of the table with which `./run bench` ends. Returns whether it is
// met.
bool at_least(double target, double figure, const std::string& what);
bool at_most(double target, double figure, const std::string& what);

// The rules, or wrong().
std::shared_ptr<const RuleSet> compiled(const std::string& text);

// One partition of NDJSON lines through codec and engine. `event`: what every line is; empty: its field `event` says
// it.
class Pipeline {
 public:
  // `fast` false: the general matchers alone.
  Pipeline(std::shared_ptr<const RuleSet> rules, const std::string& event, bool fast = true);

  // Whole lines. The block is left with a buffer for the next ones, as with a source's poll.
  void take(Block& block);
  void take(std::string_view lines);
  void end() { engine_->end(partition_); }
  std::vector<Alert> take_alerts() { return engine_->take_alerts(); }

  const Engine& engine() const { return *engine_; }

 private:
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Decoder> decoder_;
  std::size_t partition_ = 0;
  std::uint64_t next_offset_ = 1;
  BatchPool pool_;
  DeadLetters dead_;
};

}  // namespace tocsin::bench
