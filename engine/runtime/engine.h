// The door: rules in, batches of events in, alerts out, on as many shards as wanted; what comes out is the same for any
// number. No clock and no I/O: `now` is elapsed time of any origin (only idle partitions look at it), outputs are taken
// by the caller.
//
// On one thread:
//
//   Engine engine(rules, reference);
//   const auto p = engine.add_partition(source, carried, idle_after);
//   engine.take(p, batch);  ...  engine.end(p);
//   for (const Alert& a : engine.take_alerts()) ...
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "engine/base/result.h"
#include "engine/event/batch.h"
#include "engine/runtime/board.h"
#include "engine/runtime/intake.h"
#include "engine/runtime/lane.h"
#include "engine/runtime/placement.h"
#include "engine/runtime/router.h"

namespace tocsin {

class Changes;
class Cold;

class Engine {
 public:
  Engine(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
         const EngineOptions& options = {});
  ~Engine();

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
  // on as it is, by the bytes that it would be stored as; the others begin to watch now. Swaps to come were made for
  // the rules before: `reference` is in force instead. REQUIRES: the outputs have been taken; what waits in the engine
  // was decoded by a schema that is equal to the new one; there are as many levels.
  Result<void> install(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference);
  // What the records of a source may be, by the numbers that the rules have which are to be installed next.
  void carry(SourceId source, std::span<const EventTypeId> carried) { board_.carry(source, carried); }

  // As the shards'.
  template <class Around>
  void put_around_runners(const Around& around) {
    for (const auto& lane : lanes_) lane->shard().put_around_runners(around);
  }

  // A batch of one partition, in the order of its offsets. What may be judged by now is judged.
  void take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch);
  // Nothing more comes from it. After the last one time has gone to the last event, and no further (T8).
  void end(std::size_t partition);

  // Of a block: its first record, the one behind its last, and when it arrived.
  struct Extent {
    std::uint64_t first = 0, next = 0;
    Time arrived{};
  };
  // What `take` and `end` do, for a thread per shard (crew.h): any thread puts blocks, those of a partition one after
  // the other, and each shard's own judges. Late events are good as long as the batch.
  void put(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, const Routes& routes,
           std::vector<LateEvent>& late, const Extent& extent);
  // Its source was asked for more, whatever came of it.
  void asked(std::size_t partition, Duration now) { board_.asked(partition, now); }
  void close(std::size_t partition) { board_.end(partition); }
  // False: it goes on when what has come out has been taken.
  [[nodiscard]] bool judge(std::size_t lane) { return lanes_[lane]->judge(board_); }
  // What has come out of the lane goes to those above that use it; each time when it has judged. True: some of them can
  // go on. `router`: of the thread.
  bool pass_up(std::size_t lane, std::span<const Emitted> emitted, Router& router);
  void pass(Time through) { board_.pass(through); }
  // As the board's, for one that follows another engine.
  void follow(const Frontier& most) { board_.follow(most); }
  void reach(const Frontier& frontier) { board_.reach(frontier); }
  void rest(std::size_t partition, bool rests) { board_.rest(partition, rests); }
  // One for each shard and level: first those of the lowest level, by shard. Each shard's are one thread's.
  std::size_t lanes() const { return lanes_.size(); }
  Lane& lane(std::size_t lane) { return *lanes_[lane]; }
  const Lane& lane(std::size_t lane) const { return *lanes_[lane]; }
  std::size_t lane_of(std::size_t shard, std::size_t level) const { return level * options_.shards + shard; }
  // Where the shard has the program.
  const Lane& lane_of(std::size_t shard, ProgramId program) const {
    return *lanes_[lane_of(shard, placement_->level(program))];
  }
  const EngineOptions& options() const { return options_; }
  std::size_t shards() const { return options_.shards; }
  std::size_t levels() const { return placement_->levels(); }
  std::unique_ptr<Router> make_router() const {
    return std::make_unique<Router>(*rules_, *placement_, index_ ? &*index_ : nullptr);
  }

  // ----- durable state (runtime/keeper.h) ---------------------------------------------------------------

  // From here on what changes is noted, and what is not in memory is read, by shard. `numbers`: of programs in durable
  // state, by ProgramId.
  // `is_known`: what there is now has been loaded, but that of the programs `unknown`.
  void track(std::span<Changes> changes, std::span<Cold> cold, std::span<const std::uint32_t> numbers, bool is_known,
             std::span<const ProgramId> unknown = {});
  // Each shard stops at one point of the event order and is cut there, before it goes on.
  const Cut& cut() { return board_.cut(); }
  // What durable state holds at an address of a program goes to the shard that has it; after all of it: `resume`.
  bool load(ProgramId program, const StateAddress& address, StateReader& in);
  void lost(ProgramId program, const Lost& lost);
  void resume(const Cut& cut);
  std::vector<SourceId> sources_of_partitions() const { return board_.sources(); }
  std::vector<Time> watermarks_of_partitions() const { return board_.watermarks(); }
  // Before which time all has been judged, or may be.
  Time passed() const { return board_.passed(); }
  // What the partition brings has to wait for others.
  bool is_ahead(std::size_t partition) const { return board_.is_ahead(partition); }
  std::uint64_t known_before(std::size_t partition) const { return intakes_[partition].known_before(); }

  // `--until T`: time goes on through T. `--drain`: until nothing is due but what time alone renews.
  void until(Time through);
  void drain();
  void drain(const std::function<bool(Time)>& until);  // false: no further
  // What is still due, for "pending": the first of all, and that of one program.
  std::optional<Instant> next_due() const;
  std::optional<Instant> next_due(ProgramId program) const;

  // In the order of their places, of which none is before one that was given earlier.
  std::vector<Alert> take_alerts();
  std::vector<Emitted> take_emitted();
  // Events older than the watermark since the last call: counted, for the `late` sink; good until the next `take`.
  std::vector<const Event*> take_late() { return std::exchange(late_, {}); }
  std::uint64_t late() const { return late_count_; }
  std::uint64_t events() const { return events_; }

  const RuleSet& rules() const { return *rules_; }
  // Of all shards together.
  ProgramCounters counters(ProgramId program) const;
  std::size_t keys(ProgramId program) const;
  std::size_t bytes(ProgramId program) const;

 private:
  std::vector<Time> latest_due() const;  // by ProgramId: what an event that has come may still bring
  void judge();
  void collect(std::size_t lane);  // what its shard has brought
  std::vector<std::unique_ptr<Shard>> make_shards(std::shared_ptr<const ReferenceData> reference);

  EngineOptions options_;
  std::shared_ptr<const RuleSet> rules_;
  std::shared_ptr<const Placement> placement_;
  std::optional<PredicateIndex> index_;  // of routers
  std::unique_ptr<Router> router_;
  Routes routes_;  // of the batch in hand
  Board board_;
  std::vector<std::unique_ptr<Stair>> stairs_;  // by level, but of the highest
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<Intake> intakes_;  // by partition
  // What had to be taken so that a lane could go on, by lane.
  std::vector<std::vector<Alert>> alerts_;
  std::vector<std::vector<Emitted>> emitted_;
  Duration wait_{};
  std::size_t sources_ = 0;                // the numbers that they have
  Time restored_at_ = Frontier::kNothing;  // what would have been due before is due there
  std::vector<const Event*> late_;
  std::vector<LateEvent> late_now_;  // of the batch in hand
  std::atomic<std::uint64_t> late_count_{0}, events_{0};
};

}  // namespace tocsin
