// How json_shape.cc holds a line against a shape, byte by byte. The same lines of code are compiled for any processor
// of the architecture and, in json_fit_avx2.cc, for those with wider instructions; which of both is asked is decided at
// run time. So everything here belongs to the file that includes it: it must not be mixed up at linking.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tocsin {

// What stands before a value, from the brace or comma before its key on.
struct KeyText {
  static constexpr std::size_t kFirst = 16;
  std::uint8_t bytes[kFirst] = {}, mask[kFirst] = {};  // its first bytes
  std::uint32_t size = 0;
  std::uint32_t to_special = 1;  // from the end of its value to the quote of the next key, or to the line's end
  std::uint32_t rest = 0;        // where its other bytes stand in FitKeys::rest
};
struct FitKeys {
  const KeyText *begin = nullptr, *end = nullptr;
  const char* rest = nullptr;
};

// Shape::fit for those with AVX2.
const char* fit_line_avx2(const FitKeys& keys, const char* record, const char* limit, const char** ends);

namespace {

// How many bytes are looked at together, a bit each.
constexpr std::ptrdiff_t kTogether = 64;

// special():  bytes that end a plain text, or make it none: quotes, backslashes, control characters, all that is no
//             ASCII. A line break is one of them, so that what is looked for is always found.
// beyond_number():  of 16 bytes those that are neither a digit nor `-`, `.` (nor `/`, which stands between them: a
//             value with it is wrong either way).
// is_key():   do 16 bytes begin as the key's text?
#if defined(__AVX2__)
inline std::uint64_t special_of_32(const char* at) {
  __m256i bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  const __m256i quotes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('"'));
  const __m256i escapes = _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'));
  const __m256i others = _mm256_cmpgt_epi8(_mm256_set1_epi8(' '), bytes);  // no ASCII is negative
  return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_or_si256(_mm256_or_si256(quotes, escapes), others)));
}
inline std::uint64_t special(const char* at) { return special_of_32(at) | special_of_32(at + 32) << 32; }
#elif defined(__SSE2__)
inline std::uint64_t special_of_16(const char* at) {
  __m128i bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  const __m128i quotes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('"'));
  const __m128i escapes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'));
  const __m128i others = _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '));  // no ASCII is negative
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quotes, escapes), others)));
}
inline std::uint64_t special(const char* at) {
  return special_of_16(at) | special_of_16(at + 16) << 16 | special_of_16(at + 32) << 32 | special_of_16(at + 48) << 48;
}
#else
inline std::uint64_t special(const char* at) {
  std::uint64_t out = 0;
  for (int i = 0; i < kTogether; ++i) {
    const auto c = static_cast<unsigned char>(at[i]);
    out |= static_cast<std::uint64_t>(c == '"' || c == '\\' || c < ' ' || c >= 0x80) << i;
  }
  return out;
}
#endif

#if defined(__SSE2__)
inline std::uint32_t beyond_number(const char* at) {
  __m128i bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return static_cast<std::uint32_t>(_mm_movemask_epi8(
      _mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8('-')), _mm_cmpgt_epi8(bytes, _mm_set1_epi8('9')))));
}
inline bool is_key(const KeyText& key, const char* at) {
  __m128i bytes, text, mask;
  std::memcpy(&bytes, at, sizeof bytes);
  std::memcpy(&text, key.bytes, sizeof text);
  std::memcpy(&mask, key.mask, sizeof mask);
  return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_and_si128(bytes, mask), text)) == 0xffff;
}
#else
inline std::uint32_t beyond_number(const char* at) {
  std::uint32_t out = 0;
  for (int i = 0; i < 16; ++i) out |= static_cast<std::uint32_t>(at[i] < '-' || at[i] > '9') << i;
  return out;
}
inline bool is_key(const KeyText& key, const char* at) {
  return std::memcmp(at, key.bytes, key.size < KeyText::kFirst ? key.size : KeyText::kFirst) == 0;
}
#endif

// Finds one special byte behind the other. Where the next one is asked for hangs on the one before by a few
// instructions, not by a read from memory: for a short line that is most of the time.
class Specials {
 public:
  explicit Specials(const char* from) : window_(from), bits_(special(from)) {}

  // The first at `from` or behind it. REQUIRES: `from` lies no earlier than what was given before; there is one.
  const char* next(const char* from) {
    std::ptrdiff_t skipped = from - window_;
    while (skipped >= kTogether || bits_ >> skipped == 0) {
      window_ += kTogether;
      skipped = from > window_ ? from - window_ : 0;
      if (skipped < kTogether) bits_ = special(window_);
    }
    return from_bit(skipped);
  }

 private:
  const char* from_bit(std::ptrdiff_t skipped) const { return window_ + skipped + __builtin_ctzll(bits_ >> skipped); }
  const char* window_;
  std::uint64_t bits_;  // of the 64 bytes from there on
};

// true, false, null, or what may be a number; whoever wants it looks closer.
inline bool is_plain_word(const char* at, std::size_t size) {
  switch (*at) {
    case 't':
      return size == 4 && std::memcmp(at, "true", 4) == 0;
    case 'f':
      return size == 5 && std::memcmp(at, "false", 5) == 0;
    case 'n':
      return size == 4 && std::memcmp(at, "null", 4) == 0;
    default:
      return size <= 16 && (beyond_number(at) & ((1u << size) - 1)) == 0;
  }
}

// As Shape::fit says. No key holds the control character at `limit`: what fits up to a key's end lies before it.
inline const char* fit_line(const FitKeys& keys, const char* record, const char* limit, const char** ends) {
  Specials specials(record);
  const char* at = record;
  *ends++ = at;
  for (const KeyText* key = keys.begin; key != keys.end; ++key) {
    if (!is_key(*key, at)) return nullptr;
    if (key->size > KeyText::kFirst) {
      if (limit - at <= static_cast<std::ptrdiff_t>(key->size)) return nullptr;
      if (std::memcmp(at + KeyText::kFirst, keys.rest + key->rest, key->size - KeyText::kFirst) != 0) return nullptr;
    }
    const char* const value = at + key->size;
    if (*value == '"') {
      at = specials.next(value + 1);
      if (*at != '"') return nullptr;
      ++at;
    } else {
      at = specials.next(value) - key->to_special;
      if (at <= value || !is_plain_word(value, static_cast<std::size_t>(at - value))) return nullptr;
    }
    *ends++ = at;
  }
  return *at == '}' ? at + 1 : nullptr;
}

}  // namespace
}  // namespace tocsin
