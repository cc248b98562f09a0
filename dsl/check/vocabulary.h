// Words that the checker knows: which names are taken, how near two words are, which time zones there are.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin::dsl::checking {

// What makes a word unfit to name an event (N1): "an aggregate", "a function", "a word of the language"; or empty.
std::string_view reserved_as(std::string_view word);

// Damerau-Levenshtein (swaps of neighbours count one); anything above `most` is `most + 1`, found early.
std::size_t distance(std::string_view a, std::string_view b, std::size_t most);

bool is_zone(std::string_view name);
std::string near_zone(std::string_view name);  // "europe/paris" -> "Europe/Paris"; or empty

}  // namespace tocsin::dsl::checking
