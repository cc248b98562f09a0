// What commands do to files and say about them.
#pragma once

#include <string>
#include <string_view>

#include "app/command.h"
#include "engine/base/result.h"

namespace tocsin::app {

// Replaces the file's content whole or not at all: a new file beside it takes its place and its permissions. A symbolic
// link stays one; what it points to is replaced. A device or a pipe is written to.
Result<void> write_file(const std::string& path, std::string_view text);

// `tocsin check: cannot read x: no such file`, on stderr. Always Exit::usage.
Exit unreadable(Console& console, std::string_view command, const Error& error);

}  // namespace tocsin::app
