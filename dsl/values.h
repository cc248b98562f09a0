// The counts and lengths of the tree as numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <variant>

#include "dsl/ast.h"

namespace tocsin::ast {

// Nothing while a constant or a parameter stands in its place.
inline std::optional<std::int64_t> value(const Count& count) {
  const auto* n = std::get_if<std::int64_t>(&count.value);
  return n != nullptr ? std::optional(*n) : std::nullopt;
}
inline std::optional<Duration> value(const Length& length) {
  const auto* d = std::get_if<Duration>(&length.value);
  return d != nullptr ? std::optional(*d) : std::nullopt;
}

// The same behind check, which has put every constant in its place: 0 where none was found, which is reported by then.
inline std::int64_t settled(const Count& count) { return value(count).value_or(0); }
inline Duration settled(const Length& length) { return value(length).value_or(Duration{}); }

}  // namespace tocsin::ast
