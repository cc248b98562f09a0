#include "engine/runtime/engine.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <string>
#include <utility>

#include "engine/base/contract.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"

namespace tocsin {

Engine::Engine(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
               const EngineOptions& options)
    : options_(options), rules_(std::move(rules)) {
  auto shards = make_shards(std::move(reference));
  for (std::size_t level = 1; level < levels(); ++level) stairs_.push_back(std::make_unique<Stair>(options_.shards));
  for (std::size_t i = 0; i < shards.size(); ++i) {
    const std::size_t level = i / options_.shards;
    lanes_.push_back(std::make_unique<Lane>(std::move(shards[i]), i % options_.shards,
                                            level == 0 ? nullptr : stairs_[level - 1].get(),
                                            level == stairs_.size() ? nullptr : stairs_[level].get()));
  }
  alerts_.resize(lanes_.size());
  emitted_.resize(lanes_.size());
}

Engine::~Engine() = default;

std::vector<std::unique_ptr<Shard>> Engine::make_shards(std::shared_ptr<const ReferenceData> reference) {
  placement_ = std::make_shared<const Placement>(*rules_, options_.shards);
  index_.reset();
  if (options_.fast && options_.shards > 1) index_.emplace(*rules_);
  router_ = make_router();
  std::vector<std::unique_ptr<Shard>> out;
  for (std::uint32_t level = 0; level < levels(); ++level)
    for (std::uint32_t i = 0; i < options_.shards; ++i)
      out.push_back(std::make_unique<Shard>(rules_, reference, placement_, i, options_, level));
  return out;
}

std::size_t Engine::add_partition(SourceId source, std::span<const EventTypeId> carried, Duration idle_after,
                                  std::optional<Lateness> wait) {
  const Lateness lateness = wait ? *wait : lateness_of(rules().schema, carried);
  sources_ = std::max(sources_, std::size_t{source.index} + 1);
  wait_ = std::max({wait_, lateness.fixed, lateness.adaptive_up_to});
  for (const auto& lane : lanes_) lane->set_wait(wait_);
  intakes_.emplace_back(lateness, lanes_.size());
  return board_.add_partition(source, carried, lateness, idle_after);
}

Time Engine::swap(std::shared_ptr<const ReferenceData> reference, Time from) {
  return board_.swap(std::move(reference), from);
}

Result<void> Engine::install(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference) {
  rules_ = std::move(rules);
  std::vector<std::unique_ptr<Shard>> before, after = make_shards(std::move(reference));
  TOCSIN_ASSERT(after.size() == lanes_.size());
  for (const auto& lane : lanes_) before.push_back(lane->take_shard());
  std::vector<std::string> names;  // any that tell them apart
  for (std::size_t i = 0; i < sources_; ++i) names.push_back(std::to_string(i));
  if (auto handed = hand_over(before, after, names, passed_at(board_.frontier())); !handed) return handed;
  restored_at_ = board_.frontier().timers_before;
  board_.drop_swaps();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    for (const News::Begin& begin : board_.begun()) after[i]->begin_watching(begin.carried, board_.open());
    lanes_[i]->set_shard(std::move(after[i]));
  }
  return {};
}

void Engine::take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch) {
  late_now_.clear();
  late_.clear();
  router_->route(*batch, routes_);
  const Extent all{0, std::numeric_limits<std::uint64_t>::max(), {}};  // nobody asks where it stands
  if (!batch->empty()) put(partition, batch, routes_, late_now_, all);
  for (const LateEvent& late : late_now_) late_.push_back(late.event);
  judge();
}

void Engine::put(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, const Routes& routes,
                 std::vector<LateEvent>& late, const Extent& extent) {
  Intake& intake = intakes_[partition];
  const std::size_t late_before = late.size();
  intake.sort_out(batch, extent.arrived, board_.spoke(partition), routes, rules_->schema, late);
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (!intake.parcels()[i].empty()) {
      intake.parcels()[i].first_offset = extent.first;
      lanes_[i]->put(std::move(intake.parcels()[i]));
    }
  intake.came().first_offset = extent.first;
  intake.came().next_offset = extent.next;
  intake.came().arrived = extent.arrived;
  board_.came(partition, intake.clock(), intake.came());
  events_ += intake.accepted();
  late_count_ += late.size() - late_before;
}

void Engine::track(std::span<Changes> changes, std::span<Cold> cold, std::span<const std::uint32_t> numbers,
                   bool is_known, std::span<const ProgramId> unknown) {
  board_.track();
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    lanes_[i]->shard().track({&changes[i % options_.shards], numbers, is_known, &cold[i % options_.shards], unknown});
}

bool Engine::load(ProgramId program, const StateAddress& address, StateReader& in) {
  if (address.kind != StateKind::program) {
    const std::uint32_t shard = placement_->shard_of(placement_->group_of(program, address.kind, address.key));
    return lanes_[lane_of(shard, placement_->level(program))]->shard().load(program, address, in);
  }
  Watching since;
  in(since);
  for (const auto& lane : lanes_) lane->shard().watched(program, since);
  return in.ok();
}

void Engine::lost(ProgramId program, const Lost& lost) {
  for (const auto& lane : lanes_) lane->shard().lost(program, lost);
}

void Engine::resume(const Cut& cut) {
  board_.resume(cut);
  restored_at_ = cut.frontier.timers_before;
  for (std::size_t i = 0; i < intakes_.size(); ++i) intakes_[i].resume(cut.partitions[i], cut.frontier);
  for (const auto& lane : lanes_) {
    lane->shard().restored(passed_at(cut.frontier));
    for (const News::Begin& begin : board_.begun())
      lane->shard().begin_watching(begin.carried, board_.passed());  // programs that are new
    lane->resume(board_.begun().size(), cut.number);
  }
}

void Engine::end(std::size_t partition) {
  board_.end(partition);
  judge();
}

void Engine::judge() {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    for (bool is_whole = false; !is_whole; collect(i)) is_whole = judge(i);
}

void Engine::collect(std::size_t lane) {
  std::ranges::move(lanes_[lane]->shard().take_alerts(), std::back_inserter(alerts_[lane]));
  std::vector<Emitted> emitted = lanes_[lane]->shard().take_emitted();
  pass_up(lane, emitted, *router_);
  std::ranges::move(emitted, std::back_inserter(emitted_[lane]));
}

bool Engine::pass_up(std::size_t lane, std::span<const Emitted> emitted, Router& router) {
  const auto above = static_cast<std::uint32_t>(lane / options_.shards) + 1;
  if (above == levels()) return false;
  if (emitted.empty()) return lanes_[lane]->tell_above();
  std::vector<Lane::FromBelow> out((levels() - above) * shards());
  for (const Emitted& e : emitted) {
    std::shared_ptr<const Emitted> copy;
    for (std::uint32_t level = above; level < levels() && !e.enriched; ++level) {
      if (!router.wants(level, e.type)) continue;
      if (copy == nullptr) copy = std::make_shared<const Emitted>(e);
      Event event;
      event.type = e.type;
      event.time = e.time;
      event.fields = copy->fields.values();
      const ShardSet to = router.shards_of(level, event);
      for (std::size_t shard = 0; shard < shards(); ++shard)
        if (to[shard]) out[(level - above) * shards() + shard].emitted.push_back(copy);
    }
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (out[i].emitted.empty()) continue;
    out[i].cuts = lanes_[lane]->cuts_before();
    lanes_[above * shards() + i]->put(std::move(out[i]));
  }
  return lanes_[lane]->tell_above();
}

void Engine::until(Time through) {
  pass(through);
  judge();
}

void Engine::drain() {
  drain([this](Time through) {
    until(through);
    return true;
  });
}

namespace {

constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max() / 4;

// As long as an event can keep a program waiting, one thing after the other: no shorter than all that it waits for.
std::int64_t longest_wait(const Program& program) {
  std::int64_t sum = 0;
  const auto add = [&sum](Duration d) { sum = std::min(kNoEnd, sum + d.us); };
  for (const Pattern& pattern : program.patterns) {
    for (const Duration d : {pattern.length, pattern.hold}) add(d);
    if (!pattern.zone.empty()) add(hours(1));  // the clocks may make a day longer
    for (const SequenceInst& inst : pattern.code) add(inst.bound);
  }
  for (const Cell& cell : program.cells)
    for (const Duration d : {cell.window.length, cell.window.length, cell.window.cap, cell.baseline.over}) add(d);
  if (const auto* rule = std::get_if<RuleBody>(&program.body)) {
    add(rule->forget);  // a key of a list is armed from there (F9)
    add(rule->learn);   // what it kept silent is judged again behind it (F8)
    for (const Escalation& e : rule->escalations) add(e.after);
  }
  if (const auto* session = std::get_if<SessionBody>(&program.body)) {
    for (const SessionBody::Gap& gap : session->gaps) add(gap.idle);
    add(session->at_most);
  }
  if (const auto* summary = std::get_if<SummaryBody>(&program.body))
    for (const Duration d : {summary->every, summary->over, summary->zone.empty() ? Duration{} : hours(1)}) add(d);
  if (!program.open.empty()) add(days(16));  // the next opening (F15)
  return sum;
}

}  // namespace

// What is due later than that was brought by what time alone renews: there may be no end to it.
std::vector<Time> Engine::latest_due() const {
  const Time now = std::max(board_.passed(), restored_at_);
  std::vector<std::int64_t> waits;
  std::vector<Time> out;
  for (const Program& program : rules_->programs) {  // those that it uses come before it
    std::int64_t below = 0;
    for (const ProgramId id : program.after)
      if (id.index < waits.size()) below = std::max(below, waits[id.index]);
    waits.push_back(std::min(kNoEnd, below + longest_wait(program)));
    out.push_back(now + Duration{waits.back()});
  }
  return out;
}

// What renews itself (a silence that starts over, `remind`) is not pending; what it reveals on the way is. Time goes to
// each deadline that still stands when its turn comes; then to what those have brought.
void Engine::drain(const std::function<bool(Time)>& until) {
  struct Pending {
    Instant at;
    const Runner* runner = nullptr;
    std::string key;
  };
  const std::vector<Time> latest = latest_due();
  for (;;) {
    std::vector<Pending> all;
    for (const auto& lane : lanes_)
      for (std::size_t i = 0; i < rules_->programs.size(); ++i) {
        const Runner& runner = lane->shard().runner(ProgramId(i));
        std::vector<Runner::DueKey> keys;
        runner.due_keys(keys);
        for (auto& [at, key] : keys)
          if (at.time <= latest[i]) all.push_back({at, &runner, std::move(key)});
      }
    if (all.empty()) return;
    std::ranges::sort(all, {}, &Pending::at);
    for (const Pending& pending : all)
      if (const auto due = pending.runner->due_of_key(pending.key); due && !until(std::max(due->time, restored_at_)))
        return;
  }
}

// ----- what comes out -----------------------------------------------------------------------------------

namespace {

template <class Output>
std::vector<Output> merged(std::vector<std::vector<Output>>& parts) {
  if (parts.size() == 1) return std::exchange(parts.front(), {});
  std::vector<Output> out;
  for (auto& part : parts) std::ranges::move(std::exchange(part, {}), std::back_inserter(out));
  std::ranges::stable_sort(out, {}, &Output::place);
  return out;
}

}  // namespace

std::vector<Alert> Engine::take_alerts() { return merged(alerts_); }

std::vector<Emitted> Engine::take_emitted() { return merged(emitted_); }

std::optional<Instant> Engine::next_due() const {
  std::optional<Instant> out;
  for (const auto& lane : lanes_)
    if (const auto due = lane->shard().due(false); due && (!out || *due < *out)) out = due;
  return out;
}

std::optional<Instant> Engine::next_due(ProgramId program) const {
  std::optional<Instant> out;
  for (const auto& lane : lanes_)
    if (const auto due = lane->shard().runner(program).due_but_renewing(); due && (!out || *due < *out)) out = due;
  return out;
}

ProgramCounters Engine::counters(ProgramId program) const {
  ProgramCounters out;
  for (const auto& lane : lanes_) out += lane->shard().runner(program).counters();
  return out;
}

std::size_t Engine::keys(ProgramId program) const {
  std::size_t out = 0;
  for (const auto& lane : lanes_) out += lane->shard().runner(program).keys();
  return out;
}

std::size_t Engine::bytes(ProgramId program) const {
  std::size_t out = 0;
  for (const auto& lane : lanes_) out += lane->shard().runner(program).bytes();
  return out;
}

}  // namespace tocsin
