// If one of these fails, rules that are replaced by others forget, or take one thing's memory for another's.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <regex>

#include "engine/program/dump.h"
#include "engine/runtime/kept_shape.h"
#include "engine/runtime/ledger.h"
#include "engine/runtime/shard.h"
#include "tests/support/both.h"
#include "tests/support/compare.h"

namespace {

using namespace tocsin;
using namespace tocsin::tests;

constexpr const char* kA = "event a has k text, v float, ts time  timestamp ts\n";
constexpr const char* kB = "event b has k text, v float, ts time  timestamp ts\n";

// Rules on one shard, and events for it made by hand.
class Rules {
 public:
  // `watches`: none of its sources has begun before, but that is handed over.
  explicit Rules(const std::string& text, std::uint32_t shards = 1, bool watches = true) {
    std::string why;
    const auto ready = make_ready(text, &why);
    INFO(why);
    REQUIRE(ready);
    rules_ = ready->rules;
    const auto placement = std::make_shared<const Placement>(*rules_, shards);
    for (std::uint32_t i = 0; i < shards; ++i) {
      shards_.push_back(std::make_unique<Shard>(rules_, ready->data, placement, i));
    }
    if (watches) watch(Time{0});
  }
  void watch(Time from) {
    std::vector<EventTypeId> carried;
    for (std::size_t i = 0; i < rules_->schema.types.size(); ++i) carried.emplace_back(i);
    for (const auto& shard : shards_) shard->begin_watching(carried, from);
  }
  std::span<const std::unique_ptr<Shard>> shards() const { return shards_; }

  void see(const std::string& type, std::int64_t second, const std::string& key, double v) {
    const Schema& schema = rules_->schema;
    Event event;
    event.type = *schema.find(type);
    event.time = Time{} + seconds(second);
    event.position = {SourceId{0}, 0, static_cast<std::uint64_t>(second)};
    std::vector<Value> fields;
    for (const FieldSlot& field : schema[event.type].fields)
      fields.push_back(field.name() == "k" ? Value::text(key) : field.name() == "v" ? Value::floating(v) : Value());
    event.fields = fields;
    const Event* one = &event;
    for (const auto& shard : shards_) REQUIRE(shard->on_events({&one, 1}) == 1);
  }
  std::vector<std::string> ids() {
    std::vector<std::string> out;
    for (const auto& shard : shards_)
      for (const Alert& alert : shard->take_alerts()) out.push_back(alert.id);
    return out;
  }
  std::string fired() {
    std::vector<std::string> out;
    for (const auto& shard : shards_)
      for (const Alert& alert : shard->take_alerts())
        out.push_back(rules_->programs[alert.rule.index].name + " " + alert.text);
    std::ranges::sort(out);
    return fmt::format("{}", fmt::join(out, ", "));
  }

 private:
  std::shared_ptr<const RuleSet> rules_;
  std::vector<std::unique_ptr<Shard>> shards_;
};

const std::vector<std::string> kSources{"input"};

}  // namespace

TEST_CASE("what is remembered is found again when event types have other numbers") {
  const std::string rising = "rule rising when a(v > previous.v) by k  alert low \"{a.v}\"\n";
  const std::string twice = "rule twice when 2 a within 1m by k  alert low \"{count}\"\n";
  Rules before(kA + rising + twice);
  before.see("a", 1, "x", 5);
  CHECK(before.fired().empty());
  // One more type in front, and one more rule.
  Rules after(kB + std::string(kA) + "rule other when 2 b within 1m by k  alert low \"\"\n" + twice + rising);
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.see("b", 2, "x", 1);
  after.see("a", 3, "x", 6);
  CHECK(after.fired() == "rising 6.0, twice 2");
}

TEST_CASE("a rule of the same name and another shape begins anew, and so does another name") {
  Rules before(kA + std::string("rule twice when 2 a within 1m by k  alert low \"\"\n") +
               "rule three when 2 a within 1m by k  alert low \"\"\n");
  before.see("a", 1, "x", 5);
  Rules after(kA + std::string("rule twice when 2 a(v > 1) within 1m by k  alert low \"\"\n") +
              "rule four when 2 a within 1m by k  alert low \"\"\n");
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.see("a", 3, "x", 6);
  CHECK(after.fired().empty());
  after.see("a", 4, "x", 6);
  CHECK(after.fired() == "four , twice ");
}

TEST_CASE("from any number of shards to any other, each key is on one of them") {
  const std::string rules = kA + std::string("rule three when 3 a within 1m by k  alert low \"{k}\"\n") +
                            "rule whole when 9 a within 1m by all  alert low \"{count}\"\n";
  for (const std::uint32_t first : {1u, 3u, 8u})
    for (const std::uint32_t second : {1u, 2u, 8u}) {
      Rules before(rules, first), after(rules, second);
      const std::vector<std::string> keys{"w", "x", "y", "z"};
      for (std::size_t i = 0; i < 8; ++i) before.see("a", static_cast<std::int64_t>(i), keys[i % 4], 1);
      CHECK(before.fired().empty());
      REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
      for (std::size_t i = 0; i < 4; ++i) after.see("a", 10 + static_cast<std::int64_t>(i), keys[i], 1);
      CHECK(after.fired() == "three w, three x, three y, three z, whole 9");
    }
}

TEST_CASE("other numbers: a rule keeps what its new ones can use") {
  const std::string counts = "rule counts when 4 a within 1m by k  alert low \"{count}\"\n";
  const std::string limited = "rule limited when a by k  fire at most 2 per 1h  alert low \"\"\n";
  Rules before(kA + counts + limited);
  for (int i = 1; i <= 3; ++i) before.see("a", i, "x", 5);
  CHECK(before.fired() == "limited , limited ");
  Rules after(kA + std::string("rule counts when 2 a within 1m by k  alert low \"{count}\"\n") +
              "rule limited when a by k  fire at most 3 per 1h  alert low \"\"\n");
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.see("a", 4, "x", 5);
  CHECK(after.fired() == "counts 4, limited ");  // all that lie in the window (C2)
}

TEST_CASE("a rule that is new counts from now on, though an old one has the same bounds and remembers more") {
  const std::string old = "rule old when 3 a within 1m by k  alert low \"{count}\"\n";
  Rules before(kA + old);
  before.see("a", 1, "x", 5);
  before.see("a", 2, "x", 5);
  Rules after(kA + old + "rule young when 3 a within 1m by k  alert low \"{count}\"\n", 1, false);
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.watch(Time{} + seconds(3));
  after.see("a", 4, "x", 5);
  CHECK(after.fired() == "old 3");
  after.see("a", 5, "x", 5);
  after.see("a", 6, "x", 5);
  CHECK(after.fired() == "young 3");
}

TEST_CASE("a budget goes on by what its keys are, and one that the rule has no more is forgotten") {
  const std::string rule = "rule limited when a by k  alert low \"{a.v}\"  ";
  const std::string per_v = "fire at most once per 1h per v  ", per_k = "fire at most once per 1h per k  ";
  const std::string own = "fire at most 9 per 1h  ";
  struct Change {
    std::string before, after;
    bool is_spent;  // of the same v, after
  };
  const Change changes[] = {
      {per_v, per_v, true},
      {per_v, "", false},
      {per_v, own, false},
      {own, per_v, false},
      {per_v, per_k, false},
      {per_v, "fire at most 2 per 1h per v  ", false},
      {per_v, "fire at most once per 2h per v  ", true},
  };
  for (const Change& change : changes)
    for (const std::uint32_t shards : {1u, 3u}) {
      CAPTURE(change.before);
      CAPTURE(change.after);
      Rules before(kA + rule + change.before + "\n", shards), after(kA + rule + change.after + "\n", shards);
      // More than are kept without asking which of them still matter.
      for (int i = 1; i <= 1'100; ++i) before.see("a", i, "x" + std::to_string(i), i);
      CHECK(!before.fired().empty());
      REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
      after.see("a", 1'200, "y", 5);
      CHECK(after.fired() == (change.is_spent ? "" : "limited 5.0"));
    }
}

TEST_CASE("an open alert of a rule that does not remind any more reminds nobody") {
  const std::string rule = "rule open when a by k  resolve when b  alert low \"\"  ";
  Rules before(kA + std::string(kB) + rule + "remind every 20s\n");
  before.see("a", 1, "x", 5);
  CHECK(before.fired() == "open ");
  Rules after(kA + std::string(kB) + rule + "\n");
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.see("a", 300, "y", 5);
  CHECK(after.fired() == "open ");
  after.see("b", 301, "x", 5);
  CHECK(after.fired() == "open ");  // it is resolved
}

TEST_CASE("a count that is another one goes on with the newest of what was kept") {
  const auto rule = [](int n) {
    return fmt::format("rule r when {} a within 1h by k forget after 3h idle  alert low \"{{count}}\"\n", n);
  };
  struct Change {
    int before, seen, after, more;  // so many events after the change bring the alert
  };
  for (const Change& change :
       {Change{5, 4, 3, 1}, {5, 2, 3, 1}, {5, 9, 2, 1}, {3, 2, 6, 4}, {3, 7, 6, 3}, {4, 6, 4, 1}}) {
    CAPTURE(change.before);
    CAPTURE(change.after);
    Rules before(kA + rule(change.before)), after(kA + rule(change.after));
    std::int64_t second = 0;
    for (int i = 0; i < change.seen; ++i) before.see("a", ++second, "x", 5);
    before.fired();
    REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
    for (int i = 1; i <= change.more; ++i) {
      after.see("a", ++second, "x", 5);
      const bool is_armed = change.seen < change.before || change.after > change.before;
      // All in the window that are kept (C2): more than N at the first event alone, as then fewer were there.
      const int count = i == 1 ? std::max(change.after, std::min(change.seen, change.before) + 1) : change.after;
      CHECK(after.fired() == (i == change.more && is_armed ? fmt::format("r {}", count) : ""));
    }
  }
}

TEST_CASE("a count that is less tells of all that lie in the window, whichever way it is kept") {
  const auto lines = [](const std::string& rule) { return kA + rule; };
  for (const char* const clauses : {"", "forget after 3h idle", "fire and start over"}) {
    CAPTURE(std::string(clauses));
    const auto rule = [&](const std::string& when) {
      return fmt::format("rule r when {} by k  {}  alert low \"{{count}} {{span}}\"\n", when, clauses);
    };
    for (const bool is_twice : {false, true}) {  // handed over again before the next event
      Rules before(lines(rule("5 a within 1m"))), between(lines(rule("4 a within 1m"))),
          after(lines(rule("3 a within 1m")));
      before.see("a", 1, "x", 5);
      for (int i = 41; i <= 43; ++i) before.see("a", i, "x", 5);
      before.see("a", 43, "y", 5);
      CHECK(before.fired().empty());
      REQUIRE(hand_over(before.shards(), (is_twice ? between : after).shards(), kSources, {}));
      if (is_twice) REQUIRE(hand_over(between.shards(), after.shards(), kSources, {}));
      after.see("a", 70, "x", 5);
      CHECK(after.fired() == "r 4 29s");  // the first has left the window
      after.see("a", 70, "y", 5);
      CHECK(after.fired().empty());
      after.see("a", 71, "y", 5);
      CHECK(after.fired() == "r 3 28s");
    }
    Rules before(lines(rule("6 consecutive a(v > 1)"))), after(lines(rule("3 consecutive a(v > 1)")));
    for (int i = 1; i <= 4; ++i) before.see("a", i, "x", 5);
    REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
    after.see("a", 5, "x", 5);
    CHECK(after.fired() == "r 5 4s");
  }
}

TEST_CASE("a window that is longer counts what was in it at the reload, whether or not a key was given up before") {
  const Instant passed{Time{} + seconds(20), Phase::event};
  const auto rules = [](const char* within) {
    std::string out = std::string(kA) + kB + "rule as_before when 3 a within 10s by k  alert low \"{count}\"\n";
    out += fmt::format("rule three when 3 a within {} by k  alert low \"{{count}}\"\n", within);
    int number = 0;
    for (const char* when :
         {"a then b within {} by k", "a as x then b(v >= x.v) within {} by k", "one or more a until b within {} by k",
          "all of (a, b) within {} by k", "2 (a or b) at most {} apart by k", "sum(a.v) + count(b) > 5 within {} by k",
          "a as x then b as y within {} by k  fire every match"})
      out += fmt::format("rule r{} when {}  alert low \"\"\n", ++number, fmt::format(fmt::runtime(when), within));
    return out;
  };
  for (const bool is_there : {true, false}) {
    CAPTURE(is_there);
    Rules before(rules("10s"));
    if (is_there) {
      before.see("a", 1, "x", 5);
      before.see("a", 2, "z", 5);
    }
    before.see("a", 12, "w", 5);
    before.see("a", 15, "x", 5);
    before.see("a", 20, "y", 5);
    CHECK(before.fired().empty());
    Rules after(rules("1m"));
    REQUIRE(hand_over(before.shards(), after.shards(), kSources, passed));
    after.see("a", 21, "x", 5);
    after.fired();
    after.see("a", 24, "x", 5);
    CHECK(after.fired() == "as_before 3, three 3");
    after.see("b", 25, "z", 5);
    CHECK(after.fired().empty());
    after.see("b", 26, "w", 5);
    CHECK(after.fired() == "r1 , r2 , r3 , r4 , r5 , r6 , r7 ");
  }
}

TEST_CASE("a streak that is to be longer: known where its length is, and told of where it is not") {
  const auto rule = [](int n, const char* clauses) {
    return kA + fmt::format("rule r when {} consecutive a(v > 1) by k  {}  alert low \"{{count}}\"\n", n, clauses);
  };
  for (const char* const clauses : {"", "forget after 3h idle"}) {
    Rules before(rule(2, clauses)), after(rule(6, clauses));
    for (int i = 1; i <= 4; ++i) before.see("a", i, "x", 5);
    before.fired();
    REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
    const RuleSet &was = before.shards().front()->rules(), &is = after.shards().front()->rules();
    CHECK(forgot_streaks(was, ProgramId{0}, is, ProgramId{0}) == (*clauses == '\0'));
    after.see("a", 5, "x", 5);
    CHECK(after.fired().empty());
    after.see("a", 6, "x", 5);
    CHECK(after.fired() == (*clauses == '\0' ? "" : "r 6"));
    after.see("a", 7, "x", 5);
    after.see("a", 8, "x", 5);
    CHECK(after.fired() == (*clauses == '\0' ? "r 6" : ""));
  }
}

TEST_CASE("windows of another length or number before the one in hand: the same samples, each where it belongs now") {
  const auto rule = [](const std::string& window, const std::string& of) {
    return "rule r when count(a over " + window + ") > 3x its average over " + of +
           " by k  fire always  alert low \"\"\n";
  };
  // The longest window stands first: one that grows counts what was kept.
  const std::string sets[] = {rule("2m", "10m"), rule("1m", "10m"), rule("1m", "5m"), rule("30s", "5m")};
  for (std::size_t i = 0; i < std::size(sets); ++i)
    for (std::size_t j = i == 2 ? 1 : i; j < std::size(sets); ++j) {
      const std::string &first = sets[i], &second = sets[j];
      CAPTURE(first);
      CAPTURE(second);
      Rules before(kA + first), after(kA + second), always(kA + second);
      const auto both = [&](Rules& one, Rules& other, std::int64_t at) {
        one.see("a", at, "x", 5);
        other.see("a", at, "x", 5);
      };
      // As long ago as the shorter of them reaches.
      for (std::int64_t at = 1'000; at < 1'300; at += 20) both(before, always, at);
      before.fired();
      always.fired();
      REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
      std::string got, expected;
      for (std::int64_t at = 1'301; at < 1'340; at += 1) {
        both(after, always, at);
        got += after.fired() + ";";
        expected += always.fired() + ";";
      }
      CHECK(got == expected);
      CHECK(expected.find("r") != std::string::npos);
    }
}

namespace {

// The case with one number of its rules another one: a dial, a filter's, a part of a key.
Case with_another_number(Case c, Generator& random) {
  static const std::regex kNumber(R"(\b\d+(?=(ms|s|m|h|x)?\b))");
  std::vector<std::string*> texts;
  for (RuleText& rule : c.rules) {
    texts.push_back(&rule.pattern);
    for (std::string& clause : rule.clauses) texts.push_back(&clause);
  }
  std::vector<std::pair<std::string*, std::smatch>> all;
  for (std::string* text : texts)
    for (std::sregex_iterator i(text->begin(), text->end(), kNumber), end; i != end; ++i) all.emplace_back(text, *i);
  if (all.empty()) return c;
  const auto& [text, at] = all[random.below(all.size())];
  const std::string number = random.pick({"1", "2", "3", "4", "5", "7", "10", "30"});
  text->replace(static_cast<std::size_t>(at.position()), static_cast<std::size_t>(at.length()), number);
  return c;
}

}  // namespace

// TOCSIN_SEEDS=N tries N random rule sets, TOCSIN_SEED=S begins at S.
TEST_CASE("whichever number of a rule changes, forth and back: what was kept is read, or the rule begins anew") {
  const std::uint64_t first = number_from("TOCSIN_SEED", 1), seeds = number_from("TOCSIN_SEEDS", 1'500);
  std::uint64_t tried = 0, kept = 0;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Generator generator(seed * 7'919);
    Case c = generator.any();
    const Case changed = with_another_number(c, generator);
    const auto one = make_ready(c.text()), other = make_ready(changed.text());
    if (!one || !other || dump_schema(*one->rules) != dump_schema(*other->rules)) continue;
    ++tried;
    const auto shapes = kept_shapes(*one->rules), others = kept_shapes(*other->rules);
    kept += shapes == others && c.text() != changed.text();
    EngineOptions options;
    options.fast = seed % 5 != 0;
    options.shards = 1 + static_cast<std::uint32_t>(seed % 2);
    const Lines lines = engine_lines(*one, c, 1, options, 1 + seed % 3, &*other);
    const bool is_refused = lines.size() == 1 && lines.front().find("cannot be read") != std::string::npos;
    CHECK_MESSAGE(!is_refused, "seed " << seed << ": " << lines.front() << "\n" << c.text() << "\n" << changed.text());
  }
  MESSAGE(tried << " rule sets, of which " << kept << " keep what they have");
  CHECK(kept * 4 > tried);
}

TEST_CASE("what was kept for an alert's text is never shown as another field") {
  struct Change {
    std::string before, after;
    std::string shown;  // by the alert
  };
  // Of the last a, which came before the change; and of an aggregate, which begins anew with the rule.
  const Change changes[] = {
      {"<{a.k}>", "<{a.k}>", "r <x>"},
      {"<{a.k}>", "<{a.v}>", "r <missing>"},
      {"<{a.k}> <{a.v}>", "<{a.v}> <{a.k}>", "r <2.0> <x>"},
      {"<{a.v}>", "<{a.k}> <{a.v}>", "r <missing> <2.0>"},
      {"<{values(a.k)}>", "<{values(a.k)}>", "r <x>"},
      {"<{values(a.k)}>", "<{values(a.v)}>", ""},
  };
  for (const Change& change : changes) {
    const auto rule = [&](const std::string& text) {
      return kA + ("rule r when fewer than 3 a within 10s by k  alert low \"" + text + "\"\n");
    };
    CAPTURE(change.before);
    CAPTURE(change.after);
    Rules before(rule(change.before)), after(rule(change.after));
    before.see("a", 1, "x", 1);
    before.see("a", 2, "x", 2);
    REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
    after.see("a", 15, "y", 3);
    CHECK(after.fired() == change.shown);
  }
}

TEST_CASE("a step that is called otherwise keeps what it counted") {
  const auto rule = [](const std::string& name) {
    return kA + ("rule r when 3 a as " + name + " within 1h by k  alert low \"{values(" + name + ".v)}\"\n");
  };
  Rules before(rule("x")), after(rule("y"));
  before.see("a", 1, "x", 1);
  before.see("a", 2, "x", 2);
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.see("a", 3, "x", 3);
  CHECK(after.fired() == "r 1.0, 2.0, 3.0");
}

TEST_CASE("a rule that is renamed keeps what it remembers, and an open alert the id that it was sent with") {
  const std::string clauses = " when 2 a within 1m by k  resolve when b  alert low \"{count}\"\n";
  Rules before(kA + std::string(kB) + "rule old" + clauses),
      after(kA + std::string(kB) + "rule young was old" + clauses);
  before.see("a", 1, "x", 5);
  before.see("a", 2, "y", 5);
  before.see("a", 3, "y", 5);
  const std::vector<std::string> sent = before.ids();
  REQUIRE(sent.size() == 1);
  REQUIRE(hand_over(before.shards(), after.shards(), kSources, {}));
  after.see("b", 4, "y", 5);
  CHECK(after.ids() == sent);
  after.see("a", 5, "x", 5);
  CHECK(after.fired() == "young 2");
}

TEST_CASE("the ledger gives the number of a rule to the one that was it, once") {
  const std::string rule = " when 2 a within 1m by k  alert low \"\"\n",
                    other = " when 3 a within 1h by k  alert low \"\"\n";
  const auto numbers = [](Ledger& ledger, const std::string& rules) {
    std::string why;
    const auto ready = make_ready(kA + rules, &why);
    INFO(why);
    REQUIRE(ready);
    return ledger.numbers_of(*ready->rules);
  };
  Ledger ledger;
  CHECK(numbers(ledger, "rule x" + rule + "rule y" + rule) == std::vector<std::uint32_t>{0, 1});
  CHECK(numbers(ledger, "rule z was x" + rule + "rule y" + rule) == std::vector<std::uint32_t>{0, 1});
  CHECK(numbers(ledger, "rule z was x" + other + "rule y" + rule) == std::vector<std::uint32_t>{0, 1});
  CHECK(numbers(ledger, "rule x" + rule + "rule z" + rule) == std::vector<std::uint32_t>{2, 0});
}
