// Small rules over the whole language and streams that meet their bounds, at random from a seed: what engine and
// reference are compared with. Few keys, few values, times at D-1ms, D, D+1ms: nearly every event matters.
#pragma once

#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

namespace tocsin::tests {

struct RuleText {
  std::string head;     // `rule r1`, `session v of (a or b)`
  std::string pattern;  // after `when`; empty: no rule
  std::string by;
  std::vector<std::string> clauses;
  std::string text() const;
};

struct EventText {
  std::string type;
  std::int64_t ms = 0;
  std::string fields;  // `"k":"x","v":1`
  int partition = 0;
  std::uint64_t offset = 0;
  std::string json() const;
};

struct Case {
  std::vector<RuleText> rules;
  std::vector<EventText> events;  // in order of arrival
  std::int64_t late_ms = 0;
  std::optional<std::int64_t> until_ms;
  bool drain = false;
  bool silent_partition =
      false;                 // one more that never says anything, and is not waited for any more after a while (T2)
  std::string text() const;  // of the rules, with what they name
  std::string events_text() const;
};

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : random_(seed) {}

  // Rules alone; `size` 0 to 3 says how much they may say.
  std::vector<RuleText> rules(int size);
  // A session or a summary, and a rule that uses it.
  void rows(const std::string& number, std::vector<RuleText>& out);
  // Rules that use each other, are muted by each other or share budgets, by keys that are the same, partly or not.
  Case chain();
  // Rules that use each other's events, each by a key of its own.
  Case rekeyed();
  // Comparisons of aggregates, with the window of those that name none.
  std::string condition();
  // A stream for them, in the total order.
  std::vector<EventText> events(std::size_t n);
  Case any();
  // Arrivals in another order, none of them late.
  std::vector<EventText> shuffled(const std::vector<EventText>& events, std::int64_t late_ms);

  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::string pick(std::initializer_list<const char*> choices);

 private:
  struct Named {
    std::string name;
    bool repeated = false;
  };
  // What was added later is drawn apart, so that the seeds in tests/equality_test.cc stay much as they were.
  Generator apart() const;
  std::string by_functions(const std::string& of);
  std::string duration();
  std::string small();
  std::string base();
  std::string counted();
  std::string stream(bool relations);
  std::string plain_filter();
  std::string relation();
  std::string step(int depth, bool first, bool last);
  std::string link();
  std::string sequence(int depth);
  std::string aggregate();
  std::string comparison();
  std::string of_rows(const std::string& of);
  std::string pattern(int size);
  std::string text_of();
  void clauses(RuleText& rule, int size, bool sequence);
  std::string resolve();
  RuleText link_of_chain(std::vector<RuleText>& made);
  RuleText rekeyed_link(std::vector<std::string>& emitted, std::vector<std::string>& rules);

  std::mt19937_64 random_;
  std::vector<Named> names_;  // bound so far in the pattern
  std::string counted_;       // a base event whose values a condition counts, or none
  int next_name_ = 0;
  bool has_count_ = false, has_span_ = false, has_value_ = false;  // of the pattern in hand
  bool has_gap_ = false, has_last_seen_ = false;
};

}  // namespace tocsin::tests
