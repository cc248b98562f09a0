// Core patterns to Program patterns: sequences to code, conditions to cells.
#include "dsl/emit/patterns.h"

#include <algorithm>

#include "engine/program/aggregates.h"

namespace tocsin::dsl::emitting {

using core::Element;
using core::Form;

PatternScope& ProgramMaker::rows(const core::Stream& of) {
  PatternScope& scope = scopes_.emplace_back();
  scope.rows = &of;
  scope.window.kind = tocsin::Window::Kind::frame;
  scope.whole = stream(of, {}, nullptr);
  return scope;
}

PatternScope& ProgramMaker::pattern(const core::Pattern& core, std::span<const StepInfo> steps) {
  const auto around = std::exchange(steps_, steps);
  PatternScope& scope = scopes_.emplace_back();
  scope.id = PatternId(program_.patterns.size());
  scope.local.resize(steps.size());
  scope.sequence = core.form == Form::sequence;
  program_.patterns.emplace_back().form = core.form;
  const std::size_t cells_from = program_.cells.size();
  switch (core.form) {
    case Form::sequence:
      emit_sequence(scope, core);
      break;
    case Form::condition:
    case Form::aligned:
      emit_condition(scope, core);
      break;
    case Form::idle:
    case Form::without:
    case Form::novelty:
    case Form::silence:
    case Form::holds:
    case Form::ranking:
      emit_instant(scope, core);
      break;
  }
  collect_bases(scope, cells_from);
  steps_ = around;
  return scope;
}

// ----- steps --------------------------------------------------------------------------------------------

// F17: the bound name, else the alias or event as written; a union has none, its events are called by their parts.
std::string ProgramMaker::label_of(std::uint32_t number, const core::Stream& stream, const std::string& name) const {
  if (!name.empty()) return name;
  if (number < steps_.size() && steps_[number].bound) return steps_[number].name;
  return stream.label.starts_with('(') ? std::string() : stream.label;
}

StepId ProgramMaker::add_step(PatternScope& scope, std::uint32_t number, const std::string& label, bool repeated) {
  Step step;
  step.label = label;
  step.repeated = repeated || scope.repeating > 0;
  of(scope).steps.push_back(std::move(step));
  const StepId id(of(scope).steps.size() - 1);
  if (number < scope.local.size()) scope.local[number] = id;
  return id;
}

void ProgramMaker::set_stream(PatternScope& scope, StepId step, const core::Stream& from) {
  const StreamId id = stream(from, {}, &scope);
  of(scope).steps[step.index].stream = id;
}

// ----- sequences ----------------------------------------------------------------------------------------

std::uint32_t ProgramMaker::emit(PatternScope& scope, SequenceInst inst) {
  auto& code = of(scope).code;
  code.push_back(inst);
  return static_cast<std::uint32_t>(code.size() - 1);
}

namespace {

bool repeats(const Element& e) {
  if (e.kind == Element::Kind::repeat || e.kind == Element::Kind::streak) return true;
  return e.kind == Element::Kind::group && e.repeats;
}

// F18: the only repeated element, if there is exactly one.
void find_repeated(const core::Body& body, std::vector<const Element*>& out) {
  for (const Element& e : body.elements) {
    if (repeats(e)) out.push_back(&e);
    for (const core::Body& inner : e.bodies) find_repeated(inner, out);
  }
}

SequenceInst instruction(SequenceOp op) {
  SequenceInst out;
  out.op = op;
  return out;
}

}  // namespace

void ProgramMaker::emit_sequence(PatternScope& scope, const core::Pattern& core) {
  scope.window.kind = tocsin::Window::Kind::frame;
  emit_body(scope, core.body);
  SequenceInst match = instruction(SequenceOp::match);
  match.bound = core.body.within;
  emit(scope, match);
  std::vector<const Element*> repeated;
  find_repeated(core.body, repeated);
  if (repeated.size() == 1 && repeated.front()->step < scope.local.size())
    of(scope).counted = scope.local[repeated.front()->step];
}

void ProgramMaker::emit_body(PatternScope& scope, const core::Body& body) {
  for (const Element& element : body.elements) emit_element(scope, element);
  if (!body.ending) return;
  SequenceInst inst = instruction(SequenceOp::absence);
  inst.stream = stream(body.ending->stream, {}, &scope);
  inst.bound = body.ending->bound.length;
  if (body.ending->bound.of < scope.local.size()) inst.step = scope.local[body.ending->bound.of];
  emit(scope, inst);
}

void ProgramMaker::emit_link(PatternScope& scope, const core::Link& link) {
  for (const core::Stream& no : link.no) {
    SequenceInst inst = instruction(SequenceOp::forbid);
    inst.stream = stream(no, {}, &scope);
    emit(scope, inst);
  }
  if (link.next) emit(scope, instruction(SequenceOp::adjacent));
  if (!link.within) return;
  SequenceInst inst = instruction(SequenceOp::within);
  inst.bound = link.within->length;
  if (link.within->of < scope.local.size()) inst.step = scope.local[link.within->of];
  emit(scope, inst);
}

namespace {

SequenceOp op_of(Element::Kind kind) {
  switch (kind) {
    case Element::Kind::take:
      return SequenceOp::take;
    case Element::Kind::maybe:
      return SequenceOp::maybe;
    case Element::Kind::repeat:
      return SequenceOp::repeat;
    case Element::Kind::streak:
      return SequenceOp::streak;
    case Element::Kind::group:
      return SequenceOp::open;
    case Element::Kind::any_of:
      return SequenceOp::any_of;
  }
  return SequenceOp::take;
}

}  // namespace

void ProgramMaker::emit_element(PatternScope& scope, const Element& element) {
  emit_link(scope, element.link);
  SequenceInst inst = instruction(op_of(element.kind));
  inst.low = element.low;
  inst.high = element.high;
  inst.repeats = element.kind == Element::Kind::group && repeats(element);
  const bool takes = element.bodies.empty();
  // A group has a step of its own only where something can ask for it.
  const bool named = element.step < steps_.size() && (steps_[element.step].bound || repeats(element));
  if (takes || named) {
    inst.step = add_step(scope, element.step, label_of(element.step, element.stream, {}), repeats(element));
    if (takes) set_stream(scope, inst.step, element.stream);
  }
  if (takes) inst.stream = of(scope).steps[inst.step.index].stream;
  if (element.breaking.exists()) inst.breaking = stream(element.breaking, {}, &scope);
  const std::uint32_t begin = emit(scope, inst);
  if (element.kind == Element::Kind::group) {
    scope.repeating += repeats(element) ? 1 : 0;
    emit_body(scope, element.bodies.front());
    scope.repeating -= repeats(element) ? 1 : 0;
    SequenceInst close = instruction(SequenceOp::close);
    close.bound = element.bodies.front().within;
    close.jump = begin;
    of(scope).code[begin].jump = emit(scope, close);
  }
  if (element.kind == Element::Kind::any_of) {
    for (const core::Body& alternative : element.bodies) {
      emit(scope, instruction(SequenceOp::alternative));
      emit_body(scope, alternative);
    }
    SequenceInst end = instruction(SequenceOp::end_any);
    end.jump = begin;
    of(scope).code[begin].jump = emit(scope, end);
  }
  if (!element.until.exists()) return;
  SequenceInst until = instruction(SequenceOp::until);
  until.step = add_step(scope, element.until_step, label_of(element.until_step, element.until, {}), false);
  set_stream(scope, until.step, element.until);
  until.stream = of(scope).steps[until.step.index].stream;
  emit(scope, until);
}

// ----- conditions ---------------------------------------------------------------------------------------

tocsin::Window ProgramMaker::window(const core::Window& from, PatternScope& scope) {
  tocsin::Window out;
  out.kind = from.kind;
  out.length = from.length;
  out.cap = from.cap;
  out.count = from.count;
  if (from.breaking.exists()) out.breaking = stream(from.breaking, {}, &scope);
  return out;
}

// Where a condition as written is judged: at every event that it names.
StreamId ProgramMaker::union_of_cells(const std::vector<CellId>& cells) {
  tocsin::Stream made;
  const auto add = [&](StreamId id) {
    if (!id.exists()) return;
    for (tocsin::Alternative alternative : program_.streams[id.index].alternatives) {
      alternative.values.clear();
      const bool known = std::any_of(made.alternatives.begin(), made.alternatives.end(), [&](const auto& a) {
        return a.type == alternative.type && (!a.filter.exists() || a.filter == alternative.filter);
      });
      if (!known) made.alternatives.push_back(std::move(alternative));
    }
  };
  for (const CellId id : cells) {
    add(program_.cells[id.index].stream);
    add(program_.cells[id.index].second);
  }
  for (const tocsin::Alternative& a : made.alternatives) made.label += (made.label.empty() ? "" : " or ") + a.label;
  const auto found = std::find(program_.streams.begin(), program_.streams.end(), made);
  if (found != program_.streams.end()) return StreamId(static_cast<std::size_t>(found - program_.streams.begin()));
  program_.streams.push_back(std::move(made));
  return StreamId(program_.streams.size() - 1);
}

void ProgramMaker::emit_condition(PatternScope& scope, const core::Pattern& core) {
  StepId x;
  if (core.x.exists()) {
    scope.x = &core.x;
    scope.x_step = core.step;
    x = add_step(scope, core.step, label_of(core.step, core.x, core.name), true);
    set_stream(scope, x, core.x);
  } else {
    x = add_step(scope, kNone, {}, true);
  }
  scope.window = window(core.window, scope);
  const ExprId condition = expr(core.condition, Hand{kNone, &scope});
  const std::vector<CellId> cells = cells_of(code_.instructions(condition));
  StreamId judged = of(scope).steps[x.index].stream;
  if (core.judged.exists()) judged = stream(core.judged, {}, &scope);
  if (!core.x.exists()) judged = of(scope).steps[x.index].stream = union_of_cells(cells);
  tocsin::Pattern& out = of(scope);
  out.condition = condition;
  out.evidence = cells;
  out.stream = judged;
  out.judged_at_expiry = core.at_expiry;
  out.needs_seen = core.needs_seen;
  out.length = core.length;
  out.hold = core.hold;
  out.zone = core.zone;
  facts_of_condition(scope, core);
}

namespace {

bool is_comparison(ast::BinaryOp op) {
  using enum ast::BinaryOp;
  return op == equal || op == not_equal || op == less || op == less_equal || op == greater || op == greater_equal;
}

const ast::Binary* first_comparison(const ast::Expr& expr) {
  if (const auto* unary = std::get_if<ast::Unary>(&expr.node)) return first_comparison(*unary->operand);
  const auto* binary = std::get_if<ast::Binary>(&expr.node);
  if (binary == nullptr || is_comparison(binary->op)) return binary;
  const ast::Binary* left = first_comparison(*binary->left);
  return left != nullptr ? left : first_comparison(*binary->right);
}

}  // namespace

// N1: the left side of the first comparison, and what it is compared with: without the factor, `usually {baseline}`.
void ProgramMaker::facts_of_condition(PatternScope& scope, const core::Pattern& core) {
  const ast::Binary* first = core.x.exists() ? nullptr : first_comparison(core.condition);
  if (first == nullptr) return;
  const Hand hand{kNone, &scope};
  const ExprId value = expr(*first->left, hand);
  ExprId baseline;
  if (const auto* its = std::get_if<ast::Its>(&first->right->node)) {
    ast::Its bare = *its;
    bare.factor.reset();
    Builder out;
    put_its(bare, *first->left, hand, out);
    baseline = code_.expr(out.code, out.reads);
  } else {
    baseline = expr(*first->right, hand);
  }
  of(scope).value = value;
  of(scope).baseline = baseline;
}

// ----- the other forms ----------------------------------------------------------------------------------

void ProgramMaker::emit_instant(PatternScope& scope, const core::Pattern& core) {
  scope.x = &core.x;
  scope.x_step = core.step;
  scope.window.length = core.length;
  const StepId x = add_step(scope, core.step, label_of(core.step, core.x, core.name), false);
  const StreamId happens = stream(core.x, core.values, &scope);
  const StreamId compared = core.compared.exists() ? stream(core.compared, {}, &scope) : StreamId{};
  tocsin::Pattern& out = of(scope);
  out.steps[x.index].stream = out.stream = happens;
  out.compared = core.form == Form::idle ? happens : compared;
  out.length = core.length;
  out.count = core.count;
}

// Q8: every base that the pattern names, also after `no`, `until`, `of`.
void ProgramMaker::collect_bases(PatternScope& scope, std::size_t cells_from) {
  std::vector<EventTypeId> bases;
  const auto add = [&](StreamId id) {
    if (!id.exists()) return;
    const tocsin::Stream& stream = program_.streams[id.index];
    if (stream.nested.exists())
      for (const EventTypeId type : program_.patterns[stream.nested.index].bases)
        if (std::find(bases.begin(), bases.end(), type) == bases.end()) bases.push_back(type);
    for (const tocsin::Alternative& a : stream.alternatives)
      if (a.type.exists() && std::find(bases.begin(), bases.end(), a.type) == bases.end()) bases.push_back(a.type);
  };
  tocsin::Pattern& out = of(scope);
  for (const SequenceInst& inst : out.code) {
    add(inst.stream);
    add(inst.breaking);
  }
  add(out.stream);
  add(out.compared);
  for (std::size_t i = cells_from; i < program_.cells.size(); ++i) {
    add(program_.cells[i].stream);
    add(program_.cells[i].second);
    add(program_.cells[i].window.breaking);
  }
  out.bases = std::move(bases);
}

}  // namespace tocsin::dsl::emitting
