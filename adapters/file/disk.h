// The disk of the machine, as durable files see it (engine/io/disk.h): a folder, and what lies below it.
#pragma once

#include <memory>
#include <string>

#include "engine/io/disk.h"

namespace tocsin {

// Makes the folder if it is not there (its parents must be), for nobody but the user: state is events of others. An
// error if it is no folder or may not be written.
Result<std::unique_ptr<Disk>> open_disk(const std::string& folder);
// For files that are only read: the folder is there, and may be one that nobody can write.
Result<std::unique_ptr<Disk>> open_disk_to_read(const std::string& folder);

}  // namespace tocsin
