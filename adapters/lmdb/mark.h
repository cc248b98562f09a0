// The file `mark`: whose folder this is, how far its state has come at least, and whether the last process closed it.
// Who opens it decides by that whether the base is sound for sure, and whether deltas have been taken away; a mark that
// is missing or makes no sense means doubt, never an error.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/io/disk.h"

namespace tocsin {

struct FolderMark {
  std::uint64_t store = 0;
  std::uint64_t epoch = 0;     // was durable when this was written
  std::string boot;            // of the machine, when it was opened
  bool is_open = false;        // by a process that has not closed it yet, or died
  std::uint32_t unclosed = 0;  // processes in a row that did not close it, this one included
  friend bool operator==(const FolderMark&, const FolderMark&) = default;
};

std::optional<FolderMark> read_mark(Disk& disk);
Result<void> write_mark(Disk& disk, const FolderMark& mark);

// Another one after each start of the machine; empty: the system does not say.
std::string boot_of_machine();

}  // namespace tocsin
