// What reading alone costs: the three fields by simdjson, and no rule.
#include <simdjson.h>

#include "bench/scenarios/ndjson_threshold.h"

namespace tocsin::bench {

std::uint64_t plain_loop(std::string_view lines) {
  static simdjson::ondemand::parser parser;
  std::uint64_t sum = 0;
  simdjson::ondemand::document_stream stream;
  if (parser.iterate_many(lines.data(), lines.size(), lines.size()).get(stream)) return 0;
  for (auto document : stream) {
    simdjson::ondemand::object object;
    std::int64_t ts = 0;
    std::string_view user, outcome;
    if (document.get_object().get(object) || object.find_field("ts").get_int64().get(ts) ||
        object.find_field("user").get_string().get(user) || object.find_field("outcome").get_string().get(outcome))
      continue;
    sum += static_cast<std::uint64_t>(ts) + user.size() + static_cast<unsigned char>(user.back()) +
           static_cast<unsigned char>(outcome.front());
  }
  return sum;
}

}  // namespace tocsin::bench
