// The table of words, looked up by a small open hash: the lexer asks once per word of the text.
#include "dsl/words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <utility>

#include "engine/base/units.h"

namespace tocsin::dsl {

namespace {

constexpr auto kRows = std::to_array<WordRow>({{"", Word::none, 0, Shape::none, ""},
#define X(enumerator, text, uses, shape, meaning) \
  {text, Word::enumerator, static_cast<std::uint16_t>(uses), Shape::shape, meaning},
                                               TOCSIN_WORDS(X)
#undef X
});

constexpr auto kDurationRows = [] {
  std::array<UnitRow, kDurationUnits.size()> rows;
  for (std::size_t i = 0; i < rows.size(); ++i)
    rows[i] = {kDurationUnits[i].name, kDurationUnits[i].length.us, kDurationUnits[i].word};
  return rows;
}();

constexpr auto kSizeUnits = std::to_array<UnitRow>({
    {"TiB", std::int64_t{1} << 40, "1024 GiB"},
    {"TB", 1'000'000'000'000, "1000 GB"},
    {"GiB", std::int64_t{1} << 30, "1024 MiB"},
    {"GB", 1'000'000'000, "1000 MB"},
    {"MiB", std::int64_t{1} << 20, "1024 KiB"},
    {"MB", 1'000'000, "1000 kB"},
    {"KiB", std::int64_t{1} << 10, "1024 bytes"},
    {"KB", 1'000, "1000 bytes"},
    {"kB", 1'000, "1000 bytes"},
    {"B", 1, "bytes"},
});

constexpr auto kUnitsMeant = std::to_array<std::pair<std::string_view, std::string_view>>({
    {"ms", "ms"},
    {"msec", "ms"},
    {"msecs", "ms"},
    {"millis", "ms"},
    {"millisecond", "ms"},
    {"milliseconds", "ms"},
    {"s", "s"},
    {"sec", "s"},
    {"secs", "s"},
    {"second", "s"},
    {"seconds", "s"},
    {"m", "m"},
    {"min", "m"},
    {"mins", "m"},
    {"minute", "m"},
    {"minutes", "m"},
    {"h", "h"},
    {"hr", "h"},
    {"hrs", "h"},
    {"hour", "h"},
    {"hours", "h"},
    {"d", "d"},
    {"day", "d"},
    {"days", "d"},
    {"w", "w"},
    {"wk", "w"},
    {"week", "w"},
    {"weeks", "w"},
    {"us", "us"},
    {"usec", "us"},
    {"micros", "us"},
    {"microseconds", "us"},
});

// FNV-1a: the words are short, and 1024 places leave the table nine tenths empty.
constexpr std::size_t kPlaces = 1024;

constexpr std::size_t place_of(std::string_view text) {
  std::uint32_t hash = 2166136261U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
  return (hash ^ (hash >> 15)) % kPlaces;
}

constexpr auto kPlaceTable = [] {
  std::array<Word, kPlaces> table{};
  for (const WordRow& word : kRows) {
    if (word.word == Word::none) continue;
    std::size_t place = place_of(word.text);
    while (table[place] != Word::none) place = (place + 1) % kPlaces;
    table[place] = word.word;
  }
  return table;
}();

}  // namespace

std::span<const WordRow> all_words() { return std::span(kRows).subspan(1); }

const WordRow& row(Word word) { return kRows[static_cast<std::size_t>(word)]; }

bool is_percentile(std::string_view text) {
  const auto digit = [&](std::size_t i) { return std::isdigit(static_cast<unsigned char>(text[i])) != 0; };
  if (text.size() < 3 || text[0] != 'p' || !digit(1) || !digit(2)) return false;
  if (text.size() == 3) return true;
  if (text[3] != '.' || text.size() == 4) return false;
  for (std::size_t i = 4; i < text.size(); ++i)
    if (!digit(i)) return false;
  return true;
}

std::string_view percentile_meant(std::string_view text) {
  double number = 0;
  const char* end = text.data() + text.size();
  if (text.size() < 2 || text[0] != 'p' || std::isdigit(static_cast<unsigned char>(text[1])) == 0) return {};
  const auto [rest, error] = std::from_chars(text.data() + 1, end, number, std::chars_format::fixed);
  if (rest != end) return {};
  if (number < 50) return "the smallest value is `min(x.f)`, the one in the middle `median(x.f)`";
  if (number > 99 && number < 100) return "write `p99.9(x.f)`, or `max(x.f)`, the largest value";
  return number < 100 ? "write `p95(x.f)`, or another of them" : "the largest value is `max(x.f)`";
}

Word find_word(std::string_view text) {
  for (std::size_t place = place_of(text); kPlaceTable[place] != Word::none; place = (place + 1) % kPlaces)
    // `p` stands for the percentiles; alone it is a name like any other.
    if (row(kPlaceTable[place]).text == text) return kPlaceTable[place] == Word::p ? Word::none : kPlaceTable[place];
  return is_percentile(text) ? Word::p : Word::none;
}

std::span<const UnitRow> duration_units() { return kDurationRows; }
std::span<const UnitRow> size_units() { return kSizeUnits; }

std::string_view duration_unit_meant(std::string_view text) {
  const auto* found = std::ranges::find(kUnitsMeant, text, &std::pair<std::string_view, std::string_view>::first);
  return found != kUnitsMeant.end() ? found->second : std::string_view();
}

}  // namespace tocsin::dsl
