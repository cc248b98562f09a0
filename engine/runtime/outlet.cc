#include "engine/runtime/outlet.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <utility>

namespace tocsin {
namespace {

constexpr Time kEnd{std::numeric_limits<std::int64_t>::max()};

// Outputs leave at the times of their places; an alert's and an emitted event's own times are those.
template <class Output>
void move_earlier(std::vector<Output>& from, Time before, std::vector<Output>& to) {
  const auto stays = std::ranges::find_if(from, [before](const Output& o) { return o.time >= before; });
  std::move(from.begin(), stays, std::back_inserter(to));
  from.erase(from.begin(), stays);
}

}  // namespace

void Outlet::give(std::size_t shard, std::vector<Alert> alerts, std::vector<Emitted> emitted, Time passed) {
  const std::scoped_lock lock(mutex_);
  Part& part = shards_[shard].is_cut ? behind_[shard] : shards_[shard];
  std::ranges::move(alerts, std::back_inserter(part.alerts));
  std::ranges::move(emitted, std::back_inserter(part.emitted));
  part.passed = passed;
  if (const Time before = passed_by_all(); before != Frontier::kNothing) give_out(before);
}

Time Outlet::passed_by_all() const { return std::ranges::min(shards_, {}, &Part::passed).passed; }

// One that is cut waits for those that are not, and of those the one that has come least far does not wait.
bool Outlet::waits_for_others(std::size_t shard) const {
  const std::scoped_lock lock(mutex_);
  const bool is_cut = shards_[shard].is_cut;
  const Part& part = is_cut ? behind_[shard] : shards_[shard];
  return part.alerts.size() + part.emitted.size() >= held_most_ && (is_cut || part.passed > passed_by_all());
}

void Outlet::cut(std::size_t shard) {
  const std::scoped_lock lock(mutex_);
  shards_[shard].is_cut = true;
  if (!std::ranges::all_of(shards_, &Part::is_cut)) return;
  give_out(kEnd);
  if (cut_done_) cut_done_();
  for (std::size_t i = 0; i < shards_.size(); ++i) {
    behind_[i].passed = std::max(behind_[i].passed, shards_[i].passed);
    shards_[i] = std::exchange(behind_[i], {});
  }
}

void Outlet::finish() {
  const std::scoped_lock lock(mutex_);
  give_out(kEnd);
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
