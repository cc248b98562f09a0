// Goals, weaker rules and relaxations, all made of the tree that the rule was written as; each is checked and compiled
// like any rule, and one that does not compile (`by all` where a text needs the key) is simply not asked.
#include "app/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "dsl/load.h"
#include "dsl/print.h"
#include "dsl/reading.h"
#include "dsl/values.h"
#include "engine/event/key.h"

namespace tocsin::app {

namespace {

using dsl::print;
using Kind = ast::Quantity::Kind;

ast::Count count_of(std::int64_t n) {
  ast::Count count;
  count.value = n;
  return count;
}

// As long as a window may be.
ast::Length very_long() {
  ast::Length length;
  length.value = days(3'650);
  return length;
}

template <class T>
void drop(std::vector<ast::Clause>& clauses) {
  std::erase_if(clauses, [](const ast::Clause& c) { return std::holds_alternative<T>(c.node); });
}

// `{value}`
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

ast::Pattern& pattern_of(ast::RuleDecl& rule) { return std::get<ast::Pattern>(rule.body); }
const ast::Pattern& pattern_of(const ast::RuleDecl& rule) { return std::get<ast::Pattern>(rule.body); }

// The rule as it stands, with nothing said about what becomes of a match.
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

// A part of the rule's pattern: without the clauses that are about the whole match.
ast::RuleDecl partial(ast::RuleDecl rule) {
  drop<ast::Where>(rule.clauses);
  drop<ast::Resolve>(rule.clauses);
  drop<ast::FireAtMost>(rule.clauses);
  drop<ast::Resume>(rule.clauses);
  drop<ast::Mute>(rule.clauses);
  const auto* fire = dsl::find_clause<ast::Fire>(rule.clauses);
  if (fire == nullptr || fire->how != ast::Fire::How::start_over) set_firing(rule, ast::Fire::How::always);
  return rule;
}

// F3: does a fire use up the events of a match? Counts, streaks and what happens at one event keep theirs.
bool starts_over(const dsl::RuleInfo& info) {
  const auto* sequence = std::get_if<ast::Sequence>(&info.when.form);
  const auto* fire = dsl::find_clause<ast::Fire>(info.clauses);
  return sequence != nullptr && (sequence->steps.size() > 1 || sequence->ending) &&
         dsl::find_clause<ast::Resume>(info.clauses) == nullptr &&
         (fire == nullptr || fire->how == ast::Fire::How::start_over);
}

struct Relaxed {
  std::string said;  // "without `reset on login_ok`"
  ast::RuleDecl rule;
  std::string edge;                 // what it takes out of the automaton: "`reset on login_ok`"; empty: nothing
  std::optional<ast::Stream> by{};  // the event that did what is left out: of `reset on x`, `then no x`
  bool by_alert = false;            // ... or the alert before
};

// ----- running weaker rules -----------------------------------------------------------------------------------------

class Asker {
 public:
  Asker(const CompiledSet& set, const dsl::RuleInfo& info, const Question& question, const RunVariant& run)
      : question_(question), run_(run), starts_over_(starts_over(info)), trees_(dsl::parse_all(set.files)) {
    keep_only(needed(*set.compiled.rules));
  }

  enum class Of { the_key, any_key, the_key_with_used_up_events };

  // The last alert of the rule for the key in the time asked about.
  std::optional<Alert> ask(const ast::RuleDecl& rule, Of of = Of::the_key) {
    std::vector<Alert> all = ask_all(rule, of);
    return all.empty() ? std::nullopt : std::optional(std::move(all.back()));
  }

  // Without what has an event that the alert before has used up, where the rule starts over (F3).
  std::vector<Alert> ask_all(const ast::RuleDecl& rule, Of of = Of::the_key) {
    ast::Item item;
    item.node = rule;
    trees_.front().file.items.push_back(std::move(item));
    const dsl::Compiled variant = dsl::compile(trees_);
    trees_.front().file.items.pop_back();
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

  // Could the last one that was asked be compiled? A part of a rule may lack what its clauses name.
  bool meant_something() const { return meant_something_; }

 private:
  // The rules whose events or state the rule looks at, by name.
  std::set<std::string> needed(const RuleSet& rules) const {
    std::set<std::string> names;
    for (std::size_t i = rules.programs.size(); i-- > 0;) {
      const Program& program = rules.programs[i];
      if (program.name != question_.rule && !names.contains(program.name)) continue;
      for (const ProgramId id : program.after) names.insert(rules.programs[id.index].name);
    }
    names.erase(question_.rule);
    return names;
  }

  void keep_only(const std::set<std::string>& names) {
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

  const Question& question_;
  const RunVariant& run_;
  const bool starts_over_;
  std::vector<dsl::Parsed> trees_;
  bool meant_something_ = true;
};

// The base events of a stream, without any filter; nothing when the stream has none, or is one of them.
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

// ----- what could be less strict ------------------------------------------------------------------------------------

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
          is<ast::Mute>(c) || is<ast::FireAtMost>(c) || is<ast::Resolve>(c))
        add(
            fmt::format("without `{}`", print(c)),
            [&](ast::RuleDecl& r) { r.clauses.erase(r.clauses.begin() + static_cast<std::ptrdiff_t>(i)); },
            is<ast::Reset>(c) ? fmt::format("`{}`", print(c)) : "",
            is<ast::Reset>(c) ? std::optional(std::get<ast::Reset>(c.node).on) : std::nullopt);
    }
    if (dsl::find_clause<ast::Fire>(rule_.clauses)) return;
    const auto* sequence = std::get_if<ast::Sequence>(&pattern_of(rule_).form);
    const bool used_up = sequence != nullptr && (sequence->steps.size() > 1 || sequence->ending);
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
          fmt::format("with more time than `then within {}`",
                      dsl::in_words(std::get<Duration>(s.link.within->length.value))),
          [&](ast::RuleDecl& r) { step_of(r, i).link.within.reset(); },
          fmt::format("`then within {}` runs out", print_length(s.link.within->length)));
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
    }
  }

  static std::string print_length(const ast::Length& length) { return dsl::in_words(std::get<Duration>(length.value)); }
  static std::string print_step(const ast::Step& step) {
    const auto* stream = std::get_if<ast::Stream>(&step.what);
    return stream != nullptr ? print(*stream) : "steps";
  }

  ast::RuleDecl rule_;
  const dsl::Model& model_;
  std::vector<Relaxed> out_;
};

// The first `steps` steps of the rule.
ast::RuleDecl prefix_of(const dsl::RuleInfo& info, std::size_t steps) {
  const auto& whole = std::get<ast::Sequence>(info.when.form);
  if (steps == whole.steps.size() && !whole.ending && steps == 1) return bare(info);  // a count: the rule itself
  ast::RuleDecl rule = partial(bare(info));
  auto& sequence = std::get<ast::Sequence>(pattern_of(rule).form);
  sequence.steps.resize(steps);
  sequence.ending.reset();
  const bool single = steps == 1 && sequence.steps.front().quantity.kind == Kind::one;
  if (single) pattern_of(rule).within.reset();  // one event needs no time
  return rule;
}

// The steps of `rule`, and then in time the event that must not come.
ast::RuleDecl answered(ast::RuleDecl rule, const ast::Stream& answer, const ast::StepBound& within) {
  ast::Step step;
  step.what = answer;
  step.link.within = within;
  std::get<ast::Sequence>(pattern_of(rule).form).steps.push_back(std::move(step));
  pattern_of(rule).within.reset();
  return rule;
}

// ----- how far it came ----------------------------------------------------------------------------------------------

class Search {
 public:
  Search(const CompiledSet& set, const dsl::RuleInfo& info, const Question& question, const RunVariant& run,
         const WriteTime& write, const WriteId& id)
      : model_(set.compiled.model),
        info_(info),
        until_(question.until),
        write_(write),
        id_(id),
        asker_(set, info, question, run),
        whole_(bare(info)) {}

  std::optional<Nearest> run() {
    if (asker_.ask(whole_)) return std::nullopt;
    std::visit(*this, info_.when.form);
    if (out_.match && out_.ended.empty()) look_for_end();
    if (out_.reached.empty()) out_.reached = "nothing that would begin a match";
    return std::move(out_);
  }

  void operator()(const ast::Sequence& sequence) {
    const std::size_t steps = sequence.steps.size();
    const bool alone = steps == 1 && !sequence.ending;
    std::size_t reached = 0;
    while (reached < steps && !(alone && info_.when.hold)) {
      if (alone && sequence.steps.front().quantity.kind == Kind::one) break;  // the rule itself
      const ast::RuleDecl part = prefix(reached + 1);
      const auto match = asker_.ask(part);
      if (!match) return stuck_at(sequence, reached, part);
      steps_reached_ = ++reached;
      out_.match = match;
    }
    if (!alone && reached == steps)
      out_.reached = fmt::format("all {} ({}), at {}", steps == 1 ? "of it" : fmt::format("{} steps", steps),
                                 of(prefix(steps)), write_(out_.match->time));
    if (sequence.ending) return disproved(sequence);
    refused_by(whole_);
  }
  void operator()(const ast::Apart& f) {
    largest(f.number, print(f.stream),
            [](ast::Pattern& p, std::int64_t n) { std::get<ast::Apart>(p.form).number = count_of(n); });
  }
  void operator()(const ast::Distinct& f) {
    largest(f.number, "different values",
            [](ast::Pattern& p, std::int64_t n) { std::get<ast::Distinct>(p.form).number = count_of(n); });
  }
  void operator()(const ast::OfLast& f) {
    largest(f.number, print(f.stream),
            [](ast::Pattern& p, std::int64_t n) { std::get<ast::OfLast>(p.form).number = count_of(n); });
  }
  void operator()(const ast::Changes& f) {
    largest(f.number, "changes",
            [](ast::Pattern& p, std::int64_t n) { std::get<ast::Changes>(p.form).number = count_of(n); });
  }
  void operator()(const ast::Idle& f) {
    pause("gap", "pause", f.length,
          [](ast::Pattern& p, ast::Length l) { std::get<ast::Idle>(p.form).length = std::move(l); });
  }
  void operator()(const ast::Without& f) {
    pause("gap", fmt::format("time without a `{}`", print(f.missing)), f.length,
          [](ast::Pattern& p, ast::Length l) { std::get<ast::Without>(p.form).length = std::move(l); });
  }
  void operator()(const ast::Silence& f) {
    pause("last_seen", {}, f.length,
          [](ast::Pattern& p, ast::Length l) { std::get<ast::Silence>(p.form).length = std::move(l); });
    if (out_.match)
      out_.reached = fmt::format("the last `{}` was at {}; the silence is not {} long by then", print(f.stream),
                                 write_(out_.match->last.value_or(out_.match->time)),
                                 dsl::in_words(std::get<Duration>(f.length.value)));
  }
  void operator()(const ast::NoAfter& f) {
    ast::RuleDecl begun = partial(whole_);
    ast::Step step;
    step.what = f.after;
    step.as = f.as;
    pattern_of(begun).form = ast::Sequence{{step}, {}};
    out_.match = asker_.ask(begun);
    if (!out_.match) return refused_by(begun);
    out_.reached = fmt::format("a `{}` at {}", print(f.after), write_(out_.match->time));
    if (const auto came = asker_.ask(answered(begun, f.missing, ast::StepBound{f.within, {}, {}}))) {
      out_.ended = came_at(f.missing, *came);
    } else {
      out_.missing = fmt::format("{} without a `{}` have not passed", dsl::in_words(std::get<Duration>(f.within.value)),
                                 print(f.missing));
    }
  }
  void operator()(const ast::FewerThan&) { refused_by(whole_); }
  void operator()(const ast::New&) { refused_by(whole_); }
  void operator()(const ast::Ranking&) { refused_by(whole_); }
  void operator()(const ast::Condition& f) {
    std::vector<const ast::Binary*> comparisons;
    conjuncts(f.expr, comparisons);
    for (const ast::Binary* comparison : comparisons) value_of(*comparison);
    refused_by(whole_);
  }

 private:
  std::string of(const ast::RuleDecl& rule) const { return fmt::format("`{}`", print(pattern_of(rule))); }

  ast::RuleDecl prefix(std::size_t steps) const { return prefix_of(info_, steps); }

  // `reached` steps were there and the next was not.
  void stuck_at(const ast::Sequence& sequence, std::size_t reached, const ast::RuleDecl& next) {
    const ast::Step& step = sequence.steps[reached];
    if (reached > 0)
      out_.reached =
          fmt::format("{} of {} steps ({}), at {}", reached, sequence.steps.size() + (sequence.ending ? 1 : 0),
                      of(prefix(reached)), write_(out_.match->time));
    const auto wanted = step.quantity.kind == Kind::at_least || step.quantity.kind == Kind::exactly ||
                                step.quantity.kind == Kind::from_to
                            ? value(step.quantity.low)
                            : std::nullopt;
    bool some = false;
    if (wanted && *wanted > 1) {
      const auto [n, match] = most(next, *wanted, [&](ast::RuleDecl& rule, std::int64_t m) {
        ast::Quantity& q = std::get<ast::Sequence>(pattern_of(rule).form).steps[reached].quantity;
        q.kind = Kind::at_least;
        q.low = count_of(m);
      });
      if (match) {
        some = true;
        const std::int64_t there = sequence.steps.size() == 1 ? static_cast<std::int64_t>(match->count) : n;
        const std::string told = counted(n < *wanted ? n : there, *wanted, of_step(step), window_of(next));
        out_.reached += out_.reached.empty() ? fmt::format("{}, at {}", told, write_(match->time))
                                             : fmt::format(", then {}, at {}", told, write_(match->time));
        out_.match = match;
      }
    }
    if (!some)
      out_.missing = fmt::format("{}{}", reached == 0 ? "no " : "after that no ", of_step(step)) + " that fits";
    refused_by(next);
  }

  static std::string of_step(const ast::Step& step) {
    if (const auto* stream = std::get_if<ast::Stream>(&step.what)) return fmt::format("`{}`", print(*stream));
    if (const auto* group = std::get_if<ast::Group>(&step.what)) return fmt::format("`({})`", print(*group->pattern));
    return "`any of`";
  }

  static std::string window_of(const ast::RuleDecl& rule) {
    const auto& within = pattern_of(rule).within;
    if (!within) return {};
    return fmt::format(" within {}", dsl::in_words(std::get<Duration>(within->value)));
  }

  // Past the number wanted it is the alert before that keeps the rule from firing, not the number.
  static std::string counted(std::int64_t n, std::int64_t wanted, const std::string& what, const std::string& window) {
    if (n < wanted) return fmt::format("{} of {} {}{}", n, wanted, what, window);
    return fmt::format("{} {}{}, {} are enough", n, what, window, wanted);
  }

  // The largest n up to `wanted` with which the rule, or without its clauses about the whole match, fires.
  template <class Set>
  std::pair<std::int64_t, std::optional<Alert>> most(const ast::RuleDecl& rule, std::int64_t wanted, Set&& set) {
    std::int64_t low = 0, high = wanted + 1;  // fires with low (0: nothing), not with high
    std::optional<Alert> best;
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      ast::RuleDecl weaker = partial(rule);
      set(weaker, middle);
      if (auto match = asker_.ask(weaker)) {
        low = middle;
        best = std::move(match);
      } else {
        high = middle;
      }
    }
    return {low, std::move(best)};
  }

  template <class Set>
  void largest(const ast::Count& count, const std::string& what, Set&& set) {
    const std::int64_t wanted = value(count).value_or(1);
    auto [n, match] = most(whole_, wanted, [&](ast::RuleDecl& rule, std::int64_t m) { set(pattern_of(rule), m); });
    if (match) {
      out_.reached = fmt::format("{}, at {}", counted(n, wanted, what, window_of(whole_)), write_(match->time));
      out_.match = std::move(match);
    }
    refused_by(whole_);
  }

  // A pause that was too short: the longest there was.
  template <class Set>
  void pause(const std::string& fact, const std::string& what, const ast::Length& length, Set&& set) {
    ast::RuleDecl weaker = partial(whole_);
    ast::Length least;
    least.value = Duration{1'000};
    set(pattern_of(weaker), least);
    set_alert(weaker, interpolated(fact));
    std::vector<Alert> all = asker_.ask_all(weaker);
    if (all.empty()) return refused_by(whole_);
    const auto gap = [](const Alert& a) { return a.last && a.first ? *a.last - *a.first : Duration{}; };
    const auto longest = fact == "gap" ? std::ranges::max_element(all, {}, gap) : all.end() - 1;
    if (fact == "gap")
      out_.reached = fmt::format("the longest {} was {} of {}, at {}", what, longest->text,
                                 dsl::in_words(std::get<Duration>(length.value)), write_(longest->time));
    out_.match = *longest;
    refused_by(whole_);
  }

  // The steps were there: the event that must not come came, or time has not passed.
  void disproved(const ast::Sequence& sequence) {
    const ast::RuleDecl came_in_time =
        answered(prefix(sequence.steps.size()), sequence.ending->stream, sequence.ending->within);
    if (const auto came = asker_.ask(came_in_time)) {
      out_.ended = came_at(sequence.ending->stream, *came);
      return;
    }
    out_.missing = fmt::format("{} without a `{}` have not passed",
                               dsl::in_words(std::get<Duration>(sequence.ending->within.length.value)),
                               print(sequence.ending->stream));
    refused_by(whole_);
  }

  static void conjuncts(const ast::Expr& expr, std::vector<const ast::Binary*>& out) {
    const auto* binary = std::get_if<ast::Binary>(&expr.node);
    if (binary == nullptr) return;
    if (binary->op == ast::BinaryOp::logical_and) {
      conjuncts(*binary->left, out);
      conjuncts(*binary->right, out);
    } else if (binary->op != ast::BinaryOp::logical_or) {
      out.push_back(binary);
    }
  }

  // How near the left side of one comparison came.
  void value_of(const ast::Binary& comparison) {
    const bool upwards = comparison.op == ast::BinaryOp::greater || comparison.op == ast::BinaryOp::greater_equal;
    const bool downwards = comparison.op == ast::BinaryOp::less || comparison.op == ast::BinaryOp::less_equal;
    if (!upwards && !downwards) return;
    ast::RuleDecl weaker = partial(whole_);
    ast::Binary always = comparison;
    ast::Literal bound;
    bound.value = upwards ? -1e300 : 1e300;
    always.right->node = bound;
    ast::Expr expr;
    expr.node = std::move(always);
    pattern_of(weaker).form = ast::Condition{std::move(expr)};
    pattern_of(weaker).hold.reset();
    set_alert(weaker, interpolated("value"));
    const Alert* best = nullptr;
    const std::vector<Alert> all = asker_.ask_all(weaker);
    const auto number_in = [](const Alert& a) { return std::strtod(a.text.c_str(), nullptr); };
    for (const Alert& alert : all)
      if (best == nullptr || (upwards ? number_in(alert) > number_in(*best) : number_in(alert) < number_in(*best)))
        best = &alert;
    if (!out_.reached.empty()) out_.reached += "; ";
    ast::Expr whole;
    whole.node = comparison;
    if (best == nullptr) {
      out_.reached += fmt::format("`{}` was never judged", print(whole));
      return;
    }
    out_.reached += fmt::format("`{}` came to {} at {}, `{}` is wanted", print(*comparison.left), best->text,
                                write_(best->time), print(whole));
    out_.match = *best;
  }

  // Each condition alone without which it fires.
  void refused_by(const ast::RuleDecl& rule) {
    for (const Relaxed& relaxed : Relaxations(rule, model_).all()) {
      const bool all_keys = relaxed.said.starts_with("without `by");
      const auto of = all_keys           ? Asker::Of::any_key
                      : relaxed.by_alert ? Asker::Of::the_key_with_used_up_events
                                         : Asker::Of::the_key;
      const auto match = asker_.ask(relaxed.rule, of);
      if (!match) continue;
      std::string told = fmt::format("{} it comes at {}", relaxed.said, write_(match->time));
      if (relaxed.by)
        if (const auto in_the_way = last_inside(*relaxed.by, *match)) told += ": " + came_at(*relaxed.by, *in_the_way);
      out_.refused.push_back(std::move(told));
    }
  }

  // ----- what ended the attempt ----------------------------------------------------------------------

  static constexpr const char* kTheEnd = "the_end";

  // Where the event stands that a rule made by `coming` is about, or else the last event of the match.
  static std::optional<Position> last_of(const Alert& alert) {
    std::optional<Position> last;
    for (const EvidenceOf& of : alert.evidence) {
      if (of.label == kTheEnd && !of.events.empty()) return of.events.back();
      for (const Position& p : of.events)
        if (!last || p.offset > last->offset) last = p;
    }
    return last;
  }

  std::string came_at(const ast::Stream& what, const Alert& alert) const {
    const auto at = last_of(alert);
    const std::string id = id_ && at ? fmt::format(" ({})", id_(*at)) : "";
    return fmt::format("a `{}` came at {}{}", print(what), write_(alert.time), id);
  }

  // When events of the stream come for the key. Where its filter names steps, those of the part that was reached.
  std::vector<Alert> coming(const ast::Stream& what) {
    ast::RuleDecl alone = partial(whole_);
    drop<ast::Reset>(alone.clauses);
    drop<ast::Learn>(alone.clauses);
    ast::Step step;
    step.what = what;
    step.as = ast::Name{kTheEnd, false, {}};
    pattern_of(alone).within.reset();
    pattern_of(alone).hold.reset();
    ast::RuleDecl behind = alone;
    pattern_of(alone).form = ast::Sequence{{step}, {}};
    std::vector<Alert> all = asker_.ask_all(alone, Asker::Of::the_key_with_used_up_events);
    const auto* whole = std::get_if<ast::Sequence>(&info_.when.form);
    if (asker_.meant_something() || whole == nullptr || steps_reached_ == 0) return all;
    auto& sequence = std::get<ast::Sequence>(pattern_of(behind).form);
    sequence.steps.resize(steps_reached_);
    sequence.ending.reset();
    sequence.steps.push_back(step);
    return asker_.ask_all(behind);
  }

  std::optional<Alert> first_behind(const ast::Stream& what, const Alert& match) {
    const auto last = last_of(match);
    for (Alert& alert : coming(what)) {
      const auto at = last_of(alert);
      if (alert.time > match.time || (alert.time == match.time && at && last && at->offset > last->offset))
        return std::move(alert);
    }
    return std::nullopt;
  }

  // The last one between the first and the last event of a match that takes none of them.
  std::optional<Alert> last_inside(const ast::Stream& what, const Alert& match) {
    std::optional<Alert> out;
    for (Alert& alert : coming(what)) {
      const auto at = last_of(alert);
      const bool taken = at && std::ranges::any_of(match.evidence, [&](const EvidenceOf& of) {
                           return std::ranges::find(of.events, *at) != of.events.end();
                         });
      if (!taken && match.first && alert.time >= *match.first && alert.time <= match.time) out = std::move(alert);
    }
    return out;
  }

  // Of all that can end what was reached, the first that did: an event, or its time.
  void look_for_end() {
    std::optional<Time> ended;
    const auto consider = [&](Time at, std::string words) {
      if (at > until_ || (ended && *ended <= at)) return;
      ended = at;
      out_.ended = std::move(words);
    };
    const auto by_event = [&](const ast::Stream& what, const std::string& why) {
      if (const auto came = first_behind(what, *out_.match)) consider(came->time, came_at(what, *came) + ": " + why);
    };
    for (const ast::Clause& clause : whole_.clauses)
      if (const auto* reset = std::get_if<ast::Reset>(&clause.node))
        by_event(reset->on, fmt::format("`{}`", print(clause)));
    const auto over = [&](std::optional<Time> from, const ast::Length& length, const std::string& word) {
      const Duration d = std::get<Duration>(length.value);
      if (from) consider(*from + d, fmt::format("`{} {}` ran out at {}", word, dsl::in_words(d), write_(*from + d)));
    };
    if (info_.when.within) over(out_.match->first, *info_.when.within, "within");
    const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form);
    if (sequence == nullptr || steps_reached_ >= sequence->steps.size()) return;
    const ast::Step& next = sequence->steps[steps_reached_];
    if (next.link.no) by_event(*next.link.no, fmt::format("`then no {}`", print(*next.link.no)));
    if (next.link.within && !next.link.within->of && steps_reached_ > 0)
      over(out_.match->last, next.link.within->length, "then within");
    if (next.link.next)
      if (const auto any = bases_of(*sequence)) by_event(*any, "`next` lets no other event come between");
    if (next.consecutive && steps_reached_ == 0)
      if (const auto* stream = std::get_if<ast::Stream>(&next.what)) {
        const auto breaks = next.of ? std::optional<ast::Stream>(*next.of) : base_of(model_, *stream);
        if (breaks) by_event(*breaks, fmt::format("it breaks the row of `{}`", print(*stream)));
      }
  }

  // Every base event that the steps name.
  std::optional<ast::Stream> bases_of(const ast::Sequence& sequence) const {
    ast::Stream any;
    for (const ast::Step& step : sequence.steps)
      if (const auto* stream = std::get_if<ast::Stream>(&step.what)) any.any.push_back(*stream);
    if (any.any.size() != sequence.steps.size()) return std::nullopt;
    return base_of(model_, any).value_or(any);
  }

  const dsl::Model& model_;
  const dsl::RuleInfo& info_;
  const Time until_;
  const WriteTime& write_;
  const WriteId& id_;
  Asker asker_;
  const ast::RuleDecl whole_;
  std::size_t steps_reached_ = 0;
  Nearest out_;
};

// ----- edges --------------------------------------------------------------------------------------------------------

class Edges {
 public:
  Edges(const CompiledSet& set, const dsl::RuleInfo& info, const Question& question, const RunVariant& run)
      : model_(set.compiled.model), info_(info), asker_(set, info, question, run), whole_(bare(info)) {}

  std::vector<EdgeTaken> run() {
    const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form);
    if (sequence != nullptr) steps(*sequence);
    if (const auto* idle = std::get_if<ast::Idle>(&info_.when.form))
      without_form(fmt::format("a `{}` sooner", print(idle->stream)), idle->stream);
    if (const auto* without = std::get_if<ast::Without>(&info_.when.form))
      without_form(fmt::format("a `{}` was there", print(without->missing)), without->stream);
    if (const auto* none = std::get_if<ast::NoAfter>(&info_.when.form)) {
      ast::RuleDecl begun = partial(whole_);
      ast::Step first;
      first.what = none->after;
      first.as = none->as;
      pattern_of(begun).form = ast::Sequence{{first}, {}};
      reached(fmt::format("`{}`", print(none->after)), begun);
      reached(fmt::format("`{}` comes in time", print(none->missing)),
              answered(begun, none->missing, {none->within, {}, {}}));
    }
    const std::set<std::string> told = told_by(whole_);
    for (const Relaxed& relaxed : Relaxations(whole_, model_).all())
      if (!relaxed.edge.empty()) differs(relaxed.edge, relaxed.rule, told);
    return std::move(out_);
  }

 private:
  // The states on the way: each is reached when the steps up to it match.
  void steps(const ast::Sequence& sequence) {
    const std::size_t n = sequence.steps.size();
    for (std::size_t i = 1; i <= n; ++i) {
      if (i == n && !sequence.ending) break;  // that is the firing edge
      const auto* stream = std::get_if<ast::Stream>(&sequence.steps[i - 1].what);
      reached(stream != nullptr ? fmt::format("`{}`", print(*stream)) : fmt::format("step {}", i), prefix_of(info_, i));
    }
    if (sequence.ending)
      reached(fmt::format("`{}` comes in time", print(sequence.ending->stream)),
              answered(prefix_of(info_, n), sequence.ending->stream, sequence.ending->within));
  }

  // An edge that cannot be asked about is not told of.
  void reached(std::string edge, const ast::RuleDecl& rule) {
    const bool taken = asker_.ask(rule).has_value();
    if (asker_.meant_something()) out_.push_back({std::move(edge), taken});
  }

  void differs(std::string edge, const ast::RuleDecl& rule, const std::set<std::string>& told) {
    const bool taken = told_by(rule) != told;
    if (asker_.meant_something()) out_.push_back({std::move(edge), taken});
  }

  // `idle`, `without`: the event alone, however long it has been.
  void without_form(std::string edge, const ast::Stream& stream) {
    ast::RuleDecl plain = whole_;
    ast::Step step;
    step.what = stream;
    pattern_of(plain).form = ast::Sequence{{step}, {}};
    differs(std::move(edge), plain, told_by(whole_));
  }

  // When the rule tells of which key.
  std::set<std::string> told_by(const ast::RuleDecl& rule) {
    std::set<std::string> told;
    for (const Alert& alert : asker_.ask_all(rule)) {
      std::string one = fmt::format("{}", alert.time.us);
      for (const Value& value : alert.key.values()) one += " " + bytes_of(value);
      told.insert(std::move(one));
    }
    return told;
  }
  static std::string bytes_of(const Value& value) {
    std::string text;
    append_key(text, value);
    return text;
  }

  const dsl::Model& model_;
  const dsl::RuleInfo& info_;
  Asker asker_;
  const ast::RuleDecl whole_;
  std::vector<EdgeTaken> out_;
};

}  // namespace

std::vector<EdgeTaken> edges_taken(const CompiledSet& set, const std::string& rule, const RunVariant& run) {
  Question question;
  question.rule = rule;
  question.until = Time{std::numeric_limits<std::int64_t>::max()};
  for (const dsl::RuleInfo& info : set.compiled.model.rules)
    if (info.name == rule) return Edges(set, info, question, run).run();
  return {};
}

std::optional<Nearest> nearest_match(const CompiledSet& set, const Question& question, const RunVariant& run,
                                     const WriteTime& write, const WriteId& id) {
  for (const dsl::RuleInfo& info : set.compiled.model.rules)
    if (info.name == question.rule) return Search(set, info, question, run, write, id).run();
  return std::nullopt;
}

std::string in_words(const Nearest& nearest) {
  std::string text = fmt::format("the nearest came to: {}\n", nearest.reached);
  if (!nearest.missing.empty()) text += fmt::format("  what was missing: {}\n", nearest.missing);
  if (!nearest.ended.empty()) text += fmt::format("  what ended it: {}\n", nearest.ended);
  for (const std::string& refused : nearest.refused) text += fmt::format("  {}\n", refused);
  return text;
}

}  // namespace tocsin::app
