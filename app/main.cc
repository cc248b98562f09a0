// The process: the command line of the system, handed to the table of commands.
#include <iostream>

#include "app/cli.h"

int main(int count, char** words) {
  std::ios::sync_with_stdio(false);
  std::cin.tie(nullptr);
  tocsin::app::turn_aborts_into_bugs();
  tocsin::app::Console console = tocsin::app::process_console();
  const tocsin::app::Exit exit = tocsin::app::run_command_line({words + 1, words + count}, console);
  std::cout.flush();
  if (std::cout.good()) return static_cast<int>(exit);
  std::cerr << "tocsin: cannot write to standard output\n";
  return static_cast<int>(tocsin::app::Exit::usage);
}
