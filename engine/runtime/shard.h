// One shard's world: events in the total order and event time in, alerts and emitted events out, in their order. One
// thread, deterministic: the same events and advances give the same outputs, however they are cut into calls.
//
// What renews itself (`remind`, `even if empty`) has no end but that of event time, which one event may move by a
// thousand years. So a shard from which EngineOptions::outputs_at_once are to be taken goes no further: see `on_events`
// and `advance`.
//
// Of a level (placement.h): other programs see nothing. What shards of lower levels emit comes by `arrive`, and has its
// turn at its place, as if it had been emitted here.
#pragma once

#include <algorithm>
#include <atomic>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/table_memory.h"
#include "engine/event/event.h"
#include "engine/program/predicate_index.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"
#include "engine/runtime/deadlines.h"
#include "engine/runtime/key_book.h"
#include "engine/runtime/place.h"
#include "engine/runtime/placement.h"
#include "engine/runtime/runner.h"

namespace tocsin {

class Changes;
class Cold;
class StateNames;

class Shard {
 public:
  // `rules` and `reference` are immutable and may be shared.
  Shard(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
        std::shared_ptr<const Placement> placement, std::uint32_t number, const EngineOptions& options = {},
        std::uint32_t level = 0);
  ~Shard();

  // A source that carries these base events has begun at `from`: programs that read it, themselves or through others,
  // begin to watch (T9). Also of one that has begun long since, for new programs. REQUIRES, of one that begins:
  // advance({from, Phase::event}).
  void begin_watching(std::span<const EventTypeId> carried, Time from);

  // Lists and tables change whole, at one point of the event order: before all that happens at `from`. What was due
  // before it has happened with the old ones. REQUIRES: made for the same rules; advance({from, Phase::over}).
  void swap(std::shared_ptr<const ReferenceData> reference, Time from);

  // Puts something around each runner, which passes everything on to it: a profile. REQUIRES: nothing has been seen.
  template <class Around>
  void put_around_runners(Around&& around) {
    for (std::size_t i = 0; i < runners_.size(); ++i) runners_[i] = around(ProgramId{i}, std::move(runners_[i]));
  }

  // What was emitted below, in the order of places; each has its turn before the first event or instant given from here
  // on that stands behind it, or when `see_arrived` is called. REQUIRES: none stands before one that arrived earlier,
  // nor before anything that was given.
  void arrive(std::vector<std::shared_ptr<const Emitted>> emitted);
  // All that has arrived. False: there is more, when the outputs have been taken.
  [[nodiscard]] bool see_arrived();

  // In the total order. How many it has seen: all, or so many that outputs are to be taken before it is given the rest,
  // and that before anything else. REQUIRES: none stands before one given earlier, nor before what `advance` passed.
  [[nodiscard]] std::size_t on_events(std::span<const Event* const> events);
  // An event older than the watermark, which stood at `watermark` when it came: it may withdraw an alert (F14). It has
  // its place there: among the events of that time by its offset, or before them all. REQUIRES: advanced to there.
  void on_late(const Event& event, Time watermark, bool among_events);
  // Everything before `instant` has been seen: what is due before it happens now. False: there is more, when the
  // outputs have been taken.
  [[nodiscard]] bool advance(Instant before) { return go_to(before, {}); }
  // ... and before a late event, as on_late.
  [[nodiscard]] bool advance_to_late(const Event& event, Time watermark, bool among_events);
  // Nothing comes out any more that is earlier, if nothing comes in before `next`.
  Time passed(Time next) const {
    if (has_arrived()) next = std::min(next, first_arrived().time);
    return deadlines_.empty() ? next : std::min(next, deadlines_.first()->time);
  }
  // When the next thing is due; `renewing` counts what time alone renews (remind, `even if empty`; T8).
  std::optional<Instant> due(bool renewing) const;

  // ----- durable state, as Runner's ------------------------------------------------------------------

  // Where state goes. `numbers`: of programs in durable state, by ProgramId.
  struct Durable {
    Changes* changes = nullptr;
    std::span<const std::uint32_t> numbers;
    bool is_known = false;                 // it holds what the shard has now
    Cold* cold = nullptr;                  // where keys are that are not in memory
    std::span<const ProgramId> unknown{};  // ... but not of these
  };
  void track(const Durable& durable);
  // At a point of the order, before anything behind it: what has changed up to here is of the epoch that ends.
  void cut();
  // Writes about `most` keys of the cut as they stood then; says how many are left at least.
  std::size_t save(std::size_t most);
  // What durable state holds at an address of program `id`. False: it is no state of that program. After all of it:
  // `restored`.
  // Runner::keeps, of the program.
  bool keeps(ProgramId id, const StateAddress& address) const;
  bool load(ProgramId id, const StateAddress& address, StateReader& in);
  void watched_since(ProgramId id, Time from);
  void watched(ProgramId id, const Watching& since);
  // REQUIRES: since when it has been watching is loaded, its keys are not.
  void lost(ProgramId id, const Lost& lost);
  // As Runner's.
  bool may_be_cold(ProgramId id) const { return runners_[id.index]->may_be_cold(); }
  void begin_cold(ProgramId id) {
    if (is_here(id)) runners_[id.index]->begin_cold();
  }
  Duration index_step(ProgramId id) const { return runners_[id.index]->index_step(); }
  std::size_t held() const;
  std::size_t keys() const;  // that may be cold and are not
  std::size_t evict(std::size_t most, Time passed);
  // All before `passed` has happened. What would have been due before it by the rules of today is due there.
  void restored(Instant passed);

  // What has come out since the last call, in order.
  std::vector<Alert> take_alerts();
  std::vector<Emitted> take_emitted();

  const RuleSet& rules() const { return *rules_; }
  const Placement& placement() const { return *placement_; }
  // Is it one of those of this level?
  bool is_here(ProgramId id) const { return placement_->level(id) == level_; }
  // Is what stands there kept here?
  bool has(ProgramId id, StateKind kind, std::string_view key) const {
    return is_here(id) && placement_->shard_of(placement_->group_of(id, kind, key)) == number_;
  }
  const Runner& runner(ProgramId id) const { return *runners_[id.index]; }
  // Whose turn it is, or was last; none since `rests`. Any thread.
  ProgramId turn() const { return ProgramId{turn_.load(std::memory_order_relaxed)}; }
  void rests() { turn_.store(ProgramId::kNone, std::memory_order_relaxed); }

 private:
  Runner& turn_of(std::uint32_t program) {
    turn_.store(program, std::memory_order_relaxed);
    return *runners_[program];
  }
  void find_wanted(const Event& event, std::vector<ProgramId>& out) const;
  void find_wanted(std::span<const Event* const> events);
  void look_ahead(std::span<const Event* const> events);
  void bring_programs() const;
  template <class See>
  void by_program(const See& see);
  bool on_event_ahead(const Event& event);
  std::size_t on_ahead_alone();
  // `is_own`: emitted by this shard.
  void deliver(const Event& event, const Place& place, bool is_own);
  template <class MakePlace>
  void after_program(std::uint32_t program, const Event* cause, const MakePlace& place, std::vector<Emitted>& emitted);
  void deliver_emitted(std::vector<Emitted> emitted, std::string_view cause);
  Event event_of(const Emitted& emitted);
  bool has_arrived() const { return next_arrived_ < arrived_.size(); }
  const Emitted& first_arrived() const { return *arrived_[next_arrived_]; }
  bool has_arrived_of(std::string_view cause) const {
    return has_arrived() && std::string_view(first_arrived().place).starts_with(cause);
  }
  bool has_arrived_of(const Event& event) const {
    return has_arrived() && first_arrived().time == event.time && has_arrived_of(place_of(event));
  }
  void deliver_first_arrived();
  template <class IsBehind>
  bool go_on(const IsBehind& arrived_is_behind, Instant before);
  bool go_to(Instant before, std::string_view place);
  bool go_to(const Event& event);
  // `cause`: none of what a deadline brings.
  void take_outputs(const Event* cause, const Place& place, std::vector<Emitted>& emitted);
  std::uint32_t rank_of_emitter(ProgramId program) const;
  void on_instant(Instant now);
  void look_at_due(std::uint32_t program);
  std::optional<Instant> not_passed(std::optional<Instant> due) const;
  bool is_given_up() const { return given_up_ != nullptr && given_up_->load(std::memory_order_relaxed); }
  bool is_full() const { return alerts_.size() + emitted_.size() >= outputs_at_once_; }

  std::shared_ptr<const RuleSet> rules_;
  std::shared_ptr<const ReferenceData> reference_;
  std::shared_ptr<const Placement> placement_;
  const std::uint32_t number_, level_;
  const std::size_t outputs_at_once_;
  const SourceMarks sources_;
  const std::atomic<bool>* const given_up_;
  Evaluator evaluator_;
  Scratch scratch_;
  bool is_own_event_ = false;  // in hand; runners look at it
  std::vector<std::unique_ptr<Runner>> runners_;
  std::optional<PredicateIndex> index_;
  std::vector<std::vector<ProgramId>> wanted_by_;  // without the index: by event type
  std::vector<bool> has_timers_;                   // by program
  KeyBook keys_;
  KeyedVisits visits_;
  // Of the events in hand: who can want them, event after event; then those that do.
  std::vector<std::uint64_t> hashes_;  // for the index
  std::vector<ProgramId> asked_;       // of one event
  std::vector<Ahead> ahead_;
  std::size_t hand_ = 0, seen_of_hand_ = 0, seen_ahead_ = 0;
  bool is_alone_ = false;          // all of them are of one program, for which nothing is ever due
  std::vector<bool> looks_ahead_;  // by program
  // By program, kLines each: what its runner reads first. Empty where there are few programs: theirs is always at hand.
  static constexpr std::size_t kLines = 16, kFewPrograms = 64;
  std::vector<const void*, TableAllocator<const void*>> memory_;
  std::deque<std::vector<ProgramId>> wanted_;  // of the events in hand, an emitted one above its cause
  std::size_t in_hand_ = 0;
  std::atomic<std::uint32_t> turn_{ProgramId::kNone};
  std::vector<std::optional<Time>> watching_;  // since when
  std::vector<std::optional<Lost>> lost_;      // by program, with reloads that have made its windows longer
  Durable durable_;
  std::vector<bool> has_saved_watching_;  // by program
  std::size_t saving_ = 0;                // programs before it have written all of the cut in hand
  std::size_t evicting_ = 0;              // the program whose keys evict() looks at next
  Deadlines deadlines_{0};
  Time restored_at_{std::numeric_limits<std::int64_t>::min()};
  std::optional<Phase> instant_;  // of the deadlines in hand; none: an event is
  Instant last_instant_{};        // an instant may be given twice
  std::uint32_t ordinal_ = 0;     // emitted events so far behind what is in hand
  Outputs outputs_;               // of the call in hand; kept for its memory
  std::vector<Emitted> emitted_now_;
  std::vector<Alert> alerts_;
  std::vector<Emitted> emitted_;
  std::vector<std::shared_ptr<const Emitted>> arrived_;  // in the order of places
  std::size_t next_arrived_ = 0;
};

// What programs remember that are kept (kept_shape.h) goes from all shards to others, as bytes, for each of which
// durable state would have an address. `sources`: names of theirs, by SourceId. REQUIRES: the outputs of `from` have
// been taken, and it sees no event any more. Each of `to` takes what is its own, so their number may be another one.
// What cannot be read is refused, as it would be where it is durable. All before `passed` has happened.
Result<void> hand_over(std::span<const std::unique_ptr<Shard>> from, std::span<const std::unique_ptr<Shard>> to,
                       std::span<const std::string> sources, Instant passed);

// All that shards remember, as those bytes; programs have their places for numbers. REQUIRES: as above, of `shards`.
std::vector<Changes> bytes_of(std::span<Shard* const> shards, const StateNames& names);

}  // namespace tocsin
