#include "engine/program/bounds.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

#include "engine/base/units.h"
#include "engine/base/wording.h"
#include "engine/program/aggregates.h"
#include "engine/program/choose.h"
#include "engine/program/limits.h"

namespace tocsin {
namespace {

constexpr std::uint64_t kTimestampBytes = 8;
constexpr std::uint64_t kMarkBytes = 32;     // time, type, position
constexpr std::uint64_t kEventBytes = 192;   // time, position, key, streams it is of; its fields come on top
constexpr std::uint64_t kValueBytes = 48;    // sixteen, and 32 outside it
constexpr std::uint64_t kWindowBytes = 384;  // one aggregate kept running, before what it keeps of its events
constexpr std::uint64_t kStateBytes = 512;   // what every key has: key, flags, deadlines
constexpr std::uint64_t kAlertBytes = 768;   // an alert that is kept, before its evidence and what it carries
constexpr std::uint64_t kLabelBytes = 80;    // one list of its evidence, before the ids
constexpr std::uint64_t kIdBytes = 16;

// What an aggregate keeps of each event beside the event (match/running.h).
std::uint64_t kept_beside(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::percentile:
      return 48;  // its place in two heaps
    case AggregateKind::values:
      return 64;  // the value, and where it stands
    case AggregateKind::top:
      return 256;  // each may be another value: its row, and the row's place
    case AggregateKind::duration:
      return 96;  // that it began, and that it ended
    case AggregateKind::count:
    case AggregateKind::sum:
    case AggregateKind::avg:
    case AggregateKind::min:
    case AggregateKind::max:
    case AggregateKind::stddev:
    case AggregateKind::slope:
    case AggregateKind::distinct_count:
    case AggregateKind::first:
    case AggregateKind::last:
    case AggregateKind::rate:
    case AggregateKind::delta:
    case AggregateKind::gap_avg:
    case AggregateKind::gap_stddev:
    case AggregateKind::ema:
    case AggregateKind::ratio:
    case AggregateKind::changes:
      return 0;  // within what is said of an event
  }
  return 0;
}

class Sum {
 public:
  Sum(const RuleSet& rules, const Program& program) : rules_(rules), program_(program) {}

  Bounds rule(const RuleBody& body) {
    for (std::size_t i = 0; i < program_.patterns.size(); ++i)
      pattern(PatternId(i), i == body.when.index ? match_options(program_) : MatchOptions{});
    fired_absences(body);
    for (const EventTypeId type : types_whose_previous_is_read())
      add(1, event_bytes(type), "the last " + rules_.schema[type].name);
    for (const Budget& budget : body.budgets) sent(budget.count);
    for (const Escalation& escalation : body.escalations) sent(escalation.count);
    const bool remembers = body.learn.us != 0 || body.resolve.exists() || body.forget.us != 0 || body.remind.us != 0;
    if (out_.limited_by.empty() && !remembers) {
      out_.limited_by = "nothing is kept: each event is judged alone";
      return out_;
    }
    out_.bytes_per_key += kStateBytes + alert_bytes(body);  // the alert stays until the rule is armed or it is resolved
    if (out_.limited_by.empty()) out_.limited_by = "the state of its alert";
    return out_;
  }

  // Sessions and summaries keep their events whole until they are emitted.
  Bounds rows(StreamId of, const std::string& where) {
    add(kWindowEventsPerKeyMax, event_bytes(),
        fmt::format("every {} of {}, at most {}", label(of), where, grouped(kWindowEventsPerKeyMax)));
    for (const Cell& cell : program_.cells) out_.bytes_per_key += beside(cell);
    out_.bytes_per_key += kStateBytes;
    return out_;
  }

 private:
  // ----- words and numbers ---------------------------------------------------------------------------

  std::string label(StreamId id) const {
    if (!id.exists()) return "event";
    const Stream& stream = program_.streams[id.index];
    return stream.label.empty() ? "match" : stream.label;
  }

  static std::string every(const std::string& what, Duration d, std::uint64_t most) {
    if (d.us == 0) return fmt::format("every {}, at most {}", what, grouped(most));
    return fmt::format("every {} within {}, at most {}", what, duration_text(d), grouped(most));
  }

  static std::string last(std::uint64_t n, const std::string& what) {
    return n == 1 ? "the last " + what : fmt::format("the {} last {}", grouped(n), what);
  }

  std::uint64_t event_bytes(EventTypeId type) const {
    return kEventBytes + kValueBytes * rules_.schema[type].fields.size();
  }
  // Of the largest event that the program can keep.
  std::uint64_t event_bytes() const {
    std::uint64_t bytes = kEventBytes;
    for (const Input& input : program_.inputs) bytes = std::max(bytes, event_bytes(input.type));
    return bytes;
  }

  void add(std::uint64_t events, std::uint64_t bytes_each, std::string what) {
    out_.events_per_key += events;
    keep(events * bytes_each, std::move(what));
  }
  void keep(std::uint64_t bytes, std::string what) {
    out_.bytes_per_key += bytes;
    if (std::find(reasons_.begin(), reasons_.end(), what) != reasons_.end()) return;
    out_.limited_by += (out_.limited_by.empty() ? "" : "; ") + what;
    reasons_.push_back(std::move(what));
  }

  void sent(std::uint32_t count) {
    if (count > 0)
      add(count, kTimestampBytes,
          count == 1 ? "the time of the last alert" : fmt::format("the times of the last {} alerts", grouped(count)));
  }

  // ----- alerts --------------------------------------------------------------------------------------

  // Is a match of it one event for each step?
  bool of_single_events(const RuleBody& body) const {
    const Pattern& p = program_.patterns[body.when.index];
    const MatcherKind kind = choose_matcher(rules_, program_, body.when, match_options(program_)).kind;
    return kind == MatcherKind::latest_chain || (kind == MatcherKind::instant && p.form != Pattern::Form::holds);
  }

  // With its evidence: the ids of each step, or of each kind of event that a stream names.
  std::uint64_t alert_bytes(const RuleBody& body) const {
    std::uint64_t lists = program_.patterns[body.when.index].steps.size();
    if (!of_single_events(body))
      for (const Stream& stream : program_.streams) lists += stream.alternatives.size();
    const std::uint64_t ids = of_single_events(body) ? 1 : kEvidencePerStepMax;
    const std::size_t fields = body.alert ? body.alert->fields.size() : 0;
    return kAlertBytes + lists * (kLabelBytes + ids * kIdBytes) + (program_.key_names.size() + fields) * kValueBytes;
  }

  // F14. What a filter of the absent event may read of the match stands beside the alert.
  void fired_absences(const RuleBody& body) {
    const Pattern& p = program_.patterns[body.when.index];
    const bool waits = p.form == Pattern::Form::silence ||
                       std::ranges::any_of(p.code, [](const auto& i) { return i.op == SequenceOp::absence; });
    if (!waits || !body.alert) return;
    std::uint64_t captures = 0;
    for (const Step& step : p.steps) captures += 1 + 3 * step.captures.size();
    keep(kFiredAbsencesPerKeyMax * (alert_bytes(body) + event_bytes() + captures * kValueBytes),
         fmt::format("the {} last alerts, which a late event may withdraw", kFiredAbsencesPerKeyMax));
  }

  // ----- patterns, by the matcher that each gets -----------------------------------------------------

  void pattern(PatternId id, const MatchOptions& options) {
    const Pattern& p = program_.patterns[id.index];
    switch (choose_matcher(rules_, program_, id, options).kind) {
      case MatcherKind::sequence_search:
      case MatcherKind::every_chain:
        return add(kSeenPerKeyMax, event_bytes(), every("event that a match may need", within(p), kSeenPerKeyMax));
      case MatcherKind::latest_chain:
        return chains(p, options);
      case MatcherKind::running_window:
      case MatcherKind::window:
        return window(p);
      case MatcherKind::counter: {
        const std::uint32_t n = counter_threshold(rules_, program_, p).value_or(0);
        return add(n, kMarkBytes, last(n, label(program_.cells[p.evidence.front().index].stream)));
      }
      case MatcherKind::instant:
        return instant(p);
    }
  }

  static Duration within(const Pattern& p) {
    for (const SequenceInst& inst : p.code)
      if (inst.op == SequenceOp::match) return inst.bound;
    return {};
  }

  // The best chain of every number of steps, the last excepted; whole ones only while their absence is waited for.
  void chains(const Pattern& p, const MatchOptions& options) {
    std::vector<std::string> steps;
    bool waits = false;
    Duration wait{};
    for (const SequenceInst& inst : p.code) {
      if (inst.op == SequenceOp::take) steps.push_back(label(inst.stream));
      if (inst.op != SequenceOp::absence) continue;
      waits = true;
      wait = inst.bound;
    }
    for (std::size_t n = 1; n < steps.size(); ++n)
      add(n, event_bytes(),
          n == 1 ? "the latest " + steps[0]
                 : fmt::format("the latest {}",
                               fmt::join(steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(n), " then ")));
    if (!waits) return;
    const std::string whole = fmt::format("{}", fmt::join(steps, " then "));
    if (options.firing == Firing::always)
      add(kSeenPerKeyMax, steps.size() * event_bytes(), every(whole + " that waits", wait, kSeenPerKeyMax));
    else
      add(steps.size(), event_bytes(), "the first " + whole + " that waits");
  }

  void instant(const Pattern& p) {
    switch (p.form) {
      case Pattern::Form::without:
        return add(1, event_bytes(), "the last " + label(p.compared));
      case Pattern::Form::holds:
        return add(1 + kEvidencePerStepMax, event_bytes(),
                   fmt::format("the first and the {} newest {} of the run", kEvidencePerStepMax, label(p.stream)));
      case Pattern::Form::novelty:
        return add(kValuesPerKeyMax, kValueBytes + kTimestampBytes, every("value", p.length, kValuesPerKeyMax));
      case Pattern::Form::idle:
      case Pattern::Form::silence:
      case Pattern::Form::sequence:
      case Pattern::Form::condition:
      case Pattern::Form::aligned:
      case Pattern::Form::ranking:
        return add(1, event_bytes(), "the last " + label(p.stream));
    }
  }

  // ----- windows ---------------------------------------------------------------------------------------

  // Each window has its own limit: a flood of one event takes nothing from the window of another.
  void window(const Pattern& p) {
    std::string what;
    std::uint64_t most = 0, windows = 0;
    const auto need = [&](std::uint64_t events, const std::string& words) {
      most = std::max(most, events);
      if (what.find(words) != std::string::npos) return;
      what += (what.empty() ? "" : " and ") + words;
      ++windows;
    };
    if (p.form == Pattern::Form::ranking) need(kWindowEventsPerKeyMax, in_window(label(p.stream), p.length));
    for (std::size_t i = 0; i < program_.cells.size(); ++i) {
      const Cell& cell = program_.cells[i];
      for (const StreamId stream : {cell.stream, cell.second})
        if (stream.exists()) need(events_of(cell.window), words_of(cell, stream, p));
      out_.bytes_per_key += static_cast<std::uint64_t>(windows_before(cell)) * kWindowBytes + beside(cell);
    }
    if (most == 0) need(kWindowEventsPerKeyMax, in_window(label(p.stream), p.length));
    // Several that end in different ways are kept together up to the limit.
    const bool alone = most < kWindowEventsPerKeyMax && program_.cells.size() == 1;
    if (!alone) most = kWindowEventsPerKeyMax;
    add(most * windows, event_bytes(),
        alone ? what : fmt::format("{}, at most {}{}", what, grouped(most), windows > 1 ? " each" : ""));
  }

  static std::uint64_t beside(const Cell& cell) {
    return events_of(cell.window) * kept_beside(aggregates()[cell.function.index].kind);
  }

  static std::uint64_t events_of(const Window& window) {
    const bool numbered = window.kind == Window::Kind::last || window.kind == Window::Kind::of_last;
    return numbered ? window.count : kWindowEventsPerKeyMax;
  }

  static std::string in_window(const std::string& what, Duration length) {
    return length.us == 0 ? "every " + what : fmt::format("every {} within {}", what, duration_text(length));
  }

  std::string words_of(const Cell& cell, StreamId stream, const Pattern& p) const {
    switch (cell.window.kind) {
      case Window::Kind::span:
        return in_window(label(stream), reach_of(cell));
      case Window::Kind::last:
        return last(cell.window.count, label(stream));
      case Window::Kind::of_last:
        return last(cell.window.count, "events of the base of " + label(stream));
      case Window::Kind::streak:
        return "every " + label(stream) + " of the streak";
      case Window::Kind::chain:
        return "every " + label(stream) + " of the chain";
      case Window::Kind::frame:
        return in_window(label(stream), p.length);
      case Window::Kind::step:
        return "every " + label(stream) + " of the match";
    }
    return {};
  }

  static Duration reach_of(const Cell& cell) {
    const Duration length = cell.window.length;
    if (cell.baseline.kind == Baseline::Kind::previous) return length + length;
    if (cell.baseline.kind == Baseline::Kind::average || cell.baseline.kind == Baseline::Kind::zscore)
      return length + cell.baseline.over;
    return length;
  }

  std::vector<EventTypeId> types_whose_previous_is_read() const {
    std::vector<EventTypeId> types;
    for (const Stream& stream : program_.streams)
      for (const Alternative& a : stream.alternatives)
        if ((reads_previous(a.filter) || reads_previous(a.relation)) &&
            std::find(types.begin(), types.end(), a.type) == types.end())
          types.push_back(a.type);
    return types;
  }
  bool reads_previous(ExprId id) const {
    return id.exists() && (rules_.code.exprs[id.index].reads & kReadsPrevious) != 0;
  }

  const RuleSet& rules_;
  const Program& program_;
  Bounds out_;
  std::vector<std::string> reasons_;
};

Reach reach_of(const SessionBody& session) {
  if (session.at_most.us == 0) return {};  // as long as its events go on
  return {session.at_most, false};
}

Reach reach_of(const SummaryBody& summary, const Program& program) {
  // The last x of a duration lasts up to the key's next event, however long that takes (A7).
  const bool lasts = std::ranges::any_of(program.cells, [](const Cell& cell) {
    return aggregates()[cell.function.index].kind == AggregateKind::duration;
  });
  const bool all = summary.over_all || lasts || (summary.every_event && summary.over.us == 0);
  if (!all) return {std::max(summary.every, summary.over), false};
  return {std::nullopt, summary.forget.us == 0 && !program.by_all};
}

}  // namespace

Bounds bounds_of(const RuleSet& rules, const Program& program, const Reach& of_rule) {
  Sum sum(rules, program);
  Bounds out;
  if (const auto* rule = std::get_if<RuleBody>(&program.body)) {
    out = sum.rule(*rule);
    out.reach = of_rule;
  } else if (const auto* session = std::get_if<SessionBody>(&program.body)) {
    out = sum.rows(session->of, "the session");
    out.reach = reach_of(*session);
  } else {
    const auto& summary = std::get<SummaryBody>(program.body);
    out = sum.rows(summary.of, "the window");
    out.reach = reach_of(summary, program);
  }
  return out;
}

}  // namespace tocsin
