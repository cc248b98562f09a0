#include "engine/runtime/keyed.h"

#include <algorithm>

#include "engine/event/key.h"

namespace tocsin {

const Input* input_of(const Program& program, EventTypeId type) {
  const auto at =
      std::find_if(program.inputs.begin(), program.inputs.end(), [type](const Input& i) { return i.type == type; });
  return at == program.inputs.end() ? nullptr : &*at;
}

std::optional<std::vector<SlotId>> key_fields(const RuleSet& rules, const Role& role) {
  std::vector<SlotId> out;
  for (const ExprId part : role.key) {
    const Expr& e = rules.code.exprs[part.index];
    if (e.end - e.begin != 1 || rules.code.instructions[e.begin].op != ExprOp::field) return std::nullopt;
    out.emplace_back(std::size_t{rules.code.instructions[e.begin].a});
  }
  return out;
}

namespace {

// False: a part of it is missing.
bool work_out_key(const Role& role, const EvalContext& context, const Evaluator& evaluator, KeyedVisit& out) {
  for (const ExprId part : role.key) {
    const Value value = evaluator.evaluate(part, context);
    if (value.is_missing()) return false;
    append_key(out.key, value);
    out.values.push_back(value);
  }
  return true;
}

void keys_of(const Input& input, const EvalContext& context, const Evaluator& evaluator, KeyedVisits& out) {
  for (const Role& role : input.roles) {
    KeyedVisit& visit = out.add();
    if (!work_out_key(role, context, evaluator, visit)) {
      out.drop_last();
      continue;
    }
    if (role.steps.empty()) visit.steps = ~StepSet();
    for (const StepId s : role.steps) visit.steps.set(s.index);
    // One event under one key is seen once, in all the parts that it can play there: it still fills one place (Q1).
    const auto before = out.all().first(out.all().size() - 1);
    const auto same =
        std::find_if(before.begin(), before.end(), [&](const KeyedVisit& v) { return v.key == visit.key; });
    if (same == before.end()) continue;
    same->steps |= visit.steps;
    out.drop_last();
  }
}

}  // namespace

std::span<KeyedVisit> visits_of(const RunContext& context, ProgramId id, const Event& event,
                                ProgramCounters& counters) {
  KeyedVisits& out = *context.visits;
  out.clear();
  const Program& program = context.rules->programs[id.index];
  const Input* input = input_of(program, event.type);
  if (input == nullptr) return {};
  const EvalContext at = context.at(&event, event.time);
  keys_of(*input, at, *context.evaluator, out);
  const bool counts = out.empty() ? context.share.has_keyless() : context.share.has(id, out.all().front().key);
  if (input->refused.exists() && context.evaluator->holds(input->refused, at)) {
    counters.refused += counts;
    return {};  // it does not exist here
  }
  if (out.empty()) {
    counters.missing_key += counts;
    return {};
  }
  if (!context.share.is_all()) out.drop([&](const KeyedVisit& v) { return !context.share.has(id, v.key); });
  return out.all();
}

StreamFilters::StreamFilters(const Program& program) {
  for (std::size_t i = 0; i < program.streams.size(); ++i)
    for (const Alternative& a : program.streams[i].alternatives)
      filters_.push_back({static_cast<std::uint32_t>(i), a.type, a.filter});
}

StreamSet StreamFilters::fits(const EvalContext& context, const Evaluator& evaluator) const {
  StreamSet out;
  for (const Filter& f : filters_)
    if (f.type == context.event->type && !out[f.stream] && evaluator.holds(f.filter, context)) out.set(f.stream);
  return out;
}

Duration step_of_index(std::span<const Duration> waits) {
  constexpr Duration kLeast = seconds(1), kMost = days(1);
  Duration shortest = kMost;
  for (const Duration wait : waits)
    if (wait.us > 0) shortest = std::min(shortest, Duration{wait.us / 64});
  Duration out = kLeast;
  while (2 * out.us <= shortest.us) out = Duration{2 * out.us};
  return out;
}

void StreamFilters::add_memory(const Evaluator& evaluator, std::vector<const void*>& out) const {
  out.push_back(filters_.data());
  for (const Filter& f : filters_) evaluator.add_memory(f.filter, out);
}

}  // namespace tocsin
