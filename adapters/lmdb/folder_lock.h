// One process at a time in a state folder.
#pragma once

#include <string>
#include <utility>

#include "engine/base/result.h"

namespace tocsin {

// Held until it ends, or the process does. The file `lock` stays and holds the process id, for the message to the
// second one.
class FolderLock {
 public:
  // `refused`: another one has it; the message says its process id.
  static Result<FolderLock> take(const std::string& folder);
  FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  ~FolderLock();

 private:
  explicit FolderLock(int file) : file_(file) {}
  int file_;
};

}  // namespace tocsin
