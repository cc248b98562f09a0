// If one of these fails, a stop loses what waited in event time.
#include "app/daemon/unjudged.h"

#include <doctest/doctest.h>

#include <fstream>

#include "adapters/file/disk.h"
#include "app/testing.h"

namespace tocsin::app {
namespace {

Block block_of(std::uint64_t first, std::uint64_t next, const std::string& text) {
  Block out;
  out.partition = 2;
  out.first_offset = first;
  out.next_offset = next;
  out.arrived = Time{77};
  out.bytes.append(text);
  return out;
}

}  // namespace

TEST_CASE("unjudged: blocks come back as they were, by source; of nothing there is no file") {
  const Folder folder;
  const auto disk = open_disk(folder.path()).value();
  CHECK(read_unjudged(*disk).value().empty());
  std::vector<KeptBlocks> all(2);
  all[0].source = "a";
  all[0].blocks.push_back(block_of(1, 3, "x\ny\n"));
  all[0].blocks.push_back(block_of(3, 4, std::string(3'000'000, 'z') + "\n"));
  all[0].blocks.back().cut = true;
  all[1].source = "b";
  all[1].blocks.push_back(block_of(9, 10, "w"));
  all[1].blocks.back().records.push_back({0, 1, 9, Time{5}});
  REQUIRE(keep_unjudged(*disk, all));
  const auto back = read_unjudged(*disk).value();
  REQUIRE(back.size() == 2);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK(back[i].source == all[i].source);
    REQUIRE(back[i].blocks.size() == all[i].blocks.size());
    for (std::size_t n = 0; n < all[i].blocks.size(); ++n) {
      const Block &is = back[i].blocks[n], &was = all[i].blocks[n];
      CHECK(is.partition == was.partition);
      CHECK(is.first_offset == was.first_offset);
      CHECK(is.next_offset == was.next_offset);
      CHECK(is.arrived == was.arrived);
      CHECK(is.cut == was.cut);
      CHECK(is.bytes.view() == was.bytes.view());
      REQUIRE(is.records.size() == was.records.size());
    }
  }
  CHECK(back[1].blocks[0].records[0].offset == 9);
  CHECK(back[1].blocks[0].records[0].time == Time{5});
  REQUIRE(keep_unjudged(*disk, std::vector<KeptBlocks>(1)));
  CHECK(read_unjudged(*disk).value().empty());
  CHECK_FALSE(std::filesystem::exists(folder.path() + "/unjudged"));
}

TEST_CASE("unjudged: a file that is damaged anywhere is refused, never read wrong") {
  const Folder folder;
  const auto disk = open_disk(folder.path()).value();
  std::vector<KeptBlocks> all(1);
  all[0].source = "a";
  all[0].blocks.push_back(block_of(1, 3, "x\ny\n"));
  REQUIRE(keep_unjudged(*disk, all));
  const std::string whole = Folder::read(folder.path() + "/unjudged");
  const auto is_refused = [&](const std::string& bytes) {
    std::ofstream(folder.path() + "/unjudged", std::ios::binary) << bytes;
    const auto read = read_unjudged(*disk);
    return !read && read.error().code == Error::Code::malformed;
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string flipped = whole;
    flipped[i] = static_cast<char>(flipped[i] ^ 1);
    CAPTURE(i);
    CHECK(is_refused(flipped));
    // Cut behind a whole piece it is a shorter file.
    if (i != std::string_view("tocsin unjudged 1\n").size()) CHECK(is_refused(whole.substr(0, i)));
  }
}

}  // namespace tocsin::app
