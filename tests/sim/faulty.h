// The world around a simulated engine, as bad as it may be and no worse: a disk, a source and a receiver of messages.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/disk.h"
#include "engine/io/sink.h"
#include "engine/io/source.h"
#include "tests/sim/fate.h"
#include "tests/support/crash_disk.h"

namespace tocsin::tests {

// Calls fail, are cut short, take their time, and are the last of the process. A power cut leaves of what is not synced
// what CrashDisk says.
class FaultyDisk final : public Disk {
 public:
  FaultyDisk(Fate& fate, CrashDisk& disk) : fate_(fate), disk_(disk) {}
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, Open how) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_folder(const std::string& folder) override;
  Result<void> make_folder(const std::string& folder) override;
  Result<std::vector<std::string>> list(const std::string& folder) const override;
  Result<std::optional<std::uint64_t>> identity(const std::string& path) const override;

  bool syncs_folders = true;  // or it says so, and does not

 private:
  friend class FaultyFile;
  Result<void> begins(std::string_view call, const std::string& path) const;
  Result<void> ended(Result<void> result) const;  // of a call that changes something

  Fate& fate_;
  CrashDisk& disk_;
  mutable Duration full_until_{};
};

// What is read: outlives the process. Lines are numbered from 1 in each partition.
struct SourceLog {
  std::vector<std::vector<std::string>> partitions;
  bool last_is_silent = false;      // that partition says nothing, and ends when all others have
  std::vector<std::uint64_t> safe;  // by partition: what stands before it is not asked for again
  std::string wrong;                // what was asked of a source that nobody may ask
};

// Each partition in its order, whichever is next; blocks of any size; nothing for a while, and failures for good.
class FaultySource final : public Source {
 public:
  FaultySource(Fate& fate, SourceLog& log, SourceId id)
      : fate_(fate), log_(log), id_(id), parts_(log.partitions.size()) {}
  std::uint32_t partitions() const override { return static_cast<std::uint32_t>(parts_.size()); }
  bool can_go_back() const override { return true; }
  Result<void> start(std::span<const Progress> from) override;
  Result<Polled> poll(Block& into, Duration wait) override;
  void pause(std::uint32_t partition) override;
  void resume(std::uint32_t partition) override { parts_[partition].is_paused = false; }
  std::string bookmark(std::uint32_t partition, std::uint64_t next_offset) const override;
  std::vector<SourceNote> notes(std::uint32_t partition, std::uint64_t next_offset) override;
  void stored(std::span<const Progress> safe) override;
  bool has_failed() const { return has_failed_; }

 private:
  struct Part {
    std::uint64_t next = 1;
    std::uint64_t noted = 0;       // of which position durable state has the notes; 0: it has none
    std::set<std::uint64_t> ends;  // of blocks, and where it started
    bool is_paused = false, told_end = false;
  };
  bool may_give(std::uint32_t partition) const;

  Fate& fate_;
  SourceLog& log_;
  const SourceId id_;
  std::vector<Part> parts_;
  Duration stalls_until_{};
  bool has_failed_ = false;
};

// What a receiver over a network has got: each message with the epoch it is of and its place there. Outlives the
// process.
struct Received {
  std::map<std::pair<std::uint64_t, std::uint64_t>, std::string> messages;
  std::pair<std::uint64_t, std::uint64_t> last;
  std::string wrong;  // a message that came again, and was another one; one that came out of its order
};

// Sends message after message: the receiver takes it or does not, and what it answers may be lost; it hangs. What was
// not answered is sent again.
class FaultySink final : public Sink {
 public:
  FaultySink(Fate& fate, Received& outside) : fate_(fate), outside_(outside) {}
  Result<void> open(const std::optional<Delivery>& from, Epoch newest) override;
  Result<Written> write(Epoch epoch, std::span<const Message> messages) override;
  Result<void> finish(Epoch epoch) override;
  Epoch delivered() const override { return delivered_; }
  Result<bool> drain(Duration wait) override;

 private:
  struct Waiting {
    std::pair<std::uint64_t, std::uint64_t> place;
    std::string body;
  };
  void send();

  Fate& fate_;
  Received& outside_;
  std::deque<Waiting> queue_;
  std::pair<std::uint64_t, std::uint64_t> next_;
  std::deque<Epoch> finished_;
  Epoch delivered_;
  Duration hangs_until_{};
};

}  // namespace tocsin::tests
