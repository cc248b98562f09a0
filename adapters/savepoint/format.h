// What stands in a savepoint, to the byte (docs/formats.md): a head, then sections one behind the other, each with its
// checksum; the last one says how long the file is and what the checksum of all of it is. Two savepoints of one epoch
// differ in the note alone (when they were made), and in what the end says of all bytes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "engine/base/crc32c.h"
#include "engine/base/little_endian.h"

namespace tocsin::savepoint_format {

// 1 is read, too: there the epochs of outboxes had no gaps.
inline constexpr std::uint32_t kVersion = 2;
inline constexpr std::string_view kMagic = "tocsav\x1A\n";  // a file cut or converted as text shows at once
inline constexpr std::size_t kHeadSize = 16, kSectionHeadSize = 16;
inline constexpr std::size_t kPieceBytes = 1 << 20;  // of manifest, outboxes, rule texts
inline constexpr std::size_t kStateBytes = 64 << 10;

enum class Kind : std::uint32_t { note = 1, manifest = 2, outbox = 3, rules = 4, state = 5, end = 6 };

inline std::string head() {
  std::string bytes(kMagic);
  append_little(bytes, kVersion);
  append_little(bytes, crc32c(bytes));
  return bytes;
}

struct SectionHead {
  std::uint32_t crc = 0, kind = 0, size = 0, number = 0;
};

inline SectionHead section_head(std::string_view bytes) {
  return {read_little<std::uint32_t>(bytes), read_little<std::uint32_t>(bytes, 4), read_little<std::uint32_t>(bytes, 8),
          read_little<std::uint32_t>(bytes, 12)};
}

}  // namespace tocsin::savepoint_format
