// Expressions, key bytes, captures and exact sums, one event at a time and in batches. Answers are compared before
// anything is timed. `items_per_second` is events (or values).
#include <benchmark/benchmark.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <numeric>
#include <string>
#include <vector>

#include "bench/micro/run.h"
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

// What most rules ask: outcome = "failure" and amount > 100, and then a bit more: lower(user) starts with "user-1".
struct Filters {
  Code code;
  ExprId simple, composed;
};

Filters make_code() {
  Filters made;
  Code& code = made.code;
  code.constants = {{std::string("failure")}, {std::int64_t{100}}, {std::string("user-1")}};
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
bool composed_by_hand(const Event& event) { return by_hand(event) && event.fields[2].as_text().starts_with("User-1"); }

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

constexpr std::size_t kWindow = 100;

void exact_sum_slide(benchmark::State& state) {  // add the newest, subtract the oldest, read
  ExactSum sum;
  const auto& all = events().events;
  for (std::size_t i = all.size() - kWindow; i < all.size(); ++i) sum.add(all[i].fields[1].as_floating());
  for (auto _ : state)
    for (std::size_t i = 0; i < all.size(); ++i) {
      sum.add(all[i].fields[1].as_floating());
      sum.subtract(all[(i + all.size() - kWindow) % all.size()].fields[1].as_floating());
      benchmark::DoNotOptimize(sum.value());
    }
  state.SetItemsProcessed(state.iterations() * 1024);
}

// ----- the answers --------------------------------------------------------------------------------------------------

void prove_filters() {
  const Filters code = make_code();
  const Evaluator evaluator(code.code);
  Scratch scratch;
  EvalContext context;
  context.scratch = &scratch;
  std::vector<std::uint32_t> selection(events().events.size()), expected;
  std::size_t composed = 0;
  for (std::uint32_t i = 0; i < events().events.size(); ++i) {
    const Event& event = events().events[i];
    context.event = &event;
    must(evaluator.holds(code.simple, context) == by_hand(event), "two comparisons");
    must(evaluator.holds(code.composed, context) == composed_by_hand(event), "with a function");
    const Value value = evaluator.evaluate(code.simple, context);
    must(value.type() == Type::boolean && value.as_boolean() == by_hand(event), "evaluated on the stack");
    if (by_hand(event)) expected.push_back(i);
    composed += composed_by_hand(event);
  }
  must(!expected.empty() && composed > 0 && composed < expected.size(), "the events say nothing");
  std::iota(selection.begin(), selection.end(), 0u);
  evaluator.filter(code.simple, events().events, context, selection);
  must(selection == expected, "filtered in batches");
}

// Equal users have equal key bytes and hashes, others have others; what is captured is what was there.
void prove_keys() {
  std::map<std::string, std::string> user_of_key;
  std::map<std::uint64_t, std::string> user_of_bytes, user_of_hash;
  for (const Event& event : events().events) {
    const std::string user(event.fields[2].as_text());
    std::string key;
    append_key(key, event.fields[2]);
    must(user_of_key.try_emplace(key, user).first->second == user, "key bytes");
    must(user_of_bytes.try_emplace(hash_bytes(key), user).first->second == user, "the hash of key bytes");
    must(user_of_hash.try_emplace(hash_of(event.fields[2]), user).first->second == user, "the hash of a text");
    must(OwnedValue(event.fields[2]).view().as_text() == user, "captured");
  }
  must(user_of_key.size() > 900 && user_of_bytes.size() == user_of_key.size() &&
           user_of_hash.size() == user_of_key.size(),
       "as many keys as users");
}

void prove_sums() {
  ExactSum sum;
  const auto& all = events().events;
  for (std::size_t i = 0; i < all.size(); ++i) {
    sum.add(all[i].fields[1].as_floating());
    if (i >= kWindow) sum.subtract(all[i - kWindow].fields[1].as_floating());
    long double by_hand = 0;  // 100 numbers below 200: exact enough to round to the same double or its neighbour
    for (std::size_t j = i >= kWindow ? i - kWindow + 1 : 0; j <= i; ++j) by_hand += all[j].fields[1].as_floating();
    must(std::abs(sum.value() - static_cast<double>(by_hand)) <= 1e-11, "the sum of a window");
  }
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

int main(int argc, char** argv) {
  return tocsin::bench::run_micro(argc, argv, [] {
    tocsin::bench::prove_filters();
    tocsin::bench::prove_keys();
    tocsin::bench::prove_sums();
  });
}
