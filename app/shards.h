// How many threads judge events, as settings and options say it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <thread>

#include "engine/runtime/router.h"

namespace tocsin::app {

// 0: one a core.
inline std::uint32_t shards_or_cores(std::uint32_t shards) {
  return shards != 0 ? shards : std::clamp(std::thread::hardware_concurrency(), 1u, std::uint32_t{kShardsMax});
}

}  // namespace tocsin::app
