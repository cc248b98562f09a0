#include "tests/support/compare.h"

#include <algorithm>
#include <cstdlib>

namespace tocsin::tests {

bool differs(const Case& c) {
  const auto ready = make_ready(c.text());
  return ready && difference(engine_lines(*ready, c), reference_lines(*ready, c)).has_value();
}

bool ways_differ(const Case& c) {
  const auto ready = make_ready(c.text());
  return ready && engine_lines(*ready, c) != engine_lines(*ready, c, 1, {.fast = false});
}

bool ids_meet(const Case& c) {
  const auto ready = make_ready(c.text());
  return ready && id_of_two(engine_lines(*ready, c)).has_value();
}

bool bytes_differ(const Case& c) {
  const auto ready = make_ready(c.text());
  if (!ready) return false;
  for (const bool fast : {true, false})
    if (engine_lines(*ready, c, 1, {.fast = fast}) != engine_lines(*ready, c, 1, {.fast = fast}, 1)) return true;
  return false;
}

bool shards_differ(const Case& c) {
  const auto ready = make_ready(c.text());
  if (!ready) return false;
  for (const bool fast : {true, false})
    for (const std::uint32_t shards : {2u, 3u, 8u})
      if (engine_lines(*ready, c, 1, {.fast = fast}) != engine_lines(*ready, c, 1, {.fast = fast, .shards = shards}))
        return true;
  return false;
}

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

bool seeds_are_the_usual() { return std::getenv("TOCSIN_SEED") == nullptr && std::getenv("TOCSIN_SEEDS") == nullptr; }

Case minimised(Case c, const std::function<bool(const Case&)>& still) {
  for (bool smaller = true; smaller;) {
    smaller = false;
    const auto try_it = [&](const Case& other) {
      if (!still(other)) return false;
      c = other;
      return smaller = true;
    };
    for (std::size_t i = c.events.size(); i-- > 0;) {
      Case other = c;
      other.events.erase(other.events.begin() + static_cast<std::ptrdiff_t>(i));
      if (!other.events.empty()) try_it(other);
    }
    for (std::size_t i = c.rules.size(); i-- > 0;) {
      Case other = c;
      other.rules.erase(other.rules.begin() + static_cast<std::ptrdiff_t>(i));
      if (!other.rules.empty() && try_it(other)) continue;
      for (std::size_t j = c.rules[i].clauses.size(); j-- > 0;) {
        if (c.rules[i].clauses[j].starts_with("alert")) continue;
        other = c;
        other.rules[i].clauses.erase(other.rules[i].clauses.begin() + static_cast<std::ptrdiff_t>(j));
        try_it(other);
      }
      if (c.rules[i].by == "k") {
        other = c;
        other.rules[i].by = "all";
        try_it(other);
      }
    }
    for (std::size_t i = 0; i < c.events.size(); ++i) {
      Case other = c;
      other.events[i].fields.clear();
      if (!c.events[i].fields.empty() && try_it(other)) continue;
      other.events[i].fields = "\"k\":\"k1\"";
      if (c.events[i].fields.size() > 8) try_it(other);
    }
    if (c.until_ms) {
      Case other = c;
      other.until_ms.reset();
      try_it(other);
    }
    if (c.drain) {
      Case other = c;
      other.drain = false;
      try_it(other);
    }
  }
  return c;
}

std::string report(const Case& c) {
  const auto ready = make_ready(c.text());
  const Lines ours = engine_lines(*ready, c), theirs = reference_lines(*ready, c);
  std::string out = c.text().substr(c.text().find("\ncalendar") + 1) + c.events_text();
  const Lines general = engine_lines(*ready, c, 1, {.fast = false});
  for (const std::string& line : ours) out += "  engine    " + line + "\n";
  if (general != ours)
    for (const std::string& line : general) out += "  general   " + line + "\n";
  for (const std::string& line : theirs) out += "  reference " + line + "\n";
  return out;
}

}  // namespace tocsin::tests
