// If one of these fails, damage to the files is believed, crashes the daemon, or is reported so that nobody knows what
// to do.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <lmdb.h>

#include <csignal>
#include <filesystem>
#include <random>

#include "adapters/lmdb/records.h"
#include "adapters/lmdb/testing.h"
#include "engine/base/crc32c.h"
#include "engine/base/little_endian.h"

using namespace tocsin;
using tests::EpochText;
using tests::House;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// Writes another head with its right checksum.
void change_head(const std::string& file, std::size_t at, std::uint32_t number) {
  std::string bytes = tests::bytes_of(file);
  write_little(bytes.data() + at, number);
  write_little(bytes.data() + 44, crc32c(std::string_view(bytes).substr(0, 44)));
  tests::write_bytes(file, bytes);
}

}  // namespace

TEST_CASE("damage: every byte of a delta, flipped, is seen; the newest can be left out") {
  House house;
  house.config.check = CheckBase::never;
  REQUIRE(house.open());
  house.fill(3);
  const tests::StoreModel third = house.model;
  house.store.reset();
  const std::string whole = tests::bytes_of(house.delta(3));
  std::mt19937 random(1);
  for (std::size_t at = 0; at < whole.size(); ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ (1 << random() % 8));
    tests::write_bytes(house.delta(3), bytes);
    house.config.fall_back = false;
    const std::string error = house.error_of_open();
    REQUIRE_MESSAGE(has(error, house.delta(3)), at << ": " << error);
    REQUIRE_MESSAGE(has(error, "start with --fall-back, which goes back to epoch 2"), at << ": " << error);
    if (at % 16 != 0) continue;
    house.config.fall_back = true;
    REQUIRE(house.open());
    CHECK(house.store->left_out() == Epoch{3});
    CHECK(house.store->newest().value()->epoch == Epoch{2});
    CHECK(house.store->find(std::string("\0\1all", 5)).value() == "of 2");
    house.store.reset();
    CHECK(tests::bytes_of(house.delta(3) + ".damaged") == bytes);
  }
  tests::write_bytes(house.delta(3), whole);
  house.config.fall_back = false;
  REQUIRE(house.open());
  CHECK(tests::difference(*house.store, third, true) == "");
}

TEST_CASE("damage: a delta that is cut anywhere, or longer than it was, is seen") {
  House house;
  house.config.check = CheckBase::never;
  REQUIRE(house.open());
  house.fill(2);
  house.store.reset();
  const std::string whole = tests::bytes_of(house.delta(2));
  for (std::size_t size = 0; size < whole.size(); ++size) {
    tests::write_bytes(house.delta(2), whole.substr(0, size));
    REQUIRE_MESSAGE(has(house.error_of_open(), house.delta(2) + " is damaged at byte "), size);
  }
  tests::write_bytes(house.delta(2), whole + "x");
  CHECK(has(house.error_of_open(), "its end says another length than it has"));
  tests::write_bytes(house.delta(2), whole);
  REQUIRE(house.open());
}

TEST_CASE("damage: only the newest epoch can be left out, and only when it is damaged") {
  House house;
  house.config.fall_back = true;
  REQUIRE(house.open());
  house.fill(4);
  house.store.reset();
  const std::string second = tests::bytes_of(house.delta(2)), fourth = tests::bytes_of(house.delta(4));

  tests::write_bytes(house.delta(2), second.substr(0, 60));
  CHECK(has(house.error_of_open(), "the epochs behind it stand on it, so it cannot be left out: restore a savepoint"));

  std::filesystem::remove(house.delta(2));
  CHECK(house.error_of_open() == "epoch 2 is missing: " + house.delta(2) +
                                     " is not there, and the next file is that of epoch 3; put it back, or restore a "
                                     "savepoint, or put back a copy of the whole folder");
  tests::write_bytes(house.delta(2), tests::bytes_of(house.delta(3)));
  CHECK(has(house.error_of_open(), house.delta(2) + " holds epoch 3: it was renamed"));
  tests::write_bytes(house.delta(2), second);

  change_head(house.delta(4), 8, 9);
  CHECK(house.error_of_open() == house.delta(4) + " has format version 9, and this tocsin reads version 1");
  tests::write_bytes(house.delta(4), fourth);
  change_head(house.delta(4), 12, 1);
  CHECK(has(house.error_of_open(), house.delta(4) + " belongs to store "));
  tests::write_bytes(house.delta(4), fourth);

  tests::write_bytes(house.folder.in("deltas/00000000000000000005.delta.tmp"), "half");
  REQUIRE(house.open());
  CHECK(tests::difference(*house.store, house.model, true) == "");
  CHECK_FALSE(std::filesystem::exists(house.folder.in("deltas/00000000000000000005.delta.tmp")));
  CHECK_FALSE(house.store->left_out());
}

TEST_CASE("damage: a block of another epoch in the place of its own is seen") {
  House house;
  REQUIRE(house.open());
  house.fill(3);
  house.store.reset();
  std::string second = tests::bytes_of(house.delta(2));
  const std::string third = tests::bytes_of(house.delta(3));
  REQUIRE(second.size() == third.size());
  second.replace(48, second.size() - 48, third, 48);
  tests::write_bytes(house.delta(2), second);
  CHECK(has(house.error_of_open(), house.delta(2) + " is damaged at byte 48: the checksum of block 0 is "));
}

TEST_CASE(
    "damage: while it runs, a value is refused rather than given wrongly, and the next start looks at everything") {
  House house;
  house.config.small_base = 0;
  REQUIRE(house.open());
  house.fill(2);
  std::string bytes = tests::bytes_of(house.delta(2));
  const auto at = bytes.find("of 2");
  bytes[at] = 'x';
  tests::write_bytes(house.delta(2), bytes);
  const auto found = house.store->find(std::string("\0\1all", 5));
  REQUIRE_FALSE(found);
  CHECK(has(found.error().message, house.delta(2) + " is damaged at byte "));
  CHECK_FALSE(house.store->scan({}, {}, [](auto, auto) { return Result<void>{}; }));
  house.deliver_all();
  CHECK_FALSE(house.store->merge());
  bytes[at] = 'o';
  tests::write_bytes(house.delta(2), bytes);
  CHECK(house.store->find(std::string("\0\1all", 5)).value() == "of 2");
  REQUIRE(house.open());
  CHECK(house.store->was_checked());
  REQUIRE(house.open());
  CHECK_FALSE(house.store->was_checked());
}

// An older state that is whole would do again what has gone out already.
TEST_CASE("damage: deltas that were taken away are missed, merged or not, after a death and after a clean end") {
  for (const bool merges : {false, true})
    for (const bool dies : {false, true}) {
      CAPTURE(merges);
      CAPTURE(dies);
      House house;
      REQUIRE(house.open());
      house.fill(2);
      if (merges) {
        house.deliver_all();
        REQUIRE(house.store->merge());
      }
      house.fill(2);
      tests::TempFolder other;
      const std::string copy = other.in("state");
      if (!dies) house.store.reset();
      std::filesystem::copy(house.folder.path(), copy, std::filesystem::copy_options::recursive);
      house.store.reset();
      for (const auto& file : std::filesystem::directory_iterator(copy + "/" + kDeltaFolder))
        std::filesystem::remove(file.path());
      const auto disk = tests::real_disk(copy);
      LmdbStoreConfig config;
      config.folder = copy;
      const auto opened = LmdbStore::open(config, *disk);
      REQUIRE_FALSE(opened);
      CHECK(opened.error().code == Error::Code::malformed);
      const std::string restore = "put them back, or restore a savepoint, or put back a copy of the whole folder";
      CHECK(opened.error().message ==
            (dies && merges
                 ? copy + "/deltas/00000000000000000002.delta is missing, so others behind it may be, too; " + restore
                 : fmt::format("epoch {} was stored here, and {}/deltas ends with epoch {}: files are "
                               "missing; {}",
                               dies ? 1 : 4, copy, merges ? 2 : 0, restore)));
    }
}

TEST_CASE("base: a value that went bad since the start is refused, and not only at the next one") {
  House house;
  house.config.check = CheckBase::never;
  REQUIRE(house.open());
  house.fill(2);
  house.deliver_all();
  REQUIRE(house.store->merge());
  house.store.reset();
  const std::string base = house.folder.in("base.mdb");
  std::string bytes = tests::bytes_of(base);
  for (auto at = bytes.find("of 2"); at != std::string::npos; at = bytes.find("of 2")) bytes[at] = 'x';
  tests::write_bytes(base, bytes);
  REQUIRE(house.open());
  const auto found = house.store->find(std::string("\0\1all", 5));
  REQUIRE_FALSE(found);
  CHECK(has(found.error().message, base + " is damaged: the state at address 00 01 61 6c 6c (5 bytes) does not fit"));
  CHECK_FALSE(house.store->scan({}, {}, [](auto, auto) { return Result<void>{}; }));
  CHECK(house.store->find(std::string("\0\2", 2) + "1").value() == "1");
}

TEST_CASE("base: missing, of another version, or of another store") {
  House house;
  REQUIRE(house.open());
  house.fill(2);
  house.store.reset();
  const std::string base = house.folder.in("base.mdb");
  std::filesystem::rename(base, base + ".away");
  CHECK(has(house.error_of_open(),
            base + " is missing, though deltas/ shows that this folder held a state; restore a savepoint"));
  std::filesystem::remove_all(house.folder.in("deltas"));
  CHECK(has(house.error_of_open(), base + " is missing, though mark shows that this folder held a state"));

  House other;
  REQUIRE(other.open());
  other.fill(1);
  other.store.reset();
  std::filesystem::copy_file(other.folder.in("base.mdb"), base);
  std::filesystem::create_directory(house.folder.in("deltas"));
  REQUIRE(house.open());  // whole, and nothing beside it says otherwise
  house.store.reset();
  std::filesystem::rename(base + ".away", base);
  std::filesystem::copy_file(other.delta(1), house.delta(1));
  CHECK(has(house.error_of_open(), house.delta(1) + " belongs to store "));

  BaseHead head;
  head.through = Epoch{3};
  std::string record = head_record(head);
  write_little(record.data(), std::uint32_t{7});
  record.resize(record.size() - 4);
  append_little(record, crc32c(record, crc32c("head")));
  CHECK(read_head("base.mdb", record).error().message ==
        "base.mdb has format version 7, and this tocsin reads version 2");
  CHECK(read_head("base.mdb", record).error().code == Error::Code::refused);
}

namespace {

// As it was when only delivered epochs were merged.
void write_as_version_1(const std::string& file, bool has_version_1 = true) {
  MDB_env* env = nullptr;
  MDB_txn* txn = nullptr;
  MDB_dbi meta = 0, outboxes = 0;
  REQUIRE(mdb_env_create(&env) == 0);
  REQUIRE(mdb_env_set_mapsize(env, kMapBytes) == 0);
  REQUIRE(mdb_env_set_maxdbs(env, 8) == 0);
  REQUIRE(mdb_env_open(env, file.c_str(), MDB_NOSUBDIR, 0600) == 0);
  REQUIRE(mdb_txn_begin(env, nullptr, 0, &txn) == 0);
  REQUIRE(mdb_dbi_open(txn, "meta", 0, &meta) == 0);
  REQUIRE(mdb_dbi_open(txn, "outboxes", 0, &outboxes) == 0);
  MDB_stat stat;
  REQUIRE(mdb_stat(txn, outboxes, &stat) == 0);
  REQUIRE(stat.ms_entries == 0);
  REQUIRE(mdb_drop(txn, outboxes, 1) == 0);
  MDB_val key{4, const_cast<char*>("head")}, value{};
  REQUIRE(mdb_get(txn, meta, &key, &value) == 0);
  std::string record(static_cast<const char*>(value.mv_data), 36);
  write_little(record.data(), std::uint32_t{1});
  append_little(record, crc32c(record, crc32c("head")));
  value = {record.size(), record.data()};
  if (has_version_1) REQUIRE(mdb_put(txn, meta, &key, &value, 0) == 0);
  REQUIRE(mdb_txn_commit(txn) == 0);
  mdb_env_close(env);
}

}  // namespace

TEST_CASE("base: one of version 1 is gone on with, and is of version 2 then") {
  for (const CheckBase check : {CheckBase::always, CheckBase::in_doubt}) {
    House house;
    house.config.check = check;
    REQUIRE(house.open());
    house.fill(3);
    house.deliver_all();
    REQUIRE(house.store->merge());
    house.fill(2);
    house.store.reset();
    const std::string base = house.folder.in("base.mdb");
    write_as_version_1(base);
    REQUIRE_FALSE(Base::open(base).value()->head().value().version == 1);  // opening it makes it anew
    write_as_version_1(base);
    REQUIRE(house.open());
    CHECK(tests::difference(*house.store, house.model, false) == "");
    REQUIRE(house.store->merge());
    CHECK(tests::difference(*house.store, house.model, false) == "");
    REQUIRE(house.open());
    CHECK(tests::difference(*house.store, house.model, false) == "");
    CHECK(house.store->newest().value()->outboxes.size() == 2);
  }
}

TEST_CASE("base: one of version 2 without its outboxes is damaged, looked at or not") {
  for (const CheckBase check : {CheckBase::always, CheckBase::in_doubt, CheckBase::never}) {
    House house;
    house.config.check = check;
    REQUIRE(house.open());
    house.fill(1);
    house.store.reset();
    write_as_version_1(house.folder.in("base.mdb"), false);
    const auto opened = house.open();
    REQUIRE_FALSE(opened);
    CHECK(opened.error().code == Error::Code::malformed);
    CHECK(has(opened.error().message,
              check == CheckBase::never ? "one of its tables is missing" : "its table `outboxes` is missing"));
  }
}

TEST_CASE("base: a small one is looked at in full at each start") {
  House house;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(house.open());
    CHECK(house.store->was_checked());
    house.fill(1);
  }
}

TEST_CASE(
    "base: a large one is looked at in full after a power cut, two deaths in a row or without a mark, and not after "
    "one "
    "kill") {
  House house;
  house.config.small_base = 0;
  REQUIRE(house.open());
  CHECK(house.store->was_checked());  // there was no mark
  house.fill(1);
  REQUIRE(house.open());
  CHECK_FALSE(house.store->was_checked());
  const std::string open = tests::bytes_of(house.folder.in("mark"));
  CHECK(has(open, "\nopen 1\n"));
  const auto after_mark = [&](const std::string& mark) {
    house.store.reset();
    tests::write_bytes(house.folder.in("mark"), mark);
    REQUIRE(house.open());
    return house.store->was_checked();
  };
  CHECK_FALSE(after_mark(open));  // killed once
  const std::string twice = tests::bytes_of(house.folder.in("mark"));
  CHECK(has(twice, "\nopen 2\n"));
  CHECK(after_mark(twice));
  std::string rebooted = open;
  rebooted.replace(rebooted.find("boot ") + 5, 1, "#");
  CHECK(after_mark(rebooted));
  CHECK(after_mark(""));
  CHECK(after_mark(open.substr(0, open.size() - 1)));
}

namespace {

// A base after some merges, and what it holds.
struct Merged {
  explicit Merged(House& house_) : house(house_) {
    REQUIRE(house.open());
    std::mt19937 random(4);
    for (std::uint64_t i = 0; i < 12; ++i) {
      REQUIRE(tests::store_next(*house.store, house.model,
                                tests::random_epoch(random, house.model.newest.number + 1, 4'000)));
      house.model.delivered.number = house.model.newest.number - std::min<std::uint64_t>(3, i);
      house.store->delivered(house.model.delivered);
      if (i % 2 == 1) REQUIRE(house.store->merge());
    }
    house.store.reset();
    bytes = tests::bytes_of(file());
  }
  Merged(House& house_, std::string bytes_) : house(house_), bytes(std::move(bytes_)) {}
  std::string file() const { return house.folder.in("base.mdb"); }

  // With these bytes instead: refused as damaged (true), or all that is read is right (false). Anything else fails the
  // test.
  bool is_refused(const std::string& damaged, const std::string& what) {
    tests::write_bytes(file(), damaged);
    house.config.check = CheckBase::always;
    const auto opened = house.open();
    if (!opened) {
      REQUIRE_MESSAGE(opened.error().code != Error::Code::unreachable, what);
      REQUIRE_MESSAGE((has(opened.error().message, "is damaged: ") || has(opened.error().message, " is missing") ||
                       has(opened.error().message, "has format version")),
                      what << ": " << opened.error().message);
      REQUIRE_MESSAGE(
          (has(opened.error().message, "restore a savepoint") || has(opened.error().message, "has format version")),
          what << ": " << opened.error().message);
      return true;
    }
    const std::string wrong = tests::difference(*house.store, house.model, true);
    REQUIRE_MESSAGE(wrong == "", what << ": " << wrong);
    house.store.reset();
    return false;
  }

  House& house;
  std::string bytes;
};

constexpr std::size_t kPage = 4096;

}  // namespace

TEST_CASE("base: a check that somebody ends says nothing of the file; one that crashes does") {
  // As waitpid tells of them: a signal in the lowest bits, an exit code eight bits higher.
  for (const int signal : {SIGINT, SIGTERM, SIGKILL, SIGHUP}) {
    const auto ended = judge_check("base", signal, "");
    REQUIRE(!ended.has_value());
    CHECK(ended.error().code == Error::Code::unreadable);
    CHECK(ended.error().message.find("damaged") == std::string::npos);
  }
  for (const int signal : {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL}) {
    const auto crashed = judge_check("base", signal, "");
    REQUIRE(!crashed.has_value());
    CHECK(crashed.error().code == Error::Code::malformed);
  }
  CHECK(judge_check("base", 0, "").has_value());
}

TEST_CASE("base: flipped bits all over the file are seen, or hit what nobody reads") {
  House house;
  Merged merged(house);
  std::mt19937 random(2);
  int refused = 0, harmless = 0;
  const auto flip = [&](std::size_t at) {
    std::string damaged = merged.bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ (1 << random() % 8));
    (merged.is_refused(damaged, "flipped at " + std::to_string(at)) ? refused : harmless) += 1;
  };
  for (std::size_t page = 0; page * kPage < merged.bytes.size(); ++page) {
    // The heads of pages and of LMDB densely, where its own structure lies; elsewhere here and there.
    for (std::size_t at = 0; at < (page < 2 ? 160 : 10); ++at) flip(page * kPage + at);
    for (int i = 0; i < 3; ++i) flip(page * kPage + random() % kPage);
  }
  CHECK(refused > 100);
  CHECK(harmless > 20);  // free pages, the older head: else the test refuses everything
  CHECK_FALSE(merged.is_refused(merged.bytes, "as it was"));
}

TEST_CASE("base: a page of an older merge in its place, with the same keys, is seen") {
  // LMDB takes free pages again, so a leaf may come to lie where it lay two merges ago: a write of it that is lost
  // leaves values that are old and sound. Only the sums of the key groups tell.
  House house;
  REQUIRE(house.open());
  std::vector<std::string> versions;
  for (char round = 'a'; round < 'i'; ++round) {
    EpochText text{{}, "m", ""};
    for (int i = 0; i < 400; ++i)
      text.changes[std::string{'\0', '\1', static_cast<char>(i / 128), static_cast<char>(i % 128)}] =
          std::string(60, round);
    REQUIRE(tests::store_next(*house.store, house.model, text));
    house.deliver_all();
    REQUIRE(house.store->merge());
    versions.push_back(tests::bytes_of(house.folder.in("base.mdb")));
  }
  house.store.reset();
  Merged merged(house, versions.back());
  int refused = 0;
  for (std::size_t version = 0; version + 1 < versions.size(); ++version) {
    for (std::size_t page = 0; (page + 1) * kPage <= versions[version].size(); ++page) {
      const std::string_view old = std::string_view(versions[version]).substr(page * kPage, kPage);
      if (merged.bytes.compare(page * kPage, kPage, old) == 0) continue;
      std::string damaged = merged.bytes;
      damaged.replace(page * kPage, kPage, old);
      refused += merged.is_refused(damaged, "page " + std::to_string(page) + " of version " + std::to_string(version));
    }
  }
  CHECK(refused > 10);
}

TEST_CASE("base: pages that are zeroed, lost, stale, swapped or garbage, and a file that is cut, are seen") {
  House house;
  Merged merged(house);
  // What the file was before the last merge: a page of then is a write that was lost.
  REQUIRE(house.open());
  std::mt19937 random(8);
  const std::string before = merged.bytes;
  EpochText text;
  for (const auto& [address, value] : house.model.state) text.changes[address] = "new " + value;
  text.outbox = std::string(9'000, 'o');
  REQUIRE(tests::store_next(*house.store, house.model, text));
  REQUIRE(house.store->merge());
  house.store.reset();
  merged.bytes = tests::bytes_of(merged.file());
  CHECK(merged.bytes.size() >= before.size());

  int refused = 0;
  const std::size_t pages = merged.bytes.size() / kPage;
  for (std::size_t page = 0; page < pages; ++page) {
    const std::string name = " page " + std::to_string(page);
    std::string damaged = merged.bytes;
    damaged.replace(page * kPage, kPage, kPage, '\0');
    refused += merged.is_refused(damaged, "zeroed" + name);
    damaged = merged.bytes;
    if ((page + 1) * kPage <= before.size()) damaged.replace(page * kPage, kPage, before, page * kPage, kPage);
    refused += merged.is_refused(damaged, "stale" + name);
    damaged = merged.bytes;
    const std::size_t other = random() % pages;
    damaged.replace(page * kPage, kPage, merged.bytes, other * kPage, kPage);
    refused += merged.is_refused(damaged, "swapped" + name);
    damaged = merged.bytes;
    for (std::size_t i = 0; i < kPage; ++i) damaged[page * kPage + i] = static_cast<char>(random());
    refused += merged.is_refused(damaged, "garbage" + name);
    damaged.resize(page * kPage);
    CHECK(merged.is_refused(damaged, "cut before" + name));
  }
  CHECK(refused > 50);
  CHECK_FALSE(merged.is_refused(merged.bytes, "as it was"));
}

TEST_CASE(
    "base: flipped bits in the pages that lead to others are seen, though who walks through all may not meet them") {
  // What stands there decides where LMDB looks for an address, and nothing else: a walk from the first address to the
  // last finds all of them in their order, and somebody who asks for one of them does not.
  House house;
  REQUIRE(house.open());
  EpochText text{{}, "m", ""};
  for (int i = 0; i < 4'000; ++i) text.changes[std::string("\0\1", 2) + fmt::format("{:06}", i * 7)] = "v";
  REQUIRE(tests::store_next(*house.store, house.model, text));
  house.deliver_all();
  REQUIRE(house.store->merge());
  house.store.reset();
  Merged merged(house, tests::bytes_of(house.folder.in("base.mdb")));
  std::mt19937 random(5);
  int refused = 0, harmless = 0;
  for (std::size_t page = 2; page * kPage < merged.bytes.size(); ++page) {
    constexpr unsigned kBranch = 1;
    const auto number_at = [&](std::size_t at) {
      return static_cast<unsigned char>(merged.bytes[page * kPage + at]) |
             static_cast<unsigned>(static_cast<unsigned char>(merged.bytes[page * kPage + at + 1])) << 8;
    };
    if ((number_at(10) & kBranch) == 0) continue;
    for (std::size_t at = number_at(14); at < kPage; ++at) {
      std::string damaged = merged.bytes;
      damaged[page * kPage + at] = static_cast<char>(damaged[page * kPage + at] ^ (1 << random() % 8));
      (merged.is_refused(damaged, "flipped at " + std::to_string(page * kPage + at)) ? refused : harmless) += 1;
    }
  }
  CHECK(refused > 100);
}

namespace {

// A large base, so that it is looked at beside the start, which was closed and then damaged.
void damage_closed(House& house) {
  house.config.small_base = 0;
  REQUIRE(house.open());
  EpochText text{{}, "m", ""};
  for (int i = 0; i < 1'000; ++i) text.changes[std::string("\0\1", 2) + fmt::format("{:06}", i)] = "v";
  REQUIRE(tests::store_next(*house.store, house.model, text));
  house.deliver_all();
  REQUIRE(house.store->merge());
  house.store.reset();
  const std::string file = house.folder.in("base.mdb");
  std::string bytes = tests::bytes_of(file);
  tests::shorten_a_leaf(bytes);
  tests::write_bytes(file, bytes);
}

}  // namespace

TEST_CASE(
    "base: a large one that was closed and is damaged is begun with, and nothing is stored that was made from it") {
  House house;
  damage_closed(house);
  house.config.verdict_wait = hours(1);
  REQUIRE(house.open());
  CHECK_FALSE(house.store->was_checked());
  const auto stored = tests::store_next(*house.store, house.model, {{{std::string("\0\1", 2) + "new", "v"}}, "m", "o"});
  REQUIRE_FALSE(stored);
  CHECK(stored.error().code == Error::Code::malformed);
  CHECK(has(stored.error().message, house.folder.in("base.mdb") + " is damaged: "));
  CHECK(has(stored.error().message, "; restore a savepoint, or put back a copy of the whole folder"));
  CHECK_FALSE(house.store->merge());
  CHECK_FALSE(house.store->note({}));
  CHECK_FALSE(
      house.store->image([](const auto&) { return Result<void>{}; }, [](auto, auto) { return Result<void>{}; }));
  CHECK_FALSE(std::filesystem::exists(house.delta(2)));
  // The next start looks at all of it first, and after that one, too.
  for (int i = 0; i < 2; ++i) CHECK(has(house.error_of_open(), "is damaged: "));
}
