// `tocsin demo`, for the table of commands.
#pragma once

#include "app/command.h"

namespace tocsin::app {

Exit run_demo(const Arguments& arguments, Console& console);

}  // namespace tocsin::app
