// The opcodes, each with one line of exact meaning. Dump, verify and the interpreters are driven by these lists; a
// new opcode is a line here and the places that the compiler's -Wswitch then names.
#pragma once

#include <cstdint>
#include <string_view>

namespace tocsin {

// ----- expressions: a stack of values; comparisons with a missing value push missing, which stands for unknown (X1) -
//   name, pops (-1: operand b), operands, meaning
#define TOCSIN_EXPR_OPCODES(X)                                                                                       \
  X(constant, 0, "constant", "push constant a")                                                                      \
  X(field, 0, "slot", "push field a of the event in hand")                                                           \
  X(time, 0, "", "push the time of the event in hand, or of the timer")                                              \
  X(previous, 0, "slot", "push field a of the key's event of the same base before this one (E4)")                    \
  X(previous_time, 0, "", "push the time of the key's event of the same base before this one")                       \
  X(key, 0, "part", "push part a of the key")                                                                        \
  X(captured, 0, "step capture", "push capture b of the last event that step a has taken")                           \
  X(captured_first, 0, "step capture", "push capture b of the first event that step a has taken")                    \
  X(captured_all, 0, "step capture", "push capture b of all events that step a has taken, as a list")                \
  X(step_time, 0, "step", "push the time of the last event that step a has taken")                                   \
  X(cell, 0, "cell", "push the value of aggregate a")                                                                \
  X(fact, 0, "fact", "push fact a of the match (Fact: count, first, last, span, gap, ...)")                          \
  X(member, 0, "constant",                                                                                           \
    "push the member named by constant a of the object that `some` looks at, or of the nearest around it that has "  \
    "one (X7)")                                                                                                      \
  X(item, 0, "", "push the value that `some` is looking at")                                                         \
  X(logical_not, 1, "", "true for false, false for true, missing for missing")                                       \
  X(logical_and, 2, "", "three-valued and")                                                                          \
  X(logical_or, 2, "", "three-valued or")                                                                            \
  X(equal, 2, "fold", "equality by value; a = 1 folds case")                                                         \
  X(not_equal, 2, "fold", "inequality by value")                                                                     \
  X(less, 2, "fold", "order by value")                                                                               \
  X(less_equal, 2, "fold", "order by value")                                                                         \
  X(greater, 2, "fold", "order by value")                                                                            \
  X(greater_equal, 2, "fold", "order by value")                                                                      \
  X(contains, 2, "fold", "text in text, value in list")                                                              \
  X(starts_with, 2, "fold", "text begins with text")                                                                 \
  X(ends_with, 2, "fold", "text ends with text")                                                                     \
  X(matches, 1, "regex", "regular expression a is found in the text")                                                \
  X(in_items, -1, "fold count", "pop b items, then a value: is it one of them, or inside a network among them (X3)") \
  X(in_list, 1, "list fold", "is it in list a")                                                                      \
  X(in_calendar, 1, "calendar", "does the time lie in the open hours of calendar a")                                 \
  X(is_missing, 1, "", "true or false, never missing")                                                               \
  X(add, 2, "", "numbers, durations, times")                                                                         \
  X(subtract, 2, "", "numbers, durations, times")                                                                    \
  X(multiply, 2, "", "numbers, duration by number")                                                                  \
  X(divide, 2, "", "always a float; by zero is missing (A3)")                                                        \
  X(remainder, 2, "", "integers; by zero is missing")                                                                \
  X(negate, 1, "", "number or duration")                                                                             \
  X(call, -1, "function count", "pop b arguments, push function a of them")                                          \
  X(lookup, 1, "table constant", "pop a key, push the column named by constant b of its row in table a")             \
  X(some, 1, "expr", "pop a list; true when expression a holds for one of its items (X7)")                           \
  X(make_list, -1, "- count", "pop b values, push them as a list")                                                   \
  X(join, -1, "- count", "pop b values, push their texts joined (alert texts)")

enum class ExprOp : std::uint8_t {
#define X(name, pops, operands, meaning) name,
  TOCSIN_EXPR_OPCODES(X)
#undef X
};

// One step of an expression. Trivial, twelve bytes, dumpable.
struct ExprInst {
  ExprOp op = ExprOp::constant;
  std::uint32_t a = 0;
  std::uint32_t b = 0;
  friend bool operator==(const ExprInst&, const ExprInst&) = default;
};

// ----- sequences: the steps of a pattern in order; links stand before the step they lead to -------------------------
#define TOCSIN_SEQUENCE_OPCODES(X)                                                                                   \
  X(take, "one event of `stream` as `step`")                                                                         \
  X(maybe, "the latest event of `stream` with which the match still exists, or none (Q4)")                           \
  X(repeat, "every fitting event of `stream` in its place as `step`; `low` to `high` of them (Q2-Q4)")               \
  X(streak, "one whole unbroken streak of `stream` in its place, broken by `breaking`; `low` to `high` (Q13)")       \
  X(until, "the repetition before this ends at the first event of `stream`, taken as `step` (Q5)")                   \
  X(open,                                                                                                            \
    "a group begins: all its events after the step before, all before the step after (Q12); `low` to `high` times; " \
    "`jump` its close")                                                                                              \
  X(close, "the group ends; `jump` its open; `bound` its own within, none is 0")                                     \
  X(any_of, "`low` different alternatives of those that follow, in any order (Q14); `jump` its end")                 \
  X(alternative, "the next alternative of any_of begins")                                                            \
  X(end_any, "any_of ends; `jump` its begin")                                                                        \
  X(forbid, "no event of `stream` between the step before and the next event taken (Q7)")                            \
  X(adjacent, "no event of any base of the pattern between the step before and the next (Q8)")                       \
  X(within,                                                                                                          \
    "the next step's last event at most `bound` after the last event of `step`, or of the step before when none "    \
    "(Q10)")                                                                                                         \
  X(absence, "at the end: no event of `stream` within `bound` of `step`, or of the step before when none (Q11)")     \
  X(match, "the pattern is complete; last - first at most `bound`, when it is not 0")

enum class SequenceOp : std::uint8_t {
#define X(name, meaning) name,
  TOCSIN_SEQUENCE_OPCODES(X)
#undef X
};

// What an expression reads of a match: names of alert texts and `with` (N1). The last line is of sessions and
// summaries: the bounds of the session or window, and the number of the event in its session, from 1.
#define TOCSIN_FACTS(X) \
  X(count)              \
  X(first)              \
  X(last)               \
  X(span) X(gap) X(last_seen) X(value) X(baseline) X(rank) X(suppressed) X(start) X(end) X(session_id) X(sequence)

enum class Fact : std::uint8_t {
#define X(name) name,
  TOCSIN_FACTS(X)
#undef X
};

// How many values an instruction takes from the stack; each puts one back.
std::uint32_t pops_of(const ExprInst& inst);
// One line of exact meaning, as above.
std::string_view meaning_of(ExprOp op);
std::string_view meaning_of(SequenceOp op);
// What the operands are: "step capture", "function count", ...
std::string_view operands_of(ExprOp op);

std::string_view name_of(ExprOp op);
std::string_view name_of(SequenceOp op);
std::string_view name_of(Fact fact);

}  // namespace tocsin
