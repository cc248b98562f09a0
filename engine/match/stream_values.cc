#include "engine/match/stream_values.h"

#include "engine/event/key.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

void set_event(EvalContext& context, const Event& event) {
  context.event = &event;
  context.time = event.time;
  context.match = nullptr;
}

}  // namespace

bool append_values(std::string& key, const Program& program, StreamId stream, const Event& event, EvalContext context,
                   const Evaluator& evaluator) {
  set_event(context, event);
  for (const Alternative& a : program.streams[stream.index].alternatives) {
    if (a.type != event.type) continue;
    for (const ExprId id : a.values) {
      const Value value = evaluator.evaluate(id, context);
      if (value.is_missing()) return false;
      append_key(key, value);
    }
    return true;
  }
  return false;
}

Value sample_value(const Program& program, StreamId stream, const Event& event, EvalContext context,
                   const Evaluator& evaluator) {
  set_event(context, event);
  for (const Alternative& a : program.streams[stream.index].alternatives) {
    if (a.type != event.type || a.values.empty()) continue;
    if (a.values.size() == 1) return evaluator.evaluate(a.values.front(), context);
    std::string key;
    return append_values(key, program, stream, event, context, evaluator) ? Value::text(context.scratch->text(key))
                                                                          : Value();
  }
  return {};
}

}  // namespace tocsin
