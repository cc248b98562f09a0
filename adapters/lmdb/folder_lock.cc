#include "adapters/lmdb/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace tocsin {

Result<FolderLock> FolderLock::take(const std::string& folder) {
  const std::string name = folder + "/lock";
  const auto cannot = [&] {
    return failure(Error::Code::unreadable, fmt::format("cannot lock {}: {}", name, std::strerror(errno)));
  };
  FolderLock lock(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.file_ < 0) return cannot();
  if (::flock(lock.file_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return cannot();
    std::array<char, 32> pid{};
    const ssize_t got = ::read(lock.file_, pid.data(), pid.size() - 1);
    std::string holder(pid.data(), got > 0 ? static_cast<std::size_t>(got) : 0);
    while (!holder.empty() && holder.back() == '\n') holder.pop_back();
    return failure(
        Error::Code::refused,
        fmt::format("the state folder {} is in use by process {}: stop that one, or give this one a folder of its own",
                    folder, holder.empty() ? "?" : holder));
  }
  const std::string pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(lock.file_, 0) != 0 || ::write(lock.file_, pid.data(), pid.size()) < 0) return cannot();
  return lock;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace tocsin
