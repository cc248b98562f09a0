#include "engine/runtime/placement.h"

#include <algorithm>
#include <numeric>

namespace tocsin {
namespace {

// Sets of programs that grow together.
class Clusters {
 public:
  explicit Clusters(std::size_t size) : parent_(size) { std::iota(parent_.begin(), parent_.end(), std::size_t{0}); }
  std::size_t first_of(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = first_of(a);
    b = first_of(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<std::size_t> parent_;
};

// A key that is worked out from lists or tables may be another one when they have changed.
bool has_changing_key(const RuleSet& rules, const Program& program) {
  return std::ranges::any_of(program.inputs, [&](const Input& input) {
    return std::ranges::any_of(input.roles, [&](const Role& role) {
      return std::ranges::any_of(
          role.key, [&](ExprId part) { return (rules.code.exprs[part.index].reads & kReadsReference) != 0; });
    });
  });
}

}  // namespace

Placement::Placement(const RuleSet& rules, std::uint32_t shards)
    : shards_(shards), homes_(rules.programs.size()), ranks_(rules.programs.size()) {
  Clusters clusters(rules.programs.size());
  std::vector<bool> is_whole(rules.programs.size());
  const auto join = [&](std::size_t a, ProgramId b) {
    clusters.join(a, b.index);
    is_whole[a] = is_whole[b.index] = true;
  };
  for (std::size_t i = 0; i < rules.programs.size(); ++i) {
    const Program& program = rules.programs[i];
    named_.push_back(key_group_of_name(program.name));
    if (program.by_all || has_changing_key(rules, program)) is_whole[i] = true;
    for (const ProgramId used : program.after) join(i, used);
    const auto* rule = std::get_if<RuleBody>(&program.body);
    if (rule == nullptr) continue;
    for (const Mute& mute : rule->mutes) join(i, mute.rule);
    if (std::ranges::any_of(rule->budgets, [](const Budget& b) { return !b.keys.empty(); })) is_whole[i] = true;
  }
  for (std::size_t i = 0; i < rules.programs.size(); ++i)
    if (is_whole[i]) homes_[i] = named_[clusters.first_of(i)];

  std::vector<std::size_t> by_name(rules.programs.size());
  std::iota(by_name.begin(), by_name.end(), std::size_t{0});
  std::ranges::stable_sort(by_name, {}, [&](std::size_t i) -> const std::string& { return rules.programs[i].name; });
  for (std::size_t i = 0; i < by_name.size(); ++i) ranks_[by_name[i]] = static_cast<std::uint32_t>(i);
}

}  // namespace tocsin
