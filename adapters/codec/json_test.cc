// If one of these fails, a JSON record becomes another event than it says, is refused for no reason or the wrong one,
// or takes its neighbours with it.
#include "adapters/codec/json.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "tests/support/decode.h"
#include "tests/support/json_ways.h"

using namespace tocsin;
using namespace tocsin::codec_test;

namespace {

using Lines = std::vector<std::string>;

CodecConfig fixed(const std::string& event) {
  CodecConfig config;
  config.event = event;
  return config;
}
CodecConfig by_field(const std::string& name) {
  CodecConfig config;
  config.event_field = name;
  return config;
}

// One event `e` with one field `x` of the type, no timestamp; what the field becomes, or the reason.
std::string one(const FieldSlot& x, const std::string& json) {
  const Schema schema = schema_of({event("e", {x})});
  const Decoded decoded = decode(fixed("e"), schema, "{\"x\":" + json + "}\n");
  REQUIRE(decoded.events.size() + decoded.dead.size() == 1);
  const std::string prefix = "e@" + std::to_string(kArrived.us) + " 1 ";
  return decoded.events.empty() ? decoded.dead[0].substr(0, decoded.dead[0].find(' '))
                                : decoded.events[0].substr(prefix.size());
}

const Schema& login_schema() {
  static const Schema schema = schema_of({
      event("login", {field("ts", Type::time), field("user", Type::text), field("n", Type::integer)}),
      event("logout", {field("user", Type::text), field("ts", Type::time)}, TimeUnit::seconds),
  });
  return schema;
}

}  // namespace

TEST_CASE("json: the wanted fields, whatever stands between them, in any order and spacing") {
  const Decoded decoded =
      decode(fixed("login"), login_schema(),
             "{\"ts\":1000,\"user\":\"ann\",\"n\":5}\n"
             "{\"n\":6,\"other\":{\"user\":\"no\",\"a\":[1,{\"b\":[]}]},\"user\":\"bob\",\"ts\":2000}\n"
             "  { \"ts\" : 3000 , \"user\" : \"eve\" , \"n\" : 7 }  \r\n"
             "{\"ts\":4000}\n"
             "{\"ts\":5000,\"user\":\"last\"}");
  CHECK(decoded.events == Lines{"login@1000000 1 @1000000 'ann' 5", "login@2000000 2 @2000000 'bob' 6",
                                "login@3000000 3 @3000000 'eve' 7", "login@4000000 4 @4000000 - -",
                                "login@5000000 5 @5000000 'last' -"});
  CHECK(decoded.dead.empty());
}

TEST_CASE("json: an event of which no field is read") {
  CHECK(decode(fixed("e"), schema_of({event("e", {})}), "{\"a\":1}\n{}\n{\n").dead == Lines{"broken_record 3"});
}

TEST_CASE("json: a field's value decides the event, wherever it stands; each event has its own fields and unit") {
  const Decoded decoded = decode(by_field("type"), login_schema(),
                                 "{\"type\":\"login\",\"ts\":1000,\"user\":\"ann\",\"n\":1}\n"
                                 "{\"user\":\"ann\",\"ts\":2,\"n\":\"not read for logout\",\"type\":\"logout\"}\n"
                                 "{\"ts\":3000,\"type\":\"log\\u0069n\"}\n");
  CHECK(decoded.events ==
        Lines{"login@1000000 1 @1000000 'ann' 1", "logout@2000000 2 'ann' @2000000", "login@3000000 3 @3000000 - -"});
  CHECK(decoded.dead.empty());
}

TEST_CASE("json: nested fields, also written as one dotted name") {
  const Schema schema = schema_of({event("e", {field("winlog.event_data.Image", Type::text),
                                               field("winlog.id", Type::integer), field("winlog", Type::object)})});
  const Decoded decoded = decode(fixed("e"), schema,
                                 "{\"winlog\":{\"x\":1,\"event_data\":{\"y\":2,\"Image\":\"a.exe\"},\"id\":7}}\n"
                                 "{\"winlog.event_data.Image\":\"b.exe\",\"winlog.id\":8}\n"
                                 "{\"winlog\":{\"event_data\":null,\"id\":9}}\n"
                                 "{\"winlog\":5}\n");
  CHECK(decoded.events == Lines{"e@1000000000000000 1 'a.exe' 7 {x:1 event_data:{y:2 Image:'a.exe'} id:7}",
                                "e@1000000000000000 2 'b.exe' 8 -", "e@1000000000000000 3 - 9 {event_data:- id:9}",
                                "e@1000000000000000 4 - - 5"});
}

TEST_CASE("json: texts with escapes are what they stand for; keys too") {
  const FieldSlot x = field("x", Type::text);
  CHECK(one(x, R"("a\"b\\c\/d\b\f\n\r\te")") == "'a\"b\\c/d\b\f\n\r\te'");
  CHECK(one(x, R"("\u00e4\u20AC\ud83d\ude00")") == "'\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80'");
  CHECK(one(x, R"("")") == "''");
  for (const char* broken :
       {R"("\x")", R"("\u12g4")", R"("\u12")", R"("\ud83d")", R"("\ud83dx")", R"("\ude00")", R"("\ud83d\u0041")"}) {
    CAPTURE(broken);
    CHECK(one(x, broken) == "broken_record");
  }
  const Schema schema = schema_of({event("e", {x})});
  CHECK(decode(fixed("e"), schema, "{\"\\u0078\":\"key\"}\n{\"a\\\\\":1,\"x\":\"y\"}\n").events ==
        Lines{"e@1000000000000000 1 'key'", "e@1000000000000000 2 'y'"});
}

TEST_CASE("json: numbers by their declared type") {
  const FieldSlot n = field("x", Type::integer), f = field("x", Type::floating), any = field("x", Type::object);
  CHECK(one(n, "0") == "0");
  CHECK(one(n, "-17") == "-17");
  CHECK(one(n, "9223372036854775807") == "9223372036854775807");
  CHECK(one(n, "-9223372036854775808") == "-9223372036854775808");
  CHECK(one(n, "5.0") == "5");
  CHECK(one(n, "1e3") == "1000");
  CHECK(one(f, "5") == "5f");
  CHECK(one(f, "-0.25") == "-0.25f");
  CHECK(one(f, "0.1") == "0.10000000000000001f");
  CHECK(one(f, "123456789012345678901234567890") == "1.2345678901234568e+29f");
  CHECK(one(f, "2.2250738585072011e-308") == "2.2250738585072009e-308f");
  CHECK(one(any, "5") == "5");
  CHECK(one(any, "5.0") == "5f");
  CHECK(one(any, "9223372036854775808") == "9.2233720368547758e+18f");
}

TEST_CASE("json: out of range, whatever the type") {
  CHECK(one(field("x", Type::integer), "9223372036854775808") == "out_of_range");
  CHECK(one(field("x", Type::integer), "-9223372036854775809") == "out_of_range");
  CHECK(one(field("x", Type::integer), "1e300") == "out_of_range");
  CHECK(one(field("x", Type::floating), "1e400") == "out_of_range");
  CHECK(one(field("x", Type::floating), "-1e400") == "out_of_range");
  CHECK(one(field("x", Type::object), "{\"a\":[1e400]}") == "out_of_range");
  CHECK(one(field("x", Type::floating, false), "1e400") == "out_of_range");  // declared or not
  CHECK(one(field("x", Type::floating), "1e-400") == "0f");                  // too small is 0
  CHECK(one(field("x", Type::point), "[91,0]") == "out_of_range");
}

TEST_CASE("json: what JSON does not call a number is a broken record") {
  for (const char* text :
       {"01", "-", "+1", ".5", "1.", "1.e3", "1e", "1e+", "0x10", "1_000", "--1", "NaN", "Infinity", "1a", "-a"}) {
    CAPTURE(text);
    CHECK(one(field("x", Type::integer), text) == "broken_record");
    CHECK(one(field("x", Type::floating), text) == "broken_record");
    CHECK(one(field("x", Type::object), text) == "broken_record");
    CHECK(one(field("x", Type::text), text) == "broken_record");
  }
}

TEST_CASE("json: T10, null is missing; of a declared field without `?` it breaks the schema") {
  for (const Type type : {Type::text, Type::integer, Type::floating, Type::boolean, Type::time, Type::duration,
                          Type::ip, Type::point, Type::object}) {
    CHECK(one(field("x", type), "null") == "-");
    CHECK(one(required("x", type), "null") == "missing_field");
    CHECK(one(field("x", type), "nul") == "broken_record");
  }
  CHECK(one(list_field("x", Type::integer), "null") == "-");
  const Schema schema = schema_of({event("e", {required("x", Type::text)})});
  const Decoded decoded = decode(fixed("e"), schema, "{}\n{\"x\":\"there\"}\n");
  CHECK(decoded.dead == Lines{"missing_field 1"});
  CHECK(decoded.events == Lines{"e@1000000000000000 2 'there'"});
}

TEST_CASE("json: a declared field of another type breaks the schema; an undeclared one is then missing") {
  const std::vector<std::pair<Type, Lines>> wrong = {
      {Type::text, {"5", "true", "{}", "[]"}},
      {Type::integer, {"\"5\"", "5.5", "true", "{}", "[1]"}},
      {Type::floating, {"\"5\"", "false", "{}", "[1]"}},
      {Type::boolean, {"1", "\"true\"", "{}", "[]"}},
      {Type::time, {"true", "\"yesterday\"", "{}", "[]"}},
      {Type::duration, {"true", "\"long\"", "{}", "[]"}},
      {Type::ip, {"1", "\"10.0.0\"", "{}", "[]", "false"}},
      {Type::point, {"1", "\"here\"", "{}", "[]", "[1]", "[1,2,3]", "{\"lat\":1}", "[\"1\",\"2\"]", "true"}},
  };
  for (const auto& [type, texts] : wrong) {
    for (const std::string& text : texts) {
      CAPTURE(text);
      CHECK(one(field("x", type), text) == "wrong_type");
      CHECK(one(field("x", type, false), text) == "-");
    }
  }
  CHECK(one(list_field("x", Type::integer), "5") == "wrong_type");
  CHECK(one(list_field("x", Type::integer), "[1,\"2\"]") == "wrong_type");
}

TEST_CASE("json: bools, times, durations, addresses, points, lists, any") {
  CHECK(one(field("x", Type::boolean), "true") == "true");
  CHECK(one(field("x", Type::boolean), "false") == "false");
  CHECK(one(field("x", Type::boolean), "tru") == "broken_record");
  CHECK(one(field("x", Type::time), "1500") == "@1500000");  // in the unit of the timestamp, ms by default
  CHECK(one(field("x", Type::time), "\"1970-01-01T00:00:01.5Z\"") == "@1500000");
  CHECK(one(field("x", Type::duration), "1.5") == "1500000us");
  CHECK(one(field("x", Type::duration), "\"1m30s\"") == "90000000us");
  CHECK(one(field("x", Type::ip), "\"10.0.0.7\"") == "ip7/128");
  CHECK(one(field("x", Type::ip), "\"10.0.0.0/8\"") == "ip0/104");
  CHECK(one(field("x", Type::point), "[48.5, 2]") == "(48.5f 2f)");
  CHECK(one(field("x", Type::point), "{\"lon\":2,\"lat\":48.5}") == "(48.5f 2f)");
  CHECK(one(field("x", Type::point), "{\"type\":\"Point\",\"coordinates\":[2,48.5]}") == "(48.5f 2f)");
  CHECK(one(field("x", Type::point), "\"48.5,2\"") == "(48.5f 2f)");
  CHECK(one(list_field("x", Type::text), "[\"a\",\"b\\n\",null]") == "['a' 'b\n' -]");
  CHECK(one(list_field("x", Type::integer), "[]") == "[]");
  CHECK(one(list_field("x", Type::point), "[[1,2],{\"lat\":3,\"lon\":4}]") == "[(1f 2f) (3f 4f)]");
  CHECK(one(list_field("x", Type::object), "[1,[2,[3]],{\"a\":[4]}]") == "[1 [2 [3]] {a:[4]}]");
  CHECK(one(field("x", Type::object), "{\"a\":{},\"b\":[],\"c\":[{\"d\":true},null,\"e\"]}") ==
        "{a:{} b:[] c:[{d:true} - 'e']}");
  for (const char* broken :
       {"[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{\"a\" 1}", "[1:2]", "{1:2}"}) {
    CAPTURE(broken);
    CHECK(one(field("x", Type::object), broken) == "broken_record");
  }
}

TEST_CASE("json: times in every unit and form; finer digits are cut") {
  const auto time = [](TimeUnit unit, const std::string& ts) {
    const Schema schema = schema_of({event("e", {field("ts", Type::time)}, unit)});
    const Decoded decoded = decode(fixed("e"), schema, "{\"ts\":" + ts + "}\n");
    return decoded.events.empty() ? decoded.dead.at(0) : decoded.events[0].substr(2, decoded.events[0].find(' ') - 2);
  };
  CHECK(time(TimeUnit::seconds, "1772374805") == "1772374805000000");
  CHECK(time(TimeUnit::seconds, "1772374805.1234567") == "1772374805123456");
  CHECK(time(TimeUnit::milliseconds, "1772374805123") == "1772374805123000");
  CHECK(time(TimeUnit::microseconds, "1772374805123456") == "1772374805123456");
  CHECK(time(TimeUnit::nanoseconds, "1772374805123456789") == "1772374805123456");
  CHECK(time(TimeUnit::nanoseconds, "-1") == "-1");
  CHECK(time(TimeUnit::seconds, "1.772374805e9") == "1772374805000000");
  CHECK(time(TimeUnit::seconds, "\"1772374805\"") == "1772374805000000");
  CHECK(time(TimeUnit::seconds, "\"2026-03-01T14:20:05.123456Z\"") == "1772374805123456");
  CHECK(time(TimeUnit::milliseconds, "\"2026-03-01T15:20:05+01:00\"") == "1772374805000000");
}

TEST_CASE("json: a missing or unreadable timestamp has its own reason") {
  const Decoded decoded =
      decode(fixed("login"), login_schema(),
             "{\"user\":\"ann\"}\n{\"ts\":null}\n{\"ts\":\"soon\"}\n{\"ts\":true}\n{\"ts\":{}}\n"
             "{\"ts\":99999999999999999}\n{\"ts\":99999999999999999999999}\n{\"ts\":1x}\n{\"ts\":1}\n");
  CHECK(decoded.dead == Lines{"missing_time 1", "missing_time 2", "unreadable_time 3", "unreadable_time 4",
                              "unreadable_time 5", "unreadable_time 6", "unreadable_time 7", "broken_record 8"});
  CHECK(decoded.events.size() == 1);
  CHECK(decoded.letters.letters[0].detail == "`ts`");
}

// They arrive at second 1,000,000,000.
TEST_CASE("json: a time too far ahead of its arrival, where the source has a limit") {
  const std::string input =
      "{\"ts\":1000086400000}\n{\"ts\":1000086400001}\n{\"ts\":\"9999-12-31T00:00:00Z\",\"user\":\"a\"}\n{\"ts\":1}\n";
  CodecConfig config = fixed("login");
  CHECK(decode(config, login_schema(), input).events.size() == 4);
  config.ahead_max = days(1);
  const Decoded decoded = decode(config, login_schema(), input);
  CHECK(decoded.dead == Lines{"time_ahead 2", "time_ahead 3"});
  CHECK(decoded.events.size() == 2);
  CHECK(decoded.letters.of(DeadReason::time_ahead) == 2);
  CHECK(decoded.letters.letters[1].detail ==
        "its time is 9999-12-31T00:00:00.000000Z, more than 1d ahead of its arrival at 2001-09-09T01:46:40.000000Z");
  CHECK(decoded.letters.letters[1].bytes == "{\"ts\":\"9999-12-31T00:00:00Z\",\"user\":\"a\"}");
  const Decoded alike = decode(config, login_schema(),
                               "{\"ts\":1000086399999,\"user\":\"a\"}\n{\"ts\":1000086400000,\"user\":\"b\"}\n"
                               "{\"ts\":1000086400001,\"user\":\"c\"}\n{\"ts\":1000000000000,\"user\":\"d\"}\n");
  CHECK(alike.events == Lines{"login@1000086399999000 1 @1000086399999000 'a' -",
                              "login@1000086400000000 2 @1000086400000000 'b' -",
                              "login@1000000000000000 4 @1000000000000000 'd' -"});
  CHECK(alike.dead == Lines{"time_ahead 3"});
}

TEST_CASE("json: the source may name the time field, its unit or its format, instead of the schema") {
  CodecConfig config = fixed("login");
  config.time_field = "meta.at";
  config.time.unit = TimeUnit::seconds;
  CHECK(decode(config, login_schema(), "{\"ts\":1,\"meta\":{\"at\":7},\"user\":\"a\"}\n").events ==
        Lines{"login@7000000 1 @1000 'a' -"});
  config.time_field = "ts";
  config.time.unit = {};
  config.time.format = "%d.%m.%Y %H:%M";
  config.time.zone = "Europe/Paris";
  const Decoded local =
      decode(config, login_schema(), "{\"ts\":\"01.03.2026 15:20\"}\n{\"ts\":\"01.07.2026 15:20\"}\n{\"ts\":5}\n");
  CHECK(local.events ==
        Lines{"login@1772374800000000 1 @1772374800000000 - -", "login@1782912000000000 2 @1782912000000000 - -"});
  CHECK(local.dead == Lines{"unreadable_time 3"});
}

TEST_CASE("json: unknown events") {
  const Decoded decoded =
      decode(by_field("type"), login_schema(),
             "{\"type\":\"logon\",\"ts\":1}\n{\"ts\":1}\n{\"type\":7,\"ts\":1}\n{\"type\":null,\"ts\":1}\n");
  CHECK(decoded.dead == Lines{"unknown_event 1", "unknown_event 2", "unknown_event 3", "unknown_event 4"});
  CHECK(decoded.letters.of(DeadReason::unknown_event) == 4);
  CHECK(decoded.letters.letters[0].detail == "no event is called `logon`");
}

TEST_CASE("json: broken records are refused alone; the lines around them are events") {
  const Lines broken = {
      "{\"ts\":1",
      "{\"ts\":1]",
      "{\"ts\":1}}",
      "{\"ts\":1} x",
      "{\"ts\" 1}",
      "{\"ts\":}",
      "{\"ts\":1,}",
      "{,\"ts\":1}",
      "{ts:1}",
      "{\"ts\":1 \"n\":2}",
      "{\"ts\":1,\"n\":[1,2}",
      "{\"ts\":1,\"o\":{\"a\":1]}",
      "{\"ts\":1,\"o\":[[}",
      "[1,2]",
      "\"text\"",
      "7",
      "null",
      "{",
      "}",
      "{\"",
      "{\"ts\":\"open}",
      "{\"ts\":1,\"user\":\"tab\there\"}",
      "{\"ts\":1}{\"ts\":2}",
      "\\",
      "{\"ts\":\\\"}",
      "not json at all",
      "{\"ts\":1,\"n\":}",
      "{\"ts\"}",
      "{\"ts\":1,\"o\":}",
      // In what no rule reads.
      "{\"ts\":1,\"o\":NaN}",
      "{\"ts\":1,\"o\":undefined}",
      "{\"ts\":1,\"o\":'a'}",
      "{\"ts\":1,\"o\":+5}",
      "{\"o\":NaN,\"ts\":1}",
      "{\"ts\":1,\"o\":[1 2]}",
      "{\"ts\":1,\"o\":[1,]}",
      "{\"ts\":1,\"o\":[,1]}",
      "{\"ts\":1,\"o\":[1:2]}",
      "{\"ts\":1,\"o\":[NaN]}",
      "{\"ts\":1,\"o\":[\"a\"\"b\"]}",
      "{\"ts\":1,\"o\":[[]{}]}",
      "{\"ts\":1,\"o\":{\"a\"}}",
      "{\"ts\":1,\"o\":{\"a\":}}",
      "{\"ts\":1,\"o\":{\"a\":1,}}",
      "{\"ts\":1,\"o\":{\"a\":1 \"b\":2}}",
      "{\"ts\":1,\"o\":{\"a\":1:2}}",
      "{\"ts\":1,\"o\":{1:2}}",
      "{\"ts\":1,\"o\":{a:2}}",
      "{\"ts\":1,\"o\":{\"a\",\"b\"}}",
      "{\"ts\":1,\"o\":{{}}}",
  };
  for (const std::string& line : broken) {
    CAPTURE(line);
    const Decoded decoded = decode(fixed("login"), login_schema(),
                                   "{\"ts\":1000}\n" + line + "\n{\"ts\":2000}\n" + line + "\n{\"ts\":3000}");
    CHECK(decoded.events ==
          Lines{"login@1000000 1 @1000000 - -", "login@2000000 3 @2000000 - -", "login@3000000 5 @3000000 - -"});
    CHECK(decoded.dead == Lines{"broken_record 2", "broken_record 4"});
  }
}

// As README.md says it: nothing that is decided hangs on any of these.
TEST_CASE("json: what no rule reads may be written wrong in itself") {
  const Lines accepted = {
      "{\"ts\":1000,\"o\":nope}",
      "{\"ts\":1000,\"o\":truely}",
      "{\"ts\":1000,\"o\":1x}",
      "{\"ts\":1000,\"o\":01}",
      "{\"ts\":1000,\"o\":.5}",
      "{\"ts\":1000,\"o\":1.2.3}",
      "{\"ts\":1000,\"o\":1e999}",
      "{\"ts\":1000,\"o\":\"\\x\"}",
      "{\"ts\":1000,\"\\x\":1}",
      "{\"ts\":1000,\"o\":1,\"o\":2}",
      "{\"ts\":1000,\"o\":[nope,{\"a\":1,\"a\":\"\\x\"}]}",
  };
  for (const std::string& line : accepted) {
    CAPTURE(line);
    // Alone, and behind another of its shape.
    const Decoded decoded = decode(fixed("login"), login_schema(), line + "\n" + line + "\n");
    CHECK(decoded.events == Lines{"login@1000000 1 @1000000 - -", "login@1000000 2 @1000000 - -"});
  }
}

TEST_CASE("json: an object that goes on in the next line is two broken records, not one event") {
  const Decoded decoded =
      decode(fixed("login"), login_schema(), "{\"ts\":1,\n\"n\":2}\n{\"ts\":3000,\"o\":[\n]}\n{\"ts\":4000}\n");
  CHECK(decoded.dead == Lines{"broken_record 1", "broken_record 2", "broken_record 3", "broken_record 4"});
  CHECK(decoded.events.size() == 1);
}

TEST_CASE("json: invalid UTF-8 is refused, also where nobody reads; valid is kept") {
  const Decoded decoded =
      decode(fixed("login"), login_schema(),
             "{\"ts\":1,\"user\":\"\xff\"}\n{\"ts\":2,\"x\":\"\xc3\"}\n{\"ts\":3,\"x\":\"\xed\xa0\x80\"}\n"
             "{\"ts\":4,\"x\":\"\xc0\xaf\"}\n{\"ts\":5,\"user\":\"\xc3\xa4\"}\n");
  CHECK(decoded.dead == Lines{"invalid_utf8 1", "invalid_utf8 2", "invalid_utf8 3", "invalid_utf8 4"});
  CHECK(decoded.events == Lines{"login@5000 5 @5000 '\xc3\xa4' -"});
}

TEST_CASE("json: nested deeper than the limit is refused, read or not") {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  for (const char* name : {"unread", "x"}) {
    const Schema schema = schema_of({event("e", {field("x", Type::object)})});
    const auto reason = [&](const std::string& value) {
      const Decoded decoded = decode(fixed("e"), schema, "{\"" + std::string(name) + "\":" + value + "}\n");
      return decoded.dead.empty() ? "" : decoded.dead[0];
    };
    CHECK(reason(nested(63)).empty());
    CHECK(reason(nested(64)) == "too_deep 1");  // the record itself is one level
    CHECK(reason(nested(5000)) == "too_deep 1");
  }
}

TEST_CASE("json: larger than the limit is refused with its beginning") {
  CodecConfig config = fixed("login");
  config.record_max = 100;
  const std::string large = "{\"ts\":1,\"x\":\"" + std::string(5000, 'x') + "\"}";
  const Decoded decoded = decode(config, login_schema(), large + "\n{\"ts\":2}\n");
  CHECK(decoded.dead == Lines{"too_large 1"});
  CHECK(decoded.letters.letters[0].bytes == large.substr(0, DeadLetters::kBytesMax));
  CHECK(decoded.letters.letters[0].size == large.size());
  CHECK(decoded.letters.letters[0].detail == "5,015 bytes, and a record may have 100");
  CHECK(decoded.events.size() == 1);

  auto decoder = make_decoder(config, login_schema());
  REQUIRE(decoder.has_value());
  Block block;
  block.source = SourceId(0);
  block.first_offset = 7;
  block.cut = true;
  block.bytes.append("{\"ts\":1,\"x\":\"xxxx");
  EventBatch batch;
  DeadLetters dead;
  (*decoder)->decode(block, batch, dead);
  CHECK(batch.empty());
  REQUIRE(dead.letters.size() == 1);
  CHECK(dead.letters[0].reason == DeadReason::too_large);
  CHECK(dead.letters[0].position.offset == 7);
  CHECK(dead.letters[0].detail == "more than 17 bytes, and a record may have 100");
}

TEST_CASE("json: a wanted key twice in one object is refused; an unwanted one is not") {
  const Schema schema = schema_of({event("e", {field("a.b", Type::integer), field("c", Type::integer)})});
  const Decoded decoded =
      decode(fixed("e"), schema,
             "{\"c\":1,\"c\":1}\n{\"a\":{\"b\":1,\"b\":2}}\n{\"a\":{},\"a\":{}}\n{\"a\":{\"b\":1},\"a.b\":1}\n"
             "{\"c\":1,\"\\u0063\":1}\n{\"x\":1,\"x\":2,\"c\":3,\"a\":{\"c\":4}}\n");
  CHECK(decoded.dead ==
        Lines{"duplicate_key 1", "duplicate_key 2", "duplicate_key 3", "duplicate_key 4", "duplicate_key 5"});
  CHECK(decoded.events == Lines{"e@1000000000000000 6 - 3"});
  CHECK(decoded.letters.letters[1].detail == "`b` stands twice");
}

TEST_CASE("json: a key twice in an object that a rule reads whole is refused, however deep and however long") {
  FieldSlot listed = field("m", Type::object);
  listed.list = true;
  const Schema schema = schema_of({event("e", {field("x", Type::object), listed})});
  std::string many = "{\"x\":{\"k0\":0";
  for (int i = 1; i < 40; ++i) many += ",\"k" + std::to_string(i) + "\":0";
  const Decoded decoded = decode(fixed("e"), schema,
                                 "{\"x\":{\"a\":1,\"a\":2}}\n{\"x\":[{\"b\":{\"a\":1,\"c\":0,\"\\u0061\":2}}]}\n"
                                 "{\"m\":[{\"a\":1},{\"a\":1,\"b\":2,\"a\":3}]}\n" +
                                     many + ",\"k7\":1}}\n" + many + "}}\n" +
                                     "{\"x\":{\"a\":{\"a\":1},\"b\":{\"a\":1}},\"y\":{\"a\":1,\"a\":2}}\n");
  CHECK(decoded.dead == Lines{"duplicate_key 1", "duplicate_key 2", "duplicate_key 3", "duplicate_key 4"});
  CHECK(decoded.events.size() == 2);
  REQUIRE(decoded.letters.letters.size() == 4);
  CHECK(decoded.letters.letters[0].detail == "a key stands twice in `x`");
}

TEST_CASE("json: empty lines are no records but count as lines; a byte order mark is nothing") {
  const Decoded decoded = decode(fixed("login"), login_schema(), "\xEF\xBB\xBF{\"ts\":1}\n\n  \r\n{\"ts\":2}\n\n");
  CHECK(decoded.events == Lines{"login@1000 1 @1000 - -", "login@2000 4 @2000 - -"});
  CHECK(decoded.dead.empty());
  CHECK(decode(fixed("login"), login_schema(), "\n").events.empty());
}

TEST_CASE("json: framed records keep their own offsets and times, and may hold line breaks") {
  const Schema schema = schema_of({event("e", {field("x", Type::integer)})});
  auto decoder = make_decoder(fixed("e"), schema);
  REQUIRE(decoder.has_value());
  Block block;
  block.source = SourceId(0);
  block.partition = 3;
  block.arrived = Time{5};
  const auto add = [&](std::string_view record, std::uint64_t offset, std::optional<Time> time) {
    if (!block.bytes.empty()) block.bytes.append("\n");
    block.records.push_back(
        {static_cast<std::uint32_t>(block.bytes.size()), static_cast<std::uint32_t>(record.size()), offset, time});
    block.bytes.append(record);
  };
  add("{\n  \"x\": 1\n}", 10, Time{77});
  add("", 11, Time{78});
  add("{\"x\":", 12, Time{79});
  add("2}", 13, Time{80});
  add("{\"x\":3}", 20, {});
  EventBatch batch;
  DeadLetters dead;
  (*decoder)->decode(block, batch, dead);
  REQUIRE(batch.size() == 2);
  CHECK(show(batch[0], schema) == "e@77 10 1");
  CHECK(batch[0].position.partition == 3);
  CHECK(show(batch[1], schema) == "e@5 20 3");
  REQUIRE(dead.letters.size() == 2);
  CHECK(dead.letters[0].position.offset == 12);
  CHECK(dead.letters[1].position.offset == 13);
}

TEST_CASE("json: cutting the input into blocks changes nothing") {
  std::mt19937 random(11);
  const Lines pieces = {"{\"ts\":1,\"user\":\"ann\"}",
                        "{\"ts\":2,\"user\":\"b\\u0041\\n\"}",
                        "{\"ts\":",
                        "}",
                        "",
                        "\xff",
                        "\"",
                        "{\"ts\":3,\"o\":{\"ts\":[1,2,\"}\"]}}",
                        "{\"type\":\"x\"}",
                        "{\"ts\":4,\"ts\":5}",
                        "[",
                        "\\",
                        "{\"ts\":6,\"n\":1e400}"};
  for (int round = 0; round < 200; ++round) {
    std::string input;
    for (int i = 0; i < 40; ++i) {
      // Mostly good lines, so that both ways over a block are taken.
      input += (random() % 4 != 0 ? pieces[random() % 2] : pieces[random() % pieces.size()]) + "\n";
    }
    const Decoded whole = decode(fixed("login"), login_schema(), input);
    CHECK(decode(fixed("login"), login_schema(), input, 1) == whole);
    CHECK(decode(fixed("login"), login_schema(), input, 1 + random() % 200) == whole);
    CHECK(whole.events.size() + whole.dead.size() <= 40);
  }
}

TEST_CASE("json: any bytes give events or dead letters, one at most per line, and every good line is an event") {
  std::mt19937 random(5);
  const std::string alphabet = "{}[]:,\"\\ \t\rntfu01.-e\xff\xc3\xa4xts";
  for (int round = 0; round < 3000; ++round) {
    std::string input;
    std::size_t lines = 0, good = 0;
    for (std::size_t i = random() % 8; i < 12; ++i, ++lines) {
      if (random() % 2 == 0) {
        input += "{\"ts\":1,\"user\":\"u\"}";
        ++good;
      } else {
        for (std::size_t k = random() % 20; k > 0; --k) input += alphabet[random() % alphabet.size()];
      }
      input += '\n';
    }
    const Decoded decoded = decode(fixed("login"), login_schema(), input);
    CHECK(decoded.events.size() >= good);
    CHECK(decoded.events.size() + decoded.dead.size() <= lines);
  }
}

// Known shapes (json.cc) are a shorter way to the same end: would a line that nearly has one be taken for one that has?
TEST_CASE("json: a line between others of known shapes is what it is alone") {
  const Lines shapes = {R"({"type":"login","ts":1000,"user":"ann","n":5,"a_key_longer_than_sixteen_bytes":1})",
                        R"({"ts": 2, "type": "logout", "user": "bob"})"};
  const Lines pieces = {"\n", "\r", " ", ",", ":", "{", "}", "[", "]", "{}", "\"", "x", "1", "\r\n", "\\n", ",\"n\":6"};
  std::mt19937_64 random(3);
  for (int i = 0; i < 3'000; ++i) {
    std::string odd = shapes[random() % 2];
    const std::size_t at = random() % (odd.size() + 1);
    if (random() % 3 == 0 && at < odd.size()) odd.erase(at, 1 + random() % 3);
    odd.insert(std::min(at, odd.size()), pieces[random() % pieces.size()]);
    const std::string before = shapes[0] + "\n" + shapes[1] + "\n", after = "\n" + shapes[1] + "\n" + shapes[0];
    const Decoded all = decode(by_field("type"), login_schema(), before + odd + after);
    Lines events, dead;
    std::string rest = before + odd + after, alone;
    for (; !rest.empty(); alone += '\n') {  // empty lines keep its number
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const Decoded one = decode(by_field("type"), login_schema(), alone + rest.substr(0, end) + "\n");
      events.insert(events.end(), one.events.begin(), one.events.end());
      dead.insert(dead.end(), one.dead.begin(), one.dead.end());
      rest.erase(0, end + 1);
    }
    CAPTURE(odd);
    CHECK(all.events == events);
    CHECK(all.dead == dead);
  }
}

namespace {

using Random = std::mt19937_64;

template <class T>
const T& any_of(const std::vector<T>& all, Random& random) {
  return all[random() % all.size()];
}

// Mostly what sources write; now and then what nobody should.
std::string random_value(Random& random) {
  static const Lines usual = {"1772374800000",
                              "1772374801",
                              "5",
                              "-17",
                              "3.25",
                              "\"ann\"",
                              "\"\"",
                              "true",
                              "false",
                              "null",
                              "\"5s\"",
                              "\"a text of more than 32 bytes, so\"",
                              "\"10.1.2.3\"",
                              "\"7\"",
                              "0",
                              "\"login\"",
                              "\"logout\"",
                              "\"other\"",
                              "\"2026-03-01T14:20:00Z\"",
                              "12345678901234567890",
                              "-0",
                              "\"16 bytes are here\"",
                              "\"exactly 31 bytes stand in here\""};
  static const Lines odd = {"1e3",
                            "1E400",
                            "01",
                            "-",
                            "1.",
                            ".5",
                            "1/2",
                            "--1",
                            "1-2",
                            "1.2.3",
                            "NaN",
                            "Infinity",
                            "tru",
                            "nul",
                            "nulll",
                            "truefalse",
                            "fals",
                            "{}",
                            "[]",
                            "[1,2]",
                            "{\"a\":1}",
                            "{\"inner\":\"x\"}",
                            "\"\\u0041\"",
                            "\"a\\\"b\"",
                            "\"\\\\\"",
                            "\"\xc3\xa4\"",
                            "\"\xff\"",
                            "\"\xed\xa0\x80\"",
                            "\"tab\tinside\"",
                            "\"\x7f\"",
                            "99999999999999999999999999",
                            "123456789012345678",
                            "0.1234567890123456789",
                            "",
                            " ",
                            "x",
                            "\"open",
                            "1 2",
                            "\"a\"b",
                            "\"a\" ",
                            " 1",
                            "1,",
                            "\"a\":1",
                            "[48.5,2]",
                            "\"48.5,2\"",
                            "\"\xef\xbb\xbf\"",
                            "1}",
                            "1\r",
                            "\"x\"}\n{\"ts\":1"};
  return random() % 24 == 0 ? any_of(odd, random) : any_of(usual, random);
}

// Lines of a few sources: each has its keys, order and blanks, and changes them seldom.
class RandomLines {
 public:
  explicit RandomLines(Random& random) : random_(random) {
    for (std::size_t i = 1 + random_() % 4; i > 0; --i) sources_.push_back(new_source());
    odd_of_1000_ = any_of<std::uint64_t>({125, 125, 10, 0}, random_);
  }

  std::string next() {
    Source& source = sources_[random_() % sources_.size()];
    if (random_() % 40 == 0) source = new_source();
    std::string line;
    for (const std::string& key : source.keys) line += key + value_of(key);
    return line + source.end;
  }

 private:
  struct Source {
    Lines keys;  // each from its comma or brace to its value
    std::string end;
  };

  Source new_source() {
    static const Lines names = {"ts",
                                "user",
                                "n",
                                "amount",
                                "ok",
                                "ip",
                                "took",
                                "at",
                                "any",
                                "list",
                                "o",
                                "unread",
                                "a_name_longer_than_sixteen_bytes",
                                "another_name_longer_than_sixteen",
                                "us\\u0065r",
                                "\xc3\xa4",
                                "event"};
    static const Lines colons = {"\":", "\":", "\":", "\": ", "\" : "};
    static const Lines commas = {",", ",", ",", ", ", " , "};
    Source source;
    const std::string &colon = any_of(colons, random_), &comma = any_of(commas, random_);
    Lines mine = {"ts", "event", "n", "user"};
    if (random_() % 2 == 0) mine.insert(mine.end(), {"amount", "ok"});
    for (std::size_t i = random_() % 5; i > 0; --i) mine.push_back(any_of(names, random_));
    std::shuffle(mine.begin(), mine.end(), random_);
    for (const std::string& name : mine)
      source.keys.push_back((source.keys.empty() ? "{" : comma) + "\"" + name + colon);
    source.end = random_() % 6 == 0 ? " }" : random_() % 6 == 0 ? "}\r" : "}";
    return source;
  }

  // Mostly of the type that the field wants.
  std::string value_of(const std::string& key) {
    if (random_() % 1000 < odd_of_1000_) return random_value(random_);
    if (key.find("\"ts\"") != std::string::npos) return std::to_string(1'772'374'800'000 + random_() % 100'000);
    if (key.find("\"event\"") != std::string::npos) return random_() % 3 != 0 ? "\"login\"" : "\"logout\"";
    if (key.find("\"n\"") != std::string::npos) return std::to_string(random_() % 1000);
    if (key.find("\"amount\"") != std::string::npos) return fmt::format("{}.5", random_() % 1000);
    if (key.find("\"ok\"") != std::string::npos) return random_() % 2 == 0 ? "true" : "false";
    return "\"user" + std::to_string(random_() % 100'000) + "\"";
  }

  Random& random_;
  std::vector<Source> sources_;
  std::uint64_t odd_of_1000_ = 0;  // values
};

// A byte or a piece of the line changed.
void spoil(std::string& line, Random& random) {
  static const Lines pieces = {"\n",          "\r",
                               " ",           "\t",
                               ",",           ":",
                               "{",           "}",
                               "[",           "]",
                               "\"",          "\\",
                               "\\n",         "x",
                               "1",           "-",
                               ".",           "e",
                               "\xff",        "\xc3",
                               "\xc3\xa4",    ",\"n\":6",
                               ",\"ts\":1",   "{\"ts\":1}",
                               "}{",          std::string(1, '\0'),
                               "\xEF\xBB\xBF"};
  const std::size_t at = line.empty() ? 0 : random() % line.size();
  switch (random() % 5) {
    case 0:
      if (!line.empty()) line[at] = static_cast<char>(random());
      break;
    case 1:
      line.resize(at);
      break;
    case 2:
      line.erase(at, 1 + random() % 5);
      break;
    case 3:
      line.insert(at, line.substr(random() % (line.size() + 1), random() % 20));
      break;
    default:
      line.insert(at, any_of(pieces, random));
  }
}

}  // namespace

// What is read byte by byte would otherwise be another event, or an event for what is none.
TEST_CASE("json: the two ways of reading a line cannot be told apart") {
  const Schema schema = ways_schema();
  std::size_t events = 0, dead = 0;
  for (std::uint64_t seed = 0; seed < 1'500; ++seed) {
    Random random(seed);
    RandomLines lines(random);
    std::string input = random() % 10 == 0 ? "\xEF\xBB\xBF" : "";
    const std::uint64_t spoilt_of_1000 = any_of<std::uint64_t>({0, 20, 100, 500}, random);
    for (int i = 0; i < 60; ++i) {
      std::string line = lines.next();
      if (random() % 1000 < spoilt_of_1000) spoil(line, random);
      input += line + "\n";
    }
    if (random() % 2 == 0) input.pop_back();
    CodecConfig config = random() % 2 == 0 ? fixed("login") : by_field("event");
    if (random() % 4 == 0) config.record_max = 60 + random() % 100;
    if (random() % 8 == 0) config.time.format = "%Y-%m-%dT%H:%M:%SZ";
    if (random() % 4 == 0) config.ahead_max = seconds(772'374'850);  // half of the usual times
    const std::size_t block_size = random() % 2 == 0 ? 1 << 20 : 1 + random() % 3'000;
    const Lines expected = read_json(config, schema, input, block_size, false);
    const Lines by_bytes = read_json(config, schema, input, block_size, true);
    CAPTURE(seed);
    REQUIRE(by_bytes == expected);
    const auto is_event = [](const std::string& line) { return line.find('@') != std::string::npos; };
    const auto n = std::count_if(expected.begin(), expected.end(), is_event);
    events += static_cast<std::size_t>(n);
    dead += expected.size() - static_cast<std::size_t>(n);
  }
  CHECK(events > 10'000);
  CHECK(dead > 10'000);
}

TEST_CASE("json: what cannot work is said before the first record") {
  CHECK_FALSE(make_decoder(fixed("nobody"), login_schema()).has_value());
  CHECK_FALSE(make_decoder(CodecConfig{}, login_schema()).has_value());
  CodecConfig zone = fixed("login");
  zone.time.zone = "Europe/Atlantis";
  CHECK_FALSE(make_decoder(zone, login_schema()).has_value());
  CodecConfig format = fixed("login");
  format.time.format = "%Q";
  CHECK_FALSE(make_decoder(format, login_schema()).has_value());
}
