// The report of every form but sequences: the events of each step as a list, the facts as values.
#pragma once

#include <array>
#include <boost/container/small_vector.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/match/report.h"
#include "engine/match/seen.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"

namespace tocsin {

// What evidence calls an event of `step`: the step's label, or that of the alternative which it is of (F17).
std::string_view label_of(const Program& program, const Step& step, const Event& event, const Evaluator& evaluator,
                          const EvalContext& context);

// The program's own copy of a label that is written like this, for evidence that comes out of durable state; nothing:
// it has none.
std::optional<std::string_view> label_named(const Program& program, std::string_view text);

// A label in durable state: as it is written; read, it is the program's own again. `renamed`: what stands for one that
// the program does not have any more.
template <class Archive>
void label_parts(Archive& a, const Program& program, std::string_view& label, std::string_view renamed) {
  std::string text(label);
  a(text);
  if constexpr (Archive::kReads) label = label_named(program, text).value_or(renamed);
}
// What the step calls events of the type.
std::string_view label_of_type(const Program& program, const Step& step, EventTypeId type);

// What is kept of an event for the alert has no name but a number. Another text keeps other values, or in another
// order: so durable state says by these words which they were, and what is read is put where it belongs today. What was
// not kept is missing.
using CaptureWords = std::vector<std::uint32_t>;
CaptureWords capture_words(const RuleSet& rules, const Program& program, const Step& step);
OwnedValues captures_of_today(const OwnedValues& kept, const CaptureWords& then, const CaptureWords& today);

class EventsReport : public Report {
 public:
  // REQUIRES: pattern, evaluator and context outlive the report.
  EventsReport(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const EvalContext& context,
               Time at)
      : program_(program),
        pattern_(pattern),
        evaluator_(evaluator),
        context_(context),
        at_(at),
        steps_(pattern.steps.size()) {}

  // Adds an event of step `step`, in the total order. REQUIRES: it outlives the report.
  void add(std::size_t step, const Event& event) { steps_[step].push_back(&event); }
  // The same for all events of step 0, where a label could not be found later: `previous` is another one by then.
  void add_labelled(const Event& event, std::string_view label) {
    add(0, event);
    labels_.push_back(label);
  }
  // A match of a counted group, which has no event of its own: its evidence, and what step 0 captures of it. REQUIRES:
  // the captures outlive the report; all of the step are matches, or none is.
  void add_match(const std::vector<Evidence>& evidence, std::span<const Value> captures);
  void set(Fact fact, Value value) { facts_[static_cast<std::size_t>(fact)] = value; }
  void set_cells(std::function<Value(CellId)> cells) { cells_ = std::move(cells); }
  // Where the first and last event are not those of the steps (counted groups).
  void bound(const Event* first, const Event* last) {
    first_ = first;
    last_ = last;
  }

  Value captured(StepId step, std::uint32_t capture, Which which) const override;
  Value step_time(StepId step) const override;
  Value cell(CellId cell) const override { return cells_ ? cells_(cell) : Value(); }
  Value fact(Fact fact) const override;
  Time at() const override { return at_; }
  const Event* first() const override;
  const Event* last() const override;
  void evidence(std::vector<Evidence>& out) const override;

 private:
  std::size_t size(StepId step) const;
  Value capture_of(StepId step, std::uint32_t capture, std::size_t i) const;

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  const EvalContext& context_;
  Time at_;
  std::vector<boost::container::small_vector<const Event*, 8>> steps_;
  std::vector<std::string_view> labels_;  // of step 0; none: they are found
  std::vector<Evidence> inner_;
  std::vector<std::span<const Value>> inner_captures_;
  std::array<Value, 16> facts_{};
  std::function<Value(CellId)> cells_;
  const Event* first_ = nullptr;
  const Event* last_ = nullptr;
};

}  // namespace tocsin
