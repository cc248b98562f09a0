#include "engine/event/state_bytes.h"

#include <doctest/doctest.h>

#include <deque>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/event/owned.h"

namespace tocsin {
namespace {

Schema schema_of(std::vector<std::pair<std::string, std::vector<std::string>>> types) {
  Schema out;
  for (auto& [name, fields] : types) {
    EventType type;
    type.name = name;
    for (std::string& field : fields) {
      FieldSlot slot;
      slot.path = {field};
      type.fields.push_back(slot);
    }
    out.by_name[name] = EventTypeId(out.types.size());
    out.types.push_back(std::move(type));
  }
  return out;
}

const std::vector<std::string> kSources{"web", "vpn"};

struct Inner {
  std::string text;
  std::unique_ptr<int> number;
  template <class Archive>
  void state_parts(Archive& a) {
    a(text, number);
  }
  friend bool operator==(const Inner& x, const Inner& y) {
    return x.text == y.text && (x.number == nullptr) == (y.number == nullptr) &&
           (x.number == nullptr || *x.number == *y.number);
  }
};

// One of everything.
struct All {
  bool flag = false;
  std::uint64_t large = 0;
  std::int64_t negative = 0;
  std::uint8_t small = 0;
  double real = 0;
  Time time{};
  Duration duration{};
  std::string text;
  std::optional<std::string> there, missing;
  std::vector<bool> flags;
  std::deque<Inner> items;
  std::map<std::uint32_t, std::string> names;
  std::bitset<256> bits;
  Position position;
  OwnedValue value;
  std::vector<std::shared_ptr<const Inner>> held;

  template <class Archive>
  void state_parts(Archive& a) {
    a(flag, large, negative, small, real, time, duration, text, there, missing, flags, items);
    map_parts(a, names);
    a(bits, position, value);
    a(held);
  }
};

All sample() {
  All out;
  out.flag = true;
  out.large = std::numeric_limits<std::uint64_t>::max();
  out.negative = std::numeric_limits<std::int64_t>::min();
  out.small = 255;
  out.real = -0.5;
  out.time = {-1};
  out.duration = seconds(5);
  out.text = std::string("a\0b", 3);
  out.there = "";
  out.flags = {true, false, true};
  out.items.push_back({"x", std::make_unique<int>(-7)});
  out.items.push_back({"", nullptr});
  out.names = {{3, "three"}, {1, "one"}};
  out.bits.set(0).set(64).set(255);
  out.position = {SourceId(1), 7, 1u << 30};
  out.value = OwnedValue(Value::text("a text that is longer than 24 bytes"));
  const auto twice = std::make_shared<const Inner>(Inner{"held", nullptr});
  out.held = {twice, nullptr, std::make_shared<const Inner>(Inner{"alone", nullptr}), twice};
  return out;
}

std::string bytes_of(const All& all, const StateNames& names) {
  std::string out;
  StateWriter writer(out, names);
  writer(all);
  return out;
}

TEST_CASE("state as bytes: everything comes back as it was, and what is held twice is held twice") {
  const Schema schema = schema_of({{"login", {"user"}}});
  const StateNames names(schema, kSources);
  const All before = sample();
  const std::string bytes = bytes_of(before, names);
  StateReader reader(bytes, names);
  All after;
  reader(after);
  REQUIRE(reader.ok());
  CHECK(reader.at_end());
  CHECK(bytes_of(after, names) == bytes);
  CHECK(after.large == before.large);
  CHECK(after.negative == before.negative);
  CHECK(after.real == before.real);
  CHECK(after.time == before.time);
  CHECK(after.text == before.text);
  CHECK(after.there == before.there);
  CHECK_FALSE(after.missing.has_value());
  CHECK(after.flags == before.flags);
  CHECK(after.items == before.items);
  CHECK(after.names == before.names);
  CHECK(after.bits == before.bits);
  CHECK(after.position == before.position);
  CHECK(after.value.view().as_text() == before.value.view().as_text());
  REQUIRE(after.held.size() == 4);
  CHECK(after.held[0] == after.held[3]);
  CHECK(after.held[1] == nullptr);
  CHECK(after.held[2]->text == "alone");
}

TEST_CASE("state as bytes: the bytes are those of the description, always") {
  const Schema schema = schema_of({{"login", {"user"}}});
  const StateNames names(schema, kSources);
  std::string out;
  StateWriter writer(out, names);
  writer(std::uint32_t{300}, std::int32_t{-1}, true, std::string("ab"), Time{1}, EventTypeId(0), SourceId(1));
  CHECK(out == std::string("\xac\x02\x01\x01\x02"
                           "ab\x01\0\0\0\0\0\0\0\0\x02",
                           17));
}

TEST_CASE("state as bytes: what was cut short or changed is noticed or read as something else, and never harms") {
  const Schema schema = schema_of({{"login", {"user"}}});
  const StateNames names(schema, kSources);
  const std::string whole = bytes_of(sample(), names);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    const std::string cut = whole.substr(0, size);
    StateReader reader(cut, names);
    All out;
    reader(out);
    CHECK_FALSE(reader.ok());
  }
  for (std::size_t at = 0; at < whole.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = whole;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      StateReader reader(changed, names);
      All out;
      reader(out);
    }
  // A size that no bytes could fill asks for no memory.
  const std::string bomb("\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10);
  StateReader reader(bomb, names);
  std::vector<std::string> texts;
  reader(texts);
  CHECK_FALSE(reader.ok());
  CHECK(texts.empty());
}

std::vector<std::string> texts_of(std::span<const Value> fields) {
  std::vector<std::string> out;
  for (const Value& v : fields) out.emplace_back(v.is_missing() ? "-" : std::string(v.as_text()));
  return out;
}

TEST_CASE("state as bytes: fields are found by name when the rules have changed, and numbers are never given twice") {
  const Schema old_schema = schema_of({{"login", {"user", "ip", "agent"}}, {"logout", {"user"}}});
  const StateNames old_names(old_schema, kSources);
  std::string bytes;
  StateWriter writer(bytes, old_names);
  const std::vector<Value> fields{Value::text("ann"), Value::text("1.2.3.4"), Value::text("curl")};
  put_fields(writer, EventTypeId(0), fields);
  const std::vector<Value> one{Value::text("bob")};
  put_fields(writer, EventTypeId(1), one);

  // Another order of types and sources, a field more, one gone; `logout` is read no more.
  const Schema schema = schema_of({{"payment", {"card"}}, {"login", {"ip", "country", "user"}}});
  const std::vector<std::string> sources{"vpn"};
  const StateNames names(schema, sources, old_names.layouts());
  CHECK(names.layouts().types.size() == 4);
  CHECK(names.number_of(EventTypeId(0)) == 2);
  CHECK(names.number_of(EventTypeId(1)) == 3);  // other fields: another layout
  CHECK(names.number_of(SourceId(0)) == 1);
  CHECK(names.layouts().sources == kSources);

  StateReader reader(bytes, names);
  EventTypeId type;
  const auto read = take_fields(reader, type);
  REQUIRE(reader.ok());
  CHECK(type == EventTypeId(1));
  CHECK(texts_of(read) == std::vector<std::string>{"1.2.3.4", "-", "ann"});
  take_fields(reader, type);
  CHECK_FALSE(reader.ok());  // its type is gone

  // The next process has the same numbers again.
  const StateNames again(schema, sources, names.layouts());
  CHECK(again.layouts().types == names.layouts().types);
}

}  // namespace
}  // namespace tocsin
