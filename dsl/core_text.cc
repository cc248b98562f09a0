// One walk over the core form serves all three texts: what is written inside dial() is a dial, all else is shape.
#include "dsl/core_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <concepts>
#include <string_view>
#include <utility>
#include <vector>

#include "dsl/print.h"
#include "dsl/simplify.h"
#include "dsl/values.h"
#include "engine/base/overloaded.h"
#include "engine/base/units.h"

namespace tocsin::dsl {
namespace {

using core::Element;

std::string text_of(Duration d) {
  if (d.us == 0) return "0s";
  std::string text;
  for (const DurationUnit& unit : kDurationUnits) {
    if (d >= unit.length) text.append(std::to_string(d.us / unit.length.us)).append(unit.name);
    d.us %= unit.length.us;
  }
  return text;
}

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out + "\"";
}

std::string dotted(const ast::Path& path, std::size_t from) {
  std::string out;
  for (std::size_t i = from; i < path.parts.size(); ++i) out += (out.empty() ? "" : ".") + path.parts[i].text;
  return out;
}

std::string_view name_of(ast::Severity severity) {
  static constexpr std::string_view kNames[] = {"info", "low", "medium", "high", "critical"};
  return kNames[static_cast<std::size_t>(severity)];
}

class Writer {
 public:
  Writer(const Model& model, CoreText which) : model_(model), which_(which) {}

  void rule(const RuleInfo& rule, const core::Rule& core) {
    if (which_ == CoreText::whole) line("rule " + rule.name);
    keys(rule.keys, rule.by_all);
    names_ = &rule.steps;
    put("when ");
    pattern(core.when, 0);
    end();
    for (const ast::Clause& clause : rule.clauses) rule_clause(clause, rule, core);
    lists();
  }

  void session(const SessionInfo& session) {
    if (which_ == CoreText::whole) line("session " + session.decl.name.text);
    keys(session.keys, session.by_all);
    put("of ");
    stream(plain_stream(model_, session.decl.of));
    end();
    for (const ast::Clause& clause : session.decl.clauses) made_clause(clause);
    lists();
  }

  void summary(const SummaryInfo& summary) {
    if (which_ == CoreText::whole) line("summary " + summary.decl.name.text);
    keys(summary.keys, summary.by_all);
    put("of ");
    stream(plain_stream(model_, summary.decl.of));
    end();
    for (const ast::Clause& clause : summary.decl.clauses) made_clause(clause);
    lists();
  }

  std::string take() { return std::move(out_); }

 private:
  // ----- the three texts ---------------------------------------------------------------------------

  void put(std::string_view text) {
    if (which_ == CoreText::whole || (which_ == CoreText::dials) == (dials_ > 0)) out_ += text;
  }
  template <std::invocable F>
  void dial(F&& write) {
    if (dials_ == 0 && which_ == CoreText::shape) out_ += '_';
    ++dials_;
    write();
    --dials_;
    if (dials_ == 0 && which_ == CoreText::dials) out_ += '\n';
  }
  void dial(std::string_view text) {
    dial([&] { put(text); });
  }
  void dial(Duration d) { dial(text_of(d)); }
  void dial(std::int64_t n) { dial(std::to_string(n)); }
  void end() { put("\n"); }
  void line(std::string_view text) {
    put(text);
    end();
  }
  // A whole line that is a dial: its words are not in the shape at all, so adding one changes no shape.
  template <class F>
  void dial_line(F&& write) {
    if (which_ == CoreText::shape) return;
    ++dials_;
    write();
    put("\n");
    --dials_;
  }

  // ----- expressions -------------------------------------------------------------------------------

  // Strengths: or 1, and 2, not 3, comparisons 4, sums 5, products 6, minus 7, atoms 8.
  void expr(const ast::Expr& e, int around = 0) {
    std::visit([&](const auto& node) { this->node(node, around); }, e.node);
  }

  template <class F>
  void wrapped(int own, int around, F&& write) {
    if (own < around) put("(");
    write();
    if (own < around) put(")");
  }

  void node(const ast::Literal& literal, int) {
    std::visit(
        Overloaded{[&](bool b) { put(b ? "true" : "false"); }, [&](std::int64_t n) { amount(std::to_string(n)); },
                   [&](double d) { amount(fmt::format("{}", d)); }, [&](const std::string& s) { put(quoted(s)); },
                   [&](Duration d) { amount(text_of(d)); }, [&](const ast::Address& a) { put(a.text); },
                   [&](const ast::Regex& r) { put("/" + r.pattern + "/"); }},
        literal.value);
  }
  // In conditions over aggregates and in `where`, a number is a dial, as the N of `N x` is.
  void amount(const std::string& text) { in_condition_ ? dial(text) : put(text); }

  void node(const ast::Param& p, int) { put("$" + p.name); }
  void node(const ast::Path& path, int) {
    switch (path.ref.kind) {
      case ast::Ref::Kind::step:
        return put(step_name(path.ref.index) + "." + dotted(path, path.ref.skip));
      case ast::Ref::Kind::previous:
        return put("previous." + dotted(path, path.ref.skip));
      case ast::Ref::Kind::key:
        return put((which_ == CoreText::whole ? "" : "key.") + dotted(path, 0));
      case ast::Ref::Kind::none:
      case ast::Ref::Kind::field:
      case ast::Ref::Kind::special:
      case ast::Ref::Kind::item:
      case ast::Ref::Kind::stream:
      case ast::Ref::Kind::own:
        return put(dotted(path, 0));
    }
  }
  void node(const ast::Lookup& l, int) {
    put(l.table.text + "[");
    expr(*l.key);
    put("]." + dotted(l.field, 0));
  }
  void node(const ast::Call& c, int) {
    put(c.function.text + "(");
    all(c.args);
    put(")");
  }
  void node(const ast::Aggregate& a, int) {
    put(a.function.text + "(");
    bool first = true;
    for (const ast::StreamPath& path : a.streams) {
      if (!std::exchange(first, false)) put(", ");
      stream_path(path);
    }
    if (a.over) over(*a.over);
    for (const ast::Expr& arg : a.args) {
      if (!std::exchange(first, false)) put(", ");
      expr(arg);
    }
    put(")");
  }
  void over(const ast::Over& over) {
    put(" over ");
    if (const auto* d = std::get_if<ast::Length>(&over.window)) return dial(settled(*d));
    put("last ");
    dial(settled(std::get<ast::Count>(over.window)));
  }
  void stream_path(const ast::StreamPath& path) {
    if (path.ref.kind == ast::Ref::Kind::step)
      put(step_name(path.ref.index));
    else if (path.ref.kind == ast::Ref::Kind::own)
      put(path.stream->name.text);
    else
      stream(plain_stream(model_, *path.stream));
    if (!path.field.parts.empty()) put("." + dotted(path.field, 0));
  }
  void node(const ast::Unary& u, int around) {
    const bool negation = u.op == ast::UnaryOp::logical_not;
    wrapped(negation ? 3 : 7, around, [&] {
      put(negation ? "not " : "-");
      expr(*u.operand, negation ? 3 : 7);
    });
  }
  static int strength_of(ast::BinaryOp op) {
    using enum ast::BinaryOp;
    if (op == logical_or) return 1;
    if (op == logical_and) return 2;
    if (op == add || op == subtract) return 5;
    if (op == multiply || op == divide || op == remainder) return 6;
    return 4;
  }
  void node(const ast::Binary& b, int around) {
    const int own = strength_of(b.op);
    wrapped(own, around, [&] {
      expr(*b.left, own == 4 ? 5 : own);
      put(" ");
      put(sign_of(b.op));
      put(" ");
      expr(*b.right, own + 1);
      if (b.ignoring_case) put(" ignoring case");
    });
  }
  void node(const ast::In& in, int around) {
    wrapped(4, around, [&] {
      expr(*in.what, 5);
      put(in.negated ? " not in " : " in ");
      std::visit(Overloaded{[&](const ast::InList& l) { list_name(l.list.text); },
                            [&](const ast::InCalendar& c) { calendar_name(c.calendar.text); },
                            [&](const ast::InItems& items) {
                              put("[");
                              all(items.items);
                              put("]");
                            }},
                 in.where);
      if (in.ignoring_case) put(" ignoring case");
    });
  }
  void node(const ast::Between& b, int around) {
    wrapped(4, around, [&] {
      expr(*b.what, 5);
      put(" between ");
      expr(*b.low, 5);
      put(" and ");
      expr(*b.high, 5);
    });
  }
  void node(const ast::Is& is, int around) {
    wrapped(4, around, [&] {
      expr(*is.what, 5);
      put(is.missing ? " is missing" : " is present");
    });
  }
  void node(const ast::Some& some, int) {
    put("some ");
    node(some.list, 8);
    put(" (");
    expr(*some.condition);
    put(")");
  }
  void node(const ast::Its& its, int) {
    if (its.factor) {
      amount(fmt::format("{}", *its.factor));
      put("x ");
    }
    put(its.what == ast::Its::What::average ? "its average" : "its previous");
    if (its.over) {
      put(" over ");
      dial(settled(*its.over));
    }
  }
  void node(const ast::ListOf& list, int) {
    put("[");
    all(list.items);
    put("]");
  }
  void node(const ast::Template& text, int) { text_with_values(text); }

  void text_with_values(const ast::Template& text) {
    put("\"");
    for (const auto& piece : text.pieces) {
      if (const auto* plain = std::get_if<std::string>(&piece)) {
        const std::string inside = quoted(*plain);
        put(std::string_view(inside).substr(1, inside.size() - 2));
      } else {
        put("{");
        expr(*std::get<ast::Box<ast::Expr>>(piece));
        put("}");
      }
    }
    put("\"");
  }

  void all(const std::vector<ast::Expr>& many) {
    bool first = true;
    for (const ast::Expr& one : many) {
      if (!std::exchange(first, false)) put(", ");
      expr(one);
    }
  }
  void condition(const ast::Expr& e) {
    in_condition_ = true;
    expr(e);
    in_condition_ = false;
  }

  // People read names; the shape counts, so that renaming a step changes nothing.
  std::string step_name(std::uint32_t step) const {
    if (which_ == CoreText::whole && names_ != nullptr && step < names_->size() && !(*names_)[step].name.empty())
      return (*names_)[step].name;
    return "#" + std::to_string(step);
  }

  // ----- streams and patterns ----------------------------------------------------------------------

  void stream(const core::Stream& s) {
    if (!s.nested.empty()) {
      put("(");
      pattern(s.nested.front(), 0);
      return put(")");
    }
    const bool many = s.alternatives.size() > 1;
    if (many) put("(");
    for (std::size_t i = 0; i < s.alternatives.size(); ++i) {
      if (i > 0) put(" or ");
      alternative(s.alternatives[i]);
    }
    if (many) put(")");
  }
  void alternative(const core::Alternative& a) {
    const bool was = std::exchange(in_condition_, false);  // a filter is shape wherever it stands
    put(model_.events[a.event].name);
    if (!a.filters.empty()) {
      put("(");
      for (std::size_t i = 0; i < a.filters.size(); ++i) {
        if (i > 0) put(" and ");
        expr(a.filters[i], a.filters.size() > 1 ? 3 : 0);
      }
      put(")");
    }
    in_condition_ = was;
  }

  void times(std::uint32_t low, std::uint32_t high) {
    if (low == high)
      put("exactly "), dial(std::int64_t{low});
    else if (high == SequenceInst::kMany)
      dial(std::int64_t{low}), put(" or more");
    else
      dial(std::int64_t{low}), put(" to "), dial(std::int64_t{high});
    put(" ");
  }

  void bound(const core::Bound& b) {
    put("within ");
    dial(b.length);
    if (b.of != kNone) put(" of " + step_name(b.of));
  }

  void element(const Element& e, bool first) {
    if (!first) put(" then ");
    for (const core::Stream& no : e.link.no) {
      put("no ");
      stream(no);
      put(" then ");
    }
    if (e.link.next) put("next ");
    if (e.link.within) bound(*e.link.within), put(" ");
    switch (e.kind) {
      case Element::Kind::take:
        stream(e.stream);
        break;
      case Element::Kind::maybe:
        put("maybe "), stream(e.stream);
        break;
      case Element::Kind::repeat:
        times(e.low, e.high), stream(e.stream);
        break;
      case Element::Kind::streak:
        times(e.low, e.high);
        put("consecutive ");
        stream(e.stream);
        break;
      case Element::Kind::group:
        if (e.repeats || e.low != 1 || e.high != 1) times(e.low, e.high);
        put("(");
        body(e.bodies.front());
        put(")");
        break;
      case Element::Kind::any_of:
        put("any ");
        dial(std::int64_t{e.low});
        put(" of (");
        for (std::size_t i = 0; i < e.bodies.size(); ++i) {
          if (i > 0) put(", ");
          body(e.bodies[i]);
        }
        put(")");
        break;
    }
    if (e.breaking.exists()) put(" of "), stream(e.breaking);
    if (e.step != kNone && e.kind != Element::Kind::any_of) put(" as " + step_name(e.step));
    if (e.until.exists()) put(" until "), stream(e.until), put(" as " + step_name(e.until_step));
  }

  void body(const core::Body& b) {
    for (std::size_t i = 0; i < b.elements.size(); ++i) element(b.elements[i], i == 0);
    if (b.ending) {
      put(" then no ");
      stream(b.ending->stream);
      put(" ");
      bound(b.ending->bound);
    }
    if (b.within.us != 0) put(" within "), dial(b.within);
  }

  void window(const core::Window& w, Duration each) {
    using Kind = core::Window::Kind;
    switch (w.kind) {
      case Kind::span:
        if (w.length.us != 0) put(" over "), dial(w.length);
        break;
      case Kind::last:
        put(" over the last "), dial(std::int64_t{w.count});
        break;
      case Kind::streak:
        put(" over the streak");
        if (w.breaking.exists()) put(" unbroken by "), stream(w.breaking);
        break;
      case Kind::chain:
        put(" over the chain with gaps up to "), dial(w.length);
        break;
      case Kind::of_last:
        put(" among the last "), dial(std::int64_t{w.count}), put(" of the base");
        break;
      case Kind::frame:
        put(" in each "), dial(each);
        break;
      case Kind::step:
        break;
    }
    if (w.cap.us != 0) put(" within "), dial(w.cap);
  }

  void pattern(const core::Pattern& p, int) {
    using core::Form;
    switch (p.form) {
      case Form::sequence:
        put("sequence ");
        body(p.body);
        return;
      case Form::condition:
      case Form::aligned:
        put(p.form == Form::aligned ? "aligned " : "condition ");
        condition(p.condition);
        window(p.window, p.length);
        if (!p.zone.empty()) put(" in " + quoted(p.zone));
        if (p.x.exists()) put(", " + step_name(p.step) + " is "), stream(p.x);
        if (p.judged.exists())
          put(", judged at "), stream(p.judged);
        else
          put(p.form == Form::aligned ? ", judged at the end"
              : p.x.exists()          ? ", judged at it"
                                      : ", judged at every event in it");
        if (p.at_expiry) put(" and at expiry");
        if (p.needs_seen) put(" once seen so long");
        if (p.hold.us != 0) put(", for "), dial(p.hold);
        return;
      case Form::idle:
        put("idle "), stream(p.x), put(" after "), dial(p.length);
        return;
      case Form::without:
        put("without "), stream(p.x), put(" after "), dial(p.length), put(" without "), stream(p.compared);
        return;
      case Form::novelty:
        put("novelty "), stream(p.x), fields(p), put(" new in "), dial(p.length);
        return;
      case Form::silence:
        put("silence no "), stream(p.x), put(" for "), dial(p.length);
        return;
      case Form::holds:
        put("holds "), stream(p.x), put(" for "), dial(p.length);
        return;
      case Form::ranking:
        put("ranking "), stream(p.x), fields(p), put(" first "), dial(std::int64_t{p.count}), put(" over "),
            dial(p.length);
        return;
    }
  }
  void fields(const core::Pattern& p) {
    for (const ast::Path& path : p.values) put("." + dotted(path, 0));
  }

  // ----- keys and clauses --------------------------------------------------------------------------

  void keys(const std::vector<KeyInfo>& keys, bool by_all) {
    put("by ");
    if (by_all) put("all");
    for (std::size_t i = 0; i < keys.size(); ++i) {
      if (i > 0) put(", ");
      key(keys[i]);
    }
    end();
  }
  // `user`, where it is the field `user` of every event; else all parts.
  void key(const KeyInfo& key) {
    const bool plain = std::all_of(key.parts.begin(), key.parts.end(), [&](const KeyInfo::Part& part) {
      const auto* path = std::get_if<ast::Path>(&part.value);
      return path != nullptr && part.step == kNone && dotted(*path, path->ref.skip) == key.name;
    });
    put(key.name);
    if (!plain) key_parts(key);
    if (key.list != kNone) put(" from "), list_name(model_.lists[key.list].name.text);
  }
  void key_parts(const KeyInfo& key) {
    put(" = (");
    for (std::size_t i = 0; i < key.parts.size(); ++i) {
      const KeyInfo::Part& part = key.parts[i];
      if (i > 0) put(", ");
      put(part.step == kNone ? model_.events[part.event].name + "." : step_name(part.step) + ".");
      if (const auto* path = std::get_if<ast::Path>(&part.value))
        put(dotted(*path, path->ref.skip));
      else
        put("("), expr(std::get<ast::Expr>(part.value)), put(")");
    }
    put(")");
  }

  void assigns(const std::vector<ast::Assign>& fields) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      put(i > 0 ? ", " : " ");
      put(fields[i].name.text + " = ");
      expr(fields[i].value);
    }
  }

  void texts(const std::vector<ast::Text>& all) {
    for (std::size_t i = 0; i < all.size(); ++i) put((i > 0 ? ", " : " ") + quoted(all[i].value));
  }

  void rule_clause(const ast::Clause& clause, const RuleInfo& rule, const core::Rule& core) {
    std::visit(
        Overloaded{
            [&](const ast::Where& c) { put("where "), condition(c.condition), end(); },
            [&](const ast::Except& c) { put("except "), expr(c.condition), end(); },
            [&](const ast::During& c) {
              put(c.outside ? "outside " : "during "), calendar_name(c.calendar.text), end();
            },
            [&](const ast::Reset& c) { put("reset on "), stream(plain_stream(model_, c.on)), end(); },
            [&](const ast::Learn& c) { put("learn "), dial(settled(c.length)), end(); },
            [&](const ast::Forget& c) { put("forget after "), dial(settled(c.idle)), put(" idle"), end(); },
            [&](const ast::Resolve&) {
              if (!core.resolve) return;
              names_ = &rule.resolve_steps;
              put("resolve when "), pattern(*core.resolve, 0), end();
              names_ = &rule.steps;
            },
            [&](const ast::Mute& c) {
              dial_line([&] {
                put("mute while " + c.rule.text);
                for (const ast::Path& path : c.same) put(" on same " + dotted(path, 0));
              });
            },
            [&](const ast::Escalate& c) {
              dial_line([&] {
                put("escalate to ");
                put(name_of(c.to));
                put(" after ");
                if (c.number) dial(settled(*c.number)), put(" in ");
                dial(settled(c.length));
                if (!c.number) put(" unresolved");
              });
            },
            [&](const ast::Remind& c) { dial_line([&] { put("remind every "), dial(settled(c.every)); }); },
            [&](const ast::Alert& c) {
              dial_line([&] {
                put("alert ");
                put(c.severity ? name_of(*c.severity) : "medium");
                put(" ");
                text_with_values(c.text);
              });
            },
            [&](const ast::With& c) { dial_line([&] { put("with"), assigns(c.fields); }); },
            [&](const ast::SendTo& c) { dial_line([&] { put("send to"), texts(c.sinks); }); },
            [&](const ast::Runbook& c) { dial_line([&] { put("runbook "), text_with_values(c.url); }); },
            [&](const ast::Tags& c) { dial_line([&] { put("tags"), texts(c.tags); }); },
            [&](const ast::Owner& c) { dial_line([&] { put("owner " + quoted(c.team.value)); }); },
            [&](const ast::Emit& c) { dial_line([&] { put("emit " + c.event.text + " with"), assigns(c.fields); }); },
            [&](const ast::Fire& c) {
              static constexpr std::string_view kHow[] = {"once", "always", "and start over", "every match"};
              dial_line([&] { put("fire "), put(kHow[static_cast<std::size_t>(c.how)]); });
            },
            [&](const ast::FireAtMost& c) {
              dial_line([&] {
                put("fire at most "), dial(settled(c.number)), put(" per "), dial(settled(c.per));
                for (const ast::Path& path : c.keys) put(" per " + dotted(path, 0));
              });
            },
            [&](const ast::Resume& c) {
              dial_line([&] { put(c.last ? "resume at last " : "resume at first "), put(c.at.text); });
            },
            [](const auto&) {},  // `by` stands above; the others are of sessions and summaries
        },
        clause.node);
  }

  void made_clause(const ast::Clause& clause) {
    std::visit(Overloaded{
                   [&](const ast::EndsAfter& c) {
                     put("ends after "), dial(settled(c.idle)), put(" idle");
                     if (c.when_last) put(" when last is "), stream(plain_stream(model_, *c.when_last));
                     end();
                   },
                   [&](const ast::EndsOn& c) { put("ends on "), stream(plain_stream(model_, c.on)), end(); },
                   [&](const ast::StartsOn& c) { put("starts on "), stream(plain_stream(model_, c.on)), end(); },
                   [&](const ast::AtMost& c) { put("at most "), dial(settled(c.length)), end(); },
                   [&](const ast::Every& c) {
                     put(c.event ? "every event" : "every ");
                     if (c.aligned) dial(settled(c.aligned->length));
                     if (c.over) put(" over "), dial(settled(*c.over));
                     if (c.over_all) put(" over all");
                     if (c.aligned && c.aligned->zone) put(" in " + quoted(c.aligned->zone->value));
                     end();
                   },
                   [&](const ast::EvenIfEmpty&) { line("even if empty"); },
                   // What a session or window gathers is its state: the fields are shape here.
                   [&](const ast::With& c) { put("with"), assigns(c.fields), end(); },
                   [&](const ast::EmitEach& c) {
                     dial_line([&] { put("emit each with"), assigns(c.fields), put(" send to"), texts(c.sinks); });
                   },
                   [&](const ast::SendTo& c) { dial_line([&] { put("send to"), texts(c.sinks); }); },
                   [&](const ast::Forget& c) { put("forget after "), dial(settled(c.idle)), put(" idle"), end(); },
                   [&](const ast::Except& c) { put("except "), expr(c.condition), end(); },
                   [&](const ast::During& c) {
                     put(c.outside ? "outside " : "during "), calendar_name(c.calendar.text), end();
                   },
                   [](const auto&) {},
               },
               clause.node);
  }

  // ----- reference data: its name is shape, what stands in it is a dial ------------------------------

  void list_name(const std::string& name) {
    put("list " + name);
    if (std::find(lists_.begin(), lists_.end(), name) == lists_.end()) lists_.push_back(name);
  }
  void calendar_name(const std::string& name) {
    put("calendar " + name);
    if (std::find(calendars_.begin(), calendars_.end(), name) == calendars_.end()) calendars_.push_back(name);
  }
  void lists() {
    for (const std::string& name : lists_) {
      const auto found = model_.list_ids.find(name);
      if (found == model_.list_ids.end()) continue;
      dial_line([&] {
        put("list " + name + " = ");
        std::visit(Overloaded{[&](const std::vector<ast::Expr>& items) { all(items); },
                              [&](const ast::FromFile& f) {
                                put("from " + quoted(f.file.value) + (f.column ? " column " + f.column->text : ""));
                              },
                              [&](const ast::FromTopic& t) { put("from topic " + quoted(t.topic.value)); }},
                   model_.lists[found->second].source);
      });
    }
    for (const std::string& name : calendars_) {
      const auto found = model_.calendar_ids.find(name);
      if (found == model_.calendar_ids.end()) continue;
      const ast::CalendarDecl& calendar = model_.calendars[found->second];
      dial_line([&] {
        put("calendar " + name + " =");
        for (const ast::OpenHours& h : calendar.open)
          put(fmt::format(" {}-{} {}-{}", h.first_day, h.last_day, h.from_minute, h.to_minute));
        put(" in " + quoted(calendar.zone.value));
      });
    }
  }

  const Model& model_;
  const CoreText which_;
  const std::vector<StepInfo>* names_ = nullptr;
  std::string out_;
  int dials_ = 0;
  bool in_condition_ = false;
  std::vector<std::string> lists_, calendars_;
};

}  // namespace

std::string core_text(const Model& model, const RuleInfo& rule, const core::Rule& core, CoreText which) {
  Writer writer(model, which);
  writer.rule(rule, core);
  return writer.take();
}

std::string core_text(const Model& model, const SessionInfo& session, CoreText which) {
  Writer writer(model, which);
  writer.session(session);
  return writer.take();
}

std::string core_text(const Model& model, const SummaryInfo& summary, CoreText which) {
  Writer writer(model, which);
  writer.summary(summary);
  return writer.take();
}

}  // namespace tocsin::dsl
