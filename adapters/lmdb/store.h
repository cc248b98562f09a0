// The durable store: an epoch is a file of the delta log (its rename is the commit), merged in the background into an
// LMDB base.
//
//   STATE/lock            one process at a time
//   STATE/mark            whose folder it is, and whether it was closed
//   STATE/deltas/N.delta  epoch N: manifest, outbox, changes        (delta.h)
//   STATE/base.mdb        everything up to some epoch               (base.h)
//
// An epoch is merged whether or not the sinks have it; its outbox goes along until they do.
//
// What is asked for as of now is looked for in the deltas, newest first, then in the base. In memory stand an index of
// each delta (about 2 % of it) and what LMDB maps; so there is a bound as long as epochs are merged. Read
// transactions are short: a scan reads the base a piece at a time and keeps it from standing for epochs that are newer
// than the scan, nothing else.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "adapters/lmdb/base.h"
#include "adapters/lmdb/config.h"
#include "adapters/lmdb/delta.h"
#include "adapters/lmdb/folder_lock.h"
#include "adapters/lmdb/mark.h"
#include "engine/io/checkpoint_history.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/disk.h"

namespace tocsin {

class LmdbStore final : public CheckpointStore, public CheckpointHistory {
 public:
  // `disk` stands for config.folder, which must be there, and outlives the store. Goes back to the last epoch that was
  // stored; what a crash left unfinished is removed. Errors say what is wrong where, and what to do: `malformed` is
  // damage; `refused` is sound but not ours to take (in use by another process, another version, another store's file).
  // Forks for a moment (base.h): call it while no other thread does anything but wait.
  static Result<std::unique_ptr<LmdbStore>> open(const LmdbStoreConfig& config, Disk& disk);
  ~LmdbStore() override;

  Result<std::uint64_t> store(const EpochUnit& unit) override;
  void delivered(Epoch epoch) override;
  Result<std::optional<Newest>> newest() const override;
  Result<std::optional<std::string>> find(std::string_view address) const override;
  Result<void> scan(std::string_view from, std::string_view to, const See& see) const override;
  Result<void> leap(std::string_view from, const Leap& see) const override;
  Result<void> image(const SeeNewest& see_newest, const See& see) const override;
  Result<MergeFigures> merge() override;
  StoreFigures figures() const override;

  Result<void> note(const CheckpointNote& note) override;
  Result<std::vector<CheckpointNote>> notes(std::size_t most) const override { return watched(base_->notes(most)); }

  // Set aside at the start, by `fall_back`.
  std::optional<Epoch> left_out() const { return left_out_; }
  // Whether all of the base was looked at before the start was over.
  bool was_checked() const { return was_checked_; }

 private:
  using Deltas = std::vector<std::shared_ptr<const Delta>>;  // oldest first
  class Pin;

  LmdbStore(const LmdbStoreConfig& config, Disk& disk, FolderLock lock);
  Result<void> open_base(const std::optional<FolderMark>& mark);
  Result<void> make_base(bool has_deltas, bool has_mark);
  Result<void> open_deltas(const std::optional<FolderMark>& mark);
  Result<void> refuse_lost(const std::optional<FolderMark>& mark, bool has_witness) const;
  Result<void> read_one(const std::vector<Epoch>& epochs, std::size_t i);
  Result<void> set_aside(Epoch epoch);
  Result<void> mark_open(const std::optional<FolderMark>& before);
  bool is_in_doubt(const std::optional<FolderMark>& mark) const;
  Result<bool> is_base_sound(Duration wait) const;

  // What there was when somebody looked.
  struct Seen {
    std::shared_ptr<const Deltas> deltas;
    Epoch newest, delivered;
  };
  Result<std::optional<Newest>> newest_of(const Seen& seen) const;
  Result<Base::Outboxes> outboxes_of(const Seen& seen) const;
  Result<void> scan(const Deltas& deltas, std::string_view from, std::string_view to, const Leap& see) const;
  Result<void> merge_into_base(const Deltas& deltas, Epoch delivered, MergeFigures& figures);
  void take_out(const Deltas& merged);
  std::string base_file() const { return config_.folder + "/base.mdb"; }
  // Damage that is met makes the next start look at everything.
  template <class T>
  Result<T> watched(Result<T> result) const {
    if (!result && result.error().code == Error::Code::malformed) doubt();
    return result;
  }
  void doubt() const;

  LmdbStoreConfig config_;
  Disk& disk_;
  FolderLock lock_;
  DeltaWriter writer_;
  std::unique_ptr<BaseLook> look_;  // null: nothing is looked at beside the start
  std::chrono::steady_clock::time_point opened_;
  Epoch newest_at_start_;
  std::unique_ptr<Base> base_;
  FolderMark mark_;
  mutable std::atomic<bool> is_doubtful_{false};
  std::optional<Epoch> left_out_;
  bool was_checked_ = false;
  std::mutex merging_;

  mutable std::mutex mutex_;  // of all below; held for moments
  std::shared_ptr<const Deltas> deltas_;
  std::shared_ptr<const Delta> witness_;  // the newest that was merged since the start
  Epoch newest_, delivered_, through_;
  // What was newest, and delivered, for those who scan: a merge goes no further, and forgets nothing behind it. Both
  // only grow, so the least has the least of both.
  mutable std::multiset<std::pair<Epoch, Epoch>> pins_;
  StoreFigures figures_;
};

}  // namespace tocsin
