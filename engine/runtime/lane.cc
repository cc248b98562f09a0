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

void Lane::put(FromBelow&& emitted) {
  const std::scoped_lock lock(mutex_);
  emitted_below_.push_back(std::move(emitted));
}

std::size_t Lane::parcels() const {
  const std::scoped_lock lock(mutex_);
  return inbox_.size();
}

// Where all is in the order of offsets, events at the very time of the frontier may come behind it: they stay.
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

bool Lane::has_come() const {
  const std::scoped_lock lock(mutex_);
  return !inbox_.empty() || !emitted_below_.empty();
}

std::size_t Lane::waiting_from_below() const {
  const std::scoped_lock lock(mutex_);
  std::size_t sum = from_below_.size();
  for (const FromBelow& from : emitted_below_) sum += from.emitted.size();
  return sum;
}

// What stands behind a cut is not taken before it.
void Lane::take_from_below() {
  {
    const std::scoped_lock lock(mutex_);
    std::erase_if(emitted_below_, [this](FromBelow& from) {
      if (from.cuts > cuts_before()) return false;
      std::ranges::move(from.emitted, std::back_inserter(from_below_));
      return true;
    });
  }
  const auto stay = std::ranges::partition(from_below_, [this](const auto& e) { return is_due(*e); }).begin();
  std::vector<std::shared_ptr<const Emitted>> due(std::move_iterator(from_below_.begin()), std::move_iterator(stay));
  from_below_.erase(from_below_.begin(), stay);
  std::ranges::sort(due, {}, [](const auto& e) -> const Place& { return e->place; });
  shard_->arrive(std::move(due));
}

// As what caused it.
bool Lane::is_due(const Emitted& emitted) const {
  const auto& [events_before, timers_before] = news_.frontier;
  if (emitted.time < timers_before || emitted.time >= events_before) return emitted.time < timers_before;
  const auto cause = cause_of(emitted.place);
  if (!cause) return instant_of(emitted.place).phase == Phase::over;
  return !news_.before_offset || cause->offset < *news_.before_offset;
}

// Midway it has passed an instant whole, or nothing is new.
bool Lane::tell_above() {
  if (own_ == nullptr || (is_midway_ && passed_ <= told_)) return false;
  Passed passed{news_.frontier, news_.before_offset.value_or(0), news_.cuts_seen};
  if (is_midway_) {
    passed.frontier = {passed_, passed_};
    passed.cuts = cuts_before();
  }
  told_ = passed.frontier.timers_before;
  return own_->passed(number_, passed);
}

bool Lane::judge(Board& board) {
  if (!is_midway_) look(board);
  is_midway_ = !go_on();
  if (is_midway_) return false;
  passed_ = news_.frontier.timers_before;
  if (news_.cut != 0) shard_->cut();
  return true;
}

void Lane::look(Board& board) {
  if (below_ == nullptr)  // first: what is before this frontier has been put here
    board.look(news_);
  else
    board.look_behind(below_->least(), news_);
  take_inbox();
  if (below_ != nullptr) take_from_below();
  std::ranges::move(news_.begins, std::back_inserter(begins_));
  for (News::Swap& swap : news_.swaps)
    if (swap.reference != nullptr) swaps_.push_back(std::move(swap));
  due_.clear();
  late_.clear();
  waiting_.drain(news_.frontier, due_, late_);
  due_left_ = due_;
  late_left_ = late_;
}

// On every shard, whether it has seen an event at the watermark or not.
bool Lane::go_on() {
  const Time timers_before = news_.frontier.timers_before;
  return give() && (timers_before == Frontier::kNothing || advance(passed_at(news_.frontier))) &&
         (shard_->see_arrived() || stands_at(timers_before));
}

bool Lane::advance(Instant before) { return shard_->advance(before) || stands_at(before.time); }

// Outputs are to be taken: nothing comes out any more that is earlier than `next` and what the shard knows of.
bool Lane::stands_at(Time next) {
  passed_ = shard_->passed(next);
  return false;
}

template <class Stays>
bool Lane::give_before(const Stays& stays) {
  const auto n = static_cast<std::size_t>(std::ranges::find_if(due_left_, stays) - due_left_.begin());
  const std::size_t seen = shard_->on_events(due_left_.first(n));
  due_left_ = due_left_.subspan(seen);
  if (seen == n) return true;
  return stands_at(due_left_.front()->time);
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
      const Event& late = *late_left_.front().event;
      if (!give_before(stays) || !(shard_->advance_to_late(late, behind, among) || stands_at(behind))) return false;
      shard_->on_late(late, behind, among);
      late_left_ = late_left_.subspan(1);
    }
  }
}

}  // namespace tocsin
