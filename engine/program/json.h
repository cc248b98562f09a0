// JSON inside a text field, for the function `json`. Not the codec: events are decoded in adapters/codec, which only
// looks at what rules need; this reads the whole text, so that a broken one is missing wherever it breaks.
#pragma once

#include <optional>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/value.h"

namespace tocsin {

// Nothing: not one JSON value, or nested deeper than kJsonDepth. Plain texts view `text`, the rest lies in the arena.
inline constexpr int kJsonDepth = 64;  // as the decoders
std::optional<Value> parse_json(std::string_view text, Arena& arena);

// `a.b[0].c`, from the front; `[-1]` is the last item. A member whose name has dots is found by its whole name, too.
// Missing: there is no such thing.
Value at_path(const Value& value, std::string_view path);

}  // namespace tocsin
