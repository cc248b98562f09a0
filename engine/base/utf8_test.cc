// If one of these fails, a text is cut inside a letter, or two spellings of a name are two names.
#include "engine/base/utf8.h"

#include <doctest/doctest.h>

using namespace tocsin;

namespace {
std::string lower(std::string_view text) {
  std::string out;
  append_lower(out, text);
  return out;
}
std::string upper(std::string_view text) {
  std::string out;
  append_upper(out, text);
  return out;
}
}  // namespace

TEST_CASE("a byte order mark is all three of its bytes") {
  CHECK(size_of_mark("\xEF\xBB\xBF"
                     "a") == 3);
  CHECK(size_of_mark("\xEF\xBB\xBF") == 3);
  for (const char* text : {"", "a", "\xEF\xBB", "\xEF\xBD\x93", " \xEF\xBB\xBF"}) CHECK(size_of_mark(text) == 0);
}

TEST_CASE("a text is cut between characters") {
  CHECK(whole_characters("abc", 3) == "abc");
  CHECK(whole_characters("abc", 2) == "ab");
  CHECK(whole_characters("a\u00e4\u20ac", 6) == "a\u00e4\u20ac");
  CHECK(whole_characters("a\u00e4\u20ac", 5) == "a\u00e4");
  CHECK(whole_characters("a\u00e4\u20ac", 2) == "a");
  CHECK(whole_characters("\u20ac", 2).empty());
}

TEST_CASE("case: Latin, Greek, Cyrillic; what has no case stays") {
  CHECK(lower("ROOT \xC3\x84\xC3\x96\xC3\x9C \xC5\x81\xC3\x93\xC5\xB9") ==
        "root \xC3\xA4\xC3\xB6\xC3\xBC \xC5\x82\xC3\xB3\xC5\xBA");
  CHECK(lower("\xD0\x9C\xD0\x9E\xD0\xA1\xD0\x9A\xD0\x92\xD0\x90") ==
        "\xD0\xBC\xD0\xBE\xD1\x81\xD0\xBA\xD0\xB2\xD0\xB0");
  CHECK(upper("\xCE\xB1\xCE\xB8\xCE\xAE\xCE\xBD\xCE\xB1\xCF\x82") ==
        "\xCE\x91\xCE\x98\xCE\x89\xCE\x9D\xCE\x91\xCE\xA3");
  CHECK(upper("stra\xC3\x9F"
              "e") ==
        "STRA\xC3\x9F"
        "E");  // one letter to one letter
  CHECK(upper("\xC3\xBF") == "\xC5\xB8");
  CHECK(lower("\xE4\xB8\xAD 1 \xF0\x9F\x9A\x95") == "\xE4\xB8\xAD 1 \xF0\x9F\x9A\x95");
  CHECK(lower("\xFF\xC3") == "\xFF\xC3");
}

TEST_CASE("case: every letter that has a small one gets it back") {
  for (char32_t c = 0; c < 0x10000; ++c) {
    if (lower_of(c) == c || c == 0x0130) continue;
    CAPTURE(static_cast<unsigned>(c));
    REQUIRE(upper_of(lower_of(c)) == c);
    REQUIRE(lower_of(lower_of(c)) == lower_of(c));
  }
}

TEST_CASE("characters are counted, never bytes; invalid bytes count one each") {
  CHECK(count_characters("z\xC3\xBCrich") == 6);
  CHECK(count_characters("\xF0\x9F\x9A\x95") == 1);
  CHECK(count_characters("\xF0\x9F\x9A") == 3);
  CHECK(size_of_first("z\xC3\xBCrich", 2) == 3);
  CHECK(size_of_first("z\xC3\xBCrich", 7) == 7);
  CHECK(is_valid_utf8("z\xC3\xBCrich \xF0\x9F\x9A\x95"));
  CHECK_FALSE(is_valid_utf8("\xC0\x80"));          // overlong
  CHECK_FALSE(is_valid_utf8("\xED\xA0\x80"));      // half of a pair
  CHECK_FALSE(is_valid_utf8("\xF4\x90\x80\x80"));  // beyond Unicode
}

TEST_CASE("every character comes back from its bytes") {
  for (char32_t c = 0; c < 0x110000; c += c < 0x3000 ? 1 : 97) {
    if (c >= 0xD800 && c < 0xE000) continue;
    std::string text;
    append_character(text, c);
    REQUIRE(character_at(text, 0).code == c);
    REQUIRE(character_at(text, 0).length == text.size());
  }
}
