// What has been changed in the settings since the daemon began.
#pragma once

#include <string>
#include <vector>

namespace tocsin::app {

// The keys whose values differ in two documents of settings (app/config_show.h), in the order of names.
std::vector<std::string> changed_settings(const std::string& before, const std::string& now);

}  // namespace tocsin::app
