// What runs. A Program is one compiled rule, session or summary: immutable, verified (verify.h), dumpable (dump.h),
// hashed. A RuleSet is all of them with the pools they share. This is all that the language and the engine have in
// common: no name here is ever compared while events run, and no part of dsl/ is seen from here.
//
// The core forms (a rule's many ways to say `when` come down to these; dsl/simplify does it):
//   sequence    single events, then, groups, any of, absences with a deadline: `code` over `steps`
//   condition   an expression over aggregate cells, judged at events (and expiries): counts, streaks, ratios, fewer
//               than ...
//   aligned     a condition judged at the end of aligned windows (`N x each D`)
//   idle        x, and the key's event of `compared` before it is at least `length` older
//   without     x, and no event of `compared` in the `length` before it
//   novelty     a value of x.f not seen for the key in the last `length`
//   silence     no x for `length`: a timer
//   holds       x's filter has held at every event of its base for `length`: a timer
//   ranking     the first `count` places by count changed
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/time.h"
#include "engine/event/schema.h"
#include "engine/event/value.h"
#include "engine/program/opcodes.h"

namespace tocsin {

// ----- shared pools -----------------------------------------------------------------------------------

// Bits of what an expression reads, so that a matcher knows when it can be judged.
enum Reads : std::uint16_t {
  kReadsEvent = 1,     // fields or time of the event in hand
  kReadsPrevious = 2,  // the key's previous event of the base
  kReadsKey = 4,
  kReadsSteps = 8,  // captures of steps
  kReadsCells = 16,
  kReadsFacts = 32,
  kReadsReference = 64,  // lists, tables, calendars: may change under a running rule
};

struct Expr {
  std::uint32_t begin = 0, end = 0;  // in Code::instructions
  std::uint16_t reads = 0;
  std::uint16_t depth = 0;  // of the stack, filled in by verify
};

// A constant that owns what its value views. Interned: equal constants have one id.
struct Constant {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Duration, Time, IpAddress> value;
};

// All expressions of a rule set. Equal instruction sequences have one ExprId, so equal filters are seen as equal.
struct Code {
  std::vector<ExprInst> instructions;
  std::vector<Expr> exprs;
  std::vector<Constant> constants;
  std::vector<std::string> regexes;  // RE2 syntax, compiled when the set is installed
};

struct ListDef {
  std::string name;
  std::vector<ConstantId> items;  // inline ones
  std::string file, column, topic;
};
struct TableDef {
  std::string name, file, key, topic;
};
struct OpenHours {
  std::uint8_t first_day = 0, last_day = 6;  // 0 = Monday
  std::uint16_t from_minute = 0, to_minute = 24 * 60;
};
struct CalendarDef {
  std::string name, zone;
  std::vector<OpenHours> open;
};

// ----- one program ------------------------------------------------------------------------------------

// The events of one base type that a stream names: those for which `filter` and `relation` are true. `filter` is the
// conjuncts that the event alone decides (with the key and `previous`): judged once per event. `relation` is those that
// read other steps: judged when a match is tried.
struct Alternative {
  EventTypeId type;
  std::string label;           // as written inside the stream: evidence of an unbound step calls it this (F17)
  ExprId filter;               // none: all of them
  ExprId relation;             // none: every event that passes `filter`
  std::vector<ExprId> values;  // of `x.f`, `distinct (x.f, x.g)`; empty where only counting matters
  friend bool operator==(const Alternative&, const Alternative&) = default;
};

// `x`, `x(filter)`, `(a or b)`; or the default fires of a pattern in parentheses that is counted like an event. Two
// alternatives of one type are an `or`: the event is of the stream once. A nested stream has one alternative without a
// type; its values (and the captures of its step) read the match of the nested pattern.
struct Stream {
  std::string label;  // as written
  std::vector<Alternative> alternatives;
  PatternId nested;  // exists: the stream is what this pattern fires
  friend bool operator==(const Stream&, const Stream&) = default;
};

// A named place of a match. A StepId counts the steps of its own pattern; a CellId, a StreamId those of the program.
struct Step {
  std::string label;      // its bound name, else the alias or event as written; empty: the alternative's label (F17)
  StreamId stream;        // none: a group, whose steps stand behind it
  bool repeated = false;  // holds many events: captures are lists
  std::vector<std::vector<ExprId>> captures;  // [capture][alternative of the stream]: values kept of each event
  std::vector<std::string> capture_names;     // what each is ("user"): a reload finds by it what the state holds
};

struct SequenceInst {
  SequenceOp op = SequenceOp::match;
  StreamId stream, breaking;
  StepId step;
  std::uint32_t low = 1, high = 1;  // kMany: no upper bound
  Duration bound{};
  std::uint32_t jump = 0;
  bool repeats = false;  // open: a pattern of its own, taken as often as it fires
  static constexpr std::uint32_t kMany = 0xffffffff;
};

struct Window {
  enum class Kind : std::uint8_t {
    span,     // closed, [T - length, T]; length 0: all since the state began
    last,     // the key's last `count` events
    streak,   // since the last event of the base that is not of the stream (or of `breaking`)
    chain,    // back to the first gap longer than `length`; `count`-less; `cap` may bound it in time
    of_last,  // the last `count` events of the stream's bases, of the stream or not
    frame,    // the window, session or match that the program is at: summaries, sessions, `each`, steps
    step,     // the events that a step of the match has taken; the values are its capture `capture`
  };
  Kind kind = Kind::span;
  Duration length{};
  Duration cap{};  // `N x at most D apart within W`, `consecutive .. within W`; 0: none
  std::uint32_t count = 0;
  StreamId breaking;  // streak, of_last: the events that break or fill it; none: the stream's bases
  StepId step;
  std::uint32_t capture = kNoCapture;
  static constexpr std::uint32_t kNoCapture = 0xffffffff;  // only counts
  friend bool operator==(const Window&, const Window&) = default;
};

// What an aggregate is compared with (A5, A6).
struct Baseline {
  enum class Kind : std::uint8_t { none, previous, average, zscore, forecast };
  Kind kind = Kind::none;
  Duration over{};  // average, zscore: D; forecast: how far ahead
  friend bool operator==(const Baseline&, const Baseline&) = default;
};

// One aggregate that a condition, a filter or a text reads.
struct Cell {
  AggregateId function;
  StreamId stream;  // none with Window::step: the step has one
  StreamId second;  // ratio
  Window window;
  Baseline baseline;
  double alpha = 0;          // ema: alpha; a percentile: 50 to 99.9
  std::uint32_t number = 0;  // top n
  friend bool operator==(const Cell&, const Cell&) = default;
};

struct Pattern {
  enum class Form : std::uint8_t { sequence, condition, aligned, idle, without, novelty, silence, holds, ranking };
  Form form = Form::sequence;
  std::vector<Step> steps;         // sequence: its places; other forms: step 0 is x
  std::vector<SequenceInst> code;  // sequence
  std::vector<EventTypeId> bases;  // every base that `when` names: what `next` looks at (Q8)
  StepId counted;                  // sequence: the step that `count` counts (F18); none: all events of the match
  std::vector<CellId> evidence;    // condition, aligned: the cells whose events are the evidence and `count` (C2)
  StreamId stream;                 // x of the other forms; counting conditions: the events at which they are judged
  StreamId compared;               // without: y
  ExprId condition;                // condition, aligned
  bool judged_at_expiry = false;   // conditions: also when a window's expiry can change the answer
  bool true_of_nothing = false;    // conditions: true of empty windows, so nothing left there makes no new edge (F1)
  bool needs_seen = false;         // fewer than: not before the key has been seen for `length` (C3)
  ExprId value, baseline;          // facts `value` and `baseline` (N1)
  Duration length{};               // idle, without, novelty, silence, holds, ranking, fewer than; aligned: the window
  Duration hold{};                 // `C for D`; 0: none
  std::string zone;                // aligned
  std::uint32_t count = 0;         // ranking: places
};

// A part that an event can play (E2): the key under which it is then seen, and the steps that it may fill there.
struct Role {
  std::vector<ExprId> key;    // by all: empty
  std::vector<StepId> steps;  // of `when`; none: every place
};

// How one base event is seen: under which keys, and what makes it invisible.
struct Input {
  EventTypeId type;
  std::vector<Role> roles;
  ExprId refused;  // except, during, outside: true means the event does not exist here (E1)
};

// `during C`, `outside C`: Input::refused has them too. Nothing fires while it is closed, and silences and windows
// count from the opening (F15).
struct OpenDuring {
  CalendarId calendar;
  bool outside = false;
};

enum class Firing : std::uint8_t { once, always, start_over, every_match };
enum class Severity : std::uint8_t { info, low, medium, high, critical };

struct NamedExpr {
  std::string name;
  ExprId value;
};

struct Budget {  // fire at most `count` per `per`
  std::uint32_t count = 0;
  Duration per{};
  std::vector<ExprId> keys;  // none: the rule's key
};

struct Mute {
  ProgramId rule;
  std::vector<std::pair<ExprId, std::uint32_t>> same;  // a part of our key, the part of the rule's key it equals
};

struct Escalation {
  Severity to = Severity::high;
  std::uint32_t count = 0;  // 0: unresolved for `after`; else: `count` alerts in `after`
  Duration after{};
};

struct Resume {
  StepId step;
  bool last = false;
};

// What a match becomes.
struct AlertDef {
  Severity severity = Severity::medium;
  ExprId text;
  std::vector<NamedExpr> fields;
  std::vector<std::string> sinks, tags;
  std::string owner;
  ExprId runbook;
};

struct EmitDef {
  EventTypeId type;
  std::vector<ExprId> fields;  // by SlotId of the type
};

struct RuleBody {
  PatternId when, resolve;  // resolve: none unless `resolve when`
  ExprId where;
  std::vector<StreamId> resets;
  Duration learn{};
  Duration forget{};  // 0: none
  Firing firing = Firing::once;
  std::vector<Budget> budgets;
  std::optional<Resume> resume;
  std::vector<Mute> mutes;
  std::vector<Escalation> escalations;
  Duration remind{};
  std::optional<AlertDef> alert;
  std::vector<EmitDef> emits;  // the rule's own name first, where some program uses it
};

// `emit each with ..`: every event of the session is sent on with these besides its own fields.
struct EachDef {
  struct Field {
    std::string name;
    std::vector<ExprId> values;  // by alternative of SessionBody::of
  };
  std::vector<Field> fields;
  std::vector<std::string> sinks;
};

struct SessionBody {
  StreamId of;
  struct Gap {
    Duration idle;
    StreamId when_last;  // none: the plain one
  };
  std::vector<Gap> gaps;  // in the order in which they are tried (S2)
  std::vector<StreamId> ends, starts;
  Duration at_most{};
  EmitDef emit;  // the session event
  std::optional<EachDef> each;
  std::vector<std::string> sinks;
};

struct SummaryBody {
  StreamId of;
  bool every_event = false;
  Duration every{};  // 0 with every_event or over_all
  Duration over{};   // 0: tumbling
  bool over_all = false;
  std::string zone;
  bool even_if_empty = false;
  Duration forget{};
  EmitDef emit;
  std::vector<std::string> sinks;
};

// How long an event can matter, and a key be kept.
struct Reach {
  std::optional<Duration> longest;  // none: nothing bounds it (R107)
  bool keeps_every_key = false;     // F10 (R109)
};

// The worst case of what one key can hold (bounds.h).
struct Bounds {
  std::uint64_t bytes_per_key = 0;   // 0: nothing is kept
  std::uint64_t events_per_key = 0;  // events, marks or values kept; the limit where the rule does not bound it
  Reach reach;
  std::string limited_by;  // in plain words: "the 5 last login", "every login within 10m, at most 1,000,000"
};

struct Program {
  std::string name, title, doc, was;
  std::vector<Input> inputs;
  std::vector<std::string> key_names;
  bool by_all = false;
  ListId keys_from;              // `by k from list L`
  Type listed_as = Type::text;   // the type of that key: what the lines of L's file are read as
  std::vector<OpenDuring> open;  // all of them must be open
  std::vector<Stream> streams;
  std::vector<Pattern> patterns;
  std::vector<Cell> cells;
  std::variant<RuleBody, SessionBody, SummaryBody> body;
  std::vector<ProgramId> after;  // programs whose events this one uses
  Bounds bounds;
  std::uint64_t shape = 0, dials = 0;  // language.md, section 14
};

struct RuleSet {
  Schema schema;
  Code code;
  std::vector<ListDef> lists;
  std::vector<TableDef> tables;
  std::vector<CalendarDef> calendars;
  std::vector<Program> programs;  // in an order in which each stands behind those it uses
};

}  // namespace tocsin
