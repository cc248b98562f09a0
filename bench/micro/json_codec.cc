// The JSON codec against a plain simdjson loop over the same four of eight fields, and against nlohmann. Answers are
// compared before anything is timed. Bytes are per pass over 128 KiB; `items_per_second` is events.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "adapters/codec/config.h"
#include "bench/micro/json_lines.h"
#include "bench/micro/run.h"
#include "engine/event/batch.h"

namespace tocsin::bench {
namespace {

constexpr std::size_t kBlock = std::size_t{128} << 10;

const Bytes& lines() {
  static const Bytes text(make_lines(kBlock, 1'000'000));
  return text;
}

const Schema& schema() {
  static const Schema one = [] {
    Schema s;
    EventType login{.name = "login", .fields = {}, .timestamp = SlotId(0), .tiebreak = {}};
    const auto add = [&](const char* name, Type type) {
      login.fields.push_back({.path = {name}, .type = type, .list = false, .declared = true, .required = true});
    };
    add("ts", Type::time);
    add("user", Type::text);
    add("outcome", Type::text);
    add("amount", Type::floating);
    s.types.push_back(login);
    s.by_name.emplace("login", EventTypeId(0));
    return s;
  }();
  return one;
}

class Codec {
 public:
  Codec() {
    CodecConfig config;
    config.event = "login";
    decoder_ = std::move(*make_decoder(config, schema()));
    block_.source = SourceId(0);
  }

  // The bytes go to the batch and come back from it, as in a run; only the copy is not.
  const EventBatch& decode() {
    batch_.clear();
    if (block_.bytes.empty()) {
      block_.clear();
      block_.bytes.append(lines().view());
    }
    decoder_->decode(block_, batch_, dead_);
    return batch_;
  }
  const DeadLetters& dead() const { return dead_; }

 private:
  std::unique_ptr<Decoder> decoder_;
  Block block_;
  EventBatch batch_;
  DeadLetters dead_;
};

Sums codec(Codec& one) {
  Sums sums;
  for (const Event& e : one.decode().events()) {
    sums.add(e.time.us / 1000, e.field(SlotId(1)).as_text(), e.field(SlotId(2)).as_text(),
             e.field(SlotId(3)).as_floating());
  }
  return sums;
}

Sums naive() {
  Sums sums;
  std::string_view text = lines().view();
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const auto record = nlohmann::json::parse(text.substr(0, end));
    sums.add(record["ts"].get<std::int64_t>(), record["user"].get_ref<const std::string&>(),
             record["outcome"].get_ref<const std::string&>(), record["amount"].get<double>());
    text.remove_prefix(end + 1);
  }
  return sums;
}

void report(benchmark::State& state, const Sums& sums) {
  state.SetItemsProcessed(state.iterations() * sums.events);
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(lines().size()));
}

void bm_codec(benchmark::State& state) {
  Codec one;
  Sums sums;
  for (auto _ : state) benchmark::DoNotOptimize(sums = codec(one));
  report(state, sums);
}
void bm_plain_in_order(benchmark::State& state) {
  Sums sums;
  for (auto _ : state) benchmark::DoNotOptimize(sums = plain_in_order(lines().view()));
  report(state, sums);
}
void bm_plain_any_order(benchmark::State& state) {
  Sums sums;
  for (auto _ : state) benchmark::DoNotOptimize(sums = plain_any_order(lines().view()));
  report(state, sums);
}
void bm_nlohmann(benchmark::State& state) {
  Sums sums;
  for (auto _ : state) benchmark::DoNotOptimize(sums = naive());
  report(state, sums);
}

void prove() {
  Codec one;
  const Sums expected = naive();
  if (codec(one) == expected && one.dead().letters.empty() && plain_in_order(lines().view()) == expected &&
      plain_any_order(lines().view()) == expected && expected.events > 800)
    return;
  std::fprintf(stderr, "the ways of reading JSON do not agree\n");
  std::exit(1);
}

}  // namespace
}  // namespace tocsin::bench

BENCHMARK(tocsin::bench::bm_codec);
BENCHMARK(tocsin::bench::bm_plain_in_order);
BENCHMARK(tocsin::bench::bm_plain_any_order);
BENCHMARK(tocsin::bench::bm_nlohmann);

int main(int argc, char** argv) { return tocsin::bench::run_micro(argc, argv, tocsin::bench::prove); }
