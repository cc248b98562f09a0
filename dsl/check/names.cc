// Who is declared, who is declared twice, and what an undeclared name in an event's place is (language.md, 4).
#include <algorithm>

#include "dsl/check/context.h"
#include "dsl/check/vocabulary.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"

namespace tocsin::dsl::checking {
namespace {

// ----- one name, one thing -----------------------------------------------------------------------

void report_twice(Context& c, const ast::Name& name, SourceSpan first, std::string_view what) {
  Diagnostic& d = c.report("R020", name.span, std::string(what) + " " + ticked(name.text) + " is declared twice",
                           "this name is taken", "give one of them another name, or delete it");
  d.cause = Label{first, "first declared here"};
}

template <class T>
bool declare(Context& c, NameMap<T>& names, const ast::Name& name, T value, SourceSpan first, std::string_view what) {
  if (names.emplace(name.text, std::move(value)).second) return true;
  report_twice(c, name, first, what);
  return false;
}

// In backticks a word of the language is a name like any other.
bool is_quoted(const ast::Name& name) { return name.span.end - name.span.begin == name.text.size() + 2; }

// Events, aliases and what rules, sessions and summaries make share one space: each can stand in an event's place.
bool declare_event_name(Context& c, const ast::Name& name, std::string_view what) {
  if (const std::string_view kind = reserved_as(name.text); !kind.empty() && !is_quoted(name)) {
    c.unreadable.insert(name.text);
    c.report("R031", name.span, ticked(name.text) + " cannot name an event", "this is " + std::string(kind),
             "choose another name, such as " + ticked(name.text + "_event"));
    return false;
  }
  const auto [at, fresh] = c.declared.emplace(name.text, name.span);
  if (fresh)
    c.declared_names.push_back(name.text);
  else
    report_twice(c, name, at->second, what);
  return fresh;
}

EventId add_event(Context& c, EventInfo info) {
  const auto id = static_cast<EventId>(c.model.events.size());
  c.model.event_ids.emplace(info.name, id);
  c.model.events.push_back(std::move(info));
  return id;
}

EventId add_made(Context& c, const ast::Name& name, EventInfo::Origin origin, const std::string& doc) {
  EventInfo info;
  info.name = name.text;
  info.origin = origin;
  info.has_schema = true;
  info.doc = doc;
  info.at = name.span;
  return add_event(c, std::move(info));
}

// ----- base events -------------------------------------------------------------------------------

void check_special_field(Context& c, const EventInfo& info, const ast::Path& field, std::string_view word) {
  if (!info.has_schema || info.find(text_of(field))) return;
  std::vector<std::string> names;
  for (const FieldInfo& f : info.fields) names.push_back(f.name);
  std::string help = did_you_mean(text_of(field), names);
  if (help.empty()) help = "declare it: " + ticked(text_of(field) + (word == "timestamp" ? " time" : " int"));
  c.report("R022", field.span, ticked(info.name) + " has no field " + ticked(text_of(field)),
           "`" + std::string(word) + "` names a field that `has` does not list", help);
}

void check_timestamp(Context& c, const EventInfo& info) {
  if (!info.timestamp) return;
  check_special_field(c, info, info.timestamp->field, "timestamp");
  const FieldInfo* field = info.find(text_of(info.timestamp->field));
  if (!field || !field->declared) return;
  using F = ast::FieldType;
  const F kind = field->type.kind;
  if (!field->type.list &&
      (kind == F::time || kind == F::integer || kind == F::floating || kind == F::text || kind == F::any))
    return;
  Diagnostic& d =
      c.report("R078", info.timestamp->field.span, ticked(field->name) + " cannot be the time of " + ticked(info.name),
               "this field is " + name_of(field->type), "a timestamp is a `time`, a number or RFC 3339 text");
  d.cause = Label{field->at, "declared here"};
}

void add_field(Context& c, EventInfo& info, const ast::Field& field) {
  const std::string name = text_of(field.name);
  if (const FieldInfo* first = info.find(name)) {
    Diagnostic& d = c.report("R020", field.name.span, "field " + ticked(name) + " is declared twice",
                             "this name is taken", "delete one of them");
    d.cause = Label{first->at, "first declared here"};
    return;
  }
  info.fields.push_back({name, {field.type, field.list}, field.optional, true, field.name.span});
}

void declare_base_event(Context& c, const ast::EventDecl& decl, const std::string& doc) {
  if (!declare_event_name(c, decl.name, "event")) return;
  EventInfo info;
  info.name = decl.name.text;
  info.has_schema = decl.has;
  info.timestamp = decl.timestamp;
  info.late = decl.late;
  info.tiebreak = decl.tiebreak;
  info.doc = doc;
  info.at = decl.name.span;
  if (decl.fields.size() > kFieldsMax)
    c.report("R074", decl.fields[kFieldsMax].name.span, "more than " + std::to_string(kFieldsMax) + " fields",
             "one too many", "declare those that rules ask for: an event may carry more");
  for (const ast::Field& field : std::span(decl.fields).first(std::min(decl.fields.size(), kFieldsMax)))
    add_field(c, info, field);
  check_timestamp(c, info);
  if (info.tiebreak) check_special_field(c, info, *info.tiebreak, "tiebreak");
  if (info.timestamp && !info.has_schema)
    info.fields.push_back(
        {text_of(info.timestamp->field), {ast::FieldType::time, false}, false, false, info.timestamp->field.span});
  add_event(c, std::move(info));
}

void declare_alias(Context& c, const ast::AliasDecl& decl, const std::string& doc) {
  if (!declare_event_name(c, decl.name, "event")) return;
  c.model.alias_ids.emplace(decl.name.text, static_cast<std::uint32_t>(c.model.aliases.size()));
  c.model.aliases.push_back({decl.name.text, decl.stream, {}, doc, decl.name.span, {}});
}

// ----- the items that are no events --------------------------------------------------------------

template <class T>
void declare_item(Context& c, NameMap<std::uint32_t>& ids, std::vector<T>& all, const T& decl, std::string_view what) {
  const auto known = ids.find(decl.name.text);
  const SourceSpan first = known == ids.end() ? SourceSpan{} : all[known->second].name.span;
  if (declare(c, ids, decl.name, static_cast<std::uint32_t>(all.size()), first, what)) all.push_back(decl);
}

void declare_let(Context& c, const ast::LetDecl& decl) {
  const auto known = c.lets.find(decl.name.text);
  declare(c, c.lets, decl.name, &decl, known == c.lets.end() ? SourceSpan{} : known->second->name.span, "constant");
}

void declare_template(Context& c, const ast::TemplateDecl& decl) {
  const auto known = c.templates.find(decl.name.text);
  declare(c, c.templates, decl.name, &decl, known == c.templates.end() ? SourceSpan{} : known->second->name.span,
          "template");
}

void declare_rule(Context& c, const ast::RuleDecl& decl, const ast::Item& item) {
  if (!declare_event_name(c, decl.name, "rule")) return;
  RuleInfo rule;
  rule.name = decl.name.text;
  rule.title = decl.title ? decl.title->value : "";
  rule.was = decl.was ? decl.was->text : "";
  rule.doc = item.doc;
  rule.at = decl.name.span;
  rule.alert = add_made(c, decl.name, EventInfo::Origin::rule, item.doc);
  c.model.rule_ids.emplace(rule.name, static_cast<std::uint32_t>(c.model.rules.size()));
  c.model.rules.push_back(std::move(rule));
  c.rule_decls.push_back(&decl);
  c.rule_items.push_back(item.span);
}

void declare_session(Context& c, const ast::SessionDecl& decl, const std::string& doc) {
  if (!declare_event_name(c, decl.name, "session")) return;
  const EventId id = add_made(c, decl.name, EventInfo::Origin::session, doc);
  c.model.sessions.push_back({decl, {}, false, {}, {}, id, doc});
}

void declare_summary(Context& c, const ast::SummaryDecl& decl, const std::string& doc) {
  if (!declare_event_name(c, decl.name, "summary")) return;
  const EventId id = add_made(c, decl.name, EventInfo::Origin::summary, doc);
  c.model.summaries.push_back({decl, {}, false, {}, id, doc});
}

void collect_item(Context& c, const ast::Item& item) {
  Model& m = c.model;
  std::visit(Overloaded{
                 [&](const ast::EventDecl& d) { declare_base_event(c, d, item.doc); },
                 [&](const ast::AliasDecl& d) { declare_alias(c, d, item.doc); },
                 [&](const ast::LetDecl& d) { declare_let(c, d); },
                 [&](const ast::ListDecl& d) { declare_item(c, m.list_ids, m.lists, d, "list"); },
                 [&](const ast::TableDecl& d) { declare_item(c, m.table_ids, m.tables, d, "table"); },
                 [&](const ast::CalendarDecl& d) { declare_item(c, m.calendar_ids, m.calendars, d, "calendar"); },
                 [&](const ast::SessionDecl& d) { declare_session(c, d, item.doc); },
                 [&](const ast::SummaryDecl& d) { declare_summary(c, d, item.doc); },
                 [&](const ast::TemplateDecl& d) { declare_template(c, d); },
                 [&](const ast::RuleDecl& d) { declare_rule(c, d, item); },
                 [&](const ast::ExtendDecl&) {},
                 [&](const ast::TestDecl& d) { m.tests.push_back({d, kNone}); },
             },
             item.node);
}

// ----- undeclared names in an event's place ------------------------------------------------------

// The distance that makes a name a misspelling: language.md, 4 (R021).
constexpr std::size_t kMisspeltLetters = 5;
constexpr std::size_t kMisspeltDistance = 2;

std::string misspelt(const Context& c, std::string_view name) {
  if (name.size() < kMisspeltLetters) return {};
  std::string best;
  std::size_t least = kMisspeltDistance + 1;
  for (const std::string& candidate : c.declared_names) {
    const std::size_t d = distance(name, candidate, kMisspeltDistance);
    if (d < least) least = d, best = candidate;
  }
  return best;
}

void assume_event(Context& c, const ast::Name& name) {
  if (const std::string_view kind = reserved_as(name.text); !kind.empty() && !is_quoted(name)) {
    c.report(
        "R031", name.span, ticked(name.text) + " cannot name an event", "this is " + std::string(kind),
        "an event needs another name; an aggregate is written with brackets and compared: `" + name.text + "(x) > 5`");
    c.assumed_near.emplace(name.text, name.span);
    return;
  }
  c.report("R100", name.span, ticked(name.text) + " is not declared; it is taken as an event that a source brings",
           "not an event or alias so far", "declare it to have its fields checked: `event " + name.text + " has ...`");
  EventInfo info;
  info.name = name.text;
  info.origin = EventInfo::Origin::assumed;
  info.at = name.span;
  add_event(c, std::move(info));
}

void resolve_event_name(Context& c, const ast::Name& name) {
  if (name.text.empty() || name.param) return;
  c.used.events[name.text] = true;
  if (c.declared.contains(name.text) || c.model.event_ids.contains(name.text) || c.unreadable.contains(name.text))
    return;
  if (c.assumed_near.contains(name.text) && reserved_as(name.text).size()) return;
  const std::string near = misspelt(c, name.text);
  if (near.empty()) return assume_event(c, name);
  c.report("R021", name.span, "unknown event " + ticked(name.text), "not an event or alias",
           "did you mean " + ticked(near) + "?" + c.declared_at(c.declared.find(near)->second));
}

// ----- aliases -----------------------------------------------------------------------------------

enum class State { untouched, under_way, done };

void report_circle(Context& c, const std::vector<std::uint32_t>& path, std::uint32_t back_to) {
  std::string circle;
  const auto from = std::find(path.begin(), path.end(), back_to);
  for (auto at = from; at != path.end(); ++at) circle += c.model.aliases[*at].name + " → ";
  const AliasInfo& alias = c.model.aliases[back_to];
  c.report("R037", alias.at, "alias " + ticked(alias.name) + " is made of itself", circle + alias.name,
           "an alias stands on base events in the end; break the circle at one of these names");
}

struct Aliases {
  std::vector<State> states;
  std::vector<std::size_t> depths;  // 1: on base events
  std::vector<std::uint32_t> path;  // those under way
  std::size_t filters = 0;          // of all that are done
};

// What is beyond a limit is refused, and made small, so that what stands upon it costs little.
void bound_alias(Context& c, std::uint32_t id, Aliases& all) {
  AliasInfo& alias = c.model.aliases[id];
  const auto refuse = [&](const std::string& what, const char* where, const char* help) {
    c.report("R074", alias.at, what, where, help);
    alias.alternatives.resize(std::min<std::size_t>(alias.alternatives.size(), 1));
    for (Alternative& a : alias.alternatives) a.filters.clear();
    all.depths[id] = 1;
  };
  if (alias.alternatives.size() > kAlternativesMax)
    refuse("alias " + ticked(alias.name) + " names more than " + std::to_string(kAlternativesMax) + " events",
           "with those of the aliases in it", "name each event once");
  if (all.depths[id] > kAliasDepthMax)
    refuse("alias " + ticked(alias.name) + " stands on more than " + std::to_string(kAliasDepthMax) +
               " aliases, one upon the other",
           "each is made of the one before", "write its filter on the base event");
  for (const Alternative& a : alias.alternatives) all.filters += a.filters.size();
  if (all.filters <= kAliasFiltersMax) return;
  refuse("the aliases have more than " + std::to_string(kAliasFiltersMax) + " filters",
         "those of the aliases in them counted each time", "name base events where an alias of many events is named");
  all.filters = 0;
}

void resolve_alias(Context& c, std::uint32_t id, Aliases& all) {
  if (all.states[id] == State::done) return;
  if (all.states[id] == State::under_way) return report_circle(c, all.path, id);
  all.states[id] = State::under_way;
  all.path.push_back(id);
  const ast::Stream stream = c.model.aliases[id].stream;
  walk(stream, [&](const ast::Stream& s) {
    resolve_event_name(c, s.name);
    const auto inner = c.model.alias_ids.find(s.name.text);
    if (inner == c.model.alias_ids.end()) return;
    if (all.path.size() <= kAliasDepthMax) resolve_alias(c, inner->second, all);
    all.depths[id] = std::max(all.depths[id], all.depths[inner->second] + 1);
  });
  if (all.path.size() > kAliasDepthMax) all.depths[id] = kAliasDepthMax + 1;
  all.path.pop_back();
  all.states[id] = State::done;
  Scope scope;
  scope.where_word = "an alias";
  check_stream(c, c.model.aliases[id].stream, scope);
  c.model.aliases[id].alternatives = c.model.expand(c.model.aliases[id].stream);
  c.model.aliases[id].previous = previous_in(c.model, c.model.aliases[id].stream);
  bound_alias(c, id, all);
}

std::vector<std::string> names_of(const NameMap<std::uint32_t>& ids) {
  std::vector<std::string> names;
  for (const auto& [name, id] : ids) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

std::optional<std::uint32_t> find_item(Context& c, const NameMap<std::uint32_t>& ids, NameMap<bool>& used,
                                       const ast::Name& name, std::string_view code, std::string_view what,
                                       std::string declaration) {
  used[name.text] = true;
  if (const auto found = ids.find(name.text); found != ids.end()) return found->second;
  if (name.param || c.unreadable.contains(name.text)) return std::nullopt;
  std::string help = did_you_mean(name.text, names_of(ids));
  if (help.empty()) help = "declare it: " + std::move(declaration);
  c.report(code, name.span, "unknown " + std::string(what) + " " + ticked(name.text),
           "no " + std::string(what) + " has this name", help);
  return std::nullopt;
}

// ----- reference data ----------------------------------------------------------------------------

// `column`: of a list, or the key of a table; null: the lines of a list.
void check_file(Context& c, const ast::FromFile& from, const ast::Name* column, bool is_table) {
  if (c.options.file_exists && !c.options.file_exists(from.file.span.file, from.file.value)) {
    c.report("R117", from.file.span, "there is no file \"" + from.file.value + "\"",
             "`test` and `replay` will not start without it",
             "create it beside the rules, or correct its path: it counts from the folder of this file");
    return;
  }
  if (column && !check_column(c, from, column->text, column->span)) return;
  if (!c.options.broken_file) return;
  const std::string why = c.options.broken_file(
      {from.file.span.file, from.file.value, column ? std::string_view(column->text) : std::string_view(), is_table});
  if (!why.empty())
    c.report("R082", from.file.span, "the file is no " + std::string(is_table ? "table" : "list") + " as it stands",
             why);
}

// What it has; any where a file or a topic says so.
Type check_list(Context& c, ast::ListDecl& list) {
  if (const auto* from = std::get_if<ast::FromFile>(&list.source)) {
    check_file(c, *from, from->column ? &*from->column : nullptr, false);
    return {};
  }
  auto* items = std::get_if<std::vector<ast::Expr>>(&list.source);
  if (!items) return {};
  Type first;
  const ast::Expr* first_item = nullptr;
  for (ast::Expr& item : *items) {
    Scope scope;
    scope.place = Place::constant;
    scope.where_word = "a list";
    const Type type = type_of(c, item, scope);
    if (!first_item)
      first = type, first_item = &item;
    else if (!comparable(first, type)) {
      Diagnostic& d =
          c.report("R042", item.span, "list " + ticked(list.name.text) + " mixes types", "this is " + name_of(type),
                   "a value is never equal to another of a different type; make two lists");
      d.cause = Label{first_item->span, "this is " + name_of(first)};
    }
  }
  return first;
}

void check_hours(Context& c, const ast::OpenHours& open) {
  if (open.from_minute < open.to_minute) return;
  c.report("R055", open.span, "these hours end before they begin", "the end is not after the start",
           "write the night as two parts: `mon-fri 22:00-24:00, tue-sat 00:00-06:00`");
}

}  // namespace

void collect(Context& c) {
  for (const Parsed& file : c.files) {
    c.unreadable.insert(file.unreadable.begin(), file.unreadable.end());
    c.mentioned.insert(file.mentioned.begin(), file.mentioned.end());
  }
  for (const Parsed& file : c.files)
    for (const ast::Item& item : file.file.items) collect_item(c, item);
}

void declare_emitted(Context& c) {
  for (RuleInfo& rule : c.model.rules) {
    const auto* emit = find_clause<ast::Emit>(rule.clauses);
    if (!emit || emit->event.param) continue;
    const auto known = c.model.event_ids.find(emit->event.text);
    const bool again =
        known != c.model.event_ids.end() && c.model.events[known->second].origin == EventInfo::Origin::emitted;
    if (again)
      rule.emits = known->second;
    else if (declare_event_name(c, emit->event, "event"))
      rule.emits = add_made(c, emit->event, EventInfo::Origin::emitted, rule.doc);
  }
}

namespace {

template <class Node>
std::optional<SourceSpan> first_previous(const Model& model, const Node& node) {
  std::optional<SourceSpan> found;
  walk(node, Overloaded{
                 [&](const ast::Path& path) {
                   if (!found && path.ref.kind == ast::Ref::Kind::previous) found = path.span;
                 },
                 [&](const ast::Stream& stream) {
                   const auto alias = model.alias_ids.find(stream.name.text);
                   if (!found && alias != model.alias_ids.end()) found = model.aliases[alias->second].previous;
                 },
             });
  return found;
}

}  // namespace

std::optional<SourceSpan> previous_in(const Model& model, const ast::Stream& stream) {
  return first_previous(model, stream);
}
std::optional<SourceSpan> previous_in(const Model& model, const ast::Pattern& pattern) {
  return first_previous(model, pattern);
}

// A session is forgotten when it ends, and a summary lets go of a key when its windows have passed.
Diagnostic& report_no_previous(Context& c, const Scope& s, SourceSpan at) {
  return c.report("R023", at, "`previous` is not known in " + std::string(s.rows_of),
                  std::string(s.rows_of) + " keeps its own events alone",
                  "let a rule find these events, and take what it emits: `rule risen when x(temp > previous.temp) by k "
                  "emit rise with temp = temp`");
}

void resolve_aliases(Context& c) {
  const std::size_t size = c.model.aliases.size();
  Aliases all{std::vector(size, State::untouched), std::vector<std::size_t>(size, 1), {}, 0};
  for (std::uint32_t id = 0; id < size; ++id) resolve_alias(c, id, all);
}

void resolve_stream(Context& c, ast::Stream& stream) {
  resolve_event_name(c, stream.name);
  for (ast::Stream& part : stream.any) resolve_stream(c, part);
}

std::vector<EventId> check_stream(Context& c, ast::Stream& stream, Scope& scope) {
  resolve_event_name(c, stream.name);
  std::vector<EventId> events;
  for (ast::Stream& part : stream.any) add_events(events, check_stream(c, part, scope));
  if (stream.any.empty()) events = c.model.events_of(stream);
  if (const auto alias = c.model.alias_ids.find(stream.name.text);
      !scope.rows_of.empty() && alias != c.model.alias_ids.end() && c.model.aliases[alias->second].previous)
    report_no_previous(c, scope, stream.name.span).cause = Label{*c.model.aliases[alias->second].previous, "here"};
  if (stream.filter) {
    scope.events = events;
    check_filter(c, *stream.filter, scope);
    lint_filter(c, stream);
  }
  return events;
}

std::optional<std::uint32_t> find_list(Context& c, const ast::Name& name) {
  if (!c.model.list_ids.contains(name.text) && c.model.table_ids.contains(name.text)) {
    c.used.tables[name.text] = true;
    c.report("R025", name.span, ticked(name.text) + " is a table, not a list", "a list stands here",
             "ask whether the table has a row: `" + name.text + "[x].FIELD is present`");
    return std::nullopt;
  }
  return find_item(c, c.model.list_ids, c.used.lists, name, "R025", "list", "`list " + name.text + " = [..]`");
}
// What an address is compared with has to be one; a word among them would be in the list for nobody.
void check_addresses(Context& c, std::uint32_t list, SourceSpan value) {
  const auto* from = std::get_if<ast::FromFile>(&c.model.lists[list].source);
  if (from == nullptr || !c.options.no_addresses || !c.asked_for_addresses.insert(list).second) return;
  const std::string why = c.options.no_addresses(
      {from->file.span.file, from->file.value, from->column ? std::string_view(from->column->text) : "", false});
  if (why.empty()) return;
  c.report("R132", from->file.span, "not all that this list has are addresses", why,
           "an address or a network has a line of its own, such as 10.0.0.7 or 10.0.0.0/8")
      .cause = Label{value, "an address, which is never equal to anything else"};
}

void check_listed(Context& c, std::uint32_t list, SourceSpan at, Type type, SourceSpan value) {
  if (type.kind == ast::FieldType::ip) check_addresses(c, list, value);
  const Type items = list < c.list_types.size() ? c.list_types[list] : Type{};
  if (type.list || comparable(items, type)) return;
  const std::string list_name = "list " + ticked(c.model.lists[list].name.text);
  c.report("R042", at, name_of(type) + " is never in " + list_name, "each of its values is " + name_of(items),
           "write its values as " + name_of(type) + ", or ask for another field")
      .cause = Label{value, "this is " + name_of(type)};
}
std::optional<std::uint32_t> find_table(Context& c, const ast::Name& name) {
  return find_item(c, c.model.table_ids, c.used.tables, name, "R026", "table",
                   "`table " + name.text + " from \"file.csv\" key k`");
}
std::optional<std::uint32_t> find_calendar(Context& c, const ast::Name& name) {
  return find_item(c, c.model.calendar_ids, c.used.calendars, name, "R027", "calendar",
                   "`calendar " + name.text + " = mon-fri 09:00-18:00 in \"Europe/Paris\"`");
}

bool check_column(Context& c, const ast::FromFile& from, std::string_view column, SourceSpan at) {
  if (!c.options.columns) return true;
  const SourceSpan file = from.file.span;
  const auto [known, fresh] = c.columns.emplace(std::to_string(file.file) + ":" + from.file.value, std::nullopt);
  if (fresh) known->second = c.options.columns(file.file, from.file.value);
  if (!known->second || std::ranges::find(*known->second, column) != known->second->end()) return true;
  constexpr std::size_t kShown = 8;
  const std::vector<std::string>& columns = *known->second;
  std::string help = did_you_mean(column, columns);
  if (help.empty() && columns.size() <= kShown) help = "its first line has " + ticked_list(columns);
  c.report("R079", at, "the file has no column " + ticked(column),
           "not one of the " + std::to_string(columns.size()) + " columns in its first line", help)
      .cause = Label{file, "this file"};
  return false;
}

std::optional<std::uint32_t> find_rule(Context& c, const ast::Name& name, std::string_view here, std::string_view own) {
  if (const auto found = c.model.rule_ids.find(name.text); found != c.model.rule_ids.end()) return found->second;
  if (name.param || c.unreadable.contains(name.text)) return std::nullopt;
  std::vector<std::string> names = names_of(c.model.rule_ids);
  std::erase(names, own);
  std::string help = did_you_mean(name.text, names);
  if (help.empty() && !names.empty() && names.size() <= 8)
    help = (names.size() == 1 ? "the other rule is " : "the other rules are ") + ticked_list(names);
  if (help.empty()) help = "declare a rule of this name, or correct it here";
  c.report("R028", name.span, "unknown rule " + ticked(name.text), std::string(here), help);
  return std::nullopt;
}

// The zones of the system: a file each, which costs a look and not the loading of all of them.
void check_zone(Context& c, const ast::Text& zone) {
  const auto [known, fresh] = c.zones.emplace(zone.value, true);
  if (fresh) known->second = is_zone(zone.value);
  if (known->second) return;
  const std::string near = near_zone(zone.value);
  c.report("R051", zone.span, "unknown time zone \"" + zone.value + "\"", "no zone of the IANA database has this name",
           near.empty() ? "write a place or \"UTC\": `\"Europe/Paris\"`, `\"America/New_York\"`"
                        : "did you mean \"" + near + "\"?");
}

void check_data(Context& c) {
  for (ast::ListDecl& list : c.model.lists) c.list_types.push_back(check_list(c, list));
  for (const ast::TableDecl& table : c.model.tables)
    if (const auto* from = std::get_if<ast::FromFile>(&table.source))
      if (table.key) check_file(c, *from, &*table.key, true);
  for (const ast::CalendarDecl& calendar : c.model.calendars) {
    check_zone(c, calendar.zone);
    for (const ast::OpenHours& open : calendar.open) check_hours(c, open);
  }
}

}  // namespace tocsin::dsl::checking
