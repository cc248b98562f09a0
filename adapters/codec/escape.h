// The escapes of JSON strings: \" \\ \/ \b \f \n \r \t and \uXXXX, in pairs beyond the first plane.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace tocsin {

// The text between the quotes, as UTF-8. Writes to `to`, which has room for text.size() bytes (escapes only shrink),
// and returns how many. Nothing: an escape that JSON does not have, or half of a pair.
std::optional<std::size_t> unescape_json(std::string_view text, char* to);

}  // namespace tocsin
