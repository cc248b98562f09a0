#include "engine/runtime/intake.h"

#include <algorithm>

namespace tocsin {

void Intake::resume(const Cut::Partition& from, const Frontier& judged) {
  clock_.resume(from.clock);
  known_before_ = from.next_offset;
  timeless_before_ = from.timeless_offset;
  known_late_ = from.late;
  judged_ = judged;
}

// What comes again has moved the clock already.
Intake::Fate Intake::fate_of_known(const Event& event, bool timeless, Time& watermark) const {
  const auto known = std::ranges::lower_bound(known_late_, event.position.offset, {}, &Came::Late::offset);
  if (known == known_late_.end() || known->offset != event.position.offset)
    return timeless || event.time < judged_.events_before ? Fate::over : Fate::accepted;
  watermark = known->watermark;
  return Fate::late;
}

void Intake::sort_out(const std::shared_ptr<const EventBatch>& batch, Time arrived, Time stream, const Routes& routes,
                      const Schema& schema, std::vector<LateEvent>& late) {
  for (Parcel& parcel : parcels_) {
    parcel = {};
    parcel.batch = batch;
  }
  came_ = {};
  accepted_ = 0;
  if (routes.empty()) parcels_.front().events.reserve(batch->size());
  const std::size_t shards = routes.empty() ? 1 : parcels_.size() / routes.size();
  for (std::size_t i = 0; i < batch->size(); ++i) {
    const Event& event = (*batch)[i];
    Time watermark{};
    Fate fate = Fate::accepted;
    // One without a time of its own that was not judged comes as if for the first time: at another time than before.
    const bool may_be_known = event.position.offset < known_before_;
    const bool timeless = may_be_known && event.time == arrived && !schema[event.type].timestamp;
    const bool is_known = may_be_known && (!timeless || event.position.offset < timeless_before_);
    if (is_known) {
      fate = fate_of_known(event, timeless, watermark);
      if (fate == Fate::over) continue;
    } else if (clock_.observe(event.time, stream)) {
      fate = Fate::late;
      watermark = std::max(clock_.watermark(), stream);
    }
    if (fate == Fate::late) {
      const LateEvent one{&event, watermark};
      for (Parcel& parcel : parcels_) parcel.late.push_back(one);
      came_.late.push_back({event.position.offset, watermark});
      if (!is_known) late.push_back(one);
      continue;
    }
    accepted_ += !is_known;
    if (!came_.first || event.time < *came_.first) came_.first = event.time;
    if (!came_.last || event.time > *came_.last) came_.last = event.time;
    if (routes.empty()) {
      parcels_.front().events.push_back(&event);
      continue;
    }
    for (std::size_t level = 0; level < routes.size(); ++level)
      for (std::size_t shard = 0; shard < shards; ++shard)
        if (routes[level][i][shard]) parcels_[level * shards + shard].events.push_back(&event);
  }
}

}  // namespace tocsin
