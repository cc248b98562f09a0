#include "adapters/file/reader.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

namespace tocsin {
namespace {

constexpr std::size_t kRead = std::size_t{128} << 10;
constexpr std::string_view kZstd = "\x28\xB5\x2F\xFD", kGzip = "\x1F\x8B";

tl::unexpected<Error> system_failure(const std::string& what, const std::string& name) {
  return failure(Error::Code::unreadable, "cannot " + what + " " + name + ": " + std::strerror(errno));
}

constexpr unsigned kAsked = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_BTIME;

FileFacts facts_from(const struct statx& status) {
  const auto time_of = [](const statx_timestamp& at) {
    return Time{std::int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1'000};
  };
  return {status.stx_ino,
          status.stx_size,
          time_of(status.stx_mtime),
          S_ISREG(status.stx_mode),
          S_ISDIR(status.stx_mode),
          (status.stx_mask & STATX_BTIME) != 0 ? time_of(status.stx_btime) : Time{}};
}

}  // namespace

struct FileReader::Unpacker {
  ZSTD_DStream* stream = ZSTD_createDStream();
  Unpacker() = default;
  Unpacker(const Unpacker&) = delete;
  Unpacker& operator=(const Unpacker&) = delete;
  ~Unpacker() { ZSTD_freeDStream(stream); }
};

Result<std::optional<FileFacts>> facts_of(const std::string& path) {
  struct statx status;
  if (::statx(AT_FDCWD, path.c_str(), 0, kAsked, &status) == 0) return facts_from(status);
  if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
  return system_failure("look at", path);
}

std::optional<std::uint32_t> size_in_gzip(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::array<char, 4> last{};
  if (!in.read(last.data(), kGzip.size()) || std::string_view(last.data(), kGzip.size()) != kGzip) return std::nullopt;
  if (!in.seekg(-static_cast<std::streamoff>(last.size()), std::ios::end) || !in.read(last.data(), last.size()))
    return std::nullopt;
  std::uint32_t size = 0;
  for (std::size_t i = last.size(); i-- > 0;) size = size << 8 | static_cast<unsigned char>(last[i]);
  return size;
}

Result<std::unique_ptr<FileReader>> FileReader::open(const std::string& path, bool follow) {
  struct stat status;
  const bool is_pipe = ::stat(path.c_str(), &status) == 0 && S_ISFIFO(status.st_mode);
  int fd = -1;
  if (is_pipe && follow) fd = ::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC);  // we are a writer, too: no end
  if (fd < 0) fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | (is_pipe ? O_NONBLOCK : 0));
  if (fd < 0) return system_failure("open", path);
  return std::unique_ptr<FileReader>(new FileReader(fd, true, path));
}

std::unique_ptr<FileReader> FileReader::standard_input() {
  return std::unique_ptr<FileReader>(new FileReader(STDIN_FILENO, false, "standard input"));
}

FileReader::FileReader(int fd, bool owned, std::string name) : fd_(fd), owned_(owned), name_(std::move(name)) {}

FileReader::~FileReader() {
  if (owned_) ::close(fd_);
}

Result<FileFacts> FileReader::facts() const {
  struct statx status;
  if (::statx(fd_, "", AT_EMPTY_PATH, kAsked, &status) != 0) return system_failure("look at", name_);
  return facts_from(status);
}

bool FileReader::was_cut() const {
  const auto now = facts();
  return now && now->is_plain && now->size < taken_;
}

double FileReader::done() const {
  const auto now = facts();
  if (!now || !now->is_plain || now->size == 0) return -1;
  return std::min(1.0, static_cast<double>(taken_) / static_cast<double>(now->size));
}

Result<std::optional<std::size_t>> FileReader::read(char* to, std::size_t room, Duration wait) {
  if (!begun_) {
    for (; !ended_ && may_be_packed(); wait = {}) {
      const auto more = fill(wait);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return std::nullopt;  // what has come stays
    }
    if (first().empty()) return 0;
    begun_ = true;
    if (first().starts_with(kGzip))
      return failure(Error::Code::malformed,
                     name_ + " is packed by gzip; zstd alone is unpacked here, so give what `gunzip` makes of it");
    is_packed_ = first().starts_with(kZstd);
    if (is_packed_) unpacker_ = std::make_unique<Unpacker>();
  }
  auto got = unpacker_ != nullptr ? unpack(to, room, wait) : copy(to, room, wait);
  if (got && *got) position_ += **got;
  return got;
}

Result<bool> FileReader::skip(std::uint64_t to) {
  std::string scratch(kRead, '\0');
  while (position_ < to) {
    // The first bytes say whether it is packed; what is not need not be read.
    if (begun_ && unpacker_ == nullptr) {
      const auto now = facts();
      if (!now) return tl::unexpected(now.error());
      if (now->size < to) return false;
      if (::lseek(fd_, static_cast<off_t>(to), SEEK_SET) < 0) return system_failure("seek in", name_);
      taken_ = position_ = to;
      packed_.clear();
      at_ = 0;
      return true;
    }
    const auto got = read(scratch.data(), std::min<std::uint64_t>(to - position_, begun_ ? kRead : 1), seconds(1));
    if (!got) return tl::unexpected(got.error());
    if (*got && **got == 0) return false;
  }
  return true;
}

// Before anything was given on: are so few bytes there that they might go on like the beginning of a packed file?
bool FileReader::may_be_packed() const {
  return (first().size() < kZstd.size() && kZstd.starts_with(first())) ||
         (first().size() < kGzip.size() && kGzip.starts_with(first()));
}

// Appends what the file gives to packed_. False: nothing came in time.
Result<bool> FileReader::fill(Duration wait) {
  pollfd asked{fd_, POLLIN, 0};
  const int ready = ::poll(&asked, 1, static_cast<int>(std::clamp<std::int64_t>(wait.us / 1000, 0, 60'000)));
  // A signal wants to be looked at; to read now would block until more comes.
  if (ready == 0 || (ready < 0 && errno == EINTR)) return false;
  const std::size_t had = packed_.size();
  packed_.resize(had + kRead);
  for (;;) {
    const ssize_t got = ::read(fd_, packed_.data() + had, kRead);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) {
      packed_.resize(had);
      return false;
    }
    packed_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    if (got < 0) return system_failure("read", name_);
    taken_ += static_cast<std::uint64_t>(got);
    ended_ = got == 0;
    return true;
  }
}

Result<std::optional<std::size_t>> FileReader::copy(char* to, std::size_t room, Duration wait) {
  if (at_ == packed_.size()) {
    packed_.clear();
    at_ = 0;
    if (!ended_) {
      const auto more = fill(wait);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return std::nullopt;
    }
  }
  const std::size_t size = std::min(room, packed_.size() - at_);
  if (size != 0) std::memcpy(to, packed_.data() + at_, size);
  at_ += size;
  return size;
}

Result<std::optional<std::size_t>> FileReader::unpack(char* to, std::size_t room, Duration wait) {
  ZSTD_outBuffer out{to, room, 0};
  while (out.pos == 0) {
    ZSTD_inBuffer in{packed_.data() + at_, packed_.size() - at_, 0};
    const std::size_t hint = ZSTD_decompressStream(unpacker_->stream, &out, &in);
    at_ += in.pos;
    if (ZSTD_isError(hint) != 0) {
      return failure(Error::Code::malformed, name_ + " is no whole zstd file: " + ZSTD_getErrorName(hint));
    }
    if (in.pos > 0 || out.pos > 0) inside_frame_ = hint != 0;
    if (out.pos > 0) break;
    if (at_ < packed_.size() && in.pos > 0) continue;
    if (ended_) {
      if (inside_frame_) return failure(Error::Code::malformed, name_ + " ends in the middle of a zstd frame");
      return 0;
    }
    packed_.erase(0, at_);
    at_ = 0;
    const auto more = fill(wait);
    if (!more) return tl::unexpected(more.error());
    if (!*more) return std::nullopt;
  }
  return out.pos;
}

}  // namespace tocsin
