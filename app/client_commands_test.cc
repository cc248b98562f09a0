// Were this wrong, a script would take a daemon that is gone for one that has nothing to say.
#include "app/control/testing.h"

namespace tocsin::app {
namespace {

TEST_CASE("the commands: what they print, and their exit codes") {
  Served daemon;
  const auto with = [&](std::vector<std::string> words) {
    words.insert(words.end(), {"--addr", daemon.local()});
    return run(words);
  };
  const Ran status = with({"status"});
  CHECK_MESSAGE(status.code == 0, status.err);
  CHECK(contains(status.out, "ready        no: state is being loaded"));
  CHECK(contains(status.out, "PROBLEM: disk full"));
  CHECK(contains(status.out, "rebuild      pair, odd: 43 % of what their sources still have is read\n"));
  daemon.desk.refused_by = "error[R001]: `wihtin` does not fit here\n  --> a.rules:2:3\n   |\n 2 | wihtin";
  CHECK(contains(with({"status"}).out,
                 "reload       refused, the rules before it run on: error[R001]: `wihtin` does not fit here\n"
                 "             `tocsin reload --dry-run` shows where\n"));
  daemon.desk.refused_by = "source.in: no";
  CHECK(contains(with({"status"}).out, "run on: source.in: no\n"));
  daemon.desk.refused_by.clear();
  CHECK(Json::parse(with({"status", "--json"}).out)["schema"] == "tocsin/status/1");
  CHECK(with({"status", "--ready"}).code == 1);
  CHECK(contains(with({"rules"}).out, "brute_force  high"));
  CHECK(contains(with({"rules", "show", "odd/näme"}).out, "disabled"));
  CHECK(with({"rules", "show", "none"}).code == 1);
  CHECK(with({"rules", "disable"}).code == 2);
  CHECK(contains(with({"rules", "disable", "a b"}).out, "\"rule\": \"a b\""));
  CHECK(contains(with({"alerts", "--rule", "x", "--limit", "3"}).out, "aa  x  x [31m  [alerts: delivered]"));
  daemon.desk.has_none = true;
  CHECK(with({"alerts", "--rule", "brute_force"}).code == 0);
  CHECK(with({"alerts", "--rule", "brute_forc"}).code != 0);
  CHECK(contains(with({"alerts", "--rule", "brute_forc"}).err, "there is no rule `brute_forc`"));
  daemon.desk.has_none = false;
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
  Served daemon;
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
    CHECK(gone.receive_until(out, "\"event\""));
  }
  CHECK(soon([&] { return !daemon.desk.is_looked_at(); }));
}

TEST_CASE("an answer that goes on and is not read holds up nobody, and is let go in time") {
  Served daemon([](ControlOptions& options) { options.response_time = milliseconds(300); });
  const Raw deaf(daemon);
  deaf.send("GET /api/v1/tap?what=events:x&where=large HTTP/1.1\r\nHost: localhost\r\n\r\n");
  CHECK(daemon.ask(daemon.tcp(), "GET", "/-/healthy").status == 200);
  CHECK(soon([&] { return daemon.desk.taps_asked() == 1; }));
  CHECK(soon([&] { return !daemon.desk.is_looked_at(); }));
}

TEST_CASE("tap: how samples are laid out, what is said of them, and exit codes") {
  Served daemon;
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
  CHECK(contains(tap({"events:login", "-n", "2", "--fields", "user,usr"}).err,
                 "tocsin tap: what is shown first has no `usr`; it has event, time, key.user, fields.n, fields.note, "
                 "fields.of\n"));
  CHECK_FALSE(contains(tap({"events:login", "-n", "2", "--fields", "user,n,of"}).err, "has no"));
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
    CHECK(soon([&] { return daemon.desk.samples_shown() > 1; }));  // the second behind what is on its way
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
