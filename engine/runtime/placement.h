// Which shard has which keys. Keys are of groups (state/key_group.h), and groups are dealt to shards in runs. Most
// programs have each key in a group of its own. Programs that look at each other (they use each other's events, are
// muted while another fires) are dealt by what their keys have in common: then all that can meet is in one group, and
// nothing is exchanged between shards. Where that is nothing, whoever uses the other's events stands a level higher and
// is dealt by itself: those events come to it from all shards (stair.h). Who has one key alone (`by all`), or has to be
// with others whose keys are other ones (`mute while`), has a home: one group for all that is kept, so that all of it
// is on one shard. Immutable, shared by all shards.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/program/program.h"
#include "engine/state/address.h"
#include "engine/state/key_group.h"

namespace tocsin {

// How the keys of one program are dealt to groups.
struct Dealt {
  std::optional<std::uint16_t> home;  // all to this one
  std::vector<std::uint32_t> parts;   // else by these parts of the key, in this order; none: by all of it

  std::uint16_t group_of(std::string_view key) const {
    if (home) return *home;
    return parts.empty() ? key_group_of(key) : key_group_of(key, parts);
  }
  friend auto operator<=>(const Dealt&, const Dealt&) = default;
};

// Why programs have a home.
struct Gathered {
  enum class Why : std::uint8_t {
    by_all,         // `program` has one key
    changing_key,   // `program`'s key is looked up in lists or tables, which change
    shared_budget,  // `program` shares a budget between keys of which no part is the same
    uses,           // `program` uses events of `other`, which do not say its key, and cannot stand above it
    muted,          // `program` is muted while `other` fires, whatever the key
    mixed           // no part of the key is the same all along the rules from `program` to `other`
  };
  Why why = Why::by_all;
  ProgramId program, other;
};

// What budgets with keys of their own (`per src`) are called in durable state, by what their keys are: a budget's place
// in the rule is another's when a clause before it is gone. Of several with the same keys each has its turn. By budget;
// "": it is of the rule's key.
std::vector<std::string> budget_names(const RuleSet& rules, const Program& program);
// The name that such a budget's key begins with.
std::string_view budget_name_of(std::string_view key);

// What would stand higher is gathered with that whose events it uses.
inline constexpr std::uint32_t kLevelsMax = 4;

class Placement {
 public:
  Placement(const RuleSet& rules, std::uint32_t shards);

  std::uint32_t shards() const { return shards_; }
  // One shard alone sees all levels as one.
  std::uint32_t levels() const { return shards_ == 1 ? 1 : levels_; }
  std::uint32_t level(ProgramId program) const { return shards_ == 1 ? 0 : level_[program.index]; }
  // Does `program` stand above `used`, if there are several shards?
  bool is_above(ProgramId program, ProgramId used) const { return level_[program.index] > level_[used.index]; }
  const Dealt& dealt(ProgramId program) const { return dealt_[program.index]; }
  // Why it has a home; nothing: it has none.
  const std::optional<Gathered>& gathered(ProgramId program) const { return gathered_[program.index]; }
  // Where what is of no key is kept.
  std::uint16_t group_of(ProgramId program) const { return named_[program.index]; }
  std::uint16_t group_of(ProgramId program, std::string_view key) const { return dealt_[program.index].group_of(key); }
  // ... and what stands in durable state under `key`.
  std::uint16_t group_of(ProgramId program, StateKind kind, std::string_view key) const;
  std::uint32_t shard_of(std::uint16_t group) const { return tocsin::shard_of(group, shards_); }
  std::uint32_t shard_of(ProgramId program, std::string_view key) const { return shard_of(group_of(program, key)); }

  // Where a program stands among the names, for the order in which outputs leave.
  std::uint32_t rank(ProgramId program) const { return ranks_[program.index]; }

 private:
  void deal_budgets(const RuleSet& rules, ProgramId program);

  std::uint32_t shards_, levels_ = 1;
  std::vector<std::uint32_t> level_;
  std::vector<Dealt> dealt_;
  std::vector<std::optional<Gathered>> gathered_;
  // Of programs that have no home, by program and name: by which parts of their own keys.
  std::map<std::pair<std::uint32_t, std::string>, Dealt> budgets_;
  std::vector<std::uint16_t> named_;
  std::vector<std::uint32_t> ranks_;
};

// One shard of them: what runners ask.
struct Share {
  const Placement* placement = nullptr;
  std::uint32_t shard = 0;
  const bool* own_event = nullptr;  // what is in hand was emitted here, and did not come from below

  bool is_all() const { return placement->shards() == 1; }
  bool has(ProgramId program, std::string_view key) const {
    return is_all() || placement->shard_of(program, key) == shard;
  }
  // Events that lack a key go to the first shard, to be counted; one that was emitted on a shard is there alone.
  bool has_keyless() const { return shard == 0 || (own_event != nullptr && *own_event); }
};

}  // namespace tocsin
