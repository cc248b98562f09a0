// The rules that somebody has switched off, kept beside the state, so that they stay so over a restart.
#pragma once

#include <set>
#include <string>

#include "engine/base/result.h"
#include "engine/io/disk.h"

namespace tocsin::app {

Result<std::set<std::string>> read_disabled(Disk& disk);
// Durable when it returns.
Result<void> write_disabled(Disk& disk, const std::set<std::string>& names);

}  // namespace tocsin::app
