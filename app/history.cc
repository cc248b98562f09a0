// A run is one engine and one source, read until it ends or somebody says stop.
#include "app/history.h"

#include <algorithm>
#include <span>
#include <unordered_set>
#include <utility>

#include "app/profile.h"

namespace tocsin::app {
namespace {

// A stream cut into blocks of whole lines; a line longer than a block makes a longer block, up to the codec's limit.
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
    return Polled::block;
  }

 private:
  std::istream& in_;
  std::size_t size_;
  std::string rest_;
  std::uint64_t line_ = 1;
  bool done_ = false;
};

class Run {
 public:
  Run(const History& history, const HistoryOutputs& outputs)
      : history_(history), outputs_(outputs), engine_(history.rules, history.reference, history.engine) {
    names_.rules = history.rules.get();
    names_.sources = {history.source};
    names_.replayed = true;
    if (history.profile != nullptr) history.profile->watch(engine_);
    for (const Swap& swap : history.swaps) engine_.swap(swap.reference, swap.from);
  }

  Result<HistoryResult> run(Source& source) {
    if (auto prepared = prepare(source.partitions()); !prepared) return tl::unexpected(prepared.error());
    if (auto started = source.start({}); !started) return tl::unexpected(started.error());
    Block block;
    for (;;) {
      block.clear();
      const Result<Polled> polled = source.poll(block, seconds(1));
      if (!polled) return tl::unexpected(polled.error());
      if (*polled == Polled::finished) break;
      if (*polled == Polled::block) take(block);
      if (outputs_.progress) outputs_.progress(source.done(), engine_.events(), result_.last.value_or(Time{}));
      if (outputs_.stopped && outputs_.stopped()) {
        result_.stopped = true;
        break;
      }
    }
    if (!result_.stopped) end();
    return finished();
  }

 private:
  struct Partition {
    std::unique_ptr<Decoder> decoder;
    std::size_t id = 0;  // the engine's
    bool ended = false;
  };

  Result<void> prepare(std::uint32_t partitions) {
    const Schema& schema = history_.rules->schema;
    const std::vector<EventTypeId> carried = carried_events(history_.codec, schema);
    std::optional<Lateness> wait;
    if (history_.wait) wait = Lateness{*history_.wait, {}, false};
    for (std::uint32_t i = 0; i < partitions; ++i) {
      auto decoder = make_decoder(history_.codec, schema);
      if (!decoder) return tl::unexpected(decoder.error());
      partitions_.push_back({std::move(*decoder), engine_.add_partition(SourceId{0}, carried, {}, wait)});
    }
    return {};
  }

  void take(Block& block) {
    Partition& partition = partitions_[block.partition];
    block.source = SourceId{0};
    result_.bytes += block.bytes.size();
    const bool ends = block.ends;
    std::shared_ptr<EventBatch> batch = pool_.take();
    partition.decoder->decode(block, *batch, dead_);
    if (history_.from || history_.to) leave_out(*batch);
    if (history_.sampled)
      result_.not_sampled += batch->drop([&](const Event& event) { return !history_.sampled(event); });
    engine_.take(partition.id, batch);
    late_ = engine_.take_late();
    note_times(batch->events());
    if (ends) end(partition);
    for (const DeadLetter& letter : dead_.letters)
      if (outputs_.dead) outputs_.dead(letter, names_);
    dead_.letters.clear();
    hand_out();
  }

  // Of those that were judged.
  void note_times(std::span<const Event> events) {
    const std::unordered_set<const Event*> late(late_.begin(), late_.end());
    for (const Event& event : events) {
      if (!late.empty() && late.contains(&event)) continue;
      if (!result_.first || event.time < *result_.first) result_.first = event.time;
      if (!result_.last || event.time > *result_.last) result_.last = event.time;
    }
  }

  void leave_out(EventBatch& batch) {
    result_.left_out += batch.drop([&](const Event& event) {
      return (history_.from && event.time < *history_.from) || (history_.to && event.time >= *history_.to);
    });
  }

  void end(Partition& partition) {
    if (!std::exchange(partition.ended, true)) engine_.end(partition.id);
  }

  void end() {
    for (Partition& partition : partitions_) end(partition);
    hand_out();
    result_.pending = engine_.next_due();
    if (history_.end.until) engine_.until(*history_.end.until);
    if (history_.end.drain) engine_.drain();
    hand_out();
    for (std::uint32_t i = 0; i < history_.rules->programs.size(); ++i)
      if (const auto due = engine_.shard().runner(ProgramId{i}).due_but_renewing())
        result_.pending_rules.push_back({history_.rules->programs[i].name, due->time});
  }

  HistoryResult finished() {
    if (history_.profile != nullptr) history_.profile->finish(engine_);
    result_.events = engine_.events();
    result_.late = engine_.late();
    result_.dead = dead_.count;
    result_.records = result_.events + result_.late + result_.left_out + result_.not_sampled;
    for (const std::uint64_t n : dead_.count) result_.records += n;
    for (std::uint32_t i = 0; i < history_.rules->programs.size(); ++i) {
      const ProgramCounters& counters = engine_.shard().runner(ProgramId{i}).counters();
      if (counters.missing_key > 0 || counters.cut_short > 0)
        result_.unjudged[history_.rules->programs[i].name] = {counters.missing_key, counters.cut_short};
    }
    return std::move(result_);
  }

  // Each event that was emitted right behind what caused it (S5), so that one order comes out, however the input is
  // cut.
  void hand_out() {
    const std::vector<Emitted> emitted = engine_.take_emitted();
    auto next = emitted.begin();
    const auto emit_before = [&](const Alert* alert) {
      for (; next != emitted.end() && (alert == nullptr || next->order < alert->order); ++next)
        if (outputs_.emitted) outputs_.emitted(*next, names_);
    };
    for (const Alert& alert : engine_.take_alerts()) {
      emit_before(&alert);
      if (history_.profile != nullptr) history_.profile->add(alert);
      if (outputs_.alert) outputs_.alert(alert, names_);
    }
    emit_before(nullptr);
    for (const Event* late : std::exchange(late_, {}))
      if (outputs_.late) outputs_.late(*late, names_);
  }

  const History& history_;
  const HistoryOutputs& outputs_;
  Engine engine_;
  std::vector<Partition> partitions_;
  BatchPool pool_;
  DeadLetters dead_;
  std::vector<const Event*> late_;  // of the batch in hand
  DocumentNames names_;
  HistoryResult result_;
};

}  // namespace

Result<HistoryResult> run_history(const History& history, Source& source, const HistoryOutputs& outputs) {
  return Run(history, outputs).run(source);
}

Result<HistoryResult> run_history(const History& history, std::istream& input, const HistoryOutputs& outputs) {
  StreamSource source(input, history.block_bytes);
  return run_history(history, source, outputs);
}

std::unique_ptr<Source> stream_source(std::istream& input, std::size_t block_bytes) {
  return std::make_unique<StreamSource>(input, block_bytes);
}

}  // namespace tocsin::app
