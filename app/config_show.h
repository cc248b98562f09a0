// The effective settings as JSON, for `tocsin config show --json` and GET /api/v1/config. Secrets are ***.
#pragma once

#include <string>

#include "app/settings_read.h"

namespace tocsin::app {

// {"schema": "tocsin/config/1", "values": {...}, "origins": {"state.memory": "tocsin.toml:12", ...}}
std::string settings_json(const SettingsRead& read, bool origins);

}  // namespace tocsin::app
