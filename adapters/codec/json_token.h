// What begins at a token of JSON, by its first byte.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace tocsin {

// `scalar`: a byte that may begin a number, `true`, `false`, `null`, or a slip of one (`.5`) that only its reader
// finds. `nothing`: no value of JSON begins so (NaN, 'a', undefined).
enum class JsonToken : std::uint8_t { nothing, opens, closes, comma, colon, text, scalar };

inline constexpr std::array<JsonToken, 256> kJsonTokens = [] {
  std::array<JsonToken, 256> out{};
  const auto set = [&out](std::string_view bytes, JsonToken token) {
    for (const char c : bytes) out[static_cast<unsigned char>(c)] = token;
  };
  set("{[", JsonToken::opens);
  set("}]", JsonToken::closes);
  set(",", JsonToken::comma);
  set(":", JsonToken::colon);
  set("\"", JsonToken::text);
  set("0123456789-./tfn", JsonToken::scalar);
  return out;
}();

inline JsonToken json_token(char c) { return kJsonTokens[static_cast<unsigned char>(c)]; }

}  // namespace tocsin
