// `tocsin completions` and `tocsin man`: the table of commands, handed to a shell and to man(1).
#include <ostream>

#include "app/command.h"
#include "app/help.h"

namespace tocsin::app {

Exit run_completions(const Arguments& arguments, Console& console) {
  console.out << completions(arguments.operands().front());
  return Exit::done;
}

Exit run_man(const Arguments&, Console& console) {
  console.out << manual_page();
  return Exit::done;
}

}  // namespace tocsin::app
