// Who makes what others use: an order in which each rule, session and summary stands after those that it looks at,
// and the circles in which there is none.
#include <algorithm>
#include <utility>

#include "dsl/check/context.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"
#include "engine/base/wording.h"

namespace tocsin::dsl::checking {
namespace {

struct Graph {
  std::vector<Maker> makers;
  std::vector<std::vector<std::uint32_t>> uses;  // of each maker: the makers that it looks at
  std::vector<SourceSpan> at;                    // where each is named
  std::vector<std::string> names;
};

struct Looks {
  const Context& c;
  const std::vector<std::vector<std::uint32_t>>& made_by;  // event -> makers
  std::vector<std::uint32_t>& uses;

  void event(EventId id) {
    for (std::uint32_t maker : made_by[id])
      if (std::find(uses.begin(), uses.end(), maker) == uses.end()) uses.push_back(maker);
  }
  template <class Node>
  void in(const Node& node) {
    walk(node, [&](const ast::Stream& stream) {
      if (const auto base = c.model.event_ids.find(stream.name.text); base != c.model.event_ids.end())
        event(base->second);
      else if (c.model.alias_ids.contains(stream.name.text)) {
        ast::Stream plain;
        plain.name = stream.name;
        for (EventId id : c.model.events_of(plain)) event(id);
      }
    });
  }
};

Graph build(const Context& c) {
  Graph g;
  const Model& m = c.model;
  const auto add = [&](Maker::Kind kind, std::uint32_t i, const std::string& name, SourceSpan at) {
    g.makers.push_back({kind, i});
    g.names.push_back(name);
    g.at.push_back(at);
  };
  for (std::uint32_t i = 0; i < m.rules.size(); ++i) add(Maker::Kind::rule, i, m.rules[i].name, m.rules[i].at);
  for (std::uint32_t i = 0; i < m.sessions.size(); ++i)
    add(Maker::Kind::session, i, m.sessions[i].decl.name.text, m.sessions[i].decl.name.span);
  for (std::uint32_t i = 0; i < m.summaries.size(); ++i)
    add(Maker::Kind::summary, i, m.summaries[i].decl.name.text, m.summaries[i].decl.name.span);
  std::vector<std::vector<std::uint32_t>> made_by(m.events.size());
  const auto made = [&](EventId id, std::size_t maker) {
    if (id != kNone) made_by[id].push_back(static_cast<std::uint32_t>(maker));
  };
  for (std::size_t i = 0; i < m.rules.size(); ++i) made(m.rules[i].alert, i), made(m.rules[i].emits, i);
  for (std::size_t i = 0; i < m.sessions.size(); ++i) made(m.sessions[i].emits, m.rules.size() + i);
  for (std::size_t i = 0; i < m.summaries.size(); ++i)
    made(m.summaries[i].emits, m.rules.size() + m.sessions.size() + i);
  g.uses.resize(g.makers.size());
  for (std::size_t i = 0; i < g.makers.size(); ++i) {
    Looks looks{c, made_by, g.uses[i]};
    const std::uint32_t index = g.makers[i].index;
    switch (g.makers[i].kind) {
      case Maker::Kind::rule:
        looks.in(m.rules[index].when);
        for (const ast::Clause& clause : m.rules[index].clauses) {
          looks.in(clause);
          const auto* mute = std::get_if<ast::Mute>(&clause.node);
          const auto rule = mute ? m.rule_ids.find(mute->rule.text) : m.rule_ids.end();
          if (rule != m.rule_ids.end()) g.uses[i].push_back(rule->second);
        }
        break;
      case Maker::Kind::session:
        looks.in(m.sessions[index].decl.of);
        for (const ast::Clause& clause : m.sessions[index].decl.clauses) looks.in(clause);
        break;
      case Maker::Kind::summary:
        looks.in(m.summaries[index].decl.of);
        for (const ast::Clause& clause : m.summaries[index].decl.clauses) looks.in(clause);
        break;
    }
  }
  return g;
}

void report_circle(Context& c, const Graph& g, const std::vector<std::pair<std::uint32_t, std::size_t>>& path,
                   std::uint32_t back_to) {
  const auto from = std::find_if(path.begin(), path.end(), [&](const auto& step) { return step.first == back_to; });
  std::string circle;
  for (auto at = from; at != path.end(); ++at) circle += g.names[at->first] + " → ";
  circle += g.names[back_to];
  const bool alone = path.back().first == back_to;
  Diagnostic& d =
      c.report("R038", g.at[back_to],
               alone ? ticked(g.names[back_to]) + " looks at itself" : "these look at each other in a circle", circle,
               alone ? "a rule cannot use its own alerts; count them with `escalate to SEV after N in D`"
                     : "what one makes, the other needs first; let one of them use the events underneath");
  if (!alone) d.cause = Label{g.at[path.back().first], "this one looks at " + ticked(g.names[back_to])};
}

void report_chain(Context& c, const Graph& g, std::uint32_t last) {
  c.report("R074", g.at[last],
           "more than " + grouped(kChainOfRulesMax) + " rules, each over what the one before it makes",
           "the chain is longer from here on", "let it look at the events underneath");
}

}  // namespace

// Depth first, with a stack of its own: a chain may be as long as a rule set.
void check_order(Context& c) {
  const Graph g = build(c);
  enum class State : char { untouched, under_way, done };
  std::vector<State> states(g.makers.size(), State::untouched);
  std::vector<std::size_t> lengths(g.makers.size(), 1);  // of the longest chain that ends there
  bool is_told = false;
  std::vector<std::pair<std::uint32_t, std::size_t>> path;
  for (std::uint32_t root = 0; root < g.makers.size(); ++root) {
    if (states[root] != State::untouched) continue;
    path.emplace_back(root, 0);
    states[root] = State::under_way;
    while (!path.empty()) {
      auto& [maker, next] = path.back();
      if (next == g.uses[maker].size()) {
        states[maker] = State::done;
        for (const std::uint32_t used : g.uses[maker]) lengths[maker] = std::max(lengths[maker], lengths[used] + 1);
        if (lengths[maker] > kChainOfRulesMax && !std::exchange(is_told, true)) report_chain(c, g, maker);
        c.model.order.push_back(g.makers[maker]);
        path.pop_back();
        continue;
      }
      const std::uint32_t used = g.uses[maker][next++];
      if (states[used] == State::under_way) report_circle(c, g, path, used);
      if (states[used] != State::untouched) continue;
      states[used] = State::under_way;
      path.emplace_back(used, 0);
    }
  }
}

}  // namespace tocsin::dsl::checking
