// ONE TABLE OF WORDS: what the language calls things, and where each word is more than a name. The lexer looks
// every word up once; the grammar compares numbers; messages, docs/grammar.md and editors read the same rows.
//
// Words are keywords only where the grammar has them (semantics.md X5): `start`, `count`, `rule` are fields
// everywhere else. Only the words of expressions are never names; names of items are no keyword at all.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace tocsin::dsl {

// Where a word stands as a keyword. A word may have several places (`after`, `in`, `every`).
enum Use : std::uint16_t {
  kItem = 1 << 0,          // opens an item of a file
  kDeclare = 1 << 1,       // in the head of an item: `has`, `tiebreak`, `from`
  kClause = 1 << 2,        // opens a clause
  kInClause = 1 << 3,      // inside one
  kPattern = 1 << 4,       // in a pattern
  kExpression = 1 << 5,    // an operator or constant: never a name, of a field neither
  kInExpression = 1 << 6,  // only beside an operand: `starts with`, `is missing`, `its average`
  kAggregate = 1 << 7,     // before `(`
  kTest = 1 << 8,          // in a test
  kSeverity = 1 << 9,      // the rest are values, free as names of items too
  kType = 1 << 10,
  kTimeUnit = 1 << 11,  // after `timestamp f in`
  kDay = 1 << 12,
};

// No name of an item is one of these.
constexpr std::uint16_t kReservedForItems =
    kItem | kDeclare | kClause | kInClause | kPattern | kExpression | kInExpression | kAggregate | kTest;

// What an aggregate takes between its parentheses.
enum class Shape : std::uint8_t {
  none,
  one,     // count(x), sum(x.f), count()
  two,     // ratio(x, y)
  number,  // ema(x.f, 0.1), top(x.f, 3), forecast(x.f over 3h, 24h)
  nested,  // zscore(count(x over 1d), 14d)
};

// X(enumerator, text, uses, shape, what it is for). Sorted by text, `p50` and its like apart: one row `p`.
#define TOCSIN_WORDS(X)                                                                                        \
  X(adaptive, "adaptive", kDeclare, none, "lateness that follows what is observed")                            \
  X(after, "after", kPattern | kInClause, none, "before a silence or a wait")                                  \
  X(alert, "alert", kClause | kTest, none, "the text people get")                                              \
  X(all, "all", kPattern | kInClause, none, "every alternative; no key; no end")                               \
  X(always, "always", kInClause, none, "fire at every event for which the condition holds")                    \
  X(and_, "and", kExpression | kInClause, none, "both")                                                        \
  X(any, "any", kPattern | kType, none, "some of the alternatives; a field of any type")                       \
  X(apart, "apart", kPattern, none, "`N x at most D apart`")                                                   \
  X(as, "as", kPattern, none, "gives a step a name")                                                           \
  X(at, "at", kPattern | kClause | kInClause | kTest, none, "`at most`, `resume at`, the time of a test line") \
  X(average, "average", kInExpression, none, "`its average over D`")                                           \
  X(avg, "avg", kAggregate, one, "mean")                                                                       \
  X(between, "between", kExpression, none, "`between a and b`, both included")                                 \
  X(bool_, "bool", kType, none, "true or false")                                                               \
  X(by, "by", kClause | kPattern, none, "the key: one state for each of its values")                           \
  X(calendar, "calendar", kItem | kInExpression, none, "hours of a week in a time zone")                       \
  X(case_, "case", kInExpression, none, "`ignoring case`")                                                     \
  X(changes, "changes", kPattern, none, "`N changes of x.f`")                                                  \
  X(column, "column", kDeclare, none, "the column of a CSV file that a list reads")                            \
  X(consecutive, "consecutive", kPattern, none, "with nothing between")                                        \
  X(contains, "contains", kExpression, none, "a text has a part; a list has an element")                       \
  X(count, "count", kAggregate | kPattern, one, "how many")                                                    \
  X(critical, "critical", kSeverity, none, "the highest severity")                                             \
  X(delta, "delta", kAggregate, one, "last minus first")                                                       \
  X(distinct, "distinct", kPattern, none, "different values")                                                  \
  X(distinct_count, "distinct_count", kAggregate, one, "how many different values")                            \
  X(duration, "duration", kAggregate | kType, one, "how long x held; a field that is a length of time")        \
  X(during, "during", kClause, none, "only inside a calendar")                                                 \
  X(each, "each", kPattern | kInClause, none, "aligned windows; every event of a session")                     \
  X(ema, "ema", kAggregate, number, "exponential moving average")                                              \
  X(emit, "emit", kClause, none, "makes the match an event")                                                   \
  X(empty, "empty", kInClause, none, "`even if empty`")                                                        \
  X(ends, "ends", kClause | kInExpression, none, "ends a session; `ends with`")                                \
  X(escalate, "escalate", kClause, none, "raises the severity")                                                \
  X(even, "even", kClause, none, "`even if empty`")                                                            \
  X(event, "event", kItem | kInClause, none, "declares an event or an alias; `every event`")                   \
  X(every, "every", kClause | kInClause | kTest, none, "a schedule; `fire every match`")                       \
  X(exactly, "exactly", kPattern, none, "that many and no more")                                               \
  X(except, "except", kClause, none, "single events that do not exist for the rule")                           \
  X(expect, "expect", kTest, none, "what the test wants to see")                                               \
  X(extend, "extend", kItem, none, "adds clauses to a rule of another file")                                   \
  X(false_, "false", kExpression, none, "no")                                                                  \
  X(fewer, "fewer", kPattern, none, "`fewer than N x`")                                                        \
  X(fire, "fire", kClause, none, "when and how often")                                                         \
  X(first, "first", kAggregate | kPattern | kInClause, one, "the first value; the first b after each a")       \
  X(float_, "float", kType, none, "a number with decimals")                                                    \
  X(for_, "for", kPattern, none, "for so long")                                                                \
  X(forecast, "forecast", kAggregate, number, "where the values are heading")                                  \
  X(forget, "forget", kClause, none, "drops the state of a quiet key")                                         \
  X(from, "from", kDeclare | kInClause, none, "where the values of a list or table are")                       \
  X(gap_avg, "gap_avg", kAggregate, one, "mean time between neighbours")                                       \
  X(gap_stddev, "gap_stddev", kAggregate, one, "deviation of the times between neighbours")                    \
  X(has, "has", kDeclare, none, "the fields of an event")                                                      \
  X(high, "high", kSeverity, none, "a severity")                                                               \
  X(idle, "idle", kPattern | kInClause, none, "after a silence")                                               \
  X(if_, "if", kInClause, none, "`even if empty`; the function `if(c, a, b)`")                                 \
  X(ignoring, "ignoring", kInExpression, none, "`ignoring case`")                                              \
  X(in, "in", kExpression | kPattern | kInClause | kDeclare, none, "one of; `new x.f in D`; a time zone")      \
  X(info, "info", kSeverity, none, "the lowest severity")                                                      \
  X(int_, "int", kType, none, "a whole number")                                                                \
  X(ip, "ip", kType, none, "an address")                                                                       \
  X(is, "is", kExpression, none, "`is missing`, `is present`")                                                 \
  X(its, "its", kInExpression, none, "the left side's own past: `its average`, `its previous`")                \
  X(key, "key", kDeclare, none, "the column that finds a row of a table")                                      \
  X(last, "last", kAggregate | kPattern | kInClause, one, "the last value; the last so many events")           \
  X(late, "late", kDeclare, none, "how much disorder is waited for")                                           \
  X(learn, "learn", kClause, none, "stays silent at first")                                                    \
  X(let, "let", kItem, none, "names a constant")                                                               \
  X(list, "list", kItem | kInExpression | kInClause | kDeclare, none, "a set of values; an array")             \
  X(load, "load", kTest, none, "sends the events of a file")                                                   \
  X(low, "low", kSeverity, none, "a severity")                                                                 \
  X(match, "match", kInClause, none, "`fire every match`")                                                     \
  X(matches, "matches", kExpression, none, "a regular expression finds something")                             \
  X(max, "max", kAggregate, one, "largest value")                                                              \
  X(maybe, "maybe", kPattern, none, "none or one")                                                             \
  X(median, "median", kAggregate, one, "the middle value")                                                     \
  X(medium, "medium", kSeverity, none, "a severity")                                                           \
  X(min, "min", kAggregate, one, "smallest value")                                                             \
  X(missing, "missing", kInExpression, none, "`is missing`")                                                   \
  X(more, "more", kPattern, none, "`one or more`, `zero or more`")                                             \
  X(most, "most", kPattern | kInClause, none, "`at most`")                                                     \
  X(mute, "mute", kClause, none, "silent while another rule fires")                                            \
  X(new_, "new", kPattern, none, "a value not seen before")                                                    \
  X(next, "next", kPattern, none, "with no other event between")                                               \
  X(no, "no", kPattern | kTest, none, "none of these")                                                         \
  X(not_, "not", kExpression, none, "the opposite; unknown stays unknown")                                     \
  X(of, "of", kPattern | kDeclare, none, "out of these")                                                       \
  X(on, "on", kInClause, none, "at this event; on the same key")                                               \
  X(once, "once", kInClause, none, "`fire once`, `at most once per`")                                          \
  X(one, "one", kPattern, none, "`one or more`")                                                               \
  X(or_, "or", kExpression | kPattern, none, "either")                                                         \
  X(outside, "outside", kClause, none, "only outside a calendar")                                              \
  X(over, "over", kInExpression | kClause | kInClause | kPattern, none, "the window of one aggregate")         \
  X(owner, "owner", kClause, none, "the team that answers")                                                    \
  X(p, "p", kAggregate, one, "`p50` to `p99.9`: percentiles")                                                  \
  X(per, "per", kInClause, none, "`at most N per D`")                                                          \
  X(point, "point", kType, none, "a place on Earth")                                                           \
  X(present, "present", kInExpression, none, "`is present`")                                                   \
  X(previous, "previous", kInExpression, none, "`its previous`; `previous.f`, of the event before")            \
  X(rate, "rate", kAggregate, one, "count per second")                                                         \
  X(ratio, "ratio", kAggregate, two, "count of the first by count of the second")                              \
  X(reload, "reload", kTest, none, "takes the rules of another file")                                          \
  X(remind, "remind", kClause, none, "sends an open alert again")                                              \
  X(reset, "reset", kClause, none, "clears the key's state at an event")                                       \
  X(resolve, "resolve", kClause, none, "closes a firing alert")                                                \
  X(restart, "restart", kTest, none, "stops the engine and starts it from its checkpoint")                     \
  X(resume, "resume", kClause, none, "where the next match may start")                                         \
  X(rule, "rule", kItem, none, "a pattern and what happens when it is seen")                                   \
  X(runbook, "runbook", kClause, none, "where to read what to do")                                             \
  X(same, "same", kInClause, none, "`on same k`")                                                              \
  X(send, "send", kClause | kInClause, none, "to this sink")                                                   \
  X(session, "session", kItem, none, "events of a key without a long silence")                                 \
  X(slope, "slope", kAggregate, one, "least-squares change per second")                                        \
  X(some, "some", kInExpression, none, "holds for one object of a list")                                       \
  X(start, "start", kInClause, none, "`fire and start over`")                                                  \
  X(starts, "starts", kClause | kInExpression, none, "starts a session; `starts with`")                        \
  X(stddev, "stddev", kAggregate, one, "standard deviation")                                                   \
  X(sum, "sum", kAggregate, one, "total")                                                                      \
  X(summary, "summary", kItem, none, "aggregates on a schedule")                                               \
  X(table, "table", kItem, none, "rows found by a key")                                                        \
  X(tags, "tags", kClause, none, "words to sort alerts by")                                                    \
  X(template_, "template", kItem, none, "a rule with holes")                                                   \
  X(test, "test", kItem, none, "events and what they must cause")                                              \
  X(text, "text", kType, none, "text")                                                                         \
  X(than, "than", kPattern, none, "`fewer than N`")                                                            \
  X(then, "then", kPattern, none, "and after that")                                                            \
  X(tiebreak, "tiebreak", kDeclare, none, "orders events of one time")                                         \
  X(time, "time", kType, none, "a point in time")                                                              \
  X(timestamp, "timestamp", kDeclare, none, "the field that says when")                                        \
  X(to, "to", kPattern | kInClause, none, "`N to M`; where alerts go")                                         \
  X(top, "top", kAggregate | kPattern, number, "the most frequent values")                                     \
  X(topic, "topic", kDeclare, none, "a Kafka topic as a list or table")                                        \
  X(true_, "true", kExpression, none, "yes")                                                                   \
  X(unresolved, "unresolved", kInClause, none, "`escalate to SEV after D unresolved`")                         \
  X(until, "until", kPattern, none, "ends a repetition")                                                       \
  X(up, "up", kDeclare, none, "`adaptive up to D`")                                                            \
  X(uses, "uses", kDeclare, none, "a rule from a template")                                                    \
  X(values, "values", kAggregate, one, "all values")                                                           \
  X(was, "was", kDeclare, none, "the rule's old name, so that state is kept")                                  \
  X(when, "when", kClause | kInClause, none, "the pattern")                                                    \
  X(where, "where", kClause, none, "judges the finished match")                                                \
  X(while_, "while", kInClause, none, "`mute while RULE`")                                                     \
  X(with, "with", kClause | kInClause | kInExpression, none, "adds fields; `starts with`")                     \
  X(within, "within", kPattern, none, "first and last no further apart than this")                             \
  X(without, "without", kPattern, none, "`x after D without y`")                                               \
  X(zero, "zero", kPattern, none, "`zero or more`")                                                            \
  X(zscore, "zscore", kAggregate, nested, "how many deviations from its own past")                             \
  X(us, "us", kTimeUnit, none, "microseconds")                                                                 \
  X(ms, "ms", kTimeUnit, none, "milliseconds")                                                                 \
  X(ns, "ns", kTimeUnit, none, "nanoseconds")                                                                  \
  X(s, "s", kTimeUnit, none, "seconds")                                                                        \
  X(mon, "mon", kDay, none, "Monday")                                                                          \
  X(tue, "tue", kDay, none, "Tuesday")                                                                         \
  X(wed, "wed", kDay, none, "Wednesday")                                                                       \
  X(thu, "thu", kDay, none, "Thursday")                                                                        \
  X(fri, "fri", kDay, none, "Friday")                                                                          \
  X(sat, "sat", kDay, none, "Saturday")                                                                        \
  X(sun, "sun", kDay, none, "Sunday")

enum class Word : std::uint8_t {
  none,  // not in the table
#define X(enumerator, text, uses, shape, meaning) enumerator,
  TOCSIN_WORDS(X)
#undef X
};

struct WordRow {
  std::string_view text;
  Word word;
  std::uint16_t uses;
  Shape shape;
  std::string_view meaning;
};

// All rows, in the order of their enumerators.
std::span<const WordRow> all_words();
// The row of a word; `Word::none` has an empty one.
const WordRow& row(Word word);
// The word that `text` is; percentiles (`p95`, `p99.9`) are Word::p. Word::none when the table does not have it.
Word find_word(std::string_view text);
// Of percentiles: `p` and two digits, with decimals or without.
bool is_percentile(std::string_view text);

// `p0`, `p25`, `p99.99`, `p100`: what to write instead of a percentile that there is not; empty for anything else.
inline constexpr std::string_view kPercentilesAre = "they go from `p50` to `p99.9`, with one decimal at most";
std::string_view percentile_meant(std::string_view text);

inline bool has_use(Word word, unsigned uses) { return (row(word).uses & uses) != 0; }

// Units of durations and sizes, largest first.
struct UnitRow {
  std::string_view text;
  std::int64_t factor;  // microseconds, or bytes
  std::string_view meaning;
};
std::span<const UnitRow> duration_units();
std::span<const UnitRow> size_units();
// A unit by what people call it (`min`, `minutes`, `sec`, `hrs`); empty when it is none.
std::string_view duration_unit_meant(std::string_view text);

}  // namespace tocsin::dsl
