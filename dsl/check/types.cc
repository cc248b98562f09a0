// What each name of an expression means where it stands, and whether the operators fit the types as far as they are
// declared. A field that nobody declared is `any`: it fits everywhere, and its use says what it is (language.md, 4).
#include <arpa/inet.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cstring>
#include <utility>

#include "dsl/check/context.h"
#include "dsl/check/vocabulary.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"
#include "dsl/print.h"
#include "dsl/words.h"
#include "engine/base/time_format.h"
#include "engine/base/units.h"
#include "engine/base/wording.h"
#include "engine/event/ip.h"
#include "engine/program/aggregates.h"
#include "engine/program/functions.h"
#include "engine/program/limits.h"

namespace tocsin::dsl::checking {
namespace {

using F = ast::FieldType;
using ast::BinaryOp;

constexpr Type kAny{F::any, false};
constexpr Type kBool{F::boolean, false};
constexpr Type kText{F::text, false};
constexpr Type kInt{F::integer, false};
constexpr Type kFloat{F::floating, false};
constexpr Type kDuration{F::duration, false};
constexpr Type kTime{F::time, false};
constexpr Type kIp{F::ip, false};

bool is(Type t, F kind) { return !t.list && t.kind == kind; }
bool is_quantity(Type t) { return is_number(t) || is(t, F::duration); }
bool fits_text(Type t) { return is_any(t) || is(t, F::text); }

// ----- steps by name -----------------------------------------------------------------------------

bool known_event(const Context& c, const std::string& name) {
  return c.declared.contains(name) || c.model.event_ids.contains(name);
}

enum class Found { no, yes, later, own, twice };
struct StepFound {
  Found how = Found::no;
  std::uint32_t index = kNone;
};

StepFound find_step(const Scope& s, std::string_view name) {
  if (!s.steps || name.empty()) return {};
  StepFound best;
  for (std::uint32_t i = 0; i < s.steps->size(); ++i) {
    const StepInfo& step = (*s.steps)[i];
    if (step.name != name) continue;
    if (!step.unique) return {Found::twice, i};
    const bool seen = s.place == Place::match || (i < s.visible.size() && s.visible[i]);
    if (seen) return {Found::yes, i};
    best = {i == s.own ? Found::own : Found::later, i};
  }
  return best;
}

std::vector<std::string> step_names(const Scope& s) {
  std::vector<std::string> names;
  if (!s.steps) return names;
  for (std::size_t i = 0; i < s.steps->size(); ++i) {
    const StepInfo& step = (*s.steps)[i];
    const bool seen = s.place == Place::match || (i < s.visible.size() && s.visible[i]);
    if (seen && step.unique && !step.name.empty()) names.push_back(step.name);
  }
  return names;
}

std::vector<std::string> names_here(const Scope& s) {
  std::vector<std::string> names;
  if (s.keys)
    for (const KeyInfo& key : *s.keys) names.push_back(key.name);
  if (s.place == Place::match)
    for (std::string& name : step_names(s)) names.push_back(name + ".FIELD");
  names.insert(names.end(), s.words.begin(), s.words.end());
  return names;
}

void report_later(Context& c, const Scope& s, const ast::Name& name, StepFound found) {
  const StepInfo& step = (*s.steps)[found.index];
  if (s.place == Place::except) {
    c.report("R034", name.span, "`" + std::string(s.where_word) + "` sees one event at a time, before there is a match",
             ticked(name.text) + " is a step of the match", "judge the finished match in `where`")
        .cause = Label{step.at, "it happens here"};
    return;
  }
  if (found.how == Found::own) {
    c.report("R034", name.span, ticked(name.text) + " is this very event", "in its own filter, fields stand bare",
             "leave the name out: write the field alone");
    return;
  }
  Diagnostic& d =
      c.report("R034", name.span, ticked(name.text) + " has not happened yet here", "only earlier steps are known here",
               "move the condition to the filter of " + ticked(name.text) + ", or into `where`");
  d.cause = Label{step.at, "it happens here"};
}

void report_adding_one(Context& c, const ast::StreamPath& sp) {
  std::string help =
      "repeat the step, so that it sees those it has taken before: " + ticked("5 " + sp.stream->name.text + "(..)");
  if (!sp.field.parts.empty()) help += "; the event before it is " + ticked("previous." + text_of(sp.field));
  c.report("R053", sp.span, "this step takes one event, so there is nothing to add up",
           "an aggregate over a single event", std::move(help));
}

void report_twice(Context& c, const Scope& s, const ast::Name& name, StepFound found) {
  Diagnostic& d =
      c.report("R036", name.span, "which " + ticked(name.text) + "? The pattern has several",
               "this name fits more than one step",
               "name the step that you mean: " + ticked(name.text + " as first_one") + ", then `first_one.field`");
  d.cause = Label{(*s.steps)[found.index].at, "one of them"};
}

// `except`, but a filter.
std::string shown(std::string_view where) {
  return where.starts_with("a") && where.find(' ') != where.npos ? std::string(where) : ticked(where);
}

// ----- paths -------------------------------------------------------------------------------------

std::string field_text(const ast::Path& path, std::uint32_t skip) {
  std::string text;
  for (std::size_t i = skip; i < path.parts.size(); ++i) text += (text.empty() ? "" : ".") + path.parts[i].text;
  return text;
}

SourceSpan field_span(const ast::Path& path, std::uint32_t skip) {
  SourceSpan span = path.parts[skip].span;
  span.end = path.parts.back().span.end;
  return span;
}

// The field, or what it is nested in: `winlog.event_data.Image` is declared so, or `winlog any` holds it.
const FieldInfo* holder(const EventInfo& event, const std::string& name) {
  if (const FieldInfo* field = event.find(name)) return field;
  for (std::size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
    const FieldInfo* outer = event.find(std::string_view(name).substr(0, dot));
    if (outer && is_any(outer->type)) return outer;
  }
  return nullptr;
}

// `winlog` alone, where only `winlog.x` is declared, is the object around it.
bool has_nested(const EventInfo& event, const std::string& name) {
  return std::any_of(event.fields.begin(), event.fields.end(),
                     [&](const FieldInfo& f) { return f.name.starts_with(name + "."); });
}

// The word that declares the type: `float`.
std::string_view keyword_of(Type type) {
  switch (type.kind) {
    case F::text:
      return "text";
    case F::integer:
      return "int";
    case F::floating:
      return "float";
    case F::boolean:
      return "bool";
    case F::time:
      return "time";
    case F::duration:
      return "duration";
    case F::ip:
      return "ip";
    case F::point:
      return "point";
    case F::any:
      return "any";
  }
  return "";
}

std::string not_its_field(const Context& c, const EventInfo& event) {
  const std::size_t n = event.fields.size();
  const std::string fields = n == 1 ? "not the one field" : "not one of the " + std::to_string(n) + " fields";
  const std::string at = c.place(event.at);
  return fields + (event.is_base() ? " declared" : " that it is given") + (at.empty() ? "" : " at " + at);
}

void report_no_field(Context& c, const std::vector<EventId>& events, const ast::Path& path, std::uint32_t skip) {
  const std::string name = field_text(path, skip);
  const SourceSpan at = field_span(path, skip);
  const auto told = [&](const Diagnostic& d) {  // letters that no name has: it is no field's name as it stands
    return d.code == "R016" && d.here.span.file == at.file && d.here.span.begin == at.begin;
  };
  if (std::ranges::any_of(c.files, [&](const Parsed& file) { return std::ranges::any_of(file.diagnostics, told); }))
    return;
  std::vector<std::string> fields, owners;
  for (EventId id : events) {
    const EventInfo& event = c.model.events[id];
    owners.push_back(event.name);
    for (const FieldInfo& field : event.fields)
      if (std::find(fields.begin(), fields.end(), field.name) == fields.end()) fields.push_back(field.name);
  }
  const EventInfo& event = c.model.events[events.front()];
  const bool one = events.size() == 1;
  std::string help = did_you_mean(name, fields);
  const FieldInfo* near = help.empty() || !one ? nullptr : event.find(nearest(name, fields));
  if (near && !is_any(near->type)) help += " (" + std::string(keyword_of(near->type)) + ")";
  if (help.empty() && (name == "null" || name == "nil" || name == "none")) help = "write `is missing` or `is present`";
  if (help.empty() && fields.size() <= 12) help = (one ? "it has " : "they have ") + ticked_list(fields);
  c.report("R022", field_span(path, skip),
           (one ? ticked(event.name) : "none of " + ticked_list(owners, "or")) + " has " + (one ? "no" : "a") +
               " field " + ticked(name),
           one ? not_its_field(c, event) : "no field of any of them", help);
}

}  // namespace

bool report_lone_field(Context& c, const ast::StreamPath& sp, const std::string& before, const std::string& behind,
                       const std::vector<StepInfo>* steps) {
  const std::string& name = sp.stream->name.text;
  if (name.empty() || c.declared.contains(name) || c.model.event_ids.contains(name)) return false;
  std::vector<std::string> ways;
  const auto add = [&](const EventInfo& event) {
    const std::string way = before + event.name + "." + name + behind;
    if (event.is_base() && event.find(name) != nullptr && std::ranges::find(ways, way) == ways.end())
      ways.push_back(way);
  };
  if (steps != nullptr)  // what the rule reads is what was meant
    for (const StepInfo& step : *steps)
      for (const EventId id : step.events) add(c.model.events[id]);
  if (ways.empty()) std::ranges::for_each(c.model.events, add);
  if (ways.empty()) return false;
  if (ways.size() > 3) ways.resize(3);
  c.report("R045", sp.span, "whose " + ticked(name) + "? A field stands here with its event", "a field alone",
           "write " + ticked_list(ways, "or"));
  return true;
}

Type field_type(Context& c, const std::vector<EventId>& events, const ast::Path& path, std::uint32_t skip) {
  if (skip >= path.parts.size()) return kAny;
  const std::string name = field_text(path, skip);
  bool found = events.empty();
  std::optional<Type> type;
  for (EventId id : events) {
    EventInfo& event = c.model.events[id];
    const FieldInfo* field = holder(event, name);
    Type here = field && field->declared ? (field->name == name ? field->type : kAny) : kAny;
    if (!field && name == "time")
      here = kTime;
    else if (!field && event.has_schema && !has_nested(event, name))
      continue;
    else if (!field && !event.has_schema)
      event.fields.push_back({name, kAny, true, false, field_span(path, skip)});
    found = true;
    type = type ? join(*type, here) : here;
  }
  if (!found) report_no_field(c, events, path, skip);
  return type.value_or(kAny);
}

namespace {

bool some_event_has(const Context& c, const std::vector<EventId>& events, const ast::Path& path) {
  const std::string first = path.parts.front().text;
  for (EventId id : events) {
    const EventInfo& event = c.model.events[id];
    if (!event.has_schema || event.find(first) || has_nested(event, first) || holder(event, text_of(path))) return true;
  }
  return events.empty();
}

void report_unknown_name(Context& c, const ast::Name& name, const Scope& s) {
  const std::vector<std::string> names = names_here(s);
  if (std::ranges::find(names, name.text) != names.end())
    return void(c.report("R023", name.span, "no event is called " + ticked(name.text),
                         ticked(name.text) + " is a value, and has no fields",
                         "write " + ticked(name.text) + " alone, or put an event in its place"));
  std::string help = did_you_mean(name.text, step_names(s));
  if (help.empty() && !names.empty()) help = "known here: " + ticked_list(names);
  c.report("R023", name.span, "unknown name " + ticked(name.text), "nothing of this rule has this name", help);
}

Type step_field(Context& c, ast::Path& path, const Scope& s, std::uint32_t index) {
  path.ref = {ast::Ref::Kind::step, index, 1};
  return field_type(c, (*s.steps)[index].events, path, 1);
}

// True when the first part names a step, known or misused; `type` is set then.
bool as_step(Context& c, ast::Path& path, const Scope& s, Type& type) {
  if (path.parts.size() < 2) return false;
  const StepFound found = find_step(s, path.parts.front().text);
  if (found.how == Found::no) return false;
  type = kAny;
  if (found.how == Found::yes)
    type = step_field(c, path, s, found.index);
  else if (found.how == Found::twice)
    report_twice(c, s, path.parts.front(), found);
  else if (some_event_has(c, s.events, path) && s.place == Place::filter && !s.events.empty() &&
           found.how == Found::later && !c.model.events[s.events.front()].has_schema)
    return false;
  else
    report_later(c, s, path.parts.front(), found);
  return true;
}

void report_of_the_match(Context& c, const ast::Path& path) {
  c.report("R023", path.span, "`resolve when` does not know the match that fired",
           ticked(path.parts.front().text) + " is a step of `when`",
           "what both have in common stands in `by`; the rest of the match is gone by then");
}

// `except login.ip = ..`: each event is looked at by itself, and its fields stand bare.
bool report_own_event(Context& c, const ast::Path& path, const Scope& s) {
  ast::Path field = path;
  field.parts.erase(field.parts.begin());
  ast::Stream owner;
  owner.name = path.parts.front();
  if (!known_event(c, owner.name.text) || !some_event_has(c, s.events, field)) return false;
  // Of another event it would be another field.
  const std::vector<EventId> named = c.model.events_of(owner);
  if (std::ranges::none_of(s.events, [&](EventId e) { return std::ranges::find(named, e) != named.end(); }))
    return false;
  const std::string name = text_of(field);
  c.report("R022", path.span, "a field stands here without its event: " + ticked(text_of(path)),
           "one event is looked at", "write " + ticked(name))
      .fix = Edit{path.span, name};
  return true;
}

// `f.ip` in the filter of a later step, and no step is called f.
void report_unknown_owner(Context& c, const ast::Path& path, const Scope& s) {
  const std::string& owner = path.parts.front().text;
  std::string help = did_you_mean(owner, step_names(s));
  if (help.empty()) {
    std::vector<std::string> ways;
    const std::string field = text_of(path).substr(owner.size());
    for (const std::string& step : step_names(s)) ways.push_back(step + field);
    help = "a field of an earlier event is " + ticked_list(ways, "or");
  }
  c.report("R023", path.parts.front().span, "unknown name " + ticked(owner), "no earlier step has this name", help);
}

Type in_filter(Context& c, ast::Path& path, const Scope& s) {
  const std::string& first = path.parts.front().text;
  if (first == "previous" && path.parts.size() > 1) {
    path.ref = {ast::Ref::Kind::previous, 0, 1};
    if (!s.rows_of.empty()) return report_no_previous(c, s, path.span), kAny;
    if (s.place == Place::filter) return field_type(c, s.events, path, 1);
    c.report("R023", path.parts.front().span, "`previous` is known in the filter of an event only",
             "`" + std::string(s.where_word) + "` sees one event at a time",
             "write it there: `x(temp > previous.temp)`");
    return kAny;
  }
  if (Type type = kAny; as_step(c, path, s, type)) return type;
  if (path.parts.size() > 1 && !some_event_has(c, s.events, path)) {
    if (s.fired != nullptr && std::ranges::find(*s.fired, first, &StepInfo::name) != s.fired->end())
      return report_of_the_match(c, path), kAny;
    const std::vector<std::string> steps = step_names(s);
    if ((s.place == Place::except || steps.empty()) && report_own_event(c, path, s)) return kAny;
    if (s.place == Place::filter ? !steps.empty() : !nearest(first, steps).empty())
      return report_unknown_owner(c, path, s), kAny;
  }
  if (first == "previous" && s.place == Place::filter && !s.events.empty() && !some_event_has(c, s.events, path)) {
    c.report("R023", path.span, "`previous` is an event, not a value", "a whole event cannot stand here",
             "write one of its fields: `previous.FIELD`");
    return kAny;
  }
  path.ref = {ast::Ref::Kind::field, 0, 0};
  return field_type(c, s.events, path, 0);
}

const std::vector<std::string_view> kAllWords = {"time",      "count", "first",    "last", "span",      "gap",
                                                 "last_seen", "value", "baseline", "rank", "suppressed"};
bool is_word(std::string_view name) { return std::find(kAllWords.begin(), kAllWords.end(), name) != kAllWords.end(); }

Type type_of_word(std::string_view word) {
  if (word == "count" || word == "rank" || word == "suppressed" || word == "sequence") return kInt;
  if (word == "span" || word == "gap") return kDuration;
  if (word == "time" || word == "first" || word == "last" || word == "last_seen" || word == "session_start")
    return kTime;
  if (word == "session_id") return kText;
  return kAny;
}

// What a bare field in `where` or a text was meant to be: `user` → `ok.user`.
void report_bare(Context& c, const ast::Path& path, const Scope& s) {
  const std::string name = text_of(path);
  std::vector<std::string> owners;
  bool declared = false;
  const StepInfo* owner = nullptr;
  for (const StepInfo& step : *s.steps)
    if (step.unique && !step.name.empty() && some_event_has(c, step.events, path)) {
      owner = &step;
      owners.push_back(step.name + "." + name);
      declared |=
          std::any_of(step.events.begin(), step.events.end(), [&](EventId e) { return c.model.events[e].find(name); });
    }
  if (owners.empty()) return report_unknown_name(c, path.parts.front(), s);
  if (!declared && !is_word(name) && !did_you_mean(name, names_here(s)).empty())
    return void(c.report("R023", path.span, "unknown name " + ticked(name), "nothing of this rule has this name",
                         did_you_mean(name, names_here(s))));
  Diagnostic& d = c.report("R032", path.span,
                           "whose " + ticked(name) + "? `" + std::string(s.where_word) + "` looks at the whole match",
                           "a bare field says not which event it belongs to", "write " + ticked_list(owners, "or"));
  if (owners.size() != 1) return;
  if (s.where_word == "where" && owner->repeats)  // who writes this wants to count only some, as in SQL
    d.help = "to count only such events, put it into the filter of " + ticked(owner->name) + "; " +
             ticked(owners.front()) + " is that of the last one";
  else
    d.fix = Edit{path.span, owners.front()};
}

void report_word(Context& c, const ast::Path& path, const Scope& s) {
  const std::string& word = path.parts.front().text;
  if (word == "count" && s.sequence) {
    std::vector<std::string> counts;
    for (const StepInfo& step : *s.steps)
      if (step.unique && !step.name.empty()) counts.push_back("count(" + step.name + ")");
    c.report("R063", path.span, "`count` of what? This sequence has no single repeated step",
             "`count` is that of the only repeated step", "write " + ticked_list(counts, "or"));
    return;
  }
  c.report("R024", path.span, "this pattern has no " + ticked(word), "not a name that this pattern gives",
           "it has " + ticked_list(names_here(s)));
}

Type in_match(Context& c, ast::Path& path, const Scope& s) {
  const std::string name = text_of(path);
  if (s.keys)
    for (std::uint32_t i = 0; i < s.keys->size(); ++i)
      if ((*s.keys)[i].name == name) return path.ref = {ast::Ref::Kind::key, i, 0}, (*s.keys)[i].type;
  if (Type type = kAny; as_step(c, path, s, type)) return type;
  if (path.parts.size() == 1 && std::find(s.words.begin(), s.words.end(), name) != s.words.end()) {
    path.ref = {ast::Ref::Kind::special, 0, 0};
    return type_of_word(name);
  }
  if (path.parts.size() == 1 && is_word(name)) return report_word(c, path, s), kAny;
  if (path.parts.size() == 1 && find_step(s, name).how != Found::no) {
    c.report("R023", path.span, ticked(name) + " is an event, not a value", "a whole event cannot stand here",
             "write one of its fields, " + ticked(name + ".FIELD") + ", or " + ticked("count(" + name + ")"));
    return kAny;
  }
  if (s.steps && path.parts.size() == 1) return report_bare(c, path, s), kAny;
  return report_unknown_name(c, path.parts.front(), s), kAny;
}

// Outside an aggregate: keys and time are known, a field of no particular event is not.
Type beside_aggregates(Context& c, ast::Path& path, const Scope& s) {
  const std::string name = text_of(path);
  if (s.keys)
    for (std::uint32_t i = 0; i < s.keys->size(); ++i)
      if ((*s.keys)[i].name == name) return path.ref = {ast::Ref::Kind::key, i, 0}, (*s.keys)[i].type;
  const bool rows = s.place == Place::rows;
  const std::string& first = path.parts.front().text;
  const bool event = path.parts.size() > 1 && known_event(c, first);
  // `max(a.x, a.y)`: one list of arguments is one mistake.
  if (!c.diagnostics.empty() && c.diagnostics.back().code == "R032")
    if (const SourceSpan before = c.diagnostics.back().here.span;
        before.file == path.span.file && before.end < path.span.begin && path.span.begin - before.end <= 2)
      return kAny;
  c.report("R032", path.span,
           "whose " + ticked(name) + "? " +
               (rows ? "`with` looks at many events" : "This compares what many events add up to"),
           "a bare field says not which event it belongs to",
           rows ? "write " + ticked("last(" + name + ")") + ", " + ticked("avg(" + name + ")") + " or another aggregate"
                : "put it into the filter of an event, or into an aggregate such as " +
                      ticked((event ? "avg(" : "avg(x.") + name + ")"));
  return kAny;
}

Type in_each(Context& c, ast::Path& path, const Scope& s) {
  if (path.parts.size() == 1 && std::find(s.words.begin(), s.words.end(), path.parts[0].text) != s.words.end()) {
    path.ref = {ast::Ref::Kind::special, 0, 0};
    return type_of_word(path.parts[0].text);
  }
  path.ref = {ast::Ref::Kind::field, 0, 0};
  return field_type(c, s.events, path, 0);
}

void report_not_constant(Context& c, const ast::Path& path, const Scope& s) {
  c.report("R023", path.span, "unknown name " + ticked(text_of(path)),
           std::string(s.where_word) + " holds plain values, no names",
           "text stands in quotes: `\"" + text_of(path) + "\"`")
      .fix = Edit{path.span, "\"" + text_of(path) + "\""};
}

Type in_some(Context& c, ast::Path& path, const Scope& s) {
  const std::string& name = path.parts.front().text;
  if (name != "item") {
    if (Type type = kAny; as_step(c, path, s, type)) return type;
    if (s.plain != nullptr && name == "previous" && path.parts.size() > 1)
      c.report("R022", path.span, "inside of `some` there is no event before",
               "the items of " + ticked(text_of(*s.plain)) + " are compared with, and the event that has them",
               "compare outside of it: `e(v > previous.v)`");
    else if (s.plain != nullptr && !some_event_has(c, s.events, path))
      c.report("R022", path.span, "the items of " + ticked(text_of(*s.plain)) + " have no field " + ticked(name),
               "they are plain values", "`item` is the value itself: `some " + text_of(*s.plain) + " (item = ..)`");
  }
  path.ref = {ast::Ref::Kind::item, 0, path.parts.front().text == "item" ? 1U : 0U};
  return kAny;
}

}  // namespace

Type type_of_path(Context& c, ast::Path& path, Scope& s) {
  if (path.parts.empty() || path.parts.front().param) return kAny;
  if (s.some > 0) return in_some(c, path, s);
  switch (s.place) {
    case Place::filter:
    case Place::except:
      return in_filter(c, path, s);
    case Place::match:
      return in_match(c, path, s);
    case Place::condition:
    case Place::rows:
      return beside_aggregates(c, path, s);
    case Place::each:
      return in_each(c, path, s);
    case Place::constant:
      return report_not_constant(c, path, s), kAny;
  }
  return kAny;
}

// ----- what a use says about an undeclared field --------------------------------------------------

namespace {

void infer(Context& c, const std::vector<EventId>& events, const ast::Path& path, std::uint32_t skip, Type type) {
  if (is_number(type)) type = kFloat;  // `temp > 80` does not say that it is whole
  const std::string name = field_text(path, skip);
  for (EventId id : events)
    for (FieldInfo& field : c.model.events[id].fields)
      if (field.name == name && !field.declared) field.type = is_any(field.type) ? type : join(field.type, type);
}

// A cell of a table is read as what it is compared with: one that is nothing such (`n/a` among numbers) is missing for
// its row alone, instead of making texts of the numbers of all others.
void read_cell_as(ast::Expr& expr, Type type) {
  if (!std::holds_alternative<ast::Lookup>(expr.node) || type.list) return;
  const std::string_view reader = is_number(type) ? "number" : is(type, F::text) ? "text" : "";
  if (reader.empty()) return;
  const SourceSpan span = expr.span;
  ast::Call call{{std::string(reader), false, span}, {}};
  call.args.push_back(std::move(expr));
  expr = ast::Expr{std::move(call), span};
}

void infer(Context& c, ast::Expr& expr, const Scope& s, Type type) {
  read_cell_as(expr, type);
  const auto* path = std::get_if<ast::Path>(&expr.node);
  if (!path || is_any(type)) return;
  if (path->ref.kind == ast::Ref::Kind::field || path->ref.kind == ast::Ref::Kind::previous)
    infer(c, s.events, *path, path->ref.skip, type);
  if (path->ref.kind == ast::Ref::Kind::step) infer(c, (*s.steps)[path->ref.index].events, *path, 1, type);
}

// ----- literals ----------------------------------------------------------------------------------

std::string network_of(const std::string& text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return text;
  const std::string address = text.substr(0, slash);
  const int family = address.find(':') == std::string::npos ? AF_INET : AF_INET6;
  std::array<unsigned char, 16> bytes{};
  if (inet_pton(family, address.c_str(), bytes.data()) != 1) return text;
  const std::size_t size = family == AF_INET ? 4 : 16;
  const std::size_t prefix = std::min<std::size_t>(std::strtoul(text.c_str() + slash + 1, nullptr, 10), size * 8);
  for (std::size_t bit = prefix; bit < size * 8; ++bit)
    bytes[bit / 8] = static_cast<unsigned char>(bytes[bit / 8] & ~(0x80U >> (bit % 8)));
  std::array<char, INET6_ADDRSTRLEN> out{};
  inet_ntop(family, bytes.data(), out.data(), out.size());
  return std::string(out.data()) + text.substr(slash);
}

void check_address(Context& c, const ast::Address& address, SourceSpan span) {
  const std::string network = network_of(address.text);
  if (network == address.text) return;
  c.report("R049", span, ticked(address.text) + " is an address inside a network, not a network",
           "bits are set behind the prefix",
           "the network is " + ticked(network) + ", the address alone " +
               ticked(address.text.substr(0, address.text.find('/'))));
}

void check_regex(Context& c, const ast::Regex& regex, SourceSpan span) {
  const auto [known, fresh] = c.regexes.emplace(regex.pattern, "");
  if (fresh) {
    RE2::Options options;
    options.set_log_errors(false);
    const RE2 compiled(regex.pattern, options);
    if (!compiled.ok()) known->second = "RE2 stops at `" + compiled.error_arg() + "`";
  }
  if (known->second.empty()) return;
  const bool look = regex.pattern.find("(?=") != std::string::npos || regex.pattern.find("(?!") != std::string::npos ||
                    regex.pattern.find("(?<=") != std::string::npos || regex.pattern.find("(?<!") != std::string::npos;
  c.report("R050", span, "this regular expression cannot be read", known->second,
           look ? "RE2 has no look-around: say the second condition beside it, with `and not .. matches /../`"
                : "the syntax is that of RE2: no back references, brackets in pairs, `\\` before a sign that is meant "
                  "itself");
}

Type type_of_literal(Context& c, const ast::Literal& literal, SourceSpan span) {
  return std::visit(Overloaded{
                        [](bool) { return kBool; },
                        [](std::int64_t) { return kInt; },
                        [](double) { return kFloat; },
                        [](const std::string&) { return kText; },
                        [](Duration) { return kDuration; },
                        [&](const ast::Address& a) { return check_address(c, a, span), kIp; },
                        [&](const ast::Regex& r) { return check_regex(c, r, span), kAny; },
                    },
                    literal.value);
}

bool is_regex(const ast::Expr& expr) {
  const auto* literal = std::get_if<ast::Literal>(&expr.node);
  return literal && std::holds_alternative<ast::Regex>(literal->value);
}
bool is_literal(const ast::Expr& expr) { return std::holds_alternative<ast::Literal>(expr.node); }

// ----- comparisons -------------------------------------------------------------------------------

// `time("2024-01-01", "%Y-%m-%d")`: with the format that the text seems to have.
std::string time_of_text(const std::string& text) {
  constexpr std::string_view kFormats[] = {"%Y-%m-%d",         "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z",
                                           "%Y-%m-%dT%H:%M%z", "%Y-%m-%d %H:%M:%S",   "%Y-%m-%dT%H:%M:%S",
                                           "%Y-%m-%d %H:%M",   "%Y-%m-%dT%H:%M",      "%d/%b/%Y:%H:%M:%S %z"};
  const auto fits = std::ranges::find_if(kFormats, [&](std::string_view f) {
    const auto format = TimeFormat::compile(f);
    return format && format->parse(text).has_value();
  });
  return "time(" + quote(text) + ", \"" + std::string(fits == std::end(kFormats) ? "%Y-%m-%d" : *fits) + "\")";
}

// The help for two types that do not meet, by what people mostly meant.
std::string mend_types(const ast::Expr& left, Type l, const ast::Expr& right, Type r) {
  const ast::Expr& literal = is_literal(right) ? right : left;
  const auto* value = std::get_if<ast::Literal>(&literal.node);
  const Type other = is_literal(right) ? l : r;
  if (value && std::holds_alternative<std::string>(value->value)) {
    const std::string& text = std::get<std::string>(value->value);
    double number = 0;
    const bool is_one =
        std::from_chars(text.data(), text.data() + text.size(), number).ptr == text.data() + text.size();
    if (is_number(other))
      return text.empty() || !is_one ? "a number is compared with a number, such as `5`"
                                     : "numbers stand without quotes: `" + text + "`";
    if (is(other, F::ip)) return "addresses stand without quotes: `" + text + "`";
    if (is(other, F::boolean)) return "write `true` or `false`, without quotes";
    if (is(other, F::duration)) return "durations stand without quotes: `5s`, `10m`";
    if (is(other, F::time)) return "make a time of the text: " + ticked(time_of_text(text));
  }
  // What it gives may be a word for what the number was meant to be: `weekday(ts) = 1`.
  if (const auto* call = std::get_if<ast::Call>(&(is_literal(right) ? left : right).node); value && call)
    if (const auto id = find_function(call->function.text); id && functions()[id->index].result == ArgType::text)
      return ticked(call->function.text) + " gives " + std::string(functions()[id->index].help);
  if (value && is(other, F::text) && !value->spelling.text.empty())
    return "text stands in quotes: `\"" + value->spelling.text + "\"`";
  if (is(l, F::text) || is(r, F::text)) {
    const bool text_left = is(l, F::text);
    const Type meets = text_left ? r : l;
    const std::string text = print(text_left ? left : right), value_there = print(text_left ? right : left);
    const std::string both = ", or text of the other: " + ticked("text(" + value_there + ")");
    if (is(meets, F::ip)) return "make an address of the text: " + ticked("ip(" + text + ")");
    if (is_number(meets)) return "make a number of the text: " + ticked("number(" + text + ")") + both;
    if (is(meets, F::time)) return "make a time of the text: " + ticked("time(" + text + ", \"%Y-%m-%d\")");
    return "make text of the other: " + ticked("text(" + value_there + ")");
  }
  return "compare values of one type";
}

bool duration_and_number(Type l, Type r) {
  return (is(l, F::duration) && is_number(r)) || (is_number(l) && is(r, F::duration));
}

void report_units(Context& c, const ast::Expr& left, Type l, const ast::Expr& right, Type r, SourceSpan op) {
  const bool left_number = is_number(l);
  const ast::Expr& number = left_number ? left : right;
  const ast::Expr& length = left_number ? right : left;
  std::string help = "say the number's unit by converting the duration: `seconds(..)`, `minutes(..)`, `hours(..)`";
  if (const auto* n = std::get_if<ast::Literal>(&number.node); n && !n->spelling.text.empty())
    help = "write a unit: `" + n->spelling.text + "s`, `" + n->spelling.text + "m` or `" + n->spelling.text + "h`";
  Diagnostic& d =
      c.report("R043", number.span, "a duration meets a plain number", "this is " + name_of(left_number ? l : r), help);
  d.cause = Label{length.span, "this is a duration"};
  (void)op;
}

// A field declared with `?`: its events may lack it, so the comparison says little but does no harm.
bool is_optional(const Context& c, const ast::Expr& expr, const Scope& s) {
  const auto* path = std::get_if<ast::Path>(&expr.node);
  if (!path) return false;
  const bool step = path->ref.kind == ast::Ref::Kind::step;
  if (!step && path->ref.kind != ast::Ref::Kind::field) return false;
  const std::vector<EventId>& events = step ? (*s.steps)[path->ref.index].events : s.events;
  return std::any_of(events.begin(), events.end(), [&](EventId id) {
    const FieldInfo* field = c.model.events[id].find(field_text(*path, path->ref.skip));
    return field && field->declared && field->optional;
  });
}

enum class Asks { equality, order };
void check_comparable(Context& c, ast::Expr& left, Type l, ast::Expr& right, Type r, SourceSpan op, const Scope& s,
                      Asks asks = Asks::equality) {
  if (duration_and_number(l, r)) return report_units(c, left, l, right, r, op);
  if (!comparable(l, r)) {
    const bool blame_right = !is_literal(left);
    const bool mild = is_optional(c, left, s) || is_optional(c, right, s);
    Diagnostic& d =
        c.report(mild ? "R125" : "R042", blame_right ? right.span : left.span,
                 name_of(l) + (asks == Asks::order ? " has no order with " : " is never equal to ") + name_of(r),
                 "this is " + name_of(blame_right ? r : l), mend_types(left, l, right, r));
    d.cause = Label{blame_right ? left.span : right.span, "this is " + name_of(blame_right ? l : r)};
    if (is(blame_right ? l : r, F::ip))
      if (const auto* value = std::get_if<ast::Literal>(&(blame_right ? right : left).node))
        if (const auto* text = std::get_if<std::string>(&value->value); text != nullptr && parse_ip(*text))
          d.fix = Edit{(blame_right ? right : left).span, *text};
    return;
  }
  if (is_any(l)) infer(c, left, s, r);
  if (is_any(r)) infer(c, right, s, l);
}

void report_operand(Context& c, const ast::Expr& operand, Type type, std::string_view sign, std::string_view wants,
                    std::string help = {}) {
  c.report("R047", operand.span, "`" + std::string(sign) + "` needs " + std::string(wants), "this is " + name_of(type),
           std::move(help));
}

// ----- `its average over D`, `its previous` -------------------------------------------------------

std::optional<Duration> own_window(const ast::Aggregate& a) {
  if (!a.over) return std::nullopt;
  const auto* length = std::get_if<ast::Length>(&a.over->window);
  return length ? value(*length) : std::nullopt;
}

std::optional<Duration> window_of(const ast::Aggregate& a, const Scope& s) { return a.over ? own_window(a) : s.window; }

// Every key keeps each of them.
void check_windows_back(Context& c, SourceSpan span, const ast::Aggregate& of, Duration past, Duration window) {
  if (window.us <= 0) return;  // that is said where the window stands
  const std::int64_t most = of.function.text == "duration" ? kLastingWindowsMax : kWindowsMax;
  if (past.us / window.us <= most) return;
  c.report("R074", span, "more than " + grouped(static_cast<std::uint64_t>(most)) + " windows to look back on",
           grouped(static_cast<std::uint64_t>(past.us / window.us)) + " windows of " + duration_text(window),
           "look back on less, " + ticked(duration_text(Duration{window.us * most})) +
               " at most, or make the window longer");
}

Type type_of_its(Context& c, const ast::Its& its, SourceSpan span, const ast::Expr& left, Type left_type,
                 const Scope& s) {
  const auto* aggregate = std::get_if<ast::Aggregate>(&left.node);
  if (!aggregate) {
    c.report("R054", span, "`its` stands for the aggregate on the left, and there is none",
             "compare one aggregate with its own past", "write `sum(x.f over 1d) > 3x its average over 30d`")
        .cause = Label{left.span, "not a single aggregate"};
    return kAny;
  }
  if (!aggregate->over && s.place == Place::condition && !s.windowed) return left_type;  // that has been told
  const bool time_window = aggregate->over && std::holds_alternative<ast::Length>(aggregate->over->window);
  // What `each` counts stands still: there is no window of it that ends where this one begins.
  const bool stands_still = !aggregate->over && s.place == Place::condition && !s.window;
  if (!time_window && (aggregate->over || !s.windowed || stands_still)) {
    c.report("R054", span, "its past has no measure: the aggregate has no window of time",
             "one window is compared with those before it", "give the aggregate one: `count(x over 1h)`")
        .cause = Label{left.span, "this aggregate"};
    return left_type;
  }
  if (its.what == ast::Its::What::average && !its.over) {
    c.report("R054", span, "an average over how long?", "`its average` needs `over`", "write `its average over 30d`");
    return left_type;
  }
  const std::optional<Duration> past = its.over ? value(*its.over) : std::nullopt, window = window_of(*aggregate, s);
  if (!past || !window) return left_type;
  if (*past < *window) {
    Diagnostic& told =
        c.report("R055", its.over->span, "the average is over less than one window",
                 "shorter than the window that it looks back on",
                 "look back several windows, such as " + ticked(duration_text(Duration{window->us * 10})));
    if (aggregate->over) told.cause = Label{aggregate->over->span, "one window"};
  }
  check_windows_back(c, its.over->span, *aggregate, *past, *window);
  return left_type;
}

bool is_network(const ast::Address& address) {
  const std::optional<IpAddress> ip = parse_ip(address.text);
  return ip && ip->prefix < 128;
}

// `ip = 10.0.0.0/8`: a record brings addresses.
void lint_network(Context& c, const ast::Binary& b) {
  const auto* literal = std::get_if<ast::Literal>(&b.right->node);
  const auto* address = literal != nullptr ? std::get_if<ast::Address>(&literal->value) : nullptr;
  if (address == nullptr || !std::holds_alternative<ast::Path>(b.left->node) || !is_network(*address)) return;
  const std::string in = print(*b.left) + " in [" + print(*b.right) + "]";
  c.report("R128", b.right->span, "an address is never equal to a network", "a network",
           "write " + ticked(b.op == BinaryOp::equal ? in : "not " + in));
}

// `outcome = failure`, `country = missing`, `hot = True`: what was taken for a field was to be a value.
void no_field_but_a_value(Diagnostic& d, const ast::Path& word, Type left, const ast::Binary& b) {
  constexpr std::array<std::string_view, 4> kNothing{"missing", "null", "nil", "none"};
  const std::string& name = word.parts.front().text;
  std::string lower = name;
  std::ranges::transform(lower, lower.begin(), [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  const bool equality = b.op == BinaryOp::equal || b.op == BinaryOp::not_equal;
  if (equality && std::ranges::find(kNothing, lower) != kNothing.end()) {
    const std::string meant = b.op == BinaryOp::equal ? "is missing" : "is present";
    d.help = "write " + ticked(print(*b.left) + " " + meant);
    d.fix = Edit{{b.op_span.file, b.op_span.begin, word.span.end}, meant};
  } else if (is(left, F::boolean) && (lower == "true" || lower == "false")) {
    d.help = "write " + ticked(lower);
    d.fix = Edit{word.span, lower};
  } else if (is(left, F::text) && d.help.starts_with("it has")) {
    d.help = "a text stands in quotes: " + ticked("\"" + name + "\"") + "; " + d.help;
  }
}

Type compare(Context& c, ast::Binary& b, Scope& s) {
  const Type l = type_of(c, *b.left, s);
  if (auto* its = std::get_if<ast::Its>(&b.right->node)) {
    type_of_its(c, *its, b.right->span, *b.left, l, s);
    return kBool;
  }
  const std::size_t told = c.diagnostics.size();
  const Type r = type_of(c, *b.right, s);
  // `outcome = failure`: the commonest reason for a field that is none.
  const auto* word = std::get_if<ast::Path>(&b.right->node);
  if (word != nullptr && word->parts.size() == 1 && c.diagnostics.size() > told)
    if (Diagnostic& d = c.diagnostics.back(); d.code == "R022") no_field_but_a_value(d, *word, l, b);
  const bool order = b.op != BinaryOp::equal && b.op != BinaryOp::not_equal;
  if (!order && is(l, F::ip)) lint_network(c, b);
  check_comparable(c, *b.left, l, *b.right, r, b.op_span, s, order ? Asks::order : Asks::equality);
  for (const auto& [operand, type] : {std::pair{&*b.left, l}, std::pair{&*b.right, r}})
    if (order && (is(type, F::boolean) || is(type, F::point) || type.list)) {
      report_operand(c, *operand, type, sign_of(b.op), "values that have an order", "compare it with `=` or `!=`");
      break;
    }
  return kBool;
}

Type search(Context& c, ast::Binary& b, Scope& s) {
  const Type l = type_of(c, *b.left, s), r = type_of(c, *b.right, s);
  if (b.op == BinaryOp::contains && l.list) {
    if (!comparable({l.kind, false}, r)) check_comparable(c, *b.left, {l.kind, false}, *b.right, r, b.op_span, s);
    return kBool;
  }
  const std::string sign(sign_of(b.op));
  if (!fits_text(l))
    report_operand(c, *b.left, l, sign, "text on its left",
                   is(l, F::ip) ? "ask for its network: " + ticked(print(*b.left) + " in [10.0.0.0/8]")
                                : "make text of it: " + ticked("text(" + print(*b.left) + ")"));
  else
    infer(c, *b.left, s, kText);
  if (!fits_text(l)) return kBool;
  if (b.op == BinaryOp::matches) {
    if (!is_regex(*b.right))
      report_operand(c, *b.right, r, sign, "a regular expression on its right", "write it between slashes: `/^adm/`");
  } else if (!fits_text(r)) {
    report_operand(c, *b.right, r, sign, "text on its right",
                   std::holds_alternative<ast::Literal>(b.right->node)
                       ? "text stands in quotes: " + ticked("\"" + print(*b.right) + "\"")
                       : "`text(..)` makes text of it: " + ticked("text(" + print(*b.right) + ")"));
  }
  return kBool;
}

// How the author's own words become a condition: `amount > ..`, `user is present`.
std::string as_a_condition(const ast::Expr& expr) {
  const std::string x = print(expr);
  if (is_literal(expr)) return "compare it with something: " + ticked("FIELD = " + x);
  if (!std::holds_alternative<ast::Path>(expr.node))
    return "compare it with something: " + ticked(x + " = ..") + ", " + ticked(x + " > ..");
  return "compare it with something: " + ticked(x + " = ..") + ", " + ticked(x + " > ..") + ", " +
         ticked(x + " is present");
}

// `outcome = "failure" or "error"`: the field is meant for both; empty when it is not so.
std::string meant_for_both(const ast::Binary& b) {
  const auto* first = std::get_if<ast::Binary>(&b.left->node);
  while (first != nullptr && first->op == b.op) first = std::get_if<ast::Binary>(&first->right->node);
  if (b.op != BinaryOp::logical_or || first == nullptr || first->op != BinaryOp::equal) return {};
  if (!std::holds_alternative<ast::Literal>(b.right->node)) return {};
  const std::string x = print(*first->left), a = print(*first->right), other = print(*b.right);
  return "write " + ticked(x + " in [" + a + ", " + other + "]") + ", or " + ticked(x + " = " + other) + " here";
}

Type check_condition(Context& c, ast::Expr& expr, Scope& s, std::string_view sign, std::string help = {}) {
  const Type type = type_of(c, expr, s);
  if (!is_any(type) && !is(type, F::boolean))
    report_operand(c, expr, type, sign, "conditions", help.empty() ? as_a_condition(expr) : std::move(help));
  return kBool;
}

// `User-Agent` without backticks: told once, as what it was meant to be.
bool is_dashed_name(Context& c, const ast::Binary& b, const Scope& s) {
  const auto* left = std::get_if<ast::Path>(&b.left->node);
  const auto* right = std::get_if<ast::Path>(&b.right->node);
  if (b.op != BinaryOp::subtract || left == nullptr || right == nullptr || right->parts.size() != 1) return false;
  const std::string name = text_of(*left) + "-" + right->parts.front().text;
  const bool known =
      std::ranges::any_of(s.events, [&](EventId id) { return c.model.events[id].find(name) != nullptr; });
  if (!known) return false;
  c.report("R022", {b.left->span.file, b.left->span.begin, b.right->span.end}, ticked(name) + " reads as a subtraction",
           "a name with a dash needs backticks", "write `` `" + name + "` ``");
  return true;
}

// X6: what is divided by zero is missing, and so is everything that is made of it.
void lint_divisor(Context& c, const ast::Binary& b) {
  const auto* literal = std::get_if<ast::Literal>(&b.right->node);
  if (literal == nullptr) return;
  const auto* n = std::get_if<std::int64_t>(&literal->value);
  const auto* d = std::get_if<double>(&literal->value);
  const auto* length = std::get_if<Duration>(&literal->value);
  const bool zero = (n != nullptr && *n == 0) || (d != nullptr && *d == 0) || (length != nullptr && length->us == 0);
  if (zero)
    c.report("R126", b.right->span, "nothing can be divided by 0: this value is always missing", "zero",
             "divide by another number");
}

Type calculate(Context& c, ast::Binary& b, Scope& s) {
  if (is_dashed_name(c, b, s)) return kAny;
  const Type l = type_of(c, *b.left, s), r = type_of(c, *b.right, s);
  const std::string sign(sign_of(b.op));
  const bool plus = b.op == BinaryOp::add, minus = b.op == BinaryOp::subtract;
  for (const auto& [operand, type] : {std::pair{&*b.left, l}, std::pair{&*b.right, r}}) {
    if (is_any(type) || is_quantity(type) || ((plus || minus) && is(type, F::time))) continue;
    report_operand(c, *operand, type, sign, "numbers, durations or times",
                   is(type, F::text) && plus ? "texts are joined by `concat(a, b)`"
                   : is(type, F::text)       ? "make a number of it: " + ticked("number(" + print(*operand) + ")")
                                             : "");
    return kAny;
  }
  read_cell_as(*b.left, kFloat);  // no cell is a duration or a time
  read_cell_as(*b.right, kFloat);
  if (b.op == BinaryOp::divide || b.op == BinaryOp::remainder) lint_divisor(c, b);
  if ((plus || minus) && duration_and_number(l, r)) return report_units(c, *b.left, l, *b.right, r, b.op_span), kAny;
  if (minus && is(l, F::time) && is(r, F::time)) return kDuration;
  if ((plus || minus) && is(l, F::time) && is_number(r))
    return report_units(c, *b.left, kDuration, *b.right, r, b.op_span), kAny;
  if ((plus || minus) && is(l, F::time)) return is_any(r) ? kAny : kTime;
  if (is_any(l) || is_any(r)) return kAny;
  if (b.op == BinaryOp::divide) return is(l, F::duration) && is_number(r) ? kDuration : kFloat;
  if (is(l, F::duration) || is(r, F::duration)) return kDuration;
  return is(l, F::integer) && is(r, F::integer) ? kInt : kFloat;
}

Type type_of_binary(Context& c, ast::Binary& b, Scope& s) {
  switch (b.op) {
    case BinaryOp::logical_or:
    case BinaryOp::logical_and:
      check_condition(c, *b.left, s, sign_of(b.op));
      return check_condition(c, *b.right, s, sign_of(b.op), meant_for_both(b));
    case BinaryOp::equal:
    case BinaryOp::not_equal:
    case BinaryOp::less:
    case BinaryOp::less_equal:
    case BinaryOp::greater:
    case BinaryOp::greater_equal:
      return compare(c, b, s);
    case BinaryOp::contains:
    case BinaryOp::starts_with:
    case BinaryOp::ends_with:
    case BinaryOp::matches:
      return search(c, b, s);
    case BinaryOp::add:
    case BinaryOp::subtract:
    case BinaryOp::multiply:
    case BinaryOp::divide:
    case BinaryOp::remainder:
      return calculate(c, b, s);
  }
  return kAny;
}

Type type_of_unary(Context& c, ast::Unary& u, Scope& s) {
  if (u.op == ast::UnaryOp::logical_not) return check_condition(c, *u.operand, s, "not");
  const Type type = type_of(c, *u.operand, s);
  if (!is_any(type) && !is_quantity(type)) report_operand(c, *u.operand, type, "-", "a number or a duration");
  return type;
}

// ----- functions ---------------------------------------------------------------------------------

struct Wanted {
  std::string_view words;
  std::vector<Type> types;  // what fits besides `any`; empty: everything
};

Wanted wanted(ArgType arg) {
  switch (arg) {
    case ArgType::any:
    case ArgType::same:
      return {"any value", {}};
    case ArgType::number:
      return {"a number", {kInt, kFloat}};
    case ArgType::integer:
      return {"a whole number", {kInt}};
    case ArgType::quantity:
      return {"a number or a duration", {kInt, kFloat, kDuration}};
    case ArgType::text:
      return {"text", {kText}};
    case ArgType::countable:
      return {"text or a list", {kText}};
    case ArgType::boolean:
      return {"true or false", {kBool}};
    case ArgType::time:
      return {"a time", {kTime}};
    case ArgType::duration:
      return {"a duration", {kDuration}};
    case ArgType::ip:
      return {"an address", {kIp}};
    case ArgType::network:
      return {"a network", {kIp}};
    case ArgType::point:
      return {"a point", {{F::point, false}}};
    case ArgType::list:
      return {"a list", {}};
    case ArgType::regex:
      return {"a regular expression between slashes", {}};
    case ArgType::constant_text:
    case ArgType::zone:
    case ArgType::time_format:
      return {"text in quotes", {kText}};
  }
  return {};
}

// Text that the rule itself has to say.
bool is_written(ArgType arg) {
  return arg == ArgType::constant_text || arg == ArgType::zone || arg == ArgType::time_format;
}

bool fits(ArgType arg, Type type, const ast::Expr& expr) {
  if (arg == ArgType::regex) return is_regex(expr);
  if (is_written(arg)) return is_literal(expr) && is(type, F::text);
  if (is_any(type)) return true;
  if (arg == ArgType::list || (arg == ArgType::countable && type.list)) return type.list;
  const Wanted want = wanted(arg);
  return want.types.empty() || std::find(want.types.begin(), want.types.end(), type) != want.types.end();
}

std::string shape_of(const Function& f) {
  std::string text = std::string(f.name) + "(";
  for (std::size_t i = 0; i < f.args.size(); ++i) {
    if (i) text += ", ";
    const std::string words(wanted(f.args[i]).words);
    text += i < f.required ? words : "[" + words + "]";
  }
  return text + (f.variadic ? ", ...)" : ")");
}

// What other languages call it, and what it is here.
struct ForeignFunction {
  std::string_view name, help;
};
constexpr ForeignFunction kForeignFunctions[] = {
    {"average", "write `avg(x.f)`"},
    {"mean", "write `avg(x.f)`"},
    {"cnt", "write `count(x)`"},
    {"total", "write `sum(x.f)`"},
    {"std", "write `stddev(x.f)`"},
    {"stdev", "write `stddev(x.f)`"},
    {"percentile", "write `p95(x.f)`"},
    {"quantile", "write `p95(x.f)`"},
    {"histogram_quantile", "write `p95(x.f)`"},
    {"dc", "write `distinct_count(x.f)`"},
    {"cidrmatch", "write `f in [10.0.0.0/8]`"},
    {"uniq", "write `distinct_count(x.f)`"},
    {"len", "write `length(..)`"},
    {"lowercase", "write `lower(..)`"},
    {"lcase", "write `lower(..)`"},
    {"tolower", "write `lower(..)`"},
    {"uppercase", "write `upper(..)`"},
    {"ucase", "write `upper(..)`"},
    {"toupper", "write `upper(..)`"},
    {"substr", "write `substring(..)`"},
    {"ifnull", "write `coalesce(..)`"},
    {"nvl", "write `coalesce(..)`"},
    {"startswith", "it stands between the two: `f starts with \"a\"`"},
    {"starts_with", "it stands between the two: `f starts with \"a\"`"},
    {"endswith", "it stands between the two: `f ends with \"a\"`"},
    {"ends_with", "it stands between the two: `f ends with \"a\"`"},
    {"contains", "it stands between the two: `f contains \"a\"`"},
    {"regex", "it stands between the two: `f matches \"a.*\"`"},
    {"matches", "it stands between the two: `f matches \"a.*\"`"},
    {"isnull", "write `f is missing`"},
    {"now", "rules know no clock, only the times of their events: compare two of them, or use `after D idle`"},
    {"today", "rules know no clock, only the times of their events: `date(f)` is the day of one"},
};

std::string foreign_function(std::string_view name) {
  const auto row = std::ranges::find(kForeignFunctions, name, &ForeignFunction::name);
  return row == std::end(kForeignFunctions) ? std::string() : std::string(row->help);
}

void report_unknown_function(Context& c, const ast::Call& call) {
  std::vector<std::string> names;
  for (const Function& f : functions()) names.emplace_back(f.name);
  for (const tocsin::Aggregate& a : aggregates())
    if (!a.name.empty() && a.name != "p") names.emplace_back(a.name);
  if (is_aggregate(call.function.text)) {
    c.report("R045", call.function.span, ticked(call.function.text) + " adds up events, and here is none",
             "an aggregate without an event", "write the event in the brackets: " + ticked(call.function.text + "(x)"));
    return;
  }
  if (const std::string_view help = percentile_meant(call.function.text); !help.empty()) {
    c.report("R044", call.function.span, ticked(call.function.text) + " is no percentile", std::string(kPercentilesAre),
             std::string(help));
    return;
  }
  std::string help = foreign_function(call.function.text);
  if (help.empty()) help = did_you_mean(call.function.text, names);
  if (help.empty() && c.declared.contains(call.function.text))
    help =
        ticked(call.function.text) + " is an event: ask for `count(" + call.function.text + ")` or one of its fields";
  if (help.empty()) help = "all functions: `tocsin explain R044`";
  c.report("R044", call.function.span, "unknown function " + ticked(call.function.text), "no function has this name",
           help);
}

Type result_of(const Function& f, const std::vector<Type>& types) {
  switch (f.result) {
    case ArgType::same: {
      Type type = f.like < types.size() ? types[f.like] : kAny;
      for (std::size_t i = f.like; i < types.size(); ++i) type = join(type, types[i]);
      return type;
    }
    case ArgType::number:
      return kFloat;
    case ArgType::quantity:
    case ArgType::integer:
      return kInt;
    case ArgType::text:
    case ArgType::constant_text:
    case ArgType::zone:
    case ArgType::time_format:
      return kText;
    case ArgType::boolean:
      return kBool;
    case ArgType::time:
      return kTime;
    case ArgType::duration:
      return kDuration;
    case ArgType::ip:
    case ArgType::network:
      return kIp;
    case ArgType::point:
      return {F::point, false};
    case ArgType::list:
      return {F::any, true};
    case ArgType::any:
    case ArgType::countable:
    case ArgType::regex:
      return kAny;
  }
  return kAny;
}

// What the engine could only answer with a missing value, event after event.
void check_time_format(Context& c, const ast::Text& format) {
  const Result<TimeFormat> compiled = TimeFormat::compile(format.value);
  if (!compiled)
    c.report("R080", format.span, compiled.error().message, "no text can be read by it",
             "such as \"%Y-%m-%d %H:%M:%S\"; all of them: `tocsin explain R080`");
  else if (!compiled->has_year())
    c.report("R080", format.span, "the time format `" + format.value + "` does not say the year",
             "a time without a year is none", "it needs `%Y`, `%y` or `%s`");
}

void check_written(Context& c, ArgType want, const ast::Expr& arg) {
  const auto* literal = std::get_if<ast::Literal>(&arg.node);
  const auto* text = literal != nullptr ? std::get_if<std::string>(&literal->value) : nullptr;
  if (text == nullptr) return;
  if (want == ArgType::zone) check_zone(c, {*text, arg.span});
  if (want == ArgType::time_format) check_time_format(c, {*text, arg.span});
}

void check_argument(Context& c, const Function& f, ast::Expr& arg, Type type, std::size_t index,
                    const std::vector<Type>& types, const Scope& s) {
  const ArgType want = f.args[std::min(index, f.args.size() - 1)];
  if (want == ArgType::same && f.like < index && !comparable(types[f.like], type)) {
    c.report("R046", arg.span, ticked(f.name) + " needs values of one type",
             "this is " + name_of(type) + ", not " + name_of(types[f.like]), "");
    return;
  }
  if (fits(want, type, arg)) {
    const Wanted w = wanted(want);
    if (!w.types.empty() && is_any(type)) infer(c, arg, s, w.types.size() == 1 ? w.types[0] : kAny);
    if (std::ranges::any_of(w.types, [](Type t) { return is_number(t); })) read_cell_as(arg, kFloat);
    return check_written(c, want, arg);
  }
  std::string help = std::string(f.name) + ": " + std::string(f.help);
  if (want == ArgType::duration && is_number(type))
    help = "it makes a number of a duration, such as `" + std::string(f.name) + "(b.ts - a.ts)`";
  if (want == ArgType::ip && is(type, F::text)) help = "make an address of it: `ip(..)`";
  if (want == ArgType::number && is(type, F::text)) help = "make a number of it: `number(..)`";
  const bool written = is_written(want) || want == ArgType::regex;
  c.report("R046", arg.span, ticked(f.name) + " needs " + std::string(wanted(want).words) + " here",
           written ? "it has to be written in the rule" : "this is " + name_of(type), help);
}

Type type_of_call(Context& c, ast::Call& call, SourceSpan span, Scope& s) {
  if (is_aggregate(call.function.text) && !is_function(call.function.text))
    return report_unknown_function(c, call), kAny;
  const auto id = find_function(call.function.text);
  if (!id) return report_unknown_function(c, call), kAny;  // what its values should be, nobody can say
  std::vector<Type> types;
  for (ast::Expr& arg : call.args) types.push_back(type_of(c, arg, s));
  const Function& f = functions()[id->index];
  if (call.args.size() > kValuesMax) {
    c.report("R074", call.args[kValuesMax].span, "more than " + grouped(kValuesMax) + " values of " + ticked(f.name),
             "one too many", "split it into several");
    return result_of(f, types);
  }
  const std::size_t most = f.variadic ? SIZE_MAX : f.args.size();
  if (call.args.size() < f.required || call.args.size() > most) {
    const std::string wants = f.required == most ? std::to_string(f.required)
                              : f.variadic       ? std::to_string(f.required) + " or more"
                                                 : std::to_string(f.required) + " to " + std::to_string(most);
    c.report("R045", span,
             ticked(f.name) + " takes " + wants + (wants == "1" ? " value" : " values") + ", not " +
                 std::to_string(call.args.size()),
             "the wrong number of values", shape_of(f) + ": " + std::string(f.help));
    return result_of(f, types);
  }
  for (std::size_t i = 0; i < call.args.size(); ++i) check_argument(c, f, call.args[i], types[i], i, types, s);
  return result_of(f, types);
}

// ----- aggregates --------------------------------------------------------------------------------

void report_not_in_pattern(Context& c, const ast::StreamPath& sp, const Scope& s) {
  std::vector<std::string> names = step_names(s);
  const std::string name = sp.stream->name.text;
  if (std::ranges::find(names, name) != names.end())
    return void(c.report("R024", sp.stream->span, "the pattern takes " + ticked(name) + " without this filter",
                         "not what a step of this pattern takes",
                         "filter in `when`, or compare the values of the step in `where`"));
  std::string help = did_you_mean(name, names);
  if (help.empty() && !names.empty()) help = "the pattern has " + ticked_list(names);
  if (help.empty()) help = "count only what `when` names";
  c.report("R024", sp.stream->span,
           name.empty() ? "the pattern does not have these events" : "the pattern has no " + ticked(name),
           "not a step of this pattern", help);
}

Scope inner_scope(const Scope& s) {
  Scope inner = s;
  inner.place = Place::filter;
  inner.where_word = "a filter";
  return inner;
}

ast::Path whole_path(const ast::StreamPath& sp) {
  ast::Path path = sp.field;
  path.parts.insert(path.parts.begin(), sp.stream->name);
  path.span = sp.span;
  return path;
}

bool overlaps(const std::vector<EventId>& a, const std::vector<EventId>& b) {
  return std::any_of(a.begin(), a.end(), [&](EventId e) { return std::find(b.begin(), b.end(), e) != b.end(); });
}

void report_not_under_of(Context& c, const ast::StreamPath& sp) {
  c.report("R069", sp.stream->span, ticked(sp.stream->name.text) + " is not among the events of this item",
           "not under `of`", "add it there: `of (... or " + sp.stream->name.text + ")`");
}

// In a session or summary: a stream under `of`, else a field of its own events.
Type in_rows(Context& c, ast::StreamPath& sp, const Scope& s) {
  const std::string& name = sp.stream->name.text;
  const bool plain = sp.stream->any.empty() && !sp.stream->filter;
  const bool known = known_event(c, name);
  if (plain && (!known || !overlaps(c.model.events_of(*sp.stream), s.streams))) {
    const ast::Path path = whole_path(sp);
    if (!s.counts && (!known || some_event_has(c, s.streams, path))) {
      sp.ref = {ast::Ref::Kind::own, 0, 0};
      return field_type(c, s.streams, path, 0);
    }
    return report_not_under_of(c, sp), kAny;
  }
  Scope inner = inner_scope(s);
  const std::vector<EventId> events = check_stream(c, *sp.stream, inner);
  sp.ref = {ast::Ref::Kind::stream, 0, 0};
  if (!events.empty() && !overlaps(events, s.streams)) return report_not_under_of(c, sp), kAny;
  return field_type(c, events, sp.field, 0);
}

Type on_step(Context& c, ast::StreamPath& sp, const Scope& s, StepFound found) {
  if (found.how == Found::twice) return report_twice(c, s, sp.stream->name, found), kAny;
  if (found.how == Found::later) return report_later(c, s, sp.stream->name, found), kAny;
  if (found.how == Found::own) return report_adding_one(c, sp), kAny;
  sp.ref = {ast::Ref::Kind::step, found.index, 0};
  return field_type(c, (*s.steps)[found.index].events, sp.field, 0);
}

// The author's aggregate where aggregates are compared: `sum(amount)` in a filter of charge is `sum(charge.amount)`
// there.
std::string as_condition(const Context& c, const ast::StreamPath& sp, const Scope& s, std::string_view aggregate) {
  std::string of = sp.stream->name.text;
  if (!sp.field.parts.empty()) of += "." + text_of(sp.field);
  if (!known_event(c, sp.stream->name.text) && !s.events.empty()) {
    const std::string& event = c.model.events[s.events.front()].name;
    of = s.counts ? event : event + "." + of;
  }
  return ticked("when " + std::string(aggregate.empty() ? "count" : aggregate) + "(" + of + ") > 5 within 1h");
}

Type type_of_stream_path(Context& c, ast::StreamPath& sp, Scope& s) {
  const bool plain = sp.stream->any.empty() && !sp.stream->filter;
  if (plain && sp.stream->name.param) return kAny;
  if (s.place == Place::rows) return in_rows(c, sp, s);
  if (plain)
    if (const StepFound found = find_step(s, sp.stream->name.text); found.how != Found::no)
      return on_step(c, sp, s, found);
  const bool streams_too = s.place == Place::condition || (s.place == Place::match && !s.streams.empty());
  if (!streams_too) {
    if (s.place == Place::match)
      report_not_in_pattern(c, sp, s);
    else
      c.report("R053", sp.span, "an aggregate in " + shown(s.where_word) + " can only look at steps",
               "not an earlier step of this pattern",
               "compare aggregates after `when`: " + as_condition(c, sp, s, s.aggregate));
    return kAny;
  }
  if (s.place == Place::match && !known_event(c, sp.stream->name.text) && sp.stream->any.empty())
    return report_not_in_pattern(c, sp, s), kAny;
  Scope inner = inner_scope(s);
  inner.steps = nullptr;
  const std::vector<EventId> events = check_stream(c, *sp.stream, inner);
  sp.ref = {ast::Ref::Kind::stream, 0, 0};
  if (s.place == Place::match && !events.empty() && !overlaps(events, s.streams))
    return report_not_in_pattern(c, sp, s), kAny;
  return field_type(c, events, sp.field, 0);
}

// `price > avg(price)` in a text or `where`: a field where an event has to stand.
bool wants_quantity(AggregateKind kind) {
  using K = AggregateKind;
  return kind == K::sum || kind == K::avg || kind == K::stddev || kind == K::percentile || kind == K::delta ||
         kind == K::slope || kind == K::ema;
}

Type result_of(const tocsin::Aggregate& row, Type field) {
  using R = tocsin::Aggregate::Result;
  if (row.kind == AggregateKind::delta && is(field, F::time)) return kDuration;
  switch (row.result) {
    case R::integer:
      return kInt;
    case R::floating:
      return kFloat;
    case R::quantity:
      return is(field, F::duration) ? kDuration : is_any(field) ? kAny : kFloat;
    case R::as_field:
      return field;
    case R::duration:
      return kDuration;
    case R::list:
      return {field.kind, true};
  }
  return kAny;
}

// `over last N`: as many values are kept for each key.
void check_last(Context& c, const ast::Aggregate& a) {
  const auto* count = a.over ? std::get_if<ast::Count>(&a.over->window) : nullptr;
  const auto n = count != nullptr ? value(*count) : std::nullopt;
  if (n && *n < 1)
    c.report("R055", count->span, "`over last` starts at 1", "too few",
             "write how many events, such as `over last 20`");
  static_assert(kCountMax == 1'000'000);
  if (n && *n > kCountMax)
    c.report("R074", count->span, "a window of more than the last 1_000_000 events",
             "as many values would have to be kept for every key", "take a window of time, such as `over 1d`");
}

bool looks_back(const Scope& s) {
  return s.place == Place::condition || s.place == Place::except || (s.place == Place::match && s.keeps_events);
}

// `count(login over 1h)` where nothing is kept but a match, or the events of a session.
void report_no_looking_back(Context& c, const ast::Aggregate& a, const Scope& s) {
  if (s.place == Place::rows) {
    c.report("R053", a.over->span, "a session or summary has one window for all its numbers",
             "no window of its own here",
             "leave it out; another window is another summary, such as `every 10s over 1h`");
    return;
  }
  std::optional<ast::StreamPath> path;
  if (!a.streams.empty()) path = a.streams.front();
  // What takes more than a field (`forecast(x.f, 1h)`) is no short example.
  const bool counts = !a.args.empty();
  if (path && counts) path->field.parts.clear();
  c.report("R053", a.over->span, "this pattern keeps the events of its match and no others", "nothing to look back on",
           "leave it out for the events of the match; or compare after `when`" +
               (path ? ": " + as_condition(c, *path, s, counts ? "count" : a.function.text) : std::string()));
}

void check_window(Context& c, const ast::Aggregate& a, SourceSpan span, Scope& s) {
  if (a.over && !looks_back(s)) return report_no_looking_back(c, a, s);
  if (s.place != Place::condition || a.over || s.windowed || std::exchange(s.window_told, true)) return;
  if (!s.phrase.empty())
    return void(c.report("R053", span, "over how long? " + ticked(s.phrase) + " has no window", "no `within` follows",
                         "end it with `within 1h`"));
  c.report("R053", span, "over how long? This aggregate has no window", "no `over`, and the condition has no `within`",
           "end the condition with `within 1h`, or write `over 1h` inside the brackets");
}

// False when the aggregate cannot be of this; its type is unknown then.
bool check_field(Context& c, const tocsin::Aggregate& row, const ast::Aggregate& a, const ast::StreamPath& sp,
                 Type type, const Scope& s) {
  const bool own = sp.ref.kind == ast::Ref::Kind::own;
  const std::string name(s.phrase.empty() ? std::string_view(a.function.text) : s.phrase);
  if (row.takes_field && sp.field.parts.empty() && !own && sp.ref.kind != ast::Ref::Kind::none) {
    const bool where = (row.kind == AggregateKind::first || row.kind == AggregateKind::last);
    c.report("R045", sp.span, ticked(name) + " of which field?", "an event alone has no value",
             "write " + ticked(s.phrase.empty() ? name + "(" + sp.stream->name.text + (where ? ".time" : ".FIELD") + ")"
                                                : sp.stream->name.text + ".FIELD " + name + " .."));
    return false;
  }
  if (!row.takes_field && row.kind != AggregateKind::count && (own || !sp.field.parts.empty()) &&
      !row.takes_second_stream)
    c.report("R045", sp.span, ticked(name) + " counts events, not values", "a field is too much here",
             "write the event alone: " + ticked(name + "(" + sp.stream->name.text + ")"));
  const bool time_delta = row.kind == AggregateKind::delta && is(type, F::time);
  if (!row.takes_field || !wants_quantity(row.kind) || is_any(type) || is_quantity(type) || time_delta) return true;
  c.report("R046", sp.span, ticked(name) + " needs numbers or durations", "this is " + name_of(type),
           is(type, F::text) && s.phrase.empty() ? "count different values with `distinct_count(..)`" : "");
  return false;
}

void check_number(Context& c, const tocsin::Aggregate& row, ast::Aggregate& a, SourceSpan span, Scope& s) {
  const std::size_t wants = row.takes_number ? 1 : 0;
  for (ast::Expr& arg : a.args) type_of(c, arg, s);
  if (a.args.size() != wants) {
    c.report("R045", span,
             ticked(a.function.text) + (wants ? " needs a number behind the field" : " takes nothing behind the field"),
             wants ? "the number is missing" : "too many values",
             row.kind == AggregateKind::ema ? "`ema(x.f, 0.1)`: how much the newest value weighs"
             : wants                        ? "`top(x.f, 3)`: how many"
                                            : std::string(row.help));
    return;
  }
  if (!wants) return;
  const auto* literal = std::get_if<ast::Literal>(&a.args[0].node);
  double number = -1;
  if (literal && std::holds_alternative<double>(literal->value)) number = std::get<double>(literal->value);
  if (literal && std::holds_alternative<std::int64_t>(literal->value))
    number = static_cast<double>(std::get<std::int64_t>(literal->value));
  const bool good = row.kind == AggregateKind::ema
                        ? number > 0 && number <= 1
                        : number >= 1 && literal && std::holds_alternative<std::int64_t>(literal->value);
  if (good && row.kind != AggregateKind::ema && number > static_cast<double>(kCountMax))
    c.report("R074", a.args[0].span, "a count of more than " + grouped(kCountMax), "nobody reads as many",
             "ask for fewer, such as `top(x.f, 3)`");
  if (!good)
    c.report("R055", a.args[0].span,
             row.kind == AggregateKind::ema ? "the weight of `ema` lies above 0 and at most at 1"
                                            : "`top` needs a whole number from 1 on",
             "out of its range",
             row.kind == AggregateKind::ema ? "small is slow: `0.1` follows over about ten events"
                                            : "write how many, such as `top(x.f, 3)`");
}

// `zscore(count(x over 1d), 14d)`, `forecast(x.f over 3h, 24h)`.
Type type_of_zscore(Context& c, ast::Aggregate& a, SourceSpan span, Scope& s) {
  for (ast::Expr& arg : a.args) type_of(c, arg, s);
  const auto* inner = a.args.empty() ? nullptr : std::get_if<ast::Aggregate>(&a.args[0].node);
  const auto* past = a.args.size() < 2 ? nullptr : std::get_if<ast::Literal>(&a.args[1].node);
  if (a.args.size() != 2 || !inner || !past || !std::holds_alternative<Duration>(past->value)) {
    c.report("R045", span, "`zscore` needs an aggregate and how far to look back", "not of this form",
             "write `zscore(count(x over 1d), 14d)`");
    return kFloat;
  }
  const std::optional<Duration> window = window_of(*inner, s);
  const bool of_pattern = !inner->over && s.windowed && s.place != Place::condition;
  if (!window && !of_pattern)
    c.report("R053", a.args[0].span, "over how long? The aggregate in `zscore` has no window of time", "no `over`",
             "write `zscore(count(x over 1d), 14d)`");
  else if (window && std::get<Duration>(past->value).us < 2 * window->us)
    c.report("R055", a.args[1].span, "`zscore` needs two windows to look back on, at least", "shorter than two windows",
             "write at least " + ticked(duration_text(Duration{2 * window->us})));
  if (window) check_windows_back(c, a.args[1].span, *inner, std::get<Duration>(past->value), *window);
  return kFloat;
}

Type type_of_forecast(Context& c, ast::Aggregate& a, SourceSpan span, Scope& s) {
  Type type = kAny;
  for (ast::StreamPath& sp : a.streams) type = type_of_stream_path(c, sp, s);
  const auto* ahead = a.args.size() == 1 ? std::get_if<ast::Literal>(&a.args[0].node) : nullptr;
  const bool form = a.streams.size() == 1 && a.over && ahead && std::holds_alternative<Duration>(ahead->value);
  if (!form)
    c.report("R045", span, "`forecast` needs a field, the window of its line, and how far ahead", "not of this form",
             "write `forecast(disk.free over 3h, 24h)`");
  else if (!looks_back(s))
    report_no_looking_back(c, a, s);
  else if (!is_any(type) && !is_quantity(type))
    c.report("R046", a.streams[0].span, "`forecast` needs numbers or durations", "this is " + name_of(type), "");
  return is_any(type) ? kAny : type;
}

// `sum(amount)`: a field stands where `x.f` belongs. One message, whatever else could be said of it.
bool report_lone_fields(Context& c, const ast::Aggregate& a, const Scope& s) {
  if (s.place != Place::condition && s.place != Place::match) return false;
  bool found = false;
  for (const ast::StreamPath& sp : a.streams) {
    if (!sp.field.parts.empty() || !sp.stream->any.empty()) continue;
    if (find_step(s, sp.stream->name.text).how == Found::no)
      found = report_lone_field(c, sp, a.function.text + "(", ")", s.steps) || found;
  }
  return found;
}

Type type_of_aggregate(Context& c, ast::Aggregate& a, SourceSpan span, Scope& s) {
  if (a.function.text == "zscore") return type_of_zscore(c, a, span, s);
  if (a.function.text == "forecast") return type_of_forecast(c, a, span, s);
  const auto id = find_aggregate(a.function.text);
  s.counts = id && !aggregates()[id->index].takes_field;
  s.aggregate = a.function.text;
  Type type = kAny;
  if (id && aggregates()[id->index].takes_field && report_lone_fields(c, a, s)) return kAny;
  for (ast::StreamPath& sp : a.streams) {
    const Type one = type_of_stream_path(c, sp, s);
    type = &sp == &a.streams.front() ? one : type;
  }
  if (!id) return report_unknown_function(c, {a.function, {}}), kAny;
  const tocsin::Aggregate& row = aggregates()[id->index];
  check_window(c, a, span, s);
  check_last(c, a);
  const std::size_t wants = row.takes_second_stream ? 2 : 1;
  const bool own_events = a.streams.empty() && s.place == Place::rows && !row.takes_field && !row.takes_second_stream;
  if (a.streams.size() != wants && !own_events) {
    c.report("R045", span,
             ticked(a.function.text) + (wants == 2        ? " needs two events"
                                        : row.takes_field ? " needs a field"
                                                          : " needs an event"),
             "the wrong number of values",
             wants == 2 ? "write `ratio(failed, all over 1h)`"
                        : "write " + ticked(a.function.text + (row.takes_field ? "(x.f)" : "(x)")));
    return kAny;
  }
  for (ast::StreamPath& sp : a.streams) {
    if (!check_field(c, row, a, sp, type, s)) return kAny;
    if (row.takes_second_stream && !sp.field.parts.empty())
      c.report("R045", sp.span, "`ratio` counts events, not values", "a field is too much here",
               "write the event alone: " + ticked(sp.stream->name.text));
  }
  check_number(c, row, a, span, s);
  return result_of(row, type);
}

// ----- the rest ----------------------------------------------------------------------------------

Type type_of_in(Context& c, ast::In& in, Scope& s) {
  const Type what = type_of(c, *in.what, s);
  if (const auto* named = std::get_if<ast::InList>(&in.where))
    if (const auto list = find_list(c, named->list)) check_listed(c, *list, named->list.span, what, in.what->span);
  if (const auto* calendar = std::get_if<ast::InCalendar>(&in.where)) {
    find_calendar(c, calendar->calendar);
    if (!is_any(what) && !is(what, F::time))
      report_operand(c, *in.what, what, "in calendar", "a time",
                     "every event has one: `time in calendar " + calendar->calendar.text + "`");
  }
  auto* items = std::get_if<ast::InItems>(&in.where);
  if (!items) return kBool;
  if (items->items.size() > kValuesMax) {
    c.report("R074", items->items[kValuesMax].span, "more than " + grouped(kValuesMax) + " values in brackets",
             "one too many", "write them as a list, and `in list NAME`: it is looked up at once, however long it is");
    items->items.resize(kValuesMax);
  }
  for (ast::Expr& item : items->items) check_comparable(c, *in.what, what, item, type_of(c, item, s), in.what->span, s);
  return kBool;
}

Type type_of_between(Context& c, ast::Between& b, Scope& s) {
  const Type what = type_of(c, *b.what, s);
  for (ast::Expr* bound : {&*b.low, &*b.high})
    check_comparable(c, *b.what, what, *bound, type_of(c, *bound, s), b.what->span, s, Asks::order);
  return kBool;
}

Type type_of_some(Context& c, ast::Some& some, Scope& s) {
  const Type list = type_of_path(c, some.list, s);
  if (!is_any(list) && !list.list)
    c.report("R047", some.list.span, "`some` needs a list", "this is " + name_of(list),
             "declare it as one: `" + text_of(some.list) + " list of any`");
  // Of a list in an object of a list nobody knows what is around it.
  const bool is_plain = list.list && s.some == 0 && !is_any({list.kind, false});
  const ast::Path* outer = std::exchange(s.plain, is_plain ? &some.list : nullptr);
  ++s.some;
  check_filter(c, *some.condition, s);
  --s.some;
  s.plain = outer;
  return kBool;
}

Type type_of_list(Context& c, ast::ListOf& list, Scope& s) {
  Type type = kAny;
  for (ast::Expr& item : list.items) {
    const Type one = type_of(c, item, s);
    type = &item == &list.items.front() ? one : join(type, one);
  }
  return {type.kind, true};
}

Type type_of_lookup(Context& c, ast::Lookup& lookup, Scope& s) {
  if (find_step(s, lookup.table.text).how != Found::no) {
    c.report("R023", lookup.table.span, ticked(lookup.table.text) + " is an event, not a table",
             "events are not counted off",
             "its first is `first(" + lookup.table.text + ".FIELD)`, its last `last(" + lookup.table.text + ".FIELD)`");
    return kAny;
  }
  if (const auto table = find_table(c, lookup.table))
    if (const auto* from = std::get_if<ast::FromFile>(&c.model.tables[*table].source))
      check_column(c, *from, text_of(lookup.field), lookup.field.span);
  type_of(c, *lookup.key, s);
  return kAny;
}

}  // namespace

Type type_of(Context& c, ast::Expr& expr, Scope& s) {
  const SourceSpan span = expr.span;
  return std::visit(Overloaded{
                        [&](ast::Literal& n) { return type_of_literal(c, n, span); },
                        [&](ast::Param&) { return kAny; },
                        [&](ast::Path& n) { return type_of_path(c, n, s); },
                        [&](ast::Lookup& n) { return type_of_lookup(c, n, s); },
                        [&](ast::Call& n) { return type_of_call(c, n, span, s); },
                        [&](ast::Aggregate& n) { return type_of_aggregate(c, n, span, s); },
                        [&](ast::Unary& n) { return type_of_unary(c, n, s); },
                        [&](ast::Binary& n) { return type_of_binary(c, n, s); },
                        [&](ast::In& n) { return type_of_in(c, n, s); },
                        [&](ast::Between& n) { return type_of_between(c, n, s); },
                        [&](ast::Is& n) { return type_of(c, *n.what, s), kBool; },
                        [&](ast::Some& n) { return type_of_some(c, n, s); },
                        [&](ast::Its&) {
                          c.report("R054", span, "`its` stands on the right of a comparison only",
                                   "not compared with anything", "write `sum(x.f over 1d) > 3x its average over 30d`");
                          return kAny;
                        },
                        [&](ast::ListOf& n) { return type_of_list(c, n, s); },
                        [&](ast::Template& n) { return check_template(c, n, s), kText; },
                    },
                    expr.node);
}

void check_filter(Context& c, ast::Expr& expr, Scope& s) {
  const Type type = type_of(c, expr, s);
  if (is_any(type) || is(type, F::boolean)) return;
  c.report("R048", expr.span, "this is no condition", "this is " + name_of(type) + ", neither true nor false",
           as_a_condition(expr));
}

void check_template(Context& c, ast::Template& text, Scope& s) {
  if (text.pieces.size() > kTextPiecesMax) {
    c.report("R074", text.span, "a text of more than " + std::to_string(kTextPiecesMax) + " parts",
             "nobody could read it", "write a shorter text");
    return;
  }
  for (auto& piece : text.pieces)
    if (auto* expr = std::get_if<ast::Box<ast::Expr>>(&piece)) type_of(c, **expr, s);
}

std::string name_of(Type type) {
  if (type.list) return type.kind == F::any ? "a list" : "a list of " + name_of({type.kind, false});
  switch (type.kind) {
    case F::text:
      return "text";
    case F::integer:
      return "a whole number";
    case F::floating:
      return "a number";
    case F::boolean:
      return "true or false";
    case F::time:
      return "a time";
    case F::duration:
      return "a duration";
    case F::ip:
      return "an address";
    case F::point:
      return "a point";
    case F::any:
      return "of any type";
  }
  return "";
}

Type join(Type a, Type b) {
  if (a == b) return a;
  if (is_number(a) && is_number(b)) return kFloat;
  return kAny;
}

bool comparable(Type a, Type b) {
  if (is_any(a) || is_any(b) || (is_number(a) && is_number(b))) return true;
  if (a.list != b.list) return false;
  return a.kind == b.kind || a.kind == F::any || b.kind == F::any;
}

bool is_aggregate(std::string_view name) {
  return name == "zscore" || name == "forecast" || find_aggregate(name).has_value();
}
bool is_function(std::string_view name) { return find_function(name).has_value(); }

}  // namespace tocsin::dsl::checking
