// Rules that are to know what was before them: an engine of their own reads again what the sources still have, up to
// where the daemon's has read it, and what the rules remember there goes to the daemon's shards, at one point of the
// event order (Keeper::restore). What comes out of it meanwhile goes nowhere.
//
//   make     which rules run in it, and whether what they read can be read again
//   go_to    reads and judges up to a cut of the daemon's; over and over, as that goes on
//
// One thread, but for what says otherwise.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/daemon/generation.h"
#include "app/daemon/up_to.h"
#include "app/registry.h"
#include "app/settings.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/engine.h"

namespace tocsin::app {

class Rebuild {
 public:
  // A source as the daemon has it.
  struct From {
    const SourceSettings* settings = nullptr;
    Generation::Input input;
    std::uint32_t partitions = 1;
    bool comes_again = false;
  };
  // Why not, in words for whoever asked. `names`: of rules, sessions, summaries.
  static Result<std::shared_ptr<Rebuild>> make(const CompiledSet& set, const std::vector<std::string>& names,
                                               std::vector<From> sources, const Settings& settings,
                                               const Surroundings& around);
  ~Rebuild();

  // Reads and judges up to where the cut stands, from the oldest record on.
  Result<void> go_to(const Cut& cut);
  // Reads the first records and judges nothing, for whoever wants to know since when there are some.
  Result<void> look(const Cut& cut);
  Engine& engine() { return *engine_; }
  // How long it waits for what is still to come, when nothing does.
  void set_patience(Duration patience) { patience_ = patience; }

  const std::vector<ProgramId>& programs() const { return programs_; }
  const std::vector<std::string>& names() const { return names_; }
  // Any thread.
  void give_up() { given_up_ = true; }
  bool is_given_up() const { return given_up_; }
  // Of what there was to read when it began, between 0 and 1. Any thread.
  double done() const;

  // What it found: since when there are events (of the source that begins last), and when the rule's windows will have
  // been filled since then; nothing: they are, or all that its sources ever gave was there.
  struct Found {
    std::string rule;
    std::optional<Time> since, warming_until;
  };
  std::vector<Found> found() const;

 private:
  Rebuild(std::vector<From> sources, const Settings& settings, const Surroundings& around);
  Result<void> begin(const Cut& cut);
  Result<void> read();
  std::optional<Error> too_much() const;
  std::string why_nothing_comes() const;

  std::vector<From> sources_;
  const Surroundings& around_;
  const std::uint64_t record_max_;
  const std::uint64_t memory_;  // that what the rules remember may take, and events that wait
  const Duration within_;       // all of it
  Duration patience_ = seconds(30), began_{};
  std::vector<std::string> names_;
  std::vector<ProgramId> programs_;
  std::vector<bool> is_read_;  // by source: the rules read it
  std::shared_ptr<const RuleSet> rules_;
  std::vector<std::string> source_names_;
  std::unique_ptr<Engine> engine_;
  struct Reader {
    std::size_t source = 0;
    std::unique_ptr<UpTo> up_to;
    std::vector<std::size_t> partitions;  // of the engine
    std::uint64_t began_at = 0;
  };
  std::vector<Reader> readers_;
  std::unique_ptr<Crew> crew_;
  std::vector<std::optional<Time>> first_;  // event, by source
  Time passed_ = Frontier::kNothing;
  std::uint64_t read_ = 0;  // blocks
  std::atomic<std::uint64_t> to_read_{0}, left_{0};
  std::atomic<bool> given_up_{false};
};

}  // namespace tocsin::app
