// Habits of other languages: SQL, Sigma, Splunk, Flink and Esper patterns, Python, YAML. Each row looks at the farthest
// token of an item that could not be read, and if it knows what was meant, says so, mends the tokens, and the item is
// read again: one message per slip, however many slips. Rows only see text that is wrong already, so they may guess
// boldly.
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "dsl/grammar/items.h"
#include "dsl/grammar/place.h"

namespace tocsin::dsl::grammar {

namespace {

// ----- what several rows say ----------------------------------------------------------------------------------------

constexpr std::string_view kByNamesKeys = "`by` names the keys";
constexpr std::string_view kARule = "a rule is `rule NAME when PATTERN`";
constexpr std::string_view kNoYaml = "a rule is `rule NAME when PATTERN`; there is no YAML";
constexpr std::string_view kWithinBounds = "`within` bounds the pattern";
constexpr std::string_view kFireLimits = "`fire at most once per 1h` limits alerts";
constexpr std::string_view kThenFollows = "steps follow each other with `then`";
constexpr std::string_view kRegexSlashes = "a regular expression stands between slashes: `matches /^adm/`";
constexpr std::string_view kAbsentEvent = "an absent event is `no x`: `a then no x within 5m`";
constexpr std::string_view kSendTo = "alerts go to a sink by `send to \"name\"`";
constexpr std::string_view kExceptDrops = "`except` drops single events before they are counted";
constexpr std::string_view kOneEqual = "equality is one `=`";
constexpr std::string_view kNotEqual = "inequality is `!=`";
constexpr std::string_view kSeverityBehind = "the severity stands behind `alert`: `alert high \"...\"`";
constexpr std::string_view kTextBehind = "the text stands behind `alert`: `alert high \"...\"`";
constexpr std::string_view kNumberCounts = "a number alone counts: `5 login_failed`";
constexpr std::string_view kWithAdds = "fields are added by `with a = e, b = e`";
constexpr std::string_view kDeclaredBy = "an event is declared by `event NAME has field type, ...`";
constexpr std::string_view kConstant = "a constant is `let $name = value`";
constexpr std::string_view kReadTogether = "the rules of a folder are read together; nothing is imported";
constexpr std::string_view kAtLeast = "a number alone is at least so many";

// ----- words --------------------------------------------------------------------------------------------------------

bool is_capital(std::string_view text) {
  return std::ranges::any_of(text, [](char c) { return c >= 'A' && c <= 'Z'; });
}

// `WITHIN`, `And`: here, or taken for a name just before.
Found capitals(const Place& p) {
  for (const std::ptrdiff_t offset : {0, -1}) {
    if (!p.is(TokenKind::word, offset) || !p.is(Word::none, offset) || !is_capital(p.text(offset))) continue;
    const Word meant = find_word(p.word(offset));
    const bool fits = offset == 0 ? p.wants(p.word()) || (p.wants_clause() && has_use(meant, kClause)) ||
                                        meant == Word::starts || meant == Word::ends
                                  : has_use(meant, kExpression | kClause | kPattern);
    if (meant == Word::none || !fits) continue;
    return instead(p, "R017", offset, offset, "words of the language are in lower case", "",
                   std::string(row(meant).text), {p.made(offset, meant)});
  }
  return {};
}

// Words that are written otherwise here. `wanted` is what must be wanted for the row to hold, `instead` what is read.
struct Phrase {
  std::string_view first, second;  // as written, in lower case; the second may be empty
  std::string_view wanted;
  std::string_view meant;  // as the language writes it; empty: it is left out
  Word word;               // ... and its token; with an empty `meant`, none
  std::string_view help;
};

constexpr auto kPhrases = std::to_array<Phrase>({
    {"group", "by", "a clause", "by", Word::by, kByNamesKeys},
    {"grouped", "by", "a clause", "by", Word::by, kByNamesKeys},
    {"partition", "by", "a clause", "by", Word::by, kByNamesKeys},
    {"partitioned", "by", "a clause", "by", Word::by, kByNamesKeys},
    {"split", "by", "by", "by", Word::by, kByNamesKeys},
    {"keyed", "by", "by", "by", Word::by, kByNamesKeys},
    {"keyby", "", "by", "by", Word::by, kByNamesKeys},
    {"groupby", "", "a clause", "by", Word::by, kByNamesKeys},
    {"per", "", "by", "by", Word::by, kByNamesKeys},
    {"followed", "by", "then", "then", Word::then, kThenFollows},
    {"followedby", "", "then", "then", Word::then, kThenFollows},
    {"followedbyany", "", "then", "then", Word::then, kThenFollows},
    {"and", "then", "then", "then", Word::then, kThenFollows},
    {"seq", "", "then", "then", Word::then, kThenFollows},
    {"having", "", "a clause", "where", Word::where,
     "`where` judges the finished match; a comparison of aggregates may be the pattern itself"},
    {"filter", "", "a clause", "where", Word::where, "`where` judges the finished match; `except` drops single events"},
    {"unless", "", "a clause", "except", Word::except, kExceptDrops},
    {"exclude", "", "a clause", "except", Word::except, kExceptDrops},
    {"ignore", "", "a clause", "except", Word::except, kExceptDrops},
    {"if", "", "when", "when", Word::when, kARule},
    {"on", "", "when", "when", Word::when, kARule},
    {"match", "", "when", "when", Word::when, kARule},
    {"pattern", "", "when", "when", Word::when, kARule},
    {"detect", "", "when", "when", Word::when, kARule},
    {"where", "", "when", "when", Word::when, kARule},
    {"condition", "", "when", "when", Word::when, kARule},
    {"equals", "", "=", "=", Word::none, kOneEqual},
    {"eq", "", "=", "=", Word::none, kOneEqual},
    {"is", "", "=", "=", Word::none, kOneEqual},
    {"ne", "", "!=", "!=", Word::none, kNotEqual},
    {"neq", "", "!=", "!=", Word::none, kNotEqual},
    {"gt", "", ">", ">", Word::none, ""},
    {"ge", "", ">=", ">=", Word::none, ""},
    {"gte", "", ">=", ">=", Word::none, ""},
    {"lt", "", "<", "<", Word::none, ""},
    {"le", "", "<=", "<=", Word::none, ""},
    {"lte", "", "<=", "<=", Word::none, ""},
    {"includes", "", "contains", "contains", Word::contains, ""},
    {"contain", "", "contains", "contains", Word::contains, ""},
    {"has", "", "contains", "contains", Word::contains, ""},
    {"regex", "", "matches", "matches", Word::matches, kRegexSlashes},
    {"regexp", "", "matches", "matches", Word::matches, kRegexSlashes},
    {"rlike", "", "matches", "matches", Word::matches, kRegexSlashes},
    {"match", "", "matches", "matches", Word::matches, kRegexSlashes},
    {"lasts", "", "for", "for", Word::for_, ""},
    {"lasting", "", "for", "for", Word::for_, ""},
    {"times", "", "an event", "", Word::none, kNumberCounts},
    {"time", "", "an event", "", Word::none, "a number alone counts: `1 login_failed`"},
    {"x", "", "an event", "", Word::none, kNumberCounts},
    {"at", "least", "an event", "", Word::none, "a number alone is at least so many; `exactly 5` is no more"},
    {"the", "", "an event", "", Word::none, ""},
    {"every", "", "an event", "", Word::none, "each match fires anyway: `fire once` and `fire always` say how often"},
    {"not", "", "an event", "no", Word::no, kAbsentEvent},
    {"without", "", "an event", "no", Word::no, kAbsentEvent},
    {"absent", "", "an event", "no", Word::no, kAbsentEvent},
    {"missing", "", "an event", "no", Word::no, kAbsentEvent},
    {"output", "to", "a clause", "send to", Word::none, kSendTo},
    {"during", "", "within", "within", Word::within, kWithinBounds},
    {"in", "", "within", "within", Word::within, kWithinBounds},
    {"inside", "", "within", "within", Word::within, kWithinBounds},
    {"over", "", "within", "within", Word::within, "`within` bounds the pattern; `over` stands inside an aggregate"},
    {"last", "", "within", "within", Word::within, kWithinBounds},
    {"window", "", "within", "within", Word::within, kWithinBounds},
    {"timeframe", "", "within", "within", Word::within, kWithinBounds},
    {"timewindow", "", "within", "within", Word::within, kWithinBounds},
    {"maxspan", "", "within", "within", Word::within, kWithinBounds},
});

Punct punct_of(std::string_view text) {
  for (auto p = Punct::none; p <= Punct::remainder; p = static_cast<Punct>(static_cast<int>(p) + 1))
    if (p != Punct::none && text_of(p) == text) return p;
  return Punct::none;
}

Found phrases(const Place& p) {
  const std::string first = p.word();
  if (first.empty()) return {};
  for (const Phrase& row : kPhrases) {
    if (row.first != first || (!row.second.empty() && row.second != p.word(1)) || !p.wants(row.wanted)) continue;
    // `in 5m` is a bound, `during office_hours` a clause.
    std::ptrdiff_t behind = row.second.empty() ? 1 : 2;
    if (row.wanted == "within") {
      while (p.word(behind) == "the" || p.word(behind) == "last" || p.word(behind) == "a") ++behind;
      if (p.is(Punct::equal, behind) || p.is(Punct::colon, behind)) ++behind;
      if (!is_time(p.token(behind))) continue;
    }
    std::vector<Token> tokens;
    if (row.word != Word::none) tokens.push_back(p.made(0, row.word));
    if (row.meant == "send to") tokens = {p.made(0, Word::send), p.made(1, Word::to)};
    if (const Punct sign = punct_of(row.meant); sign != Punct::none) tokens.push_back(p.made(0, sign));
    const std::string written = p.source(0, behind - 1);
    std::string message =
        row.meant.empty() ? code(written) + " is not needed here" : code(written) + " is written " + code(row.meant);
    const bool of_a_rule = row.help != kARule || !p.is(Word::resolve, -1);  // `resolve on x` is told all
    return instead(p, "R012", 0, behind - 1, std::move(message), of_a_rule ? std::string(row.help) : std::string(),
                   std::string(row.meant), std::move(tokens));
  }
  return {};
}

// Words that have no place here at all, with what to write instead.
struct Stranger {
  std::string_view word, help;
};
constexpr auto kStrangers = std::to_array<Stranger>({
    {"throttle", kFireLimits},
    {"cooldown", kFireLimits},
    {"suppress", kFireLimits},
    {"dedup", kFireLimits},
    {"debounce", kFireLimits},
    {"realert", kFireLimits},
    {"timeout", "a session ends after a silence: `ends after 30m idle`"},
    {"threshold", "a number before the event counts: `5 login_failed within 5m`"},
    {"severity", kSeverityBehind},
    {"level", kSeverityBehind},
    {"priority", kSeverityBehind},
    {"message", kTextBehind},
    {"msg", kTextBehind},
    {"raise", kTextBehind},
    {"notify", kSendTo},
    {"email", kSendTo},
    {"sink", kSendTo},
    {"into", "alerts go to a sink by `send to \"name\"`; an event is made by `emit NAME`"},
    {"insert", "an event is made by `emit NAME with f = e`"},
    {"return", kWithAdds},
    {"select", "there is no `select`: `with a = e, b = e` adds fields, `rule NAME when PATTERN` looks for events"},
    {"fields", kWithAdds},
    {"description", "what a rule is for stands above it, behind `///`"},
    {"author", "who answers for a rule is `owner \"team\"`"},
    {"limit", "`fire at most N per D` limits alerts"},
    {"order", "events are always in the order of their times"},
    {"detection", kNoYaml},
    {"condition", kNoYaml},
    {"logsource", kNoYaml},
    {"title", "a title stands behind the name: `rule NAME \"title\"`"},
    {"def", kARule},
    {"create", "a rule is `rule NAME when PATTERN`, an event `event NAME has ...`"},
    {"stream", kDeclaredBy},
    {"schema", kDeclaredBy},
    {"define", "a constant is `let $name = value`, an alias `event NAME = x(filter)`"},
    {"var", kConstant},
    {"const", kConstant},
    {"import", kReadTogether},
    {"include", kReadTogether},
});

// `5 times login`: the word was taken for the event.
Found times(const Place& p) {
  const std::string word = p.word(-1);
  if ((word != "times" && word != "occurrences") || !p.is(TokenKind::number, -2)) return {};
  if (!p.is(TokenKind::word) && !p.is(TokenKind::quoted_name)) return {};
  if (p.word() == "of") return {};
  return instead(p, "R012", -1, -1, code(p.text(-1)) + " is not needed here",
                 "a number alone counts: " + code(p.source(-2, -2) + " " + p.source(0, 0)), "", {});
}

Found strangers(const Place& p) {
  if (!p.wants_clause() && p.number() != 0 && !p.wants("when") && !p.wants(kEndWanted)) return {};
  const std::string word = p.word();
  const auto* row = std::ranges::find(kStrangers, word, &Stranger::word);
  if (word.empty() || row == kStrangers.end()) return {};
  return uncertain(p.repair("R012", p.span(), "there is no " + code(p.text()) + " here", "not a word of the language",
                            std::string(row->help)));
}

// ----- durations ----------------------------------------------------------------------------------------------------

// `within 5`, `within 5 minutes`, `within "5m"`; and `5 minutes` where a value stands.
Found durations(const Place& p) {
  std::ptrdiff_t filler = 0;
  while (p.word(filler) == "the" || p.word(filler) == "last" || p.word(filler) == "a" || p.word(filler) == "past")
    ++filler;
  if (p.wants_duration() && filler > 0 && is_time(p.token(filler)))
    return instead(p, "R012", 0, filler - 1, code(p.source(0, filler - 1)) + " is not needed here", "", "", {});
  // `at 0` of a test may be a text, too; it is a number all the same.
  if (p.wants_duration() && p.is(TokenKind::number) && !p.token().real) {
    const std::string_view unit = duration_unit_meant(p.word(1));
    const std::string number = p.source(0, 0);
    if (!unit.empty() && parse_duration(number + std::string(unit)))
      return instead(p, "R013", 0, 1, "a duration is written without a space", "", number + std::string(unit),
                     {duration_token(p, 0, 1, *parse_duration(number + std::string(unit)))});
    if (number == "0")
      return instead(p, "R013", 0, 0, "a duration has a unit", "", "0s", {duration_token(p, 0, 0, Duration{0})});
    Repair r = p.repair("R013", p.span(), "a duration has a unit", "how long?",
                        "write " + code(number + "s") + ", " + code(number + "m") + " or " + code(number + "h"));
    r.remove = 1;
    r.insert = {duration_token(p, 0, 0, seconds(1))};
    return uncertain(std::move(r));
  }
  if (p.wants_duration() && p.is(TokenKind::text))
    if (const auto d = parse_duration(content(p.token(), p.state.text)))
      return instead(p, "R013", 0, 0, "a duration stands without quotes", "", content(p.token(), p.state.text),
                     {duration_token(p, 0, 0, *d)});
  const std::string_view unit = duration_unit_meant(p.word());
  if (!unit.empty() && p.is(TokenKind::number, -1) && !p.token(-1).real && p.wants_operator()) {
    const std::string meant = p.source(-1, -1) + std::string(unit);
    if (const auto d = parse_duration(meant))
      return instead(p, "R013", -1, 0, "a duration is written without a space", "", meant,
                     {duration_token(p, -1, 0, *d)});
  }
  return {};
}

// ----- patterns -----------------------------------------------------------------------------------------------------

// `login_failed > 5`: a number before the event counts.
Found counted_by_comparison(const Place& p) {
  const bool comparison = p.is(Punct::greater) || p.is(Punct::greater_equal) || p.is(Punct::equal);
  if (!comparison || !continues_pattern(p) || !is_whole(p, 1)) return {};
  std::ptrdiff_t from = -1;
  if (p.is(Punct::close_round, -1) && p.token(-1).partner < 0) from += p.token(-1).partner - 1;
  if (!p.is(TokenKind::word, from) && !p.is(TokenKind::quoted_name, from)) return {};
  const std::int64_t least = p.token(1).integer + (p.is(Punct::greater) ? 1 : 0);
  const std::string meant = (p.is(Punct::greater) ? std::to_string(least) : p.source(1, 1)) + " " + p.source(from, -1);
  std::string help = "a number before the event is at least so many: " + code(meant);
  if (p.is(Punct::equal)) help += "; no more than that: " + code("exactly " + meant + " then ..");
  const bool holds = p.is(Word::for_, 2);  // `temp > 80 for 2m`: what holds is a value
  if (holds) help = "a field is compared in the filter: " + code(p.source(from, -1) + "(FIELD " + p.source(0, 1) + ")");
  Repair r =
      instead(p, "R012", from, 1, "an event is not compared with a number", help, meant, {whole_number(p, 1, least)});
  if (holds) r.insert.clear();
  for (std::ptrdiff_t i = from; i < 0; ++i) r.insert.push_back(p.token(i));
  r.diagnostic.here = {p.span(0, 1), "not here"};
  return holds || p.is(Punct::equal) ? uncertain(std::move(r)) : r;
}

// `a unless b within 5m`: what must not come, and until when. Without the time it is `except`.
Found absence_by_unless(const Place& p) {
  if (p.word() != "unless" || !p.wants("then")) return {};
  std::ptrdiff_t bound = 1;
  while (bound < 20 && !p.is(TokenKind::end, bound) && !p.is(Word::within, bound)) ++bound;
  if (!p.is(Word::within, bound) || !is_time(p.token(bound + 1))) return {};
  return instead(p, "R012", 0, 0,
                 code(p.source(0, bound + 1)) + " is written " + code("then no " + p.source(1, bound + 1)),
                 "it is told when the time is over", "then no", {p.made(0, Word::then), p.made(0, Word::no)});
}

// The `then` before here, with no other between; 1 when there is none.
std::ptrdiff_t last_then(const Place& p) {
  for (std::ptrdiff_t i = -1; i > -40 && !p.is(TokenKind::end, i); --i)
    if (p.is(Word::then, i)) return i;
  return 1;
}

// `a within 5m then b`: whose bound is it?
Found bound_before_then(const Place& p) {
  if (!p.is(Word::then) || !p.is(Word::within, -2) || !is_time(p.token(-1))) return {};
  const std::string d = p.source(-1, -1);
  const std::ptrdiff_t then = last_then(p);
  Repair r;
  if (then < 0 && p.is(Word::no, then + 1)) {
    r = p.repair("R018", p.span(), "`then no x within D` ends a pattern", "nothing can follow",
                 "write `then no x then within " + d + " y` for: y within " + d + ", and no x before it");
    r.diagnostic.cause = Label{p.span(then, -1), "the absence"};
  } else {
    r = p.repair("R014", p.span(-2, -1), "`within` before `then` could bound three things",
                 "the first steps, the next one, or all?",
                 "`(a within " + d + ") then b` bounds what stands before; `a then within " + d +
                     " b` the step from a to b; `a then b within " + d + "` the whole");
    r.at = p.number(-2);
    r.remove = 2;
  }
  return uncertain(std::move(r));
}

// `when no a then b`: a match has to begin somewhere.
Found begins_with_no(const Place& p) {
  if (!p.is(Word::then) || !p.wants("for")) return {};
  std::ptrdiff_t no = -1;
  while (!p.is(TokenKind::end, no) && !p.is(Word::no, no)) --no;
  if (!p.is(Word::no, no) || p.is(Word::then, no - 1)) return {};
  const std::string absent = stream_at(p, no + 1, "a"), event = stream_at(p, 1, "b");
  return uncertain(p.repair("R018", p.span(no, no), "a pattern cannot begin with `no`", "nothing happens here",
                            code(event + " after 5m without " + absent) + " is " + code(event) + ", and no " +
                                code(absent) + " in the 5m before it"));
}

// The clauses between `when` and here: where the first of them begins, if it is this one, else 1; and where the second
// does, or 0.
struct Before {
  std::ptrdiff_t when = 0, first = 1, second = 0;
};
Before clauses_before(const Place& p, Word clause) {
  Before found;
  std::ptrdiff_t i = -1;
  for (; !p.is(Word::when, i); --i) {
    if (p.is(TokenKind::end, i)) return {};
    if (!has_use(p.token(i).word, kClause)) continue;
    found.second = found.first < 0 ? found.first : 0;
    found.first = i;
  }
  found.when = i;
  return found.first < 0 && p.is(clause, found.first) ? found : Before{};
}

// `5 login by user within 5m`: the two have changed places.
Found bound_behind_by(const Place& p) {
  const auto [when, by, next] = clauses_before(p, Word::by);
  if (!p.is(Word::within) || !is_time(p.token(1)) || by > 0 || next < 0) return {};
  const std::string meant = p.source(0, 1) + " " + p.source(by, -1);
  Repair r = instead(p, "R018", by, 1, "`within` belongs to the pattern",
                     "it stands before the clauses: " + code(p.source(when + 1, by - 1) + " " + meant), meant,
                     {p.token(0), p.token(1)});
  for (std::ptrdiff_t i = by; i < 0; ++i) r.insert.push_back(p.token(i));
  r.diagnostic.here = {p.span(0, 1), "after a clause"};
  return r;
}

// A word of patterns among the clauses: what it bounds stands before them.
Found pattern_word_among_clauses(const Place& p) {
  if (!p.wants_clause() || continues_pattern(p)) return {};
  if (!p.is(Word::within) && !p.is(Word::then) && !p.is(Word::each) && !p.is(Word::for_)) return {};
  if (Found swapped = bound_behind_by(p)) return swapped;
  std::string help = "it stands in `when`, before the clauses";
  if (const auto [when, where, next] = clauses_before(p, Word::where); where < 0 && is_name(p, where - 1)) {
    const std::string bound = is_time(p.token(1)) ? p.source(0, 1) : std::string(p.text());
    help += "; what an event must be like stands in its parentheses: " +
            code(p.source(when + 1, where - 1) + "(" + p.source(where + 1, next < 0 ? next - 1 : -1) + ") " + bound +
                 (next < 0 ? " " + p.source(next, -1) : ""));
  }
  return uncertain(
      p.repair("R018", p.span(), code(p.text()) + " belongs to the pattern", "after a clause", std::move(help)));
}

Found twice(const Place& p) {
  if (!p.is(Word::within) && !p.is(Word::each)) return {};
  if (!p.wants("then") && !p.wants_clause()) return {};
  for (std::ptrdiff_t i = -1; !p.is(TokenKind::end, i); --i) {
    if (p.is(Word::when, i) || p.is(Word::then, i)) break;
    if (p.token(i).word != p.token().word) continue;
    Repair r = p.repair("R018", p.span(), code(p.text()) + " stands twice", "the second",
                        "a pattern has one bound; steps have their own behind `then`");
    r.diagnostic.cause = Label{p.span(i, i), "the first"};
    r.remove = 2;
    return uncertain(std::move(r));
  }
  return {};
}

// ----- counts, windows and absences as people say them --------------------------------------------------------------

// `more than 5 x`, `> 5 x`, `>= 5 x`, `less than 5 x`, `5 or more x`.
Found counts(const Place& p) {
  if (p.word(-1) == "less" && p.is(Word::than) && is_whole(p, 1))
    return instead(p, "R012", -1, 0, code(p.source(-1, 0)) + " is written `fewer than`", "", "fewer than",
                   {p.made(-1, Word::fewer), p.token()});
  if (!p.wants_event()) return {};
  const bool words = p.is(Word::more) && p.is(Word::than, 1) && is_whole(p, 2);
  const bool signs = (p.is(Punct::greater) || p.is(Punct::greater_equal)) && is_whole(p, 1);
  if (words || signs) {
    const std::ptrdiff_t number = words ? 2 : 1;
    const std::int64_t least = p.token(number).integer + (p.is(Punct::greater_equal) ? 0 : 1);
    return instead(p, "R012", 0, number, std::string(kAtLeast), "", std::to_string(least),
                   {whole_number(p, number, least)});
  }
  if (p.is(Word::or_) && p.is(Word::more, 1) && is_whole(p, -1))
    return instead(p, "R012", 0, 1, "`or more` is not needed here", std::string(kAtLeast), "", {});
  return {};
}

// `5x login`, `2.5 login`, `-3 login`.
Found odd_counts(const Place& p) {
  const bool followed = p.is(TokenKind::word, 1) || p.is(TokenKind::quoted_name, 1);
  if (p.wants_event() && p.is(TokenKind::factor) && followed) {
    const auto whole = static_cast<std::int64_t>(std::min(p.token().number, 1e15));
    if (static_cast<double>(whole) == p.token().number)
      return instead(p, "R012", 0, 0, "a count is a number alone", "", std::to_string(whole),
                     {whole_number(p, 0, whole)});
  }
  if (p.wants_event() && p.is(TokenKind::number) && p.token().real && followed) {
    Repair r = p.repair("R012", p.span(), "a count is a whole number", "not a count",
                        "events are counted by 1, 2, 3 and so on: `5 login_failed`");
    r.remove = 1;
    return uncertain(std::move(r));
  }
  if (continues_pattern(p) && p.is(TokenKind::number, -1) && p.is(Punct::minus, -2) &&
      (p.is(TokenKind::word) && p.is(Word::none)) && !p.is(Punct::close_round, -3) &&
      (p.is(Word::when, -3) || p.is(Word::then, -3) || p.is(Punct::open_round, -3))) {
    Repair r = p.repair("R012", p.span(-2, -1), "a count is not negative", "less than nothing",
                        "events are counted by 1, 2, 3 and so on; none at all is `no x for 5m`");
    r.at = p.number(-2);
    r.remove = 1;
    return uncertain(std::move(r));
  }
  return {};
}

// `login 5 times`.
Found counted_behind(const Place& p) {
  if (!is_whole(p, 0) || !continues_pattern(p)) return {};
  const std::string word = p.word(1);
  if (word != "times" && word != "time" && word != "x" && word != "occurrences") return {};
  const std::ptrdiff_t from = stream_before(p);
  if (from > 0 || p.is(TokenKind::number, from - 1)) return {};
  Repair r = instead(p, "R012", from, 1, "a number before the event counts", "",
                     p.source(0, 0) + " " + p.source(from, -1), {p.token()});
  for (std::ptrdiff_t i = from; i < 0; ++i) r.insert.push_back(p.token(i));
  r.diagnostic.here.span = p.span(0, 1);
  return r;
}

// `per user`, `for user`, `for each user`: keys.
Found keys_by_other_words(const Place& p) {
  const bool name = p.is(TokenKind::word) && !has_use(p.token().word, kReservedForItems);
  if (p.is(Word::per) && p.wants_clause() && p.is(TokenKind::word, 1))
    return instead(p, "R012", 0, 0, "`per` is written `by`", std::string(kByNamesKeys), "by", {p.made(0, Word::by)});
  if (!p.wants_duration()) return {};
  if (p.is(Word::for_, -1) && p.is(Word::each) && p.is(TokenKind::word, 1))
    return instead(p, "R012", -1, 0, "`for each` is written `by`", std::string(kByNamesKeys), "by",
                   {p.made(-1, Word::by)});
  const bool key = p.is(TokenKind::end, 1) || p.is(Punct::comma, 1) || p.is(Punct::dot, 1) ||
                   (p.is(TokenKind::word, 1) && has_use(p.token(1).word, kClause));
  if (p.is(Word::for_, -1) && name && key && duration_unit_meant(p.word()).empty())
    return instead(p, "R012", -1, -1, "`for` is followed by a time", "keys are named by `by`", "by",
                   {p.made(-1, Word::by)});
  return {};
}

// `rule a by user when ..`: the clause stands behind the pattern.
Found clause_before_when(const Place& p) {
  if (!p.wants("when") || !p.is(TokenKind::word) || p.begin->word != Word::rule) return {};
  if (!has_use(p.token().word, kClause)) return {};
  std::ptrdiff_t when = 1;
  while (!p.is(TokenKind::end, when) && !p.is(Word::when, when)) ++when;
  if (!p.is(Word::when, when)) return {};
  Repair r = p.repair("R012", p.span(0, when - 1), "this stands behind the pattern", "before `when`",
                      "the pattern comes first: " + code("rule NAME when PATTERN " + p.source(0, when - 1)));
  r.remove = static_cast<std::size_t>(when);
  return uncertain(std::move(r));
}

// `rule a { when .. }`.
Found rule_in_braces(const Place& p) {
  if (!p.wants("when") || !p.is(Punct::open_brace)) return {};
  Repair r = p.repair("R012", p.span(), "a rule has no braces", "not needed",
                      "a rule ends where the next item begins: `rule NAME when PATTERN`");
  r.remove = 1;
  const std::ptrdiff_t close = p.token().partner;
  if (close > 0) {
    r.remove = static_cast<std::size_t>(close + 1);
    for (std::ptrdiff_t i = 1; i < close; ++i) r.insert.push_back(p.token(i));
  }
  return uncertain(std::move(r));
}

// `within 5m 5 x`.
Found windows(const Place& p) {
  if (p.is(Word::within) && p.wants_event() && is_time(p.token(1))) {
    const std::string bound = p.source(0, 1);
    Repair r = p.repair("R012", p.span(0, 1), "`within` stands behind what it bounds", "not before the events",
                        code("5 login_failed " + bound));
    r.remove = 2;
    return uncertain(std::move(r));
  }
  return {};
}

// `no x within 5m`, `x missing for 5m`, `x idle 30d`.
Found absences(const Place& p) {
  if (p.is(TokenKind::duration, -1) && p.is(Word::within, -2) && p.wants("after")) {
    std::ptrdiff_t no = -3;
    while (!p.is(TokenKind::end, no) && !p.is(Word::no, no)) --no;
    if (p.is(Word::no, no) && !p.is(Word::then, no - 1)) {
      const std::string x = p.source(no + 1, -3), d = p.source(-1, -1);
      return instead(p, "R012", -2, -2, "no event for a length of time is " + code("no " + x + " for " + d),
                     "after another event it is " + code("no " + x + " within " + d + " after y"), "for",
                     {p.made(-2, Word::for_)});
    }
  }
  const std::ptrdiff_t from = stream_before(p);
  if (from > 0 || !continues_pattern(p)) return {};
  const std::string x = p.source(from, -1);
  const std::ptrdiff_t word = p.is(Word::is) ? 1 : 0;
  const bool gone = p.is(Word::missing, word) || p.word(word) == "absent";
  if (gone && p.is(Word::for_, word + 1) && p.is(TokenKind::duration, word + 2)) {
    const std::string meant = "no " + x;
    Repair r = instead(p, "R012", from, word,
                       "an event that does not come is " + code(meant + " " + p.source(word + 1, word + 2)), "", meant,
                       {p.made(from, Word::no)});
    for (std::ptrdiff_t i = from; i < 0; ++i) r.insert.push_back(p.token(i));
    return r;
  }
  if (p.is(Word::idle) && p.is(TokenKind::duration, p.is(Word::for_, 1) ? 2 : 1)) {
    const std::ptrdiff_t d = p.is(Word::for_, 1) ? 2 : 1;
    return instead(p, "R012", 0, d, "an event after a silence is " + code(x + " after " + p.source(d, d) + " idle"), "",
                   "after " + p.source(d, d) + " idle", {p.made(0, Word::after), p.token(d), p.made(d, Word::idle)});
  }
  return {};
}

// `fire once per 1h`, `fire at most 1 every 1h`.
Found firing(const Place& p) {
  const bool per = p.is(Word::per) || p.is(Word::every) || p.word() == "in" || p.is(Word::within);
  if (!per) return {};
  if (p.is(Word::once, -1) && p.is(Word::fire, -2) && is_time(p.token(1)))
    return instead(p, "R012", -1, 0, "a limit is written `at most once per`", "", "at most once per",
                   {p.made(-1, Word::at), p.made(-1, Word::most), p.token(-1), p.made(0, Word::per)});
  if (p.wants("per") && !p.is(Word::per))
    return instead(p, "R012", 0, 0, code(p.text()) + " is written `per`", "", "per", {p.made(0, Word::per)});
  return {};
}

// `over all` of a summary, away from its schedule.
Found window_without_every(const Place& p) {
  if (!p.is(Word::over) || !p.wants_clause()) return {};
  const bool window = p.is(Word::all, 1) || p.is(TokenKind::duration, 1);
  Repair r = p.repair("R012", p.span(0, window ? 1 : 0), "`over` stands behind `every`", "not here",
                      "`every 5m over 1h`, `every 5m over all`; `every event over all` is at each event");
  r.remove = window ? 2 : 1;
  return uncertain(std::move(r));
}

// `new login.country within 30d`, `distinct login.ip > 5`.
Found values_seen(const Place& p) {
  if (p.is(Word::within) && p.wants("in") && is_time(p.token(1)))
    for (std::ptrdiff_t i = -1; !p.is(TokenKind::end, i) && !p.is(Word::when, i); --i)
      if (p.is(Word::new_, i))
        return instead(p, "R012", 0, 0, "`within` is written `in` here",
                       "a value not seen for a while is `new x.f in 30d`", "in", {p.made(0, Word::in)});
  if (p.is(Word::distinct) && p.wants_event() && p.is(TokenKind::word, 1)) {
    std::ptrdiff_t last = 1;
    while (p.is(Punct::dot, last + 1)) last += 2;
    const std::string path = p.source(1, last);
    const bool compared =
        (p.is(Punct::greater, last + 1) || p.is(Punct::greater_equal, last + 1)) && is_whole(p, last + 2) && last > 1;
    const std::int64_t least =
        compared ? p.token(last + 2).integer + (p.is(Punct::greater, last + 1) ? 1 : 0) : std::int64_t{5};
    const std::string meant = std::to_string(least) + " distinct " + path;
    if (!compared)
      return uncertain(p.repair("R012", p.span(), "how many different values?", "no number stands before this",
                                "write " + code(meant + " within 5m")));
    Repair r = instead(p, "R012", 0, last + 2, "a number before `distinct` counts different values", "", meant,
                       {whole_number(p, last + 2, least)});
    for (std::ptrdiff_t i = 0; i <= last; ++i) r.insert.push_back(p.token(i));
    return r;
  }
  return {};
}

Repair in_a_table(const Place& p, std::ptrdiff_t from, std::ptrdiff_t to, std::string_view table) {
  Repair r = p.repair("R012", p.span(from, to), "`in` looks into lists, not into tables", "a table",
                      "ask whether the table has a row: " + code(std::string(table) + "[x].FIELD is present"));
  r.remove = static_cast<std::size_t>(to - from + 1);
  r.insert = {p.made(0, Punct::open_square), p.made(0, Punct::close_square)};
  return uncertain(std::move(r));
}

// `card in table cards`.
Found in_table(const Place& p) {
  if (!p.is(Word::in, -1) || !p.is(Word::table) || !p.wants("[")) return {};
  const bool named = p.is(TokenKind::word, 1);
  return in_a_table(p, 0, named ? 1 : 0, named ? p.text(1) : "t");
}

// Is there an item `KIND NAME` in this file? Others are not seen from here.
bool is_declared(const Place& p, std::string_view kind, std::string_view name) {
  const std::string item = std::string(kind) + " " + std::string(name) + " ";
  return p.state.text.starts_with(item) || p.state.text.find("\n" + item) != std::string_view::npos;
}

// `in cards["ann"].net`, `in e.nets`: one value, found in a row or an event. Where it ends, or nothing.
std::ptrdiff_t end_of_path(const Place& p) {
  std::ptrdiff_t last = 0;
  for (;;) {
    if (p.is(Punct::dot, last + 1) && p.is(TokenKind::word, last + 2))
      last += 2;
    else if (p.is(Punct::open_square, last + 1) && p.token(last + 1).partner > 0)
      last += 1 + p.token(last + 1).partner;
    else
      return last;
  }
}

// `monday-friday`.
Found days(const Place& p) {
  if (!std::ranges::any_of(p.state.wants, [](std::string_view w) { return w.starts_with("a day"); })) return {};
  const std::string word = p.word();
  if (word.size() < 3) return {};
  constexpr auto kDays =
      std::to_array<std::string_view>({"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"});
  for (const std::string_view day : kDays)
    if (word == day || word == std::string(day) + "s" || day.starts_with(word))
      return instead(p, "R012", 0, 0,
                     word.size() == 3 ? "days are in lower case" : "days are written with three letters", "",
                     std::string(day.substr(0, 3)), {p.made(0, find_word(day.substr(0, 3)))});
  return {};
}

// `1,000`.
Found comma_in_a_number(const Place& p) {
  if (!p.is(Punct::comma) || p.wants(",") || !is_whole(p, -1)) return {};
  std::string digits = p.source(-1, -1);
  std::ptrdiff_t last = 0;
  while (p.is(Punct::comma, last) && p.token(last - 1).end == p.token(last).begin && is_whole(p, last + 1) &&
         p.token(last).end == p.token(last + 1).begin && p.source(last + 1, last + 1).size() == 3) {
    digits += "_" + p.source(last + 1, last + 1);
    last += 2;
  }
  if (last == 0 || digits.size() > 15) return {};
  std::int64_t value = 0;
  for (const char c : digits)
    if (c != '_') value = value * 10 + (c - '0');
  return instead(p, "R012", -1, last - 1, "no comma stands inside a number", "", digits, {whole_number(p, -1, value)});
}

// `login_failed or login_ok`, `login_failed and login_ok` as patterns.
Found joined_events(const Place& p) {
  if (!p.is(Word::or_) && !p.is(Word::and_)) return {};
  const std::ptrdiff_t from = stream_before(p);
  if (!continues_pattern(p) || from > 0) return {};
  if (p.is(Word::or_) && p.is(Word::as, -2) && p.is(Punct::open_round, -4))  // `(a as f or b)`
    return uncertain(
        p.repair("R012", p.span(-2, -1), "one of several events has no name of its own", "not here",
                 "a name stands behind all of them: " +
                     code("(" + p.source(-3, -3) + " or " + stream_at(p, 1, "b") + ") as " + p.source(-1, -1))));
  if (p.is(Word::not_, 1))
    return uncertain(p.repair("R012", p.span(0, 1), "events are not joined by " + code(p.source(0, 1)), "not here",
                              "an event that must not come is `no x`: `a then no x then b`, or " +
                                  code(p.source(from, -1) + " after 5m without " + stream_at(p, 2, "x")) +
                                  "; what one event must be like stands in its brackets: `login(a and not b)`"));
  const std::ptrdiff_t second = is_whole(p, 1) ? 2 : 1;  // `and 5 login_failed`
  if (!is_name(p, second) || has_use(p.token(second).word, kReservedForItems)) return {};
  const std::string a = p.source(is_whole(p, from - 1) ? from - 1 : from, -1);
  const std::string b = (second == 2 ? p.source(1, 1) + " " : "") + stream_at(p, second, "b");
  const bool counts = second == 2 || is_whole(p, from - 1);
  const std::string meant = !p.is(Word::or_) ? "all of (" + a + ", " + b + ")"
                            : counts         ? "any 1 of (" + a + ", " + b + ")"
                                             : "(" + a + " or " + b + ")";
  return uncertain(
      p.repair("R012", p.span(), "events are not joined by a bare " + code(p.text()), "not here",
               "write " + code(meant) +
                   (p.is(Word::or_) ? ": one of them" : ": both, in any order; `a then b` is one after the other")));
}

// ----- expressions --------------------------------------------------------------------------------------------------

Found nothing_there(const Place& p) {
  if (p.wants("missing") && p.wants("present")) {
    const bool no = p.is(Word::not_);
    const std::string word = p.word(no ? 1 : 0);
    const bool empty = word == "null" || word == "nil" || word == "none" || word == "empty" || word == "missing" ||
                       word == "undefined" || word == "absent";
    if (!empty && word != "present" && word != "set" && word != "defined") return {};
    const bool missing = empty != no;
    Token meant = p.made(0, missing ? Word::missing : Word::present);
    meant.end = p.token(no ? 1 : 0).end;
    Repair r = instead(p, "R012", 0, no ? 1 : 0, "a value that is not there is `missing`", "",
                       missing ? "missing" : "present", {meant});
    if (word != "empty") return r;
    // A text without letters, or no value at all: the author alone knows.
    r.diagnostic.message = "`empty` could mean two things";
    r.diagnostic.here.text = "a text without letters, or no value?";
    r.diagnostic.help = no ? "a text that has letters is `!= \"\"`; a value that is there `is present`"
                           : "a text without letters is `= \"\"`; a value that is not there `is missing`";
    return uncertain(std::move(r));
  }
  return {};
}

// `like "adm%"` has no one meaning here; which is meant shows in its signs.
Found like(const Place& p) {
  const std::string word = p.word();
  if ((word != "like" && word != "ilike") || !p.wants("=")) return {};
  Repair r = p.repair("R012", p.span(), "there is no " + code(p.text()), "not an operator",
                      "write `contains`, `starts with`, `ends with`, or `glob(f, \"adm*\")`; add `ignoring case` where "
                      "case does not matter");
  r.remove = 1;
  r.insert = {p.made(0, Punct::equal)};
  return uncertain(std::move(r));
}

Found one_word_operators(const Place& p) {
  struct Row {
    std::string_view written, meant;
    Word first;
  };
  constexpr auto kRows = std::to_array<Row>({{"startswith", "starts with", Word::starts},
                                             {"starts_with", "starts with", Word::starts},
                                             {"beginswith", "starts with", Word::starts},
                                             {"begins", "starts", Word::starts},
                                             {"endswith", "ends with", Word::ends},
                                             {"ends_with", "ends with", Word::ends}});
  const auto* row = std::ranges::find(kRows, p.word(), &Row::written);
  if (row == kRows.end() || !p.wants("=")) return {};
  Repair r = instead(p, "R012", 0, 0, code(p.text()) + " is written " + code(row->meant), "", std::string(row->meant),
                     {p.made(0, row->first)});
  if (row->meant != "starts") r.insert.push_back(p.made(0, Word::with));
  return r;
}

// `x not contains y`, `x not like`: the `not` stands before.
Found late_not(const Place& p) {
  if (!p.is(Word::not_) || !p.wants("=")) return {};
  return uncertain([&] {
    Repair r = p.repair("R012", p.span(), "`not` stands before the comparison", "not here",
                        "write `not x contains \"y\"`; only `not in` is one");
    r.remove = 1;
    return r;
  }());
}

bool closes_something(const Place& p, std::ptrdiff_t at) {
  return p.is(Punct::close_round, at) || p.is(Punct::close_square, at) || p.is(Punct::close_brace, at);
}

// `"x" in tags`
Found in_a_field(const Place& p) {
  if (!p.is(Word::in, -1) || !p.is(TokenKind::text, -2) || !p.is(TokenKind::word)) return {};
  if (p.is(Word::list) || p.is(Word::calendar)) return {};
  const std::ptrdiff_t last = std::max<std::ptrdiff_t>(end_of_path(p), 0);
  const std::string meant = p.source(0, last) + " contains " + p.source(-2, -2);
  std::vector<Token> tokens;
  for (std::ptrdiff_t i = 0; i <= last; ++i) tokens.push_back(p.token(i));
  tokens.push_back(p.made(0, Word::contains));
  tokens.push_back(p.token(-2));
  return instead(p, "R012", -2, last, "a list is asked whether it contains a value", "", meant, std::move(tokens));
}

// `in (1, 2)`, `in scanners`, `in "a"`, `in 10.0.0.0/8`.
Found in_what(const Place& p) {
  if (!p.is(Word::in, -1) || !p.wants("[")) return {};
  if (p.is(TokenKind::param)) {  // a constant is one value, and a list has its values beside it
    Repair r = p.repair("R012", p.span(), "`in` looks into lists, and a constant is one value", "not a list",
                        "name the values: " + code("list names = [..]") + " and " + code("in list names"));
    r.remove = 1;
    r.insert = {p.made(0, Punct::open_square), p.made(0, Punct::close_square)};
    return uncertain(std::move(r));
  }
  const bool bracketed =
      p.is(Punct::open_round) && p.token().partner == 2 && p.is(TokenKind::word, 1) && p.is(Word::none, 1);
  const bool named = p.is(TokenKind::word) && p.is(Word::none);
  if (const std::ptrdiff_t last = named ? end_of_path(p) : 0; last > 0) {
    const std::string value = p.source(0, last);
    Repair r =
        p.repair("R012", p.span(0, last), "`in` looks into lists, and this is one value", "not a list",
                 "write " + code(".. = " + value) + ", or of a network " +
                     code("in_network(.., " + (p.is(Punct::open_square, 1) ? "ip(" + value + ")" : value) + ")") +
                     ", or of a list " + code(value + " contains .."));
    r.remove = static_cast<std::size_t>(last + 1);
    r.insert = {p.made(0, Punct::open_square), p.made(0, Punct::close_square)};
    return uncertain(std::move(r));
  }
  if (named || bracketed) {
    const std::ptrdiff_t at = named ? 0 : 1, last = named ? 0 : 2;
    const std::string name = p.source(at, at);
    if (is_declared(p, "table", name)) return in_a_table(p, 0, last, name);
    const Word what = is_declared(p, "calendar", name) ? Word::calendar : Word::list;
    return instead(p, "R012", 0, last, "`in` wants to know in what", "`in list L`, `in calendar C` or `in [1, 2]`",
                   std::string(row(what).text) + " " + name, {p.made(0, what), p.token(at)});
  }
  if (p.is(Punct::open_round) && p.token().partner > 0) {
    const std::ptrdiff_t close = p.token().partner;
    std::string meant = p.source(0, close);
    meant.front() = '[';
    meant.back() = ']';
    Repair r = instead(p, "R012", 0, close, "the values of `in` stand in square brackets", "", meant, {});
    for (std::ptrdiff_t i = 0; i <= close; ++i) r.insert.push_back(p.token(i));
    r.insert.front().punct = Punct::open_square;
    r.insert.back().punct = Punct::close_square;
    return r;
  }
  const bool value = p.is(TokenKind::text) || p.is(TokenKind::address) || p.is(TokenKind::number);
  if (value && p.is(TokenKind::punctuation, 1) && !closes_something(p, 1))  // `in "a", "b"`, `in 1-5`: how far?
    return uncertain(p.repair("R012", p.span(), "the values of `in` stand in square brackets", "not in brackets",
                              "such as " + code("[" + p.source(0, 0) + ", ..]")));
  if (value)
    return instead(p, "R012", 0, 0, "the values of `in` stand in square brackets", "", "[" + p.source(0, 0) + "]",
                   {p.made(0, Punct::open_square), p.token(), p.made(0, Punct::close_square)});
  return {};
}

Found regular_expression(const Place& p) {
  if (!p.wants("a regular expression such as /^admin/") || !p.is(TokenKind::text)) return {};
  std::string pattern;
  for (const char c : content(p.token(), p.state.text)) pattern += c == '/' ? "\\/" : std::string(1, c);
  if (pattern.empty()) return {};
  return instead(p, "R012", 0, 0, "a regular expression stands between slashes", "", "/" + pattern + "/",
                 {p.made(0, TokenKind::regex)});
}

Found count_of_all(const Place& p) {
  if (!p.is(Punct::times) || !p.is(Punct::open_round, -1) || !has_use(p.token(-2).word, kAggregate)) return {};
  Repair r = instead(p, "R012", 0, 0, "there is no " + code(p.source(-2, 0) + ")"),
                     "in a summary `count()` is all its events, in a rule `count(x)` those of x", "", {});
  return p.begin->word == Word::summary ? r : uncertain(std::move(r));
}

Found empty_filter(const Place& p) {
  if (!p.is(Punct::close_round) || !p.is(Punct::open_round, -1) || !p.wants("a value")) return {};
  if (!p.is(TokenKind::word, -2) && !p.is(TokenKind::quoted_name, -2)) return {};
  return instead(p, "R012", -1, 0, "there is nothing between these parentheses",
                 "an event without a filter is its name alone", "", {});
}

// `a < b < c`.
Found chained(const Place& p) {
  const auto comparison = [](const Token& t) { return t.punct >= Punct::equal && t.punct <= Punct::greater_equal; };
  if (!comparison(p.token()) || !comparison(p.token(-2)) || p.wants("=")) return {};
  return uncertain(p.repair("R012", p.span(), "comparisons do not follow each other", "the second",
                            "write `x between a and b`, or two comparisons with `and`"));
}

// ----- names and heads of items -------------------------------------------------------------------------------------

bool wants_name(const Place& p) {
  return std::ranges::any_of(p.state.wants, [](std::string_view w) {
    return w == "an event" || w.starts_with("a name") || w.ends_with(" name") || w == "a step's name";
  });
}

// Does an item of this file begin with a word of items and this name?
bool is_declared(const Place& p, std::string_view name) {
  for (const WordRow& item : all_words()) {
    if ((item.uses & kItem) == 0) continue;
    const std::string head = std::string(item.text) + " " + std::string(name);
    for (std::size_t at = p.state.text.find(head); at != std::string_view::npos; at = p.state.text.find(head, at + 1)) {
      const char before = at > 0 ? p.state.text[at - 1] : '\n';
      const std::size_t behind = at + head.size();
      const char after = behind < p.state.text.size() ? p.state.text[behind] : '\n';
      if ((before == '\n' || before == ' ') && (after == ' ' || after == '\n')) return true;
    }
  }
  return false;
}

// A word of the language as a name; capitals; a text; a dash.
Found names(const Place& p) {
  const bool head = p.number() == 1;
  if (p.is(TokenKind::word) && wants_name(p) && is_capital(p.text())) {
    std::string snake;
    bool was_up = false;
    for (const char c : p.text()) {
      const bool up = c >= 'A' && c <= 'Z';
      if (up && !was_up && !snake.empty() && !snake.ends_with('_')) snake += '_';
      snake += up ? static_cast<char>(c + 32) : c;
      was_up = up;
    }
    Repair r = instead(p, "R016", 0, 0, "names are in lower case",
                       "write " + code(snake) + "; a name that the data dictates stands in backticks", snake,
                       {p.made(0, TokenKind::quoted_name)});
    r.diagnostic.here.text = "capitals";
    // An event that this file does not declare may be called so by the data: the author alone knows.
    if (!head && !is_declared(p, p.text())) r.diagnostic.fix.reset();
    return r;
  }
  const bool absent = p.is(Word::when) || p.is(Word::uses) || p.is(Word::has) || p.is(Word::of);  // `rule when x`
  const bool keyword = p.is(TokenKind::word) && has_use(p.token().word, kReservedForItems) && !absent;
  const bool is_name_here =
      head || p.is(TokenKind::end, 1) || p.is(Punct::open_round, 1) || p.is(Word::within, 1) || p.is(Word::as, 1) ||
      (p.is(Word::as, -1) && (p.is(Word::then, 1) || !has_use(p.token(1).word, kReservedForItems)));
  // `when if(c, 1, 0) within 5m`: where it is compared with something, nothing is wrong with it.
  if (!head && p.is(Word::when, -1) && p.is(Word::if_) && p.is(Punct::open_round, 1) && p.token(1).partner > 0) {
    const std::ptrdiff_t close = 1 + p.token(1).partner;
    Repair r = p.repair("R048", p.span(0, close), "this is no condition", "a value, neither true nor false",
                        "compare it with something: " + code("if(..) = 1"));
    r.remove = static_cast<std::size_t>(close) + 1;
    r.insert = {p.made(0, TokenKind::quoted_name)};
    return uncertain(std::move(r));
  }
  if (keyword && wants_name(p) && is_name_here && (head || !has_use(p.token().word, kAggregate))) {
    Repair r =
        p.repair("R016", p.span(),
                 code(p.text()) + (p.is(Word::p) ? " is how a percentile is written" : " is a word of the language"),
                 "not a name", "take another name, or put it in backticks: it is a name then");
    r.remove = 1;
    r.insert = {p.made(0, TokenKind::quoted_name)};
    return uncertain(std::move(r));
  }
  if (p.is(TokenKind::text) && head && wants_name(p)) {
    Repair r =
        p.repair("R016", p.span(), "a name stands here, not a text", "not a name",
                 p.token(-1).word == Word::rule ? "the title stands behind the name: `rule brute_force \"Brute force\"`"
                                                : "names have no quotes");
    r.insert = {p.made(0, TokenKind::quoted_name)};
    r.remove = p.token(-1).word == Word::rule ? 0 : 1;
    return uncertain(std::move(r));
  }
  const bool joined = p.is(Punct::minus) && p.token(-1).end == p.token().begin && p.token().end == p.token(1).begin;
  if (joined && (p.is(TokenKind::word, 1) || p.is(TokenKind::number, 1)) && p.is(TokenKind::word, -1)) {
    std::string meant = p.source(-1, 1);
    meant[p.token(-1).end - p.token(-1).begin] = '_';
    return instead(p, "R016", -1, 1, "names have no dashes", "", meant, {p.made(-1, TokenKind::quoted_name)});
  }
  return {};
}

Found constants(const Place& p) {
  if (!p.is(Word::let, -1) || !p.is(TokenKind::word)) return {};
  return instead(p, "R012", 0, 0, "a constant has a dollar sign", "", "$" + p.source(0, 0),
                 {p.made(0, TokenKind::param)});
}

Found types(const Place& p) {
  if (!std::ranges::any_of(p.state.wants, [](std::string_view w) { return w.starts_with("a type"); })) return {};
  struct Row {
    std::string_view written;
    Word meant;
  };
  constexpr auto kRows = std::to_array<Row>(
      {{"string", Word::text},       {"str", Word::text},      {"varchar", Word::text},   {"keyword", Word::text},
       {"integer", Word::int_},      {"long", Word::int_},     {"bigint", Word::int_},    {"int64", Word::int_},
       {"number", Word::float_},     {"double", Word::float_}, {"decimal", Word::float_}, {"real", Word::float_},
       {"boolean", Word::bool_},     {"datetime", Word::time}, {"timestamp", Word::time}, {"date", Word::time},
       {"interval", Word::duration}, {"ipaddress", Word::ip},  {"inet", Word::ip},        {"ipv4", Word::ip},
       {"geo_point", Word::point},   {"object", Word::any},    {"json", Word::any}});
  const auto* row = std::ranges::find(kRows, p.word(), &Row::written);
  if (row != kRows.end() && !p.word().empty())
    return instead(p, "R012", 0, 0, code(p.text()) + " is written " + code(dsl::row(row->meant).text), "",
                   std::string(dsl::row(row->meant).text), {p.made(0, row->meant)});
  if (p.is(Punct::colon)) return instead(p, "R015", 0, 0, "no colon stands here", "a field is `name type`", "", {});
  return {};
}

// `event login(user text)`, `event login { user: text }`.
Found fields_in_brackets(const Place& p) {
  if (p.begin->word != Word::event || p.number() != 2) return {};
  if (!p.is(Punct::open_round) && !p.is(Punct::open_brace)) return {};
  return uncertain(p.repair("R012", p.span(), "the fields of an event stand behind `has`", "write `has`",
                            "`event login has user text, ip ip`"));
}

// `user = "ann"` and `"user": "ann"` between the braces of a test.
Found test_fields(const Place& p) {
  if (p.is(Punct::equal) && p.wants(":"))
    return instead(p, "R012", 0, 0, "a field of a test is `name: value`", "", ":", {p.made(0, Punct::colon)});
  if (p.is(TokenKind::text) && p.is(Punct::colon, 1) && p.wants("a field")) {
    const std::string name = content(p.token(), p.state.text);
    const bool plain = !name.empty() && std::ranges::all_of(name, [](char c) {
      return c == '_' || std::isalnum(static_cast<unsigned char>(c)) != 0;
    });
    Token bare = p.made(0, TokenKind::word);
    ++bare.begin, --bare.end;
    Repair r = instead(p, "R012", 0, 0, "the name of a field has no quotes", "", plain ? name : code(name), {bare});
    // With escapes in it, its letters are not those that stand there.
    r.certain = bare.end - bare.begin == name.size();
    return r;
  }
  return {};
}

// YAML: `by: user`, `within: 5m`, `severity: high`.
Found colons(const Place& p) {
  if (!p.is(Punct::colon) || p.wants(":")) return {};
  if (p.is(Word::alert, -1) && !p.is(TokenKind::text, 1) && !has_use(p.token(1).word, kSeverity))  // of Prometheus
    return uncertain(p.repair("R015", p.span(), "no colon stands here", "not here", std::string(kNoYaml)));
  return instead(p, "R015", 0, 0, "no colon stands here",
                 "a word of the language is followed by what it says: `by user`", "", {});
}

// `by user and ip`, `by user ip` in a list.
Found keys(const Place& p) {
  if (!p.is(Word::and_) || !p.wants(",")) return {};
  // `by user and ip = 10.0.0.1` is no key.
  if (is_name(p, 1) && p.token(2).punct >= Punct::equal && p.token(2).punct <= Punct::greater_equal)
    return uncertain(p.repair("R012", p.span(), "behind `by` stand keys, no conditions", "not here",
                              "what an event must be like stands in its brackets: `login(outcome = \"failure\")`; "
                              "`where` judges the finished match"));
  return instead(p, "R012", 0, 0, "the parts of a list have commas between them", "", ",", {p.made(0, Punct::comma)});
}

Found trailing_comma(const Place& p) {
  if (!p.is(Punct::comma, -1)) return {};
  const bool ends = p.is(TokenKind::end) || p.is(Punct::close_square) || p.is(Punct::close_round) ||
                    p.is(Punct::close_brace) || (p.is(TokenKind::word) && has_use(p.token().word, kClause));
  if (!ends) return {};
  return instead(p, "R015", -1, -1, "nothing follows this comma", "", "", {});
}

Found severity_behind_text(const Place& p) {
  if (!has_use(p.token().word, kSeverity) || !p.wants_clause() || !p.is(TokenKind::text, -1) || !p.is(Word::alert, -2))
    return {};
  const std::string meant = p.source(0, 0) + " " + p.source(-1, -1);
  return instead(p, "R012", -1, 0, "the severity stands before the text", "", meant, {p.token(0), p.token(-1)});
}

// ----- brackets, and slips of the pen -------------------------------------------------------------------------------

// A closing bracket of which the item has more than of its other half.
bool is_surplus(const Place& p) {
  std::ptrdiff_t more = 0;
  for (const Token* t = p.begin; t < p.end; ++t) {
    more += t->kind == TokenKind::punctuation && t->punct == p.token().punct;
    more -= closing(t->punct) != Punct::none && closing(t->punct) == p.token().punct;
  }
  const Punct here = p.token().punct;
  return more > 0 && (here == Punct::close_round || here == Punct::close_square || here == Punct::close_brace);
}

Found unclosed(const Place& p) {
  if (p.opened == nullptr) return {};
  const std::string_view close = text_of(closing(p.opened->punct));
  if (!p.wants(close)) return {};
  if (is_surplus(p)) {
    Repair r = instead(p, "R010", 0, 0, code(p.text()) + " does not close " + code(text_of(p.opened->punct)), "",
                       std::string(close), {p.made(0, closing(p.opened->punct))});
    r.diagnostic.cause = Label{p.state.span(p.opened->begin, p.opened->end), "opened here"};
    return r;
  }
  const bool at_end = p.is(TokenKind::end);
  Repair r = p.repair("R010", at_end ? p.span(-1, -1) : p.span(), code(text_of(p.opened->punct)) + " is not closed",
                      code(close) + (at_end ? " is missing behind this" : " is missing before this"), "");
  r.diagnostic.cause = Label{p.state.span(p.opened->begin, p.opened->end), "opened here"};
  const SourceSpan behind = p.span(-1, -1);
  r.diagnostic.fix = Edit{{behind.file, behind.end, behind.end}, std::string(close)};
  r.insert = {p.made(-1, closing(p.opened->punct))};
  r.insert[0].begin = r.insert[0].end;
  return r;
}

// A word that resembles one that fits.
Found misspelt(const Place& p) {
  if (!p.is(TokenKind::word) || p.is(Word::has)) return {};  // `user has 5 login` is spelt well
  std::vector<std::string> candidates;
  for (const std::string_view w : p.state.wants)
    if (w.find(' ') == std::string_view::npos && find_word(w) != Word::none) candidates.emplace_back(w);
  const auto add = [&](unsigned uses) {
    for (const WordRow& row : all_words())
      if ((row.uses & uses) != 0) candidates.emplace_back(row.text);
  };
  const bool item = p.number() == 0 || p.wants_clause() || p.wants(kEndWanted);
  if (p.wants_clause()) add(kClause);
  if (std::ranges::any_of(p.state.wants, [](std::string_view w) { return w.starts_with("a severity"); }))
    add(kSeverity);
  if (std::ranges::any_of(p.state.wants, [](std::string_view w) { return w.starts_with("a type"); })) add(kType);
  std::string meant = nearest(p.text(), candidates);
  bool begins_item = false;
  if (meant.empty() && item &&
      (p.is(TokenKind::word, 1) || p.is(TokenKind::text, 1) || p.is(TokenKind::quoted_name, 1))) {
    candidates.clear();
    add(kItem);
    // `lst devs = [` is a list: `let` is followed by a dollar sign.
    if (!p.is(TokenKind::param, 1)) std::erase(candidates, row(Word::let).text);
    if (p.is(Punct::equal, 2) && p.is(Punct::open_square, 3)) candidates = {std::string(row(Word::list).text)};
    meant = nearest(p.text(), candidates);
    begins_item = !meant.empty();
  }
  if (meant.empty()) return {};
  Repair r = instead(p, "R001", 0, 0, code(p.text()) + " does not fit here", "did you mean " + code(meant) + "?", meant,
                     {p.made(0, find_word(meant))});
  r.diagnostic.here.text = "not a word that can stand here";
  r.begins_item = begins_item;
  // So few letters resemble many words: `an` may be `any` or `and`.
  if (meant.size() <= 3) r.diagnostic.fix.reset();
  // A name taken for a word would be a second mistake of ours.
  r.certain = false;
  return r;
}

// `by user ip`, `has user text ip ip`.
Found comma_missing(const Place& p) {
  const bool name =
      p.is(TokenKind::quoted_name) || (p.is(TokenKind::word) && !has_use(p.token().word, kReservedForItems));
  if (!p.wants(",") || !name) return {};
  const bool field = has_use(p.token(1).word, kType) || (p.is(Word::list, 1) && p.is(Word::of, 2));
  const bool key = p.wants_clause() && (p.is(TokenKind::end, 1) || has_use(p.token(1).word, kClause));
  if (!(p.begin->word == Word::event ? field : key)) return {};
  Repair r = p.repair("R001", p.span(), "a comma is missing", "`,` is missing before this", "");
  const SourceSpan behind = p.span(-1, -1);
  r.diagnostic.fix = Edit{{behind.file, behind.end, behind.end}, ","};
  r.insert = {p.made(0, Punct::comma)};
  return r;
}

// `when login, logout`.
Found listed_events(const Place& p) {
  if (!p.is(Punct::comma) || !continues_pattern(p)) return {};
  return uncertain(p.repair("R012", p.span(), "events have no commas between them", "not here",
                            "`(a or b)` is one of them, `a then b` one after the other, `all of (a, b)` both in any "
                            "order"));
}

// `test a title rule R at 0s ..`
Found title_without_quotes(const Place& p) {
  if (p.begin->word != Word::test || p.number() != 1 || !p.is(TokenKind::word)) return {};
  std::ptrdiff_t behind = 1;
  while (p.is(TokenKind::word, behind) && !p.is(Word::rule, behind) && !p.is(Word::at, behind) &&
         !p.is(Word::expect, behind))
    ++behind;
  Token title = p.made(0, TokenKind::text);
  title.end = p.token(behind - 1).end;
  return instead(p, "R012", 0, behind - 1, "the title of a test stands in quotes", "",
                 "\"" + p.source(0, behind - 1) + "\"", {title});
}

// `login after 30d idle then charge`: these forms are no steps.
Found steps_behind_a_form(const Place& p) {
  if (!p.is(Word::then)) return {};
  std::ptrdiff_t from = -1;
  while (!p.is(TokenKind::end, from) && !p.is(Word::when, from) && !p.is(Word::then, from)) --from;
  std::ptrdiff_t after = from + 1;
  while (after < 0 && !p.is(Word::after, after)) ++after;
  const bool form = after < 0 && p.is(TokenKind::duration, after + 1) &&
                    (p.is(Word::idle, after + 2) || p.is(Word::without, after + 2));
  if (!form || !p.is(Word::when, from)) return {};
  const std::string written = p.source(from + 1, -1);
  return uncertain(p.repair("R018", p.span(), "no step can follow " + code(written), "nothing can follow",
                            "in parentheses it is a step: " + code("(" + written + ") then ..")));
}

// `five login`: the word was taken for the event.
Found count_in_words(const Place& p) {
  constexpr auto kWords = std::to_array<std::string_view>(
      {"two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"});
  const auto* word = std::ranges::find(kWords, p.word(-1));
  if (word == kWords.end() || !continues_pattern(p)) return {};
  if ((!p.is(TokenKind::word) || !p.is(Word::none)) && !p.is(TokenKind::quoted_name)) return {};
  Token number = p.made(-1, TokenKind::number);
  number.integer = word - kWords.begin() + 2;
  return instead(p, "R012", -1, -1, "a count is written in digits", "", std::to_string(number.integer), {number});
}

// `at most once per 1h`, without `fire`.
Found budget(const Place& p) {
  if (!p.is(Word::most, -1) || !p.is(Word::at, -2) || p.is(Word::fire, -3) || !p.is(Word::per, 1)) return {};
  return instead(p, "R012", -2, 0, code(p.source(-2, 0)) + " is a clause of `fire`", "", "fire " + p.source(-2, 0),
                 {p.made(-2, Word::fire), p.token(-2), p.token(-1), p.token(0)});
}

// `5m login` in a test.
Found time_of_a_line(const Place& p) {
  if (p.begin->word != Word::test || !p.is(TokenKind::duration) || !p.wants("at")) return {};
  return instead(p, "R012", 0, 0, "the time of a line stands behind `at`", "", "at " + p.source(0, 0),
                 {p.made(0, Word::at), p.token()});
}

// `at -1s` in a test.
Found time_before_the_test(const Place& p) {
  if (p.begin->word != Word::test || !p.is(Word::at, -1) || !p.is(Punct::minus) || !is_time(p.token(1))) return {};
  Repair r = p.repair("R077", p.span(0, 1), "a test begins at 0s", "before its beginning",
                      "begin with what comes first, `at 0s`, and move the other lines on");
  r.remove = 1;
  return uncertain(std::move(r));
}

// `template burst($n) uses other($n)`.
Found template_of_a_template(const Place& p) {
  if (p.begin->word != Word::template_ || !p.is(Word::uses) || !p.wants("when")) return {};
  return uncertain(p.repair("R012", p.span(), "a template is a pattern, and uses no other", "here comes `when`",
                            "write `template NAME($a) when ..`, and a rule for each: `rule NAME uses burst(..)`"));
}

// `by k from list ["a", "b"]`.
Found keys_of_a_list(const Place& p) {
  if (!p.is(Word::list, -1) || !p.is(Word::from, -2) || !p.is(Punct::open_square) || p.token().partner <= 0) return {};
  const std::ptrdiff_t close = p.token().partner;
  Repair r =
      p.repair("R012", p.span(0, close), "the keys to be watched are those of a list with a name", "no name",
               "declare it, " + code("list devices = " + p.source(0, close)) + ", and write `from list devices`");
  r.at = p.number(-2);
  r.remove = static_cast<std::size_t>(close + 3);
  return uncertain(std::move(r));
}

// `p100(e.v over 1h)`, `p0(..)`: no word of the language, so it was read as a name.
Found no_percentile(const Place& p) {
  if (!p.is(Word::over)) return {};
  for (std::ptrdiff_t at = -1; p.at + at > p.begin; --at) {
    if (!p.is(Punct::open_round, at)) continue;
    const std::string_view help = percentile_meant(p.text(at - 1));
    if (help.empty()) return {};
    Repair r = p.repair("R044", p.span(at - 1, at - 1), code(p.text(at - 1)) + " is no percentile",
                        std::string(kPercentilesAre), std::string(help));
    r.at = p.number(at - 1);
    r.remove = 1;
    r.insert = {p.made(at - 1, Word::max)};
    return uncertain(std::move(r));
  }
  return {};
}

// `count(distinct login.ip)`.
Found count_distinct(const Place& p) {
  const std::ptrdiff_t last = p.token(-2).partner - 3;  // of what stands in the brackets
  if (!p.is(Word::distinct, -1) || !p.is(Punct::open_round, -2) || !p.is(Word::count, -3) || last < 0) return {};
  Repair r = instead(p, "R012", -3, last + 1, "different values are counted by `distinct_count`", "",
                     "distinct_count(" + p.source(0, last) + ")", {p.made(-3, Word::distinct_count), p.token(-2)});
  for (std::ptrdiff_t i = 0; i <= last + 1; ++i) r.insert.push_back(p.token(i));
  return r;
}

Found severity_unknown(const Place& p) {
  if (!p.is(Word::alert, -1) || !p.is(TokenKind::word) || !p.is(TokenKind::text, 1)) return {};
  Repair r = p.repair("R001", p.span(), code(p.text()) + " is not a severity", "none of the five",
                      "there are `info`, `low`, `medium`, `high` and `critical`");
  r.remove = 1;
  return uncertain(std::move(r));
}

Found zone_missing(const Place& p) {
  if (p.begin->word != Word::calendar || !p.is(TokenKind::end) || !p.wants("in")) return {};
  return uncertain(p.repair("R001", p.span(-1, -1), "hours of which place?", "no time zone follows",
                            "end the calendar with its zone, such as `in \"Europe/Paris\"`"));
}

// `alert: HighErrors`, `title: Brute force`: a rule of Sigma or Prometheus, as a whole.
Found yaml(const Place& p) {
  const bool item = p.begin->kind == TokenKind::word && has_use(p.begin->word, kItem);
  if (item || p.begin + 1 >= p.end || p.begin[1].punct != Punct::colon) return {};
  return uncertain(
      p.repair("R012", p.state.span(p.begin->begin, p.begin[1].end), "this is YAML, and no rule of this language",
               "no item begins here",
               "a rule is a sentence: `rule NAME when 5 login_failed within 5m by user alert high \"..\"`"));
}

// Nothing that begins an item, outside of all items.
Found outside(const Place& p) {
  if (p.number() != 0) return {};
  return uncertain(p.repair(
      "R019", p.span(), code(p.text()) + " stands in no item", "nothing has begun here",
      "a file is made of `event`, `let`, `list`, `table`, `calendar`, `session`, `summary`, `template`, `rule`, "
      "`extend rule` and `test`"));
}

}  // namespace

std::optional<Repair> habit(const ParseState& state, const Token* begin, const Token* end, const Token* opened) {
  const Place place(state, begin, end, opened);
  for (const auto row : {yaml,
                         capitals,
                         no_percentile,
                         template_of_a_template,
                         keys_of_a_list,
                         rewriting,
                         budget,
                         title_without_quotes,
                         steps_behind_a_form,
                         durations,
                         counts,
                         odd_counts,
                         counted_behind,
                         keys_by_other_words,
                         clause_before_when,
                         rule_in_braces,
                         windows,
                         absences,
                         firing,
                         values_seen,
                         in_table,
                         days,
                         comma_in_a_number,
                         joined_events,
                         bound_before_then,
                         begins_with_no,
                         counted_by_comparison,
                         nothing_there,
                         like,
                         one_word_operators,
                         in_a_field,
                         in_what,
                         regular_expression,
                         count_of_all,
                         empty_filter,
                         constants,
                         types,
                         fields_in_brackets,
                         test_fields,
                         keys,
                         severity_behind_text,
                         absence_by_unless,
                         phrases,
                         window_without_every,
                         late_not,
                         chained,
                         unclosed,
                         twice,
                         pattern_word_among_clauses,
                         names,
                         trailing_comma,
                         colons,
                         times,
                         strangers,
                         listed_events,
                         count_in_words,
                         count_distinct,
                         time_of_a_line,
                         time_before_the_test,
                         zone_missing,
                         misspelt,
                         severity_unknown,
                         comma_missing,
                         outside})
    if (Found found = row(place)) return found;
  return std::nullopt;
}

}  // namespace tocsin::dsl::grammar
