// What leaves the engine, as messages in the outbox of its epoch: which document, to which sinks; and what is kept of
// it to be looked at (`tocsin alerts`, status).
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "app/compiled.h"
#include "app/control/answers.h"
#include "app/daemon/taps.h"
#include "app/settings.h"
#include "engine/io/clock.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/document.h"
#include "engine/runtime/keeper.h"

namespace tocsin::app {

// Outlives reloads: what it counts goes on.
class Outbound {
 public:
  // `tell`: where, what is wrong, and what helps.
  using Tell = std::function<void(const std::string&, const std::string&, std::string_view)>;
  Outbound(const Settings& settings, const Clock& clock, Taps& taps, Tell tell = {});

  // The sinks that rules name and the configuration does not have: each a sentence, with its place in the rules.
  // `changed`: keys of the configuration that wait for the next start. Nothing is lost in silence.
  std::vector<std::string> unknown_sinks(const CompiledSet& set, const std::vector<std::string>& changed = {}) const;

  // Rules whose alerts go to no sink, as a sentence names them; "" none. Nothing is lost in silence.
  std::string without_sink(const RuleSet& rules) const;

  // For a crew whose state `keeper` keeps. All of them outlive the crew. `rules`: those of the names.
  Crew::Outputs outputs(const DocumentNames& names, Keeper& keeper, std::shared_ptr<const RuleSet> rules);

  // A message that a sink has given up is a dead letter of the keeper in force, its record cut to the limit; one that
  // the sink of dead letters itself has given up is counted alone. Any thread.
  void undeliverable(const std::string& sink, const std::string& id, const std::string& body, const std::string& why);
  // What was told to the one before and is in no epoch yet goes over to it.
  void bind(Keeper* keeper);

  // A rule that is switched off alerts nobody; it goes on remembering, and what it emits goes on to other rules. Any
  // thread.
  void set_disabled(std::set<std::string> names);
  std::set<std::string> disabled() const;

  struct Counts {
    std::uint64_t alerts = 0, late = 0, dead_letters = 0;
    struct Source {
      std::uint64_t records = 0, bytes = 0;
    };
    std::vector<Source> sources;                    // as in the settings
    std::map<std::string, std::uint64_t> given_up;  // messages, by sink
  };
  Counts counts() const;
  // Newest first, and what has become of each by each of its sinks, which have come so far.
  std::vector<KeptAlert> kept(const std::string& rule, std::size_t most, std::span<const SinkDelivery> sinks) const;

 private:
  struct Kept {
    KeptAlert alert;
    std::vector<std::string> sinks;
    Epoch epoch;
    std::map<std::string, std::string> given_up;  // why, by sink
  };
  bool is_disabled(const Program& program) const;
  void tell_first(const DeadLetter& letter, const DocumentNames& names);
  const std::vector<std::string>& sinks_of_alert(const RuleSet& rules, const Alert& alert) const;
  void on_alert(const Alert& alert, const DocumentNames& names, Keeper& keeper);
  void on_emitted(const Emitted& emitted, const DocumentNames& names, Keeper& keeper);

  const Settings& settings_;
  const Clock& clock_;
  Taps& taps_;
  const Tell tell_;
  std::vector<std::string> late_, dead_letter_;  // the sinks of both: one or none
  struct SourceCounts {
    std::atomic<std::uint64_t> records{0}, bytes{0};
    std::atomic<std::uint32_t> dead{0};  // a bit for each reason of which a record has been told
  };
  static_assert(kDeadReasons <= 32);
  std::atomic<std::uint64_t> alerts_{0}, late_count_{0}, dead_count_{0};
  std::vector<SourceCounts> sources_;  // by SourceId
  std::string body_, message_, told_;
  mutable std::mutex mutex_;
  Keeper* keeper_ = nullptr;
  std::map<std::string, std::uint64_t> given_up_;
  std::set<std::string> disabled_;
  // Newest first; each is never changed, so that who looks at them holds up no shard while it copies documents.
  std::deque<std::shared_ptr<const Kept>> kept_;
};

}  // namespace tocsin::app
