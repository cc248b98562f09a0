#include "app/daemon/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <set>
#include <sstream>
#include <thread>
#include <utility>

#include "adapters/file/disk.h"
#include "adapters/lmdb/store.h"
#include "adapters/memory/store.h"
#include "app/control/metrics.h"
#include "app/daemon/rewind.h"
#include "app/files.h"
#include "app/inputs.h"
#include "app/savepoints.h"
#include "app/version.h"
#include "dsl/load.h"
#include "engine/base/hash.h"
#include "engine/base/overloaded.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/program/dump.h"
#include "engine/runtime/kept_shape.h"

namespace tocsin::app {
namespace {

// How often threads without work look again.
constexpr auto kPause = std::chrono::milliseconds(2);
constexpr Duration kWatchEvery = milliseconds(100);
// A worker that has not come round for so long is stuck.
constexpr Duration kStuckAfter = seconds(30);

// Of the rules, and of all files that they name.
std::string hash_of_texts(const CompiledSet& set) {
  std::string all;
  for (const FileRead& file : set.files_read()) {
    all += file.path;
    if (const auto text = dsl::read_file(file.path)) all += *text;
    all += '\0';
  }
  return fmt::format("{:016x}", hash_bytes(all));
}

Exit exit_of(const Error& error) {
  return error.code == Error::Code::malformed || error.code == Error::Code::refused ? Exit::state_refused : Exit::usage;
}

std::string_view kind_of(const SourceAddress& address) {
  return std::visit(Overloaded{[](const FileSource&) { return "file"; }, [](const StdinSource&) { return "stdin"; },
                               [](const TcpSource&) { return "tcp"; }, [](const UnixSource&) { return "unix"; },
                               [](const GeneratorSource&) { return "generator"; },
                               [](const KafkaSource&) { return "kafka"; }, [](std::monostate) { return ""; }},
                    address);
}

std::string_view kind_of(const SinkAddress& address) {
  return std::visit(Overloaded{[](const FileSink&) { return "file"; }, [](const StdoutSink&) { return "stdout"; },
                               [](const WebhookSink&) { return "webhook"; }, [](const KafkaSink&) { return "kafka"; },
                               [](std::monostate) { return ""; }},
                    address);
}

Result<std::unique_ptr<Source>> open_rewindable(const SourceSettings& source, const CodecConfig& codec,
                                                std::uint64_t record_max, SourceId id, const Surroundings& around) {
  auto opened = open_source(source, codec, record_max, id, around);
  if (!opened || (*opened)->can_go_back()) return opened;
  return std::make_unique<Rewind>(std::move(*opened));
}

}  // namespace

// A set of rules, and all that was made for it.
struct Daemon::Generation {
  struct Input {
    const SourceSettings* settings = nullptr;
    CodecConfig codec;
    std::vector<EventTypeId> carried;
  };

  std::uint64_t number = 1;
  CompiledSet set;
  DocumentNames names;
  std::vector<Input> inputs;
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Keeper> keeper;
  std::vector<std::unique_ptr<Source>> sources;
  std::unique_ptr<Crew> crew;
  std::unique_ptr<Steward> steward;
  std::vector<std::string> lost;  // rules whose state nobody wants any more

  const RuleSet& rules() const { return *set.compiled.rules; }
};

Daemon::Daemon(Given given, Console& console)
    : given_(std::move(given)),
      settings_(given_.settings),
      console_(console),
      log_(settings_.log, settings_.limits.problems_kept, clock_, console.err),
      notify_(console.environment ? console.environment("NOTIFY_SOCKET").value_or("") : ""),
      started_(clock_.now()),
      outbound_(settings_, clock_),
      around_{clock_, [this](const std::string& said) { log_.problem("adapters", said); },
              [this](const std::string& sink, const std::string& id, const std::string& body, const std::string& why) {
                log_.problem("sink." + sink, why, "such messages go to the dead letters");
                outbound_.undeliverable(sink, id, body, why);
              }} {}

Daemon::~Daemon() {
  stop_threads();
  publishing_stops_ = true;
  publishing_ = {};  // joins it
  control_.reset();
  sinks_.clear();  // their threads may have something to say to what is taken down next
}

// ----- from the start to the end --------------------------------------------------------------------------

Exit Daemon::run() {
  if (const Exit opened = open_state(); opened != Exit::done) return opened;
  if (const Exit opened = open_sinks(); opened != Exit::done) return opened;
  if (const Exit made = first_generation(); made != Exit::done) return made;
  if (const Exit opened = open_control(); opened != Exit::done) return opened;
  publishing_ = std::jthread([this] { publisher_thread(); });
  Ended ended = Ended::input;
  for (;;) {
    ended = run_generation();
    if (!finish_generation() || ended != Ended::reload) break;
    Exit exit = Exit::done;
    auto next = made_generation(std::move(*std::exchange(next_rules_, nullptr)), exit);
    if (next == nullptr) {
      failed_ = static_cast<int>(exit);
      break;
    }
    const std::scoped_lock lock(mutex_);
    events_before_ += generation_->engine->events();
    generation_ = std::move(next);
  }
  notify_.stopping();
  publish_rest();
  make_asked_savepoint(true);
  outbound_.bind(nullptr);
  control_.reset();
  if (settings_.state.checkpoint.on_exit) checkpoint();
  log_.info("daemon", "has stopped");
  return static_cast<Exit>(failed_.load());
}

void Daemon::stop() {
  stops_ = true;
  const std::scoped_lock lock(mutex_);
  stage_ = "stopping";
  if (generation_ != nullptr) generation_->crew->stop();
}

void Daemon::reload_soon() { looks_ = true; }

Exit Daemon::open_state() {
  if (settings_.state.dir.empty()) {
    auto store = std::make_unique<MemoryStore>();
    history_ = store.get();
    store_ = std::move(store);
    log_.info("state", "in memory: it is gone with the process");
    return Exit::done;
  }
  auto disk = open_disk(settings_.state.dir);
  if (!disk) {
    log_.problem("state", disk.error().message);
    return Exit::usage;
  }
  disk_ = std::move(*disk);
  LmdbStoreConfig config;
  config.folder = settings_.state.dir;
  auto store = LmdbStore::open(config, *disk_);
  if (!store) {
    log_.problem("state", store.error().message);
    return exit_of(store.error());
  }
  history_ = store->get();
  store_ = std::move(*store);
  if (const auto notes = history_->notes(CheckpointHistory::kNotesMax); notes) notes_ = *notes;
  return Exit::done;
}

Exit Daemon::open_sinks() {
  auto opened = tocsin::app::open_sinks(settings_.sinks, around_);
  if (!opened) {
    log_.problem("sinks", opened.error().message);
    return Exit::usage;
  }
  sinks_ = std::move(*opened);
  std::vector<Publisher::Named> named;
  for (const OpenSink& sink : sinks_) named.push_back({sink.name, sink.sink.get()});
  publisher_ = std::make_unique<Publisher>(std::move(named));
  const auto newest = store_->newest();
  if (!newest) {
    log_.problem("state", newest.error().message);
    return exit_of(newest.error());
  }
  std::vector<SinkDelivery> deliveries;
  Publisher::Outboxes again;
  Epoch epoch;
  if (*newest) {
    auto ledger = Ledger::read((*newest)->manifest);
    if (!ledger) {
      log_.problem("state", ledger.error().message);
      return Exit::state_refused;
    }
    deliveries = std::move(ledger->sinks);
    epoch = (*newest)->epoch;
    again = (*newest)->outboxes;
  }
  if (const auto went_on = publisher_->open(deliveries, epoch, std::move(again)); !went_on) {
    log_.problem("sinks", went_on.error().message);
    return exit_of(went_on.error());
  }
  return Exit::done;
}

Exit Daemon::open_control() {
  const std::string runtime_dir =
      console_.environment ? console_.environment("XDG_RUNTIME_DIR").value_or("") : std::string();
  const auto options = control_options(settings_.http, settings_.control_socket, runtime_dir);
  const auto refuse = [&](const Error& error) {
    log_.problem("control", error.message);
    return Exit::usage;
  };
  if (!options) return refuse(options.error());
  if (options->listen.empty() && options->socket.empty()) return Exit::done;
  auto started = ControlServer::start(*options, *this);
  if (!started) return refuse(started.error());
  control_ = std::move(*started);
  if (control_->port() != 0)
    log_.info("control", fmt::format("listens at {}, port {}", options->listen, control_->port()));
  if (!options->socket.empty()) log_.info("control", "listens at " + options->socket);
  return Exit::done;
}

Exit Daemon::first_generation() {
  CompiledPaths compiled = compile_paths("run", settings_.rules, given_.arguments, console_);
  if (compiled.exit != Exit::done) return compiled.exit;
  if (compiled.sets.size() != 1) {
    log_.problem("rules", fmt::format("{} rule sets were found, and one daemon runs one", compiled.sets.size()));
    return Exit::usage;
  }
  Exit exit = Exit::done;
  std::string hash = hash_of_texts(compiled.sets.front());
  auto made = made_generation(std::move(compiled.sets.front()), exit);
  const std::scoped_lock lock(mutex_);
  reload_status_.hash = std::move(hash);
  generation_ = std::move(made);
  return exit;
}

std::unique_ptr<Daemon::Generation> Daemon::made_generation(CompiledSet rules, Exit& exit) {
  auto out = std::make_unique<Generation>();
  const auto refuse = [&](std::string_view where, const Error& error, Exit how) {
    log_.problem(where, error.message);
    exit = how;
    return std::unique_ptr<Generation>{};
  };
  out->number = ++number_;
  out->set = std::move(rules);
  out->names.rules = &out->rules();
  EngineOptions options;
  options.shards = settings_.shards != 0
                       ? settings_.shards
                       : std::clamp(std::thread::hardware_concurrency(), 1u, std::uint32_t{kShardsMax});
  out->engine = std::make_unique<Engine>(out->set.compiled.rules, out->set.reference, options);
  std::vector<std::size_t> cannot_go_back;
  std::vector<Crew::Feed> feeds;
  for (std::size_t i = 0; i < settings_.sources.size(); ++i) {
    const SourceSettings& source = settings_.sources[i];
    const std::string where = "source." + source.name;
    out->names.sources.push_back(source.name);
    auto codec = codec_of(source.codec, out->rules().schema);
    if (!codec) return refuse(where, codec.error(), Exit::usage);
    codec->record_max = settings_.limits.record;
    if (auto sound = make_decoder(*codec, out->rules().schema); !sound)
      return refuse(where, sound.error(), Exit::usage);
    auto before = generation_ != nullptr && !generation_->sources[i]->can_go_back()
                      ? Result<std::unique_ptr<Source>>(std::move(generation_->sources[i]))
                      : open_rewindable(source, *codec, settings_.limits.record, SourceId(i), around_);
    if (!before) return refuse(where, before.error(), Exit::usage);
    out->inputs.push_back({&source, *codec, carried_events(*codec, out->rules().schema)});
    out->sources.push_back(std::move(*before));
    Crew::Feed& feed = feeds.emplace_back();
    feed.source = out->sources.back().get();
    feed.id = SourceId(i);
    for (std::uint32_t p = 0; p < feed.source->partitions(); ++p) {
      feed.partitions.push_back(out->engine->add_partition(feed.id, out->inputs.back().carried, source.idle_after));
      if (!feed.source->can_go_back() && generation_ == nullptr) cannot_go_back.push_back(feed.partitions.back());
    }
  }
  for (std::size_t i = 0; i < feeds.size(); ++i)
    feeds[i].make_decoder = [input = &out->inputs[i], rules = out->set.compiled.rules] {
      return make_decoder(input->codec, rules->schema);
    };
  for (const std::string& unknown : outbound_.unknown_sinks(out->rules())) {
    return refuse("rules", {Error::Code::refused, unknown}, Exit::usage);
  }

  KeeperLimits kept;
  kept.memory = settings_.state.dir.empty() ? SIZE_MAX : settings_.state.memory / 2;  // half is for what waits
  out->keeper = std::make_unique<Keeper>(*out->engine, *store_, out->names.sources, kept);
  auto resumed = out->keeper->restore(cannot_go_back);
  if (!resumed) return refuse("state", resumed.error(), exit_of(resumed.error()));
  out->lost = std::move(resumed->lost);
  for (const Crew::Feed& feed : feeds) {
    std::vector<Progress> own;
    for (std::size_t p = 0; p < feed.partitions.size(); ++p)
      for (const Progress& from : resumed->from)
        if (from.partition == feed.partitions[p])
          own.push_back({static_cast<std::uint32_t>(p), from.next_offset, from.bookmark});
    if (auto started = feed.source->start(own); !started)
      return refuse("source." + settings_.sources[feed.id.index].name, started.error(), exit_of(started.error()));
  }
  Crew::Limits limits;
  limits.held_bytes = settings_.state.memory / 2;
  out->crew = std::make_unique<Crew>(*out->engine, std::move(feeds), outbound_.outputs(out->names, *out->keeper),
                                     clock_, out->keeper.get());
  out->crew->set_limits(limits);
  outbound_.bind(out->keeper.get());
  Steward::Pace pace;
  pace.epoch = settings_.state.epoch;
  out->steward = std::make_unique<Steward>(*out->keeper, *out->crew, *publisher_, pace);
  return out;
}

// Reads and judges until the input ends, or somebody wants something else.
Daemon::Ended Daemon::run_generation() {
  {
    const std::scoped_lock lock(mutex_);
    if (!stops_) stage_ = "running";
    reload_status_.generation = generation_->number;
    stuck_.assign(generation_->engine->shards(), "");
  }
  log_.info("daemon", fmt::format("runs {} on {}", counted(generation_->rules().programs.size(), "rule"),
                                  counted(generation_->engine->shards(), "shard")));
  for (const std::string& rule : generation_->lost)
    log_.problem("state", fmt::format("rule `{}` is gone or another one now: what it remembered is not used", rule));
  notify_.ready();
  threads_stop_ = false;
  start_threads();
  if (stops_) generation_->crew->stop();  // told before there was a crew
  const Result<void> ran = generation_->crew->run();
  stop_threads();
  if (!ran) {
    log_.problem("sources", ran.error().message);
    failed_ = static_cast<int>(exit_of(ran.error()));
    return Ended::failed;
  }
  const std::scoped_lock lock(mutex_);
  if (next_rules_ != nullptr && !stops_ && failed_ == 0) return Ended::reload;
  return generation_->crew->has_stopped() ? Ended::stopped : Ended::input;
}

// All that has been judged becomes durable.
bool Daemon::finish_generation() {
  const Duration give_up = clock_.elapsed() + settings_.shutdown_grace;
  for (;;) {
    const Result<void> finished = generation_->steward->finish(clock_.elapsed());
    if (finished) break;
    log_.problem("state", finished.error().message);
    if (clock_.elapsed() > give_up) {
      failed_ = static_cast<int>(Exit::no);
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  return true;
}

void Daemon::publish_rest() {
  const Duration give_up = clock_.elapsed() + settings_.shutdown_grace;
  while (!publisher_->is_idle() && clock_.elapsed() < give_up && failed_ == 0) std::this_thread::sleep_for(kPause);
  publishing_stops_ = true;
  publishing_ = {};  // joins it
  if (!publisher_->is_idle())
    return log_.problem("sinks", "have not taken everything; they get the rest after the next start");
  // That they have taken it is durable, too, or it would come again.
  if (const auto finished = generation_->steward->finish(clock_.elapsed()); !finished)
    log_.problem("state", finished.error().message);
}

// ----- what goes on around the crew -----------------------------------------------------------------------

void Daemon::start_threads() {
  threads_.emplace_back([this] { steward_thread(); });
  threads_.emplace_back([this] { checkpoint_thread(); });
  threads_.emplace_back([this] { watch_thread(); });
}

void Daemon::stop_threads() {
  threads_stop_ = true;
  threads_.clear();  // joins them
}

void Daemon::steward_thread() {
  std::string trouble;
  while (!threads_stop_) {
    if (!generation_->steward->step(clock_.elapsed())) std::this_thread::sleep_for(kPause);
    std::string now = generation_->steward->trouble();
    if (now != trouble && !now.empty()) log_.problem("state", now, "reading waits until it can be stored");
    trouble = std::move(now);
  }
}

void Daemon::publisher_thread() {
  std::set<std::string> troubles;
  while (!publishing_stops_) {
    const Result<bool> stepped = publisher_->step();
    if (!stepped) {
      log_.problem("sinks", stepped.error().message);
      failed_ = static_cast<int>(Exit::no);
      stop();
      return;
    }
    std::set<std::string> now;
    for (const std::string& trouble : publisher_->standing().troubles) {
      if (!troubles.contains(trouble)) log_.problem("sinks", trouble);
      now.insert(trouble);
    }
    troubles = std::move(now);
    if (!*stepped) std::this_thread::sleep_for(kPause);
  }
}

void Daemon::checkpoint_thread() {
  Duration next = clock_.elapsed() + settings_.state.checkpoint.every;
  while (!threads_stop_) {
    make_asked_savepoint(false);
    if (clock_.elapsed() < next) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      continue;
    }
    const Duration began = clock_.elapsed();
    checkpoint();
    next = std::max(began + settings_.state.checkpoint.every, clock_.elapsed() + settings_.state.checkpoint.min_pause);
  }
}

void Daemon::checkpoint() {
  CheckpointNote note;
  note.at = clock_.now();
  const Duration began = clock_.elapsed();
  const auto merged = store_->merge();
  note.took = clock_.elapsed() - began;
  if (merged) {
    note.through = merged->through;
    note.epochs = merged->epochs;
    note.changes = merged->changes;
    note.bytes = merged->bytes;
    if (merged->epochs == 0) return;
  } else {
    note.failure = merged.error().message;
    log_.problem("checkpoint", note.failure);
  }
  note.base_bytes = store_->figures().base_bytes;
  if (const auto noted = history_->note(note); !noted) log_.problem("checkpoint", noted.error().message);
  const std::scoped_lock lock(mutex_);
  notes_.insert(notes_.begin(), note);
  if (notes_.size() > CheckpointHistory::kNotesMax) notes_.pop_back();
}

void Daemon::watch_thread() {
  Duration looked = clock_.elapsed();
  while (!threads_stop_) {
    std::this_thread::sleep_for(std::chrono::milliseconds(kWatchEvery.us / 1'000));
    const Duration now = clock_.elapsed();
    watch_shards(now);
    std::optional<std::pair<ReloadAsked, Reply>> asked;
    {
      const std::scoped_lock lock(mutex_);
      asked = std::exchange(asked_, std::nullopt);
    }
    if (asked) {
      Verdict verdict = apply(asked->first);
      asked->second(std::move(verdict));
      continue;
    }
    const bool is_time = settings_.reload.watch && now >= looked + settings_.reload.every;
    if (!looks_.exchange(false) && !is_time) continue;
    looked = now;
    apply({});
  }
}

void Daemon::watch_shards(Duration now) {
  struct Beat {
    std::uint64_t count = 0;
    Duration since{};
  };
  static thread_local std::vector<Beat> beats;
  const std::size_t shards = generation_->engine->shards();
  beats.resize(shards);
  bool all_move = true;
  for (std::size_t i = 0; i < shards; ++i) {
    const std::uint64_t count = generation_->crew->beats(i);
    if (count != beats[i].count || beats[i].since == Duration{}) beats[i] = {count, now};
    const bool is_stuck = now > beats[i].since + kStuckAfter;
    all_move = all_move && !is_stuck;
    std::string text;
    if (is_stuck) {
      text = fmt::format("shard {} has not moved for {} s", i, (now - beats[i].since).us / 1'000'000);
      const std::scoped_lock lock(mutex_);
      if (stuck_[i].empty()) log_.problem(fmt::format("shard.{}", i), text);
    }
    const std::scoped_lock lock(mutex_);
    stuck_[i] = std::move(text);
  }
  if (all_move) notify_.alive();
}

// ----- other rules ------------------------------------------------------------------------------------------

namespace {

// What a reload does to each rule: kept (`=`), other texts or dials (`~`), reset (`!`), new (`+`), gone (`-`).
struct Plan {
  std::vector<std::string> added, changed, reset, removed;
  std::size_t kept = 0;
};

Plan plan_of(const RuleSet& before, const RuleSet& after) {
  Plan out;
  const auto find = [](const RuleSet& rules, const std::string& name) {
    return std::ranges::find(rules.programs, name, &Program::name);
  };
  const std::vector<std::uint64_t> shapes_before = kept_shapes(before), shapes_after = kept_shapes(after);
  for (std::size_t i = 0; i < after.programs.size(); ++i) {
    const Program& program = after.programs[i];
    const auto old = find(before, program.name);
    if (old == before.programs.end())
      out.added.push_back(program.name);
    else if (shapes_before[static_cast<std::size_t>(old - before.programs.begin())] != shapes_after[i])
      out.reset.push_back(program.name);
    else if (old->dials != program.dials)
      out.changed.push_back(program.name);
    else
      ++out.kept;
  }
  for (const Program& program : before.programs)
    if (find(after, program.name) == after.programs.end()) out.removed.push_back(program.name);
  return out;
}

std::string list_of(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names) {
    if (out.size() > 1) out += ',';
    append_json_text(out, name);
  }
  return out + "]";
}

// As `tocsin reload` prints it.
std::string text_of(const Plan& plan) {
  std::string out = fmt::format("rules: {} added, {} changed, {} kept, {} removed\n", plan.added.size(),
                                plan.changed.size() + plan.reset.size(), plan.kept, plan.removed.size());
  const auto add = [&](char sign, const std::vector<std::string>& names, std::string_view verdict) {
    for (const std::string& name : names) out += fmt::format("  {} {}  {}\n", sign, name, verdict);
  };
  add('+', plan.added, "new: it begins now");
  add('~', plan.changed, "kept");
  add('~', plan.reset, "reset: it is another pattern now, or kept another way; what it remembered is dropped");
  add('-', plan.removed, "gone, with what it remembered");
  return out;
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

std::string document_of(const Plan& plan, std::uint64_t generation, bool dry_run) {
  return fmt::format(
      R"({{"schema":"tocsin/reload/1","generation":{},"dry_run":{},"kept":{},"added":{},"changed":{},"reset":{},"removed":{},"text":{}}})",
      generation, dry_run, plan.kept, list_of(plan.added), list_of(plan.changed), list_of(plan.reset),
      list_of(plan.removed), quoted(text_of(plan)));
}

// As `tocsin savepoint create` prints it.
std::string document_of(const SavepointMade& made, Duration took) {
  const std::string text = fmt::format("savepoint {}: epoch {}, {}, {} bytes\n  {}\n", made.name, made.epoch.number,
                                       counted(made.keys, "key"), grouped(made.figures.bytes), made.path);
  return fmt::format(
      R"({{"schema":"tocsin/savepoint/1","name":{},"path":{},"epoch":{},"keys":{},"bytes":{},"digest":"{:016x}{:016x}","seconds":{:.3f},"text":{}}})",
      quoted(made.name), quoted(made.path), made.epoch.number, made.keys, made.figures.bytes, made.figures.digest.high,
      made.figures.digest.low, static_cast<double>(took.us) / 1e6, quoted(text));
}

std::string document_of_error(std::string_view error) {
  return R"({"schema":"tocsin/reload/1","error":)" + quoted(error) + ",\"text\":" + quoted(error) + "}";
}

}  // namespace

// Reads the rules again; good ones are the next generation's. The old ones run on where anything is wrong.
Verdict Daemon::apply(const ReloadAsked& asked) {
  std::ostringstream said;
  Console console{console_.in, console_.out, said};
  console.environment = console_.environment;
  CompiledPaths compiled = compile_paths("run", settings_.rules, given_.arguments, console);
  const auto refuse = [&](unsigned status, std::string why) {
    while (!why.empty() && why.back() == '\n') why.pop_back();
    bool is_new = false;
    {
      const std::scoped_lock lock(mutex_);
      is_new = reload_status_.error != why;
      reload_status_.error = why;
      reload_status_.at = clock_.now();
    }
    if (is_new) log_.problem("rules", "the new rules are not taken, the old ones run on:\n" + why);
    return Verdict{status, document_of_error(why)};
  };
  if (compiled.exit != Exit::done || compiled.sets.size() != 1) return refuse(422, said.str());
  CompiledSet& set = compiled.sets.front();
  if (const auto unknown = outbound_.unknown_sinks(*set.compiled.rules); !unknown.empty())
    return refuse(422, unknown.front());
  for (const SourceSettings& source : settings_.sources) {
    auto codec = codec_of(source.codec, set.compiled.rules->schema);
    if (codec)
      if (auto sound = make_decoder(*codec, set.compiled.rules->schema); !sound)
        return refuse(422, sound.error().message);
    if (!codec) return refuse(422, codec.error().message);
  }
  const Plan plan = plan_of(generation_->rules(), *set.compiled.rules);
  const std::string hash = hash_of_texts(set);
  {
    const std::scoped_lock lock(mutex_);
    if (reload_status_.hash == hash) {
      reload_status_.error.clear();
      return {200, document_of(plan, number_, asked.dry_run)};
    }
  }
  if (asked.require_state_kept && !(plan.reset.empty() && plan.removed.empty()))
    return refuse(422, "rules would lose what they remember: " + list_of(plan.reset) + " " + list_of(plan.removed));
  if (asked.dry_run) return {200, document_of(plan, number_ + 1, true)};
  log_.info("rules", fmt::format("{} kept, {} changed, {} reset, {} new, {} gone", plan.kept, plan.changed.size(),
                                 plan.reset.size(), plan.added.size(), plan.removed.size()));
  notify_.reloading();
  const std::scoped_lock lock(mutex_);
  reload_status_ = {number_ + 1, hash, clock_.now(), {}};
  next_rules_ = std::make_shared<CompiledSet>(std::move(set));
  generation_->crew->stop();
  return {200, document_of(plan, number_ + 1, false)};
}

// ----- savepoints -------------------------------------------------------------------------------------------

std::vector<SavepointStatus> Daemon::savepoints() const {
  return list_savepoints(savepoint_folder(settings_)).value_or(std::vector<SavepointStatus>{});
}

void Daemon::savepoint(const SavepointAsked& asked, Reply reply) {
  if (savepoint_folder(settings_).empty())
    return reply({422, document_of_error("state is in memory, so there is no folder for savepoints: state.savepoints "
                                         "names one")});
  {
    const std::scoped_lock lock(mutex_);
    if (asked_savepoint_ || stops_) {
      reply({409, document_of_error(stops_ ? "the daemon is stopping" : "another savepoint is being made")});
      return;
    }
    asked_savepoint_ = {asked, std::move(reply)};
  }
  if (asked.stop) stop();
}

// One that is asked for with `stop` is of the last epoch, and so it is made at the end. Other rules or a stop break one
// off that is being made: for other rules it is made once more.
void Daemon::make_asked_savepoint(bool at_end) {
  std::optional<SavepointAsked> asked;
  {
    const std::scoped_lock lock(mutex_);
    if (asked_savepoint_ && asked_savepoint_->first.stop == at_end) asked = asked_savepoint_->first;
    if (!asked && !(at_end && asked_savepoint_)) return;
  }
  Verdict verdict;
  if (!asked) {
    verdict = {409, document_of_error("the daemon is stopping: ask for one with --stop, or after the next start")};
  } else if (at_end && failed_ != 0) {
    verdict = {500, document_of_error("the daemon has failed, so there is none; its log says why")};
  } else {
    const Duration began = clock_.elapsed();
    const SavepointAsk ask{savepoint_folder(settings_), asked->name, clock_.now(), generation_->number};
    const auto made = make_savepoint(ask, generation_->set, *store_, [&] { return !at_end && threads_stop_; });
    if (!made && !at_end && threads_stop_) return;
    if (made) {
      const Duration took = clock_.elapsed() - began;
      log_.info("savepoint", fmt::format("{}: epoch {}, {}, {} bytes, {} ms", made->path, made->epoch.number,
                                         counted(made->keys, "key"), made->figures.bytes, took.us / 1'000));
      verdict.document = document_of(*made, took);
    } else {
      log_.problem("savepoint", made.error().message);
      verdict = {made.error().code == Error::Code::refused ? 409u : 500u, document_of_error(made.error().message)};
    }
  }
  std::optional<std::pair<SavepointAsked, Reply>> done;
  {
    const std::scoped_lock lock(mutex_);
    done = std::exchange(asked_savepoint_, std::nullopt);
  }
  done->second(std::move(verdict));
}

void Daemon::delete_savepoint(const std::string& name, Reply reply) {
  const auto deleted = tocsin::app::delete_savepoint(savepoint_folder(settings_), name);
  if (!deleted)
    return reply(
        {deleted.error().code == Error::Code::refused ? 404u : 500u, document_of_error(deleted.error().message)});
  reply({200, R"({"schema":"tocsin/savepoint/1","name":)" + quoted(name) +
                  ",\"text\":" + quoted(fmt::format("savepoint {} is deleted\n", name)) + "}"});
}

// ----- the desk ---------------------------------------------------------------------------------------------

Health Daemon::healthy() const {
  const std::scoped_lock lock(mutex_);
  for (const std::string& stuck : stuck_)
    if (!stuck.empty()) return {stuck};
  return {};
}

Health Daemon::ready() const {
  if (Health health = healthy(); !health.ok()) return health;
  const std::scoped_lock lock(mutex_);
  if (stage_ != "running") return {"the daemon is " + stage_};
  if (std::string trouble = generation_->steward->trouble(); !trouble.empty()) return {std::move(trouble)};
  return {};
}

DaemonStatus Daemon::status() const {
  DaemonStatus out;
  out.version = kVersion;
  out.started = started_;
  out.health = healthy();
  out.ready = ready();
  const Outbound::Counts counts = outbound_.counts();
  out.alerts = counts.alerts;
  out.late = counts.late;
  out.dead_letters = counts.dead_letters;
  out.problems = log_.problem_count();
  for (const RuleStatus& rule : rules()) out.keys += rule.keys;
  const Publisher::Standing standing = publisher_->standing();
  for (const OpenSink& sink : sinks_) {
    SinkStatus& status = out.sinks.emplace_back();
    status.name = sink.name;
    status.kind = kind_of(settings_.sink(sink.name)->address);
    for (const std::string& trouble : standing.troubles)
      if (trouble.starts_with(sink.name + ": ")) status.problem = trouble.substr(sink.name.size() + 2);
  }
  const std::scoped_lock lock(mutex_);
  out.stage = stage_;
  out.rules = generation_->rules().programs.size();
  out.shards = generation_->engine->shards();
  out.events = events_before_ + generation_->engine->events();
  out.memory_bytes = generation_->crew->held_bytes();
  out.epoch = generation_->steward->figures().epoch.number;
  if (!notes_.empty()) out.checkpoint = notes_.front();
  out.reload = reload_status_;
  for (const SourceSettings& source : settings_.sources) {
    SourceStatus& status = out.sources.emplace_back();
    status.name = source.name;
    status.kind = kind_of(source.address);
  }
  if (const Time passed = generation_->engine->passed(); passed != Frontier::kNothing) out.watermark = passed;
  return out;
}

std::vector<RuleStatus> Daemon::rules() const {
  const std::scoped_lock lock(mutex_);
  const RuleSet& rules = generation_->rules();
  std::vector<RuleStatus> out;
  for (const Program& program : rules.programs) {
    RuleStatus& rule = out.emplace_back();
    rule.name = program.name;
    if (const auto* body = std::get_if<RuleBody>(&program.body); body != nullptr && body->alert)
      rule.severity = name_of(body->alert->severity);
  }
  for (std::size_t shard = 0; shard < generation_->engine->shards(); ++shard) {
    const Crew::ShardFigures figures = generation_->crew->figures(shard);
    for (std::size_t i = 0; i < figures.rules.size(); ++i) {
      out[i].events += figures.rules[i].events;
      out[i].alerts += figures.rules[i].alerts;
      out[i].keys += figures.rules[i].keys;
      out[i].cut_short += figures.rules[i].cut_short;
    }
  }
  return out;
}

std::vector<ShardStatus> Daemon::shards() const {
  const std::scoped_lock lock(mutex_);
  std::vector<ShardStatus> out;
  const Duration up = Duration{(clock_.now() - started_).us};
  for (std::size_t i = 0; i < generation_->engine->shards(); ++i) {
    const Crew::ShardFigures figures = generation_->crew->figures(i);
    ShardStatus& shard = out.emplace_back();
    shard.number = i;
    for (const auto& rule : figures.rules) {
      shard.events += rule.events;
      shard.keys += rule.keys;
    }
    shard.waiting = figures.waiting;
    shard.busy = up.us > 0 ? static_cast<double>(figures.busy.us) / static_cast<double>(up.us) : 0;
    shard.idle = 1 - shard.busy;
    if (figures.passed != Frontier::kNothing) shard.watermark = figures.passed;
    shard.problem = stuck_[i];
  }
  return out;
}

std::vector<CheckpointNote> Daemon::checkpoints() const {
  const std::scoped_lock lock(mutex_);
  return notes_;
}

std::vector<KeptAlert> Daemon::alerts(const AlertsAsked& asked) const {
  return outbound_.kept(asked.rule, asked.most, publisher_->standing().delivered);
}

std::string Daemon::metrics() const {
  Metrics out;
  out.status = status();
  out.rules = rules();
  out.shards = shards();
  out.checkpoints = checkpoints();
  out.now = clock_.now();
  return metrics_text(out);
}

void Daemon::reload(const ReloadAsked& asked, Reply reply) {
  if (!asked.rebuild.empty()) return reply({422, document_of_error("rebuilding rules is not in this version")});
  {
    const std::scoped_lock lock(mutex_);
    if (!asked_) {
      asked_ = {asked, std::move(reply)};
      return;
    }
  }
  reply({409, document_of_error("another reload is under way")});
}

void Daemon::enable(const std::string&, bool, Reply reply) {
  reply({422, document_of_error("rules cannot be disabled in this version")});
}

}  // namespace tocsin::app
