// The grammar as people read it: productions in EBNF, and the page docs/grammar.md made of them and of the tables of
// phrases and words. Spirit's expressions cannot print themselves, so this is written beside them; ebnf_test.cc derives
// sentences at random from it, and the parser has to read every one.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace tocsin::dsl {

// `name = text`: words and signs in double quotes, other productions by name, `[ ]` may be missing, `{ }` any number,
// `( | )` one of. Names in capitals are kinds of tokens (lex.h).
struct Production {
  std::string_view chapter;  // a new one begins here, when not empty
  std::string_view name;
  std::string_view text;
};

std::span<const Production> productions();

// docs/grammar.md.
std::string grammar_page();

}  // namespace tocsin::dsl
