// From the words of the command line to a command that runs. The only file behind this that includes CLI11 is cli.cc.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"

namespace tocsin::app {

// Finds the command, reads its arguments as the table says, runs it. Never throws what the user can cause; whatever
// else is thrown is a bug of ours, reported as such (Exit::bug).
Exit run_command_line(const std::vector<std::string>& words, Console& console);

// From here on a broken contract (TOCSIN_ASSERT) and std::terminate end the process with Exit::bug and say what to
// attach.
void turn_aborts_into_bugs();

}  // namespace tocsin::app
