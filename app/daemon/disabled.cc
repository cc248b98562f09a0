#include "app/daemon/disabled.h"

#include <sstream>

namespace tocsin::app {
namespace {

constexpr const char* kName = "disabled";
constexpr std::string_view kHead = "tocsin disabled 1";

}  // namespace

// A line for each.
Result<void> write_disabled(Disk& disk, const std::set<std::string>& names) {
  std::string text(kHead);
  text += '\n';
  for (const std::string& name : names) text += name + '\n';
  return write_durably(disk, kName, text);
}

Result<std::set<std::string>> read_disabled(Disk& disk) {
  std::set<std::string> out;
  const auto file = open_if_there(disk, kName);
  if (!file) return tl::unexpected(file.error());
  if (*file == nullptr) return out;
  const auto size = (*file)->size();
  if (!size) return tl::unexpected(size.error());
  std::string text(*size, '\0');
  if (const auto got = (*file)->read(0, text); !got) return tl::unexpected(got.error());
  std::istringstream in(text);
  std::string line;
  if (!std::getline(in, line) || line != kHead)
    return failure(Error::Code::malformed,
                   "the file `disabled` of the state says not which rules are switched off; remove it, and switch them "
                   "off again");
  while (std::getline(in, line)) out.insert(line);
  return out;
}

}  // namespace tocsin::app
