// If one of these fails, a function says something else than its line of help, or ends the program where it should say
// nothing.
#include "engine/program/functions.h"

#include <doctest/doctest.h>
#include <re2/re2.h>

#include <cmath>
#include <ctime>
#include <limits>
#include <set>
#include <string>

#include "engine/base/text.h"
#include "engine/event/ip.h"
#include "engine/event/write.h"
#include "engine/program/limits.h"
#include "engine/program/made_text.h"
#include "engine/program/scratch.h"
#include "tests/support/any_value.h"

using namespace tocsin;

namespace {

Scratch scratch;

Value call(std::string_view name, std::initializer_list<Value> args) {
  const auto id = find_function(name);
  REQUIRE(id.has_value());
  return functions()[id->index].call({args.begin(), args.size()}, scratch);
}
// As JSON, which tells 1 from 1.0 and from "1".
std::string said(std::string_view name, std::initializer_list<Value> args) {
  std::string out;
  append_json(out, call(name, args));
  return out;
}
Value t(std::string_view text) { return Value::text(text); }
Value n(std::int64_t i) { return Value::integer(i); }
Value f(double d) { return Value::floating(d); }
Value at(std::string_view rfc3339) { return Value::time(*parse_rfc3339(rfc3339)); }
Value d(std::string_view text) { return Value::duration(*parse_duration(text)); }
Value ip(std::string_view text) { return scratch.ip(*parse_ip(text)); }
const Value kMissing;
constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max(), kMin = std::numeric_limits<std::int64_t>::min();

}  // namespace

TEST_CASE("the table: names are unique, required arguments come first, each row has code and help") {
  std::set<std::string_view> names;
  for (const Function& row : functions()) {
    CAPTURE(row.name);
    CHECK(names.insert(row.name).second);
    CHECK(row.required <= row.args.size());
    CHECK(row.required > 0);
    CHECK(row.like < row.args.size());
    CHECK((row.call != nullptr));
    CHECK(!row.help.empty());
  }
  CHECK_FALSE(find_function("count").has_value());
}

// One that makes each letter a thousand bytes would take all memory: the limit is looked at before there is so much.
TEST_CASE("a text that is made has a limit: at it, and one byte more; and what a large one took is given back") {
  const std::string most(kMadeTextMax, 'x'), half(kMadeTextMax / 2, 'y'), all(100'000, 'a');
  CHECK(call("replace", {t("a" + most.substr(1)), t("a"), t("b")}).as_text().size() == kMadeTextMax);
  CHECK(call("replace", {t("a" + most.substr(1)), t("a"), t("bb")}).is_missing());
  CHECK(call("replace", {t(all), t("a"), t(all)}).is_missing());
  CHECK(call("replace", {t(all), t("b"), t(all)}).as_text() == all);
  CHECK(call("concat", {t(half), t(half)}).as_text().size() == kMadeTextMax);
  CHECK(call("concat", {t(half), t(half), n(1)}).is_missing());
  CHECK(call("upper", {t(most)}).as_text().size() == kMadeTextMax);
  CHECK(call("upper", {t(most + "x")}).is_missing());
  CHECK(call("text", {t(most + "x")}).as_text().size() == kMadeTextMax + 1);  // not made
  const auto told = [](std::vector<Value> parts) { return std::string(told_text(parts, scratch).as_text()); };
  CHECK(told({t(half), t(half)}) == half + half);
  CHECK(told({t(half), t(half), n(1)}) == half + half.substr(2) + "..");
  CHECK(told({t("a"), t(most), t("b")}) == "a" + most.substr(3) + "..");
  CHECK(told({t(most.substr(3)), t("\u00e4"), t("bc")}) == most.substr(3) + "..");  // no half character
  const std::vector<Value> long_list(600'000, n(1));
  CHECK(told({t("a "), Value::list(long_list), t(" b")}) == "a ..");
  const std::vector<Value> many(10'000, t(most));
  CHECK(call("text", {Value::list(many)}).is_missing());
  CHECK(scratch.bytes_held() > kMadeTextMax);
  scratch.reset();
  CHECK(scratch.bytes_held() < (std::size_t{1} << 19));
}

TEST_CASE("numbers: integers stay integers while they fit, what is no number is missing") {
  CHECK(said("abs", {n(-3)}) == "3");
  CHECK(said("abs", {f(-2.5)}) == "2.5");
  CHECK(said("abs", {n(kMin)}) == "9.223372036854776e+18");
  CHECK(said("abs", {d("-3s")}) == "3");
  CHECK(said("abs", {Value::duration({kMin})}) == "null");
  CHECK(said("abs", {t("-3")}) == "null");
  CHECK(said("min", {n(3), f(2.5), n(7)}) == "2.5");
  CHECK(said("max", {n(3), f(2.5), n(7)}) == "7");
  CHECK(said("max", {t("a"), t("b")}) == "\"b\"");
  CHECK(said("max", {n(3), kMissing}) == "null");
  CHECK(said("max", {n(3), t("a")}) == "null");
  CHECK(said("round", {f(2.5)}) == "3");
  CHECK(said("round", {f(-2.5)}) == "-3");
  CHECK(said("round", {f(1e300)}) == "1e+300");
  CHECK(said("round", {f(2.345), n(1)}) == "2.3");
  CHECK(said("round", {n(2345), n(-2)}) == "2300");
  CHECK(said("round", {n(7), n(2)}) == "7");
  CHECK(said("round", {f(1.5), n(kMax)}) == "1.5");
  CHECK(said("round", {f(1.5), n(kMin)}) == "0.0");
  CHECK(said("floor", {f(-0.5)}) == "-1");
  CHECK(said("ceil", {f(-0.5)}) == "0");
  CHECK(said("ceil", {f(2.1)}) == "3");
  CHECK(said("ceil", {n(7)}) == "7");
  CHECK(said("ceil", {t("7")}) == "null");
  CHECK(said("sqrt", {n(9)}) == "3.0");
  CHECK(said("sqrt", {n(-1)}) == "null");
  CHECK(said("log", {n(0)}) == "null");
  CHECK(said("log", {n(-1)}) == "null");
  CHECK(said("log", {n(8), n(2)}) == "3.0");
  CHECK(said("log", {n(8), n(1)}) == "null");
  CHECK(said("pow", {n(2), n(62)}) == "4611686018427387904");
  CHECK(said("pow", {n(2), n(63)}) == "9.223372036854776e+18");
  CHECK(said("pow", {n(-2), n(63)}) == "-9223372036854775808");
  CHECK(said("pow", {n(2), n(-1)}) == "0.5");
  CHECK(said("pow", {n(0), n(-1)}) == "null");
  CHECK(said("pow", {f(-1), f(0.5)}) == "null");
  CHECK(said("pow", {n(10), n(400)}) == "null");
}

TEST_CASE("X4: texts are counted in characters, from 0, negative from the end") {
  const Value zurich = t("z\xC3\xBCrich");
  CHECK(said("length", {zurich}) == "6");
  CHECK(said("length", {Value::list({})}) == "0");
  CHECK(said("length", {n(5)}) == "null");
  CHECK(said("substring", {zurich, n(1), n(2)}) == "\"\xC3\xBCr\"");
  CHECK(said("substring", {zurich, n(1)}) == "\"\xC3\xBCrich\"");
  CHECK(said("substring", {zurich, n(-3), n(2)}) == "\"ic\"");
  CHECK(said("substring", {zurich, n(-100), n(2)}) == "\"z\xC3\xBC\"");
  CHECK(said("substring", {zurich, n(6), n(2)}) == "\"\"");
  CHECK(said("substring", {zurich, n(kMax), n(kMax)}) == "\"\"");
  CHECK(said("substring", {zurich, n(kMin), n(kMax)}) == "\"z\xC3\xBCrich\"");
  CHECK(said("substring", {zurich, n(2), n(-1)}) == "\"\"");
  CHECK(said("lower", {t("Z\xC3\x9CRICH")}) == "\"z\xC3\xBCrich\"");
  CHECK(said("upper", {zurich}) == "\"Z\xC3\x9CRICH\"");
  CHECK(said("trim", {t(" \t a b\n")}) == "\"a b\"");
  CHECK(said("trim", {t("  ")}) == "\"\"");
}

TEST_CASE("split, replace, concat") {
  CHECK(said("split", {t("a,b,,c"), t(",")}) == "[\"a\",\"b\",\"\",\"c\"]");
  CHECK(said("split", {t(""), t(",")}) == "[\"\"]");
  CHECK(said("split", {t("a\xC3\xBC"), t("")}) == "[\"a\",\"\xC3\xBC\"]");
  CHECK(said("replace", {t("aaa"), t("a"), t("bb")}) == "\"bbbbbb\"");
  CHECK(said("replace", {t("aaa"), t(""), t("bb")}) == "\"aaa\"");
  CHECK(said("concat", {t("a"), n(1), f(2), Value::boolean(true), d("1m41s")}) == "\"a12.0true1m41s\"");
  CHECK(said("concat", {t("a"), kMissing}) == "null");
}

TEST_CASE("a pattern that a record brings cannot hold the engine up: beyond so many steps glob is missing") {
  const std::string text(400'000, 'a'), pattern = "*" + std::string(100'000, 'a') + "b";
  const auto glob = [](const std::string& a, const std::string& b) { return said("glob", {t(a), t(b)}); };
  const std::clock_t begin = std::clock();
  CHECK(glob(text, pattern) == "null");
  CHECK(static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC < 5);
  CHECK(glob(text + text, "*a*a*a?a") == "true");  // what people write takes the length of the text
}

TEST_CASE("X2: glob covers the whole text; nothing escapes") {
  const auto covers = [](std::string_view text, std::string_view pattern) {
    return said("glob", {t(text), t(pattern)});
  };
  CHECK(covers("index.html", "*.html") == "true");
  CHECK(covers("index.html", "*.htm") == "false");
  CHECK(covers("index.html", "index") == "false");
  CHECK(covers("a\xC3\xBC", "a?") == "true");
  CHECK(covers("a\xC3\xBC", "a??") == "false");
  CHECK(covers("", "") == "true");
  CHECK(covers("", "*") == "true");
  CHECK(covers("", "?") == "false");
  CHECK(covers("a*b", "a\\*b") == "false");
  CHECK(covers("abcabc", "*abc") == "true");
  CHECK(covers("aXbXc", "a*b*c") == "true");
  CHECK(covers(std::string(10'000, 'a'), "*a*a*a*a*a*a*a*b") == "false");  // no exponential walk
}

TEST_CASE("conversions: what does not read as one is missing") {
  CHECK(said("number", {t(" 42 ")}) == "42");
  CHECK(said("number", {t("4.50")}) == "4.5");
  CHECK(said("number", {t("1e3")}) == "1000.0");
  CHECK(said("number", {t("9223372036854775808")}) == "9.223372036854776e+18");
  CHECK(said("number", {t("1e999")}) == "null");
  CHECK(said("number", {t("12a")}) == "null");
  CHECK(said("number", {t("nan")}) == "null");
  CHECK(said("number", {t("")}) == "null");
  CHECK(said("number", {n(7)}) == "7");
  CHECK(said("number", {Value::boolean(true)}) == "null");
  CHECK(said("number", {t("0xFF"), n(16)}) == "255");
  CHECK(said("number", {t("ff"), n(16)}) == "255");
  CHECK(said("number", {t("0o17"), n(8)}) == "15");
  CHECK(said("number", {t("0b101"), n(2)}) == "5");
  CHECK(said("number", {t("0b1"), n(16)}) == "177");  // a prefix that does not fit the base is digits
  CHECK(said("number", {t("-z"), n(36)}) == "-35");
  CHECK(said("number", {t("-8000000000000000"), n(16)}) == "-9223372036854775808");
  CHECK(said("number", {t("ffffffffffffffff"), n(16)}) == "1.8446744073709552e+19");
  CHECK(said("number", {t("12"), n(1)}) == "null");
  CHECK(said("number", {t("--1"), n(10)}) == "null");
  CHECK(said("text", {f(1.5)}) == "\"1.5\"");
  CHECK(said("text", {kMissing}) == "null");
  CHECK(said("text", {d("90s")}) == "\"1m30s\"");
  CHECK(said("ip", {t("10.0.0.7")}) == "\"10.0.0.7\"");
  CHECK(said("ip", {t("10.0.0.0/8")}) == "\"10.0.0.0/8\"");
  CHECK(said("ip", {t("10.0.0.256")}) == "null");
}

TEST_CASE("times from texts, in zones") {
  CHECK(said("time", {t("2026-03-01 14:20:05"), t("%Y-%m-%d %H:%M:%S")}) == "\"2026-03-01T14:20:05.000000Z\"");
  CHECK(said("time", {t("01/Mar/2026:14:20:05 +0100"), t("%d/%b/%Y:%H:%M:%S %z")}) ==
        "\"2026-03-01T13:20:05.000000Z\"");
  CHECK(said("time", {t("2026-07-01 12:00"), t("%Y-%m-%d %H:%M"), t("Europe/Paris")}) ==
        "\"2026-07-01T10:00:00.000000Z\"");
  // 02:30 happens twice on 25 October, never on 29 March
  CHECK(said("time", {t("2026-10-25 02:30"), t("%Y-%m-%d %H:%M"), t("Europe/Paris")}) ==
        "\"2026-10-25T00:30:00.000000Z\"");
  CHECK(said("time", {t("2026-03-29 02:30"), t("%Y-%m-%d %H:%M"), t("Europe/Paris")}) ==
        "\"2026-03-29T01:00:00.000000Z\"");
  CHECK(said("time", {t("2026-02-30"), t("%Y-%m-%d")}) == "null");
  CHECK(said("time", {t("2026-02-20"), t("%Q")}) == "null");
  CHECK(said("time", {t("2026-02-20"), t("%Y-%m-%d"), t("Europe/Nowhere")}) == "null");
  CHECK(said("time", {t("Mar 01 14:20:05"), t("%b %d %H:%M:%S")}) == "null");  // which year?
  // No time is outside the years of records: its zone, and what is added to it, would have no room.
  CHECK(said("time", {t("253402300799"), t("%s")}) == "\"9999-12-31T23:59:59.000000Z\"");
  CHECK(said("time", {t("253402300800"), t("%s")}) == "null");
  CHECK(said("time", {t("9223372036854.775806"), t("%s")}) == "null");
  CHECK(said("time", {t("-62135596801"), t("%s")}) == "null");
  CHECK(said("time", {t("9999-12-31 23:00 -0200"), t("%Y-%m-%d %H:%M %z")}) == "null");
}

TEST_CASE("parts of times and durations") {
  CHECK(said("hours", {d("90m")}) == "1.5");
  CHECK(said("minutes", {d("90s")}) == "1.5");
  CHECK(said("seconds", {d("1500ms")}) == "1.5");
  CHECK(said("ms", {d("1s")}) == "1000.0");
  CHECK(said("days", {d("36h")}) == "1.5");
  CHECK(said("days", {n(3)}) == "null");
  CHECK(said("hour", {at("2026-03-01T23:59:59Z")}) == "23");
  CHECK(said("hour", {at("2026-03-01T23:59:59Z"), t("Asia/Tokyo")}) == "8");
  CHECK(said("hour", {at("1969-12-31T23:00:00Z")}) == "23");
  CHECK(said("weekday", {at("1970-01-05T00:00:00Z")}) == "\"mon\"");
  CHECK(said("weekday", {at("1970-01-04T23:59:59Z")}) == "\"sun\"");
  CHECK(said("weekday", {at("1969-12-29T00:00:00Z")}) == "\"mon\"");
  CHECK(said("date", {at("2026-03-01T23:59:59Z")}) == "\"2026-03-01\"");
  CHECK(said("date", {at("2026-03-01T23:59:59Z"), t("Asia/Tokyo")}) == "\"2026-03-02\"");
  CHECK(said("date", {at("2026-03-01T23:59:59Z"), t("Asia/Nowhere")}) == "null");
  CHECK(said("hour", {t("2026")}) == "null");
  CHECK(said("minute", {at("2026-03-01T23:59:58Z")}) == "59");
  CHECK(said("minute", {at("2026-03-01T23:59:59Z"), t("Asia/Kolkata")}) == "29");
  CHECK(said("minute", {at("1969-12-31T23:01:00Z")}) == "1");
}

TEST_CASE("addresses and distances") {
  CHECK(said("subnet", {ip("10.1.2.3"), n(16)}) == "\"10.1.0.0/16\"");
  CHECK(said("subnet", {ip("10.1.2.3"), n(32)}) == "\"10.1.2.3\"");
  CHECK(said("subnet", {ip("10.1.2.3"), n(0)}) == "\"0.0.0.0/0\"");
  CHECK(said("subnet", {ip("10.1.2.3"), n(33)}) == "null");
  CHECK(said("subnet", {ip("2001:db8:1:2::1"), n(48)}) == "\"2001:db8:1::/48\"");
  CHECK(said("in_network", {ip("10.1.2.3"), ip("10.0.0.0/8")}) == "true");
  CHECK(said("in_network", {ip("11.1.2.3"), ip("10.0.0.0/8")}) == "false");
  CHECK(said("in_network", {t("x"), ip("10.0.0.0/8")}) == "null");
  const auto km = [](Point a, Point b) {
    return call("distance_km", {scratch.point(a), scratch.point(b)}).as_floating();
  };
  CHECK(std::abs(km({48.8566, 2.3522}, {52.52, 13.405}) - 877.46) < 1);  // Paris, Berlin
  CHECK(km({10, 20}, {10, 20}) == 0);
  CHECK(std::abs(km({0, 0}, {0, 180}) - 20015.1) < 0.1);
}

TEST_CASE("json: the value at a path, missing where the text is broken") {
  const Value doc = t(R"( {"a": {"b": [1, 2.5, {"c": "x\u00e9\ud83d\ude95\n"}]}, "a.b": true, "e": {}, "n": null} )");
  CHECK(said("json", {doc, t("a.b[0]")}) == "1");
  CHECK(said("json", {doc, t("a.b[1]")}) == "2.5");
  CHECK(said("json", {doc, t("a.b[2].c")}) == "\"x\xC3\xA9\xF0\x9F\x9A\x95\\n\"");
  CHECK(said("json", {doc, t("a.b[-1].c")}) == "\"x\xC3\xA9\xF0\x9F\x9A\x95\\n\"");
  CHECK(said("json", {doc, t("a.b")}) == "true");  // a name with a dot
  CHECK(said("json", {doc, t("a.b[3]")}) == "null");
  CHECK(said("json", {doc, t("a.x")}) == "null");
  CHECK(said("json", {doc, t("e")}) == "{}");
  CHECK(said("json", {t("[1,2]"), t("")}) == "[1,2]");
  for (const char* broken : {"", "{", "[1,]", "{\"a\":1,}", "01", "1.", "+1", "nul", "\"\\x\"", "\"\\ud800\"", "1 2",
                             "{a:1}", "\"a", "[1", "1e", "-", "\"\n\""})
    CHECK(said("json", {t(broken), t("")}) == "null");
  CHECK(said("json", {t("12345678901234567890"), t("")}) == "1.2345678901234567e+19");
  CHECK(said("json", {t(std::string(100'000, '[')), t("")}) == "null");  // nested too deep
}

TEST_CASE("extract: the first group, without a group the whole match") {
  std::vector<std::unique_ptr<re2::RE2>> regexes;
  for (const char* r : {"user=(\\w+)", "\\d+", "a|(b)"}) regexes.push_back(std::make_unique<re2::RE2>(r));
  scratch.regexes = regexes;
  CHECK(said("extract", {t("x user=ann y"), n(0)}) == "\"ann\"");
  CHECK(said("extract", {t("x 42 y"), n(1)}) == "\"42\"");
  CHECK(said("extract", {t("nothing"), n(1)}) == "null");
  CHECK(said("extract", {t("a"), n(2)}) == "null");  // the group took no part
  CHECK(said("extract", {kMissing, n(0)}) == "null");
  scratch.regexes = {};
}

TEST_CASE("coalesce, if, hash") {
  CHECK(said("coalesce", {kMissing, n(2), n(3)}) == "2");
  CHECK(said("coalesce", {kMissing}) == "null");
  CHECK(said("if", {Value::boolean(true), n(1), n(2)}) == "1");
  CHECK(said("if", {Value::boolean(false), n(1), n(2)}) == "2");
  CHECK(said("if", {kMissing, n(1), n(2)}) == "2");  // unknown is not true
  CHECK(said("hash", {n(1)}) == said("hash", {f(1.0)}));
  CHECK(said("hash", {n(1)}) != said("hash", {t("1")}));
  CHECK(said("hash", {t("a"), t("bc")}) != said("hash", {t("ab"), t("c")}));
  CHECK(said("hash", {t("ann")}) == "1279987498877061990");  // for ever: people sample by it
  CHECK(call("hash", {t("ann")}).as_integer() >= 0);
}

TEST_CASE("every function is total: any arguments of any types, never an end and never a number that is none") {
  tests::AnyValue any(7);
  for (int i = 0; i < 200'000; ++i) {
    const Function& row = functions()[any.below(functions().size())];
    const std::size_t most = row.variadic ? 4 : row.args.size();
    std::vector<Value> args(row.required + any.below(most - row.required + 1));
    for (Value& a : args) a = any.any();
    CAPTURE(row.name);
    const Value result = row.call(args, scratch);
    if (result.type() == Type::floating) REQUIRE(std::isfinite(result.as_floating()));
    std::string json;
    append_json(json, result);  // touches all that the value views
    if (i % 1000 == 0) {
      scratch.reset();
      any = tests::AnyValue(static_cast<std::uint64_t>(i) + 8);
    }
  }
}
