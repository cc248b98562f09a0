#include "app/daemon/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/program/dump.h"
#include "engine/runtime/kept_shape.h"

namespace tocsin::app {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string out = "[";
  for (const std::string& name : names) {
    if (out.size() > 1) out += ',';
    append_json_text(out, name);
  }
  return out + "]";
}

std::string verdict_of(const Plan::Rebuilt& rule) {
  if (!rule.since) return "rebuilt: its sources have nothing for it yet";
  if (!rule.warming_until) return "rebuilt from what its sources have since " + rfc3339(*rule.since);
  return fmt::format("rebuilt, warming until {}: its sources have nothing before {}", rfc3339(*rule.warming_until),
                     rfc3339(*rule.since));
}

std::string quoted(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

}  // namespace

Plan plan_of(const RuleSet& before, const RuleSet& after, std::optional<Time> passed) {
  Plan out;
  std::vector<bool> lives(before.programs.size(), false);
  const std::vector<std::uint64_t> shapes_before = kept_shapes(before), shapes_after = kept_shapes(after);
  for (std::size_t i = 0; i < after.programs.size(); ++i) {
    const Program& program = after.programs[i];
    const auto old = before_in(before, program);
    if (!old) {
      out.added.push_back(program.name);
      continue;
    }
    lives[old->index] = true;
    const Program& was = before.programs[old->index];
    if (shapes_before[old->index] != shapes_after[i]) {
      out.reset.push_back(program.name);
      out.why_reset[program.name] = why_reset(before, *old, after, ProgramId(i));
      continue;
    }
    if (const auto warm = warming_until(before, *old, after, ProgramId(i), passed))
      out.warming_until[program.name] = *warm;
    if (forgot_streaks(before, *old, after, ProgramId(i))) out.forgot_streaks.insert(program.name);
    if (was.dials != program.dials || was.name != program.name)
      out.changed.push_back(program.name);
    else
      ++out.kept;
  }
  for (std::size_t i = 0; i < lives.size(); ++i)
    if (!lives[i]) out.removed.push_back(before.programs[i].name);
  return out;
}

void rebuild(Plan& plan, const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const bool is_new = std::erase(plan.added, name) > 0;
    if (!is_new && std::erase(plan.changed, name) == 0 && std::erase(plan.reset, name) == 0) --plan.kept;
    plan.rebuilt.push_back({name, is_new, {}, {}});
  }
}

std::vector<std::string> to_be_rebuilt_too(const Plan& plan, const RuleSet& after) {
  const auto is_rebuilt = [&](const Program& program) {
    return std::ranges::find(plan.rebuilt, program.name, &Plan::Rebuilt::rule) != plan.rebuilt.end();
  };
  std::vector<bool> used(after.programs.size(), false);
  std::vector<std::string> out;
  for (std::size_t i = used.size(); i-- > 0;) {  // who is used stands before its users
    const Program& program = after.programs[i];
    if (!used[i] && !is_rebuilt(program)) continue;
    for (const ProgramId id : program.after) used[id.index] = true;
    if (!is_rebuilt(program)) out.push_back(program.name);
  }
  std::ranges::sort(out);
  return out;
}

void add_found(Plan& plan, const std::vector<Rebuild::Found>& found) {
  for (Plan::Rebuilt& one : plan.rebuilt)
    for (const Rebuild::Found& what : found)
      if (what.rule == one.rule) one.since = what.since, one.warming_until = what.warming_until;
}

bool is_same(const CompiledSet& before, const CompiledSet& after) {
  const RuleSet &a = *before.compiled.rules, &b = *after.compiled.rules;
  const auto same_program = [&](const Program& x, const Program& y) {
    return x.name == y.name && x.title == y.title && x.doc == y.doc && x.shape == y.shape && x.dials == y.dials &&
           dump(a, x) == dump(b, y);
  };
  const dsl::Model &x = before.compiled.model, &y = after.compiled.model;
  return before.data_hash == after.data_hash && x.lists == y.lists && x.tables == y.tables &&
         x.calendars == y.calendars && dump_schema(a) == dump_schema(b) &&
         std::ranges::equal(a.programs, b.programs, same_program);
}

std::string hash_of(const CompiledSet& set) {
  std::string all;
  for (const dsl::SourceText& file : set.files) all += file.path + '\0' + file.text + '\0';
  return fmt::format("{:016x}", hash_bytes(all) ^ set.data_hash);
}

std::string lost_by(const Plan& plan) {
  std::string out;
  for (const auto* names : {&plan.reset, &plan.removed})
    for (const std::string& name : *names) out += (out.empty() ? "`" : ", `") + name + "`";
  return out;
}

std::vector<std::string> lines_of(const Plan& plan) {
  std::vector<std::string> out;
  const auto lost_of = [&](const std::string& name) {
    const auto lost = plan.lost.find(name);
    return lost == plan.lost.end() ? std::string() : fmt::format(", {}", counted(lost->second, "key"));
  };
  const auto add = [&](char sign, const std::vector<std::string>& names, std::string_view verdict, bool loses) {
    for (const std::string& name : names) {
      std::string warming;
      if (const auto warm = plan.warming_until.find(name); warm != plan.warming_until.end())
        warming = ", warming until " + rfc3339(warm->second);
      else if (plan.forgot_streaks.contains(name))
        warming = kWarmingStreaks;
      out.push_back(fmt::format("{} {}  {}{}{}", sign, name, verdict, warming, loses ? lost_of(name) : ""));
    }
  };
  add('+', plan.added, "new: it begins now", false);
  add('~', plan.changed, "kept", false);
  for (const std::string& name : plan.reset)
    add('~', {name}, fmt::format("reset: {}; what it remembered is dropped", plan.why_reset.at(name)), true);
  for (const Plan::Rebuilt& one : plan.rebuilt)
    out.push_back(fmt::format("{} {}  {}", one.is_new ? '+' : '~', one.rule, verdict_of(one)));
  add('-', plan.removed, "gone, with what it remembered", true);
  if (plan.has_other_data)
    out.emplace_back("~ lists and tables  their files hold other values, which count from now on");
  return out;
}

std::string text_of(const Plan& plan) {
  const auto added = static_cast<std::size_t>(std::ranges::count(plan.rebuilt, true, &Plan::Rebuilt::is_new));
  std::string out = fmt::format("rules: {} added, {} changed, {} kept, {} removed\n", plan.added.size() + added,
                                plan.changed.size() + plan.reset.size() + plan.rebuilt.size() - added, plan.kept,
                                plan.removed.size());
  for (const std::string& line : lines_of(plan)) out += "  " + line + "\n";
  if (!plan.for_restart.empty()) out += "settings: " + waiting_for_restart(plan) + "\n";
  return out;
}

std::string waiting_for_restart(const Plan& plan) {
  std::string names;
  for (const std::string& name : plan.for_restart) names += (names.empty() ? "`" : ", `") + name + "`";
  return names + (plan.for_restart.size() == 1 ? " has been changed; the next start takes it"
                                               : " have been changed; the next start takes them");
}

std::string document_of(const Plan& plan, std::uint64_t generation, bool dry_run) {
  std::string rebuilt;
  const auto time_of = [](const std::optional<Time>& time) { return time ? quoted(rfc3339(*time)) : "null"; };
  for (const Plan::Rebuilt& one : plan.rebuilt)
    rebuilt += fmt::format(R"({}{{"rule":{},"since":{},"warming_until":{}}})", rebuilt.empty() ? "" : ",",
                           quoted(one.rule), time_of(one.since), time_of(one.warming_until));
  return fmt::format(
      R"({{"schema":"tocsin/reload/1","generation":{},"dry_run":{},"kept":{},"added":{},"changed":{},"reset":{},"rebuilt":[{}],"removed":{},"other_data":{},"for_restart":{},"text":{}}})",
      generation, dry_run, plan.kept, list_of(plan.added), list_of(plan.changed), list_of(plan.reset), rebuilt,
      list_of(plan.removed), plan.has_other_data, list_of(plan.for_restart), quoted(text_of(plan)));
}

std::string document_of_switch(std::string_view rule, bool enabled, std::string_view text) {
  return fmt::format(R"({{"schema":"tocsin/rule/1","rule":{},"enabled":{},"text":{}}})", quoted(rule), enabled,
                     quoted(text));
}

std::string document_of_refusal(std::string_view error, std::string_view help) {
  std::string out = R"({"schema":"tocsin/error/1","error":)" + quoted(error);
  if (!help.empty()) out += ",\"help\":" + quoted(help);
  return out + ",\"text\":" + quoted(error) + "}";
}

}  // namespace tocsin::app
