#include "engine/runtime/outbox.h"

#include <algorithm>

#include "engine/base/little_endian.h"

namespace tocsin {
namespace {

void append_text(std::string& out, std::string_view text) {
  append_varint(out, text.size());
  out += text;
}

bool take_text(std::string_view& bytes, std::string_view& text) {
  std::uint64_t size = 0;
  if (!take_varint(bytes, size) || size > bytes.size()) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

// Gives each message with the names of its sinks. False: these bytes are no outbox.
template <class See>
bool for_each_message(std::string_view outbox, const See& see) {
  std::vector<std::string_view> sinks;
  while (!outbox.empty()) {
    std::uint64_t count = 0;
    if (!take_varint(outbox, count) || count > outbox.size()) return false;
    sinks.resize(count);
    for (std::string_view& sink : sinks)
      if (!take_text(outbox, sink)) return false;
    Message message;
    if (!take_text(outbox, message.id) || !take_text(outbox, message.key) || !take_text(outbox, message.body) ||
        outbox.size() < sizeof(std::uint64_t))
      return false;
    message.time.us = static_cast<std::int64_t>(read_little<std::uint64_t>(outbox));
    outbox.remove_prefix(sizeof(std::uint64_t));
    see(std::span<const std::string_view>(sinks), message);
  }
  return true;
}

}  // namespace

void append_message(std::string& outbox, std::span<const std::string> sinks, const Message& message) {
  append_varint(outbox, sinks.size());
  for (const std::string& sink : sinks) append_text(outbox, sink);
  append_text(outbox, message.id);
  append_text(outbox, message.key);
  append_text(outbox, message.body);
  append_little(outbox, static_cast<std::uint64_t>(message.time.us));
}

std::optional<std::vector<Message>> messages_for(std::string_view sink, std::string_view outbox) {
  std::vector<Message> out;
  const bool is_whole = for_each_message(outbox, [&](std::span<const std::string_view> sinks, const Message& message) {
    if (std::ranges::find(sinks, sink) != sinks.end()) out.push_back(message);
  });
  if (!is_whole) return {};
  return out;
}

std::uint64_t count_for(std::string_view sink, std::string_view outbox) {
  std::uint64_t out = 0;
  static_cast<void>(for_each_message(outbox, [&](std::span<const std::string_view> sinks, const Message&) {
    out += std::ranges::find(sinks, sink) != sinks.end();
  }));
  return out;
}

}  // namespace tocsin
