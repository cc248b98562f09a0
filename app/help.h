// The table of commands as people read it (help, manual page) and as shells do (completions). Nothing is written
// twice: all of it walks all_commands().
#pragma once

#include <string>
#include <string_view>

#include "app/command.h"

namespace tocsin::app {

std::string help();
std::string help(const Command& command);
std::string manual_page();
// docs/commands.md: the same as Markdown.
std::string commands_page();
// REQUIRES: `shell` is bash, zsh or fish.
std::string completions(std::string_view shell);

// `text` in lines of at most `width` columns, each after the first indented by `indent`.
std::string wrap(std::string_view text, std::size_t width, std::size_t indent);

}  // namespace tocsin::app
