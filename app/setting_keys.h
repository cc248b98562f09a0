// THE TABLE OF KEYS of tocsin.toml. A row is a key: where its value lives in Settings, what it may be, whether a reload
// takes it, and a line of help. Reading, suggestions for misspelt keys, `config show`, `config schema` and
// docs/configuration.md all walk it; a default is whatever Settings{} has there.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "app/settings.h"

namespace tocsin::app {

enum class SettingKind : std::uint8_t {
  text,
  path,      // relative to the folder of the file
  paths,     // one or a list
  texts,     // a list
  flag,      // true, false
  count,     // a whole number
  real,      // a number
  size,      // "64KiB"
  duration,  // "10s"
  choice,    // one of some words
  secret,    // { file = ... } or { env = ... }
  line,      // [[source.NAME.line]], each with `event` and `regex`
  any,       // not looked at: of what is not in this version
};

// A codec's key is an option of `replay` (inputs.h).
struct CodecOption {
  Arguments* arguments;
  std::string option;
};

// Where a value lives. monostate: nowhere, since the source or sink has an address of another kind.
using SettingPlace = std::variant<std::monostate, std::string*, bool*, std::uint32_t*, std::uint64_t*, double*,
                                  Duration*, std::vector<std::string>*, Secret*, LogLevel*, LogFormat*, CodecOption>;

struct SettingKey {
  std::string_view path;  // "source.*.file.path"; the star is a name that the author gives
  SettingKind kind;
  // `make`: a source, a sink or an address that is not there yet is made. REQUIRES: without `make` it is there.
  SettingPlace (*at)(Settings& settings, const SettingKey& key, const std::string& name, bool make);
  std::string_view help;
  std::vector<std::string_view> choices = {};
  std::int64_t least = 0, most = 0;  // of counts, sizes and durations (us); most 0: as much as the type holds
  bool later = false;                // recognised, and refused by `run`: not in this version
};

const std::vector<SettingKey>& setting_keys();

// Of the row, or of the option behind it.
std::vector<std::string_view> choices_of(const SettingKey& key);

// The source, or sink, of that name; made where there is none yet, and always in the order of names.
SourceSettings& source_named(Settings& settings, const std::string& name);
SinkSettings& sink_named(Settings& settings, const std::string& name);

// The parts between the dots, or another character.
std::vector<std::string> parts_of(std::string_view path, char between = '.');
// The row of a key, its star standing for any name; null: there is none.
const SettingKey* find_setting(const std::vector<std::string>& path);
// What may stand below `path`, in the order of the table; empty: nothing may.
std::vector<std::string> settings_below(const std::vector<std::string>& path);

// "a size, such as \"64KiB\"": for complaints, the schema and the page.
std::string_view noun_of(SettingKind kind);

// A value as TOML has it, for `config show` and defaults; "" where there is none. Secrets are "***".
std::string written(SettingKind kind, const SettingPlace& place);

// `64KiB`, `2GiB`, `1000`: units B KiB MiB GiB TiB.
std::optional<std::uint64_t> parse_size(std::string_view text);
std::string size_text(std::uint64_t bytes);

// docs/configuration.md, made of the table.
std::string configuration_page();
// The JSON Schema of the file.
std::string configuration_schema();

}  // namespace tocsin::app
