// Numbers in durable bytes: little-endian whatever the machine, without padding or alignment.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin {

template <std::unsigned_integral T>
void write_little(char* to, T number) {
  for (std::size_t i = 0; i < sizeof(T); ++i) to[i] = static_cast<char>(static_cast<unsigned char>(number >> (8 * i)));
}

template <std::unsigned_integral T>
void append_little(std::string& out, T number) {
  out.resize(out.size() + sizeof(T));
  write_little(out.data() + out.size() - sizeof(T), number);
}

// REQUIRES: there are that many bytes.
template <std::unsigned_integral T>
T read_little(std::string_view bytes, std::size_t at = 0) {
  std::uint64_t number = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i)
    number |= std::uint64_t{static_cast<unsigned char>(bytes[at + i])} << (8 * i);
  return static_cast<T>(number);
}

// Small numbers in few bytes: seven bits a byte, lowest first, the top bit says that more follow (LEB128).
inline void append_varint(std::string& out, std::uint64_t number) {
  for (; number >= 0x80; number >>= 7) out += static_cast<char>(static_cast<unsigned char>(number | 0x80));
  out += static_cast<char>(number);
}

// Takes it from the front. False: the bytes end before it does, or it has more than 64 bits.
inline bool take_varint(std::string_view& bytes, std::uint64_t& number) {
  number = 0;
  for (unsigned shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    if (shift == 63 && byte > 1) return false;
    number |= std::uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

}  // namespace tocsin
