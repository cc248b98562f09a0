// The state as of the last merge, in one LMDB file: what is too old to be in the deltas, whether or not it fits into
// memory.
//
// LMDB is used in its default mode, the only one whose crash images were all sound: no WRITEMAP, no NOSYNC; a commit is
// durable. What it lacks is put on top: a checksum in each value, and per key group a sum of hashes of all that is in
// it, which finds lost and stale pages. A damaged file can still make LMDB crash: `check_base_in_child` looks at it
// from a process that may.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash128.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/io/checkpoint_history.h"
#include "engine/io/checkpoint_store.h"

namespace tocsin {

// 1 is read, too: it has no table of outboxes, as it stood for delivered epochs only.
inline constexpr std::uint32_t kBaseVersion = 2;

// How many records, and the sum of their hashes: it finds pages that are lost or old though each record is sound.
struct RecordSum {
  Hash128 digest;
  std::uint64_t records = 0;
  void add(std::string_view key, std::string_view value) {
    digest = digest + digest_of(key, value);
    ++records;
  }
  void take(std::string_view key, std::string_view value) {
    digest = digest - digest_of(key, value);
    --records;
  }
  friend bool operator==(const RecordSum&, const RecordSum&) = default;
};

// What the base says of itself.
struct BaseHead {
  std::uint64_t store = 0;  // given at random when it was made, and told to every delta
  std::uint64_t seed = 0;   // of the hashes in long addresses, so that nobody outside can make two that meet
  Epoch through;            // all epochs up to it are in here
  std::uint64_t addresses = 0;
  Epoch delivered;     // what the sinks had for certain: the outboxes behind it are here
  RecordSum outboxes;  // of those that are not empty
  std::uint32_t version = kBaseVersion;
};

// From now on a damaged page that has LMDB abort, or fault, ends the process with this code, and a message that says
// what it was; the next start looks at all of the base then. Else it is a crash like others.
void end_on_damage(int exit_code);

// Any thread; `apply` and `note` one after the other.
class Base {
 public:
  // Makes an empty one, durable when it returns; a crash leaves it whole or not there. REQUIRES: there is no such file.
  static Result<void> create(const std::string& file, std::uint64_t store, std::uint64_t seed);
  static std::uint64_t random_number();  // for these
  // REQUIRES: this process has it open nowhere else (LMDB's locks do not bear it).
  static Result<std::unique_ptr<Base>> open(const std::string& file);
  ~Base();
  Base(const Base&) = delete;
  Base& operator=(const Base&) = delete;

  Result<BaseHead> head() const;
  Result<std::string> manifest() const;
  Result<std::optional<std::string>> find(std::string_view address) const;

  struct Entry {
    std::string address, value;
  };
  // The next addresses from `from` on, ascending: about `bytes_max`, at least one; none: there are no more. Addresses
  // that have their first 495 bytes in common come together, however many they are.
  Result<std::vector<Entry>> slice(std::string_view from, std::size_t bytes_max) const;

  using Outboxes = std::vector<std::pair<Epoch, std::string>>;
  // What it stands for from now on. Outboxes up to `delivered` are removed, `outboxes` added, which ascend.
  struct Through {
    Epoch epoch;
    std::string manifest;
    Epoch delivered;
    Outboxes outboxes;
  };
  // One transaction. REQUIRES: the addresses ascend. May be repeated. Without `through` it is a part of a merge: the
  // deltas still count.
  Result<void> apply(std::span<const StateChange> changes, const std::optional<Through>& through);

  // The next change, its addresses ascending; false: there are no more. Good until the next call.
  using NextChange = std::function<Result<bool>(StateChange&)>;
  // All of them, in transactions of a bounded size, `changes_at_once` at the most; only the last says what it stands
  // for. Gives how many there were.
  Result<std::uint64_t> apply_all(const NextChange& next, std::size_t changes_at_once, const Through& through);

  // What is kept of the outboxes in (behind, before), oldest first.
  Result<Outboxes> outboxes(Epoch behind, Epoch before) const;

  // The sum of the hashes of all addresses and values, over all groups: two bases of the same state have the same.
  Result<Hash128> digest() const;
  Result<std::uint64_t> bytes() const;

  Result<void> note(const CheckpointNote& note);
  Result<std::vector<CheckpointNote>> notes(std::size_t most) const;

 private:
  explicit Base(std::string file);
  struct Env;
  class Txn;
  class Place;
  Result<Txn> begin(unsigned flags) const;
  Result<void> reopen() const;
  Result<void> put_through(Txn& txn, BaseHead& head, const Through& through);

  std::string file_;
  // Opened anew when LMDB gives up on it after a failed write of its last page (MDB_PANIC); transactions hold it
  // shared.
  mutable std::shared_mutex env_mutex_;
  mutable std::unique_ptr<Env> env_;
};

// A look at every page in use, from a child process, so that what LMDB does to itself with damaged pages (abort,
// SIGSEGV, SIGBUS, a run in circles) is an error here. `malformed`: damaged, where and how; `unreadable`: it could not
// be looked at, which says nothing of the file. Any thread.
class BaseLook {
 public:
  // Returns when the head of the base has been found sound, and all that it leads to is being looked at. REQUIRES:
  // nobody has it open. From then on it may be opened, and written into once at the most until the verdict is there.
  static Result<std::unique_ptr<BaseLook>> begin(const std::string& file);
  ~BaseLook();  // which gives it up
  BaseLook(const BaseLook&) = delete;
  BaseLook& operator=(const BaseLook&) = delete;

  // Waits for so long at the most; nothing: it is still looking.
  std::optional<Result<void>> verdict(Duration wait);

 private:
  BaseLook(std::string file, int child, int report) : file_(std::move(file)), child_(child), report_(report) {}
  bool says();

  const std::string file_;
  const int child_, report_;
  std::mutex mutex_;
  std::string said_;
  std::optional<Result<void>> verdict_;
};
Result<void> check_base_in_child(const std::string& file);  // which waits for the verdict
// What the child's end says of the file: `status` as waitpid gives it, `message` what the child has reported.
Result<void> judge_check(const std::string& file, int status, const std::string& message);

}  // namespace tocsin
