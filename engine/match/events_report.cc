#include "engine/match/events_report.h"

#include <algorithm>

#include "engine/program/dump.h"
#include "engine/program/hash.h"
#include "engine/program/scratch.h"

namespace tocsin {

std::string_view label_of(const Program& program, const Step& step, const Event& event, const Evaluator& evaluator,
                          const EvalContext& context) {
  if (!step.label.empty() || !step.stream.exists()) return step.label;
  const auto& alternatives = program.streams[step.stream.index].alternatives;
  const auto of_type = [&](const Alternative& a) { return a.type == event.type; };
  const bool several = std::count_if(alternatives.begin(), alternatives.end(), of_type) > 1;
  const Alternative* last = nullptr;
  EvalContext at = context;
  at.event = &event;
  at.time = event.time;
  at.match = nullptr;
  // Of several that fit, the first as written; a filter that reads more than the event is not judged again.
  for (const Alternative& a : alternatives) {
    if (!of_type(a)) continue;
    last = &a;
    if (!several || evaluator.holds(a.filter, at)) break;
  }
  return last == nullptr ? step.label : last->label;
}

std::optional<std::string_view> label_named(const Program& program, std::string_view text) {
  if (text.empty()) return "";
  for (const Pattern& pattern : program.patterns)
    for (const Step& step : pattern.steps)
      if (step.label == text) return step.label;
  for (const Stream& stream : program.streams)
    for (const Alternative& alternative : stream.alternatives)
      if (alternative.label == text) return alternative.label;
  return std::nullopt;
}

std::string_view label_of_type(const Program& program, const Step& step, EventTypeId type) {
  if (!step.label.empty() || !step.stream.exists()) return step.label;
  const auto& alternatives = program.streams[step.stream.index].alternatives;
  const auto of = std::ranges::find(alternatives, type, &Alternative::type);
  return of == alternatives.end() ? step.label : of->label;
}

CaptureWords capture_words(const RuleSet& rules, const Program& program, const Step& step) {
  CaptureWords out;
  for (std::size_t i = 0; i < step.captures.size(); ++i) {
    std::string words = step.capture_names[i];
    for (std::size_t n = 0; n < step.captures[i].size(); ++n) {
      const Stream& stream = program.streams[step.stream.index];
      if (!step.captures[i][n].exists()) continue;
      words += '\n' + dump(rules, program, step.captures[i][n], stream.alternatives[n].type, stream.nested);
    }
    out.push_back(static_cast<std::uint32_t>(hash_of(words)));
  }
  return out;
}

OwnedValues captures_of_today(const OwnedValues& kept, const CaptureWords& then, const CaptureWords& today) {
  std::vector<Value> values(today.size());
  for (std::size_t i = 0; i < today.size(); ++i) {
    const auto at = static_cast<std::size_t>(std::ranges::find(then, today[i]) - then.begin());
    if (at < kept.values().size()) values[i] = kept.values()[at];
  }
  return OwnedValues(values);
}

void EventsReport::add_match(const std::vector<Evidence>& evidence, std::span<const Value> captures) {
  inner_captures_.push_back(captures);
  for (const Evidence& e : evidence) {
    auto row = std::find_if(inner_.begin(), inner_.end(), [&](const Evidence& r) { return r.label == e.label; });
    if (row == inner_.end()) row = inner_.insert(inner_.end(), Evidence{e.label, 0, {}});
    row->count += e.count;
    for (const Position& p : e.events)
      if (row->events.size() < kEvidencePerStepMax) row->events.push_back(p);
  }
}

std::size_t EventsReport::size(StepId step) const {
  return step.index == 0 && !inner_captures_.empty() ? inner_captures_.size() : steps_[step.index].size();
}

Value EventsReport::capture_of(StepId id, std::uint32_t capture, std::size_t at) const {
  if (id.index == 0 && !inner_captures_.empty())
    return capture < inner_captures_[at].size() ? inner_captures_[at][capture] : Value();
  const Step& step = pattern_.steps[id.index];
  const Event& event = *steps_[id.index][at];
  const auto& alternatives = program_.streams[step.stream.index].alternatives;
  for (std::size_t i = 0; i < alternatives.size(); ++i) {
    if (alternatives[i].type != event.type) continue;
    EvalContext context = context_;
    context.event = &event;
    context.time = event.time;
    context.match = nullptr;
    return evaluator_.evaluate(step.captures[capture][i], context);
  }
  return {};
}

Value EventsReport::captured(StepId id, std::uint32_t capture, Which which) const {
  const std::size_t n = size(id);
  switch (which) {
    case Which::last:
      return n == 0 ? Value() : capture_of(id, capture, n - 1);
    case Which::first:
      return n == 0 ? Value() : capture_of(id, capture, 0);
    case Which::all: {
      std::vector<Value> values;
      for (std::size_t i = 0; i < n; ++i)
        if (const Value value = capture_of(id, capture, i); !value.is_missing()) values.push_back(value);
      return values.empty() ? Value() : context_.scratch->list(values);  // A1
    }
  }
  return {};
}

Value EventsReport::step_time(StepId id) const {
  const auto& events = steps_[id.index];
  return events.empty() ? Value() : Value::time(events.back()->time);
}

const Event* EventsReport::first() const {
  const Event* out = first_;
  for (const auto& events : steps_)
    if (!events.empty() && (out == nullptr || total_order(*events.front(), *out) < 0)) out = events.front();
  return out;
}

const Event* EventsReport::last() const {
  const Event* out = last_;
  for (const auto& events : steps_)
    if (!events.empty() && (out == nullptr || total_order(*out, *events.back()) < 0)) out = events.back();
  return out;
}

Value EventsReport::fact(Fact fact) const {
  const Value set = facts_[static_cast<std::size_t>(fact)];
  if (!set.is_missing()) return set;
  const Event* f = first();
  const Event* l = last();
  switch (fact) {
    case Fact::count: {
      std::size_t n = 0;
      for (const auto& events : steps_) n += events.size();
      return Value::integer(static_cast<std::int64_t>(n));
    }
    case Fact::first:
      return f == nullptr ? Value() : Value::time(f->time);
    case Fact::last:
      return l == nullptr ? Value() : Value::time(l->time);
    case Fact::span:
      return f == nullptr ? Value() : Value::duration(l->time - f->time);
    case Fact::gap:
    case Fact::last_seen:
    case Fact::value:
    case Fact::baseline:
    case Fact::rank:
    case Fact::suppressed:
    case Fact::start:
    case Fact::end:
    case Fact::session_id:
    case Fact::sequence:
      return {};
  }
  return {};
}

void EventsReport::evidence(std::vector<Evidence>& out) const {
  boost::container::small_vector<std::pair<std::string_view, const Event*>, 16> rows;
  for (std::size_t i = 0; i < steps_.size(); ++i)
    for (std::size_t at = 0; at < steps_[i].size(); ++at) {
      const Event* e = steps_[i][at];
      const bool known = i == 0 && at < labels_.size();
      rows.emplace_back(known ? labels_[at] : label_of(program_, pattern_.steps[i], *e, evaluator_, context_), e);
    }
  const auto filled = std::ranges::count_if(steps_, [](const auto& events) { return !events.empty(); });
  const auto before = [](const auto& a, const auto& b) { return total_order(*a.second, *b.second) < 0; };
  // One step has its events in their order; emitted ones of one cause stand in it by what they came from (S5).
  if (filled > 1 && !std::is_sorted(rows.begin(), rows.end(), before))
    std::stable_sort(rows.begin(), rows.end(), before);
  for (const auto& [label, event] : rows) {
    auto row = std::find_if(out.begin(), out.end(), [l = label](const Evidence& e) { return e.label == l; });
    if (row == out.end()) {
      row = out.insert(out.end(), Evidence{label, 0, {}});
      row->events.reserve(std::min(rows.size(), kEvidencePerStepMax));
    }
    ++row->count;
    add_ids(*row, *event);
  }
  for (const Evidence& e : inner_) out.push_back(e);
}

}  // namespace tocsin
