#include "adapters/file/disk.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

namespace tocsin {
namespace {

constexpr mode_t kOwnerFile = 0600, kOwnerFolder = 0700;

tl::unexpected<Error> system_failure(const char* what, const std::string& name) {
  const int reason = errno;
  const bool full = reason == ENOSPC || reason == EDQUOT || reason == EFBIG;
  return failure(full ? Error::Code::full : Error::Code::unreadable,
                 std::string("cannot ") + what + " " + name + ": " + std::strerror(reason));
}

// A descriptor that is closed with it.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }
  bool good() const { return number_ >= 0; }

 private:
  int number_;
};

class FolderFile final : public DiskFile {
 public:
  FolderFile(Descriptor file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}

  Result<void> append(std::string_view bytes) override {
    while (!bytes.empty()) {
      const ssize_t written = ::write(file_.number(), bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return system_failure("write", name_);
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(file_.number()) != 0) return system_failure("sync", name_);
    return {};
  }

  Result<std::uint64_t> size() const override {
    struct stat status;
    if (::fstat(file_.number(), &status) != 0) return system_failure("look at", name_);
    return static_cast<std::uint64_t>(status.st_size);
  }

  Result<std::size_t> read(std::uint64_t from, std::span<char> into) const override {
    std::size_t got = 0;
    while (got < into.size()) {
      const ssize_t more =
          ::pread(file_.number(), into.data() + got, into.size() - got, static_cast<off_t>(from + got));
      if (more < 0 && errno == EINTR) continue;
      if (more < 0) return system_failure("read", name_);
      if (more == 0) break;
      got += static_cast<std::size_t>(more);
    }
    return got;
  }

  Result<void> truncate(std::uint64_t size) override {
    if (::ftruncate(file_.number(), static_cast<off_t>(size)) != 0) return system_failure("cut", name_);
    return {};
  }

  Result<std::uint64_t> identity() const override {
    struct stat status;
    if (::fstat(file_.number(), &status) != 0) return system_failure("look at", name_);
    return static_cast<std::uint64_t>(status.st_ino);
  }

  // What is no plain file (/dev/null) may be everybody's; a file system that knows no locks keeps nobody out.
  Result<bool> lock() override {
    struct stat status;
    if (::fstat(file_.number(), &status) != 0) return system_failure("look at", name_);
    return !S_ISREG(status.st_mode) || ::flock(file_.number(), LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
  }

 private:
  Descriptor file_;
  std::string name_;
};

class FolderDisk final : public Disk {
 public:
  FolderDisk(Descriptor folder, std::string name) : folder_(std::move(folder)), name_(std::move(name)) {}

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, Open how) override {
    Descriptor file(::openat(folder_.number(), path.c_str(), flags(how) | O_CLOEXEC, kOwnerFile));
    if (!file.good()) return system_failure("open", whole(path));
    return std::make_unique<FolderFile>(std::move(file), whole(path));
  }

  Result<void> rename(const std::string& from, const std::string& to) override {
    if (::renameat(folder_.number(), from.c_str(), folder_.number(), to.c_str()) != 0)
      return system_failure("rename", whole(from));
    return {};
  }

  Result<void> remove(const std::string& path) override {
    if (::unlinkat(folder_.number(), path.c_str(), 0) != 0) return system_failure("remove", whole(path));
    return {};
  }

  Result<void> sync_folder(const std::string& folder) override {
    const Descriptor opened = open_folder(folder);
    if (!opened.good()) return system_failure("open", whole(folder));
    if (::fsync(opened.number()) != 0) return system_failure("sync", whole(folder));
    return {};
  }

  Result<void> make_folder(const std::string& folder) override {
    if (::mkdirat(folder_.number(), folder.c_str(), kOwnerFolder) != 0 && errno != EEXIST)
      return system_failure("make", whole(folder));
    return {};
  }

  Result<std::vector<std::string>> list(const std::string& folder) const override {
    Descriptor opened = open_folder(folder);
    if (!opened.good()) return system_failure("open", whole(folder));
    const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(opened.number()), ::closedir);
    if (entries == nullptr) return system_failure("list", whole(folder));
    opened.release();  // closed with its entries from here on
    std::vector<std::string> names;
    // An error looks like the end, but for errno: half a list would hide the newest epochs, and they would be written
    // over.
    for (errno = 0; const dirent* entry = ::readdir(entries.get()); errno = 0) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") names.push_back(name);
    }
    if (errno != 0) return system_failure("list", whole(folder));
    std::sort(names.begin(), names.end());
    return names;
  }

  Result<std::optional<std::uint64_t>> identity(const std::string& path) const override {
    struct stat status;
    if (::fstatat(folder_.number(), path.c_str(), &status, 0) == 0) return static_cast<std::uint64_t>(status.st_ino);
    if (errno == ENOENT) return std::nullopt;
    return system_failure("look at", whole(path));
  }

 private:
  static int flags(Open how) {
    switch (how) {
      case Open::create:
        return O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
      case Open::append:
        return O_RDWR | O_CREAT | O_APPEND;
      case Open::read:
        return O_RDONLY | O_NONBLOCK;  // a named pipe that nobody writes must not stop whoever looks
    }
    return O_RDONLY;
  }
  Descriptor open_folder(const std::string& folder) const {
    return Descriptor(
        ::openat(folder_.number(), folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  std::string whole(const std::string& path) const { return path.empty() ? name_ : name_ + "/" + path; }

  Descriptor folder_;
  std::string name_;
};

}  // namespace

namespace {

// A folder that was just made is there after a power cut only when the folder that it stands in was synced.
Result<void> sync_parent(const std::string& folder) {
  const Descriptor opened(::open((folder + "/..").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.good() || ::fsync(opened.number()) != 0) return system_failure("sync the folder around", folder);
  return {};
}

}  // namespace

Result<std::unique_ptr<Disk>> open_disk(const std::string& folder) {
  const bool made = ::mkdir(folder.c_str(), kOwnerFolder) == 0;
  if (!made && errno != EEXIST) return system_failure("make the folder", folder);
  if (made)
    if (auto synced = sync_parent(folder); !synced) return tl::unexpected(synced.error());
  if (::access(folder.c_str(), W_OK) != 0) return system_failure("write in", folder);
  return open_disk_to_read(folder);
}

Result<std::unique_ptr<Disk>> open_disk_to_read(const std::string& folder) {
  Descriptor opened(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!opened.good()) return system_failure("open the folder", folder);
  return std::make_unique<FolderDisk>(std::move(opened), folder);
}

}  // namespace tocsin
