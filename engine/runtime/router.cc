#include "engine/runtime/router.h"

#include <algorithm>

#include "engine/event/key.h"

namespace tocsin {

Router::Router(const RuleSet& rules, const Placement& placement, const PredicateIndex* index)
    : rules_(rules),
      placement_(placement),
      index_(index),
      evaluator_(rules.code),
      types_(placement.levels(), std::vector<PerType>(rules.schema.types.size())) {
  for (std::size_t i = 0; i < rules.programs.size(); ++i)
    for (const Input& input : rules.programs[i].inputs) add(input, ProgramId(i));
}

void Router::add(const Input& input, ProgramId program) {
  PerType& type = types_[placement_.level(program)][input.type.index];
  Ways ways;
  for (const Role& role : input.roles) {
    Way way;
    way.dealt = placement_.dealt(program);
    if (!way.dealt.home) way.key = role.key;
    auto known = std::ranges::find_if(type.ways, [&](const Way& w) { return is_same(w, way); });
    if (known == type.ways.end() && type.ways.size() == kWaysMax) {
      type.too_many = true;
      continue;
    }
    if (known == type.ways.end()) known = type.ways.insert(known, std::move(way));
    ways.set(static_cast<std::size_t>(known - type.ways.begin()));
  }
  type.programs.emplace_back(program, ways);
  type.all |= ways;
}

// Two expressions are the same way when they are the same code: each program has copies of its own.
bool Router::is_same(const Way& a, const Way& b) const {
  const auto is_same_code = [this](ExprId x, ExprId y) {
    const Expr &p = rules_.code.exprs[x.index], &q = rules_.code.exprs[y.index];
    const auto& all = rules_.code.instructions;
    return std::equal(all.begin() + p.begin, all.begin() + p.end, all.begin() + q.begin, all.begin() + q.end);
  };
  return a.dealt == b.dealt && std::ranges::equal(a.key, b.key, is_same_code);
}

ShardSet Router::shards_of(std::uint32_t level, const Event& event) {
  const PerType& type = types_[level][event.type.index];
  if (type.programs.empty()) return {};
  if (index_ == nullptr) return shards_by(type, type.all, event);
  wanted_.clear();
  index_->candidates(event, wanted_);
  if (wanted_.empty()) return {};
  Ways ways;
  auto at = type.programs.begin();
  for (const ProgramId program : wanted_) {  // both are in order
    at = std::lower_bound(at, type.programs.end(), program, [](const auto& p, ProgramId id) { return p.first < id; });
    if (at == type.programs.end()) break;
    if (at->first == program) ways |= at->second;
    if (ways == type.all) break;
  }
  return shards_by(type, ways, event);
}

void Router::route(const EventBatch& batch, Routes& out) {
  if (placement_.shards() == 1) return out.clear();  // all see the same one
  out.resize(placement_.levels());
  for (std::uint32_t level = 0; level < out.size(); ++level) {
    out[level].clear();
    out[level].reserve(batch.size());
    for (const Event& event : batch.events()) out[level].push_back(shards_of(level, event));
  }
}

ShardSet Router::shards_by(const PerType& type, const Ways& ways, const Event& event) {
  ShardSet out;
  if (type.too_many) return out.set();
  for (std::size_t i = 0; i < type.ways.size(); ++i)
    if (ways[i]) out.set(shard_by(type.ways[i], event));
  return out;
}

std::uint32_t Router::shard_by(const Way& way, const Event& event) {
  if (way.dealt.home) return placement_.shard_of(*way.dealt.home);
  EvalContext context;
  context.event = &event;
  context.time = event.time;
  context.scratch = &scratch_;
  key_.clear();
  bool whole = true;
  for (const ExprId part : way.key) {
    const Value value = evaluator_.evaluate(part, context);
    whole = whole && !value.is_missing();
    if (whole) append_key(key_, value);
  }
  scratch_.reset();
  return whole ? placement_.shard_of(way.dealt.group_of(key_)) : 0;
}

}  // namespace tocsin
