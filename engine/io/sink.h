// Where alerts, emitted events, late events and dead letters go: one sink of the configuration.
//
// The delivery contract
//   - Messages come in one order, that of the alerts (event time, T3; rule; key), grouped by epoch. `write` may come
//     several times for one epoch; `finish(epoch)` closes it.
//   - At least once: an epoch that was written and not reported by `delivered` before a crash is written again, whole
//     and byte for byte the same, with the same ids. A sink that can tell repetitions (Kafka with transactions, a file
//     with its length noted) makes "exactly once" of it; the others pass the id on, so that the receiver can.
//   - Back-pressure: `write` takes all or nothing. `full` is not a failure: the runtime offers the same messages again
//     after `delivered` has moved or the retry delay has passed, and stops polling sources meanwhile.
//   - Failures that pass by themselves are retried inside, with a bound; an error from `write` or `finish` is final:
//     the configuration says whether the run stops or the messages go to the dead-letter sink.
// One thread owns a sink.
#pragma once

#include <compare>
#include <cstdint>
#include <span>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

// Epochs are counted from 1 through the life of a data directory.
struct Epoch {
  std::uint64_t number = 0;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

// One message, as text (JSON). All views are good during the call only.
struct Message {
  std::string_view id;   // the alert id: the same input gives the same
  std::string_view key;  // messages of one key keep their order where the sink has partitions
  std::string_view body;
  Time time;  // event time
};

enum class Written : std::uint8_t { all, full };

class Sink {
 public:
  virtual ~Sink() = default;
  virtual Result<Written> write(Epoch epoch, std::span<const Message> messages) = 0;
  // No more messages of this epoch. Delivery goes on in the background.
  virtual Result<void> finish(Epoch epoch) = 0;
  // The newest epoch all of whose messages the outside has confirmed.
  virtual Epoch delivered() const = 0;
  // Waits at most `wait` for everything finished to be delivered; false: it is not.
  virtual Result<bool> drain(Duration wait) = 0;
};

}  // namespace tocsin
