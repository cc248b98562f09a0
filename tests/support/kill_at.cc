// Preloaded into a program (LD_PRELOAD), kills it as `kill -9` would at a point that a test names, so that the program
// itself has nothing in it for tests. TOCSIN_KILL_AT says where: `CALL WHEN PATTERN N`, at the N-th such call on a file
// whose whole path is like the pattern (of a rename: its new path). CALL is write, sync, rename or remove; of a folder
// sync is what makes its names durable. WHEN is before, half (of a write: as much of it is there) or after.
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

struct Point {
  char call[16] = "", when[16] = "", pattern[256] = "";
  int number = 0;
};

// Nothing where the program is not to be killed; ends it where nobody can say what is meant.
Point point_of_environment() {
  Point out;
  const char* text = std::getenv("TOCSIN_KILL_AT");
  if (text != nullptr && std::sscanf(text, "%15s %15s %255s %d", out.call, out.when, out.pattern, &out.number) != 4)
    std::abort();
  return out;
}

std::string path_of(int fd) {
  char path[PATH_MAX];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return size < 0 ? std::string() : std::string(path, static_cast<std::size_t>(size));
}
std::string path_in(int folder, const char* path) {
  return path[0] == '/' || folder == AT_FDCWD ? path : path_of(folder) + "/" + path;
}

// What is to happen around a call that is about to be made. Any thread.
class Call {
 public:
  template <class Path>
  Call(std::string_view name, const Path& path) {
    static const Point point = point_of_environment();
    static std::atomic<int> seen{0};
    if (point.number == 0 || name != point.call || ::fnmatch(point.pattern, path().c_str(), 0) != 0) return;
    if (++seen == point.number) when_ = point.when;
    if (when_ == "before") die();
  }
  bool is_half() const { return when_ == "half"; }
  long made(long result) const {
    if (!when_.empty()) die();
    return result;
  }

 private:
  static void die() {
    ::kill(::getpid(), SIGKILL);
    ::pause();
  }
  std::string_view when_;
};

}  // namespace

extern "C" {

ssize_t write(int fd, const void* bytes, size_t size) {
  const Call call("write", [&] { return path_of(fd); });
  return call.made(::syscall(SYS_write, fd, bytes, call.is_half() ? size / 2 : size));
}

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  const Call call("write", [&] { return path_of(fd); });
  return call.made(::syscall(SYS_pwrite64, fd, bytes, call.is_half() ? size / 2 : size, at));
}

ssize_t pwrite64(int fd, const void* bytes, size_t size, off64_t at) { return pwrite(fd, bytes, size, at); }

ssize_t writev(int fd, const iovec* parts, int count) {
  const Call call("write", [&] { return path_of(fd); });
  return call.made(::syscall(SYS_writev, fd, parts, call.is_half() ? (count + 1) / 2 : count));
}

int fdatasync(int fd) {
  const Call call("sync", [&] { return path_of(fd); });
  return static_cast<int>(call.made(::syscall(SYS_fdatasync, fd)));
}

int fsync(int fd) {
  const Call call("sync", [&] { return path_of(fd); });
  return static_cast<int>(call.made(::syscall(SYS_fsync, fd)));
}

int renameat(int from_folder, const char* from, int to_folder, const char* to) noexcept {
  const Call call("rename", [&] { return path_in(to_folder, to); });
  return static_cast<int>(call.made(::syscall(SYS_renameat2, from_folder, from, to_folder, to, 0)));
}

int rename(const char* from, const char* to) noexcept { return renameat(AT_FDCWD, from, AT_FDCWD, to); }

int unlinkat(int folder, const char* path, int flags) noexcept {
  const Call call("remove", [&] { return path_in(folder, path); });
  return static_cast<int>(call.made(::syscall(SYS_unlinkat, folder, path, flags)));
}
}
