#include "dsl/grammar/items.h"

#include <algorithm>
#include <string>

namespace tocsin::dsl::grammar {

namespace {

bool is_word(const Token& t, Word w) { return t.kind == TokenKind::word && t.word == w; }

bool closes(Punct p) { return p == Punct::close_round || p == Punct::close_square || p == Punct::close_brace; }

// Words behind which a field or a value has to come, so that a keyword there is a field's name: `by rule`, `where
// list`.
bool wants_value(Word word) {
  constexpr Word kWords[] = {Word::by,       Word::where, Word::except, Word::same,     Word::per,    Word::timestamp,
                             Word::tiebreak, Word::has,   Word::with,   Word::key,      Word::column, Word::some,
                             Word::and_,     Word::or_,   Word::not_,   Word::contains, Word::between};
  return std::ranges::find(kWords, word) != std::end(kWords);
}

// Words behind which something else has to come: `in list L`, `every event`, `extend rule R`; and, as people write it,
// `then event login`, `mute while rule x`.
bool wants_other(Word word) {
  constexpr Word kWords[] = {Word::in,    Word::from,    Word::of,     Word::on, Word::as,
                             Word::every, Word::extend,  Word::expect, Word::no, Word::while_,
                             Word::then,  Word::matches, Word::is};
  return std::ranges::find(kWords, word) != std::end(kWords);
}

bool is_value_wanted_behind(std::span<const Token> tokens, std::size_t at);

// Does the word at `at` need another behind it? As a field's name (`by from`, `x.to`) it does not.
bool wants_more(std::span<const Token> tokens, std::size_t at) {
  const Word word = tokens[at].word;
  if (!wants_value(word) && !wants_other(word)) return false;
  return has_use(word, kExpression) || at == 0 || !is_value_wanted_behind(tokens, at - 1);
}

bool is_value_wanted_behind(std::span<const Token> tokens, std::size_t at) {
  const Token& t = tokens[at];
  if (t.kind == TokenKind::punctuation) return !closes(t.punct) && t.punct != Punct::question;
  return t.kind == TokenKind::word && wants_value(t.word) && wants_more(tokens, at);
}

// `rule NAME when`, `event NAME has`: no sentence of the language goes on like this, whatever it lacked.
bool is_plainly_an_item(std::span<const Token> tokens, std::size_t at) {
  if (at + 2 >= tokens.size()) return false;
  const Token &before = tokens[at - 1], &next = tokens[at + 1], &third = tokens[at + 2];
  if (is_word(before, Word::in) || is_word(before, Word::from) || is_word(before, Word::extend)) return false;
  const bool is_name =
      next.kind == TokenKind::quoted_name || (next.kind == TokenKind::word && !has_use(next.word, kReservedForItems));
  if (!is_name) return false;
  const Word word = tokens[at].word;
  if (word == Word::rule)
    return is_word(third, Word::when) || is_word(third, Word::uses) || is_word(third, Word::was) ||
           third.kind == TokenKind::text;
  if (word == Word::session || word == Word::summary) return is_word(third, Word::of);
  if (word == Word::event) return is_word(third, Word::has) || third.punct == Punct::equal;
  const bool is_data = word == Word::list || word == Word::table || word == Word::calendar;
  return is_data && (is_word(third, Word::from) || third.punct == Punct::equal);
}

bool can_end_item(std::span<const Token> tokens, std::size_t at) {
  if (at == 0 || is_plainly_an_item(tokens, at)) return true;
  const Token& before = tokens[at - 1];
  if (before.kind == TokenKind::punctuation) return closes(before.punct) || before.punct == Punct::question;
  if (before.kind == TokenKind::word) return !wants_more(tokens, at - 1);
  // The title of a test: `test ".." rule R`.
  return before.kind != TokenKind::text || at < 2 || !is_word(tokens[at - 2], Word::test) ||
         !is_word(tokens[at], Word::rule);
}

// Is it plain that an item begins, although its name is no name: `rule "x" when`, `event end = ..`, `session count of`?
bool opens_oddly(std::span<const Token> tokens, std::size_t at) {
  const Token& next = tokens[at + 1];
  if (next.kind == TokenKind::text) return tokens[at].word == Word::rule || tokens[at].word == Word::event;
  // Its name is missing: `rule when`, `event has`.
  if (tokens[at].word == Word::rule && (is_word(next, Word::when) || is_word(next, Word::uses))) return true;
  if (tokens[at].word == Word::event && (is_word(next, Word::has) || next.punct == Punct::equal)) return true;
  if (next.kind != TokenKind::word || at + 2 >= tokens.size()) return false;
  const Token& third = tokens[at + 2];
  if (third.kind == TokenKind::text || is_word(third, Word::was)) return tokens[at].word == Word::rule;
  return third.punct == Punct::equal || is_word(third, Word::when) || is_word(third, Word::has) ||
         is_word(third, Word::of) || is_word(third, Word::uses) || is_word(third, Word::from);
}

// `at 5m`, `expect alert`: a line of a test.
bool is_test_line(std::span<const Token> tokens, std::size_t at) {
  if (at + 1 >= tokens.size()) return false;
  const TokenKind next = tokens[at + 1].kind;
  if (is_word(tokens[at], Word::at))
    return next == TokenKind::duration || next == TokenKind::number || next == TokenKind::text;
  return is_word(tokens[at], Word::expect);
}

// `test some words rule R at 0s`: the title has lost its quotes.
bool is_untitled_test(std::span<const Token> tokens, std::size_t at) {
  constexpr std::size_t kLongestTitle = 16;
  for (std::size_t i = at + 1; i < std::min(tokens.size(), at + kLongestTitle); ++i) {
    if (is_test_line(tokens, i)) return true;
    if (tokens[i].kind != TokenKind::word) return false;
  }
  return false;
}

bool opens_item(std::span<const Token> tokens, std::size_t at, Word word) {
  const Token& next = tokens[at + 1];
  if (!has_use(word, kItem)) return false;
  if (word == Word::test) return next.kind == TokenKind::text || is_untitled_test(tokens, at);
  if (word == Word::rule && at > 0 && is_test_line(tokens, at + 2)) return false;  // of a test
  if (word == Word::let)
    return next.kind == TokenKind::param ||
           (next.kind == TokenKind::word && at + 2 < tokens.size() && tokens[at + 2].punct == Punct::equal);
  if (word == Word::extend) return is_word(next, Word::rule);
  if (next.kind == TokenKind::quoted_name) return true;
  if (next.kind == TokenKind::word && !has_use(next.word, kReservedForItems)) return true;
  return opens_oddly(tokens, at);
}

Word in_lower_case(const Token& token, std::string_view text) {
  std::string lower(spelling(token, text));
  if (token.kind != TokenKind::word || token.word != Word::none || lower.size() > 16) return Word::none;
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return find_word(lower);
}

}  // namespace

Punct closing(Punct open) {
  if (open == Punct::open_round) return Punct::close_round;
  if (open == Punct::open_square) return Punct::close_square;
  return open == Punct::open_brace ? Punct::close_brace : Punct::none;
}

std::vector<std::size_t> item_starts(std::vector<Token>& tokens, std::string_view text, std::uint32_t file,
                                     std::vector<Diagnostic>& out) {
  std::vector<std::size_t> starts;
  for (std::size_t i = 0; i + 1 < tokens.size(); ++i) {
    Token& token = tokens[i];
    if (token.kind != TokenKind::word) continue;
    const Word lower = token.word == Word::none ? in_lower_case(token, text) : Word::none;
    const Word word = lower == Word::none ? token.word : lower;
    if (!has_use(word, kItem) || !opens_item(tokens, i, word) || !can_end_item(tokens, i)) continue;
    if (lower != Word::none) {
      const std::string meant(row(lower).text);
      out.push_back({"R017",
                     "words of the language are in lower case",
                     {{file, token.begin, token.end}, "write `" + meant + "`"},
                     {},
                     "",
                     Edit{{file, token.begin, token.end}, meant}});
      token.word = lower;
    }
    starts.push_back(i);
  }
  return starts;
}

namespace {

// `login outcome = "failure")`: the name behind which a bracket was to open.
const Token* unopened_filter(std::span<const Token> before) {
  const auto is_name = [](const Token& t) {
    return t.kind == TokenKind::quoted_name || (t.kind == TokenKind::word && t.word == Word::none);
  };
  for (std::size_t i = 2; i < before.size(); ++i)
    if (before[i].punct >= Punct::equal && before[i].punct <= Punct::greater_equal && is_name(before[i - 1]) &&
        is_name(before[i - 2]))
      return &before[i - 2];
  return nullptr;
}

}  // namespace

Brackets join_brackets(std::span<Token> tokens, std::uint32_t file, std::vector<Diagnostic>& out) {
  Brackets result;
  std::vector<std::size_t> open;
  std::size_t signs = 0, operators = 0;
  const auto tell = [&](std::string_view code, const Token& t, std::string message, std::string label,
                        std::string help) {
    out.push_back({code, std::move(message), {{file, t.begin, t.end}, std::move(label)}, {}, std::move(help), {}});
    result.ok = false;
  };
  for (std::size_t i = 0; i < tokens.size() && result.ok; ++i) {
    Token& t = tokens[i];
    t.partner = 0;
    signs = is_word(t, Word::not_) || t.punct == Punct::minus ? signs + 1 : 0;
    operators = t.punct == Punct::comma ? 0 : operators + (t.punct >= Punct::equal || has_use(t.word, kExpression));
    if (signs > kMaxNesting)
      tell("R005", t, "too many signs in a row", "the 65th", "one `not` or one `-` is enough");
    else if (operators > kMaxOperators)
      tell("R005", t, "this expression is too long", "the 501st operator without a comma between",
           "compare with many values by `in [..]` or `in list L`; give parts of a filter names: `event e = ..`");
    if (closing(t.punct) != Punct::none) {
      open.push_back(i);
      if (open.size() > kMaxNesting)
        tell("R005", t, "brackets are nested too deep", "the 65th bracket that is open here",
             "at most 64 may be open at one time; give a part a name: `event e = ..`");
    } else if (closes(t.punct)) {
      if (open.empty()) {
        const Token* event = unopened_filter(tokens.first(i));
        tell("R010", t, "`" + std::string(text_of(t.punct)) + "` closes nothing", "no bracket is open here",
             event == nullptr ? "leave it out" : "");
        if (event == nullptr) {
          out.back().fix = Edit{{file, t.begin, t.end}, ""};
        } else {
          out.back().cause = Label{{file, event->begin, event->end}, "the `(` behind this is missing"};
          out.back().fix = Edit{{file, event->end, event[1].begin}, "("};
        }
      } else if (closing(tokens[open.back()].punct) == t.punct) {
        const auto distance = static_cast<std::int32_t>(i - open.back());
        tokens[open.back()].partner = distance;
        t.partner = -distance;
        open.pop_back();
      }  // one of another kind closes nothing; the grammar finds the right one missing
    }
  }
  if (!open.empty()) result.opened = &tokens[open.back()];
  return result;
}

}  // namespace tocsin::dsl::grammar
