#include "tests/support/rule_generator.h"

#include <algorithm>

namespace tocsin::tests {
namespace {

// What every case names. `late` is put in by Case::text.
const char* const kBases[] = {"a", "b", "c"};

std::string head(std::int64_t late_ms) {
  std::string out;
  for (const char* base : kBases)
    out += std::string("event ") + base + " has k text?, v int?, s text?, d duration?, ts time\n  timestamp ts late " +
           std::to_string(late_ms) + "ms\n";
  return out +
         "event a_high = a(v > 1)\nevent b_x = b(s = \"x\")\nevent ab = (a or b)\n"
         "list known = [\"k1\", \"k2\"]\n"
         "calendar office = mon-sun 00:01-00:02 in \"UTC\"\n"
         "calendar shifts = mon-sun 00:02-00:03, mon-sun 00:04-00:05, mon-sun 23:59-24:00, mon-sun 00:00-00:01 in "
         "\"UTC\"\n";
}

// The same events, but for those whose v is 0.
std::string filtered(const std::string& of) { return of == "(a or b)" ? "(a(v > 0) or b)" : of + "(v > 0)"; }

}  // namespace

std::string RuleText::text() const {
  std::string out = head;
  if (!pattern.empty()) out += " when " + pattern;
  if (!by.empty()) out += "\n  by " + by;
  for (const std::string& clause : clauses) out += "\n  " + clause;
  return out + "\n";
}

std::string EventText::json() const {
  return "{\"event\":\"" + type + "\",\"ts\":" + std::to_string(ms) + (fields.empty() ? "" : ",") + fields + "}";
}

std::string Case::text() const {
  std::string out = head(late_ms);
  for (const RuleText& rule : rules) out += rule.text();
  return out;
}

std::string Case::events_text() const {
  std::string out;
  for (const EventText& e : events)
    out += "  " + std::to_string(e.partition) + "/" + std::to_string(e.offset) + " " + e.json() + "\n";
  if (until_ms) out += "  --until " + std::to_string(*until_ms) + "ms\n";
  if (drain) out += "  --drain\n";
  return out;
}

std::string Generator::pick(std::initializer_list<const char*> choices) {
  return *(choices.begin() + below(choices.size()));
}

std::string Generator::duration() { return pick({"1s", "2s", "2s", "3s", "5s"}); }
std::string Generator::small() { return pick({"1", "2", "2", "3"}); }
std::string Generator::base() { return pick({"a", "a", "b", "b", "c"}); }

Generator Generator::apart() const {
  std::mt19937_64 ahead = random_;
  return Generator(ahead());
}

std::string Generator::plain_filter() {
  Generator more = apart();
  const std::string plain = pick({"v > 1", "v = 1", "v <= 1", "s = \"x\"", "not (s = \"x\")", "v is present",
                                  "v != 2 or s = \"y\"", "v > previous.v", "s in [\"x\", \"z\"]"});
  if (!more.one_in(6)) return plain;
  return more.pick({"abs(v - 2) = 1", "max(v, 1) = 1", "min(v, 2) = 2", "coalesce(v, 1) = 1", "v % 2 = 1",
                    "v in [0, 2]", "if(v > 1, v, 0) = 2", "round(v / 2) = 1", "length(s) = 1 and v > 0", "d >= 1s",
                    "coalesce(d, 2s) > 1s", "not (v in [1])", "max(v, 2) > previous.v"});
}

// The same behind functions, which say something of nothing, too.
std::string Generator::by_functions(const std::string& of) {
  switch (below(11)) {
    case 0:
      return "abs(" + of + " - 2) " + pick({"> 1", "= 1", "< 2"});
    case 1:
      return "max(" + of + ", 1) < " + pick({"2", "3"});
    case 2:
      return "min(" + of + ", 2) >= " + small();
    case 3:
      return "round(" + of + " * 1.5) " + pick({"< 3", ">= 3"});
    case 4:
      return "coalesce(" + of + ", " + pick({"0", "1", "3"}) + ") " + pick({"< 2", ">= 2", "= 1"});
    case 5:
      return of + " in " + pick({"[0, 1]", "[1, 3]", "[2]"});
    case 6:
      return "if(" + of + " > 1, 1, 0) = " + pick({"0", "1"});
    case 7:
      return "5 - " + of + pick({" > 3", " < 4"});
    case 8:
      return of + pick({" is missing", " is present"});
    case 9:
      return "count(" + base() + ") % 2 = " + pick({"0", "1"});
    default:
      return pick({"coalesce", "max"}) + "(" + pick({"sum(", "max("}) + base() + ".d over " + duration() + "), 1s)" +
             pick({" > 1s", " <= 1s", " < 2s"});
  }
}

// A filter that looks at a step before.
std::string Generator::relation() {
  std::vector<std::string> singles;
  for (const Named& n : names_)
    if (!n.repeated) singles.push_back(n.name);
  if (singles.empty() || one_in(3)) {
    for (const Named& n : names_)
      if (n.repeated) return pick({"v > ", "v <= "}) + (one_in(2) ? "count(" + n.name + ")" : "max(" + n.name + ".v)");
  }
  if (singles.empty()) return plain_filter();
  const std::string& name = singles[below(singles.size())];
  return pick({"v > ", "v = ", "v != ", "v >= "}) + name + ".v";
}

std::string Generator::stream(bool relations) {
  if (one_in(7)) return pick({"a_high", "b_x", "ab"});
  if (one_in(9)) return "(" + base() + " or " + base() + "(" + plain_filter() + "))";
  std::string out = base();
  if (relations && !names_.empty() && one_in(4)) return out + "(" + relation() + ")";
  if (one_in(4)) out += "(" + plain_filter() + ")";
  return out;
}

std::string Generator::link() {
  std::string out = " then ";
  if (one_in(7)) out += "no " + stream(true) + " then ";
  if (one_in(7)) out += pick({"next ", "next ", "first "});
  if (one_in(5)) {
    out += "within " + duration() + " ";
    for (const Named& n : names_)
      if (!n.repeated && one_in(4)) {
        out += "of " + n.name + " ";
        break;
      }
  }
  return out;
}

std::string Generator::step(int depth, bool first, bool last) {
  const auto bind = [&](bool repeated) {
    if (!one_in(2)) return std::string();
    names_.push_back({"n" + std::to_string(next_name_++), repeated});
    return " as " + names_.back().name;
  };
  if (depth > 0 && one_in(8)) {
    std::string out = "(" + sequence(0);
    if (one_in(2)) out += " within " + duration();
    out += ")";
    if (one_in(3)) out = pick({"2 ", "one or more ", "maybe ", "exactly 1 "}) + out;
    return out;
  }
  if (depth > 0 && one_in(9)) {
    std::string out = pick({"any 2 of (", "all of (", "any 1 of ("});
    const std::size_t n = 2 + below(2);
    for (std::size_t i = 0; i < n; ++i) {
      out += i > 0 ? ", " : "";
      if (one_in(5)) out += pick({"2 ", "one or more "});
      out += stream(false);
    }
    return out + ")";
  }
  if (one_in(3)) {
    std::string quantity = pick({"2 ", "2 ", "exactly 2 ", "1 to 2 ", "one or more ", "zero or more ", "maybe ", "3 "});
    if (last && (quantity == "maybe " || quantity == "zero or more ")) quantity = "2 ";
    if (quantity == "maybe ") {
      std::string out = quantity + stream(true);
      if (one_in(3)) out += " as n" + std::to_string(next_name_++);  // nobody may count on it
      return out;
    }
    if (one_in(6)) quantity += "consecutive ";
    std::string out = quantity + stream(true);
    out += bind(true);
    if (!last && one_in(6)) out += " until " + base();
    return out;
  }
  static_cast<void>(first);
  std::string out = stream(true);
  return out + bind(false);
}

std::string Generator::sequence(int depth) {
  const std::size_t n = 2 + below(depth > 0 ? 2 : 1);
  std::string out;
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out += link();
    out += step(depth, i == 0, i + 1 == n);
  }
  if (depth > 0 && one_in(5)) out += " then no " + stream(true) + " within " + duration();
  return out;
}

std::string Generator::aggregate() {
  std::string x = base();
  if (one_in(4)) x = pick({"a_high", "b_x"});
  if (one_in(5)) x += "(" + plain_filter() + ")";
  counted_ = x == "a" || x == "b" || x == "c" ? x : "";
  const std::string over = one_in(2) ? " over " + duration() : one_in(5) ? " over last " + small() : "";
  switch (below(8)) {
    case 0:
    case 1:
      return "count(" + x + over + ")";
    case 2:
      return pick({"sum(", "avg(", "min(", "max(", "distinct_count(", "median(", "stddev("}) + x + ".v" + over + ")";
    case 3:
      return pick({"first(", "last(", "delta(", "max("}) + x + ".v" + over + ")";
    case 4:
      return pick({"rate(", "count("}) + x + over + ")";
    case 5:
      return pick({"p75(", "p90(", "stddev(", "slope("}) + x + ".v" + over + ")";
    case 6:
      return one_in(2) ? "ema(" + x + ".v" + over + ", 0.25)" : "distinct_count(" + x + ".s" + over + ")";
    default:
      return "ratio(" + x + ", " + base() + over + ")";
  }
}

// What the alert's text may count, too.
std::string Generator::counted() { return counted_ = base(); }

// What a session or summary may say of its rows, which are of `of`: each aggregate as often as any other, and
// `duration`, which looks beyond them, more often.
std::string Generator::of_rows(const std::string& of) {
  const auto stream = [&] {
    std::string x = of == "a" ? pick({"a", "a", "a_high"}) : pick({"a", "b", "a_high", "b_x", "ab"});
    return one_in(3) ? x + "(" + pick({"v > 1", "v = 1", "v <= 1", "s = \"x\"", "v is present"}) + ")" : x;
  };
  if (one_in(4)) return "duration(" + (one_in(8) ? "" : stream()) + ")";
  const std::string name = pick({"count", "sum",   "avg",     "min",        "max",  "stddev", "median",
                                 "p75",   "p99.9", "rate",    "first",      "last", "values", "distinct_count",
                                 "delta", "slope", "gap_avg", "gap_stddev", "ema",  "top",    "ratio"});
  if (name == "count" || name == "rate" || name.starts_with("gap")) return name + "(" + stream() + ")";
  if (name == "ratio") return "ratio(" + stream() + ", " + stream() + ")";
  return name + "(" + stream() + (name == "slope" ? ".v" : pick({".v", ".v", ".s", ".d"})) +
         (name == "ema"   ? ", 0.25"
          : name == "top" ? ", 2"
                          : "") +
         ")";
}

// Of an aggregate with a number, of a length of time with another, or with what it was before.
std::string Generator::comparison() {
  Generator more = apart();
  const auto over = [&] { return one_in(4) ? " over last " + small() : " over " + duration(); };
  switch (below(13)) {
    case 0:
      return pick({"gap_avg(", "gap_stddev("}) + base() + " over " + duration() + ")" + pick({" >= ", " < "}) +
             pick({"500ms", "1s", "2s"});
    case 1:
      return pick({"sum(", "avg(", "max(", "stddev(", "median("}) + base() + ".d over " + duration() + ")" +
             pick({" >= ", " < "}) + pick({"1s", "2s"});
    case 2:
      return pick({"count(", "rate("}) + base() + " over " + duration() + ")" + pick({" >= ", " < "}) +
             pick({"2x its previous", "its previous"});
    case 3:
      return pick({"sum(", "avg(", "max(", "stddev(", "distinct_count("}) + base() + (more.one_in(3) ? ".d" : ".v") +
             " over 1s)" + pick({" > ", " < "}) + "its average over " + pick({"2s", "3s", "5s"});
    case 4: {
      std::string of = pick({"count(a", "sum(b.v", "avg(a.v"});
      if (more.one_in(3)) of = more.pick({"sum(b.d", "avg(a.d", "duration(a"});
      return "zscore(" + of + " over 1s), " + pick({"2s", "3s"}) + ")" + pick({" > ", " < "}) + pick({"0", "1"});
    }
    case 5:
      return "duration(" + pick({"a", "b", "a_high", "b_x", "ab"}) + over() + ") >= " + pick({"500ms", "1s", "2s"});
    case 6:
      return "length(values(" + counted() + pick({".v", ".s", ".d"}) + over() + "))" + pick({" > ", " >= "}) + small();
    case 7:
      return one_in(2) ? "values(" + counted() + ".v" + over() + ") = " + pick({"[1, 2]", "[2]", "[2, 0]"})
                       : "top(" + counted() + ".s" + over() + ", 2) = " + pick({"[\"x\"]", "[\"x\", \"y\"]"});
    case 8:
      return "duration(" + counted() + " over " + pick({"1s", "2s"}) + ")" + pick({" > ", " < "}) +
             (more.one_in(2) ? "its average over 5s" : "its previous");
    default: {
      const std::string of = aggregate();
      std::string plain = of + pick({" > ", " >= ", " < ", " = ", " <= "}) + small();
      return more.one_in(3) ? more.by_functions(of) : plain;
    }
  }
}

std::string Generator::condition() {
  std::string out = comparison();
  if (one_in(8)) {
    out = "count(" + base() + ") / count(" + base() + ") > 50%";
    counted_.clear();
  }
  if (one_in(3)) out += pick({" and ", " or "}) + comparison();
  return out + " within " + duration();
}

std::string Generator::pattern(int size) {
  names_.clear();
  counted_.clear();
  const std::uint64_t kind = below(size == 0 ? 9 : 18);
  has_count_ = kind == 1 || kind == 2 || kind == 6 || kind == 8 || kind == 9 || kind == 10 || kind == 11 ||
               kind == 13 || kind == 15 || kind == 16;
  has_span_ = has_count_ || kind == 17;
  has_value_ = kind == 15;
  has_gap_ = kind == 5;
  has_last_seen_ = kind == 3;
  switch (kind) {
    case 0:
      return stream(false);
    case 1:
      return small() + " " + stream(false) + " within " + duration();
    case 2:
      return small() + " consecutive " + pick({"a_high", "b_x", "a(v <= 1)", "ab(v > 0)"}) +
             (one_in(4) ? " within " + duration() : "");
    case 3:
      return "no " + stream(false) + " for " + duration();
    case 4:
      return "no " + stream(false) + " within " + duration() + " after " + stream(false);
    case 5:
      return stream(false) + " after " + duration() + (one_in(2) ? " idle" : " without " + stream(false));
    case 6:
      return small() + " " + stream(false) + " at most " + pick({"1s", "2s"}) + " apart" +
             (one_in(3) ? " within " + duration() : "");
    case 7:
      return pick({"a_high", "b_x", "a(v = 1)"}) + " for " + duration();
    case 8:
      return pick({"2 of last 3 ", "1 of last 2 ", "3 of last 3 "}) + pick({"a_high", "b_x"});
    case 9:
      return "fewer than " + small() + " " + stream(false) + " within " + duration();
    case 10:
      return small() + " distinct " + base() + pick({".v", ".s"}) + " within " + duration();
    case 11:
      return pick({"1", "2"}) + " changes of " + base() + ".v within " + duration();
    case 12:
      return "new " + base() + ".s in " + duration();
    case 13:
      return small() + " " + stream(false) + " each " + duration();
    case 14:
      return "top " + small() + " " + base() + ".s by count over " + duration();
    case 15:
      return condition() + (one_in(4) ? " for " + duration() : "");
    case 16: {
      std::string inner = sequence(0);
      if (one_in(2)) inner += " within " + duration();
      return small() + " (" + inner + ") within " + duration();
    }
    default: {
      std::string out = sequence(size > 1 ? 1 : 0);
      if (!one_in(4)) out += " within " + duration();
      return out;
    }
  }
}

std::string Generator::text_of() {
  std::string out = has_count_ ? "{count}" : "-";
  if (has_span_) out += pick({"", " {span}", " {first}", " {time}", " {last}"});
  if (has_value_) out += pick({"", " {value}", " {value} {baseline}"});
  if (has_gap_ && apart().one_in(2)) out += " {gap}";
  if (has_last_seen_ && apart().one_in(2)) out += " {last_seen}";
  if (has_value_ && !counted_.empty() && one_in(2)) {
    const std::string over = pick({"", " over 1s", " over 3s", " over last 2"});
    out += " {" +
           (one_in(4)   ? "duration(" + counted_ + over
            : one_in(3) ? "p90(" + counted_ + ".v" + over
            : one_in(2) ? "values(" + counted_ + pick({".v", ".s"}) + over
                        : "top(" + counted_ + pick({".v", ".s"}) + over + ", 2") +
           ")}";
  }
  for (const Named& n : names_)
    if (one_in(2))
      out += !n.repeated ? " {" + n.name + ".v}"
             : one_in(3) ? " {count(" + n.name + ")}"
                         : " {" + pick({"values(", "sum("}) + n.name + ".v)}";
  return out;
}

std::string Generator::resolve() {
  const std::vector<Named> kept = names_;
  names_.clear();
  std::string out = one_in(3)   ? "no " + stream(false) + " for " + duration()
                    : one_in(3) ? small() + " " + stream(false) + " within " + duration()
                                : stream(false);
  names_ = kept;
  return out;
}

void Generator::clauses(RuleText& rule, int size, bool sequence) {
  auto& out = rule.clauses;
  bool open = false;
  if (one_in(6)) out.push_back("reset on " + stream(false));
  if (one_in(10)) out.push_back("except " + pick({"v = 3", "s = \"z\"", "v is missing"}));
  Generator more = apart();
  const bool is_absence = rule.pattern.starts_with("no ") || rule.pattern.starts_with("fewer ") || has_value_;
  const std::size_t before = out.size();
  if (one_in(12)) out.push_back("learn " + duration());
  if (is_absence && out.size() == before && more.one_in(4)) out.push_back("learn " + more.pick({"3s", "5s", "8s"}));
  if (one_in(5)) {
    open = true;
    out.push_back("resolve when " + resolve());
  }
  if (one_in(8))
    out.push_back("fire at most " + small() + " per " + duration() + (one_in(4) && rule.by == "k" ? " per k" : ""));
  if (one_in(4)) {
    const bool starts = rule.pattern.find(" then ") != std::string::npos;
    out.push_back(starts && one_in(2) ? "fire every match"
                                      : pick({"fire always", "fire and start over", "fire always"}));
  }
  if (open && one_in(3)) out.push_back("remind every " + duration());
  if (open && one_in(3)) out.push_back("escalate to critical after " + duration() + (one_in(2) ? " unresolved" : ""));
  if (one_in(12)) out.push_back("forget after " + duration() + " idle");
  if (one_in(10)) out.push_back(pick({"during office", "outside office", "during shifts", "outside shifts"}));
  if (one_in(5)) {
    std::string where;
    for (const Named& n : names_)
      if (!n.repeated && one_in(2)) where = n.name + ".v" + pick({" > 0", " = 1", " < 2"});
    if (where.empty() && has_count_) where = "count " + pick({">= 2", "< 3", "= 2"});
    if (!where.empty()) out.push_back("where " + where);
  }
  if (sequence && one_in(10) && !names_.empty())
    out.push_back("resume at " + pick({"first ", "last "}) + names_[below(names_.size())].name);
  static_cast<void>(size);
}

// A session or a summary, and a rule that uses it.
void Generator::rows(const std::string& number, std::vector<RuleText>& out) {
  RuleText rule;
  Generator more = apart();
  const bool session = one_in(2);
  const std::string kind = session ? "session w" : "summary w", of = pick({"a", "(a or b)", "ab"});
  rule.head = kind + number + " of " + (more.one_in(3) ? filtered(of) : of);
  rule.by = "k";
  if (session) {
    rule.clauses.push_back("ends after " + duration() + " idle");
    if (one_in(3)) rule.clauses.push_back("ends after " + duration() + " idle when last is " + pick({"a_high", "a"}));
    if (one_in(3)) rule.clauses.push_back(pick({"ends on b", "ends on a(v = 2)", "starts on a(v = 1)", "ends on c"}));
    if (one_in(3)) rule.clauses.push_back("at most " + duration());
  } else {
    rule.clauses.push_back(pick({"every 2s", "every 1s over 3s", "every event over 2s", "every 3s"}));
    if (more.one_in(4))
      rule.clauses.back() = more.pick({"every 1s over all", "every event over all", "every 1s over 2s", "every 1s"});
    if (one_in(4))
      rule.clauses.push_back("even if empty forget after " + more.pick({"5s", "5s", "1s", "2s"}) + " idle");
    else if (more.one_in(3))
      rule.clauses.push_back("forget after " + more.pick({"5s", "5s", "1s", "2s"}) + " idle");
  }
  rule.clauses.push_back("with x = " + pick({"count(a)", "sum(a.v)", "max(a.v)", "count()"}) +
                         ", y = " + pick({"last(a.v)", "distinct_count(a.s)", "avg(a.v)"}) +
                         ", z = " + more.of_rows(of) + ", w = " + more.of_rows(of));
  out.push_back(rule);
  RuleText user;
  user.head = "rule u" + number;
  const std::string text = pick({"u", "u {time}"});
  if (one_in(2))
    user.pattern = "2 w" + number + " within 5s";
  else
    user.pattern = "w" + number + "(x >= 1)";
  user.by = "k";
  user.clauses.push_back("alert low \"" + text + "\"");
  out.push_back(user);
}

std::vector<RuleText> Generator::rules(int size) {
  std::vector<RuleText> out;
  const std::size_t n = size < 3 ? 1 : 1 + below(3);
  for (std::size_t i = 0; i < n; ++i) {
    RuleText rule;
    const std::string number = std::to_string(i + 1);
    if (size == 3 && one_in(5)) {
      rows(number, out);
      continue;
    }
    rule.head = (i == 1 ? "rule q" : "rule r") + number;  // before and behind the rule that it may use
    next_name_ = 0;
    rule.pattern = pattern(size);
    const bool sequence = rule.pattern.find(" then ") != std::string::npos;
    if (size == 3 && i > 0 && one_in(3))
      rule.pattern = one_in(2) ? "2 r1 within " + duration() : "r1 then " + base() + " within " + duration(),
      names_.clear(), has_count_ = has_span_ = has_value_ = has_gap_ = has_last_seen_ = false;
    rule.by = one_in(3) ? "all" : one_in(8) ? "k from list known" : "k";
    if (size > 0) clauses(rule, size, sequence);
    const bool is_absence = rule.pattern.starts_with("no ") || rule.pattern.starts_with("fewer ") || has_value_;
    if (size == 3 && i > 0 && (one_in(5) || (is_absence && apart().one_in(2)))) rule.clauses.push_back("mute while r1");
    if (one_in(10)) rule.clauses.push_back("emit e" + number + " with x = 1");
    rule.clauses.push_back("alert low \"" + text_of() + "\"");
    out.push_back(rule);
  }
  return out;
}

// One more of a chain, which uses one of those before it.
RuleText Generator::link_of_chain(std::vector<RuleText>& made) {
  RuleText out;
  const std::string number = std::to_string(made.size() + 1);
  const auto name_of = [](const RuleText& rule) { return rule.head.substr(rule.head.find(' ') + 1).substr(0, 2); };
  const std::string used = made.empty() ? pick({"a", "b"}) : name_of(made[below(made.size())]);
  const bool is_base = used.size() == 1;
  // Mostly the key of the one before.
  out.by = made.empty() || one_in(4) ? pick({"k", "k", "k, s", "s, k", "s", "all"}) : made.back().by;
  const std::uint64_t kind = below(made.empty() ? 3 : 5);
  if (kind == 0) {
    out.head = "session w" + number + " of " + used;
    out.clauses = {"ends after " + duration() + " idle", "with x = count()"};
  } else if (kind == 1) {
    out.head = "summary w" + number + " of " + used;
    out.clauses = {pick({"every 2s", "every event over 2s"}), "with x = count()"};
  } else {
    out.head = (made.size() % 2 == 0 ? "rule r" : "rule q") + number;
    out.pattern = pick({"", "", "2 "}) + used;
    if (out.pattern != used) out.pattern += " within " + duration();
    if (!is_base && one_in(2))
      out.pattern = one_in(2) ? base() + " then no " + used + " within " + duration()
                              : base() + " then " + used + " within " + duration();
    if (one_in(3)) out.clauses.push_back("resolve when " + base());
    if (one_in(3))
      out.clauses.push_back("fire at most " + pick({"1", "1", "2"}) + " per " + pick({"3s", "20s"}) +
                            pick({"", " per k", " per s", " per s", " per s, k", " per k, s"}));
    for (const RuleText& rule : made)
      if (rule.head.starts_with("rule") && one_in(2))
        out.clauses.push_back("mute while " + name_of(rule) + pick({"", " on same k", " on same s", " on same k, s"}));
    if (one_in(3))
      out.clauses.push_back("emit e" + number + pick({" with x = 1", " with k = \"k2\"", " with s = \"y\""}));
    out.clauses.push_back("alert low \"-\"");
  }
  return out;
}

Case Generator::chain() {
  Case out;
  for (std::size_t n = 2 + below(3); out.rules.size() < n;) {
    const RuleText rule = link_of_chain(out.rules);
    out.rules.push_back(rule);
    // Whoever uses what is emitted, and not the fire, names it.
    for (const std::string& clause : rule.clauses)
      if (clause.starts_with("emit ") && one_in(2)) {
        RuleText user{
            "rule z" + std::to_string(out.rules.size() + 1), clause.substr(5, 2), rule.by, {"alert low \"-\""}};
        if (one_in(4)) user.by = pick({"k", "s", "k, s"});
        out.rules.push_back(user);
      }
  }
  out.events = events(10 + below(20));
  if (one_in(3)) out.until_ms = out.events.back().ms + static_cast<std::int64_t>(below(8)) * 1000;
  return out;
}

// Whatever it emits has k, s and x, for the next one to be keyed by.
RuleText Generator::rekeyed_link(std::vector<std::string>& emitted, std::vector<std::string>& rules) {
  RuleText out;
  const std::string number = std::to_string(emitted.size() + 1);
  const bool is_base = emitted.empty() || one_in(5);
  const std::string used =
      is_base ? base() : emitted[emitted.size() - 1 - below(std::min<std::size_t>(emitted.size(), 3))];
  out.by = is_base ? pick({"k", "s", "k, s"}) : pick({"k", "s", "s, k", "x", "x, s", "all"});
  std::string with = "with x = " + pick({"count()", "count() + 1"});
  for (const char* const field : {"k", "s"})
    if (out.by.find(field) == std::string::npos)
      with += std::string(", ") + field + " = last(" + used + "." + field + ")";
  const std::uint64_t kind = below(5);
  if (out.by.find('x') == std::string::npos && kind < 3) {
    out.head = (kind < 2 ? "session w" : "summary w") + number + " of " + used;
    if (kind < 2) out.clauses.push_back("ends after " + duration() + " idle");
    if (kind == 2) out.clauses.push_back(pick({"every 2s", "every 1s", "every event over 2s"}));
    out.clauses.push_back(with);
    emitted.push_back("w" + number);
    return out;
  }
  out.head = (one_in(2) ? "rule r" : "rule q") + number;
  const bool may_mix = out.by.find('x') == std::string::npos;
  const std::uint64_t shape = below(may_mix ? 5 : 3);
  out.pattern = shape == 0   ? "2 " + used + " within " + duration()
                : shape == 1 ? used
                : shape == 2 ? used + " then no " + used + " within " + duration()
                : shape == 3 ? base() + " as first_one then " + used + " within " + duration()
                             : used + " then no " + base() + " within " + duration();
  if (one_in(6)) out.clauses.push_back("fire at most 1 per 3s");
  if (one_in(6)) out.clauses.push_back("fire always");
  if (!rules.empty() && one_in(8))
    out.clauses.push_back("mute while " + rules[below(rules.size())] + pick({"", " on same k"}));
  if (shape != 0) {
    std::string fields = "x = 1";
    for (const char* const field : {"k", "s"})
      if (out.by.find(field) == std::string::npos) fields += std::string(", ") + field + " = " + used + "." + field;
    if (out.by.find('x') != std::string::npos) fields = fields.substr(fields.find(',') + 2);
    out.clauses.push_back("emit e" + number + " with " + fields);
    emitted.push_back("e" + number);
  } else {
    emitted.push_back(base());
  }
  rules.push_back(out.head.substr(5));
  out.clauses.push_back("alert low \"-\"");
  return out;
}

Case Generator::rekeyed() {
  Case out;
  std::vector<std::string> emitted, rules;
  for (std::size_t n = 2 + below(5); out.rules.size() < n;) out.rules.push_back(rekeyed_link(emitted, rules));
  out.events = events(20 + below(30));
  if (one_in(3)) out.until_ms = out.events.back().ms + static_cast<std::int64_t>(below(8)) * 1000;
  return out;
}

std::vector<EventText> Generator::events(std::size_t n) {
  std::vector<EventText> out;
  std::int64_t ms = 57'000;
  const bool one_key = one_in(3);
  for (std::size_t i = 0; i < n; ++i) {
    static constexpr std::int64_t kGaps[] = {0, 0, 1, 500, 999, 1000, 1000, 1001, 1000, 2000, 1999, 3000, 1};
    ms += kGaps[below(std::size(kGaps))];
    EventText e;
    e.type = kBases[below(std::size(kBases))];
    e.ms = ms;
    const auto add = [&e](const std::string& field) { e.fields += (e.fields.empty() ? "" : ",") + field; };
    if (!one_in(20)) add(std::string("\"k\":\"") + (one_key || one_in(2) ? "k1" : one_in(5) ? "k3" : "k2") + "\"");
    if (!one_in(10)) add("\"v\":" + std::to_string(below(4)));
    if (!one_in(8)) add(std::string("\"s\":\"") + "xyz"[below(3)] + "\"");
    if (one_in(2)) add("\"d\":" + pick({"0.5", "1", "2", "1.5"}));
    e.offset = i + 1;
    out.push_back(e);
  }
  return out;
}

std::vector<EventText> Generator::shuffled(const std::vector<EventText>& events, std::int64_t late_ms) {
  // Each event is given an arrival up to `late_ms` after its time; a partition's offsets arrive in the order of
  // arrival.
  std::vector<std::pair<std::int64_t, EventText>> arrivals;
  for (const EventText& e : events)
    arrivals.emplace_back(e.ms + static_cast<std::int64_t>(below(static_cast<std::uint64_t>(late_ms) + 1)), e);
  std::stable_sort(arrivals.begin(), arrivals.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
  std::vector<EventText> out;
  for (auto& [at, e] : arrivals) out.push_back(std::move(e));
  return out;
}

Case Generator::any() {
  Case out;
  const int size = static_cast<int>(below(4));
  out.rules = rules(size);
  out.late_ms = 0;
  out.events = events(2 + below(14));
  if (one_in(3)) out.until_ms = out.events.back().ms + static_cast<std::int64_t>(below(8)) * 1000;
  if (one_in(4)) out.drain = true;
  // The reference drains to instants at which nothing comes of it, and would show on its way there what time alone
  // renews.
  for (const RuleText& rule : out.rules) {
    const auto has = [&rule](std::string_view word) {
      return std::ranges::any_of(rule.clauses, [word](const std::string& c) { return c.starts_with(word); });
    };
    if (out.rules.size() > 1 && (has("learn ") || has("mute "))) out.drain = false;
    // What starts over by time alone, and brings what is waited for each time: there is no end to it. The engine stops
    // where only such can be left (Engine::drain), and the reference goes on.
    if (has("fire and start over") && (has("resolve") || out.rules.size() > 1)) out.drain = false;
    for (const std::string& clause : rule.clauses)
      if (clause.starts_with("even if empty") || clause.ends_with("over all")) out.drain = false;
  }
  return out;
}

}  // namespace tocsin::tests
