// The same alert is one of the same time, id, state and reminder; whether it changed is a matter of its document,
// without the version.
#include "app/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/base/write.h"
#include "engine/event/write.h"
#include "engine/program/dump.h"
#include "engine/runtime/document.h"

namespace tocsin::app {

namespace {

std::string_view word_of(const Alert& alert) {
  return alert.state == Alert::State::firing ? name_of(alert.severity) : tocsin::word_of(alert.state);
}

// Every changed dial changes the version: that alone is no difference.
std::string without_version(std::string document) {
  const std::size_t begin = document.find("\"rule_version\":");
  if (begin == std::string::npos) return document;
  return document.erase(begin, document.find(',', begin) + 1 - begin);
}

void list(std::string& out, char sign, const std::vector<std::string>& lines, std::size_t most) {
  const std::size_t shown = most == 0 ? lines.size() : std::min(most, lines.size());
  for (std::size_t i = 0; i < shown; ++i) out += fmt::format("{} {}\n", sign, lines[i]);
  if (shown < lines.size()) out += fmt::format("{} ... and {} more\n", sign, lines.size() - shown);
}

}  // namespace

std::string line_of(const Alert& alert, const DocumentNames& names) {
  const Program& program = names.rules->programs[alert.rule.index];
  std::string time, key;
  append_rfc3339(time, alert.time);
  for (std::size_t i = 0; i < alert.key.values().size(); ++i) {
    key += fmt::format("{}{}: ", key.empty() ? "" : ", ", program.key_names[i]);
    append_json(key, alert.key.values()[i]);
  }
  return fmt::format("{}  {:<8}  {}  {}{}", time, word_of(alert), program.name,
                     key.empty() ? "" : fmt::format("{{{}}}  ", key), alert.text);
}

std::string line_of(const Emitted& emitted, const DocumentNames& names) {
  std::string document, fields;
  append_emitted(document, emitted, names);
  const auto parsed = nlohmann::ordered_json::parse(document);
  for (const auto& [name, value] : parsed["fields"].items())
    fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", name, value.dump());
  return fmt::format("{}  {:<8}  {}  {{{}}}", parsed["time"].get<std::string>(), "event",
                     parsed["event"].get<std::string>(), fields);
}

void AlertBook::add(const Alert& alert, const DocumentNames& names) {
  const std::string& rule = names.rules->programs[alert.rule.index].name;
  std::string document;
  append_alert(document, alert, names);
  // Time first, so that the book is in order of time.
  const std::string what =
      fmt::format("{:020} {} {} {}", alert.time.us, alert.id, static_cast<int>(alert.state), alert.reminder);
  rules_[rule].emplace(what, Entry{without_version(std::move(document)), line_of(alert, names)});
}

std::vector<RuleDifference> compare(const AlertBook& before, const AlertBook& after) {
  std::map<std::string, std::pair<const AlertBook::OfRule*, const AlertBook::OfRule*>> both;
  for (const auto& [name, alerts] : before.rules()) both[name].first = &alerts;
  for (const auto& [name, alerts] : after.rules()) both[name].second = &alerts;
  static const AlertBook::OfRule kNone;
  std::vector<RuleDifference> out;
  for (const auto& [name, sides] : both) {
    const AlertBook::OfRule& old = sides.first != nullptr ? *sides.first : kNone;
    const AlertBook::OfRule& now = sides.second != nullptr ? *sides.second : kNone;
    RuleDifference& d = out.emplace_back();
    d.rule = name;
    d.before = old.size();
    d.after = now.size();
    for (const auto& [what, entry] : old) {
      const auto at = now.find(what);
      if (at == now.end()) {
        d.gone.push_back(entry.line);
      } else {
        ++(at->second.document == entry.document ? d.same : d.changed);
      }
    }
    for (const auto& [what, entry] : now)
      if (!old.contains(what)) d.added.push_back(entry.line);
  }
  return out;
}

std::string in_words(const std::vector<RuleDifference>& differences, std::size_t most) {
  std::size_t width = 4;
  for (const RuleDifference& d : differences) width = std::max(width, d.rule.size());
  std::string out = fmt::format("{:<{}}  before  after  difference\n", "rule", width);
  for (const RuleDifference& d : differences)
    out += fmt::format("{:<{}}  {:>6}  {:>5}  +{} -{} ={}{}\n", d.rule, width, d.before, d.after, d.added.size(),
                       d.gone.size(), d.same, d.changed > 0 ? fmt::format(" ~{}", d.changed) : "");
  for (const RuleDifference& d : differences) {
    list(out, '+', d.added, most);
    list(out, '-', d.gone, most);
  }
  return out;
}

std::string in_json(const std::vector<RuleDifference>& differences) {
  using Json = nlohmann::ordered_json;
  Json rules = Json::array();
  for (const RuleDifference& d : differences)
    rules.push_back({{"rule", d.rule},
                     {"before", d.before},
                     {"after", d.after},
                     {"same", d.same},
                     {"changed", d.changed},
                     {"added", d.added},
                     {"gone", d.gone}});
  const Json document = {{"schema", "tocsin/replay-compare/1"}, {"rules", std::move(rules)}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tocsin::app
