// Carries what epochs have found to the sinks, in the order of epochs, after they are durable. Each sink goes at its
// own pace; one that takes nothing holds nobody else back, until so much waits that nothing more is read (steward.h).
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/sink.h"
#include "engine/runtime/ledger.h"

namespace tocsin {

class Publisher {
 public:
  struct Named {
    std::string name;
    Sink* sink = nullptr;
  };
  explicit Publisher(std::vector<Named> sinks);

  // Opens the sinks where they stood when epoch `newest` was stored, the newest there is. Before all else. `again`: the
  // outboxes whose delivery is not known, oldest first; they are here before anybody can ask what is delivered.
  using Outboxes = std::vector<std::pair<Epoch, std::string>>;
  Result<void> open(std::span<const SinkDelivery> from, Epoch newest, Outboxes again = {});

  // Each epoch as it becomes durable. One without a message keeps nothing here. Any thread.
  void add(Epoch epoch, std::string outbox);

  // Offers the sinks what they have not; false: nothing could be done now. Of one thread, which owns the sinks. An
  // error is that of a sink that will never take anything again.
  Result<bool> step();

  // Any thread: the newest epoch that all sinks have, and how far each has come, as one.
  struct Standing {
    Epoch delivered;
    std::vector<SinkDelivery> sinks;
    std::vector<std::string> troubles;  // `NAME: what is wrong with it`
    struct Messages {
      std::string sink;
      std::uint64_t delivered = 0;  // since the start
      std::uint64_t waiting = 0;
    };
    std::vector<Messages> messages;
  };
  Standing standing() const;
  std::uint64_t waiting_bytes() const;
  // All that was added is delivered.
  bool is_idle() const;

 private:
  struct Item {
    Epoch epoch;
    std::string outbox;
    std::vector<std::uint64_t> messages;  // how many, by way
  };
  // A sink, and how far it has come.
  struct Way {
    Named to;
    std::shared_ptr<const Item> item;  // in hand
    std::vector<Message> messages;     // ... those of it that are for this sink
    std::size_t written = 0;
    Epoch finished;
    std::deque<std::pair<Epoch, std::uint64_t>> on_its_way;  // messages of finished epochs
    std::uint64_t delivered = 0;                             // messages
    std::uint64_t added = 0;                                 // ... that it has had to deliver
  };
  // Nothing: there is none up to the newest epoch.
  std::pair<std::shared_ptr<const Item>, Epoch> next_behind(Epoch epoch) const;
  Result<bool> step(Way& way);
  void note_standing();

  std::vector<Way> ways_;
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<const Item>> items_;
  Epoch newest_;
  std::uint64_t waiting_bytes_ = 0;
  Standing standing_;
};

}  // namespace tocsin
