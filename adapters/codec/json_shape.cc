#include "adapters/codec/json_shape.h"

#include <algorithm>
#include <array>

#include "adapters/codec/json_token.h"

namespace tocsin {
namespace {

// By byte: 1 where a token begins that is no text, number or word.
constexpr std::array<std::uint32_t, 256> kNoScalar = [] {
  std::array<std::uint32_t, 256> out{};
  for (std::size_t c = 0; c < out.size(); ++c)
    out[c] = kJsonTokens[c] != JsonToken::text && kJsonTokens[c] != JsonToken::scalar ? 1 : 0;
  return out;
}();

bool has_avx2() {
#if defined(__x86_64__)
  static const bool has = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
  return has;
#else
  return false;
#endif
}

}  // namespace

void Shape::learn(const char* bytes, const std::uint32_t* token) {
  keys_.clear();
  rests_.clear();
  breaks_ = false;
  for (;; token += 4) {
    if (bytes[token[1]] == '}') return keys_.clear();  // no key at all
    const char first = bytes[token[3]];
    if (first == '{' || first == '[') return keys_.clear();
    keys_.push_back(key_of({bytes + token[0], token[3] - token[0]}));
    if (bytes[token[4]] == '}') return;
    keys_.back().to_special = token[5] - token[4];
  }
}

// `text`: from the brace or comma before the key to its value.
KeyText Shape::key_of(std::string_view text) {
  KeyText key;
  key.size = static_cast<std::uint32_t>(text.size());
  const std::string_view first = text.substr(0, KeyText::kFirst), rest = text.substr(first.size());
  std::copy(first.begin(), first.end(), key.bytes);
  std::fill_n(key.mask, first.size(), std::uint8_t{0xff});
  key.rest = static_cast<std::uint32_t>(rests_.size());
  rests_ += rest;
  const auto is_special = [](unsigned char c) { return c == '"' || c == '\\' || c < ' ' || c >= 0x80; };
  key.is_usual = std::ranges::count_if(text, is_special) == 2;
  breaks_ = breaks_ || text.find('\n') != std::string_view::npos;
  return key;
}

const std::uint32_t* Shape::fit(const char* bytes, const std::uint32_t* token, const std::uint32_t* end,
                                bool& in_one_line) const {
  const std::size_t last = keys_.size() * 4;
  if (static_cast<std::size_t>(end - token) <= last || bytes[token[last]] != '}') return nullptr;
  // Nearly all fit, so that it is not asked at each key whether to go on.
  std::uint32_t unfit = 0;
  // Of the bytes behind which a comma or brace stands: a blank among them may be a line break.
  std::uint8_t lowest = 0xff;
  const std::uint32_t* at = token;
  for (const KeyText& key : keys_) {
    unfit |= ((at[3] - at[0]) ^ key.size) | kNoScalar[static_cast<unsigned char>(bytes[at[3]])] |
             (is_key(key, bytes + at[0]) ? 0u : 1u);
    lowest = std::min(lowest, static_cast<std::uint8_t>(bytes[at[4] - 1]));
    at += 4;
  }
  if (unfit != 0) return nullptr;
  for (std::size_t i = 0; !rests_.empty() && i < keys_.size(); ++i)
    if (const KeyText& key = keys_[i]; key.size > KeyText::kFirst)
      if (std::memcmp(bytes + token[i * 4] + KeyText::kFirst, &rests_[key.rest], key.size - KeyText::kFirst) != 0)
        return nullptr;
  in_one_line = lowest > ' ' && !breaks_;
  return at;
}

std::size_t Shape::fit_lines(const char* record, const char* limit, std::size_t most, const char** ends,
                             const char** line_ends) const {
  if (breaks_) return 0;
  const FitKeys keys{keys_.data(), keys_.data() + keys_.size(), rests_.data()};
#if defined(__x86_64__)
  if (has_avx2()) return fit_lines_avx2(keys, record, limit, most, ends, line_ends);
#endif
  return tocsin::fit_lines(keys, record, limit, most, ends, line_ends);
}

}  // namespace tocsin
