// What stands for something else is replaced in the tree: constants, template parameters, `uses`, `extend`. What a
// template's argument brings keeps the place of the argument, so a mistake in it is shown where it was written.
#include <algorithm>

#include "dsl/check/clause_kinds.h"
#include "dsl/check/context.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"

namespace tocsin::dsl::checking {

void declare_emitted(Context& c);

namespace {

// The values of `$name`s in one place: arguments, where a template is used, and constants. An argument keeps the place
// where it was written, a constant takes the place of its `$name`.
struct Values {
  const NameMap<ast::Expr>* arguments = nullptr;
  std::vector<std::string> params{};
};

struct Found {
  const ast::Expr* value = nullptr;
  bool argument = false;
};

// A constant whose own value is unknown: that has been reported.
bool is_open(const ast::Expr& value) {
  const auto* path = std::get_if<ast::Path>(&value.node);
  return std::holds_alternative<ast::Param>(value.node) || (path && !path->parts.empty() && path->parts.front().param);
}

Found find_value(Context& c, const Values& values, const std::string& name, SourceSpan span) {
  if (values.arguments)
    if (const auto found = values.arguments->find(name); found != values.arguments->end())
      return {&found->second, true};
  c.used.constants[name] = true;
  if (const auto found = c.constants.find(name); found != c.constants.end() && !is_open(found->second))
    return {&found->second, false};
  if (c.unreadable.contains("$" + name) || c.lets.contains(name)) return {};
  std::vector<std::string> known = values.params;
  for (const auto& [let, decl] : c.lets) known.push_back(let);
  std::sort(known.begin(), known.end());
  const std::string near = nearest(name, known);
  c.report("R030", span, "unknown constant `$" + name + "`",
           values.params.empty() ? "no `let` declares it" : "no parameter of this template, no `let`",
           near.empty() ? "declare it: `let $" + name + " = ..`" : "did you mean `$" + near + "`?");
  return {};
}

void report_kind(Context& c, const ast::Expr& value, SourceSpan where, std::string_view wants, std::string help) {
  Diagnostic& d =
      c.report("R040", value.span, "this cannot stand where it is put", "not " + std::string(wants), std::move(help));
  d.cause = Label{where, std::string(wants) + " is needed here"};
}

const ast::Path* as_path(const ast::Expr& value) { return std::get_if<ast::Path>(&value.node); }

class Substitute {
 public:
  Substitute(Context& c, const Values& values) : c_(c), values_(values) {}

  template <class Node>
  void in(Node& node) {
    walk(node, Overloaded{
                   [this](ast::Expr& e) { expr(e); },
                   [this](ast::Count& n) { count(n); },
                   [this](ast::Length& n) { length(n); },
                   [this](ast::Path& p) { path(p); },
                   [this](ast::Stream& s) {
                     name(s.name, "an event",
                          "name the event first: `event x = login(outcome = \"failure\")`, then give `x`");
                   },
                   [this](ast::InList& l) { name(l.list, "a list", "give the name of a list"); },
                   [this](ast::InCalendar& l) { name(l.calendar, "a calendar", "give the name of a calendar"); },
                   [this](ast::Lookup& l) { name(l.table, "a table", "give the name of a table"); },
                   [this](ast::During& d) { name(d.calendar, "a calendar", "give the name of a calendar"); },
                   [this](ast::Mute& m) { name(m.rule, "a rule", "give the name of a rule"); },
                   [this](ast::Emit& e) { name(e.event, "a name", "give the name of the event to emit"); },
               });
  }

 private:
  void expr(ast::Expr& e) {
    const ast::Name* alone = nullptr;
    if (auto* p = std::get_if<ast::Path>(&e.node); p && p->parts.size() == 1 && p->parts[0].param) alone = &p->parts[0];
    auto* param = std::get_if<ast::Param>(&e.node);
    if (!alone && !param) return;
    const Found found = find_value(c_, values_, alone ? alone->text : param->name, e.span);
    if (!found.value) return;
    const SourceSpan span = e.span;
    e = ast::Expr(*found.value);
    if (!found.argument) e.span = span;
  }

  void count(ast::Count& n) {
    const auto* param = std::get_if<ast::Param>(&n.value);
    if (!param) return;
    const Found found = find_value(c_, values_, param->name, n.span);
    if (!found.value) return;
    const auto* literal = std::get_if<ast::Literal>(&found.value->node);
    const auto* number = literal ? std::get_if<std::int64_t>(&literal->value) : nullptr;
    if (!number) return report_kind(c_, *found.value, n.span, "a count", "a count is a whole number such as `5`");
    n.spelling = literal->spelling;
    if (found.argument) n.span = found.value->span;
    n.value = *number;
  }

  void length(ast::Length& n) {
    const auto* param = std::get_if<ast::Param>(&n.value);
    if (!param) return;
    const Found found = find_value(c_, values_, param->name, n.span);
    if (!found.value) return;
    const auto* literal = std::get_if<ast::Literal>(&found.value->node);
    const auto* d = literal ? std::get_if<Duration>(&literal->value) : nullptr;
    if (!d) return report_kind(c_, *found.value, n.span, "a duration", "a duration has a unit: `30s`, `5m`, `2h`");
    n.spelling = literal->spelling;
    if (found.argument) n.span = found.value->span;
    n.value = *d;
  }

  void path(ast::Path& p) {
    if (p.parts.empty() || !p.parts.front().param) return;
    const Found found = find_value(c_, values_, p.parts.front().text, p.parts.front().span);
    if (!found.value) return;
    const ast::Path* given = as_path(*found.value);
    if (!given)
      return report_kind(c_, *found.value, p.parts.front().span, "a name", "give the name of an event or a field");
    std::vector<ast::Name> parts = given->parts;
    parts.insert(parts.end(), p.parts.begin() + 1, p.parts.end());
    if (p.parts.size() == 1 && found.argument) p.span = given->span;
    p.parts = std::move(parts);
  }

  void name(ast::Name& n, std::string_view what, std::string help) {
    if (!n.param) return;
    const Found found = find_value(c_, values_, n.text, n.span);
    if (!found.value) return;
    const ast::Path* given = as_path(*found.value);
    if (!given || given->parts.size() != 1) return report_kind(c_, *found.value, n.span, what, std::move(help));
    n = given->parts.front();
  }

  Context& c_;
  const Values& values_;
};

// ----- constants ---------------------------------------------------------------------------------

const ast::Expr* resolve_constant(Context& c, const std::string& name, std::vector<std::string>& path);

void resolve_inside(Context& c, const ast::Expr& value, std::vector<std::string>& path) {
  walk(value, Overloaded{
                  [&](const ast::Param& p) { resolve_constant(c, p.name, path); },
                  [&](const ast::Path& p) {
                    if (!p.parts.empty() && p.parts.front().param) resolve_constant(c, p.parts.front().text, path);
                  },
              });
}

bool names_constants(const ast::Expr& value) {
  bool found = false;
  walk(value, Overloaded{
                  [&](const ast::Param&) { found = true; },
                  [&](const ast::Path& p) { found = found || (!p.parts.empty() && p.parts.front().param); },
              });
  return found;
}

const ast::Expr* resolve_constant(Context& c, const std::string& name, std::vector<std::string>& path) {
  if (const auto done = c.constants.find(name); done != c.constants.end()) return &done->second;
  const auto let = c.lets.find(name);
  if (let == c.lets.end()) return nullptr;
  if (const auto again = std::find(path.begin(), path.end(), name); again != path.end()) {
    std::string circle;
    for (auto at = again; at != path.end(); ++at) circle += "$" + *at + " → ";
    c.report("R037", let->second->name.span, "constant `$" + name + "` is made of itself", circle + "$" + name,
             "give one of them a value of its own");
    return nullptr;
  }
  path.push_back(name);
  ast::Expr value = let->second->value;
  resolve_inside(c, value, path);
  path.pop_back();
  const Values none;
  Substitute(c, none).in(value);
  // What is left of others is unknown or a circle, and was told: put in, a circle would never end.
  if (names_constants(value)) value.node = ast::Param{name, value.span};
  std::size_t parts = 0;
  walk(value, [&](const ast::Expr&) { ++parts; });
  if (parts > kConstantPartsMax) {
    c.report("R074", let->second->name.span,
             "constant `$" + name + "` is made of more than " + std::to_string(kConstantPartsMax) + " parts",
             "with the constants in it put in", "write it with fewer of them");
    value.node = ast::Param{name, value.span};  // what is made of it is too long for the same reason
  }
  Scope scope;
  scope.place = Place::constant;
  scope.where_word = "a constant";
  if (!std::holds_alternative<ast::Path>(value.node)) type_of(c, value, scope);
  return &c.constants.insert_or_assign(name, std::move(value)).first->second;
}

void resolve_constants(Context& c) {
  std::vector<std::string> path, names;
  for (const Parsed& file : c.files)
    for (const ast::Item& item : file.file.items)
      if (const auto* let = std::get_if<ast::LetDecl>(&item.node)) resolve_constant(c, let->name.text, path);
}

// ----- rules from templates ----------------------------------------------------------------------

bool bind_arguments(Context& c, const ast::Uses& uses, const ast::TemplateDecl& t, NameMap<ast::Expr>& out) {
  if (uses.args.size() != t.params.size()) {
    std::string shape = t.name.text + "(";
    std::vector<std::string> params;
    for (const ast::Param& p : t.params) {
      shape += params.empty() ? ".." : ", ..";
      params.push_back("$" + p.name);
    }
    Diagnostic& d =
        c.report("R039", uses.span,
                 ticked(t.name.text) + " takes " + std::to_string(t.params.size()) +
                     (t.params.size() == 1 ? " value" : " values") + ", not " + std::to_string(uses.args.size()),
                 "the wrong number of values",
                 "write " + ticked(shape + ")") + (params.empty() ? "" : ", with a value for " + ticked_list(params)));
    d.cause = Label{t.name.span, "declared here"};
    return false;
  }
  for (std::size_t i = 0; i < t.params.size(); ++i) {
    ast::Expr arg = uses.args[i];
    Substitute(c, Values{}).in(arg);
    out.insert_or_assign(t.params[i].name, std::move(arg));
  }
  return true;
}

void use_template(Context& c, RuleInfo& rule, const ast::Uses& uses) {
  c.used.templates[uses.name.text] = true;
  const auto found = c.templates.find(uses.name.text);
  rule.used = uses.span;
  if (found == c.templates.end()) {
    if (c.unreadable.contains(uses.name.text)) return;
    std::vector<std::string> names;
    for (const auto& [name, decl] : c.templates) names.push_back(name);
    std::sort(names.begin(), names.end());
    c.report("R029", uses.name.span, "unknown template " + ticked(uses.name.text), "no template has this name",
             did_you_mean(uses.name.text, names));
    return;
  }
  const ast::TemplateDecl& t = *found->second;
  NameMap<ast::Expr> arguments;
  if (!bind_arguments(c, uses, t, arguments)) return;
  rule.when = t.when;
  rule.clauses = t.clauses;
  Values values{&arguments, {}};
  for (const ast::Param& p : t.params) values.params.push_back(p.name);
  Substitute substitute(c, values);
  substitute.in(rule.when);
  for (ast::Clause& clause : rule.clauses) substitute.in(clause);
  rule.when.span = uses.span;
}

// A later layer (the rule over its template, `extend` over the rule) replaces what can stand only once.
void add_layer(std::vector<ast::Clause>& clauses, std::vector<ast::Clause> layer) {
  for (const ast::Clause& clause : layer)
    if (stands_once(clause))
      std::erase_if(clauses, [&](const ast::Clause& old) { return old.node.index() == clause.node.index(); });
  clauses.insert(clauses.end(), std::make_move_iterator(layer.begin()), std::make_move_iterator(layer.end()));
}

void build_rule(Context& c, RuleInfo& rule, const ast::RuleDecl& decl) {
  if (const auto* pattern = std::get_if<ast::Pattern>(&decl.body)) {
    rule.when = *pattern;
    Substitute(c, Values{}).in(rule.when);
  } else {
    use_template(c, rule, std::get<ast::Uses>(decl.body));
  }
  std::vector<ast::Clause> own = decl.clauses;
  for (ast::Clause& clause : own) Substitute(c, Values{}).in(clause);
  add_layer(rule.clauses, std::move(own));
}

void extend_rule(Context& c, const ast::ExtendDecl& decl, std::vector<std::vector<const ast::Clause*>>& extended) {
  const auto id = find_rule(c, decl.name, "no rule has this name, so there is nothing to extend");
  if (!id) return;
  std::vector<ast::Clause> layer = decl.clauses;
  std::erase_if(layer, [](const ast::Clause& clause) { return std::holds_alternative<ast::By>(clause.node); });
  for (ast::Clause& clause : layer) Substitute(c, Values{}).in(clause);
  for (const ast::Clause& clause : decl.clauses) {
    if (!stands_once(clause)) continue;
    for (const ast::Clause* other : extended[*id])
      if (other->node.index() == clause.node.index())
        c.report("R064", clause.span, "two `extend rule " + decl.name.text + "` have " + ticked(word_of(clause)),
                 "this is the second", "keep one of them")
            .cause = Label{other->span, "the first stands here"};
    extended[*id].push_back(&clause);
  }
  add_layer(c.model.rules[*id].clauses, std::move(layer));
}

void check_template_names(Context& c, const ast::TemplateDecl& t) {
  std::vector<std::string> params;
  for (const ast::Param& p : t.params) {
    if (std::find(params.begin(), params.end(), p.name) != params.end())
      c.report("R020", p.span, "parameter `$" + p.name + "` is declared twice", "this name is taken",
               "give it another name");
    params.push_back(p.name);
  }
  NameMap<bool> used;
  bool misspelt = false;  // then nobody knows which parameter was meant
  const auto see = [&](const std::string& name, SourceSpan span) {
    used[name] = true;
    if (std::find(params.begin(), params.end(), name) == params.end())
      misspelt = find_value(c, Values{nullptr, params}, name, span).value == nullptr || misspelt;
  };
  const auto see_name = [&](const ast::Name& n) {
    if (n.param) see(n.text, n.span);
  };
  const auto visit = Overloaded{
      [&](const ast::Param& p) { see(p.name, p.span); },
      [&](const ast::Count& n) {
        if (const auto* p = std::get_if<ast::Param>(&n.value)) see(p->name, n.span);
      },
      [&](const ast::Length& n) {
        if (const auto* p = std::get_if<ast::Param>(&n.value)) see(p->name, n.span);
      },
      [&](const ast::Name& n) { see_name(n); },
      [&](const ast::InList& n) { see_name(n.list); },
      [&](const ast::InCalendar& n) { see_name(n.calendar); },
      [&](const ast::During& n) { see_name(n.calendar); },
      [&](const ast::Mute& n) { see_name(n.rule); },
      [&](const ast::Emit& n) { see_name(n.event); },
  };
  walk(t.when, visit);
  walk_all(t.clauses, visit);
  for (const ast::Param& p : t.params)
    if (!used.contains(p.name) && !misspelt)
      c.report("R123", p.span, "parameter `$" + p.name + "` is not used", "nothing in this template asks for it",
               "delete it here and where the template is used");
}

// What a template names counts as used, whoever uses the template.
void mark_used(Context& c, const ast::TemplateDecl& t) {
  const auto visit = Overloaded{
      [&](const ast::Stream& s) {
        if (!s.name.param) c.used.events[s.name.text] = true;
      },
      [&](const ast::InList& l) { c.used.lists[l.list.text] = true; },
      [&](const ast::InCalendar& l) { c.used.calendars[l.calendar.text] = true; },
      [&](const ast::During& d) { c.used.calendars[d.calendar.text] = true; },
      [&](const ast::Lookup& l) { c.used.tables[l.table.text] = true; },
      [&](const ast::Key& k) {
        if (k.list) c.used.lists[k.list->text] = true;
      },
  };
  walk(t.when, visit);
  walk_all(t.clauses, visit);
}

}  // namespace

void expand(Context& c) {
  resolve_constants(c);
  const Values none;
  for (AliasInfo& alias : c.model.aliases) Substitute(c, none).in(alias.stream);
  for (ast::ListDecl& list : c.model.lists)
    if (auto* items = std::get_if<std::vector<ast::Expr>>(&list.source))
      for (ast::Expr& item : *items) Substitute(c, none).in(item);
  for (std::size_t i = 0; i < c.model.rules.size(); ++i) build_rule(c, c.model.rules[i], *c.rule_decls[i]);
  std::vector<std::vector<const ast::Clause*>> extended(c.model.rules.size());
  for (const Parsed& file : c.files)
    for (const ast::Item& item : file.file.items) {
      if (const auto* e = std::get_if<ast::ExtendDecl>(&item.node)) extend_rule(c, *e, extended);
      if (const auto* t = std::get_if<ast::TemplateDecl>(&item.node)) check_template_names(c, *t), mark_used(c, *t);
    }
  for (SessionInfo& s : c.model.sessions) {
    Substitute(c, none).in(s.decl.of);
    for (ast::Clause& clause : s.decl.clauses) Substitute(c, none).in(clause);
  }
  for (SummaryInfo& s : c.model.summaries) {
    Substitute(c, none).in(s.decl.of);
    for (ast::Clause& clause : s.decl.clauses) Substitute(c, none).in(clause);
  }
  for (TestInfo& test : c.model.tests)
    for (ast::TestLine& line : test.decl.lines) {
      if (auto* send = std::get_if<ast::Send>(&line.node)) {
        if (send->number) Substitute(c, none).in(*send->number);
        if (send->every) Substitute(c, none).in(*send->every);
        for (ast::FieldValue& f : send->fields) Substitute(c, none).in(f.value);
      }
      if (auto* expect = std::get_if<ast::Expect>(&line.node))
        for (ast::FieldValue& f : expect->fields) Substitute(c, none).in(f.value);
      if (line.at)
        if (auto* length = std::get_if<ast::Length>(&*line.at)) Substitute(c, none).in(*length);
    }
  declare_emitted(c);
  if (c.model.rules.size() > kRulesMax)
    c.report("R074", c.model.rules[kRulesMax].at, "more than " + std::to_string(kRulesMax) + " rules in one set",
             "one too many", "split the set over several engines");
}

}  // namespace tocsin::dsl::checking
