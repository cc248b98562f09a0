#include "app/weaker.h"

#include <fmt/format.h>

#include <algorithm>

#include "dsl/limits.h"
#include "dsl/print.h"
#include "dsl/reading.h"
#include "engine/base/text.h"
#include "engine/event/key.h"

namespace tocsin::app {

using dsl::print;
using Kind = ast::Quantity::Kind;

// ----- making them --------------------------------------------------------------------------------------------------

ast::Count count_of(std::int64_t n) {
  ast::Count count;
  count.value = n;
  return count;
}

ast::Length very_long() {
  ast::Length length;
  length.value = days(3'650);
  return length;
}

ast::Template interpolated(const std::string& name) {
  ast::Path path;
  path.parts.push_back({name, false, {}});
  ast::Expr expr;
  expr.node = std::move(path);
  ast::Template text;
  text.pieces.emplace_back(ast::Box<ast::Expr>(std::move(expr)));
  return text;
}

void set_alert(ast::RuleDecl& rule, ast::Template text) {
  drop<ast::Alert>(rule.clauses);
  ast::Clause clause;
  clause.node = ast::Alert{ast::Severity::info, std::move(text)};
  rule.clauses.push_back(std::move(clause));
}

void set_firing(ast::RuleDecl& rule, ast::Fire::How how) {
  drop<ast::Fire>(rule.clauses);
  ast::Clause clause;
  clause.node = ast::Fire{how};
  rule.clauses.push_back(std::move(clause));
}

ast::RuleDecl bare(const dsl::RuleInfo& info) {
  ast::RuleDecl rule;
  rule.name.text = info.name;
  rule.body = info.when;
  pattern_of(rule).phrase.reset();  // it would be printed, whatever becomes of the form
  rule.clauses = info.clauses;
  std::erase_if(rule.clauses, [](const ast::Clause& c) {
    return std::holds_alternative<ast::With>(c.node) || std::holds_alternative<ast::SendTo>(c.node) ||
           std::holds_alternative<ast::Runbook>(c.node) || std::holds_alternative<ast::Tags>(c.node) ||
           std::holds_alternative<ast::Owner>(c.node) || std::holds_alternative<ast::Emit>(c.node) ||
           std::holds_alternative<ast::Escalate>(c.node) || std::holds_alternative<ast::Remind>(c.node);
  });
  set_alert(rule, {});
  return rule;
}

ast::RuleDecl partial(ast::RuleDecl rule) {
  drop<ast::Where>(rule.clauses);
  drop<ast::Resolve>(rule.clauses);
  drop<ast::FireAtMost>(rule.clauses);
  drop<ast::Resume>(rule.clauses);
  drop<ast::Mute>(rule.clauses);
  drop<ast::Learn>(rule.clauses);
  const auto* fire = dsl::find_clause<ast::Fire>(rule.clauses);
  if (fire == nullptr || fire->how != ast::Fire::How::start_over) set_firing(rule, ast::Fire::How::always);
  return rule;
}

bool starts_over(const dsl::RuleInfo& info) {
  const auto* fire = dsl::find_clause<ast::Fire>(info.clauses);
  return dsl::is_sequence(info.when) && dsl::find_clause<ast::Resume>(info.clauses) == nullptr &&
         (fire == nullptr || fire->how == ast::Fire::How::start_over);
}

std::optional<ast::Stream> base_of(const dsl::Model& model, const ast::Stream& stream) {
  const std::vector<dsl::EventId> events = model.events_of(stream);
  if (events.empty()) return std::nullopt;
  ast::Stream base;
  if (events.size() == 1) {
    base.name.text = model.events[events.front()].name;
  } else {
    for (const dsl::EventId event : events) {
      ast::Stream part;
      part.name.text = model.events[event].name;
      base.any.push_back(std::move(part));
    }
  }
  return print(base) == print(stream) ? std::nullopt : std::optional(std::move(base));
}

ast::RuleDecl prefix_of(const dsl::RuleInfo& info, std::size_t steps) {
  const auto& whole = std::get<ast::Sequence>(info.when.form);
  if (steps == whole.steps.size() && !whole.ending && steps == 1) return bare(info);  // a count: the rule itself
  ast::RuleDecl rule = partial(bare(info));
  auto& sequence = std::get<ast::Sequence>(pattern_of(rule).form);
  sequence.steps.resize(steps);
  sequence.ending.reset();
  const bool single = steps == 1 && sequence.steps.front().quantity.kind == Kind::one;
  if (single) pattern_of(rule).within.reset();  // one event needs no time
  const bool counts = steps == 1 && sequence.steps.front().quantity.kind != Kind::one;
  if (counts && !sequence.steps.front().consecutive && !pattern_of(rule).within)
    pattern_of(rule).within = very_long();  // what is behind it did without
  return rule;
}

ast::RuleDecl answered(ast::RuleDecl rule, const ast::Stream& answer, const ast::StepBound& within) {
  ast::Step step;
  step.what = answer;
  step.link.within = within;
  std::get<ast::Sequence>(pattern_of(rule).form).steps.push_back(std::move(step));
  pattern_of(rule).within.reset();
  return rule;
}

ast::RuleDecl alone(const ast::RuleDecl& rule, ast::Step step) {
  ast::RuleDecl out = partial(rule);
  drop<ast::Reset>(out.clauses);
  drop<ast::Learn>(out.clauses);
  pattern_of(out).within.reset();
  pattern_of(out).hold.reset();
  pattern_of(out).form = ast::Sequence{{std::move(step)}, {}};
  return out;
}

namespace {

Measured::Wanted wanted_by(ast::BinaryOp op) {
  using Op = ast::BinaryOp;
  if (op == Op::greater || op == Op::greater_equal) return Measured::Wanted::more;
  return op == Op::less || op == Op::less_equal ? Measured::Wanted::less : Measured::Wanted::other;
}

Measured::Wanted turned(Measured::Wanted wanted) {
  using Wanted = Measured::Wanted;
  return wanted == Wanted::more ? Wanted::less : wanted == Wanted::less ? Wanted::more : wanted;
}

bool compares(ast::BinaryOp op) {
  using Op = ast::BinaryOp;
  return op == Op::equal || op == Op::not_equal || wanted_by(op) != Measured::Wanted::other;
}

std::optional<double> number_of(const ast::Expr& expr) {
  const auto* literal = std::get_if<ast::Literal>(&expr.node);
  if (literal == nullptr) return std::nullopt;
  if (const auto* whole = std::get_if<std::int64_t>(&literal->value)) return static_cast<double>(*whole);
  if (const auto* number = std::get_if<double>(&literal->value)) return *number;
  return std::nullopt;
}

void add_measured(const ast::Expr& expr, const std::string& negated, std::vector<Measured>& out) {
  const std::string whole = negated.empty() ? print(expr) : negated;
  const auto add = [&](const ast::Expr& side, Measured::Wanted wanted, std::optional<double> target) {
    if (!dsl::looks_at_events(side)) return false;
    out.push_back({side, negated.empty() ? wanted : turned(wanted), target, whole});
    return true;
  };
  if (const auto* unary = std::get_if<ast::Unary>(&expr.node)) {
    if (unary->op == ast::UnaryOp::logical_not) add_measured(*unary->operand, negated.empty() ? whole : "", out);
  } else if (const auto* between = std::get_if<ast::Between>(&expr.node)) {
    add(*between->what, Measured::Wanted::other, number_of(*between->low));
  } else if (const auto* binary = std::get_if<ast::Binary>(&expr.node)) {
    if (binary->op == ast::BinaryOp::logical_and || binary->op == ast::BinaryOp::logical_or) {
      add_measured(*binary->left, negated, out);
      add_measured(*binary->right, negated, out);
    } else if (compares(binary->op)) {
      const Measured::Wanted wanted = wanted_by(binary->op);
      add(*binary->left, wanted, number_of(*binary->right)) ||
          add(*binary->right, turned(wanted), number_of(*binary->left));
    }
  }
}

}  // namespace

std::vector<Measured> measured(const ast::Expr& condition) {
  std::vector<Measured> out;
  add_measured(condition, "", out);
  return out;
}

// ----- what could be less strict ------------------------------------------------------------------------------------

namespace {

class Relaxations {
 public:
  Relaxations(const ast::RuleDecl& rule, const dsl::Model& model) : rule_(rule), model_(model) {}

  std::vector<Relaxed> all() {
    clauses();
    windows();
    if (auto* sequence = std::get_if<ast::Sequence>(&pattern_of(rule_).form))
      for (std::size_t i = 0; i < sequence->steps.size(); ++i) step(i);
    other_forms();
    keys();
    return std::move(out_);
  }

 private:
  // `change` edits a copy of the rule.
  template <class Change>
  void add(std::string said, Change&& change, std::string edge = {}, std::optional<ast::Stream> by = {}) {
    ast::RuleDecl copy = rule_;
    change(copy);
    out_.push_back({std::move(said), std::move(copy), std::move(edge), std::move(by)});
  }
  static ast::Step& step_of(ast::RuleDecl& rule, std::size_t i) {
    return std::get<ast::Sequence>(pattern_of(rule).form).steps[i];
  }

  template <class T>
  static bool is(const ast::Clause& clause) {
    return std::holds_alternative<T>(clause.node);
  }

  void clauses() {
    for (std::size_t i = 0; i < rule_.clauses.size(); ++i) {
      const ast::Clause& c = rule_.clauses[i];
      if (is<ast::Where>(c) || is<ast::Except>(c) || is<ast::During>(c) || is<ast::Reset>(c) || is<ast::Learn>(c) ||
          is<ast::Mute>(c) || is<ast::FireAtMost>(c) || is<ast::Resolve>(c)) {
        add(
            fmt::format("without `{}`{}", print(c), is<ast::Resolve>(c) ? " (the alert before is open still)" : ""),
            [&](ast::RuleDecl& r) { r.clauses.erase(r.clauses.begin() + static_cast<std::ptrdiff_t>(i)); },
            is<ast::Reset>(c) ? fmt::format("`{}`", print(c)) : "",
            is<ast::Reset>(c) ? std::optional(std::get<ast::Reset>(c.node).on) : std::nullopt);
        out_.back().hides_events = is<ast::Except>(c) || is<ast::During>(c);
      }
    }
    if (dsl::find_clause<ast::Fire>(rule_.clauses)) return;
    const bool used_up = dsl::is_sequence(pattern_of(rule_));
    add(used_up ? "with `fire always` (the alert before has used up its events)"
                : "with `fire always` (since the alert before nothing has armed it again)",
        [](ast::RuleDecl& r) { set_firing(r, ast::Fire::How::always); });
    out_.back().by_alert = used_up;
  }

  void windows() {
    const ast::Pattern& p = pattern_of(rule_);
    if (p.within)
      add(
          fmt::format("with more time than `within {}`", dsl::in_words(std::get<Duration>(p.within->value))),
          [](ast::RuleDecl& r) { pattern_of(r).within = very_long(); },
          fmt::format("`within {}` runs out", print_length(*p.within)));
    if (p.hold)
      add(
          fmt::format("without `for {}`", dsl::in_words(std::get<Duration>(p.hold->value))),
          [](ast::RuleDecl& r) { pattern_of(r).hold.reset(); },
          fmt::format("`for {}` is cut short", print_length(*p.hold)));
    if (std::holds_alternative<ast::Apart>(p.form))
      add(
          "with longer pauses", [](ast::RuleDecl& r) { std::get<ast::Apart>(pattern_of(r).form).gap = very_long(); },
          "a longer pause");
  }

  void step(std::size_t i) {
    const ast::Step& s = step_of(rule_, i);
    if (const auto* stream = std::get_if<ast::Stream>(&s.what))
      if (const auto base = base_of(model_, *stream))
        add(fmt::format("with any `{}` in place of `{}`", print(*base), print(*stream)),
            [&](ast::RuleDecl& r) { step_of(r, i).what = *base; });
    if (s.link.no)
      add(
          fmt::format("without `then no {}`", print(*s.link.no)),
          [&](ast::RuleDecl& r) { step_of(r, i).link.no.reset(); },
          fmt::format("a `{}` comes between", print(*s.link.no)), *s.link.no);
    if (s.link.next)
      add(
          "without `next`", [&](ast::RuleDecl& r) { step_of(r, i).link.next = false; },
          "`next`: another event between");
    if (s.link.first)
      add("without `first`", [&](ast::RuleDecl& r) { step_of(r, i).link.first = false; }, "`first`: one comes before");
    if (s.link.within)
      add(
          fmt::format("with more time than `then within {}{} {}`",
                      dsl::in_words(std::get<Duration>(s.link.within->length.value)), print_of(*s.link.within),
                      print_step(s)),
          [&](ast::RuleDecl& r) { step_of(r, i).link.within.reset(); },
          fmt::format("`then within {}{}` runs out", print_length(s.link.within->length), print_of(*s.link.within)));
    if (s.consecutive)
      add(
          "with other events between",
          [&](ast::RuleDecl& r) {
            step_of(r, i).consecutive = false;
            step_of(r, i).of.reset();
            if (!pattern_of(r).within) pattern_of(r).within = very_long();
          },
          fmt::format("the row of `{}` is broken", print_step(s)));
    if (s.quantity.kind == Kind::exactly || s.quantity.kind == Kind::from_to)
      add(
          "with no upper number", [&](ast::RuleDecl& r) { step_of(r, i).quantity.kind = Kind::at_least; },
          fmt::format("more `{}` than the upper number", print_step(s)));
  }

  void other_forms() {
    const auto widen = [&](const ast::Stream& stream, auto&& member) {
      if (const auto base = base_of(model_, stream))
        add(fmt::format("with any `{}` in place of `{}`", print(*base), print(stream)),
            [&](ast::RuleDecl& r) { member(pattern_of(r)) = *base; });
    };
    ast::Pattern& p = pattern_of(rule_);
    if (auto* f = std::get_if<ast::Apart>(&p.form))
      widen(f->stream, [](ast::Pattern& q) -> ast::Stream& { return std::get<ast::Apart>(q.form).stream; });
    if (auto* f = std::get_if<ast::OfLast>(&p.form))
      widen(f->stream, [](ast::Pattern& q) -> ast::Stream& { return std::get<ast::OfLast>(q.form).stream; });
    if (auto* f = std::get_if<ast::Idle>(&p.form))
      widen(f->stream, [](ast::Pattern& q) -> ast::Stream& { return std::get<ast::Idle>(q.form).stream; });
    if (auto* f = std::get_if<ast::Without>(&p.form))
      widen(f->stream, [](ast::Pattern& q) -> ast::Stream& { return std::get<ast::Without>(q.form).stream; });
  }

  void keys() {
    for (std::size_t i = 0; i < rule_.clauses.size(); ++i) {
      const auto* by = std::get_if<ast::By>(&rule_.clauses[i].node);
      if (by == nullptr || by->all || by->keys.empty()) continue;
      add(fmt::format("without `{}` (keys kept apart)", print(rule_.clauses[i])),
          [&](ast::RuleDecl& r) { r.clauses[i].node = ast::By{{}, true}; });
      out_.back().other_keys = true;
    }
  }

  static std::string print_length(const ast::Length& length) { return dsl::in_words(std::get<Duration>(length.value)); }
  static std::string print_of(const ast::StepBound& bound) { return bound.of ? " of " + bound.of->text : ""; }
  static std::string print_step(const ast::Step& step) {
    const auto* stream = std::get_if<ast::Stream>(&step.what);
    return stream != nullptr ? print(*stream) : "steps";
  }

  ast::RuleDecl rule_;
  const dsl::Model& model_;
  std::vector<Relaxed> out_;
};

}  // namespace

std::vector<Relaxed> relaxations_of(const ast::RuleDecl& rule, const dsl::Model& model) {
  return Relaxations(rule, model).all();
}

// ----- asking -------------------------------------------------------------------------------------------------------

namespace {

// Of keys with parts of several events (`who = (login.user, hb.dev)`) those whose event a part of the rule has not.
bool drop_parts_of_absent_events(ast::RuleDecl& rule, const dsl::Compiled& refused) {
  const auto of_absent = [&refused](const ast::Path& part) {
    return std::ranges::any_of(refused.diagnostics, [&part](const dsl::Diagnostic& d) {
      return d.code == "R023" && d.here.span.file == part.parts.front().span.file &&
             d.here.span.begin == part.parts.front().span.begin;
    });
  };
  std::size_t dropped = 0;
  for (ast::Clause& clause : rule.clauses)
    if (auto* by = std::get_if<ast::By>(&clause.node))
      for (ast::Key& key : by->keys) dropped += std::erase_if(key.parts, of_absent);
  return dropped > 0;
}

}  // namespace

Asker::Asker(const CompiledSet& set, const dsl::RuleInfo& info, const Question& question, const RunVariant& run)
    : question_(question), run_(run), starts_over_(starts_over(info)), trees_(dsl::parse_all(set.files)) {
  keep_only(needed(*set.compiled.rules));
}

std::optional<Alert> Asker::ask(const ast::RuleDecl& rule, Of of) {
  std::vector<Alert> all = ask_all(rule, of);
  return all.empty() ? std::nullopt : std::optional(std::move(all.back()));
}

std::optional<std::vector<Alert>> Asker::ask_value(const ast::RuleDecl& rule, const Measured& measured) {
  // Below every value, of whichever type it is: what is measured is then the comparison's left side, and so `value`.
  const LiteralValue least[] = {-1e300, Duration{-dsl::kDurationMax.us}};
  for (const LiteralValue& below : least) {
    std::vector<Alert> all = ask_compared(rule, measured, ast::BinaryOp::greater, below);
    if (meant_something_) return all;
  }
  return std::nullopt;
}

std::optional<std::vector<Alert>> Asker::ask_beyond(const ast::RuleDecl& rule, const Measured& measured,
                                                    const std::string& text) {
  if (measured.wanted == Measured::Wanted::other) return std::nullopt;
  const auto op = measured.wanted == Measured::Wanted::more ? ast::BinaryOp::greater : ast::BinaryOp::less;
  const std::optional<Duration> length = parse_duration(text);
  const LiteralValue than = length ? LiteralValue(*length) : LiteralValue(std::strtod(text.c_str(), nullptr));
  std::vector<Alert> all = ask_compared(rule, measured, op, than);
  return meant_something_ ? std::optional(std::move(all)) : std::nullopt;
}

std::vector<Alert> Asker::ask_compared(const ast::RuleDecl& rule, const Measured& measured, ast::BinaryOp op,
                                       const LiteralValue& with) {
  ast::RuleDecl weaker = partial(rule);
  pattern_of(weaker).hold.reset();
  set_alert(weaker, interpolated("value"));
  ast::Literal literal;
  literal.value = with;
  ast::Binary compared;
  compared.op = op;
  compared.left->node = measured.what.node;
  compared.left->span = measured.what.span;
  compared.right->node = literal;
  ast::Expr expr;
  expr.node = std::move(compared);
  pattern_of(weaker).form = ast::Condition{std::move(expr)};
  return ask_all(weaker);
}

dsl::Compiled Asker::compiled(const ast::RuleDecl& rule) {
  ast::Item item;
  item.node = rule;
  trees_.front().file.items.push_back(std::move(item));
  dsl::Compiled out = dsl::compile(trees_);
  trees_.front().file.items.pop_back();
  return out;
}

std::vector<Alert> Asker::ask_all(const ast::RuleDecl& rule, Of of) {
  dsl::Compiled variant = compiled(rule);
  if (ast::RuleDecl less = rule; !variant.ok() && drop_parts_of_absent_events(less, variant)) variant = compiled(less);
  meant_something_ = variant.ok();
  if (!variant.ok()) return {};
  std::vector<Alert> out;
  for (Alert& alert : run_(variant)) {
    const Program& program = variant.rules->programs[alert.rule.index];
    if (program.name != question_.rule) continue;
    const bool in_time = alert.time <= question_.until && (!question_.after || alert.time > *question_.after);
    const bool of_key = of == Of::any_key || !question_.of_key || question_.of_key(program, alert);
    const bool used_up = starts_over_ && of != Of::the_key_with_used_up_events && question_.after && alert.first &&
                         *alert.first <= *question_.after;
    if (in_time && of_key && !used_up && alert.state == Alert::State::firing && alert.reminder == 0)
      out.push_back(std::move(alert));
  }
  return out;
}

// The rules whose events or state the rule looks at, by name.
std::set<std::string> Asker::needed(const RuleSet& rules) const {
  std::set<std::string> names;
  for (std::size_t i = rules.programs.size(); i-- > 0;) {
    const Program& program = rules.programs[i];
    if (program.name != question_.rule && !names.contains(program.name)) continue;
    for (const ProgramId id : program.after) names.insert(rules.programs[id.index].name);
  }
  names.erase(question_.rule);
  return names;
}

void Asker::keep_only(const std::set<std::string>& names) {
  for (dsl::Parsed& tree : trees_) {
    tree.diagnostics.clear();
    std::erase_if(tree.file.items, [&](const ast::Item& item) {
      if (std::holds_alternative<ast::TestDecl>(item.node)) return true;
      if (const auto* rule = std::get_if<ast::RuleDecl>(&item.node)) return !names.contains(rule->name.text);
      if (const auto* extend = std::get_if<ast::ExtendDecl>(&item.node)) return !names.contains(extend->name.text);
      return false;
    });
  }
}

}  // namespace tocsin::app
