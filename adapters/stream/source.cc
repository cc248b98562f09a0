#include "adapters/stream/source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

namespace tocsin {
namespace {

// Of one connection at once, so that one that sends without end leaves the others their turn.
constexpr std::size_t kShare = std::size_t{32} << 10;
constexpr int kEvents = 64;
constexpr Duration kSilence = seconds(30), kLookAgain = seconds(1);
// Memory that a connection keeps for its next line.
constexpr std::size_t kKept = std::size_t{4} << 10;

class Socket {
 public:
  explicit Socket(int number = -1) : number_(number) {}
  Socket(Socket&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Socket() {
    if (number_ >= 0) ::close(number_);
  }
  int number() const { return number_; }
  bool good() const { return number_ >= 0; }

 private:
  int number_;
};

tl::unexpected<Error> cannot_listen(const std::string& where, const char* reason) {
  return failure(Error::Code::unreachable, fmt::format("cannot listen on {}: {}", where, reason));
}

Result<Socket> listen_on_tcp(const std::string& where) {
  const std::size_t colon = where.rfind(':');
  if (colon == std::string::npos || colon + 1 == where.size())
    return failure(Error::Code::refused, fmt::format("`{}` is no HOST:PORT", where));
  std::string host = where.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int answer = ::getaddrinfo(host.empty() ? nullptr : host.c_str(), where.c_str() + colon + 1, &wanted, &found);
  if (answer != 0) return cannot_listen(where, ::gai_strerror(answer));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, ::freeaddrinfo);
  Socket socket(::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  if (!socket.good() || ::setsockopt(socket.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.number(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket.number(), SOMAXCONN) != 0)
    return cannot_listen(where, std::strerror(errno));
  return socket;
}

// The system keeps the name of a socket whose process has died.
Result<void> clear_away(const std::string& path, const sockaddr_un& address) {
  struct stat status;
  if (::lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return cannot_listen(path, "there is a file of that name, which is no socket");
  const Socket asking(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (::connect(asking.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN)
    return cannot_listen(path, "another process listens on it");
  if (::unlink(path.c_str()) != 0) return cannot_listen(path, std::strerror(errno));
  return {};
}

Result<Socket> listen_on_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return cannot_listen(path, "a socket's path has at most 107 bytes");
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  if (auto cleared = clear_away(path, address); !cleared) return tl::unexpected(cleared.error());
  Socket socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // Before it has a name, so that there is no moment in which everybody may connect.
  if (!socket.good() || ::fchmod(socket.number(), 0660) != 0 ||
      ::bind(socket.number(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(socket.number(), SOMAXCONN) != 0)
    return cannot_listen(path, std::strerror(errno));
  return socket;
}

std::string address_of(int socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  char host[NI_MAXHOST], port[NI_MAXSERV];
  auto* const bytes = reinterpret_cast<sockaddr*>(&address);
  if (::getsockname(socket, bytes, &size) != 0 ||
      ::getnameinfo(bytes, size, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV) != 0)
    return "a socket";
  return address.ss_family == AF_INET6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

std::size_t descriptors_for_connections() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? static_cast<std::size_t>(limit.rlim_cur / 2) : 512;
}

class StreamSource final : public Source {
 public:
  StreamSource(const StreamSourceConfig& config, SourceId id, const Clock& clock, Tell tell, Socket listener,
               Socket epoll)
      : config_(config),
        id_(id),
        clock_(clock),
        tell_(std::move(tell)),
        connections_max_(std::min(config.connections_max, descriptors_for_connections())),
        listener_(std::move(listener)),
        epoll_(std::move(epoll)) {
    listen(true);
  }
  ~StreamSource() override {
    if (!config_.path.empty()) ::unlink(config_.path.c_str());
  }

  std::uint32_t partitions() const override { return 1; }
  bool can_go_back() const override { return false; }
  Result<void> start(std::span<const Progress> from) override {
    for (const Progress& progress : from) line_ = std::max<std::uint64_t>(progress.next_offset, 1);
    return {};
  }
  void set_block(std::size_t bytes) override { block_ = std::min(bytes, config_.block); }
  void pause(std::uint32_t) override { paused_ = true; }
  void resume(std::uint32_t) override { paused_ = false; }
  void stored(std::span<const Progress>) override {}
  std::string trouble() const override {
    return listens_ ? "" : fmt::format("{}: all {} connections are taken; others wait", where(), connections_.size());
  }

  Result<Polled> poll(Block& into, Duration wait) override {
    if (paused_) return Polled::nothing;
    into.source = id_;
    into.arrived = clock_.now();
    into.first_offset = into.next_offset = line_;
    if (const auto longest = to_cut(); longest != connections_.end()) return cut(longest->second, into);
    if (!listens_ && clock_.elapsed() >= listen_at_) make_room();
    epoll_event events[kEvents];
    const int count = ::epoll_wait(epoll_.number(), events, kEvents,
                                   static_cast<int>(std::clamp<std::int64_t>(wait.us / 1000, 0, 60'000)));
    for (int i = 0; i < count && into.bytes.size() < block_; ++i) {
      if (events[i].data.fd == listener_.number()) {
        accept();
      } else if (const auto at = connections_.find(events[i].data.fd); at != connections_.end()) {
        if (!read(at->second, into)) close(at);
      }
    }
    if (into.bytes.empty()) return Polled::nothing;
    const std::string_view text = into.bytes.view();
    line_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    into.next_offset = line_;
    return Polled::block;
  }

 private:
  struct Connection {
    Socket socket;
    std::string begun;      // the line that has no line break yet
    bool skipping = false;  // the rest of a line that was cut
    Duration heard{};
  };
  using Connections = std::unordered_map<int, Connection>;

  std::string where() const { return config_.path.empty() ? config_.listen : config_.path; }

  // Off while there is no room: the system would say over and over that somebody waits.
  void listen(bool on) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = listener_.number();
    ::epoll_ctl(epoll_.number(), on ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, listener_.number(), &event);
    listens_ = on;
    listen_at_ = clock_.elapsed() + kLookAgain;
  }

  void accept() {
    for (int i = 0; i < kEvents; ++i) {
      if (connections_.size() >= connections_max_) return listen(false);
      Socket socket(::accept4(listener_.number(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!socket.good()) {
        // No descriptor is left: as if all connections were taken.
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) listen(false);
        return;
      }
      const int yes = 1;  // a peer that has vanished is noticed, some time
      if (config_.path.empty()) ::setsockopt(socket.number(), SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes);
      const int number = socket.number();
      epoll_event event{};
      event.events = EPOLLIN;
      event.data.fd = number;
      if (::epoll_ctl(epoll_.number(), EPOLL_CTL_ADD, number, &event) != 0) continue;
      connections_.emplace(number, Connection{std::move(socket), {}, false, clock_.elapsed()});
    }
  }

  void make_room() {
    listen_at_ = clock_.elapsed() + kLookAgain;
    if (connections_.size() >= connections_max_) {
      const auto silent = std::ranges::min_element(connections_, {}, [](const auto& c) { return c.second.heard; });
      if (clock_.elapsed() - silent->second.heard < kSilence) return;
      tell_(fmt::format("{}: all connections were taken; one that has been silent for {} s was closed", where(),
                        (clock_.elapsed() - silent->second.heard).us / 1'000'000));
      close(silent);
    }
    listen(true);
  }

  void close(Connections::iterator at) {
    unfinished_ -= at->second.begun.size();
    if (at->second.begun.size() > config_.line_max) --too_long_;
    connections_.erase(at);  // epoll forgets what is closed
    listen_at_ = {};
  }

  // False: it has ended.
  bool read(Connection& from, Block& into) {
    if (from.begun.size() > config_.line_max) return true;  // its turn to be cut comes first
    char bytes[kShare];
    const ssize_t got = ::recv(from.socket.number(), bytes, sizeof bytes, 0);
    if (got < 0) return errno == EAGAIN || errno == EINTR;  // a reset: who was cut off may have been within a line
    if (got == 0) {
      // The last line may have no line break.
      if (!from.begun.empty()) give(from, "\n", into);
      return false;
    }
    from.heard = clock_.elapsed();
    give(from, {bytes, static_cast<std::size_t>(got)}, into);
    return true;
  }

  // What has come: whole lines into the block, the rest waits.
  void give(Connection& from, std::string_view text, Block& into) {
    if (from.skipping) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) return;
      from.skipping = false;
      text.remove_prefix(end + 1);
    }
    const std::size_t end = text.rfind('\n');
    if (end != std::string_view::npos) {
      into.bytes.append(from.begun);
      into.bytes.append(text.substr(0, end + 1));
      forget(from);
      text.remove_prefix(end + 1);
    }
    from.begun += text;
    unfinished_ += text.size();
    if (from.begun.size() > config_.line_max) ++too_long_;
  }

  void forget(Connection& from) {
    unfinished_ -= from.begun.size();
    from.begun.clear();
    if (from.begun.capacity() > kKept) from.begun.shrink_to_fit();
  }

  // Whose line has become too long, or is the longest where all together are.
  Connections::iterator to_cut() {
    if (too_long_ == 0 && unfinished_ <= config_.unfinished_max) return connections_.end();
    return std::ranges::max_element(connections_, {}, [](const auto& c) { return c.second.begun.size(); });
  }

  // A block of its own.
  Polled cut(Connection& from, Block& into) {
    into.bytes.append(from.begun);
    into.cut = true;
    if (from.begun.size() > config_.line_max) --too_long_;
    from.skipping = true;
    forget(from);
    into.next_offset = ++line_;
    return Polled::block;
  }

  const StreamSourceConfig config_;
  std::size_t block_ = config_.block;
  const SourceId id_;
  const Clock& clock_;
  const Tell tell_;
  const std::size_t connections_max_;
  Socket listener_, epoll_;
  bool listens_ = false, paused_ = false;
  Connections connections_;
  std::size_t unfinished_ = 0;  // bytes that wait for the rest of their lines
  std::size_t too_long_ = 0;    // connections whose line is longer than it may be
  Duration listen_at_{};
  std::uint64_t line_ = 1;
};

}  // namespace

Result<std::unique_ptr<Source>> open_stream_source(const StreamSourceConfig& config, SourceId id, const Clock& clock,
                                                   Tell tell, const Tell& note) {
  auto listener = config.path.empty() ? listen_on_tcp(config.listen) : listen_on_unix(config.path);
  if (!listener) return tl::unexpected(listener.error());
  Socket epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.good()) return cannot_listen(config.listen, std::strerror(errno));
  note(fmt::format("listening on {}", config.path.empty() ? address_of(listener->number()) : config.path));
  return std::make_unique<StreamSource>(config, id, clock, std::move(tell), std::move(*listener), std::move(epoll));
}

}  // namespace tocsin
