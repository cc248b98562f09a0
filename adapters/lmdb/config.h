// What a durable store is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/base/time.h"

namespace tocsin {

// A base of so many bytes takes about a tenth of a second to be looked at.
inline constexpr std::uint64_t kSmallBase = 64 << 20;

// When every page of the base is looked at, in a child process. That reads all of it (a second or two for a GB that
// lies in memory).
enum class CheckBase : std::uint8_t {
  // Before it is used, when it is small, when the last process did not close it and the machine may have lost writes
  // since (it was started again, or is another one), when two processes died in a row, or when damage was seen. Else
  // beside the start: a killed process alone loses nothing, as what it wrote is the system's, so it is the disk alone
  // that is doubted then.
  in_doubt,
  always,  // before it is used
  never,   // nor anything else from outside: for tests that open thousands
};

struct LmdbStoreConfig {
  std::string folder;
  CheckBase check = CheckBase::in_doubt;
  std::uint64_t small_base = kSmallBase;
  // Where the base is looked at beside the start, an epoch is stored when all of it has been found sound, so that
  // nothing that was made from a damaged one is durable, or leaves; but so long after the start in any case. Nothing is
  // merged before the verdict.
  Duration verdict_wait = seconds(3);
  // A newest epoch that is damaged is set aside and the one before it is the newest. Its outbox may have reached the
  // sinks already: they get it again, made anew from the sources. Without it such an epoch is refused.
  bool fall_back = false;
  // A merge is cut into transactions of so many addresses: LMDB keeps every page that one changes in memory until it is
  // committed (at most one page of 4 KiB an address, and its way up).
  std::size_t changes_per_transaction = 32'768;
};

}  // namespace tocsin
