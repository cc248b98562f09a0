#include "dsl/grammar/absence.h"

#include <string>

namespace tocsin::dsl::grammar {
namespace {

bool is_word(const Token& t, Word w) { return t.kind == TokenKind::word && t.word == w; }
bool opens(const Token& t) { return t.kind == TokenKind::punctuation && t.punct == Punct::open_round && t.partner > 0; }

// Behind the stream that begins here: `x`, `x(..)`, `(a or b)`, `(a or b)(..)`.
const Token* behind_stream(const Token* at, const Token* end) {
  at += opens(*at) ? at->partner + 1 : 1;
  if (at < end && opens(*at)) at += at->partner + 1;
  return at;
}

Diagnostic no_deadline(const Token* no, const Token* last, bool after, std::uint32_t file, std::string_view stream) {
  const std::string x(stream);
  return {"R057",
          "how long does this absence last?",
          {{file, no->begin, last->end}, "nothing says when it is over"},
          {},
          after ? "write `then no " + x + " within 5m`" : "write `no " + x + " for 5m`",
          {}};
}

Diagnostic no_beginning(const Token* no, const Token* last, std::uint32_t file, std::string_view stream) {
  return {"R018",
          "a pattern cannot begin with `no`",
          {{file, no->begin, last->end}, "there is no event before it to count from"},
          {},
          "write what happens first, or `x after 24h without " + std::string(stream) + "`",
          {}};
}

}  // namespace

std::optional<Diagnostic> absence_mistake(const Token* begin, const Token* at, const Token* end, std::uint32_t file,
                                          std::string_view source) {
  for (const Token* no = at - 1; no > begin; --no) {
    if (!is_word(*no, Word::no) || no + 1 >= at || behind_stream(no + 1, end) != at) continue;
    const bool first = is_word(*(no - 1), Word::when);
    const bool after = is_word(*(no - 1), Word::then);
    const std::string_view stream = source.substr((no + 1)->begin, (at - 1)->end - (no + 1)->begin);
    if (first && at < end && is_word(*at, Word::then)) return no_beginning(no, at - 1, file, stream);
    if (first || after) return no_deadline(no, at - 1, after, file, stream);
  }
  return std::nullopt;
}

}  // namespace tocsin::dsl::grammar
