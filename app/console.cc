// Asks the operating system what a person sees.
#include "app/console.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace tocsin::app {

namespace {

// COLUMNS of the environment, so that a narrow page can be asked for; else what the terminal says, else 80.
int width_of_terminal() {
  if (const char* asked = std::getenv("COLUMNS"); asked != nullptr)
    if (const int columns = std::atoi(asked); columns > 0 && columns <= 10'000) return columns;
  winsize size{};
  for (const int fd : {STDOUT_FILENO, STDERR_FILENO})
    if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  return 80;
}

std::optional<std::string> from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

// The variables that are settings, in the order of their names: no other has an order that means anything.
std::vector<std::pair<std::string, std::string>> settings_of_environment() {
  std::vector<std::pair<std::string, std::string>> out;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const std::size_t equals = text.find('=');
    if (text.starts_with("TOCSIN__") && equals != std::string_view::npos)
      out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  std::ranges::sort(out);
  return out;
}

}  // namespace

void decide_colours(std::string_view flag, Console& console) {
  const auto value = [&](const char* name) {
    return console.environment ? console.environment(name).value_or("") : "";
  };
  const std::string force = value("CLICOLOR_FORCE");
  const auto decide = [&](bool is_terminal) {
    if (flag == "always") return true;
    if (flag == "never" || !value("NO_COLOR").empty()) return false;
    if (!force.empty() && force != "0") return true;
    return is_terminal && value("TERM") != "dumb";
  };
  console.colours = decide(console.out_is_terminal);
  console.err_colours = decide(console.err_is_terminal);
}

Console process_console() {
  Console console{std::cin, std::cout, std::cerr};
  console.in_is_terminal = isatty(STDIN_FILENO) != 0;
  console.out_is_terminal = isatty(STDOUT_FILENO) != 0;
  console.err_is_terminal = isatty(STDERR_FILENO) != 0;
  console.terminal_width = width_of_terminal();
  console.environment = from_environment;
  console.settings = settings_of_environment();
  return console;
}

}  // namespace tocsin::app
