// Two halves: Writer turns nodes into lines with places where they may break, Page puts lines, comments and blank
// lines together.
#include "dsl/print.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/lex.h"
#include "dsl/phrases.h"
#include "dsl/words.h"
#include "engine/program/functions.h"

namespace tocsin::dsl {

namespace {

constexpr std::size_t kColumns = 120;
constexpr std::size_t kIndent = 2;
constexpr std::size_t kFurther = 2 * kIndent;  // of what does not fit on the line of its clause

template <class... Fs>
struct overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
overloaded(Fs...) -> overloaded<Fs...>;

// ----- names, numbers, texts ----------------------------------------------------------------------------------------

bool is_plain_word(std::string_view text, bool upper_case) {
  const auto letter = [&](char c) {
    return (c >= 'a' && c <= 'z') || c == '_' || (upper_case && c >= 'A' && c <= 'Z');
  };
  if (text.empty() || !letter(text[0])) return false;
  return std::ranges::all_of(text, [&](char c) { return letter(c) || (c >= '0' && c <= '9'); });
}

std::string backticks(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string item_name(const ast::Name& name) {
  if (name.param) return "$" + name.text;
  const bool plain =
      is_plain_word(name.text, false) && !has_use(find_word(name.text), kReservedForItems) && !find_function(name.text);
  return plain ? name.text : backticks(name.text);
}

// `all`, `some` and `its` are free as fields, but open something where a field could stand first.
std::string field_name(const ast::Name& name, bool first) {
  if (name.param) return "$" + name.text;
  const Word word = find_word(name.text);
  const bool opens = first && (word == Word::all || word == Word::some || word == Word::its);
  const bool plain = is_plain_word(name.text, true) && !has_use(word, kExpression) && !opens;
  return plain ? name.text : backticks(name.text);
}

// Characters that a reader could not see or would misread.
bool is_hidden(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA1) || c == 0xAD || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202F) || (c >= 0x2060 && c <= 0x206F) || c == 0xFEFF || (c >= 0xFFF9 && c <= 0xFFFB);
}

std::uint32_t code_point(std::string_view text, std::size_t at, std::size_t& length) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(at + i < text.size() ? text[at + i] : 0); };
  const unsigned first = byte(0);
  length = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  if (length == 1) return first;
  std::uint32_t code = first & (0xFFU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) code = (code << 6U) | (byte(i) & 0x3FU);
  return code;
}

void escape_into(std::string& out, std::string_view text) {
  for (std::size_t at = 0, length = 0; at < text.size(); at += length) {
    const std::uint32_t c = code_point(text, at, length);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += static_cast<char>(c);
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '\t') {
      out += "\\t";
    } else if (is_hidden(c)) {
      std::array<char, 8> hex{};
      const auto end = std::to_chars(hex.data(), hex.data() + hex.size(), c, 16);
      out.append("\\u{").append(hex.data(), end.ptr).append("}");
    } else {
      out.append(text.substr(at, length));
    }
  }
}

std::string write_double(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  std::string out(buffer.data(), end.ptr);
  if (out.find_first_of(".e") == std::string::npos) out += ".0";
  return out;
}

std::string write_regex(std::string_view pattern) {
  std::string out = "/";
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == '/') out += '\\';
    out += pattern[i];
    if (pattern[i] == '\\' && i + 1 < pattern.size()) out += pattern[++i];
  }
  return out + "/";
}

std::string_view write(ast::Severity severity) {
  switch (severity) {
    case ast::Severity::info:
      return "info";
    case ast::Severity::low:
      return "low";
    case ast::Severity::medium:
      return "medium";
    case ast::Severity::high:
      return "high";
    case ast::Severity::critical:
      return "critical";
  }
  return {};
}

std::string_view write(ast::FieldType type) {
  switch (type) {
    case ast::FieldType::text:
      return "text";
    case ast::FieldType::integer:
      return "int";
    case ast::FieldType::floating:
      return "float";
    case ast::FieldType::boolean:
      return "bool";
    case ast::FieldType::time:
      return "time";
    case ast::FieldType::duration:
      return "duration";
    case ast::FieldType::ip:
      return "ip";
    case ast::FieldType::point:
      return "point";
    case ast::FieldType::any:
      return "any";
  }
  return {};
}

std::string_view write(ast::TimeUnit unit) {
  switch (unit) {
    case ast::TimeUnit::seconds:
      return "s";
    case ast::TimeUnit::milliseconds:
      return "ms";
    case ast::TimeUnit::microseconds:
      return "us";
    case ast::TimeUnit::nanoseconds:
      return "ns";
  }
  return {};
}

// How tightly an operator binds; operands that bind less get parentheses.
enum Level { kOr = 1, kAnd, kNot, kComparison, kSum, kProduct, kSign, kOperand };

Level level_of(ast::BinaryOp op) {
  using enum ast::BinaryOp;
  switch (op) {
    case logical_or:
      return kOr;
    case logical_and:
      return kAnd;
    case equal:
    case not_equal:
    case less:
    case less_equal:
    case greater:
    case greater_equal:
    case contains:
    case starts_with:
    case ends_with:
    case matches:
      return kComparison;
    case add:
    case subtract:
      return kSum;
    case multiply:
    case divide:
    case remainder:
      return kProduct;
  }
  return kOperand;
}

Level level_of(const ast::Expr& expr) {
  if (const auto* binary = std::get_if<ast::Binary>(&expr.node)) return level_of(binary->op);
  if (const auto* unary = std::get_if<ast::Unary>(&expr.node))
    return unary->op == ast::UnaryOp::logical_not ? kNot : kSign;
  const bool comparison = std::holds_alternative<ast::In>(expr.node) ||
                          std::holds_alternative<ast::Between>(expr.node) || std::holds_alternative<ast::Is>(expr.node);
  return comparison ? kComparison : kOperand;
}

// ----- lines --------------------------------------------------------------------------------------------------------

// A space at which a line may be broken: the fewer brackets are open around it, and the looser what it parts, the
// lower its rank, and the sooner it is used. Before a `then` of the outermost sequence (rank 0) every long line is
// broken.
struct Break {
  std::size_t place = 0;
  std::size_t rank = 0;
  std::uint32_t from = 0, to = 0;  // of the author's text: what it parted, so that a comment between stays there
};
enum Rank : std::size_t { kThen, kNoThen, kBound, kOrPart, kAndPart, kComma, kRanks };

// A line of text, and the spaces of it at which it may be broken when it is too long.
class Writer {
 public:
  std::string text;
  std::vector<Break> breaks;
  std::size_t depth = 0;        // of brackets
  std::uint32_t last_from = 0;  // the end of the last list's last element, in the author's text and in this one
  std::size_t last_place = 0;

  Writer& put(std::string_view words) {
    text += words;
    return *this;
  }
  Writer& open(std::string_view bracket) {
    ++depth;
    return put(bracket);
  }
  Writer& close(std::string_view bracket) {
    --depth;
    return put(bracket);
  }
  Writer& space(Rank rank, std::uint32_t from = 0, std::uint32_t to = 0) {
    breaks.push_back({text.size(), depth * kRanks + rank, from, to});
    text += ' ';
    return *this;
  }
  Writer& append(const Writer& other) {
    for (const Break& b : other.breaks)
      breaks.push_back({text.size() + b.place, depth * kRanks + b.rank, b.from, b.to});
    if (other.last_from > 0) last_from = other.last_from, last_place = text.size() + other.last_place;
    return put(other.text);
  }
  template <class List, class Each>
  Writer& list(const List& elements, Each each) {
    for (std::size_t i = 0; i < elements.size(); ++i) {
      if (i > 0) put(",").space(kComma, elements[i - 1].span.end, elements[i].span.begin);
      each(elements[i]);
    }
    if (!elements.empty()) last_from = elements.back().span.end, last_place = text.size();
    return *this;
  }

  // Where a comment stands behind everything: in the author's text behind the last element of a list, when nothing but
  // brackets follows in this one. 0: nowhere.
  std::uint32_t tail_from() const {
    const std::string_view rest = std::string_view(text).substr(last_place);
    return rest.find_first_not_of(")]}") == std::string_view::npos ? last_from : 0;
  }

  // -- small things

  void param(const ast::Param& p) { put("$").put(p.name); }

  void count(const ast::Count& c) {
    if (const auto* p = std::get_if<ast::Param>(&c.value)) return param(*p);
    put(c.spelling.text.empty() || c.spelling.text == "once" ? std::to_string(std::get<std::int64_t>(c.value))
                                                             : c.spelling.text);
  }

  void length(const ast::Length& l) {
    if (const auto* p = std::get_if<ast::Param>(&l.value)) return param(*p);
    put(l.spelling.text.empty() ? write_duration(std::get<Duration>(l.value)) : l.spelling.text);
  }

  void quoted(const ast::Text& t) { put(quote(t.value)); }

  void path(const ast::Path& p) {
    for (std::size_t i = 0; i < p.parts.size(); ++i) put(i > 0 ? "." : "").put(field_name(p.parts[i], i == 0));
  }

  void name(const ast::Name& n) { put(item_name(n)); }
  void as(const std::optional<ast::Name>& n) {
    if (n) put(" as ").name(*n);
  }

  // -- expressions

  void expr(const ast::Expr& e, Level at_least = kOr) {
    const bool brackets = level_of(e) < at_least;
    if (brackets) open("(");
    std::visit([&](const auto& node) { write_node(node); }, e.node);
    if (brackets) close(")");
  }

  void template_text(const ast::Template& t) {
    put("\"");
    for (const auto& piece : t.pieces) {
      if (const auto* plain = std::get_if<std::string>(&piece)) {
        std::string doubled;
        for (const char c : *plain) doubled.append(c == '{' || c == '}' ? 2 : 1, c);
        escape_into(text, doubled);
      } else {
        Writer inside;
        inside.expr(*std::get<ast::Box<ast::Expr>>(piece));
        put("{");
        escape_into(text, inside.text);
        put("}");
      }
    }
    put("\"");
  }

  void write_node(const ast::Literal& l) {
    if (const auto* t = std::get_if<std::string>(&l.value)) {
      put(quote(*t));
    } else if (!l.spelling.text.empty()) {
      put(l.spelling.text);
    } else {
      std::visit(overloaded{[&](bool b) { put(b ? "true" : "false"); }, [&](std::int64_t i) { put(std::to_string(i)); },
                            [&](double d) { put(write_double(d)); }, [&](const std::string& s) { put(quote(s)); },
                            [&](Duration d) { put(write_duration(d)); }, [&](const ast::Address& a) { put(a.text); },
                            [&](const ast::Regex& r) { put(write_regex(r.pattern)); }},
                 l.value);
    }
  }
  void write_node(const ast::Param& p) { param(p); }
  void write_node(const ast::Path& p) { path(p); }
  void write_node(const ast::Lookup& l) {
    put(field_name(l.table, true)).open("[").expr(*l.key);
    close("].").path(l.field);
  }
  // A cell of a table that `check` reads as what it is compared with stands as it was written: `number` is not.
  static bool is_implied(const ast::Call& c) {
    const SourceSpan call = c.function.span;
    return c.args.size() == 1 && call.end > 0 && call.begin == c.args.front().span.begin &&
           call.end == c.args.front().span.end;
  }
  void write_node(const ast::Call& c) {
    if (is_implied(c)) return expr(c.args.front());
    put(c.function.text).open("(").list(c.args, [&](const ast::Expr& e) { expr(e); }).close(")");
  }
  void write_node(const ast::Aggregate& a) {
    put(a.function.text).open("(").list(a.streams, [&](const ast::StreamPath& s) { stream_path(s); });
    if (a.over) {
      put(" over ");
      if (const auto* n = std::get_if<ast::Count>(&a.over->window))
        put("last ").count(*n);
      else
        length(std::get<ast::Length>(a.over->window));
    }
    if (!a.streams.empty() && !a.args.empty()) put(", ");
    list(a.args, [&](const ast::Expr& e) { expr(e); }).close(")");
  }
  void write_node(const ast::Unary& u) {
    if (u.op == ast::UnaryOp::logical_not)
      put("not ").expr(*u.operand, kNot);
    else
      put("-").expr(*u.operand, kSign);
  }
  void write_node(const ast::Binary& b) {
    const Level level = level_of(b.op);
    // `a < b < c` does not exist; the others group from the left.
    const Level left = level == kComparison ? kSum : level, right = static_cast<Level>(level + 1);
    expr(*b.left, left);
    if (level <= kAnd)
      space(level == kOr ? kOrPart : kAndPart, b.left->span.end, b.right->span.begin);
    else
      put(" ");
    put(sign_of(b.op)).put(" ").expr(*b.right, right);
    if (b.ignoring_case) put(" ignoring case");
  }
  void write_node(const ast::In& i) {
    expr(*i.what, kSum);
    put(i.negated ? " not in " : " in ");
    std::visit(overloaded{[&](const ast::InList& l) { put("list ").name(l.list); },
                          [&](const ast::InCalendar& c) { put("calendar ").name(c.calendar); },
                          [&](const ast::InItems& items) { bracketed(items.items); }},
               i.where);
    if (i.ignoring_case) put(" ignoring case");
  }
  void write_node(const ast::Between& b) {
    expr(*b.what, kSum);
    put(" between ").expr(*b.low, kSum);
    put(" and ").expr(*b.high, kSum);
  }
  void write_node(const ast::Is& i) {
    expr(*i.what, kSum);
    put(i.missing ? " is missing" : " is present");
  }
  void write_node(const ast::Some& s) {
    put("some ").path(s.list);
    open(" (").expr(*s.condition);
    close(")");
  }
  void write_node(const ast::Its& i) {
    if (i.factor) {
      std::string factor = write_double(*i.factor);
      if (factor.ends_with(".0")) factor.resize(factor.size() - 2);
      put(i.factor_spelling.text.empty() ? factor + "x" : i.factor_spelling.text).put(" ");
    }
    put(i.what == ast::Its::What::average ? "its average" : "its previous");
    if (i.over) put(" over ").length(*i.over);
  }
  void write_node(const ast::ListOf& l) { bracketed(l.items); }
  void write_node(const ast::Template& t) { template_text(t); }

  void bracketed(const std::vector<ast::Expr>& items) {
    open("[").list(items, [&](const ast::Expr& e) { expr(e); }).close("]");
  }

  // -- streams and patterns

  void stream(const ast::Stream& s, bool of_aggregate = false) {
    if (s.any.empty()) {
      put(of_aggregate ? field_name(s.name, false) : item_name(s.name));
    } else {
      open("(");
      for (std::size_t i = 0; i < s.any.size(); ++i) {
        if (i > 0) space(kOrPart, s.any[i - 1].span.end, s.any[i].span.begin).put("or ");
        stream(s.any[i]);
      }
      close(")");
    }
    if (s.filter) {
      open("(").expr(*s.filter);
      close(")");
    }
  }

  void stream_path(const ast::StreamPath& s) {
    stream(*s.stream, true);
    if (!s.field.parts.empty()) {
      put(".");
      for (std::size_t i = 0; i < s.field.parts.size(); ++i)
        put(i > 0 ? "." : "").put(field_name(s.field.parts[i], i == 0));
    }
  }

  void quantity(const ast::Quantity& q) {
    using Kind = ast::Quantity::Kind;
    switch (q.kind) {
      case Kind::one:
        return;
      case Kind::at_least:
        count(q.low);
        break;
      case Kind::exactly:
        put("exactly ").count(q.low);
        break;
      case Kind::from_to:
        count(q.low);
        put(" to ").count(q.high);
        break;
      case Kind::one_or_more:
        put("one or more");
        break;
      case Kind::zero_or_more:
        put("zero or more");
        break;
      case Kind::maybe:
        put("maybe");
        break;
    }
    put(" ");
  }

  void bound(const ast::StepBound& b) {
    put("within ").length(b.length);
    if (b.of) put(" of ").name(*b.of);
  }

  void step(const ast::Step& s) {
    quantity(s.quantity);
    if (s.consecutive) put("consecutive ");
    std::visit(overloaded{[&](const ast::Stream& x) { stream(x); },
                          [&](const ast::Group& g) {
                            open("(").pattern(*g.pattern);
                            close(")");
                          },
                          [&](const ast::AnyOf& a) {
                            put(a.number ? "any " : "all ");
                            if (a.number) count(*a.number), put(" ");
                            open("of (").list(a.alternatives, [&](const ast::Step& x) { step(x); }).close(")");
                          }},
               s.what);
    if (s.of) put(" of ").stream(*s.of);
    as(s.as);
    if (s.until) {
      put(" until ").stream(s.until->stream);
      as(s.until->as);
    }
  }

  void link(const ast::Link& l) {
    put("then ");
    if (l.no) {
      put("no ").stream(*l.no);
      space(kNoThen).put("then ");
    }
    if (l.next) put("next ");
    if (l.first) put("first ");
    if (l.within) {
      bound(*l.within);
      put(" ");
    }
  }

  void write_form(const ast::Sequence& s) {
    for (std::size_t i = 0; i < s.steps.size(); ++i) {
      if (i > 0) space(kThen, s.steps[i - 1].span.end, s.steps[i].span.begin).link(s.steps[i].link);
      step(s.steps[i]);
    }
    if (s.ending) {
      space(kThen, s.steps.back().span.end, s.ending->span.begin).put("then no ").stream(s.ending->stream);
      put(" ").bound(s.ending->within);
    }
  }
  void write_form(const ast::Apart& a) {
    count(a.number);
    put(" ").stream(a.stream);
    as(a.as);
    put(" at most ").length(a.gap);
    put(" apart");
  }
  void write_form(const ast::FewerThan& f) {
    put("fewer than ").count(f.number);
    put(" ").stream(f.stream);
  }
  void write_form(const ast::Distinct& d) {
    count(d.number);
    put(" distinct ");
    if (d.values.size() != 1) open("(");
    list(d.values, [&](const ast::StreamPath& s) { stream_path(s); });
    if (d.values.size() != 1) close(")");
  }
  void write_form(const ast::OfLast& o) {
    count(o.number);
    put(" of last ").count(o.last);
    put(" ").stream(o.stream);
  }
  void write_form(const ast::Changes& c) {
    count(c.number);
    put(" changes of ").stream_path(c.value);
  }
  void write_form(const ast::New& n) {
    put("new ").stream_path(n.value);
    put(" in ").length(n.in);
  }
  void write_form(const ast::Idle& i) {
    stream(i.stream);
    as(i.as);
    put(" after ").length(i.length);
    put(" idle");
  }
  void write_form(const ast::Without& w) {
    stream(w.stream);
    as(w.as);
    put(" after ").length(w.length);
    put(" without ").stream(w.missing);
  }
  void write_form(const ast::Silence& s) {
    put("no ").stream(s.stream);
    put(" for ").length(s.length);
  }
  void write_form(const ast::NoAfter& n) {
    put("no ").stream(n.missing);
    put(" within ").length(n.within);
    put(" after ").stream(n.after);
    as(n.as);
  }
  void write_form(const ast::Ranking& r) {
    put("top ").count(r.number);
    put(" ").stream_path(r.value);
    put(" by count over ").length(r.over);
  }
  void write_form(const ast::Condition& c) { expr(c.expr); }

  void slot(const ast::Step& s) { step(s); }
  void slot(const ast::Stream& s) { stream(s); }
  void slot(const ast::StreamPath& v) { stream_path(v); }
  void slot(const ast::Expr& e) { expr(e); }
  void slot(const ast::Length& l) { length(l); }
  void phrase(const ast::Phrase& p) {
    std::size_t slots = 0;
    std::string_view gap;
    for (const PhrasePart& part : phrase_parts()[p.row].shape) {
      put(std::exchange(gap, " "));
      if (part.kind == PhrasePart::Kind::word)
        put(part.text);
      else
        std::visit([&](const auto& written) { slot(written); }, p.slots[slots++]);
    }
  }

  // Where the form ends in the author's text, as far as its nodes tell.
  static std::uint32_t end_of_form(const ast::Pattern& p) {
    if (const auto* c = std::get_if<ast::Condition>(&p.form)) return c->expr.span.end;
    const auto* s = std::get_if<ast::Sequence>(&p.form);
    if (s == nullptr || s->steps.empty() || p.phrase) return 0;
    return s->ending ? s->ending->span.end : s->steps.back().span.end;
  }

  void pattern(const ast::Pattern& p) {
    if (p.phrase)
      phrase(*p.phrase);
    else
      std::visit([&](const auto& form) { write_form(form); }, p.form);
    const std::uint32_t form = end_of_form(p);
    if (p.within) space(kBound, form, form > 0 ? p.within->span.begin : 0).put("within ").length(*p.within);
    if (p.each) {
      space(kBound).put("each ").length(p.each->length);
      zone(p.each->zone);
    }
    if (p.hold) space(kBound).put("for ").length(*p.hold);
  }
  void zone(const std::optional<ast::Text>& z) {
    if (z) put(" in ").quoted(*z);
  }

  // -- clauses

  void assigns(const std::vector<ast::Assign>& fields) {
    list(fields, [&](const ast::Assign& a) { put(field_name(a.name, false)).put(" = ").expr(a.value); });
  }

  void write_clause(const ast::By& b) {
    if (b.all) {
      put("by all");
      return;
    }
    put("by ").list(b.keys, [&](const ast::Key& k) {
      if (k.name) put(field_name(*k.name, true)).put(" = ");
      if (k.value) expr(*k.value);
      if (!k.parts.empty()) open("(").list(k.parts, [&](const ast::Path& p) { path(p); }).close(")");
      path(k.field);
      if (k.list) put(" from list ").name(*k.list);
    });
  }
  void write_clause(const ast::Where& w) { put("where ").expr(w.condition); }
  void write_clause(const ast::Except& e) { put("except ").expr(e.condition); }
  void write_clause(const ast::During& d) { put(d.outside ? "outside " : "during ").name(d.calendar); }
  void write_clause(const ast::Reset& r) { put("reset on ").stream(r.on); }
  void write_clause(const ast::Learn& l) { put("learn ").length(l.length); }
  void write_clause(const ast::Resolve& r) { put("resolve when ").pattern(*r.when); }
  void write_clause(const ast::Mute& m) {
    put("mute while ").name(m.rule);
    if (!m.same.empty()) put(" on same ").list(m.same, [&](const ast::Path& p) { path(p); });
  }
  void write_clause(const ast::Escalate& e) {
    put("escalate to ").put(write(e.to)).put(" after ");
    if (e.number) {
      count(*e.number);
      put(" in ").length(e.length);
    } else {
      length(e.length);
      put(" unresolved");
    }
  }
  void write_clause(const ast::Remind& r) { put("remind every ").length(r.every); }
  void write_clause(const ast::Alert& a) {
    put("alert ");
    if (a.severity) put(write(*a.severity)).put(" ");
    template_text(a.text);
  }
  void write_clause(const ast::With& w) { put("with ").assigns(w.fields); }
  void write_clause(const ast::SendTo& s) { put("send to ").texts(s.sinks); }
  void write_clause(const ast::Runbook& r) { put("runbook ").template_text(r.url); }
  void write_clause(const ast::Tags& t) { put("tags ").texts(t.tags); }
  void write_clause(const ast::Owner& o) { put("owner ").quoted(o.team); }
  void write_clause(const ast::Emit& e) {
    put("emit ").name(e.event);
    if (!e.fields.empty()) put(" with ").assigns(e.fields);
  }
  void write_clause(const ast::Forget& f) {
    put("forget after ").length(f.idle);
    put(" idle");
  }
  void write_clause(const ast::Fire& f) {
    using How = ast::Fire::How;
    switch (f.how) {
      case How::once:
        put("fire once");
        return;
      case How::always:
        put("fire always");
        return;
      case How::start_over:
        put("fire and start over");
        return;
      case How::every_match:
        put("fire every match");
        return;
    }
  }
  void write_clause(const ast::FireAtMost& f) {
    put("fire at most ");
    if (const auto* n = std::get_if<std::int64_t>(&f.number.value); n != nullptr && *n == 1)
      put("once");
    else
      count(f.number);
    put(" per ").length(f.per);
    if (!f.keys.empty()) put(" per ").list(f.keys, [&](const ast::Path& p) { path(p); });
  }
  void write_clause(const ast::Resume& r) { put(r.last ? "resume at last " : "resume at first ").name(r.at); }
  void write_clause(const ast::EndsAfter& e) {
    put("ends after ").length(e.idle);
    put(" idle");
    if (e.when_last) put(" when last is ").stream(*e.when_last);
  }
  void write_clause(const ast::EndsOn& e) { put("ends on ").stream(e.on); }
  void write_clause(const ast::StartsOn& s) { put("starts on ").stream(s.on); }
  void write_clause(const ast::AtMost& a) { put("at most ").length(a.length); }
  void write_clause(const ast::EmitEach& e) {
    put("emit each");
    if (!e.fields.empty()) {
      put(" with ").list(e.fields, [&](const ast::Assign& a) {
        put(field_name(a.name, false));
        const auto* itself = std::get_if<ast::Path>(&a.value.node);
        if (itself == nullptr || itself->parts.size() != 1 || !(itself->parts[0] == a.name)) put(" = ").expr(a.value);
      });
    }
    if (!e.sinks.empty()) put(" send to ").texts(e.sinks);
  }
  void write_clause(const ast::Every& e) {
    if (e.event) {
      put("every event");
    } else if (e.aligned) {
      put("every ").length(e.aligned->length);
    }
    if (e.over) put(" over ").length(*e.over);
    if (e.over_all) put(" over all");
    if (e.aligned) zone(e.aligned->zone);
  }
  void write_clause(const ast::EvenIfEmpty&) { put("even if empty"); }

  void texts(const std::vector<ast::Text>& all) {
    list(all, [&](const ast::Text& t) { quoted(t); });
  }

  void clause(const ast::Clause& c) {
    std::visit([&](const auto& node) { write_clause(node); }, c.node);
  }

  // -- tests

  void fields(const std::vector<ast::FieldValue>& all) {
    if (all.empty()) return;
    open(" {").list(all, [&](const ast::FieldValue& f) {
      path(f.name);
      put(": ").expr(f.value);
    });
    close("}");
  }
  void write_line(const ast::Send& s) {
    if (s.number) {
      count(*s.number);
      put(" ");
    }
    name(s.event);
    if (s.every) put(" every ").length(*s.every);
    fields(s.fields);
  }
  void write_line(const ast::Expect& e) {
    put(e.none ? "expect no " : "expect ");
    if (e.event)
      name(*e.event);
    else
      put("alert");
    fields(e.fields);
  }
  void write_line(const ast::Reload& r) { put("reload ").quoted(r.file); }
  void write_line(const ast::Restart&) { put("restart"); }
  void write_line(const ast::Load& l) { put("load ").quoted(l.file); }

  // -- declarations

  void declared(const ast::Field& f) {
    path(f.name);
    put(f.list ? " list of " : " ").put(write(f.type)).put(f.optional ? "?" : "");
  }
};

std::size_t columns(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

// A line as it stands on the page, and the place of the text at which it ends.
struct PageLine {
  std::string text;
  std::size_t end = 0;
};

// Lines of at most 120 columns where the breaks allow it, with their indents: a piece that is too long is broken at its
// loosest breaks, each line filled as far as it goes, and what is still too long at the next looser ones. Behind some
// of the breaks a comment stands: those are broken anyway.
class Wrapping {
 public:
  // REQUIRES: `commented` holds places of breaks, in order.
  Wrapping(const Writer& line, std::size_t indent, const std::vector<std::size_t>& commented)
      : line_(line), indent_(indent), commented_(commented) {}

  std::vector<PageLine> lines() {
    const std::size_t end = line_.text.size();
    const auto is_commented = [&](const Break& b) { return std::ranges::binary_search(commented_, b.place); };
    const bool every_then = !fits(0, end) || std::ranges::any_of(line_.breaks, [&](const Break& b) {
      return b.rank == kThen && is_commented(b);
    });
    std::size_t begin = 0;
    for (const Break& b : line_.breaks) {
      if (!is_commented(b) && (b.rank != kThen || !every_then)) continue;
      fill(begin, b.place);
      begin = b.place + 1;
    }
    fill(begin, end);
    return std::move(out_);
  }

 private:
  std::size_t indent_here() const { return out_.empty() ? indent_ : kFurther; }
  bool fits(std::size_t begin, std::size_t end) const {
    return indent_here() + columns(std::string_view(line_.text).substr(begin, end - begin)) <= kColumns;
  }
  void emit(std::size_t begin, std::size_t end) {
    out_.push_back({std::string(indent_here(), ' ') + line_.text.substr(begin, end - begin), end});
  }

  // As few lines as the loosest breaks of [begin, end) give. Recursion ends with the ranks, of which brackets make few.
  void fill(std::size_t begin, std::size_t end) {
    if (fits(begin, end)) return emit(begin, end);
    const auto first = std::ranges::upper_bound(line_.breaks, begin, {}, &Break::place);
    const auto behind = std::ranges::lower_bound(line_.breaks, end, {}, &Break::place);
    std::size_t rank = std::string::npos;
    for (auto b = first; b < behind; ++b) rank = std::min(rank, b->rank);
    if (rank == std::string::npos) return emit(begin, end);
    std::vector<std::size_t> places;
    for (auto b = first; b < behind; ++b)
      if (b->rank == rank) places.push_back(b->place);
    places.push_back(end);
    for (std::size_t i = 0; i < places.size(); ++i) {
      while (i + 1 < places.size() && fits(begin, places[i + 1])) ++i;
      fill(begin, places[i]);
      begin = places[i] + 1;
    }
  }

  const Writer& line_;
  std::size_t indent_;
  const std::vector<std::size_t>& commented_;
  std::vector<PageLine> out_;
};

// ----- items --------------------------------------------------------------------------------------------------------

// A line of an item as it will stand, and where it came from.
struct Line {
  Writer text;
  std::size_t indent = 0;
  std::uint32_t begin = 0, end = 0;
};

// What an item becomes. A short one has one line; `head` and `tail` are its columns beside its neighbours.
struct Block {
  std::vector<Line> lines;
  std::string head, tail;  // of a one-line declaration: `event login_ok`, `= login(..)`
  std::size_t kind = 0;    // of the item: only equals share columns
  bool one_line = false;
  std::vector<std::string> doc;
  std::uint32_t begin = 0, end = 0;
  const std::vector<ast::Comment>* comments = nullptr;  // of the file
};

bool comment_between(const Block& block, std::uint32_t from, std::uint32_t to) {
  const auto next = std::ranges::lower_bound(*block.comments, from, {}, [](const auto& c) { return c.span.begin; });
  return next != block.comments->end() && next->span.begin < to;
}

Line& add_line(Block& block, std::size_t indent, SourceSpan span) {
  block.lines.emplace_back();
  block.lines.back().indent = indent;
  block.lines.back().begin = span.begin;
  block.lines.back().end = span.end;
  return block.lines.back();
}

// Clauses, one a line; those that belong beside the head are joined to the line before while it stays short and no
// comment stands between.
void add_clauses(Block& block, const std::vector<ast::Clause>& clauses, auto beside_head) {
  bool at_head = true;
  for (const ast::Clause& c : clauses) {
    Writer w;
    w.clause(c);
    Line& last = block.lines.back();
    at_head = at_head && beside_head(c) && !comment_between(block, last.end, c.span.begin);
    // What needs a line of its own once needs it always: joining is decided by the text alone.
    if (at_head && last.indent + columns(last.text.text) + 1 + columns(w.text) <= kColumns) {
      last.text.put(" ").append(w);
      last.end = std::max(last.end, c.span.end);
      continue;
    }
    at_head = false;
    add_line(block, kIndent, c.span).text = std::move(w);
  }
}

bool is_by(const ast::Clause& c) { return std::holds_alternative<ast::By>(c.node); }
bool is_by_or_every(const ast::Clause& c) { return is_by(c) || std::holds_alternative<ast::Every>(c.node); }

void one_line(Block& block, SourceSpan span, std::string head, Writer tail) {
  Line& line = add_line(block, 0, span);
  line.text.put(head).put(" ").append(tail);
  block.head = std::move(head);
  block.tail = std::move(tail.text);
  block.one_line = columns(line.text.text) <= kColumns;
}

void add_item(Block& block, const ast::EventDecl& e, SourceSpan span) {
  Writer head;
  head.put("event ").name(e.name);
  if (e.has) head.put(" has ").list(e.fields, [&](const ast::Field& f) { head.declared(f); });
  Writer options;
  const auto option = [&] { return options.text.empty() ? "" : "  "; };
  std::uint32_t begin = span.end;
  if (e.timestamp) {
    options.put(option()).put("timestamp ").path(e.timestamp->field);
    if (e.timestamp->unit) options.put(" in ").put(write(*e.timestamp->unit));
    begin = std::min(begin, e.timestamp->span.begin);
  }
  if (e.late) {
    options.put(option()).put(e.late->adaptive ? "late adaptive up to " : "late ").length(e.late->length);
    begin = std::min(begin, e.late->span.begin);
  }
  if (e.tiebreak) options.put(option()).put("tiebreak ").path(*e.tiebreak);
  const std::size_t together = columns(head.text) + 2 + columns(options.text);
  const std::uint32_t fields_end = e.fields.empty() ? e.name.span.end : e.fields.back().span.end;
  if (options.text.empty() || (together <= kColumns && !comment_between(block, fields_end, begin))) {
    Line& line = add_line(block, 0, span);
    line.text = head;
    block.one_line = together <= kColumns;
    if (!options.text.empty()) line.text.put("  ").put(options.text);
    block.head = head.text;
    block.tail = options.text;
    return;
  }
  Line& first = add_line(block, 0, {span.file, span.begin, fields_end});
  first.text = std::move(head);
  add_line(block, kIndent, {span.file, begin, span.end}).text = std::move(options);
}

void add_item(Block& block, const ast::AliasDecl& a, SourceSpan span) {
  Writer tail;
  tail.put("= ").stream(a.stream);
  one_line(block, span, "event " + item_name(a.name), std::move(tail));
}

void add_item(Block& block, const ast::LetDecl& l, SourceSpan span) {
  Writer tail;
  tail.put("= ").expr(l.value);
  one_line(block, span, "let $" + l.name.text, std::move(tail));
}

void write_from(Writer& w, const ast::FromFile& f) {
  w.put("from ").quoted(f.file);
  if (f.column) w.put(" column ").put(field_name(*f.column, false));
}
void write_from(Writer& w, const ast::FromTopic& f) { w.put("from topic ").quoted(f.topic); }

void add_item(Block& block, const ast::ListDecl& l, SourceSpan span) {
  Writer tail;
  std::visit(overloaded{[&](const std::vector<ast::Expr>& items) { tail.put("= ").bracketed(items); },
                        [&](const ast::FromFile& f) { write_from(tail, f); },
                        [&](const ast::FromTopic& f) { write_from(tail, f); }},
             l.source);
  one_line(block, span, "list " + item_name(l.name), std::move(tail));
}

void add_item(Block& block, const ast::TableDecl& t, SourceSpan span) {
  Writer tail;
  std::visit([&](const auto& from) { write_from(tail, from); }, t.source);
  if (t.key) tail.put(" key ").put(field_name(*t.key, false));
  one_line(block, span, "table " + item_name(t.name), std::move(tail));
}

std::string write_clock(int minute) {
  const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
  return two(minute / 60) + ":" + two(minute % 60);
}

void add_item(Block& block, const ast::CalendarDecl& c, SourceSpan span) {
  const auto day = [](int d) { return row(static_cast<Word>(static_cast<int>(Word::mon) + d)).text; };
  Writer tail;
  tail.put("= ").list(c.open, [&](const ast::OpenHours& o) {
    tail.put(day(o.first_day));
    if (o.last_day != o.first_day) tail.put("-").put(day(o.last_day));
    if (o.from_minute != 0 || o.to_minute != 24 * 60)
      tail.put(" ").put(write_clock(o.from_minute)).put("-").put(write_clock(o.to_minute));
  });
  tail.put(" in ").quoted(c.zone);
  one_line(block, span, "calendar " + item_name(c.name), std::move(tail));
}

void add_windowed(Block& block, std::string_view word, const ast::Name& name, const ast::Stream& of,
                  const std::vector<ast::Clause>& clauses, SourceSpan span) {
  Line& head = add_line(block, 0, {span.file, span.begin, of.span.end});
  head.text.put(word).put(" ").name(name);
  head.text.put(" of ").stream(of);
  add_clauses(block, clauses, is_by_or_every);
}
void add_item(Block& block, const ast::SessionDecl& s, SourceSpan span) {
  add_windowed(block, "session", s.name, s.of, s.clauses, span);
}
void add_item(Block& block, const ast::SummaryDecl& s, SourceSpan span) {
  add_windowed(block, "summary", s.name, s.of, s.clauses, span);
}

void add_when(Block& block, const ast::Pattern& pattern, const std::vector<ast::Clause>& clauses) {
  add_line(block, kIndent, pattern.span).text.put("when ").pattern(pattern);
  add_clauses(block, clauses, is_by);
}

void add_item(Block& block, const ast::TemplateDecl& t, SourceSpan span) {
  Line& head =
      add_line(block, 0, {span.file, span.begin, t.params.empty() ? t.name.span.end : t.params.back().span.end});
  head.text.put("template ").name(t.name);
  head.text.put("(").list(t.params, [&](const ast::Param& p) { head.text.param(p); }).put(")");
  add_when(block, t.when, t.clauses);
}

void add_item(Block& block, const ast::RuleDecl& r, SourceSpan span) {
  const std::uint32_t head_end = r.was ? r.was->span.end : r.title ? r.title->span.end : r.name.span.end;
  Line& head = add_line(block, 0, {span.file, span.begin, head_end});
  head.text.put("rule ").name(r.name);
  if (r.title) head.text.put(" ").quoted(*r.title);
  if (r.was) head.text.put(" was ").name(*r.was);
  if (const auto* uses = std::get_if<ast::Uses>(&r.body)) {
    head.text.put(" uses ").name(uses->name);
    head.text.put("(").list(uses->args, [&](const ast::Expr& e) { head.text.expr(e); }).put(")");
    head.end = uses->span.end;
    add_clauses(block, r.clauses, [](const ast::Clause&) { return false; });
  } else {
    add_when(block, std::get<ast::Pattern>(r.body), r.clauses);
  }
}

void add_item(Block& block, const ast::ExtendDecl& e, SourceSpan span) {
  Line& head = add_line(block, 0, {span.file, span.begin, e.name.span.end});
  head.text.put("extend rule ").name(e.name);
  add_clauses(block, e.clauses, [](const ast::Clause&) { return false; });
}

void add_item(Block& block, const ast::TestDecl& t, SourceSpan span) {
  Line& head = add_line(block, 0, {span.file, span.begin, t.rule ? t.rule->span.end : t.title.span.end});
  head.text.put("test ").quoted(t.title);
  if (t.rule) head.text.put(" rule ").name(*t.rule);
  std::vector<std::string> times;
  std::size_t widest = 0;
  for (const ast::TestLine& line : t.lines) {
    Writer at;
    if (line.at) {
      at.put("at ");
      if (const auto* length = std::get_if<ast::Length>(&*line.at))
        at.length(*length);
      else
        at.quoted(std::get<ast::Text>(*line.at));
      widest = std::max(widest, columns(at.text));
    }
    times.push_back(std::move(at.text));
  }
  for (std::size_t i = 0; i < t.lines.size(); ++i) {
    Line& line = add_line(block, kIndent, t.lines[i].span);
    if (!times[i].empty()) line.text.put(times[i]).put(std::string(widest - columns(times[i]) + 2, ' '));
    std::visit([&](const auto& node) { line.text.write_line(node); }, t.lines[i].node);
  }
}

Block block_of(const ast::Item& item, const std::vector<ast::Comment>& comments) {
  Block block;
  block.comments = &comments;
  block.kind = item.node.index();
  block.begin = item.span.begin;
  block.end = item.span.end;
  std::visit([&](const auto& node) { add_item(block, node, item.span); }, item.node);
  if (!item.doc.empty()) {
    std::size_t at = 0;
    while (at <= item.doc.size()) {
      const std::size_t end = std::min(item.doc.find('\n', at), item.doc.size());
      const std::string line = item.doc.substr(at, end - at);
      block.doc.push_back(line.empty() ? "///" : "/// " + line);
      at = end + 1;
    }
  }
  return block;
}

// ----- the page -----------------------------------------------------------------------------------------------------

class Page {
 public:
  Page(const ast::RuleFile& file, const SourceText* source)
      : source_(source != nullptr ? source->text : std::string_view()) {
    for (const ast::Item& item : file.items) blocks_.push_back(block_of(item, file.comments));
    // Where the parser put items in another order than the text has them, there is no order to keep comments by.
    leave_docs_out(file.comments);
    in_columns();
  }

  std::string print() {
    for (std::size_t i = 0; i < blocks_.size(); ++i) print_block(blocks_[i]);
    while (comment_ < comments_.size()) paragraph_comment(comments_[comment_++]);
    return std::move(out_);
  }

 private:
  // The `///` lines that became an item's documentation are printed with it.
  void leave_docs_out(const std::vector<ast::Comment>& all) {
    std::vector<bool> is_doc(all.size(), false);
    for (const Block& block : blocks_) {
      std::size_t left = block.doc.size();
      auto above = std::ranges::lower_bound(all, block.begin, {}, [](const ast::Comment& c) { return c.span.begin; });
      for (auto i = static_cast<std::size_t>(above - all.begin()); i > 0 && left > 0; --left) is_doc[--i] = true;
    }
    for (std::size_t i = 0; i < all.size(); ++i)
      if (!is_doc[i]) comments_.push_back(all[i]);
    doc_begin_.reserve(blocks_.size());
    for (const Block& block : blocks_) {
      std::uint32_t begin = block.begin;
      std::size_t left = block.doc.size();
      auto above = std::ranges::lower_bound(all, block.begin, {}, [](const ast::Comment& c) { return c.span.begin; });
      for (auto i = static_cast<std::size_t>(above - all.begin()); i > 0 && left > 0; --left)
        begin = all[--i].span.begin;
      doc_begin_.push_back(begin);
    }
  }

  // Neighbours of one kind on neighbouring lines share columns: `event a    = ..`, `list x   from ..`.
  void in_columns() {
    for (std::size_t i = 0; i < blocks_.size();) {
      std::size_t end = i + 1;
      while (end < blocks_.size() && shares_columns(end - 1, end)) ++end;
      align(i, end);
      i = end;
    }
  }

  bool shares_columns(std::size_t a, std::size_t b) const {
    const Block &first = blocks_[a], &second = blocks_[b];
    if (!first.one_line || !second.one_line || first.kind != second.kind || !second.doc.empty()) return false;
    if (first.tail.empty() != second.tail.empty()) return false;
    if (!together(first.end, second.begin)) return false;
    for (std::size_t i = next_comment(first.end); i < comments_.size() && comments_[i].span.begin < second.begin; ++i)
      if (comments_[i].own_line) return false;
    const Beside of_first = beside(first.lines[0]), of_second = beside(second.lines[0]);
    return of_first.at.empty() && of_second.at.empty() && of_second.above.empty();
  }

  // The first comment from there on.
  std::size_t next_comment(std::uint32_t from) const {
    const auto next = std::ranges::lower_bound(comments_, from, {}, [](const auto& c) { return c.span.begin; });
    return static_cast<std::size_t>(next - comments_.begin());
  }

  // The comments inside a line, each where it stays: above the line, at one of its breaks, or behind it.
  struct Beside {
    std::vector<const ast::Comment*> above, behind;
    std::vector<std::pair<std::size_t, const ast::Comment*>> at;  // place of the break
    std::vector<std::size_t> places() const {
      std::vector<std::size_t> out;
      for (const auto& [place, comment] : at) out.push_back(place);
      std::ranges::sort(out);
      return out;
    }
  };
  Beside beside(const Line& line) const {
    Beside out;
    const std::uint32_t tail = line.text.tail_from();
    std::vector<Break> gaps;
    for (std::size_t i = next_comment(line.begin); i < comments_.size() && comments_[i].span.begin < line.end; ++i) {
      const ast::Comment& c = comments_[i];
      if (gaps.empty()) {
        std::ranges::copy_if(line.text.breaks, std::back_inserter(gaps), [](const Break& b) { return b.from < b.to; });
        std::ranges::stable_sort(gaps, {}, &Break::from);
      }
      const auto gap = std::ranges::upper_bound(gaps, c.span.begin, {}, &Break::from);
      if (gap != gaps.begin() && c.span.begin < gap[-1].to)
        out.at.emplace_back(gap[-1].place, &c);
      else if (tail > 0 && c.span.begin >= tail)
        out.behind.push_back(&c);
      else
        out.above.push_back(&c);
    }
    std::ranges::stable_sort(out.at, {}, [](const auto& a) { return a.first; });
    return out;
  }

  void align(std::size_t begin, std::size_t end) {
    std::size_t widest = 0;
    for (std::size_t i = begin; i < end; ++i) widest = std::max(widest, columns(blocks_[i].head));
    for (std::size_t i = begin; i < end && end - begin > 1; ++i) {
      Block& block = blocks_[i];
      if (block.tail.empty()) continue;
      const std::size_t gap = widest - columns(block.head) + (block.kind == 0 ? 2 : 1);
      if (columns(block.head) + gap + columns(block.tail) > kColumns) continue;
      block.lines[0].text = Writer{};
      block.lines[0].text.put(block.head).put(std::string(gap, ' ')).put(block.tail);
    }
  }

  std::size_t newlines(std::uint32_t from, std::uint32_t to) const {
    if (source_.empty() || from > to || to > source_.size()) return 0;
    return static_cast<std::size_t>(std::ranges::count(source_.substr(from, to - from), '\n'));
  }
  // Without the text, short things of one kind are taken to have stood together.
  bool together(std::uint32_t from, std::uint32_t to) const { return source_.empty() || newlines(from, to) < 2; }

  // -- lines, with the comments that stood before and behind them

  // The first line of a block and comments between items are paragraphs; what stands between them is decided here.
  void paragraph_break(bool short_block, std::uint32_t begin, bool same_kind) {
    if (out_.empty()) return;
    const bool stays = source_.empty()     ? same_kind && last_short_ && short_block && !last_was_comment_
                       : last_was_comment_ ? newlines(last_end_, begin) < 2
                                           : last_short_ && short_block && newlines(last_end_, begin) < 2;
    if (!stays && !out_.ends_with("\n\n")) out_ += '\n';
  }

  void paragraph_comment(const ast::Comment& c) {
    // One below an item, indented like its clauses and without a blank line before, belongs to it.
    if (in_item_ && c.own_line && is_indented(c) && newlines(last_end_, c.span.begin) < 2)
      return emit_comment(c, kIndent, c.span.end);
    if (!c.own_line && in_item_ && can_trail_) return emit_behind(c, kIndent, c.span.end);
    paragraph_of_its_own(c, c.span.begin, c.span.end);
  }

  void paragraph_of_its_own(const ast::Comment& c, std::uint32_t begin, std::uint32_t end) {
    paragraph_break(true, begin, true);
    emit_comment(c, 0, end);
    last_was_comment_ = true;
    last_short_ = true;
    in_item_ = false;
  }

  bool is_indented(const ast::Comment& c) const {
    return c.span.begin > 0 && c.span.begin <= source_.size() && source_[c.span.begin - 1] != '\n';
  }

  void emit(std::string_view line, std::uint32_t end) {
    out_ += line;
    out_ += '\n';
    last_end_ = std::max(last_end_, end);
    can_trail_ = true;
  }
  void emit_comment(const ast::Comment& c, std::size_t indent, std::uint32_t end) {
    emit(std::string(indent, ' ') + c.text, end);
    can_trail_ = false;
  }
  // Beside the line before, where it stood so and can; else below it.
  void emit_behind(const ast::Comment& c, std::size_t indent, std::uint32_t end) {
    if (c.own_line || !can_trail_) return emit_comment(c, indent, end);
    out_.pop_back();
    emit("  " + c.text, end);
    can_trail_ = false;
  }

  void print_block(Block& block) {
    const std::uint32_t doc_begin = doc_begin_[static_cast<std::size_t>(&block - blocks_.data())];
    while (comment_ < comments_.size() && comments_[comment_].span.begin < doc_begin)
      paragraph_comment(comments_[comment_++]);
    // What has no place inside the first line stands above the documentation, which would be torn off otherwise.
    for (const ast::Comment* c : beside(block.lines[0]).above) paragraph_of_its_own(*c, doc_begin, doc_begin);
    const bool is_short = block.one_line && block.doc.empty();
    paragraph_break(is_short, doc_begin, block.kind == last_kind_);
    for (const std::string& line : block.doc) emit(line, 0);
    can_trail_ = false;
    in_item_ = true;
    for (const Line& line : block.lines) print_line(line, &line == &block.lines[0]);
    last_end_ = std::max(last_end_, block.end);
    last_was_comment_ = false;
    last_short_ = is_short;
    last_kind_ = block.kind;
  }

  void print_line(const Line& line, bool is_first) {
    for (; comment_ < comments_.size() && comments_[comment_].span.begin < line.begin; ++comment_)
      emit_behind(comments_[comment_], line.indent, comments_[comment_].span.end);
    const Beside comments = beside(line);
    if (!is_first)
      for (const ast::Comment* c : comments.above) emit_comment(*c, line.indent, c->span.end);
    auto next = comments.at.begin();
    for (const PageLine& written : Wrapping(line.text, line.indent, comments.places()).lines()) {
      emit(written.text, line.end);
      for (; next != comments.at.end() && next->first == written.end; ++next)
        emit_behind(*next->second, kFurther, next->second->span.end);
    }
    for (const ast::Comment* c : comments.behind) emit_behind(*c, kIndent, c->span.end);
    comment_ += comments.above.size() + comments.at.size() + comments.behind.size();
  }

  std::string_view source_;
  std::vector<Block> blocks_;
  std::vector<std::uint32_t> doc_begin_;  // of each block, with its documentation
  std::vector<ast::Comment> comments_;
  std::size_t comment_ = 0;
  std::string out_;
  std::uint32_t last_end_ = 0;
  std::size_t last_kind_ = 0;
  bool last_was_comment_ = false, last_short_ = false, in_item_ = false;
  bool can_trail_ = false;  // the last line is no comment and has none behind it
};

template <class Node, class Write>
std::string on_one_line(const Node& node, Write write_it) {
  Writer w;
  write_it(w, node);
  return std::move(w.text);
}

}  // namespace

std::string print(const ast::RuleFile& file) { return Page(file, nullptr).print(); }
std::string print(const ast::RuleFile& file, const SourceText& source) { return Page(file, &source).print(); }

std::string print(const ast::Expr& expr) {
  return on_one_line(expr, [](Writer& w, const ast::Expr& e) { w.expr(e); });
}
std::string print(const ast::Stream& stream) {
  return on_one_line(stream, [](Writer& w, const ast::Stream& s) { w.stream(s); });
}
std::string print(const ast::Pattern& pattern) {
  return on_one_line(pattern, [](Writer& w, const ast::Pattern& p) { w.pattern(p); });
}
std::string print(const ast::Clause& clause) {
  return on_one_line(clause, [](Writer& w, const ast::Clause& c) { w.clause(c); });
}
std::string print(const ast::Path& path) {
  return on_one_line(path, [](Writer& w, const ast::Path& p) { w.path(p); });
}
std::string print(const ast::Name& name) { return item_name(name); }

std::string_view sign_of(ast::BinaryOp op) {
  using enum ast::BinaryOp;
  switch (op) {
    case logical_or:
      return "or";
    case logical_and:
      return "and";
    case equal:
      return "=";
    case not_equal:
      return "!=";
    case less:
      return "<";
    case less_equal:
      return "<=";
    case greater:
      return ">";
    case greater_equal:
      return ">=";
    case contains:
      return "contains";
    case starts_with:
      return "starts with";
    case ends_with:
      return "ends with";
    case matches:
      return "matches";
    case add:
      return "+";
    case subtract:
      return "-";
    case multiply:
      return "*";
    case divide:
      return "/";
    case remainder:
      return "%";
  }
  return {};
}

std::string quote(std::string_view text) {
  std::string out = "\"";
  escape_into(out, text);
  return out + "\"";
}

}  // namespace tocsin::dsl
