// What a reload would do to each rule, and how that is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "app/compiled.h"
#include "app/daemon/rebuild.h"
#include "engine/base/time.h"
#include "engine/program/program.h"

namespace tocsin::app {

// Kept (`=`), other texts or dials (`~`), reset (`!`), new (`+`), gone (`-`); or, of the first four, rebuilt.
struct Plan {
  struct Rebuilt {
    std::string rule;
    bool is_new = false;
    std::optional<Time> since, warming_until;  // as Rebuild::Found
  };
  std::vector<std::string> added, changed, reset, removed;
  std::vector<Rebuilt> rebuilt;
  std::size_t kept = 0;
  std::map<std::string, Time>
      warming_until;                     // of those that are kept with another window: before, they may miss matches
  std::set<std::string> forgot_streaks;  // as kept_shape.h
  std::map<std::string, std::string> why_reset;  // of those that are reset
  std::map<std::string, std::uint64_t> lost;     // keys, of those that are reset or removed, where that is known

  bool has_other_data = false;           // the files of lists and tables hold other values
  std::vector<std::string> for_restart;  // settings that have been changed, and that the next start takes

  bool loses_state() const { return !reset.empty() || !removed.empty(); }
};

// `passed`: how far time has come; nothing: no rule has remembered anything yet.
Plan plan_of(const RuleSet& before, const RuleSet& after, std::optional<Time> passed = std::nullopt);
// What becomes of each rule that is not plainly kept, and of the values of lists, a line each.
std::vector<std::string> lines_of(const Plan& plan);
// These are rebuilt, whatever would become of them without. REQUIRES: they are rules of `after`.
void rebuild(Plan& plan, const std::vector<std::string>& names);
// What those that are rebuilt use and is not rebuilt: it may have begun later than its sources, or with other numbers,
// and what it told and what it would have told would both be counted, or neither.
std::vector<std::string> to_be_rebuilt_too(const Plan& plan, const RuleSet& after);
void add_found(Plan& plan, const std::vector<Rebuild::Found>& found);

// Nothing that runs is another: comments, tests, the order of lines in a list are.
bool is_same(const CompiledSet& before, const CompiledSet& after);

// Of the texts that were compiled, and of the files of lists and tables as they were read.
std::string hash_of(const CompiledSet& set);

// Those that would forget something, as a sentence names them.
std::string lost_by(const Plan& plan);
// Settings that the next start takes, as a sentence. REQUIRES: there are some.
std::string waiting_for_restart(const Plan& plan);
// As `tocsin reload` prints it.
std::string text_of(const Plan& plan);
std::string document_of(const Plan& plan, std::uint64_t generation, bool dry_run);
// What became of a rule that was switched on or off.
std::string document_of_switch(std::string_view rule, bool enabled, std::string_view text);
// `help`: what to do; "" nothing that is not said.
std::string document_of_refusal(std::string_view error, std::string_view help = {});

}  // namespace tocsin::app
