// If one of these fails, a run without an end fills memory with what it has long judged, or goes on from the wrong
// place after a crash.
#include "engine/runtime/board.h"

#include <doctest/doctest.h>

using namespace tocsin;

namespace {

Time at(std::int64_t s) { return Time{seconds(s).us}; }

// A board with partitions that each carry one record in a block.
class Partitions {
 public:
  explicit Partitions(std::size_t partitions) : next_(partitions, 1) {
    for (std::size_t i = 0; i < partitions; ++i) {
      board.add_partition(SourceId{0}, {}, {}, {});
      clocks_.emplace_back(Lateness{});
    }
  }
  // One event of the partition: late, if the stream has gone on without it.
  void come(std::size_t partition, Time time) {
    const Time stream = board.spoke(partition);
    PartitionClock& clock = clocks_[partition];
    Came came;
    came.first_offset = next_[partition]++;
    came.next_offset = next_[partition];
    if (clock.observe(time, stream)) {
      came.late.push_back({came.first_offset, std::max(clock.watermark(), stream)});
    } else {
      came.first = came.last = time;
    }
    board.came(partition, clock, came);
    News news;
    board.look(news);
  }

  Board board;

 private:
  std::vector<PartitionClock> clocks_;
  std::vector<std::uint64_t> next_;
};

}  // namespace

TEST_CASE("nobody cuts: nothing is noted") {
  Partitions stream(1);
  for (int i = 0; i < 1'000; ++i) stream.come(0, at(i % 10));
  CHECK(stream.board.noted() == 0);
}

TEST_CASE(
    "where all is in the order of offsets, how far time has come is said with the offset up to which that holds") {
  Partitions stream(1);
  News news;
  for (std::uint64_t came = 1; came <= 3; ++came) {
    stream.come(0, at(5));
    stream.board.look(news);
    CHECK(news.frontier == Frontier{at(5) + Duration{1}, at(5)});
    CHECK(news.before_offset == came + 1);
    News behind;
    stream.board.look_behind({news.frontier, came, 0}, behind);
    CHECK(behind.before_offset == came);
  }
  Partitions several(2);
  several.come(0, at(5));
  News of_several;
  several.board.look(of_several);
  CHECK_FALSE(of_several.before_offset);
}

TEST_CASE("what has been judged is noted no more, cut or not") {
  Partitions stream(2);
  stream.board.track();
  std::size_t most = 0;
  for (int i = 0; i < 20'000; ++i) {
    stream.come(0, at(i));
    stream.come(1, at(i));
    stream.come(0, at(i - 5));  // late
    most = std::max(most, stream.board.noted());
  }
  CHECK(most <= 8);
}

TEST_CASE("a partition far ahead of the other: all of it is noted, and goes when time has come there") {
  Partitions stream(2);
  stream.board.track();
  stream.come(1, at(0));
  for (int i = 0; i < 100; ++i) stream.come(0, at(i));
  for (int i = 0; i < 100; ++i) stream.come(0, at(i - 50));  // late, behind what waits
  CHECK(stream.board.noted() == 1 + 100 + 2 * 100);
  CHECK(stream.board.cut().partitions[0].resume_offset == 1);
  stream.come(1, at(200));
  stream.come(0, at(201));
  stream.come(1, at(202));
  stream.come(0, at(203));
  CHECK(stream.board.noted() <= 4);
  const Cut& cut = stream.board.cut();
  CHECK(cut.partitions[0].late.empty());
  CHECK(cut.partitions[0].resume_offset == 202);  // its last event, which still waits
  CHECK(cut.partitions[0].next_offset == 203);
}

TEST_CASE("a late event that is still to be seen: its block is read again, and those before it are not") {
  Partitions stream(2);
  stream.board.track();
  stream.come(0, at(10));
  stream.come(1, at(20));
  stream.come(1, at(30));
  stream.come(1, at(5));   // late behind 30; the stream stands at 10
  stream.come(0, at(25));  // ... at 25: 20 has been judged, 30 has not
  const Cut& cut = stream.board.cut();
  CHECK(cut.partitions[1].resume_offset == 2);
  REQUIRE(cut.partitions[1].late.size() == 1);
  CHECK(cut.partitions[1].late[0].offset == 3);
  CHECK(cut.partitions[1].late[0].watermark == at(30));
}
