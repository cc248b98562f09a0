// The door: rules in, batches of events in, alerts out. One shard now; the same calls serve many. No clock and no I/O:
// `now` is elapsed time of any origin (only idle partitions look at it), outputs are taken by the caller.
//
//   Engine engine(rules, reference);
//   const auto p = engine.add_partition(source, carried, idle_after);
//   engine.take(p, batch);  ...  engine.end(p);
//   for (const Alert& a : engine.take_alerts()) ...
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/batch.h"
#include "engine/runtime/reorder.h"
#include "engine/runtime/shard.h"
#include "engine/runtime/watermark.h"

namespace tocsin {

class Engine {
 public:
  Engine(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
         const EngineOptions& options = {});

  // A partition of `source`, whose records may be the base events `carried`. `wait` overrides how long is waited for
  // disorder (tests: none). REQUIRES: before its first batch.
  std::size_t add_partition(SourceId source, std::span<const EventTypeId> carried, Duration idle_after = {},
                            std::optional<Lateness> wait = {});

  // Lists and tables change whole, at one point of the event order: before all that happens at `from`, however the
  // input is cut into batches. What has passed `from` already stays as it was judged: then the point is right behind
  // it. Answers the point. Swaps take effect in the order of these calls. REQUIRES: `reference` is made for the same
  // rules.
  Time swap(std::shared_ptr<const ReferenceData> reference, Time from);

  // Other rules from here on: behind all that has been judged. What a program of the same name and shape remembers goes
  // on as it is, by the bytes that it would be stored as; the others begin to watch now. REQUIRES: the outputs have
  // been taken; what waits in the engine was decoded by a schema that is equal to the new one.
  void install(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference);

  // As the shard's.
  template <class Around>
  void put_around_runners(Around&& around) {
    shard_->put_around_runners(std::forward<Around>(around));
  }

  // A batch of one partition, in the order of its offsets. What may be judged by now is judged.
  void take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, Duration now = {});
  // Nothing more comes from it. After the last one time has gone to the last event, and no further (T8).
  void end(std::size_t partition, Duration now = {});

  // `--until T`: time goes on through T. `--drain`: until nothing is due but what time alone renews.
  void until(Time through);
  void drain();
  // What is still due, for "pending": how many and the first.
  std::optional<Instant> next_due() const { return shard_->due(false); }

  std::vector<Alert> take_alerts() { return shard_->take_alerts(); }
  std::vector<Emitted> take_emitted() { return shard_->take_emitted(); }
  // Events older than the watermark since the last call: counted, for the `late` sink; good until the next `take`.
  std::vector<const Event*> take_late() { return std::exchange(late_, {}); }
  std::uint64_t late() const { return late_count_; }
  std::uint64_t events() const { return events_; }

  const RuleSet& rules() const { return shard_->rules(); }
  const Shard& shard() const { return *shard_; }

 private:
  void judge(Duration now);
  void give(std::span<const Event* const> events);
  void give_alike(std::span<const Event* const> events);
  void pass(Time before);
  void pass_through(Time through);
  void swap_until(Time at);
  bool is_first(const Event& event) const;  // of its source
  void begin_sources(const Event& event);

  struct SourceState {
    SourceId id;
    std::vector<EventTypeId> carried;
    bool begun = false;
  };
  struct Swap {
    Time from;
    std::shared_ptr<const ReferenceData> reference;
  };

  EngineOptions options_;
  std::unique_ptr<Shard> shard_;
  Intake intake_;
  std::vector<SourceState> sources_;
  std::size_t unbegun_ = 0;           // of them
  std::deque<Swap> swaps_;            // to come; none is earlier than the one before it
  Time passed_ = Frontier::kNothing;  // all that happens before it has been judged
  std::vector<const Event*> due_, late_;
  std::vector<LateEvent> late_now_;  // of the batch in hand
  std::uint64_t late_count_ = 0, events_ = 0;
};

}  // namespace tocsin
