// What one would write with simdjson alone: no lines, no schema, no dead letters, the values only summed up.
#include <simdjson.h>

#include "bench/micro/json_lines.h"

namespace tocsin::bench {
namespace {

simdjson::ondemand::parser& parser() {
  static simdjson::ondemand::parser one;
  return one;
}

}  // namespace

Sums plain_in_order(std::string_view text) {
  Sums sums;
  simdjson::ondemand::document_stream stream;
  if (parser().iterate_many(text.data(), text.size(), text.size()).get(stream)) return sums;
  for (auto document : stream) {
    simdjson::ondemand::object object;
    std::int64_t ts = 0;
    std::string_view user, outcome;
    double amount = 0;
    if (document.get_object().get(object) || object.find_field("ts").get_int64().get(ts) ||
        object.find_field("user").get_string().get(user) || object.find_field("outcome").get_string().get(outcome) ||
        object.find_field("amount").get_double().get(amount)) {
      continue;
    }
    sums.add(ts, user, outcome, amount);
  }
  return sums;
}

Sums plain_any_order(std::string_view text) {
  Sums sums;
  simdjson::ondemand::document_stream stream;
  if (parser().iterate_many(text.data(), text.size(), text.size()).get(stream)) return sums;
  for (auto document : stream) {
    simdjson::ondemand::object object;
    std::int64_t ts = 0;
    std::string_view user, outcome;
    double amount = 0;
    if (document.get_object().get(object)) continue;
    bool bad = false;
    for (auto field : object) {
      simdjson::ondemand::raw_json_string key;
      if (field.key().get(key)) break;
      if (key == "ts") {
        bad |= field.value().get_int64().get(ts) != simdjson::SUCCESS;
      } else if (key == "user") {
        bad |= field.value().get_string().get(user) != simdjson::SUCCESS;
      } else if (key == "outcome") {
        bad |= field.value().get_string().get(outcome) != simdjson::SUCCESS;
      } else if (key == "amount") {
        bad |= field.value().get_double().get(amount) != simdjson::SUCCESS;
      }
    }
    if (!bad) sums.add(ts, user, outcome, amount);
  }
  return sums;
}

}  // namespace tocsin::bench
