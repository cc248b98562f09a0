// If one of these fails, lines of a file are lost, doubled or numbered wrongly.
#include "adapters/file/source.h"

#include <doctest/doctest.h>
#include <pthread.h>
#include <unistd.h>
#include <zstd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <vector>

using namespace tocsin;

namespace {

// A file that goes away with the test.
class TempFile {
 public:
  explicit TempFile(std::string_view content)
      : path_((std::filesystem::temp_directory_path() /
               ("tocsin_source_" + std::to_string(::getpid()) + "_" + std::to_string(++made_)))
                  .string()) {
    std::ofstream(path_, std::ios::binary) << content;
  }
  ~TempFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  static inline int made_ = 0;
  std::string path_;
};

struct Read {
  std::vector<std::pair<std::uint64_t, std::string>> lines;  // number, text
  std::vector<std::uint64_t> cut;
  std::string error;
  bool ended = false, gapless = true;  // each block begins where the one before said that it ends
};

Read read(FileSourceConfig config, std::uint64_t from = 0) {
  Read result;
  auto source = open_file_source(config, SourceId(0), Time{});
  if (!source) {
    result.error = source.error().message;
    return result;
  }
  const Progress progress{0, from};
  REQUIRE((*source)->start(from == 0 ? std::span<const Progress>{} : std::span(&progress, 1)).has_value());
  Block block;
  std::uint64_t next = 0;
  for (;;) {
    block.clear();
    const auto polled = (*source)->poll(block, seconds(1));
    if (!polled) {
      result.error = polled.error().message;
      return result;
    }
    if (*polled == Polled::finished) break;
    if (*polled == Polled::nothing) continue;
    result.ended = result.ended || block.ends;
    result.gapless = result.gapless && (next == 0 || block.first_offset == next);
    next = block.next_offset;
    if (block.cut) {
      result.cut.push_back(block.first_offset);
      continue;
    }
    std::string_view text = block.bytes.view();
    for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      if (end < text.size() || block.ends) result.lines.emplace_back(number, text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  }
  return result;
}

std::string pack(const std::string& text) {
  std::string packed(ZSTD_compressBound(text.size()), '\0');
  packed.resize(ZSTD_compress(packed.data(), packed.size(), text.data(), text.size(), 3));
  return packed;
}

}  // namespace

TEST_CASE("file source: every line once, with its number, whatever the block size; the last may lack its line break") {
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    std::string content;
    std::vector<std::pair<std::uint64_t, std::string>> expected;
    const std::uint64_t count = random() % 60;
    for (std::uint64_t i = 1; i <= count; ++i) {
      expected.emplace_back(i, std::string(random() % 300, static_cast<char>('a' + i % 26)));
      content += expected.back().second + "\n";
    }
    if (round % 2 == 0) {
      content += "the end";
      expected.emplace_back(count + 1, "the end");
    }
    for (const bool packed : {false, true}) {
      const TempFile file(packed ? pack(content) : content);
      const Read result = read({.path = file.path(), .block = 1 + random() % 500});
      CHECK(result.error.empty());
      CHECK(result.lines == expected);
      CHECK(result.ended);
      CHECK(result.gapless);
    }
  }
}

TEST_CASE("file source: several zstd frames are one file; a torn one is an error that says so") {
  const std::string packed = pack("one\n") + pack("two\nthree\n");
  const TempFile whole(packed), torn(packed.substr(0, packed.size() - 5));
  CHECK(read({.path = whole.path()}).lines.size() == 3);
  CHECK(read({.path = torn.path()}).error.find("ends in the middle of a zstd frame") != std::string::npos);
}

TEST_CASE("file source: what gzip has packed is no text, and is told so") {
  const TempFile file("\x1F\x8B\x08 packed\n");
  CHECK(read({.path = file.path()}).error.find("is packed by gzip") != std::string::npos);
}

TEST_CASE("file source: a line beyond the limit is given cut, once, and the next line keeps its number") {
  const TempFile file("first\n" + std::string(5000, 'x') + "\nthird\n" + std::string(3000, 'y'));
  const Read result = read({.path = file.path(), .block = 64, .line_max = 1000});
  CHECK(result.cut == std::vector<std::uint64_t>{2, 4});
  CHECK(result.gapless);
  CHECK(result.lines == std::vector<std::pair<std::uint64_t, std::string>>{{1, "first"}, {3, "third"}});
}

TEST_CASE("file source: a first line that names the columns and is too long is refused, not the second taken for it") {
  const TempFile file(std::string(5000, 'x') + "\nann,1\n");
  const Read result = read({.path = file.path(), .block = 64, .line_max = 1000, .header = true});
  CHECK(result.error == file.path() + ": its first line, which names the columns, is longer than 1000 bytes");
  CHECK(result.lines.empty());
}

TEST_CASE("file source: the bookmark of the oldest place names its file, however many places were remembered") {
  std::string content;
  for (int i = 0; i < 9'000; ++i) content += "line\n";
  const TempFile file(content);
  auto source = open_file_source({.path = file.path(), .block = 5}, SourceId(0), Time{});
  REQUIRE(source.has_value());
  REQUIRE((*source)->start({}).has_value());
  const std::string first = (*source)->bookmark(0, 1);
  CHECK(first.ends_with(std::filesystem::path(file.path()).filename().string()));
  std::uint64_t blocks = 0;
  for (Block block; (*source)->poll(block, {}).value_or(Polled::finished) != Polled::finished; block.clear()) ++blocks;
  CHECK(blocks > 8'192);  // more than twice what is remembered
  CHECK((*source)->bookmark(0, 1) == first);
}

TEST_CASE("file source: goes on after a stored position") {
  const TempFile file("one\ntwo\nthree\nfour\n");
  CHECK(read({.path = file.path(), .block = 5}, 3).lines ==
        std::vector<std::pair<std::uint64_t, std::string>>{{3, "three"}, {4, "four"}});
}

namespace {

// Both ends of a pipe; the source reads the one, the test writes to the other.
class Pipe {
 public:
  Pipe() {
    REQUIRE(::pipe(ends_) == 0);
    FileSourceConfig config;
    config.path = "/dev/fd/" + std::to_string(ends_[0]);
    auto opened = open_file_source(config, SourceId(0), Time{});
    REQUIRE(opened.has_value());
    source_ = std::move(*opened);
  }
  ~Pipe() {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  void write(std::string_view text) {
    REQUIRE(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  }
  Polled poll(Block& block, Duration wait) {
    const auto polled = source_->poll(block, wait);
    REQUIRE(polled.has_value());
    return *polled;
  }

 private:
  int ends_[2];
  std::unique_ptr<Source> source_;
};

}  // namespace

TEST_CASE("file source: a pipe that begins slowly keeps nobody waiting, and its first bytes come with the next") {
  Pipe pipe;
  Block block;
  CHECK(pipe.poll(block, Duration{1000}) == Polled::nothing);
  pipe.write("a\n");  // fewer bytes than a packed file begins with
  CHECK(pipe.poll(block, Duration{1000}) == Polled::block);
  CHECK(block.bytes.view() == "a\n");
  Pipe packed;
  packed.write("\x28\xB5");
  block.clear();
  CHECK(packed.poll(block, Duration{1000}) == Polled::nothing);  // zstd, or two strange bytes of text?
  packed.write("x\n");
  CHECK(packed.poll(block, Duration{1000}) == Polled::block);
  CHECK(block.bytes.view() == "\x28\xB5x\n");
}

TEST_CASE("file source: a signal ends the waiting, as Ctrl-C wants to be heard") {
  using Clock = std::chrono::steady_clock;
  struct sigaction quiet{}, before{};
  quiet.sa_handler = [](int) {};
  REQUIRE(::sigaction(SIGUSR1, &quiet, &before) == 0);
  Pipe pipe;
  const pthread_t waiting = ::pthread_self();
  std::atomic<bool> answered = false;
  std::thread other([&] {
    const auto begin = Clock::now();
    while (!answered && Clock::now() - begin < std::chrono::seconds(30)) {
      ::pthread_kill(waiting, SIGUSR1);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    pipe.write("late\n");  // so that who reads all the same fails and does not hang
  });
  Block block;
  const Polled polled = pipe.poll(block, seconds(60));
  answered = true;
  other.join();
  CHECK(polled == Polled::nothing);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE("file source: what cannot be read says why") {
  CHECK(read({.path = "/nowhere/at/all"}).error.find("cannot open /nowhere/at/all: No such file") == 0);
  CHECK(read({.path = "/nowhere/at/*"}).error.find("cannot list /nowhere/at: No such file") == 0);
  const TempFile empty("");
  CHECK(read({.path = empty.path()}).ended);
}
