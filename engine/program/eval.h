// The interpreter of expressions. Pure: what it reads stands in the context, what it makes stands in the scratch.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/event/event.h"
#include "engine/event/value.h"
#include "engine/program/opcodes.h"
#include "engine/program/program.h"

namespace tocsin {

class ReferenceData;  // lists, tables, calendars as they are now (reference_data.h)
class Scratch;        // where texts and lists made on the way live (scratch.h)

enum class Which : std::uint8_t { last, first, all };

// What an expression can read of a match that is being tried or reported. The matchers implement it; it is asked only
// for expressions that read steps, cells or facts, never by a plain filter.
class MatchView {
 public:
  virtual ~MatchView() = default;
  virtual Value captured(StepId step, std::uint32_t capture, Which which) const = 0;  // missing: nothing taken
  virtual Value step_time(StepId step) const = 0;                                     // of the last event taken
  virtual Value cell(CellId cell) const = 0;
  virtual Value fact(Fact fact) const = 0;
};

struct EvalContext {
  const Event* event = nullptr;     // the event in hand; null at a timer
  Time time{};                      // its time, or the timer's
  const Event* previous = nullptr;  // the key's event of the same base before it; null: none
  std::span<const Value> key;
  const MatchView* match = nullptr;
  const ReferenceData* reference = nullptr;
  Scratch* scratch = nullptr;
};

// Compiled once per rule set (regular expressions, constants); then immutable and shared by all shards.
class Evaluator {
 public:
  explicit Evaluator(const Code& code);
  ~Evaluator();
  Evaluator(Evaluator&&) noexcept;
  Evaluator& operator=(Evaluator&&) noexcept;

  // The value of `expr`; texts and lists it made live until the scratch is reset.
  Value evaluate(ExprId expr, const EvalContext& context) const;
  // Filters act on true only (X1): unknown is false. An expression that does not exist holds.
  bool holds(ExprId expr, const EvalContext& context) const;

  // The memory that holds() reads of `expr`, to be fetched ahead.
  void add_memory(ExprId expr, std::vector<const void*>& out) const;

  // Keeps those of `selection` (indices into `events`) for which `expr` holds. `context` gives all but the event and
  // its time. One conjunct after the other, each over all that are left. REQUIRES: the events are of the type that
  // `expr` is for.
  void filter(ExprId expr, std::span<const Event> events, EvalContext context,
              std::vector<std::uint32_t>& selection) const;

 private:
  struct Compiled;
  std::unique_ptr<const Compiled> compiled_;
};

}  // namespace tocsin
