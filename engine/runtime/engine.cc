#include "engine/runtime/engine.h"

#include <algorithm>

namespace tocsin {

Engine::Engine(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
               const EngineOptions& options)
    : options_(options), shard_(std::make_unique<Shard>(std::move(rules), std::move(reference), options)) {}

std::size_t Engine::add_partition(SourceId source, std::span<const EventTypeId> carried, Duration idle_after,
                                  std::optional<Lateness> wait) {
  const auto known =
      std::find_if(sources_.begin(), sources_.end(), [source](const SourceState& s) { return s.id == source; });
  if (known == sources_.end()) {
    sources_.push_back({source, {carried.begin(), carried.end()}, false});
    ++unbegun_;
  }
  return intake_.add_partition(wait ? *wait : lateness_of(rules().schema, carried), idle_after, {});
}

Time Engine::swap(std::shared_ptr<const ReferenceData> reference, Time from) {
  from = std::max(from, swaps_.empty() ? passed_ : swaps_.back().from);
  swaps_.push_back({from, std::move(reference)});
  return from;
}

void Engine::install(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference) {
  auto next = std::make_unique<Shard>(std::move(rules), std::move(reference), options_);
  std::vector<std::string> names;  // any that tell them apart
  for (const SourceState& source : sources_)
    while (names.size() <= source.id.index) names.push_back(std::to_string(names.size()));
  hand_over(*shard_, *next, names);
  for (const SourceState& source : sources_)
    if (source.begun) next->begin_watching(source.carried, passed_);
  shard_ = std::move(next);
}

void Engine::take(std::size_t partition, const std::shared_ptr<const EventBatch>& batch, Duration now) {
  late_now_.clear();
  intake_.take(partition, batch, now, late_now_);
  late_count_ += late_now_.size();
  for (const LateEvent& late : late_now_) late_.push_back(late.event);
  judge(now);
  late_now_.clear();
}

void Engine::end(std::size_t partition, Duration now) {
  intake_.end(partition);
  judge(now);
}

void Engine::judge(Duration now) {
  due_.clear();
  const Frontier frontier = intake_.drain(now, due_);
  events_ += due_.size();
  std::span<const Event* const> rest = due_;
  // What had come before a late event is judged before it, however the input was cut into batches.
  for (const LateEvent& late : late_now_) {
    const auto stays =
        std::find_if(rest.begin(), rest.end(), [&](const Event* e) { return e->time >= late.frontier.events_before; });
    const auto n = static_cast<std::size_t>(stays - rest.begin());
    give(rest.first(n));
    rest = rest.subspan(n);
    if (late.frontier.timers_before != Frontier::kNothing) pass(late.frontier.timers_before);
    if (late.watermark != Frontier::kNothing) shard_->on_late(*late.event, late.watermark, late.frontier.events_before);
  }
  give(rest);
  if (frontier.timers_before != Frontier::kNothing) pass(frontier.timers_before);
}

void Engine::give(std::span<const Event* const> rest) {
  while (!swaps_.empty() && !rest.empty()) {
    const Time from = swaps_.front().from;
    const auto stays = std::find_if(rest.begin(), rest.end(), [from](const Event* e) { return e->time >= from; });
    const auto n = static_cast<std::size_t>(stays - rest.begin());
    give_alike(rest.first(n));
    rest = rest.subspan(n);
    if (!rest.empty()) swap_until(from);
  }
  give_alike(rest);
}

// Without a swap among them.
void Engine::give_alike(std::span<const Event* const> rest) {
  if (rest.empty()) return;
  passed_ = rest.back()->time + Duration{1};
  // Up to the first event of a source that has not begun; then that one begins.
  for (std::size_t i = 0; unbegun_ > 0 && i < rest.size();) {
    if (!is_first(*rest[i])) {
      ++i;
      continue;
    }
    shard_->on_events(rest.first(i));
    begin_sources(*rest[i]);
    rest = rest.subspan(i);
    i = 0;
  }
  shard_->on_events(rest);
}

bool Engine::is_first(const Event& event) const {
  return std::any_of(sources_.begin(), sources_.end(),
                     [&](const SourceState& s) { return !s.begun && s.id == event.position.source; });
}

// T9: a rule watches since the first event of the sources that it reads, of any type and key.
void Engine::begin_sources(const Event& event) {
  for (SourceState& s : sources_) {
    if (s.begun || s.id != event.position.source) continue;
    s.begun = true;
    --unbegun_;
    shard_->begin_source(s.carried, event.time);
  }
}

void Engine::swap_until(Time at) {
  for (; !swaps_.empty() && swaps_.front().from <= at; swaps_.pop_front())
    shard_->swap(std::move(swaps_.front().reference), swaps_.front().from);
}

void Engine::pass(Time before) {
  swap_until(before);
  shard_->advance({before, Phase::over});
  passed_ = std::max(passed_, before);
}

void Engine::pass_through(Time through) {
  swap_until(through);
  shard_->advance_through(through);
  passed_ = std::max(passed_, through + Duration{1});
}

void Engine::until(Time through) { pass_through(through); }

void Engine::drain() {
  // What renews itself (a silence that starts over, `remind`) is not pending; what it reveals on the way is.
  for (auto next = shard_->due(false); next; next = shard_->due(false)) pass_through(next->time);
}

}  // namespace tocsin
