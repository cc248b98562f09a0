#include "adapters/file/source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

namespace tocsin {
namespace {

class Descriptor {
 public:
  Descriptor(int fd, bool owned) : fd_(fd), owned_(owned) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)), owned_(other.owned_) {}
  Descriptor& operator=(Descriptor&&) = delete;
  ~Descriptor() {
    if (owned_ && fd_ >= 0) ::close(fd_);
  }
  int get() const { return fd_; }

 private:
  int fd_;
  bool owned_;
};

// Bytes of the file, unpacked where it is packed.
class Reader {
 public:
  Reader(Descriptor fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  ~Reader() { ZSTD_freeDStream(unpacker_); }
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  // At most `room` bytes; 0: the end. Nothing: no byte came in `wait`.
  Result<std::optional<std::size_t>> read(char* to, std::size_t room, Duration wait) {
    if (!begun_) {
      for (; !ended_ && may_be_packed(); wait = {}) {
        const auto more = fill(wait);
        if (!more) return tl::unexpected(more.error());
        if (!*more) return std::nullopt;  // what has come stays
      }
      begun_ = true;
      if (first().starts_with(kGzip))
        return failure(Error::Code::malformed,
                       name_ + " is packed by gzip; zstd alone is unpacked here, so give what `gunzip` makes of it");
      if (first().starts_with(kZstd)) unpacker_ = ZSTD_createDStream();
    }
    return unpacker_ != nullptr ? unpack(to, room, wait) : copy(to, room, wait);
  }

  // How much of the file has been read, for progress.
  double done() const {
    struct stat info{};
    if (::fstat(fd_.get(), &info) != 0 || !S_ISREG(info.st_mode) || info.st_size == 0) return -1;
    return std::min(1.0, static_cast<double>(taken_) / static_cast<double>(info.st_size));
  }

 private:
  static constexpr std::size_t kRead = std::size_t{128} << 10;
  static constexpr std::string_view kZstd = "\x28\xB5\x2F\xFD", kGzip = "\x1F\x8B";

  // Before anything was given on: are so few bytes there that they might go on like the beginning of a packed file?
  std::string_view first() const { return {packed_.data(), packed_.size()}; }
  bool may_be_packed() const {
    return (first().size() < kZstd.size() && kZstd.starts_with(first())) ||
           (first().size() < kGzip.size() && kGzip.starts_with(first()));
  }

  // Appends what the file gives to packed_. False: nothing came in time.
  Result<bool> fill(Duration wait) {
    pollfd asked{fd_.get(), POLLIN, 0};
    const int ready = ::poll(&asked, 1, static_cast<int>(std::clamp<std::int64_t>(wait.us / 1000, 0, 60'000)));
    // A signal wants to be looked at; to read now would block until more comes.
    if (ready == 0 || (ready < 0 && errno == EINTR)) return false;
    const std::size_t had = packed_.size();
    packed_.resize(had + kRead);
    for (;;) {
      const ssize_t got = ::read(fd_.get(), packed_.data() + had, kRead);
      if (got < 0 && errno == EINTR) continue;
      packed_.resize(had + static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
      if (got < 0) return failure(Error::Code::unreadable, "cannot read " + name_ + ": " + std::strerror(errno));
      taken_ += static_cast<std::uint64_t>(got);
      ended_ = got == 0;
      return true;
    }
  }

  Result<std::optional<std::size_t>> copy(char* to, std::size_t room, Duration wait) {
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

  Result<std::optional<std::size_t>> unpack(char* to, std::size_t room, Duration wait) {
    ZSTD_outBuffer out{to, room, 0};
    while (out.pos == 0) {
      ZSTD_inBuffer in{packed_.data() + at_, packed_.size() - at_, 0};
      const std::size_t hint = ZSTD_decompressStream(unpacker_, &out, &in);
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
      packed_.erase(packed_.begin(), packed_.begin() + static_cast<std::ptrdiff_t>(at_));
      at_ = 0;
      const auto more = fill(wait);
      if (!more) return tl::unexpected(more.error());
      if (!*more) return std::nullopt;
    }
    return out.pos;
  }

  Descriptor fd_;
  std::string name_;
  std::vector<char> packed_;
  std::size_t at_ = 0;
  std::uint64_t taken_ = 0;
  bool begun_ = false, ended_ = false, inside_frame_ = false;
  ZSTD_DStream* unpacker_ = nullptr;
};

class FileSource final : public Source {
 public:
  FileSource(const FileSourceConfig& config, SourceId id, Time now, Descriptor fd)
      : config_(config),
        id_(id),
        now_(now),
        reader_(std::move(fd), config.path == "-" ? "standard input" : config.path) {}

  std::uint32_t partitions() const override { return 1; }
  bool can_go_back() const override { return config_.path != "-"; }

  Result<void> start(std::span<const Progress> from) override {
    for (const Progress& progress : from) first_wanted_ = std::max(first_wanted_, progress.next_offset);
    return {};
  }

  Result<Polled> poll(Block& into, Duration wait) override {
    if (ended_) return Polled::finished;
    if (paused_) return Polled::nothing;
    into.source = id_;
    into.arrived = now_;
    Bytes& bytes = into.bytes;
    bytes.append(rest_.view());  // the begun line of the block before
    rest_.clear();
    bytes.reserve(std::max(config_.block, bytes.size() + 1));
    // Until a line is whole, the block is full of them, or nothing more comes for now.
    std::size_t whole = 0;
    while (whole == 0 || bytes.size() < bytes.room()) {
      if (bytes.size() == bytes.room()) {
        if (bytes.size() > config_.line_max) return cut(into);
        bytes.reserve(bytes.room() * 2);
      }
      const std::size_t had = bytes.size();
      const auto got = reader_.read(bytes.data() + had, bytes.room() - had, whole == 0 ? wait : Duration{});
      if (!got) return tl::unexpected(got.error());
      if (!*got) break;
      bytes.set_size(had + **got);
      if (**got == 0) return last(into);
      const std::size_t newline = bytes.view().substr(had).rfind('\n');
      if (newline != std::string_view::npos) whole = had + newline + 1;
      // A pipe that is slow is given on at once, not when a block is full.
      if (whole != 0 && **got < kSmall) break;
    }
    rest_.append(bytes.view().substr(whole));
    bytes.set_size(whole);
    return whole == 0 ? Polled::nothing : give(into);
  }

  void pause(std::uint32_t) override { paused_ = true; }
  void resume(std::uint32_t) override { paused_ = false; }
  void stored(std::span<const Progress>) override {}  // the file stays where it is
  double done() const override { return reader_.done(); }

 private:
  static constexpr std::size_t kSmall = 4096;

  Polled give(Block& into) {
    std::string_view text = into.bytes.view();
    // A line that was cut goes on here.
    if (skipping_) {
      const std::size_t end = text.find('\n');
      skipping_ = end == std::string_view::npos;
      text.remove_prefix(skipping_ ? text.size() : end + 1);
      if (!skipping_ || into.ends) ++line_;
    }
    // Lines before the position that was asked for.
    while (line_ < first_wanted_ && !text.empty()) {
      text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
      ++line_;
    }
    into.first_offset = line_;
    line_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    into.next_offset = line_ + (text.empty() || text.back() == '\n' ? 0 : 1);
    if (text.size() < into.bytes.size()) {
      std::memmove(into.bytes.data(), text.data(), text.size());
      into.bytes.set_size(text.size());
    }
    return into.bytes.empty() && !into.ends ? Polled::nothing : Polled::block;
  }

  // The last line may have no line break.
  Polled last(Block& into) {
    ended_ = into.ends = true;
    return give(into);
  }

  Polled cut(Block& into) {
    const bool again = skipping_;  // more of the same line
    skipping_ = true;
    into.cut = true;
    into.first_offset = line_;
    into.next_offset = line_ + 1;
    if (!again && line_ >= first_wanted_) return Polled::block;
    into.clear();
    return Polled::nothing;
  }

  const FileSourceConfig config_;
  const SourceId id_;
  const Time now_;
  Reader reader_;
  Bytes rest_;
  std::uint64_t line_ = 1, first_wanted_ = 1;
  bool skipping_ = false, paused_ = false, ended_ = false;
};

}  // namespace

Result<std::unique_ptr<Source>> open_file_source(const FileSourceConfig& config, SourceId id, Time now) {
  if (config.path == "-") return std::make_unique<FileSource>(config, id, now, Descriptor(STDIN_FILENO, false));
  const int fd = ::open(config.path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failure(Error::Code::unreadable, "cannot open " + config.path + ": " + std::strerror(errno));
  Descriptor owned(fd, true);
  struct stat info{};
  if (::fstat(fd, &info) == 0 && S_ISDIR(info.st_mode)) {
    return failure(Error::Code::unreadable, "cannot read " + config.path + ": it is a folder");
  }
  return std::make_unique<FileSource>(config, id, now, std::move(owned));
}

}  // namespace tocsin
