// If one of these fails, tests and simulations see other lines than they pushed.
#include "adapters/memory/source.h"

#include <doctest/doctest.h>

using namespace tocsin;

namespace {
std::vector<std::string> read_all(MemorySource& source, Polled expected_last) {
  std::vector<std::string> seen;
  Block block;
  for (;;) {
    block.clear();
    const auto polled = source.poll(block, {});
    REQUIRE(polled.has_value());
    if (*polled != Polled::block) {
      CHECK(*polled == expected_last);
      return seen;
    }
    seen.push_back(std::to_string(block.partition) + ":" + std::to_string(block.first_offset) + ":" +
                   (block.ends ? "end" : std::string(block.bytes.view())));
  }
}
}  // namespace

TEST_CASE("memory source: partitions take turns, lines are numbered, ends are told once") {
  MemorySource source(SourceId(0), 2);
  source.push(0, "a\nb\n");
  source.push(0, "c\n");
  source.push(1, "x\n");
  CHECK(read_all(source, Polled::nothing) == std::vector<std::string>{"0:1:a\nb\n", "1:1:x\n", "0:3:c\n"});
  source.end(0);
  source.end(1);
  CHECK(read_all(source, Polled::finished) == std::vector<std::string>{"1:1:end", "0:1:end"});
}

TEST_CASE("memory source: starts again where it was stored, in the middle of a block too") {
  MemorySource source(SourceId(0));
  source.push(0, "a\nb\nc\n");
  source.push(0, "d\n");
  read_all(source, Polled::nothing);
  const Progress stored{0, 3};
  source.stored(std::span(&stored, 1));
  REQUIRE(source.start(std::span(&stored, 1)).has_value());
  CHECK(read_all(source, Polled::nothing) == std::vector<std::string>{"0:3:c\n", "0:4:d\n"});
}

TEST_CASE("memory source: a paused partition gives nothing") {
  MemorySource source(SourceId(0));
  source.push(0, "a\n");
  source.pause(0);
  CHECK(read_all(source, Polled::nothing).empty());
  source.resume(0);
  CHECK(read_all(source, Polled::nothing).size() == 1);
}
