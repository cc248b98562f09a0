#include "engine/runtime/kept_shape.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>

#include "engine/program/aggregates.h"
#include "engine/program/choose.h"
#include "engine/program/dump.h"
#include "engine/program/hash.h"
#include "engine/runtime/counter_runner.h"

namespace tocsin {
namespace {

// Which matcher, and what it keeps beside what the shape says: windows of what an alert reports.
void add_pattern(std::string& out, const RuleSet& rules, const Program& program, PatternId id,
                 const MatchOptions& options) {
  out += ' ';
  const MatcherKind kind = choose_matcher(rules, program, id, options).kind;
  out += name_of(kind);
  const CellsRead read = cells_read(rules, program.patterns[id.index], options);
  for (std::size_t i = 0; i < read.cells.size(); ++i) {
    const Cell& c = program.cells[read.cells[i].index];
    fmt::format_to(std::back_inserter(out), " {}:{}:{}:{}", aggregates()[c.function.index].name, c.stream.index,
                   static_cast<int>(c.window.kind), c.second.exists() ? c.second.index : 0);
    if (i < read.of_condition || !c.stream.exists()) continue;  // the shape says what the condition counts
    const Stream& stream = program.streams[c.stream.index];
    for (const Alternative& a : stream.alternatives)
      for (const ExprId value : a.values) out += ' ' + dump(rules, program, value, a.type, stream.nested);
  }
}

// As what its keys are written (key.h): under another declared type the same key has other bytes, and what is kept
// under the old ones is asked for by nobody. Of texts and of fields that nobody declared, nothing.
void add_key_types(std::string& out, const RuleSet& rules, const Program& program) {
  for (const Input& input : program.inputs)
    for (const Role& role : input.roles)
      for (const ExprId part : role.key) {
        const Expr& expr = rules.code.exprs[part.index];
        const ExprInst& inst = rules.code.instructions[expr.begin];
        if (expr.end - expr.begin != 1 || inst.op != ExprOp::field) continue;
        const EventType& event = rules.schema[input.type];
        const FieldSlot& slot = event.fields[inst.a];
        if (!slot.declared && !event.emitted) continue;
        const Type type = slot.type == Type::floating ? Type::integer : slot.type;  // 1 and 1.0 are one key
        if (type == Type::text || type == Type::object) continue;
        fmt::format_to(std::back_inserter(out), " {}:{}={}", event.name, slot.name(), static_cast<int>(type));
      }
}

}  // namespace

std::optional<ProgramId> before_in(const RuleSet& before, const Program& program) {
  auto same = std::ranges::find(before.programs, program.name, &Program::name);
  if (same == before.programs.end() && !program.was.empty())
    same = std::ranges::find(before.programs, program.was, &Program::name);
  if (same == before.programs.end()) return std::nullopt;
  return ProgramId(static_cast<std::size_t>(same - before.programs.begin()));
}

std::vector<std::uint64_t> kept_shapes(const RuleSet& rules) {
  const std::vector<bool> asked = asked_whether_they_fire(rules);
  std::vector<std::uint64_t> out;
  for (std::size_t i = 0; i < rules.programs.size(); ++i) {
    const Program& program = rules.programs[i];
    const char* marked = program.after.empty() ? "" : " marked";  // what was emitted is kept with its mark
    const auto* rule = std::get_if<RuleBody>(&program.body);
    if (rule == nullptr) {  // the shape has its `with`
      const bool lasting = std::ranges::any_of(
          program.cells, [](const Cell& c) { return aggregates()[c.function.index].kind == AggregateKind::duration; });
      std::string how = lasting ? " lasting" : "";
      how += marked;
      add_key_types(how, rules, program);
      out.push_back(how.empty() ? program.shape : hash_of(fmt::format("{:016x}{}", program.shape, how)));
      continue;
    }
    std::string how = fmt::format("{:016x}", program.shape);
    if (!asked[i] && is_counted(rules, program)) {
      how += " counted";
    } else {
      how += " 2";  // of what the matchers write
      how += marked;
      add_pattern(how, rules, program, rule->when, match_options(program));
      if (rule->resolve.exists()) add_pattern(how, rules, program, rule->resolve, MatchOptions{});
    }
    add_key_types(how, rules, program);
    out.push_back(hash_of(how));
  }
  return out;
}

std::optional<Time> warming_until(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id,
                                  std::optional<Time> passed) {
  const Program &old_program = before.programs[was.index], &new_program = now.programs[id.index];
  const auto &old_reach = old_program.bounds.reach.longest, &new_reach = new_program.bounds.reach.longest;
  if (!passed || !old_reach || !new_reach) return std::nullopt;
  const auto kept = [](const RuleSet& rules, const Program& program) -> std::optional<std::uint32_t> {
    if (!std::holds_alternative<RuleBody>(program.body) || !is_counted(rules, program)) return std::nullopt;
    const Pattern& pattern = program.patterns[std::get<RuleBody>(program.body).when.index];
    return counter_threshold(rules, program, pattern);
  };
  const auto old_count = kept(before, old_program), new_count = kept(now, new_program);
  if (old_count && new_count && *new_count > *old_count) return *passed + *new_reach;
  if (*new_reach <= *old_reach) return std::nullopt;
  return *passed + (*new_reach - *old_reach);
}

}  // namespace tocsin
