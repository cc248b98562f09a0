// If one of these fails, lines of a file that grows or is rotated are lost, doubled or numbered anew.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>

#include "adapters/file/rotation.h"
#include "adapters/file/source.h"

using namespace tocsin;
namespace fs = std::filesystem;

namespace {

class Folder {
 public:
  Folder() : path_(fs::temp_directory_path() / ("tocsin_follow_" + std::to_string(::getpid()))) {
    fs::remove_all(path_);
    fs::create_directory(path_);
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  void append(const std::string& name, const std::string& text) const {
    std::ofstream(*this / name, std::ios::app | std::ios::binary) << text;
  }
  void rename(const std::string& from, const std::string& to) const { fs::rename(*this / from, *this / to); }

 private:
  fs::path path_;
};

// An hour ahead of the file system's, so that nobody has written a file just now, or with it.
class AheadClock final : public Clock {
 public:
  Time now() const override {
    const auto us =
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch());
    return Time{us.count()} + ahead;
  }
  Duration elapsed() const override { return at; }
  Duration ahead = hours(1), at{};
};

std::string packed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

// Its first bytes and the length at its end are all that anybody looks at.
std::string packed_by_gzip(const std::string& text) {
  std::string out = "\x1F\x8B ..";
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(text.size() >> shift);
  return out;
}

std::string many(const std::string& word) {
  std::string out;
  for (int i = 1; i <= 300; ++i) out += word + std::to_string(i) + "\n";
  return out;
}

struct Again {};

struct Follower {
  // From the oldest line on that leads to `at`.
  Follower(const std::string& path, const Progress& at, Again, bool header = false)
      : source(open_file_source({.path = path, .line_max = 1000, .follow = true, .header = header}, SourceId(0), {},
                                &clock)
                   .value()),
        next(0) {
    const std::atomic<bool> given_up{false};
    const auto from = source->start_at_oldest({&at, 1}, given_up);
    REQUIRE(from);
    next = from->front().next_offset;
  }
  explicit Follower(const std::string& path, const Progress& from = {0, 0}, bool header = false)
      : source(open_file_source({.path = path,
                                 .line_max = 1000,
                                 .follow = true,
                                 .header = header,
                                 .tell = [this](const std::string& text) { told.push_back(text); }},
                                SourceId(0), {}, &clock)
                   .value()),
        started(source->start(from.next_offset == 0 ? std::span<const Progress>{} : std::span(&from, 1))),
        next(std::max<std::uint64_t>(from.next_offset, 1)) {
    for (const SourceNote& note : from.notes) notes[note.key] = note.value;
  }

  // All there is now: `2:text` for the second line, one behind the other.
  std::string read() {
    std::string out;
    Block block;
    for (int silent = 0; silent < 4;) {
      block.clear();
      const auto polled = source->poll(block, {});
      REQUIRE(polled.has_value());
      clock.at = clock.at + milliseconds(300);
      silent = *polled == Polled::block ? 0 : silent + 1;
      if (*polled != Polled::block) continue;
      std::string_view text = block.bytes.view();
      for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
        const std::size_t end = text.find('\n');
        REQUIRE(end != std::string_view::npos);
        out += std::to_string(number) + ":" + std::string(text.substr(0, end)) + " ";
        text.remove_prefix(end + 1);
      }
      CHECK(block.next_offset >= next);
      next = block.next_offset;
    }
    return out;
  }
  // What an epoch would store now.
  Progress progress() {
    Progress out{0, next, source->bookmark(0, next)};
    for (const SourceNote& note : source->notes(0, next))
      if (note.gone)
        notes.erase(note.key);
      else
        notes[note.key] = note.value;
    for (const auto& [key, value] : notes) out.notes.push_back({key, value, false});
    return out;
  }

  AheadClock clock;
  std::vector<std::string> told;
  std::unique_ptr<Source> source;
  Result<void> started;
  std::uint64_t next;
  std::map<std::string, std::string> notes;
};

// What a daemon remembers that has read `path` and was stopped.
Progress read_and_left(const std::string& path, std::string_view lines) {
  Follower follower(path);
  CHECK(follower.read() == lines);
  return follower.progress();
}

}  // namespace

TEST_CASE("files: read in the order of their names, numbers as numbers, rotation counted down, the newest last") {
  const std::vector<std::string> order{"app.log-20261120", "app.log-20261121.zst",
                                       "app.log.12",       "app.log.2.zst",
                                       "app.log.1",        "app.log",
                                       "part-2",           "part-10",
                                       "part.0001",        "part.0002"};
  for (std::size_t i = 0; i < order.size(); ++i)
    for (std::size_t j = 0; j < order.size(); ++j) {
      CAPTURE(order[i]);
      CAPTURE(order[j]);
      CHECK(is_read_before(order[i], order[j]) == (i < j));
    }
}

TEST_CASE("follow: lines as they come, none before its line break; the file need not be there") {
  const Folder folder;
  Follower follower(folder / "log");
  CHECK(follower.read().empty());
  CHECK(follower.source->trouble().find("waiting for") == 0);
  folder.append("log", "one\ntw");
  CHECK(follower.read() == "1:one ");
  CHECK(follower.source->trouble().empty());
  CHECK(follower.read().empty());
  folder.append("log", "o\nthree\n");
  CHECK(follower.read() == "2:two 3:three ");
}

TEST_CASE("follow: what was moved away is read to its end, when nobody writes it any more; numbers go on") {
  const Folder folder;
  folder.append("log", "one\n");
  Follower follower(folder / "log");
  CHECK(follower.read() == "1:one ");
  follower.clock.ahead = {};  // just now somebody wrote it
  folder.append("log", "two\n");
  folder.rename("log", "log.1");
  folder.append("log", "four\n");
  follower.clock.at = {};
  Block block;
  REQUIRE(follower.source->poll(block, {}).value() == Polled::block);
  block.clear();
  REQUIRE(follower.source->poll(block, {}).value() == Polled::nothing);
  folder.append("log.1", "three, by a writer who has not noticed\n");
  follower.next = 3;
  CHECK(follower.read() == "3:three, by a writer who has not noticed ");
  follower.clock.at = follower.clock.at + seconds(3);
  CHECK(follower.read() == "4:four ");
  folder.append("log", "five");
  folder.rename("log", "log.0");  // no order that anybody knows
  folder.append("log", "six\n");
  follower.clock.ahead = hours(1);
  CHECK(follower.read() == "5:five 6:six ");
  CHECK(follower.told.empty());
}

TEST_CASE("follow: goes on after a restart, in the file that was read, whatever it is called now") {
  const Folder folder;
  folder.append("log", "one\ntwo\n");
  Progress stored = read_and_left(folder / "log", "1:one 2:two ");
  SUBCASE("as it was") {
    folder.append("log", "three\n");
    Follower follower(folder / "log", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "3:three ");
  }
  SUBCASE("rotated twice meanwhile") {
    folder.append("log", "three\n");
    folder.rename("log", "log.2");
    folder.append("log.1", "four\n");
    folder.append("log", "five\n");
    Follower follower(folder / "log", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "3:three 4:four 5:five ");
  }
  SUBCASE("by a date") {
    folder.append("log", "three\n");
    folder.rename("log", "log-2026-11-22");
    folder.append("log", "four\n");
    folder.append("log.bak", "no rotation\n");
    Follower follower(folder / "log", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "3:three 4:four ");
  }
  SUBCASE("packed by zstd meanwhile") {
    folder.append("log.1.zst", packed("one\ntwo\nthree\n"));
    fs::remove(folder / "log");
    folder.append("log", "four\n");
    Follower follower(folder / "log", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "3:three 4:four ");
  }
  SUBCASE("copied and cut meanwhile") {
    folder.append("log", "three\n");
    fs::copy(folder / "log", folder / "log.1");
    fs::resize_file(folder / "log", 0);
    folder.append("log", "four\n");
    Follower follower(folder / "log", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "3:three 4:four ");
  }
  SUBCASE("gone: refused") {
    fs::remove(folder / "log");
    folder.append("log", "four\n");
    const Follower follower(folder / "log", stored);
    REQUIRE_FALSE(follower.started);
    CHECK(follower.started.error().code == Error::Code::refused);
    CHECK(follower.started.error().message.find("cannot go on at line 3") != std::string::npos);
  }
  SUBCASE("written anew under its own number: refused") {
    fs::resize_file(folder / "log", 0);
    folder.append("log", "uno\ndue\ntre\n");
    const Follower follower(folder / "log", stored);
    CHECK_FALSE(follower.started);
  }
}

TEST_CASE("follow: a file that is copied and cut is read on in its copy; without one that is said") {
  const Folder folder;
  folder.append("log", "one\ntwo\n");
  Follower follower(folder / "log");
  CHECK(follower.read() == "1:one 2:two ");
  folder.append("log", "three\n");
  fs::copy(folder / "log", folder / "log.1");
  fs::resize_file(folder / "log", 0);
  CHECK(follower.read() == "3:three ");
  CHECK(follower.told.size() == 1);
  folder.append("log", "four\nfive\n");
  CHECK(follower.read() == "4:four 5:five ");
  fs::resize_file(folder / "log", 0);
  folder.append("log", "six\n");
  CHECK(follower.read() == "6:six ");
  REQUIRE(follower.told.size() == 2);
  CHECK(follower.told.back().find("somebody has cut it behind line 5") != std::string::npos);
}

TEST_CASE("follow: a folder and a pattern, file after file, those that come later, too") {
  const Folder folder;
  folder.append("b-2", "three\n");
  folder.append("b-1", "one\ntwo");
  folder.append("a", "not of the pattern\n");
  {
    Follower follower(folder / "b*");
    CHECK(follower.read() == "1:one 2:two 3:three ");
    const Progress stored = follower.progress();
    folder.append("b-10", "five\n");
    folder.append("b-2", "four\n");
    CHECK(follower.read() == "4:four 5:five ");
    Follower again(folder / "b*", stored);
    REQUIRE(again.started);
    CHECK(again.read() == "4:four 5:five ");
  }
  Follower all(folder / ".");
  CHECK(all.read() == "1:not of the pattern 2:one 3:two 4:three 5:four 6:five ");
}

TEST_CASE("follow: what is appended to a file that was left is read on there, and after a restart, too") {
  const Folder folder;
  folder.append("a", "one\n");
  folder.append("b", "two\n");
  Progress stored;
  {
    Follower follower(folder / ".");
    CHECK(follower.read() == "1:one 2:two ");
    folder.append("a", "three\n");
    folder.append("b", "four\nfi");
    CHECK(follower.read() == "3:four 4:three ");
    folder.append("a", "six\n");
    folder.append("b", "ve\n");
    CHECK(follower.read() == "5:six 6:five ");
    stored = follower.progress();
    folder.append("a", "seven\n");
    CHECK(follower.read() == "7:seven ");
    CHECK(follower.told.empty());
  }
  Follower again(folder / ".", stored);
  REQUIRE(again.started);
  CHECK(again.read() == "7:seven ");
  fs::resize_file(folder / "b", 0);
  folder.append("b", "new\n");
  CHECK(again.read() == "8:new ");
  REQUIRE(again.told.size() == 1);
  CHECK(again.told.front().find("somebody has cut") != std::string::npos);
  const Progress at = again.progress();
  AheadClock clock;
  const auto source = open_file_source({.path = folder / ".", .follow = true}, SourceId(0), {}, &clock).value();
  const std::atomic<bool> given_up{false};
  const auto oldest = source->start_at_oldest({&at, 1}, given_up);
  REQUIRE_FALSE(oldest);  // nobody knows any more in which order
  CHECK(oldest.error().message.find("cannot be read again") != std::string::npos);
}

TEST_CASE("follow: files that are all written all the time get their turn") {
  const Folder folder;
  for (const char* name : {"a", "b", "c"}) folder.append(name, "begin\n");
  Follower follower(folder / ".");
  follower.clock.ahead = {};
  std::size_t lines = 0, written = 3;
  for (int i = 0; i < 400; ++i) {
    if (i < 200 && i % 3 == 0)
      for (const char* name : {"a", "b", "c"}) folder.append(name, "more\n"), ++written;
    Block block;
    follower.clock.at = follower.clock.at + milliseconds(400);
    REQUIRE(follower.source->poll(block, {}));
    lines += static_cast<std::size_t>(std::ranges::count(block.bytes.view(), '\n'));
    if (i == 200) CHECK(lines > written / 2);
  }
  CHECK(lines == written);
}

TEST_CASE("follow: a file of a folder is read also where its name stands before; what rotation has packed is not") {
  const Folder folder;
  folder.append("m.log", "one\n");
  Follower follower(folder / ".");
  CHECK(follower.read() == "1:one ");
  folder.append("a.log", "two\n");
  CHECK(follower.read() == "2:two ");
  folder.append("m.log", "three\n");
  CHECK(follower.read() == "3:three ");
  folder.append("b-copy", packed("one\nthree\n"));  // the same under another name
  folder.append("a.log-20261122.gz", packed_by_gzip("two\n"));
  CHECK(follower.read().empty());
  CHECK(follower.told.size() == 1);  // it might be another one that holds the same
  folder.append("a.log.1", "rotated by somebody before, and never read\n");
  CHECK(follower.read().empty());
  CHECK(follower.told.size() == 2);
  folder.append("c.log", "\x1F\x8B rubbish");
  CHECK(follower.read().empty());
  CHECK(follower.told.size() == 3);
  // However many came behind it.
  for (int i = 0; i < 70; ++i) folder.append("n" + std::to_string(100 + i), "line " + std::to_string(i) + "\n");
  follower.read();
  folder.append("b.log", "this is new\n");
  CHECK(follower.read() == "74:this is new ");
}

TEST_CASE("follow: of however many files what is appended is read once, also over restarts at any place") {
  const Folder folder;
  constexpr int kFiles = 300;
  const auto name_of = [](int i) { return "f" + std::to_string(1000 + i); };
  const auto append_all = [&](const std::string& text) {
    for (int i = 0; i < kFiles; ++i) folder.append(name_of(i), text + std::to_string(i) + "\n");
  };
  const auto lines_of = [](const std::string& read) {
    std::set<std::string> out;
    std::istringstream in(read);
    for (std::string line; in >> line;) CHECK(out.insert(line.substr(line.find(':') + 1)).second);
    return out;
  };
  append_all("a");
  Progress stored;
  {
    Follower follower(folder / ".");
    CHECK(lines_of(follower.read()).size() == kFiles);
    stored = follower.progress();
    CHECK(stored.bookmark.size() < 200);
    CHECK(stored.notes.size() == kFiles - 1);  // the last one is in hand
    follower.source->stored({&stored, 1});
    CHECK(follower.source->notes(0, follower.next).empty());
    append_all("b");
    CHECK(lines_of(follower.read()).size() == kFiles);
    CHECK(follower.source->notes(0, follower.next).size() <= kFiles + 1);
  }
  Follower follower(folder / ".", stored);  // what was read behind it comes again
  REQUIRE(follower.started);
  CHECK(lines_of(follower.read()).size() == kFiles);
  append_all("c");
  CHECK(lines_of(follower.read()).size() == kFiles);
  stored = follower.progress();
  Follower again(folder / ".", stored);
  REQUIRE(again.started);
  CHECK(again.read().empty());
  append_all("d");
  CHECK(lines_of(again.read()).size() == kFiles);
  CHECK(again.told.empty());
}

TEST_CASE("follow: what is gone for long is forgotten, and what has its number then is another file") {
  const Folder folder;
  for (const char* name : {"a", "b", "c"}) folder.append(name, std::string(name) + "\n");
  Follower follower(folder / ".");
  CHECK(follower.read() == "1:a 2:b 3:c ");
  fs::remove(folder / "a");
  CHECK(follower.read().empty());
  CHECK(follower.progress().notes.size() == 2);
  follower.clock.at = follower.clock.at + hours(2);
  CHECK(follower.read().empty());
  fs::remove(folder / "b");
  folder.append("d", "d\n");  // many file systems give it the number of b
  CHECK(follower.read() == "4:d ");
  CHECK(follower.progress().notes.size() <= 2);  // of c, and of b, if its number is another
  // A folder in which nothing is known has not been mounted, or is another one.
  Follower again(folder / ".", follower.progress());
  REQUIRE(again.started);
  fs::create_directory(folder / "away");
  for (const char* name : {"c", "d"}) folder.rename(name, std::string("away/") + name);
  CHECK(again.read().empty());
  again.clock.at = again.clock.at + hours(2);
  CHECK(again.read().empty());
  for (const char* name : {"c", "d"}) folder.rename(std::string("away/") + name, name);
  CHECK(again.read().empty());
}

TEST_CASE("follow: a folder of many files is read in a few looks, and nobody waits for who writes another") {
  const Folder folder;
  for (int i = 0; i < 200; ++i) folder.append("f" + std::to_string(1000 + i), i % 2 == 0 ? "line\n" : "");
  Follower follower(folder / ".");
  follower.clock.ahead = {};  // just now somebody wrote them
  Block block;
  std::size_t lines = 0;
  for (int polls = 0; polls < 110; ++polls) {  // time stands still
    block.clear();
    REQUIRE(follower.source->poll(block, {}));
    lines += static_cast<std::size_t>(std::ranges::count(block.bytes.view(), '\n'));
  }
  CHECK(lines == 100);
}

TEST_CASE("follow: a line that was begun when its file was left is given when it is whole, or nobody goes on with it") {
  const Folder folder;
  folder.append("a", "one\ntw");
  folder.append("b", "three\nfo");
  folder.append("c", "five\n");
  Follower follower(folder / ".");
  follower.clock.ahead = {};
  CHECK(follower.read() == "1:one 2:three 3:five ");
  folder.append("a", "o\n");
  CHECK(follower.read() == "4:two ");
  folder.append("a", "seven, slow");
  CHECK(follower.read().empty());
  follower.clock.at = follower.clock.at + seconds(5);  // but it is written
  CHECK(follower.read().empty());
  folder.append("a", "ly\n");
  CHECK(follower.read() == "5:seven, slowly ");
  follower.clock.ahead = hours(1);
  CHECK(follower.read() == "6:fo ");
  folder.append("b", "six\n");
  CHECK(follower.read() == "7:six ");
}

TEST_CASE("follow: a file that begins like another one is read; a copy, and what its name says was rotated, is told") {
  const Folder folder;
  folder.append("m", "start\n");
  Follower follower(folder / ".");
  CHECK(follower.read() == "1:start ");
  folder.append("a", "start\nof another\n");
  CHECK(follower.read() == "2:start 3:of another ");
  folder.append("A", "start\n");
  CHECK(follower.read().empty());
  CHECK(follower.told.size() == 1);
  folder.append("m", "more\n");
  CHECK(follower.read() == "4:more ");
  Follower again(folder / ".", follower.progress());
  REQUIRE(again.started);
  CHECK(again.read().empty());
  CHECK(again.told.empty());  // it is known now
  folder.append("A", "it was no copy\n");
  CHECK(again.read() == "5:start 6:it was no copy ");
}

TEST_CASE("follow: who writes on into what was moved away is heard, also long after the new file was begun") {
  const Folder folder;
  folder.append("log", "one\n");
  Follower follower(folder / "log");
  CHECK(follower.read() == "1:one ");
  folder.rename("log", "log.1");
  folder.append("log", "");
  CHECK(follower.read().empty());
  folder.append("log.1", "two\n");
  follower.clock.at = follower.clock.at + seconds(6);
  CHECK(follower.read() == "2:two ");
  folder.append("log", "three\n");
  CHECK(follower.read() == "3:three ");
  folder.rename("log.1", "log.2");
  folder.append("log.2", "four\n");
  follower.clock.at = follower.clock.at + seconds(6);
  const Progress stored = follower.progress();
  CHECK(follower.read() == "4:four ");
  Follower again(folder / "log", stored);
  REQUIRE(again.started);
  again.clock.at = again.clock.at + seconds(6);
  CHECK(again.read() == "4:four ");
}

TEST_CASE("follow: a link that leads to another file each day, and a file that was moved under any name") {
  const Folder folder;
  fs::create_directory(folder / "days");
  folder.append("days/app-1", "one\n");
  fs::create_symlink(folder / "days/app-1", folder / "log");
  Progress stored = read_and_left(folder / "log", "1:one ");
  folder.append("days/app-1", "two\n");
  folder.append("days/app-2", "three\n");
  fs::remove(folder / "log");
  fs::create_symlink(folder / "days/app-2", folder / "log");
  {
    Follower follower(folder / "log", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "2:two 3:three ");
    folder.append("days/app-1", "four\n");
    follower.clock.at = follower.clock.at + seconds(6);
    CHECK(follower.read() == "4:four ");
  }
  folder.append("plain", "one\n");
  stored = read_and_left(folder / "plain", "1:one ");
  folder.append("plain", "two\n");
  folder.rename("plain", "old.txt");
  folder.append("plain", "three\n");
  Follower follower(folder / "plain", stored);
  REQUIRE(follower.started);
  CHECK(follower.read() == "2:two 3:three ");
  Follower again(folder / "plain", stored, Again{});
  CHECK(again.read() == "1:one 2:two 3:three ");
}

TEST_CASE("a named pipe that nobody writes yet keeps nobody; followed, its writers come and go") {
  const Folder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  for (const bool follow : {true, false}) {
    CAPTURE(follow);
    AheadClock clock;
    const auto source = open_file_source({.path = folder / "pipe", .follow = follow}, SourceId(0), {}, &clock).value();
    REQUIRE(source->start({}));
    Block block;
    CHECK(source->poll(block, milliseconds(10)).value() == Polled::nothing);
    for (int writer = 0; writer < (follow ? 2 : 1); ++writer) {
      folder.append("pipe", "line\n");
      block.clear();
      CHECK(source->poll(block, milliseconds(100)).value() == Polled::block);
      CHECK(block.bytes.view() == "line\n");
      block.clear();
      CHECK(source->poll(block, milliseconds(10)).value() == (follow ? Polled::nothing : Polled::block));
      CHECK(block.ends == !follow);
    }
  }
}

TEST_CASE("follow: the line that names the columns, once, however many files have it, with a byte order mark or not") {
  const Folder folder;
  folder.append("t-1", "a,b\n1,2\n3,4\n");
  folder.append("t-2",
                "\xEF\xBB\xBF"
                "a,b\n5,6\n");
  Progress middle, beginning;
  {
    Follower follower(folder / "t*", {0, 0}, true);
    CHECK(follower.read() == "1:a,b 2:1,2 3:3,4 5:5,6 ");
    middle = follower.progress();
  }
  folder.append("t-2", "7,8\n");
  folder.append("t-3",
                "a,b\n\xEF\xBB\xBF"
                "9,10\n");
  Follower follower(folder / "t*", middle, true);
  REQUIRE(follower.started);
  CHECK(follower.read() ==
        "6:7,8 8:\xEF\xBB\xBF"
        "9,10 ");
  folder.append("t-4", "b,a\n");
  follower.clock.at = follower.clock.at + seconds(2);
  Block block;
  Result<Polled> polled = Polled::nothing;
  for (int i = 0; i < 9 && polled; ++i) {
    block.clear();
    follower.clock.at = follower.clock.at + seconds(1);
    polled = follower.source->poll(block, {});
  }
  REQUIRE_FALSE(polled);
  CHECK(polled.error().message.find("does not name the columns") != std::string::npos);
}

// Any number of restarts at any block, any rotation between any two polls.
TEST_CASE("follow: however it grows, is rotated and read again, each line has one number and one text") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const Folder folder;
    std::vector<std::string> lines;  // what was written, whole lines
    std::string open_line;
    int files = 0;
    std::vector<std::string> seen;
    Progress stored;
    folder.append("log", "");
    auto follower = std::make_unique<Follower>(folder / "log");
    for (int step = 0; step < 120; ++step) {
      switch (random() % 8) {
        case 0: {
          if (!open_line.empty()) break;
          std::error_code none;
          fs::rename(folder / "log", folder / ("log-" + std::to_string(1000 + ++files)), none);
          break;
        }
        case 1:
          stored = follower->progress();
          follower->source->stored({&stored, 1});
          break;
        case 2:
          if (stored.next_offset == 0) break;
          follower = std::make_unique<Follower>(folder / "log", stored);
          REQUIRE(follower->started);
          break;
        case 3:
        case 4: {
          open_line += std::string(random() % 400, static_cast<char>('a' + random() % 26));
          std::string text = open_line;
          if (random() % 3 != 0) {
            text += "\n";
            lines.push_back(std::exchange(open_line, {}));
            folder.append("log", text);
          } else {
            open_line.clear();
          }
          break;
        }
        default: {
          Block block;
          follower->clock.at = follower->clock.at + milliseconds(400);
          const auto polled = follower->source->poll(block, {});
          REQUIRE(polled);
          if (*polled != Polled::block) break;
          follower->next = block.next_offset;
          std::string_view text = block.bytes.view();
          for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
            const std::string line(text.substr(0, text.find('\n')));
            text.remove_prefix(line.size() + 1);
            REQUIRE(number <= seen.size() + 1);  // no gap
            if (number > seen.size()) seen.push_back(line);
            REQUIRE(seen[number - 1] == line);
          }
        }
      }
    }
    for (int i = 0; i < 40; ++i) {
      Block block;
      follower->clock.at = follower->clock.at + seconds(1);
      if (follower->source->poll(block, {}).value() != Polled::block) continue;
      std::string_view text = block.bytes.view();
      for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
        const std::string line(text.substr(0, text.find('\n')));
        text.remove_prefix(line.size() + 1);
        if (number > seen.size()) seen.push_back(line);
      }
      follower->next = block.next_offset;
    }
    CHECK(seen == lines);

    // The oldest files are removed: what is left comes again, from its first line on, with the numbers that it had.
    int gone = 0;
    for (; gone < files && random() % 3 != 0; ++gone) fs::remove(folder / ("log-" + std::to_string(1000 + gone + 1)));
    Follower again(folder / "log", stored.next_offset != 0 && random() % 2 == 0 ? stored : follower->progress(),
                   Again{});
    const std::string read = again.read();
    std::size_t left = 0;
    for (int i = gone; i <= files; ++i) {
      std::ifstream in(i < files ? folder / ("log-" + std::to_string(1000 + i + 1)) : folder / "log");
      for (std::string line; std::getline(in, line);) ++left;
    }
    std::string expected;
    for (std::size_t i = lines.size() - std::min(left, lines.size()); i < lines.size(); ++i)
      expected += std::to_string(i + 1) + ":" + lines[i] + " ";
    CHECK(read == expected);
  }
}

// Epochs are stored at any block; restarts go on there, and writers have written on.
TEST_CASE("follow: files that are written side by side have each line once, under one number, whatever restarts") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const Folder folder;
    std::multiset<std::string> written;
    std::vector<std::string> seen;
    std::vector<std::string> begun(6);
    std::vector<std::uint64_t> ends{1};  // of blocks
    std::uint64_t asked = 1, read_by_then = 1;
    Progress stored;
    auto follower = std::make_unique<Follower>(folder / ".");
    const auto see = [&](const Block& block) {
      std::string_view text = block.bytes.view();
      for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
        const std::string line(text.substr(0, text.find('\n')));
        text.remove_prefix(line.size() + 1);
        REQUIRE(number <= seen.size() + 1);  // no gap
        if (number > seen.size()) seen.push_back(line);
        REQUIRE(seen[number - 1] == line);
      }
      follower->next = block.next_offset;
      ends.push_back(block.next_offset);
    };
    const auto file_of = [](std::size_t i) { return "f" + std::to_string((i * 5) % 6); };
    int lines = 0, rotations = 0;
    for (int step = 0; step < 300; ++step) {
      const std::size_t i = random() % begun.size();
      switch (random() % 9) {
        case 0: {  // an epoch up to some block before
          const std::uint64_t at = ends[ends.size() - 1 - random() % std::min<std::size_t>(ends.size(), 6)];
          if (at < asked) break;
          asked = at;
          const std::uint64_t next = std::exchange(follower->next, at);
          Progress progress = follower->progress();
          follower->next = next;
          if (random() % 4 == 0) break;  // it could not be stored
          stored = std::move(progress);
          read_by_then = std::max(read_by_then, ends.back());
          follower->source->stored({&stored, 1});
          break;
        }
        case 1:
          if (stored.next_offset == 0) break;
          seen.resize(std::min<std::size_t>(seen.size(), read_by_then - 1));  // no epoch knows of what came behind
          follower = std::make_unique<Follower>(folder / ".", stored);
          REQUIRE(follower->started);
          follower->clock.ahead = {};
          ends = {asked = stored.next_offset};
          break;
        case 2:
          if (random() % 4 != 0 || !begun[i].empty() || !fs::exists(folder / file_of(i))) break;
          folder.rename(file_of(i), file_of(i) + "-" + std::to_string(1000 + ++rotations));
          break;
        case 3:
        case 4:
        case 5: {
          std::string text = std::to_string(++lines) + std::string(random() % 300, 'x');
          const bool is_whole = random() % 3 != 0;
          begun[i] += text;
          if (is_whole) {
            text += "\n";
            written.insert(std::exchange(begun[i], {}));
          }
          folder.append(file_of(i), text);
          break;
        }
        default: {
          Block block;
          follower->clock.ahead = {};
          follower->clock.at = follower->clock.at + milliseconds(400);
          const auto polled = follower->source->poll(block, {});
          REQUIRE(polled);
          if (*polled == Polled::block) see(block);
        }
      }
    }
    for (std::size_t i = 0; i < begun.size(); ++i)
      if (!begun[i].empty()) {
        folder.append(file_of(i), "\n");
        written.insert(std::exchange(begun[i], {}));
      }
    for (int silent = 0; silent < 12; ++silent) {
      Block block;
      follower->clock.at = follower->clock.at + milliseconds(400);
      const auto polled = follower->source->poll(block, {});
      REQUIRE(polled);
      if (*polled != Polled::block) continue;
      silent = 0;
      see(block);
    }
    CHECK(std::multiset<std::string>(seen.begin(), seen.end()) == written);
  }
}

TEST_CASE("follow: what is there still comes again from its oldest line on, packed or with columns, too") {
  const Folder folder;
  folder.append("log.1", "a,b\n1,2\n3,4");  // its last line is finished by nobody
  Progress at;
  {
    Follower follower(folder / "log*", {0, 0}, true);
    CHECK(follower.read() == "1:a,b 2:1,2 ");
    folder.append("log", "a,b\n5,6\n");
    CHECK(follower.read() == "3:3,4 5:5,6 ");
    at = follower.progress();
  }
  std::error_code none;
  fs::remove(folder / "log.1", none);
  folder.append("log.1.zst", packed("a,b\n1,2\n3,4"));
  folder.append("log", "7,8\n");
  {
    Follower again(folder / "log*", at, Again{}, true);
    CHECK(again.read() == "1:a,b 2:1,2 3:3,4 5:5,6 6:7,8 ");
  }
  // A file that had been moved away before the first start was never read.
  folder.append("log.2.zst", packed("a,b\n9,9\n"));
  {
    Follower again(folder / "log*", at, Again{}, true);
    CHECK(again.read() == "1:a,b 2:1,2 3:3,4 5:5,6 6:7,8 ");
  }
  // The numbers are those that it had, also where what stood before them has gone.
  fs::remove(folder / "log.1.zst", none);
  fs::remove(folder / "log.2.zst", none);
  Follower again(folder / "log*", at, Again{}, true);
  CHECK(again.read() == "4:a,b 5:5,6 6:7,8 ");
}

TEST_CASE("follow: who counts the lines that are there still can be told to leave it") {
  const Folder folder;
  folder.append("log", "one\ntwo\n");
  Follower follower(folder / "log");
  follower.read();
  const Progress at = follower.progress();
  AheadClock clock;
  const auto source = open_file_source({.path = folder / "log", .follow = true}, SourceId(0), {}, &clock).value();
  const std::atomic<bool> given_up{true};
  CHECK_FALSE(source->start_at_oldest({&at, 1}, given_up));
  const auto pipe = open_file_source({.path = "-"}, SourceId(0), {}).value();
  CHECK_FALSE(pipe->can_go_back());
}

TEST_CASE("follow: where rotation counts upwards, or writes dates that do not sort, a stop loses nothing") {
  for (const bool is_pattern : {false, true})
    for (const bool is_date : {false, true}) {
      if (is_pattern && is_date) continue;  // there all of them have names of their own
      CAPTURE(is_pattern);
      CAPTURE(is_date);
      const Folder folder;
      const std::string path = folder / (is_pattern ? "log*" : "log");
      const auto rotate = [&](int number) {
        const std::string to =
            is_date ? "log-" + std::to_string(29 + number) + "112026" : "log." + std::to_string(number);
        folder.rename("log", is_date && number > 1 ? "log-0" + std::to_string(number - 1) + "122026" : to);
      };
      const auto append = [&](const std::string& line, int minute) {
        folder.append("log", line + "\n");
        fs::last_write_time(folder / "log",
                            fs::file_time_type::clock::now() - std::chrono::hours(1) + std::chrono::minutes(minute));
      };
      append("one", 1);
      Progress stored = read_and_left(path, "1:one ");
      rotate(1);
      append("two", 2);
      rotate(2);
      append("three", 3);
      rotate(3);
      append("four", 4);
      {
        Follower follower(path, stored);
        REQUIRE(follower.started);
        CHECK(follower.read() == "2:two 3:three 4:four ");
        CHECK(follower.told.empty());
        stored = follower.progress();
      }
      rotate(4);
      append("five", 5);
      Follower follower(path, stored);
      REQUIRE(follower.started);
      CHECK(follower.read() == "5:five ");
      rotate(5);
      append("six", 6);
      CHECK(follower.read() == "6:six ");
      CHECK(follower.told.empty());
      // By their names they come in another order than they were read.
      const Progress at = follower.progress();
      AheadClock clock;
      const auto source = open_file_source({.path = path, .follow = true}, SourceId(0), {}, &clock).value();
      const std::atomic<bool> given_up{false};
      CHECK_FALSE(source->start_at_oldest({&at, 1}, given_up));
    }
}

TEST_CASE("follow: what was rotated before the first start is not read, whatever it is called later") {
  const Folder folder;
  folder.append("log.1", "old\n");
  folder.append("log", "one\n");
  Progress stored;
  {
    Follower follower(folder / "log");
    CHECK(follower.read() == "1:one ");
    folder.append("log", "two\n");
    CHECK(follower.read() == "2:two ");
    stored = follower.progress();
  }
  SUBCASE("upwards") {
    folder.rename("log", "log.2");
    folder.append("log", "three\n");
  }
  SUBCASE("downwards") {
    folder.rename("log.1", "log.2");
    folder.rename("log", "log.1");
    folder.append("log", "three\n");
  }
  Follower follower(folder / "log", stored);
  REQUIRE(follower.started);
  CHECK(follower.read() == "3:three ");
  CHECK(follower.told.empty());
}

TEST_CASE("follow: a rotated file of which neither name nor times say whether it was read is told, once") {
  const Folder folder;
  folder.append("log", "one\n");
  Progress stored = read_and_left(folder / "log", "1:one ");
  folder.rename("log", "log.1");
  folder.append("log.2", "two\n");
  folder.append("log", "three\n");
  const auto now = fs::file_time_type::clock::now();
  for (const char* name : {"log.1", "log.2"}) fs::last_write_time(folder / name, now);
  Follower follower(folder / "log", stored);
  REQUIRE(follower.started);
  CHECK(follower.read() == "2:three ");
  REQUIRE(follower.told.size() == 1);
  CHECK(follower.told.front().find("log.2 is not read: by its name it is what rotation has made") != std::string::npos);
  folder.append("log", "four\n");
  CHECK(follower.read() == "3:four ");
  Follower again(folder / "log", follower.progress());
  CHECK(again.read().empty());
  CHECK(follower.told.size() == 1);
  CHECK(again.told.empty());
}

TEST_CASE("follow: files that were moved away under names that no rotation gives are told") {
  const Folder folder;
  const auto append = [&](const std::string& line, int minute) {
    folder.append("app.log", line + "\n");
    fs::last_write_time(folder / "app.log",
                        fs::file_time_type::clock::now() - std::chrono::hours(1) + std::chrono::minutes(minute));
  };
  append("one", 1);
  Progress stored = read_and_left(folder / "app.log", "1:one ");
  folder.rename("app.log", "app-1.log");
  append("two", 2);
  folder.rename("app.log", "app-2.log");
  append("three", 3);
  Follower follower(folder / "app.log", stored);
  REQUIRE(follower.started);
  CHECK(follower.read() == "2:three ");
  REQUIRE(follower.told.size() == 1);
  CAPTURE(follower.told.front());
  CHECK(follower.told.front().find("app-1.log, which is no name that is known as one that rotation gives; newer than "
                                   "that, and not read: app-2.log. ") != std::string::npos);
}

TEST_CASE("follow: a packed copy of what was read is not read again, wherever its name stands; a new one is") {
  for (const std::string size : {"large", "small"}) {
    CAPTURE(size);
    const auto text = [&](const std::string& word) { return size == "large" ? many(word) : word + "\n"; };
    const Folder folder;
    folder.append("a.log", text("a"));
    folder.append("x.log", text("x"));
    Follower follower(folder / ".");
    follower.read();
    folder.append("a.log", "in hand\n");  // so that x stands behind it
    folder.append("y.log", text("y"));
    follower.read();
    folder.append("a.log", "in hand again\n");
    CHECK(follower.read().find(":in hand again ") != std::string::npos);
    folder.append("x.log.1.zst", packed(text("x")));
    folder.append("y.log.1.gz", packed_by_gzip(text("y")));
    CHECK(follower.read().empty());
    CHECK(follower.told.empty());
    // It is being written.
    const std::string whole = packed(text("new"));
    follower.clock.ahead = {};
    folder.append("z.log.zst", whole.substr(0, whole.size() / 2));
    CHECK(follower.read().empty());
    CHECK(follower.told.empty());
    folder.append("z.log.zst", whole.substr(whole.size() / 2));
    follower.clock.ahead = hours(1);
    CHECK(follower.read().find("new") != std::string::npos);
    folder.append("z.log.2.gz", packed_by_gzip("never read, of another length\n"));
    CHECK(follower.read().empty());
    REQUIRE(follower.told.size() == 1);
    CHECK(follower.told.front().find("is packed by gzip") != std::string::npos);
    folder.append("a.log", "last\n");
    CHECK(follower.read().find(":last ") != std::string::npos);
  }
}

TEST_CASE("follow: what was written before a file was packed, or copied and cut, and not read, is read in the copy") {
  for (const bool is_cut : {false, true}) {
    CAPTURE(is_cut);
    const Folder folder;
    folder.append("a.log", many("a"));
    folder.append("b.log", "b\n");
    Progress stored;
    {
      Follower follower(folder / ".");
      follower.read();
      stored = follower.progress();
    }
    folder.append("a.log", "unread\n");
    if (is_cut) {
      fs::copy(folder / "a.log", folder / "a.log.1");
      fs::resize_file(folder / "a.log", 0);
      folder.append("a.log", "new\n");
    } else {
      folder.append("a.log.1.zst", packed(many("a") + "unread\n"));
      fs::remove(folder / "a.log");
      folder.append("a.log", "new\n");
    }
    Follower follower(folder / ".", stored);
    REQUIRE(follower.started);
    CHECK(follower.read() == "302:unread 303:new ");
  }
}

TEST_CASE("follow: a folder that has files packed by gzip is read without them, and that is told") {
  const Folder folder;
  folder.append("app.log.1.gz", packed_by_gzip("old\n"));
  folder.append("app.log", "one\n");
  folder.append("b.log.1.gz", packed_by_gzip("old\n"));
  Follower follower(folder / ".");
  CHECK(follower.read() == "1:one ");
  CHECK(follower.told.size() == 2);
  Follower again(folder / ".", follower.progress());
  REQUIRE(again.started);
  CHECK(again.read().empty());
}
