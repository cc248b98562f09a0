// What every CheckpointStore must do, held against a std::map over random histories.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine/io/checkpoint_store.h"

namespace tocsin::tests {

// An epoch as a test says it; `gone` is a value of nothing.
struct EpochText {
  std::map<std::string, std::optional<std::string>> changes;
  std::string manifest, outbox;
};

// The runs are cut by the first two bytes of addresses, as shards would.
Result<std::uint64_t> store_epoch(CheckpointStore& store, Epoch epoch, const EpochText& text);

// What a store has to say after some epochs.
struct StoreModel {
  std::map<std::string, std::string> state;
  std::string manifest;
  Epoch newest, delivered;
  std::vector<std::pair<Epoch, std::string>> outboxes;  // of all epochs

  void apply(const EpochText& text);
  // What `newest` has to give of them, when all up to an epoch are delivered.
  std::vector<std::pair<Epoch, std::string>> outboxes_behind(Epoch epoch) const;
};

// Few addresses, so that epochs meet: short and long ones, some of 495, 510, 511, 512 and more bytes with a long
// beginning in common. One value in twelve is long, up to so many bytes.
EpochText random_epoch(std::mt19937& random, std::uint64_t number, std::size_t long_max = 20'000);
std::string random_address(std::mt19937& random);

// What differs, in words; empty: nothing. `redelivery`: after a restart outboxes that were delivered may come once
// more.
std::string difference(const CheckpointStore& store, const StoreModel& model, bool redelivery);

// A store, and how it is restarted.
struct StoreUnderTest {
  std::function<CheckpointStore&()> store;
  std::function<void()> restart;
};
// Runs a history; what went wrong first, or nothing.
std::string run_history(const StoreUnderTest& tested, unsigned seed, int steps);

}  // namespace tocsin::tests
