// If one of these fails, alerts on standard output are lost, torn, or a slow reader stops the engine.
#include "adapters/console/sink.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

using namespace tocsin;

namespace {

struct Pipe {
  Pipe() {
    REQUIRE(::pipe(ends) == 0);
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    ::fcntl(ends[1], F_SETPIPE_SZ, 4096);
  }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  std::string read() {
    std::string out(std::size_t{1} << 16, '\0');
    const ssize_t got = ::read(ends[0], out.data(), out.size());
    out.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
    return out;
  }
  int ends[2];
};

Written write(Sink& sink, std::uint64_t epoch, const std::string& text) {
  const Message message{"id", "", text, {}};
  return sink.write(Epoch{epoch}, {&message, 1}).value();
}

}  // namespace

TEST_CASE("console: a line for each message; an epoch is delivered when all of it has left") {
  Pipe pipe;
  const auto sink = console_sink(pipe.ends[1]);
  REQUIRE(sink->open(std::nullopt, Epoch{4}));
  CHECK(sink->delivered() == Epoch{4});
  CHECK(write(*sink, 5, "a") == Written::all);
  REQUIRE(sink->finish(Epoch{5}));
  CHECK(sink->delivered() == Epoch{5});
  CHECK(pipe.read() == "a\n");
}

TEST_CASE("console: a reader that does not keep up is waited for, without blocking and within bounds") {
  Pipe pipe;
  const auto sink = console_sink(pipe.ends[1]);
  REQUIRE(sink->open(std::nullopt, Epoch{}));
  std::string expected;
  std::uint64_t epoch = 0;
  for (Written written = Written::all; written == Written::all;) {
    const std::string line = std::to_string(epoch + 1) + std::string(20'000, 'x');
    written = write(*sink, epoch + 1, line);
    if (written == Written::all) {
      expected += line + "\n";
      REQUIRE(sink->finish(Epoch{++epoch}));
    }
    REQUIRE(epoch < 100);
  }
  CHECK(sink->delivered() == Epoch{0});
  CHECK_FALSE(sink->trouble().empty());
  CHECK_FALSE(sink->drain({}).value());
  std::string got;
  while (!sink->drain({}).value()) got += pipe.read();
  got += pipe.read();
  CHECK(got == expected);
  CHECK(sink->delivered() == Epoch{epoch});
  CHECK(sink->trouble().empty());
}

TEST_CASE("console: a reader that has gone is final") {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Pipe pipe;
  const auto sink = console_sink(pipe.ends[1]);
  REQUIRE(sink->open(std::nullopt, Epoch{}));
  ::close(std::exchange(pipe.ends[0], -1));
  const Message message{"id", "", "a", {}};
  const auto written = sink->write(Epoch{1}, {&message, 1});
  REQUIRE_FALSE(written);
  CHECK(written.error().message == "cannot write to standard output: Broken pipe");
  std::signal(SIGPIPE, before);
}
