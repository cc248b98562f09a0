// How long is it from a start to the first event that is judged, with ten million keys in durable state? What does a
// key take on disk and in memory, and what does an event cost whose key is on disk alone? Wall time, on the disk of the
// folder for temporary files (TMPDIR names another).
//
// Every key has been seen once; a second event of any of them is an alert. So the first alert after a start proves that
// what durable state had has been read, and as many alerts as events that all of it is there.
//
// And behind a crash, when nothing has been merged yet: how long is it with fifty deltas of half a million events?
//
// The same of a rule that waits: every key has been seen once within its twelve hours, and from the start on one key's
// time is up with each event.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "adapters/file/disk.h"
#include "adapters/lmdb/store.h"
#include "bench/scenarios/scenario.h"
#include "engine/program/reference_data.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/keeper.h"
#include "engine/runtime/publisher.h"
#include "engine/runtime/steward.h"

namespace tocsin::bench {
namespace {

constexpr const char* kTwice = R"(
event login has user text, ts time  timestamp ts
rule twice
  when 2 login within 12h by user
  alert low "{user}"
)";
constexpr const char* kAbsence = R"(
event login has user text, ts time  timestamp ts
event logout has user text, ts time  timestamp ts
rule forgotten
  when login then no logout within 12h by user
  alert low "{user}"
)";
constexpr std::uint64_t kWaitMs = 12 * 3'600'000;
constexpr std::uint64_t kDeltas = 50;

template <class T>
T good(Result<T> result) {
  if (!result) wrong("recovery: " + result.error().message);
  return std::move(result.value());
}

class WallClock : public Clock {
 public:
  Time now() const override { return {}; }
  Duration elapsed() const override {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return Duration{std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
  }
};

// A login of each key, in order; then of keys in another order, for ever, or where the rule waits, of new ones.
class Logins : public Source {
 public:
  Logins(std::uint64_t keys, bool waits) : keys_(keys), waits_(waits) {}

  std::uint32_t partitions() const override { return 1; }
  bool can_go_back() const override { return true; }
  Result<void> start(std::span<const Progress> from) override {
    if (!from.empty()) next_ = from.front().next_offset;
    return {};
  }
  Result<Polled> poll(Block& into, Duration) override {
    if (next_ > until_) return Polled::nothing;
    into.first_offset = next_;
    std::string line;
    for (; next_ <= until_ && into.bytes.size() < kBlock; ++next_) {
      line.clear();
      fmt::format_to(std::back_inserter(line), "{{\"ts\":{},\"user\":\"user{:08}\"}}\n",
                     1'772'374'800'000 + (waits_ ? next_ * kWaitMs / keys_ : next_), key_of(next_));
      into.bytes.append(line);
    }
    into.next_offset = next_;
    return Polled::block;
  }
  void pause(std::uint32_t) override {}
  void resume(std::uint32_t) override {}
  void stored(std::span<const Progress>) override {}

  void go_on(std::uint64_t until) { until_ = until; }
  std::uint64_t key_of(std::uint64_t line) const {
    return line <= keys_ || waits_ ? line : (line * 0x9E3779B97F4A7C15 >> 20) % keys_ + 1;
  }

 private:
  static constexpr std::size_t kBlock = std::size_t{128} << 10;
  const std::uint64_t keys_;
  const bool waits_;
  std::uint64_t next_ = 1, until_ = 0;
};

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// A process, from its start to its end.
class Life {
 public:
  Life(const std::string& folder, const std::shared_ptr<const RuleSet>& rules, Logins& logins,
       Duration epoch = seconds(1))
      : disk_(good(open_disk(folder))), rules_(rules), publisher_({}) {
    LmdbStoreConfig config;
    config.folder = folder;
    config.verdict_wait = {};  // here all is one thread; the daemon judges events while an epoch waits for the verdict
    store_ = good(LmdbStore::open(config, *disk_));
    codec_.event = "login";
    const auto data = good(ReferenceData::make(*rules, {}));
    engine_ = std::make_unique<Engine>(rules, data, EngineOptions{});
    Crew::Feed feed{.source = &logins,
                    .partitions = {engine_->add_partition(SourceId{0}, carried_events(codec_, rules->schema))}};
    feed.make_decoder = [this] { return make_decoder(codec_, rules_->schema); };
    keeper_ = std::make_unique<Keeper>(*engine_, *store_, std::vector<std::string>{"logins"});
    const Keeper::Resumed resumed = good(keeper_->restore());
    if (!publisher_.open(resumed.sinks, resumed.newest, resumed.outboxes)) wrong("recovery: no publisher");
    if (!logins.start(resumed.from)) wrong("recovery: no source");
    crew_ = std::make_unique<Crew>(*engine_, std::vector{feed},
                                   Crew::Outputs{.alert = [this](const Alert&) { ++alerts_; }}, clock_, keeper_.get());
    steward_ = std::make_unique<Steward>(*keeper_, *crew_, publisher_, Steward::Pace{.epoch = epoch});
  }
  std::uint64_t judged() const { return engine_->counters(ProgramId{0}).events; }
  template <class Done>
  void work(const Done& is_done) {
    while (!is_done()) {
      for (int i = 0; i < 16; ++i) crew_->step(0);
      steward_->step(clock_.elapsed());
      if (!publisher_.step()) wrong("recovery: the publisher fails");
      if (!steward_->trouble().empty()) wrong("recovery: " + steward_->trouble());
    }
  }
  // All is stored; what was merged before is, too.
  void end() {
    crew_->stop();
    crew_->end();
    if (!steward_->finish(clock_.elapsed())) wrong("recovery: the last epoch cannot be stored");
    while (good(publisher_.step())) {
    }
  }
  // What has been judged is an epoch, however long ago the last one was; then it reads on.
  void store() {
    end();
    crew_->go_on();
  }
  void merge() { good(store_->merge()); }
  std::uint64_t alerts() const { return alerts_; }
  std::uint64_t brought() const { return keeper_->brought(); }
  std::uint64_t bytes() const { return engine_->bytes(ProgramId{0}); }
  StoreFigures figures() const { return store_->figures(); }

 private:
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<LmdbStore> store_;
  std::shared_ptr<const RuleSet> rules_;
  CodecConfig codec_;
  WallClock clock_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Keeper> keeper_;
  Publisher publisher_;
  std::unique_ptr<Crew> crew_;
  std::unique_ptr<Steward> steward_;
  std::uint64_t alerts_ = 0;
};

int run(bool tiny, std::uint64_t keys, bool waits) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("tocsin_recovery_{}", ::getpid());
  std::filesystem::remove_all(folder);
  const std::uint64_t more = tiny ? 2'000 : 500'000;
  const auto rules = compiled(waits ? kAbsence : kTwice);
  Logins logins(keys, waits);
  bool met = true;
  {
    std::optional<Life> first;
    first.emplace(folder.string(), rules, logins);
    auto began = std::chrono::steady_clock::now();
    logins.go_on(keys);
    first->work([&] { return first->judged() == keys; });
    const double memory = static_cast<double>(first->bytes()) / static_cast<double>(keys);
    first->end();
    first->merge();
    const double filled = seconds_since(began);
    if (first->alerts() != 0) wrong("recovery: an alert of a key that was seen once");
    const double disk = static_cast<double>(first->figures().base_bytes) / static_cast<double>(keys);
    first.reset();

    began = std::chrono::steady_clock::now();
    std::optional<Life> second;
    second.emplace(folder.string(), rules, logins, hours(1));
    const double opened = seconds_since(began);
    logins.go_on(keys + 100);
    second->work([&] { return second->alerts() > 0 || second->judged() == 100; });
    const double ready = seconds_since(began);
    if (second->alerts() == 0) wrong("recovery: the first event after the start has not found its key");
    began = std::chrono::steady_clock::now();
    for (std::uint64_t piece = 1; piece <= kDeltas; ++piece) {
      logins.go_on(keys + more * piece / kDeltas);
      second->work([&] { return second->judged() >= more * piece / kDeltas; });
      second->store();
    }
    const double each_us = seconds_since(began) * 1e6 / static_cast<double>(more);
    const std::uint64_t brought = second->brought();
    second->end();
    const StoreFigures left = second->figures();
    if (left.deltas < kDeltas) wrong(fmt::format("recovery: {} deltas are left over", left.deltas));
    // What is due at the time of the last event has not come yet. Where the rule counts: a key that comes more than
    // once has been found the first time; after that its alert is open.
    std::vector<bool> seen(keys + 1);
    for (std::uint64_t line = keys + 1; !waits && line <= keys + more; ++line) seen[logins.key_of(line)] = true;
    const auto expected = waits ? more - 1 : static_cast<std::uint64_t>(std::ranges::count(seen, true));
    if (second->alerts() != expected) wrong(fmt::format("recovery: {} alerts of {} keys", second->alerts(), expected));
    second.reset();
    began = std::chrono::steady_clock::now();
    if (!check_base_in_child(folder.string() + "/base.mdb")) wrong("recovery: the base is damaged");
    const double looked_at = seconds_since(began);

    began = std::chrono::steady_clock::now();
    std::optional<Life> third;
    third.emplace(folder.string(), rules, logins);
    logins.go_on(keys + more + 100);
    third->work([&] { return third->judged() == 100; });
    const double ready_behind_crash = seconds_since(began);
    third.reset();
    if (!tiny) {
      fmt::print("recovery: {}; {} keys{}, made and stored in {:.1f} s; wall time\n", machine(), keys,
                 waits ? ", for each of which something is due" : "", filled);
      fmt::print("a key takes {:.0f} bytes in memory, {:.0f} on disk\n", memory, disk);
      fmt::print("state opened after {:.0f} ms, the first event judged after {:.0f} ms\n", opened * 1e3, ready * 1e3);
      fmt::print("all of the base is looked at within {:.0f} ms; until then no epoch is stored\n", looked_at * 1e3);
      fmt::print("{} events of keys all over: {:.1f} us each; {} keys were read from disk\n", more, each_us, brought);
      fmt::print("with {} deltas of {} MB not merged, the first event judged after {:.0f} ms\n", left.deltas,
                 left.delta_bytes >> 20, ready_behind_crash * 1e3);
      met = at_most(1'000, ready * 1e3, "recovery: from a start to the first event judged, in ms");
      met =
          at_most(1'000, ready_behind_crash * 1e3, "recovery: the same with deltas that are not merged, in ms") && met;
    }
  }
  std::filesystem::remove_all(folder);
  return met ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

// `recovery_scenario KEYS`: with so many, of the rule that waits a tenth; `recovery_scenario KEYS waits`: that alone.
int main(int argc, char** argv) {
  const bool tiny = tocsin::bench::is_tiny(argc, argv);
  const std::uint64_t keys = argc > 1 && !tiny ? std::strtoull(argv[1], nullptr, 10) : tiny ? 5'000 : 10'000'000;
  if (argc > 2 && !tiny) return tocsin::bench::run(tiny, keys, true);
  const int twice = tocsin::bench::run(tiny, keys, false);
  return tocsin::bench::run(tiny, tiny ? keys : keys / 10, true) | twice;
}
