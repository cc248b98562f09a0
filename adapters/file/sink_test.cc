// If one of these fails, alerts are lost or doubled in a file, or a file that is not the sink's is written over.
#include "adapters/file/sink.h"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <random>
#include <vector>

#include "adapters/file/disk.h"
#include "tests/support/crash_disk.h"
#include "tests/support/hand_clock.h"
#include "tests/support/hooked_disk.h"

using namespace tocsin;
using tests::CrashDisk;
using tests::HandClock;
using tests::HookedDisk;

namespace {

// One life of the sink on a disk that outlives it.
struct Life {
  Life(Disk& disk, const std::optional<Delivery>& from = std::nullopt, std::uint64_t newest = 0)
      : sink(file_sink_on(disk, "alerts", clock, [this](const std::string& text) { told.push_back(text); })),
        opened(sink->open(from, Epoch{newest})) {}

  Written write(std::uint64_t epoch, const std::vector<std::string>& lines) {
    std::vector<Message> messages;
    for (const std::string& line : lines) messages.push_back({line, {}, line, {}});
    return sink->write(Epoch{epoch}, messages).value();
  }
  // All of an epoch; false: it could not be delivered just now.
  bool give(std::uint64_t epoch, const std::vector<std::string>& lines) {
    if (write(epoch, lines) == Written::full) return false;
    REQUIRE(sink->finish(Epoch{epoch}));
    return sink->delivered() == Epoch{epoch};
  }

  HandClock clock;
  std::vector<std::string> told;
  std::unique_ptr<Sink> sink;
  Result<void> opened;
};

std::string in(const CrashDisk& disk, const std::string& name = "alerts") {
  const auto image = disk.now();
  const auto there = image.find(name);
  return there == image.end() ? "(none)" : there->second;
}

// Looks whether it is there, which is no error.
bool is_there(const CrashDisk& disk, const std::string& name) { return disk.identity(name).value().has_value(); }

}  // namespace

TEST_CASE("file sink: a file has one sink at a time") {
  const std::string folder = std::filesystem::temp_directory_path() / fmt::format("tocsin_sink_{}", ::getpid());
  std::filesystem::create_directories(folder);
  {
    const auto disk = open_disk(folder).value();
    std::optional<Life> first(*disk), second(*disk);
    REQUIRE(first->opened);
    REQUIRE_FALSE(second->opened);
    CHECK(second->opened.error().code == Error::Code::refused);
    CHECK(second->opened.error().message.find("another sink writes into this file") != std::string::npos);
    // One that is moved away is still its own, and so is the new one.
    CHECK(first->give(1, {"a"}));
    REQUIRE(disk->rename("alerts", "alerts.1"));
    CHECK(first->give(2, {"b"}));
    CHECK_FALSE(Life(*disk).opened);
    first.reset();
    second.reset();
    CHECK(Life(*disk).opened);
  }
  std::filesystem::remove_all(folder);
}

TEST_CASE("file sink: a line for each message, delivered with its epoch; what stood there stays, its last line ended") {
  CrashDisk disk(CrashDisk::Image{{"alerts", "by hand"}});
  Life life(disk);
  REQUIRE(life.opened);
  CHECK(life.write(1, {"a", "b"}) == Written::all);
  CHECK(life.sink->delivered() == Epoch{0});
  REQUIRE(life.sink->finish(Epoch{1}));
  CHECK(life.sink->delivered() == Epoch{1});
  CHECK(life.give(2, {}));
  CHECK(life.give(3, {"c"}));
  CHECK(in(disk) == "by hand\na\nb\nc\n");
  CHECK(life.told.empty());
}

TEST_CASE("file sink: what comes again and is there is not written again, and what is not the same is cut") {
  const std::vector<std::string> lefts{"", "b", "b\nc", "b\nc\n", "b\nc\nd\n", "b\nx", std::string(4, '\0')};
  for (const std::string& left : lefts) {
    CAPTURE(left);
    CrashDisk disk;
    Delivery stored;
    {
      Life life(disk);
      REQUIRE(life.give(1, {"a"}));
      stored = life.sink->delivery();
    }
    REQUIRE(disk.open("alerts", Disk::Open::append).value()->append(left));
    int appended = 0, cut = 0;
    HookedDisk counting(disk, [&](const std::string& call, const std::string&) -> Result<void> {
      appended += call == "append";
      cut += call == "truncate";
      return {};
    });
    Life life(counting, stored, 3);
    REQUIRE(life.opened);
    CHECK(life.give(1, {"a"}));
    CHECK(life.give(2, {"b", "c"}));
    CHECK(life.give(3, {"d"}));
    CHECK(in(disk) == "a\nb\nc\nd\n");
    const bool is_beginning = std::string_view("b\nc\nd\n").starts_with(left);
    CHECK(cut == (is_beginning ? 0 : 1));
    CHECK(life.told.size() == (is_beginning ? 0 : 1));
    if (left == "b\nc\nd\n") CHECK(appended == 0);
  }
}

TEST_CASE("file sink: where nothing comes again, what stands behind the end is cut at once") {
  CrashDisk disk;
  Delivery stored;
  {
    Life life(disk);
    REQUIRE(life.give(1, {"a"}));
    stored = life.sink->delivery();
  }
  REQUIRE(disk.open("alerts", Disk::Open::append).value()->append("torn"));
  Life life(disk, stored, 1);
  REQUIRE(life.opened);
  CHECK(in(disk) == "a\n");
  CHECK(life.told ==
        std::vector<std::string>{"alerts: 4 bytes were cut from its end: they are of after the epoch that is "
                                 "gone on from (a crash, or a restore)"});
}

TEST_CASE("file sink: a full disk is tried again with growing pauses, and never leaves half a line") {
  CrashDisk disk;
  bool is_full = false;
  HookedDisk hooked(disk, [&](const std::string& call, const std::string& path) -> Result<void> {
    if (!is_full || call != "append") return {};
    REQUIRE(disk.open(path, Disk::Open::append).value()->append("{\"ha"));  // a part of it came through
    return failure(Error::Code::full, "cannot write alerts: No space left on device");
  });
  Life life(hooked);
  REQUIRE(life.give(1, {"a"}));
  is_full = true;
  CHECK_FALSE(life.give(2, {"b"}));  // taken, not delivered
  CHECK(life.sink->trouble() == "cannot write alerts: No space left on device");
  CHECK(life.write(3, {"c"}) == Written::full);
  int tries = 0;
  for (life.clock.at = {}; life.clock.at < minutes(1); life.clock.at = life.clock.at + milliseconds(50)) {
    const std::string before = life.sink->trouble();
    tries += life.write(3, {"c"}) == Written::full && in(disk).ends_with("{\"ha");
    REQUIRE_FALSE(life.sink->drain({}).value());
  }
  CHECK(tries > 10);
  is_full = false;
  CHECK(life.sink->drain({}).value() == false);  // it is not yet time
  life.clock.at = life.clock.at + seconds(5);
  CHECK(life.sink->drain({}).value());
  CHECK(life.sink->trouble().empty());
  CHECK(life.give(3, {"c"}));
  CHECK(in(disk) == "a\nb\nc\n");
}

TEST_CASE("file sink: what could not be synced is written again, as the system may have dropped it") {
  CrashDisk disk;
  bool fails = false;
  HookedDisk hooked(disk, [&](const std::string& call, const std::string&) -> Result<void> {
    if (call == "sync" && fails) return failure(Error::Code::unreadable, "cannot sync alerts: Input/output error");
    return {};
  });
  Life life(hooked);
  REQUIRE(life.give(1, {"a"}));
  fails = true;
  CHECK_FALSE(life.give(2, {"b"}));
  {  // dropped
    REQUIRE(disk.open("alerts", Disk::Open::append).value()->truncate(2));
    fails = false;
  }
  life.clock.at = seconds(5);
  CHECK(life.sink->drain({}).value());
  CHECK(in(disk) == "a\nb\n");
}

TEST_CASE("file sink: a file that was moved away is left, and a new one begun with the next epoch") {
  CrashDisk disk;
  Life life(disk);
  REQUIRE(life.give(1, {"a"}));
  REQUIRE(disk.rename("alerts", "alerts.1"));
  CHECK(life.give(2, {}));
  CHECK(is_there(disk, "alerts"));
  CHECK(life.give(3, {"b"}));
  CHECK(in(disk, "alerts.1") == "a\n");
  CHECK(in(disk) == "b\n");
  CHECK(life.told.size() == 1);
}

TEST_CASE(
    "file sink: a file that is moved away and packed while nothing comes is nothing to refuse the next start for") {
  CrashDisk disk;
  Delivery stored;
  {
    Life life(disk);
    REQUIRE(life.give(1, {"a"}));
    REQUIRE(disk.rename("alerts", "alerts.1"));
    REQUIRE(life.give(2, {}));
    CHECK(in(disk).empty());
    stored = life.sink->delivery();
    REQUIRE(disk.remove("alerts.1"));
  }
  Life life(disk, stored, 2);
  REQUIRE(life.opened);
  CHECK(life.give(3, {"b"}));
  CHECK(in(disk) == "b\n");
}

TEST_CASE("file sink: after a crash, a file that had been moved away is found, and the one begun behind it") {
  for (const int crashed_after : {1, 2, 3}) {
    CAPTURE(crashed_after);
    CrashDisk disk;
    Delivery stored;
    {
      Life life(disk);
      REQUIRE(life.give(1, {"a"}));
      stored = life.sink->delivery();
      if (crashed_after >= 2) REQUIRE(life.give(2, {"b"}));
      REQUIRE(disk.rename("alerts", "alerts.1"));
      if (crashed_after >= 3) REQUIRE(life.give(3, {"c", "d"}));
    }
    Life life(disk, stored, 3);
    REQUIRE(life.opened);
    CHECK(life.give(2, {"b"}));
    CHECK(life.give(3, {"c", "d"}));
    CHECK(life.give(4, {"e"}));
    const std::string all = in(disk, "alerts.1") + in(disk);
    CHECK(all == "a\nb\nc\nd\ne\n");
    CHECK(in(disk).ends_with("e\n"));
  }
}

TEST_CASE("file sink: copied and cut while it stood still, the copy is taken up and the rest written to it") {
  CrashDisk disk;
  Delivery stored;
  {
    Life life(disk);
    REQUIRE(life.give(1, {"a"}));
    stored = life.sink->delivery();
    REQUIRE(life.give(2, {"b"}));
  }
  REQUIRE(disk.open("alerts.1", Disk::Open::append).value()->append("a\nb\n"));
  REQUIRE(disk.open("alerts", Disk::Open::append).value()->truncate(0));
  Life life(disk, stored, 2);
  REQUIRE(life.opened);
  CHECK(life.give(2, {"b"}));
  CHECK(life.give(3, {"c"}));
  CHECK(in(disk, "alerts.1") == "a\nb\n");
  CHECK(in(disk) == "c\n");
}

TEST_CASE("file sink: cut or written by others while it runs, that is said and it goes on at the end") {
  CrashDisk disk;
  Life life(disk);
  REQUIRE(life.give(1, {"a", "b"}));
  REQUIRE(disk.open("alerts", Disk::Open::append).value()->truncate(1));
  CHECK(life.give(2, {"c"}));
  CHECK(in(disk) == "a\nc\n");
  REQUIRE(disk.open("alerts", Disk::Open::append).value()->append("by hand\n"));
  CHECK(life.give(3, {"d"}));
  CHECK(in(disk) == "a\nc\nby hand\nd\n");
  CHECK(life.told.size() == 2);
}

TEST_CASE("file sink: a file that is shorter, another one or gone is refused, and said what to do") {
  CrashDisk disk;
  Delivery stored;
  {
    Life life(disk);
    REQUIRE(life.give(1, {"first", "second"}));
    stored = life.sink->delivery();
  }
  SUBCASE("shorter") {
    REQUIRE(disk.open("alerts", Disk::Open::append).value()->truncate(6));
    const Life life(disk, stored, 1);
    REQUIRE_FALSE(life.opened);
    CHECK(life.opened.error().code == Error::Code::refused);
    CHECK(life.opened.error().message ==
          "alerts: the file has 6 bytes, but 13 had been delivered to it; put the file back as it was, or give the "
          "sink another name in tocsin.toml: then it begins anew at the end of the file that is there");
  }
  SUBCASE("another one") {
    REQUIRE(disk.remove("alerts"));
    REQUIRE(disk.open("alerts", Disk::Open::create).value()->append("a letter to my aunt, and of some length\n"));
    const Life life(disk, stored, 1);
    REQUIRE_FALSE(life.opened);
    CHECK(life.opened.error().message.find("this is another file") != std::string::npos);
    CHECK(in(disk) == "a letter to my aunt, and of some length\n");
  }
  SUBCASE("gone") {
    REQUIRE(disk.remove("alerts"));
    const Life life(disk, stored, 1);
    REQUIRE_FALSE(life.opened);
    CHECK(life.opened.error().message.find("the file is gone, with 13 bytes") != std::string::npos);
  }
  SUBCASE("changed at its end, of the same length") {
    REQUIRE(disk.open("alerts", Disk::Open::append).value()->truncate(6));
    REQUIRE(disk.open("alerts", Disk::Open::append).value()->append("sekond\n"));
    const Life life(disk, stored, 1);
    CHECK_FALSE(life.opened);
  }
  SUBCASE("a bookmark of another version") {
    const Life life(disk, Delivery{Epoch{1}, "file9 whatever"}, 1);
    CHECK_FALSE(life.opened);
  }
}

// A store that is durable at once, a sink whose disk loses power or runs full again and again.
TEST_CASE("file sink: through crashes, full disks and rotations each line is there once, in order") {
  std::uint64_t crashes = 0;
  for (unsigned seed = 1; seed <= 2'000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    auto disk = std::make_unique<CrashDisk>();
    std::string expected;
    std::vector<std::pair<std::uint64_t, std::vector<std::string>>> outboxes;  // behind what is known to be delivered
    std::optional<Delivery> stored;
    std::uint64_t newest = 0;
    const bool rotates = random() % 4 == 0;
    int rotations = 0;
    for (int life_number = 0; life_number < 6; ++life_number) {
      const bool is_hard = life_number < 5;
      HookedDisk hooked(*disk, [&](const std::string& call, const std::string& path) -> Result<void> {
        if (!is_hard || random() % 12 != 0 || (call != "append" && call != "sync" && call != "truncate")) return {};
        if (call == "append" && !rotates && random() % 2 == 0)
          (void)disk->open(path, Disk::Open::append).value()->append("{ha");
        return failure(Error::Code::full, "no room");
      });
      Life life(hooked, stored, newest);
      if (!life.opened) {
        REQUIRE(life.opened.error().code == Error::Code::full);
        continue;
      }
      std::size_t next = 0;  // of outboxes, to be written
      const int steps = is_hard ? static_cast<int>(random() % 30) : 0;
      for (int step = 0; step < steps || (!is_hard && next < outboxes.size()); ++step) {
        life.clock.at = life.clock.at + seconds(10);
        if (next < outboxes.size()) {
          const auto& [epoch, lines] = outboxes[next];
          if (life.write(epoch, lines) == Written::full) continue;
          REQUIRE(life.sink->finish(Epoch{epoch}));
          ++next;
        } else {
          (void)life.sink->drain({});
          stored = life.sink->delivery();  // with the next epoch
          while (!outboxes.empty() && outboxes.front().first <= stored->epoch.number) {
            outboxes.erase(outboxes.begin());
            --next;
          }
          std::vector<std::string> lines(random() % 3);
          for (std::string& line : lines) {
            line = std::to_string(newest + 1) + std::string(random() % 900, 'x');
            expected += line + "\n";
          }
          outboxes.emplace_back(++newest, lines);
        }
        // Once behind what is stored: twice in so short a time is refused.
        const auto identity = disk->identity("alerts").value();
        if (rotates && is_hard && random() % 10 == 0 && identity && stored &&
            stored->bookmark.starts_with("file1 " + std::to_string(*identity) + " "))
          REQUIRE(disk->rename("alerts", "alerts." + std::to_string(++rotations)));
      }
      if (is_hard && random() % 2 == 0 && !rotates) {
        disk = std::make_unique<CrashDisk>(disk->crash(random));
        ++crashes;
      }
      if (!is_hard) {
        while (!life.sink->drain({}).value()) life.clock.at = life.clock.at + seconds(10);
      }
    }
    std::string all;
    for (int i = 1; i <= rotations; ++i) all += in(*disk, "alerts." + std::to_string(i));
    if (is_there(*disk, "alerts")) all += in(*disk);
    REQUIRE(all == expected);
  }
  CHECK(crashes > 1'000);
}

TEST_CASE("file sink: on the real disk; and what is no plain file is refused") {
  const auto folder = std::filesystem::temp_directory_path() / "tocsin_sink_test";
  std::filesystem::remove_all(folder);
  const HandClock clock;
  {
    const auto sink = open_file_sink({.path = (folder / "a.ndjson").string()}, clock).value();
    REQUIRE(sink->open(std::nullopt, Epoch{}));
    const Message message{"1", "", "{}", {}};
    CHECK(sink->write(Epoch{1}, {&message, 1}).value() == Written::all);
    REQUIRE(sink->finish(Epoch{1}));
    CHECK(sink->delivered() == Epoch{1});
  }
  CHECK(std::filesystem::file_size(folder / "a.ndjson") == 3);
  std::filesystem::remove_all(folder);
  CHECK_FALSE(open_file_sink({.path = "/dev/null"}, clock));
  CHECK_FALSE(open_file_sink({.path = "/nowhere/at/all"}, clock));
}
