// A sink whose outside is a text in memory, for tests and simulations: it takes messages when it is told to, confirms
// them later, and finds out after a crash what it had written already, as the file sink does.
#pragma once

#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "engine/io/sink.h"

namespace tocsin {

class MemorySink final : public Sink {
 public:
  // `outside` outlives crashes: one message a line. `may`: asked before each write and each confirmation.
  MemorySink(std::string& outside, std::function<bool()> may) : outside_(outside), may_(std::move(may)) {}

  Result<void> open(const std::optional<Delivery>& from, Epoch newest) override;
  Result<Written> write(Epoch epoch, std::span<const Message> messages) override;
  Result<void> finish(Epoch epoch) override;
  Epoch delivered() const override { return delivery_.epoch; }
  Delivery delivery() const override { return delivery_; }
  Result<bool> drain(Duration wait) override;

 private:
  std::string& outside_;
  std::function<bool()> may_;
  Delivery delivery_;
  std::deque<Delivery> finished_;  // and not confirmed
};

}  // namespace tocsin
