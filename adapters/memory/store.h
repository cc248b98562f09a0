// The checkpoint store without a disk: for tests, and for runs that may forget. What is stored lives as long as the
// object, so a test "restarts" by taking it over.
#pragma once

#include <deque>
#include <map>
#include <shared_mutex>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/checkpoint_history.h"
#include "engine/io/checkpoint_store.h"

namespace tocsin {

class MemoryStore final : public CheckpointStore, public CheckpointHistory {
 public:
  Result<std::uint64_t> store(const EpochUnit& unit) override;
  void delivered(Epoch epoch) override;
  Result<std::optional<Newest>> newest() const override;
  Result<std::optional<std::string>> find(std::string_view address) const override;
  // `store` waits until it is through: `see` must not call it.
  Result<void> scan(std::string_view from, std::string_view to, const See& see) const override;
  // As `scan`.
  Result<void> image(const SeeNewest& see_newest, const See& see) const override;
  Result<MergeFigures> merge() override;
  StoreFigures figures() const override;

  Result<void> note(const CheckpointNote& note) override;
  Result<std::vector<CheckpointNote>> notes(std::size_t most) const override;

 private:
  struct Stored {
    Epoch epoch;
    std::uint64_t changes = 0, bytes = 0;
  };

  std::optional<Newest> newest_of_now() const;

  mutable std::shared_mutex mutex_;
  std::map<std::string, std::string, std::less<>> state_;
  std::uint64_t state_bytes_ = 0;
  std::string manifest_;
  std::deque<Stored> epochs_;                           // not merged
  std::deque<std::pair<Epoch, std::string>> outboxes_;  // not delivered, and not empty
  Epoch newest_, delivered_, through_;
  std::deque<CheckpointNote> notes_;  // newest first
};

}  // namespace tocsin
