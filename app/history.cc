// A run is one engine and one source, read until it ends or somebody says stop.
#include "app/history.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <span>
#include <unordered_set>
#include <utility>

#include "app/profile.h"
#include "engine/base/wording.h"
#include "engine/io/clock.h"
#include "engine/runtime/crew.h"

namespace tocsin::app {
namespace {

// A stream that lies in memory, cut into blocks of whole lines; a line longer than a block makes a longer block.
class StreamSource final : public Source {
 public:
  StreamSource(std::istream& in, std::size_t size) : in_(in), size_(size) {}

  std::uint32_t partitions() const override { return 1; }
  bool can_go_back() const override { return false; }
  Result<void> start(std::span<const Progress>) override { return {}; }
  void pause(std::uint32_t) override {}
  void resume(std::uint32_t) override {}
  void stored(std::span<const Progress>) override {}

  Result<Polled> poll(Block& block, Duration) override {
    if (done_) return Polled::finished;
    block.first_offset = line_;
    block.bytes.append(rest_);
    rest_.clear();
    std::size_t want = size_;
    for (;;) {
      const std::size_t have = block.bytes.size();
      block.bytes.reserve(have + want);
      in_.read(block.bytes.data() + have, static_cast<std::streamsize>(want));
      const auto got = static_cast<std::size_t>(in_.gcount());
      block.bytes.set_size(have + got);
      if (got < want) {
        done_ = true;
        block.ends = true;
        break;
      }
      const std::string_view all = block.bytes.view();
      const std::size_t newline = all.rfind('\n');
      if (newline != std::string_view::npos) {
        rest_.assign(all.substr(newline + 1));
        block.bytes.set_size(newline + 1);
        break;
      }
      want = block.bytes.size();  // one line longer than all that was read: look on
    }
    const std::string_view text = block.bytes.view();
    line_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    block.next_offset = line_ + (text.empty() || text.back() == '\n' ? 0 : 1);
    return Polled::block;
  }

 private:
  std::istream& in_;
  std::size_t size_;
  std::string rest_;
  std::uint64_t line_ = 1;
  bool done_ = false;
};

// Nobody is waited for: a partition of a history is never idle.
class StandingClock final : public Clock {
 public:
  Time now() const override { return {}; }
  Duration elapsed() const override { return {}; }
};

class Run {
 public:
  Run(const History& history, const HistoryOutputs& outputs, Source& source)
      : history_(history),
        outputs_(outputs),
        source_(source),
        engine_(history.rules, history.reference, options_of(history)) {
    names_.rules = history.rules.get();
    names_.sources = {history.source};
    names_.replayed = true;
    if (history.profile != nullptr) history.profile->watch(engine_);
    for (const Swap& swap : history.swaps) engine_.swap(swap.reference, swap.from);
  }

  Result<HistoryResult> run() {
    const std::vector<EventTypeId> carried = carried_events(history_.codec, history_.rules->schema);
    if (auto sound = make_decoder(history_.codec, history_.rules->schema); !sound) return tl::unexpected(sound.error());
    std::optional<Lateness> wait;
    if (history_.wait) wait = Lateness{*history_.wait, {}, false};
    Crew::Feed feed;
    feed.source = &source_;
    feed.id = SourceId{0};
    for (std::uint32_t i = 0; i < source_.partitions(); ++i)
      feed.partitions.push_back(engine_.add_partition(SourceId{0}, carried, {}, wait));
    feed.make_decoder = [this] { return make_decoder(history_.codec, history_.rules->schema); };
    feed.select = [this](EventBatch& batch) { select(batch); };
    if (auto started = source_.start({}); !started) return tl::unexpected(started.error());
    std::vector<Crew::Feed> feeds;
    feeds.push_back(std::move(feed));
    Crew crew(engine_, std::move(feeds), outputs(), clock_);
    if (const Result<void> ran = crew.run(); !ran) return tl::unexpected(ran.error());
    result_.stopped = crew.has_stopped();
    if (!result_.stopped) end(crew);
    return finished(crew);
  }

 private:
  static EngineOptions options_of(const History& history) {
    EngineOptions out = history.engine;
    out.sources = {history.source};
    return out;
  }

  // Alerts come by another way out of a crew than the rest, and may do so on another thread at the same time.
  template <class Give>
  auto one_at_a_time(const Give& give) {
    return [this, give](auto&&... what) {
      const std::scoped_lock lock(giving_);
      return give(what...);
    };
  }

  Crew::Outputs outputs() {
    Crew::Outputs out;
    out.alert = one_at_a_time([this](const Alert& alert) {
      if (history_.profile != nullptr) history_.profile->add(alert);
      if (outputs_.alert) outputs_.alert(alert, names_);
    });
    if (outputs_.emitted)
      out.emitted = one_at_a_time([this](const Emitted& emitted) { outputs_.emitted(emitted, names_); });
    if (outputs_.dead) out.dead = one_at_a_time([this](const DeadLetter& letter) { outputs_.dead(letter, names_); });
    out.late = one_at_a_time([this](const LateEvent& late) {
      late_.insert(late.event);
      if (outputs_.late) outputs_.late(late, names_);
    });
    out.block = one_at_a_time([this](SourceId, const std::shared_ptr<const EventBatch>& batch, std::uint64_t bytes,
                                     double done) { note(*batch, bytes, done); });
    if (outputs_.stopped) out.stopped = one_at_a_time(outputs_.stopped);
    return out;
  }

  // A block has been handed over.
  void note(const EventBatch& batch, std::uint64_t bytes, double done) {
    result_.bytes += bytes;
    for (const Event& event : batch.events()) {
      if (!late_.empty() && late_.contains(&event)) continue;  // what is late was not judged
      if (!result_.first || event.time < *result_.first) result_.first = event.time;
      if (!result_.last || event.time > *result_.last) result_.last = event.time;
    }
    late_.clear();
    if (outputs_.reached && !batch.events().empty())
      outputs_.reached(batch.events().front().position.partition,
                       std::ranges::max_element(batch.events(), {}, &Event::time)->time);
    if (outputs_.progress) outputs_.progress(done, engine_.events(), result_.last.value_or(Time{}));
  }

  // On any thread.
  void select(EventBatch& batch) {
    if (history_.from || history_.to)
      left_out_ += batch.drop([&](const Event& event) {
        return (history_.from && event.time < *history_.from) || (history_.to && event.time >= *history_.to);
      });
    if (history_.sampled) not_sampled_ += batch.drop([&](const Event& event) { return !history_.sampled(event); });
  }

  void end(Crew& crew) {
    result_.pending = engine_.next_due();
    if (history_.end.until) crew.until(*history_.end.until);
    if (history_.end.drain) crew.drain();
    crew.give_out();
    result_.stopped = crew.has_stopped();
    for (std::uint32_t i = 0; i < history_.rules->programs.size(); ++i)
      if (const auto due = engine_.next_due(ProgramId{i}))
        result_.pending_rules.push_back({history_.rules->programs[i].name, due->time});
  }

  HistoryResult finished(const Crew& crew) {
    if (history_.profile != nullptr) history_.profile->finish(engine_);
    result_.events = engine_.events();
    result_.late = engine_.late();
    result_.left_out = left_out_;
    result_.not_sampled = not_sampled_;
    result_.dead = crew.dead();
    result_.records = result_.events + result_.late + result_.left_out + result_.not_sampled;
    for (const std::uint64_t n : result_.dead) result_.records += n;
    for (std::uint32_t i = 0; i < history_.rules->programs.size(); ++i) {
      const ProgramCounters counters = engine_.counters(ProgramId{i});
      if (counters.missing_key > 0 || counters.cut_short > 0)
        result_.unjudged[history_.rules->programs[i].name] = {counters.missing_key, counters.cut_short};
      if (counters.suppressed > 0) result_.suppressed[history_.rules->programs[i].name] = counters.suppressed;
    }
    return std::move(result_);
  }

  const History& history_;
  const HistoryOutputs& outputs_;
  Source& source_;
  StandingClock clock_;
  Engine engine_;
  std::mutex giving_;                      // of all outputs
  std::unordered_set<const Event*> late_;  // of the block in hand
  std::atomic<std::uint64_t> left_out_{0}, not_sampled_{0};
  DocumentNames names_;
  HistoryResult result_;
};

}  // namespace

Result<HistoryResult> run_history(const History& history, Source& source, const HistoryOutputs& outputs) {
  return Run(history, outputs, source).run();
}

Result<HistoryResult> run_history(const History& history, std::istream& input, const HistoryOutputs& outputs) {
  StreamSource source(input, history.block_bytes);
  return run_history(history, source, outputs);
}

std::unique_ptr<Source> stream_source(std::istream& input, std::size_t block_bytes) {
  return std::make_unique<StreamSource>(input, block_bytes);
}

std::string not_judged(const HistoryResult& result) {
  std::string text;
  const auto add = [&text](std::string words) { text += (text.empty() ? "" : ", ") + std::move(words); };
  if (result.late > 0) add(fmt::format("{} late", result.late));
  if (result.left_out > 0) add(fmt::format("{} outside of --from and --to", result.left_out));
  if (result.not_sampled > 0) add(fmt::format("{} left out by --sample", result.not_sampled));
  std::uint64_t dead = 0;
  std::string reasons;
  for (std::size_t i = 0; i < kDeadReasons; ++i) {
    dead += result.dead[i];
    if (result.dead[i] > 0)
      reasons +=
          fmt::format("{}{} {}", reasons.empty() ? "" : ", ", result.dead[i], name_of(static_cast<DeadReason>(i)));
  }
  if (dead > 0) add(fmt::format("{} ({})", counted(dead, "dead letter"), reasons));
  return text;
}

}  // namespace tocsin::app
