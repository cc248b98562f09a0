// Were this wrong, the picture of a rule would leave out a way into or out of a state, or not be a picture at all.
#include "app/graph.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include "dsl/characters.h"
#include "dsl/check.h"
#include "dsl/parser.h"

namespace tocsin::app {
namespace {

Graph graph(const std::string& when) {
  const dsl::SourceText source{"a.rules",
                               "event login has user text, ip ip, ts time  timestamp ts\n"
                               "event logout has user text, ts time  timestamp ts\n"
                               "event charge has user text, amount float, ts time  timestamp ts\n"
                               "rule r when " +
                                   when + " by user  forget after 90d idle  alert low \"x\"\n"};
  const std::vector<dsl::Parsed> parsed{dsl::parse(source)};
  REQUIRE(parsed.front().diagnostics.empty());
  const dsl::Checked checked = dsl::check(parsed);
  REQUIRE(checked.model.rules.size() == 1);
  return graph_of(checked.model.rules.front());
}

// "login>", "login@" (stays), "5 minutes*" (timer), "logout!" (leaves), in the order of the graph.
std::string edges(const Graph& graph) {
  std::string text;
  for (const Edge& edge : graph.edges) {
    const char sign = ">@!*"[static_cast<std::size_t>(edge.kind)];
    text +=
        (text.empty() ? "" : " ") + std::to_string(edge.from) + "-" + std::to_string(edge.to) + " " + edge.label + sign;
  }
  return text;
}

TEST_CASE("a sequence has a state after each step, and every way out of it") {
  const Graph g = graph("login as l then no logout then charge(amount > 5) within 10m");
  REQUIRE(g.nodes.size() == 4);
  CHECK(g.nodes[1].label == "after l");
  CHECK(g.nodes[2].kind == Node::Kind::fires);
  CHECK(g.nodes[3].kind == Node::Kind::dropped);
  CHECK(edges(g) == "0-1 login as l> 1-3 logout! 1-2 charge(amount > 5)> 1-3 10 minutes after the first!");
}

TEST_CASE("a repetition stays, an absence waits") {
  CHECK(edges(graph("5 login then no logout within 5m")) == "0-1 login> 1-1 login@ 1-2 5 minutes pass* 1-3 logout!");
}

TEST_CASE("a y that was never seen leads to `x after D without y`, too") {
  CHECK(edges(graph("charge after 1d without login")) == "0-1 1 day of watching pass* 1-3 login! 1-2 charge>");
}

TEST_CASE("`any of` waits for the others after the first, and for its bound") {
  CHECK(edges(graph("any 2 of (login, logout, charge) within 5m")) ==
        "0-1 any 2 of login, logout, charge: the first> 1-3 5 minutes after the first! 1-2 the second of them>");
  CHECK(edges(graph("all of (login, logout, charge)")) ==
        "0-1 all of login, logout, charge: the first> 1-1 another of them@ 1-2 the third of them>");
  CHECK(edges(graph("any 1 of (login, logout)")) == "0-1 any 1 of login, logout>");
}

TEST_CASE("a repeated step at the start loses its oldest events alone") {
  CHECK(edges(graph("5 login then logout within 5m")).find("1-3 too few of them within 5 minutes!") !=
        std::string::npos);
}

TEST_CASE("every form has a way from nothing to firing") {
  for (const char* when :
       {"login", "5 login within 5m", "20 login each 1h", "3 login at most 10s apart", "fewer than 3 login within 1d",
        "3 consecutive charge(amount > 5)", "4 distinct login.ip within 30m", "3 changes of login.ip within 1h",
        "new login.ip in 14d", "login after 90d idle", "charge after 24h without login", "no login for 2m",
        "no logout within 12h after login", "charge(amount > 5) for 10m", "sum(charge.amount) > 10 within 1h",
        "any 2 of (login, logout, charge) within 5m", "login then maybe logout then charge within 1h",
        "one or more charge until logout within 1h", "3 (login then logout within 1m) within 1h"}) {
    CAPTURE(when);
    const Graph g = graph(when);
    std::size_t at = 0;
    for (std::size_t turn = 0; turn < g.nodes.size() && g.nodes[at].kind != Node::Kind::fires; ++turn) {
      const auto on = std::ranges::find_if(g.edges, [&](const Edge& e) {
        return e.from == at && (e.kind == Edge::Kind::advance || e.kind == Edge::Kind::timer);
      });
      REQUIRE(on != g.edges.end());
      at = on->to;
    }
    CHECK(g.nodes[at].kind == Node::Kind::fires);
  }
}

TEST_CASE("a drawing keeps to the width, also of wide characters") {
  Graph g = graph("5 login then no logout within 5m");
  g.nodes[1].label = "日本日本日本日本日本日本日本日本日本日本";
  for (const std::size_t width : {std::size_t{60}, std::size_t{80}}) {
    std::istringstream lines(draw_text(g, width));
    std::size_t count = 0;
    for (std::string line; std::getline(lines, line); ++count) CHECK(dsl::columns_of(line) <= width);
    CHECK(count > 10);
  }
}

TEST_CASE("what a picture's language means by a sign is escaped") {
  Graph g;
  g.title = "r";
  g.nodes = {{Node::Kind::start, "a \"b\" <c> & d\\e"}, {Node::Kind::fires, "fires"}};
  g.edges = {{0, 1, Edge::Kind::advance, "x(y = \"z\")"}};
  CHECK(draw_dot(g).find(R"(label="a \"b\" <c> & d\\e")") != std::string::npos);
  CHECK(draw_mermaid(g).find("#34;b#34; #60;c#62;") != std::string::npos);
  CHECK(draw_svg(g).find("a &#34;b&#34; &#60;c&#62; &#38; d\\e") != std::string::npos);
}

}  // namespace
}  // namespace tocsin::app
