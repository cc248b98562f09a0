// `tocsin why`: why a rule fired for a key, or how far it came and what refused it. Over a file of events, by the
// engine that production runs.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>

#include "app/compiled.h"
#include "app/files.h"
#include "app/history.h"
#include "app/inputs.h"
#include "app/nearest.h"
#include "app/rules.h"
#include "app/why.h"
#include "dsl/diagnostic.h"
#include "engine/base/write.h"
#include "engine/event/write.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

std::string written(Time time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

// ----- the key asked about ------------------------------------------------------------------------------------------

// `--key ann`, `--key user=ann --key ip=10.0.0.1`: by the names of the rule's key, or in their order.
using KeyWanted = std::map<std::string, std::string>;

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

// ----- the events ---------------------------------------------------------------------------------------------------

// An event of a match, as the input has it.
struct Line {
  std::string step, id;
  Time time{};
  std::string text;
};

class Input {
 public:
  Input(const CompiledSet& set, const Arguments& arguments, Console& console)
      : set_(set), arguments_(arguments), console_(console), path_(arguments.value("--input")) {
    if (path_ == "-") kept_.assign(std::istreambuf_iterator<char>(console.in), {});
  }

  // All alerts of these rules until `until`; time goes on that far.
  Result<std::vector<Alert>> run(const dsl::Compiled& rules, std::optional<Time> until) {
    Result<CodecConfig> codec = codec_of(arguments_, set_.compiled.rules->schema);
    if (!codec) return tl::unexpected(codec.error());
    History history;
    history.rules = rules.rules;
    history.reference = set_.reference;
    history.codec = std::move(*codec);
    history.source = name_of_input(path_);
    history.end.until = until;
    std::vector<Alert> alerts;
    HistoryOutputs outputs;
    outputs.alert = [&](const Alert& alert, const DocumentNames&) { alerts.push_back(alert); };
    const Result<std::unique_ptr<Source>> source = open();
    if (!source) return tl::unexpected(source.error());
    const Result<HistoryResult> result = run_history(history, **source, outputs);
    if (!result) return tl::unexpected(result.error());
    last_ = result->last;
    return alerts;
  }
  std::optional<Time> last() const { return last_; }
  std::string id_of(const Position& p) const {
    return fmt::format("{}/{}/{}", name_of_input(path_), p.partition, p.offset);
  }

  // The lines that the alert's evidence names, in order.
  Result<std::vector<Line>> evidence_of(const Alert& alert) {
    std::map<std::uint64_t, Line> lines;
    for (const EvidenceOf& of : alert.evidence)
      for (const Position& p : of.events) lines[p.offset] = {of.label, id_of(p), {}, {}};
    if (auto read = read_lines(lines); !read) return tl::unexpected(read.error());
    std::vector<Line> out;
    for (auto& [offset, line] : lines) out.push_back(std::move(line));
    return out;
  }

 private:
  Result<std::unique_ptr<Source>> open() {
    if (path_ != "-") return open_input(path_, console_);
    again_ = std::istringstream(kept_);
    return stream_source(again_);
  }

  // What the lines say, and when it happened.
  Result<void> read_lines(std::map<std::uint64_t, Line>& lines) {
    const Result<CodecConfig> codec = codec_of(arguments_, set_.compiled.rules->schema);
    if (!codec) return tl::unexpected(codec.error());
    const Result<std::unique_ptr<Decoder>> decoder = make_decoder(*codec, set_.compiled.rules->schema);
    if (!decoder) return tl::unexpected(decoder.error());
    const Result<std::unique_ptr<Source>> source = open();
    if (!source) return tl::unexpected(source.error());
    if (auto started = (*source)->start({}); !started) return started;
    Block block;
    for (;;) {
      block.clear();
      const Result<Polled> polled = (*source)->poll(block, seconds(1));
      if (!polled) return tl::unexpected(polled.error());
      if (*polled == Polled::finished) return {};
      std::string_view text = block.bytes.view();
      for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
        const std::size_t end = std::min(text.find('\n'), text.size());
        if (const auto at = lines.find(number); at != lines.end()) at->second.text = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
      }
      EventBatch batch;
      DeadLetters dead;
      (*decoder)->decode(block, batch, dead);
      for (const Event& event : batch.events())
        if (const auto at = lines.find(event.position.offset); at != lines.end()) at->second.time = event.time;
    }
  }

  const CompiledSet& set_;
  const Arguments& arguments_;
  Console& console_;
  std::string path_, kept_;
  std::istringstream again_;
  std::optional<Time> last_;
};

// ----- the answer ---------------------------------------------------------------------------------------------------

struct Answer {
  std::string rule;
  KeyWanted key;
  Time until{};
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
    std::string text =
        fmt::format("  {:<{}}  {}  {:<{}}  {}", line.step, step, written(line.time), line.id, id, line.text);
    if (width > 0 && text.size() > static_cast<std::size_t>(width))
      text = text.substr(0, static_cast<std::size_t>(width));
    out += text + "\n";
  }
  return out;
}

std::string in_words(const Answer& a, int width) {
  const std::string whom = a.key.empty() ? "" : fmt::format(" for {}", in_words(a.key));
  std::string out;
  if (a.fired) {
    out += fmt::format("{} fired{} at {}: {}\n", a.rule, whom, written(a.fired->time), a.fired->text);
    out += lines_in_words(a.because, width);
  }
  if (!a.nearest) return out;
  out += fmt::format("{} did not fire{} {}until {}.\n", a.rule, whom, a.fired ? "again " : "", written(a.until));
  out += in_words(*a.nearest);
  if (!a.carried.empty()) out += "the events that carried it there:\n" + lines_in_words(a.carried, width);
  return out;
}

Json json_of(const std::vector<Line>& lines) {
  Json out = Json::array();
  for (const Line& line : lines)
    out.push_back({{"step", line.step}, {"time", written(line.time)}, {"id", line.id}, {"record", line.text}});
  return out;
}

std::string in_json(const Answer& a) {
  Json document = {{"schema", "tocsin/why/1"}, {"rule", a.rule}, {"key", a.key}, {"until", written(a.until)}};
  document["fired"] = nullptr;
  if (a.fired)
    document["fired"] = {{"alert_id", a.fired->id},
                         {"time", written(a.fired->time)},
                         {"text", a.fired->text},
                         {"evidence", json_of(a.because)}};
  document["nearest"] = nullptr;
  if (a.nearest)
    document["nearest"] = {{"reached", a.nearest->reached},
                           {"missing", a.nearest->missing},
                           {"ended", a.nearest->ended},
                           {"refused", a.nearest->refused},
                           {"evidence", json_of(a.carried)}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

// The rule's program, or what was wrong with the name.
Result<const Program*> rule_named(const std::string& name, const RuleSet& rules) {
  std::vector<std::string> names;
  for (const Program& program : rules.programs) {
    if (!std::holds_alternative<RuleBody>(program.body)) continue;
    if (program.name == name) return &program;
    names.push_back(program.name);
  }
  const std::string near = dsl::nearest(name, names);
  return failure(Error::Code::refused, fmt::format("there is no rule `{}`{}", name,
                                                   near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
}

// The last alert of the rule and key by then, and, where time went on after it, what became of the next.
Result<Answer> answer(const CompiledSet& set, const Program& program, KeyWanted key, std::optional<Time> at,
                      Input& input) {
  const auto of_key = [&key](const Program& p, const Alert& alert) { return is_of_key(key, p, alert); };
  Result<std::vector<Alert>> alerts = input.run(set.compiled, at);
  if (!alerts) return tl::unexpected(alerts.error());
  Answer out;
  out.rule = program.name;
  out.until = at.value_or(input.last().value_or(Time{}));
  for (Alert& alert : *alerts) {
    const Program& by = set.compiled.rules->programs[alert.rule.index];
    if (by.name == program.name && alert.time <= out.until && alert.state == Alert::State::firing && of_key(by, alert))
      out.fired = std::move(alert);
  }
  if (!out.fired || out.fired->time < out.until) {
    const Question question{program.name, of_key, out.fired ? std::optional(out.fired->time) : std::nullopt, out.until};
    out.nearest = nearest_match(
        set, question,
        [&](const dsl::Compiled& variant) { return input.run(variant, at).value_or(std::vector<Alert>()); }, written,
        [&](const Position& p) { return input.id_of(p); });
  }
  out.key = std::move(key);
  if (out.fired) {
    Result<std::vector<Line>> lines = input.evidence_of(*out.fired);
    if (!lines) return tl::unexpected(lines.error());
    out.because = std::move(*lines);
  }
  if (out.nearest && out.nearest->match) {
    Result<std::vector<Line>> lines = input.evidence_of(*out.nearest->match);
    if (!lines) return tl::unexpected(lines.error());
    out.carried = std::move(*lines);
  }
  return out;
}

}  // namespace

Exit run_why(const Arguments& arguments, Console& console) {
  const auto complain = [&](const std::string& message) { return refuse(console, "why", message); };
  if (!arguments.has("--rule")) return complain("name the rule: --rule NAME");
  if (!arguments.has("--input")) return complain("name the events: --input FILE, or --input - for standard input");
  const std::vector<std::string> paths = paths_of(arguments.operands());
  const bool from_input = std::ranges::find(paths, "-") != paths.end();
  if (from_input && arguments.value("--input") == "-")
    return complain("rules and events cannot both come from standard input");
  if ((from_input || arguments.value("--input") == "-") && console.in_is_terminal)
    return refuse_terminal(console, "why");
  std::optional<Time> at;
  if (arguments.has("--at")) {
    const Result<Time> time = time_on_command_line(arguments.value("--at"), arguments);
    if (!time) return complain(time.error().message);
    at = *time;
  }
  const CompiledPaths compiled = compile_paths("why", paths, arguments, console);
  if (compiled.exit != Exit::done) return compiled.exit;
  if (compiled.sets.size() != 1) return complain("rules and documents are sets of their own; name those of one");
  const CompiledSet& set = compiled.sets.front();

  const Result<const Program*> program = rule_named(arguments.value("--rule"), *set.compiled.rules);
  if (!program) return complain(program.error().message);
  Result<KeyWanted> key = key_of(arguments, **program);
  if (!key) return complain(key.error().message);
  Input input(set, arguments, console);
  const Result<Answer> told = answer(set, **program, std::move(*key), at, input);
  if (!told) return complain(told.error().message);
  console.out << (arguments.has("--json") || arguments.value("--format") == "json" ? in_json(*told)
                                                                                   : in_words(*told, console.width()));
  return Exit::done;
}

}  // namespace tocsin::app
