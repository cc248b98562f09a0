#include "adapters/codec/json_shape.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace tocsin {
namespace {

// By byte: 1 where a token begins that is no value.
constexpr std::array<std::uint32_t, 256> kNoScalar = [] {
  std::array<std::uint32_t, 256> out{};
  for (const char c : {'{', '[', ',', ':', '}', ']'}) out[static_cast<unsigned char>(c)] = 1;
  return out;
}();

// How many bytes are looked at together, and said of them where none is found.
constexpr unsigned kTogether = 16;

#if defined(__SSE2__)
__m128i load(const char* at) {
  __m128i bytes;
  std::memcpy(&bytes, at, sizeof bytes);
  return bytes;
}
unsigned first_of(__m128i found) {
  // A bit behind the last, so that no zero has to be asked for.
  return static_cast<unsigned>(std::countr_zero(static_cast<unsigned>(_mm_movemask_epi8(found)) | 1u << kTogether));
}
// The first byte that ends a plain text or makes it none: a quote, a backslash, a control character, no ASCII (which is
// negative).
unsigned first_special(const char* at) {
  const __m128i bytes = load(at);
  return first_of(
      _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('"')), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                   _mm_cmplt_epi8(bytes, _mm_set1_epi8(' '))));
}
// The first byte that is neither a digit nor `-`, `.` (nor `/`, which stands between them: a value with it is wrong
// either way).
unsigned first_beyond_number(const char* at) {
  const __m128i bytes = load(at);
  return first_of(_mm_or_si128(_mm_cmplt_epi8(bytes, _mm_set1_epi8('-')), _mm_cmpgt_epi8(bytes, _mm_set1_epi8('9'))));
}
#else
template <class Is>
unsigned first_that(const char* at, const Is& is) {
  unsigned n = 0;
  while (n < kTogether && !is(static_cast<unsigned char>(at[n]))) ++n;
  return n;
}
unsigned first_special(const char* at) {
  return first_that(at, [](unsigned char c) { return c == '"' || c == '\\' || c < ' ' || c >= 0x80; });
}
unsigned first_beyond_number(const char* at) {
  return first_that(at, [](unsigned char c) { return c < '-' || c > '9'; });
}
#endif

// Behind the word; null: another stands there.
const char* behind_word(const char* at, std::string_view word) {
  return std::memcmp(at, word.data(), word.size()) == 0 ? at + word.size() : nullptr;
}

// Behind a plain value; null: it is none.
const char* behind_value(const char* at) {
  const char first = *at;
  if (first == '"') {
    for (++at;; at += kTogether)
      if (const unsigned n = first_special(at); n < kTogether) return at[n] == '"' ? at + n + 1 : nullptr;
  }
  if (first == '-' || (first >= '0' && first <= '9')) {
    for (;; at += kTogether)
      if (const unsigned n = first_beyond_number(at); n < kTogether) return at + n;
  }
  if (first == 't') return behind_word(at, "true");
  if (first == 'f') return behind_word(at, "false");
  return behind_word(at, "null");
}

}  // namespace

void Shape::learn(const char* bytes, const std::uint32_t* token) {
  keys_.clear();
  long_.clear();
  breaks_ = false;
  for (;; token += 4) {
    if (bytes[token[1]] == '}') return keys_.clear();  // no key at all
    const char first = bytes[token[3]];
    if (first == '{' || first == '[') return keys_.clear();
    keys_.push_back(key_of({bytes + token[0], token[3] - token[0]}));
    if (bytes[token[4]] == '}') return;
  }
}

// `text`: from the brace or comma before the key to its value.
Shape::Key Shape::key_of(std::string_view text) {
  Key key;
  key.size = static_cast<std::uint32_t>(text.size());
  for (std::size_t i = 0; i < std::min(text.size(), sizeof(Bytes16)); ++i) {
    key.bytes[i] = static_cast<std::uint8_t>(text[i]);
    key.mask[i] = 0xff;
  }
  breaks_ = breaks_ || text.find('\n') != std::string_view::npos;
  if (text.size() > sizeof(Bytes16)) long_.emplace_back(keys_.size(), text.substr(sizeof(Bytes16)));
  return key;
}

bool Shape::differs(const Bytes16& bits) {
  std::uint64_t words[2];
  std::memcpy(words, &bits, sizeof words);
  return (words[0] | words[1]) != 0;
}

const std::uint32_t* Shape::fit(const char* bytes, const std::uint32_t* token, const std::uint32_t* end,
                                bool& in_one_line) const {
  const std::size_t last = keys_.size() * 4;
  if (static_cast<std::size_t>(end - token) <= last || bytes[token[last]] != '}') return nullptr;
  // Nearly all fit, so that it is not asked at each key whether to go on.
  Bytes16 other = {};
  std::uint32_t unfit = 0;
  // Of the bytes behind which a comma or brace stands: a blank among them may be a line break.
  std::uint8_t lowest = 0xff;
  const std::uint32_t* at = token;
  for (const Key& key : keys_) {
    Bytes16 here;
    std::memcpy(&here, bytes + at[0], sizeof here);
    other |= (here ^ key.bytes) & key.mask;
    unfit |= ((at[3] - at[0]) ^ key.size) | kNoScalar[static_cast<unsigned char>(bytes[at[3]])];
    lowest = std::min(lowest, static_cast<std::uint8_t>(bytes[at[4] - 1]));
    at += 4;
  }
  if (differs(other) || unfit != 0) return nullptr;
  for (const auto& [number, rest] : long_)
    if (std::memcmp(bytes + token[number * 4] + sizeof(Bytes16), rest.data(), rest.size()) != 0) return nullptr;
  in_one_line = lowest > ' ' && !breaks_;
  return at;
}

const char* Shape::fit(const char* record, const char* limit, std::string_view* values) const {
  if (breaks_) return nullptr;
  const char* at = record;
  auto rest = long_.begin();
  for (const Key& key : keys_) {
    if (limit - at <= static_cast<std::ptrdiff_t>(key.size)) return nullptr;
    Bytes16 here;
    std::memcpy(&here, at, sizeof here);
    if (differs((here ^ key.bytes) & key.mask)) return nullptr;
    if (key.size > sizeof(Bytes16)) {
      if (std::memcmp(at + sizeof(Bytes16), rest->second.data(), rest->second.size()) != 0) return nullptr;
      ++rest;
    }
    at += key.size;
    const char* behind = behind_value(at);
    if (behind == nullptr) return nullptr;
    *values++ = {at, static_cast<std::size_t>(behind - at)};
    at = behind;
  }
  return *at == '}' ? at + 1 : nullptr;
}

}  // namespace tocsin
