// What commands do to files and say about them.
#pragma once

#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "engine/base/result.h"

namespace tocsin::app {

// Replaces the file's content whole or not at all: a new file beside it takes its place and its permissions. A symbolic
// link stays one; what it points to is replaced. A device or a pipe is written to.
Result<void> write_file(const std::string& path, std::string_view text);

// A file that a command reads, and what it is to the author: `the rules in a.rules`.
struct FileRead {
  std::string path, what;
};

// Those that options name: --input, --config, --expect.
std::vector<FileRead> files_read(const Arguments& arguments);

// What would be lost if the options `outputs` were followed: the complaint where one names a file that is read, by
// whatever path or link, or the file of another of them; else nothing. Devices keep nothing, so nothing is lost there.
std::string overwritten(const Arguments& arguments, std::initializer_list<std::string_view> outputs,
                        std::span<const FileRead> read);

// `tocsin check: cannot read x: no such file`, on stderr. Always Exit::usage.
Exit unreadable(Console& console, std::string_view command, const Error& error);

}  // namespace tocsin::app
