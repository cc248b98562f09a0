// What goes on beside the crew: epochs are begun at their pace, stored when all shards have saved, and given to the
// sinks; sources hear what is safe. And the brake: while the disk or the sinks do not keep up, nothing more is read.
// Step by step, of one thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "engine/runtime/crew.h"
#include "engine/runtime/keeper.h"
#include "engine/runtime/publisher.h"

namespace tocsin {

class Steward {
 public:
  struct Pace {
    Duration epoch = milliseconds(200);
    std::uint64_t waiting_bytes = std::uint64_t{64} << 20;  // for sinks; beyond it nothing is read
  };
  // All of them outlive it.
  Steward(Keeper& keeper, Crew& crew, Publisher& publisher, const Pace& pace)
      : keeper_(keeper), crew_(crew), publisher_(publisher), pace_(pace) {}

  // One look; true: something was done. A store that fails is tried again; one that is damaged ends the crew.
  bool step(Duration now);
  // Whether epochs go on. Of one thread, any. As long as a store that was begun does not come back, nothing is read.
  // `patience`: so long nothing need move; `is_at_work`: somebody is to call `step`.
  void look(Duration now, Duration patience = seconds(30), bool is_at_work = true);
  // An epoch of all that has been judged, stored now. REQUIRES: the crew has run to its end.
  Result<void> finish(Duration now);

  struct Figures {
    std::uint64_t epochs = 0, failures = 0;  // stored; tries that failed
    Epoch epoch;                             // the newest
    std::uint64_t changes = 0, bytes = 0;    // of the newest
  };
  Figures figures() const;
  // Why nothing can be stored just now, for people; empty: all is well.
  std::string trouble() const;
  // ... so nothing is read.
  bool holds_reading() const;
  // The same where nobody has called `step` for long, and no disk keeps him: it will not go on by itself.
  std::string stuck() const;
  // So much waits for the sinks that nothing is read. Any thread.
  bool waits_for_sinks() const { return waits_for_sinks_; }

 private:
  bool has_news() const;
  void begin(Duration now);
  Result<void> finish_epoch(Duration now);
  Result<void> store(Duration now);

  Keeper& keeper_;
  Crew& crew_;
  Publisher& publisher_;
  Pace pace_;
  Duration begun_{}, looked_{}, try_again_{}, wait_{};
  bool has_begun_ = false;
  Publisher::Standing standing_;  // when the epoch in hand was begun
  std::atomic<std::int64_t> storing_since_{0};
  std::atomic<std::uint64_t> rounds_{0};  // steps
  std::atomic<bool> waits_for_sinks_{false};
  mutable std::mutex mutex_;
  Figures figures_;
  std::string trouble_, standing_still_, stuck_;
  bool hangs_ = false;
  // Of who looks: what was seen last, and since when.
  struct Seen {
    std::uint64_t count = 0;
    Duration since{};
    Duration for_so_long(std::uint64_t now_count, bool matters, Duration now) {
      if (now_count != count || !matters || since == Duration{}) *this = {now_count, now};
      return now - since;
    }
  };
  Seen seen_rounds_, seen_epochs_;
};

}  // namespace tocsin
