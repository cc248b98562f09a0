// Keeps the state of a crew: epoch after epoch into a store, and out of it when all begins again.
//
//   begin     all shards are to stop at one point of the event order (Engine::cut), whenever they come there
//   cut       a shard has come there; from now on it saves, a piece at a time, and goes on judging meanwhile
//   outputs   all that was found before the cut has been given out: it is the epoch's outbox
//   store     all have saved: changes, ledger and outbox become durable together
//
// `begin` and `store` are one thread's, the others each shard's own.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <span>
#include <string>
#include <vector>

#include "engine/io/checkpoint_store.h"
#include "engine/io/source.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/ledger.h"

namespace tocsin {

struct KeeperLimits {
  // About what all keys that need not be in memory may take there; what is more stays in durable state alone. What has
  // changed since the last epoch cannot leave: where that is too much, nothing is read until it is durable.
  std::size_t memory = std::size_t{4} << 30;
  // So many of those keys are loaded at the start. Where there are more, the rest is read when an event asks for it.
  std::size_t load_at_once = 200'000;
  // Durable state is looked through for keys of which it might as well have nothing when it has become larger by a
  // quarter and so many addresses since the last time; and after so long in any case.
  std::size_t sweep_growth = 65'536;
  Duration sweep_every = hours(1);
};

class Keeper {
 public:
  // `sources`: their names, by SourceId. All of them outlive it.
  Keeper(Engine& engine, CheckpointStore& store, std::vector<std::string> sources, const KeeperLimits& limits = {});
  ~Keeper();

  // What was there before this start.
  struct Resumed {
    bool is_first = true;
    std::vector<Progress> from;  // where sources go on, by partition of the engine that was
                                 // known before
    // ... and what more was known of it: up to where it had been read, and the memory of its decoder.
    struct Reading {
      std::uint64_t read_to = 0;
      std::string memory;
    };
    std::vector<Reading> readings;                        // as `from`
    Epoch newest;                                         // the newest that was stored
    std::vector<SinkDelivery> sinks;                      // where they stood then
    std::vector<std::pair<Epoch, std::string>> outboxes;  // whose delivery is not known: to be given to the sinks again
    std::vector<std::string> lost;                        // rules that have gone since then, with what they remembered
  };
  // REQUIRES: partitions have been added; nothing has been read. Partitions are found again by their source's name and
  // their place in it. `comes_again`: whether what stands behind an offset will; else the partition goes on with what
  // comes next, whatever was not judged yet. None: all of it does.
  using ComesAgain = std::function<bool(std::size_t partition, std::uint64_t offset)>;
  // Programs whose memory is made anew and is not what the store has of them: `at` brings an engine with the same rules
  // to the cut at which all goes on, and they get what they remember there. It is durable with the next epoch.
  struct Rebuilt {
    std::vector<ProgramId> programs;
    std::function<Result<Engine*>(const Cut&)> at;
  };
  Result<Resumed> restore(const ComesAgain& comes_again = {}, const Rebuilt& rebuilt = {});

  // What leaves is written here instead, one text after the other; each epoch's are its outbox. What shards have found
  // belongs to the cut before which they found it, what is told of a block to the cut before which the block came.
  // Answers the epoch it will be of.
  Epoch add_output(std::string_view text);
  void add_told(std::string_view text);

  // What was told since the last cut, for the keeper that takes this one's place.
  std::string take_told();

  bool is_busy() const { return busy_; }
  // REQUIRES: is_busy() is false.
  void begin(Duration now);
  // All has been saved: it can be stored.
  bool is_ready() const;
  // Where all stood at the cut that is to be stored, or was stored last, by partition of the engine; and what sources
  // say of it.
  std::vector<Progress> positions() const;
  void set_bookmark(std::uint32_t partition, std::string of_source, std::string of_decoder) {
    ledger_.cut.partitions[partition].bookmark = std::move(of_source);
    ledger_.cut.partitions[partition].memory = std::move(of_decoder);
  }
  // What has changed among the notes of the source that belong to its bookmark: instead of what was said before.
  void set_notes(std::uint32_t partition, std::vector<SourceNote> notes) { notes_[partition] = std::move(notes); }
  // The cut that was stored last, by partition of the engine; any thread. Nothing: none was since `restore`.
  std::optional<Cut> stored() const;
  // How far sinks have come: durable with the next epoch.
  void delivered(Epoch epoch, std::span<const SinkDelivery> sinks);
  // The epoch that is durable now. Sinks are to get its outbox. A failure changes nothing, and the same is stored when
  // it is tried again; but for `malformed`: then `sound` is false. REQUIRES: is_ready().
  struct Stored {
    Epoch epoch;
    std::string outbox;
    std::uint64_t changes = 0, bytes = 0;
  };
  Result<Stored> store();
  // Keys that were read out of durable state after the start. REQUIRES: no shard works.
  std::uint64_t brought() const;
  // ... of which no event had asked for these: something was due for them soon.
  std::uint64_t brought_for_time() const;
  // Found since the last cut, and told of blocks. Any thread.
  std::size_t outbox_bytes() const;

  // ----- of the crew --------------------------------------------------------------------------------

  // While it is held there is no cut: a block comes, and what is told of it.
  std::shared_lock<std::shared_mutex> no_cut() {
    std::shared_lock held(cutting_);
    ++blocks_;
    return held;
  }
  // Since the last cut a block has come, or something was found or told. Any thread.
  bool has_news() const { return blocks_ != blocks_at_cut_ || outbox_bytes() > 0; }
  void cut(std::size_t lane);
  void outputs_are_out();
  // Looks how much the shard holds; after each piece of its work.
  void weigh(std::size_t shard);
  // Some shard holds too much: nothing is to be read, until an epoch is durable and what it has saved has left memory.
  bool is_full() const;
  // ... and that epoch is to begin now.
  bool wants_epoch() const;
  // A piece of what the shard has to save, or to take out of memory; false: nothing is left.
  bool save(std::size_t shard);
  bool evict(std::size_t shard);
  // Why a key cannot be read that the shard has asked for: all must end here.
  const std::optional<Error>& trouble(std::size_t shard) const { return cold_[shard].error(); }
  // The same of any shard, or that the store has found itself damaged: what rules remember may be wrong from there on,
  // and is not stored.
  Result<void> sound() const;

 private:
  struct Part;
  struct Room;
  struct Moves;
  void forget(const std::vector<ProgramId>& programs);
  std::vector<ProgramId> indexed_anew(std::size_t known);
  std::vector<std::pair<ProgramId, Lost>> longer_now(std::size_t known);
  bool may_stay_cold(ProgramId program) const;
  Result<void> load(const std::vector<ProgramId>& programs, bool watching, std::vector<bool>& cold, Moves& moves);
  Result<void> take(std::span<Changes> from, const std::vector<ProgramId>& programs, const StateNames& names,
                    bool watching);
  Cut cut_of_today(const ComesAgain& comes_again, Resumed& out) const;
  Result<void> load_notes(Resumed& out);
  std::vector<std::pair<std::uint32_t, std::uint32_t>> numbers_of_partitions() const;
  void collect_notes();
  void sweep();
  bool wants_sweep();
  bool has_run_out(const StateAddress& address, StateReader& reader, std::string_view value) const;
  std::size_t held(std::size_t shard) const;
  Changes& changes_at(const StateAddress& address);

  Engine& engine_;
  CheckpointStore& store_;
  std::vector<std::string> sources_;
  Ledger ledger_;
  std::unique_ptr<StateNames> names_;
  std::vector<std::uint32_t> numbers_;  // of programs
  std::vector<bool> has_index_;         // by program: that of when something is due for its keys is as it must be
  std::vector<Changes> changes_;        // by shard
  // By partition, for the epoch in hand; all of them as it writes them, in the order of addresses; and notes of sources
  // and partitions that are there no more, which go with the next one.
  std::vector<std::vector<SourceNote>> notes_;
  std::vector<std::pair<std::string, SourceNote>> note_changes_;
  std::vector<std::string> notes_of_nobody_;
  std::vector<Cold> cold_;  // by shard
  const KeeperLimits limits_;
  std::vector<std::unique_ptr<Part>> parts_;  // by lane
  std::vector<std::unique_ptr<Room>> rooms_;  // by shard
  Epoch newest_, delivered_;
  // What rules that have gone have left is removed a piece with each epoch, and keys that have run out.
  bool sweeps_ = false, has_swept_ = false;
  std::string sweep_from_;
  std::vector<ProgramId> run_out_;  // by number: programs whose keys do
  Duration begun_{};                // the epoch in hand
  std::optional<Duration> swept_;   // when it was looked through last
  std::uint64_t swept_addresses_ = 0;
  std::atomic<bool> busy_{false};
  std::atomic<std::uint64_t> blocks_{0}, blocks_at_cut_{0};
  std::shared_mutex cutting_;
  mutable std::mutex mutex_;
  std::string outbox_, finished_outbox_;
  std::string told_, told_before_cut_;
  std::optional<Cut> stored_;
  std::optional<Error> damage_;
  bool outputs_are_out_ = false;
};

}  // namespace tocsin
