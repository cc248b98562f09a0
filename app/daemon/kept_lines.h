// A small file beside the state that says something to people as well as to the next start: a head, then lines.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/io/disk.h"

namespace tocsin::app {

struct KeptFile {
  const char* name = "";
  std::string_view head;     // its first line
  std::string_view unknown;  // what to tell whoever has another first line there
};

// Nothing: there is none.
Result<std::optional<std::vector<std::string>>> read_lines(Disk& disk, const KeptFile& file);
// Durable when it returns.
Result<void> write_lines(Disk& disk, const KeptFile& file, const std::vector<std::string>& lines);

}  // namespace tocsin::app
