// `tocsin savepoint restore`: a state folder that goes on from a savepoint, by the rules that there are now. Nothing is
// changed before all of the savepoint has been read and all that would be lost has been named.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>

#include "adapters/file/disk.h"
#include "adapters/file/sink.h"
#include "adapters/lmdb/fill.h"
#include "adapters/lmdb/folder_lock.h"
#include "app/compiled.h"
#include "app/one_line.h"
#include "app/savepoint_command.h"
#include "app/savepoints.h"
#include "dsl/diagnostic.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/runtime/kept_shape.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

// What becomes of a rule.
struct Verdict {
  char sign = '=';  // as `tocsin reload` prints them
  std::string rule, text;
  std::uint64_t keys = 0, budgets = 0, bytes = 0;
  bool is_lost = false;
};

struct Plan {
  std::vector<Verdict> verdicts;     // by name
  std::set<std::uint32_t> dropped;   // numbers of rules of which nothing is put back
  std::vector<std::string> sources;  // sentences
  std::vector<std::string> sinks;
  struct Tail {
    std::string path, copy;
    std::uint64_t from = 0, bytes = 0;
  };
  std::vector<Tail> tails;  // that are cut off at the next start
};

// ----- rules --------------------------------------------------------------------------------------------------------

void judge_rules(const SavepointView& view, const RuleSet& rules, Plan& plan) {
  const auto compiled = view.compiled();
  const auto find = [](const RuleSet& set, const std::string& name) {
    const auto at = std::ranges::find(set.programs, name, &Program::name);
    return at == set.programs.end() ? nullptr : &*at;
  };
  // Called otherwise now, as a start gives the number over (Ledger::numbers_of).
  const auto renamed = [&](const std::string& name) -> const Program* {
    const auto at = std::ranges::find(rules.programs, name, &Program::was);
    if (at == rules.programs.end() ||
        std::ranges::find(view.ledger.programs, at->name, &Ledger::Known::name) != view.ledger.programs.end())
      return nullptr;
    return &*at;
  };
  const auto id_of = [](const RuleSet& of, const Program& program) {
    return ProgramId(static_cast<std::size_t>(&program - of.programs.data()));
  };
  const std::vector<std::uint64_t> shapes = kept_shapes(rules);
  std::set<std::string> known;
  for (const RuleInSavepoint& rule : view.rules) {
    const Program* now = find(rules, rule.name);
    const bool has_other_name = now == nullptr && (now = renamed(rule.name)) != nullptr;
    const Program* before = compiled != nullptr ? find(*compiled, rule.name) : nullptr;
    known.insert(now != nullptr ? now->name : rule.name);
    Verdict verdict{'=', rule.name, "kept", rule.keys, rule.budgets, rule.bytes, false};
    if (now != nullptr && shapes[static_cast<std::size_t>(now - rules.programs.data())] == rule.shape) {
      if (before != nullptr && before->dials != now->dials) {
        verdict.sign = '~';
        const auto warm = warming_until(*compiled, id_of(*compiled, *before), rules, id_of(rules, *now), view.passed());
        if (warm) verdict.text += ", warming until " + rfc3339(*warm);
        if (!warm && forgot_streaks(*compiled, id_of(*compiled, *before), rules, id_of(rules, *now)))
          verdict.text += kWarmingStreaks;
      }
      if (has_other_name) {
        verdict.sign = '~';
        verdict.text += fmt::format(", as `{}`", now->name);
      }
    } else {
      plan.dropped.insert(rule.number);
      verdict.sign = now != nullptr ? '!' : '-';
      verdict.is_lost = rule.is_remembered();
      std::string why = "gone: there is no such rule now";
      if (now != nullptr)
        why = before == nullptr
                  ? "reset: it is another pattern now, or kept another way"
                  : "reset: " + why_reset(*compiled, id_of(*compiled, *before), rules, id_of(rules, *now));
      verdict.text = fmt::format("{}, {}{} dropped", why, counted(rule.keys, "key"),
                                 rule.budgets == 0 ? "" : ", " + counted(rule.budgets, "budget"));
    }
    plan.verdicts.push_back(std::move(verdict));
  }
  for (const Program& program : rules.programs)
    if (!known.contains(program.name)) {
      const bool was_there = compiled != nullptr && find(*compiled, program.name) != nullptr;
      plan.verdicts.push_back(
          {was_there ? '=' : '+', program.name, was_there ? "kept: it remembered nothing" : "new: it begins now"});
    }
  std::ranges::stable_sort(plan.verdicts, {}, &Verdict::rule);
}

// All that is lost has to be named, each by itself; and nothing else. What is wrong, in lines.
std::string refusal_of(const Plan& plan, const std::vector<std::string>& named) {
  std::string out;
  std::vector<std::string> lost;
  for (const Verdict& verdict : plan.verdicts)
    if (verdict.is_lost) lost.push_back(verdict.rule);
  for (const std::string& name : named) {
    if (std::ranges::find(lost, name) != lost.end()) continue;
    const bool is_known =
        std::ranges::any_of(plan.verdicts, [&](const Verdict& verdict) { return verdict.rule == name; });
    const std::string near = is_known ? "" : dsl::nearest(name, lost);
    out += is_known ? fmt::format("--drop-state {}: nothing of that rule would be lost; leave it out\n", name)
                    : fmt::format("--drop-state {}: the savepoint has no such rule{}\n", name,
                                  near.empty() ? "" : fmt::format("; did you mean `{}`?", near));
  }
  std::string missing;
  for (const std::string& name : lost)
    if (std::ranges::find(named, name) == named.end()) missing += " --drop-state " + name;
  if (!missing.empty())
    out += fmt::format("what these rules remember would be lost. To restore without it, say so of each:{}\n", missing);
  return out;
}

// ----- sources and sinks --------------------------------------------------------------------------------------------

void judge_sources(const Settings& settings, const SavepointView& view, Plan& plan) {
  const auto& names = view.ledger.layouts.sources;
  for (const Cut::Partition& partition : view.ledger.cut.partitions) {
    if (partition.source.index >= names.size()) continue;
    const std::string& name = names[partition.source.index];
    const SourceSettings* source = settings.source(name);
    if (source == nullptr) {
      plan.sources.push_back(fmt::format("{}: not configured any more; its place is forgotten", name));
      continue;
    }
    const bool goes_back = std::holds_alternative<FileSource>(source->address);
    plan.sources.push_back(
        goes_back ? fmt::format("{}: goes back to record {}", name, grouped(partition.resume_offset))
                  : fmt::format("{}: cannot go back; what came since the savepoint does not come again", name));
  }
  for (const SourceSettings& source : settings.sources)
    if (std::ranges::find(names, source.name) == names.end())
      plan.sources.push_back(fmt::format("{}: new, it begins where its configuration says", source.name));
}

std::string name_of_copy(const std::string& path, const std::string& savepoint) {
  std::error_code error;
  const std::string name = fmt::format("{}.after-{}", path, savepoint);
  for (int i = 1;; ++i)
    if (std::string one = i == 1 ? name : fmt::format("{}.{}", name, i); !std::filesystem::exists(one, error))
      return one;
}

// A file sink goes back, too: what stands in the file behind the savepoint is found and written again. Where the file
// is not the one that was written (another machine), the sink begins at the end of what is there.
Result<void> judge_sinks(const Settings& settings, const std::string& savepoint, SavepointView& view, Plan& plan) {
  for (SinkDelivery& sink : view.ledger.sinks) {
    const SinkSettings* now = settings.sink(sink.sink);
    if (now == nullptr) {
      plan.sinks.push_back(fmt::format("{}: not configured any more; it goes on there if it comes back", sink.sink));
      continue;
    }
    const auto* file = std::get_if<FileSink>(&now->address);
    if (file == nullptr) {
      plan.sinks.push_back(fmt::format("{}: alerts since the savepoint come again, with the same alert_id", sink.sink));
      sink.delivery.bookmark.clear();
      continue;
    }
    if (sink.delivery.bookmark.empty()) {
      plan.sinks.push_back(fmt::format("{}: begins at the end of {}", sink.sink, file->path));
      continue;
    }
    const auto standing = file_sink_standing({file->path}, sink.delivery.bookmark);
    if (!standing) return tl::unexpected(standing.error());
    if (standing->path.empty()) {
      sink.delivery.bookmark.clear();
      plan.sinks.push_back(fmt::format(
          "{}: {} is not the file that was written; it goes on at the end of what is there", sink.sink, file->path));
    } else if (standing->behind == 0) {
      plan.sinks.push_back(
          fmt::format("{}: goes on at byte {} of {}", sink.sink, grouped(standing->delivered), standing->path));
    } else {
      const std::string copy = name_of_copy(standing->path, savepoint);
      plan.sinks.push_back(
          fmt::format("{}: goes back to byte {} of {}; the {} behind it are kept in {}, and found again", sink.sink,
                      grouped(standing->delivered), standing->path, counted(standing->behind, "byte"), copy));
      plan.tails.push_back({standing->path, copy, standing->delivered, standing->behind});
    }
  }
  return {};
}

Result<void> keep_tail(const Plan::Tail& tail) {
  const auto disk_of = [](const std::string& path) { return path.substr(0, path.rfind('/')); };
  const auto name_of = [](const std::string& path) { return path.substr(path.rfind('/') + 1); };
  const auto disk = open_disk(disk_of(tail.path));
  if (!disk) return tl::unexpected(disk.error());
  const auto from = (*disk)->open(name_of(tail.path), Disk::Open::read);
  if (!from) return tl::unexpected(from.error());
  const auto to = (*disk)->open(name_of(tail.copy), Disk::Open::create);
  if (!to) return tl::unexpected(to.error());
  std::string bytes;
  for (std::uint64_t done = 0; done < tail.bytes; done += bytes.size()) {
    bytes.resize(std::min<std::uint64_t>(tail.bytes - done, 1 << 20));
    const auto got = (*from)->read(tail.from + done, bytes);
    if (!got) return tl::unexpected(got.error());
    bytes.resize(*got);
    if (bytes.empty()) break;
    if (auto put = (*to)->append(bytes); !put) return put;
  }
  return (*to)->sync().and_then([&] { return (*disk)->sync_folder(""); });
}

// ----- what is said -------------------------------------------------------------------------------------------------

void print_plan(const Plan& plan, std::ostream& out) {
  std::size_t width = 0;
  for (const Verdict& verdict : plan.verdicts) width = std::max(width, verdict.rule.size());
  for (const Verdict& verdict : plan.verdicts)
    out << fmt::format("  {} {:<{}}  {}\n", verdict.sign, on_one_line(verdict.rule), width, verdict.text);
  for (const std::string& source : plan.sources) out << "source " << on_one_line(source) << "\n";
  for (const std::string& sink : plan.sinks) out << "sink " << on_one_line(sink) << "\n";
}

Json json_of(const Plan& plan, const SavepointFile& file, const SavepointView& view, const std::string& dir,
             bool dry_run, const std::string& refusal) {
  Json out = {{"schema", "tocsin/restore/1"},
              {"savepoint", file.name},
              {"epoch", view.newest.epoch.number},
              {"dir", dir},
              {"dry_run", dry_run}};
  for (const Verdict& verdict : plan.verdicts)
    out["rules"].push_back({{"name", verdict.rule},
                            {"verdict", verdict.text},
                            {"keys", verdict.keys},
                            {"budgets", verdict.budgets},
                            {"bytes", verdict.bytes},
                            {"lost", verdict.is_lost}});
  out["sources"] = plan.sources;
  out["sinks"] = plan.sinks;
  if (!refusal.empty()) out["error"] = refusal;
  return out;
}

Result<void> put_back(const LmdbStoreConfig& config, Disk& disk, const SavepointFile& file, SavepointView& view,
                      const Plan& plan, bool replaces) {
  auto reader = file.open();
  if (!reader) return tl::unexpected(reader.error());
  Carried carried;
  carried.newest = std::move(view.newest);
  carried.newest.manifest = view.ledger.bytes();
  carried.next = [&](StateChange& change) -> Result<bool> {
    for (;;) {
      const auto more = (*reader)->next();
      if (!more || !*more) return more;
      const auto address = StateAddress::read((*reader)->address());
      if (address && plan.dropped.contains(address->program)) continue;
      change = {(*reader)->address(), (*reader)->value(), false};
      return true;
    }
  };
  return fill_folder(config, disk, carried, replaces);
}

}  // namespace

Exit restore_savepoint(const Settings& settings, const std::string& folder, const Arguments& arguments,
                       Console& console) {
  if (arguments.operands().size() != 2) return refuse(console, "savepoint", "restore takes one savepoint");
  const std::string& dir = settings.state.dir;
  if (dir.empty()) return refuse(console, "savepoint", "state.dir is \"\": there is no folder to restore into");
  const auto file = find_savepoint(folder, arguments.operands()[1]);
  if (!file) return not_found(console, file.error());
  auto view = look_at_savepoint(*file);
  if (!view) return savepoint_failure(console, view.error());
  CompiledPaths compiled = compile_paths("savepoint", settings.rules, arguments, console);
  if (compiled.exit != Exit::done) return compiled.exit;
  if (compiled.sets.size() != 1)
    return refuse(console, "savepoint",
                  fmt::format("{} rule sets were found, and one daemon runs one", compiled.sets.size()));
  Plan plan;
  judge_rules(*view, *compiled.sets.front().compiled.rules, plan);
  judge_sources(settings, *view, plan);
  if (auto judged = judge_sinks(settings, file->name, *view, plan); !judged)
    return savepoint_failure(console, judged.error());

  const bool dry_run = arguments.has("--dry-run"), replaces = arguments.has("--force");
  const std::string refusal = refusal_of(plan, arguments.all("--drop-state"));
  const Epoch epoch = view->newest.epoch;
  const Json document = json_of(plan, *file, *view, dir, dry_run, refusal);
  const auto say = [&] {
    if (arguments.has("--json")) {
      console.out << document.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
      return;
    }
    console.out << fmt::format("savepoint {}: epoch {}{}\n", on_one_line(file->name), epoch.number,
                               view->passed() ? ", event time " + rfc3339(*view->passed()) : "");
    print_plan(plan, console.out);
  };
  if (!refusal.empty()) {
    say();
    console.err << "tocsin savepoint: " << refusal;
    return Exit::state_refused;
  }
  LmdbStoreConfig config;
  config.folder = dir;
  if (dry_run) {
    say();
    return Exit::done;
  }
  const auto disk = open_disk(dir);
  if (!disk) return savepoint_failure(console, disk.error());
  if (!replaces)  // before anything is copied
    if (const auto free = refuse_state(config, **disk); !free) return savepoint_failure(console, free.error());
  // A daemon that runs is met before anything is copied; one that has begun meanwhile by who puts the state there.
  if (const auto lock = FolderLock::take(dir); !lock) return savepoint_failure(console, lock.error());
  const auto give_up = [&](const Error& error) {
    std::error_code ignored;
    for (const Plan::Tail& tail : plan.tails) std::filesystem::remove(tail.copy, ignored);
    return savepoint_failure(console, error);
  };
  for (const Plan::Tail& tail : plan.tails)
    if (auto kept = keep_tail(tail); !kept) return give_up(kept.error());
  if (auto put = put_back(config, **disk, *file, *view, plan, replaces); !put) return give_up(put.error());
  say();
  if (!arguments.has("--json")) console.out << fmt::format("restored into {}; `tocsin run` goes on from there\n", dir);
  return Exit::done;
}

}  // namespace tocsin::app
