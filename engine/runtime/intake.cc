#include "engine/runtime/intake.h"

#include <algorithm>

namespace tocsin {

void Intake::sort_out(const std::shared_ptr<const EventBatch>& batch, Time stream, std::span<const ShardSet> routes,
                      std::vector<LateEvent>& late) {
  for (Parcel& parcel : parcels_) {
    parcel = {};
    parcel.batch = batch;
  }
  first_.reset();
  accepted_ = 0;
  if (routes.empty()) parcels_.front().events.reserve(batch->size());
  for (std::size_t i = 0; i < batch->size(); ++i) {
    const Event& event = (*batch)[i];
    if (clock_.observe(event.time, stream)) {
      late.push_back({&event, std::max(clock_.watermark(), stream)});
      for (Parcel& parcel : parcels_) parcel.late.push_back(late.back());
      continue;
    }
    ++accepted_;
    if (!first_ || event.time < *first_) first_ = event.time;
    if (routes.empty()) {
      parcels_.front().events.push_back(&event);
      continue;
    }
    for (std::size_t shard = 0; shard < parcels_.size(); ++shard)
      if (routes[i][shard]) parcels_[shard].events.push_back(&event);
  }
}

}  // namespace tocsin
