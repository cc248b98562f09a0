// A stack machine with one switch. When code is compiled here, three things are found out once so that no event pays
// for them: how deep each expression's stack gets, which conjuncts a filter falls into (so that the first false one
// ends it), and which conjuncts are of the kind that most are, `field compared with constant`, which need no stack at
// all.
#include "engine/program/eval.h"

#include <re2/re2.h>

#include <algorithm>
#include <functional>
#include <string>
#include <utility>

#include "engine/base/arena.h"
#include "engine/base/contract.h"
#include "engine/base/utf8.h"
#include "engine/event/encode.h"
#include "engine/program/functions.h"
#include "engine/program/made_text.h"
#include "engine/program/operators.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

// What `some` is looking at, and what stands around it (X7).
struct Around {
  Value item;
  const Around* outer = nullptr;
};

// A part of a filter that must be true. Most are `field OP constant`; those have a test of their own, chosen by the
// operator and the constant's type once, so that an event pays for nothing but the comparison.
struct Conjunct {
  std::uint32_t begin = 0, end = 0;
  bool (*test)(const Value&, const Conjunct&) = nullptr;  // null: run the code
  ExprOp op = ExprOp::constant;
  std::uint32_t slot = 0;
  Value constant;
  double as_double = 0;  // a number constant that is the same as a double
  bool has_double = false;
};

std::uint32_t depth_of(std::span<const ExprInst> code) {
  std::uint32_t depth = 0, deepest = 0;
  for (const ExprInst& inst : code) {
    TOCSIN_ASSERT(depth >= pops_of(inst));
    depth = depth - pops_of(inst) + 1;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

// Where the operand that ends before `end` begins.
std::uint32_t operand_begin(std::span<const ExprInst> code, std::uint32_t end) {
  std::uint32_t wanted = 1;
  while (wanted > 0) wanted = wanted - 1 + pops_of(code[--end]);
  return end;
}

bool compares(ExprOp op) {
  return op == ExprOp::equal || op == ExprOp::not_equal || op == ExprOp::less || op == ExprOp::less_equal ||
         op == ExprOp::greater || op == ExprOp::greater_equal;
}

Value compared(ExprOp op, const Value& a, const Value& b) {
  using namespace operators;
  if (op == ExprOp::equal) return equal_values(a, b);
  if (op == ExprOp::not_equal) return logical_not(equal_values(a, b));
  return ordered(a, b, [op](std::partial_ordering order) {
    return op == ExprOp::less         ? order < 0
           : op == ExprOp::less_equal ? order <= 0
           : op == ExprOp::greater    ? order > 0
                                      : order >= 0;
  });
}

bool test_any(const Value& value, const Conjunct& c) { return operators::is_true(compared(c.op, value, c.constant)); }

template <bool kEqual>
bool test_text(const Value& value, const Conjunct& c) {
  if (value.type() != Type::text) return !kEqual && !value.is_missing();  // another type is another value
  return (value.as_text() == c.constant.as_text()) == kEqual;
}

template <class Holds>
bool test_number(const Value& value, const Conjunct& c) {
  if (value.type() == Type::floating && c.has_double) return Holds{}(value.as_floating(), c.as_double);
  if (value.type() == Type::integer && c.constant.type() == Type::integer)
    return Holds{}(value.as_integer(), c.constant.as_integer());
  return test_any(value, c);
}

// REQUIRES: compares(op).
bool (*test_for(ExprOp op, const Value& constant))(const Value&, const Conjunct&) {
  if (constant.type() == Type::text && op == ExprOp::equal) return test_text<true>;
  if (constant.type() == Type::text && op == ExprOp::not_equal) return test_text<false>;
  if (!constant.is_number()) return test_any;
  if (op == ExprOp::equal) return test_number<std::equal_to<>>;
  if (op == ExprOp::not_equal) return test_number<std::not_equal_to<>>;
  if (op == ExprOp::less) return test_number<std::less<>>;
  if (op == ExprOp::less_equal) return test_number<std::less_equal<>>;
  return op == ExprOp::greater ? test_number<std::greater<>> : test_number<std::greater_equal<>>;
}

Value field_of(const Event* event, std::uint32_t slot) {
  return event != nullptr && slot < event->fields.size() ? event->fields[slot] : Value();
}

// A member by its whole name, else along its dots.
Value member_of(const Value& value, std::string_view name) {
  if (value.type() != Type::object) return {};
  for (const Member& member : value.as_object())
    if (member.name == name) return member.value;
  const std::size_t dot = name.find('.');
  if (dot == std::string_view::npos) return {};
  return member_of(member_of(value, name.substr(0, dot)), name.substr(dot + 1));
}

Value nearest_member(const Around* around, std::string_view name) {
  for (; around != nullptr; around = around->outer)
    if (const Value found = member_of(around->item, name); !found.is_missing()) return found;
  return {};
}

// Values whose constructor would cost more than the expression: written before they are read.
class Stack {
 public:
  Stack(std::size_t depth, Scratch& scratch)
      : values_(depth <= kNear ? reinterpret_cast<Value*>(near_) : scratch.arena().array<Value>(depth).data()) {}
  Value* values() const { return values_; }

 private:
  static constexpr std::size_t kNear = 24;  // all but lists of many items
  alignas(Value) std::byte near_[kNear * sizeof(Value)];
  Value* values_;
};

}  // namespace

struct Evaluator::Compiled {
  std::vector<ExprInst> code;
  struct Body {
    std::uint32_t begin = 0, end = 0, depth = 0;
    std::uint32_t first_conjunct = 0, last_conjunct = 0;
  };
  std::vector<Body> bodies;
  std::vector<Conjunct> conjuncts;
  std::vector<Value> constants;
  std::vector<std::unique_ptr<re2::RE2>> regexes;
  std::vector<Value (*)(std::span<const Value>, Scratch&)> calls;
  Arena arena;  // owns what the constants view

  explicit Compiled(const Code& from) : code(from.instructions) {
    for (const Constant& c : from.constants) constants.push_back(copy_value(value_of(c), arena));
    for (const Function& f : functions()) calls.push_back(f.call);
    for (const std::string& r : from.regexes) regexes.push_back(compiled_regex(r));
    for (const Expr& e : from.exprs) add(e);
  }

  // Null, if it is no regular expression: then nothing matches it. The checker has told the author.
  static std::unique_ptr<re2::RE2> compiled_regex(const std::string& pattern) {
    re2::RE2::Options options;
    options.set_log_errors(false);
    auto regex = std::make_unique<re2::RE2>(pattern, options);
    return regex->ok() ? std::move(regex) : nullptr;
  }

  void add(const Expr& expr) {
    Body body{expr.begin, expr.end, depth_of(std::span(code).subspan(expr.begin, expr.end - expr.begin)),
              static_cast<std::uint32_t>(conjuncts.size()), 0};
    if (expr.end > expr.begin) add_conjuncts(expr.begin, expr.end);
    body.last_conjunct = static_cast<std::uint32_t>(conjuncts.size());
    bodies.push_back(body);
  }

  void add_conjuncts(std::uint32_t begin, std::uint32_t end) {
    if (code[end - 1].op != ExprOp::logical_and) return add_conjunct(begin, end);
    const std::uint32_t middle = operand_begin(code, end - 1);
    add_conjuncts(begin, middle);
    add_conjuncts(middle, end - 1);
  }

  void add_conjunct(std::uint32_t begin, std::uint32_t end) {
    Conjunct c;
    c.begin = begin;
    c.end = end;
    const ExprInst& last = code[end - 1];
    if (end - begin == 3 && code[begin].op == ExprOp::field && code[begin + 1].op == ExprOp::constant &&
        compares(last.op) && last.a == 0) {
      c.op = last.op;
      c.slot = code[begin].a;
      c.constant = constants[code[begin + 1].a];
      c.test = test_for(c.op, c.constant);
      c.as_double = c.constant.is_number() ? c.constant.number() : 0;
      c.has_double = equal(c.constant, Value::floating(c.as_double));
    }
    conjuncts.push_back(c);
  }

  Value run(std::uint32_t begin, std::uint32_t end, std::uint32_t depth, const EvalContext& context,
            const Around* around) const;
  [[gnu::noinline]] bool all_hold(const Conjunct* at, const Conjunct* end, std::uint32_t depth,
                                  const EvalContext& context) const {
    return std::all_of(at, end, [&](const Conjunct& c) { return holds(c, depth, context); });
  }
  bool holds(const Conjunct& c, std::uint32_t depth, const EvalContext& context) const {
    if (c.test != nullptr) return c.test(field_of(context.event, c.slot), c);
    return operators::is_true(run(c.begin, c.end, depth, context, nullptr));
  }
  Value in_list(const Value& value, const ExprInst& inst, const EvalContext& context) const {
    if (value.is_missing()) return {};
    return Value::boolean(context.reference != nullptr &&
                          context.reference->contains(ListId(inst.a), value, inst.b != 0));
  }
  Value in_calendar(const Value& value, const ExprInst& inst, const EvalContext& context) const {
    if (value.type() != Type::time || context.reference == nullptr) return {};
    return Value::boolean(context.reference->open(CalendarId(inst.a), value.as_time()));
  }
  Value matches(const Value& value, std::uint32_t which) const {
    if (value.is_missing()) return {};
    const auto& regex = regexes[which];
    if (value.type() != Type::text || regex == nullptr) return Value::boolean(false);
    const std::string_view text = value.as_text();
    return Value::boolean(regex->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0));
  }
  Value some(const Value& list, std::uint32_t which, const EvalContext& context, const Around* around) const {
    if (list.type() != Type::list) return {};
    const Body& body = bodies[which];
    for (const Value& item : list.as_list()) {
      const Around here{item, around};
      if (operators::is_true(run(body.begin, body.end, body.depth, context, &here))) return Value::boolean(true);
    }
    return Value::boolean(false);
  }
};

Value Evaluator::Compiled::run(std::uint32_t begin, std::uint32_t end, std::uint32_t depth, const EvalContext& context,
                               const Around* around) const {
  namespace op = operators;
  Scratch& scratch = *context.scratch;
  const Stack stack(depth, scratch);
  Value* top = stack.values();  // one beyond the last
  const auto fold_if = [&](std::uint32_t fold) {
    return fold != 0 ? op::folded(top[-2], top[-1], scratch) : op::Folded{top[-2], top[-1]};
  };
  const MatchView* match = context.match;
  for (std::uint32_t at = begin; at != end; ++at) {
    const ExprInst& inst = code[at];
    switch (inst.op) {
      case ExprOp::constant:
        *top++ = constants[inst.a];
        break;
      case ExprOp::field:
        *top++ = field_of(context.event, inst.a);
        break;
      case ExprOp::time:
        *top++ = Value::time(context.time);
        break;
      case ExprOp::previous:
        *top++ = field_of(context.previous, inst.a);
        break;
      case ExprOp::previous_time:
        *top++ = context.previous != nullptr ? Value::time(context.previous->time) : Value();
        break;
      case ExprOp::key:
        *top++ = inst.a < context.key.size() ? context.key[inst.a] : Value();
        break;
      case ExprOp::captured:
        *top++ = match != nullptr ? match->captured(StepId(inst.a), inst.b, Which::last) : Value();
        break;
      case ExprOp::captured_first:
        *top++ = match != nullptr ? match->captured(StepId(inst.a), inst.b, Which::first) : Value();
        break;
      case ExprOp::captured_all:
        *top++ = match != nullptr ? match->captured(StepId(inst.a), inst.b, Which::all) : Value();
        break;
      case ExprOp::step_time:
        *top++ = match != nullptr ? match->step_time(StepId(inst.a)) : Value();
        break;
      case ExprOp::cell:
        *top++ = match != nullptr ? match->cell(CellId(inst.a)) : Value();
        break;
      case ExprOp::fact:
        *top++ = match != nullptr ? match->fact(static_cast<Fact>(inst.a)) : Value();
        break;
      case ExprOp::member:
        *top++ = nearest_member(around, constants[inst.a].as_text());
        break;
      case ExprOp::item:
        *top++ = around != nullptr ? around->item : Value();
        break;
      case ExprOp::logical_not:
        top[-1] = op::logical_not(top[-1]);
        break;
      case ExprOp::logical_and:
        top[-2] = op::logical_and(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::logical_or:
        top[-2] = op::logical_or(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::equal:
      case ExprOp::not_equal:
      case ExprOp::less:
      case ExprOp::less_equal:
      case ExprOp::greater:
      case ExprOp::greater_equal: {
        const op::Folded sides = fold_if(inst.a);
        top[-2] = compared(inst.op, sides.left, sides.right);
        --top;
        break;
      }
      case ExprOp::contains:
        top[-2] = op::contains(top[-2], top[-1], inst.a != 0, scratch);
        --top;
        break;
      case ExprOp::starts_with: {
        const op::Folded sides = fold_if(inst.a);
        top[-2] = op::starts_with(sides.left, sides.right);
        --top;
        break;
      }
      case ExprOp::ends_with: {
        const op::Folded sides = fold_if(inst.a);
        top[-2] = op::ends_with(sides.left, sides.right);
        --top;
        break;
      }
      case ExprOp::matches:
        top[-1] = matches(top[-1], inst.a);
        break;
      case ExprOp::in_items:
        top -= inst.b;
        top[-1] = op::in_items(top[-1], {top, inst.b}, inst.a != 0, scratch);
        break;
      case ExprOp::in_list:
        top[-1] = in_list(top[-1], inst, context);
        break;
      case ExprOp::in_calendar:
        top[-1] = in_calendar(top[-1], inst, context);
        break;
      case ExprOp::is_missing:
        top[-1] = Value::boolean(top[-1].is_missing());
        break;
      case ExprOp::add:
        top[-2] = op::add(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::subtract:
        top[-2] = op::subtract(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::multiply:
        top[-2] = op::multiply(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::divide:
        top[-2] = op::divide(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::remainder:
        top[-2] = op::remainder(top[-2], top[-1]);
        --top;
        break;
      case ExprOp::negate:
        top[-1] = op::negate(top[-1]);
        break;
      case ExprOp::call:
        top -= inst.b;
        scratch.regexes = regexes;
        *top = calls[inst.a]({top, inst.b}, scratch);
        ++top;
        break;
      case ExprOp::lookup:
        top[-1] = context.reference != nullptr
                      ? context.reference->lookup(TableId(inst.a), top[-1], constants[inst.b].as_text())
                      : Value();
        break;
      case ExprOp::some:
        top[-1] = some(top[-1], inst.a, context, around);
        break;
      case ExprOp::make_list:
        top -= inst.b;
        *top = scratch.list({top, inst.b});
        ++top;
        break;
      case ExprOp::join:
        top -= inst.b;
        *top = told_text({top, inst.b}, scratch);
        ++top;
        break;
    }
  }
  return top == stack.values() ? Value() : top[-1];
}

Evaluator::Evaluator(const Code& code) : compiled_(std::make_unique<const Compiled>(code)) {}
Evaluator::~Evaluator() = default;
Evaluator::Evaluator(Evaluator&&) noexcept = default;
Evaluator& Evaluator::operator=(Evaluator&&) noexcept = default;

Value Evaluator::evaluate(ExprId expr, const EvalContext& context) const {
  const Compiled::Body& body = compiled_->bodies[expr.index];
  return compiled_->run(body.begin, body.end, body.depth, context, nullptr);
}

bool Evaluator::holds(ExprId expr, const EvalContext& context) const {
  if (!expr.exists()) return true;
  const Compiled::Body& body = compiled_->bodies[expr.index];
  const Conjunct* at = compiled_->conjuncts.data() + body.first_conjunct;
  const Conjunct* end = compiled_->conjuncts.data() + body.last_conjunct;
  // Nearly always one conjunct or two, each with a test.
  for (; at != end && at->test != nullptr; ++at)
    if (!at->test(field_of(context.event, at->slot), *at)) return false;
  return at == end || compiled_->all_hold(at, end, body.depth, context);
}

void Evaluator::add_memory(ExprId expr, std::vector<const void*>& out) const {
  if (!expr.exists()) return;
  const Compiled::Body& body = compiled_->bodies[expr.index];
  out.push_back(&body);
  for (std::uint32_t i = body.first_conjunct; i != body.last_conjunct; ++i) {
    const Conjunct& c = compiled_->conjuncts[i];
    out.push_back(&c);
    if (c.test == nullptr)
      out.push_back(&compiled_->code[c.begin]);
    else if (c.constant.type() == Type::text)
      out.push_back(c.constant.as_text().data());
  }
}

void Evaluator::filter(ExprId expr, std::span<const Event> events, EvalContext context,
                       std::vector<std::uint32_t>& selection) const {
  if (!expr.exists()) return;
  const Compiled::Body& body = compiled_->bodies[expr.index];
  for (std::uint32_t i = body.first_conjunct; i != body.last_conjunct && !selection.empty(); ++i) {
    const Conjunct& c = compiled_->conjuncts[i];
    std::size_t kept = 0;
    if (c.test != nullptr) {
      for (const std::uint32_t at : selection) {
        selection[kept] = at;  // without a branch: whether an event stays is what nobody can predict
        kept += c.test(field_of(&events[at], c.slot), c) ? std::size_t{1} : std::size_t{0};
      }
      selection.resize(kept);
      continue;
    }
    for (const std::uint32_t at : selection) {
      context.event = &events[at];
      context.time = events[at].time;
      selection[kept] = at;
      kept += compiled_->holds(c, body.depth, context) ? std::size_t{1} : std::size_t{0};
    }
    selection.resize(kept);
  }
}

}  // namespace tocsin
