#include "app/daemon/rebuilding.h"

#include <charconv>

#include "app/daemon/kept_lines.h"

namespace tocsin::app {
namespace {

constexpr KeptFile kFile{"rebuilding", "tocsin rebuilding 1",
                         "the file `rebuilding` of the state says not which rules were being rebuilt; remove it, and "
                         "then `tocsin reload --rebuild RULE` rebuilds them"};

}  // namespace

Result<void> write_rebuilding(Disk& disk, const Rebuilding& what) {
  std::vector<std::string> lines{std::to_string(what.behind)};
  lines.insert(lines.end(), what.rules.begin(), what.rules.end());
  return write_lines(disk, kFile, lines);
}

Result<std::optional<Rebuilding>> read_rebuilding(Disk& disk) {
  auto lines = read_lines(disk, kFile);
  if (!lines) return tl::unexpected(lines.error());
  if (!*lines) return std::nullopt;
  Rebuilding out;
  const std::string first = (*lines)->empty() ? std::string() : (*lines)->front();
  const auto [end, error] = std::from_chars(first.data(), first.data() + first.size(), out.behind);
  if (error != std::errc{} || end != first.data() + first.size())
    return failure(Error::Code::malformed, std::string(kFile.unknown));
  out.rules.assign((*lines)->begin() + 1, (*lines)->end());
  return out;
}

Result<void> remove_rebuilding(Disk& disk) {
  return remove_if_there(disk, kFile.name).and_then([&] { return disk.sync_folder(""); });
}

}  // namespace tocsin::app
