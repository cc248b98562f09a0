// If one of these fails, sound files are taken for damaged, or damaged ones for sound.
#include "engine/base/crc32c.h"

#include <doctest/doctest.h>

#include <random>
#include <string>

using namespace tocsin;

namespace {

// A bit at a time, as the definition has it.
std::uint32_t by_definition(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0x82F63B78u : 0);
  }
  return ~crc;
}

std::string counting(int from, int step) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes += static_cast<char>(from + i * step);
  return bytes;
}

}  // namespace

TEST_CASE("crc32c: the vectors of RFC 3720, appendix B.4, and the check value of the catalogues") {
  const std::string read_10 = std::string(
      "\x01\xC0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x14\0\0\0\0\0\x04\0\0\0\0\x14\0\0\0\x18\x28\0\0\0\0\0\0\0\x02\0\0\0\0\0\0"
      "\0",
      48);
  const struct {
    std::string bytes;
    std::uint32_t crc;
  } vectors[] = {
      {std::string(32, '\0'), 0x8A9136AA},
      {std::string(32, '\xFF'), 0x62A8AB43},
      {counting(0, 1), 0x46DD794E},
      {counting(31, -1), 0x113FDB5C},
      {read_10, 0xD9963A56},
      {"123456789", 0xE3069283},
      {"", 0},
  };
  for (const auto& vector : vectors) {
    CHECK(crc32c(vector.bytes) == vector.crc);
    CHECK(crc32c_by_table(vector.bytes) == vector.crc);
  }
}

TEST_CASE("crc32c: every length, start and cut, by instruction and by table as by the definition") {
  std::mt19937 random(1);
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += static_cast<char>(random());
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t size = 0; size <= 80; ++size) {
      const std::string_view part = std::string_view(bytes).substr(from, size);
      const std::uint32_t expected = by_definition(part);
      CHECK(crc32c(part) == expected);
      CHECK(crc32c_by_table(part) == expected);
      const std::size_t cut = size / 3;
      CHECK(crc32c(part.substr(cut), crc32c(part.substr(0, cut))) == expected);
      CHECK(crc32c_by_table(part.substr(cut), crc32c_by_table(part.substr(0, cut))) == expected);
    }
  }
}
