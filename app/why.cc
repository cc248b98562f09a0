// `tocsin why`: why an alert fired, by its id; or why a rule fired for a key, or how far it came and what refused it.
// Over a file of events, by the engine that production runs.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>

#include "app/compiled.h"
#include "app/inputs.h"
#include "app/nearest.h"
#include "app/one_line.h"
#include "app/rules.h"
#include "app/settings_read.h"
#include "app/why.h"
#include "app/why_events.h"
#include "dsl/diagnostic.h"
#include "engine/base/utf8.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/event/write.h"
#include "engine/program/dump.h"
#include "engine/runtime/document.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

// ----- the key asked about ------------------------------------------------------------------------------------------

// `--key ann`, `--key user=ann --key ip=10.0.0.1`: by the names of the rule's key, or in their order.
using KeyWanted = std::map<std::string, std::string>;

bool is_name(const std::string& word) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_'; };
  return !word.empty() && std::isdigit(static_cast<unsigned char>(word.front())) == 0 &&
         std::ranges::all_of(word, fits);
}

Result<KeyWanted> key_of(const Arguments& arguments, const Program& program) {
  const auto refused = [](std::string message) { return failure(Error::Code::refused, std::move(message)); };
  KeyWanted key;
  const std::vector<std::string>& given = arguments.all("--key");
  if (given.size() > program.key_names.size())
    return refused(program.key_names.empty()
                       ? fmt::format("{} takes all events together: it has no key", program.name)
                       : fmt::format("the key of {} is {}", program.name, fmt::join(program.key_names, ", ")));
  for (std::size_t i = 0; i < given.size(); ++i) {
    const std::size_t equals = given[i].find('=');
    const std::string name = equals == std::string::npos ? "" : given[i].substr(0, equals);
    if (std::ranges::find(program.key_names, name) != program.key_names.end()) {
      key[name] = given[i].substr(equals + 1);
    } else if (is_name(name)) {
      return refused(
          fmt::format("the key of {} is {}, and `{}` is none of it; a value with = in it goes behind the name: "
                      "--key '{}={}'",
                      program.name, fmt::join(program.key_names, ", "), name, program.key_names[i], given[i]));
    } else {
      key[program.key_names[i]] = given[i];
    }
  }
  return key;
}

// A value as people type it: a text without its quotes.
std::string typed(const Value& value) {
  if (value.type() == Type::text) return std::string(value.as_text());
  std::string out;
  append_json(out, value);
  if (out.size() >= 2 && out.front() == '"') out = out.substr(1, out.size() - 2);
  return out;
}

bool is_of_key(const KeyWanted& wanted, const Program& program, const Alert& alert) {
  for (std::size_t i = 0; i < alert.key.values().size(); ++i) {
    const auto part = wanted.find(program.key_names[i]);
    if (part != wanted.end() && part->second != typed(alert.key.values()[i])) return false;
  }
  return true;
}

std::string in_words(const KeyWanted& key) {
  std::string text;
  for (const auto& [name, value] : key) text += fmt::format("{}{} = {}", text.empty() ? "" : ", ", name, value);
  return text;
}

KeyWanted key_of(const Program& program, const Alert& alert) {
  KeyWanted key;
  for (std::size_t i = 0; i < alert.key.values().size(); ++i) key[program.key_names[i]] = typed(alert.key.values()[i]);
  return key;
}

std::string whom(const KeyWanted& key) { return key.empty() ? "" : on_one_line(fmt::format(" for {}", in_words(key))); }

// ----- the events of a match ----------------------------------------------------------------------------------------

Json json_of(const std::vector<Line>& lines) {
  Json out = Json::array();
  for (const Line& line : lines) {
    Json values = Json::object();
    for (const auto& [name, value] : line.values) values[name] = Json::parse(value, nullptr, false);
    out.push_back({{"step", line.step},
                   {"time", rfc3339(line.time)},
                   {"id", line.id},
                   {"values", std::move(values)},
                   {"record", line.text}});
  }
  return out;
}

bool wants_json(const Arguments& arguments) { return arguments.has("--json") || arguments.value("--format") == "json"; }

std::string dumped(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// ----- of a rule and a key ------------------------------------------------------------------------------------------

struct Answer {
  std::string rule;
  KeyWanted key;  // whose it is: that asked about, or else that which came furthest
  Time until{};
  std::string not_judged;      // "16 dead letters (16 unknown_event)": what the answer knows nothing of
  std::optional<Alert> fired;  // the last alert by then
  std::vector<Line> because;   // its events
  std::optional<Nearest> nearest;
  std::vector<Line> carried;  // the events that carried it there
};

std::string lines_in_words(const std::vector<Line>& lines, int width) {
  std::size_t step = 0, id = 0;
  for (const Line& line : lines) {
    step = std::max(step, line.step.size());
    id = std::max(id, line.id.size());
  }
  std::string out;
  for (const Line& line : lines) {
    std::string text = fmt::format("  {:<{}}  {}  {:<{}}  {}", line.step, step, rfc3339(line.time), line.id, id,
                                   on_one_line(line.text));
    if (width > 0) text.resize(size_of_first(text, static_cast<std::size_t>(width)));
    out += text + "\n";
  }
  return out;
}

std::string in_words(const Answer& a, int width) {
  std::string out;
  if (a.fired) {
    out += fmt::format("{} fired{} at {}: {}\n", a.rule, whom(a.key), rfc3339(a.fired->time), a.fired->text);
    out += lines_in_words(a.because, width);
  }
  if (!a.nearest) return out;
  out += fmt::format("{} did not fire{} {}until {}.\n", a.rule, whom(a.key), a.fired ? "again " : "", rfc3339(a.until));
  out += in_words(*a.nearest);
  if (!a.carried.empty()) out += "the events that carried it there:\n" + lines_in_words(a.carried, width);
  if (!a.not_judged.empty()) out += fmt::format("not judged: {}\n", a.not_judged);
  return out;
}

std::string in_json(const Answer& a) {
  Json document = {{"schema", "tocsin/why/1"}, {"rule", a.rule}, {"key", a.key}, {"until", rfc3339(a.until)}};
  document["fired"] = nullptr;
  if (a.fired)
    document["fired"] = {{"alert_id", a.fired->id},
                         {"time", rfc3339(a.fired->time)},
                         {"text", a.fired->text},
                         {"evidence", json_of(a.because)}};
  if (!a.not_judged.empty()) document["not_judged"] = a.not_judged;
  document["nearest"] = nullptr;
  if (a.nearest)
    document["nearest"] = {{"reached", a.nearest->reached},
                           {"missing", a.nearest->missing},
                           {"ended", a.nearest->ended},
                           {"refused", a.nearest->refused},
                           {"evidence", json_of(a.carried)}};
  return dumped(document);
}

// Not what is sent of it later: a reminder, an escalation.
bool is_fire(const Alert& alert) {
  return alert.state == Alert::State::firing && alert.reminder == 0 && alert.time == alert.fired;
}

// The rule's program, or what was wrong with the name.

Result<const Program*> rule_named(const std::string& name, const RuleSet& rules) {
  std::vector<std::string> names;
  for (const Program& program : rules.programs) {
    if (!std::holds_alternative<RuleBody>(program.body)) {
      if (program.name != name) continue;
      const bool session = std::holds_alternative<SessionBody>(program.body);
      return failure(
          Error::Code::refused,
          fmt::format("`{}` is a {}: ask why a rule over it fires; what it emits shows `tocsin replay --emitted`", name,
                      session ? "session" : "summary"));
    }
    if (program.name == name) return &program;
    names.push_back(program.name);
  }
  const std::string near = dsl::nearest(name, names);
  return failure(Error::Code::refused, fmt::format("there is no rule `{}`{}", name,
                                                   near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
}

// The last alert of the rule and key by then, and, where time went on after it, what became of the next.
Result<Answer> answer(const CompiledSet& set, const Program& program, KeyWanted key, std::optional<Time> at,
                      WhyEvents& events) {
  const auto of_key = [&key](const Program& p, const Alert& alert) { return is_of_key(key, p, alert); };
  Answer out;
  out.rule = program.name;
  const bool whole_key = key.size() == program.key_names.size();
  const Result<HistoryResult> ran = events.run(set.compiled, {at, false}, [&](const Alert& alert) {
    const Program& by = set.compiled.rules->programs[alert.rule.index];
    if (by.name == program.name && (!at || alert.time <= *at) && is_fire(alert) && of_key(by, alert)) out.fired = alert;
  });
  if (!ran) return tl::unexpected(ran.error());
  out.until = at.value_or(ran->last.value_or(Time{}));
  out.not_judged = not_judged(*ran);
  if (out.fired) key = key_of(program, *out.fired);
  if (!out.fired || out.fired->time < out.until) {
    const Question question{program.name, of_key, !key.empty(),
                            out.fired ? std::optional(out.fired->time) : std::nullopt, out.until};
    const auto alerts_of = [&](const dsl::Compiled& variant) {
      std::vector<Alert> alerts;
      const auto done = events.run(variant, {at, false}, [&](const Alert& alert) { alerts.push_back(alert); });
      return done ? alerts : std::vector<Alert>();
    };
    const auto nearest = [&] {
      return nearest_match(set, question, alerts_of, rfc3339, [&](const Position& p) { return events.id_of(p); });
    };
    out.nearest = nearest();
    // Whichever key came furthest: all that is told is then of that one.
    if (!whole_key && !out.fired && out.nearest && out.nearest->match) {
      key = key_of(program, *out.nearest->match);
      out.nearest = nearest();
    }
  }
  out.key = std::move(key);
  if (out.fired) {
    Result<std::vector<Line>> lines = events.evidence_of(*out.fired, program);
    if (!lines) return tl::unexpected(lines.error());
    out.because = std::move(*lines);
  }
  if (out.nearest && out.nearest->match) {
    Result<std::vector<Line>> lines = events.evidence_of(*out.nearest->match, program);
    if (!lines) return tl::unexpected(lines.error());
    out.carried = std::move(*lines);
  }
  return out;
}

Exit tell_of_rule(const CompiledSet& set, std::optional<Time> at, WhyEvents& events, const Arguments& arguments,
                  Console& console) {
  const Result<const Program*> program = rule_named(arguments.value("--rule"), *set.compiled.rules);
  if (!program) return refuse(console, "why", program.error().message);
  Result<KeyWanted> key = key_of(arguments, **program);
  if (!key) return refuse(console, "why", key.error().message);
  const Result<Answer> told = answer(set, **program, std::move(*key), at, events);
  if (!told) return refuse(console, "why", told.error().message);
  console.out << (wants_json(arguments) ? in_json(*told) : in_words(*told, console.width()));
  return Exit::done;
}

// ----- of an alert, by its id ---------------------------------------------------------------------------------------

constexpr std::size_t kIdDigits = 32;    // F16
constexpr std::size_t kLeastDigits = 4;  // fewer stand at the beginning of many ids
constexpr std::size_t kNearMost = 5;     // ids that are told in place of one that is not there

// An id, or the beginning of one.
bool is_id(const std::string& word) {
  return word.size() >= kLeastDigits && word.size() <= kIdDigits &&
         word.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::size_t same_digits(const std::string& a, const std::string& b) {
  return static_cast<std::size_t>(std::ranges::mismatch(a, b).in1 - a.begin());
}

// The alerts of one id: the fire, and what was sent of it later.
struct Life {
  Alert fired;
  std::vector<Alert> later;  // reminders, escalations, its resolution or withdrawal
};

struct Found {
  std::map<std::string, Life> begin_so;                   // by id
  std::vector<std::pair<std::size_t, std::string>> near;  // digits that are the same, and the alert in a line
  std::uint64_t alerts = 0;

  void add(const std::string& wanted, const Alert& alert, const RuleSet& rules) {
    const std::size_t same = same_digits(wanted, alert.id);
    if (same == wanted.size()) {
      const auto [at, is_new] = begin_so.try_emplace(alert.id, Life{alert, {}});
      if (!is_new) at->second.later.push_back(alert);
    }
    if (!is_fire(alert)) return;
    ++alerts;
    if (same < kLeastDigits || same == wanted.size()) return;
    const Program& program = rules.programs[alert.rule.index];
    near.emplace_back(
        same, fmt::format("{}  {}{} at {}", alert.id, program.name, whom(key_of(program, alert)), rfc3339(alert.time)));
    std::ranges::stable_sort(near, std::ranges::greater{}, [](const auto& n) { return n.first; });
    if (near.size() > kNearMost) near.pop_back();
  }
};

// What was sent of the alert after it fired: "reminder 1 at ..", "resolved at ..".
std::string later_word(const Alert& alert) {
  if (alert.state != Alert::State::firing) return std::string(word_of(alert.state));
  if (alert.reminder > 0) return fmt::format("reminder {}", alert.reminder);
  return fmt::format("{} {}", alert.escalated ? "escalated to" : "sent again,", name_of(alert.severity));
}

// Names and values of `with`, as JSON.
std::vector<std::pair<std::string, std::string>> fields_of(const Program& program, const Alert& alert) {
  std::vector<std::pair<std::string, std::string>> fields;
  const std::optional<AlertDef>& def = std::get<RuleBody>(program.body).alert;
  for (std::size_t i = 0; def && i < alert.fields.values().size(); ++i) {
    std::string text;
    append_json(text, alert.fields.values()[i]);
    fields.emplace_back(def->fields[i].name, std::move(text));
  }
  return fields;
}

std::string values_in_words(const std::vector<std::pair<std::string, std::string>>& values) {
  std::string text;
  for (const auto& [name, value] : values) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", name, value);
  return text;
}

// The events that a step took; of very many the first stand in the evidence.
std::string step_in_words(const EvidenceOf& of, const std::vector<Line>& lines, const Console& console) {
  std::string out = fmt::format("  {}: {}", of.label, counted(of.count, "event"));
  const auto lines_of_it = static_cast<std::uint64_t>(std::ranges::count(lines, of.label, &Line::step));
  if (lines_of_it > of.count)  // what rules and sessions emit stands for the events behind it
    out += fmt::format(", made of {}", lines_of_it);
  else if (of.count > of.events.size())
    out += fmt::format(", of which {} are kept", of.events.size());
  out += "\n";
  for (const Line& line : lines) {
    if (line.step != of.label) continue;
    const std::string values = values_in_words(line.values);
    out += fmt::format("    {}  {}{}{}\n", rfc3339(line.time), line.id, values.empty() ? "" : "  ", values);
    if (console.verbose > 0) out += fmt::format("      {}\n", on_one_line(line.text));
  }
  return out;
}

std::string in_words(const Life& life, const Program& program, const std::vector<Line>& lines, const Console& console) {
  const Alert& alert = life.fired;
  std::string out = fmt::format("{} fired{} at {}: {}\n", program.name, whom(key_of(program, alert)),
                                rfc3339(alert.time), on_one_line(alert.text));
  out += fmt::format("  alert {}, {}\n", alert.id, name_of(alert.severity));
  if (const auto fields = fields_of(program, alert); !fields.empty())
    out += fmt::format("  with {}\n", values_in_words(fields));
  for (const EvidenceOf& of : alert.evidence) out += step_in_words(of, lines, console);
  for (const Alert& later : life.later) out += fmt::format("  {} at {}\n", later_word(later), rfc3339(later.time));
  return out;
}

std::string in_json(const Life& life, const Program& program, const std::vector<Line>& lines) {
  const Alert& alert = life.fired;
  Json fields = Json::object(), counts = Json::object(), later = Json::array();
  for (const auto& [name, value] : fields_of(program, alert)) fields[name] = Json::parse(value, nullptr, false);
  for (const EvidenceOf& of : alert.evidence) counts[of.label] = of.count;
  for (const Alert& l : life.later) later.push_back({{"what", later_word(l)}, {"time", rfc3339(l.time)}});
  return dumped({{"schema", "tocsin/why/1"},
                 {"rule", program.name},
                 {"key", key_of(program, alert)},
                 {"until", rfc3339(alert.time)},
                 {"fired",
                  {{"alert_id", alert.id},
                   {"time", rfc3339(alert.time)},
                   {"text", alert.text},
                   {"severity", name_of(alert.severity)},
                   {"fields", std::move(fields)},
                   {"counts", std::move(counts)},
                   {"evidence", json_of(lines)},
                   {"later", std::move(later)}}},
                 {"nearest", nullptr}});
}

// No alert has the id: how many there were, and those whose ids begin alike.
std::string none_in_words(const std::string& id, const Found& found, const std::string& input, std::optional<Time> at) {
  if (found.alerts == 0) return fmt::format("no rule fired in {}, so there is no alert {}\n", input, id);
  std::string text =
      fmt::format("{} in {}{}; none has the id {}\n", counted(found.alerts, "alert"), input,
                  at ? fmt::format(" until {}", rfc3339(*at)) : ", time going on until nothing is pending", id);
  if (found.near.empty()) return text + fmt::format("none begins with {} either\n", id.substr(0, kLeastDigits));
  text += "the ids that begin alike:\n";
  for (const auto& [same, alert] : found.near) text += fmt::format("  {}\n", alert);
  return text;
}

// Without --at time goes on until nothing is pending: the alert may be one that time alone fired.
Exit tell_of_alert(const std::string& id, const CompiledSet& set, std::optional<Time> at, WhyEvents& events,
                   const Arguments& arguments, Console& console) {
  const RuleSet& rules = *set.compiled.rules;
  Found found;
  const Result<HistoryResult> ran =
      events.run(set.compiled, {at, !at}, [&](const Alert& alert) { found.add(id, alert, rules); });
  if (!ran) return refuse(console, "why", ran.error().message);
  if (found.begin_so.empty()) {
    console.err << "tocsin why: " << none_in_words(id, found, name_of_inputs(arguments), at);
    return Exit::no;
  }
  if (found.begin_so.size() > 1) {
    std::string ids;
    for (const auto& [whole, life] : found.begin_so) ids += fmt::format("{}{}", ids.empty() ? "" : ", ", whole);
    return refuse(console, "why", fmt::format("{} ids begin with {}: {}", found.begin_so.size(), id, ids));
  }
  const Life& life = found.begin_so.begin()->second;
  const Program& program = rules.programs[life.fired.rule.index];
  const Result<std::vector<Line>> lines = events.evidence_of(life.fired, program);
  if (!lines) return refuse(console, "why", lines.error().message);
  console.out << (wants_json(arguments) ? in_json(life, program, *lines) : in_words(life, program, *lines, console));
  return Exit::done;
}

// ----- the command --------------------------------------------------------------------------------------------------

// What was asked about, and where the rules are: without --rule the first word is the alert's id.
struct Asked {
  std::string id;
  std::vector<std::string> paths;
};
Result<Asked> asked_of(const Arguments& arguments, Console& console) {
  Asked asked{{}, arguments.operands()};
  if (!arguments.has("--rule")) {
    if (asked.paths.empty() || !is_id(asked.paths.front()))
      return failure(Error::Code::refused, "name the alert by its id, or the rule: --rule NAME");
    asked.id = asked.paths.front();
    asked.paths.erase(asked.paths.begin());
    if (asked.paths.empty() && arguments.has("--config")) {
      Result<SettingsRead> config = settings_of(arguments, console);
      if (!config) return tl::unexpected(config.error());
      asked.paths = std::move(config->settings.rules);
    }
  }
  asked.paths = paths_of(asked.paths);
  return asked;
}

}  // namespace

Exit run_why(const Arguments& arguments, Console& console) {
  const auto complain = [&](const std::string& message) { return refuse(console, "why", message); };
  const Result<Asked> asked = asked_of(arguments, console);
  if (!asked) return complain(asked.error().message);
  if (!asked->id.empty() && arguments.has("--key"))
    return complain("an alert's id says whose it is; --key goes with --rule");
  if (!arguments.has("--input")) return complain("name the events: --input FILE, or --input - for standard input");
  const bool from_input = std::ranges::find(asked->paths, "-") != asked->paths.end();
  const Result<std::vector<std::string>> inputs = inputs_of(arguments);
  if (!inputs) return complain(inputs.error().message);
  const bool events_from_input = reads_standard_input(*inputs);
  if (from_input && events_from_input) return complain("rules and events cannot both come from standard input");
  if ((from_input || events_from_input) && console.in_is_terminal) return refuse_terminal(console, "why");
  std::optional<Time> at;
  if (arguments.has("--at")) {
    const Result<Time> time = time_on_command_line(arguments.value("--at"), arguments);
    if (!time) return complain(time.error().message);
    at = *time;
  }
  const CompiledPaths compiled = compile_paths("why", asked->paths, arguments, console);
  if (compiled.exit != Exit::done) return compiled.exit;
  if (compiled.sets.size() != 1) return complain("rules and documents are sets of their own; name those of one");
  const CompiledSet& set = compiled.sets.front();
  WhyEvents events(set, arguments, console);
  return asked->id.empty() ? tell_of_rule(set, at, events, arguments, console)
                           : tell_of_alert(asked->id, set, at, events, arguments, console);
}

}  // namespace tocsin::app
