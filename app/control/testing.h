// What is tried of the control API and of the commands that ask it: a server over a desk that only pretends, and bytes
// as they are.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "app/control/client.h"
#include "app/control/metrics.h"
#include "app/control/server.h"
#include "app/testing.h"

namespace tocsin::app {

using Json = nlohmann::json;

inline constexpr const char* kToken = "0123456789abcdef0123456789abcdef";

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
    out.rebuild = RebuildStatus{{"pair", "odd"}, 0.43};
    out.reload.error = refused_by;
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
    if (has_none) return {};
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
    std::atomic<std::uint64_t> shown = 0;
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

  std::size_t reloads_asked() {
    const std::scoped_lock lock(mutex);
    return reloads.size();
  }
  std::size_t taps_asked() {
    const std::scoped_lock lock(mutex);
    return taps.size();
  }
  // How many samples whoever looks on has been given; 0: nobody does.
  std::uint64_t samples_shown() {
    const std::scoped_lock lock(mutex);
    const auto samples = std::dynamic_pointer_cast<Samples>(looking.lock());
    return samples != nullptr ? samples->shown.load() : 0;
  }
  bool is_looked_at() {
    const std::scoped_lock lock(mutex);
    return !looking.expired();
  }
  ~FakeDesk() override {
    for (std::thread& thread : late) thread.join();
  }

  std::string sick;
  std::mutex mutex;
  bool has_none = false;  // no alert is kept
  std::string refused_by;
  std::vector<ReloadAsked> reloads;
  std::vector<TapAsked> taps;
  std::weak_ptr<LongAnswer> looking;
  bool hold = false, drop = false;
  Reply held;
  std::vector<std::thread> late;
  std::atomic<int> quits{0};
};

// A server over a desk, with both its addresses.
struct Served {
  Folder folder;
  FakeDesk desk;
  ControlOptions options;
  std::unique_ptr<ControlServer> server;

  explicit Served(const std::function<void(ControlOptions&)>& change = {}) {
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
  explicit Raw(const Served& daemon) : file_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
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
  // Until that is there; false: it never was.
  bool receive_until(std::string& out, const std::string& part) const {
    return soon([&] {
      receive(out, 0);
      return out.find(part) != std::string::npos;
    });
  }
  // Whether the other side has closed.
  bool receive(std::string& out, int wait_ms = 60'000) const {
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
    char piece[4096];
    while (true) {
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now()).count();
      pollfd ready{file_, POLLIN, 0};
      if (poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(left, 0))) <= 0) return false;
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

inline std::string request(std::string_view line, std::string_view headers = {}, std::string_view body = {}) {
  return fmt::format("{} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{}\r\n{}", line, headers, body);
}

inline std::size_t count(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace tocsin::app
