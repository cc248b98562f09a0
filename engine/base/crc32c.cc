#include "engine/base/crc32c.h"

#include <array>
#include <cstring>

namespace tocsin {
namespace {

constexpr std::uint32_t kPolynomial = 0x82F63B78;  // Castagnoli's, its bits reflected

// tables[n][b]: the byte b with n zero bytes behind it, so that eight bytes are taken at once ("slicing by eight").
using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

constexpr Tables make_tables() {
  Tables tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t n = 1; n < tables.size(); ++n)
    for (std::size_t byte = 0; byte < 256; ++byte)
      tables[n][byte] = (tables[n - 1][byte] >> 8) ^ tables[0][tables[n - 1][byte] & 0xFF];
  return tables;
}

constexpr Tables kTables = make_tables();

std::uint32_t by_table(const char* data, std::size_t size, std::uint32_t crc) {
  const auto byte_at = [&](std::size_t i) { return static_cast<unsigned char>(data[i]); };
  for (; size >= 8; data += 8, size -= 8) {
    crc = kTables[7][(crc ^ byte_at(0)) & 0xFF] ^ kTables[6][((crc >> 8) ^ byte_at(1)) & 0xFF] ^
          kTables[5][((crc >> 16) ^ byte_at(2)) & 0xFF] ^ kTables[4][(crc >> 24) ^ byte_at(3)] ^
          kTables[3][byte_at(4)] ^ kTables[2][byte_at(5)] ^ kTables[1][byte_at(6)] ^ kTables[0][byte_at(7)];
  }
  for (std::size_t i = 0; i < size; ++i) crc = (crc >> 8) ^ kTables[0][(crc ^ byte_at(i)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(const char* data, std::size_t size, std::uint32_t crc) {
  std::uint64_t wide = crc;
  for (; size >= 8; data += 8, size -= 8) {
    std::uint64_t word;
    std::memcpy(&word, data, 8);
    wide = __builtin_ia32_crc32di(wide, word);
  }
  crc = static_cast<std::uint32_t>(wide);
  for (std::size_t i = 0; i < size; ++i) crc = __builtin_ia32_crc32qi(crc, static_cast<unsigned char>(data[i]));
  return crc;
}
#endif

using Way = std::uint32_t (*)(const char*, std::size_t, std::uint32_t);

Way best_way() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return by_instruction;
#endif
  return by_table;
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t before) {
  static const Way way = best_way();
  return ~way(bytes.data(), bytes.size(), ~before);
}

std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t before) {
  return ~by_table(bytes.data(), bytes.size(), ~before);
}

}  // namespace tocsin
