// Expressions, key bytes, captures and exact sums, one event at a time and in batches. Answers are compared before
// anything is timed. `items_per_second` is events (or values).
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/event/event.h"
#include "engine/event/key.h"
#include "engine/event/owned.h"
#include "engine/match/exact_sum.h"
#include "engine/program/eval.h"
#include "engine/program/functions.h"
#include "engine/program/scratch.h"

namespace tocsin::bench {
namespace {

// What most rules ask: outcome = "failure" and amount > 100, and then a bit more: lower(user) starts with "a".
struct Filters {
  Code code;
  ExprId simple, composed;
};

Filters make_code() {
  Filters made;
  Code& code = made.code;
  code.constants = {{std::string("failure")}, {std::int64_t{100}}, {std::string("a")}};
  const auto lower = find_function("lower")->index;
  const std::vector<ExprInst> both = {{ExprOp::field, 0, 0},      {ExprOp::constant, 0, 0}, {ExprOp::equal, 0, 0},
                                      {ExprOp::field, 1, 0},      {ExprOp::constant, 1, 0}, {ExprOp::greater, 0, 0},
                                      {ExprOp::logical_and, 0, 0}};
  std::vector<ExprInst> more = both;
  more.insert(more.end(), {{ExprOp::field, 2, 0},
                           {ExprOp::call, lower, 1},
                           {ExprOp::constant, 2, 0},
                           {ExprOp::starts_with, 0, 0},
                           {ExprOp::logical_and, 0, 0}});
  const auto add = [&](const std::vector<ExprInst>& instructions) {
    Expr expr;
    expr.begin = static_cast<std::uint32_t>(code.instructions.size());
    code.instructions.insert(code.instructions.end(), instructions.begin(), instructions.end());
    expr.end = static_cast<std::uint32_t>(code.instructions.size());
    code.exprs.push_back(expr);
    return ExprId(code.exprs.size() - 1);
  };
  made.simple = add(both);
  made.composed = add(more);
  return made;
}

struct Events {
  Arena arena;
  std::vector<Event> events;
};

const Events& events() {
  static const Events* made = [] {
    auto* e = new Events;
    std::uint64_t random = 1;
    for (int i = 0; i < 1024; ++i) {
      random = random * 6364136223846793005u + 1442695040888963407u;
      const std::uint64_t r = random >> 33;
      const std::span<Value> row = e->arena.array<Value>(3);
      row[0] = Value::text(e->arena.text(r % 5 == 0 ? "failure" : "success"));
      row[1] = Value::floating(static_cast<double>(r % 2000) / 10);
      row[2] = Value::text(e->arena.text("User-" + std::to_string(r % 10'000)));
      Event event;
      event.fields = row;
      e->events.push_back(event);
    }
    return e;
  }();
  return *made;
}

// By hand, what the expressions mean.
bool by_hand(const Event& event) {
  return event.fields[0].as_text() == "failure" && event.fields[1].as_floating() > 100;
}

void must(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "wrong answer: %s\n", what);
  std::exit(1);
}

void filter_by_hand(benchmark::State& state) {
  for (auto _ : state) {
    std::size_t kept = 0;
    for (const Event& event : events().events) kept += by_hand(event) ? 1u : 0u;
    benchmark::DoNotOptimize(kept);
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}

void filter_one_by_one(benchmark::State& state, bool composed) {
  const Filters code = make_code();
  const Evaluator evaluator(code.code);
  Scratch scratch;
  EvalContext context;
  context.scratch = &scratch;
  for (const Event& event : events().events) {
    context.event = &event;
    must(evaluator.holds(code.simple, context) == by_hand(event), "holds");
  }
  for (auto _ : state) {
    std::size_t kept = 0;
    for (const Event& event : events().events) {
      context.event = &event;
      kept += evaluator.holds(composed ? code.composed : code.simple, context) ? 1u : 0u;
    }
    benchmark::DoNotOptimize(kept);
    scratch.reset();
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}

void filter_in_batches(benchmark::State& state) {
  const Filters code = make_code();
  const Evaluator evaluator(code.code);
  Scratch scratch;
  EvalContext context;
  context.scratch = &scratch;
  std::vector<std::uint32_t> selection;
  const auto run = [&] {
    selection.resize(events().events.size());
    std::iota(selection.begin(), selection.end(), 0u);
    evaluator.filter(code.simple, events().events, context, selection);
  };
  run();
  for (const std::uint32_t at : selection) must(by_hand(events().events[at]), "filter");
  for (auto _ : state) {
    run();
    benchmark::DoNotOptimize(selection.data());
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}

void evaluate_on_the_stack(benchmark::State& state) {  // no splitting into conjuncts: every instruction runs
  const Filters code = make_code();
  const Evaluator evaluator(code.code);
  Scratch scratch;
  EvalContext context;
  context.scratch = &scratch;
  for (auto _ : state)
    for (const Event& event : events().events) {
      context.event = &event;
      benchmark::DoNotOptimize(evaluator.evaluate(code.simple, context));
    }
  state.SetItemsProcessed(state.iterations() * 1024);
}

void key_bytes_and_hash(benchmark::State& state) {
  std::string key;
  for (auto _ : state)
    for (const Event& event : events().events) {
      key.clear();
      append_key(key, event.fields[2]);
      benchmark::DoNotOptimize(hash_bytes(key));
    }
  state.SetItemsProcessed(state.iterations() * 1024);
}

void hash_of_text(benchmark::State& state) {
  for (auto _ : state)
    for (const Event& event : events().events) benchmark::DoNotOptimize(hash_of(event.fields[2]));
  state.SetItemsProcessed(state.iterations() * 1024);
}

void capture_short_text(benchmark::State& state) {
  for (auto _ : state)
    for (const Event& event : events().events) benchmark::DoNotOptimize(OwnedValue(event.fields[2]).view());
  state.SetItemsProcessed(state.iterations() * 1024);
}

void exact_sum_slide(benchmark::State& state) {  // add the newest, subtract the oldest, read
  ExactSum sum;
  const auto& all = events().events;
  for (auto _ : state) {
    for (const Event& event : all) sum.add(event.fields[1].as_floating());
    for (const Event& event : all) sum.subtract(event.fields[1].as_floating());
    double last = 0;
    for (std::size_t i = 0; i < all.size(); ++i) benchmark::DoNotOptimize(last = sum.value());
    must(last == 0, "exact sum");
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}

BENCHMARK(filter_by_hand);
BENCHMARK_CAPTURE(filter_one_by_one, two_comparisons, false);
BENCHMARK_CAPTURE(filter_one_by_one, with_a_function, true);
BENCHMARK(filter_in_batches);
BENCHMARK(evaluate_on_the_stack);
BENCHMARK(key_bytes_and_hash);
BENCHMARK(hash_of_text);
BENCHMARK(capture_short_text);
BENCHMARK(exact_sum_slide);

}  // namespace
}  // namespace tocsin::bench

BENCHMARK_MAIN();
