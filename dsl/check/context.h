// What the parts of the checker share: the model as it grows, the declared names, the messages. The parts are
//   names     who is declared, twice, or near a misspelled name; aliases down to their base events
//   expand    constants, templates and `extend`, replaced in the tree
//   types     what every name of an expression means, and whether its operators fit
//   patterns  the forms of section 5: bounds, steps, streaks, absences
//   clauses   the clauses of section 6 and 7, keys, sessions, summaries
//   filters   what can never be true, or always is
//   order     who makes what others use; circles
//   lints     what is right but hardly meant
//   tests     the tests of a rule set
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dsl/check.h"
#include "dsl/values.h"

namespace tocsin::dsl::checking {

struct Context {
  Context(std::span<const Parsed> f, const CheckOptions& o) : files(f), options(o) {}

  std::span<const Parsed> files;
  const CheckOptions& options;
  Model model;
  std::vector<Diagnostic> diagnostics;

  // Names of the event space (events, aliases, and what rules, sessions and summaries make): the first place of each.
  NameMap<SourceSpan> declared;
  std::vector<std::string> declared_names;  // in order, for did-you-mean
  NameMap<SourceSpan> assumed_near;         // undeclared names already judged: misspelled
  NameMap<const ast::TemplateDecl*> templates;
  NameMap<const ast::LetDecl*> lets;
  NameMap<ast::Expr> constants;                  // lets, with the lets inside them replaced
  std::vector<const ast::RuleDecl*> rule_decls;  // beside model.rules
  std::vector<SourceSpan> rule_items;
  std::unordered_set<std::string> unreadable;
  std::unordered_set<std::uint32_t> asked_for_addresses;  // lists
  std::unordered_set<std::string> mentioned;              // in an item that could not be read

  struct Used {
    NameMap<bool> events, lists, tables, calendars, templates, constants;
  } used;

  NameMap<std::string> regexes;  // pattern -> its error, empty when it is fine
  NameMap<bool> zones;
  std::vector<Type> list_types;  // of what each list of the model has; any where nobody knows yet
  NameMap<std::optional<std::vector<std::string>>> columns;  // of the files that were looked into

  // A mistake inside a template is shown there, with the `uses` that led to it.
  std::optional<SourceSpan> used_at;
  SourceSpan used_rule;                                   // the whole rule that uses it
  std::vector<bool> failed;                               // rules with an error: no warnings are added to it
  mutable std::vector<std::vector<std::uint32_t>> lines;  // of each file: where its lines begin, once asked for

  Diagnostic& report(std::string_view code, SourceSpan span, std::string message, std::string here,
                     std::string help = {});
  std::string place(SourceSpan span) const;        // "rules/auth.rules:3", or empty without sources
  std::string declared_at(SourceSpan span) const;  // " (declared at rules/auth.rules:3)"
};

inline std::string ticked(std::string_view name) { return "`" + std::string(name) + "`"; }
std::string joined(const std::vector<std::string>& words, std::string_view last = "and");  // "a, b and c"
std::string ticked_list(const std::vector<std::string>& words, std::string_view last = "and");
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);  // or empty
std::string text_of(const ast::Path& path);

// ----- types -------------------------------------------------------------------------------------

std::string name_of(Type type);  // "a number", "a list of text"
inline bool is_any(Type t) { return t.kind == ast::FieldType::any && !t.list; }
inline bool is_number(Type t) {
  return !t.list && (t.kind == ast::FieldType::integer || t.kind == ast::FieldType::floating);
}
Type join(Type a, Type b);  // what both may be: number kinds meet in float, anything else in any
bool comparable(Type a, Type b);

// Where an expression stands, and so what its names may mean.
enum class Place {
  filter,     // `x(E)`, `of`, `no`, `until`: the event in hand, earlier steps, `previous`
  except,     // `except E`, and `by name = E`: the event in hand alone
  condition,  // the comparison of aggregates
  match,      // `where`, `with`, texts: keys, steps, and the words of N1
  rows,       // `with` of a session or summary: its own events, in aggregates
  each,       // `emit each with`: the event in hand and the session's three words
  constant,   // list items, test fields: no names at all
};

struct Scope {
  Place place = Place::filter;
  std::vector<EventId> events;  // what the event in hand may be; empty: unknown, everything passes
  const std::vector<StepInfo>* steps = nullptr;
  const std::vector<StepInfo>* fired = nullptr;  // in `resolve when`: the rule's own, which are not known here
  std::vector<bool> visible;                     // steps that have been taken here
  std::uint32_t own = kNone;                     // the repeated step whose filter this is
  const std::vector<KeyInfo>* keys = nullptr;
  std::vector<std::string> words;    // of N1, those that the pattern has
  std::vector<EventId> streams;      // in conditions and rows: what aggregates may be over
  bool windowed = true;              // aggregates need no `over` of their own
  bool window_told = false;          // ... and that one has none has been told, once for the condition
  std::optional<Duration> window;    // of those that have none, where the pattern says it
  bool keeps_events = true;          // an aggregate may look back further than the match: `over D`
  int some = 0;                      // inside `some F (E)`
  const ast::Path* plain = nullptr;  // ... whose items are known to be no objects: F
  bool counts = false;               // in an aggregate that takes events, not their fields
  std::string_view rows_of;          // "a session", "a summary": no event is kept there but its own
  std::string_view where_word;       // "where", "except", ... for messages
  std::string_view aggregate;        // the one whose events are looked at, for messages
  std::string_view phrase;           // the words that the author wrote for what is judged: "rises by"
  bool sequence = false;             // F18: `count` is that of the only repeated step
  ast::Name first_stream;            // what a bare field probably meant
};

// False, and told: the duration is beyond what a time of the engine can hold (limits.h).
bool check_duration(Context& c, const ast::Length& length);
inline bool may_be_empty(const ast::Quantity& q) {
  return q.kind == ast::Quantity::Kind::maybe || q.kind == ast::Quantity::Kind::zero_or_more;
}
Type type_of(Context& c, ast::Expr& expr, Scope& scope);
// The same, and it has to be true or false.
void check_filter(Context& c, ast::Expr& expr, Scope& scope);
void check_template(Context& c, ast::Template& text, Scope& scope);
Type type_of_path(Context& c, ast::Path& path, Scope& scope);
// The field's type on these events; reports R022 when none can have it. `typed` is what its use tells.
// `amount` where `charge.amount` belongs: told, if it is a field of a declared event. `before` and `behind` stand
// around it.
bool report_lone_field(Context& c, const ast::StreamPath& sp, const std::string& before, const std::string& behind,
                       const std::vector<StepInfo>* steps = nullptr);
Type field_type(Context& c, const std::vector<EventId>& events, const ast::Path& path, std::uint32_t skip);
bool is_aggregate(std::string_view name);
bool is_function(std::string_view name);

// ----- names -------------------------------------------------------------------------------------

void collect(Context& c);  // who is declared; events, aliases, and the events that rules make
void resolve_aliases(Context& c);
void resolve_stream(Context& c, ast::Stream& stream);  // names only: reports unknown ones, marks them used
// `resolve_stream`, and its filters in this scope (whose `events` are set for each filter).
std::vector<EventId> check_stream(Context& c, ast::Stream& stream, Scope& scope);
// Where a filter of it asks for the event before, its aliases looked into.
std::optional<SourceSpan> previous_in(const Model& model, const ast::Stream& stream);
std::optional<SourceSpan> previous_in(const Model& model, const ast::Pattern& pattern);
Diagnostic& report_no_previous(Context& c, const Scope& s, SourceSpan at);  // in a session or summary
std::optional<std::uint32_t> find_list(Context& c, const ast::Name& name);
std::optional<std::uint32_t> find_table(Context& c, const ast::Name& name);
std::optional<std::uint32_t> find_calendar(Context& c, const ast::Name& name);
// Has the file of a list or table this column? Asked only where the file can be read. False: it has none, and that is
// reported.
bool check_column(Context& c, const ast::FromFile& from, std::string_view column, SourceSpan at);
// `own`: the rule that asks, which nobody suggests to it.
std::optional<std::uint32_t> find_rule(Context& c, const ast::Name& name, std::string_view here,
                                       std::string_view own = {});
// Can a value of this type, which stands at `value`, be in the list that is named `at`?
void check_listed(Context& c, std::uint32_t list, SourceSpan at, Type type, SourceSpan value);
void check_zone(Context& c, const ast::Text& zone);
void check_data(Context& c);  // lists, tables, calendars, constants

// ----- expand ------------------------------------------------------------------------------------

void expand(Context& c);  // fills model.rules, sessions, summaries with bodies in which no `$name` is left

// ----- patterns ----------------------------------------------------------------------------------

// One pattern while it is checked: `when`, or that of `resolve when`.
struct PatternCheck {
  Context& c;
  ast::Pattern& pattern;
  std::vector<StepInfo>& steps;
  const RuleInfo& rule;
  bool resolve = false;
  std::vector<EventId> events{};                                       // of every stream in it
  std::vector<EventId> streams{};                                      // of the streams that can happen in it
  std::vector<std::pair<ast::Stream*, std::vector<EventId>>> named{};  // every stream as written, for keys
  ast::Name first_stream{};
};
void check_pattern(PatternCheck& p);
// Does it keep the events of a window, on which aggregates with an `over` of their own can look back, too?
bool keeps_events(const ast::Pattern& pattern);
bool is_sequence(const ast::Pattern& pattern);  // C7: `then`, `any of`, `until`, `one or more`; else it counts
std::vector<std::string> words_of(const RuleInfo& rule);  // N1
const ast::Step* only_repeated(const ast::Pattern& pattern);
void add_events(std::vector<EventId>& to, const std::vector<EventId>& more);

// ----- clauses, order, lints, tests --------------------------------------------------------------

void check_clause_kinds(Context& c);  // which may stand where, which only once
void check_rule(Context& c, RuleInfo& rule);
void check_rule_bounds(Context& c, RuleInfo& rule);  // warnings, for rules without errors
void check_session(Context& c, SessionInfo& session);
void check_summary(Context& c, SummaryInfo& summary);
void check_order(Context& c);
void lint(Context& c);
void check_tests(Context& c);

// A number that a filter is compared with: every int and every float as it is, so that the checker tells apart what the
// engine tells apart (engine/event/order.h).
using Exact = long double;
static_assert(std::numeric_limits<Exact>::digits >= 64);

struct Verdict {
  enum class What { maybe, never, always } what = What::maybe;
  SourceSpan at, with;                        // the condition, and what it contradicts (never)
  std::string_view why = "contradicts this";  // what the other one says
  std::string help = "did you mean `or`? Otherwise correct one of the two";
};
Verdict judge(const Context& c, const std::vector<EventId>& events, const std::vector<const ast::Expr*>& all);
void lint_filter(Context& c, const ast::Stream& stream);

}  // namespace tocsin::dsl::checking
