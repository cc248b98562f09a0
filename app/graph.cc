// From a pattern to its states. A single step or one of the forms that are no sequence is a short line; a sequence has
// a state after each step.
#include "app/graph.h"

#include <fmt/format.h>

#include <algorithm>
#include <variant>

#include "dsl/print.h"
#include "dsl/reading.h"
#include "dsl/values.h"

namespace tocsin::app {

namespace {

std::string of(const ast::Stream& stream) { return dsl::print(stream); }

std::string of(const ast::Length& length) {
  const Duration* duration = std::get_if<Duration>(&length.value);
  return duration != nullptr ? dsl::in_words(*duration) : "$" + std::get<ast::Param>(length.value).name;
}

// "1 hour passes", "5 minutes pass".
std::string passing(const std::string& length) {
  const bool one = length.starts_with("1 ") && length.find(' ', 2) == std::string::npos;
  return length + (one ? " passes" : " pass");
}

std::string of(const ast::Count& count) {
  const std::int64_t* number = std::get_if<std::int64_t>(&count.value);
  return number != nullptr ? fmt::format("{}", *number) : "$" + std::get<ast::Param>(count.value).name;
}

std::string of(const ast::StreamPath& path) {
  return of(*path.stream) + (path.field.parts.empty() ? "" : "." + dsl::print(path.field));
}

std::string of_values(const std::vector<ast::StreamPath>& values) {
  std::string text;
  for (const ast::StreamPath& value : values) text += (text.empty() ? "" : ", ") + of(value);
  return text;
}

class Builder {
 public:
  explicit Builder(const dsl::RuleInfo& rule) : rule_(rule) { graph_.title = rule.name; }

  Graph build() {
    add(Node::Kind::start, "nothing yet");
    std::visit(*this, rule_.when.form);
    for (const ast::Clause& clause : rule_.clauses)
      if (const auto* reset = std::get_if<ast::Reset>(&clause.node)) leave_all("reset: " + of(reset->on));
    finish();
    return std::move(graph_);
  }

  void operator()(const ast::Sequence& sequence) {
    if (rule_.when.hold && sequence.steps.size() == 1) return hold(sequence.steps.front());
    for (std::size_t i = 0; i < sequence.steps.size(); ++i)
      step(sequence.steps[i], i + 1 == sequence.steps.size() && !sequence.ending);
    if (sequence.ending) {
      const std::size_t waiting = last();
      const auto& from = sequence.ending->within.of;
      fires(Edge::Kind::timer, passing(of(sequence.ending->within.length)) + (from ? " after " + from->text : ""));
      leave(waiting, of(sequence.ending->stream));
    }
    if (!rule_.when.within || sequence.steps.size() < 2) return;
    // A repeated step at the start loses its oldest events alone (Q3).
    using K = ast::Quantity::Kind;
    const K first = sequence.steps.front().quantity.kind;
    const bool slides = first == K::at_least || first == K::exactly || first == K::from_to;
    const std::string over =
        slides ? "too few of them within " + of(*rule_.when.within) : of(*rule_.when.within) + " after the first";
    for (std::size_t i = 1; i + 1 < graph_.nodes.size(); ++i) leave(i, over);
  }
  void operator()(const ast::Apart& f) {
    counting(of(f.stream), of(f.number) + " of them, each at most " + of(f.gap) + " after the one before",
             "a longer gap");
  }
  void operator()(const ast::FewerThan& f) { judged(of(f.stream), "fewer than " + of(f.number) + window()); }
  void operator()(const ast::Distinct& f) { judged(of_values(f.values), of(f.number) + " different" + window()); }
  void operator()(const ast::OfLast& f) { judged(of(f.stream), of(f.number) + " of the last " + of(f.last)); }
  void operator()(const ast::Changes& f) { judged(of(f.value), of(f.number) + " changes" + window()); }
  void operator()(const ast::New& f) { judged(of(f.value), "not seen for " + of(f.in)); }
  void operator()(const ast::Idle& f) {
    pair(of(f.stream), of(f.stream) + ", " + of(f.length) + " or more later", of(f.stream) + ", sooner");
  }
  void operator()(const ast::Without& f) {
    // A y that was never seen counts, too, once the stream has been watched for D (C6): so a key waits from the start.
    const std::size_t waiting = add(Node::Kind::waiting, "no " + of(f.missing) + " for " + of(f.length));
    edge(0, waiting, Edge::Kind::timer, passing(of(f.length) + " of watching"));
    leave(waiting, of(f.missing));
    fires(Edge::Kind::advance, of(f.stream));
  }
  void operator()(const ast::Silence& f) {
    wait(of(f.stream), passing(of(f.length)), of(f.stream));
    const bool listed = std::ranges::any_of(rule_.keys, [](const dsl::KeyInfo& key) { return key.list != dsl::kNone; });
    if (listed || rule_.by_all)
      edge(0, 1, Edge::Kind::advance, listed ? "the key is in the list" : "the first event of the sources");
  }
  void operator()(const ast::NoAfter& f) {
    const std::size_t waiting = advance(of(f.after), "waiting for " + of(f.missing));
    fires(Edge::Kind::timer, passing(of(f.within)));
    leave(waiting, of(f.missing));
  }
  void operator()(const ast::Ranking& f) { judged(of(f.value), "the first " + of(f.number) + " change"); }
  void operator()(const ast::Condition& f) {
    judged("any event it names",
           dsl::print(f.expr) + window() + (rule_.when.hold ? ", for " + of(*rule_.when.hold) : ""));
  }

 private:
  std::size_t last() const { return graph_.nodes.size() - 1; }
  std::size_t add(Node::Kind kind, std::string label) {
    graph_.nodes.push_back({kind, std::move(label)});
    return last();
  }
  void edge(std::size_t from, std::size_t to, Edge::Kind kind, std::string label) {
    graph_.edges.push_back({from, to, kind, std::move(label)});
  }
  std::size_t advance(std::string label, std::string state) {
    const std::size_t from = last(), to = add(Node::Kind::waiting, std::move(state));
    edge(from, to, Edge::Kind::advance, std::move(label));
    return to;
  }
  void fires(Edge::Kind kind, std::string label) {
    const std::size_t from = last(), to = add(Node::Kind::fires, "fires");
    edge(from, to, kind, std::move(label));
  }
  // The match is over: drawn to `dropped`, whose number is known at the end.
  void leave(std::size_t from, std::string label) { edge(from, kDropped, Edge::Kind::leave, std::move(label)); }
  void leave_all(const std::string& label) {
    for (std::size_t i = 1; i < graph_.nodes.size(); ++i)
      if (graph_.nodes[i].kind == Node::Kind::waiting) leave(i, label);
  }
  void finish() {
    bool any = false;
    for (const Edge& e : graph_.edges) any |= e.to == kDropped;
    if (!any) return;
    const std::size_t dropped = add(Node::Kind::dropped, "starts over");
    for (Edge& e : graph_.edges)
      if (e.to == kDropped) e.to = dropped;
  }
  std::string window() const {
    if (rule_.when.within) return " within " + of(*rule_.when.within);
    return rule_.when.each ? " in a window of " + of(rule_.when.each->length) : "";
  }

  // Events are kept in a window, and the window is looked at.
  void judged(const std::string& events, const std::string& condition) {
    const std::size_t kept =
        advance(events, "remembered" + (rule_.when.within ? " for " + of(*rule_.when.within) : std::string()));
    edge(kept, kept, Edge::Kind::stay, events);
    fires(rule_.when.each ? Edge::Kind::timer : Edge::Kind::advance, condition);
  }
  void counting(const std::string& events, const std::string& condition, const std::string& lost) {
    const std::size_t kept = advance(events, "counting");
    edge(kept, kept, Edge::Kind::stay, events);
    fires(Edge::Kind::advance, condition);
    leave(kept, lost);
  }
  void wait(const std::string& events, const std::string& timer, const std::string& again) {
    const std::size_t waiting = advance(events, "waiting");
    edge(waiting, waiting, Edge::Kind::stay, again + ": waits anew");
    fires(Edge::Kind::timer, timer);
  }
  void pair(const std::string& first, const std::string& second, const std::string& again) {
    const std::size_t seen = advance(first, "seen");
    edge(seen, seen, Edge::Kind::stay, again);
    fires(Edge::Kind::advance, second);
  }
  void hold(const ast::Step& s) {
    const std::size_t holds = advance(what(s), "holds");
    edge(holds, holds, Edge::Kind::stay, what(s));
    fires(Edge::Kind::timer, passing(of(*rule_.when.hold)));
    leave(holds, "an event of its kind that is not so");
  }

  static std::string what(const ast::Step& s) {
    if (const auto* stream = std::get_if<ast::Stream>(&s.what)) return of(*stream);
    if (const auto* group = std::get_if<ast::Group>(&s.what)) return "(" + dsl::print(*group->pattern) + ")";
    const auto& any = std::get<ast::AnyOf>(s.what);
    std::string text = any.number ? "any " + of(*any.number) + " of " : "all of ";
    for (const ast::Step& alternative : any.alternatives)
      text += (&alternative == &any.alternatives.front() ? "" : ", ") + what(alternative);
    return text;
  }

  static std::string number(const ast::Quantity& q) {
    using Kind = ast::Quantity::Kind;
    switch (q.kind) {
      case Kind::one:
      case Kind::maybe:
        return {};
      case Kind::at_least:
        return of(q.low) + " or more ";
      case Kind::exactly:
        return "exactly " + of(q.low) + " ";
      case Kind::from_to:
        return of(q.low) + " to " + of(q.high) + " ";
      case Kind::one_or_more:
        return "one or more ";
      case Kind::zero_or_more:
        return "any number of ";
    }
    return {};
  }

  static std::string condition(const ast::Link& link) {
    std::string text;
    if (link.next) text += ", next";
    if (link.first) text += ", the first";
    if (link.within)
      text += ", within " + of(link.within->length) + (link.within->of ? " of " + link.within->of->text : "");
    return text;
  }

  static std::int64_t wanted(const ast::AnyOf& any) {
    return any.number ? value(*any.number).value_or(2) : static_cast<std::int64_t>(any.alternatives.size());
  }

  // The first of them begins; a state waits for the others, whichever comes.
  void in_any_order(const ast::Step& s, std::int64_t number, const std::string& label, bool is_last) {
    const bool alone = last() == 0 && is_last;
    const std::size_t some = advance(label + ": the first", "some of them");
    if (number > 2) edge(some, some, Edge::Kind::stay, "another of them");
    const std::string complete = "the " + dsl::ordinal(number) + " of them";
    if (alone && rule_.when.within) leave(some, of(*rule_.when.within) + " after the first");
    if (is_last) return fires(Edge::Kind::advance, complete);
    advance(complete, "after " + name(s));
  }

  void step(const ast::Step& s, bool is_last) {
    using Kind = ast::Quantity::Kind;
    const std::size_t before = last();
    if (s.link.no) leave(before, of(*s.link.no));
    if (s.link.next) leave(before, "any other event of the pattern");
    const bool repeats = s.quantity.kind != Kind::one && s.quantity.kind != Kind::maybe;
    std::string label = what(s) + (s.as ? " as " + s.as->text : "") + condition(s.link);
    if (const auto* any = std::get_if<ast::AnyOf>(&s.what); any != nullptr && wanted(*any) > 1)
      return in_any_order(s, wanted(*any), label, is_last);
    if (s.quantity.kind == Kind::maybe) label += " (or without it)";
    if (!repeats)
      return is_last ? fires(Edge::Kind::advance, label) : static_cast<void>(advance(label, "after " + name(s)));
    const std::string row = s.consecutive ? " in a row" : "";
    const std::size_t gathering = advance(label, number(s.quantity) + name(s) + row);
    edge(gathering, gathering, Edge::Kind::stay, what(s));
    if (s.consecutive) leave(gathering, s.of ? of(*s.of) : "another event of its kind");
    if (s.until)
      return is_last ? fires(Edge::Kind::advance, "the first " + of(s.until->stream))
                     : static_cast<void>(advance("the first " + of(s.until->stream), "after " + of(s.until->stream)));
    if (is_last) fires(Edge::Kind::advance, "the number is reached" + window());
  }

  static std::string name(const ast::Step& s) {
    if (s.as) return s.as->text;
    const auto* stream = std::get_if<ast::Stream>(&s.what);
    return stream != nullptr && stream->any.empty() ? stream->name.text : what(s);
  }

  static constexpr std::size_t kDropped = static_cast<std::size_t>(-1);
  const dsl::RuleInfo& rule_;
  Graph graph_;
};

}  // namespace

Graph graph_of(const dsl::RuleInfo& rule) { return Builder(rule).build(); }

}  // namespace tocsin::app
