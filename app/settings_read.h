// From what was said (a file, variables of the environment, --set, flags) to Settings. Who says it later wins: flag,
// --set, TOCSIN__A__B, file, default. All mistakes are found at once, each with its place and the author's own line.
// Nothing in a value is replaced by anything: there is no interpolation.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/console.h"
#include "app/settings.h"
#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace tocsin::app {

// A flag of the command line that is a setting: `--shards 4`.
struct FlagSetting {
  std::string flag, path, value;
};

struct SettingLayers {
  std::string file;                                              // "" none
  std::vector<std::pair<std::string, std::string>> environment;  // TOCSIN__STATE__DIR and its like, with their values
  std::vector<std::string> sets;                                 // "state.dir=/tmp/x"
  std::vector<FlagSetting> flags;
};

struct SettingsRead {
  Settings settings;
  std::map<std::string, std::string> origins;  // by path, of what is no default: "tocsin.toml:12", "--set"
  std::vector<std::string> later;              // keys that this version knows and does not do: `run` refuses them
  std::vector<dsl::Diagnostic> mistakes;
  std::vector<dsl::SourceText> texts;  // that spans of the mistakes point into
};

// Fails only when the file cannot be read. With mistakes, the settings are of no use.
Result<SettingsRead> read_settings(const SettingLayers& layers);

// What --config, --set and the environment say, for a command. Its mistakes have been printed when it fails, and the
// error says how many there were.
Result<SettingsRead> settings_of(const Arguments& arguments, Console& console, std::vector<FlagSetting> flags = {});

// What keeps the daemon from running by these settings: no source, a source or sink without an address, what is not
// in this version. Sentences; empty: nothing.
std::vector<std::string> refused_for_run(const SettingsRead& read);

}  // namespace tocsin::app
