// `tocsin explain`: the page of a code, or all that is known of a rule: read aloud, drawn, with its bounds, its core
// form and its program.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <ostream>

#include "app/calls.h"
#include "app/command.h"
#include "app/files.h"
#include "app/graph.h"
#include "app/rules.h"
#include "dsl/code_pages.h"
#include "dsl/compile.h"
#include "dsl/emit.h"
#include "dsl/lex.h"
#include "dsl/lines.h"
#include "dsl/reading.h"
#include "dsl/render.h"
#include "engine/base/overloaded.h"
#include "engine/base/wording.h"
#include "engine/program/choose.h"
#include "engine/program/dump.h"
#include "engine/program/predicate_index.h"
#include "engine/runtime/placement.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

// `r021` is R021; anything but R and three digits is the name of a rule.
std::string as_code(std::string word) {
  const bool digits = word.size() == 4 &&
                      std::all_of(word.begin() + 1, word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits || (word[0] != 'R' && word[0] != 'r')) return {};
  word[0] = 'R';
  return word;
}

Exit print_code(const dsl::CodeInfo& row, const std::string& format, Console& console) {
  if (format == "json") {
    const Json document = {{"schema", "tocsin/explain/1"},
                           {"code", row.code},
                           {"level", row.level == dsl::Level::error ? "error" : "warning"},
                           {"title", row.title},
                           {"page", row.page},
                           {"wrong", row.wrong},
                           {"right", row.right}};
    console.out << document.dump() << "\n";
    return Exit::done;
  }
  if (format != "text") return refuse(console, "explain", fmt::format("a code has no automaton to draw as {}", format));
  console.out << dsl::code_page(row, std::min(console.terminal_width, 100));
  return Exit::done;
}

// A function or an aggregate, or both of one name.
Exit print_calls(std::span<const Call> calls, const std::string& format, Console& console) {
  if (format != "text" && format != "json")
    return refuse(console, "explain", fmt::format("a function has no automaton to draw as {}", format));
  for (const Call& call : calls) {
    const Json document = {{"schema", "tocsin/explain/1"},
                           {"kind", call.aggregate ? "aggregate" : "function"},
                           {"name", call.name},
                           {"form", call.form},
                           {"gives", call.gives},
                           {"of_nothing", call.aggregate ? Json(call.of_nothing) : Json(nullptr)},
                           {"help", call.help}};
    console.out << (format == "json" ? document.dump() + "\n" : (&call == calls.data() ? "" : "\n") + in_text(call));
  }
  return Exit::done;
}

// ----- what is known of one rule, session or summary ----------------------------------------------------------------

// Which matcher runs a pattern of the rule.
struct Matched {
  std::string what;  // "when", "resolve when", or the pattern that is counted like an event
  ChosenMatcher matcher;
};

// How the keys are spread over shards.
struct Spread {
  std::vector<std::string> by;      // keys with the same of these are together; empty: all of them
  std::string why;                  // they all are on one shard; empty: they are not
  std::vector<std::string> behind;  // whose events come from all shards
};

struct Known {
  std::string kind, name, title, doc, place;
  std::vector<std::string> sentences;
  std::vector<std::string> keys;
  std::optional<Graph> graph;  // of rules
  // Unknown while the rule set has errors.
  std::string core, program;
  std::vector<Matched> matchers;      // of rules
  std::vector<std::string> found_by;  // one for each event: what brings it to this program (predicate_index.h)
  std::optional<Bounds> bounds;
  std::optional<Spread> spread;
};

std::string place_of(dsl::SourceSpan span, std::span<const dsl::SourceText> files) {
  const dsl::SourceText& file = files[span.file];
  return fmt::format("{}:{}", file.path, dsl::Lines(file.text).position(span.begin).line);
}

std::vector<std::string> names_of(const std::vector<dsl::KeyInfo>& keys) {
  std::vector<std::string> names;
  for (const dsl::KeyInfo& key : keys) names.push_back(key.name);
  return names;
}

// The names that can be explained, in the order written.
std::vector<std::string> names_in(const dsl::Model& model) {
  std::vector<std::string> names;
  for (const auto& rule : model.rules) names.push_back(rule.name);
  for (const auto& session : model.sessions) names.push_back(session.decl.name.text);
  for (const auto& summary : model.summaries) names.push_back(summary.decl.name.text);
  return names;
}

// What sessions and summaries have in common.
template <class Info>
Known known_rows(const char* kind, const Info& info, std::span<const dsl::SourceText> files) {
  Known known;
  known.kind = kind;
  known.name = info.decl.name.text;
  known.doc = info.doc;
  known.place = place_of(info.decl.name.span, files);
  known.sentences = dsl::read_aloud(info);
  known.keys = names_of(info.keys);
  return known;
}

Known known_rule(const dsl::RuleInfo& rule, const dsl::Model& model, std::span<const dsl::SourceText> files) {
  Known known;
  known.kind = "rule";
  known.name = rule.name;
  known.title = rule.title;
  known.doc = rule.doc;
  known.place = place_of(rule.at, files);
  known.sentences = dsl::read_aloud(rule, model);
  known.keys = names_of(rule.keys);
  known.graph = graph_of(rule);
  return known;
}

std::optional<Known> find(const dsl::Model& model, std::string_view name, std::span<const dsl::SourceText> files) {
  std::optional<Known> out;
  dsl::with_maker(model, name,
                  Overloaded{[&](const dsl::RuleInfo& rule) { out = known_rule(rule, model, files); },
                             [&](const dsl::SessionInfo& session) { out = known_rows("session", session, files); },
                             [&](const dsl::SummaryInfo& summary) { out = known_rows("summary", summary, files); }});
  return out;
}

std::vector<Matched> matchers_of(const RuleSet& set, const Program& program) {
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule == nullptr) return {};
  std::vector<Matched> out;
  for (std::size_t i = 0; i < program.patterns.size(); ++i) {
    const PatternId id(i);
    std::string what = id == rule->when ? "when" : id == rule->resolve ? "resolve when" : "";
    for (const Stream& stream : program.streams)
      if (stream.nested == id) what = stream.label.empty() ? "the pattern that is counted" : stream.label;
    out.push_back({what, choose_matcher(set, program, id, id == rule->when ? match_options(program) : MatchOptions{})});
  }
  return out;
}

std::string why_on_one_shard(const RuleSet& set, ProgramId id, const Gathered& gathered) {
  using Why = Gathered::Why;
  const std::string name = '`' + set.programs[gathered.program.index].name + '`';
  const std::string other = '`' + set.programs[gathered.other.index].name + '`';
  const bool is_other = gathered.program != id;
  switch (gathered.why) {
    case Why::by_all:
      return is_other ? fmt::format("{}, with which it is linked, has no key", name) : "it has no key";
    case Why::changing_key:
      return fmt::format("the key of {} is looked up in a list or table, which may change", name);
    case Why::shared_budget:
      return fmt::format("`fire at most` of {} is shared by keys that have nothing in common", name);
    case Why::uses:
      return fmt::format("{} uses {}, their keys have nothing in common, and it cannot run behind it", name, other);
    case Why::muted:
      return fmt::format("{} is muted while {} fires, whatever the key", name, other);
    case Why::mixed:
      return fmt::format("the keys of the rules that are linked, from {} to {}, have nothing in common all along", name,
                         other);
  }
  return {};
}

Spread spread_of(const RuleSet& set, ProgramId id) {
  const Placement placement(set, 1);
  Spread out;
  if (const auto& gathered = placement.gathered(id)) out.why = why_on_one_shard(set, id, *gathered);
  for (const std::uint32_t part : placement.dealt(id).parts) out.by.push_back(set.programs[id.index].key_names[part]);
  for (const ProgramId used : set.programs[id.index].after)
    if (placement.is_above(id, used)) out.behind.push_back(set.programs[used.index].name);
  return out;
}

// The core form and the program: of a set without errors only.
void compile_into(Known& known, const dsl::Model& model) {
  known.core = dsl::core_form(model, known.name);
  const RuleSet set = dsl::emit(model);
  const auto program = std::ranges::find(set.programs, known.name, &Program::name);
  if (program == set.programs.end()) return;
  known.program = dump(set, *program);
  known.matchers = matchers_of(set, *program);
  const PredicateIndex index(set);
  const ProgramId id(static_cast<std::size_t>(program - set.programs.begin()));
  for (const Input& input : program->inputs)
    known.found_by.push_back(
        fmt::format("{}: {}", set.schema[input.type].name, dump_access(set, input.type, index.access(input.type, id))));
  known.bounds = program->bounds;
  known.spread = spread_of(set, id);
}

// ----- showing it ---------------------------------------------------------------------------------------------------

// How long an event matters: what `check` warns of is said in the same breath.
std::string reach_in_words(const Known& known) {
  const Reach& reach = known.bounds->reach;
  std::string text;
  if (reach.longest && reach.longest->us > 0)
    text = fmt::format("an event matters for {} at most\n", dsl::in_words(*reach.longest));
  if (!reach.longest)
    text =
        known.kind == "rule"
            ? "nothing bounds how long an event matters; a key's partial match can live for ever (R107)\n"
        : known.kind == "session"
            ? "nothing bounds how long a session lasts: it goes on as long as its events do (`at most 12h` ends it)\n"
            : "an event matters as long as its key is kept\n";
  if (reach.keeps_every_key) text += "every key is kept for ever (R109)\n";
  return text;
}

std::string bounds_in_words(const Known& known) {
  const Bounds& bounds = *known.bounds;
  if (bounds.bytes_per_key == 0) return "nothing is kept of a key\n";
  return reach_in_words(known) + fmt::format("a key keeps {} and {} at most: {}\n",
                                             counted(bounds.events_per_key, "record"),
                                             counted(bounds.bytes_per_key, "byte"), bounds.limited_by);
}

std::string spread_in_words(const Spread& spread) {
  std::string out = "keys are spread over all of them";
  if (!spread.why.empty()) out = fmt::format("all keys are on one: {}", spread.why);
  if (!spread.by.empty()) out += fmt::format(", those with the same {} together", fmt::join(spread.by, ", "));
  for (const std::string& name : spread.behind)
    out += fmt::format("\nit runs behind `{}`, whose events come from all of them", name);
  return out + '\n';
}

std::string matchers_in_words(const std::vector<Matched>& matchers) {
  std::string text;
  for (const Matched& m : matchers)
    text +=
        fmt::format("{}{}: {}\n", matchers.size() == 1 ? "" : m.what + ": ", name_of(m.matcher.kind), m.matcher.why);
  return text;
}

std::string in_text(const Known& known, std::size_t width, bool colours) {
  const auto heading = [&](std::string_view word) {
    return colours ? fmt::format("\n\x1b[1m{}\x1b[0m\n", word) : fmt::format("\n{}\n", word);
  };
  std::string out = fmt::format("{} {} ({})\n", known.kind, known.name, known.place);
  if (!known.title.empty()) out += fmt::format("\"{}\"\n", known.title);
  if (!known.doc.empty()) out += fmt::format("{}\n", known.doc);
  out += heading("in words");
  for (const std::string& sentence : known.sentences) out += indented(dsl::wrapped(sentence, width - 2));
  out += heading("key") +
         indented(known.keys.empty() ? "none: all events together" : fmt::format("{}", fmt::join(known.keys, ", ")));
  if (known.graph) out += heading("automaton") + indented(draw_text(*known.graph, width - 2));
  if (known.bounds) out += heading("bounds") + indented(bounds_in_words(known));
  if (known.spread) out += heading("shards") + indented(spread_in_words(*known.spread));
  if (!known.matchers.empty()) out += heading("matcher") + indented(matchers_in_words(known.matchers));
  if (!known.found_by.empty())
    out += heading("asked at") + indented(fmt::format("{}\n", fmt::join(known.found_by, "\n")));
  if (!known.core.empty()) out += heading("core form") + indented(known.core);
  if (!known.program.empty()) out += heading("program") + indented(known.program);
  return out;
}

std::string_view word_of(Node::Kind kind) {
  switch (kind) {
    case Node::Kind::start:
      return "start";
    case Node::Kind::waiting:
      return "waiting";
    case Node::Kind::fires:
      return "fires";
    case Node::Kind::dropped:
      return "dropped";
  }
  return {};
}

std::string_view word_of(Edge::Kind kind) {
  switch (kind) {
    case Edge::Kind::advance:
      return "advance";
    case Edge::Kind::stay:
      return "stay";
    case Edge::Kind::leave:
      return "leave";
    case Edge::Kind::timer:
      return "timer";
  }
  return {};
}

Json json_of(const Graph& graph) {
  Json nodes = Json::array(), edges = Json::array();
  for (const Node& node : graph.nodes) nodes.push_back({{"kind", word_of(node.kind)}, {"label", node.label}});
  for (const Edge& edge : graph.edges)
    edges.push_back({{"from", edge.from}, {"to", edge.to}, {"kind", word_of(edge.kind)}, {"label", edge.label}});
  return {{"nodes", std::move(nodes)}, {"edges", std::move(edges)}};
}

std::string in_json(const Known& known) {
  Json document = {{"schema", "tocsin/explain/1"},
                   {"kind", known.kind},
                   {"name", known.name},
                   {"title", known.title},
                   {"doc", known.doc},
                   {"place", known.place},
                   {"keys", known.keys},
                   {"sentences", known.sentences}};
  document["graph"] = known.graph ? json_of(*known.graph) : Json(nullptr);
  document["core"] = known.core.empty() ? Json(nullptr) : Json(known.core);
  document["program"] = known.program.empty() ? Json(nullptr) : Json(known.program);
  document["matchers"] = Json::array();
  for (const Matched& m : known.matchers)
    document["matchers"].push_back({{"of", m.what}, {"name", name_of(m.matcher.kind)}, {"why", m.matcher.why}});
  document["asked_at"] = known.found_by;
  document["shards"] = nullptr;
  if (const std::optional<Spread>& s = known.spread)
    document["shards"] = {{"one", !s->why.empty()},
                          {"why", s->why.empty() ? Json(nullptr) : Json(s->why)},
                          {"by", s->by},
                          {"behind", s->behind}};
  document["bounds"] = nullptr;
  if (const std::optional<Bounds>& b = known.bounds)
    document["bounds"] = {
        {"longest_window", b->reach.longest ? Json(static_cast<double>(b->reach.longest->us) / 1e6) : Json(nullptr)},
        {"bytes_per_key", b->bytes_per_key},
        {"events_per_key", b->events_per_key},
        {"keeps_every_key", b->reach.keeps_every_key},
        {"limited_by", b->limited_by}};
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

Exit print_known(const Known& known, const std::string& format, Console& console) {
  const std::size_t width = static_cast<std::size_t>(std::clamp(console.terminal_width, 40, 120));
  if (format == "text") {
    console.out << in_text(known, width, console.colours);
  } else if (format == "json") {
    console.out << in_json(known);
  } else if (!known.graph) {
    return refuse(console, "explain", fmt::format("a {} has no automaton to draw as {}", known.kind, format));
  } else {
    console.out << (format == "dot"       ? draw_dot(*known.graph)
                    : format == "mermaid" ? draw_mermaid(*known.graph)
                                          : draw_svg(*known.graph));
  }
  return Exit::done;
}

Exit explain_rule(const std::string& name, std::span<const std::string> operands, const Arguments& arguments,
                  const std::string& format, Console& console) {
  const std::vector<std::string> paths = paths_of(operands);
  if (waits_for_terminal(paths, console)) return refuse_terminal(console, "explain");
  const Result<ReadRules> rules = read_rules(paths, arguments, console);
  if (!rules) return unreadable(console, "explain", rules.error());
  std::vector<std::string> names = names_of_calls();
  for (const ReadSet& set : rules->sets) {
    std::optional<Known> known = find(set.model, name, rules->files_of(set));
    if (!known) {
      std::ranges::move(names_in(set.model), std::back_inserter(names));
      continue;
    }
    const bool sound =
        std::ranges::none_of(set.diagnostics, [](const dsl::Diagnostic& d) { return d.level() == dsl::Level::error; });
    if (sound) {
      compile_into(*known, set.model);
    } else {
      console.err << "tocsin explain: the rules have errors (see `tocsin check`); what would run is left out\n";
    }
    return print_known(*known, format, console);
  }
  const std::string near = dsl::nearest(name, names);
  return refuse(console, "explain",
                fmt::format("there is no rule, session, summary, function or code `{}` in {}{}", name,
                            fmt::join(paths, ", "), near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
}

}  // namespace

Exit run_explain(const Arguments& arguments, Console& console) {
  const std::string& word = arguments.operands().front();
  const std::string format = arguments.has("--json") ? "json" : arguments.value("--format", "text");
  const std::span<const std::string> paths = std::span(arguments.operands()).subspan(1);
  // Rules may be called r021 too; whoever names files means a rule.
  const dsl::CodeInfo* row = paths.empty() || word.starts_with('R') ? dsl::find_code(as_code(word)) : nullptr;
  // No rule may be called like one.
  if (const std::vector<Call> calls = calls_named(word); !calls.empty()) return print_calls(calls, format, console);
  return row != nullptr ? print_code(*row, format, console) : explain_rule(word, paths, arguments, format, console);
}

}  // namespace tocsin::app
