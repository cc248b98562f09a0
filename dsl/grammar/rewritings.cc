// Habits whose parts stand in another order here: method calls, fields behind the event's name, keys before the bound.
// Each row puts them together anew, in the author's own words, so that its mend is the whole mend.
#include <array>

#include "dsl/grammar/place.h"

namespace tocsin::dsl::grammar {
namespace {

void append(std::vector<Token>& to, const Place& p, std::ptrdiff_t from, std::ptrdiff_t last) {
  for (std::ptrdiff_t i = from; i <= last; ++i) to.push_back(p.token(i));
}

// The last token of the dotted name that begins at `from`; `from - 1` when there is none.
std::ptrdiff_t path_end(const Place& p, std::ptrdiff_t from) {
  if (!is_name(p, from)) return from - 1;
  while (p.is(Punct::dot, from + 1) && is_name(p, from + 2)) from += 2;
  return from;
}

// Where the dotted name that ends at `last` begins; `last + 1` when there is none.
std::ptrdiff_t path_begin(const Place& p, std::ptrdiff_t last) {
  if (!is_name(p, last)) return last + 1;
  while (p.is(Punct::dot, last - 1) && is_name(p, last - 2)) last -= 2;
  return last;
}

// The last token of the stream that begins at `from`: its name, or the end of its filter.
std::ptrdiff_t stream_end(const Place& p, std::ptrdiff_t from) {
  if (!is_name(p, from)) return from - 1;
  return p.is(Punct::open_round, from + 1) && p.token(from + 1).partner > 0 ? from + 1 + p.token(from + 1).partner
                                                                            : from;
}

// Behind the keys that begin at `from`: `user`, `user, src.ip`.
std::ptrdiff_t behind_keys(const Place& p, std::ptrdiff_t from) {
  std::ptrdiff_t at = path_end(p, from) + 1;
  while (at > from && p.is(Punct::comma, at) && is_name(p, at + 1)) at = path_end(p, at + 1) + 1;
  return at;
}

// ----- patterns -----------------------------------------------------------------------------------------------------

// `5 failed per user within 5m`, `5 failed for each user within 5m`: the keys stand behind the bound.
Found keys_before_bound(const Place& p) {
  const bool per = p.is(Word::per) && p.wants_clause();
  const bool each = p.is(Word::for_, -1) && p.is(Word::each);
  if (!per && !each) return {};
  const std::ptrdiff_t behind = behind_keys(p, 1);
  if (behind == 1 || !p.is(Word::within, behind) || !p.is(TokenKind::duration, behind + 1)) return {};
  const std::ptrdiff_t first = per ? 0 : -1;
  const std::string keys = p.source(1, behind - 1), bound = p.source(behind, behind + 1);
  Repair r = instead(p, "R012", first, behind + 1, "the keys stand behind the pattern, after `by`", "",
                     bound + " by " + keys, {p.token(behind), p.token(behind + 1), p.made(0, Word::by)});
  append(r.insert, p, 1, behind - 1);
  return r;
}

// `not failed within 5m` as a whole pattern.
Found absent_event(const Place& p) {
  constexpr auto kNot = std::to_array<std::string_view>({"not", "without", "absent", "missing", "never"});
  if (!p.is(Word::when, -1) || std::ranges::find(kNot, p.word()) == kNot.end()) return {};
  const std::ptrdiff_t last = stream_end(p, 1);
  const bool bound = p.is(Word::within, last + 1) || p.is(Word::for_, last + 1) || p.is(Word::in, last + 1);
  if (last < 1 || !bound || !p.is(TokenKind::duration, last + 2) || p.is(Word::after, last + 3)) return {};
  const std::string x = p.source(1, last), d = p.source(last + 2, last + 2);
  Repair r = instead(p, "R012", 0, last + 1, "an event that does not come is " + code("no " + x + " for " + d),
                     "after another event it is " + code("no " + x + " within " + d + " after y"), "no " + x + " for",
                     {p.made(0, Word::no)});
  append(r.insert, p, 1, last);
  r.insert.push_back(p.made(last + 1, Word::for_));
  return r;
}

// The last token of the condition that begins at `from`: up to what goes on with the pattern or ends it.
std::ptrdiff_t condition_end(const Place& p, std::ptrdiff_t from) {
  constexpr auto kEnds = std::to_array({Word::then, Word::within, Word::each, Word::for_, Word::as, Word::until});
  std::ptrdiff_t last = from;
  while (true) {
    const Token& next = p.token(last + 1);
    const bool clause = has_use(next.word, kClause) && next.word != Word::starts && next.word != Word::ends &&
                        !p.is(Word::with, last + 1);
    if (next.kind == TokenKind::end || clause || std::ranges::find(kEnds, next.word) != kEnds.end() ||
        next.punct == Punct::comma || next.punct == Punct::close_round)
      return last;
    last += next.partner > 0 ? next.partner + 1 : 1;
  }
}

bool is_comparison(const Place& p, std::ptrdiff_t at) {
  const Punct sign = p.token(at).punct;
  return (sign >= Punct::equal && sign <= Punct::greater_equal) || p.is(Word::contains, at) ||
         p.is(Word::matches, at) || p.is(Word::in, at) || p.is(Word::is, at) || p.is(Word::between, at) ||
         ((p.is(Word::starts, at) || p.is(Word::ends, at)) && p.is(Word::with, at + 1));
}

// What stands behind the name at -1 becomes its filter: the tokens from `first` to `last`, without the event's own name
// where that stands before a field of it.
Repair as_filter(const Place& p, std::ptrdiff_t first, std::ptrdiff_t last) {
  const std::string event = p.source(-1, -1);
  std::string inside;
  std::vector<Token> tokens{p.token(-1), p.made(-1, Punct::open_round)};
  for (std::ptrdiff_t i = first; i <= last; ++i) {
    const std::ptrdiff_t written = i;
    if (p.source(i, i) == event && p.is(Punct::dot, i + 1) && !p.is(Punct::dot, i - 1)) i += 2;
    if (i > first && !inside.empty() && p.token(written).begin > p.token(written - 1).end) inside += ' ';
    inside += p.source(i, i);
    tokens.push_back(p.token(i));
  }
  tokens.push_back(p.made(last, Punct::close_round));
  return instead(p, "R012", -1, last, "what an event must be like stands in its brackets", "",
                 event + "(" + inside + ")", std::move(tokens));
}

// `charge.amount > 3x its average over 30d`: `its` is of an aggregate.
Found past_of_a_field(const Place& p, std::ptrdiff_t field, std::ptrdiff_t last) {
  const std::ptrdiff_t behind = condition_end(p, last) + 1;
  std::ptrdiff_t its = last;
  while (its < behind && !p.is(Word::its, its)) ++its;
  if (its == behind) return {};
  const std::string value = p.source(-1, -1) + "." + p.source(field, last);
  return uncertain(
      p.repair("R054", p.span(its, its), "`its` stands for the aggregate on the left, and there is none", "whose?",
               "write " + code("avg(" + value + " over 1h) > 3x its average over 30d") + ", or `sum`, `max`"));
}

// `login.outcome = "failure"`, `login outcome = "failure"`.
Found field_behind_event(const Place& p) {
  if (!continues_pattern(p) || !is_name(p, -1) || p.is(Word::count, -1)) return {};
  const std::ptrdiff_t field = p.is(Punct::dot) ? 1 : 0;
  if (!is_name(p, field) ||
      has_use(p.token(field).word, field == 1 ? unsigned{kAggregate} : unsigned{kReservedForItems}))
    return {};
  const std::ptrdiff_t last = path_end(p, field);
  if (is_comparison(p, last + 1)) {
    if (Found past = past_of_a_field(p, field, last)) return past;
    return as_filter(p, field, condition_end(p, last));
  }
  if (field == 0 || p.is(Punct::open_round, last + 1) || p.is(Punct::colon, last + 1)) return {};
  return uncertain(p.repair("R012", p.span(0, last), "what is asked of " + code(p.source(1, last)) + "?",
                            "a field is not an event",
                            "what an event must be like stands in its brackets: " +
                                code(p.source(-1, -1) + "(" + p.source(1, last) + " = \"..\")") +
                                "; how it changes: " + code("3 changes of " + p.source(-1, last) + " within 5m")));
}

// `begin(failed).next(ok).within(5m)`, `failed.times(5)`, `failed.win:time(5m)`: patterns of Flink and Esper.
Found method_of_a_pattern(const Place& p) {
  if (!p.is(Punct::dot) || !continues_pattern(p) || !is_name(p, 1)) return {};
  if (!p.is(Punct::open_round, 2) && !p.is(Punct::colon, 2)) return {};
  return uncertain(p.repair("R012", p.span(0, 1), "a pattern has no methods: it is a sentence", "not here",
                            "such as `5 login_failed then login_ok within 5m`; `then next` is with nothing between"));
}

// `failed+`, `failed*`, `failed{3}`, `failed{5,}`, `failed{2,4}`: quantifiers of regular expressions.
Found quantifier_behind(const Place& p) {
  if (!continues_pattern(p) || !is_name(p, -1) || p.is(TokenKind::number, -2)) return {};
  const std::string event = p.source(-1, -1);
  const auto how_many = [&](std::ptrdiff_t last, std::string meant, std::vector<Token> tokens) {
    tokens.push_back(p.token(-1));
    return instead(p, "R012", -1, last, "how many stands before the event", "", meant + " " + event, std::move(tokens));
  };
  const auto many = [&](Word first) {
    return std::vector<Token>{p.made(0, first), p.made(0, Word::or_), p.made(0, Word::more)};
  };
  const bool alone =
      p.is(TokenKind::end, 1) || p.is(Punct::close_round, 1) || has_use(p.token(1).word, kReservedForItems);
  if (!alone && !p.is(Punct::open_brace)) return {};
  if (p.is(Punct::plus)) return how_many(0, "one or more", many(Word::one));
  if (p.is(Punct::times)) return how_many(0, "zero or more", many(Word::zero));
  if (p.is(Punct::question)) return how_many(0, "maybe", {p.made(0, Word::maybe)});
  if (!p.is(Punct::open_brace) || !is_whole(p, 1)) return {};
  if (p.is(Punct::close_brace, 2))
    return how_many(2, "exactly " + p.source(1, 1), {p.made(0, Word::exactly), p.token(1)});
  if (p.is(Punct::comma, 2) && p.is(Punct::close_brace, 3)) return how_many(3, p.source(1, 1), {p.token(1)});
  if (p.is(Punct::comma, 2) && is_whole(p, 3) && p.is(Punct::close_brace, 4))
    return how_many(4, p.source(1, 1) + " to " + p.source(3, 3), {p.token(1), p.made(2, Word::to), p.token(3)});
  return {};
}

// `login[outcome = "failure"]`, `login{outcome="failure", user="root"}`: labels of other languages.
Found filter_in_other_brackets(const Place& p) {
  const bool square = p.is(Punct::open_square), brace = p.is(Punct::open_brace);
  if ((!square && !brace) || !continues_pattern(p) || p.token().partner <= 0) return {};
  const std::ptrdiff_t close = p.token().partner;
  std::vector<Token> tokens{p.made(0, Punct::open_round)};
  std::string meant = "(";
  for (std::ptrdiff_t i = 1; i < close; ++i) {
    const bool both = p.is(Punct::comma, i), equal = p.is(Punct::colon, i);
    if (p.token(i).begin > p.token(i - 1).end || both || equal) meant += ' ';
    meant += both ? "and" : equal ? "=" : p.source(i, i);
    tokens.push_back(both ? p.made(i, Word::and_) : equal ? p.made(i, Punct::equal) : p.token(i));
  }
  tokens.push_back(p.made(close, Punct::close_round));
  return instead(p, "R012", 0, close, "what an event must be like stands in round brackets", "", meant + ")",
                 std::move(tokens));
}

// `a = failed then ..`: Esper names a step before it.
Found step_named_before(const Place& p) {
  if (!p.is(Punct::equal) || !continues_pattern(p) || !is_name(p, -1) || !is_name(p, 1)) return {};
  if (!p.is(Word::when, -2) && !p.is(Word::then, -2)) return {};
  const std::ptrdiff_t last = stream_end(p, 1);
  std::vector<Token> tokens;
  append(tokens, p, 1, last);
  tokens.push_back(p.made(0, Word::as));
  tokens.push_back(p.token(-1));
  return instead(p, "R012", -1, last, "a step's name stands behind it", "",
                 p.source(1, last) + " as " + p.source(-1, -1), std::move(tokens));
}

// The word that other languages begin or go on with, read as an event.
struct PatternWord {
  std::string_view word, help;
};
constexpr std::string_view kJoins =
    "events of one key meet in a pattern: `a then b within 5m by user`, or `all of (a, b) within 5m by user`";
constexpr std::string_view kCountsInSentence =
    "events are counted by `5 login_failed within 5m by user`, or compared as in `count(login_failed) > 5 within 5m`";
constexpr std::string_view kWindows = "`within 5m` looks back from each event, `each 5m` is a window by the clock";
constexpr auto kPatternWords = std::to_array<PatternWord>({
    {"select", kCountsInSentence},
    {"stats", kCountsInSentence},
    {"search", "an event stands alone, what it must be like in its brackets: `login(outcome = \"failure\")`"},
    {"transaction", "events of one key that follow each other are `a then b within 5m by user`"},
    {"pattern", "the steps follow `when` at once: `when a then b within 5m`"},
    {"match_recognize", "the steps follow `when` at once: `when a then b within 5m`"},
    {"join", kJoins},
    {"tumble", kWindows},
    {"tumbling", kWindows},
    {"hop", kWindows},
    {"hopping", kWindows},
    {"sliding", kWindows},
    {"there", kCountsInSentence},
    {"happen", "an event's name says that it happens: `5 login_failed within 5m`"},
    {"happens", "an event's name says that it happens: `5 login_failed within 5m`"},
    {"exceeds", kCountsInSentence},
    {"before", "what comes first stands first: `a then b`"},
});

Found pattern_of_other_words(const Place& p) {
  if (!continues_pattern(p) && !p.wants_duration() && !p.wants(")")) return {};
  for (const std::ptrdiff_t at : {0, -1, -2}) {
    if (at < 0 && !p.is(Word::when, at - 1)) continue;
    const auto* row = std::ranges::find(kPatternWords, p.word(at), &PatternWord::word);
    if (p.word(at).empty() || row == kPatternWords.end()) continue;
    if (p.state.text.find("event " + p.word(at)) != std::string_view::npos) continue;  // it may be called so
    return uncertain(p.repair("R012", p.span(at, at), "there is no " + code(p.text(at)) + " here",
                              "not a word of the language", std::string(row->help)));
  }
  return {};
}

// `sum by (user) (..)`, `count of failed > 5`.
Found aggregate_in_words(const Place& p) {
  if (!p.wants_event() || !has_use(p.token().word, kAggregate)) return {};
  if (p.is(Word::by, 1))
    return uncertain(p.repair("R012", p.span(0, 1), "the keys stand behind the pattern", "not here",
                              "write " + code(p.source(0, 0) + "(x.f over 5m) > 100 by user")));
  if (!p.is(Word::of, 1) || !is_name(p, 2)) return {};
  return uncertain(p.repair("R012", p.span(0, 1), "what is added up stands in brackets", "not here",
                            "write " + code(p.source(0, 0) + "(" + p.source(2, path_end(p, 2)) + ") > 5 within 5m")));
}

// `rate(failed[5m])`, `avg_over_time(login.amount[5m])`.
Found range_of_promql(const Place& p) {
  const std::ptrdiff_t open = p.is(Punct::open_square) ? 0 : p.is(Punct::close_square, -1) ? -3 : 1;
  if (open > 0 || !p.is(Punct::open_square, open) || !p.is(TokenKind::duration, open + 1)) return {};
  if (!p.is(Punct::close_square, open + 2)) return {};
  const std::string over = " over " + p.source(open + 1, open + 1);
  if (open == 0 && p.wants("over")) {
    Repair r = instead(p, "R012", 0, 2, "the window of an aggregate is " + code(over.substr(1)), "", over,
                       {p.made(0, Word::over), p.token(1)});
    r.diagnostic.here.text = "write " + code(over.substr(1));
    return r;
  }
  const std::string value = p.source(path_begin(p, open - 1), open - 1);
  return uncertain(p.repair(
      "R012", p.span(open, open + 2), "the window of an aggregate is " + code(over.substr(1)), "not in these brackets",
      "write " + code((value.find('.') == std::string::npos ? "count(" : "avg(") + value + over + ") > 5") +
          ", or `sum`, `max`, `rate`, `delta` of it"));
}

// `count(failed) over 5m > 5`.
Found over_behind_brackets(const Place& p) {
  if (!p.is(Word::over) || !p.is(TokenKind::duration, 1) || !p.is(Punct::close_round, -1) || !is_comparison(p, 2))
    return {};
  if (!has_use(p.token(-1 + p.token(-1).partner - 1).word, kAggregate)) return {};
  return instead(p, "R012", -1, 1, "the window of an aggregate stands in its brackets", "", " " + p.source(0, 1) + ")",
                 {p.token(0), p.token(1), p.made(1, Punct::close_round)});
}

// `any of (a, b)`, `2 of (a, b)`.
Found any_of_in_other_words(const Place& p) {
  if (p.is(Word::of) && p.is(Word::any, -1) && p.is(Punct::open_round, 1))
    return instead(p, "R012", -1, 0, "how many of them?", "`any 1 of` is one of them, `all of` each of them",
                   "any 1 of", {p.token(-1), whole_number(p, 0, 1), p.token()});
  if (p.is(Punct::open_round) && p.is(Word::of, -1) && is_whole(p, -2))
    return instead(p, "R012", -2, -1, "so many of several is " + code("any " + p.source(-2, -1)), "",
                   "any " + p.source(-2, -1), {p.made(-2, Word::any), p.token(-2), p.token(-1)});
  return {};
}

// `failed 5`: `failed 5 times` is mended as a whole (habits.cc).
Found count_behind_event(const Place& p) {
  const std::string next = p.word(1);
  const bool times = next == "times" || next == "time" || next == "x" || next == "occurrences";
  if (!is_whole(p, 0) || !continues_pattern(p) || times) return {};
  const std::ptrdiff_t from = stream_before(p);
  if (from > 0 || p.is(TokenKind::number, from - 1)) return {};
  return uncertain(p.repair("R012", p.span(), "a number stands before what it counts", "not here",
                            "write " + code(p.source(0, 0) + " " + p.source(from, -1))));
}

// `a next b`.
Found next_without_then(const Place& p) {
  if (!p.is(Word::next) || !p.wants("then") || !is_name(p, 1)) return {};
  return instead(p, "R012", 0, 0, "the very next event is `then next`", "", "then next",
                 {p.made(0, Word::then), p.token()});
}

// `sum(x.f) within 1h > 100`.
Found bound_before_comparison(const Place& p) {
  const bool bound = p.is(TokenKind::duration, -1) && p.is(Word::within, -2) && p.is(Punct::close_round, -3);
  if (!bound || !is_comparison(p, 0) || !p.is(TokenKind::number, 1)) return {};
  if (!p.is(TokenKind::end, 2) && !has_use(p.token(2).word, kClause)) return {};
  Repair r = instead(p, "R012", -2, 1, "the window stands behind the comparison", "",
                     p.source(0, 1) + " " + p.source(-2, -1), {});
  append(r.insert, p, 0, 1);
  append(r.insert, p, -2, -1);
  return r;
}

// `login after idle 5m`.
Found idle_before_its_time(const Place& p) {
  const std::ptrdiff_t d = p.is(Word::for_, 1) ? 2 : 1;
  if (!p.is(Word::idle) || !p.is(Word::after, -1) || !p.is(TokenKind::duration, d)) return {};
  return instead(p, "R012", 0, d, "the time stands before `idle`", "", p.source(d, d) + " idle",
                 {p.token(d), p.made(0, Word::idle)});
}

// `no failed within 5m of ok`, `ok within 5m after failed`, `ok after failed`.
Found order_in_words(const Place& p) {
  if (p.is(Word::of) && p.is(TokenKind::duration, -1) && p.is(Word::within, -2) && is_name(p, 1)) {
    const std::ptrdiff_t x = path_begin(p, -3);
    if (p.is(Word::no, x - 1))
      return instead(p, "R012", 0, 0, "after another event is `after`", "", "after", {p.made(0, Word::after)});
  }
  if (p.is(Word::after) && p.is(TokenKind::duration, -1) && p.is(Word::within, -2) && is_name(p, -3) && is_name(p, 1) &&
      p.is(Word::when, -4)) {
    const std::ptrdiff_t last = stream_end(p, 1);
    Repair r = instead(p, "R012", -3, last, "what comes first stands first", "",
                       p.source(1, last) + " then " + p.source(-3, -3) + " " + p.source(-2, -1), {});
    append(r.insert, p, 1, last);
    r.insert.push_back(p.made(0, Word::then));
    append(r.insert, p, -3, -1);
    return r;
  }
  if (p.wants_duration() && p.is(Word::after, -1) && is_name(p, -2) && p.is(Word::when, -3) && is_name(p, 0) &&
      duration_unit_meant(p.word()).empty()) {
    const std::ptrdiff_t last = stream_end(p, 0);
    Repair r = instead(p, "R012", -2, last, "what comes first stands first", "",
                       p.source(0, last) + " then " + p.source(-2, -2), {});
    append(r.insert, p, 0, last);
    r.insert.push_back(p.made(-1, Word::then));
    r.insert.push_back(p.token(-2));
    return r;
  }
  return {};
}

// `rule a 5 failed within 5m`.
Found when_missing(const Place& p) {
  if (p.begin->word != Word::rule || p.number() < 2 || p.number() > 3 || !p.wants("when")) return {};
  const bool count = is_whole(p, 0) && (is_name(p, 1) || p.is(Punct::open_round, 1));
  const bool event = p.is(TokenKind::word) && p.is(Word::none) && p.is(Punct::open_round, 1);
  if (!count && !event) return {};
  return instead(p, "R001", 0, 0, "`when` is missing before the pattern", "a rule is `rule NAME when PATTERN`",
                 "when " + p.source(0, 0), {p.made(0, Word::when), p.token()});
}

// `top 3 failed.ip by amount`.
Found ranked_by(const Place& p) {
  if (!p.is(Word::by, -1) || !p.wants("count") || !p.is(TokenKind::word)) return {};
  for (std::ptrdiff_t i = -2; !p.is(TokenKind::end, i) && !p.is(Word::when, i); --i) {
    if (!p.is(Word::top, i)) continue;
    Repair r = p.repair(
        "R012", p.span(), "a ranking is by count alone", "not how often it comes",
        "write `by count`; to find who sums up to much, write " +
            code("sum(" + p.source(i + 2, i + 2) + "." + p.source(0, 0) + ") > 1000 within 1h by " + p.source(-2, -2)));
    r.remove = 1;
    r.insert = {p.made(0, Word::count)};
    return uncertain(std::move(r));
  }
  return {};
}

// `top 3 failed.ip over 1h`.
Found ranking_by_count(const Place& p) {
  if (!p.is(Word::over) || !p.wants("by") || p.wants_clause()) return {};
  std::ptrdiff_t top = path_begin(p, -1) - 2;
  if (!p.is(Word::top, top)) return {};
  return instead(p, "R012", 0, 0, "a ranking says by what: `by count`", "", "by count over",
                 {p.made(0, Word::by), p.made(0, Word::count), p.token()});
}

// `new failed.ip by user`, `failed after 30d by user`, `failed without ok by user`: how long?
Found form_without_its_time(const Place& p) {
  if (p.wants("in") && !p.wants("within") && !p.is(Word::within)) {
    for (std::ptrdiff_t i = -1; i > -8 && !p.is(TokenKind::end, i); --i)
      if (p.is(Word::new_, i)) {
        if (p.is(Word::of) && is_name(p, 1))
          return uncertain(p.repair("R012", p.span(), "a field stands behind its event", "`of` is not written here",
                                    "write " + code(p.source(i, -1) + "." + p.source(1, 1))));
        const std::string field = path_begin(p, -1) == -1 ? ".FIELD" : "";  // an event alone
        return uncertain(p.repair("R012", p.span(i, -1), "new compared with how long?", "no length of time follows",
                                  "write " + code(p.source(i, -1) + field + " in 30d")));
      }
  }
  if (p.wants("idle") && p.wants("without") && p.is(Word::after, -2) && is_name(p, -3))
    return uncertain(p.repair("R012", p.span(-2, -1), "after how long without what?", "nothing says what was missing",
                              "write " + code(p.source(-3, -1) + " idle") + ": none of its own before it; or " +
                                  code(p.source(-3, -1) + " without y") + ": no y before it"));
  const std::ptrdiff_t x = path_begin(p, -1);
  if (p.wants("within") && p.is(Word::without, x - 1) && is_name(p, x - 2) && !is_time(p.token(0)))
    return uncertain(p.repair("R012", p.span(x - 1, -1), "without it for how long?", "no length of time follows",
                              "write " + code(p.source(x - 2, x - 2) + " after 24h without " + p.source(x, -1)) +
                                  ", or " +
                                  code(p.source(x - 2, x - 2) + " then no " + p.source(x, -1) + " within 5m")));
  return {};
}

// ----- clauses ------------------------------------------------------------------------------------------------------

// `by lower(user)`: a key that is worked out has a name.
Found unnamed_key(const Place& p) {
  if (!p.is(Punct::open_round) || p.token().partner <= 0 || !is_name(p, -1)) return {};
  std::ptrdiff_t by = -2;
  while (p.is(Punct::comma, by) && is_name(p, by - 1)) by -= 2;
  if (!p.is(Word::by, by) || !p.wants_clause()) return {};
  const std::ptrdiff_t close = p.token().partner;
  const std::string written = p.source(-1, close);
  if (close != 2 || !is_name(p, 1))
    return uncertain(p.repair("R012", p.span(-1, close), "a key that is worked out has a name",
                              "no name stands before it", "write " + code("by k = " + written)));
  Repair r = instead(p, "R012", -1, close, "a key that is worked out has a name", "", p.source(1, 1) + " = " + written,
                     {p.token(1), p.made(0, Punct::equal)});
  append(r.insert, p, -1, close);
  return r;
}

// `by [user, ip]`, `by (user, ip)`; `tags [..]`.
Found list_in_brackets(const Place& p) {
  const bool keys = p.is(Word::by, -1) && p.wants("a field");
  const bool tags = p.is(Word::tags, -1);
  const std::ptrdiff_t close = p.token().partner;
  if ((!keys && !tags) || close < 2 || (!p.is(Punct::open_round) && !p.is(Punct::open_square))) return {};
  std::string meant;
  std::vector<Token> tokens;
  for (std::ptrdiff_t i = 1; i < close; ++i) {
    const bool bare = tags && is_name(p, i);
    if (i > 1 && p.token(i).begin > p.token(i - 1).end) meant += ' ';
    meant += bare ? "\"" + p.source(i, i) + "\"" : p.source(i, i);
    tokens.push_back(bare ? p.made(i, TokenKind::text) : p.token(i));
  }
  return instead(p, "R012", 0, close, "this list has no brackets", "", meant, std::move(tokens));
}

// `send to slack`, `owner soc`, `tags auth`, `alert high broken`: text stands in quotes.
Found text_without_quotes(const Place& p) {
  const bool wanted = std::ranges::any_of(p.state.wants, [](std::string_view w) { return w.ends_with(" in quotes"); });
  const bool behind =
      (p.is(Word::to, -1) && p.is(Word::send, -2)) || p.is(Word::owner, -1) || p.wants("a tag in quotes");
  if (!wanted || !behind || !is_name(p, 0)) return {};
  Token quoted = p.made(0, TokenKind::text);
  return instead(p, "R012", 0, 0, "this stands in quotes", "", "\"" + p.source(0, 0) + "\"", {quoted});
}

// `send "slack"`.
Found send_without_to(const Place& p) {
  if (!p.is(Word::send, -1) || !p.is(TokenKind::text)) return {};
  return instead(p, "R012", 0, 0, "alerts are sent `to` a sink", "", "to " + p.source(0, 0),
                 {p.made(0, Word::to), p.token()});
}

// `by user only during office`, `by user not during office`.
Found during_in_other_words(const Place& p) {
  if (!p.is(Word::during, 1)) return {};
  if (p.is(Word::not_))
    return instead(p, "R012", 0, 1, "`not during` is written `outside`", "", "outside", {p.made(0, Word::outside)});
  if (p.word() == "only")
    return instead(p, "R012", 0, 0, "`only` is not needed here", "`during` drops all other events", "", {});
  return {};
}

// `by user once alert ..`, `alert once low "x"`.
Found once_alone(const Place& p) {
  if (!p.is(Word::once) || (!p.wants_clause() && !p.is(Word::alert, -1))) return {};
  Repair r = p.repair("R012", p.span(), "`once` is a clause of `fire`", "not here",
                      "`fire once` is so without being said; `fire at most once per 1h` limits alerts");
  r.remove = 1;
  return uncertain(std::move(r));
}

// `fire every time`.
Found fire_every_time(const Place& p) {
  if (!p.is(Word::every, -1) || !p.is(Word::fire, -2) || !p.wants("match")) return {};
  return instead(p, "R012", -1, 0, code(p.source(-2, 0)) + " is written `fire always`", "", "always",
                 {p.made(0, Word::always)});
}

// `at most once per hour`, `each day`: one of them.
Found unit_without_number(const Place& p) {
  const std::string word = p.word();
  const std::string_view unit = word.size() > 2 ? duration_unit_meant(word) : std::string_view();
  if (unit.empty() || !p.wants_duration() || p.is(TokenKind::number, -1)) return {};
  const std::string meant = "1" + std::string(unit);
  return instead(p, "R013", 0, 0, "a duration has a number and a unit", "", meant,
                 {duration_token(p, 0, 0, *parse_duration(meant))});
}

// `within 1h 30m`.
Found parted_duration(const Place& p) {
  if (!p.is(TokenKind::duration) || !p.is(TokenKind::duration, -1)) return {};
  const std::string meant = p.source(-1, -1) + p.source(0, 0);
  const auto d = parse_duration(meant);
  if (!d) return {};
  return instead(p, "R013", -1, 0, "a duration is written without a space", "", meant, {duration_token(p, -1, 0, *d)});
}

// `ends after 30m` of a session.
Found idle_missing(const Place& p) {
  if (!p.wants("idle") || p.wants("without") || !p.is(Word::after, -2) || !p.is(TokenKind::duration, -1)) return {};
  const SourceSpan behind = p.span(-1, -1);
  Repair r =
      p.repair("R001", behind, "after " + code(p.source(-1, -1)) + " of what?", "`idle` is missing behind this", "");
  r.diagnostic.fix = Edit{{behind.file, behind.end, behind.end}, " idle"};
  r.insert = {p.made(-1, Word::idle)};
  r.insert[0].begin = r.insert[0].end;
  return r;
}

// ----- expressions --------------------------------------------------------------------------------------------------

struct Method {
  std::string_view name;   // in lower case
  std::string_view meant;  // an operator, or a function
  Word first, second;      // the operator's words; none: a function
};
constexpr auto kMethods = std::to_array<Method>({
    {"startswith", "starts with", Word::starts, Word::with},
    {"starts_with", "starts with", Word::starts, Word::with},
    {"endswith", "ends with", Word::ends, Word::with},
    {"ends_with", "ends with", Word::ends, Word::with},
    {"contains", "contains", Word::contains, Word::none},
    {"includes", "contains", Word::contains, Word::none},
    {"has", "contains", Word::contains, Word::none},
    {"matches", "matches", Word::matches, Word::none},
    {"match", "matches", Word::matches, Word::none},
    {"lower", "lower", Word::none, Word::none},
    {"tolower", "lower", Word::none, Word::none},
    {"tolowercase", "lower", Word::none, Word::none},
    {"upper", "upper", Word::none, Word::none},
    {"toupper", "upper", Word::none, Word::none},
    {"touppercase", "upper", Word::none, Word::none},
    {"length", "length", Word::none, Word::none},
    {"len", "length", Word::none, Word::none},
    {"size", "length", Word::none, Word::none},
    {"trim", "trim", Word::none, Word::none},
});

// `user.startswith("a")`, `user.lower()`: there are no methods.
Found method_call(const Place& p) {
  const std::ptrdiff_t name = p.is(Punct::dot, -1) ? 0 : -1;  // `contains` is reserved: reading stops at it
  if (!p.is(Punct::dot, name - 1) || !p.is(Punct::open_round, name + 1) || p.token(name + 1).partner <= 0) return {};
  const auto* method = std::ranges::find(kMethods, p.word(name), &Method::name);
  const std::ptrdiff_t from = path_begin(p, name - 2), close = name + 1 + p.token(name + 1).partner;
  if (method == kMethods.end() || from > name - 2) return {};
  const std::string value = p.source(from, name - 2), argument = p.source(name + 2, close - 1);
  if (method->first == Word::none) {
    if (close > name + 2) return {};
    Repair r = instead(p, "R012", from, close, "a function stands before its value", "",
                       std::string(method->meant) + "(" + value + ")", {p.token(name), p.token(name + 1)});
    append(r.insert, p, from, name - 2);
    r.insert.push_back(p.token(close));
    // It is read by the name that stands there: where that is another, no function is.
    r.certain = p.source(name, name) == method->meant;
    return r;
  }
  if (close == name + 2) return {};
  const bool regex = method->first == Word::matches && p.is(TokenKind::text, name + 2) && close == name + 3;
  const std::string right = regex ? "/" + content(p.token(name + 2), p.state.text) + "/" : argument;
  Repair r = instead(p, "R012", from, close, "an operator stands between its values", "",
                     value + " " + std::string(method->meant) + " " + right, {});
  append(r.insert, p, from, name - 2);
  r.insert.push_back(p.made(name, method->first));
  if (method->second != Word::none) r.insert.push_back(p.made(name, method->second));
  append(r.insert, p, name + 2, close - 1);
  if (regex) r.insert.back() = p.made(name + 2, TokenKind::regex);
  return r;
}

// `user not contains "a"`, `n not between 1 and 5`: `not` stands before the comparison.
Found not_inside(const Place& p) {
  if (!p.is(Word::not_) || !p.wants("=")) return {};
  const bool comparison = p.is(Word::contains, 1) || p.is(Word::matches, 1) || p.is(Word::between, 1) ||
                          p.is(Word::starts, 1) || p.is(Word::ends, 1);
  const std::ptrdiff_t from = path_begin(p, -1);
  if (!comparison || from > -1 || p.is(Punct::dot, from - 1)) return {};
  Repair r = instead(p, "R012", from, 0, "`not` stands before the comparison", "", "not " + p.source(from, -1),
                     {p.made(0, Word::not_)});
  append(r.insert, p, from, -1);
  return r;
}

// `5 < amount < 10`.
Found chained_comparison(const Place& p) {
  struct Turned {
    Punct as_written, meant;
  };
  constexpr auto kTurned = std::to_array<Turned>({{Punct::less, Punct::greater},
                                                  {Punct::less_equal, Punct::greater_equal},
                                                  {Punct::greater, Punct::less},
                                                  {Punct::greater_equal, Punct::less_equal}});
  const auto order = [&](std::ptrdiff_t at) {
    return std::ranges::find(kTurned, p.token(at).punct, &Turned::as_written);
  };
  const auto number = [&](std::ptrdiff_t at) { return p.is(TokenKind::number, at) || p.is(TokenKind::duration, at); };
  const std::ptrdiff_t from = path_begin(p, -1);
  const auto* first = order(from - 1);
  if (from > -1 || p.wants("=") || order(0) == kTurned.end() || first == kTurned.end()) return {};
  // Behind a minus or a `not` more would have to be turned round.
  if (!number(1) || !number(from - 2) || p.is(Punct::minus, from - 3) || p.is(Word::not_, from - 3)) return {};
  const std::string x = p.source(from, -1);
  Repair r =
      instead(p, "R012", from - 2, 1, "comparisons do not follow each other",
              code(x + " between " + p.source(from - 2, from - 2) + " and " + p.source(1, 1)) + " has both ends in it",
              x + " " + std::string(text_of(first->meant)) + " " + p.source(from - 2, from - 2) + " and " + x + " " +
                  p.source(0, 1),
              {});
  append(r.insert, p, from, -1);
  r.insert.push_back(p.made(from - 1, first->meant));
  r.insert.push_back(p.token(from - 2));
  r.insert.push_back(p.made(0, Word::and_));
  append(r.insert, p, from, 1);
  return r;
}

// `case when c then a else b end`, `cast(x as int)`.
Found sql_expression(const Place& p) {
  if (p.word(-1) == "case" && p.is(Word::when))
    return uncertain(p.repair("R012", p.span(-1, 0), "there is no `case when` between values", "not an operator",
                              "one of two values is `if(condition, a, b)`; a condition is itself true or false"));
  if (p.is(Word::as) && is_name(p, -1) && p.is(Punct::open_round, -2) && p.word(-3) == "cast")
    return uncertain(p.repair("R012", p.span(-3, 0), "there is no `cast`", "not a function",
                              "a number of a text is " + code("number(" + p.source(-1, -1) + ")") +
                                  ", a text of a number " + code("text(" + p.source(-1, -1) + ")")));
  return {};
}

// `ip in cidr 10.0.0.0/8`, `ip in network 10.0.0.0/8`.
Found in_network_in_words(const Place& p) {
  if (!p.is(Word::in, -1) || !p.wants("[") || !p.is(TokenKind::word) || !p.is(TokenKind::address, 1)) return {};
  return instead(p, "R012", 0, 1, "the values of `in` stand in square brackets", "", "[" + p.source(1, 1) + "]",
                 {p.made(0, Punct::open_square), p.token(1), p.made(1, Punct::close_square)});
}

// `a xor b`.
Found exclusive_or(const Place& p) {
  if (p.word() != "xor" || !p.wants_operator()) return {};
  return uncertain(p.repair("R012", p.span(), "there is no `xor`", "not an operator",
                            "one of two and not both is `(a or b) and not (a and b)`"));
}

// `n in 1..5`.
Found in_range(const Place& p) {
  if (!p.is(Word::in, -1) || !p.wants("[") || !p.is(TokenKind::number) || !p.is(Punct::dot, 1) || !p.is(Punct::dot, 2))
    return {};
  if (!p.is(TokenKind::number, 3)) return {};
  return instead(p, "R012", -1, 3, "from one value to another is `between`", "both ends are in it",
                 "between " + p.source(0, 0) + " and " + p.source(3, 3),
                 {p.made(-1, Word::between), p.token(0), p.made(1, Word::and_), p.token(3)});
}

// `c ? a : b`.
Found ternary(const Place& p) {
  if (!p.is(Punct::question) || p.begin->word == Word::event) return {};
  return uncertain(p.repair("R012", p.span(), "there is no `?` between values", "not an operator",
                            "one of two values is `if(condition, a, b)`; a condition is itself true or false"));
}

// ----- items --------------------------------------------------------------------------------------------------------

// `list devs from ["a"]`.
Found list_from_values(const Place& p) {
  if (p.begin->word != Word::list || !p.is(Word::from, -1) || !p.is(Punct::open_square)) return {};
  return instead(p, "R012", -1, -1, "values that stand here follow `=`", "`from` names a file: `from \"scanners.txt\"`",
                 "=", {p.made(-1, Punct::equal)});
}

// `let $n 5`, `list devs ["a"]`.
Found equal_missing(const Place& p) {
  const Word item = p.begin->word;
  const bool value = p.is(TokenKind::text) || p.is(TokenKind::number) || p.is(TokenKind::duration) ||
                     p.is(TokenKind::address) || (item == Word::list && p.is(Punct::open_square));
  if ((item != Word::let && item != Word::list) || p.number() != 2 || !value || !p.wants("=")) return {};
  Repair r = p.repair("R001", p.span(), "`=` is missing", "`=` is missing before this", "");
  const SourceSpan behind = p.span(-1, -1);
  r.diagnostic.fix = Edit{{behind.file, behind.end, behind.end}, " ="};
  r.insert = {p.made(-1, Punct::equal)};
  r.insert[0].begin = r.insert[0].end;
  return r;
}

// `list devs = ("a", "b")`.
Found list_in_round_brackets(const Place& p) {
  if (p.begin->word != Word::list || !p.is(Punct::equal, -1) || !p.is(Punct::open_round) || p.token().partner <= 0)
    return {};
  const std::ptrdiff_t close = p.token().partner;
  std::string meant = p.source(0, close);
  meant.front() = '[';
  meant.back() = ']';
  Repair r = instead(p, "R012", 0, close, "a list stands in square brackets", "", meant, {});
  append(r.insert, p, 0, close);
  r.insert.front().punct = Punct::open_square;
  r.insert.back().punct = Punct::close_square;
  return r;
}

// `event logout with user text`.
Found fields_behind_with(const Place& p) {
  if (p.begin->word != Word::event || p.number() != 2 || !p.is(Word::with)) return {};
  return instead(p, "R012", 0, 0, "the fields of an event stand behind `has`", "", "has", {p.made(0, Word::has)});
}

Found table_without_key(const Place& p) {
  if (p.begin->word != Word::table || !p.is(TokenKind::end) || !p.wants("key")) return {};
  return uncertain(p.repair("R001", p.span(-1, -1), "by which column are rows found?", "`key` is missing behind this",
                            "end the table with the column that finds a row: `key id`"));
}

// `in Europe/Paris`.
Found zone_without_quotes(const Place& p) {
  const bool zone = std::ranges::any_of(p.state.wants, [](auto w) { return w.starts_with("a time zone"); });
  if (!zone || !is_name(p, 0) || !p.is(Punct::divide, 1) || !is_name(p, 2)) return {};
  Token text = p.made(0, TokenKind::text);
  text.end = p.token(2).end;
  Repair r = instead(p, "R012", 0, 2, "a time zone stands in quotes", "", "\"" + p.source(0, 2) + "\"", {text});
  r.certain = false;  // as it is read, its letters lack their quotes
  return r;
}

// `when login ..` outside of all rules.
Found rule_without_its_name(const Place& p) {
  if (p.number() != 0 || !p.is(Word::when)) return {};
  return uncertain(p.repair("R019", p.span(), "`when` stands in no rule", "no rule has begun here",
                            "a rule begins with its name: `rule NAME when PATTERN`"));
}

// `mon-fri 9-18`, `weekdays 09:00-17:00`.
Found calendar_words(const Place& p) {
  if (p.begin->word != Word::calendar) return {};
  const auto hour = [&](std::ptrdiff_t at) { return is_whole(p, at) && p.token(at).integer <= 24; };
  if (hour(0) && p.is(Punct::minus, 1) && hour(2)) {
    const auto clock = [&](std::ptrdiff_t at) {
      return std::string(p.token(at).integer < 10 ? "0" : "") + std::to_string(p.token(at).integer) + ":00";
    };
    Token from = p.made(0, TokenKind::clock), to = p.made(2, TokenKind::clock);
    from.integer = p.token(0).integer * 60;
    to.integer = p.token(2).integer * 60;
    return instead(p, "R012", 0, 2, "a time of day has minutes", "", clock(0) + "-" + clock(2), {from, p.token(1), to});
  }
  struct Row {
    std::string_view written;
    Word first, last;
  };
  constexpr auto kRows = std::to_array<Row>({{"weekdays", Word::mon, Word::fri},
                                             {"weekday", Word::mon, Word::fri},
                                             {"workdays", Word::mon, Word::fri},
                                             {"weekends", Word::sat, Word::sun},
                                             {"weekend", Word::sat, Word::sun},
                                             {"daily", Word::mon, Word::sun},
                                             {"everyday", Word::mon, Word::sun}});
  const auto* row = std::ranges::find(kRows, p.word(), &Row::written);
  if (row == kRows.end()) return {};
  const std::string meant = std::string(dsl::row(row->first).text) + "-" + std::string(dsl::row(row->last).text);
  return instead(p, "R012", 0, 0, "days are written with three letters", "", meant,
                 {p.made(0, row->first), p.made(0, Punct::minus), p.made(0, row->last)});
}

// `at 0s failed user = "a"`: the fields of a test's event.
Found test_fields_without_braces(const Place& p) {
  if (p.begin->word != Word::test || !is_name(p, -1)) return {};
  if (!p.is(Punct::equal) && !p.is(Punct::colon) && !p.is(Punct::open_round)) return {};
  if (p.wants(":")) return {};
  return uncertain(p.repair("R012", p.span(), "the fields of a test's event stand in braces", "not here",
                            "write " + code("login {user: \"ann\", amount: 5}")));
}

// `alert high "x" when ..` behind an item that is complete: a clause of no rule.
Found clause_of_no_rule(const Place& p) {
  const Word item = p.begin->word;
  const bool data = item == Word::event || item == Word::let || item == Word::list || item == Word::table ||
                    item == Word::calendar || item == Word::test;
  const bool clause = p.is(TokenKind::word) && has_use(p.token().word, kClause) && !has_use(p.token().word, kDeclare);
  if (!data || !clause || !p.wants(kEndWanted)) return {};
  Repair r = p.repair("R019", p.span(), code(p.text()) + " stands in no rule", "no rule has begun here",
                      "a rule begins with its name and its pattern: `rule NAME when PATTERN`" +
                          (p.is(Word::when) ? std::string() : ", then come clauses such as " + code(p.text())));
  r.remove = static_cast<std::size_t>(p.end - p.at);
  return uncertain(std::move(r));
}

}  // namespace

Found rewriting(const Place& place) {
  for (const auto row : {keys_before_bound,
                         absent_event,
                         pattern_of_other_words,
                         step_named_before,
                         field_behind_event,
                         method_of_a_pattern,
                         quantifier_behind,
                         filter_in_other_brackets,
                         aggregate_in_words,
                         range_of_promql,
                         over_behind_brackets,
                         any_of_in_other_words,
                         idle_before_its_time,
                         count_behind_event,
                         next_without_then,
                         bound_before_comparison,
                         order_in_words,
                         when_missing,
                         ranked_by,
                         ranking_by_count,
                         form_without_its_time,
                         unnamed_key,
                         list_in_brackets,
                         text_without_quotes,
                         send_without_to,
                         during_in_other_words,
                         once_alone,
                         fire_every_time,
                         unit_without_number,
                         parted_duration,
                         idle_missing,
                         method_call,
                         not_inside,
                         chained_comparison,
                         sql_expression,
                         in_network_in_words,
                         exclusive_or,
                         in_range,
                         ternary,
                         list_from_values,
                         equal_missing,
                         list_in_round_brackets,
                         fields_behind_with,
                         table_without_key,
                         zone_without_quotes,
                         rule_without_its_name,
                         calendar_words,
                         test_fields_without_braces,
                         clause_of_no_rule})
    if (Found found = row(place)) return found;
  return {};
}

// ----- what can be read, as something that nobody means -------------------------------------------------------------

namespace {

// `absence of failed for 5m`.
Found absence_of(const Place& p) {
  constexpr auto kWords = std::to_array<std::string_view>({"absence", "lack", "silence"});
  if (!p.is(Word::of, 1) || std::ranges::find(kWords, p.word()) == kWords.end()) return {};
  const bool first = p.is(Word::when, -1);
  const std::ptrdiff_t last = stream_end(p, 2);
  if ((!first && !p.is(Word::then, -1)) || last < 2) return {};
  const std::string x = p.source(2, last);
  const bool bound = p.is(Word::within, last + 1) || p.is(Word::in, last + 1) || p.is(Word::for_, last + 1);
  if (!bound || !p.is(TokenKind::duration, last + 2) || p.is(Word::after, last + 3))
    return uncertain(p.repair(
        "R012", p.span(0, 1), "an event that does not come is `no x`", "not here",
        "write " + code("no " + x + " for 5m") + ", or behind another event " + code("then no " + x + " within 5m")));
  const Word word = first ? Word::for_ : Word::within;
  const std::string meant = "no " + x + " " + std::string(row(word).text);
  Repair r = instead(p, "R012", 0, last + 1,
                     "an event that does not come is " + code(meant + " " + p.source(last + 2, last + 2)), "", meant,
                     {p.made(0, Word::no)});
  append(r.insert, p, 2, last);
  r.insert.push_back(p.made(last + 1, word));
  return r;
}

// `5 failed every 5m`: a schedule, which rules have none.
Found every_of_a_rule(const Place& p) {
  if (p.begin->word != Word::rule || !p.is(Word::every) || !p.is(TokenKind::duration, 1)) return {};
  for (std::ptrdiff_t i = -1; !p.is(Word::when, i); --i)  // among the clauses it may be part of one
    if (p.is(TokenKind::end, i) || (has_use(p.token(i).word, kClause) && !has_use(p.token(i).word, kPattern)))
      return {};
  const std::string d = p.source(1, 1);
  Repair r = p.repair("R012", p.span(0, 1), "rules have no `every`: each event is judged as it comes", "a schedule",
                      code("within " + d) + " looks back from each event, " + code("each " + d) +
                          " is judged at the end of every " + d);
  r.remove = 2;
  return uncertain(std::move(r));
}

// `5+ failed`.
Found five_or_more(const Place& p) {
  // In brackets it is a sum: `login(5+ n > 6)`.
  const bool here = p.is(Word::when, -3) || p.is(Word::then, -3);
  if (!here || !p.is(Punct::plus, -1) || !is_whole(p, -2) || p.token(-2).end != p.token(-1).begin) return {};
  if (p.is(Punct::dot, 1) || p.is(Punct::open_round, 1)) return {};  // `5+ p99(x.f) > 6`
  return instead(p, "R012", -1, -1, "`+` is not needed here", "a number alone is at least so many", "", {});
}

// `3-5 failed`, `3..5 failed`, `between 3 and 5 failed`; `at most 3 failed`.
Found counts_from_to(const Place& p) {
  if (!is_whole(p, -1) || p.is(Punct::dot, 1)) return {};
  const auto here = [&](std::ptrdiff_t before) {
    return p.is(Word::when, before) || p.is(Word::then, before) || p.is(Punct::open_round, before);
  };
  const auto from_to = [&](std::ptrdiff_t from, std::ptrdiff_t low) {
    return instead(p, "R012", from, -1, "from so many to so many is `to`", "",
                   p.source(low, low) + " to " + p.source(-1, -1), {p.token(low), p.made(-2, Word::to), p.token(-1)});
  };
  const bool dots = p.is(Punct::dot, -2) && p.is(Punct::dot, -3);
  if (p.is(Punct::minus, -2) && is_whole(p, -3) && here(-4)) return from_to(-3, -3);
  if (dots && is_whole(p, -4) && here(-5)) return from_to(-4, -4);
  if (p.is(Word::and_, -2) && is_whole(p, -3) && p.is(Word::between, -4) && here(-5)) return from_to(-4, -3);
  if (!p.is(Word::most, -2) || !p.is(Word::at, -3) || !here(-4)) return {};
  return uncertain(p.repair("R012", p.span(-3, -1), "no more than so many is `fewer than`", "not here",
                            "write " + code("fewer than " + std::to_string(p.token(-1).integer + 1) + " " +
                                            stream_at(p, 0, "x") + " within 1h")));
}

}  // namespace

Found misread(ParseState& state, const Token* begin, const Token* end) {
  for (const Token* t = begin; t < end; ++t) {
    if (t->kind != TokenKind::word || (t->word != Word::none && t->word != Word::every)) continue;
    state.farthest = t;
    const Place place(state, begin, end, nullptr);
    for (const auto row : {absence_of, every_of_a_rule, five_or_more, counts_from_to})
      if (Found found = row(place)) return found;
  }
  state.farthest = nullptr;
  return {};
}

}  // namespace tocsin::dsl::grammar
