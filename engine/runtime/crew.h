// Sources and an engine, on as many threads as the engine has shards. Each worker has a shard of its own and does what
// is next: it judges what has come for its shard, the highest level first, else it reads a block of some source,
// decodes it, finds out which shards see its events, and hands it over. Blocks of one partition are decoded side by
// side and handed over in their order. What comes out is the same as on one thread, byte for byte.
//
//   Crew crew(engine, feeds, outputs, clock);
//   crew.run();            // until all sources have ended; or, in a simulation, step(worker) in any order
//
// Whoever has nothing to do sleeps until something has come; nobody spins. What is read is bounded: by what shards have
// not looked at yet, and by what waits in event time (Limits), where only the partitions are read on that time waits
// for.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/event/batch.h"
#include "engine/io/clock.h"
#include "engine/io/decoder.h"
#include "engine/io/source.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/keeper.h"
#include "engine/runtime/outlet.h"

namespace tocsin {

class Crew {
 public:
  struct Feed {
    Source* source = nullptr;
    SourceId id{};
    std::vector<std::size_t> partitions{};  // the engine's, by number in the source
    std::function<Result<std::unique_ptr<Decoder>>()> make_decoder{};
    std::function<void(EventBatch&)> select{};  // takes out what is as if it were not in the source; any thread
    // Where reading goes on, by number in the source, and what decoders need to know of what stands before it; none:
    // from the beginning.
    struct Reading {
      std::uint64_t next_offset = 0;
      std::string memory{};
    };
    std::vector<Reading> goes_on{};
  };
  struct Limits {
    // Of the events that wait. Beyond it partitions that are ahead of the stream are paused.
    std::uint64_t held_bytes = std::uint64_t{1} << 30;
  };
  // One at a time, from any thread.
  struct Outputs {
    Outlet::GiveAlert alert{};
    Outlet::GiveEmitted emitted{};
    std::function<void(const LateEvent&)> late{};
    std::function<void(const DeadLetter&)> dead{};
    // A block has been handed over: its bytes, and how much of its source was done when it was read (Source::done).
    std::function<void(SourceId source, const std::shared_ptr<const EventBatch>&, std::uint64_t bytes, double done)>
        block{};
    std::function<bool()> stopped{};  // no more is read, and what time alone would still bring is left
  };
  // All of them outlive it. Sources have been started. `keeper`: keeps the state; none: nobody does.
  Crew(Engine& engine, std::vector<Feed> feeds, Outputs outputs, const Clock& clock, Keeper* keeper = nullptr);
  ~Crew();
  void set_limits(const Limits& limits) { limits_ = limits; }

  // The calling thread is one of the workers. Returns when all sources have ended, and time has gone to the last event
  // (T8); when somebody said stop, and all that had been read is judged; or when reading failed.
  Result<void> run();
  // No more is read. Any thread.
  void stop();
  // Reads on from where `stop` has found it, with the next `run`. REQUIRES: `run` has returned, and did not fail.
  void go_on();
  // Nothing is read as long as it holds.
  void hold(bool holds) { holds_ = holds; }
  // There may be something to do that no block brought. Any thread.
  void nudge();
  // What a source has given by now is read and judged, after `stop`; when no thread is at work. Until it has nothing
  // for a moment, at most `most`.
  void read_rest(SourceId source, Duration most);
  // What there is to do without reading; when no thread is at work.
  void work_off();

  // Of the source that partition `partition` of the engine is of; from any thread.
  struct Mark {
    std::string bookmark;
    std::vector<SourceNote> notes;
  };
  Mark mark(std::size_t partition, std::uint64_t next_offset);
  std::string memory(std::size_t partition);         // of its decoder
  void stored(std::span<const Progress> positions);  // by partition of the engine
  std::uint64_t held_bytes() const { return *held_; }

  // What a shard has put down last (twice a second at most), for whoever watches; any thread.
  struct ShardFigures {
    struct Rule {
      std::uint64_t events = 0, alerts = 0, keys = 0, cut_short = 0, missing_key = 0;
      // Of the same rule in another crew, whose keys are in this one, too.
      void add_counts(const Rule& other) {
        events += other.events;
        alerts += other.alerts;
        cut_short += other.cut_short;
        missing_key += other.missing_key;
      }
    };
    std::vector<Rule> rules;    // by ProgramId
    std::uint64_t waiting = 0;  // events that wait for their time
    std::uint64_t held = 0;     // bytes of keys (Shard::held)
    Duration busy{}, at{};      // all that it has worked; when this was put down
    Time passed = Frontier::kNothing;
  };
  ShardFigures figures(std::size_t shard) const;
  // All of them, as of now; when no thread is at work.
  void put_down();
  // Source::trouble of each feed's, as it was when it was read last; any thread.
  std::vector<std::string> troubles() const;
  // Feeds of which no partition is read, as what they give would only wait for others; any thread.
  std::vector<bool> paused() const;
  // Moves as long as the worker does.
  std::uint64_t beats(std::size_t worker) const { return workers_[worker].beats; }
  // Whose turn it is there; none: it is about something else. Any thread.
  ProgramId turn(std::size_t worker) const;
  bool has_stopped() const { return stopped_; }
  // All ends here: `run` gives this error, unless there was one before. Any thread.
  void fail(const Error& error);
  // Reading has failed: why. For whoever calls `step`.
  std::optional<Error> why_failed() const;
  // `Engine::until` and `drain`; when no thread is at work. What it brings comes out, the last of it by `give_out`.
  void until(Time through);
  void drain();
  void give_out();
  // Of all that was read.
  std::array<std::uint64_t, kDeadReasons> dead() const;

  // One piece of work for a worker; false: there is none for it now. What `run` calls over and over.
  bool step(std::size_t worker);
  bool is_done();
  // What `run` does when all is done.
  void end();

 private:
  // A block on its way.
  struct Decoded {
    SourceId source{};
    std::shared_ptr<EventBatch> batch;
    Routes routes;
    std::vector<DeadLetter> dead;
    std::uint64_t bytes = 0;
    double done = -1;
    Engine::Extent extent;
    bool ends = false;
  };
  // A source, and whose turn it is to read it.
  struct Inlet {
    Feed feed;
    std::mutex mutex;
    std::atomic<bool> finished{false};
    std::vector<bool> paused;            // by partition of the source
    std::atomic<bool> is_paused{false};  // all of them
    mutable std::mutex telling;
    std::string trouble;
  };
  // Blocks of a partition leave in the order in which they were read.
  struct Turnstile {
    std::mutex mutex;
    std::uint64_t next_read = 0, next_out = 0;
    Time arrived = Frontier::kNothing;  // the latest block
    std::map<std::uint64_t, Decoded> ready;
    bool is_busy = false;
    std::mutex decoding;               // a decoder that remembers what came before: one block at a time
    std::unique_ptr<Decoder> decoder;  // ... and it
    std::uint64_t next_decoded = 0;
    std::condition_variable turn;
  };
  struct Worker {
    std::unique_ptr<Router> router;
    std::vector<std::unique_ptr<Decoder>> decoders;  // by partition of the engine
    DeadLetters dead;
    Block block;
    std::size_t next_inlet = 0;
    std::size_t pieces = 0;  // saved since it last looked for something to read
    std::atomic<std::uint64_t> beats{0};
    Duration put_down{};        // when its figures were
    Duration busy{}, waited{};  // waited: for something to read, since it was last put down what it did
    mutable std::mutex mutex;
    ShardFigures figures;
    std::atomic<std::uint64_t> judged{0};  // news_ when it judged last
    std::atomic<bool> is_judging{false};
  };

  enum class Judged : std::uint8_t { all, waits, more };  // more: it, or another one, has something new to judge
  bool judge(std::size_t worker);
  Judged judge_lane(std::size_t lane, std::size_t worker);
  bool is_midway(std::size_t worker) const;
  enum class Read : std::uint8_t { block, nothing, busy };

  bool read(std::size_t worker, Duration wait);
  bool breaks_off();
  Read read_from(Inlet& inlet, Worker& worker, Duration wait);
  Inlet& inlet_of(std::size_t partition, std::uint32_t& in_source);
  bool may_read() const;
  void put_down(std::size_t worker, Duration now);
  void hold_back(Inlet& inlet);
  static void note_trouble(Inlet& inlet);
  bool has_judged_all() const;
  Result<Decoder*> decoder_of(Worker& worker, const Inlet& inlet, std::size_t partition);
  void decode(Worker& worker, const Inlet& inlet, std::size_t partition, std::uint64_t ticket, Decoder& own,
              Decoded& out);
  void hand_over(std::size_t partition, std::uint64_t ticket, Decoded decoded);
  void pass_on(std::size_t partition, Decoded& decoded);
  void has_finished(Inlet& inlet);
  void wake();
  void work(std::size_t worker);

  Engine& engine_;
  std::vector<std::unique_ptr<Inlet>> inlets_;
  Outputs outputs_;
  Limits limits_;
  const Clock& clock_;
  Keeper* keeper_;
  Outlet outlet_;
  BatchPool pool_;
  std::vector<Worker> workers_;
  std::vector<std::unique_ptr<Turnstile>> turnstiles_;  // by partition of the engine
  mutable std::mutex giving_;                           // late events, dead letters and figures
  std::shared_ptr<std::atomic<std::uint64_t>> held_;    // bytes of the events that wait
  std::atomic<std::uint64_t> in_hand_{0};               // blocks that were read and not yet handed over
  std::atomic<std::size_t> block_;                      // how large they are to be
  std::atomic<bool> finished_{false}, failed_{false};   // nothing more is read
  std::atomic<std::size_t> reading_on_{0};              // inlets that have not finished
  std::atomic<bool> stopped_{false}, done_{false}, holds_{false}, broken_off_{false};
  Error error_;

  std::mutex sleeping_;
  std::condition_variable news_has_come_;
  std::atomic<std::uint64_t> news_{1};  // counts what may give a worker something to do
};

}  // namespace tocsin
