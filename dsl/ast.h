// The rule as written: plain values, a source span in every node, nothing resolved. language.md
// says what each form means; this file only says what can be written. Knows no parser.
//
// Comparison is structural: spans and spellings never differ, so `parse(print(x)) == x` is one `==`.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/source.h"
#include "engine/base/time.h"

namespace tocsin::ast {

using dsl::SourceSpan;

// A value on the heap that copies and compares as a value: what recursion needs.
template <class T>
class Box {
 public:
  Box() : value_(std::make_unique<T>()) {}
  Box(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: a Box is its value
  Box(const Box& other) : value_(std::make_unique<T>(*other.value_)) {}
  Box(Box&& other) noexcept = default;
  Box& operator=(const Box& other) {
    *value_ = *other.value_;
    return *this;
  }
  Box& operator=(Box&& other) noexcept = default;
  ~Box() = default;

  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  friend bool operator==(const Box& a, const Box& b) { return *a == *b; }

 private:
  std::unique_ptr<T> value_;
};

// An optional value that is large and seldom there: when it is missing it takes a pointer's room.
template <class T>
class Rare {
 public:
  Rare() = default;
  Rare(std::nullopt_t) {}                                           // NOLINT: reads as std::optional does
  Rare(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT
  Rare(std::optional<T> value) {                                    // NOLINT
    if (value) value_ = std::make_unique<T>(*std::move(value));
  }
  Rare(const Rare& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Rare(Rare&& other) noexcept = default;
  Rare& operator=(const Rare& other) {
    if (this != &other) value_ = other.value_ ? std::make_unique<T>(*other.value_) : nullptr;
    return *this;
  }
  Rare& operator=(Rare&& other) noexcept = default;
  ~Rare() = default;

  bool has_value() const { return value_ != nullptr; }
  explicit operator bool() const { return has_value(); }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  void reset() { value_.reset(); }
  T& emplace() {
    value_ = std::make_unique<T>();
    return *value_;
  }
  friend bool operator==(const Rare& a, const Rare& b) {
    return a.has_value() == b.has_value() && (!a.has_value() || *a == *b);
  }

 private:
  std::unique_ptr<T> value_;
};

// How the author spelled a literal (`120s`, `10_000`, `10MB`). The formatter keeps it; equality ignores it.
struct Spelling {
  std::string text;
  friend bool operator==(const Spelling&, const Spelling&) { return true; }
};

// What a name was found to mean. The parser leaves it empty, check fills it in, and everything after it reads it
// instead of the words. Equality ignores it, as it ignores spans.
struct Ref {
  enum class Kind : std::uint8_t {
    none,      // not looked at yet, or unknown (an error was reported)
    field,     // of the event being judged: all parts are the field
    previous,  // `previous.f`
    step,      // `ok.user`: field of a step of the pattern, by its number; inside `first()`, `count()` the step itself
    key,       // a key of the rule, by its number
    special,   // `count`, `span`, `gap`, `time` ...: the word itself says which
    item,      // in `some F (E)`: `item`, or a name that is looked for in the object, then around it (X7)
    stream,    // StreamPath: the events of a stream
    own,       // StreamPath in a summary: a field of its own events; the stream's name is the field's first part
  };
  Kind kind = Kind::none;
  std::uint32_t index = 0;  // step: its number; key: its number
  std::uint32_t skip = 0;   // how many of the path's parts are no part of the field (`ok` in `ok.user`)
  friend bool operator==(const Ref&, const Ref&) { return true; }
};

// ----- words and literals ------------------------------------------------------------------------

// An identifier. `$name` (a constant or a template parameter) has `param` set and no dollar in `text`.
struct Name {
  std::string text;
  bool param = false;
  SourceSpan span;
  friend bool operator==(const Name&, const Name&) = default;
};

// A dotted name: `user`, `winlog.event_data.Image`, `$key`.
struct Path {
  std::vector<Name> parts;
  SourceSpan span;
  Ref ref;
  friend bool operator==(const Path&, const Path&) = default;
};

struct Param {
  std::string name;
  SourceSpan span;
  friend bool operator==(const Param&, const Param&) = default;
};

// A whole number where a count stands: `5`, `10_000`, `$n`.
struct Count {
  std::variant<std::int64_t, Param> value;
  Spelling spelling;
  SourceSpan span;
  friend bool operator==(const Count&, const Count&) = default;
};

// A duration: `5m`, `1h30m`, `$window`.
struct Length {
  std::variant<Duration, Param> value;
  Spelling spelling;
  SourceSpan span;
  friend bool operator==(const Length&, const Length&) = default;
};

// Plain text in quotes, unescaped: a title, a file, a zone, a sink.
struct Text {
  std::string value;
  SourceSpan span;
  friend bool operator==(const Text&, const Text&) = default;
};

// An address or a network, as text in canonical form (`10.0.0.0/8`, `::1`); host bits are kept for check to see.
struct Address {
  std::string text;
  friend bool operator==(const Address&, const Address&) = default;
};

struct Regex {
  std::string pattern;  // RE2 syntax, without the slashes
  friend bool operator==(const Regex&, const Regex&) = default;
};

// ----- expressions -------------------------------------------------------------------------------

struct Expr;
struct Stream;

// A constant. Sizes (`10MB`) are ints, percents (`20%`) are floats: the spelling says how they were written.
struct Literal {
  std::variant<bool, std::int64_t, double, std::string, Duration, Address, Regex> value;
  Spelling spelling;
  friend bool operator==(const Literal&, const Literal&) = default;
};

// Text with `{expression}` in it: pieces of text and expressions in turn (alert texts, `with` texts, runbooks).
struct Template {
  std::vector<std::variant<std::string, Box<Expr>>> pieces;
  SourceSpan span;
  friend bool operator==(const Template&, const Template&) = default;
};

// `T[key].field`: a row of a table.
struct Lookup {
  Name table;
  Box<Expr> key;
  Path field;
  friend bool operator==(const Lookup&, const Lookup&) = default;
};

// A pure function: `lower(user)`, `if(c, a, b)`, `min(a, b)`.
struct Call {
  Name function;
  std::vector<Expr> args;
  friend bool operator==(const Call&, const Call&);
};

// A stream and a field of its events: `charge.amount`, `login(outcome = "x").user`, `(a or b).ip`, `count`'s bare
// `login`. In a summary the first name may itself be the field (`avg(fare_amount)`); check decides.
struct StreamPath {
  Box<Stream> stream;
  Path field;  // may be empty
  SourceSpan span;
  Ref ref;
  friend bool operator==(const StreamPath&, const StreamPath&) = default;
};

// `over 1d` or `over last 20`.
struct Over {
  std::variant<Length, Count> window;  // a Count is `last N`
  SourceSpan span;
  friend bool operator==(const Over&, const Over&) = default;
};

// An aggregate: `count(login over 1h)`, `sum(f)`, `count()`, `ratio(a, b over 1h)`, `ema(x.f, 0.1)`,
// `zscore(count(x over 1d), 14d)`, `forecast(x.f over 3h, 24h)`. `over` belongs to the aggregate as a whole
// and stands after its last stream; `args` are what follows that is no stream.
struct Aggregate {
  Name function;
  std::vector<StreamPath> streams;  // none: the summary's own events; two: ratio
  Rare<Over> over;
  std::vector<Expr> args;  // zscore: the inner aggregate first
  friend bool operator==(const Aggregate&, const Aggregate&);
};

enum class UnaryOp { logical_not, negate };
struct Unary {
  UnaryOp op = UnaryOp::logical_not;
  Box<Expr> operand;
  friend bool operator==(const Unary&, const Unary&) = default;
};

enum class BinaryOp {
  logical_or,
  logical_and,
  equal,
  not_equal,
  less,
  less_equal,
  greater,
  greater_equal,
  contains,
  starts_with,
  ends_with,
  matches,
  add,
  subtract,
  multiply,
  divide,
  remainder,
};
struct Binary {
  BinaryOp op = BinaryOp::logical_or;
  Box<Expr> left;
  Box<Expr> right;
  bool ignoring_case = false;
  SourceSpan op_span;
  friend bool operator==(const Binary&, const Binary&) = default;
};

struct InList {  // `in list L`
  Name list;
  friend bool operator==(const InList&, const InList&) = default;
};
struct InCalendar {  // `in calendar C`
  Name calendar;
  friend bool operator==(const InCalendar&, const InCalendar&) = default;
};
struct InItems {  // `in [..]`
  std::vector<Expr> items;
  friend bool operator==(const InItems&, const InItems&);
};
// `x in list L`, `x not in [..]`.
struct In {
  Box<Expr> what;
  std::variant<InList, InCalendar, InItems> where;
  bool negated = false;
  bool ignoring_case = false;
  friend bool operator==(const In&, const In&) = default;
};

struct Between {
  Box<Expr> what, low, high;
  friend bool operator==(const Between&, const Between&) = default;
};

struct Is {  // `is missing`, `is present`
  Box<Expr> what;
  bool missing = true;
  friend bool operator==(const Is&, const Is&) = default;
};

struct Some {  // `some items (E)`
  Path list;
  Box<Expr> condition;
  friend bool operator==(const Some&, const Some&) = default;
};

// `3x its average over 30d`, `its previous`: the right side of a condition's comparison.
struct Its {
  enum class What { average, previous };
  std::optional<double> factor;
  Spelling factor_spelling;
  What what = What::average;
  std::optional<Length> over;
  friend bool operator==(const Its&, const Its&) = default;
};

struct ListOf {  // `["a", "b"]` as a value (test fields, `contains`)
  std::vector<Expr> items;
  friend bool operator==(const ListOf&, const ListOf&);
};

struct Expr {
  std::variant<Literal, Param, Path, Lookup, Call, Aggregate, Unary, Binary, In, Between, Is, Some, Its, ListOf,
               Template>
      node;
  SourceSpan span;
  friend bool operator==(const Expr&, const Expr&) = default;
};

inline bool operator==(const Call& a, const Call& b) { return a.function == b.function && a.args == b.args; }
inline bool operator==(const InItems& a, const InItems& b) { return a.items == b.items; }
inline bool operator==(const ListOf& a, const ListOf& b) { return a.items == b.items; }

// ----- streams and patterns ----------------------------------------------------------------------

// `name`, `name(filter)`, `(a or b)`, `(a or b)(filter)`. A union has `any` and no name.
struct Stream {
  Name name;
  std::vector<Stream> any;
  Rare<Expr> filter;
  SourceSpan span;
  friend bool operator==(const Stream&, const Stream&) = default;
};

inline bool operator==(const Aggregate& a, const Aggregate& b) {
  return a.function == b.function && a.streams == b.streams && a.over == b.over && a.args == b.args;
}

struct Pattern;
struct Step;

// How many events a step takes (semantics.md Q1-Q4).
struct Quantity {
  enum class Kind { one, at_least, exactly, from_to, one_or_more, zero_or_more, maybe };
  Kind kind = Kind::one;
  Count low, high;  // at_least: low; exactly: low; from_to: both
  SourceSpan span;
  friend bool operator==(const Quantity&, const Quantity&) = default;
};

// `within D [of NAME]` of one step.
struct StepBound {
  Length length;
  std::optional<Name> of;
  SourceSpan span;
  friend bool operator==(const StepBound&, const StepBound&) = default;
};

// What stands between a step and the one before it: `then [no x then] [next | first] [within D [of NAME]]`.
struct Link {
  Rare<Stream> no;
  bool next = false;
  bool first = false;
  Rare<StepBound> within;
  SourceSpan span;
  friend bool operator==(const Link&, const Link&) = default;
};

struct Group {  // a pattern in parentheses
  Box<Pattern> pattern;
  friend bool operator==(const Group&, const Group&) = default;
};

struct AnyOf {                  // `any N of (..)`, `all of (..)`
  std::optional<Count> number;  // none: all
  std::vector<Step> alternatives;
  friend bool operator==(const AnyOf&, const AnyOf&);
};

struct Until {
  Stream stream;
  std::optional<Name> as;
  SourceSpan span;
  Ref ref;  // the number of its step
  friend bool operator==(const Until&, const Until&) = default;
};

// `[QUANTITY] [consecutive] x [of y] [as NAME] [until c [as NAME]]`.
struct Step {
  Link link;  // empty for the first step
  Quantity quantity;
  bool consecutive = false;
  std::variant<Stream, Group, AnyOf> what;
  Rare<Stream> of;
  std::optional<Name> as;
  Rare<Until> until;
  SourceSpan span;
  Ref ref;  // its number
  friend bool operator==(const Step&, const Step&) = default;
};

inline bool operator==(const AnyOf& a, const AnyOf& b) {
  return a.number == b.number && a.alternatives == b.alternatives;
}

// `then no x within D [of NAME]` at the end of a sequence.
struct Absence {
  Stream stream;
  StepBound within;
  SourceSpan span;
  friend bool operator==(const Absence&, const Absence&) = default;
};

// One step or more. One step alone is also the counting form (`5 x within D`), the streak (`3 consecutive x`),
// `N x each D`, and, with Pattern::hold, `x for D` (C7).
struct Sequence {
  std::vector<Step> steps;
  Rare<Absence> ending;
  friend bool operator==(const Sequence&, const Sequence&) = default;
};

struct Apart {  // `N x at most D apart`
  Count number;
  Stream stream;
  Length gap;
  std::optional<Name> as;
  friend bool operator==(const Apart&, const Apart&) = default;
};
struct FewerThan {  // `fewer than N x within D`
  Count number;
  Stream stream;
  friend bool operator==(const FewerThan&, const FewerThan&) = default;
};
struct Distinct {  // `N distinct x.f within D`, `N distinct (x.f, x.g) within D`
  Count number;
  std::vector<StreamPath> values;
  friend bool operator==(const Distinct&, const Distinct&) = default;
};
struct OfLast {  // `N of last M x`
  Count number, last;
  Stream stream;
  friend bool operator==(const OfLast&, const OfLast&) = default;
};
struct Changes {  // `N changes of x.f within D`
  Count number;
  StreamPath value;
  friend bool operator==(const Changes&, const Changes&) = default;
};
struct New {  // `new x.f in D`
  StreamPath value;
  Length in;
  friend bool operator==(const New&, const New&) = default;
};
struct Idle {  // `x [as NAME] after D idle`
  Stream stream;
  std::optional<Name> as;
  Length length;
  friend bool operator==(const Idle&, const Idle&) = default;
};
struct Without {  // `x [as NAME] after D without y`
  Stream stream;
  std::optional<Name> as;
  Length length;
  Stream missing;
  friend bool operator==(const Without&, const Without&) = default;
};
struct Silence {  // `no x for D`
  Stream stream;
  Length length;
  friend bool operator==(const Silence&, const Silence&) = default;
};
struct NoAfter {  // `no x within D after y [as NAME]`
  Stream missing;
  Length within;
  Stream after;
  std::optional<Name> as;
  friend bool operator==(const NoAfter&, const NoAfter&) = default;
};
struct Ranking {  // `top N x.f by count over D`
  Count number;
  StreamPath value;
  Length over;
  friend bool operator==(const Ranking&, const Ranking&) = default;
};
struct Condition {  // the comparison of aggregates
  Expr expr;
  friend bool operator==(const Condition&, const Condition&) = default;
};

// `each D [in "ZONE"]`, and a summary's `every D [in "ZONE"]`.
struct Aligned {
  Length length;
  std::optional<Text> zone;
  SourceSpan span;
  friend bool operator==(const Aligned&, const Aligned&) = default;
};

// `within`, `each` and `for` bind last, to the whole pattern. `within` of FewerThan, Distinct, Changes, Apart
// and of the counting form stands here too.
// A phrase of the table in dsl/operators.cc, as it was written. The pattern's form is what it stands for; only the
// formatter looks here.
struct Phrase {
  std::size_t row = 0;
  std::vector<std::variant<Step, Stream, StreamPath, Expr, Length>> slots;  // in the order of the row's shape
  friend bool operator==(const Phrase&, const Phrase&) = default;
};

struct Pattern {
  std::variant<Sequence, Apart, FewerThan, Distinct, OfLast, Changes, New, Idle, Without, Silence, NoAfter, Ranking,
               Condition>
      form;
  std::optional<Length> within;
  Rare<Aligned> each;
  std::optional<Length> hold;  // `for D`
  Rare<Phrase> phrase;
  SourceSpan span;
  friend bool operator==(const Pattern&, const Pattern&) = default;
};

// ----- clauses -----------------------------------------------------------------------------------

// One part of `by`: `user`, `who = lower(user)`, `target = (c.id, d.id)`, `device from list devices`.
struct Key {
  std::optional<Name> name;  // left of `=`
  Path field;                // the plain form
  Rare<Expr> value;          // `name = E`
  std::vector<Path> parts;   // `name = (a.x, b.y)`
  std::optional<Name> list;  // `from list L`
  SourceSpan span;
  friend bool operator==(const Key&, const Key&) = default;
};

struct Assign {  // `name = E`
  Name name;
  Expr value;
  SourceSpan span;
  friend bool operator==(const Assign&, const Assign&) = default;
};

enum class Severity { info, low, medium, high, critical };

struct By {  // no keys: `by all`
  std::vector<Key> keys;
  bool all = false;
  friend bool operator==(const By&, const By&) = default;
};
struct Where {
  Expr condition;
  friend bool operator==(const Where&, const Where&) = default;
};
struct Except {
  Expr condition;
  friend bool operator==(const Except&, const Except&) = default;
};
struct During {  // `during CAL`, `outside CAL`
  Name calendar;
  bool outside = false;
  friend bool operator==(const During&, const During&) = default;
};
struct Reset {
  Stream on;
  friend bool operator==(const Reset&, const Reset&) = default;
};
struct Learn {
  Length length;
  friend bool operator==(const Learn&, const Learn&) = default;
};
struct Resolve {
  Box<Pattern> when;
  friend bool operator==(const Resolve&, const Resolve&) = default;
};
struct Mute {
  Name rule;
  std::vector<Path> same;
  friend bool operator==(const Mute&, const Mute&) = default;
};
struct Escalate {  // `after D unresolved`, or `after N in D`
  Severity to = Severity::high;
  std::optional<Count> number;
  Length length;
  friend bool operator==(const Escalate&, const Escalate&) = default;
};
struct Remind {
  Length every;
  friend bool operator==(const Remind&, const Remind&) = default;
};
struct Alert {
  std::optional<Severity> severity;
  Template text;
  friend bool operator==(const Alert&, const Alert&) = default;
};
struct With {
  std::vector<Assign> fields;
  friend bool operator==(const With&, const With&) = default;
};
struct SendTo {
  std::vector<Text> sinks;
  friend bool operator==(const SendTo&, const SendTo&) = default;
};
struct Runbook {
  Template url;
  friend bool operator==(const Runbook&, const Runbook&) = default;
};
struct Tags {
  std::vector<Text> tags;
  friend bool operator==(const Tags&, const Tags&) = default;
};
struct Owner {
  Text team;
  friend bool operator==(const Owner&, const Owner&) = default;
};
struct Emit {
  Name event;
  std::vector<Assign> fields;
  friend bool operator==(const Emit&, const Emit&) = default;
};
struct Forget {
  Length idle;
  friend bool operator==(const Forget&, const Forget&) = default;
};
struct Fire {
  enum class How { once, always, start_over, every_match };
  How how = How::once;
  friend bool operator==(const Fire&, const Fire&) = default;
};
struct FireAtMost {
  Count number;  // `once` is 1
  Length per;
  std::vector<Path> keys;
  friend bool operator==(const FireAtMost&, const FireAtMost&) = default;
};
struct Resume {
  bool last = false;
  Name at;
  friend bool operator==(const Resume&, const Resume&) = default;
};

// Of sessions.
struct EndsAfter {  // `ends after D idle [when last is y]`
  Length idle;
  Rare<Stream> when_last;
  friend bool operator==(const EndsAfter&, const EndsAfter&) = default;
};
struct EndsOn {
  Stream on;
  friend bool operator==(const EndsOn&, const EndsOn&) = default;
};
struct StartsOn {
  Stream on;
  friend bool operator==(const StartsOn&, const StartsOn&) = default;
};
struct AtMost {
  Length length;
  friend bool operator==(const AtMost&, const AtMost&) = default;
};
struct EmitEach {  // `emit each with session_id, page = url send to "sink"`: a bare name is a field under its own name
  std::vector<Assign> fields;
  std::vector<Text> sinks;
  friend bool operator==(const EmitEach&, const EmitEach&) = default;
};

// Of summaries.
struct Every {  // `every D [over W | over all] [in "ZONE"]`, `every event [over W | over all]`
  bool event = false;
  Rare<Aligned> aligned;  // unless `event`
  std::optional<Length> over;
  bool over_all = false;
  friend bool operator==(const Every&, const Every&) = default;
};
struct EvenIfEmpty {
  friend bool operator==(const EvenIfEmpty&, const EvenIfEmpty&) = default;
};

struct Clause {
  std::variant<By, Where, Except, During, Reset, Learn, Resolve, Mute, Escalate, Remind, Alert, With, SendTo, Runbook,
               Tags, Owner, Emit, Forget, Fire, FireAtMost, Resume, EndsAfter, EndsOn, StartsOn, AtMost, EmitEach,
               Every, EvenIfEmpty>
      node;
  SourceSpan span;
  friend bool operator==(const Clause&, const Clause&) = default;
};

// ----- items -------------------------------------------------------------------------------------

enum class FieldType { text, integer, floating, boolean, time, duration, ip, point, any };

struct Field {
  Path name;
  FieldType type = FieldType::any;
  bool list = false;      // `list of T`
  bool optional = false;  // `?`
  SourceSpan span;
  friend bool operator==(const Field&, const Field&) = default;
};

enum class TimeUnit { seconds, milliseconds, microseconds, nanoseconds };

struct Timestamp {
  Path field;
  std::optional<TimeUnit> unit;
  SourceSpan span;
  friend bool operator==(const Timestamp&, const Timestamp&) = default;
};

struct Late {  // `late 10s`, `late adaptive up to 1m`
  Length length;
  bool adaptive = false;
  SourceSpan span;
  friend bool operator==(const Late&, const Late&) = default;
};

struct EventDecl {
  Name name;
  bool has = false;  // a schema was written: other fields are mistakes
  std::vector<Field> fields;
  std::optional<Timestamp> timestamp;
  std::optional<Late> late;
  std::optional<Path> tiebreak;
  friend bool operator==(const EventDecl&, const EventDecl&) = default;
};

struct AliasDecl {
  Name name;
  Stream stream;
  friend bool operator==(const AliasDecl&, const AliasDecl&) = default;
};

struct LetDecl {
  Name name;  // without the dollar, `param` set
  Expr value;
  friend bool operator==(const LetDecl&, const LetDecl&) = default;
};

struct FromFile {
  Text file;
  std::optional<Name> column;
  friend bool operator==(const FromFile&, const FromFile&) = default;
};
struct FromTopic {
  Text topic;
  friend bool operator==(const FromTopic&, const FromTopic&) = default;
};

struct ListDecl {
  Name name;
  std::variant<std::vector<Expr>, FromFile, FromTopic> source;
  friend bool operator==(const ListDecl&, const ListDecl&) = default;
};

struct TableDecl {
  Name name;
  std::variant<FromFile, FromTopic> source;
  std::optional<Name> key;  // `from topic` has none
  friend bool operator==(const TableDecl&, const TableDecl&) = default;
};

// `mon-fri 09:00-18:00`; days 0 = Monday; minutes from midnight, `to` may be 24:00. Without times: the whole day.
struct OpenHours {
  int first_day = 0, last_day = 6;
  int from_minute = 0, to_minute = 24 * 60;
  SourceSpan span;
  friend bool operator==(const OpenHours&, const OpenHours&) = default;
};

struct CalendarDecl {
  Name name;
  std::vector<OpenHours> open;
  Text zone;
  friend bool operator==(const CalendarDecl&, const CalendarDecl&) = default;
};

struct SessionDecl {
  Name name;
  Stream of;
  std::vector<Clause> clauses;  // `by` among them
  friend bool operator==(const SessionDecl&, const SessionDecl&) = default;
};

struct SummaryDecl {
  Name name;
  Stream of;
  std::vector<Clause> clauses;  // `by` and `every` among them
  friend bool operator==(const SummaryDecl&, const SummaryDecl&) = default;
};

struct TemplateDecl {
  Name name;
  std::vector<Param> params;
  Pattern when;
  std::vector<Clause> clauses;
  friend bool operator==(const TemplateDecl&, const TemplateDecl&) = default;
};

struct Uses {
  Name name;
  std::vector<Expr> args;  // an event or a key is a Path
  SourceSpan span;
  friend bool operator==(const Uses&, const Uses&) = default;
};

struct RuleDecl {
  Name name;
  std::optional<Text> title;
  std::optional<Name> was;
  std::variant<Pattern, Uses> body;
  std::vector<Clause> clauses;
  friend bool operator==(const RuleDecl&, const RuleDecl&) = default;
};

struct ExtendDecl {
  Name name;
  std::vector<Clause> clauses;
  friend bool operator==(const ExtendDecl&, const ExtendDecl&) = default;
};

// ----- tests -------------------------------------------------------------------------------------

struct FieldValue {  // `user: "ann"`
  Path name;
  Expr value;
  SourceSpan span;
  friend bool operator==(const FieldValue&, const FieldValue&) = default;
};

struct Send {  // `[N] event [every D] {fields}`
  std::optional<Count> number;
  Name event;
  std::optional<Length> every;
  std::vector<FieldValue> fields;
  friend bool operator==(const Send&, const Send&) = default;
};
struct Expect {  // `expect alert {..}`, `expect no alert`, `expect NAME {..}`, `expect no NAME`
  bool none = false;
  std::optional<Name> event;  // none: alert
  std::vector<FieldValue> fields;
  friend bool operator==(const Expect&, const Expect&) = default;
};
struct Reload {
  Text file;
  friend bool operator==(const Reload&, const Reload&) = default;
};
struct Restart {
  friend bool operator==(const Restart&, const Restart&) = default;
};
struct Load {
  Text file;
  friend bool operator==(const Load&, const Load&) = default;
};

struct TestLine {
  std::optional<std::variant<Length, Text>> at;  // a duration from Monday 1970-01-05, or an RFC 3339 time
  std::variant<Send, Expect, Reload, Restart, Load> node;
  SourceSpan span;
  friend bool operator==(const TestLine&, const TestLine&) = default;
};

struct TestDecl {
  Text title;
  std::optional<Name> rule;
  std::vector<TestLine> lines;
  friend bool operator==(const TestDecl&, const TestDecl&) = default;
};

struct Item {
  std::variant<EventDecl, AliasDecl, LetDecl, ListDecl, TableDecl, CalendarDecl, SessionDecl, SummaryDecl, TemplateDecl,
               RuleDecl, ExtendDecl, TestDecl>
      node;
  std::string doc;  // the `///` block above it, lines joined by newlines
  SourceSpan span;
  friend bool operator==(const Item&, const Item&) = default;
};

// A comment keeps its place by its span: the formatter puts it before, or behind, what it stood beside.
struct Comment {
  std::string text;  // with its slashes, without the newline
  bool own_line = true;
  SourceSpan span;
  friend bool operator==(const Comment&, const Comment&) = default;
};

struct RuleFile {
  std::vector<Item> items;
  std::vector<Comment> comments;
  friend bool operator==(const RuleFile&, const RuleFile&) = default;
};

}  // namespace tocsin::ast
