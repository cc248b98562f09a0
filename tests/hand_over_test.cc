// If one of these fails, rules that are replaced by others forget, or take one thing's memory for another's.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "engine/runtime/shard.h"
#include "tests/support/both.h"

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
  hand_over(before.shards(), after.shards(), kSources);
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
  hand_over(before.shards(), after.shards(), kSources);
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
      hand_over(before.shards(), after.shards(), kSources);
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
  hand_over(before.shards(), after.shards(), kSources);
  after.see("a", 4, "x", 5);
  CHECK(after.fired() == "counts 2, limited ");
}

TEST_CASE("a rule that is new counts from now on, though an old one has the same bounds and remembers more") {
  const std::string old = "rule old when 3 a within 1m by k  alert low \"{count}\"\n";
  Rules before(kA + old);
  before.see("a", 1, "x", 5);
  before.see("a", 2, "x", 5);
  Rules after(kA + old + "rule young when 3 a within 1m by k  alert low \"{count}\"\n", 1, false);
  hand_over(before.shards(), after.shards(), kSources);
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
      hand_over(before.shards(), after.shards(), kSources);
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
  hand_over(before.shards(), after.shards(), kSources);
  after.see("a", 300, "y", 5);
  CHECK(after.fired() == "open ");
  after.see("b", 301, "x", 5);
  CHECK(after.fired() == "open ");  // it is resolved
}
