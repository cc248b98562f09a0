// Where state is kept: what one epoch changed, with its outbox and positions, as one durable unit; and the whole of it
// to be read again, at once or key by key.
//
// The store knows bytes, not their meaning (event/state_bytes.h writes and reads them). An address begins with its key
// group in two bytes, big-endian, so that a range of groups is a range of addresses; neither addresses nor values have
// a limit of their own.
//
// The order of an epoch's life: `store` (durable: it will never be undone) -> its outbox goes to the sinks ->
// `delivered`, and its outbox is forgotten. Some `merge` takes it into the base meanwhile, where nothing tells it from
// the others any more.
// Threads: `store`, `delivered` and `newest` come from one thread, `merge` and what reads (`find`, `scan`, `image`)
// from any others meanwhile.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/base/hash128.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/io/sink.h"

namespace tocsin {

// The sum of these over all addresses stands for a state, whatever way it came about: two that are equal have the same.
inline Hash128 digest_of(std::string_view address, std::string_view value) {
  return hash_bytes_128(value, hash_bytes(address));
}

// What an epoch did to one address. `gone`: there is nothing there any more; the value is empty.
struct StateChange {
  std::string_view address, value;
  bool gone = false;
};

struct EpochUnit {
  Epoch epoch;
  // A run for each shard. REQUIRES: addresses ascend (bytewise) through all runs in their order, none stands twice.
  std::span<const std::span<const StateChange>> changes;
  std::string_view manifest;  // positions, watermarks, rules: small, whole in each epoch; the newest counts
  std::string_view outbox;    // what the sinks have to get of this epoch; kept until `delivered`
};

// How much there is, and what the last steps cost: for the history, metrics and advice.
struct StoreFigures {
  std::uint64_t deltas = 0, delta_bytes = 0;  // epochs that are not merged yet
  std::uint64_t base_bytes = 0, base_addresses = 0;
};
struct MergeFigures {
  Epoch through;  // the base stands for all epochs up to it
  std::uint64_t epochs = 0, changes = 0, bytes = 0;
  Duration took{};
};

class CheckpointStore {
 public:
  virtual ~CheckpointStore() = default;

  // Durable when it returns: after a crash either all of it is there or nothing. Returns how many bytes were written.
  // An error (the disk is full) leaves the store as it was, and the same unit may be offered again. REQUIRES: the epoch
  // is the one behind the newest.
  virtual Result<std::uint64_t> store(const EpochUnit& unit) = 0;
  // The sinks have all of this epoch and of those before it. Made durable with the next `store`, not by itself: an
  // outbox may come out of `newest` once more though it was delivered, never the other way round.
  virtual void delivered(Epoch epoch) = 0;

  struct Newest {
    Epoch epoch;
    std::string manifest;
    // Oldest first: of the epochs whose delivery is not known those that hold something. The first stands for the first
    // of those epochs even if it is empty: all before it is delivered.
    std::vector<std::pair<Epoch, std::string>> outboxes;

    Epoch delivered() const { return outboxes.empty() ? epoch : Epoch{outboxes.front().first.number - 1}; }
  };
  // Nothing: this is the first start.
  virtual Result<std::optional<Newest>> newest() const = 0;

  // As of the newest epoch. Values are checked before they are given: damage is an error, never a wrong value and never
  // silence.
  virtual Result<std::optional<std::string>> find(std::string_view address) const = 0;
  // All addresses in [from, to), ascending; an empty `to` has no end. Stops when `see` gives an error, and gives that.
  using See = std::function<Result<void>(std::string_view address, std::string_view value)>;
  virtual Result<void> scan(std::string_view from, std::string_view to, const See& see) const = 0;
  // The same to the end, for who steps over most of them: `see` gives the address to go on at, behind its own; nothing:
  // at the next one.
  using Leap = std::function<Result<std::optional<std::string>>(std::string_view address, std::string_view value)>;
  virtual Result<void> leap(std::string_view from, const Leap& see) const {
    std::optional<std::string> at(from);
    while (at) {
      const std::string begin = *std::exchange(at, std::nullopt);
      const auto scanned = scan(begin, {}, [&](std::string_view address, std::string_view value) -> Result<void> {
        auto next = see(address, value);
        if (!next) return tl::unexpected(next.error());
        at = std::move(next.value());
        return at ? failure(Error::Code::refused, {}) : Result<void>{};
      });
      if (!scanned && !at) return scanned;
    }
    return {};
  }
  // The newest epoch as one: what `newest` says, then all that `scan` gives of the same epoch, whatever is stored
  // meanwhile. Neither is called where there is no epoch.
  using SeeNewest = std::function<Result<void>(const Newest&)>;
  virtual Result<void> image(const SeeNewest& see_newest, const See& see) const = 0;

  // Takes stored epochs into the base, then removes them. For a thread of its own: `store` goes on meanwhile.
  // Nothing to do is success with `epochs` 0.
  virtual Result<MergeFigures> merge() = 0;
  virtual StoreFigures figures() const = 0;

 protected:
  // `newest.outboxes` hold something, all of them.
  static Newest with_first(Newest newest, Epoch delivered) {
    if (newest.delivered() != delivered)
      newest.outboxes.insert(newest.outboxes.begin(), {Epoch{delivered.number + 1}, {}});
    return newest;
  }
};

}  // namespace tocsin
