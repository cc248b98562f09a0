// `tocsin run`: the daemon. Settings and rules are read here, signals mean here what they mean; the rest is daemon/.
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <mutex>
#include <ostream>
#include <thread>

#include "app/command.h"
#include "app/config_show.h"
#include "app/daemon/daemon.h"
#include "app/settings_read.h"

namespace tocsin::app {
namespace {

// The signals that say something to a daemon. They are blocked in all threads, and one of them waits for them.
class Signals {
 public:
  Signals() {
    sigemptyset(&set_);
    for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, &before_);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is told as a full disk is
  }
  ~Signals() {
    done_ = true;
    waiting_ = {};  // joins it
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // The first SIGTERM or SIGINT stops the daemon, the second ends the process at once, as does a daemon that takes too
  // long; SIGHUP reads the rules again.
  void watch(Daemon& daemon) {
    daemon_ = &daemon;
    waiting_ = std::jthread([this] {
      while (!done_) {
        const timespec wait{0, 100'000'000};
        const int signal = sigtimedwait(&set_, nullptr, &wait);
        const std::scoped_lock lock(mutex_);
        if (signal == SIGTERM || signal == SIGINT) {
          if (came_ != 0 || daemon_ == nullptr) _exit(128 + signal);
          came_ = signal;
          daemon_->stop();
        }
        if (daemon_ == nullptr) continue;
        if (signal == SIGHUP) daemon_->reload_soon();
        if (const auto exit = daemon_->overdue()) _exit(static_cast<int>(*exit));
      }
    });
  }
  // It has done all that it had to, and is taken down; until it is, a signal ends the process.
  void let_go() {
    const std::scoped_lock lock(mutex_);
    daemon_ = nullptr;
  }
  bool was_interrupted() const { return came_ == SIGINT; }

 private:
  sigset_t set_{}, before_{};
  std::atomic<bool> done_{false};
  std::atomic<int> came_{0};
  std::mutex mutex_;
  Daemon* daemon_ = nullptr;
  std::jthread waiting_;
};

std::vector<FlagSetting> flags_of(const Arguments& arguments) {
  std::vector<FlagSetting> out;
  if (arguments.has("--dev")) {
    out.push_back({"--dev", "state.dir", ""});
    out.push_back({"--dev", "reload.watch", "true"});
    out.push_back({"--dev", "reload.every", "500ms"});
  }
  if (arguments.has("--shards")) out.push_back({"--shards", "shards", arguments.value("--shards")});
  return out;
}

}  // namespace

Exit run_run(const Arguments& arguments, Console& console) {
  auto read = settings_of(arguments, console, flags_of(arguments));
  if (!read) return Exit::usage;
  Daemon::Given given;
  given.config_json = settings_json(*read, true);
  given.config_now = [&arguments](Console& said) -> std::optional<std::string> {
    const auto now = settings_of(arguments, said, flags_of(arguments));
    return now ? std::optional(settings_json(*now, true)) : std::nullopt;
  };
  if (!arguments.operands().empty()) read->settings.rules = arguments.operands();
  if (const auto refused = refused_for_run(*read); !refused.empty()) {
    for (const std::string& why : refused) console.err << "tocsin run: " << why << '\n';
    return Exit::usage;
  }
  given.settings = std::move(read->settings);
  given.arguments = arguments;
  Signals signals;
  Exit exit = Exit::done;
  {
    Daemon daemon(std::move(given), console);
    signals.watch(daemon);
    exit = daemon.run();
    signals.let_go();
  }
  return exit == Exit::done && signals.was_interrupted() ? Exit::interrupted : exit;
}

}  // namespace tocsin::app
