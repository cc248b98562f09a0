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

bool Lane::judge(Board& board, Duration now) {
  if (!is_midway_) look(board, now);
  is_midway_ = !go_on();
  if (is_midway_) return false;
  passed_ = news_.frontier.timers_before;
  if (news_.cut != 0) shard_->cut();
  return true;
}

void Lane::look(Board& board, Duration now) {
  board.look(now, news_);  // first: what is before this frontier has been put here
  take_inbox();
  std::ranges::move(news_.begins, std::back_inserter(begins_));
  for (News::Swap& swap : news_.swaps)
    if (swap.reference != nullptr) swaps_.push_back(std::move(swap));
  due_.clear();
  late_.clear();
  waiting_.drain(news_.frontier, due_, late_);
  due_left_ = due_;
  late_left_ = late_;
}

// Where events at the watermark are judged, too, what is over by then has happened: on every shard, whether it has seen
// one of them or not.
bool Lane::go_on() {
  const auto& [events_before, timers_before] = news_.frontier;
  return give() && (timers_before == Frontier::kNothing ||
                    advance({timers_before, events_before > timers_before ? Phase::event : Phase::over}));
}

bool Lane::advance(Instant before) {
  if (shard_->advance(before)) return true;
  passed_ = shard_->passed(before.time);
  return false;
}

template <class Stays>
bool Lane::give_before(const Stays& stays) {
  const auto n = static_cast<std::size_t>(std::ranges::find_if(due_left_, stays) - due_left_.begin());
  const std::size_t seen = shard_->on_events(due_left_.first(n));
  due_left_ = due_left_.subspan(seen);
  if (seen == n) return true;
  passed_ = shard_->passed(due_left_.front()->time);
  return false;
}

// What changes at one time stands before the events of that time: lists and tables first, then late events (but where
// all is in the order of offsets), then sources that begin.
bool Lane::give() {
  const Frontier& frontier = news_.frontier;
  for (;;) {
    const auto is_due = [&](Time t) { return t < frontier.events_before || t <= frontier.timers_before; };
    const Time none{std::numeric_limits<std::int64_t>::max()};
    const Time swap = !swaps_.empty() && is_due(swaps_.front().from) ? swaps_.front().from : none;
    const Time begin = !begins_.empty() && is_due(begins_.front().from) ? begins_.front().from : none;
    const Time behind = !late_left_.empty() ? late_left_.front().watermark : none;
    if (swap == none && begin == none && behind == none) return give_before([](const Event*) { return false; });
    if (swap <= begin && swap <= behind) {
      if (!give_before([&](const Event* e) { return e->time >= swap; }) || !advance({swap, Phase::over})) return false;
      shard_->swap(std::move(swaps_.front().reference), swap);
      swaps_.pop_front();
    } else if (begin <= behind) {
      if (!give_before([&](const Event* e) { return e->time >= begin; }) || !advance({begin, Phase::event}))
        return false;
      shard_->begin_watching(begins_.front().carried, begin);
      begins_.pop_front();
    } else {
      const bool among = news_.late_among_events;
      const Position& position = late_left_.front().event->position;
      const auto stays = [&](const Event* e) {
        return e->time > behind || (e->time == behind && (!among || e->position > position));
      };
      if (!give_before(stays) || !advance({behind, among ? Phase::event : Phase::over})) return false;
      shard_->on_late(*late_left_.front().event, behind, among);
      late_left_ = late_left_.subspan(1);
    }
  }
}

}  // namespace tocsin
