// Weaker rules, made of the tree that a rule was written as: its first steps, one condition less, an event alone; and
// the engine that production runs, asked whether they fire. All that `nearest_match` and `edges_taken` tell comes from
// here, so no answer is of another engine. Each weaker rule is checked and compiled like any rule; one that does not
// compile (`by all` where a text needs the key) is simply not asked.
#pragma once

#include <functional>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "app/compiled.h"
#include "dsl/load.h"
#include "engine/match/alert.h"

namespace tocsin::app {

// All alerts of a rule set over the events in question.
using RunVariant = std::function<std::vector<Alert>(const dsl::Compiled& variant)>;

struct Question {
  std::string rule;
  // Is the alert of the key asked about? `program` is the one that made it. Unset: whichever key came furthest.
  std::function<bool(const Program& program, const Alert& alert)> of_key;
  bool names_key = false;     // `of_key` wants a key that somebody named
  std::optional<Time> after;  // matches that happen later than this (an alert before it is another matter) ...
  Time until{};               // ... and not later than this
};

// ----- making them --------------------------------------------------------------------------------------------------

ast::Count count_of(std::int64_t n);
// As long as a window may be.
ast::Length very_long();

template <class T>
void drop(std::vector<ast::Clause>& clauses) {
  std::erase_if(clauses, [](const ast::Clause& c) { return std::holds_alternative<T>(c.node); });
}

// `{value}`
ast::Template interpolated(const std::string& name);
void set_alert(ast::RuleDecl& rule, ast::Template text);
void set_firing(ast::RuleDecl& rule, ast::Fire::How how);

inline ast::Pattern& pattern_of(ast::RuleDecl& rule) { return std::get<ast::Pattern>(rule.body); }
inline const ast::Pattern& pattern_of(const ast::RuleDecl& rule) { return std::get<ast::Pattern>(rule.body); }

// The rule as it stands, with nothing said about what becomes of a match.
ast::RuleDecl bare(const dsl::RuleInfo& info);
// A part of the rule's pattern: without the clauses that are about the whole match.
ast::RuleDecl partial(ast::RuleDecl rule);
// The first `steps` steps of the rule.
ast::RuleDecl prefix_of(const dsl::RuleInfo& info, std::size_t steps);
// The steps of `rule`, and then in time the event that must not come.
ast::RuleDecl answered(ast::RuleDecl rule, const ast::Stream& answer, const ast::StepBound& within);
// The rule's clauses about keys and about which events it sees, and `step` alone.
ast::RuleDecl alone(const ast::RuleDecl& rule, ast::Step step);

// F3: does a fire use up the events of a match? Counts, streaks and what happens at one event keep theirs.
bool starts_over(const dsl::RuleInfo& info);

// The base events of a stream, without any filter; nothing when the stream has none, or is one of them.
std::optional<ast::Stream> base_of(const dsl::Model& model, const ast::Stream& stream);

// One comparison of a condition, seen from what it measures: the side with an aggregate.
struct Measured {
  enum class Wanted { more, less, other };
  ast::Expr what;
  Wanted wanted = Wanted::other;
  std::optional<double> target;  // the number that it is compared with, where one is written
  std::string whole;             // as written: "50 < sum(a.v)"
};
std::vector<Measured> measured(const ast::Expr& condition);

struct Relaxed {
  std::string said;  // "without `reset on login_ok`"
  ast::RuleDecl rule;
  std::string edge;                 // what it takes out of the automaton: "`reset on login_ok`"; empty: nothing
  std::optional<ast::Stream> by{};  // the event that did what is left out: of `reset on x`, `then no x`
  bool by_alert = false;            // ... or the alert before
  bool other_keys = false;          // the keys are no longer kept apart
  bool hides_events = false;        // what is left out keeps events from the rule: `except`, `during`
};
// All that the rule could be less strict in, one thing at a time.
std::vector<Relaxed> relaxations_of(const ast::RuleDecl& rule, const dsl::Model& model);

// ----- asking -------------------------------------------------------------------------------------------------------

// The question, the rules and `run` outlive it.
class Asker {
 public:
  Asker(const CompiledSet& set, const dsl::RuleInfo& info, const Question& question, const RunVariant& run);

  enum class Of { the_key, any_key, the_key_with_used_up_events };

  // The last alert of the rule for the key in the time asked about.
  std::optional<Alert> ask(const ast::RuleDecl& rule, Of of = Of::the_key);

  // Without what has an event that the alert before has used up, where the rule starts over (F3).
  std::vector<Alert> ask_all(const ast::RuleDecl& rule, Of of = Of::the_key);

  // What is measured, each time that it is judged: the alert's text. Nothing: it cannot be asked for alone.
  std::optional<std::vector<Alert>> ask_value(const ast::RuleDecl& rule, const Measured& measured);

  // The same, where it is beyond `text` in the direction that is wanted, also when time alone makes it so.
  std::optional<std::vector<Alert>> ask_beyond(const ast::RuleDecl& rule, const Measured& measured,
                                               const std::string& text);

  // Could the last one that was asked be compiled? A part of a rule may lack what its clauses name.
  bool meant_something() const { return meant_something_; }

 private:
  using LiteralValue = decltype(ast::Literal::value);

  std::set<std::string> needed(const RuleSet& rules) const;
  dsl::Compiled compiled(const ast::RuleDecl& rule);
  std::vector<Alert> ask_compared(const ast::RuleDecl& rule, const Measured& measured, ast::BinaryOp op,
                                  const LiteralValue& with);
  void keep_only(const std::set<std::string>& names);

  const Question& question_;
  const RunVariant& run_;
  const bool starts_over_;
  std::vector<dsl::Parsed> trees_;
  bool meant_something_ = true;
};

}  // namespace tocsin::app
