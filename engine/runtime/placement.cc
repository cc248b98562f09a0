#include "engine/runtime/placement.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>
#include <utility>

#include "engine/program/dump.h"
#include "engine/program/hash.h"
#include "engine/runtime/keyed.h"

namespace tocsin {
namespace {

using Parts = std::vector<std::uint32_t>;

// `user` looks at `used`: where a key of one meets a key of the other, these parts of both (user's, used's) are equal.
struct Link {
  std::size_t user = 0, used = 0;
  bool is_mute = false;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> same;
};

std::optional<ExprInst> only_instruction(const RuleSet& rules, ExprId id) {
  if (!id.exists()) return std::nullopt;
  const Expr& e = rules.code.exprs[id.index];
  if (e.end - e.begin != 1) return std::nullopt;
  return rules.code.instructions[e.begin];
}

std::optional<std::uint32_t> part_of_key(const RuleSet& rules, ExprId id) {
  const auto inst = only_instruction(rules, id);
  if (!inst || inst->op != ExprOp::key) return std::nullopt;
  return inst->a;
}

std::vector<const EmitDef*> emits_of(const Program& program) {
  std::vector<const EmitDef*> out;
  if (const auto* session = std::get_if<SessionBody>(&program.body)) out.push_back(&session->emit);
  if (const auto* summary = std::get_if<SummaryBody>(&program.body)) out.push_back(&summary->emit);
  if (const auto* rule = std::get_if<RuleBody>(&program.body))
    for (const EmitDef& emit : rule->emits) out.push_back(&emit);
  return out;
}

// A field that is a part of the emitter's key, unchanged, and a part of the user's key, unchanged.
Link link_by_event(const RuleSet& rules, std::size_t user, std::size_t used, const Role& role, const EmitDef& emit) {
  Link out{user, used, false, {}};
  for (std::uint32_t part = 0; part < role.key.size(); ++part) {
    const auto field = only_instruction(rules, role.key[part]);
    if (!field || field->op != ExprOp::field) continue;
    if (const auto of_used = part_of_key(rules, emit.fields[field->a])) out.same.emplace_back(part, *of_used);
  }
  return out;
}

// One for each way in which they meet.
void add_links(const RuleSet& rules, std::size_t user, std::size_t used, std::vector<Link>& out) {
  const std::size_t before = out.size();
  const Program& program = rules.programs[user];
  if (const auto* rule = std::get_if<RuleBody>(&program.body))
    for (const Mute& mute : rule->mutes) {
      if (mute.rule.index != used) continue;
      Link& link = out.emplace_back(Link{user, used, true, {}});
      for (const auto& [ours, theirs] : mute.same)
        if (const auto part = part_of_key(rules, ours)) link.same.emplace_back(*part, theirs);
    }
  for (const EmitDef* emit : emits_of(rules.programs[used]))
    if (const Input* input = input_of(program, emit->type))
      for (const Role& role : input->roles) out.push_back(link_by_event(rules, user, used, role, *emit));
  if (out.size() == before) out.push_back({user, used, false, {}});
}

// A key that is worked out from lists or tables may be another one when they have changed.
bool has_changing_key(const RuleSet& rules, const Program& program) {
  return std::ranges::any_of(program.inputs, [&](const Input& input) {
    return std::ranges::any_of(input.roles, [&](const Role& role) {
      return std::ranges::any_of(
          role.key, [&](ExprId part) { return (rules.code.exprs[part.index].reads & kReadsReference) != 0; });
    });
  });
}

// The parts of its key by which a program may be dealt, for all that it keeps for itself.
Parts parts_of(const RuleSet& rules, const Program& program) {
  Parts out;
  if (program.by_all || has_changing_key(rules, program)) return out;
  const auto* rule = std::get_if<RuleBody>(&program.body);
  for (std::uint32_t part = 0; part < program.key_names.size(); ++part) {
    const bool is_of_all = rule == nullptr || std::ranges::all_of(rule->budgets, [&](const Budget& budget) {
                             return budget.keys.empty() || std::ranges::any_of(budget.keys, [&](ExprId key) {
                                      return part_of_key(rules, key) == part;
                                    });
                           });
    if (is_of_all) out.push_back(part);
  }
  return out;
}

// Who is kept together, and on which level. Clusters grow: of who is muted while another fires always, of a user and
// whose events it uses where their keys go on having a part in common, or where all of them have a home anyway. Who is
// not kept with those whose events it uses stands above them.
class Clusters {
 public:
  // `links` outlives it.
  Clusters(const RuleSet& rules, const std::vector<Link>& links)
      : links_(links), first_(rules.programs.size()), clusters_(first_.size()), links_of_(first_.size()) {
    for (std::size_t i = 0; i < first_.size(); ++i) {
      first_[i] = i;
      clusters_[i].programs.push_back(i);
      for (const std::uint32_t part : parts_of(rules, rules.programs[i])) clusters_[i].ways.push_back({{i, part}});
    }
    for (const Link& link : links_) {
      links_of_[link.user].push_back(&link);
      links_of_[link.used].push_back(&link);
    }
    for (const Link& link : links_)
      if (link.is_mute) join(link.user, link.used);
    for (const Link& link : links_) join_if_spread(link.user, link.used);
    do {
      while (join_circle()) {
      }
      find_levels();
    } while (join_too_high());
  }

  // In no order.
  const std::vector<std::size_t>& programs_from(std::size_t first) const { return clusters_[first].programs; }
  std::size_t first_of(std::size_t program) const { return first_[program]; }
  bool is_within(const Link& link) const { return first_[link.user] == first_[link.used]; }
  std::uint32_t level_of(std::size_t program) const { return clusters_[first_[program]].level; }

 private:
  // A part of each member's key that is the same wherever two of them meet.
  using Way = std::map<std::size_t, std::uint32_t>;
  struct One {
    std::vector<std::size_t> programs;
    std::vector<Way> ways;  // none: it has a home
    std::uint32_t level = 0;
  };

  // How both are dealt as one. Of those of `more` with the first of `less` that goes with it: pairs of their numbers.
  std::vector<std::pair<std::size_t, std::size_t>> ways_of_both(const One& more, const One& less) const {
    std::vector<const Link*> between;
    for (const std::size_t program : less.programs)
      for (const Link* link : links_of_[program])
        if (first_[link->user] != first_[link->used] && (is_of(more, link->user) || is_of(more, link->used)))
          between.push_back(link);
    const auto go_together = [&](const Way& a, const Way& b) {
      return std::ranges::all_of(between, [&](const Link* link) {
        const bool is_user = is_of(more, link->user);
        const std::pair parts{(is_user ? a : b).at(link->user), (is_user ? b : a).at(link->used)};
        return std::ranges::find(link->same, parts) != link->same.end();
      });
    };
    std::vector<std::pair<std::size_t, std::size_t>> out;
    for (std::size_t i = 0; i < more.ways.size(); ++i)
      for (std::size_t j = 0; j < less.ways.size(); ++j)
        if (go_together(more.ways[i], less.ways[j])) {
          out.emplace_back(i, j);
          break;
        }
    return out;
  }
  bool is_of(const One& cluster, std::size_t program) const {
    return first_[program] == first_[cluster.programs.front()];
  }
  std::pair<One*, One*> more_and_less(std::size_t a, std::size_t b) {
    One *more = &clusters_[first_[a]], *less = &clusters_[first_[b]];
    if (more->programs.size() < less->programs.size()) std::swap(more, less);
    return {more, less};
  }

  void join(std::size_t a, std::size_t b) {
    if (first_[a] == first_[b]) return;
    const auto [more, less] = more_and_less(a, b);
    put_together(*more, *less, ways_of_both(*more, *less));
  }
  void join_if_spread(std::size_t a, std::size_t b) {
    if (first_[a] == first_[b]) return;
    const auto [more, less] = more_and_less(a, b);
    const auto ways = ways_of_both(*more, *less);
    if (!ways.empty() || (more->ways.empty() && less->ways.empty())) put_together(*more, *less, ways);
  }
  void put_together(One& more, One& less, const std::vector<std::pair<std::size_t, std::size_t>>& ways) {
    std::vector<Way> together;
    for (const auto& [of_more, of_less] : ways) {
      together.push_back(std::move(more.ways[of_more]));
      together.back().insert(less.ways[of_less].begin(), less.ways[of_less].end());
    }
    more.ways = std::move(together);
    const std::size_t first = first_[more.programs.front()];
    for (const std::size_t program : less.programs) first_[program] = first;
    more.programs.insert(more.programs.end(), less.programs.begin(), less.programs.end());
    less = {};
  }

  // Clusters that stand above each other, round and round. They are joined, and what stands between two such circles
  // with them.
  bool join_circle() {
    std::vector<bool> is_left(first_.size(), true);
    for (const bool upwards : {true, false})
      for (bool strips = true; strips;) {
        std::vector<bool> is_held(first_.size(), false);
        for (const Link& link : links_)
          if (!is_within(link) && is_left[first_[link.user]] && is_left[first_[link.used]])
            is_held[first_[upwards ? link.user : link.used]] = true;
        strips = is_left != is_held;
        is_left = std::move(is_held);
      }
    std::vector<const Link*> circle;
    for (const Link& link : links_)
      if (!is_within(link) && is_left[first_[link.user]] && is_left[first_[link.used]]) circle.push_back(&link);
    for (const Link* link : circle) join(link->user, link->used);
    return !circle.empty();
  }

  // As far as one above the highest that there may be.
  void find_levels() {
    for (One& cluster : clusters_) cluster.level = 0;
    for (bool rises = true; rises;) {
      rises = false;
      for (const Link& link : links_) {
        std::uint32_t& level = clusters_[first_[link.user]].level;
        const std::uint32_t least = std::min(level_of(link.used) + 1, kLevelsMax);
        if (is_within(link) || level >= least) continue;
        level = least;
        rises = true;
      }
    }
  }
  bool join_too_high() {
    std::vector<const Link*> high;
    for (const Link& link : links_)
      if (!is_within(link) && level_of(link.user) == kLevelsMax && level_of(link.used) >= kLevelsMax - 1)
        high.push_back(&link);
    for (const Link* link : high) join(link->user, link->used);
    return !high.empty();
  }

  const std::vector<Link>& links_;
  std::vector<std::size_t> first_;  // by program: where its cluster stands
  std::vector<One> clusters_;
  std::vector<std::vector<const Link*>> links_of_;  // by program
};

// Programs that look at each other, whatever is between them.
class Cluster {
 public:
  Cluster(const RuleSet& rules, std::vector<std::size_t> programs, std::vector<const Link*> links)
      : rules_(rules), programs_(std::move(programs)), links_(std::move(links)) {
    for (const std::size_t program : programs_) usable_.push_back(parts_of(rules, rules.programs[program]));
  }

  // How each of them is dealt; nothing: nothing is the same in all their keys.
  std::optional<std::vector<Dealt>> dealt() const {
    std::vector<Dealt> out(programs_.size());
    for (const std::uint32_t part : usable_.front())
      if (const auto one = follow(part))
        for (std::size_t i = 0; i < out.size(); ++i) out[i].parts.push_back((*one)[i]);
    if (out.front().parts.empty()) return std::nullopt;
    for (std::size_t i = 0; i < out.size(); ++i)
      if (is_whole_key(i, out[i].parts)) out[i].parts.clear();
    return out;
  }

  // REQUIRES: it is not dealt.
  Gathered why() const {
    using Why = Gathered::Why;
    for (std::size_t i = 0; i < programs_.size(); ++i) {
      const ProgramId id(programs_[i]);
      const Program& program = rules_.programs[id.index];
      if (program.by_all) return {Why::by_all, id, id};
      if (usable_[i].empty())
        return {has_changing_key(rules_, program) ? Why::changing_key : Why::shared_budget, id, id};
    }
    for (const Link* link : links_)
      if (link->same.empty())
        return {link->is_mute ? Why::muted : Why::uses, ProgramId(link->user), ProgramId(link->used)};
    return {Why::mixed, ProgramId(programs_.front()), ProgramId(programs_.back())};
  }

 private:
  std::size_t place_of(std::size_t program) const {
    return static_cast<std::size_t>(std::ranges::lower_bound(programs_, program) - programs_.begin());
  }
  bool is_whole_key(std::size_t i, const Parts& parts) const {
    Parts all(rules_.programs[programs_[i]].key_names.size());
    std::iota(all.begin(), all.end(), 0u);
    return parts == all;
  }

  // The part of each program's key that is always equal to this one of the first program's, wherever two of them meet.
  std::optional<Parts> follow(std::uint32_t part) const {
    std::vector<std::optional<std::uint32_t>> chosen(programs_.size());
    chosen.front() = part;
    for (bool grows = true; grows;) {
      grows = false;
      for (const Link* link : links_) {
        auto &user = chosen[place_of(link->user)], &used = chosen[place_of(link->used)];
        if (user && used && std::ranges::find(link->same, std::pair(*user, *used)) == link->same.end())
          return std::nullopt;
        if (user.has_value() == used.has_value()) continue;
        for (const auto& [ours, theirs] : link->same) {
          if (!user && theirs == *used && is_usable(link->user, ours)) user = ours;
          if (!used && ours == *user && is_usable(link->used, theirs)) used = theirs;
          if (user && used) break;
        }
        if (!user || !used) return std::nullopt;
        grows = true;
      }
    }
    Parts out;
    for (const auto& one : chosen) out.push_back(*one);
    return out;
  }
  bool is_usable(std::size_t program, std::uint32_t part) const {
    return std::ranges::binary_search(usable_[place_of(program)], part);
  }

  const RuleSet& rules_;
  std::vector<std::size_t> programs_;  // in order
  std::vector<const Link*> links_;
  std::vector<Parts> usable_;  // in order
};

}  // namespace

std::vector<std::string> budget_names(const RuleSet& rules, const Program& program) {
  std::vector<std::string> out;
  const auto& rule = std::get<RuleBody>(program.body);
  for (const Budget& budget : rule.budgets) {
    std::string& name = out.emplace_back();
    if (budget.keys.empty()) continue;
    std::string words;
    for (const ExprId part : budget.keys) words += dump(rules, program, part, {}, rule.when) + '\n';
    do name = fmt::format("{:08x}/", hash_of(words += '#') & 0xffff'ffff);
    while (std::ranges::count(out, name) > 1);
  }
  return out;
}

std::string_view budget_name_of(std::string_view key) { return key.substr(0, key.find('/') + 1); }

Placement::Placement(const RuleSet& rules, std::uint32_t shards)
    : shards_(shards),
      level_(rules.programs.size()),
      dealt_(rules.programs.size()),
      gathered_(rules.programs.size()),
      ranks_(rules.programs.size()) {
  std::vector<Link> links;
  for (std::size_t i = 0; i < rules.programs.size(); ++i) {
    named_.push_back(key_group_of_name(rules.programs[i].name));
    for (const ProgramId used : rules.programs[i].after) add_links(rules, i, used.index, links);
  }
  const Clusters clusters(rules, links);
  std::vector<std::vector<const Link*>> within(rules.programs.size());
  for (const Link& link : links)
    if (clusters.is_within(link)) within[clusters.first_of(link.user)].push_back(&link);
  for (std::size_t first = 0; first < rules.programs.size(); ++first) {
    std::vector<std::size_t> programs = clusters.programs_from(first);
    if (programs.empty()) continue;
    std::ranges::sort(programs);
    const Cluster cluster(rules, programs, std::move(within[first]));
    const auto dealt = cluster.dealt();
    for (std::size_t i = 0; i < programs.size(); ++i) {
      const std::size_t program = programs[i];
      dealt_[program] = dealt ? (*dealt)[i] : Dealt{named_[programs.front()], {}};
      if (!dealt) gathered_[program] = cluster.why();
      if (dealt) deal_budgets(rules, ProgramId(program));
      level_[program] = clusters.level_of(program);
      levels_ = std::max(levels_, level_[program] + 1);
    }
  }

  std::vector<std::size_t> by_name(rules.programs.size());
  std::iota(by_name.begin(), by_name.end(), std::size_t{0});
  std::ranges::stable_sort(by_name, {}, [&](std::size_t i) -> const std::string& { return rules.programs[i].name; });
  for (std::size_t i = 0; i < by_name.size(); ++i) ranks_[by_name[i]] = static_cast<std::uint32_t>(i);
}

// A budget's key has the parts by which the program is dealt, at places of its own.
void Placement::deal_budgets(const RuleSet& rules, ProgramId id) {
  const Program& program = rules.programs[id.index];
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule == nullptr || std::ranges::all_of(rule->budgets, [](const Budget& b) { return b.keys.empty(); })) return;
  Parts parts = dealt_[id.index].parts;
  if (parts.empty()) {
    parts.resize(program.key_names.size());
    std::iota(parts.begin(), parts.end(), 0u);
  }
  const std::vector<std::string> names = budget_names(rules, program);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (names[i].empty()) continue;
    Dealt& dealt = budgets_[{id.index, names[i]}];
    for (const std::uint32_t part : parts) {
      const auto at =
          std::ranges::find_if(rule->budgets[i].keys, [&](ExprId key) { return part_of_key(rules, key) == part; });
      dealt.parts.push_back(static_cast<std::uint32_t>(at - rule->budgets[i].keys.begin()));
    }
  }
}

std::uint16_t Placement::group_of(ProgramId program, StateKind kind, std::string_view key) const {
  const Dealt& dealt = dealt_[program.index];
  switch (kind) {
    case StateKind::key:
      return dealt.group_of(key);
    case StateKind::due:
      return dealt.group_of(TimedKey::read(key)->key);
    case StateKind::budget: {
      if (dealt.home) return *dealt.home;
      const std::string_view name = budget_name_of(key);
      const auto budget = budgets_.find({program.index, std::string(name)});
      if (budget != budgets_.end()) return budget->second.group_of(key.substr(name.size()));
      break;
    }
    case StateKind::program:
      break;
  }
  return named_[program.index];
}

}  // namespace tocsin
