#include "engine/state/key_group.h"

#include <vector>

#include "engine/base/arena.h"
#include "engine/base/contract.h"
#include "engine/event/encode.h"
#include "engine/event/write.h"

namespace tocsin {

std::uint32_t murmur2(std::string_view bytes) {
  constexpr std::uint32_t kSeed = 0x9747b28c, kMix = 0x5bd1e995;
  const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<std::uint8_t>(bytes[i])}; };
  std::uint32_t hash = kSeed ^ static_cast<std::uint32_t>(bytes.size());
  const std::size_t whole = bytes.size() / 4 * 4;
  for (std::size_t i = 0; i < whole; i += 4) {
    std::uint32_t word = byte(i) | byte(i + 1) << 8 | byte(i + 2) << 16 | byte(i + 3) << 24;
    word *= kMix;
    word ^= word >> 24;
    word *= kMix;
    hash = hash * kMix ^ word;
  }
  if (bytes.size() > whole) {
    for (std::size_t i = bytes.size(); i-- > whole;) hash ^= byte(i) << (8 * (i - whole));
    hash *= kMix;
  }
  hash ^= hash >> 13;
  hash *= kMix;
  return hash ^ hash >> 15;
}

std::string record_key_of(std::string_view canonical) {
  std::vector<std::string> parts;
  Arena arena;
  while (!canonical.empty()) {
    const auto value = view_value(canonical, arena);
    TOCSIN_ASSERT(value.has_value());
    std::string& part = parts.emplace_back();
    if (!value->is_missing()) append_text(part, *value);
  }
  if (parts.size() == 1) return parts.front();
  std::string out;
  for (const std::string& part : parts) {
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(part.size() >> shift);
    out += part;
  }
  return out;
}

std::uint16_t key_group_of(std::string_view canonical) { return key_group_of_name(record_key_of(canonical)); }

std::uint16_t key_group_of(std::string_view canonical, std::span<const std::uint32_t> parts) {
  std::vector<std::string_view> all;
  Arena arena;
  while (!canonical.empty()) {
    const std::string_view from = canonical;
    const auto value = view_value(canonical, arena);
    TOCSIN_ASSERT(value.has_value());
    all.push_back(from.substr(0, from.size() - canonical.size()));
  }
  std::string picked;
  for (const std::uint32_t part : parts) picked += all[part];
  return key_group_of(picked);
}

std::uint16_t key_group_of_name(std::string_view name) {
  return static_cast<std::uint16_t>((murmur2(name) & 0x7fffffff) % kKeyGroups);
}

}  // namespace tocsin
