// What durable files ask of the world: few calls, so that a simulation can fail each of them, lose what was not synced
// and tear what was being written. What must survive is written under another name, synced, renamed, and the folder
// synced: `write_durably`. Of what is not synced any part may be lost, alone: a write, a part of it, a rename, the
// length of a file.
//
// Paths are relative to the folder that the disk stands for. Errors name the path and the system's reason.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "engine/base/result.h"

namespace tocsin {

// One thread at a time. An open file is still the same one when its name is taken away or given to another.
class DiskFile {
 public:
  virtual ~DiskFile() = default;
  virtual Result<void> append(std::string_view bytes) = 0;
  virtual Result<void> sync() = 0;  // the bytes, and the length (fdatasync)
  virtual Result<std::uint64_t> size() const = 0;
  // Fewer than `into` only at the end of the file.
  virtual Result<std::size_t> read(std::uint64_t from, std::span<char> into) const = 0;
  virtual Result<void> truncate(std::uint64_t size) = 0;
  // The same for one file whatever it is called, another for every other file that is there.
  virtual Result<std::uint64_t> identity() const = 0;
  // Nobody else gets it as long as this is open. False: somebody has it.
  virtual Result<bool> lock() { return true; }
};

// Any thread.
class Disk {
 public:
  virtual ~Disk() = default;
  enum class Open : std::uint8_t { create, append, read };  // create: empty, replaces what was there
  virtual Result<std::unique_ptr<DiskFile>> open(const std::string& path, Open how) = 0;
  // Durable after `sync_folder` of its folder ("" is the disk's own).
  virtual Result<void> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<void> remove(const std::string& path) = 0;  // not there: an error, too
  virtual Result<void> sync_folder(const std::string& folder) = 0;
  virtual Result<void> make_folder(const std::string& folder) = 0;                     // there already: fine
  virtual Result<std::vector<std::string>> list(const std::string& folder) const = 0;  // names, sorted
  // DiskFile::identity of what is called so now; nothing: there is no such file.
  virtual Result<std::optional<std::uint64_t>> identity(const std::string& path) const = 0;
};

inline Result<bool> is_there(Disk& disk, const std::string& path) {
  return disk.identity(path).map([](const auto& identity) { return identity.has_value(); });
}
inline Result<void> remove_if_there(Disk& disk, const std::string& path) {
  return is_there(disk, path).and_then([&](bool there) { return there ? disk.remove(path) : Result<void>{}; });
}
// Null: it is not there.
inline Result<std::unique_ptr<DiskFile>> open_if_there(Disk& disk, const std::string& path) {
  return is_there(disk, path).and_then([&](bool there) -> Result<std::unique_ptr<DiskFile>> {
    if (!there) return nullptr;
    return disk.open(path, Disk::Open::read);
  });
}

// All that `write(file)` writes or, on an error or after a crash, what was there before. `path` stands in the folder
// "", or in a folder below.
template <class Write>
  requires std::is_invocable_v<const Write&, DiskFile&>
Result<void> write_durably(Disk& disk, const std::string& path, const Write& write) {
  const std::string unfinished = path + ".tmp";
  const auto slash = path.rfind('/');
  return disk.open(unfinished, Disk::Open::create)
      .and_then(
          [&](const std::unique_ptr<DiskFile>& file) { return write(*file).and_then([&] { return file->sync(); }); })
      .and_then([&] { return disk.rename(unfinished, path); })
      .and_then([&] { return disk.sync_folder(slash == std::string::npos ? "" : path.substr(0, slash)); });
}
inline Result<void> write_durably(Disk& disk, const std::string& path, std::string_view bytes) {
  return write_durably(disk, path, [&](DiskFile& file) { return file.append(bytes); });
}

}  // namespace tocsin
