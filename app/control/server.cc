// The only file that includes Asio and Beast. A connection is a chain of callbacks on one thread: read a request,
// answer, write, read the next. There is one request in work per connection; what a client has sent ahead waits in its
// buffer, which the bounds of header and body keep small.
#include "app/control/server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <filesystem>
#include <optional>
#include <thread>

#include "app/control/json.h"
#include "app/control/routes.h"

namespace tocsin::app {

namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using boost::system::error_code;
using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

// Between two looks at an answer that goes on.
constexpr auto kLookAgain = std::chrono::milliseconds(50);

std::chrono::microseconds chrono_of(Duration duration) { return std::chrono::microseconds(duration.us); }

std::string small(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

// What the connections of one server share.
struct Shared {
  ControlOptions options;
  Desk& desk;
  bool stopped = false;  // of the control thread
};

template <class Protocol>
class Connection : public std::enable_shared_from_this<Connection<Protocol>> {
 public:
  Connection(typename Protocol::socket socket, const std::weak_ptr<asio::io_context>& io, Shared& shared,
             std::shared_ptr<std::size_t> open)
      : io_(io), stream_(std::move(socket)), timer_(stream_.get_executor()), shared_(shared), open_(std::move(open)) {
    ++*open_;
  }
  ~Connection() { --*open_; }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  void read() {
    parser_.emplace();
    parser_->header_limit(shared_.options.header_max);
    parser_->body_limit(shared_.options.body_max);
    stream_.expires_after(chrono_of(shared_.options.request_time));
    http::async_read(stream_, buffer_, *parser_, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (error) return self->refuse(error);
      self->serve();
    });
  }

 private:
  // A request that cannot be read: what is wrong is said where that makes sense, and then nothing more is read.
  void refuse(error_code error) {
    unsigned status = 0;
    if (error == http::error::header_limit) status = 431;
    if (error == http::error::body_limit) status = 413;
    if (error == http::error::end_of_stream || error == boost::beast::error::timeout) return close();
    if (status == 0 && error.category() == make_error_code(http::error::bad_method).category()) status = 400;
    if (status == 0) return close();
    keep_alive_ = is_head_ = false;
    write({.status = status, .body = error_json(error.message())});
  }

  void serve() {
    const auto& message = parser_->get();
    keep_alive_ = message.keep_alive();
    is_head_ = message.method() == http::verb::head;
    version_ = message.version();
    ControlRequest request;
    request.method = std::string(message.method_string());
    request.target = std::string(message.target());
    for (const auto& field : message) request.headers.emplace_back(small(field.name_string()), field.value());
    request.body = std::move(parser_->get().body());
    request.is_local = std::is_same_v<Protocol, Local>;
    stream_.expires_never();  // the desk may take its time; each Reply is called or dropped
    // Replies may come from any thread, and after the server has gone: the context lives as long as they do.
    answer(request, shared_.options.prefix, shared_.options.access, shared_.desk,
           [io = io_.lock(), self = this->shared_from_this()](ControlResponse response) mutable {
             asio::post(*io, [self = std::move(self), response = std::move(response)]() mutable {
               self->respond(std::move(response));
             });
           });
  }

  void respond(ControlResponse response) {
    if (!response.is_late) return write(std::move(response));
    timer_.expires_after(chrono_of(shared_.options.late));
    timer_.async_wait([self = this->shared_from_this(), response = std::move(response)](error_code error) mutable {
      if (!error) self->write(std::move(response));
    });
  }

  void write(ControlResponse response) {
    if (shared_.stopped) return;
    goes_on_ = std::move(response.goes_on);
    if (goes_on_ != nullptr) keep_alive_ = false;
    response_.emplace(static_cast<http::status>(response.status), version_);
    response_->set(http::field::content_type, std::string(response.type));
    response_->set(http::field::cache_control, "no-store");
    response_->set("X-Content-Type-Options", "nosniff");
    response_->set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'");
    if (response.status == 401) response_->set(http::field::www_authenticate, "Bearer");
    if (!response.allow.empty()) {
      std::string methods(response.allow);
      for (std::size_t at = 0; (at = methods.find(' ', at)) != std::string::npos; at += 2) methods.replace(at, 1, ", ");
      response_->set(http::field::allow, methods);
    }
    response_->keep_alive(keep_alive_);
    if (is_head_)
      response_->content_length(response.body.size());  // of what GET would say
    else
      response_->body() = std::move(response.body);
    is_chunked_ = goes_on_ != nullptr && version_ >= 11;
    if (goes_on_ != nullptr)
      response_->chunked(is_chunked_);
    else if (!is_head_)
      response_->prepare_payload();
    stream_.expires_after(chrono_of(shared_.options.response_time));
    serializer_.emplace(*response_);
    serializer_->split(is_head_ || goes_on_ != nullptr);
    if (goes_on_ != nullptr)
      return http::async_write_header(stream_, *serializer_, [self = this->shared_from_this()](error_code error, auto) {
        if (error) return self->close();
        self->write_on();
      });
    const auto written = [self = this->shared_from_this()](error_code error, std::size_t) {
      if (error) return self->close();
      if (!self->keep_alive_) return self->finish();
      self->read();
    };
    if (is_head_)
      http::async_write_header(stream_, *serializer_, written);
    else
      http::async_write(stream_, *serializer_, written);
  }

  // What has come since; where nothing has, it looks again in a moment. One piece is on its way at a time, and waits no
  // longer than other answers for a client that does not read: what comes meanwhile the answer keeps, or lets go.
  void write_on() {
    if (shared_.stopped) return;
    piece_.clear();
    const bool more = goes_on_->take(piece_);
    if (!more) goes_on_ = nullptr;
    if (piece_.empty() && more) return look_again();
    std::string_view end = more || !is_chunked_ ? "" : "0\r\n\r\n";
    head_ = is_chunked_ && !piece_.empty() ? fmt::format("{:x}\r\n", piece_.size()) : "";
    const std::string_view tail = head_.empty() ? "" : "\r\n";
    const std::array<asio::const_buffer, 4> bytes{asio::buffer(head_), asio::buffer(piece_), asio::buffer(tail),
                                                  asio::buffer(end)};
    stream_.expires_after(chrono_of(shared_.options.response_time));
    asio::async_write(stream_, bytes, [self = this->shared_from_this()](error_code error, std::size_t) {
      if (error) return self->close();
      if (self->goes_on_ == nullptr) return self->finish();
      self->look_again();
    });
  }
  void look_again() {
    stream_.expires_never();
    timer_.expires_after(kLookAgain);
    timer_.async_wait([self = this->shared_from_this()](error_code error) {
      if (!error) self->write_on();
    });
  }

  // After the last answer: what the client still sends is read and dropped for a moment, or closing would reset the
  // connection, and the answer be lost on its way.
  void finish() {
    error_code ignored;
    stream_.socket().shutdown(Protocol::socket::shutdown_send, ignored);
    stream_.expires_after(std::chrono::seconds(1));
    drop();
  }
  void drop() {
    buffer_.clear();
    stream_.async_read_some(buffer_.prepare(4096), [self = this->shared_from_this()](error_code error, std::size_t) {
      if (!error) self->drop();
    });
  }

  void close() {
    error_code ignored;
    stream_.socket().shutdown(Protocol::socket::shutdown_both, ignored);
  }

  std::weak_ptr<asio::io_context> io_;  // whose queue holds what holds this
  boost::beast::basic_stream<Protocol> stream_;
  asio::steady_timer timer_;
  boost::beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  std::optional<http::response<http::string_body>> response_;
  std::optional<http::response_serializer<http::string_body>> serializer_;
  std::shared_ptr<LongAnswer> goes_on_;
  std::string head_, piece_;  // of it, on their way
  Shared& shared_;
  std::shared_ptr<std::size_t> open_;
  bool keep_alive_ = false, is_head_ = false, is_chunked_ = false;
  unsigned version_ = 11;
};

template <class Protocol>
class Acceptor {
 public:
  Acceptor(std::shared_ptr<asio::io_context> io, Shared& shared)
      : io_(std::move(io)), acceptor_(*io_), retry_(*io_), shared_(shared) {}

  typename Protocol::acceptor& socket() { return acceptor_; }

  void accept() {
    acceptor_.async_accept([this](error_code error, typename Protocol::socket socket) {
      if (error == asio::error::operation_aborted) return;
      // No descriptors left: the connection waits in the queue, and so do we.
      if (error) return wait();
      if (*open_ >= shared_.options.connections_max)
        turn_away(socket);
      else
        std::make_shared<Connection<Protocol>>(std::move(socket), io_, shared_, open_)->read();
      accept();
    });
  }

 private:
  void wait() {
    retry_.expires_after(std::chrono::milliseconds(100));
    retry_.async_wait([this](error_code error) {
      if (!error) accept();
    });
  }

  // Best effort: it must not cost anything.
  static void turn_away(typename Protocol::socket& socket) {
    static const std::string kBusy = [] {
      const std::string body = error_json("as many connections are open as may be",
                                          "close some; by the Unix socket the daemon still answers");
      return fmt::format(
          "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nRetry-After: 1\r\n"
          "Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{}",
          body.size(), body);
    }();
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.write_some(asio::buffer(kBusy), ignored);
  }

  std::shared_ptr<asio::io_context> io_;
  typename Protocol::acceptor acceptor_;
  asio::steady_timer retry_;
  Shared& shared_;
  std::shared_ptr<std::size_t> open_ = std::make_shared<std::size_t>(0);
};

tl::unexpected<Error> cannot_listen(std::string_view where, std::string_view reason) {
  return failure(Error::Code::refused, fmt::format("cannot listen at {}: {}", where, reason));
}

Result<void> listen_tcp(Tcp::acceptor& acceptor, asio::io_context& io, const std::string& listen) {
  const Endpoint endpoint = endpoint_of(listen);
  error_code error;
  Tcp::resolver resolver(io);
  const auto found = resolver.resolve(endpoint.host, endpoint.port, Tcp::resolver::passive, error);
  if (error || found.empty()) return cannot_listen(listen, error.message());
  const Tcp::endpoint at = found.begin()->endpoint();
  acceptor.open(at.protocol(), error);
  if (!error) acceptor.set_option(Tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(at, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(listen, error.message());
  return {};
}

// Whether somebody answers at a socket that is there already.
bool is_alive(asio::io_context& io, const std::string& path) {
  Local::socket socket(io);
  error_code error;
  socket.connect(Local::endpoint(path), error);
  return !error;
}

Result<void> listen_local(Local::acceptor& acceptor, asio::io_context& io, const std::string& path) {
  constexpr std::size_t kPathMax = 107;  // of sockaddr_un
  if (path.size() > kPathMax)
    return cannot_listen(path, fmt::format("the path of a Unix socket has at most {} bytes", kPathMax));
  struct stat status{};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return cannot_listen(path, "something else is there");
    if (is_alive(io, path))
      return cannot_listen(path, "another daemon answers there; control.socket names another path");
    std::filesystem::remove(path);
  }
  error_code error;
  acceptor.open(Local(), error);
  if (!error) acceptor.bind(Local::endpoint(path), error);
  // Before `listen` nobody can connect: so nobody does by the mode that it was made with.
  if (!error && chmod(path.c_str(), S_IRUSR | S_IWUSR) != 0)
    error = error_code(errno, boost::system::system_category());
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) return cannot_listen(path, error.message());
  return {};
}

class Server : public ControlServer {
 public:
  Server(const ControlOptions& options, Desk& desk)
      : shared_{options, desk}, io_(std::make_shared<asio::io_context>(1)), tcp_(io_, shared_), local_(io_, shared_) {}

  ~Server() override {
    asio::post(*io_, [this] {
      shared_.stopped = true;
      io_->stop();
    });
    if (thread_.joinable()) thread_.join();
    if (owns_socket_) ::unlink(shared_.options.socket.c_str());
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Result<void> listen() {
    if (!shared_.options.listen.empty()) {
      if (auto listens = listen_tcp(tcp_.socket(), *io_, shared_.options.listen); !listens) return listens;
      tcp_.accept();
    }
    if (!shared_.options.socket.empty()) {
      if (auto listens = listen_local(local_.socket(), *io_, shared_.options.socket); !listens) return listens;
      owns_socket_ = true;
      local_.accept();
    }
    thread_ = std::thread([this] {
      const auto keep = asio::make_work_guard(*io_);  // also where it listens nowhere
      io_->run();
    });
    return {};
  }

  std::uint16_t port() const override {
    error_code error;
    const auto at = tcp_endpoint_of(error);
    return error ? std::uint16_t{0} : at.port();
  }

 private:
  Tcp::endpoint tcp_endpoint_of(error_code& error) const {
    return const_cast<Acceptor<Tcp>&>(tcp_).socket().local_endpoint(error);
  }

  Shared shared_;
  std::shared_ptr<asio::io_context> io_;
  Acceptor<Tcp> tcp_;
  Acceptor<Local> local_;
  bool owns_socket_ = false;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<ControlServer>> ControlServer::start(const ControlOptions& options, Desk& desk) {
  auto server = std::make_unique<Server>(options, desk);
  if (auto listens = server->listen(); !listens) return tl::unexpected(listens.error());
  return server;
}

Result<ControlOptions> control_options(const HttpSettings& http, const std::string& control_socket,
                                       const std::string& runtime_dir) {
  Result<Access> access = access_of(http);
  if (!access) return tl::unexpected(access.error());
  ControlOptions options;
  options.listen = http.listen;
  options.prefix = http.prefix;
  options.access = std::move(*access);
  options.socket = control_socket;
  // Where nobody said so and there is no place for it, the daemon does without.
  std::error_code error;
  const std::string system = "/run/tocsin";
  if (options.socket.empty() && !runtime_dir.empty())
    options.socket = runtime_dir + "/tocsin.sock";
  else if (options.socket.empty() && std::filesystem::is_directory(system, error) &&
           ::access(system.c_str(), W_OK) == 0)
    options.socket = system + "/tocsin.sock";
  return options;
}

}  // namespace tocsin::app
