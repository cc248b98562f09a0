#include "app/table.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace tocsin::app {

void print_table(std::ostream& out, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const bool number = !row[i].empty() && row[i].front() >= '0' && row[i].front() <= '9' && i != 0;
      line += number ? fmt::format("{:>{}}", row[i], widths[i]) : fmt::format("{:<{}}", row[i], widths[i]);
      line += "  ";
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  }
}

std::string rounded_bytes(std::uint64_t bytes) {
  const auto size = static_cast<double>(bytes);
  if (bytes < 1024) return fmt::format("{} B", bytes);
  if (size < 1024 * 1024) return fmt::format("{:.1f} KiB", size / 1024);
  if (size < 1024.0 * 1024 * 1024) return fmt::format("{:.1f} MiB", size / 1024 / 1024);
  return fmt::format("{:.1f} GiB", size / 1024 / 1024 / 1024);
}

}  // namespace tocsin::app
