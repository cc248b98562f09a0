// The difference of two texts, line by line, as `diff -u` prints it.
#pragma once

#include <string>
#include <string_view>

namespace tocsin::app {

// Empty when the texts are equal. `now`: what the text after is, for the head. `colours`: removed lines red, added ones
// green.
std::string unified_diff(std::string_view path, std::string_view before, std::string_view now, std::string_view after,
                         bool colours);

}  // namespace tocsin::app
