#include "app/daemon/tap_filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <variant>

#include "app/reference_files.h"
#include "dsl/load.h"

namespace tocsin::app {
namespace {

using Refused = tl::unexpected<TapFilter::Refusal>;

Refused refuse(std::string why, std::string help = {}) {
  return Refused(TapFilter::Refusal{std::move(why), std::move(help)});
}

// Nothing that could end the name, and begin something else.
bool is_name(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u >= 'a' && u <= 'z') || (u >= 'A' && u <= 'Z') || (u >= '0' && u <= '9') || u == '_' || u >= 0x80;
  });
}

std::string free_name(const RuleSet& rules) {
  std::string out = "looked_at";
  while (std::ranges::find(rules.programs, out, &Program::name) != rules.programs.end()) out += '_';
  return out;
}

// The stream of a rule that says `when x` and no more; null: it says something else.
const Stream* only_stream(const RuleSet& rules, const std::string& rule) {
  const auto program = std::ranges::find(rules.programs, rule, &Program::name);
  if (program == rules.programs.end()) return nullptr;
  const auto* body = std::get_if<RuleBody>(&program->body);
  if (body == nullptr || program->patterns.size() != 1 || program->streams.size() != 1 || !program->cells.empty())
    return nullptr;
  const Pattern& pattern = program->patterns.front();
  const bool is_one_event = pattern.form == Pattern::Form::sequence && pattern.steps.size() == 1;
  return is_one_event && !program->streams.front().nested.exists() ? &program->streams.front() : nullptr;
}

// What stands behind the condition was put there here: whoever asked does not know of it.
constexpr std::string_view kBehind = "\n)\n  by all\n";
bool is_behind(std::string_view rule, dsl::SourceSpan span) {
  const std::size_t at = rule.rfind(kBehind);
  return at != std::string_view::npos && span.begin >= at;
}

}  // namespace

tl::expected<std::unique_ptr<TapFilter>, TapFilter::Refusal> TapFilter::make(const CompiledSet& set,
                                                                             const std::string& name,
                                                                             const std::string& where) {
  const RuleSet& running = *set.compiled.rules;
  if (name.empty() || (where.empty() && running.schema.find(name))) {
    std::unique_ptr<TapFilter> out(new TapFilter(running.code));
    out->takes_all_ = name.empty();
    if (!name.empty()) out->ways_.push_back({*running.schema.find(name), {}, {}});
    return out;
  }
  if (!is_name(name)) return refuse(fmt::format("`{}` is no name of an event", name));
  std::vector<dsl::SourceText> files = set.files;
  const std::string rule = free_name(running);
  const std::string filter = where.empty() ? "\n  by all\n" : fmt::format("(\n{}{}", where, kBehind);
  files.push_back({"--where", fmt::format("rule {}\n  when {}{}  alert low \"\"\n", rule, name, filter)});
  std::vector<dsl::Parsed> trees = dsl::parse_all(files);
  for (dsl::Parsed& tree : trees)
    std::erase_if(tree.file.items,
                  [](const ast::Item& item) { return std::holds_alternative<ast::TestDecl>(item.node); });
  dsl::CheckOptions options;
  look_into_files(options, files);
  dsl::Compiled compiled = dsl::compile(trees, options);
  for (const dsl::Diagnostic& said : compiled.diagnostics)
    if (said.level() == dsl::Level::error && said.here.span.file + 1 == files.size())
      return is_behind(files.back().text, said.here.span)
                 ? refuse("`where` is no whole condition: something is missing at its end, or it has one `)` too many",
                          "such as country != \"FR\"")
                 : refuse(said.message, said.help);
  if (trees.back().file.items.size() != 1) return refuse("`where` is no condition on one event");
  if (!compiled.ok()) compiled = compile_sound_part(files, options);  // as `run --dev` does
  if (!compiled.ok()) return refuse("the rule files are being changed", "try again");
  const Stream* stream = only_stream(*compiled.rules, rule);
  if (stream == nullptr) return refuse("`where` is no condition on one event");

  std::unique_ptr<TapFilter> out(new TapFilter(compiled.rules->code));
  bool reads_lists = false;
  for (const Alternative& alternative : stream->alternatives) {
    const EventType& type = compiled.rules->schema[alternative.type];
    const auto runs = running.schema.find(type.name);
    if (!runs) return refuse(fmt::format("no rule reads `{}`, so nothing of it is read from the records", type.name));
    if (alternative.relation.exists()) return refuse("`where` is no condition on one event");
    Way& way = out->ways_.emplace_back(Way{*runs, alternative.filter, {}});
    if (!way.filter.exists()) continue;
    const std::uint16_t reads = compiled.rules->code.exprs[way.filter.index].reads;
    if ((reads & ~(kReadsEvent | kReadsReference)) != 0)
      return refuse("`where` reads more than the event itself", "a rule keeps what came before; `where` does not");
    reads_lists = reads_lists || (reads & kReadsReference) != 0;
    for (const FieldSlot& field : type.fields) {
      const auto& fields = running.schema[*runs].fields;
      const auto same = std::ranges::find(fields, field.path, &FieldSlot::path);
      if (same == fields.end() || same->type != field.type || same->list != field.list)
        return refuse(
            fmt::format("no rule reads `{}` of `{}`, so it is not read from the records", field.name(), type.name),
            "`where` can look at what rules read");
      way.slots.push_back(static_cast<std::size_t>(same - fields.begin()));
    }
  }
  if (reads_lists) {
    auto reference = read_reference(compiled, files);
    if (!reference) return refuse(reference.error().message);
    out->reference_ = std::move(*reference);
  }
  out->rules_ = compiled.rules;
  return out;
}

bool TapFilter::wants(const Event& event) {
  if (takes_all_) return true;
  for (const Way& way : ways_) {
    if (way.type != event.type) continue;
    if (!way.filter.exists()) return true;
    row_.clear();
    for (const std::size_t slot : way.slots) row_.push_back(event.fields[slot]);
    Event seen = event;
    seen.fields = row_;
    EvalContext context;
    context.event = &seen;
    context.time = event.time;
    context.reference = reference_.get();
    context.scratch = &scratch_;
    const bool holds = evaluator_.holds(way.filter, context);
    scratch_.reset();
    if (holds) return true;
  }
  return false;
}

}  // namespace tocsin::app
