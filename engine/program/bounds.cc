#include "engine/program/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/program/aggregates.h"
#include "engine/program/limits.h"

namespace tocsin {
namespace {

constexpr std::uint64_t kTimestampBytes = 8;
constexpr std::uint64_t kValueBytes = 48;  // sixteen, and 32 outside it
constexpr std::uint64_t kEventBytes = 64;  // time, position, place in the order
constexpr std::uint64_t kStateBytes = 64;  // what every key has: key, flags, deadlines

std::string text_of(Duration d) {
  static constexpr std::pair<std::int64_t, const char*> kUnits[] = {
      {86'400'000'000, "d"}, {3'600'000'000, "h"}, {60'000'000, "m"}, {1'000'000, "s"}, {1'000, "ms"}, {1, "us"}};
  std::string text;
  for (const auto& [size, unit] : kUnits) {
    if (d.us >= size) text += std::to_string(d.us / size) + unit;
    d.us %= size;
  }
  return text.empty() ? "0s" : text;
}

std::string grouped(std::uint64_t n) {
  std::string text = std::to_string(n);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, ",");
  return text;
}

class Sum {
 public:
  Sum(const Program& program, const Code& code) : program_(program), code_(code) {}

  Bounds rule(const RuleBody& body) {
    rule_ = &body;
    for (std::size_t i = 0; i < program_.patterns.size(); ++i) pattern(program_.patterns[i], i == body.when.index);
    for (const Budget& budget : body.budgets)
      add(budget.count, kTimestampBytes,
          budget.count == 1 ? "the time of the last alert"
                            : fmt::format("the times of the last {} alerts", budget.count));
    for (const Cell& cell : program_.cells) window(cell);
    out_.bytes_per_key += kStateBytes;
    if (out_.limited_by.empty()) out_.limited_by = "a running value of the window";
    if (stateless_) out_ = {};
    if (stateless_) out_.limited_by = "nothing is kept: each event is judged alone";
    out_.keeps_every_key = keeps_every_key(body);
    return out_;
  }

  Bounds rows(Duration longest, const std::string& what) {
    out_.longest_window = longest;
    out_.bytes_per_key = kStateBytes;
    for (const Cell& cell : program_.cells) keep_rows(cell, what);
    if (out_.limited_by.empty()) out_.limited_by = fmt::format("{} running values of {}", program_.cells.size(), what);
    return out_;
  }

 private:
  std::string label(StreamId id) const {
    if (!id.exists()) return "events";
    const Stream& stream = program_.streams[id.index];
    return stream.label.empty() ? "matches" : stream.label;
  }

  void add(std::uint64_t events, std::uint64_t bytes_each, std::string what) {
    out_.events_per_key += events;
    out_.bytes_per_key += events * bytes_each;
    if (std::find(reasons_.begin(), reasons_.end(), what) != reasons_.end()) return;
    out_.limited_by += (out_.limited_by.empty() ? "" : "; ") + what;
    reasons_.push_back(std::move(what));
  }

  void longest(Duration d) { out_.longest_window = std::max(out_.longest_window, d); }

  // ----- patterns ----------------------------------------------------------------------------------

  void pattern(const Pattern& p, bool fires) {
    stateless_ = stateless_ && p.form == Pattern::Form::sequence && p.steps.size() == 1 && p.code.size() == 2 &&
                 p.code.front().op == SequenceOp::take && fires && no_memory();
    switch (p.form) {
      case Pattern::Form::sequence:
        return sequence(p);
      case Pattern::Form::condition:
      case Pattern::Form::aligned:
        return condition(p);
      case Pattern::Form::idle:
        longest(p.length);
        return add(1, kEventBytes, "the last " + label(p.compared));
      case Pattern::Form::without:
        longest(p.length);
        return add(1, kEventBytes, "the last " + label(p.compared));
      case Pattern::Form::silence:
        longest(p.length);
        return add(1, kEventBytes, "the last " + label(p.stream));
      case Pattern::Form::holds:
        longest(p.length);
        return add(1, kEventBytes, "the first " + label(p.stream) + " of the run");
      case Pattern::Form::novelty:
        longest(p.length);
        return add(kValuesPerKeyMax, kValueBytes + kTimestampBytes,
                   fmt::format("every value of the last {}, at most {}", text_of(p.length), grouped(kValuesPerKeyMax)));
      case Pattern::Form::ranking:
        longest(p.length);
        return add(kWindowEventsPerKeyMax, kValueBytes + kTimestampBytes,
                   every(label(p.stream), p.length, kWindowEventsPerKeyMax));
    }
  }

  // Nothing of the rule remembers a key: no edge, no budget, no open alert.
  bool no_memory() const {
    return rule_->budgets.empty() && !rule_->resolve.exists() && rule_->learn.us == 0 && rule_->escalations.empty() &&
           rule_->remind.us == 0 && !reads_previous();
  }

  static std::string every(const std::string& what, Duration d, std::uint64_t most) {
    if (d.us == 0) return fmt::format("every {}, at most {}", what, grouped(most));
    return fmt::format("every {} within {}, at most {}", what, text_of(d), grouped(most));
  }

  std::uint64_t bytes_of_step(const Step& step) const { return kEventBytes + kValueBytes * step.captures.size(); }

  // Every event that a match may still need is kept, and searched when one could complete a match.
  void sequence(const Pattern& p) {
    Duration within{};
    for (const SequenceInst& inst : p.code) {
      if (inst.op == SequenceOp::match) within = inst.bound;
      if (inst.op == SequenceOp::absence) longest(inst.bound);
    }
    longest(within);
    std::uint64_t bytes = kEventBytes;
    for (const Step& step : p.steps) bytes = std::max(bytes, bytes_of_step(step));
    if (p.code.size() == 2 && p.code.front().op == SequenceOp::take) return;
    add(kSeenPerKeyMax, bytes, every("candidate", within, kSeenPerKeyMax));
  }

  // A plain `N x within D` that cannot show more than N needs the N last times only.
  bool ring(const Pattern& p, const Cell& cell) const {
    return p.form == Pattern::Form::condition && p.evidence.size() == 1 && cell.window.kind == Window::Kind::span &&
           aggregates()[cell.function.index].kind == AggregateKind::count &&
           cell.baseline.kind == Baseline::Kind::none && rule_->firing != Firing::always && !rule_->where.exists() &&
           rule_->learn.us == 0 && rule_->mutes.empty() && !rule_->resolve.exists() && rule_->budgets.empty() &&
           !p.judged_at_expiry && p.hold.us == 0 && threshold(p) > 0;
  }
  std::uint64_t threshold(const Pattern& p) const {
    const Expr& e = code_.exprs[p.condition.index];
    if (e.end - e.begin != 3 || code_.instructions[e.begin + 2].op != ExprOp::greater_equal) return 0;
    const ExprInst& n = code_.instructions[e.begin + 1];
    const auto* value = n.op == ExprOp::constant ? std::get_if<std::int64_t>(&code_.constants[n.a].value) : nullptr;
    return value != nullptr && *value > 0 ? static_cast<std::uint64_t>(*value) : 0;
  }

  void condition(const Pattern& p) {
    longest(p.length);
    longest(p.hold);
    for (const CellId id : p.evidence) {
      const Cell& cell = program_.cells[id.index];
      if (ring(p, cell)) {
        longest(cell.window.length);
        add(threshold(p), kTimestampBytes,
            fmt::format("the {} last timestamps of {}", grouped(threshold(p)), label(cell.stream)));
        done_.push_back(id);
      }
    }
  }

  void window(const Cell& cell) {
    const CellId id(static_cast<std::size_t>(&cell - program_.cells.data()));
    const Duration length = cell.window.length;
    longest(cell.window.cap);
    longest(length + (cell.baseline.kind == Baseline::Kind::previous ? length : Duration{}));
    if (cell.baseline.kind == Baseline::Kind::average || cell.baseline.kind == Baseline::Kind::zscore)
      longest(length + cell.baseline.over);
    if (std::find(done_.begin(), done_.end(), id) != done_.end()) return;
    const bool valued = cell.stream.exists() && !program_.streams[cell.stream.index].alternatives.empty() &&
                        !program_.streams[cell.stream.index].alternatives.front().values.empty();
    const std::uint64_t each = kTimestampBytes + (valued ? kValueBytes : 0);
    switch (cell.window.kind) {
      case Window::Kind::span: {
        Duration reach = length;
        if (cell.baseline.kind == Baseline::Kind::previous) reach = length + length;
        if (cell.baseline.kind == Baseline::Kind::average || cell.baseline.kind == Baseline::Kind::zscore)
          reach = length + cell.baseline.over;
        return add(kWindowEventsPerKeyMax, each, every(label(cell.stream), reach, kWindowEventsPerKeyMax));
      }
      case Window::Kind::last:
        return add(cell.window.count, each,
                   fmt::format("the {} last {}", grouped(cell.window.count), label(cell.stream)));
      case Window::Kind::of_last:
        return add(cell.window.count, each, fmt::format("the last {} events of the base", grouped(cell.window.count)));
      case Window::Kind::streak:
        return add(kEvidencePerStepMax, each,
                   fmt::format("a count, and the first {} of the streak", kEvidencePerStepMax));
      case Window::Kind::chain:
        return add(kEvidencePerStepMax, each,
                   fmt::format("a count, and the first {} of the chain", kEvidencePerStepMax));
      case Window::Kind::frame:
        return keep_rows(cell, "the window");
      case Window::Kind::step:
        return;  // counted with the step
    }
  }

  // Running values need no events; quantiles, lists and distinct values do.
  void keep_rows(const Cell& cell, const std::string& what) {
    const AggregateKind kind = aggregates()[cell.function.index].kind;
    const bool keeps = kind == AggregateKind::percentile || kind == AggregateKind::values ||
                       kind == AggregateKind::distinct_count || kind == AggregateKind::top;
    if (keeps)
      add(kWindowEventsPerKeyMax, kValueBytes,
          fmt::format("every value of {}, at most {}", what, grouped(kWindowEventsPerKeyMax)));
    else
      out_.bytes_per_key += kValueBytes;
  }

  // ----- F10 ---------------------------------------------------------------------------------------

  bool reads_previous() const {
    return std::any_of(program_.streams.begin(), program_.streams.end(), [&](const Stream& stream) {
      return std::any_of(stream.alternatives.begin(), stream.alternatives.end(), [&](const Alternative& a) {
        return (reads(a.filter) & kReadsPrevious) != 0 || (reads(a.relation) & kReadsPrevious) != 0;
      });
    });
  }
  std::uint16_t reads(ExprId id) const { return id.exists() ? code_.exprs[id.index].reads : std::uint16_t{0}; }

  bool keeps_every_key(const RuleBody& body) const {
    if (program_.by_all || body.forget.us != 0 || program_.keys_from.exists()) return false;
    if (body.learn.us != 0 || body.resolve.exists() || reads_previous()) return true;
    const Pattern& when = program_.patterns[body.when.index];
    if (when.form == Pattern::Form::idle || when.form == Pattern::Form::holds || when.needs_seen) return true;
    return std::any_of(when.evidence.begin(), when.evidence.end(), [&](CellId id) {
      const Cell& cell = program_.cells[id.index];
      return cell.window.kind == Window::Kind::streak ||
             aggregates()[cell.function.index].kind == AggregateKind::changes;
    });
  }

  const Program& program_;
  const Code& code_;
  const RuleBody* rule_ = nullptr;
  Bounds out_;
  std::vector<std::string> reasons_;
  std::vector<CellId> done_;
  bool stateless_ = true;
};

}  // namespace

Bounds bounds_of(const Program& program, const Code& code) {
  if (const auto* rule = std::get_if<RuleBody>(&program.body)) return Sum(program, code).rule(*rule);
  if (const auto* session = std::get_if<SessionBody>(&program.body)) {
    Duration longest = session->at_most;
    for (const SessionBody::Gap& gap : session->gaps) longest = std::max(longest, gap.idle);
    return Sum(program, code).rows(longest, "the session");
  }
  const auto& summary = std::get<SummaryBody>(program.body);
  Bounds out = Sum(program, code).rows(std::max(summary.every, summary.over), "the window");
  out.keeps_every_key = summary.over_all && summary.forget.us == 0 && !program.by_all;
  return out;
}

}  // namespace tocsin
