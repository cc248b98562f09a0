// `tocsin savepoint`: what goes to the daemon, and what is done with files.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "app/command.h"
#include "app/settings.h"

namespace tocsin::app {

// create, list and delete, of a running daemon.
Exit ask_about_savepoints(const Arguments& arguments, Console& console);
// The list as its document says it; for people.
void print_savepoints(const nlohmann::ordered_json& savepoints, std::ostream& out);

// restore: `folder` is that of savepoints.
Exit restore_savepoint(const Settings& settings, const std::string& folder, const Arguments& arguments,
                       Console& console);

// The savepoint, or its tocsin's, or the state's failure: told, with the exit code that it means.
Exit savepoint_failure(Console& console, const Error& error);
// The same of one that was looked for: where there is none, the answer is no, as it is the daemon's.
Exit not_found(Console& console, const Error& error);

}  // namespace tocsin::app
