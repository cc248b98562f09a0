// Text to tokens: parser, formatter, highlighter and language server share it. Written by hand because spans,
// joined units and the place of `/.../` want a look at the neighbours that a table of regular expressions lacks.
//
// Every byte ends in a token, in a comment, or in a diagnostic; what other languages write (`==`, `&&`, `'x'`,
// `# ...`) becomes a diagnostic *and* the token that was meant, so that reading goes on and one slip costs one message.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostic.h"
#include "dsl/source.h"
#include "dsl/words.h"
#include "engine/base/time.h"

namespace tocsin::dsl {

// One file: far above any rule set written by hand, low enough that reading one takes seconds and not the memory.
constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;
// Mistakes told per file: whoever feeds us a binary file does not read the thousandth message.
constexpr std::size_t kMaxMistakes = 1000;

enum class TokenKind : std::uint8_t {
  word,         // `when`, `user`: `word` says whether the table has it
  quoted_name,  // `User-Agent` in backticks: always a name
  param,        // `$n`
  number,       // 10_000 or 1.5: `real` says which of `integer` and `number` holds it
  factor,       // 3x
  percent,      // 20%: `number` is 0.2
  size,         // 10MB, in bytes
  duration,     // 1h30m, in microseconds
  clock,        // 09:00, in minutes
  text,         // "..."
  regex,        // /.../
  address,      // 10.0.0.0/8, ::1
  punctuation,
  end,  // behind the last token
};

// X(enumerator, text)
// clang-format off: it does not leave this list as it wrote it itself
#define TOCSIN_PUNCTUATION(X)                                        \
  X(open_round, "(") X(close_round, ")")                             \
  X(open_square, "[") X(close_square, "]")                           \
  X(open_brace, "{") X(close_brace, "}")                             \
  X(comma, ",") X(dot, ".") X(colon, ":") X(question, "?")           \
  X(equal, "=") X(not_equal, "!=")                                   \
  X(less, "<") X(less_equal, "<=")                                   \
  X(greater, ">") X(greater_equal, ">=")                             \
  X(plus, "+") X(minus, "-") X(times, "*") X(divide, "/") X(remainder, "%")
// clang-format on

enum class Punct : std::uint8_t {
  none,
#define X(enumerator, text) enumerator,
  TOCSIN_PUNCTUATION(X)
#undef X
};

std::string_view text_of(Punct punct);

struct Token {
  TokenKind kind = TokenKind::end;
  Word word = Word::none;
  Punct punct = Punct::none;
  bool real = false;        // a number with decimals
  std::uint32_t begin = 0;  // bytes in the file
  std::uint32_t end = 0;
  std::int32_t partner = 0;  // of a bracket: how many tokens on (or back) its other half is (the grammar sets it)
  union {
    std::int64_t integer = 0;  // number, size, duration (microseconds), clock (minutes)
    double number;             // number, factor, percent
  };
};

struct Lexed {
  std::vector<Token> tokens;           // ends with one TokenKind::end
  std::vector<ast::Comment> comments;  // `///` blocks among them
  std::vector<Diagnostic> diagnostics;
};

// `file` is the number that spans of this text carry.
Lexed lex(const SourceText& source, std::uint32_t file = 0);
Lexed lex(SourceText&&, std::uint32_t = 0) = delete;

// What a text, regex, name, parameter or address token says, without its quotes and escapes.
std::string content(const Token& token, std::string_view source);
// As it stands in the file.
std::string_view spelling(const Token& token, std::string_view source);

// The tokens of `text` from `begin` on, up to the `}` that nothing in them opened, or to `limit`: an expression inside
// a text. Positions are those of `text`.
struct Inside {
  std::vector<Token> tokens;                 // ends with one TokenKind::end
  std::size_t end = std::string_view::npos;  // of the `}`; npos when there is none
  std::vector<Diagnostic> diagnostics;
};
Inside lex_inside(std::string_view text, std::size_t begin, std::size_t limit);

// `1h30m` in microseconds; empty when it is no duration. Config files and the command line use it too.
std::optional<Duration> parse_duration(std::string_view text);
// The shortest way to write a duration with one unit: `90m`, `1500ms`.
std::string write_duration(Duration duration);

// The address or network in canonical form, host bits kept; empty when it is none.
std::string canonical_address(std::string_view text);

}  // namespace tocsin::dsl
