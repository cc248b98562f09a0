#include "engine/base/utf8.h"

#include <algorithm>
#include <array>
#include <iterator>

namespace tocsin {
namespace {

// Upper-case letters from `first` to `last`, each `step` after the one before, whose lower-case letters are `to_lower`
// away. From UnicodeData 15: the pairs of these scripts that map to each other in both directions. In order of `first`.
struct CaseRange {
  char32_t first, last;
  std::uint8_t step;
  std::int32_t to_lower;
};
// clang-format off
constexpr CaseRange kCases[] = {
    {0x00C0, 0x00D6, 1, 32},   {0x00D8, 0x00DE, 1, 32},   {0x0100, 0x012E, 2, 1},    {0x0132, 0x0136, 2, 1},
    {0x0139, 0x0147, 2, 1},    {0x014A, 0x0176, 2, 1},    {0x0178, 0x0178, 1, -121}, {0x0179, 0x017D, 2, 1},
    {0x01CD, 0x01DB, 2, 1},    {0x01DE, 0x01EE, 2, 1},    {0x01F1, 0x01F1, 1, 2},    {0x01F4, 0x01F4, 1, 1},
    {0x01F6, 0x01F6, 1, -97},  {0x01F7, 0x01F7, 1, -56},  {0x01F8, 0x021E, 2, 1},    {0x0222, 0x0232, 2, 1},
    {0x0370, 0x0372, 2, 1},    {0x0376, 0x0376, 1, 1},    {0x037F, 0x037F, 1, 116},  {0x0386, 0x0386, 1, 38},
    {0x0388, 0x038A, 1, 37},   {0x038C, 0x038C, 1, 64},   {0x038E, 0x038F, 1, 63},   {0x0391, 0x03A1, 1, 32},
    {0x03A3, 0x03AB, 1, 32},   {0x03CF, 0x03CF, 1, 8},    {0x03D8, 0x03EE, 2, 1},    {0x03F7, 0x03F7, 1, 1},
    {0x03F9, 0x03F9, 1, -7},   {0x03FA, 0x03FA, 1, 1},    {0x03FD, 0x03FF, 1, -130}, {0x0400, 0x040F, 1, 80},
    {0x0410, 0x042F, 1, 32},   {0x0460, 0x0480, 2, 1},    {0x048A, 0x04BE, 2, 1},    {0x04C0, 0x04C0, 1, 15},
    {0x04C1, 0x04CD, 2, 1},    {0x04D0, 0x052E, 2, 1},    {0x0531, 0x0556, 1, 48},   {0x1E00, 0x1E94, 2, 1},
    {0x1EA0, 0x1EFE, 2, 1},    {0x1F08, 0x1F0F, 1, -8},   {0x1F18, 0x1F1D, 1, -8},   {0x1F28, 0x1F2F, 1, -8},
    {0x1F38, 0x1F3F, 1, -8},   {0x1F48, 0x1F4D, 1, -8},   {0x1F59, 0x1F5F, 2, -8},   {0x1F68, 0x1F6F, 1, -8},
    {0x1FB8, 0x1FB9, 1, -8},   {0x1FBA, 0x1FBB, 1, -74},  {0x1FC8, 0x1FCB, 1, -86},  {0x1FD8, 0x1FD9, 1, -8},
    {0x1FDA, 0x1FDB, 1, -100}, {0x1FE8, 0x1FE9, 1, -8},   {0x1FEA, 0x1FEB, 1, -112}, {0x1FEC, 0x1FEC, 1, -7},
    {0x1FF8, 0x1FF9, 1, -128}, {0x1FFA, 0x1FFB, 1, -126}, {0xFF21, 0xFF3A, 1, 32},
};
// clang-format on

char32_t moved(char32_t code, std::int32_t by) { return static_cast<char32_t>(static_cast<std::int32_t>(code) + by); }

bool covers(const CaseRange& range, char32_t code) {
  return code >= range.first && code <= range.last && (code - range.first) % range.step == 0;
}

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

void append_mapped(std::string& out, std::string_view text, char32_t (*map)(char32_t)) {
  for (std::size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    if (c.length == 1 && c.code >= 0x80) {
      out += text[i];  // invalid: as it is
    } else {
      append_character(out, map(c.code));
    }
    i += c.length;
  }
}

}  // namespace

Character character_at(std::string_view text, std::size_t at) {
  const auto lead = static_cast<unsigned char>(text[at]);
  if (lead < 0x80) return {lead, 1};
  const std::size_t length = lead >= 0xC2 && lead < 0xE0   ? 2
                             : lead >= 0xE0 && lead < 0xF0 ? 3
                             : lead >= 0xF0 && lead < 0xF5 ? 4
                                                           : 0;
  if (length == 0 || at + length > text.size()) return {lead, 1};
  char32_t code = lead & (0x7Fu >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (!is_continuation(text[at + i])) return {lead, 1};
    code = code << 6 | (static_cast<unsigned char>(text[at + i]) & 0x3Fu);
  }
  const bool overlong = (length == 3 && code < 0x800) || (length == 4 && code < 0x10000);
  if (overlong || code > 0x10FFFF || (code >= 0xD800 && code < 0xE000)) return {lead, 1};
  return {code, length};
}

std::size_t character_length(std::string_view text, std::size_t at) { return character_at(text, at).length; }

std::size_t count_characters(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); i += character_length(text, i)) ++count;
  return count;
}

std::size_t size_of_first(std::string_view text, std::size_t characters) {
  std::size_t size = 0;
  for (; size < text.size() && characters > 0; --characters) size += character_length(text, size);
  return size;
}

void append_character(std::string& out, char32_t code) {
  const auto byte = [&](char32_t b) { out += static_cast<char>(static_cast<unsigned char>(b)); };
  const auto rest = [&](int shift) { byte(0x80 | (code >> shift & 0x3F)); };
  if (code < 0x80) return byte(code);
  if (code < 0x800) return byte(0xC0 | code >> 6), rest(0);
  if (code < 0x10000) return byte(0xE0 | code >> 12), rest(6), rest(0);
  byte(0xF0 | code >> 18), rest(12), rest(6), rest(0);
}

bool is_valid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    if (c.length == 1 && c.code >= 0x80) return false;
    i += c.length;
  }
  return true;
}

std::string_view whole_characters(std::string_view text, std::size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && is_continuation(text[most])) --most;
  return text.substr(0, most);
}

std::size_t size_of_mark(std::string_view text) { return text.starts_with("\xEF\xBB\xBF") ? 3 : 0; }

char32_t lower_of(char32_t code) {
  if (code < 0x80) return code >= 'A' && code <= 'Z' ? code + 32 : code;
  if (code == 0x0130) return 'i';  // the Turkish capital; its small letter is plain
  const auto* after = std::upper_bound(std::begin(kCases), std::end(kCases), code,
                                       [](char32_t c, const CaseRange& range) { return c < range.first; });
  return after != std::begin(kCases) && covers(after[-1], code) ? moved(code, after[-1].to_lower) : code;
}

char32_t upper_of(char32_t code) {
  if (code < 0x80) return code >= 'a' && code <= 'z' ? code - 32 : code;
  if (code == 0x03C2) return 0x03A3;  // final sigma
  for (const CaseRange& range : kCases)
    if (covers(range, moved(code, -range.to_lower))) return moved(code, -range.to_lower);
  return code;
}

void append_lower(std::string& out, std::string_view text) { append_mapped(out, text, lower_of); }
void append_upper(std::string& out, std::string_view text) { append_mapped(out, text, upper_of); }

}  // namespace tocsin
