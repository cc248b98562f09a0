#include "engine/runtime/steward.h"

#include <fmt/format.h>

#include <algorithm>

namespace tocsin {
namespace {

// Between two tries of a store that fails.
constexpr Duration kFirstWait = milliseconds(100), kLongestWait = seconds(5);
// An epoch at least so often, also where nothing has come that one has to keep: event time goes on, and with it what
// rules remember.
constexpr Duration kIdle = seconds(60);
// A store that has not come back for so long hangs: a network disk that is away, a device that does not answer.
constexpr Duration kHangs = seconds(5);

}  // namespace

bool Steward::step(Duration now) {
  ++rounds_;
  const bool too_much = publisher_.waiting_bytes() + keeper_.outbox_bytes() > pace_.waiting_bytes;
  waits_for_sinks_ = too_much;
  crew_.hold(too_much || wait_ > Duration{});
  if (!keeper_.is_busy()) {
    if (!keeper_.wants_epoch()) {
      if (now < looked_ + pace_.epoch) return false;
      looked_ = now;
      if (has_begun_ && now < begun_ + kIdle && !has_news()) return false;
    }
    begin(now);
    crew_.nudge();
    return true;
  }
  if (!keeper_.is_ready() || now < try_again_) return false;
  const Result<void> stored = store(now);
  if (!stored && stored.error().code == Error::Code::malformed) {
    crew_.fail(stored.error());
    wait_ = kLongestWait;
    try_again_ = now + wait_;
    return true;
  }
  const std::scoped_lock lock(mutex_);
  if (stored) {
    wait_ = {};
    trouble_.clear();
    return true;
  }
  ++figures_.failures;
  trouble_ = stored.error().message;
  wait_ = wait_ == Duration{} ? kFirstWait : std::min(kLongestWait, wait_ + wait_);
  try_again_ = now + wait_;
  return true;
}

// Something has come, was found, or was delivered, which no epoch has yet.
bool Steward::has_news() const {
  const auto messages = [](const Publisher::Standing& standing) {
    std::uint64_t sum = 0;
    for (const auto& sink : standing.messages) sum += sink.delivered;
    return sum;
  };
  return keeper_.has_news() || messages(publisher_.standing()) != messages(standing_);
}

// How far sinks have come is asked before the cut: what a sink gives up is told first, so the epoch that says that it
// was given up holds its dead letter.
void Steward::begin(Duration now) {
  has_begun_ = true;
  begun_ = looked_ = now;
  standing_ = publisher_.standing();
  keeper_.begin(now);
}

void Steward::look(Duration now, Duration patience, bool is_at_work) {
  const std::int64_t since = storing_since_;
  const bool hangs = since != 0 && now.us - since > kHangs.us;
  if (hangs) crew_.hold(true);  // the next `step` lets it go
  const Duration silent = seen_rounds_.for_so_long(rounds_, is_at_work && since == 0, now);
  const Duration old =
      seen_epochs_.for_so_long(figures().epochs, is_at_work && (keeper_.is_busy() || keeper_.has_news()), now);
  const auto text = [](Duration age, Duration most, const char* what) {
    return age > most ? fmt::format("{} for more than {} s", what, most.us / 1'000'000) : std::string();
  };
  const std::scoped_lock lock(mutex_);
  hangs_ = hangs;
  stuck_ = text(silent, patience, "the thread that stores epochs has not moved");
  standing_still_ = text(old, pace_.epoch + patience, "events have been judged, and no epoch has been stored");
}

Result<void> Steward::store(Duration now) {
  for (const Progress& progress : keeper_.positions()) {
    auto [bookmark, notes] = crew_.mark(progress.partition, progress.next_offset);
    keeper_.set_bookmark(progress.partition, std::move(bookmark), crew_.memory(progress.partition));
    keeper_.set_notes(progress.partition, std::move(notes));
  }
  keeper_.delivered(standing_.delivered, standing_.sinks);
  storing_since_ = now.us;
  auto stored = keeper_.store();
  storing_since_ = 0;
  if (!stored) return tl::unexpected(stored.error());
  crew_.stored(keeper_.positions());
  publisher_.add(stored->epoch, std::move(stored->outbox));
  const std::scoped_lock lock(mutex_);
  ++figures_.epochs;
  figures_.epoch = stored->epoch;
  figures_.changes = stored->changes;
  figures_.bytes = stored->bytes;
  return {};
}

Result<void> Steward::finish(Duration now) {
  if (keeper_.is_busy())  // one that was under way: its cut has been passed, or is passed now
    if (auto stored = finish_epoch(now); !stored) return stored;
  if (auto sound = keeper_.sound(); !sound) return sound;
  begin(now);
  return finish_epoch(now);
}

// A shard that could not read a key of its own stands before the cut for ever.
Result<void> Steward::finish_epoch(Duration now) {
  crew_.work_off();
  if (auto sound = keeper_.sound(); !sound) return sound;
  return store(now);
}

Steward::Figures Steward::figures() const {
  const std::scoped_lock lock(mutex_);
  return figures_;
}

std::string Steward::trouble() const {
  const std::scoped_lock lock(mutex_);
  if (hangs_) return "the disk does not answer: an epoch is on its way to it for more than 5 s";
  return !trouble_.empty() ? trouble_ : !stuck_.empty() ? stuck_ : standing_still_;
}

bool Steward::holds_reading() const {
  const std::scoped_lock lock(mutex_);
  return hangs_ || !trouble_.empty();
}

std::string Steward::stuck() const {
  const std::scoped_lock lock(mutex_);
  return stuck_;
}

}  // namespace tocsin
