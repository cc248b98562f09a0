#include "app/daemon/disabled.h"

#include "app/daemon/kept_lines.h"

namespace tocsin::app {
namespace {

constexpr KeptFile kFile{
    "disabled", "tocsin disabled 1",
    "the file `disabled` of the state says not which rules are switched off; remove it, and switch them off again"};

}  // namespace

Result<void> write_disabled(Disk& disk, const std::set<std::string>& names) {
  return write_lines(disk, kFile, {names.begin(), names.end()});
}

Result<std::set<std::string>> read_disabled(Disk& disk) {
  return read_lines(disk, kFile).map([](const std::optional<std::vector<std::string>>& names) {
    return names ? std::set<std::string>(names->begin(), names->end()) : std::set<std::string>();
  });
}

}  // namespace tocsin::app
