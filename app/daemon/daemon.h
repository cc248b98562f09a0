// The daemon: sources, rules, state and sinks plugged together, and what goes on around them.
//
//   crew        this thread and one for each further shard: reads, decodes, judges
//   steward     epochs: begins, stores; publisher: gives them to the sinks
//   checkpoint  merges epochs into the base, makes savepoints
//   watch       looks whether shards move, and tells systemd; it waits for nothing: no disk but that of the log
//   rules       looks whether rule files change, somebody has asked for others; reads and compiles them
//   tap         shows samples of what goes by to those who look on
//
// A generation is a set of rules with all that was made for it. Other rules are another generation, which goes on from
// the last epoch of the one before, as after a restart: so there is one way from state to a running engine. It is made
// whole before the one before it is let go: where that fails, for whatever reason, the old one reads on as if nobody
// had asked.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "app/compiled.h"
#include "app/console.h"
#include "app/control/desk.h"
#include "app/control/server.h"
#include "app/daemon/generation.h"
#include "app/daemon/log.h"
#include "app/daemon/notify.h"
#include "app/daemon/outbound.h"
#include "app/daemon/plan.h"
#include "app/daemon/rebuild.h"
#include "app/daemon/taps.h"
#include "app/registry.h"
#include "app/settings.h"
#include "app/wall_clock.h"
#include "engine/io/checkpoint_history.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/disk.h"
#include "engine/runtime/publisher.h"

namespace tocsin::app {

class Daemon final : public Desk {
 public:
  // How long it waits where nobody can be asked; tests have others.
  struct Patience {
    // Changed files that would take away what rules remember have to stay as they are for so long before they are taken
    // by themselves, and files that have become empty: to save a file may be to empty it and then to write it.
    Duration saved = seconds(1), saved_empty = seconds(10);
    // Of what sources that cannot go back have at a stop, reading goes on for so long at most.
    Duration rest = seconds(1);
  };
  // What the command line gave beside the settings.
  struct Given {
    Settings settings;
    std::string config_json;  // of the settings, for the API
    Arguments arguments;
    // The settings as they are written now, as config_json; nothing: they cannot be read, and why has been said there.
    std::function<std::optional<std::string>(Console&)> config_now = nullptr;
    Patience patience = {};
  };
  Daemon(Given given, Console& console);
  ~Daemon() override;

  // Until it is told to stop, or all sources have ended.
  Exit run();
  // As SIGTERM. Any thread.
  void stop();
  // Rules are looked at again now. Any thread.
  void reload_soon();
  // It was to have ended by now (`shutdown_grace`), and something keeps it: that has been said, and the process is to
  // end so. Nothing that is durable is lost. Any thread.
  std::optional<Exit> overdue();

  // ----- the desk: control thread (desk.cc) ----------------------------------------------------------

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
  void tap(const TapAsked& asked, Reply reply) override { taps_.open(asked, std::move(reply)); }
  void quit() override { stop(); }

 private:
  enum class Ended : std::uint8_t { input, stopped, reload, failed };
  // Rules that have been found good and are to take the place of others; and who wants to know what became of it.
  struct Wanted {
    CompiledSet set;
    Plan plan;
    Reply reply;
    std::shared_ptr<Rebuild> rebuild = nullptr;  // null: no rule is to be rebuilt
  };
  // Rules of which what they remember comes from what the sources still have; `rebuild`: that has begun. `behind`: as
  // Rebuilding::behind.
  struct Anew {
    std::vector<std::string> rules{};
    std::shared_ptr<Rebuild> rebuild{};
    std::uint64_t behind = 0;
  };
  // A rule that somebody wants switched on or off.
  struct Switch {
    std::string rule;
    bool enabled = true;
    Reply reply;
  };
  // Why a generation cannot begin.
  struct Refusal {
    std::string where, why;
    Exit exit = Exit::usage;
  };
  using Made = tl::expected<std::shared_ptr<Generation>, Refusal>;

  Exit open_state();
  Exit open_sinks();
  Exit open_control();
  Exit first_generation();
  Exit try_first_generation(bool rebuilds = true);
  bool is_dev() const { return given_.arguments.has("--dev"); }
  void tell_broken(const std::string& said);
  void hint(const std::string& address);
  Console console_with(std::ostream& said) const;
  Made made_generation(CompiledSet rules, Anew anew);
  tl::expected<std::vector<Generation::Input>, Refusal> inputs_for(const RuleSet& rules) const;
  Result<void> give_first(const Generation& generation);
  void keep_rest();
  Ended run_generation(bool is_new);
  bool change_rules();
  void carry_figures(const RuleSet& rules);
  Verdict take_rules(Wanted& wanted, bool& is_taken);
  bool are_being_saved(const CompiledSet& now, const std::string& hash, const Plan& plan);
  void rename_disabled(const RuleSet& rules);
  Verdict refuse_rules(unsigned status, std::string why, std::string_view help = {});
  // All that has been judged becomes durable; nothing: it did. Tries again until then.
  std::optional<std::string> store_all(Duration until);
  void end();
  std::string left_by_stop() const;
  void read_rest();
  void publish_rest(Duration until);
  void publisher_thread();
  void checkpoint_thread();
  void tap_thread();
  void watch_thread();
  Duration patience() const;
  void watch_shards(Duration now);
  void watch_work(Duration now);
  void watch_troubles(const Generation& generation);
  void rules_thread();
  void look_at_rules(Duration now);
  void apply(const ReloadAsked& asked, Reply reply);

  // Rules that are rebuilt (rebuild_desk.cc).
  Result<Anew> unfinished(const RuleSet& rules);
  std::vector<Rebuild::From> sources_again(const std::vector<Generation::Input>& inputs,
                                           const Generation& generation) const;
  Result<Engine*> rebuilt_to(const Cut& cut, const Generation& generation, Anew& anew);
  void begin_rebuild(const ReloadAsked& asked, Wanted wanted);
  void rebuild_thread(bool is_dry_run, Wanted wanted);
  Result<void> catch_up(Rebuild& rebuild, bool is_dry_run) const;
  void give_up_rebuild();
  bool is_rebuilding() const;
  Result<void> remember_rebuilding(const Anew& anew);
  void forget_rebuilding();
  void watch_rebuilt(const Generation& generation);

  void switch_rules();
  Verdict switch_rule(const Switch& asked);
  void checkpoint();
  void make_asked_savepoint(bool at_end);
  std::shared_ptr<Generation> current() const;
  std::shared_ptr<const CompiledSet> current_set() const;
  // What the daemon is about, for people, while it judges nothing.
  void is_at(std::string_view stage, std::string_view what);

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
  Taps taps_;
  Outbound outbound_;
  Surroundings around_;

  mutable std::mutex mutex_;  // of the generation's place, and of what is asked for; held for moments
  std::shared_ptr<Generation> generation_;
  ReloadStatus reload_status_;
  std::optional<std::pair<ReloadAsked, Reply>> asked_;
  std::optional<std::pair<SavepointAsked, Reply>> asked_savepoint_;  // also while it is being made
  std::optional<Wanted> wanted_;
  std::vector<Switch> switches_;
  std::string stage_ = "starting", about_ = "the state is being read, and sources are being opened";
  std::vector<std::string> stuck_;     // by shard; "" it moves
  std::vector<double> busy_;           // by shard: share of the last second
  std::vector<CheckpointNote> notes_;  // newest first
  // Of the generations before; by shard; by rule, as it is called now.
  std::uint64_t events_before_ = 0;
  std::vector<std::uint64_t> shard_events_before_;
  std::map<std::string, Crew::ShardFigures::Rule> rules_before_;
  Duration ends_at_{};                // 0: it has not been told to
  std::shared_ptr<Rebuild> rebuild_;  // that is under way; null: none is
  std::jthread rebuilding_;

  std::atomic<bool> stops_{false}, looks_{false}, threads_stop_{false}, publishing_stops_{false};
  std::atomic<bool> judges_{false};    // a crew is at work
  std::atomic<bool> stewards_{false};  // ... and who stores its epochs
  std::atomic<std::int64_t> merging_since_{0};
  std::atomic<bool> is_safe_{false};              // all that was judged is durable
  std::atomic<std::uint64_t> rebuilt_behind_{0};  // Rebuilding::behind, until a later epoch is durable; 0: nothing is
  std::atomic<int> failed_{0};                    // an Exit

  // The watch thread's own.
  struct Beat {
    std::uint64_t count = 0;
    Duration since{};
  };
  std::vector<Beat> beats_;
  std::uint64_t beating_ = 0;                        // the generation that they are of
  std::vector<std::pair<Duration, Duration>> work_;  // by shard: when it was looked at, what it had worked
  Duration work_looked_{};
  std::uint64_t working_ = 0;                    // the generation that it is of
  std::map<std::string, std::string> troubles_;  // that go on: where, what

  // The rules thread's own.
  Duration looked_{};
  std::string broken_;  // what was told of broken rules, by --dev; before there is that thread, the main thread's
  std::string seen_;    // the hash of changed rules that would lose state, ...
  Duration seen_at_{};  // ... and since when they are so: perhaps somebody is still saving them
  std::optional<std::uint64_t> same_;  // of the files, when they were found to say what runs
  std::string refused_;  // the hash of rules that could not begin, which are tried again only now and then
  Duration try_again_{};

  std::jthread publishing_, checkpointing_, tapping_, watching_, ruling_;
  std::unique_ptr<ControlServer> control_;
};

}  // namespace tocsin::app
