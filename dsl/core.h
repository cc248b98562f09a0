// The core form of a rule: what is left when all sugar is gone. Few forms, every alias expanded, every window said
// aloud; still the author's own expressions, so that it can be shown (`explain` prints it) and hashed. simplify.h makes
// it, emit.h turns it into a Program, core_text.h writes it down.
//
//   sequence   single events, `then`, groups, any of, absences with a deadline
//   condition  an expression over aggregates, judged at events (and expiries): counts, streaks, ratios, fewer than ...
//   aligned    a condition judged at the end of aligned windows
//   idle, without, novelty, silence, holds, ranking   as engine/program/program.h says
//
// In a pattern that is no sequence, an aggregate whose path has Ref::step is over the pattern's own x, and an aggregate
// without `over` has the pattern's window.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dsl/ast.h"
#include "dsl/check.h"
#include "engine/program/program.h"

namespace tocsin::dsl::core {

using Form = tocsin::Pattern::Form;

struct Pattern;

// The events of one base that a stream names; all filters must hold.
struct Alternative {
  EventId event = kNone;
  std::string label;  // as written
  std::vector<ast::Expr> filters;
};

// The events of some alternative; or, when `nested` holds a pattern, the default fires of that pattern.
struct Stream {
  std::string label;
  std::vector<Alternative> alternatives;
  std::vector<Pattern> nested;  // none or one

  bool exists() const { return !alternatives.empty() || !nested.empty(); }
};

struct Window {
  using Kind = tocsin::Window::Kind;
  Kind kind = Kind::span;
  Duration length{};        // 0: all since the state began
  Duration cap{};           // streak, chain: also within this
  std::uint32_t count = 0;  // last, of_last
  Stream breaking;          // streak, of_last: what breaks or fills it; none: the bases of x
};

// ----- sequences ---------------------------------------------------------------------------------

struct Bound {
  Duration length{};
  std::uint32_t of = kNone;  // the step that it counts from; kNone: the one before
};

struct Link {
  std::vector<Stream> no;  // `then first b` is here too (Q9)
  bool next = false;
  std::optional<Bound> within;
};

struct Body;

struct Element {
  enum class Kind : std::uint8_t { take, maybe, repeat, streak, group, any_of };
  Kind kind = Kind::take;
  Link link;
  std::uint32_t low = 1, high = 1;  // any_of: `low` of the bodies; SequenceInst::kMany: no upper bound
  std::uint32_t step = kNone;       // as check numbered it
  Stream stream, breaking;
  Stream until;
  std::uint32_t until_step = kNone;
  std::vector<Body> bodies;  // group: one; any_of: one per alternative
  bool repeats = false;      // a group with a number, be it `exactly 1`: its place takes its default fires (Q3)
};

struct Absence {
  Stream stream;
  Bound bound;
};

struct Body {
  std::vector<Element> elements;
  std::optional<Absence> ending;
  Duration within{};  // 0: none
};

// ----- patterns ----------------------------------------------------------------------------------

struct Pattern {
  Form form = Form::sequence;
  Body body;                      // sequence
  std::uint32_t step = 0;         // the number of x
  std::string name;               // x's bound name
  Stream x;                       // of the other forms; a condition as written has none
  Stream judged;                  // condition: where it is judged, when that is not x
  Stream compared;                // without: y
  std::vector<ast::Path> values;  // novelty, ranking: the fields of x
  ast::Expr condition;            // condition, aligned
  Window window;
  bool at_expiry = false;   // also judged when a window's expiry can change the answer
  bool needs_seen = false;  // not before the key was seen for `length`
  Duration length{};        // idle, without, novelty, silence, holds, ranking, fewer than, aligned
  Duration hold{};
  std::string zone;
  std::uint32_t count = 0;  // ranking: places
};

struct Rule {
  Pattern when;
  std::optional<Pattern> resolve;
};

}  // namespace tocsin::dsl::core
