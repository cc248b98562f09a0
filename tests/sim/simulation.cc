#include "tests/sim/simulation.h"

#include <algorithm>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <set>

#include <unistd.h>

#include "adapters/codec/config.h"
#include "adapters/file/sink.h"
#include "adapters/lmdb/store.h"
#include "engine/base/contract.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/keeper.h"
#include "engine/runtime/kept_shape.h"
#include "engine/runtime/outbox.h"
#include "engine/runtime/publisher.h"
#include "engine/runtime/steward.h"
#include "engine/state/address.h"
#include "tests/support/compare.h"

namespace tocsin::tests {
namespace {

const char* const kFile = "alerts.ndjson";
// After so many steps nothing goes wrong any more, and then all is delivered after so many.
constexpr int kStepsUntilCalm = 700, kStepsUntilDone = 20'000;

// Where the base is: LMDB writes through the system. One for the process, emptied for each run.
class BaseFolder {
 public:
  BaseFolder()
      : path_((std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                   : std::filesystem::temp_directory_path()) /
              ("tocsin_sim_" + std::to_string(::getpid()))) {
    empty();
  }
  ~BaseFolder() { std::filesystem::remove_all(path_); }
  void empty() const {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

// Says of a file sink that it stands nowhere.
class ForgetfulSink final : public Sink {
 public:
  explicit ForgetfulSink(std::unique_ptr<Sink> sink) : sink_(std::move(sink)) {}
  Result<void> open(const std::optional<Delivery>& from, Epoch newest) override { return sink_->open(from, newest); }
  Result<Written> write(Epoch epoch, std::span<const Message> m) override { return sink_->write(epoch, m); }
  Result<void> finish(Epoch epoch) override { return sink_->finish(epoch); }
  Epoch delivered() const override { return sink_->delivered(); }
  Result<bool> drain(Duration wait) override { return sink_->drain(wait); }
  std::string trouble() const override { return sink_->trouble(); }

 private:
  std::unique_ptr<Sink> sink_;
};

// The rules of one kind of generation, ready.
struct Rules {
  Ready ready;
  int visitor = -1;  // none
};

// A set of rules and all that is made for it (as the daemon's).
struct Generation {
  const Rules& rules;
  const CodecConfig codec = codec_of_cases();
  Engine engine;
  DocumentNames names;
  std::deque<FaultySource> sources;
  Keeper keeper;
  std::unique_ptr<Crew> crew;
  std::unique_ptr<Steward> steward;

  Generation(const Rules& r, std::uint32_t shards, const World& world, Fate& fate, std::vector<SourceLog>& logs,
             CheckpointStore& store, const KeeperLimits& limits)
      : rules(r),
        engine(r.ready.rules, r.ready.data,
               {.shards = shards,
                .outputs_at_once = shards % 2 == 0 ? 2u : 4'096u,
                .sources = std::vector<std::string>(world.sources, "0")}),
        names(names_for(r.ready)),
        keeper(engine, store, names_of_sources(world.sources), limits) {
    names.sources.resize(world.sources, names.sources.front());  // documents say the same of any number of sources
    const std::vector<EventTypeId> carried = carried_events(codec, r.ready.rules->schema);
    for (SourceLog& log : logs) {
      Crew::Feed& feed = feeds.emplace_back();
      feed.id = SourceId(feeds.size() - 1);
      feed.source = &sources.emplace_back(fate, log, feed.id);
      for (std::uint32_t i = 0; i < feed.source->partitions(); ++i)
        feed.partitions.push_back(
            engine.add_partition(feed.id, carried, i == world.partitions ? milliseconds(300) : Duration{}));
      feed.make_decoder = [this] { return make_decoder(codec, rules.ready.rules->schema); };
    }
  }
  bool has_failed_source() const { return std::ranges::any_of(sources, &FaultySource::has_failed); }
  static std::vector<std::string> names_of_sources(std::uint32_t sources) {
    std::vector<std::string> out{"input"};
    while (out.size() < sources) out.push_back("input " + std::to_string(out.size()));
    return out;
  }
  std::vector<Crew::Feed> feeds;
};

// The time that one kind of rules was in force.
struct Stay {
  int visitor = -1;
  Cut from;
  Epoch epoch;
};

std::string place_of(int partition, std::uint64_t offset) {
  return std::to_string(partition) + "/" + std::to_string(offset);
}

class Simulation {
 public:
  Simulation(const World& world, Flaw flaw) : world_(world), flaw_(flaw), fate_(world.seed), disk_(fate_, crashes_) {
    static const BaseFolder base;
    base.empty();
    base_ = base.path();
    prepare();
    choose();
  }

  Run run() {
    while (wrong_.empty() && !is_over_) live();
    if (wrong_.empty()) judge();
    Run out;
    out.trace = fate_.trace();
    out.counts = fate_.counts();
    if (!wrong_.empty()) out.wrong = wrong_ + "\n" + world_.own.text() + world_.own.events_text() + story_;
    return out;
  }

 private:
  // ----- what is run ------------------------------------------------------------------------------------

  void prepare() {
    Case with = world_.own;
    rules_.push_back({*make_ready(with.text()), -1});
    for (std::size_t i = 0; i < world_.visitors.size(); ++i) {
      with = world_.own;
      with.rules.push_back(world_.visitors[i].rule);
      rules_.push_back({*make_ready(with.text()), static_cast<int>(i)});
    }
    logs_.resize(world_.sources);
    for (SourceLog& log : logs_) {
      log.last_is_silent = world_.has_silent_partition && &log == &logs_.back();
      log.partitions.resize(world_.partitions + log.last_is_silent);
      log.safe.assign(log.partitions.size(), 1);
    }
    const auto put = [&](int partition, std::uint64_t offset, std::string line) {
      const auto number = static_cast<std::size_t>(partition);
      auto& lines = logs_[number * world_.sources / world_.partitions].partitions[number];
      lines.resize(std::max<std::size_t>(lines.size(), offset));
      lines[offset - 1] = std::move(line);
    };
    for (const EventText& e : world_.own.events) put(e.partition, e.offset, e.json());
    for (const auto& [partition, offset] : world_.rubbish) put(partition, offset, "{\"event\":\"a\", this is none");
    if (world_.has_silent_partition) fate_.count(Simulated::silent);
    if (world_.sources > 1) fate_.count(Simulated::several_sources);
  }

  // How bad this world is.
  void choose() {
    const auto any_of = [&](std::initializer_list<std::uint64_t> choices) {
      return *(choices.begin() + fate_.below(choices.size()));
    };
    Odds& odds = fate_.odds;
    odds.death = any_of({0, 20, 60, 200});
    odds.death_in_call = any_of({0, 60, 200, 800});
    odds.failed_call = any_of({0, 60, 300, 1'500});
    odds.full = any_of({0, 100, 500});
    odds.slow_call = any_of({0, 5, 30, 200});
    odds.failed_poll = any_of({0, 0, 100, 400});
    odds.stall = any_of({0, 10, 60});
    odds.refusal = any_of({0, 2, 4, 20});
    odds.receiver_hang = any_of({0, 20, 100});
    odds.reload = any_of({0, 30, 100});
    limits_.memory = any_of({0, 0, 4'000, std::uint64_t{1} << 32});
    limits_.load_at_once = any_of({0, 1, 3, 200'000});
    held_bytes_ = any_of({0, 2'000, std::uint64_t{1} << 30});
    pace_.epoch = milliseconds(static_cast<std::int64_t>(any_of({1, 6, 30})));
    pace_.waiting_bytes = any_of({300, std::uint64_t{64} << 20});
    disk_.syncs_folders = flaw_ != Flaw::disk_does_not_sync;
    if (flaw_ != Flaw::none) odds.death = 20;
  }

  // ----- one process ------------------------------------------------------------------------------------

  void fails(std::string why) {
    if (wrong_.empty()) wrong_ = std::move(why);
  }
  void tell(const std::string& what) { story_ += std::to_string(fate_.clock.at.us / 1'000) + " ms: " + what + "\n"; }

  void dies(bool cuts_power) {
    fate_.is_dead = true;
    fate_.cuts_power = cuts_power;
  }

  void live() {
    const std::uint32_t shards = 1 + static_cast<std::uint32_t>(fate_.below(4));
    steps_ += 10;  // a process takes its time to begin, or one that cannot would be tried for ever
    fate_.clock.at = fate_.clock.at + fate_.within(1'000);
    if (is_too_long()) return;
    if (shards_ != 0 && shards != shards_) fate_.count(Simulated::other_shards);
    shards_ = shards;
    slowness_ = 1 + fate_.below(12);
    if (begin()) {
      tell("a process with " + std::to_string(shards_) + " shards, visitor " +
           std::to_string(generation_->rules.visitor));
      go_on();
    }
    bury();
  }

  // Opens all. False: it could not, or died.
  bool begin() {
    const std::uint64_t faults = fate_.faults;
    const auto refused = [&](const std::string& why) {
      if (fate_.is_dead) return false;
      if (faults == fate_.faults) fails("a start failed though nothing went wrong: " + why);
      fate_.count(Simulated::failed_starts);
      tell("a start fails: " + why);
      return false;
    };
    LmdbStoreConfig config;
    config.folder = base_;
    config.check = CheckBase::never;  // a child process for each start; store_test has it
    config.changes_per_transaction = 8;
    auto opened = LmdbStore::open(config, disk_);
    if (!opened) return refused(opened.error().message);
    store_ = std::move(*opened);
    file_sink_ = file_sink_on(disk_, kFile, fate_.clock);
    if (flaw_ == Flaw::forgetful_sink) file_sink_ = std::make_unique<ForgetfulSink>(std::move(file_sink_));
    receiver_ = std::make_unique<FaultySink>(fate_, received_);
    publisher_ = std::make_unique<Publisher>(
        std::vector<Publisher::Named>{{sinks_[0], file_sink_.get()}, {sinks_[1], receiver_.get()}});
    auto made = made_generation(rules_[fate_.below(rules_.size())], true);
    if (!made) return refused(made.error().message);
    adopt(std::move(*made));
    return true;
  }

  Result<std::unique_ptr<Generation>> made_generation(const Rules& rules, bool is_first) {
    auto out = std::make_unique<Generation>(rules, shards_, world_, fate_, logs_, *store_, limits_);
    auto resumed = out->keeper.restore();
    if (!resumed) return tl::unexpected(resumed.error());
    if (is_first) {
      const auto& outboxes = resumed->outboxes;
      if (std::ranges::any_of(outboxes, [](const auto& outbox) { return !outbox.second.empty(); }))
        fate_.count(Simulated::again);
      if (auto opened = publisher_->open(resumed->sinks, resumed->newest, resumed->outboxes); !opened)
        return tl::unexpected(opened.error());
    }
    if (flaw_ == Flaw::source_skips && !resumed->from.empty()) {
      Progress& from = resumed->from.front();
      from.bookmark.clear();
      from.next_offset =
          std::min<std::uint64_t>(from.next_offset + 1, logs_.front().partitions[from.partition].size() + 1);
    }
    for (Crew::Feed& feed : out->feeds) {
      std::vector<Progress> own;
      feed.goes_on.resize(feed.partitions.size());
      for (std::size_t i = 0; i < resumed->from.size(); ++i) {
        const auto at = std::ranges::find(feed.partitions, resumed->from[i].partition);
        if (at == feed.partitions.end()) continue;
        const auto number = static_cast<std::size_t>(at - feed.partitions.begin());
        own.push_back(resumed->from[i]);
        own.back().partition = static_cast<std::uint32_t>(number);
        feed.goes_on[number] = {resumed->from[i].next_offset, resumed->readings[i].memory};
      }
      if (auto started = feed.source->start(own); !started) return tl::unexpected(started.error());
    }
    Generation& g = *out;
    out->crew = std::make_unique<Crew>(
        g.engine, g.feeds,
        Crew::Outputs{
            .alert = [this, &g](const Alert& a) { g.keeper.add_output(message(a.id, with_document(a, g.names))); },
            .emitted = [this,
                        &g](const Emitted& e) { g.keeper.add_output(message(e.place, with_document(e, g.names))); },
            .late =
                [this, &g](const LateEvent& late) {
                  const Position& at = late.event->position;
                  g.keeper.add_told(message({}, "late " + place_of(static_cast<int>(at.partition), at.offset)));
                },
            .dead =
                [this, &g](const DeadLetter& letter) {
                  const Position& at = letter.position;
                  g.keeper.add_told(message({}, "dead " + place_of(static_cast<int>(at.partition), at.offset)));
                }},
        fate_.clock, &g.keeper);
    out->crew->set_limits({.held_bytes = held_bytes_});
    out->steward = std::make_unique<Steward>(g.keeper, *g.crew, *publisher_, pace_);
    return out;
  }

  std::string message(std::string_view id, const std::string& body) {
    std::string bytes;
    append_message(bytes, sinks_, {id, {}, body, {}});
    return bytes;
  }

  // From here on it is the one at work. What is durable says where its rules begin.
  void adopt(std::unique_ptr<Generation> next) {
    if (generation_ != nullptr) {
      if (const std::string told = generation_->keeper.take_told(); !told.empty()) next->keeper.add_told(told);
      let_go();
    }
    generation_ = std::move(next);
    const auto [newest, cut] = durable();
    is_there(newest);
    if (!stays_.empty() && stays_.back().epoch == newest) stays_.pop_back();  // nothing of it has become durable
    if (stays_.empty() || stays_.back().visitor != generation_->rules.visitor)
      stays_.push_back({generation_->rules.visitor, cut, newest});
    tell("from epoch " + std::to_string(newest.number) + ", which stands at " +
         std::to_string(cut.frontier.events_before.us / 1'000) + " ms of event time");
  }

  // What has been stored, or found by a start, never goes: the world has heard of it.
  void is_there(Epoch newest) {
    if (newest < newest_) fails("epoch " + std::to_string(newest_.number) + " was there, and is gone");
    newest_ = std::max(newest_, newest);
  }

  std::pair<Epoch, Cut> durable() {
    const bool was_calm = std::exchange(fate_.is_calm, true);
    const auto newest = store_->newest();
    fate_.is_calm = was_calm;
    if (!newest) fails(newest.error().message);
    if (!newest || !*newest) return {};
    auto ledger = Ledger::read((*newest)->manifest);
    if (!ledger) fails(ledger.error().message);
    return {(*newest)->epoch, ledger ? ledger->cut : Cut{}};
  }

  void let_go() {
    fate_.count(Simulated::cold_reads, generation_->keeper.brought());
    fate_.count(Simulated::due_reads, generation_->keeper.brought_for_time());
    generation_.reset();
  }

  // What a process leaves when it is gone.
  void bury() {
    const bool died = fate_.is_dead;
    if (!died && file_sink_ != nullptr && !file_sink_->trouble().empty()) fate_.count(Simulated::file_troubles);
    fate_.is_dead = true;  // what destructors still write is not written
    note_file();
    if (generation_ != nullptr) let_go();
    publisher_.reset();
    receiver_.reset();
    file_sink_.reset();
    store_.reset();
    busy_.clear();
    fate_.is_dead = false;
    if (is_over_) return;
    if (died && fate_.one_in(2)) fate_.cuts_power = true;
    fate_.count(fate_.cuts_power ? Simulated::power_cuts : Simulated::kills);
    tell(fate_.cuts_power ? "the power goes" : "the process is gone");
    std::mt19937 random(static_cast<std::uint32_t>(fate_.below(std::uint64_t{1} << 32)));
    if (fate_.cuts_power) crashes_.cut_power(random);
    fate_.cuts_power = false;
    if (flaw_ == Flaw::store_loses_epoch) lose_newest_epoch();
    fate_.note("death", fate_.below(1'000));
  }

  void lose_newest_epoch() {
    const auto names = crashes_.list("deltas").value_or(std::vector<std::string>{});
    const auto newest = std::ranges::find_if(names.rbegin(), names.rend(),
                                             [](const std::string& name) { return name.ends_with(".delta"); });
    if (newest != names.rend()) static_cast<void>(crashes_.remove("deltas/" + *newest));
  }

  // A reader of the file has seen these lines.
  void note_file() {
    const auto image = crashes_.now();
    const auto file = image.find(kFile);
    if (file == image.end() || file->second.find('\0') != std::string::npos) return;
    const std::string whole = file->second.substr(0, file->second.rfind('\n') + 1);
    if (whole.size() > read_.size()) read_ = whole;
  }

  // ----- steps ------------------------------------------------------------------------------------------

  // Who may be at work: workers from 0, then these.
  enum Actor : std::size_t { kSteward = 100, kPublisher, kMerger, kWatch };

  bool is_busy(std::size_t actor) const { return std::ranges::find(busy_, actor) != busy_.end(); }

  // Somebody does what is next for him.
  void step() {
    ++steps_;
    fate_.clock.at = fate_.clock.at + (fate_.is_calm      ? milliseconds(20)
                                       : fate_.one_in(30) ? fate_.within(300)
                                                          : milliseconds(1));
    std::size_t actor = fate_.below(shards_);
    const std::uint64_t draw = fate_.below(20);
    if (draw < 4) actor = kSteward;
    if (draw >= 4 && draw < 8) actor = kPublisher;
    if (draw == 8) actor = fate_.one_in(8) ? kMerger : kWatch;
    if (is_busy(actor)) return;
    fate_.note("step", actor);
    busy_.push_back(actor);
    step_of(actor);
    std::erase(busy_, actor);
  }

  void step_of(std::size_t actor) {
    Generation& g = *generation_;
    switch (actor) {
      case kSteward:
        g.steward->step(fate_.clock.at);
        note_epochs();
        return;
      case kPublisher: {
        if (!fate_.is_calm && !fate_.one_in(slowness_)) return;
        const Result<bool> stepped = publisher_->step();
        if (!stepped && !fate_.is_dead) fails("a sink gives up: " + stepped.error().message);
        if (!file_sink_->trouble().empty()) fate_.count(Simulated::file_troubles);
        return;
      }
      case kMerger:
        if (const auto merged = store_->merge(); merged && merged->epochs > 0) fate_.count(Simulated::merges);
        return;
      case kWatch:
        g.steward->look(fate_.clock.at);
        if (g.steward->trouble().starts_with("the disk does not answer")) fate_.count(Simulated::hangs_told);
        return;
      default:
        if (!g.crew->step(actor) && fate_.one_in(4)) g.crew->nudge();  // it has slept long enough
    }
  }

  void note_epochs() {
    const Steward::Figures now = generation_->steward->figures();
    newest_ = std::max(newest_, now.epoch);
    fate_.count(Simulated::epochs, now.epochs - std::exchange(figures_.epochs, now.epochs));
    fate_.count(Simulated::failed_stores, now.failures - std::exchange(figures_.failures, now.failures));
  }

  // While one of them waits.
  void others() {
    if (generation_ == nullptr || busy_.empty() || busy_.size() > 3) return;
    for (std::uint64_t n = 1 + fate_.below(12); n > 0 && !fate_.is_dead; --n) step();
  }

  bool has_failed() const {
    if (generation_->has_failed_source()) return true;
    for (std::size_t i = 0; i < shards_; ++i)
      if (generation_->keeper.trouble(i)) return true;
    return false;
  }
  // True: the crew has failed, and with it the process.
  bool is_lost() {
    if (fate_.is_dead || !has_failed()) return fate_.is_dead;
    const bool by_source = generation_->has_failed_source();
    fate_.count(by_source ? Simulated::source_failures : Simulated::unreadable_keys);
    tell(by_source ? "the source fails" : "a key cannot be read");
    return true;
  }
  bool is_too_long() {
    if (steps_ > kStepsUntilCalm && !fate_.is_calm) {
      fate_.is_calm = true;
      tell("calm from here on");
    }
    if (steps_ <= kStepsUntilCalm + kStepsUntilDone) return !wrong_.empty();
    fails("it does not come to its end");
    return true;
  }

  void go_on() {
    figures_ = {};
    fate_.others = [this] { others(); };
    judge_all();
    if (!is_lost() && !is_too_long()) end();
    fate_.others = nullptr;
  }

  // Until all has been judged, or it is over with the process.
  void judge_all() {
    while (!is_lost() && !is_too_long()) {
      if (fate_.strikes(fate_.odds.death)) return dies(fate_.one_in(2));
      if (fate_.strikes(fate_.odds.reload)) reload();
      if (is_lost() || generation_->crew->is_done()) return;
      step();
    }
  }

  // As the daemon: all that was judged becomes durable, another generation is made whole, then it takes the place.
  void reload() {
    Generation& g = *generation_;
    g.crew->stop();
    while (!is_lost() && !is_too_long() && !g.crew->is_done()) step();
    if (is_lost() || !wrong_.empty()) return;
    g.crew->end();
    if (!stored_all(3)) return fate_.is_dead ? void() : refuse_reload("nothing can be stored");
    const std::uint64_t faults = fate_.faults;
    auto made = made_generation(rules_[fate_.below(rules_.size())], false);
    if (fate_.is_dead) return;
    if (!made) {
      if (faults == fate_.faults) fails("a reload failed though nothing went wrong: " + made.error().message);
      return refuse_reload(made.error().message);
    }
    tell("other rules: visitor " + std::to_string((*made)->rules.visitor));
    adopt(std::move(*made));
    figures_ = {};
    fate_.count(Simulated::reloads);
  }
  void refuse_reload(const std::string& why) {
    tell("a reload fails: " + why);
    fate_.count(Simulated::refused_reloads);
    generation_->crew->go_on();
  }

  // False: not after so many tries, or it died.
  bool stored_all(int tries) {
    for (int i = 0; i < tries || fate_.is_calm; ++i) {
      ++steps_;
      const bool stored = generation_->steward->finish(fate_.clock.at).has_value();
      note_epochs();
      if (fate_.is_dead || stored) return stored && !fate_.is_dead;
      fate_.clock.at = fate_.clock.at + milliseconds(200);
      if (fate_.is_calm && i > 3) fails("the store fails though nothing goes wrong");
      if (!wrong_.empty()) return false;
    }
    return false;
  }

  void end() {
    Generation& g = *generation_;
    g.crew->end();
    if (world_.own.until_ms) g.crew->until(Time{*world_.own.until_ms * 1000});
    if (world_.own.drain) g.crew->drain();
    g.crew->give_out();
    while (!stored_all(5))
      if (is_lost() || is_too_long()) return;
    while (!publisher_->is_idle()) {
      if (fate_.is_dead || is_too_long()) return;
      if (fate_.strikes(fate_.odds.death)) return dies(fate_.one_in(2));
      step_at_end();
    }
    // What rules that have gone have left is removed with a few epochs, at most.
    while (!stored_all(5))
      if (is_lost() || is_too_long()) return;
    fate_.is_calm = true;
    if (!stored_all(1)) return fails("the last epoch cannot be stored");
    count_left();
    is_over_ = true;
  }
  void step_at_end() {
    ++steps_;
    fate_.clock.at = fate_.clock.at + milliseconds(20);
    const std::size_t actor = fate_.one_in(20) ? kMerger : kPublisher;
    busy_.push_back(actor);
    step_of(actor);
    busy_.clear();
  }

  void count_left() {
    const auto ledger = Ledger::read(store_->newest().value()->manifest);
    std::set<std::string> due;
    const auto scanned = store_->scan({}, {}, [&](std::string_view bytes, std::string_view) -> Result<void> {
      if (NoteAddress::read(bytes)) return {};
      const auto address = StateAddress::read(bytes);
      if (ledger->programs[address->program].name.empty())
        fails("what a rule has left that is gone stands in durable state");
      if (address->kind != StateKind::due) return {};
      std::string key;
      StateAddress{address->group, address->program, StateKind::key, TimedKey::read(address->key)->key}.append(key);
      if (!store_->find(key).value()) fails("something is to be due for a key that is not there");
      if (!due.insert(key).second) fails("a key stands in the index twice");
      return {};
    });
    if (!scanned) fails(scanned.error().message);
  }

  // ----- what came of it --------------------------------------------------------------------------------

  static Lines lines_of(std::string_view text) {
    Lines out;
    for (std::size_t begin = 0; begin < text.size();) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      out.emplace_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    return out;
  }
  static Lines without_documents(Lines lines) {
    for (std::string& line : lines) line.resize(std::min(line.find('\t'), line.size()));
    return lines;
  }
  static std::string shown(const char* what, const Lines& lines) {
    std::string out = std::string(what) + ":\n";
    for (const std::string& line : without_documents(lines)) out += "  " + line + "\n";
    return out;
  }

  // What one of the two outsides has at the end.
  struct Outputs {
    Lines own, visitor, late, dead;
  };
  Outputs sorted_out(Lines lines) const {
    Outputs out;
    for (std::string& line : lines) {
      Lines& to = line.starts_with("late ")                     ? out.late
                  : line.starts_with("dead ")                   ? out.dead
                  : line.find(" visitor ") != std::string::npos ? out.visitor
                                                                : out.own;
      to.push_back(std::move(line));
    }
    for (Lines* unordered : {&out.late, &out.dead}) std::ranges::sort(*unordered);  // nothing orders partitions
    out.own = parted(std::move(out.own));
    return out;
  }

  void judge() {
    const Ready& own = rules_.front().ready;
    const Lines expected = engine_documents(own, world_.own);
    if (difference(without_documents(expected), reference_lines(own, world_.own)))
      return fails("the engine on one thread says something else than the reference\n" + report(world_.own));
    if (const auto two = id_of_two(expected)) return fails("two alerts have one id\n" + *two);
    std::vector<std::string> late = reference_late(own, world_.own);
    Lines expected_late, expected_dead;
    for (const std::string& place : late) expected_late.push_back("late " + place);
    for (const auto& [partition, offset] : world_.rubbish)
      expected_dead.push_back("dead " + place_of(partition, offset));
    std::ranges::sort(expected_late);
    std::ranges::sort(expected_dead);

    const std::string file = crashes_.now()[kFile];
    if (!file.starts_with(read_)) return fails("lines of the file changed after a reader may have read them");
    Lines received;
    for (const auto& [place, body] : received_.messages) received.push_back(body);
    if (!received_.wrong.empty()) return fails(received_.wrong);
    for (const SourceLog& log : logs_)
      if (!log.wrong.empty()) return fails(log.wrong);
    for (const Lines& all : {lines_of(file), received}) {
      const Outputs got = sorted_out(all);
      if (got.own != expected)
        return fails("another output than expected\n" + shown("expected", expected) + shown("came", got.own));
      if (got.late != expected_late)
        return fails("late events\n" + shown("expected", expected_late) + shown("came", got.late));
      if (got.dead != expected_dead)
        return fails("dead letters\n" + shown("expected", expected_dead) + shown("came", got.dead));
      judge_visits(got.visitor, late);
    }
    for (const std::string& line : lines_of(file)) fate_.note(line);
    fate_.count(Simulated::outputs, expected.size());
    fate_.count(Simulated::late, late.size());
    fate_.count(Simulated::dead, expected_dead.size());
  }

  // Had the event been judged before the cut?
  bool is_before(const EventText& e, const Cut& cut) const {
    if (cut.number == 0) return false;
    const bool in_offset_order = logs_.size() == 1 && logs_.front().partitions.size() == 1;
    return Time{e.ms * 1'000} < cut.frontier.events_before &&
           (!in_offset_order || e.offset < cut.partitions.front().next_offset);
  }

  void judge_visits(const Lines& got, const std::vector<std::string>& late) {
    Lines expected;
    for (std::size_t i = 0; i < stays_.size(); ++i) {
      if (stays_[i].visitor < 0) continue;
      const World::Visitor& visitor = world_.visitors[static_cast<std::size_t>(stays_[i].visitor)];
      if (!visitor.is_judged) return;
      Case alone = world_.own;
      alone.rules = {visitor.rule};
      alone.until_ms.reset();
      alone.drain = false;
      std::erase_if(alone.events, [&](const EventText& e) {
        return is_before(e, stays_[i].from) || (i + 1 < stays_.size() && !is_before(e, stays_[i + 1].from)) ||
               std::ranges::find(late, place_of(e.partition, e.offset)) != late.end();
      });
      if (alone.events.empty()) continue;
      std::ranges::move(reference_lines(*make_ready(alone.text()), alone), std::back_inserter(expected));
    }
    if (difference(without_documents(got), expected))
      return fails("a rule that came and went\n" + shown("expected", expected) + shown("came", got));
    fate_.count(Simulated::visits, expected.size());
  }

  const World& world_;
  const Flaw flaw_;
  Fate fate_;
  CrashDisk crashes_;
  FaultyDisk disk_;
  std::string base_;
  std::vector<Rules> rules_;
  std::vector<SourceLog> logs_;
  Received received_;
  std::string read_;  // of the file, by a reader who follows it
  KeeperLimits limits_;
  std::uint64_t held_bytes_ = 0;
  Steward::Pace pace_;
  const std::vector<std::string> sinks_{"file", "receiver"};

  std::uint32_t shards_ = 0;
  std::uint64_t slowness_ = 1;  // of the publisher
  std::unique_ptr<LmdbStore> store_;
  std::unique_ptr<Sink> file_sink_;
  std::unique_ptr<FaultySink> receiver_;
  std::unique_ptr<Publisher> publisher_;
  std::unique_ptr<Generation> generation_;
  Steward::Figures figures_;
  std::vector<std::size_t> busy_;
  int steps_ = 0;
  bool is_over_ = false;
  Epoch newest_;
  std::vector<Stay> stays_;
  std::string wrong_, story_;
};

// Rules whose keys may stay in durable state, of which random ones are few.
std::vector<RuleText> rules_for_many_keys(Generator& generator) {
  const std::vector<std::string> alert = {"alert low \"{count}\""};
  const std::vector<std::vector<RuleText>> all = {
      {{"rule r1", "3 a within 20s", "k", alert}},
      {{"rule r1", "3 a within 20s", "k", {"fire always", alert[0]}}},
      {{"rule r1", "2 a within 20s", "k", alert}, {"rule r2", "5 a within 2m", "k", alert}},
      {{"rule r1", "3 consecutive a(v > 2)", "k", {"reset on b", alert[0]}}},
      {{"rule r1", "a then b within 30s", "k", {"alert low \"{a.v} {b.v}\""}}},
      {{"rule r1", "a then a(v > previous.v) within 1m", "k", {"fire at most 2 per 1m", "alert low \"x\""}}},
      {{"rule r1", "a(v > previous.v)", "k", {"alert low \"{a.v}\""}}},
      {{"rule r1", "sum(a.v) > 8 within 30s", "k", {"alert low \"x\""}}, {"rule r2", "2 r1 within 5m", "k", alert}},
      {{"rule r1", "any 2 of (a(v > 2), b) within 30s", "k", {"alert low \"x\""}}},
      // Of these something is due by itself.
      {{"rule r1", "a then no b within 10s", "k", {"alert low \"{a.v}\""}}},
      {{"rule r1", "no a for 12s", "k", {"alert low \"x\""}}},
      {{"rule r1", "count(a) >= 2 within 20s for 5s", "k", {"alert low \"x\""}}},
      {{"rule r1", "a(v > 2)", "k", {"resolve when no a for 10s", "remind every 6s", "alert low \"x\""}}},
      {{"rule r1",
        "a(v > 1)",
        "k",
        {"resolve when a(v = 0)", "escalate to high after 5s unresolved", "alert low \"x\""}}},
      {{"rule r1", "2 a within 20s", "k", {"forget after 15s idle", "alert low \"x\""}},
       {"rule r2", "no r1 for 9s", "k", {"alert low \"x\""}}},
      {{"session s1 of (a or b)", "", "k", {"ends after 8s idle", "at most 25s", "with n = count(a)"}},
       {"rule r2", "s1(n > 1)", "k", {"alert low \"{s1.n}\""}}},
      {{"summary s1 of a", "", "k", {"every 15s", "with n = count(), s = sum(a.v)"}},
       {"rule r2", "s1(n > 1)", "k", {"alert low \"{s1.s}\""}}},
      {{"summary s1 of a", "", "k", {"every 5s over 20s even if empty", "with n = count()", "forget after 20s idle"}},
       {"rule r2", "s1(n = 0)", "k", {"alert low \"x\""}}},
  };
  return all[generator.below(all.size())];
}

std::vector<EventText> events_of_many_keys(Generator& generator) {
  std::vector<EventText> out;
  std::int64_t ms = 57'000;
  for (std::uint64_t i = 0; i < 50; ++i) {
    ms += static_cast<std::int64_t>(generator.below(2'000));
    out.push_back({generator.one_in(3) ? "b" : "a", ms,
                   "\"k\":\"k" + std::to_string(generator.below(8)) + "\",\"v\":" + std::to_string(generator.below(6)),
                   0, 0});
  }
  return out;
}

}  // namespace

std::optional<World> any_world(std::uint64_t seed) {
  Generator generator(seed * 104'729);
  World world;
  world.seed = seed;
  Case& c = world.own;
  const bool are_ours = generator.one_in(4);
  if (are_ours) {
    c.rules = rules_for_many_keys(generator);
    c.events = events_of_many_keys(generator);
  } else {
    c = seed % 7 == 5 ? generator.chain() : seed % 7 == 6 ? generator.rekeyed() : generator.any();
    if (generator.one_in(2)) c.events = generator.events(20);
  }
  c.late_ms = 2'000;
  const auto ready = make_ready(c.text());
  if (!ready) {
    TOCSIN_ASSERT(!are_ours && "a mistake in a rule that was not drawn");
    return std::nullopt;
  }
  world.partitions = 1 + static_cast<std::uint32_t>(generator.below(4));
  if (world.partitions > 1 && seed % 3 == 2)
    world.sources = 2 + static_cast<std::uint32_t>(seed % 2) % (world.partitions - 1);
  const bool some_are_late = generator.one_in(4);
  c.events = generator.shuffled(c.events, some_are_late ? 3 * c.late_ms : c.late_ms);
  world.has_silent_partition = !some_are_late && generator.one_in(6);
  std::vector<std::uint64_t> last(world.partitions);
  for (EventText& e : c.events) {
    e.partition = static_cast<int>(generator.below(world.partitions));
    std::uint64_t& offset = last[static_cast<std::size_t>(e.partition)];
    if (generator.one_in(15)) world.rubbish.emplace_back(e.partition, ++offset);
    e.offset = ++offset;
  }
  c.silent_partition = false;
  const std::vector<World::Visitor> visitors = {
      {{"rule visitor", "2 a within 3s", "k", {"alert low \"visitor {count}\""}}},
      {{"rule visitor", "3 a within 5s", "all", {"fire always", "alert low \"visitor {count}\""}}},
      {{"rule visitor", "a then b within 5s", "k", {"alert low \"visitor\""}}},
      {{"rule visitor", "b(v > 0)", "k", {"alert low \"visitor {b.v}\""}}},
      {{"rule visitor", "2 a within 3s", "k", {"mute while r1", "alert low \"visitor\""}}, false},
  };
  const auto shapes = kept_shapes(*ready->rules);
  const std::uint64_t first = generator.below(visitors.size());
  for (std::uint64_t i = 0; i < 2; ++i) {
    const World::Visitor& visitor = visitors[(first + i) % visitors.size()];
    Case with = c;
    with.rules.push_back(visitor.rule);
    const auto other = make_ready(with.text());
    if (!other) continue;
    // Whether anybody asks if a rule fires may decide how it is kept: then it begins anew.
    const auto shapes_with = kept_shapes(*other->rules);
    bool are_same = true;
    for (std::size_t p = 0; p < shapes.size(); ++p) {
      const auto same = std::ranges::find(other->rules->programs, ready->rules->programs[p].name, &Program::name);
      are_same = are_same && shapes[p] == shapes_with[static_cast<std::size_t>(same - other->rules->programs.begin())];
    }
    if (are_same) world.visitors.push_back(visitor);
  }
  return world;
}

Run simulate(const World& world, Flaw flaw) { return Simulation(world, flaw).run(); }

}  // namespace tocsin::tests
