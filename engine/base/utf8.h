// Texts as characters. All texts of events are valid UTF-8 (decoders refuse others); what is not is still walked, byte
// by byte, so that nothing here can run beyond the end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin {

// The bytes of the character that begins at `at`. REQUIRES: at < text.size().
std::size_t character_length(std::string_view text, std::size_t at);

std::size_t count_characters(std::string_view text);

// The bytes of the first `characters`: half of one would be no text.
std::size_t size_of_first(std::string_view text, std::size_t characters);

// The character at `at`, and its length. An invalid byte is itself, of length 1.
struct Character {
  char32_t code = 0;
  std::size_t length = 1;
};
Character character_at(std::string_view text, std::size_t at);

// REQUIRES: code is a Unicode scalar value.
void append_character(std::string& out, char32_t code);

bool is_valid_utf8(std::string_view text);

// As much of the text as `most` bytes hold, without half a character at the end.
std::string_view whole_characters(std::string_view text, std::size_t most);

// The bytes of the byte order mark that a text begins with: 3 or none.
std::size_t size_of_mark(std::string_view text);

// Simple case mapping, one character to one, for Latin, Greek, Cyrillic, Armenian and full-width letters; other letters
// stay as they are. By a table of our own and not by the system's locale: the same rules must give the same alerts on
// every machine, and ICU would be 30 MB for one function.
char32_t lower_of(char32_t code);
char32_t upper_of(char32_t code);
void append_lower(std::string& out, std::string_view text);
void append_upper(std::string& out, std::string_view text);

}  // namespace tocsin
