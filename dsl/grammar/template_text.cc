// Texts with `{expression}` in them. Escapes are taken off the whole text first, so that `\"` inside braces is a quote;
// a list of places leads every span back into the file.
#include "dsl/grammar/template_text.h"

#include <array>
#include <cctype>

#include "dsl/grammar/items.h"
#include "dsl/grammar/messages.h"
#include "dsl/grammar/rules.h"

namespace tocsin::dsl::grammar {

namespace {

// The inside of a text token: as it stands in the file, or without its escapes and with the place of each byte.
struct Plain {
  std::string_view text;
  std::size_t begin = 0, end = 0;  // of the inside, in `text`
  std::string copy;
  std::vector<std::uint32_t> places;
};

void take_off_escapes(const Token& token, std::string_view source, Plain& out) {
  Token part = token;
  for (std::size_t at = out.begin; at < out.end;) {
    std::size_t length = 1;
    if (source[at] == '\\' && at + 1 < out.end)
      length = source[at + 1] == 'u' && at + 2 < out.end && source[at + 2] == '{'
                   ? std::min(source.find('}', at) + 1, out.end) - at
                   : 2;
    // content() takes quotes off, so the piece gets a pair of its own.
    const std::string piece = "\"" + std::string(source.substr(at, length)) + "\"";
    part.kind = TokenKind::text;
    part.begin = 0;
    part.end = static_cast<std::uint32_t>(piece.size());
    const std::string meant = length == 1 ? std::string(1, source[at]) : content(part, piece);
    out.copy += meant;
    out.places.insert(out.places.end(), meant.size(), static_cast<std::uint32_t>(at));
    at += length;
  }
  out.places.push_back(static_cast<std::uint32_t>(out.end));
  out.text = out.copy;
  out.begin = 0;
  out.end = out.copy.size();
}

class Reader {
 public:
  Reader(const Token& token, const ParseState& outer) : outer_(outer) {
    const std::string_view source = outer.text;
    plain_.text = source;
    plain_.begin = token.begin + 1;
    const bool closed = token.end > token.begin + 1 && source[token.end - 1] == source[token.begin];
    plain_.end = closed ? token.end - 1 : token.end;
    if (source.substr(token.begin, token.end - token.begin).find('\\') != std::string_view::npos)
      take_off_escapes(token, source, plain_);
    // Nested texts are never read for expressions, so the outer state has no places of its own.
    state_.text = plain_.text;
    state_.file = outer.file;
    state_.diagnostics = outer.diagnostics;
    state_.places = plain_.places.empty() ? nullptr : &plain_.places;
  }

  void read(ast::Template& out) {
    std::string literal;
    std::size_t at = plain_.begin;
    while (at < plain_.end) {
      const char c = plain_.text[at];
      const bool twice = at + 1 < plain_.end && plain_.text[at + 1] == c;
      if (c != '{' || twice) {
        if (c == '}' && !twice) lone_brace(at);
        literal += c;
        at += (c == '{' || c == '}') && twice ? 2 : 1;
        continue;
      }
      if (!literal.empty()) out.pieces.emplace_back(std::exchange(literal, {}));
      at = expression(at, out);
    }
    if (!literal.empty()) out.pieces.emplace_back(std::move(literal));
  }

 private:
  void tell(std::size_t from, std::size_t to, std::string message, std::string label, std::string help) {
    const SourceSpan span = state_.span(static_cast<std::uint32_t>(from), static_cast<std::uint32_t>(to));
    outer_.diagnostics->push_back({"R004", std::move(message), {span, std::move(label)}, {}, std::move(help), {}});
    told_ = true;
  }

  // Behind a brace that could not be read it is the other half of that one.
  void lone_brace(std::size_t at) {
    if (told_) return;
    std::size_t word = at;
    while (word > plain_.begin && (std::isalnum(static_cast<unsigned char>(plain_.text[word - 1])) != 0 ||
                                   plain_.text[word - 1] == '_' || plain_.text[word - 1] == '.'))
      --word;
    const std::string name(plain_.text.substr(word, at - word));
    tell(at, at + 1, "this `}` closes nothing", "no `{` is open here",
         (name.empty() ? "" : "a value is shown by `{" + name + "}`; ") + "to write a brace, double it: `}}`");
  }

  // The expression in the braces that open at `open`; the place behind them.
  std::size_t expression(std::size_t open, ast::Template& out) {
    Inside inside = lex_inside(plain_.text, open + 1, plain_.end);
    for (Diagnostic& d : inside.diagnostics) {
      d.here.span = state_.span(d.here.span.begin, d.here.span.end);
      if (d.fix) d.fix->span = state_.span(d.fix->span.begin, d.fix->span.end);
      outer_.diagnostics->push_back(d);
      told_ = true;
    }
    if (inside.end == std::string_view::npos) {
      if (inside.diagnostics.empty())
        tell(open, open + 1, "this `{` is not closed", "a `}` is missing", "to write a brace, double it: `{{`");
      return plain_.end;
    }
    const std::span<Token> tokens(inside.tokens.data(), inside.tokens.size() - 1);
    if (tokens.empty()) {
      if (inside.diagnostics.empty())
        tell(open, inside.end + 1, "nothing stands between these braces", "empty",
             "write a field such as `{user}`; for a brace write `{{`");
      return inside.end + 1;
    }
    std::vector<Diagnostic> brackets;
    if (!join_brackets(tokens, state_.file, brackets).ok) {
      for (Diagnostic& d : brackets) {
        d.here.span = state_.span(d.here.span.begin, d.here.span.end);
        d.fix.reset();
        outer_.diagnostics->push_back(std::move(d));
      }
      told_ = true;
      return inside.end + 1;
    }
    state_.farthest = nullptr;
    state_.wants.clear();
    const Token* begin = tokens.data();
    const Token* end = begin + tokens.size();
    ast::Expr value;
    Cursor first{begin, &state_};
    const Cursor last{end, &state_};
    const bool read_whole = expr.parse(first, last, x3::unused, x3::unused, value) && first == last;
    if (read_whole) {
      out.pieces.emplace_back(ast::Box<ast::Expr>(std::move(value)));
    } else if (inside.diagnostics.empty()) {
      if (first.at != end) state_.want(first.at, "`}`");
      Diagnostic d = unreadable(state_, begin, end);
      d.code = "R004";
      d.help = "between braces stands an expression such as `{user}`; for a brace write `{{`";
      outer_.diagnostics->push_back(std::move(d));
      told_ = true;
    }
    return inside.end + 1;
  }

  const ParseState& outer_;
  Plain plain_;
  ParseState state_;
  bool told_ = false;  // a mistake of this text
};

}  // namespace

ast::Template read_template(const Token& token, ParseState& state) {
  ast::Template out;
  out.span = state.span(token.begin, token.end);
  Reader(token, state).read(out);
  return out;
}

}  // namespace tocsin::dsl::grammar
