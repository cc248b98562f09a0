// The lists of opcodes.h as tables.
#include "engine/program/opcodes.h"

#include <array>
#include <cstddef>

namespace tocsin {
namespace {

struct ExprRow {
  std::string_view name;
  int pops;
  std::string_view operands, meaning;
};

constexpr auto kExprRows = std::to_array<ExprRow>({
#define X(name, pops, operands, meaning) {#name, pops, operands, meaning},
    TOCSIN_EXPR_OPCODES(X)
#undef X
});

struct SequenceRow {
  std::string_view name, meaning;
};

constexpr auto kSequenceRows = std::to_array<SequenceRow>({
#define X(name, meaning) {#name, meaning},
    TOCSIN_SEQUENCE_OPCODES(X)
#undef X
});

constexpr auto kFactNames = std::to_array<std::string_view>({
#define X(name) #name,
    TOCSIN_FACTS(X)
#undef X
});

const ExprRow& row(ExprOp op) { return kExprRows[static_cast<std::size_t>(op)]; }

}  // namespace

std::uint32_t pops_of(const ExprInst& inst) {
  const int pops = row(inst.op).pops;
  if (pops >= 0) return static_cast<std::uint32_t>(pops);
  return inst.op == ExprOp::in_items ? inst.b + 1 : inst.b;  // the items, and what is looked for
}

std::string_view meaning_of(ExprOp op) { return row(op).meaning; }
std::string_view meaning_of(SequenceOp op) { return kSequenceRows[static_cast<std::size_t>(op)].meaning; }
std::string_view operands_of(ExprOp op) { return row(op).operands; }

std::string_view name_of(ExprOp op) { return row(op).name; }
std::string_view name_of(SequenceOp op) { return kSequenceRows[static_cast<std::size_t>(op)].name; }
std::string_view name_of(Fact fact) { return kFactNames[static_cast<std::size_t>(fact)]; }

}  // namespace tocsin
