// If one of these fails, a line of text becomes another event than it says, or takes its neighbours with it.
#include "adapters/codec/text.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "tests/support/decode.h"

using namespace tocsin;
using namespace tocsin::codec_test;

namespace {

using Lines = std::vector<std::string>;

CodecConfig config_of(Format format) {
  CodecConfig config;
  config.format = format;
  config.event = "e";
  return config;
}

const Schema& schema() {
  static const Schema one = schema_of(
      {event("e", {field("ts", Type::time), field("a", Type::text), field("n", Type::integer)}, TimeUnit::seconds)});
  return one;
}

// One field of every type, read from a CSV cell.
std::string cell(Type type, const std::string& text, bool declared = true) {
  const Decoded d =
      decode(config_of(Format::csv), schema_of({event("e", {field("x", type, declared)})}), "x,y\n" + text + ",1\n");
  REQUIRE(d.events.size() + d.dead.size() == 1);
  return d.events.empty() ? d.dead[0] : d.events[0].substr(d.events[0].find(' ') + 3);
}

}  // namespace

TEST_CASE("csv: columns by the header's names, quotes, separators, line breaks and doubled quotes in fields") {
  const Decoded d = decode(config_of(Format::csv), schema(),
                           "\xEF\xBB\xBFn,other,a,ts\r\n5,x,plain,1\r\n6,\"y,z\",\"say \"\"hi\"\"\",2\n"
                           "7,,\"two\nlines\",3\n\n8,,,4\n9,,\"\",5");
  CHECK(d.events == Lines{"e@1000000 2 @1000000 'plain' 5", "e@2000000 3 @2000000 'say \"hi\"' 6",
                          "e@3000000 4 @3000000 'two\nlines' 7", "e@4000000 7 @4000000 - 8",
                          "e@5000000 8 @5000000 '' 9"});
  CHECK(d.dead.empty());
}

TEST_CASE("csv: the configuration may name the columns and another separator; a column may decide the event") {
  CodecConfig config = config_of(Format::csv);
  config.event.clear();
  config.event_field = "kind";
  config.columns = {"kind", "ts", "a"};
  config.separator = ';';
  const Decoded d = decode(config, schema(), "e;1;x\nf;2;y\n;3;z\n");
  CHECK(d.events == Lines{"e@1000000 1 @1000000 'x' -"});
  CHECK(d.dead == Lines{"unknown_event 2", "unknown_event 3"});
}

TEST_CASE("csv: broken records are refused alone") {
  const Decoded d =
      decode(config_of(Format::csv), schema(), "ts,a,n\n1,x,1\n2,x\n3,x,1,1\n4,a\"b,1\n5,\"a\"b,1\n6,x,1\n");
  CHECK(d.events.size() == 2);
  CHECK(d.dead == Lines{"broken_record 3", "broken_record 4", "broken_record 5", "broken_record 6"});
}

TEST_CASE("csv: a quote that is never closed spoils its own line only") {
  const Decoded d = decode(config_of(Format::csv), schema(), "ts,a,n\n1,x,1\n2,\"open,1\n3,y,1\n4,z,1\n");
  CHECK(d.events == Lines{"e@1000000 2 @1000000 'x' 1", "e@3000000 4 @3000000 'y' 1", "e@4000000 5 @4000000 'z' 1"});
  CHECK(d.dead == Lines{"broken_record 3"});
  CodecConfig small = config_of(Format::csv);
  small.record_max = 50;
  std::string input = "ts,a,n\n2,\"open,1\n";
  for (int i = 0; i < 100; ++i) input += "3,y,1\n";
  const Decoded limited = decode(small, schema(), input);
  CHECK(limited.events.size() == 100);
  CHECK(limited.dead == Lines{"broken_record 2"});
}

TEST_CASE("csv: quotes may close and open again on each line of a record") {
  const std::string input = "ts,a,n\n1,\"x\"\"\n\"\"y\n\",5\n2,\"one\n\",\"\n\"\n3,\"z\",7\n";
  const Decoded d = decode(config_of(Format::csv), schema(), input);
  CHECK(d.events == Lines{"e@1000000 2 @1000000 'x\"\n\"y\n' 5", "e@3000000 8 @3000000 'z' 7"});
  CHECK(d.dead == Lines{"wrong_type 5"});
  CHECK(d == decode(config_of(Format::csv), schema(), input, 1));  // line by line
}

TEST_CASE("csv: a long record in quotes is read and copied once, not once a line") {
  std::string input = "ts,a,n\n1,\"", wanted;
  for (int i = 0; i < 8'000; ++i) input += "\"\"\n";
  const Decoded d = decode(config_of(Format::csv), schema(), input + "\",5\n");
  CHECK(d.events.size() == 1);
  CHECK(d.arena_bytes < 8 * input.size());  // 96 MB where each line was copied with all before it
  CHECK(decode(config_of(Format::csv), schema(), input).dead.size() == 1 + 8'000 - 1);
}

TEST_CASE("csv: values by the schema; empty is missing; what does not fit breaks the schema") {
  CHECK(cell(Type::integer, "007") == "7");
  CHECK(cell(Type::floating, "1e3") == "1000f");
  CHECK(cell(Type::boolean, "True") == "true");
  CHECK(cell(Type::time, "2026-03-01T14:20:05Z") == "@1772374805000000");
  CHECK(cell(Type::time, "1500") == "@1500000");
  CHECK(cell(Type::duration, "1m30s") == "90000000us");
  CHECK(cell(Type::duration, "1.5") == "1500000us");
  CHECK(cell(Type::ip, "10.0.0.7") == "ip7/128");
  CHECK(cell(Type::point, "\"48.5,2\"") == "(48.5f 2f)");
  CHECK(cell(Type::object, "5") == "'5'");
  CHECK(cell(Type::integer, "") == "-");
  CHECK(cell(Type::integer, "x") == "wrong_type 2");
  CHECK(cell(Type::integer, "x", false) == "-");
  CHECK(cell(Type::integer, "9223372036854775808") == "out_of_range 2");
  CHECK(cell(Type::floating, "1e400") == "out_of_range 2");
  CHECK(cell(Type::floating, "nan") == "wrong_type 2");
  CHECK(cell(Type::ip, "10.0.0") == "wrong_type 2");
  CHECK(cell(Type::point, "\"95,2\"") == "out_of_range 2");
}

TEST_CASE("text formats: an item of a list is read as a field of its type") {
  const auto item = [](Type type, const std::string& text) {
    FieldSlot list = field("xs", type);
    list.list = true;
    const Decoded d = decode(config_of(Format::logfmt), schema_of({event("e", {list})}), "xs=" + text + "\n");
    REQUIRE(d.events.size() + d.dead.size() == 1);
    return d.events.empty() ? d.dead[0] : d.events[0].substr(d.events[0].find(' ') + 3);
  };
  CHECK(item(Type::time, "1500") == "[@1500000]");
  CHECK(item(Type::time, "2026-03-01T14:20:05Z") == "[@1772374805000000]");
  CHECK(item(Type::time, "soon") == "wrong_type 1");
  CHECK(item(Type::integer, "7") == "[7]");
}

TEST_CASE("text formats: missing and unreadable times, missing fields, invalid UTF-8, too large") {
  CodecConfig config = config_of(Format::csv);
  config.record_max = 40;
  const Schema strict =
      schema_of({event("e", {field("ts", Type::time), required("a", Type::text)}, TimeUnit::seconds)});
  const Decoded d = decode(config, strict, "ts,a\n,x\nsoon,x\n3,\n4,\xff\n5," + std::string(100, 'x') + "\n6,x\n");
  CHECK(d.events == Lines{"e@6000000 7 @6000000 'x'"});
  CHECK(d.dead == Lines{"missing_time 2", "unreadable_time 3", "missing_field 4", "invalid_utf8 5", "too_large 6"});
}

TEST_CASE("text formats: a time too far ahead of its arrival, where the source has a limit") {
  CodecConfig config = config_of(Format::csv);
  const Schema schema = schema_of({event("e", {field("ts", Type::time)}, TimeUnit::seconds)});
  const std::string input = "ts\n1000000060\n1000000061\n5\n";
  CHECK(decode(config, schema, input).dead.empty());
  config.ahead_max = minutes(1);
  const Decoded d = decode(config, schema, input);
  CHECK(d.dead == Lines{"time_ahead 3"});
  CHECK(d.events.size() == 2);
}

TEST_CASE("logfmt: keys, quoted values, flags, nested names") {
  const Schema nested = schema_of({event("e", {field("ts", Type::time), field("http.path", Type::text),
                                               field("ok", Type::boolean), field("n", Type::integer)})});
  const Decoded d = decode(config_of(Format::logfmt), nested,
                           "ts=2026-03-01T14:20:05Z level=info http.path=/a=b ok n=5\n"
                           "  n= http.path=\"say \\\"hi\\\"\\n\" ts=1000\t\n\n   \nhttp.path=\"\" ts=2000");
  CHECK(d.events == Lines{"e@1772374805000000 1 @1772374805000000 '/a=b' true 5",
                          "e@1000000 2 @1000000 'say \"hi\"\n' - -", "e@2000000 5 @2000000 '' - -"});
  CHECK(d.dead.empty());
}

TEST_CASE("logfmt: broken records and keys that stand twice") {
  const Decoded d =
      decode(config_of(Format::logfmt), schema(),
             "ts=1 a=\"open\nts=2 a=\"x\"y\nts=3 =x\nts=4 a=\"\\x\"\nts=5 a=1 a=2\nts=6 z=1 z=2\nts=7 \"a\"=1\n");
  CHECK(d.events == Lines{"e@6000000 6 @6000000 - -"});
  CHECK(d.dead == Lines{"broken_record 1", "broken_record 2", "broken_record 3", "broken_record 4", "duplicate_key 5",
                        "broken_record 7"});
}

TEST_CASE("regex: the first expression that fits decides; named groups are fields; the rest are dead letters") {
  const Schema sshd =
      schema_of({event("failed", {field("ts", Type::time), field("user", Type::text), field("src.ip", Type::ip)}),
                 event("accepted", {field("ts", Type::time), field("user", Type::text)})});
  CodecConfig config;
  config.format = Format::regex;
  config.lines = {
      {"failed",
       R"(^(?P<ts>\w+ +\d+ [\d:]+) \S+ sshd\[\d+\]: Failed password for (?:invalid user )?(?P<user>\S+) from (?P<src__ip>\S+))"},
      {"accepted", R"(^(?P<ts>\w+ +\d+ [\d:]+) .* Accepted \w+ for (?P<user>\S+))"},
      {"unread", "session closed"}};
  config.time.format = "%b %e %H:%M:%S";
  config.time.year = 2026;
  config.time.zone = "Europe/Paris";
  const Decoded d =
      decode(config, sshd,
             "Mar  1 06:25:43 host sshd[7]: Failed password for invalid user bob from 10.0.0.7 port 22\r\n"
             "Mar  1 06:25:44 host sshd[7]: Accepted publickey for ann from 10.0.0.8\n"
             "\nsession closed\nsomething else\nMar 32 06:25:44 x Accepted password for ann\n");
  CHECK(d.events == Lines{"failed@1772342743000000 1 @1772342743000000 'bob' ip7/128",
                          "accepted@1772342744000000 2 @1772342744000000 'ann'"});
  CHECK(d.dead == Lines{"no_line_fits 5", "unreadable_time 6"});
  config.time.year = {};
  config.time.zone = "";
  // It arrived in September 2001.
  CHECK(decode(config, sshd, "Dec 31 00:00:00 x Accepted password for ann\n").events ==
        Lines{"accepted@978220800000000 1 @978220800000000 'ann'"});
  config.lines[0].regex = "(";
  CHECK_FALSE(make_decoder(config, sshd).has_value());
  config.lines.clear();
  CHECK_FALSE(make_decoder(config, sshd).has_value());
}

TEST_CASE("text formats: cutting the input into blocks changes nothing") {
  std::mt19937 random(3);
  for (const Format format : {Format::csv, Format::logfmt}) {
    const Lines pieces = format == Format::csv
                             ? Lines{"1,x,1", "2,\"a\nb\",2", "3,\"open,1", "4,x", "", "5,\xff,1", "6,\"\"\"\",1"}
                             : Lines{"ts=1 a=x", "ts=2 a=\"b c\"", "ts=3 a=\"open", "=", "", "ts=5 a=\xff"};
    for (int round = 0; round < 200; ++round) {
      std::string input = "ts,a,n\n";
      for (int i = 0; i < 30; ++i) input += pieces[random() % pieces.size()] + "\n";
      const Decoded whole = decode(config_of(format), schema(), input);
      CHECK(decode(config_of(format), schema(), input, 1) == whole);
      CHECK(decode(config_of(format), schema(), input, 1 + random() % 100) == whole);
    }
  }
}
