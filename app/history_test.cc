// Whole runs over records as they come in. Would be wrong if one failed: a record that no rule can want changes what
// the others mean, a late event gets into a closed window, or the same input gives other ids.
//
// The marks are those of spec_test.cc: here stands what no text of a test can send.
#include "app/history.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "engine/base/text.h"
#include "engine/base/write.h"
#include "engine/program/limits.h"

namespace tocsin {
namespace {

using nlohmann::json;
using Lines = std::vector<std::string>;

const std::string kEvents =
    "event a has k text?, n int?, v float?, must text, o any?, ts time  timestamp ts\n"
    "event b has k text?, n int?, ts time  timestamp ts\n"
    "event slow has k text?, n int?, ts time  timestamp ts  late 10s\n";

struct Ran {
  std::vector<json> alerts;
  std::vector<std::string> dead;  // reason line
  std::vector<DeadLetter> letters;
  std::vector<std::uint64_t> late;
  std::vector<std::string> in_order;  // alerts and emitted events: the rule or event, and when
  app::HistoryResult result;
};

struct How {
  app::EndOfInput end = {};
  std::size_t block_bytes = 128 * 1024;
  CodecConfig codec = {};  // JSON whose field `event` names the event, where nothing is said
  EngineOptions engine = {};
  ReferenceTexts files = {};
  std::vector<std::pair<Time, ReferenceTexts>> swaps = {};
  std::size_t most = 0;  // outputs that are wanted; 0: all
};

Ran run(const std::string& rules, const std::string& input, const How& how = {}) {
  const std::vector<dsl::SourceText> texts = {{"history.rules", kEvents + rules}};
  const dsl::Compiled compiled = dsl::compile(texts);
  for (const dsl::Diagnostic& d : compiled.diagnostics)
    if (d.level() == dsl::Level::error) MESSAGE(d.message);
  REQUIRE(compiled.ok());
  app::History history;
  history.rules = compiled.rules;
  const auto data = [&](const ReferenceTexts& files) {
    const auto made = ReferenceData::make(*compiled.rules, files);
    REQUIRE(made);
    return *made;
  };
  history.reference = data(how.files);
  for (const auto& [from, files] : how.swaps) history.swaps.push_back({from, data(files)});
  history.codec = how.codec;
  if (how.codec.lines.empty()) history.codec.event_field = "event";
  history.codec.record_max = 4096;
  history.source = "in";
  history.block_bytes = how.block_bytes;
  history.end = how.end;
  history.engine = how.engine;
  Ran out;
  std::atomic<std::size_t> count{0};
  app::HistoryOutputs outputs;
  if (how.most != 0) outputs.stopped = [&] { return count >= how.most; };
  outputs.alert = [&](const Alert& alert, const DocumentNames& names) {
    ++count;
    std::string text;
    append_alert(text, alert, names);
    out.alerts.push_back(json::parse(text));
    out.in_order.push_back(out.alerts.back()["rule"].get<std::string>() + " " +
                           out.alerts.back()["time"].get<std::string>());
  };
  outputs.emitted = [&](const Emitted& emitted, const DocumentNames&) {
    ++count;
    std::string text = compiled.rules->schema[emitted.type].name + " ";
    append_rfc3339(text, emitted.time);
    out.in_order.push_back(text);
  };
  outputs.dead = [&](const DeadLetter& letter, const DocumentNames&) {
    out.dead.push_back(std::string(name_of(letter.reason)) + " " + std::to_string(letter.position.offset));
    out.letters.push_back(letter);
  };
  outputs.late = [&](const LateEvent& late, const DocumentNames&) { out.late.push_back(late.event->position.offset); };
  std::istringstream in(input);
  const auto result = app::run_history(history, in, outputs);
  REQUIRE(result);
  out.result = *result;
  return out;
}

// `a u 5s n 1` with the fields that a schema demands: an event in the words of a test.
std::string event(const std::string& name, const std::string& key, int seconds, int n = 0) {
  json e = {{"event", name}, {"k", key}, {"ts", std::int64_t{1'000'000} + seconds * 1000}, {"n", n}};
  if (name == "a") e["must"] = "x";
  return e.dump() + "\n";
}

// Seconds since the first instant that event() knows.
Time second(int seconds) { return Time{(std::int64_t{1'000'000} + seconds * 1000) * 1000}; }

std::string at(int seconds) {
  std::string text;
  append_rfc3339(text, second(seconds));
  return text;
}

std::vector<std::string> times(const Ran& ran) {
  std::vector<std::string> out;
  for (const json& a : ran.alerts) out.push_back(a["time"]);
  return out;
}

// What the alerts say, without the lines of the input that they name.
std::vector<std::string> said(const Ran& ran) {
  std::vector<std::string> out;
  for (const json& a : ran.alerts)
    out.push_back(a["rule"].dump() + a["time"].dump() + a["key"].dump() + a["text"].dump() + a["count"].dump());
  return out;
}

const std::string kTwoA = "rule two when 2 a within 10s by k  alert low \"{count}\"\n";

TEST_CASE("alerts and emitted events come in one order, however the input is cut") {
  const std::string rules =
      "rule two when 2 a within 10s by k  fire always  emit pair with n = count  alert low \"{count}\"\n"
      "rule pairs when 2 pair within 1m by k  fire always  alert low \"{count}\"\n";
  std::string input;
  for (int i = 0; i < 40; ++i) input += event("a", "u" + std::to_string(i % 3), i);
  const Ran whole = run(rules, input);
  CHECK(whole.in_order.size() > 20);
  CHECK(std::ranges::is_sorted(whole.in_order, {}, [](const std::string& s) { return s.substr(s.find(' ')); }));
  for (const std::size_t bytes : {std::size_t{64}, std::size_t{500}})
    CHECK(run(rules, input, {.block_bytes = bytes}).in_order == whole.in_order);
}

// ----- records that no rule can want -------------------------------------------------------------------------------

struct Unwanted {
  const char* reason;
  std::string record;
};

// A format, three good records of one key, and what can be wrong with one there. Only the fields that some rule reads
// are decoded, so the rules read all of them.
struct LineFormat {
  Format format = Format::json;
  std::string head;  // csv: the names of the columns
  std::string good[3];
  std::string without_key;
  std::vector<Unwanted> unwanted;
};

const std::string kReadsAll =
    "rule three when 3 b(n > 0) within 10s by k  alert low \"{count}\"\n"
    "rule all_b when 4 b within 10s by all  alert low \"{count}\"\n"
    "rule reads when a(n = 1 and v = 1 and o = 1 and must = \"y\") by k  alert low \"\"\n";

const std::vector<LineFormat>& written() {
  static const std::string large(5000, 'x'), deep = std::string(70, '[') + std::string(70, ']');
  static const std::vector<LineFormat> all = {
      {Format::json,
       "",
       {R"({"event":"b","k":"u","n":1,"ts":1000000})", R"({"event":"b","k":"u","n":2,"ts":1000001})",
        R"({"event":"b","k":"u","n":3,"ts":1000002})"},
       R"({"event":"b","n":1,"ts":1000001})",
       {{"unknown_event", R"({"event":"stranger","k":"u","ts":1000500,"must":"x"})"},
        {"unknown_event", R"({"k":"u","ts":1000500,"must":"x"})"},
        {"broken_record", R"({"event":"a","k":"u","ts":1000500,)"},
        {"broken_record", R"(not json)"},
        {"broken_record", R"([1,2])"},
        {"missing_time", R"({"event":"a","k":"u","must":"x"})"},
        {"missing_time", R"({"event":"a","k":"u","ts":null,"must":"x"})"},
        {"unreadable_time", R"({"event":"a","k":"u","ts":"yesterday","must":"x"})"},
        {"unreadable_time", R"({"event":"a","k":"u","ts":9999999999999999,"must":"x"})"},
        {"time_ahead", R"({"event":"a","k":"u","ts":"9999-12-31T00:00:00Z","must":"x"})"},
        {"missing_field", R"({"event":"a","k":"u","ts":1000500})"},
        {"wrong_type", R"({"event":"a","k":"u","ts":1000500,"must":5})"},
        {"out_of_range", R"({"event":"a","k":"u","ts":1000500,"must":"x","n":99999999999999999999})"},
        {"out_of_range", R"({"event":"a","k":"u","ts":1000500,"must":"x","v":1e400})"},
        {"too_deep", R"({"event":"a","k":"u","ts":1000500,"must":"x","o":)" + deep + "}"},
        {"too_large", R"({"event":"a","k":"u","ts":1000500,"must":"x","o":")" + large + "\"}"},
        {"invalid_utf8", "{\"event\":\"a\",\"k\":\"u\xff\",\"ts\":1000500,\"must\":\"x\"}"},
        {"duplicate_key", R"({"event":"a","k":"u","k":"w","ts":1000500,"must":"x"})"}}},
      {Format::csv,
       "event,k,n,v,must,ts\n",
       {"b,u,1,,,1000000", "b,u,2,,,1000001", "b,u,3,,,1000002"},
       "b,,1,,,1000001",
       {{"unknown_event", "stranger,u,1,,,1000000"},
        {"unknown_event", ",u,1,,,1000000"},
        {"broken_record", "b,u"},
        {"broken_record", "b,u,1,,,1000000,more"},
        {"broken_record", "b,u\"u\",1,,,1000000"},
        {"missing_time", "b,u,1,,,"},
        {"unreadable_time", "b,u,1,,,yesterday"},
        {"missing_field", "a,u,1,,,1000000"},
        {"wrong_type", "b,u,one,,,1000000"},
        {"out_of_range", "b,u,99999999999999999999,,,1000000"},
        {"out_of_range", "a,u,1,1e400,x,1000000"},
        {"invalid_utf8", "b,u\xff,1,,,1000000"},
        {"too_large", "b," + large + ",1,,,1000000"}}},
      {Format::logfmt,
       "",
       {"event=b k=u n=1 ts=1000000", "event=b k=u n=2 ts=1000001", "event=b k=u n=3 ts=1000002"},
       "event=b n=1 ts=1000001",
       {{"unknown_event", "event=stranger k=u n=1 ts=1000000"},
        {"unknown_event", "k=u n=1 ts=1000000"},
        {"broken_record", "event=b k=\"u n=1 ts=1000000"},
        {"broken_record", "event=b =u n=1 ts=1000000"},
        {"missing_time", "event=b k=u n=1"},
        {"unreadable_time", "event=b k=u n=1 ts=yesterday"},
        {"missing_field", "event=a k=u ts=1000000"},
        {"wrong_type", "event=b k=u n=one ts=1000000"},
        {"out_of_range", "event=b k=u n=99999999999999999999 ts=1000000"},
        {"out_of_range", "event=a k=u v=1e400 must=x ts=1000000"},
        {"duplicate_key", "event=b k=u k=w n=1 ts=1000000"},
        {"invalid_utf8", "event=b k=u\xff n=1 ts=1000000"},
        {"too_large", "event=b k=" + large + " n=1 ts=1000000"}}},
      {Format::regex,
       "",
       {"u did 1 at 1000000", "u did 2 at 1000001", "u did 3 at 1000002"},
       " did 1 at 1000001",
       {{"no_line_fits", "something else"},
        {"missing_time", "u did 1"},
        {"unreadable_time", "u did 1 at noon"},
        {"missing_field", "u made at 1000000"},
        {"wrong_type", "u did one at 1000000"},
        {"out_of_range", "u did 99999999999999999999 at 1000000"},
        {"invalid_utf8", "u\xff did 1 at 1000000"},
        {"too_large", large + " did 1 at 1000000"}}},
  };
  return all;
}

How how_of(const LineFormat& format) {
  How how;
  how.codec.format = format.format;
  how.codec.ahead_max = days(36'500);  // of 1970
  if (format.format == Format::regex)
    how.codec.lines = {{"b", R"((?:(?P<k>\S+))? did (?P<n>\S+)(?: at (?P<ts>\S+))?)"},
                       {"a", R"((?P<k>\S+) made(?: (?P<must>\S+))? at (?P<ts>\S+))"}};
  return how;
}

}  // namespace

TEST_CASE("a record that no rule can want is counted, named, kept, and changes nothing else") {
  for (const LineFormat& format : written()) {
    How how = how_of(format);
    const std::string before = format.head + format.good[0] + "\n" + format.good[1] + "\n";
    const std::string after = format.good[2] + "\n";
    const std::uint64_t line = format.head.empty() ? 3 : 4;
    const std::vector<std::string> clean = said(run(kReadsAll, before + after, how));
    CHECK(clean.size() == 1);
    for (const Unwanted& one : format.unwanted) {
      CAPTURE(one.reason);
      CAPTURE(one.record.substr(0, 80));
      for (const std::size_t block_bytes : {std::size_t{128} * 1024, std::size_t{16}}) {
        how.block_bytes = block_bytes;
        const Ran ran = run(kReadsAll, before + one.record + "\n" + after, how);
        CHECK(ran.dead == Lines{fmt::format("{} {}", one.reason, line)});
        REQUIRE(ran.letters.size() == 1);
        CHECK(ran.letters[0].bytes == one.record.substr(0, DeadLetters::kBytesMax));
        CHECK(!ran.letters[0].detail.empty());
        CHECK(said(ran) == clean);
        CHECK(ran.result.records == 4);
        CHECK(ran.result.events == 3);
        for (std::size_t i = 0; i < kDeadReasons; ++i)
          CHECK(ran.result.dead[i] == (name_of(static_cast<DeadReason>(i)) == one.reason ? 1 : 0));
      }
    }
  }
}

TEST_CASE("of every reason for a dead letter some record is shown") {
  for (std::size_t i = 0; i < kDeadReasons; ++i) {
    const std::string_view reason = name_of(static_cast<DeadReason>(i));
    CHECK_MESSAGE(std::ranges::any_of(written(),
                                      [&](const LineFormat& format) {
                                        return std::ranges::any_of(
                                            format.unwanted, [&](const Unwanted& u) { return u.reason == reason; });
                                      }),
                  reason);
  }
}

TEST_CASE("all of them together, in a row") {
  for (const LineFormat& format : written()) {
    const How how = how_of(format);
    std::string input = format.head + format.good[0] + "\n" + format.good[1] + "\n";
    Lines dead;
    for (const Unwanted& one : format.unwanted) {
      dead.push_back(fmt::format("{} {}", one.reason, dead.size() + (format.head.empty() ? 3 : 4)));
      input += one.record + "\n";
    }
    const Ran ran = run(kReadsAll, input + format.good[2] + "\n", how);
    CHECK(ran.dead == dead);
    CHECK(said(ran).size() == 1);
  }
}

TEST_CASE("an event without its key is no dead letter: the rule that wants the key skips it, others do not") {
  for (const LineFormat& format : written()) {
    const Ran ran = run(
        kReadsAll,
        format.head + format.good[0] + "\n" + format.good[1] + "\n" + format.without_key + "\n" + format.good[2] + "\n",
        how_of(format));
    CAPTURE(format.without_key);
    CHECK(ran.dead.empty());
    CHECK(ran.alerts.size() == 2);
    CHECK(ran.result.unjudged.at("three").missing_key == 1);
    CHECK(!ran.result.unjudged.contains("all_b"));
  }
}

// Nothing is decided by them.
TEST_CASE("fields that no rule reads: twice, out of range or of any type, they make no dead letter") {
  const std::string same = R"({"event":"b","k":"u","n":1,"ts":1000000)";
  std::string input;
  for (const char* unread : {R"("other":1,"other":2)", R"("other":1e999)", R"("other":123456789012345678901234567890)",
                             R"("other":{"deep":{"k":1,"k":2}})", R"("other":null)"})
    input += same + "," + unread + "}\n";
  const Ran ran = run(kReadsAll, input);
  CHECK(ran.dead.empty());
  CHECK(ran.result.events == 5);
  const Ran read = run(kReadsAll, same + ",\"n\":2}\n" + R"({"event":"b","k":"u","n":1e999,"ts":1000000})" + "\n");
  CHECK(read.dead.size() == 2);
  How how;
  how.codec.format = Format::csv;
  const Ran csv = run(kReadsAll, "event,k,n,ts,other,other\nb,u,1,1000000,1,2\n", how);
  CHECK(csv.dead.empty());
  CHECK(csv.result.events == 1);
}

// Which of the two would be meant?
TEST_CASE("a CSV whose header names a column twice") {
  How how;
  how.codec.format = Format::csv;
  const Ran ran = run(kReadsAll, "event,k,n,k,ts,other,other\nb,u,1,w,1000000,1,2\nb,u,1,u,1000000,1,2\n", how);
  CHECK(ran.dead == Lines{"duplicate_key 2", "duplicate_key 3"});
  CHECK(ran.letters.at(0).detail == "`k` stands twice");
  CHECK(ran.result.events == 0);
}

// ----- limits: each at one less, at it, and at one more -------------------------------------------------------------

// C2: the true count stands beside the evidence.
TEST_CASE("evidence of one step") {
  for (const std::size_t n : {kEvidencePerStepMax - 1, kEvidencePerStepMax, kEvidencePerStepMax + 1}) {
    std::string input;
    for (std::size_t i = 0; i < n; ++i) input += event("b", "u", static_cast<int>(i));
    const Ran ran = run("rule many when " + std::to_string(n) + " b within 1h by k  alert low \"\"\n", input);
    REQUIRE(ran.alerts.size() == 1);
    CHECK(ran.alerts[0]["count"] == n);
    CHECK(ran.alerts[0]["evidence"]["b"].size() == std::min(n, kEvidencePerStepMax));
  }
}

// Of `fire every match`: 3,000 a have more sets than anybody has time for, and each of them is long.
TEST_CASE("events of all matches of one event") {
  const auto matches_of = [](int n) {
    std::string input;
    for (int i = 0; i < n; ++i) input += event("a", "u", i);
    return run("rule seq when one or more a then b within 1h by k  fire every match  alert low \"\"\n",
               input + event("b", "u", n));
  };
  const Ran few = matches_of(10);
  CHECK(few.alerts.size() == 1023);
  CHECK(few.result.unjudged.empty());
  const Ran many = matches_of(3'000);
  std::size_t events = 0;
  for (const json& alert : many.alerts) events += alert["count"].get<std::size_t>();
  CHECK(events <= kMatchedEventsPerEventMax);
  CHECK(events > kMatchedEventsPerEventMax - 3'001);
  CHECK(many.result.unjudged.at("seq").cut_short == 1);
}

// F16: of all its events with their steps, also of those beyond what evidence names.
TEST_CASE("ids of matches that differ behind their evidence") {
  std::string input;
  for (int i = 0; i < 103; ++i) input += event("a", "u", i);
  const Ran ran = run("rule seq when (101 a then b) within 1h by k  fire every match  alert low \"\"\n",
                      input + event("b", "u", 103));
  std::set<std::string> ids;
  for (const json& alert : ran.alerts) ids.insert(alert["alert_id"]);
  CHECK(ran.alerts.size() > 200);
  CHECK(ids.size() == ran.alerts.size());
}

// Every pair of an a and a b is tried for the c, each in four steps, and none fits.
TEST_CASE("steps of the search for one event") {
  const auto tried = [](int n) {
    std::string input;
    for (int i = 0; i < n; ++i) input += event("a", "u", i);
    for (int i = 0; i < n; ++i) input += event("b", "u", n + i, i);
    return run("rule seq when a as x then b as y then slow within 10h by k  where x.n > y.n + slow.n  alert low \"\"\n",
               input + event("slow", "u", 2 * n + 1, 1));
  };
  const Ran at_it = tried(700), beyond = tried(720);
  CHECK(at_it.alerts.empty());
  CHECK(at_it.result.unjudged.empty());
  CHECK(beyond.alerts.empty());
  CHECK(beyond.result.unjudged.at("seq").cut_short == 1);
}

// What renews itself is played out to a time that one event has put thousands of years ahead: a piece at a time, and
// whoever has seen enough may go.
TEST_CASE("outputs that time alone brings") {
  const std::string rules =
      "rule open when a by k  resolve when b  remind every 1m  alert low \"\"\n"
      "summary s of a by all every 1s even if empty  with n = count()\n";
  std::string input;
  for (const char* const key : {"u", "v", "w", "x"}) input += event("a", key, 0);
  input += "{\"event\":\"a\",\"k\":\"u\",\"must\":\"x\",\"ts\":253402300799000}\n";
  for (const std::uint32_t shards : {1u, 3u}) {
    How how;
    how.engine.shards = shards;
    how.most = 100'000;
    const Ran ran = run(rules, input, how);
    CHECK(ran.result.stopped);
    CHECK(ran.in_order.size() >= how.most);
    CHECK(ran.in_order.size() < how.most + std::size_t{32} * shards * how.engine.outputs_at_once);
    CHECK(std::ranges::is_sorted(ran.in_order, {}, [](const std::string& s) { return s.substr(s.find(' ')); }));
  }
}

// The oldest candidate goes first, and here it is the only one that `where` accepts.
TEST_CASE("candidates of a sequence") {
  for (const std::size_t held : {kSeenPerKeyMax - 1, kSeenPerKeyMax, kSeenPerKeyMax + 1}) {
    std::string input = event("a", "u", 0, 0);
    for (std::size_t i = 2; i < held; ++i) input += event("a", "u", 1, 1);
    const Ran ran = run("rule seq when a as s then b as e within 1h by k  where s.n = e.n  alert low \"\"\n",
                        input + event("b", "u", 2, 0));
    const bool fits = held <= kSeenPerKeyMax;
    CHECK(ran.alerts.size() == (fits ? 1 : 0));
    CHECK(ran.result.unjudged.contains("seq") == !fits);
    if (!fits) CHECK(ran.result.unjudged.at("seq").cut_short == 1);
  }
}

// The oldest candidate goes first, and here every choice has it.
TEST_CASE("candidates under `fire every match`") {
  for (const std::size_t held : {kSeenPerKeyMax - 1, kSeenPerKeyMax, kSeenPerKeyMax + 1}) {
    std::string input = event("a", "u", 0);
    for (std::size_t i = 1; i < held; ++i) input += event("b", "u", 1);
    const Ran ran = run("rule seq when a then b then slow within 1h by k  fire every match  alert low \"\"\n",
                        input + event("slow", "u", 2));
    const bool fits = held <= kSeenPerKeyMax;
    CHECK(ran.alerts.size() == (fits ? held - 1 : 0));
    CHECK(ran.result.unjudged.contains("seq") == !fits);
  }
}

// Two of n inner matches, the last of them the newest. From the 21st on the search has not the steps for all sets of
// them: those of the newest are told, and that it gave up.
TEST_CASE("matches of a counted group under `fire every match`") {
  for (const std::size_t n : {20u, 22u}) {
    std::string input = event("slow", "u", 0);
    for (std::size_t i = 0; i < n; ++i)
      input += event("a", "u", static_cast<int>(2 * i + 1)) + event("b", "u", static_cast<int>(2 * i + 2));
    const Ran ran =
        run("rule seq when slow then 2 (a then b within 1m) within 1h by k  fire every match  alert low \"\"\n", input);
    CHECK(ran.alerts.size() == (n == 20 ? 190 : 230));  // of 231
    CHECK(ran.result.unjudged.contains("seq") == (n > 20));
  }
}

namespace {

// A rule `r` that tells what the windows of u hold after one event less than the limit of 5, at it, and after one more;
// n counts the events up.
struct Held {
  std::string name;  // whose counter it is
  std::string rules;
  std::string told[3];
};

const std::vector<Held>& held() {
  static const std::vector<Held> all = {
      {"r", "rule r when sum(b.n) > 0 within 1h by k  fire always  alert low \"{value}\"\n", {"10", "15", "20"}},
      {"r", "rule r when count(b over 1h) > 0 by k  fire always  alert low \"{value}\"\n", {"4", "5", "5"}},
      {"r",
       "rule r when median(b.n over last 9) > 0 by k  fire always  alert low \"{value}\"\n",
       {"2.5", "3.0", "4.0"}},
      // Each of the two windows for itself: the a before all of them stays.
      {"r", "rule r when ratio(b, a) > 0 within 1h by k  fire always  alert low \"{value}\"\n", {"4.0", "5.0", "5.0"}},
      {"r",
       "rule r when count(b) > 0 and count(a) > 0 within 1h by k  fire always  alert low \"{count}\"\n",
       {"5", "6", "6"}},
      {"r", "rule r when 2 b each 1h by k  alert low \"{count}\"\n", {"4", "5", "5"}},
      {"r", "rule r when 2 b at most 1m apart by k  fire always  alert low \"{count}\"\n", {"4", "5", "5"}},
      {"s",
       "session s of b by k  ends after 1h idle  with m = median(n)\nrule r when s by k  alert low \"{s.m}\"\n",
       {"2.5", "3.0", "4.0"}},
      {"s",
       "summary s of b by k every 1h  with m = median(n)\nrule r when s by k  alert low \"{s.m}\"\n",
       {"2.5", "3.0", "4.0"}},
      {"s",
       "summary s of b by k every event over 1h  with m = median(n)\nrule r when s by k  alert low \"{s.m}\"\n",
       {"2.5", "3.0", "4.0"}},
      {"s",
       "summary s of b by k every event over all  with m = median(n)  forget after 1d idle\n"
       "rule r when s by k  alert low \"{s.m}\"\n",
       {"2.5", "3.0", "4.0"}},
  };
  return all;
}

}  // namespace

// The oldest goes first; of a session the first stays, as its start and its id are from it.
TEST_CASE("events in windows, sessions and summaries") {
  for (const Held& one : held())
    for (const bool fast : {true, false})
      for (int more = -1; more <= 1; ++more) {
        CAPTURE(one.rules);
        CAPTURE(fast);
        CAPTURE(more);
        How how;
        how.engine = {fast, 5};
        std::string input = event("a", "u", 0);
        for (int i = 1; i <= 5 + more; ++i) input += event("b", "u", i, i);
        const Ran ran = run(one.rules, input + event("b", "w", 20'000), how);
        std::string last;
        for (const json& a : ran.alerts)
          if (a["key"]["k"] == "u") last = a["text"];
        CHECK(last == one.told[more + 1]);
        CHECK(ran.result.unjudged.contains(one.name) == (more == 1));
      }
}

// The oldest wait goes first: that absence is not told.
TEST_CASE("waits for the end of an absence, under `fire always`") {
  for (const std::size_t waits : {kSeenPerKeyMax - 1, kSeenPerKeyMax, kSeenPerKeyMax + 1}) {
    std::string input;
    for (std::size_t i = 0; i < waits; ++i)
      input += "{\"event\":\"b\",\"k\":\"u\",\"ts\":" + std::to_string(1'000'000 + i) + "}\n";
    const Ran ran = run("rule gone when b then no slow within 1h by k  fire always  alert low \"\"\n",
                        input + event("b", "w", 7'200));
    const bool fits = waits <= kSeenPerKeyMax;
    CHECK(ran.alerts.size() == std::min(waits, kSeenPerKeyMax));
    // All but the last of those that were told are not remembered, for late events to withdraw.
    CHECK(ran.result.unjudged.at("gone").cut_short == ran.alerts.size() - kFiredAbsencesPerKeyMax + (fits ? 0 : 1));
    if (!fits) CHECK(ran.alerts.front()["first"] == "1970-01-01T00:16:40.001000Z");
  }
}

// The oldest value goes first: when it comes again, it is new again.
TEST_CASE("values that `new` remembers") {
  for (const std::size_t values : {kValuesPerKeyMax - 1, kValuesPerKeyMax, kValuesPerKeyMax + 1}) {
    std::string input;
    for (std::size_t i = 0; i < values; ++i)
      input += "{\"event\":\"b\",\"k\":\"u\",\"ts\":" + std::to_string(1'000'000 + i) + ",\"n\":" + std::to_string(i) +
               "}\n";
    const Ran ran =
        run("rule fresh when new b.n in 1d by k  learn 2m30s  alert low \"\"\n", input + event("b", "u", 200, 0));
    const bool fits = values <= kValuesPerKeyMax;
    CHECK(ran.alerts.size() == (fits ? 0 : 1));
    CHECK(ran.result.unjudged.contains("fresh") == !fits);
  }
}

TEST_CASE("choices of one event under `fire every match`") {
  for (const auto& [as, bs] : {std::pair{99, 101}, std::pair{100, 100}, std::pair{73, 137}}) {
    std::string input;
    for (int i = 0; i < as; ++i) input += event("a", "u", 0);
    for (int i = 0; i < bs; ++i) input += event("b", "u", 1);
    const Ran ran = run("rule every_one when a then b then slow within 1h by k  fire every match  alert low \"\"\n",
                        input + event("slow", "u", 2));
    const std::size_t choices = static_cast<std::size_t>(as) * static_cast<std::size_t>(bs);
    CHECK(ran.alerts.size() == std::min(choices, kMatchesPerEventMax));
    CHECK(ran.result.unjudged.contains("every_one") == (choices > kMatchesPerEventMax));
  }
}

// What the walk would find last is not found any more: the rule says so.
TEST_CASE("steps of the search for one event") {
  for (const int n : {100, 2'100}) {
    std::string input = event("a", "u", 0, 5) + event("a", "u", 0, 4);
    for (int i = 0; i < n; ++i) input += event("a", "u", 1, 1);
    const Ran ran =
        run("rule pair when a as s then a as t then b within 1h by k  where s.n = t.n + 1  alert low \"\"\n",
            input + event("b", "u", 2));
    CHECK(ran.alerts.size() == (n == 100 ? 1 : 0));
    CHECK(ran.result.unjudged.contains("pair") == (n != 100));
  }
}

// shows F14: fired absences are remembered up to a limit; the oldest is forgotten first
// not: an alert withdrawn however old
TEST_CASE("fired absences that a late event may disprove") {
  for (const std::size_t fired : {kFiredAbsencesPerKeyMax - 1, kFiredAbsencesPerKeyMax, kFiredAbsencesPerKeyMax + 1}) {
    std::string input;
    for (std::size_t i = 0; i < fired; ++i) input += event("slow", "u", static_cast<int>(i) * 10);
    input += event("slow", "w", static_cast<int>(fired) * 10 + 50);
    const Ran ran = run("rule gone when slow then no b within 5s by k  alert low \"\"\n", input + event("b", "u", 1));
    const bool fits = fired <= kFiredAbsencesPerKeyMax;
    CHECK(ran.alerts.size() == fired + (fits ? 1 : 0));
    CHECK(ran.result.unjudged.contains("gone") == !fits);
  }
}

// ----- lists and tables that change on the way ----------------------------------------------------------------------

namespace {

ReferenceTexts list_of(const Lines& lines) { return {{lines}, {}}; }

// `u firing 10s, ` for each alert.
std::string life(const Ran& ran) {
  std::string all;
  for (const json& a : ran.alerts) {
    const auto seconds = (parse_rfc3339(a["time"].get<std::string>())->us - second(0).us) / 1'000'000;
    all += fmt::format("{} {} {}s, ", a["key"].begin()->dump(), a["state"].get<std::string>(), seconds);
  }
  return all;
}

const std::string kQuiet =
    "list devices from \"devices.txt\"\n"
    "rule quiet when no b for 10s by k from list devices  resolve when b  alert low \"\"\n";

}  // namespace

// shows E3: a key counts as seen when it joins the list; who has left is not watched any more, nor is its alert
// not: a key that joins as never seen; a deadline of a key that has left; a resolution by one that is not watched
TEST_CASE("a watched list is swapped") {
  How how;
  how.files = list_of({"gone", "stays", "open"});
  how.swaps = {{second(5), list_of({"stays", "open", "new"})}, {second(30), list_of({"stays", "new"})}};
  const std::string input = event("b", "gone", 0) + event("b", "gone", 7) + event("b", "stays", 20) +
                            event("b", "new", 20) + event("b", "new", 29) + event("b", "open", 31) +
                            event("b", "stranger", 32);
  CHECK(life(run(kQuiet, input, how)) ==
        "\"open\" firing 10s, \"stays\" firing 10s, \"new\" firing 15s, \"stays\" resolved 20s, \"new\" resolved 20s, "
        "\"stays\" firing 30s, ");
  const Ran whole = run(kQuiet, input, how);
  how.block_bytes = 16;
  CHECK(run(kQuiet, input, how).alerts == whole.alerts);
}

// shows E3: who comes back begins anew, as one that joins
// not: the state, or the open alert, of the first time
TEST_CASE("a key leaves a watched list, and comes back") {
  How how;
  how.files = list_of({"u"});
  how.swaps = {{second(15), list_of({})}, {second(20), list_of({"u"})}};
  CHECK(life(run(kQuiet, event("b", "u", 0) + event("b", "w", 40), how)) == "\"u\" firing 10s, \"u\" firing 30s, ");
}

// shows E3 T3: a swap comes before all that happens at its time; what is due before has happened with the old list
// not: a swap between two events of one time; a deadline that the new list undoes afterwards
TEST_CASE("the point of a swap") {
  const auto until = [](Time from) {
    How how;
    how.files = list_of({"u"});
    how.swaps = {{from, list_of({})}};
    return life(run(kQuiet, event("b", "u", 0) + event("b", "w", 40), how));
  };
  CHECK(until(second(10)) == "");
  CHECK(until(second(10) + Duration{1}) == "\"u\" firing 10s, ");

  How how;
  how.files = list_of({});
  how.swaps = {{second(5), list_of({"u"})}};
  const std::string rules = "list bad from \"bad.txt\"\nrule listed when a(k in list bad) by k  alert low \"{a.n}\"\n";
  const std::string input =
      event("a", "u", 4, 4) + event("a", "u", 5, 5) + event("a", "u", 5, 6) + event("a", "u", 6, 7);
  CHECK(said(run(rules, input, how)).size() == 3);
  // After the last event nothing has happened, nor has a swap.
  how.swaps = {{second(7), list_of({"u"})}};
  CHECK(run(rules, input, how).alerts.empty());
}

// shows E3: events that came in before the swap, and are judged after it, see what was in force at their time
// not: the list as it is when they arrive
TEST_CASE("a swap, and events that wait for others") {
  const std::string rules =
      "list bad from \"bad.txt\"\nrule listed when slow(k in list bad) by k  alert low \"{slow.n}\"\n";
  How how;
  how.files = list_of({"old"});
  how.swaps = {{second(5), list_of({"new"})}};
  for (const std::size_t block_bytes : {std::size_t{4096}, std::size_t{16}}) {
    how.block_bytes = block_bytes;
    const Ran ran = run(rules,
                        event("slow", "old", 9, 1) + event("slow", "new", 8, 2) + event("slow", "old", 2, 3) +
                            event("slow", "new", 1, 4) + event("slow", "w", 30),
                        how);
    CHECK(life(ran) == "\"old\" firing 2s, \"new\" firing 8s, ");
  }
}

// shows E3: what has been counted stays counted: a filter is judged when its event comes
// not: windows that are judged anew; half of the old table
TEST_CASE("a table is swapped whole") {
  const std::string rules =
      "table cards from \"cards.csv\" key id\n"
      "rule gold when 3 a(cards[k].tier = \"gold\") within 10s by k\n"
      "  alert low \"{cards[k].owner}\"\n";
  const auto table = [](const std::string& tier, const std::string& owner) {
    return ReferenceTexts{{}, {{{"id", "tier", "owner"}, {{"u", tier, owner}}}}};
  };
  How how;
  how.files = table("gold", "ann");
  how.swaps = {{second(2), table("tin", "bob")}, {second(4), table("gold", "eve")}};
  std::string input;
  for (int i = 0; i < 5; ++i) input += event("a", "u", i);
  const Ran ran = run(rules, input, how);
  REQUIRE(ran.alerts.size() == 1);
  CHECK(ran.alerts[0]["time"] == at(4));
  CHECK(ran.alerts[0]["text"] == "eve");
}

// A line of a file is what the key is: 443 of a file is the port 443.
TEST_CASE("a watched list of numbers") {
  How how;
  how.files = list_of({"443", "80", "http"});
  const std::string by_number =
      "list ports from \"ports.txt\"\nrule quiet when no b for 10s by n from list ports  alert low \"\"\n";
  CHECK(life(run(by_number, event("b", "u", 0, 1) + event("b", "u", 5, 80) + event("b", "u", 12, 1), how)) ==
        "443 firing 10s, ");
}

TEST_CASE("a swap in the past takes effect where event time stands, and says so") {
  const std::vector<dsl::SourceText> texts = {{"swap.rules", kEvents + kQuiet}};
  const dsl::Compiled compiled = dsl::compile(texts);
  REQUIRE(compiled.ok());
  const auto data = *ReferenceData::make(*compiled.rules, {});
  Engine engine(compiled.rules, data);
  CHECK(engine.swap(data, second(1)) == second(1));
  CHECK(engine.swap(data, second(0)) == second(1));
  engine.until(second(9));
  CHECK(engine.swap(data, second(5)) == second(9) + Duration{1});
}

// ----- lateness -----------------------------------------------------------------------------------------------------

// shows T2: late is older than the watermark; it is counted and handed out, and is in no window
// not: an event of the watermark's own time as late; a late event that counts after all
TEST_CASE("late events, with `late 10s`") {
  const std::string rules = "rule three when 3 slow within 1m by k  alert low \"{count}\"\n";
  // The watermark stands at 20s - 10s = 10s.
  const Ran ran = run(rules, event("slow", "u", 0) + event("slow", "u", 20) + event("slow", "u", 10) +
                                 event("slow", "u", 9) + event("slow", "u", 21));
  CHECK(ran.late == std::vector<std::uint64_t>{4});
  CHECK(ran.result.late == 1);
  CHECK(ran.result.events == 4);
  CHECK(times(ran) == Lines{at(20)});
  CHECK(ran.alerts.at(0)["count"] == 3);
}

// shows T2: a partition waits the largest `late` of the base events that it carries
// not: each event its own `late`
TEST_CASE("one partition, two lates") {
  const Ran ran = run(kTwoA + "rule s when slow by k  alert low \"\"\n", event("a", "u", 20) + event("a", "u", 12));
  CHECK(ran.late.empty());
  CHECK(times(ran) == Lines{at(20)});
}

// shows F14: it changes no other state, whatever it would have done
// not: a late event that disproves by counting
TEST_CASE("a late event changes no state") {
  const std::string rules =
      "rule gone when slow then no b within 5s by k  alert low \"{slow.n}\"\n"
      "rule two when 2 slow within 1m by k  alert low \"two\"\n";
  const Ran ran = run(
      rules, event("slow", "u", 0, 1) + event("slow", "w", 60) + event("slow", "u", 1, 2) + event("slow", "w", 90, 3));
  CHECK(ran.late == std::vector<std::uint64_t>{3});
  CHECK(std::ranges::none_of(ran.alerts, [](const json& a) { return a["rule"] == "two" && a["key"]["k"] == "u"; }));
}

// shows F14: a late event that would have disproved an absence alert withdraws it, with the same id
// not: an alert that stays wrong; a resolution
TEST_CASE("a late event withdraws") {
  const Ran ran = run("rule gone when slow then no slow(n = 2) within 5s by k  alert low \"\"\n",
                      event("slow", "u", 0, 1) + event("slow", "w", 60) + event("slow", "u", 3, 2));
  CHECK(ran.late == std::vector<std::uint64_t>{3});
  REQUIRE(ran.alerts.size() == 2);
  CHECK(ran.alerts[0]["state"] == "firing");
  CHECK(ran.alerts[1]["state"] == "withdrawn");
  CHECK(ran.alerts[1]["alert_id"] == ran.alerts[0]["alert_id"]);
  CHECK(ran.alerts[1]["time"] == at(50));  // where the watermark stood
}

// shows F14: in (t, t+D]; what its filter reads of the match counts; once
// not: an event at t + D that is too late to disprove; an event of another value; a second withdrawal
TEST_CASE("which late events withdraw") {
  const std::string rules = "rule gone when slow as s then no b(n = s.n) within 5s by k  alert low \"\"\n";
  const std::string input = event("slow", "u", 10, 7) + event("slow", "w", 70);
  const auto states = [&](const std::string& late) {
    std::string all;
    for (const json& a : run(rules, input + late).alerts) all += a["state"].get<std::string>() + " ";
    return all;
  };
  const std::string fired = "firing ", both = "firing withdrawn ";
  CHECK(states("") == fired);
  CHECK(states(event("b", "u", 15, 7)) == both);
  CHECK(states(event("b", "u", 16, 7)) == fired);
  CHECK(states(event("b", "u", 9, 7)) == fired);
  CHECK(states(event("b", "u", 12, 6)) == fired);
  CHECK(states(event("b", "w", 12, 7)) == fired);
  CHECK(states(event("b", "u", 12, 7) + event("b", "u", 13, 7)) == both);
}

// shows F14 S5: where an emitted event stands among those of its time: what waited emits behind them, what is over
// emits before them, and an event right behind itself
// not: an emitted event that stands by the records that it came of, or before all that have a tiebreak
TEST_CASE("a late event at the time of an emitted one") {
  const auto states = [&](const std::string& rules, const std::string& input) {
    std::string all;
    for (const json& a : run(rules, input).alerts)
      if (a["rule"] == "still") all += a["state"].get<std::string>() + " ";
    return all;
  };
  const std::string fired = "firing ", both = "firing withdrawn ";
  const std::string still = "rule still when NAME then no b within 5s by k  alert low \"\"\n";
  const std::string first = event("slow", "u", 0) + event("slow", "w", 70);
  const auto after = [&](const std::string& name) { return std::string(still).replace(still.find("NAME"), 4, name); };

  const std::string waited = "rule gone when slow then no a within 5s by k  alert low \"\"\n" + after("gone");
  CHECK(states(waited, first + event("b", "u", 5)) == fired);
  CHECK(states(waited, first + event("b", "u", 6)) == both);

  const std::string over = "session visit of slow by k  ends after 5s idle\n" + after("visit");
  CHECK(states(over, first + event("b", "u", 4)) == fired);
  CHECK(states(over, first + event("b", "u", 5)) == both);

  const auto ranked = [](const char* name, int seconds, int rank) {
    const std::string plain = event(name, seconds < 60 ? "u" : "w", seconds);
    return plain.substr(0, plain.find('}')) + ",\"rank\":" + std::to_string(rank) + "}\n";
  };
  const std::string types =
      "event p has k text?, rank int?, ts time  timestamp ts  tiebreak rank  late 10s\n"
      "event q has k text?, rank int?, ts time  timestamp ts  tiebreak rank  late 10s\n"
      "rule seen when p by k  alert low \"\"\nrule still when seen then no q within 5s by k  alert low \"\"\n";
  const std::string p = ranked("p", 0, 5) + ranked("p", 70, 0);
  CHECK(states(types, p + ranked("q", 0, 3)).substr(0, both.size()) != both);
  CHECK(states(types, p + ranked("q", 0, 6)).substr(0, both.size()) == both);
}

// shows F14: a silence likewise, and it is not open any more, so it may fire anew
// not: a silence that stays told; a resolution of what is withdrawn
TEST_CASE("a late event withdraws a silence") {
  const std::string rules = "rule quiet when no slow for 5s by k  resolve when slow  alert low \"\"\n";
  std::string all;
  for (const json& a : run(rules, event("slow", "u", 0) + event("slow", "w", 40) + event("slow", "u", 3) +
                                      event("slow", "u", 41) + event("slow", "w", 60))
                           .alerts)
    all += a["key"]["k"].get<std::string>() + " " + a["state"].get<std::string>() + ", ";
  CHECK(all == "u firing, u withdrawn, w firing, u firing, w resolved, ");
}

// ----- the end of the input -----------------------------------------------------------------------------------------

// shows T8: time goes to the last event, deadlines at its time included, and no further; the flags move it on
// not: an end at which everything that waits is due
TEST_CASE("the end of a finite input") {
  const std::string rules = "rule gone when a then no b within 10s by k  alert low \"\"\n";
  const std::string input = event("a", "u", 0) + event("a", "w", 5);
  const Ran plain = run(rules, input);
  CHECK(plain.alerts.empty());
  CHECK(plain.result.pending_rules.size() == 1);
  CHECK(times(run(rules, input + event("a", "x", 10))) == Lines{at(10)});
  const auto until = [&](int seconds) { return times(run(rules, input, {{second(seconds), false}, 4096})); };
  CHECK(until(9).empty());
  CHECK(until(10) == Lines{at(10)});
  CHECK(until(60) == Lines{at(10), at(15)});
  CHECK(until(-60).empty());
  CHECK(times(run(rules, input, {{{}, true}, 4096})) == Lines{at(10), at(15)});
}

// shows T8: --drain until nothing is pending but what time alone renews; nobody waits for a key to be forgotten
// not: a reminder for ever, or until the key is forgotten
TEST_CASE("drained, with what renews itself") {
  const std::string rules =
      "rule nag when 2 a within 10s by k  resolve when b  remind every 10s  alert low \"\"\n"
      "rule quiet when no a for 5s by k  forget after 1h idle  alert low \"\"\n";
  const Ran ran = run(rules, event("a", "u", 0) + event("a", "u", 1), {{{}, true}, 4096});
  CHECK(said(ran).size() == 2);
}

// ----- ids and evidence ---------------------------------------------------------------------------------------------

// shows F16 F13: rule, key, fire time, first and last event; a reminder and a resolution carry the id of their alert
// not: a number that counts up; an id for each message
TEST_CASE("alert ids") {
  const std::string rules =
      "rule open when 2 a within 10s by k  resolve when b  remind every 10s  alert low \"{count}\"\n";
  const std::string input = event("a", "u", 0) + event("a", "w", 0) + event("a", "u", 1) + event("a", "w", 1) +
                            event("b", "u", 15) + event("b", "w", 15);
  const Ran ran = run(rules, input);
  REQUIRE(ran.alerts.size() == 6);
  std::vector<std::string> of_u, of_w;
  for (const json& a : ran.alerts) (a["key"]["k"] == "u" ? of_u : of_w).push_back(a["alert_id"]);
  CHECK(of_u == Lines(3, of_u.at(0)));
  CHECK(of_w == Lines(3, of_w.at(0)));
  CHECK(of_u[0] != of_w[0]);
  CHECK(of_u[0].size() == 32);
  CHECK(run(rules, input).alerts == ran.alerts);
  // Another text or severity is the same alert.
  CHECK(run("rule open when 2 a within 10s by k  resolve when b  remind every 10s  alert high \"other\"\n", input)
            .alerts.at(0)["alert_id"] == ran.alerts[0]["alert_id"]);
  // Another line of the input is another event.
  CHECK(run(rules, event("b", "x", 0) + input).alerts.at(0)["alert_id"] != ran.alerts[0]["alert_id"]);
}

// shows F16: under `fire every match` of all its events
// not: an id that two matches with the same ends would share
TEST_CASE("alert ids of every match") {
  const Ran ran =
      run("rule all_sets when a as s then one or more b as m then a as e within 1m by k  fire every match  "
          "alert low \"\"\n",
          event("a", "u", 0) + event("b", "u", 1) + event("b", "u", 2) + event("a", "u", 3));
  REQUIRE(ran.alerts.size() == 3);
  CHECK(ran.alerts[0]["alert_id"] != ran.alerts[1]["alert_id"]);
  CHECK(ran.alerts[1]["alert_id"] != ran.alerts[2]["alert_id"]);
  CHECK(ran.alerts[0]["alert_id"] != ran.alerts[2]["alert_id"]);
}

// shows F17 C2: by bound name, else as written; source, partition and line; equal names share one list in order
// not: one list for all; the event's base
TEST_CASE("evidence") {
  const std::string input = event("a", "u", 0) + event("b", "w", 0) + event("b", "u", 1) + event("b", "u", 2);
  const Ran bound = run("rule seq when a as s then 2 b within 1m by k  alert low \"\"\n", input);
  REQUIRE(bound.alerts.size() == 1);
  CHECK(bound.alerts[0]["evidence"] == json({{"s", {"in/0/1"}}, {"b", {"in/0/3", "in/0/4"}}}));
  const Ran shared = run("rule seq when b then b within 1m by k  alert low \"\"\n", input);
  REQUIRE(shared.alerts.size() == 1);
  CHECK(shared.alerts[0]["evidence"] == json({{"b", {"in/0/3", "in/0/4"}}}));
  const Ran alias = run("event late_b = b(n = 0)\nrule seq when 2 late_b within 1m by k  alert low \"\"\n", input);
  REQUIRE(alias.alerts.size() == 1);
  CHECK(alias.alerts[0]["evidence"] == json({{"late_b", {"in/0/3", "in/0/4"}}}));
}

// shows F17 S5: of an emitted event it is that of the match that emitted it; it stands behind its cause, as its alert
// not: the emitted event's own id, which no source has; alerts of one instant by the names of their rules alone
TEST_CASE("evidence of an emitted event") {
  const Ran ran =
      run("rule two when 2 b within 1m by k  alert low \"\"\n"
          "rule after_two when two by k  alert low \"\"\n",
          event("b", "u", 0) + event("b", "u", 1));
  REQUIRE(ran.alerts.size() == 2);
  CHECK(ran.alerts[1]["rule"] == "after_two");
  CHECK(ran.alerts[1]["evidence"] == json({{"two", {"in/0/1", "in/0/2"}}}));
}

}  // namespace tocsin
