#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <sstream>

#include "adapters/savepoint/format.h"
#include "adapters/savepoint/reader.h"
#include "adapters/savepoint/writer.h"
#include "engine/base/contract.h"
#include "tests/support/hooked_disk.h"

namespace tocsin::tests {
namespace {

// A store that is asked for its image and nothing else.
struct OneEpoch final : CheckpointStore {
  std::optional<Newest> epoch;
  std::map<std::string, std::string> state;

  Result<void> image(const SeeNewest& see_newest, const See& see) const override {
    if (!epoch) return {};
    if (auto seen = see_newest(*epoch); !seen) return seen;
    for (const auto& [address, value] : state)
      if (auto seen = see(address, value); !seen) return seen;
    return {};
  }
  Result<std::uint64_t> store(const EpochUnit&) override { TOCSIN_ASSERT(false); }
  void delivered(Epoch) override { TOCSIN_ASSERT(false); }
  Result<std::optional<Newest>> newest() const override { TOCSIN_ASSERT(false); }
  Result<std::optional<std::string>> find(std::string_view) const override { TOCSIN_ASSERT(false); }
  Result<void> scan(std::string_view, std::string_view, const See&) const override { TOCSIN_ASSERT(false); }
  Result<MergeFigures> merge() override { TOCSIN_ASSERT(false); }
  StoreFigures figures() const override { TOCSIN_ASSERT(false); }
};

struct House {
  House()
      : folder((std::filesystem::exists("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                    : std::filesystem::temp_directory_path()) /
               ("tocsin_savepoint_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    disk = real_disk(folder.string());
    store.epoch = CheckpointStore::Newest{
        Epoch{42}, "where all stood", {{Epoch{38}, ""}, {Epoch{40}, "told in 40"}, {Epoch{41}, "told in 41"}}};
  }
  ~House() { std::filesystem::remove_all(folder); }

  Result<SavepointFigures> write(Disk& on, const std::string& name = "a.savepoint") const {
    return write_savepoint(
        on, name, note, rules, store, [](const auto&) -> Result<void> { return {}; },
        [](std::string_view address) -> Result<bool> { return !address.starts_with("gone"); });
  }
  std::string bytes(const std::string& name = "a.savepoint") const {
    std::ifstream in(folder / name, std::ios::binary);
    std::ostringstream out;
    out << in.rdbuf();
    return out.str();
  }
  void put(const std::string& bytes, const std::string& name = "a.savepoint") const {
    std::ofstream(folder / name, std::ios::binary | std::ios::trunc) << bytes;
  }

  std::filesystem::path folder;
  std::unique_ptr<Disk> disk;
  OneEpoch store;
  SavepointNote note{Time{1'700'000'000'000'000}, {}, 3, 2, "0.1.0"};
  std::vector<SavepointRules> rules{{"rules/a.rules", "rule a ..."}, {"rules/b.rules", ""}};
};

// All that stands in it; or what is wrong.
struct Content {
  std::map<std::string, std::string> state;
  CheckpointStore::Newest newest;
  SavepointNote note;
  std::vector<SavepointRules> rules;
  SavepointFigures figures;
};
Result<Content> read_all(Disk& disk) {
  auto reader = SavepointReader::open(disk, "a.savepoint", "a.savepoint");
  if (!reader) return tl::unexpected(reader.error());
  Content out;
  for (;;) {
    const auto more = (*reader)->next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
    out.state.emplace((*reader)->address(), (*reader)->value());
  }
  out.newest = (*reader)->newest();
  out.note = (*reader)->note();
  out.rules = (*reader)->rules();
  out.figures = (*reader)->figures();
  return out;
}

bool is_same(const CheckpointStore::Newest& a, const CheckpointStore::Newest& b) {
  return a.epoch == b.epoch && a.manifest == b.manifest && a.outboxes == b.outboxes;
}

}  // namespace

TEST_CASE("savepoint: what is written is read, of any size") {
  House house;
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    house.store.state.clear();
    if (round > 0) {
      for (auto i = random() % 3'000; i > 0; --i)
        house.store.state[std::to_string(random() % 10'000)] =
            std::string(random() % (round % 5 == 0 ? 3'000 : 30), static_cast<char>(random()));
      if (round == 7) house.store.state["large"] = std::string(5'000'000, 'x');
      if (round == 8) house.store.epoch->manifest.assign(3'000'000, 'm');
      if (round == 9) house.store.epoch->outboxes[1].second.assign(2'500'000, 'o');
      if (round == 10) house.rules[1].text.assign(2'100'000, 'r');
      if (round == 11) house.store.epoch->outboxes.clear();
    }
    auto expected = house.store.state;
    house.store.state["gone"] = house.store.state["gone too"] = "not wanted";
    const auto written = house.write(*house.disk);
    REQUIRE_MESSAGE(written, written.error().message);
    CHECK(written->addresses == expected.size());
    CHECK(written->bytes == house.bytes().size());
    const auto read = read_all(*house.disk);
    REQUIRE_MESSAGE(read, read.error().message);
    CHECK(read->state == expected);
    CHECK(is_same(read->newest, *house.store.epoch));
    CHECK(read->rules == house.rules);
    CHECK(read->note.made == house.note.made);
    CHECK(read->note.epoch == Epoch{42});
    CHECK(read->note.generation == 3);
    CHECK(read->note.version == "0.1.0");
    CHECK(read->figures.digest == written->digest);
    CHECK(read->figures.addresses == expected.size());
    CHECK(read_savepoint_note(*house.disk, "a.savepoint", "a").value() == read->note);
    REQUIRE(house.write(*house.disk, "b.savepoint"));
    CHECK(house.bytes() == house.bytes("b.savepoint"));
  }
}

TEST_CASE("savepoint: any byte that is flipped, any length that it is cut to, is seen") {
  House house;
  for (int i = 0; i < 30; ++i) house.store.state["key " + std::to_string(100 + i)] = std::to_string(i);
  REQUIRE(house.write(*house.disk));
  const std::string good = house.bytes();
  REQUIRE(read_all(*house.disk));
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ (1 << (i % 8)));
    house.put(bad);
    const auto read = read_all(*house.disk);
    REQUIRE_FALSE_MESSAGE(read, "byte " << i);
    REQUIRE_MESSAGE(read.error().message.find("a.savepoint") == 0, read.error().message);
    REQUIRE_MESSAGE(read.error().message.find("byte ") != std::string::npos, read.error().message);
    REQUIRE_MESSAGE(read.error().message.find("; ") != std::string::npos, read.error().message);
    house.put(good.substr(0, i));
    REQUIRE_FALSE_MESSAGE(read_all(*house.disk), "cut to " << i);
  }
  for (const std::string& behind : {std::string(1, '\0'), std::string("more"), good}) {
    house.put(good + behind);
    CHECK_FALSE(read_all(*house.disk));
  }
  house.put(good);
  CHECK(read_all(*house.disk));
}

TEST_CASE("savepoint: sections of another one, twice or left out, are seen though each of them is sound") {
  House house;
  for (int i = 0; i < 10'000; ++i) house.store.state["key " + std::to_string(100'000 + i)] = std::string(20, 'a');
  REQUIRE(house.write(*house.disk));
  const std::string one = house.bytes();
  for (auto& [key, value] : house.store.state) value.assign(20, 'b');
  REQUIRE(house.write(*house.disk));
  const std::string other = house.bytes();
  REQUIRE(one.size() == other.size());
  int sections = 0;
  for (std::size_t at = savepoint_format::kHeadSize; at < one.size(); ++sections) {
    const std::size_t size =
        savepoint_format::kSectionHeadSize + savepoint_format::section_head(std::string_view(one).substr(at)).size;
    CAPTURE(sections);
    if (one.substr(at, size) != other.substr(at, size)) {
      house.put(one.substr(0, at) + other.substr(at, size) + one.substr(at + size));
      CHECK_FALSE(read_all(*house.disk));
    }
    house.put(one.substr(0, at) + one.substr(at + size));
    CHECK_FALSE(read_all(*house.disk));
    house.put(one.substr(0, at + size) + one.substr(at));
    CHECK_FALSE(read_all(*house.disk));
    at += size;
  }
  CHECK(sections > 10);
}

TEST_CASE("savepoint: what people read of one that is no good") {
  House house;
  house.store.state["a"] = "1";
  REQUIRE(house.write(*house.disk));
  const std::string good = house.bytes();
  const auto said_of = [&](const std::string& bytes) {
    house.put(bytes);
    const auto read = read_all(*house.disk);
    return read ? "it is good" : read.error().message;
  };
  CHECK(said_of("") ==
        "a.savepoint is damaged at byte 0: the file ends inside its head; take another savepoint, or "
        "another copy of this one");
  CHECK(said_of("hello, world and all") ==
        "a.savepoint is no savepoint: it does not begin as one (byte 0); what `tocsin savepoint create` has written is "
        "one");
  std::string newer = good;
  newer[8] = 3;
  std::string head = newer.substr(0, 12);
  append_little(head, crc32c(head));
  CHECK(said_of(head + newer.substr(16)) ==
        "a.savepoint has format version 3 (byte 8), and this tocsin reads version 2; read it with the tocsin that "
        "wrote it, or a newer one");
  CHECK(said_of(good.substr(0, good.size() - 1)) ==
        "a.savepoint is damaged at byte " + std::to_string(good.size() - 52) +
            ": section 7 of 36 bytes does not fit into a file of " + std::to_string(good.size() - 1) +
            "; take another savepoint, or another copy of this one");
  CHECK(said_of(good.substr(0, good.size() - 52)) == "a.savepoint is damaged at byte " +
                                                         std::to_string(good.size() - 52) +
                                                         ": the file ends here, 16 bytes too early; take another "
                                                         "savepoint, or another copy of this one");
  std::string flipped = good;
  flipped[good.size() - 53] ^= 1;  // the value
  CHECK(said_of(flipped).find(": the checksum of section 6 is ") != std::string::npos);
  CHECK(said_of(good + "x").find("its end says that it has") != std::string::npos);
}

TEST_CASE("savepoint: one of version 1 is read") {
  House house;
  house.store.state["a"] = "1";
  house.store.epoch->outboxes = {{Epoch{41}, ""}, {Epoch{42}, "told in 42"}};
  REQUIRE(house.write(*house.disk));
  std::string bytes = house.bytes();
  write_little(bytes.data() + 8, std::uint32_t{1});
  write_little(bytes.data() + 12, crc32c(std::string_view(bytes).substr(0, 12)));
  // The end: a head of 16 bytes, of them 4 its checksum, and 36 bytes, of which the last 4 are that of all before it.
  const std::size_t end = bytes.size() - 52;
  write_little(bytes.data() + bytes.size() - 4, crc32c(std::string_view(bytes).substr(0, end)));
  write_little(bytes.data() + end, crc32c(std::string_view(bytes).substr(end + 4)));
  house.put(bytes);
  const auto read = read_all(*house.disk);
  REQUIRE_MESSAGE(read, read.error().message);
  CHECK(read->state == house.store.state);
  CHECK(is_same(read->newest, *house.store.epoch));
}

TEST_CASE("savepoint: any call to the disk fails; what was there before stays, and nothing else is left") {
  House house;
  for (int i = 0; i < 100'000; ++i) house.store.state["key " + std::to_string(i)] = std::string(20, 'a');
  house.put("the one before");
  int failing = 1;
  for (;; ++failing) {
    int calls = 0;
    HookedDisk hooked(*house.disk, [&](const std::string& call, const std::string& path) -> Result<void> {
      if (++calls != failing) return {};
      return failure(Error::Code::full, "cannot " + call + " " + path + ": the disk is full");
    });
    const auto written = house.write(hooked);
    if (written) break;
    CHECK(written.error().message.find("the disk is full") != std::string::npos);
    const bool was_renamed = written.error().message.find("sync_folder") != std::string::npos;
    if (!was_renamed) CHECK(house.bytes() == "the one before");
    CHECK_FALSE(std::filesystem::exists(house.folder / "a.savepoint.tmp"));
    house.put("the one before");
  }
  CHECK(failing > 5);
  CHECK(read_all(*house.disk));
}

TEST_CASE("savepoint: of a store without an epoch there is none, and who makes it may give up") {
  House house;
  house.store.epoch.reset();
  CHECK(house.write(*house.disk).error().message == "nothing has been stored yet: there is no epoch to keep");
  CHECK(house.disk->list("").value().empty());
}

}  // namespace tocsin::tests
