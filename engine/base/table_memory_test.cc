#include "engine/base/table_memory.h"

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <vector>

namespace tocsin {
namespace {

TEST_CASE("blocks of all sizes are apart, begin at a cache line, and hold what is written") {
  std::vector<std::pair<unsigned char*, std::size_t>> blocks;
  for (int round = 0; round < 3; ++round) {
    for (std::size_t size = 1; size < 3 * table_memory::kSharedMost; size += size / 3 + 1) {
      auto* block = static_cast<unsigned char*>(table_memory::allocate(size));
      CHECK(reinterpret_cast<std::uintptr_t>(block) % table_memory::kCacheLine == 0);
      std::memset(block, static_cast<int>(blocks.size() % 251), size);
      blocks.emplace_back(block, size);
    }
    for (std::size_t i = 0; i < blocks.size(); ++i)
      for (const std::size_t at : {std::size_t{0}, blocks[i].second / 2, blocks[i].second - 1})
        CHECK(blocks[i].first[at] == i % 251);
    if (round == 2) break;
    for (const auto& [block, size] : blocks) table_memory::free(block, size);
    blocks.clear();
  }
  for (const auto& [block, size] : blocks) table_memory::free(block, size);
}

struct Many : InTableMemory<Many> {
  virtual ~Many() = default;
  std::uint64_t number = 0;
};
struct Larger : Many {
  std::uint64_t more[100] = {};
};

TEST_CASE("objects of a class in table memory are made and deleted, through their base, too") {
  std::vector<std::unique_ptr<Many>> all;
  for (std::uint64_t i = 0; i < 1'000; ++i) {
    all.push_back(i % 2 == 0 ? std::make_unique<Many>() : std::make_unique<Larger>());
    all.back()->number = i;
    if (i % 3 == 0 && i > 0) all.erase(all.begin());
  }
  for (std::size_t i = 1; i < all.size(); ++i) CHECK(all[i]->number == all[i - 1]->number + 1);
}

}  // namespace
}  // namespace tocsin
