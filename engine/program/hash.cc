#include "engine/program/hash.h"

#include <fmt/format.h>
#include <xxhash.h>

namespace tocsin {

// XXH64 with seed 0: its values are fixed by its specification, unlike those of std::hash.
std::uint64_t hash_of(std::string_view text) { return XXH64(text.data(), text.size(), 0); }

std::string rule_version(std::uint64_t shape, std::uint64_t dials) {
  const std::uint64_t both[] = {shape, dials};
  return fmt::format("{:08x}", XXH64(both, sizeof both, 0) >> 32);
}

}  // namespace tocsin
