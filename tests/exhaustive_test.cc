// The engine equals the reference matcher for all small patterns over all short streams, smallest first: a failure
// prints the first pattern and stream that differ, with as little as possible around them.
//
// Streams are keys: all of one length run side by side, each under a key of its own, which is how the engine meets
// them, too. What a key of its own would hide (`by all`, the end of the input) is run once more, one stream at a time.
//
// TOCSIN_LONG=1 takes streams one event longer, patterns with one more word in them, and the general matchers, too:
// minutes instead of seconds; TOCSIN_LONG=2 streams longer by two.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/compile.h"
#include "tests/support/compare.h"

namespace {

using namespace tocsin;
using namespace tocsin::tests;

// How many events more than in the normal run.
std::size_t more() {
  const char* text = std::getenv("TOCSIN_LONG");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 0;
}
bool is_long() { return more() > 0; }

// ----- streams ------------------------------------------------------------------------------------------------------

// The events that streams are made of: `A` is an a_high (rule_generator.cc), `m` an a that does not say how high it is.
struct Letter {
  char name;
  const char* type;
  const char* fields;
};
constexpr Letter kLetters[] = {
    {'a', "a", "\"v\":1"}, {'A', "a", "\"v\":2"}, {'m', "a", ""}, {'b', "b", "\"v\":1"}, {'c', "c", "\"v\":1"}};

// Every bound of the patterns is 1, 2 or 3 seconds: one step, or two together, meet it, miss it, and go past it by one.
constexpr std::int64_t kSteps[] = {0, 1'000, 2'000, 3'000};
constexpr std::int64_t kBegin = 60'000;  // where windows of 1, 2 and 3 seconds begin

using Stream = std::vector<EventText>;

// All streams of so many events, the first at its own distance from the begin of time.
void append_streams(std::vector<Stream>& out, const std::string& letters, std::size_t length, std::int64_t begin) {
  std::vector<Stream> all = {{}};
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<Stream> longer;
    for (const Stream& stream : all)
      for (const std::int64_t step : kSteps) {
        if (i == 0 && step > 0) break;
        for (const Letter& letter : kLetters) {
          if (letters.find(letter.name) == std::string::npos) continue;
          Stream next = stream;
          EventText event;
          event.type = letter.type;
          event.fields = letter.fields;
          event.ms = (i == 0 ? kBegin + begin : stream.back().ms) + step;
          next.push_back(std::move(event));
          longer.push_back(std::move(next));
        }
      }
    all = std::move(longer);
  }
  out.insert(out.end(), all.begin(), all.end());
}

// The longest of them at the begin of time: what begins them is a stream, too. Where `begins` matter, since a pattern
// looks at the clock or at what was before its first event, shorter ones also at each step behind it.
std::vector<Stream> streams(const std::string& letters, std::size_t length, bool begins) {
  std::vector<Stream> out;
  append_streams(out, letters, length, 0);
  for (const std::int64_t begin : kSteps)
    if (begins && begin > 0) append_streams(out, letters, length - 1, begin);
  return out;
}

// ----- running them -------------------------------------------------------------------------------------------------

// As many digits for all, so that the order of keys is that of streams.
std::string key_of(std::size_t stream) { return std::to_string(100'000 + stream); }

// All streams as one: every event under the key of its stream.
Case side_by_side(const std::vector<RuleText>& rules, const std::vector<Stream>& all) {
  Case out;
  out.rules = rules;
  for (std::size_t i = 0; i < all.size(); ++i)
    for (EventText event : all[i]) {
      event.fields += std::string(event.fields.empty() ? "" : ",") + "\"k\":\"" + key_of(i) + "\"";
      out.events.push_back(std::move(event));
    }
  std::stable_sort(out.events.begin(), out.events.end(),
                   [](const EventText& a, const EventText& b) { return a.ms < b.ms; });
  for (std::size_t i = 0; i < out.events.size(); ++i) out.events[i].offset = i + 1;
  out.until_ms = out.events.back().ms + 6'000;
  return out;
}

// One stream with one rule.
Case alone(const RuleText& rule, Stream stream) {
  Case out;
  out.rules = {rule};
  out.events = std::move(stream);
  for (std::size_t i = 0; i < out.events.size(); ++i) {
    EventText& event = out.events[i];
    event.fields += std::string(event.fields.empty() ? "" : ",") + "\"k\":\"u\"";
    event.offset = i + 1;
  }
  return out;
}

// The rules that `check` accepts: an enumeration says many things that mean nothing.
std::vector<RuleText> accepted(const std::vector<RuleText>& rules) {
  Case all;
  all.rules = rules;
  const std::string text = all.text();
  const dsl::SourceText source{"small.rules", text};
  const auto compiled = dsl::compile(std::vector<dsl::SourceText>{source});
  std::vector<std::size_t> begins;
  std::size_t at = text.size();
  for (auto rule = rules.rbegin(); rule != rules.rend(); ++rule) begins.push_back(at -= rule->text().size());
  std::ranges::reverse(begins);
  std::set<std::size_t> refused;
  for (const auto& d : compiled.diagnostics)
    if (d.level() == dsl::Level::error)
      refused.insert(static_cast<std::size_t>(std::ranges::upper_bound(begins, d.here.span.begin) - begins.begin()) -
                     1);
  std::vector<RuleText> out;
  for (std::size_t i = 0; i < rules.size(); ++i)
    if (!refused.contains(i)) out.push_back(rules[i]);
  return out;
}

// The lines of each rule and key: the words of a line are time, rule, key.
std::map<std::pair<std::string, std::string>, Lines> by_rule_and_key(const Lines& lines) {
  std::map<std::pair<std::string, std::string>, Lines> out;
  for (const std::string& line : lines) {
    const std::size_t rule = line.find(' ') + 1, key = line.find(' ', rule) + 1;
    out[{line.substr(rule, key - rule - 1), line.substr(key, line.find(' ', key) - key)}].push_back(line);
  }
  return out;
}

// The first rule, and of it the first stream, of which the two do not say the same.
std::string first_difference(const Case& c, const std::vector<Stream>& all, const Lines& ours, const Lines& theirs) {
  auto mine = by_rule_and_key(ours), others = by_rule_and_key(theirs);
  for (const RuleText& rule : c.rules)
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::pair<std::string, std::string> which{rule.head.substr(5), "{k:\"" + key_of(i) + "\"}"};
      if (!difference(mine[which], others[which])) continue;
      Case one = alone(rule, all[i]);
      for (const auto& still : {differs, ways_differ})
        for (const std::optional<std::int64_t>& until : {std::optional<std::int64_t>(), c.until_ms}) {
          one.until_ms = until;
          if (still(one)) return report(minimised(one, still));
        }
      std::string out = "only together with other keys or rules: " + rule.text() + one.events_text();
      for (const std::string& line : mine[which]) out += "  one   " + line + "\n";
      for (const std::string& line : others[which]) out += "  other " + line + "\n";
      return out;
    }
  return "the same, in another order\n";
}

struct Tally {
  std::size_t pairs = 0, alerts = 0, failures = 0;
};

constexpr std::size_t kFailuresShown = 5;

// As many rules in one set as keep the lines of all streams in memory.
constexpr std::size_t kTogether = 40;

void run_side_by_side(const std::vector<RuleText>& rules, const std::vector<Stream>& all, Tally& tally) {
  for (std::size_t i = 0; i < rules.size() && tally.failures < kFailuresShown; i += kTogether) {
    const auto from = rules.begin() + static_cast<std::ptrdiff_t>(i);
    const auto n = static_cast<std::ptrdiff_t>(std::min(kTogether, rules.size() - i));
    const Case c = side_by_side({from, from + n}, all);
    const auto ready = make_ready(c.text());
    REQUIRE(ready);
    const Lines ours = engine_lines(*ready, c, 64), theirs = reference_lines(*ready, c);
    tally.pairs += c.rules.size() * all.size();
    tally.alerts += theirs.size();
    std::string wrong;
    if (difference(ours, theirs)) wrong = first_difference(c, all, ours, theirs);
    if (const Lines general = is_long() ? engine_lines(*ready, c, 64, {.fast = false}) : ours;
        wrong.empty() && ours != general)
      wrong = "fast and general\n" + first_difference(c, all, ours, general);
    if (wrong.empty()) continue;
    FAIL_CHECK(wrong);
    ++tally.failures;
  }
}

// Each stream for itself, without a key, with the end of the input where it is, and behind.
void run_one_by_one(std::vector<RuleText> rules, const std::vector<Stream>& all, Tally& tally) {
  for (RuleText& rule : rules) rule.by = "all";
  rules = accepted(rules);
  Case c;
  c.rules = rules;
  const auto ready = make_ready(c.text());
  REQUIRE(ready);
  for (const Stream& stream : all)
    for (const std::int64_t behind : {0, 2'000}) {
      if (tally.failures >= kFailuresShown) return;
      c.events = alone({}, stream).events;
      c.until_ms.reset();
      if (behind > 0) c.until_ms = stream.back().ms + behind;
      const Lines ours = engine_lines(*ready, c), theirs = reference_lines(*ready, c);
      tally.pairs += rules.size();
      tally.alerts += theirs.size();
      if (!difference(ours, theirs)) continue;
      ++tally.failures;
      auto mine = by_rule_and_key(ours), others = by_rule_and_key(theirs);
      const auto wrong = std::ranges::find_if(rules, [&](const RuleText& rule) {
        const std::pair<std::string, std::string> which{rule.head.substr(5), "{}"};
        return difference(mine[which], others[which]).has_value();
      });
      Case one = c;
      if (wrong != rules.end()) one.rules = {*wrong};
      FAIL_CHECK(report(differs(one) ? minimised(one, differs) : c));
    }
}

// ----- patterns -----------------------------------------------------------------------------------------------------

// What a pattern can tell apart is what its streams are made of.
std::string letters_of(const RuleText& rule) {
  const std::string text = rule.text().substr(rule.head.size());
  const auto says = [&](std::string_view word) { return text.find(word) != std::string::npos; };
  const auto names = [&](char event) {
    for (std::size_t i = text.find(event); i != std::string::npos; i = text.find(event, i + 1)) {
      const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; };
      if (!letter(text[i - 1]) && (i + 1 == text.size() || !letter(text[i + 1]))) return true;
    }
    return false;
  };
  std::string out = says("_high") || says(".v") || says("v ") ? "aA" : "a";
  if (names('b') || says("ab")) out += 'b';
  if (names('c')) out += 'c';
  return out;
}

std::size_t length_for(const std::string& letters) { return std::max<std::size_t>(5 - letters.size(), 2) + more(); }

// Gives every rule its name, and runs those together that have the same streams; the smallest come first.
void hold(std::vector<RuleText> rules, bool begins, Tally& tally) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    rules[i].head = "rule r" + std::to_string(i + 1);
    rules[i].by = "k";
    rules[i].clauses.push_back("alert low \"-\"");
  }
  rules = accepted(rules);
  std::vector<std::string> order;
  std::map<std::string, std::vector<RuleText>> by_letters;
  for (const RuleText& rule : rules) {
    const std::string letters = letters_of(rule);
    if (!by_letters.contains(letters)) order.push_back(letters);
    by_letters[letters].push_back(rule);
  }
  for (const std::string& letters : order) {
    run_side_by_side(by_letters[letters], streams(letters, length_for(letters), begins), tally);
    if (letters == "aA") run_side_by_side(by_letters[letters], streams("aAm", length_for("aAm"), begins), tally);
    std::vector<Stream> few;
    append_streams(few, letters, 1, 0);
    append_streams(few, letters, 2, 0);
    if (is_long()) append_streams(few, letters, 3, 0);
    run_one_by_one(by_letters[letters], few, tally);
  }
}

// Clauses that change when a rule fires; `sequence`: those that only a sequence has.
const std::vector<std::string>& clauses_of(bool sequence) {
  static const std::vector<std::string> kOfAll = {"fire always",
                                                  "fire and start over",
                                                  "reset on b",
                                                  "where count < 3",
                                                  "resolve when b",
                                                  "learn 2s",
                                                  "fire at most once per 2s",
                                                  "resolve when no a for 1s",
                                                  "except v = 2",
                                                  "forget after 2s idle",
                                                  "reset on a_high"};
  static const std::vector<std::string> kOfSequences = {"fire always", "fire every match", "reset on b", "learn 2s",
                                                        "fire at most once per 2s"};
  return sequence ? kOfSequences : kOfAll;
}

// Each pattern alone, and with each of the first clauses; in long runs with each clause, and each two of them.
std::vector<RuleText> with_clauses(const std::vector<std::string>& patterns, bool sequence) {
  std::vector<RuleText> out;
  std::vector<std::string> clauses = clauses_of(sequence);
  if (!is_long()) clauses.resize(3);
  const auto add = [&](std::vector<std::string> some) {
    for (const std::string& pattern : patterns) out.push_back({"", pattern, "", some});
  };
  add({});
  for (const std::string& clause : clauses) add({clause});
  for (std::size_t i = 0; is_long() && i < clauses.size(); ++i)
    for (std::size_t j = i + 1; j < clauses.size(); ++j) add({clauses[i], clauses[j]});
  return out;
}

std::vector<std::string> counting_patterns() {
  std::vector<std::string> out = {
      "a_high",
      "new a.v in 2s",
      "a after 2s idle",
      "a_high after 2s idle",
      "a after 2s without b",
      "a after 2s without a_high",
      "no a for 2s",
      "no a_high for 2s",
      "no b within 2s after a",
      "no a within 2s after a",
      "no a_high within 2s after a",
      "a_high for 2s",
  };
  for (const char* number : {"1", "2", "3"})
    for (const char* form :
         {"N a within 2s", "N a_high within 2s", "N ab within 2s", "N a each 2s", "N a at most 1s apart",
          "N a at most 2s apart within 3s", "fewer than N a within 2s", "N distinct a.v within 2s",
          "N consecutive a_high", "N consecutive a_high within 2s", "N consecutive a_high of b", "N of last 3 a_high",
          "N changes of a.v within 2s", "top N a.v by count over 2s"})
      out.push_back(std::string(form).replace(std::string(form).find('N'), 1, number));
  return out;
}

std::vector<std::string> conditions() {
  std::vector<std::string> out = {
      "avg(a.v over 2s) > 1",
      "min(a.v over 2s) > 1",
      "last(a.v over 2s) = 2",
      "first(a.v over 2s) = 2",
      "delta(a.v over 2s) >= 1",
      "median(a.v over 2s) > 1",
      "stddev(a.v over 2s) > 0",
      "slope(a.v over 2s) > 0",
      "ema(a.v, 0.5) > 1.5 within 2s",
      "max(a.v over 2s) > 1 for 2s",
      "count(a) >= 2 within 2s for 1s",
      "count(a over 1s) > its previous",
      "sum(a.v over 1s) > its average over 2s",
      "zscore(count(a over 1s), 2s) > 0",
      "gap_avg(a over 3s) >= 1s",
      "gap_stddev(a over 3s) > 0s",
      "duration(a over 2s) >= 1s",
      "duration(a_high over 2s) >= 1s",
      "duration(a over 1s) > its previous",
      "values(a.v over 2s) = [1, 2]",
      "length(values(a.v over last 2)) >= 2",
      "top(a.v over 2s, 1) = [2]",
      "p75(a.v over 2s) > 1",
      "rate(a) >= 1 within 2s",
      "count(a) / count(ab) > 50% within 2s",
      "ratio(a_high, a over 2s) > 50%",
      "count(a over 2s) > count(b over 1s)",
      "count(a over 2s) >= 2 and count(b over 2s) = 0",
      "count(a over 2s) >= 2 or count(b over 1s) >= 2",
      "not (count(a over 2s) >= 2)",
      "sum(a.v over last 2) >= 3",
  };
  for (const char* number : {"1", "2", "3"})
    for (const char* form :
         {"count(a) >= N within 2s", "count(a) = N within 2s", "count(a) < N within 2s", "sum(a.v) >= N within 2s",
          "distinct_count(a.v) >= N within 2s", "distinct_count(a.v) < N within 2s"})
      out.push_back(std::string(form).replace(std::string(form).find('N'), 1, number));
  return out;
}

// A sequence in the making: what stands around its steps, how they are linked, what stands behind.
struct Sequence {
  struct Step {
    std::string before, event, behind, link = " then ";
  };
  std::vector<Step> steps;
  std::string within, end;
  std::vector<std::string> clauses;

  RuleText rule() const {
    std::string out;
    for (std::size_t i = 0; i < steps.size(); ++i)
      out += (i > 0 ? steps[i].link : "") + steps[i].before + steps[i].event + steps[i].behind;
    out += within;
    if (!end.empty()) out = within.empty() ? out + end : "(" + out + ")" + end;
    return {"", out, "", clauses};
  }
};

// One change to a sequence; of those at one place only one can be made.
struct Change {
  std::size_t place;
  std::function<void(Sequence&)> make;
};

std::vector<Change> changes_of(const Sequence& s) {
  std::vector<Change> out;
  std::size_t place = 0;
  for (std::size_t i = 0; i < s.steps.size(); ++i, ++place) {
    for (const char* quantity :
         {"2 ", "3 ", "exactly 2 ", "1 to 2 ", "one or more ", "2 consecutive ", "maybe ", "zero or more "})
      out.push_back({place, [i, quantity](Sequence& x) { x.steps[i].before = quantity; }});
    for (const char* quantity : {"one or more ", "2 "})
      out.push_back({place, [i, quantity](Sequence& x) {
                       x.steps[i].before = quantity;
                       x.steps[i].behind = x.steps[i].event == "a" ? " until b" : " until a";
                     }});
  }
  for (std::size_t i = 1; i < s.steps.size(); ++i, ++place)
    for (const char* link : {" then next ", " then first ", " then within 1s ", " then no a then ", " then no b then "})
      out.push_back({place, [i, link](Sequence& x) { x.steps[i].link = link; }});
  out.push_back({place++, [](Sequence& x) { x.within = " within 2s"; }});
  for (const char* end : {" then no a within 2s", " then no b within 2s"})
    out.push_back({place, [end](Sequence& x) { x.end = end; }});
  ++place;
  for (const std::string& clause : clauses_of(true))
    out.push_back({place, [clause](Sequence& x) { x.clauses.push_back(clause); }});
  return out;
}

// With exactly so many changes.
void append_changed(std::vector<RuleText>& out, const Sequence& s, std::size_t changes) {
  const std::vector<Change> all = changes_of(s);
  const auto choose = [&](auto&& self, const Sequence& x, std::size_t from, std::size_t left) -> void {
    if (left == 0) return out.push_back(x.rule());
    for (std::size_t i = from; i < all.size(); ++i) {
      Sequence next = x;
      all[i].make(next);
      std::size_t other = i + 1;
      while (other < all.size() && all[other].place == all[i].place) ++other;
      self(self, next, other, left - 1);
    }
  };
  choose(choose, s, 0, changes);
}

std::vector<Sequence> sequences_of(std::size_t steps) {
  std::vector<Sequence> out = {{}};
  for (std::size_t i = 0; i < steps; ++i) {
    std::vector<Sequence> longer;
    for (const Sequence& s : out)
      for (const char* event : {"a", "b"}) {
        longer.push_back(s);
        longer.back().steps.push_back({"", event, ""});
      }
    out = std::move(longer);
  }
  // Every event has its turn as the other one: what begins with b says the same of b and a.
  std::erase_if(out, [](const Sequence& s) { return s.steps[0].event == "b"; });
  return out;
}

std::vector<std::string> groups_and_alternatives() {
  return {
      "any 1 of (a, b)",
      "any 2 of (a, b)",
      "all of (a, b)",
      "all of (a, b) within 2s",
      "all of (a, a)",
      "all of (2 a, b)",
      "all of (one or more a, b)",
      "any 2 of (a, b, c)",
      "any 2 of (a, b, c) within 2s",
      "all of (a, b) then a",
      "all of (a, b) then next a within 3s",
      "a then all of (a, b)",
      "a then any 1 of (a, b)",
      "a then no b then all of (a, b)",
      "all of (a, b) then no a within 2s",
      "(a then b) then a",
      "(a then b within 1s) then a",
      "a then (b then a)",
      "a then (b then a within 1s)",
      "a then (a then b within 1s) within 2s",
      "2 (a then b)",
      "2 (a then b) within 3s",
      "2 (a then b within 1s) within 3s",
      "2 (a then a) within 3s",
      "2 (a then b) then a",
      "one or more (a then b) then b",
      "exactly 1 (a then b) then b",
      "exactly 1 (a then b) then c",
      "maybe (a then b) then b",
      "(2 a within 1s) then b",
      "2 (2 a within 1s) within 3s",
      "a then no (a or b) then b",
      "a then next (a or b)",
      "(a or b) then a",
      "ab then ab",
      "a then within 1s of x b",
      "a as x then b then within 2s of x a",
      "a as x then b then no a within 3s of x",
  };
}

// Filters that look at another step, and what takes part in the choice.
std::vector<std::string> relations() {
  return {
      "a as x then a(v > x.v)",
      "a as x then a(v = x.v)",
      "a as x then a(v != x.v) within 2s",
      "a as x then no a(v > x.v) then a(v = x.v)",
      "a as x then no a(v = x.v) within 2s",
      "2 a as x then a(v > max(x.v))",
      "one or more a as x then a(v > count(x))",
      "a as x then 2 a(v >= x.v) as y",
      "2 a(v >= previous.v)",
      "a(v > previous.v)",
      "a(v > previous.v) then a(v < previous.v)",
      "2 consecutive a(v = previous.v)",
      "a as x then next a(v > x.v)",
      "maybe a_high as x then a",
      "a then a_high then a",
      "a then maybe a_high then a",
      "a_high then a within 2s",
      "all of (a, a_high)",
      "any 2 of (a, a_high) within 2s",
      "2 a_high then a",
      "a_high until a",
      "one or more a_high until a then a",
      "a then no a_high then a",
      "a then first a_high",
      "a then next a_high",
  };
}

// `where` and `resume at` decide which match is the first.
std::vector<RuleText> with_where() {
  std::vector<RuleText> out;
  for (const char* pattern : {"a as x then a as y", "a as x then a as y within 2s", "a as x then next a as y",
                              "maybe a as x then a as y", "a as x then a then a as y", "2 a as x then a as y"})
    for (const char* clause : {"where x.v > y.v", "where y.v > x.v", "where x.v = 2", "resume at first x",
                               "resume at last x", "resume at first y"})
      for (const char* firing : {"", "fire always", "fire every match"}) {
        out.push_back({"", pattern, "", {clause}});
        if (*firing != 0) out.back().clauses.emplace_back(firing);
      }
  return out;
}

void hold_and_tell(const std::string& what, std::vector<RuleText> rules, bool begins = false) {
  const std::clock_t begin = std::clock();
  Tally tally;
  const std::size_t written = rules.size();
  hold(std::move(rules), begins, tally);
  MESSAGE(what << ": " << written << " patterns, " << tally.pairs << " pairs of a pattern and a stream, "
               << tally.alerts << " alerts, " << (std::clock() - begin) * 1000 / CLOCKS_PER_SEC
               << " ms of processor time");
  CHECK(tally.alerts > 0);
}

}  // namespace

TEST_CASE("small counts, streaks, gaps and silences over all short streams") {
  hold_and_tell("counts", with_clauses(counting_patterns(), false), true);
}

TEST_CASE("small conditions over all short streams") {
  hold_and_tell("conditions", with_clauses(conditions(), false), true);
}

TEST_CASE("small sequences over all short streams") {
  std::vector<RuleText> rules;
  const std::size_t most = more() > 1 ? 3 : is_long() ? 2 : 1;
  for (std::size_t changes = 0; changes <= most; ++changes)
    for (const std::size_t steps : {2u, 3u})
      for (const Sequence& s : sequences_of(steps)) append_changed(rules, s, changes);
  hold_and_tell("sequences", std::move(rules));
}

TEST_CASE("small groups, alternatives and relations over all short streams") {
  hold_and_tell("groups", with_clauses(groups_and_alternatives(), true));
  hold_and_tell("relations", with_clauses(relations(), true));
  hold_and_tell("where", with_where());
}
