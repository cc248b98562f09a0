#include "engine/program/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "engine/program/aggregates.h"
#include "engine/program/choose.h"
#include "engine/program/functions.h"
#include "engine/program/limits.h"

namespace tocsin {
namespace {

// They are numbered from 0 in the order of their list.
constexpr std::size_t kFacts = 0
#define X(name) +1
    TOCSIN_FACTS(X)
#undef X
    ;

class Verifier {
 public:
  explicit Verifier(RuleSet& set) : set_(set) {}

  std::vector<Fault> run() {
    for (std::size_t i = 0; i < set_.code.exprs.size(); ++i) expr(i);
    schema();
    for (const ListDef& list : set_.lists)
      for (const ConstantId item : list.items) in_range("a list's item", item, set_.code.constants.size());
    if (!faults_.empty()) return std::move(faults_);  // nobody can walk through expressions that are not whole
    for (std::size_t i = 0; i < set_.programs.size(); ++i) {
      at_ = i;
      program(set_.programs[i]);
    }
    return std::move(faults_);
  }

 private:
  template <class... Args>
  void fault(fmt::format_string<Args...> format, Args&&... args) {
    faults_.push_back(
        {at_ < set_.programs.size() ? ProgramId(at_) : ProgramId(), fmt::format(format, std::forward<Args>(args)...)});
  }

  template <class Tag>
  bool in_range(std::string_view what, Id<Tag> id, std::size_t size) {
    if (id.index < size) return true;
    fault("{} is {}, and there are {}", what, id.exists() ? std::to_string(id.index) : "none", size);
    return false;
  }
  template <class Tag>
  void optional(std::string_view what, Id<Tag> id, std::size_t size) {
    if (id.exists()) in_range(what, id, size);
  }

  // ----- the pools ---------------------------------------------------------------------------------

  void schema() {
    for (const EventType& type : set_.schema.types) {
      if (type.timestamp) in_range("the timestamp of " + type.name, *type.timestamp, type.fields.size());
      if (type.tiebreak) in_range("the tiebreak of " + type.name, *type.tiebreak, type.fields.size());
    }
  }

  void expr(std::size_t id) {
    Expr& expr = set_.code.exprs[id];
    if (expr.begin > expr.end || expr.end > set_.code.instructions.size())
      return fault("expression {} lies outside the code", id);
    std::int64_t depth = 0, most = 0;
    for (std::uint32_t i = expr.begin; i < expr.end; ++i) {
      const ExprInst& inst = set_.code.instructions[i];
      operands(id, inst);
      depth -= std::int64_t{pops_of(inst)};
      if (depth < 0) return fault("expression {} takes more than there is at {}", id, name_of(inst.op));
      most = std::max(most, ++depth);
    }
    if (depth != 1) return fault("expression {} leaves {} values, not one", id, depth);
    expr.depth = static_cast<std::uint16_t>(std::min<std::int64_t>(most, UINT16_MAX));
  }

  // What belongs to one program (slots, steps, cells) is looked at where the program uses the expression.
  void operands(std::size_t id, const ExprInst& inst) {
    const auto check = [&](std::string_view what, std::uint32_t n, std::size_t size) {
      if (n >= size) fault("expression {}: {} {} of {}, and there are {}", id, what, n, name_of(inst.op), size);
    };
    switch (inst.op) {
      case ExprOp::constant:
        check("constant", inst.a, set_.code.constants.size());
        break;
      case ExprOp::member:
        check("constant", inst.a, set_.code.constants.size());
        break;
      case ExprOp::matches:
        check("regular expression", inst.a, set_.code.regexes.size());
        break;
      case ExprOp::in_list:
        check("list", inst.a, set_.lists.size());
        break;
      case ExprOp::in_calendar:
        check("calendar", inst.a, set_.calendars.size());
        break;
      case ExprOp::call:
        check("function", inst.a, functions().size());
        if (inst.a < functions().size()) arity(id, inst);
        break;
      case ExprOp::lookup:
        check("table", inst.a, set_.tables.size());
        check("constant", inst.b, set_.code.constants.size());
        break;
      case ExprOp::some:
        check("expression", inst.a, id);  // an inner one is made first: so there are no circles
        break;
      case ExprOp::fact:
        check("fact", inst.a, kFacts);
        break;
      case ExprOp::field:
      case ExprOp::time:
      case ExprOp::previous:
      case ExprOp::previous_time:
      case ExprOp::key:
      case ExprOp::captured:
      case ExprOp::captured_first:
      case ExprOp::captured_all:
      case ExprOp::step_time:
      case ExprOp::cell:
      case ExprOp::item:
      case ExprOp::logical_not:
      case ExprOp::logical_and:
      case ExprOp::logical_or:
      case ExprOp::equal:
      case ExprOp::not_equal:
      case ExprOp::less:
      case ExprOp::less_equal:
      case ExprOp::greater:
      case ExprOp::greater_equal:
      case ExprOp::contains:
      case ExprOp::starts_with:
      case ExprOp::ends_with:
      case ExprOp::in_items:
      case ExprOp::is_missing:
      case ExprOp::add:
      case ExprOp::subtract:
      case ExprOp::multiply:
      case ExprOp::divide:
      case ExprOp::remainder:
      case ExprOp::negate:
      case ExprOp::make_list:
      case ExprOp::join:
        break;
    }
  }

  void arity(std::size_t id, const ExprInst& inst) {
    const Function& function = functions()[inst.a];
    if (inst.b < function.required || (!function.variadic && inst.b > function.args.size()))
      fault("expression {}: {} does not take {} values", id, function.name, inst.b);
  }

  // ----- where expressions stand -------------------------------------------------------------------

  struct Stand {
    std::string_view what;
    EventTypeId event;                 // fields are of this type; none: there is no event in hand
    const Pattern* pattern = nullptr;  // steps are of this one
  };

  void used(ExprId id, const Stand& stand) {
    if (!id.exists()) return;
    if (!in_range(stand.what, id, set_.code.exprs.size())) return;
    const Expr& expr = set_.code.exprs[id.index];
    if (expr.depth > kStackMax) fault("{} looks at {} values at once, more than {}", stand.what, expr.depth, kStackMax);
    for (std::uint32_t i = expr.begin; i < expr.end && i < set_.code.instructions.size(); ++i) {
      const ExprInst& inst = set_.code.instructions[i];
      use(inst, stand);
    }
  }

  void use(const ExprInst& inst, const Stand& stand) {
    const Program& program = set_.programs[at_];
    const ExprOp op = inst.op;
    if (op == ExprOp::field || op == ExprOp::previous) slot(stand, inst.a);
    if (op == ExprOp::key && inst.a >= program.key_names.size())
      fault("{} reads part {} of the key, and it has {}", stand.what, inst.a, program.key_names.size());
    if (op == ExprOp::captured || op == ExprOp::captured_first || op == ExprOp::captured_all)
      captured(stand, inst.a, inst.b);
    if (op == ExprOp::step_time && (stand.pattern == nullptr || inst.a >= stand.pattern->steps.size()))
      fault("{} reads the time of step {}, which is none", stand.what, inst.a);
    if (op == ExprOp::cell && inst.a >= program.cells.size())
      fault("{} reads aggregate {}, and there are {}", stand.what, inst.a, program.cells.size());
    if (op == ExprOp::some) used(ExprId(std::size_t{inst.a}), stand);
  }

  void slot(const Stand& stand, std::uint32_t slot) {
    if (!stand.event.exists()) return fault("{} reads field {} where no event is in hand", stand.what, slot);
    const EventType& type = set_.schema[stand.event];
    if (slot >= type.fields.size())
      fault("{} reads field {} of {}, which has {}", stand.what, slot, type.name, type.fields.size());
  }

  void captured(const Stand& stand, std::uint32_t step, std::uint32_t capture) {
    if (stand.pattern == nullptr) return fault("{} reads step {} where there is no match", stand.what, step);
    if (step >= stand.pattern->steps.size())
      return fault("{} reads step {}, and there are {}", stand.what, step, stand.pattern->steps.size());
    const std::size_t captures = stand.pattern->steps[step].captures.size();
    if (capture >= captures) fault("{} reads capture {} of step {}, which has {}", stand.what, capture, step, captures);
  }

  // ----- programs ----------------------------------------------------------------------------------

  void program(const Program& p) {
    if (p.streams.size() > kStreamsPerProgramMax)
      fault("{} kinds of events, each with its filter, more than {}", p.streams.size(), kStreamsPerProgramMax);
    for (const ProgramId other : p.after)
      if (other.index >= at_) fault("it stands before program {}, whose events it uses", other.index);
    for (const OpenDuring& open : p.open) in_range("a calendar", open.calendar, set_.calendars.size());
    optional("the list of its keys", p.keys_from, set_.lists.size());
    for (const Input& one : p.inputs) input(p, one);
    for (std::size_t i = 0; i < p.streams.size(); ++i) stream(p, i);
    for (const Cell& one : p.cells) cell(p, one);
    for (const Pattern& one : p.patterns) pattern(p, one);
    std::visit([&](const auto& b) { body(p, b); }, p.body);
  }

  void input(const Program& p, const Input& input) {
    if (!in_range("the type of an input", input.type, set_.schema.types.size())) return;
    const std::string& name = set_.schema[input.type].name;
    if (input.roles.empty()) fault("{} has no role", name);
    for (const Role& role : input.roles) {
      if (role.key.size() != p.key_names.size())
        fault("{} has a key of {} parts, the rule of {}", name, role.key.size(), p.key_names.size());
      for (const ExprId part : role.key) used(part, {"a key", input.type, nullptr});
    }
    used(input.refused, {"`except`", input.type, nullptr});
  }

  // Which pattern a stream's relations and nested values read.
  const Pattern* around(const Program& p, StreamId id) const {
    for (const Pattern& pattern : p.patterns) {
      const bool steps =
          std::any_of(pattern.steps.begin(), pattern.steps.end(), [&](const Step& s) { return s.stream == id; });
      const bool code = std::any_of(pattern.code.begin(), pattern.code.end(),
                                    [&](const SequenceInst& i) { return i.stream == id || i.breaking == id; });
      if (steps || code) return &pattern;
    }
    return nullptr;
  }

  void stream(const Program& p, std::size_t index) {
    const Stream& stream = p.streams[index];
    optional("a counted pattern", stream.nested, p.patterns.size());
    if (stream.alternatives.empty()) fault("stream {} has no events", index);
    for (const Alternative& one : stream.alternatives) {
      if (stream.nested.exists()) {
        const Pattern* inner = stream.nested.index < p.patterns.size() ? &p.patterns[stream.nested.index] : nullptr;
        for (const ExprId value : one.values) used(value, {"a value", {}, inner});
        continue;
      }
      if (!in_range("the type of a stream", one.type, set_.schema.types.size())) continue;
      const bool known =
          std::any_of(p.inputs.begin(), p.inputs.end(), [&](const Input& i) { return i.type == one.type; });
      if (!known) fault("stream {} is of {}, which is no input", index, set_.schema[one.type].name);
      used(one.filter, {"a filter", one.type, nullptr});
      if (one.relation.exists()) used(one.relation, {"a relation", one.type, around(p, StreamId(index))});
      for (const ExprId value : one.values) used(value, {"a value", one.type, nullptr});
    }
  }

  // An aggregate does not say whose steps it is over.
  static std::size_t steps_most(const Program& p) {
    std::size_t most = 0;
    for (const Pattern& pattern : p.patterns) most = std::max(most, pattern.steps.size());
    return most;
  }

  static std::size_t captures_most(const Program& p, StepId step) {
    std::size_t most = 0;
    for (const Pattern& pattern : p.patterns)
      if (step.index < pattern.steps.size()) most = std::max(most, pattern.steps[step.index].captures.size());
    return most;
  }

  void cell(const Program& p, const Cell& cell) {
    in_range("the function of an aggregate", cell.function, aggregates().size());
    if (cell.window.kind != Window::Kind::step) in_range("the stream of an aggregate", cell.stream, p.streams.size());
    optional("the second stream of an aggregate", cell.second, p.streams.size());
    optional("what breaks a streak", cell.window.breaking, p.streams.size());
    if (cell.window.kind == Window::Kind::step &&
        in_range("the step of an aggregate", cell.window.step, steps_most(p)) &&
        cell.window.capture != Window::kNoCapture && cell.window.capture >= captures_most(p, cell.window.step))
      fault("an aggregate over capture {} of step {}, which has {}", cell.window.capture, cell.window.step.index,
            captures_most(p, cell.window.step));
    const bool looks_back =
        cell.baseline.kind == Baseline::Kind::average || cell.baseline.kind == Baseline::Kind::zscore;
    if (!looks_back || cell.window.kind == Window::Kind::frame) return;
    if (cell.window.length.us <= 0) return fault("an aggregate that looks back on windows of no length");
    if (windows_before(cell) > kWindowsMax)
      fault("an aggregate that looks back on {} windows, more than {}", windows_before(cell), kWindowsMax);
  }

  void pattern(const Program& p, const Pattern& pattern) {
    if (pattern.steps.size() > kStepsPerPatternMax)
      fault("{} steps, more than {}", pattern.steps.size(), kStepsPerPatternMax);
    for (const Step& step : pattern.steps) steps(p, pattern, step);
    optional("the stream of a pattern", pattern.stream, p.streams.size());
    optional("what a pattern compares with", pattern.compared, p.streams.size());
    optional("the counted step", pattern.counted, pattern.steps.size());
    for (const CellId id : pattern.evidence) in_range("an aggregate of the evidence", id, p.cells.size());
    for (const EventTypeId type : pattern.bases) in_range("a base", type, set_.schema.types.size());
    used(pattern.condition, {"the condition", {}, &pattern});
    used(pattern.value, {"`value`", {}, &pattern});
    used(pattern.baseline, {"`baseline`", {}, &pattern});
    if (pattern.form == Pattern::Form::sequence) return sequence(p, pattern);
    if (!pattern.stream.exists()) fault("a pattern without a stream");
    const bool counts = pattern.form == Pattern::Form::condition || pattern.form == Pattern::Form::aligned;
    if (counts != pattern.condition.exists()) fault("a pattern {} a condition", counts ? "without" : "with");
  }

  void steps(const Program& p, const Pattern&, const Step& step) {
    optional("the stream of a step", step.stream, p.streams.size());
    if (step.captures.size() != step.capture_names.size())
      fault("a step with {} captures and {} names", step.captures.size(), step.capture_names.size());
    if (!step.stream.exists() || step.stream.index >= p.streams.size()) return;
    const Stream& stream = p.streams[step.stream.index];
    const Pattern* inner =
        stream.nested.exists() && stream.nested.index < p.patterns.size() ? &p.patterns[stream.nested.index] : nullptr;
    for (const std::vector<ExprId>& capture : step.captures) {
      if (capture.size() != stream.alternatives.size())
        fault("a capture for {} of {} alternatives", capture.size(), stream.alternatives.size());
      for (std::size_t i = 0; i < capture.size() && i < stream.alternatives.size(); ++i)
        used(capture[i], {"a capture", stream.alternatives[i].type, inner});
    }
  }

  void sequence(const Program& p, const Pattern& pattern) {
    std::vector<std::uint32_t> open;
    const auto& code = pattern.code;
    if (code.empty() || code.back().op != SequenceOp::match) fault("a sequence that does not end in match");
    for (std::uint32_t i = 0; i < code.size(); ++i) {
      const SequenceInst& inst = code[i];
      optional("a step", inst.step, pattern.steps.size());
      optional("a stream", inst.stream, p.streams.size());
      optional("a breaking stream", inst.breaking, p.streams.size());
      if (inst.low > inst.high) fault("{} to {} at {}", inst.low, inst.high, i);
      switch (inst.op) {
        case SequenceOp::take:
        case SequenceOp::maybe:
        case SequenceOp::repeat:
        case SequenceOp::streak:
        case SequenceOp::until:
          if (!inst.step.exists() || !inst.stream.exists())
            fault("{} without a step or a stream at {}", name_of(inst.op), i);
          break;
        case SequenceOp::forbid:
        case SequenceOp::absence:
          if (!inst.stream.exists()) fault("{} without a stream at {}", name_of(inst.op), i);
          break;
        case SequenceOp::open:
        case SequenceOp::any_of:
          open.push_back(i);
          break;
        case SequenceOp::close:
        case SequenceOp::end_any: {
          const SequenceOp begin = inst.op == SequenceOp::close ? SequenceOp::open : SequenceOp::any_of;
          if (open.empty() || code[open.back()].op != begin || inst.jump != open.back() || code[open.back()].jump != i)
            fault("{} at {} ends nothing", name_of(inst.op), i);
          if (!open.empty()) open.pop_back();
          break;
        }
        case SequenceOp::alternative:
          if (open.empty() || code[open.back()].op != SequenceOp::any_of) fault("an alternative of nothing at {}", i);
          break;
        case SequenceOp::match:
          if (i + 1 != code.size()) fault("match at {} is not the end", i);
          break;
        case SequenceOp::adjacent:
        case SequenceOp::within:
          break;
      }
    }
    if (!open.empty()) fault("{} at {} has no end", name_of(code[open.back()].op), open.back());
    const auto maybes = static_cast<std::size_t>(std::count_if(code.begin(), code.end(), [](const SequenceInst& inst) {
      return inst.op == SequenceOp::maybe || (inst.op == SequenceOp::open && inst.low == 0 && !inst.repeats);
    }));
    if (maybes > kMaybesPerPatternMax) fault("{} maybes, more than {}", maybes, kMaybesPerPatternMax);
  }

  // ----- bodies ------------------------------------------------------------------------------------

  void body(const Program& p, const RuleBody& rule) {
    if (!in_range("`when`", rule.when, p.patterns.size())) return;
    const Pattern* when = &p.patterns[rule.when.index];
    optional("`resolve when`", rule.resolve, p.patterns.size());
    used(rule.where, {"`where`", {}, when});
    for (const Input& input : p.inputs)
      for (const Role& role : input.roles)
        for (const StepId step : role.steps) in_range("the step of a role", step, when->steps.size());
    for (const StreamId reset : rule.resets) in_range("`reset on`", reset, p.streams.size());
    for (const Budget& budget : rule.budgets)
      for (const ExprId key : budget.keys) used(key, {"`fire at most`", {}, when});
    if (rule.resume) in_range("`resume at`", rule.resume->step, when->steps.size());
    for (const Mute& mute : rule.mutes) {
      if (!in_range("`mute while`", mute.rule, at_)) continue;
      for (const auto& [ours, theirs] : mute.same) {
        used(ours, {"`on same`", {}, nullptr});
        if (theirs >= set_.programs[mute.rule.index].key_names.size())
          fault("`on same` part {} of the other key", theirs);
      }
    }
    if (rule.alert) {
      used(rule.alert->text, {"the text", {}, when});
      used(rule.alert->runbook, {"the runbook", {}, when});
      for (const NamedExpr& field : rule.alert->fields) used(field.value, {field.name, {}, when});
    }
    for (const EmitDef& emitted : rule.emits) emit(emitted, when);
  }

  void body(const Program& p, const SessionBody& session) {
    in_range("the events of a session", session.of, p.streams.size());
    for (const SessionBody::Gap& gap : session.gaps) optional("`when last is`", gap.when_last, p.streams.size());
    for (const StreamId end : session.ends) in_range("`ends on`", end, p.streams.size());
    for (const StreamId start : session.starts) in_range("`starts on`", start, p.streams.size());
    emit(session.emit, nullptr);
    if (!session.each || session.of.index >= p.streams.size()) return;
    const auto& alternatives = p.streams[session.of.index].alternatives;
    for (const EachDef::Field& field : session.each->fields) {
      if (field.values.size() != alternatives.size())
        fault("`each` has {} values of {} for {} alternatives", field.values.size(), field.name, alternatives.size());
      for (std::size_t i = 0; i < field.values.size() && i < alternatives.size(); ++i)
        used(field.values[i], {field.name, alternatives[i].type, nullptr});
    }
  }

  void body(const Program& p, const SummaryBody& summary) {
    in_range("the events of a summary", summary.of, p.streams.size());
    emit(summary.emit, nullptr);
  }

  void emit(const EmitDef& emitted, const Pattern* when) {
    if (!in_range("the emitted event", emitted.type, set_.schema.types.size())) return;
    const EventType& type = set_.schema[emitted.type];
    if (emitted.fields.size() != type.fields.size())
      fault("{} is emitted with {} fields and has {}", type.name, emitted.fields.size(), type.fields.size());
    for (const ExprId field : emitted.fields) used(field, {"an emitted field", {}, when});
  }

  RuleSet& set_;
  std::size_t at_ = SIZE_MAX;
  std::vector<Fault> faults_;
};

}  // namespace

std::vector<Fault> verify(RuleSet& set) { return Verifier(set).run(); }

}  // namespace tocsin
