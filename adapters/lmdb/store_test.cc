// If one of these fails, state is lost, doubled or read wrongly, or damage is not seen.
#include "adapters/lmdb/store.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

#include "adapters/lmdb/testing.h"

using namespace tocsin;
using tests::EpochText;
using tests::House;

TEST_CASE("store: random histories over restarts and merges, as a map would have them") {
  for (unsigned seed = 1; seed <= 25; ++seed) {
    House house;
    house.config.changes_per_transaction = seed % 2 == 0 ? 7 : 32'768;
    house.config.check = CheckBase::always;
    REQUIRE(house.open());
    const tests::StoreUnderTest tested{[&]() -> CheckpointStore& { return *house.store; },
                                       [&] {
                                         const auto opened = house.open();
                                         REQUIRE_MESSAGE(opened, opened.error().message);
                                       }};
    REQUIRE(tests::run_history(tested, seed, 100) == "");
  }
}

TEST_CASE("store: the first start is told from every other, and a folder is for one process") {
  House house;
  REQUIRE(house.open());
  CHECK_FALSE(house.store->newest().value());
  const auto second = LmdbStore::open(house.config, house.disk);
  REQUIRE_FALSE(second);
  CHECK(second.error().code == Error::Code::refused);
  CHECK(second.error().message == "the state folder " + house.folder.path() + " is in use by process " +
                                      std::to_string(::getpid()) +
                                      ": stop that one, or give this one a folder of its own");
  REQUIRE(house.open());
  CHECK_FALSE(house.store->newest().value());
  house.fill(1);
  REQUIRE(house.open());
  CHECK(house.store->newest().value()->epoch == Epoch{1});
}

TEST_CASE("store: an outbox is kept until it is delivered, over restarts and merges") {
  House house;
  REQUIRE(house.open());
  house.fill(3);
  house.store->delivered(Epoch{1});
  REQUIRE(house.store->merge().value().through == Epoch{3});
  REQUIRE(house.store->merge().value().epochs == 0);
  // The last one that was merged bears witness, until the next merge.
  CHECK(house.disk.list(kDeltaFolder).value() == std::vector<std::string>{"00000000000000000003.delta"});
  using Outboxes = std::vector<std::pair<Epoch, std::string>>;
  for (int i = 0; i < 2; ++i) {
    REQUIRE(house.open());
    const auto newest = house.store->newest().value();
    REQUIRE(newest);
    CHECK(newest->epoch == Epoch{3});
    CHECK(newest->manifest == "manifest 3");
    CHECK(newest->outboxes == Outboxes{{Epoch{2}, "outbox 2"}, {Epoch{3}, "outbox 3"}});
  }
  house.store->delivered(Epoch{2});
  CHECK(house.store->newest().value()->outboxes == Outboxes{{Epoch{3}, "outbox 3"}});
  REQUIRE(tests::store_next(*house.store, house.model, {{}, "manifest 4", ""}));
  house.fill(1);
  CHECK(house.store->newest().value()->outboxes == Outboxes{{Epoch{3}, "outbox 3"}, {Epoch{5}, "outbox 5"}});
  house.store->delivered(Epoch{3});
  // The first says up to where all is delivered, though it holds nothing.
  CHECK(house.store->newest().value()->outboxes == Outboxes{{Epoch{4}, ""}, {Epoch{5}, "outbox 5"}});
  REQUIRE(house.store->merge().value().epochs == 2);
  REQUIRE(house.open());
  CHECK(house.store->newest().value()->outboxes == Outboxes{{Epoch{4}, ""}, {Epoch{5}, "outbox 5"}});
  CHECK(house.disk.list(kDeltaFolder).value() == std::vector<std::string>{"00000000000000000005.delta"});
  house.deliver_all();
  CHECK(house.store->newest().value()->outboxes.empty());
  house.fill(1);
  house.deliver_all();
  REQUIRE(house.store->merge());
  REQUIRE(house.open());
  CHECK(house.store->newest().value()->outboxes.empty());
}

// Whoever writes a savepoint reads them with the pages of a base that a merge takes them out of.
TEST_CASE("store: an image has the outboxes of its epoch, whatever is delivered and merged in the middle of it") {
  House house;
  REQUIRE(house.open());
  house.fill(2);
  REQUIRE(house.store->merge());
  house.fill(2);
  const auto outboxes = house.model.outboxes_behind(Epoch{0});
  CheckpointStore::Newest before, meanwhile;
  REQUIRE(house.store->image(
      [&](const CheckpointStore::Newest& newest) -> Result<void> {
        before = newest;
        house.deliver_all();
        house.fill(1);
        REQUIRE(house.store->merge().value().through == Epoch{4});
        meanwhile = house.store->newest().value().value();
        return {};
      },
      [](std::string_view, std::string_view) -> Result<void> { return {}; }));
  CHECK(before.outboxes == outboxes);
  CHECK(meanwhile.delivered() == Epoch{4});
  REQUIRE(house.store->merge().value().through == Epoch{5});
  CHECK(tests::difference(*house.store, house.model, false) == "");
}

// An epoch every 200 ms, for hours: what is kept of them is what is still to be delivered.
TEST_CASE("store: while nothing is delivered deltas stay few, and so does what a start reads") {
  House house;
  REQUIRE(house.open());
  for (int i = 0; i < 40; ++i) {
    house.fill(10);
    REQUIRE(house.store->merge().value().epochs == 10);
    CHECK(house.store->figures().deltas == 0);
    CHECK(house.disk.list(kDeltaFolder).value().size() == 1);
  }
  REQUIRE(house.open());
  CHECK(tests::difference(*house.store, house.model, false) == "");
  CHECK(house.store->newest().value()->outboxes.size() == 400);
}

TEST_CASE("store: what was delivered is known again after a restart, from the epoch that was stored next") {
  House house;
  REQUIRE(house.open());
  house.fill(3);
  house.store->delivered(Epoch{2});
  house.fill(1);
  REQUIRE(house.open());
  CHECK(house.store->newest().value()->outboxes ==
        std::vector<std::pair<Epoch, std::string>>{{Epoch{3}, "outbox 3"}, {Epoch{4}, "outbox 4"}});
  CHECK(house.store->merge().value().through == Epoch{4});
}

TEST_CASE("store: figures follow what is stored and merged") {
  House house;
  REQUIRE(house.open());
  house.fill(4);
  StoreFigures figures = house.store->figures();
  CHECK(figures.deltas == 4);
  CHECK(figures.delta_bytes == 4 * std::filesystem::file_size(house.delta(1)));
  house.deliver_all();
  REQUIRE(house.store->merge());
  figures = house.store->figures();
  CHECK(figures.deltas == 0);
  CHECK(figures.delta_bytes == 0);
  CHECK(figures.base_addresses == 5);
  REQUIRE(house.open());
  CHECK(house.store->figures().base_addresses == 5);
}

TEST_CASE("store: values of megabytes and outboxes of many blocks come back whole") {
  House house;
  REQUIRE(house.open());
  EpochText text{{}, std::string(3'000'000, 'm'), std::string(2'500'000, 'o')};
  for (int i = 0; i < 200; ++i)
    text.changes[std::string("\0\1", 2) + std::to_string(i)] = std::string(static_cast<std::size_t>(i) * 1'000, 'v');
  text.changes[std::string("\0\1big", 5)] = std::string(5'000'000, 'B');
  REQUIRE(tests::store_next(*house.store, house.model, text));
  CHECK(tests::difference(*house.store, house.model, false) == "");
  REQUIRE(house.open());
  CHECK(tests::difference(*house.store, house.model, false) == "");
  house.deliver_all();
  REQUIRE(house.store->merge());
  CHECK(tests::difference(*house.store, house.model, false) == "");
  REQUIRE(house.open());
  CHECK(tests::difference(*house.store, house.model, false) == "");
}

TEST_CASE("store: the same state has the same digest, whatever way led there") {
  Hash128 digests[2];
  for (int way = 0; way < 2; ++way) {
    House house;
    REQUIRE(house.open());
    const auto both = EpochText{{{std::string("\0\1a", 3), "1"}, {std::string("\0\2b", 3), "2"}}, "m", ""};
    if (way == 0) {
      REQUIRE(tests::store_next(*house.store, house.model, both));
    } else {
      house.fill(5);
      EpochText less = both;
      for (const auto& [address, value] : house.model.state) less.changes[address] = std::nullopt;
      REQUIRE(tests::store_next(*house.store, house.model, less));
    }
    house.deliver_all();
    REQUIRE(house.store->merge());
    house.store.reset();
    digests[way] = Base::open(house.folder.in("base.mdb")).value()->digest().value();
  }
  CHECK(digests[0] == digests[1]);
  CHECK(digests[0] != Hash128{});
}

TEST_CASE("store: readers beside storing and merging see each change once") {
  // Each epoch moves a number from one address to another and raises all of them: what is seen must belong to one
  // epoch.
  House house;
  house.config.changes_per_transaction = 16;
  REQUIRE(house.open());
  constexpr int kAddresses = 100;
  const auto address = [](int i) { return std::string{'\0', static_cast<char>(i / 10), static_cast<char>(i)}; };
  const auto epoch_text = [&](std::uint64_t number) {
    EpochText text{{}, "m", ""};
    for (int i = 0; i < kAddresses; ++i) text.changes[address(i)] = std::to_string(number);
    text.changes[address(static_cast<int>(number % kAddresses))] = std::nullopt;
    return text;
  };
  REQUIRE(tests::store_next(*house.store, house.model, epoch_text(1)));
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0}, scans{0};
  const auto scan = [&] {
    while (!stop) {
      std::string first;
      int seen = 0;
      const auto scanned = house.store->scan({}, {}, [&](std::string_view, std::string_view value) -> Result<void> {
        if (seen++ == 0) first = value;
        if (value != first) ++wrong;
        return {};
      });
      if (!scanned || seen != kAddresses - 1) ++wrong;
      ++scans;
    }
  };
  const auto find = [&] {
    std::uint64_t last = 0;
    while (!stop) {
      const auto found = house.store->find(address(50));
      if (!found) ++wrong;
      if (!found || !found.value()) continue;
      const std::uint64_t number = std::stoull(*found.value());
      if (number < last) ++wrong;
      last = number;
    }
  };
  const auto merge = [&] {
    while (!stop)
      if (!house.store->merge()) ++wrong;
  };
  std::thread threads[] = {std::thread(scan), std::thread(find), std::thread(merge)};
  for (std::uint64_t number = 2; number <= 120; ++number) {
    REQUIRE(tests::store_next(*house.store, house.model, epoch_text(number)));
    house.store->delivered(Epoch{number - number % 3});
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(scans > 0);
}

TEST_CASE("store: a scan stays with its epoch, whatever is stored and merged in the middle of it") {
  House house;
  REQUIRE(house.open());
  // Several slices of the base, so that it is read before and after.
  const auto address = [](int i) { return std::string{'\0', static_cast<char>(i / 100), static_cast<char>(i % 100)}; };
  const auto epoch_text = [&](char value) {
    EpochText text{{}, "m", ""};
    for (int i = 0; i < 4'000; ++i) text.changes[address(i)] = std::string(1'000, value);
    return text;
  };
  for (const char value : {'a', 'b'}) {
    REQUIRE(tests::store_next(*house.store, house.model, epoch_text(value)));
    house.deliver_all();
    if (value == 'a') REQUIRE(house.store->merge());
  }
  // Over base and deltas, then over the base alone.
  for (const char value : {'b', 'c'}) {
    if (value == 'c') REQUIRE(house.store->merge());
    int seen = 0, wrong = 0;
    REQUIRE(house.store->scan({}, {}, [&](std::string_view, std::string_view now) -> Result<void> {
      if (seen++ == 0) {
        REQUIRE(tests::store_next(*house.store, house.model, epoch_text(static_cast<char>(value + 1))));
        house.deliver_all();
        REQUIRE(house.store->merge());
      }
      wrong += now == std::string(1'000, value) ? 0 : 1;
      return {};
    }));
    CHECK(seen == 4'000);
    CHECK(wrong == 0);
  }
  REQUIRE(house.store->merge().value().through == house.model.newest);
  CHECK(tests::difference(*house.store, house.model, false) == "");
}

// A start leaps over the keys of each rule in each key group: with hundreds of deltas from a crash it would take
// minutes if each leap read something of each.
TEST_CASE("store: leaping over many deltas reads each of their blocks once at most") {
  House house;
  std::uint64_t reads = 0;
  tests::HookedDisk disk(house.disk, [&](const std::string& call, const std::string& path) -> Result<void> {
    reads += call == "read" && path.starts_with(kDeltaFolder);
    return {};
  });
  auto opened = LmdbStore::open(house.config, disk);
  REQUIRE(opened);
  house.store = std::move(opened.value());
  constexpr std::uint64_t kDeltas = 20, kGroups = 500, kEach = 12, kBlocksOfADelta = 40;
  const auto group = [](std::uint64_t number) {
    return std::string{static_cast<char>(number >> 8), static_cast<char>(number & 255)};
  };
  for (std::uint64_t delta = 0; delta < kDeltas; ++delta) {
    EpochText text{{}, "manifest", "outbox"};
    for (std::uint64_t i = 0; i < kGroups * kEach; ++i)
      text.changes[group(i / kEach) + fmt::format("key {:02} {:02}", i % kEach, delta)] = std::string(90, 'v');
    REQUIRE(tests::store_next(*house.store, house.model, text));
  }
  reads = 0;
  std::uint64_t seen = 0;
  REQUIRE(house.store->leap({}, [&](std::string_view address, std::string_view) -> Result<std::optional<std::string>> {
    const auto number = static_cast<std::uint64_t>(static_cast<unsigned char>(address[0])) << 8 |
                        static_cast<unsigned char>(address[1]);
    CHECK(number == seen++);
    return std::optional(group(number + 1));
  }));
  CHECK(seen == kGroups);
  CHECK(reads > kDeltas);
  CHECK(reads <= kDeltas * (kBlocksOfADelta + 2));
  house.store.reset();  // before its disk
}

TEST_CASE("store: a delta that a scan reads is there until the scan is through, whatever is merged") {
  House house;
  REQUIRE(house.open());
  EpochText text{{}, "m", ""};
  for (int i = 0; i < 4'000; ++i)
    text.changes[std::string{'\0', static_cast<char>(i / 100), static_cast<char>(i % 100)}] = std::string(1'000, 'v');
  REQUIRE(tests::store_next(*house.store, house.model, text));
  house.fill(2);
  std::size_t seen = 0;
  const auto scanned = house.store->scan({}, {}, [&](std::string_view, std::string_view) -> Result<void> {
    if (seen++ > 0) return {};
    REQUIRE(house.store->merge().value().through == Epoch{3});
    return {};
  });
  REQUIRE_MESSAGE(scanned, scanned.error().message);
  CHECK(seen == house.model.state.size());
  CHECK(house.disk.list(kDeltaFolder).value() == std::vector<std::string>{"00000000000000000003.delta"});
}

TEST_CASE("history: kept with the state, the last thousand") {
  House house;
  REQUIRE(house.open());
  CHECK(house.store->notes(10).value().empty());
  const CheckpointNote failed{Time{1'700'000'000'000'000},     Epoch{7}, 2, 3, 4, 5, milliseconds(80),
                              "cannot write: the disk is full"};
  REQUIRE(house.store->note(failed));
  REQUIRE(house.open());
  CHECK(house.store->notes(10).value() == std::vector<CheckpointNote>{failed});
  for (std::int64_t i = 0; i < 1'003; ++i) REQUIRE(house.store->note({.at = Time{i}, .through = {}, .failure = {}}));
  const auto notes = house.store->notes(5'000).value();
  REQUIRE(notes.size() == CheckpointHistory::kNotesMax);
  CHECK(notes.front().at == Time{1'002});
  CHECK(notes.back().at == Time{3});
}
