// One function per kind of node, each giving a piece of a sentence. The pieces are written so that any pattern can
// follow "has" ("the same `user` has ...") and "there is".
#include "dsl/reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "dsl/check/walk.h"
#include "dsl/print.h"
#include "dsl/values.h"
#include "engine/base/units.h"

namespace tocsin::dsl {

namespace {

std::string ticked(std::string_view text) { return fmt::format("`{}`", text); }
std::string of(const ast::Stream& stream) { return ticked(print(stream)); }
std::string of(const ast::Expr& expr) { return ticked(print(expr)); }

std::string of(const ast::Length& length) {
  const Duration* duration = std::get_if<Duration>(&length.value);
  return duration != nullptr ? in_words(*duration) : ticked("$" + std::get<ast::Param>(length.value).name);
}

// "1 hour" behind "the": "the hour after it".
std::string of_that(const ast::Length& length) {
  std::string text = of(length);
  const bool one = text.starts_with("1 ") && text.find(' ', 2) == std::string::npos;
  return one ? text.substr(2) : text;
}

std::string of(const ast::Count& count) {
  const std::int64_t* number = std::get_if<std::int64_t>(&count.value);
  return number != nullptr ? fmt::format("{}", *number) : ticked("$" + std::get<ast::Param>(count.value).name);
}

// "a", "a and b", "a, b and c"
std::string joined(const std::vector<std::string>& words, std::string_view last) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) text += i + 1 == words.size() ? fmt::format(" {} ", last) : ", ";
    text += words[i];
  }
  return text;
}

std::string joined(const std::vector<ast::Text>& texts) {
  std::vector<std::string> words;
  for (const ast::Text& text : texts) words.push_back(ticked(text.value));
  return joined(words, "and");
}

std::string of(const ast::StreamPath& path) {
  const std::string field = path.field.parts.empty() ? "" : "." + print(path.field);
  return ticked(print(*path.stream) + field);
}

std::string of_all(const std::vector<ast::StreamPath>& paths) {
  std::vector<std::string> words;
  for (const ast::StreamPath& path : paths) words.push_back(of(path));
  return joined(words, "and");
}

std::string named(const std::optional<ast::Name>& as) {
  return as ? fmt::format(" (called {})", ticked(as->text)) : "";
}

std::string of_step_place(const ast::StepBound& within) {
  const std::string from = within.of ? fmt::format("of {}", ticked(within.of->text)) : "of the event before";
  return fmt::format("within {} {}", of(within.length), from);
}

// ----- sequences ----------------------------------------------------------------------------------------------------

std::string noun(const ast::Pattern& pattern);

std::string quantity(const ast::Quantity& q) {
  using Kind = ast::Quantity::Kind;
  switch (q.kind) {
    case Kind::one:
      return "a ";
    case Kind::at_least:
      return fmt::format("{} or more ", of(q.low));
    case Kind::exactly:
      return fmt::format("exactly {} ", of(q.low));
    case Kind::from_to:
      return fmt::format("{} to {} ", of(q.low), of(q.high));
    case Kind::one_or_more:
      return "one or more ";
    case Kind::zero_or_more:
      return "any number (also none) of ";
    case Kind::maybe:
      return "perhaps a ";
  }
  return {};
}

std::string what_of(const ast::Step& step);

std::string noun(const ast::AnyOf& any) {
  std::vector<std::string> words;
  for (const ast::Step& alternative : any.alternatives) words.push_back(what_of(alternative));
  const std::string number = any.number ? fmt::format("any {} of", of(*any.number)) : "all of";
  return fmt::format("{} {}, in any order", number, joined(words, any.number ? "or" : "and"));
}

// The step without its link: "5 or more `login_failed`".
std::string what_of(const ast::Step& step) {
  std::string text = std::holds_alternative<ast::AnyOf>(step.what) ? "" : quantity(step.quantity);
  if (const auto* stream = std::get_if<ast::Stream>(&step.what)) text += of(*stream);
  if (const auto* group = std::get_if<ast::Group>(&step.what)) text += fmt::format("[{}]", noun(*group->pattern));
  if (const auto* any = std::get_if<ast::AnyOf>(&step.what)) text += noun(*any);
  if (step.consecutive) text += " in a row";
  if (step.of) text += fmt::format(", with no {} between them but these", of(*step.of));
  text += named(step.as);
  if (step.until) text += fmt::format(" up to the first {}{}", of(step.until->stream), named(step.until->as));
  return text;
}

std::string linked(const ast::Step& step) {
  const ast::Link& link = step.link;
  std::string text = ", then ";
  if (link.no) text += fmt::format("without a {} between, ", of(*link.no));
  if (link.within) text += of_step_place(*link.within) + " ";
  if (link.next) text += "as the very next event ";
  std::string what = what_of(step);
  if (link.first && what.starts_with("a ")) what = "the first " + what.substr(2);
  return text + what;
}

std::string noun(const ast::Sequence& sequence) {
  std::string text;
  for (const ast::Step& step : sequence.steps) text += text.empty() ? what_of(step) : linked(step);
  if (!sequence.ending) return text;
  const ast::Absence& ending = *sequence.ending;
  const std::string from = ending.within.of ? fmt::format("after {}", ticked(ending.within.of->text)) : "after it";
  return fmt::format("{}, and then no {} in the {} {}", text, of(ending.stream), of_that(ending.within.length), from);
}

// `(a then b) within 5m` is what stands in the brackets, with a bound.
const ast::Pattern& inside(const ast::Pattern& pattern) {
  const auto* sequence = std::get_if<ast::Sequence>(&pattern.form);
  if (sequence == nullptr || sequence->steps.size() != 1 || sequence->ending) return pattern;
  const ast::Step& step = sequence->steps.front();
  const auto* group = std::get_if<ast::Group>(&step.what);
  if (group == nullptr || step.until || step.quantity.kind != ast::Quantity::Kind::one) return pattern;
  return inside(*group->pattern);
}

// `2 e(v > avg(e.v))`: what it takes depends on what it took, so there are choices.
bool looks_at_itself(const ast::Step& step) {
  bool found = false;
  const auto see = [&](const ast::Ref& ref) { found |= ref.kind == ast::Ref::Kind::step; };
  checking::walk(step, Overloaded{[&](const ast::Path& path) { see(path.ref); },
                                  [&](const ast::StreamPath& path) { see(path.ref); }});
  return found;
}

bool is_counting(const ast::Pattern& pattern) {
  const auto* sequence = std::get_if<ast::Sequence>(&inside(pattern).form);
  return sequence != nullptr && sequence->steps.size() == 1 && !sequence->ending && !sequence->steps.front().until &&
         sequence->steps.front().quantity.kind == ast::Quantity::Kind::at_least &&
         !looks_at_itself(sequence->steps.front());
}

// ----- the forms ----------------------------------------------------------------------------------------------------

struct Noun {
  const ast::Pattern& pattern;

  std::string operator()(const ast::Sequence& s) const {
    if (pattern.hold && s.steps.size() == 1)
      return fmt::format("{} for {} at least (the last one holds in silence)", of_hold(s.steps.front()),
                         of(*pattern.hold));
    if (!is_counting(pattern)) return noun(s);
    std::string text = what_of(s.steps.front());
    // "5 or more" is "5" where the window says that more may lie in it.
    if (const std::size_t more = text.find(" or more"); pattern.within && more != std::string::npos)
      text.erase(more, 8);
    return text;
  }
  std::string operator()(const ast::Apart& f) const {
    return fmt::format("{} {}{}, each at most {} after the one before", of(f.number), of(f.stream), named(f.as),
                       of(f.gap));
  }
  std::string operator()(const ast::FewerThan& f) const {
    return fmt::format("fewer than {} {}", of(f.number), of(f.stream));
  }
  std::string operator()(const ast::Distinct& f) const {
    return fmt::format("{} different values of {}", of(f.number), of_all(f.values));
  }
  std::string operator()(const ast::OfLast& f) const {
    return fmt::format("{} {} among the last {} events of their kind", of(f.number), of(f.stream), of(f.last));
  }
  std::string operator()(const ast::Changes& f) const {
    return fmt::format("{} changes of {}", of(f.number), of(f.value));
  }
  std::string operator()(const ast::New& f) const {
    return fmt::format("a value of {} that was not there in the {} before", of(f.value), of_that(f.in));
  }
  std::string operator()(const ast::Idle& f) const {
    return fmt::format("a {}{} after {} or more without one", of(f.stream), named(f.as), of(f.length));
  }
  std::string operator()(const ast::Without& f) const {
    return fmt::format("a {}{} and no {} in the {} before it", of(f.stream), named(f.as), of(f.missing),
                       of_that(f.length));
  }
  std::string operator()(const ast::Silence& f) const {
    return fmt::format("no {} in the {} after the last one", of(f.stream), of_that(f.length));
  }
  std::string operator()(const ast::NoAfter& f) const {
    return fmt::format("a {}{}, and then no {} in the {} after it", of(f.after), named(f.as), of(f.missing),
                       of_that(f.within));
  }
  std::string operator()(const ast::Ranking& f) const {
    return fmt::format("a change among the first {} {} by count over {}", of(f.number), of(f.value), of(f.over));
  }
  std::string operator()(const ast::Condition& f) const { return of(f.expr); }

  static std::string of_hold(const ast::Step& step) {
    const auto* stream = std::get_if<ast::Stream>(&step.what);
    if (stream == nullptr) return "nothing but " + what_of(step);
    // Events of other kinds do not break it.
    return fmt::format("{} and no other {}", of(*stream), stream->filter ? ticked(stream->name.text) : "of its kind");
  }
};

std::string noun(const ast::Pattern& pattern) {
  std::string text = std::visit(Noun{pattern}, pattern.form);
  const bool listed = is_sequence(pattern) || std::holds_alternative<ast::Apart>(pattern.form);
  if (pattern.within) text += (listed ? ", all within " : " within ") + of(*pattern.within);
  if (pattern.each)
    text += fmt::format(" in a window of {} by the clock{}", of(pattern.each->length),
                        pattern.each->zone ? fmt::format(" of {}", pattern.each->zone->value) : "");
  return text;
}

std::string keys_of(const std::vector<KeyInfo>& keys) {
  std::vector<std::string> words;
  for (const KeyInfo& key : keys) words.push_back(ticked(key.name));
  return joined(words, "and");
}

// "Fires when the same `user` has 5 `login_failed` within 5 minutes."
std::string first_sentence(const RuleInfo& rule, const Model& model) {
  const bool condition = std::holds_alternative<ast::Condition>(rule.when.form);
  std::string whose = keys_of(rule.keys);
  for (const KeyInfo& key : rule.keys)
    if (key.list != kNone) whose += fmt::format(" from list {}", ticked(model.lists[key.list].name.text));
  std::string text;
  if (condition) {
    text = fmt::format("Fires when {} becomes true", noun(rule.when));
    if (rule.when.hold) text += fmt::format(" and stays so for {}", of(*rule.when.hold));
    if (!whose.empty()) text += fmt::format(" for a {}", whose);
  } else if (!whose.empty()) {
    text = fmt::format("Fires when the same {} has {}", whose, noun(rule.when));
  } else {
    text = fmt::format("Fires when there is, all events taken together, {}", noun(rule.when));
  }
  if (const auto* where = find_clause<ast::Where>(rule.clauses))
    text += fmt::format(", and {} is true of the match", of(where->condition));
  return text + ".";
}

constexpr const char* kWhenOver =
    "It fires when that time is over, without waiting for an event; one that comes exactly then is in time.";

// The moment, where the words leave it open.
struct Moment {
  const ast::Pattern& pattern;

  std::string operator()(const ast::Sequence& s) const {
    if (pattern.hold) return "It fires at the end of that time, without waiting for an event.";
    if (pattern.each) return "It is judged once, when the window ends.";
    if (s.ending) return kWhenOver;
    if (!is_counting(pattern)) return {};
    const auto number = value(s.steps.front().quantity.low);
    return number.has_value() ? fmt::format("The {} fires.", ordinal(*number)) : std::string();
  }
  std::string operator()(const ast::FewerThan&) const {
    return "It is judged at every such event and whenever one leaves the window, once the key has been seen for as "
           "long as the window.";
  }
  std::string operator()(const ast::Silence&) const { return kWhenOver; }
  std::string operator()(const ast::NoAfter&) const { return kWhenOver; }
  std::string operator()(const ast::Idle&) const { return "The first one of a key is not idle."; }
  std::string operator()(const ast::Condition&) const {
    return "It is judged at every event that it names, and whenever an event leaves a window.";
  }
  std::string operator()(const auto&) const { return {}; }
};

bool is_edge_of_its_own(const ast::Pattern& p) {
  const bool plain = std::holds_alternative<ast::Sequence>(p.form) && !is_counting(p) && !is_sequence(p) && !p.hold;
  return plain || p.each || std::holds_alternative<ast::Idle>(p.form) || std::holds_alternative<ast::Without>(p.form) ||
         std::holds_alternative<ast::New>(p.form) || std::holds_alternative<ast::Ranking>(p.form);
}

std::string again(const RuleInfo& rule) {
  const auto* fire = find_clause<ast::Fire>(rule.clauses);
  const auto how = fire != nullptr ? fire->how : ast::Fire::How::once;
  const bool sequence = is_sequence(rule.when) || std::holds_alternative<ast::NoAfter>(rule.when.form);  // C5
  switch (how) {
    case ast::Fire::How::once:
      if (sequence) return "After it has fired, the key starts over: the next match uses later events only.";
      if (is_edge_of_its_own(rule.when)) return "Each time it happens is an alert.";
      if (std::holds_alternative<ast::Silence>(rule.when.form)) return "A silence fires once, however long it lasts.";
      return "While that stays true it is one alert; it can fire again when an event has found it false, or nothing is "
             "left to count.";
    case ast::Fire::How::always:
      return sequence ? "Every event that completes it fires; nothing is dropped."
                      : "It fires at every event for which that is true.";
    case ast::Fire::How::start_over:
      return "After it has fired, the key starts over from nothing.";
    case ast::Fire::How::every_match:
      return "Every choice of events that fits is an alert of its own.";
  }
  return {};
}

// ----- clauses ------------------------------------------------------------------------------------------------------

std::string_view word_of(ast::Severity severity) {
  constexpr std::array<std::string_view, 5> words{"info", "low", "medium", "high", "critical"};
  return words[static_cast<std::size_t>(severity)];
}

std::string names_of(const std::vector<ast::Assign>& fields) {
  std::vector<std::string> words;
  for (const ast::Assign& field : fields) words.push_back(ticked(field.name.text));
  return joined(words, "and");
}

std::string paths(const std::vector<ast::Path>& all) {
  std::vector<std::string> words;
  for (const ast::Path& path : all) words.push_back(ticked(print(path)));
  return joined(words, "and");
}

// The text of an alert as the author wrote it, braces and all.
std::string text_of(const ast::Template& text) {
  ast::Expr expr;
  expr.node = text;
  return print(expr);
}

// A sentence per clause; nothing for what the first sentences have said.
struct Told {
  std::string operator()(const ast::Except& c) const {
    return fmt::format("Events for which {} do not exist for it.", of(c.condition));
  }
  std::string operator()(const ast::During& c) const {
    return fmt::format("Only events {} `{}` exist for it.", c.outside ? "outside" : "during", c.calendar.text);
  }
  std::string operator()(const ast::Reset& c) const {
    return fmt::format("A {} makes it forget what it has seen of the key.", of(c.on));
  }
  std::string operator()(const ast::Learn& c) const {
    return fmt::format("It stays silent for the first {} of a key.", of_that(c.length));
  }
  std::string operator()(const ast::Resolve& c) const {
    return fmt::format("An open alert is resolved when there is {}; until then the key has no second one.",
                       noun(*c.when));
  }
  std::string operator()(const ast::Mute& c) const {
    const std::string same = c.same.empty() ? "for any key" : "for the same " + paths(c.same);
    return fmt::format("It is mute while rule `{}` fires {}.", c.rule.text, same);
  }
  std::string operator()(const ast::Escalate& c) const {
    return c.number ? fmt::format("With {} alerts in {} it is {}.", of(*c.number), of(c.length), word_of(c.to))
                    : fmt::format("An alert that is open for {} becomes {}.", of(c.length), word_of(c.to));
  }
  std::string operator()(const ast::Remind& c) const {
    return fmt::format("An open alert is sent again every {}.", of(c.every));
  }
  std::string operator()(const ast::Alert& c) const {
    const std::string severity = c.severity ? fmt::format("{} ", word_of(*c.severity)) : "";
    return fmt::format("Sends {} {}alert: {}.", severity.empty() || severity.starts_with('i') ? "an" : "a", severity,
                       text_of(c.text));
  }
  std::string operator()(const ast::With& c) const {
    return fmt::format("The alert also carries {}.", names_of(c.fields));
  }
  std::string operator()(const ast::SendTo& c) const { return fmt::format("It goes to {}.", joined(c.sinks)); }
  std::string operator()(const ast::Runbook& c) const { return fmt::format("Its runbook: {}.", text_of(c.url)); }
  std::string operator()(const ast::Tags& c) const {
    std::vector<std::string> words;
    for (const ast::Text& tag : c.tags) words.push_back(tag.value);
    return fmt::format("It is tagged {}.", joined(words, "and"));
  }
  std::string operator()(const ast::Owner& c) const { return fmt::format("It belongs to {}.", c.team.value); }
  std::string operator()(const ast::Emit& c) const {
    return fmt::format("Each match is also an event `{}`{}.", c.event.text,
                       c.fields.empty() ? "" : " with " + names_of(c.fields));
  }
  std::string operator()(const ast::Forget& c) const {
    return fmt::format("A key that was quiet for {} is forgotten.", of(c.idle));
  }
  std::string operator()(const ast::FireAtMost& c) const {
    const std::string keys = c.keys.empty() ? "a key" : "the same " + paths(c.keys);
    return fmt::format("At most {} in {} for {}; the rest are counted in `suppressed` of the next.",
                       of(c.number) == "1" ? "one alert" : of(c.number) + " alerts", of(c.per), keys);
  }
  std::string operator()(const ast::Resume& c) const {
    return fmt::format("The next match may begin again at the {} `{}` of this one.", c.last ? "last" : "first",
                       c.at.text);
  }
  std::string operator()(const ast::EndsAfter& c) const {
    const std::string when = c.when_last ? fmt::format(" when the last event is a {}", of(*c.when_last)) : "";
    return fmt::format("It ends when nothing comes for {}{}.", of(c.idle), when);
  }
  std::string operator()(const ast::EndsOn& c) const { return fmt::format("A {} ends it.", of(c.on)); }
  std::string operator()(const ast::StartsOn& c) const {
    return fmt::format("Only a {} begins one, and ends one that is open.", of(c.on));
  }
  std::string operator()(const ast::AtMost& c) const { return fmt::format("It lasts {} at most.", of(c.length)); }
  std::string operator()(const ast::EmitEach& c) const {
    const std::string where = c.sinks.empty() ? "" : " to " + joined(c.sinks);
    return fmt::format("Every event is sent on{}, with {}.", where, names_of(c.fields));
  }
  std::string operator()(const ast::EvenIfEmpty&) const { return "Windows without events are told too."; }
  std::string operator()(const auto&) const { return {}; }
};

// What stands in a session's or summary's `with` is its event, not an alert.
std::string told(const ast::Clause& clause, bool of_rule) {
  if (const auto* with = std::get_if<ast::With>(&clause.node); with != nullptr && !of_rule)
    return fmt::format("The event carries {}.", names_of(with->fields));
  return std::visit(Told{}, clause.node);
}

// "a `ip`" is "an `ip`". By letters, as far as letters tell: `user` and `url` keep their "a".
std::string with_articles(std::string text) {
  for (std::size_t at = text.find("a `"); at != std::string::npos; at = text.find("a `", at + 3)) {
    const bool whole_word = at == 0 || text[at - 1] == ' ' || text[at - 1] == '[';
    const std::size_t first = at + 3 + (text[at + 3] == '(');
    if (whole_word && first < text.size() && std::string_view("aeio").find(text[first]) != std::string_view::npos)
      text.insert(at + 1, "n");
  }
  if (text.starts_with("A `") && std::string_view("aeio").find(text[3]) != std::string_view::npos) text.insert(1, "n");
  return text;
}

std::vector<std::string> with_articles(std::vector<std::string> sentences) {
  for (std::string& sentence : sentences) sentence = with_articles(std::move(sentence));
  return sentences;
}

// S2: with `when last is`, or the one that holds when no such one fits.
bool is_end_of_idle(const ast::Clause& clause, bool guarded) {
  const auto* ends = std::get_if<ast::EndsAfter>(&clause.node);
  return ends != nullptr && guarded == static_cast<bool>(ends->when_last);
}

void tell(const std::vector<ast::Clause>& clauses, bool of_rule, std::vector<std::string>& out) {
  const bool guarded = std::ranges::any_of(clauses, [](const auto& c) { return is_end_of_idle(c, true); });
  std::string other;
  std::ptrdiff_t behind = 0;  // of the last end that asks for the last event
  for (const ast::Clause& clause : clauses) {
    std::string sentence = told(clause, of_rule);
    if (sentence.empty()) continue;
    if (guarded && is_end_of_idle(clause, false)) {
      other = "With any other last event i" + sentence.substr(1);
      continue;
    }
    out.push_back(std::move(sentence));
    if (is_end_of_idle(clause, true)) behind = std::ssize(out);
  }
  if (!other.empty()) out.insert(out.begin() + behind, std::move(other));
}

std::string whose(const std::vector<KeyInfo>& keys) {
  return keys.empty() ? "" : fmt::format(" of the same {}", keys_of(keys));
}

std::string window_of(const ast::Every& every) {
  const std::string over = every.over_all ? ", over all that ever came"
                           : every.over   ? fmt::format(", over the last {}", of_that(*every.over))
                                          : "";
  if (every.event || !every.aligned) return "at every event" + over;
  const std::string zone = every.aligned->zone ? fmt::format(" by the clock of {}", every.aligned->zone->value) : "";
  const std::string step = fmt::format("every {}{}", of(every.aligned->length), zone);
  return step + (over.empty() ? ", one window after the other" : over);
}

}  // namespace

bool is_sequence(const ast::Pattern& pattern) {
  const auto* sequence = std::get_if<ast::Sequence>(&inside(pattern).form);
  return sequence != nullptr && !is_counting(pattern) &&
         (sequence->steps.size() > 1 || sequence->ending || sequence->steps.front().until ||
          std::holds_alternative<ast::AnyOf>(sequence->steps.front().what) ||
          sequence->steps.front().quantity.kind != ast::Quantity::Kind::one);
}

std::string in_words(Duration duration) {
  if (duration.us == 0) return "0 seconds";
  std::string text;
  std::int64_t us = duration.us;
  for (const auto& [name, word, length] : kDurationUnits) {
    if (us < length.us || (length == days(7) && us % length.us != 0)) continue;  // 10 days, not 1 week 3 days
    text += fmt::format("{}{} {}{}", text.empty() ? "" : " ", us / length.us, word, us / length.us == 1 ? "" : "s");
    us %= length.us;
  }
  return text;
}

std::string ordinal(std::int64_t number) {
  constexpr std::array<std::string_view, 21> words{
      "zeroth",     "first",     "second",    "third",       "fourth",     "fifth",      "sixth",
      "seventh",    "eighth",    "ninth",     "tenth",       "eleventh",   "twelfth",    "thirteenth",
      "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth", "twentieth"};
  if (number >= 0 && number < static_cast<std::int64_t>(words.size()))
    return std::string(words[static_cast<std::size_t>(number)]);
  const std::int64_t last = number % 10, tens = number % 100 / 10;
  const std::string_view end = tens == 1 ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th";
  return fmt::format("{}{}", number, end);
}

// E3, C3: what waits for nothing to come waits for keys that never came, too.
std::string seen_from_the_start(const RuleInfo& rule) {
  const bool waits =
      std::holds_alternative<ast::Silence>(rule.when.form) || std::holds_alternative<ast::FewerThan>(rule.when.form);
  if (!waits) return {};
  if (rule.by_all) return "It counts from the first event of its sources on.";
  const bool listed = std::ranges::any_of(rule.keys, [](const KeyInfo& key) { return key.list != kNone; });
  return listed ? "A key of the list counts as seen from the start, also one that never comes." : std::string();
}

std::vector<std::string> read_aloud(const RuleInfo& rule, const Model& model) {
  std::vector<std::string> out{first_sentence(rule, model)};
  if (std::string moment = std::visit(Moment{rule.when}, rule.when.form); !moment.empty())
    out.push_back(std::move(moment));
  if (std::string start = seen_from_the_start(rule); !start.empty()) out.push_back(std::move(start));
  out.push_back(again(rule));
  tell(rule.clauses, true, out);
  return with_articles(std::move(out));
}

std::vector<std::string> read_aloud(const SessionInfo& session) {
  std::vector<std::string> out{fmt::format("Gathers all {}{} into sessions; each is an event `{}` when it is over.",
                                           of(session.decl.of), whose(session.keys), session.decl.name.text)};
  tell(session.decl.clauses, false, out);
  return with_articles(std::move(out));
}

std::vector<std::string> read_aloud(const SummaryInfo& summary) {
  const auto* every = find_clause<ast::Every>(summary.decl.clauses);
  std::vector<std::string> out{fmt::format("Sums up all {}{} {}; each is an event `{}`.", of(summary.decl.of),
                                           whose(summary.keys), every != nullptr ? window_of(*every) : "as they come",
                                           summary.decl.name.text)};
  tell(summary.decl.clauses, false, out);
  return with_articles(std::move(out));
}

}  // namespace tocsin::dsl
