// Which shards see an event: those that have a key under which some program may want it. An event that no rule wants
// goes nowhere. One for each thread that reads input; nothing in it changes between events but memory.
#pragma once

#include <bitset>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "engine/event/batch.h"
#include "engine/event/event.h"
#include "engine/program/eval.h"
#include "engine/program/predicate_index.h"
#include "engine/program/program.h"
#include "engine/program/scratch.h"
#include "engine/runtime/placement.h"

namespace tocsin {

inline constexpr std::uint32_t kShardsMax = 64;
using ShardSet = std::bitset<kShardsMax>;
using Routes = std::vector<std::vector<ShardSet>>;  // of the events of a batch, by level; none where there is one shard

class Router {
 public:
  // All of them outlive it. Without an index every program that names the event's type is asked.
  Router(const RuleSet& rules, const Placement& placement, const PredicateIndex* index);

  // Of one level.
  ShardSet shards_of(std::uint32_t level, const Event& event);
  // ... and of all levels those of a whole batch.
  void route(const EventBatch& batch, Routes& out);
  bool wants(std::uint32_t level, EventTypeId type) const { return !types_[level][type.index].programs.empty(); }

 private:
  // A way to a key, which many programs share; or to a home.
  struct Way {
    std::vector<ExprId> key;  // empty: to a home
    Dealt dealt;
  };
  static constexpr std::size_t kWaysMax = 64;
  using Ways = std::bitset<kWaysMax>;
  struct PerType {
    std::vector<Way> ways;
    std::vector<std::pair<ProgramId, Ways>> programs;  // in order
    Ways all;
    bool too_many = false;  // every shard sees it
  };

  void add(const Input& input, ProgramId program);
  bool is_same(const Way& a, const Way& b) const;
  std::uint32_t shard_by(const Way& way, const Event& event);
  ShardSet shards_by(const PerType& type, const Ways& ways, const Event& event);

  const RuleSet& rules_;
  const Placement& placement_;
  const PredicateIndex* index_;
  Evaluator evaluator_;
  Scratch scratch_;
  std::vector<std::vector<PerType>> types_;  // by level
  std::vector<ProgramId> wanted_;
  std::string key_;
};

}  // namespace tocsin
