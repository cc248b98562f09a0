// From the strictest weaker rule that fires to what its next step lacked, what ended it, and what it would have fired
// without.
#include "app/nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "dsl/limits.h"
#include "dsl/load.h"
#include "dsl/print.h"
#include "dsl/reading.h"
#include "dsl/values.h"
#include "engine/base/text.h"
#include "engine/event/key.h"

namespace tocsin::app {

namespace {

using dsl::print;
using Kind = ast::Quantity::Kind;

// ----- how far it came ----------------------------------------------------------------------------------------------

class Search {
 public:
  Search(const CompiledSet& set, const dsl::RuleInfo& info, const Question& question, const RunVariant& run,
         const WriteTime& write, const WriteId& id)
      : model_(set.compiled.model),
        info_(info),
        until_(question.until),
        after_(question.after),
        asks_for_a_key_(question.of_key != nullptr && question.names_key),
        write_(write),
        id_(id),
        asker_(set, info, question, run),
        whole_(bare(info)) {}

  std::optional<Nearest> run() {
    if (asker_.ask(whole_)) return std::nullopt;
    std::visit(*this, info_.when.form);
    if (out_.match && out_.ended.empty() && !still_holds_ && !all_of_it()) look_for_end();
    if (!out_.match && !told_once_ && no_event_at_all()) {
      out_.reached = nothing_at_all();
      out_.missing.clear();
    }
    if (out_.reached.empty())
      out_.reached = out_.missing.empty() && !out_.refused.empty() ? "a whole match that was refused"
                                                                   : "nothing that would begin a match";
    if (out_.match)
      for (EvidenceOf& of : out_.match->evidence)
        if (of.label == kTheEnd) of.label = the_end_;
    return std::move(out_);
  }

  void operator()(const ast::Sequence& sequence) {
    const std::size_t steps = sequence.steps.size();
    const bool alone = steps == 1 && !sequence.ending;
    if (alone && info_.when.hold && sequence.steps.front().quantity.kind == Kind::one)
      if (const auto* stream = std::get_if<ast::Stream>(&sequence.steps.front().what)) held(*stream);
    std::size_t reached = 0;
    while (reached < steps && !(alone && info_.when.hold)) {
      const ast::Step& first = sequence.steps.front();
      if (alone && first.quantity.kind == Kind::one && !std::holds_alternative<ast::AnyOf>(first.what))
        break;  // the rule itself
      const ast::RuleDecl part = prefix(reached + 1);
      auto match = asker_.ask(part);
      if (!match && !asker_.meant_something() && may_be_left_out(sequence.steps[reached])) {
        ++reached;  // nothing but steps that need not come: what begins a match comes behind them
        continue;
      }
      if (!match) return stuck_at(sequence, reached, part);
      steps_reached_ = ++reached;
      out_.match = std::move(match);
    }
    if (!alone && reached == steps)
      out_.reached = fmt::format("all {} ({}), at {}", steps == 1 ? "of it" : fmt::format("{} steps", steps),
                                 of(prefix(steps)), write_(out_.match->time));
    if (sequence.ending) return disproved(sequence);
    refused_by(whole_);
  }
  void operator()(const ast::Apart& f) {
    largest(f.number, print(f.stream), [](ast::Pattern& p, std::int64_t n) {
      if (n == 1) {
        ast::Step one;
        one.what = std::get<ast::Apart>(p.form).stream;
        p.form = ast::Sequence{{std::move(one)}, {}};
      } else {
        std::get<ast::Apart>(p.form).number = count_of(n);
      }
    });
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
    pause("pause", f.length, [](ast::Pattern& p, ast::Length l) { std::get<ast::Idle>(p.form).length = std::move(l); });
  }
  void operator()(const ast::Without& f) {
    pause(fmt::format("time without a `{}`", print(f.missing)), f.length,
          [](ast::Pattern& p, ast::Length l) { std::get<ast::Without>(p.form).length = std::move(l); });
  }
  void operator()(const ast::Silence& f) {
    const std::string name = print(f.stream);
    const Duration wanted = std::get<Duration>(f.length.value);
    std::string since;
    Time from{};
    if (const auto last = longest_silent(f.stream)) {
      out_.match = last;
      the_end_ = name;
      from = last->time;
      since = fmt::format("the last `{}` was at {}", name, write_(from));
    } else if (after_) {  // F2
      out_.reached = fmt::format("a silence is told once; another begins when a `{}` comes", name);
      told_once_ = true;
      return;
    } else if (const auto least = shortest(
                   "last_seen",
                   [](ast::Pattern& p, ast::Length l) { std::get<ast::Silence>(p.form).length = std::move(l); });
               !least.empty()) {  // a key of a list is waited for though nothing has come of it
      out_.match = least.back();
      from = least.back().time - kShortest;
      since = fmt::format("no `{}` has come; it is waited for since {}", name, write_(from));
    }
    if (out_.match)
      out_.reached = from + wanted > until_
                         ? fmt::format("{}; the silence is not {} long by then", since, dsl::in_words(wanted))
                         : fmt::format("{}: a silence of {}", since, dsl::in_words(until_ - from));
    refused_by(whole_);
  }
  void operator()(const ast::NoAfter& f) {
    ast::RuleDecl begun = partial(whole_);
    ast::Step step;
    step.what = f.after;
    step.as = f.as;
    pattern_of(begun).form = ast::Sequence{{step}, {}};
    out_.match = asker_.ask(begun);
    if (!out_.match) return refused_by(begun);
    const auto whole = all_of_it();
    if (whole) out_.match = whole;
    const Duration length = std::get<Duration>(f.within.value);
    const Time since = whole ? whole->time - length : out_.match->time;
    out_.reached = fmt::format("a `{}` at {}", print(f.after), write_(since));
    if (whole)
      waited_out(f.missing, length, whole->time);
    else
      waited(begun, f.missing, ast::StepBound{f.within, {}, {}});
    if (out_.ended.empty()) refused_by(whole_);
  }
  void operator()(const ast::FewerThan& f) {
    fewest(f);
    refused_by(whole_);
  }
  void operator()(const ast::New&) {
    refused_by(whole_);
    if (out_.refused.empty()) out_.reached = fmt::format("no value that is new for {}", of(whole_));
  }
  void operator()(const ast::Ranking&) {
    refused_by(whole_);
    if (out_.refused.empty()) out_.reached = fmt::format("no place of {} has changed", of(whole_));
  }
  void operator()(const ast::Condition& f) {
    if (!info_.when.hold || !held(f)) {
      for (const Measured& one : measured(f.expr)) value_of(one);
    }
    refused_by(whole_);
  }

 private:
  static bool may_be_left_out(const ast::Step& step) {
    return step.quantity.kind == Kind::maybe || step.quantity.kind == Kind::zero_or_more;
  }

  std::string of(const ast::RuleDecl& rule) const {
    ast::Pattern pattern = pattern_of(rule);
    if (pattern.within == very_long()) pattern.within = info_.when.within;  // nobody wrote that
    return fmt::format("`{}`", print(pattern));
  }

  ast::RuleDecl prefix(std::size_t steps) const { return prefix_of(info_, steps); }

  // `reached` steps were there and the next was not.
  void stuck_at(const ast::Sequence& sequence, std::size_t reached, const ast::RuleDecl& next) {
    const ast::Step& step = sequence.steps[reached];
    if (out_.match)
      out_.reached =
          fmt::format("{} of {} steps ({}), at {}", reached, sequence.steps.size() + (sequence.ending ? 1 : 0),
                      of(prefix(reached)), write_(out_.match->time));
    const bool begins = !out_.match;
    const auto wanted = number_of(step);
    if (const auto* any = std::get_if<ast::AnyOf>(&step.what)) return stuck_at(*any, reached, next);
    bool some = false;
    if ((wanted && *wanted > 1) || step.until) {
      const std::int64_t enough = wanted.value_or(1);
      const auto [n, match] = most(next, enough, [&](ast::RuleDecl& rule, std::int64_t m) { take(rule, reached, m); });
      if (match) {
        some = true;
        const std::int64_t there = sequence.steps.size() == 1 ? static_cast<std::int64_t>(match->count) : n;
        const bool ends = step.until && n == enough;  // all of them, but not what ends their row
        const std::string told = ends ? fmt::format("{} {}", n, of_step(step))
                                      : counted(n < enough ? n : there, enough, of_step(step), window_of(next));
        out_.reached += out_.reached.empty() ? fmt::format("{}, at {}", told, write_(match->time))
                                             : fmt::format(", then {}, at {}", told, write_(match->time));
        out_.match = match;
        if (ends) out_.missing = fmt::format("after that no `{}` that fits", print(step.until->stream));
      }
    }
    if (const auto* group = std::get_if<ast::Group>(&step.what); group != nullptr && !some)
      if (const auto* inner = std::get_if<ast::Sequence>(&group->pattern->form)) some = inside(*inner, reached, next);
    if (!some) out_.missing = fmt::format("{}no {} that fits", begins ? "" : "after that ", of_step(step));
    refused_by(next);
  }

  // How many events the step asks for, where it says a number.
  static std::optional<std::int64_t> number_of(const ast::Step& step) {
    const Kind kind = step.quantity.kind;
    const bool counts = kind == Kind::at_least || kind == Kind::exactly || kind == Kind::from_to;
    return counts ? value(step.quantity.low) : std::nullopt;
  }

  // `n` of the events of a step, whatever else would have to come to end their row.
  static void take(ast::RuleDecl& rule, std::size_t number, std::int64_t n) {
    ast::Pattern& pattern = pattern_of(rule);
    ast::Step& step = std::get<ast::Sequence>(pattern.form).steps[number];
    step.quantity.kind = n == 1 && !step.consecutive ? Kind::one : Kind::at_least;
    step.quantity.low = count_of(n);
    step.until.reset();
    if (n > 1 && !step.consecutive && !pattern.within && !pattern.each) pattern.within = very_long();
  }

  // Of a group no round was there: how far the first came.
  bool inside(const ast::Sequence& group, std::size_t reached, const ast::RuleDecl& next) {
    for (std::size_t steps = group.steps.size(); steps-- > 1;) {
      ast::RuleDecl part = partial(next);
      std::vector<ast::Step>& all = std::get<ast::Sequence>(pattern_of(part).form).steps;
      const ast::Link link = all[reached].link;
      all.resize(reached);
      all.insert(all.end(), group.steps.begin(), group.steps.begin() + static_cast<std::ptrdiff_t>(steps));
      all[reached].link = link;
      const auto match = asker_.ask(part);
      if (!match) continue;
      out_.reached +=
          fmt::format("{}{} of {} steps of {}, at {}", out_.reached.empty() ? "" : ", then ", steps, group.steps.size(),
                      of_step(std::get<ast::Sequence>(pattern_of(next).form).steps[reached]), write_(match->time));
      out_.match = match;
      out_.missing = fmt::format("after that no {} that fits", of_step(group.steps[steps]));
      return true;
    }
    return false;
  }

  // Of the alternatives of `any N of` and `all of`: how many there were, and which nothing fits.
  void stuck_at(const ast::AnyOf& any, std::size_t reached, const ast::RuleDecl& next) {
    const bool begins = !out_.match;
    const auto any_in = [&](ast::RuleDecl& rule) -> ast::AnyOf& {
      return std::get<ast::AnyOf>(std::get<ast::Sequence>(pattern_of(rule).form).steps[reached].what);
    };
    const std::size_t alternatives = any.alternatives.size();
    const std::int64_t wanted = any.number ? value(*any.number).value_or(1) : static_cast<std::int64_t>(alternatives);
    const auto [n, match] =
        most(next, wanted, [&](ast::RuleDecl& rule, std::int64_t m) { any_in(rule).number = count_of(m); });
    if (match) {
      out_.reached += fmt::format("{}{} of the {} of {}, at {}", out_.reached.empty() ? "" : ", then ", n, wanted,
                                  !begins ? "`any of`" : of(next), write_(match->time));
      out_.match = match;
    }
    std::vector<std::string> lacks, none;
    for (const ast::Step& alternative : any.alternatives) {
      const auto only = [&](ast::RuleDecl& rule, std::int64_t m) {
        any_in(rule).number = count_of(1);
        any_in(rule).alternatives = {alternative};
        if (number_of(alternative)) any_in(rule).alternatives.front().quantity.low = count_of(m);
      };
      const std::int64_t all = number_of(alternative).value_or(1);
      const auto [there, some] = most(next, all, only);
      if (there == all || !asker_.meant_something()) continue;
      if (!some) none.push_back(of_step(alternative));
      if (some) lacks.push_back(fmt::format("only {} of {} {}", there, all, of_step(alternative)));
      if (!some || out_.match) continue;
      out_.reached = fmt::format("{} of {} {}, at {}", there, all, of_step(alternative), write_(some->time));
      out_.match = some;
    }
    if (!none.empty()) lacks.push_back(fmt::format("no {} that fits", fmt::join(none, " and no ")));
    if (!lacks.empty()) out_.missing = fmt::format("{}{}", begins ? "" : "after that ", fmt::join(lacks, " and "));
    refused_by(next);
  }

  static std::string of_step(const ast::Step& step) {
    if (const auto* stream = std::get_if<ast::Stream>(&step.what)) return fmt::format("`{}`", print(*stream));
    if (const auto* group = std::get_if<ast::Group>(&step.what)) return fmt::format("`({})`", print(*group->pattern));
    return "`any of`";
  }

  static std::string window_of(const ast::RuleDecl& rule) {
    const auto& within = pattern_of(rule).within;
    if (const auto& each = pattern_of(rule).each)
      return fmt::format(" in one window of {}", dsl::in_words(std::get<Duration>(each->length.value)));
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

  // The last event of the key that has been silent for longest.
  std::optional<Alert> longest_silent(const ast::Stream& stream) {
    std::map<std::string, Alert> last;  // by key
    for (Alert& alert : coming(stream)) last.insert_or_assign(alert.key_bytes, std::move(alert));
    if (last.empty()) return std::nullopt;
    return std::ranges::min_element(last, {}, [](const auto& of) { return of.second.time; })->second;
  }

  // The least number there was of what must become few.
  void fewest(const ast::FewerThan& f) {
    const std::int64_t wanted = value(f.number).value_or(1);
    const auto fewer_than = [&](std::int64_t n) {
      ast::RuleDecl weaker = partial(whole_);
      std::get<ast::FewerThan>(pattern_of(weaker).form).number = count_of(n);
      return asker_.ask(weaker);
    };
    if (auto few = fewer_than(wanted)) {  // its clauses refused it
      out_.reached =
          fmt::format("fewer than {} `{}`{}, at {}", wanted, print(f.stream), window_of(whole_), write_(few->time));
      out_.match = std::move(few);
      return;
    }
    std::int64_t low = wanted, high = wanted;  // does not fire with low
    std::optional<Alert> best;
    while (!best && high < dsl::kCountMax) best = fewer_than(high = std::min(high * 2, dsl::kCountMax));
    if (!best) return never_judged(f);
    while (high - low > 1) {
      const std::int64_t middle = low + (high - low) / 2;
      if (auto match = fewer_than(middle)) {
        high = middle;
        best = std::move(match);
      } else {
        low = middle;
      }
    }
    out_.reached = fmt::format("{} `{}`{}, at {}; fewer than {} are wanted", high - 1, print(f.stream),
                               window_of(whole_), write_(best->time), wanted);
    out_.match = std::move(best);
  }

  // C3: not before the key was watched for as long as the window is.
  void never_judged(const ast::FewerThan& f) {
    const std::vector<Alert> all = coming(base_of(model_, f.stream).value_or(f.stream));
    if (all.empty()) return;
    const auto first = std::ranges::min_element(all, {}, &Alert::time);
    const std::string window = dsl::in_words(std::get<Duration>(pattern_of(whole_).within->value));
    out_.reached = fmt::format("the key is watched since {}", write_(first->time));
    out_.missing = fmt::format("{} have not passed since then, and it is not judged before", window);
    out_.match = *first;
    the_end_ = print(f.stream);
  }

  // Each time that the rule would fire with next to no pause; its text is the fact.
  static constexpr Duration kShortest{1'000};
  template <class Set>
  std::vector<Alert> shortest(const std::string& fact, Set&& set) {
    ast::RuleDecl weaker = partial(whole_);
    ast::Length least;
    least.value = kShortest;
    set(pattern_of(weaker), least);
    set_alert(weaker, interpolated(fact));
    return asker_.ask_all(weaker);
  }

  // A pause that was too short: the longest there was.
  template <class Set>
  void pause(const std::string& what, const ast::Length& length, Set&& set) {
    const std::vector<Alert> all = shortest("gap", set);
    if (!all.empty()) {
      const auto longest = std::ranges::max_element(all, {}, [](const Alert& a) { return number_in(a.text); });
      out_.reached = fmt::format("the longest {} was {} of {}, at {}", what, longest->text,
                                 dsl::in_words(std::get<Duration>(length.value)), write_(longest->time));
      out_.match = *longest;
    }
    refused_by(whole_);
  }

  // The steps were there, and from then on no `answer` was to come: one came, or time has not passed.
  void disproved(const ast::Sequence& sequence) {
    if (const auto whole = all_of_it()) {
      out_.match = whole;
      out_.reached = fmt::format("all of it (`{}`)", print(info_.when));
      waited_out(sequence.ending->stream, std::get<Duration>(sequence.ending->within.length.value), whole->time);
    } else {
      waited(prefix(sequence.steps.size()), sequence.ending->stream, sequence.ending->within);
    }
    if (out_.ended.empty()) refused_by(whole_);
  }
  void waited_out(const ast::Stream& answer, Duration length, Time over) {
    out_.reached +=
        fmt::format("; {} without a `{}` were over at {}", dsl::in_words(length), print(answer), write_(over));
  }
  // The pattern was there, and what is said about its matches (`learn`, `mute while`, `where`) refused it.
  std::optional<Alert> all_of_it() { return asker_.ask(partial(whole_)); }
  void waited(const ast::RuleDecl& begun, const ast::Stream& answer, const ast::StepBound& within) {
    std::optional<Alert> came;  // for what was reached: one that came for an attempt before it ended that one
    for (Alert& alert : asker_.ask_all(answered(begun, answer, within)))
      if (alert.key_bytes == out_.match->key_bytes && out_.match->place < alert.place) came = std::move(alert);
    if (came) {
      out_.ended = came_at(answer, *came);
      return;
    }
    const Duration length = std::get<Duration>(within.length.value);
    const auto since = within.of ? time_of(*within.of) : out_.match->time;
    if (since && *since + length <= until_) return waited_out(answer, length, *since + length);  // F15: it was closed
    out_.missing = fmt::format("{}{} without a `{}` have not passed", dsl::in_words(length),
                               within.of ? " after `" + within.of->text + "`" : "", print(answer));
  }

  // ----- `for D` -------------------------------------------------------------------------------------

  // Something was found false: when, and in words why.
  struct Break {
    Alert at;
    std::string why;
  };
  struct Held {
    Time from{};
    Alert last;
    std::optional<Break> broken;
  };

  // The longest run of one key in which it was found true and never false. What holds since the alert that was told
  // is told once (C4).
  std::optional<Held> longest(const std::vector<Alert>& found_true, const std::vector<Break>& found_false) const {
    struct Found {
      const Alert* at;
      const Break* broken;
    };
    std::map<std::string, std::vector<Found>> by_key;
    for (const Alert& alert : found_true) by_key[alert.key_bytes].push_back({&alert, nullptr});
    for (const Break& broken : found_false) by_key[broken.at.key_bytes].push_back({&broken.at, &broken});
    std::optional<Held> best;
    const auto length = [this](const Held& h) { return (h.broken ? h.broken->at.time : until_) - h.from; };
    const auto keep = [&](const Held& held) {
      if (!best || length(held) >= length(*best)) best = held;
    };
    for (auto& [key, all] : by_key) {
      std::ranges::stable_sort(all, {}, [](const Found& f) { return std::pair(f.at->time, last_of(*f.at)); });
      std::optional<Held> now;
      bool is_told = after_.has_value();
      for (const Found& found : all) {
        if (is_told) {
          is_told = found.broken == nullptr;
        } else if (found.broken == nullptr) {
          if (!now) now = Held{found.at->time, *found.at, {}};
          now->last = *found.at;
        } else if (now) {
          now->broken = *found.broken;
          keep(*now);
          now.reset();
        }
      }
      if (now) keep(*now);
    }
    return best;
  }

  // True: there was a time at which it held.
  bool held(const std::string& what, const std::vector<Alert>& found_true, const std::vector<Break>& found_false) {
    const std::optional<Held> held = longest(found_true, found_false);
    if (!held && after_ && !found_true.empty()) {
      out_.reached = found_false.empty() ? fmt::format("{} still holds since that alert, and that is told once", what)
                                         : fmt::format("{} has ended since that alert, and not begun again", what);
      told_once_ = true;
      return true;
    }
    if (!held) return false;
    const Time end = held->broken ? held->broken->at.time : until_;
    const std::string wanted = dsl::in_words(std::get<Duration>(info_.when.hold->value));
    out_.reached =
        fmt::format("{} held for {} of {}, from {}", what, dsl::in_words(end - held->from), wanted, write_(held->from));
    out_.match = held->last;
    if (end - held->from >= std::get<Duration>(info_.when.hold->value)) {
      still_holds_ = true;  // for long enough: what refused it is told
    } else if (held->broken) {
      out_.ended = held->broken->why;
    } else {
      out_.missing = fmt::format("{} have not passed since then", wanted);
      still_holds_ = true;
    }
    return true;
  }

  // C4: an event of the base that is not of the stream breaks the run.
  void held(const ast::Stream& stream) {
    const std::vector<Alert> found = coming(stream);
    std::set<Position> places;
    for (const Alert& alert : found)
      if (const auto at = last_of(alert)) places.insert(*at);
    std::vector<Break> breaks = resets();
    if (const auto base = base_of(model_, stream)) {
      for (const Alert& alert : coming(*base)) {
        const auto at = last_of(alert);
        if (at && !places.contains(*at))
          breaks.push_back({alert, fmt::format("{}: it is no `{}`", came_at(*base, alert), print(stream))});
      }
    }
    the_end_ = print(stream);
    held(fmt::format("`{}`", print(stream)), found, breaks);
  }

  // The condition is judged as without `for`, and once more its opposite: at events, and when one leaves a window.
  bool held(const ast::Condition& condition) {
    ast::RuleDecl rule = partial(whole_);
    pattern_of(rule).hold.reset();
    const std::vector<Alert> found = asker_.ask_all(rule);
    ast::Unary opposite;
    opposite.op = ast::UnaryOp::logical_not;
    *opposite.operand = condition.expr;
    ast::Expr expr;
    expr.node = std::move(opposite);
    pattern_of(rule).form = ast::Condition{std::move(expr)};
    std::vector<Break> breaks = resets();
    for (const Alert& alert : asker_.ask_all(rule)) {
      const auto at = last_of(alert);
      const bool by_event = at && alert.last && *alert.last == alert.time;
      const std::string where = !by_event ? ", when an event had left its window"
                                : id_     ? fmt::format(" ({})", id_(*at))
                                          : "";
      breaks.push_back({alert, fmt::format("it was false at {}{}", write_(alert.time), where)});
    }
    return held(fmt::format("`{}`", print(condition.expr)), found, breaks);
  }

  std::vector<Break> resets() {
    std::vector<Break> breaks;
    for (const ast::Clause& clause : whole_.clauses)
      if (const auto* reset = std::get_if<ast::Reset>(&clause.node))
        for (const Alert& alert : coming(reset->on))
          breaks.push_back({alert, fmt::format("{}: `{}`", came_at(reset->on, alert), print(clause))});
    return breaks;
  }

  // How near one comparison came.
  void value_of(const Measured& measured) {
    const auto all = asker_.ask_value(whole_, measured);
    if (!all) return;
    if (!out_.reached.empty()) out_.reached += "; ";
    if (all->empty()) {
      out_.reached += fmt::format("`{}` was never judged", measured.whole);
      return;
    }
    const auto far = [&](const Alert& alert) {  // from what is wanted; of equal ones the first counts
      const double number = number_in(alert.text);
      using Wanted = Measured::Wanted;
      if (measured.wanted == Wanted::other) return measured.target ? std::abs(number - *measured.target) : 0;
      return measured.wanted == Wanted::more ? -number : number;
    };
    Alert best = *std::ranges::min_element(*all, {}, far);
    best = beyond(measured, std::move(best), far);
    out_.reached += fmt::format("`{}` came to {} at {}, `{}` is wanted", print(measured.what), best.text,
                                write_(best.time), measured.whole);
    out_.match = best;
  }
  // It is judged, too, when an event leaves a window (F1): what it was then, where that was nearer.
  template <class Far>
  Alert beyond(const Measured& measured, Alert best, Far&& far) {
    for (int more = kBeyondMost; more-- > 0;) {
      const auto nearer = asker_.ask_beyond(whole_, measured, best.text);
      if (!nearer || nearer->empty()) break;
      const Alert& next = *std::ranges::min_element(*nearer, {}, far);
      if (!(far(next) < far(best))) break;
      best = next;
    }
    return best;
  }
  static constexpr int kBeyondMost = 32;
  static double number_in(const std::string& text) {
    const std::optional<Duration> length = parse_duration(text);
    return length ? static_cast<double>(length->us) : std::strtod(text.c_str(), nullptr);
  }

  // Each condition alone without which it fires. `rule`: it, or the part of it that was not reached; where the
  // rule fires without any of them not, each without which the part is there.
  void refused_by(const ast::RuleDecl& rule) {
    refused_by(whole_, "it comes");
    if (out_.refused.empty()) refused_together();
    if (out_.refused.empty() && &rule != &whole_) refused_by(rule, fmt::format("it gets to {}", of(rule)));
  }
  void refused_by(const ast::RuleDecl& rule, const std::string& what) {
    for (const Relaxed& relaxed : relaxations_of(rule, model_)) {
      const auto of = relaxed.other_keys ? Asker::Of::any_key
                      : relaxed.by_alert ? Asker::Of::the_key_with_used_up_events
                                         : Asker::Of::the_key;
      const auto match = asker_.ask(relaxed.rule, of);
      if (!match) continue;
      std::string told = fmt::format("{} {} at {}", relaxed.said, what, write_(match->time));
      if (relaxed.by)
        if (const auto in_the_way = last_inside(*relaxed.by, *match)) told += ": " + came_at(*relaxed.by, *in_the_way);
      if (relaxed.hides_events) told += hidden_by(relaxed.rule, *match);
      out_.refused.push_back(std::move(told));
    }
  }

  // Several clauses may each keep the rule silent: those that all would have to go.
  void refused_together() {
    const auto silences = [](const ast::Clause& c) {
      return std::holds_alternative<ast::Where>(c.node) || std::holds_alternative<ast::During>(c.node) ||
             std::holds_alternative<ast::Learn>(c.node) || std::holds_alternative<ast::Mute>(c.node) ||
             std::holds_alternative<ast::FireAtMost>(c.node) || std::holds_alternative<ast::Resolve>(c.node);
    };
    ast::RuleDecl less = whole_;
    std::erase_if(less.clauses, silences);
    auto match = asker_.ask(less);
    std::string with;
    if (!match && after_ && !dsl::find_clause<ast::Fire>(whole_.clauses)) {
      set_firing(less, ast::Fire::How::always);
      with = " and with `fire always` (since the alert before nothing has armed it again)";
      match = asker_.ask(less);
    }
    if (!match) return;
    std::vector<std::string> gone;
    for (const ast::Clause& clause : whole_.clauses) {
      if (!silences(clause)) continue;
      less.clauses.push_back(clause);
      if (auto still = asker_.ask(less)) {
        match = std::move(still);
      } else {
        less.clauses.pop_back();
        gone.push_back(fmt::format("`{}`", print(clause)));
      }
    }
    if (gone.empty()) return;
    out_.refused.push_back(
        fmt::format("without {}{} it comes at {}", fmt::join(gone, " and "), with, write_(match->time)));
  }

  // Any event that the rule reads.
  ast::Step any_event() const {
    ast::Step step;
    for (const dsl::EventId id : info_.events) {
      ast::Stream base;
      base.name.text = model_.events[id].name;
      std::get<ast::Stream>(step.what).any.push_back(std::move(base));
    }
    if (info_.events.size() == 1) step.what = ast::Stream(std::get<ast::Stream>(step.what).any.front());
    return step;
  }

  bool no_event_at_all() {
    ast::RuleDecl any = alone(whole_, any_event());
    drop<ast::Except>(any.clauses);
    drop<ast::During>(any.clauses);
    return asker_.ask_all(any, Asker::Of::the_key_with_used_up_events).empty() && asker_.meant_something();
  }

  std::string nothing_at_all() {
    const std::string then = after_ ? "after that " : "";
    if (!asks_for_a_key_) {
      const std::size_t keyless = without_key();
      if (keyless == 0) return then + "no event that the rule reads came";
      return then + fmt::format("no event that the rule reads has its whole key; {} came without",
                                keyless == 1 ? "one" : std::to_string(keyless));
    }
    for (const ast::Clause& clause : whole_.clauses)
      if (const auto* by = std::get_if<ast::By>(&clause.node))
        for (const ast::Key& key : by->keys)
          if (key.list && !after_)
            return fmt::format("no event that the rule reads has this key, and only the keys of list `{}` are watched",
                               key.list->text);
    return then + "no event that the rule reads has this key";
  }

  // K5: events that the rule would read, if they had its key.
  std::size_t without_key() {
    ast::RuleDecl any = alone(whole_, any_event());
    for (ast::Clause& clause : any.clauses)
      if (auto* by = std::get_if<ast::By>(&clause.node)) *by = ast::By{{}, true};
    return asker_.ask_all(any, Asker::Of::any_key).size();
  }

  // E1: which events of the match are none for the rule as it is.
  std::string hidden_by(const ast::RuleDecl& without, const Alert& match) {
    const ast::Step step = any_event();
    std::set<Position> seen;
    for (const Alert& alert : asker_.ask_all(alone(whole_, step), Asker::Of::the_key_with_used_up_events))
      if (const auto at = last_of(alert)) seen.insert(*at);
    std::string last;
    std::size_t hidden = 0;
    for (const Alert& alert : asker_.ask_all(alone(without, step), Asker::Of::the_key_with_used_up_events)) {
      const auto at = last_of(alert);
      const bool of_match = at && !seen.contains(*at) && std::ranges::any_of(match.evidence, [&](const EvidenceOf& of) {
                              return std::ranges::find(of.events, *at) != of.events.end();
                            });
      if (!of_match) continue;
      ++hidden;
      last = fmt::format("{}{}", write_(alert.time), id_ ? fmt::format(" ({})", id_(*at)) : "");
    }
    if (hidden == 0) return {};
    return hidden == 1 ? fmt::format(": the event at {} is hidden by it", last)
                       : fmt::format(": {} of its events are hidden by it, the last at {}", hidden, last);
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

  // When the last event of a step of the match happened, or that so many before it.
  std::optional<Time> time_of(const ast::Step& step, std::size_t before) {
    const auto* stream = std::get_if<ast::Stream>(&step.what);
    if (stream == nullptr) return std::nullopt;
    const std::string& label = step.as ? step.as->text : stream->name.text;
    for (const EvidenceOf& of : out_.match->evidence) {
      if (of.label != label || of.events.size() <= before) continue;
      for (const Alert& came : coming(base_of(model_, *stream).value_or(*stream)))
        if (last_of(came) == of.events[of.events.size() - 1 - before]) return came.time;
    }
    return std::nullopt;
  }
  std::optional<Time> time_of(const ast::Name& name) {
    const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form);
    if (sequence == nullptr || !out_.match) return std::nullopt;
    for (const ast::Step& step : sequence->steps) {
      const auto* stream = std::get_if<ast::Stream>(&step.what);
      if (stream != nullptr && (step.as ? step.as->text : stream->name.text) == name.text) return time_of(step, 0);
    }
    return std::nullopt;
  }

  // Since when the pattern's `within` runs. Of a step that repeats at its beginning the last events alone need be in it
  // (Q3).
  std::optional<Time> bound_from() {
    const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form);
    if (sequence == nullptr || steps_reached_ == 0) return out_.match->first;
    const ast::Step& first = sequence->steps.front();
    const bool slides = first.quantity.kind == Kind::one_or_more || first.quantity.kind == Kind::at_least;
    const auto since =
        slides ? time_of(first, static_cast<std::size_t>(number_of(first).value_or(1) - 1)) : std::nullopt;
    return since ? since : out_.match->first;
  }

  std::string came_at(const ast::Stream& what, const Alert& alert) const {
    const auto at = last_of(alert);
    const std::string id = id_ && at ? fmt::format(" ({})", id_(*at)) : "";
    return fmt::format("a `{}` came at {}{}", print(what), write_(alert.time), id);
  }

  // When events of the stream come for the key. Where its filter names steps, those of the part that was reached.
  std::vector<Alert> coming(const ast::Stream& what) {
    ast::Step step;
    step.what = what;
    step.as = ast::Name{kTheEnd, false, {}};
    ast::RuleDecl rule = alone(whole_, step);
    std::vector<Alert> all = asker_.ask_all(rule, Asker::Of::the_key_with_used_up_events);
    const auto* whole = std::get_if<ast::Sequence>(&info_.when.form);
    if (asker_.meant_something() || whole == nullptr || steps_reached_ == 0) return all;
    ast::Sequence behind = *whole;
    behind.steps.resize(steps_reached_);
    behind.ending.reset();
    behind.steps.push_back(std::move(step));
    pattern_of(rule).form = std::move(behind);
    return asker_.ask_all(rule);
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
    const auto over = [&](std::optional<Time> from, const ast::Length& length, const std::string& word,
                          const std::string& of = {}) {
      const Duration d = std::get<Duration>(length.value);
      if (from)
        consider(*from + d, fmt::format("`{} {}{}` ran out at {}", word, dsl::in_words(d), of, write_(*from + d)));
    };
    if (info_.when.within) over(bound_from(), *info_.when.within, "within");
    const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form);
    if (sequence == nullptr || steps_reached_ >= sequence->steps.size()) return;
    const ast::Step& next = sequence->steps[steps_reached_];
    if (next.link.no) by_event(*next.link.no, fmt::format("`then no {}`", print(*next.link.no)));
    if (next.link.within && steps_reached_ > 0) {
      const auto& of = next.link.within->of;
      over(of ? time_of(*of) : out_.match->last, next.link.within->length, "then within", of ? " of " + of->text : "");
    }
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
  const std::optional<Time> after_;
  const bool asks_for_a_key_;
  const WriteTime& write_;
  const WriteId& id_;
  Asker asker_;
  const ast::RuleDecl whole_;
  std::string the_end_ = "event";  // what `coming` was about where it is the match
  std::size_t steps_reached_ = 0;
  bool still_holds_ = false, told_once_ = false;
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
    for (const Relaxed& relaxed : relaxations_of(whole_, model_))
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
      if (sequence.steps[i - 1].quantity.kind == Kind::maybe) {
        branches(i);
        continue;
      }
      reached(stream != nullptr ? fmt::format("`{}`", print(*stream)) : fmt::format("step {}", i), prefix_of(info_, i));
    }
    if (sequence.ending)
      reached(fmt::format("`{}` comes in time", print(sequence.ending->stream)),
              answered(prefix_of(info_, n), sequence.ending->stream, sequence.ending->within));
  }

  // `maybe x` is taken, and it is passed by: without that, a match that has no x would not be one.
  void branches(std::size_t number) {
    const auto is_there = [number](ast::RuleDecl rule) {
      std::get<ast::Sequence>(pattern_of(rule).form).steps[number - 1].quantity.kind = Kind::one;
      return rule;
    };
    const ast::Step& step = std::get<ast::Sequence>(info_.when.form).steps[number - 1];
    const auto* stream = std::get_if<ast::Stream>(&step.what);
    const std::string what = stream != nullptr ? fmt::format("`{}`", print(*stream)) : fmt::format("step {}", number);
    reached(fmt::format("the `maybe`: {}", what), is_there(prefix_of(info_, number)));
    differs(fmt::format("the `maybe`: without {}", what), is_there(whole_), told_by(whole_));
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
