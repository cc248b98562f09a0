// One program on one shard: its keys, their states and timers. A runner is given the events that its program may want,
// in the total order, and the instants at which something is due; it gives alerts and emitted events.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/event/source_marks.h"
#include "engine/match/alert.h"
#include "engine/match/pattern.h"
#include "engine/program/eval.h"
#include "engine/program/limits.h"
#include "engine/program/program.h"
#include "engine/runtime/key_book.h"
#include "engine/runtime/keyed_visits.h"
#include "engine/runtime/placement.h"

namespace tocsin {

// What a runner gives. The shard orders it.
struct Outputs {
  std::vector<Alert> alerts;
  std::vector<Emitted> emitted;
};

// What a program counts of what it does not judge: looked at by `probe` and summaries, never by rules.
struct ProgramCounters {
  std::uint64_t events = 0;       // seen under some key
  std::uint64_t missing_key = 0;  // skipped (language.md, section 4)
  std::uint64_t refused = 0;      // except, during, outside
  std::uint64_t fired = 0, suppressed = 0, muted = 0, learning = 0;
  std::uint64_t cut_short = 0;  // state dropped for a limit
  std::uint64_t keys_most = 0;

  ProgramCounters& operator+=(const ProgramCounters& other) {
    events += other.events;
    missing_key += other.missing_key;
    refused += other.refused;
    fired += other.fired;
    suppressed += other.suppressed;
    muted += other.muted;
    learning += other.learning;
    cut_short += other.cut_short;
    keys_most += other.keys_most;
    return *this;
  }
};

class Runner;
class StateReader;
struct StateAddress;
struct StateOut;  // changes.h

struct EngineOptions {
  bool fast = true;  // false: the general matchers, and no index of predicates, as tests compare
  std::size_t window_events = kWindowEventsPerKeyMax;
  std::uint32_t shards = 1;  // at most kShardsMax
  // A shard that has so many alerts and emitted events to be taken goes no further; a few MB.
  std::size_t outputs_at_once = 4'096;
  std::vector<std::string> sources{};  // their names, by SourceId: ids of alerts and sessions follow from them
  std::vector<ProgramId> apart{};      // they remember for themselves alone what others count, too
  // Once it is true no event is judged any more, not even of a block in hand: what has come out by then is good, what
  // is left is not looked at.
  const std::atomic<bool>* given_up = nullptr;
};

// What runners of one shard share.
struct RunContext {
  bool fast = true;
  std::size_t window_events = 0;
  const SourceMarks* sources = nullptr;
  const RuleSet* rules = nullptr;
  const Evaluator* evaluator = nullptr;
  const std::shared_ptr<const ReferenceData>* reference = nullptr;  // the shard's: lists and tables as they are now
  Scratch* scratch = nullptr;
  KeyBook* keys = nullptr;  // of the events in hand
  KeyedVisits* visits = nullptr;
  Share share{};
  std::span<const ProgramId> apart{};
  std::vector<std::unique_ptr<Runner>>* runners = nullptr;  // by ProgramId: `mute while` looks at another

  // What an expression can read at an event, or at `time` without one; the rest is the runner's.
  EvalContext at(const Event* event, Time time) const {
    EvalContext out;
    out.event = event;
    out.time = time;
    out.reference = reference->get();
    out.scratch = scratch;
    return out;
  }
};

// An event in hand and a program that may want it, with what its runner has worked out about it before its turn.
struct Ahead {
  const Event* event = nullptr;
  std::uint32_t program = 0;
  std::uint16_t at = 0;  // of the hand
  bool is_wanted = true;
  std::uint8_t what = 0;          // the runner's own
  const EventKey* key = nullptr;  // in the book
  void* place = nullptr;          // where the runner has the key's state, if it knows
};

// A program's windows have become longer at `at`: what was older than `before` had left them, so that keys whose last
// event that was may have been given up, or not yet.
struct Lost {
  Time before{}, at{};

  template <class Archive>
  void state_parts(Archive& a) {
    a(before, at);
  }
};

// What durable state says of a program as a whole.
struct Watching {
  Time from{};
  std::optional<Lost> lost;  // not written where there is none

  template <class Archive>
  void state_parts(Archive& a) {
    a(from);
    if constexpr (Archive::kReads) {
      if (!a.at_end()) a(lost.emplace());
    } else if (lost) {
      a(*lost);
    }
  }
};

class Runner {
 public:
  virtual ~Runner() = default;

  // The first event of any source that the program reads was at `from` (T9): listed keys and `by all` begin.
  virtual void watch(Time from) = 0;
  // The lists and tables have just been swapped: from `from` on the keys of a watched list are others (E3).
  virtual void on_swap(Time /*from*/) {}
  virtual void on_event(const Event& event, Outputs& out) = 0;

  // Events that come soon: what the event alone decides (whether it is wanted, its key) may be worked out now, and
  // memory fetched that its turn will need. What is not wanted need not have its turn. Nothing that could be seen
  // changes before on_ahead.
  virtual void look_ahead(std::span<Ahead>) {}
  // All in hand have been looked at: what look_ahead fetched has come.
  virtual void fetch(std::span<Ahead>) {}
  // The turn of the first of them, as on_event, and of those behind it until something comes out; how many.
  virtual std::size_t on_ahead(std::span<const Ahead> ahead, Outputs& out) {
    on_event(*ahead.front().event, out);
    return 1;
  }
  // False: look_ahead and fetch do nothing.
  virtual bool looks_ahead() const { return false; }
  // Memory that look_ahead reads, the same at all events: where there are thousands of programs, it is not at hand.
  virtual void add_memory(std::vector<const void*>&) const {}
  // Of the events of the type those alone come that pass the program's filter: whoever finds them has judged it.
  virtual void is_answered(EventTypeId) {}
  // An event older than the watermark, which stands at `now`: all that it may do is withdraw an alert (F14).
  virtual void on_late(const Event&, Time /*now*/, Outputs&) {}

  // False: another runner, of an earlier program, sees the events for this one, too, and gives its alerts.
  virtual bool is_asked() const { return true; }
  // False: nothing is ever due.
  virtual bool has_timers() const { return true; }

  // The next instant at which something is due; none: nothing is. What time alone renews counts only when asked (T8).
  virtual std::optional<Instant> due() const = 0;
  virtual std::optional<Instant> due_but_renewing() const = 0;
  // The same key by key, without what time alone renews: for whoever goes through all of it.
  using DueKey = std::pair<Instant, std::string>;
  virtual void due_keys(std::vector<DueKey>&) const {}
  virtual std::optional<Instant> due_of_key(const std::string&) const { return std::nullopt; }
  // Everything that is due at `now`, keys in order.
  virtual void on_instant(Instant now, Outputs& out) = 0;

  // ----- durable state: whoever has it asks in this order: (load ..) track, then cut, save .., cut, save .. ------

  // From here on what changes is noted, for `out` (which outlives the calls).
  virtual void track(const StateOut& out) = 0;
  // What has changed up to here is of the epoch that ends. REQUIRES: `save` has said that nothing is left of the one
  // before.
  virtual void cut() = 0;
  // Writes about `most` keys of the cut, as they stood then; says how many are left.
  virtual std::size_t save(std::size_t most) = 0;
  // It has been watching since then: what `watch` began comes by `load`.
  virtual void watched(Time /*from*/) {}
  // Of keys that come by `load` from here on.
  virtual void lost(const Lost& /*lost*/) {}
  // False: what stands there was left by a clause that the program has no more; it is nobody's, and dropped.
  virtual bool keeps(const StateAddress&) const { return true; }
  // What an address of this program holds. False: the bytes are no state of it. REQUIRES: keeps(address).
  virtual bool load(const StateAddress& address, StateReader& in) = 0;
  // All has been loaded, and all before `passed` has happened: what is due follows from the lengths of today.
  virtual void restored(Instant /*passed*/) {}

  // Are keys looked at one by one? Then they may stay in durable state until an event asks for them, or something is
  // due for them soon.
  virtual bool may_be_cold() const { return false; }
  // How far apart the times are in the index of what is due for them; 0: there is none, as nothing ever is, or all are
  // in memory.
  virtual Duration index_step() const { return {}; }
  // The index has keys of this group from `at` on that are not in memory. REQUIRES: index_step(), begin_cold() comes.
  virtual void cold_from(std::uint16_t /*group*/, Time /*at*/) {}
  // From here on some do, for ever. REQUIRES: may_be_cold(), track().
  virtual void begin_cold() {}
  // About the memory of all keys, in constant time.
  virtual std::size_t held() const { return 0; }
  // Looks at up to `most` keys and takes out of memory what durable state has as it is; how many. REQUIRES:
  // may_be_cold(), the last cut is durable, all that was due before `passed` has happened; where it is not zero
  // begin_cold() comes next.
  virtual std::size_t evict(std::size_t /*most*/, Time /*passed*/) { return 0; }

  // May what durable state has of a key come to mean no more than nothing, by time alone, and nobody would be told?
  virtual bool keys_run_out() const { return false; }
  // Does it, when no event earlier than `passed` comes any more? Of the bytes alone: any thread. REQUIRES:
  // keys_run_out().
  virtual bool has_run_out(StateReader& /*key*/, Time /*passed*/) const { return false; }

  // For `mute while`: is an alert open, or the rule not armed again, for a key with these bytes in these parts (of
  // none: for any key)? REQUIRES: a rule of the set is muted so.
  virtual bool fires(std::span<const std::uint32_t> parts, std::string_view bytes) const = 0;
  // What is remembered of the key, for people: a line each. REQUIRES: it is in memory.
  virtual std::vector<std::string> in_words(const std::string& key) const = 0;
  virtual const ProgramCounters& counters() const = 0;
  virtual std::size_t keys() const = 0;
  virtual std::size_t bytes() const = 0;
};

// The runners of all programs, by ProgramId: the leanest that serves each.
std::vector<std::unique_ptr<Runner>> make_runners(const RunContext& context);

}  // namespace tocsin
