// Any lines: the two ways of reading JSON give the same events and dead letters. Every input is also read behind two
// lines that are plain, and between lines that are its own first, so that there are shapes to be fitted.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "tests/support/json_ways.h"

namespace {

using namespace tocsin;              // NOLINT: a file about nothing else
using namespace tocsin::codec_test;  // NOLINT

void compare(const CodecConfig& config, const Schema& schema, std::string_view input) {
  for (const std::size_t block_size : {std::size_t{1}, std::size_t{100}, std::size_t{1} << 20})
    if (read_json(config, schema, input, block_size, true) != read_json(config, schema, input, block_size, false))
      std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Schema schema = ways_schema();
  const std::string input(reinterpret_cast<const char*>(data), size);
  const std::string first = input.substr(0, input.find('\n')) + "\n";
  const std::string known =
      "{\"event\":\"login\",\"ts\":1,\"user\":\"ann\",\"n\":5,\"amount\":1.5,\"ok\":true}\n"
      "{\"ts\": 2, \"event\": \"logout\", \"user\": \"bob\", \"ip\": \"10.0.0.1\"}\n";
  CodecConfig fixed, named;
  fixed.event = "login";
  named.event_field = "event";
  for (const CodecConfig& config : {fixed, named})
    for (const std::string& text : {input, known + input + "\n" + known, first + first + input + "\n" + first})
      compare(config, schema, text);
  return 0;
}
