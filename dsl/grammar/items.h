// Before the grammar: where items begin, and which brackets belong together. On tokens alone, in one pass.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/lex.h"

namespace tocsin::dsl::grammar {

// Brackets and signs that may be open at one place. The grammar descends into each; 64 is beyond what people can read.
constexpr std::size_t kMaxNesting = 64;
// Operators of one item: an expression is a tree as deep as it is long, and everything that reads it descends.
constexpr std::size_t kMaxOperators = 500;

// The numbers of the tokens that begin an item. A word such as `list` begins one when what follows fits, and what
// stands before can end an item. Item words in capitals are set right here, with a message, so that no item is lost by
// it.
std::vector<std::size_t> item_starts(std::vector<Token>& tokens, std::string_view text, std::uint32_t file,
                                     std::vector<Diagnostic>& out);

// Joins the halves of the brackets of one item. `opened` is the first that is not closed, or null.
struct Brackets {
  bool ok = true;  // false: too deep, or more closed than opened; told in `out`
  const Token* opened = nullptr;
};
Brackets join_brackets(std::span<Token> tokens, std::uint32_t file, std::vector<Diagnostic>& out);

// The closing half of an opening bracket; Punct::none of anything else.
Punct closing(Punct open);

}  // namespace tocsin::dsl::grammar
