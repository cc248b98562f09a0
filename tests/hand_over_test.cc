// If one of these fails, rules that are replaced by others forget, or take one thing's memory for another's.
#include <doctest/doctest.h>

#include "engine/runtime/shard.h"
#include "tests/support/both.h"

namespace {

using namespace tocsin;
using namespace tocsin::tests;

constexpr const char* kA = "event a has k text, v number, ts time  timestamp ts\n";
constexpr const char* kB = "event b has k text, v number, ts time  timestamp ts\n";

// Rules on one shard, and events for it made by hand.
class Rules {
 public:
  explicit Rules(const std::string& text) : ready_(*make_ready(text)), shard_(ready_.rules, ready_.data) {
    std::vector<EventTypeId> carried;
    for (std::size_t i = 0; i < ready_.rules->schema.types.size(); ++i) carried.emplace_back(i);
    shard_.begin_source(carried, Time{0});
  }
  Shard& shard() { return shard_; }

  void see(const std::string& type, std::int64_t second, const std::string& key, double v) {
    const Schema& schema = ready_.rules->schema;
    Event event;
    event.type = *schema.find(type);
    event.time = Time{} + seconds(second);
    event.position = {SourceId{0}, 0, static_cast<std::uint64_t>(second)};
    std::vector<Value> fields;
    for (const FieldSlot& field : schema[event.type].fields)
      fields.push_back(field.name() == "k" ? Value::text(key) : field.name() == "v" ? Value::number(v) : Value());
    event.fields = fields;
    shard_.on_event(event);
  }
  std::vector<std::string> fired() {
    std::vector<std::string> out;
    for (const Alert& alert : shard_.take_alerts())
      out.push_back(ready_.rules->programs[alert.rule.index].name + " " + alert.text);
    return out;
  }

 private:
  Ready ready_;
  Shard shard_;
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
  hand_over(before.shard(), after.shard(), kSources);
  after.see("b", 2, "x", 1);
  after.see("a", 3, "x", 6);
  CHECK(after.fired() == std::vector<std::string>{"rising 6", "twice 2"});
}

TEST_CASE("a rule of the same name and another shape begins anew, and so does another name") {
  Rules before(kA + std::string("rule twice when 2 a within 1m by k  alert low \"\"\n") +
               "rule three when 2 a within 1m by k  alert low \"\"\n");
  before.see("a", 1, "x", 5);
  Rules after(kA + std::string("rule twice when 2 a within 2m by k  alert low \"\"\n") +
              "rule four when 2 a within 1m by k  alert low \"\"\n");
  hand_over(before.shard(), after.shard(), kSources);
  after.see("a", 3, "x", 6);
  CHECK(after.fired().empty());
  after.see("a", 4, "x", 6);
  CHECK(after.fired() == std::vector<std::string>{"four ", "twice "});
}
