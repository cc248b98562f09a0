// The clauses of rules, sessions and summaries: keys that every event can give, names that the match really has, and
// what may stand beside what.
#include <algorithm>
#include <map>

#include "dsl/check/clause_kinds.h"
#include "dsl/check/context.h"
#include "dsl/check/walk.h"
#include "dsl/limits.h"
#include "dsl/print.h"
#include "engine/base/units.h"
#include "engine/base/wording.h"
#include "engine/program/limits.h"

namespace tocsin::dsl::checking {

void check_aligned_window(Context& c, const ast::Aligned& aligned);

namespace {

template <class T>
T* find(std::vector<ast::Clause>& clauses) {
  return const_cast<T*>(find_clause<T>(clauses));
}

// ----- keys --------------------------------------------------------------------------------------

std::string name_of_key(const ast::Key& key) { return key.name ? key.name->text : text_of(key.field); }

std::vector<KeyInfo> named_keys(Context& c, const std::vector<ast::Clause>& clauses, bool& by_all) {
  const auto* by = find_clause<ast::By>(clauses);
  by_all = !by || by->all || by->keys.empty();
  std::vector<KeyInfo> keys;
  if (!by) return keys;
  for (const ast::Key& key : by->keys) {
    KeyInfo info;
    info.name = name_of_key(key);
    info.at = key.span;
    const auto twice = std::find_if(keys.begin(), keys.end(), [&](const KeyInfo& k) { return k.name == info.name; });
    if (twice != keys.end())
      c.report("R020", key.span, "key " + ticked(info.name) + " is given twice", "this name is taken",
               "delete it, or name it: `other = " + info.name + "`")
          .cause = Label{twice->at, "the first"};
    keys.push_back(std::move(info));
  }
  return keys;
}

// The events that have to give the key, each with a place where it is named.
struct Keyed {
  EventId event;
  SourceSpan at;
};

std::vector<Keyed> keyed_events(const std::vector<std::pair<ast::Stream*, std::vector<EventId>>>& named) {
  std::vector<Keyed> all;
  for (const auto& [stream, events] : named)
    for (EventId id : events)
      if (std::none_of(all.begin(), all.end(), [&](const Keyed& k) { return k.event == id; }))
        all.push_back({id, stream->span});
  return all;
}

bool may_have(const Context& c, EventId id, const ast::Path& path) {
  const EventInfo& event = c.model.events[id];
  const std::string name = text_of(path);
  if (!event.has_schema || name == "time" || event.find(name)) return true;
  for (const FieldInfo& field : event.fields) {
    if (field.name.starts_with(name + ".")) return true;
    if (is_any(field.type) && name.starts_with(field.name + ".")) return true;
  }
  return false;
}

void report_keyless(Context& c, const ast::Path& path, const std::string& key, const std::vector<Keyed>& without,
                    const std::vector<Keyed>& all) {
  if (without.size() == all.size()) {
    std::vector<EventId> events;
    for (const Keyed& k : all) events.push_back(k.event);
    field_type(c, events, path, 0);  // nobody has it: an unknown field
    return;
  }
  const EventInfo& event = c.model.events[without.front().event];
  std::vector<std::string> fields, lacking;
  for (const FieldInfo& f : event.fields) fields.push_back(f.name);
  for (const Keyed& k : without) lacking.push_back(c.model.events[k.event].name);
  const Keyed* having = nullptr;
  for (const Keyed& k : all)
    if (!having && may_have(c, k.event, path)) having = &k;
  const std::string near = nearest(text_of(path), fields);
  Diagnostic& d = c.report(
      "R067", path.span,
      ticked_list(lacking) + (lacking.size() == 1 ? " has" : " have") + " no " + ticked(text_of(path)) + " to group by",
      "every event of the rule needs this key",
      "say which field it is there: `by " + key + " = (" + c.model.events[having->event].name + "." + text_of(path) +
          ", " + event.name + "." + (near.empty() ? "FIELD" : near) + ")`");
  d.cause = Label{without.front().at, "this brings " + ticked(event.name)};
}

void key_types(Context& c, const ast::Key& key, KeyInfo& info, const std::vector<std::pair<EventId, Type>>& types) {
  std::optional<Type> type;
  EventId first = kNone;
  for (const auto& [event, one] : types) {
    if (type && !comparable(*type, one)) {
      c.report("R042", key.span, ticked(info.name) + " has two types",
               name_of(*type) + " in " + ticked(c.model.events[first].name) + ", " + name_of(one) + " in " +
                   ticked(c.model.events[event].name),
               key.parts.empty()
                   ? "such keys are never equal; make text of both: `by " + info.name + " = text(" + info.name + ")`"
                   : "such keys are never equal: name fields of one type");
      return;
    }
    if (!type || is_any(*type)) type = one, first = event;
  }
  if (type) info.type = *type;
}

// `by login.user`: a key names a field of every event, without an event.
bool names_its_event(Context& c, const ast::Key& key, KeyInfo& info, const std::vector<Keyed>& events) {
  const std::vector<ast::Name>& parts = key.field.parts;
  if (parts.size() < 2 || (!c.declared.contains(parts[0].text) && !c.model.event_ids.contains(parts[0].text)))
    return false;
  ast::Stream owner;
  owner.name = parts[0];
  const std::vector<EventId> named = c.model.events_of(owner);
  const auto is_named = [&](const Keyed& k) { return std::ranges::find(named, k.event) != named.end(); };
  ast::Path field = key.field;
  field.parts.erase(field.parts.begin());
  const auto has = [&](const Keyed& k) { return may_have(c, k.event, field); };
  if (!std::ranges::any_of(events, is_named) || !std::ranges::any_of(events, has) ||
      std::ranges::any_of(events, [&](const Keyed& k) {
        return c.model.events[k.event].has_schema && may_have(c, k.event, key.field);
      }))
    return false;
  const std::string name = text_of(field);
  const bool all = std::ranges::all_of(events, has);
  Diagnostic& d =
      c.report("R022", key.field.span, "a key has no event before it: " + ticked(text_of(key.field)),
               "`by` names a field that every event has",
               all ? "write " + ticked("by " + name)
                   : "say which field it is in each event: " + ticked("by k = (" + text_of(key.field) + ", y.FIELD)"));
  if (all) d.fix = Edit{key.field.span, name};
  info.name = name;  // it is told; its uses are no mistakes of their own
  return true;
}

void plain_key(Context& c, const ast::Key& key, KeyInfo& info, const std::vector<Keyed>& events) {
  if (names_its_event(c, key, info, events)) return;
  std::vector<Keyed> without;
  std::vector<std::pair<EventId, Type>> types;
  for (const Keyed& k : events) {
    if (!may_have(c, k.event, key.field)) {
      without.push_back(k);
      continue;
    }
    types.emplace_back(k.event, field_type(c, {k.event}, key.field, 0));
    ast::Path path = key.field;
    path.ref = {ast::Ref::Kind::field, 0, 0};
    info.parts.push_back({k.event, std::move(path), kNone});
  }
  if (!without.empty()) return report_keyless(c, key.field, info.name, without, events);
  key_types(c, key, info, types);
}

void computed_key(Context& c, ast::Key& key, KeyInfo& info, const std::vector<Keyed>& events) {
  Scope scope;
  scope.place = Place::except;
  scope.where_word = "by";
  for (const Keyed& k : events) scope.events.push_back(k.event);
  info.type = type_of(c, *key.value, scope);
  walk(*key.value, [&](const ast::Path& path) {
    std::vector<Keyed> without;
    for (const Keyed& k : events)
      if (path.ref.kind == ast::Ref::Kind::field && !may_have(c, k.event, path)) without.push_back(k);
    if (!without.empty() && without.size() < events.size()) report_keyless(c, path, info.name, without, events);
  });
  for (const Keyed& k : events) info.parts.push_back({k.event, *key.value, kNone});
}

// `name = (a.x, b.y)`: a and b are events, aliases or bound steps.
void parted_key(Context& c, ast::Key& key, KeyInfo& info, const std::vector<Keyed>& events,
                const std::vector<StepInfo>& steps) {
  std::vector<std::pair<EventId, Type>> types;
  std::vector<std::string> names;
  for (const Keyed& k : events) names.push_back(c.model.events[k.event].name);
  for (const StepInfo& step : steps)
    if (step.bound) names.push_back(step.name);
  bool unknown = false;
  for (ast::Path& path : key.parts) {
    if (path.parts.size() < 2) {
      c.report("R032", path.span, "whose " + ticked(text_of(path)) + "?", "a part of a key is a field of one event",
               "write " + ticked((names.empty() ? "x" : names.front()) + "." + text_of(path)));
      unknown = true;
      continue;
    }
    const ast::Name& owner = path.parts.front();
    const auto step =
        std::find_if(steps.begin(), steps.end(), [&](const StepInfo& s) { return s.bound && s.name == owner.text; });
    std::vector<EventId> owners;
    std::uint32_t index = kNone;
    if (step != steps.end()) {
      owners = step->events;
      index = static_cast<std::uint32_t>(step - steps.begin());
    } else {
      ast::Stream stream;
      stream.name = owner;
      if (c.declared.contains(owner.text) || c.model.event_ids.contains(owner.text))
        c.used.events[owner.text] = true, owners = c.model.events_of(stream);
      std::erase_if(owners, [&](EventId e) {
        return std::none_of(events.begin(), events.end(), [&](const Keyed& k) { return k.event == e; });
      });
      if (owners.empty() && !events.empty()) {
        unknown = true;
        std::string help = did_you_mean(owner.text, names);
        c.report("R023", owner.span, ticked(owner.text) + " is no event of this rule",
                 "nothing of this rule has this name", help.empty() ? "its events: " + ticked_list(names) : help);
        continue;
      }
    }
    path.ref = {ast::Ref::Kind::field, 0, 1};
    const Type type = field_type(c, owners, path, 1);
    for (EventId e : owners) info.parts.push_back({e, path, index}), types.emplace_back(e, type);
  }
  for (const Keyed& k : events) {
    if (unknown ||
        std::any_of(info.parts.begin(), info.parts.end(), [&](const KeyInfo::Part& p) { return p.event == k.event; }))
      continue;
    const std::string& name = c.model.events[k.event].name;
    c.report("R067", key.span, ticked(name) + " has no part in the key " + ticked(info.name),
             "every event of the rule needs a part", "add one: `" + name + ".FIELD`")
        .cause = Label{k.at, "this brings " + ticked(name)};
  }
  key_types(c, key, info, types);
}

void watched_list(Context& c, const ast::By& by, ast::Key& key, KeyInfo& info) {
  if (!key.list) return;
  if (const auto list = find_list(c, *key.list)) {
    info.list = *list;
    check_listed(c, *list, key.list->span, info.type, key.span);
  }
  if (by.keys.size() > 1)
    c.report("R066", key.list->span, "a list names the keys to watch only when it is the only key",
             "beside another key", "use one key, or `x in list " + key.list->text + "` as a filter");
}

// An event is looked at once for each of its keys: a part of several in each of ten keys makes 1,024 of them.
void limit_keys_of_event(Context& c, const std::vector<KeyInfo>& keys, EventId event) {
  std::map<std::uint32_t, std::size_t> ways{{kNone, 1}};  // by the step that the parts so far play
  for (const KeyInfo& key : keys) {
    std::map<std::uint32_t, std::size_t> longer;
    std::size_t all = 0;
    for (const KeyInfo::Part& part : key.parts)
      if (part.event == event)
        for (const auto& [step, n] : ways) {
          if (step != kNone && part.step != kNone && step != part.step) continue;
          longer[part.step == kNone ? step : part.step] += n;
          all += n;
        }
    if (all > kKeysPerEventMax) {
      c.report(
          "R074", key.at,
          "one " + ticked(c.model.events[event].name) + " has more than " + std::to_string(kKeysPerEventMax) + " keys",
          "each part of this with each of those before it", "let fewer keys have several parts of one event");
      return;
    }
    ways = std::move(longer);
  }
}

void resolve_keys(Context& c, std::vector<ast::Clause>& clauses, std::vector<KeyInfo>& keys,
                  const std::vector<Keyed>& events, const std::vector<StepInfo>& steps) {
  auto* by = find<ast::By>(clauses);
  if (!by) return;
  for (std::size_t i = 0; i < by->keys.size(); ++i) {
    ast::Key& key = by->keys[i];
    if (!key.parts.empty())
      parted_key(c, key, keys[i], events, steps);
    else if (key.value)
      computed_key(c, key, keys[i], events);
    else
      plain_key(c, key, keys[i], events);
    watched_list(c, *by, key, keys[i]);
  }
  for (const Keyed& event : events) limit_keys_of_event(c, keys, event.event);
}

// ----- the fields of what is emitted --------------------------------------------------------------

void give_field(EventInfo& event, std::string name, Type type, SourceSpan at) {
  for (FieldInfo& field : event.fields)
    if (field.name == name) {
      field.type = is_any(field.type) ? type : field.type;
      return;
    }
  event.fields.push_back({std::move(name), type, true, true, at});
}

void give_fields(EventInfo& event, const std::vector<KeyInfo>& keys, const std::vector<ast::Assign>& fields) {
  for (const KeyInfo& key : keys) give_field(event, key.name, key.type, key.at);
  for (const ast::Assign& field : fields) give_field(event, field.name.text, {}, field.name.span);
}

std::vector<ast::Assign> with_fields(const std::vector<ast::Clause>& clauses) {
  std::vector<ast::Assign> all;
  for (const ast::Clause& clause : clauses)
    if (const auto* with = std::get_if<ast::With>(&clause.node))
      all.insert(all.end(), with->fields.begin(), with->fields.end());
  return all;
}

void check_field_names(Context& c, const std::vector<ast::Assign>& fields, std::vector<std::string> taken) {
  const std::size_t made = taken.size();
  for (const ast::Assign& field : fields) {
    const auto known = std::find(taken.begin(), taken.end(), field.name.text);
    if (known != taken.end())
      c.report("R020", field.name.span, "field " + ticked(field.name.text) + " is given twice", "this name is taken",
               known - taken.begin() < static_cast<std::ptrdiff_t>(made)
                   ? "it is there without being asked for; give yours another name"
                   : "delete one of them");
    taken.push_back(field.name.text);
  }
}

void check_assigns(Context& c, std::vector<ast::Assign>& fields, Scope& scope, EventInfo* event) {
  const EventId id = event ? static_cast<EventId>(event - c.model.events.data()) : kNone;
  for (ast::Assign& field : fields) {
    const Type type = type_of(c, field.value, scope);
    if (id != kNone) give_field(c.model.events[id], field.name.text, type, field.name.span);
  }
}

// ----- rules: one function per clause that has something to it -------------------------------------

struct RuleCheck {
  Context& c;
  RuleInfo& rule;
  PatternCheck pattern;
  Scope match;  // of `where`, texts, `with`
  std::vector<std::pair<ast::Stream*, std::vector<EventId>>> named;
  std::size_t filters_between = 0;
};

std::vector<EventId> see(RuleCheck& r, ast::Stream& stream, std::string_view word) {
  Scope scope;
  scope.where_word = word;
  const std::vector<EventId> events = check_stream(r.c, stream, scope);
  r.named.emplace_back(&stream, events);
  add_events(r.rule.events, events);
  return events;
}

void check_resolve(RuleCheck& r, ast::Resolve& resolve) {
  PatternCheck p{r.c, *resolve.when, r.rule.resolve_steps, r.rule, true};
  check_pattern(p);
  r.named.insert(r.named.end(), p.named.begin(), p.named.end());
  add_events(r.rule.events, p.events);
}

void check_mute(RuleCheck& r, ast::Mute& mute) {
  Context& c = r.c;
  const auto id = find_rule(c, mute.rule, "no rule has this name", r.rule.name);
  if (!id) return;
  r.rule.mutes_while = *id;
  std::vector<std::string> theirs, ours;
  if (const auto* by = find_clause<ast::By>(c.model.rules[*id].clauses))
    for (const ast::Key& key : by->keys) theirs.push_back(name_of_key(key));
  for (const KeyInfo& key : r.rule.keys) ours.push_back(key.name);
  for (ast::Path& path : mute.same) {
    const std::string name = text_of(path);
    const bool here = std::find(ours.begin(), ours.end(), name) != ours.end();
    const bool there = std::find(theirs.begin(), theirs.end(), name) != theirs.end();
    if (here && there) {
      path.ref = {ast::Ref::Kind::key,
                  static_cast<std::uint32_t>(std::find(ours.begin(), ours.end(), name) - ours.begin()), 0};
      continue;
    }
    c.report("R067", path.span, ticked(name) + " is no key of " + ticked(here ? mute.rule.text : r.rule.name),
             "`on same` compares keys that both rules have", [&] {
               std::vector<std::string> both;
               for (const std::string& k : ours)
                 if (std::find(theirs.begin(), theirs.end(), k) != theirs.end()) both.push_back(k);
               return both.empty() ? "they share no key; leave `on same` out" : "both have " + ticked_list(both);
             }());
  }
}

void check_positive(Context& c, const ast::Length& length, std::string_view word) {
  const auto d = value(length);
  if (d && d->us <= 0)
    c.report("R055", length.span, "`" + std::string(word) + "` needs more than no time", "no length of time",
             "write a duration such as `10m`");
}

void check_count(Context& c, const ast::Count& count, std::string_view word, std::string help) {
  const auto n = value(count);
  if (n && *n < 1) c.report("R055", count.span, "`" + std::string(word) + "` starts at 1", "too few", std::move(help));
  static_assert(kCountMax == 1'000'000);
  if (n && *n > kCountMax)
    c.report("R074", count.span, "a count of more than 1_000_000", "as many times would have to be kept for every key",
             "`" + std::string(word) + "` counts alerts, and nobody is sent so many: leave it out");
}

void check_budget(RuleCheck& r, ast::FireAtMost& f) {
  check_count(r.c, f.number, "fire at most", "to send nothing, delete the rule or mute it");
  check_positive(r.c, f.per, "fire at most");
  for (ast::Path& path : f.keys) {
    const std::string name = text_of(path);
    const auto key =
        std::find_if(r.rule.keys.begin(), r.rule.keys.end(), [&](const KeyInfo& k) { return k.name == name; });
    if (key != r.rule.keys.end()) {
      path.ref = {ast::Ref::Kind::key, static_cast<std::uint32_t>(key - r.rule.keys.begin()), 0};
      continue;
    }
    path.ref = {ast::Ref::Kind::field, 0, 0};
    field_type(r.c, r.pattern.streams, path, 0);
  }
}

void check_resume(RuleCheck& r, const ast::Resume& resume) {
  if (!is_sequence(r.rule.when)) return;  // check_firing says that nothing can be resumed
  std::vector<std::string> names;
  for (const StepInfo& step : r.rule.steps) {
    if (!step.unique || step.name.empty()) continue;
    if (step.name == resume.at.text) return;
    names.push_back(step.name);
  }
  std::string help = did_you_mean(resume.at.text, names);
  if (help.empty() && !names.empty()) help = "the pattern has " + ticked_list(names);
  r.c.report("R023", resume.at.span, "unknown name " + ticked(resume.at.text), "no step of the pattern has this name",
             help);
}

void check_except(RuleCheck& r, ast::Except& e) {
  Scope scope;
  scope.place = Place::except;
  scope.where_word = "except";
  scope.events = r.rule.events;
  scope.steps = &r.rule.steps;
  scope.visible.assign(r.rule.steps.size(), false);
  check_filter(r.c, e.condition, scope);
}

void check_escalate(RuleCheck& r, const ast::Escalate& e, SourceSpan span) {
  if (e.number) check_count(r.c, *e.number, "escalate", "for every alert, write the severity behind `alert`");
  check_positive(r.c, e.length, "escalate");
  const auto* alert = find_clause<ast::Alert>(r.rule.clauses);
  if (alert && alert->severity && *alert->severity >= e.to)
    r.c.report("R124", span, "this escalation raises nothing", "the alert is that severe already",
               "escalate to a higher severity");
}

void check_where(RuleCheck& r, ast::Expr& condition, Scope scope) {
  scope.where_word = "where";
  check_filter(r.c, condition, scope);
}

void check_text(RuleCheck& r, ast::Template& text, std::string_view word) {
  r.match.where_word = word;
  check_template(r.c, text, r.match);
}

void check_with(RuleCheck& r, std::vector<ast::Assign>& fields, EventId event, std::string_view word) {
  r.match.where_word = word;
  check_assigns(r.c, fields, r.match, event == kNone ? nullptr : &r.c.model.events[event]);
}

// First what brings events (keys need them all), then the rest.
void check_bringing_clauses(RuleCheck& r) {
  for (ast::Clause& clause : r.rule.clauses) {
    if (auto* reset = std::get_if<ast::Reset>(&clause.node)) see(r, reset->on, "`reset on`");
    if (auto* resolve = std::get_if<ast::Resolve>(&clause.node)) check_resolve(r, *resolve);
  }
}

void check_clause(RuleCheck& r, ast::Clause& clause) {
  Context& c = r.c;
  std::visit(Overloaded{
                 [&](ast::By&) {},
                 [&](ast::Where& n) { check_where(r, n.condition, r.match); },
                 [&](ast::Except& n) { check_except(r, n); },
                 [&](ast::During& n) { find_calendar(c, n.calendar); },
                 [&](ast::Reset&) {},
                 [&](ast::Learn& n) { check_positive(c, n.length, "learn"); },
                 [&](ast::Resolve&) {},
                 [&](ast::Mute& n) { check_mute(r, n); },
                 [&](ast::Escalate& n) { check_escalate(r, n, clause.span); },
                 [&](ast::Remind& n) { check_positive(c, n.every, "remind every"); },
                 [&](ast::Alert& n) { check_text(r, n.text, "alert"); },
                 [&](ast::With& n) { check_with(r, n.fields, r.rule.alert, "with"); },
                 [&](ast::SendTo&) {},
                 [&](ast::Runbook& n) { check_text(r, n.url, "runbook"); },
                 [&](ast::Tags&) {},
                 [&](ast::Owner&) {},
                 [&](ast::Emit& n) { check_with(r, n.fields, r.rule.emits, "emit"); },
                 [&](ast::Forget& n) { check_positive(c, n.idle, "forget after"); },
                 [&](ast::Fire&) {},
                 [&](ast::FireAtMost& n) { check_budget(r, n); },
                 [&](ast::Resume& n) { check_resume(r, n); },
                 [](ast::EndsAfter&) {},
                 [](ast::EndsOn&) {},
                 [](ast::StartsOn&) {},
                 [](ast::AtMost&) {},
                 [](ast::EmitEach&) {},
                 [](ast::Every&) {},
                 [](ast::EvenIfEmpty&) {},
             },
             clause.node);
}

const ast::Clause* clause_of_fire(const RuleInfo& rule, ast::Fire::How how) {
  for (const ast::Clause& clause : rule.clauses)
    if (const auto* fire = std::get_if<ast::Fire>(&clause.node); fire && fire->how == how) return &clause;
  return nullptr;
}

// What goes only with a sequence, or only with a default fire (F3, F4, Q17).
void check_firing(RuleCheck& r) {
  const ast::Clause* every = clause_of_fire(r.rule, ast::Fire::How::every_match);
  const bool sequence = is_sequence(r.rule.when);
  if (every && !sequence)
    r.c.report("R066", every->span, "`fire every match` needs a sequence to choose from",
               "this pattern is no sequence, so there is nothing to choose from",
               "write `fire always` to fire at every event for which it is true");
  for (const ast::Clause& clause : r.rule.clauses) {
    if (!std::holds_alternative<ast::Resume>(clause.node)) continue;
    if (!sequence)
      r.c.report("R066", clause.span, "`resume at` needs a sequence", "this pattern has no steps to resume at",
                 "delete it; to count anew after a fire, write `fire and start over`");
    for (const auto how : {ast::Fire::How::always, ast::Fire::How::every_match, ast::Fire::How::start_over})
      if (const ast::Clause* fire = clause_of_fire(r.rule, how))
        r.c.report("R066", clause.span, "`resume at` goes with the default fire only",
                   "the rule says how it goes on after a fire twice", "delete one of the two")
            .cause = Label{fire->span, "the other one"};
  }
}

// ----- bounds ------------------------------------------------------------------------------------

std::optional<Duration> longest(const ast::Pattern& pattern);

// `first`: no step before it need take anything (Q7). Such a one that repeats takes all that lies before the next one,
// however old (Q2); `maybe` takes the latest (Q4).
std::optional<Duration> longest_step(const ast::Step& step, bool at_start, bool first, bool goes_on) {
  Duration inside{0};
  if (const auto* group = std::get_if<ast::Group>(&step.what)) {
    const auto d = longest(*group->pattern);
    if (!d) return std::nullopt;
    inside = *d;
  }
  if (std::holds_alternative<ast::AnyOf>(step.what)) return std::nullopt;
  using K = ast::Quantity::Kind;
  const bool waits = step.quantity.kind == K::at_least || step.quantity.kind == K::exactly ||
                     step.quantity.kind == K::from_to || step.until;
  const bool one_is_enough = step.quantity.kind == K::one_or_more || step.quantity.kind == K::zero_or_more ||
                             (step.quantity.kind == K::at_least && value(step.quantity.low) == 1);
  if (first && (one_is_enough ? goes_on || step.until : waits && !step.consecutive)) return std::nullopt;
  if (at_start) return inside;
  if (!step.link.within) return std::nullopt;
  return value(step.link.within->length).value_or(Duration{0}) + inside;
}

// From the first event to the last, by the bounds of single steps: D runs from the step before, or from NAME (Q10).
// Where it runs from NAME, it bounds the steps between, too: `x as d then y then no z within 1h of d`.
std::optional<Duration> longest_sequence(const ast::Sequence& s) {
  std::optional<Duration> sum = Duration{0};                 // none: since then nothing has bounded it
  std::map<std::string_view, std::optional<Duration>> ends;  // of the steps so far, by name
  const auto begin_of = [&](const ast::StepBound& bound) {
    const auto named = bound.of ? ends.find(bound.of->text) : ends.end();
    return named == ends.end() ? sum : named->second;
  };
  const auto behind = [](std::optional<Duration> begin, std::optional<Duration> length) {
    return begin && length ? std::optional(*begin + *length) : std::nullopt;
  };
  const bool goes_on = s.steps.size() > 1 || s.ending;
  if (goes_on && s.steps.front().consecutive) return std::nullopt;  // a streak may be as long as it likes
  bool first = true;
  for (const ast::Step& step : s.steps) {
    const auto d = longest_step(step, &step == &s.steps.front(), first, goes_on);
    first = first && may_be_empty(step.quantity);
    sum = behind(step.link.within ? begin_of(*step.link.within) : sum, d);
    if (step.as) ends[step.as->text] = sum;
    if (const auto* stream = std::get_if<ast::Stream>(&step.what)) ends.try_emplace(stream->name.text, sum);
  }
  if (s.ending) sum = behind(begin_of(s.ending->within), value(s.ending->within.length).value_or(Duration{0}));
  return sum;
}

// The widest window, and the farthest look behind it (A5). `within`: what windows without `over` have.
Duration longest_condition(const ast::Condition& condition, Duration within) {
  Duration window = within, past{0};
  bool previous = false;
  walk(condition.expr, Overloaded{
                           [&](const ast::Over& over) {
                             if (const auto* length = std::get_if<ast::Length>(&over.window); length && value(*length))
                               window = std::max(window, *value(*length));
                           },
                           [&](const ast::Its& its) {
                             previous = previous || its.what == ast::Its::What::previous;
                             if (its.over && value(*its.over)) past = std::max(past, *value(*its.over));
                           },
                           [&](const ast::Aggregate& aggregate) {
                             if (aggregate.function.text != "zscore" || aggregate.args.size() != 2) return;
                             const auto* literal = std::get_if<ast::Literal>(&aggregate.args[1].node);
                             if (literal && std::holds_alternative<Duration>(literal->value))
                               past = std::max(past, std::get<Duration>(literal->value));
                           },
                       });
  return window + std::max(past, previous ? window : Duration{0});
}

Duration within_of(const ast::Pattern& pattern) {
  return pattern.within ? value(*pattern.within).value_or(Duration{0}) : Duration{0};  // unknown: reported already
}

// C7: `N (P)` counts the fires of a pattern of its own.
const ast::Pattern* counted_pattern(const ast::Pattern& pattern) {
  const auto* s = std::get_if<ast::Sequence>(&pattern.form);
  if (!s || is_sequence(pattern)) return nullptr;
  const auto* group = std::get_if<ast::Group>(&s->steps.front().what);
  return group ? &*group->pattern : nullptr;
}

std::optional<Duration> longest(const ast::Pattern& pattern) {
  if (pattern.each) return value(pattern.each->length);
  std::optional<Duration> d =
      std::visit(Overloaded{
                     [](const ast::Sequence& s) { return longest_sequence(s); },
                     [](const ast::Apart& f) -> std::optional<Duration> { return value(f.gap); },
                     [](const ast::FewerThan&) { return std::optional(Duration{0}); },
                     [](const ast::Distinct&) { return std::optional(Duration{0}); },
                     [](const ast::OfLast&) { return std::optional(Duration{0}); },
                     [](const ast::Changes&) { return std::optional(Duration{0}); },
                     [](const ast::New& f) { return value(f.in); },
                     [](const ast::Idle& f) { return value(f.length); },
                     [](const ast::Without& f) { return value(f.length); },
                     [](const ast::Silence& f) { return value(f.length); },
                     [](const ast::NoAfter& f) { return value(f.within); },
                     [](const ast::Ranking& f) { return value(f.over); },
                     [&](const ast::Condition& f) { return std::optional(longest_condition(f, within_of(pattern))); },
                 },
                 pattern.form);
  if (pattern.within && !std::holds_alternative<ast::Condition>(pattern.form)) {
    const auto* s = std::get_if<ast::Sequence>(&pattern.form);
    const Duration wait = s && s->ending ? value(s->ending->within.length).value_or(Duration{0}) : Duration{0};
    d = within_of(pattern) + wait;
    if (const ast::Pattern* counted = counted_pattern(pattern)) {  // it may have begun before the window did
      const std::optional<Duration> inside = longest(*counted);
      d = inside ? std::optional(*d + *inside) : std::nullopt;
    }
  }
  if (d && pattern.hold && value(*pattern.hold)) d = *d + *value(*pattern.hold);
  return d;
}

// Q15: what makes the matcher keep every candidate instead of the latest one.
bool keeps_candidates(const RuleInfo& rule) {
  if (!is_sequence(rule.when)) return false;
  bool found = find_clause<ast::Where>(rule.clauses) || clause_of_fire(rule, ast::Fire::How::every_match);
  walk(rule.when, Overloaded{
                      [&](const ast::Path& path) { found |= path.ref.kind == ast::Ref::Kind::step; },
                      [&](const ast::Step& step) {
                        found |= std::holds_alternative<ast::Group>(step.what) &&
                                 step.quantity.kind != ast::Quantity::Kind::one;
                      },
                  });
  return found;
}

// It asks for the event before, however long ago it was (N1).
bool shows_gap(const RuleInfo& rule) {
  bool found = false;
  walk_all(rule.clauses, [&](const ast::Path& path) {
    found |= path.ref.kind == ast::Ref::Kind::special && path.parts.front().text == "gap";
  });
  return found;
}

// E4: somewhere an event is compared with the one before it, however long ago that was.
bool compares_with_previous(const Model& model, const RuleInfo& rule) {
  return previous_in(model, rule.when) || std::ranges::any_of(rule.clauses, [&model](const ast::Clause& clause) {
           if (const auto* reset = std::get_if<ast::Reset>(&clause.node))
             return previous_in(model, reset->on).has_value();
           const auto* resolve = std::get_if<ast::Resolve>(&clause.node);
           return resolve != nullptr && previous_in(model, *resolve->when).has_value();
         });
}

// There are no more of them than the rule says itself, or it says when they may go.
bool bounds_its_keys(const RuleInfo& rule) {
  return rule.by_all || find_clause<ast::Forget>(rule.clauses) != nullptr ||
         std::ranges::any_of(rule.keys, [](const KeyInfo& key) { return key.list != kNone; });
}

// F10: what has to be remembered of a key for ever, or empty.
std::string keeps_for_ever(const RuleInfo& rule, bool previous) {
  if (bounds_its_keys(rule)) return {};
  const ast::Pattern& p = rule.when;
  if (std::holds_alternative<ast::Idle>(p.form)) return "`idle` remembers each key's last event";
  if (std::holds_alternative<ast::Without>(p.form) && shows_gap(rule)) return "`gap` tells of each key's last event";
  if (std::holds_alternative<ast::Changes>(p.form)) return "`changes` remembers each key's last value";
  if (std::holds_alternative<ast::FewerThan>(p.form)) return "`fewer than` watches each key that was ever seen";
  if (previous) return "`previous` remembers each key's last event";
  if (find_clause<ast::Learn>(rule.clauses)) return "`learn` remembers when each key was first seen";
  if (p.hold && std::holds_alternative<ast::Sequence>(p.form)) return "`for` remembers the state of each key";
  if (const auto* s = std::get_if<ast::Sequence>(&p.form); s && s->steps.size() == 1 && s->steps.front().consecutive)
    return "`consecutive` remembers each key's streak";
  return {};
}

// Every duration of the rule, wherever it stands.
void check_durations(Context& c, const std::vector<ast::Clause>& clauses, const ast::Pattern* pattern) {
  const auto see_length = [&](const ast::Length& length) { check_duration(c, length); };
  // No time at all would say the same as no bound.
  const auto bounds = Overloaded{
      [&](const ast::StepBound& bound) { check_positive(c, bound.length, "within"); },
      [&](const ast::NoAfter& after) { check_positive(c, after.within, "within"); },
      [&](const ast::Over& over) {
        if (const auto* length = std::get_if<ast::Length>(&over.window)) check_positive(c, *length, "over");
      },
  };
  if (pattern) walk(*pattern, see_length), walk(*pattern, bounds);
  walk_all(clauses, see_length);
  walk_all(clauses, bounds);
}

}  // namespace

bool check_duration(Context& c, const ast::Length& length) {
  const auto d = value(length);
  if (!d || *d <= kDurationMax) return true;
  c.report("R074", length.span, "a duration of more than " + duration_text(kDurationMax), "longer than ten years",
           "look at the unit: `m` is minutes, `ms` milliseconds, `w` weeks");
  return false;
}

// What is beyond a limit is told once, and then it is as if it were not there: nothing may take time for it.
void cut_to_limits(Context& c, std::vector<ast::Clause>& clauses) {
  const auto cut = [&](auto& all, std::size_t most, const char* what, const char* help) {
    if (all.size() <= most) return;
    c.report("R074", all[most].span, "more than " + std::to_string(most) + " " + what, "one too many", help);
    all.resize(most);
  };
  const auto fields = [&](auto& clause) {
    cut(clause.fields, kFieldsMax, "fields", "emit several events, or one field with the others joined in it");
  };
  for (ast::Clause& clause : clauses)
    std::visit(Overloaded{[&](ast::By& by) {
                            cut(by.keys, kKeysPerRuleMax, "keys",
                                "join several into one: `by who = concat(a, \"/\", b)`");
                          },
                          [&](ast::With& with) { fields(with); }, [&](ast::Emit& emit) { fields(emit); },
                          [&](ast::EmitEach& emit) { fields(emit); }, [](auto&) {}},
               clause.node);
}

void describe_makers(Context& c) {
  for (RuleInfo& rule : c.model.rules) cut_to_limits(c, rule.clauses);
  for (SessionInfo& s : c.model.sessions) cut_to_limits(c, s.decl.clauses);
  for (SummaryInfo& s : c.model.summaries) cut_to_limits(c, s.decl.clauses);
  for (RuleInfo& rule : c.model.rules) {
    rule.keys = named_keys(c, rule.clauses, rule.by_all);
    give_fields(c.model.events[rule.alert], rule.keys, with_fields(rule.clauses));
    if (const auto* emit = find_clause<ast::Emit>(rule.clauses); emit && rule.emits != kNone)
      give_fields(c.model.events[rule.emits], rule.keys, emit->fields);
  }
  for (SessionInfo& s : c.model.sessions) {
    s.keys = named_keys(c, s.decl.clauses, s.by_all);
    EventInfo& event = c.model.events[s.emits];
    using F = ast::FieldType;
    for (const auto& [name, kind] : {std::pair{"start", F::time},
                                     {"end", F::time},
                                     {"duration", F::duration},
                                     {"count", F::integer},
                                     {"session_id", F::text}})
      event.fields.push_back({name, {kind, false}, false, true, s.decl.name.span});
    give_fields(event, s.keys, with_fields(s.decl.clauses));
  }
  for (SummaryInfo& s : c.model.summaries) {
    s.keys = named_keys(c, s.decl.clauses, s.by_all);
    EventInfo& event = c.model.events[s.emits];
    for (const char* name : {"start", "end"})
      event.fields.push_back({name, {ast::FieldType::time, false}, false, true, s.decl.name.span});
    give_fields(event, s.keys, with_fields(s.decl.clauses));
  }
}

void check_rule(Context& c, RuleInfo& rule) {
  RuleCheck r{c, rule, PatternCheck{c, rule.when, rule.steps, rule}, {}, {}};
  if (rule.used && std::holds_alternative<ast::Sequence>(rule.when.form) &&
      std::get<ast::Sequence>(rule.when.form).steps.empty())
    return;  // its template is unknown
  check_pattern(r.pattern);
  add_events(rule.events, r.pattern.events);
  r.named = r.pattern.named;
  check_bringing_clauses(r);
  resolve_keys(c, rule.clauses, rule.keys, keyed_events(r.named), rule.steps);
  for (const KeyInfo& key : rule.keys) {
    give_field(c.model.events[rule.alert], key.name, key.type, key.at);
    if (rule.emits != kNone) give_field(c.model.events[rule.emits], key.name, key.type, key.at);
  }
  r.match.place = Place::match;
  r.match.steps = &rule.steps;
  r.match.keys = &rule.keys;
  r.match.words = words_of(rule);
  r.match.sequence = is_sequence(rule.when);
  r.match.keeps_events = keeps_events(rule.when);
  if (std::holds_alternative<ast::Condition>(rule.when.form)) r.match.streams = r.pattern.streams;
  std::vector<std::string> taken;
  for (const KeyInfo& key : rule.keys) taken.push_back(key.name);
  check_field_names(c, with_fields(rule.clauses), taken);
  if (const auto* emit = find_clause<ast::Emit>(rule.clauses)) check_field_names(c, emit->fields, taken);
  for (ast::Clause& clause : rule.clauses) check_clause(r, clause);
  check_firing(r);
  check_durations(c, rule.clauses, &rule.when);
}

namespace {

// An absence has its own bound; what leads to it needs one of its own.
std::string bound_missing(const ast::Pattern& pattern) {
  if (const ast::Pattern* counted = pattern.within ? counted_pattern(pattern) : nullptr)
    return "bound what is counted: " + ticked("(" + print(*counted) + " within 24h)");
  const auto* s = std::get_if<ast::Sequence>(&pattern.form);
  if (!s || !s->ending) return "add `within 24h`";
  ast::Pattern steps = pattern;
  steps.phrase.reset();
  std::get<ast::Sequence>(steps.form).ending.reset();
  const std::string before = print(steps), whole = print(pattern);
  const std::string rest = whole.starts_with(before) ? whole.substr(before.size()) : " then no ..";
  return "bound the steps before the absence: " + ticked("(" + before + " within 24h)" + rest);
}

}  // namespace

void check_rule_bounds(Context& c, RuleInfo& rule) {
  rule.bounds.longest = longest(rule.when);
  rule.bounds.keeps_candidates = keeps_candidates(rule);
  const bool forgets = find_clause<ast::Forget>(rule.clauses) != nullptr;
  if (!rule.bounds.longest && !forgets)
    c.report("R107", rule.when.span, "nothing bounds this pattern; a key's partial match can live for ever", "",
             bound_missing(rule.when) + "; more: `tocsin explain R107`");
  const std::string why = keeps_for_ever(rule, compares_with_previous(c.model, rule));
  rule.bounds.keeps_keys = !why.empty();
  if (const auto* forget = find_clause<ast::Forget>(rule.clauses); forget && rule.bounds.longest) {
    const auto idle = value(forget->idle);
    if (idle && *idle < *rule.bounds.longest)
      c.report(
           "R129", forget->idle.span,
           "forgotten after " + duration_text(*idle) + ", and waited for up to " + duration_text(*rule.bounds.longest),
           "shorter than what the pattern may take",
           "a pause of " + duration_text(*idle) + " ends the match; if that is meant, bound the steps: `then within " +
               duration_text(*idle) + " x`")
          .cause = Label{rule.when.span, "this pattern"};
  }
  // Sooner than the rule looks back, it would forget what it waits for.
  const Duration enough{std::max(days(30).us, 2 * rule.bounds.longest.value_or(Duration{}).us)};
  const bool stays_open = !bounds_its_keys(rule) && find_clause<ast::Resolve>(rule.clauses) != nullptr;
  if (!why.empty() || stays_open)
    c.report("R109", rule.at,
             ticked(rule.name) +
                 (why.empty() ? " keeps a key for as long as its alert is open" : " keeps every key for ever"),
             why.empty() ? "an alert that is never resolved stays open" : why,
             "say when a key may be forgotten: `forget after " + duration_text(enough) + " idle`");
}

// ----- sessions and summaries --------------------------------------------------------------------

namespace {

constexpr std::string_view kSessionRows = "a session", kSummaryRows = "a summary";

Scope rows_scope(std::string_view what, const std::vector<EventId>& of, const std::vector<KeyInfo>& keys) {
  Scope scope;
  scope.place = Place::rows;
  scope.streams = of;
  scope.keys = &keys;
  scope.rows_of = what;
  scope.where_word = "with";
  return scope;
}

bool inside(const std::vector<EventId>& part, const std::vector<EventId>& whole) {
  return std::all_of(part.begin(), part.end(),
                     [&](EventId e) { return std::find(whole.begin(), whole.end(), e) != whole.end(); });
}

struct SessionCheck {
  Context& c;
  SessionInfo& session;
  std::vector<std::pair<ast::Stream*, std::vector<EventId>>> named;
  bool ends = false;
};

std::vector<EventId> see(SessionCheck& s, ast::Stream& stream) {
  Scope scope;
  scope.rows_of = kSessionRows;
  scope.where_word = "a filter";
  const std::vector<EventId> events = check_stream(s.c, stream, scope);
  s.named.emplace_back(&stream, events);
  add_events(s.session.events, events);
  return events;
}

void check_starts(SessionCheck& s, ast::StartsOn& starts) {
  const std::vector<EventId> events = see(s, starts.on);
  s.ends = true;
  if (inside(events, s.session.of)) return;
  s.c.report("R068", starts.on.span, ticked(starts.on.name.text) + " begins the session and is not part of it",
             "not under `of`", "add it there: `of (... or " + starts.on.name.text + ")`")
      .cause = Label{s.session.decl.of.span, "the events of the session"};
}

void check_when_last(SessionCheck& s, ast::EndsAfter& ends) {
  s.ends = true;
  check_positive(s.c, ends.idle, "ends after");
  if (!ends.when_last) return;
  const std::vector<EventId> events = see(s, *ends.when_last);
  if (inside(events, s.session.of)) return;
  s.c.report("R069", ends.when_last->span,
             ticked(ends.when_last->name.text) + " is never the last event of this session", "not under `of`",
             "add it there: `of (... or " + ends.when_last->name.text + ")`")
      .cause = Label{s.session.decl.of.span, "the events of the session"};
}

// By time alone, whatever its last event was: one of several `when last is` may fit each.
bool always_ends(const Model& model, const SessionInfo& session) {
  std::vector<Alternative> last;
  for (const ast::Clause& clause : session.decl.clauses) {
    const auto* after = std::get_if<ast::EndsAfter>(&clause.node);
    if (std::holds_alternative<ast::AtMost>(clause.node) || (after != nullptr && !after->when_last)) return true;
    if (after == nullptr) continue;
    const std::vector<Alternative> fits = model.expand(*after->when_last);
    last.insert(last.end(), fits.begin(), fits.end());
  }
  return session.by_all || std::ranges::all_of(model.expand(session.decl.of), [&](const Alternative& event) {
           return std::ranges::any_of(last, [&](const Alternative& l) {
             return l.event == event.event && (l.filters.empty() || l.filters == event.filters);
           });
         });
}

void check_emit_each(SessionCheck& s, ast::EmitEach& each) {
  Scope scope;
  scope.place = Place::each;
  scope.events = s.session.of;
  scope.rows_of = kSessionRows;
  scope.words = {"session_id", "session_start", "sequence"};
  scope.where_word = "emit each";
  check_assigns(s.c, each.fields, scope, nullptr);
  check_field_names(s.c, each.fields, {});
}

}  // namespace

void check_session(Context& c, SessionInfo& session) {
  SessionCheck s{c, session, {}};
  session.of = see(s, session.decl.of);
  for (ast::Clause& clause : session.decl.clauses) {
    if (auto* n = std::get_if<ast::EndsOn>(&clause.node)) see(s, n->on), s.ends = true;
    if (auto* n = std::get_if<ast::StartsOn>(&clause.node)) check_starts(s, *n);
    if (auto* n = std::get_if<ast::EndsAfter>(&clause.node)) check_when_last(s, *n);
    if (auto* n = std::get_if<ast::AtMost>(&clause.node)) check_positive(c, n->length, "at most"), s.ends = true;
  }
  resolve_keys(c, session.decl.clauses, session.keys, keyed_events(s.named), {});
  Scope scope = rows_scope(kSessionRows, session.of, session.keys);
  std::vector<std::string> taken{"start", "end", "duration", "count", "session_id"};
  for (const KeyInfo& key : session.keys) taken.push_back(key.name);
  check_field_names(c, with_fields(session.decl.clauses), taken);
  for (ast::Clause& clause : session.decl.clauses) {
    if (auto* n = std::get_if<ast::With>(&clause.node))
      check_assigns(c, n->fields, scope, &c.model.events[session.emits]);
    if (auto* n = std::get_if<ast::EmitEach>(&clause.node)) check_emit_each(s, *n);
  }
  for (const KeyInfo& key : session.keys) give_field(c.model.events[session.emits], key.name, key.type, key.at);
  check_durations(c, session.decl.clauses, nullptr);
  if (s.ends && !always_ends(c.model, session))
    c.report("R109", session.decl.name.span, ticked(session.decl.name.text) + " keeps a key until its end comes",
             "nothing ends it but an event that may never come", "add a longest time: `at most 1d`");
  if (!s.ends)
    c.report("R071", session.decl.name.span, "session " + ticked(session.decl.name.text) + " never ends",
             "no clause ends it", "add `ends after 30m idle`, `ends on x` or `at most 12h`");
}

namespace {

// `every 1h over 5m`: what comes in the other 55 minutes is in no window.
void lint_gaps(Context& c, const ast::Every& every) {
  if (!every.aligned || !every.over) return;
  const auto step = value(every.aligned->length), over = value(*every.over);
  if (!step || !over || over->us <= 0 || *over >= *step) return;
  const std::string short_one = duration_text(*over), long_one = duration_text(*step);
  c.report("R127", every.over->span, "of each " + long_one + " only the last " + short_one + " are looked at",
           "shorter than its `every`",
           "write " + ticked("every " + short_one + " over " + long_one) + " if they have changed places, or " +
               ticked("every " + long_one) + " for all events")
      .cause = Label{every.aligned->span, "this far apart"};
}

bool uses_duration(const std::vector<ast::Clause>& clauses) {
  bool found = false;
  walk_all(clauses, [&](const ast::Aggregate& aggregate) { found |= aggregate.function.text == "duration"; });
  return found;
}

// `every 1s over 365d`: each event would be in as many windows, and be told as often.
void check_overlap(Context& c, const ast::Every& every) {
  if (!every.aligned || !every.over) return;
  const auto step = value(every.aligned->length), over = value(*every.over);
  if (!step || !over || step->us <= 0 || over->us / step->us <= kWindowsMax) return;
  c.report("R074", every.over->span, "more than " + grouped(kWindowsMax) + " windows at a time",
           "an event would be in " + grouped(static_cast<std::uint64_t>(over->us / step->us)) + " of them",
           "emit less often, or over a shorter time")
      .cause = Label{every.aligned->span, "as often"};
}

}  // namespace

void check_summary(Context& c, SummaryInfo& summary) {
  Scope scope;
  scope.rows_of = kSummaryRows;
  scope.where_word = "a filter";
  summary.of = check_stream(c, summary.decl.of, scope);
  resolve_keys(c, summary.decl.clauses, summary.keys, keyed_events({{&summary.decl.of, summary.of}}), {});
  Scope rows = rows_scope(kSummaryRows, summary.of, summary.keys);
  std::vector<std::string> taken{"start", "end"};
  for (const KeyInfo& key : summary.keys) taken.push_back(key.name);
  check_field_names(c, with_fields(summary.decl.clauses), taken);
  for (ast::Clause& clause : summary.decl.clauses) {
    if (auto* n = std::get_if<ast::With>(&clause.node))
      check_assigns(c, n->fields, rows, &c.model.events[summary.emits]);
    if (auto* n = std::get_if<ast::Every>(&clause.node)) {
      if (n->aligned) check_aligned_window(c, *n->aligned);
      if (n->over) check_positive(c, *n->over, "over");
      lint_gaps(c, *n);
      check_overlap(c, *n);
    }
    if (auto* n = std::get_if<ast::Forget>(&clause.node)) check_positive(c, n->idle, "forget after");
  }
  for (const KeyInfo& key : summary.keys) give_field(c.model.events[summary.emits], key.name, key.type, key.at);
  check_durations(c, summary.decl.clauses, nullptr);
  const auto* every = find_clause<ast::Every>(summary.decl.clauses);
  const auto* forget = find_clause<ast::Forget>(summary.decl.clauses);
  const bool forgets = forget != nullptr;
  if (forget != nullptr && every != nullptr && every->aligned) {
    const auto idle = value(forget->idle);
    const auto window = value(every->aligned->length);
    if (idle && window && *idle < *window)
      c.report("R129", forget->idle.span,
               "forgotten after " + duration_text(*idle) + ", and told every " + duration_text(*window),
               "shorter than a window",
               "a window in which a key falls silent for " + duration_text(*idle) +
                   " is never told; write `forget after " + duration_text(*window) + " idle` or more");
  }
  if (!every)
    c.report("R072", summary.decl.name.span, "when does " + ticked(summary.decl.name.text) + " say something?",
             "a summary needs `every`", "add `every 5m`, `every 5m over 1h` or `every event`");
  for (const ast::Clause& clause : summary.decl.clauses)
    if (std::holds_alternative<ast::EvenIfEmpty>(clause.node) && !forgets && !summary.by_all)
      c.report("R070", clause.span, "empty windows of every key, for ever", "`even if empty` without an end",
               "say when a key may be forgotten: `forget after 1d idle`, or group `by all`");
  const char* keeps = every && every->over_all                ? "`over all` never lets go of a key"
                      : every && every->event && !every->over ? "`every event` without `over` is over all of them"
                      : uses_duration(summary.decl.clauses)   ? "`duration` counts on until the key's next event"
                                                              : nullptr;
  if (keeps != nullptr && !forgets && !summary.by_all)
    c.report("R109", summary.decl.name.span, ticked(summary.decl.name.text) + " keeps every key for ever", keeps,
             "say when a key may be forgotten: `forget after 30d idle`");
}

// ----- which clause where, and how often ----------------------------------------------------------

namespace {

enum Owner : unsigned { kRule = 1, kExtend = 2, kSession = 4, kSummary = 8 };

struct ClauseKind {
  std::string_view word;
  unsigned owners;
  bool once;
};

// In the order of ast::Clause.
const ClauseKind& kind_of(const ast::Clause& clause) {
  constexpr unsigned all = kRule | kExtend;
  static const ClauseKind kinds[] = {
      {"by", kRule | kSession | kSummary, true},
      {"where", all, false},
      {"except", all, false},
      {"during", all, false},
      {"reset on", all, false},
      {"learn", all, true},
      {"resolve when", all, true},
      {"mute while", all, false},
      {"escalate to", all, false},
      {"remind every", all, true},
      {"alert", all, true},
      {"with", all | kSession | kSummary, false},
      {"send to", all | kSession | kSummary, false},
      {"runbook", all, true},
      {"tags", all, false},
      {"owner", all, true},
      {"emit", all, true},
      {"forget after", all | kSummary, true},
      {"fire", all, true},
      {"fire at most", all, true},
      {"resume at", all, true},
      {"ends after", kSession, false},
      {"ends on", kSession, false},
      {"starts on", kSession, false},
      {"at most", kSession, true},
      {"emit each", kSession, true},
      {"every", kSummary, true},
      {"even if empty", kSummary, true},
  };
  static_assert(std::size(kinds) == std::variant_size_v<decltype(ast::Clause::node)>);
  return kinds[clause.node.index()];
}

// An item as its clauses are judged: its name, and the events it is made of (none: a rule).
struct Head {
  std::string_view what;  // "a summary"
  const ast::Name& name;
  const ast::Stream* of = nullptr;
};

// What `where` and `except` want is a filter of the stream that the item is made of.
std::string as_filter(const ast::Clause& clause, const ast::Stream& of) {
  std::string filter = "..";
  if (const auto* where = std::get_if<ast::Where>(&clause.node)) filter = print(where->condition);
  if (const auto* except = std::get_if<ast::Except>(&clause.node)) filter = "not (" + print(except->condition) + ")";
  return "of " + of.name.text + "(" + filter + ")";
}

std::string where_it_belongs(const ast::Clause& clause, const Head& head) {
  const ClauseKind& kind = kind_of(clause);
  const bool filters =
      std::holds_alternative<ast::Where>(clause.node) || std::holds_alternative<ast::Except>(clause.node);
  if (filters && head.of && !head.of->name.text.empty() && !head.of->filter)
    return "write the filter into the stream, " + ticked(as_filter(clause, *head.of)) +
           ", or judge what comes out in a rule: " + ticked("rule r when " + head.name.text + "(..)");
  if (const auto* forget = std::get_if<ast::Forget>(&clause.node); forget && head.what == "a session")
    return "a session tells what it has seen when it ends, and is forgotten then: write " +
           ticked("ends after " + duration_text(value(forget->idle).value_or(hours(1))) + " idle");
  if (kind.owners & kRule)
    return "it belongs to rules, and a rule can look at " + std::string(head.what) + ": " +
           ticked("rule r when " + head.name.text + "(..)");
  if (kind.owners == kSession) return "it belongs to sessions: `session NAME of x by k ends after 30m idle`";
  return "it belongs to summaries: `summary NAME of x by k every 5m`";
}

void check_kinds(Context& c, const std::vector<ast::Clause>& clauses, Owner owner, const Head& head) {
  const ast::Clause* plain_end = nullptr;
  for (std::size_t i = 0; i < clauses.size(); ++i) {
    const ClauseKind& kind = kind_of(clauses[i]);
    const std::string word = "`" + std::string(kind.word) + "`";
    if (!(kind.owners & owner)) {
      const bool key = owner == kExtend && kind.word == "by";
      c.report("R065", clauses[i].span, word + " does not belong in " + std::string(head.what),
               "not a clause of this item",
               key ? "the key of a rule is part of what it is; change it there" : where_it_belongs(clauses[i], head));
      continue;
    }
    const auto* ends = std::get_if<ast::EndsAfter>(&clauses[i].node);
    const bool second_end = ends && !ends->when_last && plain_end;
    if (ends && !ends->when_last && !plain_end) plain_end = &clauses[i];
    const auto first =
        std::find_if(clauses.begin(), clauses.begin() + static_cast<std::ptrdiff_t>(i),
                     [&](const ast::Clause& other) { return other.node.index() == clauses[i].node.index(); });
    const bool again = kind.once && first != clauses.begin() + static_cast<std::ptrdiff_t>(i);
    if (!again && !second_end) continue;
    const bool by = kind.word == "by";
    c.report("R064", clauses[i].span, word + " stands twice", "this is the second",
             by ? "list all keys in one: `by user, ip`" : "keep one of them")
        .cause = Label{second_end ? plain_end->span : first->span, "the first stands here"};
  }
}

}  // namespace

std::string_view word_of(const ast::Clause& clause) { return kind_of(clause).word; }
bool stands_once(const ast::Clause& clause) { return kind_of(clause).once; }

void check_clause_kinds(Context& c) {
  for (const Parsed& file : c.files)
    for (const ast::Item& item : file.file.items) {
      if (const auto* d = std::get_if<ast::RuleDecl>(&item.node))
        check_kinds(c, d->clauses, kRule, {"a rule", d->name});
      if (const auto* d = std::get_if<ast::TemplateDecl>(&item.node))
        check_kinds(c, d->clauses, kRule, {"a template", d->name});
      if (const auto* d = std::get_if<ast::ExtendDecl>(&item.node))
        check_kinds(c, d->clauses, kExtend, {"an `extend`", d->name});
      if (const auto* d = std::get_if<ast::SessionDecl>(&item.node))
        check_kinds(c, d->clauses, kSession, {"a session", d->name, &d->of});
      if (const auto* d = std::get_if<ast::SummaryDecl>(&item.node))
        check_kinds(c, d->clauses, kSummary, {"a summary", d->name, &d->of});
    }
}

}  // namespace tocsin::dsl::checking
