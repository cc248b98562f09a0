// The worked examples (tests/spec/worked.jsonl), computed by hand from semantics.md, hold in the reference matcher. If
// this fails, the reference and the people who wrote the examples read semantics.md differently: it says which line
// decides.
#include <doctest/doctest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "dsl/parser.h"
#include "tests/support/reference_matcher.h"

namespace {

using nlohmann::json;
using namespace tocsin;

struct Example {
  int line = 0;
  json text;
};

std::vector<Example> examples() {
  std::ifstream in(TOCSIN_SOURCE_DIR "/tests/spec/worked.jsonl");
  std::vector<Example> out;
  for (std::string line; std::getline(in, line);) out.push_back({static_cast<int>(out.size()) + 1, json::parse(line)});
  return out;
}

json as_json(const reference::Value& v) {
  using Kind = reference::Value::Kind;
  if (v.kind == Kind::integer) return v.number;
  if (v.kind == Kind::floating) return v.real;
  return reference::show(v);
}

// What the example asks for, of what was found: only the members that it names.
json found(const reference::Alert& alert, const json& like, bool in_ms) {
  static const std::map<reference::Alert::State, const char*> states{{reference::Alert::State::firing, "firing"},
                                                                     {reference::Alert::State::resolved, "resolved"},
                                                                     {reference::Alert::State::withdrawn, "withdrawn"},
                                                                     {reference::Alert::State::escalated, "escalated"},
                                                                     {reference::Alert::State::reminder, "firing"}};
  json out;
  out[in_ms ? "time_ms" : "time_us"] = in_ms ? alert.time.us / 1000 : alert.time.us;
  if (in_ms && alert.time.us % 1000 != 0) out["time_us"] = alert.time.us;
  out["key"] = json::object();
  for (const auto& [name, value] : alert.key) out["key"][name] = as_json(value);
  if (!in_ms || alert.state != reference::Alert::State::firing) out["state"] = states.at(alert.state);
  json steps = json::object();
  std::vector<std::uint64_t> lines;
  for (const auto& [name, ids] : alert.evidence)
    for (const auto& id : ids) {
      steps[name].push_back(id.offset);
      lines.push_back(id.offset);
    }
  std::sort(lines.begin(), lines.end());
  if (in_ms) out["steps"] = steps;
  if (in_ms) return out;
  if (alert.state == reference::Alert::State::firing) {
    const auto asked = [&](const char* name) { return !like.contains(name) || !like[name].is_null(); };
    out["count"] = alert.count && asked("count") ? json(*alert.count) : json(nullptr);
    out["lines"] = asked("lines") ? json(lines) : json(nullptr);
    out["suppressed"] = alert.suppressed;
  }
  if (alert.reminder > 0) out["reminder"] = alert.reminder;
  return out;
}

struct Outcome {
  json expected = json::array(), got = json::array();
};

// Where an example and semantics.md differ, semantics.md wins: tests/spec/worked_overruled.json says what holds
// instead, by which line and why.
const json& overruled() {
  static const json table = [] {
    std::ifstream in(TOCSIN_SOURCE_DIR "/tests/spec/worked_overruled.json");
    return json::parse(in);
  }();
  return table;
}

Outcome run(const Example& example) {
  const dsl::SourceText source{"worked.rules", example.text["rules"].get<std::string>()};
  const auto parsed = dsl::parse(source);
  for (const auto& d : parsed.diagnostics) FAIL_CHECK("line " << example.line << ": " << d.code << ": " << d.message);
  const reference::Matcher matcher({&parsed.file});
  std::vector<reference::Event> events;
  for (const auto& e : example.text["events"]) events.push_back(matcher.event(e.dump(), events.size() + 1));
  reference::Options options;
  std::istringstream end(example.text["end"].get<std::string>());
  std::string flag, unit;
  std::int64_t n = 0;
  if (end >> flag) {
    if (flag == "--drain") options.drain = true;
    if (flag == "--until" && end >> n >> unit) options.until = Time{unit == "us" ? n : n * 1000};
  }
  Outcome out;
  const auto instead = overruled().find(std::to_string(example.line));
  out.expected = instead == overruled().end() ? example.text["expect"] : (*instead)["expect"];
  const bool in_ms = example.text["time_unit"] == "ms";
  const auto output = matcher.run(events, options);
  for (std::size_t i = 0; i < output.alerts.size(); ++i)
    out.got.push_back(found(output.alerts[i], i < out.expected.size() ? out.expected[i] : json(), in_ms));
  return out;
}

TEST_CASE("the worked examples hold in the reference matcher") {
  const auto all = examples();
  REQUIRE(all.size() == 340);
  int right = 0;
  for (const Example& example : all) {
    const Outcome outcome = run(example);
    right += outcome.got == outcome.expected ? 1 : 0;
    std::string events;
    for (const auto& e : example.text["events"]) events += "\n    " + e.dump();
    const std::string rules = example.text["rules"];
    CHECK_MESSAGE(outcome.got == outcome.expected, "worked.jsonl line ", example.line, ": ",
                  example.text.value("title", ""), "\n", rules.substr(rules.find("\nrule ")), events, "\n  expected ",
                  outcome.expected.dump(), "\n  got      ", outcome.got.dump());
  }
  CHECK(right == 340);
}

}  // namespace
