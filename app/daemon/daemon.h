// The daemon: sources, rules, state and sinks plugged together, and what goes on around them.
//
//   crew        this thread and one for each further shard: reads, decodes, judges
//   steward     epochs: begins, stores; publisher: gives them to the sinks
//   checkpoint  merges epochs into the base, makes savepoints
//   watch       looks whether shards move, rule files change, somebody has asked for something
//
// A generation is a set of rules with all that was made for it. Other rules are another generation, which goes on from
// the last epoch of the one before, as after a restart: so there is one way from state to a running engine.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/compiled.h"
#include "app/console.h"
#include "app/control/desk.h"
#include "app/control/server.h"
#include "app/daemon/log.h"
#include "app/daemon/notify.h"
#include "app/daemon/outbound.h"
#include "app/registry.h"
#include "app/settings.h"
#include "app/wall_clock.h"
#include "engine/io/checkpoint_history.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/disk.h"
#include "engine/runtime/steward.h"

namespace tocsin::app {

class Daemon final : public Desk {
 public:
  // What the command line gave beside the settings.
  struct Given {
    Settings settings;
    std::string config_json;  // of the settings, for the API
    Arguments arguments;
  };
  Daemon(Given given, Console& console);
  ~Daemon() override;

  // Until it is told to stop, or all sources have ended.
  Exit run();
  // As SIGTERM. Any thread.
  void stop();
  // Rules are looked at again now. Any thread.
  void reload_soon();

  // ----- the desk: control thread --------------------------------------------------------------------

  Health healthy() const override;
  Health ready() const override;
  DaemonStatus status() const override;
  std::vector<RuleStatus> rules() const override;
  std::vector<ShardStatus> shards() const override;
  std::vector<CheckpointNote> checkpoints() const override;
  std::vector<SavepointStatus> savepoints() const override;
  std::vector<KeptAlert> alerts(const AlertsAsked& asked) const override;
  std::vector<ProblemStatus> problems() const override { return log_.problems(); }
  std::string config() const override { return given_.config_json; }
  std::string metrics() const override;

  void reload(const ReloadAsked& asked, Reply reply) override;
  void savepoint(const SavepointAsked& asked, Reply reply) override;
  void delete_savepoint(const std::string& name, Reply reply) override;
  void enable(const std::string& rule, bool enabled, Reply reply) override;
  void quit() override { stop(); }

 private:
  struct Generation;
  enum class Ended : std::uint8_t { input, stopped, reload, failed };

  Exit open_state();
  Exit open_sinks();
  Exit open_control();
  Exit first_generation();
  std::unique_ptr<Generation> made_generation(CompiledSet rules, Exit& exit);
  Ended run_generation();
  bool finish_generation();
  void publish_rest();
  void start_threads();
  void stop_threads();
  void steward_thread();
  void publisher_thread();
  void checkpoint_thread();
  void watch_thread();
  void watch_shards(Duration now);
  Verdict apply(const ReloadAsked& asked);
  void checkpoint();
  void make_asked_savepoint(bool at_end);

  Given given_;
  const Settings& settings_;
  Console& console_;
  WallClock clock_;
  Log log_;
  Notify notify_;
  Time started_;
  std::unique_ptr<Disk> disk_;
  std::unique_ptr<CheckpointStore> store_;
  CheckpointHistory* history_ = nullptr;
  std::vector<OpenSink> sinks_;
  std::unique_ptr<Publisher> publisher_;
  Outbound outbound_;
  Surroundings around_;

  mutable std::mutex mutex_;  // of the generation's place, and of what is asked for
  std::shared_ptr<Generation> generation_;
  std::uint64_t number_ = 0;
  ReloadStatus reload_status_;
  std::optional<std::pair<ReloadAsked, Reply>> asked_;
  std::optional<std::pair<SavepointAsked, Reply>> asked_savepoint_;  // also while it is being made
  std::shared_ptr<CompiledSet> next_rules_;  // that have been found good, for the next generation
  std::vector<CheckpointNote> notes_;
  std::uint64_t events_before_ = 0;  // of the generations before

  std::atomic<bool> stops_{false}, looks_{false}, threads_stop_{false}, publishing_stops_{false};
  std::atomic<int> failed_{0};  // an Exit
  std::string stage_ = "starting";
  std::vector<std::string> stuck_;  // by shard; "" it moves
  std::vector<std::jthread> threads_;
  std::jthread publishing_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace tocsin::app
