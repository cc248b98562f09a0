// What does it cost the events that state is kept? While a shard saves what an epoch has changed it reads nothing: for
// how long, with 100,000 and with 1,000,000 keys changed each second (epochs of 200 ms: 20,000 and 200,000 keys each)?
// How much CPU time more does an event cost than without any epochs, and how much of a second of the shard is that: the
// throughput that is lost to it? And what does a key take, in memory and on disk, for each way to match?
//
// Two engines take the same events in turn, one whose state is kept and one that forgets: their alerts are the same, as
// many as known by hand. CPU time of the shard's thread; what storing takes is another thread's and stands beside it.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "adapters/codec/config.h"
#include "adapters/file/disk.h"
#include "adapters/lmdb/store.h"
#include "bench/scenarios/scenario.h"
#include "engine/program/choose.h"
#include "engine/program/reference_data.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/keeper.h"
#include "tests/support/hand_clock.h"

namespace tocsin::bench {
namespace {

constexpr std::int64_t kStart = 1'772'374'800'000;
constexpr std::uint64_t kEpochsASecond = 5;

template <class T>
T good(Result<T> result) {
  if (!result) wrong("checkpoint_pause: " + result.error().message);
  return std::move(result.value());
}

// Lines that somebody writes, in blocks.
class Lines : public Source {
 public:
  using Write = std::function<void(std::string& into, std::uint64_t line)>;  // from 0
  explicit Lines(Write write) : write_(std::move(write)) {}

  std::uint32_t partitions() const override { return 1; }
  bool can_go_back() const override { return true; }
  Result<void> start(std::span<const Progress>) override { return {}; }
  Result<Polled> poll(Block& into, Duration) override {
    if (next_ == until_) return Polled::nothing;
    into.first_offset = next_ + 1;
    std::string text;
    for (; next_ < until_ && text.size() < kBlock; ++next_) write_(text, next_);
    into.bytes.append(text);
    into.next_offset = next_ + 1;
    return Polled::block;
  }
  void pause(std::uint32_t) override {}
  void resume(std::uint32_t) override {}
  void stored(std::span<const Progress>) override {}

  void go_on(std::uint64_t lines) { until_ += lines; }
  std::uint64_t given() const { return next_; }
  std::uint64_t until() const { return until_; }

 private:
  static constexpr std::size_t kBlock = std::size_t{64} << 10;
  const Write write_;
  std::uint64_t next_ = 0, until_ = 0;
};

// A shard and its thread's work, step by step. `folder`: where its state is kept; none: it forgets.
class Life {
 public:
  Life(const std::string& folder, const std::shared_ptr<const RuleSet>& rules, Lines::Write write)
      : rules_(rules),
        lines_(std::move(write)),
        engine_(rules, good(ReferenceData::make(*rules, {})), EngineOptions{}) {
    codec_.event_field = "event";
    Crew::Feed feed{.source = &lines_,
                    .partitions = {engine_.add_partition(SourceId{0}, carried_events(codec_, rules->schema))}};
    feed.make_decoder = [this] { return make_decoder(codec_, rules_->schema); };
    if (!folder.empty()) {
      std::filesystem::create_directories(folder);
      disk_ = good(open_disk(folder));
      LmdbStoreConfig config;
      config.folder = folder;
      store_ = good(LmdbStore::open(config, *disk_));
      keeper_ = std::make_unique<Keeper>(engine_, *store_, std::vector<std::string>{"lines"});
      good(keeper_->restore());
    }
    crew_ = std::make_unique<Crew>(engine_, std::vector{feed},
                                   Crew::Outputs{.alert = [this](const Alert&) { ++alerts_; }}, clock_, keeper_.get());
  }

  struct Took {
    double cpu_ns = 0, longest_ns = 0;  // in all; between two times at which something was read
  };
  // So many lines more, all of them judged. `cuts`: an epoch of all before them begins, which is saved as they are
  // read.
  Took take(std::uint64_t lines, bool cuts) {
    Took took;
    double since = 0;
    lines_.go_on(lines);
    if (cuts) keeper_->begin({});
    if (cuts) crew_->nudge();
    while (lines_.given() < lines_.until() || (cuts && !keeper_->is_ready())) {
      const std::uint64_t before = lines_.given();
      const double began = cpu_ns();
      crew_->step(0);
      const double cost = cpu_ns() - began;
      took.cpu_ns += cost;
      since = lines_.given() == before ? since + cost : 0;  // a step that reads ends the pause before it
      took.longest_ns = std::max(took.longest_ns, since);
    }
    const double began = cpu_ns();
    crew_->work_off();
    took.cpu_ns += cpu_ns() - began;
    return took;
  }
  // What `take` has begun; ns of CPU time.
  double store() {
    const double cpu = cpu_ns();
    const auto stored = good(keeper_->store());
    changes_ = stored.changes;
    bytes_ = stored.bytes;
    store_->delivered(stored.epoch);
    return cpu_ns() - cpu;
  }
  void merge() { good(store_->merge()); }
  // Nothing more comes: all alerts leave.
  void finish() {
    crew_->stop();
    crew_->end();
  }

  std::uint64_t alerts() const { return alerts_; }
  std::uint64_t changes() const { return changes_; }  // of the last epoch
  std::uint64_t bytes() const { return bytes_; }
  StoreFigures figures() const { return store_->figures(); }
  const Engine& engine() const { return engine_; }

 private:
  std::shared_ptr<const RuleSet> rules_;
  CodecConfig codec_;
  Lines lines_;
  tests::HandClock clock_;
  Engine engine_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<LmdbStore> store_;
  std::unique_ptr<Keeper> keeper_;
  std::unique_ptr<Crew> crew_;
  std::uint64_t alerts_ = 0, changes_ = 0, bytes_ = 0;
};

// ----- the pause ------------------------------------------------------------------------------------------

constexpr const char* kCount = R"(
event a has k text, ts time  timestamp ts
rule many
  when 5 a within 12h by k
  alert low "{k}"
)";

double percentile_99(std::vector<double> values) {
  std::ranges::sort(values);
  return values[(values.size() - 1) * 99 / 100];
}

struct Pauses {
  double p99_ms = 0, more = 0, lost = 0;  // of an event's cost; of a second of the shard
};

// `dirty` keys with each of so many epochs, of `keys`.
Pauses measure_pauses(const std::string& folder, std::uint64_t keys, std::uint64_t dirty, std::uint64_t epochs,
                      bool print) {
  const auto write = [keys](std::string& into, std::uint64_t line) {
    fmt::format_to(std::back_inserter(into), "{{\"event\":\"a\",\"ts\":{},\"k\":\"key{:08}\"}}\n",
                   kStart + static_cast<std::int64_t>(line / 1'000), line % keys);
  };
  const auto rules = compiled(kCount);
  Life kept(folder, rules, write), forgets("", rules, write);
  kept.take(keys, false);
  kept.take(dirty, true);
  kept.store();
  forgets.take(keys + dirty, false);
  std::vector<double> with, without, pauses, storing;
  for (std::uint64_t i = 0; i < epochs; ++i) {
    const Life::Took one = kept.take(dirty, true), other = forgets.take(dirty, false);
    storing.push_back(kept.store());
    if (kept.changes() != dirty) wrong(fmt::format("checkpoint_pause: {} changes of {}", kept.changes(), dirty));
    with.push_back(one.cpu_ns / static_cast<double>(dirty));
    without.push_back(other.cpu_ns / static_cast<double>(dirty));
    pauses.push_back((one.longest_ns - other.longest_ns) / 1e6);
    if (i % 8 == 7) kept.merge();
  }
  kept.finish();
  forgets.finish();
  // The fifth event of a key is an alert, and so is none behind it.
  const std::uint64_t lines = keys + dirty * (epochs + 1);
  const std::uint64_t expected = std::min(keys, lines - std::min(lines, 4 * keys));
  if (kept.alerts() != forgets.alerts() || kept.alerts() != expected)
    wrong(fmt::format("checkpoint_pause: {} alerts, {} without epochs, {} by hand", kept.alerts(), forgets.alerts(),
                      expected));
  const double more_ns = median(with) - median(without);
  Pauses out{percentile_99(pauses), more_ns / median(without),
             more_ns * static_cast<double>(dirty * kEpochsASecond) / 1e9};
  if (print)
    fmt::print("{:>12} {:>8} {:>8.2f} {:>8.2f} {:>10.0f} {:>10.0f} {:>8.0f} {:>8.1f} {:>12.1f}\n",
               dirty * kEpochsASecond, epochs, median(pauses), out.p99_ms, median(without), median(with),
               100 * out.more, 100 * out.lost, median(storing) / 1e6);
  return out;
}

// ----- what a key takes -------------------------------------------------------------------------------------

struct Kind {
  const char* name;
  const char* rule;
  std::vector<const char*> events;  // of each key, `v` is the number of the event
};

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"counter", "rule r when 5 a within 12h by k  alert low \"x\"", {"a", "a"}},
      {"streak", "rule r when 5 consecutive a(v >= 0) by k  alert low \"x\"", {"a", "a"}},
      {"sequence", "rule r when a then b then c within 12h by k  alert low \"x\"", {"a", "b"}},
      {"absence", "rule r when no b within 12h after a by k  alert low \"x\"", {"a"}},
      {"all matches", "rule r when a then b then c within 12h by k  fire every match  alert low \"x\"", {"a", "b"}},
      {"automaton", "rule r when a as x then b(v > x.v) then c(v > x.v) within 12h by k  alert low \"x\"", {"a", "b"}},
      {"session", "session s of a by k  ends after 12h idle  with n = count(), m = max(a.v)", {"a", "a"}},
      {"summary", "summary s of a by k  every 12h  with n = count(), m = max(a.v)", {"a", "a"}},
      {"aggregate", "rule r when sum(a.v) > 1000000 within 12h by k  alert low \"x\"", {"a", "a"}},
      {"open alert", "rule r when a(v >= 0) by k  resolve when b  alert low \"x\"", {"a"}},
  };
  return all;
}

void measure_key(const std::string& folder, const Kind& kind, std::uint64_t keys, bool print) {
  std::string text;
  for (const char* type : {"a", "b", "c"})
    text += fmt::format("event {} has k text, v int, ts time  timestamp ts\n", type);
  const auto rules = compiled(text + kind.rule + "\n");
  const std::uint64_t each = kind.events.size();
  const auto write = [&kind, each](std::string& into, std::uint64_t line) {
    fmt::format_to(std::back_inserter(into), "{{\"event\":\"{}\",\"ts\":{},\"k\":\"key{:08}\",\"v\":{}}}\n",
                   kind.events[line % each], kStart + static_cast<std::int64_t>(line / 1'000), line / each,
                   line % each);
  };
  const auto in_use = [] { return static_cast<double>(mallinfo2().uordblks + mallinfo2().hblkhd); };
  std::optional<Life> life;
  life.emplace(folder, rules, write);
  const double before = in_use();
  life->take(keys * each, false);
  life->take(0, true);
  life->store();
  life->merge();
  const double memory = in_use() - before, n = static_cast<double>(keys);
  const Engine& engine = life->engine();
  if (engine.keys(ProgramId{0}) != keys || life->changes() < keys)
    wrong(fmt::format("checkpoint_pause, {}: {} keys and {} changes of {}", kind.name, engine.keys(ProgramId{0}),
                      life->changes(), keys));
  if (print)
    fmt::print("{:>12} {:>8} {:>10.0f} {:>10.0f} {:>10.0f} {:>10.0f}\n", kind.name, each,
               static_cast<double>(engine.lane(0).shard().held()) / n, memory / n,
               static_cast<double>(life->bytes()) / n, static_cast<double>(life->figures().base_bytes) / n);
}

// ----- all of it --------------------------------------------------------------------------------------------

int run(bool tiny) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("tocsin_pause_{}", ::getpid());
  std::filesystem::remove_all(folder);
  int made = 0;
  const auto fresh = [&] { return (folder / std::to_string(++made)).string(); };
  bool met = true;
  if (tiny) {
    measure_pauses(fresh(), 3'000, 1'000, 10, false);
    for (const Kind& kind : kinds()) measure_key(fresh(), kind, 300, false);
  } else {
    fmt::print("checkpoint_pause: {}; 1,000,000 keys, epochs of 200 ms; CPU time of the shard\n", machine());
    fmt::print("{:>12} {:>8} {:>17} {:>21} {:>8} {:>8} {:>12}\n", "", "", "pause, ms", "ns an event", "", "through-",
               "");
    fmt::print("{:>12} {:>8} {:>8} {:>8} {:>10} {:>10} {:>8} {:>8} {:>12}\n", "dirty keys/s", "epochs", "p50", "p99",
               "no epochs", "epochs", "more, %", "put, -%", "to store, ms");
    for (const auto& [dirty, epochs] : {std::pair{20'000u, 100u}, {200'000u, 25u}}) {
      const Pauses pauses = measure_pauses(fresh(), 1'000'000, dirty, epochs, true);
      met = at_most(5, pauses.p99_ms,
                    fmt::format("checkpoint_pause: {} dirty keys/s, p99 in ms", dirty * kEpochsASecond)) &&
            met;
      std::filesystem::remove_all(folder);
    }
    fmt::print("what a key takes, in bytes\n");
    fmt::print("{:>12} {:>8} {:>10} {:>10} {:>10} {:>10}\n", "", "events", "counted", "in memory", "in a delta",
               "in the base");
    for (const Kind& kind : kinds()) measure_key(fresh(), kind, 100'000, true);
  }
  std::filesystem::remove_all(folder);
  return met ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(tocsin::bench::is_tiny(argc, argv)); }
