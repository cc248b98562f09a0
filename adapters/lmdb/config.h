// What a durable store is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tocsin {

// A base of so many bytes takes some tens of milliseconds to be looked at.
inline constexpr std::uint64_t kSmallBase = 64 << 20;

// When every page of the base is looked at before it is used. That reads all of it (about 0.5 s for a GB that lies in
// memory).
enum class CheckBase : std::uint8_t {
  // When it is small, when the last process did not close it and the machine may have lost writes since (it was started
  // again, or is another one), when two processes died in a row, or when damage was seen. A killed process alone loses
  // nothing: what it wrote is the system's. What a disk does to a large one that was closed is seen when it is read.
  in_doubt,
  always,
  never,  // nor anything else from outside: for tests that open thousands
};

struct LmdbStoreConfig {
  std::string folder;
  CheckBase check = CheckBase::in_doubt;
  std::uint64_t small_base = kSmallBase;
  // A newest epoch that is damaged is set aside and the one before it is the newest. Its outbox may have reached the
  // sinks already: they get it again, made anew from the sources. Without it such an epoch is refused.
  bool fall_back = false;
  // A merge is cut into transactions of so many addresses: LMDB keeps every page that one changes in memory until it is
  // committed (at most one page of 4 KiB an address, and its way up).
  std::size_t changes_per_transaction = 32'768;
};

}  // namespace tocsin
