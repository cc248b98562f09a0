// `tocsin why`, for the table of commands.
#pragma once

#include "app/command.h"

namespace tocsin::app {

Exit run_why(const Arguments& arguments, Console& console);

}  // namespace tocsin::app
