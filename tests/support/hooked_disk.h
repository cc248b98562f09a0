// A disk that does as a test says; and the real one, for tests of rooms that may not include adapters/file.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "engine/io/disk.h"

namespace tocsin::tests {

// Asked before each call that changes something or syncs; an error is given instead of doing it. "append", "sync",
// "truncate", "create", "rename", "remove", "sync_folder", "make_folder", and "open", "read", "list" for those that
// only look.
using DiskHook = std::function<Result<void>(const std::string& call, const std::string& path)>;

// Or the test ends.
std::unique_ptr<Disk> real_disk(const std::string& folder);

class HookedFile final : public DiskFile {
 public:
  HookedFile(std::unique_ptr<DiskFile> file, const DiskHook& hook, std::string path)
      : file_(std::move(file)), hook_(hook), path_(std::move(path)) {}
  Result<void> append(std::string_view bytes) override {
    return hook_("append", path_).and_then([&] { return file_->append(bytes); });
  }
  Result<void> sync() override {
    return hook_("sync", path_).and_then([&] { return file_->sync(); });
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<std::size_t> read(std::uint64_t from, std::span<char> into) const override {
    return hook_("read", path_).and_then([&] { return file_->read(from, into); });
  }
  Result<void> truncate(std::uint64_t size) override {
    return hook_("truncate", path_).and_then([&] { return file_->truncate(size); });
  }
  Result<std::uint64_t> identity() const override { return file_->identity(); }

 private:
  std::unique_ptr<DiskFile> file_;
  const DiskHook& hook_;
  std::string path_;
};

class HookedDisk final : public Disk {
 public:
  HookedDisk(Disk& disk, DiskHook hook) : disk_(disk), hook_(std::move(hook)) {}
  Result<std::unique_ptr<DiskFile>> open(const std::string& path, Open how) override {
    return hook_(how == Open::create ? "create" : "open", path)
        .and_then([&] { return disk_.open(path, how); })
        .map([&](std::unique_ptr<DiskFile> file) -> std::unique_ptr<DiskFile> {
          return std::make_unique<HookedFile>(std::move(file), hook_, path);
        });
  }
  Result<void> rename(const std::string& from, const std::string& to) override {
    return hook_("rename", from).and_then([&] { return disk_.rename(from, to); });
  }
  Result<void> remove(const std::string& path) override {
    return hook_("remove", path).and_then([&] { return disk_.remove(path); });
  }
  Result<void> sync_folder(const std::string& folder) override {
    return hook_("sync_folder", folder).and_then([&] { return disk_.sync_folder(folder); });
  }
  Result<void> make_folder(const std::string& folder) override {
    return hook_("make_folder", folder).and_then([&] { return disk_.make_folder(folder); });
  }
  Result<std::vector<std::string>> list(const std::string& folder) const override {
    return hook_("list", folder).and_then([&] { return disk_.list(folder); });
  }
  Result<std::optional<std::uint64_t>> identity(const std::string& path) const override { return disk_.identity(path); }

 private:
  Disk& disk_;
  DiskHook hook_;
};

}  // namespace tocsin::tests
