// Text as a terminal shows it: characters out of UTF-8, and how many columns each takes. Never fails: a byte
// that is no UTF-8 is a character of its own, one column wide.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace tocsin::dsl {

struct Character {
  std::size_t bytes = 0;  // of the text that it took, 1 to 4
  char32_t code = 0;      // U+FFFD for a byte that is no UTF-8
  bool valid = true;
};

// The first character. REQUIRES: `text` is not empty.
Character first_character(std::string_view text);

// Is this a byte of a character, but not its first?
inline bool continues_a_character(char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80U; }

std::size_t count_characters(std::string_view text);

// Columns of a terminal: 0 for combining marks, 2 for East Asian wide characters and emoji, else 1.
int columns_of(char32_t code);
std::size_t columns_of(std::string_view text);

// Would this character, printed raw, move the cursor, change the terminal, or the order of its neighbours
// (controls and bidirectional overrides)? Such are shown as U+FFFD.
bool is_unprintable(char32_t code);

// `text` with nothing in it that a terminal obeys: for names and texts of the author inside messages. Newlines stay.
std::string printable(std::string_view text);

}  // namespace tocsin::dsl
