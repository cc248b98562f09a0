// One shard's world: events in the total order and event time in, alerts and emitted events out, in their order. One
// thread, deterministic: the same events and advances give the same outputs, however they are cut into calls.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/event/event.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"
#include "engine/runtime/runner.h"

namespace tocsin {

class Shard {
 public:
  // `rules` and `reference` are immutable and may be shared.
  Shard(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference);
  ~Shard();

  // A source that carries these base events has begun at `from`: programs that read it, themselves or through others,
  // begin to watch (T9).
  void begin_source(std::span<const EventTypeId> carried, Time from);

  // REQUIRES: `event` does not stand before one given earlier (total_order), nor before what `advance` passed.
  void on_event(const Event& event);
  // Everything before `instant` has been seen: what is due before it happens now.
  void advance(Instant before);
  // What is due until `through`, its own instant included (end of input, T8).
  void advance_through(Time through);
  // When the next thing is due; `renewing` counts what time alone renews (remind, `even if empty`; T8).
  std::optional<Instant> due(bool renewing) const;

  // What has come out since the last call, in order.
  std::vector<Alert> take_alerts();
  std::vector<Emitted> take_emitted();

  const RuleSet& rules() const { return *rules_; }
  const Runner& runner(ProgramId id) const { return *runners_[id.index]; }

 private:
  void deliver(const Event& event, std::uint64_t cause, std::uint32_t depth);
  void deliver_emitted(std::vector<Emitted> emitted, std::uint64_t cause, std::uint32_t depth);
  void on_instant(Instant now);

  std::shared_ptr<const RuleSet> rules_;
  std::shared_ptr<const ReferenceData> reference_;
  Evaluator evaluator_;
  Scratch scratch_;
  std::vector<std::unique_ptr<Runner>> runners_;
  std::vector<std::vector<std::uint32_t>> wanted_by_;  // by event type: programs, in their order
  std::vector<bool> watching_;
  std::uint64_t cause_ = 0;    // events so far: their place in the total order
  std::uint32_t ordinal_ = 0;  // emitted events so far behind the event in hand
  std::vector<Alert> alerts_;
  std::vector<Emitted> emitted_;
};

}  // namespace tocsin
