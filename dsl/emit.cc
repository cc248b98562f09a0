// Rules, sessions and summaries to Programs. The parts: pools (what the set shares), expressions, streams, patterns;
// here is what a rule says besides its pattern: keys, what it does not see, how it fires, what an alert carries.
#include "dsl/emit.h"

#include <algorithm>
#include <utility>

#include "dsl/core_text.h"
#include "dsl/emit/of_nothing.h"
#include "dsl/emit/patterns.h"
#include "dsl/simplify.h"
#include "dsl/values.h"
#include "engine/base/overloaded.h"
#include "engine/program/bounds.h"
#include "engine/program/hash.h"

namespace tocsin::dsl {
namespace {

using emitting::CodePool;
using emitting::Hand;
using emitting::PatternScope;
using emitting::ProgramMaker;
using emitting::SchemaPool;

std::uint32_t small(const ast::Count& count) { return static_cast<std::uint32_t>(settled(count)); }

tocsin::Severity severity(ast::Severity s) {
  switch (s) {
    case ast::Severity::info:
      return tocsin::Severity::info;
    case ast::Severity::low:
      return tocsin::Severity::low;
    case ast::Severity::medium:
      return tocsin::Severity::medium;
    case ast::Severity::high:
      return tocsin::Severity::high;
    case ast::Severity::critical:
      return tocsin::Severity::critical;
  }
  return tocsin::Severity::medium;
}

Firing firing(ast::Fire::How how) {
  switch (how) {
    case ast::Fire::How::once:
      return Firing::once;
    case ast::Fire::How::always:
      return Firing::always;
    case ast::Fire::How::start_over:
      return Firing::start_over;
    case ast::Fire::How::every_match:
      return Firing::every_match;
  }
  return Firing::once;
}

void add_texts(const std::vector<ast::Text>& texts, std::vector<std::string>& out) {
  for (const ast::Text& text : texts) out.push_back(text.value);
}

// What is written last counts: `extend` clauses stand behind those of the rule.
template <class T>
const T* last_clause(const std::vector<ast::Clause>& clauses) {
  const T* found = nullptr;
  for (const ast::Clause& clause : clauses)
    if (const T* one = std::get_if<T>(&clause.node)) found = one;
  return found;
}

template <class T, class F>
void each_clause(const std::vector<ast::Clause>& clauses, F&& f) {
  for (const ast::Clause& clause : clauses)
    if (const T* one = std::get_if<T>(&clause.node)) f(*one);
}

std::vector<const ast::Assign*> with_fields(const std::vector<ast::Clause>& clauses) {
  std::vector<const ast::Assign*> out;
  each_clause<ast::With>(clauses, [&](const ast::With& with) {
    for (const ast::Assign& field : with.fields) out.push_back(&field);
  });
  return out;
}

class Emitter {
 public:
  explicit Emitter(const Model& model)
      : model_(model),
        code_(set_.code),
        schema_(model, set_.schema),
        used_(model.events.size()),
        makers_(model.events.size()),
        programs_(model.rules.size()) {}

  RuleSet run() {
    find_used();
    reference_data();
    for (EventId event = 0; event < model_.events.size(); ++event)
      if (model_.events[event].origin == EventInfo::Origin::declared) schema_.type(event);
    set_.programs.reserve(model_.order.size());
    for (const Maker& maker : model_.order) {
      const ProgramId id(set_.programs.size());
      Program& program = set_.programs.emplace_back();
      ProgramMaker make(model_, code_, schema_, program);
      Reach reach;  // of a rule
      switch (maker.kind) {
        case Maker::Kind::rule:
          rule(model_.rules[maker.index], program, make, id);
          programs_[maker.index] = id;
          reach = {model_.rules[maker.index].bounds.longest, model_.rules[maker.index].bounds.keeps_keys};
          break;
        case Maker::Kind::session:
          session(model_.sessions[maker.index], program, make, id);
          break;
        case Maker::Kind::summary:
          summary(model_.summaries[maker.index], program, make, id);
          break;
      }
      make.finish();
      program.bounds = bounds_of(set_, program, reach);
    }
    emitting::find_true_of_nothing(set_);
    return std::move(set_);
  }

 private:
  // ----- the set -----------------------------------------------------------------------------------

  // Events that somebody looks at: a rule's own event is made only then.
  void find_used() {
    const auto use = [&](const std::vector<EventId>& events) {
      for (const EventId event : events) used_[event] = true;
    };
    for (const RuleInfo& rule : model_.rules) use(rule.events);
    for (const SessionInfo& session : model_.sessions) use(session.events);
    for (const SummaryInfo& summary : model_.summaries) use(summary.of);
    for (const TestInfo& test : model_.tests)
      for (const ast::TestLine& line : test.decl.lines) {
        const auto* expect = std::get_if<ast::Expect>(&line.node);
        if (expect == nullptr || !expect->event) continue;
        const auto found = model_.event_ids.find(expect->event->text);
        if (found != model_.event_ids.end()) used_[found->second] = true;
      }
  }

  void reference_data() {
    for (const ast::ListDecl& list : model_.lists) {
      ListDef& out = set_.lists.emplace_back();
      out.name = list.name.text;
      std::visit(Overloaded{[&](const std::vector<ast::Expr>& items) {
                              for (const ast::Expr& item : items) out.items.push_back(constant(item));
                            },
                            [&](const ast::FromFile& from) {
                              out.file = from.file.value;
                              if (from.column) out.column = from.column->text;
                            },
                            [&](const ast::FromTopic& from) { out.topic = from.topic.value; }},
                 list.source);
    }
    for (const ast::TableDecl& table : model_.tables) {
      TableDef& out = set_.tables.emplace_back();
      out.name = table.name.text;
      if (table.key) out.key = table.key->text;
      if (const auto* file = std::get_if<ast::FromFile>(&table.source)) out.file = file->file.value;
      if (const auto* topic = std::get_if<ast::FromTopic>(&table.source)) out.topic = topic->topic.value;
    }
    for (const ast::CalendarDecl& calendar : model_.calendars) {
      CalendarDef& out = set_.calendars.emplace_back();
      out.name = calendar.name.text;
      out.zone = calendar.zone.value;
      for (const ast::OpenHours& hours : calendar.open)
        out.open.push_back({static_cast<std::uint8_t>(hours.first_day), static_cast<std::uint8_t>(hours.last_day),
                            static_cast<std::uint16_t>(hours.from_minute),
                            static_cast<std::uint16_t>(hours.to_minute)});
    }
  }

  ConstantId constant(const ast::Expr& item) {
    const auto* negated = std::get_if<ast::Unary>(&item.node);
    const auto* literal = std::get_if<ast::Literal>(negated != nullptr ? &negated->operand->node : &item.node);
    if (literal == nullptr) return code_.constant({});
    Constant value = emitting::constant_of(*literal);
    if (negated != nullptr && negated->op == ast::UnaryOp::negate) {
      if (auto* n = std::get_if<std::int64_t>(&value.value)) *n = -*n;
      if (auto* d = std::get_if<double>(&value.value)) *d = -*d;
      if (auto* d = std::get_if<Duration>(&value.value)) d->us = -d->us;
    }
    return code_.constant(std::move(value));
  }

  // ----- what every program has ----------------------------------------------------------------------

  void head(Program& program, const std::string& name, const std::string& doc, const std::vector<KeyInfo>& keys,
            bool by_all) {
    program.name = name;
    program.doc = doc;
    program.by_all = by_all;
    for (const KeyInfo& key : keys) {
      program.key_names.push_back(key.name);
      if (key.list == kNone) continue;
      program.keys_from = ListId(std::size_t{key.list});
      program.listed_as = emitting::engine_type(key.type.kind);
    }
  }

  // E2: one role per part that an event of this type can play; parts of several keys combine, if they mean one step.
  std::vector<Role> roles(EventId event, const std::vector<KeyInfo>& keys, const PatternScope* when,
                          ProgramMaker& make) {
    struct Partial {
      Role role;
      std::uint32_t step = kNone;
    };
    std::vector<Partial> partial(1);
    for (const KeyInfo& key : keys) {
      std::vector<Partial> longer;
      for (const KeyInfo::Part& part : key.parts) {
        if (part.event != event) continue;
        const ExprId value = std::visit(
            Overloaded{
                [&](const ast::Path& path) { return make.field(event, std::span(path.parts).subspan(path.ref.skip)); },
                [&](const ast::Expr& expr) { return make.expr(expr, Hand{event, nullptr}); }},
            part.value);
        for (const Partial& so_far : partial) {
          if (so_far.step != kNone && part.step != kNone && so_far.step != part.step) continue;
          Partial next = so_far;
          next.role.key.push_back(value);
          if (part.step != kNone) next.step = part.step;
          longer.push_back(std::move(next));
        }
      }
      partial = std::move(longer);
    }
    std::vector<Role> out;
    for (Partial& one : partial) {
      if (one.step != kNone && when != nullptr && one.step < when->local.size() && when->local[one.step].exists())
        one.role.steps.push_back(when->local[one.step]);
      // Two parts that read the same field are one role that may fill both steps.
      const auto same = std::find_if(out.begin(), out.end(), [&](const Role& r) { return r.key == one.role.key; });
      if (same == out.end())
        out.push_back(std::move(one.role));
      else if (one.role.steps.empty() || same->steps.empty())
        same->steps.clear();
      else
        same->steps.insert(same->steps.end(), one.role.steps.begin(), one.role.steps.end());
    }
    return out;
  }

  void inputs(Program& program, ProgramMaker& make, const std::vector<EventId>& events,
              const std::vector<KeyInfo>& keys, const std::vector<ast::Clause>& clauses, const PatternScope* when) {
    for (const EventId event : events) {
      Input& input = program.inputs.emplace_back();
      input.type = schema_.type(event);
      input.roles = roles(event, keys, when, make);
      input.refused = refused(event, clauses, make);
      for (const ProgramId maker : makers_[event]) after(program, maker);
    }
    each_clause<ast::During>(clauses, [&](const ast::During& during) {
      const auto found = model_.calendar_ids.find(during.calendar.text);
      if (found != model_.calendar_ids.end())
        program.open.push_back({CalendarId(std::size_t{found->second}), during.outside});
    });
  }

  // E1: true when `except` holds, or a calendar is closed.
  ExprId refused(EventId event, const std::vector<ast::Clause>& clauses, ProgramMaker& make) {
    std::vector<ast::Expr> reasons;
    each_clause<ast::Except>(clauses, [&](const ast::Except& except) { reasons.push_back(except.condition); });
    each_clause<ast::During>(clauses, [&](const ast::During& during) {
      ast::Path time;
      time.parts.push_back({"time", false, {}});
      time.ref = {ast::Ref::Kind::special, 0, 0};
      ast::In in;
      in.what->node = std::move(time);
      in.where = ast::InCalendar{during.calendar};
      in.negated = !during.outside;
      ast::Expr closed;
      closed.node = std::move(in);
      reasons.push_back(std::move(closed));
    });
    if (reasons.empty()) return {};
    ast::Expr any = reasons.front();
    for (std::size_t i = 1; i < reasons.size(); ++i) {
      ast::Binary either;
      either.op = ast::BinaryOp::logical_or;
      either.left = std::move(any);
      either.right = reasons[i];
      any = {};
      any.node = std::move(either);
    }
    return make.expr(any, Hand{event, nullptr});
  }

  static void after(Program& program, ProgramId other) {
    if (std::find(program.after.begin(), program.after.end(), other) == program.after.end())
      program.after.push_back(other);
  }

  // The fields of an emitted event, by slot: what `with` gives, a key, or what every such event has.
  template <class F>
  EmitDef emit_def(EventId event, ProgramId id, const std::vector<KeyInfo>& keys,
                   const std::vector<const ast::Assign*>& with, const Hand& hand, ProgramMaker& make, F&& own) {
    makers_[event].push_back(id);
    EmitDef out;
    out.type = schema_.type(event);
    for (const FieldInfo& field : model_.events[event].fields) {
      ExprId value;
      const auto given =
          std::find_if(with.begin(), with.end(), [&](const ast::Assign* a) { return a->name.text == field.name; });
      const auto key = std::find_if(keys.begin(), keys.end(), [&](const KeyInfo& k) { return k.name == field.name; });
      if (given != with.end())
        value = make.expr((*given)->value, hand);
      else if (key != keys.end())
        value = make.one(ExprOp::key, static_cast<std::uint32_t>(key - keys.begin()));
      else
        value = own(field.name);
      out.fields.push_back(value);
    }
    return out;
  }

  ExprId fact(ProgramMaker& make, Fact fact) { return make.one(ExprOp::fact, static_cast<std::uint32_t>(fact)); }

  // ----- rules -------------------------------------------------------------------------------------

  void rule(const RuleInfo& rule, Program& program, ProgramMaker& make, ProgramId id) {
    head(program, rule.name, rule.doc, rule.keys, rule.by_all);
    program.title = rule.title;
    program.was = rule.was;
    const core::Rule core = simplify(model_, rule);
    PatternScope& when = make.pattern(core.when, rule.steps);
    RuleBody body;
    body.when = when.id;
    if (core.resolve) body.resolve = make.pattern(*core.resolve, rule.resolve_steps).id;
    const Hand match{kNone, &when};
    inputs(program, make, rule.events, rule.keys, rule.clauses, &when);
    judging(rule, body, match, make);
    life(rule, body, program, match, make);
    sending(rule, body, match, make);
    emitting(rule, body, id, match, make);
    program.body = std::move(body);
    program.shape = hash_of(core_text(model_, rule, core, CoreText::shape));
    program.dials = hash_of(core_text(model_, rule, core, CoreText::dials));
  }

  void judging(const RuleInfo& rule, RuleBody& body, const Hand& match, ProgramMaker& make) {
    std::vector<const ast::Expr*> wheres;
    each_clause<ast::Where>(rule.clauses, [&](const ast::Where& where) { wheres.push_back(&where.condition); });
    body.where = make.all_of(wheres, match);
    each_clause<ast::Reset>(rule.clauses, [&](const ast::Reset& reset) {
      body.resets.push_back(make.stream(plain_stream(model_, reset.on), {}, nullptr));
    });
    if (const auto* learn = last_clause<ast::Learn>(rule.clauses)) body.learn = settled(learn->length);
    if (const auto* forget = last_clause<ast::Forget>(rule.clauses)) body.forget = settled(forget->idle);
  }

  void life(const RuleInfo& rule, RuleBody& body, Program& program, const Hand& match, ProgramMaker& make) {
    if (const auto* fire = last_clause<ast::Fire>(rule.clauses)) body.firing = firing(fire->how);
    each_clause<ast::FireAtMost>(
        rule.clauses, [&](const ast::FireAtMost& most) { body.budgets.push_back(budget(most, program, match, make)); });
    if (const auto* resume = last_clause<ast::Resume>(rule.clauses))
      body.resume = resume_at(rule, *resume, *match.scope);
    each_clause<ast::Mute>(rule.clauses,
                           [&](const ast::Mute& mute) { body.mutes.push_back(muted(rule, mute, program, make)); });
    each_clause<ast::Escalate>(rule.clauses, [&](const ast::Escalate& e) {
      body.escalations.push_back({severity(e.to), e.number ? small(*e.number) : 0, settled(e.length)});
    });
    if (const auto* remind = last_clause<ast::Remind>(rule.clauses)) body.remind = settled(remind->every);
  }

  // `per` a key of the rule, or a field of the match: of the last step that has it.
  Budget budget(const ast::FireAtMost& most, Program& program, const Hand& match, ProgramMaker& make) {
    Budget out{small(most.number), settled(most.per), {}};
    for (const ast::Path& path : most.keys) {
      if (path.ref.kind == ast::Ref::Kind::key) {
        out.keys.push_back(make.one(ExprOp::key, path.ref.index));
        continue;
      }
      const auto& steps = program.patterns[match.scope->id.index].steps;
      for (std::size_t i = steps.size(); i-- > 0;) {
        if (!steps[i].stream.exists()) continue;
        const auto& alternatives = program.streams[steps[i].stream.index].alternatives;
        const bool has = std::any_of(alternatives.begin(), alternatives.end(), [&](const tocsin::Alternative& a) {
          return a.type.exists() && schema_.may_have(schema_.event_of(a.type), path.parts);
        });
        if (!has) continue;
        out.keys.push_back(make.captured(*match.scope, StepId(i), path));
        break;
      }
    }
    return out;
  }

  static std::optional<tocsin::Resume> resume_at(const RuleInfo& rule, const ast::Resume& resume,
                                                 const PatternScope& when) {
    for (std::size_t i = 0; i < rule.steps.size(); ++i)
      if (rule.steps[i].name == resume.at.text && rule.steps[i].unique && when.local[i].exists())
        return tocsin::Resume{when.local[i], resume.last};
    return std::nullopt;
  }

  tocsin::Mute muted(const RuleInfo& rule, const ast::Mute& mute, Program& program, ProgramMaker& make) {
    tocsin::Mute out;
    const auto found = model_.rule_ids.find(mute.rule.text);
    if (found == model_.rule_ids.end()) return out;
    out.rule = programs_[found->second];
    after(program, out.rule);
    const std::vector<KeyInfo>& theirs = model_.rules[found->second].keys;
    for (const ast::Path& path : mute.same) {
      const std::string& name = rule.keys[path.ref.index].name;
      const auto key = std::find_if(theirs.begin(), theirs.end(), [&](const KeyInfo& k) { return k.name == name; });
      if (key != theirs.end())
        out.same.emplace_back(make.one(ExprOp::key, path.ref.index), static_cast<std::uint32_t>(key - theirs.begin()));
    }
    return out;
  }

  void sending(const RuleInfo& rule, RuleBody& body, const Hand& match, ProgramMaker& make) {
    const auto* alert = last_clause<ast::Alert>(rule.clauses);
    if (alert == nullptr) return;
    AlertDef out;
    out.severity = alert->severity ? severity(*alert->severity) : tocsin::Severity::medium;
    out.text = make.text(alert->text, match);
    for (const ast::Assign* field : with_fields(rule.clauses))
      out.fields.push_back({field->name.text, make.expr(field->value, match)});
    each_clause<ast::SendTo>(rule.clauses, [&](const ast::SendTo& send) { add_texts(send.sinks, out.sinks); });
    each_clause<ast::Tags>(rule.clauses, [&](const ast::Tags& tags) { add_texts(tags.tags, out.tags); });
    if (const auto* owner = last_clause<ast::Owner>(rule.clauses)) out.owner = owner->team.value;
    if (const auto* runbook = last_clause<ast::Runbook>(rule.clauses)) out.runbook = make.text(runbook->url, match);
    body.alert = std::move(out);
  }

  void emitting(const RuleInfo& rule, RuleBody& body, ProgramId id, const Hand& match, ProgramMaker& make) {
    const auto own = [&](const std::string&) { return ExprId{}; };
    if (rule.alert != kNone && used_[rule.alert])
      body.emits.push_back(emit_def(rule.alert, id, rule.keys, with_fields(rule.clauses), match, make, own));
    const auto* emit = last_clause<ast::Emit>(rule.clauses);
    if (emit == nullptr || rule.emits == kNone) return;
    std::vector<const ast::Assign*> fields;
    for (const ast::Assign& field : emit->fields) fields.push_back(&field);
    body.emits.push_back(emit_def(rule.emits, id, rule.keys, fields, match, make, own));
  }

  // ----- sessions and summaries --------------------------------------------------------------------

  // What every session and window has besides what `with` gives.
  ExprId own_field(const std::string& name, ProgramMaker& make, const Hand& hand) {
    if (name == "start") return fact(make, Fact::start);
    if (name == "end") return fact(make, Fact::end);
    if (name == "count") return fact(make, Fact::count);
    if (name == "session_id") return fact(make, Fact::session_id);
    if (name != "duration") return {};
    ast::Binary minus;
    minus.op = ast::BinaryOp::subtract;
    minus.left = word("end");
    minus.right = word("start");
    ast::Expr out;
    out.node = std::move(minus);
    return make.expr(out, hand);
  }
  static ast::Expr word(const char* text) {
    ast::Path path;
    path.parts.push_back({text, false, {}});
    path.ref = {ast::Ref::Kind::special, 0, 0};
    ast::Expr out;
    out.node = std::move(path);
    return out;
  }

  void session(const SessionInfo& session, Program& program, ProgramMaker& make, ProgramId id) {
    const std::vector<ast::Clause>& clauses = session.decl.clauses;
    head(program, session.decl.name.text, session.doc, session.keys, session.by_all);
    const core::Stream of = plain_stream(model_, session.decl.of);
    PatternScope& rows = make.rows(of);
    const Hand hand{kNone, &rows};
    inputs(program, make, session.events, session.keys, clauses, nullptr);
    SessionBody body;
    body.of = rows.whole;
    const auto plain = [&](const ast::Stream& stream) {
      return make.stream(plain_stream(model_, stream), {}, nullptr);
    };
    // S2: the first `when last is` that fits decides, the plain one wherever it stands comes last.
    for (const bool plain_ones : {false, true})
      each_clause<ast::EndsAfter>(clauses, [&](const ast::EndsAfter& e) {
        if (e.when_last.has_value() == plain_ones) return;
        body.gaps.push_back({settled(e.idle), e.when_last ? plain(*e.when_last) : StreamId{}});
      });
    each_clause<ast::EndsOn>(clauses, [&](const ast::EndsOn& e) { body.ends.push_back(plain(e.on)); });
    each_clause<ast::StartsOn>(clauses, [&](const ast::StartsOn& s) { body.starts.push_back(plain(s.on)); });
    if (const auto* most = last_clause<ast::AtMost>(clauses)) body.at_most = settled(most->length);
    body.emit = emit_def(session.emits, id, session.keys, with_fields(clauses), hand, make,
                         [&](const std::string& name) { return own_field(name, make, hand); });
    if (const auto* each = last_clause<ast::EmitEach>(clauses)) body.each = each_def(*each, of, make);
    each_clause<ast::SendTo>(clauses, [&](const ast::SendTo& send) { add_texts(send.sinks, body.sinks); });
    program.body = std::move(body);
    program.shape = hash_of(core_text(model_, session, CoreText::shape));
    program.dials = hash_of(core_text(model_, session, CoreText::dials));
  }

  // Every event of the session goes on whole: all fields that its schema names are decoded.
  EachDef each_def(const ast::EmitEach& each, const core::Stream& of, ProgramMaker& make) {
    EachDef out;
    add_texts(each.sinks, out.sinks);
    for (const core::Alternative& alternative : of.alternatives)
      for (const FieldInfo& field : model_.events[alternative.event].fields) {
        std::vector<ast::Name> parts;
        for (std::size_t from = 0; from <= field.name.size();) {
          const std::size_t dot = std::min(field.name.find('.', from), field.name.size());
          parts.push_back({field.name.substr(from, dot - from), false, {}});
          from = dot + 1;
        }
        schema_.field(alternative.event, parts);
      }
    for (const ast::Assign& field : each.fields) {
      EachDef::Field& one = out.fields.emplace_back();
      one.name = field.name.text;
      for (const core::Alternative& alternative : of.alternatives)
        one.values.push_back(make.expr(field.value, Hand{alternative.event, nullptr}));
    }
    return out;
  }

  void summary(const SummaryInfo& summary, Program& program, ProgramMaker& make, ProgramId id) {
    const std::vector<ast::Clause>& clauses = summary.decl.clauses;
    head(program, summary.decl.name.text, summary.doc, summary.keys, summary.by_all);
    const core::Stream of = plain_stream(model_, summary.decl.of);
    PatternScope& rows = make.rows(of);
    const Hand hand{kNone, &rows};
    inputs(program, make, summary.of, summary.keys, clauses, nullptr);
    SummaryBody body;
    body.of = rows.whole;
    if (const auto* every = last_clause<ast::Every>(clauses)) {
      body.every_event = every->event;
      body.over_all = every->over_all;
      if (every->aligned) body.every = settled(every->aligned->length);
      if (every->aligned && every->aligned->zone) body.zone = every->aligned->zone->value;
      if (every->over) body.over = settled(*every->over);
    }
    body.even_if_empty = last_clause<ast::EvenIfEmpty>(clauses) != nullptr;
    if (const auto* forget = last_clause<ast::Forget>(clauses)) body.forget = settled(forget->idle);
    body.emit = emit_def(summary.emits, id, summary.keys, with_fields(clauses), hand, make,
                         [&](const std::string& name) { return own_field(name, make, hand); });
    each_clause<ast::SendTo>(clauses, [&](const ast::SendTo& send) { add_texts(send.sinks, body.sinks); });
    program.body = std::move(body);
    program.shape = hash_of(core_text(model_, summary, CoreText::shape));
    program.dials = hash_of(core_text(model_, summary, CoreText::dials));
  }

  const Model& model_;
  RuleSet set_;
  CodePool code_;
  SchemaPool schema_;
  std::vector<bool> used_;                      // by EventId
  std::vector<std::vector<ProgramId>> makers_;  // by EventId: who makes it
  std::vector<ProgramId> programs_;             // by rule of the model
};

}  // namespace

RuleSet emit(const Model& model) { return Emitter(model).run(); }

}  // namespace tocsin::dsl
