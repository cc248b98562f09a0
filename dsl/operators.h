// The pattern operators: ONE ROW EACH. A row says how the operator is written, what it takes, how tightly it binds, and
// how it is rewritten into the core form. Simplifying a pattern is finding its row. Adding sugar is adding a row (and
// the function that rewrites it); nothing behind dsl/core.h hears of it.
#pragma once

#include <span>
#include <string_view>

#include "dsl/ast.h"
#include "dsl/core.h"

namespace tocsin::dsl {

// What a rewrite needs besides the pattern: streams made plain, and patterns in parentheses.
class Rewriter {
 public:
  explicit Rewriter(const Model& model, std::span<const StepInfo> steps) : model_(model), steps_(steps) {}

  core::Pattern pattern(const ast::Pattern& pattern) const;
  core::Stream stream(const ast::Stream& stream) const;
  core::Body body(const ast::Sequence& sequence, Duration within) const;
  // All events of the stream's bases, whatever their fields: what breaks a streak, or fills `of last`.
  core::Stream bases(const core::Stream& stream) const;
  const Model& model() const { return model_; }
  // The number of the step called `name`; kNone: there is none.
  std::uint32_t find_step(std::string_view name) const;

 private:
  core::Element element(const ast::Step& step) const;
  core::Link link(const ast::Step& step) const;

  const Model& model_;
  std::span<const StepInfo> steps_;
};

struct Operator {
  std::string_view word;     // the word that tells it from the others
  std::string_view shape;    // as people write it: N a number, x and y streams, f a field, D a duration, C a condition
  std::string_view meaning;  // its core form in one line
  bool (*is)(const ast::Pattern& pattern);
  core::Pattern (*rewrite)(const ast::Pattern& pattern, const Rewriter& rewriter);
};

// In the order in which they are asked: the first whose `is` holds is the pattern's. Every pattern has one.
std::span<const Operator> operators();
const Operator& operator_of(const ast::Pattern& pattern);

// Another way to say a pattern: what the author may write, and the words of the language that it stands for. Reading,
// checking, formatting and the rest follow from the row.
struct Phrase {
  // Words, and slots: $step is an event as a sequence takes it (`3 a as first_three`), $event a stream, $value a stream
  // and its field, $number an expression, $duration a length of time. A digit behind the name tells two of a kind
  // apart.
  std::string_view shape;
  std::string_view rewrite;  // the same slots; without `within`, `each` or `for` of the whole pattern
  std::string_view meaning;
};
std::span<const Phrase> phrases();

}  // namespace tocsin::dsl
