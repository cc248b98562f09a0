#include "adapters/codec/escape.h"

namespace tocsin {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Four hex digits at `at`, or -1.
int hex_four(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  int value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

char* put_utf8(char* to, unsigned code) {
  const auto byte = [&](unsigned b) { *to++ = static_cast<char>(b); };
  if (code < 0x80) {
    byte(code);
  } else if (code < 0x800) {
    byte(0xc0 | code >> 6);
    byte(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    byte(0xe0 | code >> 12);
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  } else {
    byte(0xf0 | code >> 18);
    byte(0x80 | (code >> 12 & 0x3f));
    byte(0x80 | (code >> 6 & 0x3f));
    byte(0x80 | (code & 0x3f));
  }
  return to;
}

// `\uXXXX` at `i` (behind the u), or a pair of surrogates. False: a lone surrogate, or no digits.
bool unescape_code(std::string_view text, std::size_t& i, char*& to) {
  const int high = hex_four(text, i);
  if (high < 0) return false;
  i += 4;
  unsigned code = static_cast<unsigned>(high);
  if (code >= 0xd800 && code < 0xe000) {
    if (code >= 0xdc00 || i + 6 > text.size() || text[i] != '\\' || text[i + 1] != 'u') return false;
    const int low = hex_four(text, i + 2);
    if (low < 0xdc00 || low >= 0xe000) return false;
    code = 0x10000 + ((code - 0xd800) << 10) + (static_cast<unsigned>(low) - 0xdc00);
    i += 6;
  }
  to = put_utf8(to, code);
  return true;
}

}  // namespace

std::optional<std::size_t> unescape_json(std::string_view text, char* to) {
  static constexpr std::string_view kNames = "\"\\/bfnrt", kBytes = "\"\\/\b\f\n\r\t";
  char* const begin = to;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] != '\\') {
      *to++ = text[i++];
      continue;
    }
    if (i + 1 >= text.size()) return {};
    const char name = text[i + 1];
    i += 2;
    if (name == 'u') {
      if (!unescape_code(text, i, to)) return {};
    } else {
      const std::size_t known = kNames.find(name);
      if (known == std::string_view::npos) return {};
      *to++ = kBytes[known];
    }
  }
  return static_cast<std::size_t>(to - begin);
}

}  // namespace tocsin
