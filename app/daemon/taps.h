// Samples of what goes by, for those who look on (`tocsin tap`). Outlives reloads, as they do.
//
//   shards, sources   ask `wants`, one look at a flag; where somebody does: hand over a block of events, or a document,
//                     if there is room. What finds no room is counted, and nobody waits.
//   tap thread        `step`: chooses, writes documents, puts them down for each who looks on, as far as there is room
//   control thread    takes what has been put down (LongAnswer), at the pace of its client
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "app/compiled.h"
#include "app/control/desk.h"
#include "engine/event/batch.h"
#include "engine/io/clock.h"
#include "engine/match/alert.h"

namespace tocsin::app {

class Tap;

class Taps {
 public:
  using Of = TapAsked::Of;
  using Rules = std::shared_ptr<const RuleSet>;
  // What waits for the tap thread at most: blocks of events; and single ones, of about so many bytes.
  static constexpr std::size_t kBlocksMost = 4, kSinglesMost = 1'024, kSingleBytesMost = 1 << 20;

  // `current`: the rules that run, on the tap thread. `sources`: their names, by SourceId.
  Taps(std::vector<std::string> sources, const Clock& clock,
       std::function<std::shared_ptr<const CompiledSet>()> current);
  ~Taps();

  // ----- whoever has something ----------------------------------------------------------------------

  bool wants(Of of) const { return (wanted_.load(std::memory_order_relaxed) & bit(of)) != 0; }
  void offer(const Rules& rules, const std::shared_ptr<const EventBatch>& events);
  void offer(const Rules& rules, const Emitted& emitted);
  // `name`: the rule of an alert.
  void offer(Of of, const std::string& name, const std::string& document);

  // ----- the control thread, and the tap thread -----------------------------------------------------

  void open(const TapAsked& asked, Reply reply);
  // Whether somebody looks on, or wants to.
  bool step();
  // Nothing more comes, and nobody else may look on. REQUIRES: nobody calls `step` any more.
  void end();

 private:
  struct Document {
    std::string name, text;
  };
  struct Item {
    Of of;
    Rules rules;
    std::variant<std::shared_ptr<const EventBatch>, Emitted, Document> what;
  };
  static constexpr unsigned bit(Of of) { return 1u << static_cast<unsigned>(of); }
  bool has_room_for_one() const { return singles_ < kSinglesMost && single_bytes_ < kSingleBytesMost; }
  void put_single(Item item, std::size_t bytes);
  void begin(const TapAsked& asked, const Reply& reply);
  void give(Tap& tap, const Item& item);
  void note_wanted();

  const std::vector<std::string> sources_;
  const Clock& clock_;
  const std::function<std::shared_ptr<const CompiledSet>()> current_;
  std::atomic<unsigned> wanted_{0};

  std::mutex mutex_;  // held for moments
  std::vector<Item> items_;
  std::size_t blocks_ = 0, singles_ = 0, single_bytes_ = 0;  // of them
  std::array<std::uint64_t, 4> unseen_{};                    // what found no room, by Of
  std::vector<std::pair<TapAsked, Reply>> asked_;
  bool has_ended_ = false;

  // The tap thread's own.
  std::vector<std::weak_ptr<Tap>> taps_;  // whose client is there, they are held by its connection
};

}  // namespace tocsin::app
