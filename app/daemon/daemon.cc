#include "app/daemon/daemon.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <ostream>
#include <sstream>

#include "adapters/file/disk.h"
#include "adapters/lmdb/store.h"
#include "adapters/memory/store.h"
#include "app/daemon/changed_settings.h"
#include "app/daemon/checkpoint_advice.h"
#include "app/daemon/disabled.h"
#include "app/daemon/unjudged.h"
#include "app/files.h"
#include "app/inputs.h"
#include "app/rules.h"
#include "app/shards.h"
#include "dsl/load.h"
#include "engine/base/hash.h"
#include "engine/base/wording.h"

namespace tocsin::app {
namespace {

// How often threads without work look again.
constexpr auto kPause = std::chrono::milliseconds(2);
constexpr auto kWatchEvery = std::chrono::milliseconds(100);
// How often what goes by is looked at, when somebody looks on. What comes in between is bounded (Taps), so it is also
// how much of a core that can take.
constexpr auto kTapEvery = std::chrono::milliseconds(10);
// A worker that has not come round for so long is stuck; when all are to end, sooner.
constexpr Duration kStuckAfter = seconds(30), kStuckAtTheEnd = seconds(5);
// How long the old rules stand still at most when the disk does not take what the new ones would begin from.
constexpr Duration kReloadPatience = seconds(5);
// Where a generation fails whose rules cannot be rebuilt.
constexpr std::string_view kRebuild = "rebuild";
// Rules that could not begin are tried again by themselves after so long.
constexpr Duration kReloadAgain = minutes(1);

// What is said of the options of `replay` and others, said of keys of a source: `--event-field` is `event_field` there.
std::string as_settings(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const bool is_option =
        text.substr(i).starts_with("--") && i + 2 < text.size() && text[i + 2] >= 'a' && text[i + 2] <= 'z';
    if (!is_option) {
      out += text[i++];
      continue;
    }
    std::string name;
    for (i += 2; i < text.size() && (text[i] == '-' || (text[i] >= 'a' && text[i] <= 'z')); ++i)
      name += text[i] == '-' ? '_' : text[i];
    out += '`' + (name == "input_format" ? "format" : name) + '`';
  }
  return out;
}

std::vector<std::string> source_names(const Settings& settings) {
  std::vector<std::string> out;
  for (const SourceSettings& source : settings.sources) out.push_back(source.name);
  return out;
}

// Of these names; those that there are not any more are left out.
std::vector<ProgramId> programs_of(const RuleSet& rules, const std::vector<std::string>& names) {
  std::vector<ProgramId> out;
  for (std::size_t i = 0; i < rules.programs.size(); ++i)
    if (std::ranges::find(names, rules.programs[i].name) != names.end()) out.emplace_back(i);
  return out;
}

bool is_blank(const std::string& text) { return text.find_first_not_of(" \t\r\n") == std::string::npos; }

// A rule file that had something in it and has nothing now; "" none.
std::string emptied(const CompiledSet& before, const CompiledSet& now) {
  for (const dsl::SourceText& file : now.files)
    if (is_blank(file.text) && std::ranges::any_of(before.files, [&](const dsl::SourceText& was) {
          return was.path == file.path && !is_blank(was.text);
        }))
      return file.path;
  return {};
}

// Of the texts of rules as they are now, and of the files that the rules in force name. Nothing: some cannot be read.
std::optional<std::uint64_t> stamp_of(const CompiledSet& set, const Result<std::vector<dsl::SourceSet>>& now) {
  if (!now) return std::nullopt;
  std::string all;
  for (const dsl::SourceSet& one : *now)
    for (const dsl::SourceText& file : one.files) all += file.path + '\0' + file.text + '\0';
  for (const FileRead& file : set.files_read()) {
    const auto text = dsl::read_file(file.path);
    if (!text) return std::nullopt;
    all += *text + '\0';
  }
  return hash_bytes(all);
}

std::string without_end(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text;
}

Exit exit_of(const Error& error) {
  return error.code == Error::Code::malformed || error.code == Error::Code::refused ? Exit::state_refused : Exit::usage;
}

}  // namespace

Daemon::Daemon(Given given, Console& console)
    : given_(std::move(given)),
      settings_(given_.settings),
      console_(console),
      log_(settings_.log, settings_.limits.problems_kept, clock_, console.err),
      notify_(console.environment ? console.environment("NOTIFY_SOCKET").value_or("") : ""),
      started_(clock_.now()),
      taps_(source_names(settings_), clock_, [this] { return current_set(); }),
      outbound_(settings_, clock_, taps_,
                [this](const std::string& where, const std::string& what, std::string_view help) {
                  log_.problem(where, what, help);
                }),
      around_{clock_, [this](const std::string& said) { log_.problem("adapters", said); },
              [this](const std::string& said) { log_.info("adapters", said); },
              [this](const std::string& sink, const std::string& id, const std::string& body, const std::string& why) {
                const std::string& dead = settings_.routes.dead_letter;
                log_.problem("sink." + sink, why,
                             dead.empty()   ? "such messages are lost, as there is no `sinks.dead_letter`"
                             : dead == sink ? "it is the sink of dead letters itself, so such messages are lost"
                                            : "such messages go to the dead letters");
                outbound_.undeliverable(sink, id, body, why);
              }} {}

Daemon::~Daemon() {
  give_up_rebuild();
  threads_stop_ = publishing_stops_ = true;
  ruling_ = {};  // joins it, as the others
  watching_ = {};
  checkpointing_ = {};
  tapping_ = {};
  publishing_ = {};
  control_.reset();
  sinks_.clear();  // their threads may have something to say to what is taken down next
}

std::shared_ptr<Generation> Daemon::current() const {
  const std::scoped_lock lock(mutex_);
  return generation_;
}

// As ours, but what is complained of goes there.
Console Daemon::console_with(std::ostream& said) const {
  Console out{console_.in, console_.out, said};
  out.environment = console_.environment;
  return out;
}

std::shared_ptr<const CompiledSet> Daemon::current_set() const {
  const std::shared_ptr<Generation> generation = current();
  return {generation, &generation->set};
}

void Daemon::is_at(std::string_view stage, std::string_view what) {
  const std::scoped_lock lock(mutex_);
  stage_ = stage;
  about_ = what;
}

// ----- from the start to the end --------------------------------------------------------------------------

Exit Daemon::run() {
  if (const Exit opened = open_state(); opened != Exit::done) return opened;
  watching_ = std::jthread([this] { watch_thread(); });  // from here on: to read the state may take long
  if (const Exit opened = open_sinks(); opened != Exit::done) return opened;
  if (const Exit made = first_generation(); made != Exit::done || current() == nullptr) return made;
  if (const Exit opened = open_control(); opened != Exit::done) return opened;
  publishing_ = std::jthread([this] { publisher_thread(); });
  checkpointing_ = std::jthread([this] { checkpoint_thread(); });
  tapping_ = std::jthread([this] { tap_thread(); });
  ruling_ = std::jthread([this] { rules_thread(); });
  Ended ended = run_generation(true);
  while (ended == Ended::reload) ended = run_generation(change_rules());
  end();
  log_.info("daemon", failed_ == 0 ? "has stopped" : fmt::format("has stopped, with exit code {}", failed_.load()));
  return static_cast<Exit>(failed_.load());
}

void Daemon::stop() {
  stops_ = true;
  const std::scoped_lock lock(mutex_);
  stage_ = "stopping";
  if (ends_at_ == Duration{}) ends_at_ = clock_.elapsed() + settings_.shutdown_grace;
  if (rebuild_ != nullptr) rebuild_->give_up();
  if (generation_ != nullptr) generation_->crew->stop();
}

void Daemon::reload_soon() { looks_ = true; }

std::optional<Exit> Daemon::overdue() {
  std::string why;
  {
    const std::scoped_lock lock(mutex_);
    if (ends_at_ == Duration{} || clock_.elapsed() < ends_at_) return std::nullopt;
    why = about_;
    if (generation_ != nullptr)
      if (std::string stuck = generation_->steward->stuck(); !stuck.empty()) why = std::move(stuck);
    for (const std::string& stuck : stuck_)
      if (!stuck.empty()) why = stuck;
  }
  if (is_safe_) {
    log_.info("daemon", "ends now, as shutdown_grace is over: " + why + "; the next start does the rest");
    return static_cast<Exit>(failed_.load());
  }
  log_.failure("daemon", "has not ended within shutdown_grace: " + why,
               "it ends now, as a crash would; the next start goes on from the last epoch");
  return Exit::no;
}

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
    log_.failure("state", disk.error().message);
    return Exit::usage;
  }
  disk_ = std::move(*disk);
  LmdbStoreConfig config;
  config.folder = settings_.state.dir;
  config.fall_back = given_.arguments.has("--fall-back");
  end_on_damage(static_cast<int>(Exit::state_refused));
  auto store = LmdbStore::open(config, *disk_);
  if (!store) {
    log_.failure("state", store.error().message);
    return exit_of(store.error());
  }
  if (const auto left_out = (*store)->left_out())
    log_.problem("state",
                 fmt::format("epoch {} is damaged and set aside: its events are read again", left_out->number));
  history_ = store->get();
  store_ = std::move(*store);
  if (const auto notes = history_->notes(CheckpointHistory::kNotesMax); notes) notes_ = *notes;
  auto disabled = read_disabled(*disk_);
  if (!disabled) {
    log_.failure("state", disabled.error().message);
    return exit_of(disabled.error());
  }
  for (const std::string& name : *disabled) log_.info("rules", "rule `" + name + "` is disabled");
  outbound_.set_disabled(std::move(*disabled));
  return Exit::done;
}

Exit Daemon::open_sinks() {
  auto opened = tocsin::app::open_sinks(settings_.sinks, around_);
  if (!opened) {
    log_.failure("sinks", opened.error().message);
    return Exit::usage;
  }
  sinks_ = std::move(*opened);
  std::vector<Publisher::Named> named;
  for (const OpenSink& sink : sinks_) named.push_back({sink.name, sink.sink.get()});
  publisher_ = std::make_unique<Publisher>(std::move(named));
  return Exit::done;
}

Exit Daemon::open_control() {
  const std::string runtime_dir =
      console_.environment ? console_.environment("XDG_RUNTIME_DIR").value_or("") : std::string();
  const auto options = control_options(settings_.http, settings_.control_socket, runtime_dir);
  const auto refuse = [&](const Error& error) {
    log_.failure("control", error.message);
    return Exit::usage;
  };
  if (!options) return refuse(options.error());
  if (options->listen.empty() && options->socket.empty()) return Exit::done;
  auto started = ControlServer::start(*options, *this);
  if (!started) return refuse(started.error());
  control_ = std::move(*started);
  if (is_dev())
    hint(options->socket.empty() ? fmt::format("http://127.0.0.1:{}", control_->port()) : "unix:" + options->socket);
  if (control_->port() != 0)
    log_.info("control", fmt::format("listens at {}, port {}", options->listen, control_->port()));
  if (!options->socket.empty()) log_.info("control", "listens at " + options->socket);
  return Exit::done;
}

Exit Daemon::first_generation() {
  for (;;) {
    const Exit exit = try_first_generation();
    if (exit == Exit::done || !is_dev() || stops_) return stops_ ? Exit::done : exit;
    std::this_thread::sleep_for(5 * kWatchEvery);
  }
}

Exit Daemon::try_first_generation(bool rebuilds) {
  std::ostringstream said;
  Console console = is_dev() ? console_with(said) : console_;
  CompiledPaths compiled = compile_paths("run", settings_.rules, given_.arguments, console);
  const auto refuse = [&](const std::string& where, const std::string& why, Exit exit) {
    if (is_dev())
      tell_broken(fmt::format("{}{}: {}\ntocsin run: it begins as soon as that is mended\n", said.str(), where, why));
    else
      log_.failure(where, why);
    return exit;
  };
  if (compiled.exit != Exit::done) return is_dev() ? refuse("rules", "nothing can run", compiled.exit) : compiled.exit;
  if (compiled.sets.size() != 1)
    return refuse("rules", fmt::format("{} rule sets were found, and one daemon runs one", compiled.sets.size()),
                  Exit::usage);
  Result<Anew> anew;
  if (rebuilds) anew = unfinished(*compiled.sets.front().compiled.rules);
  if (!anew) return refuse("state", anew.error().message, exit_of(anew.error()));
  const Made made = made_generation(std::move(compiled.sets.front()), *anew);
  if (!made && made.error().where == kRebuild) {
    if (stops_) return Exit::done;
    log_.problem("rules", "not rebuilt, as a reload had wanted: " + made.error().why,
                 "they begin anew; `tocsin reload --rebuild RULE` tries it once more");
    forget_rebuilding();
    return try_first_generation(false);
  }
  if (!made) return refuse(made.error().where, made.error().why, made.error().exit);
  tell_broken(said.str());
  rename_disabled((*made)->rules());
  outbound_.bind((*made)->keeper.get());
  rebuilt_behind_ = anew->behind;
  std::shared_ptr<Rebuild> done;  // let go without the lock
  const std::scoped_lock lock(mutex_);
  done = std::exchange(rebuild_, nullptr);
  reload_status_.hash = (*made)->hash;
  generation_ = *made;
  return Exit::done;
}

// What is wrong with the rules does not keep a daemon of --dev from running. It is told when it is another.
void Daemon::tell_broken(const std::string& said) {
  if (said == broken_) return;
  console_.err << said << std::flush;
  broken_ = said;
}

// For who begins: what to type beside it.
void Daemon::hint(const std::string& address) {
  console_.err << fmt::format(
      "tocsin run --dev: state is in memory, and rule files are taken as soon as they change\n"
      "  what comes in    tocsin tap events --addr {0}\n"
      "  what it finds    tocsin tap alerts --addr {0}\n"
      "  how it is        tocsin status --addr {0}\n"
      "  the end          Ctrl-C\n",
      address);
}

// How the records of each source are read under these rules.
tl::expected<std::vector<Generation::Input>, Daemon::Refusal> Daemon::inputs_for(const RuleSet& rules) const {
  std::vector<Generation::Input> out;
  for (const SourceSettings& source : settings_.sources) {
    const auto refuse = [&](const Error& error) {
      return tl::unexpected(Refusal{"source." + source.name, as_settings(error.message)});
    };
    auto codec = codec_of(source.codec, rules.schema);
    if (!codec) return refuse(codec.error());
    codec->record_max = settings_.limits.record;
    codec->ahead_max = source.ahead_max;
    if (auto sound = make_decoder(*codec, rules.schema); !sound) return refuse(sound.error());
    out.push_back({*codec, carried_events(*codec, rules.schema)});
  }
  return out;
}

// Sources that can go back are opened once more, beside those of the generation before, which are left as they are; the
// others are theirs and the new one's, and begin anew last of all, when nothing can fail any more.
Daemon::Made Daemon::made_generation(CompiledSet rules, Anew anew) {
  const std::shared_ptr<const Generation> before = current();
  auto out = std::make_shared<Generation>();
  const auto refuse = [](std::string where, const Error& error, Exit exit) {
    return tl::unexpected(Refusal{std::move(where), error.message, exit});
  };
  out->number = before != nullptr ? before->number + 1 : 1;
  out->hash = hash_of(rules);
  out->set = std::move(rules);
  out->names.rules = &out->rules();
  auto inputs = inputs_for(out->rules());
  if (!inputs) return tl::unexpected(inputs.error());
  out->inputs = std::move(*inputs);
  for (const std::string& unknown : outbound_.unknown_sinks(out->set))
    return refuse("rules", {Error::Code::refused, unknown}, Exit::usage);

  EngineOptions options;
  options.shards = shards_or_cores(settings_.shards);
  options.sources = out->names.sources = source_names(settings_);
  options.apart = programs_of(out->rules(), anew.rules);
  out->engine = std::make_unique<Engine>(out->set.compiled.rules, out->set.reference, options);
  std::vector<Crew::Feed> feeds;
  for (std::size_t i = 0; i < settings_.sources.size(); ++i) {
    const SourceSettings& settings = settings_.sources[i];
    const Generation::Input& input = out->inputs[i];
    std::shared_ptr<Rewind> rewind = before != nullptr ? before->rewinds[i] : nullptr;
    std::shared_ptr<Source> source = rewind;
    if (source == nullptr) {
      auto opened = open_source(settings, input.codec, settings_.limits.record, SourceId(i), around_);
      if (!opened) return refuse("source." + settings.name, opened.error(), Exit::usage);
      if ((*opened)->can_go_back())
        source = std::move(*opened);
      else
        source = rewind = std::make_shared<Rewind>(std::move(*opened));
    }
    out->sources.push_back(std::move(source));
    out->rewinds.push_back(std::move(rewind));
    Crew::Feed& feed = feeds.emplace_back();
    feed.source = out->sources.back().get();
    feed.id = SourceId(i);
    feed.make_decoder = [&input, rules = out->set.compiled.rules] { return make_decoder(input.codec, rules->schema); };
    for (std::uint32_t p = 0; p < feed.source->partitions(); ++p)
      feed.partitions.push_back(out->engine->add_partition(feed.id, input.carried, settings.idle_after));
  }

  Keeper::ComesAgain comes_again;
  if (before == nullptr) {
    if (const auto given = give_first(*out); !given) return refuse("state", given.error(), exit_of(given.error()));
    comes_again = [&](std::size_t partition, std::uint64_t offset) {
      for (const Crew::Feed& feed : feeds)
        for (std::uint32_t p = 0; p < feed.partitions.size(); ++p)
          if (feed.partitions[p] == partition && out->rewinds[feed.id.index] != nullptr)
            return out->rewinds[feed.id.index]->gives(p, offset);
      return true;
    };
  }
  KeeperLimits kept;
  kept.memory = settings_.state.dir.empty() ? SIZE_MAX : settings_.state.memory / 2;  // half is for what waits
  out->keeper = std::make_unique<Keeper>(*out->engine, *store_, out->names.sources, kept);
  std::string where = "state";
  Keeper::Rebuilt rebuilt{options.apart, [&](const Cut& cut) -> Result<Engine*> {
                            where = kRebuild;
                            return rebuilt_to(cut, *out, anew).map([&](Engine* engine) {
                              where = "state";
                              return engine;
                            });
                          }};
  auto resumed = out->keeper->restore(comes_again, rebuilt);
  if (!resumed) return refuse(where, resumed.error(), exit_of(resumed.error()));
  if (anew.rebuild != nullptr)
    for (const Rebuild::Found& found : anew.rebuild->found())
      if (found.warming_until) out->warming_until[found.rule] = *found.warming_until;
  out->lost = std::move(resumed->lost);
  out->before = resumed->newest;
  if (before == nullptr)
    if (const auto opened = publisher_->open(resumed->sinks, resumed->newest, std::move(resumed->outboxes)); !opened)
      return refuse("sinks", opened.error(), exit_of(opened.error()));
  for (const bool goes_back : {true, false})
    for (Crew::Feed& feed : feeds) {
      if (feed.source->can_go_back() != goes_back) continue;
      std::vector<Progress> own;
      std::vector<std::uint64_t> read_to(feed.partitions.size());
      feed.goes_on.resize(feed.partitions.size());
      for (std::size_t p = 0; p < feed.partitions.size(); ++p)
        for (std::size_t i = 0; i < resumed->from.size(); ++i) {
          Progress& from = resumed->from[i];
          if (from.partition != feed.partitions[p]) continue;
          own.push_back({static_cast<std::uint32_t>(p), from.next_offset, from.bookmark, std::move(from.notes)});
          feed.goes_on[p] = {from.next_offset, std::move(resumed->readings[i].memory)};
          read_to[p] = resumed->readings[i].read_to;
        }
      if (Rewind* rewind = out->rewinds[feed.id.index].get(); rewind != nullptr && before == nullptr)
        rewind->had_read_to(std::move(read_to));
      if (auto started = feed.source->start(own); !started)
        return refuse("source." + settings_.sources[feed.id.index].name, started.error(), exit_of(started.error()));
    }
  Crew::Limits limits;
  limits.held_bytes = settings_.state.memory / 2;
  out->crew = std::make_unique<Crew>(*out->engine, std::move(feeds),
                                     outbound_.outputs(out->names, *out->keeper, out->set.compiled.rules), clock_,
                                     out->keeper.get());
  out->crew->set_limits(limits);
  Steward::Pace pace;
  pace.epoch = settings_.state.epoch;
  out->steward = std::make_unique<Steward>(*out->keeper, *out->crew, *publisher_, pace);
  return out;
}

// What was kept of sources that cannot go back.
Result<void> Daemon::give_first(const Generation& generation) {
  if (disk_ == nullptr) return {};
  auto kept = read_unjudged(*disk_);
  if (!kept) return tl::unexpected(kept.error());
  for (KeptBlocks& one : *kept)
    for (std::size_t i = 0; i < settings_.sources.size(); ++i)
      if (settings_.sources[i].name == one.source && generation.rewinds[i] != nullptr)
        generation.rewinds[i]->give_first(std::move(one.blocks));
  return {};
}

void Daemon::keep_rest() {
  if (disk_ == nullptr) return;
  const std::shared_ptr<Generation> generation = current();
  std::vector<KeptBlocks> all;
  for (std::size_t i = 0; i < settings_.sources.size(); ++i)
    if (generation->rewinds[i] != nullptr) all.push_back({settings_.sources[i].name, generation->rewinds[i]->kept()});
  if (const auto kept = keep_unjudged(*disk_, all); !kept)
    log_.problem("state", kept.error().message,
                 "what sources gave that cannot go back, and no rule has judged, is lost");
}

// Reads and judges until the input ends, or somebody wants something else. `is_new`: or it goes on.
Daemon::Ended Daemon::run_generation(bool is_new) {
  const std::shared_ptr<Generation> generation = current();
  {
    const std::scoped_lock lock(mutex_);
    if (!stops_) stage_ = "running";
    about_ = "what was read is being judged";
    reload_status_.generation = generation->number;
    stuck_.assign(generation->engine->shards(), "");
  }
  if (is_new) {
    log_.info("daemon", fmt::format("runs {} on {}", counted(generation->rules().programs.size(), "rule"),
                                    counted(generation->engine->shards(), "shard")));
    if (const auto none = outbound_.without_sink(generation->rules()); !none.empty() && !is_dev())
      log_.problem("sinks", "no sink gets the alerts of " + none,
                   "`sinks.default` names the sinks of rules that name none; `tocsin alerts` shows the newest");
    for (const std::string& rule : generation->lost)
      log_.problem("state", fmt::format("rule `{}` is gone or another one now: what it remembered is not used", rule));
  }
  notify_.ready();
  if (stops_) generation->crew->stop();  // told before there was a crew
  judges_ = true;
  std::atomic<bool> ends{false};
  stewards_ = true;
  std::jthread stewarding([&] {
    while (!ends)
      if (!generation->steward->step(clock_.elapsed())) std::this_thread::sleep_for(kPause);
  });
  const Result<void> ran = generation->crew->run();
  judges_ = false;
  ends = true;
  stewarding.join();
  stewards_ = false;
  if (!ran) {
    const bool is_sound = generation->keeper->sound().has_value();
    log_.failure(is_sound ? "sources" : "state", ran.error().message);
    failed_ =
        static_cast<int>(is_sound || ran.error().code == Error::Code::malformed ? exit_of(ran.error()) : Exit::no);
    return Ended::failed;
  }
  const std::scoped_lock lock(mutex_);
  if (wanted_ && !stops_ && failed_ == 0) return Ended::reload;
  return generation->crew->has_stopped() ? Ended::stopped : Ended::input;
}

std::optional<std::string> Daemon::store_all(Duration until) {
  const std::shared_ptr<Generation> generation = current();
  for (;;) {
    const Result<void> finished = generation->steward->finish(clock_.elapsed());
    if (finished) return std::nullopt;
    if (const auto sound = generation->keeper->sound(); !sound) return sound.error().message;
    const bool is_damage = finished.error().code == Error::Code::malformed;
    if (is_damage || clock_.elapsed() >= until) return finished.error().message;
    log_.problem("state", finished.error().message, "it is tried again");
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

// In the order of what may not be lost: the last epoch, its messages, the checkpoint. A part of the time is left for
// that which comes behind.
void Daemon::end() {
  is_at("stopping", "what rules remember anew is given up");
  give_up_rebuild();
  std::vector<Reply> waiting;
  Duration ends_at;
  {
    const std::scoped_lock lock(mutex_);
    stage_ = "stopping";
    about_ = "the last epoch is being stored";
    if (ends_at_ == Duration{}) ends_at_ = clock_.elapsed() + settings_.shutdown_grace;
    ends_at = ends_at_;
    if (wanted_) waiting.push_back(std::move(wanted_->reply));
    if (asked_) waiting.push_back(std::move(asked_->second));
    for (Switch& asked : switches_) waiting.push_back(std::move(asked.reply));
    switches_.clear();
    wanted_.reset();
    asked_.reset();
  }
  for (Reply& reply : waiting)
    if (reply) reply({409, document_of_refusal("the daemon is stopping")});
  notify_.stopping();
  const Duration until = ends_at - Duration{settings_.shutdown_grace.us / 5};
  if (stops_ && failed_ == 0) read_rest();
  if (const auto why = store_all(until)) {
    if (const auto sound = current()->keeper->sound(); sound) {
      log_.failure("state", "the last epoch is not stored: " + *why, left_by_stop());
      if (failed_ == 0) failed_ = static_cast<int>(Exit::no);
    } else if (failed_ == 0) {  // else that has been said
      log_.failure("state", *why);
      failed_ = static_cast<int>(exit_of(sound.error()));
    }
  } else {
    keep_rest();
    is_safe_ = true;
    publish_rest(until);
  }
  is_at("stopping", "the last checkpoint is being merged");
  threads_stop_ = true;
  checkpointing_ = {};  // joins it
  tapping_ = {};
  taps_.end();
  make_asked_savepoint(true);
  outbound_.bind(nullptr);
  control_.reset();
  if (settings_.state.checkpoint.on_exit && current()->keeper->sound()) checkpoint();
}

// What the next start does where the last epoch could not be stored.
std::string Daemon::left_by_stop() const {
  const std::shared_ptr<Generation> generation = current();
  const Epoch newest = std::max(generation->before, generation->steward->figures().epoch);
  std::string out =
      fmt::format("the next start goes on from epoch {} and reads what came since then again", newest.number);
  if (std::ranges::any_of(generation->rewinds, [](const auto& rewind) { return rewind != nullptr; }))
    out += "; what standard input and sockets gave since then is lost";
  return out;
}

// Nobody could ask for it again. The generator has no end.
void Daemon::read_rest() {
  is_at("stopping", "what standard input and sockets had already is being read");
  const std::shared_ptr<Generation> generation = current();
  std::vector<SourceId> sources;
  for (std::size_t i = 0; i < settings_.sources.size(); ++i)
    if (generation->rewinds[i] != nullptr && !std::holds_alternative<GeneratorSource>(settings_.sources[i].address))
      sources.emplace_back(i);
  // Of the time for all of them each has its share of what those before it have left.
  const Duration until = clock_.elapsed() + std::min(given_.patience.rest, Duration{settings_.shutdown_grace.us / 10});
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const Duration left = std::max(Duration{}, until - clock_.elapsed());
    generation->crew->read_rest(sources[i], Duration{left.us / static_cast<std::int64_t>(sources.size() - i)});
  }
}

void Daemon::publish_rest(Duration until) {
  is_at("stopping", "the sinks are given what they have not");
  while (!publisher_->is_idle() && clock_.elapsed() < until && failed_ == 0) std::this_thread::sleep_for(kPause);
  publishing_stops_ = true;
  publishing_ = {};  // joins it
  if (!publisher_->is_idle())
    return log_.problem("sinks", "have not taken everything; they get the rest after the next start");
  // That they have taken it is durable, too, or it would come again.
  if (const auto finished = current()->steward->finish(clock_.elapsed()); !finished)
    log_.problem("state", finished.error().message);
}

// ----- what goes on around the crew -----------------------------------------------------------------------

void Daemon::publisher_thread() {
  while (!publishing_stops_) {
    const Result<bool> stepped = publisher_->step();
    if (!stepped) {
      log_.failure("sinks", stepped.error().message);
      failed_ = static_cast<int>(Exit::no);
      stop();
      return;
    }
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

void Daemon::tap_thread() {
  while (!threads_stop_) std::this_thread::sleep_for(taps_.step() ? kTapEvery : kWatchEvery / 2);
}

// One that takes longer than it may has failed, though the base is the new one: that it takes so long is what somebody
// has to hear.
void Daemon::checkpoint() {
  CheckpointNote note;
  note.at = clock_.now();
  const Duration began = clock_.elapsed();
  merging_since_ = began.us;
  const auto merged = store_->merge();
  merging_since_ = 0;
  note.took = clock_.elapsed() - began;
  if (!merged && merged.error().code == Error::Code::malformed) {  // the base is damaged: no later try succeeds
    if (failed_ == 0) {
      log_.failure("state", merged.error().message);
      failed_ = static_cast<int>(exit_of(merged.error()));
    }
    return stop();
  }
  if (merged) {
    note.through = merged->through;
    note.epochs = merged->epochs;
    note.changes = merged->changes;
    note.bytes = merged->bytes;
    if (merged->epochs == 0) return;
    if (note.took > settings_.state.checkpoint.timeout)
      note.failure = fmt::format("it took {:.1f} s, longer than state.checkpoint.timeout",
                                 static_cast<double>(note.took.us) / 1e6);
  } else {
    note.failure = merged.error().message;
  }
  note.base_bytes = store_->figures().base_bytes;
  if (const auto noted = history_->note(note); !noted) log_.problem("checkpoint", noted.error().message);
  std::string advice;
  {
    const std::scoped_lock lock(mutex_);
    notes_.insert(notes_.begin(), note);
    if (notes_.size() > CheckpointHistory::kNotesMax) notes_.pop_back();
    advice = checkpoint_advice(notes_, settings_.state.checkpoint);
  }
  if (!note.failure.empty()) log_.problem("checkpoint", note.failure, "epochs are kept until one succeeds");
  if (note.failure.empty() && !advice.empty()) log_.problem("checkpoint", "they are slow or large", advice);
}

void Daemon::watch_thread() {
  while (!threads_stop_) {
    std::this_thread::sleep_for(kWatchEvery);
    const Duration now = clock_.elapsed();
    if (const std::shared_ptr<Generation> generation = current(); generation != nullptr) {
      generation->steward->look(now, patience(), stewards_);
      watch_troubles(*generation);
    }
    // While state is read or a last epoch is stored no shard moves, and that is as it should be.
    if (judges_)
      watch_shards(now);
    else
      notify_.alive();
    watch_work(now);
    log_.look();
  }
}

// Rules may be many, and lie on a disk that does not answer.
void Daemon::rules_thread() {
  while (!threads_stop_) {
    std::this_thread::sleep_for(kWatchEvery);
    if (const std::shared_ptr<Generation> generation = current(); generation != nullptr) watch_rebuilt(*generation);
    switch_rules();
    look_at_rules(clock_.elapsed());
  }
}

// How long a thread at work need not move.
Duration Daemon::patience() const { return stops_ ? kStuckAtTheEnd : kStuckAfter; }

void Daemon::watch_shards(Duration now) {
  const std::shared_ptr<Generation> generation = current();
  const std::size_t shards = generation->engine->shards();
  if (beating_ != generation->number) beats_.assign(shards, {});
  beating_ = generation->number;
  bool all_move = generation->steward->stuck().empty();
  for (std::size_t i = 0; i < shards; ++i) {
    const std::uint64_t count = generation->crew->beats(i);
    if (count != beats_[i].count || beats_[i].since == Duration{}) beats_[i] = {count, now};
    const bool is_stuck = now > beats_[i].since + patience();
    all_move = all_move && !is_stuck;
    std::string text;
    if (is_stuck) {
      text = fmt::format("shard {} has not moved for {} s", i, (now - beats_[i].since).us / 1'000'000);
      if (const ProgramId turn = generation->crew->turn(i); turn.exists())
        text += fmt::format(": rule `{}` is not done with an event", generation->rules().programs[turn.index].name);
    }
    bool is_news = false;
    {
      const std::scoped_lock lock(mutex_);
      is_news = is_stuck && stuck_[i].empty();
      stuck_[i] = text;
    }
    if (is_news) log_.problem(fmt::format("shard.{}", i), text);
  }
  if (all_move) notify_.alive();
}

// How busy shards are: the share of the last second or so. One that has put nothing down since is in the middle of it.
void Daemon::watch_work(Duration now) {
  const std::shared_ptr<Generation> generation = current();
  if (generation == nullptr || now < work_looked_ + seconds(1)) return;
  work_looked_ = now;
  const std::size_t shards = generation->engine->shards();
  if (working_ != generation->number) work_.assign(shards, {});
  working_ = generation->number;
  std::vector<double> busy(shards);
  for (std::size_t i = 0; i < shards; ++i) {
    const Crew::ShardFigures figures = generation->crew->figures(i);
    const auto [at, worked] = std::exchange(work_[i], {figures.at, figures.busy});
    const auto span = static_cast<double>((figures.at - at).us);
    busy[i] = span > 0 ? std::min(1.0, static_cast<double>((figures.busy - worked).us) / span) : judges_ ? 1 : 0;
  }
  const std::scoped_lock lock(mutex_);
  busy_ = std::move(busy);
}

// What goes on being wrong is told when it begins and when it is over.
void Daemon::watch_troubles(const Generation& generation) {
  std::map<std::string, std::string> now;
  if (std::string text = generation.steward->trouble(); !text.empty()) now["state"] = std::move(text);
  for (const std::string& trouble : publisher_->standing().troubles)
    now["sink." + trouble.substr(0, trouble.find(": "))] = trouble.substr(trouble.find(": ") + 2);
  const std::vector<std::string> sources = generation.crew->troubles();
  for (std::size_t i = 0; i < sources.size(); ++i)
    if (!sources[i].empty()) now["source." + settings_.sources[i].name] = sources[i];
  for (const auto& [where, what] : now)
    if (const auto known = troubles_.find(where); known == troubles_.end() || known->second != what)
      log_.problem(
          where, what,
          where == "state" && generation.steward->holds_reading() ? "reading waits until it can be stored" : "");
  for (const auto& [where, what] : troubles_)
    if (!now.contains(where)) log_.over(where, what);
  troubles_ = std::move(now);
}

// ----- other rules ------------------------------------------------------------------------------------------

void Daemon::look_at_rules(Duration now) {
  std::optional<std::pair<ReloadAsked, Reply>> asked;
  {
    const std::scoped_lock lock(mutex_);
    if (stage_ != "running" || wanted_) return;
    asked = std::exchange(asked_, std::nullopt);
  }
  if (asked) return apply(asked->first, std::move(asked->second));
  const bool was_told = looks_.exchange(false);
  // Files that have changed meanwhile wait until it is done, but for somebody who says that they are to be taken.
  if (!was_told && is_rebuilding()) return;
  if (!was_told && !(settings_.reload.watch && now >= looked_ + settings_.reload.every)) return;
  looked_ = now;
  apply({.by_itself = !was_told}, nullptr);
}

void Daemon::switch_rules() {
  std::vector<Switch> asked;
  {
    const std::scoped_lock lock(mutex_);
    asked.swap(switches_);
  }
  for (const Switch& one : asked) one.reply(switch_rule(one));
}

Verdict Daemon::switch_rule(const Switch& asked) {
  std::set<std::string> names = outbound_.disabled();
  const std::shared_ptr<Generation> generation = current();
  const bool is_there =
      generation != nullptr &&
      std::ranges::find(generation->rules().programs, asked.rule, &Program::name) != generation->rules().programs.end();
  if (!is_there && !(asked.enabled && names.contains(asked.rule)))
    return {404, document_of_refusal("there is no rule `" + asked.rule + "`", "`tocsin rules` lists them")};
  asked.enabled ? names.erase(asked.rule) : names.insert(asked.rule).second;
  if (disk_ != nullptr)
    if (const auto written = write_disabled(*disk_, names); !written)
      return {500, document_of_refusal("it stays as it was, since that could not be kept: " + written.error().message)};
  outbound_.set_disabled(std::move(names));
  std::string text = fmt::format("rule `{}` is {}", asked.rule, asked.enabled ? "enabled" : "disabled");
  log_.info("rules", text);
  if (!asked.enabled)
    text += fmt::format(": it alerts nobody until `tocsin rules enable {}`{}, and goes on remembering", asked.rule,
                        disk_ != nullptr ? ", also after a restart" : ", or a restart, as state is in memory");
  return {200, document_of_switch(asked.rule, asked.enabled, text + "\n")};
}

Verdict Daemon::refuse_rules(unsigned status, std::string why, std::string_view help) {
  why = without_end(std::move(why));
  bool is_new = false;
  {
    const std::scoped_lock lock(mutex_);
    is_new = reload_status_.error != why;
    reload_status_.error = why;
    reload_status_.at = clock_.now();
  }
  if (is_new) log_.problem("rules", "the new rules are not taken, the old ones run on: " + why, help);
  return {status, document_of_refusal(why, help)};
}

bool Daemon::are_being_saved(const CompiledSet& now, const std::string& hash, const Plan& plan) {
  if (!plan.loses_state()) return false;
  const bool is_first = std::exchange(seen_, hash) != hash;
  const std::string empty = emptied(current()->set, now);
  if (is_first) seen_at_ = clock_.elapsed();
  if (is_first && !empty.empty())
    log_.info("rules", fmt::format("{} is empty now; if it stays so, its rules go, with what they remember, in {} s",
                                   empty, given_.patience.saved_empty.us / 1'000'000));
  return clock_.elapsed() - seen_at_ < (empty.empty() ? given_.patience.saved : given_.patience.saved_empty);
}

// A rule that is called otherwise now and goes on with what it had is switched off as it was.
void Daemon::rename_disabled(const RuleSet& rules) {
  const std::set<std::string> before = outbound_.disabled();
  std::set<std::string> names = before;
  const auto is_there = [&](const std::string& name) {
    return std::ranges::find(rules.programs, name, &Program::name) != rules.programs.end();
  };
  for (const Program& program : rules.programs)
    if (!program.was.empty() && !is_there(program.was) && names.erase(program.was) > 0) names.insert(program.name);
  if (names == before) return;
  if (disk_ != nullptr)
    if (const auto written = write_disabled(*disk_, names); !written)
      log_.problem("rules", "that a disabled rule has another name now could not be kept: " + written.error().message);
  outbound_.set_disabled(std::move(names));
}

// Reads the rules again; good ones take the place of those that run, which run on where anything is wrong.
void Daemon::apply(const ReloadAsked& asked, Reply reply) {
  const auto answer = [&](Verdict verdict) {
    if (reply) reply(std::move(verdict));
  };
  std::ostringstream said;
  Console console = console_with(said);
  std::vector<std::string> for_restart;
  if (!asked.by_itself && given_.config_now) {
    const auto config = given_.config_now(console);
    if (!config) return answer(refuse_rules(422, said.str()));
    for_restart = changed_settings(given_.config_json, *config);
  }
  // Most looks find what the one before has found.
  const auto stamp = stamp_of(current()->set, load_sources(settings_.rules, given_.arguments, console));
  if (asked.by_itself && stamp && stamp == same_) return;
  same_.reset();
  CompiledPaths compiled = compile_paths("reload", settings_.rules, given_.arguments, console);
  if (compiled.exit != Exit::done) return answer(refuse_rules(422, said.str()));
  if (is_dev())
    tell_broken(said.str());
  else if (!said.str().empty())
    log_.problem("rules", without_end(said.str()));
  if (compiled.sets.size() != 1)
    return answer(
        refuse_rules(422, fmt::format("{} rule sets were found, and one daemon runs one", compiled.sets.size())));
  CompiledSet& set = compiled.sets.front();
  if (const auto unknown = outbound_.unknown_sinks(set); !unknown.empty()) {
    std::ostringstream ignored;
    Console quiet = console_with(ignored);
    const auto config = given_.config_now ? given_.config_now(quiet) : std::nullopt;
    const auto changed = config ? changed_settings(given_.config_json, *config) : std::vector<std::string>{};
    return answer(refuse_rules(422, outbound_.unknown_sinks(set, changed).front()));
  }
  if (const auto inputs = inputs_for(*set.compiled.rules); !inputs)
    return answer(refuse_rules(422, inputs.error().where + ": " + inputs.error().why));
  const bool looks = asked.dry_run && is_rebuilding();  // ... and leaves that alone
  if (looks && !asked.rebuild.empty()) return answer({409, document_of_refusal("rules are being rebuilt just now")});
  if (!looks) give_up_rebuild();
  const std::shared_ptr<Generation> before = current();
  const Time passed = before->engine->passed();
  Plan plan = plan_of(before->rules(), *set.compiled.rules,
                      passed != Frontier::kNothing ? std::optional(passed) : std::nullopt);
  plan.for_restart = std::move(for_restart);
  plan.has_other_data = before->set.data_hash != set.data_hash;
  if (!plan.for_restart.empty()) log_.info("settings", waiting_for_restart(plan));
  for (const RuleStatus& rule : rules())
    if (std::ranges::find(plan.reset, rule.name) != plan.reset.end() ||
        std::ranges::find(plan.removed, rule.name) != plan.removed.end())
      plan.lost[rule.name] = rule.keys;
  const std::string hash = hash_of(set);
  if (!asked.rebuild.empty()) {
    if (!asked.dry_run) {  // by itself it would only be taken without
      refused_ = hash;
      try_again_ = Duration{std::numeric_limits<std::int64_t>::max()};
    }
    return begin_rebuild(asked, {std::move(set), std::move(plan), std::move(reply)});
  }
  if (hash == before->hash || is_same(before->set, set)) {
    seen_.clear();
    same_ = stamp;
    {
      const std::scoped_lock lock(mutex_);
      reload_status_.error.clear();
      if (!asked.dry_run && std::exchange(reload_status_.hash, hash) != hash) reload_status_.at = clock_.now();
    }
    return answer({200, document_of(plan, before->number, asked.dry_run)});
  }
  if (asked.require_state_kept && plan.loses_state())
    return answer(refuse_rules(422, "rules would lose what they remember: " + lost_by(plan),
                               "without --require-state-kept they are taken all the same"));
  if (asked.dry_run) return answer({200, document_of(plan, before->number + 1, true)});
  if (asked.by_itself && are_being_saved(set, hash, plan)) return;
  if (asked.by_itself && hash == refused_ && clock_.elapsed() < try_again_) return;
  refused_ = hash;
  try_again_ = clock_.elapsed() + kReloadAgain;
  if (const std::string trouble = before->steward->trouble(); !trouble.empty())
    return answer(refuse_rules(409, "other rules begin from what is stored, and nothing can be stored: " + trouble,
                               "mend that, then try again"));
  notify_.reloading();
  {
    const std::scoped_lock lock(mutex_);
    if (stage_ == "running" && !wanted_) {
      wanted_ = Wanted{std::move(set), std::move(plan), std::move(reply)};
      before->crew->stop();
      return;
    }
  }
  answer({409, document_of_refusal(stops_ ? "the daemon is stopping" : "another reload is under way")});
}

// The crew has stopped. True: others are in force; false: they could not begin, and the old ones go on.
bool Daemon::change_rules() {
  Wanted wanted;
  {
    const std::scoped_lock lock(mutex_);
    wanted = std::move(*wanted_);
    if (!stops_) stage_ = "reloading";
    about_ = "the rules are being changed";
  }
  bool is_taken = false;
  Verdict verdict = take_rules(wanted, is_taken);
  // The old rules go on, and so do their epochs.
  if (!is_taken && wanted.rebuild != nullptr &&
      (!stops_ || !remember_rebuilding({wanted.rebuild->names(), nullptr, 0})))
    forget_rebuilding();
  if (!is_taken) current()->crew->go_on();
  std::shared_ptr<Rebuild> rebuild;  // let go without the lock: it may be large
  {
    const std::scoped_lock lock(mutex_);
    wanted_.reset();
    rebuild = std::exchange(rebuild_, nullptr);
  }
  if (wanted.reply) wanted.reply(std::move(verdict));
  return is_taken;
}

// With the lock, while no crew is at work: what was counted goes on under the same rules.
void Daemon::carry_figures(const RuleSet& rules) {
  generation_->crew->put_down();
  events_before_ += generation_->engine->events();
  auto before = std::exchange(rules_before_, {});
  shard_events_before_.resize(generation_->engine->shards());
  for (std::size_t shard = 0; shard < shard_events_before_.size(); ++shard) {
    const Crew::ShardFigures figures = generation_->crew->figures(shard);
    for (std::size_t i = 0; i < figures.rules.size(); ++i) {
      shard_events_before_[shard] += figures.rules[i].events;
      before[generation_->rules().programs[i].name].add_counts(figures.rules[i]);
    }
  }
  for (const Program& program : rules.programs) {
    auto known = before.find(program.name);
    if (known == before.end()) known = before.find(program.was);
    if (known != before.end()) rules_before_.emplace(program.name, known->second);
  }
}

Verdict Daemon::take_rules(Wanted& wanted, bool& is_taken) {
  if (const auto why = store_all(clock_.elapsed() + kReloadPatience))
    return refuse_rules(409, "other rules begin from what is stored, and nothing can be stored: " + *why,
                        "mend that, then try again");
  Anew anew;
  if (wanted.rebuild != nullptr) {
    anew = {wanted.rebuild->names(), wanted.rebuild, current()->steward->figures().epoch.number};
    if (const auto kept = remember_rebuilding(anew); !kept)
      return refuse_rules(409, "nothing can be stored: " + kept.error().message, "mend that, then try again");
  }
  const Made made = made_generation(std::move(wanted.set), anew);
  if (!made)
    return refuse_rules(409, made.error().where + ": " + made.error().why,
                        wanted.rebuild != nullptr
                            ? "mend that, then try again"
                            : "mend that, then `tocsin reload`; it is tried again every minute, too");
  for (const auto& [rule, until] : wanted.plan.warming_until) (*made)->warming_until.try_emplace(rule, until);
  const Generation& now = **made;
  rename_disabled(now.rules());
  outbound_.bind(now.keeper.get());
  std::shared_ptr<Generation> before;  // let go without the lock: it may be large
  {
    const std::scoped_lock lock(mutex_);
    carry_figures(now.rules());
    before = std::exchange(generation_, *made);
    reload_status_ = {now.number, now.hash, clock_.now(), {}};
  }
  Plan& plan = wanted.plan;
  if (wanted.rebuild != nullptr) add_found(plan, wanted.rebuild->found());
  rebuilt_behind_ = anew.behind;
  for (const std::string& line : lines_of(plan)) log_.info("rules", line);
  log_.info("rules",
            fmt::format("{} kept, {} changed, {} reset, {} new, {} rebuilt, {} gone", plan.kept, plan.changed.size(),
                        plan.reset.size(), plan.added.size(), plan.rebuilt.size(), plan.removed.size()));
  is_taken = true;
  return {200, document_of(plan, now.number, false)};
}

}  // namespace tocsin::app
