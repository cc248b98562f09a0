// A state folder made from a state that was carried there. Until all of it stands in a file beside, the folder is what
// it was; from then on, for a moment, it is nothing, and whoever opens it is told so: `kUnfinished` lies in it.
#pragma once

#include <functional>
#include <string>

#include "adapters/lmdb/config.h"
#include "engine/base/result.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/disk.h"

namespace tocsin {

inline constexpr char kUnfinished[] = "restoring";

struct Carried {
  CheckpointStore::Newest newest;
  // The next address, ascending; false: there are no more.
  std::function<Result<bool>(StateChange&)> next;
};

// Is there a state, or what is left of one?
Result<bool> holds_state(const LmdbStoreConfig& config, Disk& disk);
Result<void> refuse_state(const LmdbStoreConfig& config, Disk& disk);

// `refused`: a process has the folder open, or it holds a state and `replaces` is not said.
Result<void> fill_folder(const LmdbStoreConfig& config, Disk& disk, const Carried& carried, bool replaces);

// Of a folder that was left in the middle of that.
Result<void> refuse_unfinished(const LmdbStoreConfig& config, Disk& disk);

}  // namespace tocsin
