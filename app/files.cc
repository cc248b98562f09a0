#include "app/files.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <system_error>
#include <utility>

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

namespace {

bool is_same_file(const std::string& a, const std::string& b) {
  std::error_code error;
  return fs::equivalent(a, b, error) || fs::path(a).lexically_normal() == fs::path(b).lexically_normal();
}

bool keeps_nothing(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  return path == "-" || (fs::exists(status) && !fs::is_regular_file(status));
}

}  // namespace

std::vector<FileRead> files_read(const Arguments& arguments) {
  std::vector<FileRead> out;
  for (const auto& [option, what] : {std::pair{"--input", "the input"},
                                     {"--config", "the configuration of --config"},
                                     {"--expect", "the alerts of --expect"}})
    for (const std::string& path : arguments.all(option)) out.push_back({path, what});
  return out;
}

std::string overwritten(const Arguments& arguments, std::initializer_list<std::string_view> outputs,
                        std::span<const FileRead> read) {
  std::vector<std::pair<std::string_view, std::string>> before;
  for (const std::string_view option : outputs) {
    const std::string path = arguments.value(option);
    if (path.empty() || keeps_nothing(path)) continue;
    for (const FileRead& file : read)
      if (is_same_file(path, file.path)) return fmt::format("{} would overwrite {}", option, file.what);
    for (const auto& [other, its_path] : before)
      if (is_same_file(path, its_path))
        return fmt::format("{} and {} are the same file; give each its own", other, option);
    before.emplace_back(option, path);
  }
  return {};
}

Exit unreadable(Console& console, std::string_view command, const Error& error) {
  console.err << fmt::format("tocsin {}: {}\n", command, error.message);
  return Exit::usage;
}

}  // namespace tocsin::app
