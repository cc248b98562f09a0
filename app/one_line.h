// Text of events on the way to a terminal: on one line, and without anything that a terminal obeys, so that no event
// can forge a line of ours or write over one.
#pragma once

#include <string>
#include <string_view>

namespace tocsin::app {

// Control characters as JSON writes them (`\n`, `\u001b`); all else as it is.
std::string on_one_line(std::string_view text);

}  // namespace tocsin::app
