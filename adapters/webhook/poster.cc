#include "adapters/webhook/poster.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <charconv>
#include <chrono>
#include <limits>
#include <utility>

#include "adapters/webhook/url.h"

namespace tocsin {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Failed = boost::system::error_code;

// Of a receiver's answer the head counts. A short rest is read, so that the connection can be kept.
constexpr std::uint32_t kHeadMax = 16 << 10;
constexpr std::uint64_t kBodyMax = 64 << 10;
// How soon `stop` is seen.
constexpr std::chrono::milliseconds kLookAgain{100};

// Seconds, or a date.
std::optional<Duration> retry_after(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc{} && end == text.data() + text.size())
    return seconds(std::clamp<std::int64_t>(number, 0, 86'400));
  std::tm date{};
  if (::strptime(std::string(text).c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date) == nullptr) return std::nullopt;
  const std::int64_t wait = ::timegm(&date) - ::time(nullptr);
  return seconds(std::clamp<std::int64_t>(wait, 0, 86'400));
}

class HttpPoster final : public Poster {
 public:
  HttpPoster(HttpPosterConfig config, Url url) : config_(std::move(config)), url_(std::move(url)) {}

  Result<void> trust() {
    if (!url_.is_tls) return {};
    Failed failed;
    if (config_.ca_file.empty()) {
      context_.set_default_verify_paths(failed);
    } else {
      context_.load_verify_file(config_.ca_file, failed);
    }
    if (failed)
      return failure(Error::Code::unreadable,
                     fmt::format("cannot read the authorities of {}: {}", config_.ca_file, failed.message()));
    context_.set_verify_mode(asio::ssl::verify_peer);
    context_.set_verify_callback(asio::ssl::host_name_verification(url_.host));
    ::SSL_CTX_set_min_proto_version(context_.native_handle(), TLS1_2_VERSION);
    return {};
  }

  PostAnswer post(const Posting& posting) override {
    std::string token;
    if (config_.token) {
      auto read = config_.token();
      if (!read) return {0, {}, read.error().message};
      token = std::move(*read);
    }
    until_ = std::chrono::steady_clock::now() + std::chrono::microseconds(config_.timeout.us);
    const bool was_open = stream_ != nullptr;
    PostAnswer answer = attempt(posting, token);
    // A connection that was kept may have been closed meanwhile; that says nothing of the receiver.
    if (answer.status == 0 && was_open && !stopped_) answer = attempt(posting, token);
    return answer;
  }

  void stop() override { stopped_ = true; }

 private:
  using Stream = beast::ssl_stream<beast::tcp_stream>;

  // Runs one asynchronous step to its end, or until the time is over.
  template <class Begin>
  Failed wait_for(Begin begin) {
    Failed result = asio::error::would_block;
    if (stopped_) return asio::error::operation_aborted;
    begin([&result](Failed failed, const auto&...) { result = failed; });
    const auto run = [&](auto until) {
      while (result == asio::error::would_block && !stopped_ && std::chrono::steady_clock::now() < until) {
        context_of_io_.restart();
        context_of_io_.run_one_until(std::min(until, std::chrono::steady_clock::now() + kLookAgain));
      }
    };
    run(until_);
    if (stopped_) return asio::error::operation_aborted;  // nothing runs any more, its handler neither
    if (result != asio::error::would_block) return result;
    // Its handler must not outlive this call.
    resolver_.cancel();
    if (stream_ != nullptr) beast::get_lowest_layer(*stream_).close();
    run(std::chrono::steady_clock::time_point::max());
    return stopped_ ? Failed(asio::error::operation_aborted) : Failed(asio::error::timed_out);
  }

  Failed connect() {
    asio::ip::tcp::resolver::results_type addresses;
    Failed failed = wait_for([&](auto done) {
      resolver_.async_resolve(url_.host, url_.port, [&addresses, done](Failed f, const auto& found) mutable {
        addresses = found;
        done(f);
      });
    });
    if (failed) return failed;
    stream_ = std::make_unique<Stream>(context_of_io_, context_);
    failed = wait_for([&](auto done) { beast::get_lowest_layer(*stream_).async_connect(addresses, done); });
    if (failed || !url_.is_tls) return failed;
    // Servers of many names want to know which; a number is none. (OpenSSL's own function for it is a macro.)
    Failed is_a_name;
    asio::ip::make_address(url_.host, is_a_name);
    if (is_a_name)
      ::SSL_ctrl(stream_->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                 const_cast<char*>(url_.host.c_str()));
    return wait_for([&](auto done) { stream_->async_handshake(asio::ssl::stream_base::client, done); });
  }

  template <class Message>
  Failed send(Message& message) {
    return wait_for([&](auto done) {
      if (url_.is_tls) {
        http::async_write(*stream_, message, done);
      } else {
        http::async_write(stream_->next_layer(), message, done);
      }
    });
  }
  template <class Parser>
  Failed receive_head(Parser& parser) {
    return wait_for([&](auto done) {
      if (url_.is_tls) {
        http::async_read_header(*stream_, buffer_, parser, done);
      } else {
        http::async_read_header(stream_->next_layer(), buffer_, parser, done);
      }
    });
  }
  template <class Parser>
  Failed receive_rest(Parser& parser) {
    return wait_for([&](auto done) {
      if (url_.is_tls) {
        http::async_read(*stream_, buffer_, parser, done);
      } else {
        http::async_read(stream_->next_layer(), buffer_, parser, done);
      }
    });
  }

  PostAnswer no_answer(const char* what, const Failed& failed) {
    stream_.reset();
    const std::string why = failed == asio::error::timed_out
                                ? fmt::format("it took more than {} ms", config_.timeout.us / 1000)
                                : failed.message();
    return {0, {}, fmt::format("{} {}: {}", what, url_.authority, why)};
  }

  PostAnswer attempt(const Posting& posting, const std::string& token) {
    if (stream_ == nullptr) {
      buffer_.clear();
      if (const Failed failed = connect(); failed) return no_answer("cannot connect to", failed);
    }
    http::request<http::string_body> request(http::verb::post, url_.target, 11);
    request.set(http::field::host, url_.authority);
    request.set(http::field::user_agent, "tocsin");
    request.set(http::field::content_type, "application/json");
    if (!posting.key.empty()) request.set("Idempotency-Key", posting.key);
    if (!token.empty()) request.set(http::field::authorization, "Bearer " + token);
    request.body() = posting.body;
    request.prepare_payload();
    // Who refuses early may answer and close while this is still being sent; the answer counts.
    const Failed sent = send(request);
    http::response_parser<http::string_body> parser;
    parser.header_limit(kHeadMax);
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());  // what is too long is not read at all
    if (sent == asio::error::timed_out || sent == asio::error::operation_aborted)
      return no_answer("cannot send to", sent);
    if (const Failed failed = receive_head(parser); failed) return no_answer("no answer from", failed);
    PostAnswer answer;
    answer.status = static_cast<int>(parser.get().result_int());
    // The reason is the receiver's, and goes to a terminal: no more of it than is printable.
    std::string reason(parser.get().reason());
    std::erase_if(reason, [](unsigned char c) { return c < ' ' || c >= 0x7F; });
    answer.words = fmt::format("{} answers {} {}", url_.authority, answer.status, reason.substr(0, 100));
    answer.retry_after = retry_after(std::string_view(parser.get()[http::field::retry_after]));
    const auto length = parser.content_length();
    bool is_over = parser.is_done();
    if (!is_over && !sent && length && *length <= kBodyMax) is_over = !receive_rest(parser);
    if (sent || !is_over || !parser.get().keep_alive()) stream_.reset();
    return answer;
  }

  const HttpPosterConfig config_;
  const Url url_;
  std::atomic<bool> stopped_{false};
  asio::io_context context_of_io_{1};
  asio::ssl::context context_{asio::ssl::context::tls_client};
  asio::ip::tcp::resolver resolver_{context_of_io_};
  std::unique_ptr<Stream> stream_;
  beast::flat_buffer buffer_;
  std::chrono::steady_clock::time_point until_;
};

}  // namespace

Result<std::unique_ptr<Poster>> http_poster(const HttpPosterConfig& config) {
  return parse_url(config.url).and_then([&](Url url) -> Result<std::unique_ptr<Poster>> {
    auto poster = std::make_unique<HttpPoster>(config, std::move(url));
    if (auto trusted = poster->trust(); !trusted) return tl::unexpected(trusted.error());
    return poster;
  });
}

}  // namespace tocsin
