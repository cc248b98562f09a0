// If one of these fails, files of one machine cannot be read on another, or a reader runs over the end of damaged
// bytes.
#include "engine/base/little_endian.h"

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("little endian: the lowest byte first, and read back") {
  std::string bytes;
  append_little(bytes, std::uint16_t{0x0102});
  append_little(bytes, std::uint32_t{0xA1B2C3D4});
  append_little(bytes, std::uint64_t{0x8877665544332211});
  CHECK(bytes == "\x02\x01\xD4\xC3\xB2\xA1\x11\x22\x33\x44\x55\x66\x77\x88");
  CHECK(read_little<std::uint16_t>(bytes) == 0x0102);
  CHECK(read_little<std::uint32_t>(bytes, 2) == 0xA1B2C3D4);
  CHECK(read_little<std::uint64_t>(bytes, 6) == 0x8877665544332211);
}

TEST_CASE("varint: every number of bytes, read back; cut short or too long is refused") {
  for (unsigned bits = 0; bits <= 64; ++bits) {
    const std::uint64_t largest = bits == 0 ? 0 : ~std::uint64_t{0} >> (64 - bits);
    std::string bytes;
    append_varint(bytes, largest);
    CHECK(bytes.size() == (bits <= 7 ? 1 : (bits + 6) / 7));
    std::string_view rest = bytes;
    std::uint64_t number = 1;
    CHECK(take_varint(rest, number));
    CHECK(number == largest);
    CHECK(rest.empty());
    rest = std::string_view(bytes).substr(0, bytes.size() - 1);
    CHECK_FALSE(take_varint(rest, number));
  }
  std::string_view too_large = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x02";
  std::uint64_t number = 0;
  CHECK_FALSE(take_varint(too_large, number));
  std::string_view endless = "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80";
  CHECK_FALSE(take_varint(endless, number));
}
