// One program while it is made: expressions, streams, cells and patterns of one rule, session or summary. The pools are
// those of the whole set.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dsl/core.h"
#include "dsl/emit/pools.h"

namespace tocsin::dsl::emitting {

// A pattern and what names mean in it. Captures are collected while expressions are made, and filled in at the end:
// a filter may look at its own step before that step's stream is known.
struct PatternScope {
  PatternId id;
  bool sequence = false;
  int repeating = 0;          // repeated groups around the step being made
  std::vector<StepId> local;  // by the number that check gave: the step of this pattern, or none
  const core::Stream* x = nullptr;
  std::uint32_t x_step = kNone;
  tocsin::Window window;  // of aggregates without `over`
  StreamId whole;         // rows: what a bare aggregate is over (a session's or summary's `of`)
  const core::Stream* rows = nullptr;

  struct Capture {
    std::string name;
    std::vector<ast::Name> field;
    ExprId ready;  // of a nested match: known at once
  };
  std::vector<std::vector<Capture>> captures;  // by StepId

  struct Nested {  // a pattern that is counted like an event
    StepId step;
    PatternScope* scope;
  };
  std::vector<Nested> nested;
};

// What an expression stands on.
struct Hand {
  EventId event = kNone;          // the event in hand; kNone: a match, a window, a timer
  PatternScope* scope = nullptr;  // steps and windows; null: none
};

struct Builder {
  std::vector<ExprInst> code;
  std::uint16_t reads = 0;
};

class ProgramMaker {
 public:
  ProgramMaker(const Model& model, CodePool& code, SchemaPool& schema, Program& program)
      : model_(model), code_(code), schema_(schema), program_(program) {}

  // ----- expressions -------------------------------------------------------------------------------

  ExprId expr(const ast::Expr& expr, const Hand& hand);
  // All of them, joined by `and`; none when there are none.
  ExprId all_of(std::span<const ast::Expr* const> conjuncts, const Hand& hand);
  ExprId text(const ast::Template& text, const Hand& hand);
  ExprId one(ExprOp op, std::uint32_t a = 0, std::uint32_t b = 0);
  // The field of the last event of a step; none when no event of the step has it.
  ExprId captured(PatternScope& scope, StepId step, const ast::Path& field);
  // The field of an event of type `event`.
  ExprId field(EventId event, std::span<const ast::Name> parts);

  // ----- streams and patterns ----------------------------------------------------------------------

  StreamId stream(const core::Stream& stream, std::span<const ast::Path> values, PatternScope* scope);
  PatternScope& pattern(const core::Pattern& core, std::span<const StepInfo> steps);
  // A scope without steps: the rows of a session or summary.
  PatternScope& rows(const core::Stream& of);
  // REQUIRES: after the last expression. Fills in the captures.
  void finish();

 private:
  void go(const ast::Expr& expr, const Hand& hand, Builder& out);
  template <class Node>
  void each(const std::vector<Node>& nodes, const Hand& hand, Builder& out);
  void node(const ast::Literal& literal, const Hand& hand, Builder& out);
  void node(const ast::Param& param, const Hand& hand, Builder& out);
  void node(const ast::Path& path, const Hand& hand, Builder& out);
  void node(const ast::Lookup& lookup, const Hand& hand, Builder& out);
  void node(const ast::Call& call, const Hand& hand, Builder& out);
  void node(const ast::Aggregate& aggregate, const Hand& hand, Builder& out);
  void node(const ast::Unary& unary, const Hand& hand, Builder& out);
  void node(const ast::Binary& binary, const Hand& hand, Builder& out);
  void node(const ast::In& in, const Hand& hand, Builder& out);
  void node(const ast::Between& between, const Hand& hand, Builder& out);
  void node(const ast::Is& is, const Hand& hand, Builder& out);
  void node(const ast::Some& some, const Hand& hand, Builder& out);
  void node(const ast::Its& its, const Hand& hand, Builder& out);
  void node(const ast::ListOf& list, const Hand& hand, Builder& out);
  void node(const ast::Template& text, const Hand& hand, Builder& out);

  void put(Builder& out, ExprOp op, std::uint32_t a = 0, std::uint32_t b = 0);
  void put_field(EventId event, std::span<const ast::Name> parts, Builder& out);
  void put_previous(EventId event, std::span<const ast::Name> parts, Builder& out);
  void put_step(PatternScope& scope, std::uint32_t step, std::span<const ast::Name> field, ExprOp which, Builder& out);
  void put_word(std::string_view word, Builder& out);
  void put_item(const ast::Path& path, const Hand& hand, Builder& out);
  void put_its(const ast::Its& its, const ast::Expr& left, const Hand& hand, Builder& out);

  // ----- aggregates --------------------------------------------------------------------------------

  CellId cell(const ast::Aggregate& aggregate, const Hand& hand, Baseline baseline);
  Cell plain_cell(const ast::Aggregate& aggregate, const Hand& hand);
  StreamId own_stream(PatternScope& scope, std::uint32_t step, std::span<const ast::Path> values);
  CellId intern(const Cell& cell);

  struct Captured {
    StepId step;
    std::uint32_t index = 0;
  };
  std::optional<Captured> capture(PatternScope& scope, std::uint32_t step, std::span<const ast::Name> field);
  Captured capture_in(PatternScope& scope, StepId step, std::span<const ast::Name> field, ExprId ready);
  // The field of a nested match, as its own pattern reads it: `which` is one of the ops that read a step.
  ExprId nested_value(PatternScope& inner, std::uint32_t step, std::span<const ast::Name> field, ExprOp which);
  // One item for each event that the step took in a nested match; none where another pattern lies between.
  ExprId nested_events(PatternScope& inner, std::uint32_t step);

  // ----- patterns ----------------------------------------------------------------------------------

  tocsin::Pattern& of(const PatternScope& scope) { return program_.patterns[scope.id.index]; }
  StepId add_step(PatternScope& scope, std::uint32_t number, const std::string& label, bool repeated);
  std::string label_of(std::uint32_t number, const core::Stream& stream, const std::string& name) const;
  void set_stream(PatternScope& scope, StepId step, const core::Stream& stream);
  void emit_sequence(PatternScope& scope, const core::Pattern& core);
  void emit_body(PatternScope& scope, const core::Body& body);
  void emit_element(PatternScope& scope, const core::Element& element);
  void emit_link(PatternScope& scope, const core::Link& link);
  std::uint32_t emit(PatternScope& scope, SequenceInst inst);
  void emit_condition(PatternScope& scope, const core::Pattern& core);
  void emit_instant(PatternScope& scope, const core::Pattern& core);
  tocsin::Window window(const core::Window& window, PatternScope& scope);
  StreamId union_of_cells(const std::vector<CellId>& cells);
  void facts_of_condition(PatternScope& scope, const core::Pattern& core);
  void collect_bases(PatternScope& scope, std::size_t cells_from);

  const Model& model_;
  CodePool& code_;
  SchemaPool& schema_;
  Program& program_;
  std::span<const StepInfo> steps_;  // of the pattern being made
  std::deque<PatternScope> scopes_;
};

// The cells that an expression reads, each once, in order.
std::vector<CellId> cells_of(std::span<const ExprInst> instructions);

}  // namespace tocsin::dsl::emitting
