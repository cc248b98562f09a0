// A disk in memory that knows what a crash may leave of it: of what was not synced, each write, each sector of 512
// bytes of a write, each length of a file and each name of a folder is there or not, on its own.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "engine/io/disk.h"

namespace tocsin::tests {

class CrashDisk final : public Disk {
 public:
  using Image = std::map<std::string, std::string>;  // what is on the disk: paths and bytes

  CrashDisk() = default;
  explicit CrashDisk(const Image& image);  // its files are numbered in the order of their names

  // What a crash now would leave, one way of many.
  Image crash(std::mt19937& random) const;
  Image now() const;
  // Such a crash happens, and the same disk is used again: its files stay what they are.
  void cut_power(std::mt19937& random);

  Result<std::unique_ptr<DiskFile>> open(const std::string& path, Open how) override;
  Result<void> rename(const std::string& from, const std::string& to) override;
  Result<void> remove(const std::string& path) override;
  Result<void> sync_folder(const std::string& folder) override;
  Result<void> make_folder(const std::string&) override { return {}; }
  Result<std::vector<std::string>> list(const std::string& folder) const override;
  Result<std::optional<std::uint64_t>> identity(const std::string& path) const override;

 private:
  friend class CrashFile;
  struct Change {
    std::uint64_t at = 0;
    std::string bytes;
    bool cuts = false;  // the file ends at `at`
  };
  struct Node {
    std::string durable, now;
    std::vector<Change> unsynced;
    std::uint64_t identity = 0;
  };
  using Names = std::map<std::string, std::shared_ptr<Node>>;
  struct Naming {
    std::string folder, gone, come;  // a path that is no more, one that is; either may be empty
    std::shared_ptr<Node> node;
  };
  struct Left {
    Names names;
    std::map<std::shared_ptr<Node>, std::string> bytes;
  };
  static void apply(const Naming& naming, Names& names);
  Left left_by_crash(std::mt19937& random) const;
  static std::string bytes_after_crash(const Node& node, std::mt19937& random, unsigned percent);

  mutable std::mutex mutex_;
  std::uint64_t identities_ = 0;  // given so far
  Names names_, durable_names_;
  std::vector<Naming> unsynced_;
};

}  // namespace tocsin::tests
