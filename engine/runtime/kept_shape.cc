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
#include "engine/runtime/watermark.h"

namespace tocsin {
namespace {

bool waits(const Pattern& pattern) {
  return std::ranges::any_of(pattern.code, [](const SequenceInst& i) { return i.op == SequenceOp::absence; });
}

// Which matcher, and what it keeps beside what the shape says: windows of what an alert reports.
void add_pattern(std::string& out, const RuleSet& rules, const Program& program, PatternId id,
                 const MatchOptions& options) {
  out += ' ';
  const MatcherKind kind = choose_matcher(rules, program, id, options).kind;
  out += name_of(kind);
  if (kind == MatcherKind::sequence_search && waits(program.patterns[id.index])) out += " and how long it waits";
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
      how += " 3";  // of what the matchers write
      how += marked;
      add_pattern(how, rules, program, rule->when, match_options(program));
      if (rule->resolve.exists()) add_pattern(how, rules, program, rule->resolve, MatchOptions{});
      for (std::size_t inner = 0; inner < program.patterns.size(); ++inner)
        if (PatternId(inner) != rule->when && PatternId(inner) != rule->resolve && waits(program.patterns[inner]))
          how += " and how long the inner ones wait";
    }
    add_key_types(how, rules, program);
    out.push_back(hash_of(how));
  }
  return out;
}

std::vector<Duration> reaches(const RuleSet& rules) {
  std::vector<Duration> out;
  for (const Program& program : rules.programs)
    out.push_back(std::holds_alternative<RuleBody>(program.body) ? program.bounds.reach.longest.value_or(Duration{})
                                                                 : Duration{});
  return out;
}

std::optional<Lost> lost_by(Duration before, Duration now, Instant passed) {
  if (before.us == 0 || (now.us != 0 && now <= before) || passed.time == Frontier::kNothing) return std::nullopt;
  const Time at = passed.phase == Phase::over ? passed.time : passed.time + Duration{1};
  return Lost{at - before, at};
}

namespace {

// Of a rule that keeps no more events of a key than it counts to: how many. None: it keeps all that it looks at.
std::optional<std::uint32_t> keeps_only(const RuleSet& rules, const Program& program) {
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule == nullptr) return std::nullopt;
  if (choose_matcher(rules, program, rule->when, match_options(program)).kind != MatcherKind::counter)
    return std::nullopt;
  return counter_threshold(rules, program, program.patterns[rule->when.index]);
}

// A rule that starts over keeps the first wait of a key alone: its fire would end the others.
bool keeps_one_wait(const RuleSet& rules, const Program& program) {
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule == nullptr || !waits(program.patterns[rule->when.index])) return false;
  if (rule->firing != Firing::once && rule->firing != Firing::start_over) return false;
  return choose_matcher(rules, program, rule->when, match_options(program)).kind == MatcherKind::latest_chain;
}

// Clauses that are part of the shape, as the pattern is, where one of two rules has them.
std::string other_clauses(const RuleBody& a, const RuleBody& b) {
  std::string out;
  const auto add = [&out](bool differs, const char* clause) {
    if (differs) out += (out.empty() ? "" : ", ") + ("`" + std::string(clause) + "`");
  };
  add((a.learn.us != 0) != (b.learn.us != 0), "learn");
  add((a.forget.us != 0) != (b.forget.us != 0), "forget after");
  add(a.resolve.exists() != b.resolve.exists(), "resolve when");
  return out;
}

}  // namespace

std::optional<Time> warming_until(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id,
                                  std::optional<Time> passed) {
  const Program &old_program = before.programs[was.index], &new_program = now.programs[id.index];
  const auto &old_reach = old_program.bounds.reach.longest, &new_reach = new_program.bounds.reach.longest;
  if (!passed || !old_reach || !new_reach) return std::nullopt;
  const auto old_count = keeps_only(before, old_program), new_count = keeps_only(now, new_program);
  if (old_count && new_count && *new_count > *old_count) return *passed + *new_reach;
  if (keeps_one_wait(before, old_program) && !keeps_one_wait(now, new_program)) return *passed + *new_reach;
  if (*new_reach <= *old_reach) return std::nullopt;
  return *passed + (*new_reach - *old_reach);
}

bool forgot_streaks(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id) {
  const Program &old_program = before.programs[was.index], &new_program = now.programs[id.index];
  const auto* rule = std::get_if<RuleBody>(&new_program.body);
  if (rule == nullptr || !is_counted(now, new_program)) return false;
  const Pattern& pattern = new_program.patterns[rule->when.index];
  const bool is_streak = new_program.cells[pattern.evidence.front().index].window.kind == Window::Kind::streak;
  const auto old_count = keeps_only(before, old_program), new_count = keeps_only(now, new_program);
  return is_streak && old_count && new_count && *new_count > *old_count;
}

std::string why_reset(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id) {
  const Program &old_program = before.programs[was.index], &new_program = now.programs[id.index];
  const auto* old_rule = std::get_if<RuleBody>(&old_program.body);
  const auto* new_rule = std::get_if<RuleBody>(&new_program.body);
  if (old_program.shape != new_program.shape) {
    const std::string clauses = old_rule && new_rule ? other_clauses(*old_rule, *new_rule) : "";
    return clauses.empty() ? "it is another pattern now" : "it is another rule now with or without " + clauses;
  }
  std::string old_keys, new_keys;
  add_key_types(old_keys, before, old_program);
  add_key_types(new_keys, now, new_program);
  if (old_keys != new_keys) return "its key is of another type now";
  const std::string kept = "it is kept another way now";
  if (old_rule == nullptr || new_rule == nullptr) return kept;
  const ChosenMatcher a = choose_matcher(before, old_program, old_rule->when, match_options(old_program));
  const ChosenMatcher b = choose_matcher(now, new_program, new_rule->when, match_options(new_program));
  // Of two ways the one that keeps more says why.
  if (a.kind != b.kind) return a.kind < b.kind ? kept + ", no longer because: " + a.why : kept + ", because: " + b.why;
  if (is_counted(before, old_program) != is_counted(now, new_program))
    return kept + ", for `remind`, `forget`, `escalate`, `mute while` and keys from a list";
  return kept + ", for what its alert shows of its events";
}

}  // namespace tocsin
