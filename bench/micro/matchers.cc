// Each matcher alone, and what stands before all of them: events that are there already go through a shard with one
// rule (`matcher/NAME/KEYS`), and through watermark and reorder in order and out of it (`reorder/MS`).
// `items_per_second` is events. First each rule proves that it gets the matcher it is named for, and that its answers
// are those of the reference matcher.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "bench/micro/run.h"
#include "bench/scenarios/scenario.h"
#include "engine/program/choose.h"
#include "engine/runtime/reorder.h"
#include "engine/runtime/shard.h"

namespace tocsin::bench {
namespace {

constexpr const char* kEvents = R"(
event a has k int, v int, ts time  timestamp ts
event b has k int, v int, ts time  timestamp ts
event c has k int, v int, ts time  timestamp ts
)";

struct Row {
  const char* name;
  const char* rule;
  MatcherKind kind;
};
constexpr Row kRows[] = {
    {"counter", "when 5 a(v > 1) within 1m by k", MatcherKind::counter},
    {"streak", "when 5 consecutive a(v > 1) by k", MatcherKind::counter},
    {"latest_chain", "when a(v > 4) then b then c within 1m by k", MatcherKind::latest_chain},
    {"absence", "when a then no b within 5s by k", MatcherKind::latest_chain},
    {"every_chain", "when a then b then c(v > 6) within 5s by k\n  fire every match", MatcherKind::every_chain},
    {"search", "when a as x then b(v > x.v) within 5s by k", MatcherKind::sequence_search},
    {"running_window", "when avg(a.v over 1m) > 4 by k", MatcherKind::running_window},
    {"running_slope", "when slope(a.v over 5s) > 1 by k", MatcherKind::running_window},
    {"running_duration", "when duration(a(v > 4)) > 2s within 5s by k", MatcherKind::running_window},
    {"window", "when 2 (a then b within 10s) within 1m by k", MatcherKind::window},
    {"silence", "when no a for 5s by k", MatcherKind::instant},
    {"idle", "when a after 2s idle by k", MatcherKind::instant},
    {"new_value", "when new a.v in 10s by k", MatcherKind::instant},
    {"hold", "when a(v > 2) for 3s by k", MatcherKind::instant},
    {"distinct", "when 4 distinct a.v within 20s by k", MatcherKind::running_window},
    {"apart", "when 3 a at most 3s apart by k", MatcherKind::running_window},
    {"each", "when 2 a each 10s by k", MatcherKind::window},
    {"top", "when top 3 a.v by count over 20s by k", MatcherKind::running_window},
};

std::string text_of(const Row& row) { return std::string(kEvents) + "rule r\n  " + row.rule + "\n  alert low \"-\"\n"; }

// ----- the answers -----------------------------------------------------------------------------------

void prove(const Row& row) {
  const auto rules = compiled(text_of(row));
  const Program& program = rules->programs.front();
  const PatternId when = std::get<RuleBody>(program.body).when;
  const ChosenMatcher chosen = choose_matcher(*rules, program, when, match_options(program));
  if (chosen.kind != row.kind)
    wrong(std::string(row.name) + " gets " + std::string(name_of(chosen.kind)) + ": " + chosen.why);
  std::mt19937_64 random(5);
  std::vector<tests::EventText> events;
  for (std::int64_t i = 0; i < 120; ++i) {
    tests::EventText e;
    e.type = std::string(1, "abc"[random() % 3]);
    e.ms = i * 700;
    e.fields = "\"k\":" + std::to_string(random() % 3) + ",\"v\":" + std::to_string(random() % 8);
    events.push_back(std::move(e));
  }
  prove_against_reference(text_of(row), std::move(events));
}

// A matcher that is added has its row here.
void prove_every_kind() {
  for (auto kind = MatcherKind::sequence_search; kind <= MatcherKind::instant;
       kind = static_cast<MatcherKind>(static_cast<int>(kind) + 1))
    if (std::ranges::find(kRows, kind, &Row::kind) == std::end(kRows))
      wrong("no benchmark for " + std::string(name_of(kind)));
}

// ----- events ----------------------------------------------------------------------------------------

struct Stream {
  std::vector<Value> values;
  std::vector<Event> events;
  std::vector<const Event*> pointers;
};

// One a millisecond; `disorder`: by how many milliseconds an event may be late.
Stream make_stream(const Schema& schema, std::size_t count, std::uint64_t keys, std::int64_t disorder) {
  std::mt19937_64 random(3);
  Stream out;
  out.values.resize(count * 3);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t type = random() % schema.types.size();
    Event event;
    event.type = EventTypeId(type);
    const auto late = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(disorder + 1));
    event.time = Time{(static_cast<std::int64_t>(i) + disorder - late) * 1000};
    event.position = {SourceId{0}, 0, i + 1};
    Value* row = out.values.data() + i * 3;
    for (const FieldSlot& field : schema.types[type].fields)
      *row++ = field.name() == "ts"  ? Value::time(event.time)
               : field.name() == "k" ? Value::integer(static_cast<std::int64_t>(random() % keys))
                                     : Value::integer(static_cast<std::int64_t>(random() % 8));
    event.fields = {out.values.data() + i * 3, schema.types[type].fields.size()};
    out.events.push_back(event);
  }
  for (const Event& event : out.events) out.pointers.push_back(&event);
  return out;
}

// ----- what is timed ---------------------------------------------------------------------------------

// The same stream again and again, each time later.
void bm_matcher(benchmark::State& state, const Row& row) {
  const auto rules = compiled(text_of(row));
  const auto data = ReferenceData::make(*rules, {});
  if (!data) wrong(data.error().message);
  Shard shard(rules, *data, std::make_shared<const Placement>(*rules, 1), 0);
  constexpr std::size_t kCount = 200'000;
  Stream stream = make_stream(rules->schema, kCount, static_cast<std::uint64_t>(state.range(0)), 0);
  std::vector<EventTypeId> types;
  for (std::size_t i = 0; i < rules->schema.types.size(); ++i) types.emplace_back(i);
  shard.begin_watching(types, Time{});
  for (auto _ : state) {
    for (std::span<const Event* const> left = stream.pointers; !left.empty();) {
      left = left.subspan(shard.on_events(left));
      benchmark::DoNotOptimize(shard.take_alerts());
    }
    state.PauseTiming();
    for (Event& event : stream.events) event.time = event.time + milliseconds(kCount);
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kCount));
}

void bm_reorder(benchmark::State& state) {
  const auto rules = compiled(text_of(kRows[0]));
  const Stream stream = make_stream(rules->schema, 100'000, 1'000, state.range(0));
  std::vector<std::shared_ptr<EventBatch>> batches;
  for (std::size_t i = 0; i < stream.events.size(); ++i) {
    if (i % 800 == 0) batches.push_back(std::make_shared<EventBatch>());
    batches.back()->add(stream.events[i]);
  }
  std::vector<const Event*> due;
  std::vector<LateEvent> late;
  const Lateness lateness{.fixed = milliseconds(state.range(0))};
  for (auto _ : state) {
    StreamClock clock;
    const std::size_t partition = clock.add_partition(lateness, {});
    Intake intake(lateness, 1);
    Waiting waiting(lateness.fixed);
    std::size_t judged = 0;
    for (const auto& batch : batches) {
      due.clear();
      intake.sort_out(batch, {}, clock.stream(), {}, rules->schema, late);
      waiting.put(std::move(intake.parcels().front()));
      clock.came(partition, intake.clock());
      waiting.drain(clock.advance(), due, late);
      judged += due.size();
    }
    benchmark::DoNotOptimize(judged);
    if (!late.empty()) wrong("an event within the wait is late");
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(stream.events.size()));
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) {
  using namespace tocsin::bench;
  for (const Row& row : kRows) {
    auto* made = benchmark::RegisterBenchmark((std::string("matcher/") + row.name).c_str(),
                                              [&row](benchmark::State& state) { bm_matcher(state, row); });
    made->Arg(1'000)->Arg(100'000);
  }
  benchmark::RegisterBenchmark("reorder", bm_reorder)->Arg(0)->Arg(50);
  return run_micro(argc, argv, [] {
    for (const Row& row : kRows) prove(row);
    prove_every_kind();
  });
}
