// Rules that somebody wants rebuilt: read again on a thread of its own while the others run on, and joined to them by a
// reload (Daemon::take_rules).
#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "app/daemon/daemon.h"
#include "app/daemon/rebuilding.h"

namespace tocsin::app {
namespace {

// What could be read in this time is left to be read while nothing is judged.
constexpr Duration kNearEnough = milliseconds(500);
constexpr auto kPause = std::chrono::milliseconds(10);
// So long it waits for an epoch; then an older one will do, as it is caught up with later.
constexpr Duration kWaitForCut = seconds(5);

std::string list_of(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "`" : ", `") + name + "`";
  return out;
}

}  // namespace

std::vector<Rebuild::From> Daemon::sources_again(const std::vector<Generation::Input>& inputs,
                                                 const Generation& generation) const {
  std::vector<Rebuild::From> out;
  for (std::size_t i = 0; i < settings_.sources.size(); ++i)
    out.push_back(
        {&settings_.sources[i], inputs[i], generation.sources[i]->partitions(), generation.rewinds[i] == nullptr});
  return out;
}

// What a reload had begun in the process before, and no epoch has.
Result<Daemon::Anew> Daemon::unfinished(const RuleSet& rules) {
  if (disk_ == nullptr) return Anew{};
  const auto kept = read_rebuilding(*disk_);
  if (!kept) return tl::unexpected(kept.error());
  if (!*kept) return Anew{};
  const auto newest = store_->newest();
  if (!newest) return tl::unexpected(newest.error());
  Anew out;
  for (const std::string& name : (*kept)->rules)
    if (std::ranges::find(rules.programs, name, &Program::name) != rules.programs.end()) out.rules.push_back(name);
  if (!*newest || out.rules.empty() || ((*kept)->behind != 0 && (*newest)->epoch.number > (*kept)->behind))
    return remove_rebuilding(*disk_).map([] { return Anew{}; });
  out.behind = (*newest)->epoch.number;
  log_.info("rules", list_of(out.rules) + ": rebuilt before all else, as a reload had begun it");
  return remember_rebuilding(out).map([&] { return out; });
}

// What the rules remember at the cut.
Result<Engine*> Daemon::rebuilt_to(const Cut& cut, const Generation& generation, Anew& anew) {
  if (anew.rebuild == nullptr) {
    auto made =
        Rebuild::make(generation.set, anew.rules, sources_again(generation.inputs, generation), settings_, around_);
    if (!made) return tl::unexpected(made.error());
    anew.rebuild = *made;
    const std::scoped_lock lock(mutex_);
    if (stops_) return failure(Error::Code::refused, "the daemon is stopping");
    rebuild_ = anew.rebuild;
  }
  return anew.rebuild->go_to(cut).map([&] { return &anew.rebuild->engine(); });
}

// On the rules thread; what comes of it is answered by the thread that does it.
void Daemon::begin_rebuild(const ReloadAsked& asked, Wanted wanted) {
  const std::shared_ptr<Generation> before = current();
  const auto refuse = [&](unsigned status, const std::string& why, std::string_view help = {}) {
    wanted.reply(asked.dry_run ? Verdict{status, document_of_refusal(why, help)} : refuse_rules(status, why, help));
  };
  const auto inputs = inputs_for(*wanted.set.compiled.rules);
  if (!inputs) return refuse(422, inputs.error().why);
  auto made = Rebuild::make(wanted.set, asked.rebuild, sources_again(*inputs, *before), settings_, around_);
  if (!made) return refuse(422, made.error().message, "without --rebuild it begins anew");
  wanted.rebuild = *made;
  rebuild(wanted.plan, wanted.rebuild->names());
  if (const auto too = to_be_rebuilt_too(wanted.plan, *wanted.set.compiled.rules); !too.empty())
    return refuse(422,
                  fmt::format("{}: what is used there has to be rebuilt, too, or it would be counted as it was and as "
                              "it would have been: {}",
                              list_of(wanted.rebuild->names()), list_of(too)),
                  fmt::format("rebuild all of it: --rebuild {} --rebuild {}",
                              fmt::join(wanted.rebuild->names(), " --rebuild "), fmt::join(too, " --rebuild ")));
  if (asked.require_state_kept && wanted.plan.loses_state())
    return refuse(422, "rules would lose what they remember: " + lost_by(wanted.plan),
                  "without --require-state-kept they are taken all the same");
  if (!asked.dry_run) {
    if (const auto kept = remember_rebuilding({wanted.rebuild->names(), nullptr, 0}); !kept)
      return refuse(409, "nothing can be stored: " + kept.error().message, "mend that, then try again");
    log_.info("rules", list_of(wanted.rebuild->names()) + ": what their sources still have is read again");
  }
  std::unique_lock lock(mutex_);
  if (stage_ != "running") {
    lock.unlock();
    return wanted.reply({409, document_of_refusal("the daemon is stopping")});
  }
  rebuild_ = wanted.rebuild;
  rebuilding_ = std::jthread([this, is_dry_run = asked.dry_run, wanted = std::move(wanted)]() mutable {
    rebuild_thread(is_dry_run, std::move(wanted));
  });
}

void Daemon::rebuild_thread(bool is_dry_run, Wanted wanted) {
  const std::shared_ptr<Generation> before = current();
  const Result<void> done = catch_up(*wanted.rebuild, is_dry_run);
  std::shared_ptr<Rebuild> let_go;  // without the lock: it may be large
  bool is_running = false;
  {
    const std::scoped_lock lock(mutex_);
    is_running = stage_ == "running";
    if (done && is_running && !is_dry_run && !wanted.rebuild->is_given_up()) {
      wanted_ = std::move(wanted);
      before->crew->stop();
      return;
    }
    let_go = std::exchange(rebuild_, nullptr);
  }
  const auto refuse = [&](const std::string& why) { wanted.reply({409, document_of_refusal(why)}); };
  if (done && is_dry_run) {
    add_found(wanted.plan, wanted.rebuild->found());
    return wanted.reply({200, document_of(wanted.plan, before->number + 1, true)});
  }
  if (!is_running) return refuse("the daemon is stopping; its next start rebuilds the rules before all else");
  if (!is_dry_run) forget_rebuilding();
  if (wanted.rebuild->is_given_up()) return refuse("another reload was asked for meanwhile");
  const std::string why = list_of(wanted.rebuild->names()) + " cannot be rebuilt: " + done.error().message;
  if (is_dry_run) return refuse(why);
  wanted.reply(refuse_rules(409, why, "mend that, then try again"));
}

// Over and over up to what was stored last, until next to nothing is left.
Result<void> Daemon::catch_up(Rebuild& rebuild, bool is_dry_run) const {
  const std::shared_ptr<Generation> generation = current();
  // One that was begun after this was asked for: the one behind that which may be on its way.
  const std::optional<Cut> before = generation->keeper->stored();
  const std::uint64_t wanted = before ? before->number + 2 : 1;
  const Duration asked = clock_.elapsed();
  std::optional<Cut> cut = before;
  while (!cut || (cut->number < wanted && clock_.elapsed() - asked < kWaitForCut)) {
    if (rebuild.is_given_up()) return failure(Error::Code::refused, "it was given up");
    std::this_thread::sleep_for(kPause);
    cut = generation->keeper->stored();
  }
  if (is_dry_run) return rebuild.look(*cut);
  for (;;) {
    const Duration began = clock_.elapsed();
    if (auto read = rebuild.go_to(*cut); !read) return read;
    cut = generation->keeper->stored();
    if (clock_.elapsed() - began < kNearEnough) return {};
  }
}

// Whoever waited for it is told. Nobody else may begin one meanwhile.
void Daemon::give_up_rebuild() {
  std::jthread thread;
  {
    const std::scoped_lock lock(mutex_);
    if (rebuild_ != nullptr) rebuild_->give_up();
    thread = std::move(rebuilding_);
  }
}

bool Daemon::is_rebuilding() const {
  const std::scoped_lock lock(mutex_);
  return rebuild_ != nullptr;
}

Result<void> Daemon::remember_rebuilding(const Anew& anew) {
  return disk_ != nullptr ? write_rebuilding(*disk_, {anew.rules, anew.behind}) : Result<void>{};
}

void Daemon::forget_rebuilding() {
  if (disk_ == nullptr) return;
  if (const auto removed = remove_rebuilding(*disk_); !removed)
    log_.problem("state", removed.error().message, "the next start will rebuild rules once more");
}

// What the rules remember is durable.
void Daemon::watch_rebuilt(const Generation& generation) {
  const std::uint64_t behind = rebuilt_behind_;
  if (behind == 0 || generation.steward->figures().epoch.number <= behind) return;
  rebuilt_behind_ = 0;
  forget_rebuilding();
}

}  // namespace tocsin::app
