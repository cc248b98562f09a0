// If one of these fails, an epoch that was acknowledged is lost after a crash or a failing disk, or something that
// never was comes back.
#include <doctest/doctest.h>
#include <sys/wait.h>

#include <csignal>
#include <random>

#include "adapters/lmdb/testing.h"
#include "tests/support/crash_disk.h"

using namespace tocsin;
using tests::CrashDisk;
using tests::EpochText;
using tests::HookedDisk;
using tests::StoreModel;
using tests::TempFolder;

namespace {

constexpr std::size_t kLongMax = 4'000;  // some sectors, so that there is something to tear

// What may come back: the newest epoch that was acknowledged, or the one that was being stored.
struct Expected {
  std::vector<StoreModel> models{StoreModel{}};  // after each epoch
  Epoch delivered;

  void offer(const EpochText& text) {
    models.push_back(models.back());
    models.back().apply(text);
  }
  // Empty: it is one of the last two (of the last one alone when nothing is under way).
  std::string difference_of(const CheckpointStore& store, bool is_under_way) const {
    const auto newest = store.newest();
    if (!newest) return newest.error().message;
    const std::uint64_t epoch = newest.value() ? newest.value()->epoch.number : 0, last = models.size() - 1;
    if (epoch != last && !(is_under_way && epoch + 1 == last))
      return "it came back with epoch " + std::to_string(epoch) + " of " + std::to_string(last);
    StoreModel model = models[epoch];
    model.delivered = std::min(delivered, model.newest);
    return tests::difference(store, model, true);
  }
};

// A history on a disk: eighteen epochs, delivered now and then, merged every fifth.
struct Workload {
  explicit Workload(unsigned seed) : random(seed) {}

  // `retries`: how often an epoch is offered again. The first error that stays.
  Result<void> run(LmdbStore& store, int epochs, int retries) {
    for (int i = 0; i < epochs; ++i) {
      const EpochText text = tests::random_epoch(random, expected.models.size(), kLongMax);
      expected.offer(text);
      is_under_way = true;
      const Epoch epoch{expected.models.size() - 1};
      auto stored = tests::store_epoch(store, epoch, text);
      for (int again = 0; !stored && again < retries; ++again) {
        // An error leaves the store as it was.
        const StoreModel before = expected.models[epoch.number - 1];
        if (const auto newest = store.newest(); newest && newest.value() && newest.value()->epoch != before.newest)
          return stored.map([](auto) {});
        stored = tests::store_epoch(store, epoch, text);
      }
      if (!stored) return tl::unexpected(stored.error());
      is_under_way = false;
      if (i % 3 != 0) {
        expected.delivered = Epoch{epoch.number - random() % 2};
        store.delivered(expected.delivered);
      }
      if (i % 5 != 4) continue;
      auto merged = store.merge();
      for (int again = 0; !merged && again < retries; ++again) merged = store.merge();
      if (!merged) return tl::unexpected(merged.error());
    }
    return {};
  }

  std::mt19937 random;
  Expected expected;
  bool is_under_way = false;
};

LmdbStoreConfig config_of(const TempFolder& folder) {
  LmdbStoreConfig config;
  config.folder = folder.path();
  config.check = CheckBase::never;  // what is tested here is the log; thousands of children would take their time
  config.changes_per_transaction = 20;
  return config;
}

// Opens what a crash has left, and sometimes goes on with it.
struct Survivor {
  std::string check(const CrashDisk::Image& image, const std::string& base_file, const Expected& expected,
                    bool is_under_way, bool goes_on) {
    std::filesystem::remove(folder.in("base.mdb"));
    std::filesystem::remove(folder.in("base.mdb-lock"));
    if (goes_on) {
      std::filesystem::copy_file(base_file, folder.in("base.mdb"));
    } else {
      std::filesystem::create_symlink(base_file, folder.in("base.mdb"));  // nobody writes it
    }
    CrashDisk disk(image);
    {
      const auto store = LmdbStore::open(config_of(folder), disk);
      if (!store) return store.error().message;
      if (auto wrong = expected.difference_of(*store.value(), is_under_way); !wrong.empty() || !goes_on) return wrong;
      Expected more = expected;
      const auto newest = store.value()->newest().value();
      more.models.resize((newest ? newest->epoch.number : 0) + 1);
      std::mt19937 random(1);
      const EpochText text = tests::random_epoch(random, more.models.size());
      more.offer(text);
      more.delivered = more.models.back().newest;
      if (const auto stored = tests::store_epoch(*store.value(), Epoch{more.models.size() - 1}, text); !stored)
        return stored.error().message;
      store.value()->delivered(more.delivered);
      if (const auto merged = store.value()->merge(); !merged) return merged.error().message;
      if (auto wrong = more.difference_of(*store.value(), false); !wrong.empty()) return "afterwards: " + wrong;
    }
    return "";
  }
  TempFolder folder;
};

}  // namespace

TEST_CASE("crash: 10,000 images of the delta log, each the newest epoch or the one under way") {
  const TempFolder folder, snapshots;
  Survivor survivor;
  Workload workload(7);
  std::mt19937 random(11);
  CrashDisk disk;
  int images = 0, bad = 0, old = 0;
  std::string first_bad;
  bool is_on = false, is_inside = false;
  HookedDisk hooked(disk, [&](const std::string& call, const std::string&) -> Result<void> {
    // Reads change nothing; and what the survivors do is not watched.
    if (!is_on || is_inside || images >= 10'000 || call == "open" || call == "read" || call == "list") return {};
    is_inside = true;
    const std::string base = snapshots.in("base");
    std::filesystem::copy_file(folder.in("base.mdb"), base, std::filesystem::copy_options::overwrite_existing);
    for (int i = 0; i < 50; ++i, ++images) {
      const auto wrong =
          survivor.check(disk.crash(random), base, workload.expected, workload.is_under_way, images % 50 == 0);
      if (!wrong.empty() && bad++ == 0) first_bad = call + ": " + wrong;
      old += workload.is_under_way ? 1 : 0;
    }
    is_inside = false;
    return {};
  });
  auto store = LmdbStore::open(config_of(folder), hooked);
  REQUIRE(store);
  is_on = true;
  for (int round = 0; round < 2; ++round) {
    const auto ran = workload.run(*store.value(), 22, 0);
    REQUIRE_MESSAGE(ran, ran.error().message);
  }
  is_on = false;
  CHECK_MESSAGE(bad == 0, first_bad);
  CHECK(images >= 10'000);
  CHECK(old > 1'000);  // most are in the middle of an epoch
}

TEST_CASE("crash: the images find a log that does not sync, and one that does not sync its folder") {
  for (const char* const skipped : {"sync", "sync_folder"}) {
    const TempFolder folder, snapshots;
    Survivor survivor;
    Workload workload(7);
    std::mt19937 random(11);
    CrashDisk disk;
    // The disk lies: it says that it has synced.
    struct Lying final : Disk {
      Lying(CrashDisk& disk_, std::string call_) : disk(disk_), call(std::move(call_)) {}
      struct File final : DiskFile {
        explicit File(std::unique_ptr<DiskFile> file_) : file(std::move(file_)) {}
        Result<void> append(std::string_view bytes) override { return file->append(bytes); }
        Result<void> sync() override { return {}; }
        Result<std::uint64_t> size() const override { return file->size(); }
        Result<std::size_t> read(std::uint64_t from, std::span<char> into) const override {
          return file->read(from, into);
        }
        Result<void> truncate(std::uint64_t size) override { return file->truncate(size); }
        Result<std::uint64_t> identity() const override { return file->identity(); }
        std::unique_ptr<DiskFile> file;
      };
      Result<std::unique_ptr<DiskFile>> open(const std::string& path, Open how) override {
        auto file = disk.open(path, how);
        if (!file || call != "sync") return file;
        return std::make_unique<File>(std::move(file.value()));
      }
      Result<void> rename(const std::string& from, const std::string& to) override { return disk.rename(from, to); }
      Result<void> remove(const std::string& path) override { return disk.remove(path); }
      Result<void> sync_folder(const std::string& name) override {
        return call == "sync_folder" ? Result<void>{} : disk.sync_folder(name);
      }
      Result<void> make_folder(const std::string& name) override { return disk.make_folder(name); }
      Result<std::vector<std::string>> list(const std::string& name) const override { return disk.list(name); }
      Result<std::optional<std::uint64_t>> identity(const std::string& path) const override {
        return disk.identity(path);
      }
      CrashDisk& disk;
      std::string call;
    } lying(disk, skipped);
    auto store = LmdbStore::open(config_of(folder), lying);
    REQUIRE(store);
    REQUIRE(workload.run(*store.value(), 4, 0));
    std::filesystem::copy_file(folder.in("base.mdb"), snapshots.in("base"));
    int bad = 0;
    for (int i = 0; i < 100; ++i)
      bad += survivor.check(disk.crash(random), snapshots.in("base"), workload.expected, false, false).empty() ? 0 : 1;
    CHECK(bad > 10);
  }
}

TEST_CASE(
    "crash: what a start has found is there after a power cut, also where the process before died at its last call") {
  const TempFolder folder;
  CrashDisk disk;
  bool dies = false, is_dead = false;
  HookedDisk hooked(disk, [&](const std::string& call, const std::string& path) -> Result<void> {
    is_dead = is_dead || (dies && call == "sync_folder" && path == "deltas");
    if (!is_dead) return {};
    return failure(Error::Code::unreadable, "the process is dead");
  });
  {
    auto store = LmdbStore::open(config_of(folder), hooked);
    REQUIRE(store);
    const EpochText text{{{std::string("\0\1one", 5), "value"}}, "manifest", "outbox"};
    REQUIRE(tests::store_epoch(*store.value(), Epoch{1}, text));
    dies = true;
    REQUIRE_FALSE(tests::store_epoch(*store.value(), Epoch{2}, text));
  }
  {
    const auto store = LmdbStore::open(config_of(folder), disk);  // no power was cut: it finds what was renamed
    REQUIRE(store.value()->newest().value()->epoch == Epoch{2});
  }
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    CrashDisk after(disk.crash(random));
    const auto store = LmdbStore::open(config_of(folder), after);
    REQUIRE(store);
    REQUIRE(store.value()->newest().value()->epoch == Epoch{2});
  }
}

TEST_CASE("failing disk: any one call fails once, and the epoch is offered again") {
  int calls = 0;
  for (int failing = 1;; ++failing) {
    const TempFolder folder;
    CrashDisk disk;
    Workload workload(3);
    int call_number = 0;
    std::string failed;
    bool is_over = false;
    HookedDisk hooked(disk, [&](const std::string& call, const std::string& path) -> Result<void> {
      if (is_over || ++call_number != failing) return {};
      failed = call + " " + path;
      return failure(Error::Code::full, "cannot " + call + " " + path + ": No space left on device");
    });
    auto store = LmdbStore::open(config_of(folder), hooked);
    if (!store) {
      CHECK(store.error().message.find("No space left") != std::string::npos);
      store = LmdbStore::open(config_of(folder), hooked);
    }
    REQUIRE_MESSAGE(store, failed);
    const auto ran = workload.run(*store.value(), 11, 1);
    is_over = true;
    REQUIRE_MESSAGE(ran, failed);
    REQUIRE_MESSAGE(workload.expected.difference_of(*store.value(), false) == "", failed);
    store.value().reset();
    store = LmdbStore::open(config_of(folder), disk);
    REQUIRE_MESSAGE(store, failed);
    REQUIRE_MESSAGE(workload.expected.difference_of(*store.value(), false) == "", failed);
    calls = call_number;
    if (failing >= call_number) break;
  }
  CHECK(calls > 60);
}

TEST_CASE("failing disk: from any call on everything fails; what was acknowledged is there afterwards") {
  for (int failing = 1;; ++failing) {
    const TempFolder folder;
    CrashDisk disk;
    Workload workload(3);
    int call_number = 0;
    HookedDisk hooked(disk, [&](const std::string& call, const std::string& path) -> Result<void> {
      if (++call_number < failing) return {};
      return failure(Error::Code::unreadable, "cannot " + call + " " + path + ": Input/output error");
    });
    bool failed = true;
    {
      auto store = LmdbStore::open(config_of(folder), hooked);
      if (store) failed = !workload.run(*store.value(), 11, 2);
    }
    auto store = LmdbStore::open(config_of(folder), disk);
    REQUIRE_MESSAGE(store, store.error().message);
    const std::string wrong = workload.expected.difference_of(*store.value(), workload.is_under_way);
    REQUIRE_MESSAGE(wrong == "", "from call " << failing << " on: " << wrong);
    if (!failed) break;
  }
}

namespace {

// Runs a workload in a child that kills itself at its n-th call to the disk; says how many epochs it was told were
// stored, and whether it came to the end.
struct Killed {
  std::uint64_t acknowledged = 0;
  bool finished = false;
};

Killed run_and_kill(const std::string& folder, int at_call, int epochs) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto real = tests::real_disk(folder);
    int calls = 0;
    HookedDisk hooked(*real, [&](const std::string&, const std::string&) -> Result<void> {
      if (++calls == at_call) ::raise(SIGKILL);
      return {};
    });
    LmdbStoreConfig config;
    config.folder = folder;
    config.check = CheckBase::never;
    config.changes_per_transaction = 20;
    auto store = LmdbStore::open(config, hooked);
    Workload workload(5);
    for (int i = 0; store && i < epochs; ++i) {
      // One epoch at a time, so that the parent knows each.
      const EpochText text = tests::random_epoch(workload.random, workload.expected.models.size(), kLongMax);
      workload.expected.offer(text);
      const Epoch epoch{workload.expected.models.size() - 1};
      if (!tests::store_epoch(*store.value(), epoch, text)) ::_exit(1);
      static_cast<void>(!::write(ends[1], "s", 1));
      store.value()->delivered(epoch);
      if (i % 4 == 3 && !store.value()->merge()) ::_exit(1);
    }
    store.value().reset();
    ::_exit(0);
  }
  ::close(ends[1]);
  Killed killed;
  char byte = 0;
  while (::read(ends[0], &byte, 1) == 1) ++killed.acknowledged;
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  killed.finished = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  REQUIRE((killed.finished || (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)));
  return killed;
}

}  // namespace

TEST_CASE("kill -9 before every call to the disk: nothing that was acknowledged is lost") {
  constexpr int kEpochs = 9;
  Expected expected;
  std::mt19937 random(5);
  for (int i = 0; i < kEpochs; ++i) expected.offer(tests::random_epoch(random, expected.models.size(), kLongMax));
  int kills = 0;
  for (int at_call = 1;; ++at_call) {
    const TempFolder folder;
    const Killed killed = run_and_kill(folder.path(), at_call, kEpochs);
    const auto real = tests::real_disk(folder.path());
    LmdbStoreConfig config;
    config.folder = folder.path();
    const auto store = LmdbStore::open(config, *real);
    REQUIRE_MESSAGE(store, store.error().message);
    Expected here = expected;
    here.models.resize(std::min<std::size_t>(killed.acknowledged + 2, expected.models.size()));
    here.delivered = Epoch{killed.acknowledged};
    const std::string wrong = here.difference_of(*store.value(), here.models.size() == killed.acknowledged + 2);
    REQUIRE_MESSAGE(wrong == "", "killed before call " << at_call << ": " << wrong);
    if (killed.finished) break;
    ++kills;
  }
  CHECK(kills > 60);
}
