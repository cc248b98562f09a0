// A configured source becomes the words that the command line would have had, so that nothing is decided twice. toml11
// throws; all of it is caught here.
#include "app/config.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <filesystem>
#include <fstream>
#include <toml.hpp>

#include "app/inputs.h"
#include "dsl/diagnostic.h"

namespace tocsin::app {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kTables[] = {"rules", "shards", "source", "sink", "sinks", "kafka", "state", "http"};

// What a source's key sets: an option, or nothing here (its address is for the daemon).
struct Key {
  std::string_view name, option;
};
constexpr Key kSourceKeys[] = {{"format", "--input-format"},
                               {"event", "--event"},
                               {"event_field", "--event-field"},
                               {"columns", "--columns"},
                               {"time_field", "--time-field"},
                               {"time_unit", "--time-unit"},
                               {"time_format", "--time-format"},
                               {"zone", "--zone"},
                               {"year", "--year"},
                               {"line", "--line"},
                               {"kafka", ""},
                               {"file", ""},
                               {"stdin", ""},
                               {"tcp", ""},
                               {"unix", ""},
                               {"generator", ""},
                               {"idle_after", ""}};

// Thrown inside this file only: toml11 throws what it finds, too.
struct Wrong : std::runtime_error {
  Wrong(const std::string& message, const toml::value& at, const std::string& here)
      : std::runtime_error(toml::format_error("[error] " + message, at, here)) {}
};

template <class Names>
std::string did_you_mean(const std::string& word, const Names& names) {
  std::vector<std::string> known;
  for (const auto& name : names) known.emplace_back(name);
  const std::string near = dsl::nearest(word, known);
  return near.empty() ? fmt::format("one of {}", fmt::join(known, ", ")) : fmt::format("did you mean `{}`?", near);
}

const toml::value& table(const toml::value& value, std::string_view name) {
  if (!value.is_table()) throw Wrong(fmt::format("`{}` is a table", name), value, "this is none");
  return value;
}

std::string text(const toml::value& value, std::string_view key) {
  if (!value.is_string()) throw Wrong(fmt::format("`{}` is a text", key), value, "this is none");
  return value.as_string();
}

// `columns = ["a", "b"]` as --columns has it.
std::string joined(const toml::value& value, std::string_view key) {
  if (!value.is_array()) throw Wrong(fmt::format("`{}` is a list of texts", key), value, "this is none");
  std::string out;
  for (const toml::value& item : value.as_array()) out += (out.empty() ? "" : ",") + text(item, key);
  return out;
}

void add_lines(const toml::value& value, Arguments& out) {
  if (!value.is_array()) throw Wrong("`line` is a list of tables, [[source.NAME.line]]", value, "this is none");
  for (const toml::value& line : value.as_array()) {
    table(line, "line");
    for (const char* key : {"event", "regex"})
      if (!line.contains(key)) throw Wrong("a `line` has `event` and `regex`", line, fmt::format("no `{}`", key));
    out.add("--line", text(line.at("event"), "event") + "=" + text(line.at("regex"), "regex"));
  }
}

void add_option(const Key& key, const toml::value& value, Arguments& out) {
  if (key.option.empty()) return;
  if (key.name == "line") return add_lines(value, out);
  if (key.name == "columns") return out.add(key.option, joined(value, key.name));
  if (key.name == "year") {
    if (!value.is_integer()) throw Wrong("`year` is a number, such as 2026", value, "this is none");
    return out.add(key.option, std::to_string(value.as_integer()));
  }
  const std::string word = text(value, key.name);
  for (const Option& option : input_options())
    if (option.name == key.option && !option.choices.empty() &&
        std::ranges::find(option.choices, word) == option.choices.end())
      throw Wrong(fmt::format("`{}` cannot be `{}`", key.name, word), value, did_you_mean(word, option.choices));
  out.add(key.option, word);
}

ConfiguredSource source_of(const std::string& name, const toml::value& value) {
  ConfiguredSource source{name, {}};
  for (const auto& [word, item] : table(value, "source." + name).as_table()) {
    const auto key = std::ranges::find(kSourceKeys, word, &Key::name);
    if (key == std::end(kSourceKeys)) {
      std::vector<std::string_view> names;
      for (const Key& row : kSourceKeys) names.push_back(row.name);
      throw Wrong(fmt::format("a source has no key `{}`", word), item, did_you_mean(word, names));
    }
    add_option(*key, item, source.options);
  }
  return source;
}

Config config_of(const toml::value& document, const fs::path& folder) {
  Config config;
  for (const auto& [word, item] : document.as_table()) {
    if (std::ranges::find(kTables, word) == std::end(kTables))
      throw Wrong(fmt::format("there is no key or table `{}`", word), item, did_you_mean(word, kTables));
    const auto add_rules = [&](const toml::value& path) {
      config.rules.push_back((folder / text(path, "rules")).lexically_normal().string());
    };
    if (word == "rules" && item.is_array())
      for (const toml::value& path : item.as_array()) add_rules(path);
    else if (word == "rules")
      add_rules(item);
    if (word == "source")
      for (const auto& [name, source] : table(item, word).as_table()) config.sources.push_back(source_of(name, source));
  }
  std::ranges::sort(config.sources, {}, &ConfiguredSource::name);  // toml11 keeps no order
  return config;
}

// The source whose records --input has.
Result<const ConfiguredSource*> chosen(const Config& config, const Arguments& arguments) {
  std::vector<std::string> names;
  for (const ConfiguredSource& source : config.sources) names.push_back(source.name);
  if (!arguments.has("--source")) {
    if (names.size() == 1) return &config.sources.front();
    if (names.empty()) return nullptr;
    return failure(Error::Code::refused,
                   fmt::format("say whose records --input has: --source NAME, one of {}", fmt::join(names, ", ")));
  }
  const auto found = std::ranges::find(config.sources, arguments.value("--source"), &ConfiguredSource::name);
  if (found == config.sources.end())
    return failure(Error::Code::refused,
                   fmt::format("--source: there is no source `{}`; {}", arguments.value("--source"),
                               did_you_mean(arguments.value("--source"), names)));
  return &*found;
}

// A flag wins; --event, --event-field and --line answer one question, so one of them on the command line wins over all.
void fill_in(Arguments& arguments, const Arguments& source) {
  const auto names_event = [](std::string_view option) {
    return option == "--event" || option == "--event-field" || option == "--line";
  };
  bool named = false;
  for (const Option& option : input_options()) named |= names_event(option.name) && arguments.has(option.name);
  for (const Option& option : input_options()) {
    if (arguments.has(option.name) || (named && names_event(option.name))) continue;
    for (const std::string& value : source.all(option.name)) arguments.add(option.name, value);
  }
}

}  // namespace

Result<Config> read_config(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return failure(Error::Code::unreadable, fmt::format("cannot read {}", path));
  try {
    return config_of(toml::parse(in, path), fs::path(path).parent_path());
  } catch (const std::exception& error) {
    return failure(Error::Code::refused, fmt::format("{}: {}", path, error.what()));
  }
}

Result<void> apply_config(Arguments& arguments) {
  if (!arguments.has("--config")) {
    if (arguments.has("--source")) return failure(Error::Code::refused, "--source goes with --config");
    return {};
  }
  const Result<Config> config = read_config(arguments.value("--config"));
  if (!config) return tl::unexpected(config.error());
  if (arguments.operands().empty())
    for (const std::string& path : config->rules) arguments.add_operand(path);
  if (!arguments.has("--input")) return {};
  const Result<const ConfiguredSource*> source = chosen(*config, arguments);
  if (!source) return tl::unexpected(source.error());
  if (*source != nullptr) fill_in(arguments, (*source)->options);
  return {};
}

}  // namespace tocsin::app
