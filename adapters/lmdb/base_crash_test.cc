// If one of these fails, a crash in the middle of a merge leaves a base that is neither the old nor the new one.
//
// What LMDB writes is recorded by standing in for the calls of the C library that it makes: this program's come before
// the library's.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <random>

#include "adapters/lmdb/testing.h"

using namespace tocsin;
using tests::EpochText;
using tests::House;
using tests::StoreModel;
using tests::TempFolder;

namespace {

struct Step {
  enum class Kind : std::uint8_t { write, write_synced, sync, cut } kind;
  std::uint64_t at = 0;
  std::string bytes;
};

// Watches one file while it is told to. One thread.
struct Recorder {
  bool is_on = false;
  ino_t file = 0;
  std::vector<Step> steps;
  int fail_at = 0, kill_at = 0;  // the n-th step, from 1; 0: never
  bool fails_on = false;         // and all after it
  bool pauses_looks = false;     // who looks at a base stops when its head is sound, until somebody lets it go on

  bool watches(int fd) const {
    struct stat status;
    return is_on && ::fstat(fd, &status) == 0 && status.st_ino == file;
  }
  // False: this step fails.
  bool take(Step step) {
    steps.push_back(std::move(step));
    const int number = static_cast<int>(steps.size());
    if (number == kill_at) ::raise(SIGKILL);
    return !(number == fail_at || (fails_on && fail_at != 0 && number > fail_at));
  }
};
Recorder recorder;

bool take_write(int fd, std::uint64_t at, const void* bytes, std::size_t size) {
  const bool synced = (::fcntl(fd, F_GETFL) & O_DSYNC) != 0;
  if (recorder.take({synced ? Step::Kind::write_synced : Step::Kind::write, at,
                     std::string(static_cast<const char*>(bytes), size)}))
    return true;
  errno = EIO;
  return false;
}

}  // namespace

extern "C" {

ssize_t pwrite(int fd, const void* bytes, size_t size, off_t at) {
  if (recorder.watches(fd) && !take_write(fd, static_cast<std::uint64_t>(at), bytes, size)) return -1;
  return ::syscall(SYS_pwrite64, fd, bytes, size, at);
}

ssize_t write(int fd, const void* bytes, size_t size) {
  if (recorder.watches(fd) && !take_write(fd, static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_CUR)), bytes, size))
    return -1;
  const ssize_t written = ::syscall(SYS_write, fd, bytes, size);
  if (recorder.pauses_looks && size == 1 && *static_cast<const char*>(bytes) == '+') ::raise(SIGSTOP);
  return written;
}

ssize_t writev(int fd, const struct iovec* parts, int count) {
  if (recorder.watches(fd)) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
    if (!take_write(fd, static_cast<std::uint64_t>(::lseek(fd, 0, SEEK_CUR)), bytes.data(), bytes.size())) return -1;
  }
  return ::syscall(SYS_writev, fd, parts, count);
}

int fdatasync(int fd) {
  if (recorder.watches(fd) && !recorder.take({Step::Kind::sync, 0, {}})) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_fdatasync, fd));
}

int ftruncate(int fd, off_t size) noexcept {
  if (recorder.watches(fd) && !recorder.take({Step::Kind::cut, static_cast<std::uint64_t>(size), {}})) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(::syscall(SYS_ftruncate, fd, size));
}
}

namespace {

ino_t inode_of(const std::string& file) {
  struct stat status;
  REQUIRE(::stat(file.c_str(), &status) == 0);
  return status.st_ino;
}

void write_at(std::string& bytes, std::uint64_t at, std::string_view written) {
  if (bytes.size() < at + written.size()) bytes.resize(at + written.size());
  std::copy(written.begin(), written.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

// What a crash in the middle of the last of these steps may leave: what was synced, and of the rest each sector or not.
std::string crash_image(const std::string& before, std::span<const Step> steps, bool syncs_count,
                        std::mt19937& random) {
  constexpr std::size_t kSector = 512;
  constexpr unsigned kPercents[] = {0, 10, 50, 90, 100};
  const unsigned percent = kPercents[random() % 5];
  std::size_t synced = 0;
  for (std::size_t i = 0; syncs_count && i + 1 < steps.size(); ++i)
    if (steps[i].kind == Step::Kind::sync) synced = i;
  std::string bytes = before;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    const bool is_last = i + 1 == steps.size();
    const bool is_durable = i < synced || (syncs_count && step.kind == Step::Kind::write_synced && !is_last);
    if (step.kind == Step::Kind::sync) continue;
    if (step.kind == Step::Kind::cut) {
      if (is_durable || random() % 100 < percent) bytes.resize(step.at);
      continue;
    }
    for (std::size_t from = 0; from < step.bytes.size();) {
      const std::size_t size = std::min(step.bytes.size() - from, kSector - (step.at + from) % kSector);
      if (is_durable || random() % 100 < percent)
        write_at(bytes, step.at + from, std::string_view(step.bytes).substr(from, size));
      from += size;
    }
  }
  return bytes;
}

// A base that goes through merges; its steps, and after which of them each merge was acknowledged.
struct Recorded {
  explicit Recorded(const TempFolder& folder, int merges) : file(folder.in("base.mdb")) {
    REQUIRE(Base::create(file, 1, 2));
    const auto base = Base::open(file).value();
    before = tests::bytes_of(file);
    recorder = {};
    recorder.file = inode_of(file);
    recorder.is_on = true;
    std::mt19937 random(6);
    StoreModel model;
    models.push_back(model);
    for (int i = 0; i < merges; ++i) {
      EpochText text = tests::random_epoch(random, model.newest.number + 1, 4'000);
      text.outbox = std::string(random() % 3 * 5'000, static_cast<char>('a' + i));
      model.apply(text);
      const std::uint64_t away = random() % 4;
      model.delivered.number =
          std::max(model.delivered.number, model.newest.number - std::min(away, model.newest.number));
      models.push_back(model);
      std::vector<StateChange> changes;
      for (const auto& [address, value] : text.changes)
        changes.push_back({address, value ? std::string_view(*value) : std::string_view(), !value});
      Base::Through through{model.newest, model.manifest, model.delivered, {}};
      if (model.delivered < model.newest && !text.outbox.empty())
        through.outboxes.emplace_back(model.newest, text.outbox);
      REQUIRE(base->apply(changes, through));
      acknowledged.push_back(recorder.steps.size());
    }
    recorder.is_on = false;
    steps = std::move(recorder.steps);
  }

  // With the first `count` steps begun: as it was after one merge, or after the next. Else what is wrong.
  std::string check(const std::string& image, std::size_t count) const {
    const TempFolder folder;
    const std::string copy = folder.in("base.mdb");
    tests::write_bytes(copy, image);
    if (const auto checked = check_base_in_child(copy); !checked) return checked.error().message;
    const auto base = Base::open(copy);
    if (!base) return base.error().message;
    const auto head = base.value()->head();
    if (!head) return head.error().message;
    const auto done = static_cast<std::size_t>(
        std::count_if(acknowledged.begin(), acknowledged.end(), [&](std::size_t at) { return at < count; }));
    const std::uint64_t through = head.value().through.number;
    if (through != done && through != done + 1)
      return "it stands at " + std::to_string(through) + ", not " + std::to_string(done);
    const StoreModel& model = models[through];
    if (base.value()->manifest().value() != model.manifest) return "another manifest";
    if (head.value().delivered != model.delivered) return "more or less is delivered";
    auto due = model.outboxes_behind(model.delivered);
    std::erase_if(due, [](const auto& outbox) { return outbox.second.empty(); });
    if (base.value()->outboxes(model.delivered, Epoch{through + 1}).value() != due) return "other outboxes";
    std::map<std::string, std::string> state;
    for (std::string from;;) {
      const auto slice = base.value()->slice(from, 1 << 20);
      if (!slice) return slice.error().message;
      if (slice.value().empty()) break;
      for (const auto& entry : slice.value()) state[entry.address] = entry.value;
      from = slice.value().back().address + '\0';
    }
    return state == model.state ? "" : "another state";
  }

  std::string file, before;
  std::vector<Step> steps;
  std::vector<std::size_t> acknowledged;
  std::vector<StoreModel> models;
};

// A base of four epochs, two of them with their outboxes, and six more that a merge of several transactions is to take
// into it.
void fill_for_merge(House& house) {
  house.config.changes_per_transaction = 3;
  house.config.check = CheckBase::always;
  REQUIRE(house.open());
  house.fill(4);
  house.model.delivered = Epoch{2};
  house.store->delivered(Epoch{2});
  REQUIRE(house.store->merge());
  house.fill(6);
  house.model.delivered = Epoch{7};
  house.store->delivered(Epoch{7});
}

}  // namespace

TEST_CASE("base: crash images of merges, each the one before or the one after") {
  const TempFolder folder;
  const Recorded recorded(folder, 12);
  std::mt19937 random(3);
  int bad = 0;
  std::string first_bad;
  constexpr int kImages = 1'500;
  for (int i = 0; i < kImages; ++i) {
    const std::size_t count = 1 + random() % recorded.steps.size();
    const auto image = crash_image(recorded.before, std::span(recorded.steps).first(count), true, random);
    const std::string wrong = recorded.check(image, count);
    if (!wrong.empty() && bad++ == 0) first_bad = std::to_string(count) + ": " + wrong;
  }
  CHECK_MESSAGE(bad == 0, first_bad);
}

TEST_CASE("base: the images find a base whose syncs do nothing") {
  const TempFolder folder;
  const Recorded recorded(folder, 12);
  std::mt19937 random(3);
  int bad = 0;
  for (int i = 0; i < 100; ++i) {
    const std::size_t count = recorded.steps.size() / 2 + random() % (recorded.steps.size() / 2);
    const auto image = crash_image(recorded.before, std::span(recorded.steps).first(count), false, random);
    bad += recorded.check(image, count).empty() ? 0 : 1;
  }
  CHECK(bad > 50);
}

TEST_CASE(
    "base: any write of a merge fails, once or from then on; the state stays as it was, and the merge can be "
    "repeated") {
  for (const bool fails_on : {false, true}) {
    int steps = 0;
    for (int failing = 1;; ++failing) {
      House house;
      fill_for_merge(house);
      recorder = {};
      recorder.file = inode_of(house.folder.in("base.mdb"));
      recorder.fail_at = failing;
      recorder.fails_on = fails_on;
      recorder.is_on = true;
      const auto merged = house.store->merge();
      recorder.is_on = false;
      steps = static_cast<int>(recorder.steps.size());
      REQUIRE_MESSAGE(tests::difference(*house.store, house.model, false) == "", "step " << failing);
      const auto again = house.store->merge();
      REQUIRE_MESSAGE(again, "step " << failing << ": " << again.error().message);
      REQUIRE(tests::difference(*house.store, house.model, false) == "");
      REQUIRE(house.open());
      REQUIRE(tests::difference(*house.store, house.model, false) == "");
      if (merged && failing > steps) break;
      if (!merged) CHECK(merged.error().message.find("base.mdb: ") != std::string::npos);
    }
    CHECK(steps > 10);
  }
}

TEST_CASE("base: kill -9 before every write of a merge") {
  for (int at = 1;; ++at) {
    House house;
    fill_for_merge(house);
    house.fill(1);  // says that the others are delivered
    house.store.reset();
    const pid_t child = ::fork();
    if (child == 0) {
      if (!house.open()) ::_exit(1);
      recorder = {};
      recorder.file = inode_of(house.folder.in("base.mdb"));
      recorder.kill_at = at;
      recorder.is_on = true;
      ::_exit(house.store->merge() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    const bool finished = WIFEXITED(status);
    REQUIRE((finished ? WEXITSTATUS(status) == 0 : WTERMSIG(status) == SIGKILL));
    REQUIRE(house.open());
    REQUIRE_MESSAGE(tests::difference(*house.store, house.model, true) == "", "killed at " << at);
    REQUIRE(house.store->merge());
    REQUIRE_MESSAGE(tests::difference(*house.store, house.model, true) == "", "killed at " << at);
    if (finished) {
      CHECK(at > 10);
      break;
    }
  }
}

namespace {

// A store whose base is being looked at for as long as the test wants.
struct Looking {
  explicit Looking(bool is_damaged) {
    house.config.small_base = 0;
    house.config.verdict_wait = {};
    REQUIRE(house.open());
    house.fill(4);
    house.deliver_all();
    REQUIRE(house.store->merge());
    house.store.reset();
    if (is_damaged) {  // a value, which nobody reads but who looks at all of them
      const std::string base = house.folder.in("base.mdb");
      std::string bytes = tests::bytes_of(base);
      for (auto at = bytes.find("of 4"); at != std::string::npos; at = bytes.find("of 4")) bytes[at] = 'x';
      tests::write_bytes(base, bytes);
    }
    recorder = {};
    recorder.pauses_looks = true;
    REQUIRE(house.open());
    recorder.pauses_looks = false;
    child = ::waitpid(-1, nullptr, WUNTRACED);  // until it has stopped
    REQUIRE(child > 0);
  }
  ~Looking() { house.store.reset(); }
  // Whether it is sound: `image` waits for the verdict.
  Result<void> verdict() {
    ::kill(child, SIGCONT);
    return house.store->image([](const auto&) { return Result<void>{}; }, [](auto, auto) { return Result<void>{}; });
  }
  std::string merge_figures() {
    const auto merged = house.store->merge();
    return merged ? std::to_string(merged->epochs) + " epochs" : merged.error().message;
  }
  House house;
  pid_t child = 0;
};

}  // namespace

TEST_CASE("base: while it is being looked at epochs go on after a while, and nothing is merged into it") {
  Looking looking(false);
  House& house = looking.house;
  house.fill(2);
  const std::string before = tests::bytes_of(house.folder.in("base.mdb"));
  CHECK(looking.merge_figures() == "0 epochs");
  REQUIRE(house.store->note({}));
  CHECK(tests::bytes_of(house.folder.in("base.mdb")) == before);
  CHECK(house.store->find(std::string("\0\1all", 5)).value() == "of 6");
  REQUIRE(looking.verdict());
  CHECK(looking.merge_figures() == "2 epochs");
  CHECK(tests::difference(*house.store, house.model, false) == "");
}

TEST_CASE("base: what was made from one that turns out to be damaged is said") {
  Looking looking(true);
  looking.house.fill(2);
  CHECK(looking.merge_figures() == "0 epochs");
  const auto verdict = looking.verdict();
  REQUIRE_FALSE(verdict);
  CHECK(verdict.error().message.find("; epochs 5 to 6 were made from it, and what they found may be wrong; restore a "
                                     "savepoint, or put back a copy of the whole folder") != std::string::npos);
  CHECK(looking.merge_figures().find("is damaged") != std::string::npos);
}

TEST_CASE("base: a look that somebody ends says nothing of it, and the next start does it first") {
  Looking looking(false);
  House& house = looking.house;
  house.fill(1);
  ::kill(looking.child, SIGKILL);
  REQUIRE(looking.verdict());
  CHECK(looking.merge_figures() == "1 epochs");
  REQUIRE(house.open());
  CHECK(house.store->was_checked());
}

TEST_CASE("base: a store that is closed while its base is being looked at gives that up") {
  Looking looking(false);
  looking.house.store.reset();
  CHECK(::kill(looking.child, 0) == -1);
  REQUIRE(looking.house.open());
}

TEST_CASE("base: a page that has LMDB end the process ends it as damage does, with one message, and the mark goes") {
  // Pages lead to a single other one, which LMDB asserts that none does; or the file has lost its end, and what is read
  // there is SIGBUS. Both after the start has found it sound.
  for (const bool is_cut : {false, true}) {
    House house;
    const std::string base = house.folder.in("base.mdb"), said = house.folder.in("said");
    REQUIRE(house.open());
    house.fill(1);
    REQUIRE(house.store->merge());
    house.store.reset();
    const pid_t child = ::fork();
    if (child == 0) {
      end_on_damage(5);
      if (!house.open()) ::_exit(1);
      const int to = ::open(said.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
      ::dup2(to, STDERR_FILENO);
      std::string bytes = tests::bytes_of(base);
      if (is_cut) {
        ::syscall(SYS_truncate, base.c_str(), 0);
      } else {
        const int file = ::open(base.c_str(), O_WRONLY | O_CLOEXEC);
        for (std::size_t page = 2 * 4'096; page < bytes.size(); page += 4'096)  // one that leads to a single other
          static_cast<void>(!::syscall(SYS_pwrite64, file, "\1\0\x12\0", 4, page + 10));
      }
      static_cast<void>(house.store->find("x"));
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 5);
    const std::string told = tests::bytes_of(said);
    CHECK(told.starts_with("tocsin: " + base + " is damaged, this process ends; the next start looks at all of it"));
    CHECK(std::ranges::count(told, '\n') == 1);
    CHECK(told.find(is_cut ? "(SIGBUS)" : "Assertion") != std::string::npos);
    CHECK(::access(house.folder.in("mark").c_str(), F_OK) != 0);
  }
}
