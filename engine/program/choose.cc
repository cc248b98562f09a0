#include "engine/program/choose.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "engine/base/wording.h"
#include "engine/program/aggregates.h"

namespace tocsin {
namespace {

// A ring of N: beyond that a count is a matter for a window of its own.
constexpr std::uint32_t kRingMax = 65'536;

// What a person should know of a long window.
constexpr const char* kReadsAll = "; every event reads all that is in its windows";

bool is_ema(const Cell& cell) { return aggregates()[cell.function.index].kind == AggregateKind::ema; }

// Does what the rule reports read more of the events than the matcher keeps?
bool reads(const RuleSet& rules, const MatchOptions& options, std::uint16_t what) {
  return std::any_of(options.reported.begin(), options.reported.end(),
                     [&](ExprId id) { return id.exists() && (rules.code.exprs[id.index].reads & what) != 0; });
}

ChosenMatcher condition(const RuleSet& rules, const Program& program, const Pattern& pattern,
                        const MatchOptions& options) {
  // What keeps a condition from the counter; or, where that is no use either, from running windows.
  const auto window = [&](std::string why) {
    const CellsRead read = cells_read(rules, pattern, options);
    const std::string refused = not_running(program, pattern, read);
    if (!refused.empty()) return ChosenMatcher{MatcherKind::window, refused + kReadsAll};
    if (std::ranges::any_of(read.cells, [&](CellId id) { return is_ema(program.cells[id.index]); }))
      why += "; whenever an event has left it, `ema` reads its window again";
    std::int64_t past = 0;
    for (const CellId id : read.cells) past = std::max(past, windows_before(program.cells[id.index]));
    if (past > 1)
      why += fmt::format("; compared with {} windows of the past: an event passes through each, and is judged in each",
                         grouped(static_cast<std::uint64_t>(past)));
    return ChosenMatcher{MatcherKind::running_window, std::move(why)};
  };
  if (!counter_threshold(rules, program, pattern))
    return window("the condition is not the count of one stream, or is judged by time too");
  if (options.firing != Firing::once && options.firing != Firing::start_over)
    return window("`fire always` shows every event of the window, not only the last N");
  if (options.remembers)
    return window(
        "`where`, `learn`, `mute`, `during`, `resolve when` or `fire at most` looks at the count without a fire");
  const Cell& cell = program.cells[pattern.evidence.front().index];
  for (const Alternative& a : program.streams[cell.stream.index].alternatives)
    if (rules.schema[a.type].emitted)
      return window("its events are emitted, and have the evidence of what emitted them");
  if (reads(rules, options, kReadsSteps | kReadsCells)) return window("the alert reads fields of the counted events");
  return {MatcherKind::counter,
          "N of one stream " + std::string(cell.window.kind == Window::Kind::streak ? "in a row" : "in one window") +
              ", and the alert shows no more than these N"};
}

// `(a then b within D) then no x within E`: parentheses around all steps, before an absence. Their bound is that of the
// chain.
bool is_around_all_steps(const Pattern& pattern, const SequenceInst& open) {
  const auto& code = pattern.code;
  const bool once = open.low == 1 && open.high == 1 && code.back().op == SequenceOp::match && code.back().bound.us == 0;
  return once && &open == &code.front() && open.jump + 3 == code.size() &&
         code[open.jump + 1].op == SequenceOp::absence;
}

// Why the pattern is no sequence of single steps that do not look at each other; empty: it is one.
std::string not_a_chain(const Program& program, const Pattern& pattern) {
  const auto relates = [&](StreamId id) {
    const auto& alternatives = program.streams[id.index].alternatives;
    return std::any_of(alternatives.begin(), alternatives.end(),
                       [](const Alternative& a) { return a.relation.exists(); });
  };
  for (const SequenceInst& inst : pattern.code) {
    switch (inst.op) {
      case SequenceOp::take:
        if (relates(inst.stream)) return "a filter looks at another step";
        break;
      case SequenceOp::absence:
        if (inst.step.exists()) return "the absence counts from a step that is not the last";
        if (relates(inst.stream)) return "a filter looks at another step";
        break;
      case SequenceOp::match:
        break;
      case SequenceOp::maybe:
        return "a `maybe` is filled in when the rest is known";
      case SequenceOp::repeat:
      case SequenceOp::streak:
      case SequenceOp::until:
        return "a repeated step takes all events of its place";
      case SequenceOp::open:
        if (!is_around_all_steps(pattern, inst)) return "a pattern in parentheses has bounds of its own";
        break;
      case SequenceOp::close:
        break;
      case SequenceOp::any_of:
      case SequenceOp::alternative:
      case SequenceOp::end_any:
        return "alternatives come in any order";
      case SequenceOp::forbid:
      case SequenceOp::adjacent:
        return "what lies between two steps decides";
      case SequenceOp::within:
        return "a bound of one step may refuse the latest choice";
    }
  }
  return {};
}

ChosenMatcher sequence(const RuleSet& rules, const Program& program, const Pattern& pattern,
                       const MatchOptions& options) {
  const auto search = [](std::string why) { return ChosenMatcher{MatcherKind::sequence_search, std::move(why)}; };
  if (options.where.exists()) return search("`where` may refuse the latest choice");
  if (options.resume) return search("`resume at` keeps partial matches");
  if (std::string why = not_a_chain(program, pattern); !why.empty()) return search(std::move(why));
  if (reads(rules, options, kReadsCells)) return search("the alert reads aggregates of its steps");
  if (options.firing == Firing::every_match) {
    const bool waits = std::any_of(pattern.code.begin(), pattern.code.end(),
                                   [](const SequenceInst& i) { return i.op == SequenceOp::absence; });
    if (waits) return search("`fire every match` waits with all choices");
    return {MatcherKind::every_chain, "single steps that do not look at each other: every choice of them is a match"};
  }
  if (pattern.code.size() == 2) return {MatcherKind::latest_chain, "one step alone: each such event is a match"};
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
    case MatcherKind::every_chain:
      return "every chain";
    case MatcherKind::window:
      return "window";
    case MatcherKind::running_window:
      return "running window";
    case MatcherKind::counter:
      return "counter";
    case MatcherKind::instant:
      return "instant";
  }
  return {};
}

Duration chain_within(const Pattern& pattern) {
  const auto& code = pattern.code;
  return code.front().op == SequenceOp::open ? code[code.front().jump].bound : code.back().bound;
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
      if (!cells_read(rules, pattern, options).cells.empty())
        return {MatcherKind::window, std::string("the alert reads aggregates") + kReadsAll};
      if (program.streams[pattern.stream.index].nested.exists())
        return {MatcherKind::window, std::string("it counts matches, not events") + kReadsAll};
      return {MatcherKind::running_window, "how often each value is there is kept as events come and go"};
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

std::optional<std::uint32_t> counter_threshold(const RuleSet& rules, const Program& program, const Pattern& pattern) {
  if (pattern.form != Pattern::Form::condition || pattern.evidence.size() != 1 || pattern.judged_at_expiry ||
      pattern.needs_seen || pattern.hold.us != 0 || pattern.true_of_nothing)
    return std::nullopt;
  const Cell& cell = program.cells[pattern.evidence.front().index];
  if (aggregates()[cell.function.index].kind != AggregateKind::count || cell.second.exists() ||
      cell.baseline.kind != Baseline::Kind::none || program.streams[cell.stream.index].nested.exists())
    return std::nullopt;
  const bool window = cell.window.kind == Window::Kind::span && cell.window.length.us > 0;
  const bool streak = cell.window.kind == Window::Kind::streak && cell.window.cap.us == 0;
  if (!window && !streak) return std::nullopt;
  // What evidence calls an event must follow from its type alone.
  const auto& alternatives = program.streams[cell.stream.index].alternatives;
  for (const Alternative& a : alternatives)
    if (!a.values.empty() || std::count_if(alternatives.begin(), alternatives.end(),
                                           [&](const Alternative& b) { return b.type == a.type; }) != 1)
      return std::nullopt;
  const Expr& e = rules.code.exprs[pattern.condition.index];
  const auto* code = rules.code.instructions.data() + e.begin;
  if (e.end - e.begin != 3 || code[0].op != ExprOp::cell || code[1].op != ExprOp::constant ||
      code[2].op != ExprOp::greater_equal)
    return std::nullopt;
  const auto* n = std::get_if<std::int64_t>(&rules.code.constants[code[1].a].value);
  if (n == nullptr || *n < 1 || *n > kRingMax) return std::nullopt;
  return static_cast<std::uint32_t>(*n);
}

std::int64_t windows_before(const Cell& cell) {
  switch (cell.baseline.kind) {
    case Baseline::Kind::none:
    case Baseline::Kind::forecast:
      return 0;
    case Baseline::Kind::previous:
      return 1;
    case Baseline::Kind::average:
    case Baseline::Kind::zscore:
      return cell.window.length.us == 0 ? 0 : cell.baseline.over.us / cell.window.length.us;  // 0: no past to speak of
  }
  return 0;
}

CellsRead cells_read(const RuleSet& rules, const Pattern& pattern, const MatchOptions& options) {
  CellsRead out;
  const auto visit = [&](auto&& self, ExprId id) -> void {
    if (!id.exists()) return;
    const Expr& expr = rules.code.exprs[id.index];
    for (std::uint32_t i = expr.begin; i < expr.end; ++i) {
      const ExprInst& inst = rules.code.instructions[i];
      if (inst.op == ExprOp::cell) {
        const CellId cell{inst.a};
        if (std::find(out.cells.begin(), out.cells.end(), cell) == out.cells.end()) out.cells.push_back(cell);
      }
      if (inst.op == ExprOp::some) self(self, ExprId{inst.a});
    }
  };
  visit(visit, pattern.condition);
  out.of_condition = out.cells.size();
  visit(visit, pattern.value);
  visit(visit, pattern.baseline);
  visit(visit, options.where);
  for (const ExprId id : options.reported) visit(visit, id);
  return out;
}

std::string not_running(const Program& program, const Pattern& pattern, const CellsRead& read) {
  if (pattern.form != Pattern::Form::condition) return "it is judged at the end of its window";
  for (const CellId id : pattern.evidence)
    if (std::find(read.cells.begin(), read.cells.end(), id) == read.cells.end())
      return "it shows what it does not read";
  for (const CellId id : read.cells) {
    const Cell& cell = program.cells[id.index];
    const bool looks_back =
        cell.baseline.kind != Baseline::Kind::none && cell.baseline.kind != Baseline::Kind::forecast;
    const bool span = cell.window.kind == Window::Kind::span;
    if (cell.window.kind == Window::Kind::frame || cell.window.kind == Window::Kind::step)
      return "an aggregate of the match reads all its events";
    if (cell.second.exists() && (!span || looks_back)) return "a ratio of other than two windows of one length";
    if (looks_back && (!span || cell.window.length.us == 0)) return "it is compared with windows of no length";
    for (const StreamId stream : {cell.stream, cell.second})
      if (stream.exists() && program.streams[stream.index].nested.exists()) return "it counts matches, not events";
  }
  return {};
}

}  // namespace tocsin
