#include "engine/runtime/outlet.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace tocsin {
namespace {

// Outputs leave at the times of their places; an alert's and an emitted event's own times are those.
template <class Output>
void move_earlier(std::vector<Output>& from, Time before, std::vector<Output>& to) {
  const auto stays = std::ranges::find_if(from, [before](const Output& o) { return o.time >= before; });
  std::move(from.begin(), stays, std::back_inserter(to));
  from.erase(from.begin(), stays);
}

}  // namespace

void Outlet::give(std::size_t shard, std::vector<Alert> alerts, std::vector<Emitted> emitted,
                  const Frontier& frontier) {
  const std::scoped_lock lock(mutex_);
  Part& part = shards_[shard];
  std::ranges::move(alerts, std::back_inserter(part.alerts));
  std::ranges::move(emitted, std::back_inserter(part.emitted));
  part.passed = frontier.timers_before;
  const Time before = std::ranges::min(shards_, {}, &Part::passed).passed;
  if (before != Frontier::kNothing) give_out(before);
}

void Outlet::finish() {
  const std::scoped_lock lock(mutex_);
  give_out(Time{std::numeric_limits<std::int64_t>::max()});
}

void Outlet::give_out(Time before) {
  std::vector<Alert> alerts;
  std::vector<Emitted> emitted;
  for (Part& part : shards_) {
    move_earlier(part.alerts, before, alerts);
    move_earlier(part.emitted, before, emitted);
  }
  std::ranges::stable_sort(alerts, {}, &Alert::place);
  std::ranges::stable_sort(emitted, {}, &Emitted::place);
  give_in_order(alerts, emitted, alert_, emitted_);
}

void give_in_order(const std::vector<Alert>& alerts, const std::vector<Emitted>& emitted,
                   const Outlet::GiveAlert& give_alert, const Outlet::GiveEmitted& give_emitted) {
  auto next = emitted.begin();
  const auto give_before = [&](const Alert* alert) {
    for (; next != emitted.end() && (alert == nullptr || next->place < alert->place); ++next)
      if (give_emitted) give_emitted(*next);
  };
  for (const Alert& alert : alerts) {
    give_before(&alert);
    if (give_alert) give_alert(alert);
  }
  give_before(nullptr);
}

}  // namespace tocsin
