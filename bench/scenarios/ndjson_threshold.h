// The ways of ndjson_threshold that share nothing with the engine.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tocsin::bench {

// An alert as all ways can say it: whose, and when (microseconds).
using Found = std::pair<std::string, std::int64_t>;

// What one would write with simdjson alone: the three fields are read and summed up, nothing else. Its own file:
// compiled for x86-64-v3, the best that this front end can get. REQUIRES: 64 bytes may be read behind the text.
std::uint64_t plain_loop(std::string_view lines);

// What one would write in an afternoon: nlohmann's tree of every line, a map of deques. The meaning is that of `5
// login_failed within 5m by user`: fires when the fifth is reached, again only after it was found false (semantics.md
// F1).
class Naive {
 public:
  void take(std::string_view lines, std::vector<Found>& found);

 private:
  struct User {
    std::deque<std::int64_t> times;
    bool armed = true;
  };
  std::unordered_map<std::string, User> users_;
};

}  // namespace tocsin::bench
