// Events that came together: what a decoder makes of one block of bytes, and what shards read.
//
// Written by one thread, then immutable: `shared_ptr<const EventBatch>` where several shards or a reorder buffer read
// it. The batch owns everything its events view: rows of values lie one after the other (so a filter over one type
// walks memory in steps of its slots), texts lie in the block they came in, or in the arena where bytes had to be
// changed.
#pragma once

#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/base/arena.h"
#include "engine/base/bytes.h"
#include "engine/event/event.h"

namespace tocsin {

class EventBatch {
 public:
  std::span<const Event> events() const { return events_; }
  bool empty() const { return events_.empty(); }
  std::size_t size() const { return events_.size(); }
  const Event& operator[](std::size_t i) const { return events_[i]; }

  // ----- writing ---------------------------------------------------------------------------------------

  // A row of missing values to be filled and then given to `add` as `fields`. A row that is not added is lost until
  // `clear`.
  std::span<Value> row(std::size_t slots) {
    const std::span<Value> values = unwritten_row(slots);
    std::fill(values.begin(), values.end(), Value());
    return values;
  }
  // The same for whoever writes each of its values.
  std::span<Value> unwritten_row(std::size_t slots) { return rows_.array<Value>(slots); }

  // REQUIRES: fields come from `row` of this batch (or outlive it).
  Event& add(const Event& event) { return events_.emplace_back(event); }
  Event& add(EventTypeId type, Time time, const Position& position, std::span<const Value> fields) {
    // Part by part in its place: clearing it first costs as much again.
    return events_.emplace_back(type, 0u, time, position, 0u, Value(), fields, std::span<const Position>());
  }

  // Takes events out again, before anybody reads them; how many.
  template <class Unwanted>
  std::size_t drop(Unwanted unwanted) {
    return std::erase_if(events_, unwanted);
  }

  // For texts that do not stand in the block as they are, lists, addresses, points.
  Arena& arena() { return arena_; }

  // The batch keeps the bytes alive that its texts view, and gives back a buffer to use for the next ones (which may
  // have no room yet).
  Bytes hold(Bytes&& bytes);

  // Empty again, with all memory kept for the next use. REQUIRES: nobody reads the events any more.
  void clear();

  std::size_t bytes_held() const;

 private:
  std::vector<Event> events_;
  Arena rows_;  // only values, so that rows are neighbours
  Arena arena_;
  std::vector<Bytes> held_, spare_;
};

// Gives out batches and takes them back when their last reader lets go. Any thread may do either; the pool may be gone
// by then. Locked once per batch, never per event.
class BatchPool {
 public:
  BatchPool() : shelf_(std::make_shared<Shelf>()) {}
  std::shared_ptr<EventBatch> take();
  std::size_t idle() const;

 private:
  // Beyond this many idle batches memory goes back to the system. A batch of a 128 KiB block holds about half a MiB.
  static constexpr std::size_t kIdleMax = 64;
  struct Shelf {
    std::mutex mutex;
    std::vector<std::unique_ptr<EventBatch>> batches;
  };
  std::shared_ptr<Shelf> shelf_;
};

}  // namespace tocsin
