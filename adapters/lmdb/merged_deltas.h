// Several epochs read as one: each address once, ascending, with what the newest of them did to it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/lmdb/delta.h"

namespace tocsin {

class MergedDeltas {
 public:
  // Reads them in pieces that together stay below 32 MiB, unless there are so many that a block of each is more.
  MergedDeltas(std::span<const std::shared_ptr<const Delta>> deltas, std::string_view from);

  // False: there are no more.
  Result<bool> next();
  // The same, at the first address that is not before `to`. REQUIRES: `next` has given true; `to` lies behind the
  // change in hand.
  Result<bool> leap(std::string_view to);
  // Good until `next` or `leap`.
  const StateChange& change() const { return heap_.back()->change(); }

 private:
  Result<void> advance(DeltaCursor& cursor);
  bool take_first();

  std::vector<std::unique_ptr<DeltaCursor>> cursors_;
  std::vector<DeltaCursor*>
      heap_;  // the least address first, of one address the newest; the current one stands apart, at the back
  bool has_current_ = false, began_ = false;
  std::string last_;
};

}  // namespace tocsin
