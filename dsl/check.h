// Names to meanings: the step between the tree as written and everything that works with rules.
//
// check() takes all files of a rule set at once, because names cross files. It finds every mistake of language.md and
// semantics.md that can be seen without running, and hands on a Model in which nothing is left to look up:
//  - aliases know their base events and filters; constants and template parameters are replaced by their values;
//    rules that use a template have a body of their own; `extend` clauses stand in the rule that they extend;
//  - every Path, StreamPath and Step carries its ast::Ref: what it was found to mean;
//  - tests send base events with all the fields that their aliases fix (semantics.md, V2).
// A Model with errors among its diagnostics is fit for reading (editors, `explain`), not for compiling.
//
// Knows no files: whoever wants missing list files and unknown columns reported passes `file_exists` and `columns`.
// Throws nothing, prints nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostic.h"
#include "dsl/parser.h"

namespace tocsin::dsl {

// A type as far as the text tells: `any` where nothing does.
struct Type {
  ast::FieldType kind = ast::FieldType::any;
  bool list = false;
  friend bool operator==(const Type&, const Type&) = default;
};

// ----- events ------------------------------------------------------------------------------------

using EventId = std::uint32_t;  // index into Model::events
inline constexpr std::uint32_t kNone = UINT32_MAX;

struct FieldInfo {
  std::string name;  // dotted where nested: `winlog.event_data.Image`
  Type type;
  bool optional = false;
  bool declared = false;  // false: typed where it is used
  SourceSpan at;
};

// A kind of event, wherever it comes from. An event without a schema has the fields that somebody uses.
struct EventInfo {
  enum class Origin {
    declared,  // `event NAME has ...`
    assumed,   // an undeclared name in an event's place
    session,   // made by session, summary, a rule's own name, a rule's `emit`
    summary,
    rule,
    emitted,
  };
  std::string name;
  Origin origin = Origin::declared;
  bool has_schema = false;
  std::vector<FieldInfo> fields;
  std::optional<ast::Timestamp> timestamp;
  std::optional<ast::Late> late;
  std::optional<ast::Path> tiebreak;
  std::string doc;
  SourceSpan at;  // its name where it is declared, or first used

  const FieldInfo* find(std::string_view field) const;
  bool is_base() const { return origin == Origin::declared || origin == Origin::assumed; }
};

// One base event of a stream, with every filter between the stream and it, outermost first; all must hold.
struct Alternative {
  EventId event = kNone;
  std::vector<ast::Expr> filters;
};

struct AliasInfo {
  std::string name;
  ast::Stream stream;                     // as declared, with its paths resolved
  std::vector<Alternative> alternatives;  // all aliases under it expanded
  std::string doc;
  SourceSpan at;
  std::optional<SourceSpan> previous;  // where one of its filters asks for the event before
};

// ----- rules -------------------------------------------------------------------------------------

// One part of `by`, named. A part of `name = (a.x, b.y)` has one path per event that can play it; an event that
// can play two parts is seen once for each, under each key (E2).
struct KeyInfo {
  std::string name;  // `user`, `who`, `winlog.user`
  Type type;
  struct Part {
    EventId event = kNone;
    std::variant<ast::Path, ast::Expr> value;  // a path into the event, or an expression over its fields
    std::uint32_t step = kNone;                // the bound step that plays it; kNone: the event wherever it stands
  };
  std::vector<Part> parts;
  std::uint32_t list = kNone;  // `from list L`: index into Model::lists
  SourceSpan at;
};

// A step of a pattern. Steps are numbered as they are written, a group or `any of` before what it holds, `until`
// right after its step; in the forms that are no sequence the one stream that happens is step 0. The absent
// streams (`no x`) take no event and have no number.
struct StepInfo {
  std::string name;       // its `as` name, else its stream's name, else empty
  bool bound = false;     // named by `as`
  bool unique = true;     // its name can be used: no other step has it
  bool repeats = false;   // may take more than one event
  bool optional = false;  // may take none (`maybe`, `zero or more`, an alternative of `any of`, or inside such)
  std::vector<EventId> events;
  SourceSpan at;
};

// What `check` can promise about a rule (language.md, 1.6).
struct Bounds {
  std::optional<Duration> longest;  // how long an event can matter; none: nothing bounds it
  bool keeps_candidates = false;    // every candidate inside `within` is kept (Q15)
  bool keeps_keys = false;          // a key is never forgotten by itself (F10)
};

struct RuleInfo {
  std::string name;
  std::string title;
  std::string was;  // empty: never renamed
  std::string doc;
  ast::Pattern when;
  std::vector<ast::Clause> clauses;  // its template's, its own, then those of its `extend`s
  std::vector<KeyInfo> keys;
  bool by_all = false;                  // also when no `by` was written
  std::vector<StepInfo> steps;          // of `when`
  std::vector<StepInfo> resolve_steps;  // of `resolve when`; Refs inside it count these
  std::vector<EventId> events;  // every event type that it names anywhere: pattern, `no`, `of`, `reset`, `resolve`
  EventId alert = kNone;        // the event of its own name
  EventId emits = kNone;        // of its `emit`
  std::uint32_t mutes_while = kNone;  // index into Model::rules
  Bounds bounds;
  SourceSpan at;                   // its name
  std::optional<SourceSpan> used;  // `uses T(..)`: spans of `when` may lie in the template
};

struct SessionInfo {
  ast::SessionDecl decl;
  std::vector<KeyInfo> keys;
  bool by_all = false;
  std::vector<EventId> of;
  std::vector<EventId> events;  // `of` and those that only begin or end it
  EventId emits = kNone;
  std::string doc;
};

struct SummaryInfo {
  ast::SummaryDecl decl;
  std::vector<KeyInfo> keys;
  bool by_all = false;
  std::vector<EventId> of;
  EventId emits = kNone;
  std::string doc;
};

// What makes events, in an order in which each stands after those whose events or state it looks at.
struct Maker {
  enum class Kind { rule, session, summary };
  Kind kind = Kind::rule;
  std::uint32_t index = 0;
};

struct TestInfo {
  ast::TestDecl decl;
  std::uint32_t rule = kNone;  // kNone: all rules
};

struct NameHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
};
template <class T>
using NameMap = std::unordered_map<std::string, T, NameHash, std::equal_to<>>;

struct Model {
  std::vector<EventInfo> events;
  std::vector<AliasInfo> aliases;
  std::vector<RuleInfo> rules;  // as written, files in order
  std::vector<SessionInfo> sessions;
  std::vector<SummaryInfo> summaries;
  std::vector<Maker> order;
  std::vector<ast::ListDecl> lists;
  std::vector<ast::TableDecl> tables;
  std::vector<ast::CalendarDecl> calendars;
  std::vector<TestInfo> tests;

  NameMap<EventId> event_ids;
  NameMap<std::uint32_t> alias_ids, rule_ids, list_ids, table_ids, calendar_ids;

  // Every base event of a stream, with its filters; nothing for a name that is unknown (an error was reported).
  std::vector<Alternative> expand(const ast::Stream& stream) const;
  // The same without filters, each event once.
  std::vector<EventId> events_of(const ast::Stream& stream) const;
};

// ----- the door ----------------------------------------------------------------------------------

struct CheckOptions {
  // Is there such a file beside rule file number `file`? Unset: nobody asks.
  std::function<bool(std::uint32_t file, std::string_view path)> file_exists;
  // The names in the first line of such a CSV file; none when it cannot be read. Unset: columns are not looked at.
  std::function<std::optional<std::vector<std::string>>(std::uint32_t file, std::string_view path)> columns;
  // What is wrong with the content of such a file; empty: nothing, or it cannot be read. `column`: what a list takes of
  // a CSV file (empty: its lines), or a table's key. Unset: contents are not looked at.
  struct FileUse {
    std::uint32_t file = 0;
    std::string_view path, column;
    bool is_table = false;
  };
  std::function<std::string(const FileUse& use)> broken_file;
  // Of a list in which addresses are looked up: which of its lines are none; empty: all are, or it cannot be read.
  std::function<std::string(const FileUse& use)> no_addresses;
  int require_tests = 0;  // a rule with fewer tests is a warning
  // The texts of the files, for messages that name a place (`declared at rules/auth.rules:3`).
  std::span<const SourceText> sources;
};

struct Checked {
  Model model;
  std::vector<Diagnostic> diagnostics;  // sorted
  bool ok() const;                      // no error among them
};

// The result does not refer to `files`, but its spans do.
Checked check(std::span<const Parsed> files, const CheckOptions& options = {});

// Gives `f` the rule, session or summary of the name, which are all that runs. False: there is none.
template <class F>
bool with_maker(const Model& model, std::string_view name, const F& f) {
  for (const RuleInfo& rule : model.rules)
    if (rule.name == name) return f(rule), true;
  for (const SessionInfo& session : model.sessions)
    if (session.decl.name.text == name) return f(session), true;
  for (const SummaryInfo& summary : model.summaries)
    if (summary.decl.name.text == name) return f(summary), true;
  return false;
}

// Does the expression say another thing when other events come? (A field of one has been told where it cannot stand.)
bool looks_at_events(const ast::Expr& expr);

// The first clause of one kind; null: there is none.
template <class T>
const T* find_clause(const std::vector<ast::Clause>& clauses) {
  for (const ast::Clause& clause : clauses)
    if (const T* found = std::get_if<T>(&clause.node)) return found;
  return nullptr;
}

}  // namespace tocsin::dsl
