// Every question is asked once, over all events; the answers are sorted to the events that caused them.
#include "app/trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <set>

#include "dsl/print.h"
#include "dsl/reading.h"
#include "dsl/values.h"
#include "engine/base/wording.h"
#include "engine/runtime/document.h"
#include "engine/runtime/place.h"

namespace tocsin::app {
namespace {

using dsl::print;
using Kind = ast::Quantity::Kind;

constexpr std::size_t kEventsMost = 200;   // more than a person reads
constexpr std::int64_t kNumbersMost = 20;  // of `20 different ..`: each number is a question of its own

// Where something is told: at an event, by its place in the total order, or at an instant at which time alone acts.
struct Told {
  std::map<std::size_t, std::vector<std::string>> at_event;
  std::map<Time, std::vector<std::string>> at_time;
};

class Trace {
 public:
  Trace(const CompiledSet& set, const dsl::RuleInfo& info, const Traced& traced)
      : set_(set),
        info_(info),
        traced_(traced),
        question_(question_of(info)),
        run_(traced.run),
        asker_(set, info, question_, run_),
        whole_(bare(info)) {}

  std::string run() {
    fires();
    progress();
    ends();
    would_fire();
    not_taken();
    timers();
    return written();
  }

 private:
  static Question question_of(const dsl::RuleInfo& info) {
    Question question;
    question.rule = info.name;
    question.until = Time{std::numeric_limits<std::int64_t>::max()};
    return question;
  }

  // The event that caused an alert, by its place in the total order; none: time alone did.
  std::optional<std::size_t> event_of(const Alert& alert) const {
    const std::optional<Position> cause = cause_of(alert.place);
    if (!cause) return std::nullopt;
    const auto at = std::ranges::find(traced_.events, *cause, &SentEvent::position);
    if (at == traced_.events.end()) return std::nullopt;
    return static_cast<std::size_t>(at - traced_.events.begin());
  }

  void tell(const Alert& at, std::string words) {
    const auto event = event_of(at);
    std::vector<std::string>& there = event ? told_.at_event[*event] : told_.at_time[at.time];
    if (std::ranges::find(there, words) == there.end()) there.push_back(std::move(words));
  }

  std::set<std::size_t> events_at_which(const ast::RuleDecl& rule, Asker::Of of = Asker::Of::the_key) {
    std::set<std::size_t> events;
    for (const Alert& alert : asker_.ask_all(rule, of))
      if (const auto event = event_of(alert)) events.insert(*event);
    return events;
  }

  // ----- what the rule itself said -----------------------------------------------------------------------------------

  void fires() {
    for (const Alert& alert : asker_.ask_all(whole_)) {
      fired_.push_back(alert);
      tell(alert, "the rule fires");
    }
    for (const Alert& alert : traced_.run(set_.compiled)) {
      if (set_.compiled.rules->programs[alert.rule.index].name != info_.name) continue;
      if (alert.state != Alert::State::firing) tell(alert, fmt::format("the alert is {}", word_of(alert.state)));
      if (alert.reminder > 0) tell(alert, fmt::format("reminder {}", alert.reminder));
    }
  }

  // F3: is what this match would be made of gone with an alert before it?
  bool used_up(const Alert& match) const {
    return starts_over(info_) && std::ranges::any_of(fired_, [&](const Alert& before) {
             return before.key_bytes == match.key_bytes && before.place < match.place && match.first &&
                    *match.first <= before.time;
           });
  }

  // ----- how far it is -----------------------------------------------------------------------------------------------

  void progress() {
    const ast::Pattern& when = info_.when;
    if (const auto* sequence = std::get_if<ast::Sequence>(&when.form)) steps(*sequence);
    if (const auto* condition = std::get_if<ast::Condition>(&when.form)) values(*condition);
    if (const auto* f = std::get_if<ast::Apart>(&when.form))
      numbers(f->number, fmt::format("`{}`", print(f->stream)),
              [](ast::Pattern& p) -> ast::Count& { return std::get<ast::Apart>(p.form).number; });
    if (const auto* f = std::get_if<ast::Distinct>(&when.form))
      numbers(f->number, "different values",
              [](ast::Pattern& p) -> ast::Count& { return std::get<ast::Distinct>(p.form).number; });
    if (const auto* f = std::get_if<ast::OfLast>(&when.form))
      numbers(f->number, fmt::format("`{}`", print(f->stream)),
              [](ast::Pattern& p) -> ast::Count& { return std::get<ast::OfLast>(p.form).number; });
    if (const auto* f = std::get_if<ast::Changes>(&when.form))
      numbers(f->number, "changes",
              [](ast::Pattern& p) -> ast::Count& { return std::get<ast::Changes>(p.form).number; });
    if (const auto* f = std::get_if<ast::Idle>(&when.form))
      pauses(f->length, [](ast::Pattern& p) -> ast::Length& { return std::get<ast::Idle>(p.form).length; });
    if (const auto* f = std::get_if<ast::Without>(&when.form))
      pauses(f->length, [](ast::Pattern& p) -> ast::Length& { return std::get<ast::Without>(p.form).length; });
    if (const auto* f = std::get_if<ast::NoAfter>(&when.form)) {
      ast::Step after;
      after.what = f->after;
      for (const std::size_t event : events_at_which(alone(whole_, after)))
        told_.at_event[event].push_back(fmt::format("from here no `{}` may come", print(f->missing)));
    }
  }

  static std::optional<std::int64_t> number_of(const ast::Step& step) {
    const bool counts = step.quantity.kind == Kind::at_least || step.quantity.kind == Kind::exactly ||
                        step.quantity.kind == Kind::from_to;
    return counts ? value(step.quantity.low) : std::nullopt;
  }

  void steps(const ast::Sequence& sequence) {
    const std::size_t all = sequence.steps.size() + (sequence.ending ? 1 : 0);
    for (std::size_t i = 0; i < sequence.steps.size(); ++i) {
      const ast::Step& step = sequence.steps[i];
      const auto wanted = number_of(step);
      if (all == 1 && !wanted) return;  // one event: it fires, or it does not fit
      ast::RuleDecl part = partial(prefix_of(info_, i + 1));
      if (wanted) {
        ast::Quantity& quantity = std::get<ast::Sequence>(pattern_of(part).form).steps[i].quantity;
        quantity.kind = Kind::at_least;
        quantity.low = count_of(1);
      }
      for (const Alert& match : asker_.ask_all(part)) {
        if (used_up(match)) continue;
        const bool whole = all == 1 || match.evidence.empty();  // `(x or y)` has evidence of each
        const std::uint64_t there = whole ? match.count : match.evidence.back().count;
        const std::string number = wanted ? fmt::format("{} of {} ", there, *wanted) : "";
        tell(match, all == 1 ? fmt::format("{}{}", number, words_of(step))
                             : fmt::format("step {} of {}: {}{}", i + 1, all, number, words_of(step)));
      }
    }
  }

  static std::string words_of(const ast::Step& step) {
    if (const auto* stream = std::get_if<ast::Stream>(&step.what)) return fmt::format("`{}`", print(*stream));
    if (const auto* group = std::get_if<ast::Group>(&step.what)) return fmt::format("`({})`", print(*group->pattern));
    return "`any of`";
  }

  void values(const ast::Condition& condition) {
    for (const Measured& one : measured(condition.expr))
      for (const Alert& alert : asker_.ask_value(whole_, one).value_or(std::vector<Alert>()))
        tell(alert, fmt::format("`{}`: it is {}", one.whole, alert.text));
  }

  // The largest number that is there at each event.
  template <class Member>
  void numbers(const ast::Count& count, const std::string& what, Member&& member) {
    const std::int64_t wanted = value(count).value_or(1);
    std::map<std::size_t, std::int64_t> largest;
    for (std::int64_t n = 1; n <= std::min(wanted, kNumbersMost); ++n) {
      ast::RuleDecl weaker = partial(whole_);
      member(pattern_of(weaker)) = count_of(n);
      for (const std::size_t event : events_at_which(weaker)) largest[event] = n;
    }
    for (const auto& [event, n] : largest)
      told_.at_event[event].push_back(
          fmt::format("{}{} of {} {}", wanted > kNumbersMost && n == kNumbersMost ? "at least " : "", n, wanted, what));
  }

  template <class Member>
  void pauses(const ast::Length& wanted, Member&& member) {
    ast::RuleDecl weaker = partial(whole_);
    ast::Length least;
    least.value = Duration{1'000};
    member(pattern_of(weaker)) = least;
    set_alert(weaker, interpolated("gap"));
    for (const Alert& alert : asker_.ask_all(weaker))
      tell(alert, fmt::format("a pause of {}, {} is wanted", alert.text, dsl::in_words(settled(wanted))));
  }

  // ----- what ends it, what is not taken -----------------------------------------------------------------------------

  void ends() {
    for (const ast::Clause& clause : whole_.clauses)
      if (const auto* reset = std::get_if<ast::Reset>(&clause.node))
        comes(reset->on, fmt::format("`{}`: it begins anew", print(clause)));
    const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form);
    if (sequence == nullptr) return;
    for (const ast::Step& step : sequence->steps)
      if (step.link.no) comes(*step.link.no, fmt::format("`then no {}`: what waits there ends", print(*step.link.no)));
    if (!sequence->ending) return;
    const ast::RuleDecl in_time =
        answered(prefix_of(info_, sequence->steps.size()), sequence->ending->stream, sequence->ending->within);
    for (const Alert& alert : asker_.ask_all(in_time))
      if (!used_up(alert)) tell(alert, fmt::format("`{}` in time: nothing fires", print(sequence->ending->stream)));
  }

  void comes(const ast::Stream& stream, const std::string& words) {
    ast::Step step;
    step.what = stream;
    for (const std::size_t event : events_at_which(alone(whole_, step))) told_.at_event[event].push_back(words);
  }

  void would_fire() {
    std::set<std::pair<std::optional<std::size_t>, Time>> fires;
    for (const Alert& alert : fired_) fires.emplace(event_of(alert), alert.time);
    for (const Relaxed& relaxed : relaxations_of(whole_, set_.compiled.model)) {
      if (relaxed.other_keys) continue;
      for (const Alert& alert : asker_.ask_all(relaxed.rule))
        if (!fires.contains({event_of(alert), alert.time}))
          tell(alert, fmt::format("{} it would fire here", relaxed.said));
    }
  }

  // The streams that the steps name, each once.
  std::vector<ast::Stream> streams() const {
    std::vector<ast::Stream> out;
    const auto add = [&out](const ast::Stream& stream) {
      if (std::ranges::none_of(out, [&](const ast::Stream& s) { return print(s) == print(stream); }))
        out.push_back(stream);
    };
    if (const auto* sequence = std::get_if<ast::Sequence>(&info_.when.form)) {
      for (const ast::Step& step : sequence->steps)
        if (const auto* stream = std::get_if<ast::Stream>(&step.what)) add(*stream);
      if (sequence->ending) add(sequence->ending->stream);
    }
    if (const auto* f = std::get_if<ast::Apart>(&info_.when.form)) add(f->stream);
    if (const auto* f = std::get_if<ast::OfLast>(&info_.when.form)) add(f->stream);
    if (const auto* f = std::get_if<ast::Idle>(&info_.when.form)) add(f->stream);
    if (const auto* f = std::get_if<ast::Without>(&info_.when.form)) add(f->stream);
    if (const auto* f = std::get_if<ast::Silence>(&info_.when.form)) add(f->stream);
    if (const auto* f = std::get_if<ast::NoAfter>(&info_.when.form)) add(f->after);
    return out;
  }

  ast::RuleDecl only(const ast::Stream& stream) const {
    ast::Step step;
    step.what = stream;
    return alone(whole_, step);
  }

  // What the clauses let the rule see, with its key, and what they would.
  struct Seen {
    std::set<std::size_t> own, seen, without_clauses;
  };
  Seen seen() {
    Seen out;
    for (const dsl::EventId id : info_.events) {
      ast::Stream base;
      base.name.text = set_.compiled.model.events[id].name;
      for (std::size_t i = 0; i < traced_.events.size(); ++i)
        if (traced_.events[i].type == base.name.text) out.own.insert(i);
      ast::RuleDecl rule = only(base);
      out.seen.merge(events_at_which(rule));
      drop<ast::Except>(rule.clauses);
      drop<ast::During>(rule.clauses);
      out.without_clauses.merge(events_at_which(rule));
    }
    return out;
  }

  // An event of which nothing was told: is it none of the rule's, is it not seen, or does it not fit?
  void not_taken() {
    const Seen seen = this->seen();
    std::map<std::size_t, std::vector<std::string>> fits, does_not;
    for (const ast::Stream& stream : streams()) {
      const std::set<std::size_t> fitting = events_at_which(only(stream));
      if (!asker_.meant_something()) continue;  // its filter names other steps
      const std::vector<dsl::EventId> types = set_.compiled.model.events_of(stream);
      for (const std::size_t i : seen.seen) {
        const bool is_of_type = std::ranges::any_of(
            types, [&](dsl::EventId id) { return set_.compiled.model.events[id].name == traced_.events[i].type; });
        if (is_of_type) (fitting.contains(i) ? fits : does_not)[i].push_back(fmt::format("`{}`", print(stream)));
      }
    }
    const bool is_sequence = std::holds_alternative<ast::Sequence>(info_.when.form);
    const std::string_view idle = is_sequence ? "but nothing waits for it" : "and nothing comes of it yet";
    for (std::size_t i = 0; i < traced_.events.size(); ++i) {
      if (told_.at_event.contains(i)) continue;
      told_.at_event[i].push_back(!seen.own.contains(i)   ? "none of this rule's events"
                                  : fits.contains(i)      ? fmt::format("{}, {}", joined(fits[i]), idle)
                                  : does_not.contains(i)  ? fmt::format("no {}", joined(does_not[i], " and no "))
                                  : seen.seen.contains(i) ? "seen, and nothing comes of it"
                                  : seen.without_clauses.contains(i) ? "not seen: " + unseen_words()
                                                                     : "not seen: it has not the whole key");
    }
  }

  static std::string joined(const std::vector<std::string>& words, std::string_view by = ", ") {
    return fmt::format("{}", fmt::join(words, by));
  }

  // The clauses that keep events out.
  std::string unseen_words() const {
    std::vector<std::string> words;
    for (const ast::Clause& clause : whole_.clauses)
      if (std::holds_alternative<ast::Except>(clause.node) || std::holds_alternative<ast::During>(clause.node))
        words.push_back(fmt::format("`{}`", print(clause)));
    return joined(words, " or ");
  }

  // ----- time --------------------------------------------------------------------------------------------------------

  // Where the next deadline of the rule changes, and where it passes.
  void timers() {
    std::optional<Time> stands;
    for (const Deadline& deadline : traced_.deadlines) {
      if (stands && *stands < deadline.at) passes(*stands);
      if (deadline.due && deadline.due != stands)
        timers_[deadline.at] = fmt::format("a timer stands at {}", traced_.write(*deadline.due));
      if (!deadline.due && stands && *stands >= deadline.at) timers_[deadline.at] = "the timer is gone";
      stands = deadline.due;
    }
  }

  void passes(Time at) {
    std::vector<std::string>& there = told_.at_time[at];
    if (there.empty()) there.push_back("the timer runs out, nothing fires");
  }

  // ----- the lines ---------------------------------------------------------------------------------------------------

  std::string written() {
    std::size_t width = 0;
    for (const SentEvent& event : traced_.events) width = std::max(width, traced_.write(event.time).size());
    std::string out;
    const auto lines = [&](Time at, const std::string& what, const std::vector<std::string>& words) {
      out += fmt::format("  {:<{}}  {}\n", traced_.write(at), width, what);
      for (const std::string& word : words) out += fmt::format("  {:<{}}    {}\n", "", width, word);
    };
    auto time = told_.at_time.begin();
    const std::size_t shown = std::min(traced_.events.size(), kEventsMost);
    for (std::size_t i = 0; i < shown; ++i) {
      const SentEvent& event = traced_.events[i];
      for (; time != told_.at_time.end() && time->first < event.time; ++time)
        lines(time->first, "time passes", time->second);
      std::vector<std::string> words = told_.at_event[i];
      const bool is_last = i + 1 == traced_.events.size() || traced_.events[i + 1].time != event.time;
      if (const auto timer = timers_.find(event.time); is_last && timer != timers_.end())
        words.push_back(timer->second);
      lines(event.time, event.text, words);
    }
    if (shown < traced_.events.size())
      return out + fmt::format("  ... and {} more\n", counted(traced_.events.size() - shown, "event"));
    for (; time != told_.at_time.end(); ++time) lines(time->first, "time passes", time->second);
    return out;
  }

  const CompiledSet& set_;
  const dsl::RuleInfo& info_;
  const Traced& traced_;
  const Question question_;
  const RunVariant run_;
  Asker asker_;
  const ast::RuleDecl whole_;
  std::vector<Alert> fired_;
  Told told_;
  std::map<Time, std::string> timers_;  // behind the events of an instant
};

}  // namespace

std::string trace_of(const CompiledSet& set, const std::string& rule, const Traced& traced) {
  for (const dsl::RuleInfo& info : set.compiled.model.rules)
    if (info.name == rule) return Trace(set, info, traced).run();
  return {};
}

}  // namespace tocsin::app
