// What an item that cannot be read is told: what was wanted at the farthest token, in people's words; or, where it is
// plain what the author had in mind, what to write instead (habits.cc).
#pragma once

#include <optional>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/grammar/primitive.h"

namespace tocsin::dsl::grammar {

// The general message for the tokens [begin, end): R001.
Diagnostic unreadable(const ParseState& state, const Token* begin, const Token* end);

// A mistake whose meaning is known: what to say, and what to read instead, so that the rest of the item is read too.
struct Repair {
  Diagnostic diagnostic;
  bool certain = true;        // the item means what it says after the repair
  std::size_t at = 0;         // tokens of the item: from here ...
  std::size_t remove = 0;     // ... so many go ...
  std::vector<Token> insert;  // ... and these come
  bool begins_item = false;   // an item begins at `at`: its word was misspelt
};

// What the author of [begin, end) had in mind, if it is one of the habits that other languages leave. `opened` is a
// bracket that is not closed, or null.
std::optional<Repair> habit(const ParseState& state, const Token* begin, const Token* end, const Token* opened);

// The same of what can be read, but as something that nobody means: asked before the item is read.
std::optional<Repair> misread(ParseState& state, const Token* begin, const Token* end);

}  // namespace tocsin::dsl::grammar
