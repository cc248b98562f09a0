// tocsin.toml as the author's commands read it: which rules, and how the records of each source become events. What it
// says are defaults of the command line's options, so a flag wins over it, and one reader (inputs.h) makes a codec of
// both. Sinks, state, Kafka and the server's own tables are for the daemon; here their names alone are checked.
#pragma once

#include <string>
#include <vector>

#include "app/command.h"
#include "engine/base/result.h"

namespace tocsin::app {

struct ConfiguredSource {
  std::string name;
  Arguments options;  // of input_options(): `time_unit = "s"` is --time-unit s
};

struct Config {
  std::vector<std::string> rules;  // PATHS; they count from the folder of the file
  std::vector<ConfiguredSource> sources;
};

// Fails with the place and the author's line when the file is no TOML, a key is unknown, or a value of another kind.
Result<Config> read_config(const std::string& path);

// Fills in what `arguments` leave open from the file that --config names: PATHS, and with --input how its records are
// written. Nothing happens without --config.
Result<void> apply_config(Arguments& arguments);

}  // namespace tocsin::app
