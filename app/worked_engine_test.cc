// Would be wrong if it failed: an example that was worked out by hand from semantics.md means something else to the
// engine.
#include <doctest/doctest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "app/history.h"
#include "dsl/compile.h"

namespace tocsin {
namespace {

using nlohmann::json;

// The lines of the input that evidence names: `events/0/7` is line 7.
std::vector<int> lines_of(const json& ids) {
  std::vector<int> out;
  for (const auto& id : ids)
    out.push_back(std::stoi(id.get<std::string>().substr(id.get<std::string>().rfind('/') + 1)));
  return out;
}

std::string rule_of(const std::string& rules) { return rules.substr(rules.find("\nrule ") + 1); }

struct Run {
  std::vector<json> alerts;
  std::string failure;
};

Run run(const json& example) {
  Run out;
  const std::vector<dsl::SourceText> texts = {{"worked.rules", example["rules"].get<std::string>()}};
  const dsl::Compiled compiled = dsl::compile(texts);
  if (!compiled.ok()) {
    out.failure =
        "does not compile: " + (compiled.diagnostics.empty() ? std::string() : compiled.diagnostics.front().message);
    return out;
  }
  app::History history;
  history.rules = compiled.rules;
  const auto reference =
      ReferenceData::make(*compiled.rules, {{std::vector<std::vector<std::string>>(compiled.rules->lists.size())}, {}});
  REQUIRE(reference);
  history.reference = *reference;
  history.codec.event_field = "event";
  history.source = "events";
  const std::string end = example["end"];
  history.end.drain = end == "--drain";
  if (end.starts_with("--until ")) history.end.until = Time{std::stoll(end.substr(8))};
  std::stringstream input;
  for (const auto& e : example["events"]) input << e.dump() << "\n";
  app::HistoryOutputs outputs;
  outputs.alert = [&](const Alert& alert, const DocumentNames& names) {
    std::string text;
    append_alert(text, alert, names);
    json document = json::parse(text);
    document["time_us"] = alert.time.us;
    out.alerts.push_back(std::move(document));
  };
  const auto result = app::run_history(history, input, outputs);
  if (!result) out.failure = result.error().message;
  return out;
}

// What the example says of an alert, read off ours; empty when it agrees.
std::string difference(const json& want, const json& got) {
  const std::int64_t time =
      want.contains("time_us") ? want["time_us"].get<std::int64_t>() : want["time_ms"].get<std::int64_t>() * 1000;
  if (got["time_us"] != time) return "time";
  if (want.contains("state") && want["state"] != got["state"]) return "state";
  for (const auto& [name, value] : want["key"].items())
    if (got["key"][name] != value) return "key " + name;
  if (want.contains("count") && !want["count"].is_null() && want["count"] != got["count"]) return "count";
  if (want.contains("suppressed") && !want["suppressed"].is_null() && want["suppressed"] != got["suppressed"])
    return "suppressed";
  if (want.contains("reminder") && !want["reminder"].is_null() && want["reminder"] != got["reminder"])
    return "reminder";
  if (want.contains("lines") && !want["lines"].is_null()) {
    std::vector<int> lines;
    for (const auto& [step, ids] : got["evidence"].items())
      for (const int line : lines_of(ids)) lines.push_back(line);
    std::sort(lines.begin(), lines.end());
    if (json(lines) != want["lines"]) return "lines";
  }
  if (want.contains("steps")) {
    json steps = json::object();
    for (const auto& [step, ids] : got["evidence"].items()) steps[step] = lines_of(ids);
    if (steps != want["steps"]) return "steps";
  }
  return {};
}

}  // namespace

TEST_CASE("the worked examples hold in the engine") {
  std::ifstream other(TOCSIN_SOURCE_DIR "/tests/spec/worked_overruled.json");
  const json overruled = json::parse(other);  // where an example and semantics.md differ, semantics.md wins
  std::ifstream file(TOCSIN_SOURCE_DIR "/tests/spec/worked.jsonl");
  REQUIRE(file);
  std::string line;
  int number = 0;
  while (std::getline(file, line)) {
    ++number;
    json example = json::parse(line);
    if (const auto instead = overruled.find(std::to_string(number)); instead != overruled.end())
      example["expect"] = (*instead)["expect"];
    const Run got = run(example);
    std::string wrong = got.failure;
    if (wrong.empty() && got.alerts.size() != example["expect"].size())
      wrong = std::to_string(got.alerts.size()) + " alerts instead of " + std::to_string(example["expect"].size());
    for (std::size_t i = 0; wrong.empty() && i < got.alerts.size(); ++i)
      wrong = difference(example["expect"][i], got.alerts[i]);
    if (wrong.empty()) {
      CHECK(true);
      continue;
    }
    std::string alerts;
    for (const json& a : got.alerts)
      alerts += "\n  " + a["time"].get<std::string>() + " " + a["state"].get<std::string>() + " " + a["key"].dump() +
                " count " + a["count"].dump() + " suppressed " + a["suppressed"].dump() + " " + a["evidence"].dump();
    FAIL_CHECK("example " << number << ": " << wrong << "\n"
                          << rule_of(example["rules"]) << "events " << example["events"].dump() << "\nend "
                          << example["end"] << "\nwant " << example["expect"].dump() << "\ngot" << alerts);
  }
  CHECK(number == 340);
}

}  // namespace tocsin
