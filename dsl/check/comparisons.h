// Comparisons, seen from the other side and denied.
#pragma once

#include <array>
#include <optional>

#include "dsl/ast.h"

namespace tocsin::dsl::checking {

struct Comparison {
  ast::BinaryOp op, mirrored, opposite;
};
inline constexpr std::array kComparisons{
    Comparison{ast::BinaryOp::equal, ast::BinaryOp::equal, ast::BinaryOp::not_equal},
    Comparison{ast::BinaryOp::not_equal, ast::BinaryOp::not_equal, ast::BinaryOp::equal},
    Comparison{ast::BinaryOp::less, ast::BinaryOp::greater, ast::BinaryOp::greater_equal},
    Comparison{ast::BinaryOp::less_equal, ast::BinaryOp::greater_equal, ast::BinaryOp::greater},
    Comparison{ast::BinaryOp::greater, ast::BinaryOp::less, ast::BinaryOp::less_equal},
    Comparison{ast::BinaryOp::greater_equal, ast::BinaryOp::less_equal, ast::BinaryOp::less},
};

// `3 > n` is `n < 3`. Nothing: it compares nothing.
inline std::optional<ast::BinaryOp> mirrored(ast::BinaryOp op) {
  for (const Comparison& c : kComparisons)
    if (c.op == op) return c.mirrored;
  return std::nullopt;
}

// `not (n < 3)` is `n >= 3`. Nothing: it compares nothing.
inline std::optional<ast::BinaryOp> opposite(ast::BinaryOp op) {
  for (const Comparison& c : kComparisons)
    if (c.op == op) return c.opposite;
  return std::nullopt;
}

}  // namespace tocsin::dsl::checking
