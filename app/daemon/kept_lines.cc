#include "app/daemon/kept_lines.h"

#include <sstream>

namespace tocsin::app {

Result<void> write_lines(Disk& disk, const KeptFile& file, const std::vector<std::string>& lines) {
  std::string text(file.head);
  text += '\n';
  for (const std::string& line : lines) text += line + '\n';
  return write_durably(disk, file.name, text);
}

Result<std::optional<std::vector<std::string>>> read_lines(Disk& disk, const KeptFile& file) {
  const auto opened = open_if_there(disk, file.name);
  if (!opened) return tl::unexpected(opened.error());
  if (*opened == nullptr) return std::nullopt;
  const auto size = (*opened)->size();
  if (!size) return tl::unexpected(size.error());
  std::string text(*size, '\0');
  if (const auto got = (*opened)->read(0, text); !got) return tl::unexpected(got.error());
  std::istringstream in(text);
  std::string line;
  if (!std::getline(in, line) || line != file.head) return failure(Error::Code::malformed, std::string(file.unknown));
  std::vector<std::string> out;
  while (std::getline(in, line)) out.push_back(line);
  return out;
}

}  // namespace tocsin::app
