#include "engine/match/choose.h"

#include <algorithm>
#include <variant>

#include "engine/match/counter.h"
#include "engine/match/latest_chain.h"

namespace tocsin {
namespace {

// Does what the rule reports read more of the events than the matcher keeps?
bool reads(const RuleSet& rules, const MatchOptions& options, std::uint16_t what) {
  return std::any_of(options.reported.begin(), options.reported.end(),
                     [&](ExprId id) { return id.exists() && (rules.code.exprs[id.index].reads & what) != 0; });
}

bool is_emitted(const RuleSet& rules, EventTypeId type) {
  return std::any_of(rules.programs.begin(), rules.programs.end(), [type](const Program& p) {
    if (const auto* rule = std::get_if<RuleBody>(&p.body))
      return std::any_of(rule->emits.begin(), rule->emits.end(), [type](const EmitDef& e) { return e.type == type; });
    if (const auto* session = std::get_if<SessionBody>(&p.body)) return session->emit.type == type;
    return std::get<SummaryBody>(p.body).emit.type == type;
  });
}

ChosenMatcher condition(const RuleSet& rules, const Program& program, const Pattern& pattern,
                        const MatchOptions& options) {
  const auto window = [](std::string why) { return ChosenMatcher{MatcherKind::window, std::move(why)}; };
  if (!counter_threshold(rules, program, pattern)) return window("the condition is more than one count of one stream");
  if (options.firing != Firing::once && options.firing != Firing::start_over)
    return window("`fire always` shows every event of the window, not only the last N");
  if (options.remembers) return window("a clause looks at the count when the rule does not fire");
  const Cell& cell = program.cells[pattern.evidence.front().index];
  for (const Alternative& a : program.streams[cell.stream.index].alternatives)
    if (is_emitted(rules, a.type)) return window("its events are emitted, and have the evidence of what emitted them");
  if (reads(rules, options, kReadsSteps | kReadsCells)) return window("the alert reads fields of the counted events");
  return {MatcherKind::counter,
          "N of one stream " + std::string(cell.window.kind == Window::Kind::streak ? "in a row" : "in one window") +
              ", and the alert shows no more than these N"};
}

ChosenMatcher sequence(const RuleSet& rules, const Program& program, const Pattern& pattern,
                       const MatchOptions& options) {
  const auto search = [](std::string why) { return ChosenMatcher{MatcherKind::sequence_search, std::move(why)}; };
  if (options.firing == Firing::every_match) return search("`fire every match` asks for all choices");
  if (options.where.exists()) return search("`where` may refuse the latest choice");
  if (options.resume) return search("`resume at` keeps partial matches");
  if (std::string why = not_a_chain(program, pattern); !why.empty()) return search(std::move(why));
  if (reads(rules, options, kReadsCells)) return search("the alert reads aggregates of its steps");
  return {MatcherKind::latest_chain,
          "single steps that do not look at each other: the latest choice of each is the best"};
}

}  // namespace

std::string_view name_of(MatcherKind kind) {
  switch (kind) {
    case MatcherKind::sequence_search:
      return "search";
    case MatcherKind::latest_chain:
      return "latest chain";
    case MatcherKind::window:
      return "window";
    case MatcherKind::counter:
      return "counter";
    case MatcherKind::instant:
      return "instant";
  }
  return {};
}

ChosenMatcher choose_matcher(const RuleSet& rules, const Program& program, PatternId id, const MatchOptions& options) {
  const Pattern& pattern = program.patterns[id.index];
  switch (pattern.form) {
    case Pattern::Form::sequence:
      return sequence(rules, program, pattern, options);
    case Pattern::Form::condition:
      return condition(rules, program, pattern, options);
    case Pattern::Form::aligned:
      return {MatcherKind::window, "the window stands still and is judged at its end"};
    case Pattern::Form::ranking:
      return {MatcherKind::window, "a ranking counts every value of its window"};
    case Pattern::Form::idle:
    case Pattern::Form::without:
    case Pattern::Form::novelty:
    case Pattern::Form::silence:
    case Pattern::Form::holds:
      return {MatcherKind::instant, "the last event decides"};
  }
  return {};
}

MatchOptions match_options(const Program& program) {
  MatchOptions options;
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule == nullptr) return options;
  options.firing = rule->firing;
  options.where = rule->where;
  options.resume = rule->resume;
  options.remembers = rule->learn.us != 0 || rule->where.exists() || rule->resolve.exists() || !rule->mutes.empty() ||
                      !rule->budgets.empty() || !program.open.empty();
  const auto read = [&options](ExprId id) {
    if (id.exists()) options.reported.push_back(id);
  };
  if (rule->alert) {
    read(rule->alert->text);
    read(rule->alert->runbook);
    for (const NamedExpr& f : rule->alert->fields) read(f.value);
  }
  for (const EmitDef& e : rule->emits)
    for (const ExprId f : e.fields) read(f);
  return options;
}

}  // namespace tocsin
