// A daemon in a test: on a thread of its own, in a folder of its own.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <future>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>

#include "app/compiled.h"
#include "app/daemon/daemon.h"
#include "app/testing.h"

namespace tocsin::app {

// REQUIRES: the rules have no mistake.
inline CompiledSet compiled(const Folder& folder, const std::string& text) {
  const std::string path = folder.write("a.rules", text);
  std::istringstream in;
  std::ostringstream out, err;
  Console console{in, out, err};
  CompiledPaths paths = compile_paths("run", {path}, {}, console);
  INFO(err.str());
  REQUIRE(paths.exit == Exit::done);
  return std::move(paths.sets.front());
}

inline constexpr const char* kEvent = "event login_failed has user text, ts time\n  timestamp ts\n";
inline constexpr const char* kThree =
    "rule three\n  when 3 login_failed within 5m by user\n  alert \"{user}: three\"\n";
inline constexpr const char* kTwo = "rule two\n  when 2 login_failed within 5m by user\n  alert \"{user}: two\"\n";

inline std::string event(const std::string& user, int second) {
  return fmt::format("{{\"user\":\"{}\",\"ts\":\"2026-03-01T14:00:{:02}Z\"}}\n", user, second);
}

// A daemon on a thread of its own, in a folder: rules in `rules/a.rules`, alerts in `alerts.ndjson`.
class Running {
 public:
  explicit Running(SourceAddress address) {
    SourceSettings source;
    source.name = "in";
    source.address = std::move(address);
    source.codec.add("--input-format", "json");
    source.codec.add("--event", "login_failed");
    settings.sources = {source};
    settings.sinks = {{"alerts", FileSink{folder / "alerts.ndjson"}}};
    settings.routes.alerts = {"alerts"};
    settings.rules = {folder / "rules"};
    settings.shards = 2;
    settings.state.dir = folder / "state";
    settings.state.epoch = milliseconds(20);
    settings.reload.watch = false;
    settings.http.listen.clear();
    settings.control_socket = folder / "control";
    rules(std::string(kEvent) + kThree);
    log_.open(folder / "log");
    console_.environment = [this](const char* name) {
      const auto found = environment.find(name);
      return found != environment.end() ? std::optional(found->second) : std::nullopt;
    };
  }
  ~Running() {
    if (daemon) CHECK(stop() == Exit::done);
  }
  void begin() {
    const std::size_t before = times_begun();
    daemon.emplace(Daemon::Given{settings, config_json, arguments, config_now, patience}, console_);
    thread_ = std::thread([this] { exit_ = daemon->run(); });
    REQUIRE(soon([&] { return times_begun() > before; }));
  }
  // For what does not begin: on this thread, to its end.
  Exit run() {
    daemon.emplace(Daemon::Given{settings, config_json, arguments, config_now, patience}, console_);
    const Exit exit = daemon->run();
    daemon.reset();
    return exit;
  }
  std::size_t times_begun() const {
    std::size_t out = 0;
    const std::string log = text("log");
    for (std::size_t at = 0; (at = log.find(" daemon: runs ", at)) != std::string::npos; ++at) ++out;
    return out;
  }
  Exit stop() {
    daemon->stop();
    thread_.join();
    daemon.reset();
    return exit_;
  }

  void rules(const std::string& text) { folder.write("rules/a.rules", text); }
  Verdict reload(const ReloadAsked& asked = {}) {
    std::promise<Verdict> verdict;
    daemon->reload(asked, [&](Verdict v) { verdict.set_value(std::move(v)); });
    auto answer = verdict.get_future();
    REQUIRE(answer.wait_for(std::chrono::minutes(1)) == std::future_status::ready);
    return answer.get();
  }
  std::string text(const std::string& name) const {
    std::ifstream in(folder / name);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool said(const std::string& words) const { return text("log").find(words) != std::string::npos; }
  bool alerted(const std::string& words) const { return text("alerts.ndjson").find(words) != std::string::npos; }

  Settings settings;
  std::string config_json = "{}";
  std::function<std::optional<std::string>(Console&)> config_now;
  Arguments arguments;
  Daemon::Patience patience;
  std::map<std::string, std::string> environment;
  struct Place : Folder {
    std::string operator/(const std::string& name) const { return path() + "/" + name; }
  } folder;
  std::optional<Daemon> daemon;

 private:
  std::istringstream in_;
  std::ostringstream out_;
  std::ofstream log_;
  Console console_{in_, out_, log_};
  std::thread thread_;
  Exit exit_ = Exit::bug;
};

}  // namespace tocsin::app
