// If one of these fails, other rules lose what standard input or a socket gave before them.
#include "app/daemon/rewind.h"

#include <doctest/doctest.h>

#include "adapters/memory/source.h"

namespace tocsin::app {
namespace {

struct Rewound {
  explicit Rewound(std::uint32_t partitions = 1) {
    auto memory = std::make_unique<MemorySource>(SourceId(0), partitions);
    source = memory.get();
    rewind = std::make_unique<Rewind>(std::move(memory));
    REQUIRE(rewind->start({}));
  }
  // All that comes now, block by block.
  std::string read() const {
    std::string out;
    for (Block block;; block.clear()) {
      const Result<Polled> polled = rewind->poll(block, {});
      REQUIRE(polled);
      if (*polled != Polled::block) return out;
      out += std::to_string(block.first_offset) + ":" + std::string(block.bytes.view());
    }
  }
  MemorySource* source;
  std::unique_ptr<Rewind> rewind;
};

}  // namespace

TEST_CASE("rewind: what is not stored comes again, from the block on that holds the position, then what is new") {
  const Rewound r;
  r.source->push(0, "a\nb\n");
  r.source->push(0, "c\nd\n");
  r.source->push(0, "e\n");
  CHECK(r.read() == "1:a\nb\n3:c\nd\n5:e\n");
  const Progress first[] = {{0, 3, {}}};
  r.rewind->stored(first);
  const Progress middle[] = {{0, 4, {}}};
  REQUIRE(r.rewind->start(middle));
  r.source->push(0, "f\n");
  CHECK(r.read() == "4:d\n5:e\n6:f\n");  // who began within a block sees no line before that
  const Progress all[] = {{0, 7, {}}};
  REQUIRE(r.rewind->start(all));
  CHECK(r.read().empty());
}

TEST_CASE("rewind: begun again in the middle of what comes again, all of it comes once more") {
  const Rewound r;
  for (const char* text : {"a\n", "b\n", "c\n"}) r.source->push(0, text);
  r.read();
  const Progress from[] = {{0, 1, {}}};
  REQUIRE(r.rewind->start(from));
  Block block;
  REQUIRE(r.rewind->poll(block, {}) == Polled::block);
  REQUIRE(r.rewind->start(from));
  CHECK(r.read() == "1:a\n2:b\n3:c\n");
}

TEST_CASE("rewind: the end of a partition comes again, too") {
  const Rewound r;
  r.source->push(0, "a\n");
  r.source->end(0);
  r.read();
  const Progress all[] = {{0, 2, {}}};
  REQUIRE(r.rewind->start(all));
  Block block;
  REQUIRE(r.rewind->poll(block, {}) == Polled::block);
  CHECK(block.ends);
}

TEST_CASE("rewind: what was paused by whoever read it before is read on") {
  const Rewound r(2);
  r.rewind->pause(1);
  r.source->push(1, "a\n");
  CHECK(r.read().empty());
  REQUIRE(r.rewind->start({}));
  CHECK(r.read() == "1:a\n");
}

TEST_CASE("rewind: what was kept at a stop comes first, and what a crash lost behind it is passed over") {
  std::vector<Block> kept(1);
  {
    const Rewound before;
    before.source->push(0, "a\nb\n");
    before.source->push(0, "c\n");
    before.source->end(0);
    before.read();
    const Progress safe[] = {{0, 2, {}}};
    before.rewind->stored(safe);
    kept = before.rewind->kept();
  }
  REQUIRE(kept.size() == 2);
  auto memory = std::make_unique<MemorySource>(SourceId(0));
  memory->push(0, "1\n2\n3\n4\n5\n");  // offsets up to 5 have been read, of the lines before
  memory->push(0, "new\n");
  Rewind rewind(std::move(memory));
  rewind.give_first(std::move(kept));
  CHECK(rewind.gives(0, 2));
  CHECK_FALSE(rewind.gives(0, 4));
  rewind.had_read_to({6});
  const Progress from[] = {{0, 2, {}}};
  REQUIRE(rewind.start(from));
  std::string out;
  for (Block block; rewind.poll(block, {}) == Polled::block; block.clear())
    out += std::to_string(block.first_offset) + "-" + std::to_string(block.next_offset) + ":" +
           std::string(block.bytes.view()) + ";";
  CHECK(out == "2-3:b\n;3-4:c\n;4-6:;6-7:new\n;");
}

TEST_CASE("rewind: what was kept behind a state that was put back is not given") {
  std::vector<Block> kept(1);
  kept.front().first_offset = 5;
  kept.front().next_offset = 7;
  kept.front().bytes.append("x\ny\n");
  auto memory = std::make_unique<MemorySource>(SourceId(0));
  memory->push(0, "1\n2\nnew\n");
  Rewind rewind(std::move(memory));
  rewind.give_first(std::move(kept));
  rewind.had_read_to({3});
  const Progress from[] = {{0, 3, {}}};
  REQUIRE(rewind.start(from));
  Block block;
  REQUIRE(rewind.poll(block, {}) == Polled::block);
  CHECK(block.bytes.view() == "new\n");
}

}  // namespace tocsin::app
