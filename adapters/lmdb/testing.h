// What the tests of the durable store share: a folder that goes away, a store in it, and epochs in a row.
#pragma once

#include <doctest/doctest.h>
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

// Of a leaf page of a base: LMDB believes that it has two entries fewer than it has, and goes on.
inline void shorten_a_leaf(std::string& base) {
  constexpr std::size_t kPage = 4'096, kFlags = 10, kLower = 12;
  constexpr char kLeaf = 2;
  for (std::size_t page = 2 * kPage; page < base.size(); page += kPage) {
    const auto byte = [&](std::size_t at) -> unsigned { return static_cast<unsigned char>(base[page + at]); };
    const unsigned lower = byte(kLower) | byte(kLower + 1) << 8;
    if (base[page + kFlags] != kLeaf || lower < 100) continue;
    base[page + kLower] = static_cast<char>((lower - 4) & 0xff);
    base[page + kLower + 1] = static_cast<char>((lower - 4) >> 8);
    return;
  }
  FAIL("no leaf");
}

// The next epoch of the model, stored and applied.
inline Result<std::uint64_t> store_next(CheckpointStore& store, StoreModel& model, const EpochText& text) {
  auto stored = store_epoch(store, Epoch{model.newest.number + 1}, text);
  if (stored) model.apply(text);
  return stored;
}

// A state folder with its disk, and the store while it is open.
struct House {
  House() : real(real_disk(folder.path())), disk(*real) { config.folder = folder.path(); }

  Result<void> open() {
    store.reset();
    auto opened = LmdbStore::open(config, disk);
    if (!opened) return tl::unexpected(opened.error());
    store = std::move(opened.value());
    return {};
  }
  std::string error_of_open() {
    store.reset();
    const auto opened = LmdbStore::open(config, disk);
    return opened ? "" : opened.error().message;
  }
  // `epochs` of them, one address that all change and one of each.
  void fill(std::uint64_t epochs) {
    for (std::uint64_t i = 0; i < epochs; ++i) {
      const std::string number = std::to_string(model.newest.number + 1);
      const EpochText text{{{std::string("\0\1all", 5), "of " + number}, {std::string("\0\2", 2) + number, number}},
                           "manifest " + number,
                           "outbox " + number};
      REQUIRE(store_next(*store, model, text));
    }
  }
  void deliver_all() {
    model.delivered = model.newest;
    store->delivered(model.newest);
  }
  std::string delta(std::uint64_t epoch) const { return folder.in(delta_path(Epoch{epoch})); }

  TempFolder folder;
  std::unique_ptr<Disk> real;
  Disk& disk;
  LmdbStoreConfig config;
  StoreModel model;
  std::unique_ptr<LmdbStore> store;
};

}  // namespace tocsin::tests
