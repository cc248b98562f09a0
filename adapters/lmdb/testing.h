// What the tests of the durable store share: a folder that goes away, a store in it, and epochs in a row.
#pragma once

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>

#include "adapters/lmdb/store.h"
#include "tests/support/hooked_disk.h"
#include "tests/support/store_contract.h"

namespace tocsin::tests {

class TempFolder {
 public:
  // In memory where the system has such a place: the tests ask for thousands of syncs, and cut no power.
  TempFolder()
      : path_((std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                   : std::filesystem::temp_directory_path()) /
              ("tocsin_store_" + std::to_string(::getpid()) + "_" + std::to_string(++made_))) {
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  std::string path() const { return path_.string(); }
  std::string in(const std::string& name) const { return (path_ / name).string(); }

 private:
  static inline int made_ = 0;
  std::filesystem::path path_;
};

inline std::string bytes_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

inline void write_bytes(const std::string& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary | std::ios::trunc) << bytes;
}

// The next epoch of the model, stored and applied.
inline Result<std::uint64_t> store_next(CheckpointStore& store, StoreModel& model, const EpochText& text) {
  auto stored = store_epoch(store, Epoch{model.newest.number + 1}, text);
  if (stored) model.apply(text);
  return stored;
}

}  // namespace tocsin::tests
