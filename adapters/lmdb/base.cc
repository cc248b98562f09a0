#include "adapters/lmdb/base.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <lmdb.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <random>
#include <utility>

#include "adapters/lmdb/records.h"
#include "engine/base/arena.h"
#include "engine/base/contract.h"

namespace tocsin {
namespace {

constexpr unsigned kReadersMax = 1'024;
constexpr std::size_t kTransactionBytes = 32 << 20;  // of addresses and values in one transaction of many

MDB_val val_of(std::string_view bytes) { return {bytes.size(), const_cast<char*>(bytes.data())}; }
std::string_view view_of(const MDB_val& val) { return {static_cast<const char*>(val.mv_data), val.mv_size}; }

// LMDB answers a short write with EIO, and a disk without room makes those.
bool is_full(const std::string& file, int code) {
  if (code == ENOSPC || code == EDQUOT || code == EFBIG || code == MDB_MAP_FULL) return true;
  struct statvfs room;
  return code == EIO && ::statvfs(file.c_str(), &room) == 0 && room.f_bavail * room.f_frsize < (1 << 20);
}

tl::unexpected<Error> lmdb_failure(const std::string& file, const char* what, int code) {
  if (is_full(file, code)) return failure(Error::Code::full, fmt::format("cannot {} {}: the disk is full", what, file));
  const bool damaged =
      code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID || code == MDB_VERSION_MISMATCH;
  return failure(damaged ? Error::Code::malformed : Error::Code::unreadable,
                 fmt::format("cannot {} {}: {}", what, file, mdb_strerror(code)));
}

tl::unexpected<Error> damaged(const std::string& file, const std::string& what) {
  return failure(Error::Code::malformed, fmt::format("{} is damaged: {}", file, what));
}

// What the thread reads or writes just now: where LMDB ends the process there, a page is damaged.
struct Within {
  static inline thread_local int depth = 0;
  static inline thread_local const char *file = nullptr, *mark = nullptr;
  Within(const std::string& of_file, const std::string& of_mark) {
    file = of_file.c_str();
    mark = of_mark.c_str();
    ++depth;
  }
  Within(const Within&) { ++depth; }
  ~Within() { --depth; }
};

std::atomic<int> exit_of_damage{-1};
struct sigaction before_segv, before_bus;

// Only what is safe in a signal handler. The mark goes, so that the next start looks at every page.
void tell_damage(const char* file, const char* mark, const char* how) {
  const auto tell = [](std::string_view text) { static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size())); };
  tell("tocsin: ");
  tell(file);
  tell(" is damaged, this process ends; the next start looks at all of it and says where (");
  tell(how);
  tell(")\n");
  ::unlink(mark);
}

void end_of_damage() {
  if (const int code = exit_of_damage; code >= 0) ::_exit(code);
}

// LMDB is about to abort.
void on_assert(MDB_env*, const char* what) {
  tell_damage(Within::file, Within::mark, what);
  end_of_damage();
}

extern "C" void on_fault(int signal, siginfo_t* info, void*) {
  if (Within::depth > 0) {
    tell_damage(Within::file, Within::mark, signal == SIGBUS ? "SIGBUS" : "SIGSEGV");
    end_of_damage();
  }
  // Not ours: as if nobody had looked. What has faulted does it again.
  ::sigaction(signal, signal == SIGBUS ? &before_bus : &before_segv, nullptr);
  if (info->si_code <= 0) ::raise(signal);
}

}  // namespace

void end_on_damage(int exit_code) {
  if (exit_of_damage.exchange(exit_code) >= 0) return;
  struct sigaction action{};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSEGV, &action, &before_segv);
  ::sigaction(SIGBUS, &action, &before_bus);
}

// ----- the environment and its transactions -------------------------------------------------------

struct Base::Env {
  MDB_env* env = nullptr;
  MDB_dbi meta = 0, state = 0, groups = 0, history = 0, outboxes = 0;
  std::string file, mark;

  ~Env() {
    if (env != nullptr) mdb_env_close(env);
  }

  Result<void> open(const std::string& path, bool is_new) {
    file = path;
    mark = file.substr(0, file.rfind('/') + 1) + kMarkName;
    const Within within(file, mark);
    int code = mdb_env_create(&env);
    if (code == 0) code = mdb_env_set_mapsize(env, kMapBytes);
    if (code == 0) code = mdb_env_set_maxdbs(env, 8);
    if (code == 0) code = mdb_env_set_maxreaders(env, kReadersMax);
    if (code == 0) code = mdb_env_open(env, file.c_str(), MDB_NOSUBDIR | MDB_NOTLS | MDB_NORDAHEAD, 0600);
    if (code != 0) return lmdb_failure(file, "open", code);
    mdb_env_set_assert(env, on_assert);
    int dead = 0;
    mdb_reader_check(env, &dead);  // a killed process may have left readers that keep pages from being used again
    MDB_txn* txn = nullptr;
    code = mdb_txn_begin(env, nullptr, is_new ? 0 : MDB_RDONLY, &txn);
    const auto open_one = [&](const char* name, MDB_dbi& dbi) {
      if (code == 0) code = mdb_dbi_open(txn, name, is_new ? MDB_CREATE : 0, &dbi);
    };
    open_one("meta", meta);
    open_one("state", state);
    open_one("groups", groups);
    open_one("history", history);
    const bool is_whole = code == 0;
    open_one("outboxes", outboxes);
    const bool is_old = is_whole && code == MDB_NOTFOUND;  // or damaged; its head says which
    if (is_old) code = 0;
    if (code == 0) {
      code = mdb_txn_commit(txn);
    } else if (txn != nullptr) {
      mdb_txn_abort(txn);
    }
    if (code == MDB_NOTFOUND) return damaged(file, "one of its tables is missing");
    if (code != 0) return lmdb_failure(file, "read", code);
    return is_old ? make_outboxes() : Result<void>{};
  }

  // Of a base of version 1.
  Result<void> make_outboxes() {
    MDB_txn* txn = nullptr;
    int code = mdb_txn_begin(env, nullptr, 0, &txn);
    MDB_val key = val_of(kHeadKey), value{};
    if (code == 0) code = mdb_get(txn, meta, &key, &value);
    std::optional<Error> wrong;
    if (code == 0) {
      if (auto head = read_head(file, view_of(value)); !head) {
        wrong = head.error();
      } else if (head->version != 1) {
        wrong = damaged(file, "one of its tables is missing").value();
      } else {
        const std::string record = head_record(*head);
        value = val_of(record);
        code = mdb_dbi_open(txn, "outboxes", MDB_CREATE, &outboxes);
        if (code == 0) code = mdb_put(txn, meta, &key, &value, 0);
        if (code == 0) code = mdb_txn_commit(std::exchange(txn, nullptr));
      }
    }
    if (txn != nullptr) mdb_txn_abort(txn);
    if (wrong) return tl::unexpected(*wrong);
    if (code != 0) return lmdb_failure(file, "write", code);
    return {};
  }
};

// Ends with itself; what was not committed did not happen.
class Base::Txn {
 public:
  Txn(std::shared_lock<std::shared_mutex> held, const Env& opened, const std::string& file, MDB_txn* txn)
      : env(opened), held_(std::move(held)), within_(opened.file, opened.mark), file_(file), txn_(txn) {}
  Txn(Txn&& other) noexcept
      : env(other.env),
        held_(std::move(other.held_)),
        within_(other.within_),
        file_(other.file_),
        txn_(std::exchange(other.txn_, nullptr)) {}
  ~Txn() {
    if (txn_ != nullptr) mdb_txn_abort(txn_);
  }

  // Nothing: it is not there. Good until the next change in this transaction.
  Result<std::optional<std::string_view>> get(MDB_dbi dbi, std::string_view key) const {
    MDB_val k = val_of(key), v{};
    const int code = mdb_get(txn_, dbi, &k, &v);
    if (code == MDB_NOTFOUND) return std::nullopt;
    if (code != 0) return lmdb_failure(file_, "read", code);
    return view_of(v);
  }
  Result<void> put(MDB_dbi dbi, std::string_view key, std::string_view value) {
    MDB_val k = val_of(key), v = val_of(value);
    const int code = mdb_put(txn_, dbi, &k, &v, 0);
    if (code != 0) return lmdb_failure(file_, "write", code);
    return {};
  }
  Result<void> del(MDB_dbi dbi, std::string_view key) {
    MDB_val k = val_of(key);
    const int code = mdb_del(txn_, dbi, &k, nullptr);
    if (code != 0) return lmdb_failure(file_, "write", code);
    return {};
  }
  Result<std::uint64_t> entries(MDB_dbi dbi) const {
    MDB_stat stat;
    const int code = mdb_stat(txn_, dbi, &stat);
    if (code != 0) return lmdb_failure(file_, "read", code);
    return stat.ms_entries;
  }
  Result<void> commit() {
    const int code = mdb_txn_commit(std::exchange(txn_, nullptr));
    if (code != 0) return lmdb_failure(file_, "write", code);
    return {};
  }

  // Calls `see` with each key and value from `from` on, downwards from the end when `is_back`; until it says false.
  template <class See>
  Result<void> each(MDB_dbi dbi, std::string_view from, bool is_back, See see) const {
    MDB_cursor* cursor = nullptr;
    int code = mdb_cursor_open(txn_, dbi, &cursor);
    if (code != 0) return lmdb_failure(file_, "read", code);
    MDB_val k = val_of(from), v{};
    code = mdb_cursor_get(cursor, &k, &v, is_back ? MDB_LAST : from.empty() ? MDB_FIRST : MDB_SET_RANGE);
    while (code == 0 && see(view_of(k), view_of(v)))
      code = mdb_cursor_get(cursor, &k, &v, is_back ? MDB_PREV : MDB_NEXT);
    mdb_cursor_close(cursor);
    if (code != 0 && code != MDB_NOTFOUND) return lmdb_failure(file_, "read", code);
    return {};
  }

  Result<BaseHead> head() const {
    const auto bytes = get(env.meta, kHeadKey);
    if (!bytes) return tl::unexpected(bytes.error());
    if (!bytes.value()) return damaged(file_, "it has no head");
    return read_head(file_, *bytes.value());
  }

  MDB_txn* raw() const { return txn_; }
  const std::string& file() const { return file_; }
  const Env& env;

 private:
  std::shared_lock<std::shared_mutex> held_;
  Within within_;
  const std::string& file_;
  MDB_txn* txn_;
};

// A place in a table, for changes whose keys ascend: the next key is mostly on the page of the last one, so LMDB need
// not come down from the root to look for it, nor once more to write.
class Base::Place {
 public:
  static Result<Place> open(const Txn& txn, MDB_dbi dbi) {
    MDB_cursor* cursor = nullptr;
    const int code = mdb_cursor_open(txn.raw(), dbi, &cursor);
    if (code != 0) return lmdb_failure(txn.file(), "read", code);
    return Place(cursor, txn.file());
  }
  Place(Place&& other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)), file_(other.file_) {}
  ~Place() {
    if (cursor_ != nullptr) mdb_cursor_close(cursor_);
  }

  // What stands there, until the next change; nothing: the key is not there.
  Result<std::optional<std::string_view>> go_to(std::string_view key) {
    MDB_val k = val_of(key), v{};
    const int code = mdb_cursor_get(cursor_, &k, &v, MDB_SET);
    if (code == MDB_NOTFOUND) return std::nullopt;
    if (code != 0) return lmdb_failure(file_, "read", code);
    return view_of(v);
  }
  // `is_there`: go_to has just found it.
  Result<void> put(std::string_view key, std::string_view value, bool is_there) {
    MDB_val k = val_of(key), v = val_of(value);
    const int code = mdb_cursor_put(cursor_, &k, &v, is_there ? MDB_CURRENT : 0);
    if (code != 0) return lmdb_failure(file_, "write", code);
    return {};
  }
  // REQUIRES: go_to has just found it.
  Result<void> del() {
    const int code = mdb_cursor_del(cursor_, 0);
    if (code != 0) return lmdb_failure(file_, "write", code);
    return {};
  }

 private:
  Place(MDB_cursor* cursor, const std::string& file) : cursor_(cursor), file_(file) {}
  MDB_cursor* cursor_;
  const std::string& file_;
};

Result<Base::Txn> Base::begin(unsigned flags) const {
  for (bool again = false;; again = true) {
    std::shared_lock held(env_mutex_);
    MDB_txn* txn = nullptr;
    std::optional<Within> within;
    if (env_ != nullptr) within.emplace(env_->file, env_->mark);
    const int code = env_ == nullptr ? MDB_PANIC : mdb_txn_begin(env_->env, nullptr, flags, &txn);
    if (code == 0) return Txn(std::move(held), *env_, file_, txn);
    if (code != MDB_PANIC || again) return lmdb_failure(file_, "read", code);
    held.unlock();
    if (auto reopened = reopen(); !reopened) return tl::unexpected(reopened.error());
  }
}

Result<void> Base::reopen() const {
  const std::unique_lock held(env_mutex_);
  MDB_txn* txn = nullptr;
  if (env_ != nullptr && mdb_txn_begin(env_->env, nullptr, MDB_RDONLY, &txn) == 0) {  // another thread was here first
    mdb_txn_abort(txn);
    return {};
  }
  env_.reset();
  auto env = std::make_unique<Env>();
  if (auto opened = env->open(file_, false); !opened) return opened;
  env_ = std::move(env);
  return {};
}

// ----- making and opening -------------------------------------------------------------------------

std::uint64_t Base::random_number() {
  std::random_device random;
  return std::uint64_t{random()} << 32 | random();
}

Result<void> Base::create(const std::string& file, std::uint64_t store, std::uint64_t seed) {
  const std::string unfinished = file + ".tmp";
  const auto system_failure = [&](const char* what) {
    return failure(Error::Code::unreadable, fmt::format("cannot {} {}: {}", what, file, std::strerror(errno)));
  };
  ::unlink(unfinished.c_str());
  {
    Base base(unfinished);
    base.env_ = std::make_unique<Env>();
    const auto made = base.env_->open(unfinished, true).and_then([&] { return base.begin(0); }).and_then([&](Txn txn) {
      BaseHead head;
      head.store = store;
      head.seed = seed;
      return txn.put(txn.env.meta, kHeadKey, head_record(head))
          .and_then([&] { return txn.put(txn.env.meta, kManifestKey, manifest_record(Epoch{0}, {})); })
          .and_then([&] { return txn.commit(); });
    });
    if (!made) return made;
  }
  ::unlink((unfinished + "-lock").c_str());
  if (::rename(unfinished.c_str(), file.c_str()) != 0) return system_failure("make");
  const auto slash = file.rfind('/');
  const int folder =
      ::open(slash == std::string::npos ? "." : file.substr(0, slash).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const bool synced = folder >= 0 && ::fsync(folder) == 0;
  if (folder >= 0) ::close(folder);
  if (!synced) return system_failure("sync the folder of");
  return {};
}

Result<std::unique_ptr<Base>> Base::open(const std::string& file) {
  std::unique_ptr<Base> base(new Base(file));
  base->env_ = std::make_unique<Env>();
  if (auto opened = base->env_->open(file, false); !opened) return tl::unexpected(opened.error());
  return base;
}

Base::Base(std::string file) : file_(std::move(file)) {}
Base::~Base() = default;

// ----- reading ------------------------------------------------------------------------------------

Result<BaseHead> Base::head() const {
  return begin(MDB_RDONLY).and_then([](const Txn& txn) { return txn.head(); });
}

Result<std::string> Base::manifest() const {
  return begin(MDB_RDONLY).and_then([&](const Txn& txn) -> Result<std::string> {
    const auto head = txn.head();
    if (!head) return tl::unexpected(head.error());
    const auto record = txn.get(txn.env.meta, kManifestKey);
    if (!record) return tl::unexpected(record.error());
    if (!record.value()) return damaged(file_, "it has no manifest");
    return read_manifest(file_, head.value().through, *record.value());
  });
}

Result<std::optional<std::string>> Base::find(std::string_view address) const {
  return begin(MDB_RDONLY).and_then([&](const Txn& txn) -> Result<std::optional<std::string>> {
    std::uint64_t seed = 0;
    if (is_long(address)) {
      const auto head = txn.head();
      if (!head) return tl::unexpected(head.error());
      seed = head.value().seed;
    }
    const std::string key = key_of(address, seed);
    const auto record = txn.get(txn.env.state, key);
    if (!record) return tl::unexpected(record.error());
    if (!record.value()) return std::nullopt;
    const auto read = read_state(file_, key, *record.value());
    if (!read) return tl::unexpected(read.error());
    // Another long address with the same hash: this one is not here.
    if (read.value().address != address) return std::nullopt;
    return std::string(read.value().value);
  });
}

Result<std::vector<Base::Entry>> Base::slice(std::string_view from, std::size_t bytes_max) const {
  return begin(MDB_RDONLY).and_then([&](const Txn& txn) -> Result<std::vector<Entry>> {
    std::vector<Entry> entries;
    std::size_t bytes = 0;
    std::optional<Error> wrong;
    bool has_long = false;
    std::string prefix;  // of the last key, when it is long enough to be one of several
    const auto ended = txn.each(
        txn.env.state, from.substr(0, kPrefixBytes), false, [&](std::string_view key, std::string_view record) {
          const bool goes_with_last = !prefix.empty() && key.starts_with(prefix);
          if (bytes >= bytes_max && !goes_with_last) return false;
          const auto read = read_state(file_, key, record);
          if (!read) {
            wrong = read.error();
            return false;
          }
          prefix = key.size() >= kPrefixBytes ? std::string(key.substr(0, kPrefixBytes)) : std::string();
          has_long = has_long || !prefix.empty();
          if (read.value().address < from) return true;  // sorts before it, though its hash does not
          entries.push_back({std::string(read.value().address), std::string(read.value().value)});
          bytes += read.value().address.size() + read.value().value.size() + sizeof(Entry);
          return true;
        });
    if (!ended) return tl::unexpected(ended.error());
    if (wrong) return tl::unexpected(*wrong);
    if (has_long)
      std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.address < b.address; });
    return entries;
  });
}

Result<Hash128> Base::digest() const {
  return begin(MDB_RDONLY).and_then([&](const Txn& txn) -> Result<Hash128> {
    Hash128 sum;
    std::optional<Error> wrong;
    const auto ended = txn.each(txn.env.groups, {}, false, [&](std::string_view key, std::string_view record) {
      const auto group = read_group(file_, key, record);
      if (!group) {
        wrong = group.error();
        return false;
      }
      sum = sum + group.value().digest;
      return true;
    });
    if (!ended) return tl::unexpected(ended.error());
    if (wrong) return tl::unexpected(*wrong);
    return sum;
  });
}

Result<Base::Outboxes> Base::outboxes(Epoch behind, Epoch before) const {
  return begin(MDB_RDONLY).and_then([&](const Txn& txn) -> Result<Outboxes> {
    Outboxes outboxes;
    std::optional<Error> wrong;
    const auto ended = txn.each(txn.env.outboxes, number_key(behind.number + 1), false,
                                [&](std::string_view key, std::string_view record) {
                                  const Epoch epoch{number_of(key)};
                                  if (epoch >= before) return false;
                                  const auto outbox = read_outbox(file_, key, record);
                                  if (!outbox) {
                                    wrong = outbox.error();
                                    return false;
                                  }
                                  outboxes.emplace_back(epoch, *outbox);
                                  return true;
                                });
    if (!ended) return tl::unexpected(ended.error());
    if (wrong) return tl::unexpected(*wrong);
    return outboxes;
  });
}

Result<std::uint64_t> Base::bytes() const {
  struct stat status;
  if (::stat(file_.c_str(), &status) != 0)
    return failure(Error::Code::unreadable, fmt::format("cannot look at {}: {}", file_, std::strerror(errno)));
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

// ----- merging ------------------------------------------------------------------------------------

namespace {

// Keeps the sums of the groups while changes come in the order of their addresses, so one group at a time.
template <class Txn>
class Groups {
 public:
  explicit Groups(Txn& txn) : txn_(txn) {}

  Result<void> turn_to(std::string_view address) {
    const std::string_view key = address.substr(0, kGroupBytes);
    if (is_open_ && key == key_) return {};
    if (auto closed = close(); !closed) return closed;
    key_ = key;
    is_open_ = true;
    const auto record = txn_.get(txn_.env.groups, key_);
    if (!record) return tl::unexpected(record.error());
    group_ = {};
    if (!record.value()) return {};
    const auto group = read_group(txn_.file(), key_, *record.value());
    if (!group) return tl::unexpected(group.error());
    group_ = group.value();
    return {};
  }
  void add(std::string_view address, std::string_view value) {
    group_.add(address, value);
    ++added;
  }
  void take(std::string_view address, std::string_view value) {
    group_.take(address, value);
    --added;
  }
  // Puts away the open one. A group of nothing is no group.
  Result<void> close() {
    if (!is_open_) return {};
    is_open_ = false;
    if (group_.records > 0) return txn_.put(txn_.env.groups, key_, group_record(key_, group_));
    const auto record = txn_.get(txn_.env.groups, key_);
    if (!record) return tl::unexpected(record.error());
    return record.value() ? txn_.del(txn_.env.groups, key_) : Result<void>{};
  }

  std::uint64_t added = 0;  // addresses; wraps around below 0

 private:
  Txn& txn_;
  bool is_open_ = false;
  std::string key_;
  RecordSum group_;
};

}  // namespace

Result<void> Base::apply(std::span<const StateChange> changes, const std::optional<Through>& through) {
  auto begun = begin(0);
  if (!begun) return tl::unexpected(begun.error());
  Txn& txn = begun.value();
  auto head = txn.head();
  if (!head) return tl::unexpected(head.error());

  // Closed before the transaction ends, as LMDB wants it of cursors that write.
  std::optional<Place> place;
  if (auto opened = Place::open(txn, txn.env.state); opened) {
    place.emplace(std::move(opened.value()));
  } else {
    return tl::unexpected(opened.error());
  }
  Groups groups(txn);
  std::string key, record;
  const auto take_in = [&](const StateChange& change) -> Result<void> {
    if (auto turned = groups.turn_to(change.address); !turned) return turned;
    key = key_of(change.address, head.value().seed);
    const auto before = place->go_to(key);
    if (!before) return tl::unexpected(before.error());
    if (before.value()) {
      const auto read = read_state(file_, key, *before.value());
      if (!read) return tl::unexpected(read.error());
      if (read.value().address != change.address)
        return failure(Error::Code::refused,
                       fmt::format("two addresses of {} and {} bytes in {} have the same 128-bit hash",
                                   read.value().address.size(), change.address.size(), file_));
      if (!change.gone && read.value().value == change.value) return {};  // a merge that is repeated writes little
      groups.take(change.address, read.value().value);
    }
    if (change.gone) return before.value() ? place->del() : Result<void>{};
    groups.add(change.address, change.value);
    write_state(record, change.address, change.value);
    return place->put(key, record, before.value().has_value());
  };
  for (const StateChange& change : changes)
    if (auto taken = take_in(change); !taken) return taken;
  place.reset();
  if (auto closed = groups.close(); !closed) return closed;

  head.value().addresses += groups.added;
  if (through)
    if (auto put = put_through(txn, *head, *through); !put) return put;
  return txn.put(txn.env.meta, kHeadKey, head_record(head.value())).and_then([&] { return txn.commit(); });
}

Result<void> Base::put_through(Txn& txn, BaseHead& head, const Through& through) {
  std::vector<std::string> gone;
  std::optional<Error> wrong;
  const auto seen = txn.each(txn.env.outboxes, {}, false, [&](std::string_view key, std::string_view record) {
    if (Epoch{number_of(key)} > through.delivered) return false;
    const auto outbox = read_outbox(file_, key, record);
    if (!outbox) {
      wrong = outbox.error();
      return false;
    }
    head.outboxes.take(key, *outbox);
    gone.emplace_back(key);
    return true;
  });
  if (!seen) return seen;
  if (wrong) return tl::unexpected(*wrong);
  for (const std::string& key : gone)
    if (auto deleted = txn.del(txn.env.outboxes, key); !deleted) return deleted;
  for (const auto& [epoch, outbox] : through.outboxes) {
    const std::string key = number_key(epoch.number);
    const auto before = txn.get(txn.env.outboxes, key);
    if (!before) return tl::unexpected(before.error());
    if (before.value()) {  // a commit that was told to have failed, and had not
      const auto same = read_outbox(file_, key, *before.value());
      if (!same) return tl::unexpected(same.error());
      head.outboxes.take(key, *same);
    }
    head.outboxes.add(key, outbox);
    if (auto put = txn.put(txn.env.outboxes, key, outbox_record(epoch, outbox)); !put) return put;
  }
  head.through = through.epoch;
  head.delivered = through.delivered;
  return txn.put(txn.env.meta, kManifestKey, manifest_record(through.epoch, through.manifest));
}

Result<std::uint64_t> Base::apply_all(const NextChange& next, std::size_t changes_at_once, const Through& through) {
  std::vector<StateChange> part;
  std::uint64_t changes = 0;
  for (bool more = true; more;) {
    Arena arena;
    part.clear();
    std::size_t bytes = 0;
    while (part.size() < changes_at_once && bytes < kTransactionBytes) {
      StateChange change;
      const auto got = next(change);
      if (!got) return tl::unexpected(got.error());
      more = *got;
      if (!more) break;
      part.push_back({arena.text(change.address), arena.text(change.value), change.gone});
      bytes += change.address.size() + change.value.size();
    }
    if (auto applied = apply(part, more ? std::nullopt : std::optional(through)); !applied)
      return tl::unexpected(applied.error());
    changes += part.size();
  }
  return changes;
}

// ----- history ------------------------------------------------------------------------------------

Result<void> Base::note(const CheckpointNote& note) {
  auto begun = begin(0);
  if (!begun) return tl::unexpected(begun.error());
  Txn& txn = begun.value();
  std::uint64_t number = 0;
  auto ended = txn.each(txn.env.history, {}, true, [&](std::string_view key, std::string_view) {
    number = number_of(key) + 1;
    return false;
  });
  if (ended) ended = txn.put(txn.env.history, number_key(number), note_record(number, note));
  const auto kept = txn.entries(txn.env.history);
  if (ended && kept && kept.value() > CheckpointHistory::kNotesMax)
    ended = txn.del(txn.env.history, number_key(number - CheckpointHistory::kNotesMax));
  if (!ended) return ended;
  return txn.commit();
}

Result<std::vector<CheckpointNote>> Base::notes(std::size_t most) const {
  return begin(MDB_RDONLY).and_then([&](const Txn& txn) -> Result<std::vector<CheckpointNote>> {
    std::vector<CheckpointNote> notes;
    std::optional<Error> wrong;
    const auto ended = txn.each(txn.env.history, {}, true, [&](std::string_view key, std::string_view record) {
      if (notes.size() == most) return false;
      auto note = read_note(file_, key, record);
      if (note) {
        notes.push_back(std::move(note.value()));
      } else {
        wrong = note.error();
      }
      return !wrong;
    });
    if (!ended) return tl::unexpected(ended.error());
    if (wrong) return tl::unexpected(*wrong);
    return notes;
  });
}

}  // namespace tocsin
