#include "adapters/lmdb/fill.h"

#include <fmt/format.h>
#include <unistd.h>

#include <vector>

#include "adapters/lmdb/base.h"
#include "adapters/lmdb/delta.h"
#include "adapters/lmdb/folder_lock.h"
#include "adapters/lmdb/records.h"

namespace tocsin {
namespace {

constexpr char kBase[] = "base.mdb", kNewBase[] = "base.new.mdb";

Result<void> remove_old(Disk& disk) {
  const auto names = disk.list(kDeltaFolder);
  if (!names) return tl::unexpected(names.error());
  for (const std::string& name : *names)
    if (auto removed = disk.remove(std::string(kDeltaFolder) + "/" + name); !removed) return removed;
  if (auto synced = disk.sync_folder(kDeltaFolder); !synced) return synced;
  for (const char* const name : {kMarkName, kBase, "base.mdb-lock"})
    if (auto removed = remove_if_there(disk, name); !removed) return removed;
  return disk.sync_folder("");
}

}  // namespace

Result<bool> holds_state(const LmdbStoreConfig& config, Disk& disk) {
  for (const char* const name : {kMarkName, kBase, kUnfinished}) {
    const auto there = is_there(disk, name);
    if (!there || *there) return there;
  }
  if (::access((config.folder + "/" + kDeltaFolder).c_str(), F_OK) != 0) return false;
  return disk.list(kDeltaFolder).map([](const std::vector<std::string>& names) { return !names.empty(); });
}

Result<void> refuse_state(const LmdbStoreConfig& config, Disk& disk) {
  return holds_state(config, disk).and_then([&](bool held) -> Result<void> {
    if (!held) return {};
    return failure(Error::Code::refused,
                   fmt::format("{} holds a state already; --force puts this one in its place", config.folder));
  });
}

Result<void> refuse_unfinished(const LmdbStoreConfig& config, Disk& disk) {
  const auto there = is_there(disk, kUnfinished);
  if (!there) return tl::unexpected(there.error());
  if (!*there) return {};
  return failure(Error::Code::refused,
                 fmt::format("{}: a restore was broken off here ({}/{} is there); run `tocsin savepoint restore` with "
                             "--force again",
                             config.folder, config.folder, kUnfinished));
}

Result<void> fill_folder(const LmdbStoreConfig& config, Disk& disk, const Carried& carried, bool replaces) {
  const auto lock = FolderLock::take(config.folder);
  if (!lock) return tl::unexpected(lock.error());
  const auto free =
      disk.make_folder(kDeltaFolder).and_then([&] { return replaces ? Result<void>{} : refuse_state(config, disk); });
  if (!free) return free;

  const std::string new_lock = std::string(kNewBase) + "-lock";
  for (const std::string& left : {std::string(kNewBase), new_lock})
    if (auto removed = remove_if_there(disk, left); !removed) return removed;
  const auto& [epoch, manifest, carried_outboxes] = carried.newest;
  Base::Through through{epoch, manifest, carried.newest.delivered(), carried_outboxes};
  std::erase_if(through.outboxes, [](const auto& outbox) { return outbox.second.empty(); });
  const std::string file = config.folder + "/" + kNewBase;
  const std::uint64_t store = Base::random_number();
  const auto made = Base::create(file, store, Base::random_number())
                        .and_then([&] { return Base::open(file); })
                        .and_then([&](const std::unique_ptr<Base>& base) {
                          return base->apply_all(carried.next, config.changes_per_transaction, through);
                        });
  if (!made) {
    static_cast<void>(remove_if_there(disk, kNewBase));
    static_cast<void>(remove_if_there(disk, new_lock));
    return tl::unexpected(made.error());
  }

  DeltaWriter writer(disk, config.folder);
  const auto write_witness = [&] {  // of the base, as behind a merge
    return writer.write({store, epoch, through.delivered, 0}, {epoch, {}, manifest, {}}).map([](const auto&) {});
  };
  return write_durably(disk, kUnfinished, "a state is being put here\n")
      .and_then([&] { return remove_old(disk); })
      .and_then(write_witness)
      .and_then([&] { return remove_if_there(disk, new_lock); })
      .and_then([&] { return disk.rename(kNewBase, kBase); })
      .and_then([&] { return disk.sync_folder(""); })
      .and_then([&] { return disk.remove(kUnfinished); })
      .and_then([&] { return disk.sync_folder(""); });
}

}  // namespace tocsin
