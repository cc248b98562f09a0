// Were this wrong, whoever reaches the port could change rules, or a slow client could keep everybody else from health,
// status and reload.
#include "app/control/server.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "app/control/client.h"
#include "app/control/metrics.h"
#include "app/control/routes.h"
#include "app/testing.h"

namespace tocsin::app {
namespace {

using Json = nlohmann::json;

constexpr const char* kToken = "0123456789abcdef0123456789abcdef";

class FakeDesk : public Desk {
 public:
  Health healthy() const override { return {sick}; }
  Health ready() const override { return {"state is being loaded"}; }
  DaemonStatus status() const override {
    DaemonStatus out;
    out.version = "1";
    out.stage = "running";
    out.ready = ready();
    out.sources = {{.name = "logins", .kind = "file", .records = 12}};
    out.sinks = {{.name = "alerts", .kind = "file", .delivered = 3, .problem = "disk full"}};
    out.checkpoint.emplace();
    out.checkpoint->bytes = 2048;
    return out;
  }
  std::vector<RuleStatus> rules() const override {
    return {{.name = "brute_force", .severity = "high", .alerts = 3}, {.name = "odd/näme", .enabled = false}};
  }
  std::vector<ShardStatus> shards() const override { return {{.number = 0, .busy = 0.5}}; }
  std::vector<CheckpointNote> checkpoints() const override {
    std::vector<CheckpointNote> notes(1);
    notes.front().failure = "no space";
    return notes;
  }
  std::vector<SavepointStatus> savepoints() const override { return {{.name = "s1", .bytes = 2048}}; }
  std::vector<KeptAlert> alerts(const AlertsAsked& asked) const override {
    return {{.id = "aa",
             .rule = asked.rule,
             .document = "{\"text\":\"x\\u001b[31m\",\"most\":" + std::to_string(asked.most) + "}",
             .deliveries = {{"alerts", "delivered"}}}};
  }
  std::vector<ProblemStatus> problems() const override { return {{.where = "sink.alerts", .what = "disk \"full\""}}; }
  std::string config() const override { return "{\"schema\":\"tocsin/config/1\"}"; }
  std::string metrics() const override {
    return metrics_text({.status = status(), .rules = rules(), .shards = shards(), .checkpoints = checkpoints()});
  }

  void reload(const ReloadAsked& asked, Reply reply) override {
    const std::scoped_lock lock(mutex);
    reloads.push_back(asked);
    if (hold) return void(held = std::move(reply));
    if (drop) return;
    reply({asked.require_state_kept ? 422u : 200u, "{\"text\":\"rules: 2 kept\\n\"}"});
  }
  void savepoint(const SavepointAsked& asked, Reply reply) override {
    // As a daemon does: later, from another thread.
    late.emplace_back([asked, reply = std::move(reply)] {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      reply({202, "{\"name\":\"" + asked.name + "\"}"});
    });
  }
  void delete_savepoint(const std::string& name, Reply reply) override {
    reply({name == "s1" ? 200u : 404u, "{\"text\":\"" + name + "\"}"});
  }
  void enable(const std::string& rule, bool enabled, Reply reply) override {
    reply({200, Json{{"rule", rule}, {"enabled", enabled}}.dump()});
  }
  // Samples without end, as `where` says how large.
  struct Samples : LongAnswer {
    explicit Samples(TapAsked what) : asked(std::move(what)) {}
    bool take(std::string& out) override {
      if (asked.where == "large") return out.append(100'000, 'x'), true;
      if (asked.where == "quiet") return true;
      out +=
          "{\"event\":\"login\",\"time\":\"2026-03-01T14:00:00.000000Z\",\"key\":{\"user\":\"a "
          "b\"},\"fields\":{\"n\":" +
          std::to_string(++shown) + ",\"note\":\"x\\u001b[31m\",\"of\":null}}\n";
      const bool ends = asked.most == shown;
      out += "{\"tap\":{\"shown\":" + std::to_string(shown) +
             ",\"matched\":4211,\"skipped_by_rate\":4111,\"lost\":0,\"not_looked_at\":7" +
             (shown == 1 ? ",\"note\":\"the rules have changed\"" : "") + (ends ? ",\"ended\":\"limit\"" : "") + "}}\n";
      return !ends;
    }
    TapAsked asked;
    std::uint64_t shown = 0;
  };
  void tap(const TapAsked& asked, Reply reply) override {
    const std::scoped_lock lock(mutex);
    taps.push_back(asked);
    if (asked.name == "none") return reply({422, "{\"error\":\"there is no `none`\",\"help\":\"try `some`\"}"});
    auto samples = std::make_shared<Samples>(asked);
    looking = samples;
    reply({200, {}, std::move(samples)});
  }
  void quit() override { ++quits; }
  ~FakeDesk() override {
    for (std::thread& thread : late) thread.join();
  }

  std::string sick;
  std::mutex mutex;
  std::vector<ReloadAsked> reloads;
  std::vector<TapAsked> taps;
  std::weak_ptr<LongAnswer> looking;
  bool hold = false, drop = false;
  Reply held;
  std::vector<std::thread> late;
  std::atomic<int> quits{0};
};

// A server over a desk, with both its addresses.
struct Daemon {
  Folder folder;
  FakeDesk desk;
  ControlOptions options;
  std::unique_ptr<ControlServer> server;

  explicit Daemon(const std::function<void(ControlOptions&)>& change = {}) {
    options.listen = "127.0.0.1:0";
    options.socket = folder.path() + "/t.sock";
    options.access.token = kToken;
    options.late = milliseconds(1);
    if (change) change(options);
    auto started = ControlServer::start(options, desk);
    REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().message));
    server = std::move(*started);
  }
  std::string tcp() const { return fmt::format("http://127.0.0.1:{}", server->port()); }
  std::string local() const { return "unix:" + options.socket; }
  HttpAnswer ask(const std::string& address, std::string_view method, const std::string& target,
                 const std::string& body = {}, const std::string& token = {}) const {
    const auto answer =
        ask_http(*parse_daemon_address(address), {.method = method, .target = target, .body = body, .token = token});
    REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().message));
    return *answer;
  }
};

// Bytes as they are, to the port; what comes back until the other side closes, or `wait` is over.
class Raw {
 public:
  explicit Raw(const Daemon& daemon) : file_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(daemon.server->port());
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(file_, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  }
  ~Raw() { ::close(file_); }
  Raw(const Raw&) = delete;
  Raw& operator=(const Raw&) = delete;
  void send(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t sent = ::send(file_, text.data(), text.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
  }
  void half_close() const { ::shutdown(file_, SHUT_WR); }
  // Whether the other side has closed.
  bool receive(std::string& out, int wait_ms = 5'000) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    char piece[4096];
    while (true) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      pollfd ready{file_, POLLIN, 0};
      if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) <= 0) return false;
      const ssize_t got = recv(file_, piece, sizeof piece, 0);
      if (got <= 0) return true;
      out.append(piece, static_cast<std::size_t>(got));
    }
  }
  std::string talk(std::string_view text) const {
    send(text);
    std::string out;
    receive(out);
    return out;
  }

 private:
  int file_;
};

std::string request(std::string_view line, std::string_view headers = {}, std::string_view body = {}) {
  return fmt::format("{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n{}", line, headers, body);
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST_CASE("every route answers, with a document of its schema") {
  const Daemon daemon;
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").body == "ok\n");
  const HttpAnswer ready = daemon.ask(daemon.tcp(), "GET", "/-/ready");
  CHECK(ready.status == 503);
  CHECK(ready.body == "state is being loaded\n");
  for (const char* name : {"status", "rules", "shards", "checkpoints", "savepoints", "alerts", "problems", "config"}) {
    CAPTURE(name);
    for (const std::string& address : {daemon.tcp(), daemon.local()}) {
      const HttpAnswer answer = daemon.ask(address, "GET", fmt::format("/api/v1/{}", name));
      CHECK(answer.status == 200);
      CHECK(Json::parse(answer.body)["schema"] == fmt::format("tocsin/{}/1", name));
    }
  }
  const Json alert =
      Json::parse(daemon.ask(daemon.tcp(), "GET", "/api/v1/alerts?rule=a%20b&limit=7").body)["alerts"][0];
  CHECK(alert["rule"] == "a b");
  CHECK(alert["alert"]["most"] == 7);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/alerts?limit=0").status == 400);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/alerts?limit=%zz").status == 400);
  CHECK(Json::parse(daemon.ask(daemon.tcp(), "GET", "/api/v1/rules/odd%2Fn%C3%A4me").body)["rules"].size() == 1);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/rules/none").status == 404);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/nothing").status == 404);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/").status == 404);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/api/v1/status").status == 405);
}

TEST_CASE("changes: by the Unix socket, or by the token; not otherwise") {
  Daemon daemon;
  CHECK(daemon.ask(daemon.local(), "POST", "/-/reload").status == 200);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/-/reload").status == 401);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/-/reload", {}, std::string(kToken) + "x").status == 401);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/-/reload", {}, std::string(kToken).substr(1)).status == 401);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/-/reload", {}, kToken).status == 200);
  CHECK(daemon.desk.reloads.size() == 2);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/-/quit").status == 401);
  CHECK(daemon.desk.quits == 0);
  CHECK(daemon.ask(daemon.local(), "PUT", "/-/quit").status == 202);
  CHECK(daemon.desk.quits == 1);
  CHECK(daemon.ask(daemon.local(), "POST", "/api/v1/reload", "{\"dry_run\":true,\"rebuild\":[\"a\"]}").status == 200);
  CHECK(daemon.desk.reloads.back().dry_run);
  CHECK(daemon.desk.reloads.back().rebuild == std::vector<std::string>{"a"});
  CHECK(daemon.ask(daemon.local(), "POST", "/api/v1/reload", "{\"require_state_kept\":true}").status == 422);
  CHECK(daemon.ask(daemon.local(), "POST", "/api/v1/savepoints", "{\"name\":\"a.b\"}").body == "{\"name\":\"a.b\"}");
  CHECK(daemon.ask(daemon.local(), "DELETE", "/api/v1/savepoints/s1").status == 200);
  CHECK(Json::parse(daemon.ask(daemon.local(), "POST", "/api/v1/rules/a%2fb/disable").body) ==
        Json{{"rule", "a/b"}, {"enabled", false}});

  const Daemon open([](ControlOptions& options) { options.access.token.clear(); });
  CHECK(open.ask(open.tcp(), "POST", "/-/quit", {}, kToken).status == 403);
  CHECK(open.ask(open.tcp(), "GET", "/metrics").status == 200);
}

TEST_CASE("bodies that mean nothing are refused") {
  Daemon daemon;
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "{\"rebuild\":";
  for (const std::string& body :
       {std::string("{"), std::string("[]"), std::string("{\"dry_rn\":true}"), std::string("{\"dry_run\":1}"),
        std::string("{\"dry_run\":true,\"dry_run\":false}"), std::string("{\"rebuild\":[1]}"), deep,
        std::string("{\"dry_run\":\"\xff\"}"), std::string(2 << 20, ' ')}) {
    CAPTURE(body.substr(0, 40));
    CHECK(daemon.ask(daemon.local(), "POST", "/api/v1/reload", body).status == 400);
  }
  CHECK(daemon.desk.reloads.empty());
  for (const char* name : {"../x", ".hidden", "a/b", "a b"})
    CHECK(daemon.ask(daemon.local(), "POST", "/api/v1/savepoints", Json{{"name", name}}.dump()).status == 400);
  CHECK(contains(
      Raw(daemon).talk(request(
          "POST /api/v1/reload",
          fmt::format("Authorization: Bearer {}\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n", kToken), "{}")),
      " 415 "));
}

TEST_CASE("hosts and origins: no page and no borrowed name gets in") {
  const Daemon daemon([](ControlOptions& options) { options.access.hosts = {"tocsin.example"}; });
  const auto status = [&](const std::string& headers) {
    return Raw(daemon).talk("GET /api/v1/status HTTP/1.1\r\nConnection: close\r\n" + headers + "\r\n").substr(9, 3);
  };
  for (const char* host :
       {"localhost", "LOCALHOST:8470", "127.0.0.1:1", "[::1]:8470", "10.0.0.7:8470", "tocsin.example"}) {
    CAPTURE(host);
    CHECK(status(fmt::format("Host: {}\r\n", host)) == "200");
  }
  for (const char* host :
       {"evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "", "[::1", "a@localhost"}) {
    CAPTURE(host);
    CHECK(status(fmt::format("Host: {}\r\n", host)) == "421");
  }
  CHECK(status("") == "400");
  CHECK(status("Host: localhost\r\nHost: localhost\r\n") == "400");
  CHECK(status("Host: localhost:8470\r\nOrigin: http://localhost:8470\r\n") == "200");
  for (const char* origin : {"http://evil.example", "null", "http://localhost:3000", "http://localhost"}) {
    CAPTURE(origin);
    CHECK(status(fmt::format("Host: localhost:8470\r\nOrigin: {}\r\n", origin)) == "403");
  }
}

TEST_CASE("the read token, and what is beyond this machine") {
  const std::string reader(40, 'r');
  const Daemon daemon([&](ControlOptions& options) { options.access.read_token = reader; });
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/status").status == 401);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/status", {}, reader).status == 200);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/api/v1/status", {}, kToken).status == 200);
  CHECK(daemon.ask(daemon.tcp(), "POST", "/-/quit", {}, reader).status == 401);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
  CHECK(daemon.ask(daemon.local(), "GET", "/api/v1/status").status == 200);
}

TEST_CASE("what must not start: weak tokens, addresses beyond this machine without protection") {
  const Folder folder;
  const Secret good{folder.write("good", std::string(kToken) + "\n"), {}}, weak{folder.write("weak", "abc"), {}};
  const auto refused = [](const HttpSettings& http) {
    const auto access = access_of(http);
    return access ? std::string() : access.error().message;
  };
  CHECK(refused({}).empty());
  CHECK(refused({.token = good}).empty());
  CHECK(contains(refused({.token = weak}), "can be guessed"));
  CHECK(contains(refused({.token = {folder.path() + "/none", {}}}), "http.token: cannot take a secret"));
  CHECK(contains(refused({.listen = "0.0.0.0:8470"}), "set http.token"));
  CHECK(contains(refused({.listen = "0.0.0.0:8470", .token = good}), "http.insecure = true"));
  CHECK(refused({.listen = "0.0.0.0:8470", .token = good, .insecure = true}).empty());
  CHECK(contains(refused({.listen = "[::]:8470", .insecure = true}), "set http.token"));
  CHECK(refused({.listen = "[::1]:8470"}).empty());
  CHECK(refused({.listen = "127.1.2.3:0"}).empty());
  CHECK(access_of({.listen = "0.0.0.0:1", .token = good, .insecure = true})->beyond_this_machine);
}

TEST_CASE("the Unix socket: for its owner alone, in place of a dead one, and gone afterwards") {
  const Folder folder;
  FakeDesk desk;
  ControlOptions options{.listen = {}, .socket = folder.path() + "/t.sock"};
  auto first = ControlServer::start(options, desk);
  REQUIRE(first);
  struct stat status{};
  REQUIRE(stat(options.socket.c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0600);
  const auto second = ControlServer::start(options, desk);
  REQUIRE_FALSE(second);
  CHECK(contains(second.error().message, "another daemon answers there"));
  CHECK(ask_http({.socket = options.socket}, {.method = "GET", .target = "/-/healthy"}));
  first->reset();
  CHECK(stat(options.socket.c_str(), &status) != 0);
  // Left by one that was killed.
  const int dead = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un at{};
  at.sun_family = AF_UNIX;
  options.socket.copy(at.sun_path, sizeof at.sun_path - 1);
  REQUIRE(bind(dead, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  close(dead);
  CHECK(ControlServer::start(options, desk));
  options.socket = folder.write("file", "precious");
  CHECK(contains(ControlServer::start(options, desk).error().message, "something else is there"));
  CHECK(Folder::read(options.socket) == "precious");
  options.socket = folder.path() + "/none/t.sock";
  CHECK_FALSE(ControlServer::start(options, desk));
  options.socket = "/" + std::string(200, 'x');
  CHECK(contains(ControlServer::start(options, desk).error().message, "107 bytes"));
}

TEST_CASE("a port in use is said") {
  const Daemon daemon;
  FakeDesk desk;
  const auto second =
      ControlServer::start({.listen = fmt::format("127.0.0.1:{}", daemon.server->port()), .socket = {}}, desk);
  REQUIRE_FALSE(second);
  CHECK(contains(second.error().message, "cannot listen at 127.0.0.1"));
}

TEST_CASE("slow clients: cut off in time, and nobody waits for them") {
  const Daemon daemon([](ControlOptions& options) { options.request_time = milliseconds(400); });
  std::vector<std::unique_ptr<Raw>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<Raw>(daemon));
    slow.back()->send("GET /api/v1/status HTTP/1.1\r\nHost: loc");
  }
  const auto begin = std::chrono::steady_clock::now();
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(5));
  // A byte now and then does not buy time.
  std::string out;
  bool closed = false;
  for (int i = 0; i < 100 && !closed; ++i) {
    slow.front()->send("x");
    closed = slow.front()->receive(out, 50);
  }
  CHECK(closed);
  for (std::size_t i = 1; i < slow.size(); ++i) CHECK(slow[i]->receive(out));
  CHECK(out.empty());
}

TEST_CASE("a client that does not read what it asked for is let go") {
  const Daemon daemon([](ControlOptions& options) { options.response_time = milliseconds(300); });
  const Raw deaf(daemon);
  for (int i = 0; i < 20'000; ++i) deaf.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
}

TEST_CASE("what is too large: headers, bodies, lines without an end") {
  const Daemon daemon([](ControlOptions& options) { options.body_max = 100'000; });
  CHECK(contains(Raw(daemon).talk(request("GET /api/v1/status", "X: " + std::string(20'000, 'x') + "\r\n")), " 431 "));
  std::string many;
  for (int i = 0; i < 2'000; ++i) many += fmt::format("X{}: y\r\n", i);
  CHECK(contains(Raw(daemon).talk(request("GET /api/v1/status", many)), " 431 "));
  CHECK(contains(Raw(daemon).talk(request("GET /" + std::string(50'000, 'x'))), " 431 "));
  CHECK(contains(Raw(daemon).talk(request("POST /-/reload", "Content-Length: 99999999999\r\n")), " 413 "));
  CHECK(contains(Raw(daemon).talk(request("POST /-/reload", "Transfer-Encoding: chunked\r\n",
                                          "20000\r\n" + std::string(0x20000, 'x') + "\r\n0\r\n\r\n")),
                 " 413 "));
  CHECK(contains(
      Raw(daemon).talk(request("POST /-/reload", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
      " 400 "));
  for (const char* nonsense : {"\r\n\r\n\r\n", "GET\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "GET / HTTP/9.9\r\n\r\n"}) {
    const Raw raw(daemon);
    raw.send(nonsense);
    raw.half_close();
    std::string out;
    CHECK(raw.receive(out));
    CHECK_FALSE(contains(out, " 200 "));
  }
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
}

TEST_CASE("too many connections: turned away at once, and the Unix socket still answers") {
  const Daemon daemon([](ControlOptions& options) { options.connections_max = 8; });
  std::vector<std::unique_ptr<Raw>> held;
  for (int i = 0; i < 8; ++i) {
    held.push_back(std::make_unique<Raw>(daemon));
    held.back()->send("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::string out;
    held.back()->receive(out, 200);
    CHECK(contains(out, " 200 "));
  }
  const std::string busy = Raw(daemon).talk({});
  CHECK((busy.empty() || contains(busy, " 503 ")));
  CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
  held.clear();
  std::string out;
  for (int i = 0; i < 100 && !contains(out, " 200 "); ++i) {
    out = Raw(daemon).talk(request("GET /-/healthy"));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(contains(out, " 200 "));
}

TEST_CASE("pipelining, half-closed connections, HEAD") {
  const Daemon daemon;
  std::string many;
  for (int i = 0; i < 99; ++i) many += "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n";
  CHECK(count(Raw(daemon).talk(many + request("GET /-/healthy")), "HTTP/1.1 200") == 100);
  const Raw half(daemon);
  half.send("GET /api/v1/status HTTP/1.1\r\nHost: localhost\r\n\r\n");
  half.half_close();
  std::string out;
  CHECK(half.receive(out));
  CHECK(contains(out, "tocsin/status/1"));
  const std::string head = Raw(daemon).talk(request("HEAD /-/healthy"));
  CHECK(contains(head, "Content-Length: 3\r\n"));
  CHECK(head.ends_with("\r\n\r\n"));
  const std::string wrong = Raw(daemon).talk(request("PATCH /-/reload"));
  CHECK(contains(wrong, " 405 "));
  CHECK(contains(wrong, "Allow: POST, PUT\r\n"));
}

TEST_CASE("answers that are late, come twice, or never") {
  Daemon daemon;
  daemon.desk.drop = true;
  CHECK(daemon.ask(daemon.local(), "POST", "/-/reload").status == 500);
  daemon.desk.drop = false;
  daemon.desk.hold = true;
  const auto timed = ask_http(*parse_daemon_address(daemon.local()),
                              {.method = "POST", .target = "/-/reload", .timeout = milliseconds(100)});
  REQUIRE_FALSE(timed);
  CHECK(timed.error().code == Error::Code::unreachable);
  CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
  Reply reply;
  {
    const std::scoped_lock lock(daemon.desk.mutex);
    reply = daemon.desk.held;
  }
  reply({200, "{}"});  // the client has gone
  reply({200, "{}"});
  CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
  // The server has gone before its answer.
  const std::string address = daemon.local();
  std::thread client([&] {
    static_cast<void>(
        ask_http(*parse_daemon_address(address), {.method = "POST", .target = "/-/reload", .timeout = seconds(5)}));
  });
  for (int i = 0; i < 500; ++i) {
    const std::scoped_lock lock(daemon.desk.mutex);
    if (daemon.desk.reloads.size() == 3) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  daemon.server.reset();
  daemon.desk.held({200, "{}"});
  daemon.desk.held = nullptr;
  reply = nullptr;
  client.join();
}

TEST_CASE("behind a prefix") {
  const Daemon daemon([](ControlOptions& options) { options.prefix = "/tocsin"; });
  CHECK(daemon.ask(daemon.tcp() + "/tocsin", "GET", "/-/healthy").status == 200);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 404);
  CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
}

TEST_CASE("metrics: each with its help and kind, labels escaped, nothing of a key") {
  const Daemon daemon;
  const std::string text = daemon.ask(daemon.tcp(), "GET", "/metrics").body;
  CHECK(contains(text, "# TYPE tocsin_alerts_total counter\n"));
  CHECK(contains(text, "tocsin_alerts_total{rule=\"brute_force\"} 3\n"));
  CHECK(contains(text, "tocsin_alert_delivery_total{sink=\"alerts\",result=\"delivered\"} 3\n"));
  CHECK(contains(text, "tocsin_sink_up{sink=\"alerts\"} 0\n"));
  CHECK(contains(text, "tocsin_checkpoint_failures 1\n"));
  CHECK(count(text, "# HELP ") == count(text, "# TYPE "));
  for (const MetricRow& row : metric_rows()) {
    CAPTURE(row.name);
    CHECK(row.name.starts_with("tocsin_"));
    CHECK_FALSE(row.help.empty());
    CHECK(row.name.ends_with("_total") == (row.kind == MetricKind::counter));
  }
}

TEST_CASE("docs/control.md says what the tables say") {
  const std::string page = std::string(TOCSIN_SOURCE_DIR) + "/docs/control.md";
  if (std::getenv("TOCSIN_UPDATE") != nullptr) std::ofstream(page, std::ios::binary) << control_page();
  CHECK(control_page() == Folder::read(page));
}

TEST_CASE("the commands: what they print, and their exit codes") {
  Daemon daemon;
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--addr", daemon.local()});
    return run(words);
  };
  const Ran status = with({"status"});
  CHECK_MESSAGE(status.code == 0, status.err);
  CHECK(contains(status.out, "ready        no: state is being loaded"));
  CHECK(contains(status.out, "PROBLEM: disk full"));
  CHECK(Json::parse(with({"status", "--json"}).out)["schema"] == "tocsin/status/1");
  CHECK(with({"status", "--ready"}).code == 1);
  CHECK(contains(with({"rules"}).out, "brute_force  high"));
  CHECK(contains(with({"rules", "show", "odd/näme"}).out, "disabled"));
  CHECK(with({"rules", "show", "none"}).code == 1);
  CHECK(with({"rules", "disable"}).code == 2);
  CHECK(contains(with({"rules", "disable", "a b"}).out, "\"rule\": \"a b\""));
  CHECK(contains(with({"alerts", "--rule", "x", "--limit", "3"}).out, "aa  x  x [31m  [alerts: delivered]"));
  CHECK(with({"alerts", "--limit", "none"}).code == 2);
  CHECK(with({"reload", "--dry-run"}).out == "rules: 2 kept\n");
  CHECK(daemon.desk.reloads.back().dry_run);
  CHECK(with({"reload", "--require-state-kept"}).code == 1);
  CHECK(contains(with({"savepoint", "list"}).out, "s1"));
  CHECK(with({"savepoint", "create", "x"}).code == 0);
  CHECK(with({"savepoint", "delete", "s1"}).code == 0);
  CHECK(with({"savepoint", "delete", "s2"}).code == 1);
  CHECK(with({"savepoint", "delete"}).code == 2);
  CHECK(with({"savepoint", "creat"}).code == 2);

  const Folder folder;
  CHECK(run({"reload", "--addr", daemon.tcp()}).code == 2);
  CHECK(run({"reload", "--addr", daemon.tcp(), "--token-file", folder.write("token", kToken)}).code == 0);
  CHECK(run({"reload", "--addr", daemon.tcp()}, {.environment = {{"TOCSIN_TOKEN", kToken}}}).code == 0);
  CHECK(run({"status"}, {.environment = {{"TOCSIN_ADDR", daemon.tcp()}}}).code == 0);
  CHECK(run({"status", "--addr", "unix:" + folder.path() + "/none"}).code == 4);
  CHECK(run({"status", "--addr", "ftp://x"}).code == 2);
  CHECK(run({"status", "--addr", daemon.local(), "--timeout", "soon"}).code == 2);
  daemon.desk.hold = true;
  const Ran timed = with({"reload", "--timeout", "50ms"});
  CHECK(timed.code == 4);
  CHECK(contains(timed.err, "not in time"));
}

TEST_CASE("answers that go on: in chunks, or up to the end of the connection; let go when the client goes") {
  Daemon daemon;
  const std::string chunks = Raw(daemon).talk("GET /api/v1/tap?limit=2 HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(contains(chunks, "Content-Type: application/x-ndjson\r\n"));
  CHECK(contains(chunks, "Transfer-Encoding: chunked\r\n"));
  CHECK(contains(chunks, "\"ended\":\"limit\"}}\n\r\n0\r\n\r\n"));
  CHECK(count(chunks, "\"event\"") == 2);
  const std::string plain = Raw(daemon).talk("GET /api/v1/tap?limit=2 HTTP/1.0\r\nHost: localhost\r\n\r\n");
  CHECK_FALSE(contains(plain, "chunked"));
  CHECK(plain.ends_with("\"ended\":\"limit\"}}\n"));
  CHECK(contains(Raw(daemon).talk(request("HEAD /api/v1/tap")), " 405 "));
  for (const char* wrong : {"what=evnts", "what=late:x", "what=events:", "what=alerts&where=x", "where=x", "rate=0",
                            "rate=10001", "limit=0", "for=soon", "what=events:a&where=%ff"}) {
    CAPTURE(wrong);
    CHECK(daemon.ask(daemon.tcp(), "GET", fmt::format("/api/v1/tap?{}", wrong)).status == 400);
  }
  daemon.desk.taps.clear();
  daemon.ask(daemon.tcp(), "GET", "/api/v1/tap?what=events:login&where=n+%3e+1&rate=7&limit=3&for=1m");
  REQUIRE(daemon.desk.taps.size() == 1);
  const TapAsked& asked = daemon.desk.taps.front();
  CHECK(asked.name == "login");
  CHECK(asked.where == "n > 1");
  CHECK(asked.rate == 7);
  CHECK(asked.most == 3);
  CHECK(asked.lasts == seconds(60));
  {
    const Raw gone(daemon);
    gone.send("GET /api/v1/tap HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::string out;
    gone.receive(out, 200);
    CHECK(contains(out, "\"event\""));
  }
  for (int i = 0; i < 500 && !daemon.desk.looking.expired(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(daemon.desk.looking.expired());
}

TEST_CASE("an answer that goes on and is not read holds up nobody, and is let go in time") {
  const Daemon daemon([](ControlOptions& options) { options.response_time = milliseconds(300); });
  const Raw deaf(daemon);
  deaf.send("GET /api/v1/tap?what=events:x&where=large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
  const auto is_let_go = [&] {
    for (int i = 0; i < 1'000; ++i) {
      if (daemon.desk.looking.expired()) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  };
  for (int i = 0; i < 500 && daemon.desk.taps.empty(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  CHECK(is_let_go());
}

TEST_CASE("tap: how samples are laid out, what is said of them, and exit codes") {
  Daemon daemon;
  const auto tap = [&](std::vector<std::string> words) {
    words.insert(words.begin(), "tap");
    words.insert(words.end(), {"--addr", daemon.local()});
    return run(words);
  };
  const Ran plain = tap({"events:login", "-n", "2"});
  CHECK(plain.code == 0);
  CHECK(plain.out ==
        "{\"event\":\"login\",\"time\":\"2026-03-01T14:00:00.000000Z\",\"key\":{\"user\":\"a b\"},"
        "\"fields\":{\"n\":1,\"note\":\"x\\u001b[31m\",\"of\":null}}\n"
        "{\"event\":\"login\",\"time\":\"2026-03-01T14:00:00.000000Z\",\"key\":{\"user\":\"a b\"},"
        "\"fields\":{\"n\":2,\"note\":\"x\\u001b[31m\",\"of\":null}}\n");
  CHECK(plain.err ==
        "tocsin tap: the rules have changed\n"
        "shown 2, matched 4,211, skipped by rate 4,111; 7 went by too fast to be looked at\n");
  CHECK(tap({"events:login", "-n", "1", "--fields", "user,n,none"}).out ==
        "{\"user\":\"a b\",\"n\":1,\"none\":null}\n");
  CHECK(Json::parse(tap({"-n", "2", "--json", "--fields", "n"}).out) == Json::parse("[{\"n\":1},{\"n\":2}]"));
  CHECK(tap({"events:login", "-n", "1", "--format", "logfmt"}).out ==
        "event=login time=2026-03-01T14:00:00.000000Z key.user=\"a b\" fields.n=1 fields.note=\"x\\\\u001b[31m\" "
        "fields.of=\n");
  CHECK(tap({"events:login", "-n", "2", "--format", "table"}).out ==
        "time                         user  n  note         of\n"
        "2026-03-01T14:00:00.000000Z  a b   1  x\\u001b[31m  \n"
        "2026-03-01T14:00:00.000000Z  a b   2  x\\u001b[31m  \n");
  CHECK(tap({"events:login", "-n", "1", "--format", "table", "--fields", "user,n"}).out == "user  n\na b   1\n");
  daemon.desk.taps.clear();
  CHECK(tap({"--rate", "5/s", "-n", "1", "-q"}).err == "tocsin tap: the rules have changed\n");
  CHECK(daemon.desk.taps.front().rate == 5);
  const Ran none = tap({"events:none", "--json"});
  CHECK(none.code == 1);
  CHECK(none.out.empty());
  CHECK(none.err == "tocsin tap: there is no `none`\nhelp: try `some`\n");
  CHECK(tap({"evnts"}).code == 2);
  CHECK(tap({"--for", "soon"}).code == 2);
  CHECK(tap({"-n", "none"}).code == 2);
  CHECK(run({"tap", "--addr", "unix:" + daemon.folder.path() + "/none"}).code == 4);
  const Ran quiet = tap({"events:x", "--where", "quiet", "--timeout", "100ms"});
  CHECK(quiet.code == 4);
  CHECK(contains(quiet.err, "not in time"));
  std::thread ending([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    daemon.server.reset();
  });
  const Ran stopped = tap({"events:login"});
  ending.join();
  CHECK(stopped.code == 4);
  CHECK(contains(stopped.err, "the daemon has stopped"));
}

TEST_CASE("a client is not fooled by what is no daemon") {
  const int file = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  REQUIRE(bind(file, reinterpret_cast<const sockaddr*>(&at), sizeof at) == 0);
  REQUIRE(listen(file, 16) == 0);
  REQUIRE(getsockname(file, reinterpret_cast<sockaddr*>(&at), &size) == 0);
  const std::string address = fmt::format("http://127.0.0.1:{}", ntohs(at.sin_port));
  for (const std::string& answer :
       {std::string(), std::string("SSH-2.0-x\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort"),
        std::string("HTTP/1.1 xxx\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n")}) {
    CAPTURE(answer);
    std::thread other([&] {
      const int peer = accept(file, nullptr, nullptr);
      static_cast<void>(!::write(peer, answer.data(), answer.size()));
      ::shutdown(peer, SHUT_WR);
      char ignored[512];
      while (read(peer, ignored, sizeof ignored) > 0) {
      }
      ::close(peer);
    });
    CHECK(run({"status", "--addr", address}).code == 4);
    other.join();
  }
  CHECK(run({"status", "--addr", address, "--timeout", "50ms"}).code == 4);  // connects, and nobody says a word
  ::close(file);
}

}  // namespace
}  // namespace tocsin::app
