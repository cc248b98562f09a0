// Text to tree: cuts the tokens into items, reads each by itself, and turns what was wanted at the farthest token into
// one message. An item that cannot be read hides no other (language.md, section 3).
#include "dsl/parser.h"

#include <algorithm>

#include "dsl/grammar/rules.h"
#include "dsl/grammar/template_text.h"

namespace tocsin::dsl {
namespace grammar {
namespace {

// Brackets open at one time. The grammar descends into each; 64 is far beyond what a person can read.
constexpr std::size_t kMaxNesting = 64;
// `not` and `-` descend as brackets do.
constexpr std::size_t kMaxPrefixes = 64;

bool is_punct(const Token& t, Punct p) { return t.kind == TokenKind::punctuation && t.punct == p; }
bool is_word(const Token& t, Word w) { return t.kind == TokenKind::word && t.word == w; }

Punct closing(Punct open) {
  switch (open) {
    case Punct::open_round:
      return Punct::close_round;
    case Punct::open_square:
      return Punct::close_square;
    case Punct::open_brace:
      return Punct::close_brace;
    default:
      return Punct::none;
  }
}
bool closes(Punct p) { return p == Punct::close_round || p == Punct::close_square || p == Punct::close_brace; }

// ----- cutting ---------------------------------------------------------------------------------------------------

// Can what stands before end an item? Not a comma, an operator, an open bracket, nor a word that wants a word behind it:
// `in list L`, `from list L`, `list of text`, `every event`, `extend rule R`, `by session`.
bool can_end_item(const std::vector<Token>& tokens, std::size_t at) {
  if (at == 0) return true;
  const Token& before = tokens[at - 1];
  if (before.kind == TokenKind::punctuation) return closes(before.punct) || before.punct == Punct::question;
  if (before.kind == TokenKind::word) {
    switch (before.word) {
      case Word::in:
      case Word::from:
      case Word::of:
      case Word::per:
      case Word::on:
      case Word::as:
      case Word::by:
      case Word::every:
      case Word::extend:
      case Word::has:
      case Word::expect:
      case Word::no:
      case Word::timestamp:
      case Word::tiebreak:
      case Word::while_:
        return false;
      default:
        return true;
    }
  }
  // The text of a test: `test ".." rule R`.
  return !(before.kind == TokenKind::text && at >= 2 && is_word(tokens[at - 2], Word::test));
}

// Does what follows a file-level word open such an item?
bool opens_item(const std::vector<Token>& tokens, std::size_t at) {
  const Token& word = tokens[at];
  const Token& next = tokens[at + 1];
  if (!has_use(word.word, kItem)) return false;
  if (word.word == Word::test) return next.kind == TokenKind::text;
  if (word.word == Word::let) return next.kind == TokenKind::param;
  if (word.word == Word::extend) return is_word(next, Word::rule);
  return next.kind == TokenKind::word || next.kind == TokenKind::quoted_name;
}

std::vector<std::size_t> item_starts(const std::vector<Token>& tokens) {
  std::vector<std::size_t> starts;
  int open = 0;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    const Token& t = tokens[i];
    if (t.kind == TokenKind::word && opens_item(tokens, i) && can_end_item(tokens, i)) {
      // Inside brackets a word is a field, unless a bracket was forgotten: an item's word at the start of its line is one.
      if (open == 0 || t.partner < 0) {
        starts.push_back(i);
        open = 0;
        continue;
      }
    }
    if (t.kind == TokenKind::punctuation && t.partner > 0 && closing(t.punct) != Punct::none) ++open;
    if (t.kind == TokenKind::punctuation && t.partner < 0 && closes(t.punct) && open > 0) --open;
  }
  return starts;
}

// ----- messages --------------------------------------------------------------------------------------------------

std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

// A want in people's words: a word or sign of the language stands in backticks, a phrase as it is.
std::string shown(std::string_view want) {
  const bool phrase = want.find(' ') != std::string_view::npos;
  return phrase ? std::string(want) : quoted(want);
}

std::string one_of(std::vector<std::string_view> wants) {
  constexpr std::size_t kShown = 6;  // more than that helps nobody
  std::string out;
  const std::size_t n = std::min(wants.size(), kShown);
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out += i + 1 == n && wants.size() <= kShown ? " or " : ", ";
    out += shown(wants[i]);
  }
  if (wants.size() > kShown) out += " ...";
  return out;
}

std::string name_of_item(const Token& word) { return std::string(row(word.word).text); }

// The message for an item that could not be read whole.
Diagnostic unreadable(const ParseState& state, const Token* begin, const Token* end) {
  const Token* at = state.farthest != nullptr ? state.farthest : begin;
  Diagnostic d;
  d.code = "R010";
  const std::string item = begin->kind == TokenKind::word ? name_of_item(*begin) : "";
  if (at >= end) {
    const Token& last = *(end - 1);
    d.message = item.empty() ? "this stops too early" : "this " + quoted(item) + " stops too early";
    d.here = {{state.file, last.begin, last.end}, "after this I expect " + one_of(state.wants)};
    return d;
  }
  const std::string found(spelling(*at, state.source->text));
  d.message = quoted(found.size() > 40 ? found.substr(0, 40) + "..." : found) + " does not fit here";
  d.here = {{state.file, at->begin, at->end}, "here I expect " + one_of(state.wants)};
  return d;
}

}  // namespace

// ----- texts -------------------------------------------------------------------------------------------------------

ast::Template read_template(const Token& token, ParseState& state) {
  const std::string_view source = state.source->text;
  ast::Template out;
  out.span = {state.file, token.begin, token.end};
  std::size_t at = token.begin + 1;
  const std::size_t end =
      token.end > token.begin + 1 && source[token.end - 1] == source[token.begin] ? token.end - 1 : token.end;
  std::string literal;
  const auto flush = [&] {
    if (!literal.empty()) out.pieces.emplace_back(std::move(literal));
    literal.clear();
  };
  std::size_t plain = at;  // the text since here has not been unescaped yet
  const auto take_plain = [&](std::size_t to) {
    if (to <= plain) return;
    Token part = token;  // content() takes the quotes off by position: give it a text of its own
    const std::string copy = "\"" + std::string(source.substr(plain, to - plain)) + "\"";
    part.kind = TokenKind::text;
    part.begin = 0;
    part.end = static_cast<std::uint32_t>(copy.size());
    literal += content(part, copy);
  };
  while (at < end) {
    const char c = source[at];
    if (c == '\\' && at + 1 < end) {
      // `\u{..}` has braces of its own.
      at += source[at + 1] == 'u' && at + 2 < end && source[at + 2] == '{' ? source.find('}', at) - at + 1 : 2;
      continue;
    }
    if ((c == '{' || c == '}') && at + 1 < end && source[at + 1] == c) {
      take_plain(at);
      literal += c;
      at += 2;
      plain = at;
      continue;
    }
    if (c != '{') {
      ++at;
      continue;
    }
    take_plain(at);
    flush();
    Inside inside = lex_inside(source, at + 1, end);
    for (Diagnostic& d : inside.diagnostics) {
      d.here.span.file = state.file;
      state.diagnostics->push_back(std::move(d));
    }
    if (inside.end == std::string_view::npos) {
      state.diagnostics->push_back(
          {"R014",
           "this `{` is not closed",
           {{state.file, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(at + 1)}, "a `}` is missing"},
           {},
           "to write a brace, double it: `{{`",
           {}});
      return out;
    }
    ParseState inner = state;
    inner.farthest = nullptr;
    inner.wants.clear();
    const Token* begin = inside.tokens.data();
    const Token* behind = begin + inside.tokens.size() - 1;
    ast::Expr value;
    Cursor first{begin, &inner};
    const Cursor last{behind, &inner};
    if (begin != behind && expr.parse(first, last, x3::unused, x3::unused, value) && first == last) {
      out.pieces.emplace_back(ast::Box<ast::Expr>(std::move(value)));
    } else if (begin == behind) {
      state.diagnostics->push_back(
          {"R014",
           "nothing stands between these braces",
           {{state.file, static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(inside.end + 1)}, "empty"},
           {},
           "write a field such as `{user}`; for a brace write `{{`",
           {}});
    } else if (inside.diagnostics.empty()) {
      if (first != last && inner.farthest == nullptr) inner.want(first.at, "`}`");
      Diagnostic d = unreadable(inner, begin, behind);
      d.help = "between braces stands an expression such as `{user}`; for a brace write `{{`";
      state.diagnostics->push_back(std::move(d));
    }
    at = inside.end + 1;
    plain = at;
  }
  take_plain(end);
  flush();
  return out;
}

namespace {

// ----- brackets ----------------------------------------------------------------------------------------------------

// Joins the halves of brackets, and refuses what is nested too deep before anything descends into it.
bool join_brackets(std::vector<Token>& tokens, std::uint32_t file, std::vector<Diagnostic>& out) {
  std::vector<std::size_t> open;
  std::size_t prefixes = 0;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    Token& t = tokens[i];
    const bool prefix = is_word(t, Word::not_) || is_punct(t, Punct::minus);
    prefixes = prefix ? prefixes + 1 : 0;
    if (prefixes > kMaxPrefixes) {
      out.push_back({"R005",
                     "too many signs in a row",
                     {{file, t.begin, t.end}, "the 65th"},
                     {},
                     "one `not` or one `-` is enough",
                     {}});
      return false;
    }
    if (t.kind != TokenKind::punctuation) continue;
    if (closing(t.punct) != Punct::none) {
      open.push_back(i);
      if (open.size() > kMaxNesting) {
        out.push_back({"R005",
                       "brackets are nested too deep",
                       {{file, t.begin, t.end}, "the 65th bracket that is open here"},
                       {},
                       "at most 64 may be open at one time; give a part a name: `event e = ...`",
                       {}});
        return false;
      }
      continue;
    }
    if (!closes(t.punct)) continue;
    // A bracket of another kind closes nothing; the one it should have closed is found missing by the grammar.
    if (open.empty() || closing(tokens[open.back()].punct) != t.punct) continue;
    const auto distance = static_cast<std::int32_t>(i - open.back());
    tokens[open.back()].partner = distance;
    t.partner = -distance;
    open.pop_back();
  }
  return true;
}

// ----- documentation -------------------------------------------------------------------------------------------------

// The `///` block that ends on the line above `begin`.
std::string doc_above(const std::vector<ast::Comment>& comments, std::size_t& next, std::uint32_t from,
                      std::uint32_t begin, std::string_view text) {
  std::vector<std::string> lines;
  std::uint32_t behind = from;
  for (; next < comments.size() && comments[next].span.begin < begin; ++next) {
    const ast::Comment& c = comments[next];
    if (!c.own_line || !c.text.starts_with("///")) {
      lines.clear();
      continue;
    }
    const std::string_view between = text.substr(behind, c.span.begin - behind);
    if (std::count(between.begin(), between.end(), '\n') > 1) lines.clear();
    std::string line = c.text.substr(3);
    if (line.starts_with(' ')) line.erase(0, 1);
    lines.push_back(std::move(line));
    behind = c.span.end;
  }
  if (lines.empty()) return {};
  const std::string_view between = text.substr(behind, begin - behind);
  if (std::count(between.begin(), between.end(), '\n') > 1) return {};
  std::string out;
  for (const std::string& line : lines) out += (out.empty() && &line == &lines.front() ? "" : "\n") + line;
  return out;
}

bool read_item(const SourceText& source, std::uint32_t file, const Token* begin, const Token* end,
               std::vector<Diagnostic>& out, ast::Item& item) {
  ParseState state{&source, file, &out, nullptr, {}};
  Cursor first{begin, &state};
  const Cursor last{end, &state};
  const bool read = grammar::item.parse(first, last, x3::unused, x3::unused, item);
  if (read && first == last) return true;
  if (state.farthest == nullptr || (read && state.farthest < first.at)) {
    state.wants.clear();
    state.farthest = nullptr;
    state.want(first.at, "the end of this item");
  }
  // What the lexer has complained about at this very place was the cause.
  Diagnostic d = unreadable(state, begin, end);
  const auto told = std::any_of(out.begin(), out.end(), [&](const Diagnostic& known) {
    return known.here.span.begin >= begin->begin && known.here.span.begin <= d.here.span.end &&
           known.level() == Level::error;
  });
  if (!told) out.push_back(std::move(d));
  return false;
}

}  // namespace
}  // namespace grammar

Parsed parse(const SourceText& source, std::uint32_t file) {
  Parsed out;
  Lexed lexed = lex(source, file);
  out.diagnostics = std::move(lexed.diagnostics);
  out.file.comments = lexed.comments;
  std::vector<Token>& tokens = lexed.tokens;
  if (!grammar::join_brackets(tokens, file, out.diagnostics)) return out;
  const std::vector<std::size_t> starts = grammar::item_starts(tokens);
  const std::size_t first = starts.empty() ? tokens.size() - 1 : starts.front();
  if (first > 0) {  // what stands before the first item
    ast::Item item;
    grammar::read_item(source, file, tokens.data(), tokens.data() + first, out.diagnostics, item);
  }
  std::size_t next_comment = 0;
  for (std::size_t i = 0; i < starts.size(); ++i) {
    const std::size_t end = i + 1 < starts.size() ? starts[i + 1] : tokens.size() - 1;
    ast::Item item;
    const std::uint32_t from = starts[i] == 0 ? 0 : tokens[starts[i] - 1].end;
    std::string doc = grammar::doc_above(lexed.comments, next_comment, from, tokens[starts[i]].begin, source.text);
    if (!grammar::read_item(source, file, tokens.data() + starts[i], tokens.data() + end, out.diagnostics, item)) {
      // Its name was given, so that its use elsewhere is no second mistake.
      if (starts[i] + 1 < end) out.unreadable.emplace_back(spelling(tokens[starts[i] + 1], source.text));
      continue;
    }
    item.doc = std::move(doc);
    out.file.items.push_back(std::move(item));
  }
  return out;
}

}  // namespace tocsin::dsl
