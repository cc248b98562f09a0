#include "app/files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <system_error>

namespace tocsin::app {

namespace fs = std::filesystem;

Result<void> write_file(const std::string& path, std::string_view text) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::canonical(path, error) : fs::path(path);
  const fs::file_status status = fs::status(target, error);
  const bool replaces = !fs::exists(status) || fs::is_regular_file(status);
  const fs::path beside = replaces ? target.string() + ".tocsin-new" : target.string();
  const auto failed = [&](const std::string& why) {
    std::error_code ignored;
    if (replaces) fs::remove(beside, ignored);
    return failure(Error::Code::unreadable, fmt::format("cannot write {}: {}", path, why));
  };
  std::ofstream out(beside, std::ios::binary);
  out.write(text.data(), static_cast<std::streamsize>(text.size()));
  out.close();
  if (!out) return failed(std::strerror(errno));
  if (!replaces) return {};
  if (fs::exists(status)) fs::permissions(beside, status.permissions(), error);
  fs::rename(beside, target, error);
  if (error) return failed(error.message());
  return {};
}

Exit unreadable(Console& console, std::string_view command, const Error& error) {
  console.err << fmt::format("tocsin {}: {}\n", command, error.message);
  return Exit::usage;
}

}  // namespace tocsin::app
