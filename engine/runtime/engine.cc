#include "engine/runtime/engine.h"

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"

namespace tocsin {

Engine::Engine(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
               const EngineOptions& options)
    : options_(options), rules_(std::move(rules)) {
  for (auto& shard : make_shards(std::move(reference))) lanes_.push_back(std::make_unique<Lane>(std::move(shard)));
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
  for (std::uint32_t i = 0; i < options_.shards; ++i)
    out.push_back(std::make_unique<Shard>(rules_, reference, placement_, i, options_));
  return out;
}

std::size_t Engine::add_partition(SourceId source, std::span<const EventTypeId> carried, Duration idle_after,
                                  std::optional<Lateness> wait) {
  const Lateness lateness = wait ? *wait : lateness_of(rules().schema, carried);
  sources_ = std::max(sources_, std::size_t{source.index} + 1);
  wait_ = std::max({wait_, lateness.fixed, lateness.adaptive_up_to});
  for (const auto& lane : lanes_) lane->set_wait(wait_);
  intakes_.emplace_back(lateness, options_.shards);
  return board_.add_partition(source, carried, lateness, idle_after, {});
}

Time Engine::swap(std::shared_ptr<const ReferenceData> reference, Time from) {
  return board_.swap(std::move(reference), from);
}

Result<void> Engine::install(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference) {
  rules_ = std::move(rules);
  std::vector<std::unique_ptr<Shard>> before, after = make_shards(std::move(reference));
  for (const auto& lane : lanes_) before.push_back(lane->take_shard());
  std::vector<std::string> names;  // any that tell them apart
  for (std::size_t i = 0; i < sources_; ++i) names.push_back(std::to_string(i));
  if (auto handed = hand_over(before, after, names); !handed) return handed;
  board_.drop_swaps();
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    for (const News::Begin& begin : board_.begun()) after[i]->begin_watching(begin.carried, board_.open());
    lanes_[i]->set_shard(std::move(after[i]));
  }
  return {};
}

void Engine::take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, Duration now) {
  late_now_.clear();
  late_.clear();
  router_->route(*batch, routes_);
  if (!batch->empty()) put(partition, batch, routes_, late_now_, now, {});
  for (const LateEvent& late : late_now_) late_.push_back(late.event);
  judge(now);
}

void Engine::put(std::size_t partition, const std::shared_ptr<const EventBatch>& batch,
                 std::span<const ShardSet> routes, std::vector<LateEvent>& late, Duration now, const Offsets& offsets) {
  Intake& intake = intakes_[partition];
  const std::size_t late_before = late.size();
  intake.sort_out(batch, board_.spoke(partition, now), routes, late);
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    if (!intake.parcels()[i].empty()) {
      intake.parcels()[i].first_offset = offsets.first;
      lanes_[i]->put(std::move(intake.parcels()[i]));
    }
  intake.came().first_offset = offsets.first;
  intake.came().next_offset = offsets.next;
  board_.came(partition, intake.clock(), intake.came());
  events_ += intake.accepted();
  late_count_ += late.size() - late_before;
}

void Engine::track(std::span<Changes> changes, std::span<Cold> cold, std::span<const std::uint32_t> numbers,
                   bool is_known, std::span<const ProgramId> unknown) {
  board_.track();
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    lanes_[i]->shard().track({&changes[i], numbers, is_known, &cold[i], unknown});
}

bool Engine::load(ProgramId program, const StateAddress& address, StateReader& in) {
  if (address.kind != StateKind::program) {
    const std::uint32_t shard = placement_->shard_of(placement_->group_of(program, address.kind, address.key));
    return lanes_[shard]->shard().load(program, address, in);
  }
  Time from{};
  in(from);
  for (const auto& lane : lanes_) lane->shard().watched_since(program, from);
  return in.ok();
}

void Engine::resume(const Cut& cut) {
  board_.resume(cut);
  for (std::size_t i = 0; i < intakes_.size(); ++i) intakes_[i].resume(cut.partitions[i], cut.frontier);
  for (const auto& lane : lanes_) {
    lane->shard().restored();
    for (const News::Begin& begin : board_.begun())
      lane->shard().begin_watching(begin.carried, board_.passed());  // programs that are new
    lane->resume(board_.begun().size(), cut.number);
  }
}

void Engine::end(std::size_t partition, Duration now) {
  board_.end(partition);
  judge(now);
}

void Engine::judge(Duration now) {
  for (std::size_t i = 0; i < lanes_.size(); ++i)
    while (!judge(i, now)) collect(i);
}

void Engine::collect(std::size_t lane) {
  std::ranges::move(lanes_[lane]->shard().take_alerts(), std::back_inserter(alerts_[lane]));
  std::ranges::move(lanes_[lane]->shard().take_emitted(), std::back_inserter(emitted_[lane]));
}

void Engine::until(Time through) {
  pass(through);
  judge({});
}

void Engine::drain() {
  drain([this](Time through) {
    until(through);
    return true;
  });
}

// What renews itself (a silence that starts over, `remind`) is not pending; what it reveals on the way is. Time goes to
// each deadline that still stands when its turn comes; then to what those have brought.
void Engine::drain(const std::function<bool(Time)>& until) {
  struct Pending {
    Instant at;
    const Runner* runner = nullptr;
    std::string key;
  };
  for (;;) {
    std::vector<Pending> all;
    for (const auto& lane : lanes_)
      for (std::size_t i = 0; i < rules_->programs.size(); ++i) {
        const Runner& runner = lane->shard().runner(ProgramId(i));
        std::vector<Runner::DueKey> keys;
        runner.due_keys(keys);
        for (auto& [at, key] : keys) all.push_back({at, &runner, std::move(key)});
      }
    if (all.empty()) return;
    std::ranges::sort(all, {}, &Pending::at);
    for (const Pending& pending : all)
      if (const auto due = pending.runner->due_of_key(pending.key); due && !until(due->time)) return;
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

std::vector<Alert> Engine::take_alerts() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) collect(i);
  return merged(alerts_);
}

std::vector<Emitted> Engine::take_emitted() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) collect(i);
  return merged(emitted_);
}

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
