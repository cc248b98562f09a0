// Look-ups in Settings, and the texts behind secrets.
#include "app/settings.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "engine/base/contract.h"

namespace tocsin::app {

namespace {

// Longer than any token or password, short enough that a wrong path (a disk image, /dev/zero) does no harm.
constexpr std::size_t kSecretMax = 64 << 10;

template <class Named>
const Named* named(const std::vector<Named>& all, std::string_view name) {
  const auto found = std::ranges::find(all, name, &Named::name);
  return found != all.end() ? &*found : nullptr;
}

tl::unexpected<Error> unreadable(const std::string& path, std::string_view reason) {
  return failure(Error::Code::unreadable, fmt::format("cannot take a secret from {}: {}", path, reason));
}

Result<std::string> read_all(int file, const std::string& path) {
  std::string text;
  std::array<char, 4096> piece{};
  while (text.size() <= kSecretMax) {
    const ssize_t got = read(file, piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return unreadable(path, std::strerror(errno));
    if (got == 0) return text;
    text.append(piece.data(), static_cast<std::size_t>(got));
  }
  return unreadable(path, "it is too long for one");
}

Result<std::string> read_file(const std::string& path) {
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe would be waited for
  if (file < 0) return unreadable(path, std::strerror(errno));
  struct stat status{};
  Result<std::string> text = unreadable(path, "it is no plain file");
  if (fstat(file, &status) == 0 && S_ISREG(status.st_mode))
    text = (status.st_mode & (S_IWGRP | S_IWOTH)) != 0
               ? Result<std::string>(unreadable(path, "others may write it; `chmod 600` it"))
               : read_all(file, path);
  close(file);
  return text;
}

}  // namespace

const SourceSettings* Settings::source(std::string_view name) const { return named(sources, name); }
const SinkSettings* Settings::sink(std::string_view name) const { return named(sinks, name); }

Result<std::string> read_secret(const Secret& secret) {
  TOCSIN_ASSERT(secret.is_set());
  if (secret.file.empty()) {
    const char* text = std::getenv(secret.environment.c_str());
    if (text == nullptr || *text == '\0')
      return failure(Error::Code::unreadable, fmt::format("the variable {} is not set", secret.environment));
    return std::string(text);
  }
  Result<std::string> text = read_file(secret.file);
  if (!text) return text;
  while (text->ends_with('\n') || text->ends_with('\r')) text->pop_back();
  if (text->empty()) return unreadable(secret.file, "it is empty");
  return text;
}

}  // namespace tocsin::app
