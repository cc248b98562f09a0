// Sockets that do not block and poll(2), so that the deadline holds whatever the other side does. HTTP/1.0: the answer
// ends where the connection does, or after Content-Length, and never comes in chunks.
#include "app/control/client.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>

#include "engine/base/text.h"

namespace tocsin::app {

namespace {

using Clock = std::chrono::steady_clock;

// A daemon's answers are small; what is larger is no daemon's.
constexpr std::size_t kAnswerMax = std::size_t{256} << 20;

tl::unexpected<Error> unreachable(const DaemonAddress& address, std::string_view reason) {
  const std::string where =
      address.socket.empty() ? fmt::format("http://{}:{}", address.host, address.port) : "unix:" + address.socket;
  return failure(Error::Code::unreachable, fmt::format("no answer from a daemon at {}: {}", where, reason));
}

class Socket {
 public:
  explicit Socket(int file) : file_(file) {}
  Socket(Socket&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  Socket& operator=(Socket&& other) noexcept {
    std::swap(file_, other.file_);
    return *this;
  }
  ~Socket() {
    if (file_ >= 0) close(file_);
  }
  int file() const { return file_; }

 private:
  int file_;
};

// One request on its way; `reason` says why a step failed.
class Exchange {
 public:
  Exchange(const DaemonAddress& address, Duration timeout)
      : address_(address), timeout_(timeout.us), until_(Clock::now() + timeout_) {}

  bool connect() { return address_.socket.empty() ? connect_tcp() : connect_local(); }

  bool send(std::string_view text) {
    while (!text.empty()) {
      const ssize_t sent = ::send(socket_.file(), text.data(), text.size(), MSG_NOSIGNAL);
      if (sent > 0) {
        text.remove_prefix(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        if (!wait(POLLOUT)) return false;
      } else if (errno == EPIPE || errno == ECONNRESET) {
        return true;  // it has refused already, and said why
      } else if (errno != EINTR) {
        return fail(std::strerror(errno));
      }
    }
    return true;
  }

  // Up to the end of the connection, or until `goes_on` says false.
  bool receive(std::string& out, const std::function<bool()>& goes_on = {}) {
    std::array<char, 16 << 10> piece{};
    while (out.size() < kAnswerMax) {
      if (goes_on && !goes_on()) return true;
      const ssize_t got = recv(socket_.file(), piece.data(), piece.size(), 0);
      if (got > 0) {
        out.append(piece.data(), static_cast<std::size_t>(got));
        if (goes_on) until_ = Clock::now() + timeout_;
      } else if (got == 0) {
        return true;
      } else if (errno == EAGAIN) {
        if (!wait(POLLIN, goes_on)) return false;
      } else if (errno == ECONNRESET && !out.empty()) {
        return true;
      } else if (errno != EINTR) {
        return fail(std::strerror(errno));
      }
    }
    return fail("it does not end");
  }

  const std::string& reason() const { return reason_; }

 private:
  bool fail(std::string_view reason) {
    reason_ = reason;
    return false;
  }

  bool wait(short events, const std::function<bool()>& goes_on = {}) {
    const std::int64_t slice = goes_on ? 100 : 1'000;
    while (true) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until_ - Clock::now()).count();
      if (left < 0) return fail("not in time (--timeout)");
      pollfd ready{socket_.file(), events, 0};
      const int said = poll(&ready, 1, static_cast<int>(std::min<std::int64_t>(left + 1, slice)));
      if (said > 0 || (goes_on && !goes_on())) return true;
      if (said < 0 && errno != EINTR) return fail(std::strerror(errno));
    }
  }

  bool connect_to(int family, const sockaddr* at, socklen_t size) {
    socket_ = Socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (socket_.file() < 0) return fail(std::strerror(errno));
    if (::connect(socket_.file(), at, size) == 0) return true;
    // A Unix socket whose queue is full says EAGAIN, and never becomes ready by itself.
    if (errno != EINPROGRESS) return fail(std::strerror(errno));
    if (!wait(POLLOUT)) return false;
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(socket_.file(), SOL_SOCKET, SO_ERROR, &error, &length) != 0 || error != 0)
      return fail(std::strerror(error));
    return true;
  }

  bool connect_local() {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    if (address_.socket.size() >= sizeof at.sun_path) return fail("the path is too long for a Unix socket");
    std::memcpy(at.sun_path, address_.socket.c_str(), address_.socket.size() + 1);
    return connect_to(AF_UNIX, reinterpret_cast<const sockaddr*>(&at), sizeof at);
  }

  bool connect_tcp() {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int error = getaddrinfo(address_.host.c_str(), address_.port.c_str(), &hints, &found); error != 0)
      return fail(gai_strerror(error));
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(found, freeaddrinfo);
    for (const addrinfo* at = found; at != nullptr; at = at->ai_next)
      if (connect_to(at->ai_family, at->ai_addr, at->ai_addrlen)) return true;
    return false;
  }

  const DaemonAddress& address_;
  const std::chrono::microseconds timeout_;
  Clock::time_point until_;
  Socket socket_{-1};
  std::string reason_;
};

std::string small(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// Nothing: it is no HTTP, or less than it says it is.
std::optional<HttpAnswer> parse_answer(std::string_view text) {
  const std::size_t end = text.find("\r\n\r\n");
  if (!text.starts_with("HTTP/1.") || end == std::string_view::npos || end < 12) return std::nullopt;
  std::int64_t status = 0, length = -1;
  if (parse_integer(text.substr(9, 3), status) != NumberText::good || status < 100) return std::nullopt;
  std::string_view headers = text.substr(0, end);
  while (!headers.empty()) {
    const std::string_view line = headers.substr(0, headers.find("\r\n"));
    headers.remove_prefix(std::min(line.size() + 2, headers.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || small(line.substr(0, colon)) != "content-length") continue;
    std::string_view value = line.substr(colon + 1);
    while (value.starts_with(' ')) value.remove_prefix(1);
    if (parse_integer(value, length) != NumberText::good || length < 0) return std::nullopt;
  }
  std::string_view body = text.substr(end + 4);
  if (length >= 0 && body.size() < static_cast<std::size_t>(length)) return std::nullopt;
  if (length >= 0) body = body.substr(0, static_cast<std::size_t>(length));
  return HttpAnswer{static_cast<unsigned>(status), std::string(body)};
}

bool exists(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_socket(path, error);
}

}  // namespace

Result<DaemonAddress> parse_daemon_address(std::string_view text) {
  const auto wrong = [&] {
    return failure(
        Error::Code::refused,
        fmt::format("`{}` is no address of a daemon: unix:/run/tocsin/tocsin.sock or http://HOST:PORT", text));
  };
  constexpr std::string_view kUnix = "unix:", kHttp = "http://";
  if (text.starts_with(kUnix) && text.size() > kUnix.size())
    return DaemonAddress{.socket = std::string(text.substr(kUnix.size()))};
  if (!text.starts_with(kHttp)) return wrong();
  std::string_view rest = text.substr(kHttp.size());
  DaemonAddress out;
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  out.prefix = rest.substr(slash);
  while (out.prefix.ends_with('/')) out.prefix.pop_back();
  rest = rest.substr(0, slash);
  if (rest.find_first_of(" \r\n@?#") != std::string_view::npos ||
      out.prefix.find_first_of(" \r\n?#") != std::string::npos)
    return wrong();
  const std::size_t bracket = rest.find(']'), colon = rest.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  out.host = rest.substr(0, has_port ? colon : rest.size());
  out.port = has_port ? std::string(rest.substr(colon + 1)) : "80";
  if (out.host.starts_with('[') && out.host.ends_with(']')) out.host = out.host.substr(1, out.host.size() - 2);
  if (out.host.empty() || out.port.empty()) return wrong();
  return out;
}

Result<DaemonAddress> daemon_address(const Arguments& arguments, const Console& console) {
  const auto variable = [&](const char* name) {
    return console.environment ? console.environment(name).value_or("") : std::string();
  };
  if (arguments.has("--addr")) return parse_daemon_address(arguments.value("--addr"));
  if (const std::string address = variable("TOCSIN_ADDR"); !address.empty()) return parse_daemon_address(address);
  if (const std::string folder = variable("XDG_RUNTIME_DIR"); !folder.empty() && exists(folder + "/tocsin.sock"))
    return DaemonAddress{.socket = folder + "/tocsin.sock"};
  if (const std::string system = "/run/tocsin/tocsin.sock"; exists(system)) return DaemonAddress{.socket = system};
  return parse_daemon_address("http://127.0.0.1:8470");
}

namespace {

std::string request_of(const DaemonAddress& address, const HttpAsked& asked) {
  const bool is_v6 = address.host.find(':') != std::string::npos;
  std::string text = fmt::format(
      "{} {}{} HTTP/1.0\r\nHost: {}\r\n", asked.method, address.prefix, asked.target,
      address.socket.empty() ? fmt::format(fmt::runtime(is_v6 ? "[{}]:{}" : "{}:{}"), address.host, address.port)
                             : "localhost");
  if (!asked.token.empty()) text += fmt::format("Authorization: Bearer {}\r\n", asked.token);
  if (!asked.body.empty() || asked.method != "GET")
    text += fmt::format("Content-Type: application/json\r\nContent-Length: {}\r\n", asked.body.size());
  return text + "\r\n" + asked.body;
}

}  // namespace

Result<HttpAnswer> ask_http(const DaemonAddress& address, const HttpAsked& asked) {
  Exchange exchange(address, asked.timeout);
  std::string answer;
  if (!exchange.connect() || !exchange.send(request_of(address, asked)) || !exchange.receive(answer))
    return unreachable(address, exchange.reason());
  std::optional<HttpAnswer> parsed = parse_answer(answer);
  if (!parsed) return unreachable(address, "what it says is no HTTP");
  return std::move(*parsed);
}

Result<HttpAnswer> hear_http(const DaemonAddress& address, const HttpAsked& asked,
                             const std::function<bool(std::string_view line)>& hear,
                             const std::function<bool()>& waits) {
  Exchange exchange(address, asked.timeout);
  std::string text;
  bool is_heard = false;  // the head says 200, and has been taken away
  const auto goes_on = [&] {
    if (!waits()) return false;
    if (!is_heard) {
      const std::size_t end = text.find("\r\n\r\n");
      const auto head = end == std::string::npos ? std::nullopt : parse_answer(text.substr(0, end + 4));
      if (!head || head->status != 200) return true;
      is_heard = true;
      text.erase(0, end + 4);
    }
    std::size_t from = 0;
    for (std::size_t end; (end = text.find('\n', from)) != std::string::npos; from = end + 1)
      if (!hear(std::string_view(text).substr(from, end - from))) return false;
    text.erase(0, from);
    return true;
  };
  if (!exchange.connect() || !exchange.send(request_of(address, asked)) || !exchange.receive(text, goes_on))
    return unreachable(address, exchange.reason());
  if (is_heard || !waits()) return HttpAnswer{200, {}};
  std::optional<HttpAnswer> parsed = parse_answer(text);
  if (!parsed) return unreachable(address, "what it says is no HTTP");
  return std::move(*parsed);
}

std::string encode_url(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                       c == '.' || c == '_' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

}  // namespace tocsin::app
