// If one of these fails, two equal keys are two keys, a capture changes after it was taken, or an alert shows another
// value.
#include "engine/event/value.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "engine/event/encode.h"
#include "engine/event/ip.h"
#include "engine/event/key.h"
#include "engine/event/order.h"
#include "engine/event/owned.h"
#include "engine/event/schema.h"
#include "engine/event/write.h"
#include "tests/support/any_value.h"

using namespace tocsin;
using tests::AnyValue;

namespace {

std::string key(const Value& value) {
  std::string out;
  append_key(out, value);
  return out;
}
std::string json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}
std::string text(const Value& value) {
  std::string out;
  append_text(out, value);
  return out;
}
std::string exact(const Value& value) {
  std::string out;
  append_exact(out, value);
  return out;
}
const Value kWhole = Value::integer(9007199254740993);  // 2^53 + 1: no double is this
const Value kBroken = Value::floating(9007199254740992.0);

}  // namespace

TEST_CASE("numbers are equal by their exact value") {
  CHECK(equal(Value::integer(1), Value::floating(1.0)));
  CHECK(equal(Value::integer(0), Value::floating(-0.0)));
  CHECK_FALSE(equal(kWhole, kBroken));
  CHECK(compare(kBroken, kWhole) == std::partial_ordering::less);
  CHECK(compare(Value::integer(INT64_MAX), Value::floating(9223372036854775808.0)) == std::partial_ordering::less);
  CHECK(compare(Value::integer(INT64_MIN), Value::floating(-9223372036854775808.0)) ==
        std::partial_ordering::equivalent);
  CHECK(compare(Value::integer(-1), Value::floating(-1.5)) == std::partial_ordering::greater);
  CHECK(compare(Value::floating(0.5), Value::integer(0)) == std::partial_ordering::greater);
}

TEST_CASE("T10: a text is never a number, and nothing orders the two") {
  CHECK_FALSE(equal(Value::text("1"), Value::integer(1)));
  CHECK(compare(Value::text("1"), Value::integer(1)) == std::partial_ordering::unordered);
  CHECK(key(Value::text("1")) != key(Value::integer(1)));
  CHECK(key(Value::integer(1)) == key(Value::floating(1.0)));
  CHECK(key(kWhole) != key(kBroken));
  CHECK(compare({}, {}) == std::partial_ordering::unordered);
}

TEST_CASE("X2: texts compare by their bytes") {
  CHECK(compare(Value::text("Z"), Value::text("a")) == std::partial_ordering::less);
  CHECK(compare(Value::text("z"), Value::text("\xC3\xA4")) == std::partial_ordering::less);
}

TEST_CASE("equality, order, key bytes and hashes agree on all values") {
  AnyValue any(1);
  std::size_t equals = 0;
  for (int i = 0; i < 60'000; ++i) {
    const Value a = any.any(), b = any.any();
    CAPTURE(json(a));
    CAPTURE(json(b));
    const bool same = equal(a, b);
    equals += same;
    REQUIRE(same == equal(b, a));
    REQUIRE(same == (key(a) == key(b)));
    REQUIRE((!same || hash_of(a) == hash_of(b)));
    REQUIRE(same == (total_order(a, b) == 0));
    REQUIRE(total_order(a, b) == 0 <=> total_order(b, a));
    REQUIRE(compare(a, b) == 0 <=> compare(b, a));
    const auto order = compare(a, b);
    if (order != std::partial_ordering::unordered) REQUIRE(order == total_order(a, b));
  }
  CHECK(equals > 1000);  // else this shows nothing
}

TEST_CASE("the hash of a key is that of its bytes, and of the text alone where it is one text") {
  AnyValue any(3);
  for (int i = 0; i < 10'000; ++i) {
    const Value a = any.any(), b = any.any();
    CAPTURE(json(a));
    REQUIRE(hash_of_key(key(a)) == hash_of(a));
    if (a.type() == Type::text) REQUIRE(hash_of_key(key(a)) == hash_of_text_key(a.as_text()));
    REQUIRE(is_text_key(key(a)) == (a.type() == Type::text));
    REQUIRE(!is_text_key(key(a) + key(b)));
  }
}

TEST_CASE("keys of several parts follow each other without ambiguity") {
  CHECK(key(Value::text("a")) + key(Value::text("bc")) != key(Value::text("ab")) + key(Value::text("c")));
}

TEST_CASE("encoded values come back exactly; broken bytes are refused") {
  AnyValue any(2);
  Arena arena;
  for (int i = 0; i < 20'000; ++i) {
    const Value value = any.any();
    const std::string bytes = exact(value);
    std::string_view rest = bytes;
    const auto copied = take_value(rest, arena);
    REQUIRE(copied.has_value());
    REQUIRE(rest.empty());
    REQUIRE(exact(*copied) == bytes);
    rest = bytes;
    REQUIRE(exact(*view_value(rest, arena)) == bytes);
    for (std::size_t cut = 0; cut < bytes.size(); ++cut) {
      rest = std::string_view(bytes).substr(0, cut);
      REQUIRE_FALSE(take_value(rest, arena).has_value());
    }
    REQUIRE(exact(copy_value(value, arena)) == bytes);
    if (i % 1000 == 0) arena.clear();
  }
  std::string_view unknown = "\x0F";
  CHECK_FALSE(take_value(unknown, arena).has_value());
}

TEST_CASE("broken bytes ask for no more memory than whole ones, however deep their lists are nested") {
  std::string list, object;
  const auto nest = [](std::string& out, const Value& empty) {
    out = exact(empty);
    out.resize(out.size() - 4);  // the count
    const std::uint32_t claimed = 100'000;
    out.append(reinterpret_cast<const char*>(&claimed), sizeof claimed);
  };
  nest(list, Value::list({}));
  nest(object, Value::object({}));
  for (const std::string& level : {list, object}) {
    std::string bytes;
    for (int depth = 0; depth < 200; ++depth) bytes += level + (level == object ? std::string(4, '\0') : std::string());
    bytes.append(150'000, '\0');
    Arena arena;
    std::string_view rest = bytes;
    CHECK_FALSE(take_value(rest, arena).has_value());
    CHECK(arena.bytes_held() < 32 * bytes.size());
  }
}

TEST_CASE("an owned value keeps what it took, through copies and moves") {
  AnyValue any(3);
  std::vector<OwnedValue> kept;
  std::vector<std::string> bytes;
  for (int i = 0; i < 5'000; ++i) {
    std::string scratch;
    const Value value = any.any();
    kept.emplace_back(value);  // the vector moves them as it grows
    bytes.push_back(exact(value));
  }
  std::vector<OwnedValue> copies = kept;
  std::swap(copies[1], copies[2]);
  std::swap(copies[1], copies[2]);
  for (std::size_t i = 0; i + 1 < kept.size(); i += 2) kept[i] = std::move(kept[i + 1]);
  for (std::size_t i = 0; i < copies.size(); ++i) REQUIRE(exact(copies[i].view()) == bytes[i]);
  for (std::size_t i = 0; i + 1 < kept.size(); i += 2) {
    REQUIRE(exact(kept[i].view()) == bytes[i + 1]);
    REQUIRE(kept[i + 1].is_missing());
  }
  std::string gone = "a text that does not fit into the value itself";
  const OwnedValue owned(Value::text(gone));
  const std::string before = gone;
  gone.assign(gone.size(), 'x');
  CHECK(owned.view().as_text() == before);
  CHECK(owned.bytes_held() == before.size());
  CHECK(OwnedValue(Value::text("short")).bytes_held() == 0);
}

TEST_CASE("X3: an address lies in a network when its leading bits are the network's") {
  const auto inside = [](const char* inner, const char* outer) { return lies_in(*parse_ip(inner), *parse_ip(outer)); };
  CHECK(inside("10.1.2.3", "10.0.0.0/8"));
  CHECK_FALSE(inside("11.0.0.0", "10.0.0.0/8"));
  CHECK(inside("10.0.0.1", "10.0.0.1"));
  CHECK_FALSE(inside("10.0.0.0/8", "10.0.0.0/16"));
  CHECK(inside("10.0.0.0/16", "10.0.0.0/8"));
  CHECK(inside("192.168.1.129", "192.168.1.128/25"));
  CHECK_FALSE(inside("192.168.1.127", "192.168.1.128/25"));
  CHECK(inside("2001:db8::1", "2001:db8::/32"));
  CHECK_FALSE(inside("10.0.0.1", "2001:db8::/32"));
  CHECK(inside("::ffff:10.0.0.1", "10.0.0.0/8"));
}

TEST_CASE("values as JSON and as text") {
  const IpAddress v4 = *parse_ip("10.0.0.7"), net = *parse_ip("10.0.0.0/8"), v6 = *parse_ip("2001:db8:0:0:1:0:0:1");
  const IpAddress none = *parse_ip("::"), local = *parse_ip("::1"), tail = *parse_ip("fe80::");
  const Point paris{48.85, 2.35};
  const Value items[] = {Value::integer(81), Value::floating(82.5), Value::text("x"), Value()};
  const Member members[] = {{"a b", Value::list(items)}, {"d", Value::duration(milliseconds(1500))}};
  CHECK(json({}) == "null");
  CHECK(text({}) == "missing");
  CHECK(json(Value::boolean(true)) == "true");
  CHECK(json(Value::floating(2)) == "2.0");
  CHECK(json(Value::duration(seconds(101))) == "101");
  CHECK(text(Value::duration(seconds(101))) == "1m41s");
  CHECK(json(Value::time({0})) == "\"1970-01-01T00:00:00.000000Z\"");
  CHECK(text(Value::time({0})) == "1970-01-01T00:00:00.000000Z");
  CHECK(json(Value::ip(&v4)) == "\"10.0.0.7\"");
  CHECK(text(Value::ip(&net)) == "10.0.0.0/8");
  CHECK(text(Value::ip(&v6)) == "2001:db8::1:0:0:1");
  CHECK(text(Value::ip(&none)) == "::");
  CHECK(text(Value::ip(&local)) == "::1");
  CHECK(text(Value::ip(&tail)) == "fe80::");
  CHECK(json(Value::point(&paris)) == "{\"lat\":48.85,\"lon\":2.35}");
  CHECK(text(Value::point(&paris)) == "48.85,2.35");
  CHECK(json(Value::object(members)) == "{\"a b\":[81,82.5,\"x\",null],\"d\":1.5}");
  CHECK(text(Value::list(items)) == "81, 82.5, x, missing");
}

TEST_CASE("the schema finds types by name, and names nested fields with dots") {
  Schema schema;
  schema.types.resize(1);
  schema.types[0].fields.resize(1);
  schema.types[0].fields[0].path = {"winlog", "event_data", "Image"};
  schema.by_name.emplace("login", EventTypeId(0));
  CHECK(schema.find("login") == EventTypeId(0));
  CHECK_FALSE(schema.find("logout").has_value());
  CHECK(schema[EventTypeId(0)].fields[0].name() == "winlog.event_data.Image");
}
