// If one of these fails, records over sockets are lost, torn or mixed, or a client can harm others or the engine.
#include "adapters/stream/source.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <vector>

using namespace tocsin;

namespace {

class HandClock final : public Clock {
 public:
  Time now() const override { return Time{7}; }
  Duration elapsed() const override { return at; }
  Duration at{};
};

struct Listening {
  explicit Listening(StreamSourceConfig config = {}) {
    if (config.path.empty()) config.listen = "127.0.0.1:0";
    source = open_stream_source(config, SourceId(0), clock, listen_to(), listen_to()).value();
    REQUIRE(source->start({}));
    if (config.path.empty())
      port = static_cast<std::uint16_t>(std::stoi(told.front().substr(told.front().rfind(':') + 1)));
  }
  Tell listen_to() {
    return [this](const std::string& text) { told.push_back(text); };
  }
  // Lines; `...` behind what was cut. Each block begins where the one before ended. Looks once.
  bool look(std::string& out) {
    Block block;
    if (source->poll(block, milliseconds(1)).value() != Polled::block) return false;
    CHECK(block.first_offset == next);
    CHECK(block.arrived == Time{7});
    next = block.next_offset;
    out += block.bytes.view();
    if (block.cut) out += "...";
    return true;
  }
  // What is there until it looks in vain so often: for what need not have come, or is not to come.
  std::string read(int tries = 20) {
    std::string out;
    for (int silent = 0; silent < tries;) silent = look(out) ? 0 : silent + 1;
    return out;
  }
  // All until it is enough, however long that takes (up to a minute), and what comes at once behind it.
  std::string read_until(const std::function<bool(const std::string&)>& is_enough) {
    std::string out;
    const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
    while (!is_enough(out) && std::chrono::steady_clock::now() < until) look(out);
    return out + read(2);
  }
  std::string read_to(std::size_t size) {
    return read_until([&](const std::string& got) { return got.size() >= size; });
  }
  bool gives(const std::string& text) {
    const std::string got = read_to(text.size());
    CHECK(got == text);
    return got == text;
  }
  HandClock clock;
  std::vector<std::string> told;
  std::unique_ptr<Source> source;
  std::uint16_t port = 0;
  std::uint64_t next = 1;
};

struct Client {
  explicit Client(std::uint16_t port) : number(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::fcntl(number, F_SETFL, O_NONBLOCK);
  }
  explicit Client(const std::string& path) : number(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::connect(number, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  Client(Client&& other) noexcept : number(std::exchange(other.number, -1)) {}
  Client& operator=(Client&&) = delete;
  ~Client() { close(); }
  void close() {
    if (number >= 0) ::close(std::exchange(number, -1));
  }
  // How much the system took.
  std::size_t send(std::string_view text) const {
    const ssize_t sent = ::send(number, text.data(), text.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<std::size_t>(sent);
  }
  bool was_closed() const {
    char byte;
    return ::recv(number, &byte, 1, 0) == 0;
  }
  int number;
};

}  // namespace

TEST_CASE("stream: lines of many connections, each whole, numbered as they come; the last may lack its line break") {
  Listening listening;
  Client a(listening.port), b(listening.port);
  a.send("a1\na");
  CHECK(listening.gives("a1\n"));
  b.send("b1\n");
  CHECK(listening.gives("b1\n"));
  a.send("2\na3\n");
  CHECK(listening.gives("a2\na3\n"));
  b.send("b2");
  b.close();
  CHECK(listening.gives("b2\n"));
  CHECK(listening.next == 6);
  CHECK_FALSE(listening.source->can_go_back());
}

TEST_CASE("stream: numbers go on after a restart") {
  const HandClock clock;
  std::string told;
  const auto source =
      open_stream_source({.listen = "127.0.0.1:0"}, SourceId(0), clock, tell_nobody, [&](const std::string& text) {
        told = text;
      }).value();
  const Progress from{0, 100};
  REQUIRE(source->start({&from, 1}));
  const Client client(static_cast<std::uint16_t>(std::stoi(told.substr(told.rfind(':') + 1))));
  client.send("x\ny\n");
  Block block;
  std::uint64_t next = 0;
  for (int i = 0; i < 60'000 && next != 102; ++i) {  // in one block, or in two
    block.clear();
    if (source->poll(block, milliseconds(1)).value() != Polled::block) continue;
    CHECK(block.first_offset == (next == 0 ? 100 : next));
    next = block.next_offset;
  }
  CHECK(next == 102);
}

TEST_CASE("stream: a line that is too long is given cut, once, and the next one whole") {
  Listening listening({.line_max = 100'000});
  const Client client(listening.port);
  std::string out;
  std::size_t sent = 0;
  while (sent < 20'000'000) {
    sent += client.send(std::string(100'000, 'x'));
    out += listening.read(1);
  }
  out += listening.read_until([&](const std::string& got) { return (out + got).ends_with("..."); });
  CHECK(out.size() > 100'000);
  CHECK(out.size() < 200'000);
  CHECK(out.ends_with("..."));
  out.clear();
  for (std::string_view rest = "\nnext\n"; !rest.empty(); out += listening.read(1))
    rest.remove_prefix(client.send(rest));
  out += listening.read_until([&](const std::string& got) { return (out + got).size() >= 5; });
  CHECK(out == "next\n");
  CHECK(listening.next == 3);
}

TEST_CASE("stream: lines that nobody finishes share out what there is; the longest gives way, and others go on") {
  Listening listening({.unfinished_max = 200'000});
  std::vector<Client> clients;
  std::string out;
  for (int i = 0; i < 20; ++i) {
    clients.emplace_back(listening.port);
    std::string begun(20'000, 'x');
    for (std::string_view rest = begun; !rest.empty(); out += listening.read(2))
      rest.remove_prefix(clients.back().send(rest));
  }
  const auto cut = [](const std::string& text) {
    std::size_t n = 0;
    for (std::size_t at = text.find("..."); at != std::string::npos; at = text.find("...", at + 1)) ++n;
    return n;
  };
  out += listening.read_until([&](const std::string& got) { return cut(out + got) >= 10; });
  out += listening.read();
  CHECK(cut(out) >= 10);
  CHECK(cut(out) <= 12);
  const Client honest(listening.port);
  honest.send("whole\n");
  CHECK(listening.read_until([](const std::string& got) { return got.ends_with("whole\n"); }) == "whole\n");
}

TEST_CASE("stream: when all connections are taken, others wait; who has been silent longest makes room, in the end") {
  Listening listening({.connections_max = 2});
  const Client a(listening.port);
  a.send("a\n");
  CHECK(listening.gives("a\n"));
  listening.clock.at = seconds(10);
  const Client b(listening.port);
  b.send("b\n");
  CHECK(listening.gives("b\n"));
  const Client c(listening.port);
  c.send("c\n");
  CHECK(listening.read().empty());
  CHECK(listening.read_until([&](const std::string&) { return !listening.source->trouble().empty(); }).empty());
  CHECK(listening.source->trouble().find("all 2 connections are taken") != std::string::npos);
  listening.clock.at = seconds(35);
  CHECK(listening.gives("c\n"));
  CHECK(a.was_closed());
  b.send("b again\n");
  CHECK(listening.gives("b again\n"));
  CHECK(listening.told.size() == 2);
}

TEST_CASE("stream: who is not read waits; nothing of it is lost") {
  Listening listening;
  const Client client(listening.port);
  std::string sent;
  for (int i = 0;; ++i) {
    const std::string line = std::to_string(i) + std::string(1000, 'x') + "\n";
    const std::size_t taken = client.send(line);
    sent += line.substr(0, taken);
    if (taken < line.size()) break;
    REQUIRE(i < 100'000);
  }
  CHECK(listening.gives(sent.substr(0, sent.rfind('\n') + 1)));
  listening.source->pause(0);
  client.send("\npaused\n");
  CHECK(listening.read().empty());
  listening.source->resume(0);
  CHECK(listening.read_until([](const std::string& got) { return got.ends_with("paused\n"); }).ends_with("paused\n"));
}

TEST_CASE("stream: hundreds of connections that come, send, stop within a line or say nothing at all") {
  Listening listening;
  std::size_t expected = 0, got = 0;
  std::vector<Client> clients;
  const auto count = [&] {
    const std::string text = listening.read(3);
    got += static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
    return got;
  };
  for (int i = 0; i < 400; ++i) {
    clients.emplace_back(listening.port);
    if (i % 4 == 0) expected += clients.back().send("one\ntwo\n") / 4;
    if (i % 4 == 1) clients.back().send("half a li");
    if (i % 4 == 2) {
      clients.back().send("rest");
      linger hard{1, 0};  // a reset, not an end
      ::setsockopt(clients.back().number, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      clients.back().close();
    }
    if (i % 50 == 0) count();
  }
  for (int i = 0; i < 10'000 && got < expected; ++i) count();
  count();
  CHECK(got == expected);
}

TEST_CASE("stream: a Unix socket, for user and group; what a dead process left is replaced, what lives is not") {
  const auto path = (std::filesystem::temp_directory_path() / ("tocsin_" + std::to_string(::getpid()))).string();
  std::filesystem::remove(path);
  const HandClock clock;
  {
    Listening listening({.path = path});
    struct stat status;
    REQUIRE(::stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0007) == 0);
    const Client client(path);
    client.send("over it\n");
    CHECK(listening.gives("over it\n"));
    CHECK(open_stream_source({.path = path}, SourceId(0), clock).error().message.find("another process listens") !=
          std::string::npos);
  }
  CHECK_FALSE(std::filesystem::exists(path));
  const int left = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  ::close(left);
  CHECK(open_stream_source({.path = path}, SourceId(0), clock));
  std::ofstream(path) << "a file";
  CHECK(open_stream_source({.path = path}, SourceId(0), clock).error().message.find("which is no socket") !=
        std::string::npos);
  std::filesystem::remove(path);
}

TEST_CASE("stream: addresses that are none, or taken, say so") {
  const HandClock clock;
  const auto complaint = [&](const std::string& listen) {
    return open_stream_source({.listen = listen}, SourceId(0), clock).error().message;
  };
  CHECK(complaint("9000") == "`9000` is no HOST:PORT");
  CHECK(complaint("127.0.0.1:http-or-so").find("cannot listen on 127.0.0.1:http-or-so") == 0);
  const Listening listening;
  CHECK(complaint("127.0.0.1:" + std::to_string(listening.port)).find("Address already in use") != std::string::npos);
}
