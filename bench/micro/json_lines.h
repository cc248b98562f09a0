// The lines that the JSON benchmarks read: 156 bytes, eight fields, of which four are wanted. Same as in the design's
// roofline, so figures can be set side by side.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace tocsin::bench {

// What the four fields come to. All ways of reading must agree on it before they are timed.
struct Sums {
  std::int64_t events = 0, time = 0;
  std::uint64_t texts = 0;
  double amount = 0;
  friend bool operator==(const Sums&, const Sums&) = default;

  void add(std::int64_t ts, std::string_view user, std::string_view outcome, double value) {
    ++events;
    time += ts;
    texts += user.size() + static_cast<unsigned char>(user.back()) + static_cast<unsigned char>(outcome.front());
    amount += value;
  }
};

// Whole lines, at least `size` bytes.
inline std::string make_lines(std::size_t size, std::uint64_t keys) {
  std::mt19937_64 random(1);
  std::string text;
  for (std::int64_t ts = 1'772'374'800'000; text.size() < size; ts += 3) {
    const std::string user = "user" + std::to_string(1'000'000 + random() % keys);
    const std::string ip = "10." + std::to_string(random() % 256) + ".0." + std::to_string(random() % 256);
    std::string line = "{\"ts\":" + std::to_string(ts) + ",\"user\":\"" + user + "\",\"outcome\":\"" +
                       (random() % 10 == 0 ? "failure" : "success") +
                       "\",\"amount\":" + std::to_string(random() % 1000) + "." + std::to_string(random() % 90 + 10) +
                       ",\"ip\":\"" + ip + "\",\"country\":\"FR\",\"method\":\"password\",\"pad\":\"";
    const std::size_t wanted = 156 - 3;
    line.append(line.size() < wanted ? wanted - line.size() : 0, 'x');
    text += line + "\"}\n";
  }
  return text;
}

// Plain loops over On Demand (its own file: compiled for x86-64-v3, which is the best this front end can get).
// REQUIRES: 64 bytes may be read behind the text.
Sums plain_in_order(std::string_view text);   // keys asked in the order in which they stand
Sums plain_any_order(std::string_view text);  // every key looked at

}  // namespace tocsin::bench
