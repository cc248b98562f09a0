// What functions and aggregates take and give, as an author reads it: for `explain NAME` and docs/functions.md.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::app {

struct Call {
  std::string name;   // `weekday`
  std::string form;   // `weekday(time[, "zone"])`
  std::string gives;  // `text`
  std::string help;   // what
  bool aggregate = false;
  std::string of_nothing;  // of aggregates: what it is when there is no value
};

// Those called so: an aggregate, a function, or both (`min`).
std::vector<Call> calls_named(std::string_view name);
std::vector<std::string> names_of_calls();
std::string in_text(const Call& call);
std::string functions_page();

}  // namespace tocsin::app
