// A rule's automaton as a picture: one graph, one layout, five ways to show it. What is drawn is the pattern as
// the author wrote it, step by step; the program that runs may be cleverer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dsl/check.h"

namespace tocsin::app {

// A state that a key's partial match can be in.
struct Node {
  enum class Kind { start, waiting, fires, dropped };
  Kind kind = Kind::waiting;
  std::string label;
};

struct Edge {
  // advance: an event takes the match on; stay: it is taken and the state stays; leave: it is over;
  // timer: time alone takes it on.
  enum class Kind { advance, stay, leave, timer };
  std::size_t from = 0, to = 0;
  Kind kind = Kind::advance;
  std::string label;
};

// The way from the first node to the firing one is a line, drawn from top to bottom; whatever else leaves a state goes
// to its side. So a node is a row, and there is nothing to cross.
struct Graph {
  std::string title;
  std::vector<Node> nodes;  // nodes[0] is the start; the way to `fires` in order; `dropped`, if any, last
  std::vector<Edge> edges;
};

Graph graph_of(const dsl::RuleInfo& rule);

// For a terminal: boxes and arrows, at most `width` columns where the labels allow it.
std::string draw_text(const Graph& graph, std::size_t width);
std::string draw_dot(const Graph& graph);
std::string draw_mermaid(const Graph& graph);
std::string draw_svg(const Graph& graph);

}  // namespace tocsin::app
