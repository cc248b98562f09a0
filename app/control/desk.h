// What the control API asks of the daemon: the only thing that both know. The daemon implements it; the API's tests
// have a desk of their own.
//
// Threads
//   - All calls come from the control thread, none concurrently. It serves every request, so a call that waits makes
//     /-/healthy wait: answers are copies of what shards and sinks have put down (atomics, a mutex held for a copy),
//     never a question to a shard.
//   - What takes time (reload, savepoint ...) is begun and answered through its Reply, once, from any thread, also
//     after the client has gone. A Reply that is destroyed without a call answers 500.
//   - What goes on (tap) is asked now and then what has come since, as long as the desk is there.
//   - The desk outlives the API.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/control/answers.h"

namespace tocsin::app {

// An answer that goes on until one of both sides ends it. Control thread; it never waits.
class LongAnswer {
 public:
  virtual ~LongAnswer() = default;
  // Appends what has come since the last call; false: nothing will come any more.
  virtual bool take(std::string& out) = 0;
};

// What came of something that was asked for: 200 done, 202 begun, 404 no such thing, 409 not now, 422 refused, 500
// failed. The document is what a client prints or reads.
struct Verdict {
  unsigned status = 200;
  std::string document =
      {};  // a JSON object; its `text` is what people read of it, lines as `tocsin reload` prints them
  std::shared_ptr<LongAnswer> goes_on = {};  // instead of a document: lines, as they come
};
using Reply = std::function<void(Verdict)>;

struct ReloadAsked {
  bool dry_run = false;
  bool require_state_kept = false;
  std::vector<std::string> rebuild = {};  // rules to be back-filled
  bool by_itself = false;                 // nobody has asked: the files are looked at now and then
};

struct SavepointAsked {
  std::string name = {};  // [A-Za-z0-9._-]{1,64}, not beginning with a dot; "" the daemon makes one
  bool stop = false;      // the daemon ends behind it
};

struct AlertsAsked {
  std::string rule = {};   // "" of all
  std::size_t most = 100;  // newest first
};

// Samples of what goes by. Bounds of those who look on: how many, how fast, and the bytes that wait for the client of
// one.
inline constexpr std::size_t kTapsMost = 8, kTapBytes = 256 << 10;
inline constexpr std::int64_t kTapRateMost = 10'000;
struct TapAsked {
  enum class Of { events, alerts, late, dead_letters };
  Of of = Of::events;
  std::string name = {};                   // of the events, or the rule; "" of all
  std::string where = {};                  // of events: an expression of the rule language
  std::uint64_t rate = 100;                // samples a second, at most
  std::optional<std::uint64_t> most = {};  // it ends behind so many
  std::optional<Duration> lasts = {};      // it ends after so long
};

class Desk {
 public:
  virtual ~Desk() = default;

  virtual Health healthy() const = 0;
  virtual Health ready() const = 0;
  virtual DaemonStatus status() const = 0;
  virtual std::vector<RuleStatus> rules() const = 0;
  virtual std::vector<ShardStatus> shards() const = 0;
  virtual std::vector<CheckpointNote> checkpoints() const = 0;  // newest first
  virtual std::vector<SavepointStatus> savepoints() const = 0;
  virtual std::vector<KeptAlert> alerts(const AlertsAsked& asked) const = 0;
  virtual std::vector<ProblemStatus> problems() const = 0;
  virtual std::string config() const = 0;   // JSON object: what `tocsin config show --json` says, secrets as ***
  virtual std::string metrics() const = 0;  // Prometheus text 0.0.4 (control/metrics.h)

  virtual void reload(const ReloadAsked& asked, Reply reply) = 0;
  virtual void savepoint(const SavepointAsked& asked, Reply reply) = 0;
  virtual void delete_savepoint(const std::string& name, Reply reply) = 0;
  virtual void enable(const std::string& rule, bool enabled, Reply reply) = 0;
  // 200 and what goes on; 409 too many look on already; 422 there is no such thing to look at.
  virtual void tap(const TapAsked& asked, Reply reply) = 0;
  virtual void quit() = 0;  // as SIGTERM: returns at once
};

}  // namespace tocsin::app
