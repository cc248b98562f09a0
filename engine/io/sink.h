// Where alerts, emitted events, late events and dead letters go: one sink of the configuration.
//
// The delivery contract
//   - Messages come in one order, that of the alerts (event time, T3; rule; key), grouped by epoch. `write` may come
//     several times for one epoch; `finish(epoch)` closes it.
//   - An epoch is stored before it is written, its messages (the outbox) with it; `finish` comes for each epoch that
//     has a message for some sink, and for the newest: it closes all before it.
//   - At least once: an epoch that was written and not reported by `delivered` before a crash is written again, whole
//     and byte for byte the same, with the same ids. A sink that can tell repetitions (Kafka with transactions, a file
//     with its length noted) makes "exactly once" of it; the others pass the id on, so that the receiver can.
//   - What a sink needs to tell repetitions is its `Delivery`: it is stored with every epoch and comes back to `open`.
//     Whoever stores epochs must not call one delivered (CheckpointStore::delivered) of which the deliveries that are
//     stored with it know nothing: it would not come again, and what the sink has of it would be taken for a remainder.
//   - Back-pressure: `write` takes all or nothing. `full` is not a failure: the runtime offers the same messages again
//     after `delivered` has moved or the retry delay has passed, and stops polling sources meanwhile.
//   - Failures that pass by themselves are retried inside and said by `trouble`; an error is final: the configuration
//     says whether the run stops or the messages go to the dead-letter sink.
// One thread owns a sink.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

// Epochs are counted from 1 through the life of a data directory.
struct Epoch {
  std::uint64_t number = 0;
  friend auto operator<=>(const Epoch&, const Epoch&) = default;
};

// How far a sink has come.
struct Delivery {
  Epoch epoch;             // the newest one all of whose messages the outside has confirmed
  std::string bookmark{};  // where that left the sink, in its own words: a file's identity and length; often empty
  friend bool operator==(const Delivery&, const Delivery&) = default;
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

  // Once, before all others. `from`: what `delivery` said when the newest epoch was stored; none: nothing was ever
  // written. The epochs behind `from` up to `newest` come again; behind `newest` nothing has been written.
  virtual Result<void> open(const std::optional<Delivery>& from, Epoch newest) = 0;

  virtual Result<Written> write(Epoch epoch, std::span<const Message> messages) = 0;
  // No more messages of this epoch. Delivery goes on in the background.
  virtual Result<void> finish(Epoch epoch) = 0;
  // The newest epoch all of whose messages the outside has confirmed.
  virtual Epoch delivered() const = 0;
  // The same, and what has to be stored of it.
  virtual Delivery delivery() const { return {delivered()}; }
  // Waits at most `wait` for everything finished to be delivered; false: it is not. A sink without a thread of its own
  // retries here, so it is called now and then as long as something finished has not been delivered.
  virtual Result<bool> drain(Duration wait) = 0;
  // What is being retried just now and why, for people: "cannot write out/alerts.ndjson: No space left on device".
  // Empty: all is well.
  virtual std::string trouble() const { return {}; }
};

}  // namespace tocsin
