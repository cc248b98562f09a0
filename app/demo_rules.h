// The rules that `tocsin demo` shows, as texts inside the program: the files of app/demo/, put there by the build.
#pragma once

#include <string>
#include <string_view>

namespace tocsin::app {

struct DemoRules {
  std::string_view name;        // of the scenario, too
  std::string_view about;       // "made-up logins, downloads and heartbeats"
  std::string_view first_rule;  // the easiest
  std::string_view text;        // with their tests

  std::string file() const { return std::string(name) + ".rules"; }
};

// Null: there is none of this name.
const DemoRules* find_demo(std::string_view name);

}  // namespace tocsin::app
