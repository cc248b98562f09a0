// What the author's commands (replay, why, check, test) take from tocsin.toml: which rules, and how the records of each
// source become events. What it says are defaults of the command line's options, so a flag wins over it, and one reader
// (inputs.h) makes a codec of both.
#pragma once

#include "app/command.h"
#include "app/console.h"
#include "engine/base/result.h"

namespace tocsin::app {

// Fills in what `arguments` leave open from the file that --config names: PATHS, and with --input whose records they
// are (--source) and how they are written. Nothing happens without --config.
Result<void> apply_config(Arguments& arguments, Console& console);

}  // namespace tocsin::app
