// `tocsin version`: what a bug report needs to name.
#include "app/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <ostream>

#include "app/command.h"
#include "commit.h"

namespace tocsin::app {

Exit run_version(const Arguments& arguments, Console& console) {
  if (!arguments.has("--json")) {
    console.out << fmt::format("tocsin {} ({}, {}, {}{}{}), rule language {}\n", kVersion, TOCSIN_COMMIT, kBuildType,
                               kCompiler, kSanitizers.empty() ? "" : ", ", kSanitizers, kLanguageVersion);
    return Exit::done;
  }
  const nlohmann::ordered_json document = {
      {"schema", "tocsin/version/1"}, {"version", kVersion},       {"commit", TOCSIN_COMMIT},     {"build", kBuildType},
      {"compiler", kCompiler},        {"sanitizers", kSanitizers}, {"language", kLanguageVersion}};
  console.out << document.dump() << "\n";
  return Exit::done;
}

}  // namespace tocsin::app
