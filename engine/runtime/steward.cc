#include "engine/runtime/steward.h"

#include <algorithm>

namespace tocsin {
namespace {

// Between two tries of a store that fails.
constexpr Duration kFirstWait = milliseconds(100), kLongestWait = seconds(5);

}  // namespace

bool Steward::step(Duration now) {
  const bool too_much = publisher_.waiting_bytes() + keeper_.outbox_bytes() > pace_.waiting_bytes;
  crew_.hold(too_much || wait_ > Duration{});
  if (!keeper_.is_busy()) {
    if (now < begun_ + pace_.epoch) return false;
    begun_ = now;
    keeper_.begin(now);
    crew_.nudge();
    return true;
  }
  if (!keeper_.is_ready() || now < try_again_) return false;
  const Result<void> stored = store();
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

Result<void> Steward::store() {
  const Publisher::Standing standing = publisher_.standing();
  for (const Progress& progress : keeper_.positions())
    keeper_.set_bookmark(progress.partition, crew_.bookmark(progress.partition, progress.next_offset));
  keeper_.delivered(standing.delivered, standing.sinks);
  auto stored = keeper_.store();
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
  if (keeper_.is_busy()) {  // one that was under way: its cut has been passed, or is passed now
    crew_.work_off();
    if (auto stored = store(); !stored) return stored;
  }
  keeper_.begin(now);
  crew_.work_off();
  return store();
}

Steward::Figures Steward::figures() const {
  const std::scoped_lock lock(mutex_);
  return figures_;
}

std::string Steward::trouble() const {
  const std::scoped_lock lock(mutex_);
  return trouble_;
}

}  // namespace tocsin
