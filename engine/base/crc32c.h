// CRC32C (Castagnoli; RFC 3720, appendix B.4): the checksum of everything durable, so its values are for ever.
#pragma once

#include <cstdint>
#include <string_view>

namespace tocsin {

// Of `bytes` behind those whose checksum is `before`: crc32c(ab) == crc32c(b, crc32c(a)). By the processor's
// instruction where it has one (x86-64 with SSE 4.2), else by table.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);

// The same by table, on any machine.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before = 0);

}  // namespace tocsin
