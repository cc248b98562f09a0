// The productions, in the order in which a reader needs them, and the page around them. Those of the phrases are made
// of their table; the others are written by hand.
#include "dsl/ebnf.h"

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "dsl/operators.h"
#include "dsl/phrases.h"
#include "dsl/words.h"
#include "engine/base/contract.h"

namespace tocsin::dsl {

namespace {

constexpr auto kProductions = std::to_array<Production>({
    {"Files and items", "file", "{ item }"},
    {"", "item", "event | alias | let | list | table | calendar | session | summary | template | rule | extend | test"},
    {"", "event", "\"event\" NAME [ \"has\" field { \",\" field } ] [ timestamp ] [ late ] [ tiebreak ]"},
    {"", "field", "path [ \"list\" \"of\" ] type [ \"?\" ]"},
    {"", "type", "\"text\" | \"int\" | \"float\" | \"bool\" | \"time\" | \"duration\" | \"ip\" | \"point\" | \"any\""},
    {"", "timestamp", "\"timestamp\" path [ \"in\" ( \"s\" | \"ms\" | \"us\" | \"ns\" ) ]"},
    {"", "late", "\"late\" [ \"adaptive\" \"up\" \"to\" ] length"},
    {"", "tiebreak", "\"tiebreak\" path"},
    {"", "alias", "\"event\" NAME \"=\" stream"},
    {"", "let", "\"let\" PARAM \"=\" expression"},
    {"", "list", "\"list\" NAME ( \"=\" values | \"from\" \"topic\" TEXT | \"from\" TEXT [ \"column\" FIELD ] )"},
    {"", "table", "\"table\" NAME ( \"from\" \"topic\" TEXT | \"from\" TEXT \"key\" FIELD )"},
    {"", "calendar", "\"calendar\" NAME \"=\" hours { \",\" hours } \"in\" TEXT"},
    {"", "hours", "day [ \"-\" day ] [ CLOCK \"-\" CLOCK ]"},
    {"", "day", "\"mon\" | \"tue\" | \"wed\" | \"thu\" | \"fri\" | \"sat\" | \"sun\""},
    {"", "session", "\"session\" NAME \"of\" stream { session_clause }"},
    {"", "summary", "\"summary\" NAME \"of\" stream { summary_clause }"},
    {"", "template", "\"template\" NAME \"(\" [ PARAM { \",\" PARAM } ] \")\" \"when\" pattern { rule_clause }"},
    {"", "rule",
     "\"rule\" NAME [ TEXT ] [ \"was\" NAME ] ( \"when\" pattern | \"uses\" NAME arguments ) { rule_clause }"},
    {"", "extend", "\"extend\" \"rule\" NAME { rule_clause }"},

    {"Patterns", "pattern", "form [ \"within\" length ] [ \"each\" length [ \"in\" TEXT ] ] [ \"for\" length ]"},
    {"", "form",
     "sequence | apart | silence | \"fewer\" \"than\" count stream | distinct | count \"of\" \"last\" count stream | "
     "count \"changes\" \"of\" "
     "stream_field | \"new\" stream_field \"in\" length | idle | \"no\" stream \"within\" length \"after\" stream [ as "
     "] | \"top\" "
     "count stream_field \"by\" \"count\" \"over\" length | condition | phrase"},
    {"", "sequence", "step { \"then\" link step } [ \"then\" \"no\" stream bound ]"},
    {"", "link", "[ \"no\" stream \"then\" ] [ \"next\" | \"first\" ] [ bound ]"},
    {"", "bound", "\"within\" length [ \"of\" NAME ]"},
    {"", "step",
     "[ quantity ] [ \"consecutive\" ] ( stream | group | alternatives ) [ \"of\" stream ] [ as ] [ \"until\" stream [ "
     "as ] ]"},
    {"", "quantity", "count [ \"to\" count ] | \"exactly\" count | ( \"one\" | \"zero\" ) \"or\" \"more\" | \"maybe\""},
    {"", "group", "\"(\" pattern \")\""},
    {"", "alternatives", "( \"any\" count | \"all\" ) \"of\" \"(\" step { \",\" step } \")\""},
    {"", "as", "\"as\" NAME"},
    {"", "apart", "count stream [ as ] \"at\" \"most\" length \"apart\""},
    {"", "distinct", "count \"distinct\" ( stream_field | \"(\" stream_field { \",\" stream_field } \")\" )"},
    {"", "idle", "stream [ as ] \"after\" length ( \"idle\" | \"without\" stream )"},
    {"", "silence", "\"no\" stream \"for\" length"},
    {"", "condition", "judged { ( \"and\" | \"or\" ) judged }"},
    {"", "judged", "{ \"not\" } ( measured comparison_sign sum | \"(\" condition \")\" ) | NUMBER order_sign measured"},
    {"", "measured", "aggregate { ( \"+\" | \"-\" | \"*\" | \"/\" | \"%\" ) signed }"},
    {"", "stream", "( NAME | \"(\" stream { \"or\" stream } \")\" ) [ \"(\" expression \")\" ]"},
    {"", "stream_path", "stream [ \".\" path ]"},
    {"", "stream_field", "stream \".\" path"},

    {"Clauses", "rule_clause",
     "by | where | except | during | reset | learn | resolve | mute | escalate | remind | alert | with | send | "
     "runbook | tags | owner | "
     "emit | forget | fire | resume"},
    {"", "session_clause", "by | ends | starts | \"at\" \"most\" length | with | emit_each | send"},
    {"", "summary_clause", "by | every | \"even\" \"if\" \"empty\" | with | send | forget"},
    {"", "by", "\"by\" ( \"all\" | key { \",\" key } )"},
    {"", "key",
     "( path | FIELD \"=\" ( expression | \"(\" path \",\" path { \",\" path } \")\" ) ) [ \"from\" \"list\" NAME ]"},
    {"", "where", "\"where\" expression"},
    {"", "except", "\"except\" expression"},
    {"", "during", "( \"during\" | \"outside\" ) NAME"},
    {"", "reset", "\"reset\" \"on\" stream"},
    {"", "learn", "\"learn\" length"},
    {"", "resolve", "\"resolve\" \"when\" pattern"},
    {"", "mute", "\"mute\" \"while\" NAME [ \"on\" \"same\" path { \",\" path } ]"},
    {"", "escalate", "\"escalate\" \"to\" severity \"after\" ( length \"unresolved\" | count \"in\" length )"},
    {"", "severity", "\"info\" | \"low\" | \"medium\" | \"high\" | \"critical\""},
    {"", "remind", "\"remind\" \"every\" length"},
    {"", "alert", "\"alert\" [ severity ] TEMPLATE"},
    {"", "with", "\"with\" assign { \",\" assign }"},
    {"", "assign", "FIELD \"=\" ( TEMPLATE | expression )"},
    {"", "send", "\"send\" \"to\" TEXT { \",\" TEXT }"},
    {"", "runbook", "\"runbook\" TEMPLATE"},
    {"", "tags", "\"tags\" TEXT { \",\" TEXT }"},
    {"", "owner", "\"owner\" TEXT"},
    {"", "emit", "\"emit\" NAME [ with ]"},
    {"", "forget", "\"forget\" \"after\" length \"idle\""},
    {"", "fire",
     "\"fire\" ( \"once\" | \"always\" | \"and\" \"start\" \"over\" | \"every\" \"match\" | \"at\" \"most\" ( \"once\" "
     "| count ) \"per\" length [ "
     "\"per\" path { \",\" path } ] )"},
    {"", "resume", "\"resume\" \"at\" ( \"first\" | \"last\" ) NAME"},
    {"", "ends", "\"ends\" ( \"after\" length \"idle\" [ \"when\" \"last\" \"is\" stream ] | \"on\" stream )"},
    {"", "starts", "\"starts\" \"on\" stream"},
    {"", "emit_each", "\"emit\" \"each\" [ \"with\" enriched { \",\" enriched } ] [ send ]"},
    {"", "enriched", "FIELD [ \"=\" expression ]"},
    {"", "every", "\"every\" ( \"event\" [ summed ] | length [ summed ] [ \"in\" TEXT ] )"},
    {"", "summed", "\"over\" ( length | \"all\" )"},

    {"Expressions", "expression", "conjunction { \"or\" conjunction }"},
    {"", "conjunction", "negation { \"and\" negation }"},
    {"", "negation", "{ \"not\" } comparison"},
    {"", "comparison",
     "sum [ comparison_sign sum ignoring | \"matches\" REGEX ignoring | [ \"not\" ] \"in\" among ignoring | "
     "\"between\" sum \"and\" sum | \"is\" ( "
     "\"missing\" | \"present\" ) ]"},
    {"", "comparison_sign", "order_sign | \"contains\" | \"starts\" \"with\" | \"ends\" \"with\""},
    {"", "order_sign", "\"=\" | \"!=\" | \"<\" | \"<=\" | \">\" | \">=\""},
    {"", "ignoring", "[ \"ignoring\" \"case\" ]"},
    {"", "among", "values | \"list\" NAME | \"calendar\" NAME"},
    {"", "sum", "product { ( \"+\" | \"-\" ) product }"},
    {"", "product", "signed { ( \"*\" | \"/\" | \"%\" ) signed }"},
    {"", "signed", "{ \"-\" } operand"},
    {"", "operand",
     "literal | PARAM | \"(\" expression \")\" | aggregate | function | lookup | its | \"some\" path \"(\" expression "
     "\")\" | values | path"},
    {"", "literal", "NUMBER | PERCENT | SIZE | DURATION | TEXT | ADDRESS | \"true\" | \"false\""},
    {"", "function", "FUNCTION \"(\" [ argument { \",\" argument } ] \")\""},
    {"", "argument", "expression | REGEX"},
    {"", "arguments", "\"(\" [ expression { \",\" expression } ] \")\""},
    {"", "lookup", "NAME \"[\" expression \"]\" \".\" path"},
    {"", "its", "[ FACTOR ] \"its\" ( \"average\" \"over\" length | \"previous\" )"},
    {"", "values", "\"[\" [ expression { \",\" expression } ] \"]\""},
    {"", "aggregate",
     "aggregate_of_one \"(\" [ stream_path [ over ] ] \")\" | \"ratio\" \"(\" stream_path \",\" stream_path [ over ] "
     "\")\" | "
     "aggregate_with_number \"(\" stream_path [ over ] \",\" expression \")\" | \"zscore\" \"(\" expression \",\" "
     "expression \")\""},
    {"", "aggregate_of_one",
     "\"count\" | \"sum\" | \"avg\" | \"min\" | \"max\" | \"stddev\" | \"median\" | PERCENTILE | \"distinct_count\" | "
     "\"first\" | \"last\" | "
     "\"values\" | \"rate\" | \"delta\" | \"slope\" | \"duration\" | \"gap_avg\" | \"gap_stddev\""},
    {"", "aggregate_with_number", "\"ema\" | \"top\" | \"forecast\""},
    {"", "over", "\"over\" ( length | \"last\" count )"},
    {"", "path", "FIELD { \".\" FIELD }"},
    {"", "length", "DURATION | PARAM"},
    {"", "count", "NUMBER | PARAM"},

    {"Tests", "test", "\"test\" TEXT [ \"rule\" NAME ] { line }"},
    {"", "line",
     "[ \"at\" ( length | TEXT ) ] ( send_events | expect | \"reload\" TEXT | \"restart\" | \"load\" TEXT )"},
    {"", "send_events", "[ count ] NAME [ \"every\" length ] [ fields ]"},
    {"", "expect", "\"expect\" [ \"no\" ] ( \"alert\" | NAME ) [ fields ]"},
    {"", "fields", "\"{\" [ path \":\" expression { \",\" path \":\" expression } ] \"}\""},
});

constexpr std::string_view kTokens =
    "| token | is |\n"
    "|---|---|\n"
    "| `NAME` | `[a-z_][a-z0-9_]*` and no keyword, or anything in backticks: `` `User-Agent` ``; `$name` in a template "
    "|\n"
    "| `FIELD` | `[A-Za-z_][A-Za-z0-9_]*` and no word of expressions, or anything in backticks; behind a dot any word "
    "|\n"
    "| `FUNCTION` | a word before `(` (the functions are listed in language.md) |\n"
    "| `PARAM` | `$name`, a constant or the parameter of a template |\n"
    "| `NUMBER` | `5`, `10_000`, `1.5`, `1e9` |\n"
    "| `PERCENT`, `SIZE`, `FACTOR` | `20%`; `10MB`, `64KiB`; `3x` |\n"
    "| `DURATION` | `250ms`, `5m`, `1h30m`: units `w d h m s ms us`, the largest first |\n"
    "| `CLOCK` | `09:00` |\n"
    "| `ADDRESS` | `10.0.0.1`, `10.0.0.0/8`, `::1` |\n"
    "| `TEXT` | `\"...\"` on one line, with `\\\" \\\\ \\n \\t \\u{e9}` |\n"
    "| `TEMPLATE` | a `TEXT` with `{expression}` in it; `{{` and `}}` are braces |\n"
    "| `REGEX` | `/.../` on one line, `\\/` is a slash; the syntax is RE2's |\n"
    "| `PERCENTILE` | `p50` to `p99.9`, before `(` |\n";

struct Place {
  unsigned use;
  std::string_view text;
};
constexpr auto kPlaces = std::to_array<Place>({
    {kItem, "begins an item"},
    {kDeclare, "declaration"},
    {kClause, "begins a clause"},
    {kInClause, "clause"},
    {kPattern, "pattern"},
    {kExpression, "expression, reserved everywhere"},
    {kInExpression, "expression"},
    {kAggregate, "aggregate"},
    {kTest, "test"},
    {kSeverity, "severity"},
    {kType, "type"},
    {kTimeUnit, "unit of a timestamp"},
    {kDay, "day"},
});

// What the author may write in a slot of a phrase.
std::string_view production_of(const PhrasePart& part) {
  switch (part.kind) {
    case PhrasePart::Kind::step:
      return "[ NUMBER ] stream [ as ]";
    case PhrasePart::Kind::event:
      return "stream";
    case PhrasePart::Kind::value:
      return "stream_field";
    case PhrasePart::Kind::number:
      return "sum";
    case PhrasePart::Kind::duration:
      return "length";
    case PhrasePart::Kind::word:
      break;
  }
  TOCSIN_ASSERT(false);
  return {};
}

std::string phrases_in_words() {
  std::string out;
  for (const PhraseParts& phrase : phrase_parts()) {
    if (!out.empty()) out += " |";
    for (const PhrasePart& part : phrase.shape) {
      if (!out.empty()) out += ' ';
      if (part.kind == PhrasePart::Kind::word)
        out.append("\"").append(part.text).append("\"");
      else
        out += production_of(part);
    }
  }
  return out;
}

// A long production has each of its alternatives on a line.
std::string in_lines(const Production& p) {
  constexpr std::size_t kColumns = 110;
  std::string out;
  const bool is_long = p.name.size() + p.text.size() > kColumns;
  int open = 0;
  for (std::size_t i = 0; i < p.text.size(); ++i) {
    const char c = p.text[i];
    if (c == '"') {  // a sign in quotes opens nothing
      const std::size_t end = p.text.find('"', i + 1);
      out.append(p.text.substr(i, end + 1 - i));
      i = end;
      continue;
    }
    if (c == '(' || c == '[' || c == '{') ++open;
    if (c == ')' || c == ']' || c == '}') --open;
    if (c == '|' && open == 0 && is_long) out.replace(out.size() - 1, 1, "\n  ");
    out += c;
  }
  return out;
}

}  // namespace

std::span<const Production> productions() {
  static const std::string phrases = phrases_in_words();
  static const std::vector<Production> all = [] {
    std::vector<Production> out(kProductions.begin(), kProductions.end());
    const auto form = std::ranges::find(out, std::string_view("form"), &Production::name);
    out.insert(form + 1, {"", "phrase", phrases});
    return out;
  }();
  return all;
}

std::string grammar_page() {
  std::string out =
      "# The grammar\n\n"
      "The productions are written by hand in `dsl/ebnf.cc`; the phrases and the words are the tables that the parser\n"
      "reads by. A test fails when this page is out of date, and another derives sentences from the productions that\n"
      "the parser has to read. Newlines and indentation mean nothing; `//` begins a comment.\n\n"
      "Words and signs stand in quotes, `[ ]` may be missing, `{ }` may be repeated or missing, `|` parts\n"
      "alternatives. The options of an event (`timestamp`, `late`, `tiebreak`), the bounds of a pattern (`within`, "
      "`each`,\n"
      "`for`) and all clauses stand in any order. Names in capitals are tokens:\n\n";
  out += kTokens;
  for (const Production& p : productions()) {
    if (!p.chapter.empty())
      out += (p.name == "file" ? "" : "```\n") + std::string("\n## ") + std::string(p.chapter) + "\n```\n";
    out.append(p.name).append(" = ").append(in_lines(p)).append(" .\n");
  }
  out +=
      "```\n\n## Phrases\n\n"
      "Other ways to say a pattern. `$step` is an event with its number and its name, `$event` an event, `$value` its\n"
      "field, `$number` an expression, `$duration` a length of time. Their words are no keywords.\n\n"
      "| phrase | stands for | which is |\n|---|---|---|\n";
  for (const Phrase& phrase : phrases()) {
    out.append("| `").append(phrase.shape).append("` | `").append(phrase.rewrite);
    out.append("` | ").append(phrase.meaning).append(" |\n");
  }
  out +=
      "\n## Words\n\nWords are keywords only in their places; elsewhere they are names of fields. Names of items "
      "are no keywords.\n\n";
  out += "| word | where | for |\n|---|---|---|\n";
  for (const WordRow& word : all_words()) {
    out.append("| `").append(word.text).append("` | ");
    bool first = true;
    for (const Place& place : kPlaces) {
      if ((word.uses & place.use) == 0) continue;
      out.append(first ? "" : ", ").append(place.text);
      first = false;
    }
    out.append(" | ").append(word.meaning).append(" |\n");
  }
  return out;
}

}  // namespace tocsin::dsl
