// From a store into a file. The file is written under another name, synced, renamed, and the folder synced, so it is
// there whole or not at all. Epochs are stored and merged meanwhile.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "adapters/savepoint/savepoint.h"
#include "engine/io/disk.h"

namespace tocsin {

// Asked at each address: is it wanted? An error ends it all.
using WantedAddress = std::function<Result<bool>(std::string_view address)>;
// What the newest epoch is, before any address is asked about.
using SeeEpoch = std::function<Result<void>(const CheckpointStore::Newest&)>;

// The newest epoch of the store (`note.epoch` is set here). `path` is in a folder of the disk that is there; what was
// there is replaced. `refused`: nothing has been stored yet. An error leaves no file behind.
Result<SavepointFigures> write_savepoint(Disk& disk, const std::string& path, SavepointNote note,
                                         std::span<const SavepointRules> rules, const CheckpointStore& store,
                                         const SeeEpoch& begin, const WantedAddress& wanted);

}  // namespace tocsin
