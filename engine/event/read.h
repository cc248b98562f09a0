// Values from what people and programs write for them, by the type of their field. Shared by the codecs and by the
// tests of rules, so that one text is one value everywhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "engine/base/arena.h"
#include "engine/event/value.h"

namespace tocsin {

enum class Reading : std::uint8_t { good, wrong_type, out_of_range };

// One value of `type` from a whole text: a time as RFC 3339, a duration with its unit or as seconds, a point as
// `lat,lon`, a bool as `true` or `1`. `object` (any) is the text itself. The text must live as long as the value.
Reading read_text(Type type, std::string_view text, Arena& arena, Value& value);

// A point of two numbers in degrees; latitude first. Nothing: not on this earth.
std::optional<Point> make_point(double latitude, double longitude);

}  // namespace tocsin
