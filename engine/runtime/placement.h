// Which shard has which keys. Each key of a program is of its own group (state/key_group.h), and groups are dealt to
// shards in runs. Programs that look at each other across keys (they use each other's events, are muted while another
// fires, share a budget), or that have one key alone (`by all`), have a home instead: one group for all that they keep,
// so that all of it is on one shard. Immutable, shared by all shards.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "engine/program/program.h"
#include "engine/state/key_group.h"

namespace tocsin {

class Placement {
 public:
  Placement(const RuleSet& rules, std::uint32_t shards);

  std::uint32_t shards() const { return shards_; }
  // Of all that the program keeps; nothing: each key has its own.
  std::optional<std::uint16_t> home(ProgramId program) const { return homes_[program.index]; }
  // Where what is of no key is kept.
  std::uint16_t group_of(ProgramId program) const { return named_[program.index]; }
  std::uint16_t group_of(ProgramId program, std::string_view key) const {
    const auto& home = homes_[program.index];
    return home ? *home : key_group_of(key);
  }
  std::uint32_t shard_of(std::uint16_t group) const { return tocsin::shard_of(group, shards_); }
  std::uint32_t shard_of(ProgramId program, std::string_view key) const { return shard_of(group_of(program, key)); }

  // Where a program stands among the names, for the order in which outputs leave.
  std::uint32_t rank(ProgramId program) const { return ranks_[program.index]; }

 private:
  std::uint32_t shards_;
  std::vector<std::optional<std::uint16_t>> homes_;
  std::vector<std::uint16_t> named_;
  std::vector<std::uint32_t> ranks_;
};

// One shard of them: what runners ask.
struct Share {
  const Placement* placement = nullptr;
  std::uint32_t shard = 0;

  bool is_all() const { return placement->shards() == 1; }
  bool has(ProgramId program, std::string_view key) const {
    return is_all() || placement->shard_of(program, key) == shard;
  }
  // Events that lack a key go to the first shard, to be counted.
  bool has_keyless() const { return shard == 0; }
};

}  // namespace tocsin
