// The outbox of an epoch: its messages in their order, each with the names of the sinks that are to have it, as bytes
// that are stored with the epoch. So what a crash left undelivered goes out again, byte for byte (docs/formats.md).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/sink.h"

namespace tocsin {

void append_message(std::string& outbox, std::span<const std::string> sinks, const Message& message);

// Those of the messages that are for one sink. All of them view the outbox. Nothing: these bytes are no outbox.
std::optional<std::vector<Message>> messages_for(std::string_view sink, std::string_view outbox);
// How many they are, as far as the bytes are an outbox.
std::uint64_t count_for(std::string_view sink, std::string_view outbox);

}  // namespace tocsin
