// `tocsin config show`: what holds, and who said it; `tocsin config schema`: what may be said. Both walk the table of
// keys. What show prints is TOML again, one key a line, but for secrets, which are ***.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "app/command.h"
#include "app/config_show.h"
#include "app/setting_keys.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

// Every key that has a value, with the name in place of the star: rows in the order of the table, names within a table
// of sources or sinks together.
template <class Visit>
void for_each_value(const Settings& said, const Visit& visit) {
  Settings settings = said;  // places are found in what could be written; nothing is
  const auto one = [&](const SettingKey& key, const std::string& name) {
    std::string path(key.path);
    if (const std::size_t star = path.find('*'); star != std::string::npos) path.replace(star, 1, name);
    const std::string value = written(key.kind, key.at(settings, key, name, false));
    if (!value.empty()) visit(path, value);
  };
  const auto named = [&](std::string_view table, const auto& all) {
    for (const auto& item : all)
      for (const SettingKey& key : setting_keys())
        if (key.path.starts_with(table)) one(key, item.name);
  };
  bool sources = false, sinks = false;
  for (const SettingKey& key : setting_keys()) {
    if (key.path.starts_with("source.*")) {
      if (!std::exchange(sources, true)) named("source.*", said.sources);
    } else if (key.path.starts_with("sink.*")) {
      if (!std::exchange(sinks, true)) named("sink.*", said.sinks);
    } else {
      one(key, {});
    }
  }
}

// `"10s"`, `[..]`, `true`, `4`: what the table writes as TOML is JSON as well.
Json json_of(const std::string& written) { return Json::parse(written); }

std::string origin_of(const SettingsRead& read, const std::string& path) {
  const auto found = read.origins.find(path);
  return found != read.origins.end() ? found->second : "default";
}

Exit show(const Arguments& arguments, Console& console) {
  const Result<SettingsRead> read = settings_of(arguments, console);
  if (!read) return refuse(console, "config", read.error().message);
  const bool origins = arguments.has("--origin");
  if (arguments.has("--json")) {
    console.out << settings_json(*read, origins) << "\n";
    return Exit::done;
  }
  std::size_t width = 0;
  for_each_value(read->settings, [&](const std::string& path, const std::string& value) {
    width = std::max(width, path.size() + value.size() + 3);
  });
  constexpr std::size_t kWidest = 60;  // a long value pushes its own origin away, not everybody's
  for_each_value(read->settings, [&](const std::string& path, const std::string& value) {
    const std::string line = fmt::format("{} = {}", path, value);
    if (!origins)
      console.out << line << "\n";
    else
      console.out << fmt::format("{:<{}}  # {}\n", line, std::min(width, kWidest), origin_of(*read, path));
  });
  return Exit::done;
}

std::string_view json_type(SettingKind kind) {
  switch (kind) {
    case SettingKind::flag:
      return "boolean";
    case SettingKind::count:
      return "integer";
    case SettingKind::real:
      return "number";
    case SettingKind::texts:
      return "array";
    case SettingKind::text:
    case SettingKind::path:
    case SettingKind::duration:
    case SettingKind::choice:
      return "string";
    case SettingKind::paths:
    case SettingKind::size:
    case SettingKind::secret:
    case SettingKind::line:
    case SettingKind::any:
      break;
  }
  return {};  // more than one type, or none: schema_of says it
}

Json object(Json properties) {
  return {{"type", "object"}, {"additionalProperties", false}, {"properties", std::move(properties)}};
}

Json schema_of(const SettingKey& key) {
  const Json texts = {{"type", "array"}, {"items", {{"type", "string"}}}};
  Json out;
  if (const std::string_view type = json_type(key.kind); !type.empty()) out["type"] = type;
  if (key.kind == SettingKind::texts) out = texts;
  if (key.kind == SettingKind::paths) out["anyOf"] = {{{"type", "string"}}, texts};
  if (key.kind == SettingKind::size) out["type"] = {"string", "integer"};
  if (key.kind == SettingKind::size) out["pattern"] = "^[0-9]+ ?(B|KiB|MiB|GiB|TiB)?$";
  if (key.kind == SettingKind::secret) {
    out = object({{"file", {{"type", "string"}}}, {"env", {{"type", "string"}}}});
    out["minProperties"] = 1;
    out["maxProperties"] = 1;
  }
  if (key.kind == SettingKind::line) {
    Json line = object({{"event", {{"type", "string"}}}, {"regex", {{"type", "string"}}}});
    line["required"] = {"event", "regex"};
    out = {{"type", "array"}, {"items", std::move(line)}};
  }
  if (const auto choices = choices_of(key); !choices.empty()) out["enum"] = choices;
  if (key.kind == SettingKind::count) {
    out["minimum"] = key.least;
    if (key.most != 0) out["maximum"] = key.most;
  }
  out["description"] = key.later ? fmt::format("{} (not yet in this version)", key.help) : std::string(key.help);
  return out;
}

// What stands behind a key in Settings{}; "" nothing, or it has no one default.
std::string default_of(const SettingKey& key) {
  Settings settings;
  return written(key.kind, key.at(settings, key, "NAME", true));
}

Json schema_below(const std::vector<std::string>& path) {
  Json properties = Json::object();
  for (const std::string& name : settings_below(path)) {
    std::vector<std::string> inner = path;
    inner.push_back(name);
    const SettingKey* key = find_setting(inner);
    Json schema = key != nullptr ? schema_of(*key) : schema_below(inner);
    if (key != nullptr)
      if (const std::string value = default_of(*key); !value.empty() && value != "\"\"" && value != "[]")
        schema["default"] = json_of(value);
    if (name == "*") return {{"type", "object"}, {"additionalProperties", std::move(schema)}};
    properties[name] = std::move(schema);
  }
  return object(std::move(properties));
}

std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? std::string("\\|") : std::string(1, c);
  return out;
}

std::string bounds_of(const SettingKey& key) {
  if (const auto choices = choices_of(key); !choices.empty())
    return fmt::format("one of `{}`", fmt::join(choices, "`, `"));
  return std::string(noun_of(key.kind));
}

struct Section {
  std::string_view path, title, about;
};
// A row belongs to the longest path that it begins with.
constexpr Section kSections[] = {
    {"", "At the top", "Before the first table."},
    {"source.*", "[source.NAME]", "Where records come from, and how they are written. A source has one address."},
    {"sink.*", "[sink.NAME]", "Where messages go. A sink has one address."},
    {"sinks", "[sinks]", "Which sink gets what."},
    {"kafka", "[kafka]", "Recognised, so that one file serves `replay` today and the daemon later."},
    {"state", "[state]", "What survives a restart."},
    {"http", "[http]", "The control API on TCP."},
    {"control", "[control]", "The control API on a Unix socket, which only its owner may use."},
    {"log", "[log]", ""},
    {"reload", "[reload]", ""},
    {"limits", "[limits]", ""},
};

const Section& section_of(const SettingKey& key) {
  const Section* best = &kSections[0];
  for (const Section& section : kSections)
    if (section.path.size() > best->path.size() && key.path.starts_with(fmt::format("{}.", section.path)))
      best = &section;
  return *best;
}

}  // namespace

std::string settings_json(const SettingsRead& read, bool origins) {
  Json out = {{"schema", "tocsin/config/1"}, {"values", Json::object()}};
  for_each_value(read.settings, [&](const std::string& path, const std::string& value) {
    Json* at = &out["values"];
    for (const std::string& part : parts_of(path)) at = &(*at)[part];
    *at = json_of(value);
    if (origins) out["origins"][path] = origin_of(read, path);
  });
  return out.dump(2);
}

std::string configuration_schema() {
  Json out = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "tocsin.toml"}};
  out.update(schema_below({}));
  return out.dump(2);
}

std::string configuration_page() {
  std::string out =
      "# tocsin.toml\n\nWritten from the table of keys in `app/setting_keys.cc`; a test compares the two "
      "(`TOCSIN_UPDATE=1 app_test` writes it anew).\n\n"
      "Who says it later wins: a flag, `--set KEY=VALUE`, a variable `TOCSIN__KEY__KEY`, the file, the default; "
      "`tocsin config show --origin` says who did. In a variable two underscores stand for a dot, letters are small, "
      "and a `-` in a name is a `_`: `TOCSIN__STATE__MEMORY=2GiB`, "
      "`TOCSIN__SINK__LATE_EVENTS__FILE__PATH=late.ndjson`. "
      "Values there are TOML; texts, times and sizes need no quotes, and a list of texts may be written "
      "`a,b`.\n\n"
      "An unknown key is an error, and nothing in a value is ever replaced by something else. Paths count from the "
      "folder of the file; those of variables and `--set` from where the process runs. A secret is "
      "`{ file = \"...\" }` or `{ env = \"...\" }`, never the text itself; it is shown as `***`. "
      "A running daemon takes rule files, lists and tables anew (`tocsin reload`); what is in this file it takes "
      "at its next start, and `tocsin reload` says which keys wait for that.\n";
  for (const Section& section : kSections) {
    out += fmt::format("\n## {}\n", section.title);
    if (!section.about.empty()) out += fmt::format("\n{}\n", section.about);
    out += "\n| key | value | default | |\n| --- | --- | --- | --- |\n";
    for (const SettingKey& key : setting_keys()) {
      if (&section_of(key) != &section) continue;
      std::string name(key.path.substr(section.path.empty() ? 0 : section.path.size() + 1));
      const std::string value = default_of(key);
      out += fmt::format("| `{}` | {} | {} | {}{} |\n", name, cell(bounds_of(key)),
                         value.empty() || value == "\"\"" || value == "[]" ? "" : fmt::format("`{}`", cell(value)),
                         cell(key.help), key.later ? " (not yet in this version)" : "");
    }
  }
  return out;
}

Exit run_config(const Arguments& arguments, Console& console) {
  if (arguments.operands().front() == "show") return show(arguments, console);
  console.out << configuration_schema() << "\n";
  return Exit::done;
}

}  // namespace tocsin::app
