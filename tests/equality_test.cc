// The engine equals the reference matcher: on all small patterns over all short streams, and on random rules over random streams.
// Would be wrong if it failed: one of the two, or semantics.md; a failure prints the seed, the smallest rule and events found.
//
// TOCSIN_SEEDS=N tries N random rule sets (default 1500); TOCSIN_SEED=S begins at S; TOCSIN_ONE=S tries only S.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <iterator>

#include "tests/support/both.h"

namespace {

using namespace tocsin;
using namespace tocsin::tests;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

// The first line in which they differ; a count that the pattern does not have is any.
std::optional<std::size_t> difference(const Lines& engine, const Lines& reference) {
  static const std::string kAny = "\"count\":\"any\"";
  for (std::size_t i = 0; i < std::max(engine.size(), reference.size()); ++i) {
    if (i >= engine.size() || i >= reference.size()) return i;
    if (engine[i] == reference[i]) continue;
    const std::size_t any = reference[i].find(kAny);
    if (any == std::string::npos) return i;
    std::string ours = engine[i];
    const std::size_t at = ours.find("\"count\":");
    const std::size_t end = ours.find(',', at);
    if (at == std::string::npos || ours.replace(at, end - at, kAny) != reference[i]) return i;
  }
  return std::nullopt;
}

bool differs(const Case& c) {
  const auto ready = make_ready(c.text());
  return ready && difference(engine_lines(*ready, c), reference_lines(*ready, c)).has_value();
}

bool ways_differ(const Case& c) {
  const auto ready = make_ready(c.text());
  return ready && engine_lines(*ready, c) != engine_lines(*ready, c, 1, false);
}

// Leaves away what is not needed for the difference: events, rules, clauses, fields.
template <class Differs>
Case minimised(Case c, const Differs& still) {
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
  const Lines general = engine_lines(*ready, c, 1, false);
  for (const std::string& line : ours) out += "  engine    " + line + "\n";
  if (general != ours)
    for (const std::string& line : general) out += "  general   " + line + "\n";
  for (const std::string& line : theirs) out += "  reference " + line + "\n";
  return out;
}

}  // namespace

// Seeds at which the two still differ, and why. Whoever mends one deletes its line: it must differ.
constexpr std::uint64_t kStillDiffer[] = {
    404, 675,  // a name inside a counted group is missing in the text (N1)
    1035,      // the values of a repeated step's missing fields: "missing, missing" against nothing
    1071,      // a ranking that changed while the key was learning fires when the learning is over, or does not (F8)
};

bool still_differs(std::uint64_t seed) { return std::ranges::find(kStillDiffer, seed) != std::end(kStillDiffer); }

TEST_CASE("random rules over random streams: engine and reference say the same") {
  const std::uint64_t one = number_from("TOCSIN_ONE", 0);
  const std::uint64_t first = one != 0 ? one : number_from("TOCSIN_SEED", 1);
  const std::uint64_t seeds = one != 0 ? 1 : number_from("TOCSIN_SEEDS", 1500);
  std::uint64_t tried = 0, alerts = 0;
  std::uint64_t failures = 0;
  const std::uint64_t most = number_from("TOCSIN_FAILURES", 5);
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    if (std::getenv("TOCSIN_VERBOSE") != nullptr) std::cerr << seed << std::endl;
    Generator generator(seed);
    Case c = generator.any();
    std::string why;
    const auto ready = make_ready(c.text(), &why);
    if (!ready) {
      if (std::getenv("TOCSIN_WHY") != nullptr) std::cout << why << "\n  " << c.rules.back().text();
      continue;
    }
    ++tried;
    bool differed = false;
    for (int stream = 0; stream < 4; ++stream) {
      if (stream > 0) c.events = generator.events(c.events.size());
      const Lines ours = engine_lines(*ready, c), theirs = reference_lines(*ready, c);
      alerts += theirs.size();
      // The general matchers, and the same bytes however the input is cut.
      if (ours != engine_lines(*ready, c, 1, false))
        FAIL_CHECK("seed " << seed << ": fast and general matchers differ\n" << report(minimised(c, ways_differ)));
      if (ours != engine_lines(*ready, c, 3)) FAIL_CHECK("seed " << seed << ": blocks of three events\n" << report(c));
      if (!difference(ours, theirs)) continue;
      differed = true;
      if (still_differs(seed) && one == 0) break;
      FAIL_CHECK("seed " << seed << "\n" << report(minimised(c, differs)));
      if (++failures == most) return;
      break;
    }
    if (still_differs(seed)) CHECK_MESSAGE(differed, "seed " << seed << " holds now: delete it in kStillDiffer");
  }
  MESSAGE(tried << " rule sets of " << seeds << " seeds, " << alerts << " outputs");
  if (one == 0) CHECK(tried * 2 > seeds);
}

TEST_CASE("any order of arrival within the lateness says the same") {
  const std::uint64_t seeds = number_from("TOCSIN_SEEDS", 1500) / 10;
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    Generator generator(seed * 7919);
    Case c = generator.any();
    c.late_ms = 2'000;
    const auto ready = make_ready(c.text());
    if (!ready) continue;
    for (EventText& e : c.events) e.partition = static_cast<int>(generator.below(2));
    const Lines in_order = engine_lines(*ready, c);
    for (int i = 0; i < 3; ++i) {
      Case other = c;
      other.events = generator.shuffled(c.events, c.late_ms);
      const Lines ours = engine_lines(*ready, other, 1 + generator.below(3));
      if (ours == in_order) continue;
      FAIL_CHECK("seed " << seed << "\n" << report(other));
      return;
    }
  }
}
