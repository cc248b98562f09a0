// Absences that have no beginning or no end (semantics.md Q15): `no x then y`, `x then no y`, `no x`. The grammar has
// no place for them, so they are recognised where it stops, and get a message of their own.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "dsl/diagnostic.h"
#include "dsl/lex.h"

namespace tocsin::dsl::grammar {

// The message, when the tokens [begin, at) of an item end in such an absence and `at` does not go on with it.
std::optional<Diagnostic> absence_mistake(const Token* begin, const Token* at, const Token* end, std::uint32_t file,
                                          std::string_view source);

}  // namespace tocsin::dsl::grammar
