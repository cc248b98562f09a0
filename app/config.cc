// A configured source has the words that the command line would have had (SourceSettings::codec), so that nothing is
// decided twice.
#include "app/config.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/inputs.h"
#include "app/settings_read.h"
#include "dsl/diagnostic.h"

namespace tocsin::app {

namespace {

// The source whose records --input has; null: none is configured.
Result<const SourceSettings*> chosen(const Settings& settings, const Arguments& arguments) {
  std::vector<std::string> names;
  for (const SourceSettings& source : settings.sources) names.push_back(source.name);
  if (!arguments.has("--source")) {
    if (names.size() == 1) return &settings.sources.front();
    if (names.empty()) return nullptr;
    return failure(Error::Code::refused,
                   fmt::format("say whose records --input has: --source NAME, one of {}", fmt::join(names, ", ")));
  }
  const std::string name = arguments.value("--source");
  if (const SourceSettings* found = settings.source(name)) return found;
  const std::string near = dsl::nearest(name, names);
  return failure(Error::Code::refused, fmt::format("--source: there is no source `{}`; {}", name,
                                                   near.empty() ? fmt::format("one of {}", fmt::join(names, ", "))
                                                                : fmt::format("did you mean `{}`?", near)));
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

Result<void> apply_config(Arguments& arguments, Console& console) {
  if (!arguments.has("--config")) {
    if (arguments.has("--source")) return failure(Error::Code::refused, "--source goes with --config");
    return {};
  }
  const Result<SettingsRead> read = settings_of(arguments, console);
  if (!read) return tl::unexpected(read.error());
  if (arguments.operands().empty())
    for (const std::string& path : read->settings.rules) arguments.add_operand(path);
  if (!arguments.has("--input")) return {};
  const Result<const SourceSettings*> source = chosen(read->settings, arguments);
  if (!source) return tl::unexpected(source.error());
  if (*source == nullptr) return {};
  fill_in(arguments, (*source)->codec);
  arguments.replace("--source", {(*source)->name});
  return {};
}

}  // namespace tocsin::app
