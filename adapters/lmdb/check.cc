// Looks at a base in a child process: LMDB believes what it reads, so a damaged page may take the process with it.
#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <vector>

#include "adapters/lmdb/records.h"

namespace tocsin {
namespace {

// The child's ways to end; any other is LMDB's.
constexpr int kSound = 0, kDamaged = 3, kRefused = 4, kUnreadable = 5;
// What it says when the head of the base is sound and it goes on to the rest.
constexpr char kHeadIsSound = '+';
// How LMDB ends on damaged pages. Any other signal (Ctrl-C, a stop, the memory's end) says nothing about the file.
constexpr std::array kSignalsOfDamage{SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};

Error::Code code_of(int ending) {
  return ending == kRefused      ? Error::Code::refused
         : ending == kUnreadable ? Error::Code::unreadable
                                 : Error::Code::malformed;
}

// Everything below runs in the child, which ends with the first thing that is wrong. It opens the file without locks
// and only to read.
class Checker {
 public:
  Checker(const std::string& file, int report) : file_(file), report_(report) {}

  // All of it is as of the moment at which its head is found sound: whoever writes into it then must not write twice.
  [[noreturn]] void run() {
    open();
    const BaseHead head = check_meta();
    static_cast<void>(!::write(report_, &kHeadIsSound, 1));
    check_state(head);
    check_outboxes(head);
    check_history();
    check_pages();
    ::_exit(kSound);
  }

 private:
  [[noreturn]] void end(int ending, const std::string& message) const {
    static_cast<void>(!::write(report_, message.data(), message.size()));
    ::_exit(ending);
  }
  [[noreturn]] void damaged(const std::string& what) const {
    end(kDamaged, fmt::format("{} is damaged: {}", file_, what));
  }
  [[noreturn]] void end(const Error& error) const {
    end(error.code == Error::Code::refused ? kRefused : kDamaged, error.message);
  }
  void must(int code, const char* what) const {
    if (code == 0) return;
    if (code == ENOMEM || code == EACCES || code == ENFILE || code == EMFILE || code == EIO)
      end(kUnreadable, fmt::format("cannot {} {}: {}", what, file_, mdb_strerror(code)));
    damaged(fmt::format("LMDB cannot {} it ({})", what, mdb_strerror(code)));
  }

  // Sizes that are damaged would have LMDB ask for memory that nobody has, which is no verdict, or read behind the end.
  // Its two heads are the first two pages; behind the head of the page (16 bytes), magic, version and address (16)
  // stands the size of the map, behind the roots of two trees (48 each) the last page in use.
  void check_sizes() const {
    const int file = ::open(file_.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    must(file >= 0 && ::fstat(file, &status) == 0 ? 0 : errno, "open");
    const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)),
               pages = static_cast<std::uint64_t>(status.st_size) / page;
    for (const std::uint64_t head : {std::uint64_t{0}, page}) {
      const auto number_at = [&](std::uint64_t at) {
        std::uint64_t number = 0;
        if (::pread(file, &number, sizeof(number), static_cast<off_t>(head + at)) != ssize_t{sizeof(number)})
          damaged("it ends inside its head");
        return number;
      };
      if (number_at(32) != kMapBytes) damaged("its head says that it was made with another size");
      if (number_at(136) >= pages)
        damaged(fmt::format("its head tells of page {}, and it ends after {} pages", number_at(136), pages));
    }
    ::close(file);
  }

  void open() {
    check_sizes();
    must(mdb_env_create(&env_), "open");
    must(mdb_env_set_maxdbs(env_, 8), "open");
    mdb_env_set_userctx(env_, this);
    mdb_env_set_assert(env_, [](MDB_env* env, const char* what) {
      static_cast<const Checker*>(mdb_env_get_userctx(env))
          ->damaged(fmt::format("LMDB finds a contradiction ({})", what));
    });
    // All of it is wanted, so the system may read ahead.
    must(mdb_env_open(env_, file_.c_str(), MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK, 0600), "open");
    must(mdb_env_info(env_, &info_), "read");
    must(mdb_txn_begin(env_, nullptr, MDB_RDONLY, &txn_), "read");
    for (std::size_t i = 0; i < kTables.size(); ++i) {
      const int code = mdb_dbi_open(txn_, kTables[i], 0, &tables_[i]);
      has_outboxes_ = i != kOutboxes || code == 0;
      if (code == MDB_NOTFOUND && i == kOutboxes) continue;  // of version 1, which check_meta asks
      if (code == MDB_NOTFOUND) damaged(fmt::format("its table `{}` is missing", kTables[i]));
      must(code, "read");
    }
  }

  // Each key and value of a table. Keys must ascend: damaged pages may lead in a circle.
  template <class See>
  void each(MDB_dbi table, const char* name, See see) const {
    MDB_cursor* cursor = nullptr;
    must(mdb_cursor_open(txn_, table, &cursor), "read");
    MDB_val key{}, value{}, before{};
    std::uint64_t count = 0;
    int code = mdb_cursor_get(cursor, &key, &value, MDB_FIRST);
    for (; code == 0; code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT), ++count) {
      if (count > 0 && view_of(key) <= view_of(before))
        damaged(fmt::format("the keys of table `{}` do not ascend", name));
      // Who walks does not meet the keys by which the pages above lead to this one. Where its first key and its last
      // are found from above, all between them are: they go the same way.
      if (page_of(key) != page_of(before)) {
        if (count > 0) must_find(table, name, before);
        must_find(table, name, key);
      }
      before = key;
      see(view_of(key), view_of(value));
    }
    if (code != MDB_NOTFOUND) must(code, "read");
    if (count > 0) must_find(table, name, before);
    MDB_stat stat;
    must(mdb_stat(txn_, table, &stat), "read");
    if (stat.ms_entries != count)
      damaged(fmt::format("table `{}` announces {} entries and has {}", name, stat.ms_entries, count));
  }

  static std::string_view view_of(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }
  std::uintptr_t page_of(const MDB_val& key) const { return reinterpret_cast<std::uintptr_t>(key.mv_data) / page_; }

  // Who asks for the key finds it, and where it is.
  void must_find(MDB_dbi table, const char* name, const MDB_val& key) const {
    MDB_cursor* cursor = nullptr;
    must(mdb_cursor_open(txn_, table, &cursor), "read");
    MDB_val found = key, value{};
    const int code = mdb_cursor_get(cursor, &found, &value, MDB_SET_KEY);
    mdb_cursor_close(cursor);
    if (code != MDB_NOTFOUND) must(code, "read");
    if (code == MDB_NOTFOUND || found.mv_data != key.mv_data)
      damaged(fmt::format("a key of table `{}` is not found though it is there", name));
  }

  std::string_view get(MDB_dbi table, std::string_view name) const {
    MDB_val key{name.size(), const_cast<char*>(name.data())}, value{};
    const int code = mdb_get(txn_, table, &key, &value);
    if (code == MDB_NOTFOUND) damaged(fmt::format("it has no {}", name));
    must(code, "read");
    return {static_cast<const char*>(value.mv_data), value.mv_size};
  }

  template <class T>
  T good(Result<T> read) const {
    if (!read) end(read.error());
    return std::move(read.value());
  }

  BaseHead check_meta() const {
    const BaseHead head = good(read_head(file_, get(tables_[kMeta], kHeadKey)));
    if (!has_outboxes_ && head.version != 1) damaged("its table `outboxes` is missing");
    good(read_manifest(file_, head.through, get(tables_[kMeta], kManifestKey)));
    return head;
  }

  void check_state(const BaseHead& head) const {
    std::vector<std::pair<std::string, RecordSum>> groups;  // at most one for each two bytes
    std::uint64_t addresses = 0;
    each(tables_[kState], kTables[kState], [&](std::string_view key, std::string_view record) {
      const StateRecord state = good(read_state(file_, key, record));
      if (key_of(state.address, head.seed) != key) damaged("a state stands at another address than its own");
      if (groups.empty() || groups.back().first != key.substr(0, kGroupBytes))
        groups.emplace_back(key.substr(0, kGroupBytes), RecordSum{});
      groups.back().second.add(state.address, state.value);
      ++addresses;
    });
    if (addresses != head.addresses)
      damaged(fmt::format("it announces {} addresses and has {}: pages are lost or stale", head.addresses, addresses));
    std::size_t next = 0;
    each(tables_[kGroups], kTables[kGroups], [&](std::string_view key, std::string_view record) {
      const RecordSum noted = good(read_group(file_, key, record));
      if (next == groups.size() || groups[next].first != key || groups[next].second != noted)
        damaged(fmt::format("the sum of key group {} is not that of its {} addresses: pages are lost or stale",
                            number_of(key), noted.records));
      ++next;
    });
    if (next != groups.size()) damaged("key groups have addresses and no sum: pages are lost or stale");
  }

  void check_outboxes(const BaseHead& head) const {
    if (!has_outboxes_) return;
    RecordSum sum;
    each(tables_[kOutboxes], kTables[kOutboxes], [&](std::string_view key, std::string_view record) {
      sum.add(key, good(read_outbox(file_, key, record)));
      const Epoch epoch{number_of(key)};
      if (epoch <= head.delivered || epoch > head.through)
        damaged(fmt::format("it has an outbox of epoch {}, and keeps those behind epoch {} up to {}", epoch.number,
                            head.delivered.number, head.through.number));
    });
    if (sum != head.outboxes)
      damaged(fmt::format("the sum of its outboxes is not that of the {} that it announces: pages are lost or stale",
                          head.outboxes.records));
  }

  void check_history() const {
    each(tables_[kHistory], kTables[kHistory],
         [&](std::string_view key, std::string_view record) { good(read_note(file_, key, record)); });
  }

  // Every page is in use or free, once: a free list that is damaged would let the next merge write over what is in use.
  void check_pages() const {
    constexpr MDB_dbi kFreeList = 0, kMain = 1;
    std::uint64_t used = 2;  // the two heads of LMDB
    const auto add_used = [&](MDB_dbi table) {
      MDB_stat stat;
      must(mdb_stat(txn_, table, &stat), "read");
      used += stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages;
    };
    add_used(kFreeList);
    add_used(kMain);
    for (std::size_t i = 0; i < tables_.size(); ++i)
      if (i != kOutboxes || has_outboxes_) add_used(tables_[i]);

    const std::uint64_t pages = std::uint64_t{info_.me_last_pgno} + 1;
    std::vector<bool> is_free(pages);
    std::uint64_t free = 0;
    MDB_cursor* cursor = nullptr;
    must(mdb_cursor_open(txn_, kFreeList, &cursor), "read");
    MDB_val key{}, value{};
    std::uint64_t txn_before = 0;
    int code = 0;
    while ((code = mdb_cursor_get(cursor, &key, &value, MDB_NEXT)) == 0) {
      must_find(kFreeList, "free", key);
      std::size_t txn = 0, count = 0;
      if (key.mv_size != sizeof(txn) || value.mv_size < sizeof(count))
        damaged("its list of free pages has odd entries");
      std::memcpy(&txn, key.mv_data, sizeof(txn));
      std::memcpy(&count, value.mv_data, sizeof(count));
      if (txn <= txn_before || count > value.mv_size / sizeof(count) - 1)
        damaged("its list of free pages has odd entries");
      txn_before = txn;
      for (std::size_t i = 1; i <= count; ++i) {
        std::size_t page = 0;
        std::memcpy(&page, static_cast<const char*>(value.mv_data) + i * sizeof(page), sizeof(page));
        if (page < 2 || page >= pages || is_free[page])
          damaged(fmt::format("its list of free pages names page {}", page));
        is_free[page] = true;
        ++free;
      }
    }
    if (code != MDB_NOTFOUND) must(code, "read");
    if (used + free != pages)
      damaged(fmt::format("of {} pages {} are in use and {} free: some are lost or named twice", pages, used, free));
  }

  enum Table : std::size_t { kMeta, kState, kGroups, kHistory, kOutboxes };
  static constexpr std::array<const char*, 5> kTables = {"meta", "state", "groups", "history", "outboxes"};

  const std::string& file_;
  int report_;
  MDB_env* env_ = nullptr;
  MDB_txn* txn_ = nullptr;
  MDB_envinfo info_{};
  const std::uintptr_t page_ = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  std::array<MDB_dbi, 5> tables_{};
  bool has_outboxes_ = true;
};

[[noreturn]] void be_child(const std::string& file, int report, pid_t parent) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(kUnreadable);
  for (const int signal : kSignalsOfDamage) ::signal(signal, SIG_DFL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  // LMDB tells stderr of what it finds before it aborts; the parent says it better. And what the parent has open it has
  // alone: who waits for the end of its output, or for the lock of the folder, does not wait for this child.
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (nowhere >= 0) ::dup2(nowhere, standard);
  constexpr int kReport = STDERR_FILENO + 1;
  if (report != kReport && ::dup2(report, kReport) < 0) ::_exit(kUnreadable);
  ::close_range(kReport + 1, ~0U, 0);
  Checker(file, kReport).run();
}

}  // namespace

Result<std::unique_ptr<BaseLook>> BaseLook::begin(const std::string& file) {
  const auto cannot = [&](const char* what) {
    return failure(Error::Code::unreadable, fmt::format("cannot check {}: {}: {}", file, what, std::strerror(errno)));
  };
  std::array<int, 2> ends;
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return cannot("no pipe");
  const pid_t parent = ::getpid(), child = ::fork();
  if (child == 0) be_child(file, ends[1], parent);
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    return cannot("no process");
  }
  std::unique_ptr<BaseLook> look(new BaseLook(file, child, ends[0]));
  while (!look->says()) {
  }
  if (look->verdict_ && !*look->verdict_) return tl::unexpected(look->verdict_->error());
  return look;
}

BaseLook::~BaseLook() {
  if (!verdict_) {
    ::kill(child_, SIGKILL);
    while (::waitpid(child_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::close(report_);
}

// What the child says next: that the head is sound, what is wrong, or, with its end, nothing more.
bool BaseLook::says() {
  std::array<char, 512> some;
  const ssize_t got = ::read(report_, some.data(), some.size());
  if (got < 0 && errno == EINTR) return false;
  if (got > 0) {
    said_.append(some.data(), static_cast<std::size_t>(got));
    return said_.starts_with(kHeadIsSound);
  }
  int status = 0;
  while (::waitpid(child_, &status, 0) < 0)
    if (errno != EINTR) {
      verdict_ = failure(Error::Code::unreadable, fmt::format("cannot check {}: the child is lost", file_));
      return true;
    }
  const std::size_t from = said_.starts_with(kHeadIsSound) ? 1 : 0;
  verdict_ = judge_check(file_, status, said_.substr(from));
  return true;
}

std::optional<Result<void>> BaseLook::verdict(Duration wait) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::microseconds(wait.us);
  const std::scoped_lock one_at_a_time(mutex_);
  while (!verdict_) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd report{report_, POLLIN, 0};
    const int ready = ::poll(&report, 1, static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 60'000)));
    if (ready > 0) says();
    if (ready == 0 && std::chrono::steady_clock::now() >= until) break;
  }
  return verdict_;
}

Result<void> check_base_in_child(const std::string& file) {
  auto look = BaseLook::begin(file);
  if (!look) return tl::unexpected(look.error());
  for (;;)
    if (const auto verdict = (*look)->verdict(minutes(1))) return *verdict;
}

Result<void> judge_check(const std::string& file, int status, const std::string& message) {
  if (WIFSIGNALED(status)) {
    const std::string signal = fmt::format("signal {} ({})", WTERMSIG(status), ::strsignal(WTERMSIG(status)));
    if (std::ranges::find(kSignalsOfDamage, WTERMSIG(status)) == kSignalsOfDamage.end())
      return failure(Error::Code::unreadable, fmt::format("cannot check {}: the check was ended by {}", file, signal));
    return failure(Error::Code::malformed,
                   fmt::format("{} is damaged: LMDB ends with {} while it reads it", file, signal));
  }
  if (WEXITSTATUS(status) == kSound) return {};
  return failure(code_of(WEXITSTATUS(status)), message.empty() ? fmt::format("{} cannot be checked", file) : message);
}

}  // namespace tocsin
