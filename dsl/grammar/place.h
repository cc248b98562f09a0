// The place where the reading of an item stopped, as the habits look at it: its neighbours, what was wanted there, and
// the repairs that can be made of them.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/grammar/messages.h"

namespace tocsin::dsl::grammar {

inline std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

inline std::string code(std::string_view text) { return "`" + std::string(text) + "`"; }

// The place where reading stopped, and its neighbours.
class Place {
 public:
  Place(const ParseState& s, const Token* first, const Token* last, const Token* unclosed)
      : state(s), begin(first), end(last), at(s.farthest != nullptr ? s.farthest : first), opened(unclosed) {}

  // The token so many places on or back; of kind `end` outside the item.
  const Token& token(std::ptrdiff_t offset = 0) const {
    static const Token kNone{};
    const Token* t = at + offset;
    return t >= begin && t < end ? *t : kNone;
  }
  std::string_view text(std::ptrdiff_t offset = 0) const { return spelling(token(offset), state.text); }
  // A word in lower case, empty for anything else.
  std::string word(std::ptrdiff_t offset = 0) const {
    return token(offset).kind == TokenKind::word ? lower(text(offset)) : std::string();
  }
  bool is(Word w, std::ptrdiff_t offset = 0) const { return token(offset).word == w; }
  bool is(Punct p, std::ptrdiff_t offset = 0) const { return token(offset).punct == p; }
  bool is(TokenKind kind, std::ptrdiff_t offset = 0) const { return token(offset).kind == kind; }

  bool wants(std::string_view what) const { return std::ranges::find(state.wants, what) != state.wants.end(); }
  bool wants_clause() const { return wants("a clause"); }
  bool wants_duration() const { return wants(kDurationWanted); }
  bool wants_event() const { return wants("an event"); }
  bool wants_operator() const { return wants("=") || wants("+"); }

  std::size_t number(std::ptrdiff_t offset = 0) const { return static_cast<std::size_t>(at - begin + offset); }
  SourceSpan span(std::ptrdiff_t from = 0, std::ptrdiff_t to = 0) const {
    return state.span(token(from).begin, token(to).end);
  }
  std::string source(std::ptrdiff_t from, std::ptrdiff_t to) const {
    // What was mended in may stand behind the last byte.
    const std::size_t first = std::min<std::size_t>(token(from).begin, state.text.size());
    const std::size_t behind = std::clamp<std::size_t>(token(to).end, first, state.text.size());
    return std::string(state.text.substr(first, behind - first));
  }

  Repair repair(std::string_view number_of_code, SourceSpan here, std::string message, std::string label,
                std::string help) const {
    Repair out;
    out.diagnostic = {number_of_code, std::move(message), {here, std::move(label)}, {}, std::move(help), {}};
    out.at = number();
    return out;
  }

  // A token of the language in the place of what stands at `offset`.
  Token made(std::ptrdiff_t offset, TokenKind kind) const {
    Token t;
    t.kind = kind;
    t.begin = token(offset).begin;
    t.end = token(offset).end;
    return t;
  }
  Token made(std::ptrdiff_t offset, Word w) const {
    Token t = made(offset, TokenKind::word);
    t.word = w;
    return t;
  }
  Token made(std::ptrdiff_t offset, Punct p) const {
    Token t = made(offset, TokenKind::punctuation);
    t.punct = p;
    return t;
  }

  const ParseState& state;
  const Token *begin, *end, *at, *opened;
};

using Found = std::optional<Repair>;

// Instead of the tokens from `from` to `to`, `meant` is written, and `tokens` are read.
inline Repair instead(const Place& p, std::string_view number_of_code, std::ptrdiff_t from, std::ptrdiff_t to,
                      std::string message, std::string help, std::string meant, std::vector<Token> tokens) {
  const std::string label = meant.empty() ? "leave this out" : "write " + code(meant);
  Repair out = p.repair(number_of_code, p.span(from, to), std::move(message), label, std::move(help));
  out.diagnostic.fix = Edit{p.span(from, to), std::move(meant)};
  // Between two blanks, the one behind what goes goes too.
  if (const Token& next = p.token(to + 1); out.diagnostic.fix->text.empty() && next.kind != TokenKind::end) {
    const std::uint32_t first = p.token(from).begin, behind = p.token(to).end;
    const std::string_view gap = p.state.text.substr(behind, next.begin - behind);
    if (first > 0 && p.state.text[first - 1] == ' ' && gap.find_first_not_of(' ') == std::string_view::npos)
      out.diagnostic.fix->span.end = p.span(to + 1, to + 1).begin;
    // ... and two words stay two: `at:5m`.
    else if (first > 0 && gap.empty() && p.state.text[first - 1] != ' ' && next.kind != TokenKind::punctuation)
      out.diagnostic.fix->text = " ";
  }
  out.at = p.number(from);
  out.remove = static_cast<std::size_t>(to - from + 1);
  out.insert = std::move(tokens);
  return out;
}

inline Repair uncertain(Repair r) {
  r.certain = false;
  r.diagnostic.fix.reset();
  return r;
}

inline bool is_time(const Token& t) { return t.kind == TokenKind::duration || t.kind == TokenKind::number; }

inline Token duration_token(const Place& p, std::ptrdiff_t from, std::ptrdiff_t to, Duration d) {
  Token t = p.made(from, TokenKind::duration);
  t.end = p.token(to).end;
  t.integer = d.us;
  return t;
}

inline bool continues_pattern(const Place& p) { return p.wants("then") || p.wants("within"); }

inline bool is_whole(const Place& p, std::ptrdiff_t offset) {
  return p.is(TokenKind::number, offset) && !p.token(offset).real && p.token(offset).integer < 1'000'000'000'000;
}

inline Token whole_number(const Place& p, std::ptrdiff_t offset, std::int64_t value) {
  Token t = p.made(offset, TokenKind::number);
  t.integer = value;
  return t;
}

inline bool is_name(const Place& p, std::ptrdiff_t offset) {
  return p.is(TokenKind::word, offset) || p.is(TokenKind::quoted_name, offset);
}

// The event that begins at `from`, with its filter, as it stands there; `otherwise` when there is none.
inline std::string stream_at(const Place& p, std::ptrdiff_t from, std::string_view otherwise) {
  if (!is_name(p, from)) return std::string(otherwise);
  const bool filtered = p.is(Punct::open_round, from + 1) && p.token(from + 1).partner > 0;
  return p.source(from, filtered ? from + 1 + p.token(from + 1).partner : from);
}

// Where the stream that ends before here begins: its name, or that of its filter. 1 when there is none.
inline std::ptrdiff_t stream_before(const Place& p) {
  std::ptrdiff_t from = -1;
  if (p.is(Punct::close_round, -1) && p.token(-1).partner < 0) from += p.token(-1).partner - 1;
  return is_name(p, from) ? from : 1;
}

// Rows that put parts together anew (rewritings.cc), in the order in which they are asked.
Found rewriting(const Place& place);

}  // namespace tocsin::dsl::grammar
