// The ways to show a graph. Text and SVG share one layout: a row per state, its boxes all of one width, the way on
// below it, whatever leaves it at its side.
#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "app/graph.h"
#include "dsl/characters.h"

namespace tocsin::app {

namespace {

// ----- the layout ---------------------------------------------------------------------------------------------------

struct Row {
  const Node* node = nullptr;
  const Edge* way_on = nullptr;    // down to the next row; none at the end
  std::vector<const Edge*> aside;  // what stays or leaves, in order
};

struct Layout {
  std::vector<Row> rows;
  std::size_t label_columns = 0;  // of the widest label of a state
};

Layout lay_out(const Graph& graph) {
  Layout layout;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    if (graph.nodes[i].kind == Node::Kind::dropped) continue;  // said in words at the side of the states that it ends
    Row row{&graph.nodes[i], nullptr, {}};
    for (const Edge& edge : graph.edges) {
      if (edge.from != i) continue;
      const bool on = edge.kind == Edge::Kind::advance || edge.kind == Edge::Kind::timer;
      if (on) {
        row.way_on = &edge;
      } else {
        row.aside.push_back(&edge);
      }
    }
    layout.label_columns = std::max(layout.label_columns, dsl::columns_of(graph.nodes[i].label));
    layout.rows.push_back(std::move(row));
  }
  return layout;
}

std::string said_aside(const Edge& edge) {
  return edge.kind == Edge::Kind::stay ? fmt::format("↺ {}", edge.label) : fmt::format("✕ {}", edge.label);
}

std::string said_below(const Edge& edge) { return (edge.kind == Edge::Kind::timer ? "◷ " : "") + edge.label; }

// ----- text ---------------------------------------------------------------------------------------------------------

std::string repeated(std::string_view piece, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i) text += piece;
  return text;
}

// At most `columns` columns of `text`, the cut shown.
std::string cut(std::string_view text, std::size_t columns) {
  if (dsl::columns_of(text) <= columns) return std::string(text);
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const dsl::Character c = dsl::first_character(text);
    used += static_cast<std::size_t>(dsl::columns_of(c.code));
    if (used + 1 > columns) break;
    out += text.substr(0, c.bytes);
    text.remove_prefix(c.bytes);
  }
  return out + "…";
}

// What stands beside a box or an arrow, in as many lines as it needs at the width left.
std::vector<std::string> folded(std::string_view text, std::size_t columns) {
  std::vector<std::string> lines;
  std::string line;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (!line.empty() && dsl::columns_of(line) + 1 + dsl::columns_of(word) > columns) {
      lines.push_back(std::move(line));
      line = "  ";
    } else if (!line.empty()) {
      line += ' ';
    }
    line += word;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (!line.empty()) lines.push_back(std::move(line));
  return lines;
}

struct Border {
  std::string_view left_top, top, right_top, left_bottom, right_bottom, side, into, out;
};
constexpr Border kSingle{"┌", "─", "┐", "└", "┘", "│", "▼", "┬"};
constexpr Border kDouble{"╔", "═", "╗", "╚", "╝", "║", "▼", "╤"};

class TextDrawing {
 public:
  TextDrawing(const Layout& layout, std::size_t width)
      : layout_(layout),
        inner_(std::min(layout.label_columns, std::max<std::size_t>(width / 2, 16)) + 2),
        aside_(width > inner_ + 5 + 16 ? width - inner_ - 5 : 16),
        below_(width > inner_ / 2 + 4 + 16 ? width - inner_ / 2 - 4 : 16) {}

  std::string draw() {
    for (std::size_t i = 0; i < layout_.rows.size(); ++i) {
      box(layout_.rows[i], i > 0);
      if (layout_.rows[i].way_on != nullptr) arrow(*layout_.rows[i].way_on);
    }
    return out_;
  }

 private:
  std::size_t middle() const { return inner_ / 2; }

  std::string edge_line(std::string_view left, std::string_view line, std::string_view mark,
                        std::string_view right) const {
    return fmt::format("{}{}{}{}{}", left, repeated(line, middle()), mark.empty() ? line : mark,
                       repeated(line, inner_ - middle() - 1), right);
  }

  void box(const Row& row, bool entered) {
    const Border& b = row.node->kind == Node::Kind::fires ? kDouble : kSingle;
    const std::string label = cut(row.node->label, inner_ - 2);
    std::vector<std::string> notes;
    for (const Edge* edge : row.aside) std::ranges::copy(folded(said_aside(*edge), aside_), std::back_inserter(notes));
    out_ += edge_line(b.left_top, b.top, entered ? b.into : "", b.right_top) + "\n";
    const std::size_t lines = std::max<std::size_t>(1, notes.size());
    for (std::size_t i = 0; i < lines; ++i) {
      const std::string text = i == 0 ? label : "";
      out_ += fmt::format("{} {}{} {}", b.side, text, std::string(inner_ - 2 - dsl::columns_of(text), ' '), b.side);
      if (i < notes.size()) out_ += fmt::format("{} {}", notes[i].starts_with(' ') ? "  " : "──", notes[i]);
      out_ += "\n";
    }
    out_ += edge_line(b.left_bottom, b.top, row.way_on != nullptr ? b.out : "", b.right_bottom) + "\n";
  }

  void arrow(const Edge& edge) {
    for (const std::string& line : folded(said_below(edge), below_))
      out_ += fmt::format("{}│ {}\n", std::string(middle() + 1, ' '), line);
  }

  const Layout& layout_;
  std::size_t inner_;  // columns between the sides of a box
  std::size_t aside_, below_;
  std::string out_;
};

// ----- dot, mermaid -------------------------------------------------------------------------------------------------

std::string escaped(std::string_view text, std::string_view what, char with) {
  std::string out;
  for (const char c : text) {
    if (what.find(c) != std::string_view::npos) out += with;
    out += c;
  }
  return out;
}

// Mermaid knows no backslash; entities by number do.
std::string mermaid_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (std::string_view("\"#;<>{}|[]()`").find(c) != std::string_view::npos) {
      out += fmt::format("#{};", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string xml_text(std::string_view text) {
  std::string out;
  for (const char c : dsl::printable(text)) {
    if (c == '&' || c == '<' || c == '>' || c == '"') {
      out += fmt::format("&#{};", static_cast<int>(c));
    } else {
      out += c;
    }
  }
  return out;
}

// ----- svg ----------------------------------------------------------------------------------------------------------

// Pixels. A column of text is taken as kColumn wide; fonts differ, so boxes have air.
constexpr int kColumn = 8, kLine = 18, kMargin = 20, kBox = 36, kGap = 44;

class SvgDrawing {
 public:
  explicit SvgDrawing(const Layout& layout)
      : layout_(layout), box_(static_cast<int>(layout.label_columns) * kColumn + 32) {}

  std::string draw(std::string_view title) {
    int y = kMargin;
    for (const Row& row : layout_.rows) {
      const int height = std::max(kBox, static_cast<int>(row.aside.size()) * kLine + 12);
      state(row, y, height);
      y += height;
      if (row.way_on == nullptr) continue;
      arrow(*row.way_on, y);
      y += kGap;
    }
    const int width = wide_ + kMargin, height = y + kMargin;
    return fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} {1}\">\n"
        "  <title>{2}</title>\n"
        "  <style>text {{ font: 13px monospace; fill: currentColor }} rect, path {{ fill: none; stroke: currentColor "
        "}} .fires {{ "
        "stroke-width: 3 }} .aside {{ opacity: .75 }}</style>\n"
        "  <defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
        "orient=\"auto\">"
        "<path d=\"M0 0L8 4L0 8z\" style=\"fill: currentColor\"/></marker></defs>\n{3}</svg>\n",
        width, height, xml_text(title), out_);
  }

 private:
  void text(int x, int y, std::string_view what, std::string_view type = {}) {
    wide_ = std::max(wide_, x + static_cast<int>(dsl::columns_of(what)) * kColumn);
    out_ += fmt::format("  <text x=\"{}\" y=\"{}\"{}>{}</text>\n", x, y,
                        type.empty() ? "" : fmt::format(" class=\"{}\"", type), xml_text(what));
  }

  void state(const Row& row, int y, int height) {
    const bool fires = row.node->kind == Node::Kind::fires;
    out_ += fmt::format("  <rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" rx=\"6\"{}/>\n", kMargin, y, box_, height,
                        fires ? " class=\"fires\"" : "");
    wide_ = std::max(wide_, kMargin + box_);
    text(kMargin + 16, y + height / 2 + 5, row.node->label);
    for (std::size_t i = 0; i < row.aside.size(); ++i)
      text(kMargin + box_ + 12, y + 20 + static_cast<int>(i) * kLine, said_aside(*row.aside[i]), "aside");
  }

  void arrow(const Edge& edge, int y) {
    const int x = kMargin + box_ / 2;
    out_ += fmt::format("  <path d=\"M{} {}v{}\" marker-end=\"url(#tip)\"/>\n", x, y, kGap);
    text(x + 10, y + kGap / 2 + 4, said_below(edge));
  }

  const Layout& layout_;
  int box_;
  int wide_ = 0;
  std::string out_;
};

}  // namespace

std::string draw_text(const Graph& graph, std::size_t width) {
  const Layout layout = lay_out(graph);
  return TextDrawing(layout, width).draw();
}

std::string draw_dot(const Graph& graph) {
  std::string out =
      fmt::format("digraph \"{}\" {{\n  node [shape=box, style=rounded];\n", escaped(graph.title, "\"\\", '\\'));
  for (std::size_t i = 0; i < graph.nodes.size(); ++i)
    out += fmt::format("  n{} [label=\"{}\"{}];\n", i, escaped(graph.nodes[i].label, "\"\\", '\\'),
                       graph.nodes[i].kind == Node::Kind::fires ? ", peripheries=2" : "");
  for (const Edge& edge : graph.edges)
    out += fmt::format("  n{} -> n{} [label=\"{}\"{}];\n", edge.from, edge.to, escaped(edge.label, "\"\\", '\\'),
                       edge.kind == Edge::Kind::timer || edge.kind == Edge::Kind::leave ? ", style=dashed" : "");
  return out + "}\n";
}

std::string draw_mermaid(const Graph& graph) {
  std::string out = "flowchart TD\n";
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const bool fires = graph.nodes[i].kind == Node::Kind::fires;
    out +=
        fmt::format("  n{}{}\"{}\"{}\n", i, fires ? "[[" : "(", mermaid_text(graph.nodes[i].label), fires ? "]]" : ")");
  }
  for (const Edge& edge : graph.edges) {
    const bool dashed = edge.kind == Edge::Kind::timer || edge.kind == Edge::Kind::leave;
    out += fmt::format("  n{} {}|\"{}\"| n{}\n", edge.from, dashed ? "-.->" : "-->", mermaid_text(edge.label), edge.to);
  }
  return out;
}

std::string draw_svg(const Graph& graph) {
  const Layout layout = lay_out(graph);
  return SvgDrawing(layout).draw(graph.title);
}

}  // namespace tocsin::app
