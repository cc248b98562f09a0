// JSON lines are read in two ways (adapters/codec/json.h); nobody may be able to tell which one a line went. Here both
// read the same input, for tests and the fuzzer to compare all that comes of it.
#pragma once

#include <fmt/format.h>
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/codec/json.h"
#include "tests/support/events_as_text.h"

namespace tocsin::codec_test {

// Fields of all types, several events. `event_field` empty: every line is a `login`.
inline Schema ways_schema() {
  return schema_of({
      event("login", {field("ts", Type::time), field("user", Type::text), required("n", Type::integer),
                      field("amount", Type::floating), field("ok", Type::boolean)}),
      event("logout",
            {field("user", Type::text), field("ts", Type::time), field("ip", Type::ip), field("took", Type::duration),
             field("at", Type::point), field("n", Type::integer, false)},
            TimeUnit::seconds),
      event("other", {field("any", Type::object), field("o.inner", Type::text), list_field("list", Type::integer)}),
  });
}

// Everything that comes of the input, in its order: events with their values; dead letters with reason, place, words
// and bytes. Blocks of whole lines, with at least `block_size` bytes each.
inline std::vector<std::string> read_json(const CodecConfig& config, const Schema& schema, std::string_view input,
                                          std::size_t block_size, bool by_bytes) {
  const std::unique_ptr<Decoder> decoder = make_json_decoder(config, *Plan::make(config, schema), by_bytes);
  std::vector<std::string> out;
  EventBatch batch;
  Block block;
  for (std::uint64_t line = 1; !input.empty();) {
    const std::size_t newline = input.find('\n', std::min(block_size, input.size()) - 1);
    const std::string_view taken = input.substr(0, newline == std::string_view::npos ? input.size() : newline + 1);
    input.remove_prefix(taken.size());
    block.clear();
    block.source = SourceId(0);
    block.first_offset = line;
    block.arrived = Time{1'000'000'000'000'000};
    block.bytes.append(taken);
    line += static_cast<std::uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
    DeadLetters dead;
    decoder->decode(block, batch, dead);
    for (const Event& event : batch.events()) out.push_back(show(event, schema));
    for (const DeadLetter& letter : dead.letters)
      out.push_back(fmt::format("{} {} {} {} {}", name_of(letter.reason), letter.position.offset, letter.detail,
                                letter.size, letter.bytes));
    batch.clear();
  }
  return out;
}

}  // namespace tocsin::codec_test
