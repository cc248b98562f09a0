#include "dsl/emit/of_nothing.h"

#include <optional>
#include <utility>
#include <vector>

#include "engine/program/aggregates.h"

namespace tocsin::dsl::emitting {
namespace {

// Numbers and truth values alike; nothing is missing, which is unknown. A duration counts as that, too: what is 0 of
// nothing is the number 0 (A1), and no number compares with a duration.
using Thing = std::optional<double>;

Thing of_constant(const Constant& constant) {
  if (const auto* b = std::get_if<bool>(&constant.value)) return *b ? 1 : 0;
  if (const auto* n = std::get_if<std::int64_t>(&constant.value)) return static_cast<double>(*n);
  if (const auto* d = std::get_if<double>(&constant.value)) return *d;
  return std::nullopt;
}

Thing of_cell(const Cell& cell) {
  const bool zero = aggregates()[cell.function.index].of_nothing == "0";
  const bool looks_back = cell.baseline.kind != Baseline::Kind::none && cell.baseline.kind != Baseline::Kind::previous;
  return zero && !looks_back ? Thing(0) : std::nullopt;
}

Thing both(ExprOp op, Thing a, Thing b) {
  if (op == ExprOp::logical_and) return (a && *a == 0) || (b && *b == 0) ? Thing(0) : a && b ? Thing(1) : std::nullopt;
  if (op == ExprOp::logical_or) return (a && *a != 0) || (b && *b != 0) ? Thing(1) : a && b ? Thing(0) : std::nullopt;
  if (!a || !b) return std::nullopt;
  const auto truth = [](bool t) { return Thing(t ? 1 : 0); };
  if (op == ExprOp::equal) return truth(*a == *b);
  if (op == ExprOp::not_equal) return truth(*a != *b);
  if (op == ExprOp::less) return truth(*a < *b);
  if (op == ExprOp::less_equal) return truth(*a <= *b);
  if (op == ExprOp::greater) return truth(*a > *b);
  if (op == ExprOp::greater_equal) return truth(*a >= *b);
  if (op == ExprOp::add) return *a + *b;
  if (op == ExprOp::subtract) return *a - *b;
  if (op == ExprOp::multiply) return *a * *b;
  if (op == ExprOp::divide) return *b == 0 ? std::nullopt : Thing(*a / *b);
  return std::nullopt;
}

}  // namespace

// Everything that is no plain arithmetic over the cells counts as missing: then the answer is no, and an empty window
// arms, which is what F1 says of a condition that is not true of nothing.
bool true_of_nothing(const Code& code, ExprId condition, const Program& program) {
  if (!condition.exists()) return false;
  std::vector<Thing> stack;
  const auto pop = [&] {
    const Thing top = stack.back();
    stack.pop_back();
    return top;
  };
  const Expr& expr = code.exprs[condition.index];
  for (std::uint32_t i = expr.begin; i < expr.end; ++i) {
    const ExprInst& inst = code.instructions[i];
    const std::uint32_t pops = pops_of(inst);
    if (inst.op == ExprOp::constant)
      stack.push_back(of_constant(code.constants[inst.a]));
    else if (inst.op == ExprOp::cell)
      stack.push_back(of_cell(program.cells[inst.a]));
    else if (inst.op == ExprOp::logical_not && stack.back())
      stack.back() = *stack.back() == 0 ? 1 : 0;
    else if (inst.op == ExprOp::negate && stack.back())
      stack.back() = -*stack.back();
    else if (inst.op == ExprOp::is_missing)
      stack.back() = stack.back() ? 0 : 1;
    else if (pops == 2 && inst.op != ExprOp::call && inst.op != ExprOp::join && inst.op != ExprOp::make_list &&
             inst.op != ExprOp::in_items) {
      const Thing b = pop();
      const Thing a = pop();
      stack.push_back(both(inst.op, a, b));
    } else {
      for (std::uint32_t n = 0; n < pops; ++n) pop();
      stack.push_back(std::nullopt);
    }
  }
  return stack.size() == 1 && stack.back() && *stack.back() != 0;
}

}  // namespace tocsin::dsl::emitting
