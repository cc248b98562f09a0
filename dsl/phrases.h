// The phrases of dsl/operators.cc, taken apart once: what the grammar reads by and the formatter writes by.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/lex.h"

namespace tocsin::dsl {

struct PhrasePart {
  enum class Kind { word, step, event, value, number, duration };
  Kind kind = Kind::word;
  std::string_view text;  // the word, or the slot's name without its `$`
};

struct PhraseParts {
  std::vector<PhrasePart> shape;
  std::string_view rewrite;
  std::vector<Token> tokens;  // of the rewrite; a parameter among them is a slot of the shape

  // Which slot of the shape a token of the rewrite is.
  std::size_t slot_of(const Token& param) const;
};

// Row by row as in phrases().
std::span<const PhraseParts> phrase_parts();

}  // namespace tocsin::dsl
