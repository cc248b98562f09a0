// For the codecs' tests: a decoder over lines.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/codec/config.h"
#include "tests/support/events_as_text.h"

namespace tocsin::codec_test {

struct Decoded {
  std::vector<std::string> events;
  std::vector<std::string> dead;  // `reason offset`
  DeadLetters letters;
  std::size_t arena_bytes = 0;  // that the largest batch took
  friend bool operator==(const Decoded& a, const Decoded& b) { return a.events == b.events && a.dead == b.dead; }
};

constexpr Time kArrived{1'000'000'000'000'000};

// The input in blocks of whole lines with at least `block_size` bytes each.
inline Decoded decode(const CodecConfig& config, const Schema& schema, std::string_view input,
                      std::size_t block_size = 1 << 20) {
  auto decoder = make_decoder(config, schema);
  REQUIRE_MESSAGE(decoder.has_value(), (decoder ? "" : decoder.error().message));
  Decoded decoded;
  EventBatch batch;
  Block block;
  std::uint64_t line = 1;
  while (!input.empty()) {
    std::size_t size = input.find('\n', std::min(block_size, input.size()) - 1);
    size = size == std::string_view::npos ? input.size() : size + 1;
    block.clear();
    block.source = SourceId(0);
    block.first_offset = line;
    block.arrived = kArrived;
    block.bytes.append(input.substr(0, size));
    for (const char c : input.substr(0, size)) line += c == '\n';
    input.remove_prefix(size);
    block.ends = input.empty();
    decoded.letters.letters.clear();
    (*decoder)->decode(block, batch, decoded.letters);
    for (const Event& event : batch.events()) decoded.events.push_back(show(event, schema));
    for (const DeadLetter& letter : decoded.letters.letters) {
      decoded.dead.push_back(std::string(name_of(letter.reason)) + " " + std::to_string(letter.position.offset));
    }
    decoded.arena_bytes = std::max(decoded.arena_bytes, batch.arena().bytes_held());
    batch.clear();
  }
  return decoded;
}

}  // namespace tocsin::codec_test
