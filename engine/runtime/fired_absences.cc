#include "engine/runtime/fired_absences.h"

#include <algorithm>

#include "engine/program/hash.h"
#include "engine/program/limits.h"
#include "engine/runtime/alert_maker.h"

namespace tocsin {
namespace {

constexpr Which kWhich[] = {Which::last, Which::first, Which::all};

bool relates(const Stream& stream) {
  return std::any_of(stream.alternatives.begin(), stream.alternatives.end(),
                     [](const Alternative& a) { return a.relation.exists(); });
}

// Step after step: its time, then each capture in every way that it can be read.
OwnedValues steps_of(const Pattern& pattern, const Report& report) {
  std::vector<Value> values;
  for (std::size_t s = 0; s < pattern.steps.size(); ++s) {
    values.push_back(report.step_time(StepId{s}));
    for (std::uint32_t c = 0; c < pattern.steps[s].captures.size(); ++c)
      for (const Which which : kWhich) values.push_back(report.captured(StepId{s}, c, which));
  }
  return OwnedValues(values);
}

std::uint64_t words_of(const Pattern& pattern) {
  std::string out;
  for (const Step& step : pattern.steps) {
    out += '\n';
    for (const std::string& name : step.capture_names) out += name + ' ';
  }
  return hash_of(out);
}

}  // namespace

// A match that is over, as a filter of x reads it.
class FiredAbsences::Steps : public MatchView {
 public:
  Steps(const Pattern& pattern, const OwnedValues& values) : pattern_(pattern), values_(values.values()) {}
  Value captured(StepId step, std::uint32_t capture, Which which) const override {
    const auto at = static_cast<std::size_t>(std::find(std::begin(kWhich), std::end(kWhich), which) - kWhich);
    return value(begin_of(step) + 1 + capture * std::size(kWhich) + at);
  }
  Value step_time(StepId step) const override { return value(begin_of(step)); }
  Value cell(CellId) const override { return {}; }
  Value fact(Fact) const override { return {}; }

 private:
  Value value(std::size_t i) const { return i < values_.size() ? values_[i] : Value(); }
  std::size_t begin_of(StepId step) const {
    std::size_t begin = 0;
    for (std::size_t s = 0; s < step.index; ++s) begin += 1 + pattern_.steps[s].captures.size() * std::size(kWhich);
    return begin;
  }
  const Pattern& pattern_;
  std::span<const Value> values_;
};

StreamId absent_of(const Pattern& pattern) {
  if (pattern.form == Pattern::Form::silence) return pattern.stream;
  if (pattern.form != Pattern::Form::sequence) return {};
  // It ends the pattern: behind it stand only ends of groups.
  const auto last = std::find_if(pattern.code.rbegin(), pattern.code.rend(), [](const SequenceInst& i) {
    return i.op != SequenceOp::match && i.op != SequenceOp::close;
  });
  return last == pattern.code.rend() || last->op != SequenceOp::absence ? StreamId{} : last->stream;
}

bool FiredAbsences::remember(const Program& program, const Pattern& pattern, const Alert& alert, const Report& report) {
  const Time now = alert.fired;
  std::erase_if(fired_, [now](const Fired& f) { return f.forgotten < now; });
  Fired fired;
  fired.alert = alert;
  fired.until = now;
  fired.from = now - pattern.length;
  if (const Event* last = report.last()) {
    fired.after.emplace(*last, StreamSet());
    fired.from = last->time;
  }
  fired.forgotten = now + std::clamp(now - fired.from, hours(1), days(1));
  if (relates(program.streams[absent_of(pattern).index])) {
    fired.of_its_steps = steps_of(pattern, report);
    fired.words = words_of(pattern);
  }
  fired_.push_back(std::move(fired));
  if (fired_.size() <= kFiredAbsencesPerKeyMax) return true;
  fired_.erase(fired_.begin());
  return false;
}

std::vector<Alert> FiredAbsences::disproved_by(const Event& event, EvalContext context, Time now,
                                               const Program& program, const Pattern& pattern,
                                               const Evaluator& evaluator) {
  std::vector<Alert> out;
  const Stream& absent = program.streams[absent_of(pattern).index];
  const std::uint64_t words = fired_.empty() ? 0 : words_of(pattern);
  const auto fits = [&](const Fired& fired) {
    static const OwnedValues kNone;
    const Steps steps(pattern, fired.words == words ? fired.of_its_steps : kNone);
    context.match = &steps;
    return std::any_of(absent.alternatives.begin(), absent.alternatives.end(), [&](const Alternative& a) {
      return a.type == event.type && (!a.filter.exists() || evaluator.holds(a.filter, context)) &&
             (!a.relation.exists() || evaluator.holds(a.relation, context));
    });
  };
  std::erase_if(fired_, [&](const Fired& fired) {
    if (fired.forgotten < now) return true;
    const bool in_time = event.time <= fired.until &&
                         (fired.after ? total_order(fired.after->event(), event) < 0 : event.time > fired.from);
    if (!in_time || !fits(fired)) return false;
    out.push_back(fired.alert);
    return true;
  });
  return out;
}

std::size_t FiredAbsences::bytes() const {
  std::size_t sum = 0;
  for (const Fired& f : fired_)
    sum +=
        sizeof(Fired) - sizeof(Alert) + bytes_of(f.alert) + f.of_its_steps.bytes() + (f.after ? f.after->bytes() : 0);
  return sum;
}

}  // namespace tocsin
