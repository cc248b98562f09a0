// The primitives of the grammar: Spirit X3 parsers over tokens, and the recorder of the farthest failure that makes the
// messages. Nothing outside this folder includes it.
//
// Rules build the tree with two actions, set<&T::member> and push<&T::member>, so that every line of the grammar
// says where its part goes; spanned[..] gives the node its span. No adapted structs, no collapsing attributes: the
// traps of X3 that libraries with one-member structs fall into do not exist here.
#pragma once

#include <algorithm>
#include <boost/spirit/home/x3.hpp>
#include <cstddef>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostic.h"
#include "dsl/lex.h"
#include "dsl/source.h"
#include "dsl/words.h"

namespace tocsin::dsl::grammar {

namespace x3 = boost::spirit::x3;

// What all parsers of one item share: the text, and what was wanted at the farthest token reached.
struct ParseState {
  std::string_view text;  // what the tokens point into
  std::uint32_t file = 0;
  std::vector<Diagnostic>* diagnostics = nullptr;
  const Token* farthest = nullptr;
  std::vector<std::string_view> wants;  // people's words, at `farthest`
  // Of an expression inside a text with escapes: where in the file each place of `text`, the text without them, stands.
  const std::vector<std::uint32_t>* places = nullptr;

  std::uint32_t place(std::uint32_t at) const { return places != nullptr ? (*places)[at] : at; }
  SourceSpan span(std::uint32_t from, std::uint32_t to) const { return {file, place(from), place(to)}; }

  void want(const Token* at, std::string_view what) {
    if (at < farthest) return;
    if (at > farthest) wants.clear();
    farthest = at;
    for (const std::string_view w : wants)
      if (w == what) return;
    wants.push_back(what);
  }
};

// A place among the tokens. It carries the state, so the context of every rule is the empty one and each rule needs
// to be instantiated once.
struct Cursor {
  using iterator_category = std::forward_iterator_tag;
  using value_type = Token;
  using difference_type = std::ptrdiff_t;
  using pointer = const Token*;
  using reference = const Token&;

  const Token* at = nullptr;
  ParseState* state = nullptr;

  reference operator*() const { return *at; }
  pointer operator->() const { return at; }
  Cursor& operator++() {
    ++at;
    return *this;
  }
  Cursor operator++(int) {
    Cursor old = *this;
    ++at;
    return old;
  }
  friend bool operator==(const Cursor& a, const Cursor& b) { return a.at == b.at; }
  friend bool operator!=(const Cursor& a, const Cursor& b) { return a.at != b.at; }
};

// What was mended stands in the order in which it is read, not in that of the text.
inline SourceSpan span_of(const Cursor& first, const Cursor& behind) {
  const Token &from = *first.at, &to = *(behind.at - 1);
  return first.state->span(std::min(from.begin, to.begin), std::max(from.end, to.end));
}
inline SourceSpan span_of(const Cursor& at) { return at.state->span(at.at->begin, at.at->end); }

// ----- parsers of one token --------------------------------------------------------------------------------

// A word of the table.
struct WordParser : x3::parser<WordParser> {
  using attribute_type = x3::unused_type;
  static constexpr bool has_attribute = false;
  Word word;
  std::string_view text;
  explicit WordParser(Word w) : word(w), text(row(w).text) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context&, RContext&, Attribute&) const {
    if (first != last && first->kind == TokenKind::word && first->word == word) {
      ++first;
      return true;
    }
    first.state->want(first.at, text);
    return false;
  }
};
inline WordParser word(Word w) { return WordParser(w); }

struct PunctParser : x3::parser<PunctParser> {
  using attribute_type = x3::unused_type;
  static constexpr bool has_attribute = false;
  Punct punct;
  std::string_view text;
  explicit PunctParser(Punct p) : punct(p), text(text_of(p)) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context&, RContext&, Attribute&) const {
    if (first != last && first->kind == TokenKind::punctuation && first->punct == punct) {
      ++first;
      return true;
    }
    first.state->want(first.at, text);
    return false;
  }
};
inline PunctParser punct(Punct p) { return PunctParser(p); }

// One token that `F` makes a value of: `bool F(const Cursor&, T&)`.
template <class T, class F>
struct TokenParser : x3::parser<TokenParser<T, F>> {
  using attribute_type = T;
  static constexpr bool has_attribute = true;
  std::string_view what;
  F make;
  TokenParser(std::string_view w, F f) : what(w), make(f) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context&, RContext&, Attribute& attribute) const {
    T value{};
    if (first != last && make(first, value)) {
      ++first;
      x3::traits::move_to(std::move(value), attribute);
      return true;
    }
    first.state->want(first.at, what);
    return false;
  }
};
template <class T, class F>
TokenParser<T, F> token(std::string_view what, F make) {
  return TokenParser<T, F>(what, make);
}

// Looks ahead, takes nothing and wants nothing: `F` says whether the alternative that follows is meant.
template <class F>
struct Ahead : x3::parser<Ahead<F>> {
  using attribute_type = x3::unused_type;
  static constexpr bool has_attribute = false;
  F test;
  explicit Ahead(F f) : test(f) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context&, RContext&, Attribute&) const {
    return first != last && test(first.at, last.at);
  }
};
template <class F>
Ahead<F> ahead(F test) {
  return Ahead<F>(test);
}

// Fails, having said what was wanted: the last alternative of many that want nothing themselves.
struct Wanted : x3::parser<Wanted> {
  using attribute_type = x3::unused_type;
  static constexpr bool has_attribute = false;
  std::string_view what;
  explicit Wanted(std::string_view w) : what(w) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor&, const Context&, RContext&, Attribute&) const {
    first.state->want(first.at, what);
    return false;
  }
};

// ----- building the tree -------------------------------------------------------------------------------------

// Gives the rule's node the span of what the subject takes.
template <class Subject>
struct Spanned : x3::unary_parser<Subject, Spanned<Subject>> {
  using base = x3::unary_parser<Subject, Spanned<Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool has_action = true;
  explicit Spanned(const Subject& s) : base(s) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext& rcontext,
             Attribute& attribute) const {
    const Cursor begin = first;
    if (!this->subject.parse(first, last, context, rcontext, attribute)) return false;
    rcontext.span = span_of(begin, first);
    return true;
  }
};
struct SpannedGenerator {
  template <class Subject>
  auto operator[](const Subject& subject) const {
    return Spanned<typename x3::extension::as_parser<Subject>::value_type>(x3::as_parser(subject));
  }
};
inline constexpr SpannedGenerator spanned{};

// The subject's span into a member of the node.
template <auto Member, class Subject>
struct SpanInto : x3::unary_parser<Subject, SpanInto<Member, Subject>> {
  using base = x3::unary_parser<Subject, SpanInto<Member, Subject>>;
  static constexpr bool is_pass_through_unary = true;
  static constexpr bool has_action = true;
  explicit SpanInto(const Subject& s) : base(s) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context& context, RContext& rcontext,
             Attribute& attribute) const {
    const Cursor begin = first;
    if (!this->subject.parse(first, last, context, rcontext, attribute)) return false;
    rcontext.*Member = span_of(begin, first);
    return true;
  }
};

template <auto Member>
struct SetAction {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).*Member = std::move(x3::_attr(context));
  }
};
template <auto Member>
struct PushAction {
  template <class Context>
  void operator()(Context& context) const {
    (x3::_val(context).*Member).push_back(std::move(x3::_attr(context)));
  }
};
template <auto Member, auto Value>
struct PutAction {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).*Member = Value;
  }
};
// The whole node is what was read.
struct BecomeAction {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context) = std::move(x3::_attr(context));
  }
};
// The node's variant is what was read.
struct NodeAction {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).node = std::move(x3::_attr(context));
  }
};
// The node's variant is a value without content.
template <class T>
struct NodeIsAction {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).node = T{};
  }
};

template <auto Member>
inline constexpr SetAction<Member> set{};
template <auto Member>
inline constexpr PushAction<Member> push{};
template <auto Member, auto Value>
inline constexpr PutAction<Member, Value> put{};
inline constexpr BecomeAction become{};
inline constexpr NodeAction node{};
template <class T>
inline constexpr NodeIsAction<T> node_is{};

// ----- names and literals ------------------------------------------------------------------------------------

inline std::string text_at(const Cursor& at) { return content(*at.at, at.state->text); }
inline std::string spelled_at(const Cursor& at) { return std::string(spelling(*at.at, at.state->text)); }

inline bool make_name(const Cursor& at, ast::Name& name, unsigned refused) {
  if (at->kind == TokenKind::word && !has_use(at->word, refused)) {
    name.text = spelled_at(at);
  } else if (at->kind == TokenKind::quoted_name) {
    name.text = text_at(at);
  } else if (at->kind == TokenKind::param) {
    name.text = text_at(at);
    name.param = true;
  } else {
    return false;
  }
  name.span = span_of(at);
  return true;
}

// A name that declares or names an item: no keyword, and in lower case.
inline auto item_name(std::string_view what) {
  return token<ast::Name>(what, [](const Cursor& at, ast::Name& n) {
    if (!make_name(at, n, kReservedForItems)) return false;
    if (at->kind != TokenKind::word) return true;
    for (const char c : n.text)
      if (c >= 'A' && c <= 'Z') return false;
    return true;
  });
}
// Any word but those of expressions.
inline auto field_name(std::string_view what) {
  return token<ast::Name>(what, [](const Cursor& at, ast::Name& n) { return make_name(at, n, kExpression); });
}
inline auto param_name() {
  return token<ast::Param>("a parameter such as $n", [](const Cursor& at, ast::Param& p) {
    if (at->kind != TokenKind::param) return false;
    p = {text_at(at), span_of(at)};
    return true;
  });
}
inline auto count() {
  return token<ast::Count>("a number such as 5", [](const Cursor& at, ast::Count& c) {
    if (at->kind == TokenKind::number && !at->real) {
      c.value = at->integer;
      c.spelling.text = spelled_at(at);
    } else if (at->kind == TokenKind::param) {
      c.value = ast::Param{text_at(at), span_of(at)};
    } else {
      return false;
    }
    c.span = span_of(at);
    return true;
  });
}
constexpr std::string_view kEndWanted = "the end of this item";
constexpr std::string_view kDurationWanted = "a duration such as 30s";
inline auto length() {
  return token<ast::Length>(kDurationWanted, [](const Cursor& at, ast::Length& l) {
    if (at->kind == TokenKind::duration) {
      l.value = Duration{at->integer};
      l.spelling.text = spelled_at(at);
    } else if (at->kind == TokenKind::param) {
      l.value = ast::Param{text_at(at), span_of(at)};
    } else {
      return false;
    }
    l.span = span_of(at);
    return true;
  });
}
inline auto text(std::string_view what) {
  return token<ast::Text>(what, [](const Cursor& at, ast::Text& t) {
    if (at->kind != TokenKind::text) return false;
    t = {text_at(at), span_of(at)};
    return true;
  });
}

}  // namespace tocsin::dsl::grammar
