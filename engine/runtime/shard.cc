#include "engine/runtime/shard.h"

#include <algorithm>
#include <tuple>
#include <utility>

namespace tocsin {

Shard::Shard(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference)
    : rules_(std::move(rules)), reference_(std::move(reference)), evaluator_(rules_->code) {
  RunContext context;
  context.rules = rules_.get();
  context.evaluator = &evaluator_;
  context.reference = reference_.get();
  context.scratch = &scratch_;
  context.runners = &runners_;
  wanted_by_.resize(rules_->schema.types.size());
  for (std::size_t i = 0; i < rules_->programs.size(); ++i) {
    runners_.push_back(make_runner(context, ProgramId{i}));
    for (const Input& input : rules_->programs[i].inputs)
      wanted_by_[input.type.index].push_back(static_cast<std::uint32_t>(i));
  }
  watching_.assign(runners_.size(), false);
}

Shard::~Shard() = default;

void Shard::begin_source(std::span<const EventTypeId> carried, Time from) {
  // Before the first event of the source, at its time: what begins to watch rings from here on.
  advance({from, Phase::event});
  std::vector<bool> reads(runners_.size(), false);
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    const Program& program = rules_->programs[i];
    reads[i] = std::any_of(program.inputs.begin(), program.inputs.end(), [&](const Input& input) {
      return std::find(carried.begin(), carried.end(), input.type) != carried.end();
    });
    for (const ProgramId used : program.after) reads[i] = reads[i] || reads[used.index];
    if (!reads[i] || watching_[i]) continue;
    watching_[i] = true;
    runners_[i]->watch(from);
  }
}

void Shard::on_event(const Event& event) {
  advance({event.time, Phase::event});
  ++cause_;
  ordinal_ = 0;
  deliver(event, cause_, 0);
  scratch_.reset();
}

// Programs stand in an order in which each is behind those it uses, and an emitted event right behind its cause (S5).
void Shard::deliver(const Event& event, std::uint64_t cause, std::uint32_t depth) {
  std::vector<Emitted> emitted;
  for (const std::uint32_t i : wanted_by_[event.type.index]) {
    Outputs out;
    runners_[i]->on_event(event, cause, depth, out);
    std::move(out.alerts.begin(), out.alerts.end(), std::back_inserter(alerts_));
    std::move(out.emitted.begin(), out.emitted.end(), std::back_inserter(emitted));
  }
  deliver_emitted(std::move(emitted), cause, depth);
}

void Shard::deliver_emitted(std::vector<Emitted> emitted, std::uint64_t cause, std::uint32_t) {
  // Those of one cause leave by rule name, then key.
  std::stable_sort(emitted.begin(), emitted.end(), [this](const Emitted& a, const Emitted& b) {
    return std::tie(rules_->programs[a.by.index].name, a.key_bytes) <
           std::tie(rules_->programs[b.by.index].name, b.key_bytes);
  });
  for (Emitted& e : emitted) {
    Event event;
    event.type = e.type;
    event.time = e.time;
    if (!e.origins.empty()) event.position = e.origins.back();
    event.ordinal = ++ordinal_;
    event.fields = e.fields.values();
    event.origins = e.origins;
    if (!e.enriched) deliver(event, cause, event.ordinal);
    emitted_.push_back(std::move(e));
  }
}

void Shard::on_instant(Instant now) {
  ordinal_ = 0;
  std::vector<Emitted> later;
  for (const auto& runner : runners_) {
    const auto due = runner->due();
    if (!due || *due > now) continue;
    Outputs out;
    runner->on_instant(now, out);
    std::move(out.alerts.begin(), out.alerts.end(), std::back_inserter(alerts_));
    // For those who use it, an emitted event is one of the events at its time: after their (1), before their (3) (S5).
    if (now.phase == Phase::over)
      std::move(out.emitted.begin(), out.emitted.end(), std::back_inserter(later));
    else
      deliver_emitted(std::move(out.emitted), 0, 0);
  }
  deliver_emitted(std::move(later), 0, 0);
  scratch_.reset();
}

std::optional<Instant> Shard::due(bool renewing) const {
  std::optional<Instant> out;
  for (const auto& runner : runners_) {
    const auto due = renewing ? runner->due() : runner->due_but_renewing();
    if (due && (!out || *due < *out)) out = due;
  }
  return out;
}

void Shard::advance(Instant before) {
  for (auto next = due(true); next && *next < before; next = due(true)) on_instant(*next);
}

void Shard::advance_through(Time through) {
  for (auto next = due(true); next && next->time <= through; next = due(true)) on_instant(*next);
}

std::vector<Alert> Shard::take_alerts() {
  std::stable_sort(alerts_.begin(), alerts_.end(), [this](const Alert& a, const Alert& b) {
    if (a.order.at != b.order.at) return a.order.at < b.order.at;
    if (a.order.cause != b.order.cause) return a.order.cause < b.order.cause;
    return std::tie(rules_->programs[a.rule.index].name, a.key_bytes) <
           std::tie(rules_->programs[b.rule.index].name, b.key_bytes);
  });
  return std::exchange(alerts_, {});
}

std::vector<Emitted> Shard::take_emitted() { return std::exchange(emitted_, {}); }

}  // namespace tocsin
