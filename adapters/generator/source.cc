#include "adapters/generator/source.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <functional>
#include <queue>
#include <thread>
#include <utility>

#include "adapters/generator/scenarios.h"
#include "engine/base/write.h"

namespace tocsin {

namespace {

using generating::Happening;
using generating::Random;
using generating::Scenario;
using generating::Somebody;

// A record on its way. Of two that arrive at once the one made first comes first.
struct Due {
  Time arrives{}, happened{};
  std::uint64_t number = 0;
  std::string fields;
  friend bool operator<(const Due& a, const Due& b) {
    return a.arrives != b.arrives ? a.arrives > b.arrives : a.number > b.number;
  }
};

// One partition's world: it makes what happens until a moment, and hands out what has arrived by then.
class Part {
 public:
  Part(const Scenario& scenario, const GeneratorConfig& config, std::uint32_t number)
      : scenario_(scenario),
        config_(config),
        number_(number),
        random_(config.seed * 0x9E3779B97F4A7C15 + number),
        people_(
            std::max(scenario.people, static_cast<std::uint32_t>(scenario.people * config.rate / config.partitions))),
        made_until_(config.from),
        next_ordinary_(config.from),
        next_silence_(config.from) {
    next_ordinary_ = config.from + after(config_.partitions / config_.rate);
    next_silence_ = turn(0, scenario.silence_every);
    for (const generating::Story& story : scenario.stories) next_story_.push_back({turn(0, story.every)});
    for (std::uint32_t who = 0; who < std::min(people_, scenario.with_a_pulse); ++who)
      next_pulse_.push_back({config.from + Duration{static_cast<std::int64_t>(
                                               random_.below(static_cast<std::uint64_t>(scenario.beat.us)))},
                             {}});
  }

  // Lines that arrive before `before`, about `most` bytes of them.
  void give(Time before, std::size_t most, Bytes& into) {
    make_until(before);
    while (into.size() < most && !arriving_.empty() && arriving_.top().arrives < before) {
      write(arriving_.top(), into);
      arriving_.pop();
      ++lines_;
    }
  }
  std::uint64_t next_line() const { return lines_ + 1; }

 private:
  struct Pulse {
    Time at{}, silent_until{};
  };
  struct Turn {
    Time at{};
    std::uint64_t number = 0;
  };

  // A random while with this mean: events that know nothing of each other.
  Duration after(double mean_seconds) {
    const double wait = -std::log(1.0 - random_.unit()) * mean_seconds;
    return {static_cast<std::int64_t>(std::min(wait, 1e9) * 1e6) + 1};
  }
  // When this partition's turn comes for the n-th time, of what comes once in `every` seconds in one of them after the
  // other: in the middle half of its stretch, so that no two turns lie far apart, and none at once.
  Time turn(std::uint64_t n, double every) {
    const double stretches = static_cast<double>(n) * config_.partitions + number_ + random_.between(0.25, 0.75);
    return config_.from + Duration{static_cast<std::int64_t>(std::min(stretches * every, 1e12) * 1e6)};
  }
  Somebody somebody() { return {number_, static_cast<std::uint32_t>(random_.below(people_))}; }

  // In steps that do not look at `before`: what happens must not depend on when somebody asks.
  void make_until(Time before) {
    while (made_until_ < before) {
      made_until_ = made_until_ + seconds(1);
      make(made_until_);
    }
  }

  void make(Time before) {
    for (; scenario_.ordinary != nullptr && next_ordinary_ < before;
         next_ordinary_ = next_ordinary_ + after(config_.partitions / config_.rate))
      send(next_ordinary_, scenario_.ordinary(random_, somebody()));
    for (std::size_t i = 0; i < next_story_.size(); ++i)
      for (Turn& next = next_story_[i]; next.at < before; next.at = turn(++next.number, scenario_.stories[i].every))
        tell(scenario_.stories[i], next.at);
    if (next_pulse_.empty()) return;  // nobody who could fall silent
    for (; next_silence_ < before; next_silence_ = turn(++silences_, scenario_.silence_every))
      next_pulse_[random_.below(next_pulse_.size())].silent_until = next_silence_ + scenario_.silent_for;
    for (std::uint32_t who = 0; who < next_pulse_.size(); ++who)
      for (Pulse& pulse = next_pulse_[who]; pulse.at < before; pulse.at = pulse.at + scenario_.beat)
        if (pulse.at >= pulse.silent_until) send(pulse.at, scenario_.pulse(random_, {number_, who}));
  }

  void tell(const generating::Story& story, Time begin) {
    for (Happening& happening : story.tell(random_, somebody()))
      send(begin + happening.after, std::move(happening.fields));
  }

  // One record in ten takes a while to come.
  void send(Time happened, std::string fields) {
    if (happened >= config_.until) return;
    const Duration way{random_.chance(0.1) ? static_cast<std::int64_t>(random_.below(2'000'000)) : 0};
    arriving_.push({happened + way, happened, ++made_, std::move(fields)});
  }

  void write(const Due& due, Bytes& into) {
    std::string line = "{" + due.fields + ",\"ts\":\"";
    append_rfc3339(line, due.happened);
    line += "\"}\n";
    into.append(line);
  }

  const Scenario& scenario_;
  const GeneratorConfig& config_;
  std::uint32_t number_;
  Random random_;
  std::uint32_t people_;
  Time made_until_;
  Time next_ordinary_, next_silence_;
  std::uint64_t silences_ = 0;
  std::vector<Turn> next_story_;
  std::vector<Pulse> next_pulse_;
  std::priority_queue<Due> arriving_;
  std::uint64_t made_ = 0, lines_ = 0;
};

class GeneratorSource final : public Source {
 public:
  GeneratorSource(GeneratorConfig config, const Scenario& scenario, SourceId id, const Clock* clock)
      : config_(std::move(config)), id_(id), clock_(clock), ended_(config_.partitions), paused_(config_.partitions) {
    for (std::uint32_t i = 0; i < config_.partitions; ++i) parts_.emplace_back(scenario, config_, i);
    frontier_.assign(config_.partitions, config_.from);
    before_.assign(config_.partitions, 0);
  }

  std::uint32_t partitions() const override { return config_.partitions; }
  bool can_go_back() const override { return false; }
  // Makes up others than before; their numbers go on.
  Result<void> start(std::span<const Progress> from) override {
    for (const Progress& progress : from)
      before_[progress.partition] = std::max<std::uint64_t>(progress.next_offset, 1) - 1;
    return {};
  }
  void pause(std::uint32_t partition) override { paused_[partition] = true; }
  void resume(std::uint32_t partition) override { paused_[partition] = false; }
  void stored(std::span<const Progress>) override {}
  double done() const override {
    if (config_.until <= config_.from) return 1;
    const auto slowest = *std::ranges::min_element(frontier_);
    return static_cast<double>((slowest - config_.from).us) / static_cast<double>((config_.until - config_.from).us);
  }

  // Partitions take turns, each a slice of event time: none runs far ahead of the others.
  Result<Polled> poll(Block& into, Duration wait) override {
    const Time now = clock_ != nullptr ? clock_->now() : config_.until;
    for (std::uint32_t tried = 0; tried < config_.partitions; ++tried) {
      turn_ = (turn_ + 1) % config_.partitions;
      if (ended_[turn_] || paused_[turn_]) continue;
      if (give(turn_, std::min({now, frontier_[turn_] + kSlice, config_.until}), into)) return Polled::block;
    }
    if (std::ranges::all_of(ended_, std::identity())) return Polled::finished;
    const bool waits = clock_ != nullptr && *std::ranges::min_element(frontier_) + kSlice >= now;
    if (waits) std::this_thread::sleep_for(std::chrono::microseconds(std::min(wait, kNap).us));
    return Polled::nothing;
  }

 private:
  static constexpr Duration kSlice = seconds(5), kNap = milliseconds(50);
  static constexpr std::size_t kBlock = std::size_t{128} << 10;

  bool give(std::uint32_t number, Time before, Block& into) {
    Part& part = parts_[number];
    into.source = id_;
    into.partition = number;
    into.arrived = before;
    into.first_offset = before_[number] + part.next_line();
    part.give(before, kBlock, into.bytes);
    into.next_offset = before_[number] + part.next_line();
    if (into.bytes.size() < kBlock) frontier_[number] = std::max(frontier_[number], before);
    if (frontier_[number] >= config_.until) ended_[number] = into.ends = true;
    return !into.bytes.empty() || into.ends;
  }

  const GeneratorConfig config_;
  const SourceId id_;
  const Clock* clock_;
  std::vector<Part> parts_;
  std::vector<Time> frontier_;         // by partition: everything before it was given
  std::vector<std::uint64_t> before_;  // by partition: lines that were given in other lives
  std::vector<bool> ended_, paused_;
  std::uint32_t turn_ = 0;
};

}  // namespace

std::vector<std::string_view> generator_scenarios() {
  std::vector<std::string_view> names;
  for (const Scenario& scenario : generating::scenarios()) names.push_back(scenario.name);
  return names;
}

Result<std::unique_ptr<Source>> open_generator(const GeneratorConfig& config, SourceId id, const Clock* clock) {
  const Scenario* scenario = generating::find_scenario(config.scenario);
  if (scenario == nullptr)
    return failure(Error::Code::refused, fmt::format("there is no scenario `{}`", config.scenario));
  if (config.rate <= 0 || config.partitions == 0)
    return failure(Error::Code::refused, "a generator wants a rate and a partition");
  return std::make_unique<GeneratorSource>(config, *scenario, id, clock);
}

}  // namespace tocsin
