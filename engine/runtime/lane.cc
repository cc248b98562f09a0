#include "engine/runtime/lane.h"

#include <algorithm>
#include <iterator>
#include <limits>

#include "engine/base/contract.h"

namespace tocsin {

void Lane::set_wait(Duration wait) {
  TOCSIN_ASSERT(waiting_.waiting() == 0);
  waiting_ = Waiting(wait);
}

void Lane::put(Parcel&& parcel) {
  const std::scoped_lock lock(mutex_);
  inbox_.push_back(std::move(parcel));
}

std::size_t Lane::parcels() const {
  const std::scoped_lock lock(mutex_);
  return inbox_.size();
}

// Where all is in the order of offsets, events at the very time of a cut may come behind it: they stay.
void Lane::take_inbox() {
  taken_.clear();
  {
    const std::scoped_lock lock(mutex_);
    const auto stays = std::ranges::find_if(
        inbox_, [this](const Parcel& p) { return news_.before_offset && p.first_offset >= *news_.before_offset; });
    std::move(inbox_.begin(), stays, std::back_inserter(taken_));
    inbox_.erase(inbox_.begin(), stays);
  }
  for (Parcel& parcel : taken_) waiting_.put(std::move(parcel));
}

void Lane::judge(Board& board, Duration now) {
  board.look(now, news_);  // first: what is before this frontier has been put here
  take_inbox();
  std::ranges::move(news_.begins, std::back_inserter(begins_));
  for (News::Swap& swap : news_.swaps)
    if (swap.reference != nullptr) swaps_.push_back(std::move(swap));
  due_.clear();
  late_.clear();
  waiting_.drain(news_.frontier, due_, late_);
  give(due_, late_);
  // Where events at the watermark are judged, too, what is over by then has happened: on every shard, whether it has
  // seen one of them or not.
  const auto& [events_before, timers_before] = news_.frontier;
  if (timers_before != Frontier::kNothing)
    shard_->advance({timers_before, events_before > timers_before ? Phase::event : Phase::over});
  if (news_.cut != 0) shard_->cut();
}

// What changes at one time stands before the events of that time: lists and tables first, then late events (but where
// all is in the order of offsets), then sources that begin.
void Lane::give(std::span<const Event* const> events, std::span<const LateEvent> late) {
  const Frontier& frontier = news_.frontier;
  const auto give_before = [&](const auto& stays) {
    const auto n = static_cast<std::size_t>(std::ranges::find_if(events, stays) - events.begin());
    shard_->on_events(events.first(n));
    events = events.subspan(n);
  };
  for (;;) {
    const auto is_due = [&](Time t) { return t < frontier.events_before || t <= frontier.timers_before; };
    const Time none{std::numeric_limits<std::int64_t>::max()};
    const Time swap = !swaps_.empty() && is_due(swaps_.front().from) ? swaps_.front().from : none;
    const Time begin = !begins_.empty() && is_due(begins_.front().from) ? begins_.front().from : none;
    const Time behind = !late.empty() ? late.front().watermark : none;
    if (swap == none && begin == none && behind == none) break;
    if (swap <= begin && swap <= behind) {
      give_before([&](const Event* e) { return e->time >= swap; });
      shard_->swap(std::move(swaps_.front().reference), swap);
      swaps_.pop_front();
    } else if (begin <= behind) {
      give_before([&](const Event* e) { return e->time >= begin; });
      shard_->begin_source(begins_.front().carried, begin);
      begins_.pop_front();
    } else {
      const bool among = news_.late_among_events;
      const Position& position = late.front().event->position;
      give_before([&](const Event* e) {
        return e->time > behind || (e->time == behind && (!among || e->position > position));
      });
      shard_->on_late(*late.front().event, behind, among);
      late = late.subspan(1);
    }
  }
  shard_->on_events(events);
}

}  // namespace tocsin
