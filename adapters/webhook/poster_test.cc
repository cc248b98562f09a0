// If one of these fails, a receiver that is slow, broken or hostile stops or misleads the sender, or an alert goes to
// whoever answers first.
#include "adapters/webhook/poster.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

using namespace tocsin;

namespace {

constexpr Duration kSoon = milliseconds(300);

// Reads one request: all up to the length that its head says.
std::string read_request(const std::function<ssize_t(char*, std::size_t)>& read) {
  std::string text;
  char bytes[4096];
  for (;;) {
    if (const std::size_t head = text.find("\r\n\r\n"); head != std::string::npos) {
      const std::size_t at = text.find("Content-Length: ");
      const std::size_t length = at == std::string::npos ? 0 : std::stoul(text.substr(at + 16));
      if (text.size() >= head + 4 + length) return text;
    }
    const ssize_t got = read(bytes, sizeof bytes);
    if (got <= 0) return text;
    text.append(bytes, static_cast<std::size_t>(got));
  }
}

// One behaviour for each connection, in their order; then nobody listens any more.
class Server {
 public:
  using Behaviour = std::function<void(Server&, int)>;
  explicit Server(std::vector<Behaviour> behaviours) : listener_(::socket(AF_INET, SOCK_STREAM, 0)) {
    (void)std::signal(SIGPIPE, SIG_IGN);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const bytes = reinterpret_cast<sockaddr*>(&address);
    REQUIRE(::bind(listener_, bytes, size) == 0);
    REQUIRE(::listen(listener_, 8) == 0);
    REQUIRE(::getsockname(listener_, bytes, &size) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this, behaviours = std::move(behaviours)] {
      for (const Behaviour& behaviour : behaviours) {
        const int connection = ::accept(listener_, nullptr, nullptr);
        if (connection < 0) return;
        behaviour(*this, connection);
        ::close(connection);
      }
      ::shutdown(listener_, SHUT_RDWR);
    });
  }
  ~Server() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  std::string url(const std::string& scheme = "http", const std::string& host = "127.0.0.1") const {
    return scheme + "://" + host + ":" + std::to_string(port_) + "/hook?x=1";
  }
  void keep(const std::string& request) {
    const std::scoped_lock lock(mutex_);
    requests_.push_back(request);
  }
  std::vector<std::string> requests() const {
    const std::scoped_lock lock(mutex_);
    return requests_;
  }

 private:
  int listener_;
  std::uint16_t port_ = 0;
  std::thread thread_;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
};

void say(int connection, std::string_view text) { (void)::send(connection, text.data(), text.size(), MSG_NOSIGNAL); }
void take(Server& server, int connection) {
  server.keep(read_request([&](char* to, std::size_t room) { return ::recv(connection, to, room, 0); }));
}
// Takes requests and answers each.
Server::Behaviour answers(const std::vector<std::string>& texts) {
  return [texts](Server& server, int connection) {
    for (const std::string& text : texts) {
      take(server, connection);
      say(connection, text);
    }
  };
}
// Until the other side has gone.
void wait_for_end(int connection) {
  char bytes[4096];
  while (::recv(connection, bytes, sizeof bytes, 0) > 0) {
  }
}

const std::string kFine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::unique_ptr<Poster> poster_to(const std::string& url, Duration timeout = minutes(1)) {
  return http_poster({.url = url, .timeout = timeout}).value();
}

}  // namespace

TEST_CASE("poster: what is sent, and one connection for many requests") {
  Server server({answers({kFine, "HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n", kFine})});
  int asked = 0;
  const auto poster = http_poster({.url = server.url(),
                                   .token = [&]() -> Result<std::string> { return "secret" + std::to_string(++asked); },
                                   .timeout = minutes(1)})
                          .value();
  CHECK(poster->post({R"({"a":1})", "id-1"}).status == 200);
  const PostAnswer busy = poster->post({"{}", "id-2"});
  CHECK(busy.status == 503);
  CHECK(busy.retry_after == seconds(7));
  CHECK(busy.words.find(" answers 503 Busy") != std::string::npos);
  CHECK(poster->post({"{}", "id-3"}).status == 200);
  const auto requests = server.requests();
  REQUIRE(requests.size() == 3);
  for (const char* part : {"POST /hook?x=1 HTTP/1.1\r\n", "Host: 127.0.0.1:", "Content-Type: application/json\r\n",
                           "Idempotency-Key: id-1\r\n", "Authorization: Bearer secret1\r\n", "\r\n\r\n{\"a\":1}"})
    CHECK(requests[0].find(part) != std::string::npos);
  CHECK(requests[1].find("Bearer secret2") != std::string::npos);
}

TEST_CASE("poster: a connection that was closed meanwhile is opened again") {
  Server server({answers({kFine}), answers({kFine})});
  const auto poster = poster_to(server.url());
  CHECK(poster->post({"1", ""}).status == 200);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  CHECK(poster->post({"2", ""}).status == 200);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("poster: who never answers, trickles or stops in the middle is waited for no longer than was said") {
  const std::vector<Server::Behaviour> behaviours{
      [](Server&, int connection) { wait_for_end(connection); },
      [](Server& server, int connection) {
        take(server, connection);
        wait_for_end(connection);
      },
      [](Server& server, int connection) {
        take(server, connection);
        say(connection, "HTTP/1.1 200 O");
        wait_for_end(connection);
      },
      [](Server& server, int connection) {
        take(server, connection);
        const std::string begun = "HTTP/1.1 200 OK\r\nX: ";
        for (std::size_t i = 0;; ++i) {
          if (::send(connection, i < begun.size() ? &begun[i] : "x", 1, MSG_NOSIGNAL) < 0) return;
          std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
      }};
  for (const Server::Behaviour& behaviour : behaviours) {
    Server server({behaviour});
    const auto poster = poster_to(server.url(), kSoon);
    const auto begin = std::chrono::steady_clock::now();
    const PostAnswer answer = poster->post({"{}", "id"});
    CHECK(std::chrono::steady_clock::now() - begin < std::chrono::minutes(1));
    CHECK(answer.status == 0);
    CHECK(answer.words.find("it took more than 300 ms") != std::string::npos);
  }
}

TEST_CASE("poster: what is cut, rubbish or without end is no answer, and no harm") {
  const std::string endless(std::size_t{1} << 20, 'x');
  const std::vector<std::string> rubbish{"",
                                         "\r\n\r\n\r\n",
                                         "SSH-2.0-OpenSSH\r\n",
                                         "HTTP/1.1 2",
                                         "HTTP/9.9 200 OK\r\n\r\n",
                                         "HTTP/1.1 200 OK\r\nX: " + endless,
                                         std::string(300, '\0')};
  for (const std::string& text : rubbish) {
    CAPTURE(text.substr(0, 40));
    Server server({answers({text})});
    const PostAnswer answer = poster_to(server.url())->post({"{}", "id"});
    CHECK(answer.status == 0);
    CHECK_FALSE(answer.words.empty());
  }
  // The head has said it; nobody needs the rest.
  Server server({answers({"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n" + endless}), answers({kFine})});
  const auto poster = poster_to(server.url());
  CHECK(poster->post({"{}", "id"}).status == 200);
  CHECK(poster->post({"{}", "id"}).status == 200);
}

TEST_CASE("poster: nobody listens, or no such name, is said") {
  // Bound, so that nobody else takes the port meanwhile.
  const int nobody = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(nobody, reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::getsockname(nobody, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  const std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/hook";
  const PostAnswer answer = poster_to(url)->post({"{}", "id"});
  CHECK(answer.status == 0);
  CHECK(answer.words.find("cannot connect to 127.0.0.1:") == 0);
  CHECK(answer.words.find("refused") != std::string::npos);
  CHECK_FALSE(http_poster({.url = "gopher://h/"}));
  const auto poster = http_poster({.url = url,
                                   .token = []() -> Result<std::string> {
                                     return failure(Error::Code::unreadable, "no such file: /run/token");
                                   }})
                          .value();
  CHECK(poster->post({"{}", "id"}).words == "no such file: /run/token");
  ::close(nobody);
}

TEST_CASE("poster: stopped from another thread, it gives up at once") {
  Server server({[](Server&, int connection) { wait_for_end(connection); }});
  const auto poster = poster_to(server.url(), minutes(10));
  std::thread other([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    poster->stop();
  });
  const auto begin = std::chrono::steady_clock::now();
  CHECK(poster->post({"{}", "id"}).status == 0);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::minutes(1));
  other.join();
}

namespace {

// A key and a certificate for a name, signed by itself; in a file, as an authority.
class Identity {
 public:
  explicit Identity(const std::string& name)
      : key_(::EVP_EC_gen("P-256")),
        file_((std::filesystem::temp_directory_path() / ("tocsin_ca_" + std::to_string(::getpid()) + name)).string()) {
    ::X509_set_version(certificate_, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate_), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate_), -60);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate_), 3600);
    ::X509_set_pubkey(certificate_, key_);
    X509_NAME* const subject = ::X509_get_subject_name(certificate_);
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1,
                                 -1, 0);
    ::X509_set_issuer_name(certificate_, subject);
    X509_EXTENSION* const names =
        ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    ::X509_add_ext(certificate_, names, -1);
    ::X509_EXTENSION_free(names);
    ::X509_sign(certificate_, key_, ::EVP_sha256());
    std::FILE* const out = std::fopen(file_.c_str(), "w");
    ::PEM_write_X509(out, certificate_);
    (void)std::fclose(out);
  }
  ~Identity() {
    ::X509_free(certificate_);
    ::EVP_PKEY_free(key_);
    std::filesystem::remove(file_);
  }
  Identity(const Identity&) = delete;
  Identity& operator=(const Identity&) = delete;
  const std::string& file() const { return file_; }

  // Answers one request over TLS.
  Server::Behaviour answers(const std::string& text) const {
    return [this, text](Server& server, int connection) {
      SSL_CTX* const context = ::SSL_CTX_new(::TLS_server_method());
      ::SSL_CTX_use_certificate(context, certificate_);
      ::SSL_CTX_use_PrivateKey(context, key_);
      SSL* const tls = ::SSL_new(context);
      ::SSL_set_fd(tls, connection);
      if (::SSL_accept(tls) == 1) {
        server.keep(read_request([&](char* to, std::size_t room) {
          return static_cast<ssize_t>(::SSL_read(tls, to, static_cast<int>(room)));
        }));
        ::SSL_write(tls, text.data(), static_cast<int>(text.size()));
      }
      ::SSL_free(tls);
      ::SSL_CTX_free(context);
    };
  }

 private:
  EVP_PKEY* key_;
  X509* certificate_ = ::X509_new();
  std::string file_;
};

PostAnswer post_to(const std::string& url, const std::string& ca_file) {
  return http_poster({.url = url, .timeout = minutes(1), .ca_file = ca_file}).value()->post({"{}", "id"});
}

}  // namespace

TEST_CASE("poster: TLS; nothing is sent to who cannot show a certificate for the name from an authority") {
  const Identity local("localhost"), other("other.example");
  {
    Server server({local.answers(kFine)});
    CHECK(post_to(server.url("https", "localhost"), local.file()).status == 200);
    CHECK(server.requests().size() == 1);
  }
  {
    Server server({other.answers(kFine), local.answers(kFine)});
    const PostAnswer wrong_name = post_to(server.url("https", "localhost"), other.file());
    CHECK(wrong_name.status == 0);
    CHECK(wrong_name.words.find("certificate verify failed") != std::string::npos);
    CHECK(post_to(server.url("https", "localhost"), "").status == 0);  // of no authority that the system knows
    for (const std::string& request : server.requests()) CHECK(request.empty());
  }
  Server plain({[](Server&, int connection) {  // who reads would wait for the end of a head
    say(connection, kFine);
    wait_for_end(connection);
  }});
  CHECK(post_to(plain.url("https"), other.file()).status == 0);
  CHECK_FALSE(http_poster({.url = "https://h/", .ca_file = "/nowhere"}));
}
