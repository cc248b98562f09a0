// The terminal as commands see it: streams, whether a person looks on, how wide it is, and the environment. A value
// made once in main(); tests make their own.
#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tocsin::app {

struct Console {
  std::istream& in;
  std::ostream& out;  // the answer
  std::ostream& err;  // everything else
  bool in_is_terminal = false;
  bool out_is_terminal = false;
  bool err_is_terminal = false;
  int terminal_width = 80;
  std::function<std::optional<std::string>(const char*)> environment = {};
  std::vector<std::pair<std::string, std::string>> settings = {};  // TOCSIN__STATE__DIR and its like, by name
  bool quiet = false;                                              // -q
  int verbose = 0;                                                 // -v, -vv
  bool colours = false;                                            // of `out`
  bool err_colours = false;

  // For what is cut to fit, such as the author's lines: as wide as it needs, unless a terminal shows it.
  int width() const { return out_is_terminal ? terminal_width : 0; }
  int err_width() const { return err_is_terminal ? terminal_width : 0; }
};

// Of both streams: `--color` > NO_COLOR > CLICOLOR_FORCE > is it a terminal; TERM=dumb has none. `flag` is always,
// never, or auto.
void decide_colours(std::string_view flag, Console& console);

// Of the process: its streams, its environment, the width by ioctl (80 where nobody says).
Console process_console();

}  // namespace tocsin::app
