// What left twice is the same output when its time, key, state and reminder are: of those, equal documents are kept,
// and what is left on both sides, in order, has changed. Ids decide nothing: they hash the rule's name and the first
// event.
#include "app/compare.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "app/one_line.h"
#include "engine/base/utf8.h"
#include "engine/base/write.h"
#include "engine/event/write.h"
#include "engine/program/dump.h"
#include "engine/runtime/document.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;
using Entry = OutputBook::Entry;
using Entries = OutputBook::Entries;

constexpr std::size_t kValueWidth = 100;  // characters of a value in words; JSON has all of it

std::string_view word_of(const Alert& alert) {
  return alert.state == Alert::State::firing ? name_of(alert.severity) : tocsin::word_of(alert.state);
}

// Every changed dial changes the version: that alone is no difference.
std::string without_version(std::string document) {
  const std::size_t begin = document.find("\"rule_version\":");
  if (begin == std::string::npos) return document;
  return document.erase(begin, document.find(',', begin) + 1 - begin);
}

std::string line_of_emitted(const std::string& document) {
  const Json parsed = Json::parse(document);
  std::string fields;
  for (const auto& [name, value] : parsed["fields"].items())
    fields += fmt::format("{}{}: {}", fields.empty() ? "" : ", ", name, value.dump());
  return fmt::format("{}  {:<8}  {}  {{{}}}", parsed["time"].get<std::string>(), "event",
                     parsed["event"].get<std::string>(), fields);
}

std::string line_of(const Entry& entry) { return entry.line.empty() ? line_of_emitted(entry.document) : entry.line; }

// ----- what differs -------------------------------------------------------------------------------------------------

// The fields of a document by their names: `key.user`, `fields.total`, `evidence.login_failed`.
std::vector<std::pair<std::string, Json>> fields_of(const std::string& document) {
  std::vector<std::pair<std::string, Json>> out;
  const Json parsed = Json::parse(document);
  for (const auto& [name, value] : parsed.items()) {
    if (!value.is_object()) {
      out.emplace_back(name, value);
      continue;
    }
    for (const auto& [inner, of_it] : value.items()) out.emplace_back(name + "." + inner, of_it);
  }
  return out;
}

// A program of another name has it, and ids made of it, in each document.
void forget_name(Entry& entry) {
  if (entry.line.empty()) entry.line = line_of_emitted(entry.document);
  Json document = Json::parse(entry.document);
  for (const char* field : {"rule", "alert_id", "event"}) document.erase(field);
  entry.document = document.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::vector<ChangedField> changed_fields(const Entry& old, const Entry& now) {
  const auto before = fields_of(old.document), after = fields_of(now.document);
  const auto written_in = [](const auto& fields, const std::string& name) {
    const auto at = std::ranges::find(fields, name, [](const auto& field) { return field.first; });
    return at == fields.end() ? std::string() : at->second.dump(-1, ' ', false, Json::error_handler_t::replace);
  };
  std::vector<ChangedField> out;
  const auto hold = [&](const std::string& name) {
    ChangedField field{name, written_in(before, name), written_in(after, name)};
    if (field.before != field.now) out.push_back(std::move(field));
  };
  for (const auto& [name, value] : after) hold(name);
  for (const auto& [name, value] : before)
    if (written_in(after, name).empty()) hold(name);
  return out;
}

// Those of one time, key, state and reminder. Most often they are one on each side, or equal.
void compare(std::vector<Entry> old, std::vector<Entry> now, bool renamed, OutputDifference& out) {
  if (renamed)
    for (std::vector<Entry>* side : {&old, &now}) std::ranges::for_each(*side, forget_name);
  for (auto entry = now.begin(); entry != now.end();) {
    const auto equal = std::ranges::find(old, entry->document, &Entry::document);
    if (equal == old.end()) {
      ++entry;
      continue;
    }
    ++out.same;
    old.erase(equal);
    entry = now.erase(entry);
  }
  const std::size_t both = std::min(old.size(), now.size());
  for (std::size_t i = 0; i < both; ++i) out.changed.push_back({line_of(now[i]), changed_fields(old[i], now[i])});
  for (std::size_t i = both; i < old.size(); ++i) out.gone.push_back(line_of(old[i]));
  for (std::size_t i = both; i < now.size(); ++i) out.added.push_back(line_of(now[i]));
}

std::size_t size_of(const Entries& entries) {
  std::size_t size = 0;
  for (const auto& [what, of_it] : entries) size += of_it.size();
  return size;
}

// What the kind is called in the old rules: by its program's name, or that which the program says it had.
OutputKind old_kind(const OutputKind& kind, const OutputBook& before, const OutputBook& now) {
  const std::string was = now.was(kind.by);
  if (was.empty() || before.has(kind.by) || !before.has(was)) return kind;
  return {was, kind.event == kind.by ? was : kind.event};
}

OutputDifference difference(const OutputKind& kind, const std::string& was, const Entries& old, const Entries& now) {
  OutputDifference out;
  out.kind = kind;
  out.was = was;
  out.before = size_of(old);
  out.after = size_of(now);
  const auto here = [](const Entries& entries, const std::string& what) {
    const auto at = entries.find(what);
    return at == entries.end() ? std::vector<Entry>() : at->second;
  };
  for (auto a = old.begin(), b = now.begin(); a != old.end() || b != now.end();) {
    const std::string what = b == now.end() || (a != old.end() && a->first < b->first) ? a->first : b->first;
    compare(here(old, what), here(now, what), !was.empty(), out);
    if (a != old.end() && a->first == what) ++a;
    if (b != now.end() && b->first == what) ++b;
  }
  return out;
}

// ----- told ---------------------------------------------------------------------------------------------------------

// `brute_force`, `fresh (was old)`, `event daily`, `event seen of watcher`
std::string name_of(const OutputDifference& d) {
  std::string name = d.kind.event.empty() ? d.kind.by : "event " + d.kind.event;
  if (!d.kind.event.empty() && d.kind.event != d.kind.by) name += " of " + d.kind.by;
  return d.was.empty() ? name : fmt::format("{} (was {})", name, d.was);
}

std::string cut(std::string text) {
  if (text.empty()) return "nothing";
  const std::size_t size = size_of_first(text, kValueWidth);
  return size == text.size() ? text : text.substr(0, size) + "...";
}

std::string in_words(const Change& change) {
  std::string out = change.line;
  for (const ChangedField& field : change.fields)
    out += fmt::format("\n    {}: {} -> {}", field.name, cut(field.before), cut(field.now));
  return out;
}
std::string in_words(const std::string& line) { return line; }

template <class Lines>
void list(std::string& out, char sign, const Lines& lines, std::size_t most) {
  const std::size_t shown = most == 0 ? lines.size() : std::min(most, lines.size());
  for (std::size_t i = 0; i < shown; ++i) out += fmt::format("{} {}\n", sign, in_words(lines[i]));
  if (shown < lines.size()) out += fmt::format("{} ... and {} more\n", sign, lines.size() - shown);
}

Json in_json(const Change& change) {
  Json fields = Json::array();
  const auto value = [](const std::string& text) { return text.empty() ? Json() : Json::parse(text); };
  for (const ChangedField& field : change.fields)
    fields.push_back({{"field", field.name}, {"old", value(field.before)}, {"new", value(field.now)}});
  return {{"line", change.line}, {"fields", std::move(fields)}};
}

Json in_json(const OutputDifference& d) {
  Json out;
  if (!d.kind.event.empty()) out["event"] = d.kind.event;
  out[d.kind.event.empty() ? "rule" : "by"] = d.kind.by;
  if (!d.was.empty()) out["was"] = d.was;
  out.update({{"before", d.before}, {"after", d.after}, {"same", d.same}, {"changed", d.changed.size()}});
  out["added"] = d.added;
  out["gone"] = d.gone;
  out["changes"] = Json::array();
  for (const Change& change : d.changed) out["changes"].push_back(in_json(change));
  return out;
}

}  // namespace

std::string line_of(const Alert& alert, const DocumentNames& names) {
  const Program& program = names.rules->programs[alert.rule.index];
  std::string key;
  for (std::size_t i = 0; i < alert.key.values().size(); ++i) {
    key += fmt::format("{}{}: ", key.empty() ? "" : ", ", program.key_names[i]);
    append_json(key, alert.key.values()[i]);
  }
  return fmt::format("{}  {:<8}  {}  {}{}", rfc3339(alert.time), word_of(alert), program.name,
                     key.empty() ? "" : fmt::format("{{{}}}  ", key), on_one_line(alert.text));
}

std::string line_of(const Emitted& emitted, const DocumentNames& names) {
  std::string document;
  append_emitted(document, emitted, names);
  return line_of_emitted(document);
}

OutputBook::OutputBook(const RuleSet& rules) {
  for (const Program& program : rules.programs) {
    programs_.emplace(program.name, program.was);
    const auto event = [&](EventTypeId type) { kinds_[{program.name, rules.schema[type].name}]; };
    if (const auto* rule = std::get_if<RuleBody>(&program.body)) {
      if (rule->alert) kinds_[{program.name, {}}];
      for (const EmitDef& emit : rule->emits)
        if (!rule->alert || rules.schema[emit.type].name != program.name) event(emit.type);
    } else if (const auto* session = std::get_if<SessionBody>(&program.body)) {
      event(session->emit.type);
    } else {
      event(std::get<SummaryBody>(program.body).emit.type);
    }
  }
}

std::string OutputBook::was(const std::string& program) const {
  const auto at = programs_.find(program);
  return at == programs_.end() ? std::string() : at->second;
}

void OutputBook::add(const Alert& alert, const DocumentNames& names) {
  std::string document;
  append_alert(document, alert, names);
  // Time first, so that the book is in order of time. How many reminders there were is content, not who is told.
  const bool reminds = alert.state == Alert::State::firing && alert.reminder > 0;
  std::string what =
      fmt::format("{:020} {} {} {}", alert.time.us, static_cast<int>(alert.state), reminds, alert.key_bytes);
  kinds_[{names.rules->programs[alert.rule.index].name, {}}][std::move(what)].push_back(
      {without_version(std::move(document)), line_of(alert, names)});
}

void OutputBook::add(const Emitted& emitted, const DocumentNames& names) {
  const Program& program = names.rules->programs[emitted.by.index];
  const std::string& event = names.rules->schema[emitted.type].name;
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule != nullptr && rule->alert && event == program.name) return;
  std::string document;
  append_emitted(document, emitted, names);
  kinds_[{program.name, event}][fmt::format("{:020} {}", emitted.time.us, emitted.key_bytes)].push_back(
      {std::move(document), {}});
}

std::vector<OutputDifference> compare(const OutputBook& before, const OutputBook& now) {
  static const Entries kNone;
  const auto entries = [](const OutputBook& book, const OutputKind& kind) -> const Entries& {
    const auto at = book.kinds().find(kind);
    return at == book.kinds().end() ? kNone : at->second;
  };
  std::vector<OutputDifference> out;
  std::set<OutputKind> told;  // of the old rules
  for (const auto& [kind, entries_now] : now.kinds()) {
    const OutputKind old = old_kind(kind, before, now);
    told.insert(old);
    out.push_back(difference(kind, old.by == kind.by ? "" : old.by, entries(before, old), entries_now));
  }
  for (const auto& [kind, entries_before] : before.kinds())
    if (!told.contains(kind)) out.push_back(difference(kind, "", entries_before, kNone));
  std::ranges::sort(
      out, {}, [](const OutputDifference& d) { return std::tuple(!d.kind.event.empty(), d.kind.event, d.kind.by); });
  return out;
}

std::string in_words(const std::vector<OutputDifference>& differences, std::size_t most) {
  std::size_t width = 4;
  for (const OutputDifference& d : differences) width = std::max(width, name_of(d).size());
  std::string out = fmt::format("{:<{}}  before  after  difference\n", "rule", width);
  for (const OutputDifference& d : differences)
    out += fmt::format("{:<{}}  {:>6}  {:>5}  +{} -{} ={}{}\n", name_of(d), width, d.before, d.after, d.added.size(),
                       d.gone.size(), d.same, d.changed.empty() ? "" : fmt::format(" ~{}", d.changed.size()));
  for (const OutputDifference& d : differences) {
    list(out, '+', d.added, most);
    list(out, '-', d.gone, most);
    list(out, '~', d.changed, most);
  }
  return out;
}

std::string in_json(const std::vector<OutputDifference>& differences) {
  Json rules = Json::array(), events = Json::array();
  for (const OutputDifference& d : differences) (d.kind.event.empty() ? rules : events).push_back(in_json(d));
  const Json document = {
      {"schema", "tocsin/replay-compare/1"}, {"rules", std::move(rules)}, {"events", std::move(events)}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tocsin::app
