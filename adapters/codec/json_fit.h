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
  bool is_usual = false;         // its special bytes are two quotes
};
struct FitKeys {
  const KeyText *begin = nullptr, *end = nullptr;
  const char* rest = nullptr;
};

// Shape::fit_lines for those with AVX2.
std::size_t fit_lines_avx2(const FitKeys& keys, const char* record, const char* limit, std::size_t most,
                           const char** ends, const char** line_ends);

namespace {

// How many bytes are looked at together, a bit each.
constexpr std::ptrdiff_t kTogether = 64;

// So far ahead of the line in hand the bytes are fetched.
constexpr std::ptrdiff_t kFetched = 1024;

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

// Finds one special byte behind the other. What it knows are the bits of those that nobody has passed yet: where the
// next one stands hangs on the one before by an instruction for each that is passed, neither by a read from memory nor
// by where that one stood. For a short line that is most of the time.
class Specials {
 public:
  explicit Specials(const char* from) : window_(from), bits_(special(from)) {}

  // The first at `from` or behind it; between all that was passed and it stand `key` and, with it, so many others that
  // there are `between` of them where its text is a usual one. REQUIRES: there is one.
  template <int between>
  const char* next(const KeyText& key, const char* from) {
    std::uint64_t bits = bits_;
    for (int i = 0; i < between; ++i) bits &= bits - 1;
    if (bits == 0 || !key.is_usual) [[unlikely]]
      return next(from);
    bits_ = bits;
    return window_ + __builtin_ctzll(bits);
  }
  // Passes the one that was found.
  void pass() { bits_ &= bits_ - 1; }

 private:
  const char* next(const char* from) {
    std::ptrdiff_t skipped = from - window_;
    while (skipped >= kTogether || (bits_ & ~std::uint64_t{0} << skipped) == 0) {
      window_ += kTogether;
      skipped = from > window_ ? from - window_ : 0;
      if (skipped < kTogether) bits_ = special(window_);
    }
    bits_ &= ~std::uint64_t{0} << skipped;
    return window_ + __builtin_ctzll(bits_);
  }

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

// One line of Shape::fit_lines: what stands behind its closing brace. No key holds the control character at `limit`:
// what fits up to a key's end lies before it.
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
      at = specials.next<3>(*key, value + 1);
      if (*at != '"') return nullptr;
      specials.pass();
      ++at;
    } else {
      at = specials.next<2>(*key, value) - key->to_special;
      if (at <= value || !is_plain_word(value, static_cast<std::size_t>(at - value))) return nullptr;
    }
    *ends++ = at;
  }
  return *at == '}' ? at + 1 : nullptr;
}

// As Shape::fit_lines says.
inline std::size_t fit_lines(const FitKeys& keys, const char* record, const char* limit, std::size_t most,
                             const char** ends, const char** line_ends) {
  const std::ptrdiff_t places = keys.end - keys.begin + 1;
  std::size_t fitted = 0;
  for (; fitted < most && record < limit; ends += places) {
    // Lines hang on each other, so the processor does not come to the next ones by itself in time.
    for (std::ptrdiff_t ahead = kFetched; ahead < kFetched + 3 * kTogether; ahead += kTogether)
      __builtin_prefetch(record + ahead);
    const char* behind = fit_line(keys, record, limit, ends);
    if (behind == nullptr) break;
    if (*behind == '\r') ++behind;
    if (behind < limit ? *behind != '\n' : behind != limit) break;
    line_ends[fitted++] = behind;
    record = behind + 1;
  }
  return fitted;
}

}  // namespace
}  // namespace tocsin
