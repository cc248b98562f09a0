// Were this wrong, whoever reaches the port could change rules, or a slow client could keep everybody else from health,
// status and reload.
#include "app/control/server.h"

#include <sys/stat.h>
#include <sys/un.h>

#include <cstdlib>
#include <fstream>

#include "app/control/routes.h"
#include "app/control/testing.h"

namespace tocsin::app {
namespace {

TEST_CASE("every route answers, with a document of its schema") {
  const Served daemon;
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
  Served daemon;
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

  const Served open([](ControlOptions& options) { options.access.token.clear(); });
  CHECK(open.ask(open.tcp(), "POST", "/-/quit", {}, kToken).status == 403);
  CHECK(open.ask(open.tcp(), "GET", "/metrics").status == 200);
}

TEST_CASE("a query has only keys that mean something, each once") {
  const Served daemon;
  const auto asked = [&](const std::string& target) { return daemon.ask(daemon.local(), "GET", target); };
  CHECK(asked("/api/v1/alerts?limit=3").status == 200);
  CHECK(asked("/api/v1/alerts?rulee=x").status == 400);
  CHECK(Json::parse(asked("/api/v1/alerts?rulee=x").body) == Json{{"schema", "tocsin/error/1"},
                                                                  {"error", "the query has no key `rulee` here"},
                                                                  {"help", "this path takes rule limit"}});
  CHECK(asked("/api/v1/alerts?limit=3&limit=4").status == 400);
  CHECK(asked("/api/v1/alerts?=3").status == 400);
  CHECK(asked("/api/v1/alerts?").status == 200);
  CHECK(asked("/api/v1/status?x=1").status == 400);
  CHECK(contains(asked("/-/healthy?verbose=1").body, "this path takes none"));
}

TEST_CASE("a whole address is a path behind its host") {
  const Served daemon;
  const auto status = [&](const std::string& target, const std::string& host = "localhost") {
    return Raw(daemon)
        .talk("GET " + target + " HTTP/1.1\r\nConnection: close\r\nHost: " + host + "\r\n\r\n")
        .substr(9, 3);
  };
  CHECK(status("http://localhost/-/healthy") == "200");
  CHECK(status("http://localhost:8470/api/v1/alerts?limit=1") == "200");
  CHECK(status("http://localhost") == "404");
  CHECK(status("http://localhost/nothing") == "404");
  CHECK(status("http:///-/healthy") == "400");
  CHECK(status("http://localhost/api/v1/status", "evil.example") == "200");
  CHECK(status("http://evil.example/api/v1/status") == "421");
}

TEST_CASE("bodies that mean nothing are refused") {
  Served daemon;
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
  const Served daemon([](ControlOptions& options) { options.access.hosts = {"tocsin.example"}; });
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
  const Served daemon([&](ControlOptions& options) { options.access.read_token = reader; });
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
  const Served daemon;
  FakeDesk desk;
  const auto second =
      ControlServer::start({.listen = fmt::format("127.0.0.1:{}", daemon.server->port()), .socket = {}}, desk);
  REQUIRE_FALSE(second);
  CHECK(contains(second.error().message, "cannot listen at 127.0.0.1"));
}

TEST_CASE("slow clients: cut off in time, and nobody waits for them") {
  std::vector<std::unique_ptr<Raw>> slow;
  const auto begin_slowly = [&](const Served& daemon) {
    slow.clear();
    for (int i = 0; i < 50; ++i) {
      slow.push_back(std::make_unique<Raw>(daemon));
      slow.back()->send("GET /api/v1/status HTTP/1.1\r\nHost: loc");
    }
  };
  {
    const Served daemon([](ControlOptions& options) { options.request_time = hours(1); });
    begin_slowly(daemon);
    CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
    slow.clear();
  }
  // A byte now and then does not buy time.
  const Served daemon([](ControlOptions& options) { options.request_time = milliseconds(400); });
  begin_slowly(daemon);
  std::string out;
  CHECK(soon([&] {
    slow.front()->send("x");
    return slow.front()->receive(out, 50);
  }));
  for (std::size_t i = 1; i < slow.size(); ++i) CHECK(slow[i]->receive(out));
  CHECK(out.empty());
}

TEST_CASE("a client that does not read what it asked for is let go") {
  const Served daemon([](ControlOptions& options) { options.response_time = milliseconds(300); });
  const Raw deaf(daemon);
  for (int i = 0; i < 20'000; ++i) deaf.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
}

TEST_CASE("what is too large: headers, bodies, lines without an end") {
  const Served daemon([](ControlOptions& options) { options.body_max = 100'000; });
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
  const Served daemon([](ControlOptions& options) { options.connections_max = 8; });
  std::vector<std::unique_ptr<Raw>> held;
  for (int i = 0; i < 8; ++i) {
    held.push_back(std::make_unique<Raw>(daemon));
    held.back()->send("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n");
    std::string out;
    CHECK(held.back()->receive_until(out, " 200 "));
  }
  const std::string busy = Raw(daemon).talk({});
  CHECK((busy.empty() || (contains(busy, " 503 ") && contains(busy, "as many connections are open as may be"))));
  CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
  held.clear();
  CHECK(soon([&] { return contains(Raw(daemon).talk(request("GET /-/healthy")), " 200 "); }));
}

TEST_CASE("pipelining, half-closed connections, HEAD") {
  const Served daemon;
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
  Served daemon;
  daemon.desk.drop = true;
  CHECK(daemon.ask(daemon.local(), "POST", "/-/reload").status == 503);
  daemon.desk.drop = false;
  daemon.desk.hold = true;
  {
    const Raw gone(daemon);
    gone.send(request("POST /-/reload", fmt::format("Authorization: Bearer {}\r\nContent-Length: 0\r\n", kToken)));
    REQUIRE(soon([&] { return daemon.desk.reloads_asked() == 2; }));
    CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
  }
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
        ask_http(*parse_daemon_address(address), {.method = "POST", .target = "/-/reload", .timeout = minutes(1)}));
  });
  const bool has_come = soon([&] { return daemon.desk.reloads_asked() == 3; });
  CHECK(has_come);
  daemon.server.reset();
  if (has_come) daemon.desk.held({200, "{}"});
  daemon.desk.held = nullptr;
  reply = nullptr;
  client.join();
}

TEST_CASE("who asks waits for an answer no longer than was said") {
  Served daemon;
  daemon.desk.hold = true;
  const auto timed = ask_http(*parse_daemon_address(daemon.local()),
                              {.method = "POST", .target = "/-/reload", .timeout = milliseconds(100)});
  REQUIRE_FALSE(timed);
  CHECK(timed.error().code == Error::Code::unreachable);
  daemon.server.reset();
}

TEST_CASE("behind a prefix") {
  const Served daemon([](ControlOptions& options) { options.prefix = "/tocsin"; });
  CHECK(daemon.ask(daemon.tcp() + "/tocsin", "GET", "/-/healthy").status == 200);
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 404);
  CHECK(daemon.ask(daemon.local(), "GET", "/-/healthy").status == 200);
}

TEST_CASE("metrics: each with its help and kind, labels escaped, nothing of a key") {
  const Served daemon;
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

}  // namespace
}  // namespace tocsin::app
