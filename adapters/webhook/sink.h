// Alerts to an address, by HTTP: what is tried again, what is given up, and when (README.md). At least once, in order.
//
// A thread of its own posts; the sink's calls never wait for the receiver. What can never be delivered is a dead
// letter: it counts as delivered, and whoever opened the sink is told.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "adapters/webhook/poster.h"
#include "engine/io/clock.h"
#include "engine/io/sink.h"

namespace tocsin {

struct WebhookConfig {
  std::size_t batch = 1;                            // alerts in one request; more than one: a JSON array
  Duration give_up = hours(24);                     // then an alert is a dead letter
  std::size_t waiting_max = std::size_t{16} << 20;  // bytes in the queue; beyond it `write` says full
  std::size_t request_max = std::size_t{1} << 20;   // bytes of alerts in one request, but always one alert
};

struct WebhookParts {
  std::unique_ptr<Poster> poster;
  const Clock* clock = nullptr;      // outlives the sink
  std::function<double()> random{};  // [0, 1), for the pauses
  // Called by the sink's thread: an alert that was given up, and why.
  std::function<void(const std::string& id, const std::string& body, const std::string& why)> dead{};
};

std::unique_ptr<Sink> webhook_sink(const WebhookConfig& config, WebhookParts parts);

// Without the thread: `drain` posts what is due and returns. For tests and simulations.
std::unique_ptr<Sink> webhook_sink_by_hand(const WebhookConfig& config, WebhookParts parts);

}  // namespace tocsin
