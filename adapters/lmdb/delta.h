// One epoch as one file (docs/formats.md): what it changed, sorted; its manifest and outbox; every block with its
// checksum. The file is written under another name, synced, renamed, and the folder synced, so it is there whole or not
// at all.
//
// In memory stays an index: for each block of 16 KiB its first address, and a filter of all addresses; about 2 % of the
// file. Values are read when they are asked for, and checked each time.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/lmdb/address_filter.h"
#include "engine/base/result.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/disk.h"

namespace tocsin {

inline constexpr std::uint32_t kDeltaVersion = 1;
inline constexpr char kDeltaFolder[] = "deltas";

// "deltas/00000000000000000042.delta".
std::string delta_path(Epoch epoch);
// The epoch of a name in the folder; nothing: it is not named like one.
std::optional<Epoch> epoch_of_delta(std::string_view name);

// What stands at the head of the file.
struct DeltaHead {
  std::uint64_t store = 0;  // which store it belongs to: a file of another one does not slip in
  Epoch epoch;
  Epoch delivered;  // known when it was written
  std::uint64_t changes = 0;
};

// Immutable; any thread. The last one that lets go of a retired delta removes its file, so that whoever still reads it
// can.
class Delta {
 public:
  Delta(Disk& disk, std::string shown, DeltaHead head);
  ~Delta();
  Delta(const Delta&) = delete;
  Delta& operator=(const Delta&) = delete;

  const DeltaHead& head() const { return head_; }
  std::uint64_t bytes() const { return bytes_; }
  std::size_t index_bytes() const;
  void retire() const { retired_ = true; }

  struct Found {
    std::string value;
    bool gone = false;
  };
  // Nothing: the epoch left the address as it was. `hash` is hash_bytes(address).
  Result<std::optional<Found>> find(std::string_view address, std::uint64_t hash) const;
  Result<std::string> manifest() const { return text_of(manifest_); }
  Result<std::string> outbox() const { return text_of(outbox_); }

 private:
  friend class DeltaWriter;
  friend class DeltaReader;
  friend class DeltaCursor;
  struct Block {
    std::uint64_t at = 0;  // of its head
    std::uint32_t size = 0, number = 0;
    std::string first;  // its first address; empty in blocks of text
  };

  Result<std::string> text_of(const std::vector<Block>& pieces) const;
  std::size_t block_for(std::string_view address) const;

  Disk& disk_;
  std::string shown_;  // the path as people are told it
  DeltaHead head_;
  std::vector<Block> manifest_, outbox_, changes_;
  AddressFilter filter_;
  std::uint64_t bytes_ = 0;
  mutable std::atomic<bool> retired_{false};
};

// Writes epochs, one after the other; keeps its buffer.
class DeltaWriter {
 public:
  // `shown`: the state folder as people are told it.
  DeltaWriter(Disk& disk, std::string shown) : disk_(disk), shown_(std::move(shown)) {}

  // An error leaves no file behind (or one that the next attempt replaces). `head.changes` is counted here.
  Result<std::shared_ptr<const Delta>> write(DeltaHead head, const EpochUnit& unit);

 private:
  Result<void> write_file(DiskFile& file, Delta& delta, const EpochUnit& unit);
  Result<void> put_text(DiskFile& file, std::uint32_t kind, std::string_view text, std::vector<Delta::Block>& pieces);
  Result<void> put_changes(DiskFile& file, Delta& delta, const EpochUnit& unit);
  void begin_block(std::vector<Delta::Block>* listed, std::string_view first);
  Result<void> end_block(DiskFile& file, std::uint32_t kind);
  Result<void> flush(DiskFile& file);

  Disk& disk_;
  std::string shown_;
  std::string buffer_;         // what is not handed to the file yet
  std::uint64_t written_ = 0;  // what is
  std::size_t block_at_ = 0;   // in the buffer
  std::uint32_t next_block_ = 0;
  std::vector<Delta::Block>* listed_ = nullptr;  // where the open block is listed
  std::uint32_t seed_ = 0;
};

// Reads the whole file and checks all of it. The epoch is the one that its name says. An error names file, place and
// what was found: `malformed` is damage, `refused` a whole file that is not ours to read (another version, another
// store).
Result<std::shared_ptr<const Delta>> read_delta(Disk& disk, const std::string& shown, std::uint64_t store, Epoch epoch);

// Goes over the changes of a delta in the order of their addresses.
class DeltaCursor {
 public:
  // Begins at the first address that is not before `from`. Reads a block, then ever more at once, up to `ahead` bytes:
  // many a reader ends, or leaps, after a few addresses.
  DeltaCursor(std::shared_ptr<const Delta> delta, std::string_view from, std::size_t ahead);

  // False: there are no more.
  Result<bool> next();
  // The same, at the first address that is not before `to`; the blocks between are not read. REQUIRES: `to` lies behind
  // the change in hand.
  Result<bool> leap(std::string_view to);
  // Good until `next`.
  const StateChange& change() const { return change_; }
  Epoch epoch() const { return delta_->head().epoch; }

 private:
  Result<void> fill();

  std::shared_ptr<const Delta> delta_;
  std::string from_;
  std::size_t ahead_, next_block_, at_once_ = 0;
  std::string bytes_;  // some blocks, heads and all
  std::string_view blocks_left_, records_left_;
  StateChange change_;
};

}  // namespace tocsin
