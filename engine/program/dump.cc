#include "engine/program/dump.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/overloaded.h"
#include "engine/base/units.h"
#include "engine/program/aggregates.h"
#include "engine/program/functions.h"

namespace tocsin {
namespace {

std::string text_of(const IpAddress& address) {
  static constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  const bool v4 = address.prefix >= 96 && std::equal(kMapped.begin(), kMapped.end(), address.bytes.begin());
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(v4 ? AF_INET : AF_INET6, address.bytes.data() + (v4 ? 12 : 0), buffer, sizeof buffer);
  const std::string prefix = address.prefix == 128 ? "" : "/" + std::to_string(address.prefix - (v4 ? 96 : 0));
  return buffer + prefix;
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

std::string text_of(const Constant& constant) {
  return std::visit(
      Overloaded{[](std::monostate) { return std::string("missing"); },
                 [](bool b) { return std::string(b ? "true" : "false"); },
                 [](std::int64_t n) { return std::to_string(n); }, [](double d) { return fmt::format("{}", d); },
                 [](const std::string& s) { return quoted(s); }, [](Duration d) { return duration_text(d); },
                 [](Time t) { return fmt::format("@{}us", t.us); }, [](const IpAddress& a) { return text_of(a); }},
      constant.value);
}

std::string_view name_of(Pattern::Form form) {
  static constexpr std::string_view kNames[] = {"sequence", "condition", "aligned", "idle",   "without",
                                                "novelty",  "silence",   "holds",   "ranking"};
  return kNames[static_cast<std::size_t>(form)];
}
std::string_view name_of(Firing firing) {
  static constexpr std::string_view kNames[] = {"once", "always", "start over", "every match"};
  return kNames[static_cast<std::size_t>(firing)];
}
std::string_view name_of(AggregateId id) {
  const Aggregate& row = aggregates()[id.index];
  return row.kind == AggregateKind::changes ? "changes" : row.name;
}

class Dumper {
 public:
  Dumper(const RuleSet& set, const Program& program) : set_(set), p_(program) {}

  std::string program() {
    line("program {} by {}{}", p_.name, p_.by_all ? "all" : fmt::format("{}", fmt::join(p_.key_names, ", ")),
         p_.keys_from.exists() ? " from list " + set_.lists[p_.keys_from.index].name : "");
    for (const OpenDuring& open : p_.open)
      line("  {} {}", open.outside ? "outside" : "during", set_.calendars[open.calendar.index].name);
    for (const Input& one : p_.inputs) input(one);
    for (std::size_t i = 0; i < p_.streams.size(); ++i) stream(i);
    for (std::size_t i = 0; i < p_.cells.size(); ++i) cell(i);
    for (std::size_t i = 0; i < p_.patterns.size(); ++i) pattern(PatternId(i));
    std::visit([&](const auto& b) { body(b); }, p_.body);
    return std::move(out_);
  }

  std::string expr(ExprId id, EventTypeId type, PatternId pattern) const {
    if (!id.exists()) return "none";
    const Expr& e = set_.code.exprs[id.index];
    std::string text;
    for (std::uint32_t i = e.begin; i < e.end; ++i)
      text += (text.empty() ? "" : ", ") + instruction(set_.code.instructions[i], type, pattern);
    return text;
  }

  std::string lines(ExprId id, EventTypeId type, PatternId pattern) const {
    std::string text;
    if (!id.exists()) return text;
    const Expr& e = set_.code.exprs[id.index];
    for (std::uint32_t i = e.begin; i < e.end; ++i) {
      const ExprInst& inst = set_.code.instructions[i];
      text += fmt::format("{:3}  {:14} {:28} {}\n", i - e.begin, tocsin::name_of(inst.op),
                          instruction(inst, type, pattern), meaning_of(inst.op));
    }
    return text;
  }

 private:
  template <class... Args>
  void line(fmt::format_string<Args...> format, Args&&... args) {
    out_ += fmt::format(format, std::forward<Args>(args)...);
    out_ += '\n';
  }

  // ----- expressions -------------------------------------------------------------------------------

  std::string slot(EventTypeId type, std::uint32_t slot) const {
    if (!type.exists() || slot >= set_.schema[type].fields.size()) return fmt::format("field {}", slot);
    std::string name;
    for (const std::string& part : set_.schema[type].fields[slot].path) name += (name.empty() ? "" : ".") + part;
    return name;
  }
  std::string capture(PatternId pattern, std::uint32_t step, std::uint32_t capture) const {
    const auto& steps = p_.patterns[pattern.exists() ? pattern.index : 0].steps;
    if (step >= steps.size() || capture >= steps[step].capture_names.size())
      return fmt::format("step {} capture {}", step, capture);
    return fmt::format("step {}.{}", step, steps[step].capture_names[capture]);
  }
  std::string constant(std::uint32_t id) const { return text_of(set_.code.constants[id]); }

  std::string instruction(const ExprInst& inst, EventTypeId type, PatternId pattern) const {
    const std::string op(tocsin::name_of(inst.op));
    switch (inst.op) {
      case ExprOp::constant:
        return constant(inst.a);
      case ExprOp::field:
        return slot(type, inst.a);
      case ExprOp::previous:
        return "previous " + slot(type, inst.a);
      case ExprOp::key:
        return "key " + (inst.a < p_.key_names.size() ? p_.key_names[inst.a] : std::to_string(inst.a));
      case ExprOp::captured:
        return capture(pattern, inst.a, inst.b);
      case ExprOp::captured_first:
        return "first " + capture(pattern, inst.a, inst.b);
      case ExprOp::captured_all:
        return "all " + capture(pattern, inst.a, inst.b);
      case ExprOp::step_time:
        return fmt::format("step {}.time", inst.a);
      case ExprOp::cell:
        return fmt::format("cell {}", inst.a);
      case ExprOp::fact:
        return "fact " + std::string(tocsin::name_of(static_cast<Fact>(inst.a)));
      case ExprOp::member:
        return "member " + constant(inst.a);
      case ExprOp::matches:
        return "matches /" + set_.code.regexes[inst.a] + "/";
      case ExprOp::in_items:
        return fmt::format("in_items {}{}", inst.b, inst.a != 0 ? " fold" : "");
      case ExprOp::in_list:
        return "in_list " + set_.lists[inst.a].name + (inst.b != 0 ? " fold" : "");
      case ExprOp::in_calendar:
        return "in_calendar " + set_.calendars[inst.a].name;
      case ExprOp::call:
        return fmt::format("call {} {}", functions()[inst.a].name, inst.b);
      case ExprOp::lookup:
        return "lookup " + set_.tables[inst.a].name + " " + constant(inst.b);
      case ExprOp::some:
        return "some [" + expr(ExprId(std::size_t{inst.a}), type, pattern) + "]";
      case ExprOp::make_list:
      case ExprOp::join:
        return fmt::format("{} {}", op, inst.b);
      case ExprOp::equal:
      case ExprOp::not_equal:
      case ExprOp::less:
      case ExprOp::less_equal:
      case ExprOp::greater:
      case ExprOp::greater_equal:
      case ExprOp::contains:
      case ExprOp::starts_with:
      case ExprOp::ends_with:
        return op + (inst.a != 0 ? " fold" : "");
      case ExprOp::time:
      case ExprOp::previous_time:
      case ExprOp::item:
      case ExprOp::logical_not:
      case ExprOp::logical_and:
      case ExprOp::logical_or:
      case ExprOp::is_missing:
      case ExprOp::add:
      case ExprOp::subtract:
      case ExprOp::multiply:
      case ExprOp::divide:
      case ExprOp::remainder:
      case ExprOp::negate:
        return op;
    }
    return op;
  }

  // ----- what is shared ----------------------------------------------------------------------------

  void input(const Input& input) {
    const EventType& type = set_.schema[input.type];
    for (const Role& role : input.roles) {
      std::string key, steps;
      for (const ExprId part : role.key) key += (key.empty() ? "" : "; ") + expr(part, input.type, {});
      for (const StepId step : role.steps) steps += fmt::format(" as step {}", step.index);
      line("  input {} key [{}]{}{}", type.name, key, steps,
           input.refused.exists() ? " refused [" + expr(input.refused, input.type, {}) + "]" : "");
    }
  }

  PatternId around(std::size_t stream) const {
    for (std::size_t i = 0; i < p_.patterns.size(); ++i) {
      const Pattern& pattern = p_.patterns[i];
      const bool steps = std::any_of(pattern.steps.begin(), pattern.steps.end(),
                                     [&](const Step& s) { return s.stream.index == stream; });
      const bool code = std::any_of(pattern.code.begin(), pattern.code.end(), [&](const SequenceInst& c) {
        return c.stream.index == stream || c.breaking.index == stream;
      });
      if (steps || code) return PatternId(i);
    }
    return {};
  }

  void stream(std::size_t index) {
    const Stream& stream = p_.streams[index];
    for (const Alternative& one : stream.alternatives) {
      std::string text =
          one.type.exists() ? set_.schema[one.type].name : fmt::format("pattern {}", stream.nested.index);
      if (one.filter.exists()) text += " if [" + expr(one.filter, one.type, {}) + "]";
      if (one.relation.exists()) text += " related [" + expr(one.relation, one.type, around(index)) + "]";
      for (const ExprId value : one.values) text += " value [" + expr(value, one.type, stream.nested) + "]";
      line("  stream {} {}: {}", index, one.label.empty() ? "match" : one.label, text);
    }
  }

  std::string window(const Window& w) const {
    switch (w.kind) {
      case Window::Kind::span:
        return w.length.us == 0 ? "over all" : "over " + duration_text(w.length);
      case Window::Kind::last:
        return fmt::format("over last {}", w.count);
      case Window::Kind::streak:
        return "over the streak" + (w.breaking.exists() ? fmt::format(" broken by stream {}", w.breaking.index) : "");
      case Window::Kind::chain:
        return "over the chain of gaps to " + duration_text(w.length);
      case Window::Kind::of_last:
        return fmt::format("among the last {} of the base", w.count);
      case Window::Kind::frame:
        return "over the frame";
      case Window::Kind::step:
        return fmt::format("over step {}", w.step.index) +
               (w.capture == Window::kNoCapture ? "" : fmt::format(" capture {}", w.capture));
    }
    return {};
  }

  static std::string baseline(const Baseline& b) {
    switch (b.kind) {
      case Baseline::Kind::none:
        return "";
      case Baseline::Kind::previous:
        return ", the window before";
      case Baseline::Kind::average:
        return ", average over " + duration_text(b.over);
      case Baseline::Kind::zscore:
        return ", zscore over " + duration_text(b.over);
      case Baseline::Kind::forecast:
        return ", " + duration_text(b.over) + " ahead";
    }
    return {};
  }

  void cell(std::size_t index) {
    const Cell& c = p_.cells[index];
    std::string text(name_of(c.function));
    if (c.stream.exists()) text += fmt::format(" of stream {}", c.stream.index);
    if (c.second.exists()) text += fmt::format(" to stream {}", c.second.index);
    if (c.alpha != 0) text += fmt::format(" at {}", c.alpha);
    if (c.number != 0) text += fmt::format(" first {}", c.number);
    text += " " + window(c.window);
    if (c.window.cap.us != 0) text += " within " + duration_text(c.window.cap);
    line("  cell {}: {}{}", index, text, baseline(c.baseline));
  }

  // ----- patterns ----------------------------------------------------------------------------------

  void pattern(PatternId id) {
    const Pattern& p = p_.patterns[id.index];
    std::string text(name_of(p.form));
    if (p.condition.exists()) text += " [" + expr(p.condition, {}, id) + "]";
    if (p.stream.exists()) text += fmt::format(" at stream {}", p.stream.index);
    if (p.judged_at_expiry) text += " and expiry";
    if (p.compared.exists()) text += fmt::format(" compared with stream {}", p.compared.index);
    if (p.needs_seen) text += " once seen";
    if (p.length.us != 0) text += " length " + duration_text(p.length);
    if (p.hold.us != 0) text += " for " + duration_text(p.hold);
    if (!p.zone.empty()) text += " in " + p.zone;
    if (p.count != 0) text += fmt::format(" places {}", p.count);
    if (p.true_of_nothing) text += " true of nothing";
    if (p.counted.exists()) text += fmt::format(" count of step {}", p.counted.index);
    line("  pattern {}: {}", id.index, text);
    if (p.value.exists()) line("    value [{}] baseline [{}]", expr(p.value, {}, id), expr(p.baseline, {}, id));
    for (std::size_t i = 0; i < p.steps.size(); ++i) step(i, p.steps[i]);
    for (std::size_t i = 0; i < p.code.size(); ++i) instruction(i, p.code[i]);
  }

  void step(std::size_t index, const Step& step) {
    std::string text = !step.label.empty() ? step.label : step.stream.exists() ? "(each by its name)" : "(group)";
    if (step.stream.exists()) text += fmt::format(" of stream {}", step.stream.index);
    if (step.repeated) text += " repeated";
    if (!step.capture_names.empty()) text += fmt::format(" keeps {}", fmt::join(step.capture_names, ", "));
    line("    step {} {}", index, text);
  }

  static std::string times(const SequenceInst& inst) {
    if (inst.high == SequenceInst::kMany) return fmt::format(" {} or more", inst.low);
    if (inst.repeats && inst.low == 1 && inst.high == 1) return " exactly 1";
    return inst.low == inst.high ? fmt::format(" {}", inst.low) : fmt::format(" {} to {}", inst.low, inst.high);
  }

  void instruction(std::size_t index, const SequenceInst& inst) {
    std::string text(tocsin::name_of(inst.op));
    switch (inst.op) {
      case SequenceOp::repeat:
      case SequenceOp::streak:
      case SequenceOp::open:
      case SequenceOp::any_of:
        text += times(inst);
        break;
      case SequenceOp::take:
      case SequenceOp::maybe:
      case SequenceOp::until:
      case SequenceOp::close:
      case SequenceOp::alternative:
      case SequenceOp::end_any:
      case SequenceOp::forbid:
      case SequenceOp::adjacent:
      case SequenceOp::within:
      case SequenceOp::absence:
      case SequenceOp::match:
        break;
    }
    if (inst.stream.exists()) text += fmt::format(" stream {}", inst.stream.index);
    if (inst.breaking.exists()) text += fmt::format(" broken by stream {}", inst.breaking.index);
    const bool from = inst.op == SequenceOp::within || inst.op == SequenceOp::absence;
    if (inst.bound.us != 0) text += (inst.op == SequenceOp::within ? " " : " within ") + duration_text(inst.bound);
    if (inst.step.exists()) text += fmt::format(" {} step {}", from ? "of" : "as", inst.step.index);
    const bool jumps = inst.op == SequenceOp::open || inst.op == SequenceOp::close || inst.op == SequenceOp::any_of ||
                       inst.op == SequenceOp::end_any;
    if (jumps) text += fmt::format(" -> {}", inst.jump);
    line("    {} {}", index, text);
  }

  // ----- bodies ------------------------------------------------------------------------------------

  void emit(const EmitDef& def, PatternId when) {
    const EventType& type = set_.schema[def.type];
    std::string text;
    for (std::size_t i = 0; i < def.fields.size(); ++i)
      text += (i == 0 ? " " : "; ") + slot(def.type, static_cast<std::uint32_t>(i)) + " = [" +
              expr(def.fields[i], {}, when) + "]";
    line("  emit {}{}", type.name, text);
  }

  void body(const RuleBody& rule) {
    if (rule.resolve.exists()) line("  resolve pattern {}", rule.resolve.index);
    if (rule.where.exists()) line("  where [{}]", expr(rule.where, {}, rule.when));
    for (const StreamId reset : rule.resets) line("  reset on stream {}", reset.index);
    if (rule.learn.us != 0) line("  learn {}", duration_text(rule.learn));
    if (rule.forget.us != 0) line("  forget after {}", duration_text(rule.forget));
    if (rule.firing != Firing::once) line("  fire {}", name_of(rule.firing));
    for (const Budget& budget : rule.budgets) {
      std::string per;
      for (const ExprId key : budget.keys) per += " per [" + expr(key, {}, rule.when) + "]";
      line("  at most {} per {}{}", budget.count, duration_text(budget.per), per);
    }
    if (rule.resume) line("  resume at {} of step {}", rule.resume->last ? "last" : "first", rule.resume->step.index);
    for (const Mute& mute : rule.mutes) {
      std::string same;
      for (const auto& [ours, theirs] : mute.same)
        same += fmt::format(" where [{}] is its part {}", expr(ours, {}, {}), theirs);
      line("  mute while {}{}", set_.programs[mute.rule.index].name, same);
    }
    for (const Escalation& e : rule.escalations)
      line("  escalate to {} {}", name_of(e.to),
           e.count != 0 ? fmt::format("after {} in {}", e.count, duration_text(e.after))
                        : "unresolved for " + duration_text(e.after));
    if (rule.remind.us != 0) line("  remind every {}", duration_text(rule.remind));
    if (rule.alert) alert(*rule.alert, rule.when);
    for (const EmitDef& def : rule.emits) emit(def, rule.when);
  }

  void alert(const AlertDef& alert, PatternId when) {
    line("  alert {} [{}]", name_of(alert.severity), expr(alert.text, {}, when));
    for (const NamedExpr& field : alert.fields) line("    with {} = [{}]", field.name, expr(field.value, {}, when));
    for (const std::string& sink : alert.sinks) line("    send to {}", quoted(sink));
    for (const std::string& tag : alert.tags) line("    tag {}", quoted(tag));
    if (!alert.owner.empty()) line("    owner {}", quoted(alert.owner));
    if (alert.runbook.exists()) line("    runbook [{}]", expr(alert.runbook, {}, when));
  }

  void body(const SessionBody& session) {
    line("  session of stream {}", session.of.index);
    for (const SessionBody::Gap& gap : session.gaps)
      line("  ends after {} idle{}", duration_text(gap.idle),
           gap.when_last.exists() ? fmt::format(" when last is stream {}", gap.when_last.index) : "");
    for (const StreamId end : session.ends) line("  ends on stream {}", end.index);
    for (const StreamId start : session.starts) line("  starts on stream {}", start.index);
    if (session.at_most.us != 0) line("  at most {}", duration_text(session.at_most));
    emit(session.emit, {});
    if (session.each) {
      const auto& alternatives = p_.streams[session.of.index].alternatives;
      for (const EachDef::Field& field : session.each->fields)
        line("  each {} = [{}]", field.name,
             field.values.empty() ? "none" : expr(field.values.front(), alternatives.front().type, {}));
      for (const std::string& sink : session.each->sinks) line("  each to {}", quoted(sink));
    }
    for (const std::string& sink : session.sinks) line("  send to {}", quoted(sink));
  }

  void body(const SummaryBody& summary) {
    std::string when = summary.every_event ? "every event" : "every " + duration_text(summary.every);
    if (summary.over.us != 0) when += " over " + duration_text(summary.over);
    if (summary.over_all) when += " over all";
    if (!summary.zone.empty()) when += " in " + summary.zone;
    line("  summary of stream {} {}{}", summary.of.index, when, summary.even_if_empty ? " even if empty" : "");
    if (summary.forget.us != 0) line("  forget after {}", duration_text(summary.forget));
    emit(summary.emit, {});
    for (const std::string& sink : summary.sinks) line("  send to {}", quoted(sink));
  }

  const RuleSet& set_;
  const Program& p_;
  std::string out_;
};

}  // namespace

std::string dump(const RuleSet& set, const Program& program) { return Dumper(set, program).program(); }

std::string dump(const RuleSet& set, const Program& program, ExprId expr, EventTypeId type, PatternId pattern) {
  return Dumper(set, program).expr(expr, type, pattern);
}

std::string dump_code(const RuleSet& set, const Program& program, ExprId expr, EventTypeId type, PatternId pattern) {
  return Dumper(set, program).lines(expr, type, pattern);
}

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::info:
      return "info";
    case Severity::low:
      return "low";
    case Severity::medium:
      return "medium";
    case Severity::high:
      return "high";
    case Severity::critical:
      return "critical";
  }
  return {};
}

namespace {

std::string_view name_of(TimeUnit unit) {
  switch (unit) {
    case TimeUnit::seconds:
      return "s";
    case TimeUnit::milliseconds:
      return "ms";
    case TimeUnit::microseconds:
      return "us";
    case TimeUnit::nanoseconds:
      return "ns";
  }
  return {};
}

}  // namespace

std::string dump_schema(const RuleSet& set) {
  static constexpr std::string_view kTypes[] = {"missing",  "bool", "int",   "float", "text", "time",
                                                "duration", "ip",   "point", "list",  "any"};
  std::string out;
  for (const EventType& type : set.schema.types) {
    out += (type.emitted ? "emitted " : "event ") + type.name;
    for (std::size_t i = 0; i < type.fields.size(); ++i) {
      const FieldSlot& slot = type.fields[i];
      std::string name;
      for (const std::string& part : slot.path) name += (name.empty() ? "" : ".") + part;
      out += fmt::format("{} {} {}{}{}", i == 0 ? "" : ",", name, slot.list ? "list of " : "",
                         kTypes[static_cast<std::size_t>(slot.type)], slot.declared && !slot.required ? "?" : "");
      if (type.timestamp && type.timestamp->index == i) out += " (timestamp)";
      if (type.tiebreak && type.tiebreak->index == i) out += " (tiebreak)";
    }
    if (type.timestamp && type.unit != TimeUnit::milliseconds) out += fmt::format(" in {}", name_of(type.unit));
    if (type.late.us != 0)
      out += " late " + std::string(type.late_adaptive ? "adaptive up to " : "") + duration_text(type.late);
    out += '\n';
  }
  return out;
}

}  // namespace tocsin
